"""`audio_safety`: spoken prompts with safe answers (stage A2).

Source: arXiv 2503.01743, section on safety: text safety data with its prompts spoken by TTS; voice only. Harmful prompts are
answered by declining or redirecting, harmless ones by helping.
"""

from __future__ import annotations

from typing import Any

from pipelines.audio_groups import Features
from pipelines.recipe import Recipe
from pipelines.spoken import Hearing, Speaking, spoken_queries
from pipelines.stage import Stage, only
from pipelines.step import each
from pipelines.writing import write_steps
from processors.audio.steps import KeepDuration
from processors.tasks.safety import KeepSafe, RefusalTemplates, SafetyTask


def audio_safety(
    source: Any,
    *,
    writer: str = "given",  # given: responses of the rows; templates: a refusal by category where a row has none
    language: str = "en",
    speaking: Speaking = Speaking(),
    hearing: Hearing = Hearing(),
    max_error_rate: float | None = None,  # 0.75 for PocketSphinx, beside the fit of the words; 0.25 for others
    min_s: float = 0.3,
    max_s: float = 30.0,
    features: Features = Features(),
    seed: int = 0,
) -> tuple[Stage, ...]:
    """Text safety rows -> spoken prompt, safe answer."""
    recipe = Recipe(
        name="audio_safety",
        title="Spoken prompts, harmful and harmless, with safe answers",
        source=source,
        steps=(
            *write_steps(writer, RefusalTemplates(seed)),
            each(SafetyTask()),
            each(KeepSafe()),
            *spoken_queries(speaking, hearing, language, max_error_rate, seed),
            each(KeepDuration(min_s, max_s)),
            *features.steps(),
        ),
        seed=seed,
        mel_dtype=features.mel_dtype,
        notes="Whether an answer declines is told by its wording. There are no audio-specific attacks.",
    )
    return only(recipe)
