"""Plain data over a socket: what goes in comes out, of the same type; what is hostile is refused."""

from __future__ import annotations

import json
import math
import os
import socket
from collections import Counter, OrderedDict, defaultdict, deque
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.sandbox import plain
from pipelines.sandbox.plain import LENGTH, BadFrame, Closed, Decoder, Encoder, Line, NotPlain


def refuse(value: Any) -> list[Any]:
    raise NotPlain(type(value).__name__)


def unknown(form: list[Any]) -> Any:
    raise BadFrame(f"tag {form[0]}")


def sent(value: Any) -> Any:
    return Decoder(unknown).take(json.loads(json.dumps(Encoder(refuse).put(value))))


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.complex_numbers(allow_nan=False)
    | st.decimals(allow_nan=False)
    | st.fractions()
    | st.datetimes()
    | st.dates()
    | st.times()
    | st.timedeltas()
)
hashables = st.recursive(scalars, lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3), max_leaves=8)
values = st.recursive(
    hashables | st.sets(hashables, max_size=3),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(hashables, inner, max_size=3)
        | st.lists(inner, max_size=3).map(deque)
        | st.dictionaries(st.text(), inner, max_size=2).map(OrderedDict)
    ),
    max_leaves=20,
)


def same(one: Any, other: Any) -> bool:
    """Equal, and of the same types throughout."""
    if type(one) is not type(other):
        return False
    if isinstance(one, list | tuple | deque):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    return one == other and repr(one) == repr(other) if isinstance(one, float) else one == other


@settings(max_examples=50)
@given(values)
def test_what_goes_in_comes_out(value: Any) -> None:
    assert same(value, sent(value))


def test_rare_values() -> None:
    assert math.isnan(sent(math.nan)) and sent(-math.inf) == -math.inf
    assert sent(Counter("aab")) == Counter("aab") and type(sent(Counter())) is Counter
    found = sent(defaultdict(list, a=[1]))
    assert type(found) is defaultdict and found["new"] == []
    assert sent(deque([1, 2], maxlen=2)).maxlen == 2
    assert sent(10**5_000) == 10**5_000 and sent(-(1 << 62)) == -(1 << 62)
    assert sent([int, None, ..., range(1, 9, 3), bytearray(b"x")]) == [int, None, ..., range(1, 9, 3), bytearray(b"x")]


def test_one_container_stays_one() -> None:
    shared = [1]
    loop: list[Any] = [shared, {"k": shared}]
    loop.append(loop)
    found = sent(loop)
    assert found[0] is found[1]["k"] and found[2] is found and found[0] == [1]


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (object(), "object"),
        ([0] * (plain.MAX_ITEMS + 1), "more than 1,000,000 items"),
        (1 << 500_000, "an integer of more than 400000 bits"),
        (defaultdict(lambda: 0), "a function of its own"),
        (type("Own", (int,), {"__eq__": lambda one, other: True, "__hash__": int.__hash__})(), "Own"),
    ],
    ids=["object", "items", "digits", "factory", "equality"],
)
def test_what_is_not_plain_is_refused(value: Any, why: str) -> None:
    with pytest.raises(NotPlain) as raised:
        sent(value)
    assert why in str(raised.value)


def test_depth_has_a_bound() -> None:
    def nested(depth: int) -> list[Any]:
        made: list[Any] = []
        for _ in range(depth):
            made = [made]
        return made

    assert same(sent(nested(plain.MAX_DEPTH)), nested(plain.MAX_DEPTH))
    with pytest.raises(NotPlain):
        sent(nested(plain.MAX_DEPTH + 1))


@pytest.mark.parametrize(
    "form",
    [
        {}, {"a": 1}, [], [[]], [1], [None], ["?"], ["l", {}], ["r", 0], ["l", ["r", 5]], ["r"], ["r", -1], ["r", True], ["i"], ["i", 3],
        ["i", "zz"], ["i", "0x" + "f" * 200_000], ["n", "1"], ["n"], ["b", "0"], ["b", 3], ["b"], ["c", 1], ["c", 1, 2], ["c", 1.0, "x"],
        ["g", 1, 2, 0], ["g", 1.0], ["g"], ["d", 1], ["d", ["l"], 1], ["s", ["l"]], ["fs", ["d"]], ["dd", "list", 1], ["dd", "lists"],
        ["dd"], ["dq", -1], ["dq", "3"], ["dq"], ["od", 1], ["ct", ["s"], 1], ["ba", 3], ["ba"], ["ty", "eval"], ["ty"], ["e", "x"],
        ["dc", "x"], ["dc", "1" * 20_000], ["fr", 1, 0], ["fr", "1", "2"], ["iso", "date", "2024-13-01"], ["iso", "x", "2024-01-01"],
        ["iso", "date"], ["td", 10**10, 0, 0], ["td", "1", 0, 0], ["h", 0, "x", ""], ["f", 0], ["a", 0],
    ],
    ids=lambda form: json.dumps(form)[:40],
)  # fmt: skip
def test_a_form_that_is_none_is_refused(form: Any) -> None:
    with pytest.raises(BadFrame):
        Decoder(unknown).take(form)


def test_deep_forms_are_refused() -> None:
    form: Any = 1
    for _ in range(plain.MAX_DEPTH + 3):
        form = ["t", form]
    with pytest.raises(BadFrame):
        Decoder(unknown).take(form)
    assert Decoder(unknown).take(form[1][1]) is not None


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3), lambda inner: st.lists(inner, max_size=4))
)
def test_any_form_is_a_value_or_refused(form: Any) -> None:
    try:
        Decoder(unknown).take(form)
    except BadFrame:
        return


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", Closed),
        (b"\x01\x00", Closed),
        (LENGTH.pack(5) + b"[1", Closed),
        (LENGTH.pack(plain.MAX_FRAME_BYTES + 1) + b"x", BadFrame),
        (LENGTH.pack(4) + b"null", BadFrame),
        (LENGTH.pack(2) + b"[]", BadFrame),
        (LENGTH.pack(3) + b"[1]", BadFrame),
        (LENGTH.pack(2) + b"{}", BadFrame),
        (LENGTH.pack(10) + b'["ok",NaN]', BadFrame),
        (LENGTH.pack(4) + b"\xff\xfe\xff\xfe", BadFrame),
        (LENGTH.pack(200_000) + b"[" * 200_000, BadFrame),
        (LENGTH.pack(6_004) + b'["' + b"x" * 6_000 + b"']", BadFrame),
        (LENGTH.pack(6_008) + b'["ok",' + b"1" * 6_001 + b"]", BadFrame),
    ],
    ids=range(13),
)
def test_hostile_frames(data: bytes, expected: type[Exception]) -> None:
    ours, theirs = socket.socketpair()
    with ours:
        theirs.sendall(data)
        theirs.close()
        with pytest.raises(expected):
            Line(ours.fileno()).receive()


def test_frames_go_both_ways() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        one, other = Line(ours.fileno()), Line(theirs.fileno())
        one.send(["ok", "é\ud800", 1.5])
        assert other.receive() == ["ok", "é\ud800", 1.5]
        with pytest.raises(NotPlain):
            other.send(["ok", "x" * (plain.MAX_FRAME_BYTES + 1)])
        other.send(["still in step"])
        assert one.receive() == ["still in step"]
    read, write = os.pipe()
    os.close(read)
    with pytest.raises(Closed):
        Line(write).send(["ok"])
    os.close(write)
