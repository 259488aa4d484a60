"""Folders of files and COCO annotations."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import fsspec
import pytest

from pipelines.source import CocoAnnotations, Folder
from schemas.records import Row
from tests.pipelines.source.reading import read_all, summary


def fill(folder: Path, **files: bytes) -> Path:
    for name, data in files.items():
        place = folder / name.replace("__", "/").replace("_", ".")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    return folder


def test_each_file_is_a_row_with_what_lies_beside_it(tmp_path: Path) -> None:
    fill(tmp_path, a_jpg=b"1", a_txt=b" words ", a_json=b'{"n": 1}', b__c_wav=b"2", d_html=b"3", e_txt=b"4", f_bin=b"5")
    (tmp_path / ".hidden.jpg").write_bytes(b"6")
    rows = [item for item in read_all(Folder(str(tmp_path), rows_per_split=2)) if isinstance(item, Row)]
    assert [row.blobs for row in rows] == [{"image": b"1"}, {"audio": b"2"}, {"text": b"3"}, {"text": b"4"}, {"file": b"5"}]
    assert rows[0].fields == {"path": "a.jpg", "text": "words", "n": 1}
    assert [row.origin.source for row in rows] == ["a.jpg", "b/c.wav", "d.html", "e.txt", "f.bin"]


def test_sibling_folders_tell_about_a_file(tmp_path: Path) -> None:
    """The receipts' layout: pictures, their lines and their key fields in folders of their own."""
    fill(
        tmp_path,
        img__1_jpg=b"1",
        img__2_jpg=b"2",
        box__1_csv=b"0,0,words",
        key__1_json=b'["total"]',
        img__1_txt=b"caption",
        key__9_json=b"{}",
    )
    source = Folder(str(tmp_path), beside=("box", "key", "none"))
    rows = [item for item in read_all(source) if isinstance(item, Row)]
    assert [row.fields for row in rows] == [
        {"path": "img/1.jpg", "text": "caption", "box": "0,0,words", "key": ["total"]},
        {"path": "img/2.jpg"},
    ]
    before = source.splits()
    (tmp_path / "key" / "1.json").write_text('["other"]')
    assert Folder(str(tmp_path), beside=("box", "key", "none")).splits() != before
    with pytest.raises(ValueError, match="beside is 'box', expected a list"):
        Folder(str(tmp_path), beside="box")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "blob"),
    [("a_MP4", "video"), ("a_pdf", "pdf"), ("a_pptx", "deck"), ("a_csv", "table"), ("a_vl_json", "spec"), ("a_json", "file")],
)
def test_an_ending_names_the_blob(tmp_path: Path, name: str, blob: str) -> None:
    (row,) = read_all(Folder(str(fill(tmp_path, **{name: b"1"}))))
    assert isinstance(row, Row)
    assert row.blobs == {blob: b"1"}


def test_each_bad_file_has_its_reason(tmp_path: Path) -> None:
    root = fill(tmp_path / "root", a_jpg=b"1", b_jpg=b"1", b_json=b"{", c_jpg=b"1", c_txt=b"\xff", d_jpg=b"12345", d_json=b"[]")
    fill(tmp_path, secret_jpg=b"secret")
    (root / "e.jpg").symlink_to(tmp_path / "secret.jpg")
    (root / "f.jpg").symlink_to(root / "a.jpg")
    (root / "g.jpg").symlink_to(root / "none.jpg")
    (root / "h.jpg").symlink_to("/dev/zero")
    os.mkfifo(root / "i.jpg")
    (root / "j").symlink_to(root)
    (root / "k.jpg").write_bytes(b"12345678")
    (root / "l.jpg").write_bytes(b"123456789")
    expected = ["row", "bad_json", "not_utf8", "bad_json", "outside_root", "row", "missing_file", "outside_root"]
    expected += ["not_a_file", "not_a_file", "row", "file_too_large"]
    assert summary(Folder(str(root), max_file_bytes=8)) == expected


def test_keys_do_not_depend_on_neighbours_or_bounds(tmp_path: Path) -> None:
    fill(tmp_path / "a", b_jpg=b"1", c_jpg=b"2", d_jpg=b"3")
    before = [item.key for item in read_all(Folder(str(tmp_path / "a")))]
    assert [item.key for item in read_all(Folder(str(tmp_path / "a"), rows_per_split=1))] == before
    fill(tmp_path / "a", a_jpg=b"0")
    assert [item.key for item in read_all(Folder(str(tmp_path / "a")))][1:] == before


