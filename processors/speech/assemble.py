"""A written dialogue becomes one recording: each speaker has a voice, turns follow one another with short pauses.

The recording is bounded: turns that the query needs (the core) stay, those around it are dropped from the outside until the rest
fits. Nothing is cut inside a turn. Signs that nobody reads are left out of a turn; a turn of which little can be read, or for which
the engine gives no sound, is left out, and the record is refused when the core loses more than a twentieth of its letters so.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

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
from processors.spoken_form import verbalise
from processors.tasks.summary import CORE_START, CORE_STOP, DIALOGUE
from schemas.facts import Fact
from schemas.identity import keyed_rng
from schemas.outcome import Reason, Reject
from schemas.parts import SAMPLE_RATE_HZ, Audio, Part, Text
from schemas.records import Conversation, FactValue

NUM_TURNS = Fact("dialogue.num_turns", int, "Turns that are heard in the recording")
NUM_DROPPED = Fact("dialogue.num_dropped_turns", int, "Turns that were left out: around the core to keep within the bound, or unreadable")
CORE_TOO_LONG = Reason("core_too_long", "The turns that the query needs last longer than the recording may")
LEVEL_RMS = 10 ** (-23 / 20)  # every voice at the same level, -23 dBFS
PEAK = 0.9
MIN_PAUSE_S, MAX_PAUSE_S = 0.15, 0.6  # gaps between turns of real meetings lie mostly there
MAX_UNSPOKEN = 0.05  # share of the core's letters that may be lost with unreadable turns
FASTEST_CHARS_PER_S = 30.0  # at rate 1, twice the pace of usual speech
MAX_WORD_CHARS = 100  # no reader says a longer run without a blank
_READ_SIGNS = frozenset(" .,;:!?'\"()-")
_PLAIN = str.maketrans(
    {"‘": "'", "’": "'", "“": '"', "”": '"', "„": '"', "–": ",", "—": ",", "―": ","}
    | {"ß": "ss", "æ": "ae", "Æ": "Ae", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "œ": "oe", "Œ": "Oe"}
)
_NUMBERED = re.compile(r"Speaker \d+")


@dataclass(frozen=True, slots=True)
class Dialogue:
    """The turns of a record: who speaks, what is written, how it is read (empty where it cannot be), and the core."""

    speakers: list[str]
    written: list[str]
    spoken: list[str]
    core_start: int
    core_stop: int
    language: str

    @classmethod
    def of(cls, record: Conversation) -> Dialogue:
        language = str(record.facts[LANGUAGE.name])
        turns = json.loads(str(record.facts[DIALOGUE.name]))
        written = [text for _, text in turns]
        spoken = [spoken_turn(text, language) for text in written]
        core = int(record.facts[CORE_START.name]), int(record.facts[CORE_STOP.name])
        return cls([speaker for speaker, _ in turns], written, spoken, *core, language)

    @property
    def readable(self) -> list[int]:
        return [turn for turn, text in enumerate(self.spoken) if text]

    def lost_in_core(self, heard: list[int]) -> float:
        """The share of the core's letters and digits that stand in turns that are not heard."""
        there = set(heard)
        letters = [(turn, sum(ch.isalnum() for ch in self.written[turn])) for turn in range(self.core_start, self.core_stop)]
        return sum(num for turn, num in letters if turn not in there) / max(1, sum(num for _, num in letters))


@functools.lru_cache(maxsize=4_096)  # asked for and answered, and once more for each query of a meeting
def spoken_turn(text: str, language: str) -> str:
    """A turn as a reader says it, without signs that nobody says; empty when half of its letters or more could not be read."""
    spoken = verbalise(text, language)
    if language == "en":  # its voices read letters without accents
        spoken = "".join(ch for ch in unicodedata.normalize("NFKD", spoken.translate(_PLAIN)) if not unicodedata.combining(ch))
    read = "".join(ch if ch in _READ_SIGNS or _is_read(ch, language) else " " for ch in spoken)
    read = " ".join(word for word in read.split() if len(word) <= MAX_WORD_CHARS)
    return read if sum(map(str.isalnum, read)) * 2 > sum(map(str.isalnum, spoken)) else ""


def _is_read(character: str, language: str) -> bool:
    if language == "en":
        return character.isascii() and character.isalnum()
    return unicodedata.category(character)[0] in "LMN" or unicodedata.category(character) == "Po"


