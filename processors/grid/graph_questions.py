"""Questions about a drawn diagram, each with the program that answers it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from processors.grid.graph import Graph
from processors.grid.graph_programs import KIND, GraphView, answer_of
from processors.grid.programs import NoAnswer
from processors.vision.asked import Asked

MAX_COUNTED = 25  # nodes or edges: more are not counted by eye without error
MAX_LISTED = 8  # nodes of one answer
TOLD_SHAPES = ("diamond", "circle", "hexagon", "parallelogram", "cylinder")  # boxes, round boxes and ellipses are not told apart surely

DIRECTED: dict[str, tuple[str, ...]] = {
    "num_nodes": ("How many nodes does the diagram have?", "How many shapes with a label are in the diagram?", "Count the nodes."),
    "num_edges": ("How many arrows does the diagram have?", "Count the arrows in this diagram.", "How many arrows connect the nodes?"),
    "title": ("What is the title of the diagram?", "What is this diagram called?"),
    "successors": (
        'Which nodes do the arrows from "{node}" lead to? Answer in alphabetical order.',
        'Where can one go directly from "{node}"? List the nodes in alphabetical order.',
        'What comes directly after "{node}"? In alphabetical order, if there are several.',
    ),
    "predecessors": (
        'Which nodes have an arrow to "{node}"? Answer in alphabetical order.',
        'What comes directly before "{node}"? In alphabetical order, if there are several.',
        'From which nodes does an arrow lead to "{node}"? List them in alphabetical order.',
    ),
    "path_exists": (
        'Can "{second}" be reached from "{first}" by following the arrows?',
        'Do the arrows lead from "{first}" to "{second}", directly or by way of other nodes?',
    ),
    "path_length": (
        'How many arrows must at least be followed to get from "{first}" to "{second}"?',
        'How many steps does the shortest way along the arrows from "{first}" to "{second}" take?',
    ),
    "edge_label": (
        'What is written at the arrow from "{first}" to "{second}"?',
        'Which label has the arrow that leads from "{first}" to "{second}"?',
    ),
    "follow": (
        'Where does the arrow "{label}" lead from "{node}"?',
        'At "{node}", what follows if one takes the arrow labelled "{label}"?',
        'Which node comes after "{node}" in the case "{label}"?',
    ),
    "has_cycle": (
        "Can one come back to a node by following the arrows?",
        "Does the diagram contain a cycle?",
        "Is there a loop in this diagram?",
    ),
    "order": (
        "List the nodes in the order in which the arrows lead through them.",
        "In which order do the steps follow one another? Write them with -> between them.",
    ),
    "starts": (
        "Which nodes have no arrow leading to them? Answer in alphabetical order.",
        "At which nodes does the diagram start, with no arrow coming in? List them in alphabetical order.",
    ),
    "ends": (
        "Which nodes have no arrow leading away from them? Answer in alphabetical order.",
        "At which nodes does the diagram end, with no arrow going out? List them in alphabetical order.",
    ),
    "of_shape": (
        "Which nodes are drawn as a {shape}? Answer in alphabetical order.",
        "List the labels of all {shape} nodes in alphabetical order.",
    ),
    "count_shape": ("How many nodes are drawn as a {shape}?", "How many {shape} nodes does the diagram have?"),
    "edge_list": (
        "List all arrows of the diagram, one a line as A -> B, with labels after a colon, in alphabetical order.",
        "Write down every connection as A -> B, one a line in alphabetical order; add the label of an arrow after a colon.",
    ),
    "mermaid": (
        "Write this diagram as a Mermaid flowchart.",
        "Transcribe the diagram in Mermaid.",
        "Give Mermaid code that draws this diagram.",
    ),
}
UNDIRECTED: dict[str, tuple[str, ...]] = {
    **DIRECTED,
    "num_edges": ("How many lines connect the nodes?", "How many connections does the diagram have?", "Count the edges of this diagram."),
    "successors": (
        'Which nodes are connected directly with "{node}"? Answer in alphabetical order.',
        'What are the neighbours of "{node}"? List them in alphabetical order.',
    ),
    "path_exists": (
        'Is "{first}" connected with "{second}", directly or by way of other nodes?',
        'Is there a way between "{first}" and "{second}"?',
    ),
    "path_length": ('How many lines does the shortest way between "{first}" and "{second}" take?',),
    "edge_label": (
        'What is written at the line between "{first}" and "{second}"?',
        'Which label has the line from "{first}" to "{second}"?',
    ),
    "edge_list": (
        "List all connections of the diagram, one a line as A -- B, with labels after a colon, in alphabetical order.",
        "Write down every line as A -- B, the two in alphabetical order, one a line and sorted; add its label after a colon.",
    ),
}


def ask_graph(graph: Graph, rng: np.random.Generator) -> list[Asked]:
    """Questions about the diagram, several of a kind where its content offers them."""
    return _Asker(graph, rng).questions()


def ask_whole_graph(graph: Graph, rng: np.random.Generator) -> Asked:
    """The whole diagram as the answer: Mermaid, or a list of edges where labels allow it."""
    asker = _Asker(graph, rng)
    if rng.integers(3) == 0:
        asker.add("edge_list")
    if not asker.asked:
        asker.add("mermaid")
    return asker.asked[0]


class _Asker:
    """Collects what has an answer."""

    def __init__(self, graph: Graph, rng: np.random.Generator) -> None:
        self.graph, self.rng = graph, rng
        self.view = GraphView(graph)
        self.wordings = DIRECTED if graph.directed else UNDIRECTED
        self.asked: list[Asked] = []

    def add(self, op: str, **arguments: str) -> None:
        program: Mapping[str, object] = {"kind": KIND, "op": op, **arguments}
        if any(one.program == program for one in self.asked):
            return
        try:
            answer = answer_of(self.view, program)
        except NoAnswer:
            return
        self.asked.append(Asked(self._pick(self.wordings[op]).format(**arguments), answer, program))

    def _pick(self, values: Sequence[Any]) -> Any:
        return values[int(self.rng.integers(len(values)))]

    def questions(self) -> list[Asked]:
        graph, labels = self.graph, list(self.view.label.values())
        if len(graph.nodes) <= MAX_COUNTED:
            self.add("num_nodes")
        if 0 < len(graph.edges) <= MAX_COUNTED:
            self.add("num_edges")
        self.add("title")
        if graph.directed:
            self.add("has_cycle")
        for shape in dict.fromkeys(node.shape for node in graph.nodes if node.shape in TOLD_SHAPES):
            self.add("count_shape", shape=shape)
        if len(set(labels)) < len(labels):
            return self.asked  # a question could not say which node it means
        self._about_nodes(labels)
        self._about_edges()
        return self.asked

    def _about_nodes(self, labels: Sequence[str]) -> None:
        for place in self.rng.permutation(len(labels))[:3]:
            node = labels[int(place)]
            for op, ends in (("successors", self.view.next), ("predecessors", self.view.before)):
                if (self.graph.directed or op == "successors") and len(ends[self.view.id(node)]) <= MAX_LISTED:
                    self.add(op, node=node)
        for _ in range(3 if len(labels) > 1 else 0):
            first, second = (labels[int(place)] for place in self.rng.permutation(len(labels))[:2])
            self.add("path_exists", first=first, second=second)
            self.add("path_length", first=first, second=second)
        if self.graph.directed:
            for op, ends in (("starts", self.view.before), ("ends", self.view.next)):
                if 0 < sum(not others for others in ends.values()) <= MAX_LISTED:
                    self.add(op)
            self.add("order")
        for shape in dict.fromkeys(node.shape for node in self.graph.nodes if node.shape in TOLD_SHAPES):
            if sum(node.shape == shape for node in self.graph.nodes) <= MAX_LISTED:
                self.add("of_shape", shape=shape)

    def _about_edges(self) -> None:
        labelled = [edge for edge in self.graph.edges if edge.label]
        for place in self.rng.permutation(len(labelled))[:3]:
            edge = labelled[int(place)]
            first, second = self.view.label[edge.source], self.view.label[edge.target]
            self.add("edge_label", first=first, second=second)
            self.add("follow", node=first, label=" ".join(edge.label.split()))
