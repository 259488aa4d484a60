"""Questions of the Berkeley function-calling leaderboard with the calls that it accepts, as one conversation each.

Source: the data format of BFCL v3 and v4 (github.com/ShishirPatil/gorilla, berkeley-function-call-leaderboard): `question` is a
list of turns of messages, `function` the tools, `ground_truth` one accepted call each: {name: {argument: [accepted values]}}.
Among the values "" means that the argument may be left out; members of accepted objects are lists of accepted values too.
Texts are compared as its checker does: without case, spaces and the marks , . / - _ * ^, one kind of quotation mark.
"""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from processors.tools.calls import BAD_ARGUMENTS, check_call
from processors.tools.no_call import no_call_answer
from processors.tools.schema import Tool
from schemas.outcome import Reason, Refused
from schemas.parts import Text, ToolCall, Tools
from schemas.records import Row, Turn

NO_ACCEPTED_ANSWER = Reason(
    "no_accepted_answer", "The question comes without the calls that are accepted for it, and not as one without any"
)
BAD_QUESTION = Reason("bad_question", "A BFCL row is of another shape: its question is not one turn of messages, its answers are not calls")
BFCL_REASONS = (NO_ACCEPTED_ANSWER, BAD_QUESTION, BAD_ARGUMENTS)

Accepted = tuple[str, Mapping[str, Sequence[Any]]]  # name, and accepted values of each argument
ABSENT = ""  # among accepted values: the argument may be left out
MAX_CALLS = 64
MAX_TRIES = 64  # combinations of accepted values that are tried for one that the tool's schema takes
_IGNORED = re.compile(r"[ ,./\-_*^]")


def is_bfcl(fields: Mapping[str, object]) -> bool:
    """Whether a row is of this form."""
    return "question" in fields and "function" in fields


def bfcl_turns(row: Row, tools: Sequence[Tool], definitions: str, seed: int) -> tuple[Turn, ...]:
    """The messages of the question and the answer: accepted calls, or a text that says that no tool serves.

    Raises: Refused with one of BFCL_REASONS, or what `check_call` refuses.
    """
    system, asked = _messages(row.fields["question"])
    accepted = accepted_calls(row.fields)
    first = Turn("system", (*system, Tools(definitions)))
    question = " ".join(part.text for turn in asked for part in turn.parts if isinstance(part, Text))
    if not accepted:
        said: tuple[Any, ...] = (Text(no_call_answer(question, tools, seed, row.key)),)
    else:
        said = tuple(accepted_call(one, tools, question) for one in accepted)
        problem = check_calls(said, accepted)
        if problem:
            raise Refused(BAD_ARGUMENTS, f"no accepted values make calls that are told apart: {problem}")
    return (first, *asked, Turn("assistant", said, learned=True))


def _messages(question: object) -> tuple[tuple[Text, ...], tuple[Turn, ...]]:
    """System texts, and the turns."""
    turns = question if isinstance(question, list) else []
    if len(turns) != 1 or not isinstance(turns[0], list) or not turns[0]:
        raise Refused(BAD_QUESTION, f"the question has {len(turns)} turns, expected one, a list of messages")
    system: list[Text] = []
    asked: list[Turn] = []
    for message in turns[0]:
        role, content = (message.get("role"), message.get("content")) if isinstance(message, dict) else (None, None)
        if role not in ("system", "user", "assistant") or not isinstance(content, str) or not content.strip():
            raise Refused(BAD_QUESTION, f"a message {str(message)[:80]!r}, expected a role and a text")
        if role == "system":
            system.append(Text(content.strip() if not system else "\n" + content.strip()))
        else:
            asked.append(Turn(str(role), (Text(content.strip()),)))
    if not asked or asked[-1].role != "user":
        raise Refused(BAD_QUESTION, "the last message is not the user's")
    return tuple(system), tuple(asked)


