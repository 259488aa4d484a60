"""Definitions of tools: every form gives one tool, both written forms come back, and hostile ones are refused within bounds."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from processors.tools.schema import FORMS, MAX_DEPTH, MAX_ENUM, MAX_NODES, MAX_TOOLS, Tool, read_tool, read_tools, write_tools
from schemas.outcome import Refused

CITY = {"description": "Where", "type": "string"}
UNIT = {"description": "In what", "type": "string", "enum": ["C", "F"], "default": "C"}
WEATHER = Tool("weather", "Tells it.", {"type": "object", "properties": {"city": CITY, "unit": UNIT}, "required": ["city"]})


def refused(tools: object) -> Refused:
    with pytest.raises(Refused) as caught:
        read_tools(tools if isinstance(tools, str) else json.dumps(tools))
    return caught.value


def taking(**properties: object) -> dict[str, Any]:
    return {"name": "f", "description": "", "parameters": {"type": "object", "properties": properties}}


@pytest.mark.parametrize(
    "told",
    [
        {"type": "function", "function": {"name": "weather", "description": "Tells it.", "parameters": dict(WEATHER.parameters)}},
        {"name": "weather", "description": "Tells it.", "parameters": dict(WEATHER.parameters)},
        {"name": "weather", "description": " Tells it. ", "input_schema": dict(WEATHER.parameters)},
        {"name": "weather", "description": "Tells it.", "parameters": {"properties": {"city": CITY, "unit": UNIT}, "required": ["city"]}},
        {
            "name": "weather",
            "description": "Tells it.",
            "parameters": {"type": "dict", "properties": {"city": {**CITY, "type": "String"}, "unit": UNIT}, "required": ["city"]},
        },
        {"name": "weather", "description": "Tells it.", "parameters": {"city": {**CITY, "type": "str"}, "unit": UNIT}},
        {
            "name": "weather",
            "description": "Tells it.",
            "parameters": {"city": {**CITY, "required": True}, "unit": {**UNIT, "required": False}},
        },
    ],
    ids=["openai", "bare", "anthropic", "no type", "bfcl", "flat", "flat with required"],
)
def test_every_form_gives_the_same_tool(told: dict[str, Any]) -> None:
    assert read_tool(told) == WEATHER


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *(("dict", "object"), ("HashMap", "object"), ("tuple", "array"), ("ArrayList", "array"), ("Array", "array"), ("Set", "array")),
        *(("float", "number"), ("double", "number"), ("Long", "integer"), ("int", "integer"), ("byte", "integer"), ("bool", "boolean")),
        *(("char", "string"), ("String", "string"), ("List<String>", "array"), ("any", None), ("", None), ("NoneType", "null")),
    ],
)
def test_names_of_types(name: str, expected: str | None) -> None:
    assert read_tool(taking(x={"type": name})).properties["x"] == ({"type": expected} if expected else {})


def test_a_type_may_be_a_list_and_nullable_adds_null() -> None:
    assert read_tool(taking(x={"type": ["string", "int"]})).properties["x"]["type"] == ["string", "integer"]
    assert read_tool(taking(x={"type": "string", "nullable": True})).properties["x"]["type"] == ["string", "null"]
    assert "gadget" in str(refused([taking(x={"type": "gadget"})]))


def test_a_flat_argument_without_a_default_is_required() -> None:
    assert read_tool({"name": "f", "parameters": {"a": {"type": "int"}, "b": {"type": "int", "default": 1}}}).required == ("a",)
    assert read_tool({"name": "f", "parameters": {"a": {"type": "int", "optional": True}}}).required == ()
    assert read_tool({"name": "f", "parameters": {"type": {"type": "string"}, "properties": {"type": "string"}}}).required == (
        "type",
        "properties",
    )


def test_the_flat_form_is_the_model_cards() -> None:
    assert write_tools([WEATHER], "flat") == json.dumps(
        [{"name": "weather", "description": "Tells it.", "parameters": {"city": CITY, "unit": UNIT}}]
    )
    optional = read_tool(
        {"name": "f", "parameters": {"type": "object", "properties": {"a": {"type": "string"}, "b": UNIT}, "required": ["b"]}}
    )
    flat = json.loads(write_tools([optional], "flat"))[0]["parameters"]
    assert flat == {"a": {"type": "string", "required": False}, "b": {**UNIT, "required": True}}
    with pytest.raises(ValueError, match="form of tools is 'round'"):
        write_tools([WEATHER], "round")


@pytest.mark.parametrize(
    "parameters",
    [
        {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": {"type": "integer"}},
        {"type": "object", "properties": {"a": {"type": "object", "properties": {"b": {}}, "required": ["b"]}}},
        {"type": "object", "properties": {"properties": {}}, "required": ["properties"]},
    ],
    ids=["says more", "two kinds of required", "an argument named properties"],
)
def test_what_has_no_flat_form_is_written_whole(parameters: dict[str, Any]) -> None:
    tool = read_tool({"name": "f", "parameters": parameters})
    written = json.loads(write_tools([tool], "flat"))[0]["parameters"]
    assert written["type"] == "object"
    assert read_tools(write_tools([tool], "flat")) == (tool,)


LEAVES = st.fixed_dictionaries(
    {"type": st.sampled_from(["string", "integer", "number", "boolean"])},
    optional={"description": st.text(max_size=8), "default": st.none() | st.integers() | st.text(max_size=3)},
)
SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda items: {"type": "array", "items": items}, inner),
        st.builds(
            lambda members, needs: {"type": "object", "properties": members, "required": sorted(members)[:needs]},
            st.dictionaries(st.sampled_from(["a", "type", "properties", "required"]), inner, max_size=3),
            st.integers(0, 2),
        ),
        st.builds(lambda one, other: {"anyOf": [one, other]}, inner, inner),
    ),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(["a", "b", "type", "properties", "items"]), SCHEMAS, max_size=4), st.integers(0, 3), st.booleans())
def test_both_forms_come_back_and_are_json_schema(properties: dict[str, Any], needs: int, is_open: bool) -> None:
    parameters = {"type": "object", "properties": properties, "required": list(properties)[:needs]}
    if is_open:
        parameters["additionalProperties"] = True
    tool = read_tool({"name": "f", "description": "d", "parameters": parameters})
    Draft202012Validator.check_schema(dict(tool.parameters))
    for form in FORMS:
        assert read_tools(write_tools([tool], form)) == (tool,)


def test_local_references_are_written_out() -> None:
    point = {"type": "object", "properties": {"x": {"type": "number"}}, "required": ["x"]}
    for word in ("$defs", "definitions"):
        parameters = {
            "type": "object",
            "properties": {"from": {"$ref": f"#/{word}/Point", "description": "Start"}, "to": {"$ref": f"#/{word}/Point"}},
            word: {"Point": point},
        }
        tool = read_tool({"name": "f", "parameters": parameters})
        assert tool.parameters == {"type": "object", "properties": {"from": {**point, "description": "Start"}, "to": point}}


def test_bounds_of_older_drafts() -> None:
    assert read_tool(taking(x={"type": "number", "minimum": 0, "exclusiveMinimum": True})).properties["x"] == {
        "type": "number",
        "exclusiveMinimum": 0,
    }
    assert read_tool(taking(x={"type": "number", "maximum": 9, "exclusiveMaximum": False})).properties["x"] == {
        "type": "number",
        "maximum": 9,
    }
    assert read_tool(taking(x={"type": "array", "items": [{"type": "string"}]})).properties["x"]["prefixItems"] == [{"type": "string"}]


@pytest.mark.parametrize(
    ("tools", "detail"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ({"name": "f"}, "expected a list"),
        ([5], "without a name"),
        ([{"name": " "}], "without a name"),
        ([{"name": "f", "description": 5}], "expected text"),
        ([{"name": "f", "parameters": []}], "expected an object"),
        ([{"name": "f", "parameters": {"a": "text"}}], "expected an object with type"),
        ([{"name": "f", "parameters": {"type": "array"}}], "expected object"),
        ([{"name": "f", "parameters": {"type": "object", "properties": []}}], "expected an object"),
        ([{"name": "f", "parameters": {"type": "object", "required": ["a"]}}], "not among its arguments"),
        ([{"name": "f"}, {"name": "f"}], "defined twice"),
        ([{"name": f"f{number}"} for number in range(MAX_TOOLS + 1)], "129 tools"),
        ([taking(x=5)], "expected an object"),
        ([taking(x={"anyOf": []})], "list of schemas"),
        ([taking(x={"minLength": -1})], "minLength"),
        ([taking(x={"minimum": "5"})], "minimum"),
        ([taking(x={"multipleOf": 0})], "multipleOf"),
        ([taking(x={"required": ["a", 5]})], "required"),
        ([taking(x={"patternProperties": {".*": {}}})], "not checked here"),
        ([taking(x={"$ref": "https://example.com/schema.json"})], "leads out of the definition"),
        ([taking(x={"$ref": "file:///etc/passwd"})], "leads out of the definition"),
        ([taking(x={"$ref": "#"})], "leads out of the definition"),
        ([taking(x={"$ref": "#/properties/x"})], "leads back to itself"),
        ([taking(x={"$ref": "#/$defs/None"})], "leads nowhere"),
        ([taking(x={"$dynamicRef": "#node"})], "not checked here"),
        ([taking(x={"enum": list(range(MAX_ENUM + 1))})], "enum"),
        ([taking(x={"pattern": "a" * 501})], "pattern"),
        ([taking(x={"pattern": 5})], "pattern"),
        ([taking(**{f"x{number}": {} for number in range(MAX_NODES)})], "more than 4,000 subschemas"),
    ],
)
def test_definitions_that_are_refused(tools: object, detail: str) -> None:
    found = refused(tools)
    assert found.reason.name == "bad_tool_schema"
    assert detail in found.detail


def test_no_tools() -> None:
    assert refused([]).reason.name == "no_tools"


def nested(levels: int) -> dict[str, Any]:
    return {"type": "array", "items": nested(levels - 1)} if levels else {}


def test_the_nearest_that_are_not_refused() -> None:
    assert len(read_tools(json.dumps([{"name": f"f{number}"} for number in range(MAX_TOOLS)]))) == MAX_TOOLS
    assert len(read_tool(taking(x={"enum": list(range(MAX_ENUM))})).properties["x"]["enum"]) == MAX_ENUM
    assert read_tool(taking(x=nested(MAX_DEPTH - 1))).name == "f"
    assert "levels deep" in str(refused([taking(x=nested(MAX_DEPTH))]))
    assert read_tool(taking(x={"enum": []})).properties["x"] == {}


def test_references_that_grow_without_end_are_cut_off_by_count() -> None:
    """Twenty definitions, each of which names the next one twice, would be a million subschemas."""
    names = {f"d{level}": {"anyOf": [{"$ref": f"#/$defs/d{level + 1}"}, {"$ref": f"#/$defs/d{level + 1}"}]} for level in range(10)}
    parameters = {"type": "object", "properties": {"x": {"$ref": "#/$defs/d0"}}, "$defs": {**names, "d10": {"anyOf": [{}] * 8}}}
    assert "more than 4,000 subschemas" in str(refused([{"name": "f", "parameters": parameters}]))
