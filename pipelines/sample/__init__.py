"""Small raw sources with ground truth, all made by this project: the same seed gives the same bytes.

`sample.json` is written last and lists every file with its SHA-256; a folder that has it, with the same seed and size,
is used again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from pipelines.sample.charts import make_charts
from pipelines.sample.documents import make_documents
from pipelines.sample.images import make_images
from pipelines.sample.speech import make_speech
from pipelines.sample.tars import make_archives
from pipelines.sample.video import make_video
from pipelines.sample.web import make_web
from schemas.shard import file_sha256, write_replacing

VERSION = 1
FAMILIES = {
    "speech": make_speech,
    "images": make_images,
    "charts": make_charts,
    "documents": make_documents,
    "video": make_video,
    "web": make_web,
    "archives": make_archives,  # last: it packs pictures that are there already
}


@dataclass(frozen=True, slots=True)
class SampleSummary:
    """What the folder holds: files by family."""

    num_files: dict[str, int]
    reused: bool

    def __str__(self) -> str:
        said = ", ".join(f"{count} {family}" for family, count in self.num_files.items())
        return f"{'already there' if self.reused else 'made'}: files of {said}"


def make_sample(folder: Path, *, size: int = 1, seed: int = 0) -> SampleSummary:
    """Writes the sample. Raises: RuntimeError when flite, which speaks it, is not installed."""
    listing = folder / "sample.json"
    wanted = {"version": VERSION, "size": size, "seed": seed}
    if listing.is_file():
        found = json.loads(listing.read_text())
        if all(found.get(name) == value for name, value in wanted.items()):
            return SampleSummary(_by_family(found["files"]), True)
        listing.unlink()
    for family, make in FAMILIES.items():
        (folder / family).mkdir(parents=True, exist_ok=True)
        make(folder, size, seed)
    files = {path.relative_to(folder).as_posix(): file_sha256(path) for path in sorted(folder.rglob("*")) if path.is_file()}
    write_replacing(listing, (json.dumps({**wanted, "files": files}, indent=1, sort_keys=True) + "\n").encode())
    return SampleSummary(_by_family(files), False)


def _by_family(files: dict[str, str]) -> dict[str, int]:
    return {family: sum(name.startswith(f"{family}/") for name in files) for family in FAMILIES}
