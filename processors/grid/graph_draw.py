"""Diagrams drawn: shapes with their labels, edges as curves with arrow heads; all text is there to be read."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from processors.grid.graph import TOO_LARGE_GRAPH, Graph, Node
from processors.grid.graph_layout import Layout, Point, Route, lay_out
from processors.grid.style import BLACK, PALETTES, WHITE
from processors.grid.surface import FAMILIES, NOT_SHOWN, Block, Box, Colour, Look, Surface, text_width, word_width
from processors.guard import TOO_COSTLY
from schemas.outcome import Reason, Refused

TANGLED = Reason("tangled", "In every layout of the diagram some edge's label could be taken for that of another edge")
GRAPH_DRAW_REASONS = (TOO_LARGE_GRAPH, TANGLED, NOT_SHOWN, TOO_COSTLY)
WIDER = (1.0, 1.4, 1.9)  # gaps that are tried at one size of letters
MAX_SIDE_PX = 2240  # five crops
MIN_SIZE_PX = 11
LINE_CHARS = 22  # about, of a label: a longer one is broken into lines
TEXT_SHARE = {  # of a shape's width and height, what a text in its middle may take
    **{"box": (1.0, 1.0), "round": (1.0, 1.0), "stadium": (0.88, 1.0), "diamond": (0.58, 0.42), "ellipse": (0.72, 0.68)},
    **{"circle": (0.7, 0.7), "hexagon": (0.82, 1.0), "parallelogram": (0.82, 1.0), "cylinder": (1.0, 0.7)},
}
LABEL_GAP_PX = 4  # between the label of an edge and the edge
ARROW_PX = (11.0, 8.0)  # length and width


@dataclass(frozen=True, slots=True)
class GraphStyle:
    """`splines` is dot's: curves (true) or straight pieces (polyline)."""

    family: str = "sans-serif"
    size_px: int = 16
    padding_px: int = 12
    gap_px: int = 34
    margin_px: int = 20
    line_px: float = 1.5
    splines: str = "true"
    background: Colour = WHITE
    text: Colour = BLACK
    line: Colour = BLACK
    fill: Colour = WHITE
    accent: Colour = WHITE  # of diamonds and rounded ends

    def name(self) -> str:
        """The choices in words, for a fact."""
        return f"{self.family} {self.size_px} px, {'curves' if self.splines == 'true' else 'straight'}"


def graph_style(rng: np.random.Generator) -> GraphStyle:
    """A style, chosen among families of letters, sizes, colours and lines."""
    background, text, rule, header_fill, _, zebra = PALETTES[int(rng.integers(len(PALETTES)))]
    light = sum(background) > 1.5
    plain = rng.integers(3) == 0
    tint: Colour = tuple(0.8 * b + 0.2 * h for b, h in zip(background, header_fill, strict=True))  # type: ignore[assignment]
    return GraphStyle(
        family=FAMILIES[int(rng.integers(len(FAMILIES)))],
        size_px=int(rng.integers(13, 20)),
        padding_px=int(rng.integers(8, 17)),
        gap_px=int(rng.integers(26, 49)),
        margin_px=int(rng.integers(10, 41)),
        line_px=(1.0, 1.5, 2.0)[int(rng.integers(3))],
        splines=("true", "true", "polyline")[int(rng.integers(3))],
        background=background,
        text=text,
        # light rules of tables are too faint for edges
        line=(0.15, 0.15, 0.15) if plain and light else text if not light else tuple(0.55 * side for side in rule),  # type: ignore[arg-type]
        fill=background if plain else zebra,
        accent=background if plain else tint,
    )


