"""The lines of a page, upright and cleaned: what the text layer says, where it stands, and how far it can be trusted.

A line is a piece of a written line without wide gaps. Its frame is upright: x grows in the direction of reading of most of the
page's text, y grows downwards, whatever way the page is turned. Units: points (1/72 inch).
"""

from __future__ import annotations

import itertools
import math
import re
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from processors.page.characters import BLANKS, RTL, Glyph, clean, glyphs_of, logical_order
from processors.page.frame import quarter_of, reach, upright

FILLED_OR_STROKED = 16 | 32  # MuPDF's character flags; text in render mode 3 has neither
SUPERSCRIPT, BOLD = 1, 16  # PyMuPDF's span flags
ASCENT, DESCENT = 0.75, 0.22  # of the size: what letters of nearly every font reach above and below their line
SAME_LINE = 0.25  # of the size: how far baselines of one line may differ
SMALL = 0.85  # of the size of the letters beside: raised and lowered ones are no larger
JOINED_GAP = 1.0  # em: pieces of one line that stand closer belong together
MAX_INITIALS = 20  # of a page
DUPLICATE_SHIFT = 0.25  # of the size: the shift of shadows and of bold made by printing twice

# what says nothing of what is printed: replacements, controls, private use
UNKNOWN = re.compile("[\ufffd\x00-\x08\x0e-\x1f\x7f-\x9f\ue000-\uf8ff\U000f0000-\U0010ffff]")
SUPERSCRIPTS = str.maketrans("0123456789+-−=()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁿ")
SUBSCRIPTS = str.maketrans("0123456789+-−=()", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎")
FIGURES = re.compile(r"[0-9+\-−=()n,\s]*[0-9][0-9+\-−=()n,\s]*$")
RULE_OF_SIGNS = re.compile(r"[.\s·…_‐‑–—―=*~-]{5,}$")  # drawn with characters
LEADERS = re.compile(r"\s*(?:\.\s?){5,}|\s*…{2,}|\s*_{5,}\s*")  # dots that lead the eye to a page number
RUN_ON, ADDRESS = re.compile(r"[!-~]{25,}"), re.compile(r"[/@_:]|\.\w")  # letters in a row: blanks may be missing
MARKER = re.compile(r"(?:[•▪■◦‣●○➢✓❑–—*·-]|\(?(?:\d{1,3}|[A-Za-z]|[ivxIVX]{1,5})[.)])$")


class Line(NamedTuple):
    """A piece of a written line. `base` is the y of its baseline; y0 and y1 are what letters reach. `block` is its place in drawing order."""

    text: str
    x0: float
    x1: float
    base: float
    size: float
    bold: bool = False
    turned: bool = False  # not in the direction of most of the page's text
    block: int = 0
    glyphs: tuple[Glyph, ...] = ()

    @property
    def y0(self) -> float:
        return self.base - ASCENT * self.size

    @property
    def y1(self) -> float:
        return self.base + DESCENT * self.size

    @property
    def width(self) -> float:
        return self.x1 - self.x0


@dataclass(frozen=True, slots=True)
class Counts:
    """Characters of a text layer, blanks aside: all; those that are seen and stand for no character, which lines leave out; the invisible."""

    characters: int
    unknown: int
    invisible: int


@dataclass(frozen=True, slots=True)
class TextLayer:
    """`width` and `height` are those of the upright frame; `turn` the quarter turns, clockwise, of most of the text on the page as shown."""

    lines: tuple[Line, ...]
    counts: Counts
    width: float
    height: float
    turn: int
    hidden: tuple[Line, ...] = ()  # text that is neither filled nor stroked, as recognisers lay it over scans


class TextLine(NamedTuple):
    """A line as PyMuPDF's `dict` tells it. `block` counts blocks of text, `place` all blocks in drawing order; `text` is that of all spans."""

    block: int
    number: int
    place: int
    line: Mapping[str, Any]
    text: str


def text_lines(blocks: Sequence[Mapping[str, Any]], with_text: bool = True) -> list[TextLine]:
    """The lines of PyMuPDF's blocks, those of text; `rawdict` has characters in place of texts."""
    texts = [block for block in blocks if block["type"] == 0]
    return [
        TextLine(number, index, block.get("place", number), line, "".join([span["text"] for span in line["spans"]]) if with_text else "")
        for number, block in enumerate(texts)
        for index, line in enumerate(block["lines"])
    ]


def needs_characters(found: Sequence[TextLine]) -> bool:
    """Whether the page is right-to-left somewhere, or misses blanks: the places of its characters are needed then."""
    return any(_misses_blanks(one.text) or _has_rtl(one.text) for one in found)


def _has_rtl(text: str) -> bool:
    return not text.isascii() and RTL.search(text) is not None


def _misses_blanks(text: str) -> bool:
    """Whether letters run on for longer than words do, addresses aside: narrow blanks were not taken for such."""
    return any(not ADDRESS.search(found[0]) for found in RUN_ON.finditer(text))


def read_lines(
    found: Sequence[TextLine], raw: Sequence[Mapping[str, Any]] | None, words: Sequence[Sequence[Any]], width: float, height: float
) -> TextLayer:
    """The lines of a page.

    `raw` are the same lines with characters (`rawdict`), where `needs_characters` asks for them. `words` are PyMuPDF's: a line whose
    words stand far apart is several.
    """
    turns: Counter[int] = Counter()
    for one in found:
        turns[quarter_of(*one.line["dir"])] += len(one.text)
    turns.pop(-1, None)
    turn = turns.most_common(1)[0][0] if turns else 0
    by_line: dict[tuple[int, int], list[tuple[float, float]]] = {}
    for word in words:
        by_line.setdefault((word[5], word[6]), []).append(reach(word, turn, width, height) if turn else (word[0], word[2]))
    counts: Counter[str] = Counter()
    lines: list[Line] = []
    hidden: list[Line] = []
    for number, one in enumerate(found):
        spans: list[Mapping[str, Any]] = [
            span for span in one.line["spans"] if span["char_flags"] & FILLED_OR_STROKED and span["alpha"] > 0
        ]
        num = len(one.text) - one.text.count(" ")
        counts["all"] += num
        if len(spans) != len(one.line["spans"]):
            seen = "".join([span["text"] for span in spans])
            counts["invisible"] += num - len(seen) + seen.count(" ")
        made = _line(spans or one.line["spans"], one, raw[number] if raw is not None else None, turn, width, height)
        if made is None:
            continue
        if not made.text.isascii() and UNKNOWN.search(made.text):  # what the glyphs say, where they were asked
            counts["unknown"] += len(UNKNOWN.findall(made.text))
            made = made._replace(text=BLANKS.sub(" ", UNKNOWN.sub(" ", made.text)).strip())
        if made.text:
            (lines if spans else hidden).extend(_parted(made, by_line.get((one.block, one.number), ())))
    frame = (width, height) if turn % 2 == 0 else (height, width)
    told = Counts(counts["all"], counts["unknown"], counts["invisible"])
    return TextLayer(tuple(_joined(_once(lines))), told, *frame, turn, tuple(_joined(_once(hidden))))


def _parted(line: Line, boxes: Sequence[tuple[float, float]]) -> list[Line]:
    """The line cut where its words (x0, x1 of each) stand further apart than those of one text."""
    gap = JOINED_GAP * line.size
    cuts = [number for number, (one, other) in enumerate(itertools.pairwise(boxes), 1) if other[0] - one[1] > gap]
    if not cuts or line.glyphs or line.turned:
        return [line]
    tokens = line.text.split()
    if len(tokens) != len(boxes):
        return [line]
    return [
        line._replace(text=" ".join(tokens[start:stop]), x0=boxes[start][0], x1=boxes[stop - 1][1])
        for start, stop in itertools.pairwise([0, *cuts, len(tokens)])
    ]


def _place(span: Mapping[str, Any], turn: int, width: float, height: float) -> tuple[float, float]:
    """Where a span begins, on its baseline, in the upright frame."""
    return upright(span["origin"][0], span["origin"][1], turn, width, height)


def _line(
    spans: Sequence[Mapping[str, Any]], one: TextLine, raw: Mapping[str, Any] | None, turn: int, width: float, height: float
) -> Line | None:
    """One line in the upright frame; None when it has no text."""
    letters = [span for span in spans if span["text"] != " "]
    if not letters or one.text.isspace():
        return None
    one_size = len(letters) == 1 or len({span["size"] for span in letters}) == 1
    longest = letters[0] if one_size else max(letters, key=lambda span: len(span["text"]))
    size = float(longest["size"])
    if not 0 < size < math.inf:
        return None
    is_rtl = _has_rtl(one.text)
    text = _spaced(raw) if raw is not None and not is_rtl and _misses_blanks(one.text) else _text_of(spans, longest, turn)
    text = clean(text).strip()
    if not text or RULE_OF_SIGNS.match(text):
        return None
    if text.count(".") >= 5 or "……" in text or "_____" in text:
        text = LEADERS.sub(" ... ", text).strip()
    quarter = quarter_of(*one.line["dir"])
    start, base = _place(longest, turn, width, height)
    reaches = [reach(span["bbox"], turn, width, height) for span in letters] if turn else [span["bbox"][::2] for span in letters]
    x0, x1 = min(reaches)[0], max([end for _, end in reaches])
    if quarter == -1:  # aslant, as headings of narrow columns are: it stands where it begins
        x0, x1 = start, start + size
    bold = all([span["flags"] & BOLD for span in letters])
    glyphs: tuple[Glyph, ...] = ()
    if is_rtl and raw is not None and quarter == turn:
        glyphs = glyphs_of(raw, turn, width, height)
        text = logical_order(glyphs, size)
    return Line(text, x0, x1, base, size, bold, quarter not in (turn, -1), one.place, glyphs) if text else None


def _text_of(spans: Sequence[Mapping[str, Any]], longest: Mapping[str, Any], turn: int) -> str:
    """The text of spans that follow one another; a blank where white between them is as wide as one."""
    if len(spans) == 1:
        return str(spans[0]["text"])
    size = longest["size"]
    pieces: list[str] = []
    before: Mapping[str, Any] | None = None
    for span in spans:
        text = span["text"]
        if text[:1] == " ":
            before = None
        elif before is not None and _white(before, span, turn) > 0.15 * size:
            pieces.append(" ")
        pieces.append(_small(span, longest, turn) if pieces and span["size"] < SMALL * size else text)
        before = None if text[-1:] == " " else span
    return "".join(pieces)


def _white(before: Mapping[str, Any], span: Mapping[str, Any], turn: int) -> float:
    """The white between two spans, in the direction of most of the page's text."""
    left, right = before["bbox"], span["bbox"]
    if turn == 0:
        return float(right[0] - left[2])
    return float((right[0] - left[2], right[1] - left[3], left[0] - right[2], left[1] - right[3])[turn])


def _small(span: Mapping[str, Any], longest: Mapping[str, Any], turn: int) -> str:
    """The text of a small span; raised or lowered figures as such, so that ten to the third is not a hundred and three."""
    text = str(span["text"])
    if not FIGURES.match(text):
        return text
    drop = _place(span, turn, 0, 0)[1] - _place(longest, turn, 0, 0)[1]
    if span["flags"] & SUPERSCRIPT or drop < -0.2 * longest["size"]:
        return text.translate(SUPERSCRIPTS)
    return text.translate(SUBSCRIPTS) if drop > 0.08 * longest["size"] else text


def _spaced(raw: Mapping[str, Any]) -> str:
    """The text of a line with blanks where the white between letters is wider than elsewhere in it."""
    chars = [(char, span["size"]) for span in raw["spans"] for char in span["chars"]]
    gaps = [other["bbox"][0] - one["bbox"][2] for (one, _), (other, _) in itertools.pairwise(chars)]
    usual = sorted(gaps)[len(gaps) // 2] if gaps else 0.0
    text = ""
    for number, (char, size) in enumerate(chars):
        if number and gaps[number - 1] > usual + 0.08 * size and text[-1:] != " " and char["c"] != " ":
            text += " "
        text += char["c"]
    return text


def _once(lines: list[Line]) -> list[Line]:
    """The lines without those that stand, with the same text, where another stands already."""
    kept: dict[tuple[str, int, int], list[Line]] = {}  # by text and square, the twins of a line being in its own or a neighbour
    num = Counter([line.text for line in lines])
    found = []
    for line in lines:
        if num[line.text] == 1:
            found.append(line)
            continue
        near = DUPLICATE_SHIFT * line.size
        column, row = int(line.x0 // near), int(line.base // near)
        around = [twin for i in (-1, 0, 1) for j in (-1, 0, 1) for twin in kept.get((line.text, column + i, row + j), ())]
        if not any(abs(line.x0 - twin.x0) <= near and abs(line.base - twin.base) <= near for twin in around):
            kept.setdefault((line.text, column, row), []).append(line)
            found.append(line)
    return found


def _joined(lines: list[Line]) -> list[Line]:
    """Pieces of one line in one: those that stand close, a list's marker and its text, raised and lowered letters."""
    lines = _with_initials(lines)
    sizes = [line.size for line in lines]
    for belongs in (_is_raised, _is_same_line):
        if belongs is _is_raised and lines and min(sizes) > SMALL * max(sizes):
            continue  # none is
        done: list[Line] = []
        for line in sorted(lines, key=lambda line: (line.turned, round(line.base, 1), line.x0)):
            base, far = line.base, 0.6 * line.size
            for index in range(len(done) - 1, max(-1, len(done) - 12), -1) if not line.turned else ():
                other = done[index]
                below = base - other.base
                if (below > far and below > 0.6 * other.size) or other.turned:
                    continue
                if belongs(other, line) if other.x0 <= line.x0 else belongs(line, other):
                    done[index] = _join(other, line)
                    break
            else:
                done.append(line)
        lines = done
    return lines


def _is_same_line(left: Line, right: Line) -> bool:
    size = max(left.size, right.size)
    gap = right.x0 - left.x1
    marked = MARKER.match(left.text) is not None and gap < 4 * size
    return (
        abs(left.base - right.base) <= SAME_LINE * min(left.size, right.size) and -0.5 * size < gap and (gap < JOINED_GAP * size or marked)
    )


def _is_raised(left: Line, right: Line) -> bool:
    """Whether one is small and stands a little above or below the other's line, close to it."""
    size, smaller = max(left.size, right.size), min(left.size, right.size)
    step = abs(left.base - right.base)
    return smaller <= SMALL * size and SAME_LINE * smaller < step <= 0.6 * size and -0.2 * size < right.x0 - left.x1 < 0.3 * size


def _with_initials(lines: list[Line]) -> list[Line]:
    """A large first letter that reaches over several lines joined to the first of them."""
    done = list(lines)
    usual = statistics.median([line.size for line in lines]) if lines else 0.0
    large = [line for line in lines if len(line.text) == 1 and line.text.isalpha() and not line.turned and line.size > 1.8 * usual]
    for initial in large[:MAX_INITIALS]:
        beside = [
            line
            for line in done
            if line is not initial and not line.turned and 1.8 * line.size < initial.size < 12 * line.size
            and -0.3 * line.size < line.x0 - initial.x1 < 1.5 * line.size and initial.y0 - line.size < line.y0 < initial.base
        ]  # fmt: skip
        if len(beside) >= 2:
            first = min(beside, key=lambda line: line.base)
            done.remove(initial)
            glue = "" if first.text[:1].islower() else " "
            done[done.index(first)] = first._replace(text=initial.text + glue + first.text)
    return done


def _join(one: Line, other: Line) -> Line:
    left, right = (one, other) if one.x0 <= other.x0 else (other, one)
    main = one if len(one.text) >= len(other.text) else other
    if left.glyphs or right.glyphs:
        glyphs = (*_as_glyphs(left), *_as_glyphs(right))
        text = logical_order(glyphs, main.size)
    else:
        glyphs = ()
        text = _side_by_side(left, right)
    return main._replace(text=text, x0=left.x0, x1=max(left.x1, right.x1), bold=left.bold and right.bold, glyphs=glyphs)


def _side_by_side(left: Line, right: Line) -> str:
    size = max(left.size, right.size)
    text = right.text
    if right.size <= SMALL * left.size and FIGURES.match(text) and abs(right.base - left.base) > 0.08 * left.size:
        text = text.translate(SUPERSCRIPTS if right.base < left.base else SUBSCRIPTS)
    return left.text + (" " if right.x0 - left.x1 > 0.12 * size else "") + text


def _as_glyphs(line: Line) -> tuple[Glyph, ...]:
    """The glyphs of a line; a left-to-right one that joins a right-to-left one is a single glyph to it."""
    return line.glyphs or (Glyph(line.text, line.x0, line.x1),)
