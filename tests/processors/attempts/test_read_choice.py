"""Multiple choice in the forms of its data sets: the choices, the right one, and a question that shows them."""

from __future__ import annotations

from typing import Any

import pytest

from processors.attempts.read_choice import choices_in, with_choices
from tests.processors.attempts.test_read import judged_by, read, refused

COLOURS = ["red", "green", "blue", "black"]
SHOWN = "q\n\nA. red\nB. green\nC. blue\nD. black"


@pytest.mark.parametrize(
    "fields",
    [
        {"question": "q", "choices": COLOURS, "answer": 2, "subject": "x"},  # MMLU
        {"question": "q", "choices": {"text": COLOURS, "label": list("ABCD")}, "answerKey": "C"},  # ARC
        {"question": "q", "choices": {"text": COLOURS, "label": list("1234")}, "answerKey": "3"},
        {"question": {"stem": "q", "choices": [{"label": x, "text": y} for x, y in zip("ABCD", COLOURS, strict=True)]}, "answerKey": "C"},
        {"question_stem": "q", "choices": {"text": COLOURS, "label": list("ABCD")}, "answerKey": "C"},  # OpenBookQA
        {"question": "q", "options": [f"{x}){y}" for x, y in zip("ABCD", COLOURS, strict=True)], "correct": "C", "rationale": "r"},  # AQuA
        {"question": "q", "options": COLOURS, "answer": "C", "answer_index": 2, "cot_content": ""},  # MMLU-Pro
        {"question": "q", "options": dict(zip("ABCD", COLOURS, strict=True)), "answer": "blue", "answer_idx": "C"},  # MedQA
        {"question": "q", "options": COLOURS, "answer": "(c)"},
        {"question": "q", "options": COLOURS, "answer": " Blue "},
        {"question": "q", "options": COLOURS, "answer": "C. blue"},
        {"question": "q", "options": COLOURS, "answer": ["C"]},
        {"question": "q", "options": '["red", "green", "blue", "black"]', "answer": "C"},
        {"ctx": "q", "endings": COLOURS, "label": "2"},  # HellaSwag
        {"query": "q", "options": COLOURS, "correct_option": 2},  # LogiQA
        {"question": "q", "option_a": "red", "option_b": "green", "option_c": "blue", "option_d": "black", "answer": "C"},
        {"question": "q", "A": "red", "B": "green", "C": "blue", "D": "black", "answer": "C"},
    ],
)
def test_forms_of_choices(fields: dict[str, Any]) -> None:
    problem, _ = read(fields)
    assert (problem.text, problem.verifier, problem.domain) == (SHOWN, "choice", "logic")
    assert judged_by(problem) == {"answer": "C", "choices": COLOURS}


def test_choices_that_are_called_by_numbers() -> None:
    two, three = {"sentence": "The _ is red.", "option1": "rose", "option2": "lawn"}, {"context": "Ada fell.", "question": "And?"}
    assert judged_by(read({**two, "answer": "1"})[0]) == {"answer": "A", "choices": ["rose", "lawn"]}
    assert judged_by(read({**three, "answerA": "ran", "answerB": "cried", "answerC": "ate", "label": "2"})[0])["answer"] == "B"
    assert judged_by(read({"goal": "g", "sol1": "x", "sol2": "y", "label": 1})[0])["answer"] == "B"
    assert read({**three, "answerA": "ran", "answerB": "cried", "answerC": "ate", "label": "2"})[0].text.startswith(
        "Ada fell.\n\nAnd?\n\nA. ran"
    )


def test_numbers_as_choices_are_not_mistaken_for_places() -> None:
    numbers = ["1", "2", "4", "8"]
    assert judged_by(read({"question": "q", "choices": numbers, "answer": 2})[0])["answer"] == "C"  # MMLU: a number is a place
    assert judged_by(read({"question": "q", "choices": numbers, "answer": "2"})[0])["answer"] == "B"  # a text is a choice
    assert judged_by(read({"question": "q", "choices": ["10", "20"], "answer": "1"})[0])["answer"] == "B"


