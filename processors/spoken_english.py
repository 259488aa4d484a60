"""English as it is read aloud. Text that is already in words stays as it is, so reading twice changes nothing.

Number words come from num2words; dates, times, units, money, formulas and short forms from the tables here, because no library
that is light, kept and offline has them. Choices where readers differ: 5/3/2024 is month first unless the first number exceeds
12; four digits from 1100 to 2099 are a year after words such as "in" or "since"; capitals are spelled unless they have a vowel
and four letters or more, or are known as a word.
"""

from __future__ import annotations

import re

from processors.numbers import cardinal, decimal, english_ordinal, english_year, one_by_one
from processors.spoken_tables import (
    ABBREVIATIONS,
    CODED,
    DENOMINATORS,
    MONEY,
    MONTHS,
    OPERATORS,
    PLAIN_MARKS,
    RULERS,
    SPOKEN_AS_WORDS,
    SPOKEN_BY_LETTER,
    UNITS,
    YEAR_NOUNS,
)

_MONTH_NAMES = "|".join([*MONTHS, *(month[:3] + r"\.?" for month in MONTHS if month != "May"), r"Sept\.?"])
_START = r"(?<!\d)(?<!\d[.,])"  # a number is tried once, at its beginning: keeps long runs of digits linear
_NUMBER = r"\d{1,3}(?:,\d{3})++(?![\d])(?:\.\d++)?|\d++(?:\.\d++)?|\.\d++"
_SCALE = r"(?:\s?(thousand|million|billion|trillion|[kKMB]|bn|m)\b)?"
_SCALES = {"k": "thousand", "K": "thousand", "M": "million", "m": "million", "B": "billion", "bn": "billion"}
_SYMBOLS = "".join(re.escape(symbol) for symbol in MONEY if len(symbol) == 1)

