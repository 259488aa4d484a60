"""A diagram as data: nodes and edges from JSON, and as Mermaid text (which mermaid.py reads)."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from processors.grid.decode import clean
from schemas.outcome import Reason, Refused

SHAPES = {  # what a description may call a shape: how it is drawn
    **dict.fromkeys(("", "box", "rect", "rectangle", "square", "process", "subroutine"), "box"),
    **dict.fromkeys(("round", "rounded"), "round"),
    **dict.fromkeys(("stadium", "pill", "start", "end", "terminal", "terminator"), "stadium"),
    **dict.fromkeys(("diamond", "rhombus", "decision", "question"), "diamond"),
    **dict.fromkeys(("ellipse", "oval"), "ellipse"),
    **dict.fromkeys(("circle", "state"), "circle"),
    **dict.fromkeys(("hexagon", "preparation"), "hexagon"),
    **dict.fromkeys(("parallelogram", "io", "data", "input", "output"), "parallelogram"),
    **dict.fromkeys(("cylinder", "database", "db", "store"), "cylinder"),
}
DIRECTIONS = ("TB", "BT", "LR", "RL")
MAX_NODES, MAX_EDGES = 60, 120  # more do not make a picture that a person can follow
MAX_LABEL_CHARS = 120

BAD_GRAPH = Reason("bad_graph", "The graph's description is not nodes and edges in a form that is read")
UNSUPPORTED_MERMAID = Reason(
    "unsupported_mermaid", "The Mermaid text is no flowchart, or has something beside nodes and edges that would be drawn"
)
TOO_LARGE_GRAPH = Reason("too_large_graph", "The graph has more nodes or edges, or longer labels, than one picture shows")
GRAPH_REASONS = (BAD_GRAPH, UNSUPPORTED_MERMAID, TOO_LARGE_GRAPH)


@dataclass(frozen=True, slots=True)
class Node:
    """`label` is what is drawn; `shape` one of the values of SHAPES."""

    id: str
    label: str
    shape: str = "box"


@dataclass(frozen=True, slots=True)
class Edge:
    """From and to nodes by id."""

    source: str
    target: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes in the order in which they were named. `direction` is where the edges of a directed graph lead: TB, BT, LR or RL."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    directed: bool = True
    direction: str = "TB"
    title: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "directed": self.directed,
            "direction": self.direction,
            "title": self.title,
            "nodes": [[node.id, node.label, node.shape] for node in self.nodes],
            "edges": [[edge.source, edge.target, edge.label] for edge in self.edges],
        }


def graph_from_json(value: Mapping[str, Any]) -> Graph:
    """The graph that `to_json` told."""
    nodes = tuple(Node(*node) for node in value["nodes"])
    return Graph(nodes, tuple(Edge(*edge) for edge in value["edges"]), value["directed"], value["direction"], value["title"])


def read_graph(value: object) -> Graph:
    """A description with `nodes` ({id, label?, shape?}, or names alone) and `edges` ({from, to, label?}, source and target, or lists
    of two or three), and optional `directed` (true by default), `direction` and `title`.

    Raises: Refused with one of GRAPH_REASONS.
    """
    if not isinstance(value, Mapping) or not isinstance(value.get("nodes"), list) or not isinstance(value.get("edges", []), list):
        raise Refused(BAD_GRAPH, "expected an object with a list of nodes and a list of edges")
    check_size(len(value["nodes"]), len(value.get("edges", [])))
    directed = value.get("directed", True)
    direction = value.get("direction", "TB")
    if not isinstance(directed, bool) or direction not in (*DIRECTIONS, "TD"):
        raise Refused(
            BAD_GRAPH, f"directed {directed!r}, direction {str(direction)[:20]!r}; expected true or false, and one of {DIRECTIONS}"
        )
    nodes = tuple(_node(node) for node in value["nodes"])
    edges = tuple(_edge(edge) for edge in value.get("edges", []))
    title = value.get("title")
    return checked(Graph(nodes, edges, directed, "TB" if direction == "TD" else direction, label_of(title) if title else ""))


def check_size(num_nodes: int, num_edges: int) -> None:
    """Raises: Refused with TOO_LARGE_GRAPH."""
    if num_nodes > MAX_NODES or num_edges > MAX_EDGES:
        raise Refused(TOO_LARGE_GRAPH, f"{num_nodes} nodes and {num_edges} edges, at most {MAX_NODES} and {MAX_EDGES}")


def label_of(value: object) -> str:
    """A label as it can be drawn. Raises: Refused when it is no text, empty, or too long."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise Refused(BAD_GRAPH, f"a label is a {type(value).__name__}, expected text")
    text = str(value)
    if len(text) > 10 * MAX_LABEL_CHARS or len(text := clean(text)) > MAX_LABEL_CHARS:
        raise Refused(TOO_LARGE_GRAPH, f"a label of {len(text)} characters, at most {MAX_LABEL_CHARS}")
    return text


def _node(value: object) -> Node:
    if isinstance(value, str | int) and not isinstance(value, bool):
        return Node(str(value), label_of(value))
    if not isinstance(value, Mapping) or not isinstance(value.get("id", value.get("label")), str | int):
        raise Refused(BAD_GRAPH, f"node {str(value)[:60]!r}, expected an object with an id")
    name = str(value.get("id", value.get("label")))
    shape = value.get("shape") or value.get("type") or ""
    if not isinstance(shape, str) or shape.lower() not in SHAPES:
        raise Refused(BAD_GRAPH, f"shape {str(shape)[:40]!r} of node {name[:40]!r}, expected one of {', '.join(filter(None, SHAPES))}")
    return Node(name, label_of(value.get("label", name)), SHAPES[shape.lower()])


def _edge(value: object) -> Edge:
    if isinstance(value, list) and len(value) in (2, 3):
        source, target, label = (*value, "")[:3]
    elif isinstance(value, Mapping):
        source, target = value.get("from", value.get("source")), value.get("to", value.get("target"))
        label = value.get("label") or ""
    else:
        raise Refused(BAD_GRAPH, f"edge {str(value)[:60]!r}, expected an object with from and to")
    if not isinstance(source, str | int) or not isinstance(target, str | int):
        raise Refused(BAD_GRAPH, f"edge {str(value)[:60]!r}, expected the ids of two nodes")
    return Edge(str(source), str(target), label_of(label) if label != "" else "")


def checked(graph: Graph) -> Graph:
    """The graph, when every id is there once and every node says something.

    Raises: Refused with one of GRAPH_REASONS.
    """
    check_size(len(graph.nodes), len(graph.edges))
    if not graph.nodes:
        raise Refused(BAD_GRAPH, "no nodes")
    twice = [name for name, count in Counter(node.id for node in graph.nodes).items() if count > 1]
    if twice:
        raise Refused(BAD_GRAPH, f"node id {twice[0][:40]!r} is there twice")
    known = {node.id for node in graph.nodes}
    for edge in graph.edges:
        for name in (edge.source, edge.target):
            if name not in known:
                raise Refused(BAD_GRAPH, f"an edge names node {name[:40]!r}, which is not among the nodes")
    blank = next((node for node in graph.nodes if not _says_something(node.label)), None)
    if blank is not None:
        raise Refused(BAD_GRAPH, f"node {blank.id[:40]!r} has a label without a visible character")
    return graph


def _says_something(label: str) -> bool:
    return any(unicodedata.category(character)[0] in "LNPS" for character in label)
