"""Whether two expressions have the same value: exactly where they are rational, else to as many digits as leave no doubt.

Expressions with variables are compared at several points. Where both are rational in the variables the points decide exactly (two
different polynomials agree at a random point with probability of about their degree by the number of points; Schwartz 1980, Zippel 1979).
Irrational values are computed at two precisions: of equal values the difference shrinks with the precision, of different ones it stays.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from processors.verify.maths_expression import Node, letters

MAX_BITS = 60_000  # of an exact number
MAX_FACTORIAL = 3_000
MAX_LOG2 = 200_000  # of a number that is computed approximately
LOW_DIGITS, HIGH_DIGITS = 60, 140
SHRINKS_BY = 30  # digits
MAX_PRECISION = 2_000  # digits
NOISE_DIGITS = 15  # the last digits of a value that rounding may change
SPOILT_DIGITS = 20  # rounding never reaches a difference this far above the last digit of the largest value met
MIN_POINTS = 3
POINTS_OF_A_KIND = 3


class Inexact(ArithmeticError):
    """The value is not rational."""


class Undefined(ArithmeticError):
    """There is no value, at this point or at all."""


class TooLarge(ArithmeticError):
    """The value has more digits than are computed."""


SAME, OTHER, DOUBTFUL, LARGE = "same", "other", "doubtful", "large"


def same_value(one: Node, other: Node) -> str:
    """SAME, OTHER, or DOUBTFUL: undefined, equal at some kinds of points alone, or LARGE: too large to be computed."""
    if one == other:
        return SAME
    if _has_log(one) or _has_log(other):  # of ten in one text and natural in another
        found = {same_value(_with_log(one, name), _with_log(other, name)) for name in ("ln", "log10")}
        return found.pop() if len(found) == 1 else DOUBTFUL
    names = sorted(letters(one) | letters(other))
    try:
        if not names:
            return _same_at(one, other, {}, real=False)
        return _same_function(one, other, names)
    except TooLarge:
        return LARGE
    except (Undefined, ZeroDivisionError):
        return DOUBTFUL


def _has_log(node: Node) -> bool:
    return node[:2] == ("call", "log") or any(_has_log(part) for part in node[1:] if isinstance(part, tuple))


def _with_log(node: Node, name: str) -> Node:
    parts = tuple(_with_log(part, name) if isinstance(part, tuple) else part for part in node[1:])
    return ("call", name, *parts[1:]) if node[:2] == ("call", "log") else (node[0], *parts)


def _same_function(one: Node, other: Node, names: list[str]) -> str:
    """Real points of both signs, and positive whole ones: functions that agree on some kinds alone are left undecided."""
    found: dict[str, list[bool]] = {}
    for kind, make in (("positive", _positive), ("signed", _signed), ("whole", _whole)):
        for number in range(POINTS_OF_A_KIND):
            point = {name: make(place, number) for place, name in enumerate(names)}
            try:
                found.setdefault(kind, []).append(_same_at(one, other, point, real=True) == SAME)
            except (Undefined, ZeroDivisionError):
                continue
            if not found[kind][-1]:
                break
    results = [result for several in found.values() for result in several]
    if not results:
        return DOUBTFUL
    if all(results):
        return SAME if len(results) >= MIN_POINTS else DOUBTFUL
    return DOUBTFUL if any(several and all(several) for several in found.values()) else OTHER


def _positive(place: int, number: int) -> Fraction:
    return Fraction(1_009 + 7_919 * (place + 1) * (number + 2) % 4_999, 1_201 + 104_729 * (number + 1 + 3 * place) % 2_999)


def _signed(place: int, number: int) -> Fraction:
    return _positive(place + 5, number) * (-1 if (number >> place % 2) % 2 == 0 else 1)


def _whole(place: int, number: int) -> Fraction:
    return Fraction(2 + number + 3 * place)


def _same_at(one: Node, other: Node, point: Mapping[str, Fraction], real: bool) -> str:
    try:
        return SAME if exact(one, point) == exact(other, point) else OTHER
    except Inexact:
        pass
    extra = _num_digits(one) + _num_digits(other)
    low, _, largest = _difference(one, other, point, real, LOW_DIGITS + extra)
    ten = _context(LOW_DIGITS).mpf(10)
    if low > largest * ten ** (SPOILT_DIGITS - LOW_DIGITS - extra):
        return OTHER
    high, size, _ = _difference(one, other, point, real, HIGH_DIGITS + extra)
    if high <= size * ten ** (NOISE_DIGITS - HIGH_DIGITS - extra) or high < low * ten**-SHRINKS_BY:
        return SAME
    return OTHER


def _num_digits(node: Node) -> int:
    if node[0] == "num":
        return len(str(node[1]))
    return sum(_num_digits(part) for part in node[1:] if isinstance(part, tuple))


def _difference(one: Node, other: Node, point: Mapping[str, Fraction], real: bool, digits: int) -> tuple[Any, Any, Any]:
    """How far the values are apart, the larger one's size, and the largest value met on the way."""
    context = _context(min(digits, MAX_PRECISION))
    mine, my_largest = approximate(one, point, context, real)
    its, its_largest = approximate(other, point, context, real)
    return abs(mine - its), max(abs(mine), abs(its)), max(my_largest, its_largest)


