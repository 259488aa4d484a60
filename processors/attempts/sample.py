"""Asks a model for attempts at problems, again and again where too few of them are right, within a budget.

In the first round every problem is asked `num_samples` times. In later rounds only those of which too few attempts are right are: with the
same request and other sample numbers, or with one wrong attempt shown, which is the "wrong outputs fed back" of the Phi-4-mini report
(arXiv 2503.01743, section on reasoning): the new attempt names the one that it corrects, and has to read as if there had been none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import ClassVar

from processors.attempts.problem import SOURCE_SAMPLER, Attempt, Problem, attempts_of, problem_of, with_attempts
from processors.attempts.sample_prompts import TEMPLATES, WRONG, finding, request, system_text
from processors.tasks.writing import LlmEngine, Prompt, Reply, asking
from processors.verify import verdict
from processors.verify.verdict import CANNOT_TELL, RIGHT, Verdict
from schemas.records import Row
from schemas.replies import Replies

FRESH, WRONG_ATTEMPT = "none", "wrong_attempt"
FEEDBACKS = (FRESH, WRONG_ATTEMPT)
MENTIONS_ATTEMPT = "mentions_attempt"
MAX_FEEDBACK_CHARS = 20_000  # of a wrong attempt; of a longer one the beginning and the end are shown

_MENTION = re.compile(
    r"\b(?:previous|earlier|prior|original|first|initial|given|provided|above|last|wrong|incorrect|flawed|failed|your|my|the)\s+attempt\b"
    r"|\b(?:previous|earlier|prior|incorrect|wrong|flawed|failed)\s+(?:solution|answer|response|reasoning|calculation|code|implementation|try)\b"
    r"|\b(?:the|this|that|in|an)\s+attempt\s+(?:above|is|was|fails?|failed|makes?|made|has|had|uses?|used|forgets?|forgot|goes|went|gets?|got|says?)\b"
    r"|</?attempt>"
    r"|\b(?:corrected|fixed|revised)\s+(?:solution|version|answer|code|implementation|attempt)\b"
    r"|\bwhere\s+(?:it|the\s+(?:attempt|solution|code))\s+(?:fails?|failed|goes\s+wrong|went\s+wrong)\b",
    re.I,
)


def mention_of_attempt(text: str) -> str:
    """The words with which a text speaks of another attempt than itself, "" where it does not."""
    found = _MENTION.search(text)
    return " ".join(found[0].split()) if found else ""


@dataclass(frozen=True, slots=True)
class Question:
    """One attempt that is asked for: what the model is sent, its number, and the wrong attempt that it is to correct."""

    prompt: Prompt
    sample: int
    corrects: str = ""


@dataclass(frozen=True, slots=True)
class SampleAttempts:
    """An asking step that adds a model's attempts to a row; one that has enough right ones passes without a question.

    `round` is 0 for the first sampling. A problem is asked where fewer than `min_right` of its attempts, its source's own solutions aside,
    are known to be right, and never more than `max_samples` times over all rounds. Of a reply that is cut, refused or filtered the attempt's
    `cut` says so.
    """

    engine: LlmEngine
    num_samples: int = 4
    round: int = 0
    min_right: int = 1
    max_samples: int = 16
    feedback: str = FRESH
    varied: bool = False
    seed: int = 0
    max_tokens: int = 4_096
    max_attempt_chars: int = 400_000
    templates: str = field(default=TEMPLATES, init=False)
    takes: ClassVar = (Row,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = ()
    reasons: ClassVar = ()
    version: ClassVar = 1

    def __post_init__(self) -> None:
        for name, least in (
            ("num_samples", 1),
            ("round", 0),
            ("min_right", 1),
            ("max_samples", 1),
            ("max_tokens", 1),
            ("max_attempt_chars", 1),
        ):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}, expected {least} or more")
        if self.feedback not in FEEDBACKS:
            raise ValueError(f"feedback is {self.feedback!r}, expected {' or '.join(FEEDBACKS)}")

    @property
    def keeps_replies(self) -> bool:
        return getattr(self.engine, "keeps_replies", False)

    def identity(self) -> str:
        """What decides a reply beside the prompt, which holds the wording."""
        return self.engine.identity()

    def open(self, replies: Replies | None = None) -> AbstractContextManager[Callable[[list[Prompt]], list[bytes]]]:
        """With `replies` (for an engine that `keeps_replies`) each reply is kept as soon as it is there."""
        return asking(self.engine, replies)

    def questions(self, row: Row) -> list[Prompt]:
        return [question.prompt for question in self.plan(row)]

    def plan(self, row: Row) -> list[Question]:
        """What is asked for a row; nothing where it has enough right attempts, or its budget is spent."""
        problem, attempts = problem_of(row), attempts_of(row)
        tried = [attempt for attempt in attempts if attempt.sampler != SOURCE_SAMPLER]
        if sum(attempt.verdict is not None and attempt.verdict.value == RIGHT for attempt in tried) >= self.min_right:
            return []
        own = [attempt.sample for attempt in attempts if attempt.sampler == self.engine.name]
        first = max(own, default=-1) + 1
        number = max(0, min(self.num_samples, self.max_samples - len(own)))
        wrong = wrong_attempts(attempts) if self.round and self.feedback == WRONG_ATTEMPT else []
        return [self._question(problem, first + at, wrong[at % len(wrong)] if wrong else None) for at in range(number)]

    def _question(self, problem: Problem, sample: int, wrong: Attempt | None) -> Question:
        asked = request(problem, sample, self.varied, self.seed)
        text = f"{problem.text}\n\n{asked}"
        if wrong is not None:
            assert wrong.verdict is not None
            told = finding(problem, wrong.answer, wrong.verdict.cause)
            text = WRONG.format(problem=problem.text, attempt=shortened(wrong.text), finding=told, request=asked)
        prompt = Prompt(text, system_text(problem), self.max_tokens, sample=sample)
        return Question(prompt, sample, wrong.text_digest() if wrong is not None else "")

    def answer(self, row: Row, replies: list[bytes]) -> Row:
        plan = self.plan(row)
        new = [self._attempt(question, Reply.from_bytes(reply)) for question, reply in zip(plan, replies, strict=True)]
        return with_attempts(row, (*attempts_of(row), *new)) if new else row

    def _attempt(self, question: Question, reply: Reply) -> Attempt:
        text, cut, said = reply.text, reply.why, None
        if len(text) > self.max_attempt_chars:
            text, cut = "", f"{len(text):,} characters, at most {self.max_attempt_chars:,} are kept"
        mention = mention_of_attempt(text) if question.corrects else ""
        if mention:
            said = Verdict(CANNOT_TELL, MENTIONS_ATTEMPT, f"the text speaks of the attempt that it corrects: {mention!r}")
        return Attempt(text, self.engine.name, question.sample, self.round, question.corrects, verdict=said, cut=cut)


def wrong_attempts(attempts: Sequence[Attempt]) -> list[Attempt]:
    """Whole attempts that are known to be wrong, each text once, the last round's first."""
    wrong = [attempt for attempt in attempts if attempt.verdict is not None and attempt.verdict.value == verdict.WRONG]
    whole = [attempt for attempt in wrong if attempt.text.strip() and not attempt.cut]
    ordered = sorted(whole, key=lambda attempt: -attempt.round)
    return list({attempt.text: attempt for attempt in reversed(ordered)}.values())[::-1]


def shortened(text: str) -> str:
    """An attempt as it is shown again: without its thought, and of a long one the beginning and the end."""
    _, _, said = text.rpartition("</think>")
    said = (said if said.strip() else text).strip()
    half = MAX_FEEDBACK_CHARS // 2
    return said if len(said) <= MAX_FEEDBACK_CHARS else f"{said[:half]}\n[...]\n{said[-half:]}"
