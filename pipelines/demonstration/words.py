"""Lines of short made-up words in several fonts and sizes, and their spelling, letter by letter, so that a word never seen can be written.

Letters with a space before them are one token each, which a model of a few hundred tokens knows from other words.
"""

from __future__ import annotations

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
TEST_RATIO = 0.2
FONTS = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSerif.ttf", "DejaVuSansMono.ttf")  # matplotlib brings them
SIZES_PX = (20, 22, 24)
PITCH_PX = 28  # a letter a token: the model's tokens are 28 px wide
WIDTH_PX, HEIGHT_PX = 448, 28  # one row of 16 tokens; with the global view 290
CELLS = WIDTH_PX // PITCH_PX
MAX_WORDS = 4
QUESTION = "Spell the words."
SEPARATOR = " /"


def word(rng: np.random.Generator) -> str:
    """A word of three to five letters, of which no two neighbours are the same."""
    pattern = PATTERNS[int(rng.integers(len(PATTERNS)))]
    return "".join((CONSONANTS, VOWELS)[kind == "v"][int(rng.integers(len((CONSONANTS, VOWELS)[kind == "v"])))] for kind in pattern)


def words(seed: int, split: str, key: str, count: int) -> list[str]:
    """That many words of a split."""
    rng = keyed_rng(seed, "demonstration.words", f"{split} {key}")
    found: list[str] = []
    while len(found) < count:
        drawn = word(rng)
        if split_of(seed, f"word {drawn}", TEST_RATIO) == split:
            found.append(drawn)
    return found


def fitting(listed: list[str]) -> list[str]:
    """As many of the words, from the first on, as a line has room for."""
    count = len(listed)
    while len(" ".join(listed[:count])) > CELLS:
        count -= 1
    return listed[:count]


def spelled(listed: list[str]) -> str:
    """ "nifa", "bok" as "n i f a / b o k"."""
    return f"{SEPARATOR} ".join(" ".join(each) for each in listed)


@dataclass(frozen=True, slots=True)
class Line:
    """Words drawn in one line, and the pixels."""

    words: tuple[str, ...]
    picture: Image.Image


def draw_line(seed: int, split: str, number: int, full_ratio: float = 0.7) -> Line:
    """Words that a side may show, as many as fit in `full_ratio` of the lines; all is drawn by (seed, split, number)."""
    rng = keyed_rng(seed, "demonstration.line", f"{split} {number}")
    count = MAX_WORDS if rng.random() < full_ratio else 1 + int(rng.integers(MAX_WORDS))
    listed = fitting(words(seed, split, str(number), count))
    return Line(tuple(listed), draw(listed, rng))


def draw(listed: list[str], rng: np.random.Generator) -> Image.Image:
    """Words at a fixed pitch from the left, a cell between them, dark on a light ground.

    Font, size, shades and how far each letter is off the middle of its cell are drawn.
    """
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    font = ImageFont.truetype(str(folder / FONTS[int(rng.integers(len(FONTS)))]), SIZES_PX[int(rng.integers(len(SIZES_PX)))])
    ground, ink = int(rng.integers(215, 256)), int(rng.integers(0, 60))
    picture = Image.new("RGB", (WIDTH_PX, HEIGHT_PX), (ground, ground, ground))
    pen = ImageDraw.Draw(picture)
    line_y = 20 + int(rng.integers(2))  # on which the letters stand
    for cell, letter in enumerate(" ".join(listed)):
        x = cell * PITCH_PX + PITCH_PX // 2 + int(rng.integers(-1, 2))
        pen.text((x, line_y), letter, font=font, fill=(ink, ink, ink), anchor="ms")
    return picture


def make_words(folder: Path, seed: int, num_train: int = 1_600, num_test: int = 120) -> None:
    """`train.jsonl` and `test.jsonl` with a picture, a question and the spelling a line."""
    (folder / "lines").mkdir(parents=True, exist_ok=True)
    for split, count in ((TRAIN, num_train), (TEST, num_test)):
        rows: list[object] = []
        for number in range(count):
            line = draw_line(seed, split, number)
            name = f"lines/{split}_{number:05d}.png"
            line.picture.save(folder / name)
            known = {"image": name, "question": QUESTION, "answer": spelled(list(line.words)), "licence": LICENCE}
            rows.append({**known, "lang": "en"})
        write_lines(folder / f"{split}.jsonl", rows)
