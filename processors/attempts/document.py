"""An attempt as a text to pre-train on: the problem, the thought and the answer, one after another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from processors.attempts.problem import DOMAIN, PROBLEM
from processors.attempts.thought import NO_ATTEMPT, ask_and_attempt
from schemas.identity import keyed_rng
from schemas.outcome import Refused, Reject
from schemas.records import Conversation, Document

PLAIN, HEADED, VARIED = "plain", "headed", "varied"
FRAMINGS = (PLAIN, HEADED, VARIED)
HEADS = (  # what stands before the problem, and between it and what follows
    ("", "\n\n"),
    ("Problem: ", "\n\nSolution: "),
    ("Problem\n\n", "\n\nSolution\n\n"),
    ("**Problem.** ", "\n\n**Solution.** "),
    ("# Problem\n\n", "\n\n# Solution\n\n"),
    ("Question: ", "\n\nAnswer: "),
    ("Question:\n", "\n\nAnswer:\n"),
    ("Q: ", "\n\nA: "),
    ("Exercise. ", "\n\nSolution. "),
    ("### Task\n\n", "\n\n### Reasoning and answer\n\n"),
)
_PLAIN, _HEADED = HEADS[0], HEADS[2]


def frame_text(problem: str, attempt: str, head: tuple[str, str]) -> str:
    """The text of a problem and an attempt at it. Both stay as they are, but for white space around them.

    A completion (its first line is indented) follows its prompt at once, and an attempt that says the whole problem again stands
    alone: framed, each would be text that nobody writes.
    """
    problem, attempt = problem.strip("\n").rstrip(), attempt.strip("\n").rstrip()
    if attempt[:1] in " \t":
        return f"{problem}\n{attempt}"
    if problem.strip() in attempt:
        return attempt
    return f"{head[0]}{problem.strip()}{head[1]}{attempt}"


def head_for(framing: str, seed: int, problem: str) -> tuple[str, str]:
    """The same for every attempt at a problem."""
    if framing != VARIED:
        return _PLAIN if framing == PLAIN else _HEADED
    return HEADS[int(keyed_rng(seed, "cot_document", problem).integers(len(HEADS)))]


@dataclass(frozen=True, slots=True)
class CotDocument:
    """A conversation of a problem and an attempt becomes a document.

    `framing`: `plain` puts an empty line between them, `headed` puts headings before them, `varied` one of ten framings by the problem.
    """

    framing: str = PLAIN
    seed: int = 0
    takes: ClassVar = (Conversation,)
    gives: ClassVar = Document
    reads: ClassVar = (PROBLEM, DOMAIN)
    writes: ClassVar = ()
    reasons: ClassVar = (NO_ATTEMPT,)
    version: ClassVar = 1

    def __post_init__(self) -> None:
        if self.framing not in FRAMINGS:
            raise ValueError(f"framing is {self.framing!r}, expected {', '.join(FRAMINGS)}")

    def __call__(self, record: Conversation) -> Document | Reject:
        try:
            problem, attempt = ask_and_attempt(record)
        except Refused as refused:
            return refused.reject(record.key)
        head = head_for(self.framing, self.seed, str(record.facts[PROBLEM.name]))
        return Document(record.key, record.origin, frame_text(problem, attempt, head), record.facts, record.parents)
