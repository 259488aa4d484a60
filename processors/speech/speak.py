"""Text of user turns becomes speech; so do the turns of a written dialogue, each speaker with a voice of their own.

Voices are chosen by a hash of seed, record and turn, evenly over the engine's pool for the language and over the rates.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from processors.dialogue import LANGUAGE
from processors.speech.engines import NOT_SPOKEN, Refusal, TtsEngine, Utterance, Voice
from processors.speech.replies import decode_speech, encode_speech
from processors.speech_text import SPOKEN
from schemas.facts import Fact
from schemas.identity import digest, keyed_rng
from schemas.outcome import Reason, Reject
from schemas.parts import Audio, Text
from schemas.records import Conversation, Turn, with_facts

TTS_ENGINE = Fact("speech.tts_engine", str, "Engine that spoke the row's speech")
VOICES = Fact("speech.voices", str, "Voices that speak, in order of turns, joined by commas")
RATES = Fact("speech.rates", str, "Pace of each turn relative to the voice's own, joined by commas")
LANGUAGE_NOT_SPOKEN = Reason("language_not_spoken", "The speaking engine has no voice for the language")


@dataclass(frozen=True, slots=True)
class Reference:
    """A clip whose voice an engine is to clone; `content` is the digest of its bytes, and pins it in the recipe."""

    path: str = field(metadata={"fingerprint": False})
    content: str


@dataclass(frozen=True, slots=True)
class SpeechQuestion:
    """An utterance and, for a cloned voice, the digest of the reference clip."""

    utterance: Utterance
    reference: str = ""

    def digest(self) -> str:
        said = self.utterance
        return digest(said.text, said.language, said.voice.name, f"{said.voice.rate:.6g}", str(said.seed), self.reference)


@dataclass(frozen=True, slots=True)
class VoicePool:
    """The voices to choose from: those of the engine, or cloned ones where `references` are given; and the rates."""

    engine: TtsEngine
    rates: tuple[float, ...] = (0.9, 1.0, 1.1)
    references: tuple[Reference, ...] = ()

    def __post_init__(self) -> None:
        if self.references and not self.engine.clones:
            raise ValueError(f"engine {self.engine.name} cannot clone the voice of a reference clip; leave out the references")
        if not self.rates or not all(0.5 <= rate <= 2.0 for rate in self.rates):
            raise ValueError(f"rates are {self.rates}, expected at least one, each 0.5 to 2.0")

    def choices(self, language: str) -> list[tuple[Voice, str]]:
        """Every (voice, digest of its reference) for a language."""
        names = self.engine.voices(language)
        if self.references and names:
            return [(Voice(names[0], 1.0, reference.path), reference.content) for reference in self.references]
        return [(Voice(name), "") for name in names]

    def question(self, rng: np.random.Generator, text: str, language: str, seed: int) -> SpeechQuestion | None:
        """The text in a voice drawn by `rng`; None when no voice speaks the language."""
        choices = self.choices(language)
        if not choices:
            return None
        voice, content = choices[int(rng.integers(len(choices)))]
        rate = self.rates[int(rng.integers(len(self.rates)))]
        return SpeechQuestion(Utterance(text, language, replace(voice, rate=rate), seed), content)


@contextlib.contextmanager
def open_speaker(engine: TtsEngine) -> Iterator[Callable[[list[SpeechQuestion]], list[bytes]]]:
    """The callable of an asking step: utterances to replies."""
    with engine.open() as speak:
        yield lambda questions: [encode_speech(speech) for speech in speak([question.utterance for question in questions])]


def voice_label(question: SpeechQuestion) -> str:
    voice = question.utterance.voice
    return f"clone:{question.reference[:8]}" if question.reference else voice.name


@dataclass(frozen=True, slots=True)
class SpeakTurns:
    """Every user turn's text becomes audio, in its place after the images; the prompt is then null.

    The text that is spoken is the fact `speech.spoken_text`, a line a user turn that has text.
    """

    pool: VoicePool
    seed: int = 0
    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = (SPOKEN, LANGUAGE)
    writes: ClassVar = (TTS_ENGINE, VOICES, RATES)
    reasons: ClassVar = (LANGUAGE_NOT_SPOKEN, NOT_SPOKEN)
    version: ClassVar = 1

    def identity(self) -> str:
        return self.pool.engine.identity()

    def open(self) -> contextlib.AbstractContextManager[Callable[[list[SpeechQuestion]], list[bytes]]]:
        return open_speaker(self.pool.engine)

    def questions(self, record: Conversation) -> list[SpeechQuestion] | Reject:
        language = str(record.facts[LANGUAGE.name])
        questions = []
        for number, text in enumerate(str(record.facts[SPOKEN.name]).split("\n")):
            rng = keyed_rng(self.seed, "speak_turns", f"{record.key} {number}")
            question = self.pool.question(rng, text, language, self.seed)
            if question is None:
                detail = f"language {language!r}, which {self.pool.engine.name} does not speak"
                return Reject(record.key, LANGUAGE_NOT_SPOKEN.name, detail)
            questions.append(question)
        return questions

    def answer(self, record: Conversation, replies: list[bytes]) -> Conversation | Reject:
        clips = []
        for reply in replies:
            samples = decode_speech(reply)
            if isinstance(samples, Refusal):
                return Reject(record.key, NOT_SPOKEN.name, samples.detail)
            clips.append(Audio(samples=samples))
        questions = self.questions(record)
        assert isinstance(questions, list)
        facts = {
            TTS_ENGINE.name: self.pool.engine.name,
            VOICES.name: ",".join(voice_label(question) for question in questions),
            RATES.name: ",".join(f"{question.utterance.voice.rate:g}" for question in questions),
        }
        return with_facts(replace(record, turns=_place(record, clips)), facts)


def _place(record: Conversation, clips: list[Audio]) -> tuple[Turn, ...]:
    """The turns with the text of each user turn that has any replaced by the next clip."""
    spoken = [turn for turn in record.turns if _is_spoken(turn)]
    if len(spoken) != len(clips):
        raise ValueError(f"record {record.key} has {len(spoken)} user turns with text and {len(clips)} spoken texts")
    left = iter(clips)
    return tuple(
        replace(turn, parts=(*(part for part in turn.parts if not isinstance(part, Text)), next(left))) if _is_spoken(turn) else turn
        for turn in record.turns
    )


def _is_spoken(turn: Turn) -> bool:
    return turn.role == "user" and any(isinstance(part, Text) for part in turn.parts)
