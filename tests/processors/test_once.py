"""The last result is given again for the same object alone."""

from __future__ import annotations

import pytest

from processors.once import once


def test_the_same_object_is_worked_on_once_and_an_equal_one_anew() -> None:
    calls: list[tuple[bytes, int]] = []

    def length(data: bytes, times: int = 1) -> list[int]:
        calls.append((data, times))
        return [len(data) * times]

    ask = once(length)
    data, equal = bytes([1, 2, 3]), bytes([1, 2, 3])
    first = ask(data, times=2)
    assert first == [6]
    assert ask(data, times=2) is first
    assert ask(data, times=3) == [9]
    assert ask(data, 3) == [9]
    assert ask(equal, 3) == [9]
    assert ask(data, 3) == [9]
    assert len(calls) == 5


def test_what_raised_is_tried_again() -> None:
    calls: list[bytes] = []

    def refuse(data: bytes) -> None:
        calls.append(data)
        raise ValueError("no")

    ask, data = once(refuse), b"abc"
    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            ask(data)
    assert calls == [data, data]
