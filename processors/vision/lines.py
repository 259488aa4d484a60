"""Lines of text in a picture: what they say, where they stand, and the order in which a person reads them.

Read are lists of objects (`lines` or `quads`, with a quad or a box, and a text) and the text form of the receipts of SROIE
(ICDAR 2019, task 1): a line each, `x1,y1,x2,y2,x3,y3,x4,y4,text`, commas inside the text kept. Units are px of the picture as
it is seen, after its orientation. A quad goes clockwise from the corner at which the text begins, as those sources write it.
"""

from __future__ import annotations

import itertools
import math
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from processors.vision.box_text import box_bins
from processors.vision.marks import Mark
from schemas.outcome import Reason, Refused

NO_TEXT_LINES = Reason("no_text_lines", "The row has no lines of text with their places, or none that can be read")
BAD_QUAD = Reason("bad_quad", "A line has no quad or box of finite numbers with an area, or no text")
QUAD_OUTSIDE = Reason("quad_outside", "A line stands outside of the picture")
TOO_MANY_LINES = Reason("too_many_lines", "The row has more lines, or longer ones, than any picture shows legibly")
LINE_REASONS = (NO_TEXT_LINES, BAD_QUAD, QUAD_OUTSIDE, TOO_MANY_LINES)

LIST_COLUMNS = ("lines", "quads")
TEXT_COLUMN = "box"  # the receipts' form, which a folder `box` beside the pictures gives
TEXTS = ("text", "transcription", "utf8_string")
QUADS = ("quad", "points", "polygon", "vertices")
ILLEGIBLE = "###"  # ICDAR's mark of a line that nobody can read

MAX_LINES = 2_000
MAX_LINE_CHARS = 2_000
MAX_CHARS = 200_000  # of all lines; a newspaper page has 60,000
MAX_POINTS = 256
OUTSIDE_RATIO = 0.01  # of a side; annotators' clicks beyond the edge are cut to it, what lies further out is another picture's
SAME_ROW = 0.5  # of the lower height, by which the middles of two lines of a row may differ

Point = tuple[float, float]
Quad = tuple[Point, Point, Point, Point]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text and its quad in px, clockwise from where the text begins."""

    text: str
    quad: Quad

    @property
    def box(self) -> tuple[float, float, float, float]:
        """The upright box around the quad: x0, y0, x1, y1."""
        xs, ys = zip(*self.quad, strict=True)
        return min(xs), min(ys), max(xs), max(ys)


@dataclass(frozen=True, slots=True)
class TextLines:
    """The legible lines of a picture by rows, in reading order, and how many more are marked as illegible."""

    rows: tuple[tuple[Line, ...], ...]
    num_illegible: int = 0

    @property
    def lines(self) -> list[Line]:
        return list(itertools.chain.from_iterable(self.rows))

    def truth(self, width: int, height: int) -> dict[str, Any]:
        """The truth of kind `lines`: rows of texts with boxes in thousandths."""
        rows = [[{"text": line.text, "box": list(box_bins(line.box, width, height))} for line in row] for row in self.rows]
        return {"rows": rows, "num_illegible": self.num_illegible}

    def marks(self, width: int, height: int) -> list[Mark]:
        return [
            Mark(0, x0 / width, y0 / height, x1 / width, y1 / height, line.text) for line in self.lines for x0, y0, x1, y1 in (line.box,)
        ]


# ---- reading


def lines_of(fields: Mapping[str, object], width: int, height: int) -> TextLines:
    """The lines of a row whose picture measures `width` x `height` px, in reading order.

    Raises: Refused with one of LINE_REASONS.
    """
    read = _given(fields)
    if len(read) > MAX_LINES:
        raise Refused(TOO_MANY_LINES, f"{len(read)} lines, expected {MAX_LINES} or fewer")
    num_chars = sum(len(text) for text, _, _ in read)
    if num_chars > MAX_CHARS:
        raise Refused(TOO_MANY_LINES, f"{num_chars} characters in {len(read)} lines, expected {MAX_CHARS} or fewer")
    legible: list[Line] = []
    for number, (text, points, is_legible) in enumerate(read):
        if len(text) > MAX_LINE_CHARS:
            raise Refused(TOO_MANY_LINES, f"line {number} has {len(text)} characters, expected {MAX_LINE_CHARS} or fewer")
        quad = _inside(points, width, height, f"line {number}")
        if is_legible:
            legible.append(Line(text, quad))
    if not legible:
        raise Refused(NO_TEXT_LINES, f"{len(read)} lines, none with a text that can be read")
    return TextLines(tuple(tuple(legible[index] for index in row) for row in reading_rows(legible)), len(read) - len(legible))


_Read = tuple[str, list[Point], bool]


def _given(fields: Mapping[str, object]) -> list[_Read]:
    listed = next((fields[name] for name in LIST_COLUMNS if fields.get(name)), None)
    if listed is not None:
        if not isinstance(listed, list):
            raise Refused(BAD_QUAD, f"the lines are {str(listed)[:60]!r}, expected a list of objects")
        return [_from_object(item, f"line {number}") for number, item in enumerate(listed)]
    text = fields.get(TEXT_COLUMN)
    if not isinstance(text, str) or not text.strip():
        raise Refused(NO_TEXT_LINES, f"expected a list in one of {', '.join(LIST_COLUMNS)}, or text in {TEXT_COLUMN}")
    rows = [row for row in text.lstrip("\ufeff").splitlines() if row.strip()]
    return [_from_text(row, f"line {number}") for number, row in enumerate(rows)]


def _from_text(row: str, where: str) -> _Read:
    """A line of the receipts' form."""
    parts = row.split(",", 8)
    if len(parts) < 9:
        raise Refused(BAD_QUAD, f"{where} is {row[:80]!r}, expected x1,y1,x2,y2,x3,y3,x4,y4,text")
    try:
        numbers = [float(part) for part in parts[:8]]
    except ValueError as error:
        raise Refused(BAD_QUAD, f"{where} is {row[:80]!r}, expected eight numbers before the text") from error
    text = " ".join(parts[8].split())
    return text, list(zip(numbers[::2], numbers[1::2], strict=True)), bool(text) and text != ILLEGIBLE


