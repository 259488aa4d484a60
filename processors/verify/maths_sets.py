"""Whether two answers that were read are the same: numbers, units, sets, tuples, intervals, matrices, equations, words.

Each function answers with a verdict: right, wrong, or cannot_tell where honest people would differ or the comparison is not decided.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from processors.verify.maths_expression import Node, letters
from processors.verify.maths_intervals import compare_intervals
from processors.verify.maths_kinds import Clock, Group, Intervals, Matrix, Named, Piece, Ratio, Relation, Scalar, Value, Words
from processors.verify.maths_relations import compare_relations
from processors.verify.maths_scalars import Asked, compare_nodes, compare_scalars, right, unsure, wrong
from processors.verify.maths_values import TooLarge, Undefined, order_of
from processors.verify.maths_words import class_of
from processors.verify.verdict import CANNOT_TELL, RIGHT, WRONG, Verdict

MAX_PAIRS = 2_000  # of elements that are compared with one another
ZERO: Node = ("num", Fraction(0))


def compare_values(said: Value, reference: Value, asked: Asked) -> Verdict:
    """One reading against one reading."""
    if isinstance(said, Named) or isinstance(reference, Named):
        return _named(said, reference, asked)
    if isinstance(said, Words) or isinstance(reference, Words):
        return _words(said, reference, asked)
    if isinstance(said, Scalar) and isinstance(reference, Scalar):
        return compare_scalars(said, reference, asked)
    if isinstance(said, Relation) or isinstance(reference, Relation):
        return compare_relations(said, reference)
    if isinstance(said, Intervals) or isinstance(reference, Intervals):
        return compare_intervals(said, reference)
    if isinstance(said, Matrix) or isinstance(reference, Matrix):
        return _matrices(said, reference, asked)
    if isinstance(said, Clock) or isinstance(reference, Clock):
        return _clocks(said, reference)
    if isinstance(said, Ratio) or isinstance(reference, Ratio):
        return _ratios(said, reference)
    return _groups(said, reference, asked)


def kind_of(value: Value) -> str:
    """What a reading is compared as: readings of one kind go before others."""
    if isinstance(value, Named):
        return kind_of(value.value)
    if isinstance(value, Group):
        return "several"
    return type(value).__name__


# ---- names and words


def _named(said: Value, reference: Value, asked: Asked) -> Verdict:
    if isinstance(said, Named) and isinstance(reference, Named):
        found = compare_values(said.value, reference.value, asked)
        if _same_name(said.name, reference.name) or found.value != RIGHT:
            return found
        return unsure("other_name", f"{said.name[:30]} and {reference.name[:30]} have the same value")
    named, other = (said, reference) if isinstance(said, Named) else (reference, said)
    assert isinstance(named, Named)
    if isinstance(other, Relation):
        node = _as_equation(named)
        if node is None:
            return unsure("other_form", "an equation against a value")
        return compare_relations(*((node, other) if named is said else (other, node)))
    if isinstance(other, Intervals) and isinstance(named.value, Scalar):
        return unsure("other_form", "a value against an interval")
    return compare_values(named.value, other, asked) if named is said else compare_values(other, named.value, asked)


def _same_name(one: str, other: str) -> bool:
    if one == other:
        return True
    plain = [name.replace(" ", "").casefold().removeprefix("the").replace("\\", "") for name in (one, other)]
    if plain[0] == plain[1]:
        return not (len(one) == len(other) == 1)  # x and X
    return min(map(len, plain)) > 2 and all(name.isalpha() for name in plain) and (plain[0] in plain[1] or plain[1] in plain[0])


def _as_equation(named: Named) -> Relation | None:
    if len(named.name) == 1 and isinstance(named.value, Scalar) and named.value.unit is None and not named.value.percent:
        return Relation("=", ("+", ("sym", named.name), ("neg", named.value.node)))
    return None


def _words(said: Value, reference: Value, asked: Asked) -> Verdict:
    if isinstance(said, Words) and isinstance(reference, Words):
        mine, its = said.text.casefold(), reference.text.casefold()
        if mine == its or (said.meaning and said.meaning == reference.meaning):
            return right("the same words")
        if said.meaning and reference.meaning and class_of(said.meaning) == class_of(reference.meaning) >= 0:
            return wrong(f"{mine[:40]!r} is not {its[:40]!r}")
        if asked.names_both(said.text, reference.text):
            return wrong(f"{mine[:40]!r} and {its[:40]!r} are both in the problem")
        return unsure("words", "different words")
    words, other = (said, reference) if isinstance(said, Words) else (reference, said)
    assert isinstance(words, Words)
    if words.meaning in ("infinity", "minus_infinity", "no_solution") and isinstance(other, Scalar | Group | Named):
        return wrong("one side has a value and the other has none")
    if words.meaning == "all_reals" and isinstance(other, Intervals):
        line = Intervals((Piece(None, None, False, False),))
        return compare_intervals(line, other) if words is said else compare_intervals(other, line)
    return unsure("words", "words against a value")


# ---- several values


def _groups(said: Value, reference: Value, asked: Asked) -> Verdict:
    if not isinstance(said, Group) or not isinstance(reference, Group):
        return _several_against_one(said, reference, asked)
    kinds = {said.kind, reference.kind}
    if kinds <= {"set", "list"}:
        return _unordered(said, reference, asked)
    if kinds == {"set", "tuple"} or kinds == {"set", "vector"} or kinds == {"set", "bracket"}:
        found = _unordered(said, reference, asked)
        return unsure("other_form", "a set against what has an order") if found.value == RIGHT else found
    if "list" in kinds and len(kinds) == 2:
        said, reference = _by_letter(said), _by_letter(reference)
    in_order = _in_order(said.items, reference.items, asked)
    if "list" in kinds and "vector" not in kinds and any(_is_named(group) for group in (said, reference)):
        return in_order
    if kinds == {"tuple", "bracket"} and in_order.value == RIGHT and _may_be_interval(said.items):
        return wrong("the ends of the interval belong to it on one side only")
    if (
        kinds == {"tuple", "bracket"}
        and in_order.value == RIGHT
        and len(said.items) == 2
        and any(isinstance(item, Scalar) and letters(item.node) for item in said.items)
    ):
        return unsure("other_form", "brackets that may be of an interval")
    if "list" in kinds and len(kinds) == 2:
        if in_order.value == RIGHT:
            if kinds & {"tuple", "bracket"} and _may_be_interval(said.items):
                return unsure("other_form", "two numbers against a pair or an open interval")
            return in_order
        found = _unordered(said, reference, asked)
        return unsure("other_order", "a list against a tuple in another order") if found.value == RIGHT else found
    return in_order


def _is_named(group: Group) -> bool:
    names = [item.name for item in group.items if isinstance(item, Named)]
    return len(names) == len(group.items) == len(set(names)) > 1 and all(len(name) == 1 and name.isascii() for name in names)


def _by_letter(group: Group) -> Group:
    """y = 2, x = 1 in the order of the letters, as (1, 2) has them."""
    if not _is_named(group):
        return group
    return Group(group.kind, tuple(sorted(group.items, key=lambda item: item.name if isinstance(item, Named) else "")))


def _several_against_one(said: Value, reference: Value, asked: Asked) -> Verdict:
    several, one = (said, reference) if isinstance(said, Group) else (reference, said)
    assert isinstance(several, Group)
    if not isinstance(one, Scalar):
        return unsure("other_form", "several values against something else")
    if len(several.items) == 1:
        only = several.items[0]
        return compare_values(only, one, asked) if several is said else compare_values(one, only, asked)
    if any(not isinstance(item, Scalar | Named) for item in several.items):
        return unsure("other_form", "several answers against one")
    found = {compare_values(item, one, asked).value for item in several.items}
    if len(found) == 1 and RIGHT in found and several.kind in ("set", "list"):
        return right("every one of the values is the other side's")
    if several is reference:
        return wrong("one value where the reference has several")
    if found == {RIGHT, WRONG} and _are_of_one_unit(several):
        return wrong("several values where the reference has one")
    if RIGHT in found or CANNOT_TELL in found:  # "3 + 4 = 7, 7" and "5, where x = 2" hold more than the answer
        return unsure("other_form", "several values where the reference has one")
    return wrong("several values, none of them the reference's")


def _are_of_one_unit(group: Group) -> bool:
    values = [item.value if isinstance(item, Named) else item for item in group.items]
    return len({(item.unit, item.percent, item.guessed) if isinstance(item, Scalar) else None for item in values} | {None}) == 2


def _may_be_interval(items: Sequence[Value]) -> bool:
    if len(items) != 2:
        return False
    low, high = (item.value if isinstance(item, Named) else item for item in items)
    if not isinstance(low, Scalar) or not isinstance(high, Scalar) or letters(low.node) or letters(high.node):
        return False
    try:
        return order_of(low.node, high.node) < 0
    except (Undefined, TooLarge):
        return False


def _in_order(said: Sequence[Value], reference: Sequence[Value], asked: Asked) -> Verdict:
    if len(said) != len(reference):
        return wrong(f"{len(said)} values where the reference has {len(reference)}")
    found = [compare_values(a, b, asked) for a, b in zip(said, reference, strict=True)]
    for value in (WRONG, CANNOT_TELL):
        for one in found:
            if one.value == value:
                return one
    return right("the same values in the same order")


def _unordered(said: Group, reference: Group, asked: Asked) -> Verdict:
    """Every value of one side is one of the other's; how often does not matter in sets."""
    if _is_named(said) != _is_named(reference):
        named, other = (said, reference) if _is_named(said) else (reference, said)
        in_order = _in_order(_by_letter(named).items, other.items, asked).value == RIGHT and other.kind != "set"
        return right("the same values in the order of the letters") if in_order else _names_on_one_side(said, reference, asked)
    if len(said.items) * len(reference.items) > MAX_PAIRS:
        return _in_order(said.items, reference.items, asked)
    by_name = _by_name(said, reference)
    if by_name is not None:
        return _in_order([by_name[item.name] for item in reference.items if isinstance(item, Named)], reference.items, asked)
    names = [item.name for item in (*said.items, *reference.items) if isinstance(item, Named)]
    table = [[compare_values(a, b, asked).value for b in reference.items] for a in said.items]
    mine, its = [RIGHT in row for row in table], [any(row[place] == RIGHT for row in table) for place in range(len(reference.items))]
    if all(mine) and all(its):
        if said.kind == reference.kind == "list" and len(said.items) != len(reference.items):
            return unsure("repeated", "a value is repeated on one side")
        return _order_matters(said, reference, asked, bool(names))
    if all(any(cell != WRONG for cell in row) for row in table) and all(
        any(row[place] != WRONG for row in table) for place in range(len(its))
    ):
        return unsure("not_decided", "not every value could be compared")
    missing = sum(not found for found in its)
    return wrong(f"{missing} values of the reference are not there" if missing else "values that the reference does not have")


