"""A written dialogue becomes one recording: each speaker has a voice, turns follow one another with short pauses.

The recording is bounded: turns that the query needs (the core) always stay, those around it are dropped from the outside
until the rest fits. Nothing is cut inside a turn.
"""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import soundfile

from processors.dialogue import LANGUAGE
from processors.speech.engines import NOT_SPOKEN, Refusal, Utterance
from processors.speech.replies import REFUSED, decode_speech
from processors.speech.speak import (
    LANGUAGE_NOT_SPOKEN,
    RATES,
    TTS_ENGINE,
    VOICES,
    SpeechQuestion,
    VoicePool,
    open_speaker,
    voice_label,
)
from processors.tasks.summary import CORE_START, CORE_STOP, DIALOGUE
from schemas.facts import Fact
from schemas.identity import keyed_rng
from schemas.outcome import Reason, Reject
from schemas.parts import SAMPLE_RATE_HZ, Audio
from schemas.records import Conversation, FactValue, with_facts

NUM_TURNS = Fact("dialogue.num_turns", int, "Turns that are heard in the recording")
NUM_DROPPED = Fact("dialogue.num_dropped_turns", int, "Turns around the core that were left out to keep within the bound")
CORE_TOO_LONG = Reason("core_too_long", "The turns that the query needs last longer than the recording may")
LEVEL_RMS = 10 ** (-23 / 20)  # every voice at the same level, -23 dBFS
PEAK = 0.9
MIN_PAUSE_S, MAX_PAUSE_S = 0.15, 0.6  # gaps between turns of real meetings lie mostly there


