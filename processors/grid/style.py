"""How a drawn table looks: chosen by a keyed generator among what documents, web pages and slides have."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from processors.grid.surface import FAMILIES, Colour

RULES = ("all", "rows", "head", "box", "none")
ALIGNS = ("left", "center", "numbers")  # numbers: numbers to the right, all else to the left
CAPTIONS = ("top", "bottom")
BLACK, WHITE = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)


def _rgb(text: str) -> Colour:
    return int(text[0:2], 16) / 255, int(text[2:4], 16) / 255, int(text[4:6], 16) / 255


# (background, text, rule, header fill, header text, zebra fill), each pair of text and ground with contrast of 4.5 or more
PALETTES = tuple(
    tuple(map(_rgb, palette.split()))
    for palette in (
        *("ffffff 000000 000000 ffffff 000000 f2f2f2", "ffffff 222222 999999 e6e6e6 000000 f7f7f7"),
        *("ffffff 1f2933 b8c4d0 1f4e79 ffffff eef3f8", "ffffff 202020 a9c4a0 2e6b34 ffffff edf5ea"),
        *("ffffff 33261d c9b8a8 7a4a21 ffffff f8f2ea", "ffffff 222222 d0d0d0 444444 ffffff f4f4f4"),
        *("fbf7ef 2b2620 8c7f6a efe5d0 2b2620 f5eede", "ffffff 2a1a3a bcaacc 5b3a8c ffffff f4effa"),
        *("1e1e24 f0f0f0 5a5a66 32323c ffffff 27272f", "0f2233 e8eef4 3f5a73 1d3a55 ffffff 152b40"),
        *("ffffff 222222 e0a0a0 9c2a2a ffffff fbf0f0", "ffffff 111111 777777 cfe2f3 111111 f3f8fc"),
    )
)


@dataclass(frozen=True, slots=True)
class GridStyle:
    """`padding_px` is (left and right, above and below)."""

    family: str = "sans-serif"
    size_px: int = 16
    padding_px: tuple[int, int] = (10, 6)
    margin_px: int = 20
    rules: str = "all"
    rule_px: int = 1
    align: str = "left"
    header_align: str = "left"
    header_bold: bool = True
    zebra: bool = False
    caption: str = "top"
    background: Colour = WHITE
    text: Colour = BLACK
    rule: Colour = BLACK
    header_fill: Colour = WHITE
    header_text: Colour = BLACK
    zebra_fill: Colour = WHITE

    def name(self) -> str:
        """The choices in words, for a fact."""
        return f"{self.family} {self.size_px} px, rules {self.rules}, {self.align}{', zebra' if self.zebra else ''}"


def grid_style(rng: np.random.Generator, has_spans: bool = False) -> GridStyle:
    """A style; a table with spans has all its rules, as nothing else shows how far a cell reaches."""

    def pick(values: tuple) -> object:
        return values[int(rng.integers(len(values)))]

    background, text, rule, header_fill, header_text, zebra_fill = PALETTES[int(rng.integers(len(PALETTES)))]
    rules = "all" if has_spans else str(pick(("all", "all", "rows", "rows", "head", "box", "none")))
    return GridStyle(
        family=str(pick(FAMILIES)),
        size_px=int(rng.integers(13, 23)),
        padding_px=(int(rng.integers(8, 17)), int(rng.integers(3, 11))),
        margin_px=int(rng.integers(8, 41)),
        rules=rules,
        rule_px=1 + int(rng.integers(4) == 0),
        align=str(pick(ALIGNS)),
        header_align=str(pick(("left", "center"))),
        header_bold=bool(rng.integers(5)) or header_fill == background,  # a header must be told from the rows below it
        zebra=not has_spans and (rules == "none" or int(rng.integers(3)) == 0),
        caption=str(pick(CAPTIONS)),
        background=background,
        text=text,
        rule=rule,
        header_fill=header_fill,
        header_text=header_text,
        zebra_fill=zebra_fill,
    )
