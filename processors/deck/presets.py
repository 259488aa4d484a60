"""Outlines of the preset geometries of DrawingML, and where text stands in them. Source: ECMA-376 part 1, presetShapeDefinitions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from processors.deck.paths import Path, Point, Step, arc_steps, ellipse, polygon

FULL = 100_000


@dataclass(frozen=True, slots=True)
class Adjust:
    """The adjust values of a preset, as shares."""

    given: Mapping[str, int]

    def __call__(self, name: str, default: float, most: float = 1.0, least: float = 0.0) -> float:
        value = self.given.get(name)
        return min(most, max(least, default if value is None else value / FULL))


Draw = Callable[[float, float, Adjust], list[Path]]


def _fixed(*points: Point) -> Draw:
    return lambda width, height, adjust: [polygon(list(points), width, height)]


def _rounded(width: float, height: float, radii: tuple[float, float, float, float]) -> Path:
    """A box with round corners: radii in pt of left top, right top, right bottom, left bottom."""
    a, b, c, d = radii
    steps: list[Step] = [("M", (a, 0.0)), ("L", (width - b, 0.0)), *arc_steps((width - b, 0.0), b, b, -90, 90)]
    steps += [("L", (width, height - c)), *arc_steps((width, height - c), c, c, 0, 90)]
    steps += [("L", (d, height)), *arc_steps((d, height), d, d, 90, 90)]
    steps += [("L", (0.0, a)), *arc_steps((0.0, a), a, a, 180, 90), ("Z",)]
    return Path(steps)


def _round_rect(width: float, height: float, adjust: Adjust) -> list[Path]:
    radius = adjust("adj", 0.16667, 0.5) * min(width, height)
    return [_rounded(width, height, (radius,) * 4)]


def _round_some(*corners: int) -> Draw:
    def draw(width: float, height: float, adjust: Adjust) -> list[Path]:
        radius = adjust("adj1" if len(corners) > 1 else "adj", 0.16667, 0.5) * min(width, height)
        radii = tuple(radius if corner in corners else 0.0 for corner in range(4))
        return [_rounded(width, height, radii)]  # type: ignore[arg-type]

    return draw


def _snip_some(*corners: int) -> Draw:
    def draw(width: float, height: float, adjust: Adjust) -> list[Path]:
        cut = adjust("adj1" if len(corners) > 1 else "adj", 0.16667, 0.5) * min(width, height)
        a, b, c, d = (cut if corner in corners else 0.0 for corner in range(4))
        points = [(a, 0), (width - b, 0), (width, b), (width, height - c), (width - c, height), (d, height), (0, height - d), (0, a)]
        return [polygon(points, 1, 1)]

    return draw


def _ellipse(width: float, height: float, adjust: Adjust) -> list[Path]:
    del adjust
    return [Path(ellipse(width / 2, height / 2, width / 2, height / 2))]


def _donut(width: float, height: float, adjust: Adjust) -> list[Path]:
    wall = adjust("adj", 0.25, 0.5) * min(width, height)
    inner = ellipse(width / 2, height / 2, width / 2 - wall, height / 2 - wall)
    return [Path(ellipse(width / 2, height / 2, width / 2, height / 2) + inner)]


def _frame(width: float, height: float, adjust: Adjust) -> list[Path]:
    wall = adjust("adj1", 0.125, 0.5) * min(width, height)
    inner = polygon([(wall, wall), (width - wall, wall), (width - wall, height - wall), (wall, height - wall)], 1, 1)
    return [Path(polygon([(0, 0), (1, 0), (1, 1), (0, 1)], width, height).steps + inner.steps)]


def _triangle(width: float, height: float, adjust: Adjust) -> list[Path]:
    return [polygon([(adjust("adj", 0.5), 0), (1, 1), (0, 1)], width, height)]


def _slanted(kind: str) -> Draw:
    def draw(width: float, height: float, adjust: Adjust) -> list[Path]:
        cut = min(1.0, adjust("adj", 0.25, 10.0) * min(width, height) / width) if width else 0.0
        if kind == "parallelogram":
            return [polygon([(cut, 0), (1, 0), (1 - cut, 1), (0, 1)], width, height)]
        cut = min(cut, 0.5)
        if kind == "trapezoid":
            return [polygon([(cut, 0), (1 - cut, 0), (1, 1), (0, 1)], width, height)]
        return [polygon([(cut, 0), (1 - cut, 0), (1, 0.5), (1 - cut, 1), (cut, 1), (0, 0.5)], width, height)]  # hexagon

    return draw


def _pointed(kind: str) -> Draw:
    """homePlate and chevron."""

    def draw(width: float, height: float, adjust: Adjust) -> list[Path]:
        tip = min(1.0, adjust("adj", 0.5, 10.0) * min(width, height) / width) if width else 0.0
        body: list[Point] = [(0, 0), (1 - tip, 0), (1, 0.5), (1 - tip, 1), (0, 1)]
        return [polygon(body if kind == "homePlate" else [*body, (tip, 0.5)], width, height)]

    return draw


def _arrow(direction: str) -> Draw:
    """Block arrows: right, left, up, down, and leftRight, upDown."""

    def draw(width: float, height: float, adjust: Adjust) -> list[Path]:
        upright = direction in ("up", "down", "upDown")
        along = height if upright else width
        shaft = adjust("adj1", 0.5) / 2
        head = min(1.0, adjust("adj2", 0.5, 10.0) * min(width, height) / along) if along else 0.0
        if direction in ("leftRight", "upDown"):
            head = min(head, 0.5)
            half = [(head, 0.0), (head, 0.5 - shaft), (1 - head, 0.5 - shaft), (1 - head, 0.0), (1.0, 0.5)]
            points = [(0.0, 0.5), *half, *((x, 1 - y) for x, y in reversed(half[:-1]))]
        else:
            half = [(0.0, 0.5 - shaft), (1 - head, 0.5 - shaft), (1 - head, 0.0), (1.0, 0.5)]
            points = [*half, *((x, 1 - y) for x, y in reversed(half[:-1]))]
        if direction in ("left", "up"):
            points = [(1 - x, y) for x, y in points]
        return [polygon([(y, x) for x, y in points] if upright else points, width, height)]

    return draw


STAR_INNER = {4: 0.125, 5: 0.19098, 6: 0.28868, 7: 0.34601, 8: 0.37500, 10: 0.42533, 12: 0.37500, 16: 0.375, 24: 0.375, 32: 0.375}


def _star(number: int) -> Draw:
    def draw(width: float, height: float, adjust: Adjust) -> list[Path]:
        inner = adjust("adj", STAR_INNER[number], 0.5) * 2
        points = []
        for at in range(2 * number):
            radius = 1.0 if at % 2 == 0 else inner
            angle = math.pi * at / number - math.pi / 2
            points.append((0.5 + radius * math.cos(angle) / 2, 0.5 + radius * math.sin(angle) / 2))
        if number in (5, 7, 10):  # stretched to fill the box
            wide, high = max(x for x, _ in points) - min(x for x, _ in points), max(y for _, y in points) - min(y for _, y in points)
            left, top = min(x for x, _ in points), min(y for _, y in points)
            points = [((x - left) / wide, (y - top) / high) for x, y in points]
        return [polygon(points, width, height)]

    return draw


def _plus(width: float, height: float, adjust: Adjust) -> list[Path]:
    cut = adjust("adj", 0.25, 0.5) * min(width, height)
    a, b = (cut / width if width else 0.0), (cut / height if height else 0.0)
    corners = [
        (a, 0),
        (1 - a, 0),
        (1 - a, b),
        (1, b),
        (1, 1 - b),
        (1 - a, 1 - b),
        (1 - a, 1),
        (a, 1),
        (a, 1 - b),
        (0, 1 - b),
        (0, b),
        (a, b),
    ]
    return [polygon(corners, width, height)]


def _wedge(kind: str) -> Draw:
    """Callouts: a body and a tip that points at (adj1, adj2), from the middle of the box."""

    def draw(width: float, height: float, adjust: Adjust) -> list[Path]:
        tip_x, tip_y = adjust("adj1", -0.20833, 50, -50), adjust("adj2", 0.625, 50, -50)
        tip = (0.5 + tip_x) * width, (0.5 + tip_y) * height
        if kind == "ellipse":
            angle = math.degrees(math.atan2(tip_y * height * (width or 1), tip_x * width * (height or 1)))
            begin = angle + 11
            at = math.radians(begin)
            start = width / 2 * (1 + math.cos(at)), height / 2 * (1 + math.sin(at))
            return [Path([("M", start), *arc_steps(start, width / 2, height / 2, begin, 338), ("L", tip), ("Z",)])]
        sides = {True: (7 / 12, 5 / 6), False: (1 / 6, 5 / 12)}
        on_x, on_y = sides[tip_x > 0], sides[tip_y > 0]
        corners: list[Point] = [(0, 0), (1, 0), (1, 1), (0, 1)]
        share = (tip[0] / width if width else 0.0, tip[1] / height if height else 0.0)
        if abs(tip_y * height) >= abs(tip_x * width):
            gap: list[Point] = [(on_x[0], 0), share, (on_x[1], 0)] if tip_y < 0 else [(on_x[1], 1), share, (on_x[0], 1)]
            at = 1 if tip_y < 0 else 3
        else:
            gap = [(0, on_y[1]), share, (0, on_y[0])] if tip_x < 0 else [(1, on_y[0]), share, (1, on_y[1])]
            at = 4 if tip_x < 0 else 2
        return [polygon(corners[:at] + gap + corners[at:], width, height)]

    return draw


def _can(width: float, height: float, adjust: Adjust) -> list[Path]:
    lip = adjust("adj", 0.25, 0.5) * min(width, height) / 2
    body: list[Step] = [("M", (0.0, lip)), *arc_steps((0.0, lip), width / 2, lip, 180, 180), ("L", (width, height - lip))]
    body += [*arc_steps((width, height - lip), width / 2, lip, 0, 180), ("Z",)]
    return [Path(body), Path([("M", (width, lip)), *arc_steps((width, lip), width / 2, lip, 0, 180)], filled=False)]


def _cube(width: float, height: float, adjust: Adjust) -> list[Path]:
    depth = adjust("adj", 0.25) * min(width, height)
    whole = [(0, depth), (depth, 0), (width, 0), (width, height - depth), (width - depth, height), (0, height)]
    edges: list[Step] = [
        ("M", (0.0, depth)),
        ("L", (width - depth, depth)),
        ("L", (width - depth, height)),
        ("M", (width - depth, depth)),
        ("L", (width, 0.0)),
    ]
    return [polygon(whole, 1, 1), Path(edges, filled=False)]


def _pie(kind: str) -> Draw:
    def draw(width: float, height: float, adjust: Adjust) -> list[Path]:
        defaults = {"pie": (0, 16_200_000), "chord": (2_700_000, 16_200_000), "arc": (16_200_000, 0)}[kind]
        begin, end = (adjust.given.get(name, default) / 60_000 for name, default in zip(("adj1", "adj2"), defaults, strict=True))
        sweep = (end - begin) % 360 or 360.0
        at = math.radians(begin)
        start = width / 2 * (1 + math.cos(at)), height / 2 * (1 + math.sin(at))
        curve: list[Step] = [("M", start), *arc_steps(start, width / 2, height / 2, begin, sweep)]
        if kind == "arc":
            return [Path(curve, filled=False)]
        return [Path([*curve, *([("L", (width / 2, height / 2))] if kind == "pie" else []), ("Z",)])]

    return draw


def _heart(width: float, height: float, adjust: Adjust) -> list[Path]:
    del adjust

    def at(x: float, y: float) -> Point:
        return x * width, y * height

    right: Step = ("C", at(0.7083, -0.3333), at(1.5208, 0.25), at(0.5, 1))
    left: Step = ("C", at(-0.5208, 0.25), at(0.2917, -0.3333), at(0.5, 0.25))
    return [Path([("M", at(0.5, 0.25)), right, left, ("Z",)])]


def _cloud(width: float, height: float, adjust: Adjust) -> list[Path]:
    """A ring of arcs; the preset's own has as many bulges, at places a little different."""
    del adjust
    number, points = 11, []
    for at in range(number):
        angle = 2 * math.pi * at / number
        points.append((width * (0.5 + 0.42 * math.cos(angle)), height * (0.5 + 0.40 * math.sin(angle))))
    steps: list[Step] = [("M", points[0])]
    for at in range(number):
        (x0, y0), (x1, y1) = points[at], points[(at + 1) % number]
        out = [1.28 * value - 0.28 * middle for value, middle in ((x0, width / 2), (y0, height / 2), (x1, width / 2), (y1, height / 2))]
        steps.append(("C", (out[0], out[1]), (out[2], out[3]), (x1, y1)))
    return [Path([*steps, ("Z",)])]


