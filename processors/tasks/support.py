"""How far one text is supported by another: which of its content words and numbers the other holds.

A check of words, not of meaning: a sentence that turns a fact round is supported, one that says it in other words is not.
English words are compared by their stems, numbers in digits (processors/audio/transcript_normal.py), Chinese and Japanese by
pairs of characters.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterable

from processors.audio.transcript_normal import UNSPACED, normalise_transcript
from processors.tasks.stop_words import STOP_WORDS
from schemas.facts import Fact

SUPPORT_RATIO = Fact("task.support_ratio", float, "Share of the answer's terms that its source holds; 1 when there is none to look for")
_SUFFIXES = (
    "ations",
    "ation",
    "ingly",
    "ments",
    "ment",
    "ings",
    "ness",
    "ies",
    "ing",
    "ion",
    "est",
    "ers",
    "ed",
    "er",
    "es",
    "ly",
    "s",
    "y",
)
_MIN_STEM = 4
_HIRAGANA = re.compile(r"[\u3040-\u309f]")


@functools.lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    """A word without its ending, in the crude way that is the same for both sides: visiting and visited are visit."""
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= _MIN_STEM:
            word = word[: -len(suffix)]
            break
    return word[:-1] if len(word) > _MIN_STEM and word[-1] in "ei" else word


def terms_of(text: str, language: str) -> list[str]:
    """What of a text must be found elsewhere: stems of its content words, its numbers in digits; pairs of characters in zh and ja."""
    normal = normalise_transcript(text, language)
    if language in UNSPACED:
        return [pair for pair in map("".join, itertools.pairwise(normal)) if not _HIRAGANA.search(pair)] or list(normal)
    stop = STOP_WORDS.get(language, frozenset())
    words = (word.strip("'").removesuffix("'s") for word in normal.split())
    return [word if word[0].isdigit() else stem(word) for word in words if word and word not in stop]


def all_terms(source: str, language: str) -> set[str]:
    """Every term of a source, line by line: the turns of a conversation are normalised once for all of its queries."""
    return {term for line in source.splitlines() for term in terms_of(line, language)}


def support(wanted: Iterable[str], source: str, language: str) -> float:
    """The share of `wanted` terms that the source has; 1.0 when none is wanted."""
    there = all_terms(source, language)
    found = [term in there for term in wanted]
    return sum(found) / len(found) if found else 1.0
