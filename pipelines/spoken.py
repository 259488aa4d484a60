"""The line that speaks queries, hears them again, and keeps those in which every word arrived.

Shared by the corpora whose user speaks: vision_speech, sqqa, audio_safety. Order and purpose follow arXiv 2503.01743,
section on vision-speech data: take a text query, leave out what cannot be read aloud, speak it, transcribe it, compare
with the text by word error rate, keep what agrees. The thresholds are this project's, measured on the embedded engines.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipelines.step import Step, ask, each
from processors.audio.loudness import NormaliseLoudness, TrimSilence
from processors.audio.quality import KeepAudio, MeasureAudio
from processors.audio.transcript import (
    FIRST,
    SPOKEN_DIFFERS,
    SPOKEN_TEXT,
    TRANSCRIPT,
    TRANSCRIPT_DISAGREES,
    KeepAgreement,
    MeasureAgreement,
)
from processors.dialogue import StateLanguage
from processors.speech.catalogue import make_asr, make_tts
from processors.speech.engines import AsrEngine, TtsEngine
from processors.speech.hear import Hear
from processors.speech.speak import Reference, SpeakTurns, VoicePool
from processors.speech.speakable import MakeSpeakable
from schemas.identity import digest

AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".opus")


@dataclass(frozen=True, slots=True)
class Speaking:
    """Who speaks. `tts` is flite, espeak or coqui; paths are of a Coqui model; `clone_from` a folder of clips whose voices are cloned."""

    tts: str = "flite"
    tts_model: str = ""
    tts_config: str = ""
    tts_speakers: str = ""
    voices: tuple[str, ...] = ()  # empty: every voice of the engine
    rates: tuple[float, ...] = (0.9, 1.0, 1.1)  # of the voice's own pace; the embedded ear hears these equally well
    clone_from: str = ""
    device: str = "cpu"

    def engine(self) -> TtsEngine:
        return make_tts(
            self.tts, model=self.tts_model, config=self.tts_config, speakers=self.tts_speakers, voices=self.voices, device=self.device
        )

    def pool(self) -> VoicePool:
        return VoicePool(self.engine(), self.rates, references(self.clone_from))


@dataclass(frozen=True, slots=True)
class Hearing:
    """Who hears. `asr` is pocketsphinx or faster-whisper; `second_asr`, when named, hears too, and `agree` says who must agree."""

    asr: str = "pocketsphinx"
    asr_model: str = ""
    second_asr: str = ""
    second_asr_model: str = ""
    agree: str = FIRST  # first, both or either
    asr_device: str = "cpu"

    def __post_init__(self) -> None:
        if self.agree != FIRST and not self.second_asr:
            raise ValueError(f"agree is {self.agree!r}, which needs a second engine; name one in second_asr")

    def engine(self) -> AsrEngine:
        return make_asr(self.asr, model=self.asr_model, device=self.asr_device)

    def second_engine(self) -> AsrEngine | None:
        return make_asr(self.second_asr, model=self.second_asr_model, device=self.asr_device) if self.second_asr else None

    def steps(self, size: int = 2) -> tuple[Step, ...]:
        """The steps that hear: the first engine, and the second where there is one."""
        second = self.second_engine()
        first = (ask(Hear(self.engine()), size, "hear"),)
        return first if second is None else (*first, ask(Hear(second, second=True), size, "hear_again"))

    def agreement(self, reference: str, max_error_rate: float) -> tuple[Step, ...]:
        """The steps that compare what was heard with the spoken text or the transcript, and keep what agrees."""
        reason = SPOKEN_DIFFERS if reference == SPOKEN_TEXT else TRANSCRIPT_DISAGREES
        return (
            each(MeasureAgreement(reference, bool(self.second_asr))),
            each(KeepAgreement(max_error_rate, self.agree, reason_name=reason.name)),
        )

    def check_transcript(self, max_error_rate: float) -> tuple[Step, ...]:
        """Hears the record and keeps it when its transcript agrees."""
        return (*self.steps(), *self.agreement(TRANSCRIPT, max_error_rate))


def references(folder: str) -> tuple[Reference, ...]:
    """The clips of a folder, by name. Raises: ValueError when what is named is no folder, or has none."""
    if not folder:
        return ()
    if not Path(folder).is_dir():
        raise ValueError(f"clone_from names {folder}, which is no folder; expected one with clips to clone")
    paths = [path for path in sorted(Path(folder).iterdir()) if path.suffix.lower() in AUDIO_SUFFIXES]
    if not paths:
        raise ValueError(f"clone_from names {folder}, which holds no clip; expected files ending in {', '.join(AUDIO_SUFFIXES)}")
    return tuple(Reference(str(path), digest(path.read_bytes())) for path in paths)


def spoken_queries(speaking: Speaking, hearing: Hearing, language: str, max_error_rate: float, seed: int) -> tuple[Step, ...]:
    """User turns with text in; user turns with audio out, its samples at 16 kHz, each query heard as it was meant."""
    return (
        each(StateLanguage(language)),
        each(MakeSpeakable()),
        ask(SpeakTurns(speaking.pool(), seed), 4, "speak"),
        each(TrimSilence()),
        each(NormaliseLoudness()),
        each(MeasureAudio()),
        each(KeepAudio()),
        *hearing.steps(),
        *hearing.agreement(SPOKEN_TEXT, max_error_rate),
    )
