"""Rows with data for a chart, or with a chart, become conversations about its picture.

A row has one of: `table` (a list of rows of which the first is the header, or {label: number}, or CSV text), `records` (a list of
objects), a blob `table` (a CSV or TSV file), `spec` or a blob `spec` (Vega-Lite or Vega, with `data` for the sources it names), or
a blob `image` with a question and its answer or a list of such pairs, and perhaps the table. `title`, `kind`, `x_title` and `y_title` are optional.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from processors.chart.choose import NO_CHART_FITS, WITHOUT_NUMBERS, Names, fitting_kinds, make_chart
from processors.chart.draw import DRAW_REASONS, TOO_CROWDED, draw_fitting
from processors.chart.drawn import shown_of
from processors.chart.given import ANSWER_CONTRADICTS_TABLE, check_pairs
from processors.chart.model import KINDS
from processors.chart.questions import Shown, all_questions, table_questions
from processors.chart.styles import choose_style
from processors.chart.table import BAD_TABLE, TOO_MANY_CELLS, Table, table_from_records, table_from_rows, table_from_values
from processors.chart.vega import BAD_SPEC, VEGA_REASONS, read_spec, render_spec
from processors.dialogue import text_field
from processors.grid.read import READ_REASONS, read_csv
from processors.messages import BAD_PAIR, NO_PAIRS, pairs_of
from processors.pairs import ANSWER_COLUMNS, QUESTION_COLUMNS, listed_pairs
from processors.vision.asked import ASKED_FACTS, Asked, ask_about, choose
from schemas.facts import Fact
from schemas.identity import keyed_rng
from schemas.outcome import Reason, Refused, Reject
from schemas.parts import Image
from schemas.records import Conversation, FactValue, Row

CHART_KIND = Fact("chart.kind", str, "Kind of chart: bar, line, pie, ...; empty where it is not known")
CHART_STYLE = Fact("chart.style", str, "Name of the style that the chart was drawn in; empty where it was not drawn by us")
RENDERER = Fact("chart.renderer", str, "What drew the picture: matplotlib, vega, or given (the source)")
NUM_ROWS = Fact("chart.num_rows", int, "Rows of the table that the chart shows; 0 where it is not known")
NUM_CONFIRMED = Fact("chart.num_confirmed", int, "Given answers that the given table confirms")

NO_CHART_DATA = Reason("no_chart_data", "The row has no table, records, specification, and no image with questions")
NOTHING_TO_ASK = Reason("nothing_to_ask", "The picture answers no question of the kinds that are asked for")

QUESTIONS, TABLE, BOTH = "questions", "table", "both"
SIDES_PX = ((480, 360), (560, 400), (640, 440), (720, 480), (800, 500), (640, 640), (900, 560), (600, 760))
MAX_SIDE_PX = 1344  # the cap of vision pre-training: a chart is drawn at this size rather than shrunk to it
NUMBERS_RATIO = 0.6  # of charts with few marks have numbers on them
MAX_NUMBERED_MARKS, MAX_NUMBERED_POINTS = 36, 16  # points of several lines, which cross the numbers of one another


@dataclass(frozen=True, slots=True)
class ChartTask:
    """A row becomes: user `<image>` + question, assistant answer (learned), for up to `max_questions` turns.

    `target`: questions; table (the data as Markdown or CSV); both (the table first). `kinds` are those that may be drawn; of several
    that fit a table one is taken by a hash of seed and key. A chart for `table` or `both` has numbers on its marks.
    """

    seed: int = 0
    target: str = QUESTIONS
    max_questions: int = 6
    kinds: tuple[str, ...] = KINDS
    takes: ClassVar = (Row,)
    gives: ClassVar = Conversation
    reads: ClassVar = ()
    writes: ClassVar = (*ASKED_FACTS, CHART_KIND, CHART_STYLE, RENDERER, NUM_ROWS, NUM_CONFIRMED)
    reasons: ClassVar[tuple[Reason, ...]] = (
        *(NO_CHART_DATA, NOTHING_TO_ASK, BAD_TABLE, TOO_MANY_CELLS, NO_CHART_FITS, ANSWER_CONTRADICTS_TABLE, NO_PAIRS, BAD_PAIR),
        *DRAW_REASONS,
        *(reason for reason in (*VEGA_REASONS, *READ_REASONS) if reason not in DRAW_REASONS),
    )
    version: ClassVar = 1

    def __post_init__(self) -> None:
        if self.target not in (QUESTIONS, TABLE, BOTH):
            raise ValueError(f"chart target is {self.target!r}, expected {QUESTIONS}, {TABLE} or {BOTH}")
        if self.max_questions < 1:
            raise ValueError(f"max_questions is {self.max_questions}, expected 1 or more")
        unknown = [kind for kind in self.kinds if kind not in KINDS]
        if unknown or not self.kinds:
            raise ValueError(f"chart kinds are {self.kinds}, expected some of {', '.join(KINDS)}")

    def __call__(self, row: Row) -> Conversation | Reject:
        try:
            if "image" in row.blobs:
                return self._given(row)
            if "spec" in row.blobs or row.fields.get("spec") is not None:
                return self._from_spec(row)
            return self._from_table(row, self._read_table(row))
        except Refused as refused:
            return refused.reject(row.key)

    # ---- a picture that is given

    def _given(self, row: Row) -> Conversation:
        single = text_field(row.fields, *QUESTION_COLUMNS), text_field(row.fields, *ANSWER_COLUMNS)
        pairs = [single] if all(single) and not listed_pairs(row.fields) else pairs_of(row.fields)
        table = self._read_table(row) if "table" in row.fields or "records" in row.fields else None
        facts: dict[str, FactValue] = {
            CHART_KIND.name: text_field(row.fields, "kind", "type"),
            CHART_STYLE.name: "",
            RENDERER.name: "given",
            NUM_ROWS.name: len(table.rows) if table else 0,
            NUM_CONFIRMED.name: check_pairs(pairs, table) if table else 0,
        }
        return ask_about(row, [Image(source=row.blobs["image"])], [Asked(question, answer) for question, answer in pairs], {}, facts)

    # ---- a specification

    def _from_spec(self, row: Row) -> Conversation:
        given = row.fields.get("spec")
        if isinstance(given, Mapping):
            spec = dict(given)
        elif isinstance(given, str):
            spec = read_spec(given.encode())
        elif given is None:
            spec = read_spec(row.blobs["spec"])
        else:
            raise Refused(BAD_SPEC, f"spec is {given!r:.80}, expected an object or JSON text")
        data = row.fields.get("data")
        rendered = render_spec(spec, data if isinstance(data, Mapping) else None)
        return self._ask(row, shown_of(rendered.scene), Image(source=rendered.png), "", "vega")

    # ---- a table

    def _read_table(self, row: Row) -> Table:
        given = row.fields.get("table")
        if isinstance(given, Mapping):
            return table_from_values(
                given, text_field(row.fields, "row", "x_title"), text_field(row.fields, "measured", "y_title") or "Value"
            )
        if isinstance(given, str):
            return table_from_rows(read_csv(given.encode()).text_rows())
        if isinstance(given, list):
            if given and isinstance(given[0], Mapping):
                return table_from_records(given)
            bad = next((line for line in given if not isinstance(line, list)), None)
            if bad is not None:
                raise Refused(BAD_TABLE, f"a row of the table is {bad!r:.80}, expected a list")
            return table_from_rows(given)
        records = row.fields.get("records")
        if isinstance(records, list):
            return table_from_records(records)
        if "table" in row.blobs:
            return table_from_rows(read_csv(row.blobs["table"]).text_rows())
        raise Refused(NO_CHART_DATA, "expected table, records, spec, or an image with questions")

    def _from_table(self, row: Row, table: Table) -> Conversation:
        rng = keyed_rng(self.seed, "chart_task", row.key)
        names = Names(*(" ".join(text_field(row.fields, name).split()) for name in ("title", "x_title", "y_title")))
        kinds = self._kinds(row, table)
        style, size = choose_style(rng), SIDES_PX[int(rng.integers(len(SIDES_PX)))]
        wants_numbers = self.target != QUESTIONS or float(rng.random()) < NUMBERS_RATIO
        crowded: Refused | None = None
        for kind in (kinds[int(at)] for at in rng.permutation(len(kinds))):
            marks = len(table.rows) * max(1, len(table.numbers))
            few = kind == "histogram" or marks <= (MAX_NUMBERED_POINTS if kind == "line" and len(table.columns) > 2 else MAX_NUMBERED_MARKS)
            for has_numbers in (True, False) if wants_numbers and few else (False,):
                try:
                    chart, shown = make_chart(table, kind, names, has_numbers)
                    pixels = draw_fitting(chart, style, *size, MAX_SIDE_PX)
                except Refused as refused:
                    if refused.reason is not TOO_CROWDED:
                        raise
                    crowded = refused
                    continue
                return self._ask(row, shown, Image(pixels=pixels), style.name, "matplotlib")
        assert crowded is not None
        raise crowded

    def _kinds(self, row: Row, table: Table) -> list[str]:
        wanted = text_field(row.fields, "kind")
        if wanted and wanted not in KINDS:
            raise Refused(NO_CHART_FITS, f"kind is {wanted!r}, expected one of {', '.join(KINDS)}")
        fitting = fitting_kinds(table) if not wanted else [wanted]
        kinds = [kind for kind in fitting if kind in self.kinds]
        if not kinds:
            raise Refused(NO_CHART_FITS, f"{', '.join(fitting)} fit, {', '.join(self.kinds)} are asked for")
        if self.target == TABLE:  # the table is read off the numbers on the marks
            kinds = [kind for kind in kinds if kind not in WITHOUT_NUMBERS] or kinds
        return kinds

    # ---- questions

    def _ask(self, row: Row, shown: Shown, image: Image, style: str, renderer: str) -> Conversation:
        rng: np.random.Generator = keyed_rng(self.seed, "chart_questions", row.key)
        tables = table_questions(shown, rng) if self.target != QUESTIONS else []
        asked = all_questions(shown, rng) if self.target != TABLE else []
        asked = tables + choose(asked, self.max_questions - len(tables), self.seed, row.key, "chart_choice")
        if not asked:
            raise Refused(
                NOTHING_TO_ASK,
                f"a {shown.chart or 'chart'} without {'readable values' if self.target == TABLE else 'readable data and titles'}",
            )
        facts: dict[str, FactValue] = {
            CHART_KIND.name: shown.chart,
            CHART_STYLE.name: style,
            RENDERER.name: renderer,
            NUM_ROWS.name: len(shown.table.rows),
            NUM_CONFIRMED.name: 0,
        }
        return ask_about(row, [image], asked, {"table": shown.truth()}, facts)
