"""A pool's one queue: no actor waits while a batch does, whatever split it is of, and a dead actor is told as such."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from pipelines.build import BuildError, Execution, build
from pipelines.cluster import needs
from pipelines.recipe import Recipe
from pipelines.step import ask, each
from schemas.corpus import Corpus
from schemas.identity import digest
from schemas.records import Document
from tests.toy import NUMBER, Numbers, Spell

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("one_ray")]


@dataclass(frozen=True, slots=True)
class Question:
    number: int

    def digest(self) -> str:
        return digest(str(self.number))


@dataclass(frozen=True, slots=True)
class Slow:
    """A model that needs long for some numbers, and writes down what it has finished, and where."""

    log: str = field(metadata={"fingerprint": False})
    long: tuple[int, ...] = ()
    kills: tuple[int, ...] = ()
    missing: bool = False
    num_cpus: int = 1
    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = (NUMBER,)
    writes: ClassVar = ()
    reasons: ClassVar = ()
    version: ClassVar = 1

    @property
    def resources(self) -> dict[str, int]:
        return {"num_cpus": self.num_cpus}

    def identity(self) -> str:
        return "slow"

    def questions(self, record: Document) -> list[Question]:
        return [Question(int(record.facts[NUMBER.name]))]

    @contextlib.contextmanager
    def open(self) -> Iterator[Any]:
        if self.missing:
            raise FileNotFoundError("no model here")

        def reply(questions: list[Question]) -> list[bytes]:
            for question in questions:
                if question.number in self.kills:
                    os.kill(os.getpid(), signal.SIGKILL)
                time.sleep(3.0 if question.number in self.long else 0.01)
            with open(self.log, "a") as log:
                log.writelines(f"{question.number} {os.getpid()}\n" for question in questions)
            return [b"done"] * len(questions)

        yield reply

    def answer(self, record: Document, replies: list[bytes]) -> Document:
        return replace(record, text=replies[0].decode())


def finished(tmp_path: Path) -> list[tuple[int, int]]:
    return [(int(number), int(pid)) for number, pid in (line.split() for line in (tmp_path / "log").read_text().splitlines())]


def test_batches_do_not_queue_behind_a_slow_one(tmp_path: Path) -> None:
    slow = ask(Slow(str(tmp_path / "log"), long=(0,)), size=1, pool=2)
    done = build(Recipe("asked", Numbers(40, per_split=20), (each(Spell()), slow)), tmp_path / "out", Execution(workers=2))
    assert done.totals["num_out"] == 40
    order = finished(tmp_path)
    at = [number for number, _ in order].index(0)
    slow_pid = order[at][1]
    before = [pid for _, pid in order[:at]]
    assert len(before) >= 20  # the other split passes, and what the slow one's own split has sent ahead
    assert set(before) - {slow_pid} != set()
    assert before[-15:] == [before[-1]] * 15  # all of it by the actor that is free


@pytest.mark.slow  # a batch that kills its actor is in test_build
def test_a_question_that_kills_its_actor_is_refused_alone(tmp_path: Path) -> None:
    step = ask(Slow(str(tmp_path / "log"), kills=(7,)), size=2, pool=2)
    done = build(Recipe("asked", Numbers(20, per_split=10), (each(Spell()), step)), tmp_path / "out", Execution(workers=2))
    assert done.totals["rejects"] == {"crashed_worker": 1}
    assert [row["locator"] for row in Corpus(done.path).rejects()] == ["row 7"]
    assert done.totals["num_out"] == 19


@pytest.mark.parametrize("workers", [0, 2])
def test_a_model_that_cannot_be_opened_stops_the_build_and_says_why(tmp_path: Path, workers: int) -> None:
    step = ask(Slow(str(tmp_path / "log"), missing=True), size=2)
    with pytest.raises((BuildError, FileNotFoundError), match="no model here"):
        build(Recipe("asked", Numbers(20, per_split=10), (each(Spell()), step)), tmp_path / "out", Execution(workers=workers))


def test_models_that_take_several_cpus_leave_one_for_the_task(tmp_path: Path) -> None:
    step = ask(Slow(str(tmp_path / "log"), num_cpus=3), size=2)
    done = build(Recipe("asked", Numbers(20, per_split=10), (each(Spell()), step)), tmp_path / "out", Execution(workers=2))
    assert done.totals["num_out"] == 20


def test_needs_are_summed_over_actors(tmp_path: Path) -> None:
    steps = [ask(Slow(str(tmp_path), num_cpus=3)), ask(Slow(str(tmp_path)), name="other", pool=5)]
    assert needs(steps, 2) == {"CPU": 2 * 3 + 5, "GPU": 0}
