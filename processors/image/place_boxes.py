"""Boxes through orientation and scale: where a box of the stored file lies in the picture that is seen.

A box is (x0, y0, x1, y1), its edges in px from the left and from the top, so that a whole picture is (0, 0, width, height).
An EXIF orientation turns or mirrors a picture; what it does to pixels, these functions do to edges, exactly.
Source: EXIF 2.32, tag 0x0112.
"""

from __future__ import annotations

from dataclasses import dataclass

from schemas.outcome import Reason, Refused

Box = tuple[float, float, float, float]

SIZE_DIFFERS = Reason("size_differs", "The width and height that the row states have another shape than the image's, stored or displayed")

STORED, DISPLAYED = "stored", "displayed"
FRAMES = (STORED, DISPLAYED)
SIDEWAYS = (5, 6, 7, 8)  # orientations that exchange width and height
MAX_SHAPE_DIFFERENCE_PX = 1.0  # a picture that was resized has its shorter side rounded


@dataclass(frozen=True, slots=True)
class Frame:
    """What a row's boxes are counted in: px of a picture of this size, stored or displayed."""

    name: str
    width: float
    height: float


def orient_box(box: Box, width: float, height: float, orientation: int) -> Box:
    """The box of a stored picture of this size, in the picture as it is displayed."""
    x0, y0, x1, y1 = box
    left, right, top, bottom = width - x1, width - x0, height - y1, height - y0  # of the mirrored picture
    return {
        2: (left, y0, right, y1),
        3: (left, top, right, bottom),
        4: (x0, top, x1, bottom),
        5: (y0, x0, y1, x1),
        6: (top, x0, bottom, x1),
        7: (top, left, bottom, right),
        8: (y0, left, y1, right),
    }.get(orientation, box)


def find_frame(stated: tuple[float, float] | None, stored: tuple[int, int], orientation: int, unstated: str) -> Frame:
    """The frame that a stated (width, height) means. `unstated` names it where the size cannot tell, as for squares.

    A stated size that is not the picture's own, but has its shape, is that of a picture that was resized.

    Raises:
        Refused: SIZE_DIFFERS.
        ValueError: `unstated` is neither stored nor displayed.
    """
    if unstated not in FRAMES:
        raise ValueError(f"the frame of boxes is {unstated!r}, expected {STORED} or {DISPLAYED}")
    displayed = stored[::-1] if orientation in SIDEWAYS else stored
    sizes = {STORED: stored, DISPLAYED: displayed}
    if stated is None:
        return Frame(unstated, *map(float, sizes[unstated]))
    order = (unstated, *(name for name in FRAMES if name != unstated))
    for fits in (_is_equal, _is_alike):
        for name in order:
            if fits(stated, sizes[name]):
                return Frame(name, float(stated[0]), float(stated[1]))
    shown = " or ".join(dict.fromkeys(f"{size[0]}x{size[1]}" for size in (stored, displayed)))
    raise Refused(SIZE_DIFFERS, f"the row states {stated[0]:g}x{stated[1]:g} px, the image has {shown}")


def _is_equal(stated: tuple[float, float], size: tuple[int, int]) -> bool:
    return stated == (float(size[0]), float(size[1])) or stated == size


def _is_alike(stated: tuple[float, float], size: tuple[int, int]) -> bool:
    """Whether one is the other resized: the shorter sides agree when the longer ones are made equal."""
    scale = max(stated) / max(size)
    return all(abs(said - side * scale) <= MAX_SHAPE_DIFFERENCE_PX for said, side in zip(stated, size, strict=True))


def place_box(box: Box, frame: Frame, stored: tuple[int, int], orientation: int) -> Box:
    """A box of a frame in px of the displayed picture."""
    width, height = stored[::-1] if frame.name == DISPLAYED and orientation in SIDEWAYS else stored
    scaled = scale_box(box, width / frame.width, height / frame.height)
    return orient_box(scaled, *stored, orientation) if frame.name == STORED else scaled


def scale_box(box: Box, x_scale: float, y_scale: float) -> Box:
    return box[0] * x_scale, box[1] * y_scale, box[2] * x_scale, box[3] * y_scale


def clip_box(box: Box, width: float, height: float) -> Box:
    """The part of a box that lies in the picture."""
    x0, x1 = (min(max(value, 0.0), width) for value in (box[0], box[2]))
    y0, y1 = (min(max(value, 0.0), height) for value in (box[1], box[3]))
    return x0, y0, x1, y1


def area(box: Box) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def intersection_over_union(first: Box, second: Box) -> float:
    """From 0 (apart) to 1 (the same)."""
    common = area((max(first[0], second[0]), max(first[1], second[1]), min(first[2], second[2]), min(first[3], second[3])))
    union = area(first) + area(second) - common
    return common / union if union > 0 else 0.0
