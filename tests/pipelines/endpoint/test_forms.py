"""What is sent, what is read, whose fault a failure is, how long to wait and what may be spent: the functions below the client."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import wave
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from pipelines.endpoint.budget import Budget
from pipelines.endpoint.client import SILENCE
from pipelines.endpoint.failures import AGAIN, QUESTION, STOP, UNCLEAR, judge, one_line
from pipelines.endpoint.ledger import Spent
from pipelines.endpoint.messages import (
    BadPrompt,
    BadResponse,
    audio_format,
    chat_messages,
    data_url,
    image_type,
    read_response,
    seed_of,
)
from pipelines.endpoint.rate import Lanes, retry_after_s, wait_s
from pipelines.endpoint.schema import mismatch
from processors.tasks.writing import Prompt, Reply
from schemas.identity import canonical_json


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
    assert read_response(told) == [Reply("Yes.", "", "m-1", 3, 2)]
    assert read_response(response(usage={"prompt_tokens": "many", "completion_tokens": True})) == [Reply("Yes.")]


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
    (reply,) = read_response(response(message, finish))
    assert isinstance(reply, Reply)
    assert reply.why == why


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
        (b'{"choices": [null]}', "no choices"),
    ],
)
def test_what_is_not_the_protocol_is_a_bad_response(body: bytes, told: str) -> None:
    with pytest.raises(BadResponse, match=told):
        read_response(body)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"choices": [{"text": "old form"}]}', "a choice without a message"),
        (response({"content": " \n"}), "an empty answer that ended with 'stop'"),
        (response({"content": ["x"]}), "an empty answer"),
        (response({"content": "half of"}, None), "does not say how it ended"),
    ],
)
def test_a_choice_that_is_no_answer_is_told_in_its_place(body: bytes, told: str) -> None:
    (reply,) = read_response(body)
    assert isinstance(reply, BadResponse)
    assert told in str(reply)


def several(*choices: tuple[Any, str]) -> bytes:
    return json.dumps(
        {
            "choices": [{"index": index, "message": {"content": text}, "finish_reason": "stop"} for index, text in choices],
            "usage": {"prompt_tokens": 5, "completion_tokens": 9},
        }
    ).encode()


def texts(replies: list[Reply | BadResponse]) -> list[str]:
    return [reply.text if isinstance(reply, Reply) else "-" for reply in replies]


def test_choices_come_in_the_order_of_their_indices_and_no_more_than_asked_for() -> None:
    assert texts(read_response(several((2, "c"), (0, "a"), (1, "b")), 3)) == ["a", "b", "c"]
    assert texts(read_response(several((0, "a"), (0, "b")), 2)) == ["a", "b"]  # as they came, where the indices say nothing
    assert texts(read_response(several((1, "b"), (0, "a")), 1)) == ["a"]
    assert texts(read_response(several((1, "b"), (0, "")), 3)) == ["-", "b"]
    (one,) = read_response(several((0, "a")), 1)
    assert one == Reply("a", "", "", 5, 9)
    assert read_response(several((0, "a"), (1, "b")), 2)[0] == Reply("a", "", "", 5, -1)  # the usage is of both


def test_a_thought_is_left_out_or_stands_before_the_text() -> None:
    told = response({"content": "Four.", "reasoning_content": " Two and two.\n"})
    assert texts(read_response(told)) == ["Four."]
    assert texts(read_response(told, keep_thoughts=True)) == ["<think>\nTwo and two.\n</think>\n\nFour."]
    cut = response({"content": None, "reasoning": "Two and"}, "length")
    assert read_response(cut, keep_thoughts=True) == [Reply("<think>\nTwo and", "cut at max_tokens")]
    assert texts(read_response(response({"content": "", "reasoning": "Two"}), keep_thoughts=True)) == ["-"]  # thought, and said nothing


def wav(num_samples: int = 4) -> bytes:
    sink = io.BytesIO()
    with wave.open(sink, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(2 * num_samples))
    return sink.getvalue()


def test_audio_is_sent_whole_under_its_format() -> None:
    assert audio_format(wav()) == "wav"
    assert audio_format(b"ID3\4rest") == audio_format(b"\xff\xfb\x90\x00") == audio_format(b"\xff\xf3\x90\x00") == "mp3"
    assert (audio_format(b"fLaC\0"), audio_format(b"OggS\0")) == ("flac", "ogg")
    for other in (
        b"",
        b"\xff",
        b"\xff\xf1\x50\x80",
        b"\xff\xd8\xff\xe0",
        b"RIFF____WEBP",
        b"\xff\xeb\x90\x00",
    ):  # AAC, JPEG, WebP, reserved
        with pytest.raises(BadPrompt, match="expected a WAV, MP3, FLAC or Ogg file"):
            audio_format(other)
    (user,) = chat_messages(Prompt("What is said?", images=(picture("PNG"),), audios=(wav(), b"ID3x")))
    assert [part["type"] for part in user["content"]] == ["image_url", "input_audio", "input_audio", "text"]
    told = user["content"][1]["input_audio"]
    assert (told["format"], base64.b64decode(told["data"])) == ("wav", wav())
    with wave.open(io.BytesIO(SILENCE)) as file:  # of the plain question
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate(), file.getnframes()) == (1, 2, 16_000, 160)


def test_earlier_turns_stand_between_system_and_question() -> None:
    prompt = Prompt("And now?", "Be brief", history=(("user", "Hi"), ("assistant", "Hello")))
    assert [(turn["role"], turn["content"]) for turn in chat_messages(prompt)] == [
        ("system", "Be brief"),
        ("user", "Hi"),
        ("assistant", "Hello"),
        ("user", "And now?"),
    ]
    with pytest.raises(ValueError, match="a turn of the history is by 'tool', expected user or assistant"):
        Prompt("x", history=(("tool", "y"),))


def test_digests_of_prompts_are_those_under_which_replies_were_kept() -> None:
    assert Prompt("q", "s", 7, (b"x",)).digest() == "1d328045b4412760aab2470705c78b87"  # pinned: a paid reply is found again by it
    assert Prompt("Write 1", max_tokens=20).digest() == "e557926d3679efb17fed7e6a52385cec"
    base = Prompt("q")
    others = [
        replace(base, **{name: value})
        for name, value in (
            ("sample", 1),
            ("sample", 2),
            ("audios", (b"x",)),
            ("audios", (b"x", b"")),
            ("images", (b"x",)),
            ("schema", "{}"),
            ("history", (("user", "a"),)),
            ("history", (("user", "a"), ("assistant", "b"))),
            ("history", (("assistant", "a"),)),
        )
    ]
    assert len({prompt.digest() for prompt in (base, *others)}) == 10
    with pytest.raises(ValueError, match="sample is -1, expected 0 or more"):
        replace(base, sample=-1)


def test_each_sample_has_a_seed_of_its_own_and_the_first_the_engines() -> None:
    assert seed_of(7, 0) == 7
    seeds = {seed_of(base, sample, misses) for base in (0, 1) for sample in range(200) for misses in range(3)}
    assert len(seeds) == 1_200
    assert all(0 <= seed < 2**31 for seed in seeds)  # the widest that every server takes
    assert seed_of(7, 3) == seed_of(7, 3)


def test_a_reply_is_compared_with_its_schema() -> None:
    schema = canonical_json({"type": "object", "properties": {"n": {"type": "integer", "maximum": 9}}, "required": ["n"]})
    assert mismatch(schema, '{"n": 3}') == ""
    assert mismatch(schema, '```json\n{"n": 3}\n```') == ""
    assert mismatch(schema, '{"n": 30}') == "at n: 30 is greater than the maximum of 9"
    assert mismatch(schema, "{}") == "at the top: 'n' is a required property"
    assert mismatch(schema, "Sure: 3").startswith("no JSON")
    assert mismatch(schema, "[" * 100_000).startswith("no JSON")
    for bad in ("{", "[]", '{"type": "whole"}'):
        with pytest.raises(ValueError, match="a prompt's schema is no JSON schema"):
            mismatch(bad, "3")
    with pytest.raises(ValueError, match="which is not in it; nothing is fetched"):
        mismatch('{"$ref": "http://127.0.0.1:9/schema.json"}', "3")


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


def of(output_tokens: int) -> Spent:
    return Spent(1, 0, output_tokens)


def test_a_budget_counts_what_is_under_way_as_if_it_wrote_all_it_may() -> None:
    budget = Budget(max_output_tokens=100)
    first = budget.reserve(of(60))
    assert first is not None
    assert budget.reserve(of(60)) is None
    assert budget.is_spent(of(60)) == ""  # what is under way may write less
    budget.settle(first, of(10))
    second = budget.reserve(of(60))
    assert second is not None
    budget.settle(second, of(60))
    assert budget.reserve(of(60)) is None
    assert "70 of 100 output tokens are written, and the next reply may have 60" in budget.is_spent(of(60))
    assert budget.reserve(of(30)) is not None
    two = Budget(max_requests=2)
    assert [two.reserve(of(9)) is not None for _ in range(3)] == [True, True, False]
    two.settle(0, of(9))
    assert two.is_spent(of(9)) == ""  # a request counts when it is sent, and the other one is under way
    two.settle(1, of(9))
    assert "the budget of 2 requests is spent (max_requests)" in two.is_spent(of(9))
    assert all(Budget().reserve(of(10**9)) is not None for _ in range(3))
