"""Places that are local folders or prefixes of an object store, told apart here alone: `place_of` gives a Path for either.

A listing is never kept, an error is never taken for absence (UPath and fsspec answer False to `is_file` when the store is down), and file
systems belong to one process: a fork, a thread or a Ray worker gets what is safe there.
"""

from __future__ import annotations

import contextlib
import fnmatch
import gc
import io
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePath, PurePosixPath
from typing import IO, Any, TypeVar, cast

from schemas.retry import DamagedTransfer, retried
from schemas.scratch import scratch_file

T = TypeVar("T")
READ_TIMEOUT_S = float(os.environ.get("CORPUSMILL_STORE_TIMEOUT_S") or 60.0)
MAX_KEPT_BYTES = 8 << 30  # of copies that stay for the life of the process
NUM_READERS = 32  # requests at a time, where many small objects are read
READ_AHEAD = 1_024
SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]+):/")
URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
SECRET_WORDS = re.compile(r"(?i)[?&][\w-]*(token|secret|signature|credential|password|key)[\w-]*=")
SETTINGS = (
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_MAX_ATTEMPTS",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "STORAGE_EMULATOR_HOST",
)
OPTIONS: dict[str, dict[str, Any]] = {
    "s3": {
        "config_kwargs": {"connect_timeout": min(10.0, READ_TIMEOUT_S), "read_timeout": READ_TIMEOUT_S, "max_pool_connections": 64},
        "max_concurrency": 4,
    },
}
WHOLE = {"s3": {"max_concurrency": 1}, "s3a": {"max_concurrency": 1}}  # a small object in one request, instead of asking its size first
LIST_BY_PREFIX = ("s3", "s3a", "gs", "gcs")  # one request, where a listing that is empty would be asked for again in other ways
CANNOT_CREATE = ("hf", "http", "https", "ftp", "github")  # no way to create an object only if it is absent

_systems: dict[tuple[Any, ...], Any] = {}
_kept: OrderedDict[tuple[Any, ...], tuple[Path, int]] = OrderedDict()
_lock = threading.RLock()


def _after_fork() -> None:
    global _lock
    _lock = threading.RLock()
    _systems.clear()
    _kept.clear()


os.register_at_fork(after_in_child=_after_fork)


class PlaceError(ValueError):
    """A path or URL that cannot be used; the message says why, and what to write."""


def file_system(scheme: str) -> Any:
    """The fsspec file system of a scheme, for this process: without listings that are kept, with credentials of the environment alone."""
    import fsspec

    key = (os.getpid(), scheme, *map(os.environ.get, SETTINGS))
    with _lock:
        if key not in _systems:
            if not _systems:  # a connection that a forked child throws away would be taken out of what its parent waits for
                os.register_at_fork(after_in_child=gc.freeze)
            name = {"s3a": "s3", "gcs": "gs"}.get(scheme, scheme)
            try:
                made = fsspec.filesystem(name, use_listings_cache=False, skip_instance_cache=True, **OPTIONS.get(name, {}))
            except (ImportError, ValueError) as error:
                raise PlaceError(f"{scheme}:// cannot be used: {error}") from error
            if hasattr(made, "retries"):
                made.retries = 1  # the library of the store tries again below, `retried` above
            _systems[key] = made
        return _systems[key]


def asked(doing: str, place: StorePath, ask: Callable[[Any], T]) -> T:
    """What the file system of a place answers, tried again where that helps. Raises StoreError, FileNotFoundError, FileExistsError."""
    return retried(lambda: ask(file_system(place.scheme)), f"{doing} {place}")()


@dataclass(frozen=True, slots=True)
class Stat:
    """What a store tells of an object; `tag` changes with its content, `md5` is empty where the store does not tell it."""

    st_size: int
    tag: str = ""
    md5: str = ""


def _stat(info: dict[str, Any]) -> Stat:
    tag = str(info.get("ETag") or info.get("etag") or info.get("generation") or info.get("blob_id") or info.get("created") or "").strip('"')
    md5 = tag if re.fullmatch("[0-9a-f]{32}", tag) else ""
    if info.get("md5Hash"):
        import base64

        md5 = base64.b64decode(info["md5Hash"]).hex()
    return Stat(int(info.get("size") or 0), tag, md5)


