"""BFCL questions: one accepted call is made, the verifier tells right calls from planted wrong ones."""

from __future__ import annotations

import json
from typing import Any

import pytest

from processors.tools.bfcl import accepted_call, accepted_calls, bfcl_turns, check_calls
from processors.tools.schema import read_tools
from schemas.outcome import Refused
from schemas.parts import Text, ToolCall, Tools
from schemas.records import Origin, Row

FUNCTIONS = [
    {
        "name": "geo.area",
        "description": "Area.",
        "parameters": {
            "type": "dict",
            "properties": {
                "base": {"type": "integer"},
                "height": {"type": "float"},
                "unit": {"type": "string"},
                "options": {"type": "dict", "properties": {"round": {"type": "boolean"}, "places": {"type": "integer"}}},
                "points": {"type": "array", "items": {"type": "dict", "properties": {"x": {"type": "integer"}}}},
            },
            "required": ["base", "height"],
        },
    },
    {
        "name": "geo.circle",
        "description": "Circle.",
        "parameters": {"type": "dict", "properties": {"r": {"type": "any"}}, "required": ["r"]},
    },
]
DEFINITIONS = json.dumps(FUNCTIONS)
TOOLS = read_tools(DEFINITIONS)
ANSWER = [{"geo.area": {"base": [10], "height": [5, 5.0], "unit": ["", "cm", "centimetres"]}}]


def turns(asked: str, truth: Any, key: str = "k", **more: Any) -> Any:
    fields = {"id": "simple_1", "question": [[{"role": "user", "content": asked}]], "function": FUNCTIONS, **more}
    if truth is not None:
        fields["ground_truth"] = truth
    return bfcl_turns(Row(key, Origin("s"), fields), TOOLS, DEFINITIONS, 0)


def refusal(asked: str, truth: Any, **more: Any) -> str:
    with pytest.raises(Refused) as caught:
        turns(asked, truth, **more)
    return caught.value.reason.name


def call(name: str, **arguments: Any) -> ToolCall:
    return ToolCall(name, json.dumps(arguments))


def test_a_question_becomes_a_call() -> None:
    system, user, assistant = turns(" The area for 10 and 5? ", ANSWER)
    assert system.parts == (Tools(DEFINITIONS),)
    assert user.parts == (Text("The area for 10 and 5?"),)
    assert assistant.parts == (call("geo.area", base=10, height=5),)
    assert assistant.learned


@pytest.mark.parametrize(
    ("question", "unit"),
    [("In cm, please.", "cm"), ("In centimetres.", "centimetres"), ("In CM.", "cm"), ("Please.", None)],
)
def test_an_argument_that_may_be_left_out_is_given_where_the_question_says_it(question: str, unit: str | None) -> None:
    made = json.loads(accepted_call(accepted_calls({"ground_truth": ANSWER})[0], TOOLS, question).arguments)
    assert made.get("unit") == unit


def test_the_first_accepted_value_that_the_schema_takes() -> None:
    made = accepted_call(("geo.area", {"base": ["ten", 10], "height": [5]}), TOOLS)
    assert json.loads(made.arguments)["base"] == 10
    with pytest.raises(Refused, match="'ten' is not of type 'integer'"):
        accepted_call(("geo.area", {"base": ["ten"], "height": [5]}), TOOLS)
    with pytest.raises(Refused, match="accepts no value"):
        accepted_call(("geo.area", {"base": [], "height": [5]}), TOOLS)


def test_members_of_accepted_objects_are_lists_of_accepted_values() -> None:
    accepted = (
        "geo.area",
        {"base": [1], "height": [2], "options": [{"round": [True], "places": ["", 2]}], "points": [[{"x": [1]}, {"x": [2]}]]},
    )
    made = accepted_call(accepted, TOOLS)
    assert json.loads(made.arguments) == {"base": 1, "height": 2, "options": {"round": True}, "points": [{"x": 1}, {"x": 2}]}
    assert check_calls([made], [accepted], TOOLS) == ""
    given = json.loads(made.arguments)
    for wrong in ({"options": {"round": False}}, {"options": {}}, {"points": [{"x": 2}, {"x": 1}]}, {"points": [{"x": 1}]}):
        assert check_calls([call("geo.area", **{**given, **wrong})], [accepted]) != ""
    assert check_calls([call("geo.area", **{**given, "options": {"round": True, "places": 2}})], [accepted]) == ""


def test_a_system_message_stands_before_the_tools() -> None:
    question = [[{"role": "system", "content": "Be exact."}, {"role": "user", "content": "10 and 5?"}]]
    assert turns("", ANSWER, question=question)[0].parts == (Text("Be exact."), Tools(DEFINITIONS))


