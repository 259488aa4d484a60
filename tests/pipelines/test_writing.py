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
from pipelines.endpoint_groups import Endpoint
from pipelines.recipe import PlanError, Recipe
from pipelines.step import ask, each
from pipelines.writing import synthesis_steps, write_steps
from processors.dialogue import TextTask
from processors.tasks.writing import BAD_REPLY, WRITTEN_BY, Prompt, Reply, TakeGiven, WriteByModel, with_fields
from schemas.corpus import Corpus
from schemas.outcome import Reason, Reject
from schemas.records import Origin, Row
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
    with pytest.raises(PlanError, match=r"writer is 'openai', expected given or templates$"):
        write_steps("openai", templates)
    with pytest.raises(PlanError, match=r"writer is 'templates', expected given$"):
        write_steps("templates")
    with pytest.raises(PlanError, match=r"writer is 'gpt', expected given or openai$"):
        write_steps("gpt", writing=WriteNumber())


def test_a_served_model_is_asked_by_one_actor() -> None:
    endpoint = Endpoint("toy", "http://host/v1", concurrency=200)
    (step,) = write_steps("openai", TakeGiven(), WriteNumber(), endpoint, num_rows=8)
    assert (step.name, step.mode, step.size, step.pool) == ("write", "ask", 8, 1)
    assert step.processor.engine == endpoint.engine()
    assert step.processor.keeps_replies
    assert [reason.name for reason in step.processor.reasons] == ["odd", "bad_reply"]
    with pytest.raises(PlanError, match=r"needs model and base_url; see runbooks/endpoints.md"):
        write_steps("openai", writing=WriteNumber())


def test_a_reply_is_kept_as_it_was_said() -> None:
    whole = Reply("Grüße \ud83d\n", "cut", "m", 3, 4)
    assert Reply.from_bytes(whole.to_bytes()) == replace(whole, text="Grüße ?\n")  # half a character cannot be kept
    assert Reply.from_bytes("Grüße".encode()) == Reply("Grüße")  # of an engine that says no more than the text
    step = WriteByModel(Counter(""), WriteNumber())
    row = Row("k", Origin("s"), {"number": 2})
    assert step.answer(row, [b'{"text": "TWO"}']) == replace(row, fields={"number": 2, "text": "TWO"}, facts={WRITTEN_BY.name: "counter"})
    refused = step.answer(row, [Reply("half of", "cut at max_tokens").to_bytes()])
    assert refused == Reject("k", "bad_reply", "cut at max_tokens; the reply starts 'half of'")


def test_synthesis_is_planned_and_then_asked() -> None:
    assert synthesis_steps(()) == ()
    endpoint = Endpoint("toy", "http://host/v1")
    plan, write = synthesis_steps(("textbook", "dialogue"), endpoint, seed=3, variants=2)
    assert (plan.name, plan.mode, write.name, write.mode) == ("plan_synthesis", "expand", "synthesise", "ask")
    assert plan.processor.seed == 3
    Recipe("synthetic", Numbers(1), (plan, write, each(TextTask())))
    with pytest.raises(PlanError, match="synthesis: recipes are poem, expected some of textbook"):
        synthesis_steps(("poem",), endpoint)
    with pytest.raises(PlanError, match="needs model and base_url"):
        synthesis_steps(("textbook",))
