"""The engine against a real server that fails in every way: each question answered once, or a stop that says why."""

from __future__ import annotations

import io
import os
import time
from collections import Counter
from typing import Any

import pytest
from PIL import Image

from pipelines.endpoint.engine import OpenAiEngine
from pipelines.endpoint_groups import Endpoint
from pipelines.recipe import PlanError
from processors.engine import EngineStopped
from processors.tasks.writing import Prompt, Reply
from tests.pipelines.endpoint.conftest import KEY
from tests.servers import Server


def engine(server: Server, **options: Any) -> OpenAiEngine:
    return OpenAiEngine("toy", server.base_url, **{"timeout_s": 5.0, **options})


def asked(server: Server, prompts: list[Prompt], **options: Any) -> list[Reply]:
    with engine(server, **options).open() as write:
        return write(prompts)


def numbered(count: int) -> list[Prompt]:
    return [Prompt(f"question {number}") for number in range(count)]


def test_replies_are_aligned_and_asked_side_by_side(server: Server) -> None:
    server.set(delay_s=0.05)
    replies = asked(server, numbered(40), concurrency=8, temperature=0.2, top_p=0.9, sampling_seed=5)
    assert [reply.text for reply in replies] == [f"You said: question {number}" for number in range(40)]
    assert replies[0] == Reply("You said: question 0", "", "toy-served", 2, 4)
    log = server.log()
    assert max(row["under_way"] for row in log) == 8
    assert log[0]["parameters"] == {"model": "toy", "temperature": 0.2, "top_p": 0.9, "seed": 5, "max_tokens": 1024}


def test_the_bound_of_tokens_has_the_name_that_the_server_knows(server: Server) -> None:
    asked(server, [Prompt("Hi", max_tokens=9)], tokens_field="max_completion_tokens")
    assert server.log()[0]["parameters"]["max_completion_tokens"] == 9
    assert "max_tokens" not in server.log()[0]["parameters"]


def test_pictures_arrive(server: Server) -> None:
    sink = io.BytesIO()
    Image.new("RGB", (31, 17)).save(sink, "JPEG")
    (reply,) = asked(server, [Prompt("What is it?", "You see.", images=(sink.getvalue(), sink.getvalue()))])
    assert reply.text == "There are 2 pictures; the first is 31 by 17 pixels."


FAULTS = ("429", "503", "500", "drop", "half", "chunks", "malformed", "empty")


def test_every_question_is_answered_once_by_a_server_that_fails_in_every_way(server: Server) -> None:
    server.set(faults=dict.fromkeys(FAULTS, 0.06), most_faults=2, retry_after="0.01")
    kept: list[tuple[str, str]] = []
    with engine(server).open(lambda prompt, reply: kept.append((prompt.text, reply.text))) as write:
        replies = write(numbered(120))
    assert [reply.text for reply in replies] == [f"You said: question {number}" for number in range(120)]
    assert sorted(kept) == sorted((prompt.text, reply.text) for prompt, reply in zip(numbered(120), replies, strict=True))
    assert set(server.answered().values()) == {1}
    outcomes = Counter(row["outcome"] for row in server.log())
    assert outcomes["answer"] == 120
    assert set(FAULTS) <= set(outcomes)  # each was met


def test_a_stalled_request_is_given_up_and_sent_again(server: Server) -> None:
    server.set(faults={"stall": 1.0}, most_faults=1)
    begin = time.perf_counter()
    replies = asked(server, numbered(3), timeout_s=0.3)
    assert len(replies) == 3
    assert time.perf_counter() - begin < 3  # the server stalls for 3 s
    assert Counter(row["outcome"] for row in server.log())["answer"] == 3


