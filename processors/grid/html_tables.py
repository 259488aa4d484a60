"""The tables of an HTML page, by the rules of the HTML standard for forming a table (WHATWG HTML, 4.9.12), within limits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from lxml import etree

from processors.grid.cells import CENTRE, LEFT, RIGHT, Cell, Grid
from processors.grid.decode import MAX_CELLS, NO_TABLE, TOO_DEEP, TOO_LARGE_TABLE, check_cells, clean, decode_text
from schemas.outcome import Refused

MAX_COLUMN_SPAN, MAX_ROW_SPAN = 1_000, 65_534  # the HTML standard's own
MAX_PLACES = 200_000  # rows x columns of all tables of a page while they are formed: spans multiply

_HIDDEN = ("script", "style", "template", "noscript", "head", "svg", "select", "textarea", "iframe", "object", "video", "audio", "canvas")
_BLOCKS = (
    *("p", "div", "ul", "ol", "dl", "dt", "dd", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "section", "article"),
    *("table", "tr", "caption", "figure", "figcaption", "hr", "address", "header", "footer", "main", "form", "fieldset"),
)
_SECTIONS = ("thead", "tbody", "tfoot")
_CELLS = ("td", "th")
_ALIGN = re.compile(r"text-align\s*:\s*(left|center|right|start|end)", re.IGNORECASE)
_SIDES = {"left": LEFT, "start": LEFT, "center": CENTRE, "middle": CENTRE, "right": RIGHT, "end": RIGHT}
_INVISIBLE_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_NUMBER = re.compile(r"\s*(\d{1,9})")


def read_html_tables(data: bytes) -> list[Grid]:
    """The outermost tables of a page, in order, without empty ones. A table inside a cell is text of that cell, a line a row.

    A table that only lays out others (role presentation, or a single cell that holds one) is passed through: theirs are given.
    Cells keep their text with line breaks at `<br>`, blocks and list items; images give their alternative text; what is hidden
    is left out. Rows of the head come first, rows of the foot last. Places that no cell covers get empty cells.

    Raises: Refused with one of READ_REASONS.
    """
    root = _parse(decode_text(data, is_page=True))
    grids = []
    left = MAX_PLACES
    for table in [] if root is None else _outermost(root):
        grid, used = _form(table, left)
        left -= used
        if any(cell.text for cell in grid.cells):
            grids.append(grid)
    if not grids:
        raise Refused(NO_TABLE, f"{len(data)} bytes of HTML without a table that has text")
    return grids


def _parse(text: str) -> etree._Element | None:
    parser = etree.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, no_network=True)
    root: etree._Element | None = etree.fromstring(text.replace("\x00", " ").encode("utf-8", "replace"), parser)
    fatal = next(iter(parser.error_log.filter_from_fatals()), None)  # libxml2 ends reading at 256 elements in one another
    if fatal is not None:
        raise Refused(TOO_DEEP, f"line {fatal.line}: {fatal.message.strip()[:120]}")
    return root


def _outermost(element: etree._Element) -> Iterator[etree._Element]:
    for child in element:
        if _is_hidden(child):
            continue
        if child.tag == "table" and not _is_layout(child):
            yield child
        else:
            yield from _outermost(child)


def _is_layout(table: etree._Element) -> bool:
    if table.get("role", "").lower() in ("presentation", "none"):
        return True
    cells = [cell for row in _rows(table) for cell in row.cells]
    inner = next(cells[0].iter("table"), None) if len(cells) == 1 else None
    return inner is not None and not _says_more(cells[0])


def _says_more(cell: etree._Element) -> bool:
    """Whether a cell has text outside of the tables in it."""
    if (cell.text or "").strip():
        return True
    return any((child.tail or "").strip() or (child.tag != "table" and not _is_hidden(child) and _says_more(child)) for child in cell)


def _is_hidden(element: etree._Element) -> bool:
    return element.tag in _HIDDEN or "hidden" in element.attrib or _INVISIBLE_STYLE.search(element.get("style", "")) is not None


@dataclass(slots=True)
class _Row:
    """The cells of a row and its group: spans end where the group does."""

    cells: list[etree._Element]
    group: int
    in_head: bool = False
    align: str = ""


def _rows(table: etree._Element) -> list[_Row]:
    """Head, bodies, foot; cells that stand outside any row form one."""
    heads: list[_Row] = []
    bodies: list[_Row] = []
    feet: list[_Row] = []
    group = 0
    loose = None
    for child in table:
        if _is_hidden(child):
            continue
        if child.tag in _SECTIONS:
            group, loose = group + 1, None
            found = _rows_of(child, group, child.tag == "thead")
            (heads if child.tag == "thead" else feet if child.tag == "tfoot" else bodies).extend(found)
            group += 1
        elif child.tag == "tr":
            loose = None
            bodies.append(_row(child, group))
        elif child.tag in _CELLS:
            if loose is None:
                loose = _Row([], group)
                bodies.append(loose)
            loose.cells.append(child)
    return heads + bodies + feet


def _rows_of(section: etree._Element, group: int, in_head: bool) -> list[_Row]:
    found: list[_Row] = []
    loose = None
    for child in section:
        if _is_hidden(child):
            continue
        if child.tag == "tr":
            loose = None
            found.append(replace(_row(child, group), in_head=in_head))
        elif child.tag in _CELLS:
            if loose is None:
                loose = _Row([], group, in_head)
                found.append(loose)
            loose.cells.append(child)
    return found


def _row(element: etree._Element, group: int) -> _Row:
    cells = [child for child in element if child.tag in _CELLS and not _is_hidden(child)]
    return _Row(cells, group, align=_align(element))


@dataclass(slots=True)
class _Former:
    """Places cells in the first free column; a cell never covers what another covers already."""

    left: int  # places that may still be covered
    taken: list[set[int]]
    used: int = 0

    def place(self, row: int, column: int, column_span: int, row_span: int) -> tuple[int, int, int]:
        """(column, column_span, row_span) of a cell of this row, which stands at `column` or to the right of it."""
        here = self.taken[row]
        while column in here:
            column += 1
        width = 1
        while width < column_span and column + width not in here:
            width += 1
        columns = range(column, column + width)
        height = 1
        while height < row_span and not any(at in self.taken[row + height] for at in columns):
            height += 1
        self.used += width * height
        if self.used > self.left:
            raise Refused(TOO_LARGE_TABLE, f"the cells of the page's tables cover more than {MAX_PLACES} places")
        for down in range(height):
            self.taken[row + down].update(columns)
        return column, width, height


def _form(table: etree._Element, left: int) -> tuple[Grid, int]:
    """The grid of a table element, and how many places it took while it was formed."""
    rows = _rows(table)
    if sum(len(row.cells) for row in rows) > MAX_CELLS:
        raise Refused(TOO_LARGE_TABLE, f"a table of more than {MAX_CELLS} cells")
    last_of = {row.group: index for index, row in enumerate(rows)}
    former = _Former(left, [set() for _ in rows])
    cells = []
    for index, row in enumerate(rows):
        column = 0
        for element in row.cells:
            to_end = last_of[row.group] + 1 - index
            down = min(_span(element.get("rowspan"), MAX_ROW_SPAN, to_end), to_end)
            column, width, height = former.place(index, column, _span(element.get("colspan"), MAX_COLUMN_SPAN, 1), down)
            text = _text(element)
            check_cells([text])
            header = element.tag == "th" or row.in_head
            cells.append(Cell(index, column, text, height, width, header, _align(element) or row.align))
    caption = next((_text(child) for child in table if child.tag == "caption" and not _is_hidden(child)), "")
    return _fill(_compact(cells), " ".join(caption.split())), former.used


def _span(stated: str | None, most: int, zero: int) -> int:
    """A span attribute: 1 where it is no number, at most what the standard allows; `zero` is what 0 means."""
    found = _NUMBER.match(stated or "")
    number = int(found[1]) if found else 1
    return min(number, most) if number else zero


def _compact(cells: list[Cell]) -> list[Cell]:
    """Without rows and columns in which no cell begins: they have no line of their own, and a reader does not see them."""
    rows = {row: index for index, row in enumerate(sorted({cell.row for cell in cells}))}
    columns = {column: index for index, column in enumerate(sorted({cell.column for cell in cells}))}

    def shrunk(cell: Cell) -> Cell:
        down = sum(1 for row in range(cell.row, cell.row + cell.row_span) if row in rows)
        right = sum(1 for column in range(cell.column, cell.column + cell.column_span) if column in columns)
        return replace(cell, row=rows[cell.row], column=columns[cell.column], row_span=down, column_span=right)

    return [shrunk(cell) for cell in cells]


def _fill(cells: list[Cell], caption: str) -> Grid:
    num_rows = max((cell.row + cell.row_span for cell in cells), default=0)
    num_columns = max((cell.column + cell.column_span for cell in cells), default=0)
    covered = {
        (row, column)
        for cell in cells
        for row in range(cell.row, cell.row + cell.row_span)
        for column in range(cell.column, cell.column + cell.column_span)
    }
    heads = {cell.row for cell in cells if cell.header} - {cell.row for cell in cells if not cell.header}
    if num_rows * num_columns > MAX_PLACES:
        raise Refused(TOO_LARGE_TABLE, f"{num_rows} x {num_columns} places, at most {MAX_PLACES}")
    gaps = [
        Cell(row, column, "", header=row in heads)
        for row in range(num_rows)
        for column in range(num_columns)
        if (row, column) not in covered
    ]
    return Grid(num_rows, num_columns, tuple(sorted([*cells, *gaps], key=lambda cell: (cell.row, cell.column))), caption)


def _align(element: etree._Element) -> str:
    styled = _ALIGN.search(element.get("style", ""))
    return _SIDES.get((styled[1] if styled else element.get("align", "")).strip().lower(), "")


# ---- the text of a cell


def _text(element: etree._Element) -> str:
    pieces: list[str] = []
    _gather(element, pieces)
    return clean("".join(pieces))


def _gather(element: etree._Element, pieces: list[str]) -> None:
    """The text inside an element; white space of the source is no line break, elements are."""
    pieces.append(_flat(element.text))
    number = 0
    for child in element:
        if isinstance(child.tag, str) and not _is_hidden(child):
            if child.tag == "li":
                number += 1
                pieces.append(f"\n{number}. " if element.tag == "ol" else "\n- ")
                _gather(child, pieces)
                pieces.append("\n")
            elif child.tag == "br":
                pieces.append("\n")
            elif child.tag == "img":
                pieces.append(f" {_flat(child.get('alt'))} ")
            elif child.tag in _BLOCKS:
                pieces.append("\n")
                _gather(child, pieces)
                pieces.append("\n")
            else:
                pieces.append(" " if child.tag in _CELLS else "")
                _gather(child, pieces)
        pieces.append(_flat(child.tail))


def _flat(text: str | None) -> str:
    return re.sub(r"\s+", " ", text) if text else ""
