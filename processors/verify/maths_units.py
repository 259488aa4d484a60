"""Units of measure, exactly: what a unit is of (length, money, ...) and how many of the base unit it is, as a fraction.

Words that are no unit of measure (5 apples) are kept as what is counted. Units that countries define differently (gallon, ton, cup) are
converted among their own kind alone.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from fractions import Fraction

from processors.verify.maths_form import TEXT_CLOSE, TEXT_OPEN, names

MAX_WORDS = 8
MAX_UNIT_CHARS = 80


@dataclass(frozen=True, slots=True)
class Unit:
    """`kinds` are base units with their powers; `words` is what is counted, of a unit that is none of measure; `zero` of temperatures."""

    factor: Fraction = Fraction(1)
    kinds: tuple[tuple[str, int], ...] = ()
    words: str = ""
    zero: Fraction = Fraction(0)

    @property
    def is_measure(self) -> bool:
        return bool(self.kinds)


def _table() -> dict[str, tuple[Fraction, dict[str, int], Fraction]]:
    found: dict[str, tuple[Fraction, dict[str, int], Fraction]] = {}

    def add(written: str, factor: Fraction | int | str, zero: Fraction | int = 0, **kinds: int) -> None:
        for name in written.split():
            found[name.replace("_", " ")] = Fraction(factor), kinds, Fraction(zero)

    add("m meter metre meters metres metro metros mètre mètres metri Meter Metern 米 メートル", 1, m=1)
    add("cm centimeter centimetre centimeters centimetres centímetros centimètres Zentimeter 厘米", "1/100", m=1)
    add("mm millimeter millimetre millimeters millimetres Millimeter", "1/1000", m=1)
    add("dm decimeter decimetre decimeters decimetres", "1/10", m=1)
    add("km kilometer kilometre kilometers kilometres kilómetros kilomètres Kilometer 千米 公里", 1_000, m=1)
    add("nm nanometer nanometers nanometre", "1/1000000000", m=1)
    add("in inch inches in.", "254/10000", m=1)
    add("ft foot feet ft.", "3048/10000", m=1)
    add("yd yard yards yds", "9144/10000", m=1)
    add("mi mile miles", "1609344/1000", m=1)
    add("g gram grams gramme grammes gramos Gramm gm gms 克", 1, g=1)
    add("kg kgs kilogram kilograms kilogramme kilogrammes kilo kilos kilogramos Kilogramm 千克 公斤", 1_000, g=1)
    add("mg milligram milligrams", "1/1000", g=1)
    add("tonne tonnes", 1_000_000, g=1)
    add("lb lbs pound pounds lb.", "45359237/100000", g=1)
    add("oz ounce ounces", "45359237/1600000", g=1)
    add("s sec secs second seconds segundos secondes Sekunden 秒", 1, s=1)
    add("ms millisecond milliseconds", "1/1000", s=1)
    add("min mins minute minutes minutos Minuten Minute min. 分钟 分", 60, s=1)
    add("h hr hrs hour hours hora horas heure heures Stunde Stunden ore 小时 時間", 3_600, s=1)
    add("day days día días jour jours Tag Tage Tagen 天 日", 86_400, s=1)
    add("week weeks semana semanas semaine semaines Woche Wochen 周", 604_800, s=1)
    add("month months mes meses mois Monat Monate", 1, month=1)
    add("year years yr yrs año años ans Jahr Jahre 年", 12, month=1)
    add("$ dollar dollars usd USD buck bucks dólar dólares dollari 美元 US$", 1, usd=1)
    add("¢ cent cents penny pennies c", "1/100", usd=1)
    add("€ euro euros eur EUR Euro 欧元", 1, eur=1)
    add("£ gbp GBP quid", 1, gbp=1)
    add("pence", "1/100", gbp=1)
    add("¥ yen JPY jpy 円 日元", 1, jpy=1)
    add("yuan rmb RMB CNY 元", 1, cny=1)
    add("₹ rupee rupees rs Rs rs. Rs. INR", 1, inr=1)
    add("l L liter litre liters litres litros Liter 升 リットル", "1/1000", m=3)
    add("ml mL milliliter millilitre milliliters millilitres 毫升 cc", "1/1000000", m=3)
    add("cl cL centiliter centiliters", "1/100000", m=3)
    add("gal gallon gallons", 16, cup=1)
    add("qt quart quarts", 4, cup=1)
    add("pt pint pints", 2, cup=1)
    add("cup cups", 1, cup=1)
    add("ha hectare hectares", 10_000, m=2)
    add("acre acres", 1, acre=1)
    add("mph", "1609344/3600000", m=1, s=-1)
    add("kph kmh kmph km/h", "1000/3600", m=1, s=-1)
    add("deg degree degrees Grad grados degrés gradi grado 度", 1, degree=1)
    add("rad radian radians", 1, radian=1)
    add("°C celsius Celsius degree_celsius degrees_celsius degrees_Celsius", 1, zero=0, temperature=1)
    add("°F fahrenheit Fahrenheit degrees_fahrenheit degrees_Fahrenheit", "5/9", zero=Fraction(-160, 9), temperature=1)
    add("K kelvin Kelvin kelvins", 1, zero=Fraction(-27315, 100), temperature=1)
    add("J joule joules", 1_000, g=1, m=2, s=-2)
    add("kJ kilojoule kilojoules", 1_000_000, g=1, m=2, s=-2)
    add("N newton newtons", 1_000, g=1, m=1, s=-2)
    add("W watt watts", 1_000, g=1, m=2, s=-3)
    add("kW kilowatt kilowatts", 1_000_000, g=1, m=2, s=-3)
    add("Pa pascal pascals", 1_000, g=1, m=-1, s=-2)
    add("kPa", 1_000_000, g=1, m=-1, s=-2)
    add("Hz hertz", 1, s=-1)
    add("kHz", 1_000, s=-1)
    add("MHz", 1_000_000, s=-1)
    add("V volt volts", 1, volt=1)
    add("A amp amps ampere amperes", 1, ampere=1)
    add("Ω ohm ohms", 1, ohm=1)
    return found


_UNITS = _table()
_FOLDED = {name.casefold(): unit for name, unit in _UNITS.items() if len(name) > 2}
_MONEY = frozenset({"usd", "eur", "gbp", "jpy", "cny", "inr"})
_TOKEN = re.compile(r"\\degree ?[CF]\b|\\degree|\\Omega|\^ ?\{?-?\d\}?|[/*]|[^\W\d_]+\.?|[$€£¥₹¢]|\s+|(?<=[^\W\d])-(?=[^\W\d])")
_POWER_WORDS = {"square": 2, "sq": 2, "squared": 2, "cubic": 3, "cu": 3, "cubed": 3, "cuadrados": 2, "carrés": 2, "quadrat": 2}
_DROPPED = names("the a an of in for each total more left worth and his her their approximately")
# Single letters that stand for variables as often as for units, when they follow a number without a space
AMBIGUOUS = names("m g s h l L c N W V A K J t d")


@functools.lru_cache(maxsize=4_096)
def unit_of(text: str) -> Unit | None:
    """The unit that a text names, or what it counts; None where it is neither (digits, signs, too long)."""
    text = text.replace(TEXT_OPEN, " ").replace(TEXT_CLOSE, " ").strip(" .{}()")
    if not text or len(text) > MAX_UNIT_CHARS:
        return None
    whole = _known(text)
    if whole is not None:
        return Unit(whole[0], tuple(sorted(whole[1].items())), zero=whole[2])
    tokens = _tokens(text)
    if tokens is None:
        return None
    return _measure(tokens) or _counted(tokens)


def _known(word: str) -> tuple[Fraction, dict[str, int], Fraction] | None:
    return _UNITS.get(word) or _UNITS.get(word.rstrip(".")) or _FOLDED.get(word.casefold().rstrip("."))


def _tokens(text: str) -> list[str] | None:
    tokens, place = [], 0
    while place < len(text):
        found = _TOKEN.match(text, place)
        if not found:
            return None
        if not found[0].isspace():
            tokens.append(found[0])
        place = found.end()
    return tokens


def _measure(tokens: list[str]) -> Unit | None:
    """km / h, square centimetres, m^2, dollars per hour."""
    factor, kinds, direction, power = Fraction(1), dict[str, int](), 1, 1
    zero = Fraction(0)
    last: tuple[Fraction, dict[str, int], Fraction] | None = None
    for token in tokens:
        if token in ("/", "per", "an", "a", "pro", "par", "por"):
            if token in ("an", "a") and direction == -1:
                continue
            direction, last = -1, None
        elif token == "*" or token == "-":
            last = None
        elif token.casefold() in _POWER_WORDS and last is None:
            power = _POWER_WORDS[token.casefold()]
        elif token.casefold() in _POWER_WORDS or token.startswith("^"):
            if last is None:
                return None
            raised = _POWER_WORDS.get(token.casefold()) or int(token.strip("^ {}"))
            factor *= last[0] ** (direction * (raised - 1))
            for name, count in last[1].items():
                kinds[name] = kinds.get(name, 0) + direction * count * (raised - 1)
        else:
            name = {"\\degree": "deg", "\\Omega": "Ω"}.get(token, token)
            name = "°" + name[-1] if name.startswith("\\degree") else name
            last = _known(name)
            if last is None:
                return None
            if last[2] and len(tokens) > 1:
                return None
            zero = last[2]
            factor *= last[0] ** (direction * power)
            for kind, count in last[1].items():
                kinds[kind] = kinds.get(kind, 0) + direction * count * power
            power = 1
    return Unit(factor, tuple(sorted((name, count) for name, count in kinds.items() if count)), zero=zero) if kinds else None


def _counted(tokens: list[str]) -> Unit | None:
    words = [token.casefold().strip(".") for token in tokens]
    if any(not word[0].isalpha() and word not in ("/", "-") for word in words if word) or len(words) > MAX_WORDS:
        return None
    kept = [_singular(word) for word in words if word.isalpha() and word not in _DROPPED]
    return Unit(words=" ".join(kept))


def _singular(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("ches", "shes", "xes", "sses")):
        return word[:-2]
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


SAME_UNIT, CONVERTS, OTHER_KIND, UNSURE, BARE = "same_unit", "converts", "other_kind", "unsure", "bare"


def relate(said: Unit | None, reference: Unit | None) -> str:
    """How two units stand to each other; BARE where one side has none."""
    if said is None or reference is None:
        return SAME_UNIT if said is reference else BARE
    if said.is_measure and reference.is_measure:
        if said.kinds != reference.kinds:
            return UNSURE if _may_be_meant(said, reference) else OTHER_KIND
        return SAME_UNIT if (said.factor, said.zero) == (reference.factor, reference.zero) else CONVERTS
    if said.is_measure or reference.is_measure:
        return UNSURE
    mine, its = set(said.words.split()), set(reference.words.split())
    return SAME_UNIT if mine & its or not mine or not its else UNSURE


def _may_be_meant(one: Unit, other: Unit) -> bool:
    """Degrees are angles or of temperature, pounds weight or money; 5 dollars may be said where 5 dollars an hour is meant."""
    kinds = {name for name, _ in one.kinds} | {name for name, _ in other.kinds}
    if kinds in ({"degree", "radian"}, {"degree", "temperature"}, {"g", "gbp"}):
        return True
    small, large = sorted((one.kinds, other.kinds), key=len)
    return small != large and set(small) < set(large)


@functools.lru_cache(maxsize=1)
def _factors() -> dict[tuple[tuple[str, int], ...], tuple[Fraction, ...]]:
    found: dict[tuple[tuple[str, int], ...], set[Fraction]] = {}
    for factor, kinds, _ in _UNITS.values():
        found.setdefault(tuple(sorted(kinds.items())), set()).add(factor)
    return {kinds: tuple(sorted(factors)) for kinds, factors in found.items()}


def scales_of(unit: Unit) -> tuple[Fraction, ...]:
    """By how much a number in the unit is multiplied to be in each other unit of its kind."""
    return tuple(unit.factor / factor for factor in _factors().get(unit.kinds, ()))
