"""Questions about a chart that its picture answers, each with the program that computes the answer.

What may be asked depends on what the picture lets a person read. Numbers written on the marks are exact, and everything can be
computed from them. Without them a value is asked for only where it lies on a tick of the axis, and values are compared only when
they differ by more than the eye may mistake.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from processors.chart.programs import JOINT, KIND, execute, total
from processors.chart.scale import exact, number_text, ticks_between
from processors.chart.table import Cell, Table, cell_text
from processors.chart.wordings import ORDINALS, WORDINGS
from processors.vision.asked import Asked
from schemas.identity import canonical_json

MIN_GAP_RATIO = 0.04  # of the axis: values that differ by less look alike without numbers on them
MIN_SHARE_GAP_RATIO = 0.05  # of the whole pie: angles are compared less well than heights
MAX_ADDED, MAX_LISTED, MAX_TABLE_CELLS = 12, 12, 240
CATEGORY = "category"  # what a category is called where nothing names it
WITH_PARTS = ("pie", "donut", "bar", "horizontal_bar")  # whose values a person would add up to a whole
WITHOUT_AXES = ("pie", "donut", "radar")


@dataclass(frozen=True, slots=True)
class Shown:
    """A chart as it was drawn: its table, which columns place a mark (`dims`) and which give its size (`measures`).

    `has_numbers`: the values stand on the marks. `ticks` are those of the value axis, empty when values cannot be read from it.
    `compared_by` axis, angle or nothing: how the eye compares two values. `is_across`: the value axis is the horizontal one.
    `is_ordered`: the rows follow one another in time. `is_in_order`: the rows stand in the order of the categories in the picture.
    `is_listed`: each category has a label of its own, rather than a place on a scale. `category`: what categories are called, where
    that is not `x_title`; `measure` likewise for `y_title`. `are_apart`: marks can be counted. `is_whole`: the table is all that is drawn. `hidden`: rows whose place the picture does not name.
    """

    table: Table
    chart: str = ""
    title: str = ""
    x_title: str = ""
    y_title: str = ""
    dims: tuple[str, ...] = ()
    measures: tuple[str, ...] = ()
    has_numbers: bool = False
    ticks: tuple[Decimal, ...] = ()
    compared_by: str = "nothing"
    is_across: bool = False
    is_ordered: bool = False
    is_in_order: bool = True
    is_listed: bool = True
    category: str = ""
    measure: str = ""
    are_apart: bool = False
    is_whole: bool = True
    hidden: frozenset[int] = frozenset()

    def truth(self) -> dict[str, Any]:
        """What the programs compute answers from."""
        return {**self.table.as_json(), "chart": self.chart, "title": self.title, "x_title": self.x_title, "y_title": self.y_title}

    def values(self, measure: str) -> list[tuple[tuple[Cell, ...], Decimal]]:
        at = self.table.names.index(measure)
        return [(row, exact(row[at])) for row in self.table.rows if isinstance(row[at], float)]  # type: ignore[arg-type]

    def differ(self, first: Decimal, second: Decimal, measure: str) -> bool:
        """Whether a person sees which of two values is larger."""
        if self.has_numbers:
            return first != second
        if self.compared_by == "angle":
            whole = sum(value for _, value in self.values(measure))
            return abs(first - second) >= whole * Decimal(MIN_SHARE_GAP_RATIO)
        return self.is_comparable and abs(first - second) >= (self.ticks[-1] - self.ticks[0]) * Decimal(MIN_GAP_RATIO)

    def are_marks_apart(self, measure: str) -> bool:
        """Whether no two marks of one category lie on one another, which a person would count and add as one."""
        at = self.table.names.index(self.dims[0])
        marks = [(row[at], value) for row, value in self.values(measure)]
        return self.chart == "heatmap" or len(set(marks)) == len(marks)

    @property
    def is_comparable(self) -> bool:
        return len(self.ticks) > 1 and self.compared_by == "axis"

    def can_read(self, value: Decimal) -> bool:
        return self.has_numbers or (self.is_comparable and value in self.ticks)


class _Asker:
    """Makes questions about one chart: words them and computes their answers."""

    def __init__(self, shown: Shown, rng: np.random.Generator) -> None:
        self.shown, self.rng, self.truth = shown, rng, shown.truth()
        self.category = _noun(shown.category or shown.x_title) if len(shown.dims) == 1 else " and ".join(_noun(name) for name in shown.dims)
        self.category = self.category or CATEGORY

    def pick(self, options: Sequence[Any]) -> Any:
        return options[int(self.rng.integers(len(options)))]

    def some(self, options: Sequence[Any], most: int) -> list[Any]:
        return [options[int(at)] for at in self.rng.permutation(len(options))[:most]]

    def ask(self, op: str, wording: str = "", words: Mapping[str, str] | None = None, **arguments: Any) -> Asked:
        program = {"kind": KIND, "op": op, **arguments}
        question = self.pick(WORDINGS[wording or op]).format(**{"c": self.category, "of": "", **(words or {})})
        return Asked(question, execute(self.truth, program), program)

    def of(self, measure: str) -> str:
        """ " of Visitors": the name of the measure, where the picture shows it."""
        if len(self.shown.measures) > 1:
            return f" of {measure}"
        if self.shown.measure:
            return f" of {self.shown.measure}"
        return f" of {self.shown.y_title}" if self.shown.y_title and self.shown.y_title.casefold() not in ("value", "values") else ""

    def where(self, row: tuple[Cell, ...]) -> dict[str, Cell]:
        return {name: row[self.shown.table.names.index(name)] for name in self.shown.dims}

    def place(self, row: tuple[Cell, ...]) -> str:
        """How a row is called in a question: North, year 2020, or category A and group x."""
        cells = [(name, cell_text(row[self.shown.table.names.index(name)])) for name in self.shown.dims]
        if len(cells) == 1:
            text = cells[0][1]
            return (
                f"{self.category} {text}"
                if text.replace(".", "").lstrip("-").isdigit() and (self.shown.category or self.shown.x_title)
                else text
            )
        return " and ".join(f"{name} {text}" for name, text in cells)

    def is_named(self, row: tuple[Cell, ...]) -> bool:
        """Whether each of its dims has a text, and no other row is placed alike."""
        if row in (self.shown.table.rows[number] for number in self.shown.hidden):
            return False
        where = self.where(row)
        places = [self.shown.table.names.index(name) for name in where]
        return (
            None not in where.values() and sum([other[at] for at in places] == list(where.values()) for other in self.shown.table.rows) == 1
        )


def _noun(title: str) -> str:
    """An axis title inside a sentence: Region becomes region, CO2 stays."""
    return title[:1].lower() + title[1:] if title[1:2].islower() else title


def all_questions(shown: Shown, rng: np.random.Generator) -> list[Asked]:
    """Every kind of question that the picture answers, a few of each kind. Order and words depend on the generator alone."""
    asker = _Asker(shown, rng)
    found = list(_structure(asker))
    for measure in shown.measures:
        found += [
            *_values(asker, measure),
            *_extremes(asker, measure),
            *_pairs(asker, measure),
            *_counts(asker, measure),
            *_totals(asker, measure),
        ]
    return _clear([*found, *_across(asker), *_points(asker)])


def _clear(asked: list[Asked]) -> list[Asked]:
    """Each program once, and no question in words that stand for two programs."""
    programs: dict[str, set[str]] = {}
    for one in asked:
        programs.setdefault(one.question, set()).add(canonical_json(dict(one.program)))
    once = {canonical_json(dict(one.program)): one for one in reversed(asked) if len(programs[one.question]) == 1}
    return [one for one in asked if once.get(canonical_json(dict(one.program))) is one]


def table_questions(shown: Shown, rng: np.random.Generator) -> list[Asked]:
    """The table as a target, in Markdown or CSV; none when the picture does not show every value."""
    known = [value for measure in shown.measures for _, value in shown.values(measure)]
    size = len(shown.table.rows) * len(shown.table.columns)
    # without the name of the first column no one could write the header
    if not known or size > MAX_TABLE_CELLS or not all(map(shown.can_read, known)) or not shown.is_whole or not all(shown.table.names):
        return []
    asker = _Asker(shown, rng)
    return [asker.ask(asker.pick(("markdown", "markdown", "csv")))]


def _structure(asker: _Asker) -> Iterator[Asked]:
    shown = asker.shown
    if shown.title:
        yield asker.ask("title")
    across, up = ("vertical", "horizontal") if shown.is_across else ("horizontal", "vertical")
    if shown.x_title and shown.chart not in WITHOUT_AXES:
        yield asker.ask("x_title", words={"axis": across})
    if shown.y_title and shown.chart not in WITHOUT_AXES:
        yield asker.ask("y_title", words={"axis": up})
    if shown.chart:
        yield asker.ask("chart_kind")
    if not shown.is_whole:
        return
    if len(shown.dims) == 1 and shown.chart not in ("scatter", "bubble"):
        dim = shown.dims[0]
        names = [row[shown.table.names.index(dim)] for row in shown.table.rows]
        if None not in names and len(names) > 1 and not shown.hidden and shown.is_listed:
            yield asker.ask("count_distinct", column=dim)
            direction = "from top to bottom" if shown.is_across else "from left to right"
            can_list = shown.is_in_order and shown.chart not in WITHOUT_AXES and len(set(names)) <= MAX_LISTED
            if can_list and not any(JOINT.strip() in str(name) for name in names):
                yield asker.ask("list", words={"direction": direction}, column=dim)
    if len(shown.measures) > 1 and shown.chart != "heatmap":
        yield asker.ask("count_series", of=list(shown.dims))
        if len(shown.measures) <= MAX_LISTED and not any(JOINT.strip() in name for name in shown.measures):
            yield asker.ask("series", columns=list(shown.measures))


def _values(asker: _Asker, measure: str) -> Iterator[Asked]:
    known = [row for row, value in asker.shown.values(measure) if asker.shown.can_read(value) and asker.is_named(row)]
    for row in asker.some(known, 3):
        yield asker.ask("lookup", words={"of": asker.of(measure), "p": asker.place(row)}, column=measure, where=asker.where(row))


def _extremes(asker: _Asker, measure: str) -> Iterator[Asked]:
    shown = asker.shown
    ranked = sorted(shown.values(measure), key=lambda pair: pair[1], reverse=True)
    if len(ranked) < 2 or not all(asker.is_named(row) for row, _ in ranked) or not shown.is_whole:
        return
    named: dict[str, Any] = {"column": measure, "of": list(shown.dims)}
    words = {"of": asker.of(measure)}
    clear = [shown.differ(ranked[at][1], ranked[at + 1][1], measure) for at in range(len(ranked) - 1)]
    if clear[0]:
        yield asker.ask("argmax", words=words, **named)
    if clear[-1]:
        yield asker.ask("argmin", words=words, **named)
    if shown.can_read(ranked[0][1]):
        yield asker.ask("max", words=words, column=measure)
    if shown.can_read(ranked[-1][1]):
        yield asker.ask("min", words=words, column=measure)
    for order, gaps in (("largest", clear), ("smallest", clear[::-1])):
        for place in (2, 3):
            if len(gaps) >= place + 1 and all(gaps[:place]):
                yield asker.ask("rank", f"rank_{order}", {**words, "nth": ORDINALS[place]}, place=place, order=order, **named)


def _pairs(asker: _Asker, measure: str) -> Iterator[Asked]:
    """Differences, ratios, comparisons and trends between two places."""
    shown = asker.shown
    known = [(row, value) for row, value in shown.values(measure) if asker.is_named(row)]
    if len(known) < 2:
        return
    drawn = [[int(at) for at in asker.rng.permutation(len(known))[:2]] for _ in range(3)]
    pairs = [(known[first], known[second]) for first, second in {frozenset(pair): pair for pair in drawn}.values()]
    for (row, value), (other, second) in pairs:
        words = {"of": asker.of(measure), "p": asker.place(row), "q": asker.place(other)}
        between: dict[str, Any] = {"column": measure, "first": asker.where(row), "second": asker.where(other)}
        if shown.differ(value, second, measure):
            relation = asker.pick(("greater", "less"))
            yield asker.ask("compare", f"compare_{relation}", words, relation=relation, **between)
        if shown.can_read(value) and shown.can_read(second) and value != second:
            yield asker.ask("difference", words=words, **between)
            if value > 0 and second > 0 and Decimal("0.05") <= value / second <= 50:
                yield asker.ask("ratio", words=words, digits=2, **between)
    if shown.is_ordered:
        some, later = sorted(int(at) for at in asker.rng.permutation(len(known))[:2])
        for start, stop in dict.fromkeys(((0, len(known) - 1), (some, later))):
            (row, value), (other, second) = known[start], known[stop]
            if shown.differ(value, second, measure):
                words = {"of": asker.of(measure), "p": asker.place(row), "q": asker.place(other)}
                yield asker.ask("trend", words=words, column=measure, first=asker.where(row), second=asker.where(other))


def _counts(asker: _Asker, measure: str) -> Iterator[Asked]:
    """How many values lie above or below a round number that none of them is near."""
    shown = asker.shown
    values = [value for _, value in shown.values(measure)]
    if len(values) < 3 or not shown.is_whole or not shown.is_listed or not (shown.has_numbers or shown.is_comparable):
        return
    bounds = shown.ticks or ticks_between(float(min(values)), float(max(values)))
    if not shown.are_marks_apart(measure):
        return
    # with values on both sides, else the answer is none or all of them
    inside = [
        bound for bound in bounds if min(values) < bound < max(values) and all(shown.differ(value, bound, measure) for value in values)
    ]
    for bound in asker.some(inside, 1):
        unit = "%" if shown.table.columns[shown.table.names.index(measure)].unit == "%" else ""
        words = {"of": asker.of(measure), "t": number_text(bound) + unit}
        yield asker.ask(asker.pick(("count_above", "count_below")), words=words, column=measure, threshold=float(bound))


def _totals(asker: _Asker, measure: str) -> Iterator[Asked]:
    shown = asker.shown
    values = [value for _, value in shown.values(measure)]
    if not shown.is_listed or not 2 <= len(values) <= MAX_ADDED or not all(map(shown.can_read, values)) or not shown.is_whole:
        return
    if not shown.are_marks_apart(measure):
        return
    words = {"of": asker.of(measure)}
    yield asker.ask("sum", words=words, column=measure)
    yield asker.ask("mean", words=words, column=measure, digits=2)
    is_share = shown.table.columns[shown.table.names.index(measure)].unit == "%"
    if len(shown.measures) == 1 and min(values) > 0 and not is_share and shown.chart in WITH_PARTS:
        for row, _ in asker.some([pair for pair in shown.values(measure) if asker.is_named(pair[0])], 1):
            yield asker.ask("share", words={"p": asker.place(row)}, column=measure, where=asker.where(row), all={}, digits=1)


def _across(asker: _Asker) -> Iterator[Asked]:
    """Between series: the largest at a place, the largest growth, the largest total."""
    shown = asker.shown
    measures = list(shown.measures)
    if len(measures) < 2 or shown.chart == "heatmap" or len(shown.dims) != 1:
        return
    places = {name: shown.table.names.index(name) for name in measures}
    full = [row for row in shown.table.rows if asker.is_named(row) and all(isinstance(row[at], float) for at in places.values())]
    for row in asker.some(full, 2):
        ranked = sorted((exact(row[at]) for at in places.values()), reverse=True)  # type: ignore[arg-type]
        if shown.differ(ranked[0], ranked[1], measures[0]):
            yield asker.ask("best_column", words={"p": asker.place(row)}, columns=measures, where=asker.where(row))
    if shown.is_ordered and len(full) == len(shown.table.rows) > 1:
        first, last = full[0], full[-1]
        grown = sorted((exact(last[at]) - exact(first[at]) for at in places.values()), reverse=True)  # type: ignore[arg-type]
        if grown[0] > 0 and shown.differ(grown[0], grown[1], measures[0]):
            words = {"p": asker.place(first), "q": asker.place(last)}
            yield asker.ask("growth", words=words, columns=measures, first=asker.where(first), second=asker.where(last))
    if shown.has_numbers and len(full) == len(shown.table.rows) <= MAX_ADDED and shown.is_whole:
        sums = sorted((total([exact(row[at]) for row in full]) for at in places.values()), reverse=True)  # type: ignore[arg-type]
        if sums[0] != sums[1]:
            yield asker.ask("best_column", "best_total", columns=measures)


def _points(asker: _Asker) -> Iterator[Asked]:
    if asker.shown.chart in ("scatter", "bubble") and asker.shown.are_apart and asker.shown.is_whole:
        yield asker.ask("count_rows")
