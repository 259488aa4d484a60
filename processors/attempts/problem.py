"""A problem, the attempts at it, and the facts that each attempt of a pool carries.

Through sampling and verification a problem is one row that holds all its attempts; then each attempt becomes a record of the pool: a
conversation of the problem and what was answered, right or wrong. Everything later is made from the pool's records alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from processors.verify.verdict import Verdict
from schemas.facts import Fact
from schemas.identity import digest
from schemas.records import Row

MATHS, CODE, LOGIC, TOOLS, OTHER = "maths", "code", "logic", "tools", "other"
DOMAINS = (MATHS, CODE, LOGIC, TOOLS, OTHER)
SOURCE_SAMPLER = "reference"  # the sampler of worked solutions that are the source's own

PROBLEM = Fact(
    "attempt.problem", str, "Digest of what is asked and of how answers are judged: attempts that share it answer the same problem"
)
SOURCE_ID = Fact("attempt.source_id", str, "The problem's name in its source, empty where it has none")
DOMAIN = Fact("attempt.domain", str, "What the problem asks for: maths, code, logic, tools or other")
TOPIC = Fact("attempt.topic", str, "The source's own name for the kind of problem, such as its subject; empty where it has none")
LEVEL = Fact("attempt.level", str, "The source's own word on how hard the problem is, empty where it has none")
VERIFIER = Fact("attempt.verifier", str, "How answers are judged: maths, choice, exact, regex, code, calls, judge or none")
VERDICT = Fact("attempt.verdict", str, "right, wrong or cannot_tell")
CAUSE = Fact("attempt.cause", str, "The kind of finding behind the verdict, such as equal, different, no_answer, failed, timeout")
WHY = Fact("attempt.why", str, "What the verifier found, in a sentence")
ANSWER = Fact("attempt.answer", str, "The final answer in the attempt, as written; of code, the program; empty where none was found")
REFERENCE = Fact("attempt.reference", str, "The reference answer, or the tests, as JSON: how the attempt was judged, and can be again")
SAMPLER = Fact("attempt.sampler", str, "Who wrote the attempt: a model's name, or the column that it came from")
SAMPLE = Fact("attempt.sample", int, "The attempt's number among those of its problem and sampler, from 0")
ROUND = Fact("attempt.round", int, "0 for the first sampling, then one more for each time that failed problems were sampled again")
CORRECTS = Fact("attempt.corrects", str, "Digest of the wrong attempt that this one was asked to correct, empty for a fresh one")
TEXT_DIGEST = Fact("attempt.text_digest", str, "Digest of the attempt's text")
LABEL = Fact(
    "attempt.label", str, "The source's own verdict on the attempt (right, wrong), empty where it has none; nothing is decided by it"
)
ATTEMPT_FACTS = (
    PROBLEM,
    SOURCE_ID,
    DOMAIN,
    TOPIC,
    LEVEL,
    VERIFIER,
    VERDICT,
    CAUSE,
    WHY,
    ANSWER,
    REFERENCE,
    SAMPLER,
    SAMPLE,
    ROUND,
    CORRECTS,
    TEXT_DIGEST,
    LABEL,
)


@dataclass(frozen=True, slots=True)
class Problem:
    """`judged_by` is what the verifier needs beside the answer (canonical JSON): a reference, choices, a pattern, tests, tools.

    Its form belongs to the verifier that `verifier` names; see processors/verify.
    """

    text: str
    verifier: str
    judged_by: str
    domain: str
    system: str = ""
    source_id: str = ""
    topic: str = ""
    level: str = ""

    def digest(self) -> str:
        """The same for the same problem, whichever file it comes from."""
        return digest("problem", self.system, self.text, self.verifier, self.judged_by)


@dataclass(frozen=True, slots=True)
class Attempt:
    """`verdict` is None until a verifier has spoken. `answer` is the final answer that was found in `text`."""

    text: str
    sampler: str
    sample: int = 0
    round: int = 0
    corrects: str = ""  # text digest of the wrong attempt that it was asked to correct
    label: str = ""
    answer: str = ""
    verdict: Verdict | None = None
    cut: str = ""  # why the text is no whole one (a bound, a filter), empty where it is

    def text_digest(self) -> str:
        return digest("attempt", self.text)


def problem_of(row: Row) -> Problem:
    """The problem of a row that ProblemTask has read."""
    found = row.fields["problem"]
    assert isinstance(found, Problem)
    return found


def attempts_of(row: Row) -> tuple[Attempt, ...]:
    found = row.fields["attempts"]
    assert isinstance(found, tuple)
    return found


def with_attempts(row: Row, attempts: Iterable[Attempt]) -> Row:
    return replace(row, fields={**row.fields, "attempts": tuple(attempts)})
