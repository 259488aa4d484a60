"""How well the words that should be heard fit the sound: each is laid over its stretch of the clip and judged there.

An ear that writes freely must choose among all words, and a weak one errs on clean speech ("the total on this receipt" becomes
"the town on this risky"). Asked only whether it hears these words, the same acoustic model is far surer: a word that was said
costs 3 nats a frame against the best sound of any kind, one that was not 6 and more. Where the words find no way through the
clip at all (it is cut, drowned, or says something else), they do not fit. Sound between the words is judged like
them: what is said there beyond the text fits no silence. Words of nearly one sound (read, rate) are not told apart.

The acoustic model and dictionary are those of the pocketsphinx package, English. Words that the dictionary lacks are spelled by
letter sounds (processors/audio/word_sounds.py). It takes a fifth of the time of free hearing.
"""

from __future__ import annotations

import contextlib
import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, ClassVar

import numpy as np

from processors.audio.loudness import sounding
from processors.audio.transcript import REASONS, SPOKEN_DIFFERS
from processors.audio.word_sounds import UNKNOWN_WEIGHT, phones_of, spell_out
from processors.dialogue import LANGUAGE
from processors.speech_text import SPOKEN
from schemas.facts import Fact, Limit
from schemas.identity import digest
from schemas.outcome import Reason, Reject
from schemas.parts import SAMPLE_RATE_HZ
from schemas.records import Conversation, audios_of, with_facts

NO_FIT = 99.0
MAX_COST = 5.2  # a clean query costs less, measured with Flite's voices: see runbooks/calibrate.md
BETWEEN = "(between the words)"
LANGUAGES = ("en",)
PRIOR_FRAMES = 10  # a word's cost is averaged as if so many frames of it had cost nothing: short words are noisy
Piece = tuple[str, float, int]  # a word, or BETWEEN; its cost in nats; its frames of 10 ms
SMALLEST, SCORE_SCALE = 1e-300, 1_024  # a segment's score is a likelihood, the whole path's its 1024th root
DEPTH_DB, MARGIN = 45.0, SAMPLE_RATE_HZ // 10  # silence at the ends, as TrimSilence cuts it
MAX_TAIL_FRAMES = 50  # 30 of them are margin and padding; of 120 clean clips the longest tail had 42
PAD_S = 0.2  # of silence at both ends; without it a last short word, spoken up to the very end, finds no room

WORST_FIT = Fact(
    "speech.worst_fit", float, f"Cost of the word that fits the sound worst, nats a frame; {NO_FIT:g} where the words do not fit"
)
WORST_FIT_WORD = Fact(
    "speech.worst_fit_word", str, "The word that fits the sound worst; empty where the words do not fit, or are not judged"
)
FIT_BY = Fact("speech.fit_by", str, "What judged whether the words fit the sound; empty when it cannot hear the language")


@dataclass(frozen=True, slots=True, eq=False)
class FitQuestion:
    """A clip and the words that should be heard in it. Shapes: samples (n,) float32 mono 16 kHz."""

    samples: np.ndarray
    words: tuple[str, ...]

    def digest(self) -> str:
        return digest(np.ascontiguousarray(self.samples, dtype="<f4").tobytes(), *self.words)


def words_to_fit(spoken: str, language: str = "en") -> tuple[str, ...]:
    """The words of a spoken form as the dictionary has them: lower case, digits spelled out."""
    found = re.findall(r"[a-z0-9]+(?:'[a-z]+)?", spoken.lower().replace("’", "'"))
    return tuple(part for word in found for part in spell_out(word, language) if phones_of(part, language)[0])


@contextlib.contextmanager
def open_fitter() -> Iterator[Callable[[FitQuestion], list[Piece]]]:
    """Gives the callable that lays words over a clip: its pieces in order, none where the words do not fit."""
    from pocketsphinx import Decoder

    # all senones: else the best sound is sought among those of the text alone, and where nothing but silence may follow anything is silence
    decoder = Decoder(samprate=SAMPLE_RATE_HZ, loglevel="FATAL", cmn="batch", lm=None, compallsen=True)
    silence = np.zeros(round(PAD_S * SAMPLE_RATE_HZ), np.float32)

    def fit(question: FitQuestion) -> list[Piece]:
        if not question.words:
            return []
        for word in question.words:
            if decoder.lookup_word(word) is None:
                decoder.add_word(word, " ".join(phones_of(word, "en")[0]), True)
        decoder.set_align_text(" ".join(question.words))
        start, stop = sounding(question.samples, DEPTH_DB, MARGIN)
        padded = np.concatenate([silence, question.samples[start:stop], silence])
        decoder.reinit_feat()  # it keeps what it learnt of the channel, and gave other times to the same clip later
        decoder.start_utt()
        decoder.process_raw((np.clip(padded, -1, 1) * 32_767).astype("<i2").tobytes(), no_search=False, full_utt=True)
        decoder.end_utt()
        found = _pieces(decoder)
        return found if tuple(word for word, _, _ in found if word != BETWEEN) == question.words else []

    yield fit


