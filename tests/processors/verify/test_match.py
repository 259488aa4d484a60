"""Exact answers and patterns: normal forms, what is called wrong and what is left open, and patterns that would never end."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.verify.match import MAX_PATTERN_CHARS, is_match, normal_form, verify_exact, verify_regex
from processors.verify.verdict import CANNOT_TELL, RIGHT, TIMEOUT, UNREADABLE, WRONG
from schemas.outcome import Refused


@pytest.mark.parametrize(
    ("text", "answers", "value"),
    [
        ("Paris", ["Paris"], RIGHT),
        ("  paris.\n", ["Paris"], RIGHT),
        ("The answer is **Paris**.", ["paris"], RIGHT),
        ("The answer is “Paris”.", ["Paris"], RIGHT),
        ("\\boxed{\\text{Paris}}", ["Paris"], RIGHT),
        ("The answer is New   York.", ["new york"], RIGHT),
        ("The answer is Zürich.", ["Zu\u0308rich"], RIGHT),
        ("The answer is STRASSE.", ["Straße"], RIGHT),
        ("The answer is O’Neill.", ["O'Neill"], RIGHT),
        ("The answer is 3–4.", ["3-4"], RIGHT),
        ("The answer is no.", ["false", "no"], RIGHT),
        ("答案是北京。", ["北京"], RIGHT),
        ("Washington, D.C.", ["Washington, D.C."], RIGHT),
        ("The answer is The Who.", ["The Who"], RIGHT),
        ("<think>Rome</think>Paris", ["Paris"], RIGHT),
        ("Yes.", ["yes"], RIGHT),
        ("The answer is Rome.", ["Paris"], WRONG),
        ("Rome", ["Paris"], WRONG),
        ("The answer is 42.", ["41", "43"], WRONG),
        ("The answer is Who.", ["The Who"], CANNOT_TELL),  # articles count, and yet it may be meant
        ("The answer is the city of Paris.", ["Paris"], CANNOT_TELL),
        ("The answer is Paris or Rome.", ["Paris"], CANNOT_TELL),
        ("The answer is Rome, Italy.", ["Rome"], CANNOT_TELL),
        ("The answer is Parisian.", ["Paris"], WRONG),
        ("I do not know.", ["Paris"], CANNOT_TELL),
        ("There are 5 of them and then he goes to Paris with 7", ["7"], CANNOT_TELL),
        ("\\boxed{7}. Wait, that is wrong. I have no time", ["7"], CANNOT_TELL),
        ("Paris", [], CANNOT_TELL),
        ("Paris", ["."], CANNOT_TELL),
        ("", ["Paris"], CANNOT_TELL),
    ],
)
def test_exact(text: str, answers: list[str], value: str) -> None:
    assert verify_exact(text, {"answers": answers})[1].value == value


@pytest.mark.parametrize(
    ("text", "pattern", "value"),
    [
        ("The answer is 42.", r"4\d", RIGHT),
        ("42", r"4\d", RIGHT),
        ("call me at 12-34", r".*\d\d-\d\d", RIGHT),
        ("The answer is 142.", r"4\d", WRONG),  # from beginning to end
        ("The answer is Paris.", r"(?i)paris", RIGHT),
        ("The answer is Paris.", r"paris", WRONG),
        ("I do not know at all what it is.", r"4\d", CANNOT_TELL),
        ("The answer is 42.", r"4(", CANNOT_TELL),
        ("", r".*", CANNOT_TELL),
    ],
)
def test_regex(text: str, pattern: str, value: str) -> None:
    assert verify_regex(text, {"pattern": pattern})[1].value == value


def test_patterns_that_never_end_leave_it_open() -> None:
    verdict = verify_regex("The answer is " + "a" * 40 + "b", {"pattern": r"(a+)+\$"})[1]
    assert (verdict.value, verdict.cause) == (CANNOT_TELL, TIMEOUT)
    assert verify_regex("The answer is 42.", {"pattern": r"4\d"})[1].value == RIGHT  # the next one is matched again


def test_patterns_are_bounded() -> None:
    assert is_match("a" * MAX_PATTERN_CHARS, "a" * MAX_PATTERN_CHARS)
    with pytest.raises(Refused, match=r"bad_pattern: a pattern of 2,001 characters"):
        is_match("a" * (MAX_PATTERN_CHARS + 1), "a")
    assert verify_regex("5", {"pattern": "5" * (MAX_PATTERN_CHARS + 1)})[1].cause == UNREADABLE


def test_normal_form() -> None:
    assert normal_form(" “The  WHO”! ") == "the who"
    assert normal_form("Washington, D.C.") == "washington, d.c"
    assert normal_form("...") == ""


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60))
def test_a_text_matches_itself_and_its_normal_form_stays(text: str) -> None:
    form = normal_form(text)
    assert normal_form(form) == form
    if form:
        assert verify_exact(text, {"answers": [text]})[1].value == RIGHT


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200), st.text(max_size=20))
def test_any_text_has_one_verdict(text: str, answer: str) -> None:
    assert verify_exact(text, {"answers": [answer]}) == verify_exact(text, {"answers": [answer]})
