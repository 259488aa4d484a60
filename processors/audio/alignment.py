"""Times for the words of a given transcript, taken from what an engine heard in the same clip.

Words that both sides share, in order, are anchors with the engine's times. Words between two anchors are spread over the
time between them without a gap, so that no pause, and hence no cut, is ever supposed between words whose times are not known.
"""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass, replace
from typing import ClassVar

import jiwer

from processors.audio.segment import END, START
from processors.dialogue import LANGUAGE
from processors.speech_text import HEARD, HEARD_WORDS, WORDS
from schemas.facts import Fact
from schemas.records import Conversation, learned_texts, with_facts

ANCHORED = Fact(
    "speech.anchored_ratio", float, "Share of the transcript's words whose times an engine heard; 1 when times were given, 0 without"
)
WITHOUT_SPACES = ("zh", "ja")
TimedWord = tuple[str, float, float]


def plain(word: str) -> str:
    """The letters and digits of a word, in lower case: what two spellings of it share."""
    return "".join(ch for ch in unicodedata.normalize("NFKC", word).casefold() if ch.isalnum())


def split_words(text: str, language: str) -> list[str]:
    """Words as they are written; characters where a language writes without spaces."""
    if language not in WITHOUT_SPACES:
        return text.split()
    return [ch for ch in text if not ch.isspace()]


def align_words(words: list[str], heard: list[TimedWord], end_s: float) -> tuple[list[TimedWord], float]:
    """Each word with its times, and the share of words that are anchors. Units: seconds; `end_s` is the end of the clip.

    Anchors are the equal words of jiwer's alignment: a tenth of a second for half an hour, where difflib takes seconds.
    """
    ours = [(index, plain(word)) for index, word in enumerate(words) if plain(word)]
    theirs = [(plain(word), start_s, stop_s) for word, start_s, stop_s in heard if plain(word)]
    times: dict[int, tuple[float, float]] = {}
    if ours and theirs:
        found = jiwer.process_words(" ".join(word for _, word in ours), " ".join(word for word, _, _ in theirs))
        for chunk in found.alignments[0]:
            if chunk.type == "equal":
                for mine, other in zip(range(chunk.ref_start_idx, chunk.ref_end_idx), theirs[chunk.hyp_start_idx :], strict=False):
                    times[ours[mine][0]] = other[1:]
    return _spread(words, times, end_s), len(times) / max(1, len(ours))


def _spread(words: list[str], times: dict[int, tuple[float, float]], end_s: float) -> list[TimedWord]:
    found: list[TimedWord] = []
    index = 0
    while index < len(words):
        if index in times:
            found.append((words[index], *times[index]))
            index += 1
            continue
        stop = next((later for later in range(index, len(words)) if later in times), len(words))
        low = found[-1][2] if found else 0.0
        high = max(low, times[stop][0] if stop < len(words) else end_s)
        step = (high - low) / (stop - index)
        # the last sum may exceed `high` by a rounding
        found += [(words[index + n], low + n * step, min(high, low + (n + 1) * step)) for n in range(stop - index)]
        index = stop
    return found


@dataclass(frozen=True, slots=True)
class AlignTranscript:
    """Gives word times to a transcript that has none, from what was heard, where at least `min_anchored` of its words were."""

    min_anchored: float = 0.6
    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = (HEARD_WORDS, WORDS, LANGUAGE)
    writes: ClassVar = (ANCHORED, WORDS)
    reasons: ClassVar = ()
    version: ClassVar = 1

    def __call__(self, record: Conversation) -> Conversation:
        if record.facts[WORDS.name]:
            return with_facts(record, {ANCHORED.name: 1.0})
        if not record.facts[HEARD_WORDS.name]:
            return with_facts(record, {ANCHORED.name: 0.0})
        heard = [(str(word), float(start_s), float(end_s)) for word, start_s, end_s in json.loads(str(record.facts[HEARD_WORDS.name]))]
        text = "".join(learned_texts(record))
        words = split_words(text, str(record.facts[LANGUAGE.name]))
        timed, anchored = align_words(words, heard, max((end_s for _, _, end_s in heard), default=0.0))
        told = [[word, round(start_s, 3), round(end_s, 3)] for word, start_s, end_s in timed] if anchored >= self.min_anchored else []
        facts = {**record.facts, ANCHORED.name: round(anchored, 4), WORDS.name: json.dumps(told, ensure_ascii=False) if told else ""}
        return replace(record, facts=facts)


@dataclass(frozen=True, slots=True)
class SelectHeard:
    """Of what was heard in the whole clip, keeps for each piece of it the words whose middle lies inside the piece."""

    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = (HEARD, HEARD_WORDS, START, END)
    writes: ClassVar = (HEARD, HEARD_WORDS)
    reasons: ClassVar = ()
    version: ClassVar = 1

    def __call__(self, record: Conversation) -> Conversation:
        if not record.facts[HEARD_WORDS.name]:
            return record
        start_s, end_s = float(record.facts[START.name]), float(record.facts[END.name])
        words = json.loads(str(record.facts[HEARD_WORDS.name]))
        inside = [[w, round(a - start_s, 3), round(b - start_s, 3)] for w, a, b in words if start_s <= (a + b) / 2 < end_s]
        told = {HEARD.name: " ".join(word for word, _, _ in inside), HEARD_WORDS.name: json.dumps(inside, ensure_ascii=False)}
        return replace(record, facts={**record.facts, **told})
