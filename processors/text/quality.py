"""What can be measured of a document's quality: its words, lines and signs. Nothing is decided here.

Sources: Gopher (Rae et al. 2021, arXiv 2112.11446, A1.1), C4 (Raffel et al. 2020, arXiv 1910.10683, 2.2) and FineWeb (Penedo et al.
2024, arXiv 2406.17557, 3.6). Words are those of processors/text/words.py; lines are those that are not empty.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import ClassVar, Protocol

from processors.text.language import LANGUAGE
from processors.text.stop_words import STOP_WORDS
from processors.text.words import lines_of, normal_words, num_unspaced, prose_of_page, sentences_of, words_of
from schemas.facts import Fact, Limit, Where, first_broken
from schemas.outcome import Reason, Reject
from schemas.records import Document, FactValue, with_facts

LOW_QUALITY = Reason("low_quality", "A published rule of quality refuses the document; the detail names rule, value and threshold")
REPEATED = Reason("repeated", "Too much of the document repeats itself; the detail names rule, value and threshold")

NUM_WORDS = Fact("quality.num_words", int, "Words of the document; characters, for scripts without spaces")
MEAN_WORD_LENGTH = Fact("quality.mean_word_length", float, "Mean characters of a word")
UNSPACED_RATIO = Fact("quality.unspaced_ratio", float, "Share of words in scripts that are written without spaces")
ALPHA_WORD_RATIO = Fact("quality.alpha_word_ratio", float, "Share of words with at least one letter")
HASH_RATIO = Fact("quality.hash_ratio", float, "Hash signs a word")
ELLIPSIS_RATIO = Fact("quality.ellipsis_ratio", float, "Ellipses a word")
NUM_STOP_WORDS = Fact("quality.num_stop_words", int, "Different function words of the document's language that occur")
STOP_WORD_LIST = Fact("quality.stop_word_list", str, "Language of the list of function words; empty where there is none")
NUM_LINES = Fact("quality.num_lines", int, "Lines that are not empty")
BULLET_LINE_RATIO = Fact("quality.bullet_line_ratio", float, "Share of lines that begin with a bullet or a dash")
ELLIPSIS_LINE_RATIO = Fact("quality.ellipsis_line_ratio", float, "Share of lines that end with an ellipsis")
PUNCTUATED_LINE_RATIO = Fact("quality.punctuated_line_ratio", float, "Share of lines that end with the stop of a sentence, quoted or not")
SHORT_LINE_RATIO = Fact("quality.short_line_ratio", float, "Share of lines of at most 30 characters (of 15, in scripts without spaces)")
LINES_PER_WORD = Fact("quality.lines_per_word", float, "Line ends a word")
NUM_SENTENCES = Fact("quality.num_sentences", int, "Sentences")
NUM_CURLY_BRACKETS = Fact("quality.num_curly_brackets", int, "Opening curly brackets")
HAS_LOREM_IPSUM = Fact("quality.has_lorem_ipsum", bool, "Whether the filler text `lorem ipsum` occurs")

QUALITY_FACTS = (
    NUM_WORDS,
    MEAN_WORD_LENGTH,
    UNSPACED_RATIO,
    ALPHA_WORD_RATIO,
    HASH_RATIO,
    ELLIPSIS_RATIO,
    NUM_STOP_WORDS,
    STOP_WORD_LIST,
    NUM_LINES,
    BULLET_LINE_RATIO,
    ELLIPSIS_LINE_RATIO,
    PUNCTUATED_LINE_RATIO,
    SHORT_LINE_RATIO,
    LINES_PER_WORD,
    NUM_SENTENCES,
    NUM_CURLY_BRACKETS,
    HAS_LOREM_IPSUM,
)

BULLETS = ("•", "-", "‣", "▪", "●", "◦", "–")
ELLIPSES = ("...", "…")
# signs that end a sentence, of the scripts in use
STOPS = (".", "!", "?", "。", "！", "？", "｡", "．", "؟", "۔", "।", "॥", "։", "።", "။", "៕", "‼", "⁇", "⁈", "⁉")
CLOSERS = "\"'”’»」』）)]*_"  # may follow the stop: ends of quotations, and marks of emphasis
NO_STOPS = ("th", "lo")  # languages that part sentences by a space
SHORT_LINE_CHARS = 30  # FineWeb's; a Chinese sentence has about half the characters of an English one
SHORT_UNSPACED_LINE_CHARS = 15
MOSTLY = 0.5  # a document is in scripts without spaces when more of its words are than this
SPACED = Where(UNSPACED_RATIO, most=MOSTLY)
UNSPACED = Where(UNSPACED_RATIO, least=math.nextafter(MOSTLY, 1))


def measure_quality(text: str, language: str = "") -> dict[str, FactValue]:
    """Every fact of QUALITY_FACTS; shares are 0 for a text without words or lines. Lines of fenced code are not judged as prose."""
    words, lines = words_of(text), lines_of(prose_of_page(text))
    num_words, num_lines = len(words), len(lines)
    unspaced = num_unspaced(text) / max(1, num_words)
    short = SHORT_UNSPACED_LINE_CHARS if unspaced > MOSTLY else SHORT_LINE_CHARS
    stop_words = STOP_WORDS.get(language, frozenset())
    per_word, per_line = max(1, num_words), max(1, num_lines)
    return {
        NUM_WORDS.name: num_words,
        MEAN_WORD_LENGTH.name: sum(map(len, words)) / per_word,
        UNSPACED_RATIO.name: unspaced,
        ALPHA_WORD_RATIO.name: (num_words - sum(map(str.isdigit, words))) / per_word,
        HASH_RATIO.name: text.count("#") / per_word,
        ELLIPSIS_RATIO.name: sum(map(text.count, ELLIPSES)) / per_word,
        NUM_STOP_WORDS.name: len(stop_words.intersection(normal_words(text))),
        STOP_WORD_LIST.name: language if stop_words else "",
        NUM_LINES.name: num_lines,
        BULLET_LINE_RATIO.name: sum(line.startswith(BULLETS) for line in lines) / per_line,
        ELLIPSIS_LINE_RATIO.name: sum(line.endswith(ELLIPSES) for line in lines) / per_line,
        PUNCTUATED_LINE_RATIO.name: sum(line.rstrip(CLOSERS).endswith(STOPS) for line in lines) / per_line,
        SHORT_LINE_RATIO.name: sum(len(line) <= short for line in lines) / per_line,
        LINES_PER_WORD.name: text.count("\n") / per_word,
        NUM_SENTENCES.name: len(sentences_of(text)),
        NUM_CURLY_BRACKETS.name: text.count("{"),
        HAS_LOREM_IPSUM.name: "lorem ipsum" in text.lower(),
    }


@dataclass(frozen=True, slots=True)
class MeasureQuality:
    """Measures a document's words, lines and signs; function words by its measured language."""

    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = (LANGUAGE,)
    writes: ClassVar = QUALITY_FACTS
    reasons: ClassVar = ()
    version: ClassVar = 1

    def __call__(self, record: Document) -> Document:
        return with_facts(record, measure_quality(record.text, str(record.facts[LANGUAGE.name])))


class Bounded(Protocol):
    """A processor that refuses by bounds on facts; a value, that can be hashed."""

    @property
    def bounds(self) -> tuple[Limit, ...]: ...
    def __hash__(self) -> int: ...


@functools.lru_cache(maxsize=64)
def _bounds_of(rules: Bounded) -> tuple[Limit, ...]:
    return rules.bounds  # made once: thirty of them take longer than a decision


def keep_within(record: Document, rules: Bounded, by: str) -> Document | Reject:
    """The record, or a Reject that tells the first broken rule, the value and the threshold. `by` names who published the rules."""
    limit = first_broken(_bounds_of(rules), record.facts)
    if limit is None:
        return record
    value = float(record.facts[limit.fact.name])
    bound = limit.expected(value)
    told = f"{by}: {limit.fact.name} is {value:.4g}, expected {bound:g} or {'more' if value < bound else 'less'}"
    return Reject(record.key, limit.reason, told)
