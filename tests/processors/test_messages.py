"""Chat rows of every spelling become the same turns, media in their places, and each refusal has its nearest good row."""

from __future__ import annotations

import base64
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.messages import MessagesTask, PairsTask
from schemas.outcome import Reject
from schemas.parts import Audio, Image, Part, Text, ToolCall, ToolResult, Tools
from schemas.records import Conversation, Origin, Row, Turn

ORIGIN = Origin("test")
IMAGES = {"image": b"0", "image.1": b"1", "image.2": b"2", "image.10": b"10"}


def row(fields: dict[str, object], **blobs: bytes) -> Row:
    return Row("k", ORIGIN, fields, {name.replace("_", "."): data for name, data in blobs.items()})


def read(fields: dict[str, object], **blobs: bytes) -> tuple[Turn, ...]:
    record = MessagesTask()(row(fields, **blobs))
    assert isinstance(record, Conversation), record
    return record.turns


def refusal(fields: dict[str, object], **blobs: bytes) -> str:
    result = MessagesTask()(row(fields, **blobs))
    return result.reason if isinstance(result, Reject) else "none"


def chat(*contents: object) -> dict[str, object]:
    """User and assistant in turn."""
    return {"messages": [{"role": ("user", "assistant")[at % 2], "content": content} for at, content in enumerate(contents)]}


def llava(*values: str) -> dict[str, object]:
    return {"conversations": [{"from": ("human", "gpt")[at % 2], "value": value} for at, value in enumerate(values)]}


def shown(parts: tuple[Part, ...]) -> list[object]:
    """Parts as plain values: text as text, media as their bytes."""
    return [part.text if isinstance(part, Text) else part.source if isinstance(part, (Image, Audio)) else part for part in parts]


# ---- spellings


@pytest.mark.parametrize(
    "fields",
    [
        chat("Hi.", "Hello!"),
        llava("Hi.", "Hello!"),
        chat([{"type": "text", "text": "Hi."}], [{"type": "text", "text": "Hello!"}]),
        {"conversation": [{"role": "human", "content": "Hi."}, {"role": "model", "content": "Hello!"}]},
        {"question": "Hi.", "answer": "Hello!"},
        {"prompt": " Hi.\n", "response": "Hello!"},
        {"prompt": "Hi.", "completion": "Hello!"},
        {"instruction": "Hi.", "input": "", "output": "Hello!"},
        {"instruction": "Hi.", "context": "", "response": "Hello!", "category": "open_qa"},
    ],
)
def test_every_spelling_gives_the_same_turns(fields: dict[str, object]) -> None:
    assert read(fields) == (Turn("user", (Text("Hi."),)), Turn("assistant", (Text("Hello!"),), learned=True))


def test_a_context_stands_below_the_instruction() -> None:
    turns = read({"instruction": "When was he born?", "context": "He was born in 1981.", "response": "In 1981."})
    assert turns[0].parts == (Text("When was he born?\n\nHe was born in 1981."),)


def test_every_answer_is_learned_but_those_of_weight_0() -> None:
    fields = chat("a", "b", "c", "d", "e")
    fields["messages"][1]["weight"] = 0  # type: ignore[index]
    assert [turn.learned for turn in read(fields)] == [False, False, False, True, False]


def test_system_messages_stay_and_empty_ones_vanish() -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    assert [turn.role for turn in read({"messages": messages})] == ["system", "user", "assistant"]
    assert read({"messages": messages})[0].parts == (Text("Be brief."),)
    messages[0] = {"role": "system", "content": " "}
    assert [turn.role for turn in read({"messages": messages})] == ["user", "assistant"]
    assert read({**chat("a", "b"), "system": "Be brief."})[0] == Turn("system", (Text("Be brief."),))


