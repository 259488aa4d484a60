"""Running heads, running feet, page numbers and stamps: what stands on a page without being part of its text.

Found by place (the first and last rows of a page, parted from its text by white or a ruled line, and stamps along its edges), by what
running lines say (addresses, dates, volumes, page numbers), and by repetition on the pages near it.
"""

from __future__ import annotations

import itertools
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from processors.page.layout import Box, bands_of
from processors.page.lines import Line, TextLayer

ZONE = 0.15  # of the height: rows that repeat are looked for there
EDGE = 0.1  # of the height: rows that are known by what they say stand nearer to the edge
STAMP_EDGE = 0.09  # of the width, for text turned against the rest
ROWS = 3
MAX_CHARS = 200  # of a running head or foot
APART = 0.6  # em of white, at least, between it and the text
SAME_PLACE = 0.02  # of the height
PAGE_NUMBER = re.compile(
    r"[\W_]*(?:(?:page|seite|p\.|pag\.|página|pagina)\s*)?((?:[A-Z]{0,2}-?)?\d{1,4}|[ivxlc]{1,7}|[IVXLC]{1,7})(?:\s*(?:/|of|von|de|sur|di)\s*\d{1,4})?[\W_]*$",
    re.IGNORECASE,
)
NUMBER_AT_END = re.compile(r"^(\d{1,4})\s+\D+$|^\D+\s(\d{1,4})$")
RUNNING = re.compile(
    r"(?:https?://|www\.|doi:|doi\.org|©|\(c\)\s*\d{4}|copyright|all rights reserved|\bissn\b|\bisbn\b|downloaded (?:from|by|on)|download date|"
    r"\bvol(?:ume|\.)?\s*\d|\bissue\s*\d|\bno\.\s*\d|creative ?commons|open access|preprint|draft of|confidential|submitted to|published (?:in|by)|"
    r"proceedings of|\bjournal of\b|"
    r"\b\d{1,2}\s+(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?\s+(?:19|20)\d\d|"
    r"\b(?:january|february|march|april|june|july|august|september|october|november|december)\s+(?:\d{1,2},\s*)?(?:19|20)\d\d|[\w.]+@[\w.]+\.\w+)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class EdgeRow:
    """A row near the top or foot of a page, as other pages compare it: figures count as one figure."""

    text: str
    y: float  # of the page's height


@dataclass(frozen=True, slots=True)
class Furniture:
    """`lines` stand outside the text. `page_number` is the number that the page prints, empty where none is certain."""

    lines: frozenset[Line]
    page_number: str


def edge_rows(layer: TextLayer) -> list[EdgeRow]:
    """The rows of a page that may repeat on others."""
    return [EdgeRow(_pattern(row), _y(row, layer)) for rows in _edges(_bands(layer), layer.height) for row in rows]


def find_furniture(layer: TextLayer, near: Sequence[Sequence[EdgeRow]] = (), rulings: Sequence[Box] = ()) -> Furniture:
    """What of a page is not its text. `near` are the edge rows of pages around it, of the same file."""
    out: list[Line] = []
    numbers: list[str] = []
    body = _body_size(layer)
    there = {(row.text, row.y) for rows in near for row in rows}
    bands = _bands(layer)
    for from_top, rows in zip((True, False), _edges(bands, layer.height), strict=True):
        inner_bands = (bands if from_top else bands[::-1])[len(rows) : len(rows) + 1]
        inward = [*rows, *(inner_bands or [[]])]
        gaps = [_white(row, inner, from_top) if inner else 0.0 for row, inner in itertools.pairwise(inward)]
        for number, row in enumerate(rows):
            # rows that stand close share the white, or the ruled line, on their inner side
            inner = next((other for other in range(number, len(rows)) if gaps[other] >= APART * _size(rows[other])), number)
            if not inward[inner + 1] or not _is_running(
                row, gaps[inner], _ruled(inward[inner], inward[inner + 1], from_top, layer, rulings), from_top, layer, body, there
            ):
                break  # what stands further in is text
            out += row
            numbers += _numbers(row)
    for line in layer.lines:
        if line.turned and _at_edge(line, layer):
            out.append(line)
    return Furniture(frozenset(out), numbers[0] if len(set(numbers)) == 1 else "")


def _body_size(layer: TextLayer) -> float:
    sizes = [(line.size, len(line.text)) for line in layer.lines if not line.turned]
    weights: dict[float, int] = {}
    for size, num in sizes:
        weights[round(size, 1)] = weights.get(round(size, 1), 0) + num
    return max(weights, key=lambda size: (weights[size], -size)) if weights else 10.0


def _edges(bands: Sequence[list[Line]], height: float) -> tuple[list[list[Line]], list[list[Line]]]:
    """(the first rows from the top inwards, the last rows from the foot inwards) that lie in the outer zones."""
    top = [band for band in bands[:ROWS] if max(line.base for line in band) < ZONE * height]
    foot = [band for band in bands[-ROWS:] if min(line.y0 for line in band) > (1 - ZONE) * height]
    return top, foot[::-1]


def _bands(layer: TextLayer) -> list[list[Line]]:
    return bands_of([line for line in layer.lines if not line.turned])


def _white(row: Sequence[Line], inner: Sequence[Line], from_top: bool) -> float:
    upper, lower = (row, inner) if from_top else (inner, row)
    return min(line.y0 for line in lower) - max(line.y1 for line in upper)


def _size(row: Sequence[Line]) -> float:
    return statistics.median(line.size for line in row)


def _ruled(row: Sequence[Line], inner: Sequence[Line], from_top: bool, layer: TextLayer, rulings: Sequence[Box]) -> bool:
    """Whether one drawn line parts the row from what is inside; a table's head has others around it."""
    upper, lower = (row, inner) if from_top else (inner, row)
    bottom, top = max(line.y1 for line in upper), min(line.y0 for line in lower)
    long = [box for box in rulings if box[3] - box[1] < 3 and box[2] - box[0] > 0.3 * layer.width]
    between = any(bottom - 3 <= box[1] <= top + 3 for box in long)
    beyond = [box for box in long if (box[1] < bottom - 3 if from_top else box[1] > top + 3)]
    return between and not beyond


def _is_running(
    row: list[Line], white: float, ruled: bool, from_top: bool, layer: TextLayer, body: float, there: set[tuple[str, float]]
) -> bool:
    """Whether a row is a running head or foot; `white` is what parts it, and rows close to it, from the text."""
    text = " ".join(line.text for line in sorted(row, key=lambda line: line.x0))
    size = _size(row)
    if len(text) > MAX_CHARS or size > 1.6 * body or (white < APART * size and not ruled):
        return False
    y, pattern = _y(row, layer), _pattern(row)
    repeats = any(abs(y - place) < SAME_PLACE and _alike(pattern, other) for other, place in there)
    if repeats:
        return True
    near_edge = (
        (max(line.base for line in row) < EDGE * layer.height) if from_top else (min(line.y0 for line in row) > (1 - EDGE) * layer.height)
    )
    if not near_edge:
        return bool(_numbers(row)) and len(row) == 1 and bool(PAGE_NUMBER.match(text))
    if PAGE_NUMBER.match(text) or RUNNING.search(text):
        return True
    wide_apart = white > 1.2 * size
    bold = all(line.bold for line in row)
    if wide_apart and not bold and size <= 1.05 * body and ((len(row) > 1 and _numbers(row)) or NUMBER_AT_END.search(text)):
        return True
    letters = [char for char in text if char.isalpha()]
    capitals = sum(map(str.isupper, letters)) > 0.8 * len(letters) if letters else False
    small = size < 0.93 * body
    if not from_top or len(row) > 3:
        return False
    quiet = small or (capitals and size <= 1.05 * body)
    return (ruled and size <= 1.15 * body) or (wide_apart and quiet and len(text) < 100)


def _numbers(row: Sequence[Line]) -> list[str]:
    """The page number that a row prints by itself or at one of its ends."""
    ordered = sorted(row, key=lambda line: line.x0)
    alone = [
        found[1] for line in {id(ordered[0]): ordered[0], id(ordered[-1]): ordered[-1]}.values() if (found := PAGE_NUMBER.match(line.text))
    ]
    if alone:
        return alone
    found = NUMBER_AT_END.search(" ".join(line.text for line in ordered))
    return [found[1] or found[2]] if found else []


def _pattern(row: Sequence[Line]) -> str:
    return re.sub(r"\d+", "#", " ".join(line.text for line in sorted(row, key=lambda line: line.x0)))


def _y(row: Sequence[Line], layer: TextLayer) -> float:
    return statistics.median(line.base for line in row) / max(layer.height, 1.0)


def _alike(one: str, other: str) -> bool:
    """Whether two rows are one running line: the same but for figures, or for one side of it (chapter left, book right)."""
    if one == other:
        return True
    left, right = set(one.split()), set(other.split())
    return min(len(left), len(right)) >= 3 and len(left & right) >= 0.7 * max(len(left), len(right))


def _at_edge(line: Line, layer: TextLayer) -> bool:
    """Whether turned text stands along the left or right edge of the page, as stamps of archives do."""
    middle = (line.x0 + line.x1) / 2
    return middle < STAMP_EDGE * layer.width or middle > (1 - STAMP_EDGE) * layer.width
