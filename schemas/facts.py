"""A fact is a named, typed measurement, declared once in the module that measures it; a limit is what a step asks of one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

TYPES = (bool, int, float, str)
Value = bool | int | float | str
EVERY = "every"  # what a processor `forgets` whose records carry no fact of those they were made from


@dataclass(frozen=True, slots=True)
class Fact:
    """Declares a measurement: `name` is `area.what_unit`, `type` one of bool, int, float, str."""

    name: str
    type: type
    doc: str

    def __post_init__(self) -> None:
        if self.type not in TYPES:
            raise TypeError(f"fact {self.name!r} has type {self.type!r}, expected one of bool, int, float, str")
        if self.name.count(".") != 1 or not self.name.replace(".", "").replace("_", "").isalnum():
            raise ValueError(f"fact name {self.name!r} must read `area.what_unit`")


@dataclass(frozen=True, slots=True)
class Where:
    """Of which records a limit asks something: those whose value of `fact` is in `any_of`, is not in `none_of`, and lies within the bounds.

    `plus` are facts that are added to it.
    """

    fact: Fact
    any_of: tuple[Value, ...] = ()
    none_of: tuple[Value, ...] = ()
    least: float | None = None
    most: float | None = None
    plus: tuple[Fact, ...] = ()

    def holds(self, facts: Mapping[str, Value]) -> bool:
        """Whether it does of a record with these facts. Raises: KeyError without the fact."""
        value = facts[self.fact.name]
        if (self.any_of and value not in self.any_of) or value in self.none_of:
            return False
        if self.least is None and self.most is None:
            return True
        return _is_within(float(value) + sum(float(facts[fact.name]) for fact in self.plus), self.least, self.most)

    @property
    def facts(self) -> tuple[Fact, ...]:
        """All that it looks at."""
        return (self.fact, *self.plus)

    def told(self) -> dict[str, Any]:
        """As JSON values, without what it does not ask."""
        row: dict[str, Any] = {"fact": self.fact.name, "any_of": list(self.any_of), "none_of": list(self.none_of)}
        row |= {"least": _finite(self.least), "most": _finite(self.most), "plus": [fact.name for fact in self.plus]}
        return {name: value for name, value in row.items() if value not in ([], None)}


@dataclass(frozen=True, slots=True)
class Limit:
    """What a step asks of a fact: a record whose value is below `least`, or above `most`, is refused with `reason`; None is no bound.

    A processor that refuses by facts has a property `bounds`, a tuple of these, made from its fields. `where` names the records of
    which it asks; all conditions must hold. A row that came out keeps every limit of its steps that judges it, and one that was
    refused breaks a limit with its reason; unless these are not `sole`: then the reason has causes beside them.
    """

    fact: Fact
    reason: str
    least: float | None = None
    most: float | None = None
    where: tuple[Where, ...] = ()
    sole: bool = True

    def __post_init__(self) -> None:
        if self.fact.type is str:
            raise TypeError(f"a limit on fact {self.fact.name!r}, which is text; limits are on numbers and truth values")

    def keeps(self, value: float) -> bool:
        """Whether a value is within the bounds."""
        return _is_within(value, self.least, self.most)

    @property
    def facts(self) -> tuple[Fact, ...]:
        """All that it looks at."""
        return (self.fact, *(fact for each in self.where for fact in each.facts))

    def judges(self, facts: Mapping[str, Value]) -> bool:
        """Whether it asks something of a record with these facts; nothing of one that lacks a fact."""
        return self.fact.name in facts and all(all(fact.name in facts for fact in each.facts) and each.holds(facts) for each in self.where)

    def expected(self, value: float) -> float:
        """The bound that a value breaks."""
        bound = self.least if self.least is not None and value < self.least else self.most
        if bound is None:
            raise ValueError(f"{self.fact.name} {value:g} breaks no bound of {self.told()}")
        return bound

    def told(self) -> dict[str, Any]:
        """As JSON values, which `read_limit` reads; an infinite bound is none."""
        row: dict[str, Any] = {"fact": self.fact.name, "reason": self.reason, "least": _finite(self.least), "most": _finite(self.most)}
        return {**row, "where": [each.told() for each in self.where], "sole": self.sole}


def read_limit(row: Mapping[str, Any], facts: Mapping[str, Fact]) -> Limit:
    """The limit that `Limit.told` told. Raises: KeyError for a fact that is not among `facts` (by name)."""
    where = tuple(_read_where(each, facts) for each in row["where"])
    return Limit(facts[row["fact"]], row["reason"], row["least"], row["most"], where, row["sole"])


def _read_where(row: Mapping[str, Any], facts: Mapping[str, Fact]) -> Where:
    any_of, none_of, plus = (tuple(row.get(name, ())) for name in ("any_of", "none_of", "plus"))
    return Where(facts[row["fact"]], any_of, none_of, row.get("least"), row.get("most"), tuple(facts[name] for name in plus))


def first_broken(limits: Iterable[Limit], facts: Mapping[str, Value]) -> Limit | None:
    """The first limit that a record with these facts breaks. Raises: KeyError for a fact that is missing."""
    for limit in limits:
        if all(each.holds(facts) for each in limit.where) and not limit.keeps(float(facts[limit.fact.name])):
            return limit
    return None


def _is_within(value: float, least: float | None, most: float | None) -> bool:
    return (least is None or value >= least) and (most is None or value <= most)


def _finite(bound: float | None) -> float | None:
    return bound if bound is not None and math.isfinite(bound) else None
