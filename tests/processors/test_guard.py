"""Work in a child process: what comes back, and every way in which the child can be ended."""

from __future__ import annotations

import os

import pytest

from processors.guard import Limits, guarded
from schemas.outcome import Refused
from tests import guarded_work as work


def test_values_and_bytes_go_there_and_back() -> None:
    blobs = [b"abc", b"", os.urandom(3_000_000)]
    answer, found = guarded(work.echo, {"page": 3, "name": "é"}, blobs)
    process = answer.pop("process")
    assert answer == {"page": 3, "name": "é", "sizes": [3, 0, 3_000_000]}
    assert found == [blob[::-1] for blob in blobs]
    assert process != os.getpid()
    assert guarded(work.echo, {})[0]["process"] == process, "the child is kept"


def test_the_same_blobs_are_sent_once() -> None:
    blob = os.urandom(1_000)
    assert guarded(work.same_object, {}, [blob])[0] == {"same": False}
    assert guarded(work.same_object, {}, [blob])[0] == {"same": True}
    equal = bytes(bytearray(blob))
    assert guarded(work.same_object, {}, [equal])[0] == {"same": False}, "another object may have other bytes: it is sent"


def test_a_refusal_arrives_as_it_was_raised() -> None:
    with pytest.raises(Refused) as caught:
        guarded(work.refuse, {})
    assert (caught.value.reason, caught.value.detail) == (work.SPOILT, "page 3")


def test_a_fault_arrives_with_its_traceback() -> None:
    with pytest.raises(RuntimeError, match=r"guarded_work.fail raised(.|\n)*1 // 0(.|\n)*ZeroDivisionError"):
        guarded(work.fail, {})


@pytest.mark.parametrize(
    ("function", "limits", "detail"),
    [
        (work.spin, Limits(cpu_s=0.3), "more than 0.3 s of processor time"),
        (work.eat, Limits(memory_bytes=256 << 20), "more than 256 MiB of memory"),
        (work.wait, Limits(idle_s=0.3), "no answer after 0.3 s"),
        (work.die, Limits(), "the reader ended with code 7"),
        (work.too_large_to_allocate, Limits(), "MemoryError"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_passes_its_limits_is_refused_and_the_next_call_works(function: object, limits: Limits, detail: str) -> None:
    with pytest.raises(Refused, match=detail) as caught:
        guarded(function, {}, [b"1"], limits)  # type: ignore[arg-type]
    assert caught.value.reason.name == "too_costly"
    assert guarded(work.echo, {}, [b"2"])[1] == [b"2"]


def test_limits_are_of_a_call_and_not_of_the_child() -> None:
    for _ in range(3):
        guarded(work.echo, {}, [b"x" * 10_000_000], Limits(cpu_s=30))


def test_a_forked_process_has_a_child_of_its_own() -> None:
    mine = guarded(work.echo, {})[0]["process"]
    pid = os.fork()
    if pid == 0:
        os._exit(0 if guarded(work.echo, {})[0]["process"] != mine else 1)
    assert os.waitpid(pid, 0)[1] == 0
    assert guarded(work.echo, {})[0]["process"] == mine
