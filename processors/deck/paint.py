"""Fills, lines, outlines and pictures of shapes on a PyMuPDF page. Units: pt on the page; matrices put a shape's box on the slide."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageDraw

from processors.deck.paths import Path, Point, Step, end_of
from processors.deck.surface import Surface, numbers
from processors.deck.theme import hexadecimal, rgba
from processors.image.decode import decode_image
from processors.mupdf import pymupdf

MAX_PICTURE_PIXELS = 50_000_000  # of one picture file in a deck
MAX_PAINT_SIDE_PX = 4_096
CURVE_PIECES = 12
NUM_STRIPES, FAR = 48, 60
DASHES = {  # in line widths
    **{"dash": (4, 3), "sysDash": (3, 1), "dot": (1, 3), "sysDot": (1, 1), "lgDash": (8, 3), "dashDot": (4, 3, 1, 3)},
    **{"sysDashDot": (3, 1, 1, 1), "lgDashDot": (8, 3, 1, 3), "lgDashDotDot": (8, 3, 1, 3, 1, 3), "sysDashDotDot": (3, 1, 1, 1, 1, 1)},
}
ARROWS = ("triangle", "stealth", "arrow", "diamond", "oval")
ARROW_WIDTHS, SMALLEST_ARROW_PT = 3.0, 5.0
MISSING_INK, MISSING_FILL = "#9a9a9a", "#efefef"


def box_matrix(shape: Mapping[str, Any], flips: bool = True) -> pymupdf.Matrix:
    """From a shape's own coordinates (corner at 0, 0) to the slide's: flips, then rotation about the middle, then its place."""
    x, y, width, height = shape["box_pt"]
    mirror_x, mirror_y = (-1 if shape["flip_h"] and flips else 1), (-1 if shape["flip_v"] and flips else 1)
    angle = math.radians(shape["rotation_deg"] + (180 if shape["flip_v"] and not flips else 0))
    cos, sin = math.cos(angle), math.sin(angle)
    matrix = pymupdf.Matrix(1, 0, 0, 1, -width / 2, -height / 2) * pymupdf.Matrix(mirror_x, 0, 0, mirror_y, 0, 0)
    return matrix * pymupdf.Matrix(cos, sin, -sin, cos, x + width / 2, y + height / 2)


def moved(point: Point, matrix: pymupdf.Matrix) -> Point:
    return point[0] * matrix.a + point[1] * matrix.c + matrix.e, point[0] * matrix.b + point[1] * matrix.d + matrix.f


def corners(shape: Mapping[str, Any]) -> list[Point]:
    """The corners of a shape's box on the slide."""
    _, _, width, height = shape["box_pt"]
    matrix = box_matrix(shape)
    return [moved(point, matrix) for point in ((0.0, 0.0), (width, 0.0), (width, height), (0.0, height))]


# ---- vector paint


def draw_paths(pen: Any, paths: Sequence[Path], matrix: pymupdf.Matrix, fill: Mapping[str, Any] | None, line: Mapping[str, Any]) -> None:
    """Outlines with a plain fill and a line, either of which may be absent, on a `pymupdf.Shape` that is committed later."""
    color = fill["color"] if fill is not None and fill["kind"] == "solid" else None
    stroke = line.get("color") if line["width_pt"] or line.get("color") else None
    for path in paths:
        inside = color if path.filled else None
        edge = stroke if path.stroked else None
        if (inside is None and edge is None) or not _trace_fits(path):
            continue
        _trace(pen, path.steps, matrix)
        paint, ink = rgba(inside) if inside else None, rgba(edge) if edge else None
        width = max(0.25, line["width_pt"])
        pen.finish(
            width=width,
            color=ink[:3] if ink else None,
            fill=paint[:3] if paint else None,
            dashes=_dashes(line, width),
            fill_opacity=paint[3] if paint else 1,
            stroke_opacity=ink[3] if ink else 1,
            closePath=path.steps[-1][0] == "Z",
            even_odd=True,
        )
    if stroke:
        _draw_arrows(pen, paths, matrix, line, stroke)


def draw_gradient(pen: Any, paths: Sequence[Path], matrix: pymupdf.Matrix, fill: Mapping[str, Any], width: float, height: float) -> None:
    """Outlines filled with a gradient over their box: stripes, each over the end of the one before, cut to the outline.

    A PDF's own shadings would be smoother and cannot be made here; of so many stripes nobody sees the steps.
    """
    stripes = list(_stripes(fill, width, height))
    turn = matrix * pen.ipctm
    for path in paths:
        if not path.filled or not _trace_fits(path):
            continue
        lines = [f"q {numbers(*turn)} cm", *(_operator(step) for step in path.steps), "W* n"]
        lines.append(f"1 0 0 1 {numbers(width / 2, height / 2)} cm")
        for color, turned, box in stripes:
            lines.append(f"q {numbers(*turned)} cm {numbers(*rgba(color)[:3])} rg {numbers(*box)} re f Q")
        pen.totalcont += "\n" + "\n".join(lines) + "\nQ\n"


