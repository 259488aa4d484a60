"""Charts, tables and diagrams in one corpus: each row goes to the task for what it tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from processors.chart.model import KINDS
from processors.chart.task import ChartTask
from processors.grid.task import FIGURE, STYLE, DiagramTask, TableTask, has_graph
from schemas.outcome import Reason, Reject
from schemas.records import Conversation, Row, with_facts

NO_FIGURE = Reason("no_figure", "The row has no data for a chart, no table and no diagram, and no picture with questions")

CHART, TABLE, DIAGRAM, GIVEN = "chart", "table", "diagram", "given"


def figure_of(row: Row) -> str:
    """What a row tells: chart, table, diagram, given (a picture with its questions), or nothing.

    Its field `figure` says so; else a specification, records, labels with numbers, or a table with the kind of its chart is a
    chart, a graph or Mermaid text a diagram, any other table a table.
    """
    stated = row.fields.get("figure")
    if stated in (CHART, TABLE, DIAGRAM):
        return str(stated)
    if "image" in row.blobs:
        return GIVEN
    if has_graph(row):
        return DIAGRAM
    table = row.fields.get("table")
    if "spec" in row.blobs or any(row.fields.get(name) for name in ("spec", "records")) or isinstance(table, Mapping):
        return CHART
    if table is not None and row.fields.get("kind") in KINDS:
        return CHART
    if "table" in row.blobs or "text" in row.blobs or any(row.fields.get(name) for name in ("grid", "html", "table")):
        return TABLE
    return ""


@dataclass(frozen=True, slots=True)
class FigureTask:
    """A row becomes a conversation about its chart, table or diagram (see ChartTask, TableTask, DiagramTask); after SplitTables."""

    chart: ChartTask = field(default_factory=ChartTask)
    table: TableTask = field(default_factory=TableTask)
    diagram: DiagramTask = field(default_factory=DiagramTask)
    takes: ClassVar = (Row,)
    gives: ClassVar = Conversation
    reads: ClassVar = ()
    writes: ClassVar = tuple(dict.fromkeys((*TableTask.writes, *DiagramTask.writes, *ChartTask.writes)))
    reasons: ClassVar[tuple[Reason, ...]] = tuple(
        {reason.name: reason for reason in (*ChartTask.reasons, *DiagramTask.reasons, *TableTask.reasons, NO_FIGURE)}.values()
    )
    version: ClassVar = 1

    def __call__(self, row: Row) -> Conversation | Reject:
        kind = figure_of(row)
        if kind == TABLE:
            return self.table(row)
        if kind == DIAGRAM:
            return self.diagram(row)
        if not kind:
            return Reject(
                row.key,
                NO_FIGURE.name,
                f"fields {', '.join(sorted(row.fields))[:80] or 'none'}, files {', '.join(sorted(row.blobs)) or 'none'}",
            )
        made = self.chart(row)
        return made if isinstance(made, Reject) else with_facts(made, {FIGURE.name: kind, STYLE.name: str(made.facts["chart.style"])})
