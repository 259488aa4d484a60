"""What is kept of a pool, with every reason and the nearest attempt that has none."""

from __future__ import annotations

import pytest

from processors.attempts import thought
from processors.attempts.keep import KeepDifficulty, KeepRight, KeepThought
from processors.attempts.measure import PASS_RATIO, RIGHT_COUNT, WRONG_COUNT
from processors.attempts.problem import ANSWER, CAUSE, DOMAIN, REFERENCE, VERDICT, VERIFIER, WHY
from processors.attempts.thought import MeasureThought
from processors.verify.verdict import CANNOT_TELL, DIFFERENT, EQUAL, FAILED, NO_ANSWER, RIGHT, TIMEOUT, UNREADABLE, UNSAFE, WRONG
from schemas.outcome import Reject
from schemas.parts import Text
from schemas.records import Conversation, FactValue, Origin, Turn

GOOD = "We sell 16 - 3 - 4 = 9 eggs.\nThat makes 9 * 2 = 18 dollars a day.\nThe answer is 18."


def record(attempt: str = GOOD, prompt: str = "How many dollars?", facts: dict[str, FactValue] | None = None) -> Conversation:
    return Conversation("k", Origin("s"), (Turn("user", (Text(prompt),)), Turn("assistant", (Text(attempt),), True)), facts or {})


def judged(value: str, cause: str, why: str) -> Conversation:
    return record(facts={VERDICT.name: value, CAUSE.name: cause, WHY.name: why})


def told(found: Conversation | Reject) -> tuple[str, str]:
    return (found.reason, found.detail) if isinstance(found, Reject) else ("", "")


@pytest.mark.parametrize(
    ("value", "cause", "reason", "undecided"),
    [
        (RIGHT, EQUAL, "", ""),
        (WRONG, DIFFERENT, "wrong_answer", "wrong_answer"),
        (WRONG, FAILED, "wrong_answer", "wrong_answer"),
        (WRONG, NO_ANSWER, "no_answer", "no_answer"),
        (CANNOT_TELL, NO_ANSWER, "no_answer", "no_answer"),
        (WRONG, TIMEOUT, "timeout", "timeout"),
        (CANNOT_TELL, TIMEOUT, "timeout", "timeout"),
        (WRONG, UNSAFE, "unsafe_code", "unsafe_code"),
        (CANNOT_TELL, UNREADABLE, "cannot_tell", ""),
        (CANNOT_TELL, "not_judged", "cannot_tell", ""),
    ],
)
def test_right_ones_are_kept(value: str, cause: str, reason: str, undecided: str) -> None:
    one = judged(value, cause, "so it was")
    assert told(KeepRight()(one)) == ((reason, "so it was") if reason else ("", ""))
    assert told(KeepRight(allow_undecided=True)(one))[0] == undecided
    assert told(KeepRight()(judged(value, cause, ""))) == ((reason, cause) if reason else ("", ""))


# ---- thoughts

SENTENCE = "Wait, let me check the second equation again. "


def measured(attempt: str, prompt: str = "How many dollars?", domain: str = "maths", answer: str = "18") -> Conversation:
    facts: dict[str, FactValue] = {
        DOMAIN.name: domain,
        ANSWER.name: answer,
        VERIFIER.name: "maths",
        REFERENCE.name: f'{{"answer":"{answer}"}}',
    }
    found = MeasureThought()(record(attempt, prompt, facts))
    assert isinstance(found, Conversation)
    return found


SPANISH = "Primero escribimos la ecuación que nos da el problema y después miramos lo que sigue cuando dividimos ambos lados por el mismo número. "
ENGLISH = "We first write the equation that the problem gives us, and then we look at what follows when both sides are divided by the same number. "


