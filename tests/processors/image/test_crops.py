"""The multi-crop against the report's arithmetic, golden numbers, and torch's own interpolation."""

from __future__ import annotations

import dataclasses
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PillowImage

from processors.image.crops import (
    EXTREME_ASPECT,
    candidate_grids,
    canvas_num_tokens,
    canvas_plan,
    crop_pixels,
    make_canvas,
    patch_mask,
    plan_crops,
)
from schemas.outcome import Refused
from schemas.parts import CROP, Canvas

# width, height, grid, content, pad, useful tokens, tokens, crops with the global view (at most 36 crops)
SIZES = [
    (448, 448, (1, 1), (448, 448), (0, 0), (16, 16), 545, 2),
    (224, 224, (1, 1), (448, 448), (0, 0), (16, 16), 545, 2),
    (449, 448, (2, 1), (449, 448), (447, 0), (17, 16), 561, 3),
    (28, 448, (1, 1), (28, 448), (420, 0), (1, 16), 305, 2),
    (448, 28, (1, 1), (448, 28), (0, 420), (16, 1), 290, 2),
    (100, 37, (1, 1), (448, 165), (0, 283), (16, 6), 375, 2),
    (640, 480, (2, 2), (896, 672), (0, 224), (32, 24), 1065, 5),
    (900, 500, (3, 2), (1344, 746), (0, 150), (48, 27), 1596, 7),
    (500, 900, (2, 3), (746, 1344), (150, 0), (27, 48), 1617, 7),
    (1024, 768, (3, 2), (1194, 896), (150, 0), (43, 32), 1681, 7),
    (1344, 1344, (3, 3), (1344, 1344), (0, 0), (48, 48), 2625, 10),
    (1920, 1080, (5, 3), (2240, 1260), (0, 84), (80, 45), 3918, 16),
    (3840, 2160, (7, 4), (3136, 1764), (0, 28), (112, 63), 7392, 29),
    (2688, 2688, (6, 6), (2688, 2688), (0, 0), (96, 96), 9585, 37),
    (4000, 3000, (4, 3), (1792, 1344), (0, 0), (64, 48), 3393, 13),
    (5000, 1000, (12, 3), (5376, 1075), (0, 269), (192, 39), 7800, 37),
    (71, 71, (1, 1), (447, 448), (1, 0), (16, 16), 545, 2),
    (448, 448 * 36, (1, 36), (448, 448 * 36), (0, 0), (16, 576), 10_065, 37),
    (500, 300, (2, 1), (746, 448), (150, 0), (27, 16), 721, 3),
]

sides = st.integers(1, 6_000)
maxima = st.sampled_from([1, 4, 9, 16, 36])


@pytest.mark.parametrize(("width", "height", "grid", "content", "pad", "useful", "num_tokens", "num_crops"), SIZES)
def test_table_of_sizes(width, height, grid, content, pad, useful, num_tokens, num_crops):
    plan = plan_crops(width, height, 36)
    assert (plan.columns, plan.rows) == grid
    assert (plan.content_width, plan.content_height) == content
    assert (plan.pad_width, plan.pad_height) == pad
    assert (plan.token_width, plan.token_height) == useful
    assert (plan.num_tokens, plan.num_crops) == (num_tokens, num_crops)
    assert plan.image_size == (grid[1] * CROP, grid[0] * CROP)


@pytest.mark.parametrize(("max_crops", "num_pairs", "num_ratios", "most_tokens"), [(36, 140, 109, 10_065), (16, 50, 41, 4_625)])
def test_candidates(max_crops, num_pairs, num_ratios, most_tokens):
    pairs = candidate_grids(max_crops)
    assert len(pairs) == len(set(pairs)) == num_pairs
    assert len({i / j for i, j in pairs}) == num_ratios
    assert [i * j for i, j in pairs] == sorted(i * j for i, j in pairs)
    assert max(canvas_num_tokens(pair, CROP * pair[0], CROP * pair[1]) for pair in pairs) == most_tokens


