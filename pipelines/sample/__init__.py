"""Small raw sources with ground truth, all made by this project: the same seed and size give the same bytes.

Everything is made in a folder beside its place and then moved, `sample.json` last; it lists every file with its SHA-256.
A folder that has it, with the same seed and size and every file unchanged, is used again.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipelines.sample.chart_sources import make_chart_sources
from pipelines.sample.charts import make_charts
from pipelines.sample.clips import make_clips
from pipelines.sample.code import make_code
from pipelines.sample.crawl import make_crawl
from pipelines.sample.decks import make_decks
from pipelines.sample.documents import make_documents
from pipelines.sample.images import make_images
from pipelines.sample.pages import make_pages
from pipelines.sample.reasoning import make_reasoning
from pipelines.sample.receipts import make_receipts
from pipelines.sample.sets import make_sets
from pipelines.sample.speech import make_speech
from pipelines.sample.summaries import make_summaries
from pipelines.sample.table_sources import make_table_sources
from pipelines.sample.tars import make_parquet, make_tars
from pipelines.sample.tasks import make_tasks
from pipelines.sample.text_safety import make_text_safety
from pipelines.sample.tools import make_tools
from pipelines.sample.video import make_video
from pipelines.sample.web import make_web
from schemas.shard import file_sha256, write_replacing

VERSION = 6
SAMPLE_FAMILIES: dict[str, Callable[[Path, int, int], None]] = {
    "speech": make_speech,
    "images": make_images,
    "charts": make_charts,
    "documents": make_documents,
    "video": make_video,
    "web": make_web,
    "crawl": make_crawl,
    "wds": make_tars,
    "parquet": make_parquet,
    "tasks": make_tasks,
    "chart_sources": make_chart_sources,
    "table_sources": make_table_sources,
    "receipts": make_receipts,
    "pages": make_pages,
    "decks": make_decks,
    "clips": make_clips,
    "sets": make_sets,
    "tools": make_tools,
    "summaries": make_summaries,
    "text_safety": make_text_safety,
    "code": make_code,
    "reasoning": make_reasoning,
}
LISTING = "sample.json"
UNFINISHED = ".sample-unfinished"


@dataclass(frozen=True, slots=True)
class SampleSummary:
    """What the folder holds: files by family; `reused` where it was there already."""

    num_files: dict[str, int]
    reused: bool

    def __str__(self) -> str:
        said = ", ".join(f"{count} {family}" for family, count in self.num_files.items())
        return f"{'already there' if self.reused else 'made'}: files of {said}"


def make_sample(folder: Path, *, size: int = 1, seed: int = 0, progress: Callable[[str], None] | None = None) -> SampleSummary:
    """Writes the sample; `progress` is called with the name of each family when it is made.

    Raises:
        ValueError: `size` below 1.
        RuntimeError: flite, which speaks the sample, is not installed; or the grammars have no more content for this size.
        FileExistsError: the folder holds a file of somebody else where the sample would put its own.
    """
    if size < 1:
        raise ValueError(f"the sample's size is {size}, expected 1 or more")
    wanted = {"version": VERSION, "size": size, "seed": seed}
    found = _listing(folder / LISTING)
    if all(found.get(name) == value for name, value in wanted.items()) and _is_whole(folder, found["files"]):
        return SampleSummary(_by_family(found["files"]), True)
    unfinished = folder / UNFINISHED
    before = {**_listing(unfinished / LISTING).get("files", {}), **found.get("files", {})}
    shutil.rmtree(unfinished, ignore_errors=True)
    for family, make in SAMPLE_FAMILIES.items():
        (unfinished / family).mkdir(parents=True)
        make(unfinished, size, seed)
        if progress is not None:
            progress(family)
    files = {path.relative_to(unfinished).as_posix(): _sha256(path) for path in sorted(unfinished.rglob("*")) if _is_file(path)}
    _publish(folder, files, before, (json.dumps({**wanted, "files": files}, indent=1, sort_keys=True) + "\n").encode())
    return SampleSummary(_by_family(files), False)


def _publish(folder: Path, files: dict[str, str], before: dict[str, str], listing: bytes) -> None:
    """Moves the finished files to their place, those of a sample that was there before out of it.

    A run that is killed here leaves a listing, in one folder or the other, of every file that it may have put in place,
    so that the next run can tell them from files of the user's.
    """
    unfinished = folder / UNFINISHED
    for name in files:
        if name not in before and os.path.lexists(folder / name):
            raise FileExistsError(f"{folder / name} is there and is not of a sample; expected an empty folder, or one with a sample")
    write_replacing(unfinished / LISTING, listing)
    for name in before:
        if _is_ours(folder, name):
            (folder / name).unlink(missing_ok=True)
    (folder / LISTING).unlink(missing_ok=True)
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (unfinished / name).replace(folder / name)
    write_replacing(folder / LISTING, listing)
    shutil.rmtree(unfinished)


def _is_ours(folder: Path, name: str) -> bool:
    """Whether a listed name stays below the folder: a listing that was changed must not delete what is elsewhere."""
    return (folder / name).parent.resolve().is_relative_to(folder.resolve())


def _listing(path: Path) -> dict:
    """The listing, or nothing where there is none that can be read."""
    try:
        found = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) and isinstance(found.get("files"), dict) else {}


def _is_whole(folder: Path, files: dict[str, str]) -> bool:
    return all(_is_file(folder / name) and _sha256(folder / name) == sha256 for name, sha256 in files.items())


def _is_file(path: Path) -> bool:
    """A file, or a link that a sample plants, also one that leads nowhere."""
    return path.is_file() or path.is_symlink()


def _sha256(path: Path) -> str:
    return hashlib.sha256(str(path.readlink()).encode()).hexdigest() if path.is_symlink() else file_sha256(path)


def _by_family(files: dict[str, str]) -> dict[str, int]:
    return {family: sum(name.startswith(f"{family}/") for name in files) for family in SAMPLE_FAMILIES}
