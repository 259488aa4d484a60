"""Programs over a diagram: what a question asks, as data, and the answer that it computes from the graph's JSON.

The truth is `Graph.to_json()`. Nodes are named by their labels, which a program needs to be different from one another. Several
nodes are listed in alphabetical order, as the picture has no other that all would agree on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from processors.grid.graph import Edge, Graph, graph_from_json
from processors.grid.mermaid import to_mermaid
from processors.grid.programs import NoAnswer

KIND = "graph"
YES, NO, NONE = "Yes", "No", "None"


class GraphView:
    """A graph by the labels of its nodes, which stand in one line each."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.label = {node.id: " ".join(node.label.split()) for node in graph.nodes}
        self.next: dict[str, set[str]] = {node.id: set() for node in graph.nodes}
        self.before: dict[str, set[str]] = {node.id: set() for node in graph.nodes}
        for edge in graph.edges:
            self.next[edge.source].add(edge.target)
            self.before[edge.target].add(edge.source)
            if not graph.directed:
                self.next[edge.target].add(edge.source)
                self.before[edge.source].add(edge.target)

    def id(self, label: str) -> str:
        """Raises: NoAnswer unless one node has this label."""
        found = [name for name, known in self.label.items() if known == label]
        if len(found) != 1:
            raise NoAnswer(f"{len(found)} nodes are labelled {label!r}")
        return found[0]

    def listed(self, names: set[str]) -> str:
        """The labels in alphabetical order."""
        labels = sorted((self.label[name] for name in names), key=lambda text: (text.casefold(), text))
        if len(set(labels)) < len(labels):
            raise NoAnswer("two of them have one label")
        return ("; " if any("," in label for label in labels) else ", ").join(labels) or NONE

    def distance(self, start: str, end: str) -> int | None:
        """Edges on the shortest way; None where there is no way."""
        far = {start: 0}
        waiting = deque([start])
        while waiting:
            name = waiting.popleft()
            for other in sorted(self.next[name]):
                if other not in far:
                    far[other] = far[name] + 1
                    waiting.append(other)
        return far.get(end)


def execute(truth: Mapping[str, Any], program: Mapping[str, Any]) -> str:
    """The answer of a program. `truth` is `Graph.to_json()`.

    Raises: NoAnswer (a ValueError) where there is no answer, or more than one.
    """
    return answer_of(GraphView(graph_from_json(truth)), program)


def answer_of(view: GraphView, program: Mapping[str, Any]) -> str:
    """As `execute`, of a graph that is at hand. Raises: NoAnswer."""
    operation = OPERATIONS.get(program["op"])
    if operation is None:
        raise NoAnswer(f"op {program['op']!r} is unknown, expected one of {', '.join(OPERATIONS)}")
    return operation(view, program)


def _num_nodes(view: GraphView, program: Mapping[str, Any]) -> str:
    return str(len(view.graph.nodes))


def _num_edges(view: GraphView, program: Mapping[str, Any]) -> str:
    return str(len(view.graph.edges))


def _title(view: GraphView, program: Mapping[str, Any]) -> str:
    if not view.graph.title:
        raise NoAnswer("the diagram has no title")
    return " ".join(view.graph.title.split())


def _successors(view: GraphView, program: Mapping[str, Any]) -> str:
    return view.listed(view.next[view.id(program["node"])])


def _predecessors(view: GraphView, program: Mapping[str, Any]) -> str:
    return view.listed(view.before[view.id(program["node"])])


def _path_exists(view: GraphView, program: Mapping[str, Any]) -> str:
    return NO if view.distance(view.id(program["first"]), view.id(program["second"])) is None else YES


def _path_length(view: GraphView, program: Mapping[str, Any]) -> str:
    length = view.distance(view.id(program["first"]), view.id(program["second"]))
    if length is None:
        raise NoAnswer("there is no way")
    return str(length)


def _edge_label(view: GraphView, program: Mapping[str, Any]) -> str:
    """The label of the only edge between two nodes."""
    first, second = view.id(program["first"]), view.id(program["second"])
    found = [edge for edge in view.graph.edges if _joins(view, edge, first, second)]
    if len(found) != 1 or not found[0].label:
        raise NoAnswer(f"{len(found)} edges, expected one with a label")
    return " ".join(found[0].label.split())


