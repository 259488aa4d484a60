"""Calls against schemas: each reason and its neighbour, hostile arguments and patterns, results, cases."""

from __future__ import annotations

import json
from typing import Any

import pytest

from processors.tools.calls import CheckCalls, asks_argument, case_of, check_call, check_results
from processors.tools.schema import read_tools
from schemas.outcome import Refused, Reject
from schemas.parts import Part, Text, ToolCall, ToolResult, Tools
from schemas.records import Conversation, Origin, Turn

DEFINITIONS = [
    {
        "name": "book",
        "description": "Books a table.",
        "parameters": {
            "type": "object",
            "properties": {
                "people": {"type": "integer", "minimum": 1},
                "place": {"type": "string", "enum": ["inside", "outside"], "default": None},
                "guest": {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "number"}}, "required": ["name"]},
                "dishes": {"type": "array", "items": {"type": "string"}, "maxItems": 3, "uniqueItems": True},
                "code": {"type": "string", "pattern": "^[A-Z]{2}[0-9]+$"},
                "when": {
                    "anyOf": [{"type": "string"}, {"type": "object", "properties": {"day": {"type": "integer"}}, "required": ["day"]}]
                },
                "notes": {"type": "object"},
                "marks": {"type": "array", "uniqueItems": True},
                "step": {"type": "number", "multipleOf": 0.5},
            },
            "required": ["people"],
        },
    },
    {"name": "open", "parameters": {"type": "object", "properties": {"a": {}}, "additionalProperties": {"type": "integer"}}},
]
TOOLS = read_tools(json.dumps(DEFINITIONS))


def problem(name: str, arguments: Any) -> str:
    try:
        check_call(ToolCall(name, arguments if isinstance(arguments, str) else json.dumps(arguments)), TOOLS)
    except Refused as refused:
        return refused.reason.name
    return "none"


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ({"people": 2}, {"people": "2"}),
        ({"people": 2.0}, {"people": 2.5}),
        ({"people": 1}, {"people": 0}),
        ({"people": 1}, {"people": True}),
        ({"people": 1, "place": "inside"}, {"people": 1, "place": "Inside"}),
        ({"people": 1, "place": None}, {"people": 1, "code": None}),
        ({"people": 1, "guest": {"name": "A"}}, {"people": 1, "guest": {"age": 5}}),
        ({"people": 1, "guest": {"name": "A", "age": 5}}, {"people": 1, "guest": {"name": "A", "size": 5}}),
        ({"people": 1, "dishes": ["a", "b", "c"]}, {"people": 1, "dishes": ["a", "b", "c", "d"]}),
        ({"people": 1, "dishes": []}, {"people": 1, "dishes": ["a", 5]}),
        ({"people": 1, "dishes": ["a"]}, {"people": 1, "dishes": ["a", "a"]}),
        ({"people": 1, "marks": [1, "1", [1], {"a": 1}]}, {"people": 1, "marks": [{"a": [1]}, {"a": [1.0]}]}),
        ({"people": 1, "marks": list(range(15_000))}, {"people": 1, "marks": [*range(15_000), 0]}),
        ({"people": 1, "code": "AB1"}, {"people": 1, "code": "A1"}),
        ({"people": 1, "when": "now"}, {"people": 1, "when": 5}),
        ({"people": 1, "when": {"day": 5}}, {"people": 1, "when": {"day": 5, "hour": 1}}),
        ({"people": 1, "notes": {"any": [1]}}, {"people": 1, "notes": [1]}),
        ({"people": 1, "step": 1.5}, {"people": 1, "step": 1.4}),
        ({"people": 1}, {"people": 1, "colour": "red"}),
        ({"people": 1, "step": 10**30}, {"people": 1, "step": 10**31}),
        ('{"people": 1}', '{"people": 1, "people": 2}'),
        ('{"people": 1}', '{"people": NaN}'),
        ('{"people": 1}', '{"people": 1e999}'),
        ('{"people": 1}', '["people"]'),
        ('{"people": 1}', '{"people": 1'),
        ('{"people": 1}', "[" * 100_000),
        ('{"people": 1}', '{"people": ' + "9" * 5_000 + "}"),
        ('{"people": 1, "notes": {}}', '{"people": 1, "notes": ' + '{"a":' * 40 + "1" + "}" * 40 + "}"),
        ('{"people": 1}', json.dumps({"people": 1, "when": "x" * 100_001})),
        ({"people": 1, "code": "AB" + "1" * 1_998}, {"people": 1, "code": "AB" + "1" * 1_999}),
    ],
)
def test_arguments_and_their_nearest_bad_ones(good: Any, bad: Any) -> None:
    assert problem("book", good) == "none"
    assert problem("book", bad) == "bad_arguments"


