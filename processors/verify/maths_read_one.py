"""One value as it is written: a numeral, money, a percentage, a number with its unit, an expression, a number in words or in a phrase."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction

from processors.verify.maths_expression import FUNCTIONS, Ambiguous, Unreadable, only, parse
from processors.verify.maths_form import TEXT_CLOSE, TEXT_OPEN, names, unbraced
from processors.verify.maths_kinds import Group, Reading, Scalar, Value, Words
from processors.verify.maths_numbers import SCALES, Numeral, number_in_words, numeral
from processors.verify.maths_units import AMBIGUOUS, Unit, unit_of
from processors.verify.maths_words import meaning_of, plain

INFINITY = re.compile(r"(?P<sign>[-+]?) ?(?:\\infty|\\?inf(?:inity)?|oo)")


def numeral_readings(form: str) -> list[Reading]:
    """1,000 and 98,118,122,142: numbers first, lists perhaps."""
    found = numeral(form)
    if found is None:
        return []
    made = [Reading(_from_numeral(found))]
    if found.other is not None:
        made.append(Reading(Scalar(("num", found.other), decimals=found.other_decimals), 2))
    return made


def _from_numeral(found: Numeral) -> Scalar:
    return Scalar(("num", found.value), decimals=found.decimals)


# ---- one value

_MONEY = re.compile(r"(?P<sign>[-+]?) ?(?P<unit>US ?\$|\$|€|£|¥|₹|USD|EUR|GBP|Rs\.?) ?(?P<rest>.+)")
_HEAD = re.compile(r"(?P<number>[-+]?(?:\d[\d.,' ]*\d|\d|\.\d+)(?: ?/ ?\d+)?)(?P<rest>[^\d].*)")
_TAIL = re.compile(r"(?P<gap> ?)(?P<unit>(?:[^\W\d_]|\\degree|[€£¥$]).*)")
_PERCENT = re.compile(
    rf"(?P<head>.+?) ?(?:%|{TEXT_OPEN}? ?(?:percent|per cent|percentage|pct|Prozent|por ciento|por cento|per cento|pour cent|パーセント) ?{TEXT_CLOSE}?)"
)
_BASE = re.compile(
    r"\(?([0-9A-Fa-f]{1,64})\)?_ ?\{?(?:(\d{1,2})|"
    + TEXT_OPEN
    + r"? ?(two|three|four|five|six|seven|eight|nine|ten|twelve|sixteen) ?"
    + TEXT_CLOSE
    + r"?)\}?"
)
_NO_WORDS = re.compile(r"[\d\\^_=+*/<>|{}\[\]]")
_BASE_WORDS = {
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
    "ten": 10,
    "twelve": 12,
    "sixteen": 16,
}


def scalar(form: str) -> Scalar:
    value = scalars(form)[0].value
    if not isinstance(value, Scalar):
        raise Unreadable("one value expected")
    return value


def scalars(form: str) -> list[Reading]:
    """One value, or the two of a plus-minus sign; words where it is neither."""
    form = unbraced(form.strip())
    infinite = INFINITY.fullmatch(form)
    if infinite:
        return [Reading(Words(form, "minus_infinity" if infinite["sign"] == "-" else "infinity"))]
    for read in (_in_base, _money, _percent, _with_unit, _in_words, _expression, _long_unit, _lone_number):
        found = read(form)
        if found:
            return found
    if _NO_WORDS.search(form):
        raise Unreadable(f"{form[:60]!r} is no value")
    return [Reading(Words(plain(form), meaning_of(form)))]


def one_with_commas(form: str) -> list[Reading]:
    """The one value that a text with separators may be: 1,234 and 12,75 € and "three hundred and five"."""
    for read in (numeral_readings, _money, _percent, _with_unit, _in_words, _long_unit):
        found = read(form)
        if found:
            return found
    return []


def _in_base(form: str) -> list[Reading]:
    found = _BASE.fullmatch(form)
    if not found:
        return []
    base = int(found[2] or _BASE_WORDS.get(found[3], 0))
    digits = found[1].upper().lstrip("0") or "0"
    if not 2 <= base <= 16 or any(int(digit, 16) >= base for digit in digits):
        return []
    return [Reading(Scalar(("num", Fraction(int(digits, base))), base=base, digits=digits))]


def _money(form: str) -> list[Reading]:
    found = _MONEY.fullmatch(form)
    if not found:
        return []
    unit = unit_of("$" if "$" in found["unit"] else found["unit"])
    inner = [one for one in numeral_readings(found["rest"].strip()) or scalars(found["rest"]) if isinstance(one.value, Scalar)]
    made = []
    for one in inner:
        assert isinstance(one.value, Scalar)
        node = ("neg", one.value.node) if found["sign"] == "-" else one.value.node
        node = ("num", -one.value.node[1]) if found["sign"] == "-" and one.value.node[0] == "num" else node
        made.append(replace(one, value=replace(one.value, node=node, unit=unit)))
    return made


def _percent(form: str) -> list[Reading]:
    found = _PERCENT.fullmatch(form)
    if not found:
        return []
    inner = numeral_readings(found["head"].strip()) or scalars(found["head"])
    return [
        replace(one, value=replace(one.value, percent=True)) for one in inner if isinstance(one.value, Scalar) and one.value.unit is None
    ]


def _with_unit(form: str) -> list[Reading]:
    """A numeral and what it is of: 5 cm, 5cm, 1,200 apples, 3 million dollars, 90°, 2 dozen."""
    plain_numeral = numeral_readings(form)
    if plain_numeral:
        return plain_numeral
    head = _HEAD.fullmatch(form)
    if not head:
        return []
    made: list[Reading] = []
    numbers = numeral_readings(head["number"].strip(" ,."))
    rest = head["rest"]
    is_text = rest.lstrip().startswith(TEXT_OPEN)
    tail = _TAIL.fullmatch(rest.replace(TEXT_OPEN, " ").replace(TEXT_CLOSE, " ").lstrip() if is_text else rest)
    if rest[:1] == "^" and re.fullmatch(r"\^ ?\{? ?\\degree ?\}?.*", rest):
        tail = _TAIL.fullmatch("\\degree " + re.sub(r"^\^ ?\{? ?\\degree ?\}?", "", rest).strip())
    if not numbers or not tail:
        return []
    words = tail["unit"].strip()
    first = re.match(r"[^\W\d_]+", words)
    scale = (
        SCALES.get(first[0].casefold().removesuffix("s") if first[0].casefold() not in SCALES else first[0].casefold()) if first else None
    )
    if scale and first:
        rest_words = words[first.end() :].strip().removeprefix("of ")
        unit = unit_of(rest_words) if rest_words else None
        if rest_words and unit is None:
            return []
        return [replace(one, value=_scaled(one.value, scale, unit)) for one in numbers]
    unit = unit_of(words)
    if unit is None:
        return []
    is_spaced = is_text or bool(tail["gap"]) or rest.startswith(" ")
    if first and not is_text and _is_mathematics(first[0], unit, is_spaced, words):
        return []
    glued = not is_spaced and words in AMBIGUOUS
    made.extend(replace(one, value=replace(one.value, unit=unit, glued=glued)) for one in numbers if isinstance(one.value, Scalar))
    if glued:
        made.append(Reading(Scalar(only(parse(form))), 1))
    return made


def _is_mathematics(word: str, unit: Unit, is_spaced: bool, words: str) -> bool:
    if word in FUNCTIONS or word in ("pi", "e", "i", "x"):
        return True
    if unit.is_measure:
        return not is_spaced and len(words) == 1 and words not in AMBIGUOUS
    return len(word) < 3 or (not is_spaced and len(word) < 4)


def _scaled(value: Value, scale: int, unit: Unit | None) -> Value:
    assert isinstance(value, Scalar)
    return replace(value, node=("num", value.node[1] * scale), unit=unit, decimals=None)


def _expression(form: str) -> list[Reading]:
    try:
        trees = parse(form)
    except Ambiguous:
        raise
    except Unreadable:
        return _expression_with_unit(form)
    if len(trees) == 2:
        return [Reading(Group("list", tuple(Scalar(tree) for tree in trees)))]
    return [Reading(Scalar(trees[0]))]


_UNIT_AFTER = re.compile(r"(?:(?<=[\d)}\]])|(?<=\\pi)|(?<=\\pi )) ?(?P<unit>[A-Za-z\\][^\d]{0,40}(?:\^ ?\{?\d\}?)?)$")


def _expression_with_unit(form: str) -> list[Reading]:
    cut = form.find(TEXT_OPEN)
    if cut > 0:
        head, words = form[:cut].strip(), form[cut:]
    else:
        found = _UNIT_AFTER.search(form[-60:])
        if not found or len(form) <= len(found["unit"]):
            return []
        words = found["unit"]
        head = form[: len(form) - len(words)].strip()
    unit = unit_of(words)
    if unit is None or (cut < 0 and not unit.is_measure and not words.startswith("of ")):
        return []
    if head.endswith("^"):  # the sign of degrees
        return []
    try:
        trees = parse(head)
    except Unreadable:
        return []
    if len(trees) == 2:
        return [Reading(Group("list", tuple(Scalar(tree, unit=unit) for tree in trees)))]
    return [Reading(Scalar(trees[0], unit=unit))]


_LETTERS = re.compile(r"(?=.*[^\W\d_]{3}|.*[\u3400-\u9fff])[^\W\d_][^\W\d_ '-]*(?:[ '-]+[^\W\d_]+)*", re.DOTALL)


def _in_words(form: str) -> list[Reading]:
    """twenty-one, three hundred dollars, dix-sept."""
    text = plain(form)
    if not _LETTERS.fullmatch(text):
        return []
    value = number_in_words(text)
    if value is not None:
        return [Reading(Scalar(("num", value), decimals=0 if value.denominator == 1 else None))]
    words = text.split()
    for cut in range(min(len(words) - 1, 8), 0, -1):
        value = number_in_words(" ".join(words[:cut]))
        unit = unit_of(" ".join(words[cut:])) if value is not None else None
        if value is not None and unit is not None and words[:cut] != ["a"] and not _has_number_word(words[cut:]):
            return [Reading(Scalar(("num", value), unit=unit, decimals=0))]
    return []


_LONG = re.compile(r"(\d+(?:\.\d+)?) ?([A-Za-z]+)(?:,? and |, ?| )?")


def _long_unit(form: str) -> list[Reading]:
    """1 hour 30 minutes, 5 ft 6 in, 2h30min."""
    text = plain(form)
    total, kinds, place, last = Fraction(0), None, 0, None
    while place < len(text):
        found = _LONG.match(text, place)
        unit = unit_of(found[2]) if found else None
        if (
            not found
            or unit is None
            or not unit.is_measure
            or unit.zero
            or (last is not None and (unit.kinds != kinds or unit.factor >= last))
        ):
            return []
        total, kinds, place = total + Fraction(found[1]) * unit.factor, unit.kinds, found.end()
        last = unit.factor
    return [Reading(Scalar(("num", total), unit=Unit(Fraction(1), kinds)))] if kinds else []


_DOUBTS = names(
    "not no never none neither nor cannot can't isn't doesn't half halves twice double triple thrice dozen dozens hundred thousand million billion "
    "quarter third thirds least most over under than between or either times percent kein keine nicht pas no ni non não if unless minus negative pair "
    "pairs couple root squared cubed square power fraction ratio approximately about infinity"
)


def _has_number_word(words: list[str]) -> bool:
    return any(word.casefold() in _DOUBTS or number_in_words(word) is not None for word in words)


_ANY_NUMERAL = re.compile(r"(?<![\w.,])[-]?[$€£¥]?(?:\d[\d.,']*\d|\d)(?![\w])")
MAX_PHRASE_WORDS = 25


def _lone_number(form: str) -> list[Reading]:
    """A phrase with one number in it, and nothing that turns its meaning: "she has 5 apples left", "Saturn has 82 moons"."""
    text = plain(form)
    found = list(_ANY_NUMERAL.finditer(text))
    rest = _ANY_NUMERAL.sub(" ", text)
    words = re.findall(r"[^\W\d_]+(?:'[a-z]+)?", rest)
    if (
        "per cent" in rest
        or len(found) != 1
        or not words
        or len(words) > MAX_PHRASE_WORDS
        or re.search(r"[\d\\^_=<>*/+{}()|]", rest)
        or _has_number_word(words)
    ):
        return []
    written = found[0][0]
    numbers = numeral_readings(written.replace("$", "").replace("€", "").replace("£", "").replace("¥", ""))
    after = text[found[0].end() :].split(",")[0].split(".")[0]
    before = "$" if "$" in written else "€" if "€" in written else "£" if "£" in written else ""
    unit = unit_of(before or " ".join(after.split()[:3])) or unit_of(after.split()[0] if after.split() else "")
    if unit is not None and not unit.is_measure and after.split():
        unit = unit_of(after.split()[0]) or unit
    return [replace(one, value=replace(one.value, unit=unit, guessed=True)) for one in numbers if isinstance(one.value, Scalar)]