def test_tools_stand_in_the_system_message() -> None:
    tools = [{"name": "f", "parameters": {}}]
    told = '[{"name": "f", "parameters": {}}]'
    assert read({**chat("a", "b"), "tools": tools})[0] == Turn("system", (Tools(told),))
    assert read({**chat("a", "b"), "functions": tools})[0] == Turn("system", (Tools(told),))
    assert read({**chat("a", "b"), "system": "S", "tools": f" {told}\n"})[0] == Turn("system", (Text("S"), Tools(told)))
    messages = [{"role": "system", "content": "S", "tools": told}, {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    assert read({"messages": messages})[0] == Turn("system", (Text("S"), Tools(told)))
    assert refusal({"messages": messages, "tools": tools}) == "bad_message"


def test_results_stand_in_the_order_of_their_calls() -> None:
    calls = [{"id": name, "type": "function", "function": {"name": name, "arguments": "{}"}} for name in ("a", "b")]
    results = [{"role": "tool", "tool_call_id": name, "content": f"of {name}"} for name in ("b", "a")]
    messages = [
        {"role": "user", "content": "Do."},
        {"role": "assistant", "tool_calls": calls},
        *results,
        {"role": "assistant", "content": "Done."},
    ]
    turns = read({"messages": messages})
    assert turns[1].parts == (ToolCall("a", "{}"), ToolCall("b", "{}"))
    assert [turn.parts for turn in turns[2:4]] == [(ToolResult("a", "of a"),), (ToolResult("b", "of b"),)]
    results[0]["tool_call_id"] = "c"  # whose it is cannot be told: they stay as they are
    assert [part.content for turn in read({"messages": messages})[2:4] for part in turn.parts if isinstance(part, ToolResult)] == [
        "of b",
        "of a",
    ]


def test_tool_calls_and_their_results() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"x": 1}'}}
    messages = [
        {"role": "user", "content": "1 + 1?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "2"},
        {"role": "assistant", "content": "It is 2."},
    ]
    turns = read({"messages": messages})
    assert turns[1] == Turn("assistant", (ToolCall("add", '{"x": 1}'),), learned=True)
    assert turns[2] == Turn("tool_response", (ToolResult("add", "2"),))
    sharegpt = [
        {"from": "human", "value": "1 + 1?"},
        {"from": "function_call", "value": '{"name": "add", "arguments": {"x": 1}}'},
        {"from": "observation", "value": "2"},
        {"from": "gpt", "value": "It is 2."},
    ]
    assert read({"conversations": sharegpt})[1].parts == (ToolCall("add", '{"x": 1}'),)
    assert read({"conversations": sharegpt})[2] == Turn("tool_response", (ToolResult("", "2"),))


def test_the_language_is_what_the_row_states() -> None:
    records = [MessagesTask()(row({**chat("a", "b"), **stated})) for stated in ({"lang": "de-AT"}, {"language": "EN"}, {})]
    assert [record.facts for record in records if isinstance(record, Conversation)] == [
        {"text.stated_language": "de"},
        {"text.stated_language": "en"},
        {"text.stated_language": ""},
    ]


# ---- media


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<image>\nWhat is it?", [b"0", "What is it?"]),
        ("What is it?\n<image>", ["What is it?", b"0"]),
        ("<|image_1|>What is it?", [b"0", "What is it?"]),
        ("<|image|> What is it?", [b"0", "What is it?"]),
        ("<image_1>", [b"0"]),
        ("Is <image> a cat?", ["Is ", b"0", " a cat?"]),
        ("What is it?", [b"0", "What is it?"]),
        ("First line\n<image>\nlast line", ["First line", b"0", "last line"]),
    ],
)
def test_a_marker_is_a_place_and_vanishes_from_the_text(text: str, expected: list[object]) -> None:
    assert shown(read(llava(text, "A cat."), image=b"0")[0].parts) == expected


def test_several_images_in_order_over_several_messages() -> None:
    blobs = dict(zip(("image_10", "image_2", "image", "image_1"), (b"10", b"2", b"0", b"1"), strict=True))
    turns = read(llava("<image><image>\nCompare <image>.", "Yes.", "And <image>?", "No."), **blobs)
    assert shown(turns[0].parts) == [b"0", b"1", "Compare ", b"2", "."]
    assert shown(turns[2].parts) == ["And ", b"10", "?"]


