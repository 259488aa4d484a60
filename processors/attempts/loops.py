"""Whether a text runs in circles: the same words again and again, where honest enumeration says something new each time.

A loop is a run of words that repeats at one distance: word i is word i - period, `num_repeats` times and more. It is looked for
anywhere, since some models leave a loop and then answer. Candidates for the period are the distances at which eight words stand
again, so that long loops cost no more than short ones. Labels that count ("Step 12:", "13.") are left out by option, since a loop
with a counter is one; other numbers are words, since an enumeration differs in them.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np

from processors.text.words import ngram_sums, normal_words, prose_of_page, sentences_of, word_hashes

NUM_REPEATS = 5  # fewer stand in refrains, tables and proofs by cases
MIN_TELLING_WORDS = 3  # of a unit, words of two letters and more: below that it is a sum, a row of a table or a sequence
MIN_LOOP_WORDS = 20
MIN_PLAIN_WORDS = 200  # of a loop without telling words: "1 + 1 + 1 ..." may be honest, not for so long
MIN_SENTENCE_WORDS = 5
MIN_SENTENCES_RATIO = 0.5  # of the words in sentences that stand NUM_REPEATS times, wherever: circles that are no exact loop
MIN_RUN_CHARS = 240  # of one to four signs over and over
GRAM = 8
MAX_CANDIDATES = 8

_LABEL = re.compile(
    r"(?:(?<=\n)|(?<=[.!?:] )|\A)[ \t]{0,20}(?:[-*#>]{1,6}[ \t]{0,4})?\*{0,2}(?:(?:step|attempt|try|trial|iteration|round|check|line|part|verification)\b[ \t]{0,4})?"
    r"[(#]?\d{1,6}[ \t]{0,4}[.):][ \t*]{0,6}(?=\D)",
    re.IGNORECASE,
)
_SIGNS = re.compile(r"(\S{1,4}?)\1{59,}")


@dataclass(frozen=True, slots=True)
class Loop:
    """`ratio` is the share of the text's words that run in circles; `unit` the words that repeat, `num_repeats` how often they stand."""

    ratio: float = 0.0
    unit: str = ""
    num_repeats: int = 0


NO_LOOP = Loop()


def find_loop(text: str, strip_counters: bool = True) -> Loop:
    """The longest loop of a text's prose; of fenced code only what is one sign, or a few, without end."""
    signs = max(_SIGNS.finditer(text), key=lambda found: len(found[0]), default=None)
    if signs and len(signs[0]) >= MIN_RUN_CHARS and signs[1].strip("-=_*.~#│─ "):
        return Loop(round(len(signs[0]) / len(text), 4), signs[1], len(signs[0]) // len(signs[1]))
    prose = prose_of_page(text)
    if strip_counters:
        prose = _LABEL.sub(" ", prose)
    words = normal_words(prose)
    if len(words) < MIN_LOOP_WORDS:
        return NO_LOOP
    found = _periodic(words)
    return found if found.ratio else _scattered(prose, len(words))


def _periodic(words: list[str]) -> Loop:
    """The longest run of words with one period."""
    hashes = word_hashes(words)
    best = NO_LOOP
    for period in _candidates(hashes):
        same = np.concatenate([[False], hashes[period:] == hashes[:-period], [False]])
        edges = np.flatnonzero(same[1:] != same[:-1]).reshape(-1, 2)
        if not len(edges):
            continue
        start, stop = edges[np.argmax(edges[:, 1] - edges[:, 0])].tolist()
        length = stop - start + period
        unit = words[start : start + period]
        if length < NUM_REPEATS * period or length / len(words) <= best.ratio:
            continue
        num_telling = sum((len(word) > 1 and word.isalpha()) or not word.isascii() for word in unit)
        if length >= (MIN_LOOP_WORDS if num_telling >= MIN_TELLING_WORDS else MIN_PLAIN_WORDS):
            best = Loop(round(length / len(words), 4), " ".join(unit[:20]), length // period)
    return best


def _candidates(hashes: np.ndarray) -> list[int]:
    """Distances at which runs of GRAM words stand again, the most frequent first."""
    grams = ngram_sums(hashes, GRAM)
    order = np.argsort(grams, kind="stable")
    ordered = grams[order]
    distances = np.diff(order)[ordered[1:] == ordered[:-1]]
    if not len(distances):
        return []
    periods, counts = np.unique(distances, return_counts=True)
    often = np.argsort(-counts, kind="stable")[:MAX_CANDIDATES]
    return [int(period) for period in periods[often] if period * NUM_REPEATS <= len(hashes)]


def _scattered(prose: str, num_words: int) -> Loop:
    """Sentences that stand NUM_REPEATS times and more, where they make up most of the text."""
    raw = Counter(sentences_of(prose))
    if raw.total() < NUM_REPEATS or max(raw.values()) == 1:
        return NO_LOOP
    sentences = [" ".join(normal_words(sentence)) for sentence in raw.elements()]
    counts = Counter(sentence for sentence in sentences if sentence.count(" ") >= MIN_SENTENCE_WORDS - 1)
    often = {sentence: count for sentence, count in counts.items() if count >= NUM_REPEATS}
    covered = sum(count * (sentence.count(" ") + 1) for sentence, count in often.items()) / num_words
    if covered < MIN_SENTENCES_RATIO:
        return NO_LOOP
    unit = max(sorted(often), key=lambda sentence: often[sentence])
    return Loop(round(covered, 4), " ".join(unit.split()[:20]), often[unit])
