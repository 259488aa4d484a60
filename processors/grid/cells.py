"""A table as a person sees it: cells with row and column spans, which of them are headers, and its forms as text."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

LEFT, CENTRE, RIGHT = "left", "center", "right"  # as CSS spells them


@dataclass(frozen=True, slots=True)
class Cell:
    """`row` and `column` count from 0; `text` may have line breaks; `align` is left, center, right, or empty where nothing states it."""

    row: int
    column: int
    text: str
    row_span: int = 1
    column_span: int = 1
    header: bool = False
    align: str = ""

    @property
    def line(self) -> str:
        """The text in one line: where it breaks is the layout's choice, which a reader cannot tell from a break that was meant."""
        return " ".join(self.text.split())


@dataclass(frozen=True, slots=True)
class Grid:
    """Cells in reading order, without gaps or overlaps: every place of `num_rows` x `num_columns` belongs to one cell."""

    num_rows: int
    num_columns: int
    cells: tuple[Cell, ...]
    caption: str = ""

    def __post_init__(self) -> None:
        if sum(cell.row_span * cell.column_span for cell in self.cells) != self.num_rows * self.num_columns:
            raise ValueError(f"{len(self.cells)} cells do not fill {self.num_rows} x {self.num_columns} places")

    @property
    def has_spans(self) -> bool:
        return any(cell.row_span > 1 or cell.column_span > 1 for cell in self.cells)

    @property
    def num_header_rows(self) -> int:
        """Rows at the top of which every cell is a header and in which headers end."""
        plain = [cell.row for cell in self.cells if not cell.header]
        top = min(plain, default=self.num_rows)
        while any(cell.row < top < cell.row + cell.row_span for cell in self.cells):  # a header that reaches into the body heads a row
            top -= 1
        return top

    def places(self) -> list[list[Cell]]:
        """For each row the cell at each column; a cell with spans stands at every place that it covers."""
        found: list[list[Cell | None]] = [[None] * self.num_columns for _ in range(self.num_rows)]
        for cell in self.cells:
            for row in range(cell.row, cell.row + cell.row_span):
                found[row][cell.column : cell.column + cell.column_span] = [cell] * cell.column_span
        return found  # type: ignore[return-value]  # no gaps, as checked above

    def text_rows(self) -> list[list[str]]:
        """The texts, each in one line; that of a cell with spans is repeated at every place that it covers."""
        return [[cell.line for cell in row] for row in self.places()]

    def to_json(self) -> dict[str, Any]:
        """JSON values: the size, the caption, and for each cell [row, column, row_span, column_span, header, text, align]."""
        cells = [[c.row, c.column, c.row_span, c.column_span, c.header, c.text, c.align] for c in self.cells]
        return {"rows": self.num_rows, "columns": self.num_columns, "caption": self.caption, "cells": cells}


def grid_from_json(value: Mapping[str, Any]) -> Grid:
    """The grid that `to_json` told."""
    cells = tuple(Cell(row, column, text, down, right, head, align) for row, column, down, right, head, text, align in value["cells"])
    return Grid(value["rows"], value["columns"], cells, value["caption"])


def grid_from_rows(rows: Sequence[Sequence[str]], num_header_rows: int = 1, caption: str = "") -> Grid:
    """A grid without spans; short rows are filled up with empty cells."""
    num_columns = max((len(row) for row in rows), default=0)
    cells = [
        Cell(index, column, row[column] if column < len(row) else "", header=index < num_header_rows)
        for index, row in enumerate(rows)
        for column in range(num_columns)
    ]
    return Grid(len(rows), num_columns, tuple(cells), caption)


def with_header(grid: Grid) -> Grid:
    """The grid, with its first row as the header where no cell, or every cell, is said to be one and the first row reads like one.

    Pages often leave headers unmarked: a row of texts, none of them empty, twice there, or a number.
    """
    told = {cell.header for cell in grid.cells}
    first = [cell for cell in grid.cells if cell.row == 0]
    names = [cell.line for cell in first]
    plain = len(first) == grid.num_columns and all(cell.row_span == 1 for cell in first)
    if len(told) != 1 or grid.num_rows < 2 or not plain or len(set(names)) < len(names):
        return grid
    if not all(any(character.isalpha() for character in name) for name in names):
        return grid
    return replace(grid, cells=tuple(replace(cell, header=cell.row == 0) for cell in grid.cells))


def cut_rows(grid: Grid, max_rows: int) -> list[Grid]:
    """The grid in pieces of at most `max_rows` body rows, each with the header rows; more where a cell's span forbids a cut."""
    top = grid.num_header_rows
    num_body = grid.num_rows - top
    if num_body <= max_rows:
        return [grid]
    forbidden = {row - top for cell in grid.cells for row in range(cell.row + 1, cell.row + cell.row_span)}
    pieces, start = [], 0
    while start < num_body:
        stops = [row for row in range(start + 1, num_body + 1) if row == num_body or row not in forbidden]
        stop = max([row for row in stops if row <= start + max_rows], default=stops[0])
        pieces.append(_part(grid, top, start, stop))
        start = stop
    return pieces


def _part(grid: Grid, top: int, start: int, stop: int) -> Grid:
    """The header rows and the body rows from `start` to `stop`, counted below the header; no cell reaches across a cut."""
    head = [cell for cell in grid.cells if cell.row < top]
    body = [replace(cell, row=cell.row - start) for cell in grid.cells if start <= cell.row - top < stop]
    return Grid(top + stop - start, grid.num_columns, (*head, *body), grid.caption)


def to_markdown(grid: Grid) -> str:
    """A pipe table; the first row is the header, as Markdown has no table without one. Spans are repeated, `|` is escaped."""
    rows = [[text.replace("\\", "\\\\").replace("|", "\\|") for text in row] for row in grid.text_rows()]
    if not rows:
        return ""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "| " + " | ".join(["---"] * grid.num_columns) + " |")
    return "\n".join(lines)


def to_html(grid: Grid) -> str:
    """A `<table>` with the spans and headers and nothing else: no attributes of looks, no white space between elements."""
    top = grid.num_header_rows
    rows: list[list[str]] = [[] for _ in range(grid.num_rows)]
    for cell in grid.cells:
        name = "th" if cell.header else "td"
        spans = f' rowspan="{cell.row_span}"' if cell.row_span > 1 else ""
        spans += f' colspan="{cell.column_span}"' if cell.column_span > 1 else ""
        rows[cell.row].append(f"<{name}{spans}>{html.escape(cell.line, quote=False)}</{name}>")
    told = ["<tr>" + "".join(row) + "</tr>" for row in rows]
    head = "<thead>" + "".join(told[:top]) + "</thead>" if top else ""
    body = "<tbody>" + "".join(told[top:]) + "</tbody>" if told[top:] else ""
    return f"<table>{head}{body}</table>"
