"""The table behind a chart: a header and columns of text, numbers or dates; what every question is computed from."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from processors.chart.scale import number_text
from schemas.outcome import Reason, Refused

TEXT, NUMBER, DATE = "text", "number", "date"
BAD_TABLE = Reason(
    "bad_table", "Data that are no table: no rows, a row longer than the header, a name used twice, a cell that is no plain value"
)
TOO_MANY_CELLS = Reason("too_many_cells", "A table with more cells than any chart shows")
MAX_CELLS = 100_000

Cell = str | float | None
EMPTY = frozenset(("", "-", "–", "—", "..", "…", "n/a", "na", "nan", "null", "none", "#n/a"))
CURRENCIES = "$€£¥₹₩"
_DATE = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12]\d|3[01])(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?Z?)?)?", re.ASCII)
_POINT = r"\d{1,3}(?:[,' ]\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+"
_COMMA = r"\d{1,3}(?:[.' ]\d{3})+(?:,\d+)?|\d+(?:,\d+)?"
_NUMBER = {
    style: re.compile(rf"(?P<open>\()?\s*(?P<sign>[-+\u2212])?\s*(?P<before>[{CURRENCIES}])?\s*(?P<sign2>[-+\u2212])?(?P<digits>{digits})"
                      rf"(?P<exponent>[eE][-+]?\d{{1,3}})?\s*(?P<after>%|[{CURRENCIES}])?\s*(?P<close>\))?", re.ASCII)
    for style, digits in (("point", _POINT), ("comma", _COMMA))
}  # fmt: skip
MAX_NUMBER_CHARS = 40


@dataclass(frozen=True, slots=True)
class Column:
    """`unit` is what stands at every number of it: % or a currency sign."""

    name: str
    type: str = TEXT
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of one cell a column: text (dates as ISO 8601) or a number; None where a cell is empty."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def numbers(self) -> tuple[int, ...]:
        """Places of the number columns."""
        return tuple(at for at, column in enumerate(self.columns) if column.type == NUMBER)

    def as_json(self) -> dict[str, Any]:
        columns = [{"name": column.name, "type": column.type, "unit": column.unit} for column in self.columns]
        return {"columns": columns, "rows": [list(row) for row in self.rows]}


def table_from_json(stored: Mapping[str, Any]) -> Table:
    """The table that `as_json` gave."""
    columns = tuple(Column(column["name"], column["type"], column.get("unit", "")) for column in stored["columns"])
    return Table(columns, tuple(tuple(row) for row in stored["rows"]))


def cell_text(cell: Cell, unit: str = "") -> str:
    """A cell as it is written: numbers in their shortest form with their unit, nothing for an empty one."""
    if cell is None:
        return ""
    if isinstance(cell, str):
        return cell
    if unit and unit != "%":
        return ("-" if cell < 0 else "") + unit + number_text(abs(cell))
    return number_text(cell, percent=unit == "%")


def read_number(text: str, style: str = "point") -> tuple[float, str] | None:
    """A number and its unit, from text with separators, percent or currency signs, or brackets for negative; None for other text.

    `style` says what separates decimals, point or comma.
    """
    plain = text.strip().replace("\u00a0", " ").replace("\u202f", " ")
    found = _NUMBER[style].fullmatch(plain) if len(plain) <= MAX_NUMBER_CHARS else None
    if found is None or bool(found["open"]) != bool(found["close"]) or (found["before"] and found["after"]):
        return None
    digits = re.sub(r"[,' ]" if style == "point" else r"[.' ]", "", found["digits"]).replace(",", ".")
    value = float(digits + (found["exponent"] or ""))
    signs = sum(found[name] in ("-", "\u2212") for name in ("sign", "sign2") if found[name]) + bool(found["open"])
    if not math.isfinite(value) or signs > 1:
        return None
    return (-value if signs else value), found["before"] or found["after"] or ""


def table_from_rows(rows: Sequence[Sequence[object]]) -> Table:
    """A table from rows of which the first names the columns. Short rows are filled with empty cells.

    Raises: Refused with BAD_TABLE or TOO_MANY_CELLS.
    """
    if len(rows) < 2 or not rows[0]:
        raise Refused(BAD_TABLE, f"{len(rows)} rows, expected a header and at least one row")
    width = len(rows[0])
    if width * len(rows) > MAX_CELLS:
        raise Refused(TOO_MANY_CELLS, f"{len(rows)} rows of {width} columns, expected at most {MAX_CELLS} cells")
    names = [_plain(name, 0) for name in rows[0]]
    header = [name if isinstance(name, str) else cell_text(name) for name in names]
    twice = [name for name, count in Counter(header).items() if count > 1]
    if twice:
        raise Refused(BAD_TABLE, f"the column name {twice[0]!r} is used {Counter(header)[twice[0]]} times")
    body = []
    for number, row in enumerate(rows[1:], 1):
        if len(row) > width and any(_plain(cell, number) is not None for cell in row[width:]):
            raise Refused(BAD_TABLE, f"row {number} has {len(row)} cells, the header {width}")
        cells = [_plain(cell, number) for cell in row[:width]]
        body.append([*cells, *[None] * (width - len(cells))])
    body = [row for row in body if any(cell is not None for cell in row)]
    if not body:
        raise Refused(BAD_TABLE, "no row has anything in it")
    columns, filled = [], []
    for at, name in enumerate(header):
        column, cells = _typed(name, [row[at] for row in body])
        columns.append(column)
        filled.append(cells)
    return Table(tuple(columns), tuple(zip(*filled, strict=True)))


def table_from_records(records: Sequence[object]) -> Table:
    """A table from objects; the columns are their names in order of appearance.

    Raises: Refused with BAD_TABLE or TOO_MANY_CELLS.
    """
    names: dict[str, None] = {}
    for number, record in enumerate(records):
        if not isinstance(record, Mapping):
            raise Refused(BAD_TABLE, f"record {number} is {record!r:.80}, expected an object")
        names.update(dict.fromkeys(map(str, record)))
        if len(names) * len(records) > MAX_CELLS:
            raise Refused(TOO_MANY_CELLS, f"{len(records)} records of {len(names)} names, expected at most {MAX_CELLS} cells")
    return table_from_rows([list(names), *[[record.get(name) for name in names] for record in records if isinstance(record, Mapping)]])


def table_from_values(values: Mapping[str, object], name: str = "", value_name: str = "Value") -> Table:
    """A table from {label: number}. Raises: Refused with BAD_TABLE."""
    return table_from_rows([[name, value_name], *[[label, value] for label, value in values.items()]])


def _plain(cell: object, row: int) -> Cell:
    """Raises: Refused with BAD_TABLE for a cell that is no text and no number."""
    if cell is None or isinstance(cell, bool):
        return None if cell is None else str(cell)
    if isinstance(cell, (int, float)):
        if isinstance(cell, float) and math.isnan(cell):
            return None
        if not abs(cell) < 1e300:
            raise Refused(BAD_TABLE, f"row {row} holds {cell!r:.40}, expected a finite number")
        return float(cell)
    if isinstance(cell, str):
        text = " ".join(cell.split())
        return None if text.casefold() in EMPTY else text
    raise Refused(BAD_TABLE, f"row {row} holds {cell!r:.80}, expected text or a number")


def _typed(name: str, cells: list[Cell]) -> tuple[Column, list[Cell]]:
    """The column's type: number or date when every cell that is not empty is one, else text."""
    known = [cell for cell in cells if cell is not None]
    for style in ("point", "comma"):
        read = [(cell, "") if isinstance(cell, float) else read_number(str(cell), style) for cell in known]
        units = {one[1] for one in read if one is not None}
        if known and None not in read and len(units) == 1 and not any(_is_code(cell) for cell in known):
            values = iter(one[0] for one in read if one is not None)
            return Column(name, NUMBER, units.pop()), [None if cell is None else next(values) for cell in cells]
    if known and all(isinstance(cell, str) and _DATE.fullmatch(cell) for cell in known):
        return Column(name, DATE), cells
    return Column(name, TEXT), [cell_text(cell) if isinstance(cell, float) else cell for cell in cells]


def _is_code(cell: Cell) -> bool:
    """Digits with a zero before them are no number: 007, 01."""
    return isinstance(cell, str) and re.fullmatch(r"0\d+", cell) is not None
