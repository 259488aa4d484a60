"""JSONL manifests: a JSON object a line, with NeMo or Lhotse keys for audio, `image` and `caption` for pictures, `text`."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import IO, Any, ClassVar

import pyarrow as pa

from pipelines.source.files import MAX_FILE_BYTES, NETWORK_ERRORS, Files
from pipelines.source.media import ROW_REASONS, Media, give_row, open_media, open_rows
from pipelines.source.split import (
    BAD_JSON,
    BYTES_PER_SPLIT,
    MAX_NESTING,
    NOT_UTF8,
    ROWS_PER_SPLIT,
    TRUNCATED_ARCHIVE,
    Split,
    check_positive,
    make_reject,
    make_split,
    unreadable_split,
)
from schemas.outcome import Reason, Refused, Reject
from schemas.records import Row

LINE_TOO_LONG = Reason("line_too_long", "The line is longer than a source is allowed to read")
COMPRESSED = (".gz", ".zst")
SUFFIXES = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz", ".jsonl.zst", ".ndjson.zst")
DAMAGE = (EOFError, OSError, zlib.error, pa.ArrowInvalid)


@dataclass(frozen=True, slots=True)
class JsonlManifest:
    """Lines of the JSONL files at `path` (a file, a glob, or all) below `root`; media beside the manifest, or in `media_root`."""

    root: str = field(metadata={"fingerprint": False})
    path: str = ""
    licence: str = ""
    media_root: str = field(default="", metadata={"fingerprint": False})
    rows_per_split: int = ROWS_PER_SPLIT
    bytes_per_split: int = BYTES_PER_SPLIT
    max_line_bytes: int = 64 << 20
    max_file_bytes: int = MAX_FILE_BYTES
    reasons: ClassVar[tuple[Reason, ...]] = (LINE_TOO_LONG, TRUNCATED_ARCHIVE, *ROW_REASONS)

    def __post_init__(self) -> None:
        check_positive(self, "rows_per_split", "bytes_per_split", "max_line_bytes", "max_file_bytes")

    def splits(self) -> list[Split]:
        files = Files(self.root)
        return [split for path in files.select(self.path, SUFFIXES) for split in self._splits_of(files, path)]

    def _splits_of(self, files: Files, path: str) -> list[Split]:
        try:
            if path.endswith(COMPRESSED):
                size = files.size(path)
                return [make_split(path, files.content_id(path), 0, size, -1, size)]
            return list(self._cut(files, path))
        except NETWORK_ERRORS:
            raise
        except OSError:  # one split, which is refused as a whole
            return [unreadable_split(path)]

    def _cut(self, files: Files, path: str) -> Iterator[Split]:
        """Splits that end at line ends; their revision is the digest of their own bytes."""
        with files.open(path) as handle:
            start, rows, first, at = 0, 0, 0, 0
            seen = _Digest()
            for line in _bounded_lines(handle, self.max_line_bytes, seen=seen):
                at += line.length
                rows += not line.is_blank
                if rows and (rows >= self.rows_per_split or at - start >= self.bytes_per_split):
                    yield make_split(path, seen.take(), start, at, rows, at - start, first)
                    start, first, rows = at, first + rows, 0
            if rows:
                yield make_split(path, seen.take(), start, at, rows, at - start, first)

    def read(self, split: Split) -> Iterator[Row | Reject]:
        media = open_media(self.root, self.media_root, split.path, self.max_file_bytes)
        handle = open_rows(Files(self.root), split, self.licence)
        if isinstance(handle, Reject):
            yield handle
            return
        with handle:
            if split.path.endswith(COMPRESSED):
                yield from self._read_compressed(media, split, handle)
                return
            handle.seek(split.start)
            lines = _bounded_lines(handle, self.max_line_bytes, split.stop - split.start)
            yield from media.files.side_by_side(lambda told: self._row(media, split, *told), _placed(lines, split.start))

    def _read_compressed(self, media: Media, split: Split, handle: IO[bytes]) -> Iterator[Row | Reject]:
        """Locators count bytes of the text. The line that damage cuts is covered by the one reject for the damage."""
        lines = self._undamaged(split, _bounded_lines(_decompressed(handle, split.path), self.max_line_bytes))
        yield from media.files.side_by_side(lambda told: told if isinstance(told, Reject) else self._row(media, split, *told), lines)

    def _undamaged(self, split: Split, lines: Iterator[_Line]) -> Iterator[tuple[_Line, int] | Reject]:
        """The lines with where they begin, and the reject for what cannot be read."""
        at = 0
        while True:
            try:
                line = next(lines, None)
            except NETWORK_ERRORS:
                raise
            except DAMAGE as error:
                yield make_reject(split, self.licence, f"byte {at}", TRUNCATED_ARCHIVE.name, f"{type(error).__name__}: {error}")
                return
            if line is None:
                return
            if not line.is_blank:
                yield line, at
            at += line.length

    def _row(self, media: Media, split: Split, line: _Line, at: int) -> Row | Reject:
        locator = f"byte {at}"
        if line.is_long:
            detail = f"{line.length} bytes, at most {self.max_line_bytes}"
            return make_reject(split, self.licence, locator, LINE_TOO_LONG.name, detail)
        try:
            fields = parse_object(line.data)
        except Refused as refused:
            return make_reject(split, self.licence, locator, refused.reason.name, refused.detail)
        return give_row(split, self.licence, locator, fields, {}, media)


def _placed(lines: Iterable[_Line], at: int) -> Iterator[tuple[_Line, int]]:
    """The lines that are not blank, with where they begin."""
    for line in lines:
        if not line.is_blank:
            yield line, at
        at += line.length


def parse_object(data: bytes) -> dict[str, Any]:
    """The JSON object that a row is. Raises: Refused with NOT_UTF8 or BAD_JSON."""
    try:
        fields = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise Refused(NOT_UTF8, str(error)) from error
    except RecursionError as error:
        raise Refused(BAD_JSON, f"nested more than {MAX_NESTING} levels deep") from error
    except ValueError as error:
        raise Refused(BAD_JSON, str(error)) from error
    if not isinstance(fields, dict):
        raise Refused(BAD_JSON, f"a JSON {type(fields).__name__}, expected an object")
    return fields


@dataclass(frozen=True, slots=True)
class _Line:
    """`data` is the line, but only the beginning of one that `is_long`; `length` counts all its bytes and its end."""

    data: bytes
    length: int
    is_long: bool = False

    @property
    def is_blank(self) -> bool:
        return not self.is_long and not self.data.strip()


class _Digest:
    """A running digest of bytes; `take` gives it and starts anew."""

    def __init__(self) -> None:
        self.state = hashlib.blake2b(digest_size=16)

    def take(self) -> str:
        found, self.state = self.state.hexdigest(), hashlib.blake2b(digest_size=16)
        return found


def _bounded_lines(handle: Any, max_bytes: int, total: int | None = None, seen: _Digest | None = None) -> Iterator[_Line]:
    """Lines up to `total` bytes; what exceeds `max_bytes` of a line is read and dropped. All bytes go into `seen`."""
    left = total
    while left is None or left > 0:
        data = handle.readline(max_bytes + 1)
        if not data:
            return
        length = len(data)
        is_long = length > max_bytes and not data.endswith(b"\n")
        if seen is not None:
            seen.state.update(data)
        piece = data
        while is_long and not piece.endswith(b"\n"):
            piece = handle.readline(1 << 20)
            if not piece:
                break
            if seen is not None:
                seen.state.update(piece)
            length += len(piece)
        left = None if left is None else left - length
        yield _Line(data[:1024] if is_long else data, length, is_long)


def _decompressed(handle: IO[bytes], path: str) -> Any:
    if path.endswith(".zst"):
        return io.BufferedReader(pa.CompressedInputStream(handle, "zstd"))  # type: ignore[type-var]
    return gzip.open(handle)
