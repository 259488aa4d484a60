"""Exact duplicates over a whole corpus, and what repeats too often: which copy stays depends on content, never on order.

A stage writes each document's digest as a fact. Here the digests of the finished stage are grouped: in every group the
smallest key stays, and the others are refused as duplicates by the next stage. The search is a graph of tasks over partitions by
digest (see pipelines/partitions.py), so that no task holds more than its part; only the list of what goes is sorted in one process.
"""

from __future__ import annotations

import bisect
import functools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import xxhash

from pipelines.graph import Compute, compute_here
from pipelines.partitions import (
    ROWS_PER_PARTITION,
    Part,
    Rows,
    num_partitions,
    partition_of,
    parts_of,
    read_partition,
    save_array,
    workspace,
    write_partitions,
    write_table,
)
from schemas.corpus import Corpus, read_batches
from schemas.facts import Fact
from schemas.identity import digest
from schemas.outcome import Reason, Reject
from schemas.records import Conversation, Document, Preference, Record
from schemas.shard import write_replacing
from schemas.store import kept_copy, place_of

DUPLICATE = Reason("duplicate", "Another record has the same content and stays instead")
REPEATED = Reason("repeated_text", "More records than asked for have the same text; the others stay")
LISTED_PER_BATCH = 4_096
LISTED = pa.schema([("key", pa.string()), ("kept", pa.string())])


def find_duplicates(
    corpus: Corpus, fact: Fact, into: Path, compute: Compute = compute_here, *, rows_per_partition: int = ROWS_PER_PARTITION
) -> Path:
    """Writes the table (key, kept) of every record that a smaller key with the same digest makes superfluous, sorted by key.

    The file `<into>/duplicates-<digest of its content>.arrow` is an Arrow IPC stream; equal corpora give equal files. Records whose
    digest is empty, or missing, are like no other.
    """
    return _find(corpus, fact, 1, into, "duplicates", compute, rows_per_partition)


def find_repeats(corpus: Corpus, fact: Fact, most: int, into: Path, compute: Compute = compute_here) -> Path:
    """Writes the table (key, kept) of the records whose digest more than `most` records share, but for the `most` smallest keys.

    `kept` is the smallest of all. The file is `<into>/repeats-<digest of its content>.arrow`.

    Raises: ValueError for `most` below 1.
    """
    if most < 1:
        raise ValueError(f"at most {most} records may share a digest, expected 1 or more")
    return _find(corpus, fact, most, into, "repeats", compute, ROWS_PER_PARTITION)


def _find(corpus: Corpus, fact: Fact, most: int, into: Path, name: str, compute: Compute, rows_per_partition: int) -> Path:
    import dask

    parts = parts_of(corpus)
    count = num_partitions(sum(part.num_rows for part in parts), rows_per_partition)
    with workspace(into, f"{name}-{corpus.path.name}") as folder:
        spread = dask.delayed(list)([dask.delayed(_spread)(part, number, fact, folder, count) for number, part in enumerate(parts)])
        lists = [folder / f"list-{number}.arrow" for number in range(count)]
        compute([dask.delayed(_superfluous)(spread, folder, parts, number, most, path) for number, path in enumerate(lists)])
        found = [batch for path in lists for batch in read_batches(path)]
        return write_list(pa.Table.from_batches(found, LISTED), into, name)


def _spread(part: Part, number: int, fact: Fact, folder: Path, count: int) -> Path:
    """Writes the digests of a part, hashed to 128 bits, with the numbers of their records; and all keys."""
    rows: list[tuple[int, int, int]] = []
    keys: list[bytes] = []
    for batch in part.batches():
        for key, text in zip(batch.column("key").to_pylist(), batch.column(fact.name).to_pylist(), strict=True):
            if text:
                rows.append((*divmod(xxhash.xxh3_128_intdigest(text.encode()), 1 << 64), part.first + len(keys)))
            keys.append(key.encode())
    entries = np.array(rows, np.uint64).reshape(-1, 3)
    path = folder / f"digests-{number}"
    write_partitions(path, entries, partition_of(entries[:, 0], count), count)
    save_array(folder / f"keys-{number}.npy", np.array(keys, np.bytes_))
    return path


