"""Whether the function calls in a text are the accepted ones: how calls are written, and then BFCL's comparison (processors/tools/bfcl.py).

Read are calls between the marks of chat templates (`<|tool_call|>[...]<|/tool_call|>` of this project's, and those of other models), JSON
(bare, fenced, in a text; a list, one object, an OpenAI message with `tool_calls`, BFCL's {name: {argument: value}}), and Python-like calls
`[f(a=1, b="x"), g()]` with named arguments. Their order does not matter, as in BFCL.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from processors.messages import tool_call
from processors.tools.bfcl import Accepted, accepted_calls, check_calls
from processors.tools.calls import read_arguments
from processors.tools.schema import Tool, read_tools
from processors.verify.answer import spoken_part
from processors.verify.verdict import CANNOT_TELL, DIFFERENT, EQUAL, RIGHT, UNREADABLE, WRONG, Verdict
from schemas.identity import canonical_json
from schemas.outcome import Reason, Refused
from schemas.parts import ToolCall

NO_CALL = "no_call"  # the text calls nothing where it should
NEEDLESS_CALL = "needless_call"  # the text calls where no tool serves
AGAINST_SCHEMA = "against_schema"  # an accepted call that the tool's own definition refuses

BAD_CALLS = Reason("bad_calls", "Calls are begun in the text, and cannot be read")

MAX_CHARS = 200_000  # of a text with calls
MAX_PYTHON_CHARS = 20_000
MAX_NESTING = 40  # brackets of Python-like calls
MAX_STARTS = 20  # places of a text where JSON may begin

_MARKS = (
    ("<|tool_call|>", "<|/tool_call|>"),
    ("<tool_call>", "</tool_call>"),
    ("<tool_calls>", "</tool_calls>"),
    ("<functioncall>", "</functioncall>"),
    ("[TOOL_CALLS]", "\n\n"),
    ("<|python_tag|>", "<|"),
    ("<|tool_calls_section_begin|>", "<|tool_calls_section_end|>"),
)
_FENCE = re.compile(r"```[ \t]*(?:json|python|py|tool_code|tool_call|javascript|js|java)?[ \t]*\r?\n(.*?)```", re.DOTALL)
_FUNCTION_TAG = re.compile(r"([\w.\-/]{1,200})>(.*)", re.DOTALL)  # <function=name>arguments</function>
_PYTHON_CALL = re.compile(r"\[?[ \t\r\n]*[A-Za-z_][\w.]{0,200}\(")


def verify(text: str, judged_by: Mapping[str, Any]) -> tuple[str, Verdict]:
    """`judged_by` is {"tools": definitions, "accepted": [{name: {argument: [values]}}, ...]}; no accepted calls: the answer is to call none.

    The answer found is the calls as JSON. A call that is accepted, but refused by its tool's definition, is neither right nor wrong.
    """
    try:
        accepted = accepted_calls({"ground_truth": judged_by["accepted"]})
    except Refused as refused:
        return "", Verdict(CANNOT_TELL, UNREADABLE, f"the accepted calls cannot be read: {refused.detail}")
    tools = _tools(judged_by.get("tools"))
    names = {tool.name for tool in tools or ()} | {name for name, _ in accepted}
    try:
        calls = read_calls(text, names)
    except Refused as refused:
        return "", Verdict(CANNOT_TELL, UNREADABLE, refused.detail)
    answer = canonical_json([{"name": call.name, "arguments": json.loads(call.arguments)} for call in calls]) if calls else ""
    return answer, _compare(calls, accepted, tools, names, text)


def _compare(calls: list[ToolCall], accepted: list[Accepted], tools: Sequence[Tool] | None, names: set[str], text: str) -> Verdict:
    if not accepted:
        return (
            Verdict(WRONG, NEEDLESS_CALL, f"calls {calls[0].name[:80]}, expected no call")
            if calls
            else Verdict(RIGHT, EQUAL, "calls nothing")
        )
    if not calls:
        named = next((name for name in sorted(names) if name in text), None)
        if named is not None:
            return Verdict(CANNOT_TELL, UNREADABLE, f"speaks of {named[:80]}, in no form of a call that can be read")
        return Verdict(WRONG, NO_CALL, f"calls nothing, expected {len(accepted)} calls")
    problem = check_calls(calls, accepted)
    if problem:
        return _different(calls, accepted, names, problem)
    against = check_calls(calls, accepted, tools) if tools else ""
    return Verdict(CANNOT_TELL, AGAINST_SCHEMA, against) if against else Verdict(RIGHT, EQUAL)


def _different(calls: list[ToolCall], accepted: list[Accepted], names: set[str], problem: str) -> Verdict:
    """Wrong; but open where only the names are spelled otherwise, as by interfaces that take no dots in them."""
    spelled = {re.sub(r"[^A-Za-z0-9]", "_", name): name for name in names}
    others = [call for call in calls if call.name not in names]
    if others and len(spelled) == len(names) and all(re.sub(r"[^A-Za-z0-9]", "_", call.name) in spelled for call in others):
        renamed = [ToolCall(spelled.get(re.sub(r"[^A-Za-z0-9]", "_", call.name), call.name), call.arguments) for call in calls]
        if not check_calls(renamed, accepted):
            return Verdict(CANNOT_TELL, UNREADABLE, f"{others[0].name[:80]} is spelled otherwise than any tool")
    return Verdict(WRONG, DIFFERENT, problem)


def _tools(told: object) -> Sequence[Tool] | None:
    """The tools; None where their definitions cannot be used to check a call."""
    try:
        return read_tools(told if isinstance(told, str) else canonical_json(told)) if told else None
    except Refused:
        return None


# ---- calls in a text


def read_calls(text: str, names: set[str] | frozenset[str] = frozenset()) -> list[ToolCall]:
    """The calls that a text makes after its thought, in order; none where it makes none. `names` are those of the tools.

    Raises: Refused with BAD_CALLS where calls are begun and cannot be read.
    """
    said = spoken_part(text).strip()
    if len(said) > MAX_CHARS:
        raise Refused(BAD_CALLS, f"a text of {len(said):,} characters, at most {MAX_CHARS:,}")
    marked = _marked(said)
    if marked is not None:
        return [call for one in marked for call in _must(one, names)]
    if "<function=" in said:
        return [_tagged(piece) for piece in said.split("<function=")[1:]]
    whole = _maybe(said, names)
    if whole is not None:
        return whole
    fenced = [found for block in _FENCE.findall(said) if (found := _maybe(block.strip(), names)) is not None]
    if fenced:
        return [call for one in fenced for call in one]
    return _embedded(said, names)


def split_calls(text: str, names: set[str] | frozenset[str] = frozenset()) -> tuple[str, list[ToolCall]]:
    """What stands before the calls (the thought), and the calls, of a text that says nothing else beside them; no calls for another text."""
    said = spoken_part(text)
    written = said.strip()
    opens, closes = _MARKS[0]
    if written.startswith(opens) and written.endswith(closes) and written.count(opens) == 1:
        written = written[len(opens) : -len(closes)].strip()
    try:
        found = _maybe(written, names) if len(written) <= MAX_CHARS else None
    except Refused:
        found = None
    return (text[: len(text) - len(said)], found) if found else (text, [])


def _marked(said: str) -> list[str] | None:
    """What stands between the marks of a chat template; None where there are none."""
    for opens, closes in _MARKS:
        if opens not in said:
            continue
        pieces = said.split(opens)[1:]
        if any(closes not in piece for piece in pieces) and closes[0] == "<" and closes != "<|":
            raise Refused(BAD_CALLS, f"{opens} is not closed")
        return [piece.split(closes)[0].strip() for piece in pieces]
    return None


def _tagged(piece: str) -> ToolCall:
    inside, closes, _ = piece.partition("</function>")
    match = _FUNCTION_TAG.fullmatch(inside) if closes else None
    call = _call({"name": match[1], "arguments": match[2].strip() or "{}"}, frozenset()) if match else None
    if call is None:
        raise Refused(BAD_CALLS, f"<function={piece[:60]!r} is no call")
    return _checked(call)


def _must(written: str, names: set[str] | frozenset[str]) -> list[ToolCall]:
    found = _maybe(written, names)
    if found is None:
        raise Refused(BAD_CALLS, f"{written[:80]!r} stands where calls are expected")
    return found


def _maybe(written: str, names: set[str] | frozenset[str]) -> list[ToolCall] | None:
    """The calls, where the whole of the text is calls; None where it is something else. Raises: Refused with BAD_CALLS."""
    if written[:1] in ("{", "["):
        try:
            return _of_json(json.loads(written, object_pairs_hook=_once_each), names)
        except (ValueError, RecursionError):
            pass
    if _PYTHON_CALL.match(written):
        return _of_python(written)
    return None


def _embedded(said: str, names: set[str] | frozenset[str]) -> list[ToolCall]:
    """Calls as JSON inside a text, or as Python-like calls at its end."""
    decoder = json.JSONDecoder(object_pairs_hook=_once_each)
    found: list[ToolCall] = []
    at, tries = 0, 0
    while tries < MAX_STARTS and (start := re.compile(r"[\[{]\s*[\"{]").search(said, at)) is not None:
        tries += 1
        try:
            value, at = decoder.raw_decode(said, start.start())
        except (ValueError, RecursionError):
            at = start.start() + 1
            continue
        found += _of_json(value, names) or ()
    if found:
        return found
    for match in re.compile(r"^[ \t>`]{0,8}\[?[A-Za-z_][\w.]{0,200}\(", re.MULTILINE).finditer(said):
        if match[0].strip(" \t>`[(") in names:
            return _of_python(said[match.start() :].strip(" \t>`\n")) or []
    return []


# ---- JSON


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name is given twice")
    return found


def _of_json(value: Any, names: set[str] | frozenset[str]) -> list[ToolCall] | None:
    """The calls that a JSON value is; None where it is none."""
    if isinstance(value, Mapping):
        inner = next((value[name] for name in ("tool_calls", "function_calls", "calls") if isinstance(value.get(name), list)), None)
        if inner is not None:
            value = inner
        elif isinstance(value.get("function_call"), Mapping):
            value = [value["function_call"]]
        else:
            value = [value]
    if not isinstance(value, list):
        return None
    found = [_call(one, names) for one in value]
    return [_checked(call) for call in found if call is not None] if None not in found else None


def _call(value: Any, names: set[str] | frozenset[str]) -> ToolCall | None:
    if not isinstance(value, Mapping):
        return None
    if isinstance(value.get("function"), Mapping):
        value = value["function"]
    name = next((value[key] for key in ("name", "function", "tool", "tool_name", "function_name") if isinstance(value.get(key), str)), None)
    given = [value[key] for key in ("arguments", "parameters", "args", "input", "tool_input") if key in value]
    if name is None and len(value) == 1:  # BFCL's form
        ((name, arguments),) = value.items()
        given = [arguments]
        if not isinstance(arguments, Mapping):
            return None
    if name is None or len(given) > 1 or (not given and name not in names):
        return None
    try:
        return tool_call({"name": name, "arguments": given[0] if given and given[0] is not None else {}}, "the call")
    except Refused as refused:
        raise Refused(BAD_CALLS, refused.detail) from refused


def _checked(call: ToolCall) -> ToolCall:
    """The call, whose arguments are within bounds. Raises: Refused with BAD_CALLS."""
    try:
        read_arguments(call)
    except Refused as refused:
        raise Refused(BAD_CALLS, refused.detail) from refused
    return call


# ---- Python-like calls

_NAMES: Mapping[str, Any] = {"true": True, "false": False, "null": None, "none": None, "undefined": None}


def _of_python(written: str) -> list[ToolCall] | None:
    """The calls of a text that is calls, or a list of them, or one a line; None where it is something else.

    Raises: Refused with BAD_CALLS for calls with arguments that have no name, or are no plain values.
    """
    if len(written) > MAX_PYTHON_CHARS or _nesting(written) > MAX_NESTING:
        raise Refused(BAD_CALLS, f"Python-like calls of {len(written):,} characters, nested {_nesting(written)} deep")
    try:
        parsed = ast.parse(written.strip(), mode="exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    nodes = list(_expressions(parsed.body))
    if not nodes or not all(isinstance(node, ast.Call) for node in nodes):
        return None
    calls = []
    for node in nodes:
        assert isinstance(node, ast.Call)
        name = _dotted(node.func)
        if name in ("print", ""):
            return None
        if node.args or any(keyword.arg is None for keyword in node.keywords):
            raise Refused(BAD_CALLS, f"{name[:80]} is called with arguments that have no name")
        given = {str(keyword.arg): _plain(keyword.value) for keyword in node.keywords}
        calls.append(_checked(ToolCall(name, json.dumps(given, ensure_ascii=False))))
    return calls


def _expressions(body: Sequence[ast.stmt]) -> Iterator[ast.expr | None]:
    for statement in body:
        value = statement.value if isinstance(statement, (ast.Expr, ast.Assign)) else None
        yield from value.elts if isinstance(value, (ast.List, ast.Tuple)) else (value,)


def _nesting(written: str) -> int:
    depth = most = 0
    for char in written:
        depth += (char in "([{") - (char in ")]}")
        most = max(most, depth)
    return most


def _dotted(node: ast.expr) -> str:
    words: list[str] = []
    while isinstance(node, ast.Attribute):
        words.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(words)]) if isinstance(node, ast.Name) else ""


def _plain(node: ast.expr) -> Any:
    """The JSON value of an expression. Raises: Refused with BAD_CALLS."""
    if isinstance(node, ast.Constant) and (node.value is None or isinstance(node.value, (bool, int, float, str))):
        return node.value
    if isinstance(node, ast.Name) and node.id.lower() in _NAMES:
        return _NAMES[node.id.lower()]
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_plain(one) for one in node.elts]
    if isinstance(node, ast.Dict) and all(isinstance(key, ast.Constant) and isinstance(key.value, str) for key in node.keys):
        return {key.value: _plain(value) for key, value in zip(node.keys, node.values, strict=True) if isinstance(key, ast.Constant)}
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)) and isinstance(node.operand, ast.Constant):
        value = node.operand.value
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return -value if isinstance(node.op, ast.USub) else value
    raise Refused(BAD_CALLS, f"an argument is {ast.unparse(node)[:80]}, expected a plain value")
