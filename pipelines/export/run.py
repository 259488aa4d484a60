"""Exports a corpus: plans its files, writes those that are not there, then says in a manifest what they are."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipelines.build import BuildError, corpus_lock
from pipelines.card import export_card
from pipelines.croissant import croissant_of
from pipelines.export.parquet import write_parquet
from pipelines.export.parts import Part, plain_schema, plan_parts
from pipelines.export.webdataset import write_tar
from pipelines.graph import Compute, compute_here
from pipelines.recipe_file import first_difference
from pipelines.remote import remove_folder
from schemas.corpus import Corpus, CorpusError, read_schema
from schemas.shard import TEMPORARY_PREFIX, FileEntry, is_no_space, remove_files, write_if_absent, write_replacing

FORMATS = {"parquet": "parquet", "webdataset": "tar"}
MANIFEST, CARD, CROISSANT, INDEX = "manifest.json", "README.md", "croissant.json", "index.json"
STATE = ".parts"  # while an export is under way: what it was asked for, and an entry a finished file
MAX_SHARD_BYTES = 512 << 20
SMALL_BYTES = 1 << 30  # what one process writes in less than a minute
WAVE = 8  # files a worker between two reports of progress


class ExportError(RuntimeError):
    """An export that cannot be made; the message says what was being done, what is wrong and what to do."""


@dataclass(frozen=True, slots=True)
class Options:
    """All that decides the bytes of an export beside the corpus. `rows_per_group` 0: row groups are cut by bytes alone."""

    format: str = "parquet"
    max_shard_bytes: int = MAX_SHARD_BYTES
    rows_per_group: int = 0

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise ValueError(f"format is {self.format!r}, expected one of {', '.join(FORMATS)}")
        if self.max_shard_bytes < 1:
            raise ValueError(f"max_shard_bytes is {self.max_shard_bytes}, expected 1 or more")
        if self.rows_per_group < 0:
            raise ValueError(f"rows_per_group is {self.rows_per_group}, expected 0 or more")


@dataclass(frozen=True, slots=True)
class Exported:
    """What there is now: every file of rows; `num_written` of them were written by this run."""

    path: Path
    files: tuple[FileEntry, ...]
    num_written: int

    @property
    def num_rows(self) -> int:
        return sum(file.num_rows for file in self.files)

    @property
    def num_bytes(self) -> int:
        return sum(file.num_bytes for file in self.files)


def export(
    path: Path,
    to: Path,
    options: Options = Options(),
    compute: Compute = compute_here,
    wave: int = WAVE,
    on_files: Callable[[int, int], None] = lambda done, count: None,
) -> Exported:
    """Writes the rows of a finished corpus to the folder `to`, each once, in ledger order; an export that was stopped goes on.

    Holds a row group (about 32 MiB) or a batch of rows a task in memory. `on_files` is told of files that are there, and of all.

    Raises:
        CorpusError: the corpus is not finished, or a shard is not as its ledger says.
        ExportError: `to` holds something else, another export runs there, or the disk is full.
    """
    corpus = Corpus(path)
    corpus.recipe()
    totals = corpus.totals()
    _check_target(path, to)
    parts = plan_parts(corpus, options.max_shard_bytes, FORMATS[options.format])
    plan = _plan(totals, options, parts)
    try:
        with corpus_lock(to):
            _begin(to, plan)
            done = _finished(to)
            missing = [part for part in parts if part.name not in done]
            on_files(len(parts) - len(missing), len(parts))
            schema = plain_schema(read_schema(path / corpus.ledger()[0].shard.name))
            for start in range(0, len(missing), wave):
                _write_wave(path, to, missing[start : start + wave], schema, options, compute)
                on_files(len(parts) - max(0, len(missing) - start - wave), len(parts))
            files = [_finished(to)[part.name] for part in parts]
            _end(corpus, to, plan, files)
    except BuildError as error:
        raise ExportError(f"exporting {path}: {error}") from error
    except OSError as error:
        if is_no_space(error):
            raise ExportError(
                f"exporting {path} to {to}: the disk is full ({error}); free space and run the same command, it goes on where it stopped"
            ) from error
        raise ExportError(f"exporting {path} to {to}: cannot write ({error}); choose a writable folder with --to") from error
    return Exported(to, tuple(files), len(missing))


def _plan(totals: dict[str, Any], options: Options, parts: list[Part]) -> dict[str, Any]:
    return {
        "corpus": totals["name"],
        "kind": totals["kind"],
        "fingerprint": totals["fingerprint"],
        "content": totals["content"],
        "options": asdict(options),
        "num_files": len(parts),
        "num_rows": sum(part.num_rows for part in parts),
        "versions": {name: version(name) for name in ("corpusmill", "pyarrow")},
    }


def _check_target(path: Path, to: Path) -> None:
    corpus, target = path.resolve(), to.resolve()
    if target == corpus or corpus in target.parents:
        raise ExportError(f"exporting {path}: {to} lies in the corpus itself; choose a folder outside it")
    if to.exists() and not to.is_dir():
        raise ExportError(f"exporting {path}: {to} is a file; choose a folder")
    if to.is_dir() and any(to.iterdir()) and not (to / MANIFEST).is_file() and not (to / STATE / "plan.json").is_file():
        raise ExportError(f"exporting {path}: {to} holds files that no export wrote; choose an empty folder, or one that is not there yet")


def _begin(to: Path, plan: dict[str, Any]) -> None:
    """Notes what is exported, or finds that the same was begun there before; removes what a run that died left half written."""
    for begun in (to / MANIFEST, to / STATE / "plan.json"):
        if begun.is_file():
            there = json.loads(begun.read_text())
            difference = first_difference({name: there.get(name) for name in plan}, plan)
            if difference:
                raise ExportError(f"exporting to {to}: it holds another export: {difference}; choose another folder, or remove this one")
            break
    else:
        write_if_absent(to / STATE / "plan.json", _pretty(plan))
    remove_files([file for file in to.rglob(f"{TEMPORARY_PREFIX}*") if file.is_file()])


def _finished(to: Path) -> dict[str, FileEntry]:
    """Files that are whole, by name: what the manifest, or entries of the run under way, name and the folder has in that size."""
    told = json.loads((to / MANIFEST).read_text())["files"] if (to / MANIFEST).is_file() else []
    told += [json.loads(file.read_text()) for file in sorted((to / STATE).glob("*.entry.json"))]
    entries = [FileEntry(**entry) for entry in told]
    return {entry.name: entry for entry in entries if _has_size(to / entry.name, entry.num_bytes)}


def _has_size(file: Path, num_bytes: int) -> bool:
    return file.is_file() and file.stat().st_size == num_bytes


def _write_wave(path: Path, to: Path, parts: list[Part], schema: pa.Schema, options: Options, compute: Compute) -> None:
    if compute is compute_here:
        for part in parts:
            write_part(path, to, part, schema, options)
        return
    import dask

    compute([dask.delayed(partial(write_part, path, to, part, schema, options), pure=False)() for part in parts])


def write_part(path: Path, to: Path, part: Part, schema: pa.Schema, options: Options) -> FileEntry:
    """Writes one file, then the entry that says that it is whole."""
    if options.format == "parquet":
        entry = write_parquet(path, part, schema, to, options.rows_per_group)
    else:
        entry = write_tar(path, part, to)
    if entry.num_rows != part.num_rows:
        raise CorpusError(f"{path}: {part.name} got {entry.num_rows} rows, planned were {part.num_rows}; build the corpus again")
    write_replacing(to / STATE / f"{Path(part.name).name}.entry.json", _pretty(asdict(entry)))
    return entry


def _end(corpus: Corpus, to: Path, plan: dict[str, Any], files: list[FileEntry]) -> None:
    """Writes what is derived from the files, the manifest last; what was noted on the way goes."""
    derived = {CARD: export_card(corpus, plan["options"]["format"], files).encode()}
    derived[CROISSANT] = _pretty(croissant_of(corpus, corpus.totals(), files, plan["options"]["format"]))
    if plan["options"]["format"] == "webdataset":
        derived[INDEX] = _pretty(_index(plan, files))
    for name, data in derived.items():
        write_replacing(to / name, data)
    write_replacing(to / MANIFEST, _pretty({**plan, "files": [asdict(file) for file in files]}))
    remove_folder(to / STATE)


def _index(plan: dict[str, Any], files: list[FileEntry]) -> dict[str, Any]:
    """Counts by tar, in the form that the `wids` reader of WebDataset takes."""
    shards = [{"url": file.name, "nsamples": file.num_rows, "filesize": file.num_bytes} for file in files]
    return {"__kind__": "wids-shard-index-v1", "wids_version": 1, "name": plan["corpus"], "shardlist": shards}


def _pretty(value: object) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def choose_workers(totals: dict[str, Any], workers: int | None) -> int:
    """As many as asked for; else none beside this process for what takes less than a minute, else one a CPU."""
    if workers is not None:
        return workers
    return 0 if int(totals["num_bytes"]) <= SMALL_BYTES else len(os.sched_getaffinity(0))
