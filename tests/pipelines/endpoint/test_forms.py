"""What is sent, what is read, whose fault a failure is, how long to wait and what may be spent: the functions below the client."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from typing import Any

import pytest
from PIL import Image

from pipelines.endpoint.budget import Budget
from pipelines.endpoint.failures import AGAIN, QUESTION, STOP, UNCLEAR, judge, one_line
from pipelines.endpoint.messages import BadResponse, chat_messages, data_url, image_type, read_response
from pipelines.endpoint.rate import Lanes, retry_after_s, wait_s
from processors.tasks.writing import Prompt, Reply


def picture(kind: str) -> bytes:
    sink = io.BytesIO()
    Image.new("RGB", (3, 2)).save(sink, kind)
    return sink.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"])
def test_a_picture_is_sent_whole_under_its_type(kind: str) -> None:
    head, _, data = data_url(picture(kind)).partition(";base64,")
    assert head == f"data:{Image.MIME[kind]}"
    assert base64.b64decode(data) == picture(kind)
    assert image_type(b"what is this") == "application/octet-stream"


def test_messages_are_plain_text_unless_there_are_pictures() -> None:
    assert chat_messages(Prompt("Hi")) == [{"role": "user", "content": "Hi"}]
    system, user = chat_messages(Prompt("Hi", "Be brief", images=(picture("PNG"), picture("GIF"))))
    assert system == {"role": "system", "content": "Be brief"}
    assert [part["type"] for part in user["content"]] == ["image_url", "image_url", "text"]


def response(message: Any = None, finish: Any = "stop", **more: Any) -> bytes:
    message = {"content": "Yes."} if message is None else message
    return json.dumps({"choices": [{"message": message, "finish_reason": finish}], **more}).encode()


def test_a_whole_answer_is_read() -> None:
    told = response(model="m-1", usage={"prompt_tokens": 3, "completion_tokens": 2})
    assert read_response(told) == Reply("Yes.", "", "m-1", 3, 2)
    assert read_response(response(usage={"prompt_tokens": "many", "completion_tokens": True})) == Reply("Yes.")


@pytest.mark.parametrize(
    ("message", "finish", "why"),
    [
        (None, "length", "cut at max_tokens"),
        (None, "content_filter", "stopped by the server's content filter"),
        ({"content": ""}, "length", "cut at max_tokens"),  # all of it was thought
        ({"content": None, "refusal": "No."}, "stop", "declined by the model: No."),
    ],
)
def test_an_answer_that_is_not_whole_says_why(message: Any, finish: str, why: str) -> None:
    assert read_response(response(message, finish)).why == why


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "no JSON"),
        (b'{"choices": [', "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"\xff\xfe{}", "no JSON"),
        (b"[]", "no choices"),
        (b'{"choices": []}', "no choices"),
        (b'{"choices": {"0": 1}}', "no choices"),
        (b'{"choices": [{"text": "old form"}]}', "a choice without a message"),
        (response({"content": " \n"}), "an empty answer that ended with 'stop'"),
        (response({"content": ["x"]}), "an empty answer"),
        (response({"content": "half of"}, None), "does not say how it ended"),
        (b" " * ((16 << 20) + 1), "16777217 bytes"),
    ],
)
def test_what_is_not_the_protocol_is_a_bad_response(body: bytes, told: str) -> None:
    with pytest.raises(BadResponse, match=told):
        read_response(body)


def error(code: str = "", message: str = "", **more: Any) -> bytes:
    return json.dumps({"error": {"code": code, "message": message, **more}}).encode()


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (429, error("rate_limit_exceeded", "slow down"), AGAIN),
        (429, error("insufficient_quota", "You exceeded your current quota"), STOP),
        (503, b"<html>busy</html>", AGAIN),
        (500, error("", "CUDA error"), AGAIN),
        (500, error("", "the request exceeds the available context size"), QUESTION),
        (400, error("content_filter", "flagged", innererror={"code": "ResponsibleAIPolicyViolation"}), QUESTION),
        (400, error("", "This model's maximum context length is 4096 tokens"), QUESTION),
        (413, b"", QUESTION),
        (400, error("", "I do not like this"), UNCLEAR),
        (422, json.dumps({"detail": [{"msg": "field required"}]}).encode(), UNCLEAR),
        (401, error("invalid_api_key", "Incorrect API key"), STOP),
        (403, error("", "forbidden"), STOP),
        (404, error("model_not_found", "no such model"), STOP),
        (302, b"", STOP),
    ],
)
def test_whose_fault_a_status_is(status: int, body: bytes, kind: str) -> None:
    failure = judge(status, body, "")
    assert failure.kind == kind
    assert failure.said.startswith(f"status {status}")
    assert failure.overloaded == (kind == AGAIN and status in (429, 503))


def test_the_key_is_taken_out_of_what_a_server_says() -> None:
    said = judge(401, error("", "Incorrect API key provided: sk-verysecret. Find yours"), "sk-verysecret").said
    assert said == "status 401: Incorrect API key provided: [key]. Find yours"
    assert one_line("a\n b" + "x" * 1_000, "") == "a b" + "x" * 297


def test_waits_double_up_to_a_bound_and_are_the_same_in_every_run() -> None:
    waits = [wait_s("a question", failures) for failures in range(1, 12)]
    assert waits == [wait_s("a question", failures) for failures in range(1, 12)]
    for failures, wait in enumerate(waits):
        whole = min(60.0, 0.5 * 2**failures)
        assert whole / 2 <= wait <= whole
    assert len({wait_s(f"question {number}", 1) for number in range(50)}) == 50  # they do not come back together


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 20.0),
        ({"retry-after": "Wed, 21 Oct 2015 07:27:00 GMT"}, 0.0),  # past
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({}, None),
    ],
)
def test_what_a_server_asks_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers, now=1_445_412_460.0) == seconds


def test_lanes_halve_once_a_round_and_grow_by_one_a_round() -> None:
    async def run() -> None:
        lanes = Lanes(8)
        rounds = [await lanes.enter() for _ in range(8)]
        for began_in in rounds:
            lanes.overloaded(began_in, 0.0)
            lanes.leave()
        assert lanes.limit == 4.0  # eight refusals of one round are one sign
        for _ in range(4):
            lanes.answered()
        assert 4.8 < lanes.limit < 5.0
        for number in range(10):
            lanes.overloaded(lanes.round, 0.0)
            assert lanes.limit >= 1.0, number
        for _ in range(1_000):
            lanes.answered()
        assert lanes.limit == 8.0

    asyncio.run(run())


def test_no_lane_opens_before_the_pause_is_over_nor_while_all_are_taken() -> None:
    async def run() -> None:
        lanes = Lanes(2)
        lanes.overloaded(0, 0.05)
        assert lanes.limit == 1.0
        begin = asyncio.get_running_loop().time()
        await lanes.enter()
        assert asyncio.get_running_loop().time() >= begin + 0.05
        second = asyncio.create_task(lanes.enter())
        await asyncio.sleep(0.02)
        assert not second.done()
        lanes.leave()
        assert await second == 1

    asyncio.run(run())


def test_a_budget_counts_what_is_under_way_as_if_it_wrote_all_it_may() -> None:
    budget = Budget(max_output_tokens=100)
    assert budget.reserve(60)
    assert not budget.reserve(60)
    assert budget.is_spent(60) == ""  # what is under way may write less
    budget.settle(60, 10)
    assert budget.reserve(60)
    budget.settle(60, 60)
    assert not budget.reserve(60)
    assert "70 of 100 output tokens are written, and the next reply may have 60" in budget.is_spent(60)
    assert budget.reserve(30)
    two = Budget(max_requests=2)
    assert [two.reserve(9) for _ in range(3)] == [True, True, False]
    two.settle(9, 9)
    assert "the budget of 2 requests is spent" in two.is_spent(9)
    assert all(Budget().reserve(10**9) for _ in range(3))
