"""Documents with summaries: what is read, how it is shown, and every way in which a summary is refused."""

from __future__ import annotations

import dataclasses
import json
import pickle

import pytest

from processors import tokens
from processors.dialogue import LANGUAGE
from processors.tasks.document_summary import IS_WINDOW, NUM_SOURCE_TOKENS, DocumentTask, DocumentWriting, source_of
from processors.tasks.record_digest import RECORD_DIGEST
from processors.tasks.summary import FORMAT, LENGTH_INSTRUCTION, SOURCE_PART, SummaryStyle, request_and_summary
from processors.tasks.summary_quality import COMPRESSION, COVERAGE, LEAD, KeepDocumentSummary, furniture_in, is_truncated
from processors.tasks.summary_wordings import REQUESTS
from schemas.outcome import Reject
from schemas.parts import Text
from schemas.records import Conversation, Origin, Row

TEXT = (
    "The council of Arvenlund has decided to restore the old bridge over the river. Work is to begin on 3 May 2024, as the mayor, Ruth "
    "Ellison, told the local paper on Monday. The repairs will cost 452,000 euros, of which the region pays half. Some 2,310 people had "
    "signed a letter that asked for it. The head of the school said that his pupils would help with the painting of the railings."
)
SUMMARY = "Arvenlund will restore its old bridge from 2024-05-03. The repairs cost 452,000 euros, and 2,310 people had signed a letter."
TURNS = [
    ["Ann", "The budget is 25 euros."],
    ["Bob", "Rubber buttons are cheaper, says the factory in Hamburg."],
    ["Ann", "Then we take rubber."],
]


def row(**fields: object) -> Row:
    return row_of("k", fields)


def row_of(key: str, fields: dict[str, object]) -> Row:
    return Row(key, Origin("s"), fields)


def made(max_tokens: int = 131_072, key: str = "k", **fields: object) -> list[Conversation]:
    done = DocumentTask(max_tokens)(row_of(key, fields))
    assert isinstance(done, list), done
    return done


def one(**fields: object) -> Conversation:
    (record,) = made(**fields)  # type: ignore[arg-type]
    return record


def outcome(record: Conversation, **bounds: float) -> str:
    done = KeepDocumentSummary(**bounds)(record)  # type: ignore[arg-type]
    return done.reason if isinstance(done, Reject) else "kept"


def judged(summary: str, document: str = TEXT, **bounds: float) -> str:
    return outcome(one(document=document, summary=summary, lang="en"), **bounds)


# ---- what is read


@pytest.mark.parametrize(
    "fields",
    [
        {"document": TEXT, "summary": SUMMARY},
        {"article": TEXT, "highlights": SUMMARY.replace(". ", " .\n")},
        {"text": TEXT, "summaries": [SUMMARY]},
        {"content": TEXT, "highlights": SUMMARY.replace(". The", ".\nThe").splitlines()},
        {"context": TEXT, "instruction": "Sum it up.", "response": SUMMARY, "category": "summarization"},
        {"document": TEXT, "query": "What is planned?", "answer": SUMMARY},
        {"document": TEXT, "queries": [{"query": "What is planned?", "summary": SUMMARY}]},
        {"document": TEXT, "abstract": f" {SUMMARY} "},
    ],
)
def test_every_way_to_give_a_document_with_its_summary(fields: dict[str, object]) -> None:
    record = one(**fields)
    request, summary = request_and_summary(record)
    assert source_of(record) == TEXT
    assert summary == SUMMARY
    asked = next((str(fields[name]) for name in ("instruction", "query") if name in fields), "")
    assert request == asked or request == "What is planned?" or request in REQUESTS["en"]["document"]
    assert record.facts[LANGUAGE.name] == "en"  # measured, since none is stated
    assert [turn.learned for turn in record.turns] == [False, True]
    assert outcome(record) == "kept"


