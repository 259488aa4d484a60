"""The flowchart part of Mermaid: text to graph and graph to text.

Read: `graph` and `flowchart` with a direction, nodes with shapes and quoted labels, edges with and without arrow heads, dotted and
thick ones as plain ones, labels of edges in both spellings, chains, `&`, comments. Statements about looks and links are left out,
and no link is followed. Not read, because it would be drawn and not be in the graph: subgraphs, two-headed and crossed edges.
Source: mermaid.js.org/syntax/flowchart.html.
"""

from __future__ import annotations

import html
import re

from processors.grid.graph import (
    BAD_GRAPH,
    MAX_EDGES,
    TOO_LARGE_GRAPH,
    UNSUPPORTED_MERMAID,
    Edge,
    Graph,
    Node,
    check_size,
    checked,
    label_of,
)
from schemas.outcome import Refused

MAX_CHARS = 50_000

_HEAD = re.compile(r"\s*(?:graph|flowchart|flowchart-elk)(?:\s+(TB|TD|BT|LR|RL))?\s*(?:[;\n]|$)")
_FRONT_MATTER = re.compile(r"\A\s*---\s*\n(.{0,2000}?)\n\s*---\s*\n", re.DOTALL)
_TITLE = re.compile(r"^title:\s*(.+)$", re.MULTILINE)
_IGNORED = re.compile(r"(?:classDef|class|style|linkStyle|click|accTitle|accDescr)\b")
_UNSUPPORTED = re.compile(r"(subgraph|end|direction)\b")
_ID = re.compile(r"\w(?:\w|-(?=\w))*")
_CLASS = re.compile(r":::\w+")
# opening and closing brackets, longest first
_BRACKETS = (
    ("(((", ")))", "circle"),
    ("([", "])", "stadium"),
    ("[[", "]]", "box"),
    ("[(", ")]", "cylinder"),
    ("((", "))", "circle"),
    ("{{", "}}", "hexagon"),
    ("[/", "/]", "parallelogram"),
    ("[\\", "\\]", "parallelogram"),
    ("[", "]", "box"),
    ("(", ")", "round"),
    ("{", "}", "diamond"),
)
_EDGE = re.compile(
    r"\s*(?:(?P<plain>--+>|--+-|-\.+->|-\.+-|==+>|==+=)\s*(?:\|(?P<bar>[^|\n]{0,500})\|)?"
    r"|(?:--|==|-\.)\s*(?P<text>[^\s>|=.-][^|\n]{0,500}?)\s*(?P<close>--+>|--+-|\.+->|\.+-|==+>|==+=))\s*"
)
_OTHER_EDGE = re.compile(r"\s*(?:<[-=.]|[ox]?(?:--+|==+|-\.+-)[ox]|~~~)")  # two heads; ends in circles and crosses; unseen
_ENTITY = re.compile(r"#(\w{1,10});")


def read_mermaid(text: str) -> Graph:
    """The graph of a Mermaid flowchart. An undirected graph is one none of whose edges has an arrow head.

    Raises: Refused with one of GRAPH_REASONS.
    """
    if len(text) > MAX_CHARS:
        raise Refused(TOO_LARGE_GRAPH, f"{len(text)} characters of Mermaid, at most {MAX_CHARS}")
    text = text.replace("\r\n", "\n")
    title = ""
    front = _FRONT_MATTER.match(text)
    if front is not None:
        told = _TITLE.search(front[1])
        title, text = (label_of(told[1].strip().strip("\"'")) if told else ""), text[front.end() :]
    text = "\n".join(line for line in text.split("\n") if not line.lstrip().startswith("%%"))
    head = _HEAD.match(text)
    if head is None:
        raise Refused(UNSUPPORTED_MERMAID, f"it begins {text.strip()[:30]!r}, expected flowchart or graph")
    reader = _Reader()
    for statement in _statements(text[head.end() :]):
        reader.read(statement)
    if len(set(reader.arrows)) > 1:
        raise Refused(UNSUPPORTED_MERMAID, "some edges have arrow heads and some have none")
    nodes = tuple(Node(name, label_of(label), shape) for name, (label, shape) in reader.nodes.items())
    direction = (head[1] or "TB").replace("TD", "TB")
    return checked(Graph(nodes, tuple(reader.edges), reader.arrows[0] if reader.arrows else True, direction, title))


def _statements(text: str) -> list[str]:
    """Lines, and parts of lines between semicolons outside of quotes and entities."""
    found, start, quoted = [], 0, False
    for at, character in enumerate(text):
        if character == '"':
            quoted = not quoted
        elif character == "\n" or (character == ";" and not quoted and not re.search(r"#\w{1,10}$", text[max(0, at - 11) : at])):
            found.append(text[start:at].strip())
            start, quoted = at + 1, False
    found.append(text[start:].strip())
    return [statement for statement in found if statement]


