"""Which frames are chosen: exact for uniform, rate, scenes and keyframes; what is static and what is not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.video.select import (
    STATIC_CHANGE,
    Selection,
    by_rate,
    by_scenes,
    cell_colours,
    cuts,
    is_static,
    shown_at,
    spread,
    thumbnail,
    uniform,
)

TEN = [number / 10 for number in range(100)]


def test_uniform_takes_the_centres_of_equal_parts():
    assert uniform(TEN, 10.0, 4) == [12, 37, 62, 87]
    assert uniform(TEN, 10.0, 1) == [50]
    assert uniform(TEN[:3], 0.3, 4) == [0, 1, 2]
    assert uniform([0.0, 0.1, 0.2, 9.0, 9.1], 10.0, 2) == [2]  # what is on the screen at 2.5 s and at 7.5 s is one frame


def test_rate():
    assert by_rate(TEN, 10.0, 1.0, 20) == [0, 10, 20, 30, 40, 50, 60, 70, 80, 90]
    assert by_rate(TEN, 10.0, 1.0, 5) == uniform(TEN, 10.0, 5)
    assert by_rate([0.0, 4.0], 5.0, 1.0, 10) == [0, 1]


def test_scenes_first_then_the_longest_stretch():
    assert by_scenes(TEN, 10.0, [3.0, 8.0], 3) == [0, 30, 80]
    assert by_scenes(TEN, 10.0, [3.0, 8.0], 4) == [0, 30, 55, 80]
    assert by_scenes(TEN, 10.0, [1.0, 2.0, 3.0, 4.0], 2) == [0, 20]
    assert by_scenes(TEN, 10.0, [], 3) == [0, 25, 50]
    assert by_scenes(TEN[:2], 0.2, [], 3) == [0, 1]


def test_keyframes_and_spread():
    assert Selection("keyframes", 3).choose(TEN, 10.0, [number % 10 == 0 for number in range(100)]) == [0, 30, 60]
    assert spread([1, 2, 3], 5) == [1, 2, 3]


def test_the_frame_of_a_time_is_the_last_that_began():
    assert shown_at([0.0, 1.0, 5.0], [0.0, 0.99, 1.0, 4.9, 5.0, 80.0]) == [0, 1, 2]


@given(
    st.lists(st.integers(1, 1000), min_size=1, max_size=60), st.integers(1, 40), st.sampled_from(["uniform", "rate", "scenes", "keyframes"])
)
def test_every_way_gives_increasing_places_within_bounds(gaps, most, way):
    times = list(np.cumsum([0, *gaps[:-1]]) / 100)
    chosen = Selection(way, most, 2.0).choose(times, times[-1] + gaps[-1] / 100, [True] * len(times), [times[len(times) // 2]])
    assert chosen == sorted(set(chosen))
    assert 1 <= len(chosen) <= most
    assert chosen[0] >= 0 and chosen[-1] < len(times)


@pytest.mark.parametrize(
    ("options", "text"), [({"way": "best"}, "chosen by 'best'"), ({"num_frames": 0}, "num_frames is 0"), ({"rate_hz": 0.0}, "rate_hz")]
)
def test_selections_that_cannot_be(options, text):
    with pytest.raises(ValueError, match=text):
        Selection(**options)


def flat(value: float) -> np.ndarray:
    return np.full((64, 96, 3), value, np.uint8)


def test_cuts_are_no_fast_motion():
    assert cuts([thumbnail(flat(shade)) for shade in (10, 10, 100, 100, 100)]) == [2]
    assert cuts([thumbnail(flat(shade)) for shade in (10, 12, 20, 40, 60, 80)]) == []
    assert cuts([thumbnail(flat(shade)) for shade in range(10, 250, 30)]) == []  # everything changes all the time
    assert cuts([]) == []


def test_a_cut_between_colours_of_one_brightness_is_found():
    red, blue = (np.full((32, 32, 3), colour, np.uint8) for colour in ((160, 32, 32), (32, 64, 160)))
    assert np.abs(thumbnail(red) - thumbnail(blue)).max() < 10
    assert cuts([cell_colours(picture) for picture in (red, red, blue, blue, blue)]) == [2]


def test_static():
    assert is_static([flat(100), flat(100 + STATIC_CHANGE)])
    assert not is_static([flat(100), flat(101 + STATIC_CHANGE)])
    moved = flat(100)
    moved[:8, :8] = 200  # a small thing in a corner
    assert not is_static([flat(100), moved])
    noise = np.random.default_rng(1).integers(-6, 7, (64, 96, 3))
    assert is_static([flat(100), (flat(100) + noise).astype(np.uint8)])
    coloured = flat(100)
    coloured[..., 0], coloured[..., 2] = 160, 0  # another colour of about the same brightness
    assert not is_static([flat(100), coloured])
    assert is_static([np.zeros((1, 1, 3), np.uint8)] * 2)


def test_thumbnails_are_means_of_cells():
    pixels = np.zeros((32, 32, 3), np.uint8)
    pixels[:2, :2] = 255
    assert thumbnail(pixels)[0, 0] == pytest.approx(255)
    assert thumbnail(pixels).sum() == pytest.approx(255)
    assert thumbnail(np.full((5, 300, 3), 7, np.uint8)).round(6).tolist() == np.full((16, 16), 7.0).tolist()