@pytest.mark.parametrize(
    ("one", "reason", "detail"),
    [
        (measured(GOOD), "", ""),
        (
            measured(GOOD + "\nWe multiply by two to ensure that"),
            "truncated",
            "the last line breaks off: 'We multiply by two to ensure that'",
        ),
        (measured(SENTENCE * 9 + GOOD), "looping", "79% of its words, 9 times: wait let me check the second equation again"),
        (measured(SENTENCE * 4 + GOOD), "", ""),
        (measured("因此 " + GOOD), "mixed_languages", "12.77% of the letters, such as 因此, expected 0.20% or less"),
        (measured("因此 " + GOOD, prompt="How many dollars (因此)?"), "", ""),
        (measured(SPANISH * 2, prompt=ENGLISH * 2, domain="other"), "", ""),  # a translation
        (measured(SPANISH * 2, prompt=ENGLISH * 2), "mixed_languages", "the thought is in es, the problem in en"),
        (
            measured(
                SPANISH * 2, prompt="¿Cuántos días tardan los obreros en levantar la pared si cada uno trabaja ocho horas al día? " * 3
            ),
            "",
            "",
        ),
        (measured(GOOD, prompt="How many? The answer is 18."), "answer_leaked", "How many? The answer is 18."),
        (measured(GOOD, prompt="How many of 18?"), "", ""),
        (measured("The reference answer is 18.\n" + GOOD), "peeks", "The reference answer is 18. We sell 16 - 3 - 4 = 9"),
        (
            measured("I'm sorry, but I can't help with that.", answer=""),
            "refusal",
            "it declines in its first sentences and gives no final answer",
        ),
        (measured(GOOD + "\n\nQuestion: What is 3 + 4?"), "runs_on", "Question: What is 3 + 4?"),
        (measured("We get it.\nThe answer is 18."), "too_short", "3 words, expected 5 or more"),
        (measured("We get it at once.\nThe answer is 18."), "", ""),
        (measured("    return 18", domain="code"), "", ""),
        (measured("word " * 1_000 + "and more.\nThe answer is 18."), "looping", "99% of its words, 1000 times: word"),
        (measured(" ".join(f"word{n}." for n in range(99)) + "\nThe answer is 18."), "too_long", "99 words, expected 98 or fewer"),
        (measured(" ".join(f"word{n}." for n in range(98)) + "\nThe answer is 18."), "", ""),
    ],
)
def test_whole_thoughts_are_kept(one: Conversation, reason: str, detail: str) -> None:
    assert told(KeepThought(min_words=5, max_words=98)(one)) == (reason, detail)


def test_bounds_are_fields() -> None:
    mixed, spanish, loop = measured("因此 " + GOOD), measured(SPANISH * 2, prompt=ENGLISH * 2), measured(SENTENCE * 9 + GOOD)
    assert [told(KeepThought()(one))[0] for one in (mixed, spanish, loop)] == ["mixed_languages", "mixed_languages", "looping"]
    lax = KeepThought(max_mixed_ratio=0.2, same_language=False, max_repeated_ratio=0.9)
    assert [told(lax(one))[0] for one in (mixed, spanish, loop)] == ["", "", ""]
    assert told(KeepThought()(measured("The answer is 18.")))[0] == ""


def test_all_of_its_facts_are_measured_by_one_step() -> None:
    assert set(KeepThought.reads) == {DOMAIN, VERDICT, *thought.THOUGHT_FACTS}


# ---- difficulty


def problem(right: int, wrong: int) -> Conversation:
    ratio: dict[str, FactValue] = {PASS_RATIO.name: right / (right + wrong)} if right + wrong else {}
    return record(facts={RIGHT_COUNT.name: right, WRONG_COUNT.name: wrong} | ratio)


@pytest.mark.parametrize(
    ("right", "wrong", "reason", "detail"),
    [
        (4, 0, "all_right", "pass ratio 1.000 of 4 attempts, expected 0.25 to 0.8"),
        (9, 1, "too_easy", "pass ratio 0.900 of 10 attempts, expected 0.25 to 0.8"),
        (4, 1, "", ""),
        (1, 3, "", ""),
        (1, 4, "too_hard", "pass ratio 0.200 of 5 attempts, expected 0.25 to 0.8"),
        (0, 4, "all_wrong", "pass ratio 0.000 of 4 attempts, expected 0.25 to 0.8"),
        (1, 0, "", ""),  # one attempt tells nothing
        (0, 0, "", ""),
    ],
)
def test_difficulty_is_bounded(right: int, wrong: int, reason: str, detail: str) -> None:
    assert told(KeepDifficulty(0.25, 0.8)(problem(right, wrong))) == (reason, detail)
    assert told(KeepDifficulty()(problem(right, wrong))) == ("", "")


def test_bounds_of_difficulty_are_checked() -> None:
    assert told(KeepDifficulty(0.0, 0.8, min_decided=1)(problem(1, 0)))[0] == "all_right"
    with pytest.raises(ValueError, match=r"pass ratios are 0\.5 to 0\.2, expected 0 <= min <= max <= 1"):
        KeepDifficulty(0.5, 0.2)
