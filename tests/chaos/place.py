"""Where a build under test lies: a folder, or a prefix of a bucket that is looked at directly, past every planted fault."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from schemas.corpus import Corpus
from schemas.shard import TEMPORARY_PREFIX, file_sha256

APART = (".runs", ".lock")  # what runs took, and locks, tell of this build and no other


def counts(file: Path, folder: Path) -> bool:
    """Whether a file is of those that every build of a recipe must leave alike."""
    inner = file.relative_to(folder).parts
    if any(part.endswith(APART) for part in inner):
        return False
    return not (inner[0] == ".replies" and file.name.startswith(TEMPORARY_PREFIX))  # written at a kill, and never read


def hashes_of(folder: Path) -> dict[str, str]:
    """The files of a build, by path, with their SHA-256."""
    files = (file for file in sorted(folder.rglob("*")) if file.is_file() and counts(file, folder))
    return {file.relative_to(folder).as_posix(): file_sha256(file) for file in files}


def keys_of(folder: Path) -> dict[str, Counter[str]]:
    """By corpus, how often each key stands in its shards and rejects together."""
    found: dict[str, Counter[str]] = {}
    for file in sorted(folder.rglob("recipe.json")):
        corpus = Corpus(file.parent)
        keys = Counter(record.key for record in corpus.records())
        keys.update(row["key"] for row in corpus.rejects())
        found[file.parent.relative_to(folder).as_posix()] = keys
    return found


@dataclass(frozen=True, slots=True)
class Compared:
    """A build against the one that was left alone. `lost` and `doubled` count keys over all of its corpora."""

    lost: int
    doubled: int
    differing: tuple[str, ...]
    missing: tuple[str, ...]
    extra: tuple[str, ...]

    def problems(self) -> list[str]:
        found = [f"{self.lost} records are lost"] * bool(self.lost) + [f"{self.doubled} records are doubled"] * bool(self.doubled)
        for what in ("differing", "missing", "extra"):
            names = getattr(self, what)
            found += [f"{len(names)} files {what}: {', '.join(names[:4])}"] if names else []
        return found


def compare(folder: Path, expected: dict[str, str], keys: dict[str, Counter[str]]) -> Compared:
    """The build in `folder` against hashes and keys of the one that was left alone."""
    there, held = hashes_of(folder), keys_of(folder)
    lost = sum(len(wanted.keys() - held.get(name, Counter()).keys()) for name, wanted in keys.items())
    doubled = sum(count > keys.get(name, Counter())[key] for name, found in held.items() for key, count in found.items())
    differing = tuple(name for name in sorted(expected.keys() & there.keys()) if expected[name] != there[name])
    return Compared(lost, doubled, differing, tuple(sorted(expected.keys() - there.keys())), tuple(sorted(there.keys() - expected.keys())))


def empty(folder: Path) -> None:
    """Removes a folder and all that is in it."""
    shutil.rmtree(folder, ignore_errors=True)
