"""Tables drawn: columns as wide as their content asks, text wrapped, spans, rules and fills; all text is there to be read."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace

import numpy as np

from processors.grid.cells import CENTRE, LEFT, RIGHT, Cell, Grid
from processors.grid.decode import TOO_LARGE_TABLE
from processors.grid.style import GridStyle
from processors.grid.surface import LINE_HEIGHT, NOT_SHOWN, Block, Box, Look, Surface, num_lines, text_width, word_width
from schemas.outcome import Refused

DRAW_REASONS = (TOO_LARGE_TABLE, NOT_SHOWN)
MAX_WIDTH_PX = 1792  # four crops
MAX_HEIGHT_PX = 2240  # five crops
MIN_SIZE_PX = 11  # of letters that can still be read after no resize
MAX_DRAWN_CELLS = 600
MAX_DRAWN_CHARS = 20_000
MAX_WORD_SHARE = 0.35  # of the width: a longer word is broken, so that one address does not take a table's width
HOPELESS = 1.2  # of the height, by the rough count of lines: such a table is not laid out to see
MIN_LINE_LETTERS = 5  # of the size's height, about seven letters: a column is not narrower than its longest word or this
NUMBER = re.compile(r"^[-+−]?[$€£¥]?\s?\d[\d.,\s]*\s?(?:%|[a-zA-Z€£¥°]{1,3})?$")


def draw_grid(
    grid: Grid, style: GridStyle, max_width_px: int = MAX_WIDTH_PX, max_height_px: int = MAX_HEIGHT_PX
) -> tuple[np.ndarray, list[Box]]:
    """The picture of a table, and the box of each of its cells in pixels.

    Letters shrink, down to MIN_SIZE_PX, until the table fits; if it does not then, long words are broken.

    Shapes: (H, W, 3) uint8; as many boxes as `grid.cells`, in their order.
    Raises: Refused with one of DRAW_REASONS.
    """
    if len(grid.cells) > MAX_DRAWN_CELLS:
        raise Refused(TOO_LARGE_TABLE, f"{len(grid.cells)} cells, at most {MAX_DRAWN_CELLS} in a picture")
    num_chars = sum(len(cell.text) for cell in grid.cells)
    if num_chars > MAX_DRAWN_CHARS:
        raise Refused(TOO_LARGE_TABLE, f"{num_chars} characters, at most {MAX_DRAWN_CHARS} in a picture")
    tries = [(size_px, False) for size_px in _sizes(style.size_px)]
    for size_px, breaks_words in (*tries, (MIN_SIZE_PX, True)):
        layout = _lay_out(grid, replace(style, size_px=size_px), max_width_px, max_height_px, breaks_words)
        if layout is not None:
            return _draw(layout)
    raise Refused(TOO_LARGE_TABLE, f"{grid.num_rows} x {grid.num_columns} cells do not fit {max_width_px} x {max_height_px} px")


def _sizes(size_px: int) -> list[int]:
    sizes = [size_px]
    while sizes[-1] > MIN_SIZE_PX:
        sizes.append(max(MIN_SIZE_PX, math.floor(sizes[-1] * 0.85)))
    return sizes


@dataclass(frozen=True, slots=True)
class _Layout:
    """Edges of columns and rows in pixels, from the picture's left and top; the texts of cells, in their order, with their heights."""

    grid: Grid
    style: GridStyle
    blocks: list[Block]
    heights: list[float]
    columns: list[int]
    rows: list[int]
    width_px: int
    height_px: int
    caption: tuple[Block, Box] | None

    def box(self, cell: Cell) -> Box:
        return (
            *(self.columns[cell.column], self.rows[cell.row]),
            *(self.columns[cell.column + cell.column_span], self.rows[cell.row + cell.row_span]),
        )


def _lay_out(grid: Grid, style: GridStyle, max_width_px: int, max_height_px: int, breaks_words: bool) -> _Layout | None:
    """None where the table does not fit."""
    looks = [_look(cell, style) for cell in grid.cells]
    pad_x, pad_y = style.padding_px
    columns = _columns(grid, looks, style, max_width_px, breaks_words)
    if columns is None:
        return None
    widths = [columns[cell.column + cell.column_span] - columns[cell.column] - 2 * pad_x for cell in grid.cells]
    told = [
        num_lines(cell.text, look, width) * style.size_px * LINE_HEIGHT for cell, look, width in zip(grid.cells, looks, widths, strict=True)
    ]
    if sum(_row_heights(grid, told, pad_y)) > HOPELESS * max_height_px:
        return None
    blocks = [Block(cell.text, look) for cell, look in zip(grid.cells, looks, strict=True)]
    heights = [block.height(width) for block, width in zip(blocks, widths, strict=True)]
    width_px, top, below, caption = columns[-1] + style.rule_px + style.margin_px, style.margin_px, 0, None
    if grid.caption:
        block = Block(grid.caption, _caption_look(style))
        width_px = max(width_px, min(max_width_px, math.ceil(text_width(grid.caption, block.look)) + 2 * style.margin_px + 4))
        tall = math.ceil(block.height(width_px - 2 * style.margin_px)) + 2
        if style.caption == "top":
            caption = block, (style.margin_px, top, width_px - style.margin_px, top + tall)
            top += tall + pad_y + 4
        else:
            below = tall + pad_y + 4
    rows = _edges(_row_heights(grid, heights, pad_y), top)
    bottom = rows[-1] + style.rule_px
    if grid.caption and caption is None:
        caption = block, (style.margin_px, bottom + pad_y + 4, width_px - style.margin_px, bottom + below)
    height_px = bottom + below + style.margin_px
    if height_px > max_height_px:
        return None
    return _Layout(grid, style, blocks, heights, columns, rows, width_px, height_px, caption)


