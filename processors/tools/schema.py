"""Definitions of tools: the forms in which they are shared, read into one, written in two, and bounded.

Read are OpenAI's form ({"type": "function", "function": {...}}), the bare {"name", "description", "parameters"} with a JSON
Schema, the same with `input_schema`, BFCL's (types "dict", "float", "tuple", "any" and those of Java and JavaScript), and the
model card's flat form, where `parameters` maps each argument to {"description", "type", "default"}. Inside is always a JSON
Schema of type object, of which local references are written out; what would need the network, or never end, is refused.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.outcome import Reason, Refused

NO_TOOLS = Reason("no_tools", "The conversation has no list of tools, or an empty one")
BAD_TOOL_SCHEMA = Reason(
    "bad_tool_schema", "A tool's definition is no JSON Schema of an object, or one that cannot be checked within bounds"
)

MAX_TOOLS = 128  # the most that OpenAI's interface takes
MAX_CHARS = 400_000  # of all definitions: about as much as the context of 131,072 tokens holds
MAX_NODES = 4_000  # subschemas of one definition, references written out
MAX_DEPTH = 24
MAX_ENUM = 1_000
MAX_PATTERN_CHARS = 500

FORMS = ("flat", "schema")

# names of types that data sets use, by JSON Schema's; "" stands for any value
TYPES = {
    **{name: name for name in ("object", "array", "string", "number", "integer", "boolean", "null")},
    **dict.fromkeys(("dict", "dictionary", "map", "hashmap", "hashtable", "struct", "record", "json"), "object"),
    **dict.fromkeys(("list", "tuple", "set", "arraylist", "queue", "stack", "sequence"), "array"),
    **dict.fromkeys(("str", "char", "text"), "string"),
    **dict.fromkeys(("float", "double", "decimal"), "number"),
    **dict.fromkeys(("int", "long", "short", "byte", "bigint"), "integer"),
    "bool": "boolean",
    **dict.fromkeys(("none", "nonetype"), "null"),
    **dict.fromkeys(("any", "", "undefined", "function"), ""),
}
_LISTS = ("prefixItems", "anyOf", "oneOf", "allOf")
_SINGLE = ("items", "additionalProperties", "not", "contains", "propertyNames", "if", "then", "else")
# what JSON Schema's own schema says of the words that hold no schema; that one, with its dynamic references, takes fifty times as long
_WORDS: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
    (("title", "description", "format"), {"type": "string"}),
    (("enum", "examples"), {"type": "array", "maxItems": MAX_ENUM}),
    (("minLength", "maxLength", "minItems", "maxItems"), {"type": "integer", "minimum": 0}),
    (("minProperties", "maxProperties", "minContains", "maxContains"), {"type": "integer", "minimum": 0}),
    (("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), {"type": "number"}),
    (("multipleOf",), {"type": "number", "exclusiveMinimum": 0}),
    (("uniqueItems",), {"type": "boolean"}),
    (("pattern",), {"type": "string", "maxLength": MAX_PATTERN_CHARS}),
    (("required",), {"type": "array", "items": {"type": "string"}}),
    (("const", "default"), {}),
)
_VALUES: dict[str, dict[str, Any]] = {word: rule for words, rule in _WORDS for word in words}
_UNCHECKED = (
    *("patternProperties", "dependentSchemas", "dependentRequired", "dependencies", "unevaluatedProperties", "unevaluatedItems"),
    *("$dynamicRef", "$recursiveRef"),
)
_FLAT_ONLY = frozenset({"type", "properties", "required"})  # a schema of these alone can be written flat


@dataclass(frozen=True, slots=True)
class Tool:
    """`parameters` is a JSON Schema of type object, self-contained."""

    name: str
    description: str
    parameters: Mapping[str, Any]

    @property
    def properties(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.parameters.get("properties", {})
        return found

    @property
    def required(self) -> tuple[str, ...]:
        return tuple(self.parameters.get("required", ()))


def _bad(name: str, detail: str) -> Refused:
    return Refused(BAD_TOOL_SCHEMA, f"tool {name[:80]!r}: {detail}")


@functools.lru_cache(maxsize=64)
def read_tools(definitions: str) -> tuple[Tool, ...]:
    """The tools that a JSON list of definitions declares, in order.

    Raises: Refused with NO_TOOLS or BAD_TOOL_SCHEMA.
    """
    if len(definitions) > MAX_CHARS:
        raise Refused(BAD_TOOL_SCHEMA, f"{len(definitions):,} characters of definitions, at most {MAX_CHARS:,}")
    try:
        listed = json.loads(definitions)
    except (ValueError, RecursionError) as error:
        raise Refused(BAD_TOOL_SCHEMA, f"the tools are not JSON ({type(error).__name__})") from error
    if not isinstance(listed, list):
        raise Refused(BAD_TOOL_SCHEMA, f"the tools are a JSON {type(listed).__name__}, expected a list")
    if not listed:
        raise Refused(NO_TOOLS, "the list of tools is empty")
    if len(listed) > MAX_TOOLS:
        raise Refused(BAD_TOOL_SCHEMA, f"{len(listed)} tools, at most {MAX_TOOLS}")
    tools = tuple(read_tool(one) for one in listed)
    names = [tool.name for tool in tools]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise _bad(twice[0], "is defined twice")
    return tools


def read_tool(value: object) -> Tool:
    """One definition in any of the forms. Raises: Refused with BAD_TOOL_SCHEMA."""
    if isinstance(value, Mapping) and isinstance(value.get("function"), Mapping):
        value = value["function"]
    name = value.get("name") if isinstance(value, Mapping) else None
    if not isinstance(value, Mapping) or not isinstance(name, str) or not name.strip():
        raise Refused(BAD_TOOL_SCHEMA, f"a definition {str(value)[:80]!r} without a name")
    description = value.get("description")
    if description is not None and not isinstance(description, str):
        raise _bad(name, f"description is {str(description)[:60]!r}, expected text")
    told = value.get("parameters", value.get("input_schema", value.get("inputSchema")))
    if told is not None and not isinstance(told, Mapping):
        raise _bad(name, f"parameters are {str(told)[:60]!r}, expected an object")
    parameters = _parameters(name, told or {})
    return Tool(name, (description or "").strip(), parameters)


def _parameters(name: str, told: Mapping[str, Any]) -> Mapping[str, Any]:
    raw = told if _is_schema(told) else _from_flat(name, told)
    reader = _Reader(name, raw)
    parameters = reader.schema(raw, (), 0)
    if parameters.get("type", "object") != "object":
        raise _bad(name, f"parameters are of type {parameters['type']!r}, expected object")
    parameters = {"type": "object", **parameters, "properties": parameters.get("properties", {})}
    lost = [argument for argument in parameters.get("required", ()) if argument not in parameters["properties"]]
    if lost:
        raise _bad(name, f"requires {str(lost[0])[:60]!r}, which is not among its arguments")
    return parameters


def _is_schema(told: Mapping[str, Any]) -> bool:
    """Whether parameters are a JSON Schema, and not a map of arguments, of which each is an object."""
    if isinstance(told.get("type"), (str, list)) or "$ref" in told:
        return True
    properties = told.get("properties")
    return isinstance(properties, Mapping) and all(isinstance(value, Mapping) for value in properties.values())


def _from_flat(name: str, told: Mapping[str, Any]) -> dict[str, Any]:
    """The model card's form: an argument without a default is required, unless it says otherwise."""
    required = []
    for argument, schema in told.items():
        if not isinstance(schema, Mapping):
            raise _bad(name, f"argument {argument[:60]!r} is {str(schema)[:60]!r}, expected an object with type and description")
        states = schema.get("required")
        if states if isinstance(states, bool) else "default" not in schema and schema.get("optional") is not True:
            required.append(argument)
    return {"type": "object", "properties": dict(told), "required": required}


