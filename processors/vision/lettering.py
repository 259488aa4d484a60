"""Texts as coverage masks, shaped and in the right direction in every script that MuPDF's fonts have, with a check on every glyph.

MuPDF brings its own shaper, its rules of direction and fonts of nearly all scripts, so that a text looks the same on every
machine. The Latin faces beside MuPDF's own are those that matplotlib ships.
"""

from __future__ import annotations

import functools
import html
import statistics
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from processors.mupdf import pymupdf
from processors.vision.lines import is_right_to_left
from schemas.outcome import Reason, Refused

NO_GLYPHS = Reason("no_glyphs", "No font has a glyph for a character of the text")
TEXT_DOES_NOT_FIT = Reason("text_does_not_fit", "The picture is too small to show any of the texts legibly, or they are too long")

FILES = {  # faces by the name that a style uses; the empty ones are MuPDF's own
    "sans-serif": "",
    "serif": "",
    "monospace": "",
    "dejavu-sans": "DejaVuSans.ttf",
    "dejavu-sans-bold": "DejaVuSans-Bold.ttf",
    "dejavu-serif": "DejaVuSerif.ttf",
    "dejavu-serif-bold": "DejaVuSerif-Bold.ttf",
    "dejavu-mono": "DejaVuSansMono.ttf",
    "stix": "STIXGeneral.ttf",
    "stix-bold": "STIXGeneralBol.ttf",
}
FACES = tuple(FILES)
JOINERS = "\u200c\u200d"  # invisible, and part of how Persian and the scripts of India are spelt
MAX_CHARS = 240  # of one line
MAX_SIZE_PX = 400
EM_PER_CHAR = 1.2  # the widest letters; a page this wide holds nearly every line
WIDEST = 8  # times as wide as that, for ligatures that stand for whole phrases


@dataclass(frozen=True, slots=True)
class Lettering:
    """How a text is set."""

    face: str = "sans-serif"
    is_bold: bool = False
    is_italic: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Inked:
    """A line of text. Shapes: mask (h, w) uint8, 255 where ink covers a pixel wholly, no empty edge. Units: `above_px` of it are above the base line."""

    mask: np.ndarray
    above_px: int


def readable(text: str) -> str:
    """The text as a picture can show it: composed, single spaces, nothing invisible but joiners."""
    kept = (char for char in unicodedata.normalize("NFC", text) if unicodedata.category(char) != "Cf" or char in JOINERS)
    return " ".join("".join(kept).split())


def ink(text: str, size_px: int, lettering: Lettering = Lettering()) -> Inked:
    """A line of readable text in `size_px`, the height of an em.

    Raises:
        Refused: NO_GLYPHS; TEXT_DOES_NOT_FIT above 240 characters, or for a text without ink.
        ValueError: a size outside 1..400 px, or an unknown face.
    """
    if not 1 <= size_px <= MAX_SIZE_PX or lettering.face not in FILES:
        raise ValueError(f"size {size_px} px, face {lettering.face!r}; expected 1 to {MAX_SIZE_PX} px and one of {', '.join(FACES)}")
    if not text or len(text) > MAX_CHARS:
        raise Refused(TEXT_DOES_NOT_FIT, f"a line of {len(text)} characters, expected 1 to {MAX_CHARS}")
    strange = next((char for char in text if unicodedata.category(char) in ("Cc", "Cs", "Co", "Cn")), None)
    if strange is not None:
        raise Refused(NO_GLYPHS, f"U+{ord(strange):04X} is no character that a font can draw")
    width = int(size_px * (EM_PER_CHAR * len(text) + 2))
    for _ in range(WIDEST.bit_length()):
        page = _set_line(text, size_px, lettering, width)
        glyphs = [(char[1], round(char[2][1], 2)) for span in page.get_texttrace() for char in span["chars"]]
        baselines = [baseline for _, baseline in glyphs]
        if glyphs and max(baselines) - min(baselines) < size_px:  # stacked marks stand a little off; another line further
            return _inked(page, glyphs, text)
        width *= 2
    raise Refused(TEXT_DOES_NOT_FIT, f"{text[:40]!r} does not stand on one line of {width // 2} px")


def _inked(page: Any, glyphs: list[tuple[int, float]], text: str) -> Inked:
    missing = sum(glyph == 0 for glyph, _ in glyphs)
    if missing:
        raise Refused(NO_GLYPHS, f"{missing} of {len(glyphs)} glyphs of {text[:40]!r} are in no font")
    pixmap = page.get_pixmap(alpha=True)
    alpha = np.frombuffer(pixmap.samples, np.uint8).reshape(pixmap.height, pixmap.width, pixmap.n)[..., -1]
    rows, columns = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
    if not rows.size:
        raise Refused(NO_GLYPHS, f"{text[:40]!r} leaves no ink")
    return Inked(
        alpha[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].copy(),
        round(statistics.mode(baseline for _, baseline in glyphs)) - int(rows[0]),
    )


def _set_line(text: str, size_px: int, lettering: Lettering, width_px: int) -> Any:
    weight, slant = "bold" if lettering.is_bold else "normal", "italic" if lettering.is_italic else "normal"
    way = "rtl" if is_right_to_left(text) else "ltr"
    style = f"margin:0;white-space:nowrap;font-size:{size_px}px;font-family:{lettering.face};font-weight:{weight};font-style:{slant}"
    page = pymupdf.open().new_page(width=width_px, height=3 * size_px)
    css, archive = _faces()
    # room above: marks that are stacked on a letter reach out of its line
    place = pymupdf.Rect(0, size_px / 2, width_px, 3 * size_px)
    page.insert_htmlbox(place, f'<p dir="{way}" style="{style}">{html.escape(text)}</p>', css=css, archive=archive, scale_low=1)
    return page


@functools.cache
def _faces() -> tuple[str, Any]:
    """The style sheet that names matplotlib's faces, and the archive with their files."""
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    archive = pymupdf.Archive()
    for file in FILES.values():
        if file:
            archive.add((folder / file).read_bytes(), file)
    return "".join(f"@font-face{{font-family:{name};src:url({file})}}" for name, file in FILES.items() if file), archive
