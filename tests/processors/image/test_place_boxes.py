"""Boxes through the eight orientations, against pictures whose painted rectangle Pillow turns; frames by stated size."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PillowImage

from processors.image.decode import TURNS
from processors.image.place_boxes import (
    SIDEWAYS,
    Frame,
    area,
    clip_box,
    find_frame,
    intersection_over_union,
    orient_box,
    place_box,
)
from schemas.outcome import Refused

WIDTH, HEIGHT = 37, 23
BOXES = ((3, 2, 11, 20), (0, 0, 37, 23), (36, 22, 37, 23), (5, 0, 6, 1))


def painted(box: tuple[int, int, int, int]) -> PillowImage.Image:
    picture = PillowImage.new("L", (WIDTH, HEIGHT))
    picture.paste(255, box)
    return picture


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("box", BOXES)
def test_edges_move_as_pixels_do(orientation: int, box: tuple[int, int, int, int]) -> None:
    picture = painted(box)
    turned = picture.transpose(TURNS[orientation]) if orientation in TURNS else picture
    assert orient_box(box, WIDTH, HEIGHT, orientation) == turned.getbbox()


@given(
    st.integers(1, 8),
    st.tuples(st.floats(0, 30), st.floats(0, 20), st.floats(0.1, 7), st.floats(0.1, 3)),
)
def test_area_stays_and_the_box_stays_inside(orientation: int, xywh: tuple[float, float, float, float]) -> None:
    box = (xywh[0], xywh[1], xywh[0] + xywh[2], xywh[1] + xywh[3])
    width, height = (HEIGHT, WIDTH) if orientation in SIDEWAYS else (WIDTH, HEIGHT)
    found = orient_box(box, WIDTH, HEIGHT, orientation)
    assert area(found) == pytest.approx(area(box), rel=1e-6, abs=1e-9)
    assert -1e-9 <= found[0] < found[2] <= width + 1e-9
    assert -1e-9 <= found[1] < found[3] <= height + 1e-9


@pytest.mark.parametrize(
    ("stated", "orientation", "unstated", "expected"),
    [
        ((640, 480), 1, "displayed", "displayed"),  # no turn: the two frames are one
        ((640, 480), 6, "displayed", "stored"),
        ((480, 640), 6, "stored", "displayed"),
        ((640, 480), 3, "stored", "stored"),  # half a turn leaves the size: the parameter decides
        ((640, 480), 3, "displayed", "displayed"),
        (None, 6, "stored", "stored"),
        (None, 6, "displayed", "displayed"),
        ((320, 240), 6, "displayed", "stored"),  # resized
        ((240, 320), 6, "stored", "displayed"),
    ],
)
def test_the_stated_size_tells_the_frame(stated: tuple[int, int] | None, orientation: int, unstated: str, expected: str) -> None:
    assert find_frame(stated, (640, 480), orientation, unstated).name == expected


def test_squares_are_decided_by_the_parameter() -> None:
    assert [find_frame((50, 50), (50, 50), 6, name).name for name in ("stored", "displayed")] == ["stored", "displayed"]


def test_a_size_of_another_shape_is_refused() -> None:
    with pytest.raises(Refused, match="the row states 640x400 px, the image has 640x480 or 480x640"):
        find_frame((640, 400), (640, 480), 6, "displayed")
    assert find_frame((1_000, 667), (640, 427), 1, "displayed") == Frame("displayed", 1_000.0, 667.0)  # rounded shorter side
    with pytest.raises(ValueError, match="expected stored or displayed"):
        find_frame((1, 1), (1, 1), 1, "shown")


def test_a_resized_stored_frame_is_scaled_then_turned() -> None:
    frame = Frame("stored", 320.0, 240.0)
    assert place_box((10, 20, 30, 60), frame, (640, 480), 6) == orient_box((20, 40, 60, 120), 640, 480, 6)
    displayed = Frame("displayed", 240.0, 320.0)
    assert place_box((10, 20, 30, 60), displayed, (640, 480), 6) == (20, 40, 60, 120)


def test_overlap() -> None:
    assert intersection_over_union((0, 0, 2, 2), (0, 0, 2, 2)) == 1.0
    assert intersection_over_union((0, 0, 2, 2), (1, 0, 3, 2)) == pytest.approx(1 / 3)
    assert intersection_over_union((0, 0, 1, 1), (1, 1, 2, 2)) == 0.0
    assert intersection_over_union((0, 0, 0, 0), (0, 0, 0, 0)) == 0.0
    assert clip_box((-1, -1, 50, 5), 10, 10) == (0, 0, 10, 5)
