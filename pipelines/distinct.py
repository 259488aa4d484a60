"""A corpus in two stages: its records are made, then all but one copy of each are refused, wherever they come from."""

from __future__ import annotations

from pipelines.corpus_source import open_corpus
from pipelines.dedup import drop_listed, find_duplicates
from pipelines.recipe import Recipe
from pipelines.stage import Earlier, Stage
from pipelines.step import each
from processors.contract import Contract
from schemas.corpus import Corpus
from schemas.facts import Fact


def distinct(made: Recipe, fact: Fact, title: str, max_tokens: int, notes: str = "") -> tuple[Stage, ...]:
    """The recipe `made` (named `<corpus>.<stage>`), then its corpus without the records whose `fact`, a digest, another one has."""
    name = made.name.rpartition(".")[0]

    def kept(earlier: Earlier) -> Recipe:
        listed = find_duplicates(Corpus(earlier.corpus), fact, earlier.folder, earlier.compute)
        steps = (each(drop_listed(listed)), each(Contract(max_tokens)))
        return Recipe(name=name, title=title, source=open_corpus(earlier.corpus), steps=steps, seed=made.seed, notes=notes)

    return (Stage(made.name, lambda _: made), Stage(name, kept))
