"""The kinds of answers: a value, a group of values, intervals, a matrix, a named value, a relation, a ratio, a time, words."""

from __future__ import annotations

from dataclasses import dataclass

from processors.verify.maths_expression import Node
from processors.verify.maths_units import Unit


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value. `decimals`: digits after the point, of a numeral. `glued`: its unit may as well be a variable (5m)."""

    node: Node
    unit: Unit | None = None
    decimals: int | None = None
    percent: bool = False
    approx: bool = False
    base: int | None = None
    digits: str = ""  # of a numeral in a base
    glued: bool = False
    guessed: bool = False  # the only number in a phrase


@dataclass(frozen=True, slots=True)
class Group:
    """`kind`: list (without brackets), set, tuple, bracket ([1, 2]) or vector."""

    kind: str
    items: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """An interval; an end of None is infinite."""

    low: Node | None
    high: Node | None
    low_closed: bool
    high_closed: bool


@dataclass(frozen=True, slots=True)
class Intervals:
    pieces: tuple[Piece, ...]
    variable: str = ""


@dataclass(frozen=True, slots=True)
class Matrix:
    rows: tuple[tuple[Scalar, ...], ...]


@dataclass(frozen=True, slots=True)
class Named:
    """x = 3, f(x) = 2x, area = 5 cm."""

    name: str
    value: Value


@dataclass(frozen=True, slots=True)
class Relation:
    """`node` stands in the relation `sign` (=, <, <=, !=) to zero."""

    sign: str
    node: Node


@dataclass(frozen=True, slots=True)
class Ratio:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Clock:
    """`half`: am, pm or empty."""

    minutes: int
    half: str


@dataclass(frozen=True, slots=True)
class Words:
    """Text in normal form; `meaning` where it is of the words that have one: yes, no_solution, tuesday."""

    text: str
    meaning: str = ""


Value = Scalar | Group | Intervals | Matrix | Named | Relation | Ratio | Clock | Words


@dataclass(frozen=True, slots=True)
class Reading:
    value: Value
    rank: int = 0
