"""How much of a text repeats itself: lines, paragraphs, and runs of words, as shares of its characters.

Source: Gopher (Rae et al. 2021, arXiv 2112.11446, A1.1, table A1). What a duplicate is follows datatrove: the first copy is none,
and runs of words are counted from left to right without overlap. Words are those of processors/text/words.py, without punctuation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from processors.text.words import lines_of, ngram_sums, paragraphs_of, prose_of_page, word_hashes, words_of
from schemas.facts import Fact
from schemas.records import Document, FactValue, with_facts

TOP_NGRAMS = (2, 3, 4)
DUPLICATE_NGRAMS = (5, 6, 7, 8, 9, 10)

DUP_LINE_RATIO = Fact("quality.dup_line_ratio", float, "Share of lines that stand before in the document")
DUP_PARAGRAPH_RATIO = Fact("quality.dup_paragraph_ratio", float, "Share of paragraphs that stand before in the document")
DUP_LINE_CHAR_RATIO = Fact("quality.dup_line_char_ratio", float, "Share of the lines' characters in lines that stand before")
DUP_PARAGRAPH_CHAR_RATIO = Fact("quality.dup_paragraph_char_ratio", float, "Share of the characters in paragraphs that stand before")
TOP_NGRAM_CHAR_RATIOS = {
    n: Fact(f"quality.top_{n}gram_char_ratio", float, f"Share of the characters in the run of {n} words that takes most")
    for n in TOP_NGRAMS
}
DUP_NGRAM_CHAR_RATIOS = {
    n: Fact(f"quality.dup_{n}gram_char_ratio", float, f"Share of the characters in runs of {n} words that stand before")
    for n in DUPLICATE_NGRAMS
}
REPETITION_FACTS = (
    DUP_LINE_RATIO,
    DUP_PARAGRAPH_RATIO,
    DUP_LINE_CHAR_RATIO,
    DUP_PARAGRAPH_CHAR_RATIO,
    *TOP_NGRAM_CHAR_RATIOS.values(),
    *DUP_NGRAM_CHAR_RATIOS.values(),
)


def count_duplicates(parts: Sequence[str]) -> tuple[int, int]:
    """How many parts stand before in the list, and how many characters they have."""
    different = set(parts)
    if len(different) == len(parts):
        return 0, 0
    return len(parts) - len(different), sum(map(len, parts)) - sum(map(len, different))


def top_ngram_chars(sums: np.ndarray, lengths: np.ndarray) -> int:
    """Characters in all copies of the most frequent run of words, of equally frequent ones in the first; 0 when none stands twice.

    Shapes: sums (n,) uint64, a number for each run; lengths (n,) its characters.
    """
    if len(sums) == 0:
        return 0
    ordered = np.sort(sums)
    edges = np.flatnonzero(ordered[1:] != ordered[:-1])
    counts = np.empty(len(edges) + 1, np.int64)
    counts[:-1] = edges
    counts[-1] = len(ordered) - 1
    counts[1:] -= edges
    counts[0] += 1
    most = int(counts.max())
    if most == 1:
        return 0
    often = np.flatnonzero(counts == most)
    if len(often) > 4:
        first = int(np.isin(sums, ordered[_starts(edges, often)]).argmax())
    else:
        first = min(int((sums == ordered[start]).argmax()) for start in _starts(edges, often))
    return most * int(lengths[first])


def _starts(edges: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Where groups of equal values begin, by the places after which a value changes."""
    return np.concatenate([[0], edges + 1])[groups]


def duplicate_ngram_chars(sums: np.ndarray, num_words: int, lengths: np.ndarray) -> int:
    """Characters in runs of words that stand before, counted from left to right without overlap.

    After a duplicate the search goes on behind it, and what begins inside it is not remembered. Shapes as for `top_ngram_chars`.
    """
    ids, later = _first_and_later(sums)
    if len(later) == 0:
        return 0
    firsts = np.ones(len(sums), np.uint8)
    firsts[later] = 0
    is_first = firsts.tobytes()
    found, resume = 0, 0
    passed: set[int] = set()  # runs whose first copy lies inside a duplicate
    for place, run in zip(later.tolist(), ids.tolist(), strict=True):
        if place < resume:
            continue
        if run in passed:
            passed.discard(run)
            continue
        found += int(lengths[place])
        resume = place + num_words
        inside = is_first.find(1, place + 1, resume)
        while inside >= 0:
            passed.add(int(sums[inside]))
            inside = is_first.find(1, inside + 1, resume)
    return found


def _first_and_later(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The runs that are not the first of their kind: their numbers, and their places in order."""
    ordered = np.sort(sums)
    if not (ordered[1:] == ordered[:-1]).any():
        return sums[:0], np.zeros(0, np.int64)
    order = np.argsort(sums, kind="stable")
    ordered = sums[order]
    later = np.sort(order[1:][ordered[1:] == ordered[:-1]])
    return sums[later], later


def measure_repetition(text: str) -> dict[str, FactValue]:
    """Every fact of REPETITION_FACTS; all 0 for a text without words. Lines and paragraphs of fenced code repeat honestly, and are left out."""
    prose = prose_of_page(text)
    paragraphs, lines = paragraphs_of(prose), lines_of(prose)
    num_paragraphs, paragraph_chars = count_duplicates(paragraphs)
    num_lines, line_chars = count_duplicates(lines)
    num_chars = len(text) or 1
    facts: dict[str, FactValue] = {
        DUP_LINE_RATIO.name: num_lines / (len(lines) or 1),
        DUP_PARAGRAPH_RATIO.name: num_paragraphs / (len(paragraphs) or 1),
        DUP_LINE_CHAR_RATIO.name: line_chars / (sum(map(len, lines)) or 1),
        DUP_PARAGRAPH_CHAR_RATIO.name: paragraph_chars / num_chars,
    }
    return facts | measure_word_runs(words_of(text), num_chars)


def measure_word_runs(words: list[str], num_chars: int) -> dict[str, FactValue]:
    """The facts of runs of words, of a text of `num_chars` characters."""
    hashes = word_hashes(words)
    ends = np.zeros(len(words) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, words), np.int64, len(words)), out=ends[1:])
    facts: dict[str, FactValue] = {}
    sums, repeats = hashes, True
    for n in range(2, DUPLICATE_NGRAMS[-1] + 1):
        sums = ngram_sums(hashes, n, sums)
        lengths = (ends[n:] - ends[:-n])[: len(sums)]
        if n in TOP_NGRAM_CHAR_RATIOS:
            facts[TOP_NGRAM_CHAR_RATIOS[n].name] = top_ngram_chars(sums, lengths + (n - 1)) / num_chars
        else:
            chars = duplicate_ngram_chars(sums, n, lengths) if repeats else 0
            repeats = chars > 0  # where no run of n words repeats, no longer one does
            facts[DUP_NGRAM_CHAR_RATIOS[n].name] = chars / num_chars
    return facts


@dataclass(frozen=True, slots=True)
class MeasureRepetition:
    """Measures how much of a document repeats itself."""

    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = REPETITION_FACTS
    reasons: ClassVar = ()
    version: ClassVar = 1

    def __call__(self, record: Document) -> Document:
        return with_facts(record, measure_repetition(record.text))
