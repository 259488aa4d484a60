"""Small recipes whose processors have bugs that can be mended, for tests of requeueing: with children, a model, batches, groups."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from pipelines.corpus_source import open_corpus
from pipelines.recipe import Recipe
from pipelines.stage import Earlier, Stage
from pipelines.step import ask, batched, each, expand, gather
from schemas.facts import Fact
from schemas.identity import digest
from schemas.outcome import Reason, Reject
from schemas.records import Document, with_facts
from tests.toy import NUMBER, Numbers, Shout, Spell

NUM_WORDS = Fact("toy.num_words", int, "Words of the text")
WRONG = Reason("wrong", "It is taken for wrong")
ROUND = Reason("round", "The number is round")
SILENT = Reason("silent", "The model has nothing to say")
FINE, REJECTED, FAULTY = "fine", "rejected", "faulty"


@dataclass(frozen=True, slots=True)
class Judge:
    """Counts words; rejects, or breaks at, the records whose key ends in what it is told. `bugs` are code, not configuration."""

    bugs: tuple[tuple[str, str], ...] = field(default=(), metadata={"fingerprint": False})
    longest: int = 1_000
    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = (NUMBER,)
    writes: ClassVar = (NUM_WORDS,)
    reasons: ClassVar = (WRONG, ROUND)
    version: ClassVar = 1

    def __call__(self, record: Document) -> Document | Reject:
        fate = dict(self.bugs).get(place(record), FINE)
        if fate == FAULTY:
            raise ValueError(f"planted at {place(record)}")
        num_words = len(record.text.split())
        if fate == REJECTED:
            return Reject(record.key, WRONG.name, place(record), facts={NUM_WORDS.name: num_words})
        if int(record.facts[NUMBER.name]) % 10 == 0 or num_words > self.longest:
            return Reject(record.key, ROUND.name, place(record))
        return with_facts(record, {NUM_WORDS.name: num_words})


@dataclass(frozen=True, slots=True)
class Split:
    """One child a word of the first three; breaks at, or rejects, what it is told."""

    bugs: tuple[tuple[str, str], ...] = field(default=(), metadata={"fingerprint": False})
    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = (NUMBER,)
    writes: ClassVar = ()
    reasons: ClassVar = (WRONG,)
    version: ClassVar = 1

    def __call__(self, record: Document) -> list[Document] | Reject:
        fate = dict(self.bugs).get(place(record), FINE)
        if fate == FAULTY:
            raise ValueError(f"planted at {place(record)}")
        if fate == REJECTED:
            return Reject(record.key, WRONG.name, place(record))
        number = int(record.facts[NUMBER.name])
        return [replace(record, text=f"{record.text}{word} ") for word in range(1 + number % 3)]


@dataclass(frozen=True, slots=True)
class Question:
    text: str

    def digest(self) -> str:
        return digest("question", self.text)


@dataclass(frozen=True, slots=True)
class Continue:
    """A model goes on with the text, never the same way twice; it is not asked about sevens, and says nothing about nines."""

    bugs: tuple[tuple[str, str], ...] = field(default=(), metadata={"fingerprint": False})
    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = (NUMBER,)
    writes: ClassVar = ()
    reasons: ClassVar = (WRONG, SILENT)
    version: ClassVar = 1

    def identity(self) -> str:
        return "continue"

    def questions(self, record: Document) -> list[Question] | Reject:
        if int(record.facts[NUMBER.name]) % 10 == 7:
            return Reject(record.key, WRONG.name, "seven")
        if dict(self.bugs).get(place(record)) == FAULTY:
            raise ValueError(f"planted at {place(record)}")
        return [Question(record.text)]

    @contextlib.contextmanager
    def open(self) -> Iterator[Any]:
        yield lambda questions: [f"{random.random()}".encode() for _ in questions]

    def answer(self, record: Document, replies: list[bytes]) -> Document | Reject:
        if int(record.facts[NUMBER.name]) % 10 == 9 or dict(self.bugs).get(place(record)) == REJECTED:
            return Reject(record.key, SILENT.name, place(record))
        return replace(record, text=record.text + replies[0].decode())


@dataclass(frozen=True, slots=True)
class Pair:
    """Neighbours become one document; an odd one out is refused."""

    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = ()
    reasons: ClassVar = (WRONG,)
    version: ClassVar = 1

    def __call__(self, records: list[Document]) -> list[Document | Reject]:
        pairs = zip(records[::2], records[1::2], strict=False)
        joined: list[Document | Reject] = [
            replace(first, key=digest(first.key, second.key), text=first.text + second.text, parents=(first.key, second.key))
            for first, second in pairs
        ]
        return joined + ([Reject(records[-1].key, WRONG.name, "odd one out")] if len(records) % 2 else [])


def place(record: Document) -> str:
    """The number of a record and the children it stems from, such as `12/0`."""
    return "/".join([str(record.facts[NUMBER.name]), *record.key.split("/")[1:]])


Bugs = tuple[tuple[str, str], ...]


def lines(
    count: int = 60,
    per_split: int = 20,
    broken: tuple[int, ...] = (5, 41),
    judge: Bugs = (),
    split: Bugs = (),
    model: Bugs = (),
    last: Bugs = (),
    spell: tuple[int, ...] = (),
    name: str = "lines",
) -> Recipe:
    """Numbers, some of which the source cannot read -> documents -> children -> batches -> a model -> children of children."""
    steps = (
        each(Spell(raises=spell)),
        each(Judge(judge)),
        expand(Split(split)),
        batched(Shout(), size=4),
        ask(Continue(model), size=3),
        expand(Split(last), "split_again"),
    )
    return Recipe(name, Numbers(count, per_split, broken), steps)


def plain(count: int = 40, per_split: int = 10, name: str = "plain", judge: Bugs = (), longest: int = 1_000) -> Recipe:
    """Numbers -> documents -> those that are judged fine."""
    return Recipe(name, Numbers(count, per_split, (3,)), (each(Spell()), each(Judge(judge, longest))))


def pairs(count: int = 40, judge: Bugs = ()) -> Recipe:
    """As `plain`, then neighbours of a split are joined."""
    return Recipe("pairs", Numbers(count, 10, (3,)), (each(Spell()), each(Judge(judge)), gather(Pair())))


def staged(judge: Bugs = (), split: Bugs = (), count: int = 40) -> tuple[Stage, ...]:
    """A corpus in three stages."""

    def children(earlier: Earlier) -> Recipe:
        return Recipe("staged.split", open_corpus(earlier.corpus), (expand(Split(split)),))

    def joined(earlier: Earlier) -> Recipe:
        return Recipe("staged", open_corpus(earlier.corpus), (gather(Pair()),))

    first = plain(count, name="staged.judged", judge=judge)
    return (Stage(first.name, lambda _: first), Stage("staged.split", children), Stage("staged", joined))


def rows_of(path: Path) -> list[str]:
    """The texts of a corpus, in order."""
    from schemas.corpus import Corpus

    return [record.text for record in Corpus(path).records()]  # type: ignore[union-attr]