@dataclass(frozen=True, slots=True)
class SpeakDialogue:
    """The dialogue of the row, spoken, stands before the query of its first user turn; at most `max_s` seconds."""

    pool: VoicePool
    max_s: float = 1_800.0
    seed: int = 0
    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = (DIALOGUE, CORE_START, CORE_STOP, LANGUAGE)
    writes: ClassVar = (TTS_ENGINE, VOICES, RATES, NUM_TURNS, NUM_DROPPED)
    reasons: ClassVar = (LANGUAGE_NOT_SPOKEN, NOT_SPOKEN, CORE_TOO_LONG)
    version: ClassVar = 1

    @property
    def resources(self) -> dict[str, Any]:
        return getattr(self.pool.engine, "resources", {"num_cpus": 1})

    def identity(self) -> str:
        return self.pool.engine.identity()

    def open(self) -> contextlib.AbstractContextManager[Callable[[list[SpeechQuestion]], list[bytes]]]:
        return open_speaker(self.pool.engine)

    def questions(self, record: Conversation) -> list[SpeechQuestion] | Reject:
        language = str(record.facts[LANGUAGE.name])
        dialogue = json.loads(str(record.facts[DIALOGUE.name]))
        voices = self._voices(record, list(dict.fromkeys(speaker for speaker, _ in dialogue)), language)
        if not voices:
            return Reject(record.key, LANGUAGE_NOT_SPOKEN.name, f"language {language!r}, which {self.pool.engine.name} does not speak")
        return [replace(voices[speaker], utterance=replace(voices[speaker].utterance, text=text)) for speaker, text in dialogue]

    def _voices(self, record: Conversation, speakers: list[str], language: str) -> dict[str, SpeechQuestion]:
        """A voice a speaker: different voices as far as the pool goes, then the same ones at another pace."""
        rng = keyed_rng(self.seed, "speak_dialogue", record.key)
        choices = self.pool.choices(language)
        if not choices:
            return {}
        order, rates = rng.permutation(len(choices)), rng.permutation(len(self.pool.rates))
        found = {}
        for number, speaker in enumerate(speakers):
            voice, content = choices[order[number % len(order)]]
            rate = self.pool.rates[rates[(number + number // len(order)) % len(rates)]]
            found[speaker] = SpeechQuestion(Utterance("", language, replace(voice, rate=rate), self.seed), content)
        return found

    def answer(self, record: Conversation, replies: list[bytes]) -> Conversation | Reject:
        refused = next((reply for reply in replies if reply.startswith(REFUSED)), None)
        if refused is not None:
            return Reject(record.key, NOT_SPOKEN.name, refused[len(REFUSED) :].decode())
        rng = keyed_rng(self.seed, "speak_dialogue.pauses", record.key)
        pauses = np.round(rng.uniform(MIN_PAUSE_S, MAX_PAUSE_S, len(replies)) * SAMPLE_RATE_HZ).astype(int)
        lengths = [length_of(reply) + int(pause) for reply, pause in zip(replies, pauses, strict=True)]
        core = int(record.facts[CORE_START.name]), int(record.facts[CORE_STOP.name])
        kept = fit(lengths, core, int(self.max_s * SAMPLE_RATE_HZ))
        if kept is None:
            core_s = sum(lengths[core[0] : core[1]]) / SAMPLE_RATE_HZ
            return Reject(record.key, CORE_TOO_LONG.name, f"{core_s:.1f} s are needed, {self.max_s:g} s are allowed")
        samples = join(replies[kept[0] : kept[1]], pauses[kept[0] : kept[1]], sum(lengths[kept[0] : kept[1]]))
        if isinstance(samples, Refusal):
            return Reject(record.key, NOT_SPOKEN.name, samples.detail)
        questions = self.questions(record)
        assert isinstance(questions, list)
        voices = dict.fromkeys((voice_label(q), f"{q.utterance.voice.rate:g}") for q in questions[kept[0] : kept[1]])
        facts: dict[str, FactValue] = {
            TTS_ENGINE.name: self.pool.engine.name,
            VOICES.name: ",".join(voice for voice, _ in voices),
            RATES.name: ",".join(rate for _, rate in voices),
            NUM_TURNS.name: kept[1] - kept[0],
            NUM_DROPPED.name: len(replies) - (kept[1] - kept[0]),
        }
        first = next(number for number, turn in enumerate(record.turns) if turn.role == "user")
        asking = replace(record.turns[first], parts=(Audio(samples=samples), *record.turns[first].parts))
        return with_facts(replace(record, turns=(*record.turns[:first], asking, *record.turns[first + 1 :])), facts)


def length_of(reply: bytes) -> int:
    """Samples at 16 kHz that a reply gives, one more or less, from its header alone."""
    info = soundfile.info(io.BytesIO(reply))
    return -(-info.frames * SAMPLE_RATE_HZ // info.samplerate) + 1


def fit(lengths: list[int], core: tuple[int, int], bound: int) -> tuple[int, int] | None:
    """The longest run around `core` that does not pass `bound`: its outer turns dropped, the side farther from the core first."""
    start, stop = 0, len(lengths)
    total = sum(lengths)
    while total > bound:
        before, after = core[0] - start, stop - core[1]
        if before <= 0 and after <= 0:
            return None
        if before >= after:
            total -= lengths[start]
            start += 1
        else:
            stop -= 1
            total -= lengths[stop]
    return start, stop


def join(replies: list[bytes], pauses: np.ndarray, bound: int) -> np.ndarray | Refusal:
    """The turns one after the other, each at the same level and followed by its pause; the last pause is left out."""
    recording = np.zeros(bound, np.float32)
    at, end = 0, 0
    for reply, pause in zip(replies, pauses, strict=True):
        samples = decode_speech(reply)
        if isinstance(samples, Refusal):
            return samples
        end = at + len(samples)
        recording[at:end] = levelled(samples)
        at = end + int(pause)
    return recording[:end]


def levelled(samples: np.ndarray) -> np.ndarray:
    """The samples at LEVEL_RMS over their loud half, with peaks below PEAK; silence stays silence."""
    power = np.sort(np.square(samples, dtype=np.float64))[len(samples) // 2 :]
    rms, peak = float(np.sqrt(power.mean())) if len(power) else 0.0, float(np.abs(samples).max(initial=0.0))
    return samples if rms == 0 or peak == 0 else samples * np.float32(min(LEVEL_RMS / rms, PEAK / peak))
