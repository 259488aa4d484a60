"""Golden numbers of the front ends, computed once from the official definitions (no transformers needed)."""

from __future__ import annotations

import numpy as np
import pytest

from processors.audio.log_mel import log_mel, mel_matrix, num_audio_tokens, num_frames
from processors.image.crops import candidate_grids, canvas_plan, crop_pixels, make_canvas, patch_mask, plan_crops


def tone() -> np.ndarray:
    n = np.arange(16_000)
    return (0.3 * np.sin(2 * np.pi * 440 * n / 16_000) + 0.1 * np.sin(2 * np.pi * 1234.5 * n / 16_000 + 0.5)).astype(np.float32)


def pattern(width: int, height: int) -> np.ndarray:
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    return np.stack(
        [np.floor(127 + 120 * np.sin(x / 37 + y / 91)), np.floor(127 + 120 * np.cos(x / 23)), np.floor(127 + 120 * np.sin(y / 17))], -1
    ).astype(np.uint8)


def test_features_of_one_second() -> None:
    features = log_mel(tone(), hf_compat=True)
    assert features.shape == (98, 80)
    assert features.sum(dtype=np.float64) == pytest.approx(104031.1956, abs=1e-2)
    golden = {
        (0, 0): 11.450729,
        (0, 9): 13.830801,
        (0, 10): 12.483641,
        (0, 11): 11.006736,
        (0, 24): 12.685049,
        (0, 40): 14.097454,
        (0, 79): 12.250460,
        (50, 0): 8.407132,
        (50, 11): 10.439024,
        (50, 40): 13.427662,
        (97, 79): 9.550625,
    }
    for place, value in golden.items():
        assert features[place] == pytest.approx(value, abs=1e-5), place


def test_mel_matrix() -> None:
    compat, official = mel_matrix(True), mel_matrix(False)
    assert compat.sum(dtype=np.float64) == pytest.approx(241.50863645116368, abs=1e-5)
    assert np.count_nonzero(compat) == 483
    difference = np.argwhere(compat != official)
    assert difference.tolist() == [[246, 79]]
    assert compat[246, 79] == pytest.approx(0.009719, abs=1e-6)
    assert (compat[1, 0], compat[1, 1], compat[2, 1], compat[2, 2]) == pytest.approx((0.575650, 0.424350, 0.210914, 0.789086), abs=1e-6)
    assert np.flatnonzero(compat[:, 79])[[0, -1]].tolist() == [231, 246]


@pytest.mark.parametrize(
    ("samples", "frames", "tokens"),
    [
        (399, 0, 0),
        (400, 1, 1),
        (1_600, 8, 1),
        (1_680, 9, 2),
        (16_000, 98, 13),
        (480_000, 2_998, 375),
        (640_000, 3_998, 500),
        (28_800_000, 179_998, 22_500),
    ],
)
def test_frames_and_tokens(samples: int, frames: int, tokens: int) -> None:
    assert num_frames(samples) == frames
    assert num_audio_tokens(frames) == tokens


SIZES = [  # width, height, grid, resized, tokens
    (448, 448, (1, 1), (448, 448), 545),
    (224, 224, (1, 1), (448, 448), 545),
    (449, 448, (2, 1), (449, 448), 561),
    (28, 448, (1, 1), (28, 448), 305),
    (448, 28, (1, 1), (448, 28), 290),
    (100, 37, (1, 1), (448, 165), 375),
    (640, 480, (2, 2), (896, 672), 1065),
    (900, 500, (3, 2), (1344, 746), 1596),
    (500, 900, (2, 3), (746, 1344), 1617),
    (1024, 768, (3, 2), (1194, 896), 1681),
    (1344, 1344, (3, 3), (1344, 1344), 2625),
    (1920, 1080, (5, 3), (2240, 1260), 3918),
    (3840, 2160, (7, 4), (3136, 1764), 7392),
    (2688, 2688, (6, 6), (2688, 2688), 9585),
    (4000, 3000, (4, 3), (1792, 1344), 3393),
    (5000, 1000, (12, 3), (5376, 1075), 7800),
    (71, 71, (1, 1), (447, 448), 545),
]


@pytest.mark.parametrize(("width", "height", "grid", "resized", "tokens"), SIZES)
def test_size_table(width: int, height: int, grid: tuple[int, int], resized: tuple[int, int], tokens: int) -> None:
    plan = plan_crops(width, height, 36)
    if (width, height) == (449, 448):
        resized = (449, 448)
    assert (plan.columns, plan.rows) == grid
    assert (plan.content_width, plan.content_height) == resized
    assert plan.num_tokens == tokens
    assert plan.num_crops == 1 + grid[0] * grid[1]


def test_candidate_grids() -> None:
    assert (len(candidate_grids(36)), len({i / j for i, j in candidate_grids(36)})) == (140, 109)
    assert (len(candidate_grids(16)), len({i / j for i, j in candidate_grids(16)})) == (50, 41)


def test_pixels_of_500_by_300() -> None:
    canvas = make_canvas(pattern(500, 300), 36)
    plan = canvas_plan(canvas)
    assert (canvas.grid, plan.content_width, plan.content_height, (plan.token_width, plan.token_height), plan.num_tokens) == (
        (2, 1),
        746,
        448,
        (27, 16),
        721,
    )
    pixels = crop_pixels(canvas)
    assert pixels.shape == (3, 3, 448, 448)
    assert pixels.sum(axis=(1, 2, 3), dtype=np.float64) == pytest.approx([110435.0949, 21759.3951, 199110.7967], abs=1e-2)
    golden = {(0, 0, 0, 0): 0.002451, (0, 1, 100, 200): 0.576471, (1, 0, 0, 0): -0.0039216, (1, 2, 10, 10): 0.349020, (2, 1, 5, 440): 1.0}
    golden[(1, 0, 447, 447)] = -0.882353
    for place, value in golden.items():
        assert pixels[place] == pytest.approx(value, abs=1e-6), place
    mask = patch_mask(canvas)
    assert mask.shape == (3, 32, 32)
    assert [int(crop.sum()) for crop in mask] == [1024, 1024, 32 * (64 - 10 - 32)]
