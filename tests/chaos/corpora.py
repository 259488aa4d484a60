"""The corpora that are built while things break: numbers as documents, quick, with steps that meet trouble when they are told to.

Trouble is a file in a folder of flags: the first step, model or worker that finds it takes it away and does what its name says. The
folder is no part of a recipe's fingerprint, so that a build without trouble gives the bytes to compare with.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from pipelines.corpus_source import open_corpus
from pipelines.dedup import drop_listed, find_duplicates
from pipelines.recipe import Recipe
from pipelines.stage import Earlier, Stage, only
from pipelines.step import ask, batched, each
from schemas.corpus import Corpus
from schemas.facts import Fact
from schemas.identity import digest
from schemas.outcome import Reason, Reject
from schemas.records import Document, with_facts
from tests.toy import NUMBER, KeepEven, Numbers, Spell

NUM_ROWS, PER_SPLIT = 80, 10
BROKEN = (3, 57)
SLEEP_S = 0.004  # a record, so that a fault finds the build at work; it costs no CPU
BALLAST_BYTES = 48 << 20
NUM_ALIKE = 30  # numbers that differ by a multiple of it are copies
ALIKE = Fact("chaos.alike", str, "What copies have in common")
SILENT = Reason("silent", "The model has nothing to say about multiples of seven")


def claim(flags: str, name: str) -> bool:
    """Whether the trouble `name` was ordered; whoever is told so is the only one."""
    try:
        Path(flags, name).unlink()
    except OSError:
        return False
    return True


def meet(flags: str, where: str) -> None:
    """What a step or a model (`where`) does before a record: nothing, or what was ordered."""
    if claim(flags, f"{where}_memory_kill"):
        ballast = np.ones(BALLAST_BYTES, np.uint8)  # memory grows, and the process is gone without a word, as the kernel does it
        os.kill(os.getpid(), signal.SIGKILL)
        del ballast
    if claim(flags, f"{where}_memory_error"):
        np.empty(1 << 52, np.uint8)
    if claim(flags, f"{where}_straggles"):
        time.sleep(1.5)


@dataclass(frozen=True, slots=True)
class Measure:
    """Writes what copies have in common, and meets trouble."""

    flags: str = field(default="", metadata={"fingerprint": False})
    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = (NUMBER,)
    writes: ClassVar = (ALIKE,)
    reasons: ClassVar = ()
    version: ClassVar = 1

    def __call__(self, record: Document) -> Document:
        meet(self.flags, "step")
        return with_facts(record, {ALIKE.name: digest("alike", str(int(record.facts[NUMBER.name]) % NUM_ALIKE))})


@dataclass(frozen=True, slots=True)
class Shout:
    """An opener that puts texts in capitals, and meets trouble."""

    flags: str = field(default="", metadata={"fingerprint": False})
    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = ()
    reasons: ClassVar = ()
    version: ClassVar = 1

    @contextlib.contextmanager
    def open(self) -> Iterator[Callable[[list[Document]], list[Document]]]:
        def call(records: list[Document]) -> list[Document]:
            meet(self.flags, "model")
            time.sleep(SLEEP_S)
            return [replace(record, text=record.text.upper()) for record in records]

        yield call


@dataclass(frozen=True, slots=True)
class Question:
    number: int

    def digest(self) -> str:
        return digest("question", str(self.number))


@dataclass(frozen=True, slots=True)
class Ask:
    """Asks a model, whose replies are kept, and meets trouble."""

    flags: str = field(default="", metadata={"fingerprint": False})
    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = (NUMBER,)
    writes: ClassVar = ()
    reasons: ClassVar = (SILENT,)
    version: ClassVar = 1

    def identity(self) -> str:
        return "chaos"

    def questions(self, record: Document) -> list[Question] | Reject:
        number = int(record.facts[NUMBER.name])
        return [Question(number // 3)] if number % 7 else Reject(record.key, SILENT.name, f"{number}")

    @contextlib.contextmanager
    def open(self) -> Iterator[Callable[[list[Question]], list[bytes]]]:
        def call(questions: list[Question]) -> list[bytes]:
            meet(self.flags, "model")
            time.sleep(SLEEP_S)
            return [f"about {question.number}".encode() for question in questions]

        yield call

    def answer(self, record: Document, replies: list[bytes]) -> Document:
        return replace(record, text=f"{record.text} {replies[0].decode()}")


def _source(count: int = NUM_ROWS, length_known: bool = True) -> Numbers:
    return Numbers(count, PER_SPLIT, BROKEN, length_known)


def plain(flags: str) -> tuple[Stage, ...]:
    """No model."""
    return only(Recipe("chaos", _source(), (each(Spell(sleep_s=SLEEP_S)), each(Measure(flags)), each(KeepEven()))))


def model(flags: str) -> tuple[Stage, ...]:
    """A pool of models in the middle; the splits do not know their length."""
    steps = (each(Spell(sleep_s=SLEEP_S)), each(Measure(flags)), batched(Shout(flags), size=4, pool=2), each(KeepEven()))
    return only(Recipe("chaos", _source(length_known=False), steps))


def stages(flags: str) -> tuple[Stage, ...]:
    """Three stages: numbers, a graph over all of them that lists copies, and a model that is asked about what stays."""

    def keep(earlier: Earlier) -> Recipe:
        listed = find_duplicates(Corpus(earlier.corpus), ALIKE, earlier.folder, earlier.compute)
        return Recipe("chaos.kept", open_corpus(earlier.corpus), (each(drop_listed(listed)),))

    def finish(earlier: Earlier) -> Recipe:
        return Recipe("chaos", open_corpus(earlier.corpus), (ask(Ask(flags), size=2, pool=1),))

    first = Recipe("chaos.numbers", _source(), (each(Spell(sleep_s=SLEEP_S)), each(Measure(flags))))
    return (Stage(first.name, lambda _: first), Stage("chaos.kept", keep), Stage("chaos", finish))


CORPORA: dict[str, Callable[[str], tuple[Any, ...]]] = {"plain": plain, "model": model, "stages": stages}
