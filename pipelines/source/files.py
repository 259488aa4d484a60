"""Files of a source: local, or on any fsspec file system; nothing outside the root is ever read."""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import fsspec

from schemas.identity import digest
from schemas.outcome import Reason, Refused

MISSING_FILE = Reason("missing_file", "The file that the row names is not there")
OUTSIDE_ROOT = Reason("outside_root", "The path leaves the folder that the source may read")
NOT_A_FILE = Reason("not_a_file", "The path is a folder or a device, not a file")
UNREADABLE_FILE = Reason("unreadable_file", "The file cannot be read or is damaged")
FILE_TOO_LARGE = Reason("file_too_large", "The file is larger than a source is allowed to read")
FILE_REASONS = (MISSING_FILE, OUTSIDE_ROOT, NOT_A_FILE, UNREADABLE_FILE, FILE_TOO_LARGE)

MAX_FILE_BYTES = 2 << 30
WHOLE_BYTES = 1 << 20
SAMPLE_BYTES = 4 << 10
EDGE_BYTES = 64 << 10
NUM_SAMPLES = 16


@dataclass(frozen=True, slots=True)
class Files:
    """Reads below `root`, a local folder or an fsspec URL of one."""

    root: str

    @property
    def is_local(self) -> bool:
        return "://" not in self.root or self.root.startswith("file://")

    @property
    def local_root(self) -> Path:
        return Path(self.root.removeprefix("file://"))

    def _remote(self) -> tuple[Any, str]:
        return fsspec.core.url_to_fs(self.root)

    def walk(self, suffixes: tuple[str, ...] = ()) -> list[str]:
        """Relative paths of all files (links included) below the root, sorted; hidden ones are left out."""
        if self.is_local:
            found = [
                path.relative_to(self.local_root).as_posix()
                for path in self.local_root.rglob("*")
                if path.is_symlink() or not path.is_dir()
            ]
        else:
            system, base = self._remote()
            found = [posixpath.relpath(path, base) for path in system.find(base)]
        kept = (path for path in found if not any(part.startswith(".") for part in path.split("/")))
        return sorted(path for path in kept if not suffixes or path.lower().endswith(suffixes))

    def size(self, path: str) -> int:
        if self.is_local:
            return (self.local_root / path).stat().st_size
        system, base = self._remote()
        return int(system.size(posixpath.join(base, path)))

    def open(self, path: str) -> IO[bytes]:
        if self.is_local:
            return open(self.local_root / path, "rb")
        system, base = self._remote()
        return system.open(posixpath.join(base, path), "rb")

    def read_media(self, path: str, max_bytes: int = MAX_FILE_BYTES) -> bytes:
        """The bytes of a file that a row names, relative to the root. Raises: Refused with one of FILE_REASONS."""
        return self._read_local(path, max_bytes) if self.is_local else self._read_remote(path, max_bytes)

    def _read_local(self, path: str, max_bytes: int) -> bytes:
        if "\0" in path:
            raise Refused(MISSING_FILE, "the path holds a zero byte")
        root = os.path.realpath(self.local_root)
        full = os.path.realpath(os.path.join(root, path))
        if full != root and not full.startswith(root.rstrip(os.sep) + os.sep):
            raise Refused(OUTSIDE_ROOT, f"{path!r} leads out of the source's folder")
        try:
            status = os.stat(full)
            if not stat.S_ISREG(status.st_mode):
                raise Refused(NOT_A_FILE, f"{path!r} is no regular file")
            if status.st_size > max_bytes:
                raise Refused(FILE_TOO_LARGE, f"{path!r} has {status.st_size} bytes, at most {max_bytes}")
            with open(full, "rb") as handle:
                return handle.read()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise Refused(MISSING_FILE, f"{path!r} is not there") from error
        except OSError as error:
            raise Refused(UNREADABLE_FILE, f"{path!r}: {error.strerror or error}") from error

    def _read_remote(self, path: str, max_bytes: int) -> bytes:
        system, base = self._remote()
        clean = posixpath.normpath(posixpath.join("/", path)).lstrip("/")
        if posixpath.isabs(path) or ".." in path.split("/"):
            raise Refused(OUTSIDE_ROOT, f"{path!r} leads out of the source's folder")
        full = posixpath.join(base, clean)
        try:
            info = system.info(full)
            if info["type"] != "file":
                raise Refused(NOT_A_FILE, f"{path!r} is no file")
            if (info.get("size") or 0) > max_bytes:
                raise Refused(FILE_TOO_LARGE, f"{path!r} has {info['size']} bytes, at most {max_bytes}")
            return system.cat_file(full)
        except FileNotFoundError as error:
            raise Refused(MISSING_FILE, f"{path!r} is not there") from error

    def content_id(self, path: str) -> str:
        """A digest that names the content of a file: of all of it up to 1 MiB; of larger ones, of size, both ends and 16 places.

        Listing must not read terabytes; a file changed in place at equal size between those places is not noticed.
        """
        size = self.size(path)
        with self.open(path) as handle:
            if size <= WHOLE_BYTES:
                return digest(handle.read())
            pieces = [str(size), handle.read(EDGE_BYTES)]
            for number in range(NUM_SAMPLES):
                handle.seek((size - SAMPLE_BYTES) * number // NUM_SAMPLES)
                pieces.append(handle.read(SAMPLE_BYTES))
            handle.seek(size - EDGE_BYTES)
            pieces.append(handle.read(EDGE_BYTES))
        return digest(*pieces)


def media_field(name: str) -> str | None:
    """Whether a manifest's field names a media file, and of which kind."""
    if name in ("audio_filepath", "audio", "audio_path"):
        return "audio"
    if name in ("image", "image_path", "file_name", "image_filepath"):
        return "image"
    return None


def read_media_fields(files: Files, fields: dict[str, object], folder: str) -> dict[str, bytes]:
    """Bytes of the media files that fields name, relative to `folder` below the root. Raises: Refused."""
    blobs: dict[str, bytes] = {}
    for name, value in fields.items():
        kind = media_field(name)
        if kind and isinstance(value, str) and value:
            blobs[kind] = files.read_media(_below(files, folder, value))
    listed = fields.get("images")
    if isinstance(listed, list):
        for number, value in enumerate(listed):
            if isinstance(value, str):
                blobs["image" if number == 0 else f"image.{number}"] = files.read_media(_below(files, folder, value))
    return blobs


def _below(files: Files, folder: str, path: str) -> str:
    """A manifest's path seen from the root; an absolute one only as it is, to be checked against the root."""
    return path if posixpath.isabs(path) else posixpath.join(folder, path)


def numbered(items: list[Any], per_split: int) -> Iterator[tuple[int, int]]:
    """(start, stop) of runs of `per_split` items."""
    for start in range(0, len(items), per_split):
        yield start, min(start + per_split, len(items))
