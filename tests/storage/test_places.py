"""Names of places: a URL and a local path answer alike, and what cannot be used is refused with the reason."""

from __future__ import annotations

import pickle
from pathlib import Path, PurePosixPath

import pytest

from pipelines.source import open_source
from pipelines.source.files import Files
from schemas.store import PlaceError, is_remote, is_url, place_of


def test_a_text_without_a_scheme_is_a_local_path() -> None:
    assert [place_of("corpora/asr"), place_of("file:///data/a"), place_of(Path("x"))] == [Path("corpora/asr"), Path("/data/a"), Path("x")]
    assert not is_remote(place_of("corpora"))


def test_a_path_with_a_url_in_it_is_a_path(tmp_path: Path) -> None:
    folder = tmp_path / "http://127.0.0.1:9" / "x"
    folder.mkdir(parents=True)
    (folder / "rows.jsonl").write_text("{}\n")
    assert not is_url(str(folder))
    assert Files(str(folder)).walk() == ["rows.jsonl"]
    assert open_source(f"{folder}/rows.jsonl").splits()
    with pytest.raises(FileNotFoundError):
        open_source(f"{folder}/others.jsonl")


def test_names_of_a_store_are_those_of_a_path() -> None:
    remote, local = place_of("s3://bucket/out//corpus.v1/"), Path("/bucket/out/corpus.v1")
    assert (str(remote), is_remote(remote)) == ("s3://bucket/out/corpus.v1", True)
    for name in ("name", "stem", "suffix", "suffixes"):
        assert getattr(remote, name) == getattr(local, name)
    assert str(remote.parent / ".toy.lock") == "s3://bucket/out/.toy.lock"
    assert str(remote.with_name("other")) == "s3://bucket/out/other"
    assert str(remote.with_suffix(".v2")) == "s3://bucket/out/corpus.v2"
    assert (remote / "shards" / "a.arrow").relative_to(remote) == PurePosixPath("shards/a.arrow")
    assert str(remote.joinpath("a", PurePosixPath("b/./c"))) == "s3://bucket/out/corpus.v1/a/b/c"
    assert [str(above) for above in remote.parents] == ["s3://bucket/out", "s3://bucket"]
    assert remote.parents[-1].parent == remote.parents[-1]
    with pytest.raises(ValueError, match="s3://bucket/out is not below s3://bucket/out/corpus"):
        remote.parent.relative_to(remote)


def test_places_compare_sort_hash_and_pickle() -> None:
    names = ["s3://b/x/b", "s3://b/x-1/a", "s3://b/x/a"]
    places = [place_of(name) for name in names]
    assert [str(place) for place in sorted(places)] == ["s3://b/x/a", "s3://b/x/b", "s3://b/x-1/a"]  # by folder, as paths
    assert pickle.loads(pickle.dumps(places)) == places
    assert len({*places, *map(place_of, names)}) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("s3://key:secret@bucket/x", "the URL s3://bucket/x carries a user, password or token"),
        ("s3://bucket/x?X-Amz-Signature=abcdef", "the URL s3://bucket/x carries a user, password or token"),
        ("s3://bucket/x?token=abcdef", "give credentials by the environment"),
        ("s3:/bucket/x", "expected two slashes, as in s3://bucket/folder"),
        ("s4://bucket/x", "s4:// in 's4://bucket/x' is no store that is known here"),
        ("s3://", "'s3://' names no place in a store"),
        ("s3://bucket/../x", "without '..'"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_with_the_reason(text: str, message: str) -> None:
    with pytest.raises(PlaceError) as refused:
        place_of(text)
    assert message in str(refused.value)
    assert "secret@" not in str(refused.value) and "abcdef" not in str(refused.value)


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/passwd"])
def test_no_name_leads_out_of_a_place(name: str) -> None:
    with pytest.raises(PlaceError, match="leads out of s3://bucket/corpus"):
        place_of("s3://bucket/corpus") / name


def test_a_place_is_not_opened_to_write() -> None:
    with pytest.raises(PlaceError, match="an object is sent whole"):
        place_of("s3://bucket/x").open("wb")
    with pytest.raises(TypeError):
        open(place_of("s3://bucket/x"), "rb")  # noqa: SIM115  # no file of the machine