def _names_on_one_side(said: Group, reference: Group, asked: Asked) -> Verdict:
    values = [Group("set", tuple(item.value if isinstance(item, Named) else item for item in group.items)) for group in (said, reference)]
    found = _unordered(values[0], values[1], asked)
    return unsure("other_order", "the same values, whose names stand on one side only") if found.value == RIGHT else found


def _by_name(said: Group, reference: Group) -> dict[str, Named] | None:
    """x = 1, y = 2: the values of one side by name, where both sides name the same quantities, each once."""
    sides = [{item.name: item for item in group.items if isinstance(item, Named)} for group in (said, reference)]
    mine, its = sides
    if mine.keys() != its.keys() or not len(mine) == len(said.items) == len(reference.items):
        return None
    return mine


def _order_matters(said: Group, reference: Group, asked: Asked, named: bool) -> Verdict:
    if "set" in (said.kind, reference.kind) or named or not asked.order or _in_order(said.items, reference.items, asked).value == RIGHT:
        return right("the same values")
    return unsure("other_order", "the same values in another order, and the problem speaks of an order")


# ---- matrices, ratios, times


def _matrices(said: Value, reference: Value, asked: Asked) -> Verdict:
    if any(isinstance(value, Group) and value.kind == "list" and not _is_named(value) for value in (said, reference)):
        return unsure("other_form", "a list against a matrix")
    said, reference = (_by_letter(value) if isinstance(value, Group) else value for value in (said, reference))
    mine, its = _rows(said), _rows(reference)
    if mine is None or its is None:
        return (
            unsure("other_form", "a matrix against something else")
            if not (isinstance(said, Scalar) or isinstance(reference, Scalar))
            else wrong("a matrix against one number")
        )
    if [len(row) for row in mine] != [len(row) for row in its]:
        flat_mine, flat_its = ([cell for row in rows for cell in row] for rows in (mine, its))
        is_vector = all(len(rows) == 1 or len(rows[0]) == 1 for rows in (mine, its))
        if is_vector and len(flat_mine) == len(flat_its):
            found = _in_order(flat_mine, flat_its, asked)
            either = isinstance(said, Matrix) and isinstance(reference, Matrix)
            return unsure("other_form", "a row against a column") if found.value == RIGHT and either else found
        return wrong("a matrix of another shape")
    return _in_order([cell for row in mine for cell in row], [cell for row in its for cell in row], asked)


