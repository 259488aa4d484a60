"""Arrow tables as sources: Parquet files, and directories of the `datasets` library."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.source.files import FILE_REASONS, UNREADABLE_FILE, Files, media_field, read_media_fields
from pipelines.source.split import ROWS_PER_SPLIT, Split, make_reject, make_row, make_split
from schemas.outcome import Refused, Reject
from schemas.records import Row

BATCH_ROWS = 64
ARROW_ERRORS = (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowSerializationError, OSError)


def _table_rows(files: Files, split: Split, licence: str, batches: Iterator[pa.RecordBatch], first: int) -> Iterator[Row | Reject]:
    """Rows `start` to `stop` of a split; structs of bytes and path, and binary columns, become blobs."""
    number = first
    for batch in batches:
        if number + batch.num_rows <= split.start:
            number += batch.num_rows
            continue
        for values in batch.to_pylist():
            if split.start <= number < split.stop:
                yield _table_row(files, split, licence, values, number)
            number += 1
        if number >= split.stop:
            return


def _table_row(files: Files, split: Split, licence: str, values: dict[str, Any], number: int) -> Row | Reject:
    fields: dict[str, object] = {}
    blobs: dict[str, bytes] = {}
    locator = f"row {number}"
    for name, value in values.items():
        kind = media_field(name) or name
        if isinstance(value, dict) and set(value) == {"bytes", "path"}:
            if value["bytes"] is not None:
                blobs[kind] = value["bytes"]
            elif value["path"]:
                fields[name] = value["path"]
        elif isinstance(value, bytes):
            blobs[kind] = value
        else:
            fields[name] = value
    try:
        blobs |= read_media_fields(files, fields, posixpath.dirname(split.path))
    except Refused as refused:
        return make_reject(split, licence, locator, refused.reason.name, refused.detail)
    return make_row(split, licence, locator, fields, blobs)


@dataclass(frozen=True, slots=True)
class ParquetManifest:
    """Rows of the Parquet files at `path` (a file, or a folder of them) below `root`."""

    root: str = field(metadata={"fingerprint": False})
    path: str = ""
    licence: str = ""
    rows_per_split: int = ROWS_PER_SPLIT
    reasons: ClassVar = FILE_REASONS

    def splits(self) -> list[Split]:
        files = Files(self.root)
        found = []
        for path in [self.path] if self.path else files.walk((".parquet",)):
            revision, size = files.content_id(path), files.size(path)
            try:
                with files.open(path) as handle:
                    rows = pq.ParquetFile(handle).metadata.num_rows
            except ARROW_ERRORS:
                rows = -1  # a damaged file is one split, which is refused as a whole
            for start in range(0, max(rows, 1), self.rows_per_split):
                stop = min(start + self.rows_per_split, rows) if rows >= 0 else 1
                found.append(make_split(path, revision, start, stop, max(stop - start, 0), size // max(rows, 1) * (stop - start)))
        return found

    def read(self, split: Split) -> Iterator[Row | Reject]:
        files = Files(self.root)
        with files.open(split.path) as handle:
            try:
                table = pq.ParquetFile(handle)
                groups, first, at = [], 0, 0
                for group in range(table.num_row_groups):
                    rows = table.metadata.row_group(group).num_rows
                    if at + rows > split.start and at < split.stop:
                        first = at if not groups else first
                        groups.append(group)
                    at += rows
                batches = table.iter_batches(BATCH_ROWS, groups) if groups else iter(())
                yield from _table_rows(files, split, self.licence, batches, first)
            except ARROW_ERRORS as error:
                yield make_reject(
                    split, self.licence, f"rows {split.start}..{split.stop}", UNREADABLE_FILE.name, str(error).splitlines()[0]
                )


@dataclass(frozen=True, slots=True)
class DatasetsDir:
    """Rows of a directory that `datasets`' save_to_disk wrote, or of a folder of Arrow stream files."""

    root: str = field(metadata={"fingerprint": False})
    licence: str = ""
    rows_per_split: int = ROWS_PER_SPLIT
    reasons: ClassVar = FILE_REASONS

    def _paths(self, files: Files) -> list[str]:
        try:
            with files.open("state.json") as handle:
                return [entry["filename"] for entry in json.load(handle)["_data_files"]]
        except FileNotFoundError:
            return files.walk((".arrow",))

    def splits(self) -> list[Split]:
        files = Files(self.root)
        found = []
        for path in self._paths(files):
            revision, size = files.content_id(path), files.size(path)
            try:
                with files.open(path) as handle, pa.ipc.open_stream(handle) as reader:
                    rows = sum(batch.num_rows for batch in reader)
            except ARROW_ERRORS:
                rows = 1  # a damaged file is one split, which is refused as a whole
            for start in range(0, rows, self.rows_per_split):
                stop = min(start + self.rows_per_split, rows)
                found.append(make_split(path, revision, start, stop, stop - start, size // max(rows, 1) * (stop - start)))
        return found

    def read(self, split: Split) -> Iterator[Row | Reject]:
        files = Files(self.root)
        with files.open(split.path) as handle:
            try:
                with pa.ipc.open_stream(handle) as reader:
                    yield from _table_rows(files, split, self.licence, iter(reader), 0)
            except ARROW_ERRORS as error:
                yield make_reject(
                    split, self.licence, f"rows {split.start}..{split.stop}", UNREADABLE_FILE.name, str(error).splitlines()[0]
                )
