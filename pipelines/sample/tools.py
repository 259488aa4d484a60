"""Rows about tools in every form and case: chat messages, accepted calls, seeds of made conversations, and planted bad ones."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from pipelines.sample.lines import write_lines
from schemas.identity import keyed_rng

LICENCE = "CC0-1.0"
PER_SIZE = 12
CITIES = ("Bergen", "Quito", "Osaka", "Turin", "Accra", "Leeds")
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Tells the weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "Name of the city"},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"], "description": "Unit of temperature", "default": "celsius"},
            },
            "required": ["city"],
        },
    },
}
AREA = {
    "name": "area.rectangle",
    "description": "Area of a rectangle.",
    "parameters": {
        "type": "dict",
        "properties": {
            "width": {"type": "float", "description": "Width in metres"},
            "height": {"type": "float", "description": "Height in metres"},
            "unit": {"type": "string", "description": "Unit of the result. Default is 'm2'."},
        },
        "required": ["width", "height"],
    },
}
ROOMS = {"name": "rooms.book", "description": "Books a room.", "parameters": {"room": {"type": "str", "description": "Number of the room"}}}
Rows = list[tuple[dict[str, Any], str]]


def make_tools(folder: Path, size: int, seed: int) -> None:
    """`tools/calls.jsonl`, and `tools/truth.jsonl`, which says of each line what must come of it: kept, or the reason of its refusal.

    Every form (chat messages, BFCL questions, queries with answers, seeds) and every case (`tools.case`) is there.
    """
    place = folder / "tools"
    place.mkdir(parents=True, exist_ok=True)
    rows: Rows = []
    for number in range(PER_SIZE * size):
        rng = keyed_rng(seed, "sample_tools", str(number))
        city, other = (CITIES[int(index)] for index in rng.permutation(len(CITIES))[:2])
        rows += _kept(number, city, other, int(rng.integers(-5, 30)), int(rng.integers(2, 40)))
    rows.append(({"topic": "any", "count": 9 * size, "licence": LICENCE}, "kept"))
    rows += _planted()
    write_lines(place / "calls.jsonl", [row for row, _ in rows])
    write_lines(place / "truth.jsonl", [{"line": number, "expected": expected} for number, (_, expected) in enumerate(rows)])


def _call(name: str, arguments: dict[str, Any], number: int = 0) -> dict[str, Any]:
    return {"id": f"call_{number}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}


def _result(content: object, number: int = 0) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": f"call_{number}", "content": json.dumps(content)}


def _chat(*messages: dict[str, Any]) -> dict[str, Any]:
    return {"messages": list(messages), "tools": [WEATHER], "lang": "en", "licence": LICENCE}


def _user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def _assistant(text: str | None, *calls: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": text, **({"tool_calls": list(calls)} if calls else {})}


def _kept(number: int, city: str, other: str, degrees: int, width: int) -> Rows:
    """One row of the form and case whose turn it is."""
    asked, called = _user(f"What is the weather in {city}?"), _assistant(None, _call("get_weather", {"city": city}))
    told = _assistant(f"It is {degrees} °C in {city}.")
    question = [[_user(f"What is the area of a rectangle {width} m wide and {width + 2} m high?")]]
    accepted = [{"area.rectangle": {"width": [width], "height": [width + 2], "unit": ["", "m2"]}}]
    forms: list[dict[str, Any]] = [
        _chat(asked, called, _result({"temperature": degrees}), told),
        _chat(
            _user(f"Compare the weather in {city} and {other}."),
            _assistant(None, _call("get_weather", {"city": city}, 0), _call("get_weather", {"city": other}, 1)),
            _result({"temperature": degrees - 2}, 1),  # results may come in any order; their ids tell whose they are
            _result({"temperature": degrees}, 0),
            _assistant(f"{city} has {degrees} °C, {other} {degrees - 2} °C."),
        ),
        _chat(_user("What is the weather like?"), _assistant("In which city?"), _user(f"In {city}."), called),
        _chat(
            *(asked, called, _result({"temperature": degrees}), told, _user(f"And in {other}, in Fahrenheit?")),
            *(
                _assistant(None, _call("get_weather", {"city": other, "unit": "fahrenheit"})),
                _result({"temperature": 50}),
                _assistant("50 °F."),
            ),
        ),
        _chat(_user("Thank you, that was all."), _assistant("You are welcome.")),
        {"id": f"simple_{number}", "question": question, "function": [AREA], "ground_truth": accepted, "licence": LICENCE},
        {"id": f"multiple_{number}", "question": question, "function": [ROOMS, AREA], "ground_truth": accepted, "licence": LICENCE},
        {"id": f"irrelevance_{number}", "question": [[_user(f"Who founded {city}?")]], "function": [AREA], "licence": LICENCE},
        {
            "query": f"Book room {width}.",
            "tools": [ROOMS],
            "answers": [{"name": "rooms.book", "arguments": {"room": str(width)}}],
            "licence": LICENCE,
        },
        {
            "conversations": [
                {"from": "human", "value": f"Book room {width}."},
                {"from": "function_call", "value": json.dumps({"name": "rooms.book", "arguments": {"room": str(width)}})},
                {"from": "observation", "value": "booked"},
                {"from": "gpt", "value": f"Room {width} is yours."},
            ],
            "tools": json.dumps([ROOMS]),
            "licence": LICENCE,
        },
    ]
    return [(forms[number % len(forms)], "kept")]


def _planted() -> Rows:
    """A bad row for each reason to refuse one."""
    city, asked = CITIES[0], _user(f"What is the weather in {CITIES[0]}?")
    good, done = _call("get_weather", {"city": city}), _assistant("Done.")
    untold = {"id": "live_relevance_0", "question": [[asked]], "function": [AREA], "licence": LICENCE}
    far = copy.deepcopy(WEATHER)
    far["function"]["parameters"] = {"$ref": "https://example.com/weather.json"}  # type: ignore[index]
    return [
        (_chat(asked, _assistant(None, _call("get_climate", {"city": city}))), "unknown_tool"),
        (_chat(asked, _assistant(None, _call("get_weather", {"city": city, "unit": "kelvin"}))), "bad_arguments"),
        (_chat(asked, _assistant(None, _call("get_weather", {"city": city, "day": "Monday"}))), "bad_arguments"),
        (_chat(asked, _assistant(None, _call("get_weather", {}))), "missing_argument_not_asked"),
        (_chat(asked, _assistant(None, good), _result("fine", 1), done), "result_without_call"),
        (_chat(asked, _assistant(None, good), done), "call_without_result"),
        ({**_chat(asked, done), "tools": []}, "no_tools"),
        ({**_chat(asked, done), "tools": [far]}, "bad_tool_schema"),
        (untold, "no_accepted_answer"),
        ({**untold, "id": "simple_0", "ground_truth": [["area.rectangle(1, 2)"]]}, "bad_question"),
        ({"topic": "cooking", "count": 3, "licence": LICENCE}, "bad_seed"),
        (_chat(asked), "no_answer"),
    ]