def _superfluous(files: list[Path], folder: Path, parts: list[Part], number: int, most: int, path: Path) -> int:
    """Writes the list of a partition of digests: of each group all keys but the `most` smallest. Gives their number."""
    rows = np.concatenate([np.empty((0, 3), np.uint64), *read_partition(files, number)])
    rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
    is_first = np.concatenate([[True], (rows[1:, :2] != rows[:-1, :2]).any(axis=1)])[: len(rows)]
    sizes = np.diff(np.append(np.flatnonzero(is_first), len(rows)))
    rows, sizes = rows[np.repeat(sizes > most, sizes)], sizes[sizes > most]
    columns: list[list[str]] = [[], []]
    if len(rows):
        keys = Rows(folder, parts).read("keys", rows[:, 2])
        keys = keys[np.lexsort((keys, np.repeat(np.arange(len(sizes)), sizes)))]
        first = np.repeat(np.cumsum(sizes) - sizes, sizes)
        lost = np.flatnonzero(np.arange(len(keys)) - first >= most)
        columns = [[key.decode() for key in column.tolist()] for column in (keys[lost], keys[first[lost]])]
    write_table(path, pa.table(columns, schema=LISTED))
    return len(columns[0])


def write_list(listed: pa.Table, into: Path, name: str = "duplicates") -> Path:
    """Writes a table with a column `key`, sorted by it, as `<into>/<name>-<digest of its content>.arrow`, an Arrow IPC stream."""
    listed = listed.sort_by("key").combine_chunks()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, listed.schema) as writer:
        for start in range(0, max(1, len(listed)), LISTED_PER_BATCH):  # in fresh buffers, so that equal lists give equal bytes
            writer.write_table(pa.Table.from_pydict(listed.slice(start, LISTED_PER_BATCH).to_pydict(), schema=listed.schema))
    data = sink.getvalue().to_pybytes()
    path = into / f"{name}-{digest(data)}.arrow"
    if not path.is_file():
        write_replacing(path, data)
    return path


@functools.lru_cache(maxsize=4)
def _load(path: str) -> tuple[list[pa.RecordBatch], list[str]]:
    """The batches of a list, memory-mapped, and the first key of each."""
    batches = [batch for batch in read_batches(kept_copy(place_of(path))) if batch.num_rows]
    return batches, [batch.column("key")[0].as_py() for batch in batches]


def find_row(path: str, key: str) -> dict[str, Any] | None:
    """The row of a list on disk (see `write_list`) that has this key; None for a record that is not listed."""
    batches, firsts = _load(path)
    number = bisect.bisect_right(firsts, key) - 1
    if number < 0:
        return None
    keys = batches[number].column("key")
    at = bisect.bisect_left(range(len(keys)), key, key=lambda place: keys[place].as_py())
    return batches[number].slice(at, 1).to_pylist()[0] if at < len(keys) and keys[at].as_py() == key else None


def find_listed(path: str, key: str) -> str | None:
    """The key that stays in place of `key`, by a list on disk; None for a record that is not listed."""
    row = find_row(path, key)
    return None if row is None else row["kept"]


@dataclass(frozen=True, slots=True)
class DropListed:
    """Refuses the records that `find_duplicates` listed. `listed` is the list's digest, and pins it in the recipe."""

    path: str = field(metadata={"fingerprint": False})
    listed: str
    takes: ClassVar = (Document, Conversation, Preference)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = ()
    reasons: ClassVar = (DUPLICATE,)
    version: ClassVar = 1

    def __call__(self, record: Record) -> Record | Reject:
        kept = find_listed(self.path, record.key)
        return record if kept is None else Reject(record.key, DUPLICATE.name, f"same content as {kept}, which stays")


def drop_listed(path: Path) -> DropListed:
    return DropListed(str(path), path.stem.removeprefix("duplicates-"))


@dataclass(frozen=True, slots=True)
class DropRepeats:
    """Refuses the records that `find_repeats` listed. `listed` is the list's digest, and pins it in the recipe; `what` repeats."""

    path: str = field(metadata={"fingerprint": False})
    listed: str
    what: str = "caption"
    takes: ClassVar = (Document, Conversation)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = ()
    reasons: ClassVar = (REPEATED,)
    version: ClassVar = 1

    def __call__(self, record: Record) -> Record | Reject:
        kept = find_listed(self.path, record.key)
        return record if kept is None else Reject(record.key, REPEATED.name, f"same {self.what} as {kept} and others, which stay")


def drop_repeats(path: Path, what: str = "caption") -> DropRepeats:
    return DropRepeats(str(path), path.stem.removeprefix("repeats-"), what)
