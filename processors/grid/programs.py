"""Programs over a table: what a question asks, as data, and the answer that it computes from the table's JSON.

The truth is `Grid.to_json()`. Columns are named by the texts of their header cells from the top down (a list), rows by the text
of a key column. A program gives an answer only where there is exactly one: no tie, no name that stands twice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from processors.grid.cells import Cell, Grid, grid_from_json, to_html, to_markdown

KIND = "grid"
_NUMBER = re.compile(
    r"^(?P<sign>[-+−]?)(?P<prefix>[$€£¥]?\s?)(?P<digits>[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?P<fraction>\.[0-9]+)?"
    r"(?P<suffix>\s?(?:%|[€£¥°]|[a-zA-Z]{1,3})?)$"
)
MAX_DIGITS = 12  # more are an identifier


class NoAnswer(ValueError):
    """The program has no answer in this table, or more than one."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number as a cell writes it."""

    value: Decimal
    prefix: str
    suffix: str
    decimals: int
    grouped: bool


def read_quantity(text: str) -> Quantity | None:
    """The number that a text is, with its unit; None where it is none."""
    found = _NUMBER.match(text)
    if found is None:
        return None
    digits, fraction = found["digits"].replace(",", ""), found["fraction"] or ""
    if len(digits) > MAX_DIGITS or (len(digits) > 1 and digits.startswith("0")):
        return None
    value = Decimal(digits + fraction) * (-1 if found["sign"] in ("-", "−") else 1)
    return Quantity(value, found["prefix"], found["suffix"], max(0, len(fraction) - 1), "," in found["digits"])


def write_quantity(value: Decimal, like: list[Quantity]) -> str:
    """A number as the cells of its column write theirs: their unit, most decimals, and separators where one of them has them."""
    decimals = max(quantity.decimals for quantity in like)
    grouped = any(quantity.grouped for quantity in like)
    digits = f"{abs(value):,.{decimals}f}" if grouped else f"{abs(value):.{decimals}f}"
    return f"{'-' if value < 0 else ''}{like[0].prefix}{digits}{like[0].suffix}"


class TableView:
    """A table as its programs see it: named columns and the rows below the header."""

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self.top = grid.num_header_rows
        places = grid.places()
        self.headers = places[: self.top]
        self.body = places[self.top :]
        self.names = [self._name(column) for column in range(grid.num_columns)]

    def _name(self, column: int) -> tuple[str, ...]:
        path: list[Cell] = []
        for row in self.headers:
            if not path or path[-1] is not row[column]:
                path.append(row[column])
        return tuple(cell.line for cell in path if cell.line)

    def column(self, name: list[str]) -> int:
        """The number of the column with this name; an empty name is the first column's, below an empty corner.

        Raises: NoAnswer unless one column has this name.
        """
        found = [column for column, known in enumerate(self.names) if known == tuple(name)]
        if len(found) != 1 or (not name and found != [0]):
            raise NoAnswer(f"{len(found)} columns are named {name}")
        return found[0]

    def texts(self, column: int) -> list[str]:
        return [row[column].line for row in self.body]

    def row(self, key_column: int, key: str) -> int:
        """Raises: NoAnswer unless one row has this key."""
        found = [row for row, text in enumerate(self.texts(key_column)) if text == key]
        if len(found) != 1 or not key:
            raise NoAnswer(f"{len(found)} rows have {key!r}")
        return found[0]

    def quantities(self, column: int) -> list[Quantity]:
        """The numbers of a column. Raises: NoAnswer unless every cell of the column is one of its own, all in one unit."""
        cells = [row[column] for row in self.body]
        found = [read_quantity(cell.line) for cell in cells]
        if not cells or any(cell.row_span > 1 or cell.column_span > 1 for cell in cells):
            raise NoAnswer("no cells, or cells that span")
        known = [quantity for quantity in found if quantity is not None]
        if len(known) < len(found) or len({(quantity.prefix, quantity.suffix) for quantity in known}) > 1:
            raise NoAnswer("not all are numbers of one unit")
        return known


def execute(truth: Mapping[str, Any], program: Mapping[str, Any]) -> str:
    """The answer of a program. `truth` is `Grid.to_json()`.

    Raises: NoAnswer (a ValueError) where there is no answer, or more than one.
    """
    return answer_of(TableView(grid_from_json(truth)), program)


def answer_of(view: TableView, program: Mapping[str, Any]) -> str:
    """As `execute`, of a table that is at hand. Raises: NoAnswer."""
    operation = OPERATIONS.get(program["op"])
    if operation is None:
        raise NoAnswer(f"op {program['op']!r} is unknown, expected one of {', '.join(OPERATIONS)}")
    return operation(view, program)


def _num_rows(view: TableView, program: Mapping[str, Any]) -> str:
    return str(len(view.body))


def _num_columns(view: TableView, program: Mapping[str, Any]) -> str:
    return str(view.grid.num_columns)


def _caption(view: TableView, program: Mapping[str, Any]) -> str:
    return _said(view.grid.caption)


def _said(text: str) -> str:
    if not text:
        raise NoAnswer("nothing stands there")
    return text


def _lookup(view: TableView, program: Mapping[str, Any]) -> str:
    """The cell of the row `key` in `column`."""
    row = view.row(view.column(program["key_column"]), program["key"])
    return _said(view.body[row][view.column(program["column"])].line)


def _which_row(view: TableView, program: Mapping[str, Any]) -> str:
    """The key of the only row with `value` in `column`."""
    return _said(view.body[view.row(view.column(program["column"]), program["value"])][view.column(program["key_column"])].line)


