"""Rows and rejects of two corpora side by side by key: what is in one alone, in both alike, in both with other content.

A task writes, of some splits, each row's key with a hash of each column, and each reject's key with its reason, cut into partitions by the
key of the record that it descends from; another takes a partition of both corpora. So no process holds more than its splits or its
partition. A column's hash is over its bytes as they are stored; media are not decoded.
"""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import xxhash

from pipelines.partitions import partition_of
from pipelines.report.built import BuiltStage
from pipelines.report.tally import Portion, read_checked
from schemas.corpus import CorpusError
from schemas.store import place_of

ROWS_PER_PARTITION = 100_000
NUM_EXAMPLES = 200  # of each kind of change: those with the smallest keys
MAX_DETAIL_CHARS = 300
ROWS = pa.schema([("key", pa.string()), ("hashes", pa.binary())])
REFUSED = pa.schema([(name, pa.string()) for name in ("key", "stage", "step", "reason", "failure", "detail")])

Why = tuple[str, str, str, str]  # stage, step, reason, failure
NO_REASON: Why = ("", "", "", "")
_NULL = np.uint64(0x9E37_79B9_7F4A_7C15)
Feed = Callable[[Any, int, int], None]  # takes a hash state, and the first row and the one behind the last


@dataclass(frozen=True, slots=True)
class RowChange:
    """A row of one build that the other lacks, or has with another content, or a record that both refused for different reasons.

    `change` is only_a, only_b, changed, refused_otherwise. `columns` are those that differ. `why_a` and `why_b` are (stage, step, reason,
    failure) of the record, or of the one that it was made from, in the build that refused it; of four empty texts where it did not.
    """

    key: str
    change: str
    columns: tuple[str, ...] = ()
    why_a: Why = NO_REASON
    why_b: Why = NO_REASON
    detail: str = ""


