"""Rows with tables and diagrams into conversations about pictures of them, with computed answers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

from processors.dialogue import text_field
from processors.grid.cells import Grid, cut_rows, grid_from_json, grid_from_rows, with_header
from processors.grid.decode import MAX_CELLS, NO_TABLE, TOO_LARGE_TABLE, check_cells, clean, decode_text
from processors.grid.draw import DRAW_REASONS, MAX_HEIGHT_PX, MAX_WIDTH_PX, draw_grid
from processors.grid.graph import BAD_GRAPH, GRAPH_REASONS, Graph, read_graph
from processors.grid.graph_draw import GRAPH_DRAW_REASONS, draw_graph, graph_style
from processors.grid.graph_layout import dot_version
from processors.grid.graph_questions import ask_graph, ask_whole_graph
from processors.grid.mermaid import read_mermaid
from processors.grid.questions import ask_table, ask_whole_table
from processors.grid.read import READ_REASONS, read_csv, read_html_tables
from processors.grid.style import grid_style
from processors.vision.asked import ASKED_FACTS, Asked, ask_about, choose
from schemas.facts import Fact
from schemas.identity import keyed_rng
from schemas.outcome import Reason, Refused, Reject
from schemas.parts import Image
from schemas.records import Conversation, FactValue, Row, with_facts

FIGURE = Fact("figure.kind", str, "What is drawn: chart, table or diagram")
STYLE = Fact("figure.style", str, "The choices of the drawing, in words")
NUM_ROWS = Fact("grid.num_rows", int, "Rows of the table, header rows included")
NUM_COLUMNS = Fact("grid.num_columns", int, "Columns of the table")
HAS_SPANS = Fact("grid.has_spans", bool, "Some cell of the table spans rows or columns")
PIECE = Fact(
    "grid.piece",
    str,
    "Which of the file's pictures this is, such as 2/3; a file has one for each table, and for each run of rows of a long one",
)
NUM_NODES = Fact("graph.num_nodes", int, "Nodes of the diagram")
NUM_EDGES = Fact("graph.num_edges", int, "Edges of the diagram")
LAYOUT = Fact("graph.layout", str, "Program and version that laid the diagram out")

NO_GRAPH = Reason("no_graph", "The row has no graph and no Mermaid text")
NOTHING_TO_ASK = Reason("nothing_to_ask", "No question has one answer that the picture shows")

QUESTIONS, WHOLE, BOTH = "questions", "table", "both"
TARGETS = (QUESTIONS, WHOLE, BOTH)
MERMAID_SUFFIXES = (".mmd", ".mermaid")


def check_target(target: str, max_questions: int) -> None:
    """Raises: ValueError for a target that is none of TARGETS, or no questions."""
    if target not in TARGETS or max_questions < 1:
        raise ValueError(f"target {target!r} and max_questions {max_questions}, expected one of {', '.join(TARGETS)}, and 1 or more")


def tables_of(row: Row) -> list[Grid]:
    """The tables that a row has: in its `grid` (from SplitTables), its page, its CSV file, or its fields `html` or `table`.

    Raises: Refused with one of READ_REASONS.
    """
    given = row.fields.get("grid")
    if isinstance(given, Mapping):
        return [grid_from_json(given)]
    if "table" in row.blobs:
        return [_titled(row, read_csv(row.blobs["table"]))]
    html, listed = row.fields.get("html"), row.fields.get("table")
    if isinstance(html, str) or "text" in row.blobs:
        found = read_html_tables(html.encode("utf-8", "replace") if isinstance(html, str) else row.blobs["text"])
        return [with_header(_titled(row, grid) if len(found) == 1 else grid) for grid in found]
    if isinstance(listed, str):
        return [_titled(row, read_csv(listed.encode("utf-8", "replace")))]
    if isinstance(listed, list) and listed:
        return [_titled(row, _listed(listed))]
    raise Refused(NO_TABLE, "expected a page, a CSV file, html or table in the row")


def _titled(row: Row, grid: Grid) -> Grid:
    return grid if grid.caption else replace(grid, caption=clean(text_field(row.fields, "title", "caption")).replace("\n", " "))


def _listed(given: Sequence[object]) -> Grid:
    """A table from lists, header first, or from objects with the same names."""
    names = list(dict.fromkeys(str(name) for row in given if isinstance(row, Mapping) for name in row))
    rows = [[row.get(name) for name in names] if isinstance(row, Mapping) else row for row in given]
    listed = [row for row in ([names, *rows] if names else rows) if isinstance(row, list)]
    if len(listed) < len(rows) or (names and not all(isinstance(row, Mapping) for row in given)):
        raise Refused(NO_TABLE, "table is a list, expected a list of lists, or of objects")
    if max(map(len, listed)) * len(listed) > MAX_CELLS:
        raise Refused(TOO_LARGE_TABLE, f"{len(listed)} rows of up to {max(map(len, listed))} cells, at most {MAX_CELLS} cells")
    told = [["" if value is None else value if isinstance(value, str) else json.dumps(value) for value in row] for row in listed]
    check_cells([text for row in told for text in row])
    grid = grid_from_rows([[clean(text) for text in row] for row in told])
    if not any(cell.text for cell in grid.cells):
        raise Refused(NO_TABLE, "table has no text")
    return grid


@dataclass(frozen=True, slots=True)
class SplitTables:
    """A row a table: those of a page, and runs of `max_rows` rows of a long table, each below its header. Rows without tables pass.

    A child has its table in the field `grid`; the file's bytes are left behind.
    """

    max_rows: int = 40
    max_pieces: int = 25
    takes: ClassVar = (Row,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = (PIECE,)
    reasons: ClassVar = READ_REASONS
    version: ClassVar = 1

    def __post_init__(self) -> None:
        if self.max_rows < 1 or self.max_pieces < 1:
            raise ValueError(f"max_rows {self.max_rows} and max_pieces {self.max_pieces}, expected 1 or more")

    def __call__(self, row: Row) -> list[Row] | Reject:
        if not has_table(row):
            return [with_facts(row, {PIECE.name: "1/1"})]
        try:
            pieces = [piece for grid in tables_of(row) for piece in cut_rows(grid, self.max_rows)]
        except Refused as refused:
            return refused.reject(row.key)
        if len(pieces) > self.max_pieces:
            detail = f"{len(pieces)} pictures of up to {self.max_rows} rows, at most {self.max_pieces} from one file"
            return Reject(row.key, TOO_LARGE_TABLE.name, detail)
        blobs = {name: data for name, data in row.blobs.items() if name not in ("table", "text")}
        fields = {name: value for name, value in row.fields.items() if name not in ("html", "table")}
        return [
            replace(
                row, fields={**fields, "grid": piece.to_json()}, blobs=blobs, facts={**row.facts, PIECE.name: f"{number}/{len(pieces)}"}
            )
            for number, piece in enumerate(pieces, start=1)
        ]


def has_table(row: Row) -> bool:
    """Whether the row tells a table rather than a chart or a diagram."""
    if row.fields.get("figure") in ("chart", "diagram") or has_graph(row):
        return False
    return "table" in row.blobs or "text" in row.blobs or any(isinstance(row.fields.get(name), str | list) for name in ("html", "table"))


@dataclass(frozen=True, slots=True)
class TableTask:
    """A row with one table becomes a picture of it with up to `max_questions` questions, the whole table as text, or both.

    User: `<image>` and a question, and so on; assistant: the answers, learned. The whole table is Markdown, or HTML where it has spans.
    """

    seed: int = 0
    target: str = BOTH
    max_questions: int = 4
    max_width_px: int = MAX_WIDTH_PX
    max_height_px: int = MAX_HEIGHT_PX
    takes: ClassVar = (Row,)
    gives: ClassVar = Conversation
    reads: ClassVar = ()
    writes: ClassVar = (FIGURE, STYLE, NUM_ROWS, NUM_COLUMNS, HAS_SPANS, *ASKED_FACTS)
    reasons: ClassVar[tuple[Reason, ...]] = (*dict.fromkeys((*READ_REASONS, *DRAW_REASONS)), NOTHING_TO_ASK)
    version: ClassVar = 1

    def __post_init__(self) -> None:
        check_target(self.target, self.max_questions)

    def __call__(self, row: Row) -> Conversation | Reject:
        rng = keyed_rng(self.seed, "table_task", row.key)
        try:
            grids = tables_of(row)
            if len(grids) > 1:
                raise ValueError(f"row {row.key} has {len(grids)} tables; the recipe lacks SplitTables before TableTask")
            grid = grids[0]
            if grid.num_rows < 2:
                raise Refused(NOTHING_TO_ASK, "a table of a single row, expected 2 or more")
            style = grid_style(rng, grid.has_spans)
            pixels, _ = draw_grid(grid, style, self.max_width_px, self.max_height_px)
        except Refused as refused:
            return refused.reject(row.key)
        asked: list[Asked] = []
        if self.target != WHOLE:
            asked += choose(ask_table(grid, rng), self.max_questions, self.seed, row.key, "table_task.choose")
        if self.target != QUESTIONS:
            asked.append(ask_whole_table(grid, rng))
        if not asked:
            return Reject(row.key, NOTHING_TO_ASK.name, f"{grid.num_rows} x {grid.num_columns} cells without names")
        size: dict[str, FactValue] = {NUM_ROWS.name: grid.num_rows, NUM_COLUMNS.name: grid.num_columns, HAS_SPANS.name: grid.has_spans}
        facts: dict[str, FactValue] = {FIGURE.name: "table", STYLE.name: style.name(), **size}
        return ask_about(row, [Image(pixels=pixels)], asked, {"grid": grid.to_json()}, facts)


def has_graph(row: Row) -> bool:
    """Whether the row tells a diagram."""
    named = text_field(row.fields, "path").lower().endswith(MERMAID_SUFFIXES)
    return any(name in row.blobs or row.fields.get(name) for name in ("graph", "mermaid")) or (named and "file" in row.blobs)


def graph_of(row: Row) -> Graph:
    """The graph that a row has: `graph` (an object, or its JSON as text or file) or `mermaid` (text or file).

    Raises: Refused with one of GRAPH_REASONS, READ_REASONS or NO_GRAPH.
    """
    graph, mermaid = row.fields.get("graph"), row.fields.get("mermaid")
    if isinstance(graph, Mapping):
        return read_graph(graph)
    data = row.blobs.get("graph")
    if isinstance(graph, str) or data is not None:
        text = graph if isinstance(graph, str) else decode_text(data or b"")
        try:
            return read_graph(json.loads(text))
        except (json.JSONDecodeError, RecursionError) as error:
            raise Refused(BAD_GRAPH, f"{text[:60]!r} is not JSON ({type(error).__name__})") from error
    if isinstance(mermaid, str):
        return read_mermaid(mermaid)
    file = row.blobs.get("mermaid", row.blobs.get("file"))
    if file is None:
        raise Refused(NO_GRAPH, "expected graph or mermaid in the row")
    return read_mermaid(decode_text(file))


@dataclass(frozen=True, slots=True)
class DiagramTask:
    """A row with a graph becomes a picture of it with questions, the whole graph as text, or both.

    `layout` is the version of Graphviz, which decides where nodes stand: a machine with another one does not take part.
    Raises: EngineMissing when it is made where Graphviz is not installed.
    """

    seed: int = 0
    target: str = BOTH
    max_questions: int = 4
    max_side_px: int = MAX_HEIGHT_PX
    layout: str = field(default_factory=dot_version)
    takes: ClassVar = (Row,)
    gives: ClassVar = Conversation
    reads: ClassVar = ()
    writes: ClassVar = (FIGURE, STYLE, NUM_NODES, NUM_EDGES, LAYOUT, *ASKED_FACTS)
    reasons: ClassVar[tuple[Reason, ...]] = tuple(dict.fromkeys((*GRAPH_REASONS, *GRAPH_DRAW_REASONS, *READ_REASONS, NO_GRAPH)))
    version: ClassVar = 1

    def __post_init__(self) -> None:
        check_target(self.target, self.max_questions)

    def __call__(self, row: Row) -> Conversation | Reject:
        if dot_version() != self.layout:
            raise RuntimeError(
                f"drawing a diagram: Graphviz here is {dot_version()}, the recipe was made with {self.layout}; install the same"
            )
        rng = keyed_rng(self.seed, "diagram_task", row.key)
        try:
            graph = graph_of(row)
            style = graph_style(rng)
            pixels, _ = draw_graph(graph, style, self.max_side_px)
        except Refused as refused:
            return refused.reject(row.key)
        asked: list[Asked] = []
        if self.target != WHOLE:
            asked += choose(ask_graph(graph, rng), self.max_questions, self.seed, row.key, "diagram_task.choose")
        if self.target != QUESTIONS or not asked:
            asked.append(ask_whole_graph(graph, rng))
        size: dict[str, FactValue] = {NUM_NODES.name: len(graph.nodes), NUM_EDGES.name: len(graph.edges), LAYOUT.name: f"dot {self.layout}"}
        facts: dict[str, FactValue] = {FIGURE.name: "diagram", STYLE.name: style.name(), **size}
        return ask_about(row, [Image(pixels=pixels)], asked, {"graph": graph.to_json()}, facts)
