"""Blocks into text: lines of a paragraph joined, words broken at line ends whole again, tables as rows of cells."""

from __future__ import annotations

import itertools
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from processors.page.layout import Block, Box, _box, _rows_of
from processors.page.lines import MARKER, Line

PARAGRAPHS, LINES = "paragraphs", "lines"
LAYOUTS = (PARAGRAPHS, LINES)
LEADING = 1.35  # of the usual distance of baselines: more begins a paragraph
INDENT = 0.8  # em
HYPHENS = "-\u00ad\u2010"
# words that commonly stand before a hyphen that stays: compounds are rarely written in one word after them
COMPOUND = frozenset(
    (
        *(
            "non",
            "self",
            "well",
            "ill",
            "half",
            "cross",
            "high",
            "low",
            "long",
            "short",
            "full",
            "open",
            "double",
            "single",
            "two",
            "three",
        ),
        *("four", "five", "six", "first", "second", "third", "large", "small", "deep", "real", "old", "ex", "vice"),
    )
)
STARTS = re.compile(r"(?:[•▪■◦‣●○➢✓❑]|[–—*·-]\s|\(?(?:\d{1,3}|[A-Za-z]|[ivx]{1,4})[.)]\s)")
STOPS = re.compile(r"[.!?:。؟][\"'”’)\]⁰¹²³⁴⁵⁶⁷⁸⁹,]*$")
LISTED = re.compile(r"(\d{1,3})\s")
WORD = re.compile(r"\w[\w-]*\w(?=[^\w-]|$)")
TITLE, HEADING, TEXT, TABLE = "title", "heading", "text", "table"


@dataclass(frozen=True, slots=True)
class Passage:
    """A paragraph, heading or table. `lines` are its printed lines; `rows` the cells of a table; `size` of its letters in points."""

    kind: str
    lines: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    box: Box
    size: float
    bold: bool = False

    def text(self, layout: str, words: frozenset[str] = frozenset()) -> str:
        if self.rows:
            return markdown(self.rows)
        return "\n".join(self.lines) if layout == LINES else join_lines(self.lines, words)


def passages_of(blocks: Sequence[Block], is_rtl: bool = False) -> list[Passage]:
    """The paragraphs and tables of blocks in their order; what stands larger or bolder than most of the text is a heading."""
    found: list[Passage] = []
    for block in blocks:
        if block.is_table:
            found.append(Passage(TABLE, (), block.rows, block.box, 0.0))
        else:
            found += [_passage(rows, is_rtl) for rows in _paragraphs(block.lines)]
    return _continued(_named(found))


def _passage(rows: Sequence[Sequence[Line]], is_rtl: bool) -> Passage:
    lines = [line for row in rows for line in row]
    texts = tuple(" ".join(line.text for line in (reversed(row) if is_rtl else row)) for row in rows)
    longest = max(lines, key=lambda line: len(line.text))
    return Passage(TEXT, texts, (), _box(lines), longest.size, all(line.bold for line in lines))


def _continued(passages: list[Passage]) -> list[Passage]:
    """A sentence that ends one column and goes on in the next is one paragraph."""
    done: list[Passage] = []
    for one in passages:
        before = done[-1] if done else None
        if (
            before is not None
            and before.kind == one.kind == TEXT
            and abs(before.size - one.size) <= 0.06 * one.size
            and before.bold == one.bold
        ):
            open_end = re.search(r"[\w,;-]$", before.lines[-1]) is not None
            if open_end and one.lines[0][:1].islower() and not STARTS.match(one.lines[0]) and len(" ".join(before.lines)) > 60:
                done[-1] = Passage(TEXT, before.lines + one.lines, (), before.box, before.size, before.bold)
                continue
        done.append(one)
    return done


def _named(passages: list[Passage]) -> list[Passage]:
    """The passages with headings told from text: short, and larger than most letters or bold among letters that are not."""
    weights: dict[float, int] = {}
    bold = plain = 0
    for passage in passages:
        num = sum(map(len, passage.lines))
        weights[round(passage.size, 1)] = weights.get(round(passage.size, 1), 0) + num
        bold, plain = (bold + num, plain) if passage.bold else (bold, plain + num)
    weights.pop(0.0, None)
    if not weights:
        return passages
    body = max(weights, key=lambda size: (weights[size], -size))

    def kind(passage: Passage) -> str:
        text = " ".join(passage.lines)
        if passage.rows or not any(map(str.isalpha, text)) or len(text) > 200 or len(passage.lines) > 4:
            return passage.kind
        larger = passage.size >= 1.12 * body
        return HEADING if larger or (passage.bold and bold < plain and len(passage.lines) <= 2) else passage.kind

    return [Passage(kind(one), one.lines, one.rows, one.box, one.size, one.bold) for one in passages]


