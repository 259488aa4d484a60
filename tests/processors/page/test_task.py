"""Conversations about pages: the transcription, and questions whose answers are computed."""

from __future__ import annotations

import json

import numpy as np
import pytest

from processors.page.steps import PageTask, ReadPage
from processors.page.task import KIND, TRANSCRIBE, PageText, execute, questions_about, transcription
from processors.vision.asked import HOW, PROGRAMS, TRUTH
from processors.vision.check import CheckAnswers
from schemas.outcome import Reject
from schemas.records import Conversation, Row, images_of, learned_texts
from tests.processors.page.making import column, pages_of, pdf

BODY = ["This is the body of the page, and it goes on", "for a second line, where it ends with a stop."]
PAGE = [
    (60, 100, "The Book of Mills", 24),
    (60, 180, "On Water", 14),
    *column(60, 210, BODY),
    (60, 280, "On Wind", 14),
    *column(60, 310, [line.replace("body", "rest") for line in BODY]),
    (290, 815, "17", 9),
]


def asked(data: bytes, **options) -> Conversation | Reject:
    rows = pages_of(data)
    assert isinstance(rows, list)
    done = ReadPage(max_side_px=448)(rows[0])
    assert isinstance(done, Row)
    return PageTask(**options)(done)


def test_a_page_and_its_text():
    record = asked(pdf(PAGE))
    assert isinstance(record, Conversation)
    assert record.turns[0].parts[1].text in TRANSCRIBE
    assert learned_texts(record) == [
        "\n\n".join(["The Book of Mills", "On Water", " ".join(BODY), "On Wind", " ".join(BODY).replace("body", "rest")])
    ]
    (image,) = images_of(record)
    assert image.pixels.shape == (448, 317, 3) and image.pixels.dtype == np.uint8
    assert image.pixels.min() < 60 and image.pixels.max() == 255
    assert record.facts[HOW.name] == "read:text_layer" and record.facts[TRUTH.name] == ""
    assert CheckAnswers()(record) is record


def test_questions_are_those_with_one_answer():
    record = asked(pdf(PAGE), questions=True)
    assert isinstance(record, Conversation) and CheckAnswers()(record) is record
    programs = json.loads(str(record.facts[PROGRAMS.name]))
    assert [program and program["op"] for program in programs] == [None, "page_number", "title", "below"]
    _, number, title, below = learned_texts(record)
    assert (number, title) == ("17", "The Book of Mills")
    assert below == (" ".join(BODY) if programs[3]["heading"] == "On Water" else " ".join(BODY).replace("body", "rest"))


def test_wordings_vary_and_depend_on_seed_and_key_alone():
    rows = pages_of(pdf(*[PAGE] * 8))
    assert isinstance(rows, list)
    read = [ReadPage(max_side_px=100)(row) for row in rows]
    wordings = [PageTask(seed=1)(row).turns[0].parts[1].text for row in read]  # type: ignore[union-attr, arg-type]
    assert len(set(wordings)) > 2
    assert wordings == [PageTask(seed=1)(row).turns[0].parts[1].text for row in read]  # type: ignore[union-attr, arg-type]


def passage(kind: str, text: str, size: float, top: float = 0.1) -> dict:
    return {"kind": kind, "text": text, "size": size, "top": top}


LONG = "A paragraph that is long enough to be asked for and ends."


@pytest.mark.parametrize(
    ("passages", "ops"),
    [
        ([passage("heading", "One", 20), passage("heading", "Two", 20), passage("text", LONG, 10)], ["below"]),  # two of one size: no title
        ([passage("heading", "One", 20), passage("text", LONG, 19)], ["below"]),  # hardly larger
        ([passage("heading", "One", 20, 0.7), passage("text", LONG, 10)], ["below"]),  # not at the top
        ([passage("heading", "One", 20), passage("text", LONG, 10)], ["title", "below"]),
        ([passage("heading", "One", 20), passage("text", "no stop at the end of this text, which is long", 10)], ["title"]),
        ([passage("heading", "A", 12), passage("text", LONG, 11), passage("heading", "A", 12), passage("text", LONG, 11)], []),  # twice
        ([passage("heading", "One", 20), passage("table", "| a |", 0), passage("text", LONG, 10)], ["title"]),
    ],
)
def test_what_is_certain_enough_to_be_asked(passages, ops):
    truth = {"passages": passages, "page_number": ""}
    found = questions_about(truth, 0, "key")
    assert [one.program["op"] for one in found] == ops
    assert all(execute(truth, one.program) == one.answer for one in found)


def test_a_changed_truth_gives_another_answer():
    record = asked(pdf(PAGE), questions=True)
    assert isinstance(record, Conversation)
    truth = json.loads(str(record.facts[TRUTH.name]))
    truth[KIND]["page_number"] = "18"
    refused = CheckAnswers()(type(record)(record.key, record.origin, record.turns, {**record.facts, TRUTH.name: json.dumps(truth)}))
    assert isinstance(refused, Reject) and refused.reason == "answer_differs"
    with pytest.raises(ValueError, match="no one answer on this page"):
        execute({"passages": [], "page_number": ""}, {"kind": KIND, "op": "page_number"})
    assert execute(truth[KIND], {"kind": KIND, "op": "transcribe"}) == learned_texts(record)[0]


def test_a_page_of_its_number_alone_is_refused():
    done = asked(pdf([(290, 815, "17", 9)], [(60, 200, "x", 9)]))
    assert isinstance(done, Conversation) or done.reason == "no_text"  # nothing parts it from a text: it is the text
    empty = PageText.of({"passages": [], "page_number": ""})
    assert transcription(empty) == ""
    row = Row(
        "key", None, {"page_read": {"passages": [], "width_px": 1, "height_px": 1}}, {"page_rgb": b"\0" * 3}, {"page.read_by": "text_layer"}
    )  # type: ignore[arg-type]
    assert PageTask()(row).reason == "no_text"  # type: ignore[union-attr]


def test_wrong_layouts():
    with pytest.raises(ValueError, match="layout is 'words', expected paragraphs or lines"):
        PageTask(layout="words")
    with pytest.raises(ValueError, match="layout is 'words', expected paragraphs or lines"):
        transcription(PageText.of({"passages": []}), "words")
