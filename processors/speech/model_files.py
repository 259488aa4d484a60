"""Files of a model: that they are there, and what is in them.

A model is known by its content and never by its place: the same folder copied elsewhere answers the same questions.
"""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

from processors.engine import EngineMissing
from schemas.identity import digest

INSTALL_SPEECH = "pip install 'corpusmill[speech]'"


def existing(path: str, what: str) -> Path:
    """The path of a file or folder. Raises: EngineMissing when there is none; nothing is ever fetched instead."""
    found = Path(path)
    if not path or not found.exists():
        raise EngineMissing(f"{what} is {path!r}, where nothing is; give the path of a file or folder that is already on this machine")
    return found.resolve()


def content_digest(path: Path) -> str:
    """The digest of a file's bytes, or of the names and bytes of a folder's files (hidden ones left out)."""
    if path.is_file():
        stat = path.stat()
        return _file_digest(path, stat.st_size, stat.st_mtime_ns)
    files = sorted(file for file in path.rglob("*") if file.is_file() and not _hidden(file, path))
    return digest(*(piece for file in files for piece in (file.relative_to(path).as_posix(), content_digest(file))))


def _hidden(file: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(folder).parts)


@functools.lru_cache(maxsize=4_096)
def _file_digest(path: Path, size: int, mtime_ns: int) -> str:
    """Read once as long as size and time of change stay: models are gigabytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