_ISO_DATE = re.compile(r"\b(\d{4})-(\d\d)-(\d\d)\b")
_SLASH_DATE = re.compile(r"\b(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})\b")
_POINT_DATE = re.compile(r"(?<![\w.])(\d{1,2})\.(\d{1,2})\.(\d{4})\b(?!\.\d)")
_ANY_MONTH = re.compile("|".join(month[:3] for month in MONTHS))
_FOUR_DIGITS = re.compile(r"\d{4}")
_MONTH_DAY = re.compile(rf"\b({_MONTH_NAMES})\s+(\d{{1,2}})(?:st|nd|rd|th)?\b(?:,?\s*(\d{{4}})\b)?")
_DAY_MONTH = re.compile(rf"\b(\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?({_MONTH_NAMES})(?![\w])(?:,?\s*(\d{{4}})\b)?")
_MONTH_YEAR = re.compile(rf"\b({_MONTH_NAMES})\s+(\d{{4}})\b")
_TIME = re.compile(r"\b([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?(?:\s?([ap])(?:\.m\.|m\b))?", re.I)
_HOUR = re.compile(r"\b(1[0-2]|0?[1-9])\s?([ap])(?:\.m\.|m\b)", re.I)
_PREFIX_MONEY = re.compile(rf"(?:\b(?:US|A|C|S|HK|NZ)(?=\$))?([{_SYMBOLS}]|\bRM|\bRs\.?)\s?({_NUMBER}){_SCALE}")
_CODE_MONEY = re.compile(rf"(?:\b({'|'.join(CODED)})\s?({_NUMBER})|{_START}({_NUMBER})\s?({'|'.join(CODED)}|[€£¢]|\$(?!\d))(?!\w))")
_PERCENT = re.compile(rf"{_START}({_NUMBER})\s?%")
_UNIT = re.compile(rf"(?<![\w.]){_START}({_NUMBER})(\s?|-)({'|'.join(sorted(map(re.escape, UNITS), key=len, reverse=True))})(?![\w/²³^])")
_RANGE = re.compile(rf"(?<![\w.\-/]){_START}({_NUMBER})\s?[-–]\s?({_NUMBER})(?![\w\-/]|\.\d)(?!\s*=)")
_MONEY_RANGE = re.compile(rf"(?<=\d)\s?[-–]\s?(?=[{_SYMBOLS}]\d)")
_ORDINAL = re.compile(r"\b(\d{1,6})(?:st|nd|rd|th)\b", re.I)
_DECADE = re.compile(r"\b(1[1-9]\d0|20\d0)'?s\b")
_FRACTION = re.compile(r"(?<![\w./])(?:(\d+)[\s-])?(\d{1,3})/(\d{1,3})(?:rds?|ths?|nds?)?(?![\w/]|\.\d)")
_NOT_COUNTED = (  # 1250 pairs, 2000 people are no years
    r"(?!\s(?:people|men|women|children|more|fewer|less|percent)\b)(?!\s(?!was\b|has\b|its\b|his\b|this\b|does\b|plus\b)[a-z]{3,}s\b)"
)
_YEAR = re.compile(
    r"\b((?:in|since|by|from|until|till|before|after|around|year|years|of|during|between|and|to)\s)(1[1-9]\d\d|20\d\d)\b(?![,.:]\d)"
    + _NOT_COUNTED,
    re.I,
)
_EARLY_YEAR = re.compile(r"\b((?:in|since|until|till|year)\s)(10[1-9]\d|2[1-9]\d\d)\b(?![,.:]\d)" + _NOT_COUNTED, re.I)
_YEAR_NOUN = re.compile(
    rf"(?<![\w.,$])(1[89]\d\d|20\d\d)(?=\s(?:{YEAR_NOUNS})\b|\s[A-Z][a-z]+(?<!s)\b|\s(?:Olympics|Paralympics|Games|Awards|Championships)\b)"
)
_POWER = re.compile(r"(?<=[\w)])\s?\^\s?\{?\(?(-?\d+|[a-z])\)?\}?")
_PHONE = re.compile(
    r"(?<![\w-])(?:\+?\d{1,3}[- ])?(?:\(?\d{3}\)?[- ])?\d{3}-\d{4}(?![\w-])|(?<![\w-])\+\d{1,3}(?:[- ]\d{2,4}){2,4}(?![\w-])"
)
_EMERGENCY = re.compile(r"\b([Cc]all(?:ing|ed|s)?|[Dd]ial(?:ing|ed|s)?)\s(\d{3})\b(?![-,.:/]\d)")
_FEET_INCHES = re.compile(r"\b(\d)'\s?(\d{1,2})(?:\"|''|\b)")
_FT_IN = re.compile(r"\b(\d+)\s?ft\.?\s?(\d{1,2})\s?in\b\.?")
_PER = re.compile(r"(?<=[\w])/(?=(?:day|week|month|year|hour|hr|minute|person|night|mile|gallon|pound|lb|capita)\b)")
_VERSION = re.compile(r"(?<![\w.])\d+(?:\.\d+){2,}+(?!\w)")
_RATIO = re.compile(r"(?<![\d:.,])(\d+):(\d+)(?![\d:])")
_SHORT_DECADE = re.compile(r"(?:\b(the|in|[Ee]arly|[Ll]ate|[Mm]id|his|her|their|my|your|our)([\s-])'?|(?<!\w)')([2-9]0)'?s\b")
_TIMES = re.compile(r"(?<=\d)\s?x(?=\s(?!and\b|plus\b|minus\b|equals\b)[a-z]{3,})|(?<=\d)\sx\s(?=\d)")
_SCORE = re.compile(r"\b(?:scor|won|win|lose|losing|lost|lead|led|beat|defeat|victor|record|tie|draw|game|match)", re.I)
_ROMAN = re.compile(r"\b((?:[A-Z]\w{0,20}\.?\s)?)([A-Z]\w{0,20})\s(X{0,3}(?:IX|IV|V?I{1,3}|V|X))(?!\w|['.]\w)")
_BARE_YEAR = re.compile(r"(?<![\w.,$])(19\d\d|20\d\d)(?=\s*(?:[.,;:?!)]|$)|[\"'])(?![.,]\d)")
_BY = re.compile(r"(?<=\d)\s?x\s?(?=\d)")
_MILLIONS = re.compile(r"(?<=\d)\s?(M|bn)\b")
_HASH_NUMBER = re.compile(r"#\s?(?=\d)")
_NUMERO = re.compile(r"\b(?:No|Nr)\.\s?(?=\d)|№\s?")
_MINUS_SIGN = re.compile(r"(?<![\w)])[-−](?=\d)")
_PLAIN = re.compile(rf"(?<![\w])({_NUMBER})")
_INCHES = re.compile(r"(?<=\d)\"(?!\w)")
_MIXED = re.compile(r"(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z][a-z])|(?<=\b[A-Z])(?=[A-Z][a-z]{2}[a-z]*[A-Z])|(?<=[a-z]{2})(?=[A-Z])")
_CAPITALS = re.compile(r"\b([A-Z]{2,})(s)?\b")
_DOTTED = re.compile(r"(?<![\w.])(?:[A-Za-z]\.){2,}+(?![A-Za-z])")
_DIGITS = re.compile(r"\d+")
_JOINING = frozenset("-–+")
_MONEY_SIGNS = frozenset(sign for sign in MONEY if len(sign) == 1)
_MONEY_CODES = re.compile(rf"RM|Rs|{'|'.join(CODED)}")
_ROMAN_VALUES = {"I": 1, "V": 5, "X": 10}
_CAPITAL, _SMALL, _LONG_WORD = re.compile(r"[A-Z]"), re.compile(r"[a-z]"), re.compile(r"[A-Za-z]{2,}")
_GAPS = re.compile(r"\s{2,}")
_MAY_BE_SHORT = re.compile(
    r"[/#+№]|\b(?:[EeIi]\.|al\.|a\.k|Dr\.|Mr|Ms\.|Prof\.|Capt\.|Gen\.|Sgt\.|Lt\.|Gov\.|Sen\.|St\.|Ave\.|Rd\.|Mt\.|Ft\.|Jr\.|Sr\.|Inc\.|Ltd\.|Co\.|Corp\."
    r"|Dept\.|[Aa]pprox\.|[Ff]ig\.|[Vv]ol\.|[Cc]h\.|pp?\.|[Mm]ax\.|[Mm]in\.|[Aa]vg\.|sq\.|No\.|Nr\.|O\.?K|Ph|U\.S|[Vv]s|[Ee]tc|aka\b|WHO\b|IT\b|WW|\w+\.js|World War I\b)"
)
_OPERATOR_SIGNS = frozenset("=≠!≤≥≈~±×÷+*<>√π∞°&@#/–—-^αβγδΔεθλσΣφω")