def test_an_overloaded_server_is_asked_less_at_a_time(server: Server) -> None:
    server.set(capacity=3, delay_s=0.02, retry_after="0.01")
    assert len(asked(server, numbered(60), concurrency=16)) == 60
    log = server.log()
    late = [row["outcome"] for row in log[len(log) // 2 :]]
    assert late.count("answer") > late.count("429")
    assert set(server.answered().values()) == {1}


def test_a_server_that_asks_to_wait_is_left_alone_so_long(server: Server) -> None:
    server.set(faults={"429": 1.0}, most_faults=1, retry_after="1")
    begin = time.perf_counter()
    asked(server, numbered(2))
    assert time.perf_counter() - begin >= 1


def test_a_server_that_asks_to_wait_for_too_long_stops_the_engine(server: Server) -> None:
    server.set(faults={"429": 1.0}, retry_after="3600")
    with pytest.raises(EngineStopped, match=r"asks to wait 3600 s .status 429: trouble cannot serve"):
        asked(server, numbered(3))


def test_a_question_is_given_up_after_so_many_tries(server: Server) -> None:
    server.set(faults={"503": 1.0})
    with pytest.raises(
        EngineStopped, match=r"failed 2 times on one question, the last time with: status 503.*0 questions were answered in this run"
    ):
        asked(server, numbered(3), max_tries=2)
    assert len(server.log()) <= 6


def test_an_engine_that_stopped_stays_stopped(server: Server) -> None:
    server.set(faults={"404": 1.0})
    with engine(server).open() as write:
        with pytest.raises(EngineStopped, match="does base_url end in /v1"):
            write(numbered(2))
        sent = len(server.log())
        with pytest.raises(EngineStopped, match="status 404"):
            write(numbered(5))
    assert len(server.log()) == sent


def test_where_nobody_listens_the_message_says_so(server: Server) -> None:
    nobody = OpenAiEngine("toy", "http://127.0.0.1:9/v1", max_tries=1)
    with nobody.open() as write, pytest.raises(EngineStopped, match=r"failed 1 times on one question, the last time with: .*[Cc]onnect"):
        write(numbered(1))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("FILTER-400", "refused by the server: status 400: content_filter"),
        ("LONG-400", "refused by the server: status 400: invalid_request_error This model's maximum context length"),
        ("ODD-400", "refused by the server: status 400: bad invalid_request_error I do not like this"),
        ("FILTER-IT", "stopped by the server's content filter"),
        ("CUT-IT", "cut at max_tokens"),
        ("DECLINE-IT", "declined by the model: I will not say that."),
    ],
)
def test_what_the_server_or_the_model_refuses_is_told_and_asked_once(server: Server, text: str, why: str) -> None:
    (reply,) = asked(server, [Prompt(text)])
    assert reply.why.startswith(why)
    assert len([row for row in server.log() if row["text"] == text]) == 1


def test_a_plain_question_is_asked_once_to_tell_whose_fault_a_refusal_is(server: Server) -> None:
    replies = asked(server, [Prompt(f"ODD-400 {number}") for number in range(5)])
    assert {bool(reply.why) for reply in replies} == {True}
    assert [row["text"] for row in server.log()].count("Reply with the word yes.") == 1


def test_parameters_that_the_server_never_takes_stop_the_engine(server: Server) -> None:
    with pytest.raises(EngineStopped, match=r"I do not like this \(a plain question is refused too"):
        asked(server, numbered(3), top_p=0.123)


def test_the_budget_of_requests_is_kept_exactly(server: Server) -> None:
    kept: list[str] = []
    opened = engine(server, max_requests=7, concurrency=3).open(lambda prompt, reply: kept.append(prompt.text))
    told = r"budget of 7 requests is spent \(max_requests\); 7 questions were answered"
    with opened as write, pytest.raises(EngineStopped, match=told):
        write(numbered(20))
    assert len(server.log()) == 7
    assert len(kept) == 7


