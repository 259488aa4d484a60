"""Paths of moves, lines and cubic curves, in pt."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

Point = tuple[float, float]
Step = tuple[Any, ...]  # ("M", point), ("L", point), ("C", point, point, point), ("Z",)


@dataclass(slots=True)
class Path:
    """One path, several subpaths; even-odd where they overlap."""

    steps: list[Step] = field(default_factory=list)
    filled: bool = True
    stroked: bool = True


def polygon(points: list[Point], width: float, height: float) -> Path:
    """A closed polygon; points in shares of the box."""
    scaled = [(x * width, y * height) for x, y in points]
    return Path([("M", scaled[0]), *(("L", point) for point in scaled[1:]), ("Z",)])


def ellipse(x: float, y: float, rx: float, ry: float) -> list[Step]:
    """A whole ellipse about (x, y), in pt."""
    return [("M", (x + rx, y)), *arc_steps((x + rx, y), rx, ry, 0.0, 360.0), ("Z",)]


def arc_steps(start: Point, rx: float, ry: float, from_deg: float, sweep_deg: float) -> list[Step]:
    """Curves along an ellipse from `start`, which lies at `from_deg` (clockwise from the right)."""
    sweep_deg = max(-720.0, min(720.0, sweep_deg))
    number = max(1, math.ceil(abs(sweep_deg) / 90))
    step = math.radians(sweep_deg / number)
    reach = 4 / 3 * math.tan(step / 4)
    angle = math.radians(from_deg)
    cx, cy = start[0] - rx * math.cos(angle), start[1] - ry * math.sin(angle)
    steps: list[Step] = []
    for _ in range(number):
        after = angle + step
        a, b = (math.cos(angle), math.sin(angle)), (math.cos(after), math.sin(after))
        one = cx + rx * (a[0] - reach * a[1]), cy + ry * (a[1] + reach * a[0])
        two = cx + rx * (b[0] + reach * b[1]), cy + ry * (b[1] - reach * b[0])
        steps.append(("C", one, two, (cx + rx * b[0], cy + ry * b[1])))
        angle = after
    return steps


def end_of(steps: list[Step]) -> Point:
    """Where the pen is after the steps."""
    return next((step[-1] for step in reversed(steps) if len(step) > 1), (0.0, 0.0))
