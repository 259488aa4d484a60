"""Long recordings in pieces: cut where nobody speaks, each piece with the words that are said in it.

With word times a cut lies in a gap between two words, at its quietest place, so that no word is cut; where the transcript cannot
be divided exactly (its words and the timed ones differ there) nothing is cut. Among all ways to cut, the one with few
pieces, long pauses and whole sentences is found by dynamic programming. Of a pause longer than a second in which a cut falls,
each piece keeps half a second; the rest belongs to no piece. All other samples belong to exactly one.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from processors.audio.steps import DURATION, PEAK
from processors.audio.text_cuts import breaks_of, cuts_after_words, ends_sentence, letters_of
from processors.audio.voice_activity import HOP, is_speech, runs_of
from processors.dialogue import LANGUAGE
from processors.speech_text import WORDS
from schemas.facts import Fact, Limit
from schemas.outcome import Reason, Reject
from schemas.parts import SAMPLE_RATE_HZ, Audio, Part, Text
from schemas.records import Conversation, FactValue, audios_of, learned_texts, map_parts

START = Fact("audio.start_s", float, "Where the piece starts in its recording")
END = Fact("audio.end_s", float, "Where the piece ends in its recording")
DIVIDED = Fact("speech.text_divided_by_time", bool, "Whether the transcript was divided in proportion to speech, without word times")

NO_WORD_TIMES = Reason("no_word_times", "The recording is too long, and without word times nobody knows what is said in a part of it")
WORDS_OUTSIDE = Reason("words_outside", "Words are said to be spoken after the end of the recording")
NO_PAUSE = Reason("no_pause", "A stretch longer than a piece may be has no pause at which audio and transcript can both be cut")
SEVERAL_CLIPS = Reason("several_clips", "The row is too long and has several clips; only one recording can be cut")

TimedWord = tuple[str, float, float]
UNTIMED = ("refuse", "vad")
MARGIN = SAMPLE_RATE_HZ // 2  # that a piece keeps of a long pause
MIN_GAP = SAMPLE_RATE_HZ // 20  # 50 ms: recognisers tell times in steps of 10 to 80 ms, less is no pause
MIN_SILENCE = SAMPLE_RATE_HZ // 5  # between stretches of speech that only voice activity tells apart
GOOD_GAP = int(0.6 * SAMPLE_RATE_HZ)  # a pause of this length is as good as a longer one
GRAIN = SAMPLE_RATE_HZ // 200  # 5 ms, in which the quietest place is sought
SMOOTH = 6  # grains
TIME_SLACK_S = 0.25  # by which word times may pass the end

PAUSE_COST, SENTENCE_COST, SHORT_COST, UNEVEN_COST = 3.0, 0.7, 20.0, 0.5  # a piece more costs 1
TEXT_COST_PER_S, INNER_BREAK_S, MAX_MISS_S = 0.5, 2.0, 10.0  # of a break so far from where speech time puts it; inside a sentence 2 s more


@dataclass(frozen=True, slots=True)
class Gap:
    """A place to cut. Units: samples. The piece before ends at `left`, the one after starts at `right`."""

    left: int
    right: int
    words: int  # that lie before it
    text: int  # characters of the transcript before it
    cost: float


@dataclass(frozen=True, slots=True)
class CutAtPauses:
    """Recordings longer than `max_s` become pieces of at most that length, each with its own words; shorter ones come out whole.

    Pieces shorter than `min_s` are joined to a neighbour where `max_s` allows it. Without word times (`untimed`): "refuse", or
    "vad": cut where voice activity finds pauses, and divide the transcript in proportion to speech, at sentence ends where
    they are near. Such pieces may have a word too many or too few; a later step must hear each and compare.
    """

    max_s: float = 30.0
    min_s: float = 0.5
    untimed: str = "refuse"
    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = (WORDS, LANGUAGE, DURATION)
    writes: ClassVar = (START, END, WORDS, DURATION, PEAK, DIVIDED)
    reasons: ClassVar = (NO_WORD_TIMES, WORDS_OUTSIDE, NO_PAUSE, SEVERAL_CLIPS)
    version: ClassVar = 1

    def __post_init__(self) -> None:
        if not 0 <= self.min_s < self.max_s < float("inf"):
            raise ValueError(f"min_s is {self.min_s}, max_s {self.max_s}; expected 0 <= min_s < max_s")
        if self.untimed not in UNTIMED:
            raise ValueError(f"untimed is {self.untimed!r}, expected one of {', '.join(UNTIMED)}")

    @property
    def bounds(self) -> tuple[Limit, ...]:
        """What is longer is cut; for these reasons it cannot be."""
        return tuple(Limit(DURATION, reason.name, most=self.max_s) for reason in (NO_WORD_TIMES, NO_PAUSE, SEVERAL_CLIPS))

    def __call__(self, record: Conversation) -> list[Conversation] | Reject:
        clips = [audio.samples for audio in audios_of(record) if audio.samples is not None]
        words: list[TimedWord] = json.loads(str(record.facts[WORDS.name]) or "[]")
        total, longest = sum(map(len, clips)), int(self.max_s * SAMPLE_RATE_HZ)
        if total <= longest:
            return [_with_place(record, 0, total, str(record.facts[WORDS.name]), False)]
        problem = self._problem(record, len(clips), total / SAMPLE_RATE_HZ, words)
        if problem is not None:
            return problem
        text = "".join(learned_texts(record))
        language = str(record.facts[LANGUAGE.name])
        gaps = timed_gaps(clips[0], words, text, language) if words else voiced_gaps(clips[0], text, language)
        chosen = choose(gaps, longest, int(self.min_s * SAMPLE_RATE_HZ))
        if isinstance(chosen, int):
            known = f"{len(gaps) - 2} between {len(words)} words" if words else f"{len(gaps) - 2} pauses"
            detail = f"no place to cut within {self.max_s:g} s after {chosen / SAMPLE_RATE_HZ:.3f} s (places known: {known})"
            return Reject(record.key, NO_PAUSE.name, detail)
        return [_piece(record, before, after, text, words, not words) for before, after in itertools.pairwise(chosen)]

    def _problem(self, record: Conversation, num_clips: int, total_s: float, words: Sequence[TimedWord]) -> Reject | None:
        """Why a recording that is too long cannot be cut at all."""
        if num_clips > 1:
            return Reject(record.key, SEVERAL_CLIPS.name, f"{num_clips} clips of {total_s:.3f} s together, expected one")
        if not words and self.untimed == "refuse":
            return Reject(record.key, NO_WORD_TIMES.name, f"{total_s:.3f} s without word times, expected at most {self.max_s:g} s")
        last_s = max((start_s for _, start_s, _ in words), default=0.0)
        if last_s > total_s + TIME_SLACK_S:
            return Reject(record.key, WORDS_OUTSIDE.name, f"a word starts at {last_s:.3f} s, the recording ends at {total_s:.3f} s")
        return None


def timed_gaps(samples: np.ndarray, words: Sequence[TimedWord], text: str, language: str) -> list[Gap]:
    """The places to cut between timed words, with start and end of the recording as the first and last."""
    total = len(samples)
    starts = np.minimum(np.round([start_s * SAMPLE_RATE_HZ for _, start_s, _ in words]).astype(np.int64), total)
    ends = np.minimum(np.round([end_s * SAMPLE_RATE_HZ for _, _, end_s in words]).astype(np.int64), total)
    ends = np.maximum.accumulate(np.maximum(ends, starts))  # a word may end after the next one does
    quiet = Quiet(samples)
    cuts = cuts_after_words(text, [word for word, _, _ in words], language)
    gaps = [_first_gap(int(starts[0]))]
    for index in range(len(words) - 1):
        low, high, cut = int(ends[index]), int(starts[index + 1]), cuts[index]
        if high - low < MIN_GAP or cut is None:
            continue
        left, right = quiet.cut(low, high)
        cost = PAUSE_COST * max(0.0, 1 - (high - low) / GOOD_GAP) + SENTENCE_COST * (not ends_sentence(text, cut))
        gaps.append(Gap(left, right, index + 1, cut, cost))
    return [*gaps, _last_gap(int(ends[-1]), total, len(words), len(text))]


def _first_gap(first: int) -> Gap:
    return Gap(0, first - MARGIN if first > 2 * MARGIN else 0, 0, 0, 0.0)


def _last_gap(last: int, total: int, words: int, text: int) -> Gap:
    return Gap(last + MARGIN if total - last > 2 * MARGIN else total, total, words, text, 0.0)


class Quiet:
    """Finds the quietest place of a gap. A long gap has two: where the piece before ends, and where the next one starts."""

    def __init__(self, samples: np.ndarray) -> None:
        whole = samples[: len(samples) // GRAIN * GRAIN].reshape(-1, GRAIN)
        power = np.einsum("ij,ij->i", whole, whole)
        self.power = np.convolve(power, np.ones(SMOOTH), "same")

    def cut(self, low: int, high: int) -> tuple[int, int]:
        if high - low > 2 * MARGIN:
            return low + MARGIN, high - MARGIN
        first, last = -(-low // GRAIN), high // GRAIN
        if last <= first or last >= len(self.power):
            return (low + high) // 2, (low + high) // 2
        power = self.power[first : last + 1]
        best = np.flatnonzero(power <= power.min())
        place = int(best[np.abs(best - (last - first) / 2).argmin()]) + first  # of equals the one nearest to the middle
        return place * GRAIN, place * GRAIN


def voiced_gaps(samples: np.ndarray, text: str, language: str) -> list[Gap]:
    """The places to cut between stretches of speech, and where the text is divided by their share of all speech."""
    runs = runs_of(is_speech(samples, MIN_SILENCE // HOP - 1)) * HOP
    if len(runs) == 0:
        return [Gap(0, 0, 0, 0, 0.0), Gap(len(samples), len(samples), 0, len(text), 0.0)]
    spoken = np.cumsum(runs[:, 1] - runs[:, 0])
    breaks = breaks_of(text, language)
    pace = max(1, len(letters_of(text)[0])) / spoken[-1]  # letters a sample
    at_s = np.array([count for count, _, _ in breaks]) / pace / SAMPLE_RATE_HZ
    loss_s = np.array([0.0 if is_end else INNER_BREAK_S for _, _, is_end in breaks])
    quiet = Quiet(samples)
    gaps = [_first_gap(int(runs[0, 0]))]
    for index in range(len(runs) - 1 if breaks else 0):
        low, high = int(runs[index, 1]), int(runs[index + 1, 0])
        if high - low < MIN_SILENCE:
            continue
        misses_s = np.abs(at_s - spoken[index] / SAMPLE_RATE_HZ) + loss_s
        best = int(misses_s.argmin())
        cost = PAUSE_COST * max(0.0, 1 - (high - low) / GOOD_GAP) + TEXT_COST_PER_S * min(float(misses_s[best]), MAX_MISS_S)
        gaps.append(Gap(*quiet.cut(low, high), 0, breaks[best][1], cost))
    return [*gaps, _last_gap(int(runs[-1, 1]), len(samples), 0, len(text))]


def choose(gaps: Sequence[Gap], longest: int, shortest: int) -> list[Gap] | int:
    """The gaps to cut at, first and last among them; or, where that cannot be, the sample after which none is near enough."""
    left, right = np.array([gap.left for gap in gaps]), np.array([gap.right for gap in gaps])
    text, cost = np.array([gap.text for gap in gaps]), np.array([gap.cost for gap in gaps])
    best = np.full(len(gaps), np.inf)
    before = np.zeros(len(gaps), np.int64)
    best[0] = 0.0
    firsts = np.searchsorted(right, left - longest)
    for index in range(1, len(gaps)):
        first = int(firsts[index])
        length = left[index] - right[first:index]
        pieces = best[first:index] + 1 + SHORT_COST * (length < shortest) + UNEVEN_COST * np.square(1 - length / longest)
        pieces[(length <= 0) | (text[first:index] >= text[index])] = np.inf
        if len(pieces):
            before[index] = first + int(pieces.argmin())
            best[index] = pieces.min() + cost[index]
    if not np.isfinite(best[-1]):
        return gaps[int(np.flatnonzero(np.isfinite(best))[-1])].right
    path = [len(gaps) - 1]
    while path[-1]:
        path.append(int(before[path[-1]]))
    return [gaps[index] for index in reversed(path)]


def _piece(record: Conversation, before: Gap, after: Gap, text: str, words: Sequence[TimedWord], divided: bool) -> Conversation:
    start, stop = before.right, after.left
    length_s = (stop - start) / SAMPLE_RATE_HZ
    start_s = start / SAMPLE_RATE_HZ

    def cut(audio: Audio) -> Audio:
        if audio.samples is None:
            return audio
        part = replace(audio, samples=audio.samples[start:stop].copy())
        return part if audio.source is None else replace(part, offset_s=(audio.offset_s or 0.0) + start_s, duration_s=length_s)

    def within(time_s: float) -> float:
        return round(min(max(time_s - start_s, 0.0), length_s), 3)

    said = Text(text[before.text : after.text].strip())
    turns = tuple(replace(turn, parts=_with_text(turn.parts, said)) if turn.learned else turn for turn in record.turns)
    own = [[word, within(low_s), within(high_s)] for word, low_s, high_s in words[before.words : after.words]]
    cut_record = map_parts(replace(record, turns=turns), {Audio: cut})
    return _with_place(cut_record, start, stop, json.dumps(own, ensure_ascii=False) if own else "", divided)


def _with_text(parts: tuple[Part, ...], said: Text) -> tuple[Part, ...]:
    """The parts with one text in the place of the first."""
    first = next((number for number, part in enumerate(parts) if isinstance(part, Text)), None)
    return tuple(said if number == first else part for number, part in enumerate(parts) if number == first or not isinstance(part, Text))


def _with_place(record: Conversation, start: int, stop: int, words: str, divided: bool) -> Conversation:
    peaks = [
        float(max(audio.samples.max(initial=0), -audio.samples.min(initial=0))) for audio in audios_of(record) if audio.samples is not None
    ]
    told: dict[str, FactValue] = {
        PEAK.name: max(peaks, default=0.0),
        START.name: start / SAMPLE_RATE_HZ,
        END.name: stop / SAMPLE_RATE_HZ,
        DURATION.name: (stop - start) / SAMPLE_RATE_HZ,
        WORDS.name: words,
        DIVIDED.name: divided,
    }
    return replace(record, facts={**record.facts, **told})