def _rows(value: Value) -> list[list[Value]] | None:
    if isinstance(value, Matrix):
        return [list(row) for row in value.rows]
    if isinstance(value, Group) and value.kind in ("tuple", "bracket", "vector", "list"):
        if all(isinstance(item, Group) and item.kind == "bracket" for item in value.items):
            return [list(item.items) for item in value.items if isinstance(item, Group)]
        return [list(value.items)]
    return None


def _clocks(said: Value, reference: Value) -> Verdict:
    if isinstance(said, Clock) and isinstance(reference, Clock):
        if said.minutes == reference.minutes:
            return right("the same time")
        if (said.half == "") != (reference.half == "") and (said.minutes - reference.minutes) % 720 == 0:
            return unsure("half_of_day", "the same time, in the morning or after noon")
        return wrong("another time")
    clock, other = (said, reference) if isinstance(said, Clock) else (reference, said)
    assert isinstance(clock, Clock)
    if isinstance(other, Ratio) and len(other.parts) == 2 and not clock.half:
        as_ratio = Ratio((("num", Fraction(clock.minutes // 60)), ("num", Fraction(clock.minutes % 60))))
        return _ratios(*((as_ratio, other) if clock is said else (other, as_ratio)))
    return unsure("other_form", "a time against something else")


def _ratios(said: Value, reference: Value) -> Verdict:
    pair = [value.parts if isinstance(value, Ratio) else _fraction_parts(value) for value in (said, reference)]
    mine, its = pair
    if mine is None or its is None:
        return unsure("other_form", "a ratio against something else")
    if len(mine) != len(its):
        return wrong("a ratio of another number of parts")
    verdicts = [
        compare_nodes(("*", mine[0], its[place]), ("*", mine[place], its[0])) for place in range(1, len(mine))
    ]  # a : b = c : d where a d = b c
    for value in (WRONG, CANNOT_TELL):
        for one in verdicts:
            if one.value == value:
                return one
    return right("the same ratio")


def _fraction_parts(value: Value) -> tuple[Node, ...] | None:
    if isinstance(value, Scalar) and value.unit is None and not value.percent:
        return (value.node, ("num", Fraction(1)))
    return None
