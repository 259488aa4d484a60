"""Rows of many data sets as problems: what is asked, how it is judged, who has tried."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.attempts.problem import Attempt, Problem, attempts_of, problem_of
from processors.attempts.read import FORMS, ProblemTask, file_name
from processors.attempts.read_columns import (
    AFTER_COLUMN,
    BEFORE_COLUMNS,
    ID_COLUMNS,
    PROBLEM_COLUMNS,
    SYSTEM_COLUMNS,
    as_json,
)
from processors.attempts.read_samples import LIST_COLUMNS, SAMPLE_COLUMNS, SOLUTION_COLUMNS, THOUGHT_COLUMNS
from processors.attempts.verify import VerifyAttempts
from schemas.outcome import Reject
from schemas.records import Origin, Row
from tests.processors.attempts.planted_problems import CUT, EMPTY, KINDS, NO_ANSWER, NO_TEXT, RIGHT, ROWS, WRONG, planted_rows

GSM8K = "She has 3 + 4 = <<3+4=7>>7 apples.\nShe eats 1, so 7 - 1 = <<7-1=6>>6 are left.\n#### 6"


def read(fields: dict[str, Any], source: str = "", **options: Any) -> tuple[Problem, tuple[Attempt, ...]]:
    row = ProblemTask(**options)(Row("k", Origin(source), fields))
    assert isinstance(row, Row), row
    return problem_of(row), attempts_of(row)


def refused(fields: dict[str, Any], **options: Any) -> Reject:
    reject = ProblemTask(**options)(Row("k", Origin("s"), fields))
    assert isinstance(reject, Reject), reject
    assert reject.reason in {reason.name for reason in ProblemTask.reasons}
    return reject


def judged_by(problem: Problem) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(problem.judged_by)
    return told


# ---- maths


def test_gsm8k_has_its_answer_after_hashes_and_its_solution_is_an_attempt() -> None:
    problem, attempts = read({"question": "How many apples are left?", "answer": GSM8K}, "gsm8k/test.jsonl")
    assert problem == Problem("How many apples are left?", "maths", '{"answer":"6"}', "maths")
    assert attempts == (Attempt(GSM8K, "reference"),)
    assert read({"question": "q", "answer": GSM8K}, with_reference_solution=False)[1] == ()


def test_gsm8k_model_solutions_are_named_by_their_columns() -> None:
    fields = {
        "question": "How many apples are left?",
        "ground_truth": GSM8K.replace("#### 6", "A: 6"),
        "6b_finetuning": {"is_correct": False, "solution": "3 + 4 = 7\nA: 7"},
        "175b_verification": {"is_correct": True, "solution": "7 - 1 = 6\nA: 6"},
    }
    problem, attempts = read(fields, "gsm8k/example_model_solutions.jsonl")
    assert problem.digest() == read({"question": "How many apples are left?", "answer": GSM8K})[0].digest()
    assert {(one.sampler, one.label, one.text[-4:]) for one in attempts} == {
        ("6b_finetuning", "wrong", "A: 7"),
        ("175b_verification", "right", "A: 6"),
        ("reference", "", "A: 6"),
    }


def test_samples_with_their_label_and_the_reference_in_columns() -> None:
    fields = {
        "problem": "What is $1/2 + 1/4$?",
        "expected_answer": "\\frac{3}{4}",
        "generation": "It is \\boxed{3/4}.",
        "symbolic_correct": True,
        "predicted_answer": "3/4",
        "reference_solution": "The sum is $\\boxed{\\frac{3}{4}}$.",
        "level": "Level 2",
        "type": "Prealgebra",
        "id": "train/7.json",
        "error_message": "",
    }
    problem, attempts = read(fields, "math/output-rs3.jsonl.gz")
    assert problem == Problem(
        "What is $1/2 + 1/4$?", "maths", '{"answer":"\\\\frac{3}{4}"}', "maths", "", "train/7.json", "Prealgebra", "Level 2"
    )
    assert attempts == (
        Attempt("It is \\boxed{3/4}.", "output-rs3/generation", label="right"),
        Attempt("The sum is $\\boxed{\\frac{3}{4}}$.", "reference"),
    )


@pytest.mark.parametrize(
    ("fields", "answer", "attempts"),
    [
        (
            {"problem": "p", "generated_solution": "so \\boxed{4}", "expected_answer": "4", "problem_source": "x"},
            "4",
            [("generated_solution", "so \\boxed{4}")],
        ),
        ({"id": "a-1", "problem": "p", "expected_answer": "70", "reference_solution": "r"}, "70", [("reference", "r")]),
        ({"instruction": "p", "output": None, "golden_answer": "8"}, "8", []),
        ({"instruction": "p", "output": "It is 8", "golden_answer": "8"}, "8", [("output", "It is 8")]),
        (
            {"problem": "p", "solution": "We get \\boxed{\\frac{1}{2}}.", "level": "1", "type": "Algebra"},
            "\\frac{1}{2}",
            [("reference", "We get \\boxed{\\frac{1}{2}}.")],
        ),
        ({"Problem": "p", "Answer": 33, "Year": 2024}, "33", []),
        ({"problem": "p", "answer": 33.0}, "33", []),
        ({"problem": "p", "answer": 0}, "0", []),
        ({"problem": "p", "final_answer": ["1/2"]}, "1/2", []),
        ({"prompt": [{"role": "user", "content": "p"}], "reward_model": {"ground_truth": "7", "style": "rule"}}, "7", []),
        ({"problem": "p", "answer": "\\boxed{12}"}, "12", []),
        (
            {"problem": "p", "answer": "Since 3 * 4 = 12, it is $\\boxed{12}$."},
            "12",
            [("reference", "Since 3 * 4 = 12, it is $\\boxed{12}$.")],
        ),
    ],
)
def test_other_forms_of_maths(fields: dict[str, Any], answer: str, attempts: list[tuple[str, str]]) -> None:
    problem, found = read(fields)
    assert (problem.text, problem.verifier, problem.domain, judged_by(problem)) == ("p", "maths", "maths", {"answer": answer})
    assert [(one.sampler, one.text) for one in found] == attempts


# ---- which verifier an answer has


@pytest.mark.parametrize(
    "answer",
    [
        *(
            "18",
            "-3",
            "1,000",
            "3.5",
            ".5",
            "1/2",
            "50%",
            "$5",
            "5 cm",
            "3 hours",
            "1e-3",
            "x=3",
            "x + 1",
            "(5,-5)",
            "x+y-z+1=0",
            "224, -176",
            "[0, 1)",
        ),
        *(
            "\\frac{1}{3}",
            "$\\sqrt{3}-1$",
            "\\text{June}",
            "2\\pi",
            "sqrt(2)",
            "2pi",
            "x = 1 or x = 2",
            "0,3,6,9, ..., 6048".replace("...", "\\ldots"),
            "3:2",
            "10!",
        ),
    ],
)
def test_answers_in_numbers_and_formulas_are_maths(answer: str) -> None:
    problem, _ = read({"problem": "p", "expected_answer": answer})
    assert (problem.verifier, judged_by(problem)) == ("maths", {"answer": answer})


@pytest.mark.parametrize(
    "answer", ["Thursday", "Marie Curie", "2020-05-01", "1.2.3", "07/04/1776", "June 5, 1999", "yes and no", "B", "a blue door"]
)
def test_short_answers_in_words_are_exact(answer: str) -> None:
    problem, _ = read({"problem": "p", "expected_answer": answer})
    assert (problem.verifier, judged_by(problem)) == ("exact", {"answers": [answer]})


def test_truth_values_are_said_in_two_ways() -> None:
    assert judged_by(read({"question": "q", "passage": "It is so.", "answer": True})[0]) == {"answers": ["true", "yes"]}
    assert judged_by(read({"question": "q", "answer": "False"})[0]) == {"answers": ["false", "no"]}
    assert judged_by(read({"question": "q", "answer": "no"})[0]) == {"answers": ["no"]}


def test_several_accepted_answers() -> None:
    assert judged_by(read({"question": "q", "answer": {"value": "Rome", "aliases": ["Rome", "Roma"]}})[0]) == {"answers": ["Rome", "Roma"]}
    assert judged_by(read({"question": "q", "answers": {"text": ["in May"], "answer_start": [3]}})[0]) == {"answers": ["in May"]}
    assert judged_by(read({"question": "q", "answers": {"text": "in May"}})[0]) == {"answers": ["in May"]}
    assert judged_by(read({"question": "q", "answers": ["3", "three"]})[0]) == {"answers": ["3", "three"]}


def test_prose_is_for_a_judge() -> None:
    prose = "The sky is blue because short waves are scattered more than long ones are, by the gas of the air."
    problem, attempts = read({"question": "Why is the sky blue?", "answer": prose, "response": "Because of scattering."})
    assert (problem.verifier, problem.domain, judged_by(problem)) == ("judge", "other", {"answer": prose, "rubric": ""})
    assert [one.text for one in attempts] == ["Because of scattering."]
    with_formula = "The function grows without any bound, since for every number $n$ there is a larger value $f(n+1)$ of it."
    assert read({"question": "q", "answer": with_formula})[0].verifier == "judge"


def test_patterns() -> None:
    problem, _ = read({"prompt": "Write a date.", "pattern": r"\d{4}-\d\d-\d\d"})
    assert (problem.verifier, problem.domain, judged_by(problem)) == ("regex", "other", {"pattern": r"\d{4}-\d\d-\d\d"})
    reject = refused({"prompt": "Write a date.", "pattern": "(["})
    assert reject.reason == "bad_reference"
    assert "no regular expression" in reject.detail


def test_a_verifier_that_is_named() -> None:
    assert judged_by(read({"problem": "p", "answer": "18"}, verifier="exact")[0]) == {"answers": ["18"]}
    assert judged_by(read({"problem": "p", "answer": "18"}, verifier="judge")[0]) == {"answer": "18", "rubric": ""}
    assert judged_by(read({"problem": "p", "answer": "Thursday"}, verifier="maths")[0]) == {"answer": "Thursday"}
    assert judged_by(read({"problem": "p", "answer": "18"}, verifier="none")[0]) == {}
    assert refused({"problem": "p", "answer": "18"}, verifier="code").reason == "no_reference"
    assert refused({"problem": "p", "answers": ["1", "2"]}, verifier="maths").reason == "bad_reference"
    with pytest.raises(ValueError, match="verifier is 'math', expected auto or one of maths"):
        ProblemTask(verifier="math")


# ---- domains


@pytest.mark.parametrize(
    ("fields", "domain"),
    [
        ({"problem": "p", "answer": "4", "subject": "physics"}, "maths"),
        ({"problem": "p", "answer": "blue"}, "logic"),
        ({"problem": "p", "answer": "blue", "type": "Number Theory"}, "maths"),
        ({"question": "p", "choices": ["a", "b"], "answer": 0, "subject": "college_mathematics"}, "maths"),
        ({"question": "p", "choices": ["a", "b"], "answer": 0, "subject": "anatomy"}, "logic"),
        ({"question": "p", "pattern": "x", "tags": ["zebra puzzle", "hard"]}, "logic"),
        ({"question": "p", "pattern": "x", "category": "python"}, "code"),
    ],
)
def test_domains_by_verifier_then_by_what_the_row_says(fields: dict[str, Any], domain: str) -> None:
    assert read(fields)[0].domain == domain
    assert read(fields, domain="tools")[0].domain == "tools"


def test_an_unknown_domain_is_an_error() -> None:
    with pytest.raises(ValueError, match="domain is 'math', expected auto or one of maths, code, logic, tools, other"):
        ProblemTask(domain="math")


# ---- what is asked


def test_what_a_question_is_about_stands_before_it_and_an_input_after_it() -> None:
    assert read({"question": "Where?", "context": "It was in Rome.", "answer": "Rome"})[0].text == "It was in Rome.\n\nWhere?"
    assert read({"instruction": "Add.", "input": "1 and 2", "answer": "3"})[0].text == "Add.\n\n1 and 2"
    assert read({"input": "What is 1 + 2?", "target": "3"})[0].text == "What is 1 + 2?"
    assert read({"problem": "p", "answer": "3", "system_prompt": "Be brief."})[0].system == "Be brief."


def test_chat_messages() -> None:
    fields = {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "What is 1 + 2?"}]},
            {"role": "assistant", "content": "It is 3.", "reasoning_content": "1 + 2 = 3"},
        ],
        "answer": "3",
    }
    problem, attempts = read(fields)
    assert (problem.system, problem.text) == ("Be brief.", "What is 1 + 2?")
    assert attempts == (Attempt("<think>\n1 + 2 = 3\n</think>\n\nIt is 3.", "messages"),)
    shared = {"conversations": [{"from": "human", "value": "What is 1 + 2?"}, {"from": "gpt", "value": "3"}], "answer": "3"}
    assert [one.text for one in read(shared)[1]] == ["3"]


def test_conversations_of_several_questions_are_refused() -> None:
    turns = [
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hello!"},
        {"role": "user", "content": "What is 1 + 2?"},
    ]
    reject = refused({"messages": turns, "answer": "3"})
    assert (reject.reason, reject.detail) == ("several_turns", "a turn of the user after 1 questions and 1 answers")
    assert refused({"messages": turns[:1] * 2, "answer": "3"}).reason == "several_turns"
    assert read({"messages": turns[2:], "answer": "3"})[0].text == "What is 1 + 2?"
    assert refused({"messages": [{"role": "user", "content": [{"type": "image_url"}]}], "answer": "3"}).reason == "no_problem"


def test_columns_that_are_called_otherwise() -> None:
    fields = {"Aufgabe": "p", "Antwort": "3", "question": "something else", "who": "m", "said": "It is 3."}
    columns = ("problem=Aufgabe", "answer=Antwort", "sampler=who", "generation=said")
    problem, attempts = read(fields, columns=columns)
    assert (problem.text, judged_by(problem)) == ("p", {"answer": "3"})
    assert attempts == (Attempt("It is 3.", "m"),)
    reject = refused({"question": "q", "Antwort": "3"}, columns=columns)
    assert (reject.reason, reject.detail) == ("no_problem", "the row has no column Aufgabe")
    assert refused({"Aufgabe": "q", "answer": "3"}, columns=columns).reason == "no_reference"
    with pytest.raises(ValueError, match=r"columns has 'Frage=x', expected name=column with a name of problem, system"):
        ProblemTask(columns=("Frage=x",))


# ---- function calls


def test_queries_with_the_calls_that_answer_them() -> None:
    tools = [
        {
            "name": "add",
            "description": "Adds.",
            "parameters": {"a": {"type": "int", "description": "x"}, "b": {"type": "int", "description": "y"}},
        }
    ]
    calls = [{"name": "add", "arguments": {"a": 1, "b": {"c": [2, 3]}}}]
    problem, attempts = read({"id": 4, "query": "What is 1 + 2?", "tools": json.dumps(tools), "answers": json.dumps(calls)})
    assert (problem.verifier, problem.domain, problem.source_id, attempts) == ("calls", "tools", "4", ())
    assert judged_by(problem)["accepted"] == [{"add": {"a": [1], "b": [{"c": [[2, 3]]}]}}]
    assert judged_by(problem)["tools"][0]["parameters"]["type"] == "object"
    assert refused({"query": "q", "tools": json.dumps(tools), "answers": "none"}).reason == "bad_reference"
    assert refused({"query": "q", "tools": "[]", "answers": "[]"}).reason == "no_tools"


def test_questions_of_bfcl() -> None:
    fields = copy.deepcopy(ROWS["calls"])
    problem, attempts = read(fields)
    assert problem.text == "What is the weather in Lyon, in Celsius?"
    assert judged_by(problem)["accepted"] == fields["ground_truth"]
    assert len(attempts) == 3
    del fields["ground_truth"]
    assert refused(fields).reason == "no_accepted_answer"
    assert judged_by(read({**fields, "id": "irrelevance_3"})[0])["accepted"] == []
    assert refused({**fields, "ground_truth": "weather"}).reason == "bad_question"
    assert refused({**fields, "question": []}).reason == "no_problem"
    assert (
        refused({**ROWS["calls"], "function": [{"name": "f", "parameters": {"type": "dict", "properties": 3}}]}).reason == "bad_tool_schema"
    )


# ---- what is refused, and the nearest that is not


def test_nothing_is_asked() -> None:
    assert refused({"answer": "3"}).reason == "no_problem"
    assert refused({"problem": " \n", "answer": "3"}).reason == "no_problem"
    assert "the row has file, label" in refused({"file": "x", "label": 1}).detail


def test_nothing_to_judge_by() -> None:
    reject = refused({"problem": "p", "generation": "It is 3."})
    assert (reject.reason, reject.detail) == (
        "no_reference",
        "no answer, choices, tests or calls to judge by; the row has generation, problem",
    )
    problem, attempts = read({"problem": "p", "generation": "It is 3."}, keep_unjudged=True)
    assert (problem.verifier, problem.judged_by, problem.domain) == ("none", "{}", "other")
    assert [one.text for one in attempts] == ["It is 3."]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (["1", "2"], "answer holds 2 values, and not whether all of them are asked for or any"),
        ({"x": 1}, "answer is {'x': 1}, expected an answer"),
        (float("nan"), "answer is nan, no number that can be compared"),
        ([10**4100], "answer has more than 4,000 digits"),
        ([[1]], "answer is [1], expected an answer"),
    ],
)
def test_references_that_cannot_be_read(answer: Any, why: str) -> None:
    reject = refused({"problem": "p", "answer": answer})
    assert (reject.reason, reject.detail) == ("bad_reference", why)


def test_bounds() -> None:
    samples = {"problem": "p", "answer": "3", "samples": ["a", "b", "c"]}
    assert len(read(samples, max_samples=3)[1]) == 3
    reject = refused(samples, max_samples=2)
    assert (reject.reason, reject.detail) == ("too_many_samples", "3 attempts, expected 2 or fewer")
    assert read({"problem": "p" * 9, "answer": "3"}, max_problem_chars=9)[0].text == "p" * 9
    assert refused({"problem": "p" * 10, "answer": "3"}, max_problem_chars=9).reason == "too_long"
    assert refused({"problem": "p", "answer": "x " * 9}, max_reference_chars=10).reason == "too_long"
    (long,) = read({"problem": "p", "answer": "3", "generation": "abcdef"}, max_attempt_chars=5)[1]
    assert (long.text, long.cut) == ("", "6 characters, at most 5 are read")


# ---- laws


def test_planted_attempts_are_read_in_order() -> None:
    for row in planted_rows():
        found = ProblemTask(with_reference_solution=False)(row)
        assert isinstance(found, Row)
        kinds = KINDS[row.key.removeprefix("planted-")]
        attempts = attempts_of(found)
        assert len(attempts) == len(kinds)
        assert [bool(one.cut) for one in attempts] == [kind in (CUT, NO_TEXT) for kind in kinds]
        assert [not one.text for one in attempts] == [kind in (EMPTY, NO_TEXT) for kind in kinds]
        assert len({(one.sampler, one.sample) for one in attempts}) == len(attempts)


def test_planted_attempts_are_what_they_are_said_to_be() -> None:
    for row in planted_rows():
        found = VerifyAttempts()(ProblemTask(with_reference_solution=False)(row))  # type: ignore[arg-type]
        for kind, one in zip(KINDS[row.key.removeprefix("planted-")], attempts_of(found), strict=True):
            if problem_of(found).verifier == "code" or one.cut:
                continue
            assert one.verdict is not None
            told = {WRONG: WRONG, EMPTY: "cannot_tell", NO_ANSWER: "cannot_tell"}.get(kind, RIGHT)
            assert (kind, one.verdict.value) == (kind, told)


def test_the_same_problem_has_one_digest_whatever_stands_beside_it() -> None:
    fields = {"problem": "p", "expected_answer": "3"}
    digests = {
        read(told)[0].digest()
        for told in (fields, {**fields, "generation": "x", "id": "7", "level": "2"}, {"question": " p\n", "answer": "#### 3"})
    }
    assert len(digests) == 1
    assert read({**fields, "expected_answer": "4"})[0].digest() not in digests


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("a/b/output-rs0.jsonl.gz", "output-rs0"),
        ("train-00003-of-00012.parquet", "train"),
        ("samples.v2.jsonl", "samples.v2"),
        ("0001.parquet", "0001"),
        ("", ""),
    ],
)
def test_a_file_without_its_endings_and_number(source: str, name: str) -> None:
    assert file_name(source) == name


def test_json_in_a_text_is_read_within_bounds() -> None:
    assert as_json('["a"]') == ["a"]
    assert as_json("[" * 80 + "]" * 80) == "[" * 80 + "]" * 80
    assert as_json('["\\ud800"]') == '["\\ud800"]'
    assert as_json('["\\ud83d\\ude00"]') == ["\U0001f600"]
    assert as_json("[1") == "[1"


_NAMES = [
    *(*PROBLEM_COLUMNS, *SYSTEM_COLUMNS, *BEFORE_COLUMNS, AFTER_COLUMN, *ID_COLUMNS[:2], *LIST_COLUMNS, *SAMPLE_COLUMNS, *SOLUTION_COLUMNS),
    *(*THOUGHT_COLUMNS[:3], "expected_answer", "answer", "answers", "ground_truth", "choices", "options", "label", "answerKey", "pattern"),
    *(
        "test",
        "tests",
        "test_list",
        "entry_point",
        "input_output",
        "public_tests",
        "starter_code",
        "function",
        "tools",
        "messages",
        "reward_model",
    ),
    *(
        "solutions",
        "incorrect_solutions",
        "is_correct",
        "finish_reason",
        "a",
        "b",
        "option1",
        "option2",
        "gpt_response",
        "language",
        "metadata",
    ),
]
_TEXTS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        [
            *(
                "A",
                "(B)",
                "3",
                "\\boxed{4}",
                "#### 5",
                "assert f(1) == 2",
                "def check(c):\n    assert c(1)",
                '[{"input": "1", "output": "2"}]',
                "[",
                "{}",
            ),
            *(
                '{"inputs": [[1]], "outputs": [2], "fn_name": "f"}',
                "A. x\nB. y",
                '[{"name": "f"}]',
                "python",
                "null",
                "[NaN]",
                '["\\ud800"]',
            ),
        ]
    ),
)
_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), _TEXTS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.one_of(
                st.sampled_from(
                    [
                        "text",
                        "label",
                        "role",
                        "content",
                        "is_correct",
                        "inputs",
                        "input",
                        "output",
                        "outputs",
                        "language",
                        "solution",
                        "name",
                    ]
                ),
                st.text(max_size=5),
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(_NAMES), _VALUES, max_size=7))
def test_any_row_is_read_or_refused_with_a_declared_reason(fields: dict[str, Any]) -> None:
    row = Row("k", Origin("s.jsonl"), fields)
    before = copy.deepcopy(fields)
    found = ProblemTask()(row)
    assert repr(fields) == repr(before)
    assert repr(found) == repr(ProblemTask()(row))
    if isinstance(found, Reject):
        assert found.reason in {reason.name for reason in ProblemTask.reasons}
        assert found.detail
        return
    problem, attempts = problem_of(found), attempts_of(found)
    assert problem.text.strip()
    assert json.loads(problem.judged_by)
    assert all(isinstance(one.text, str) and isinstance(one.sampler, str) and one.label in ("", "right", "wrong") for one in attempts)
    numbers: dict[str, list[int]] = {}
    for one in attempts:
        numbers.setdefault(one.sampler, []).append(one.sample)
    assert all(found == list(range(len(found))) for found in numbers.values())


@pytest.mark.parametrize(
    "hostile",
    [
        "(A) a (B) b (C) c" + "\\ " * 40_000,
        "A. x\nB. y" + " " * 90_000 + "z",
        "(A)" * 30_000,
        "\\boxed{" * 14_000,
        "$" + "1 " * 45_000,
        "1" * 90_000,
        "{" * 90_000,
        "\n#### " * 15_000,
        "[" * 90_000,
    ],
)
def test_hostile_texts_are_read_in_time(hostile: str) -> None:
    for fields in (
        {"problem": hostile, "answer": "B"},
        {"problem": "p", "answer": hostile},
        {"problem": "p", "solution": hostile, "samples": hostile},
    ):
        found = ProblemTask()(Row("k", Origin("s"), fields))
        assert isinstance(found, (Row, Reject))


def test_every_reason_is_declared_once() -> None:
    names = [reason.name for reason in ProblemTask.reasons]
    assert len(set(names)) == len(names) == 11


def test_every_form_is_in_the_table_once() -> None:
    assert [form.verifier for form in FORMS] == ["calls", "code", "choice", "regex", ""]
