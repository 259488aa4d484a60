"""Rows of a corpus by number, memory-mapped: one row is read without its neighbours, one column without the others.

Which shards there are, and in what order, is what the ledger says.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from schemas.arrow import BatchRows
from schemas.corpus import Corpus, CorpusError
from schemas.records import Record
from schemas.store import kept_copy, place_of

MAX_OPEN_BATCHES = 512  # each holds its shard mapped; a process may hold 65,530 mappings (Linux)
_SOURCES = ("image_sources", "audio_sources")


@dataclass(frozen=True, slots=True, eq=False)
class _Index:
    """Where the record batches of a shard start. Shapes: offsets (B,) bytes into the file; first_rows (B + 1,)."""

    schema: pa.Schema
    offsets: tuple[int, ...]
    first_rows: np.ndarray


class CorpusRows:
    """The rows of a finished corpus, in ledger order. Copies of it in other processes open the shards anew.

    `only_training` leaves out what training does not read: facts other than the contract's, and the source bytes of media.

    Raises:
        CorpusError: no corpus, or one whose build did not end.
    """

    def __init__(self, path: Path, only_training: bool = False) -> None:
        self.path = place_of(str(path))
        self.only_training = only_training
        corpus = Corpus(self.path)
        recipe, self.totals = corpus.recipe(), corpus.totals()
        self.name, self.kind = str(recipe["name"]), str(recipe["kind"])
        shards = [entry.shard for entry in corpus.ledger()]
        self._files = [self.path / shard.name for shard in shards]
        self._first_rows = np.cumsum([0, *(shard.num_rows for shard in shards)])
        if len(self) != self.totals["num_out"]:
            raise CorpusError(
                f"{self.path}: corpus.json says {self.totals['num_out']} rows, the ledger {len(self)}; run `corpusmill verify`"
            )
        self._indices: dict[int, _Index] = {}
        self._open: dict[tuple[int, int], BatchRows] = {}

    def __len__(self) -> int:
        return int(self._first_rows[-1])

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_open": {}, "_indices": {}}

    def __getitem__(self, row: int) -> Record:
        """The record of a row; images with an encoded canvas, a log-Mel as a view of the mapped file.

        Raises:
            IndexError: a row outside the corpus.
        """
        if not 0 <= row < len(self):
            raise IndexError(f"row {row} of {self.path}, which has {len(self)}")
        shard = int(np.searchsorted(self._first_rows, row, side="right")) - 1
        return self._record(shard, row - int(self._first_rows[shard]))

    def column(self, name: str) -> np.ndarray:
        """A column over all rows, such as a fact; nothing else is read. Shapes: (rows,); floats with NaN where numbers are missing.

        Raises:
            KeyError: a column that the corpus does not have.
        """
        if name not in self.schema.names:
            raise KeyError(f"corpus {self.path} has no column {name!r}; it has {', '.join(self.schema.names)}")
        found = [batch.column(name).to_numpy(zero_copy_only=False) for batch in self.batches()]
        return np.concatenate(found)

    @property
    def schema(self) -> pa.Schema:
        return self._index(0).schema

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The record batches in order, each mapped for as long as it is used."""
        for shard, file in enumerate(self._files):
            index = self._index(shard)
            with pa.memory_map(str(kept_copy(file))) as source:
                for offset in index.offsets:
                    yield _read(source, offset, index.schema)

    def _index(self, shard: int) -> _Index:
        """Where the batches of a shard are; found by walking over their headers once."""
        if shard not in self._indices:
            offsets, num_rows = [], [0]
            with pa.memory_map(str(kept_copy(self._files[shard]))) as source:
                schema = pa.ipc.read_schema(source)
                while True:
                    offset = source.tell()
                    try:
                        batch = pa.ipc.read_record_batch(pa.ipc.read_message(source), schema)
                    except EOFError:
                        break
                    offsets.append(offset)
                    num_rows.append(batch.num_rows)
            said = int(self._first_rows[shard + 1] - self._first_rows[shard])
            if sum(num_rows) != said:
                raise CorpusError(f"{self._files[shard]} has {sum(num_rows)} rows, the ledger says {said}; run `corpusmill verify`")
            self._indices[shard] = _Index(schema, tuple(offsets), np.cumsum(num_rows))
        return self._indices[shard]

    def _record(self, shard: int, row: int) -> Record:
        index = self._index(shard)
        number = int(np.searchsorted(index.first_rows, row, side="right")) - 1
        records = self._open.get((shard, number))
        if records is None:
            if len(self._open) >= MAX_OPEN_BATCHES:
                self._open.pop(next(iter(self._open)))  # the one opened first
            with pa.memory_map(str(kept_copy(self._files[shard]))) as source:
                batch = _read(source, index.offsets[number], index.schema)
            if self.only_training:
                batch = _for_training(batch)
            records = self._open[shard, number] = BatchRows(batch, self._files[shard].name)
        return records[row - int(index.first_rows[number])]


def _read(source: pa.MemoryMappedFile, offset: int, schema: pa.Schema) -> pa.RecordBatch:
    source.seek(offset)
    return pa.ipc.read_record_batch(pa.ipc.read_message(source), schema)


def _for_training(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch without facts other than the contract's, and with no sources."""
    kept = [name for name in batch.schema.names if "." not in name or name.startswith("contract.")]
    batch = batch.select(kept)
    for name in _SOURCES:
        if name in kept:
            empty = pa.array([[]] * batch.num_rows, batch.schema.field(name).type)
            batch = batch.set_column(kept.index(name), batch.schema.field(name), empty)
    return batch
