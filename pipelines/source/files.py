"""Files of a source: local, or on any fsspec file system; what a row names is never read from outside the root."""

from __future__ import annotations

import errno
import fnmatch
import io
import os
import posixpath
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import fsspec

from schemas.identity import digest
from schemas.outcome import Reason, Refused

MISSING_FILE = Reason("missing_file", "The file that the row names is not there")
OUTSIDE_ROOT = Reason("outside_root", "The path leaves the folder that the source may read")
NOT_A_FILE = Reason("not_a_file", "The path is a folder, a pipe or a device, not a file")
UNREADABLE_FILE = Reason("unreadable_file", "The file cannot be read or is damaged")
FILE_TOO_LARGE = Reason("file_too_large", "The file is larger than a source is allowed to read")
FILE_REASONS = (MISSING_FILE, OUTSIDE_ROOT, NOT_A_FILE, UNREADABLE_FILE, FILE_TOO_LARGE)

MAX_FILE_BYTES = 2 << 30
WHOLE_BYTES = 1 << 20
SAMPLE_BYTES = 4 << 10
EDGE_BYTES = 64 << 10
NUM_SAMPLES = 16
BUFFER_BYTES = 1 << 20

NETWORK_ERRORS = (ConnectionError, TimeoutError)  # kinds of OSError that say nothing about the file
_MACHINE_ERRNOS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)  # nor do these: the machine has run out of something


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

    def select(self, path: str, suffixes: tuple[str, ...]) -> list[str]:
        """The files that a source's `path` means: one file, a glob (`a/*.jsonl`, `**/x-?.tar`), or with "" all of these suffixes."""
        if not path:
            return self.walk(suffixes)
        if not is_glob(path) or self.exists(path):
            return [path]
        return [name for name in self.walk() if _matches(name.split("/"), path.split("/"))]

    def exists(self, path: str) -> bool:
        if self.is_local:
            return (self.local_root / path).exists()
        system, base = self._remote()
        return bool(system.exists(posixpath.join(base, path)))

    def size(self, path: str) -> int:
        if self.is_local:
            return (self.local_root / path).stat().st_size
        system, base = self._remote()
        return int(system.size(posixpath.join(base, path)))

    def open(self, path: str) -> IO[bytes]:
        """Raises OSError also for what is no regular file: opening a pipe would wait for ever, reading a device never end."""
        if self.is_local:
            place = self.local_root / path
            if not stat.S_ISREG(place.stat().st_mode):
                raise OSError(errno.EINVAL, f"{path!r} is no regular file")
            return open(place, "rb")
        system, base = self._remote()
        raw = system.open(posixpath.join(base, path), "rb")
        return io.BufferedReader(raw, BUFFER_BYTES)  # type: ignore[return-value]  # fsspec's own readline takes no limit

    def read_media(self, path: str, max_bytes: int = MAX_FILE_BYTES) -> bytes:
        """The bytes of a file that a row names, relative to the root. Raises: Refused with one of FILE_REASONS."""
        return self._read_local(path, max_bytes) if self.is_local else self._read_remote(path, max_bytes)

    def _read_local(self, path: str, max_bytes: int) -> bytes:
        full = self.resolve_local(path)
        try:
            status = Path(full).stat()
            if not stat.S_ISREG(status.st_mode):
                raise Refused(NOT_A_FILE, f"{path!r} is no regular file")
            if status.st_size > max_bytes:
                raise Refused(FILE_TOO_LARGE, f"{path!r} has {status.st_size} bytes, at most {max_bytes}")
            with open(full, "rb") as handle:
                return handle.read()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise Refused(MISSING_FILE, f"{path!r} is not there") from error
        except OSError as error:
            if error.errno in _MACHINE_ERRNOS:
                raise
            reason = MISSING_FILE if error.errno == errno.ENAMETOOLONG else UNREADABLE_FILE
            raise Refused(reason, f"{path!r}: {error.strerror or error}") from error

    def resolve_local(self, path: str) -> str:
        """The real place of a path after all links. Raises: Refused when it is not below the root."""
        try:
            os.fsencode(path)
        except UnicodeEncodeError as error:
            raise Refused(MISSING_FILE, f"{path!r} cannot be the name of a file") from error
        if "\0" in path:
            raise Refused(MISSING_FILE, f"{path!r} holds a zero byte")
        root = os.path.realpath(self.local_root)
        full = os.path.realpath(os.path.join(root, path))
        if full != root and not full.startswith(root.rstrip(os.sep) + os.sep):
            raise Refused(OUTSIDE_ROOT, f"{path!r} leads out of the source's folder")
        return full

    def _read_remote(self, path: str, max_bytes: int) -> bytes:
        system, base = self._remote()
        prefix = self.root.rstrip("/") + "/"
        clean = posixpath.normpath(path.removeprefix(prefix))
        if posixpath.isabs(clean) or "://" in path.removeprefix(prefix) or clean.split("/")[0] == "..":
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
        except PermissionError as error:
            raise Refused(UNREADABLE_FILE, f"{path!r}: {error}") from error

    def content_id(self, path: str) -> str:
        """A digest that names the content of a file: of all of it up to 1 MiB; of larger ones, of size, both ends and 16 places.

        Listing must not read terabytes; a file changed in place at equal size between those places is not noticed.
        """
        return self._sample(path, WHOLE_BYTES, EDGE_BYTES, NUM_SAMPLES)

    def glance_id(self, path: str) -> str:
        """As `content_id`, of three places of 4 KiB only: for folders of a million small files."""
        return self._sample(path, 3 * SAMPLE_BYTES, SAMPLE_BYTES, 2)

    def glance(self, path: str) -> tuple[str, int]:
        """(content id, size); fixed ones for what may not or cannot be read: it is refused when its row is read."""
        try:
            if self.is_local:
                self.resolve_local(path)
            return self.glance_id(path), self.size(path)
        except NETWORK_ERRORS:
            raise
        except (OSError, Refused):
            return "unreadable", 0

    def _sample(self, path: str, whole_bytes: int, edge_bytes: int, num_samples: int) -> str:
        size = self.size(path)
        with self.open(path) as handle:
            if size <= whole_bytes:
                return digest(handle.read(whole_bytes))
            pieces: list[str | bytes] = [str(size), handle.read(edge_bytes)]
            for number in range(num_samples):
                handle.seek((size - SAMPLE_BYTES) * number // num_samples)
                pieces.append(handle.read(SAMPLE_BYTES))
            handle.seek(size - edge_bytes)
            pieces.append(handle.read(edge_bytes))
        return digest(*pieces)


def is_glob(path: str) -> bool:
    return any(letter in path for letter in "*?[")


def _matches(names: Sequence[str], pattern: Sequence[str]) -> bool:
    """Glob matching folder by folder; `**` stands for any number of folders."""
    if not pattern:
        return not names
    if pattern[0] == "**":
        return _matches(names, pattern[1:]) or (bool(names) and _matches(names[1:], pattern))
    return bool(names) and fnmatch.fnmatchcase(names[0], pattern[0]) and _matches(names[1:], pattern[1:])


def numbered(items: Sequence[Any], per_split: int) -> Iterator[tuple[int, int]]:
    """(start, stop) of runs of `per_split` items."""
    for start in range(0, len(items), per_split):
        yield start, min(start + per_split, len(items))
