"""Gopher's rules: which documents read like running text, and which repeat themselves.

Source: Rae et al. 2021, arXiv 2112.11446, appendix A1.1 ("Quality Filtering", "Repetition Removal", table A1). Defaults are the
published thresholds. Rules of words do not hold for maths and code, that of word length not for scripts without spaces, and that of function words not for languages whose function words are not known (fact quality.stop_word_list is empty).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from processors.text.domain import CODE, DOMAIN, MATHS, OF_PROSE
from processors.text.quality import (
    ALPHA_WORD_RATIO,
    BULLET_LINE_RATIO,
    ELLIPSIS_LINE_RATIO,
    ELLIPSIS_RATIO,
    HASH_RATIO,
    LOW_QUALITY,
    MEAN_WORD_LENGTH,
    NUM_STOP_WORDS,
    NUM_WORDS,
    REPEATED,
    SPACED,
    STOP_WORD_LIST,
    UNSPACED,
    UNSPACED_RATIO,
    keep_within,
)
from processors.text.repetition import (
    DUP_LINE_CHAR_RATIO,
    DUP_LINE_RATIO,
    DUP_NGRAM_CHAR_RATIOS,
    DUP_PARAGRAPH_CHAR_RATIO,
    DUP_PARAGRAPH_RATIO,
    DUPLICATE_NGRAMS,
    REPETITION_FACTS,
    TOP_NGRAM_CHAR_RATIOS,
    TOP_NGRAMS,
)
from schemas.facts import Limit, Where
from schemas.outcome import Reject
from schemas.records import Document

FORMAL, OF_MATHS, NOT_CODE = Where(DOMAIN, any_of=(MATHS, CODE)), Where(DOMAIN, any_of=(MATHS,)), Where(DOMAIN, none_of=(CODE,))
KNOWN_STOP_WORDS = Where(STOP_WORD_LIST, none_of=("",))


@dataclass(frozen=True, slots=True)
class KeepGopherQuality:
    """Keeps documents that Gopher's rules of quality let pass (A1.1).

    Maths and code are asked for their number of words alone, and for fewer: signs, digits and short names are what they are made of.
    """

    min_words: int = 50
    min_formal_words: int = 20  # of maths and code: a worked answer or a function is whole with fewer than 50
    max_words: int = 100_000
    min_mean_word_length: float = 3.0
    max_mean_word_length: float = 10.0
    max_symbol_ratio: float = 0.1  # hash signs a word, and ellipses a word
    max_bullet_line_ratio: float = 0.9
    max_ellipsis_line_ratio: float = 0.3
    min_alpha_word_ratio: float = 0.8
    min_stop_words: int = 2
    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = (
        DOMAIN,
        NUM_WORDS,
        MEAN_WORD_LENGTH,
        HASH_RATIO,
        ELLIPSIS_RATIO,
        BULLET_LINE_RATIO,
        ELLIPSIS_LINE_RATIO,
        ALPHA_WORD_RATIO,
        NUM_STOP_WORDS,
        STOP_WORD_LIST,
        UNSPACED_RATIO,
    )
    writes: ClassVar = ()
    reasons: ClassVar = (LOW_QUALITY,)
    version: ClassVar = 1

    @property
    def bounds(self) -> tuple[Limit, ...]:
        least_formal, low = min(self.min_words, self.min_formal_words), LOW_QUALITY.name
        return (
            Limit(NUM_WORDS, low, least_formal, self.max_words, where=(FORMAL,)),
            Limit(NUM_WORDS, low, self.min_words, self.max_words, where=(OF_PROSE,)),
            Limit(MEAN_WORD_LENGTH, low, self.min_mean_word_length, self.max_mean_word_length, where=(OF_PROSE, SPACED)),
            Limit(HASH_RATIO, low, most=self.max_symbol_ratio, where=(OF_PROSE,)),
            Limit(ELLIPSIS_RATIO, low, most=self.max_symbol_ratio, where=(OF_PROSE,)),
            Limit(BULLET_LINE_RATIO, low, most=self.max_bullet_line_ratio, where=(OF_PROSE,)),
            Limit(ELLIPSIS_LINE_RATIO, low, most=self.max_ellipsis_line_ratio, where=(OF_PROSE,)),
            Limit(ALPHA_WORD_RATIO, low, self.min_alpha_word_ratio, where=(OF_PROSE,)),
            Limit(NUM_STOP_WORDS, low, self.min_stop_words, where=(OF_PROSE, KNOWN_STOP_WORDS)),
        )

    def __call__(self, record: Document) -> Document | Reject:
        return keep_within(record, self, "gopher")


@dataclass(frozen=True, slots=True)
class KeepGopherRepetition:
    """Keeps documents that do not repeat themselves more than Gopher allows (A1.1, table A1).

    Code repeats lines and word runs by its nature (closing brackets, tables of constants): it is asked for paragraphs alone. Steps of
    a derivation repeat their terms, and runs in scripts without spaces are of characters, which repeat sooner: for these the
    thresholds of word runs are multiplied by `leniency`, still far below what a text that loops has.
    """

    max_dup_line_ratio: float = 0.30
    max_dup_paragraph_ratio: float = 0.30
    max_dup_line_char_ratio: float = 0.20
    max_dup_paragraph_char_ratio: float = 0.20
    max_top_ngram_char_ratios: tuple[float, ...] = (0.20, 0.18, 0.16)  # of 2, 3, 4 words
    max_dup_ngram_char_ratios: tuple[float, ...] = (0.15, 0.14, 0.13, 0.12, 0.11, 0.10)  # of 5 to 10 words
    leniency: float = 3.0  # worked answers reach 1.6 times the 5-gram threshold, Thai and Chinese articles 2.7 times
    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = (DOMAIN, UNSPACED_RATIO, *REPETITION_FACTS)
    writes: ClassVar = ()
    reasons: ClassVar = (REPEATED,)
    version: ClassVar = 1

    def __post_init__(self) -> None:
        for name, given, runs in (
            ("max_top_ngram_char_ratios", self.max_top_ngram_char_ratios, TOP_NGRAMS),
            ("max_dup_ngram_char_ratios", self.max_dup_ngram_char_ratios, DUPLICATE_NGRAMS),
        ):
            if len(given) != len(runs):
                raise ValueError(f"{name} has {len(given)} values, expected {len(runs)}: one for each of {runs[0]} to {runs[-1]} words")

    @property
    def bounds(self) -> tuple[Limit, ...]:
        runs = (*TOP_NGRAM_CHAR_RATIOS.values(), *DUP_NGRAM_CHAR_RATIOS.values())
        most_of = dict(zip(runs, (*self.max_top_ngram_char_ratios, *self.max_dup_ngram_char_ratios), strict=True))
        of_runs = (((OF_PROSE, SPACED), 1.0), ((OF_PROSE, UNSPACED), self.leniency), ((OF_MATHS,), self.leniency))
        return (
            Limit(DUP_PARAGRAPH_RATIO, REPEATED.name, most=self.max_dup_paragraph_ratio),
            Limit(DUP_PARAGRAPH_CHAR_RATIO, REPEATED.name, most=self.max_dup_paragraph_char_ratio),
            Limit(DUP_LINE_RATIO, REPEATED.name, most=self.max_dup_line_ratio, where=(NOT_CODE,)),
            Limit(DUP_LINE_CHAR_RATIO, REPEATED.name, most=self.max_dup_line_char_ratio, where=(NOT_CODE,)),
            *(
                Limit(fact, REPEATED.name, most=round(times * most, 9), where=where)
                for where, times in of_runs
                for fact, most in most_of.items()
            ),
        )

    def __call__(self, record: Document) -> Document | Reject:
        return keep_within(record, self, "gopher")
