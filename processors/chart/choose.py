"""Which charts a table can be drawn as, and the chart of one kind with the table that it shows."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from processors.chart.model import Chart, Series
from processors.chart.questions import Shown
from processors.chart.scale import five_numbers, histogram_of, number_text, value_ticks
from processors.chart.table import DATE, NUMBER, TEXT, Cell, Column, Table, cell_text
from schemas.outcome import Reason, Refused

NO_CHART_FITS = Reason("no_chart_fits", "No kind of chart fits the data, or not the kind that is asked for")

MAX_BARS, MAX_LINE_POINTS, MAX_SLICES, MAX_AXES = 30, 60, 8, 10  # more of them and a reader counts rather than sees
MAX_SERIES, MAX_SHOWN_BARS = 6, 48
MIN_SLICES = 3
MIN_SAMPLE = 20  # values that make a distribution
MIN_BOXES, MIN_BOX, MAX_BOX_RATIO = 3, 5, 4  # boxes, values in each, and between the largest values of two
MAX_RATIO = 30  # between the largest values of two series: beyond it one of them is a flat line
MAX_APART_POINTS, APART_RATIO = 15, 0.05  # points that can be counted, and their least distance on the picture
BY_ANGLE, WITHOUT_SCALE = ("pie", "donut"), ("stacked_bar", "radar", "heatmap", "scatter", "bubble")
WITHOUT_NUMBERS = frozenset(("radar", "box", "scatter", "bubble"))  # kinds on whose marks no numbers are written
OF_CATEGORIES = ("bar", "grouped_bar", "stacked_bar", "horizontal_bar", "line", "area", "pie", "donut", "radar", "heatmap")
_TIMES = re.compile(
    r"(?:1[5-9]|20)\d\d(?:[-/]\d{1,2}(?:[-/]\d{1,2})?)?(?:-\d\d)?|q[1-4](?: ?\d{4})?|\d{4} ?q[1-4]|h[12]"
    r"|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|sept|oct|nov|dec)[a-z]*\.?(?: \d{2,4})?|(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?"
    r"|(?:week|day|month|year|quarter|hour|round|stage) ?\d{1,3}|\d{1,2}:\d\d",
    re.IGNORECASE,
)
_ORDINAL_NAMES = re.compile(
    r"years?|months?|days?|dates?|weeks?|quarters?|hours?|time|seasons?|rounds?|jahr|monat|année|año|anno|ano|年|月|日", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Names:
    """What the row says of its chart: title and axis titles, empty where it says nothing."""

    title: str = ""
    x_title: str = ""
    y_title: str = ""


@dataclass(frozen=True, slots=True)
class _Wide:
    """A table as categories and series of one unit."""

    category: str
    labels: tuple[str, ...]
    series: tuple[Series, ...]
    unit: str
    is_time: bool


def fitting_kinds(table: Table) -> list[str]:
    """The kinds as which the table can be drawn so that a person reads it, in the order of KINDS.

    Raises: Refused with NO_CHART_FITS when there is none.
    """
    found = _kinds_of_categories(_wide(table))
    numbers = [[value for value in _cells(table, at) if value is not None] for at in table.numbers]
    if len(numbers) == 1 and len(numbers[0]) >= MIN_SAMPLE and not found:
        found.append("histogram")
    if len(numbers) >= 2 and not found:
        found += ["scatter"] + (["bubble"] if len(numbers) == 3 and all(isinstance(v, float) and v > 0 for v in numbers[2]) else [])
        if _are_samples(table):
            found.append("box")
    if not found:
        raise Refused(NO_CHART_FITS, f"columns {', '.join(f'{c.name} ({c.type})' for c in table.columns)[:200]}, {len(table.rows)} rows")
    return found


def _are_samples(table: Table) -> bool:
    """Whether the columns are samples of one thing, which boxes compare: three or more, of one unit and of like size."""
    columns = [[abs(cell) for cell in _cells(table, at) if isinstance(cell, float)] for at in table.numbers]
    if (
        len(columns) < MIN_BOXES
        or any(len(column) < MIN_BOX for column in columns)
        or len({table.columns[at].unit for at in table.numbers}) > 1
    ):
        return False
    tops = [max(column) for column in columns]
    return max(tops) <= MAX_BOX_RATIO * min(tops)


def _kinds_of_categories(wide: _Wide | None) -> list[str]:
    if wide is None:
        return []
    rows, count = len(wide.labels), len(wide.series)
    values = [value for series in wide.series for value in series.values if value is not None]
    is_full = len(values) == rows * count
    positive = all(value >= 0 for value in values) and is_full
    found = []
    if count == 1 and 2 <= rows <= MAX_BARS:
        found += ["bar", "horizontal_bar"]
    if count > 1 and rows * count <= MAX_SHOWN_BARS:
        found += ["grouped_bar"] + (["stacked_bar"] if positive else [])
    if wide.is_time and 3 <= rows <= MAX_LINE_POINTS:
        found.append("line")
        if positive and count == 1:
            found.append("area")
    if count == 1 and MIN_SLICES <= rows <= MAX_SLICES and is_full and all(value > 0 for value in values) and not wide.is_time:
        found += ["pie", "donut"]
    if 3 <= rows <= MAX_AXES and positive and count <= 3 and not wide.is_time and any(values):
        found.append("radar")
    if count >= 3 and 3 <= rows <= 12 and is_full:
        found.append("heatmap")
    return found


def make_chart(table: Table, kind: str, names: Names, has_numbers: bool) -> tuple[Chart, Shown]:
    """The chart of one kind, and what it shows. Raises: Refused with NO_CHART_FITS."""
    if kind in OF_CATEGORIES:
        wide = _wide(table)
        if wide is None:
            raise Refused(NO_CHART_FITS, f"a {kind} needs a column of categories, each once, and numbers beside it")
        return _of_categories(wide, kind, names, has_numbers)
    if not table.numbers:
        raise Refused(NO_CHART_FITS, f"a {kind} needs numbers")
    if kind == "histogram":
        return _histogram(table, names, has_numbers)
    if kind == "box":
        return _box(table, names)
    return _scatter(table, kind, names)


def _cells(table: Table, at: int) -> list[Cell]:
    return [row[at] for row in table.rows]


def _wide(table: Table) -> _Wide | None:
    """Categories and series; None where no column names the rows. Two texts and a number: the second text names series."""
    texts = [at for at, column in enumerate(table.columns) if column.type != NUMBER]
    numbers = list(table.numbers)
    times = [at for at in numbers if _is_time(table, at)]
    if len(texts) == 1 and len(times) == 1 and len(numbers) == 2 and not _is_key(table, texts[0]):  # year, group, value
        numbers.remove(times[0])
        texts = [*times, *texts]
    if len(texts) == 2 and len(numbers) == 1 and not _is_key(table, texts[0]):
        spread = _spread(table, texts[0], texts[1], numbers[0])
        if spread is not None:
            return _wide(spread)
    key = next((at for at in texts if _is_key(table, at)), None)
    if key is None and not texts and numbers and _is_run(table, numbers[0]) and len(numbers) > 1:
        key = numbers.pop(0)
    if key is None or not numbers:
        return None
    unit = table.columns[numbers[0]].unit
    columns = [at for at in numbers if table.columns[at].unit == unit and any(cell is not None for cell in _cells(table, at))]
    tops = {at: max(abs(float(cell)) for cell in _cells(table, at) if cell is not None) for at in columns}
    if not columns:
        return None
    first = tops[columns[0]] or 1.0
    columns = [at for at in columns if first / MAX_RATIO <= (tops[at] or 1.0) <= first * MAX_RATIO][:MAX_SERIES]
    labels = tuple(cell_text(cell) for cell in _cells(table, key))
    series = tuple(
        Series(table.columns[at].name, tuple(cell if isinstance(cell, float) else None for cell in _cells(table, at))) for at in columns
    )
    column = table.columns[key]
    is_time = column.type in (DATE, NUMBER) or all(_TIMES.fullmatch(label) for label in labels)
    return _Wide(column.name, labels, series, unit, is_time)


def _spread(table: Table, first: int, second: int, value: int) -> Table | None:
    """A long table as a wide one: a column for each text of the second column; None where a pair stands twice."""
    cells = {(row[first], row[second]): row[value] for row in table.rows}
    heads = list(dict.fromkeys(_cells(table, second)))
    places = list(dict.fromkeys(_cells(table, first)))
    if len(cells) < len(table.rows) or None in heads or None in places or len(heads) > 2 * MAX_SERIES or table.columns[first].name in heads:
        return None
    columns = (table.columns[first], *(Column(str(head), NUMBER, table.columns[value].unit) for head in heads))
    return Table(columns, tuple((place, *(cells.get((place, head)) for head in heads)) for place in places))


def _is_key(table: Table, at: int) -> bool:
    cells = _cells(table, at)
    return None not in cells and len(set(cells)) == len(cells)


def _is_run(table: Table, at: int) -> bool:
    """Whether numbers stand for categories in order, rising from row to row."""
    known = [cell for cell in _cells(table, at) if isinstance(cell, float)]
    return _is_time(table, at) and all(b > a for a, b in itertools.pairwise(known))


def _is_time(table: Table, at: int) -> bool:
    """Whether a column of whole numbers counts time: years, or a column that is named for a time."""
    known = [cell for cell in _cells(table, at) if isinstance(cell, float)]
    whole = len(known) == len(table.rows) and all(value == int(value) for value in known)
    return whole and (bool(_ORDINAL_NAMES.fullmatch(table.columns[at].name)) or all(1500 <= value <= 2100 for value in known))


def _with_unit(title: str, unit: str) -> str:
    """An axis title that names the currency, which the numbers on the marks leave out."""
    return title if unit in ("", "%") or unit in title else f"{title} ({unit})".strip()


def _of_categories(wide: _Wide, kind: str, names: Names, has_numbers: bool) -> tuple[Chart, Shown]:
    if kind in ("pie", "donut", "bar", "horizontal_bar"):
        wide = replace(wide, series=wide.series[:1])
    single = len(wide.series) == 1
    shows_titles = kind not in ("pie", "donut", "radar")
    x_title = names.x_title or wide.category
    y_title = _with_unit(names.y_title or (wide.series[0].name if single and kind != "heatmap" else ""), wide.unit)
    if kind == "heatmap":
        y_title = names.y_title
    chart = Chart(kind, wide.labels, wide.series, names.title, x_title if shows_titles else "", y_title if shows_titles else "",
                  labels=has_numbers and kind != "radar", percent=wide.unit == "%")  # fmt: skip
    # the picture names a single series only through its axis, and pies have none
    head = chart.x_title or "Category"
    measures = [series.name for series in wide.series] if not single else [(chart.y_title or "Value")]
    if head in measures or len(set(measures)) < len(measures):
        raise Refused(NO_CHART_FITS, f"the axis title {head!r} is also the name of a series")
    unit = "%" if wide.unit == "%" else ""
    columns = (Column(head, TEXT), *(Column(name, NUMBER, unit) for name in measures))
    rows = tuple((label, *(series.values[at] for series in wide.series)) for at, label in enumerate(wide.labels))
    compared = "angle" if kind in BY_ANGLE else "nothing" if kind in WITHOUT_SCALE or (kind == "area" and not single) else "axis"
    shown = Shown(
        Table(columns, rows), kind, names.title, chart.x_title, chart.y_title, (head,), tuple(measures),
        has_numbers=chart.labels, ticks=value_ticks(chart), compared_by=compared, is_across=kind == "horizontal_bar", is_ordered=wide.is_time,
    )  # fmt: skip
    return chart, shown


def _histogram(table: Table, names: Names, has_numbers: bool) -> tuple[Chart, Shown]:
    at = table.numbers[0]
    values = tuple(cell for cell in _cells(table, at) if isinstance(cell, float))
    x_title, y_title = names.x_title or _with_unit(table.columns[at].name, table.columns[at].unit), names.y_title or "Count"
    chart = Chart("histogram", (), (Series(table.columns[at].name, values),), names.title, x_title, y_title, labels=has_numbers)
    edges, counts = histogram_of(chart)
    starts = [number_text(edge) for edge in edges]
    rows = tuple((f"{start} to {stop}", float(count)) for start, stop, count in zip(starts, starts[1:], counts, strict=False))
    head = x_title if x_title and x_title != y_title else "Interval"
    shown = Shown(
        Table((Column(head), Column(y_title, NUMBER)), rows), "histogram", names.title, x_title, y_title, (head,), (y_title,),
        has_numbers=has_numbers, ticks=value_ticks(chart), compared_by="axis", is_listed=False, category="interval",
    )  # fmt: skip
    return chart, shown


def _box(table: Table, names: Names) -> tuple[Chart, Shown]:
    columns = [(table.columns[at].name, tuple(cell for cell in _cells(table, at) if isinstance(cell, float))) for at in table.numbers]
    if any(len(values) < MIN_BOX for _, values in columns):
        raise Refused(NO_CHART_FITS, f"a box plot needs {MIN_BOX} values or more in each column")
    series = tuple(Series(name, values) for name, values in columns[:MAX_AXES])
    chart = Chart("box", (), series, names.title, names.x_title, _with_unit(names.y_title, table.columns[table.numbers[0]].unit))
    heads = ("minimum", "lower quartile", "median", "upper quartile", "maximum")
    head = names.x_title if names.x_title and names.x_title not in heads else "Group"
    rows = tuple((one.name, *five_numbers(one.values)) for one in series)
    shown = Shown(
        Table((Column(head), *(Column(name, NUMBER) for name in heads)), rows), "box", names.title, chart.x_title, chart.y_title, (head,),
        ("median",), ticks=value_ticks(chart), compared_by="axis", category=names.x_title or "group", measure="the median",
    )  # fmt: skip
    return chart, shown


def _scatter(table: Table, kind: str, names: Names) -> tuple[Chart, Shown]:
    needed = 3 if kind == "bubble" else 2
    if len(table.numbers) < needed:
        raise Refused(NO_CHART_FITS, f"a {kind} needs {needed} columns of numbers")
    places = table.numbers[:needed]
    rows = [row for row in table.rows if all(isinstance(row[at], float) for at in places)]
    if not rows or (kind == "bubble" and any(float(row[places[2]] or 0) < 0 for row in rows)):
        raise Refused(NO_CHART_FITS, f"a {kind} needs rows with all of its numbers, and sizes that are not negative")
    group = next((at for at, column in enumerate(table.columns) if column.type == TEXT), None)
    groups = list(dict.fromkeys(row[group] for row in rows)) if group is not None else [None]
    if group is None or None in groups or len(groups) > MAX_SERIES:
        group, groups = None, [None]
    series = []
    for name in groups:
        mine = [row for row in rows if group is None or row[group] == name]
        x, y, *size = ([float(row[at]) for row in mine] for at in places)  # type: ignore[arg-type]
        series.append(Series(str(name or ""), tuple(y), tuple(x), tuple(size[0]) if size else ()))
    columns = [table.columns[at] for at in places]
    x_title, y_title = (
        names.x_title or _with_unit(columns[0].name, columns[0].unit),
        names.y_title or _with_unit(columns[1].name, columns[1].unit),
    )
    chart = Chart(kind, (), tuple(series), names.title, x_title, y_title)
    drawn = Table(tuple(Column(column.name, NUMBER) for column in columns), tuple(tuple(row[at] for at in places) for row in rows))
    apart = _are_apart([float(row[places[0]]) for row in rows], [float(row[places[1]]) for row in rows])  # type: ignore[arg-type]
    return chart, Shown(drawn, kind, names.title, x_title, y_title, are_apart=apart and kind == "scatter", is_listed=False)


def _are_apart(x: Sequence[float], y: Sequence[float]) -> bool:
    """Whether points can be counted: few, and none near another."""
    if len(x) > MAX_APART_POINTS:
        return False
    across, up = (max(x) - min(x)) or 1.0, (max(y) - min(y)) or 1.0
    pairs = ((a, b) for a in range(len(x)) for b in range(a))
    return all(max(abs(x[a] - x[b]) / across, abs(y[a] - y[b]) / up) >= APART_RATIO for a, b in pairs)