def _line(width: float, height: float, adjust: Adjust) -> list[Path]:
    del adjust
    return [Path([("M", (0.0, 0.0)), ("L", (width, height))], filled=False)]


def _bent(width: float, height: float, adjust: Adjust) -> list[Path]:
    middle = adjust("adj1", 0.5, 50, -50) * width
    corners = [(0.0, 0.0), (middle, 0.0), (middle, height), (width, height)]
    return [Path([("M", corners[0]), *(("L", corner) for corner in corners[1:])], filled=False)]


def _corner(width: float, height: float, adjust: Adjust) -> list[Path]:
    del adjust
    return [Path([("M", (0.0, 0.0)), ("L", (width, 0.0)), ("L", (width, height))], filled=False)]


def _curved(width: float, height: float, adjust: Adjust) -> list[Path]:
    middle = adjust("adj1", 0.5, 50, -50) * width
    half = middle, height / 2
    first: Step = ("C", (middle / 2, 0.0), (middle, height / 4), half)
    return [
        Path([("M", (0.0, 0.0)), first, ("C", (middle, 3 * height / 4), ((middle + width) / 2, height), (width, height))], filled=False)
    ]


def _brackets(kind: str) -> Draw:
    def draw(width: float, height: float, adjust: Adjust) -> list[Path]:
        radius = adjust("adj", 0.16667, 0.5) * min(width, height)
        left: list[Step] = [("M", (radius, height)), *arc_steps((radius, height), radius, radius, 90, 90), ("L", (0.0, radius))]
        left += arc_steps((0.0, radius), radius, radius, 180, 90)
        right: list[Step] = [("M", (width - radius, 0.0)), *arc_steps((width - radius, 0.0), radius, radius, -90, 90)]
        right += [("L", (width, height - radius)), *arc_steps((width, height - radius), radius, radius, 0, 90)]
        return [Path(left if kind == "left" else right if kind == "right" else left + right, filled=False)]

    return draw


