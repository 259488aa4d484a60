"""Source trees: every file is a row or a reject that says the truth, and each row knows the licences nearest to it."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from pipelines.source import open_source, trees
from pipelines.source.trees import Tree
from schemas.outcome import Reject
from schemas.records import Row

MIT = "Permission is hereby granted, free of charge, to any person obtaining a copy ... and this permission notice"
FILES: dict[str, bytes] = {
    "one/LICENSE": MIT.encode(),
    "one/a.py": b"x = 1\n",
    "one/deep/er/b.py": b"y = 2\n",
    "one/other/COPYING": b"Other terms.",
    "one/other/c.py": b"z = 3\n",
    "one/.github/run.sh": b"echo\n",
    "two/Cargo.toml": b'[package]\nlicense = "MIT OR Apache-2.0"\n',
    "two/src/main.rs": b"fn main() {}\n",
    "two/NOTICE": b"Thanks.",
    "three/NOTICE": b"Notice only.",
    "three/d.go": b"package d\n",
    "loose.py": b"pass\n",
}


def write(root: Path, files: dict[str, bytes]) -> Path:
    for path, data in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    return root


def read(source: Tree) -> tuple[dict[str, Row], dict[str, Reject]]:
    """Rows by repository and path, rejects by place; each place once."""
    rows, rejects, keys = {}, {}, []
    for split in source.splits():
        for found in source.read(split):
            keys.append(found.key)
            if isinstance(found, Reject):
                assert found.origin is not None
                assert found.reason in {reason.name for reason in source.reasons}
                rejects[f"{found.origin.source} {found.origin.locator}"] = found
            else:
                rows[f"{found.fields['repo']}:{found.fields['path']}"] = found
    assert Counter(keys).most_common(1)[0][1] == 1
    assert len(keys) == len(rows) + len(rejects)
    return rows, rejects


def test_every_file_is_a_row_with_its_repository(tmp_path: Path) -> None:
    rows, rejects = read(open_source(str(write(tmp_path / "trees", FILES)), "tree"))
    assert not rejects
    expected = {f"{path.partition('/')[0]}:{path.partition('/')[2]}" for path in FILES if "/" in path} | {"trees:loose.py"}
    assert set(rows) == expected
    for name, row in rows.items():
        path = "loose.py" if name == "trees:loose.py" else name.replace(":", "/", 1)
        assert row.blobs["text"] == FILES[path]
        assert row.origin.source == path


def test_the_nearest_licence_is_told(tmp_path: Path) -> None:
    rows, _ = read(open_source(str(write(tmp_path, FILES)), "tree"))
    assert rows["one:deep/er/b.py"].fields["licence_texts"] == [["LICENSE", MIT]]
    assert rows["one:other/c.py"].fields["licence_texts"] == [["COPYING", "Other terms."]]
    assert "licence_texts" not in rows["two:src/main.rs"].fields  # a notice does not stand against what the package says
    assert rows["two:src/main.rs"].fields["package_licence"] == "MIT OR Apache-2.0"
    assert rows["three:d.go"].fields["licence_texts"] == [["NOTICE", "Notice only."]]
    assert not {"licence_texts", "package_licence"} & set(rows[f"{tmp_path.name}:loose.py"].fields)


def test_a_licence_above_the_repository_does_not_count_and_depth_says_where_that_is(tmp_path: Path) -> None:
    write(tmp_path, {"LICENSE": MIT.encode(), "owner/name/src/a.py": b"x = 1\n", "owner/LICENSE": b"Owner's."})
    assert "licence_texts" not in read(open_source(str(tmp_path), "tree", depth=2))[0]["owner/name:src/a.py"].fields
    assert read(open_source(str(tmp_path), "tree", depth=1))[0]["owner:name/src/a.py"].fields["licence_texts"] == [["LICENSE", "Owner's."]]
    root = read(open_source(str(tmp_path / "owner" / "name"), "tree", depth=0))[0]
    assert set(root) == {"name:src/a.py"}
    with pytest.raises(ValueError, match="depth is 9, expected 0"):
        open_source(str(tmp_path), "tree", depth=9)


def test_what_is_no_file_of_the_tree_is_refused(tmp_path: Path) -> None:
    root = write(tmp_path / "trees", {"r/a.py": b"x = 1\n", "r/.git/config": b"[core]", "r/.git/objects/1": b"1", "r/big.py": b"x" * 101})
    (tmp_path / "away.py").write_text("secret = 1\n")
    (root / "r" / "link.py").symlink_to("a.py")
    (root / "r" / "away.py").symlink_to(tmp_path / "away.py")
    (root / "r" / "loop").symlink_to(".", target_is_directory=True)
    (root / "r" / "gone.py").symlink_to("nowhere.py")
    os.mkfifo(root / "r" / "pipe.py")
    rows, rejects = read(open_source(str(root), "tree", max_file_bytes=100))
    assert set(rows) == {"r:a.py"}
    assert {place.partition(" ")[0]: reject.reason for place, reject in rejects.items()} == {
        "r/.git": "version_control",
        "r/big.py": "file_too_large",
        "r/link.py": "link_in_tree",
        "r/away.py": "outside_root",
        "r/loop": "link_in_tree",
        "r/gone.py": "link_in_tree",
        "r/pipe.py": "not_a_file",
    }
    assert "'r/big.py' has 101 bytes, at most 100" in rejects["r/big.py the file"].detail


def test_names_that_are_no_utf8_are_read(tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    with open(os.fsencode(tmp_path / "r") + b"/caf\xe9.py", "wb") as handle:
        handle.write(b"x = 1\n")
    rows, rejects = read(open_source(str(tmp_path), "tree"))
    assert set(rows) == {"r:caf\\xe9.py"} and not rejects


def test_splits_follow_the_content(tmp_path: Path) -> None:
    write(tmp_path, FILES)
    source = Tree(str(tmp_path), rows_per_split=4)
    first = source.splits()
    assert [split.num_rows for split in first] == [4, 4, 4]
    assert Tree(str(tmp_path), rows_per_split=4).splits() == first
    (tmp_path / "one/LICENSE").write_text("Changed.")
    changed = [a.id != b.id for a, b in zip(first, source.splits(), strict=True)]
    assert changed == [True, True, False]  # its own split, and that of a file below it
    rows = [found for split in source.splits() for found in source.read(split)]
    assert len(rows) == len(FILES)


def test_rows_do_not_depend_on_how_splits_are_cut(tmp_path: Path) -> None:
    write(tmp_path, FILES)
    whole, parts = Tree(str(tmp_path)), Tree(str(tmp_path), rows_per_split=3)
    keys = [[row.key for split in source.splits() for row in source.read(split)] for source in (whole, parts)]
    assert keys[0] == keys[1]


def test_a_tree_that_changed_since_it_was_listed_stops_the_build(tmp_path: Path) -> None:
    write(tmp_path, {"r/a.py": b"x = 1\n"})
    source = Tree(str(tmp_path))
    splits = source.splits()
    write(tmp_path, {"r/0.py": b"y = 2\n"})
    (tmp_path / "r" / "a.py").unlink()
    trees._listing.cache_clear()  # as in another process
    with pytest.raises(ValueError, match="other files are there than when it was listed"):
        list(source.read(splits[0]))


# ---- archives

MEMBERS = {"r-1/a.py": b"x = 1\n", "r-1/deep/b.py": b"y = 2\n", "r-1/LICENSE": MIT.encode(), "r-1/package.json": b'{"license": "ISC"}'}


def make_tar(path: Path, members: dict[str, bytes], mode: str = "w:gz") -> None:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, data in members.items():
            told = tarfile.TarInfo(name)
            told.size = len(data)
            archive.addfile(told, io.BytesIO(data))


def make_zip(path: Path, members: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


@pytest.mark.parametrize("name", ["r.tar.gz", "r.tgz", "r.tar", "r.zip"])
def test_an_archive_is_a_repository_whose_licence_may_stand_last(tmp_path: Path, name: str) -> None:
    make = make_zip if name.endswith(".zip") else lambda path, members: make_tar(path, members, "w" if name.endswith(".tar") else "w:gz")
    make(tmp_path / name, MEMBERS)
    for source in (
        open_source(str(tmp_path), "tree"),
        open_source(str(tmp_path / name), "tree"),
        open_source(str(tmp_path / "*r.*"), "tree"),
    ):
        rows, rejects = read(source)
        assert not rejects and {place.partition(":")[2] for place in rows} == set(MEMBERS)
        row = rows["r:r-1/deep/b.py"]
        assert row.fields["licence_texts"] == [["LICENSE", MIT]] and row.fields["package_licence"] == "ISC"
        assert row.blobs["text"] == b"y = 2\n"


def test_an_archive_deeper_in_a_tree_is_a_file(tmp_path: Path) -> None:
    write(tmp_path, {"r/a.py": b"x = 1\n"})
    make_zip(tmp_path / "r" / "data.zip", MEMBERS)
    rows, _ = read(open_source(str(tmp_path), "tree"))
    assert set(rows) == {"r:a.py", "r:data.zip"}


def test_members_that_are_no_plain_files_are_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "r.tar", "w") as archive:
        for name, kind, data in (
            ("a.py", tarfile.REGTYPE, b"x = 1\n"),
            ("../b.py", tarfile.REGTYPE, b"x"),
            ("/c.py", tarfile.REGTYPE, b"x"),
            ("d.py", tarfile.SYMTYPE, b""),
            ("e.py", tarfile.LNKTYPE, b""),
            ("f", tarfile.FIFOTYPE, b""),
            ("g.py", tarfile.REGTYPE, b"x" * 101),
            ("folder", tarfile.DIRTYPE, b""),
            ("a.py", tarfile.REGTYPE, b"again\n"),
        ):
            told = tarfile.TarInfo(name)
            told.type, told.size, told.linkname = kind, len(data), "a.py"
            archive.addfile(told, io.BytesIO(data))
    rows, rejects = read(open_source(str(tmp_path), "tree", max_file_bytes=100))
    assert set(rows) == {"r:a.py"} and rows["r:a.py"].blobs["text"] == b"x = 1\n"
    assert [(place.partition(" ")[2], reject.reason) for place, reject in rejects.items()] == [
        ("member ../b.py", "unsafe_member"),
        ("member /c.py", "unsafe_member"),
        ("member d.py", "link_member"),
        ("member e.py", "link_member"),
        ("member f", "special_member"),
        ("member g.py", "file_too_large"),
        ("member a.py, again", "unsafe_member"),
    ]


def test_a_damaged_tar_gives_what_is_before_the_damage(tmp_path: Path) -> None:
    make_tar(tmp_path / "whole.tar", MEMBERS, "w")
    data = (tmp_path / "whole.tar").read_bytes()
    (tmp_path / "whole.tar").unlink()
    (tmp_path / "cut.tar").write_bytes(data[:1_500])
    rows, rejects = read(open_source(str(tmp_path), "tree"))
    assert set(rows) == {"cut:r-1/a.py"}
    assert [reject.reason for reject in rejects.values()] == ["truncated_archive"]


@pytest.mark.parametrize("length", range(1, 12))
def test_a_tar_that_ends_in_its_first_bytes_is_refused(tmp_path: Path, length: int) -> None:
    make_tar(tmp_path / "whole.tar.gz", MEMBERS)
    (tmp_path / "cut.tar.gz").write_bytes((tmp_path / "whole.tar.gz").read_bytes()[:length])
    (tmp_path / "whole.tar.gz").unlink()
    rows, rejects = read(open_source(str(tmp_path), "tree"))
    assert (rows, [reject.reason for reject in rejects.values()]) == ({}, ["truncated_archive"])


def test_a_zip_without_its_beginning_gives_what_is_left(tmp_path: Path) -> None:
    make_zip(tmp_path / "r.zip", MEMBERS)
    (tmp_path / "r.zip").write_bytes((tmp_path / "r.zip").read_bytes()[4:])
    rows, rejects = read(open_source(str(tmp_path), "tree"))
    assert set(rows) == {f"r:{name}" for name in MEMBERS if name != "r-1/a.py"}
    assert {place: reject.reason for place, reject in rejects.items()} == {"r.zip member r-1/a.py": "truncated_archive"}


def test_a_zip_member_without_a_name_is_refused(tmp_path: Path) -> None:
    make_zip(tmp_path / "r.zip", MEMBERS)
    data = bytearray((tmp_path / "r.zip").read_bytes())
    at = data.index(b"PK\x01\x02")  # the first entry of the directory, whose name becomes a remark behind no name
    size = int.from_bytes(data[at + 28 : at + 30], "little")
    data[at + 28 : at + 30], data[at + 32 : at + 34] = bytes(2), size.to_bytes(2, "little")
    (tmp_path / "r.zip").write_bytes(bytes(data))
    rows, rejects = read(open_source(str(tmp_path), "tree"))
    assert set(rows) == {f"r:{name}" for name in MEMBERS if name != "r-1/a.py"}
    assert [(reject.reason, reject.detail) for reject in rejects.values()] == [("truncated_archive", "a member without a name")]


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "r.zip").write_bytes(b"no zip at all")
    (tmp_path / "s.tar").write_bytes(b"")
    rows, rejects = read(open_source(str(tmp_path), "tree"))
    assert not rows
    assert {place: reject.reason for place, reject in rejects.items()} == {
        "r.zip byte 0": "truncated_archive",
        "s.tar byte 0": "truncated_archive",
    }


def test_zip_members_are_bounded_by_what_they_hold(tmp_path: Path) -> None:
    make_zip(tmp_path / "r.zip", {"bomb.py": b"0" * 1_000_000, "a.py": b"x = 1\n"})
    rows, rejects = read(open_source(str(tmp_path), "tree", max_file_bytes=1_000))
    assert set(rows) == {"r:a.py"}
    assert rejects["r.zip member bomb.py"].reason == "file_too_large"
    data = bytearray((tmp_path / "r.zip").read_bytes())
    at = data.index(b"PK\x01\x02") + 24  # the announced size in the directory
    data[at : at + 4] = (10).to_bytes(4, "little")
    (tmp_path / "r.zip").write_bytes(bytes(data))
    rows, rejects = read(open_source(str(tmp_path), "tree", max_file_bytes=1_000))
    assert set(rows) == {"r:a.py"} and rejects["r.zip member bomb.py"].reason in ("file_too_large", "truncated_archive")


def test_zip_links_and_encrypted_members_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "r.zip", "w") as archive:
        link = zipfile.ZipInfo("link.py")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "a.py")
        archive.writestr("secret.py", "x = 1\n")
    data = bytearray((tmp_path / "r.zip").read_bytes())
    second = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 4)
    data[second + 8] |= 1
    (tmp_path / "r.zip").write_bytes(bytes(data))
    rows, rejects = read(open_source(str(tmp_path), "tree"))
    assert not rows
    assert {place: reject.reason for place, reject in rejects.items()} == {
        "r.zip member link.py": "link_member",
        "r.zip member secret.py": "encrypted_member",
    }


def test_options_are_checked(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="rows_per_split is 0"):
        Tree(str(tmp_path), rows_per_split=0)
    (tmp_path / "a.py").write_text("x = 1\n")
    with pytest.raises(ValueError, match=r"format tree reads a folder, or archives .*, not 'a.py'"):
        open_source(str(tmp_path / "a.py"), "tree").splits()