def draw_graph(graph: Graph, style: GraphStyle, max_side_px: int = MAX_SIDE_PX) -> tuple[np.ndarray, list[Box]]:
    """The picture of a graph, and the box of each of its nodes in pixels.

    Letters shrink, down to MIN_SIZE_PX, and gaps grow, until the picture fits and every edge's label stands clearly at its edge.

    Shapes: (H, W, 3) uint8; as many boxes as nodes, in their order.
    Raises: EngineMissing; Refused with one of GRAPH_DRAW_REASONS.
    """
    size_px, fits = style.size_px, False
    while True:
        for wider in WIDER:
            plan = _plan(graph, replace(style, size_px=size_px, gap_px=max(20, round(wider * style.gap_px * size_px / style.size_px))))
            if max(plan.size) <= max_side_px:
                fits = True
                if plan.layout.labels_are_clear([(0.0, 0.0) if label is None else (label.width, label.height) for label in plan.labels]):
                    return _draw(graph, plan)
        if size_px <= MIN_SIZE_PX:
            break
        size_px = max(MIN_SIZE_PX, math.floor(size_px * 0.85))
    if fits:
        raise Refused(
            TANGLED, f"{len(graph.edges)} edges, of which one runs through the label of another, or about as near to it as its own"
        )
    raise Refused(
        TOO_LARGE_GRAPH, f"the diagram takes {plan.size[0]} x {plan.size[1]} px at the smallest letters, at most {max_side_px} a side"
    )


@dataclass(frozen=True, slots=True)
class _Text:
    """A text with the width and height that it takes, in pixels."""

    block: Block
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class _Plan:
    """Texts of nodes and edges in the graph's order, the shapes' sizes, and where all of it stands in a picture of `size`."""

    style: GraphStyle
    texts: list[_Text]
    shapes: list[Point]
    labels: list[_Text | None]
    title: _Text | None
    layout: Layout
    size: tuple[int, int]


def _plan(graph: Graph, style: GraphStyle) -> _Plan:
    look = Look(style.family, style.size_px, colour=style.text, align="center")
    small = replace(look, size_px=max(MIN_SIZE_PX, style.size_px - 2))
    texts = [_wrapped(node.label, look) for node in graph.nodes]
    shapes = [_shape_size(node, text, style) for node, text in zip(graph.nodes, texts, strict=True)]
    labels = [_wrapped(edge.label, small) if edge.label else None for edge in graph.edges]
    spaces = [(0.0, 0.0) if label is None else (label.width + 2 * LABEL_GAP_PX, label.height + LABEL_GAP_PX) for label in labels]
    layout = lay_out(graph, shapes, spaces, style.gap_px, style.splines)
    width, height = layout.width, layout.height
    title = None
    if graph.title:
        title_look = replace(look, size_px=style.size_px + 3, bold=True)
        wide = math.ceil(max(layout.width, min(text_width(graph.title, title_look), 40 * style.size_px))) + 4
        title = _Text(Block(graph.title, title_look), wide, 0.0)
        title = replace(title, height=math.ceil(title.block.height(wide)) + 2)
        width, height = max(width, title.width), height + title.height + style.margin_px
    return _Plan(
        style,
        texts,
        shapes,
        labels,
        title,
        layout,
        (math.ceil(width) + 2 * style.margin_px + 2, math.ceil(height) + 2 * style.margin_px + 2),
    )


def _wrapped(text: str, look: Look) -> _Text:
    """A text in lines of about LINE_CHARS; a word of more than three such lines is broken."""
    line = LINE_CHARS * 0.55 * look.size_px
    width = math.ceil(max(min(text_width(text, look), line), min(word_width(text, look), 3 * line))) + 3
    block = Block(text, look)
    return _Text(block, width, math.ceil(block.height(width)) + 2)


def _shape_size(node: Node, text: _Text, style: GraphStyle) -> Point:
    across, down = TEXT_SHARE[node.shape]
    width, height = (text.width + 1.4 * style.padding_px) / across, (text.height + style.padding_px) / down
    if node.shape == "circle":
        width = height = max(width, height)
    return math.ceil(max(width, 2.5 * style.size_px)), math.ceil(height)


