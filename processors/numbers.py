"""Numbers in words and in digits, in the eight languages of the model's speech.

Digits to words is num2words for English, French, German, Italian, Portuguese, Spanish and Japanese; it has no Chinese, whose
numerals are written here. Words to digits is text2num for the five European languages beside English; Chinese and Japanese
numerals are read here, because both libraries leave them alone. English words to digits is part of the transcript normaliser.
"""

from __future__ import annotations

import functools
import re
from fractions import Fraction

from num2words import num2words
from text_to_num import alpha2digit

MAX_DIGITS = 15  # a longer number is an identifier: it is read digit by digit
MAX_WORDS_AT_ONCE = 500  # text2num 3.1 takes time by the square of the numbers in a text
MAX_NUMERAL = 40  # characters; a longer run of Chinese numerals is no number
POINT = {"en": "point", "fr": "virgule", "de": "Komma", "it": "virgola", "pt": "vírgula", "es": "coma", "zh": "点", "ja": "点"}
COMMA_IS_DECIMAL = ("fr", "de", "it", "pt", "es")
WORDS_TO_DIGITS = ("fr", "de", "it", "pt", "es")

# num2words 0.5.14 writes 118 as centodicotto and 101,000 as hunderteinstausend
_MISSPELT = {"it": ("dicotto", "diciotto"), "de": ("einstausend", "eintausend")}

