"""What lies in a folder of corpora and belongs to none of them: found by the ledgers and recipes, under the locks of the corpora.

Nothing of a corpus that a build holds is looked at. What several corpora share (lists of the stages, leavings beside the corpora) is looked at
only when none is being built: the locks of all are held, and no other appeared. Files are listed before the ledgers are read,
so that what was committed meanwhile is taken for no orphan.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from pipelines.build import BuildError, corpus_lock
from pipelines.growth.settle import RETIRED
from pipelines.runs import RUNS
from pipelines.stage import STAGES
from schemas.corpus import FOLDERS, Corpus
from schemas.identity import digest
from schemas.sending import end_uploads, unfinished_uploads
from schemas.shard import TEMPORARY_PREFIX
from schemas.store import is_remote, list_names, remove_many

ORPHAN, TEMPORARY, UPLOAD, STAGE, LIST, RETIRED_SPLIT = "orphan", "temporary", "upload", "stage", "list", "retired"
KINDS = {
    ORPHAN: "files of a corpus that no ledger entry names",
    TEMPORARY: "what writers left that died",
    UPLOAD: "uploads to the store that were not ended",
    STAGE: "earlier stages of corpora that were removed",
    LIST: "lists and indexes that no recipe names any more",
    RETIRED_SPLIT: "splits that were retired when their source changed",
}
REPLIES = ".replies"
NUM_STATS = 32  # requests at a time
_LIST = re.compile(r"[a-z_]+-([0-9a-f]{32})(\.arrow|\.npy|\.json|/.+)")


@dataclass(frozen=True, slots=True)
class Garbage:
    """A file, or an upload, that belongs to no corpus. `name` is relative to the folder of corpora, `num_bytes` -1 where nobody knows."""

    kind: str
    name: str
    num_bytes: int


@dataclass
class Found:
    """What was found: `garbage`, and `kept`, lines that tell what was left alone and why. `num_removed` of the garbage is gone."""

    garbage: list[Garbage] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    num_removed: int = 0

    def of(self, kind: str) -> list[Garbage]:
        return [one for one in self.garbage if one.kind == kind]


def collect(out: Path, delete: bool = False, kinds: Collection[str] = tuple(KINDS)) -> Found:
    """Finds the garbage of these kinds in a folder of corpora and, with `delete`, removes it, under the locks of the corpora.

    Raises: BuildError where a lock cannot be taken for another reason than that somebody holds it; OSError and StoreError of the disk or store.
    """
    names = list_names(out)
    corpora = _corpora(names)
    found = Found()
    with contextlib.ExitStack() as locks:
        free = [corpus for corpus in corpora if _lock(locks, out, corpus, found)]
        is_still = len(free) == len(corpora) and all(_lock(locks, out, place, found) for place in _locks(names) if place not in free)
        garbage = [*_of_corpora(out, names, free), *_stages(names, corpora, free, found)]
        if is_still:
            goes = {name for kind, name in garbage if kind == STAGE and STAGE in kinds}
            garbage += _shared(out, names, [corpus for corpus in corpora if f"{corpus}/recipe.json" not in goes])
        elif corpora:
            found.kept.append(
                "lists, retired splits and what lies beside the corpora: looked at when no corpus of this folder is being built"
            )
        _tell_replies(out, names, found)
        garbage = [(kind, name) for kind, name in dict.fromkeys(garbage) if kind in kinds]
        found.garbage = _weighed(out, garbage)
        uploads = free if not is_still else [""]
        if UPLOAD in kinds:
            found.garbage += [Garbage(UPLOAD, name, -1) for folder in uploads for name in _uploads(out, folder)]
        if delete:
            if found.of(LIST) and set(_locks([f"{STAGES}/{name}" for name in list_names(out / STAGES)])) != set(_locks(names)):
                found.garbage = [one for one in found.garbage if one.kind != LIST]
                found.kept.append("lists: the first build of a corpus began meanwhile, and may need them")
            _remove(out, found, uploads if UPLOAD in kinds else [])
    return found


def _lock(locks: contextlib.ExitStack, out: Path, name: str, found: Found) -> bool:
    try:
        locks.enter_context(corpus_lock(out / name))
    except BuildError as error:
        found.kept.append(f"{name}: {error}")
        return False
    return True


def _locks(names: Sequence[str]) -> list[str]:
    """What was ever locked under the stages, all the stages of a corpus together among it (see `pipelines.build.own_stages`)."""
    found = (re.match(rf"{re.escape(STAGES)}/\.(.+)\.lock(/|$)", name) for name in names)
    return sorted({f"{STAGES}/{match[1]}" for match in found if match})


def _corpora(names: Sequence[str]) -> list[str]:
    """The corpora below the folder, their stages too, by their relative paths."""
    found = set()
    for name in names:
        parts = PurePosixPath(name).parts
        depth = 2 if parts[0] == STAGES else 1
        if len(parts) > depth and (parts[depth:] == ("recipe.json",) or parts[depth] == "ledger") and not parts[depth - 1].startswith("."):
            found.add("/".join(parts[:depth]))
    return sorted(found)


# ---- what is garbage


def _of_corpora(out: Path, names: Sequence[str], free: Collection[str]) -> Iterator[tuple[str, str]]:
    """Orphans and temporaries of corpora that nobody builds."""
    for corpus in free:
        mine = [name for name in names if name.startswith(f"{corpus}/")]
        committed = Corpus(out / corpus).committed()
        named = {f"{corpus}/{file}" for split_id in committed for file in _files_of(split_id)}
        loose = [name for name in mine if name not in named]
        if any(PurePosixPath(name.removeprefix(f"{corpus}/")).parts[0] in FOLDERS for name in loose):
            named |= {f"{corpus}/{name}" for name in Corpus(out / corpus).named_files()}
        for name in loose:
            parts = PurePosixPath(name.removeprefix(f"{corpus}/")).parts
            if _is_temporary(parts):
                yield TEMPORARY, name
            elif name not in named and len(parts) > 1 and parts[0] in FOLDERS:
                yield ORPHAN, name


def _files_of(split_id: str) -> tuple[str, ...]:
    return (f"ledger/{split_id}.json", f"shards/{split_id}.arrow", f"rejects/{split_id}.arrow")


def _is_temporary(parts: Sequence[str]) -> bool:
    return any(part.startswith(TEMPORARY_PREFIX) for part in parts)


def _stages(names: Sequence[str], corpora: Sequence[str], free: Collection[str], found: Found) -> Iterator[tuple[str, str]]:
    """Files of stages whose corpus was whole once, which the runs that built it tell, and is there no more."""
    there = [corpus for corpus in corpora if not corpus.startswith(f"{STAGES}/")]
    for folder in (corpus for corpus in corpora if corpus.startswith(f"{STAGES}/")):
        stage = folder.removeprefix(f"{STAGES}/")
        if any(stage.startswith(f"{corpus}.") for corpus in there):
            continue
        owner = stage.rpartition(".")[0]
        if f"{RUNS}/{owner}.jsonl" not in names:
            found.kept.append(f"{folder}: {owner or stage} is not built yet; a build of it goes on from there")
        elif folder in free:
            mine = [name for name in names if name.startswith(f"{folder}/") or name == f"{STAGES}/{RUNS}/{stage}.jsonl"]
            yield from (
                (STAGE, name) for name in sorted(mine, key=lambda name: not name.endswith("/corpus.json"))
            )  # first what says that it is whole


def _shared(out: Path, names: Sequence[str], corpora: Collection[str]) -> Iterator[tuple[str, str]]:
    """Lists of the stages, retired splits, and temporaries outside the corpora; when nobody builds."""
    recipes = [(out / corpus / "recipe.json").read_text() for corpus in corpora if f"{corpus}/recipe.json" in names]
    used = {word for recipe in recipes for word in re.findall(r"[0-9a-f]{32}", recipe)}
    used |= {group for recipe in recipes for group in _groups(json.loads(recipe)["parameters"]["source"])}
    for name in names:
        parts = PurePosixPath(name).parts
        if RETIRED in parts[:2]:
            yield RETIRED_SPLIT, name
        elif _is_temporary(parts) and not any("/".join(parts[:depth]) in corpora for depth in (1, 2)):
            yield TEMPORARY, name
        elif parts[0] == STAGES and (listed := _LIST.fullmatch(name.removeprefix(f"{STAGES}/"))) and listed[1] not in used:
            yield LIST, name


def _groups(source: Any) -> Iterator[str]:
    """The digests that name the places of grouped records (see pipelines/grouped.py), from the source as a recipe tells it."""
    if isinstance(source, dict):
        if source.get("class") == "Grouped":
            yield digest(source["by"]["fact"], str(source["rows_per_split"]), *(corpus["content"] for corpus in source["corpora"]))
        source = list(source.values())
    if isinstance(source, list):
        for inner in source:
            yield from _groups(inner)


def _uploads(out: Path, folder: str) -> list[str]:
    if not is_remote(out):
        return []
    place = out / folder if folder else out
    return [key for key, _ in unfinished_uploads(place)]


def _tell_replies(out: Path, names: Sequence[str], found: Found) -> None:
    replies = [name for name in names if name.startswith(f"{REPLIES}/") and not _is_temporary(PurePosixPath(name).parts)]
    if replies:
        found.kept.append(
            f"{REPLIES}: {len(replies):,} files of replies; a reply's address is made of the whole question, which no ledger holds, so nobody "
            "can tell which corpora asked it. Removing the folder costs asking again"
        )


# ---- sizes, and removing


def _weighed(out: Path, garbage: Sequence[tuple[str, str]]) -> list[Garbage]:
    def size(name: str) -> int:
        try:
            return (out / name).stat().st_size
        except FileNotFoundError:  # it went meanwhile
            return -1

    if is_remote(out):
        with ThreadPoolExecutor(NUM_STATS) as pool:
            sizes = list(pool.map(size, (name for _, name in garbage)))
    else:
        sizes = [size(name) for _, name in garbage]
    return [Garbage(kind, name, num_bytes) for (kind, name), num_bytes in zip(garbage, sizes, strict=True) if num_bytes >= 0]


def _remove(out: Path, found: Found, uploads: Sequence[str]) -> None:
    files = [one.name for one in found.garbage if one.kind != UPLOAD]
    remove_many([out / name for name in files])
    found.num_removed = len(files)
    if is_remote(out):
        found.num_removed += sum(len(end_uploads(out / folder if folder else out)) for folder in uploads)
        return
    folders: defaultdict[int, set[Path]] = defaultdict(set)
    for name in files:
        for parent in PurePosixPath(name).parents[:-1]:
            folders[len(parent.parts)].add(out / parent)
    for depth in sorted(folders, reverse=True):
        for folder in folders[depth]:
            with contextlib.suppress(OSError):  # not empty, or gone
                folder.rmdir()


def summed(found: Found) -> list[dict[str, Any]]:
    """A row a kind that was found: files, bytes, and what it is."""
    rows = []
    for kind, about in KINDS.items():
        of = found.of(kind)
        if of:
            rows.append({"kind": kind, "files": len(of), "bytes": sum(max(0, one.num_bytes) for one in of), "about": about})
    return rows