def _draw(graph: Graph, plan: _Plan) -> tuple[np.ndarray, list[Box]]:
    style, layout, size = plan.style, plan.layout, plan.size
    surface = Surface(*size, background=style.background)
    top = style.margin_px + 1.0
    if plan.title is not None:
        surface.text(plan.title.block, _box((size[0] / 2, top + plan.title.height / 2), plan.title.width, plan.title.height))
        top += plan.title.height + style.margin_px
    left = (size[0] - layout.width) / 2

    def moved(point: Point) -> Point:
        return point[0] + left, point[1] + top

    for route in layout.routes:
        _draw_edge(surface, route, moved, style)
    for label, route in zip(plan.labels, layout.routes, strict=True):
        if label is not None:
            if route.label is None:
                raise RuntimeError("dot gave an edge with a label no place for it")
            surface.text(label.block, _box(moved(route.label), label.width, label.height))
    boxes = []
    for node, middle, text, (wide, high) in zip(graph.nodes, layout.nodes, plan.texts, plan.shapes, strict=True):
        x, y = moved(middle)
        boxes.append(_box((x, y), wide, high))
        accented = node.shape in ("diamond", "stadium", "circle", "hexagon")
        surface.shape(_shape(node.shape, boxes[-1], style, style.accent if accented else style.fill))
        lower = high * 0.1 if node.shape == "cylinder" else 0.0  # below its lid
        surface.text(text.block, _box((x, y + lower), text.width, text.height))
    return surface.render(), boxes


def _box(middle: Point, width: float, height: float) -> Box:
    return middle[0] - width / 2, middle[1] - height / 2, middle[0] + width / 2, middle[1] + height / 2


def _draw_edge(surface: Surface, route: Route, moved: Callable[[Point], Point], style: GraphStyle) -> None:
    points = [moved(point) for point in route.points]
    tip = None if route.tip is None else moved(route.tip)

    def draw(shape: Any) -> None:
        for start in range(0, len(points) - 3, 3):
            shape.draw_bezier(*points[start : start + 4])
        shape.finish(color=style.line, fill=None, width=style.line_px, closePath=False)
        if tip is not None:
            shape.draw_polyline(_arrow_head(points[-1], tip))
            shape.finish(color=style.line, fill=style.line, width=0.5, closePath=True)

    surface.shape(draw)


def _arrow_head(start: Point, tip: Point) -> list[Point]:
    length = math.hypot(tip[0] - start[0], tip[1] - start[1]) or 1.0
    ux, uy = (tip[0] - start[0]) / length, (tip[1] - start[1]) / length
    long, wide = max(ARROW_PX[0], length), ARROW_PX[1] / 2
    x, y = tip[0] - long * ux, tip[1] - long * uy
    return [tip, (x - wide * uy, y + wide * ux), (x + wide * uy, y - wide * ux)]


def _shape(name: str, box: Box, style: GraphStyle, fill: Colour) -> Callable[[Any], None]:
    x0, y0, x1, y1 = box
    middle_x, middle_y, slant = (x0 + x1) / 2, (y0 + y1) / 2, min((x1 - x0) * 0.09, (y1 - y0) * 0.4)
    corners = {
        "diamond": [(middle_x, y0), (x1, middle_y), (middle_x, y1), (x0, middle_y)],
        "hexagon": [(x0 + slant, y0), (x1 - slant, y0), (x1, middle_y), (x1 - slant, y1), (x0 + slant, y1), (x0, middle_y)],
        "parallelogram": [(x0 + slant, y0), (x1, y0), (x1 - slant, y1), (x0, y1)],
    }

    def draw(shape: Any) -> None:
        if name in corners:
            shape.draw_polyline(corners[name])
        elif name in ("ellipse", "circle"):
            shape.draw_oval(box)
        elif name in ("round", "stadium"):
            radius = 0.5 if name == "stadium" else min(0.5, 10 / min(x1 - x0, y1 - y0))
            shape.draw_rect(box, radius=(radius * (y1 - y0) / (x1 - x0), radius) if x1 - x0 > y1 - y0 else radius)
        elif name == "cylinder":
            lid = (y1 - y0) * 0.1
            shape.draw_oval((x0, y1 - 2 * lid, x1, y1))
            shape.finish(color=style.line, fill=fill, width=style.line_px)
            shape.draw_rect((x0, y0 + lid, x1, y1 - lid))
            shape.finish(color=None, fill=fill, width=0)
            shape.draw_line((x0, y0 + lid), (x0, y1 - lid))
            shape.draw_line((x1, y0 + lid), (x1, y1 - lid))
            shape.finish(color=style.line, width=style.line_px, closePath=False)
            shape.draw_oval((x0, y0, x1, y0 + 2 * lid))
        else:
            shape.draw_rect(box)
        shape.finish(color=style.line, fill=fill, width=style.line_px, closePath=True)

    return draw
