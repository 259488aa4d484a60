"""A small source and small processors for tests of the engine: numbers as documents, with planted trouble."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from pipelines.recipe import Recipe
from pipelines.step import each
from schemas.facts import Fact
from schemas.identity import digest
from schemas.outcome import Reason, Reject
from schemas.records import Document, Origin, Row, with_facts

NUMBER = Fact("toy.number", int, "The number of the row")
NUM_LETTERS = Fact("toy.num_letters", int, "Letters of the text")
ODD = Reason("odd", "The number is odd")
UNREADABLE = Reason("unreadable", "The row cannot be read")


@dataclass(frozen=True, slots=True)
class NumberSplit:
    id: str
    path: str
    revision: str
    start: int
    stop: int
    num_rows: int
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Numbers:
    """Rows 0..count-1 in splits of `per_split`; those in `broken` are refused by the source."""

    count: int
    per_split: int = 10
    broken: tuple[int, ...] = ()
    length_known: bool = True
    reasons: ClassVar = (UNREADABLE,)

    def splits(self) -> list[NumberSplit]:
        found = []
        for start in range(0, self.count, self.per_split):
            stop = min(start + self.per_split, self.count)
            rows = stop - start if self.length_known else -1
            found.append(NumberSplit(digest("numbers", str(start), str(stop)), "numbers", "r", start, stop, rows))
        return found

    def read(self, split: NumberSplit) -> Iterator[Row | Reject]:
        for number in range(split.start, split.stop):
            origin = Origin("numbers", "r", "CC0-1.0", f"row {number}")
            key = digest("number", str(number))
            if number in self.broken:
                yield Reject(key, UNREADABLE.name, f"row {number}", origin)
            else:
                yield Row(key, origin, {"number": number})


@dataclass(frozen=True, slots=True)
class Spell:
    """A row becomes a document that says its number; meets trouble where it is told to."""

    raises: tuple[int, ...] = ()
    kills: tuple[int, ...] = ()
    kills_once: tuple[int, ...] = ()
    flag: str = ""  # a file that says that `kills_once` has killed already
    sleep_s: float = 0.0
    takes: ClassVar = (Row,)
    gives: ClassVar = Document
    reads: ClassVar = ()
    writes: ClassVar = (NUMBER,)
    reasons: ClassVar = ()
    version: ClassVar = 1

    def __call__(self, row: Row) -> Document:
        number = int(str(row.fields["number"]))
        if number in self.raises:
            raise ValueError(f"planted fault at {number}")
        if number in self.kills:
            os.kill(os.getpid(), signal.SIGKILL)
        if number in self.kills_once and not Path(self.flag).exists():
            Path(self.flag).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(self.sleep_s)
        return Document(row.key, row.origin, f"the number {number} " * 20, {NUMBER.name: number})


@dataclass(frozen=True, slots=True)
class KeepEven:
    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = (NUMBER,)
    writes: ClassVar = (NUM_LETTERS,)
    reasons: ClassVar = (ODD,)
    version: ClassVar = 1

    def __call__(self, record: Document) -> Document | Reject:
        number = record.facts[NUMBER.name]
        if number % 2:  # type: ignore[operator]
            return Reject(record.key, ODD.name, f"{number}")
        return with_facts(record, {NUM_LETTERS.name: len(record.text)})


@dataclass(frozen=True, slots=True)
class Shout:
    """An opener: its live callable puts texts in capitals, a batch at a time."""

    raises: tuple[int, ...] = ()
    kills: tuple[int, ...] = ()
    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = (NUMBER,)
    writes: ClassVar = ()
    reasons: ClassVar = ()
    version: ClassVar = 1

    @contextlib.contextmanager
    def open(self) -> Iterator[Any]:
        def call(records: list[Document]) -> list[Document]:
            for record in records:
                if record.facts[NUMBER.name] in self.raises:
                    raise ValueError(f"planted fault at {record.facts[NUMBER.name]}")
                if record.facts[NUMBER.name] in self.kills:
                    os.kill(os.getpid(), signal.SIGKILL)
            return [replace(record, text=record.text.upper()) for record in records]

        yield call


def toy_recipe(count: int = 100, per_split: int = 10, steps: tuple[Any, ...] = (), broken: tuple[int, ...] = (), **spell: Any) -> Recipe:
    """Numbers -> documents -> even ones."""
    return Recipe("toy", Numbers(count, per_split, broken), (each(Spell(**spell)), each(KeepEven()), *steps))


def hashes(folder: Path) -> dict[str, str]:
    """Every file of a folder with its SHA-256, locks and what runs took left out."""
    from pipelines.runs import RUNS
    from schemas.shard import file_sha256

    files = (file for file in sorted(folder.rglob("*")) if file.is_file() and file.parent.name != RUNS and not file.name.endswith(".lock"))
    return {file.relative_to(folder).as_posix(): file_sha256(file) for file in files}
