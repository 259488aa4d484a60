"""Text of short made-up words in several fonts and sizes, and its spelling, letter by letter, so that a word never seen can be written.

Letters with a space before them are one token each, which a model of a few hundred tokens knows from other words. Four lines to a
picture: most of what a picture costs is its global view, however little is written on it.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pipelines.demonstration.held_out import TEST, TRAIN, split_of
from pipelines.sample.lines import write_lines
from schemas.identity import keyed_rng

LICENCE = "CC0-1.0"
CONSONANTS, VOWELS = "bdfgklmnprst", "aeiou"
PATTERNS = ("cvc", "vcv", "cvcv", "cvcvc")
LENGTHS = tuple(sorted({len(pattern) for pattern in PATTERNS}))
TEST_RATIO = 0.2
FONTS = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSerif.ttf", "DejaVuSansMono.ttf")  # matplotlib brings them
SIZES_PX = (20, 22, 24)
PITCH_PX = 28  # a letter a token: the model's tokens are 28 px wide and high
CELLS, MAX_LINES = 16, 4
WIDTH_PX, HEIGHT_PX = CELLS * PITCH_PX, MAX_LINES * PITCH_PX  # four rows of 16 tokens; with the global view 341
QUESTION = "Spell the words."
GAP, LINE_END = " /", " |"


def fills(cells: int) -> bool:
    """Whether words with a cell between them can fill a line of that many cells."""
    return any(cells == length or (cells > length + 1 and fills(cells - length - 1)) for length in LENGTHS)


@functools.cache
def fitting_lengths(cells: int) -> tuple[int, ...]:
    """Lengths of a next word after which the rest of the line can still be filled."""
    return tuple(length for length in LENGTHS if cells == length or (cells > length + 1 and fills(cells - length - 1)))


def word(rng: np.random.Generator, lengths: tuple[int, ...] = LENGTHS) -> str:
    """A word of three to five letters, of which no two neighbours are the same."""
    patterns = [pattern for pattern in PATTERNS if len(pattern) in lengths]
    pattern = patterns[int(rng.integers(len(patterns)))]
    return "".join((CONSONANTS, VOWELS)[kind == "v"][int(rng.integers(len((CONSONANTS, VOWELS)[kind == "v"])))] for kind in pattern)


def full_line(rng: np.random.Generator, seed: int, split: str) -> list[str]:
    """Words of a split that fill a line to its last cell."""
    found: list[str] = []
    cells = CELLS
    while cells > 0:
        drawn = word(rng, fitting_lengths(cells))
        if split_of(seed, f"word {drawn}", TEST_RATIO) == split:
            found.append(drawn)
            cells -= len(drawn) + 1
    return found


def cut(lines: list[list[str]], num_words: int) -> list[list[str]]:
    """The first words of a text."""
    found = []
    for line in lines:
        if num_words > 0:
            found.append(line[:num_words])
            num_words -= len(line)
    return found


def spelled(lines: list[list[str]]) -> str:
    """[["nifa", "bok"], ["tun"]] as "| n i f a / b o k | t u n": what stands first is no letter, so that every letter has a space before it."""
    return "".join(f"{LINE_END} " + f"{GAP} ".join(" ".join(each) for each in line) for line in lines).lstrip()


@dataclass(frozen=True, slots=True)
class Page:
    """Lines of words, and the pixels."""

    lines: list[list[str]]
    picture: Image.Image


def draw_page(seed: int, split: str, number: int, full_ratio: float = 0.7) -> Page:
    """Words that a side may show: four full lines in `full_ratio` of the pages, else the first words of such; all is drawn by
    (seed, split, number).
    """
    rng = keyed_rng(seed, "demonstration.page", f"{split} {number}")
    lines = [full_line(rng, seed, split) for _ in range(MAX_LINES)]
    if rng.random() >= full_ratio:
        lines = cut(lines, 1 + int(rng.integers(sum(map(len, lines)))))
    return Page(lines, draw(lines, rng))


def draw(lines: list[list[str]], rng: np.random.Generator) -> Image.Image:
    """Words at a fixed pitch from the top left, a cell between them, dark on a grey ground, which the normal form of pixels makes about 0.

    Font, size, shades and how far each letter is off the middle of its cell are drawn.
    """
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    font = ImageFont.truetype(str(folder / FONTS[int(rng.integers(len(FONTS)))]), SIZES_PX[int(rng.integers(len(SIZES_PX)))])
    ground, ink = int(rng.integers(118, 139)), int(rng.integers(0, 50))
    picture = Image.new("RGB", (WIDTH_PX, HEIGHT_PX), (ground, ground, ground))
    pen = ImageDraw.Draw(picture)
    for row, line in enumerate(lines):
        line_y = row * PITCH_PX + 20 + int(rng.integers(2))  # on which the letters stand
        for cell, letter in enumerate(" ".join(line)):
            x = cell * PITCH_PX + PITCH_PX // 2 + int(rng.integers(-1, 2))
            pen.text((x, line_y), letter, font=font, fill=(ink, ink, ink), anchor="ms")
    return picture


def make_words(folder: Path, seed: int, num_train: int = 1_600, num_test: int = 120) -> None:
    """`train.jsonl` and `test.jsonl` with a picture, a question and the spelling a line."""
    (folder / "pages").mkdir(parents=True, exist_ok=True)
    for split, count in ((TRAIN, num_train), (TEST, num_test)):
        rows: list[object] = []
        for number in range(count):
            page = draw_page(seed, split, number)
            name = f"pages/{split}_{number:05d}.png"
            page.picture.save(folder / name)
            known = {"image": name, "question": QUESTION, "answer": spelled(page.lines), "licence": LICENCE}
            rows.append({**known, "lang": "en"})
        write_lines(folder / f"{split}.jsonl", rows)
