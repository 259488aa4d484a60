"""One form for two spellings of the same speech, so that only what was said is compared, never how it is written.

English: OpenAI's published Whisper normaliser (whisper_normalizer, MIT) does contractions, titles, fillers, number words,
currencies and British spellings; symbols, units, dates and clock times become words first (processors/spoken_form.py). After
a noun 's is taken for the possessive, which sounds like the plural: "John's here" does not agree with "John is here".
French, German, Italian, Portuguese, Spanish: text2num reads number words. Chinese and Japanese: numerals are read here, spaces
and punctuation go. Digits are the common form. Known not to agree: English numbers heard as a list of digits beside a number
(Whisper's normaliser joins neighbours on both sides), "segundo" against 2.º in Spanish (it is a second too), simplified
against traditional characters, kana against kanji. Ordinals outside English become cardinals, on both sides.
Normalising twice changes nothing in Chinese and Japanese, nor in text without digits in the European languages; in English
"fifty pounds" becomes £50 and stays, but plurals of numbers ("two thirds" is 2 3rds) are read anew.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from typing import Any

from processors.language_id import iso_639_1
from processors.numbers import COMMA_IS_DECIMAL, numerals_to_digits, words_to_digits
from processors.spoken_form import verbalise
from processors.spoken_lexicon import LEXICONS
from processors.spoken_tables import MONTHS

UNSPACED = ("zh", "ja")
CACHE_SIZE, MAX_CACHED_CHARS = 8_192, 500  # normalised texts kept a process, and the longest of them
MAX_NUMBER_WORDS = 100  # a longer run of number words is no number, and is left in words

_BRACKETS = str.maketrans("()[]<>{}", "        ")
_APOSTROPHES = re.compile("[’‘`´ʼ′＇]")
_FILLERS = re.compile(r"\b(?:er|erm|uhm|ah|eh|hm)\b")
_LETTERS = re.compile(r"(?<![\w'])(?!i a\b)[a-z](?: [a-z](?![\w']))+")
_ENGLISH_BEFORE: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?<=\w)-(?=\w)"), " "),
    (re.compile(r"\bo'?\s?clock\b"), "oclock"),
    (re.compile(r"\bcannot\b"), "can not"),
    (re.compile(r"\ba (?=(?:hundred|thousand|million|billion|trillion)\b)"), "one "),
    (re.compile(r"\bone (fourth|quarter|half|third|fifth|sixth|seventh|eighth|ninth|tenth)\b"), r"a \1"),
    (re.compile(r"\bfourths\b"), "quarters"),
    (re.compile(r"\ba fourth\b"), "a quarter"),
)
_ENGLISH_AFTER: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(rf"\bthe (\d+(?:st|nd|rd|th)) of (?={'|'.join(MONTHS)}\b)", re.I), r"\1 of "),
    (re.compile(r"(?<![\w.])\.(?=\d)"), "0."),
    (re.compile(rf"\b({'|'.join(MONTHS)}) the (?=\d+(?:st|nd|rd|th)\b)", re.I), r"\1 "),
)
_IS_WORDS = "it|he|she|that|there|here|what|who|where|how|when|why|let"
_POSSESSIVE = re.compile(rf"\b(?!(?:{_IS_WORDS})'s)(\w+)'s\b(?! (?:been|gone|done|got)\b)")  # Whisper's normaliser makes "is" of it
_EN_FIXED = {"okay": "ok", "alright": "all right", "grey": "gray"}
_THOUSANDS_POINT = re.compile(r"(?<=\d)[. \u00a0\u202f](?=\d{3}(?!\d))")
_THOUSANDS_COMMA = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_DECIMAL_COMMA = re.compile(r"(?<=\d),(?=\d)")
_DECIMAL_WORD = re.compile(r"(?<=\d) (?:punkt|point|punto|ponto) (?=\d)")
_DECIMAL_DIGITS = re.compile(r"(?<![\d.,])(\d+[.,])(0*\d(?: 0*\d)+)(?![\w.,])")  # drei Komma eins vier: 3,1 4
_MIL_AND = re.compile(r"(?<![\d.,])(\d{1,12}000) (\d{1,3})(?![\d.,])")  # text2num 3.1 ends a number at "mil" without "e"
_JOINTS = re.compile(r"['-]")  # l'un, vingt-deux: number words stand alone
_ORDINAL_SIGN = re.compile(r"(?<=\d)\.?[ºª°]")
_ORDINAL_LETTERS = {
    "fr": re.compile(r"\b(\d+)(?:er|re|ère|ere|e|ème|eme|nd|nde)s?\b"),
    **dict.fromkeys(("it", "pt", "es"), re.compile(r"\b(\d+)[oa]s?\b")),
}
_BEFORE_NUMBERS: dict[str, tuple[tuple[re.Pattern[str], str], ...]] = {
    "de": (
        (re.compile(r"\beine (?=(?:million|milliarde|billion)\b)"), ""),
        (re.compile(r"\beine\b"), "1"),
        (re.compile(r"\bzwo\b"), "zwei"),
        (re.compile(r"fuenf"), "fünf"),
        (re.compile(r"zwoelf"), "zwölf"),
        (re.compile(r"hunderteinstausend"), "hunderteintausend"),
    ),
    "it": ((re.compile(r"\bper ?cento\b"), "%"), (re.compile(r"(?<=cent)(?=ott)"), "o"), (re.compile(r"\bcentodicotto"), "centodiciotto")),
    "fr": ((re.compile(r"œ"), "oe"), (re.compile(r"æ"), "ae")),
    "es": ((re.compile(r"\b(\w+)tiún\b"), r"\1tiuno"),),
}
_SCALES = {
    "de": {"tausend": 10**3, "million": 10**6, "millionen": 10**6, "milliarde": 10**9, "milliarden": 10**9},
    "fr": {"mille": 10**3, "million": 10**6, "millions": 10**6, "milliard": 10**9, "milliards": 10**9},
    "it": {"mila": 10**3, "milione": 10**6, "milioni": 10**6, "miliardo": 10**9, "miliardi": 10**9},
    "pt": {"mil": 10**3, "milhão": 10**6, "milhões": 10**6, "bilhão": 10**9, "bilhões": 10**9},
    "es": {"mil": 10**3, "millón": 10**6, "millones": 10**6},
}
_KEPT_POINT = re.compile(r"(?<=\d)\.(?=\d)")


@functools.cache
def _whisper() -> Any:
    from whisper_normalizer.english import EnglishTextNormalizer

    return EnglishTextNormalizer()


def normalise_transcript(text: str, language: str) -> str:
    """The text as compared: words, or characters without spaces for Chinese and Japanese."""
    return (_kept if len(text) <= MAX_CACHED_CHARS else _normalise)(text, iso_639_1(language))


def _normalise(text: str, language: str) -> str:
    if not text.isascii():
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # text2num takes no lone surrogates
    text = _APOSTROPHES.sub("'", " ".join(text.split()))
    if language == "en":
        return _english(text)
    if language in UNSPACED:
        return _unspaced(text, language)
    return _spaced(text, language)


_kept = functools.lru_cache(maxsize=CACHE_SIZE)(_normalise)


def _english(text: str) -> str:
    text = verbalise(text.translate(_BRACKETS), "en")
    text = _FILLERS.sub(" ", text.lower())
    for pattern, instead in _ENGLISH_BEFORE:
        text = pattern.sub(instead, text)
    text = _LETTERS.sub(lambda found: found[0].replace(" ", ""), _POSSESSIVE.sub(r"\1s", text))
    text = "".join(_whisper_words(text))
    # Whisper leaves a sign at the end: "..." a point, a lone "$"
    text = " ".join(_EN_FIXED.get(word, word) for word in text.split() if any(ch.isalnum() for ch in word))
    for pattern, instead in _ENGLISH_AFTER:
        text = pattern.sub(instead, text)
    return _LETTERS.sub(lambda found: found[0].replace(" ", ""), text)


def _whisper_words(text: str) -> list[str]:
    """The text by Whisper's normaliser, save runs of number words so long that it would build an endless number of them."""
    if len(text) < 3 * MAX_NUMBER_WORDS:
        return [str(_whisper()(text))]
    pieces: list[str] = []
    end = 0
    for found in _number_run().finditer(text):
        pieces += [str(_whisper()(text[end : found.start()])), " ", found[0], " "]
        end = found.end()
    return [*pieces, str(_whisper()(text[end:]))]


