"""What is drawn: all text, in its cell, at a size that can be read; the same bytes each time."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pytest

from processors.grid.cells import Grid, grid_from_rows
from processors.grid.draw import MAX_DRAWN_CELLS, MAX_DRAWN_CHARS, draw_grid
from processors.grid.read import read_html_tables
from processors.grid.style import PALETTES, RULES, GridStyle, grid_style
from processors.grid.surface import FAMILIES, Block, Look, Surface, num_lines, text_width, word_width
from schemas.identity import keyed_rng
from schemas.outcome import Refused

SPANNING = read_html_tables(
    b"<table><caption>Harvest</caption><tr><th rowspan=2>Farm<th colspan=2>2023</tr><tr><th>Wheat<th>Rye</tr>"
    b"<tr><td rowspan=2>Mill<td>1<td>2</tr><tr><td>3<td>4</tr><tr><td>Hill<td>5<td>6</tr></table>"
)[0]
SCRIPTS = [
    "Größe ≤ 5 €",
    "東京都の売上",
    "مرحبا بالعالم",
    "שלום עולם",
    "हिन्दी",
    "ภาษาไทย",
    "한국어",
    "Ελληνικά",
    "русский",
    "Việt Nam",
    "½ × ∑ → ✓",
]


def ink(pixels: np.ndarray, box: tuple[float, float, float, float], inset: int = 3) -> int:
    """Pixels inside a box that are not of its ground."""
    x0, y0, x1, y1 = (round(side) for side in box)
    part = pixels[y0 + inset : y1 - inset, x0 + inset : x1 - inset].astype(int)
    return int((np.abs(part - part[0, 0]).sum(axis=2) > 60).sum())


def test_boxes_are_those_of_the_cells_and_only_cells_with_text_have_ink() -> None:
    grid = grid_from_rows([["A", "B"], ["1", ""]])
    pixels, boxes = draw_grid(grid, GridStyle())
    assert pixels.dtype == np.uint8
    assert pixels.shape[2] == 3
    assert [ink(pixels, box) > 0 for box in boxes] == [True, True, True, False]
    assert boxes[0][2] == boxes[1][0]
    assert boxes[0][3] == boxes[2][1]


def test_a_cell_with_spans_reaches_over_what_it_covers() -> None:
    _, boxes = draw_grid(SPANNING, GridStyle())
    at = {cell.text: box for cell, box in zip(SPANNING.cells, boxes, strict=True)}
    assert (at["2023"][0], at["2023"][2]) == (at["Wheat"][0], at["Rye"][2])
    assert (at["Mill"][1], at["Mill"][3]) == (at["1"][1], at["3"][3])


@pytest.mark.parametrize("text", SCRIPTS)
def test_every_script_is_drawn(text: str) -> None:
    pixels, boxes = draw_grid(grid_from_rows([["A"], [text]]), GridStyle(family="dejavu sans"))
    assert ink(pixels, boxes[1]) > 30


def test_every_style_draws_every_kind_of_table() -> None:
    rng = keyed_rng(0, "test", "styles")
    long = grid_from_rows([["Name", "What it is"], ["a", "word " * 60], ["https://example.org/" + "a" * 120, "7"]])
    for number in range(24):
        grid = (SPANNING, long)[number % 2]
        pixels, _ = draw_grid(grid, grid_style(rng, grid.has_spans), max_width_px=900)
        assert pixels.shape[1] <= 900


def test_styles_differ_and_spans_have_all_rules() -> None:
    styles = [grid_style(keyed_rng(0, "test", str(number))) for number in range(100)]
    assert {style.family for style in styles} == set(FAMILIES)
    assert {style.rules for style in styles} == set(RULES)
    assert {grid_style(keyed_rng(0, "test", str(number)), has_spans=True).rules for number in range(20)} == {"all"}


def luminance(colour: tuple[float, float, float]) -> float:
    """WCAG 2.1's relative luminance."""
    red, green, blue = (side / 12.92 if side <= 0.04045 else ((side + 0.055) / 1.055) ** 2.4 for side in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("palette", PALETTES)
def test_text_stands_out_from_every_ground(palette: tuple) -> None:
    background, text, _, header_fill, header_text, zebra = palette
    for ink_colour, ground in ((text, background), (text, zebra), (header_text, header_fill)):
        light, dark = sorted((luminance(ink_colour), luminance(ground)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_letters_shrink_and_words_break_before_a_table_is_refused() -> None:
    wide = grid_from_rows([["n" * 30 for _ in range(8)], ["m" * 30 for _ in range(8)]])
    pixels, _ = draw_grid(wide, GridStyle(size_px=22), max_width_px=900)
    assert pixels.shape[1] <= 900
    with pytest.raises(Refused, match="do not fit 300 x") as caught:
        draw_grid(wide, GridStyle(size_px=22), max_width_px=300)
    assert caught.value.reason.name == "too_large_table"


@pytest.mark.parametrize(
    ("grid", "detail"),
    [
        (grid_from_rows([["x"]] * (MAX_DRAWN_CELLS + 1)), "cells, at most"),
        (grid_from_rows([["x" * 5_000] * 5]), "characters, at most"),
        (grid_from_rows([["word " * 100]] * 30), "do not fit"),
    ],
)
def test_more_than_a_picture_shows_is_refused(grid: Grid, detail: str) -> None:
    assert MAX_DRAWN_CHARS == 20_000
    with pytest.raises(Refused, match=detail) as caught:
        draw_grid(grid, GridStyle(), max_height_px=600)
    assert caught.value.reason.name == "too_large_table"


def test_a_character_without_a_glyph_is_refused() -> None:
    with pytest.raises(Refused, match="no font has a glyph") as caught:
        draw_grid(grid_from_rows([["A"], ["\ue000"]]), GridStyle())
    assert caught.value.reason.name == "not_shown"


def test_text_that_does_not_fit_its_box_is_found() -> None:
    look = Look(size_px=16)
    low = Surface(200, 50)
    low.text(Block("two words that wrap", look), (0, 0, 40, 20))
    with pytest.raises(Refused, match="does not fit its box"):
        low.render()
    narrow = Surface(400, 50)
    narrow.text(Block("unbreakable", Look(size_px=16, wraps=False)), (0, 0, 30, 40))
    with pytest.raises(Refused, match="reaches out of its box"):
        narrow.render()


@pytest.mark.parametrize("family", FAMILIES)
def test_texts_are_not_wider_than_measured(family: str) -> None:
    """Each text is given exactly the width that was measured, and must stay in one line."""
    look = Look(family, 20)
    for text in ("AVAToWa. fi ffl", "wide word", "東京都", "Größe 1,234.50 €", "مرحبا"):
        assert Block(text, look).height(text_width(text, look) + 1) == Block("a", look).height(100), text


def test_measures() -> None:
    look = Look(size_px=20)
    assert word_width("a longest", look) == text_width("longest", look) < text_width("a longest", look)
    assert text_width("a\nlongest", look) == text_width("longest", look)
    assert word_width("東京", look) == text_width("東", look)  # lines break between the two
    assert [num_lines("a\nb", look, 100), num_lines("word word word", look, text_width("word word", look) + 1), num_lines("", look, 9)] == [
        2,
        2,
        1,
    ]
    assert Block("a\nb", look).height(100) == 2 * Block("a", look).height(100) == 2 * Block("", look).height(100)


MAKE = (
    "import hashlib, sys; from processors.grid.read import read_csv; from processors.grid.draw import draw_grid; "
    "from processors.grid.style import grid_style; from schemas.identity import keyed_rng; "
    "g = read_csv('A,東京\\nب,2\\n'.encode()); "
    "print(hashlib.sha256(b''.join(draw_grid(g, grid_style(keyed_rng(0, 't', str(n))))[0].tobytes() for n in range(6))).hexdigest())"
)


def test_another_process_draws_the_same_bytes() -> None:
    grid = grid_from_rows([["A", "東京"], ["ب", "2"]])
    here = hashlib.sha256(b"".join(draw_grid(grid, grid_style(keyed_rng(0, "t", str(n))))[0].tobytes() for n in range(6))).hexdigest()
    told = subprocess.run(
        [sys.executable, "-c", MAKE], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "7", "PYTHONPATH": "."}
    )
    assert told.stdout.strip() == here
