"""A recipe is a value: source, steps and seed. Making one checks the plan, before the first byte is read."""

from __future__ import annotations

import dataclasses
import enum
from collections import Counter
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, TypeVar

from pipelines.step import ASK, BATCHED, GATHER, Step, limits_of
from schemas.arrow import VERSION as SCHEMA_VERSION
from schemas.arrow import kind_of
from schemas.facts import EVERY, Fact
from schemas.identity import canonical_json, digest
from schemas.records import Row


class PlanError(ValueError):
    """The recipe cannot work: kinds do not chain, a fact is read before it is written, a name is used twice."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What decides a corpus. `name` is its directory, `title` one line for its card, `notes` its known limits."""

    name: str
    source: Any
    steps: tuple[Step, ...]
    seed: int = 0
    title: str = ""
    notes: str = ""
    mel_dtype: str = "float32"

    def __post_init__(self) -> None:
        check_plan(self)

    @property
    def kind(self) -> str:
        """The kind of record that comes out: document, conversation or preference."""
        return kind_of(_kinds(self)[-1])

    @property
    def facts(self) -> tuple[Fact, ...]:
        """Every fact a row may carry, by name."""
        found = {fact.name: fact for fact in getattr(self.source, "facts", ())}
        for step in self.steps:
            found = _left(found, step) | {fact.name: fact for fact in step.processor.writes}
        return tuple(found[name] for name in sorted(found))

    def describe(self) -> dict[str, object]:
        """All that decides the corpus, as JSON values."""
        return {
            "name": self.name,
            "seed": self.seed,
            "schema_version": SCHEMA_VERSION,
            "mel_dtype": self.mel_dtype,
            "source": describe(self.source),
            "steps": [describe(step) for step in self.steps],
        }

    def fingerprint(self) -> str:
        """A digest of `describe()`: equal recipes have equal fingerprints, on any machine."""
        return digest(canonical_json(self.describe()))


def told_limits(recipe: Recipe) -> dict[str, list[dict[str, Any]]]:
    """What each step asks of facts, by its name, as recipe.json tells it; steps that ask nothing are left out.

    `remeasured_by` names the later steps that measure anew what the limit looks at: what stands on the rows in the end is then not
    what the step judged.
    """
    told: dict[str, list[dict[str, Any]]] = {}
    there = {fact.name for fact in getattr(recipe.source, "facts", ())}
    for place, step in enumerate(recipe.steps):
        there |= {fact.name for fact in step.processor.writes}
        for limit in limits_of(step):
            names = there & {fact.name for fact in limit.facts}
            later = [after.name for after in recipe.steps[place + 1 :] if names & {fact.name for fact in after.processor.writes}]
            told.setdefault(step.name, []).append({**limit.told(), "remeasured_by": later})
    return told


def describe(value: object) -> object:
    """A value as JSON: dataclasses by class, version and fields; fields marked fingerprint=False left out."""
    if isinstance(value, Fact):
        return {"fact": value.name, "type": value.type.__name__}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [f for f in dataclasses.fields(value) if f.metadata.get("fingerprint", True)]
        found = {f.name: describe(getattr(value, f.name)) for f in fields}
        return {"class": type(value).__qualname__, "version": getattr(type(value), "version", 1), **found}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, (list, tuple)):
        return [describe(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((describe(item) for item in value), key=canonical_json)
    if isinstance(value, dict):
        return {str(name): describe(item) for name, item in value.items()}
    if isinstance(value, PurePath):
        return value.as_posix()
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    raise PlanError(f"{value!r} of type {type(value).__name__} cannot be part of a fingerprint; use plain values in processors")


def _kinds(recipe: Recipe) -> list[type]:
    kinds = [getattr(recipe.source, "gives", Row)]
    for step in recipe.steps:
        gives = getattr(step.processor, "gives", None)
        kinds.append(gives or kinds[-1])
    return kinds


T = TypeVar("T")


def _left(facts: dict[str, T], step: Step) -> dict[str, T]:
    """The facts, by name, without those that the step's processor says that it `forgets`."""
    forgets = getattr(step.processor, "forgets", ())
    gone = facts.keys() if forgets == EVERY else {fact.name for fact in forgets}
    return {name: fact for name, fact in facts.items() if name not in gone}


def check_plan(recipe: Recipe) -> None:
    """Raises PlanError when the steps cannot follow one another."""
    problems: list[str] = []
    names = Counter(step.name for step in recipe.steps)
    problems += [f"step name {name!r} is used {count} times; give one of them a name" for name, count in names.items() if count > 1]
    if "source" in names:
        problems.append("a step is named 'source', which the ledger uses for the source itself")
    kinds = _kinds(recipe)
    written = {fact.name: fact.type for fact in getattr(recipe.source, "facts", ())}
    for step, kind in zip(recipe.steps, kinds, strict=False):
        problems += _check_step(step, kind, written)
        written = _left(written, step) | {fact.name: fact.type for fact in step.processor.writes}
    if kinds[-1] is Row:
        problems.append("the last step gives raw rows; a corpus holds documents, conversations or preferences")
    if recipe.mel_dtype not in ("float32", "float16"):
        problems.append(f"mel_dtype is {recipe.mel_dtype!r}, expected float32 or float16")
    if problems:
        raise PlanError(f"recipe {recipe.name!r} cannot run: " + "; ".join(problems))


def _check_step(step: Step, kind: type, written: dict[str, type]) -> list[str]:
    problems = []
    processor = step.processor
    missing = [name for name in ("takes", "reads", "writes", "reasons", "version") if not hasattr(processor, name)]
    if missing:
        raise PlanError(f"processor {type(processor).__name__} does not declare {', '.join(missing)}")
    if kind not in processor.takes:
        takes = " or ".join(taken.__name__ for taken in processor.takes)
        problems.append(f"step {step.name} takes {takes}, but {kind.__name__} records reach it")
    reads = processor.reads + ((step.by,) if step.mode == GATHER and step.by else ())
    for fact in reads:
        if fact.name not in written:
            there = ", ".join(sorted(written)) or "none"
            problems.append(f"step {step.name} reads fact {fact.name}, which no step before it writes (written so far: {there})")
        elif written[fact.name] is not fact.type:
            problems.append(
                f"step {step.name} reads fact {fact.name} as {fact.type.__name__}, it is written as {written[fact.name].__name__}"
            )
    if step.is_opener and step.mode not in (BATCHED, ASK):
        problems.append(f"step {step.name} is an opener and is fed {step.mode}; openers are fed batched or asked")
    return problems
