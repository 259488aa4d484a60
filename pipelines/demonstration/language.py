"""What the language model has to know before it hears or sees: to repeat what it reads, and to answer about a scene told in words.

Nothing of it is tested by itself. The released model learns to hear and see with a language model that can do this already.
Pictures are told as a picture's tokens lie: its rows and then those of its global view, each with an end.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipelines.demonstration import pictures
from pipelines.demonstration.digits import WORDS
from pipelines.demonstration.held_out import TRAIN
from pipelines.demonstration.pictures import COLOURS, SHAPES, messages, questions, scenes, split_of_scene
from pipelines.demonstration.words import CELLS, CONSONANTS, GAP, HEIGHT_PX, LINE_END, MAX_LINES, PITCH_PX, QUESTION, VOWELS
from pipelines.sample.lines import write_lines
from schemas.identity import keyed_rng

LICENCE = "CC0-1.0"
BLANK = " ."
FILLERS = (" .", " ,", " ;")
SYMBOLS = (*CONSONANTS, *VOWELS, *WORDS, *COLOURS, *SHAPES)  # one token each after a space


def repeated(rng: np.random.Generator) -> list[tuple[str, str]]:
    """Digits among fillers, each said once or twice in a row as sounds last, and the digits alone."""
    digits = [WORDS[int(place)] for place in rng.integers(10, size=1 + int(rng.integers(4)))]
    heard = ""
    for digit in digits:
        heard += FILLERS[int(rng.integers(len(FILLERS)))] * (1 + int(rng.integers(3))) + f" {digit}" * (1 + int(rng.integers(2)))
    return [(f"Transcribe{heard} .", " ".join(digits))]


def as_picture(rows: Sequence[Sequence[str]], num_rows: int) -> str:
    """Cells of the first rows at the places of a picture's tokens, nothing in the others."""

    def view(count: int) -> str:
        padded = [[*row, *[BLANK] * (CELLS - len(row))] for row in rows] + [[BLANK] * CELLS] * (count - len(rows))
        return "".join("".join(row) + LINE_END for row in padded)

    return view(num_rows) + LINE_END + view(CELLS)


def copied(rng: np.random.Generator) -> list[tuple[str, str]]:
    """Symbols where a picture of them has its tokens, each in its cell; to be written again.

    Drawn one by one from an alphabet of a few, so that neither what came before nor the form of words tells the next one: what is left
    to learn is where to look. Seeing then has to learn only what a letter looks like.
    """
    alphabet = rng.permutation(SYMBOLS)[: 1 + int(rng.integers(len(SYMBOLS)))].tolist()
    rows = [[f" {symbol}" for symbol in rng.choice(alphabet, CELLS)] for _ in range(MAX_LINES)]
    for row in rows:
        for cell in np.cumsum(rng.integers(3, 7, size=4)):
            if cell < CELLS - 1:
                row[cell] = BLANK
    rows = rows[: 1 + int(rng.integers(MAX_LINES))] if rng.random() < 0.3 else rows
    answer = "".join(LINE_END + "".join(GAP if cell == BLANK else cell for cell in row) for row in rows)
    return [(as_picture(rows, HEIGHT_PX // PITCH_PX) + QUESTION, answer.lstrip())]


def told(rng: np.random.Generator, seed: int) -> list[tuple[str, str]]:
    """A scene of the training side where a picture of it has its tokens, and all questions about it.

    The shape is a patch of cells with its name or its colour in turn.
    """
    known = [scene for scene in scenes() if split_of_scene(seed, scene) == TRAIN]
    scene = known[int(rng.integers(len(known)))]
    num_rows = pictures.HEIGHT_PX // PITCH_PX
    rows = [[BLANK] * CELLS for _ in range(num_rows)]
    named, left = (scene.shape, scene.colour), int(rng.integers(CELLS - 1))
    for place, row in enumerate(rows):
        row[left], row[left + 1] = f" {named[place % 2]}", f" {named[1 - place % 2]}"
    asked = questions(scene)
    order = [asked[int(place)] for place in rng.permutation(len(asked))]
    return [(as_picture(rows, num_rows) + order[0][0], order[0][1]), *order[1:]]


def make_language(folder: Path, seed: int, num_rows: int = 3_000) -> None:
    """`train.jsonl`: the three kinds in turn, the short first one and the hard last one twice."""
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[object] = []
    for number in range(num_rows):
        rng = keyed_rng(seed, "demonstration.language", str(number))
        kind = number % 5
        turns = repeated(rng) if kind < 2 else copied(rng) if kind == 2 else told(rng, seed)
        rows.append({"messages": messages(turns, ""), "lang": "en", "licence": LICENCE})
    write_lines(folder / "train.jsonl", rows)
