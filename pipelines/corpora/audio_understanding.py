"""`audio_understanding`: questions about sounds, music and speech (stage A2).

Source: arXiv 2503.01743, section on speech post-training data: (audio, question, answer) triples over speech, sound and music,
written from transcripts and metadata. User: `<audio>` + question; assistant: answer.
"""

from __future__ import annotations

from typing import Any

from pipelines.audio_groups import Features
from pipelines.endpoint_groups import Endpoint
from pipelines.recipe import Recipe
from pipelines.stage import Stage, only
from pipelines.step import each, expand
from pipelines.writing import write_steps
from processors.anonymise import ScrubPersonalData
from processors.audio.quality import MeasureAudio
from processors.audio.steps import DecodeAudio, KeepDuration
from processors.tasks.sound_questions import SoundTemplates
from processors.tasks.understanding import UnderstandingTask, UnderstandingWriting


def audio_understanding(
    source: Any,
    *,
    writer: str = "given",  # given: questions of the rows; templates: made by rule from labels and metadata; openai: by a served model
    endpoint: Endpoint = Endpoint(),
    labels: tuple[str, ...] = (),  # the whole vocabulary of labels: wrong choices come from it; empty asks open questions alone
    per_clip: int = 2,
    min_s: float = 0.1,
    max_s: float = 30.0,
    personal_data: str = "reject",  # in questions and answers
    features: Features = Features(),
    seed: int = 0,
) -> tuple[Stage, ...]:
    """Sounds with questions, or with labels and metadata -> one conversation a question."""
    recipe = Recipe(
        name="audio_understanding",
        title="Questions about sounds, music and speech events",
        source=source,
        steps=(
            *write_steps(writer, SoundTemplates(labels, per_clip, seed), UnderstandingWriting(per_clip), endpoint),
            expand(UnderstandingTask()),
            each(ScrubPersonalData(personal_data)),
            each(DecodeAudio()),
            each(KeepDuration(min_s, max_s)),
            each(MeasureAudio()),
            *features.steps(),
        ),
        seed=seed,
        mel_dtype=features.mel_dtype,
        notes="Answers from templates are as right as the labels; nothing in the audio is checked against them.",
    )
    return only(recipe)
