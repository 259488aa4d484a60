"""JSONL manifests: every line exactly once whatever the bounds, and each way for a line or its media to be refused."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from pathlib import Path

import fsspec
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.source import JsonlManifest
from schemas.records import Row
from tests.pipelines.source.reading import read_all, summary, write_jsonl

LINES = st.lists(st.sampled_from([b'{"a": 1}', b'{"b": "x y"}', b"", b"  ", b"nonsense", b"[1]", b"\xff", b'{"c": "' + b"z" * 70 + b'"}']))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(LINES, st.sampled_from([b"\n", b"\r\n"]), st.booleans(), st.integers(1, 9), st.integers(1, 200))
def test_each_line_comes_once_for_any_bounds(
    tmp_path: Path, lines: list[bytes], end: bytes, ends_with_newline: bool, max_rows: int, max_bytes: int
) -> None:
    data = end.join(lines) + (end if ends_with_newline else b"")
    (tmp_path / "a.jsonl").write_bytes(data)
    items = read_all(JsonlManifest(str(tmp_path), rows_per_split=max_rows, bytes_per_split=max_bytes, max_line_bytes=60))
    starts, at = [], 0
    for line in data.split(b"\n"):
        if line.strip():
            starts.append(f"byte {at}")
        at += len(line) + 1
    assert [item.origin.locator for item in items if item.origin] == starts
    whole = read_all(JsonlManifest(str(tmp_path), max_line_bytes=60))
    assert [item.key for item in items] == [item.key for item in whole]
    for item, start in zip(items, starts, strict=True):
        line = data[int(start.removeprefix("byte ")) :].split(b"\n")[0]
        if isinstance(item, Row):
            assert item.fields == json.loads(line)


def test_each_bad_line_has_its_reason(tmp_path: Path) -> None:
    deep = [b'{"a":' * 100 + b"1" + b"}" * 100, b'{"a":' * 101 + b"1" + b"}" * 101, b'{"a":' * 20_000 + b"1" + b"}" * 20_000]
    lines = [b'{"a": 1}', b'{"a": 1', b"[1]", b'{"a": "\xc3\xa9"}', b'{"a": "\xc3"}', b'{"a": "\\ud800"}', b'{"a": NaN}', *deep]
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(lines))
    expected = ["row", "bad_json", "bad_json", "row", "not_utf8", "not_utf8", "row", "row", "bad_json", "bad_json"]
    assert summary(JsonlManifest(str(tmp_path))) == expected


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
def test_the_longest_line_and_one_more(tmp_path: Path, end: bytes) -> None:
    limit = 100 + end.count(b"\r")
    longest = b'{"a": "' + b"x" * 91 + b'"}'
    assert len(longest) == 100
    for line, expected in ((longest, "row"), (longest + b" ", "line_too_long"), (longest * 100, "line_too_long")):
        (tmp_path / "a.jsonl").write_bytes(b"{}\n" + line + end)
        assert summary(JsonlManifest(str(tmp_path), max_line_bytes=limit)) == ["row", expected]


def test_a_huge_line_is_not_held(tmp_path: Path) -> None:
    import tracemalloc

    (tmp_path / "a.jsonl").write_bytes(b"{}\n" + b"x" * (64 << 20) + b"\n{}\n")
    tracemalloc.start()
    assert summary(JsonlManifest(str(tmp_path), max_line_bytes=1 << 10)) == ["row", "line_too_long", "row"]
    assert tracemalloc.get_traced_memory()[1] < 16 << 20
    tracemalloc.stop()


def test_a_change_far_inside_a_huge_line_changes_the_split(tmp_path: Path) -> None:
    found = []
    for letter in b"ab":
        (tmp_path / "a.jsonl").write_bytes(b"x" * 50_000 + bytes([letter]) + b"x" * 50_000)
        found.append(JsonlManifest(str(tmp_path), max_line_bytes=100).splits()[0].id)
    assert found[0] != found[1]


def test_a_byte_order_mark_and_blank_lines_are_no_rows(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'\xef\xbb\xbf{"a": 1}\n\n \r\n{"a": 2}')
    assert [row.fields for row in read_all(JsonlManifest(str(tmp_path))) if isinstance(row, Row)] == [{"a": 1}, {"a": 2}]


def test_equal_rows_have_unequal_keys_and_splits(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl", [{"a": 1}] * 4)
    write_jsonl(tmp_path / "b" / "a.jsonl", [{"a": 1}] * 4)
    assert summary(JsonlManifest(str(tmp_path), rows_per_split=2)) == ["row"] * 8


def test_ids_follow_content_and_not_the_root(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a" / "x.jsonl", [{"n": n} for n in range(10)])
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    a, b = (JsonlManifest(str(tmp_path / name), rows_per_split=4) for name in "ab")
    assert a.splits() == b.splits()
    assert [item.key for item in read_all(a)] == [item.key for item in read_all(b)]
    assert [split.first_row for split in a.splits()] == [0, 4, 8]
    write_jsonl(tmp_path / "b" / "x.jsonl", [{"n": 5 if n == 4 else n} for n in range(10)])
    assert [x.id == y.id for x, y in zip(a.splits(), b.splits(), strict=True)] == [True, False, True]


@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_a_cut_compressed_file_keeps_the_rows_before(tmp_path: Path, ending: str) -> None:
    text = b"".join(json.dumps({"n": n, "x": os.urandom(300).hex()}).encode() + b"\n" for n in range(2_000))
    data = gzip.compress(text) if ending == ".gz" else pa.compress(text, "zstd", asbytes=True)
    file = tmp_path / f"a.jsonl{ending}"
    file.write_bytes(data)
    assert summary(JsonlManifest(str(tmp_path))) == ["row"] * 2_000
    file.write_bytes(data[: len(data) // 2])
    found = summary(JsonlManifest(str(tmp_path)))
    assert found[-1] == "truncated_archive"
    assert set(found[:-1]) == {"row"}
    assert 500 < len(found) < 1_500
    file.write_bytes(b"no such format")
    assert summary(JsonlManifest(str(tmp_path))) == ["truncated_archive"]


def media_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    (folder / "media").mkdir(parents=True)
    (folder / "media" / "a.wav").write_bytes(b"sound")
    (folder / "b.jpg").write_bytes(b"picture")
    (tmp_path / "secret.wav").write_bytes(b"secret")
    (folder / "out.wav").symlink_to(tmp_path / "secret.wav")
    (folder / "in.wav").symlink_to(folder / "media" / "a.wav")
    (folder / "loop.wav").symlink_to(folder / "loop.wav")
    os.mkfifo(folder / "pipe.wav")
    return folder


def test_each_bad_reference_has_its_reason(tmp_path: Path) -> None:
    folder = media_folder(tmp_path)
    cases = {
        "media/a.wav": "row",
        "media/../media/a.wav": "row",
        "in.wav": "row",
        str(folder / "media" / "a.wav"): "row",
        "none.wav": "missing_file",
        "media/a.wav/x": "missing_file",
        "x" * 300: "missing_file",
        "a\0b": "missing_file",
        "../secret.wav": "outside_root",
        str(tmp_path / "secret.wav"): "outside_root",
        "out.wav": "outside_root",
        "media": "not_a_file",
        "pipe.wav": "not_a_file",
        "loop.wav": "unreadable_file",
    }
    write_jsonl(folder / "m.jsonl", [{"audio_filepath": path, "text": path} for path in cases])
    assert summary(JsonlManifest(str(folder), "m.jsonl")) == list(cases.values())


def test_a_file_of_the_largest_size_is_read(tmp_path: Path) -> None:
    folder = media_folder(tmp_path)
    write_jsonl(folder / "m.jsonl", [{"audio": "media/a.wav"}])
    assert summary(JsonlManifest(str(folder), "m.jsonl", max_file_bytes=5)) == ["row"]
    assert summary(JsonlManifest(str(folder), "m.jsonl", max_file_bytes=4)) == ["file_too_large"]


def test_media_are_blobs_and_text_stays_in_fields(tmp_path: Path) -> None:
    folder = media_folder(tmp_path)
    rows: list[dict[str, object]] = [
        {"audio": {"path": "media/a.wav"}, "license": "MIT"},
        {"images": ["b.jpg", "b.jpg"], "image": "b.jpg"},
        {"images": ["b.jpg"], "image": "media/a.wav"},
        {"file_name": "media/a.wav"},
        {"image": ["b.jpg", "media/a.wav"]},
        {"image": 7, "text": "seven"},
    ]
    write_jsonl(folder / "m.jsonl", rows)
    found = [item for item in read_all(JsonlManifest(str(folder), "m.jsonl", licence="CC0-1.0")) if isinstance(item, Row)]
    assert [row.blobs for row in found] == [
        {"audio": b"sound"},
        {"image": b"picture", "image.1": b"picture"},
        {"image": b"sound", "image.1": b"picture"},
        {"audio": b"sound"},
        {"image": b"picture", "image.1": b"sound"},
        {},
    ]
    assert [row.fields for row in found] == rows
    assert [row.origin.licence for row in found] == ["MIT"] + ["CC0-1.0"] * 5


def test_images_named_in_messages_are_read_in_their_order(tmp_path: Path) -> None:
    folder = media_folder(tmp_path)

    def message(*parts: object) -> dict[str, object]:
        return {"role": "user", "content": list(parts)}

    address = {"type": "image_url", "image_url": {"url": "b.jpg"}}
    inline = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    plain = {"type": "image", "image": "media/a.wav"}
    text = {"type": "text", "text": "b.jpg"}
    rows: list[dict[str, object]] = [
        {"messages": [message(text, address, inline), {"role": "assistant", "content": "b.jpg"}, message(plain)]},
        {"messages": [message(address)], "images": ["media/a.wav"]},  # the column counts, as the markers do not say more
        {"messages": [message({"type": "image_url", "image_url": {"url": "http://example.org/a.png"}})]},
        {"video": "b.jpg", "pdf": "b.jpg", "deck": "b.jpg"},
    ]
    write_jsonl(folder / "m.jsonl", rows)
    found = read_all(JsonlManifest(str(folder), "m.jsonl"))
    assert [item.blobs if isinstance(item, Row) else item.reason for item in found] == [
        {"image": b"picture", "image.1": b"sound"},
        {"image": b"sound"},
        "missing_file",  # never fetched
        {"video": b"picture", "pdf": b"picture", "deck": b"picture"},
    ]


def test_videos_named_in_messages_or_in_a_list_are_read(tmp_path: Path) -> None:
    folder = media_folder(tmp_path)
    parts = [{"type": "video", "video": "b.jpg"}, {"type": "video_url", "video_url": {"url": "media/a.wav"}}]
    rows: list[dict[str, object]] = [
        {"messages": [{"role": "user", "content": parts}]},
        {"messages": [{"role": "user", "content": "<video>What happens?"}], "videos": ["media/a.wav"]},
        {"messages": [{"role": "user", "content": parts}], "video": "media/a.wav"},  # the field counts
    ]
    write_jsonl(folder / "m.jsonl", rows)
    assert [item.blobs for item in read_all(JsonlManifest(str(folder), "m.jsonl")) if isinstance(item, Row)] == [
        {"video": b"picture", "video.1": b"sound"},
        {"video": b"sound"},
        {"video": b"sound"},
    ]


def test_media_may_lie_in_another_root(tmp_path: Path) -> None:
    folder = media_folder(tmp_path)
    write_jsonl(tmp_path / "lists" / "m.jsonl", [{"audio": "a.wav"}, {"audio": "../b.jpg"}])
    for place in (str(folder / "media"), "../root/media"):
        assert summary(JsonlManifest(str(tmp_path / "lists"), media_root=place)) == ["row", "outside_root"]


def test_another_file_system(tmp_path: Path) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe({"/jsonl/m.jsonl": b'{"image": "sub/a.jpg"}\n{"image": "none.jpg"}\n{"image": "../x.jpg"}\n{"image": "sub"}\n'})
    memory.pipe({"/jsonl/sub/a.jpg": b"picture", "/x.jpg": b"secret"})
    source = JsonlManifest("memory://jsonl", rows_per_split=1)
    assert summary(source) == ["row", "missing_file", "outside_root", "not_a_file"]
    assert read_all(source)[0].blobs == {"image": b"picture"}  # type: ignore[union-attr]
    assert summary(JsonlManifest("memory://jsonl", max_file_bytes=6))[0] == "file_too_large"
    (tmp_path / "m.jsonl").write_bytes(memory.cat_file("/jsonl/m.jsonl"))
    local = JsonlManifest(str(tmp_path), rows_per_split=1)
    assert [split.id for split in local.splits()] == [split.id for split in source.splits()]


def test_a_manifest_that_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jsonl")
    assert summary(JsonlManifest(str(tmp_path))) == ["unreadable_file"]


@pytest.mark.parametrize("name", ["rows_per_split", "bytes_per_split", "max_line_bytes"])
def test_bounds_are_checked(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is 0, expected a whole number of at least 1"):
        JsonlManifest(str(tmp_path), **{name: 0})  # type: ignore[arg-type]
