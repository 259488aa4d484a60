"""Messages of rows on a page: media in their places, tools readable, two answers compared word by word."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import html as lxml_html

from pipelines.report.messages import MAX_COMPARED_WORDS, MAX_ROW_CHARS, MAX_TURNS, compared, messages_html
from schemas.parts import Text, ToolCall, ToolResult, Tools
from schemas.records import Conversation, Document, Turn
from tests.model.written import ORIGIN, clip, conversation, image, preference

TEXTS = st.text(alphabet=st.sampled_from("ab .\n\u4f60"), max_size=40)


def page(html: object) -> Any:
    return lxml_html.fromstring(f"<div>{html}</div>")


def test_media_stand_where_they_are_among_the_texts() -> None:
    row = conversation("c", [image(20, 20), image(20, 20), "Look", clip(9_000), "and hear"], "Yes")
    user, assistant = page(messages_html(row)).find_class("example-turn")
    assert [element.text_content() for element in user] == ["user", "image 1image 2", "Look", "audio 1", "and hear"]
    assert [element.text_content() for element in assistant] == ["assistant learned", "Yes"]
    assert "is-learned" in assistant.get("class") and "is-learned" not in user.get("class")


def test_tools_calls_and_results_are_readable() -> None:
    tools = [
        {"type": "function", "function": {"name": "add", "description": "Adds <b>.", "parameters": {"type": "object"}}},
        {"name": "stop"},
    ]
    turns = (
        Turn("system", (Text("Help."), Tools(json.dumps(tools)))),
        Turn("assistant", (ToolCall("add", '{"a": 1, "b": [2, "\u00e9"]}'), ToolCall("stop", "{}")), learned=True),
        Turn("tool_response", (ToolResult("add", '{"sum": 3}'), ToolResult("stop", "no JSON"))),
    )
    shown = page(messages_html(Conversation("c", ORIGIN, turns)))
    assert [summary.text for summary in shown.iter("summary")] == ["add: Adds <b>.", "stop"]
    definition, _, call, result, other = (pre.text for pre in shown.iter("pre"))
    assert json.loads(definition) == {"parameters": {"type": "object"}}
    assert call == 'a = 1\nb = [2, "\u00e9"]'
    assert (result, other) == ('{\n  "sum": 3\n}', "no JSON")
    assert "may call 2 tools" in shown.text_content() and "no arguments" in shown.text_content()


def test_tools_of_another_form_are_shown_as_they_are() -> None:
    for definitions, wanted in (("no JSON", "no JSON"), ('{"a": 1}', '{\n  "a": 1\n}'), ("[1]", "[\n  1\n]")):
        shown = page(messages_html(Conversation("c", ORIGIN, (Turn("system", (Tools(definitions),)),))))
        assert next(shown.iter("pre")).text == wanted


@settings(max_examples=200, deadline=None)
@given(first=TEXTS, second=TEXTS)
def test_the_compared_runs_make_the_texts(first: str, second: str) -> None:
    found = compared(first, second)
    assert found is not None
    assert tuple("".join(text for text, _ in side) for side in found) == (first, second)
    same = ["".join(text for text, only_here in side if not only_here) for side in found]
    assert same[0] == same[1]
    assert (first == second) == (not any(only_here for side in found for _, only_here in side))


def test_answers_are_compared_word_by_word() -> None:
    row = preference("p", ["How much?"], "It is 42 apples.", "It is 41 apples, I think.")
    shown = page(messages_html(row))
    chosen, rejected = shown.find_class("example-side")
    assert [mark.text for mark in chosen.iter("mark")] == ["42"]
    assert [mark.text for mark in rejected.iter("mark")] == ["41", ", I think"]
    assert [chosen.find_class("example-text")[0].text_content(), rejected.find_class("example-text")[0].text_content()] == [
        "It is 42 apples.",
        "It is 41 apples, I think.",
    ]


def test_long_answers_are_shown_without_comparing() -> None:
    row = preference("p", ["How?"], "no " * MAX_COMPARED_WORDS, "yes")
    shown = page(messages_html(row))
    assert list(shown.iter("mark")) == []
    assert "not compared word by word: one has more than 1,500 words" in shown.text_content()


def test_texts_of_a_row_are_bounded_together() -> None:
    turns = tuple(Turn("user", (Text("x" * 9_000), ToolCall("f", json.dumps({"a": "y" * 9_000})))) for _ in range(MAX_TURNS + 7))
    html = str(messages_html(Conversation("c", ORIGIN, turns)))
    assert html.count("x") + html.count("y") < MAX_ROW_CHARS + 5_000  # and those of words of ours
    assert "7 more turns are not shown." in html
    assert "[... 5,000 characters not shown ...]" in html
    document = str(messages_html(Document("d", ORIGIN, "z" * 100_000)))
    assert document.count("z") == 8_000 and "92,000 characters not shown" in document
