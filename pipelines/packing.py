"""The recipe that packs a corpus into sequences of one length, as the last stage of any text corpus."""

from __future__ import annotations

from pipelines.corpus_source import CorpusSource, JoinedShards
from pipelines.recipe import Recipe
from pipelines.step import gather
from processors.packing import PackSequences
from schemas.store import place_of

MIN_GROUP_TOKENS = 2_000_000
GROUP_SEQUENCES = 200  # a group's last sequence is half empty on average: a quarter of a percent of 200


def pack_recipe(name: str, source: CorpusSource, context_tokens: int, group_tokens: int = 0, seed: int = 0) -> Recipe:
    """The recipe that packs a corpus."""
    group = group_tokens or max(MIN_GROUP_TOKENS, GROUP_SEQUENCES * context_tokens)
    return Recipe(
        name=name,
        title=f"Sequences of {context_tokens} tokens, packed from {place_of(source.root).name}",
        source=JoinedShards(source, group),
        steps=(gather(PackSequences(context_tokens)),),
        seed=seed,
        notes="A document longer than a sequence continues in another one, which does not see what came before.",
    )