def test_additional_properties_are_taken_where_the_schema_says_so() -> None:
    assert problem("open", {"a": "x", "b": 1}) == "none"
    assert problem("open", {"b": "x"}) == "bad_arguments"


def test_an_unknown_tool_and_a_missing_argument() -> None:
    assert problem("Book", {"people": 1}) == "unknown_tool"
    assert problem("book", {"place": "inside"}) == "missing_argument_not_asked"
    assert problem("open", {}) == "none"


def test_a_detail_names_the_place() -> None:
    with pytest.raises(Refused, match=r"arguments of 'book': \$\.guest\.age: 'old' is not of type 'number'"):
        check_call(ToolCall("book", '{"people": 1, "guest": {"name": "A", "age": "old"}}'), TOOLS)


@pytest.mark.parametrize("pattern", ["^(a+)+$", "(", r"\p{L}+"])
def test_a_pattern_that_cannot_be_used_refuses_the_schema(pattern: str) -> None:
    tools = read_tools(
        json.dumps([{"name": "f", "parameters": {"type": "object", "properties": {"x": {"type": "string", "pattern": pattern}}}}])
    )
    with pytest.raises(Refused, match="bad_tool_schema: pattern"):
        check_call(ToolCall("f", json.dumps({"x": "a" * 60 + "!"})), tools)


def test_more_values_than_can_be_checked_are_refused_before_they_are() -> None:
    items = {"anyOf": [{"type": "object", "properties": {"x": {"enum": list(range(900))}}} for _ in range(4)]}
    tools = read_tools(
        json.dumps([{"name": "f", "parameters": {"type": "object", "properties": {"x": {"type": "array", "items": items}}}}])
    )
    check_call(ToolCall("f", json.dumps({"x": [{}] * 200})), tools)
    with pytest.raises(Refused, match=r"bad_arguments: .*402 values to check with 3,611 subschemas and enum values"):
        check_call(ToolCall("f", json.dumps({"x": [{}] * 400})), tools)


# ---- conversations


def talk(*turns: tuple[str, *tuple[Part, ...]], tools: object = DEFINITIONS) -> Conversation:
    system = (Turn("system", (Tools(json.dumps(tools)),)),) if tools is not None else ()
    return Conversation("k", Origin("s"), (*system, *(Turn(role, parts, role == "assistant") for role, *parts in turns)))  # type: ignore[arg-type]


CALL, RESULT = ToolCall("book", '{"people": 2}'), ToolResult("book", "ok")
ASKED, SAID = ("user", Text("A table, please.")), ("assistant", Text("Done."))


