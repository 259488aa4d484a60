"""Characters of a text layer as a person sees them, and their order where a line runs from right to left.

The order is found from where glyphs stand, not from the order in which they come: files hold it both ways, and mixed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from processors.page.frame import reach

LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})
SYMBOLS = str.maketrans(  # Symbol and Wingdings, whose glyphs come as private-use characters
    {
        "\uf0b7": "•", "\uf0a7": "▪", "\uf0d8": "➢", "\uf0fc": "✓", "\uf0e0": "→", "\uf06e": "■", "\uf071": "❑",
        "\uf02d": "−", "\uf02b": "+", "\uf03d": "=", "\uf0a3": "≤", "\uf0b3": "≥", "\uf0b1": "±", "\uf0b4": "×",
        "\uf061": "α", "\uf062": "β", "\uf067": "γ", "\uf064": "δ", "\uf06d": "μ", "\uf070": "π", "\uf073": "σ",
    }
)  # fmt: skip
APART = LIGATURES | SYMBOLS
QUOTES = re.compile(r"‘‘|’’|``|''")  # how two single ones look
BLANKS = re.compile(r"[\s\u00a0\u2000-\u200a\u202f\u205f\u3000\x00-\x1f]+")
UNSEEN = re.compile(r"[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
RTL = re.compile(r"[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]")
ARABIC_FORMS = re.compile(r"[\ufb1d-\ufdff\ufe70-\ufefc]")


@dataclass(frozen=True, slots=True)
class Glyph:
    """What one glyph stands for, and where: kept for right-to-left lines, whose order is found from places."""

    text: str
    x0: float
    x1: float


def clean(text: str) -> str:
    """Text without what no reader sees: ligatures apart, one kind of blank, no marks of direction, no private-use bullets."""
    if text.isascii() and text.isprintable() and "  " not in text and "''" not in text and "``" not in text:
        return text
    text = QUOTES.sub(lambda found: "“" if found[0][0] in "‘`" else "”", UNSEEN.sub("", text.translate(APART)))
    if ARABIC_FORMS.search(text):
        text = ARABIC_FORMS.sub(lambda found: unicodedata.normalize("NFKC", found[0]).strip(), text)
    return BLANKS.sub(" ", text)


def glyphs_of(line: Mapping[str, Any], turn: int, width: float, height: float) -> tuple[Glyph, ...]:
    """The glyphs of a line of characters: a character without width belongs to the glyph beside it.

    Fonts say of some glyphs that they stand for several characters: MuPDF gives the first its width and the others none, or, in
    right-to-left text which it turns round, the others first. A word of which one glyph says everything has empty glyphs beside.
    """
    found: list[list[Any]] = []  # text, x0, x1
    before = ""
    for span in line["spans"]:
        for char in span["chars"]:
            x0, x1 = reach(char["bbox"], turn, width, height)
            if x1 - x0 > 0.01 * span["size"]:
                found.append([char["c"] + before, x0, x1])
                before = ""
            elif found and not before and not _starts_a_pair(char["c"], span["chars"], char):
                found[-1][0] += char["c"]
            else:
                before += char["c"]
    if before and found:
        found[-1][0] += before
    return tuple(Glyph(_own_script(clean(text)), x0, x1) for text, x0, x1 in _without_empty(found))


def _starts_a_pair(character: str, characters: Sequence[Mapping[str, Any]], char: Mapping[str, Any]) -> bool:
    """Whether a character without width is the second half of lam-alef, given before its first."""
    if character not in "اأإآ":
        return False
    index = next(number for number, other in enumerate(characters) if other is char)
    return index + 1 == len(characters) or characters[index + 1]["c"] == "ل"


def _without_empty(found: list[list[Any]]) -> list[list[Any]]:
    """Glyphs without those of no character that stand beside one which says the whole word."""
    whole = [number for number, (text, _, _) in enumerate(found) if len(text.strip()) > 3]
    drop: set[int] = set()
    for number in whole:
        room = len(found[number][0])
        for step in (-1, 1):
            index = number + step
            while 0 <= index < len(found) and found[index][0] == "\ufffd" and room > 1:
                drop.add(index)
                room -= 1
                index += step
    return [glyph for number, glyph in enumerate(found) if number not in drop]


def _own_script(text: str) -> str:
    """Of a glyph that is said to stand for words of two directions, the part that ends it: no glyph is both."""
    last = max((number for number, character in enumerate(text) if RTL.match(character)), default=-1)
    tail = text[last + 1 :].strip()
    return tail if last >= 0 and any(map(str.isalpha, tail)) else text


def logical_order(glyphs: Sequence[Glyph], size: float) -> str:
    """The text of a line as it is read, from where its glyphs stand.

    The direction of the line is that of most of its letters. Runs of the other direction, numbers among them, are turned.
    """
    ordered = sorted(glyphs, key=lambda glyph: (glyph.x0 + glyph.x1, glyph.x0))
    pieces: list[str] = []
    end = None
    for glyph in ordered:
        if end is not None and glyph.x0 - end > 0.15 * size and pieces[-1] != " " and not glyph.text.startswith(" "):
            pieces.append(" ")
        if glyph.text:
            pieces.append(glyph.text if glyph.text.strip() else " ")
        end = glyph.x1 if end is None else max(end, glyph.x1)
    rtl = sum(char.isalpha() and bool(RTL.match(char)) for piece in pieces for char in piece)
    ltr = sum(char.isalpha() for piece in pieces for char in piece) - rtl
    is_rtl = rtl > ltr
    ranks = [_direction(piece) for piece in pieces]
    sides = _resolve(ranks, pieces, is_rtl)
    sequence = list(zip(pieces, sides, strict=True))
    if is_rtl:
        sequence.reverse()
    out: list[str] = []
    index = 0
    while index < len(sequence):
        stop = index
        while stop < len(sequence) and sequence[stop][1] == sequence[index][1]:
            stop += 1
        run = [piece for piece, _ in sequence[index:stop]]
        out += reversed(run) if sequence[index][1] != is_rtl else run
        index = stop
    text = BLANKS.sub(" ", "".join(out)).strip()
    return _turn_brackets(text) if is_rtl else text


def _direction(piece: str) -> str:
    if RTL.search(piece):
        return "R"
    if any(char.isdigit() for char in piece):
        return "N"
    return "L" if any(char.isalpha() for char in piece) else ""


def _resolve(ranks: list[str], pieces: list[str], is_rtl: bool) -> list[bool]:
    """For each piece whether it runs right to left: letters by themselves, numbers left to right, the rest as both sides agree."""
    sides: list[bool] = []
    for index, rank in enumerate(ranks):
        if rank:
            sides.append(rank == "R")
            continue
        left = next((other for other in reversed(ranks[:index]) if other), "R" if is_rtl else "L")
        right = next((other for other in ranks[index + 1 :] if other), "R" if is_rtl else "L")
        if left == right == "N":  # a blank between numbers parts them; a point or slash inside one does not
            sides.append(is_rtl if not pieces[index].strip() else False)
        elif "R" not in (left, right):
            sides.append(False)
        else:
            sides.append(True if left == right else is_rtl)
    return sides


def _turn_brackets(text: str) -> str:
    """Brackets as they are read: drawn right to left they come closed before they are opened."""
    first = re.search(r"[()\[\]]", text)
    if first and first[0] in ")]" and re.search(r"[(\[]", text[first.end() :]):
        return text.translate(str.maketrans("()[]", ")(]["))
    return text