def test_several_summaries_are_several_conversations() -> None:
    records = made(document=TEXT, summary=SUMMARY, tldr="The old bridge of Arvenlund is restored.", summaries=[SUMMARY])
    assert len(records) == 3
    assert request_and_summary(records[1])[0] == "TL;DR"


def test_a_conversation_is_shown_with_its_speakers() -> None:
    as_lines = one(dialogue="\n".join(f"{name}: {text}" for name, text in TURNS), summary="Ann and Bob take rubber buttons.")
    as_turns = one(turns=TURNS, summary="Ann and Bob take rubber buttons.")
    assert source_of(as_lines) == source_of(as_turns) == "\n".join(f"{name}: {text}" for name, text in TURNS)
    assert request_and_summary(as_turns)[0] in REQUESTS["en"]["dialogue"]
    assert one(dialogue="no speaker in this line", summary="x").facts["task.source_kind"] == "dialogue"


def test_the_source_stands_before_and_behind_the_request() -> None:
    orders = []
    for number in range(40):
        (record,) = made(key=str(number), document=TEXT, query="What?", summary=SUMMARY)
        texts = [part.text for part in record.turns[0].parts if isinstance(part, Text)]
        assert texts[1] == "\n\n"
        assert sorted(texts) == sorted([TEXT, "\n\n", "What?"])
        assert texts[int(record.facts[SOURCE_PART.name])] == TEXT
        orders.append(record.facts[SOURCE_PART.name])
        assert record == made(key=str(number), document=TEXT, query="What?", summary=SUMMARY)[0]
    assert 8 < orders.count(0) < 32


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"summary": SUMMARY}, "no_document"),
        ({"document": " ", "summary": SUMMARY}, "no_document"),
        ({"document": TEXT}, "no_query"),
        ({"document": TEXT, "summary": " "}, "no_query"),
        ({"context": TEXT, "instruction": "a", "response": "b", "category": "creative_writing"}, "not_summary"),
        ({"context": "", "instruction": "a", "response": "b", "category": "closed_qa"}, "no_document"),
    ],
)
def test_rows_without_a_document_or_a_summary(fields: dict[str, object], reason: str) -> None:
    done = DocumentTask()(row(**fields))
    assert isinstance(done, Reject)
    assert done.reason == reason


def test_what_is_drawn_by_the_key_is_not_in_the_digest() -> None:
    first, second = (made(key=key, document=TEXT, summary=SUMMARY)[0] for key in ("a", "b"))
    other = one(document=TEXT, summary=SUMMARY, query="What?")
    assert first.facts[RECORD_DIGEST.name] == second.facts[RECORD_DIGEST.name] != other.facts[RECORD_DIGEST.name]


# ---- long sources


def meeting(num_turns: int, span: list[object] | None, **more: object) -> dict[str, object]:
    turns = [["Ann", f"This is turn number {number} of a talk about budgets."] for number in range(num_turns)]
    query = {"query": "What about turn 101?", "summary": "Turn 101 is about budgets.", **({"relevant_text_span": span} if span else {})}
    return {"turns": turns, "queries": [query], "lang": "en", **more}


def test_a_meeting_over_the_budget_is_shown_around_what_its_query_needs() -> None:
    (record,) = made(1_000, **meeting(400, [[100, 102]]))  # type: ignore[arg-type]
    shown = source_of(record)
    assert record.facts[IS_WINDOW.name] is True
    assert all(f"number {number} " in shown for number in (100, 101, 102))
    assert tokens.count(f"{shown}\n") == record.facts[NUM_SOURCE_TOKENS.name]
    assert 500 < int(record.facts[NUM_SOURCE_TOKENS.name]) < 1_000
    whole = "\n".join(f"{name}: {text}" for name, text in meeting(400, None)["turns"])  # type: ignore[attr-defined]
    assert shown in whole


