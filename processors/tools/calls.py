"""Calls against the definitions of the tools: is the tool there, are the arguments what its JSON Schema says, has each call its result."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from processors.tools.patterns import MAX_TEXT_CHARS, is_match
from processors.tools.schema import BAD_TOOL_SCHEMA, NO_TOOLS, Tool, read_tools, subschemas, write_tools
from schemas.facts import Fact
from schemas.identity import canonical_json
from schemas.outcome import Reason, Refused, Reject
from schemas.parts import Text, ToolCall, ToolResult, Tools
from schemas.records import Conversation, Turn, map_parts

UNKNOWN_TOOL = Reason("unknown_tool", "A call names a tool that is not among the tools of the conversation")
BAD_ARGUMENTS = Reason("bad_arguments", "The arguments of a call are not what the tool's JSON Schema says")
MISSING_ARGUMENT_NOT_ASKED = Reason("missing_argument_not_asked", "A call leaves out a required argument, instead of asking for it")
RESULT_WITHOUT_CALL = Reason("result_without_call", "A tool's result answers no call of the turn before it")
CALL_WITHOUT_RESULT = Reason("call_without_result", "Turns follow a call that has no result")
CALL_REASONS = (
    *(NO_TOOLS, BAD_TOOL_SCHEMA, UNKNOWN_TOOL, BAD_ARGUMENTS),
    *(MISSING_ARGUMENT_NOT_ASKED, RESULT_WITHOUT_CALL, CALL_WITHOUT_RESULT),
)

CASE = Fact(
    "tools.case",
    str,
    "simple (one tool, one call), multiple (several tools, one call), parallel (one tool, several calls of a turn), parallel_multiple, "
    "no_call, missing_argument (the assistant asks for it), multi_turn (several turns of the user, or several turns with calls)",
)
NUM_TOOLS = Fact("tools.num_tools", int, "Tools that the conversation offers")
NUM_CALLS = Fact("tools.num_calls", int, "Calls that the assistant makes")
CALL_FACTS = (CASE, NUM_TOOLS, NUM_CALLS)

MAX_ARGUMENT_CHARS = 100_000  # of one call
MAX_ARGUMENT_DEPTH = 32
MAX_WORK = 1_000_000  # subschemas and enum values of a tool, times values of a call: some seconds at worst, when all meet all
MAX_NUMBER = 10**30  # larger ones have no place in arithmetic with floats


# ---- one call


def read_arguments(call: ToolCall) -> dict[str, Any]:
    """The arguments as JSON values. Raises: Refused with BAD_ARGUMENTS."""
    if len(call.arguments) > MAX_ARGUMENT_CHARS:
        raise _bad(call, f"{len(call.arguments):,} characters, at most {MAX_ARGUMENT_CHARS:,}")
    try:
        found = json.loads(call.arguments, object_pairs_hook=_once_each)
    except (ValueError, RecursionError) as error:
        raise _bad(call, f"{call.arguments[:80]!r} cannot be read ({str(error)[:80] or type(error).__name__})") from error
    if not isinstance(found, dict):
        raise _bad(call, f"a JSON {type(found).__name__}, expected an object")
    _bounded(call, found, 0)
    return found


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name is given twice")
    return found


def _bounded(call: ToolCall, value: object, depth: int) -> None:
    if depth > MAX_ARGUMENT_DEPTH:
        raise _bad(call, f"nested more than {MAX_ARGUMENT_DEPTH} levels deep")
    if isinstance(value, (int, float)) and not -MAX_NUMBER <= value <= MAX_NUMBER:  # NaN is in no range
        raise _bad(call, f"a number beyond {MAX_NUMBER:.0e}, or none")
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _bounded(call, one, depth + 1)


def _bad(call: ToolCall, detail: str) -> Refused:
    return Refused(BAD_ARGUMENTS, f"arguments of {call.name[:80]!r}: {detail}")


def check_call(call: ToolCall, tools: Sequence[Tool]) -> None:
    """Whether a call can be made.

    An argument that equals the default of its schema is right even where the schema's type says otherwise. What a schema
    does not declare is unknown, unless it says `additionalProperties`.

    Raises: Refused with UNKNOWN_TOOL, BAD_ARGUMENTS, MISSING_ARGUMENT_NOT_ASKED, or BAD_TOOL_SCHEMA for a pattern that cannot be used.
    """
    tool = next((tool for tool in tools if tool.name == call.name), None)
    if tool is None:
        raise Refused(UNKNOWN_TOOL, f"{call.name[:80]!r} is called; there are {', '.join(tool.name for tool in tools)[:200] or 'none'}")
    arguments = read_arguments(call)
    missing = [name for name in tool.required if name not in arguments]
    if missing:
        raise Refused(MISSING_ARGUMENT_NOT_ASKED, f"{call.name[:80]!r} is called without {', '.join(missing)[:120]}")
    validator, weight = _validator(json.dumps(tool.parameters))
    num_values = _num_values(arguments)
    if weight * num_values > MAX_WORK:
        raise _bad(call, f"{num_values:,} values to check with {weight:,} subschemas and enum values")
    defaults = {name for name, value in arguments.items() if _is_default(tool.properties.get(name), value)}
    errors = [error for error in validator.iter_errors(arguments) if not (error.absolute_path and error.absolute_path[0] in defaults)]
    if errors:
        first = min(errors, key=lambda error: [str(step) for step in error.absolute_path])
        raise _bad(call, f"{first.json_path}: {_short(first.message)}")


def _is_default(schema: object, value: object) -> bool:
    return isinstance(schema, Mapping) and "default" in schema and schema["default"] == value and type(schema["default"]) is type(value)


def _short(message: str) -> str:
    return message if len(message) <= 160 else message[:157] + "..."


def _num_values(value: object) -> int:
    return 1 + sum(map(_num_values, value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()))


@functools.lru_cache(maxsize=1_024)
def _validator(parameters: str) -> tuple[Any, int]:
    """The validator of a tool's arguments, and how much it has to look at."""
    schema = json.loads(parameters)
    weight = sum(1 + len(one.get("enum", ())) for one in subschemas(schema))
    return _kind_of_validator()(_closed(schema, True)), weight