@functools.cache
def _value_checker() -> Any:
    """Refuses what is no JSON Schema by its own rules: a negative length, a text where a number belongs."""
    from jsonschema import Draft202012Validator

    return Draft202012Validator({"properties": _VALUES})


@dataclass(slots=True)
class _Reader:
    """Reads one tool's schema; counts what it reads, so that references cannot make it endless."""

    name: str
    root: Mapping[str, Any]
    num_nodes: int = 0

    def schema(self, raw: object, refs: tuple[str, ...], depth: int) -> dict[str, Any]:
        self.num_nodes += 1
        if self.num_nodes > MAX_NODES:
            raise _bad(self.name, f"more than {MAX_NODES:,} subschemas, references written out")
        if depth > MAX_DEPTH:
            raise _bad(self.name, f"nested more than {MAX_DEPTH} levels deep")
        if raw is True:
            return {}
        if raw is False:
            return {"not": {}}
        if isinstance(raw, str):  # {"unit": "string"}
            raw = {"type": raw}
        if not isinstance(raw, Mapping):
            raise _bad(self.name, f"a subschema is {str(raw)[:60]!r}, expected an object")
        for word in _UNCHECKED:
            if word in raw:
                raise _bad(self.name, f"{word} is not checked here")
        if "$ref" in raw:
            return self._reference(raw, refs, depth)
        raw = _as_2020(raw)
        found: dict[str, Any] = {word: raw[word] for word in ("description",) if raw.get(word) is not None}  # the model card's order
        self._type(raw, found)
        self._values(raw, found)
        if "properties" in raw:
            found["properties"] = self._properties(raw, found, refs, depth)
        for word in _LISTS:
            if word in raw:
                if not isinstance(raw[word], list) or not raw[word]:
                    raise _bad(self.name, f"{word} is {str(raw[word])[:60]!r}, expected a list of schemas")
                found[word] = [self.schema(one, refs, depth + 1) for one in raw[word]]
        if isinstance(raw.get("items"), list):  # drafts before 2020-12
            found["prefixItems"] = [self.schema(one, refs, depth + 1) for one in raw["items"]]
        for word in _SINGLE:
            if word in raw and not (word == "items" and isinstance(raw[word], list)):
                found[word] = raw[word] if isinstance(raw[word], bool) else self.schema(raw[word], refs, depth + 1)
        return found

    def _reference(self, raw: Mapping[str, Any], refs: tuple[str, ...], depth: int) -> dict[str, Any]:
        """A reference into the same definition, written out, with the description that stands beside it."""
        place = raw["$ref"]
        if not isinstance(place, str) or not place.startswith("#/"):
            raise _bad(self.name, f"$ref {str(place)[:60]!r} leads out of the definition; only those that begin with #/ are followed")
        if place in refs:
            raise _bad(self.name, f"$ref {place[:60]!r} leads back to itself")
        target: Any = self.root
        for step in place[2:].split("/"):
            step = step.replace("~1", "/").replace("~0", "~")
            if not isinstance(target, Mapping) or step not in target:
                raise _bad(self.name, f"$ref {place[:60]!r} leads nowhere")
            target = target[step]
        found = self.schema(target, (*refs, place), depth + 1)
        return {**found, **{word: raw[word] for word in ("description", "default") if word in raw}}

    def _type(self, raw: Mapping[str, Any], found: dict[str, Any]) -> None:
        if "type" not in raw:
            if "properties" in raw:
                found["type"] = "object"
            return
        told = raw["type"] if isinstance(raw["type"], list) else [raw["type"]]
        named = []
        for one in told:
            base = one.partition("<")[0].strip().lower() if isinstance(one, str) else one
            if not isinstance(base, str) or base not in TYPES:
                raise _bad(self.name, f"type {str(one)[:60]!r} is unknown")
            named.append(TYPES[base])
        if raw.get("nullable") is True:
            named.append("null")
        if "" not in named:
            found["type"] = named[0] if len(set(named)) == 1 else list(dict.fromkeys(named))

    def _values(self, raw: Mapping[str, Any], found: dict[str, Any]) -> None:
        """The words that hold no schema. An empty enum, which nothing could satisfy, and `required` of the argument itself are left out."""
        told = {word: raw[word] for word in _VALUES if word in raw and (raw[word] is not None or word in ("const", "default"))}
        if isinstance(told.get("required"), bool):  # draft 3, and the flat form
            del told["required"]
        if told.get("enum") == []:
            del told["enum"]
        error = next(_value_checker().iter_errors(told), None)
        if error is not None:
            raise _bad(self.name, f"{error.json_path[2:]}: {error.message if len(error.message) <= 120 else error.message[-120:]}")
        if "required" in told:
            told["required"] = list(dict.fromkeys(told["required"]))
        found |= told

    def _properties(self, raw: Mapping[str, Any], found: dict[str, Any], refs: tuple[str, ...], depth: int) -> dict[str, Any]:
        if not isinstance(raw["properties"], Mapping):
            raise _bad(self.name, f"properties are {str(raw['properties'])[:60]!r}, expected an object")
        stated = found.get("required", [])
        for argument, schema in raw["properties"].items():
            if isinstance(schema, Mapping) and schema.get("required") is True and argument not in stated:
                stated = [*stated, argument]
        if stated:
            found["required"] = [argument for argument in raw["properties"] if argument in stated] + [
                argument for argument in stated if argument not in raw["properties"]
            ]
        return {argument: self.schema(schema, refs, depth + 1) for argument, schema in raw["properties"].items()}