class StorePath:
    """An object, or a prefix, of a store: those methods of a Path that name and read. What writes is in schemas/shard.py.

    A prefix with objects under it is a folder. Pickles as its URL, so it holds no secret and no connection.
    """

    __slots__ = ("path", "scheme")

    def __init__(self, scheme: str, path: str) -> None:
        """`path` is the bucket and the key, without a slash at either end."""
        self.scheme, self.path = scheme, path

    # ---- names

    def __str__(self) -> str:
        return f"{self.scheme}://{self.path}"

    as_posix = as_uri = __str__

    def __repr__(self) -> str:
        return f"StorePath({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StorePath) and (self.scheme, self.path) == (other.scheme, other.path)

    def __hash__(self) -> int:
        return hash((self.scheme, self.path))

    def __lt__(self, other: StorePath) -> bool:
        return (self.scheme, self.path.split("/")) < (other.scheme, other.path.split("/"))

    def __reduce__(self) -> tuple[type[StorePath], tuple[str, str]]:
        return (StorePath, (self.scheme, self.path))

    def __truediv__(self, name: str | PurePath) -> StorePath:
        text = name.as_posix() if isinstance(name, PurePath) else str(name)
        if text.startswith("/") or ".." in text.split("/"):
            raise PlaceError(f"{text!r} leads out of {self}; expected a name below it")
        text = "/".join(part for part in text.split("/") if part not in ("", "."))
        return StorePath(self.scheme, f"{self.path}/{text}" if text else self.path)

    def joinpath(self, *names: str | PurePath) -> StorePath:
        found = self
        for name in names:
            found = found / name
        return found

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def stem(self) -> str:
        return PurePosixPath(self.name).stem

    @property
    def suffix(self) -> str:
        return PurePosixPath(self.name).suffix

    @property
    def suffixes(self) -> list[str]:
        return PurePosixPath(self.name).suffixes

    @property
    def parts(self) -> tuple[str, ...]:
        return (f"{self.scheme}://", *self.path.split("/"))

    @property
    def parent(self) -> StorePath:
        above = self.path.rpartition("/")[0]
        return StorePath(self.scheme, above) if above else self

    @property
    def parents(self) -> tuple[StorePath, ...]:
        return () if self.parent == self else (self.parent, *self.parent.parents)

    def with_name(self, name: str) -> StorePath:
        return self.parent / name

    def with_suffix(self, suffix: str) -> StorePath:
        return self.parent / PurePosixPath(self.name).with_suffix(suffix)

    def relative_to(self, other: StorePath) -> PurePosixPath:
        if not self.is_relative_to(other):
            raise ValueError(f"{self} is not below {other}")
        return PurePosixPath(self.path[len(other.path) :].lstrip("/"))

    def is_relative_to(self, other: object) -> bool:
        return isinstance(other, StorePath) and self.scheme == other.scheme and f"{self.path}/".startswith(f"{other.path}/")

    def absolute(self) -> StorePath:
        return self

    resolve = expanduser = absolute

    def is_absolute(self) -> bool:
        return True

    # ---- reading

    def stat(self) -> Stat:
        """Raises FileNotFoundError where there is neither an object nor a folder."""
        return _stat(self._info())

    def _info(self) -> dict[str, Any]:
        return cast("dict[str, Any]", asked("looking for", self, lambda system: system.info(self.path)))

    def _type(self) -> str:
        try:
            return str(self._info()["type"])
        except FileNotFoundError:
            return ""

    def is_file(self) -> bool:
        def look(system: Any) -> bool:
            if hasattr(system, "call_s3"):  # one request, whose "no" is not doubted by a listing
                bucket, _, key = self.path.partition("/")
                return bool(key) and system.call_s3("head_object", Bucket=bucket, Key=key) is not None
            return bool(system.info(self.path)["type"] == "file")

        try:
            return asked("looking for", self, look)
        except FileNotFoundError:
            return False

    def is_dir(self) -> bool:
        return self._type() == "directory"

    def exists(self) -> bool:
        return self._type() != ""

    def is_symlink(self) -> bool:
        return False

    def read_bytes(self) -> bytes:
        return cast(bytes, asked("reading", self, lambda system: system.cat_file(self.path, **WHOLE.get(self.scheme, {}))))

    def read_text(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return io.TextIOWrapper(io.BytesIO(self.read_bytes()), encoding, errors).read()  # line ends as a file that is opened gives them

    def open(self, mode: str = "r", encoding: str = "utf-8") -> IO[Any]:
        """A stream to read the object; blocks are fetched as they are read."""
        if mode not in ("r", "rt", "rb"):
            raise PlaceError(f"{self} cannot be opened to write; an object is sent whole (see schemas/shard.py)")
        stream = asked("opening", self, lambda system: system.open(self.path, "rb"))
        return cast("IO[Any]", stream if mode == "rb" else io.TextIOWrapper(stream, encoding))

    def iterdir(self) -> Iterator[StorePath]:
        """What is right below, objects and folders. Raises FileNotFoundError where there is nothing."""
        found = asked("listing", self, lambda system: system.ls(self.path, detail=True))
        names = sorted({str(info["name"]).strip("/") for info in found} - {self.path})
        yield from (StorePath(self.scheme, name) for name in names if name.startswith(f"{self.path}/"))

    def glob(self, pattern: str) -> Iterator[StorePath]:
        """As pathlib's; with `**` it gives objects only, for a store has no folders of its own."""
        parts = pattern.split("/")
        if "**" in parts:
            pieces = ["(?:[^/]+/)*" if part == "**" else fnmatch.translate(part)[4:-3].replace(".*", "[^/]*") + "/" for part in parts]
            whole = re.compile("".join(pieces))
            below = ((file, f"{file.relative_to(self)}/") for file in self._objects())
            yield from (file for file, name in below if whole.fullmatch(name) or (parts[-1] == "**" and whole.match(name)))
            return
        if not re.search(r"[*?\[]", parts[0]):
            children: Iterable[StorePath] = [self / parts[0]]
        else:
            try:
                children = [child for child in self.iterdir() if fnmatch.fnmatchcase(child.name, parts[0])]
            except (FileNotFoundError, NotADirectoryError):
                children = []
        for child in children:
            if len(parts) > 1:
                yield from child.glob("/".join(parts[1:]))
            elif parts[0] != child.name or child.exists():
                yield child

    def rglob(self, pattern: str) -> Iterator[StorePath]:
        """Objects below, at any depth, whose name fits."""
        return self.glob(f"**/{pattern}")

    def _objects(self) -> Iterator[StorePath]:
        above, _, name = self.path.rpartition("/")
        if above and self.scheme in LIST_BY_PREFIX:
            found = asked("listing", self, lambda system: system.find(above, prefix=f"{name}/"))
        else:
            found = asked("listing", self, lambda system: system.find(self.path))
        yield from (StorePath(self.scheme, name) for name in sorted(found) if name.startswith(f"{self.path}/") and not name.endswith("/"))

    # ---- what a folder of a store needs none of

    def mkdir(self, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        """Nothing: a folder is there with its first object."""

    def rmdir(self) -> None:
        """Nothing: a folder goes with its last object."""

    def unlink(self, missing_ok: bool = False) -> None:
        if not missing_ok and not self.exists():
            raise FileNotFoundError(f"{self} is not there")
        with contextlib.suppress(FileNotFoundError):
            asked("removing", self, lambda system: system.rm_file(self.path))


# ---- places


def place_of(text: str | Path) -> Path:
    """A local path, or for a URL the place in its store, which has the methods of a Path that name and read (see StorePath).

    Raises: PlaceError for a URL with a user, a password or a token in it, one without a bucket, or of a scheme that is not known.
    """
    if not isinstance(text, str):
        return text
    found = SCHEME.match(text)
    if found is None:
        return Path(text)
    scheme = found[1].lower()
    if scheme == "file":
        return Path(text.partition(":")[2].removeprefix("//"))
    if not text[len(found[0]) :].startswith("/"):
        if Path(text).parent.exists() and not _is_known(scheme):
            return Path(text)
        raise PlaceError(f"{text!r} is no URL; expected two slashes, as in {scheme}://bucket/folder")
    refuse_secrets(text)
    if not _is_known(scheme):
        raise PlaceError(f"{scheme}:// in {text!r} is no store that is known here; expected a local folder, s3://, gs:// or hf://")
    path = "/".join(part for part in text.partition("://")[2].split("/") if part not in ("", "."))
    if not path or ".." in path.split("/"):
        raise PlaceError(f"{text!r} names no place in a store; expected {scheme}://bucket/folder, without '..'")
    return cast(Path, StorePath(scheme, path))


def _is_known(scheme: str) -> bool:
    from fsspec.registry import known_implementations, registry

    return scheme in known_implementations or scheme in registry


def refuse_secrets(url: str) -> None:
    """Raises PlaceError for a URL that carries a user, a password or a token, without repeating it."""
    scheme, _, rest = url.partition("://")
    server, _, path = rest.partition("/")
    if ("@" in server and not scheme.startswith("abfs")) or SECRET_WORDS.search(rest):
        shown = f"{scheme}://{server.rpartition('@')[2]}/{path.partition('?')[0]}"
        raise PlaceError(
            f"the URL {shown} carries a user, password or token, which would end in logs and recipes; leave it out and give credentials "
            "by the environment (for S3 AWS_PROFILE or AWS_ACCESS_KEY_ID, for Google GOOGLE_APPLICATION_CREDENTIALS, for Hugging Face HF_TOKEN)"
        )


def is_url(text: str) -> bool:
    """Whether a text is a URL by its beginning, and not a path, which may have `://` further on."""
    return URL.match(text) is not None


def is_remote(path: object) -> bool:
    """Whether the place is in an object store."""
    return isinstance(path, StorePath)


def can_create(path: Path) -> bool:
    """Whether an object can be created there only if it is absent, without which two builders could not be told apart."""
    return not isinstance(path, StorePath) or path.scheme not in CANNOT_CREATE


def list_names(folder: Path) -> list[str]:
    """All files below a folder by their names relative to it, sorted; none where it is absent."""
    if isinstance(folder, StorePath):
        return sorted(file.path[len(folder.path) + 1 :] for file in folder._objects())
    start = len(str(folder)) + 1
    return sorted(f"{root}/{name}"[start:] for root, _, names in os.walk(folder) for name in names)


def list_files(folder: Path) -> list[Path]:
    """All files below a folder, sorted by name; none where it is absent."""
    return [folder / name for name in list_names(folder)]


def read_many(paths: Sequence[Path]) -> Iterator[bytes]:
    """The bytes of many small files in the order of the paths; of a store many are read at a time."""
    if not paths or not is_remote(paths[0]):
        for path in paths:
            with open(path, "rb", buffering=0) as file:
                yield file.read()
        return
    with ThreadPoolExecutor(NUM_READERS) as pool:
        waiting = iter(paths)
        while some := list(islice(waiting, READ_AHEAD)):  # so that no more than these are held
            yield from pool.map(lambda path: path.read_bytes(), some)


def remove_many(paths: Sequence[Path]) -> None:
    """Removes files, which may be gone already; of a store many at a time."""
    if paths and is_remote(paths[0]):
        with ThreadPoolExecutor(NUM_READERS) as pool:
            for _ in pool.map(lambda path: path.unlink(missing_ok=True), paths):
                pass
        return
    for path in paths:
        path.unlink(missing_ok=True)


# ---- copies


@contextlib.contextmanager
def fetched(path: Path) -> Iterator[Path]:
    """A local file with the content of `path`: itself where it is local, else a copy in scratch space, removed at the end.

    What was memory-mapped stays readable after the end.
    """
    if not isinstance(path, StorePath):
        yield path
        return
    local = scratch_file(path.name)
    try:
        _download(path, local)
        yield local
    finally:
        local.unlink(missing_ok=True)


def kept_copy(path: Path) -> Path:
    """As `fetched`, for files that are read many times: the copy stays for the life of the process, until what it holds changes.

    Copies are bounded by MAX_KEPT_BYTES in all: those used longest ago go first, which leaves readable what has them open or mapped.
    """
    if not isinstance(path, StorePath):
        return path
    key = (str(path), path.stat().tag)
    with _lock:
        if key not in _kept or not _kept[key][0].is_file():
            local = scratch_file(path.name)
            _download(path, local)
            _kept[key] = (local, local.stat().st_size)
            while sum(size for _, size in _kept.values()) > MAX_KEPT_BYTES and len(_kept) > 1:
                _kept.popitem(last=False)[1][0].unlink(missing_ok=True)
        _kept.move_to_end(key)
        return _kept[key][0]


def _download(path: StorePath, local: Path) -> None:
    def get(system: Any) -> None:
        size = path.stat().st_size
        system.get_file(path.path, str(local))
        if local.stat().st_size != size:
            raise DamagedTransfer(f"{local.stat().st_size} of {size} bytes of {path} arrived")

    asked("fetching", path, get)
