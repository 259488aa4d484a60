"""A decoded video frame as a person would see it: upright, square pixels, sRGB over white, no larger than asked for.

Colours: matrix and range are those that the frame states. Where it states no matrix, frames of 720 lines and more are
BT.709, others BT.601, as players assume; where it states no range, it is the limited one. Swscale runs on one thread
with its exact flags, so that the same frame gives the same bytes. High dynamic range (PQ, HLG) is not tone-mapped.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.sidedata.sidedata import Type
from av.video.reformatter import ColorRange, Colorspace, Interpolation

UNSPECIFIED = 2  # AVCOL_SPC_UNSPECIFIED
HD_LINES = 720
MAX_ASPECT = 10  # of one pixel; what states more is an error of its header
EXACT = (
    Interpolation.BILINEAR
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
    | Interpolation.BITEXACT
)


@dataclass(frozen=True, slots=True)
class Turn:
    """How a stored picture is stood up: mirrored along its diagonal, then left to right, then top to bottom."""

    transposed: bool = False
    mirrored: bool = False
    flipped: bool = False

    def apply(self, pixels: np.ndarray) -> np.ndarray:
        """Shapes: (H, W, ...), or (W, H, ...) where it is transposed."""
        pixels = pixels.swapaxes(0, 1) if self.transposed else pixels
        pixels = pixels[:, ::-1] if self.mirrored else pixels
        return pixels[::-1] if self.flipped else pixels


def turn_of(matrix: np.ndarray) -> Turn:
    """The turn nearest to a display matrix. Shapes: (3, 3), (x, y, 1) @ matrix is where a point is shown."""
    a, b, c, d = (int(matrix[row, column]) for row, column in ((0, 0), (0, 1), (1, 0), (1, 1)))
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Turn(False, a < 0, d < 0)
    return Turn(True, c < 0, b < 0)


def display_matrix(frame: av.VideoFrame) -> np.ndarray | None:
    """The matrix that FFmpeg attaches to a frame of a turned track, None without one. Shapes: (3, 3) int32."""
    side_data: Any = frame.side_data  # a mapping by type
    if Type.DISPLAYMATRIX not in side_data:
        return None
    return np.frombuffer(bytes(side_data[Type.DISPLAYMATRIX]), np.int32, 9).reshape(3, 3)


def display_size(width: int, height: int, aspect: Fraction | None) -> tuple[int, int]:
    """Size in square pixels, of a picture whose pixels are `aspect` times as wide as high: the width changes, as track headers say it."""
    if aspect is None or not Fraction(1, MAX_ASPECT) <= aspect <= MAX_ASPECT:
        return width, height
    return max(1, int(width * aspect + Fraction(1, 2))), height


def shrunk_size(width: int, height: int, max_side_px: int) -> tuple[int, int]:
    """The size with no side above `max_side_px`, aspect kept, rounded half up."""
    longest = max(width, height)
    if longest <= max_side_px:
        return width, height
    return tuple(max(1, (2 * side * max_side_px + longest) // (2 * longest)) for side in (width, height))  # type: ignore[return-value]


def upright_size(frame: av.VideoFrame, aspect: Fraction | None) -> tuple[int, int]:
    """Width and height of a frame as it is shown, before it is shrunk."""
    size = display_size(frame.width, frame.height, aspect)
    matrix = display_matrix(frame)
    return size[::-1] if matrix is not None and turn_of(matrix).transposed else size


def frame_pixels(frame: av.VideoFrame, aspect: Fraction | None, max_side_px: int) -> np.ndarray:
    """Shapes: (H, W, 3) uint8 sRGB, upright."""
    has_alpha = any(component.is_alpha for component in frame.format.components) or frame.format.name == "pal8"
    width, height = shrunk_size(*display_size(frame.width, frame.height, aspect), max_side_px)
    unstated = Colorspace.ITU709 if frame.height >= HD_LINES else Colorspace.ITU601
    done = frame.reformat(
        width=width,
        height=height,
        format="rgba" if has_alpha else "rgb24",
        src_colorspace=unstated if int(frame.colorspace) == UNSPECIFIED else None,
        src_color_range=None,
        dst_color_range=ColorRange.JPEG,
        interpolation=EXACT,
        threads=1,
    ).to_ndarray()
    pixels = over_white(done) if has_alpha else done
    matrix = display_matrix(frame)
    return np.ascontiguousarray(pixels if matrix is None else turn_of(matrix).apply(pixels))


def over_white(rgba: np.ndarray) -> np.ndarray:
    """Shapes: (H, W, 4) uint8 to (H, W, 3), rounded to the nearest."""
    alpha = rgba[..., 3:].astype(np.uint32)
    return ((rgba[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
