"""A corpus of two stages with facts of every type, limits, faults, copies and refusals, for tests of what counts them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pipelines.build import BuildResult, Execution, build_stages
from pipelines.corpus_source import open_corpus
from pipelines.dedup import DUPLICATE
from pipelines.recipe import Recipe
from pipelines.stage import Stage
from pipelines.step import each
from schemas.facts import Fact, Limit, Where
from schemas.identity import digest, keyed_rng
from schemas.outcome import Reason, Reject
from schemas.records import Document, FactValue, Origin, Row, with_facts
from tests.toy import UNREADABLE, Numbers, NumberSplit

VALUE = Fact("made.value", float, "Any number")
SIZE = Fact("made.num_bytes", int, "A whole number, often large")
NAME = Fact("made.name", str, "Mostly of this row alone")
LONG = Fact("made.long", str, "Too long to be listed")
GROUP = Fact("made.group", str, "One of a few")
IS_ROUND = Fact("made.is_round", bool, "Whether the number ends in 0")
RARE = Fact("made.rare", float, "On every seventh row")
TOO_SMALL = Reason("too_small", "The value is too small")
TOO_LARGE = Reason("too_large", "There are too many bytes")


@dataclass(frozen=True, slots=True)
class Sources(Numbers):
    """Numbers of several sources and licences; some cannot be read."""

    def read(self, split: NumberSplit) -> Iterator[Row | Reject]:
        for number in range(split.start, split.stop):
            key = digest("number", str(number))
            origin = Origin(f"source {number % 3}", "r", ("CC0-1.0", "", "MIT")[number % 7 % 3], f"row {number}")
            if number in self.broken:
                yield Reject(key, UNREADABLE.name, f"row {number}", origin)
            else:
                yield Row(key, origin, {"number": number})


@dataclass(frozen=True, slots=True)
class Measure:
    """Makes a document of a number and measures it; raises for some."""

    least: float = -2.0
    most: int = 40_000_000
    raises: tuple[int, ...] = ()
    shift: float = 0.0
    takes: ClassVar = (Row,)
    gives: ClassVar = Document
    reads: ClassVar = ()
    writes: ClassVar = (VALUE, SIZE, NAME, LONG, GROUP, IS_ROUND, RARE)
    reasons: ClassVar = (TOO_SMALL, TOO_LARGE)
    version: ClassVar = 1

    @property
    def bounds(self) -> tuple[Limit, ...]:
        large = (Where(VALUE, least=0.0, most=2.0, plus=(SIZE,)), Where(GROUP, none_of=("b",)))  # for the sake of its conditions
        others = (
            Limit(SIZE, TOO_LARGE.name, most=self.most * 2, where=large),
            Limit(RARE, TOO_SMALL.name, where=(Where(GROUP, any_of=("a",)),)),
        )
        return (Limit(VALUE, TOO_SMALL.name, least=self.least), Limit(SIZE, TOO_LARGE.name, most=self.most), *others)

    def __call__(self, row: Row) -> Document | Reject:
        number = int(str(row.fields["number"]))
        if number in self.raises:
            raise ValueError(f"planted fault at {number}")
        rng = keyed_rng(0, "measure", row.key)
        facts: dict[str, FactValue] = {VALUE.name: float(rng.normal() + self.shift), SIZE.name: int(rng.exponential(1e7))}
        if float(facts[VALUE.name]) < self.least:
            return Reject(row.key, TOO_SMALL.name, "small", facts=facts)
        if int(facts[SIZE.name]) > self.most:
            return Reject(row.key, TOO_LARGE.name, "large", facts={**facts, GROUP.name: "refused"})
        facts |= {NAME.name: f"number {number - (number % 11 == 1)}", LONG.name: f"{number % 2} " * 150}
        facts |= {GROUP.name: "abc"[number % 3], IS_ROUND.name: number % 10 == 0}
        if number % 7 == 0:
            facts[RARE.name] = number / 7
        return Document(row.key, row.origin, f"the number {number}", facts)


@dataclass(frozen=True, slots=True)
class DropCopies:
    """Refuses every tenth record as a copy of one of a few."""

    every: int = 10
    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = (VALUE,)
    writes: ClassVar = ()
    reasons: ClassVar = (DUPLICATE,)
    version: ClassVar = 1
    forgets: ClassVar = (LONG,)

    def __call__(self, record: Document) -> Document | Reject:
        number = int(record.text.split()[-1])
        if number % self.every == 1:
            return Reject(record.key, DUPLICATE.name, f"same content as key{number % 4}, which stays")
        return Document(record.key, record.origin, record.text, {k: v for k, v in record.facts.items() if k != LONG.name})


@dataclass(frozen=True, slots=True)
class CountTokens:
    """As many tokens as the contract would count, nearly: its facts are what matters."""

    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = tuple(Fact(f"contract.{name}", int, "Tokens") for name in ("num_text_tokens", "num_tokens"))
    reasons: ClassVar = ()
    version: ClassVar = 1

    def __call__(self, record: Document) -> Document:
        return with_facts(record, {fact.name: len(record.text) for fact in self.writes})


def made_stages(count: int, per_split: int = 100, broken: tuple[int, ...] = (), copies: int = 10, **measure: object) -> tuple[Stage, ...]:
    """`made.measured`, then `made`, which reads it."""
    first = Recipe("made.measured", Sources(count, per_split, broken), (each(Measure(**measure)),), title="Measured")  # type: ignore[arg-type]
    steps = (each(DropCopies(copies)), each(CountTokens()))
    return (Stage("made.measured", lambda _: first), Stage("made", lambda earlier: Recipe("made", open_corpus(earlier.corpus), steps)))


def make(out: Path, count: int, per_split: int = 100, **options: object) -> Path:
    """Builds the corpus. Gives its directory."""
    results: list[BuildResult] = build_stages(made_stages(count, per_split, **options), out, Execution(workers=0, fault_budget=1.0))  # type: ignore[arg-type]
    return results[-1].path