@dataclass
class RowCounts:
    """What was found in some partitions."""

    num_same: int = 0
    num_changed: int = 0
    num_only_a: int = 0
    num_only_b: int = 0
    columns: Counter[str] = field(default_factory=Counter)
    moves: Counter[tuple[str, Why, Why]] = field(default_factory=Counter)  # (change, why in A, why in B)
    examples: dict[str, list[RowChange]] = field(default_factory=dict)

    def merge(self, other: RowCounts) -> None:
        for name in ("num_same", "num_changed", "num_only_a", "num_only_b"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.columns.update(other.columns)
        self.moves.update(other.moves)
        for change, rows in other.examples.items():
            self.examples[change] = first_keys(itertools.chain(self.examples.get(change, ()), rows))


def first_keys(rows: Iterable[RowChange]) -> list[RowChange]:
    return heapq.nsmallest(NUM_EXAMPLES, rows, key=lambda row: row.key)


# ---- hashes of columns


def column_hashes(batch: pa.RecordBatch, columns: Sequence[str]) -> np.ndarray:
    """A hash of each of these columns of each row. Shapes: (rows, columns) uint64."""
    found = np.empty((batch.num_rows, len(columns)), np.uint64)
    for place, name in enumerate(columns):
        array = batch.column(name)
        found[:, place] = _hashes_of(array.storage if isinstance(array, pa.ExtensionArray) else array)
    return found


def _hashes_of(array: pa.Array) -> np.ndarray:
    """Of numbers and truth values their own bits, else a hash of the bytes; of nulls one number."""
    if pa.types.is_boolean(array.type) or pa.types.is_integer(array.type):
        found = array.cast(pa.int64()).fill_null(0).to_numpy().view(np.uint64)
    elif pa.types.is_float64(array.type):
        found = array.fill_null(0.0).to_numpy().view(np.uint64)
    elif pa.types.is_string(array.type):
        found = np.fromiter((xxhash.xxh3_64_intdigest(text) for text in _bytes_of(array)), np.uint64, len(array))
    else:
        feed = _feeder(array)
        found = np.fromiter((_hash(feed, row) for row in range(len(array))), np.uint64, len(array))
    return np.where(array.is_null().to_numpy(zero_copy_only=False), _NULL, found)


def _bytes_of(array: pa.Array) -> Iterator[memoryview]:
    """What each text is on disk."""
    _, offsets, data = array.buffers()
    if len(array):
        bounds = np.frombuffer(offsets, np.int32)[array.offset : array.offset + len(array) + 1].tolist()
        view = memoryview(data or b"")
        yield from (view[start:stop] for start, stop in itertools.pairwise(bounds))


def _hash(feed: Feed, row: int) -> int:
    state = xxhash.xxh3_64()
    feed(state, row, row + 1)
    return state.intdigest()


def _feeder(array: pa.Array) -> Feed:
    """What feeds the values of rows, and which of them are null, to a hash."""
    if array.offset:
        array = pa.concat_arrays([array])  # without the rows before it
    kind = array.type
    valid = None if array.null_count == 0 else array.is_valid().to_numpy(zero_copy_only=False).view(np.uint8)
    if pa.types.is_struct(kind):
        return partial(_feed_all, valid, [_feeder(array.field(place)) for place in range(kind.num_fields)])
    if pa.types.is_list(kind):
        return _list_feeder(valid, array.offsets.to_numpy(), _feeder(array.values))
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        _, offsets, data = array.buffers()
        starts = np.frombuffer(offsets, np.int32, len(array) + 1) if len(array) else np.zeros(1, np.int32)
        return _list_feeder(valid, starts, partial(_feed_bytes, None, np.frombuffer(data or b"", np.uint8)))
    if pa.types.is_boolean(kind) or pa.types.is_primitive(kind):
        values = array.fill_null(False if pa.types.is_boolean(kind) else 0) if valid is not None else array
        return partial(_feed_bytes, valid, values.to_numpy(zero_copy_only=False))
    raise CorpusError(f"a column of type {kind} cannot be compared; rebuild the corpus with this version")


def _feed_bytes(valid: np.ndarray | None, values: np.ndarray, state: Any, start: int, stop: int) -> None:
    if valid is not None:
        state.update(valid[start:stop])
    state.update(values[start:stop])


def _list_feeder(valid: np.ndarray | None, offsets: np.ndarray, feed: Feed) -> Feed:
    return partial(_feed_lists, valid, np.diff(offsets), offsets.tolist(), feed)


def _feed_lists(valid: np.ndarray | None, lengths: np.ndarray, offsets: list[int], feed: Feed, state: Any, start: int, stop: int) -> None:
    if valid is not None:
        state.update(valid[start:stop])
    state.update(lengths[start:stop])
    feed(state, offsets[start], offsets[stop])


def _feed_all(valid: np.ndarray | None, feeds: Sequence[Feed], state: Any, start: int, stop: int) -> None:
    if valid is not None:
        state.update(valid[start:stop])
    for feed in feeds:
        feed(state, start, stop)


# ---- partitions


def root_of(key: str) -> str:
    """The key of the record that a row was made from by steps that make several of one."""
    return key.split("/", 1)[0]


def write_rows(stage: str, portion: Portion, columns: Sequence[str], partitions: int, path: Path) -> Path:
    """Writes keys and hashes of the rows of some splits of a stage, a batch a partition."""
    keys: list[str] = []
    hashes: list[bytes] = []
    for name, num_rows, _, _ in portion.files:
        for batch in read_checked(place_of(stage), name, num_rows):
            keys += batch.column("key").to_pylist()
            hashes += [row.tobytes() for row in column_hashes(batch, columns)]
    return _write(pa.table([keys, hashes], schema=ROWS), keys, partitions, path)


def write_refused(stage: str, label: str, portion: Portion, partitions: int, path: Path) -> Path:
    """Writes keys and reasons of the rejects of some splits of a stage, a batch a partition."""
    rows: list[dict[str, str]] = []
    for _, _, name, num_rows in portion.files:
        for batch in read_checked(place_of(stage), name, num_rows):
            told = batch.select(["key", "step", "reason", "failure", "detail"]).to_pylist()
            rows += [{**row, "stage": label, "detail": row["detail"][:MAX_DETAIL_CHARS]} for row in told]
    return _write(pa.Table.from_pylist(rows, REFUSED), [row["key"] for row in rows], partitions, path)


def _write(table: pa.Table, keys: Sequence[str], partitions: int, path: Path) -> Path:
    hashes = np.fromiter((xxhash.xxh3_64_intdigest(root_of(key).encode()) for key in keys), np.uint64, len(keys))
    partition = partition_of(hashes, partitions)
    order = np.argsort(partition, kind="stable")
    table = table.take(pa.array(order)).combine_chunks()
    bounds = np.searchsorted(partition[order], np.arange(partitions + 1)).tolist()
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        for start, stop in itertools.pairwise(bounds):
            batches = table.slice(start, stop - start).to_batches()
            writer.write_batch(batches[0] if batches else pa.RecordBatch.from_pylist([], table.schema))
    return path


def _read(paths: Sequence[Path], number: int) -> Iterator[pa.RecordBatch]:
    for path in paths:
        with pa.memory_map(str(path)) as source, pa.ipc.open_file(source) as reader:
            yield reader.get_batch(number)


def _hashes(paths: Sequence[Path], number: int) -> dict[str, bytes]:
    return {
        key: hashes
        for batch in _read(paths, number)
        for key, hashes in zip(batch.column("key").to_pylist(), batch.column("hashes").to_pylist(), strict=True)
    }


def _reasons(paths: Sequence[Path], number: int) -> dict[str, tuple[Why, str]]:
    rows = (row for batch in _read(paths, number) for row in batch.to_pylist())
    return {row["key"]: ((row["stage"], row["step"], row["reason"], row["failure"]), row["detail"]) for row in rows}


def compare_partition(
    rows: tuple[Sequence[Path], Sequence[Path]], refused: tuple[Sequence[Path], Sequence[Path]], columns: Sequence[str], number: int
) -> RowCounts:
    """What a partition of A's rows and rejects, and the same of B's, differ in. `columns` are those that were hashed."""
    a, b = (_hashes(paths, number) for paths in rows)
    why_a, why_b = (_reasons(paths, number) for paths in refused)
    counts = RowCounts()
    found: dict[str, list[RowChange]] = {name: [] for name in ("only_a", "only_b", "changed", "refused_otherwise")}
    for key, hashes in a.items():
        if key not in b:
            why, detail = _why(key, why_b)
            counts.moves[("only_a", NO_REASON, why)] += 1
            found["only_a"].append(RowChange(key, "only_a", why_b=why, detail=detail))
        elif hashes == b[key]:
            counts.num_same += 1
        else:
            one, other = (np.frombuffer(told, np.uint64) for told in (hashes, b[key]))
            differing = tuple(columns[place] for place in np.flatnonzero(one != other).tolist())
            counts.columns.update(differing)
            found["changed"].append(RowChange(key, "changed", differing))
    for key in b.keys() - a.keys():
        why, detail = _why(key, why_a)
        counts.moves[("only_b", why, NO_REASON)] += 1
        found["only_b"].append(RowChange(key, "only_b", why_a=why, detail=detail))
    for key in why_a.keys() & why_b.keys():
        (one_why, _), (other_why, detail) = why_a[key], why_b[key]
        if one_why != other_why:
            counts.moves[("refused_otherwise", one_why, other_why)] += 1
            found["refused_otherwise"].append(RowChange(key, "refused_otherwise", (), one_why, other_why, detail))
    counts.num_changed, counts.num_only_a, counts.num_only_b = (len(found[name]) for name in ("changed", "only_a", "only_b"))
    counts.examples = {name: first_keys(rows) for name, rows in found.items()}
    return counts


def _why(key: str, reasons: dict[str, tuple[Why, str]]) -> tuple[Why, str]:
    """Why a record was refused, or the nearest one of those that it was made from."""
    while key not in reasons:
        if "/" not in key:
            return NO_REASON, ""
        key = key.rsplit("/", 1)[0]
    return reasons[key]


def count_rows(stages: Iterable[BuiltStage]) -> int:
    """Rows of the last stage, and rejects of all."""
    found = list(stages)
    return int(found[-1].sums["num_out"]) + sum(int(stage.sums["num_rejects"]) for stage in found)
