"""The asking step that runs tests: one question for each program, verdicts back in their places, other rows as they were."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import pytest

from pipelines.sandbox.engine import SandboxEngine
from processors.attempts.problem import CODE, MATHS, Attempt, Problem, attempts_of
from processors.attempts.run_tests import RunTests
from processors.engine import EngineMissing, EngineStopped
from processors.verify.programs import TestedProgram, TestReport
from processors.verify.verdict import Verdict
from schemas.identity import canonical_json
from schemas.records import Origin, Row

JUDGED_BY = canonical_json(
    {"form": "check", "tests": "def check(f):\n    assert f(1) == 2\n    assert f(2) == 3\n", "entry_point": "f", "setup": ""}
)
RIGHT, WRONG = "def f(n): return n + 1", "def f(n): return 2"


@dataclass(frozen=True)
class ByTable:
    """An engine that knows the reports."""

    def identity(self) -> str:
        return "table"

    @contextlib.contextmanager
    def open(self):
        yield lambda asked: [
            TestReport("right", "passed") if item.program == RIGHT else TestReport("wrong", "failed", "line 3", 1, 2) for item in asked
        ]


def row(*attempts: Attempt, verifier: str = "code", judged_by: str = JUDGED_BY) -> Row:
    problem = Problem("Add one.", verifier, judged_by, CODE if verifier == "code" else MATHS)
    return Row("k", Origin("s", "r", "MIT", "1"), fields={"problem": problem, "attempts": attempts})


def run(step: RunTests, given: Row) -> Row:
    with step.open() as ask:
        return step.answer(given, ask(step.questions(given)))


def test_each_attempt_gets_its_own_verdict() -> None:
    judged = Verdict("right", "equal", "said before")
    given = row(
        Attempt(f"So:\n```python\n{WRONG}\n```", "m", 0),
        Attempt("I do not know.", "m", 1),
        Attempt("decided", "m", 2, verdict=judged, answer="kept"),
        Attempt("```python\n" + RIGHT, "m", 3, cut="longer than 10 tokens"),
        Attempt(RIGHT, "m", 4),
    )
    step = RunTests(ByTable())
    assert step.questions(given) == [TestedProgram(WRONG, JUDGED_BY), TestedProgram(RIGHT, JUDGED_BY)]
    found = attempts_of(run(step, given))
    assert [attempt.verdict for attempt in found] == [
        Verdict("wrong", "failed", "line 3 (1 of 2 passed)"),
        Verdict("cannot_tell", "no_answer", "there is no program in the attempt"),
        judged,
        Verdict("cannot_tell", "no_answer", "the attempt is cut short: longer than 10 tokens"),
        Verdict("right", "passed"),
    ]
    assert [attempt.answer for attempt in found] == [WRONG, "", "kept", "", RIGHT]
    assert [attempt.text for attempt in found] == [attempt.text for attempt in attempts_of(given)]


def test_other_problems_pass_as_they_are() -> None:
    given = row(Attempt("3", "m"), verifier="maths", judged_by='{"answer":"3"}')
    step = RunTests(ByTable())
    assert step.questions(given) == []
    assert step.answer(given, []) is given


@pytest.mark.parametrize("judged_by", ["{}", "[]", "no JSON", '{"form":"check","tests":"x"}'])
def test_tests_that_cannot_be_read_are_no_fault_of_the_program(judged_by: str) -> None:
    given = row(Attempt(RIGHT, "m"), judged_by=judged_by)
    step = RunTests(ByTable())
    assert step.questions(given) == []
    (found,) = attempts_of(step.answer(given, []))
    assert found.verdict is not None and (found.verdict.value, found.verdict.cause) == ("cannot_tell", "bad_tests")


def test_the_identity_says_what_decides() -> None:
    one = RunTests(SandboxEngine()).identity()
    assert one == RunTests(SandboxEngine(num_workers=7)).identity()
    assert (
        len(
            {
                one,
                *(RunTests(SandboxEngine(**change)).identity() for change in ({"cpu_s": 5.0}, {"wall_s": 5.0}, {"memory_bytes": 1 << 28})),
            }
        )
        == 4
    )


def test_through_the_sandbox() -> None:
    found = attempts_of(run(RunTests(SandboxEngine()), row(Attempt(RIGHT, "m"), Attempt(WRONG, "m"), Attempt(RIGHT, "n"))))
    assert [attempt.verdict and attempt.verdict.value for attempt in found] == ["right", "wrong", "right"]
    assert found[1].verdict is not None and found[1].verdict.why == "line 3: assert f(2) == 3: 2 against 3 (1 of 2 passed)"


CASES = {
    "right": ("n = int(input())\nprint(n * 2)", "right", "passed", "3 of 3 passed"),
    "a function called": (
        "def main():\n    print(int(input()) * 2)\nif __name__ == '__main__':\n    main()",
        "right",
        "passed",
        "3 of 3 passed",
    ),
    "wrong": ("n = int(input())\nprint(n + 2)", "wrong", "failed", "case 1: got '5', expected '6' (1 of 2 passed)"),
    "raises": (
        "print(2 * int(input('')) // (1 if input else 0))\n1 // 0",
        "wrong",
        "failed",
        "case 0: the program ends with code 1: ZeroDivisionError",
    ),
    "too much": ("while True: print('4' * 1000)", "wrong", "failed", "prints more than its limit"),
    "reads too much": ("input()\nprint(input())", "wrong", "failed", "EOFError"),
    "another exit code": ("print(int(input()) * 2)\nraise SystemExit(3)", "wrong", "failed", "ends with code 3"),
}


def test_input_and_output() -> None:
    judged_by = canonical_json({"form": "stdin", "cases": [["2\n", "4\n"], ["3", "6"], ["0\n", "0"]]})
    given = row(*(Attempt(program, "m") for program, *_ in CASES.values()), judged_by=judged_by)
    for attempt, (_, value, cause, why) in zip(attempts_of(run(RunTests(SandboxEngine()), given)), CASES.values(), strict=True):
        assert attempt.verdict is not None
        assert (attempt.verdict.value, attempt.verdict.cause) == (value, cause), attempt.verdict
        assert why in attempt.verdict.why


@dataclass(frozen=True)
class Missing:
    """An engine that is not installed."""

    def identity(self) -> str:
        return "missing"

    @contextlib.contextmanager
    def open(self):
        raise EngineMissing("no wall here; install one")
        yield


def test_an_engine_is_opened_for_the_first_program() -> None:
    step = RunTests(Missing())
    maths = row(Attempt("18", "m"), verifier="maths")
    assert run(step, maths) == maths  # without programs nothing has to be installed
    with pytest.raises(EngineStopped, match="install one"):
        run(step, row(Attempt(RIGHT, "m")))
