"""Local space of this process for copies and for what is not yet sent: its own folder, which no dead process leaves for long.

It lies in CORPUSMILL_SCRATCH, or the system's folder for temporary files. A folder belongs to the process that holds the lock on the file in
it; those that nobody holds are leavings of killed processes, and are removed by the next one that needs space.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import os
import shutil
import tempfile
import threading
import uuid
from pathlib import Path

PREFIX = "corpusmill-scratch-"
OWNER = "owner.lock"

_folders: dict[int, tuple[Path, int]] = {}  # by process: a fork makes one of its own
_making = threading.Lock()
os.register_at_fork(after_in_child=lambda: globals().__setitem__("_making", threading.Lock()))


def scratch_root() -> Path:
    return Path(os.environ.get("CORPUSMILL_SCRATCH") or tempfile.gettempdir())


def scratch_file(name: str) -> Path:
    """A path in local space that no other writer uses; `name` ends it."""
    return scratch_folder() / f"{uuid.uuid4().hex}-{name}"


def scratch_folder() -> Path:
    """The folder of this process."""
    with _making:
        root, pid = scratch_root(), os.getpid()
        if pid in _folders and _folders[pid][0].parent == root and _folders[pid][0].is_dir():
            return _folders[pid][0]
        root.mkdir(parents=True, exist_ok=True)
        _sweep(root)
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=root))
        handle = os.open(folder / OWNER, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX)  # free again when the process ends, however it ends
        _folders[pid] = (folder, handle)
        atexit.register(_remove, folder, pid)
        return folder


def _remove(folder: Path, pid: int) -> None:
    if os.getpid() == pid:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(root: Path) -> None:
    """Removes the folders of processes that are gone."""
    for folder in root.glob(f"{PREFIX}*"):
        with contextlib.suppress(FileNotFoundError, PermissionError):  # another process sweeps too; another user's stay
            handle = os.open(folder / OWNER, os.O_RDWR)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            except BlockingIOError:
                pass
            finally:
                os.close(handle)