def _count_value(view: TableView, program: Mapping[str, Any]) -> str:
    """How many rows have `value` in `column`."""
    return str(view.texts(view.column(program["column"])).count(program["value"]))


def _extreme(view: TableView, program: Mapping[str, Any]) -> int:
    """The row with the largest or smallest number."""
    values = [quantity.value for quantity in view.quantities(view.column(program["column"]))]
    best = max(values) if program["op"].endswith("max") else min(values)
    if values.count(best) != 1:
        raise NoAnswer(f"{best} stands {values.count(best)} times")
    return values.index(best)


def _arg_extreme(view: TableView, program: Mapping[str, Any]) -> str:
    """The key of the row with the largest or smallest number in `column`."""
    key_column = view.column(program["key_column"])
    key = _said(view.body[_extreme(view, program)][key_column].line)
    view.row(key_column, key)
    return key


def _extreme_value(view: TableView, program: Mapping[str, Any]) -> str:
    return view.body[_extreme(view, program)][view.column(program["column"])].line


def _sum(view: TableView, program: Mapping[str, Any]) -> str:
    found = view.quantities(view.column(program["column"]))
    return write_quantity(sum((quantity.value for quantity in found), Decimal(0)), found)


def _pair(view: TableView, program: Mapping[str, Any]) -> tuple[Decimal, Decimal, list[Quantity]]:
    key_column, column = view.column(program["key_column"]), view.column(program["column"])
    found = view.quantities(column)
    first, second = (found[view.row(key_column, program[name])].value for name in ("first", "second"))
    return first, second, found


def _difference(view: TableView, program: Mapping[str, Any]) -> str:
    """How far the numbers of two rows are apart."""
    first, second, found = _pair(view, program)
    return write_quantity(abs(first - second), found)


def _larger(view: TableView, program: Mapping[str, Any]) -> str:
    """Which of two rows has the larger number."""
    first, second, _ = _pair(view, program)
    if first == second:
        raise NoAnswer("both are equal")
    return str(program["first"] if first > second else program["second"])


def _count_above(view: TableView, program: Mapping[str, Any]) -> str:
    """How many rows have a number above that of the row `key`."""
    column = view.column(program["column"])
    found = view.quantities(column)
    bound = found[view.row(view.column(program["key_column"]), program["key"])].value
    return str(sum(quantity.value > bound for quantity in found))


def _covers(view: TableView, program: Mapping[str, Any]) -> str:
    """The headers below the only header cell with this text that spans several columns."""
    found = [cell for cell in view.grid.cells if cell.header and cell.line == program["header"] and cell.row < view.top]
    if len(found) != 1 or found[0].column_span < 2 or found[0].row + found[0].row_span >= view.top:
        raise NoAnswer(f"{len(found)} headers say {program['header']!r}, expected one above others")
    below = view.headers[found[0].row + found[0].row_span][found[0].column : found[0].column + found[0].column_span]
    return _listed([cell.line for number, cell in enumerate(below) if number == 0 or cell is not below[number - 1]])


def _group(view: TableView, program: Mapping[str, Any]) -> str:
    """What stands in `column` in the rows of the only cell with this text that spans several rows of `key_column`."""
    key_column = view.column(program["key_column"])
    cells = {id(row[key_column]): row[key_column] for row in view.body if row[key_column].line == program["key"]}
    if len(cells) != 1 or (cell := next(iter(cells.values()))).row_span < 2:
        raise NoAnswer(f"{len(cells)} cells say {program['key']!r}, expected one that spans rows")
    column = view.column(program["column"])
    return _listed([view.body[row - view.top][column].line for row in range(cell.row, cell.row + cell.row_span)])


def _listed(texts: list[str]) -> str:
    """Texts in one line; semicolons where a text has commas itself."""
    if not texts or not all(texts):
        raise NoAnswer("some are empty")
    return ("; " if any("," in text for text in texts) else ", ").join(texts)


def _headers(view: TableView, program: Mapping[str, Any]) -> str:
    if any(cell.column_span > 1 for row in view.headers for cell in row):
        raise NoAnswer("a header stands over several columns")
    return _listed([_only(name) for name in view.names])


def _only(name: tuple[str, ...]) -> str:
    return name[0] if len(name) == 1 else ""


def _column_list(view: TableView, program: Mapping[str, Any]) -> str:
    return _listed(view.texts(view.column(program["column"])))


def _markdown(view: TableView, program: Mapping[str, Any]) -> str:
    if view.grid.has_spans or view.top != 1:
        raise NoAnswer("Markdown has one header row and no spans")
    return to_markdown(view.grid)


def _html(view: TableView, program: Mapping[str, Any]) -> str:
    return to_html(view.grid)


OPERATIONS: dict[str, Callable[[TableView, Mapping[str, Any]], str]] = {
    "num_rows": _num_rows,
    "num_columns": _num_columns,
    "caption": _caption,
    "lookup": _lookup,
    "which_row": _which_row,
    "count_value": _count_value,
    "argmax": _arg_extreme,
    "argmin": _arg_extreme,
    "max": _extreme_value,
    "min": _extreme_value,
    "sum": _sum,
    "difference": _difference,
    "larger": _larger,
    "count_above": _count_above,
    "covers": _covers,
    "group": _group,
    "headers": _headers,
    "column_list": _column_list,
    "markdown": _markdown,
    "html": _html,
}
