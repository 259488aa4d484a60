"""Which rows and refusals of a corpus are shown: drawn by keyed hashes, so that the same corpus shows the same ones.

Only keys are read of the whole corpus, and only the rows that were drawn are decoded.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from processors.contract import NUM_TOKENS
from schemas.arrow import BatchRows
from schemas.corpus import Corpus, read_batches
from schemas.identity import keyed_uniform
from schemas.records import Record

POOL_ROWS = 40  # candidates for each row that is shown for its variety
MAX_VALUES = 12  # different values, in the pool, of a fact that tells kinds of rows apart


Group = tuple[str, str, str]  # step, failure, reason


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A row of a corpus's file: hash first, so that places sort by it."""

    hash: float
    key: str
    entry: int
    batch: int
    row: int


@dataclass(frozen=True, slots=True)
class Refusals:
    """Refused records of one reason of one step: how many there are, and those that were drawn."""

    stage: str
    step: str
    failure: str
    reason: str
    num_records: int
    rows: tuple[Mapping[str, str], ...]


def drawn_rows(corpus: Corpus, num_rows: int, seed: int) -> list[Record]:
    """Rows to show. The first half has the smallest keyed hashes of all rows: a fair sample.

    The others are for variety: from a pool of the next smallest hashes, one after another, the row that brings most values that no
    shown row has, of facts that are texts or truth values with at most MAX_VALUES values in the pool, of source and licence, and of
    length (a power of four of its tokens); equal ones by their hash.
    """
    if num_rows < 1:
        return []
    files = [corpus.path / entry.shard.name for entry in corpus.ledger()]
    pool = heapq.nsmallest(num_rows + POOL_ROWS * (num_rows // 2), _places(files, seed))
    fair = -(-num_rows // 2)
    chosen = pool[:fair]
    if len(pool) > num_rows:
        values = _values(files, pool)
        shown = set().union(*(values[place] for place in chosen))
        rest = pool[fair:]
        while len(chosen) < num_rows:
            best = max(rest, key=lambda place: (len(values[place] - shown), -place.hash, place.key))
            rest.remove(best)
            chosen.append(best)
            shown |= values[best]
    else:
        chosen = pool
    return list(_records(files, chosen))


def _places(files: Sequence[Path], seed: int) -> Iterator[Place]:
    for entry, file in enumerate(files):
        for batch, rows in enumerate(read_batches(file)):
            for row, key in enumerate(rows.column("key").to_pylist()):
                yield Place(keyed_uniform(seed, "report.rows", key), key, entry, batch, row)


def _batches(files: Sequence[Path], places: Sequence[Place]) -> Iterator[tuple[pa.RecordBatch, str, list[Place]]]:
    """Each batch that holds some of the places, with those."""
    wanted: dict[int, dict[int, list[Place]]] = {}
    for place in places:
        wanted.setdefault(place.entry, {}).setdefault(place.batch, []).append(place)
    for entry, by_batch in sorted(wanted.items()):
        for number, batch in enumerate(read_batches(files[entry])):
            if number in by_batch:
                yield batch, files[entry].name, by_batch[number]


def _values(files: Sequence[Path], pool: Sequence[Place]) -> dict[Place, set[tuple[str, Any]]]:
    """What tells the rows of the pool apart: (name, value) of each."""
    told: dict[Place, dict[str, Any]] = {}
    for batch, _, places in _batches(files, pool):
        facts = [
            field.name
            for field in batch.schema
            if "." in field.name and (pa.types.is_string(field.type) or pa.types.is_boolean(field.type))
        ]
        for place in places:
            row = {fact: batch.column(fact)[place.row].as_py() for fact in (*facts, "source", "licence")}
            num = batch.column(NUM_TOKENS.name)[place.row].as_py() if NUM_TOKENS.name in batch.schema.names else None
            told[place] = row | {"length": None if num is None else int(num).bit_length() // 2}
    names = {name for row in told.values() for name in row}
    few = {name for name in names if 2 <= len({row.get(name) for row in told.values()}) <= MAX_VALUES}
    return {place: {(name, row[name]) for name in few if row.get(name) is not None} for place, row in told.items()}


def _records(files: Sequence[Path], places: Sequence[Place]) -> Iterator[Record]:
    """The rows, in the order of their places."""
    found = {place: BatchRows(batch, name)[place.row] for batch, name, held in _batches(files, places) for place in held}
    yield from (found[place] for place in places)


def drawn_refusals(corpora: Sequence[Corpus], num_per_reason: int, seed: int) -> list[Refusals]:
    """Of every reason of every step of every stage, those of its refused records whose keyed hashes are smallest."""
    found = []
    for corpus in corpora:
        files = [corpus.path / entry.rejects.name for entry in corpus.ledger()]
        counts: Counter[Group] = Counter()
        kept: dict[Group, list[Place]] = {}
        for group, place in _refused(files, seed):
            counts[group] += 1
            kept.setdefault(group, []).append(place)
            if len(kept[group]) > 64 + num_per_reason:
                kept[group] = heapq.nsmallest(num_per_reason, kept[group])
        drawn = {group: heapq.nsmallest(num_per_reason, places) for group, places in kept.items()}
        every = [place for places in drawn.values() for place in places]
        rows = {place: batch.slice(place.row, 1).to_pylist()[0] for batch, _, held in _batches(files, every) for place in held}
        for group in sorted(drawn, key=_step_order(corpus)):
            found.append(Refusals(corpus.path.name, *group, counts[group], tuple(rows[place] for place in drawn[group])))
    return found


def _step_order(corpus: Corpus) -> Callable[[Group], tuple[int, Group]]:
    """Groups by the order of the steps, then by name."""
    steps: Any = corpus.totals()["steps"]
    places = {step["step"]: number for number, step in enumerate(steps)}
    return lambda group: (places.get(group[0], len(places)), group)


def _refused(files: Sequence[Path], seed: int) -> Iterator[tuple[Group, Place]]:
    for entry, file in enumerate(files):
        for batch, rows in enumerate(read_batches(file)):
            columns = (rows.column(name).to_pylist() for name in ("key", "step", "failure", "reason"))
            for row, (key, step, failure, reason) in enumerate(zip(*columns, strict=True)):
                yield (step, failure, reason), Place(keyed_uniform(seed, "report.refused", key), key, entry, batch, row)