def _pieces(decoder: Any) -> list[Piece]:
    """The path through the clip. Its last segment comes with the cost of the one before; its own is what is left of the whole.

    Once the last word is over the decoder takes anything for the silence at the end: there the length judges.
    """
    segments = list(decoder.seg() or ())
    if not segments:
        return []
    costs = [-math.log(max(seg.ascore, SMALLEST)) for seg in segments]
    costs[-1] = max(0.0, -SCORE_SCALE * math.log(max(decoder.hyp().score, SMALLEST)) - sum(costs[:-1]))
    frames = [seg.end_frame - seg.start_frame + 1 for seg in segments]
    words = [BETWEEN if seg.word[0] in "<[+" else re.sub(r"\(\d+\)$", "", seg.word) for seg in segments]
    if words[-1] == BETWEEN and frames[-1] > MAX_TAIL_FRAMES:
        costs[-1] = NO_FIT * (frames[-1] + PRIOR_FRAMES)
    pieces = zip(words, (round(cost, 3) for cost in costs), frames, strict=True)
    return [piece for piece, seg in zip(pieces, segments, strict=True) if seg.word not in ("<s>", "</s>")]


def worst_fit(pieces: Sequence[Piece], language: str = "en") -> tuple[str, float]:
    """The word that fits worst, or BETWEEN, and its cost in nats a frame; no word and NO_FIT where none was laid over the clip.

    A word whose sound is only guessed from its letters counts half.
    """
    costs = []
    for word, cost, frames in pieces:
        weight = 1.0 if word == BETWEEN or phones_of(word, language)[1] else UNKNOWN_WEIGHT
        costs.append((weight * cost / (frames + PRIOR_FRAMES), word))
    cost, word = max(costs, default=(NO_FIT, ""))
    return word, round(min(cost, NO_FIT), 4)


@dataclass(frozen=True, slots=True)
class FitWords:
    """Judges how well the spoken text fits the record's audio: a line of the text a clip, or all of it over all clips together.

    Languages that it cannot hear pass with cost 0 and an empty `speech.fit_by`.
    """

    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = (SPOKEN, LANGUAGE)
    writes: ClassVar = (WORST_FIT, WORST_FIT_WORD, FIT_BY)
    reasons: ClassVar = ()
    version: ClassVar = 1

    def identity(self) -> str:
        return f"pocketsphinx {version('pocketsphinx')} en-us, words laid over the clip, cmn=batch compallsen, features anew a clip, {PAD_S:g} s of silence around"

    @contextlib.contextmanager
    def open(self) -> Iterator[Callable[[list[FitQuestion]], list[bytes]]]:
        with open_fitter() as fit:
            yield lambda questions: [json.dumps(fit(question)).encode() for question in questions]

    def questions(self, record: Conversation) -> list[FitQuestion] | Reject:
        language = str(record.facts[LANGUAGE.name])
        if language not in LANGUAGES:
            return []
        clips = [audio.samples for audio in audios_of(record) if audio.samples is not None]
        lines = str(record.facts[SPOKEN.name]).split("\n")
        if len(clips) != len(lines):
            clips, lines = [np.concatenate([np.empty(0, np.float32), *clips])], [" ".join(lines)]
        return [FitQuestion(samples, words_to_fit(line, language)) for samples, line in zip(clips, lines, strict=True)]

    def answer(self, record: Conversation, replies: list[bytes]) -> Conversation:
        if not replies:
            return with_facts(record, {WORST_FIT.name: 0.0, WORST_FIT_WORD.name: "", FIT_BY.name: ""})
        told = [worst_fit([(word, cost, frames) for word, cost, frames in json.loads(reply)]) for reply in replies]
        word, cost = max(told, key=lambda one: one[1])
        return with_facts(record, {WORST_FIT.name: cost, WORST_FIT_WORD.name: word, FIT_BY.name: "pocketsphinx"})


@dataclass(frozen=True, slots=True)
class KeepFit:
    """Keeps records in which every word that should be heard fits the sound; those that were not judged pass."""

    max_cost: float = MAX_COST
    reason_name: str = SPOKEN_DIFFERS.name
    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = (WORST_FIT, WORST_FIT_WORD, FIT_BY)
    writes: ClassVar = ()
    version: ClassVar = 1

    def __post_init__(self) -> None:
        if self.reason_name not in REASONS:
            raise ValueError(f"reason_name is {self.reason_name!r}, expected {' or '.join(REASONS)}")
        if not self.max_cost >= 0:
            raise ValueError(f"max_cost is {self.max_cost!r}, expected 0 or more")

    @property
    def reasons(self) -> tuple[Reason, ...]:
        return (REASONS[self.reason_name],)

    @property
    def bounds(self) -> tuple[Limit, ...]:
        return (Limit(WORST_FIT, self.reason_name, most=self.max_cost),)

    def __call__(self, record: Conversation) -> Conversation | Reject:
        cost = float(record.facts[WORST_FIT.name])
        if cost <= self.max_cost:
            return record
        word = str(record.facts[WORST_FIT_WORD.name])
        told = f"{word!r} costs {cost:.2f} nats a frame, expected {self.max_cost:g} or less" if word else "the text does not fit the sound"
        return Reject(record.key, self.reason_name, told)