@pytest.mark.parametrize(
    ("reason", "bad", "good"),
    [
        ("no_tools", talk(ASKED, SAID, tools=None), talk(ASKED, SAID)),
        ("no_tools", talk(ASKED, SAID, tools=[]), talk(ASKED, SAID, tools=[{"name": "f"}])),
        ("bad_tool_schema", talk(ASKED, SAID, tools=[{"name": "f", "parameters": 5}]), talk(ASKED, SAID)),
        ("bad_tool_schema", talk(("system", Tools("[]")), ASKED, SAID), talk(("system", Text("x")), ASKED, SAID)),
        ("unknown_tool", talk(ASKED, ("assistant", ToolCall("cook", "{}"))), talk(ASKED, ("assistant", CALL))),
        ("bad_arguments", talk(ASKED, ("assistant", ToolCall("book", '{"people": "two"}'))), talk(ASKED, ("assistant", CALL))),
        (
            "missing_argument_not_asked",
            talk(ASKED, ("assistant", ToolCall("book", "{}"))),
            talk(ASKED, ("assistant", Text("For how many people?"))),
        ),
        (
            "result_without_call",
            talk(ASKED, ("tool_response", RESULT), SAID),
            talk(ASKED, ("assistant", CALL), ("tool_response", RESULT), SAID),
        ),
        (
            "result_without_call",
            talk(ASKED, ("assistant", CALL), ("tool_response", RESULT), ("tool_response", RESULT), SAID),
            talk(ASKED, ("assistant", CALL, CALL), ("tool_response", RESULT), ("tool_response", RESULT), SAID),
        ),
        (
            "result_without_call",
            talk(ASKED, ("assistant", CALL), ("tool_response", ToolResult("open", "ok")), SAID),
            talk(ASKED, ("assistant", CALL), ("tool_response", ToolResult("", "ok")), SAID),
        ),
        ("call_without_result", talk(ASKED, ("assistant", CALL), SAID), talk(ASKED, ("assistant", CALL))),
        (
            "call_without_result",
            talk(ASKED, ("assistant", CALL, CALL), ("tool_response", RESULT), SAID),
            talk(ASKED, ("assistant", CALL, CALL), ("tool_response", RESULT, RESULT), SAID),
        ),
        (
            "call_without_result",
            talk(ASKED, ("assistant", CALL, CALL), ("tool_response", RESULT)),
            talk(ASKED, ("assistant", CALL, CALL), ("tool_response", RESULT), ("tool_response", RESULT)),
        ),
    ],
)
def test_each_reason_and_its_neighbour(reason: str, bad: Conversation, good: Conversation) -> None:
    found = CheckCalls()(bad)
    assert isinstance(found, Reject)
    assert found.reason == reason
    assert reason in {declared.name for declared in CheckCalls.reasons}
    assert isinstance(CheckCalls()(good), Conversation)


@pytest.mark.parametrize(
    ("case", "record"),
    [
        ("simple", talk(ASKED, ("assistant", CALL), tools=DEFINITIONS[:1])),
        ("multiple", talk(ASKED, ("assistant", CALL))),
        ("parallel", talk(ASKED, ("assistant", CALL, CALL), tools=DEFINITIONS[:1])),
        ("parallel_multiple", talk(ASKED, ("assistant", CALL, CALL))),
        ("no_call", talk(ASKED, SAID)),
        ("no_call", talk(ASKED, ("assistant", Text("Shall I dance?")))),
        ("missing_argument", talk(ASKED, ("assistant", Text("For how many people?")))),
        ("missing_argument", talk(ASKED, ("assistant", Text("How many people?")), ("user", Text("2")), ("assistant", CALL))),
        ("multi_turn", talk(ASKED, ("assistant", CALL), ("tool_response", RESULT), SAID, ASKED, ("assistant", CALL))),
        ("multi_turn", talk(ASKED, ("assistant", CALL), ("tool_response", RESULT), ("assistant", CALL))),
    ],
)
def test_cases(case: str, record: Conversation) -> None:
    found = CheckCalls()(record)
    assert isinstance(found, Conversation)
    assert found.facts["tools.case"] == case
    assert found.facts["tools.num_tools"] == len(json.loads(record.turns[0].parts[0].definitions))  # type: ignore[union-attr]
    assert found.facts["tools.num_calls"] == sum(isinstance(part, ToolCall) for turn in record.turns for part in turn.parts)


def test_a_case_that_is_stated_stays() -> None:
    stated = Conversation("k", Origin("s"), talk(ASKED, SAID).turns, {"tools.case": "missing_argument"})
    assert CheckCalls()(stated).facts["tools.case"] == "missing_argument"  # type: ignore[union-attr]


def test_words_of_an_argument() -> None:
    tools = read_tools('[{"name": "f", "parameters": {"numPeople": {"type": "int"}, "start_date": {"type": "string"}}}]')
    assert asks_argument("What date is it?", tools)
    assert asks_argument("How many PEOPLE?", tools)
    assert not asks_argument("Tell me the date.", tools)
    assert not asks_argument("Is it outdated?", tools)


@pytest.mark.parametrize("form", ["flat", "schema"])
def test_tools_are_written_in_one_form_and_read_the_same(form: str) -> None:
    found = CheckCalls(form)(talk(ASKED, ("assistant", CALL)))
    assert isinstance(found, Conversation)
    (tools,) = (part for turn in found.turns for part in turn.parts if isinstance(part, Tools))
    assert read_tools(tools.definitions) == TOOLS
    assert isinstance(CheckCalls(form)(Conversation("k", Origin("s"), found.turns)), Conversation)


def test_the_functions_take_any_turns() -> None:
    check_results(())
    assert case_of((), ()) == "no_call"
