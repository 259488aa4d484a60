"""HumanEval and MBPP: 968 programs of three models, read, run and judged, against labels that were made by running them apart.

One label is wrong, and this shows it: HumanEval/106 by gpt-4 (simple, early) is the rest of the prompt's function, whose first line
defines a function within it. Joined to its prompt it passes every test; whoever takes it for a whole program gets an IndentationError.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipelines.sandbox.engine import SandboxEngine
from pipelines.sandbox.limits import Program
from pipelines.sandbox.sandbox import Sandbox
from processors.attempts.problem import Attempt, attempts_of, problem_of
from processors.attempts.read import ProblemTask
from processors.attempts.run_tests import RunTests
from schemas.records import Origin, Row

pytestmark = pytest.mark.realdata
FOLDER = "02_code"
WRONG_LABELS = {("humaneval/samples_gpt4_simple_early.jsonl", "HumanEval/106"): False}
# What is judged beside the labels: attempts without a text.
NO_ANSWER = 135


def labels(realdata: Path) -> dict[tuple[str, str], bool]:
    lines = (realdata / FOLDER / "recheck.jsonl").read_text().splitlines()
    return {(told["file"], told["id"]): told["passes_recheck"] for told in map(json.loads, lines)}


def samples(realdata: Path, name: str) -> dict[str, dict[str, Any]]:
    rows = map(json.loads, (realdata / FOLDER / name).read_text().splitlines())
    return {row.get("task_id") or row["name"]: row for row in rows}


def problems(realdata: Path, wanted: list[tuple[str, str]]) -> list[Row]:
    """The rows as ProblemTask reads them; of an attempt that it does not keep, or that is the source's own, nothing is judged."""
    files = {name: samples(realdata, name) for name, _ in wanted}
    found = []
    for name, identity in wanted:
        row = ProblemTask(with_reference_solution=False)(Row(f"{name}#{identity}", Origin("code", "1", "MIT", name), files[name][identity]))
        assert isinstance(row, Row), row
        assert problem_of(row).verifier == "code"
        found.append(row)
    return found


def judged(rows: list[Row]) -> list[Attempt | None]:
    step = RunTests(SandboxEngine())
    questions = [step.questions(row) for row in rows]
    with step.open() as ask:
        replies = iter(ask([question for asked in questions for question in asked]))
    answers = [attempts_of(step.answer(row, [next(replies) for _ in asked])) for row, asked in zip(rows, questions, strict=True)]
    assert all(len(attempts) <= 1 for attempts in answers)
    return [attempts[0] if attempts else None for attempts in answers]


def check(realdata: Path, wanted: list[tuple[str, str]]) -> Counter[str]:
    expected = {**labels(realdata), **{place: not label for place, label in WRONG_LABELS.items()}}
    disagree: dict[tuple[str, str], object] = {}
    counts: Counter[str] = Counter()
    for place, attempt in zip(wanted, judged(problems(realdata, wanted)), strict=True):
        value = attempt.verdict.value if attempt and attempt.verdict else "none"
        counts[value] += 1
        if value in ("none", "cannot_tell"):
            is_empty = attempt is None or (attempt.verdict is not None and attempt.verdict.cause == "no_answer")
            if expected[place] or not is_empty:
                disagree[place] = attempt
        elif (value == "right") is not expected[place]:
            disagree[place] = attempt
    assert disagree == {}
    return counts


def test_every_tenth_program_is_judged_as_labelled(realdata: Path) -> None:
    counts = check(realdata, sorted(labels(realdata))[::10])
    assert counts["right"] + counts["wrong"] > 70
    assert counts["wrong"] > 5


@pytest.mark.slow
def test_all_programs_are_judged_as_labelled(realdata: Path) -> None:
    counts = check(realdata, sorted(labels(realdata)))
    assert (counts["right"], counts["wrong"]) == (707, 126)
    assert counts["cannot_tell"] + counts["none"] == NO_ANSWER


def test_the_label_that_is_wrong(realdata: Path) -> None:
    """The prompt and the answer, as a plain program with its tests after it, passes; and so says the source's own label."""
    for (name, identity), label in WRONG_LABELS.items():
        assert labels(realdata)[name, identity] is label
        row = samples(realdata, name)[identity]
        assert row["is_solved"] is not label
        source = f"{row['prompt']}{row['solution']}\n{row['test']}\ncheck({row['entry_point']})\n"
        with Sandbox() as sandbox:
            assert sandbox.run(Program(source)).exit_code == (0 if not label else 1)
