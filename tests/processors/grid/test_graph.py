"""Graphs from JSON and Mermaid, and answers about them checked against networkx."""

from __future__ import annotations

import networkx
import pytest

from processors.grid.graph import MAX_EDGES, MAX_LABEL_CHARS, MAX_NODES, Edge, Graph, Node, graph_from_json, read_graph
from processors.grid.graph_programs import OPERATIONS, execute
from processors.grid.graph_questions import DIRECTED, UNDIRECTED, ask_graph, ask_whole_graph
from processors.grid.mermaid import MAX_CHARS, read_mermaid, to_mermaid
from processors.grid.programs import NoAnswer
from schemas.identity import keyed_rng
from schemas.outcome import Refused

FLOW = read_mermaid(
    "flowchart TD\nA([Start]) --> B{Is it paid?}\nB -->|Yes| C[Pack the goods]\nB -- No --> D[Send a reminder]\nD --> B\nC --> E([End])"
)


def edges(graph: Graph) -> list[tuple[str, str, str]]:
    return [(edge.source, edge.target, edge.label) for edge in graph.edges]


def test_json_in_its_spellings() -> None:
    graph = read_graph(
        {
            "nodes": [{"id": 1, "label": "One", "shape": "Decision"}, "two", {"id": "c", "type": "database"}],
            "edges": [{"source": 1, "target": "two"}, ["two", "c", "x\ty"]],
        }
    )
    assert graph.nodes == (Node("1", "One", "diamond"), Node("two", "two"), Node("c", "c", "cylinder"))
    assert edges(graph) == [("1", "two", ""), ("two", "c", "x y")]
    assert graph_from_json(graph.to_json()) == graph


@pytest.mark.parametrize(
    ("value", "reason", "detail"),
    [
        ([], "bad_graph", "expected an object"),
        ({"nodes": []}, "bad_graph", "no nodes"),
        ({"nodes": ["a", "a"]}, "bad_graph", "there twice"),
        ({"nodes": ["a"], "edges": [["a", "b"]]}, "bad_graph", "not among the nodes"),
        ({"nodes": ["a"], "edges": [["a"]]}, "bad_graph", "expected an object with from and to"),
        ({"nodes": ["a"], "edges": [{"from": "a", "to": None}]}, "bad_graph", "the ids of two nodes"),
        ({"nodes": [{"id": "a", "shape": "cloud"}]}, "bad_graph", "shape 'cloud'"),
        ({"nodes": [{"id": "a", "label": ["x"]}]}, "bad_graph", "a label is a list"),
        ({"nodes": [{"id": "a", "label": "\u200b\x07"}]}, "bad_graph", "without a visible character"),
        ({"nodes": ["a"], "directed": "no"}, "bad_graph", "directed 'no'"),
        ({"nodes": ["a"], "direction": "UP"}, "bad_graph", "direction 'UP'"),
        ({"nodes": [str(number) for number in range(MAX_NODES + 1)]}, "too_large_graph", f"{MAX_NODES + 1} nodes"),
        ({"nodes": ["a"], "edges": [["a", "a"]] * (MAX_EDGES + 1)}, "too_large_graph", f"{MAX_EDGES + 1} edges"),
        ({"nodes": [str(number) for number in range(100_000)]}, "too_large_graph", "100000 nodes"),
        ({"nodes": ["a" * (MAX_LABEL_CHARS + 1)]}, "too_large_graph", "a label of"),
    ],
)
def test_what_is_no_graph_or_too_large_is_refused(value: object, reason: str, detail: str) -> None:
    with pytest.raises(Refused, match=detail) as caught:
        read_graph(value)
    assert caught.value.reason.name == reason


def test_the_largest_that_is_read() -> None:
    graph = read_graph({"nodes": ["a" * MAX_LABEL_CHARS, *map(str, range(MAX_NODES - 1))], "edges": [["0", "1"]] * MAX_EDGES})
    assert (len(graph.nodes), len(graph.edges)) == (MAX_NODES, MAX_EDGES)


@pytest.mark.parametrize(
    ("text", "labels", "expected"),
    [
        ("graph TD\nA --> B", ["A", "B"], [("A", "B", "")]),
        ("flowchart LR; A & B --> C & D -.-> E == thick ==> F((x))\n%% note\nstyle A fill:#f9f\nclick A \"http://x.invalid\"",
         ["A", "B", "C", "D", "E", "x"],
         [("A", "C", ""), ("A", "D", ""), ("B", "C", ""), ("B", "D", ""), ("C", "E", ""), ("D", "E", ""), ("E", "F", "thick")]),
        ('graph TD\nA["a; (b) #quot;c#quot; #35;"]:::big --> |"y<br/>z"| B', ['a; (b) "c" #', "B"], [("A", "B", "y\nz")]),
        ("graph TD\nA -. maybe not .-> B\nB ----> C[late]\nC", ["A", "B", "late"], [("A", "B", "maybe not"), ("B", "C", "")]),
        ("graph TD\nend1[x] --> endpoint", ["x", "endpoint"], [("end1", "endpoint", "")]),
    ],
)  # fmt: skip
def test_mermaid_as_it_is_written(text: str, labels: list[str], expected: list[tuple[str, str, str]]) -> None:
    graph = read_mermaid(text)
    assert [node.label for node in graph.nodes] == labels
    assert edges(graph) == expected
    assert graph.directed


