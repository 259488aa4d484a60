"""Boxes of rows: forms, frames, every reason with the nearest row that passes, and boxes that come back from the canvas."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage

from processors.image.encode import decode_canvas
from processors.image.place_boxes import intersection_over_union
from processors.image.steps import CapSide, DecodeImage, MakeCanvas
from processors.vision.box_questions import GroundingTask, MarkCanvas
from processors.vision.box_text import BINS
from processors.vision.boxes import BOX_REASONS, BoxRules, Phrase, read_boxes, text_iou
from processors.vision.marks import marks_of
from schemas.outcome import Refused, Reject
from schemas.records import Conversation, Origin, Row, images_of
from tests.processors.image.test_place_boxes import TURNS

DOG = {"bbox": [10, 20, 100, 80], "category": "dog"}


def read(*boxes: Any, stored: tuple[int, int] = (640, 480), orientation: int = 1, rules: BoxRules = BoxRules(), **fields: object) -> Any:
    return read_boxes({"boxes": list(boxes), **fields}, stored, orientation, rules)


def reason(*boxes: Any, **options: Any) -> str:
    try:
        read(*boxes, **options)
    except Refused as refused:
        return refused.reason.name
    return "read"


def test_forms_of_boxes() -> None:
    assert read(DOG).boxes[0].box == (10, 20, 110, 100)
    assert read(DOG, rules=BoxRules(bbox_form="xyxy")).boxes[0].box == (10, 20, 100, 80)
    assert read({"box": [1, 2, 30, 40], "label": " a\n dog "}).boxes[0].label == "a dog"
    listed = read_boxes(
        {"objects": {"bbox": [[1, 2, 30, 40], [5, 6, 70, 80]], "category": ["cat", "dog"], "n": 2}}, (640, 480), 1, BoxRules()
    )
    assert [(one.label, one.box) for one in listed.boxes] == [("cat", (1, 2, 31, 42)), ("dog", (5, 6, 75, 86))]
    with pytest.raises(ValueError, match="expected xywh or xyxy"):
        BoxRules(bbox_form="yx")


@pytest.mark.parametrize(
    ("bad", "good", "expected"),
    [
        ({}, DOG, "no_boxes"),
        ({"bbox": [10, 20, 100, 80]}, DOG, "no_boxes"),
        ({"bbox": [10, 20, 100], "category": "dog"}, DOG, "bad_box"),
        ({"bbox": [10, 20, 0, 80], "category": "dog"}, {"bbox": [10, 20, 14, 80], "category": "dog"}, "bad_box"),
        ({"bbox": [10, 20, float("nan"), 80], "category": "dog"}, DOG, "bad_box"),
        ({"bbox": [10, 20, float("inf"), 80], "category": "dog"}, DOG, "bad_box"),
        ({"bbox": [10, 20, 10**400, 80], "category": "dog"}, DOG, "bad_box"),
        ({"bbox": [10, 20, "100", 80], "category": "dog"}, DOG, "bad_box"),
        ({"bbox": [10, 20, True, 80], "category": "dog"}, DOG, "bad_box"),
        ({"bbox": [10, 20, 100, 80], "category": 3}, DOG, "bad_box"),
        ({"bbox": [10, 20, 100, 80], "category": "d" * 501}, {"bbox": [10, 20, 100, 80], "category": "d" * 500}, "bad_box"),
        ("a box", DOG, "bad_box"),
        ({"bbox": [600, 20, 42, 80], "category": "dog"}, {"bbox": [600, 20, 41, 80], "category": "dog"}, "box_outside"),
        ({"bbox": [-2, 20, 42, 80], "category": "dog"}, {"bbox": [-1, 20, 42, 80], "category": "dog"}, "box_outside"),
        ({"bbox": [640, 20, 1, 80], "category": "dog"}, {"bbox": [630, 20, 11, 80], "category": "dog"}, "box_outside"),
        ({"bbox": [10, 20, 3, 80], "category": "dog"}, {"bbox": [10, 20, 40, 80], "category": "dog"}, "box_too_small"),
        (
            {"bbox": [10, 20, 100, 80], "category": "dog", "iscrowd": 1},
            {"bbox": [10, 20, 100, 80], "category": "dog", "iscrowd": 0},
            "only_crowds",
        ),
    ],
)
def test_every_reason_and_the_nearest_that_passes(bad: Any, good: Any, expected: str) -> None:
    assert reason(*([bad] if bad else [])) == expected
    assert reason(good) == "read"


def test_other_reasons() -> None:
    assert (reason(*[DOG] * 101), reason(*[DOG] * 100)) == ("too_many_boxes", "read")
    assert (reason(DOG, width=640, height=400), reason(DOG, width=640, height=480)) == ("size_differs", "read")
    assert reason(DOG, width=0, height="tall") == "read"  # states nothing
    with pytest.raises(Refused, match="lists of 1, 2 values"):
        read_boxes({"objects": {"bbox": [[1, 2, 3, 4]], "category": ["a", "b"]}}, (640, 480), 1, BoxRules())
    phrases = [{"start": 0, "end": 3, "boxes": [0]}]
    assert reason(DOG, caption="The dog", phrases=phrases) == "read"
    for bad in (
        [{"start": 0, "end": 9, "boxes": [0]}], [{"start": 0, "end": 3, "boxes": [1]}], [{"start": 0, "end": 3}], [{"start": 2, "end": 2, "boxes": [0]}],
        [{"start": 0, "end": 3, "boxes": []}], phrases * 2, "all", [{"start": True, "end": 3, "boxes": [0]}],
    ):  # fmt: skip
        assert reason(DOG, caption="The dog", phrases=bad) == "bad_phrases"
    reached = {"no_boxes", "bad_box", "box_outside", "box_too_small", "only_crowds", "too_many_boxes", "size_differs", "bad_phrases"}
    assert reached == {one.name for one in BOX_REASONS}


def test_boxes_over_the_edge_by_rounding_are_clipped() -> None:
    assert read({"bbox": [-0.5, 0, 640.9, 480.2], "category": "dog"}).boxes[0].box == (0, 0, 640, 480)


def test_a_box_is_small_when_its_text_means_another() -> None:
    small, large = (read({"bbox": [10, 20, side, side], "category": "dog"}, DOG).boxes[0].is_small for side in (4, 40))
    assert (small, large) == (True, False)
    assert text_iou((0, 0, 64, 48), 640, 480, BINS) == 1.0
    assert text_iou((0.3, 0.3, 3.9, 3.9), 640, 480, BINS) < 0.9
    assert read({"bbox": [10, 20, 10, 10], "category": "dog"}, DOG, rules=BoxRules(bins=100)).boxes[0].is_small


def test_phrases_are_found_in_a_caption_once_each() -> None:
    boxes = ({**DOG, "phrase": "A dog"}, {"bbox": [200, 20, 100, 80], "phrase": "a red ball"}, {"bbox": [1, 1, 2, 2], "phrase": "grass"})
    placed = read(*boxes, captions=["Nothing of it.", "A dog plays with a red ball on the grass."])
    assert placed.caption == "A dog plays with a red ball on the grass."
    assert placed.phrases == (Phrase(0, 5, (0,)), Phrase(17, 27, (1,)))  # the grass is too small to be told
    assert read(*boxes, captions=["A dog and a dog."]).phrases == ()
    assert read(*boxes, captions=["Cascada dogma"]).phrases == ()


# ---- through the pipeline, against painted pixels


def painted(width: int, height: int, box: tuple[int, int, int, int], orientation: int, stored: bool) -> bytes:
    """A JPEG of a white rectangle on black; `box` is in the frame that `stored` names, the size is that of the file."""
    picture = PillowImage.new("L", (width, height))
    if stored or orientation == 1:
        picture.paste(255, box)
    else:
        shown = PillowImage.new("L", (height, width) if orientation >= 5 else (width, height))
        shown.paste(255, box)
        back = {6: 8, 8: 6}.get(orientation, orientation)  # of the eight turns, two are not their own inverse
        picture = shown.transpose(TURNS[back])
    sink = io.BytesIO()
    exif = PillowImage.Exif()
    exif[0x0112] = orientation
    picture.convert("RGB").save(sink, "JPEG", quality=95, exif=exif)
    return sink.getvalue()


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [(640, 480), (1_501, 997)])
def test_boxes_lie_where_the_pixels_lie(size: tuple[int, int], orientation: int, stored: bool) -> None:
    width, height = size
    box = (70, 110, 330, 290)
    shown = size if stored or orientation < 5 else size[::-1]
    fields = {"boxes": [{"bbox": [70, 110, 260, 180], "category": "dog"}], "width": shown[0], "height": shown[1]}
    row = Row("k", Origin("made"), fields, {"image": painted(width, height, box, orientation, stored)})
    rules = BoxRules(box_frame="stored" if stored else "displayed")
    record: Any = GroundingTask(rules=rules)(row)
    for step in (DecodeImage(), CapSide(), MakeCanvas(16), MarkCanvas()):
        record = step(record)
    canvas = next(images_of(record)).canvas
    assert canvas is not None
    content = decode_canvas(canvas).pixels[: canvas.content_height, : canvas.content_width, 0] > 127  # type: ignore[index]
    rows, columns = np.flatnonzero(content.any(axis=1)), np.flatnonzero(content.any(axis=0))
    seen = (float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))
    label, *told = json.loads(record.facts["grounding.canvas_boxes"])[0]
    assert label == "dog"
    assert intersection_over_union(tuple(told), seen) > 0.98  # the pixels' own edges are whole numbers
    mark = marks_of(record)[0].on_canvas(canvas)
    assert mark == pytest.approx(told, abs=1e-9)
    assert record.facts["grounding.orientation"] == orientation


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_file_s_boxes_come_back_from_the_canvas_exactly(orientation: int) -> None:
    """The inverse of all that happens, by Pillow's own geometry: from canvas to displayed px, and turned back to stored ones."""
    fields = {"boxes": [{"bbox": [70.25, 110.5, 260.125, 180.75], "category": "dog"}], "width": 1_501, "height": 997}
    row = Row("k", Origin("made"), fields, {"image": painted(1_501, 997, (70, 110, 330, 290), orientation, True)})
    record: Any = GroundingTask(rules=BoxRules(box_frame="stored"))(row)
    for step in (DecodeImage(), CapSide(), MakeCanvas(16), MarkCanvas()):
        record = step(record)
    canvas = next(images_of(record)).canvas
    x0, y0, x1, y1 = json.loads(record.facts["grounding.canvas_boxes"])[0][1:]
    shares = (x0 / canvas.content_width, y0 / canvas.content_height, x1 / canvas.content_width, y1 / canvas.content_height)
    turned = json.loads(record.facts["grounding.source_boxes"])[0][1:]
    sides = (997, 1_501) if orientation >= 5 else (1_501, 997)
    assert [share * side for share, side in zip(shares, sides * 2, strict=True)] == pytest.approx(turned, abs=1e-9)
    first = np.array([[70.25, 110.5], [330.375, 291.25]])
    if orientation in (5, 6, 7, 8):
        first = first[:, ::-1]
    flips = {2: "x", 3: "xy", 4: "y", 5: "", 6: "x", 7: "xy", 8: "y"}.get(orientation, "")
    for axis, name in enumerate("xy"):
        if name in flips:
            first[:, axis] = sides[axis] - first[:, axis]
    expected = [*first.min(axis=0), *first.max(axis=0)]
    assert turned == pytest.approx(expected, abs=1e-9)


def test_refusals_of_the_task() -> None:
    image = painted(640, 480, (0, 0, 9, 9), 1, True)
    assert GroundingTask()(Row("k", Origin("made"), {"boxes": [DOG]})) == Reject(
        "k", "no_image", "expected image, or file_name, in the row"
    )
    done = GroundingTask()(Row("k", Origin("made"), {"boxes": [DOG]}, {"image": b"text"}))
    assert isinstance(done, Reject)
    assert done.reason == "not_an_image"
    alike = {"boxes": [DOG, {**DOG, "category": "cat", "bbox": [11, 21, 100, 80]}]}
    done = GroundingTask(ops=("label_at",))(Row("k", Origin("made"), alike, {"image": image}))
    assert isinstance(done, Reject)
    assert done.reason == "nothing_clear_to_ask"
    assert isinstance(GroundingTask()(Row("k", Origin("made"), alike, {"image": image})), Conversation)
    with pytest.raises(ValueError, match="expected some of count"):
        GroundingTask(ops=("guess",))
