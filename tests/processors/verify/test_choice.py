"""Choices in every dress against their letters: right, wrong, and what cannot be told; yes and no; assignments of logic puzzles."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.verify.assignment import flat, verify_assignment
from processors.verify.choice import AMBIGUOUS, NO_SUCH_CHOICE, verify
from processors.verify.verdict import CANNOT_TELL, DIFFERENT, EQUAL, NO_ANSWER, RIGHT, UNREADABLE, WRONG

CITIES = ["London", "Paris", "Rome", "Paris, Texas"]
NUMBERS = ["41", "42", "1/2", "$\\frac{3}{4}$"]
NONE = ["red", "blue", "green", "None of the above"]
WORDS = ["a dog", "a cat", "a hot dog"]

# of CITIES, where B is right
RIGHT_CITY = [
    *("B", "b", "B.", "(B)", "[B]", "B)", "**B**", "$B$", "`B`", "(b)", "Ｂ", "（B）"),
    *(
        "\\boxed{B}",
        "\\boxed{(B)}",
        "\\boxed{\\text{B}}",
        "\\boxed{\\text{(B)}}",
        "\\boxed{\\textbf{(B) }\\text{Paris}}",
        "\\boxed{\\mathrm{B}}",
    ),
    *(
        "Option B",
        "option (B)",
        "Choice B",
        "the answer is option B",
        "The correct option is B.",
        "The answer is B) Paris",
        "B: Paris",
        "B. Paris",
        "(B) Paris",
    ),
    *(
        "B Paris",
        "The answer is (B) Paris, the capital.",
        "The answer is: **B. Paris**",
        "**Answer:** B",
        "Answer: B - Paris",
        "Final answer: B",
        "<answer>B</answer>",
    ),
    *(
        "The answer is Paris.",
        "Paris",
        "paris.",
        "\\boxed{Paris}",
        "\\boxed{\\text{Paris}}",
        "**Paris**",
        '"Paris"',
        "Answer: the city is Paris",
    ),
    *(
        "I choose B.",
        "So I would go with option B.",
        "Therefore, (B).",
        "Option (B) is correct.",
        "Hence B is the correct choice.",
        "B is correct.",
        "Reasons...\n\nB",
    ),
    *("2", "Option 2", "(2)", "The answer is 2."),
    *(
        "Die Antwort ist B.",
        "Antwort: (B)",
        "La réponse est B.",
        "La respuesta correcta es la opción B.",
        "La risposta è B.",
        "A resposta correta é a letra B.",
    ),
    *("答案是B。", "答案：B", "故选B。", "正确答案是选项B", "答えはBです。", "正解は（B）です。", "选项B正确。"),
    *(
        '{"answer": "B"}',
        '{"reason": "it is A-like", "answer": "B. Paris"}',
        "<think>A or C?</think>The answer is B.",
        "The answer is A. Wait, no: the answer is B.",
    ),
    "The answer is (B).\n\nQuestion: Which is red?\nThe answer is (C).",
]
WRONG_CITY = [
    *(
        "A",
        "(C)",
        "The answer is C.",
        "\\boxed{D}",
        "Option A",
        "The answer is Rome.",
        "\\boxed{\\text{(A) London}}",
        "Paris, Texas",
        "The answer is Paris, Texas.",
    ),
    *("答案是C。", "答えはAです。", "1", "Die Antwort ist (D).", "I choose C.", "The answer is B. Wait, no: the answer is A.", "A and C"),
]
NO_CHOICE = ["E", "(Z)", "The answer is E.", "none of the above", "The answer is none of these."]
UNCLEAR = [
    *(
        "B or C",
        "The answer is B or C.",
        "The answer is either.",
        "A and B",
        "(B) Rome",
        "B) London",
        "The answer is B. I choose C.",
        "the answer is not Paris",
        "0",
        "7",
    ),
    *("Paris or Rome", "I cannot say.", "Berlin", "The answer is Berlin.", "<think>B</think>", "", "Maybe B, maybe C, who knows. I like 5"),
]


def said(text: str, answer: Any = "B", choices: Any = CITIES) -> str:
    return verify(text, {"answer": answer, "choices": choices})[1].value


@pytest.mark.parametrize("text", RIGHT_CITY)
def test_right(text: str) -> None:
    assert said(text) == RIGHT


@pytest.mark.parametrize("text", RIGHT_CITY)
def test_the_same_texts_are_wrong_for_another_reference(text: str) -> None:
    assert said(text, "A") == WRONG


@pytest.mark.parametrize("text", WRONG_CITY)
def test_wrong(text: str) -> None:
    assert said(text) == WRONG


@pytest.mark.parametrize("text", NO_CHOICE)
def test_no_such_choice(text: str) -> None:
    verdict = verify(text, {"answer": "B", "choices": CITIES})[1]
    assert (verdict.value, verdict.cause) == (WRONG, NO_SUCH_CHOICE)


@pytest.mark.parametrize("text", UNCLEAR)
def test_cannot_tell(text: str) -> None:
    assert said(text) == CANNOT_TELL


@pytest.mark.parametrize(
    ("text", "answer", "choices", "value"),
    [
        # numbers, by their values
        ("The answer is 42.", "B", NUMBERS, RIGHT),
        ("\\boxed{42}", "B", NUMBERS, RIGHT),
        ("\\boxed{0.5}", "C", NUMBERS, RIGHT),
        ("\\boxed{\\frac{1}{2}}", "C", NUMBERS, RIGHT),
        ("The answer is 0.75.", "D", NUMBERS, RIGHT),
        ("The answer is 42.", "A", NUMBERS, WRONG),
        ("The answer is 43.", "A", NUMBERS, WRONG),
        ("The answer is 2.", "B", NUMBERS, WRONG),  # a value here, not the second choice
        ("B) 42", "B", NUMBERS, RIGHT),
        ("B) 41", "B", NUMBERS, CANNOT_TELL),
        ("#### 42", "B", NUMBERS, RIGHT),
        ("so 42\nA: 42", "B", NUMBERS, RIGHT),
        # none of the above
        ("None of the above.", "D", NONE, RIGHT),
        ("The answer is none of these.", "D", NONE, RIGHT),
        ("The answer is (D) None of the above", "D", NONE, RIGHT),
        ("以上都不是", "D", NONE, RIGHT),
        ("none of the above", "A", NONE, WRONG),
        # texts inside others, articles
        ("The answer is a hot dog.", "C", WORDS, RIGHT),
        ("a dog", "A", WORDS, RIGHT),
        ("The answer is a cat.", "B", WORDS, RIGHT),
        ("The answer is a cat.", "A", WORDS, WRONG),
        ("A dog", "A", WORDS, RIGHT),
        ("A cat", "A", WORDS, WRONG),
        # letters that are texts too
        ("A", "A", ["B", "A"], CANNOT_TELL),
        ("A", "A", ["A", "B"], RIGHT),
        # the reference is a text, or several letters
        ("The answer is B.", "Paris", CITIES, RIGHT),
        ("A and C", "A and C", CITIES, RIGHT),
        ("A, C", "AC", CITIES, RIGHT),
        ("\\boxed{A}, \\boxed{C}", "A,C", CITIES, RIGHT),
        ("(C) and (A)", ["A", "C"], CITIES, RIGHT),
        ("AC", ["A", "C"], CITIES, RIGHT),
        ("A、C", ["A", "C"], CITIES, RIGHT),
        ("The answer is A und C.", "A, C", CITIES, RIGHT),
        ("A", "A and C", CITIES, WRONG),
        ("A, B, C", "A and C", CITIES, WRONG),
        ("A and D", "A and C", CITIES, WRONG),
        # no choices told
        ("The answer is (C).", "C", [], RIGHT),
        ("The answer is (C).", "B", [], WRONG),
        # a reference that is none
        ("B", "E", CITIES, CANNOT_TELL),
        ("B", "Berlin", CITIES, CANNOT_TELL),
        ("B", "B", ["x"] * 30, CANNOT_TELL),
        # yes and no
        ("The answer is yes.", "Yes", [], RIGHT),
        ("Yes", "true", [], RIGHT),
        ("No, it is not.", "no", [], RIGHT),
        ("The answer is no.", "yes", [], WRONG),
        ("\\boxed{\\text{False}}", "False", [], RIGHT),
        ("The answer is **True**.", "False", [], WRONG),
        ("Die Antwort ist Nein.", "no", [], RIGHT),
        ("La respuesta es sí.", "yes", [], RIGHT),
        ("答案是：对", "true", [], RIGHT),
        ("答えは「いいえ」です。", "no", [], RIGHT),
        ("Perhaps.", "yes", [], CANNOT_TELL),
        ("The answer is true.", "A", ["True", "False"], RIGHT),
        ("False", "A", ["True", "False"], WRONG),
        ("The answer is (B) False", "B", ["True", "False"], RIGHT),
    ],
)
def test_forms(text: str, answer: Any, choices: Any, value: str) -> None:
    assert said(text, answer, choices) == value


def test_causes() -> None:
    judged_by = {"answer": "B", "choices": CITIES}
    assert verify("B", judged_by)[1].cause == EQUAL
    assert verify("A", judged_by)[1].cause == DIFFERENT
    assert verify("B or C", judged_by)[1].cause == AMBIGUOUS
    assert verify("", judged_by)[1].cause == NO_ANSWER
    assert verify("The answer is Berlin.", judged_by)[1].cause == UNREADABLE
    assert verify("The answer is (B).", judged_by)[0] == "(B)"


# ---- assignments

KNIGHTS = {"Alice": "knight", "Bob": "knave"}
HOUSES = {"House 1": {"Colour": "red", "Pet": "dog"}, "House 2": {"Colour": "blue", "Pet": "cat"}}


@pytest.mark.parametrize(
    ("text", "reference", "value"),
    [
        ("Alice is a knight and Bob is a knave.", KNIGHTS, RIGHT),
        ("Alice: knight\nBob: knave", KNIGHTS, RIGHT),
        ("So:\n- **Alice**: knight\n- **Bob**: knave", KNIGHTS, RIGHT),
        ("- Alice = Knight\n- Bob = Knave.", KNIGHTS, RIGHT),
        ('{"Alice": "knight", "Bob": "knave"}', KNIGHTS, RIGHT),
        ('```json\n{"bob": "Knave", "alice": "Knight"}\n```', KNIGHTS, RIGHT),
        ('Done. {"solution": {"Alice": "knight", "Bob": "knave"}}', KNIGHTS, RIGHT),
        ("Suppose Alice is a knave. No.\n\nAlice is a knight and Bob is a knave.", KNIGHTS, RIGHT),
        ("Alice is a knave and Bob is a knave.", KNIGHTS, WRONG),
        ('{"Alice": "knight", "Bob": "knight"}', KNIGHTS, WRONG),
        ("Alice is a knight.", KNIGHTS, CANNOT_TELL),
        ("Alice is not a knight, Bob is a knave.", KNIGHTS, CANNOT_TELL),
        ("Alice is a knight. Alice is a knave. Bob is a knave.", KNIGHTS, CANNOT_TELL),
        ("I give up.", KNIGHTS, CANNOT_TELL),
        ('{"House 1": {"Colour": "Red", "Pet": "dog"}, "House 2": {"Colour": "blue", "Pet": "cat"}}', HOUSES, RIGHT),
        ('{"House 1": {"Colour": "blue", "Pet": "dog"}, "House 2": {"Colour": "red", "Pet": "cat"}}', HOUSES, WRONG),
        ('{"House 1": {"Colour": "red"}, "House 2": {"Colour": "blue", "Pet": "cat"}}', HOUSES, CANNOT_TELL),
        ("House 1 is red.", HOUSES, CANNOT_TELL),
        ('{"x": 3, "y": true}', {"x": 3, "y": True}, RIGHT),
        ("x", {}, CANNOT_TELL),
    ],
)
def test_assignments(text: str, reference: Any, value: str) -> None:
    assert verify_assignment(text, reference)[1].value == value
    assert verify(text, {"answer": reference})[1].value == value


def test_flat() -> None:
    assert flat(HOUSES)["house 1/pet"] == "dog"
    deep: dict[str, Any] = {}
    for _ in range(200):
        deep = {"a": deep}
    assert len(flat(deep)) == 1


# ---- any text

HOSTILE = [
    "A, " * 30_000,
    "A and " * 20_000,
    "The answer is " + "A and " * 150,
    "(" * 50_000,
    "option " * 15_000,
    "choose " * 15_000,
    "The answer is " + "\\text{" * 150,
    "The answer is " + " is correct" * 80,
    '{"a"' * 20_000,
    "{" * 50_000 + '"a": 1}',
    "Alice is a " * 10_000,
    "none of " * 20_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:14])
def test_hostile_texts_end(text: str) -> None:
    for answer in ("B", {"Alice": "knight"}):
        assert verify(text, {"answer": answer, "choices": CITIES})[1].value in (WRONG, CANNOT_TELL)


TEXT = st.lists(
    st.sampled_from([*"ABE()*$. \n", "The answer is ", "Paris", "Rome", "and", "or", "not ", "\\boxed{", "}", "is correct", "42", "yes"]),
    max_size=20,
)


@settings(max_examples=100, deadline=None)
@given(TEXT.map("".join))
def test_any_text_has_one_verdict(text: str) -> None:
    for answer in ("B", "A, B", "yes", {"Paris": "Rome"}):
        judged_by = {"answer": answer, "choices": CITIES if answer != "yes" else []}
        assert verify(text, judged_by) == verify(text, judged_by)


@settings(max_examples=100, deadline=None)
@given(TEXT.map("".join))
def test_no_text_is_right_for_two_letters(text: str) -> None:
    assert sum(said(text, letter) == RIGHT for letter in "ABCD") <= 1