def test_mermaid_shapes_title_and_lines_without_heads() -> None:
    graph = read_mermaid(
        "---\ntitle: Kinds\n---\ngraph RL\na[1] --- b(2)\nb --- c([3])\nc --- d{4}\nd --- e((5))\ne --- f{{6}}\nf --- g[/7/]\ng --- h[(8)]\nh --- i[[9]]"
    )
    assert [node.shape for node in graph.nodes] == [
        "box",
        "round",
        "stadium",
        "diamond",
        "circle",
        "hexagon",
        "parallelogram",
        "cylinder",
        "box",
    ]
    assert (graph.directed, graph.direction, graph.title) == (False, "RL", "Kinds")


@pytest.mark.parametrize(
    ("text", "reason", "detail"),
    [
        ("sequenceDiagram\nA->>B: x", "unsupported_mermaid", "expected flowchart or graph"),
        ("graph TD\nsubgraph one\nA-->B\nend", "unsupported_mermaid", "subgraph is not read"),
        ("graph TD\nA <--> B", "unsupported_mermaid", "expected an edge"),
        ("graph TD\nA --o B", "unsupported_mermaid", "expected an edge"),
        ("graph TD\nA---xB", "unsupported_mermaid", "expected an edge"),
        ("graph TD\nA ~~~ B", "unsupported_mermaid", "expected an edge"),
        ("graph TD\nA>flag]", "unsupported_mermaid", "the shape of"),
        ("graph TD\nA[/x\\]", "unsupported_mermaid", "trapezium"),
        ("graph TD\nA --> B\nB --- C", "unsupported_mermaid", "some have none"),
        ("graph TD\nA[open", "bad_graph", "is not closed"),
        ("graph TD\nA -->", "bad_graph", "expected a node"),
        ("graph TD\nA B", "bad_graph", "expected an edge"),
        ("graph TD", "bad_graph", "no nodes"),
        ("graph TD\n" + "A-->B\n" * (MAX_EDGES + 1), "too_large_graph", "edges, at most"),
        ("graph TD\n" + " & ".join("A" * 1_000) + " --> B", "too_large_graph", "in one statement"),
        ("graph TD\n" + "\n".join(f"n{number}" for number in range(MAX_NODES + 1)), "too_large_graph", "nodes and 0 edges"),
        ("graph TD\n" + "%" * MAX_CHARS, "too_large_graph", "characters of Mermaid"),
    ],
)
def test_mermaid_that_is_not_read_is_refused(text: str, reason: str, detail: str) -> None:
    with pytest.raises(Refused, match=detail) as caught:
        read_mermaid(text)
    assert caught.value.reason.name == reason


@pytest.mark.parametrize("label", ['say "no" #1; a|b', "a --> b", "<b>", "`x`", "}]) end", "A[1]"])
def test_what_is_written_as_mermaid_reads_the_same_again(label: str) -> None:
    graph = Graph((Node("x", label, "diamond"), Node("y", "two", "stadium")), (Edge("x", "y", label), Edge("y", "y")), direction="LR")
    again = read_mermaid(to_mermaid(graph))
    assert [(node.label, node.shape) for node in again.nodes] == [(node.label, node.shape) for node in graph.nodes]
    assert [edge.label for edge in again.edges] == [label, ""]
    assert (again.directed, again.direction) == (True, "LR")


@pytest.mark.parametrize(
    ("op", "arguments", "expected"),
    [
        ("num_nodes", {}, "5"),
        ("num_edges", {}, "5"),
        ("successors", {"node": "Is it paid?"}, "Pack the goods, Send a reminder"),
        ("predecessors", {"node": "Start"}, "None"),
        ("path_exists", {"first": "Send a reminder", "second": "End"}, "Yes"),
        ("path_exists", {"first": "End", "second": "Start"}, "No"),
        ("path_length", {"first": "Start", "second": "End"}, "3"),
        ("edge_label", {"first": "Is it paid?", "second": "Send a reminder"}, "No"),
        ("follow", {"node": "Is it paid?", "label": "Yes"}, "Pack the goods"),
        ("has_cycle", {}, "Yes"),
        ("starts", {}, "Start"),
        ("ends", {}, "End"),
        ("of_shape", {"shape": "diamond"}, "Is it paid?"),
        ("count_shape", {"shape": "stadium"}, "2"),
        ("edge_list", {}, "Is it paid? -> Pack the goods: Yes\nIs it paid? -> Send a reminder: No\nPack the goods -> End\n"
         "Send a reminder -> Is it paid?\nStart -> Is it paid?"),
    ],
)  # fmt: skip
def test_exact_answers(op: str, arguments: dict, expected: str) -> None:
    assert execute(FLOW.to_json(), {"kind": "graph", "op": op, **arguments}) == expected


