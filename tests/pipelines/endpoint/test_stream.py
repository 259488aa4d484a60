"""Streams put together again, wherever they were cut, and refused where they lack their end."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipelines.endpoint.messages import BadResponse, read_choices, usage_of
from pipelines.endpoint.stream import Streamed
from tests.pipelines.endpoint.test_forms import texts

SMALL = {"choices": [{"index": 0, "delta": {"content": "Yes"}}]}


def streamed(*events: Any, size: int = 1_000) -> dict[str, Any]:
    data = b"".join(b"data: " + (json.dumps(event).encode() if not isinstance(event, bytes) else event) + b"\r\n\r\n" for event in events)
    whole = Streamed()
    for at in range(0, len(data), size):
        whole.feed(data[at : at + size])
    assert whole.error is None
    return whole.response()


def ended(index: int, finish: str | None = "stop", **delta: str) -> dict[str, Any]:
    return {"choices": [{"index": index, "delta": delta, "finish_reason": finish}]}


@pytest.mark.parametrize("size", [1, 7, 1_000])
def test_a_stream_is_put_together_wherever_it_was_cut_into_pieces(size: int) -> None:
    events = [
        {"model": "m", "choices": [{"index": 1, "delta": {"role": "assistant", "content": "Nö"}}]},
        ended(0, None, content="Ye"),
        ended(1, content="!"),
        ended(0, None, content="s"),
        ended(0),
        {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}},
        b"[DONE]",
        SMALL,  # after the end
    ]
    told = streamed(*events, size=size)
    assert texts(read_choices(told, 2)) == ["Yes", "Nö!"]
    assert usage_of(told) == (3, 4)
    assert told["model"] == "m"


def test_a_stream_that_breaks_off_is_no_answer() -> None:
    (half,) = read_choices(streamed(SMALL), 1)
    assert isinstance(half, BadResponse)
    assert "does not say how it ended; it starts 'Yes'" in str(half)
    assert texts(read_choices(streamed(ended(0, content="a"), ended(1, None, content="b")), 2)) == ["a", "-"]
    with pytest.raises(BadResponse, match="a stream without choices"):
        streamed(b"[DONE]")
    with pytest.raises(BadResponse, match="an event that is no JSON"):
        streamed(b'{"choices": [')
    with pytest.raises(BadResponse, match="an event that is no object"):
        streamed(b"3")
    with pytest.raises(BadResponse, match="the index 'x'"):
        streamed({"choices": [{"index": "x"}]})
    with pytest.raises(BadResponse, match="more than 16777216 bytes"):
        Streamed().feed(b"x" * ((16 << 20) + 1))
    long = Streamed()
    with pytest.raises(BadResponse, match="more than 16777216 bytes"):
        for _ in range(20):
            long.feed(b"data: " + json.dumps(ended(0, None, content="x" * (1 << 20))).encode() + b"\n")


def test_what_a_server_says_when_it_fails_in_the_middle_is_kept() -> None:
    whole = Streamed()
    whole.feed(b'data: {"error": {"message": "out of memory", "code": 500}}\n\ndata: [DONE]\n\n')
    assert whole.error == {"error": {"message": "out of memory", "code": 500}}


def test_of_several_choices_none_may_end_twice() -> None:
    whole = Streamed(num_choices=2)
    event = b"data: " + json.dumps(ended(0, content="a")).encode() + b"\n"
    whole.feed(event)
    with pytest.raises(BadResponse, match="a choice 0 that ends twice"):
        whole.feed(event)
    one = Streamed()
    one.feed(event + b"data: " + json.dumps(ended(0)).encode() + b"\n")  # some servers say the end of one choice again with the usage
    assert texts(read_choices(one.response(), 1)) == ["a"]
