"""Programming problems: each form of tests, the code before the answer, and that the tests mean what the source means.

Small scripts are executed here against programs of ours, right and wrong ones, to show that a rewritten test still tells them apart.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.processors.attempts.planted_problems import ROWS
from tests.processors.attempts.test_read import judged_by, read, refused

ADD, ADD_WRONG = "def add(a, b):\n    return a + b\n", "def add(a, b):\n    return a - b\n"


def passes(told: dict[str, Any], program: str) -> bool:
    """What comes of a program of this file: its setup, itself, its tests, in this order."""
    script = "\n".join((told["setup"] if told["form"] != "check" else "", program, told["tests"]))
    if told["form"] == "check":
        script += f"\ncheck({told['entry_point']})\n"
    try:
        exec(compile(script, "planted", "exec"), {})
    except AssertionError:
        return False
    return True


def test_humaneval() -> None:
    problem, attempts = read({key: value for key, value in ROWS["code"].items() if key != "samples"})
    told = judged_by(problem)
    assert (problem.verifier, problem.domain, problem.source_id) == ("code", "code", "double/0")
    assert told == {
        "language": "python",
        "form": "check",
        "tests": ROWS["code"]["test"].strip("\n"),
        "entry_point": "doubled",
        "setup": ROWS["code"]["prompt"],
        "cases": [],
    }
    assert [(one.sampler, one.text) for one in attempts] == [("reference", ROWS["code"]["canonical_solution"])]
    assert passes(told, told["setup"] + attempts[0].text)
    assert not passes(told, told["setup"] + "    return numbers\n")


def test_a_solution_beside_the_sources_own_is_an_attempt() -> None:
    fields = {**ROWS["code"], "solution": "", "is_solved": False}
    del fields["samples"]
    attempts = read(fields, "he/samples_m.jsonl")[1]
    assert [(one.sampler, one.text, one.label, one.cut) for one in attempts] == [
        ("samples_m/solution", "", "wrong", ""),
        ("reference", ROWS["code"]["canonical_solution"], "", ""),
    ]


def test_multipl_e() -> None:
    test = "def check(candidate):\n    assert candidate(1, 2) == 3\n\ndef test_check():\n    check(add)\n\ntest_check()\n"
    fields = {"name": "mbpp_1_add", "language": "py", "prompt": 'def add(a: int, b: int) -> int:\n    """Adds."""\n', "test": test}
    told = judged_by(read(fields)[0])
    assert (told["form"], told["entry_point"], told["setup"], told["language"]) == ("check", "add", fields["prompt"], "python")
    assert passes(told, ADD)
    assert not passes(told, ADD_WRONG)
    rust = judged_by(
        read({**fields, "language": "rs", "prompt": "fn add(a: i32) -> i32 {", "test": "}\nfn main() { assert_eq!(add(1), 1); }"})[0]
    )
    assert (rust["language"], rust["form"], rust["setup"]) == ("rust", "asserts", "fn add(a: i32) -> i32 {")


def test_mbpp() -> None:
    fields = {
        "task_id": 602,
        "text": "Write a python function to add two numbers.",
        "code": ADD.replace("\n", "\r\n"),
        "test_list": ["assert add(1, 2) == 3", "assert add(0, 0) == 0"],
        "test_setup_code": "import math",
        "challenge_test_list": [],
    }
    problem, attempts = read(fields)
    assert problem.text == (
        "Write a python function to add two numbers.\n\nWrite it so that it passes this test:\n\n```python\nassert add(1, 2) == 3\n```"
    )
    told = judged_by(problem)
    assert (told["form"], told["tests"], told["setup"], told["entry_point"]) == (
        "asserts",
        "assert add(1, 2) == 3\nassert add(0, 0) == 0",
        "import math",
        "add",
    )
    assert passes(told, attempts[0].text)
    assert not passes(told, ADD_WRONG)
    assert read({**fields, "text": "Write `add(a, b)`."})[0].text == "Write `add(a, b)`."
    assert (
        judged_by(read({"prompt": fields["text"], "test_imports": ["import math"], "test_list": fields["test_list"]})[0])["setup"]
        == "import math"
    )


def test_test_functions_are_called_and_the_program_is_not_imported() -> None:
    script = "from solution import (\n    add,\n)\n\ndef test_small():\n    assert add(1, 2) == 3\n\ndef test_zero():\n    assert add(0, 0) == 0\n\ntest_zero()\n"
    told = judged_by(read({"question": "Write add.", "solution": ADD, "test": script})[0])
    assert (told["form"], told["entry_point"]) == ("asserts", "add")
    assert told["tests"].endswith("test_zero()\n\ntest_small()")
    assert "import" not in told["tests"]
    assert passes(told, ADD)
    assert not passes(told, ADD_WRONG)


def test_standard_input_and_output() -> None:
    cases = {"inputs": ["1 2\n", ["3", "4"]], "outputs": ["3\n", 7]}
    fields = {"question": "Add two numbers.", "solutions": json.dumps([ADD]), "input_output": json.dumps(cases), "difficulty": "interview"}
    problem, attempts = read(fields)
    told = judged_by(problem)
    assert (problem.level, told["form"], told["cases"], told["tests"]) == ("interview", "stdin", [["1 2\n", "3\n"], ["3\n4", "7"]], "")
    assert [(one.sampler, one.text) for one in attempts] == [("reference", ADD)]


def test_calls_of_a_function() -> None:
    cases = {"fn_name": "add", "inputs": [[1, 2], ["a", None]], "outputs": [[3], "a"]}
    told = judged_by(read({"question": "Add.", "input_output": json.dumps({**cases, "inputs": [[1, 2]], "outputs": [[3]]})})[0])
    assert (told["form"], told["entry_point"], told["tests"]) == ("asserts", "add", "assert add(1, 2) in ([3], 3)")
    assert passes(told, ADD)
    assert not passes(told, ADD_WRONG)
    assert judged_by(read({"question": "Add.", "input_output": cases})[0])["tests"].endswith("\nassert add('a', None) == 'a'")


def test_methods_of_a_class() -> None:
    fields = {
        "question_content": "Add.",
        "starter_code": "class Solution:\n    def add(self, a: int, b: int) -> int:\n        ",
        "public_test_cases": json.dumps([{"input": "1\n2", "output": "3", "testtype": "functional"}]),
        "metadata": json.dumps({"func_name": "add"}),
    }
    problem, _ = read(fields)
    told = judged_by(problem)
    assert (told["tests"], told["entry_point"], told["setup"]) == ("assert Solution().add(1, 2) == 3", "Solution", fields["starter_code"])
    assert problem.text == f"Add.\n\nStart from this code:\n\n```python\n{fields['starter_code']}\n```"
    assert passes({**told, "setup": ""}, "class Solution:\n    def add(self, a, b):\n        return a + b\n")


def test_contests_with_right_and_wrong_programs_in_several_languages() -> None:
    fields = {
        "name": "1_A",
        "description": "Add.",
        "public_tests": {"input": ["1 2"], "output": ["3"]},
        "private_tests": {"input": ["5 5"], "output": ["10"]},
        "generated_tests": {"input": [], "output": []},
        "solutions": {"language": [3, 2], "solution": ["print(sum(map(int, input().split())))", "int main() {}"]},
        "incorrect_solutions": {"language": [3, 4], "solution": ["print(1)", "class A {}"]},
    }
    problem, attempts = read(fields)
    assert judged_by(problem)["cases"] == [["1 2", "3"], ["5 5", "10"]]
    assert [(one.sampler, one.sample, one.label, one.cut) for one in attempts] == [
        ("reference", 0, "right", ""),
        ("reference", 1, "right", "a program in cpp, expected python"),
        ("incorrect_solutions", 0, "wrong", ""),
        ("incorrect_solutions", 1, "wrong", "a program in java, expected python"),
    ]
    assert [one.sampler for one in read(fields, with_reference_solution=False)[1]] == ["incorrect_solutions"] * 2


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"test": "def check(candidate):\n    assert candidate("}, "the tests are no Python"),
        ({"test_list": ["assert add(1, 2) =="]}, "the tests are no Python"),
        (
            {"test": "import unittest\n\nclass TestAdd(unittest.TestCase):\n    def test_a(self):\n        assert 1"},
            "the tests need a test runner",
        ),
        ({"test": "import pytest\n\ndef test_a():\n    assert add(1, 2) == 3"}, "the tests need a test runner"),
        ({"test": "def test_a(tmp_path):\n    assert add(1, 2) == 3"}, "the test function test_a takes arguments"),
        ({"test": "def test_a():\n    add(1, 2)"}, "the tests have no assert statement"),
        (
            {"test": "def check(candidate):\n    assert candidate(1)", "question": "no code here"},
            "expected the name of a function in entry_point",
        ),
        ({"input_output": {"inputs": ["1"], "outputs": []}}, "expected lists of one length"),
        ({"input_output": {"inputs": [{"a": 1}], "outputs": ["1"]}}, "expected text or a list of lines"),
        ({"input_output": {"inputs": [[1]], "outputs": [1], "fn_name": "a b"}}, "the tests call 'a b', expected the name of a function"),
        (
            {"public_test_cases": [{"input": "1", "output": "1"}], "private_test_cases": "eJxrYJ0ayQABPVyZ"},
            "private_test_cases holds tests that are no JSON",
        ),
        (
            {"test_cases": [{"input": "x", "output": "1", "testtype": "functional"}], "fn_name": "f"},
            "an argument of a test is 'x', expected JSON",
        ),
        ({"input_output": {"inputs": [[1.0]], "outputs": [float("inf")], "fn_name": "f"}}, "no finite number"),
    ],
)
def test_tests_that_are_refused(fields: dict[str, Any], why: str) -> None:
    reject = refused({"question": "Write add.", **fields})
    assert reject.reason == "bad_tests"
    assert why in reject.detail


def test_tests_without_a_problem_are_none() -> None:
    assert refused({"test_list": ["assert add(1, 2) == 3"]}).reason == "no_problem"


def test_a_column_called_test_that_holds_none_is_left_alone() -> None:
    assert read({"problem": "p", "answer": "3", "test": True})[0].verifier == "maths"
    assert read({"problem": "p", "answer": "3", "tests": "passed", "input_output": "{}"})[0].verifier == "maths"


def test_a_natural_language_is_no_programming_language() -> None:
    fields = {"text": "Add.", "test_list": ["assert add(1, 2) == 3"]}
    assert judged_by(read({**fields, "language": "en"})[0])["language"] == "python"
    assert judged_by(read({**fields, "language": "JavaScript", "test_list": ["assert(add(1, 2) === 3)"]})[0])["language"] == "javascript"


@pytest.mark.parametrize(
    "hostile", ["(" * 5_000, "-" * 20_000 + "1", "[" * 100_000, "f(" * 3_000 + ")" * 3_000, "\0", "x = '" + "a" * 1_000_000]
)
def test_hostile_tests_are_refused(hostile: str) -> None:
    assert refused({"question": "q", "test": f"assert f(1) == 2\n{hostile}"}).reason in ("bad_tests", "too_long")
