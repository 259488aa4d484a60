"""A corpus as a source: stages compose through the disk."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from pipelines.source.split import Split
from processors.contract import NUM_TOKENS
from schemas.arrow import KINDS, from_batch
from schemas.corpus import Corpus, CorpusError, read_batches
from schemas.facts import Fact
from schemas.identity import digest
from schemas.outcome import Reason
from schemas.records import Record
from schemas.store import place_of

BYTES_PER_TOKEN = 4  # about, where a corpus has not counted its tokens
_TYPES = {"bool": bool, "int": int, "float": float, "str": str}


@dataclass(frozen=True, slots=True)
class CorpusSource:
    """The records of a finished corpus, a split a shard. `content` pins its exact bytes in the recipe."""

    root: str = field(metadata={"fingerprint": False})
    content: str
    kind: str
    facts: tuple[Fact, ...]
    reasons: ClassVar[tuple[Reason, ...]] = ()

    @property
    def gives(self) -> type:
        return KINDS[self.kind]

    def splits(self) -> list[Any]:
        found = []
        for entry in Corpus(place_of(self.root)).ledger():
            shard = entry.shard
            found.append(
                Split(digest(shard.name, shard.sha256), shard.name, shard.sha256, 0, shard.num_rows, shard.num_rows, shard.num_bytes)
            )
        return found

    def read(self, split: Any) -> Iterator[Record]:
        for batch in read_batches(place_of(self.root) / split.path):
            yield from from_batch(batch, split.path)


@dataclass(frozen=True, slots=True)
class JoinedShards:
    """A corpus whose splits are runs of neighbouring shards with about `num_tokens` tokens together, for steps that gather."""

    corpus: CorpusSource
    num_tokens: int
    reasons: ClassVar[tuple[Reason, ...]] = ()

    @property
    def gives(self) -> type:
        return self.corpus.gives

    @property
    def facts(self) -> tuple[Fact, ...]:
        return self.corpus.facts

    def splits(self) -> list[Any]:
        entries = Corpus(place_of(self.corpus.root)).ledger()
        found, start, tokens = [], 0, 0
        for stop, entry in enumerate(entries, 1):
            tokens += int(entry.sums.get(NUM_TOKENS.name, entry.shard.num_bytes // BYTES_PER_TOKEN))
            if tokens >= self.num_tokens or stop == len(entries):
                shards = [entry.shard for entry in entries[start:stop]]
                content = digest(*(f"{shard.name} {shard.sha256}" for shard in shards))
                rows, size = (sum(getattr(shard, name) for shard in shards) for name in ("num_rows", "num_bytes"))
                found.append(Split(digest("joined", content), shards[0].name, content, start, stop, rows, size))
                start, tokens = stop, 0
        return found

    def read(self, split: Any) -> Iterator[Record]:
        root = place_of(self.corpus.root)
        for name in _shards_of(self.corpus.root, self.corpus.content)[split.start : split.stop]:
            for batch in read_batches(root / name):
                yield from from_batch(batch, name)


@functools.lru_cache(maxsize=4)
def _shards_of(root: str, content: str) -> tuple[str, ...]:
    """Names of a corpus's shards, in the order of its ledger, which is read once a process and not once a split; `content` is what they are of."""
    return tuple(entry.shard.name for entry in Corpus(place_of(root)).ledger())


def open_corpus(path: Path) -> CorpusSource:
    """A finished corpus as a source. Raises CorpusError when its build has not ended."""
    corpus = Corpus(path)
    totals, recipe = corpus.totals(), corpus.recipe()
    declared = recipe["facts"]
    if not isinstance(declared, dict):
        raise CorpusError(f"{path}/recipe.json has no table of facts; rebuild the corpus")
    facts = tuple(Fact(name, _TYPES[said["type"]], said["doc"]) for name, said in sorted(declared.items()))
    return CorpusSource(str(path), str(totals["content"]), str(recipe["kind"]), facts)