@functools.lru_cache(maxsize=64)
def _context(digits: int) -> Any:
    from mpmath import MPContext

    context = MPContext()
    context.dps = digits
    return context


def approximate_value(node: Node, digits: int = 50) -> Any:
    """A number without variables, as a real or complex number of mpmath. Raises: TooLarge, Undefined."""
    return approximate(node, {}, _context(digits), False)[0]


def ordered(nodes: Sequence[Node]) -> list[Node]:
    """Numbers in their order. Raises: Undefined, TooLarge."""
    return sorted(nodes, key=functools.cmp_to_key(order_of))


def order_of(one: Node, other: Node) -> int:
    """-1, 0 or 1. Raises: Undefined, TooLarge."""
    if same_value(one, other) == SAME:
        return 0
    mine, its = (_real(node) for node in (one, other))
    return -1 if mine < its else 1


def _real(node: Node) -> Any:
    value = approximate_value(node)
    if getattr(value, "imag", 0) != 0:
        raise Undefined("an end of an interval that is not real")
    return value.real if hasattr(value, "real") else value


# ---- exactly


def exact(node: Node, point: Mapping[str, Fraction] = {}) -> Fraction:
    """Raises: Inexact, Undefined, TooLarge."""
    kind = node[0]
    if kind == "num":
        return node[1]  # type: ignore[no-any-return]
    if kind == "sym":
        if node[1] not in point:
            raise Inexact
        return point[node[1]]
    return _exact_of(node, [exact(part, point) for part in node[1:] if isinstance(part, tuple)])


def _exact_of(node: Node, parts: list[Fraction]) -> Fraction:
    """The value of a node whose parts have these values. Raises: Inexact, Undefined, TooLarge."""
    kind = node[0]
    if kind == "neg":
        return -parts[0]
    if kind == "+":
        return _bounded(sum(parts, Fraction(0)))
    if kind == "*":
        product = parts[0]
        for part in parts[1:]:
            product = _bounded(product * part)
        return product
    if kind == "/":
        if parts[1] == 0:
            raise Undefined("division by zero")
        return _bounded(parts[0] / parts[1])
    if kind == "^":
        return _exact_power(*parts)
    if kind == "call":
        return _exact_call(node[1], parts)
    raise Inexact


def _bounded(value: Fraction) -> Fraction:
    if value.numerator.bit_length() + value.denominator.bit_length() > MAX_BITS:
        raise TooLarge
    return value


def _exact_power(base: Fraction, power: Fraction) -> Fraction:
    if power.denominator != 1:
        if power.denominator > 64 or base < 0:
            raise Inexact
        return _exact_power(_exact_root(base, power.denominator), Fraction(power.numerator))
    if base == 0 and power <= 0:
        raise Undefined("a power of zero")
    bits = max(base.numerator.bit_length(), base.denominator.bit_length())
    if base not in (0, 1, -1) and bits * abs(power) > MAX_BITS:
        raise TooLarge
    if base in (0, 1, -1):
        return base if power % 2 or base >= 0 else -base
    return base ** int(power)


def _exact_root(value: Fraction, degree: int) -> Fraction:
    if value < 0 and degree % 2:
        return -_exact_root(-value, degree)
    if value < 0:
        raise Inexact
    return Fraction(_whole_root(value.numerator, degree), _whole_root(value.denominator, degree))


