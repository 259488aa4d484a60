"""From a problem with its attempts to records: what is asked, what was answered, how it was judged; and calls as parts."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from processors.attempts.keep import KeepThought
from processors.attempts.problem import ATTEMPT_FACTS, VERDICT, VERIFIER, attempts_of, with_attempts
from processors.attempts.read import ProblemTask
from processors.attempts.tell import TellAttempts
from processors.attempts.thought import MeasureThought
from processors.attempts.verify import VerifyAttempts
from processors.attempts.write_calls import WriteCalls, plain_calls
from schemas.outcome import Reject
from schemas.parts import Text, ToolCall, Tools
from schemas.records import Conversation, Preference, Row
from tests.processors.attempts.planted_problems import (
    CUT,
    EMPTY,
    KINDS,
    LOOPING,
    NO_ANSWER,
    NO_TEXT,
    RIGHT,
    ROWS,
    TWICE,
    WRONG,
    planted_rows,
)

FATES = {RIGHT: "right", TWICE: "right", LOOPING: "right", WRONG: "wrong"}
FATES |= dict.fromkeys((CUT, EMPTY, NO_ANSWER, NO_TEXT), "cannot_tell")


def judged(name: str) -> Row:
    row = next(row for row in planted_rows() if row.key.endswith(name))
    read = ProblemTask()(row)
    assert isinstance(read, Row)
    return VerifyAttempts()(read)


def told(name: str) -> list[Conversation]:
    found = TellAttempts()(judged(name))
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize("name", [name for name in ROWS if name != "code"])
def test_each_attempt_is_a_record_with_its_verdict(name: str) -> None:
    records = told(name)
    kinds = KINDS[name]
    samplers = [record.facts["attempt.sampler"] for record in records]
    own = [record.facts[VERDICT.name] for record, sampler in zip(records, samplers, strict=True) if sampler != "reference"]
    assert Counter(own) == Counter(FATES[kind] for kind in kinds)
    for record in records:
        assert {fact.name for fact in ATTEMPT_FACTS} <= record.facts.keys()
        assert [turn.role for turn in record.turns][-2:] == ["user", "assistant"]
        assert [turn.learned for turn in record.turns] == [False] * (len(record.turns) - 1) + [True]


def test_a_problem_without_attempts_is_refused() -> None:
    found = TellAttempts()(with_attempts(judged("maths"), ()))
    assert isinstance(found, Reject)
    assert found.reason == "no_attempts"


def test_what_is_cut_is_never_right() -> None:
    row = judged("maths")
    cut = [attempt for attempt in attempts_of(row) if attempt.cut]
    assert cut
    assert {attempt.verdict.value for attempt in cut if attempt.verdict} == {"cannot_tell"}


def test_tools_stand_in_the_system_message_and_calls_are_parts() -> None:
    records = told("calls")
    for record in records:
        assert record.turns[0].role == "system"
        tools = record.turns[0].parts[-1]
        assert isinstance(tools, Tools)
        assert json.loads(tools.definitions)
    right = next(record for record in records if record.facts[VERDICT.name] == "right")
    written = WriteCalls()(right)
    assert isinstance(written, Conversation)
    assert [type(part) for part in written.turns[-1].parts][-1] is ToolCall
    assert written.turns[:-1] == right.turns[:-1]
    pair = Preference("p", right.origin, right.turns[:-1], (right.turns[-1],), (records[-1].turns[-1],), {VERIFIER.name: "calls"})
    both = WriteCalls()(pair)
    assert isinstance(both, Preference)
    assert both.chosen == (written.turns[-1],)


def test_only_answers_to_problems_of_calls_become_calls() -> None:
    record = told("maths")[0]
    assert WriteCalls()(record) is record


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ('<|tool_call|>[{"name": "f", "arguments": {"a": 1}}]<|/tool_call|>', '[{"name": "f", "arguments": {"a": 1}}]'),
        ('[f(a=1), g(b="x")]', '[{"name": "f", "arguments": {"a": 1}}, {"name": "g", "arguments": {"b": "x"}}]'),
        (
            '<think>One call is enough.</think>\n{"name": "f", "arguments": {"a": 1}}',
            '<think>One call is enough.</think>[{"name": "f", "arguments": {"a": 1}}]',
        ),
        ("I cannot look that up.", "I cannot look that up."),
        ("I will call f(a=1) now.", "I will call f(a=1) now."),
        ('<|tool_call|>[{"name": ]<|/tool_call|>', '<|tool_call|>[{"name": ]<|/tool_call|>'),
    ],
)
def test_calls_in_any_form_are_one_list(text: str, plain: str) -> None:
    assert plain_calls(text) == plain
    assert plain_calls(plain) == plain


def test_in_pairs_only_the_right_side_needs_a_sound_thought() -> None:
    looping = next(
        record for record in told("maths") if record.facts["attempt.text_digest"] and "cups. Let me count" in str(record.turns[-1])
    )
    record = MeasureThought()(looping)
    assert isinstance(record, Conversation)
    refused = KeepThought(only_right=True)(record)
    assert isinstance(refused, Reject)
    assert refused.reason == "looping"
    wrong = Conversation(record.key, record.origin, record.turns, {**record.facts, VERDICT.name: "wrong"})
    assert KeepThought(only_right=True)(wrong) is wrong
    assert isinstance(KeepThought()(wrong), Reject)
    assert isinstance(looping.turns[-1].parts[0], Text)
