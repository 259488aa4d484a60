"""The plan check and the law of conservation: each way to break them, and that it is caught."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from pipelines.build import Execution, build
from pipelines.feed import ConservationError, DeclarationError
from pipelines.recipe import PlanError, Recipe
from pipelines.step import batched, each, expand, gather
from processors.audio.steps import LogMel
from schemas.facts import Fact
from schemas.outcome import Reject
from schemas.records import Document, with_facts
from tests.toy import NUMBER, ODD, KeepEven, Numbers, Shout, Spell, toy_recipe

GROUP = Fact("toy.group", int, "Number by tens")


@dataclass(frozen=True)
class Broken:
    """A processor that does what `act` says, declared as it says."""

    act: Callable[[Any], Any]
    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = (GROUP,)
    reasons: ClassVar = (ODD,)
    version: ClassVar = 1

    def __call__(self, record: Any) -> Any:
        return self.act(record)


def run(tmp_path: Path, *steps: Any) -> Any:
    object_recipe = toy_recipe(count=40, steps=())
    recipe = object.__new__(Recipe)
    for name in ("name", "source", "seed", "title", "notes", "mel_dtype"):
        object.__setattr__(recipe, name, getattr(object_recipe, name))
    object.__setattr__(recipe, "steps", (*object_recipe.steps, *steps))
    return recipe


BREAKS = {
    "nothing given": (each, lambda r: None, ConservationError, "gave nothing"),
    "a stranger given": (each, lambda r: replace(r, key="stranger"), ConservationError, "does not descend"),
    "a stranger refused": (each, lambda r: Reject("stranger", "odd"), ConservationError, "was not given"),
    "an undeclared reason": (each, lambda r: Reject(r.key, "even"), DeclarationError, "does not declare"),
    "an undeclared fact": (each, lambda r: with_facts(r, {"toy.other": 1}), DeclarationError, "not declared"),
    "a fact of another type": (each, lambda r: with_facts(r, {"toy.group": 1.0}), DeclarationError, "declared: int"),
    "another kind": (each, lambda r: 7, DeclarationError, "expected Document or Reject"),
    "no children": (expand, lambda r: [], ConservationError, "into nothing"),
    "a short batch": (lambda p: batched(p, 3), lambda rs: rs[1:], ConservationError, "must be aligned"),
    "a batch out of order": (lambda p: batched(p, 3), lambda rs: rs[::-1], ConservationError, "does not descend"),
    "a lost member": (lambda p: gather(p, NUMBER), lambda rs: [], ConservationError, "exactly one Reject"),
    "a doubled refusal": (lambda p: gather(p, NUMBER), lambda rs: [Reject(rs[0].key, "odd")] * 2, ConservationError, "exactly one Reject"),
    "kept and refused": (
        lambda p: gather(p, NUMBER),
        lambda rs: [rs[0], Reject(rs[0].key, "odd")],
        ConservationError,
        "exactly one Reject",
    ),
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_step_that_breaks_the_law_stops_the_build(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mode, act, error, message = BREAKS[name]
    recipe = run(tmp_path, mode(Broken(act)))
    monkeypatch.setattr("pipelines.recipe.describe", lambda value: str(type(value).__name__))
    with pytest.raises(error, match=message):
        build(recipe, tmp_path, Execution(workers=0))
    assert not (tmp_path / "toy" / "corpus.json").exists()


def test_a_gather_that_keeps_the_law(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.recipe.describe", lambda value: str(type(value).__name__))

    def pair(records: list[Document]) -> list[Any]:
        first, *rest = records
        return [replace(first, parents=tuple(r.key for r in records))] if not rest else [*records]

    result = build(run(tmp_path, gather(Broken(pair), NUMBER)), tmp_path, Execution(workers=0))
    assert result.totals["num_out"] == 20


def test_expand_names_children_and_parents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from schemas.corpus import Corpus

    monkeypatch.setattr("pipelines.recipe.describe", lambda value: str(type(value).__name__))
    result = build(run(tmp_path, expand(Broken(lambda r: [r, r, r]))), tmp_path, Execution(workers=0))
    records = list(Corpus(result.path).records())
    assert len(records) == 60
    assert [record.key for record in records[:3]] == [f"{records[0].parents[0]}/{n}" for n in range(3)]


def plan(*steps: Any) -> Recipe:
    return Recipe("toy", Numbers(10), steps)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: plan(each(KeepEven())), "takes Document, but Row records reach it"),
        (lambda: plan(each(Spell()), each(LogMel())), "takes Conversation, but Document"),
        (lambda: plan(each(Spell()), each(KeepEven()), each(KeepEven())), "step name 'keep_even' is used 2 times"),
        (lambda: plan(), "raw rows"),
        (lambda: plan(each(Spell(), name="source")), "named 'source'"),
        (lambda: plan(each(Spell()), gather(KeepEven(), by=GROUP)), "reads fact toy.group, which no step before it writes"),
        (lambda: plan(each(Spell()), each(Shout())), "openers are fed batched"),
        (lambda: Recipe("toy", Numbers(10), (each(Spell()),), mel_dtype="int8"), "expected float32 or float16"),
    ],
)
def test_a_plan_that_cannot_run_is_refused_when_made(make: Callable[[], Recipe], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        make()


def test_fingerprints_follow_parameters_and_nothing_else() -> None:
    assert toy_recipe().fingerprint() == toy_recipe().fingerprint()
    assert toy_recipe().fingerprint() != toy_recipe(sleep_s=0.1).fingerprint()
    assert toy_recipe().fingerprint() != replace(toy_recipe(), seed=1).fingerprint()
    assert toy_recipe().fingerprint() != toy_recipe(steps=(batched(Shout(), 2),)).fingerprint()
