"""What a changed recipe means for the splits that are committed: whether they may stay, and where it differs.

A split's bytes follow from its part of the source, the steps, the seed, the columns and the versions of what ran. They do not follow from
what pins the rest of the source (the content of a corpus that it reads), nor from titles and notes. Lists that a stage makes from
the corpus before it (of duplicates, say) are pinned by the digest `listed` in a step, and may decide every split.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.recipe import Recipe
from pipelines.recipe_file import differences, recipe_file
from schemas.corpus import CorpusError
from schemas.identity import canonical_json

CONTENT, LISTED = "content", "listed"  # fields that pin, by digest, a corpus that is read, and a list made from it
CORPUS = "CorpusSource"
DAMAGED_RECIPE = "recipe.json cannot be read: it was changed or damaged after it was written; see `corpusmill verify`, or build the corpus with --rebuild"
MAX_CHARS = 200  # of a difference that is told


@dataclass(frozen=True, slots=True)
class Change:
    """Where the recipe of now differs from that of a corpus.

    `why` tells the places. `keeps_splits`: a split that the source still has comes out as it is there. `follows`: nothing differs but what pins
    the corpora that are read, and lists that were made from them.
    """

    why: tuple[str, ...]
    keeps_splits: bool
    follows: bool


def change_of(there: Mapping[str, Any], recipe: Recipe) -> Change | None:
    """How a recipe differs from the recipe.json of a corpus; None where it does not."""
    wanted = json.loads(canonical_json(recipe_file(recipe)))
    if dict(there) == wanted:
        return None
    _check(there)
    keeps_splits = _deciding(there) == _deciding(wanted) or _extends(there, wanted)
    pinned = _pins(there["parameters"]["source"]) != _pins(wanted["parameters"]["source"])
    follows = pinned and _deciding(there, lists=False) == _deciding(wanted, lists=False)
    why = tuple(_places(there, wanted)) or tuple(_cut(told) for told in differences(dict(there), wanted))  # limits follow from the rest
    return Change(why, keeps_splits, follows)


def _check(there: Mapping[str, Any]) -> None:
    """Raises CorpusError where a recipe does not tell what every recipe tells."""
    parameters = there.get("parameters")
    steps = parameters.get("steps") if isinstance(parameters, dict) else None
    if not isinstance(steps, list) or not all(isinstance(step, dict) and type(step.get("name")) is str for step in steps):
        raise CorpusError(f"{DAMAGED_RECIPE} (it does not say its steps)")
    if "source" not in parameters or not all(isinstance(there.get(name), dict) for name in ("versions", "facts")):  # type: ignore[operator]
        raise CorpusError(f"{DAMAGED_RECIPE} (it does not say its source, versions or facts)")


def reads_corpora(recipe: Mapping[str, Any]) -> bool:
    """Whether a recipe, as recipe.json tells it, reads finished corpora and nothing else."""
    source = recipe["parameters"]["source"]
    parts = source.get("sources") if isinstance(source, dict) else None
    return all(_pins(part) for part in (parts if isinstance(parts, list) else [source]))


# ---- what decides a split


def _deciding(recipe: Mapping[str, Any], lists: bool = True) -> dict[str, Any]:
    """What of a recipe decides the bytes of a split of a given part of the source; `lists` False leaves the pins of lists out."""
    parameters = recipe["parameters"]
    steps = parameters["steps"] if lists else _without(parameters["steps"], LISTED)
    return {
        "kind": recipe["kind"],
        "versions": recipe["versions"],
        "facts": {name: told["type"] for name, told in recipe["facts"].items()},
        "parameters": {**parameters, "source": _unpinned(parameters["source"]), "steps": steps},
    }


def _extends(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether the source is the list of sources that it was, with others after them: the splits of the earlier ones stay the same."""
    old, new = (_deciding(recipe) for recipe in (there, wanted))
    before, after = (recipe["parameters"].pop("source") for recipe in (old, new))
    if old != new or not all(isinstance(source, dict) and isinstance(source.get("sources"), list) for source in (before, after)):
        return False
    parts, more = before.pop("sources"), after.pop("sources")
    return bool(before == after and parts == more[: len(parts)])


def _unpinned(source: Any) -> Any:
    if isinstance(source, dict):
        is_corpus = source.get("class") == CORPUS
        return {name: _unpinned(value) for name, value in source.items() if not (is_corpus and name == CONTENT)}
    return [_unpinned(item) for item in source] if isinstance(source, list) else source


def _pins(source: Any) -> list[str]:
    """The contents of the corpora that a source reads, in order."""
    if isinstance(source, dict):
        own = [str(source[CONTENT])] if source.get("class") == CORPUS else []
        return own + [pin for name in sorted(source) for pin in _pins(source[name])]
    return [pin for item in source for pin in _pins(item)] if isinstance(source, list) else []


def _without(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return {key: _without(inner, name) for key, inner in value.items() if key != name}
    return [_without(item, name) for item in value] if isinstance(value, list) else value


# ---- what is told


def _places(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
    """The places where two recipes differ, in words: steps by their names, the rest by its place in recipe.json."""
    old, new = (dict(recipe["parameters"]) for recipe in (there, wanted))
    before, after = ({step["name"]: step for step in parameters.pop("steps")} for parameters in (old, new))
    yield from (_cut(f"step {name} is new") for name in after if name not in before)
    yield from (_cut(f"step {name} is gone") for name in before if name not in after)
    common = [name for name in after if name in before]
    if common != [name for name in before if name in after]:
        yield "the steps stand in another order"
    for name in common:
        for told in differences(before[name], after[name]):
            yield _cut(f"step {name}: {told.removeprefix('processor.')}")
    yield from (_cut(told) for told in differences(old, new))
    yield from (_cut(told) for told in differences(_rest(there), _rest(wanted)))


def _rest(recipe: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in recipe.items() if name not in ("fingerprint", "parameters", "limits")}


def _cut(told: str) -> str:
    return told if len(told) <= MAX_CHARS else f"{told[: MAX_CHARS - 1]}…"
