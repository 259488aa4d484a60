"""WebDataset tars and a Parquet file of the sample's pictures, and archives that try to do harm."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

NUM_PICTURES = 12


def make_archives(folder: Path, size: int, seed: int) -> None:
    """`archives/images-000000.tar`, `hostile.tar`, `truncated.tar`, `captions.parquet`. Size and seed change nothing."""
    del size, seed
    place = folder / "archives"
    rows = [json.loads(line) for line in (folder / "images" / "manifest.jsonl").read_text().splitlines()[:NUM_PICTURES]]
    pictures = [(row, (folder / "images" / row["image"]).read_bytes()) for row in rows]
    members = []
    for number, (row, data) in enumerate(pictures):
        suffix = Path(row["image"]).suffix
        members += [
            (f"{number:03d}{suffix}", data),
            (f"{number:03d}.txt", row["caption"].encode()),
            (f"{number:03d}.json", b'{"licence": "CC0-1.0"}'),
        ]
    good = _tar(members)
    (place / "images-000000.tar").write_bytes(good)
    (place / "truncated.tar").write_bytes(good[: len(good) * 2 // 3])
    bad: list[tuple[str, bytes]] = [("../escape.jpg", pictures[0][1]), ("/etc/absolute.jpg", pictures[0][1])]
    (place / "hostile.tar").write_bytes(_tar([*members[:3], *bad, *members[3:6]], link="999.jpg"))
    table = pa.table(
        {
            "image": pa.array([{"bytes": data, "path": row["image"]} for row, data in pictures]),
            "caption": pa.array([row["caption"] for row, _ in pictures]),
        }
    )
    pq.write_table(table, place / "captions.parquet")


def _tar(members: list[tuple[str, bytes]], link: str | None = None) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        if link:
            info = tarfile.TarInfo(link)
            info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(info)
    return sink.getvalue()