@functools.cache
def _kind_of_validator() -> Any:
    """JSON Schema 2020-12 with patterns matched elsewhere; references were written out, so that nothing is ever fetched."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError
    from jsonschema.validators import extend

    def pattern(validator: Any, told: str, instance: object, schema: object) -> Iterator[Any]:
        if not isinstance(instance, str):
            return
        if len(instance) > MAX_TEXT_CHARS:
            yield ValidationError(f"a text of {len(instance):,} characters, of which at most {MAX_TEXT_CHARS:,} are matched with a pattern")
        elif not is_match(told, instance):
            yield ValidationError(f"{instance!r} does not match {told!r}")

    def unique_items(validator: Any, told: bool, instance: object, schema: object) -> Iterator[Any]:  # the library's may be quadratic
        if told and isinstance(instance, list) and len({canonical_json(_whole(one)) for one in instance}) < len(instance):
            yield ValidationError("has non-unique elements")

    return extend(Draft202012Validator, {"pattern": pattern, "uniqueItems": unique_items})


def _whole(value: Any) -> Any:
    """The value with 1.0 as 1, which JSON Schema holds to be the same."""
    if isinstance(value, list):
        return [_whole(one) for one in value]
    if isinstance(value, dict):
        return {name: _whole(one) for name, one in value.items()}
    return int(value) if isinstance(value, float) and value == int(value) else value


def _closed(schema: Any, is_top: bool = False) -> Any:
    """The schema, which takes no members but those that it declares; schemas that share an object among them stay open."""
    if not isinstance(schema, dict):
        return schema
    found = dict(schema)
    for word in ("items", "additionalProperties"):
        if word in found:
            found[word] = _closed(found[word])
    for word in ("prefixItems", "anyOf", "oneOf"):
        if word in found:
            found[word] = [_closed(one) for one in found[word]]
    found["properties"] = {name: _closed(one) for name, one in found.get("properties", {}).items()}
    shares = any(word in found for word in ("anyOf", "oneOf", "allOf", "if", "not"))
    if (found["properties"] or is_top) and not shares:
        found.setdefault("additionalProperties", False)
    return found


# ---- a conversation


def tools_of(turns: Sequence[Turn]) -> tuple[Tool, ...]:
    """The tools that the turns offer. Raises: Refused with NO_TOOLS or BAD_TOOL_SCHEMA."""
    told = [part.definitions for turn in turns for part in turn.parts if isinstance(part, Tools)]
    if not told:
        raise Refused(NO_TOOLS, "no message tells the tools")
    if len(told) > 1:
        raise Refused(BAD_TOOL_SCHEMA, f"tools are told {len(told)} times, expected once")
    return read_tools(told[0])


def calls_of(turn: Turn) -> list[ToolCall]:
    return [part for part in turn.parts if isinstance(part, ToolCall)]


def check_results(turns: Sequence[Turn]) -> None:
    """Whether the results of a turn's calls follow it, one a call, in order. The last turn's calls need none.

    Raises: Refused with RESULT_WITHOUT_CALL or CALL_WITHOUT_RESULT.
    """
    waiting: list[ToolCall] = []
    answered = 0
    for number, turn in enumerate(turns):
        results = [part for part in turn.parts if isinstance(part, ToolResult)]
        for result in results:
            if answered >= len(waiting):
                raise Refused(
                    RESULT_WITHOUT_CALL, f"turn {number} is a result of {result.name[:80]!r}; {len(waiting)} calls come before it"
                )
            if result.name not in ("", waiting[answered].name):
                told = f"turn {number} is a result of {result.name[:80]!r}, the call is of {waiting[answered].name[:80]!r}"
                raise Refused(RESULT_WITHOUT_CALL, told)
            answered += 1
        if not results:
            if answered < len(waiting):
                raise Refused(CALL_WITHOUT_RESULT, f"{len(waiting)} calls come before turn {number}, {answered} of them with a result")
            waiting, answered = calls_of(turn), 0
    if 0 < answered < len(waiting):
        raise Refused(CALL_WITHOUT_RESULT, f"the conversation ends with {answered} results of {len(waiting)} calls")


def case_of(turns: Sequence[Turn], tools: Sequence[Tool]) -> str:
    """Which case of calling a conversation is; see `CASE`."""
    calling = [number for number, turn in enumerate(turns) if calls_of(turn)]
    asks = [
        number
        for number, turn in enumerate(turns)
        if turn.role == "assistant" and not calls_of(turn) and asks_argument(text_of(turn), tools)
    ]
    if asks and (not calling or asks[0] < calling[0]):
        return "missing_argument"
    if not calling:
        return "no_call"
    if len(calling) > 1 or sum(turn.role == "user" for turn in turns) > 1:
        return "multi_turn"
    is_parallel, is_multiple = len(calls_of(turns[calling[0]])) > 1, len(tools) > 1
    return {(False, False): "simple", (False, True): "multiple", (True, False): "parallel", (True, True): "parallel_multiple"}[
        is_parallel, is_multiple
    ]


def text_of(turn: Turn) -> str:
    return "".join(part.text for part in turn.parts if isinstance(part, Text))


def asks_argument(text: str, tools: Sequence[Tool]) -> bool:
    """Whether a text asks a question in which a word of a required argument's name stands."""
    if "?" not in text and "？" not in text:
        return False
    said = set(re.findall(r"\w+", text.lower()))
    return any(
        word in said
        for tool in tools
        for name in tool.required
        for word in re.findall(r"[a-z]{3,}|[^\W\d_a-z]{2,}", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower())
    )


@dataclass(frozen=True, slots=True)
class CheckCalls:
    """Refuses conversations of which a call cannot be made as the tools are defined, or calls and results do not belong together.

    The tools are written anew in one form (`tools_form`, see decision 0014): `flat`, that of the model card, or `schema`. An
    earlier step may have stated the case as a fact already.
    """

    tools_form: str = "flat"
    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = CALL_FACTS
    reasons: ClassVar = CALL_REASONS
    version: ClassVar = 1

    def __call__(self, record: Conversation) -> Conversation | Reject:
        try:
            tools = tools_of(record.turns)
            for turn in record.turns:
                for call in calls_of(turn):
                    check_call(call, tools)
            check_results(record.turns)
        except Refused as refused:
            return refused.reject(record.key)
        facts = {
            CASE.name: record.facts.get(CASE.name) or case_of(record.turns, tools),
            NUM_TOOLS.name: len(tools),
            NUM_CALLS.name: sum(len(calls_of(turn)) for turn in record.turns),
        }
        written = Tools(write_tools(tools, self.tools_form))
        return replace(map_parts(record, {Tools: lambda _: written}), facts={**record.facts, **facts})
