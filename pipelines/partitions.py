"""Work over a corpus in parts: documents numbered in ledger order, and rows cut into hash partitions on disk.

A task of one phase writes its rows sorted by partition, and beside them where each partition begins; a task of the next phase
reads its partition of every such file. So no task holds more than its part, files are two a task, and nothing passes through the
driver but counts. Files of numbers are `.npy`, memory-mapped; of those on an object store a task fetches the range that it reads.
"""

from __future__ import annotations

import contextlib
import functools
import io
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipelines.remote import read_range, remove_folder
from schemas.arrow import read_schema_kind
from schemas.corpus import Corpus, read_batches
from schemas.lock import Held, owned
from schemas.shard import TEMPORARY_PREFIX, write_whole
from schemas.store import is_remote, kept_copy, place_of

DOCUMENTS_PER_PART = 100_000
ROWS_PER_PARTITION = 4_000_000  # 16 bytes each
OWNER = "search"  # whose lock says whether a search is at work
NPY_HEAD_BYTES = 128  # of a `.npy` file of a few dimensions, of numbers (format 1.0)


@dataclass(frozen=True, slots=True)
class Part:
    """Shards of a corpus that one task reads; `first` is the number of its first document."""

    path: str
    shards: tuple[str, ...]
    first: int
    num_rows: int

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The batches of its shards, memory-mapped: a column that is not asked for is not read."""
        for name in self.shards:
            for batch in read_batches(place_of(self.path) / name):
                read_schema_kind(batch.schema, name)
                yield batch


def parts_of(corpus: Corpus, documents_per_part: int = DOCUMENTS_PER_PART) -> list[Part]:
    """Neighbouring shards in ledger order, together up to `documents_per_part` documents; a larger shard is a part by itself."""
    parts: list[Part] = []
    names: list[str] = []
    first = num_rows = 0
    for entry in corpus.ledger():
        if names and num_rows + entry.shard.num_rows > documents_per_part:
            parts.append(Part(str(corpus.path), tuple(names), first, num_rows))
            names, first, num_rows = [], first + num_rows, 0
        names.append(entry.shard.name)
        num_rows += entry.shard.num_rows
    return [*parts, Part(str(corpus.path), tuple(names), first, num_rows)] if names else parts


def num_partitions(num_rows: int, rows_per_partition: int = ROWS_PER_PARTITION) -> int:
    """So many that each holds about `rows_per_partition`: it grows with the corpus, and nothing else decides it."""
    return max(1, -(-num_rows // rows_per_partition))


def partition_of(hashes: np.ndarray, count: int) -> np.ndarray:
    """The partition, 0 to count - 1, of uniform 64-bit hashes, by their upper half. Shapes: uint64 in, uint16 out."""
    if count > 2**16:
        raise ValueError(f"{count} partitions, expected {2**16} or fewer; take more rows a partition")
    return ((hashes >> np.uint64(32)) * np.uint64(count) >> np.uint64(32)).astype(np.uint16)


def write_partitions(path: Path, rows: np.ndarray, partition: np.ndarray, count: int) -> None:
    """Writes rows by partition, in their order within one, as `<path>.npy`, and the `count + 1` bounds as `<path>.bounds.npy`."""
    order = np.argsort(partition, kind="stable")
    bounds = np.searchsorted(partition[order], np.arange(count + 1))
    save_array(path.with_name(f"{path.name}.npy"), rows[order])
    save_array(path.with_name(f"{path.name}.bounds.npy"), bounds.astype(np.int64))


def read_partition(paths: Sequence[Path], number: int) -> Iterator[np.ndarray]:
    """The rows of a partition, file by file."""
    for path in paths:
        bounds = read_bounds(path)
        start, stop = int(bounds[number]), int(bounds[number + 1])
        if stop > start:
            yield _read_rows(path.with_name(f"{path.name}.npy"), start, stop)


def read_bounds(path: Path) -> np.ndarray:
    """Where the partitions of a file of `write_partitions` begin and end. Shapes: (count + 1,) int64."""
    file = path.with_name(f"{path.name}.bounds.npy")
    return _fetched_bounds(str(file)) if is_remote(file) else np.load(file, mmap_mode="r")


@functools.lru_cache(maxsize=1_024)
def _fetched_bounds(file: str) -> np.ndarray:
    """A task reads one partition of every file, and a process is given many tasks; a file's name is used once, or for one content."""
    bounds: np.ndarray = np.load(io.BytesIO(place_of(file).read_bytes()))
    return bounds


