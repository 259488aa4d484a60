"""Outlines of shapes: preset geometries and freeforms as paths of moves, lines and cubic curves, in pt from the shape's own corner.

Source: ECMA-376 part 1, presetShapeDefinitions. The usual presets are drawn; any other is drawn as its box, and `is_known` says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from processors.deck.paths import Path, arc_steps, end_of, polygon
from processors.deck.presets import PRESETS, TEXT_ROOM, Adjust

MAX_STEPS = 50_000


def outline(geometry: Mapping[str, Any], width: float, height: float) -> list[Path]:
    """The paths of a geometry as shapes.py gives it."""
    if "paths" in geometry:
        return [_freeform(path, width, height) for path in geometry["paths"]]
    name, adjust = geometry["preset"], geometry["adjust"]
    draw = PRESETS.get(name)
    return draw(width, height, Adjust(adjust)) if draw else [polygon([(0, 0), (1, 0), (1, 1), (0, 1)], width, height)]


def is_known(geometry: Mapping[str, Any]) -> bool:
    """Whether the outline is the shape's own, not its box."""
    return "paths" in geometry or geometry["preset"] in PRESETS


def text_room(geometry: Mapping[str, Any], width: float, height: float) -> tuple[float, float, float, float]:
    """The part of the box that text is laid out in: left, top, width, height."""
    if "paths" in geometry or not width or not height:
        return 0.0, 0.0, width, height
    name, adjust = geometry["preset"], Adjust(geometry["adjust"])
    shorter = min(width, height)
    if name == "roundRect":
        inset = adjust("adj", 0.16667, 0.5) * shorter * 0.29289
        return inset, inset, width - 2 * inset, height - 2 * inset
    if name == "triangle":
        return adjust("adj", 0.5) / 2 * width, height / 2, width / 2, height / 2
    if name in ("chevron", "homePlate"):
        tip = min(width, adjust("adj", 0.5, 10.0) * shorter)
        left, right = (tip, tip) if name == "chevron" and 2 * tip < width else (0.0, tip / 2)
        return left, 0.0, width - left - right, height
    if name in ("rightArrow", "leftArrow", "upArrow", "downArrow"):  # the shaft, and the head as far as it is as wide
        shaft, along = adjust("adj1", 0.5), width if name in ("rightArrow", "leftArrow") else height
        head = min(along, adjust("adj2", 0.5, 10.0) * shorter) * (1 - shaft)
        start = head if name in ("leftArrow", "upArrow") else 0.0
        if along == width and name in ("rightArrow", "leftArrow"):
            return start, height * (1 - shaft) / 2, width - head, height * shaft
        return width * (1 - shaft) / 2, start, width * shaft, height - head
    left, top, right, bottom = TEXT_ROOM.get(name, (0.0, 0.0, 1.0, 1.0))
    return left * width, top * height, (right - left) * width, (bottom - top) * height


def _freeform(path: Mapping[str, Any], width: float, height: float) -> Path:
    across = width / path["width"] if path["width"] > 0 else 1 / 12_700
    down = height / path["height"] if path["height"] > 0 else 1 / 12_700
    found = Path(filled=path["filled"], stroked=path["stroked"])
    for name, *numbers in path["steps"][:MAX_STEPS]:
        points = [(numbers[at] * across, numbers[at + 1] * down) for at in range(0, len(numbers) - 1, 2)]
        if name == "moveTo" and points:
            found.steps.append(("M", points[0]))
        elif name == "lnTo" and points:
            found.steps.append(("L", points[0]))
        elif name == "cubicBezTo" and len(points) == 3:
            found.steps.append(("C", *points))
        elif name == "quadBezTo" and len(points) == 2:
            start, (control, end) = end_of(found.steps), points
            one = start[0] + 2 / 3 * (control[0] - start[0]), start[1] + 2 / 3 * (control[1] - start[1])
            two = end[0] + 2 / 3 * (control[0] - end[0]), end[1] + 2 / 3 * (control[1] - end[1])
            found.steps.append(("C", one, two, end))
        elif name == "arcTo" and len(numbers) == 4:
            rx, ry = numbers[0] * across, numbers[1] * down
            found.steps += arc_steps(end_of(found.steps), rx, ry, numbers[2] / 60_000, numbers[3] / 60_000)
        elif name == "close":
            found.steps.append(("Z",))
    return found
