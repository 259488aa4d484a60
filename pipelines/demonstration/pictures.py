"""Pictures of a coloured shape, and questions about them whose answers need both the picture and the question.

A colour is one of six, a shape one of four: whoever hears the question but sees no picture is right at most about once in four times. Pictures that
are tested were never seen; a quarter of the pairs of colour and shape was never shown together, and is tested by itself.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from pipelines.demonstration.held_out import TEST, TRAIN, split_of
from pipelines.demonstration.words import PITCH_PX
from pipelines.sample.lines import write_lines
from schemas.identity import keyed_rng

LICENCE = "CC0-1.0"
COLOURS = {
    "red": (215, 40, 40),
    "green": (40, 165, 70),
    "blue": (45, 85, 215),
    "yellow": (240, 205, 40),
    "white": (238, 238, 238),
    "black": (17, 17, 17),
}
SHAPES = ("circle", "square", "triangle", "cross")
TEST_RATIO = 0.25
PAIRS = "pairs"  # of colour and shape that were never shown together
WIDTH_PX, HEIGHT_PX = 448, 56


@dataclass(frozen=True, slots=True)
class Scene:
    """A shape and its colour."""

    shape: str
    colour: str

    @property
    def name(self) -> str:
        return f"{self.colour} {self.shape}"


def scenes() -> list[Scene]:
    """Every scene: 24 of them."""
    return [Scene(shape, colour) for shape, colour in itertools.product(SHAPES, COLOURS)]


def questions(scene: Scene) -> list[tuple[str, str]]:
    """Every question about a scene with its answer."""
    colour = [(question, scene.colour) for question in ("What colour is it?", "Name the colour.", "Which colour do you see?")]
    return colour + [(question, scene.shape) for question in ("What shape is it?", "Name the shape.", "Which shape do you see?")]


def every_question() -> list[str]:
    """The different questions, each once."""
    return list(dict.fromkeys(question for scene in scenes() for question, _ in questions(scene)))


def split_of_scene(seed: int, scene: Scene) -> str:
    return split_of(seed, f"scene {scene.name}", TEST_RATIO)


def draw(scene: Scene, rng: np.random.Generator) -> Image.Image:
    """The scene on a grey ground, the shape in one of its tokens' cells: shapes that lay across cells were not told apart."""
    ground = int(rng.integers(118, 139))
    picture = Image.new("RGB", (WIDTH_PX, HEIGHT_PX), (ground, ground, ground))
    side = int(rng.integers(22, 27))
    cell_x, cell_y = int(rng.integers(WIDTH_PX // PITCH_PX)), int(rng.integers(HEIGHT_PX // PITCH_PX))
    x, y = (cell * PITCH_PX + (PITCH_PX - side) // 2 + int(rng.integers(-1, 2)) for cell in (cell_x, cell_y))
    shade = tuple(int(np.clip(value + rng.integers(-15, 16), 0, 255)) for value in COLOURS[scene.colour])
    _draw(ImageDraw.Draw(picture), scene.shape, (x, y, x + side - 1, y + side - 1), shade)
    return picture


def _draw(pen: ImageDraw.ImageDraw, shape: str, box: tuple[int, int, int, int], fill: tuple[int, ...]) -> None:
    x0, y0, x1, y1 = box
    third = (x1 - x0) // 3
    if shape == "circle":
        pen.ellipse(box, fill=fill)
    elif shape == "square":
        pen.rectangle(box, fill=fill)
    elif shape == "triangle":
        pen.polygon([(x0, y1), (x1, y1), ((x0 + x1) // 2, y0)], fill=fill)
    else:
        pen.rectangle((x0 + third, y0, x1 - third, y1), fill=fill)
        pen.rectangle((x0, y0 + third, x1, y1 - third), fill=fill)


def make_pictures(folder: Path, seed: int, num_train: int = 600, num_test: int = 160, asked: int = 4) -> None:
    """`train.jsonl` with `asked` questions a picture; `test.jsonl` with one, of other pictures of the same scenes; `pairs.jsonl` of the other scenes."""
    (folder / "scenes").mkdir(parents=True, exist_ok=True)
    for split, count, num_asked, side in ((TRAIN, num_train, asked, TRAIN), (TEST, num_test, 1, TRAIN), (PAIRS, num_test, 1, TEST)):
        known = [scene for scene in scenes() if split_of_scene(seed, scene) == side]
        rows: list[object] = []
        for number in range(count):
            rng = keyed_rng(seed, "demonstration.pictures", f"{split} {number}")
            scene = known[int(rng.integers(len(known)))]
            told = questions(scene)
            chosen = [told[int(place)] for place in rng.permutation(len(told))[:num_asked]]
            name = f"scenes/{split}_{number:05d}.png"
            draw(scene, rng).save(folder / name)
            rows.append({"image": name, "messages": messages(chosen), "lang": "en", "licence": LICENCE, "scene": scene.name})
        write_lines(folder / f"{split}.jsonl", rows)


def messages(chosen: list[tuple[str, str]], before: str = "<image>") -> list[dict[str, str]]:
    """Turns of questions and answers, with something before the first question."""
    turns = []
    for number, (question, answer) in enumerate(chosen):
        turns += [{"role": "user", "content": f"{'' if number else before}{question}"}, {"role": "assistant", "content": answer}]
    return turns
