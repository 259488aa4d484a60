"""Attempts as documents: both sides as they are, facts and parents kept, one framing a problem."""

from __future__ import annotations

import pytest

from processors.attempts.document import FRAMINGS, HEADS, CotDocument, frame_text, head_for
from processors.attempts.problem import DOMAIN, PROBLEM
from schemas.outcome import Reject
from schemas.parts import Image, Text
from schemas.records import Conversation, Document, Origin, Turn

PROMPT = '\n\ndef half(x):\n    """Half of x."""\n'


def record(prompt: str, attempt: str, system: str = "", problem: str = "p", domain: str = "maths") -> Conversation:
    turns = (Turn("user", (Text(prompt),)), Turn("assistant", (Text(attempt),), True))
    told = (Turn("system", (Text(system),)),) if system else ()
    return Conversation(
        "k/3", Origin("s", "r", "MIT", "l"), (*told, *turns), {PROBLEM.name: problem, DOMAIN.name: domain, "a.b": 1}, ("k",)
    )


def document(found: Document | Reject) -> Document:
    assert isinstance(found, Document)
    return found


@pytest.mark.parametrize(
    ("framing", "text"),
    [
        ("plain", "What is 6 x 7?\n\nSix sevens.\nThe answer is 42."),
        ("headed", "Problem\n\nWhat is 6 x 7?\n\nSolution\n\nSix sevens.\nThe answer is 42."),
    ],
)
def test_a_document_is_problem_and_attempt(framing: str, text: str) -> None:
    given = record("What is 6 x 7?\n", "\nSix sevens.\nThe answer is 42.\n")
    assert document(CotDocument(framing)(given)) == Document("k/3", given.origin, text, given.facts, ("k",))


def test_a_system_message_stands_before_the_problem() -> None:
    assert document(CotDocument()(record("What?", "That.", "Think well."))).text == "Think well.\n\nWhat?\n\nThat."


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_completion_follows_its_prompt_at_once(framing: str) -> None:
    found = document(CotDocument(framing)(record(PROMPT, "    return x / 2\n", domain="code")))
    assert found.text == 'def half(x):\n    """Half of x."""\n    return x / 2'


@pytest.mark.parametrize("framing", FRAMINGS)
def test_an_attempt_that_says_the_problem_again_stands_alone(framing: str) -> None:
    attempt = 'def half(x):\n    """Half of x."""\n    return x / 2'
    assert document(CotDocument(framing)(record(PROMPT, attempt, domain="code"))).text == attempt


def test_framings_vary_by_problem_and_seed_alone() -> None:
    texts = {document(CotDocument("varied", 1)(record("What?", "That.", problem=f"p{number}"))).text for number in range(200)}
    assert texts == {frame_text("What?", "That.", head) for head in HEADS}
    assert [head_for("varied", 1, f"p{number}") for number in range(9)] != [head_for("varied", 2, f"p{number}") for number in range(9)]
    one, other = (document(CotDocument("varied", 1)(record("What?", attempt, problem="p"))).text for attempt in ("This.", "That."))
    assert one.removesuffix("This.") == other.removesuffix("That.")


@pytest.mark.parametrize("head", HEADS)
def test_both_sides_are_whole_in_every_framing(head: tuple[str, str]) -> None:
    text = frame_text("What is\n  6 x 7?", "Six  sevens.\n\n42", head)
    assert (text.count("What is\n  6 x 7?"), text.count("Six  sevens.\n\n42")) == (1, 1)


def test_what_is_no_text_is_refused() -> None:
    given = record("What?", "That.")
    for turns, detail in (
        ((Turn("user", (Image(),)), given.turns[1]), "expected text turns and an assistant's turn at the end"),
        (given.turns[:1], "expected text turns and an assistant's turn at the end"),
        ((given.turns[0], Turn("assistant", (Text(" "),), True)), "5 characters of question and 0 of attempt"),
    ):
        found = CotDocument()(Conversation("k", given.origin, turns, given.facts))
        assert isinstance(found, Reject)
        assert (found.reason, found.detail) == ("no_attempt", detail)
    with pytest.raises(ValueError, match="framing is 'wild', expected plain, headed, varied"):
        CotDocument("wild")