def _paragraphs(lines: Sequence[Line]) -> list[list[list[Line]]]:
    """The rows of a column by paragraph."""
    rows = _rows_of(lines)
    steps = [after[0].base - before[0].base for before, after in itertools.pairwise(rows)]
    by_size: dict[int, list[float]] = {}
    for row, step in zip(rows, steps, strict=False):
        by_size.setdefault(round(row[0].size), []).append(step)
    usual = {size: statistics.median_low(found) for size, found in by_size.items()}
    any_size = statistics.median_low(steps or [0.0])
    found: list[list[list[Line]]] = []
    for number, row in enumerate(rows):
        around = rows[max(0, number - 3) : number + 3]
        x0, x1 = min([other[0].x0 for other in around]), max([other[-1].x1 for other in around])
        after = rows[number + 1] if number + 1 < len(rows) else None
        if found and not _begins(found[-1], row, after, steps[number - 1], usual.get(round(row[0].size), any_size), x0, x1):
            found[-1].append(row)
        else:
            found.append([row])
    return found


def _begins(
    paragraph: Sequence[Sequence[Line]], row: Sequence[Line], after: Sequence[Line] | None, step: float, usual: float, x0: float, x1: float
) -> bool:
    """Whether a row begins a paragraph after these rows. `x0` and `x1` are the edges of the lines around it."""
    last, first = paragraph[-1], row[0]
    size = max(last[0].size, first.size)
    sizes_differ = abs(last[0].size - first.size) > 0.12 * size and len(first.text) > 2 and len(last[0].text) > 2
    weights_differ = last[-1].bold != row[-1].bold and last[0].bold != first.bold
    if sizes_differ or weights_differ or step > max(LEADING * min(usual, 1.6 * size), 1.1 * size):
        return True
    if STARTS.match(first.text) or MARKER.match(first.text):
        return True
    if last[-1].text.endswith(tuple(HYPHENS)):
        return False
    if abs((first.x0 + row[-1].x1) - (last[0].x0 + last[-1].x1)) < 1.2 * size and abs(first.x0 - last[0].x0) > size:
        return False  # centred on one axis
    indented = first.x0 - last[0].x0 > INDENT * size and (after is None or first.x0 - after[0].x0 > 0.5 * INDENT * size)
    hanging = len(paragraph) > 1 and last[0].x0 - first.x0 > INDENT * size and abs(paragraph[0][0].x0 - first.x0) < 0.3 * size
    stops = STOPS.search(last[-1].text) is not None
    word = len(first.text.split(" ")[0]) / max(1, len(first.text)) * first.width
    room = x1 - last[-1].x1
    broken_early = room > word + 1.5 * size and room > 0.15 * (x1 - x0)  # the next word would have found place
    return (indented and stops) or hanging or broken_early or _is_next(paragraph[0][0], first)


def _is_next(before: Line, line: Line) -> bool:
    """Whether two lines begin with numbers of one list, as references do."""
    one, other = LISTED.match(before.text), LISTED.match(line.text)
    return one is not None and other is not None and int(other[1]) == int(one[1]) + 1 and abs(before.x0 - line.x0) < line.size


def join_lines(lines: Sequence[str], words: frozenset[str] = frozenset()) -> str:
    """Lines of a paragraph as one; a word broken at a line's end is made whole, by `words` of the page where they tell."""
    text = ""
    for line in lines:
        if not text:
            text = line
        elif text[-1] in HYPHENS:
            text = _mend(text, line, words)
        else:
            text += ("" if _is_wide(text[-1]) and _is_wide(line[:1]) else " ") + line
    return text.replace("\u00ad", "")


def _is_wide(character: str) -> bool:
    """Of a script that puts no blanks between words."""
    return bool(character) and ("\u3000" <= character <= "\u9fff" or "\uf900" <= character <= "\ufaff" or "\uff00" <= character <= "\uffef")


def _mend(text: str, line: str, words: frozenset[str]) -> str:
    """A hyphen at the end of a line goes, unless it is one that the word has anyway.

    It stays before a capital or a figure, in a word that has another hyphen, where the page writes the word so elsewhere, and
    after words that mostly stand in compounds. A soft hyphen always goes. What is no broken word (a dash) keeps its blank.
    """
    head = re.search(r"([\w’'-]*?\w)([-\u00ad\u2010])$", text)
    tail = re.match(r"\w+", line)
    if head is None or tail is None:
        return f"{text} {line}"
    if head[2] == "\u00ad":
        return text[:-1] + line
    first, rest = head[1].lower(), tail[0].lower()
    if not tail[0][0].islower() or not first[-1].isalpha():
        return text + line
    if f"{first}-{rest}" in words:
        return text + line
    if f"{first}{rest}" in words:
        return text[:-1] + line
    return text + line if "-" in first or first in COMPOUND else text[:-1] + line


def words_of(passages: Sequence[Passage]) -> frozenset[str]:
    """The words of a page as they stand inside lines, in small letters: evidence of how a broken one is written."""
    lines = [line.rstrip(HYPHENS + " ") for passage in passages for line in passage.lines or [" ".join(cell) for cell in passage.rows]]
    return frozenset(word.lower().replace("\u2010", "-") for word in set(WORD.findall("\n".join(lines))))


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """A table as Markdown; the first row is its head. A bar inside a cell is escaped."""
    width = max(map(len, rows))
    told = [[cell.replace("|", "\\|").strip() for cell in (*row, *[""] * (width - len(row)))] for row in rows]
    bars = ["| " + " | ".join(row) + " |" for row in told]
    return "\n".join([bars[0], "| " + " | ".join(["---"] * width) + " |", *bars[1:]])