def test_where_no_tool_serves_the_assistant_says_so() -> None:
    said = {turns("Who sang it?", None, key, id="irrelevance_5")[-1].parts[0].text for key in "abcdefghij"}
    assert len(said) > 5
    assert all("geo.area" in text or "geo.circle" in text or "tool" in text or "function" in text.lower() for text in said)
    assert turns("Who sang it?", [])[-1].parts == turns("Who sang it?", None, id="live_irrelevance_1-0-0")[-1].parts


@pytest.mark.parametrize(
    ("reason", "truth", "more"),
    [
        ("no_accepted_answer", None, {"id": "live_relevance_1-1-0"}),
        ("no_accepted_answer", None, {}),
        ("bad_question", {"geo.area": {}}, {}),
        ("bad_question", [["geo.area(base=10)"]], {}),
        ("bad_question", [{"geo.area": {"base": 10}}], {}),
        ("bad_question", [{"a": {}, "b": {}}], {}),
        ("bad_question", ANSWER * 65, {}),
        ("bad_question", ANSWER, {"question": []}),
        ("bad_question", ANSWER, {"question": [[{"role": "user", "content": "a"}], [{"role": "user", "content": "b"}]]}),
        ("bad_question", ANSWER, {"question": [[{"role": "user", "content": " "}]]}),
        ("bad_question", ANSWER, {"question": [[{"role": "system", "content": "a"}]]}),
        ("unknown_tool", [{"geo.cube": {"a": [1]}}], {}),
        ("missing_argument_not_asked", [{"geo.area": {"base": [1]}}], {}),
        ("bad_arguments", [{"geo.area": {"base": ["b"], "height": [1]}}], {}),
    ],
)
def test_refusals(reason: str, truth: Any, more: dict[str, Any]) -> None:
    assert refusal("10 and 5?", truth, **more) == reason


# ---- the verifier


ONE = accepted_calls({"ground_truth": ANSWER})
TWO = accepted_calls({"ground_truth": [*ANSWER, {"geo.area": {"base": [3], "height": [4], "unit": ["m"]}}]})
RIGHT = call("geo.area", base=10, height=5)


@pytest.mark.parametrize(
    "right",
    [
        RIGHT,
        call("geo.area", base=10.0, height=5, unit="CM"),
        call("geo.area", base=10, height=5, unit="c.m."),
        call("geo.area", height=5, base=10),
    ],
)
def test_accepted(right: ToolCall) -> None:
    assert check_calls([right], ONE, TOOLS) == ""


@pytest.mark.parametrize(
    ("calls", "problem"),
    [
        ([call("geo.circle", base=10, height=5)], "calls geo.circle, expected geo.area"),
        ([call("geo.area", base=11, height=5)], "argument base is 11"),
        ([call("geo.area", base="10", height=5)], 'argument base is "10"'),
        ([call("geo.area", base=True, height=5)], "argument base is true"),
        ([call("geo.area", base=10)], "argument height is missing"),
        ([call("geo.area", base=10, height=5, colour="red")], "argument colour is not accepted"),
        ([call("geo.area", base=5, height=10)], "argument base is 5"),
        ([call("geo.area", base=10, height=5, unit="m")], 'argument unit is "m"'),
        ([RIGHT, RIGHT], "2 calls, expected 1"),
        ([], "0 calls, expected 1"),
    ],
)
def test_planted_wrong_calls(calls: list[ToolCall], problem: str) -> None:
    assert check_calls(calls, ONE) == problem


def test_parallel_calls_in_any_order_each_once() -> None:
    other = call("geo.area", base=3, height=4, unit="m")
    assert check_calls([RIGHT, other], TWO) == check_calls([other, RIGHT], TWO) == ""
    assert check_calls([RIGHT, RIGHT], TWO) == "two calls answer the same accepted one"


def test_a_call_that_fits_two_is_given_to_the_one_that_nobody_else_fits() -> None:
    accepted = accepted_calls({"ground_truth": [{"geo.circle": {"r": [1, 2]}}, {"geo.circle": {"r": [1]}}]})
    assert check_calls([call("geo.circle", r=1), call("geo.circle", r=2)], accepted) == ""
    assert check_calls([call("geo.circle", r=2), call("geo.circle", r=2)], accepted) != ""


def test_texts_are_exact_where_two_calls_differ_in_nothing_else() -> None:
    accepted = accepted_calls({"ground_truth": [{"geo.circle": {"r": ["AA"]}}, {"geo.circle": {"r": ["aa"]}}]})
    assert check_calls([call("geo.circle", r="aa"), call("geo.circle", r="AA")], accepted) == ""
    assert check_calls([call("geo.circle", r="aa"), call("geo.circle", r="aa")], accepted) != ""


def test_the_schema_says_more_than_the_accepted_values() -> None:
    accepted = accepted_calls({"ground_truth": [{"geo.area": {"base": [10, ""], "height": [5]}}]})
    assert check_calls([call("geo.area", height=5)], accepted) == ""
    assert "missing_argument" in check_calls([call("geo.area", height=5)], accepted, TOOLS)
