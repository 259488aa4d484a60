"""Questions about pictures whose answers are computed: the answer, how it came to be, and the program that gives it again.

A record keeps, as facts, the truth that it was made from and a program for each learned answer. An answer can then be
computed once more from what is stored, by whoever doubts it, and `CheckAnswers` does so before the record is written.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from schemas.facts import Fact
from schemas.identity import keyed_rng
from schemas.parts import Image, Text
from schemas.records import Conversation, FactValue, Row, Turn

HOW = Fact(
    "answer.how", str, "How each learned answer came to be, in order, by spaces: given, written, or kind:program, as in table:argmax"
)
TRUTH = Fact(
    "answer.truth", str, "JSON of what the answers are computed from, by kind (table, boxes, fields, ...); empty when none is computed"
)
PROGRAMS = Fact(
    "answer.programs", str, "JSON list: for each learned answer its program, an object with kind and op; null where it is not computed"
)
ASKED_FACTS = (HOW, TRUTH, PROGRAMS)

GIVEN, WRITTEN = "given", "written"


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and its answer. `program` computes the answer from the truth of its `kind`; empty for one that is given or written."""

    question: str
    answer: str
    program: Mapping[str, object] = field(default_factory=dict)
    how: str = ""

    @property
    def told_how(self) -> str:
        return f"{self.program['kind']}:{self.program['op']}" if self.program else self.how or GIVEN


def asked_facts(asked: Sequence[Asked], truth: Mapping[str, object]) -> dict[str, FactValue]:
    """The three facts of a conversation whose learned answers are `asked`, in order. `truth` is by kind."""
    programs = [dict(one.program) or None for one in asked]
    return {
        HOW.name: " ".join(one.told_how for one in asked),
        TRUTH.name: json.dumps(truth, ensure_ascii=False) if truth else "",
        PROGRAMS.name: json.dumps(programs, ensure_ascii=False),
    }


def ask_about(
    row: Row, images: Sequence[Image], asked: Sequence[Asked], truth: Mapping[str, object], facts: Mapping[str, FactValue] | None = None
) -> Conversation:
    """The images, and a user and an assistant turn for each question; every answer is learned.

    Raises: ValueError without a question.
    """
    if not asked:
        raise ValueError(f"row {row.key} asks nothing; refuse it instead")
    turns: list[Turn] = []
    for number, one in enumerate(asked):
        shown = tuple(images) if number == 0 else ()
        turns += [Turn("user", (*shown, Text(one.question))), Turn("assistant", (Text(one.answer),), learned=True)]
    return Conversation(row.key, row.origin, tuple(turns), {**row.facts, **(facts or {}), **asked_facts(asked, truth)}, row.parents)


def choose(
    asked: Sequence[Asked],
    most: int,
    seed: int,
    key: str,
    step: str,
    tells: Callable[[Asked], frozenset[tuple[object, ...]]] | None = None,
) -> list[Asked]:
    """At most `most` of them, by a hash of seed, step and key, in their own order; those of different programs before two of one.

    `tells` gives what a question or its answer gives away: none of this is told twice, since the second time it could be copied.
    """
    order = keyed_rng(seed, step, key).permutation(len(asked))
    seen: dict[str, int] = {}
    ranked = []
    for place, index in enumerate(order):
        how = asked[index].told_how
        seen[how] = seen.get(how, 0) + 1
        ranked.append((seen[how], place, int(index)))
    kept: list[int] = []
    told: set[tuple[object, ...]] = set()
    for _, _, index in sorted(ranked):
        given_away = tells(asked[index]) if tells is not None else frozenset()
        if len(kept) < most and told.isdisjoint(given_away):
            kept.append(index)
            told |= given_away
    return [asked[index] for index in sorted(kept)]
