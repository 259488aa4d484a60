"""What the words, lines, paragraphs and sentences of a text are: cut once, and shared by every step that asks about the same text.

A word is a run of letters, digits and marks (Unicode L, N, M). Apostrophes inside and invisible formatting characters are dropped,
all else parts words: "don't" is "dont", "snake_case" is two words. Scripts written without spaces (Han, kana, Thai, Lao, Khmer,
Burmese) have one word a character; ideas that need real words (mean length) do not hold for them, see `unspaced_ratio`.
"""

from __future__ import annotations

import functools
import itertools
import re
import sys
import unicodedata

import numpy as np
import xxhash

from processors.once import once

MAX_KEPT_WORDS = 1 << 18  # of the tables of words; about 40 MB each

SPACE, DROPPED = 0x20, 0
APOSTROPHES = "'’ʼ＇"
# blocks of scripts without spaces between words: first and last code point
UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Burmese
    (0x1780, 0x17FF),  # Khmer
    (0x3005, 0x3007),  # iteration marks of Han
    (0x3040, 0x30FF),  # kana
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),  # Han
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x323AF),
)


@functools.lru_cache(maxsize=1)
def _tables() -> tuple[np.ndarray, np.ndarray]:
    """For each code point: itself, SPACE or DROPPED (uint32); and whether it is a word by itself (bool)."""
    mapped = np.full(sys.maxunicode + 1, SPACE, np.uint32)
    for code in (*range(0x33480), *range(0xE0000, 0xE0200)):  # beyond lie no letters
        category = unicodedata.category(chr(code))
        if category[0] in "LNM":
            mapped[code] = code
        elif category == "Cf":
            mapped[code] = DROPPED
    mapped[[ord(sign) for sign in APOSTROPHES]] = DROPPED
    mapped[0xFE00:0xFE10] = mapped[0xE0000:0xE0200] = DROPPED  # variation selectors, tags
    mapped[0] = SPACE  # the character NUL itself
    alone = np.zeros(len(mapped), bool)
    for first, last in UNSPACED:
        alone[first : last + 1] = mapped[first : last + 1] > SPACE
    return mapped, alone