@pytest.mark.parametrize("fields", [meeting(400, None), meeting(400, [[0, 399]]), {"document": TEXT * 20, "summary": SUMMARY}])
def test_what_cannot_be_shown_in_part_comes_out_whole(fields: dict[str, object]) -> None:
    (record,) = made(1_000, **fields)  # type: ignore[arg-type]
    assert record.facts[IS_WINDOW.name] is False
    assert tokens.count(source_of(record)) > 1_000  # the contract refuses it


def test_a_meeting_within_the_budget_is_whole() -> None:
    assert one(**meeting(40, [[3, 5]])).facts[IS_WINDOW.name] is False
    with pytest.raises(ValueError, match="max_tokens is 10"):
        DocumentTask(10)


# ---- the summary


@pytest.mark.parametrize(
    ("summary", "reason"),
    [
        (SUMMARY, "kept"),
        ("From May 3 on, the old bridge is restored; Ruth Ellison told the paper.", "kept"),
        (SUMMARY.replace("452", "459"), "unsupported"),
        (SUMMARY.replace("05-03", "05-04"), "unsupported"),
        (SUMMARY.replace("2024", "2023"), "unsupported"),
        (SUMMARY.replace("and 2,310", "and in Quillhaven 2,310"), "unsupported"),
        (f"{SUMMARY} The zoo bought two penguins from a circus.", "unsupported"),
        ("Heavy snow is expected in the mountains, and skiers are warned of avalanches.", "unsupported"),
        (SUMMARY[:60] + "...", "truncated_summary"),
        (f"{SUMMARY} Some of the people and the", "truncated_summary"),
        (f"{SUMMARY} Read more", "boilerplate_summary"),
        (TEXT[:78], "copied_lead"),
        (f"In short: {TEXT[:78]}", "kept"),  # the whole is not the beginning
        (TEXT, "copied_lead"),
        (f"{SUMMARY} {TEXT}", "too_long_summary"),
        ("Yes.", "summary_length"),
        (
            "Der Rat von Arvenlund hat beschlossen, die alte Brücke über den Fluss zu erneuern, und die Arbeiten beginnen bald.",
            "wrong_language",
        ),
    ],
)
def test_why_a_summary_is_refused(summary: str, reason: str) -> None:
    assert judged(summary) == reason


def test_bounds_can_be_moved() -> None:
    assert judged(SUMMARY, max_words=5) == "summary_length"
    assert judged("Yes, the old bridge.", min_words=1) == "kept"
    assert judged(SUMMARY.replace("452", "459"), max_unsupported=1) == "kept"
    assert judged(TEXT[:78], max_lead_ratio=1.0) == "kept"
    assert judged(f"{SUMMARY} The zoo bought two penguins from a circus.", min_sentence_ratio=0.0) == "kept"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"query": "Sum it up in two sentences."}, "kept"),
        ({"query": "Sum it up in one sentence."}, "instruction_not_kept"),
        ({"query": "Sum it up in at most 10 words."}, "instruction_not_kept"),
        ({"query": "Sum it up.", "length": "exactly 2 sentences"}, "kept"),
        ({"query": "Sum it up.", "length": "exactly 3 sentences"}, "instruction_not_kept"),
        ({"query": "Sum it up.", "format": "bullets"}, "instruction_not_kept"),
        ({"query": "Give bullet points."}, "instruction_not_kept"),
        ({"query": "Sum it up.", "length": "briefly"}, "instruction_not_kept"),
    ],
)
def test_instructions_are_checked(fields: dict[str, object], reason: str) -> None:
    assert outcome(one(document=TEXT, queries=[{**fields, "summary": SUMMARY}], lang="en")) == reason


def test_a_span_that_cannot_be_read_and_an_empty_summary_are_refused() -> None:
    assert outcome(one(**meeting(5, [["x", 1]]))) == "bad_span"
    assert outcome(one(document=TEXT, queries=[{"query": "What?", "summary": " "}])) == "no_summary"


def test_measures_are_facts() -> None:
    done = KeepDocumentSummary()(one(document=TEXT, summary=SUMMARY))
    assert isinstance(done, Conversation)
    assert 0.5 < float(done.facts[COVERAGE.name]) <= 1
    assert float(done.facts[COMPRESSION.name]) > 2
    assert done.facts[LEAD.name] == 0.0


