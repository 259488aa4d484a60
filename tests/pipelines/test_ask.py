"""Asking models: each question once, replies kept by content, nothing lost when a question breaks the call."""

from __future__ import annotations

import contextlib
import dataclasses
import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from pipelines.build import BuildError, Execution, build
from pipelines.feed import LocalCaller
from pipelines.recipe import PlanError, Recipe
from pipelines.run import run_split
from pipelines.step import ask, each, expand
from schemas.corpus import Corpus
from schemas.identity import digest
from schemas.outcome import Reason, Reject
from schemas.records import Document
from schemas.replies import Replies
from tests.toy import NUMBER, Numbers, Spell

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("one_ray")]

THREES = Reason("threes", "The number ends in three")
SILENT = Reason("silent", "The model said nothing")


@dataclass(frozen=True, slots=True)
class Question:
    number: int

    def digest(self) -> str:
        return digest("question", str(self.number))


@dataclass(frozen=True, slots=True)
class AskTwice:
    """Asks for the number's last digit and for its half; a model that never says the same twice answers."""

    log: str = field(metadata={"fingerprint": False})
    raises: tuple[int, ...] = ()
    speaks: str = "en"
    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = (NUMBER,)
    writes: ClassVar = ()
    reasons: ClassVar = (THREES, SILENT)
    version: ClassVar = 1

    def identity(self) -> str:
        return f"echo {self.speaks}"

    def questions(self, record: Document) -> list[Question] | Reject:
        number = int(record.facts[NUMBER.name])
        if number % 10 == 3:
            return Reject(record.key, THREES.name, str(number))
        return [Question(number % 10), Question(number // 2)] if number else []

    @contextlib.contextmanager
    def open(self) -> Iterator[Any]:
        def reply(questions: list[Question]) -> list[bytes]:
            if any(question.number in self.raises for question in questions):
                raise ValueError("the model cannot say this")
            with open(self.log, "a") as log:
                log.writelines(f"{question.number}\n" for question in questions)
            return [f"{question.number} {random.random()}".encode() for question in questions]

        yield reply

    def answer(self, record: Document, replies: list[bytes]) -> Document | Reject:
        if not replies:
            return Reject(record.key, SILENT.name)
        return replace(record, text=" and ".join(reply.decode() for reply in replies))


def recipe(tmp_path: Path, count: int = 40, **options: Any) -> Recipe:
    steps = (each(Spell()), ask(AskTwice(str(tmp_path / "log"), **options), size=3))
    return Recipe("asked", Numbers(count), steps)


def asked(tmp_path: Path) -> list[int]:
    return [int(line) for line in (tmp_path / "log").read_text().split()]


def shards(corpus: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((corpus / "shards").iterdir())}


@pytest.mark.parametrize("workers", [0, 2])
def test_each_question_is_asked_once_and_the_replies_make_the_corpus(tmp_path: Path, workers: int) -> None:
    first = build(recipe(tmp_path), tmp_path / "out", Execution(workers=workers))
    assert first.totals["num_out"] == 40 - 4 - 1
    assert sum(first.totals["rejects"].values()) == 5
    before = asked(tmp_path)
    if workers == 0:
        assert sorted(before) == sorted(set(before))
        assert first.asked["ask_twice"] == len(before)
    again = build(recipe(tmp_path), tmp_path / "out", Execution(workers=workers, rebuild=True))
    assert asked(tmp_path) == before
    assert again.asked["ask_twice"] == 0
    assert again.known["ask_twice"] > 0
    other = build(recipe(tmp_path), tmp_path / "other", Execution(workers=0, replies=str(tmp_path / "out" / ".replies")))
    assert shards(other.path) == shards(again.path)


def test_in_a_split_a_question_that_is_under_way_is_not_asked_again(tmp_path: Path) -> None:
    plan = recipe(tmp_path, 10)
    with plan.steps[1].processor.open() as function:
        caller = LocalCaller(function, depth=4)
        run_split(plan, plan.source.splits()[0], tmp_path / "corpus", {"ask_twice": caller}, replies=Replies())
    assert sorted(asked(tmp_path)) == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert caller.busy_s > 0


def test_a_question_that_breaks_the_model_costs_its_records_alone(tmp_path: Path) -> None:
    plan = recipe(tmp_path, 10, raises=(7,))
    result = build(plan, tmp_path / "out", Execution(workers=0, min_faults=5))
    faults = [row for row in Corpus(result.path).rejects() if row["failure"] == "fault"]
    assert [(row["step"], row["detail"]) for row in faults] == [("ask_twice", "ValueError: the model cannot say this")]
    assert result.totals["num_out"] == 10 - 1 - 1 - 1


def test_too_many_faults_of_a_model_stop_the_build(tmp_path: Path) -> None:
    plan = recipe(tmp_path, 40, raises=tuple(range(40)))
    with pytest.raises(BuildError, match="made a processor raise"):
        build(plan, tmp_path / "out", Execution(workers=0, min_faults=5))


def test_another_model_is_asked_anew(tmp_path: Path) -> None:
    build(recipe(tmp_path), tmp_path / "out", Execution(workers=0))
    before = len(asked(tmp_path))
    build(dataclasses.replace(recipe(tmp_path, speaks="de"), name="other"), tmp_path / "out", Execution(workers=0))
    assert len(asked(tmp_path)) == 2 * before


def test_an_opener_is_asked_or_batched(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="is an opener and is fed each; openers are fed batched or asked"):
        Recipe("asked", Numbers(3), (each(Spell()), each(AskTwice(str(tmp_path)))))
    with pytest.raises(PlanError, match="is an opener and is fed expand"):
        Recipe("asked", Numbers(3), (each(Spell()), expand(AskTwice(str(tmp_path)))))


def test_the_pool_decides_no_byte(tmp_path: Path) -> None:
    step = AskTwice(str(tmp_path))
    one, two = (Recipe("asked", Numbers(3), (each(Spell()), ask(step, pool=pool))) for pool in (1, 2))
    assert one.fingerprint() == two.fingerprint()


def test_the_first_reply_stays(tmp_path: Path) -> None:
    replies = Replies(tmp_path)
    assert replies.get("ab12") is None
    assert replies.put("ab12", b"first") == b"first"
    assert replies.put("ab12", b"second") == b"first"
    assert Replies(tmp_path).get("ab12") == b"first"
    assert "ab12" in replies
    assert "ab13" not in replies
