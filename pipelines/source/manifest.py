"""JSONL manifests: a JSON object a line, with NeMo or Lhotse keys for audio, `image` and `caption` for pictures, `text`."""

from __future__ import annotations

import gzip
import json
import posixpath
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any, ClassVar

from pipelines.source.files import FILE_REASONS, Files, read_media_fields
from pipelines.source.split import BYTES_PER_SPLIT, ROWS_PER_SPLIT, Split, make_reject, make_row, make_split
from schemas.identity import digest
from schemas.outcome import Reason, Refused, Reject
from schemas.records import Row

BAD_JSON = Reason("bad_json", "The line is not a JSON object")
NOT_UTF8 = Reason("not_utf8", "The line is not UTF-8")
LINE_TOO_LONG = Reason("line_too_long", "The line is longer than a source is allowed to read")
TRUNCATED_ARCHIVE = Reason("truncated_archive", "The compressed file or archive ends early or is damaged")
SUFFIXES = (".jsonl", ".jsonl.gz", ".ndjson")


@dataclass(frozen=True, slots=True)
class JsonlManifest:
    """Lines of the JSONL files at `path` (a file, or a folder of them) below `root`; media relative to the manifest."""

    root: str = field(metadata={"fingerprint": False})
    path: str = ""
    licence: str = ""
    rows_per_split: int = ROWS_PER_SPLIT
    bytes_per_split: int = BYTES_PER_SPLIT
    max_line_bytes: int = 64 << 20
    reasons: ClassVar = (BAD_JSON, NOT_UTF8, LINE_TOO_LONG, TRUNCATED_ARCHIVE, *FILE_REASONS)

    def splits(self) -> list[Split]:
        files = Files(self.root)
        paths = [self.path] if self.path else files.walk(SUFFIXES)
        return [split for path in paths for split in self._splits_of(files, path)]

    def _splits_of(self, files: Files, path: str) -> Iterator[Split]:
        if path.endswith(".gz"):
            size = files.size(path)
            yield make_split(path, files.content_id(path), 0, size, -1, size)
            return
        with files.open(path) as handle:
            start, rows, at, pieces = 0, 0, 0, []
            for line in _bounded_lines(handle, self.max_line_bytes):
                pieces.append(digest(line.data) + str(line.length))
                at += line.length
                rows += not line.is_blank
                if rows >= self.rows_per_split or at - start >= self.bytes_per_split:
                    yield make_split(path, digest(*pieces), start, at, rows, at - start)
                    start, rows, pieces = at, 0, []
            if rows:
                yield make_split(path, digest(*pieces), start, at, rows, at - start)

    def read(self, split: Split) -> Iterator[Row | Reject]:
        files = Files(self.root)
        with files.open(split.path) as handle:
            if split.path.endswith(".gz"):
                yield from self._read_gzip(files, split, handle)
            else:
                handle.seek(split.start)
                lines = _bounded_lines(handle, self.max_line_bytes, split.stop - split.start)
                yield from self._rows(files, split, lines, split.start)

    def _read_gzip(self, files: Files, split: Split, handle: IO[bytes]) -> Iterator[Row | Reject]:
        seen = 0
        try:
            with gzip.open(handle) as text:
                for item in self._rows(files, split, _bounded_lines(text, self.max_line_bytes), 0):
                    seen += 1
                    yield item
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            yield make_reject(split, self.licence, f"after row {seen}", TRUNCATED_ARCHIVE.name, str(error))

    def _rows(self, files: Files, split: Split, lines: Iterator[_Line], at: int) -> Iterator[Row | Reject]:
        for line in lines:
            locator = f"byte {at}"
            at += line.length
            if not line.is_blank:
                yield self._row(files, split, line, locator)

    def _row(self, files: Files, split: Split, line: _Line, locator: str) -> Row | Reject:
        if line.length > self.max_line_bytes:
            return make_reject(split, self.licence, locator, LINE_TOO_LONG.name, f"{line.length} bytes, at most {self.max_line_bytes}")
        try:
            text = line.data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            return make_reject(split, self.licence, locator, NOT_UTF8.name, str(error))
        try:
            fields = json.loads(text)
        except (ValueError, RecursionError) as error:
            return make_reject(split, self.licence, locator, BAD_JSON.name, str(error))
        if not isinstance(fields, dict):
            return make_reject(split, self.licence, locator, BAD_JSON.name, f"a JSON {type(fields).__name__}, expected an object")
        try:
            blobs = read_media_fields(files, fields, posixpath.dirname(split.path))
        except Refused as refused:
            return make_reject(split, self.licence, locator, refused.reason.name, refused.detail)
        return make_row(split, self.licence, locator, fields, blobs)


@dataclass(frozen=True, slots=True)
class _Line:
    """`data` is the line, but only the beginning of one that is too long; `length` counts all its bytes."""

    data: bytes
    length: int

    @property
    def is_blank(self) -> bool:
        return self.length == len(self.data) and not self.data.strip()


def _bounded_lines(handle: Any, max_bytes: int, total: int | None = None) -> Iterator[_Line]:
    """Lines up to `total` bytes; what exceeds `max_bytes` of a line is read and dropped."""
    left = total
    while left is None or left > 0:
        data = handle.readline(max_bytes + 1)
        if not data:
            return
        length = len(data)
        piece = data
        while not piece.endswith(b"\n") and length > max_bytes:
            piece = handle.readline(1 << 20)
            if not piece:
                break
            length += len(piece)
        left = None if left is None else left - length
        yield _Line(data if length == len(data) else data[:1024], length)