@pytest.mark.parametrize(
    ("text", "language"), [("It ends ...", "en"), ("It ends…", "en"), ("the end of", "en"), ("Er kam mit der", "de"), ("Ann,", "en")]
)
def test_what_breaks_off(text: str, language: str) -> None:
    assert is_truncated(text, language)


@pytest.mark.parametrize(
    ("text", "language"),
    [("It ends.", "en"), ("Bridge restored", "en"), ("What is it for?", "en"), ("石橋を直す", "ja"), ("vitamin A", "en")],
)
def test_what_does_not_break_off(text: str, language: str) -> None:
    assert not is_truncated(text, language)


@pytest.mark.parametrize(
    "text", ["It rains. Read more.", "Click here to subscribe", "© 2024 The Paper", "Der Rat tagt. Weiterlesen", "石橋を直す。続きを読む"]
)
def test_furniture(text: str) -> None:
    assert furniture_in(text)


@pytest.mark.parametrize(
    "text", ["Children should read more books.", "Read more than one book.", "They click here and there.", "He wants to learn more."]
)
def test_what_is_no_furniture(text: str) -> None:
    assert not furniture_in(text)


# ---- style


def test_styles_are_added_to_a_share_of_the_requests_and_kept() -> None:
    styled = 0
    for number in range(200):
        (record,) = made(key=str(number), document=TEXT, summary=SUMMARY, lang="en")
        done = SummaryStyle(1, 0.5)(record)
        assert source_of(done) == TEXT
        assert outcome(done) == "kept", done.turns
        styled += done.turns != record.turns
        if done.facts[FORMAT.name] == "prose" and not done.facts[LENGTH_INSTRUCTION.name]:
            assert done.turns == record.turns
    assert 60 < styled < 110
    with pytest.raises(ValueError, match="share is 2"):
        SummaryStyle(0, 2)


def test_an_instruction_is_a_sentence_of_its_own() -> None:
    for number in range(30):
        (record,) = made(key=str(number), document=TEXT, query="Sum it up", summary=SUMMARY, lang="en")
        request = request_and_summary(SummaryStyle()(record))[0]
        assert request == "Sum it up" or request.startswith("Sum it up. ")


# ---- written by a model


def test_a_model_writes_requests_and_its_reply_is_read_strictly() -> None:
    writing = DocumentWriting(2)
    prompt = writing.prompt(row(document=TEXT))
    assert not isinstance(prompt, Reject)
    assert TEXT in prompt.text
    assert "2 different requests" in prompt.text
    item = {
        "query": "List it.",
        "summary": "- Arvenlund will restore its old bridge.",
        "focus": "general",
        "format": "bullets",
        "length": "",
    }
    done = writing.read(row(document=TEXT), json.dumps([item]))
    assert isinstance(done, Row)
    assert outcome(one(**done.fields)) == "kept"
    for bad in ("no JSON", "[]", json.dumps([{**item, "format": "poem"}]), json.dumps([{**item, "summary": ""}])):
        refused = writing.read(row(document=TEXT), bad)
        assert isinstance(refused, Reject)
        assert refused.reason == "bad_reply"
    for nothing in (row(), row(document="word " * 50_000)):
        unasked = writing.prompt(nothing)
        assert isinstance(unasked, Reject)
        assert unasked.reason == "no_document"
    with pytest.raises(ValueError, match="num_queries is 0"):
        DocumentWriting(0)


def test_processors_are_pickled_and_change_nothing_in_place() -> None:
    for step in (DocumentTask(), KeepDocumentSummary(), DocumentWriting()):
        assert pickle.loads(pickle.dumps(step)) == step
    record = one(document=TEXT, summary=SUMMARY)
    before = dataclasses.replace(record)
    KeepDocumentSummary()(record)
    assert record == before