class _Reader:
    """Collects what statements name. A node's label and shape are those of the last statement that gives them."""

    def __init__(self) -> None:
        self.nodes: dict[str, tuple[str, str]] = {}
        self.edges: list[Edge] = []
        self.arrows: list[bool] = []

    def read(self, statement: str) -> None:
        if _IGNORED.match(statement):
            return
        unsupported = _UNSUPPORTED.match(statement)
        if unsupported is not None:
            raise Refused(UNSUPPORTED_MERMAID, f"{unsupported[1]} is not read")
        at, sources = self._group(statement, 0)
        while at < len(statement):
            edge = _EDGE.match(statement, at)
            if edge is None or _OTHER_EDGE.match(statement, at):
                other = _OTHER_EDGE.match(statement, at) is not None
                reason = UNSUPPORTED_MERMAID if other else BAD_GRAPH
                raise Refused(reason, f"{statement[at : at + 40]!r} after {statement[:at][-40:]!r}, expected an edge")
            at, targets = self._group(statement, edge.end())
            label = _unescaped(edge["bar"] or edge["text"] or "")
            for source in sources:
                for target in targets:
                    self.edges.append(Edge(source, target, label_of(label) if label else ""))
                    self.arrows.append((edge["plain"] or edge["close"]).endswith(">"))
                    check_size(len(self.nodes), len(self.edges))
            sources = targets

    def _group(self, statement: str, at: int) -> tuple[int, list[str]]:
        """Nodes joined by `&`."""
        at, name = self._node(statement, at)
        names = [name]
        while (joint := re.compile(r"\s*&\s*").match(statement, at)) is not None:
            at, name = self._node(statement, joint.end())
            names.append(name)
            if len(names) > MAX_EDGES:
                raise Refused(TOO_LARGE_GRAPH, f"more than {MAX_EDGES} nodes in one statement")
        return at, names

    def _node(self, statement: str, at: int) -> tuple[int, str]:
        found = _ID.match(statement, at)
        if found is None:
            raise Refused(BAD_GRAPH, f"{statement[at : at + 40]!r} in a flowchart, expected a node")
        at, name = found.end(), found[0]
        opened = next((bracket for bracket in _BRACKETS if statement.startswith(bracket[0], at)), None)
        if opened is None:
            if statement.startswith((">", "@{"), at):
                raise Refused(UNSUPPORTED_MERMAID, f"the shape of {statement[:40]!r} is not read")
            self.nodes.setdefault(name, (name, "box"))
        else:
            at, label = _label(statement, at + len(opened[0]), opened[1])
            self.nodes[name] = (label, opened[2])
        check_size(len(self.nodes), len(self.edges))
        styled = _CLASS.match(statement, at)
        return (styled.end() if styled else at), name


def _label(statement: str, at: int, close: str) -> tuple[int, str]:
    """(where the node ends, its label): in quotes, or up to the closing bracket."""
    quoted = re.compile(r'\s*"([^"]*)"\s*').match(statement, at)
    if quoted is not None and statement.startswith(close, quoted.end()):
        return quoted.end() + len(close), _unescaped(quoted[1])
    end = statement.find(close, at)
    if end < 0 and close in ("/]", "\\]") and ("/]" in statement[at:] or "\\]" in statement[at:]):
        raise Refused(UNSUPPORTED_MERMAID, f"the trapezium {statement[at : at + 40]!r} is not read")
    if end < 0:
        raise Refused(BAD_GRAPH, f"{statement[at : at + 40]!r} is not closed by {close!r}")
    return end + len(close), _unescaped(statement[at:end])


def _unescaped(label: str) -> str:
    label = re.sub(r"<br\s*/?>", "\n", label.strip().strip('"').strip("`"))
    return _ENTITY.sub(lambda found: html.unescape(f"&#{found[1]};" if found[1].isdigit() else f"&{found[1]};"), label)


# ---- graph to text

_OPEN = {
    **{"box": ('["', '"]'), "round": ('("', '")'), "stadium": ('(["', '"])'), "diamond": ('{"', '"}'), "ellipse": ('(["', '"])')},
    **{"circle": ('(("', '"))'), "hexagon": ('{{"', '"}}'), "parallelogram": ('[/"', '"/]'), "cylinder": ('[("', '")]')},
}


def to_mermaid(graph: Graph) -> str:
    """The flowchart as text: nodes named A, B, C ... in order, every label in quotes; the graph that is read from it is the same but
    for ids, title, and ellipses, which Mermaid does not have."""
    names = {node.id: _letters(number) for number, node in enumerate(graph.nodes)}
    lines = [f"flowchart {'TD' if graph.direction == 'TB' else graph.direction}"]
    for node in graph.nodes:
        opened, closed = _OPEN[node.shape]
        lines.append(f"    {names[node.id]}{opened}{_escaped(node.label)}{closed}")
    arrow = "-->" if graph.directed else "---"
    for edge in graph.edges:
        label = f'|"{_escaped(edge.label)}"|' if edge.label else ""
        lines.append(f"    {names[edge.source]} {arrow}{label} {names[edge.target]}")
    return "\n".join(lines)


def _escaped(label: str) -> str:
    label = " ".join(label.split())
    for character, name in (("#", "#35;"), ('"', "#quot;"), ("|", "#124;"), ("<", "#lt;"), ("`", "#96;")):  # "#" first
        label = label.replace(character, name)
    return label


def _letters(number: int) -> str:
    """A ... Z, AA, AB ..."""
    name = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        name = chr(65 + rest) + name
    return name
