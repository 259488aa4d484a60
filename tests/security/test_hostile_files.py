"""Files that would run a program, leave their folder or fill the machine: each is refused with a reason, and nothing of it happens."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from model.checkpoint import load_tensors
from pipelines.partitions import np as numpy_of_partitions
from pipelines.source import FORMATS
from schemas.outcome import Reject
from tests.peak import peak_kib

MIB = 1 << 20


class Harm:
    """Whoever unpickles it makes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self.mark),)


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    """A place that is there only when some pickle was read."""
    place = tmp_path / "harmed"
    pickle.loads(pickle.dumps(Harm(place)))
    assert place.is_dir()  # it works
    place.rmdir()
    return place


def fates(source: Any) -> list[str]:
    """ "row", or the reason of the reject, of every item."""
    return [item.reason if isinstance(item, Reject) else "row" for split in source.splits() for item in source.read(split)]


# ---- programs inside data


def test_an_array_of_objects_is_bytes_and_nothing_more(tmp_path: Path, mark: Path) -> None:
    sink = io.BytesIO()
    np.save(sink, np.array([Harm(mark)], dtype=object), allow_pickle=True)
    root = tmp_path / "tars"
    root.mkdir()
    (root / "a.npy").write_bytes(sink.getvalue())
    with tarfile.open(root / "x.tar", "w") as archive:
        archive.add(root / "a.npy", "a.npy")
    assert fates(FORMATS["webdataset"](root=str(root), path="x.tar")) == ["row"]
    with pytest.raises(ValueError, match="allow_pickle=False"):
        numpy_of_partitions.load(root / "a.npy")
    assert not mark.exists()


@pytest.mark.parametrize("name", ["arrow.py_extension_type", "ray.data.arrow_tensor", "a.stranger"])
def test_an_extension_type_of_arrow_runs_nothing(tmp_path: Path, mark: Path, name: str) -> None:
    told = {b"ARROW:extension:name": name.encode(), b"ARROW:extension:metadata": pickle.dumps(Harm(mark))}
    schema = pa.schema([pa.field("text", pa.string(), metadata=told)])
    table = pa.table([pa.array(["a text"])], schema=schema)
    (tmp_path / "arrow").mkdir()
    with pa.ipc.new_stream(str(tmp_path / "arrow" / "x.arrow"), schema) as writer:
        writer.write_table(table)
    pq.write_table(table, tmp_path / "x.parquet")
    for source in (FORMATS["datasets"](root=str(tmp_path / "arrow")), FORMATS["parquet"](root=str(tmp_path), path="x.parquet")):
        assert len(fates(source)) == 1
    assert not mark.exists()


def test_a_checkpoint_is_no_pickle(tmp_path: Path, mark: Path) -> None:
    file = tmp_path / "model.safetensors"
    torch.save({"weight": torch.zeros(2), "harm": Harm(mark)}, file)
    with pytest.raises(ValueError, match=r"model\.safetensors"):
        load_tensors(file)
    assert not mark.exists()


# ---- paths that leave the folder


OUTSIDE = ("../secret.wav", "/etc/passwd", "a/../../secret.wav", "link.wav", "linked/secret.wav")


@pytest.fixture
def fenced(tmp_path: Path) -> Path:
    """A folder with links that lead out of it, to a file that nothing may read."""
    (tmp_path / "secret.wav").write_bytes(b"SECRET")
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "secret.wav").write_bytes(b"SECRET")
    root = tmp_path / "root"
    root.mkdir()
    (root / "link.wav").symlink_to(tmp_path / "secret.wav")
    (root / "linked").symlink_to(tmp_path / "secret")
    return root


def blobs_of(source: Any) -> list[bytes]:
    items = [item for split in source.splits() for item in source.read(split)]
    return [blob for item in items if not isinstance(item, Reject) for blob in item.blobs.values()]


@pytest.mark.parametrize("path", OUTSIDE)
def test_rows_name_nothing_outside(fenced: Path, path: str) -> None:
    row = {"audio_filepath": path, "text": "x"}
    (fenced / "rows.jsonl").write_text(json.dumps(row) + "\n")
    (fenced / "rows.json").write_text(json.dumps([row]))
    pq.write_table(pa.Table.from_pylist([row]), fenced / "rows.parquet")
    for format in ("jsonl", "json", "parquet"):
        source = FORMATS[format](root=str(fenced), path=f"rows.{format}")
        assert fates(source) == ["outside_root"], format
    picture = {"images": [{"id": 1, "file_name": path, "width": 3, "height": 3}], "annotations": [], "categories": []}
    picture["annotations"] = [{"id": 1, "image_id": 1, "caption": "a"}]
    (fenced / "coco.json").write_text(json.dumps(picture))
    assert fates(FORMATS["coco"](root=str(fenced), path="coco.json")) == ["outside_root"]