def _from_object(item: object, where: str) -> _Read:
    """A line given as an object: `quad` (8 numbers, or points), `box` (x0, y0, x1, y1), or `bbox` (x, y, width, height, as in COCO)."""
    if not isinstance(item, Mapping):
        raise Refused(BAD_QUAD, f"{where} is {str(item)[:80]!r}, expected an object with a quad and a text")
    text = next((item[name] for name in TEXTS if isinstance(item.get(name), str)), None)
    if text is None:
        raise Refused(BAD_QUAD, f"{where} has {', '.join(sorted(map(str, item)))}; expected a text in one of {', '.join(TEXTS)}")
    text = " ".join(text.split())
    unreadable = item.get("legible") is False or item.get("illegible") is True or item.get("ignore") is True
    return text, _points(item, where), bool(text) and text != ILLEGIBLE and not unreadable


def _points(item: Mapping[Any, Any], where: str) -> list[Point]:
    shape = next((item[name] for name in QUADS if item.get(name) is not None), None)
    if shape is not None:
        flat = list(itertools.chain.from_iterable(shape)) if _is_pairs(shape) else shape
        numbers = _numbers(flat, where)
        if len(numbers) < 8 or len(numbers) % 2 or len(numbers) > 2 * MAX_POINTS:
            raise Refused(BAD_QUAD, f"{where} has {len(numbers)} coordinates, expected 8, or more of a polygon")
        return list(zip(numbers[::2], numbers[1::2], strict=True))
    name = "box" if item.get("box") is not None else "bbox"
    corners = _numbers(item.get(name), where)
    if len(corners) != 4:
        raise Refused(BAD_QUAD, f"{where} has a {name} of {len(corners)} numbers, expected 4")
    x0, y0, x1, y1 = corners if name == "box" else (corners[0], corners[1], corners[0] + corners[2], corners[1] + corners[3])
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]


def _is_pairs(shape: object) -> bool:
    return isinstance(shape, list) and bool(shape) and all(isinstance(point, list) and len(point) == 2 for point in shape)


def _numbers(values: object, where: str) -> list[float]:
    listed = values if isinstance(values, list) else []
    good = all(isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e9 for value in listed)
    if not listed or not good:
        raise Refused(BAD_QUAD, f"{where} has the coordinates {str(values)[:80]}, expected finite numbers")
    return [float(value) for value in listed]