def test_parts_of_openai_messages() -> None:
    parts = [{"type": "image_url", "image_url": {"url": "cat.png"}}, {"type": "text", "text": "And"}, {"type": "image"}]
    assert shown(read(chat(parts, "A cat."), image=b"0", image_1=b"1")[0].parts) == [b"0", "And", b"1"]
    data = base64.b64encode(b"png").decode()
    inline = [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}, {"type": "text", "text": "What?"}]
    assert shown(read(chat(inline, "A cat."))[0].parts) == [b"png", "What?"]
    spoken = [{"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}]
    turns = read(chat(spoken, "A cat."))
    assert isinstance(turns[0].parts[0], Audio)
    assert shown(turns[0].parts) == [b"png"]


def test_media_without_a_marker_stand_first_images_before_audio() -> None:
    assert shown(read(chat("What?", "This."), image=b"i", audio=b"a")[0].parts) == [b"i", b"a", "What?"]
    assert shown(read(chat("<image>\nWhat?", "This."), image=b"i", audio=b"a")[0].parts) == [b"i", b"a", "What?"]
    assert shown(read(chat("<audio>", "This."), audio=b"a")[0].parts) == [b"a"]
    system = {"messages": [{"role": "system", "content": "S"}, *chat("What?", "This.")["messages"]]}  # type: ignore[misc]
    assert shown(read(system, image=b"i")[1].parts) == [b"i", "What?"]


def test_markers_of_answers_are_text() -> None:
    assert read(chat("How do I show a picture?", "With <image> tags."))[1].parts == (Text("With <image> tags."),)


def test_the_bytes_are_shared() -> None:
    given_row = row(chat("<image>\nWhat?", "This."), image=b"bytes of an image")
    record = MessagesTask()(given_row)
    assert isinstance(record, Conversation)
    image = record.turns[0].parts[0]
    assert isinstance(image, Image)
    assert image.source is given_row.blobs["image"]


# ---- refusals


@pytest.mark.parametrize(
    ("fields", "blobs", "reason"),
    [
        ({}, {}, "no_messages"),
        ({"messages": []}, {}, "no_messages"),
        ({"text": "a"}, {}, "no_messages"),
        ({"question": "a"}, {}, "no_answer"),
        ({"question": "a", "answer": " "}, {}, "no_answer"),
        ({"messages": "hello"}, {}, "bad_message"),
        ({"messages": ["hello"]}, {}, "bad_message"),
        ({"messages": [{"role": "narrator", "content": "a"}]}, {}, "bad_message"),
        ({"messages": [{"content": "a"}]}, {}, "bad_message"),
        (chat(5, "b"), {}, "bad_message"),
        (chat("", "b"), {}, "bad_message"),
        (chat("a", ""), {}, "bad_message"),
        (chat("a", None), {}, "bad_message"),
        (chat([{"type": "file", "file": {}}], "b"), {}, "bad_message"),
        (chat("a", [{"type": "image"}]), {"image": b"0"}, "bad_message"),
        (chat("<video>\nWhat?", "b"), {}, "bad_message"),
        (chat([{"type": "image_url", "image_url": {"url": "data:image/png;base64,@@"}}], "b"), {}, "bad_message"),
        (chat([{"type": "image_url", "image_url": {"url": "data:image/svg+xml,<svg/>"}}], "b"), {}, "bad_message"),
        ({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "weight": 2}]}, {}, "bad_message"),
        ({**chat("a", "b"), "tools": "{}"}, {}, "bad_message"),
        (chat("<image>\na", "b"), {}, "wrong_image_count"),
        (chat("<image>\na", "b"), {"image": b"0", "image_1": b"1"}, "wrong_image_count"),
        (chat("<image><image>\na", "b"), {"image": b"0"}, "wrong_image_count"),
        (chat("<audio>\na", "b"), {}, "wrong_audio_count"),
        (chat("<|audio_1|><|audio_2|>", "b"), {"audio": b"0"}, "wrong_audio_count"),
        (chat("a"), {}, "no_answer"),
        ({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "weight": 0}]}, {}, "no_answer"),
        ({"messages": [{"role": "assistant", "content": "b"}]}, {}, "no_question"),
        ({"messages": [{"role": "assistant", "content": "b"}]}, {"image": b"0"}, "no_question"),
        (llava("a", "b"), {}, "none"),
        (chat("<image>\na", "b"), {"image": b"0"}, "none"),
        (chat("<image><image>\na", "b"), {"image": b"0", "image_1": b"1"}, "none"),
        (chat("<audio>\na", "b"), {"audio": b"0"}, "none"),
    ],
)
def test_refusals(fields: dict[str, object], blobs: dict[str, bytes], reason: str) -> None:
    assert refusal(fields, **blobs) == reason
    assert reason == "none" or reason in {declared.name for declared in MessagesTask.reasons}


