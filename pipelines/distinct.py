"""Corpora in two stages: records are made and measured, then all but one copy of each are refused, wherever they come from."""

from __future__ import annotations

from pipelines.corpus_source import open_corpus
from pipelines.dedup import drop_listed, find_duplicates
from pipelines.near_text import drop_near_text, find_near_texts
from pipelines.recipe import Recipe
from pipelines.stage import Earlier, Stage
from pipelines.step import Step, each
from processors.contract import Contract
from processors.text.normalise import DIGEST
from schemas.corpus import Corpus
from schemas.facts import Fact


def distinct(made: Recipe, fact: Fact, title: str, max_tokens: int, notes: str = "") -> tuple[Stage, ...]:
    """The recipe `made` (named `<corpus>.<stage>`), then its corpus without the records whose `fact`, a digest, another one has."""
    name = made.name.rpartition(".")[0]
    return (Stage(made.name, lambda _: made), drop_copies(name, fact, title, max_tokens, notes, made.seed))


def drop_copies(name: str, fact: Fact, title: str, max_tokens: int, notes: str = "", seed: int = 0) -> Stage:
    """The corpus of the stage before without the records whose `fact`, a digest, another one has; tokens are counted, longer ones refused."""

    def kept(earlier: Earlier) -> Recipe:
        listed = find_duplicates(Corpus(earlier.corpus), fact, earlier.folder, earlier.compute)
        steps = (each(drop_listed(listed)), each(Contract(max_tokens)))
        return Recipe(name=name, title=title, source=open_corpus(earlier.corpus), steps=steps, seed=seed, notes=notes)

    return Stage(name, kept)


def drop_text_copies(earlier: Earlier, similarity: float) -> tuple[Step, ...]:
    """What refuses the exact copies in the stage before, and the near ones from `similarity` on; 0 keeps near copies.

    Its documents carry DIGEST, and for near copies the fact of MinHash. Raises: ValueError for a similarity outside 0..1.
    """
    corpus, folder = Corpus(earlier.corpus), earlier.folder
    exact = find_duplicates(corpus, DIGEST, folder, earlier.compute)
    if not similarity:
        return (each(drop_listed(exact)),)
    near = find_near_texts(corpus, folder, earlier.compute, similarity, without=exact)
    return (each(drop_listed(exact)), each(drop_near_text(near)))
