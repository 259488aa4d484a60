"""Where a text repeats benchmark items: shared runs of normalised tokens, found by hashed 8-grams.

Tokens are the words of processors/text/words.py (no case, punctuation or white space, so that code and prose are read alike), changed so
that dress does not matter: every digit is a token by itself, number words are their digits, Greek letters their names, and layout commands
of LaTeX and the calculator notes of GSM8K are left out. `1,000`, `1000` and `1 000` agree, so do `\\frac{1}{2}`, `\\frac12` and `1/2`.

Source: overlap of 13-grams without those that many documents share, GPT-3 (arXiv 2005.14165, appendix C); 8-grams and the share of an
item's tokens that they cover, Tulu 3 (arXiv 2411.15124, section 3.2). Here an item is found by one long run or by its covered share.
Tokens are weighed, since eight digits say less than eight words.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from processors.text.words import ngram_hashes, normal_word, normal_word_hashes, normal_words, word_hashes, word_spans, words_of

N = 6  # tokens of an n-gram
WORD_WEIGHT, CHAR_WEIGHT, DIGIT_WEIGHT = 1.0, 0.5, 0.4  # of a word, a single letter or ideograph, a digit
MIN_DISTINCT = 4  # different tokens of an n-gram: fewer are counting, tables, rows of signs

_LAYOUT = (
    "frac dfrac tfrac cfrac left right big Big bigg Bigg cdot times div text textbf textit mathrm mathbf mathbb mathcal mathit operatorname "
    "displaystyle textstyle quad qquad begin end boxed ldots cdots dots le leq ge geq ne neq hspace vspace item hline"
)
_DRESS = re.compile(rf"\\(?:{'|'.join(_LAYOUT.split())})(?![A-Za-z])|<<[0-9+\-*/=.,()% ]{{1,80}}>>")

_UNITS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_GREEK = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau upsilon phi chi psi omega"
_SAME = {word: str(number) for number, word in enumerate(_UNITS.split())}
_TENS_DIGITS = {word: str(number) for number, word in enumerate(_TENS.split(), 2)}
_ONES = frozenset(_UNITS.split()[1:10])
_SAME |= {"hundred": "00", "thousand": "000"}
_SAME |= {letter: name for letter, name in zip("αβγδεζηθικλμνξοπρστυφχψω", _GREEK.split(), strict=True)}
_ODD = frozenset(_SAME) | frozenset(_TENS_DIGITS)
_PIECES = re.compile(r"\d|\D+")


@functools.lru_cache(maxsize=1 << 16)
def _pieces(word: str, is_before_one: bool) -> tuple[str, ...]:
    """The tokens of a word; twenty is 2 0, but 2 before a number from one to nine."""
    word = normal_word(word)
    if word in _TENS_DIGITS:
        return (_TENS_DIGITS[word],) if is_before_one else (_TENS_DIGITS[word], "0")
    return tuple(str(int(piece)) if piece.isdecimal() else piece for piece in _PIECES.findall(_SAME.get(word, word)))


@functools.lru_cache(maxsize=1 << 16)
def _piece_hashes(word: str, is_before_one: bool) -> tuple[int, ...]:
    return tuple(word_hashes(list(_pieces(word, is_before_one))).tolist())


@functools.lru_cache(maxsize=1)
def _odd_hashes() -> np.ndarray:
    return np.sort(word_hashes(sorted(_ODD)))


@functools.lru_cache(maxsize=1)
def _one_hashes() -> np.ndarray:
    return np.sort(word_hashes(sorted(_ONES)))


def _is_among(hashes: np.ndarray, few: np.ndarray) -> np.ndarray:
    return few[np.minimum(np.searchsorted(few, hashes), len(few) - 1)] == hashes


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a text. Shapes: hashes (num_tokens,) uint64; word_of (num_tokens,) int64, the place among the words of a token's own."""

    hashes: np.ndarray
    word_of: np.ndarray
    odd: dict[int, tuple[str, ...]]  # words that are other tokens than themselves
    dressed: str  # the text in which the words stand: places as in the one that was given

    def names(self) -> list[str]:
        """What the tokens are, as text."""
        words = normal_words(self.dressed)
        return [name for at, word in enumerate(words) for name in self.odd.get(at, (word,))]

    def span(self, start: int, stop: int) -> tuple[int, int]:
        """The characters from token `start` to the one before `stop`."""
        spans = word_spans(self.dressed)
        return int(spans[self.word_of[start], 0]), int(spans[self.word_of[stop - 1], 1])


def tokenise(text: str) -> Tokens:
    """The tokens of a text, see above."""
    if "\\" in text or "<<" in text:
        text = _DRESS.sub(lambda found: " " * len(found[0]), text)  # places stay
    words, hashes = words_of(text), normal_word_hashes(text)
    is_odd = ~np.fromiter(map(str.isalpha, words), bool, len(words))
    is_odd |= _is_among(hashes, _odd_hashes())
    places = np.flatnonzero(is_odd)
    if not len(places):
        return Tokens(hashes, np.arange(len(words)), {}, text)
    is_before_one = _is_among(hashes[np.minimum(places + 1, len(words) - 1)], _one_hashes())
    asked = [(words[at], before) for at, before in zip(places.tolist(), is_before_one.tolist(), strict=True)]
    pieces = [_piece_hashes(*one) for one in asked]
    counts = np.ones(len(words), np.int64)
    counts[places] = [len(one) for one in pieces]
    found = np.repeat(hashes, counts)
    found[np.repeat(is_odd, counts)] = [hash for one in pieces for hash in one]
    names = {at: _pieces(*one) for at, one in zip(places.tolist(), asked, strict=True)}
    return Tokens(found, np.repeat(np.arange(len(words)), counts), names, text)


