"""Numbers and dates of a text as values, so that two spellings of one figure agree: 3 May 2024 and 2024-05-03, 1.5 million and 1,500,000.

Digits are read as they are written in the text's language (a German 1.500 is 1500); numbers in words by the transcript normaliser
(processors/audio/transcript_normal.py); months by their names in the six spaced languages, Chinese and Japanese dates by 年月日.
A figure may have several readings (3/4 is in March or in April, 5m are metres or millions): one that agrees is enough.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from processors.audio.transcript_normal import UNSPACED, normalise_transcript
from processors.numbers import COMMA_IS_DECIMAL, numerals_to_digits
from processors.spoken_lexicon import LEXICONS
from processors.spoken_tables import MONTHS

MIN_JUDGED = 10  # a smaller whole number is often counted by the writer (three reasons), and is not said
MIN_YEAR, MAX_YEAR = 1_000, 2_999
MIN_ROUNDED = 1_000  # from here on a number that ends in zeros may be one that was rounded

_NUMBER = re.compile(
    r"(?<![\w.,])(?:(?P<before>[$€£¥₹])\s?)?(?P<digits>\d{1,30}(?:[.,'\u00a0\u202f]\d{1,30}){0,9})(?P<tail>\s?(?:[%$€£¥₹‰]|(?:[kKmMbB]|mn|bn|"
    r"万|萬|亿|億|thousand|million|billion|trillion|mil|millions?|milliards?|Mio\.?|Mrd\.?|Millionen|Milliarden?|milioni|miliardi|milione|miliardo|"
    r"milhões|milhão|bilhões|bilhão|millones|millón|mille|mila|tausend)(?![^\W\d_])|(?:st|nd|rd|th|s|er|e|º|ª)(?!\w))?)"
)
_SCALES: dict[str, int] = {
    **dict.fromkeys(("k", "thousand", "mil", "mille", "mila", "tausend"), 10**3),
    **dict.fromkeys(("万", "萬"), 10**4),
    **dict.fromkeys(
        ("m", "mn", "million", "millions", "mio", "millionen", "milione", "milioni", "milhão", "milhões", "millón", "millones"), 10**6
    ),
    **dict.fromkeys(("亿", "億"), 10**8),
    **dict.fromkeys(
        ("b", "bn", "billion", "milliard", "milliards", "mrd", "milliarde", "milliarden", "miliardo", "miliardi", "bilhão", "bilhões"),
        10**9,
    ),
    "trillion": 10**12,
}
_LETTER_SCALES = ("k", "m", "b")  # may be a unit as well: 5 m
_SIGNS = frozenset("%$€£¥₹‰")
_FRENCH_GROUP = re.compile(r"(?<=\d)(?<!\d{4}) (?=\d{3}(?!\d))")  # 1 500
_CODE = re.compile(r"(?<!\w)[^\W\d_]{1,20}-?(\d{1,15})(?!\w)")  # U21, COVID-19
_NORMAL_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_HEDGE = re.compile(
    r"\b(?:about|around|nearly|almost|approximately|approx\.?|roughly|over|some|more than|less than|at least|up to|under|below|above|"
    r"environ|près de|plus de|presque|moins de|rund|etwa|ca\.?|fast|über|mehr als|knapp|circa|quasi|più di|oltre|cerca de|quase|mais de|"
    r"unos|unas|casi|alrededor de|más de)\s+\D{0,2}$|(?:约|大约|超过|近|約|およそ|ほぼ)$",
    re.I,
)
_ISO = re.compile(r"(?<![\d.,/-])([12]\d{3})([-/.])(\d{1,2})\2(\d{1,2})(?![\d/-])")
_DAY_FIRST = re.compile(r"(?<![\d.,/-])(\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d{2})(?![\d/-])")
_HAN_DATE = re.compile(r"(?:([12]\d{3})年)?(\d{1,2})月(?:(\d{1,2})[日号號])?|([12]\d{3})年")  # 0001年 is a number
Date = tuple[int, int, int]  # year, month, day; 0 for what is not told


@dataclass(frozen=True, slots=True)
class Number:
    """`written` as it stands; `values` are its readings; `is_judged` says whether a reader would expect it in the source.

    `step` is how far off a rounded number may be from what was rounded, 0 for one that is exact.
    """

    written: str
    values: tuple[Decimal, ...]
    is_judged: bool = True
    step: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Figures:
    """Every number and date of a text, in order; `date_texts` are the dates as they are written."""

    numbers: tuple[Number, ...]
    dates: tuple[tuple[Date, ...], ...]
    date_texts: tuple[str, ...]


def figures_in(text: str, language: str) -> Figures:
    """The figures of a text. Those in words come after those in digits; a date's parts are not numbers too."""
    dates: list[tuple[Date, ...]] = []
    written: list[str] = []
    if language in UNSPACED:
        text = numerals_to_digits(text, language)
    for pattern, read in _date_forms(language):
        rest: list[str] = []
        end = 0
        for found in pattern.finditer(text):
            readings = tuple(date for date in read(found) if _is_date(date))
            if readings:
                dates.append(readings)
                written.append(found[0].strip())
                rest += [text[end : found.start()], " ; "]
                end = found.end()
        text = "".join(rest) + text[end:]
    if language == "fr":
        text = _FRENCH_GROUP.sub("", text)
    numbers = [_number(found, text, language) for found in _NUMBER.finditer(text)]
    more_numbers, more_dates = _worded(_NUMBER.sub(" ; ", text), language)
    dates += [readings for readings, _ in more_dates]
    written += [told for _, told in more_dates]
    return Figures((*numbers, *more_numbers), tuple(dates), tuple(written))