def test_ties_go_to_the_larger_grid_only_for_a_large_image():
    assert (plan_crops(2689, 2689, 36).columns, plan_crops(2689, 2689, 36).rows) == (6, 6)
    assert (plan_crops(1793, 1793, 16).columns, plan_crops(1793, 1793, 16).rows) == (4, 4)
    assert (plan_crops(450, 449, 1).columns, plan_crops(450, 449, 1).rows) == (1, 1)


def test_extreme_aspect_is_refused_at_10_px_of_content():
    assert plan_crops(448, 10, 36).content_height == 10
    with pytest.raises(Refused, match="448x9 px becomes 448x9 px on 1x1 crops, expected 10 px or more") as caught:
        plan_crops(448, 9, 36)
    assert caught.value.reason is EXTREME_ASPECT
    with pytest.raises(Refused, match="extreme_aspect"):
        plan_crops(100_000, 1, 36)


@pytest.mark.parametrize(("width", "height", "max_crops"), [(0, 5, 36), (5, -1, 36), (5, 5, 0)])
def test_sizes_below_one_are_a_mistake_of_the_program(width, height, max_crops):
    with pytest.raises(ValueError, match="expected 1 or more of each"):
        plan_crops(width, height, max_crops)


@given(sides, sides, maxima)
def test_laws_of_a_plan(width, height, max_crops):
    try:
        plan = plan_crops(width, height, max_crops)
    except Refused as refused:
        assert refused.reason is EXTREME_ASPECT
        assert max(width / height, height / width) > CROP / 11  # never for an ordinary aspect
        return
    assert plan.columns * plan.rows <= max_crops
    assert min(plan.pad_width, plan.pad_height) >= 0
    # the side that fills its grid may lose a pixel to truncation
    assert min(plan.pad_width, plan.pad_height) == 0
    assert plan.num_crops == 1 + plan.columns * plan.rows
    # columns of tokens: every one holds content, and content is covered but for less than a patch
    assert (plan.token_width - 1) * 28 < plan.content_width <= plan.token_width * 28
    assert (plan.token_height - 1) * 28 < plan.content_height <= plan.token_height * 28
    assert 257 + 16 + plan.token_height * (plan.token_width + 1) == plan.num_tokens
    assert canvas_num_tokens((plan.columns, plan.rows), plan.content_width, plan.content_height) == plan.num_tokens
    assert plan == plan_crops(width, height, max_crops) == pickle.loads(pickle.dumps(plan))


