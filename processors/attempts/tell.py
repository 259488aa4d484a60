"""From a problem with its attempts to the records of a pool: a conversation an attempt, right or wrong."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import ClassVar

from processors.attempts.problem import (
    ANSWER,
    ATTEMPT_FACTS,
    CAUSE,
    CORRECTS,
    DOMAIN,
    LABEL,
    LEVEL,
    PROBLEM,
    REFERENCE,
    ROUND,
    SAMPLE,
    SAMPLER,
    SOURCE_ID,
    TEXT_DIGEST,
    TOPIC,
    VERDICT,
    VERIFIER,
    WHY,
    Attempt,
    Problem,
    attempts_of,
    problem_of,
)
from processors.attempts.write_calls import CALLS, plain_calls
from processors.tools.schema import FORMS, read_tools, write_tools
from processors.verify.verdict import CANNOT_TELL, Verdict
from schemas.outcome import Reason, Reject
from schemas.parts import Part, Text, Tools
from schemas.records import Conversation, FactValue, Row, Turn

NO_ATTEMPTS = Reason("no_attempts", "The problem has no attempts, and no model was asked for any")
NOT_JUDGED = Verdict(CANNOT_TELL, "not_judged", "no verifier judged the attempt")


@dataclass(frozen=True, slots=True)
class TellAttempts:
    """Each attempt of a row becomes a conversation of the problem and the attempt, with the facts that a pool carries."""

    takes: ClassVar = (Row,)
    gives: ClassVar = Conversation
    reads: ClassVar = ()
    writes: ClassVar = ATTEMPT_FACTS
    reasons: ClassVar = (NO_ATTEMPTS,)
    version: ClassVar = 1

    def __call__(self, row: Row) -> list[Conversation] | Reject:
        problem, attempts = problem_of(row), attempts_of(row)
        if not attempts:
            return Reject(row.key, NO_ATTEMPTS.name, "the row holds none; give it samples, or a model to sample from")
        asked = (*_system(problem), Turn("user", (Text(problem.text),)))
        known = problem.digest()
        return [
            Conversation(
                row.key,
                row.origin,
                (*asked, Turn("assistant", (Text(_said(problem, attempt)),), True)),
                {**row.facts, **facts_of(problem, known, attempt)},
            )
            for attempt in attempts
        ]


def _system(problem: Problem) -> tuple[Turn, ...]:
    """The system message, with the tools of a problem of calls at its end."""
    told: tuple[Part, ...] = (Text(problem.system),) if problem.system else ()
    if problem.verifier == CALLS and (tools := json.loads(problem.judged_by).get("tools")):
        told = (*told, Tools(write_tools(read_tools(json.dumps(tools, ensure_ascii=False)), FORMS[0])))
    return (Turn("system", told),) if told else ()


def _said(problem: Problem, attempt: Attempt) -> str:
    return plain_calls(attempt.text) if problem.verifier == CALLS else attempt.text


def facts_of(problem: Problem, digest: str, attempt: Attempt) -> dict[str, FactValue]:
    """The facts of an attempt at a problem with this digest."""
    verdict = attempt.verdict or NOT_JUDGED
    return {
        PROBLEM.name: digest,
        SOURCE_ID.name: problem.source_id,
        DOMAIN.name: problem.domain,
        TOPIC.name: problem.topic,
        LEVEL.name: problem.level,
        VERIFIER.name: problem.verifier,
        VERDICT.name: verdict.value,
        CAUSE.name: verdict.cause,
        WHY.name: verdict.why,
        ANSWER.name: attempt.answer,
        REFERENCE.name: problem.judged_by,
        SAMPLER.name: attempt.sampler,
        SAMPLE.name: attempt.sample,
        ROUND.name: attempt.round,
        CORRECTS.name: attempt.corrects,
        TEXT_DIGEST.name: attempt.text_digest(),
        LABEL.name: attempt.label,
    }
