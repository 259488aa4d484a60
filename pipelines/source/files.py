"""Files of a source: local, or on an object store or another fsspec file system; what a row names is never read from outside the root.

The same files give the same splits, rows and refusals wherever they lie. What a store does not answer is raised, never taken for bad data.
"""

from __future__ import annotations

import errno
import fnmatch
import io
import os
import posixpath
import stat
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any, TypeVar, cast

from pipelines.remote import RangeFile, read_ranges, url_of
from schemas.identity import digest
from schemas.outcome import Reason, Refused
from schemas.retry import StoreError, retried
from schemas.store import NUM_READERS, StorePath, file_system, is_remote, place_of

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
READ_AHEAD = 8  # files of rows that are fetched ahead
MAX_NAME_BYTES, MAX_PATH_BYTES = 255, 4_095  # of a file system of Linux

NETWORK_ERRORS = (ConnectionError, TimeoutError, StoreError)  # kinds of OSError that say nothing about the file
_MACHINE_ERRNOS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)  # nor do these: the machine has run out of something


T = TypeVar("T")
S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Files:
    """Reads below `root`, a local folder or the URL of one, which holds no user, password or token (PlaceError)."""

    root: str

    def __post_init__(self) -> None:
        place_of(self.root)

    @property
    def is_local(self) -> bool:
        return not is_remote(place_of(self.root))

    @property
    def local_root(self) -> Path:
        return place_of(self.root)

    def _scheme_and_base(self) -> tuple[str, str]:
        """Under which scheme a store is asked, and what it calls the root: for HTTP the URL itself."""
        place = cast(StorePath, place_of(self.root))
        return place.scheme, str(place) if place.scheme in ("http", "https") else place.path

    def _ask(self, doing: str, path: str, question: Callable[[Any, str], T]) -> T:
        """The answer of the store about a path below the root. Raises: StoreError, FileNotFoundError."""
        scheme, base = self._scheme_and_base()
        name = posixpath.join(base, path) if path else base
        return retried(lambda: question(file_system(scheme), name), f"{doing} {url_of(scheme, name)}")()

    def walk(self, suffixes: tuple[str, ...] = ()) -> list[str]:
        """Relative paths of all files (links included) below the root, sorted; hidden ones are left out."""
        if self.is_local:
            found = [
                path.relative_to(self.local_root).as_posix()
                for path in self.local_root.rglob("*")
                if path.is_symlink() or not path.is_dir()
            ]
        else:
            found = self.everything()
        kept = (path for path in found if not any(part.startswith(".") for part in path.split("/")))
        return sorted(path for path in kept if not suffixes or path.lower().endswith(suffixes))

    def everything(self) -> list[str]:
        """Relative paths of all objects below the root, on a store; hidden ones too."""
        base = self._scheme_and_base()[1].strip("/")
        names = self._ask("listing", "", lambda system, name: list(system.find(name)))
        return [
            name.strip("/")[len(base) + 1 :] for name in names if not name.endswith("/")
        ]  # a name with a slash at its end is a folder's

    def children(self, folder: str) -> list[str]:
        """The names of what is right below a folder, sorted. Raises: OSError where there is none."""
        if self.is_local:
            return sorted(child.name for child in (self.local_root / folder).iterdir())
        listed, asked = self._ask("listing", folder, lambda system, name: (system.ls(name, detail=False), name))
        names = {name.strip("/") for name in listed} - {asked.strip("/")}  # some stores list the folder itself
        return sorted(posixpath.basename(name) for name in names)

    def is_folder(self, path: str) -> bool:
        if self.is_local:
            return (self.local_root / path).is_dir()
        return self._type(path) == "directory"

    def _type(self, path: str) -> str:
        """ "file", "directory", or empty for what is not there."""
        try:
            return str(self._ask("looking for", path, lambda system, name: system.info(name)["type"]))
        except FileNotFoundError:
            return ""

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
        return bool(self._type(path))

    def size(self, path: str) -> int:
        if self.is_local:
            return (self.local_root / path).stat().st_size
        info = self._ask("looking for", path, lambda system, name: system.info(name))
        if info["type"] != "file":
            raise OSError(errno.EINVAL, f"{path!r} is no regular file")
        return int(info["size"] or 0)

    def open(self, path: str) -> IO[bytes]:
        """Raises OSError also for what is no regular file: opening a pipe would wait for ever, reading a device never end."""
        if self.is_local:
            place = self.local_root / path
            if not stat.S_ISREG(place.stat().st_mode):
                raise OSError(errno.EINVAL, f"{path!r} is no regular file")
            return open(place, "rb")
        info = self._ask("opening", path, lambda system, name: system.info(name))
        if info["type"] != "file":
            raise OSError(errno.EINVAL, f"{path!r} is no regular file")
        scheme, base = self._scheme_and_base()
        name = posixpath.join(base, path)
        if info.get("size") is None:  # a server that tells none serves no ranges
            return cast(IO[bytes], self._ask("opening", path, lambda system, name: system.open(name, "rb")))
        return io.BufferedReader(RangeFile(scheme, name, int(info["size"])), BUFFER_BYTES)

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
        _check_name(path)
        root = os.path.realpath(self.local_root)
        full = os.path.realpath(os.path.join(root, path))
        if full != root and not full.startswith(root.rstrip(os.sep) + os.sep):
            raise Refused(OUTSIDE_ROOT, f"{path!r} leads out of the source's folder")
        return full

    def _read_remote(self, path: str, max_bytes: int) -> bytes:
        clean = self._resolve_remote(path)
        try:
            info = self._ask("looking for", clean, lambda system, name: system.info(name))
            if info["type"] != "file":
                raise Refused(NOT_A_FILE, f"{path!r} is no regular file")
            if (info.get("size") or 0) > max_bytes:
                raise Refused(FILE_TOO_LARGE, f"{path!r} has {info['size']} bytes, at most {max_bytes}")
            data = cast(bytes, self._ask("reading", clean, lambda system, name: system.cat_file(name)))
        except FileNotFoundError as error:
            if isinstance(error, StoreError):
                raise
            raise Refused(MISSING_FILE, f"{path!r} is not there") from error
        if info.get("size") is not None and len(data) != info["size"]:
            scheme, base = self._scheme_and_base()
            told = url_of(scheme, posixpath.join(base, clean))
            raise StoreError(
                f"reading {told}: {len(data)} of {info['size']} bytes came; it was replaced while it was read: start the build again"
            )
        return data

    def _resolve_remote(self, path: str) -> str:
        """A path relative to the root, without detours. Raises: Refused when it is not below the root, or no file could have its name."""
        _check_name(path)
        below = path.removeprefix(self.root.rstrip("/") + "/")
        clean = posixpath.normpath(below)
        if posixpath.isabs(clean) or clean.split("/")[0] == "..":
            raise Refused(OUTSIDE_ROOT, f"{path!r} leads out of the source's folder")
        if len(clean.encode()) > MAX_PATH_BYTES or any(len(name.encode()) > MAX_NAME_BYTES for name in clean.split("/")):
            raise Refused(MISSING_FILE, f"{path!r}: {os.strerror(errno.ENAMETOOLONG)}")
        return "" if clean == "." else clean

    def side_by_side(self, function: Callable[[S], T], items: Iterable[S]) -> Iterator[T]:
        """What a function that reads a file gives for each item, in order; of a store several are read ahead, and few of them held."""
        if self.is_local:
            yield from map(function, items)
            return
        with ThreadPoolExecutor(READ_AHEAD) as pool:
            waiting = iter(items)
            under_way = deque(pool.submit(function, item) for item in islice(waiting, READ_AHEAD))
            while under_way:
                yield under_way.popleft().result()
                under_way.extend(pool.submit(function, item) for item in islice(waiting, 1))

    def content_id(self, path: str) -> str:
        """A digest that names the content of a file: of all of it up to 1 MiB; of larger ones, of size, both ends and 16 places.

        Listing must not read terabytes; a file changed in place at equal size between those places is not noticed.
        """
        return self._sample(path, WHOLE_BYTES, EDGE_BYTES, NUM_SAMPLES)

    def glance_id(self, path: str) -> str:
        """As `content_id`, of three places of 4 KiB only: for folders of a million small files."""
        return self._sample(path, 3 * SAMPLE_BYTES, SAMPLE_BYTES, 2)

    def glances(self, paths: Sequence[str]) -> list[tuple[str, int]]:
        """`glance` of many files; of a store many are read at a time."""
        if self.is_local:
            return [self.glance(path) for path in paths]
        with ThreadPoolExecutor(NUM_READERS) as pool:
            return list(pool.map(self.glance, paths))

    def glance(self, path: str) -> tuple[str, int]:
        """(content id, size); fixed ones for what may not or cannot be read: it is refused when its row is read."""
        try:
            if self.is_local:
                self.resolve_local(path)
            else:
                self._resolve_remote(path)
            return self.glance_id(path), self.size(path)
        except NETWORK_ERRORS:
            raise
        except (OSError, Refused):
            return "unreadable", 0

    def _sample(self, path: str, whole_bytes: int, edge_bytes: int, num_samples: int) -> str:
        size = self.size(path)
        is_whole = size <= whole_bytes
        pieces = self._read_spans(path, [(0, size)] if is_whole else _samples(size, edge_bytes, num_samples))
        return digest(*pieces) if is_whole else digest(str(size), *pieces)

    def _read_spans(self, path: str, spans: list[tuple[int, int]]) -> list[bytes]:
        if not self.is_local:
            scheme, base = self._scheme_and_base()
            return read_ranges(scheme, posixpath.join(base, path), spans) if spans != [(0, 0)] else [b""]
        pieces = []
        with self.open(path) as handle:
            for start, stop in spans:
                handle.seek(start)
                pieces.append(handle.read(stop - start))
        return pieces


def _samples(size: int, edge_bytes: int, num_samples: int) -> list[tuple[int, int]]:
    """Both ends of a file, and places between them."""
    starts = [(size - SAMPLE_BYTES) * number // num_samples for number in range(num_samples)]
    return [(0, edge_bytes), *((start, start + SAMPLE_BYTES) for start in starts), (size - edge_bytes, size)]


def _check_name(path: str) -> None:
    """Raises: Refused for what cannot be the name of a file."""
    try:
        os.fsencode(path)
    except UnicodeEncodeError as error:
        raise Refused(MISSING_FILE, f"{path!r} cannot be the name of a file") from error
    if "\0" in path:
        raise Refused(MISSING_FILE, f"{path!r} holds a zero byte")


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
