"""Function calls in every spelling, planted wrong ones, no call at all, and texts that only look like calls."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.verify.calls import AGAINST_SCHEMA, NEEDLESS_CALL, NO_CALL, read_calls, verify
from processors.verify.verdict import CANNOT_TELL, DIFFERENT, RIGHT, UNREADABLE, WRONG
from schemas.outcome import Refused

TOOLS = [
    {"name": "geo.area", "description": "Area.", "parameters": {"type": "object", "properties": {
        "base": {"type": "integer"}, "height": {"type": "number"}, "unit": {"type": "string"}, "tags": {"type": "array", "items": {"type": "string"}},
    }, "required": ["base", "height"]}},
    {"name": "weather", "description": "Weather.", "parameters": {"type": "object", "properties": {"city": {"type": "string"}, "far": {"type": "boolean"}}, "required": ["city"]}},
]  # fmt: skip
AREA = {"geo.area": {"base": [10], "height": [5, 5.5], "unit": ["", "cm"]}}
WEATHER = {"weather": {"city": ["Paris", "Paris, France"], "far": ["", False]}}


def judged(accepted: list[Any]) -> dict[str, Any]:
    return {"tools": TOOLS, "accepted": accepted}


def call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"name": name, "arguments": arguments}


def spellings(calls: list[dict[str, Any]]) -> Iterator[str]:
    listed = json.dumps(calls)
    openai = [{"id": "c1", "type": "function", "function": {**one, "arguments": json.dumps(one["arguments"])}} for one in calls]
    python = [f"{one['name']}({', '.join(f'{name}={value!r}' for name, value in one['arguments'].items())})" for one in calls]
    yield f"<|tool_call|>{listed}<|/tool_call|>"
    yield f"Let me look.<|tool_call|>{listed}<|/tool_call|><|end|>"
    yield "".join(f"<|tool_call|>[{json.dumps(one)}]<|/tool_call|>" for one in calls)
    yield "\n".join(f"<tool_call>\n{json.dumps(one)}\n</tool_call>" for one in calls)
    yield f"[TOOL_CALLS]{listed}"
    yield "\n".join(f"<function={one['name']}>{json.dumps(one['arguments'])}</function>" for one in calls)
    yield listed
    yield f"```json\n{json.dumps(calls, indent=2)}\n```"
    yield "\n".join(f"First\n```\n{json.dumps(one)}\n```" for one in calls)
    yield json.dumps({"tool_calls": openai})
    yield json.dumps({"role": "assistant", "content": None, "tool_calls": openai})
    yield json.dumps([{one["name"]: one["arguments"]} for one in calls])
    yield json.dumps([{"name": one["name"], "parameters": one["arguments"]} for one in calls])
    yield f"I will call {listed} for you."
    yield f"<think>weather(city='Rome')</think>{listed}"
    yield f"[{', '.join(python)}]"
    yield "\n".join(python)
    yield f"```python\n[{', '.join(python)}]\n```"
    yield f"The calls:\n[{', '.join(python)}]"


RIGHTS = [
    ([call("geo.area", base=10, height=5)], [AREA]),
    ([call("geo.area", base=10, height=5.5, unit="cm")], [AREA]),
    ([call("weather", city="Paris")], [WEATHER]),
    ([call("weather", city="paris", far=False)], [WEATHER]),
    ([call("weather", city="Paris"), call("geo.area", base=10, height=5)], [AREA, WEATHER]),  # in any order
    ([call("geo.area", base=10, height=5), call("geo.area", base=11, height=5)], [AREA, {"geo.area": {"base": [11], "height": [5]}}]),
]
WRONGS = [
    ([call("geo.area", base=11, height=5)], [AREA]),  # another value
    ([call("geo.area", base=10)], [AREA]),  # an argument is missing
    ([call("geo.area", base=10, height=5, colour="red")], [AREA]),  # one too many
    ([call("geo.area", base="10", height=5)], [AREA]),  # another type
    ([call("geo.area", base=10, height=5, unit="inch")], [AREA]),
    ([call("weather", city="Rome")], [WEATHER]),
    ([call("weather", city="Paris", far=True)], [WEATHER]),
    ([call("forecast", city="Paris")], [WEATHER]),  # another function
    ([call("weather", city="Paris"), call("weather", city="Paris")], [WEATHER]),  # a call too many
    ([call("weather", city="Paris")], [AREA, WEATHER]),  # a call too few
    ([call("geo.area", base=10, height=5), call("geo.area", base=10, height=5)], [AREA, {"geo.area": {"base": [11], "height": [5]}}]),
]


@pytest.mark.parametrize(("calls", "accepted"), RIGHTS)
def test_right_in_every_spelling(calls: list[dict[str, Any]], accepted: list[Any]) -> None:
    for text in spellings(calls):
        answer, verdict = verify(text, judged(accepted))
        assert verdict.value == RIGHT, text
        assert json.loads(answer) == calls


@pytest.mark.parametrize(("calls", "accepted"), WRONGS)
def test_wrong_in_every_spelling(calls: list[dict[str, Any]], accepted: list[Any]) -> None:
    for text in spellings(calls):
        verdict = verify(text, judged(accepted))[1]
        assert verdict.value == WRONG, text
        assert verdict.cause in (DIFFERENT, NO_CALL)  # a function that there is not, in prose, is no call


def test_no_call() -> None:
    told = verify("I have no tool for this, sorry.", judged([]))
    assert (told[0], told[1].value) == ("", RIGHT)
    assert verify("[]", judged([]))[1].value == RIGHT
    verdict = verify(json.dumps(call("weather", city="Paris")), judged([]))[1]
    assert (verdict.value, verdict.cause) == (WRONG, NEEDLESS_CALL)
    verdict = verify("I cannot help.", judged([WEATHER]))[1]
    assert (verdict.value, verdict.cause) == (WRONG, NO_CALL)
    assert verify("[]", judged([WEATHER]))[1].cause == NO_CALL


@pytest.mark.parametrize(
    "text",
    [
        "I would ask weather about Paris.",
        '<|tool_call|>[{"name": "weather", "arguments": {"city": "Par',
        '<|tool_call|>[{"name": "weather"<|/tool_call|>',
        '<|tool_call|>[{"name": "weather", "arguments": {"city": "Rome", "city": "Paris"}}]<|/tool_call|>',
        "weather('Paris')",
        "weather(city=get_city())",
        'weather(city="Paris"',
        '{"name": "weather", "arguments": {"city": "Paris"}',
        '{"name": "weather", "arguments": "Paris"}',
        '{"name": "weather", "arguments": {"city": 1e40}}',
    ],
)
def test_calls_that_cannot_be_read_leave_it_open(text: str) -> None:
    verdict = verify(text, judged([WEATHER]))[1]
    assert (verdict.value, verdict.cause) == (CANNOT_TELL, UNREADABLE)


def test_what_only_the_schema_refuses_is_left_open() -> None:
    slip = {"weather": {"city": [7]}}
    verdict = verify(json.dumps(call("weather", city=7)), judged([slip]))[1]
    assert (verdict.value, verdict.cause) == (CANNOT_TELL, AGAINST_SCHEMA)
    assert verify(json.dumps(call("weather", city=7)), {"accepted": [slip]})[1].value == RIGHT
    assert verify(json.dumps(call("weather", city=8)), judged([slip]))[1].value == WRONG


def test_names_without_dots_are_left_open() -> None:
    text = json.dumps(call("geo_area", base=10, height=5))
    assert verify(text, judged([AREA]))[1].value == CANNOT_TELL
    assert verify(text.replace("10", "11"), judged([AREA]))[1].value == WRONG


def test_accepted_calls_that_are_none() -> None:
    assert verify("x", {"tools": TOOLS, "accepted": [{"a": 1, "b": 2}]})[1].cause == UNREADABLE
    assert verify("x", {"tools": "nonsense", "accepted": []})[1].value == RIGHT


def test_what_is_no_call() -> None:
    for text in (
        "",
        "Hello (world).",
        '{"answer": 5}',
        "print(5)",
        "[1, 2]",
        "```python\nx = 5\n```",
        "{",
        "f(",
        '{"a": {"b": 1}, "c": 2}',
    ):
        assert read_calls(text) == []
    assert [one.name for one in read_calls("weather(city='Paris')")] == ["weather"]
    with pytest.raises(Refused, match="bad_calls: f is called with arguments that have no name"):
        read_calls("f(1)")


HOSTILE = [
    "[" * 100_000,
    '{"' * 50_000,
    '[{"name": "weather", ' * 8_000,
    "f(" * 9_000,
    "f(a=" + "-" * 15_000 + "1)",
    "f(a=" + "not " * 4_000 + "1)",
    "f(a=" + "1+" * 9_000 + "1)",
    "f(a=" + "[" * 60 + "]" * 60 + ")",
    "f(a=" + "9" * 10_000 + ")",
    "f(a=b" + ".c" * 8_000 + ")",
    "f" + ".c" * 9_000 + "(a=1)",
    "<tool_call>" * 10_000,
    "<tool_call></tool_call>" * 5_000,
    "```json\n" * 12_000,
    "weather(\n" * 10_000,
    "<function=a>" * 10_000,
    "f(a=\x00)",
    "f(a='\ud800')",
    "x" * 300_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:12].encode("unicode_escape").decode())
def test_hostile_texts_end(text: str) -> None:
    assert verify(text, judged([WEATHER]))[1].value in (WRONG, CANNOT_TELL)


PIECES = [
    '{"name": "weather", "arguments": {"city": "Paris"}}',
    "[",
    "]",
    "{",
    "}",
    '"',
    ",",
    ":",
    "weather(",
    "city=",
    "'Paris'",
    ")",
    "```json\n",
    "\n```",
    "<|tool_call|>",
]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([*PIECES, "<|/tool_call|>", " ", "\n", "x"]), max_size=14).map("".join))
def test_any_text_has_one_verdict(text: str) -> None:
    assert verify(text, judged([WEATHER])) == verify(text, judged([WEATHER]))
