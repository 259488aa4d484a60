"""Rows of every form become conversations; ids of calls are looked at before they are lost."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from processors.tools.calls import CheckCalls
from processors.tools.task import ToolsTask
from schemas.outcome import Reject
from schemas.parts import Text, ToolCall, ToolResult, Tools
from schemas.records import Conversation, Origin, Row, Turn

TOOLS = [{"type": "function", "function": {"name": "add", "parameters": {"type": "object", "properties": {"x": {"type": "integer"}}}}}]


def row(fields: dict[str, Any]) -> Row:
    return Row("k", Origin("s"), fields)


def read(fields: dict[str, Any]) -> Conversation:
    found = ToolsTask()(row(fields))
    assert isinstance(found, list), found
    (record,) = found
    return record


def refusal(fields: dict[str, Any]) -> str:
    found = ToolsTask()(row(fields))
    assert not isinstance(found, Reject) or found.reason in {reason.name for reason in ToolsTask.reasons}
    return found.reason if isinstance(found, Reject) else "none"


def talk(*ids: str, told: tuple[str, ...]) -> dict[str, Any]:
    calls = [{"id": name, "type": "function", "function": {"name": "add", "arguments": '{"x": 1}'}} for name in ids]
    messages: list[dict[str, Any]] = [{"role": "user", "content": "Add."}, {"role": "assistant", "tool_calls": calls}]
    messages += [{"role": "tool", "tool_call_id": name, "content": f"of {name}"} for name in told]
    return {"messages": [*messages, {"role": "assistant", "content": "Done."}], "tools": TOOLS, "lang": "en"}


def test_chat_messages() -> None:
    record = read(talk("a", "b", told=("b", "a")))
    assert record.turns == (
        Turn("system", (Tools(json.dumps(TOOLS)),)),
        Turn("user", (Text("Add."),)),
        Turn("assistant", (ToolCall("add", '{"x": 1}'), ToolCall("add", '{"x": 1}')), learned=True),
        Turn("tool_response", (ToolResult("add", "of a"),)),
        Turn("tool_response", (ToolResult("add", "of b"),)),
        Turn("assistant", (Text("Done."),), learned=True),
    )
    assert record.facts == {"text.stated_language": "en", "tools.case": "", "tools.how": "given", "tools.truth": ""}
    assert CheckCalls()(record).facts["tools.case"] == "parallel"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("ids", "told", "reason"),
    [
        (("a",), ("a",), "none"),
        (("a",), ("b",), "result_without_call"),
        (("a",), ("a", "a"), "result_without_call"),
        ((), ("a",), "bad_message"),  # an assistant's message with nothing in it
    ],
)
def test_results_name_their_calls(ids: tuple[str, ...], told: tuple[str, ...], reason: str) -> None:
    fields = talk(*ids, told=told)
    if not ids:
        fields["messages"] = [fields["messages"][0], {"role": "assistant", "content": ""}]
    assert refusal(fields) == reason


def test_a_result_of_an_earlier_turns_call_has_no_call() -> None:
    fields = talk("a", told=("a",))
    fields["messages"] += [{"role": "tool", "tool_call_id": "a", "content": "again"}, {"role": "assistant", "content": "So."}]
    assert refusal(fields) == "result_without_call"


@pytest.mark.parametrize("as_text", [True, False])
def test_a_query_with_its_answers(as_text: bool) -> None:
    tools, answers = [{"name": "add", "parameters": {"x": {"type": "int"}}}], [{"name": "add", "arguments": {"x": 1}}] * 2
    fields: dict[str, Any] = {"query": "Twice.", "tools": tools, "answers": answers}
    record = read({name: json.dumps(value) if as_text and name != "query" else value for name, value in fields.items()})
    assert record.turns[0].parts == (Tools(json.dumps(tools)),)
    assert record.turns[-1] == Turn("assistant", (ToolCall("add", '{"x": 1}'), ToolCall("add", '{"x": 1}')), learned=True)
    assert isinstance(CheckCalls()(record), Conversation)
    assert refusal({**fields, "answers": "["}) == "bad_message"
    assert refusal({**fields, "answers": []}) == "bad_message"
    assert refusal({**fields, "answers": [5]}) == "bad_message"


def test_a_bfcl_row() -> None:
    fields = {"id": "simple_1", "question": [[{"role": "user", "content": "Add 1."}]], "function": TOOLS}
    record = read({**fields, "ground_truth": [{"add": {"x": [1]}}]})
    assert (record.facts["tools.how"], record.facts["tools.case"]) == ("accepted", "")
    assert read({**fields, "ground_truth": []}).facts["tools.case"] == "no_call"
    assert refusal(fields) == "no_accepted_answer"
    assert refusal({**fields, "ground_truth": [{"add": {"x": ["one"]}}]}) == "bad_arguments"
    assert refusal({**fields, "function": [], "ground_truth": []}) == "no_tools"
    assert refusal({**fields, "function": "add", "ground_truth": []}) == "bad_tool_schema"
    assert read({**fields, "function": TOOLS[0], "ground_truth": []}).turns == read({**fields, "ground_truth": []}).turns


def test_rows_without_tools_pass_to_the_check() -> None:
    record = read({"question": "1 + 1?", "answer": "2"})
    found = CheckCalls()(record)
    assert isinstance(found, Reject)
    assert found.reason == "no_tools"
    assert refusal({}) == "no_messages"


def test_the_steps_can_travel() -> None:
    for step in (ToolsTask(3), CheckCalls("schema")):
        assert pickle.loads(pickle.dumps(step)) == step


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(allow_nan=True) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["role", "content", "tool_calls", "name", "function", "parameters", "type", "properties", "required", "id", "x"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
COLUMNS = ["messages", "tools", "question", "function", "ground_truth", "query", "answers", "topic", "count", "cases", "id"]


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(COLUMNS), VALUES, max_size=5))
def test_any_row_is_read_or_refused(fields: dict[str, Any]) -> None:
    before = repr(fields)
    found = ToolsTask()(row(fields))
    assert repr(fields) == before
    if isinstance(found, Reject):
        assert found.reason in {reason.name for reason in ToolsTask.reasons}
        return
    for record in found:
        checked = CheckCalls()(record)
        assert isinstance(checked, Conversation) or checked.reason in {reason.name for reason in CheckCalls.reasons}


@settings(max_examples=150, deadline=None)
@given(VALUES, VALUES, VALUES)
@example({"role": None, "type": [[]]}, None, None)
def test_any_bfcl_row_is_read_or_refused(function: Any, truth: Any, arguments: Any) -> None:
    question = [[{"role": "user", "content": "Do."}]]
    for told in ([function], function, [{"name": "f", "parameters": function}]):
        for accepted in (truth, [{"f": truth}], [{"f": {"x": truth}}], [{"f": {"x": [arguments]}}]):
            assert refusal({"question": question, "function": told, "ground_truth": accepted})
