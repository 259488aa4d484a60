"""BFCL's own files: what is kept and refused and why, and the verifier against planted wrong calls."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.build import Execution, build
from pipelines.corpora.function_calling import function_calling
from pipelines.source.bfcl import Bfcl
from pipelines.stage import Earlier
from pipelines.verify import verify
from processors.contract import token_ids
from processors.tools.bfcl import Accepted, accepted_call, accepted_calls, check_calls
from processors.tools.calls import calls_of
from processors.tools.schema import FORMS, read_tools, write_tools
from schemas.corpus import Corpus
from schemas.outcome import Refused
from schemas.parts import ToolCall
from schemas.records import Conversation

pytestmark = pytest.mark.realdata


@pytest.fixture(scope="module")
def rows(realdata: Path) -> list[dict[str, Any]]:
    source = Bfcl(str(realdata / "11_instruct" / "bfcl"))
    return [dict(row.fields) for split in source.splits() for row in source.read(split)]  # type: ignore[union-attr]


@pytest.fixture(scope="module")
def built(realdata: Path, tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    (stage,) = function_calling(Bfcl(str(realdata / "11_instruct" / "bfcl")))
    result = build(stage.make(Earlier()), tmp_path_factory.mktemp("bfcl"), Execution(workers=0))
    assert verify(result.path).problems == []
    return Corpus(result.path)


def test_what_is_kept_and_refused(built: Corpus, rows: list[dict[str, Any]]) -> None:
    totals = built.totals()
    assert totals["num_in"] == len(rows)
    assert totals["num_faults"] == 0
    refused = Counter(reject["reason"] for reject in built.rejects())
    assert set(refused) <= {"bad_arguments", "bad_question", "no_accepted_answer"}
    assert refused["no_accepted_answer"] == sum("ground_truth" not in row and "irrelevance" not in row["id"] for row in rows)
    answered = sum("ground_truth" in row for row in rows)
    assert refused["bad_arguments"] + refused["bad_question"] < 0.03 * answered  # values of other languages, and slips of the set
    cases = Counter(str(record.facts["tools.case"]) for record in built.records())
    assert cases["no_call"] == sum("irrelevance" in row["id"] for row in rows)
    assert set(cases) >= {"simple", "multiple", "parallel", "parallel_multiple"}


def test_every_row_is_rendered_whole(built: Corpus) -> None:
    for record in built.records():
        assert isinstance(record, Conversation)
        ids, learned = token_ids(record.turns)
        assert len(ids) == record.facts["contract.num_tokens"]
        assert sum(learned) == record.facts["contract.num_learned_tokens"]
        assert len(calls_of(record.turns[-1])) == record.facts["tools.num_calls"]


def test_both_forms_of_every_tool_come_back(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        tools = read_tools(json.dumps(row["function"]))
        for form in FORMS:
            assert read_tools(write_tools(tools, form)) == tools


def other_value(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 7_919
    if isinstance(value, str):
        return f"{value} qqzz"
    return {**value, "qqzz": 1} if isinstance(value, dict) else [*value, "qqzz"] if isinstance(value, list) else "qqzz"


def other_type(value: Any) -> Any:
    return [value] if isinstance(value, str) else json.dumps(value)


def planted(calls: list[ToolCall], names: list[str]) -> Iterator[tuple[str, list[ToolCall]]]:
    """Every kind of wrong answer that can be made of right calls."""
    for number, call in enumerate(calls):
        arguments = json.loads(call.arguments)

        def instead(name: str, changed: dict[str, Any], at: int = number) -> list[ToolCall]:
            return [*calls[:at], ToolCall(name, json.dumps(changed)), *calls[at + 1 :]]

        yield "wrong function", instead(next((name for name in names if name != call.name), f"{call.name}_2"), arguments)
        yield "extra argument", instead(call.name, {**arguments, "qqzz": 1})
        yield "one call less", [*calls[:number], *calls[number + 1 :]]
        yield "one call twice", [*calls, call]
        other = calls[(number + 1) % len(calls)]
        if other != call:
            yield "one call for another", [*calls[:number], other, *calls[number + 1 :]]
        for name, value in arguments.items():
            yield "wrong value", instead(call.name, {**arguments, name: other_value(value)})
            yield "wrong type", instead(call.name, {**arguments, name: other_type(value)})
        for one, two in zip(arguments, list(arguments)[1:], strict=False):
            if arguments[one] != arguments[two]:
                yield "swapped arguments", instead(call.name, {**arguments, one: arguments[two], two: arguments[one]})


def answered(rows: list[dict[str, Any]]) -> Iterator[tuple[list[ToolCall], list[Accepted], Any]]:
    for row in rows:
        if "ground_truth" not in row:
            continue
        tools, accepted = read_tools(json.dumps(row["function"])), accepted_calls(row)
        question = " ".join(message["content"] for message in row["question"][0])
        try:
            yield [accepted_call(one, tools, question) for one in accepted], accepted, tools
        except Refused:  # looked at in `test_what_is_kept_and_refused`
            continue


def test_right_calls_are_accepted_and_planted_wrong_ones_refused(rows: list[dict[str, Any]]) -> None:
    num_right, wrong, taken = 0, Counter[str](), []
    for calls, accepted, tools in answered(rows):
        num_right += 1
        assert check_calls(calls, accepted, tools) == ""
        assert check_calls(calls[::-1], accepted, tools) == ""
        for kind, changed in planted(calls, [tool.name for tool in tools]):
            wrong[kind] += 1
            if not check_calls(changed, accepted, tools):
                taken.append((kind, changed))
        for number, call in enumerate(calls):
            arguments = json.loads(call.arguments)
            for name in next(tool.required for tool in tools if tool.name == call.name):
                wrong["missing required"] += 1
                less = ToolCall(call.name, json.dumps({key: value for key, value in arguments.items() if key != name}))
                assert check_calls([*calls[:number], less, *calls[number + 1 :]], accepted, tools) != ""
    assert taken == []
    assert num_right > 500
    assert len(wrong) == 9
    assert min(wrong.values()) > 400


def test_every_accepted_value_is_accepted(rows: list[dict[str, Any]]) -> None:
    count = 0
    for calls, accepted, _ in answered(rows):
        for number, (name, arguments) in enumerate(accepted):
            for argument, values in arguments.items():
                for value in values:
                    if isinstance(value, (dict, list)):
                        continue
                    told = {key: held for key, held in json.loads(calls[number].arguments).items() if key != argument}
                    told |= {argument: value} if value != "" else {}
                    changed = [*calls[:number], ToolCall(name, json.dumps(told)), *calls[number + 1 :]]
                    assert check_calls(changed, accepted) == "", (name, argument, value)
                    count += 1
    assert count > 3_000