def _joins(view: GraphView, edge: Edge, first: str, second: str) -> bool:
    ends = (edge.source, edge.target)
    return ends == (first, second) or (not view.graph.directed and ends == (second, first))


def _follow(view: GraphView, program: Mapping[str, Any]) -> str:
    """Where the only edge with this label leads from a node."""
    start = view.id(program["node"])
    ends = [edge.target for edge in view.graph.edges if edge.source == start and " ".join(edge.label.split()) == program["label"]]
    if len(ends) != 1 or not view.graph.directed:
        raise NoAnswer(f"{len(ends)} edges from it have this label")
    return view.label[ends[0]]


def _has_cycle(view: GraphView, program: Mapping[str, Any]) -> str:
    if not view.graph.directed:
        raise NoAnswer("an undirected graph is not asked about cycles")
    return NO if _order(view) is not None else YES


def _order(view: GraphView) -> list[str] | None:
    """Ids so that every edge leads onward; None where a cycle forbids it."""
    open_edges = {name: len(before) for name, before in view.before.items()}
    ready = deque(name for name, count in open_edges.items() if count == 0)
    found = []
    while ready:
        name = ready.popleft()
        found.append(name)
        for other in sorted(view.next[name]):
            open_edges[other] -= 1
            if open_edges[other] == 0:
                ready.append(other)
    return found if len(found) == len(open_edges) else None


def _only_order(view: GraphView, program: Mapping[str, Any]) -> str:
    """All nodes in order, where the edges leave no choice: each is followed directly by the next."""
    order = _order(view) if view.graph.directed else None
    if order is None or len(order) < 2 or any(b not in view.next[a] for a, b in pairwise(order)):
        raise NoAnswer("the edges do not tell one order")
    return " -> ".join(view.label[name] for name in order)


def _starts(view: GraphView, program: Mapping[str, Any]) -> str:
    """Nodes that no edge leads to."""
    return view.listed({name for name, before in view.before.items() if not before})


def _ends(view: GraphView, program: Mapping[str, Any]) -> str:
    """Nodes that no edge leads from."""
    return view.listed({name for name, after in view.next.items() if not after})


def _of_shape(view: GraphView, program: Mapping[str, Any]) -> str:
    return view.listed({node.id for node in view.graph.nodes if node.shape == program["shape"]})


def _count_shape(view: GraphView, program: Mapping[str, Any]) -> str:
    return str(sum(node.shape == program["shape"] for node in view.graph.nodes))


def _edge_list(view: GraphView, program: Mapping[str, Any]) -> str:
    """An edge a line, `A -> B`, with its label after a colon; `A -- B` where edges have no direction. In alphabetical order."""
    if len(set(view.label.values())) < len(view.label) or not view.graph.edges:
        raise NoAnswer("labels stand twice, or there are no edges")
    lines = []
    for edge in view.graph.edges:
        ends = [view.label[edge.source], view.label[edge.target]]
        told = (" -> " if view.graph.directed else " -- ").join(ends if view.graph.directed else sorted(ends))
        lines.append(told + (f": {' '.join(edge.label.split())}" if edge.label else ""))
    return "\n".join(sorted(lines, key=lambda text: (text.casefold(), text)))


def _mermaid(view: GraphView, program: Mapping[str, Any]) -> str:
    return to_mermaid(view.graph)


OPERATIONS: dict[str, Callable[[GraphView, Mapping[str, Any]], str]] = {
    "num_nodes": _num_nodes,
    "num_edges": _num_edges,
    "title": _title,
    "successors": _successors,
    "predecessors": _predecessors,
    "path_exists": _path_exists,
    "path_length": _path_length,
    "edge_label": _edge_label,
    "follow": _follow,
    "has_cycle": _has_cycle,
    "order": _only_order,
    "starts": _starts,
    "ends": _ends,
    "of_shape": _of_shape,
    "count_shape": _count_shape,
    "edge_list": _edge_list,
    "mermaid": _mermaid,
}
