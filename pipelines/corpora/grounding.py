"""`grounding`: images with questions about where things are (stages V1 and V2).

Source: arXiv 2503.01743, section on vision pre-training data (grounding data; images of up to 1344 x 1344 px, at most 16 crops;
loss on text tokens alone). The form of boxes in text is not told there. Ours is plain numbers, `[x0, y0, x1, y1]` in thousandths
of the image's sides: no token is new, each number below 1,000 is one token, and an answer is right at every size and crop grid.
"""

from __future__ import annotations

from typing import Any

from pipelines.image_groups import Pretraining
from pipelines.recipe import Recipe
from pipelines.stage import Stage, only
from pipelines.step import each
from processors.vision.box_questions import OPS, GroundingTask, MarkCanvas
from processors.vision.boxes import BoxRules
from processors.vision.check import CheckAnswers


def grounding(
    source: Any,
    *,
    boxes: BoxRules = BoxRules(),
    is_complete: bool = True,  # COCO's boxes name every object of their categories; false for referring expressions and web data
    max_questions: int = 8,  # of an image, as turns of one conversation: about 500 tokens of text beside 1,000 to 2,600 of image
    questions: tuple[str, ...] = OPS,
    images: Pretraining = Pretraining(),
    seed: int = 0,
) -> tuple[Stage, ...]:
    """Images with boxes -> multi-crop canvases with questions whose answers are computed from the boxes."""
    decode, finish = images.decode(), images.finish()
    recipe = Recipe(
        name="grounding",
        title="Images with boxes: questions about what is where, answered in thousandths of the image's sides",
        source=source,
        steps=(
            each(GroundingTask(seed, boxes, is_complete, max_questions, questions)),
            each(CheckAnswers()),
            *decode,
            *finish,
            each(MarkCanvas()),
        ),
        seed=seed,
        notes="Answers are as right as the boxes: a box that an annotator drew wrong, or forgot, is not noticed.",
    )
    return only(recipe)
