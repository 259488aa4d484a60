"""Which rows go into which file of an export: decided by the ledger and sizes alone, so that it does not depend on who writes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow as pa

from schemas.corpus import Corpus, CorpusError, read_batches
from schemas.shard import FileEntry, file_sha256


@dataclass(frozen=True, slots=True)
class Piece:
    """Batches `first` to `last` (not counted) of a shard; a `last` of -1 is the whole shard."""

    shard: FileEntry
    first: int
    last: int
    num_rows: int
    num_bytes: int

    @property
    def is_whole(self) -> bool:
        return self.last == -1


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of one file, in ledger order; `name` is relative to the export."""

    name: str
    pieces: tuple[Piece, ...]

    @property
    def num_rows(self) -> int:
        return sum(piece.num_rows for piece in self.pieces)


def plan_parts(corpus: Corpus, max_shard_bytes: int, suffix: str) -> list[Part]:
    """The files of an export: neighbouring shards together, and shards cut between batches, so that each holds `max_shard_bytes` at most.

    Bytes are those of the rows in the corpus; a batch (about 16 MiB) is never cut, so that one which is larger has a file of its own.
    A corpus without rows gives one file without rows.
    """
    groups: list[list[Piece]] = []
    room = 0
    for piece in _pieces(corpus, max_shard_bytes):
        if not groups or piece.num_bytes > room:
            groups.append([])
            room = max_shard_bytes
        groups[-1].append(piece)
        room -= piece.num_bytes
    groups = groups or [[]]
    return [Part(f"data/train-{number:05d}-of-{len(groups):05d}.{suffix}", tuple(group)) for number, group in enumerate(groups)]


def _pieces(corpus: Corpus, max_bytes: int) -> Iterator[Piece]:
    for entry in corpus.ledger():
        shard = entry.shard
        if shard.num_rows == 0:
            continue
        if shard.num_bytes <= max_bytes:
            yield Piece(shard, 0, -1, shard.num_rows, shard.num_bytes)
            continue
        for number, batch in enumerate(_read(corpus.path / shard.name)):
            yield Piece(shard, number, number + 1, batch.num_rows, batch.nbytes)


def part_batches(corpus: Path, part: Part) -> Iterator[pa.RecordBatch]:
    """The batches of a part, memory-mapped. Log-Mel columns are plain lists, whatever Arrow extensions the program has registered.

    Raises:
        CorpusError: a shard is not as the ledger says: it was changed or damaged after it was built.
    """
    for piece in part.pieces:
        file = corpus / piece.shard.name
        if piece.first == 0 and file.is_file() and file_sha256(file) != piece.shard.sha256:
            raise CorpusError(f"{file} does not have the checksum that the ledger gives; it was changed or damaged: build the corpus again")
        num_rows = 0
        for batch in islice(_read(file), piece.first, None if piece.is_whole else piece.last):
            num_rows += batch.num_rows
            yield plain_batch(batch)
        if num_rows != piece.num_rows:
            raise CorpusError(f"{file} has {num_rows} rows where the ledger says {piece.num_rows}; build the corpus again")


def _read(file: Path) -> Iterator[pa.RecordBatch]:
    if not file.is_file():
        raise CorpusError(f"{file} is named by the ledger but is missing; build the corpus again")
    try:
        yield from read_batches(file)
    except pa.ArrowInvalid as error:
        raise CorpusError(f"reading {file}: {error}; it was changed or damaged: build the corpus again") from error


def plain_schema(schema: pa.Schema) -> pa.Schema:
    """The schema with extension types as what they store; what says that they are extensions stays in the fields' metadata.

    `datasets` takes the `huggingface` features of a file only where they agree with its fields, extensions included.
    """
    return pa.schema([_plain_field(field) for field in schema], schema.metadata)


def _plain_field(field: pa.Field) -> pa.Field:
    if not isinstance(field.type, pa.BaseExtensionType):
        return field
    kind = field.type
    extension = {b"ARROW:extension:name": kind.extension_name.encode(), b"ARROW:extension:metadata": kind.__arrow_ext_serialize__()}
    return pa.field(field.name, kind.storage_type, field.nullable, {**(field.metadata or {}), **extension})


def plain_batch(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with extension columns as what they store."""
    columns = [column.storage if isinstance(column, pa.ExtensionArray) else column for column in batch.columns]
    return pa.RecordBatch.from_arrays(columns, schema=plain_schema(batch.schema))