@pytest.mark.parametrize("usage", [True, False])
def test_the_budget_of_tokens_is_never_passed(server: Server, usage: bool) -> None:
    server.set(usage=usage)  # without, the tokens are counted here
    prompts = [Prompt(f"question {number}", max_tokens=20) for number in range(50)]
    with pytest.raises(EngineStopped, match=r"of 100 output tokens are written, and the next reply may have 20"):
        asked(server, prompts, max_output_tokens_total=100, concurrency=8)
    answered = sum(server.answered().values())
    assert 14 <= answered <= 21  # replies of four or five tokens, until fewer than 20 are left


def test_a_wrong_key_is_told_without_being_said(server: Server) -> None:
    server.set(key="sk-the-right-one-123456")
    with pytest.raises(EngineStopped) as stopped:
        asked(server, numbered(2))
    assert "status 401" in str(stopped.value) and "is the key in the environment" in str(stopped.value)
    assert "Bearer [key]" in str(stopped.value)
    assert KEY not in str(stopped.value)


def test_the_key_goes_to_the_server_and_nowhere_else(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.set(key="sk-other-0123456789")
    monkeypatch.setenv("MY_KEY", "sk-other-0123456789")
    made = engine(server, api_key_env="MY_KEY")
    with made.open() as write:
        assert write(numbered(1))[0].text == "You said: question 0"
        (said_back,) = write([Prompt("my key is sk-other-0123456789")])
    assert said_back.text == "You said: my key is [key]"
    assert "sk-other" not in repr(made) + made.identity()


def test_without_a_key_the_placeholder_is_sent_and_a_bad_one_is_told(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    server.set(key="none")
    assert len(asked(server, numbered(1))) == 1
    monkeypatch.setenv("OPENAI_API_KEY", "sk-\nü")
    with pytest.raises(EngineStopped, match="the key in OPENAI_API_KEY has characters that no HTTP header can carry"):
        asked(server, numbered(1))
    assert os.environ["OPENAI_API_KEY"] == "sk-\nü"


def test_identity_is_what_decides_a_reply(server: Server) -> None:
    base = OpenAiEngine("toy", "http://a/v1")
    free = OpenAiEngine("toy", "https://b:8000/v1", api_key_env="K", concurrency=1, timeout_s=1.0, max_tries=1, max_requests=1)
    assert free.identity() == base.identity()
    others = [OpenAiEngine("toy2", "http://a/v1")]
    others += [
        OpenAiEngine("toy", "http://a/v1", **{name: value})
        for name, value in (("revision", "q4"), ("temperature", 0.0), ("top_p", 0.5), ("sampling_seed", 1))
    ]  # type: ignore[arg-type]
    assert len({one.identity() for one in (base, *others)}) == 6


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"base_url": ""}, "writer is 'openai', which needs base_url; see runbooks/endpoints.md"),
        ({"model": "", "base_url": ""}, "needs model and base_url"),
        ({"base_url": "localhost:8000"}, "expected the address of a server such as http://localhost:8000/v1"),
        ({"base_url": "https://me:secret@host/v1"}, "base_url holds a user name, a password or a query"),
        ({"base_url": "https://host/v1?api-key=secret"}, "base_url holds a user name, a password or a query"),
        ({"concurrency": 0}, "concurrency is 0, expected 1 or more"),
        ({"max_requests": -1}, "max_requests is -1, expected 0 or more"),
        ({"temperature": -0.1}, "temperature -0.1"),
        ({"top_p": 0.0}, "top_p 0"),
        ({"timeout_s": 0.0}, "timeout_s 0"),
        ({"tokens_field": "tokens"}, "expected max_tokens or max_completion_tokens"),
    ],
)
def test_an_endpoint_that_cannot_be_asked_is_a_plan_error(options: dict[str, Any], told: str) -> None:
    with pytest.raises(PlanError, match=told) as problem:
        Endpoint(**{"model": "toy", "base_url": "http://host/v1", **options}).engine()
    assert "secret" not in str(problem.value)


def test_a_call_works_inside_a_running_loop(server: Server) -> None:
    import asyncio

    async def notebook() -> list[Reply]:
        return asked(server, numbered(2))

    assert len(asyncio.run(notebook())) == 2