@functools.cache
def _number_run() -> re.Pattern[str]:
    words = "|".join(sorted(_whisper().standardize_numbers.words, key=len, reverse=True))
    return re.compile(rf"\b(?:(?:{words})\b\W{{0,3}}){{{MAX_NUMBER_WORDS},}}+")


def _spaced(text: str, language: str) -> str:
    text = _ORDINAL_SIGN.sub("º", text)
    text = unicodedata.normalize("NFKC", text.replace("º", "\ue000")).replace("\ue000", "º")  # NFKC makes o of the sign
    text = _JOINTS.sub(" ", verbalise(text, language, numbers=False).casefold())
    for pattern, instead in _BEFORE_NUMBERS.get(language, ()):
        text = pattern.sub(instead, text)
    if language in COMMA_IS_DECIMAL:
        text = _european_numbers(text, language)
    else:
        text = _THOUSANDS_COMMA.sub("", text)
    return " ".join(_without_marks(text, " ").split())


def _european_numbers(text: str, language: str) -> str:
    text = re.sub(rf"(?<!\w){re.escape(LEXICONS[language].percent.casefold())}(?!\w)", "%", text)
    text = words_to_digits(text, language)
    if language == "pt":
        text = _MIL_AND.sub(lambda found: str(int(found[1]) + int(found[2])), text)
    text = _DECIMAL_WORD.sub(",", text)
    text = _DECIMAL_DIGITS.sub(lambda found: found[1] + found[2].replace(" ", ""), text)
    text = _DECIMAL_COMMA.sub(".", _THOUSANDS_POINT.sub("", text))
    text = _scale_pattern(language).sub(lambda found: _scaled(found[1], found[2], language), text)
    text = re.sub(r"(?<=\d) %", "%", _ORDINAL_SIGN.sub("", text))
    if language in _ORDINAL_LETTERS:
        text = _ORDINAL_LETTERS[language].sub(r"\1", text)
    return text


