"""Functions that test_guard runs in a child process: honest ones and every way to go wrong."""

from __future__ import annotations

import os
import time
from typing import Any

from schemas.outcome import Reason, Refused

SPOILT = Reason("spoilt", "For tests")
Answer = tuple[dict[str, Any], list[bytes]]
_state: list[int] = []


def echo(request: dict[str, Any], blobs: list[bytes]) -> Answer:
    return {**request, "sizes": [len(blob) for blob in blobs], "process": os.getpid()}, [blob[::-1] for blob in blobs]


def same_object(request: dict[str, Any], blobs: list[bytes]) -> Answer:
    """Whether the first blob is the very object of the call before."""
    before = _state[-1] if _state else 0
    _state.append(id(blobs[0]))
    return {"same": before == id(blobs[0])}, []


def refuse(request: dict[str, Any], blobs: list[bytes]) -> Answer:
    raise Refused(SPOILT, "page 3")


def fail(request: dict[str, Any], blobs: list[bytes]) -> Answer:
    return {"never": 1 // 0}, []


def spin(request: dict[str, Any], blobs: list[bytes]) -> Answer:
    while True:
        pass


def eat(request: dict[str, Any], blobs: list[bytes]) -> Answer:
    held = []
    while True:
        held.append(bytearray(32 << 20))


def wait(request: dict[str, Any], blobs: list[bytes]) -> Answer:
    time.sleep(600)
    return {}, []


def die(request: dict[str, Any], blobs: list[bytes]) -> Answer:
    os._exit(7)


def too_large_to_allocate(request: dict[str, Any], blobs: list[bytes]) -> Answer:
    return {"n": len(bytearray(1 << 62))}, []