def _columns(grid: Grid, looks: list[Look], style: GridStyle, max_width_px: int, breaks_words: bool) -> list[int] | None:
    """The edges of columns between what their longest words take and what their texts take in one line; None where words do not fit."""
    pads = 2 * style.padding_px[0] + 3
    room = max_width_px - 2 * style.margin_px - style.rule_px - grid.num_columns  # whole pixels take up to one more a column
    most = max(MIN_LINE_LETTERS * style.size_px, room / grid.num_columns - pads) if breaks_words else room * MAX_WORD_SHARE
    least = [min(word_width(cell.text, look), most) + pads for cell, look in zip(grid.cells, looks, strict=True)]
    # up to half of the room: a long text is read in lines
    wanted = [max(low, min(text_width(cell.text, look), room / 2) + pads) for cell, look, low in zip(grid.cells, looks, least, strict=True)]
    low = _column_widths(grid, least)
    if sum(low) > room:
        return None
    widths = _share(low, [max(a, b) for a, b in zip(_column_widths(grid, wanted), low, strict=True)], room)
    return _edges(widths, style.margin_px)


def _look(cell: Cell, style: GridStyle) -> Look:
    colour = style.header_text if cell.header else style.text
    align = style.header_align if cell.header else style.align
    if align == "numbers":
        align = RIGHT if NUMBER.match(cell.line) else LEFT
    if cell.header and cell.column_span > 1:
        align = CENTRE
    return Look(style.family, style.size_px, cell.header and style.header_bold, colour=colour, align=cell.align or align)


def _caption_look(style: GridStyle) -> Look:
    return Look(style.family, style.size_px + 1, bold=style.header_bold, colour=style.text, align=style.header_align)


def _column_widths(grid: Grid, needs: list[float]) -> list[float]:
    """Widths that give each cell what it needs: first the cells of one column, then spans from the narrowest on, evenly."""
    widths = [0.0] * grid.num_columns
    for cell, need in sorted(zip(grid.cells, needs, strict=True), key=lambda pair: pair[0].column_span):
        covered = range(cell.column, cell.column + cell.column_span)
        lacking = need - sum(widths[column] for column in covered)
        if lacking > 0:
            for column in covered:
                widths[column] += lacking / cell.column_span
    return widths


def _share(low: list[float], wanted: list[float], room: float) -> list[float]:
    """Widths between the two: what is left of the room goes to columns by how much more they want."""
    more = sum(wanted) - sum(low)
    share = min(1.0, (room - sum(low)) / more) if more > 0 else 0.0
    return [a + share * (b - a) for a, b in zip(low, wanted, strict=True)]


def _row_heights(grid: Grid, tall: list[float], pad_y: int) -> list[float]:
    heights = [0.0] * grid.num_rows
    for cell, text in sorted(zip(grid.cells, tall, strict=True), key=lambda pair: pair[0].row_span):
        covered = range(cell.row, cell.row + cell.row_span)
        lacking = text + 2 * pad_y + 2 - sum(heights[row] for row in covered)
        if lacking > 0:
            for row in covered:
                heights[row] += lacking / cell.row_span
    return heights


def _edges(sizes: list[float], start: int) -> list[int]:
    edges = [start]
    for size in sizes:
        edges.append(edges[-1] + math.ceil(size))
    return edges


def _draw(layout: _Layout) -> tuple[np.ndarray, list[Box]]:
    grid, style = layout.grid, layout.style
    surface = Surface(layout.width_px, layout.height_px, style.background)
    boxes = [layout.box(cell) for cell in grid.cells]
    top = grid.num_header_rows
    for cell, box in zip(grid.cells, boxes, strict=True):
        if cell.header:
            surface.fill(box, style.header_fill)
        elif style.zebra and (cell.row - top) % 2:
            surface.fill(box, style.zebra_fill)
    for box in _rules(layout):
        surface.fill(box, style.rule)
    pad_x, pad_y = style.padding_px
    for block, tall, (x0, y0, x1, y1) in zip(layout.blocks, layout.heights, boxes, strict=True):
        above = max(pad_y + 1, (y1 - y0 - tall) / 2)  # in the middle of its height
        surface.text(block, (x0 + pad_x, y0 + above, x1 - pad_x, y0 + above + tall))
    if layout.caption is not None:
        surface.text(*layout.caption)
    return surface.render(), boxes


def _rules(layout: _Layout) -> list[Box]:
    """Filled boxes on whole pixels, so that lines are sharp."""
    grid, style = layout.grid, layout.style
    thick, left, right, top, bottom = style.rule_px, layout.columns[0], layout.columns[-1], layout.rows[0], layout.rows[-1]
    head = layout.rows[grid.num_header_rows]

    def level(y: int) -> Box:
        return left, y, right + thick, y + thick

    def upright(x: int, y0: int, y1: int) -> Box:
        return x, y0, x + thick, y1 + thick

    frame = [level(top), level(bottom), upright(left, top, bottom), upright(right, top, bottom)]
    if style.rules == "rows":
        return [level(y) for y in layout.rows]
    if style.rules == "head":
        return [level(top), level(bottom), *([level(head)] if head > top else [])]
    if style.rules == "box":
        return [*frame, *([level(head)] if head > top else [])]
    if style.rules == "none":
        return []
    lines = []
    for cell in grid.cells:
        x0, y0, x1, y1 = (int(side) for side in layout.box(cell))
        lines += [(x0, y0, x1 + thick, y0 + thick), upright(x0, y0, y1)]
    return [*frame, *lines]
