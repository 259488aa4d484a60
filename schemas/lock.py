"""Who owns a corpus: one builder at a time, known to every worker by a token, and replaced by the next one only when it is surely gone.

In a local folder a lock on a file, which is free again when its process ends, however it ends. In an object store, which has no such locks,
generations: `<lock>/<number>.json`, each made only if absent; the highest owns the corpus. Its owner rewrites it every few seconds.
Whoever wants the corpus watches it by a clock of his own, so no clock of another machine is trusted: has it not changed for a lease, he makes
the next generation. The old owner's workers look, before they commit, whether a higher one exists, and so cannot commit any more.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from schemas.retry import StoreError
from schemas.shard import CommitConflict, write_if_absent, write_replacing
from schemas.store import can_create, is_remote, list_names, remove_many

BEATS_A_LEASE = 6  # so that a few requests may fail or be slow before the lease runs out
POLL_S = 0.2


def lease_s() -> float:
    """How long an owner in a store may be silent before it counts as gone."""
    return float(os.environ.get("CORPUSMILL_LEASE_S") or 30.0)


class Held(RuntimeError):
    """Another process, or another part of this one, holds the lock; the message says who."""


class Lost(RuntimeError):
    """Somebody else owns what this process owned: nothing more may be written there."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Who holds a lock, as it is written there. `machine` names a start of a system and its processes' namespace, `began` the process's start in it."""

    token: str
    host: str
    pid: int
    since: str  # for people; nothing is decided by it
    machine: str = ""
    began: str = ""
    lease_s: float = 0.0
    beat: int = 0
    is_released: bool = False

    def to_bytes(self) -> bytes:
        return (json.dumps(asdict(self), sort_keys=True) + "\n").encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Owner | None:
        """None for what no owner wrote whole."""
        try:
            return cls(**json.loads(data))
        except (ValueError, TypeError):
            return None

    def __str__(self) -> str:
        return f"host {self.host}, process {self.pid}, since {self.since}"

    def is_gone(self) -> bool:
        """Whether it ran on this machine and is surely dead; False where that cannot be known."""
        return bool(self.machine) and self.machine == _machine() and _began(self.pid) != self.began

    def is_here(self) -> bool:
        """Whether it runs on this machine."""
        return bool(self.machine) and self.machine == _machine() and _began(self.pid) == self.began


def _myself(token: str) -> Owner:
    pid = os.getpid()
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return Owner(token, socket.gethostname(), pid, now, _machine(), _began(pid), lease_s())


def _machine() -> str:
    """The running system and the namespace in which its process ids are meant; empty where that cannot be told."""
    try:
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _began(pid: int) -> str:
    """When a process of this machine started, by its kernel's count; empty where there is none, or only what is left of one."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if after_name[0] in "ZX" else after_name[19]


def lock_beside(path: Path) -> Path:
    """The lock of a folder, beside it, so that the folder holds only what belongs to it."""
    return path.parent / f".{path.name}.lock"


@contextlib.contextmanager
def hold(file: Path) -> Iterator[int]:
    """Holds the lock on a local file, which is made where it is absent; gives its descriptor.

    Raises: Held at once, without waiting, when somebody else holds it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = Owner.from_bytes(file.read_bytes())
            raise Held(str(holder) if holder else "another process") from None
        yield handle
    finally:
        os.close(handle)


@contextlib.contextmanager
def owned(path: Path, wait_s: float = 0.0) -> Iterator[str]:
    """Owns a folder, local or in a store, for the block; gives the token by which any node can tell (see `holds`).

    A builder that died is replaced: at once in a local folder, or where it ran on this machine; else when it has been silent for its lease.
    `wait_s`: how long to wait for one that lives.

    Raises:
        Held: somebody else holds it.
        Lost: at the end of the block, where somebody took it over meanwhile.
        StoreError: the store cannot be written, or cannot create an object only if it is absent.
    """
    lock, until, is_told = lock_beside(path), time.monotonic() + wait_s, False
    while True:
        with contextlib.ExitStack() as stack:
            try:
                token = stack.enter_context(_generation(lock) if is_remote(lock) else _file(lock))
            except Held as held:
                if time.monotonic() >= until:
                    raise
                if not is_told:
                    _tell("lock_waited", lock, f"waiting up to {wait_s:g} s for whoever holds {path}: {held}")
                    is_told = True
                time.sleep(POLL_S)
                continue
            yield token
            return


def holds(path: Path, token: str) -> bool:
    """Whether the owner with this token still owns the folder; from any process on any node."""
    lock = lock_beside(path)
    if is_remote(lock):
        return _highest(lock) == int(token.partition("-")[0])
    owner = Owner.from_bytes(lock.read_bytes())
    return owner is not None and owner.token == token