def _as_2020(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """Draft 4 says beside a bound whether it is exclusive; later drafts have bounds of their own for it."""
    changed = dict(raw)
    for bound, word in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(raw.get(word), bool):
            del changed[word]
            if raw[word] and bound in changed:
                changed[word] = changed.pop(bound)
    return changed


# ---- writing


def write_tools(tools: Sequence[Tool], form: str) -> str:
    """The tools as the JSON list of a system message; `form` is `flat` (the model card's) or `schema`.

    A schema that says more of the arguments together than which are required, as `additionalProperties` does, has no flat
    form and is written whole. Both forms are read back by `read_tools` to the same tools.

    Raises: ValueError for another form.
    """
    if form not in FORMS:
        raise ValueError(f"form of tools is {form!r}, expected one of {', '.join(FORMS)}")
    return json.dumps([_written(tool, form) for tool in tools], ensure_ascii=False)


def _written(tool: Tool, form: str) -> dict[str, Any]:
    flat = _flat(tool) if form == "flat" else None
    return {"name": tool.name, "description": tool.description, "parameters": tool.parameters if flat is None else flat}


def _flat(tool: Tool) -> dict[str, Any] | None:
    """Each argument with its own schema; `required` stands where the default, or its absence, would say otherwise."""
    if not tool.parameters.keys() <= _FLAT_ONLY or any(name not in tool.properties for name in tool.required):
        return None
    arguments = {}
    for name, schema in tool.properties.items():
        is_required = name in tool.required
        if is_required == ("default" not in schema):
            arguments[name] = dict(schema)
        elif "required" in schema:
            return None  # an object with required members of its own: there is room for one `required` only
        else:
            arguments[name] = {**schema, "required": is_required}
    return None if _is_schema(arguments) else arguments


def subschemas(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """A schema and every schema inside it."""
    yield schema
    for one in schema.get("properties", {}).values():
        yield from subschemas(one)
    for word in _LISTS:
        for one in schema.get(word, ()):
            yield from subschemas(one)
    for word in _SINGLE:
        if isinstance(schema.get(word), Mapping):
            yield from subschemas(schema[word])
