"""`ast`: speech translation between English and the seven other languages, direct and by way of the transcript (stage A2).

Source: arXiv 2503.01743, section on speech post-training data: about 30,000 hours, 14 directions. Direct: "Translate the
audio to {language}." -> translation. Chain of thought: transcript, `<sep>`, translation.
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
from processors.tasks.translation import KeepTranslation, MeasureTranslation, TranslationTask, TranslationWriting

TARGETS = TranslationWriting().targets


def ast(
    source: Any,
    *,
    writer: str = "given",  # given: translations of the rows; openai: a served model translates; rules cannot
    endpoint: Endpoint = Endpoint(),
    targets: tuple[str, ...] = TARGETS,  # languages into which the model translates English; all others go into English
    form: str = "both",  # direct, cot, or both: a row then gives two examples a language
    min_s: float = 0.1,
    max_s: float = 30.0,  # the report trains on clips of up to 30 s outside summarisation
    min_language_confidence: float = 0.9,
    privacy: Privacy = Privacy(),
    features: Features = Features(),
    seed: int = 0,
) -> tuple[Stage, ...]:
    """Speech, transcripts and translations -> one conversation a language and form."""
    recipe = Recipe(
        name="ast",
        title="Speech translation: 14 directions between English and seven languages, direct and with the transcript first",
        source=source,
        steps=(
            *write_steps(writer, writing=TranslationWriting(targets), endpoint=endpoint),
            expand(TranslationTask(form)),
            each(MeasureTranslation()),
            each(KeepTranslation(min_confidence=min_language_confidence)),
            *privacy.steps(),
            each(DecodeAudio()),
            each(KeepDuration(min_s, max_s)),
            each(MeasureAudio()),
            each(KeepAudio()),
            *features.steps(),
        ),
        seed=seed,
        mel_dtype=features.mel_dtype,
        notes="The meaning of translations is not judged, only their length and language.",
    )
    return only(recipe)
