"""`vision_sft.ocr`: questions about the text in pictures, for vision fine-tuning (stages V3 and V4).

Source: arXiv 2503.01743, section on vision fine-tuning data (OCR); at most 36 crops. Every answer is computed from the lines and
key fields that the source gives, and computed again before it is written; money and dates stand as they are printed.
"""

from __future__ import annotations

from typing import Any

from pipelines.image_groups import FineTuning
from pipelines.recipe import Recipe
from pipelines.stage import Stage, only
from pipelines.step import each
from processors.vision.check import CheckAnswers
from processors.vision.ocr_task import QUESTION_TARGETS, LinesTask


def ocr(
    source: Any,
    *,
    targets: tuple[str, ...] = QUESTION_TARGETS,  # kinds of question, in the order of their turns
    max_questions: int = 8,  # of one picture; the fields of a receipt are four, the other kinds share the rest
    require_support: bool = False,  # refuse rows of which a key field does not stand in the lines; else it is told as a fact
    images: FineTuning = FineTuning(),
    seed: int = 0,
) -> tuple[Stage, ...]:
    """Pictures with lines of text and key fields -> questions with computed answers."""
    recipe = Recipe(
        name="vision_sft.ocr",
        title="Questions about the text in pictures: fields, lines, words, places",
        source=source,
        steps=(each(LinesTask(targets, max_questions, require_support, seed)), *images.decode(), each(CheckAnswers()), *images.finish()),
        seed=seed,
        notes="A key field is learned as the source states it, also where the lines print it otherwise; ocr.unsupported_fields names these. SROIE writes its lines in capitals, whatever is printed.",
    )
    return only(recipe)
