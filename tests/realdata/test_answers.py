"""Final answers and function calls on real data: every one that the data tells is found, and the one that its authors read otherwise is named."""

from __future__ import annotations

import json
import keyword
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.source.bfcl import Bfcl
from processors.tools.bfcl import accepted_call, accepted_calls, check_calls
from processors.tools.schema import read_tools
from processors.verify.answer import BOXED, HASHES, LABELLED, WEAK, final_answer, run_on
from processors.verify.calls import verify as verify_calls
from processors.verify.verdict import CANNOT_TELL, RIGHT, WRONG
from schemas.outcome import Refused
from schemas.parts import ToolCall
from tests.realdata.test_function_calling import planted

pytestmark = pytest.mark.realdata
SAMPLERS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")


def lines(path: Path) -> Iterator[dict[str, Any]]:
    yield from (json.loads(line) for line in path.read_text().splitlines())


def test_the_last_line_of_gsm8k(realdata: Path) -> None:
    counted: Counter[tuple[str, bool]] = Counter()
    for name in ("train", "test", "test_socratic"):
        for told in lines(realdata / "01_math" / "gsm8k" / f"{name}.jsonl"):
            found = final_answer(told["answer"])
            assert found is not None
            counted[found.how, found.text == told["answer"].rpartition("#### ")[2]] += 1
    assert set(counted) == {(HASHES, True)}


def test_the_samples_of_gsm8k(realdata: Path) -> None:
    num_weak = 0
    for told in lines(realdata / "01_math" / "gsm8k" / "example_model_solutions.jsonl"):
        for sampler in SAMPLERS:
            sample = told[sampler]
            last = sample["solution"].rstrip().rpartition("\n")[2]
            found = final_answer(sample["solution"])
            assert found is not None
            if last.startswith("A: "):
                assert (found.text, found.how) == (last[3:], LABELLED)
            else:  # it breaks off
                assert found.how in WEAK
                assert not sample["is_correct"]
                num_weak += 1
    assert num_weak > 0


def test_the_samples_of_math(realdata: Path) -> None:
    """Their authors took the last `\\boxed` of the whole text, also that of another question which a text had gone on to; and no `\\fbox`."""
    num_same, other = 0, []
    for path in sorted((realdata / "01_math" / "math_samples").glob("*.jsonl")):
        for told in lines(path):
            text, found = told["generation"], final_answer(told["generation"])
            if told["predicted_answer"] is None:
                assert found is None or found.how in WEAK or "\\fbox" in text
            elif found is not None and found.text == told["predicted_answer"]:
                assert found.how == BOXED
                num_same += 1
            else:
                other.append(text)
                assert run_on(text) is not None
                assert found is not None and found.text == told["expected_answer"]
    assert num_same >= 50
    assert len(other) == 2


@pytest.mark.parametrize(
    ("name", "solution", "reference"),
    [("openmathinstruct2_100", "generated_solution", "expected_answer"), ("comp-math-24-25", "reference_solution", "expected_answer")],
)
def test_boxes(realdata: Path, name: str, solution: str, reference: str) -> None:
    """Solutions that are known to be right, their answers in boxes of many kinds."""

    def form(answer: str) -> str:
        return re.sub(r"\\text|[\s$(){}]|^0+(?=\d)", "", answer) or answer

    num_boxed = 0
    for told in lines(realdata / "01_math" / f"{name}.jsonl"):
        if told.get(solution) and "box" in told[solution]:
            found = final_answer(told[solution])
            assert found is not None and found.how == BOXED
            assert form(form(found.text)) == form(form(str(told[reference])))
            num_boxed += 1
    assert num_boxed > 30


# ---- function calls


def template(calls: list[ToolCall]) -> str:
    return f"<|tool_call|>{json.dumps([{'name': one.name, 'arguments': json.loads(one.arguments)} for one in calls])}<|/tool_call|>"


def openai(calls: list[ToolCall]) -> str:
    listed = [{"id": "c", "type": "function", "function": {"name": one.name, "arguments": one.arguments}} for one in calls]
    return json.dumps({"role": "assistant", "content": None, "tool_calls": listed})


def fenced(calls: list[ToolCall]) -> str:
    return "\n".join(f"```json\n{json.dumps({'name': one.name, 'arguments': json.loads(one.arguments)}, indent=1)}\n```" for one in calls)


def as_python(calls: list[ToolCall]) -> str:
    return f"[{', '.join(_python(one) for one in calls)}]"


def _python(call: ToolCall) -> str:
    return f"{call.name}({', '.join(f'{name}={value!r}' for name, value in json.loads(call.arguments).items())})"


def is_python(calls: list[ToolCall]) -> bool:
    names = [name for one in calls for name in (*one.name.split("."), *json.loads(one.arguments))]
    return all(name.isidentifier() and not keyword.iskeyword(name) for name in names)


def test_accepted_calls_are_right_and_planted_ones_wrong(realdata: Path) -> None:
    num_right = num_wrong = num_none = 0
    source = Bfcl(str(realdata / "11_instruct" / "bfcl"))
    for row in (row for split in source.splits() for row in source.read(split)):
        told: dict[str, Any] = dict(row.fields)  # type: ignore[union-attr]
        tools = read_tools(json.dumps(told["function"]))
        if "ground_truth" not in told:
            if "irrelevance" in told["id"]:
                judged_by = {"tools": told["function"], "accepted": []}
                assert verify_calls("None of my tools does this.", judged_by)[1].value == RIGHT
                assert verify_calls(template([ToolCall(tools[0].name, "{}")]), judged_by)[1].value == WRONG
                num_none += 1
            continue
        judged_by = {"tools": told["function"], "accepted": told["ground_truth"]}
        try:
            calls = [accepted_call(one, tools) for one in accepted_calls(told)]
        except Refused:  # the set accepts what its own schema refuses
            continue
        for write in (template, openai, fenced, *((as_python,) if is_python(calls) else ())):
            assert verify_calls(write(calls), judged_by)[1].value == RIGHT, (told["id"], write)
            num_right += 1
        assert verify_calls("I cannot do that, sorry.", judged_by)[1].value in (WRONG, CANNOT_TELL)
        for number, (_, changed) in enumerate(planted(calls, [tool.name for tool in tools])):
            if number % 4 == len(calls) % 4 and changed and check_calls(changed, accepted_calls(told)):
                write = (template, openai, fenced)[number % 3]
                assert verify_calls(write(changed), judged_by)[1].value == WRONG, (told["id"], write)
                num_wrong += 1
    assert min(num_right // 4, num_wrong // 4, num_none) > 100
