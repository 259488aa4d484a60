"""What the language model has to know before it hears or sees: to repeat what it reads, and to answer about a scene told in words.

Nothing of it is tested by itself. The released model learns to hear and see with a language model that can do this already.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipelines.demonstration.digits import WORDS
from pipelines.demonstration.held_out import TRAIN
from pipelines.demonstration.pictures import questions, scenes, split_of_scene
from pipelines.demonstration.words import CELLS, CONSONANTS, HEIGHT_PX, MAX_WORDS, QUESTION, VOWELS, WIDTH_PX, fitting, spelled
from pipelines.sample.lines import write_lines
from processors.image.crops import plan_crops
from schemas.identity import keyed_rng

LICENCE = "CC0-1.0"
BLANK = " ."
NUM_TOKENS = plan_crops(WIDTH_PX, HEIGHT_PX, 1).num_tokens  # of a picture of a line
FILLERS = (" .", " ,", " ;")


def repeated(rng: np.random.Generator) -> tuple[str, str]:
    """Digits among fillers, each said once or twice in a row as sounds last, and the digits alone."""
    digits = [WORDS[int(place)] for place in rng.integers(10, size=1 + int(rng.integers(4)))]
    heard = ""
    for digit in digits:
        heard += FILLERS[int(rng.integers(len(FILLERS)))] * (1 + int(rng.integers(3))) + f" {digit}" * (1 + int(rng.integers(2)))
    return f"Transcribe{heard} .", " ".join(digits)


def copied(rng: np.random.Generator) -> tuple[str, str]:
    """Letters where a picture of them has its tokens, each in its cell, with nothing in the others; to be written again.

    Drawn one by one from an alphabet of a few, so that neither what came before nor the form of words tells the next one: what is left
    to learn is where to look. Seeing then has to learn only what a letter looks like.
    """
    letters = rng.permutation(list(CONSONANTS + VOWELS))[: 1 + int(rng.integers(len(CONSONANTS + VOWELS)))]
    drawn = ["".join(rng.choice(letters, 1 + int(rng.integers(6)))) for _ in range(1 + int(rng.integers(MAX_WORDS)))]
    listed = fitting(drawn)
    cells = list(" ".join(listed))
    row = [BLANK if cell == " " else f" {cell}" for cell in cells] + [BLANK] * (CELLS - len(cells))
    return "".join(row) + BLANK * (NUM_TOKENS - CELLS) + QUESTION, spelled(listed)


def told(rng: np.random.Generator, seed: int) -> tuple[str, str]:
    """A scene of the training side in words, and a question."""
    known = [scene for scene in scenes() if split_of_scene(seed, scene) == TRAIN]
    scene = known[int(rng.integers(len(known)))]
    asked = questions(scene)
    question, answer = asked[int(rng.integers(len(asked)))]
    (left, right), (left_colour, right_colour) = scene.shapes, scene.colours
    return f"left {left_colour} {left} right {right_colour} {right}. {question}", answer


def make_language(folder: Path, seed: int, num_rows: int = 3_000) -> None:
    """`train.jsonl`: the three kinds in turn."""
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[object] = []
    for number in range(num_rows):
        rng = keyed_rng(seed, "demonstration.language", str(number))
        question, answer = (repeated(rng), copied(rng), told(rng, seed))[number % 3]
        rows.append({"question": question, "answer": answer, "lang": "en", "licence": LICENCE})
    write_lines(folder / "train.jsonl", rows)