def verbalise_english(text: str) -> str:
    """English text in words."""
    if text.isascii() and text.islower() and text.replace(" ", "").isalpha():
        return text  # nothing to read otherwise; most of what is heard
    text = _plain_marks(text)
    if _MAY_BE_SHORT.search(text):
        text = _short_forms(text)
    has_digits = any(ch.isdigit() for ch in text)
    if has_digits:
        text = _quantities(_dates_and_times(text))
    if not _OPERATOR_SIGNS.isdisjoint(text):
        text = _formulas(text)
    if has_digits:
        text = _digits(text)
    if not text.islower() or "." in text or "_" in text:
        text = _capitals(text)
    return _GAPS.sub(" ", text).strip()


def _plain_marks(text: str) -> str:
    text = _GAPS.sub(" ", text.translate(PLAIN_MARKS))  # first of all: signs with spaces around are looked for below
    num_capitals = len(_CAPITAL.findall(text))
    if num_capitals > 0.6 * (num_capitals + len(_SMALL.findall(text))) and len(_LONG_WORD.findall(text)) >= 3:
        text = text.lower()  # a text all in capitals shouts; its words are not initials
    return text


def _short_forms(text: str) -> str:
    for pattern, spoken in ABBREVIATIONS:
        text = pattern.sub(spoken, text)
    return _NUMERO.sub("number ", _HASH_NUMBER.sub("number ", text))


def _month(name: str) -> str:
    return next(month for month in MONTHS if month[:3].lower() == name[:3].lower())


def _date(month: str, day: str, year: str | None) -> str:
    spoken = f"{month} {english_ordinal(str(int(day)))}"
    return f"{spoken} {english_year(year)}" if year else spoken


def _numeric_date(found: re.Match[str]) -> str:
    first, second, year = int(found[1]), int(found[2]), found[3]
    month, day = (second, first) if first > 12 else (first, second)
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return found[0]
    century = "" if len(year) == 4 else "19" if year > "50" else "20"
    return _date(MONTHS[month - 1], str(day), century + year)


def _iso_date(found: re.Match[str]) -> str:
    month, day = int(found[2]), int(found[3])
    return _date(MONTHS[month - 1], found[3], found[1]) if 1 <= month <= 12 and 1 <= day <= 31 else found[0]


def _time(found: re.Match[str]) -> str:
    hour, minute, second, half = found.groups()
    spoken = cardinal(str(int(hour)), "en")
    if minute != "00":
        spoken += (" oh " if minute[0] == "0" else " ") + cardinal(str(int(minute)), "en")
    elif not half:
        spoken += " o'clock" if 1 <= int(hour) <= 12 else " hundred"
    if second:
        spoken += f" and {cardinal(str(int(second)), 'en')} seconds"
    return f"{spoken} {half.lower()} m" if half else spoken


