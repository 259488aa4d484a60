"""`vision_sft.multi_image`: comparison and difference over 2 to 8 images, for vision fine-tuning (stages V3 and V4).

Source: arXiv 2503.01743, section on vision fine-tuning data (multi-image comparison); at most 36 crops an image. Sets are made of
single pictures with boxes or captions (COCO), pairs of a picture and a changed copy; their answers are computed and computed again.
"""

from __future__ import annotations

from typing import Any

from pipelines.image_groups import FineTuning
from pipelines.recipe import Recipe
from pipelines.stage import Stage, only
from pipelines.step import Step, each, gather
from processors.messages import MessagesTask
from processors.vision.answers import CheckGivenAnswers
from processors.vision.check import CheckAnswers
from processors.vision.image_sets import POOL, ChangePair, CheckImage, GatherSets, KeepSeveralImages

FORMS = ("given", "sets", "pairs")


def multi_image(
    source: Any,
    *,
    form: str = "sets",  # given: conversations over several images; sets: single pictures gathered; pairs: a picture and a changed copy
    smallest: int = 2,  # images of a set
    largest: int = 8,
    max_questions: int = 6,
    max_pair_side_px: int = 1344,  # pairs: two whole photos of a phone would cost more tokens than the difference is worth
    images: FineTuning = FineTuning(),
    seed: int = 0,
) -> tuple[Stage, ...]:
    """Images with boxes, captions or messages -> questions over several of them."""
    if form not in FORMS:
        raise ValueError(f"multi_image form is {form!r}, expected one of {', '.join(FORMS)}")
    steps: tuple[Step, ...] = (each(MessagesTask()), each(KeepSeveralImages(smallest, largest)), each(CheckGivenAnswers()))
    if form == "sets":
        steps = (each(CheckImage()), gather(GatherSets(smallest, largest, max_questions, seed), by=POOL), each(CheckAnswers()))
    elif form == "pairs":
        steps = (each(ChangePair(max_side_px=max_pair_side_px, max_questions=max_questions, seed=seed)), each(CheckAnswers()))
    recipe = Recipe(
        name="vision_sft.multi_image",
        title="Comparison and difference over several images",
        source=source,
        steps=(*steps, *images.decode(), *images.finish()),
        seed=seed,
        notes="Sets form inside a split of the source. That a category has no box is taken to mean that it is not there.",
    )
    return only(recipe)