def accepted_calls(fields: Mapping[str, object]) -> list[Accepted]:
    """Name and accepted values of each call; empty where the right answer is no call.

    Raises: Refused with NO_ACCEPTED_ANSWER or BAD_QUESTION.
    """
    told = fields.get("ground_truth")
    if told is None:
        if "irrelevance" in str(fields.get("id", "")):
            return []
        raise Refused(NO_ACCEPTED_ANSWER, f"nothing is told for the question {str(fields.get('id', ''))[:60]!r}")
    if not isinstance(told, list) or len(told) > MAX_CALLS:
        raise Refused(BAD_QUESTION, f"ground_truth is {str(told)[:80]!r}, expected a list of at most {MAX_CALLS} calls")
    return [_accepted(one) for one in told]


def _accepted(told: object) -> Accepted:
    if not isinstance(told, dict) or len(told) != 1:
        raise Refused(BAD_QUESTION, f"an accepted call is {str(told)[:80]!r}, expected an object of one name")
    ((name, arguments),) = told.items()
    if not isinstance(arguments, dict) or not all(isinstance(values, list) for values in arguments.values()):
        raise Refused(
            BAD_QUESTION, f"the accepted arguments of {name[:60]!r} are {str(arguments)[:80]!r}, expected lists of values by name"
        )
    return name, arguments


# ---- from accepted values to a call


def accepted_call(accepted: Accepted, tools: Sequence[Tool], question: str = "") -> ToolCall:
    """The call of the first accepted values that the tool's schema takes.

    An argument that may be left out is given only where the question says one of its values: what nobody asked for is not called.

    Raises: Refused with what `check_call` says of the first values, when no combination that was tried is taken.
    """
    name, arguments = accepted
    names = list(arguments)
    required = next((tool.required for tool in tools if tool.name == name), ())
    standard = _standard(question)
    choices = [_choices(arguments[argument], question, standard) for argument in names]
    first: Refused | None = None
    for values in itertools.islice(_near_first(choices), MAX_TRIES):
        told = {argument: value for argument, value in zip(names, values, strict=True) if value != ABSENT or argument in required}
        call = ToolCall(name, json.dumps(told, ensure_ascii=False))
        try:
            check_call(call, tools)
        except Refused as refused:
            first = first or refused
            continue
        return call
    raise first or Refused(BAD_QUESTION, f"an argument of {name[:60]!r} accepts no value")


def _choices(accepted: Sequence[Any], question: str, standard: str) -> list[Any]:
    """The accepted values, those to be tried first in front: members of objects by their own first accepted values."""
    values = [_plain(value) for value in accepted]
    if ABSENT not in values:
        return values
    return sorted(values, key=lambda value: (value == ABSENT or not _is_said(value, question, standard), value != ABSENT))


def _is_said(value: Any, question: str, standard: str) -> bool:
    """Whether a value, or each of a list, stands in the question."""
    if isinstance(value, list):
        return bool(value) and all(_is_said(one, question, standard) for one in value)
    if isinstance(value, str):
        return len(_standard(value)) > 1 and _standard(value) in standard
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return re.search(rf"(?<![\w.]){re.escape(f'{value:g}')}(?![\w]|\.\d)", question.replace(",", "")) is not None
    return False


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if not isinstance(value, dict):
        return value
    found = {}
    for name, accepted in value.items():
        if not isinstance(accepted, list):
            found[name] = accepted
        elif accepted and accepted[0] != ABSENT:
            found[name] = _plain(accepted[0])
    return found


def _near_first(choices: Sequence[Sequence[Any]]) -> Iterator[tuple[Any, ...]]:
    """The first of each; then all with one of them changed; then every combination."""
    if not all(choices):
        return
    first = [options[0] for options in choices]
    yield tuple(first)
    for place, options in enumerate(choices):
        for option in options[1:]:
            yield (*first[:place], option, *first[place + 1 :])
    yield from itertools.product(*choices)


# ---- the verifier


