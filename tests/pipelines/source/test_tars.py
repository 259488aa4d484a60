"""WebDataset tars: rows as they were written, and archives that lie, lead out, or end early."""

from __future__ import annotations

import gzip
import tarfile
from pathlib import Path

import pytest

from pipelines.source import WebDatasetTar
from schemas.outcome import Reject
from schemas.records import Row
from tests.pipelines.source.reading import read_all, summary, tar

GOOD = [("a/0.jpg", b"picture"), ("a/0.txt", b" words "), ("a/0.json", b'{"n": 1}'), ("a/0.cls", b"7"), ("b.wav", b"sound")]


def source(folder: Path, data: bytes, name: str = "x.tar", **options: int) -> WebDatasetTar:
    (folder / name).write_bytes(data)
    return WebDatasetTar(str(folder), name, **options)  # type: ignore[arg-type]


def test_members_of_a_name_are_a_row(tmp_path: Path) -> None:
    for name, mode in (("x.tar", "w"), ("x.tar.gz", "w:gz")):
        first, second = read_all(source(tmp_path, tar(*GOOD, mode=mode), name))
        assert isinstance(first, Row)
        assert isinstance(second, Row)
        assert first.fields == {"__key__": "a/0", "text": "words", "n": 1, "label": 7}
        assert (first.blobs, second.blobs) == ({"image": b"picture"}, {"audio": b"sound"})
        assert first.origin.locator.startswith("member a/0.jpg at byte ")


def test_several_pictures_and_other_files_of_a_row(tmp_path: Path) -> None:
    members = [("a.left.jpg", b"1"), ("a.right.jpg", b"2"), ("a.npy", b"3"), ("a.npy", b"4")]
    rows = read_all(source(tmp_path, tar(*members)))
    assert [row.blobs for row in rows if isinstance(row, Row)] == [{"image": b"1", "image.1": b"2", "npy": b"3"}, {"npy": b"4"}]


def test_a_name_that_comes_again_later_is_another_row(tmp_path: Path) -> None:
    assert summary(source(tmp_path, tar(("a.txt", b"x"), ("b.txt", b"x"), ("a.txt", b"x")))) == ["row"] * 3


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        (("../out.jpg", b"x"), "unsafe_member"),
        (("a/../../out.jpg", b"x"), "unsafe_member"),
        (("/etc/passwd", b"x"), "unsafe_member"),
        (("a..b/c.jpg", b"x"), "row"),
        (("l.jpg", tarfile.SYMTYPE, "/etc/passwd"), "link_member"),
        (("l.jpg", tarfile.LNKTYPE, "0.txt"), "link_member"),
        (("p.jpg", tarfile.FIFOTYPE, ""), "special_member"),
        (("p.jpg", tarfile.CHRTYPE, ""), "special_member"),
        (("big.jpg", b"x" * 100), "row"),
        (("big.jpg", b"x" * 101), "member_too_large"),
        (("j.json", b"{"), "bad_json"),
        (("j.cls", b"seven"), "bad_json"),
        (("t.txt", b"\xff"), "not_utf8"),
        (("t\udcff.txt", b"x"), "row"),
    ],
)
def test_each_bad_member_has_its_reason(tmp_path: Path, member: tuple[object, ...], reason: str) -> None:
    data = tar(("0.txt", b"x"), member, ("1.txt", b"x"))
    assert summary(source(tmp_path, data, max_member_bytes=100)) == ["row", reason, "row"]


def test_a_refused_member_refuses_its_row_once(tmp_path: Path) -> None:
    data = tar(("a.txt", b"x"), ("a.jpg", tarfile.SYMTYPE, "/etc/passwd"), ("a.json", b"{"), ("b.txt", b"x"))
    assert summary(source(tmp_path, data)) == ["link_member", "row"]


def test_a_row_of_many_members_is_bounded(tmp_path: Path) -> None:
    data = tar(("a.x", b"1" * 50), ("a.y", b"1" * 50), ("b.x", b"1"))
    assert summary(source(tmp_path, data, max_row_bytes=100)) == ["row", "row"]
    assert summary(source(tmp_path, data, max_row_bytes=99)) == ["member_too_large", "row"]


def test_an_archive_cut_anywhere_says_so(tmp_path: Path) -> None:
    """tarfile takes a cut between or inside later headers for the end: the rest would vanish without a word."""
    members = [(f"{number}.txt", b"x" * 700) for number in range(4)]
    data = tar(*members)
    end = 4 * (512 + 1024)
    for cut in range(0, end + 1, 128):
        items = read_all(source(tmp_path, data[:cut]))
        num_whole = max((cut - 512) // 1536, 0)  # a row is whole when the header of the next is
        rows = [f"member {number}.txt at byte {number * 1536}" for number in range(num_whole)]
        assert [item.origin.locator for item in items[:-1] if item.origin] == rows
        assert isinstance(items[-1], Reject)
        assert items[-1].reason == "truncated_archive"
    assert summary(source(tmp_path, data[: end + 512])) == ["row"] * 4


def test_damage_in_a_later_header_says_so(tmp_path: Path) -> None:
    data = bytearray(tar(*[(f"{number}.txt", b"x" * 700) for number in range(4)]))
    data[2 * 1536 + 150] ^= 0x55
    assert summary(source(tmp_path, bytes(data))) == ["row", "truncated_archive"]


def test_data_after_the_end_says_so(tmp_path: Path) -> None:
    data = tar(("a.txt", b"x"))
    assert summary(source(tmp_path, data + data)) == ["truncated_archive"]
    assert summary(source(tmp_path, data + bytes(20_000))) == ["row"]


def test_a_cut_compressed_archive(tmp_path: Path) -> None:
    data = gzip.compress(tar(*[(f"{number}.bin", bytes(range(256)) * 40) for number in range(500)]), 0)
    found = summary(source(tmp_path, data[: len(data) // 2], "x.tar.gz"))
    assert found[-1] == "truncated_archive"
    assert set(found[:-1]) == {"row"}
    assert 200 < len(found) < 260


def test_a_header_that_announces_a_huge_header_is_not_believed(tmp_path: Path) -> None:
    huge = tarfile.TarInfo("x")
    huge.type, huge.size = tarfile.XHDTYPE, 5 << 30
    assert summary(source(tmp_path, huge.tobuf(tarfile.GNU_FORMAT) + bytes(10_240))) == ["truncated_archive"]


@pytest.mark.parametrize("data", [b"", b"no tar", bytes(10_240)])
def test_what_is_no_archive(tmp_path: Path, data: bytes) -> None:
    """Zeros alone are what a disk gives that lost the file; an archive that never had a row tells the same."""
    assert summary(source(tmp_path, data)) == ["truncated_archive"]


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, b"Z"])
@pytest.mark.parametrize("name", ["../x.bin", "x.bin"])
def test_a_member_of_an_absurd_size_ends_with_the_archive(tmp_path: Path, kind: bytes, name: str) -> None:
    """Passing over it, tarfile reads on behind the end of the file: for years."""
    member = tarfile.TarInfo(name)
    member.type, member.size = kind, 1 << 80
    data = tar(("a.bin", b"1")).rstrip(b"\0")
    data += bytes(-len(data) % 512) + member.tobuf(tarfile.GNU_FORMAT) + bytes(10_240)
    assert summary(source(tmp_path, data)) in (["row", "truncated_archive"], ["truncated_archive"])