def token_weights(names: Sequence[str]) -> np.ndarray:
    """How much each token says. Shapes: (num_tokens,) float64."""
    found = (DIGIT_WEIGHT if name.isdigit() else CHAR_WEIGHT if len(name) == 1 else WORD_WEIGHT for name in names)
    return np.fromiter(found, np.float64, len(names))


def telling(names: Sequence[str]) -> np.ndarray:
    """Whether each n-gram has `MIN_DISTINCT` different tokens. Shapes: (max(0, num_tokens - N + 1),) bool."""
    found = (len(set(names[at : at + N])) >= MIN_DISTINCT for at in range(len(names) - N + 1))
    return np.fromiter(found, bool, max(0, len(names) - N + 1))


# ---- an index of benchmarks, and what a text has of it


@dataclass(frozen=True, slots=True)
class Part:
    """A text of a benchmark's item: its question, answer or tests.

    `weight` is that of its tokens that n-grams of the index cover. N-grams may reach into the item's next text: tokens from
    `num_tokens` on are not its own.
    """

    benchmark: str
    item: str
    field: str
    num_tokens: int
    weight: float


@dataclass(frozen=True, slots=True)
class Index:
    """N-grams of benchmarks. Shapes: hashes (n,) uint64 ascending, part_of and place_of (n,) int32; filter (2**k,) bool."""

    parts: Sequence[Part]
    hashes: np.ndarray
    part_of: np.ndarray
    place_of: np.ndarray
    filter: np.ndarray


def make_filter(hashes: np.ndarray) -> np.ndarray:
    """Which low bits occur among the hashes: at most one in eight does. Shapes: (2**k,) bool."""
    table = np.zeros(1 << max(10, int(len(hashes) * 8).bit_length()), bool)
    table[(hashes & np.uint64(len(table) - 1)).astype(np.int64)] = True
    return table


@dataclass(frozen=True, slots=True)
class Hit:
    """What a text has of a part: the longest run is `text[start:stop]`, of `run` weight; `ratio` is the share of the part's weight."""

    part: Part
    start: int
    stop: int
    run: float
    ratio: float


def look_up(grams: np.ndarray, index: Index) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of a place among the n-grams of a text and a row of the index with the same hash. Shapes: (m,) int64 each."""
    maybe = np.flatnonzero(index.filter[(grams & np.uint64(len(index.filter) - 1)).astype(np.int64)])
    if not len(maybe):
        return maybe, maybe
    wanted = grams[maybe]
    first = np.searchsorted(index.hashes, wanted, "left")
    count = np.searchsorted(index.hashes, wanted, "right") - first
    places = np.repeat(maybe, count)
    rows = np.repeat(first - (np.cumsum(count) - count), count) + np.arange(len(places))
    return places, rows


def find_overlaps(text: str, index: Index) -> list[Hit]:
    """Every part of which the text has an n-gram, in order of the index; what is enough is for the caller to say."""
    tokens = tokenise(text)
    places, rows = look_up(ngram_hashes(tokens.hashes, N), index)
    if not len(places):
        return []
    weight = token_weights(tokens.names())
    weights, words = (np.concatenate([[0.0], np.cumsum(one)]) for one in (weight, weight == WORD_WEIGHT))
    parts, starts = index.part_of[rows].astype(np.int64), index.place_of[rows].astype(np.int64)
    order = np.lexsort((places, places - starts, parts))
    parts, starts, places = parts[order], starts[order], places[order]
    edges = np.flatnonzero(np.diff(parts)) + 1
    hits = []
    for low, high in zip([0, *edges.tolist()], [*edges.tolist(), len(parts)], strict=True):
        part = index.parts[int(parts[low])]
        run, start, stop = _longest_run(places[low:high], starts[low:high], weights, words)
        covered = _covered(places[low:high], starts[low:high], weights, part.num_tokens)
        hits.append(Hit(part, *tokens.span(start, stop), run, min(1.0, covered / part.weight) if part.weight else 0.0))
    return hits


def _said(weight: np.ndarray, num_words: np.ndarray) -> np.ndarray:
    """What runs say: their weight, of which short tokens make half at most, since numbers and formulae alone recur everywhere."""
    return np.minimum(weight, 2 * num_words)


def _longest_run(places: np.ndarray, starts: np.ndarray, weights: np.ndarray, words: np.ndarray) -> tuple[float, int, int]:
    """Weight, first token and the token after the last of the heaviest run without a gap. Shapes: (m,) each, sorted by diagonal."""
    breaks = np.flatnonzero((np.diff(places - starts) != 0) | (np.diff(places) > N)) + 1
    firsts = places[np.concatenate([[0], breaks]).astype(np.int64)]
    stops = places[np.concatenate([breaks - 1, [len(places) - 1]]).astype(np.int64)] + N
    runs = _said(weights[stops] - weights[firsts], words[stops] - words[firsts])
    best = int(runs.argmax())
    return float(runs[best]), int(firsts[best]), int(stops[best])


def _covered(places: np.ndarray, starts: np.ndarray, weights: np.ndarray, num_tokens: int) -> float:
    """Weight of the part's own tokens that the text has anywhere. Each is weighed where the text has it first."""
    own, first = np.unique(starts[:, None] + np.arange(N), return_index=True)
    where = (places[:, None] + np.arange(N)).ravel()[first[own < num_tokens]]
    return float((weights[where + 1] - weights[where]).sum())
