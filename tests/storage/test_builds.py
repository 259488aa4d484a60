"""A corpus in a store is the corpus on a disk, byte by byte, whatever breaks on the way."""

from __future__ import annotations

import errno
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines import buildfile
from pipelines.build import BuildError, Execution, build
from pipelines.buildfile import BuildFileError
from schemas import corpus as corpus_module
from schemas import lock
from schemas.check import check_files
from schemas.corpus import Corpus, LedgerEntry, content_of, sum_ledger
from schemas.retry import StoreError
from schemas.shard import write_if_absent, write_replacing
from schemas.store import list_names, place_of
from tests.s3 import Proxy, download
from tests.toy import toy_recipe

RECIPE = toy_recipe(20, broken=(3,))
HERE = Execution(workers=0)


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The corpus as a disk has it."""
    out = tmp_path_factory.mktemp("local")
    build(RECIPE, out, HERE)
    return download(out)


def in_a_fork(work: Callable[[], object], before: Callable[[int], None] = lambda pid: None) -> int:
    """Runs the work in a process of its own, which `before` knows first; gives its id. It exits with 0, or 3 for a BuildError."""
    reader, writer = os.pipe()
    child = os.fork()
    if child:
        before(child)
        os.write(writer, b"x")
        os.close(writer)
        os.close(reader)
        return child
    code = 1
    try:
        os.read(reader, 1)
        work()
        code = 0
    except BuildError:
        code = 3
    finally:
        os._exit(code)


def exit_code(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_corpus_in_a_store_is_that_of_a_disk(s3: str, local: dict[str, bytes]) -> None:
    out = place_of(s3)
    result = build(RECIPE, out, HERE)
    assert (result.num_built, result.totals["num_out"], str(result.path)) == (2, 10, f"{s3}/toy")
    assert download(out) == local
    corpus = Corpus(out / "toy")
    assert check_files(corpus) == []
    assert [record.key for record in corpus.records()] == [record.key for record in Corpus(out / "toy").records()]
    assert (len(list(corpus.records())), len(list(corpus.rejects())), corpus.totals()["licences"]) == (10, 10, {"CC0-1.0": 10})
    again = build(RECIPE, out, HERE)
    assert (again.num_built, again.num_resumed, download(out)) == (0, 2, local)
    write_replacing(out / "toy" / "shards" / "left.arrow", b"of a build that died")
    write_replacing(out / "toy" / "notes.txt", b"of a user")
    build(RECIPE, out, Execution(workers=0, rebuild=True))
    assert download(out) == local


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 12))])
def test_faults_of_the_store_change_nothing(seed: int, s3: str, proxy: Proxy, local: dict[str, bytes]) -> None:
    proxy.seed, proxy.rate, proxy.faults = seed, 0.15, ("error", "slow_down", "cut_request", "cut_answer")
    build(RECIPE, place_of(s3), HERE)
    assert len(proxy.injected) >= 2
    proxy.rate = 0.0
    assert download(place_of(s3)) == local


def is_write(method: str, path: str) -> bool:
    return method in ("PUT", "POST", "DELETE") and ".toy.lock" not in path


def kill_and_go_on(out: Path, proxy: Proxy, at: int) -> bool:
    """Kills a build at its n-th writing request, then builds again. False when it had fewer requests."""

    def arm(pid: int) -> None:
        proxy.kill_at, proxy.victim, proxy.num_counted = at, pid, 0

    proxy.is_counted = is_write
    code = exit_code(in_a_fork(lambda: build(RECIPE, out, HERE), arm))
    proxy.kill_at = 0
    assert code == (0 if proxy.num_counted < at else -signal.SIGKILL)
    build(RECIPE, out, HERE)
    return code != 0


@pytest.mark.parametrize("at", [3, 6, 9])  # the first split's rejects, the second's entry, a derived file
def test_a_build_that_is_killed_goes_on(at: int, s3: str, proxy: Proxy, local: dict[str, bytes]) -> None:
    assert kill_and_go_on(place_of(s3), proxy, at)
    assert download(place_of(s3)) == local


@pytest.mark.slow
def test_a_build_may_be_killed_before_any_request(s3: str, proxy: Proxy, local: dict[str, bytes]) -> None:
    at = 1
    while kill_and_go_on(place_of(f"{s3}/{at}"), proxy, at):
        assert download(place_of(f"{s3}/{at}")) == local, at
        at += 1
    assert at > 12


def test_a_second_builder_is_refused_and_hurts_nothing(place: Path, local: dict[str, bytes]) -> None:
    slow = toy_recipe(20, broken=(3,), sleep_s=0.3)
    child = in_a_fork(lambda: build(slow, place, HERE))
    while not list_names(place / "toy" / "ledger"):
        time.sleep(0.05)
    with pytest.raises(
        BuildError, match=rf"another build holds .*toy \(lock .*: host .*, process {child}, since 20.*\); wait for it or stop it"
    ):
        build(slow, place, HERE)
    assert exit_code(child) == 0
    assert {name: data for name, data in download(place).items() if "shards/" in name or "rejects/" in name} == {
        name: data for name, data in local.items() if "shards/" in name or "rejects/" in name
    }


def test_a_builder_that_was_replaced_can_commit_no_more(s3: str, local: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    out = place_of(s3)
    monkeypatch.setenv("CORPUSMILL_LEASE_S", "1")
    recipe = toy_recipe(20, sleep_s=0.1)

    def elsewhere() -> None:
        lock._machine = lambda: "another machine"  # so that only its silence tells that it is gone
        build(recipe, out, HERE)

    child = in_a_fork(elsewhere)
    while not list_names(out / "toy" / "ledger"):
        time.sleep(0.05)
    os.kill(child, signal.SIGSTOP)
    build(recipe, out, HERE)
    whole = download(out)
    os.kill(child, signal.SIGCONT)
    assert exit_code(child) == 3
    assert (download(out), check_files(Corpus(out / "toy"))) == (whole, [])


def test_a_split_that_a_late_worker_commits_is_made_again(place: Path, monkeypatch: pytest.MonkeyPatch, local: dict[str, bytes]) -> None:
    build(RECIPE, place, HERE)
    corpus = Corpus(place / "toy")
    entry = corpus.ledger()[0]
    file = corpus.path / "ledger" / f"{entry.split['id']}.json"
    file.unlink()  # its worker has sent its data, and not yet its entry
    remove = corpus_module.remove_files

    def late(paths: list[Path]) -> None:
        remove(paths)
        write_if_absent(file, entry.to_bytes())

    with monkeypatch.context() as patched:
        patched.setattr(corpus_module, "remove_files", late)
        whole = corpus.recover()
    assert whole == {str(entry.split["id"]) for entry in corpus.ledger()} == corpus.committed()
    assert len(whole) == 1
    assert not file.exists() and not (corpus.path / entry.shard.name).exists()


def test_orphans_are_what_no_entry_names(place: Path) -> None:
    build(RECIPE, place, HERE)
    corpus = Corpus(place / "toy")
    assert (corpus.orphans(), corpus.remove_orphans()) == ([], [])
    entry = corpus.ledger()[0]
    moved = LedgerEntry.from_bytes(entry.to_bytes().replace(entry.shard.name.encode(), b"shards/joined.arrow"))
    write_replacing(corpus.path / "shards" / "joined.arrow", (corpus.path / entry.shard.name).read_bytes())
    write_replacing(corpus.path / "ledger" / f"{entry.split['id']}.json", moved.to_bytes())
    for name in ("shards/lost.arrow", "rejects/lost.arrow", "ledger/lost.txt", ".tmp-1-corpus.json", "notes.txt"):
        write_replacing(corpus.path / name, b"x")
    removed = {file.relative_to(corpus.path).as_posix() for file in corpus.remove_orphans()}
    assert removed == {"shards/lost.arrow", "rejects/lost.arrow", "ledger/lost.txt", ".tmp-1-corpus.json"}
    assert (corpus.path / "shards" / "joined.arrow").is_file()
    assert {file.name for file in corpus.orphans()} == {"notes.txt", Path(entry.shard.name).name}


def test_the_sums_of_a_ledger_are_those_of_its_entries(place: Path) -> None:
    build(RECIPE, place, HERE)
    corpus = Corpus(place / "toy")
    entries = corpus.ledger()
    assert sorted(corpus.entries(), key=LedgerEntry.place) == entries
    assert sum_ledger(corpus.entries()) == sum_ledger(entries[::-1])
    assert (corpus.totals()["content"], corpus.totals()["num_in"]) == (content_of(entries), 20)
    assert corpus.totals()["steps"][0] == {"step": "source", "num_in": 20, "num_out": 19, "rejects": {"unreadable": 1}, "num_faults": 0}  # type: ignore[index]
    old = LedgerEntry.from_bytes(entries[0].to_bytes().replace(b'"licences":{"CC0-1.0":5},', b""))
    assert (old.licences, b"licences" in old.to_bytes(), entries[0].licences) == (None, False, {"CC0-1.0": 5})


def test_a_build_that_the_store_refuses_ends_with_one_sentence(s3: str, proxy: Proxy, local: dict[str, bytes]) -> None:
    proxy.refuse = lambda method, path: (507, "InsufficientStorage") if method == "PUT" and "/shards/" in path else None
    with pytest.raises(BuildError, match="the store is full, or its quota is used up; free space and run the same command") as told:
        build(RECIPE, place_of(s3), HERE)
    assert str(told.value).startswith(f"building {s3}/toy: writing {s3}/toy/shards/")
    assert os.environ["AWS_SECRET_ACCESS_KEY"] not in str(told.value)
    proxy.refuse = lambda method, path: None
    build(RECIPE, place_of(s3), HERE)
    assert download(place_of(s3)) == local


def test_a_missing_bucket_is_told_before_any_work(s3: str) -> None:
    with pytest.raises(
        BuildError, match=r"^building s3://no-such-bucket-here/x/toy: .* the bucket does not exist; create it, or name another"
    ):
        build(RECIPE, place_of("s3://no-such-bucket-here/x"), HERE)


def test_a_full_disk_for_what_is_to_be_sent_is_told(s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.system(f"mount -t tmpfs -o size=4k tmpfs {tmp_path} 2>/dev/null"):
        pytest.skip("a small file system cannot be mounted here")
    try:
        monkeypatch.setenv("CORPUSMILL_SCRATCH", str(tmp_path))
        with pytest.raises(BuildError, match=rf"the disk is full \(.*; scratch space is {tmp_path}\); free space"):
            build(toy_recipe(200, 200), place_of(s3), HERE)
    finally:
        os.system(f"umount -l {tmp_path}")


def test_a_build_file_names_a_store(tmp_path: Path) -> None:
    file = tmp_path / "build.toml"

    def read(out: str) -> Path:
        return buildfile._read_out(out, file)

    assert (str(read("s3://bucket/corpora")), read("corpora"), read("/data")) == (
        "s3://bucket/corpora",
        tmp_path / "corpora",
        Path("/data"),
    )
    with pytest.raises(BuildFileError, match=r"build\.toml out: the URL s3://b/x carries a user, password or token"):
        read("s3://me:word@b/x")
    with pytest.raises(BuildFileError, match=r"out is 3; expected a path or a URL"):
        buildfile._read_out(3, file)


def test_secrets_are_in_no_message(monkeypatch: pytest.MonkeyPatch) -> None:
    from schemas.redaction import redacted
    from schemas.retry import retried

    monkeypatch.setenv("MY_SECRET_KEY", "hunter2-hunter2")

    def fail() -> None:
        raise ConnectionError(errno.ECONNRESET, "GET https://me:word@host/x?X-Amz-Signature=abc&part=1 with hunter2-hunter2")

    monkeypatch.setattr("schemas.retry.NUM_TRIES", 1)
    with pytest.raises(StoreError) as told:
        retried(fail, "reading it")()
    text = "".join(map(str, (told.value, told.value.__cause__)))
    for secret in ("hunter2", "word", "abc"):
        assert secret not in text
    assert "part=1" in text and redacted("s3://bucket/monkey=3?key=4") == "s3://bucket/monkey=3?key=***"
