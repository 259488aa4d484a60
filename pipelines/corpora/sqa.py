"""`sqa`: questions about speech, asked in text (stage A2).

Source: arXiv 2503.01743, section on speech post-training data: several question-answer pairs are written for the transcript
of each clip, poor ones are removed. User: `<audio>` + question; assistant: answer.
"""

from __future__ import annotations

from typing import Any

from pipelines.audio_groups import Features, Privacy
from pipelines.endpoint_groups import Endpoint
from pipelines.recipe import Recipe
from pipelines.stage import Stage, only
from pipelines.step import each, expand
from pipelines.writing import write_steps
from processors.audio.quality import KeepAudio, MeasureAudio
from processors.audio.steps import DecodeAudio, KeepDuration
from processors.tasks.question import KeepSupported, QuestionTask, QuestionWriting
from processors.tasks.question_templates import QuestionTemplates


def sqa(
    source: Any,
    *,
    writer: str = "given",  # given: pairs of the rows; templates: made by rule from the transcript alone; openai: by a served model
    endpoint: Endpoint = Endpoint(),
    per_clip: int = 2,  # pairs that templates or the model make for a clip
    min_support_ratio: float = 0.5,  # share of the answer's content words that the transcript must hold
    min_s: float = 0.1,
    max_s: float = 30.0,
    privacy: Privacy = Privacy(),
    features: Features = Features(),
    seed: int = 0,
) -> tuple[Stage, ...]:
    """Speech, transcripts and question-answer pairs (given, from templates or by a model) -> one conversation a pair."""
    recipe = Recipe(
        name="sqa",
        title="Questions about speech, asked in text and answered from what is said",
        source=source,
        steps=(
            *write_steps(writer, QuestionTemplates(per_clip, seed), QuestionWriting(per_clip), endpoint),
            expand(QuestionTask()),
            each(KeepSupported(min_support_ratio)),
            *privacy.steps(),
            each(DecodeAudio()),
            each(KeepDuration(min_s, max_s)),
            each(MeasureAudio()),
            each(KeepAudio()),
            *features.steps(),
        ),
        seed=seed,
        mel_dtype=features.mel_dtype,
        notes="Answers are compared with the words of the transcript; whether they answer the question is not judged.",
    )
    return only(recipe)