@functools.cache
def _scale_pattern(language: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w.])(\d{{1,15}}(?:\.\d{{1,9}})?) ({'|'.join(_SCALES[language])}|1000000000|1000000)\b")


def _scaled(number: str, scale: str, language: str) -> str:
    """1.5 million, 2 thousand as one number: 1500000, 2000."""
    whole, _, fraction = number.partition(".")
    factor = _SCALES[language].get(scale) or int(scale)
    value = int(whole + fraction) * factor
    rest = value % 10 ** len(fraction)
    return f"{number} {scale}" if rest else str(value // 10 ** len(fraction))


def _unspaced(text: str, language: str) -> str:
    text = unicodedata.normalize("NFKC", text)
    text = verbalise(text, language, numbers=False)
    text = _THOUSANDS_COMMA.sub("", numerals_to_digits(text, language)).casefold().replace("パーセント", "%")
    return "".join(_without_marks(text, "").split())


def _without_marks(text: str, instead: str) -> str:
    """Without punctuation and symbols, save the point inside a number and the percent sign."""
    if text.isascii() and text.replace(" ", "").isalnum():
        return text
    text = _KEPT_POINT.sub("\0", text)
    kept = (ch if ch in "\0%" or unicodedata.category(ch)[0] in "LNMZ" else instead for ch in text)
    return "".join(kept).replace("\0", ".")
