"""How a tool appears in one conversation: under one of its names, its arguments under one of theirs, in one style of writing."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from processors.tools.programs import State, ToolError
from processors.tools.spec import Rng, Spec, pick
from schemas.parts import ToolCall


@dataclass(frozen=True, slots=True)
class Shown:
    """A tool under its shown name; `arguments` gives the shown name of each of the program's."""

    spec: Spec
    name: str
    description: str
    arguments: Mapping[str, str]

    @property
    def definition(self) -> dict[str, Any]:
        parameters = self.spec.parameters
        properties = {self.arguments[name]: told for name, told in parameters["properties"].items()}
        required = [self.arguments[name] for name in parameters["required"]]
        return {
            "name": self.name,
            "description": self.description,
            "parameters": {"type": "object", "properties": properties, "required": required},
        }

    @property
    def truth(self) -> dict[str, Any]:
        """What has to be kept to run its calls again."""
        return {"is": self.spec.name, "arguments": {shown: name for name, shown in self.arguments.items()}}

    def call(self, arguments: Mapping[str, Any]) -> ToolCall:
        return ToolCall(self.name, json.dumps({self.arguments[name]: value for name, value in arguments.items()}, ensure_ascii=False))


def show(spec: Spec, rng: Rng) -> Shown:
    """A variant: two in five bear the tool's own names, the others a name of `names`; a fourth is written in camel case."""
    name = spec.name if rng.random() < 0.4 else pick(rng, (spec.name, *spec.names))
    arguments = {}
    for argument in spec.properties:
        others = spec.arguments.get(argument, ())
        arguments[argument] = pick(rng, others) if others and rng.random() < 0.4 else argument
    if len(set(arguments.values())) < len(arguments):
        arguments = {argument: argument for argument in spec.properties}
    if rng.random() < 0.25:
        name, arguments = _camel(name), {argument: _camel(shown) for argument, shown in arguments.items()}
    return Shown(spec, name, pick(rng, spec.descriptions), arguments)


def _camel(name: str) -> str:
    return re.sub(r"_(\w)", lambda found: found[1].upper(), name)


def run(call: ToolCall, truth: Mapping[str, Any], specs: Mapping[str, Spec]) -> tuple[dict[str, Any], str]:
    """The call executed: its arguments and results by the program's names, and the text that the tool answers.

    Raises: KeyError, TypeError for a call that no tool of the truth can take.
    """
    told = truth["tools"][call.name]
    given = {told["arguments"][name]: value for name, value in json.loads(call.arguments).items()}
    result = execute(specs[told["is"]], given, truth["state"])
    return {**given, **result}, json.dumps(result, ensure_ascii=False)


def execute(spec: Spec, arguments: Mapping[str, Any], state: State) -> dict[str, Any]:
    """What the tool gives for the program's own argument names; an error is a result too."""
    try:
        return spec.run(state, **arguments)
    except ToolError as error:
        return {"error": str(error)}


def definitions(tools: Sequence[Shown]) -> str:
    return json.dumps([tool.definition for tool in tools], ensure_ascii=False)
