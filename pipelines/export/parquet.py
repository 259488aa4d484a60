"""A part of a corpus as a Parquet file, in row groups that a reader over a network can take one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.export.parts import Part, part_batches, plain_schema
from schemas.shard import FileEntry, write_whole

GROUP_BYTES = 32 << 20  # of a row group before compression: one request, and small beside the memory of a reader
ZSTD_LEVEL = 3


def write_parquet(corpus: Path, part: Part, schema: pa.Schema, to: Path, rows_per_group: int) -> FileEntry:
    """Writes one file; its bytes depend on the rows, the options and the version of Arrow alone."""
    schema, num_rows = plain_schema(schema), 0
    options = parquet_options(schema)
    with write_whole(to / part.name) as sink, pq.ParquetWriter(pa.PythonFile(sink, mode="w"), schema, **options) as writer:
        for table in row_groups(part_batches(corpus, part), schema, rows_per_group):
            writer.write_table(table, row_group_size=max(1, table.num_rows))
            num_rows += table.num_rows
    return FileEntry(part.name, sink.sha256.hexdigest(), sink.num_bytes, num_rows)


def row_groups(batches: Iterator[pa.RecordBatch], schema: pa.Schema, rows_per_group: int = 0) -> Iterator[pa.Table]:
    """The rows in order, in tables of `rows_per_group` rows, or fewer where GROUP_BYTES are reached before; 0 rows: by bytes alone.

    One table without rows where there are none.
    """
    held: list[pa.RecordBatch] = []
    num_rows = num_bytes = num_groups = 0
    for batch in batches:
        start = 0
        while start < batch.num_rows:
            piece = batch.slice(start, rows_per_group - num_rows if rows_per_group else None)
            held.append(piece)
            start += piece.num_rows
            num_rows += piece.num_rows
            num_bytes += piece.nbytes
            if num_bytes >= GROUP_BYTES or num_rows == rows_per_group:
                yield pa.Table.from_batches(held, schema)
                held, num_rows, num_bytes, num_groups = [], 0, 0, num_groups + 1
    if held or not num_groups:
        yield pa.Table.from_batches(held, schema)


def parquet_options(schema: pa.Schema) -> dict[str, Any]:
    """How columns are stored: dictionaries for names that repeat, split bytes for log-Mel, statistics for facts; zstd everywhere."""
    leaves = dict(_leaves(schema))
    facts = [name for name in schema.names if "." in name]
    repeated = ["source", "revision", "licence", *(name for name in facts if pa.types.is_string(schema.field(name).type))]
    repeated += [leaf for leaf in leaves if leaf.endswith((".role", ".kind", ".name"))]
    return {
        "compression": "zstd",
        "compression_level": ZSTD_LEVEL,
        "use_dictionary": [name for name in repeated if name in leaves],
        "use_byte_stream_split": [leaf for leaf in leaves if leaf.startswith("log_mel.")],
        "write_statistics": ["key", *facts],
        "write_page_checksum": True,
    }


def _leaves(schema: pa.Schema) -> Iterator[tuple[str, pa.DataType]]:
    """Columns of the file by their dotted paths, as Parquet names them."""

    def walk(path: str, kind: pa.DataType) -> Iterator[tuple[str, pa.DataType]]:
        if pa.types.is_struct(kind):
            for field in kind:
                yield from walk(f"{path}.{field.name}", field.type)
        elif pa.types.is_list(kind):
            yield from walk(f"{path}.list.element", kind.value_type)
        else:
            yield path, kind

    for field in schema:
        yield from walk(field.name, field.type)
