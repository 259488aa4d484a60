"""Function calls: BFCL's questions with accepted calls, and queries whose calls stand in a column of their own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from processors.attempts.read_answer import Judged
from processors.attempts.read_columns import BAD_REFERENCE, CALLS, NO_PROBLEM, Fields, as_json, asked_in_chat, is_text, shown
from processors.tools.bfcl import MAX_CALLS, accepted_calls, is_bfcl
from processors.tools.schema import read_tools, write_tools
from schemas.outcome import Refused


def has_calls(fields: Fields) -> bool:
    return is_bfcl(fields) or (is_text(fields.get("query")) and "tools" in fields and "answers" in fields)


def read_calls(fields: Fields, text: str) -> Judged:
    """The tools, and for each call the values that are accepted of each argument (no call: none is right).

    Raises: Refused with the reasons of processors/tools, NO_PROBLEM, SEVERAL_TURNS or BAD_REFERENCE.
    """
    if is_bfcl(fields):
        turns = as_json(fields["question"])
        if isinstance(turns, list) and len(turns) == 1 and isinstance(turns[0], list):
            turns = turns[0]
        if not isinstance(turns, list) or not turns:
            raise Refused(NO_PROBLEM, f"the question is {shown(turns)}, expected a list of messages")
        system, asked, _ = asked_in_chat(turns)
        accepted = [{name: dict(arguments)} for name, arguments in accepted_calls(fields)]
        return Judged(
            CALLS, {"tools": _tools(fields["function"]), "accepted": accepted}, text=asked, system=system, used=frozenset({"ground_truth"})
        )
    accepted = _as_accepted(as_json(fields["answers"]))
    return Judged(
        CALLS, {"tools": _tools(fields["tools"]), "accepted": accepted}, text=fields["query"].strip(), used=frozenset({"answers"})
    )


def _tools(told: Any) -> list[Any]:
    """Definitions with JSON schemas, whichever form they were in."""
    listed = as_json(told)
    definitions = json.dumps(listed if isinstance(listed, list) else [listed], ensure_ascii=False)
    tools: list[Any] = json.loads(write_tools(read_tools(definitions), "schema"))
    return tools


def _as_accepted(calls: Any) -> list[dict[str, Any]]:
    """Calls with the one value of each argument, as BFCL writes what is accepted."""
    if not isinstance(calls, list) or len(calls) > MAX_CALLS:
        raise Refused(BAD_REFERENCE, f"answers is {shown(calls)}, expected a list of at most {MAX_CALLS} calls")
    accepted = []
    for call in calls:
        arguments = as_json(call.get("arguments")) if isinstance(call, Mapping) else None
        if not isinstance(call, Mapping) or not is_text(call.get("name")) or not isinstance(arguments, Mapping):
            raise Refused(BAD_REFERENCE, f"a call is {shown(call)}, expected its name and arguments")
        accepted.append({str(call["name"]): {str(name): [_only(value)] for name, value in arguments.items()}})
    return accepted


def _only(value: Any) -> Any:
    """A value of which the members of objects are lists of what is accepted, as BFCL has them."""
    if isinstance(value, Mapping):
        return {str(name): [_only(one)] for name, one in value.items()}
    return [_only(one) for one in value] if isinstance(value, list) else value
