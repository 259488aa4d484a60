"""Diagrams drawn: labels in their shapes, edges where the graph has them, and nothing of the user's text in what dot is given."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from processors.engine import EngineMissing
from processors.grid import graph_layout
from processors.grid.graph import MAX_EDGES, MAX_NODES, SHAPES, Edge, Graph, Node, read_graph
from processors.grid.graph_draw import GraphStyle, draw_graph, graph_style
from processors.grid.graph_layout import Layout, Route, lay_out
from processors.grid.mermaid import read_mermaid
from schemas.identity import keyed_rng
from schemas.outcome import Refused

HOSTILE = [
    'a"]; n1 [image="/etc/passwd"]; //',
    "<TABLE><TR><TD>x</TD></TR></TABLE>",
    "\\N \\G \\E",
    "label=x; shape=none",
    "}\ngraph {",
    "名前\x00\x1b[31m",
]


def test_boxes_hold_ink_and_do_not_overlap() -> None:
    graph = read_graph(
        {
            "nodes": [{"id": shape, "shape": shape} for shape in sorted(set(SHAPES.values()))],
            "edges": [["box", "circle"], ["circle", "diamond"]],
        }
    )
    pixels, boxes = draw_graph(graph, GraphStyle())
    assert pixels.dtype == np.uint8
    assert len(boxes) == len(graph.nodes)
    for x0, y0, x1, y1 in boxes:
        middle = pixels[
            round(y0 + (y1 - y0) * 0.3) : round(y1 - (y1 - y0) * 0.2), round(x0 + (x1 - x0) * 0.25) : round(x1 - (x1 - x0) * 0.25)
        ]
        assert (middle.min(axis=2) < 120).sum() > 20
    for number, one in enumerate(boxes):
        for other in boxes[number + 1 :]:
            assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


def test_edges_run_between_the_nodes_that_they_name() -> None:
    """dot tells edges in an order of its own; each must come back as the edge that it is, with its label."""
    graph = read_mermaid("graph LR\nA -->|one| B\nB -->|two| A\nB -->|three| B\nA -->|four| A\nC --> A\nB --> C")
    layout = lay_out(graph, [(80.0, 40.0)] * 3, [(40.0, 16.0) if edge.label else (0.0, 0.0) for edge in graph.edges], 40)
    place = {node.id: layout.nodes[at] for at, node in enumerate(graph.nodes)}
    for edge, route in zip(graph.edges, layout.routes, strict=True):
        assert route.tip is not None
        for point, name in ((route.points[0], edge.source), (route.tip, edge.target)):
            assert math.dist(point, place[name]) <= 46, (edge, route)
        assert (route.label is None) == (not edge.label)
        if route.label is not None:
            assert min(math.dist(route.label, point) for point in route.points) < 45


def test_lines_of_undirected_graphs_have_no_heads() -> None:
    layout = lay_out(read_mermaid("graph LR\nA --- B"), [(80.0, 40.0)] * 2, [(0.0, 0.0)], 40)
    assert layout.routes[0].tip is None


PLAIN_LINE = re.compile(
    r"digraph \{ graph \[rankdir=[TBLR]{2} nodesep=[\d.]+ ranksep=[\d.]+ splines=\w+\]; node \[fixedsize=true label=\"\"\]; "
    r"edge \[arrowsize=0\.9(?: dir=none)?\];|n\d+ \[shape=\w+ width=[\d.]+ height=[\d.]+\];|\}|"
    r"n\d+ -> n\d+ \[id=e\d+(?: label=<<TABLE BORDER=\"0\" FIXEDSIZE=\"TRUE\" WIDTH=\"\d+\" HEIGHT=\"\d+\"><TR><TD></TD></TR></TABLE>>)?\];"
)


@pytest.mark.parametrize("label", HOSTILE)
def test_no_text_of_the_user_reaches_dot(label: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every line that dot is given is of a known form with numbers alone."""
    seen: list[str] = []
    run = graph_layout._run_dot
    monkeypatch.setattr(graph_layout, "_run_dot", lambda described: seen.append(described) or run(described))
    graph = read_graph(
        {"nodes": [{"id": label, "label": label}, {"id": "b", "label": "fine"}], "edges": [[label, "b", label]], "title": label}
    )
    _, boxes = draw_graph(graph, GraphStyle())
    assert len(boxes) == 2
    lines = [line for described in seen for line in described.split("\n")]
    assert len(lines) == 5
    assert [line for line in lines if not PLAIN_LINE.fullmatch(line)] == []