def _read_rows(path: Path, start: int, stop: int) -> np.ndarray:
    if not is_remote(path):
        return np.array(np.load(path, mmap_mode="r")[start:stop])
    head = io.BytesIO(read_range(path, 0, NPY_HEAD_BYTES))
    np.lib.format.read_magic(head)
    shape, _, kind = np.lib.format.read_array_header_1_0(head)
    row = int(np.prod(shape[1:])) * kind.itemsize
    data = read_range(path, head.tell() + start * row, head.tell() + stop * row)
    return np.frombuffer(bytearray(data), kind).reshape(stop - start, *shape[1:])  # a bytearray, so that it may be written to


def save_array(path: Path, array: np.ndarray) -> None:
    """Writes a `.npy` file that lives no longer than a search, or is made again when it is lost: nothing waits for the disk."""
    if is_remote(path):
        with write_whole(path) as sink:
            np.save(sink, array, allow_pickle=False)
    else:
        np.save(path, array, allow_pickle=False)


def load_array(path: Path) -> np.ndarray:
    """A `.npy` file, memory-mapped."""
    found: np.ndarray = np.load(kept_copy(path), mmap_mode="r")
    return found


def write_table(path: Path, table: pa.Table) -> None:
    """Writes an Arrow IPC stream file."""
    with write_whole(path) as sink, pa.ipc.new_stream(pa.PythonFile(sink, mode="w"), table.schema) as writer:
        writer.write_table(table)


def remove_partitions(paths: Sequence[Path]) -> None:
    """Removes files that the next phase has read."""
    for path in paths:
        for suffix in (".npy", ".bounds.npy"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)


class Rows:
    """What files of parts say of any documents: `<name>-<number of the part>.npy` has a row for each document of the part."""

    def __init__(self, folder: Path, parts: Sequence[Part]) -> None:
        self._folder, self._firsts = folder, np.array([part.first for part in parts], np.uint64)
        self._opened: dict[str, np.ndarray] = {}

    def read(self, name: str, documents: np.ndarray) -> np.ndarray:
        """The rows of documents. Shapes: documents (n,) uint64, n >= 1, in any order; out (n, ...)."""
        order = np.argsort(documents, kind="stable")
        ordered = documents[order]
        parts = np.searchsorted(self._firsts, ordered, side="right") - 1
        starts = np.flatnonzero(np.diff(parts, prepend=-1))
        found = []
        for start, stop in zip(starts, [*starts[1:], len(parts)], strict=True):
            number = int(parts[start])
            found.append(self._open(f"{name}-{number}.npy")[ordered[start:stop] - self._firsts[number]])
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        return np.concatenate(found)[back]

    def _open(self, name: str) -> np.ndarray:
        if name not in self._opened:
            self._opened[name] = load_array(self._folder / name)
        return self._opened[name]


@contextlib.contextmanager
def workspace(into: Path, name: str) -> Iterator[Path]:
    """A temporary folder under `into` for the files of a search, removed at its end; those of searches that died are removed first.

    Its name is new each time, so that a worker that outlives a killed search cannot write into the next one's files. The lock
    in it tells a dead search from one that is still at work.
    """
    for left in sorted(into.glob(f"{TEMPORARY_PREFIX}*-{name}")):
        with contextlib.suppress(Held):
            with owned(left / OWNER):
                pass
            remove_folder(left)  # a worker that has not yet noticed may still add a file: the next search removes it
    folder = into / f"{TEMPORARY_PREFIX}{uuid.uuid4().hex}-{name}"
    try:
        with owned(folder / OWNER):
            yield folder
    finally:
        remove_folder(folder)