HANZI_DIGITS = "零一二三四五六七八九"
_VALUE = {character: value for value, character in enumerate(HANZI_DIGITS)} | {"〇": 0, "两": 2, "兩": 2}
_SMALL = {"十": 10, "百": 100, "千": 1_000}
_LARGE = {"万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8, "兆": 10**12}
_HANZI = "".join([*_VALUE, *_SMALL, *_LARGE])
_HANZI_PERCENT = re.compile(rf"百分之([{_HANZI}\d]+(?:[点點.][{_HANZI}\d]+)?)")
_NOT_AFTER_POINT = "".join([*_SMALL, *_LARGE, "分刻钟鐘半"])  # 三点十五, 三点五分 are times
_HANZI_NUMBER = re.compile(
    rf"((?:(?<!\d)(?<!\d[.,])\d++(?:,\d++)*+(?:\.\d++)?)?[{_HANZI}][{_HANZI}\d]*+)(?:[点點]([{''.join(_VALUE)}]++)(?![{_NOT_AFTER_POINT}]))?"
)
_TOKEN = re.compile(r"\d++(?:,\d++)*+(?:\.\d++)?|.")
_SHORT_TAIL = re.compile(r"([百千万萬亿億])([一二三四五六七八九两兩])$")  # 三百五 is 350 in Chinese; Japanese says 三百五 for 305


def cardinal(digits: str, language: str) -> str:
    """A whole number in words; digit by digit where it starts with 0 or is longer than 15 digits."""
    if len(digits) > MAX_DIGITS or (len(digits) > 1 and int(digits[0]) == 0):
        return one_by_one(digits, language)
    return _cardinal(int(digits), language)


@functools.lru_cache(maxsize=65_536)
def _cardinal(number: int, language: str) -> str:
    if language == "zh":
        return hanzi(number)
    words = str(num2words(number, lang=language)).replace(",", "")
    wrong, right = _MISSPELT.get(language, ("", ""))
    return words.replace(wrong, right) if wrong else words


def one_by_one(digits: str, language: str) -> str:
    """Each digit as a word."""
    joint = "" if language in ("zh", "ja") else " "
    return joint.join(_cardinal(int(digit), language) for digit in digits)


def decimal(whole: str, fraction: str, language: str) -> str:
    """A decimal number in words: the digits after the point one by one."""
    joint = "" if language in ("zh", "ja") else " "
    return joint.join((cardinal(whole or "0", language), POINT[language], one_by_one(fraction, language)))


@functools.lru_cache(maxsize=4_096)
def english_ordinal(digits: str) -> str:
    return str(num2words(int(digits), lang="en", to="ordinal")).replace(",", "")


@functools.lru_cache(maxsize=4_096)
def english_year(digits: str) -> str:
    return str(num2words(int(digits), lang="en", to="year")).replace(",", "")


def hanzi(number: int) -> str:
    """A whole number >= 0 in Chinese numerals."""
    if number == 0:
        return HANZI_DIGITS[0]
    groups: list[str] = []
    places = ("", "万", "亿", "万亿")
    gap = False
    for place in range(3, -1, -1):
        value = number // 10 ** (4 * place) % 10_000
        if value == 0:
            gap = bool(groups)
            continue
        if groups and (gap or value < 1_000):
            groups.append(HANZI_DIGITS[0])
        groups.append(_hanzi_below_myriad(value) + places[place])
        gap = False
    text = "".join(groups)
    return text.removeprefix("一") if text.startswith("一十") else text


def _hanzi_below_myriad(value: int) -> str:
    text, gap = "", False
    for unit, name in ((1_000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = value // unit % 10
        if digit:
            text += (HANZI_DIGITS[0] if gap and text else "") + HANZI_DIGITS[digit] + name
            gap = False
        else:
            gap = True
    return text


def numerals_to_digits(text: str, language: str) -> str:
    """Chinese and Japanese numerals as digits: 五十 50, 二〇二四 2024, 3万 30000, 三点五 3.5, 百分之二十 20%.

    Numerals inside words turn too (一起 becomes 1起): both sides of a comparison turn alike.
    """
    text = _HANZI_PERCENT.sub(lambda found: numerals_to_digits(found[1], language) + "%", text)

    def read(found: re.Match[str]) -> str:
        whole = _whole(found[1], language)
        return whole if found[2] is None else f"{whole}.{_one_by_one_digits(found[2])}"

    return _HANZI_NUMBER.sub(read, text)


def _one_by_one_digits(numeral: str) -> str:
    return "".join(str(_VALUE.get(character, character)) for character in numeral)


def _whole(numeral: str, language: str) -> str:
    if not any(character in _SMALL or character in _LARGE for character in numeral):
        return _one_by_one_digits(numeral)
    if len(numeral) > MAX_NUMERAL:
        return numeral
    tail = _SHORT_TAIL.search(numeral) if language == "zh" else None
    if tail is not None and len(numeral) > 2:
        scale = _SMALL.get(tail[1]) or _LARGE[tail[1]]
        return str(_value(numeral[:-1]) + _VALUE[tail[2]] * scale // 10)
    return str(_value(numeral))


def _value(numeral: str) -> int:
    total, section, digit = Fraction(0), Fraction(0), Fraction(0)
    last = 0
    for token in _TOKEN.findall(numeral):
        if token in _SMALL:
            section += (digit or Fraction(1)) * _SMALL[token]
            digit = Fraction(0)
        elif token in _LARGE:
            scale = _LARGE[token]
            section = section + digit
            if scale > last:  # 一万亿: the whole so far is multiplied
                total = (total + section or Fraction(1)) * scale
            else:
                total += (section or Fraction(1)) * scale
            last, section, digit = scale, Fraction(0), Fraction(0)
        elif token in _VALUE:
            digit = digit * 10 + _VALUE[token]
        else:
            written = token.replace(",", "")
            digit = digit * 10 ** len(written) + Fraction(written)
    return round(total + section + digit)


def words_to_digits(text: str, language: str) -> str:
    """Number words as digits, by text2num, in French, German, Italian, Portuguese and Spanish; other languages as they are."""
    if language not in WORDS_TO_DIGITS:
        return text
    words = text.split(" ")
    pieces = []
    start = 0
    while start < len(words):
        end = min(len(words), start + MAX_WORDS_AT_ONCE)
        last = min(len(words), end + MAX_WORDS_AT_ONCE)
        while end < last and not _ends_number(words[end - 1], language):
            end += 1
        pieces.append(str(alpha2digit(" ".join(words[start:end]), language, 0.0)))
        start = end
    return " ".join(pieces)


@functools.lru_cache(maxsize=4_096)
def _ends_number(word: str, language: str) -> bool:
    """Whether no number goes on across the word."""
    joins = {"et", "und", "e", "y", "", POINT[language].casefold()}
    return word.casefold() not in joins and not any(ch.isdigit() for ch in word) and str(alpha2digit(word, language, 0.0)) == word