def _inside(points: Sequence[Point], width: int, height: int, where: str) -> Quad:
    """Four corners inside the picture; a polygon of more becomes the upright box around it."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    if not all(map(math.isfinite, (*xs, *ys))) or max(xs) - min(xs) <= 0 or max(ys) - min(ys) <= 0:
        raise Refused(BAD_QUAD, f"{where} spans {max(xs) - min(xs):g} x {max(ys) - min(ys):g} px, expected an area")
    slack_x, slack_y = max(2.0, OUTSIDE_RATIO * width), max(2.0, OUTSIDE_RATIO * height)
    if min(xs) < -slack_x or max(xs) > width + slack_x or min(ys) < -slack_y or max(ys) > height + slack_y:
        spans = f"{min(xs):g}, {min(ys):g} to {max(xs):g}, {max(ys):g}"
        raise Refused(QUAD_OUTSIDE, f"{where} spans {spans}, the picture {width} x {height} px")
    if len(points) != 4:
        points = [(min(xs), min(ys)), (max(xs), min(ys)), (max(xs), max(ys)), (min(xs), max(ys))]
    cut = [(min(max(x, 0.0), float(width)), min(max(y, 0.0), float(height))) for x, y in points]
    if len({x for x, _ in cut}) == 1 or len({y for _, y in cut}) == 1:
        raise Refused(QUAD_OUTSIDE, f"{where} lies wholly beyond the edge of the picture of {width} x {height} px")
    return cut[0], cut[1], cut[2], cut[3]


# ---- order


def reading_rows(lines: Sequence[Line]) -> list[list[int]]:
    """Indices of the lines, row by row from the top, each row in reading direction.

    Lines share a row when their middles differ by less than half of the lower line's height, seen along the common skew of
    the picture and next to their nearest neighbour, so that a slant adds nothing up. A row that is mostly right-to-left
    text runs from the right.
    """
    angle = _skew(lines)
    cosine, sine = math.cos(angle), math.sin(angle)
    spans = [_span(line.quad, cosine, sine) for line in lines]
    rows: list[list[int]] = []
    for index in sorted(range(len(lines)), key=lambda index: (spans[index].middle, spans[index].left, index)):
        row = next((row for row in reversed(rows[-8:]) if _joins(spans, row, index)), None)
        if row is None:
            rows.append([index])
        else:
            row.append(index)
    rows.sort(key=lambda row: sum(spans[index].middle for index in row) / len(row))
    return [_in_direction(row, lines, spans) for row in rows]


@dataclass(frozen=True, slots=True)
class _Span:
    """A line along and across the common direction of the text. Units: px."""

    left: float
    right: float
    middle: float
    height: float


def _skew(lines: Sequence[Line]) -> float:
    """The median direction of the text in radians, the longest lines counting most; 0 where it is no slight slant."""
    angles = []
    for line in lines:
        (x0, y0), (x1, y1), *_ = line.quad
        if x1 > x0:
            angles.append((math.atan2(y1 - y0, x1 - x0), math.hypot(x1 - x0, y1 - y0)))
    half, passed = sum(length for _, length in angles) / 2, 0.0
    for angle, length in sorted(angles):
        passed += length
        if passed >= half:
            return angle if abs(angle) < math.pi / 6 else 0.0
    return 0.0


def _span(quad: Quad, cosine: float, sine: float) -> _Span:
    along = [x * cosine + y * sine for x, y in quad]
    across = [y * cosine - x * sine for x, y in quad]
    return _Span(min(along), max(along), sum(across) / 4, max(1e-6, (across[2] + across[3] - across[0] - across[1]) / 2))


def _joins(spans: Sequence[_Span], row: list[int], index: int) -> bool:
    new = spans[index]
    overlap = max(min(new.right, spans[other].right) - max(new.left, spans[other].left) for other in row)
    if overlap > 0.5 * min(new.right - new.left, min(spans[other].right - spans[other].left for other in row)):
        return False  # one above the other, however close
    nearest = min(row, key=lambda other: max(new.left - spans[other].right, spans[other].left - new.right))
    return abs(new.middle - spans[nearest].middle) < SAME_ROW * min(new.height, spans[nearest].height)


def _in_direction(row: list[int], lines: Sequence[Line], spans: Sequence[_Span]) -> list[int]:
    from_right = is_right_to_left(" ".join(lines[index].text for index in row))
    return sorted(row, key=lambda index: (-spans[index].right if from_right else spans[index].left, index))


def is_right_to_left(text: str) -> bool:
    """Whether most letters of the text are written from right to left."""
    kinds = [unicodedata.bidirectional(char) for char in text]
    return sum(kind in ("R", "AL") for kind in kinds) > kinds.count("L")


def are_rows_clear(truth: Mapping[str, Any]) -> bool:
    """Whether a person would count the same rows: each lies below the one before by more than half of its own height."""
    bands = [(min(line["box"][1] for line in row), max(line["box"][3] for line in row)) for row in truth["rows"]]
    return all(
        below[0] - above[0] > 0.5 * (above[1] - above[0]) and below[1] - above[1] > 0.5 * (below[1] - below[0])
        for above, below in itertools.pairwise(bands)
    )


def to_json(lines: TextLines) -> list[dict[str, object]]:
    """The lines in the form in which a row may have them, in reading order."""
    return [{"text": line.text, "quad": [list(point) for point in line.quad]} for line in lines.lines]


def full_text(truth: Mapping[str, Any]) -> str:
    """The text of a truth of kind `lines`: a row a line, what stands beside one another set apart by a space."""
    return "\n".join(" ".join(line["text"] for line in row) for row in truth["rows"])
