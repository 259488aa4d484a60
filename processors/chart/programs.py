"""Programs over the table of a chart: each question's answer is what its program computes from the stored table.

A program is {"kind": "table", "op": ..., arguments}. Arguments name columns; `where` {column: cell} picks rows. Numbers are computed
as decimals, so that 0.1 + 0.2 is 0.3; what is rounded is rounded half up to `digits` places.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

from processors.chart.scale import exact, number_text
from processors.chart.table import NUMBER, Cell, Table, cell_text, table_from_json

KIND = "table"
CHART_NAMES = {
    "bar": "bar chart",
    "grouped_bar": "grouped bar chart",
    "stacked_bar": "stacked bar chart",
    "horizontal_bar": "horizontal bar chart",
    "line": "line chart",
    "area": "area chart",
    "pie": "pie chart",
    "donut": "donut chart",
    "scatter": "scatter plot",
    "bubble": "bubble chart",
    "histogram": "histogram",
    "box": "box plot",
    "radar": "radar chart",
    "heatmap": "heatmap",
}
JOINT = ", "
EXACT = Context(prec=60)

Truth = Mapping[str, Any]
Program = Mapping[str, Any]


def execute(truth: Truth, program: Program) -> str:
    """The answer. `truth` is `Table.as_json()` with `title`, `x_title`, `y_title` and `chart` (one of KINDS) beside it.

    Raises: KeyError or ValueError for a program that does not fit the truth.
    """
    return _OPS[program["op"]](_Asked(table_from_json(truth), truth, program))


class _Asked:
    """A table with what a program wants of it."""

    def __init__(self, table: Table, truth: Truth, program: Program) -> None:
        self.table, self.truth, self.program = table, truth, program

    def place(self, name: str) -> int:
        return self.table.names.index(name)

    def unit(self, name: str) -> str:
        return self.table.columns[self.place(name)].unit

    def rows(self, where: Mapping[str, Cell] | None) -> list[tuple[Cell, ...]]:
        chosen = [(self.place(name), cell) for name, cell in (where or {}).items()]
        return [row for row in self.table.rows if all(row[at] == cell for at, cell in chosen)]

    def known(self, where: str = "where") -> list[tuple[tuple[Cell, ...], Decimal]]:
        """Rows with a number in the program's column, and that number."""
        at = self.place(self.program["column"])
        return [(row, exact(row[at])) for row in self.rows(self.program.get(where)) if isinstance(row[at], (int, float))]  # type: ignore[arg-type]

    def one(self, where: str = "where") -> Decimal:
        values = [value for _, value in self.known(where)]
        if len(values) != 1:
            raise ValueError(f"{where} {self.program[where]!r} picks {len(values)} numbers of {self.program['column']!r}, expected one")
        return values[0]

    def named(self, row: tuple[Cell, ...]) -> str:
        """How a row is called: its cells in the columns `of`."""
        return JOINT.join(cell_text(row[self.place(name)], self.unit(name)) for name in self.program["of"])

    def written(self, value: Decimal, column: str | None = None) -> str:
        return cell_text(float(value), self.unit(column or self.program["column"]))


def rounded(value: Decimal, digits: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP, EXACT)


def _written_rounded(asked: _Asked, value: Decimal) -> str:
    return number_text(rounded(value, asked.program["digits"]))


def total(values: Sequence[Decimal]) -> Decimal:
    found = Decimal(0)
    for value in values:
        found = EXACT.add(found, value)
    return found


def _lookup(asked: _Asked) -> str:
    return asked.written(asked.one())


def _extreme(asked: _Asked) -> str:
    known = asked.known()
    pick = max if asked.program["op"] == "argmax" else min
    best = pick(value for _, value in known)
    return JOINT.join(asked.named(row) for row, value in known if value == best)


def _extreme_value(asked: _Asked) -> str:
    return asked.written((max if asked.program["op"] == "max" else min)(value for _, value in asked.known()))


def _sum(asked: _Asked) -> str:
    return asked.written(total([value for _, value in asked.known()]))


def _mean(asked: _Asked) -> str:
    values = [value for _, value in asked.known()]
    mean = rounded(EXACT.divide(total(values), Decimal(len(values))), asked.program["digits"])
    return asked.written(mean)


def _difference(asked: _Asked) -> str:
    return asked.written(abs(EXACT.subtract(asked.one("first"), asked.one("second"))))


