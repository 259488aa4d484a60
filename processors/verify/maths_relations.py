"""Equations and inequalities: the same up to a factor, or without a common solution; what lies between is left undecided."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from processors.verify.maths_expression import Node, letters
from processors.verify.maths_kinds import Relation, Value
from processors.verify.maths_scalars import right, unsure, wrong
from processors.verify.maths_values import SAME, Inexact, TooLarge, Undefined, exact, same_value
from processors.verify.verdict import Verdict


def compare_relations(said: Value, reference: Value) -> Verdict:
    if not isinstance(said, Relation) or not isinstance(reference, Relation):
        return unsure("other_form", "a relation against a value")
    if said.sign != reference.sign:
        return (
            wrong("another relation")
            if "=" not in (said.sign, reference.sign)
            else unsure("other_form", "an equation against an inequality")
        )
    one, other = said.node, reference.node
    if letters(one) != letters(other):
        return unsure("other_letters", "relations in other letters")
    ratio = _constant_ratio(one, other)
    if ratio is None and said.sign == "=" and _are_parallel(one, other):
        return wrong("equations without a common solution")
    if ratio is None:
        return (
            unsure("not_decided", "the relations are not proportional, they may still be equivalent")
            if not _both_linear(one, other)
            else wrong("other coefficients")
        )
    if said.sign in ("=", "!=") or ratio > 0:
        return right("the same relation up to a factor")
    return wrong("the relation is turned round")


def _points(names: Sequence[str]) -> list[dict[str, Fraction]]:
    return [
        {name: Fraction(7 + 12 * number + 5 * place * (number + 1), 3 + place + 2 * number) for place, name in enumerate(names)}
        for number in range(5)
    ]


def _constant_ratio(one: Node, other: Node) -> Fraction | None:
    """By what the first is multiplied to be the second at every point, for expressions with rational values; 1 for equal ones."""
    if same_value(one, other) == SAME:
        return Fraction(1)
    if same_value(("neg", one), other) == SAME:
        return Fraction(-1)
    found: set[Fraction] = set()
    for point in _points(sorted(letters(one))):
        try:
            mine, its = exact(one, point), exact(other, point)
        except (Inexact, Undefined, TooLarge):
            return None
        if mine == 0 or its == 0:
            if mine != its:
                return None
            continue
        found.add(its / mine)
    return found.pop() if len(found) == 1 else None


def _are_parallel(one: Node, other: Node) -> bool:
    """Whether the second is a multiple of the first and a constant more, as x^2 + y^2 = 4 and x^2 + y^2 = 2 are."""
    try:
        values = [(exact(one, point), exact(other, point)) for point in _points(sorted(letters(one)))]
    except (Inexact, Undefined, TooLarge):
        return False
    (first, its_first), (second, its_second) = values[:2]
    if first == second or its_first == its_second:
        return False
    factor = (its_second - its_first) / (second - first)
    return all(its == its_first + factor * (mine - first) for mine, its in values) and its_first != factor * first


def _both_linear(one: Node, other: Node) -> bool:
    return all(_is_linear(node) for node in (one, other))


def _is_linear(node: Node) -> bool:
    """Of each variable and together: the second differences vanish along a few lines."""
    names = sorted(letters(node))
    for direction in range(3):
        line = [{name: Fraction(1 + place + step * (1 + (place + direction) % 3)) for place, name in enumerate(names)} for step in range(4)]
        try:
            values = [exact(node, point) for point in line]
        except (Inexact, Undefined, TooLarge):
            return False
        if values[0] - 2 * values[1] + values[2] != 0 or values[1] - 2 * values[2] + values[3] != 0:
            return False
    return True