def _number(found: re.Match[str], text: str, language: str) -> Number:
    tail = found["tail"].strip()
    number = _decimal(found["digits"], language)
    scale = _SCALES.get(tail.lower().rstrip("."))
    values = [number * scale] if scale else [number]
    if tail.lower() in _LETTER_SCALES or tail == "mil":  # 5 m; 5 mil reads 5000 in Spanish only
        values.append(number)
    is_counted = number == number.to_integral_value() and number < MIN_JUDGED
    is_judged = not is_counted or bool(scale) or bool(_SIGNS & {*tail, *(found["before"] or "")})
    hedged = bool(_HEDGE.search(text[max(0, found.start() - 24) : found.start()]))
    grouped = not found["digits"].isdigit()
    return Number(found[0].strip(), tuple(values), is_judged, _step(number, scale or 1, hedged, grouped))


def _decimal(digits: str, language: str) -> Decimal:
    """Digits with their marks as a number: the last mark is the decimal one where it can be, the others group thousands."""
    decimal = "," if language in COMMA_IS_DECIMAL else "."
    digits = re.sub(r"['\u00a0\u202f]", "", digits)
    grouping = "." if decimal == "," else ","
    whole, point, fraction = digits.rpartition(decimal)
    if not point or decimal in whole or grouping in fraction:
        return Decimal(re.sub(r"[.,]", "", digits))
    groups = whole.split(grouping)
    if len(groups) == 1 and len(groups[0]) > 3 and len(fraction) == 3 and decimal == ",":
        return Decimal(f"{whole}.{fraction}")
    return Decimal(f"{''.join(groups)}.{fraction}")


def _step(number: Decimal, scale: int, is_hedged: bool, is_grouped: bool) -> Decimal:
    """How far the source's figure may be from a number that may have been rounded: half of its last place, all of it after "about".

    That place is that of the last digit written before "million"; else that of the last digit before zeros at the end, with two
    digits kept. Years are exact.
    """
    if scale > 1:
        place = Decimal(scale) * Decimal(10) ** int(number.as_tuple().exponent)
        return place if is_hedged else place / 2
    if number != number.to_integral_value():
        return Decimal(10) ** int(number.as_tuple().exponent) if is_hedged else Decimal(0)
    digits = str(int(number))
    zeros = min(len(digits) - len(digits.rstrip("0")), len(digits) - (1 if is_hedged else 2))
    if zeros < 1 or (not is_grouped and MIN_YEAR <= number <= MAX_YEAR) or not (is_hedged or number >= MIN_ROUNDED):
        return Decimal(0)
    place = Decimal(10) ** zeros
    return place if is_hedged else place / 2


def _worded(text: str, language: str) -> tuple[list[Number], list[tuple[tuple[Date, ...], str]]]:
    """Numbers and dates that are written in words (July twenty-fifth). Codes such as U21 are read, and not judged."""
    numbers = [Number(found[0], (Decimal(found[1]),), False) for found in _CODE.finditer(text)]
    dates: list[tuple[tuple[Date, ...], str]] = []
    if language in UNSPACED:
        return numbers, dates
    pattern, read = _date_forms(language)[-1]
    for line in _CODE.sub(" ; ", text).splitlines():
        normal = normalise_transcript(line, language)
        if not any(character.isdigit() for character in normal):
            continue
        for found in pattern.finditer(normal):
            readings = tuple(date for date in read(found) if _is_date(date))
            if readings:
                dates.append((readings, found[0].strip()))
        for number in _NORMAL_NUMBER.finditer(pattern.sub(lambda found: " ; " if read(found) else found[0], normal)):
            value = Decimal(number[0][:40])
            numbers.append(Number(number[0], (value,), value >= MIN_JUDGED, _step(value, 1, False, True)))
    return numbers, dates