def test_a_label_that_could_be_another_edges_is_not_clear() -> None:
    own, other = (((0.0, 0.0), (30.0, 0.0), (60.0, 0.0), (90.0, 0.0)), ((0.0, 40.0), (30.0, 40.0), (60.0, 40.0), (90.0, 40.0)))
    sizes = [(20.0, 8.0), (0.0, 0.0)]
    for y, is_clear in ((8.0, True), (16.0, True), (18.0, False), (38.0, False)):
        layout = Layout(90, 50, (), (Route(own, None, (45.0, y)), Route(other, None, None)))
        assert layout.labels_are_clear(sizes) == is_clear, y


def test_a_graph_whose_labels_cannot_stand_clear_is_refused() -> None:
    """From each of four to each of four, with a label at every edge; without labels it is drawn."""
    names, pairs = "ABCDwxyz", [(a, b) for a in "ABCD" for b in "wxyz"]
    nodes = tuple(Node(name, name) for name in names)
    with pytest.raises(Refused, match="runs through the label of another") as caught:
        draw_graph(Graph(nodes, tuple(Edge(a, b, f"{a} to {b}") for a, b in pairs)), GraphStyle(gap_px=20))
    assert caught.value.reason.name == "tangled"
    assert len(draw_graph(Graph(nodes, tuple(Edge(a, b) for a, b in pairs)), GraphStyle(gap_px=20))[1]) == 8


def test_the_largest_graph_is_drawn_or_refused_for_its_size() -> None:
    rng = keyed_rng(0, "test", "dense")
    nodes = tuple(Node(str(at), f"Node {at}") for at in range(MAX_NODES))
    edges = tuple(Edge(str(int(rng.integers(MAX_NODES))), str(int(rng.integers(MAX_NODES)))) for _ in range(MAX_EDGES))
    try:
        pixels, _ = draw_graph(Graph(nodes, edges), GraphStyle())
        assert max(pixels.shape) <= 2240
    except Refused as refused:
        assert refused.reason.name == "too_large_graph"
    with pytest.raises(Refused, match="at the smallest letters") as caught:
        draw_graph(Graph(nodes, ()), GraphStyle(), max_side_px=300)
    assert caught.value.reason.name == "too_large_graph"


def test_a_label_without_a_glyph_is_refused() -> None:
    with pytest.raises(Refused, match="no font has a glyph") as caught:
        draw_graph(Graph((Node("a", "x \ue000"),), ()), GraphStyle())
    assert caught.value.reason.name == "not_shown"


def test_long_and_foreign_labels_are_drawn_in_every_style() -> None:
    labels = ["word " * 20, "a" * 110, "東京都の売上は去年より増えました", "مرحبا بالعالم", "Ü"]
    graph = Graph(
        tuple(
            Node(str(at), label.strip(), shape)
            for at, (label, shape) in enumerate(zip(labels, ("box", "diamond", "circle", "cylinder", "hexagon"), strict=True))
        ),
        (Edge("0", "1", "b" * 60),),
    )
    for number in range(8):
        draw_graph(graph, graph_style(keyed_rng(0, "test", str(number))))


def test_the_same_graph_gives_the_same_bytes() -> None:
    graph = read_mermaid("graph TD\nA --> B\nA --> C\nC --> D\nB --> D")
    assert draw_graph(graph, GraphStyle())[0].tobytes() == draw_graph(graph, GraphStyle())[0].tobytes()


def test_a_machine_without_dot_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    graph_layout.dot_version.cache_clear()
    try:
        with pytest.raises(EngineMissing, match="apt-get install -y graphviz"):
            graph_layout.dot_version()
    finally:
        graph_layout.dot_version.cache_clear()


def test_a_layout_that_takes_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph_layout, "TIMEOUT_S", 0.0)
    with pytest.raises(Refused, match="no layout after 0 s") as caught:
        draw_graph(read_mermaid("graph TD\nA --> B"), GraphStyle())
    assert caught.value.reason.name == "too_costly"