def _ratio(asked: _Asked) -> str:
    return _written_rounded(asked, EXACT.divide(asked.one("first"), asked.one("second")))


def _compare(asked: _Asked) -> str:
    first, second = asked.one("first"), asked.one("second")
    return "Yes" if (first > second if asked.program["relation"] == "greater" else first < second) else "No"


def _rank(asked: _Asked) -> str:
    known = sorted(asked.known(), key=lambda pair: pair[1], reverse=asked.program["order"] == "largest")
    return asked.named(known[asked.program["place"] - 1][0])


def _trend(asked: _Asked) -> str:
    first, second = asked.one("first"), asked.one("second")
    return "It rises." if second > first else "It falls." if second < first else "It stays the same."


def _count_beyond(asked: _Asked) -> str:
    bound = exact(asked.program["threshold"])
    above = asked.program["op"] == "count_above"
    return str(sum(value > bound if above else value < bound for _, value in asked.known()))


def _share(asked: _Asked) -> str:
    whole = total([value for _, value in asked.known("all")])
    return number_text(rounded(EXACT.divide(asked.one() * 100, whole), asked.program["digits"]), percent=True)


def _distinct(asked: _Asked) -> list[str]:
    name = asked.program["column"]
    at = asked.place(name)
    return list(dict.fromkeys(cell_text(row[at], asked.unit(name)) for row in asked.table.rows))


def _growth(asked: _Asked) -> str:
    """The column whose number grows most from the row `first` to the row `second`."""
    grown = {}
    for name in asked.program["columns"]:
        at = asked.place(name)
        first, second = (exact(asked.rows(asked.program[which])[0][at]) for which in ("first", "second"))  # type: ignore[arg-type]
        grown[name] = EXACT.subtract(second, first)
    return max(grown, key=grown.__getitem__)


def _best_column(asked: _Asked) -> str:
    """The column with the largest number in the row `where`, or the largest sum over all rows."""
    sums = {}
    for name in asked.program["columns"]:
        at = asked.place(name)
        sums[name] = total([exact(row[at]) for row in asked.rows(asked.program.get("where")) if isinstance(row[at], (int, float))])  # type: ignore[arg-type]
    return max(sums, key=sums.__getitem__)


def _markdown(asked: _Asked) -> str:
    """The table in Markdown; a bar inside a cell is escaped."""
    lines = [[name.replace("|", "\\|") for name in asked.table.names], ["---"] * len(asked.table.columns)]
    for row in asked.table.rows:
        texts = (cell_text(cell, column.unit) for cell, column in zip(row, asked.table.columns, strict=True))
        lines.append([text.replace("|", "\\|") for text in texts])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _csv(asked: _Asked) -> str:
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(asked.table.names)
    for row in asked.table.rows:
        writer.writerow([cell_text(cell, column.unit) for cell, column in zip(row, asked.table.columns, strict=True)])
    return sink.getvalue().rstrip("\n")


def _chart_kind(asked: _Asked) -> str:
    return CHART_NAMES[asked.truth["chart"]]


_OPS: dict[str, Callable[[_Asked], str]] = {
    "lookup": _lookup,
    "argmax": _extreme,
    "argmin": _extreme,
    "max": _extreme_value,
    "min": _extreme_value,
    "sum": _sum,
    "mean": _mean,
    "difference": _difference,
    "ratio": _ratio,
    "compare": _compare,
    "rank": _rank,
    "trend": _trend,
    "count_above": _count_beyond,
    "count_below": _count_beyond,
    "share": _share,
    "growth": _growth,
    "best_column": _best_column,
    "count_rows": lambda asked: str(len(asked.rows(asked.program.get("where")))),
    "count_series": lambda asked: str(
        sum(column.type == NUMBER and column.name not in asked.program["of"] for column in asked.table.columns)
    ),
    "count_distinct": lambda asked: str(len(_distinct(asked))),
    "list": lambda asked: JOINT.join(_distinct(asked)),
    "series": lambda asked: JOINT.join(asked.program["columns"]),
    "title": lambda asked: str(asked.truth["title"]),
    "x_title": lambda asked: str(asked.truth["x_title"]),
    "y_title": lambda asked: str(asked.truth["y_title"]),
    "chart_kind": _chart_kind,
    "markdown": _markdown,
    "csv": _csv,
}
