"""Arrow tables as sources: Parquet files, and directories of the `datasets` library."""

from __future__ import annotations

import base64
import datetime
import decimal
import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.source.files import MAX_FILE_BYTES, NETWORK_ERRORS, UNREADABLE_FILE, Files
from pipelines.source.media import ROW_REASONS, Media, give_row, media_field, numbered_name, open_media
from pipelines.source.split import (
    BYTES_PER_SPLIT,
    NOT_UTF8,
    ROWS_PER_SPLIT,
    UNREADABLE,
    Split,
    check_positive,
    make_reject,
    make_split,
    unreadable_split,
)
from schemas.outcome import Reason, Reject
from schemas.records import Row

BATCH_ROWS = 64
MAX_PARTS_OF_A_GROUP = 16  # every part of a row group decodes the group from its start
ARROW_ERRORS = (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowSerializationError, pa.ArrowIndexError, pa.ArrowKeyError, OSError)
MAX_BATCH_ROWS = 1 << 24  # of a batch of a stream, whose header alone says how many it has
MAX_INFLATION, ABSURD_BYTES = 1_000, 1 << 30  # a header that asks for more than both, so many times its file, is damaged
_WANTED = re.compile(r"of size (\d+)")
_AS_BYTES = {pa.string(): pa.binary(), pa.large_string(): pa.large_binary()}  # whose letters are looked at row by row


@dataclass(frozen=True, slots=True)
class _Reader:
    """What turns batches of a split into rows."""

    split: Split
    licence: str
    media: Media

    def rows(self, batches: Iterator[pa.RecordBatch], number: int) -> Iterator[Row | Reject]:
        """Rows `start` to `stop`; `number` is that of the first row of the first batch. Damage is one reject for the rest."""
        stop = self.split.stop
        while number < stop:
            try:
                batch = next(batches, None)
            except NETWORK_ERRORS:
                raise
            except ARROW_ERRORS as error:
                yield self.damaged(max(number, self.split.start), error)
                return
            if batch is None:
                yield self.damaged(max(number, self.split.start), pa.ArrowInvalid(f"the table ends after {number} rows, and tells of more"))
                return
            first = max(self.split.start - number, 0)
            yield from self._rows_of(batch, number, first, min(stop - number, batch.num_rows))
            number += batch.num_rows

    def damaged(self, number: int, error: Exception) -> Reject:
        said = (str(error).splitlines() or [type(error).__name__])[0]
        return make_reject(self.split, self.licence, f"row {number} and all after it", UNREADABLE_FILE.name, said)

    def _rows_of(self, batch: pa.RecordBatch, number: int, first: int, stop: int) -> Iterator[Row | Reject]:
        wrong = _damage(batch)
        if wrong:
            said = f"its batch is damaged: {wrong}"
            rows = range(number + first, number + stop)
            return (make_reject(self.split, self.licence, f"row {row}", UNREADABLE_FILE.name, said) for row in rows)
        return self.media.files.side_by_side(lambda at: self._row(batch.slice(at, 1), number + at), range(first, stop))

    def _row(self, batch: pa.RecordBatch, number: int) -> Row | Reject:
        locator = f"row {number}"
        try:
            values = batch.to_pylist()[0]
        except UnicodeDecodeError as error:
            return make_reject(self.split, self.licence, locator, NOT_UTF8.name, str(error))
        fields: dict[str, object] = {}
        blobs: dict[str, bytes] = {}
        for name, value in values.items():
            kind = media_field(name) or ("image" if name == "images" else name)
            items = value if isinstance(value, list) and value and all(_bytes_of(item) is not None for item in value) else None
            if items is not None:
                blobs |= {numbered_name(kind, at): _bytes_of(item) for at, item in enumerate(items)}  # type: ignore[misc]
            elif _bytes_of(value) is not None:
                blobs[kind] = _bytes_of(value)  # type: ignore[assignment]
            else:
                fields[name] = _json_value(value)
        return give_row(self.split, self.licence, locator, fields, blobs, self.media)


def _bytes_of(value: Any) -> bytes | None:
    """The bytes of a binary value, or of the `datasets` library's {"bytes": ..., "path": ...}."""
    if isinstance(value, dict) and set(value) == {"bytes", "path"}:
        value = value["bytes"]
    return value if isinstance(value, bytes) else None