def test_choices_that_stand_in_the_question() -> None:
    question = "Which is it?\nA. red\nB. green\nC. blue"
    for answer in ("B", "(B)", "green"):
        problem, _ = read({"question": question, "answer": answer})
        assert problem.text == question
        assert judged_by(problem) == {"answer": "B", "choices": ["red", "green", "blue"]}
    assert judged_by(read({"input": "q\nOptions:\n(A) yes\n(B) no", "target": "(A)"})[0]) == {"answer": "A", "choices": ["yes", "no"]}
    assert read({"question": question, "answer": "yellow"})[0].verifier == "exact"
    assert read({"question": "Which letter comes after A?", "answer": "B"})[0].verifier == "exact"


def test_choices_in_a_row() -> None:
    problem = "What is $2+3$? $\\textbf{(A)}\\ 4 \\qquad\\textbf{(B)}\\ 5\\qquad\\textbf{(C)}\\ \\frac{1}{2}$"
    assert choices_in(problem) == ["4", "5", "\\frac{1}{2}"]
    assert judged_by(read({"problem": problem, "answer": "B"})[0]) == {"answer": "B", "choices": ["4", "5", "\\frac{1}{2}"]}
    amc = "Which is it? $\\mathrm{(A) \\ } 3 \\qquad \\mathrm{(B) \\ } 4 \\qquad \\mathrm{(C) \\ } 5$"
    assert judged_by(read({"problem": amc, "answer": "\\text{(B)}"})[0]) == {"answer": "B", "choices": ["3", "4", "5"]}
    assert choices_in("Which? (A) a cat (B) a dog, (C) a bird") == ["a cat", "a dog", "a bird"]
    assert choices_in("Let f(A) be as g(B) was.") == []
    assert choices_in("Take (A) and (B).") == []
    assert choices_in("A. only one") == []


def test_a_question_that_lists_its_choices_is_left_as_it_is() -> None:
    listed = "q\n\nA) red\nB) green"
    assert with_choices(listed, ["red", "green"]) == listed
    assert with_choices(listed, ["green", "red"]) == listed + "\n\nA. green\nB. red"


@pytest.mark.parametrize(
    ("fields", "reason", "why"),
    [
        ({"choices": COLOURS, "answer": "E"}, "bad_reference", "which is none of the choices"),
        ({"choices": COLOURS, "answer": 4}, "bad_reference", "answer is 4, which is none of the choices"),
        ({"choices": ["B", "A", "x"], "answer": "B"}, "bad_reference", "means one choice by its label and another by its text"),
        ({"choices": COLOURS}, "no_reference", "there are choices, and not which is right"),
        ({"choices": COLOURS, "correct": True}, "no_reference", "there are choices, and not which is right"),
        ({"choices": ["red", ""], "answer": "A"}, "bad_reference", "2 choices"),
        ({"choices": ["x"] * 27, "answer": "A"}, "bad_reference", "27 choices"),
        ({"choices": {"text": ["x", "y"], "label": ["A", "A"]}, "answer": "A"}, "bad_reference", "labelled ['A', 'A']"),
        ({"choices": ["red", "red"], "answer": "red"}, "bad_reference", "none of the choices"),
    ],
)
def test_choices_that_are_refused(fields: dict[str, Any], reason: str, why: str) -> None:
    reject = refused({"question": "q", **fields})
    assert reject.reason == reason
    assert why in reject.detail


def test_choices_without_a_question_are_no_problem() -> None:
    assert refused({"choices": COLOURS, "answer": 1}).reason == "no_problem"


def test_parameters_called_a_and_b_are_no_choices() -> None:
    assert read({"problem": "p", "a": 3, "b": 4, "answer": 7})[0].verifier == "maths"
