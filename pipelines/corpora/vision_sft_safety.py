"""`vision_sft.safety`: prompts with pictures, harmful and harmless, with safe answers, for vision fine-tuning (stages V3 and V4).

Source: arXiv 2503.01743, section on safety: harmful prompts are declined or redirected, harmless ones are helped; at most 36 crops.
Rows have pictures, a prompt, a label or category, and a response where one was written.
"""

from __future__ import annotations

from typing import Any

from pipelines.image_groups import FineTuning
from pipelines.recipe import Recipe
from pipelines.stage import Stage, only
from pipelines.step import each
from pipelines.writing import write_steps
from processors.tasks.safety import KeepSafe, RefusalTemplates
from processors.vision.answers import CheckGivenAnswers
from processors.vision.safety import KeepPlainRefusals, VisionSafetyTask


def safety(
    source: Any,
    *,
    writer: str = "templates",  # given: responses of the rows; templates: also a refusal by category where a harmful row has none
    max_echo_ratio: float = 0.6,  # of a harmful prompt's telling words; a refusal that names its subject says one or two of them
    images: FineTuning = FineTuning(),
    seed: int = 0,
) -> tuple[Stage, ...]:
    """Pictures with prompts, labels and responses -> conversations with safe answers."""
    recipe = Recipe(
        name="vision_sft.safety",
        title="Prompts with pictures, harmful and harmless, with safe answers",
        source=source,
        steps=(
            *write_steps(writer, RefusalTemplates(seed)),
            each(VisionSafetyTask()),
            each(KeepSafe()),
            each(KeepPlainRefusals(max_echo_ratio)),
            each(CheckGivenAnswers()),
            *images.decode(),
            *images.finish(),
        ),
        seed=seed,
        notes="Whether an answer declines is told by its wording; what the pictures show is not looked at.",
    )
    return only(recipe)