def test_folders_and_trees_follow_no_link_outside(fenced: Path) -> None:
    for format in ("folder", "tree"):
        assert b"SECRET" not in blobs_of(FORMATS[format](root=str(fenced))), format
        assert "row" not in fates(FORMATS[format](root=str(fenced))), format


def test_pages_show_no_image_from_outside(fenced: Path) -> None:
    text = "<p>" + "A long paragraph about a garden and its trees, with many words in it. " * 9 + "</p>"
    images = "".join(f'<img src="{path}">' for path in (*OUTSIDE, "file:///etc/passwd"))
    (fenced / "page.html").write_text(f"<html><body><article>{text}{images}{text}</article></body></html>")
    assert b"SECRET" not in blobs_of(FORMATS["pages"](root=str(fenced)))


@pytest.mark.parametrize("name", ["../secret.arrow", "/secret.arrow", "data/../../secret.arrow"])
def test_a_dataset_names_no_file_outside(tmp_path: Path, name: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "state.json").write_text(json.dumps({"_data_files": [{"filename": name}]}))
    with pytest.raises(ValueError, match="outside of the folder"):
        FORMATS["datasets"](root=str(root)).splits()


def test_archives_give_no_member_of_another_place(tmp_path: Path) -> None:
    names = ("../a.py", "/a.py", "b/../../a.py")
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = 1
            archive.addfile(info, io.BytesIO(b"x"))
        for kind, name in ((tarfile.SYMTYPE, "s.py"), (tarfile.LNKTYPE, "h.py"), (tarfile.CHRTYPE, "d.py"), (tarfile.FIFOTYPE, "p.py")):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    expected = ["unsafe_member"] * 3 + ["link_member"] * 2 + ["special_member"] * 2
    assert fates(FORMATS["webdataset"](root=str(tmp_path), path="x.tar")) == expected
    assert fates(FORMATS["tree"](root=str(tmp_path), path="x.tar")) == expected
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as packed:
        for name in names:
            packed.writestr(zipfile.ZipInfo(name), b"x")
    assert fates(FORMATS["tree"](root=str(tmp_path), path="x.zip")) == ["unsafe_member"] * 3


# ---- bombs


BOMB_BYTES = 300 * MIB


def bombs(folder: Path) -> dict[str, Any]:
    """Sources whose files are small and unpack to BOMB_BYTES, by name."""
    zeros = bytes(BOMB_BYTES)
    info = tarfile.TarInfo("a.py")
    info.size = BOMB_BYTES
    plain = info.tobuf() + zeros + bytes(10_240)
    for name, pack in (
        ("x.tar.gz", lambda data: gzip.compress(data, 1)),
        ("x.tar.bz2", lambda data: bz2.compress(data, 1)),
        ("x.tar.xz", lambda data: lzma.compress(data, preset=0)),
    ):
        (folder / name).write_bytes(pack(plain))
    with zipfile.ZipFile(folder / "x.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("a.py", zeros)
    head = (
        b"WARC/1.0\r\nWARC-Type: resource\r\nWARC-Target-URI: http://a/\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n"
        % BOMB_BYTES
    )
    (folder / "x.warc.gz").write_bytes(gzip.compress(head + zeros + b"\r\n\r\n", 1))
    return {
        **{name: FORMATS["tree"](root=str(folder), path=name) for name in ("x.tar.gz", "x.tar.bz2", "x.tar.xz", "x.zip")},
        "x.warc.gz": FORMATS["warc"](root=str(folder), path="x.warc.gz"),
        "webdataset": FORMATS["webdataset"](root=str(folder), path="x.tar.gz", max_member_bytes=MIB),
    }


@pytest.mark.slow
def test_bombs_are_refused_without_being_held(tmp_path: Path) -> None:
    sources = bombs(tmp_path)
    Path("/proc/self/clear_refs").write_text("5")
    before = peak_kib()
    found = {name: fates(source) for name, source in sources.items()}
    assert found == {
        **{key: ["file_too_large"] for key in ("x.tar.gz", "x.tar.bz2", "x.tar.xz", "x.zip")},
        "x.warc.gz": ["record_too_large"],
        "webdataset": ["member_too_large"],
    }
    assert peak_kib() - before < 150 * 1024
