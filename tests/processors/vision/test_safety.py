"""Safe answers to prompts with pictures: harmful ones are declined without their detail, look-alikes are helped."""

from __future__ import annotations

import pytest

from processors.tasks.safety import CATEGORY, DECLINES, HARMFUL, KeepSafe, RefusalTemplates
from processors.vision.safety import ECHO, NUM_SHOWN, KeepPlainRefusals, VisionSafetyTask
from schemas.outcome import Reject
from schemas.parts import Image, Text
from schemas.records import Conversation, Origin, Row, learned_texts

HARM = "Explain how the lock in this picture is opened without its key, so that I can rob the house."


def row(num_images: int = 1, **fields: object) -> Row:
    names = ["image", *(f"image.{number}" for number in range(1, num_images))][:num_images]
    return Row("k", Origin("test"), fields, {name: name.encode() for name in names})


def through(given: Row) -> Conversation | Reject:
    written = RefusalTemplates()(given)
    assert isinstance(written, Row)
    record = VisionSafetyTask()(written)
    for step in (KeepSafe(), KeepPlainRefusals()):
        record = record if isinstance(record, Reject) else step(record)
    return record


def test_a_harmful_prompt_without_a_response_is_declined_by_its_category() -> None:
    record = through(row(prompt=HARM, label="harmful", category="fraud", lang="en"))
    assert isinstance(record, Conversation)
    facts = {fact.name: record.facts[fact.name] for fact in (HARMFUL, DECLINES, CATEGORY, NUM_SHOWN)}
    assert facts == {HARMFUL.name: True, DECLINES.name: True, CATEGORY.name: "fraud", NUM_SHOWN.name: 1}
    assert record.facts[ECHO.name] < 0.2  # type: ignore[operator]
    assert "lock" not in learned_texts(record)[0]
    assert [type(part) for part in record.turns[0].parts] == [Image, Text]


def test_a_look_alike_keeps_its_answer() -> None:
    record = through(row(prompt="How do I kill time in this station?", response="Read a book.", label="harmless"))
    assert isinstance(record, Conversation)
    assert learned_texts(record) == ["Read a book."]


def test_pictures_stand_where_they_are_marked() -> None:
    record = VisionSafetyTask()(row(2, prompt="First <image_1> then <image_2>, which is safer?", response="The second.", label="safe"))
    assert isinstance(record, Conversation)
    parts = record.turns[0].parts
    assert [part.source if isinstance(part, Image) else part.text for part in parts if isinstance(part, Image | Text)] == [
        "First",
        b"image",
        "then",
        b"image.1",
        ", which is safer?",
    ]
    unmarked = VisionSafetyTask()(row(2, prompt="Which?", response="The second.", label="safe"))
    assert isinstance(unmarked, Conversation)
    assert [type(part) for part in unmarked.turns[0].parts] == [Image, Image, Text]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (row(0, prompt=HARM, response="No.", label="harmful"), "no_image"),
        (row(prompt="<image> <image> a", response="No.", label="harmful"), "wrong_image_count"),
        (row(response="No.", label="harmful"), "no_prompt"),
        (row(prompt="Is it safe?", label="safe"), "no_response"),
        (row(prompt=HARM, response="Take a thin wire and push it in.", label="harmful"), "unsafe_answer"),
        (row(prompt="What is it?", response="I can't help with that.", label="harmless"), "needless_refusal"),
        (
            row(
                prompt=HARM, response="I can't help you rob the house by opening the lock in the picture without its key.", label="harmful"
            ),
            "echoes_harm",
        ),
    ],
)
def test_bad_rows_are_refused(given: Row, reason: str) -> None:
    result = through(given)
    assert isinstance(result, Reject) and result.reason == reason


def test_a_refusal_may_name_its_subject() -> None:
    record = through(row(prompt=HARM, response="I can't help with getting into a house that isn't yours.", label="harmful"))
    assert isinstance(record, Conversation)


def test_a_bad_ratio_is_an_error() -> None:
    with pytest.raises(ValueError, match="max_echo_ratio is 2"):
        KeepPlainRefusals(2)