def _json_value(value: Any) -> object:
    """A column's value as JSON has it: times as ISO text, decimals as text, deeper bytes as base64, maps as lists of pairs."""
    if isinstance(value, dict):
        return {str(name): _json_value(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json_value(item) for item in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    return str(value) if isinstance(value, decimal.Decimal) else value


@dataclass(frozen=True, slots=True)
class ParquetManifest:
    """Rows of the Parquet files at `path` (a file, a glob, or all) below `root`.

    Splits end where row groups end as far as they can: small groups are joined, a large one is cut in at most 16 parts
    whatever the bounds say, because Parquet has no way into the middle of a group.
    """

    root: str = field(metadata={"fingerprint": False})
    path: str = ""
    licence: str = ""
    media_root: str = field(default="", metadata={"fingerprint": False})
    rows_per_split: int = ROWS_PER_SPLIT
    bytes_per_split: int = BYTES_PER_SPLIT
    max_file_bytes: int = MAX_FILE_BYTES
    reasons: ClassVar[tuple[Reason, ...]] = ROW_REASONS

    def __post_init__(self) -> None:
        check_positive(self, "rows_per_split", "bytes_per_split", "max_file_bytes")

    def splits(self) -> list[Split]:
        files = Files(self.root)
        return [split for path in files.select(self.path, (".parquet",)) for split in self._splits_of(files, path)]

    def _splits_of(self, files: Files, path: str) -> list[Split]:
        try:
            revision = files.content_id(path)
        except NETWORK_ERRORS:
            raise
        except OSError:
            return [unreadable_split(path)]
        try:
            with files.open(path) as handle:
                metadata = _open_parquet(handle).metadata
                groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
                sizes = [(group.num_rows, group.total_byte_size) for group in groups]
        except NETWORK_ERRORS:
            raise
        except ARROW_ERRORS:  # one split, which is refused as a whole
            return [make_split(path, revision, 0, 1, 1, 0)]
        cuts = _cut_groups(sizes, self.rows_per_split, self.bytes_per_split)
        return [make_split(path, revision, start, stop, stop - start, size, start) for start, stop, size in cuts]

    def read(self, split: Split) -> Iterator[Row | Reject]:
        files = Files(self.root)
        reader = _Reader(split, self.licence, open_media(self.root, self.media_root, split.path, self.max_file_bytes))
        with ExitStack() as stack:
            try:
                table = _open_parquet(stack.enter_context(files.open(split.path)))
            except NETWORK_ERRORS:
                raise
            except ARROW_ERRORS as error:
                yield reader.damaged(split.start, error)
                return
            groups: list[int] = []
            first, at = 0, 0
            for group in range(table.num_row_groups):
                rows = table.metadata.row_group(group).num_rows
                if at + rows > split.start and at < split.stop:
                    first = first if groups else at
                    groups.append(group)
                at += rows
            # group by group: a batch over two groups would be lost with the damaged one
            batches = (batch for group in groups for batch in table.iter_batches(BATCH_ROWS, [group]))
            yield from reader.rows(batches, first)


def _open_parquet(handle: Any) -> pq.ParquetFile:
    """Raises: ARROW_ERRORS, also where the name of a column is no text."""
    try:
        return pq.ParquetFile(handle)
    except UnicodeDecodeError as error:
        raise pa.ArrowInvalid(f"the name of a column is not UTF-8: {error}") from error


def _cut_groups(sizes: list[tuple[int, int]], max_rows: int, max_bytes: int) -> Iterator[tuple[int, int, int]]:
    """(start, stop, bytes) of splits over row groups of these (rows, bytes)."""
    start, rows, size = 0, 0, 0
    for group_rows, group_bytes in sizes:
        if rows and (rows + group_rows > max_rows or size + group_bytes > max_bytes):
            yield start, start + rows, size
            start, rows, size = start + rows, 0, 0
        if group_rows <= max_rows and group_bytes <= max_bytes:
            rows, size = rows + group_rows, size + group_bytes
            continue
        step = min(max_rows, max(group_rows * max_bytes // max(group_bytes, 1), 1))
        step = max(step, -(-group_rows // MAX_PARTS_OF_A_GROUP))
        for at in range(0, group_rows, step):
            part = min(step, group_rows - at)
            yield start + at, start + at + part, group_bytes * part // group_rows
        start += group_rows
    if rows:
        yield start, start + rows, size


@dataclass(frozen=True, slots=True)
class DatasetsDir:
    """Rows of a directory that `datasets`' save_to_disk wrote, or of a folder of Arrow stream files."""

    root: str = field(metadata={"fingerprint": False})
    licence: str = ""
    media_root: str = field(default="", metadata={"fingerprint": False})
    rows_per_split: int = ROWS_PER_SPLIT
    max_file_bytes: int = MAX_FILE_BYTES
    reasons: ClassVar[tuple[Reason, ...]] = ROW_REASONS

    def __post_init__(self) -> None:
        check_positive(self, "rows_per_split", "max_file_bytes")

    def _paths(self, files: Files) -> list[str]:
        """Raises ValueError when state.json is there and names no files."""
        try:
            with files.open("state.json") as handle:
                names = [str(entry["filename"]) for entry in json.load(handle)["_data_files"]]
            outside = [name for name in names if name.startswith("/") or "://" in name or ".." in name.split("/")]
            if outside:
                raise ValueError(f"the file {outside[0]!r} is outside of the folder")
            return names
        except FileNotFoundError:
            return files.walk((".arrow",))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{self.root}/state.json does not list the files of a dataset: {error!r}; save the dataset again") from error

    def splits(self) -> list[Split]:
        files = Files(self.root)
        return [split for path in self._paths(files) for split in self._splits_of(files, path)]

    def _splits_of(self, files: Files, path: str) -> Iterator[Split]:
        """Local files are mapped, so that counting rows reads the batches' headers only. Damage is a split of its own."""
        rows, size, is_damaged, revision = 0, 0, False, UNREADABLE
        try:
            revision, size = files.content_id(path), files.size(path)
            with ExitStack() as stack:
                for batch in _checked(_open_stream(stack, files, path), size):
                    rows += batch.num_rows
        except NETWORK_ERRORS:
            raise
        except ARROW_ERRORS:
            is_damaged = True
        for start in range(0, rows, self.rows_per_split):
            stop = min(start + self.rows_per_split, rows)
            yield make_split(path, revision, start, stop, stop - start, size * (stop - start) // rows, start)
        if is_damaged:
            yield make_split(path, revision, rows, rows + 1, 1, 0, rows)

    def read(self, split: Split) -> Iterator[Row | Reject]:
        files = Files(self.root)
        reader = _Reader(split, self.licence, open_media(self.root, self.media_root, split.path, self.max_file_bytes))
        with ExitStack() as stack:
            try:
                batches = _checked(_open_stream(stack, files, split.path), files.size(split.path))
            except NETWORK_ERRORS:
                raise
            except ARROW_ERRORS as error:
                yield reader.damaged(split.start, error)
                return
            yield from reader.rows(batches, 0)


def _damage(batch: pa.RecordBatch) -> str:
    """What is wrong with a batch; empty where nothing is. Offsets and places of a damaged one lead outside of it, and end the process."""
    try:
        for column in batch.columns:
            (column.view(_AS_BYTES[column.type]) if column.type in _AS_BYTES else column).validate(full=True)
    except ARROW_ERRORS as error:
        return (str(error).splitlines() or [type(error).__name__])[0]
    return ""


def _checked(stream: pa.ipc.RecordBatchStreamReader, num_bytes: int) -> Iterator[pa.RecordBatch]:
    """The batches of a stream of so many bytes, as long as their headers can be believed. Raises: ARROW_ERRORS."""
    _check_names([stream.schema.field(number) for number in range(len(stream.schema))])
    while True:
        try:
            batch = next(stream, None)
        except pa.ArrowMemoryError as error:
            wanted = _WANTED.search(str(error))
            if wanted is None or int(wanted[1]) < max(ABSURD_BYTES, MAX_INFLATION * num_bytes):
                raise  # the machine has too little
            raise pa.ArrowInvalid(f"a batch asks for {wanted[1]} bytes, the file has {num_bytes}") from error
        if batch is None:
            return
        if batch.num_rows > MAX_BATCH_ROWS:
            raise pa.ArrowInvalid(f"a batch says that it has {batch.num_rows} rows, at most {MAX_BATCH_ROWS}")
        batch.validate()
        yield batch


def _check_names(fields: list[pa.Field]) -> None:
    """Raises ArrowInvalid where a name is no text, of a column or within one."""
    for at in fields:
        try:
            _ = at.name
        except UnicodeDecodeError as error:
            raise pa.ArrowInvalid(f"the name of a column is not UTF-8: {error}") from error
        kind = at.type.value_type if pa.types.is_dictionary(at.type) else at.type
        _check_names([kind.field(number) for number in range(kind.num_fields)])


def _open_stream(stack: ExitStack, files: Files, path: str) -> pa.ipc.RecordBatchStreamReader:
    handle = stack.enter_context(files.open(path))  # also refuses what is no regular file
    source = stack.enter_context(pa.memory_map(str(files.local_root / path))) if files.is_local else handle
    return stack.enter_context(pa.ipc.open_stream(source))