@contextlib.contextmanager
def _file(lock: Path) -> Iterator[str]:
    with hold(lock) as handle:
        owner = _myself(uuid.uuid4().hex)
        os.ftruncate(handle, 0)
        os.pwrite(handle, owner.to_bytes(), 0)
        yield owner.token


# ---- generations


def _place(lock: Path, number: int) -> Path:
    return lock / f"{number:08d}.json"


def _numbers(lock: Path) -> list[int]:
    return sorted(int(name.removesuffix(".json")) for name in list_names(lock) if name.removesuffix(".json").isdecimal())


def _highest(lock: Path) -> int:
    return max(_numbers(lock), default=0)


@contextlib.contextmanager
def _generation(lock: Path) -> Iterator[str]:
    if not can_create(lock):
        raise StoreError(
            f"{lock.parent} cannot be built into: its store cannot create an object only if it is absent, which keeps two builders apart; "
            "build into a local folder, s3:// or gs://, then use `corpusmill copy`"
        )
    highest = _highest(lock)
    if highest:
        _wait_until_free(lock, highest)
    number = highest + 1
    owner = _myself(f"{number}-{uuid.uuid4().hex}")
    try:
        write_if_absent(_place(lock, number), owner.to_bytes())
    except CommitConflict:  # also of one that was as quick
        raise Held(_told(_read(_place(lock, number)))) from None
    _check_store(lock, number)
    remove_many([_place(lock, old) for old in _numbers(lock) if old < number])
    with _beating(lock, number, owner) as was_lost:
        yield owner.token
    if was_lost():
        raise Lost(
            f"{_told(_read(_place(lock, _highest(lock))))} has taken it over, for this one had been silent for longer than its lease"
        )


def _check_store(lock: Path, number: int) -> None:
    """Looks whether the store minds that an object is there already; one that does not would let two builders own a corpus."""
    with contextlib.suppress(CommitConflict):
        write_if_absent(_place(lock, number), b"a second owner\n")
        raise StoreError(
            f"{lock.parent} cannot be built into: its store replaces an object that was to be created only if absent; build into a local folder, "
            "then use `corpusmill copy`"
        )


def _read(place: Path) -> Owner | None:
    try:
        return Owner.from_bytes(place.read_bytes())
    except FileNotFoundError:
        return None


def _told(owner: Owner | None) -> str:
    return str(owner) if owner else "another process"


def _wait_until_free(lock: Path, number: int) -> None:
    """Returns when the owner of the highest generation has released it or is gone; raises Held as soon as it shows that it lives."""
    seen, start, is_told = _read(_place(lock, number)), time.monotonic(), False
    while True:
        owner = _read(_place(lock, number))
        if _highest(lock) != number:
            raise Held(_told(owner))
        if owner is None or owner.is_released or owner.is_gone():
            return
        if owner.is_here() or owner != seen:
            raise Held(str(owner))
        if time.monotonic() - start > owner.lease_s:
            _tell("lock_taken_over", lock, f"{owner} has been silent for its lease; taking over what it held")
            return
        if not is_told:
            _tell(
                "lock_waited",
                lock,
                f"waiting whether {owner} lives, which holds {lock.parent / _corpus(lock)}, for its lease of {owner.lease_s:g} s",
            )
            is_told = True
        time.sleep(POLL_S)


def _corpus(lock: Path) -> str:
    return lock.name[1:].removesuffix(".lock")


def _tell(event: str, lock: Path, message: str) -> None:
    logging.getLogger("corpusmill").warning("%s", message, extra={"event": event, "told": {"corpus": _corpus(lock)}})


@contextlib.contextmanager
def _beating(lock: Path, number: int, owner: Owner) -> Iterator[Callable[[], bool]]:
    """Rewrites the owner's generation while the block runs, and says at its end that it is released; gives whether somebody took it over."""
    stop, lost = threading.Event(), threading.Event()
    pid = os.getpid()

    def beat() -> None:
        count = 0
        while not stop.wait(owner.lease_s / BEATS_A_LEASE):
            count += 1
            with contextlib.suppress(StoreError):  # the build meets it itself; a lease that ran out meanwhile shows as a higher generation
                if _highest(lock) != number:
                    lost.set()
                    return
                write_replacing(_place(lock, number), replace(owner, beat=count).to_bytes())

    thread = threading.Thread(target=beat, name=f"owner of {lock}", daemon=True)
    thread.start()
    try:
        yield lost.is_set
    finally:
        stop.set()
        if os.getpid() == pid:  # a fork has no such thread, and owns nothing
            thread.join()
            with contextlib.suppress(StoreError):  # then the lease runs out
                if lost.is_set() or _highest(lock) != number:
                    lost.set()
                else:
                    write_replacing(_place(lock, number), replace(owner, is_released=True).to_bytes())
