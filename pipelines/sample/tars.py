"""WebDataset tars and a Parquet file of drawn pictures, and archives that try to do harm."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.sample.images import LICENCE, draw_scene
from pipelines.sample.lines import write_json

NUM_PICTURES = 12
FIRST_NUMBER = 1_000_000  # far from the pictures of `images/`, so that no picture stands in two families


def pictures(seed: int) -> list[tuple[str, bytes, str]]:
    """Name, JPEG bytes and caption of each picture."""
    found = []
    for number in range(NUM_PICTURES):
        scene = draw_scene(seed, FIRST_NUMBER + number)
        sink = io.BytesIO()
        scene.picture.save(sink, "JPEG", quality=90)
        found.append((f"{number:03d}", sink.getvalue(), scene.caption))
    return found


def make_tars(folder: Path, size: int, seed: int) -> None:
    """`wds/images-000000.tar`, `hostile.tar`, `truncated.tar`, and `truth.json` with what each holds. Size changes nothing."""
    del size
    place = folder / "wds"
    shown = pictures(seed)
    known = json.dumps({"licence": LICENCE}).encode()
    members = [
        (f"{name}{suffix}", content)
        for name, data, caption in shown
        for suffix, content in ((".jpg", data), (".txt", caption.encode()), (".json", known))
    ]
    good = _tar(members)
    last_start = good.index(members[-3][0].encode())  # the last picture's header; the cut falls into its pixels
    (place / "images-000000.tar").write_bytes(good)
    (place / "truncated.tar").write_bytes(good[: last_start + 512 + len(members[-3][1]) // 2])
    outside = [("../escape.jpg", shown[0][1]), ("/absolute.jpg", shown[0][1])]
    (place / "hostile.tar").write_bytes(_tar([*members[:3], *outside, *members[3:6]], link="999.jpg"))
    refused = [{"member": name, "expected": "unsafe_member"} for name, _ in outside]
    truth = {
        "images-000000.tar": {"kept": {name: caption for name, _, caption in shown}, "refused": []},
        "hostile.tar": {
            "kept": {name: caption for name, _, caption in shown[:2]},
            "refused": [*refused, {"member": "999.jpg", "expected": "link_member"}],
        },
        "truncated.tar": {
            "kept": {name: caption for name, _, caption in shown[:-1]},
            "refused": [{"member": members[-3][0], "expected": "truncated_archive"}],
        },
    }
    write_json(place / "truth.json", truth)


def make_parquet(folder: Path, size: int, seed: int) -> None:
    """`parquet/captions.parquet`: pictures inside the table, as the library `datasets` writes them, and captions."""
    del size
    shown = pictures(seed)
    images = pa.array([{"bytes": data, "path": f"{name}.jpg"} for name, data, _ in shown])
    table = pa.table({"image": images, "caption": pa.array([caption for _, _, caption in shown])})
    features = {"image": {"_type": "Image"}, "caption": {"dtype": "string", "_type": "Value"}}
    note = json.dumps({"info": {"features": features}})  # without it `datasets` reads a struct, not a picture
    pq.write_table(table.replace_schema_metadata({"huggingface": note}), folder / "parquet" / "captions.parquet")


def _tar(members: list[tuple[str, bytes]], link: str | None = None) -> bytes:
    """A tar with the time, owner and mode of every member fixed."""
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
