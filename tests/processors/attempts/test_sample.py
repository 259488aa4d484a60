"""Sampling in rounds: what is asked, how often, what comes of each reply, and that nothing of the reference is told.

The model is a small engine of ours that answers from the prompt alone; the step runs in the runner of the product, with its replies kept.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from pipelines.feed import LocalCaller, Tally, feed
from pipelines.recipe import describe
from pipelines.step import ask
from processors.attempts.problem import Attempt, Problem, attempts_of, problem_of, with_attempts
from processors.attempts.read import ProblemTask
from processors.attempts.sample import MAX_FEEDBACK_CHARS, SampleAttempts, mention_of_attempt, shortened, wrong_attempts
from processors.attempts.sample_prompts import FINDINGS, FORMS, THINK, finding, request
from processors.attempts.verify import VerifyAttempts
from processors.tasks.writing import Prompt, Reply
from processors.verify.verdict import CANNOT_TELL, RIGHT, WRONG, Verdict
from schemas.records import Origin, Row
from schemas.replies import Replies
from tests.processors.attempts.planted_problems import planted_rows


@dataclass(frozen=True)
class Echo:
    """An engine that answers with the number of the sample, and notes what it was asked."""

    asked: list[Prompt]
    name: str = "echo"
    say: Callable[[Prompt], str | Reply] = lambda prompt: f"sample {prompt.sample}"

    def identity(self) -> str:
        return self.name

    @contextlib.contextmanager
    def open(self) -> Iterator[Callable[[list[Prompt]], list[str | Reply]]]:
        def write(prompts: list[Prompt]) -> list[str | Reply]:
            self.asked.extend(prompts)
            return [self.say(prompt) for prompt in prompts]

        yield write


def problem_row(*attempts: Attempt, **fields: Any) -> Row:
    row = ProblemTask()(Row("k", Origin("s"), {"problem": "How many?", "answer": "40", **fields}))
    assert isinstance(row, Row)
    return with_attempts(row, (*attempts_of(row), *attempts))


def judged(text: str, value: str, **told: Any) -> Attempt:
    return Attempt(text, told.pop("sampler", "echo"), verdict=Verdict(value, told.pop("cause", "different"), "40 was expected"), **told)


def run(step: SampleAttempts, rows: list[Row], replies: Replies | None = None) -> tuple[list[Row], Tally]:
    """The rows that the runner gives, with every check that it makes."""
    tally = Tally("sample")
    with step.open() as answer:
        caller = LocalCaller(answer)
        found = list(feed(ask(step), tally, rows, {}, caller, replies or Replies()))
    assert not tally.rows
    return found, tally  # type: ignore[return-value]


# ---- how often


def test_the_first_round_asks_each_problem() -> None:
    engine = Echo([])
    (row,), tally = run(SampleAttempts(engine, num_samples=3), [problem_row()])
    assert [(one.text, one.sampler, one.sample, one.round, one.corrects) for one in attempts_of(row)] == [
        (f"sample {number}", "echo", number, 0, "") for number in range(3)
    ]
    assert tally.num_asked == 3
    assert {prompt.text for prompt in engine.asked} == {"How many?\n\nThink step by step. Put your final answer in \\boxed{}."}
    assert len({prompt.digest() for prompt in engine.asked}) == 3


def test_a_problem_with_enough_right_attempts_passes_without_a_question() -> None:
    engine = Echo([])
    done, open_ = problem_row(judged("a", RIGHT, sampler="given")), problem_row(judged("a", WRONG, sampler="given"))
    rows, tally = run(SampleAttempts(engine, num_samples=2, round=1), [done, open_])
    assert rows[0] == done
    assert [len(attempts_of(row)) for row in rows] == [1, 3]
    assert (tally.num_asked, tally.num_in, tally.num_out) == (2, 2, 2)
    assert run(SampleAttempts(engine, num_samples=2, round=1, min_right=2), [done])[1].num_asked == 2


def test_the_sources_own_solution_is_no_attempt_of_a_model() -> None:
    row = problem_row(judged("a", RIGHT, sampler="reference"))
    assert len(SampleAttempts(Echo([]), num_samples=2).questions(row)) == 2


def test_rounds_go_on_counting_within_the_budget() -> None:
    engine = Echo([])
    row = problem_row()
    for number in range(4):
        (row,), _ = run(SampleAttempts(engine, num_samples=3, round=number, max_samples=7), [row])
    assert [(one.round, one.sample) for one in attempts_of(row)] == [(0, 0), (0, 1), (0, 2), (1, 3), (1, 4), (1, 5), (2, 6)]
    assert len({prompt.digest() for prompt in engine.asked}) == 7


def test_replies_that_are_kept_are_not_asked_for_again() -> None:
    engine, replies = Echo([]), Replies()
    first, _ = run(SampleAttempts(engine, num_samples=3), [problem_row()], replies)
    again, tally = run(SampleAttempts(engine, num_samples=3), [problem_row()], replies)
    assert first == again
    assert (len(engine.asked), tally.num_asked, tally.num_known) == (3, 0, 3)


@dataclass(frozen=True)
class Keeping(Echo):
    """An engine that hands over each reply the moment it has it, and then breaks."""

    keeps_replies = True

    @contextlib.contextmanager
    def open(
        self, keep: Callable[[Prompt, Reply], None] = lambda prompt, reply: None, folder: Path | None = None
    ) -> Iterator[Callable[[list[Prompt]], list[str | Reply]]]:
        def write(prompts: list[Prompt]) -> list[str | Reply]:
            for prompt in prompts:
                keep(prompt, Reply(f"sample {prompt.sample}"))
            raise KeyboardInterrupt

        yield write


def test_replies_of_a_call_that_broke_off_are_kept_where_the_runner_looks_for_them() -> None:
    replies, step = Replies(), SampleAttempts(Keeping([]), num_samples=2)
    with step.open(replies) as write, pytest.raises(KeyboardInterrupt):
        write(step.questions(problem_row()))
    (row,), tally = run(SampleAttempts(Echo([]), num_samples=2), [problem_row()], replies)
    assert (tally.num_asked, tally.num_known) == (0, 2)
    assert [one.text for one in attempts_of(row)] == ["sample 0", "sample 1"]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"num_samples": 0}, "num_samples is 0, expected 1 or more"),
        ({"round": -1}, "round is -1, expected 0 or more"),
        ({"min_right": 0}, "min_right is 0, expected 1 or more"),
        ({"feedback": "all"}, "feedback is 'all', expected none or wrong_attempt"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        SampleAttempts(Echo([]), **options)


# ---- what comes of a reply


def test_every_reply_becomes_an_attempt() -> None:
    said: list[str | Reply] = [
        Reply("half of", "cut at max_tokens"),
        Reply("", "declined by the model: no"),
        Reply("It is \\boxed{40}."),
        "plain",
    ]
    step = SampleAttempts(Echo([], say=lambda prompt: said[prompt.sample]), num_samples=4)
    (row,), _ = run(step, [problem_row()])
    assert [(one.text, one.cut) for one in attempts_of(row)] == [
        ("half of", "cut at max_tokens"),
        ("", "declined by the model: no"),
        ("It is \\boxed{40}.", ""),
        ("plain", ""),
    ]
    assert all(one.verdict is None for one in attempts_of(row))


def test_a_reply_beyond_the_bound_says_so() -> None:
    step = SampleAttempts(Echo([], say=lambda prompt: "x" * (9 + prompt.sample)), num_samples=2, max_attempt_chars=9)
    (row,), _ = run(step, [problem_row()])
    assert [(len(one.text), one.cut) for one in attempts_of(row)] == [(9, ""), (0, "10 characters, at most 9 are kept")]


# ---- wrong attempts fed back


def test_a_wrong_attempt_is_shown_and_named() -> None:
    wrong = judged("6 + 7 = 13, so \\boxed{13}.", WRONG, sampler="given", answer="13")
    engine = Echo([])
    (row,), _ = run(SampleAttempts(engine, num_samples=1, round=1, feedback="wrong_attempt"), [problem_row(wrong)])
    (prompt,) = engine.asked
    assert wrong.text in prompt.text
    assert "Its final answer, 13, is not right." in prompt.text
    assert attempts_of(row)[-1].corrects == wrong.text_digest()
    assert attempts_of(row)[-1].round == 1


def test_the_reference_is_never_told() -> None:
    for row in planted_rows():
        read = ProblemTask(with_reference_solution=False)(row)
        assert isinstance(read, Row)
        problem, told = problem_of(read), json.loads(problem_of(read).judged_by)
        wrong = replace(attempts_of(read)[1], verdict=Verdict(WRONG, "different", f"expected {told}"), answer="nothing like it")
        step = SampleAttempts(Echo([]), num_samples=3, round=1, feedback="wrong_attempt", varied=True)
        for question in step.questions(with_attempts(read, [wrong])):
            beside = question.text.replace(problem.text, "").replace(wrong.text, "")
            for secret in (told.get("answer"), *told.get("answers", ()), told.get("tests"), json.dumps(told.get("accepted"))):
                assert not secret or secret == "null" or len(secret) == 1 or secret not in beside + question.system
            if problem.verifier == "choice":
                assert f"Answer: {told['answer']}" not in beside


def test_rounds_between_which_answers_are_verified() -> None:
    engine = Echo([], say=lambda prompt: "It is \\boxed{40}." if "13, is not right" in prompt.text else f"{prompt.sample}: \\boxed{{13}}")
    row = problem_row()
    for number in range(3):
        (row,), _ = run(SampleAttempts(engine, num_samples=2, round=number, feedback="wrong_attempt"), [row])
        row = VerifyAttempts()(row)
    found = attempts_of(row)
    assert [(one.round, one.verdict.value if one.verdict else "", bool(one.corrects)) for one in found] == [
        *((0, WRONG, False), (0, WRONG, False)),
        *((1, RIGHT, True), (1, RIGHT, True)),
    ]
    assert [one.corrects for one in found[2:]] == [one.text_digest() for one in found[:2]]


def test_only_attempts_that_are_known_to_be_wrong_are_shown() -> None:
    unknown, empty, cut = judged("a", CANNOT_TELL), judged(" ", WRONG), judged("b", WRONG, cut="cut at max_tokens")
    step = SampleAttempts(Echo([]), num_samples=1, round=1, feedback="wrong_attempt")
    (question,) = step.plan(problem_row(unknown, empty, cut))
    assert (question.corrects, "attempt" in question.prompt.text) == ("", False)
    assert [
        one.text for one in wrong_attempts([unknown, judged("c", WRONG), judged("d", WRONG, round=1), judged("c", WRONG, sample=1)])
    ] == ["d", "c"]


def test_wrong_attempts_take_turns() -> None:
    row = problem_row(judged("first", WRONG), judged("second", WRONG, sample=1))
    plan = SampleAttempts(Echo([]), num_samples=3, round=1, feedback="wrong_attempt").plan(row)
    assert [question.corrects for question in plan] == [judged(text, WRONG).text_digest() for text in ("first", "second", "first")]


def test_a_correction_that_speaks_of_the_attempt_is_not_judged() -> None:
    says = "In the previous attempt the boxes were added. The right way is 6 * 7 - 2, so \\boxed{40}."
    step = SampleAttempts(Echo([], say=lambda prompt: says), num_samples=1, round=1, feedback="wrong_attempt")
    (row,), _ = run(step, [problem_row(judged("13", WRONG))])
    verdict = attempts_of(row)[-1].verdict
    assert verdict == Verdict(CANNOT_TELL, "mentions_attempt", "the text speaks of the attempt that it corrects: 'previous attempt'")
    fresh, _ = run(SampleAttempts(Echo([], say=lambda prompt: says), num_samples=1, round=1), [problem_row(judged("13", WRONG))])
    assert attempts_of(fresh[0])[-1].verdict is None


@pytest.mark.parametrize(
    "text",
    [
        "The earlier attempt forgot a box.",
        "The mistake in the attempt is that it adds.",
        "The attempt fails at the first step.",
        "Your attempt is wrong since 6 * 7 = 42.",
        "Here is the corrected solution: 40.",
        "Unlike the wrong solution, we multiply.",
        "The previous answer of 13 cannot be right.",
        "<attempt>13</attempt>",
        "Let us see where the solution goes wrong.",
        "The incorrect code squares each number.",
    ],
)
def test_texts_that_speak_of_an_attempt(text: str) -> None:
    assert mention_of_attempt(text)


@pytest.mark.parametrize(
    "text",
    [
        "The original solution holds 30 % acid, the given solution 10 %.",
        "Ada makes 3 attempts and hits once; what is her first score?",
        "Wait, that is wrong. Let me fix this step: 6 * 7 = 42.",
        "In the previous step we found x = 3.",
        "We attempt to factor the polynomial.",
        "The answer is 40.",
        "I made a mistake above; the sum is 12.",
        "The number of attempts is binomial.",
    ],
)
def test_texts_that_speak_of_the_problem_alone(text: str) -> None:
    assert mention_of_attempt(text) == ""


def test_a_long_wrong_attempt_is_shown_in_part() -> None:
    assert shortened("<think>\nlong\n</think>\n\nIt is 13.") == "It is 13."
    assert shortened("<think>\nnever ends") == "<think>\nnever ends"
    cut = shortened("a" * MAX_FEEDBACK_CHARS + "b" * MAX_FEEDBACK_CHARS)
    assert (cut[0], cut[-1], len(cut)) == ("a", "b", MAX_FEEDBACK_CHARS + len("\n[...]\n"))


# ---- wordings


def _problem(verifier: str, **judged_by: Any) -> Problem:
    return Problem("p", verifier, json.dumps(judged_by), "other")


@pytest.mark.parametrize(
    ("problem", "asks"),
    [
        (_problem("maths", answer="1"), "\\boxed{}"),
        (_problem("choice", answer="A", choices=["x", "y"]), "Answer: X"),
        (_problem("exact", answers=["x"]), "Answer: ..."),
        (_problem("regex", pattern="x"), "Answer: ..."),
        (_problem("calls", tools=[], accepted=[]), "JSON list"),
        (_problem("code", form="check", entry_point="add", language="python"), "the whole function `add`, in one ```python block"),
        (_problem("code", form="stdin", language="cpp"), "whole program in one ```cpp block"),
        (_problem("judge", answer="x"), "Then give your answer."),
        (_problem("none"), "Then give your answer."),
    ],
)
def test_each_verifier_has_its_form(problem: Problem, asks: str) -> None:
    told = request(problem, 0, False, 0)
    assert told.startswith("Think step by step. ")
    assert asks in told
    assert "{name}" not in told
    assert request(problem, 7, False, 3) == told


def test_wordings_vary_by_seed_problem_and_sample() -> None:
    problem = _problem("maths", answer="1")
    told = [request(problem, sample, True, 0) for sample in range(60)]
    assert told == [request(problem, sample, True, 0) for sample in range(60)]
    assert len(set(told)) == len(THINK) * len(FORMS["maths"])
    assert told != [request(problem, sample, True, 1) for sample in range(60)]
    assert told != [request(replace(problem, text="q"), sample, True, 0) for sample in range(60)]


def test_findings_tell_no_more_than_the_attempt_itself() -> None:
    assert finding(_problem("maths"), " 13 ", "different") == "Its final answer, 13, is not right."
    assert finding(_problem("maths"), "", "different") == "Its answer is not right."
    assert finding(_problem("maths"), "x" * 201, "different") == "Its answer is not right."
    assert finding(_problem("code"), "def f", "timeout") == "Its code does not pass the tests of the problem: it takes too long."
    assert finding(_problem("code"), "def f", "failed") == "Its code does not pass the tests of the problem."
    assert finding(_problem("exact"), "{x}", "different") == "Its answer, {x}, is not right."
    assert "text" in FINDINGS


def test_functions_that_may_be_called_are_told() -> None:
    tools = [{"name": "add", "description": "Adds.", "parameters": {"type": "object", "properties": {}}}]
    row = replace(
        problem_row(),
        fields={"problem": replace(_problem("calls", tools=tools, accepted=[{"add": {}}]), system="Be brief."), "attempts": ()},
    )
    (question,) = SampleAttempts(Echo([]), num_samples=1).questions(row)
    assert question.system.startswith("Be brief.\n\nYou can call these functions, given as JSON:\n[{")
    assert "accepted" not in question.system + question.text


def test_the_wordings_are_part_of_what_decides_a_corpus() -> None:
    told = describe(replace(SampleAttempts(None, num_samples=1)))  # type: ignore[arg-type]
    assert isinstance(told, dict)
    assert len(told["templates"]) == 32
