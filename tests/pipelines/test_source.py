"""Sources: every row once, whatever the split size; every hostile or broken input a declared reject with its place."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.source import JsonlManifest, open_source
from pipelines.source.tars import WebDatasetTar
from schemas.outcome import Reject
from schemas.records import Row


def read(source: Any) -> list[Row | Reject]:
    found = [item for split in source.splits() for item in source.read(split)]
    keys = [item.key for item in found]
    assert len(set(keys)) == len(keys)
    names = {reason.name for reason in source.reasons}
    assert all(item.reason in names and item.origin is not None for item in found if isinstance(item, Reject))
    return found


def reasons(items: list[Row | Reject]) -> list[str]:
    return [item.reason if isinstance(item, Reject) else "row" for item in items]


@settings(max_examples=40, deadline=None)
@given(
    texts=st.lists(st.sampled_from(["a", "b", "é" * 40, ""]), max_size=30),
    rows=st.integers(1, 9),
    size=st.integers(1, 300),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_every_line_once_for_any_split_size(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], rows: int, size: int, end: str
) -> None:
    folder = tmp_path_factory.mktemp("lines")
    (folder / "m.jsonl").write_bytes(end.join(json.dumps({"text": text}) if text else "" for text in texts).encode())
    source = JsonlManifest(str(folder), "m.jsonl", rows_per_split=rows, bytes_per_split=size)
    found = read(source)
    assert [item.fields["text"] for item in found] == [text for text in texts if text]  # type: ignore[union-attr]
    assert sum(split.num_rows for split in source.splits()) == len(found)


def test_ids_follow_content_and_not_the_place(tmp_path: Path) -> None:
    ids = []
    for folder in ("a", "b", "c"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "m.jsonl").write_text(
            '{"text": "one"}\n{"text": "two"}\n' if folder != "c" else '{"text": "one"}\n{"text": "2"}\n'
        )
        source = open_source(str(tmp_path / folder / "m.jsonl"))
        ids.append(([split.id for split in source.splits()], [row.key for row in read(source)]))
    assert ids[0] == ids[1]
    assert ids[0][0] != ids[2][0]
    assert ids[0][1][0] == ids[2][1][0]
    assert ids[0][1][1] != ids[2][1][1]


def test_bad_lines_are_refused_one_by_one(tmp_path: Path) -> None:
    lines = [
        b'{"text": "good"}',
        b"not json",
        b"[1]",
        b'{"text": "\xe9"}',
        b'{"text": "' + b"x" * 5_000 + b'"}',
        b"[" * 100_000,
        b'{"text": "good"}',
    ]
    (tmp_path / "m.jsonl").write_bytes(b"\xef\xbb\xbf" + b"\n".join(lines))
    found = read(JsonlManifest(str(tmp_path), "m.jsonl", max_line_bytes=4_000))
    assert reasons(found) == ["row", "bad_json", "bad_json", "not_utf8", "line_too_long", "line_too_long", "row"]
    assert found[1].origin.locator == f"byte {3 + len(lines[0]) + 1}"  # type: ignore[union-attr]


def test_a_cut_gzip_keeps_what_came_before(tmp_path: Path) -> None:
    rng = os.urandom(20_000).hex()
    text = "".join(json.dumps({"text": rng[i * 100 : i * 100 + 100]}) + "\n" for i in range(400))
    data = gzip.compress(text.encode())
    (tmp_path / "m.jsonl.gz").write_bytes(data)
    assert reasons(read(open_source(str(tmp_path / "m.jsonl.gz")))) == ["row"] * 400
    (tmp_path / "m.jsonl.gz").write_bytes(data[: len(data) // 2])
    found = reasons(read(open_source(str(tmp_path / "m.jsonl.gz"))))
    assert found[-1] == "truncated_archive"
    assert 100 < found.count("row") < 300
    assert len(found) == found.count("row") + 1


def test_media_that_leave_the_folder_or_are_no_files(tmp_path: Path) -> None:
    root = tmp_path / "in"
    root.mkdir()
    (tmp_path / "secret.wav").write_bytes(b"secret")
    (root / "good.wav").write_bytes(b"good")
    (root / "out.wav").symlink_to(tmp_path / "secret.wav")
    (root / "in.wav").symlink_to(root / "good.wav")
    (root / "folder.wav").mkdir()
    os.mkfifo(root / "pipe.wav")
    names = [
        "good.wav",
        "in.wav",
        str(root / "good.wav"),
        "../secret.wav",
        "out.wav",
        "/etc/passwd",
        "folder.wav",
        "pipe.wav",
        "none.wav",
        "a\0b",
    ]
    (root / "m.jsonl").write_text("\n".join(json.dumps({"audio_filepath": name}) for name in names))
    found = read(open_source(str(root / "m.jsonl")))
    assert reasons(found) == ["row"] * 3 + ["outside_root"] * 3 + ["not_a_file"] * 2 + ["missing_file"] * 2
    assert [item.blobs["audio"] for item in found[:3]] == [b"good"] * 3  # type: ignore[union-attr]


def tar_bytes(*members: tuple[str, bytes] | tarfile.TarInfo) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                archive.addfile(info, io.BytesIO(member[1]))
    return sink.getvalue()


def special(name: str, kind: bytes, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def test_a_hostile_tar(tmp_path: Path) -> None:
    (tmp_path / "t.tar").write_bytes(
        tar_bytes(
            ("a.jpg", b"picture"),
            ("a.txt", b" a caption "),
            ("../escape.jpg", b"x"),
            ("/absolute.jpg", b"x"),
            special("b.jpg", tarfile.SYMTYPE, "/etc/passwd"),
            special("c.jpg", tarfile.LNKTYPE, "a.jpg"),
            special("d.jpg", tarfile.CHRTYPE),
            special("pipe.jpg", tarfile.FIFOTYPE),
            ("large.jpg", b"x" * 100),
            ("e.json", b"{broken"),
            ("f.json", b'{"caption": "last"}'),
            ("f.cls", b"7"),
        )
    )
    found = read(WebDatasetTar(str(tmp_path), "t.tar", max_member_bytes=50))
    counted = sorted(reasons(found))
    assert counted == sorted(
        [
            "row",
            "unsafe_member",
            "unsafe_member",
            "link_member",
            "link_member",
            "special_member",
            "special_member",
            "member_too_large",
            "bad_json",
            "row",
        ]
    )
    rows = [item for item in found if isinstance(item, Row)]
    assert (rows[0].fields["text"], rows[0].blobs["image"]) == ("a caption", b"picture")
    assert (rows[1].fields["caption"], rows[1].fields["label"]) == ("last", 7)


def test_a_cut_tar_keeps_what_came_before(tmp_path: Path) -> None:
    data = tar_bytes(*((f"{n:03d}.jpg", b"x" * 700) for n in range(20)))
    (tmp_path / "t.tar").write_bytes(data[: 10 * 1536 + 900])
    found = read(open_source(str(tmp_path / "t.tar")))
    assert reasons(found) == ["row"] * 9 + ["truncated_archive"] or reasons(found) == ["row"] * 10 + ["truncated_archive"]
    (tmp_path / "t.tar").write_bytes(data)
    assert reasons(read(open_source(str(tmp_path / "t.tar")))) == ["row"] * 20


def test_parquet_and_datasets_directories(tmp_path: Path) -> None:
    table = pa.table({"caption": [f"c{n}" for n in range(50)], "image": [{"bytes": bytes([n]), "path": None} for n in range(50)]})
    (tmp_path / "p").mkdir()
    pq.write_table(table, tmp_path / "p" / "rows.parquet", row_group_size=7)
    Dataset(table).save_to_disk(str(tmp_path / "d"))
    for place, options in (("p", {}), ("d", {}), ("p/rows.parquet", {"rows_per_split": 9})):
        found = read(open_source(str(tmp_path / place), **options))
        assert [item.fields["caption"] for item in found] == [f"c{n}" for n in range(50)]  # type: ignore[union-attr]
        assert [item.blobs["image"] for item in found] == [bytes([n]) for n in range(50)]  # type: ignore[union-attr]
    data = (tmp_path / "p" / "rows.parquet").read_bytes()
    (tmp_path / "p" / "rows.parquet").write_bytes(data[: len(data) // 2])
    assert reasons(read(open_source(str(tmp_path / "p")))) == ["unreadable_file"]


def test_a_folder_with_sidecars(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"picture")
    (tmp_path / "a.txt").write_text("a caption")
    (tmp_path / "b.wav").write_bytes(b"sound")
    (tmp_path / "b.json").write_text('{"lang": "de"}')
    (tmp_path / "c.html").write_text("<html>")
    (tmp_path / "d.jpg").symlink_to("/etc/passwd")
    (tmp_path / ".hidden").write_text("x")
    found = read(open_source(str(tmp_path)))
    assert reasons(found) == ["row", "row", "row", "outside_root"]
    assert found[0].fields["text"] == "a caption"  # type: ignore[union-attr]
    assert found[1].fields["lang"] == "de"  # type: ignore[union-attr]
    assert found[2].blobs["text"] == b"<html>"  # type: ignore[union-attr]


def test_coco_rows_in_order_of_id(tmp_path: Path) -> None:
    (tmp_path / "x.jpg").write_bytes(b"x")
    raw = {
        "images": [{"id": 10, "file_name": "x.jpg", "license": 1}, {"id": 9, "file_name": "gone.jpg"}],
        "annotations": [{"id": 2, "image_id": 10, "caption": "two"}, {"id": 1, "image_id": 10, "caption": "one"}],
        "licenses": [{"id": 1, "name": "CC-BY-4.0"}],
    }
    (tmp_path / "captions.json").write_text(json.dumps(raw))
    found = read(open_source(str(tmp_path / "captions.json")))
    assert reasons(found) == ["missing_file", "row"]
    assert found[1].fields["captions"] == ["one", "two"]  # type: ignore[union-attr]
    assert found[1].origin.licence == "CC-BY-4.0"  # type: ignore[union-attr]


def test_any_fsspec_url() -> None:
    system = fsspec.filesystem("memory")
    system.pipe({"/place/m.jsonl": b'{"image": "a.jpg"}\n{"image": "../../b.jpg"}\n{"image": "c.jpg"}\n', "/place/a.jpg": b"picture"})
    found = read(open_source("memory://place/m.jsonl"))
    assert reasons(found) == ["row", "outside_root", "missing_file"]
    assert found[0].blobs["image"] == b"picture"  # type: ignore[union-attr]


def test_errors_name_what_is_supported(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="is not there"):
        open_source(str(tmp_path / "none"))
    with pytest.raises(ValueError, match="expected one of jsonl, json, parquet, coco, folder, pages, webdataset, datasets"):
        open_source(str(tmp_path), "csv")
    (tmp_path / "x.bin").write_bytes(b"")
    with pytest.raises(ValueError, match="cannot be told from its name"):
        open_source(str(tmp_path / "x.bin"))
