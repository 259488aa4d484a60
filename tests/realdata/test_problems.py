"""Every row of the maths and code sets is read: the problem, its reference, the attempts, and a true reason for each that is refused."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipelines.source.bfcl import Bfcl
from pipelines.source.manifest import JsonlManifest
from processors.attempts.problem import Attempt, Problem, attempts_of, problem_of
from processors.attempts.read import ProblemTask
from schemas.outcome import Reject
from schemas.records import Row

pytestmark = pytest.mark.realdata

Read = list[tuple[dict[str, Any], Problem, tuple[Attempt, ...]]]


def read(root: Path, path: str) -> tuple[Read, list[tuple[dict[str, Any], Reject]]]:
    """The rows of a file as they stand in it, with what was made of each; refused ones beside."""
    source = JsonlManifest(str(root), path)
    rows = [row for split in source.splits() for row in source.read(split)]
    lines = [json.loads(line) for line in (root / path).read_text().splitlines() if line.strip()]
    assert len(rows) == len(lines)
    found: Read = []
    refused = []
    for row, line in zip(rows, lines, strict=True):
        assert isinstance(row, Row)
        made = ProblemTask()(row)
        if isinstance(made, Reject):
            refused.append((line, made))
        else:
            found.append((line, problem_of(made), attempts_of(made)))
    return found, refused


def label_of(is_right: bool) -> str:
    return "right" if is_right else "wrong"


@pytest.mark.parametrize("name", ["test", "train", "test_socratic"])
def test_gsm8k(realdata: Path, name: str) -> None:
    found, refused = read(realdata, f"01_math/gsm8k/{name}.jsonl")
    assert refused == []
    for line, problem, attempts in found:
        answer = line["answer"].rsplit("#### ", 1)[1]
        assert (problem.text, problem.verifier, problem.domain) == (line["question"].strip(), "maths", "maths")
        assert json.loads(problem.judged_by) == {"answer": answer}
        assert attempts == (Attempt(line["answer"].strip(), "reference"),)


def test_gsm8k_model_solutions_are_attempts_at_the_problems_of_the_test_set(realdata: Path) -> None:
    found, refused = read(realdata, "01_math/gsm8k/example_model_solutions.jsonl")
    assert refused == []
    samplers = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")
    labels: Counter[tuple[str, str]] = Counter()
    for line, _, attempts in found:
        by_sampler = {one.sampler: one for one in attempts}
        assert len(attempts) == len(samplers) + 1 == len(by_sampler)
        for sampler in samplers:
            one = by_sampler[sampler]
            assert (one.text, one.label) == (line[sampler]["solution"], label_of(line[sampler]["is_correct"]))
            labels[sampler, one.label] += 1
    assert sum(labels.values()) == len(found) * len(samplers)
    tested, _ = read(realdata, "01_math/gsm8k/test.jsonl")
    assert {problem.digest() for _, problem, _ in found} == {problem.digest() for _, problem, _ in tested}
    assert len({problem.digest() for _, problem, _ in found}) == len(found)


def test_math_samples_are_attempts_at_the_same_problems(realdata: Path) -> None:
    digests = []
    for name in ("output-rs0", "output-rs1", "output-rs2"):
        found, refused = read(realdata, f"01_math/math_samples/{name}.jsonl")
        assert refused == []
        for line, problem, attempts in found:
            assert problem == Problem(
                line["problem"].strip(),
                "maths",
                json.dumps({"answer": line["expected_answer"]}, separators=(",", ":"), ensure_ascii=False),
                "maths",
                "",
                line["id"],
                line["type"],
                line["level"],
            )
            assert attempts == (
                Attempt(line["generation"], f"{name}/generation", label=label_of(line["symbolic_correct"])),
                Attempt(line["reference_solution"], "reference"),
            )
        digests.append([problem.digest() for _, problem, _ in found])
    assert digests[0] == digests[1] == digests[2]


@pytest.mark.parametrize(
    ("name", "text", "answer", "attempt"),
    [
        ("bigmath_synth_296", "instruction", "golden_answer", "output"),
        ("comp-math-24-25", "problem", "expected_answer", "reference_solution"),
        ("openmathinstruct2_100", "problem", "expected_answer", "generated_solution"),
    ],
)
def test_other_sets_of_maths(realdata: Path, name: str, text: str, answer: str, attempt: str) -> None:
    found, refused = read(realdata, f"01_math/{name}.jsonl")
    assert all(reject.reason == "no_reference" and not line[answer].strip() for line, reject in refused)
    for line, problem, attempts in found:
        assert (problem.text, problem.verifier) == (line[text].strip(), "maths")
        assert json.loads(problem.judged_by) == {"answer": line[answer].strip()}
        assert [one.text for one in attempts] == ([line[attempt]] if line.get(attempt) is not None else [])
        assert all((one.sampler == "reference") == (attempt == "reference_solution") for one in attempts)


@pytest.mark.parametrize("name", ["HumanEval", "samples_davinci003_simple", "samples_gpt35_simple_early", "samples_gpt4_simple"])
def test_humaneval(realdata: Path, name: str) -> None:
    found, refused = read(realdata, f"02_code/humaneval/{name}.jsonl")
    assert refused == []
    for line, problem, attempts in found:
        told = json.loads(problem.judged_by)
        assert problem.text == line["prompt"].strip("\r\n").rstrip()
        assert (told["form"], told["entry_point"], told["setup"], told["language"]) == (
            "check",
            line["entry_point"],
            line["prompt"],
            "python",
        )
        assert told["tests"] == line["test"].strip("\n")
        sampled = [Attempt(line["solution"], f"{name}/solution", label=label_of(line["is_solved"]))] if "solution" in line else []
        assert list(attempts) == [*sampled, Attempt(line["canonical_solution"], "reference")]
    plain, _ = read(realdata, "02_code/humaneval/HumanEval.jsonl")
    assert [problem.digest() for _, problem, _ in found] == [problem.digest() for _, problem, _ in plain]


@pytest.mark.parametrize("name", ["mbpp-py", "samples_gpt4_reflexion", "samples_gpt4_simple_a", "samples_gpt4_simple_b"])
def test_mbpp(realdata: Path, name: str) -> None:
    found, refused = read(realdata, f"02_code/mbpp/{name}.jsonl")
    assert refused == []
    for line, problem, attempts in found:
        told = json.loads(problem.judged_by)
        assert (told["form"], told["entry_point"], told["setup"], told["tests"]) == (
            "check",
            line["entry_point"],
            line["prompt"],
            line["test"].strip("\n"),
        )
        assert problem.source_id == line["name"]
        sampled = [Attempt(line["solution"], f"{name}/solution", label=label_of(line["is_solved"]))] if "solution" in line else []
        assert list(attempts) == sampled
    plain, _ = read(realdata, "02_code/mbpp/mbpp-py.jsonl")
    assert [problem.digest() for _, problem, _ in found] == [problem.digest() for _, problem, _ in plain]


def test_a_table_of_verdicts_holds_no_problems(realdata: Path) -> None:
    found, refused = read(realdata, "02_code/recheck.jsonl")
    assert found == []
    assert {reject.reason for _, reject in refused} == {"no_problem"}


def test_function_calls(realdata: Path) -> None:
    source = Bfcl(str(realdata / "11_instruct" / "bfcl"))
    counts: Counter[str] = Counter()
    for split in source.splits():
        for row in source.read(split):
            assert isinstance(row, Row)
            made = ProblemTask()(row)
            told = row.fields.get("ground_truth")
            if isinstance(made, Reject):
                counts[made.reason] += 1
                assert made.reason != "no_accepted_answer" or told is None
                continue
            problem = problem_of(made)
            counts[problem.verifier] += 1
            judged = json.loads(problem.judged_by)
            assert problem.domain == "tools"
            assert problem.text and judged["tools"]
            assert judged["accepted"] == (told or [])
    assert set(counts) <= {"calls", "no_accepted_answer", "several_turns", "bad_question", "bad_tool_schema"}
    assert counts["calls"] > 0.95 * (counts.total() - counts["no_accepted_answer"])