def _octagon(width: float, height: float, adjust: Adjust) -> list[Path]:
    cut = adjust("adj", 0.29289, 0.5) * min(width, height)
    points = [
        (cut, 0),
        (width - cut, 0),
        (width, cut),
        (width, height - cut),
        (width - cut, height),
        (cut, height),
        (0, height - cut),
        (0, cut),
    ]
    return [polygon(points, 1, 1)]


_BOX = _fixed((0, 0), (1, 0), (1, 1), (0, 1))
PRESETS: dict[str, Draw] = {
    **dict.fromkeys(("rect", "flowChartProcess", "textNoShape", "textPlain"), _BOX),
    **dict.fromkeys(("ellipse", "flowChartConnector"), _ellipse),
    **dict.fromkeys(("roundRect", "flowChartAlternateProcess"), _round_rect),
    **dict.fromkeys(("diamond", "flowChartDecision"), _fixed((0.5, 0), (1, 0.5), (0.5, 1), (0, 0.5))),
    **dict.fromkeys(("parallelogram", "flowChartInputOutput"), _slanted("parallelogram")),
    **dict.fromkeys(("hexagon", "flowChartPreparation"), _slanted("hexagon")),
    **dict.fromkeys(("can", "flowChartMagneticDisk"), _can),
    **dict.fromkeys(("line", "straightConnector1"), _line),
    **dict.fromkeys(("bentConnector3", "bentConnector4", "bentConnector5"), _bent),
    **dict.fromkeys(("curvedConnector3", "curvedConnector4", "curvedConnector5", "curvedConnector2"), _curved),
    "flowChartTerminator": lambda width, height, adjust: [_rounded(width, height, (min(width, height) / 2,) * 4)],
    "flowChartManualOperation": _fixed((0, 0), (1, 0), (0.8, 1), (0.2, 1)),
    "flowChartMerge": _fixed((0, 0), (1, 0), (0.5, 1)),
    "flowChartExtract": _fixed((0.5, 0), (1, 1), (0, 1)),
    "bentConnector2": _corner,
    "triangle": _triangle,
    "rtTriangle": _fixed((0, 0), (1, 1), (0, 1)),
    "trapezoid": _slanted("trapezoid"),
    "pentagon": _fixed((0.5, 0), (1, 0.381966), (0.809017, 1), (0.190983, 1), (0, 0.381966)),
    "heptagon": _fixed((0.5, 0), (0.9, 0.198), (1, 0.643), (0.723, 1), (0.277, 1), (0, 0.643), (0.1, 0.198)),
    "octagon": _octagon,
    "homePlate": _pointed("homePlate"),
    "chevron": _pointed("chevron"),
    "rightArrow": _arrow("right"),
    "leftArrow": _arrow("left"),
    "upArrow": _arrow("up"),
    "downArrow": _arrow("down"),
    "leftRightArrow": _arrow("leftRight"),
    "upDownArrow": _arrow("upDown"),
    **{f"star{number}": _star(number) for number in STAR_INNER},
    "plus": _plus,
    "mathPlus": lambda width, height, adjust: _plus(width, height, Adjust({"adj": 38_000})),
    "mathMinus": _fixed((0.13, 0.38), (0.87, 0.38), (0.87, 0.62), (0.13, 0.62)),
    "donut": _donut,
    "frame": _frame,
    "round1Rect": _round_some(1),
    "round2SameRect": _round_some(0, 1),
    "round2DiagRect": _round_some(0, 2),
    "snip1Rect": _snip_some(1),
    "snip2SameRect": _snip_some(0, 1),
    "snip2DiagRect": _snip_some(1, 3),
    "wedgeRectCallout": _wedge("rect"),
    "wedgeRoundRectCallout": _wedge("rect"),
    "wedgeEllipseCallout": _wedge("ellipse"),
    "cube": _cube,
    "pie": _pie("pie"),
    "chord": _pie("chord"),
    "arc": _pie("arc"),
    "heart": _heart,
    "cloud": _cloud,
    "bracketPair": _brackets("both"),
    "leftBracket": _brackets("left"),
    "rightBracket": _brackets("right"),
}