@pytest.mark.parametrize("name", ["c_jpg", "c_txt"])
def test_ids_follow_content_and_not_the_root(tmp_path: Path, name: str) -> None:
    fill(tmp_path / "a", b_jpg=b"1", c_jpg=b"2", c_txt=b"3", d_jpg=b"4")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    a, b = (Folder(str(tmp_path / root), rows_per_split=1) for root in "ab")
    assert a.splits() == b.splits()
    fill(tmp_path / "b", **{name: b"9"})
    assert [x.id == y.id for x, y in zip(a.splits(), b.splits(), strict=True)] == [True, False, True]


def test_a_folder_that_changed_after_listing_is_an_error(tmp_path: Path) -> None:
    fill(tmp_path, b_jpg=b"1")
    source = Folder(str(tmp_path))
    split = source.splits()[0]
    fill(tmp_path, a_jpg=b"1")
    assert len(list(source.read(split))) == 1
    (tmp_path / "b.jpg").unlink()
    from pipelines.source.folders import _listing

    _listing.cache_clear()  # as in another process
    with pytest.raises(ValueError, match="other files are there than when it was listed"):
        list(source.read(split))


def test_suffixes_choose(tmp_path: Path) -> None:
    fill(tmp_path, a_jpg=b"1", a_txt=b"words", b_png=b"2", c_JPG=b"3")
    rows = read_all(Folder(str(tmp_path), suffixes=(".JPG",)))
    assert [row.fields for row in rows if isinstance(row, Row)] == [{"path": "a.jpg", "text": "words"}, {"path": "c.JPG"}]


def test_another_file_system() -> None:
    fsspec.filesystem("memory").pipe({"/folder/a.jpg": b"1", "/folder/b/c.txt": b"2"})
    assert summary(Folder("memory://folder")) == ["row", "row"]


def coco(folder: Path, **changes: Any) -> CocoAnnotations:
    raw = {
        "images": [{"id": n, "file_name": f"{n}.jpg", "width": 4, "height": 3, "license": 1} for n in (10, 9, 2)],
        "annotations": [{"id": n, "image_id": 9, "caption": f"c{n}"} for n in (11, 2)]
        + [{"image_id": 2, "bbox": [1, 2, 3, 4], "category_id": 5}],
        "licenses": [{"id": 1, "name": "CC BY"}],
        "categories": [{"id": 5, "name": "cat"}],
    } | changes
    (folder / "c.json").write_text(json.dumps(raw))
    fill(folder, pics__2_jpg=b"2", pics__9_jpg=b"9", pics__10_jpg=b"10")
    return CocoAnnotations(str(folder), "c.json", "pics", rows_per_split=2)


def test_images_in_order_of_id_with_captions_and_boxes(tmp_path: Path) -> None:
    rows = [item for item in read_all(coco(tmp_path)) if isinstance(item, Row)]
    assert [(row.fields["image_id"], row.blobs["image"]) for row in rows] == [(2, b"2"), (9, b"9"), (10, b"10")]
    assert rows[0].fields["boxes"] == [{"bbox": [1, 2, 3, 4], "category": "cat"}]
    assert rows[1].fields["captions"] == ["c2", "c11"]
    assert {row.origin.licence for row in rows} == {"CC BY"}


def test_each_bad_image_has_its_reason(tmp_path: Path) -> None:
    names = ["2.jpg", "none.jpg", "../../x.jpg", "", "../pics"]
    images: list[Any] = [{"id": n, "file_name": name} for n, name in enumerate(names)] + [
        {"id": 0, "file_name": "2.jpg"},
        "x",
        {"id": None},
    ]
    expected = ["row", "row", "missing_file", "outside_root", "missing_file", "not_a_file", "bad_json", "bad_json"]
    assert summary(coco(tmp_path, images=images)) == expected


@pytest.mark.parametrize(("data", "reason"), [(b"{", "bad_json"), (b"[]", "bad_json"), (b"\xff", "not_utf8")])
def test_a_damaged_annotation_file_is_one_reject(tmp_path: Path, data: bytes, reason: str) -> None:
    (tmp_path / "c.json").write_bytes(data)
    assert summary(CocoAnnotations(str(tmp_path), "c.json")) == [reason]


def test_pictures_may_lie_beside_the_folder_of_annotations(tmp_path: Path) -> None:
    (tmp_path / "annotations").mkdir()
    source = coco(tmp_path / "annotations")
    shutil.move(tmp_path / "annotations" / "pics", tmp_path / "pics")
    assert summary(source) == ["missing_file"] * 3
    assert summary(CocoAnnotations(source.root, "c.json", "pics", media_root="..")) == ["row"] * 3
