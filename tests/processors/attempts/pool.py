"""Attempts at one problem, made by hand, and the runner's own checks of a step that gathers them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from pipelines.feed import Tally, feed
from pipelines.step import gather
from processors.attempts.measure import MeasurePool
from processors.attempts.problem import ATTEMPT_FACTS, MATHS, PROBLEM, Attempt, Problem
from processors.attempts.tell import TellAttempts
from processors.verify.verdict import CANNOT_TELL, DIFFERENT, EQUAL, NO_ANSWER, RIGHT, UNREADABLE, WRONG, Verdict
from schemas.identity import canonical_json
from schemas.outcome import Reject
from schemas.records import Conversation, Origin, Record, Row
from schemas.replies import Replies

TRUTH = "12"
PROBLEM_OF_SUMS = Problem("What is 5 + 7?", "maths", canonical_json({"answer": TRUTH}), MATHS, source_id="sums/1")
VERDICTS = {
    RIGHT: Verdict(RIGHT, EQUAL, "equal to 12"),
    WRONG: Verdict(WRONG, DIFFERENT, "not equal to 12"),
    CANNOT_TELL: Verdict(CANNOT_TELL, UNREADABLE, "no form is known"),
    NO_ANSWER: Verdict(WRONG, NO_ANSWER, "it ends without an answer"),
}


def attempt(text: str, verdict: str = RIGHT, answer: str | None = None, sampler: str = "m", **fields: Any) -> Attempt:
    """`answer` is by default the last word of the text."""
    said = (text.split() or [""])[-1] if answer is None else answer
    return Attempt(text, sampler, answer=said, verdict=VERDICTS[verdict], **fields)


def pool(*attempts: Attempt, problem: Problem = PROBLEM_OF_SUMS, key: str = "p") -> list[Conversation]:
    """The pool's records of one problem, as TellAttempts makes them."""
    told = TellAttempts()(Row(key, Origin("sums", "1", "MIT", f"sums.jsonl#{key}"), {"problem": problem, "attempts": attempts}))
    assert not isinstance(told, Reject)
    return [replace(record, key=f"{key}/{number}") for number, record in enumerate(told)]


def measured(*attempts: Attempt, problem: Problem = PROBLEM_OF_SUMS) -> list[Conversation]:
    return [record for record in MeasurePool()(pool(*attempts, problem=problem)) if isinstance(record, Conversation)]


def run(processor: Any, records: Sequence[Record]) -> tuple[list[Any], dict[str, tuple[str, str]]]:
    """What a gathering step gives under the runner, which checks conservation, kinds, facts and reasons; refusals by key."""
    facts = [*ATTEMPT_FACTS, *MeasurePool.writes, *processor.writes]
    tally = Tally("step")
    step = gather(processor, by=PROBLEM)
    out = list(feed(step, tally, records, {fact.name: fact.type for fact in facts}, None, Replies(None)))  # type: ignore[arg-type]
    assert tally.num_faults == 0, tally.rows
    return out, {row["key"]: (row["reason"], row["detail"]) for row in tally.rows}


STEPS = ("5 and 7 make", "adding gives", "five plus seven is", "count on from 5 by 7:", "I guess", "so it is")


@st.composite
def attempts_of_any_kind(draw: st.DrawFn, max_size: int = 9) -> list[Attempt]:
    """Right, wrong, undecided and unanswered attempts of several rounds and samplers, some equal, some corrections."""
    made: list[Attempt] = []
    for _ in range(draw(st.integers(1, max_size))):
        verdict = draw(st.sampled_from(sorted(VERDICTS)))
        said = TRUTH if verdict == RIGHT else draw(st.sampled_from(("10", "11", "57")))
        steps = " ".join(STEPS[at] for at in draw(st.lists(st.integers(0, len(STEPS) - 1), min_size=1, max_size=4)))
        text = draw(st.sampled_from((steps, f"{steps} {said}", f"**{steps.upper()}** {said}.")))
        wrong = [one.text_digest() for one in made if one.verdict == VERDICTS[WRONG]]
        is_correction = draw(st.booleans())
        corrects = draw(st.sampled_from(wrong)) if wrong and is_correction else ""
        sampler = draw(st.sampled_from(("m", "n", "reference")))
        made.append(attempt(text, verdict, said, sampler, round=draw(st.integers(0, 2)), corrects=corrects))
    return made