def _codes(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


_ASCII = {code: None if chr(code) in APOSTROPHES else " " for code in range(128) if not chr(code).isalnum()}


@once
def words_of(text: str) -> list[str]:
    """The words of a text in order, as written. The list is shared: do not change it."""
    if text.isascii():
        return text.translate(_ASCII).split()
    mapped, alone = _tables()
    codes = _codes(text)
    found = mapped.take(codes)
    if int(codes.max()) >= UNSPACED[0][0] and (single := alone.take(codes)).any():
        times = np.where(single, 3, 1)
        at = (np.cumsum(times) - times)[single]
        found = np.repeat(found, times)
        found[at] = found[at + 2] = SPACE
    found = found[found != DROPPED]
    return found.tobytes().decode("utf-32-le", "surrogatepass").split()


_ANY_UNSPACED = re.compile("[" + "".join(f"{chr(first)}-{chr(last)}" for first, last in UNSPACED) + "]")


def num_unspaced(text: str) -> int:
    """How many words of `words_of(text)` are of scripts without spaces."""
    if text.isascii() or not _ANY_UNSPACED.search(text):
        return 0
    return int(_tables()[1].take(_codes(text)).sum())


@once
def word_spans(text: str) -> np.ndarray:
    """Where the words of `words_of(text)` stand. Shapes: (num_words, 2) int64, first character and the one after the last."""
    mapped, alone = _tables()
    codes = _codes(text)
    kept = np.flatnonzero(mapped[codes] != DROPPED)
    inside = mapped[codes[kept]] > SPACE
    single = alone[codes[kept]]
    before = np.concatenate([[False], inside[:-1] & ~single[:-1]])
    after = np.concatenate([inside[1:] & ~single[1:], [False]])
    starts = np.flatnonzero(inside & (single | ~before))
    stops = np.flatnonzero(inside & (single | ~after))
    return np.stack([kept[starts], kept[stops] + 1], axis=1)


def normal_word(word: str) -> str:
    """A word without case and compatibility forms (NFKC), for comparing."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", word).casefold())


class _Normal(dict[str, str]):
    def __missing__(self, word: str) -> str:
        if len(self) >= MAX_KEPT_WORDS:
            self.clear()
        found = self[word] = normal_word(word)
        return found


class _Hash(dict[str, int]):
    def __missing__(self, word: str) -> int:
        if len(self) >= MAX_KEPT_WORDS:
            self.clear()
        found = self[word] = xxhash.xxh3_64_intdigest(word.encode("utf-8", "surrogatepass"))
        return found


class _NormalHash(dict[str, int]):
    def __missing__(self, word: str) -> int:
        if len(self) >= MAX_KEPT_WORDS:
            self.clear()
        found = self[word] = xxhash.xxh3_64_intdigest(normal_word(word).encode("utf-8", "surrogatepass"))
        return found


_normal, _hash, _normal_hash = _Normal(), _Hash(), _NormalHash()  # pure functions of a word, kept for speed


@once
def normal_words(text: str) -> list[str]:
    """`words_of(text)` without case and compatibility forms, one for one. The list is shared: do not change it."""
    return list(map(_normal.__getitem__, words_of(text)))


def word_hashes(words: list[str]) -> np.ndarray:
    """XXH3 (64 bits) of each word as UTF-8. Shapes: (len(words),) uint64."""
    return np.fromiter(map(_hash.__getitem__, words), np.uint64, len(words))


@once
def normal_word_hashes(text: str) -> np.ndarray:
    """`word_hashes(normal_words(text))`, faster. Shapes: (num_words,) uint64, not to be changed."""
    words = words_of(text)
    found = np.fromiter(map(_normal_hash.__getitem__, words), np.uint64, len(words))
    found.setflags(write=False)
    return found


_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # odd, so that multiplying loses nothing
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))  # splitmix64's finaliser (Steele et al. 2014)


def ngram_sums(hashes: np.ndarray, num_words: int, shorter: np.ndarray | None = None) -> np.ndarray:
    """One number for each run of `num_words` words: equal runs have equal numbers, others differ but for chance (2**-64).

    `shorter` are the sums for one word less, where they are known. Shapes: (max(0, n - num_words + 1),) uint64. The low bits are
    as good as the hashes' own only after `mixed`.
    """
    count = max(0, len(hashes) - num_words + 1)
    if shorter is not None:
        return shorter[:count] * _FACTOR + hashes[num_words - 1 : num_words - 1 + count]
    found = hashes[:count].copy()
    for offset in range(1, num_words):
        found *= _FACTOR
        found += hashes[offset : offset + count]
    return found


def mixed(values: np.ndarray) -> np.ndarray:
    """The values with their bits well mixed, one to one. Shapes: as given, uint64."""
    values = values ^ (values >> np.uint64(30))
    values = values * _MIX[0]
    values = values ^ (values >> np.uint64(27))
    values = values * _MIX[1]
    return values ^ (values >> np.uint64(31))


def ngram_hashes(hashes: np.ndarray, num_words: int) -> np.ndarray:
    """A uniform 64-bit hash of each run of `num_words` words. Shapes: (max(0, n - num_words + 1),) uint64."""
    return mixed(ngram_sums(hashes, num_words))


# ---- lines, paragraphs, sentences

_PARAGRAPH = re.compile(r"\n[^\S\n]*(?:\n[^\S\n]*)+")
# the end of a sentence: a stop, closing quotes and brackets, then white space; full-width stops need none. It begins with one set
# of signs, which the engine looks for quickly.
_SENTENCE_END = re.compile(r"[.!?…।۔؟。！？｡\n](?:(?<=[.!?…।۔؟])[\"'”’»)\]]{0,3}\s+|(?<=[。！？｡])[」』”’）]{0,3}\s*|(?<=\n)\s*)")


FENCES = ("```", "~~~")


@once
def prose_of_page(text: str) -> str:
    """The text without its fenced blocks of code, the same object where it has none; a text that is one block is itself."""
    if not any(fence in text for fence in FENCES):
        return text
    kept, fenced = [], False
    for line in text.split("\n"):
        is_fence = line.lstrip().startswith(FENCES)
        if not fenced and not is_fence:
            kept.append(line)
        fenced ^= is_fence
    prose = "\n".join(kept)
    return prose if prose.strip() else text


@once
def lines_of(text: str) -> list[str]:
    """The lines that are not empty, without white space around them."""
    return [line for line in map(str.strip, text.split("\n")) if line]


@once
def paragraphs_of(text: str) -> list[str]:
    """The parts between empty lines, without white space around them."""
    return [part for part in map(str.strip, _PARAGRAPH.split(text)) if part]


@once
def sentences_of(text: str) -> list[str]:
    """The sentences: parts that end with a stop and white space, or with their line. Abbreviations are not known: "Dr. Li" is two."""
    ends = [found.end() for found in _SENTENCE_END.finditer(text)]
    parts = (text[start:stop].strip() for start, stop in itertools.pairwise([0, *ends, len(text)]))
    return [part for part in parts if part]
