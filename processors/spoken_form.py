"""What is written as a reader says it: digits, signs, units and short forms become words.

English is complete (processors/spoken_english.py). The other seven languages get numbers, decimals, ordinals, percentages, money,
common units, dates and clock times; short forms stay as written there, for the speaking engine to read.
nemo_text_processing would do more, but needs pynini, which must be compiled, and seconds to start.
"""

from __future__ import annotations

import functools
import re

from num2words import num2words

from processors.numbers import COMMA_IS_DECIMAL, cardinal, decimal, one_by_one
from processors.spoken_english import verbalise_english
from processors.spoken_lexicon import CHINESE, LEXICONS, Lexicon

UNSPACED = ("zh", "ja")

_START = r"(?<!\w)(?<!\w[.,])"  # not inside a number, and only once a number: keeps long runs of digits linear
_AMOUNT = r"\d+(?:[.,\u00a0\u202f]\d+)*+"
_ISO_DATE = re.compile(r"(?<![\d-])(\d{4})([-/])(\d{1,2})\2(\d{1,2})(?![\d-])")
_DAY_FIRST = re.compile(r"(?<![\d./-])(\d{1,2})([./-])(\d{1,2})\2(\d{4})(?![\d/-])")
_CLOCK = re.compile(r"(?<![\d:.,])([01]?\d|2[0-3]):([0-5]\d)(?![\d:])(?:\s?(?:Uhr|heures|horas|ore|h)\b)?")
_FRENCH_HOUR = re.compile(r"(?<![\d:.,])([01]?\d|2[0-3])\s?h(?:\s?([0-5]\d))?(?![\w/])")
_RATIO = re.compile(r"(?<![\d:.,])(\d+):(\d+)(?![\d:])")
_POINT_THOUSANDS = re.compile(r"(?<![\w.,])\d{1,3}(?:[. \u00a0\u202f]\d{3})+(?![\d.])")  # 1.200, 1 200
_COMMA_THOUSANDS = re.compile(r"(?<!\d)(?<!\d[.,])\d{1,3}(?:,\d{3})++(?![\d,])")
_NUMBER = re.compile(r"(?<![\w.,])(\d+)(?:\.(\d+))?+(?!\w)")
_NUMBER_UNSPACED = re.compile(r"(\d+)(?:\.(\d+))?")
_ORDINAL_SIGN = re.compile(r"(?<!\w)(\d{1,4})\.?([ºª])")
_FRENCH_ORDINAL = re.compile(r"(?<!\w)(\d{1,4})(er|re|ère|e|ème|eme|nd|nde)(?!\w)")
_GERMAN_ORDINAL = re.compile(
    r"(?:\b([Aa]m|[Ii]m|[Zz]um|[Zz]ur|[Vv]om|[Bb]eim|[Dd]em|[Dd]en|[Dd]es|[Aa]b|[Bb]is|[Ss]eit|[Dd]er|[Dd]ie|[Dd]as|\d{1,2}\. bis)\s+)?(?<!\w)(\d{1,2})\."
    r"(?=\s+(?:Januar|Februar|März|April|Mai|Juni|Juli|August|September|Oktober|November|Dezember"
    r"|Jahrhundert|Jahrtausend|Jahrestag|Geburtstag|Platz|Mal|Klasse|Stock|Etage|Kapitel|Weltkrieg|Lebensjahr|Bundesliga)s?\b)"
)
_GERMAN_YEAR = re.compile(
    r"(?<![\w.,])(1[1-9]\d\d)(er)?(?![\w.,]?\d)(?!\w)(?!\s*[€$£¥%]|\s(?:Euro|Dollar|Meter|Kilometer|Kilo|Gramm|Liter)\b)"
)
_HANZI_YEAR = re.compile(r"(?<!\d)(\d{4})(?=\s*(?:年|赛季))")
_NEXT_WORD = re.compile(r"\s([^\W\d_]{2,})")
_FEMININE = {  # endings that are feminine nearly always
    "es": ("as", "ciones", "siones", "dades", "a"),
    "pt": ("as", "ções", "sões", "dades", "a"),
    "it": ("a", "ione", "tà"),
    "de": ("ung", "heit", "keit", "schaft", "ion", "tät", "e"),
}
_MINUS = re.compile(r"(?<![\w)\]])[-−](?=\d)")
_BETWEEN_LETTERS = re.compile(r"(?<=[^\W\d_])/(?=[^\W\d_])")
_FEMALE_ENDING = re.compile(r"/-?(?=in(?:nen)?\b)")  # Lehrer/innen
_AND_OR = re.compile(r"\b(und|et|y|e)/(oder|ou|o)\b")


