"""Calls of functions as the model writes them: in the pool they stand in texts, in what is learned they are parts."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

from processors.attempts.problem import VERIFIER
from processors.verify.calls import split_calls
from schemas.parts import Part, Text, ToolCall
from schemas.records import Conversation, Preference, Turn

CALLS = "calls"  # the verifier's name


def plain_calls(text: str) -> str:
    """A text that is calls, in whatever form, with the calls as one JSON list after its thought; another text as it is.

    Marks of chat templates would be special tokens inside of a text, which no corpus holds.
    """
    thought, calls = split_calls(text)
    if not calls:
        return text
    return thought + json.dumps([{"name": call.name, "arguments": json.loads(call.arguments)} for call in calls], ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class WriteCalls:
    """Answers to problems of function calls that are calls become parts of calls, after the thought, if there is one."""

    takes: ClassVar = (Conversation, Preference)
    gives: ClassVar = None
    reads: ClassVar = (VERIFIER,)
    writes: ClassVar = ()
    reasons: ClassVar = ()
    version: ClassVar = 1

    def __call__(self, record: Conversation | Preference) -> Conversation | Preference:
        if record.facts[VERIFIER.name] != CALLS:
            return record
        if isinstance(record, Preference):
            return replace(record, chosen=_written(record.chosen), rejected=_written(record.rejected))
        return replace(record, turns=_written(record.turns))


def _written(turns: Iterable[Turn]) -> tuple[Turn, ...]:
    return tuple(replace(turn, parts=_parts(turn)) if turn.learned else turn for turn in turns)


def _parts(turn: Turn) -> tuple[Part, ...]:
    found: list[Part] = []
    for part in turn.parts:
        thought, calls = split_calls(part.text) if isinstance(part, Text) else ("", [])
        found += (
            [*([Text(thought)] if thought.strip() else []), *(ToolCall(call.name, call.arguments) for call in calls)] if calls else [part]
        )
    return tuple(found)
