"""Ranges of files and whole folders, on disk or on an object store: what readers and stages need beside schemas/store.py."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import Any, cast

from schemas.retry import StoreError, retried
from schemas.store import StorePath, file_system, is_remote, list_files, remove_many

FIRST_BLOCK_BYTES = 256 << 10  # fetched where a reader has just arrived
LAST_BLOCK_BYTES = 8 << 20  # fetched at a time of a file that is read from beginning to end


def read_range(path: Path, start: int, stop: int) -> bytes:
    """Bytes `start` to `stop` of a file; fewer where it ends before. Raises: StoreError."""
    if not isinstance(path, StorePath):
        with open(path, "rb") as handle:
            handle.seek(start)
            return handle.read(stop - start)
    return read_ranges(path.scheme, path.path, [(start, stop)])[0]


def url_of(scheme: str, name: str) -> str:
    """How an object is told; the names of some file systems are URLs already."""
    return name if "://" in name else f"{scheme}://{name.lstrip('/')}"


def read_ranges(scheme: str, name: str, spans: list[tuple[int, int]]) -> list[bytes]:
    """Ranges of an object, asked for side by side. Raises: StoreError, FileNotFoundError."""
    told = url_of(scheme, name)

    def ask() -> list[bytes]:
        system = file_system(scheme)
        if len(spans) == 1:
            return [system.cat_file(name, start=spans[0][0], end=spans[0][1])]
        starts, stops = ([span[side] for span in spans] for side in (0, 1))
        return cast(list[bytes], system.cat_ranges([name] * len(spans), starts, stops, on_error="raise"))

    found = retried(ask, f"reading {told}")()
    for (start, stop), data in zip(spans, found, strict=True):
        if len(data) > stop - start:
            raise StoreError(
                f"reading {told}: {len(data)} bytes came where {stop - start} were asked for, so that it serves no ranges; copy the file to a disk"
            )
    return found


class RangeFile(io.RawIOBase):
    """An object as a file that may be sought: read in blocks, which grow as long as they follow one another.

    Raises: StoreError where the store does not answer, or ends an object before its size.
    """

    def __init__(self, scheme: str, name: str, size: int) -> None:
        self._scheme, self._name, self._size = scheme, name, size
        self._at, self._start, self._data = 0, 0, b""
        self._block = FIRST_BLOCK_BYTES

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence])
        return self._at

    def readinto(self, buffer: Any) -> int:
        wanted = min(len(buffer), max(self._size - self._at, 0))
        if not wanted:
            return 0
        if not self._start <= self._at < self._start + len(self._data):
            self._fetch(wanted)
        data = memoryview(self._data)[self._at - self._start :][:wanted]
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def _fetch(self, wanted: int) -> None:
        follows = self._at == self._start + len(self._data) and self._start + len(self._data) > 0
        self._block = min(2 * self._block, LAST_BLOCK_BYTES) if follows else FIRST_BLOCK_BYTES
        stop = min(self._size, self._at + max(wanted, self._block))
        (self._data,), self._start = read_ranges(self._scheme, self._name, [(self._at, stop)]), self._at
        if len(self._data) != stop - self._at:
            raise StoreError(
                f"reading {url_of(self._scheme, self._name)}: it ends at byte {self._at + len(self._data)} of {self._size}; "
                "it was replaced while it was read: start the build again"
            )


def remove_folder(folder: Path) -> None:
    """Removes a folder with all that is in it, which may be gone already."""
    if is_remote(folder):
        remove_many(list_files(folder))
    else:
        shutil.rmtree(folder, ignore_errors=True)  # what cannot be removed is removed by the next one who wants the place