@given(st.integers(1, 2_688), st.integers(1, 2_688), maxima)
def test_an_image_that_fits_is_never_given_more_crops_than_it_fills(width, height, max_crops):
    columns, rows = -(-width // CROP), -(-height // CROP)
    if columns * rows > max_crops or max(width / height, height / width) > 40:
        return
    plan = plan_crops(width, height, max_crops)
    assert (plan.columns, plan.rows) == (columns, rows)


def by_the_released_code(plan) -> tuple[np.ndarray, int]:
    """Mask and tokens, spelled as the released processor computes them: from a grid of ones."""
    mask = np.ones((32 * plan.rows, 32 * plan.columns), np.float32)
    if plan.pad_width >= 14:
        mask[:, -(plan.pad_width // 14) :] = 0
    if plan.pad_height >= 14:
        mask[-(plan.pad_height // 14) :] = 0
    blocks = mask.reshape(plan.rows, 32, plan.columns, 32).transpose(0, 2, 1, 3).reshape(-1, 32, 32)
    small = mask[::2, ::2]
    num = 256 + 1 + int(small.sum()) + int(small[:, 0].sum()) + 16
    return np.concatenate([np.ones((1, 32, 32), np.float32), blocks]), num


@given(st.integers(1, 3_000), st.integers(1, 3_000), st.sampled_from([16, 36]))
def test_mask_and_tokens_are_those_of_the_released_code(width, height, max_crops):
    try:
        plan = plan_crops(width, height, max_crops)
    except Refused:
        return
    mask, num_tokens = by_the_released_code(plan)
    blank = np.broadcast_to(np.uint8(0), (plan.target_height, plan.target_width, 3))  # no memory behind it
    canvas = Canvas(blank, plan.content_width, plan.content_height)
    assert canvas_plan(canvas) == plan
    assert np.array_equal(patch_mask(canvas), mask.astype(bool))
    assert plan.num_tokens == num_tokens


def wavy(width: int, height: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    planes = (127 + 120 * np.sin(x / 37 + y / 91), 127 + 120 * np.cos(x / 23), 127 + 120 * np.sin(y / 17))
    return np.floor(np.stack(planes, -1)).astype(np.uint8)


def test_golden_image():
    canvas = make_canvas(wavy(500, 300), 36)
    plan = canvas_plan(canvas)
    assert (canvas.grid, plan.num_tokens, plan.num_crops) == ((2, 1), 721, 3)
    pixels = crop_pixels(canvas)
    assert pixels.shape == (3, 3, 448, 448)
    assert pixels.dtype == np.float32
    # 602,112 values a crop: the last bit of a float32 is worth about 0.02 in their sum
    assert pixels.astype(np.float64).sum((1, 2, 3)) == pytest.approx([110435.0949, 21759.3951, 199110.7967], abs=2e-2)
    golden = {(0, 0, 0, 0): 0.002451, (0, 1, 100, 200): 0.576471, (1, 0, 0, 0): -0.0039216, (1, 2, 10, 10): 0.349020}
    golden |= {(2, 1, 5, 440): 1.0, (1, 0, 447, 447): -0.882353}
    assert {place: pixels[place] for place in golden} == pytest.approx(golden, abs=1e-6)


@pytest.mark.parametrize("grid", [(1, 1), (1, 2), (2, 1), (2, 2), (3, 2), (2, 3), (4, 3), (6, 6), (1, 12), (12, 3), (7, 5)])
def test_crops_and_global_view_equal_torch(grid):
    columns, rows = grid
    noise = np.random.default_rng(0).integers(0, 256, (CROP * rows, CROP * columns, 3), dtype=np.uint8)
    got = crop_pixels(Canvas(noise, CROP * columns, CROP * rows))
    whole = (torch.from_numpy(noise).permute(2, 0, 1)[None].float() / 255 - 0.5) / 0.5
    view = torch.nn.functional.interpolate(whole, size=(CROP, CROP), mode="bicubic", align_corners=False, antialias=False)[0].numpy()
    assert np.abs(got[0] - view).max() <= 1e-6
    for row in range(rows):
        for column in range(columns):
            block = whole[0, :, row * CROP : (row + 1) * CROP, column * CROP : (column + 1) * CROP].numpy()
            assert np.abs(got[1 + row * columns + column] - block).max() <= 1e-6
    if columns % 2 == 0 or rows % 2 == 0:
        assert np.abs(got[0]).max() > 1.1  # bicubic overshoots, and nothing clamps it


def test_canvas_is_resized_by_pillow_and_padded_with_white():
    pixels = wavy(500, 300)
    canvas = make_canvas(pixels, 36)
    expected = np.asarray(PillowImage.fromarray(pixels).resize((746, 448), PillowImage.Resampling.BILINEAR))
    assert canvas.pixels.shape == (448, 896, 3)
    assert np.array_equal(canvas.pixels[:448, :746], expected)
    assert (canvas.pixels[:, 746:] == 255).all()
    tall = make_canvas(wavy(300, 500), 36)
    assert tall.pixels.shape == (896, 448, 3)
    assert (tall.pixels[746:] == 255).all()
    assert np.array_equal(make_canvas(PillowImage.fromarray(pixels), 36).pixels, canvas.pixels)


def test_an_image_that_needs_no_resize_is_kept_to_the_byte_and_copied():
    pixels = wavy(449, 448)
    canvas = make_canvas(pixels, 36)
    assert np.array_equal(canvas.pixels[:, :449], pixels)
    assert not np.shares_memory(canvas.pixels, pixels)


def test_wrong_inputs_are_named():
    with pytest.raises(ValueError, match=r"shape \(4, 4\) and type uint8, expected \(H, W, 3\) uint8"):
        make_canvas(np.zeros((4, 4), np.uint8), 36)
    with pytest.raises(ValueError, match="449x448 px does not fit a canvas of 1x1 crops"):
        canvas_num_tokens((1, 1), 449, 448)
    with pytest.raises(ValueError, match="no pixels; decode it first"):
        crop_pixels(Canvas(None, 448, 448))


def test_a_plan_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        plan_crops(448, 448, 36).columns = 2
