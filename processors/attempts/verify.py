"""Verifies attempts by rule: the verifier that the problem names, for those that only need reading and comparing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from processors.attempts.problem import Attempt, attempts_of, problem_of, with_attempts
from processors.verify import calls, choice, match, maths
from processors.verify.verdict import CANNOT_TELL, NO_ANSWER, Verdict
from schemas.records import Row

Verify = Callable[[str, Mapping[str, Any]], tuple[str, Verdict]]
VERIFIERS: Mapping[str, Verify] = {
    "maths": maths.verify,
    "choice": choice.verify,
    "exact": match.verify_exact,
    "regex": match.verify_regex,
    "calls": calls.verify,
}
EMPTY = Verdict(CANNOT_TELL, NO_ANSWER, "the attempt is empty")


@dataclass(frozen=True, slots=True)
class VerifyAttempts:
    """Gives each attempt without a verdict the one of its problem's verifier; attempts that have to be run or judged by a model stay."""

    takes: ClassVar = (Row,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = ()
    reasons: ClassVar = ()
    version: ClassVar = 1

    def __call__(self, row: Row) -> Row:
        problem = problem_of(row)
        verify = VERIFIERS.get(problem.verifier)
        judged_by = {**json.loads(problem.judged_by), "problem": problem.text}  # it says whether percent, order or rounding is asked for
        return with_attempts(row, [_verified(attempt, verify, judged_by) for attempt in attempts_of(row)])


def _verified(attempt: Attempt, verify: Verify | None, judged_by: Mapping[str, Any]) -> Attempt:
    if attempt.verdict is not None:
        return attempt
    if not attempt.text.strip():
        return replace(attempt, verdict=EMPTY)
    if attempt.cut:
        return replace(attempt, verdict=Verdict(CANNOT_TELL, NO_ANSWER, f"the attempt is cut short: {attempt.cut}"))
    if verify is None:
        return attempt
    answer, verdict = verify(attempt.text, judged_by)
    return replace(attempt, answer=answer, verdict=verdict)
