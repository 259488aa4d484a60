"""`asr`: transcribed speech as fine-tuning conversations (stage A2).

Source: arXiv 2503.01743, section on speech post-training data: about 40,000 hours, 8 languages, one prompt for all of
them, clips of up to 30 s (375 audio tokens), target = the transcript. User: `<audio>` + prompt; assistant: transcript.
All public data pass a detector of personal data, and what has any is left out.
"""

from __future__ import annotations

from typing import Any

from pipelines.audio_groups import Features, Privacy
from pipelines.recipe import Recipe
from pipelines.spoken import Hearing
from pipelines.stage import Stage, only
from pipelines.step import each
from processors.audio.quality import KeepAudio, MeasureAudio
from processors.audio.steps import DecodeAudio, KeepDuration
from processors.dialogue import TRANSCRIBE_PROMPT, TranscriptTask


def asr(
    source: Any,
    *,
    prompt: str = TRANSCRIBE_PROMPT,
    min_s: float = 0.1,  # under a tenth of a second there is no word
    max_s: float = 30.0,  # the report trains on clips of up to 30 s outside summarisation
    min_speech_s: float = 0.0,  # 0.1 refuses clips in which nobody speaks
    check: bool = False,  # True hears every clip and compares: slow, and only for languages that the engine hears
    max_error_rate: float = 0.5,  # a weak ear errs more on real speech than on spoken queries
    hearing: Hearing = Hearing(),
    privacy: Privacy = Privacy(),
    features: Features = Features(),
    keep_source: bool = False,
    seed: int = 0,
) -> tuple[Stage, ...]:
    """Speech and transcripts -> log-Mel conversations."""
    recipe = Recipe(
        name="asr",
        title="Transcribed speech: log-Mel audio, a fixed prompt, the transcript as target",
        source=source,
        steps=(
            each(TranscriptTask(prompt)),
            *privacy.steps(),
            each(DecodeAudio(keep_source=keep_source)),
            each(KeepDuration(min_s, max_s)),
            each(MeasureAudio()),
            each(KeepAudio(min_speech_s=min_speech_s)),
            *((*hearing.steps(), *hearing.transcript_agrees(max_error_rate)) if check else ()),
            *features.steps(),
        ),
        seed=seed,
        mel_dtype=features.mel_dtype,
        notes="Transcripts are taken as given unless `check` is on: then clips in which an engine hears something else are refused.",
    )
    return only(recipe)