def _operator(step: Step) -> str:
    """A step in the language of PDF."""
    name, *points = step
    return f"{numbers(*(value for point in points for value in point))} {name.lower() if name != 'Z' else 'h'}".strip()


def _stripes(fill: Mapping[str, Any], width: float, height: float) -> Iterator[tuple[str, tuple[float, ...], tuple[float, ...]]]:
    """(colour, matrix, box) of each stripe, about the middle of the box, the first over everything."""
    angle = math.radians(fill["angle_deg"])
    cos, sin = math.cos(angle), math.sin(angle)
    turned = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0) if fill["path"] else (cos, sin, -sin, cos, 0.0, 0.0)
    reach = FAR * (width + height)  # callouts leave their box
    along = abs(cos) * width + abs(sin) * height
    for number in range(NUM_STRIPES):
        place = (number + 0.5) / NUM_STRIPES
        color = _between(fill["stops"], 1 - place if fill["path"] else place)
        if fill["path"]:  # from the edge to the middle
            left = (1 - number / NUM_STRIPES) / 2
            box = (-left * width, -left * height, 2 * left * width, 2 * left * height) if number else (-reach, -reach, 2 * reach, 2 * reach)
        else:
            start = along * (number / NUM_STRIPES - 0.5) if number else -reach
            box = (start, -reach, reach - start, 2 * reach)
        yield color, turned, box


def _between(stops: Sequence[Sequence[Any]], place: float) -> str:
    """The colour at a place of a gradient."""
    places, colors = [stop for stop, _ in stops], np.array([rgba(color) for _, color in stops])
    return hexadecimal([float(np.interp(place, places, colors[:, channel])) for channel in range(3)])


def _trace_fits(path: Path) -> bool:
    return len(path.steps) > 1


def _trace(pen: Any, steps: Sequence[Step], matrix: pymupdf.Matrix) -> None:
    at = start = (0.0, 0.0)
    for name, *points in steps:
        if name == "M":
            at = start = points[0]
        elif name == "L":
            pen.draw_line(moved(at, matrix), moved(points[0], matrix))
            at = points[0]
        elif name == "C":
            pen.draw_bezier(*(moved(point, matrix) for point in (at, *points)))
            at = points[2]
        elif at != start:
            pen.draw_line(moved(at, matrix), moved(start, matrix))
            at = start


def _dashes(line: Mapping[str, Any], width: float) -> str | None:
    pattern = DASHES.get(line.get("dash", "solid"))
    return f"[{' '.join(f'{max(0.5, share * width):.2f}' for share in pattern)}] 0" if pattern else None


def _draw_arrows(pen: Any, paths: Sequence[Path], matrix: pymupdf.Matrix, line: Mapping[str, Any], stroke: str) -> None:
    """The ends of open lines."""
    for path in paths:
        points = [moved(point, matrix) for point in flattened(path.steps)[0]] if path.steps and path.steps[-1][0] != "Z" else []
        ends = (("head", points), ("tail", points[::-1]))
        for end, run in ends:
            kind = line.get(end, "none")
            tip = next(iter(run), None)
            back = next((point for point in run if tip and math.dist(point, tip) > 1e-3), None)
            if kind not in ARROWS or tip is None or back is None:
                continue
            size = max(SMALLEST_ARROW_PT, ARROW_WIDTHS * line["width_pt"])
            ux, uy = (back[0] - tip[0]) / math.dist(back, tip), (back[1] - tip[1]) / math.dist(back, tip)
            base = tip[0] + ux * size, tip[1] + uy * size
            sides = [(base[0] - uy * size / 2, base[1] + ux * size / 2), (base[0] + uy * size / 2, base[1] - ux * size / 2)]
            if kind == "oval":
                pen.draw_circle(tip, size / 2)
            elif kind == "diamond":
                half = size / 2
                pen.draw_polyline([(tip[0] + dx, tip[1] + dy) for dx, dy in ((half, 0), (0, half), (-half, 0), (0, -half), (half, 0))])
            else:
                pen.draw_polyline([sides[0], tip, sides[1]])
            is_open = kind == "arrow"
            ink = rgba(stroke)[:3]
            pen.finish(
                color=ink, fill=None if is_open else ink, width=max(0.25, line["width_pt"]) if is_open else 0.1, closePath=not is_open
            )


def flattened(steps: Sequence[Step]) -> list[list[Point]]:
    """The subpaths as polygons."""
    found: list[list[Point]] = []
    done: list[Step] = []
    for step in steps:
        name, *points = step
        if name == "M":
            found.append([points[0]])
        elif not found:
            continue
        elif name == "L":
            found[-1].append(points[0])
        elif name == "C":
            start = end_of(done)
            for piece in range(1, CURVE_PIECES + 1):
                t = piece / CURVE_PIECES
                weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
                four = (start, *points)
                found[-1].append(
                    (sum(w * p[0] for w, p in zip(weights, four, strict=True)), sum(w * p[1] for w, p in zip(weights, four, strict=True)))
                )
        done.append(step)
    return found or [[]]


# ---- raster paint


