"""How far apart two sets of words sound: what a weak ear mistakes is near, what was never said is far.

A hearing engine that errs puts a word that sounds alike ("looking" becomes "look in"); a wrong text has a word that does not.
So errors are weighed by sound: the phones of each run of differing words are aligned, and each word of the reference gets the
cost of its phones. English phones are those of the CMU dictionary inside the pocketsphinx package; words it lacks are spelled
by letter sounds and count half, since the engine cannot write them either. Other spaced languages are compared by letters.

Source: articulatory features after Kondrak (2000, "A new algorithm for the alignment of phonetic sequences"), with fewer
features; the costs are set by hand, the thresholds by measurement (pipelines/calibrate.py).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from processors.numbers import cardinal, english_ordinal, english_year

UNKNOWN_WEIGHT = 0.5  # of words that are not in the dictionary
MAX_WORD_CHARS = 64  # a longer word is guessed by its letters, and not kept
MAX_CELLS = 4_000_000  # of one alignment (about 2,000 phones against 2,000); beyond, every word of the run counts as missed

# height, backness, rounding
_VOWELS = {
    "IY": (3.0, 0.0, 0.0),
    "IH": (2.5, 0.5, 0.0),
    "EY": (2.0, 0.0, 0.0),
    "EH": (1.5, 0.3, 0.0),
    "AE": (0.7, 0.3, 0.0),
    "AA": (0.0, 1.5, 0.0),
    "AO": (1.0, 2.0, 1.0),
    "OW": (2.0, 2.0, 1.0),
    "UH": (2.5, 1.7, 1.0),
    "UW": (3.0, 2.0, 1.0),
    "AH": (1.3, 1.2, 0.0),
    "ER": (1.7, 1.2, 0.5),
    "AY": (0.7, 0.8, 0.0),
    "AW": (0.7, 1.2, 0.6),
    "OY": (1.5, 1.5, 0.8),
}
# voiced, place (labial, alveolar, palatal, velar), manner (stop, fricative, nasal, liquid or glide)
_CONSONANTS = {
    **{"P": "-bs", "B": "+bs", "T": "-as", "D": "+as", "K": "-vs", "G": "+vs", "CH": "-ps", "JH": "+ps"},
    **{"F": "-bf", "V": "+bf", "TH": "-af", "DH": "+af", "S": "-af", "Z": "+af", "SH": "-pf", "ZH": "+pf", "HH": "-vf"},
    **{"M": "+bn", "N": "+an", "NG": "+vn", "L": "+al", "R": "+pl", "W": "+bl", "Y": "+pl"},
}
_WEAK = {"AH": 0.6, "IH": 0.6, "HH": 0.5, "ER": 0.8}  # phones that come and go in running speech
_LETTER_PHONES = dict(
    zip(
        "abcdefghijklmnopqrstuvwxyz",
        [
            "AE",
            "B",
            "K",
            "D",
            "EH",
            "F",
            "G",
            "HH",
            "IH",
            "JH",
            "K",
            "L",
            "M",
            "N",
            "AA",
            "P",
            "K",
            "R",
            "S",
            "T",
            "AH",
            "V",
            "W",
            "K",
            "IY",
            "Z",
        ],
        strict=True,
    )
)
_TOKEN = re.compile(r"([$€£¢]?)(\d+)(?:\.(\d+))?(st|nd|rd|th|s|%)?")
_SIGN_WORDS = {"$": "dollars", "€": "euros", "£": "pounds", "¢": "cents", "%": "percent"}


def _substitution(one: str, other: str) -> float:
    if one in _VOWELS and other in _VOWELS:
        height, back, rounding = (abs(a - b) for a, b in zip(_VOWELS[one], _VOWELS[other], strict=True))
        return min(1.0, 0.15 + 0.2 * height + 0.2 * back + 0.15 * rounding)
    if one in _CONSONANTS and other in _CONSONANTS:
        voice, place, manner = (a != b for a, b in zip(_CONSONANTS[one], _CONSONANTS[other], strict=True))
        return (0.2 * voice + 0.4 * place + 0.4 * manner) or 0.2
    return 1.2


_PHONES = (*_VOWELS, *_CONSONANTS)
_CODES = {phone: code for code, phone in enumerate(_PHONES)}
UNIT = 1_000  # costs are added up in thousandths of a phone: whole numbers, so that equal sums are equal
_COSTS = np.array([[0 if one == other else round(UNIT * _substitution(one, other)) for other in _PHONES] for one in _PHONES])


def _gap(phone: str) -> int:
    return round(UNIT * _WEAK.get(phone, 1.0))


@functools.cache
def _dictionary() -> dict[str, str]:
    import pocketsphinx

    lines = Path(pocketsphinx.get_model_path("en-us/cmudict-en-us.dict")).read_text().splitlines()
    return {word: phones for word, _, phones in (line.partition(" ") for line in lines)}


def phones_of(word: str, language: str) -> tuple[tuple[str, ...], bool]:
    """The phones of a word (letters outside English), and whether they are known rather than guessed."""
    if language != "en":
        return tuple(word), True
    return _english_phones(word) if len(word) <= MAX_WORD_CHARS else (_guessed(word), False)


@functools.lru_cache(maxsize=65_536)
def _english_phones(word: str) -> tuple[tuple[str, ...], bool]:
    known = _dictionary()
    found = known.get(word)
    if found is None:
        halves = ((word[:n], word[n:]) for n in range(3, len(word) - 2))
        found = next((f"{known[a]} {known[b]}" for a, b in halves if a in known and b in known), None)
    return (tuple(found.split()), True) if found is not None else (_guessed(word), False)


def _guessed(word: str) -> tuple[str, ...]:
    return tuple(_LETTER_PHONES[letter] for letter in word if letter in _LETTER_PHONES)


def spell_out(token: str, language: str) -> tuple[str, ...]:
    """A normalised token as the words that are heard: numbers in words, others as they are."""
    return _spelled(token, language) if len(token) <= MAX_WORD_CHARS else (token,)


@functools.lru_cache(maxsize=65_536)
def _spelled(token: str, language: str) -> tuple[str, ...]:
    found = _TOKEN.fullmatch(token)
    if found is None or len(found[2]) > 15:
        return (token,)
    sign, whole, fraction, suffix = found.groups()
    if language == "en" and suffix in ("st", "nd", "rd", "th"):
        spoken = english_ordinal(whole)
    elif language == "en" and len(whole) == 4 and 1_100 <= int(whole) < 2_100:
        spoken = english_year(whole)
    else:
        spoken = cardinal(whole, language)
    words = spoken.replace("-", " ").split()
    words += [cardinal(digit, language) for digit in fraction or ""]
    words += [_SIGN_WORDS[mark] for mark in (suffix or "", sign) if mark in _SIGN_WORDS]
    return tuple(words)


def word_distances(reference: Sequence[str], heard: Sequence[str], language: str) -> tuple[list[float], float, int]:
    """The cost of each reference word in phones, the cost of the whole, and the number of reference phones.

    With no reference words the whole cost is that of what was heard beside them.
    """
    phones = [(phone, index) for index, word in enumerate(reference) for phone in phones_of(word, language)[0]]
    other = [phone for word in heard for phone in phones_of(word, language)[0]]
    costs = [0] * len(reference)
    if not phones:
        return [0.0] * len(reference), sum(map(_gap, other)) / UNIT, 0
    if len(phones) * len(other) > MAX_CELLS:
        for phone, index in phones:
            costs[index] += _gap(phone)
        total = sum(costs)
    else:
        own = [phone for phone, _ in phones]
        # a row of the table is one vector operation: go along the shorter side
        table = _align(own, other) if len(own) <= len(other) else _align(other, own).T
        _trace(table, phones, other, costs)
        total = int(table[-1, -1])
    return [cost / UNIT for cost in costs], total / UNIT, len(phones)


def _align(down: Sequence[str], along: Sequence[str]) -> np.ndarray:
    """The cheapest cost of every pair of beginnings. Shapes: (len(down) + 1, len(along) + 1) int64, in `UNIT`."""
    gaps = np.concatenate(([0], np.cumsum([_gap(phone) for phone in along], dtype=np.int64)))
    table = np.empty((len(down) + 1, len(along) + 1), np.int64)
    table[0] = gaps
    substitutions = _substitutions(along)
    for row, phone in enumerate(down, 1):
        gap = _gap(phone)
        best = table[row - 1] + gap
        np.minimum(best[1:], table[row - 1, :-1] + substitutions(phone), out=best[1:])
        # a cell may also be reached from its left: the least of all cells before it, with the gaps between
        table[row] = np.minimum.accumulate(best - gaps) + gaps
    return table


def _substitutions(along: Sequence[str]) -> Callable[[str], np.ndarray]:
    """The costs of one phone against each phone of `along`; letters are the same or not."""
    if all(phone in _CODES for phone in along):
        costs = _COSTS[:, [_CODES[phone] for phone in along]]
        nothing = np.full(len(along), UNIT)
        return lambda phone: costs[_CODES[phone]] if phone in _CODES else nothing
    letters = np.array([ord(letter) for letter in along])
    return lambda letter: np.where(letters == ord(letter), 0, UNIT)


def _trace(table: np.ndarray, phones: list[tuple[str, int]], other: list[str], costs: list[int]) -> None:
    """Adds to each word the cost of its phones along the cheapest path; what was heard too much counts for the next word."""
    row, column = len(phones), len(other)
    here = int(table[row, column])
    while row or column:
        phone = phones[row - 1][0] if row else ""
        if row and column:
            before = int(table[row - 1, column - 1])
            if here - before == _cost(phone, other[column - 1]):
                row, column = row - 1, column - 1
                costs[phones[row][1]] += here - before
                here = before
                continue
        if row and here - int(table[row - 1, column]) == _gap(phone):
            row -= 1
            index = row
        else:
            column -= 1
            index = min(row, len(phones) - 1)
        costs[phones[index][1]] += here - int(table[row, column])
        here = int(table[row, column])


def _cost(one: str, other: str) -> int:
    if one == other:
        return 0
    return int(_COSTS[_CODES[one], _CODES[other]]) if one in _CODES and other in _CODES else UNIT


def worst_word(distances: Sequence[float], words: Sequence[str], language: str) -> float:
    """The largest cost of a word; words outside the dictionary count half."""
    weighed = (cost if phones_of(word, language)[1] else UNKNOWN_WEIGHT * cost for cost, word in zip(distances, words, strict=True))
    return max(weighed, default=0.0)