def verbalise(text: str, language: str, numbers: bool = True) -> str:
    """The text in words; `numbers` False leaves digits outside English, as transcripts are compared in digits.

    A language that is none of the eight stays as it is.
    """
    if language == "en":
        return verbalise_english(text)
    if language not in LEXICONS:
        return text
    lexicon = LEXICONS[language]
    has_digits = any(ch.isdigit() for ch in text)
    if has_digits:
        text = _dates_and_times(text, lexicon, language)
        text = _quantities(text, lexicon, language)
    if any(ch in text for ch in "&＆+＋/"):
        text = _signs(text, lexicon, language)
    return _numbers(text, language) if numbers and has_digits else text


def _signs(text: str, lexicon: Lexicon, language: str) -> str:
    joint = lexicon.joint
    text = re.sub(r"(?<!\s)\s*[&＆]\s*", f"{joint}{lexicon.and_}{joint}", text)
    text = re.sub(r"(?<=\w)(?:(?<!\s)\s+)?[+＋]\s*(?=\w)", f"{joint}{lexicon.plus}{joint}", text)
    if language == "de":
        text = _FEMALE_ENDING.sub("", text)
    text = _AND_OR.sub(r"\1 \2", text)
    return _BETWEEN_LETTERS.sub(f"{joint}{lexicon.or_}{joint}", text)


def _dates_and_times(text: str, lexicon: Lexicon, language: str) -> str:
    text = _ISO_DATE.sub(lambda found: _date(found[0], found[1], found[3], found[4], lexicon), text)
    if lexicon.months:
        text = _DAY_FIRST.sub(lambda found: _date(found[0], found[4], found[3], found[1], lexicon), text)
    if language == "zh":
        text = _HANZI_YEAR.sub(lambda found: one_by_one(found[1], language), text)
    if language == "fr":
        text = _FRENCH_HOUR.sub(lambda found: _clock(found[1], found[2] or "00", lexicon), text)
    text = _CLOCK.sub(lambda found: _clock(found[1], found[2], lexicon), text)
    if language == "de":
        text = _RATIO.sub(r"\1 zu \2", text)
    return text


def _date(written: str, year: str, month: str, day: str, lexicon: Lexicon) -> str:
    if not (1 <= int(month) <= 12 and 1 <= int(day) <= 31):
        return written
    if not lexicon.months:
        return f"{year}年{int(month)}月{int(day)}日"
    mark = {"fr": "er" if int(day) == 1 else "", "de": "."}.get(_language(lexicon), "")
    return f"{int(day)}{mark}{lexicon.of}{lexicon.months[int(month) - 1]}{lexicon.of}{year}"


def _language(lexicon: Lexicon) -> str:
    return next(language for language, other in LEXICONS.items() if other is lexicon)


def _clock(hour: str, minute: str, lexicon: Lexicon) -> str:
    if minute == "00":
        return lexicon.one_hour if int(hour) == 1 else lexicon.full_hour.format(int(hour))
    return lexicon.clock.format(int(hour), minute if lexicon is CHINESE else minute.lstrip("0"))


def _quantities(text: str, lexicon: Lexicon, language: str) -> str:
    text = _MINUS.sub(f"{lexicon.minus}{lexicon.joint}", text)
    text = _money(text, lexicon)
    if language == "zh":
        text = re.sub(rf"({_START}{_AMOUNT})\s?[%％]", r"百分之\1", text)
    else:
        text = re.sub(r"(?<=\d)\s?[%％]", f"{lexicon.joint}{lexicon.percent}", text)
    return _units_pattern(language).sub(lambda found: _counted(found[1], lexicon.units[_unit_sign(found[2])], lexicon.joint), text)


@functools.cache
def _units_pattern(language: str) -> re.Pattern[str]:
    signs = "|".join(sorted(map(re.escape, LEXICONS[language].units), key=len, reverse=True))
    start = r"(?<![\d.,])" if language in UNSPACED else r"(?<![\w.,])"
    end = "A-Za-z" if language in UNSPACED else r"\w'’"
    return re.compile(rf"{start}({_AMOUNT})\s?({signs}|℃)(?![{end}/²³])")


def _unit_sign(written: str) -> str:
    return "°C" if written == "℃" else written


