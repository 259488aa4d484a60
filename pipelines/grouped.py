"""Records of one or several corpora that share a fact, read together, wherever they lie: the source of steps that gather.

All attempts at one problem, say, may come from several files, or from pools of several models. The values of the fact are hashed, and
the places of their records written by partition (see pipelines/partitions.py); a split reads one partition's records from their shards,
group by group, in the order of their keys. What a split holds is decided by the corpora's content alone.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import xxhash

from pipelines.corpus_source import CorpusSource
from pipelines.graph import Compute
from pipelines.partitions import Part, num_partitions, partition_of, parts_of, read_bounds, read_partition, write_partitions
from pipelines.recipe import PlanError
from pipelines.source.split import Split
from pipelines.union import Union
from schemas.arrow import from_batch
from schemas.corpus import Corpus, read_batches
from schemas.facts import Fact
from schemas.identity import digest
from schemas.outcome import Reason
from schemas.records import Record
from schemas.store import place_of

ROWS_PER_SPLIT = 4_096  # of attempts, some ten megabytes


@dataclass(frozen=True, slots=True)
class Grouped:
    """Corpora of one kind, read by the values of the fact `by`; see `group`. Where several hold a key, it is made anew with the corpus's number."""

    corpora: tuple[CorpusSource, ...]
    by: Fact
    rows_per_split: int
    index: tuple[str, ...] = field(metadata={"fingerprint": False})  # files of places, a part of a corpus each
    reasons: ClassVar[tuple[Reason, ...]] = ()

    @property
    def gives(self) -> type:
        return self.corpora[0].gives

    @property
    def facts(self) -> tuple[Fact, ...]:
        return self.corpora[0].facts

    def splits(self) -> list[Split]:
        bounds = [read_bounds(place_of(path)) for path in self.index]
        sizes = np.sum([np.diff(bound) for bound in bounds], axis=0) if bounds else np.zeros(0, np.int64)
        content = digest(self.by.name, str(self.rows_per_split), *(corpus.content for corpus in self.corpora))
        width = len(str(len(sizes)))
        return [
            Split(digest("grouped", content, str(number)), f"groups/{number:0{width}}", content, number, number + 1, int(size), 0)
            for number, size in enumerate(sizes)
            if size
        ]

    def read(self, split: Split) -> Iterator[Record]:
        files = [place_of(path) for path in self.index]
        places = np.concatenate([np.empty((0, 3), np.uint64), *read_partition(files, split.start)])
        found: list[tuple[int, Record]] = []
        for number in range(len(self.corpora)):
            mine = places[places[:, 1] == number]
            mine = mine[np.argsort(mine[:, 2], kind="stable")]
            found += zip(mine[:, 0].tolist(), self._records(number, mine[:, 2].tolist()), strict=True)
        found.sort(key=lambda item: (item[0], item[1].key))
        yield from (record for _, record in found)

    def _records(self, number: int, places: Sequence[int]) -> Iterator[Record]:
        """The records with these numbers, ascending, of a corpus."""
        root = place_of(self.corpora[number].root)
        shards = [entry.shard for entry in Corpus(root).ledger()]
        ends = list(itertools.accumulate(shard.num_rows for shard in shards))
        at = 0
        while at < len(places):
            which = bisect.bisect_right(ends, places[at])
            first = ends[which] - shards[which].num_rows
            for batch in read_batches(root / shards[which].name):
                while at < len(places) and places[at] < first + batch.num_rows:
                    record = next(from_batch(batch.slice(places[at] - first, 1), shards[which].name))
                    yield record if number == 0 else replace(record, key=digest(str(number), record.key), parents=(record.key,))
                    at += 1
                first += batch.num_rows


def corpora_of(source: Any) -> tuple[CorpusSource, ...]:
    """The corpora that a source stands for: one, or the parts of a union of corpora; none where it reads raw rows.

    Raises: PlanError for a union of corpora and raw rows, or of corpora of different kinds or facts.
    """
    if isinstance(source, CorpusSource):
        return (source,)
    if not isinstance(source, Union) or not any(isinstance(part, CorpusSource) for part in source.sources):
        return ()
    corpora = tuple(part for part in source.sources if isinstance(part, CorpusSource))
    if len(corpora) != len(source.sources):
        raise PlanError("the source mixes finished corpora with raw rows; build the rows' own corpus first and name it here")
    for corpus in corpora[1:]:
        if (corpus.kind, corpus.facts) != (corpora[0].kind, corpora[0].facts):
            raise PlanError(f"{corpus.root} and {corpora[0].root} have different kinds or facts; build both with the same version")
    return corpora


def group(corpora: Sequence[CorpusSource], by: Fact, into: Path, compute: Compute, rows_per_split: int = ROWS_PER_SPLIT) -> Grouped:
    """Writes the places of the records by the value of `by` into a folder under `into`, and gives the source that reads them so.

    Raises: PlanError where the corpora do not have the fact.
    """
    import dask

    if by not in corpora[0].facts:
        raise PlanError(f"{corpora[0].root} has no fact {by.name}, by which its records are to be gathered")
    content = digest(by.name, str(rows_per_split), *(corpus.content for corpus in corpora))
    folder = into / f"groups-{content}"
    folder.mkdir(parents=True, exist_ok=True)
    parts = [(number, part) for number, corpus in enumerate(corpora) for part in parts_of(Corpus(place_of(corpus.root)))]
    count = num_partitions(sum(part.num_rows for _, part in parts), rows_per_split)
    paths = [folder / f"places-{at}" for at in range(len(parts))]
    compute([dask.delayed(_spread)(part, number, by, path, count) for (number, part), path in zip(parts, paths, strict=True)])
    return Grouped(tuple(corpora), by, rows_per_split, tuple(str(path) for path in paths))


def _spread(part: Part, number: int, by: Fact, path: Path, count: int) -> int:
    """Writes (hash of the value, corpus, record) of every record of a part. Gives their number."""
    hashes = [xxhash.xxh3_64_intdigest(str(value).encode()) for batch in part.batches() for value in batch.column(by.name).to_pylist()]
    rows = np.empty((len(hashes), 3), np.uint64)
    rows[:, 0], rows[:, 1] = hashes, number
    rows[:, 2] = np.arange(part.first, part.first + len(hashes))
    write_partitions(path, rows, partition_of(rows[:, 0], count), count)
    return len(hashes)
