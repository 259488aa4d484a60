"""The line that speaks queries, hears them again, and keeps those in which every word arrived.

Shared by the corpora whose user speaks: vision_speech, sqqa, audio_safety. Order and purpose follow arXiv 2503.01743,
section on vision-speech data: take a text query, leave out what cannot be read aloud, speak it, transcribe it, compare
with the text by word error rate, keep what agrees. The thresholds are this project's, measured on the embedded engines (runbooks/calibrate.md);
so is the second judge, which lays the words of the text over the sound.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipelines.step import Step, ask, each
from processors.audio.loudness import NormaliseLoudness, TrimSilence
from processors.audio.quality import KeepAudio, MeasureAudio
from processors.audio.transcript import FIRST, KEEP_ALL, SPOKEN_TEXT, TRANSCRIPT, TRANSCRIPT_DISAGREES, KeepAgreement, MeasureAgreement
from processors.audio.word_fit import MAX_COST as MAX_FIT_COST
from processors.audio.word_fit import NO_FIT, FitWords, KeepFit
from processors.dialogue import StateLanguage
from processors.speech.catalogue import BEAM_SIZE, make_asr, make_tts
from processors.speech.engines import AsrEngine, TtsEngine
from processors.speech.hear import Hear
from processors.speech.speak import Reference, SpeakTurns, VoicePool
from processors.speech.speakable import MakeSpeakable
from schemas.identity import digest

WEAK = "pocketsphinx"
ANY = 1_000.0  # a distance that no word reaches
AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".opus")


@dataclass(frozen=True, slots=True)
class Speaking:
    """Who speaks. `tts` is flite, espeak or coqui; the `tts_` paths are of a Coqui model.

    `clone_from` is a folder of clips whose voices are cloned, by models that can.
    """

    tts: str = "flite"
    tts_model: Path | None = None
    tts_config: Path | None = None
    tts_speakers: Path | None = None
    tts_encoder: Path | None = None  # of a model that clones by way of a speaker encoder
    voices: tuple[str, ...] = ()  # empty: every voice of the engine
    rates: tuple[float, ...] = (0.9, 1.0, 1.1)  # of the voice's own pace; the embedded ear errs little more at 0.9 than at 1.1
    clone_from: Path | None = None
    device: str = "cpu"
    min_speech_s: float = 0.1  # less is no speech
    min_snr_db: float = 15.0  # clean synthetic speech has 28 dB and more, with noise at 10 dB it measured 14 or less

    def engine(self) -> TtsEngine:
        model, config, speakers, encoder = map(_text, (self.tts_model, self.tts_config, self.tts_speakers, self.tts_encoder))
        return make_tts(self.tts, model, config, speakers, encoder, self.voices, self.device)

    def pool(self) -> VoicePool:
        return VoicePool(self.engine(), self.rates, references(self.clone_from))


@dataclass(frozen=True, slots=True)
class Hearing:
    """Who hears. `asr` is pocketsphinx or faster-whisper; `second_asr`, when named, hears too, and `agree` says who must agree."""

    asr: str = "pocketsphinx"
    asr_model: Path | None = None
    second_asr: str = ""
    second_asr_model: Path | None = None
    agree: str = FIRST  # first, both or either
    asr_device: str = "cpu"  # of both
    beam_size: int = BEAM_SIZE  # of faster-whisper
    max_fit_cost: float = MAX_FIT_COST  # nats a frame of the word that fits the sound worst, English only; 0 does not judge the fit

    def __post_init__(self) -> None:
        if self.agree != FIRST and not self.second_asr:
            raise ValueError(f"agree is {self.agree!r}, which needs a second engine; name one in second_asr")

    def engine(self) -> AsrEngine:
        return make_asr(self.asr, model=_text(self.asr_model), device=self.asr_device, beam_size=self.beam_size)

    def second_engine(self) -> AsrEngine | None:
        return (
            make_asr(self.second_asr, model=_text(self.second_asr_model), device=self.asr_device, beam_size=self.beam_size)
            if self.second_asr
            else None
        )

    def steps(self, size: int = 2) -> tuple[Step, ...]:
        """The steps that hear: the first engine, and the second where there is one."""
        second = self.second_engine()
        first = (ask(Hear(self.engine()), size, "hear"),)
        return first if second is None else (*first, ask(Hear(second, second=True), size, "hear_again"))

    def understood(self, max_error_rate: float | None) -> tuple[Step, ...]:
        """The steps that compare what was heard with the spoken text, and keep what agrees.

        A strong ear is held to every word. PocketSphinx errs on clean speech: only its error rate over the whole counts, loosely,
        and the fit of the words decides.
        """
        if self.asr == WEAK:
            keep = KeepAgreement(_or(max_error_rate, 0.75), self.agree, max_word_distance=ANY, max_sound_error_rate=0.5)
        else:
            keep = KeepAgreement(_or(max_error_rate, 0.25), self.agree)
        return (each(MeasureAgreement(SPOKEN_TEXT, bool(self.second_asr))), each(keep))

    def fit(self, max_error_rate: float | None) -> tuple[Step, ...]:
        """The steps that lay the spoken words over the sound, and keep records in which every word fits; all, with an open gate."""
        if not self.max_fit_cost:
            return ()
        return (ask(FitWords(), 4, "fit"), each(KeepFit(NO_FIT if _or(max_error_rate, 0.0) >= KEEP_ALL else self.max_fit_cost)))

    def transcript_agrees(self, max_error_rate: float) -> tuple[Step, ...]:
        """The steps that compare what was heard with the transcript, and keep what agrees; people speak less clearly than engines."""
        keep = KeepAgreement(
            max_error_rate, self.agree, max_word_distance=ANY, max_sound_error_rate=max_error_rate, reason_name=TRANSCRIPT_DISAGREES.name
        )
        return (each(MeasureAgreement(TRANSCRIPT, bool(self.second_asr))), each(keep))


def _text(path: Path | None) -> str:
    return "" if path is None else str(path)


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value


def references(folder: Path | None) -> tuple[Reference, ...]:
    """The clips of a folder, by name. Raises: ValueError when what is named is no folder, or has none."""
    if folder is None:
        return ()
    if not folder.is_dir():
        raise ValueError(f"clone_from names {folder}, which is no folder; expected one with clips to clone")
    paths = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in AUDIO_SUFFIXES]
    if not paths:
        raise ValueError(f"clone_from names {folder}, which holds no clip; expected files ending in {', '.join(AUDIO_SUFFIXES)}")
    return tuple(Reference(str(path), digest(path.read_bytes())) for path in paths)


def spoken_queries(speaking: Speaking, hearing: Hearing, language: str, max_error_rate: float | None, seed: int) -> tuple[Step, ...]:
    """User turns with text in; user turns with audio out, its samples at 16 kHz, each query heard as it was meant.

    Without a `max_error_rate` the engine that hears is held to what it can do; from 1000 on the gate is open, for calibration.
    """
    return (
        each(StateLanguage(language)),
        each(MakeSpeakable()),
        ask(SpeakTurns(speaking.pool(), seed), 4, "speak"),
        each(TrimSilence()),
        each(NormaliseLoudness()),
        each(MeasureAudio()),
        each(KeepAudio(speaking.min_snr_db, min_speech_s=speaking.min_speech_s)),
        *hearing.fit(max_error_rate),  # before the dearer hearing
        *hearing.steps(),
        *hearing.understood(max_error_rate),
    )
