"""Questions about text: each answer is what a person reads off, what has two answers is not asked, and every refusal is true."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as PillowImage

from pipelines.sample.receipts import draw_photo, draw_receipt, write_receipt
from processors.vision.asked import PROGRAMS, TRUTH
from processors.vision.check import CheckAnswers
from processors.vision.marks import marks_of
from processors.vision.ocr_questions import BESIDE, ask_beside, ask_places, ask_rows, ask_words, covered, execute_lines
from processors.vision.ocr_task import (
    AT_BOX,
    BOX_OF,
    CONTRAST,
    DRAWN_TEXTS,
    NUM_LINES,
    TARGETS,
    UNSUPPORTED,
    LinesTask,
    RenderTextTask,
    asked_of,
)
from schemas.identity import keyed_rng
from schemas.outcome import Reject
from schemas.parts import Text
from schemas.records import Conversation, Origin, Row, images_of, learned_texts

TRUTH_LINES = {
    "rows": [
        [{"text": "THE TEA ROOM", "box": [100, 50, 600, 90]}],
        [{"text": "DATE", "box": [100, 120, 200, 160]}, {"text": "01/02/2020", "box": [500, 120, 700, 160]}],
        [{"text": "TOTAL", "box": [100, 200, 250, 240]}, {"text": "5.50", "box": [500, 200, 600, 240]}],
        [{"text": "CASH", "box": [100, 280, 250, 320]}, {"text": "5.50", "box": [500, 280, 600, 320]}],
    ],
    "num_illegible": 0,
}


def rng(key: str = "k") -> np.random.Generator:
    return keyed_rng(0, "test", key)


def run(**program: object) -> str:
    return execute_lines(TRUTH_LINES, program)


def png(picture: PillowImage.Image) -> bytes:
    sink = io.BytesIO()
    picture.save(sink, "PNG")
    return sink.getvalue()


def receipt_row(number: int = 0, key: str = "k", **fields: object) -> Row:
    receipt = write_receipt(1, number)
    picture, lines = draw_receipt(receipt, 1, number)
    listed = [{"text": text, "quad": [list(point) for point in quad]} for text, quad in lines]
    return Row(key, Origin("test"), {"lines": listed, "fields": receipt.fields, **fields}, {"image": png(picture)})


# ---- programs


def test_programs_read_the_lines() -> None:
    assert run(op="full_text") == "THE TEA ROOM\nDATE 01/02/2020\nTOTAL 5.50\nCASH 5.50"
    assert run(op="text_at", box=[500, 280, 600, 320]) == "5.50"
    assert run(op="box_of", text="DATE") == "[100, 120, 200, 160]"
    assert run(op="row", number=2) == "DATE 01/02/2020"
    assert run(op="row", number=-1) == "CASH 5.50"
    assert run(op="num_rows") == "4"
    assert run(op="has_word", word="tea") == "Yes"
    assert run(op="has_word", word="TEAROOM") == "No"
    assert run(op="has_word", word="TOT") == "No"
    assert run(op="beside", text="TOTAL") == "5.50"


@pytest.mark.parametrize(
    "program", [{"op": "box_of", "text": "5.50"}, {"op": "text_at", "box": [0, 0, 1, 1]}, {"op": "beside", "text": "5.50"}, {"op": "sum"}]
)
def test_a_program_without_one_answer_is_an_error(program: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"lines answer|unknown op"):
        execute_lines(TRUTH_LINES, program)


# ---- what is asked


def test_a_box_is_asked_only_of_a_text_that_stands_once() -> None:
    at, of = ask_places(TRUTH_LINES, rng(), 99)
    assert {one.answer for one in at} == {"THE TEA ROOM", "DATE", "01/02/2020", "TOTAL", "5.50", "CASH"}
    assert {one.program["text"] for one in of} == {"THE TEA ROOM", "DATE", "01/02/2020", "TOTAL", "CASH"}
    inside = {**TRUTH_LINES, "rows": [*TRUTH_LINES["rows"], [{"text": "SUBTOTAL:", "box": [100, 400, 300, 440]}]]}
    assert "TOTAL" not in {one.program["text"] for one in ask_places(inside, rng(), 99)[1]}  # it stands inside SUBTOTAL too


def test_a_box_that_holds_much_of_another_line_is_not_read_out() -> None:
    slanted = {
        "rows": [
            [{"text": "upper", "box": [100, 100, 600, 300]}],
            [{"text": "lower", "box": [100, 180, 600, 380]}],
            [{"text": "far", "box": [100, 600, 600, 700]}],
        ],
        "num_illegible": 0,
    }
    assert covered([100, 180, 600, 380], [100, 100, 600, 300]) == 0.6
    assert [one.answer for one in ask_places(slanted, rng(), 99)[0]] == ["far"]


def test_a_click_is_no_box_to_ask_about() -> None:
    dots = {"rows": [[{"text": "dot", "box": [5, 5, 7, 9]}]], "num_illegible": 0}
    assert ask_places(dots, rng(), 9) == ([], [])


def test_rows_are_asked_by_number_only_where_they_are_clear_and_whole() -> None:
    assert {(one.program["op"], one.program.get("number")) for one in ask_rows(TRUTH_LINES, rng())} >= {
        ("row", 1),
        ("row", -1),
        ("num_rows", None),
    }
    assert ask_rows({**TRUTH_LINES, "num_illegible": 1}, rng()) == []
    staggered = {"rows": [[{"text": "a", "box": [0, 0, 99, 50]}], [{"text": "b", "box": [200, 20, 299, 70]}]], "num_illegible": 0}
    assert ask_rows(staggered, rng()) == []


def test_a_missing_word_is_asked_only_where_all_is_legible() -> None:
    for key in map(str, range(20)):
        answers = {one.answer for one in ask_words(TRUTH_LINES, rng(key))}
        assert answers == {"Yes", "No"}
        assert {one.answer for one in ask_words({**TRUTH_LINES, "num_illegible": 2}, rng(key))} == {"Yes"}


def test_yes_and_no_come_in_either_order() -> None:
    assert {tuple(one.answer for one in ask_words(TRUTH_LINES, rng(key))) for key in map(str, range(30))} == {("Yes", "No"), ("No", "Yes")}


def test_rows_are_counted_only_where_they_are_few() -> None:
    def ops(count: int) -> set[object]:
        rows = [[{"text": f"line {number}", "box": [10, 20 * number, 500, 20 * number + 15]}] for number in range(count)]
        return {one.program["op"] for one in ask_rows({"rows": rows, "num_illegible": 0}, rng())}

    assert ops(20) == {"row", "num_rows"}
    assert ops(21) == {"row"}


def test_no_text_is_read_at_its_box_and_then_located() -> None:
    for key in map(str, range(20)):
        found = asked_of(TRUTH_LINES, {}, (AT_BOX, BOX_OF), rng(key))
        read = {one.answer for one in found if one.program["op"] == "text_at"}
        located = {one.program["text"] for one in found if one.program["op"] == "box_of"}
        assert read
        assert located
        assert read.isdisjoint(located)
    alone = {"rows": TRUTH_LINES["rows"][:1], "num_illegible": 0}
    assert [one.program["op"] for one in asked_of(alone, {}, (AT_BOX, BOX_OF), rng())] == ["text_at"]
    assert [one.program["op"] for one in asked_of(alone, {}, (BOX_OF,), rng())] == ["box_of"]


def test_a_neighbour_is_asked_for_by_its_side() -> None:
    """A value in the middle of a row has neighbours on both sides."""
    assert all(" right" in wording for wording in BESIDE)


def test_what_stands_beside_a_label() -> None:
    assert {(one.program["text"], one.answer) for one in ask_beside(TRUTH_LINES, rng(), 9)} == {
        ("DATE", "01/02/2020"),
        ("TOTAL", "5.50"),
        ("CASH", "5.50"),
    }


# ---- given lines


def test_a_receipt_becomes_questions_that_check() -> None:
    for number in range(6):
        row = receipt_row(number, key=f"k{number}")
        record = LinesTask(TARGETS, max_questions=12)(row)
        assert isinstance(record, Conversation)
        assert CheckAnswers()(record) is record
        programs = json.loads(str(record.facts[PROGRAMS.name]))
        values = {
            program["name"]: answer for program, answer in zip(programs, learned_texts(record), strict=True) if program["op"] == "value"
        }
        assert values == row.fields["fields"]
        assert record.facts[UNSUPPORTED.name] == ""
        assert record.facts[NUM_LINES.name] == len(marks_of(record)) == len(row.fields["lines"])  # type: ignore[arg-type]
        assert next(images_of(record)).source == row.blobs["image"]


def test_every_target_comes_up_alone() -> None:
    for target in TARGETS:
        record = LinesTask((target,), max_questions=3)(receipt_row())
        assert isinstance(record, Conversation)
        assert 1 <= len(learned_texts(record)) <= 3


def test_a_changed_answer_is_found_out() -> None:
    record = LinesTask(TARGETS)(receipt_row())
    assert isinstance(record, Conversation)
    turns = list(record.turns)
    turns[1] = replace(turns[1], parts=(Text("9.99"),))
    refused = CheckAnswers()(replace(record, turns=tuple(turns)))
    assert isinstance(refused, Reject)
    assert refused.reason == "answer_differs"


def test_the_same_row_twice_gives_the_same_record_and_another_seed_another() -> None:
    first, second, other = (LinesTask(TARGETS, seed=seed)(receipt_row()) for seed in (0, 0, 1))
    assert isinstance(first, Conversation) and isinstance(second, Conversation) and isinstance(other, Conversation)
    assert first.turns[1:] == second.turns[1:] and first.facts == second.facts
    assert first.facts[TRUTH.name] == other.facts[TRUTH.name]
    assert [turn.parts[-1] for turn in first.turns] != [turn.parts[-1] for turn in other.turns]


def test_fields_that_are_not_printed_are_told_or_refused() -> None:
    fields = {**write_receipt(1, 0).fields, "total": "123456.78"}
    told = LinesTask()(receipt_row(fields=fields))
    assert isinstance(told, Conversation)
    assert told.facts[UNSUPPORTED.name] == "total"
    assert "123456.78" in " ".join(learned_texts(told))
    refused = LinesTask(require_support=True)(receipt_row(fields=fields))
    assert refused == Reject("k", "field_not_in_text", refused.detail)  # type: ignore[union-attr]
    assert "123456.78" in refused.detail  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"blobs": {}}, "no_image"),
        ({"blobs": {"image": b"no picture"}}, "not_an_image"),
        ({"fields": {}}, "no_text_lines"),
        ({"fields": {"lines": [{"text": "a", "quad": [1]}]}}, "bad_quad"),
        ({"fields": {"lines": [{"text": "a", "box": [0, 0, 9_999, 9]}]}}, "quad_outside"),
        ({"fields": {"lines": [{"text": "a" * 3_000, "box": [0, 0, 9, 9]}]}}, "too_many_lines"),
        ({"fields": {"lines": [{"text": "a", "box": [0, 0, 99, 9]}], "key": []}}, "bad_fields"),
    ],
)
def test_bad_rows_are_refused(change: dict[str, object], reason: str) -> None:
    result = LinesTask()(replace(receipt_row(), **change))  # type: ignore[arg-type]
    assert isinstance(result, Reject)
    assert result.reason == reason
    assert reason in {declared.name for declared in LinesTask.reasons}


def test_a_picture_that_answers_none_of_the_targets_is_refused() -> None:
    row = replace(receipt_row(), fields={"lines": [{"text": "a", "box": [0, 0, 99, 30]}]})
    result = LinesTask(("fields_json", "rows"))(row)
    assert isinstance(result, Reject)
    assert result.reason == "nothing_to_ask"


def test_bad_settings_are_errors() -> None:
    with pytest.raises(ValueError, match="expected some of field_values"):
        LinesTask(("poem",))
    with pytest.raises(ValueError, match="max_questions is 0"):
        LinesTask(max_questions=0)
    with pytest.raises(ValueError, match="degrade between 0 and 1"):
        RenderTextTask(degrade=2.0)


# ---- drawn texts


def photo_row(**fields: object) -> Row:
    return Row("p", Origin("test"), fields, {"image": png(draw_photo(2, 0))})


def test_drawn_texts_are_read_back_by_their_boxes() -> None:
    record = RenderTextTask(max_questions=9)(photo_row(captions=["Mind the step", "Ferry to the island", "第三行"]))
    assert isinstance(record, Conversation)
    assert CheckAnswers()(record) is record
    assert record.facts[DRAWN_TEXTS.name] == 3
    assert record.facts[CONTRAST.name] >= 3.0  # type: ignore[operator]
    image = next(images_of(record))
    assert image.source is None and image.pixels is not None
    assert "photo" in str(record.turns[0].parts[-1]) or "picture" in str(record.turns[0].parts[-1])


def test_texts_of_a_file_come_before_those_of_the_row_and_large_photos_are_capped() -> None:
    record = RenderTextTask(texts=("HARBOUR",), max_side_px=400)(photo_row(text="of the row"))
    assert isinstance(record, Conversation)
    assert json.loads(str(record.facts[TRUTH.name]))["lines"]["rows"][0][0]["text"] == "HARBOUR"
    pixels = next(images_of(record)).pixels
    assert pixels is not None and max(pixels.shape) == 400


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (replace(photo_row(text="a"), blobs={}), "no_image"),
        (replace(photo_row(text="a"), blobs={"image": b"GIF89a"}), "corrupt_image"),
        (photo_row(), "no_text"),
        (photo_row(texts=[3, " "]), "no_text"),
        (photo_row(text="\ue001"), "no_glyphs"),
        (photo_row(text="word " * 200), "text_does_not_fit"),
    ],
)
def test_photos_that_cannot_be_drawn_on_are_refused(row: Row, reason: str) -> None:
    result = RenderTextTask()(row)
    assert isinstance(result, Reject)
    assert result.reason == reason
    assert reason in {declared.name for declared in RenderTextTask.reasons}


def test_a_drawn_photo_without_a_question_is_refused() -> None:
    result = RenderTextTask(targets=("rows",))(photo_row(text="alone"))
    assert isinstance(result, Reject)
    assert result.reason == "nothing_to_ask"
