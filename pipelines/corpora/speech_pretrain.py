"""`speech_pretrain`: transcribed speech in eight languages for the audio encoder (stage A1).

Source: arXiv 2503.01743, speech pre-training: about 2 million hours of anonymised speech with transcripts in eight languages,
ASR alone, clips of up to 30 s. Anonymised here: speakers are hashed, and a recording in which personal data is spoken is
refused, since its sound would still say it. Long recordings are cut at pauses, their transcripts at the same places.
"""

from __future__ import annotations

from typing import Any

from pipelines.audio_groups import Features, Privacy
from pipelines.recipe import Recipe
from pipelines.spoken import Hearing
from pipelines.stage import Stage, only
from pipelines.step import Step, each, expand
from processors.audio.alignment import AlignTranscript, SelectHeard
from processors.audio.quality import KeepAudio, KeepSpeechRate, MeasureAudio, MeasureSpeechRate
from processors.audio.segment import CutAtPauses
from processors.audio.steps import DecodeAudio, KeepDuration
from processors.dialogue import TRANSCRIBE_PROMPT, TranscriptTask
from processors.spoken_language import SPEECH_LANGUAGES, KeepTranscriptLanguage, MeasureTranscriptLanguage


def speech_pretrain(
    source: Any,
    *,
    prompt: str = TRANSCRIBE_PROMPT,
    languages: tuple[str, ...] = SPEECH_LANGUAGES,
    min_language_confidence: float = 0.9,
    min_s: float = 0.5,  # the encoder learns little from less, and pieces of it are cut-offs
    max_s: float = 30.0,  # the report's bound outside summarisation
    min_snr_db: float = 5.0,  # below, listeners and engines begin to lose words
    max_clipped_ratio: float = 0.01,
    min_bandwidth_hz: float = 0.0,  # 3000 lets telephone speech pass and refuses worse; 0 refuses none
    max_silence_ratio: float = 0.8,
    min_chars_per_s: float = 1.0,  # far below the slowest speech: the transcript lacks most of it
    max_chars_per_s: float = 40.0,  # far above the fastest: the transcript says more than the audio
    check: bool = False,  # True hears every clip and compares: slow, and only for languages that the engine hears
    untimed: str = "refuse",  # long recordings without word times; vad: cut at pauses, text divided in proportion, then checked
    max_error_rate: float = 0.5,  # a weak ear errs more on real speech than on spoken queries
    hearing: Hearing = Hearing(),
    privacy: Privacy = Privacy(),
    features: Features = Features(),
    seed: int = 0,
) -> tuple[Stage, ...]:
    """Recordings and transcripts -> anonymised, gated clips of at most 30 s, cut at pauses, log-Mel, transcript."""
    if untimed != "refuse" and not check:
        raise ValueError(f"untimed is {untimed!r}, which is safe only where every piece is heard; set check = true")
    hear: tuple[Step, ...] = (*hearing.steps(), each(AlignTranscript())) if check else ()
    agree: tuple[Step, ...] = ()
    if check:
        agree = (each(SelectHeard()), *hearing.transcript_agrees(max_error_rate))
    recipe = Recipe(
        name="speech_pretrain",
        title="Transcribed speech in eight languages: anonymised, measured, cut at pauses",
        source=source,
        steps=(
            each(TranscriptTask(prompt)),
            each(MeasureTranscriptLanguage()),
            each(KeepTranscriptLanguage(languages, min_language_confidence)),
            *privacy.steps(),
            each(DecodeAudio()),
            *hear,
            expand(CutAtPauses(max_s, min_s, untimed)),
            each(KeepDuration(min_s, max_s)),
            each(MeasureAudio()),
            each(KeepAudio(min_snr_db, max_clipped_ratio, max_silence_ratio, min_bandwidth_hz)),
            each(MeasureSpeechRate()),
            each(KeepSpeechRate(min_chars_per_s, max_chars_per_s)),
            *agree,
            *features.steps(),
        ),
        seed=seed,
        mel_dtype=features.mel_dtype,
        notes="Language is measured on the transcript, not on the sound. Agreement is checked only where `check` is on.",
    )
    return only(recipe)