def check_calls(calls: Sequence[ToolCall], accepted: Sequence[Accepted], tools: Sequence[Tool] = ()) -> str:
    """What is wrong with calls, in a few words; empty when they are accepted. Their order does not matter.

    Every call has to be another accepted one's. Numbers are compared as numbers, and never with texts or truth values; texts
    exactly where two accepted calls differ in nothing that the comparison heeds ("Aa", "AA"). With `tools`, what their
    schemas refuse is wrong too.
    """
    if len(calls) != len(accepted):
        return f"{len(calls)} calls, expected {len(accepted)}"
    try:
        for call in calls if tools else ():
            check_call(call, tools)
    except Refused as refused:
        return str(refused)
    alike = _alike_but_for_marks(accepted)
    problems = [[_check_accepted(call, one, alike) for one in accepted] for call in calls]
    if _pairing([[not problem for problem in row] for row in problems]):
        return ""
    for row in problems:
        if all(row):
            return min(row, key=lambda problem: (problem.startswith("calls "), problem))
    return "two calls answer the same accepted one"


def _alike_but_for_marks(accepted: Sequence[Accepted]) -> bool:
    """Whether two accepted calls take different texts for an argument that are the same to `_standard`."""
    for (name, one), (other_name, other) in itertools.combinations(accepted, 2):
        for argument in one.keys() & other.keys() if name == other_name else ():
            texts, others = ({value for value in told[argument] if isinstance(value, str)} for told in (one, other))
            if texts.isdisjoint(others) and not {_standard(text) for text in texts}.isdisjoint({_standard(text) for text in others}):
                return True
    return False


def _pairing(fits: Sequence[Sequence[bool]]) -> bool:
    """Whether each row can have a column of its own (augmenting paths, Kuhn 1955)."""
    taken: dict[int, int] = {}

    def place(row: int, seen: set[int]) -> bool:
        for column, is_fit in enumerate(fits[row]):
            if is_fit and column not in seen:
                seen.add(column)
                if column not in taken or place(taken[column], seen):
                    taken[column] = row
                    return True
        return False

    return all(place(row, set()) for row in range(len(fits)))


def _check_accepted(call: ToolCall, accepted: Accepted, is_exact: bool) -> str:
    """What is wrong with one call, in a few words; empty when it is accepted."""
    name, values = accepted
    if call.name != name:
        return f"calls {call.name}, expected {name}"
    return _members(json.loads(call.arguments), values, is_exact)


def _members(given: Mapping[str, Any], accepted: Mapping[str, Any], is_exact: bool) -> str:
    extra = sorted(given.keys() - accepted.keys())
    if extra:
        return f"argument {extra[0]} is not accepted"
    for name, values in accepted.items():
        options = values if isinstance(values, list) else [values]
        if name not in given:
            if ABSENT not in options and None not in options:
                return f"argument {name} is missing"
        elif not any(_is_same(given[name], option, is_exact) for option in options):
            return f"argument {name} is {json.dumps(given[name], ensure_ascii=False)[:60]}"
    return ""


def _is_same(given: Any, accepted: Any, is_exact: bool) -> bool:
    if isinstance(accepted, dict):
        return isinstance(given, dict) and not _members(given, accepted, is_exact)
    if isinstance(accepted, list):
        pairs = zip(given, accepted, strict=True) if isinstance(given, list) and len(given) == len(accepted) else None
        return pairs is not None and all(_is_same(one, other, is_exact) for one, other in pairs)
    if isinstance(accepted, str):
        return isinstance(given, str) and (given == accepted or (not is_exact and _standard(given) == _standard(accepted)))
    if isinstance(accepted, bool) or isinstance(given, bool) or accepted is None:
        return given is accepted
    return isinstance(given, (int, float)) and isinstance(accepted, (int, float)) and math.isclose(given, accepted, rel_tol=1e-12)


def _standard(text: str) -> str:
    return _IGNORED.sub("", text).lower().replace("'", '"')
