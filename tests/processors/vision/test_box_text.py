"""Boxes as text: thousandths, rounded to nearest, and back within half of one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.vision.box_text import box_bins, box_text, parse_box


def test_thousandths_of_width_and_height() -> None:
    assert box_text((64, 48, 320, 480), 640, 480) == "[100, 100, 500, 1000]"
    assert box_text((0.1, 0.2, 0.35, 1.0), 1, 1) == "[100, 200, 350, 1000]"
    assert box_text((1, 1, 2, 2), 3, 3, bins=100) == "[33, 33, 67, 67]"


def test_halves_are_rounded_up() -> None:
    assert box_bins((0.0005, 0.0015, 0.0025, 0.0035), 1, 1) == (1, 2, 3, 4)


@given(st.integers(1, 5_000), st.integers(1, 5_000), st.data())
def test_what_is_written_is_read_within_half_a_thousandth(width: int, height: int, data: st.DataObject) -> None:
    x0, y0 = data.draw(st.floats(0, width)), data.draw(st.floats(0, height))
    x1, y1 = data.draw(st.floats(x0, width)), data.draw(st.floats(y0, height))
    read = parse_box(box_text((x0, y0, x1, y1), width, height))
    for value, share in zip(read, (x0 / width, y0 / height, x1 / width, y1 / height), strict=True):
        assert abs(value - share) <= 0.0005 + 1e-9


@pytest.mark.parametrize("box", [(-1, 0, 5, 5), (5, 0, 4, 5), (0, 0, 11, 5), (0, 0, 5, float("nan")), (0, 0, 5)])
def test_a_box_outside_of_the_picture_is_an_error(box: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected 0 <= x0 <= x1 <= 10 and 0 <= y0 <= y1 <= 10"):
        box_text(box, 10, 10)


@pytest.mark.parametrize(
    ("text", "match"), [("no box", "has no box"), ("[1, 2, 3]", "has no box"), ("[5, 0, 4, 9]", "x0 <= x1"), ("[0, 0, 1001, 9]", "1000")]
)
def test_a_text_without_a_box_is_an_error(text: str, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        parse_box(text)


def test_a_box_is_found_inside_a_sentence() -> None:
    assert parse_box("It stands at [10,20, 30,40].") == (0.01, 0.02, 0.03, 0.04)
