"""What is known of one tool that conversations are made of: its schema, its program, how it is asked for and answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from processors.tools.programs import Result

Rng = np.random.Generator
Arguments = dict[str, Any]
Draw = Callable[[Rng, Mapping[str, Any]], Arguments]


@dataclass(frozen=True, slots=True)
class Missing:
    """A request that leaves `argument` open, what the assistant asks, and what the user replies."""

    argument: str
    requests: tuple[str, ...]
    asks: tuple[str, ...]
    replies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fails:
    """Arguments that the program cannot take, and how the assistant tells it; `{error}` is what the program says."""

    draw: Draw
    answers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Spec:
    """`clauses` follow "please"; `questions` stand alone. Those that name exactly the drawn arguments are used.

    `state` names the tables that the program reads. `names` and `arguments` are others that a variant of the tool bears.
    """

    name: str
    topic: str
    descriptions: tuple[str, ...]
    properties: Mapping[str, Mapping[str, Any]]
    run: Callable[..., Result]
    draw: Draw
    clauses: tuple[str, ...]
    answers: tuple[str, ...]
    questions: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    missing: Missing | None = None
    fails: Fails | None = None
    state: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    arguments: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def parameters(self) -> dict[str, Any]:
        required = [name for name in self.properties if name not in self.optional]
        return {"type": "object", "properties": {name: dict(told) for name, told in self.properties.items()}, "required": required}


def pick(rng: Rng, options: Sequence[Any]) -> Any:
    return options[int(rng.integers(len(options)))]


def some(rng: Rng, options: Sequence[Any], fewest: int, most: int) -> list[Any]:
    """Between `fewest` and `most` different ones, in a random order."""
    return [options[int(index)] for index in rng.permutation(len(options))[: int(rng.integers(fewest, most + 1))]]


def whole(rng: Rng, low: int, high: int) -> int:
    return int(rng.integers(low, high + 1))


def decimal(rng: Rng, low: int, high: int, places: int = 1) -> int | float:
    """A number with at most `places` decimals; a third of them whole."""
    number = whole(rng, low, high)
    if rng.random() < 1 / 3:
        return number
    found = round(number + whole(rng, 1, 10**places - 1) / 10**places, places)
    return int(found) if found == int(found) else found