def picture_pixels(data: bytes) -> np.ndarray:
    """A picture file with its transparency. Shapes: (H, W, 4) uint8 RGBA.

    Raises: Refused with one of the reasons of processors/image/decode.py.
    """
    decoded = decode_image(data, max_pixels=MAX_PICTURE_PIXELS)
    pixels = np.concatenate([decoded.pixels, np.full((*decoded.pixels.shape[:2], 1), 255, np.uint8)], axis=2)
    if decoded.format in ("PNG", "GIF", "WEBP", "TIFF"):
        with PillowImage.open(io.BytesIO(data)) as image:
            if image.has_transparency_data and image.size == (pixels.shape[1], pixels.shape[0]):
                return np.asarray(image.convert("RGBA"))  # its own colours, not those over white
    return pixels


def cropped(pixels: np.ndarray, crop: Sequence[float]) -> np.ndarray:
    """The picture without the shares cut off at left, top, right, bottom; negative shares add an empty margin."""
    height, width = pixels.shape[:2]
    left, top, right, bottom = (max(-4.0, min(0.99, share)) for share in crop)
    x0, x1 = round(left * width), round((1 - right) * width)
    y0, y1 = round(top * height), round((1 - bottom) * height)
    if x1 <= x0 or y1 <= y0:
        return pixels
    if x0 >= 0 and y0 >= 0 and x1 <= width and y1 <= height:
        return pixels[y0:y1, x0:x1]
    image = PillowImage.fromarray(pixels).crop((x0, y0, x1, y1))  # beyond the edge it is transparent
    return np.asarray(image)


def tiled(pixels: np.ndarray, width: int, height: int, px_per_pt: float) -> np.ndarray:
    """The picture repeated over an area, a pixel of it 1/96 inch."""
    zoom = 0.75 * px_per_pt
    size = max(1, round(pixels.shape[1] * zoom)), max(1, round(pixels.shape[0] * zoom))
    tile = np.asarray(PillowImage.fromarray(pixels).resize(size, PillowImage.Resampling.BILINEAR))
    down, across = -(-height // tile.shape[0]), -(-width // tile.shape[1])
    return np.tile(tile[:height, :width], (down if down > 1 else 1, across if across > 1 else 1, 1))[:height, :width]


def paint_raster(
    surface: Surface, pixels: np.ndarray, shape: Mapping[str, Any], paths: Sequence[Path], px_per_pt: float, opacity: float = 1.0
) -> None:
    """Pixels (H, W, 4) stretched over a shape's box, cut out along its outline, flipped and turned with it."""
    _, _, width, height = shape["box_pt"]
    if paths and not any(path.filled for path in paths):
        return
    size = _raster_size(width, height, px_per_pt)
    image = PillowImage.fromarray(pixels)
    shrinks = size[0] < image.width or size[1] < image.height
    image = image.resize(size, PillowImage.Resampling.BILINEAR if shrinks else PillowImage.Resampling.BICUBIC)
    mask = _mask(paths, width, height, size)
    if mask is not None or opacity < 1:
        alpha = np.asarray(image.getchannel("A"), np.float32) * opacity
        image.putalpha(PillowImage.fromarray((alpha if mask is None else alpha * mask).astype(np.uint8)))
    surface.show_image(image, width, height, box_matrix(shape))


def _raster_size(width: float, height: float, px_per_pt: float) -> tuple[int, int]:
    return tuple(max(1, min(MAX_PAINT_SIDE_PX, round(side * px_per_pt))) for side in (width, height))  # type: ignore[return-value]


def _mask(paths: Sequence[Path], width: float, height: float, size: tuple[int, int]) -> np.ndarray | None:
    """The inside of the outlines, antialiased; None for a whole box. Shapes: (H, W) float32 in 0..1."""
    subpaths = [polygon for path in paths if path.filled for polygon in flattened(path.steps) if len(polygon) > 2]
    box = {(0.0, 0.0), (width, 0.0), (width, height), (0.0, height)}
    if not subpaths or (len(subpaths) == 1 and set(subpaths[0]) == box):
        return None
    zoom = 2 if max(size) <= MAX_PAINT_SIDE_PX // 2 else 1
    inside = np.zeros((size[1] * zoom, size[0] * zoom), bool)
    for polygon in subpaths:  # even-odd
        canvas = PillowImage.new("1", (size[0] * zoom, size[1] * zoom))
        scaled = [(x / width * size[0] * zoom, y / height * size[1] * zoom) for x, y in polygon]
        ImageDraw.Draw(canvas).polygon(scaled, fill=1)
        inside ^= np.asarray(canvas)
    whole = inside.reshape(size[1], zoom, size[0], zoom).mean(axis=(1, 3), dtype=np.float32)
    return whole


def draw_missing(pen: Any, shape: Mapping[str, Any]) -> None:
    """A grey box with a cross, as presentation programs show what they cannot."""
    points = corners(shape)
    pen.draw_polyline([*points, points[0]])
    pen.finish(color=rgba(MISSING_INK)[:3], fill=rgba(MISSING_FILL)[:3], width=0.75)
    pen.draw_line(points[0], points[2])
    pen.draw_line(points[1], points[3])
    pen.finish(color=rgba(MISSING_INK)[:3], width=0.75)