def _counted(number: str, names: tuple[str, str], joint: str) -> str:
    one, many = names
    return one if number == "1" else f"{number}{joint}{many}"


def _money(text: str, lexicon: Lexicon) -> str:
    if not any(sign in text for sign in "€$£¥￥"):
        return text
    text = text.replace("￥", "¥")
    signs = "|".join(sorted(map(re.escape, lexicon.money), key=len, reverse=True))

    def read(sign: str, amount: str) -> str:
        one, many = lexicon.money[sign]
        whole, point, cents = amount.rpartition("," if lexicon.months else ".")
        if not (point and len(cents) == 2 and lexicon.months):
            return _counted(amount, (one, many), lexicon.joint)
        if int(cents) == 0:
            return _counted(whole, (one, many), lexicon.joint)
        if whole == "0" and sign in "€$":
            return f"{int(cents)} {lexicon.hundredths}"
        return f"{_counted(whole, (one, many), lexicon.joint)}{lexicon.money_joint}{int(cents)}"

    text = re.sub(rf"(?:US(?=\$))?({signs})\s?({_AMOUNT})", lambda found: read(found[1], found[2]), text)
    return re.sub(rf"(?<!\d)(?<!\d[.,])({_AMOUNT})\s?({signs})(?!\d)", lambda found: read(found[2], found[1]), text)


def _numbers(text: str, language: str) -> str:
    if language in COMMA_IS_DECIMAL:
        text = _ordinals(text, language)
        text = _POINT_THOUSANDS.sub(lambda found: re.sub(r"\D", "", found[0]), text)
        text = re.sub(r"(?<=\d),(?=\d)", ".", text)
    else:
        text = _COMMA_THOUSANDS.sub(lambda found: found[0].replace(",", ""), text)

    def read(found: re.Match[str]) -> str:
        if found[2]:
            return decimal(found[1], found[2], language)
        words = cardinal(found[1], language)
        return _agreeing(words, found, language) if language in ("es", "pt", "it", "de") else words

    return (_NUMBER_UNSPACED if language in UNSPACED else _NUMBER).sub(read, text)


def _agreeing(words: str, found: re.Match[str], language: str) -> str:
    """A number in the form that the next word asks for, as far as its ending tells: 21 años, 200 personas, 1 Stunde."""
    following = _NEXT_WORD.match(found.string, found.end())
    if following is None:
        return words
    noun = following[1]
    if language == "de":
        return ("eine" if noun.endswith(_FEMININE["de"]) else "ein") if words == "eins" and noun[0].isupper() else words
    feminine = noun.endswith(_FEMININE[language])
    if language == "it":
        return ("una" if feminine else "un") if words == "uno" else words
    if language == "pt":
        for masculine, other in (("dois", "duas"), ("um", "uma")):
            if feminine and (words == masculine or words.endswith(" " + masculine)):
                words = words.removesuffix(masculine) + other
        return words.replace("entos", "entas") if feminine else words
    if words.endswith("uno"):
        words = words.removesuffix("uno") + ("una" if feminine else "ún" if words.endswith("veintiuno") else "un")
    return words.replace("cientos", "cientas").replace("quinientos", "quinientas") if feminine else words


def _ordinals(text: str, language: str) -> str:
    if language == "fr":
        return _FRENCH_ORDINAL.sub(lambda found: _french_ordinal(int(found[1]), found[2]), text)
    if language == "de":
        return _GERMAN_YEAR.sub(_german_year, _GERMAN_ORDINAL.sub(_german_ordinal, text))

    def read(found: re.Match[str]) -> str:
        words = str(num2words(int(found[1]), lang=language, to="ordinal"))
        return words[:-1] + "a" if found[2] == "ª" else words

    return _ORDINAL_SIGN.sub(read, text)


def _french_ordinal(number: int, suffix: str) -> str:
    if number == 1:
        return "première" if suffix in ("re", "ère") else "premier"
    return str(num2words(number, lang="fr", to="ordinal"))


def _german_ordinal(found: re.Match[str]) -> str:
    """Weak after articles and prepositions: am achtzehnten, der achtzehnte; strong without: achtzehnter."""
    before = found[1]
    ending = "r" if before is None else "" if before.lower() in ("der", "die", "das") else "n"
    return (f"{before} " if before else "") + str(num2words(int(found[2]), lang="de", to="ordinal")) + ending


def _german_year(found: re.Match[str]) -> str:
    return str(num2words(int(found[1]), lang="de", to="year")) + (found[2] or "")
