"""Whether two single values are the same, with their units, percent signs, roundings and letters."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from processors.verify.maths_expression import Node, letters
from processors.verify.maths_kinds import Scalar
from processors.verify.maths_units import BARE, CONVERTS, OTHER_KIND, UNSURE, relate, scales_of
from processors.verify.maths_values import DOUBTFUL, LARGE, SAME, Inexact, TooLarge, Undefined, approximate_value, exact, same_value
from processors.verify.verdict import CANNOT_TELL, DIFFERENT, EQUAL, RIGHT, TIMEOUT, WRONG, Verdict

ROUNDING = "rounding"
FLOAT_NOISE = Fraction(1, 10**12)  # of the value: 17.999999999996 is a computer's 18
MIN_SIGNIFICANT = 2  # digits of a decimal that may stand for an exact value: 0.33 may be 1/3, 0.3 is not

_ROUNDS = re.compile(
    r"\b(?:round(?:ed|ing)?|nearest|approximat\w*|decimal places?|significant (?:figures?|digits?)|estimate\w*|to the (?:tenth|hundredth|thousandth)|"
    r"arrondi\w*|gerundet|runde\w*|redonde\w*|arredond\w*)\b|四捨五入|四舍五入|小数点",
    re.IGNORECASE,
)
_PERCENT = re.compile(r"percent|per cent|%|prozent|por ?ciento|por cento|pour cent|パーセント|百分", re.IGNORECASE)
_ORDER = re.compile(
    r"\b(?:respectively|in (?:that|this|the same|increasing|decreasing|ascending|descending|alphabetical) order|ordered|in order|smallest to largest|sorted)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the problem's text says about the form of the answer."""

    problem: str = ""
    rounds: bool = False
    percent: bool = False
    order: bool = False

    def names_both(self, one: str, other: str) -> bool:
        """Whether two names, of a capital letter and not within one another, both stand in the problem."""
        if one.casefold() in other.casefold() or other.casefold() in one.casefold():
            return False
        return all(
            word[:1].isupper() and len(word) > 2 and re.search(rf"(?<!\w){re.escape(word)}(?!\w)", self.problem) for word in (one, other)
        )


def right(why: str = "") -> Verdict:
    return Verdict(RIGHT, EQUAL, why)


def wrong(why: str) -> Verdict:
    return Verdict(WRONG, DIFFERENT, why)


def unsure(cause: str, why: str) -> Verdict:
    return Verdict(CANNOT_TELL, cause, why)


def compare_nodes(said: Node, reference: Node) -> Verdict:
    """Values alone. Letters decide first: other letters may be other names of the same."""
    mine, its = letters(said), letters(reference)
    if mine != its:
        return _other_letters(said, reference, mine, its)
    found = same_value(said, reference)
    if found == SAME:
        return right("the same value")
    if found == LARGE:
        return unsure(TIMEOUT, "the values are too large to be computed")
    if found == DOUBTFUL:
        return unsure("not_decided", "the values are equal in part, or undefined")
    return wrong("another value")


def _other_letters(said: Node, reference: Node, mine: frozenset[str], its: frozenset[str]) -> Verdict:
    found = same_value(said, reference)
    if found == SAME:  # x - x + 2
        return right("the same value")
    if mine ^ its <= {"C", "c", "k", "K"} and mine and its:
        return unsure("other_letters", "they differ by a constant's name")
    if mine and its and not mine <= its:
        return unsure("other_letters", "expressions in other letters")
    if found == "other" and not _is_bare_letter(said) and not _is_bare_letter(reference):
        alone = mine or its
        if alone <= _THOUSANDS and not (mine and its) and _thousands_fit(said, reference):
            return unsure("other_letters", "a letter that may be thousands or millions")
        if len(alone) == 1 and not (mine and its) and _at_one(said) == _at_one(reference) is not None:
            return unsure("other_letters", "a letter that may be a unit")
        return wrong("other letters, another value")
    return unsure("other_letters", "letters on one side only")


_THOUSANDS = frozenset("kKMBmb")


def _thousands_fit(said: Node, reference: Node) -> bool:
    """5k may be 5000."""
    for size in (10**3, 10**6, 10**9):
        point = {name: Fraction(size) for name in letters(said) | letters(reference)}
        try:
            if exact(said, point) == exact(reference, point):
                return True
        except (Inexact, Undefined, TooLarge):
            return False
    return False