_ROUND = (0.14645, 0.14645, 0.85355, 0.85355)
_MIDDLE = (0.25, 0.25, 0.75, 0.75)
TEXT_ROOM = {  # left, top, right, bottom, in shares of the box, at the default adjust values
    **dict.fromkeys(("ellipse", "flowChartConnector", "donut", "pie", "chord", "cloud", "wedgeEllipseCallout"), _ROUND),
    **dict.fromkeys(("diamond", "flowChartDecision"), _MIDDLE),
    **dict.fromkeys(("hexagon", "octagon", "flowChartPreparation"), (0.16, 0.14, 0.84, 0.86)),
    **dict.fromkeys(("parallelogram", "flowChartInputOutput"), (0.21, 0.1, 0.79, 0.9)),
    **dict.fromkeys(("star8", "star10", "star12", "star16", "star24", "star32"), (0.22, 0.22, 0.78, 0.78)),
    **dict.fromkeys(("can", "flowChartMagneticDisk"), (0.0, 0.25, 1.0, 0.9)),
    "rtTriangle": (0.0833, 0.5833, 0.5833, 0.9167),
    "trapezoid": (0.17, 0.17, 0.83, 1.0),
    "pentagon": (0.19, 0.23, 0.81, 1.0),
    "heptagon": (0.18, 0.2, 0.82, 0.9),
    "star4": (0.35, 0.35, 0.65, 0.65),
    "star5": (0.31, 0.38, 0.69, 0.77),
    "star6": (0.21, 0.25, 0.79, 0.75),
    "star7": (0.21, 0.25, 0.79, 0.75),
    "heart": (0.2, 0.25, 0.8, 0.67),
    "cube": (0.0, 0.25, 0.75, 1.0),
    "plus": (0.0, 0.25, 1.0, 0.75),
    "mathPlus": (0.13, 0.38, 0.87, 0.62),
    "frame": (0.125, 0.125, 0.875, 0.875),
}
