"""Rows about tools into conversations: chat messages, BFCL questions, queries with answers, and seeds of made conversations."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from processors.dialogue import LANGUAGE, language_field
from processors.messages import LIST_COLUMNS, MESSAGE_REASONS, ROLES, TOOL_RESULT_ROLE, read_turns
from processors.tools.bfcl import BFCL_REASONS, accepted_calls, bfcl_turns, is_bfcl
from processors.tools.calls import CALL_REASONS, CASE, RESULT_WITHOUT_CALL
from processors.tools.schema import read_tools
from processors.tools.synthetic import BAD_SEED, SPECS, answer_text, is_seed, make_conversations
from processors.tools.variants import run
from schemas.facts import Fact
from schemas.outcome import Reason, Refused, Reject
from schemas.parts import Text, ToolCall, ToolResult
from schemas.records import Conversation, FactValue, Row, Turn

HOW = Fact("tools.how", str, "How the calls came to be: given (by the row), accepted (values that the row lists), executed (made, and run)")
TRUTH = Fact(
    "tools.truth",
    str,
    "JSON of what made calls are executed on: tools (program and arguments by shown name), state (tables), answers (the templates of each "
    "learned text); empty where the row gave the calls",
)
RESULT_DIFFERS = Reason("result_differs", "A tool's result is not what the tool gives when the call is executed again")
ANSWER_DIFFERS = Reason("answer_differs", "The answer is not what its template makes of the results")

GIVEN, ACCEPTED, EXECUTED = "given", "accepted", "executed"


@dataclass(frozen=True, slots=True)
class ToolsTask:
    """A row becomes conversations with tools, by its form:

    `question` and `function` (BFCL) one, with calls of accepted values; `topic` and `count` so many made ones; `query`, `tools`
    and `answers` one whose calls are the answers; anything else is read as chat messages (see processors/messages.py).
    """

    seed: int = 0
    takes: ClassVar = (Row,)
    gives: ClassVar = Conversation
    reads: ClassVar = ()
    writes: ClassVar = (LANGUAGE, CASE, HOW, TRUTH)
    reasons: ClassVar = tuple({reason.name: reason for reason in (*MESSAGE_REASONS, *BFCL_REASONS, *CALL_REASONS, BAD_SEED)}.values())
    version: ClassVar = 1

    def __call__(self, row: Row) -> list[Conversation] | Reject:
        try:
            if is_seed(row.fields):
                made = make_conversations(row.fields, self.seed, row.key)
                return [_conversation(row, one.turns, EXECUTED, one.case, one.truth) for one in made]
            if is_bfcl(row.fields):
                return [self._bfcl(row)]
            if _is_query(row.fields):
                return [_query(row)]
            _check_ids(row.fields)
            return [_conversation(row, read_turns(row), GIVEN)]
        except Refused as refused:
            return refused.reject(row.key)

    def _bfcl(self, row: Row) -> Conversation:
        listed = row.fields["function"]
        definitions = json.dumps(listed if isinstance(listed, list) else [listed], ensure_ascii=False)
        turns = bfcl_turns(row, read_tools(definitions), definitions, self.seed)
        return _conversation(row, turns, ACCEPTED, "" if accepted_calls(row.fields) else "no_call")


def _conversation(row: Row, turns: tuple[Turn, ...], how: str, case: str = "", truth: str = "") -> Conversation:
    facts: dict[str, FactValue] = {LANGUAGE.name: language_field(row.fields), CASE.name: case, HOW.name: how, TRUTH.name: truth}
    return Conversation(row.key, row.origin, turns, {**row.facts, **facts}, row.parents)


def _is_query(fields: Mapping[str, object]) -> bool:
    """The form of xLAM's sets: the calls stand in a column of their own, as a list or as JSON text."""
    return isinstance(fields.get("query"), str) and "tools" in fields and "answers" in fields


def _query(row: Row) -> Conversation:
    answers = row.fields["answers"]
    message = {"from": "function_call", "value": answers if isinstance(answers, str) else json.dumps(answers, ensure_ascii=False)}
    kept = {name: row.fields[name] for name in ("system", "system_prompt", "tools") if name in row.fields}
    fields = {**kept, "conversations": [{"from": "human", "value": row.fields["query"]}, message]}
    return _conversation(row, read_turns(Row(row.key, row.origin, fields)), GIVEN)


def _check_ids(fields: Mapping[str, object]) -> None:
    """Each result names a call of the assistant's turn before it, where calls have ids. Ids do not outlive the reading."""
    listed = next((fields[name] for name in LIST_COLUMNS if fields.get(name) is not None), None)
    ids: set[str] = set()
    for number, message in enumerate(listed if isinstance(listed, list) else []):
        role = ROLES.get(str(message.get("role")).lower()) if isinstance(message, Mapping) else None
        if role == "assistant":
            calls = message.get("tool_calls")
            ids = {str(call["id"]) for call in calls if isinstance(call, Mapping) and "id" in call} if isinstance(calls, list) else set()
        elif role == TOOL_RESULT_ROLE and message.get("tool_call_id") is not None:
            told = str(message["tool_call_id"])
            if told not in ids:
                raise Refused(
                    RESULT_WITHOUT_CALL, f"message {number} answers the call {told[:60]!r}, which the turn before it does not make"
                )
            ids.discard(told)


@dataclass(frozen=True, slots=True)
class CheckExecuted:
    """Executes made calls again, on the tables that the record stores, and makes each answer anew; what differs is refused."""

    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = (HOW, TRUTH)
    writes: ClassVar = ()
    reasons: ClassVar = (RESULT_DIFFERS, ANSWER_DIFFERS)
    version: ClassVar = 1

    def __call__(self, record: Conversation) -> Conversation | Reject:
        if record.facts[HOW.name] != EXECUTED:
            return record
        try:
            check_executed(record.turns, str(record.facts[TRUTH.name]))
        except Refused as refused:
            return refused.reject(record.key)
        return record


def check_executed(turns: tuple[Turn, ...], truth: str) -> None:
    """Raises: Refused with RESULT_DIFFERS or ANSWER_DIFFERS."""
    told = json.loads(truth)
    parts = [(turn, part) for turn in turns for part in turn.parts]
    values = []
    results = [part.content for _, part in parts if isinstance(part, ToolResult)]
    calls = [part for _, part in parts if isinstance(part, ToolCall)]
    if len(calls) != len(results):
        raise Refused(RESULT_DIFFERS, f"{len(calls)} calls, {len(results)} results")
    for number, (call, result) in enumerate(zip(calls, results, strict=True)):
        try:
            found, text = run(call, told, SPECS)
        except (KeyError, TypeError) as error:
            raise Refused(RESULT_DIFFERS, f"call {number} of {call.name!r} cannot be executed ({type(error).__name__}: {error})") from error
        if text != result:
            raise Refused(RESULT_DIFFERS, f"call {number} of {call.name!r} gives {text[:80]}, the result is {result[:80]}")
        values.append(found)
    answers = [part.text for turn, part in parts if turn.learned and isinstance(part, Text)]
    if len(answers) != len(told["answers"]):
        raise Refused(ANSWER_DIFFERS, f"{len(answers)} answers, {len(told['answers'])} are known")
    for number, (answer, made_of) in enumerate(zip(answers, told["answers"], strict=True)):
        if made_of is not None and answer_text(made_of, values) != answer:
            raise Refused(ANSWER_DIFFERS, f"answer {number} is {answer[:80]!r}, its template makes {answer_text(made_of, values)[:80]!r}")
