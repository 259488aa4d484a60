"""Dynamic multi-crop: which grid of 448 px crops a picture takes, the canvas, its tensors, and what it costs.

Follows the official image processor of Phi-4-multimodal to the pixel: grid by size when it fits `max_crops`, else the
closest aspect ratio (InternVL2's rule); bilinear antialiased resize by Pillow; white padding at right and bottom; a
global view by bicubic interpolation of the normalised canvas, without antialiasing and without clamping.
Source: microsoft/Phi-4-multimodal-instruct, image processor; arXiv 2503.01743 section 2.2.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
from PIL import Image as PillowImage

from schemas.outcome import Reason, Refused
from schemas.parts import CROP, Canvas

PATCH = 14
PATCHES = CROP // PATCH  # 32 a side
MIN_SIDE_PX = 10
GLOBAL_TOKENS = 16 * (16 + 1) + 1  # the global view with its row separators, and the separator between the views
EXTREME_ASPECT = Reason("extreme_aspect", "Resized to its grid, a side of the image would be under 10 px")


@dataclass(frozen=True, slots=True)
class CropPlan:
    """Where a picture goes. Units: px, but `columns` and `rows` count crops."""

    columns: int
    rows: int
    content_width: int
    content_height: int

    @property
    def width(self) -> int:
        return self.columns * CROP

    @property
    def height(self) -> int:
        return self.rows * CROP

    @property
    def num_crops(self) -> int:
        """Crops, the global view included."""
        return 1 + self.columns * self.rows

    @property
    def useful(self) -> tuple[int, int]:
        """Columns and rows of tokens that hold content."""
        across = _valid_patches(self.columns, self.width - self.content_width)
        down = _valid_patches(self.rows, self.height - self.content_height)
        return -(-across // 2), -(-down // 2)

    @property
    def num_tokens(self) -> int:
        """Exact image tokens: 273 for the global view and separator, then each useful row with its own separator."""
        across, down = self.useful
        return GLOBAL_TOKENS + down * (across + 1)


def _valid_patches(crops: int, padding_px: int) -> int:
    return PATCHES * crops - padding_px // PATCH


@functools.cache
def candidate_grids(max_crops: int) -> tuple[tuple[int, int], ...]:
    """All grids (columns, rows) of 1 to `max_crops` crops, smallest area first."""
    pairs = ((i, j) for i in range(1, max_crops + 1) for j in range(1, max_crops + 1) if i * j <= max_crops)
    return tuple(sorted(pairs, key=lambda pair: pair[0] * pair[1]))


def choose_grid(width: int, height: int, max_crops: int) -> tuple[int, int]:
    """Columns and rows of crops for a picture."""
    columns, rows = math.ceil(width / CROP), math.ceil(height / CROP)
    if columns * rows <= max_crops:
        return columns, rows
    best, best_difference = (1, 1), math.inf
    for i, j in candidate_grids(max_crops):
        difference = abs(width / height - i / j)
        bigger_is_better = difference == best_difference and width * height > 0.5 * CROP * CROP * i * j
        if difference < best_difference or bigger_is_better:
            best, best_difference = (i, j), difference
    return best


def plan_crops(width: int, height: int, max_crops: int) -> CropPlan:
    """The plan of a picture of this size. Raises: Refused(EXTREME_ASPECT) when a resized side would be under 10 px."""
    if width < 1 or height < 1 or max_crops < 1:
        raise ValueError(f"an image of {width}x{height} px with at most {max_crops} crops cannot be planned; expected 1 or more of each")
    columns, rows = choose_grid(width, height, max_crops)
    ratio_w, ratio_h = columns * CROP / width, rows * CROP / height
    if ratio_w < ratio_h:
        new_width, new_height = columns * CROP, int(height * ratio_w)
    else:
        new_width, new_height = int(width * ratio_h), rows * CROP
    if min(new_width, new_height) < MIN_SIDE_PX:
        raise Refused(
            EXTREME_ASPECT, f"{width}x{height} px would become {new_width}x{new_height}, expected {MIN_SIDE_PX} px or more a side"
        )
    return CropPlan(columns, rows, new_width, new_height)


def make_canvas(pixels: np.ndarray, max_crops: int) -> Canvas:
    """A picture resized and padded to its grid. Shapes: pixels (H, W, 3) uint8. Raises: Refused(EXTREME_ASPECT)."""
    height, width = pixels.shape[:2]
    plan = plan_crops(width, height, max_crops)
    size = (plan.content_width, plan.content_height)
    resized = pixels if size == (width, height) else np.asarray(PillowImage.fromarray(pixels).resize(size, PillowImage.Resampling.BILINEAR))
    if size == (plan.width, plan.height):
        return Canvas(np.ascontiguousarray(resized), *size)
    canvas = np.full((plan.height, plan.width, 3), 255, np.uint8)
    canvas[: plan.content_height, : plan.content_width] = resized
    return Canvas(canvas, *size)


def canvas_plan(canvas: Canvas) -> CropPlan:
    """The plan that a canvas carries out."""
    return CropPlan(*canvas.grid, canvas.content_width, canvas.content_height)


def canvas_num_tokens(grid: tuple[int, int], content_width: int, content_height: int) -> int:
    """Exact tokens from what a shard keeps of a canvas."""
    return CropPlan(*grid, content_width, content_height).num_tokens


def image_size(canvas: Canvas) -> tuple[int, int]:
    """(TH, TW), the padded size, in the order the model wants it."""
    columns, rows = canvas.grid
    return rows * CROP, columns * CROP


def patch_mask(canvas: Canvas) -> np.ndarray:
    """Which patches hold content; the global view is all ones. Shapes: (1 + crops, 32, 32) bool."""
    plan = canvas_plan(canvas)
    mask = np.zeros((plan.rows * PATCHES, plan.columns * PATCHES), bool)
    down = _valid_patches(plan.rows, plan.height - plan.content_height)
    mask[:down, : _valid_patches(plan.columns, plan.width - plan.content_width)] = True
    crops = mask.reshape(plan.rows, PATCHES, plan.columns, PATCHES).swapaxes(1, 2).reshape(-1, PATCHES, PATCHES)
    return np.concatenate([np.ones((1, PATCHES, PATCHES), bool), crops])


def crop_pixels(canvas: Canvas) -> np.ndarray:
    """The model's input: global view first, then the crops row by row. Shapes: (1 + crops, 3, 448, 448) float32, about [-1, 1]."""
    if canvas.pixels is None:
        raise ValueError("the canvas is encoded; decode it first")
    columns, rows = canvas.grid
    table = ((np.arange(256, dtype=np.float32) / np.float32(255)) - np.float32(0.5)) / np.float32(0.5)
    out = np.empty((1 + columns * rows, 3, CROP, CROP), np.float32)
    blocks = canvas.pixels.reshape(rows, CROP, columns, CROP, 3).transpose(0, 2, 4, 1, 3).reshape(-1, 3, CROP, CROP)
    np.take(table, blocks, out=out[1:], mode="clip")
    out[0] = _global_view(canvas.pixels, table)
    return out


