"""What is written reads back, whole or not at all, in a folder and in a store alike."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from schemas.retry import StoreError
from schemas.scratch import scratch_folder
from schemas.sending import PART_BYTES, end_uploads, unfinished_uploads
from schemas.shard import (
    CommitConflict,
    TableWriter,
    file_sha256,
    link_file,
    move_file,
    remove_durably,
    remove_files,
    write_if_absent,
    write_replacing,
    write_whole,
)
from schemas.store import fetched, is_remote, kept_copy, list_files, list_names, place_of, read_many
from tests.s3 import Proxy, S3Server

SCHEMA = pa.schema([("n", pa.int64())])


def test_bytes_are_replaced_created_once_and_removed(place: Path) -> None:
    file = place / "a" / "b.json"
    write_replacing(file, b"one")
    write_replacing(file, b"two")
    assert file.read_bytes() == b"two"
    other = place / "a" / "c.json"
    assert [write_if_absent(other, b"x"), write_if_absent(other, b"x")] == [True, False]
    with pytest.raises(CommitConflict, match="exists with other bytes"):
        write_if_absent(other, b"y")
    assert other.read_text() == "x"
    remove_durably(other)
    remove_durably(other)
    assert list_names(place) == ["a/b.json"]
    with pytest.raises(FileNotFoundError):
        other.read_bytes()
    with pytest.raises(FileNotFoundError):
        other.unlink()
    remove_files([file, other])
    assert list_files(place) == []


def test_of_many_that_create_one_file_one_wins(place: Path) -> None:
    won, lost = [], []

    def create(number: int) -> None:
        try:
            assert write_if_absent(place / "entry.json", b"%d" % number)
            won.append(number)
        except CommitConflict:
            lost.append(number)

    threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(lost)) == (1, 7)
    assert (place / "entry.json").read_bytes() == b"%d" % won[0]


def test_a_file_gets_other_names(place: Path) -> None:
    write_replacing(place / "a", b"old")
    link_file(place / "a", place / "aside" / "a")
    link_file(place / "a", place / "aside" / "a")
    write_replacing(place / "a", b"new")
    assert (place / "aside" / "a").read_bytes() == b"old"
    move_file(place / "a", place / "aside" / "a")
    assert {name: (place / name).read_bytes() for name in list_names(place)} == {"aside/a": b"new"}


def test_a_table_has_its_name_when_it_is_published_and_not_before(place: Path) -> None:
    with TableWriter(place, "shards/a.arrow", SCHEMA) as writer:
        writer.write_batch(pa.record_batch([[1, 2]], SCHEMA))
    assert not (place / "shards" / "a.arrow").exists()
    entry = writer.publish()
    assert (entry.num_bytes, entry.sha256) == ((place / entry.name).stat().st_size, file_sha256(place / entry.name))
    with pytest.raises(ValueError, match="planted"), TableWriter(place, "shards/b.arrow", SCHEMA):
        raise ValueError("planted")
    with pytest.raises(ValueError, match="planted"), write_whole(place / "shards" / "c") as sink:
        sink.write(b"a part")
        raise ValueError("planted")
    with TableWriter(place, "shards/d.arrow", SCHEMA) as writer:
        pass
    writer.discard()
    assert list_names(place) == ["shards/a.arrow"]
    assert [file.name for file in scratch_folder().iterdir()] == ["owner.lock"]


def test_a_file_is_replaced_whole_unless_its_owner_is_gone(place: Path) -> None:
    with write_whole(place / "shards" / "a.arrow") as sink:
        sink.write(b"of an earlier owner")

    def forbid() -> None:
        raise PermissionError("planted")

    def written(before: tuple[Callable[[], None], ...]) -> None:
        with TableWriter(place, "shards/a.arrow", SCHEMA) as writer:
            pass
        writer.publish(*before)

    if is_remote(place):
        with pytest.raises(PermissionError, match="planted"):
            written((forbid,))
        assert (place / "shards" / "a.arrow").read_bytes() == b"of an earlier owner"
    written(())
    written((forbid,) if is_remote(place) else ())  # the same bytes are not replaced
    assert list_names(place) == ["shards/a.arrow"] and (place / "shards" / "a.arrow").stat().st_size > 100


def test_listings_show_what_is_there_now(place: Path) -> None:
    for name in ("x.json", "b/y.json", "b/c/z.json", "b/[q]*.json"):
        assert name not in list_names(place)
        write_replacing(place / name, b"{}")
    assert list_names(place) == ["b/[q]*.json", "b/c/z.json", "b/y.json", "x.json"]
    assert sorted(file.name for file in place.glob("*.json")) == ["x.json"]
    assert sorted(file.name for file in place.iterdir()) == ["b", "x.json"]
    assert sorted(file.name for file in place.rglob("*.json")) == ["[q]*.json", "x.json", "y.json", "z.json"]
    assert sorted(str(file.relative_to(place)) for file in place.glob("b/*.json")) == ["b/[q]*.json", "b/y.json"]
    assert [str(file.relative_to(place)) for file in place.glob("*/c/*.json")] == ["b/c/z.json"]
    assert [str(file.relative_to(place)) for file in place.glob("b/**/z.json")] == ["b/c/z.json"]
    assert list((place / "absent").glob("*")) == []
    assert [place.is_dir(), place.is_file(), (place / "x.json").is_file(), (place / "x.json").is_dir()] == [True, False, True, False]
    assert not (place / "x").exists() and not (place / "b/y.jso").exists()  # a prefix of a name is nothing
    with pytest.raises(FileNotFoundError):
        list((place / "absent").iterdir())


def test_small_files_are_read_in_their_order(place: Path) -> None:
    files = [place / f"{number % 7}" / f"{number:02}" for number in range(40)]
    for file in files:
        write_replacing(file, file.name.encode())
    assert list(read_many(files[::-1])) == [file.name.encode() for file in files[::-1]]
    with pytest.raises(FileNotFoundError):
        list(read_many([*files, place / "absent"]))


def test_a_fetched_file_stays_mapped_and_leaves_nothing(place: Path) -> None:
    write_replacing(place / "a.bin", b"content")
    with fetched(place / "a.bin") as local:
        assert is_remote(place) == (local != place / "a.bin")
        mapped = pa.memory_map(str(local))
    assert mapped.read() == b"content"
    assert [file.name for file in scratch_folder().iterdir()] == ["owner.lock"]
    with pytest.raises(FileNotFoundError), fetched(place / "absent") as local:
        local.read_bytes()


def test_a_kept_copy_is_fetched_once_and_again_when_its_object_changes(s3: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    file = place_of(s3) / "index"
    write_replacing(file, b"one")
    first = kept_copy(file)
    gets = sum(request.startswith("GET") for request in proxy.requests)
    assert (kept_copy(file), first.read_bytes()) == (first, b"one")
    assert sum(request.startswith("GET") for request in proxy.requests) == gets
    write_replacing(file, b"two")
    assert kept_copy(file).read_bytes() == b"two"
    monkeypatch.setattr("schemas.store.MAX_KEPT_BYTES", 4)
    write_replacing(place_of(s3) / "other", b"three")
    assert kept_copy(place_of(s3) / "other").read_bytes() == b"three"
    assert not first.exists()
    kept_copy(place_of(s3) / "other").unlink()


def test_an_answer_that_was_lost_is_no_conflict(s3: str, proxy: Proxy) -> None:
    file = place_of(s3) / "entry.json"
    proxy.planted = ["cut_answer", "cut_answer"]
    assert not write_if_absent(file, b"mine")  # it is there; whose it was, only the bytes tell
    assert proxy.requests[:3] == [f"PUT /{file.path}"] * 3  # type: ignore[attr-defined]
    assert file.read_bytes() == b"mine"
    with pytest.raises(CommitConflict):
        write_if_absent(file, b"not mine")


def test_a_large_file_goes_up_in_parts_and_what_is_not_ended_is_ended(s3: str, s3_server: S3Server, proxy: Proxy) -> None:
    corpus = place_of(s3) / "toy"
    data = os.urandom(2 * PART_BYTES + 5)
    with write_whole(corpus / "shards" / "big.arrow") as sink:
        sink.write(data)
    assert sum("partNumber=" in request for request in proxy.requests) == 3
    assert file_sha256(corpus / "shards" / "big.arrow") == sink.sha256.hexdigest()
    path = f"/{corpus.path}/shards/never.arrow"  # type: ignore[attr-defined]
    assert s3_server.ask("POST", f"{path}?uploads")[0] == 200
    assert s3_server.ask("POST", f"/{corpus.path}2/x?uploads")[0] == 200  # type: ignore[attr-defined]  # another corpus's
    assert [key for key, _ in unfinished_uploads(corpus)] == ["corpora/toy/shards/never.arrow"]
    assert end_uploads(corpus) == ["corpora/toy/shards/never.arrow"]
    assert (unfinished_uploads(corpus), len(unfinished_uploads(corpus.parent))) == ([], 1)


def test_a_store_that_is_down_is_not_an_empty_one(s3: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("schemas.retry.NUM_TRIES", 2)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    proxy.rate, proxy.faults = 1.0, ("error",)
    place = place_of(s3)
    for ask in (
        place.is_file,
        place.exists,
        place.is_dir,
        lambda: list_names(place),
        lambda: list(place.glob("*")),
        (place / "x").read_bytes,
    ):
        with pytest.raises(StoreError, match="the store did not answer well after 2 tries in"):
            ask()


REFUSALS = [
    (403, "AccessDenied", "the store forbids it to the credentials of the environment"),
    (403, "InvalidAccessKeyId", "the store does not accept the credentials of the environment; renew them"),
    (404, "NoSuchBucket", "the bucket does not exist; create it"),
    (507, "InsufficientStorage", "the store is full, or its quota is used up"),
    (301, "PermanentRedirect", "the bucket lies in another region than the one asked; set AWS_DEFAULT_REGION"),
    (418, "Strange", "the store refused it"),
]


@pytest.mark.parametrize(("status", "code", "message"), REFUSALS, ids=[code for _, code, _ in REFUSALS])
def test_what_a_store_refuses_for_good_is_told_in_one_sentence(status: int, code: str, message: str, s3: str, proxy: Proxy) -> None:
    proxy.refuse = lambda method, path: (status, code) if method == "PUT" else None
    for write in (write_replacing, write_if_absent):
        with pytest.raises(StoreError) as told:
            write(place_of(s3) / "x", b"data")
        assert str(told.value).startswith(f"writing {s3}/x: {message}") and "\n" not in str(told.value)
    assert sum(request.startswith("PUT") for request in proxy.requests) <= (
        4 if status == 301 else 2
    )  # not tried again; a redirect is looked into


def test_a_missing_bucket_reads_as_nothing_and_cannot_be_written(s3: str) -> None:
    absent = place_of("s3://no-such-bucket-here/x")
    assert not absent.exists()
    with pytest.raises(FileNotFoundError, match="listing s3://no-such-bucket-here/x: the bucket does not exist; create it"):
        list_names(absent)
    with pytest.raises(StoreError, match="writing s3://no-such-bucket-here/x/y: the bucket does not exist"):
        write_replacing(absent / "y", b"")


def test_a_fork_has_connections_and_space_of_its_own(s3: str) -> None:
    file = place_of(s3) / "x"
    write_replacing(file, b"parent")
    mine = scratch_folder()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            write_replacing(place_of(s3) / "y", file.read_bytes() + str(scratch_folder() != mine).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert (place_of(s3) / "y").read_bytes() == b"parentTrue"
    assert mine.is_dir() and file.read_bytes() == b"parent"


def test_space_of_a_dead_process_is_given_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORPUSMILL_SCRATCH", str(tmp_path))
    child = os.fork()
    if child == 0:
        (scratch_folder() / "left").write_bytes(b"x")
        os._exit(0)
    os.waitpid(child, 0)
    assert [file.name for file in tmp_path.glob("*/left")] == ["left"]
    mine = scratch_folder()
    assert list(tmp_path.iterdir()) == [mine]
