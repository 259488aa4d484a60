"""One builder at a time, in a folder and in a store; one that is gone is replaced, and can do no harm when it comes back."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from schemas import lock
from schemas.lock import Held, Lost, Owner, holds, lock_beside, owned
from schemas.retry import StoreError
from schemas.shard import write_if_absent, write_replacing
from schemas.store import is_remote, list_names, place_of
from tests.s3 import Proxy


@pytest.fixture(autouse=True)
def quick_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORPUSMILL_LEASE_S", "1")


def elsewhere(number: int = 1, lease_s: float = 0.5) -> Owner:
    """An owner on another machine."""
    return Owner(f"{number}-t", "node-7", 4242, "2026-01-01 00:00:00 UTC", "another machine", "1", lease_s)


def test_a_second_owner_is_refused_and_told_who_holds_it(place: Path) -> None:
    with owned(place / "toy") as token:
        assert holds(place / "toy", token)
        with pytest.raises(Held, match=f"host {socket.gethostname()}, process {os.getpid()}, since 20"), owned(place / "toy"):
            pass
        with owned(place / "other"):
            assert holds(place / "toy", token)
    with owned(place / "toy") as later:
        assert (holds(place / "toy", later), holds(place / "toy", token)) == (True, False)
    assert not list_names(place / "toy")  # nothing of it lies in the folder itself
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("owner of")] == []
    if is_remote(place):
        assert list_names(lock_beside(place / "toy")) == ["00000002.json"]


def events(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.event for record in caplog.records if hasattr(record, "event")]


def test_who_waits_gets_it_when_it_is_free(place: Path, caplog: pytest.LogCaptureFixture) -> None:
    with contextlib.ExitStack() as first:
        first.enter_context(owned(place / "toy"))
        threading.Timer(0.5, first.close).start()
        with owned(place / "toy", wait_s=30) as token:
            assert holds(place / "toy", token)
    assert events(caplog) == ["lock_waited"]
    assert f"waiting up to 30 s for whoever holds {place / 'toy'}: host {socket.gethostname()}" in caplog.text


def test_of_many_that_come_at_once_one_owns_it(place: Path) -> None:
    barrier, ended, won = threading.Barrier(5), threading.Event(), []

    def take() -> None:
        barrier.wait()
        with contextlib.suppress(Held), owned(place / "toy") as token:
            won.append(token)
            ended.wait(20)

    threads = [threading.Thread(target=take) for _ in range(5)]
    for thread in threads:
        thread.start()
    while sum(thread.is_alive() for thread in threads) > 1:
        time.sleep(0.02)
    ended.set()
    for thread in threads:
        thread.join()
    assert len(won) == 1


def test_a_killed_owner_of_this_machine_is_replaced_at_once(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORPUSMILL_LEASE_S", "600")
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        with owned(place / "toy"):
            os.write(writer, b"x")
            time.sleep(60)
        os._exit(1)
    os.read(reader, 1)
    with pytest.raises(Held, match=f"process {child}"), owned(place / "toy"):
        pass
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with owned(place / "toy") as token:
        assert holds(place / "toy", token)


def test_a_silent_owner_elsewhere_is_replaced_after_its_lease(s3: str, caplog: pytest.LogCaptureFixture) -> None:
    corpus = place_of(s3) / "toy"
    place = lock_beside(corpus) / "00000001.json"
    write_if_absent(place, elsewhere().to_bytes())
    assert holds(corpus, "1-t")
    start = time.monotonic()
    with owned(corpus) as token:
        assert time.monotonic() - start >= 0.5  # it was watched for its lease, by this machine's clock
        assert (token.partition("-")[0], holds(corpus, "1-t"), list_names(lock_beside(corpus))) == ("2", False, ["00000002.json"])
        write_replacing(place, replace(elsewhere(), beat=9).to_bytes())  # the old one's last sign of life changes nothing
        assert (holds(corpus, token), holds(corpus, "1-t")) == (True, False)
    assert events(caplog) == ["lock_waited", "lock_taken_over"]


def test_an_owner_elsewhere_that_lives_is_not_replaced(s3: str) -> None:
    corpus, stop = place_of(s3) / "toy", threading.Event()
    place = lock_beside(corpus) / "00000001.json"
    write_if_absent(place, elsewhere(lease_s=3600).to_bytes())

    def beat() -> None:
        count = 0
        while not stop.wait(0.1):
            count += 1
            write_replacing(place, replace(elsewhere(lease_s=3600), beat=count).to_bytes())

    thread = threading.Thread(target=beat)
    thread.start()
    with pytest.raises(Held, match=r"host node-7, process 4242, since 2026-01-01 00:00:00 UTC"), owned(corpus):
        pass
    stop.set()
    thread.join()
    write_replacing(place, replace(elsewhere(lease_s=3600), is_released=True).to_bytes())
    with owned(corpus) as token:
        assert holds(corpus, token)


def test_an_owner_that_was_replaced_learns_it(s3: str) -> None:
    corpus = place_of(s3) / "toy"
    with pytest.raises(Lost, match="host node-7, process 4242"), owned(corpus) as token:
        write_if_absent(lock_beside(corpus) / "00000002.json", elsewhere(2).to_bytes())
        assert not holds(corpus, token)
    assert not Owner.from_bytes((lock_beside(corpus) / "00000002.json").read_bytes()).is_released  # type: ignore[union-attr]


def test_an_owner_shows_that_it_lives(s3: str) -> None:
    corpus, seen = place_of(s3) / "toy", set[bytes]()
    with owned(corpus):
        while len(seen) < 3:
            seen.add((lock_beside(corpus) / "00000001.json").read_bytes())
    owner = Owner.from_bytes((lock_beside(corpus) / "00000001.json").read_bytes())
    assert owner is not None and owner.is_released


def test_a_store_that_cannot_keep_builders_apart_is_refused(s3: str, proxy: Proxy) -> None:
    proxy.ignored = ("if-none-match",)
    with pytest.raises(StoreError, match="replaces an object that was to be created only if absent"), owned(place_of(s3) / "toy"):
        pass
    with pytest.raises(StoreError, match="hf://datasets/me/speech cannot be built into"), owned(place_of("hf://datasets/me/speech/toy")):
        pass


def test_what_is_no_owner_holds_nothing(place: Path) -> None:
    file = lock_beside(place / "toy") / "00000003.json" if is_remote(place) else lock_beside(place / "toy")
    write_replacing(file, b"{ half")
    with owned(place / "toy") as token:
        assert holds(place / "toy", token)


def test_a_process_that_is_gone_is_known_by_its_start(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = lock._myself("1-x")
    assert (mine.is_here(), mine.is_gone()) == (True, False)
    another = replace(mine, began="1")  # the process id was given to another process
    assert (another.is_here(), another.is_gone()) == (False, True)
    monkeypatch.setattr(lock, "_machine", lambda: "another machine")
    assert (mine.is_here(), mine.is_gone()) == (False, False)  # nothing is known of it here