def _is_bare_letter(node: Node) -> bool:
    return node[0] == "sym"


def _at_one(node: Node) -> Fraction | None:
    try:
        return exact(node, {name: Fraction(1) for name in letters(node)})
    except (Inexact, Undefined, TooLarge):
        return None


def compare_scalars(said: Scalar, reference: Scalar, asked: Asked) -> Verdict:
    if said.base is not None or reference.base is not None:
        return _bases(said, reference)
    if said.percent != reference.percent:
        return _percent_on_one_side(said, reference, asked)
    relation = relate(said.unit, reference.unit)
    if relation == OTHER_KIND:
        return wrong("a quantity of another kind")
    if relation == CONVERTS:
        assert said.unit is not None and reference.unit is not None
        return _compare(_in_base_units(said), _in_base_units(reference), asked)
    found = _compare(said, reference, asked)
    if relation == UNSURE:
        return _unsure_units(found, said, reference)
    if relation == BARE:
        return _unit_on_one_side(found, said, reference)
    return found


def _bases(said: Scalar, reference: Scalar) -> Verdict:
    if said.base is not None and reference.base is not None:
        if said.base == reference.base:
            return right("the same digits") if said.digits == reference.digits else wrong("other digits")
        same = said.node == reference.node
        return unsure("other_base", "the same number in another base") if same else wrong("another number")
    based, bare = (said, reference) if said.base is not None else (reference, said)
    if bare.unit is not None or bare.percent or bare.node[0] != "num":
        return unsure("other_base", "a numeral in a base against something else")
    if bare.node[1] == int(based.digits) if based.digits.isdigit() else False:
        return right("the same digits; the base is written on one side")
    return unsure("other_base", "the same number in base ten") if bare.node == based.node else wrong("another number")


def _percent_on_one_side(said: Scalar, reference: Scalar, asked: Asked) -> Verdict:
    """50% is 0.5 exactly; it is 50 where percent are asked for."""
    with_sign, bare = (said, reference) if said.percent else (reference, said)
    if bare.unit is not None:
        return unsure("percent", "a percentage against a quantity")
    part = Scalar(("/", with_sign.node, ("num", Fraction(100))), decimals=None if with_sign.decimals is None else with_sign.decimals + 2)
    as_part = _compare(*((part, bare) if with_sign is said else (bare, part)), asked)
    if as_part.value == RIGHT:
        return as_part
    same = _compare(said, reference, asked)
    if same.value == RIGHT:
        if asked.percent or (not asked.problem and _exceeds_one(bare)):
            return right("the same number, of percent")
        return unsure("percent", "the same number, with and without a percent sign")
    return next((found for found in (as_part, same) if found.value == CANNOT_TELL), wrong("another number"))


def _exceeds_one(bare: Scalar) -> bool:
    return bare.node[0] == "num" and abs(bare.node[1]) > 1


def _in_base_units(value: Scalar) -> Scalar:
    assert value.unit is not None
    node: Node = ("*", value.node, ("num", value.unit.factor)) if value.unit.factor != 1 else value.node
    if value.unit.zero:
        node = ("+", node, ("num", value.unit.zero))
    return Scalar(node, decimals=None)


def _unsure_units(found: Verdict, said: Scalar, reference: Scalar) -> Verdict:
    kinds = {name for unit in (said.unit, reference.unit) if unit for name, _ in unit.kinds}
    if kinds == {"degree", "radian"}:
        return compare_nodes(*(_angle(value) for value in (said, reference)))
    if found.value == RIGHT:
        return unsure("other_unit", "the same number of what may be something else")
    return found


def _angle(value: Scalar) -> Node:
    """In radians."""
    if value.unit is not None and value.unit.kinds == (("degree", 1),):
        return ("*", value.node, ("/", ("const", "pi"), ("num", Fraction(180))))
    return value.node


