"""Pictures of rows: what lies over a canvas stands where it belongs, and the model's view is the model's."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pytest
from lxml import html as lxml_html
from PIL import Image as PillowImage

from pipelines.report.markup import Budget
from pipelines.report.pictures import MAX_IMAGES, MAX_SIDE_PX, model_view, overlay_of, pictures_html, shrunk, spread_over
from processors.image.crops import crop_pixels, make_canvas
from processors.image.encode import decode_canvas, encode_canvas
from processors.vision.marks import Mark
from schemas.parts import Canvas, Image

ROOM = 10_000_000


def canvas(width: int, height: int) -> Canvas:
    """Stripes of colour, which a coder takes quickly."""
    pixels = np.add.outer(np.arange(height), np.arange(width) * 3)[:, :, None] // 16 * np.array([1, 5, 9])
    return make_canvas((pixels % 256).astype(np.uint8), 36)


def picture(width: int, height: int, time_s: float | None = None) -> Image:
    return Image(canvas=encode_canvas(canvas(width, height)), num_tokens=1, time_s=time_s)


def shown(images: list[Image], marks: list[Mark], room: int = ROOM) -> Any:
    return lxml_html.fromstring(str(pictures_html(images, marks, Budget(room))))


def numbers(element: Any, *names: str) -> tuple[float, ...]:
    return tuple(float(element.get(name)) for name in names)


def test_the_overlay_is_told_in_px_of_the_canvas() -> None:
    mark = Mark(0, 0.25, 0.5, 0.75, 1.0, "cat")
    found = overlay_of(canvas(1000, 500), [mark])  # 1000 x 500 px on 3 x 2 crops, of which it fills the width
    assert (found.width, found.height, found.columns, found.rows) == (1344, 896, (448, 896), (448,))
    assert (found.content_width, found.content_height) == (1344, 672)
    assert [(box.x0, box.y0, box.x1, box.y1, box.label) for box in found.boxes] == [(336.0, 336.0, 1008.0, 672.0, "cat")]


def test_the_drawing_has_the_coordinates_of_the_marks_and_of_the_crops() -> None:
    image = picture(1000, 500)
    marks = [Mark(0, 1 / 3, 0.1, 0.9, 0.77, "cat"), Mark(1, 0, 0, 1, 1, "of another image"), Mark(0, 0.5, 0.5, 0.5, 0.5)]
    page = shown([image], marks)
    (svg,) = page.iter("svg")
    assert image.canvas is not None
    assert svg.get("viewbox") == "0 0 1344 896"
    boxes = [numbers(rect, "x", "y", "width", "height") for rect in svg.find_class("layer-boxes")[0].iter("rect")]
    wanted = [mark.on_canvas(image.canvas) for mark in marks if mark.image == 0]
    assert boxes == [pytest.approx((x0, y0, x1 - x0, y1 - y0), abs=0.005) for x0, y0, x1, y1 in wanted]
    lines = [numbers(line, "x1", "y1", "x2", "y2") for line in svg.iter("line")]
    assert lines == [(448, 0, 448, 896), (896, 0, 896, 896), (0, 448, 1344, 448)]
    (content,) = svg.find_class("layer-content")[0].iter("rect")
    assert numbers(content, "x", "y", "width", "height") == (0, 0, 1344, 672)
    assert [text.text for text in svg.iter("text")] == ["cat"]


def test_only_layers_that_there_are_have_a_control() -> None:
    def layers(images: list[Image], marks: list[Mark]) -> list[str]:
        return [box.get("data-layer") for box in shown(images, marks).iter("input")]

    assert layers([picture(300, 300)], []) == ["grid", "content"]
    assert layers([picture(300, 300)], [Mark(0, 0, 0, 1, 1)]) == ["grid", "content", "boxes"]
    assert layers([picture(300, 300, 1.5), picture(301, 300, 2.0)], []) == ["grid", "content", "times"]


def test_frames_tell_their_number_and_time() -> None:
    page = shown([picture(300, 300, 1.5), picture(301, 300, 2.25)], [])
    assert [text.text for text in page.iter("text")] == ["1 1.500 s", "2 2.250 s"]


def test_the_picture_is_the_canvas_made_smaller() -> None:
    image = picture(1300, 1300)
    source = next(shown([image], []).iter("img")).get("src")
    stored = PillowImage.open(io.BytesIO(base64.b64decode(source.removeprefix("data:image/webp;base64,"))))
    assert stored.size == (MAX_SIDE_PX, MAX_SIDE_PX)  # of a canvas of 1344 px
    assert image.canvas is not None
    pixels = decode_canvas(image.canvas).pixels
    assert pixels is not None
    wanted = np.asarray(shrunk(pixels, MAX_SIDE_PX, MAX_SIDE_PX)[0], float)
    assert np.abs(np.asarray(stored.convert("RGB"), float) - wanted).mean() < 20  # lossy


def test_a_small_picture_is_never_enlarged() -> None:
    small, scale = shrunk(np.zeros((448, 896, 3), np.uint8), 900, 900)
    assert (small.size, scale) == ((896, 448), 1.0)


@pytest.mark.parametrize(("width", "height"), [(300, 300), (1000, 500), (1300, 1300)])
def test_the_global_view_is_what_the_model_gets(width: int, height: int) -> None:
    made = canvas(width, height)
    wanted = np.clip(np.round(crop_pixels(made)[0] * 127.5 + 127.5), 0, 255).astype(np.uint8).transpose(1, 2, 0)
    assert np.array_equal(model_view(encode_canvas(made)), wanted)


def test_many_images_are_shown_evenly() -> None:
    assert spread_over(3, 12) == [0, 1, 2]
    assert spread_over(100, 4) == [0, 33, 66, 99]
    images = [picture(40, 40, number / 2) for number in range(30)]
    page = shown(images, [Mark(29, 0, 0, 1, 1, "last")])
    assert len(list(page.iter("figure"))) == MAX_IMAGES
    assert "12 of 30 images are shown" in page.text_content()
    assert [text.text for text in page.iter("text")][-2:] == ["last", "30 14.500 s"]


def test_a_picture_that_does_not_fit_leaves_a_note_and_all_after_it_too() -> None:
    budget = Budget(2_000)
    page = lxml_html.fromstring(str(pictures_html([picture(900, 900), picture(20, 20)], [], budget)))
    assert len(list(page.iter("img"))) == 0
    assert page.text_content().count("Left out: the page has reached its size.") == 3  # the second, and the global view, would fit
    assert budget.num_dropped == 3


def test_a_label_is_text() -> None:
    page = shown([picture(300, 300)], [Mark(0, 0, 0, 1, 1, "</svg><script>alert(1)</script>")])
    assert list(page.iter("script")) == []
    assert next(page.iter("text")).text == "</svg><script>alert(1)</script>"