@dataclass(frozen=True, slots=True)
class SpeakDialogue:
    """The dialogue of the row, spoken, stands before the query of its first user turn; at most `max_s` seconds.

    The facts of the dialogue then tell the turns that are heard. Where the drop of outer turns changes who is heard first, the
    numbers of the speakers follow, in the texts too.
    """

    pool: VoicePool
    max_s: float = 1_800.0
    seed: int = 0
    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = (DIALOGUE, CORE_START, CORE_STOP, LANGUAGE)
    writes: ClassVar = (TTS_ENGINE, VOICES, RATES, NUM_TURNS, NUM_DROPPED, DIALOGUE, CORE_START, CORE_STOP)
    reasons: ClassVar = (LANGUAGE_NOT_SPOKEN, NOT_SPOKEN, CORE_TOO_LONG)
    version: ClassVar = 2

    def __post_init__(self) -> None:
        if self.max_s <= 0:
            raise ValueError(f"max_s is {self.max_s}, expected more than 0 seconds")

    def identity(self) -> str:
        return self.pool.engine.identity()

    def open(self) -> contextlib.AbstractContextManager[Callable[[list[SpeechQuestion]], list[bytes]]]:
        return open_speaker(self.pool.engine)

    def questions(self, record: Conversation) -> list[SpeechQuestion] | Reject:
        dialogue = Dialogue.of(record)
        voices = self._voices(record, dialogue)
        if not self.pool.choices(dialogue.language):
            detail = f"language {dialogue.language!r}, which {self.pool.engine.name} does not speak"
            return Reject(record.key, LANGUAGE_NOT_SPOKEN.name, detail)
        core_chars = sum(map(len, dialogue.spoken[dialogue.core_start : dialogue.core_stop]))
        least_s = core_chars / FASTEST_CHARS_PER_S / max(self.pool.rates)
        if least_s > self.max_s:  # told before an hour of speech is made for nothing
            return Reject(record.key, CORE_TOO_LONG.name, f"{least_s:.0f} s or more are needed, {self.max_s:g} s are allowed")
        asked = [(voices[dialogue.speakers[turn]], dialogue.spoken[turn]) for turn in dialogue.readable]
        return [replace(voice, utterance=replace(voice.utterance, text=text)) for voice, text in asked]

    def _voices(self, record: Conversation, dialogue: Dialogue) -> dict[str, SpeechQuestion]:
        """A voice a speaker: different voices as far as the pool goes, then the same ones at another pace."""
        rng = keyed_rng(self.seed, "speak_dialogue", record.key)
        choices = self.pool.choices(dialogue.language)
        if not choices:
            return {}
        order, rates = rng.permutation(len(choices)), rng.permutation(len(self.pool.rates))
        found = {}
        for number, speaker in enumerate(dict.fromkeys(dialogue.speakers)):
            voice, content = choices[order[number % len(order)]]
            rate = self.pool.rates[rates[(number + number // len(order)) % len(rates)]]
            found[speaker] = SpeechQuestion(Utterance("", dialogue.language, replace(voice, rate=rate), self.seed), content)
        return found

    def answer(self, record: Conversation, replies: list[bytes]) -> Conversation | Reject:
        dialogue = Dialogue.of(record)
        told = [(turn, reply) for turn, reply in zip(dialogue.readable, replies, strict=True) if not reply.startswith(REFUSED)]
        heard = [turn for turn, _ in told]
        lost = dialogue.lost_in_core(heard)
        if lost > MAX_UNSPOKEN or not heard:
            refused = [reply[len(REFUSED) :].decode() for reply in replies if reply.startswith(REFUSED)]
            detail = f"{lost:.0%} of the core's letters are not spoken, expected {MAX_UNSPOKEN:.0%} or fewer"
            return Reject(record.key, NOT_SPOKEN.name, "; ".join([detail, *refused[:1]]))
        rng = keyed_rng(self.seed, "speak_dialogue.pauses", record.key)
        pauses = np.round(rng.uniform(MIN_PAUSE_S, MAX_PAUSE_S, len(told)) * SAMPLE_RATE_HZ).astype(int)
        lengths = [length_of(reply) + int(pause) for (_, reply), pause in zip(told, pauses, strict=True)]
        core = sum(turn < dialogue.core_start for turn in heard), sum(turn < dialogue.core_stop for turn in heard)
        kept = fit(lengths, core, int(self.max_s * SAMPLE_RATE_HZ))
        if kept is None:
            core_s = sum(lengths[core[0] : core[1]]) / SAMPLE_RATE_HZ
            return Reject(record.key, CORE_TOO_LONG.name, f"{core_s:.1f} s are needed, {self.max_s:g} s are allowed")
        start, stop = kept
        samples = join([reply for _, reply in told[start:stop]], pauses[start:stop], sum(lengths[start:stop]))
        return self._spoken(record, dialogue, heard[start:stop], (core[0] - start, core[1] - start), samples)

    def _spoken(
        self, record: Conversation, dialogue: Dialogue, heard: list[int], core: tuple[int, int], samples: np.ndarray
    ) -> Conversation:
        voices = self._voices(record, dialogue)
        used = [voices[speaker] for speaker in dict.fromkeys(dialogue.speakers[turn] for turn in heard)]
        numbers = renumbered(dialogue.speakers, heard)
        turns = [[numbers.get(dialogue.speakers[turn], dialogue.speakers[turn]), dialogue.written[turn]] for turn in heard]
        facts: dict[str, FactValue] = {
            TTS_ENGINE.name: self.pool.engine.name,
            VOICES.name: ",".join(voice_label(voice) for voice in used),
            RATES.name: ",".join(f"{voice.utterance.voice.rate:g}" for voice in used),
            NUM_TURNS.name: len(heard),
            NUM_DROPPED.name: len(dialogue.written) - len(heard),
            DIALOGUE.name: json.dumps(turns, ensure_ascii=False),
            CORE_START.name: core[0],
            CORE_STOP.name: core[1],
        }

        def renamed(part: Part) -> Part:
            return Text(_NUMBERED.sub(lambda found: numbers.get(found[0], found[0]), part.text)) if isinstance(part, Text) else part

        spoken = [replace(turn, parts=tuple(map(renamed, turn.parts))) for turn in record.turns]
        first = next(number for number, turn in enumerate(spoken) if turn.role == "user")
        spoken[first] = replace(spoken[first], parts=(Audio(samples=samples), *spoken[first].parts))
        return replace(record, turns=tuple(spoken), facts={**record.facts, **facts})


def renumbered(speakers: list[str], heard: list[int]) -> dict[str, str]:
    """New numbers of speakers that are called by number, in the order in which they are heard; those not heard come after."""
    order = dict.fromkeys([*(speakers[turn] for turn in heard), *speakers])
    if not all(_NUMBERED.fullmatch(speaker) for speaker in order):
        return {}
    return {speaker: f"Speaker {number}" for number, speaker in enumerate(order, 1)}


def length_of(reply: bytes) -> int:
    """Samples at 16 kHz that a reply gives, one more or less, from its header alone."""
    info = soundfile.info(io.BytesIO(reply))
    return -(-info.frames * SAMPLE_RATE_HZ // info.samplerate) + 1


def fit(lengths: list[int], core: tuple[int, int], bound: int) -> tuple[int, int] | None:
    """The longest run around `core` that does not pass `bound`: its outer turns dropped, the side with more of them first."""
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


def join(replies: list[bytes], pauses: np.ndarray, bound: int) -> np.ndarray:
    """The turns one after the other, each at the same level and followed by its pause; the last pause is left out."""
    recording = np.zeros(bound, np.float32)
    at, end = 0, 0
    for reply, pause in zip(replies, pauses, strict=True):
        samples = decode_speech(reply)
        if isinstance(samples, Refusal):
            raise ValueError(f"a turn without speech reached the recording: {samples.detail}")
        end = at + len(samples)
        recording[at:end] = levelled(samples)
        at = end + int(pause)
    return recording[:end]


def levelled(samples: np.ndarray) -> np.ndarray:
    """The samples at LEVEL_RMS over their loud half, with peaks below PEAK; silence stays silence."""
    power = np.square(samples)
    power.sort()  # whole, not in halves: the sum is then the same on every machine
    loud = power[len(power) // 2 :]
    rms = float(np.sqrt(loud.mean(dtype=np.float64))) if len(loud) else 0.0
    peak = float(np.abs(samples).max(initial=0.0))
    return samples if rms == 0 or peak == 0 else samples * np.float32(min(LEVEL_RMS / rms, PEAK / peak))