@pytest.mark.parametrize("arguments", ["[1]", "{x", "[" * 100_000, 5, None])
def test_arguments_of_a_tool_call_are_a_json_object(arguments: object) -> None:
    call = {"function": {"name": "add", "arguments": arguments}}
    messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "", "tool_calls": [call]}]
    assert refusal({"messages": messages}) == "bad_message"


def test_a_detail_says_value_and_expectation() -> None:
    result = MessagesTask()(row({"messages": [{"role": "narrator", "content": "a"}]}))
    assert isinstance(result, Reject)
    assert result.detail.startswith("message 0: role is 'narrator', expected one of system, developer, user")


# ---- pairs


def test_each_pair_is_a_conversation_with_all_of_the_images() -> None:
    fields = {"qa": [{"question": "What?", "answer": "A cat."}, ["Is <image> left of <image>?", "Yes."]], "lang": "en"}
    given_row = row(fields, image=b"0", image_1=b"1")
    children = PairsTask()(given_row)
    assert isinstance(children, list)
    assert [shown(child.turns[0].parts) for child in children] == [[b"0", b"1", "What?"], ["Is ", b"0", " left of ", b"1", "?"]]
    assert [child.turns[1] for child in children] == [Turn("assistant", (Text(text),), learned=True) for text in ("A cat.", "Yes.")]
    assert [child.facts for child in children] == [{"text.stated_language": "en"}] * 2
    images = [part for child in children for part in child.turns[0].parts if isinstance(part, Image)]
    assert all(image.source is given_row.blobs["image"] or image.source is given_row.blobs["image.1"] for image in images)


@pytest.mark.parametrize(
    ("fields", "blobs", "reason"),
    [
        ({"qa": [["a", "b"]]}, {}, "no_image"),
        ({}, {"image": b"0"}, "no_pairs"),
        ({"qa": []}, {"image": b"0"}, "no_pairs"),
        ({"qa": "a"}, {"image": b"0"}, "no_pairs"),
        ({"pairs": [["a", "b"], ["c"]]}, {"image": b"0"}, "bad_pair"),
        ({"pairs": [{"question": "a"}]}, {"image": b"0"}, "bad_pair"),
        ({"pairs": [{"question": "a", "answer": " "}]}, {"image": b"0"}, "bad_pair"),
        ({"pairs": ["ab"]}, {"image": b"0"}, "bad_pair"),
        ({"questions": [["<image> <image>?", "b"]]}, {"image": b"0"}, "wrong_image_count"),
        ({"questions": [["<image>", "b"]]}, {"image": b"0"}, "none"),
    ],
)
def test_refusals_of_pairs(fields: dict[str, object], blobs: dict[str, bytes], reason: str) -> None:
    result = PairsTask()(row(fields, **blobs))
    assert (result.reason if isinstance(result, Reject) else "none") == reason
    assert reason == "none" or reason in {declared.name for declared in PairsTask.reasons}


# ---- laws

VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8), st.sampled_from(["user", "assistant", "<image>", "text"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["role", "from", "content", "value", "type", "text", "tool_calls", "name"]), inner, max_size=3),
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["messages", "conversations", "question", "answer", "tools", "qa", "lang"]), VALUES, max_size=4))
def test_whatever_a_row_holds_it_comes_out_or_is_refused(fields: dict[str, object]) -> None:
    for task in (MessagesTask(), PairsTask()):
        first, second = task(row(fields, image=b"0")), task(row(fields, image=b"0"))
        if isinstance(first, Reject):
            assert first == second
            assert first.reason in {reason.name for reason in task.reasons}
        else:
            assert pickle.loads(pickle.dumps(task)) == task


@given(st.lists(st.sampled_from(["<image>", "a", " b ", "\n", "c."]), min_size=1, max_size=8))
def test_no_image_is_lost_or_doubled(pieces: list[str]) -> None:
    num_images = pieces.count("<image>")
    names = ["image", *(f"image_{number}" for number in range(1, num_images))][:num_images]
    result = MessagesTask()(row(chat("".join(pieces) + ".", "A."), **{name: name.encode() for name in names}))
    assert isinstance(result, Conversation)
    parts = result.turns[0].parts
    assert [part.source for part in parts if isinstance(part, Image)] == [name.encode() for name in names]
    assert "".join(part.text for part in parts if isinstance(part, Text)).replace("<image>", "").split() != []