def _unit_on_one_side(found: Verdict, said: Scalar, reference: Scalar) -> Verdict:
    """A number without its unit is right where the numbers agree; in another unit of the kind it may be."""
    with_unit, bare = (said, reference) if said.unit is not None else (reference, said)
    assert with_unit.unit is not None
    if found.value == RIGHT:
        if reference.glued:
            return unsure("other_unit", "a letter that may be a unit or a variable")
        return found
    if letters(bare.node):
        return unsure("other_letters", "a unit against a letter") if with_unit.glued else found
    if with_unit.unit.kinds == (("degree", 1),):
        if same_value(_angle(with_unit), bare.node) == SAME:
            return right("the same angle")
        if same_value(_angle(with_unit), ("*", bare.node, ("num", Fraction(1)))) == SAME:
            return right("the same angle")
    elif with_unit.unit.is_measure and found.value == WRONG:
        for scale in (*scales_of(with_unit.unit), *((1_000, 10**6, 10**9) if with_unit.glued else ())):
            if scale != 1 and same_value(("*", with_unit.node, ("num", Fraction(scale))), bare.node) == SAME:
                return unsure("other_unit", "the number is right in another unit of the kind")
    return found


# ---- values with roundings


def _compare(said: Scalar, reference: Scalar, asked: Asked) -> Verdict:
    if said.node[0] == "num" == reference.node[0] and said.node == reference.node:
        return right("the same number")
    found = compare_nodes(said.node, reference.node)
    if found.value != WRONG or letters(said.node) or letters(reference.node):
        return found
    if not (said.decimals or reference.decimals or said.approx or reference.approx):
        return _whole_numbers(found, said, reference, asked)
    return _rounding(found, said, reference, asked)


def _number(node: Node) -> Any:
    """As a fraction where it is one, else to 50 digits; None where it is not real or not computed."""
    try:
        return exact(node)
    except Inexact:
        pass
    except (Undefined, TooLarge):
        return None
    try:
        value = approximate_value(node)
    except (Undefined, TooLarge, ZeroDivisionError):
        return None
    if getattr(value, "imag", 0) != 0:
        return None
    return _as_fraction(value.real)


def _as_fraction(value: Any) -> Fraction:
    sign, man, exponent, _ = value._mpf_
    number = Fraction(int(man)) * Fraction(2) ** min(max(int(exponent), -10_000), 10_000)
    return -number if sign else number


def _whole_numbers(found: Verdict, said: Scalar, reference: Scalar, asked: Asked) -> Verdict:
    """A whole number stands for no other, unless the problem asks for the nearest one."""
    if not asked.rounds or (said.decimals is None) == (reference.decimals is None):
        return found
    mine, its = _number(said.node), _number(reference.node)
    if mine is not None and its is not None and abs(mine - its) <= Fraction(1, 2):
        return unsure(ROUNDING, "equal when rounded to a whole number, and the problem speaks of rounding")
    return found


def _rounding(found: Verdict, said: Scalar, reference: Scalar, asked: Asked) -> Verdict:
    mine, its = _number(said.node), _number(reference.node)
    if mine is None or its is None:
        return found
    gap = abs(mine - its)
    if gap and gap <= FLOAT_NOISE * max(abs(mine), abs(its)) and reference.node[0] == "num":
        return unsure(ROUNDING, "they differ in the last digits of a computer's numbers")
    allowed = asked.rounds or said.approx or reference.approx
    if reference.decimals and gap < Fraction(1, 10**reference.decimals) and not _is_coarser(said, reference):
        if gap <= Fraction(1, 2 * 10**reference.decimals):
            return right("the reference is this value rounded") if allowed else unsure(ROUNDING, "the reference may be this value rounded")
        if said.decimals is None and abs(mine) > abs(its):
            return unsure(ROUNDING, "the reference may be this value cut short")
        return found
    if said.decimals and gap < Fraction(1, 10**said.decimals) and _significant(mine, said.decimals) >= MIN_SIGNIFICANT:
        is_rounded = gap <= Fraction(1, 2 * 10**said.decimals)
        if is_rounded or abs(its) > abs(mine):
            return unsure(ROUNDING, "it may be the reference rounded" if is_rounded else "it may be the reference cut short")
        return found
    if (asked.rounds or said.percent) and (said.decimals == 0 or reference.decimals == 0) and gap <= Fraction(1, 2):
        return unsure(ROUNDING, "equal when rounded to a whole number")
    return found


def _is_coarser(said: Scalar, reference: Scalar) -> bool:
    return said.decimals is not None and reference.decimals is not None and said.decimals < reference.decimals


def _significant(value: Fraction, decimals: int) -> int:
    return len(str(abs(int(value * 10**decimals))).lstrip("0"))


@functools.lru_cache(maxsize=256)
def asked_of(problem: str) -> Asked:
    return Asked(problem, bool(_ROUNDS.search(problem)), bool(_PERCENT.search(problem)), bool(_ORDER.search(problem)))