def _global_view(pixels: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Bicubic (a = -0.75) of the whole canvas to 448 x 448. Only the 4 rows and 4 columns that a result needs are read."""
    height, width = pixels.shape[:2]
    rows, row_weights = _cubic_taps(height)
    columns, column_weights = _cubic_taps(width)
    across = np.zeros((height if rows is None else rows.size, CROP, 3), np.float32)
    lines = pixels if rows is None else pixels[rows.reshape(-1)]
    if columns is None:
        across = table[lines]
    else:
        for tap in range(4):
            across += table[lines[:, columns[:, tap]]] * column_weights[:, tap][None, :, None]
    if rows is None:
        return across.transpose(2, 0, 1)
    stacked = across.reshape(CROP, 4, CROP, 3)
    return np.einsum("ytxc,yt->cyx", stacked, row_weights)


@functools.lru_cache(maxsize=64)
def _cubic_taps(size: int) -> tuple[np.ndarray | None, np.ndarray]:
    """For each of 448 results: the 4 source indices and their weights; None for the indices when nothing changes."""
    if size == CROP:
        return None, np.ones((CROP, 1), np.float32)
    centre = (np.arange(CROP) + 0.5) * (size / CROP) - 0.5
    first = np.floor(centre).astype(int)
    t = (centre - first)[:, None]
    distance = np.abs(t - np.array([-1, 0, 1, 2])[None, :])
    a = -0.75
    near = ((a + 2) * distance - (a + 3)) * distance * distance + 1
    far = ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
    weights = np.where(distance <= 1, near, far).astype(np.float32)
    return np.clip(first[:, None] + np.array([-1, 0, 1, 2]), 0, size - 1), weights
