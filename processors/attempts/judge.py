"""A model judges attempts that no rule can judge, or that rules left open. It never overrules a rule."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from processors.attempts.problem import Attempt, Problem, attempts_of, problem_of, with_attempts
from processors.tasks.writing import LlmEngine, Prompt, Reply, asking
from processors.verify.answer import final_answer, spoken_part
from processors.verify.judge import JUDGE_CAUSES, NO_JUDGEMENT, TOO_LONG_TO_JUDGE, judge_prompt, majority, read_judgement
from processors.verify.verdict import CANNOT_TELL, NO_ANSWER, Verdict
from schemas.outcome import Refused
from schemas.records import Row
from schemas.replies import Replies

JUDGE, CODE = "judge", "code"  # names of verifiers
UNDECIDED = "undecided"
ONLY = (JUDGE, UNDECIDED)


@dataclass(frozen=True, slots=True)
class JudgeAttempts:
    """Gives attempts the verdict of a model: an asking step, so that each reply is kept and never asked for twice.

    `only` is "judge": attempts at problems whose verifier is the judge; or "undecided": also those that a rule left `cannot_tell`,
    programs excepted, for which running is the only judge. Attempts that were cut, or say nothing after their thought, are not shown to it.
    Of several `votes` the majority holds; without one, or where no reply can be read, the verdict is `cannot_tell`, with its cause.
    Units: `max_attempt_chars` of the end of the attempt are shown; `max_tokens` bounds a reply.
    """

    engine: LlmEngine
    only: str = JUDGE
    votes: int = 1
    max_attempt_chars: int = 6_000
    max_tokens: int = 512
    takes: ClassVar = (Row,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = ()
    reasons: ClassVar = ()
    version: ClassVar = 1

    def __post_init__(self) -> None:
        if self.only not in ONLY:
            raise ValueError(f"only is {self.only!r}, expected {' or '.join(ONLY)}")
        for name in ("votes", "max_attempt_chars", "max_tokens"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected 1 or more")

    @property
    def keeps_replies(self) -> bool:
        return getattr(self.engine, "keeps_replies", False)

    def identity(self) -> str:
        return self.engine.identity()

    def open(self, replies: Replies | None = None) -> AbstractContextManager[Callable[[list[Prompt]], list[bytes]]]:
        return asking(self.engine, replies)

    def questions(self, row: Row) -> list[Prompt]:
        return [prompt for found in self._asked(row) if isinstance(found, list) for prompt in found]

    def answer(self, row: Row, replies: list[bytes]) -> Row:
        said = iter(replies)
        judged = []
        for attempt, found in zip(attempts_of(row), self._asked(row), strict=True):
            verdict = found
            if isinstance(found, list):
                verdict = majority([_vote(next(said)) for _ in found], self.engine.name)
            assert not isinstance(verdict, list)
            judged.append(attempt if verdict is attempt.verdict else replace(attempt, verdict=verdict, answer=_answer(attempt)))
        return with_attempts(row, judged)

    def _asked(self, row: Row) -> Iterator[list[Prompt] | Verdict | None]:
        """For each attempt its prompts, one a vote; or the verdict that needs none."""
        problem = problem_of(row)
        judged_by = json.loads(problem.judged_by)
        for attempt in attempts_of(row):
            yield self._prompts(problem, judged_by, attempt) if self._is_due(problem, attempt) else attempt.verdict

    def _is_due(self, problem: Problem, attempt: Attempt) -> bool:
        if attempt.verdict is None:
            return problem.verifier == JUDGE or (self.only == UNDECIDED and problem.verifier != CODE)
        is_open = attempt.verdict.value == CANNOT_TELL and attempt.verdict.cause not in JUDGE_CAUSES
        return self.only == UNDECIDED and is_open and problem.verifier != CODE

    def _prompts(self, problem: Problem, judged_by: Mapping[str, Any], attempt: Attempt) -> list[Prompt] | Verdict:
        if attempt.cut:
            return attempt.verdict or Verdict(CANNOT_TELL, NO_ANSWER, f"the attempt is cut short: {attempt.cut}")
        if not spoken_part(attempt.text).strip():
            return attempt.verdict or Verdict(CANNOT_TELL, NO_ANSWER, "the attempt says nothing, or nothing after its thought")
        asked = f"{problem.system}\n\n{problem.text}".strip()
        try:
            first = judge_prompt(asked, judged_by, attempt.text, 0, self.max_attempt_chars, self.max_tokens)
        except ValueError as error:
            return Verdict(CANNOT_TELL, TOO_LONG_TO_JUDGE, str(error))
        return [replace(first, sample=sample) for sample in range(self.votes)]


def _vote(kept: bytes) -> Verdict:
    reply = Reply.from_bytes(kept)
    if reply.why:
        return Verdict(CANNOT_TELL, NO_JUDGEMENT, f"{reply.why}; the reply starts {reply.text[:60]!r}")
    try:
        return read_judgement(reply.text)
    except Refused as refused:
        return Verdict(CANNOT_TELL, NO_JUDGEMENT, refused.detail)


def _answer(attempt: Attempt) -> str:
    found = final_answer(attempt.text) if not attempt.answer else None
    return found.text if found else attempt.answer
