"""A page to draw on: text that is measured before it is placed, shapes below it, and a proof that all text can be seen.

Text is laid out and shaped by MuPDF with its embedded fonts, which cover most scripts, so that the same text gives the same
pixels on any machine; of matplotlib's bundled fonts the DejaVu ones are offered too. One unit of the page is one pixel.
"""

from __future__ import annotations

import functools
import html
import io
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from processors.mupdf import pymupdf
from schemas.outcome import Reason, Refused

NOT_SHOWN = Reason("not_shown", "Some text has no glyph in any font, or no place in the picture")

DEJAVU = {"dejavu sans": "DejaVuSans", "dejavu serif": "DejaVuSerif", "dejavu mono": "DejaVuSansMono"}
FAMILIES = ("sans-serif", "serif", "monospace", *DEJAVU, "charis")  # "charis" is MuPDF's own default
LINE_HEIGHT = 1.25
TALL_PX = 100_000  # of the space in which a text is measured
SLACK_PX = 1.5  # of a glyph outside of its box: side bearings of italics
SHAPED = (  # scripts whose glyphs are not one a character, by ranges of code points: letters join, marks combine and move
    *((0x0300, 0x036F), (0x0590, 0x08FF), (0x0900, 0x109F), (0x1780, 0x18AF), (0x1AB0, 0x1AFF), (0x200C, 0x200D), (0x20D0, 0x20FF)),
    *((0xA8E0, 0xA8FF), (0xFB1D, 0xFDFF), (0xFE00, 0xFE0F), (0xFE20, 0xFE2F), (0xFE70, 0xFEFF), (0x10000, 0x10FFFF)),
)

_CJK = (
    "\u1100-\u11ff\u2e80-\u303f\u3041-\u31ff\u3400-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff00-\uffef"  # lines break between them
)
_WORD = re.compile(rf"[{_CJK}]|[^\s{_CJK}]+")

Box = tuple[float, float, float, float]  # x0, y0, x1, y1
Colour = tuple[float, float, float]  # red, green, blue in [0, 1]


@dataclass(frozen=True, slots=True)
class Look:
    """How a text looks. `align` is left, center or right. A word that is too long for its line is broken."""

    family: str = "sans-serif"
    size_px: int = 16
    bold: bool = False
    italic: bool = False
    colour: Colour = (0.0, 0.0, 0.0)
    align: str = "left"
    wraps: bool = True

    def css(self) -> str:
        named = "" if self.family == "charis" else f"font-family:{self.family.replace(' ', '')};"
        weight = ("font-weight:bold;" if self.bold else "") + ("font-style:italic;" if self.italic else "")
        lines = "overflow-wrap:break-word;" if self.wraps else "white-space:nowrap;"
        colour = "#" + "".join(f"{round(255 * value):02x}" for value in self.colour)
        return (
            f"{_font_faces(self.family)}body{{margin:0}}p{{margin:0;{named}{weight}{lines}color:{colour};text-align:{self.align};"
            f"font-size:{self.size_px}px;line-height:{LINE_HEIGHT}}}"
        )


def _font_faces(family: str) -> str:
    if family not in DEJAVU:
        return ""
    oblique = "Italic" if family == "dejavu serif" else "Oblique"
    faces = (("", ""), ("font-weight:bold;", "-Bold"), ("font-style:italic;", f"-{oblique}"))
    name, file = family.replace(" ", ""), DEJAVU[family]
    return "".join(f"@font-face{{font-family:{name};{weight}src:url({file}{ending}.ttf)}}" for weight, ending in faces)


@functools.cache
def _fonts() -> Any:
    import matplotlib

    return pymupdf.Archive(os.path.join(matplotlib.get_data_path(), "fonts", "ttf"))


def _story(text: str, look: Look) -> Any:
    told = html.escape(text).replace("\n", "<br/>")
    return pymupdf.Story(f"<p>{told}</p>", user_css=look.css(), archive=_fonts() if look.family in DEJAVU else None)


@functools.lru_cache(maxsize=32_768)
def _advance(character: str, family: str, bold: bool, italic: bool) -> float:
    """How far a character moves the next one, as a share of the size; scripts whose letters join take less than the sum."""
    look = Look(family, 100, bold, italic, wraps=False)
    with_it, without = (_story(text, look).place(pymupdf.Rect(0, 0, 1, TALL_PX))[1][2] for text in (f"n{character}n", "nn"))
    return max(0.0, float(with_it - without) / 100)


def _span(text: str, look: Look) -> float:
    return look.size_px * sum(_advance(character, look.family, look.bold, look.italic) for character in text)


def text_width(text: str, look: Look) -> float:
    """About how many pixels the longest of the text's own lines takes, rather too many than too few: kerning is left out."""
    return max((_span(line, look) for line in text.split("\n")), default=0.0)


def word_width(text: str, look: Look) -> float:
    """As `text_width`, of the longest piece of the text inside which no line breaks."""
    return max((_span(word, look) for word in _WORD.findall(text)), default=0.0)


def num_lines(text: str, look: Look, width_px: float) -> int:
    """About how many lines the text takes at this width."""
    count = 0
    for line in text.split("\n"):
        count, filled = count + 1, 0.0
        for found in _WORD.finditer(line):
            wide = _span(found[0], look)
            space = _span(" ", look) if filled and line[found.start() - 1].isspace() else 0.0
            if filled and filled + space + wide > width_px:
                count, filled, space = count + 1, 0.0, 0.0
            count += int(wide / width_px) if wide > width_px else 0
            filled += space + wide
    return count