def _dates_and_times(text: str) -> str:
    if _FOUR_DIGITS.search(text) or "/" in text:
        text = _ISO_DATE.sub(_iso_date, text)
        text = _SLASH_DATE.sub(_numeric_date, text)
        text = _POINT_DATE.sub(lambda found: _point_date(found[0], found[1], found[2], found[3]), text)
    if _ANY_MONTH.search(text):
        text = _DAY_MONTH.sub(_day_month, text)
        text = _MONTH_DAY.sub(lambda found: _date(_month(found[1]), found[2], found[3]) if 1 <= int(found[2]) <= 31 else found[0], text)
        text = _MONTH_YEAR.sub(lambda found: f"{_month(found[1])} {english_year(found[2])}", text)
    if ":" in text:
        text = _TIME.sub(_time, text)
        text = _RATIO.sub(r"\1 to \2", text)
    return _HOUR.sub(lambda found: f"{cardinal(str(int(found[1])), 'en')} {found[2].lower()} m", text)


def _point_date(written: str, day: str, month: str, year: str) -> str:
    """5.3.2024: whoever writes points puts the day first."""
    return _date(MONTHS[int(month) - 1], day, year) if 1 <= int(month) <= 12 and 1 <= int(day) <= 31 else written


def _day_month(found: re.Match[str]) -> str:
    month = f"{_month(found[2])} {english_year(found[3])}" if found[3] else _month(found[2])
    the = "" if found.string[max(0, found.start() - 4) : found.start()].lower().strip() == "the" else "the "
    return f"{the}{english_ordinal(found[1])} of {month}" if 1 <= int(found[1]) <= 31 else found[0]


def _number(written: str) -> str:
    whole, _, fraction = written.replace(",", "").partition(".")
    return decimal(whole, fraction, "en") if fraction else cardinal(whole, "en")


def _money(written: str, scale: str | None, names: tuple[str, str, str, str]) -> str:
    one, many, cent, cents = names
    if scale:
        return f"{_number(written)} {_SCALES.get(scale, scale)} {many}"
    whole, _, fraction = written.replace(",", "").partition(".")
    if fraction and len(fraction) != 2:
        return f"{_number(written)} {many}"
    parts = [] if not int(whole or "0") and fraction.strip("0") else [f"{cardinal(whole, 'en')} {one if whole == '1' else many}"]
    if fraction.strip("0") and cent:
        parts.append(f"{cardinal(str(int(fraction)), 'en')} {cent if int(fraction) == 1 else cents}")
    return " and ".join(parts)


def _coded_money(found: re.Match[str]) -> str:
    code, written = (found[1], found[2]) if found[1] else (found[4], found[3])
    return _money(written, None, CODED.get(code) or MONEY[code])


def _unit(found: re.Match[str]) -> str:
    number, joint, unit = found.groups()
    one, many = UNITS[unit]
    return f"{_number(number)} {one if number == '1' or joint == '-' else many}"


def _fraction(found: re.Match[str]) -> str:
    whole, top, bottom = found.groups()
    if int(bottom) in DENOMINATORS and 0 < int(top) < int(bottom):
        one, many = DENOMINATORS[int(bottom)]
        spoken = f"{cardinal(top, 'en')} {one if top == '1' else many}"
    else:
        spoken = f"{cardinal(top, 'en')} over {cardinal(bottom, 'en')}"
    if whole and spoken == "one half":
        spoken = "a half"
    return f"{cardinal(whole, 'en')} and {spoken}" if whole else spoken


def _decade(found: re.Match[str]) -> str:
    year = english_year(found[1])
    return year[:-1] + "ies" if year.endswith("y") else year + "s"


def _short_decade(found: re.Match[str]) -> str:
    before = f"{found[1]}{found[2]}" if found[1] else ""
    return before + cardinal(found[3], "en")[:-1] + "ies"


def _quantities(text: str) -> str:
    """Amounts in words. A pattern is tried only where the text has a sign that it needs: most have one or two."""
    signs = frozenset(text)
    if signs & _JOINING:
        text = _PHONE.sub(_phone, text)
    text = _EMERGENCY.sub(lambda found: f"{found[1]} {one_by_one(found[2], 'en')}", text)
    if "." in signs:
        text = _VERSION.sub(lambda found: " point ".join(cardinal(part, "en") for part in found[0].split(".")), text)
    text = _lengths(text, signs)
    if "/" in signs:
        text = _PER.sub(" per ", text)
    if signs & _JOINING:
        text = _MONEY_RANGE.sub(" to ", text)
        text = _RANGE.sub(_range, _MINUS_SIGN.sub("minus ", text))
    if signs & _MONEY_SIGNS or _MONEY_CODES.search(text):
        text = _PREFIX_MONEY.sub(lambda found: _money(found[2], found[3], MONEY[found[1].rstrip(".")]), text)
        text = _CODE_MONEY.sub(_coded_money, text)
    if "%" in signs:
        text = _PERCENT.sub(lambda found: f"{_number(found[1])} percent", text)
    text = _MILLIONS.sub(lambda found: f" {_SCALES[found[1]]}", text)
    if "0s" in text or "0's" in text:
        text = _SHORT_DECADE.sub(_short_decade, _DECADE.sub(_decade, text))
    if "x" in signs:
        text = _TIMES.sub(" times ", text)
    if "/" in signs:
        text = _FRACTION.sub(_fraction, text)
    text = _UNIT.sub(_unit, text)
    return _ORDINAL.sub(lambda found: english_ordinal(found[1]), _years(text))