@pytest.mark.parametrize(
    ("op", "arguments", "detail"),
    [
        ("path_length", {"first": "End", "second": "Start"}, "no way"),
        ("edge_label", {"first": "Start", "second": "Is it paid?"}, "expected one with a label"),
        ("follow", {"node": "Start", "label": "Yes"}, "0 edges"),
        ("successors", {"node": "Nowhere"}, "0 nodes are labelled"),
        ("order", {}, "do not tell one order"),
        ("title", {}, "no title"),
        ("fly", {}, "unknown"),
    ],
)
def test_what_the_diagram_does_not_settle_has_no_answer(op: str, arguments: dict, detail: str) -> None:
    with pytest.raises(NoAnswer, match=detail):
        execute(FLOW.to_json(), {"kind": "graph", "op": op, **arguments})


def test_an_order_is_told_where_the_edges_leave_no_choice() -> None:
    chain = read_mermaid("graph TD\nB --> C\nA --> B\nA --> C")
    assert execute(chain.to_json(), {"kind": "graph", "op": "order"}) == "A -> B -> C"


def invented(number: int, directed: bool) -> Graph:
    rng = keyed_rng(2, "test", str(number))
    nodes = tuple(
        Node(f"n{at}", f"Place {chr(65 + at)}", ("box", "diamond")[int(rng.integers(2))]) for at in range(int(rng.integers(2, 9)))
    )
    pairs = {(int(rng.integers(len(nodes))), int(rng.integers(len(nodes)))) for _ in range(int(rng.integers(1, 12)))}
    kept = sorted(pairs if directed else {(min(pair), max(pair)) for pair in pairs if pair[0] != pair[1]})
    return Graph(nodes, tuple(Edge(f"n{a}", f"n{b}", f"way {at}" if at % 2 else "") for at, (a, b) in enumerate(kept)), directed)


def expected_by_networkx(graph: Graph, program: dict) -> str:
    label = {node.id: node.label for node in graph.nodes}
    drawn = (networkx.DiGraph if graph.directed else networkx.Graph)()
    drawn.add_nodes_from(label.values())
    drawn.add_edges_from((label[edge.source], label[edge.target], {"label": edge.label}) for edge in graph.edges)

    def listed(names: object) -> str:
        return ", ".join(sorted(names)) or "None"  # type: ignore[type-var, arg-type]

    first, second = program.get("first"), program.get("second")
    match program["op"]:
        case "num_nodes":
            return str(drawn.number_of_nodes())
        case "num_edges":
            return str(drawn.number_of_edges())
        case "successors":
            return listed(drawn.successors(program["node"]) if graph.directed else drawn.neighbors(program["node"]))
        case "predecessors":
            return listed(drawn.predecessors(program["node"]))
        case "path_exists":
            return "Yes" if networkx.has_path(drawn, first, second) else "No"
        case "path_length":
            return str(networkx.shortest_path_length(drawn, first, second))
        case "edge_label":
            return str(drawn.edges[first, second]["label"])
        case "follow":
            return next(end for end in drawn[program["node"]] if drawn.edges[program["node"], end]["label"] == program["label"])
        case "has_cycle":
            return "No" if networkx.is_directed_acyclic_graph(drawn) else "Yes"
        case "starts":
            return listed(name for name in drawn if drawn.in_degree(name) == 0)
        case "ends":
            return listed(name for name in drawn if drawn.out_degree(name) == 0)
        case "order":
            (only,) = networkx.all_topological_sorts(drawn)
            return " -> ".join(only)
        case "of_shape" | "count_shape":
            found = [node.label for node in graph.nodes if node.shape == program["shape"]]
            return str(len(found)) if program["op"] == "count_shape" else listed(found)
    raise AssertionError(program["op"])


@pytest.mark.parametrize("directed", [True, False])
def test_every_answer_is_that_of_networkx(directed: bool) -> None:
    seen = set()
    for number in range(120):
        graph = invented(number, directed)
        for one in ask_graph(graph, keyed_rng(0, "test", str(number))):
            seen.add(one.program["op"])
            assert one.answer == expected_by_networkx(graph, dict(one.program)), (one, graph)
    only_directed = {"predecessors", "has_cycle", "starts", "ends", "order", "follow"}
    assert seen == set(OPERATIONS) - {"title", "edge_list", "mermaid"} - (set() if directed else only_directed)


def test_nodes_of_one_label_are_counted_and_not_named() -> None:
    twins = read_graph({"nodes": [{"id": 1, "label": "same"}, {"id": 2, "label": "same"}], "edges": [[1, 2, "x"]]})
    assert {one.program["op"] for one in ask_graph(twins, keyed_rng(0, "test", "twins"))} == {"num_nodes", "num_edges", "has_cycle"}
    assert {ask_whole_graph(twins, keyed_rng(0, "test", str(number))).program["op"] for number in range(20)} == {"mermaid"}


def test_the_whole_diagram_is_mermaid_or_a_list_of_edges() -> None:
    assert {ask_whole_graph(FLOW, keyed_rng(0, "test", str(number))).program["op"] for number in range(20)} == {"mermaid", "edge_list"}


def test_every_operation_has_wordings() -> None:
    assert set(DIRECTED) == set(UNDIRECTED) == set(OPERATIONS)