class Block:
    """A text that is laid out: measured, then drawn. Empty text takes the height of a line."""

    def __init__(self, text: str, look: Look) -> None:
        self.text, self.look = text, look
        self._story = _story(text, look) if text else None

    def height(self, width_px: float) -> float:
        """Pixels that the text takes in lines of this width."""
        if self._story is None:
            return self.look.size_px * LINE_HEIGHT
        _, filled = self._place((0, 0, width_px, TALL_PX))
        return float(filled[3] - filled[1])

    def draw(self, device: Any, box: Box) -> None:
        """Raises: Refused with NOT_SHOWN when the box is too low."""
        if self._story is None:
            return
        more, _ = self._place((box[0], box[1], box[2], box[3] + 1))  # what fits exactly must not fail by rounding
        if more:
            raise Refused(NOT_SHOWN, f"{self.text[:60]!r} does not fit its box")
        self._story.draw(device)

    def _place(self, box: Box) -> tuple[int, Sequence[float]]:
        assert self._story is not None
        self._story.reset()
        placed: tuple[int, Sequence[float]] = self._story.place(pymupdf.Rect(*box))
        return placed


Draw = Callable[[Any], None]  # draws into a pymupdf.Shape


@dataclass(slots=True)
class Surface:
    """Collects texts and shapes; `render` draws them. Shapes lie below texts, in the order in which they were added."""

    width_px: int
    height_px: int
    background: Colour = (1.0, 1.0, 1.0)
    _texts: list[tuple[Block, Box]] = field(default_factory=list)
    _shapes: list[Draw] = field(default_factory=list)

    def text(self, block: Block, box: Box) -> None:
        """The text from the top of the box on; it must fit (see `Block.height`)."""
        self._texts.append((block, box))

    def shape(self, draw: Draw) -> None:
        self._shapes.append(draw)

    def fill(self, box: Box, colour: Colour) -> None:
        def draw(shape: Any) -> None:
            shape.draw_rect(pymupdf.Rect(*box))
            shape.finish(color=None, fill=colour, width=0)

        self.shape(draw)

    def render(self) -> np.ndarray:
        """Shapes: (H, W, 3) uint8.

        Raises: Refused with NOT_SHOWN when some text is not there to be seen, whole and inside its box.
        """
        sink = io.BytesIO()
        writer = pymupdf.DocumentWriter(sink)
        device = writer.begin_page(pymupdf.Rect(0, 0, self.width_px, self.height_px))
        for block, box in self._texts:
            block.draw(device, box)
        writer.end_page()
        writer.close()
        with pymupdf.open("pdf", sink.getvalue()) as document:
            page = document[0]
            _check_shown(page.get_texttrace(), self._texts)
            shape = page.new_shape()
            shape.draw_rect(page.rect)
            shape.finish(color=None, fill=self.background, width=0)
            for draw in self._shapes:
                draw(shape)
            shape.commit(overlay=False)
            pixmap = page.get_pixmap(alpha=False)
            return (
                np.frombuffer(pixmap.samples, np.uint8)
                .reshape(pixmap.height, pixmap.stride)[:, : pixmap.width * 3]
                .reshape(pixmap.height, pixmap.width, 3)
            )


def _check_shown(spans: Sequence[dict[str, Any]], texts: Sequence[tuple[Block, Box]]) -> None:
    """Raises: Refused with NOT_SHOWN."""
    shown: list[list[str]] = [[] for _ in texts]
    at = 0
    for span in spans:
        x0, _, x1, _ = span["bbox"]
        y = span["chars"][0][2][1]
        places = (at, at + 1, *range(len(texts)))  # in the order in which they were drawn, mostly
        found = next((place for place in places if place < len(texts) and _inside(texts[place][1], x0, x1, y)), None)
        said = "".join(chr(character[0]) for character in span["chars"])
        if found is None:
            if said.isspace():
                continue
            raise Refused(NOT_SHOWN, f"{said[:60]!r} reaches out of its box")
        at = found
        for code, glyph, *_ in span["chars"]:
            if glyph == 0:
                raise Refused(NOT_SHOWN, f"no font has a glyph for a character of {texts[at][0].text[:60]!r}")
            shown[at].append(chr(code))
    for (block, _), seen in zip(texts, shown, strict=True):
        lacking = _countable(block.text) - _countable("".join(seen))
        if lacking or (not seen and block.text.strip()):
            raise Refused(NOT_SHOWN, f"{''.join(lacking)[:20]!r} of {block.text[:60]!r} is not in the picture")


def _inside(box: Box, x0: float, x1: float, baseline: float) -> bool:
    return box[0] - SLACK_PX <= x0 and x1 <= box[2] + SLACK_PX and box[1] <= baseline <= box[3] + 1


def _countable(text: str) -> Counter[str]:
    """Characters, without spaces and without those that have no glyph of their own in a line of shaped text."""
    plain = unicodedata.normalize("NFKC", text)
    return Counter(c for c in plain if not c.isspace() and not any(low <= ord(c) <= high for low, high in SHAPED))