def _lengths(text: str, signs: frozenset[str]) -> str:
    text = _FT_IN.sub(r"\1 feet \2 inches", text) if "ft" in text else text
    text = _FEET_INCHES.sub(r"\1 foot \2", text) if "'" in signs else text
    return _INCHES.sub(" inches", text) if text.count('"') == 1 else text


def _years(text: str) -> str:
    if _FOUR_DIGITS.search(text) is None:
        return text
    for pattern in (_YEAR, _EARLY_YEAR):
        text = pattern.sub(lambda found: found[1] + english_year(found[2]), text)
    for pattern in (_BARE_YEAR, _YEAR_NOUN):
        text = pattern.sub(lambda found: english_year(found[1]), text)
    return text


def _phone(found: re.Match[str]) -> str:
    return ("plus " if "+" in found[0] else "") + one_by_one(re.sub(r"\D", "", found[0]), "en")


def _range(found: re.Match[str]) -> str:
    low, high = found[1], found[2]
    if re.fullmatch(r"(1[1-9]|20)\d\d", low) and re.fullmatch(r"(1[1-9]|20)\d\d|\d\d", high):
        return f"{english_year(low)} to {english_year(high) if len(high) == 4 else cardinal(high, 'en')}"
    if low == high:
        return f"{_number(low)}-{_number(high)}"  # fifty-fifty
    if float(high.replace(",", "")) < float(low.replace(",", "")):
        near = found.string[max(0, found.start() - 80) : found.end() + 40]
        return f"{low} to {high}" if _SCORE.search(near) else f"{low} minus {high}"
    return f"{low} to {high}"


def _power(found: re.Match[str]) -> str:
    exponent = found[1]
    named = {"2": " squared", "3": " cubed"}
    return named.get(exponent) or f" to the power of {exponent.replace('-', 'minus ')}"


def _formulas(text: str) -> str:
    text = _POWER.sub(_power, text)
    for sign, pattern, spoken in OPERATORS:
        if sign in text:
            text = pattern.sub(spoken, text)
    return text


def _digits(text: str) -> str:
    text = _MIXED.sub(" ", _BY.sub(" by ", text))
    text = _PLAIN.sub(lambda found: _number(found[1]), text)
    return _DIGITS.sub(lambda found: one_by_one(found[0], "en"), text)


def _capitals(text: str) -> str:
    text = _DOTTED.sub(lambda found: " ".join(found[0].replace(".", "").upper()), text)
    text = _ROMAN.sub(_roman, text)
    text = _CAMEL.sub(" ", text.replace("_", " "))

    def read(found: re.Match[str]) -> str:
        word, plural = found[1], found[2]
        if word in SPOKEN_AS_WORDS or (len(word) >= 4 and word not in SPOKEN_BY_LETTER and re.search("[AEIOUY]", word)):
            return found[0]
        return " ".join(word) + ("'s" if plural else "")

    return _CAPITALS.sub(read, text)


def _roman(found: re.Match[str]) -> str:
    """Henry VIII the eighth, World War II two; a single V or X is a letter."""
    before, name, numeral = found.groups()
    value = sum(_ROMAN_VALUES[sign] for sign in numeral) - 2 * sum(_ROMAN_VALUES[pair[0]] for pair in ("IV", "IX") if pair in numeral)
    if len(numeral) == 1 or name in ("The", "Is", "Are", "What", "In", "On", "An", "Does", "Do", "Of", "And", "I"):
        return found[0]
    is_ruler = name in RULERS or before.strip() in ("King", "Queen", "Pope", "Emperor", "Tsar", "Sultan", "Pharaoh", "Prince", "Czar")
    return f"{before}{name} " + (f"the {english_ordinal(str(value))}" if is_ruler else cardinal(str(value), "en"))
