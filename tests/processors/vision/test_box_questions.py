"""Questions about boxes: answers against an independent reading, what is never asked, wordings and checks."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from processors import tokens
from processors.vision.asked import Asked
from processors.vision.box_programs import execute_boxes
from processors.vision.box_questions import OPS, GroundingTask, ask_boxes
from processors.vision.box_text import parse_box
from processors.vision.boxes import LabelledBox, Phrase, PlacedBoxes
from processors.vision.check import CheckAnswers
from schemas.outcome import Reject
from schemas.parts import Text
from schemas.records import Conversation, Origin, Row
from tests.processors.vision.test_boxes import DOG, painted


def place(*boxes: LabelledBox, **options: Any) -> PlacedBoxes:
    return PlacedBoxes(1_000, 500, boxes, **options)


def one(label: str, x0: float, y0: float, x1: float, y1: float, **options: Any) -> LabelledBox:
    return LabelledBox((x0, y0, x1, y1), label, **options)


def asked(placed: PlacedBoxes, *ops: str, complete: bool = True, seed: int = 0) -> list[Asked]:
    return ask_boxes(placed, 1_000, complete, ops or OPS, seed, "key")


SCENE = place(
    one("dog", 600, 200, 800, 400),
    one("dog", 100, 300, 300, 450),
    one("cat", 400, 50, 500, 150),
    one("ball", 850, 450, 900, 490),
)


def answers(op: str, placed: PlacedBoxes = SCENE, **options: Any) -> list[tuple[str, str]]:
    return [(done.question, done.answer) for done in asked(placed, op, **options)]


def test_detection_lists_all_from_left_to_right() -> None:
    [(question, answer)] = answers("detect")
    assert answer == "[100, 600, 300, 900]\n[600, 400, 800, 800]"
    assert "dog" in question
    [(question, answer)] = answers("detect_all")
    assert answer.split("\n") == [
        "dog [100, 600, 300, 900]",
        "cat [400, 100, 500, 300]",
        "dog [600, 400, 800, 800]",
        "ball [850, 900, 900, 980]",
    ]
    assert "ball, cat, dog" in question


def test_reference_is_asked_of_what_is_there_once() -> None:
    found = answers("refer")
    assert [answer for _, answer in found] == ["[400, 100, 500, 300]", "[850, 900, 900, 980]"]
    assert ["cat" in question for question, _ in found] == [True, False]


def test_counts_and_labels() -> None:
    assert sorted(answer for _, answer in answers("count")) == ["1", "1", "2"]
    for question, answer in answers("label_at"):
        x0, y0, x1, y1 = parse_box(question.replace("[x0, y0, x1, y1]", "").replace("[left, top, right, bottom]", ""))
        boxes = [box for box in SCENE.boxes if box.box == pytest.approx((x0 * 1_000, y0 * 500, x1 * 1_000, y1 * 500))]
        assert [box.label for box in boxes] == [answer]


def middle(label: str, axis: int) -> float:
    [box] = [box.box for box in SCENE.boxes if box.label == label]
    return (box[axis] + box[axis + 2]) / 2


def test_relations_hold_in_the_picture() -> None:
    words = {"left": (0, 1), "right": (0, -1), "higher": (1, 1), "lower": (1, -1), "above": (1, 1), "below": (1, -1)}
    seen = set()
    for op in ("further", "is_further"):
        for question, answer in answers(op):
            found = re.search(r"the (cat|ball)\b.* (?:the|of the|that of the) (cat|ball)\b", question)
            assert found is not None, question
            if "larger" in question:
                truth = found[1] == "cat"  # 100 x 100 against 50 x 40
            else:
                axis, sign = next(value for word, value in words.items() if word in question)
                truth = sign * middle(found[1], axis) < sign * middle(found[2], axis)
            seen.add((op, truth))
            assert answer == ((found[1] if truth else found[2]) if op == "further" else ("Yes" if truth else "No"))
    assert ("further", True) in seen or ("further", False) in seen


def test_yes_and_no_both_occur() -> None:
    said = {answer for seed in range(8) for done in asked(SCENE, "is_further", seed=seed) for answer in [done.answer]}
    assert said == {"Yes", "No"}


def test_nothing_is_asked_of_what_is_not_clear() -> None:
    crowd = place(one("dog", 600, 200, 800, 400), one("dog", 0, 0, 500, 500, is_crowd=True), one("cat", 400, 50, 500, 150))
    assert not [q for op in ("detect", "refer", "count") for q, _ in answers(op, crowd) if "dog" in q]
    small = place(one("dog", 600, 200, 800, 400), one("dog", 0, 0, 2, 2, is_small=True), one("cat", 400, 50, 500, 150))
    assert not [q for op in ("detect", "detect_all", "refer", "count") for q, _ in answers(op, small) if "dog" in q]
    near = place(one("dog", 100, 100, 300, 300), one("cat", 290, 100, 500, 300))  # they overlap, and are nearly as large
    assert answers("further", near) == answers("is_further", near) == []
    same = place(one("dog", 100, 100, 300, 300), one("cat", 105, 100, 300, 300))
    assert answers("label_at", same) == []
    many = place(*(one("dog", 10 * n, 0, 10 * n + 8, 100) for n in range(31)))
    assert answers("detect", many) == answers("count", many) == []


def test_where_boxes_are_not_all_kinds_are_not_taken_to_be_unique() -> None:
    placed = place(*SCENE.boxes, LabelledBox((0, 0, 90, 90), phrase="the corner of the wall"))
    found = asked(placed, complete=False)
    assert {done.program["op"] for done in found} == {"refer", "label_at"}
    assert [done.answer for done in found if done.program["op"] == "refer"] == ["[0, 0, 90, 180]"]
    twice = place(LabelledBox((0, 0, 90, 90), phrase="a wall"), LabelledBox((200, 0, 290, 90), phrase="a wall"))
    assert not [done for done in asked(twice, "refer", complete=False)]


def test_a_grounded_caption_has_the_boxes_behind_the_words() -> None:
    placed = replace(SCENE, caption="Two dogs and a cat.", phrases=(Phrase(0, 8, (1, 0)), Phrase(13, 18, (2,))))
    [(_, answer)] = answers("grounded_caption", placed)
    assert answer == "Two dogs [100, 600, 300, 900] [600, 400, 800, 800] and a cat [400, 100, 500, 300]."


def test_regions_of_one_answer_are_asked_about_twice_at_most() -> None:
    many = place(*(one("dog", 100 * n, 0, 100 * n + 80, 100) for n in range(9)), one("cat", 0, 300, 90, 400))
    assert sorted(answer for _, answer in answers("label_at", many)) == ["cat", "dog", "dog"]


def test_of_many_kinds_ten_are_compared() -> None:
    many = place(*(one(f"thing {n}", 30 * n, 0, 30 * n + 20, 100) for n in range(30)))
    compared = {label for done in asked(many, "further") for label in done.program["labels"]}  # type: ignore[union-attr]
    assert len(compared) == 10
    assert compared != {label for done in asked(many, "further", seed=1) for label in done.program["labels"]}  # type: ignore[union-attr]


def test_braces_in_names_are_text() -> None:
    placed = place(one("{b} {parts} {label}", 0, 0, 100, 100), one("{a}", 500, 0, 600, 100))
    assert any("{b} {parts} {label}" in question for question, _ in answers("refer", placed))
    assert any("{a}" in question and "{b} {parts}" in question for question, _ in answers("further", placed))


def test_other_bins_are_told() -> None:
    found = [ask_boxes(SCENE, 100, True, ("refer",), seed, "key")[0] for seed in range(12)]
    assert {done.answer for done in found} == {"[40, 10, 50, 30]"}
    assert all("parts of 100" in done.question or "0 to 100 " in done.question or "0 to 100," in done.question for done in found)
    assert not any("thousandths" in done.question for done in found)
    assert len({done.question for done in found}) > 6


@pytest.mark.parametrize(
    "program", [{"op": "guess"}, {"op": "refer", "label": "dog"}, {"op": "refer", "label": "cow"}, {"op": "refer", "phrase": "a"}]
)
def test_a_program_without_one_answer_is_an_error(program: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"expected one|unknown op"):
        execute_boxes(SCENE.truth(1_000), program)


def test_every_answer_is_computed_again_from_what_is_stored() -> None:
    fields = {"boxes": [DOG, {"bbox": [300, 200, 90, 90], "category": "cat"}, {"bbox": [500, 20, 60, 60], "category": "dog"}]}
    fields["boxes"].append({"bbox": [20, 400, 50, 50], "category": "ball"})
    row = Row("k", Origin("made"), fields, {"image": painted(640, 480, (0, 0, 9, 9), 1, True)})
    records = [GroundingTask(seed, max_questions=50)(row) for seed in range(12)]
    facts = [one.facts for one in records if isinstance(one, Conversation)]
    assert facts == [GroundingTask(seed, max_questions=50)(row).facts for seed in range(12)]  # type: ignore[union-attr]
    hows = " ".join(str(one["answer.how"]) for one in facts)
    assert {name.split(":")[1] for name in hows.split()} == set(OPS) - {"grounded_caption"}
    record = records[0]
    assert isinstance(record, Conversation)
    assert CheckAnswers()(record) is record
    for number, turn in enumerate(record.turns):
        if not turn.learned:
            continue
        wrong = replace(turn, parts=(Text(f"{turn.parts[0].text}."),))  # type: ignore[union-attr]
        done = CheckAnswers()(replace(record, turns=(*record.turns[:number], wrong, *record.turns[number + 1 :])))
        assert isinstance(done, Reject)
        assert done.reason == "answer_differs"
    truth = json.loads(str(record.facts["answer.truth"]))["boxes"]
    assert truth["boxes"][0]["box"] == [10, 20, 110, 100]


def test_at_most_so_many_questions_and_other_kinds_before_two_of_one() -> None:
    fields = {"boxes": [{"bbox": [60 * n, 10 * n, 40, 40], "category": f"thing {n}"} for n in range(8)]}
    row = Row("k", Origin("made"), fields, {"image": painted(640, 480, (0, 0, 9, 9), 1, True)})
    record = GroundingTask(max_questions=4)(row)
    assert isinstance(record, Conversation)
    assert len(set(str(record.facts["answer.how"]).split())) == len(str(record.facts["answer.how"]).split()) == 4


def test_no_box_and_no_comparison_is_told_twice() -> None:
    names = ("dog", "dog", "cat", "ball", "cup")
    fields = {"boxes": [{"bbox": [100 * n, 60 * n, 40 + 9 * n, 40 + 9 * n], "category": name} for n, name in enumerate(names)]}
    row = Row("k", Origin("made"), fields, {"image": painted(640, 480, (0, 0, 9, 9), 1, True)})
    for seed in range(20):
        record = GroundingTask(seed, max_questions=50)(row)
        assert isinstance(record, Conversation)
        turns = ["".join(part.text for part in turn.parts if isinstance(part, Text)) for turn in record.turns]
        boxes = [box for text in turns for box in re.findall(r"\[\d+, \d+, \d+, \d+\]", text)]
        assert boxes
        assert len(set(boxes)) == len(boxes)
        compared = [
            (
                "across" if one["side"] in ("left", "right") else "down" if one["side"] in ("above", "below") else "size",
                *sorted(one["labels"]),
            )
            for one in json.loads(str(record.facts["answer.programs"]))
            if one["op"] in ("further", "is_further")
        ]
        assert compared
        assert len(set(compared)) == len(compared)
        hows = [how.split(":")[1] for how in str(record.facts["answer.how"]).split()]
        assert hows == sorted(hows, key=OPS.index)


def test_numbers_below_a_thousand_are_one_token_each() -> None:
    assert {tokens.count(str(number)) for number in range(1_000)} == {1}
