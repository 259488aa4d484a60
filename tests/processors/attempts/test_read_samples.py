"""Who has tried: samples in whatever columns, their samplers and labels, and that none is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest

from processors.attempts.problem import Attempt
from processors.attempts.read_samples import label_of, with_thought
from tests.processors.attempts.test_read import read


def attempts(source: str = "", /, **fields: Any) -> list[Attempt]:
    return list(read({"problem": "p", "answer": "3", **fields}, source)[1])


@pytest.mark.parametrize("name", ["samples", "generations", "responses", "completions", "attempts", "candidates", "outputs"])
def test_lists_of_texts(name: str) -> None:
    assert attempts(**{name: ["x", "", "y"]}) == [Attempt("x", name, 0), Attempt("", name, 1), Attempt("y", name, 2)]
    assert attempts(**{name: json.dumps(["x", "y"])}) == [Attempt("x", name, 0), Attempt("y", name, 1)]
    assert attempts(**{name: "x"}) == [Attempt("x", name)]


def test_lists_of_objects() -> None:
    listed = [
        {"text": "x", "model": "m", "is_correct": True},
        {"response": "y", "score": 0.0},
        {"completion": "z", "model": "m", "score": 0.5, "finish_reason": "length"},
        {"message": {"role": "assistant", "content": "w", "reasoning_content": "t"}, "finish_reason": "stop"},
        [{"role": "user", "content": "p"}, {"role": "assistant", "content": "v"}],
    ]
    assert attempts("f.jsonl", samples=listed) == [
        Attempt("x", "m", 0, label="right"),
        Attempt("y", "f/samples", 0, label="wrong"),
        Attempt("z", "m", 1, cut="cut by its source: length"),
        Attempt("<think>\nt\n</think>\n\nw", "f/samples", 1),
        Attempt("v", "f/samples", 2),
    ]


def test_samples_by_the_name_of_their_model() -> None:
    found = attempts(responses={"gpt": "x", "llama": {"text": "y", "correct": False}})
    assert found == [Attempt("x", "gpt"), Attempt("y", "llama", label="wrong")]


def test_what_is_no_text_is_an_attempt_that_says_so() -> None:
    found = attempts(samples=["x", None, 7, {"tokens": [1]}, []])
    assert [(one.text, one.sample, one.cut) for one in found] == [
        ("x", 0, ""),
        ("", 1, "the sample is None, no text"),
        ("", 2, "the sample is 7, no text"),
        ("", 3, "the sample is {'tokens': [1]}, no text"),
        ("", 4, "the sample is [], no text"),
    ]


def test_distilled_thoughts() -> None:
    fields = {
        "generations": ["<think>a</think>3", "<think>b", "c"],
        "correctness_math_verify": [True, False, True],
        "finish_reasons": ["stop", "length", None],
        "solution": "So it is 3.",
        "messages": [{"role": "user", "content": "p"}, {"role": "assistant", "content": "<think>a</think>3"}],
        "source": "olympiads",
    }
    assert [(one.text, one.label, one.cut, one.sampler) for one in attempts(**fields)] == [
        ("<think>a</think>3", "right", "", "generations"),
        ("<think>b", "wrong", "cut by its source: length", "generations"),
        ("c", "right", "", "generations"),
        ("So it is 3.", "", "", "reference"),
    ]


def test_a_thought_and_what_was_said_after_it() -> None:
    joined = "<think>\nt\n</think>\n\nIt is 3."
    assert attempts(reasoning_content="t", content="It is 3.") == [Attempt(joined, "content")]
    assert attempts(reasoning="t", response="It is 3.", model="r1") == [Attempt(joined, "r1")]
    assert attempts(thinking="t") == [Attempt("<think>\nt\n</think>\n\n3", "thinking")]
    assert attempts(deepseek_thinking_trajectory="t", deepseek_attempt="It is 3.", deepseek_is_correct=True) == [
        Attempt(joined, "deepseek", label="right")
    ]
    assert with_thought("t", "<think>u</think>3") == "<think>u</think>3"


def test_columns_of_models() -> None:
    found = attempts(gpt4_response="x", llama_70b_solution="y", reference_solution="r", expected_output="3", correct_solution="c")
    assert [(one.sampler, one.text) for one in found] == [("gpt4", "x"), ("llama_70b", "y"), ("reference", "r")]


def test_who_wrote_it() -> None:
    assert attempts("d/run-7.jsonl", generation="x")[0].sampler == "run-7/generation"
    assert attempts("d/run-7.jsonl", generation="x", model="m")[0].sampler == "m"
    assert read({"problem": "p", "answer": "3", "generation": "x"}, "d/run-7.jsonl", sampler="s")[1][0].sampler == "s"


def test_a_number_of_samples_is_no_sample() -> None:
    assert attempts(attempts=4, sample=2, generation="x") == [Attempt("x", "generation")]


def test_a_solution_is_an_attempt_only_where_the_row_says_so() -> None:
    assert [one.sampler for one in attempts(solution="x")] == ["reference"]
    assert [(one.sampler, one.label) for one in attempts(solution="x", is_correct=False)] == [("solution", "wrong")]
    assert [(one.sampler, one.text) for one in attempts(solution="x", reference_solution="r")] == [("solution", "x"), ("reference", "r")]
    both = attempts(solution="x", generation="y", is_correct=False)
    assert [(one.sampler, one.text, one.label) for one in both] == [("generation", "y", "wrong"), ("reference", "x", "")]


def test_the_same_solution_twice_in_a_row_is_one() -> None:
    assert [one.text for one in attempts(solution="x", rationale="x", explanation="y")] == ["x", "y"]
    assert [one.text for one in attempts(solution=["x", "y", "x"])] == ["x", "y"]
    assert [one.text for one in attempts(solutions='["x", "y"]')] == ["x", "y"]


@pytest.mark.parametrize(
    ("told", "label"),
    [
        *(
            (True, "right"),
            (False, "wrong"),
            (1, "right"),
            (0, "wrong"),
            (-1, "wrong"),
            (1.0, "right"),
            (0.5, ""),
            (2, ""),
            (None, ""),
            ([], ""),
        ),
        *(("correct", "right"), (" FALSE", "wrong"), ("maybe", ""), ("passed", "right"), ("", "")),
    ],
)
def test_labels(told: Any, label: str) -> None:
    assert label_of(told) == label


def test_a_label_of_the_row_is_that_of_its_one_sample() -> None:
    assert [one.label for one in attempts(generation="x", is_correct=True)] == ["right"]
    assert [one.label for one in attempts(generation="x", response="y", is_correct=True)] == ["", ""]
    assert [one.label for one in attempts(samples=["x", "y"], is_correct=True)] == ["", ""]
    assert [one.label for one in attempts(samples=["x", "y"], is_correct=[True, False])] == ["right", "wrong"]
    assert [one.label for one in attempts(samples=["x", "y"], is_correct=[True])] == ["", ""]
