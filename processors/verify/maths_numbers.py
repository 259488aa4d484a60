"""Numerals as written in many places, read exactly: 1,234.5 and 1.234,5 and 1 234,5 and 1'234.5, 3/4, 2 1/2, 1.5e3, "twenty-one".

A numeral that two places read differently (1.000, 1,000) has its likely reading first and the other one beside it.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from fractions import Fraction

from processors.numbers import numerals_to_digits, words_to_digits

MAX_DIGITS = 4_000
MAX_EXPONENT = 400  # of 1e400
MAX_WORDS_CHARS = 120


@dataclass(frozen=True, slots=True)
class Numeral:
    """`decimals` is how many digits stand after the point, None where the numeral is no decimal (3/4)."""

    value: Fraction
    decimals: int | None
    other: Fraction | None = None  # how another place reads the same signs
    other_decimals: int | None = None


_GROUPED = r"\d{1,3}(?:(?P<gap>[,.' \u2019_])\d{3})(?:(?P=gap)\d{3})*"
_DECIMAL = re.compile(
    r"(?P<sign>[-+]?) ?(?P<whole>\d*)(?:(?P<point>[.,])(?P<part>\d+)|\.)?(?:(?P<e>[eE]|(?: ?\*|x) ?10 ?\^ ?)\{?(?P<power>[-+]?\d{1,6})\}?)?"
)
_THOUSANDS = re.compile(rf"(?P<sign>[-+]?) ?(?P<whole>{_GROUPED})(?:(?P<point>[.,])(?P<part>\d*))?")
_INDIAN = re.compile(r"(?P<sign>[-+]?)(?P<whole>\d{1,2}(?:,\d{2})+,\d{3})(?:\.(?P<part>\d+))?")
_FRACTION = re.compile(r"(?P<sign>[-+]?) ?(?:(?P<whole>\d+)(?: +| ?- ?| and ))?(?P<above>\d+) ?/ ?(?P<below>\d+)")
_REPEATING = re.compile(
    r"(?P<sign>[-+]?)(?P<whole>\d*)\.(?P<part>\d*)(?:\\overline ?\{?(?P<bar>\d+)\}?|\((?P<round>\d+)\)|\\dot ?\{?(?P<dot>\d)\}?)"
)
_AND_SO_ON = re.compile(r"(?P<sign>[-+]?)(?P<whole>\d*)\.(?P<part>\d*?)(?P<last>\d)(?P=last){2,}\.\.\.")
_ORDINAL = re.compile(r"(\d+) ?\^?\{?(?:st|nd|rd|th)\}?")


def numeral(text: str) -> Numeral | None:
    """The number that a text in normal form is; None where it is no single numeral."""
    if len(text) > MAX_DIGITS:
        return None
    text = text.replace("{,}", ",")
    for pattern, read in ((_DECIMAL, _decimal), (_THOUSANDS, _thousands), (_INDIAN, _indian), (_FRACTION, _fraction)):
        found = pattern.fullmatch(text)
        if found:
            return read(found)
    for pattern in (_REPEATING, _AND_SO_ON):
        found = pattern.fullmatch(text)
        if found:
            return _repeating(found)
    found = _ORDINAL.fullmatch(text)
    return Numeral(Fraction(int(found[1])), 0) if found else None


def _signed(found: re.Match[str], value: Fraction) -> Fraction:
    return -value if found["sign"] == "-" else value


def _decimal(found: re.Match[str]) -> Numeral | None:
    whole, part = found["whole"], found["part"] or ""
    if not whole and not part:
        return None
    power = int(found["power"] or 0)
    if abs(power) > MAX_EXPONENT:
        return None
    value = Fraction(int((whole or "0") + (part or "")), 10 ** len(part)) * Fraction(10) ** power
    value = _signed(found, value)
    if found["e"]:
        return Numeral(value, max(0, len(part) - power))
    if len(part) == 3 and 1 <= len(whole) <= 3 and whole[0] != "0":  # 1.000 and 1,000: thousands in one place, thousandths in another
        large = _signed(found, Fraction(int(whole + part)))
        return Numeral(value, 3, large, 0) if found["point"] == "." else Numeral(large, 0, value, 3)
    return Numeral(value, len(part))


def _thousands(found: re.Match[str]) -> Numeral | None:
    gap, point, part = found["gap"], found["point"], found["part"] or ""
    if point == gap or (point and not part and point != "."):
        return None
    digits = found["whole"].replace(gap, "")
    if found["whole"].startswith("0"):
        return None
    return Numeral(_signed(found, Fraction(int(digits + part), 10 ** len(part))), len(part))


def _indian(found: re.Match[str]) -> Numeral:
    part = found["part"] or ""
    return Numeral(_signed(found, Fraction(int(found["whole"].replace(",", "") + part), 10 ** len(part))), len(part))


def _fraction(found: re.Match[str]) -> Numeral | None:
    above, below = int(found["above"]), int(found["below"])
    if below == 0 or (found["whole"] and above >= below):
        return None
    return Numeral(_signed(found, int(found["whole"] or 0) + Fraction(above, below)), None)


def _repeating(found: re.Match[str]) -> Numeral:
    groups = found.groupdict()
    cycle = groups.get("bar") or groups.get("round") or groups.get("dot") or groups.get("last") or "0"
    head = Fraction(int((found["whole"] or "0") + found["part"]), 10 ** len(found["part"]))
    return Numeral(_signed(found, head + Fraction(int(cycle), (10 ** len(cycle) - 1) * 10 ** len(found["part"]))), None)


# ---- numbers in words

_ENGLISH = {
    word: number
    for number, word in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
        ]
    )
} | {word: 10 * number for number, word in enumerate(["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], 2)}
_ENGLISH_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_PARTS = {"half": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9, "tenth": 10}
SCALES = {
    **{"hundred": 100, "dozen": 12, "lakh": 10**5, "crore": 10**7, **_ENGLISH_SCALES},
    **dict.fromkeys(("tausend", "mille", "mil", "mila"), 10**3),
    **dict.fromkeys(("millionen", "millón", "millones", "milhão", "milhões", "milione", "milioni"), 10**6),
    **dict.fromkeys(("milliarde", "milliarden", "milliard", "miliardi", "miliardo"), 10**9),
    **{"万": 10**4, "萬": 10**4, "億": 10**8, "亿": 10**8, "千": 10**3, "百": 100},
}


@functools.lru_cache(maxsize=4_096)
def number_in_words(text: str) -> Fraction | None:
    """The number that words are, in the eight languages; None where they are anything else, or where two languages disagree."""
    if not text or len(text) > MAX_WORDS_CHARS:
        return None
    words = text.casefold()
    if words in ("a dozen", "dozen", "one dozen"):
        return Fraction(12)
    english = _english(words)
    if english is not None:
        return english
    if any("\u3400" <= sign <= "\u9fff" for sign in words):
        found = {numerals_to_digits(words, language) for language in ("zh", "ja")}
    else:
        found = {words_to_digits(words, language) for language in ("fr", "de", "it", "pt", "es")} - {words}
    numbers = {word for word in found if word.isascii() and word.isdigit() and len(word) <= 15}
    return Fraction(int(numbers.pop())) if len(numbers) == 1 else None


def _english(text: str) -> Fraction | None:
    words = text.replace("-", " ").split()
    negative = bool(words) and words[0] in ("minus", "negative")
    words = words[negative:]
    value = _english_parts(words)
    if value is None:
        whole = _english_whole(words)
        value = None if whole is None else Fraction(whole)
    return value if value is None or not negative else -value


def _english_whole(words: list[str]) -> int | None:
    total, section, last_kind = 0, 0, ""
    if not words or (words == ["a"]):
        return None
    for word in words:
        if word == "and" and last_kind in ("hundred", "scale"):
            last_kind = "and"
        elif word == "a" and last_kind == "":
            section, last_kind = 1, "unit"
        elif word in _ENGLISH:
            value = _ENGLISH[word]
            kind = "tens" if value >= 20 else "unit"
            if last_kind == "unit" or (last_kind == "tens" and (kind == "tens" or not 0 < value < 10)):
                return None
            section, last_kind = section + value, kind
        elif word == "hundred" and last_kind == "unit" and section < 100:
            section, last_kind = section * 100, "hundred"
        elif word in _ENGLISH_SCALES and last_kind in ("unit", "tens", "hundred"):
            total, section, last_kind = total + section * _ENGLISH_SCALES[word], 0, "scale"
        else:
            return None
    return None if last_kind in ("", "and") else total + section


def _english_parts(words: list[str]) -> Fraction | None:
    """one half, two thirds, three and a half."""
    if not words or words[-1] == "second":
        return None
    last = words[-1].removesuffix("s") if words[-1] != "halves" else "half"
    if last not in _PARTS:
        return None
    before = words[:-1]
    if before and before[-1] in ("a", "an"):
        before[-1] = "one"
    whole = 0
    if "and" in before:
        cut = before.index("and")
        head = _english_whole(before[:cut])
        if head is None:
            return None
        whole, before = head, before[cut + 1 :]
    if not before:
        return Fraction(1, 2) if words == ["half"] else None  # "third" is an order, not a part
    above = _english_whole(before)
    return None if above is None else whole + Fraction(above, _PARTS[last])
