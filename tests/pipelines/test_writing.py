"""Who writes: given columns, rules, or a model behind the protocol; its replies are kept and read strictly."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from pipelines.build import Execution, build
from pipelines.recipe import PlanError, Recipe
from pipelines.step import ask, each
from pipelines.writing import write_steps
from processors.dialogue import TextTask
from processors.tasks.writing import BAD_REPLY, WRITTEN_BY, Prompt, TakeGiven, WriteByModel, with_fields
from schemas.corpus import Corpus
from schemas.outcome import Reason, Reject
from schemas.records import Row
from tests.toy import Numbers

ODD = Reason("odd", "The number is odd")


@dataclass(frozen=True, slots=True)
class Counter:
    """A model that answers in JSON, save for the number six."""

    log: str = field(metadata={"fingerprint": False})
    name: ClassVar = "counter"

    def identity(self) -> str:
        return "counter 1"

    @contextlib.contextmanager
    def open(self) -> Iterator[Any]:
        def write(prompts: list[Prompt]) -> list[str]:
            with open(self.log, "a") as log:
                log.writelines(f"{prompt.text}\n" for prompt in prompts)
            return ["six, I think" if prompt.text.endswith(" 6") else json.dumps({"text": prompt.text.upper()}) for prompt in prompts]

        yield write


@dataclass(frozen=True, slots=True)
class WriteNumber:
    """Asks for the number in words; odd numbers are refused before they are asked for."""

    reasons: ClassVar = (ODD,)

    def prompt(self, row: Row) -> Prompt | Reject:
        number = int(str(row.fields["number"]))
        return Reject(row.key, ODD.name, str(number)) if number % 2 else Prompt(f"Write {number}")

    def read(self, row: Row, reply: str) -> Row | Reject:
        try:
            text = json.loads(reply)["text"]
        except ValueError:
            return Reject(row.key, BAD_REPLY.name, f"no JSON: {reply}")
        return with_fields(row, text=text)


def test_a_model_writes_once_and_what_it_writes_badly_is_refused(tmp_path: Path) -> None:
    step = WriteByModel(Counter(str(tmp_path / "log")), WriteNumber())
    recipe = Recipe("written", Numbers(10), (ask(step, 2), each(TextTask())))
    done = build(recipe, tmp_path / "out", Execution(workers=0))
    assert done.totals["rejects"] == {"odd": 5, "bad_reply": 1}
    records = list(Corpus(done.path).records())
    assert sorted(record.text for record in records) == ["WRITE 0", "WRITE 2", "WRITE 4", "WRITE 8"]
    assert {record.facts[WRITTEN_BY.name] for record in records} == {"counter"}
    build(recipe, tmp_path / "out", Execution(workers=0, rebuild=True))
    assert sorted((tmp_path / "log").read_text().split("\n")[:-1]) == [f"Write {number}" for number in range(0, 10, 2)]


def test_prompts_differ_by_all_that_decides_the_reply() -> None:
    prompt = Prompt("Write", "Be brief", 10)
    others = (replace(prompt, text="Writes"), replace(prompt, system=""), replace(prompt, max_tokens=11))
    assert len({one.digest() for one in (prompt, *others)}) == 4


def test_the_writer_is_chosen_by_name() -> None:
    templates = TakeGiven()
    assert [step.name for step in write_steps("given")] == ["write"]
    assert write_steps("templates", templates)[0].processor is templates
    with pytest.raises(PlanError, match="no client of language model endpoints is built in yet; expected given or templates"):
        write_steps("openai", templates)
    with pytest.raises(PlanError, match=r"writer is .templates., expected given$"):
        write_steps("templates")
