"""The bytes that a record was read from, where the user names the folder in which its source lies.

Where a record says it was read from is data: it is opened only below that folder, whatever it says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from pipelines.inspection.record import visible
from schemas.records import Origin
from schemas.shard import file_sha256

MAX_SHOWN_BYTES = 400


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of a source: `shown` are its first bytes at the record's place, where the locator tells one."""

    path: Path
    num_bytes: int
    sha256: str
    shown: str = ""


def find_source(origin: Origin, folder: Path) -> SourceFile | str:
    """The file that an origin names below `folder`, or why there is none."""
    root = folder.resolve()
    if "\0" in origin.source or not origin.source:
        return "the record names no file"
    try:
        path = (root / origin.source).resolve()
    except (OSError, RuntimeError) as error:  # a loop of links, a name too long
        return f"{visible(origin.source)} cannot be looked up below {root}: {error}"
    if not path.is_relative_to(root):
        return f"{visible(origin.source)} is outside {root} and is not opened"
    try:
        if not path.is_file():
            return f"{visible(origin.source)} is no file below {root}"
        return SourceFile(path, path.stat().st_size, file_sha256(path), _at(path, origin.locator))
    except OSError as error:
        return f"{visible(origin.source)} cannot be read: {error}"


def _at(path: Path, locator: str) -> str:
    """The line that starts at a locator such as `byte 1024`."""
    found = re.fullmatch(r"byte (\d{1,18})", locator)
    if found is None or path.suffix in (".gz", ".zst"):
        return ""
    with path.open("rb") as handle:
        handle.seek(int(found[1]))
        line = handle.readline(MAX_SHOWN_BYTES)
    more = "" if line.endswith(b"\n") or len(line) < MAX_SHOWN_BYTES else "..."
    return visible(line.decode("utf-8", "replace").rstrip("\n") + more)
