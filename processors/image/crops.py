"""The dynamic multi-crop of Phi-4-multimodal: how an image becomes whole crops of 448 px, and what that costs in tokens.

An image is resized to fill a grid of crops, padded with white at the right and the bottom, and kept as a `Canvas`.
Crops, global view and masks are functions of the canvas alone, so a shard stores the canvas and nothing else.

Legend of shapes: TH, TW height and width of the canvas (multiples of 448); n the number of crops without the global view.
Source: arXiv 2503.01743, section 2.2 (dynamic multi-crop), and the released processor of Phi-4-multimodal-instruct. Where
the released code and the later port in transformers resize differently (by at most two grey levels), we follow the
released code: Pillow's antialiased bilinear filter on uint8.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
from PIL import Image as PillowImage

from schemas.outcome import Reason, Refused
from schemas.parts import CROP, Canvas

PATCH = 14  # px, one side of a patch of the vision encoder
PATCHES = CROP // PATCH  # 32 patches a side of a crop
TOKENS = PATCHES // 2  # 16 tokens a side of a crop, after 2x2 average pooling
NUM_GLOBAL_TOKENS = TOKENS * (TOKENS + 1)  # 16 rows of 16 features and a row separator
MIN_CONTENT_PX = 10  # the released processor refuses a content thinner than this
WHITE = 255
MAX_CROPS_PRETRAINING, MAX_CROPS_SFT = 16, 36  # the report's maxima

EXTREME_ASPECT = Reason("extreme_aspect", "Fitted into its grid of crops the image is thinner than 10 px")


@dataclass(frozen=True, slots=True)
class CropPlan:
    """Where an image lies on its canvas. Units: px for widths and heights, crops for columns and rows."""

    columns: int
    rows: int
    content_width: int
    content_height: int

    @property
    def target_width(self) -> int:
        return CROP * self.columns

    @property
    def target_height(self) -> int:
        return CROP * self.rows

    @property
    def pad_width(self) -> int:
        return self.target_width - self.content_width

    @property
    def pad_height(self) -> int:
        return self.target_height - self.content_height

    @property
    def patch_width(self) -> int:
        """Columns of patches that hold content: a column is dropped when all of its 14 px are padding."""
        return PATCHES * self.columns - self.pad_width // PATCH

    @property
    def patch_height(self) -> int:
        return PATCHES * self.rows - self.pad_height // PATCH

    @property
    def token_width(self) -> int:
        """Columns of tokens that the model keeps of the stitched crops."""
        return (self.patch_width + 1) // 2

    @property
    def token_height(self) -> int:
        return (self.patch_height + 1) // 2

    @property
    def num_tokens(self) -> int:
        """Useful rows, each with its separator; one separator; the global view."""
        return self.token_height * (self.token_width + 1) + 1 + NUM_GLOBAL_TOKENS

    @property
    def num_crops(self) -> int:
        """Crops including the global view."""
        return 1 + self.columns * self.rows

    @property
    def image_size(self) -> tuple[int, int]:
        """[TH, TW], in the order in which the model takes it."""
        return self.target_height, self.target_width


@functools.cache
def candidate_grids(max_crops: int) -> tuple[tuple[int, int], ...]:
    """Every (columns, rows) of at most `max_crops` crops, smallest area first."""
    pairs = [(i, j) for i in range(1, max_crops + 1) for j in range(1, max_crops // i + 1)]
    return tuple(sorted(pairs, key=lambda pair: pair[0] * pair[1]))


def choose_grid(width: int, height: int, max_crops: int) -> tuple[int, int]:
    """The (columns, rows) for an image: as many crops as it fills, or the closest aspect ratio when these are too many.

    Among grids of the same ratio the last whose area is less than twice the image's wins, the smallest otherwise.
    """
    columns, rows = -(-width // CROP), -(-height // CROP)
    if columns * rows <= max_crops:
        return columns, rows
    ratio, area = width / height, width * height
    best, best_distance = (1, 1), math.inf
    for i, j in candidate_grids(max_crops):
        distance = abs(ratio - i / j)
        if distance < best_distance or (distance == best_distance and area > 0.5 * CROP * CROP * i * j):
            best, best_distance = (i, j), distance
    return best


def plan_crops(width: int, height: int, max_crops: int) -> CropPlan:
    """The plan of an image of `width` x `height` px with at most `max_crops` crops beside the global view.

    Raises:
        Refused: EXTREME_ASPECT, the content would be thinner than 10 px.
        ValueError: a size or a maximum below 1.
    """
    if width < 1 or height < 1 or max_crops < 1:
        raise ValueError(f"image of {width}x{height} px with at most {max_crops} crops; expected 1 or more of each")
    columns, rows = choose_grid(width, height, max_crops)
    target_width, target_height = CROP * columns, CROP * rows
    # float64 and truncation exactly so: 71 * (448 / 71) is below 448, and the released processor pads that pixel too
    scale_width, scale_height = target_width / width, target_height / height
    by_width, by_height = (target_width, int(height * scale_width)), (int(width * scale_height), target_height)
    content = by_width if scale_width < scale_height else by_height
    if min(content) < MIN_CONTENT_PX:
        raise Refused(
            EXTREME_ASPECT,
            f"{width}x{height} px becomes {content[0]}x{content[1]} px on {columns}x{rows} crops, expected {MIN_CONTENT_PX} px or more",
        )
    return CropPlan(columns, rows, *content)


def make_canvas(image: np.ndarray | PillowImage.Image, max_crops: int) -> Canvas:
    """The image resized into its grid and padded with white.

    Shapes: image (H, W, 3) uint8 RGB, or a Pillow image of mode RGB.
    Raises:
        Refused: EXTREME_ASPECT.
    """
    if isinstance(image, np.ndarray):
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ValueError(f"pixels have shape {image.shape} and type {image.dtype}, expected (H, W, 3) uint8")
        height, width = image.shape[:2]
    else:
        width, height = image.size
    plan = plan_crops(width, height, max_crops)
    size = plan.content_width, plan.content_height
    if (width, height) == size:
        content = np.asarray(image)
    else:
        whole = image if isinstance(image, PillowImage.Image) else PillowImage.fromarray(image)
        content = np.asarray(whole.resize(size, PillowImage.Resampling.BILINEAR, reducing_gap=None))
    pixels = np.empty((plan.target_height, plan.target_width, 3), np.uint8)
    pixels[: plan.content_height, : plan.content_width] = content
    pixels[plan.content_height :] = WHITE
    pixels[: plan.content_height, plan.content_width :] = WHITE
    return Canvas(pixels, plan.content_width, plan.content_height)


def canvas_plan(canvas: Canvas) -> CropPlan:
    """The plan that a canvas was made by, from what is stored of it."""
    return _stored_plan(canvas.grid, canvas.content_width, canvas.content_height)


def canvas_num_tokens(grid: tuple[int, int], content_width: int, content_height: int) -> int:
    """Tokens of a canvas from its grid (columns, rows) and the size of its content in px."""
    return _stored_plan(grid, content_width, content_height).num_tokens


def _stored_plan(grid: tuple[int, int], content_width: int, content_height: int) -> CropPlan:
    columns, rows = grid
    if not (1 <= content_width <= CROP * columns and 1 <= content_height <= CROP * rows):
        raise ValueError(f"content of {content_width}x{content_height} px does not fit a canvas of {columns}x{rows} crops of {CROP} px")
    return CropPlan(columns, rows, content_width, content_height)


def patch_mask(canvas: Canvas) -> np.ndarray:
    """Which patches hold content. Shapes: (1 + n, 32, 32) bool, global view first (all of it counts), crops row by row."""
    plan = canvas_plan(canvas)
    grid = np.zeros((plan.rows, PATCHES, plan.columns, PATCHES), bool)
    whole = grid.reshape(plan.rows * PATCHES, plan.columns * PATCHES)
    whole[: plan.patch_height, : plan.patch_width] = True
    mask = np.ones((plan.num_crops, PATCHES, PATCHES), bool)
    mask[1:] = grid.transpose(0, 2, 1, 3).reshape(-1, PATCHES, PATCHES)
    return mask


def crop_pixels(canvas: Canvas) -> np.ndarray:
    """What the vision encoder sees: the global view, then the crops row by row.

    Shapes: (1 + n, 3, 448, 448) float32. Units: (value - 127.5) / 127.5; the bicubic global view may leave [-1, 1].
    Raises:
        ValueError: the canvas has no pixels (decode it first).
    """
    if canvas.pixels is None:
        raise ValueError("the canvas has no pixels; decode it first")
    columns, rows = canvas.grid
    planes = _planes(canvas.pixels)
    crops = np.empty((1 + columns * rows, 3, CROP, CROP), np.float32)
    half = np.float32(127.5)
    for number in range(columns * rows):  # plane by plane, so that both operations find it in the cache
        top, left = 1 + CROP * (number // columns), 1 + CROP * (number % columns)
        for plane, out in zip(planes, crops[1 + number], strict=True):
            np.subtract(plane[top : top + CROP, left : left + CROP], half, out=out)
            out /= half
    crops[0] = global_view(planes)
    return crops


def _planes(pixels: np.ndarray) -> np.ndarray:
    """Colour planes with their edge repeated once all round. Shapes: (TH, TW, 3) uint8 to (3, TH + 2, TW + 2) uint8."""
    height, width = pixels.shape[:2]
    planes = np.empty((3, height + 2, width + 2), np.uint8)
    planes[:, 1:-1, 1:-1] = pixels.transpose(2, 0, 1)
    planes[:, (0, -1), 1:-1] = planes[:, (1, -2), 1:-1]
    planes[:, :, (0, -1)] = planes[:, :, (1, -2)]
    return planes


def global_view(planes: np.ndarray) -> np.ndarray:
    """The canvas at 448 x 448 px by bicubic interpolation (a = -0.75, no antialiasing), normalised and not clamped.

    A side shrinks by a whole factor f, so the sampling positions `(x + 1/2) f - 1/2` have one phase only: on a pixel
    when f is odd (that pixel is taken), half-way between two when f is even (weights -3, 19, 19, -3 over 32). All sums
    are whole numbers below 2^24, exact in float32, and only the last division rounds.

    Shapes: planes (3, TH + 2, TW + 2) uint8, edges repeated; the view (3, 448, 448) float32.
    """
    rows, columns = planes.shape[1] // CROP, planes.shape[2] // CROP
    view = _shrink(_shrink(planes, rows, 1), columns, 2)
    white = np.float32(127.5 * (1 if rows % 2 else 32) * (1 if columns % 2 else 32))
    return (view - white) / white


def _shrink(values: np.ndarray, factor: int, axis: int) -> np.ndarray:
    """Every `factor`-th bicubic sample along `axis`, times 32 where the factor is even. Edges are repeated once."""

    def tap(offset: int) -> np.ndarray:
        start = factor // 2 + offset
        return values[(slice(None),) * axis + (slice(start, start + factor * (CROP - 1) + 1, factor),)]

    if factor % 2:
        return tap(1)
    inner, outer = np.add(tap(0), tap(1), dtype=np.int16), np.add(tap(-1), tap(2), dtype=np.int16)
    if values.dtype != np.uint8:  # 255 * 44 fits int16; what a second pass makes of it does not
        inner, outer = inner.astype(np.float32), outer.astype(np.float32)
    inner *= 19
    outer *= 3
    inner -= outer
    return inner