def _whole_root(value: int, degree: int) -> int:
    if degree == 2:
        root = math.isqrt(value)
    else:
        if value.bit_length() > 4_000:
            raise Inexact
        low, high = 0, 1 << (value.bit_length() // degree + 1)
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if middle**degree <= value else (low, middle - 1)
        root = low
    if root**degree != value:
        raise Inexact
    return root


def _exact_call(name: str, values: list[Fraction]) -> Fraction:
    first = values[0]
    if name == "root":
        degree = values[1]
        if degree.denominator != 1 or not 1 <= degree <= 64:
            raise Inexact
        return _exact_root(first, int(degree))
    if name == "abs":
        return abs(first)
    if name in ("floor", "ceil"):
        return Fraction(math.floor(first) if name == "floor" else math.ceil(first))
    if name == "factorial":
        if first.denominator != 1 or first < 0:
            raise Undefined("the factorial of no whole number")
        if first > MAX_FACTORIAL:
            raise TooLarge
        return _bounded(Fraction(math.factorial(int(first))))
    if name in ("binom", "gcd", "lcm"):
        if len(values) < 2 or any(value.denominator != 1 or not 0 <= value < 1 << 64 for value in values):
            raise Undefined(f"{name} of no whole numbers")
        if name == "binom":
            if min(values[1], values[0] - values[1]) > MAX_FACTORIAL:
                raise TooLarge
            return _bounded(Fraction(math.comb(int(values[0]), int(values[1]))))
        return Fraction((math.gcd if name == "gcd" else math.lcm)(*map(int, values)))
    if name in ("max", "min"):
        return max(values) if name == "max" else min(values)
    raise Inexact


# ---- to many digits


def approximate(node: Node, point: Mapping[str, Fraction], context: Any, real: bool) -> tuple[Any, Any]:
    """The value, and the largest one met on the way to it, which says how many of the digits rounding may have spoilt.

    `real`: what leaves the real numbers on its way is Undefined. Raises: Undefined, TooLarge.
    """
    largest = context.mpf(1)

    def value_of(node: Node) -> Any:
        nonlocal largest
        kind = node[0]
        if kind == "num":
            return node[1]
        if kind == "sym":
            if node[1] not in point:
                raise Undefined(f"{node[1]} has no value")
            return point[node[1]]
        if kind == "const":
            return {"pi": context.pi, "e": context.e, "i": context.j}[node[1]] * 1
        parts = [value_of(part) for part in node[1:] if isinstance(part, tuple)]
        if all(type(part) is Fraction for part in parts):
            try:
                return _exact_of(node, parts)
            except Inexact:
                pass
        value = _value_of(node, [_to_context(part, context) for part in parts], context, real)
        largest = max(largest, abs(value))
        return value

    return _to_context(value_of(node), context), largest


def _to_context(value: Any, context: Any) -> Any:
    return context.mpf(value.numerator) / value.denominator if type(value) is Fraction else value


def _value_of(node: Node, parts: list[Any], context: Any, real: bool) -> Any:
    kind = node[0]
    if kind == "neg":
        return -parts[0]
    if kind == "+":
        return sum(parts[1:], parts[0])
    if kind == "*":
        return context.fprod(parts)
    if kind == "/":
        if parts[1] == 0:
            raise Undefined("division by zero")
        return parts[0] / parts[1]
    if kind == "^":
        return _power(parts[0], parts[1], context, real)
    if kind == "call":
        return _call(node[1], parts, context, real)
    raise Undefined(f"a {kind}")


def _power(base: Any, power: Any, context: Any, real: bool) -> Any:
    if base == 0:
        raise Undefined("a power of zero")
    size = abs(power) * (abs(context.log(abs(base), 2)) + 1)
    if size > MAX_LOG2:
        raise TooLarge
    is_whole = context.im(power) == 0 and power == context.nint(context.re(power))
    if not is_whole and context.im(base) == 0 and context.re(base) < 0 and (real or not _is_half(power, context)):
        # (-8)^(1/3) is read as real or as complex
        raise Undefined("a broken power of a negative number")
    return context.power(base, power)


def _is_half(power: Any, context: Any) -> bool:
    return context.im(power) == 0 and 2 * power == context.nint(2 * context.re(power))


_PLAIN = ("sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh", "exp")
_INVERSE: Mapping[str, str] = {"arcsin": "asin", "arccos": "acos", "arctan": "atan", "arccot": "acot"}


def _call(name: str, values: list[Any], context: Any, real: bool) -> Any:
    first = values[0]
    if name == "root":
        return _root(first, values[1], context, real)
    if name == "abs":
        return abs(first)
    if name in ("floor", "ceil"):
        return _stepped(first, getattr(context, name), context)
    if name in _PLAIN:
        if abs(first) > MAX_LOG2:
            raise TooLarge
        return getattr(context, name)(first)
    if name in _INVERSE:
        found = getattr(context, _INVERSE[name])(first)
        if real and context.im(found) != 0:
            raise Undefined(f"{name} outside the real numbers")
        return found
    if name in ("ln", "log10", "logbase"):
        return _logarithm(name, values, context, real)
    if name in ("max", "min") and all(context.im(value) == 0 for value in values):
        return max(values) if name == "max" else min(values)
    raise Undefined(f"{name} of no whole number")


def _root(value: Any, degree: Any, context: Any, real: bool) -> Any:
    if degree == 0:
        raise Undefined("a root of degree zero")
    if context.im(value) == 0 and context.re(value) < 0:
        whole = int(context.nint(context.re(degree)))
        if degree == whole and whole % 2:
            return -context.root(-context.re(value), whole)
        if real or degree != 2:
            raise Undefined("an even root of a negative number")
    return context.power(value, 1 / degree)


def _stepped(value: Any, step: Callable[[Any], Any], context: Any) -> Any:
    """Floor and ceiling, where rounding cannot decide them."""
    if context.im(value) != 0 or abs(value - context.nint(value)) < context.mpf(10) ** -30:
        raise Undefined("a step at its edge")
    return step(value)


def _logarithm(name: str, values: list[Any], context: Any, real: bool) -> Any:
    for value in values:
        if value == 0 or (context.im(value) == 0 and context.re(value) < 0):
            raise Undefined("the logarithm of a number that is not positive")
    if name == "logbase":
        base = context.log(values[1])
        if base == 0:
            raise Undefined("a logarithm of base one")
        return context.log(values[0]) / base
    return context.log(values[0]) / (context.log(10) if name == "log10" else 1)