def _is_date(date: Date) -> bool:
    year, month, day = date
    return (0 < month <= 12 or not month) and day <= 31 and (month > 0 or year > 0)


@functools.cache
def _months(language: str) -> dict[str, int]:
    """Months by their names and short forms, lower-cased."""
    names = MONTHS if language == "en" or language not in LEXICONS else LEXICONS[language].months
    found: dict[str, int] = {}
    for number, name in enumerate(names, 1):
        for form in (name, name[:3], name[:4]):
            found.setdefault(form.lower(), number)
    if language == "es":
        found["setiembre"] = 9
    if language == "de":
        found["jänner"] = 1
    return found


@functools.cache
def _date_forms(language: str) -> tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], list[Date]]], ...]:
    """Patterns of dates and what each says, the most telling ones first."""
    forms: list[tuple[re.Pattern[str], Callable[[re.Match[str]], list[Date]]]] = [(_ISO, _read_iso), (_DAY_FIRST, _read_numeric)]
    if language in UNSPACED:
        return (*forms, (_HAN_DATE, _read_han))
    months = _months(language)
    names = "|".join(sorted(map(re.escape, months), key=len, reverse=True))
    joint = r"(?:\s+(?:of|de|del|di|d['’])\s*|\s+|-)"
    day = r"\d{1,2}(?:st|nd|rd|th|\.|er|º|°)?"
    named = re.compile(
        rf"(?<![\w.,])(?:(?P<first>{day}){joint})?(?<!\w)(?P<month>{names})\b\.?"
        rf"(?:\s+(?:the\s+)?(?P<second>{day})(?!\d|[:.]\d|,\d{{3}}(?!\d)|\s?%))?(?:(?:,\s*|\s+)(?:of\s+|de\s+|del\s+)?(?P<year>\d{{4}})(?!\d|,\d))?",
        re.I,
    )

    def read(found: re.Match[str]) -> list[Date]:
        day_text = found["first"] or found["second"] or ""
        year = int(found["year"] or 0)
        if not day_text and not year:
            return []
        return [(year, months[found["month"].lower()], int(re.sub(r"\D", "", day_text) or 0))]

    return (*forms, (named, read))


def _read_iso(found: re.Match[str]) -> list[Date]:
    return [(int(found[1]), int(found[3]), int(found[4]))]


def _read_numeric(found: re.Match[str]) -> list[Date]:
    year = int(found[4])
    years = [year] if year >= 100 else [1900 + year, 2000 + year]
    first, second = int(found[1]), int(found[3])
    pairs = [(second, first)] if found[2] == "." else [(second, first), (first, second)]
    return [(one, month, day) for one in years for month, day in dict.fromkeys(pairs) if month and day]


def _read_han(found: re.Match[str]) -> list[Date]:
    return [(int(found[1] or found[4] or 0), int(found[2] or 0), int(found[3] or 0))]


@dataclass(frozen=True, slots=True)
class KnownFigures:
    """The figures of a source, to look those of a summary up in."""

    values: frozenset[Decimal]
    ordered: tuple[Decimal, ...]
    dates: frozenset[Date]
    years: frozenset[int]


def known_figures(figures: Figures) -> KnownFigures:
    """Values and dates of a source; the parts of a date are numbers too (in 2024)."""
    dates = frozenset(date for readings in figures.dates for date in readings)
    values = {value for number in figures.numbers for value in number.values}
    values |= {Decimal(part) for date in dates for part in date if part}
    years = frozenset(int(value) for value in values if MIN_YEAR <= value <= MAX_YEAR and value == value.to_integral_value())
    return KnownFigures(frozenset(values), tuple(sorted(values)), dates, years)


def missing_figures(figures: Figures, known: KnownFigures) -> list[str]:
    """The judged numbers and the dates, as written, that the source has in no reading. Sums and differences count as missing."""
    missing = [number.written for number in figures.numbers if number.is_judged and not _has_number(number, known)]
    dates = zip(figures.dates, figures.date_texts, strict=True)
    return list(dict.fromkeys([*missing, *(text for readings, text in dates if not any(_has_date(one, known) for one in readings))]))


def _has_number(number: Number, known: KnownFigures) -> bool:
    if any(value in known.values for value in number.values):
        return True
    return bool(number.step) and any(abs(value - there) <= number.step for value in number.values for there in known.ordered)


def _has_date(date: Date, known: KnownFigures) -> bool:
    year, month, day = date
    if not month:
        return year in known.years
    if date in known.dates:
        return True
    return any(
        there[1] == month and (not day or there[2] == day) and (not year or there[0] == year or (not there[0] and year in known.years))
        for there in known.dates
    )
