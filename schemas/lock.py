"""A lock that a process holds on a file: it is free again when the process ends, however it ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


class Held(RuntimeError):
    """Another process, or another part of this one, holds the lock."""


def lock_beside(path: Path) -> Path:
    """The lock file of a folder, beside it, so that the folder holds only what belongs to it."""
    return path.parent / f".{path.name}.lock"


@contextlib.contextmanager
def hold(file: Path) -> Iterator[int]:
    """Holds the lock on `file`, which is made where it is absent; gives its descriptor.

    Raises: Held at once, without waiting, when somebody else holds it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Held(f"{file} is held by another process") from None
        yield handle
    finally:
        os.close(handle)
