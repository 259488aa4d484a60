"""How texts are spread: the most frequent ones with exact counts, however many different ones there are, in bounded memory.

A counter holds so many different texts. When it has more it spills: it writes them with their counts to a file, cut into hash partitions,
and starts anew. At the end each partition is read from all files and its counts are added up, so that no process ever holds more than a
counter or a partition, and since a text is always in one partition the counts, the most frequent, and how many there are, are exact; when and
where counters spilled does not matter.
"""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from pipelines.partitions import partition_of
from pipelines.report.figures import Spread

MAX_LISTED = 1_000
MAX_CHARS = 200  # of a text that is listed; longer ones are counted by their digest
MAX_HELD = 16_384  # different texts a counter holds while it counts
MAX_PASSED_ON = 2_048  # and what it may hold when it goes to another process
SPILLED = pa.schema([("text", pa.binary()), ("is_long", pa.bool_()), ("count", pa.int64())])

Key = str | bytes  # a text, or the digest of one that is too long to be listed
Most = list[tuple[str, int]]


class Texts:
    """Counts texts. `spill` writes to `<folder>/<name>-<number>.arrow`, in as many partitions as it is told."""

    __slots__ = ("count", "files", "held")

    def __init__(self) -> None:
        self.count = 0
        self.held: Counter[Key] = Counter()
        self.files: list[Path] = []

    def add(self, texts: pa.Array | pa.ChunkedArray) -> None:
        """Counts a column of texts or truth values; nulls are left out."""
        self.count += len(texts) - texts.null_count
        if not pa.types.is_string(texts.type):
            texts = pc.cast(texts, pa.string())
        found = pc.value_counts(texts)
        for text, count in zip(found.field("values").to_pylist(), found.field("counts").to_pylist(), strict=True):
            if text is not None:
                self.held[_key(text)] += count

    def merge(self, other: Texts) -> None:
        self.count += other.count
        self.held.update(other.held)
        self.files += other.files

    def spill(self, path: Path, partitions: int, max_held: int) -> None:
        """Moves the counts to a new file when there are more than `max_held` different texts; `path` must be of no other file."""
        if len(self.held) <= max_held:
            return
        keys = [key if isinstance(key, bytes) else key.encode() for key in self.held]
        hashes = np.fromiter(map(xxhash.xxh3_64_intdigest, keys), np.uint64, len(keys))
        partition = partition_of(hashes, partitions)
        order = np.argsort(partition, kind="stable")
        is_long = pa.array([isinstance(key, bytes) for key in self.held])
        table = pa.table([pa.array(keys, pa.binary()), is_long, pa.array(self.held.values(), pa.int64())], schema=SPILLED)
        table = table.take(pa.array(order)).combine_chunks()
        bounds = np.searchsorted(partition[order], np.arange(partitions + 1)).tolist()
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, SPILLED) as writer:
            for start, stop in itertools.pairwise(bounds):  # a batch a partition, also where it is empty
                writer.write_batch(_batch(table.slice(start, stop - start)))
        self.files.append(path)
        self.held = Counter()

    def top(self) -> tuple[Most, int]:
        """The most frequent of the texts that are held, and how many different ones there are."""
        return most_frequent((key, count) for key, count in self.held.items() if isinstance(key, str)), len(self.held)


def _key(text: str) -> Key:
    return text if len(text) <= MAX_CHARS else xxhash.xxh3_128_digest(text.encode())


def _batch(table: pa.Table) -> pa.RecordBatch:
    found = table.combine_chunks().to_batches()
    return found[0] if found else pa.RecordBatch.from_pylist([], SPILLED)


def most_frequent(counts: Iterable[tuple[str, int]]) -> Most:
    """The 1000 most frequent, equally frequent ones by text."""
    return heapq.nsmallest(MAX_LISTED, counts, key=lambda item: (-item[1], item[0]))


def top_of_partition(files: Sequence[Path], number: int) -> tuple[Most, int]:
    """The most frequent texts of a partition of spilled counts, and how many different ones it has."""
    batches = []
    for path in files:
        with pa.memory_map(str(path)) as source, pa.ipc.open_file(source) as reader:
            batches.append(reader.get_batch(number))
    table = pa.Table.from_batches(batches, SPILLED).group_by(["text", "is_long"]).aggregate([("count", "sum")])
    listed = table.filter(pc.invert(table.column("is_long")))
    if listed.num_rows > MAX_LISTED:  # only those that can be listed go through Python
        counts = listed.column("count_sum").to_numpy()
        listed = listed.filter(pa.array(counts >= max(2, np.partition(counts, -MAX_LISTED)[-MAX_LISTED])))
    columns = (listed.column("text").to_pylist(), listed.column("count_sum").to_pylist())
    return most_frequent((text.decode(), count) for text, count in zip(*columns, strict=True)), table.num_rows


def text_spread(num_records: int, num_with: int, tops: Sequence[tuple[Most, int]]) -> Spread:
    """The figures from the most frequent texts, and the numbers of different ones, of one or all partitions."""
    num_values = sum(number for _, number in tops)
    values = most_frequent(item for most, _ in tops for item in most)
    if num_values > MAX_LISTED:
        values = [(text, count) for text, count in values if count > 1]  # a thousand of many that occur once tell nothing
    return Spread(
        num_records=num_with,
        num_missing=num_records - num_with,
        values=tuple(values),
        num_values=num_values,
        num_other=num_with - sum(count for _, count in values),
    )
