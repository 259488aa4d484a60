"""Marks of data sets are taken out; every other character stays."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.attempts.clean import CleanAttempt, strip_notes
from processors.attempts.problem import ANSWER, DOMAIN, TEXT_DIGEST
from schemas.outcome import Reject
from schemas.parts import Text
from schemas.records import Conversation, Origin, Turn

GSM = "She sells 16 - 3 - 4 = <<16-3-4=9>>9 eggs.\nShe makes 9 * 2 = $<<9*2=18>>18.\n#### 18"


def record(attempt: str, answer: str = "18", domain: str = "maths") -> Conversation:
    turns = (Turn("system", (Text("Think."),)), Turn("user", (Text("How many?"),)), Turn("assistant", (Text(attempt),), True))
    return Conversation("k/0", Origin("s"), turns, {DOMAIN.name: domain, ANSWER.name: answer, TEXT_DIGEST.name: "d"}, ("k",))


def cleaned(attempt: str, answer: str = "18", domain: str = "maths", **fields: str) -> tuple[str, str]:
    given = record(attempt, answer, domain)
    found = CleanAttempt(**fields)(given)
    assert isinstance(found, Conversation)
    assert (found.key, found.parents, found.turns[:-1]) == (given.key, given.parents, given.turns[:-1])
    assert found.facts[TEXT_DIGEST.name] == "d"
    (part,) = found.turns[-1].parts
    assert isinstance(part, Text)
    return part.text, str(found.facts["thought.changes"])


@given(st.text("ab 1<>=-\n?*", max_size=60))
def test_nothing_but_notes_is_taken_out(text: str) -> None:
    found = strip_notes(text)
    pieces = [piece for piece in re.split(r"<<[^<>\n]*>>", text)]
    assert found == re.sub(r"\? \*\* ", "? ", "".join(pieces)) or "? **" in "".join(pieces)
    assert strip_notes(text.replace("<", "").replace("*", "")) == text.replace("<", "").replace("*", "")


@pytest.mark.parametrize(
    ("fields", "text", "changes"),
    [
        ({}, "She sells 16 - 3 - 4 = 9 eggs.\nShe makes 9 * 2 = $18.\n#### 18", "calculator"),
        ({"calculator": "keep"}, GSM, ""),
        ({"final": "sentence"}, "She sells 16 - 3 - 4 = 9 eggs.\nShe makes 9 * 2 = $18.\n\nThe answer is 18.", "calculator final"),
        ({"final": "boxed"}, "She sells 16 - 3 - 4 = 9 eggs.\nShe makes 9 * 2 = $18.\n\nThe answer is $\\boxed{18}$.", "calculator final"),
        (
            {"thought_form": "think_tags"},
            "<think>\nShe sells 16 - 3 - 4 = 9 eggs.\nShe makes 9 * 2 = $18.\n</think>\n\n#### 18",
            "calculator tags",
        ),
        (
            {"calculator": "keep", "thought_form": "think_tags", "final": "boxed"},
            "<think>\n" + GSM[:-8] + "\n</think>\n\nThe answer is $\\boxed{18}$.",
            "final tags",
        ),
    ],
)
def test_marks_are_rewritten_as_asked(fields: dict[str, str], text: str, changes: str) -> None:
    assert cleaned(GSM, **fields) == (text, changes)


@pytest.mark.parametrize(
    ("text", "answer", "final", "expected"),
    [
        ("It is so.\nA: 26", "26", "sentence", "It is so.\n\nThe answer is 26."),
        ("A: 26", "26", "sentence", "The answer is 26."),
        ("It is so.\n#### 1,000.50", "1,000.50", "boxed", "It is so.\n\nThe answer is $\\boxed{1,000.50}$."),
        ("It is so.\n#### 5%", "5%", "boxed", "It is so.\n\nThe answer is $\\boxed{5\\%}$."),
        ("It is so.\n#### $5", "$5", "boxed", "It is so.\n\nThe answer is $\\boxed{5}$."),
        ("So it is 26.", "26", "boxed", "So it is 26.\n\nThe answer is $\\boxed{26}$."),
        ("So it is $\\boxed{26}$.", "26", "boxed", "So it is $\\boxed{26}$."),
        ("So it is 26.", "26", "sentence", "So it is 26."),
        ("So it is 26.", "", "boxed", "So it is 26."),
        ("It is so.\n#### Conclusion\nIt is 26.", "26", "sentence", "It is so.\n#### Conclusion\nIt is 26."),
    ],
)
def test_the_answer_in_the_last_line_is_that_of_the_text(text: str, answer: str, final: str, expected: str) -> None:
    assert cleaned(text, answer, final=final)[0] == expected


def test_programs_are_left_alone() -> None:
    program = 'cout << x << y >> z;\nprint("A: 3")\nx = 1<<2>>1\n#### 18'
    assert cleaned(program, program, "code", final="boxed") == (program, "")
    fenced = "Add them.\n```python\nx\n```"
    assert cleaned(fenced, "x", "code", thought_form="think_tags")[0] == "<think>\nAdd them.\n</think>\n\n```python\nx\n```"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<think>\nWe add.\n</think>\n\nThe answer is 18.", "We add.\n\nThe answer is 18."),
        ("We add.\nThe answer is 18.", "We add.\nThe answer is 18."),
        ("<think>\nWe add and", "<think>\nWe add and"),
    ],
)
def test_tags_are_taken_off(text: str, expected: str) -> None:
    assert cleaned(text, thought_form="plain")[0] == expected


@pytest.mark.parametrize(
    "text",
    [
        "The answer is 18.",
        "<think>\nWe add.\n</think>\n\nThe answer is 18.",
        "<think>We add and",
        "We add on and on and never say what it is.",
    ],
)
def test_what_has_no_two_parts_gets_no_tags(text: str) -> None:
    assert cleaned(text, thought_form="think_tags")[0] == text


@pytest.mark.parametrize(
    ("text", "answer", "kept"),
    [
        ("It is $\\boxed{220}$.\n\nQuestion:\nWhat is i^2?\nIt is $\\boxed{-1}$.", "220", "It is $\\boxed{220}$."),
        ("The answer is 3.\n\nNow solve the question.\n\nQuestion:\nFind y.", "3", "The answer is 3."),
        ("It is $\\boxed{5}$.\nNow it's your turn to solve a question! Here's the question:\n\nWhat is n?", "5", "It is $\\boxed{5}$."),
    ],
)
def test_what_runs_on_is_cut_at_the_answer(text: str, answer: str, kept: str) -> None:
    assert cleaned(text, answer) == (kept, "cut")


def test_what_was_judged_by_another_answer_is_refused() -> None:
    found = CleanAttempt()(record("It is $\\boxed{220}$.\n\nQuestion:\nWhat is i^2?\nIt is $\\boxed{-1}$.", "-1"))
    assert isinstance(found, Reject)
    assert (found.reason, found.detail) == (
        "runs_on",
        "it was judged by '-1', which is not the answer before 'Question:\\nWhat is i^2?\\nIt is $\\\\boxed{-1}$.'",
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It is \\boxed{18}.\\] ~Someone12", "It is \\boxed{18}.\\]"),
        ("It is $\\boxed{18}$ . <br/> ~some_one", "It is $\\boxed{18}$ ."),
        ("It is \\boxed{18}.\n~someone", "It is \\boxed{18}."),
        ("So x ~ 18", "So x ~ 18"),
        ("It is about ~18", "It is about ~18"),
        ("So $\\boxed{18}$ is $\\pi$ ~18", "So $\\boxed{18}$ is $\\pi$ ~18"),
    ],
)
def test_the_writer_s_signature_is_taken_off(text: str, expected: str) -> None:
    assert cleaned(text)[0] == expected


def test_errors_say_what_is_wrong() -> None:
    for fields, message in (
        ({"calculator": "eat"}, "calculator is 'eat', expected strip, keep"),
        ({"final": "gold"}, "final is 'gold', expected as_written, boxed, sentence"),
        ({"thought_form": "loud"}, "thought_form is 'loud', expected as_written, think_tags, plain"),
    ):
        with pytest.raises(ValueError, match=message):
            CleanAttempt(**fields)
    found = CleanAttempt()(record(" "))
    assert isinstance(found, Reject)
    assert (found.reason, found.detail) == ("no_attempt", "17 characters of question and 0 of attempt")
