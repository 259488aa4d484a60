"""Samples of one question, schemas, streams, audio and thoughts, against a real server that fails in every way."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from pipelines.endpoint.messages import seed_of
from processors.engine import EngineStopped
from processors.tasks.writing import Prompt, Reply
from schemas.identity import canonical_json
from tests.pipelines.endpoint.test_engine import FAULTS, asked, engine, numbered
from tests.pipelines.endpoint.test_forms import wav
from tests.servers import Server

SCHEMA = canonical_json(
    {"type": "object", "properties": {"number": {"type": "integer"}, "kind": {"type": "string"}}, "required": ["number"]}
)


def sampled(count: int, text: str = "question", **more: Any) -> list[Prompt]:
    return [Prompt(text, sample=number, **more) for number in range(count)]


def parameters(server: Server, name: str) -> list[Any]:
    return [row["parameters"].get(name) for row in server.log()]


def test_samples_are_requests_with_seeds_of_their_own(server: Server) -> None:
    replies = asked(server, sampled(4), sampling_seed=5)
    assert [reply.text for reply in replies] == ["You said: question"] * 4
    assert sorted(parameters(server, "seed")) == sorted(seed_of(5, sample) for sample in range(4))
    assert parameters(server, "n") == [None] * 4


def test_samples_travel_together_where_the_server_can(server: Server) -> None:
    prompts = [*sampled(5, "first"), *sampled(2, "second"), Prompt("third")]
    mixed = [prompts[at] for at in (6, 0, 3, 7, 1, 4, 5, 2)]
    replies = asked(server, mixed, samples_per_request=4)
    ends = {0: "", 1: " #1", 2: " #2", 3: " #3"}
    told = {(prompt.text, prompt.sample): reply.text for prompt, reply in zip(mixed, replies, strict=True)}
    assert [told["first", sample] for sample in range(5)] == [f"You said: first{ends[sample % 4]}" for sample in range(5)]
    assert [told["second", sample] for sample in range(2)] == ["You said: second", "You said: second #1"]
    assert told["third", 0] == "You said: third"
    assert sorted(parameters(server, "n"), key=str) == [2, 4, None, None]
    assert {row["parameters"]["seed"] for row in server.log() if row["parameters"].get("n") is None} == {0, seed_of(0, 4)}
    assert Counter(reply.num_output_tokens for reply in replies) == {-1: 6, 3: 2}  # the server counts a request's choices together


@pytest.mark.parametrize("stream", [False, True])
def test_choices_that_a_response_lacks_are_asked_again_and_the_others_are_kept(server: Server, stream: bool) -> None:
    server.set(faults={"few": 0.3, "many": 0.2, "twins": 0.0 if stream else 0.2}, most_faults=1)  # streamed twins cannot be told apart
    prompts = [prompt for number in range(20) for prompt in sampled(6, f"question {number}")]
    replies = asked(server, prompts, samples_per_request=6, stream=stream)
    assert len(replies) == 120
    assert {reply.why for reply in replies} == {""}
    wanted = Counter(row["parameters"].get("n", 1) for row in server.log())
    assert wanted[6] == 20
    assert wanted[3] > 0  # what "few" left out
    assert set(wanted) == {3, 6}


def test_streamed_twins_are_a_failure_and_no_mixture(server: Server) -> None:
    server.set(faults={"twins": 1.0}, most_faults=1)
    replies = asked(server, sampled(3), samples_per_request=3, stream=True)
    assert [reply.text for reply in replies] == ["You said: question", "You said: question #1", "You said: question #2"]
    assert len(server.log()) == 2


@pytest.mark.parametrize("options", [{}, {"stream": True}, {"samples_per_request": 2}])
def test_every_question_is_answered_once_however_replies_travel(server: Server, options: dict[str, Any]) -> None:
    faults = (*FAULTS, "few", "many", "undone", *(["stream_error"] if options.get("stream") else []))
    server.set(faults=dict.fromkeys(faults, 0.06), most_faults=2, retry_after="0.01")
    replies = asked(server, numbered(100), **options)
    assert [reply.text for reply in replies] == [f"You said: question {number}" for number in range(100)]
    assert set(server.answered().values()) == {1}
    assert {"half", "chunks", "malformed"} <= {row["outcome"] for row in server.log()}


def test_a_stream_is_as_the_whole_response(server: Server) -> None:
    assert asked(server, numbered(3), stream=True) == asked(server, numbered(3))
    assert server.log()[0]["parameters"]["stream_options"] == {"include_usage": True}
    (cut,) = asked(server, [Prompt("CUT-IT and more")], stream=True)
    assert (cut.why, cut.text) == ("cut at max_tokens", "You said: CU")
    (declined,) = asked(server, [Prompt("DECLINE-IT")], stream=True)
    assert declined.why == "declined by the model: I will not say that."


def test_half_a_stream_is_never_an_answer(server: Server) -> None:
    server.set(faults={"half": 0.5, "chunks": 0.5})
    kept: list[Reply] = []
    with (
        engine(server, stream=True, max_tries=3).open(lambda _, reply: kept.append(reply)) as write,
        pytest.raises(EngineStopped, match="failed 3 times on one question"),
    ):
        write(numbered(4))
    assert kept == []


def test_a_huge_body_is_not_read_to_its_end(server: Server) -> None:
    server.set(faults={"huge": 1.0}, most_faults=1)
    replies = asked(server, numbered(2))
    assert [reply.text for reply in replies] == ["You said: question 0", "You said: question 1"]
    outcomes = Counter(row["outcome"] for row in server.log())
    assert outcomes == {"answer": 2, "client gone": 2}  # gone before the 64 MiB were sent


@pytest.mark.parametrize("stream", [False, True])
def test_thoughts_that_the_server_takes_out_stand_before_the_text(server: Server, stream: bool) -> None:
    (reply,) = asked(server, [Prompt("THINK-IT")], keep_thoughts=True, stream=stream)
    assert reply.text == "<think>\nI think so.\n</think>\n\nYou said: THINK-IT"
    assert asked(server, [Prompt("THINK-IT")], stream=stream)[0].text == "You said: THINK-IT"
    assert engine(server, keep_thoughts=True).identity() != engine(server).identity()


def test_sounds_and_earlier_turns_arrive(server: Server) -> None:
    (reply,) = asked(server, [Prompt("What is said?", audios=(wav(), b"ID3x"))])
    assert reply.text == f"There are 2 sounds; the first is wav of {len(wav())} bytes."
    (reply,) = asked(server, [Prompt("And now?", history=(("user", "Hi"), ("assistant", "Hello")))])
    assert reply.text == "You said before: Hi | Hello"


def test_audio_that_no_server_takes_is_refused_without_a_request(server: Server) -> None:
    (reply,) = asked(server, [Prompt("What is said?", audios=(b"FORM....AIFF",))])
    assert reply.why == "refused by the server: the audio begins b'FORM....', expected a WAV, MP3, FLAC or Ogg file"
    assert server.log() == []


def test_a_schema_goes_to_the_server_and_the_reply_matches_it(server: Server) -> None:
    replies = asked(server, [Prompt("Say 7", schema=SCHEMA), Prompt("FENCE-IT 8", schema=SCHEMA)])
    assert [reply.text for reply in replies] == [
        '{"number": 7, "kind": "json_schema"}',
        '```json\n{"number": 8, "kind": "json_schema"}\n```',
    ]
    assert [reply.why for reply in replies] == ["", ""]
    told = server.log()[0]["parameters"]["response_format"]["json_schema"]
    assert canonical_json(told["schema"]) == SCHEMA


def test_a_reply_that_does_not_match_is_asked_again_with_another_seed(server: Server) -> None:
    (once,) = asked(server, [Prompt("MISS-ONCE 3", schema=SCHEMA)])
    assert (once.text, once.why) == ('{"number": 3, "kind": "json_schema"}', "")
    assert parameters(server, "seed") == [0, seed_of(0, 0, 1)]


@pytest.mark.parametrize("options", [{}, {"samples_per_request": 2}])
def test_a_model_that_never_matches_is_asked_three_times(server: Server, options: dict[str, Any]) -> None:
    prompts = sampled(2, "MISS-IT 3", schema=SCHEMA)
    replies = asked(server, prompts, **options)
    # the second choice of a request has "#1" behind its JSON
    assert {reply.why.split(":")[0] for reply in replies} == {"does not match the schema"}
    assert replies[0].why == "does not match the schema: at number: 'a few' is not of type 'integer'"
    assert replies[0].text == '{"number": "a few", "kind": "json_schema"}'
    assert len(server.log()) == (3 if options else 6)
    assert len(set(parameters(server, "seed"))) == len(server.log())


def test_a_schema_that_is_none_is_an_error_of_the_program(server: Server) -> None:
    with pytest.raises(ValueError, match="a prompt's schema is no JSON schema"):
        asked(server, [Prompt("Say 7", schema='{"type": "whole"}')])


def test_parameters_of_samples_that_the_server_never_takes_stop_the_engine(server: Server) -> None:
    with pytest.raises(EngineStopped, match=r"I do not like this \(a plain question is refused too"):
        asked(server, sampled(2, schema=SCHEMA), samples_per_request=2, top_p=0.123)
    plain = server.log()[-1]["parameters"]
    assert plain["n"] == 2  # the plain question is as the refused one in all but its text
    assert "response_format" in plain
