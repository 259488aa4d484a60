"""The upright frame of a page: x in the direction of reading of most of its text, y downwards, whatever way the page is turned."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence


@functools.lru_cache(maxsize=1_024)
def quarter_of(dx: float, dy: float) -> int:
    """Quarter turns, clockwise as shown, of a direction of writing; -1 for one that is aslant by more than 12 degrees."""
    turn = math.degrees(math.atan2(dy, dx)) / 90
    return round(turn) % 4 if abs(turn - round(turn)) < 12 / 90 else -1


def upright(x: float, y: float, turn: int, width: float, height: float) -> tuple[float, float]:
    """A point of the page as shown (width x height) in the frame of text that is turned clockwise by `turn` quarters."""
    return (x, y) if turn == 0 else ((y, width - x), (width - x, height - y), (height - y, x))[turn - 1]


def shown_box(box: Sequence[float], turn: int, width: float, height: float) -> tuple[float, float, float, float]:
    """A box of the upright frame on the page as shown (width x height)."""
    if turn == 0:
        return box[0], box[1], box[2], box[3]
    back = ((lambda x, y: (x, y)), (lambda x, y: (width - y, x)), (lambda x, y: (width - x, height - y)), (lambda x, y: (y, height - x)))[
        turn
    ]
    (xa, ya), (xb, yb) = back(box[0], box[1]), back(box[2], box[3])
    return min(xa, xb), min(ya, yb), max(xa, xb), max(ya, yb)


def reach(box: Sequence[float], turn: int, width: float, height: float) -> tuple[float, float]:
    """The x0 and x1 of a box of the page as shown, in the upright frame."""
    if turn == 0:
        return box[0], box[2]
    one, other = upright(box[0], box[1], turn, width, height)[0], upright(box[2], box[3], turn, width, height)[0]
    return min(one, other), max(one, other)
