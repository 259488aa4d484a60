"""How a box is written in text: `[x0, y0, x1, y1]`, in thousandths of the picture's width and height, rounded to nearest.

Thousandths do not change when a picture is resized, so one answer is right at every crop grid.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

BINS = 1000

_BOX = re.compile(r"\[\s*(\d{1,9})\s*,\s*(\d{1,9})\s*,\s*(\d{1,9})\s*,\s*(\d{1,9})\s*\]")


def box_bins(box: Sequence[float], width: float, height: float, bins: int = BINS) -> tuple[int, int, int, int]:
    """The box in whole parts of the picture's sides, halves rounded up. `box` is x0, y0, x1, y1 in the units of `width` and `height`.

    Raises:
        ValueError: four numbers in order and inside the picture are expected.
    """
    if bins < 1 or not (width > 0 and height > 0):
        raise ValueError(f"a picture of {width} x {height} and {bins} bins, expected more than 0 of each")
    if len(box) != 4 or not (0 <= box[0] <= box[2] <= width and 0 <= box[1] <= box[3] <= height):
        raise ValueError(f"box {list(box)}, expected 0 <= x0 <= x1 <= {width} and 0 <= y0 <= y1 <= {height}")
    x0, y0, x1, y1 = (min(bins, int(value * bins / side + 0.5)) for value, side in zip(box, (width, height, width, height), strict=True))
    return x0, y0, x1, y1


def box_text(box: Sequence[float], width: float, height: float, bins: int = BINS) -> str:
    """The box as `[x0, y0, x1, y1]`. `box` is x0, y0, x1, y1 in the units of `width` and `height` (1, 1 for a normalised one).

    Raises:
        ValueError: four numbers in order and inside the picture are expected.
    """
    return "[{}, {}, {}, {}]".format(*box_bins(box, width, height, bins))


def parse_box(text: str, bins: int = BINS) -> tuple[float, float, float, float]:
    """The first box of a text, as shares of the picture's sides in [0, 1].

    Raises:
        ValueError: the text has no box, or one whose numbers are out of order or above `bins`.
    """
    found = _BOX.search(text)
    if found is None:
        raise ValueError(f"{text[:80]!r} has no box, expected [x0, y0, x1, y1]")
    x0, y0, x1, y1 = (int(number) for number in found.groups())
    if not (x0 <= x1 <= bins and y0 <= y1 <= bins):
        raise ValueError(f"box {found[0]}, expected x0 <= x1 <= {bins} and y0 <= y1 <= {bins}")
    return x0 / bins, y0 / bins, x1 / bins, y1 / bins
