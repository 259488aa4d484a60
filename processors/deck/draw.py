"""A slide drawn from its shape tree, and what of it can be seen.

Shapes are drawn in their order on a PyMuPDF page; text stands in a layer of its own, so that the page can be rendered with and
without it. A paragraph counts as shown when its ink changes the picture: text off the slide, under a picture, or in the
colour of what is behind it does not. Same slide, same pixels, on any machine: fonts are MuPDF's own.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from processors.chart.draw import TOO_CROWDED, draw_chart
from processors.chart.model import Chart, Series
from processors.chart.styles import PALETTES, ChartStyle
from processors.deck.draw_text import Pieces, Placed, TextPages, text_height, write_text
from processors.deck.geometry import is_known, outline, text_room
from processors.deck.graphics import SIDES
from processors.deck.paint import (
    box_matrix,
    corners,
    cropped,
    draw_gradient,
    draw_missing,
    draw_paths,
    paint_raster,
    picture_pixels,
    tiled,
)
from processors.deck.paths import Path, polygon
from processors.deck.surface import Surface
from processors.deck.theme import rgba
from processors.guard import Answer
from processors.mupdf import pymupdf
from schemas.outcome import Refused

MIN_CONTRAST = 40  # of 255, in one channel: less is not read
MIN_SHOWN_SHARE = 0.7  # of a paragraph's ink
MIN_TEXT_PX = 5.0  # height of the highest word of a text that can still be read: letters of a 7 px font
COVER_GRID = 12  # points a side at which a shape is looked at for what covers it
MIN_SEEN_SHARE = 0.8
MAX_OVERLAP = 0.2  # of a line of text, by text of another shape
MIN_CHART_FONT_PX, CHART_LINE_PT = 11.0, 2.25
MIN_CHART_PX = 40
CHART_FONT_RATIOS = (1.0, 0.75, 0.5)  # of the size that the deck gives, tried in turn
UNSPEAKABLE = ("Co", "Cn", "Cs")  # private use, unassigned, halves of signs
SEALED = ("solid", "gradient", "picture")
NO_LINE: Mapping[str, Any] = {"width_pt": 0.0}
Box = tuple[float, float, float, float]  # x0, y0, x1, y1 in pt
Words = list[Box]
DRAWN_KINDS = ("table", "chart", "picture", "movie", "ole", "diagram")


def draw_slide(request: dict[str, Any], blobs: list[bytes]) -> Answer:
    """Guarded. Request: slide, width_pt, height_pt, width_px, height_px, media (numbers of the blobs). Answers what is shown, and RGB bytes."""
    media = dict(zip(request["media"], blobs, strict=True))
    size = request["width_pt"], request["height_pt"]
    drawn = _Drawing(request["slide"], size, request["width_px"] / size[0], media)
    drawn.draw()
    pixels, shown = drawn.render(request["width_px"], request["height_px"])
    told = {"shown": shown, "num_undrawn": drawn.num_undrawn, "num_as_box": drawn.num_as_box}
    return told, [np.ascontiguousarray(pixels).tobytes()]


def draw_page(request: dict[str, Any], blobs: list[bytes]) -> Answer:
    """Guarded. One page of a rendered deck. Request: number, num_slides, width_px, height_px. Answers the page's text, and RGB bytes."""
    with pymupdf.open("pdf", blobs[0]) as document:
        if len(document) != request["num_slides"]:
            return {"num_pages": len(document), "text": ""}, [b""]
        page = document[request["number"] - 1]
        zoom = pymupdf.Matrix(request["width_px"] / page.rect.width, request["height_px"] / page.rect.height)
        pixmap = page.get_pixmap(matrix=zoom, alpha=False, annots=False)  # comments are annotations; they are not on the slide
        pixels = _pixels(pixmap, request["width_px"], request["height_px"])
        return {"num_pages": len(document), "text": page.get_text()}, [np.ascontiguousarray(pixels).tobytes()]


@dataclass
class _Drawing:
    """A slide on its way to a page.

    `placed` has the paragraphs of each text by (shape, row, column), row and column -1 for shapes, and `boxes` where their ink lies;
    `pages` has the page with all the text of a shape.
    """

    slide: Mapping[str, Any]
    size_pt: tuple[float, float]
    px_per_pt: float
    media: Mapping[int, bytes]
    num_undrawn: int = 0
    num_as_box: int = 0
    placed: dict[tuple[int, int, int], list[Placed]] = field(default_factory=dict)
    boxes: dict[tuple[int, int, int], list[Box | None]] = field(default_factory=dict)
    pages: dict[int, int] = field(default_factory=dict)
    table_rows: dict[int, list[float]] = field(default_factory=dict)
    decoded: dict[int, np.ndarray] = field(default_factory=dict)
    undrawn: set[int] = field(default_factory=set)

    def draw(self) -> None:
        shapes = self.slide["shapes"]
        self.texts = TextPages(*self.size_pt)
        for number, shape in enumerate(shapes):
            self._write(number, shape)
        self.document = self.texts.close()
        self.boxes = {at: [self._box(one) for one in placed] for at, placed in self.placed.items()}
        self.surface = Surface(*self.size_pt)
        self._background()
        for number, shape in enumerate(shapes):
            self._paint(number, shape)
        self.surface.finish()

    def _box(self, placed: Placed) -> Box | None:
        """Where the ink of a paragraph lies, in pt; None without ink."""
        words = self._words(placed)
        return _joined(words) if words else None

    # ---- text, first: tables need its heights

    def _write(self, number: int, shape: Mapping[str, Any]) -> None:
        if shape["kind"] == "table":
            self._write_table(number, shape)
            return
        text = shape.get("text")
        if text is None or not any(paragraph["runs"] for paragraph in text["paragraphs"]):
            return
        upright = {**shape, "rotation_deg": shape["rotation_deg"] + text.get("rotation_deg", 0.0)}
        left, top, width, height = text_room(shape["geometry"], *shape["box_pt"][2:])
        left = shape["box_pt"][2] - left - width if shape["flip_h"] else left  # the room is mirrored, the letters are not
        matrix = pymupdf.Matrix(1, 0, 0, 1, left, top) * box_matrix(upright, flips=False)
        self.placed[number, -1, -1], pieces = write_text(self.texts, self._with_fields(text), width, height, matrix)
        self.pages[number] = self.texts.write(pieces)

    def _with_fields(self, text: Mapping[str, Any]) -> Mapping[str, Any]:
        return with_fields(text, self.slide["number"])

    def _write_table(self, number: int, shape: Mapping[str, Any]) -> None:
        """Cells' texts; rows grow until the text of each cell fits."""
        table = shape["table"]
        x, y, _, _ = shape["box_pt"]
        columns, rows = table["columns_pt"], list(table["rows_pt"])
        cells = [(r, c, cell) for r, line in enumerate(table["cells"]) for c, cell in enumerate(line) if cell is not None]
        for r, c, cell in sorted(cells, key=lambda each: each[2]["spans"][1]):
            if cell["text"] is None:
                continue
            across, down = cell["spans"]
            needed = text_height(cell["text"], sum(columns[c : c + across]))
            rows[r + down - 1] += max(0.0, needed - sum(rows[r : r + down]))
        self.table_rows[number] = rows
        pieces: Pieces = []
        for r, c, cell in cells:
            across, down = cell["spans"]
            if cell["text"] is None or not any(paragraph["runs"] for paragraph in cell["text"]["paragraphs"]):
                continue
            place = pymupdf.Matrix(1, 0, 0, 1, x + sum(columns[:c]), y + sum(rows[:r]))
            size = sum(columns[c : c + across]), sum(rows[r : r + down])
            self.placed[number, r, c], written = write_text(self.texts, self._with_fields(cell["text"]), *size, place)
            pieces += written
        if pieces:
            self.pages[number] = self.texts.write(pieces)

    def _show(self, number: int) -> None:
        """The text of a shape or table, over what is drawn so far."""
        if number in self.pages:
            self.surface.show_text(self.document, self.pages[number])

    # ---- paint

    def _background(self) -> None:
        box = {"box_pt": [0.0, 0.0, *self.size_pt], "rotation_deg": 0.0, "flip_h": False, "flip_v": False}
        paths = [polygon([(0, 0), (1, 0), (1, 1), (0, 1)], *self.size_pt)]
        draw_paths(self.surface.pen, paths, pymupdf.Matrix(1, 1), {"kind": "solid", "color": "#ffffff"}, NO_LINE)
        fill = self.slide["background"]
        if fill is not None:
            self._fill(fill, box, paths, NO_LINE)

    def _paint(self, number: int, shape: Mapping[str, Any]) -> None:
        kind = shape["kind"]
        if kind in ("picture", "movie", "ole"):
            self._picture(number, shape)
        elif kind == "chart":
            self._chart(number, shape)
        elif kind == "table":
            self._table(number, shape)
        elif kind == "diagram":
            self._missing(number, shape)
        elif kind not in ("group", "other") and not _is_empty_placeholder(shape):
            _, _, width, height = shape["box_pt"]
            paths = outline(shape["geometry"], width, height)
            self.num_as_box += not is_known(shape["geometry"])
            self._fill(shape["fill"], shape, paths, shape["line"])
            self._show(number)

    def _fill(self, fill: Mapping[str, Any] | None, shape: Mapping[str, Any], paths: list[Path], line: Mapping[str, Any]) -> bool:
        """Fill and outline; False when the fill is a picture that cannot be shown."""
        kind = fill["kind"] if fill is not None else "none"
        _, _, width, height = shape["box_pt"]
        done = True
        if fill is not None and kind == "gradient":
            draw_gradient(self.surface.pen, paths, box_matrix(shape), fill, width, height)
        elif fill is not None and kind == "picture" and width and height:
            done = self._blip(fill, shape, paths)
        draw_paths(self.surface.pen, paths, box_matrix(shape), fill if kind == "solid" else None, line)
        return done

    def _blip(self, fill: Mapping[str, Any], shape: Mapping[str, Any], paths: list[Path]) -> bool:
        if fill["media"] is None:
            self.num_undrawn += 1
            return False
        try:
            pixels = cropped(self._decoded(fill["media"]), fill["crop"])
        except Refused:  # a vector format of Windows, a damaged file, a bomb: counted, and shown as what is missing
            self.num_undrawn += 1
            return False
        _, _, width, height = shape["box_pt"]
        if fill.get("tile"):
            pixels = tiled(pixels, max(1, round(width * self.px_per_pt)), max(1, round(height * self.px_per_pt)), self.px_per_pt)
        paint_raster(self.surface, pixels, shape, paths, self.px_per_pt, fill.get("opacity", 1.0))
        return True

    def _decoded(self, number: int) -> np.ndarray:
        """The last picture is kept: slides repeat them. Raises: Refused."""
        if number not in self.decoded:
            self.decoded.clear()
            self.decoded[number] = picture_pixels(self.media[number])
        return self.decoded[number]

    def _picture(self, number: int, shape: Mapping[str, Any]) -> None:
        _, _, width, height = shape["box_pt"]
        paths = outline(shape["geometry"], width, height)
        if shape["fill"] is not None:
            draw_paths(self.surface.pen, paths, box_matrix(shape), shape["fill"], NO_LINE)
        if width and height and not self._blip(shape["picture"], shape, paths):
            self.num_undrawn -= 1
            self._missing(number, shape)
        draw_paths(self.surface.pen, paths, box_matrix(shape), None, shape["line"])

    def _missing(self, number: int, shape: Mapping[str, Any]) -> None:
        self.num_undrawn += 1
        self.undrawn.add(number)
        draw_missing(self.surface.pen, shape)

    def _chart(self, number: int, shape: Mapping[str, Any]) -> None:
        _, _, width, height = shape["box_pt"]
        size = round(width * self.px_per_pt), round(height * self.px_per_pt)
        pixels = self._chart_pixels(shape["chart"], *size) if min(size) >= MIN_CHART_PX and shape["chart"]["kind"] else None
        if pixels is None:
            self._missing(number, shape)
            return
        whole = np.concatenate([pixels, np.full((*pixels.shape[:2], 1), 255, np.uint8)], axis=2)
        paint_raster(self.surface, whole, shape, [], self.px_per_pt)

    def _chart_pixels(self, chart: Mapping[str, Any], width: int, height: int) -> np.ndarray | None:
        """The chart in the largest letters with which every text of it can be read; None when there are none."""
        for ratio in CHART_FONT_RATIOS:
            try:
                return draw_chart(chart_model(chart), self._chart_style(chart, ratio), width, height)
            except Refused as refused:
                if refused.reason is not TOO_CROWDED:
                    return None
        return None

    def _chart_style(self, chart: Mapping[str, Any], ratio: float) -> ChartStyle:
        """The slide's own colours and background."""
        accents = [color[:7] for color in self.slide["accents"] if color] or list(PALETTES[0])
        own = [one["color"][:7] if one["color"] else accents[at % len(accents)] for at, one in enumerate(chart["series"])]
        if chart["kind"] in ("pie", "donut", "heatmap"):
            own = accents
        fill = self.slide["background"]
        back = fill["color"][:7] if fill is not None and fill["kind"] == "solid" else "#ffffff"
        ink = (self.slide["ink"] or "#222222")[:7]
        if contrast(ink, back) < 0.3:
            ink = "#222222" if sum(rgba(back)[:3]) > 1.5 else "#f2f2f2"
        font_px = max(MIN_CHART_FONT_PX, ratio * chart["font_pt"] * self.px_per_pt)
        palette, line_width_px = tuple(own) or PALETTES[0], CHART_LINE_PT * self.px_per_pt
        return ChartStyle(name="deck", palette=palette, background=back, ink=ink, font_px=font_px, line_width_px=line_width_px)

    def _table(self, number: int, shape: Mapping[str, Any]) -> None:
        table, rows = shape["table"], self.table_rows[number]
        x, y, _, _ = shape["box_pt"]
        columns = table["columns_pt"]
        for step in ("fill", "line"):
            for r, line in enumerate(table["cells"]):
                for c, cell in enumerate(line):
                    if cell is None:
                        continue
                    across, down = cell["spans"]
                    box = [x + sum(columns[:c]), y + sum(rows[:r]), sum(columns[c : c + across]), sum(rows[r : r + down])]
                    if step == "fill" and cell["fill"] is not None:
                        place = {"box_pt": box, "rotation_deg": 0.0, "flip_h": False, "flip_v": False}
                        self._fill(cell["fill"], place, [polygon([(0, 0), (1, 0), (1, 1), (0, 1)], box[2], box[3])], NO_LINE)
                    elif step == "line":
                        self._borders(cell["lines"], box)
        self._show(number)

    def _borders(self, lines: Mapping[str, Any], box: Sequence[float]) -> None:
        x0, y0, x1, y1 = box[0], box[1], box[0] + box[2], box[1] + box[3]
        ends = {"left": ((x0, y0), (x0, y1)), "top": ((x0, y0), (x1, y0)), "right": ((x1, y0), (x1, y1)), "bottom": ((x0, y1), (x1, y1))}
        for side in SIDES:
            line = lines.get(side)
            if line and line.get("color"):
                path = Path([("M", ends[side][0]), ("L", ends[side][1])], filled=False)
                draw_paths(self.surface.pen, [path], pymupdf.Matrix(1, 1), None, {"width_pt": line.get("width_pt", 1.0), **line})

    # ---- what is seen

    def render(self, width_px: int, height_px: int) -> tuple[np.ndarray, list[Any]]:
        """Pixels (height_px, width_px, 3), and for each shape what of it is shown: see `_shown`."""
        zoom = pymupdf.Matrix(width_px / self.size_pt[0], height_px / self.size_pt[1])
        pixels, bare = (_pixels(pixmap, width_px, height_px) for pixmap in self.surface.pixmaps(zoom))
        difference = np.abs(pixels.astype(np.int16) - bare).max(axis=2)
        self.inks = _Inks([(at, box) for at, boxes in self.boxes.items() for box in boxes if box is not None])
        return pixels, [self._shown(number, shape, difference, zoom) for number, shape in enumerate(self.slide["shapes"])]

    def _words(self, placed: Placed) -> Words:
        flags = (
            pymupdf.TEXTFLAGS_WORDS | pymupdf.TEXT_ACCURATE_BBOXES
        ) & ~pymupdf.TEXT_MEDIABOX_CLIP  # boxes of all ink, also off the slide
        return [word[:4] for word in self.document[placed.page].get_text("words", clip=pymupdf.INFINITE_RECT(), flags=flags)]

    def _shown(self, number: int, shape: Mapping[str, Any], difference: np.ndarray, zoom: pymupdf.Matrix) -> Any:
        """{"whole": whether most of its box is on the slide and uncovered, "paragraphs": [bool], "cells": [[[bool]]], "top_pt", "text_box_pt"}."""
        told: dict[str, Any] = {}
        if shape["kind"] in DRAWN_KINDS:
            told["whole"] = number not in self.undrawn and self._is_uncovered(number, shape)
        if shape["kind"] == "table":
            cells = shape["table"]["cells"]
            told["cells"] = [
                [None if cell is None else self._paragraphs((number, r, c), cell["text"], difference, zoom) for c, cell in enumerate(line)]
                for r, line in enumerate(cells)
            ]
            told["box_pt"] = [*shape["box_pt"][:2], sum(shape["table"]["columns_pt"]), sum(self.table_rows[number])]
        elif shape.get("text"):
            told["paragraphs"] = self._paragraphs((number, -1, -1), shape["text"], difference, zoom)
            boxes = [box for box in self.boxes.get((number, -1, -1), ()) if box is not None]
            told["box_pt"] = _joined(boxes) if boxes else shape["box_pt"]
        return told

    def _paragraphs(
        self, at: tuple[int, int, int], text: Mapping[str, Any] | None, difference: np.ndarray, zoom: pymupdf.Matrix
    ) -> list[bool]:
        """For each paragraph of a text whether it can be read; an empty one counts as shown."""
        if text is None:
            return []
        shown = [True] * len(text["paragraphs"])
        for place, placed in enumerate(self.placed.get(at, ())):
            shown[placed.number] = self._can_read(at, place, placed, difference, zoom)
        return shown

    def _can_read(self, at: tuple[int, int, int], place: int, placed: Placed, difference: np.ndarray, zoom: pymupdf.Matrix) -> bool:
        box = self.boxes[at][place]
        if box is None or not self._is_text(at, placed):
            return False
        page = self.document[placed.page]
        inside = pymupdf.Rect(box) & pymupdf.Rect(0, 0, *self.size_pt)
        if inside.is_empty or inside.get_area() < MIN_SHOWN_SHARE * pymupdf.Rect(box).get_area():
            return False
        heights = [word[3] - word[1] for word in self._words(placed)]
        if max(heights) * self.px_per_pt < MIN_TEXT_PX:
            return False
        clip = (pymupdf.Rect(box) * zoom).irect & pymupdf.IRect(0, 0, difference.shape[1], difference.shape[0])
        pixmap = page.get_pixmap(matrix=zoom, alpha=True, clip=pymupdf.Rect(clip) * ~zoom)
        ink = np.frombuffer(pixmap.samples, np.uint8).reshape(pixmap.height, pixmap.width, 4)[:, :, 3] > 128
        y, x = pixmap.y, pixmap.x
        seen = difference[max(0, y) : y + pixmap.height, max(0, x) : x + pixmap.width]
        ink = ink[max(0, -y) : max(0, -y) + seen.shape[0], max(0, -x) : max(0, -x) + seen.shape[1]]
        if not ink.any() or float((seen[ink] >= MIN_CONTRAST).mean()) < MIN_SHOWN_SHARE:
            return False
        return self.inks.largest_overlap(at, box) <= MAX_OVERLAP

    def _is_text(self, at: tuple[int, int, int], placed: Placed) -> bool:
        """Whether every sign of a paragraph is one of Unicode's own: nobody can type those of private use."""
        number, row, column = at
        shape = self.slide["shapes"][number]
        text = shape["text"] if row < 0 else shape["table"]["cells"][row][column]["text"]
        runs = text["paragraphs"][placed.number]["runs"]
        return not any(unicodedata.category(sign) in UNSPEAKABLE for run in runs for sign in run["text"])

    def _is_uncovered(self, number: int, shape: Mapping[str, Any]) -> bool:
        """Whether most points of its box lie on the slide, with nothing opaque drawn over them."""
        _, _, width, height = shape["box_pt"]
        steps = (np.arange(COVER_GRID) + 0.5) / COVER_GRID
        across, down = np.meshgrid(steps * width, steps * height)
        matrix = box_matrix(shape)
        x, y = across * matrix.a + down * matrix.c + matrix.e, across * matrix.b + down * matrix.d + matrix.f
        seen = (x >= 0) & (x <= self.size_pt[0]) & (y >= 0) & (y <= self.size_pt[1])
        for other in self.slide["shapes"][number + 1 :]:
            if is_sealed(other):
                seen &= ~_inside(x, y, corners(other))
        return float(seen.mean()) >= MIN_SEEN_SHARE


@dataclass
class _Inks:
    """The boxes of all paragraphs, to be compared at once."""

    known: list[tuple[tuple[int, int, int], Box]]

    def __post_init__(self) -> None:
        self.boxes = np.array([box for _, box in self.known], float).reshape(-1, 4)
        self.owners = np.array([at for at, _ in self.known]).reshape(-1, 3)

    def largest_overlap(self, at: tuple[int, int, int], box: Box) -> float:
        """The largest share of a box that one box of another text covers."""
        width = np.minimum(box[2], self.boxes[:, 2]) - np.maximum(box[0], self.boxes[:, 0])
        height = np.minimum(box[3], self.boxes[:, 3]) - np.maximum(box[1], self.boxes[:, 1])
        area = max(1e-9, (box[2] - box[0]) * (box[3] - box[1]))
        others = (self.owners != at).any(axis=1)
        return float((np.maximum(width, 0) * np.maximum(height, 0) / area * others).max(initial=0.0))


def with_fields(text: Mapping[str, Any], number: int) -> Mapping[str, Any]:
    """A text in which the field for the slide's number says the number."""
    if not any(run.get("field") == "slidenum" for paragraph in text["paragraphs"] for run in paragraph["runs"]):
        return text
    paragraphs = [
        {**paragraph, "runs": [{**run, "text": str(number)} if run.get("field") == "slidenum" else run for run in paragraph["runs"]]}
        for paragraph in text["paragraphs"]
    ]
    return {**text, "paragraphs": paragraphs}


def chart_model(chart: Mapping[str, Any]) -> Chart:
    """The chart as the drawing code takes it; stacks of shares as the shares."""
    values = [list(one["values"]) for one in chart["series"]]
    if chart["percent"]:
        totals = [sum(abs(value or 0.0) for value in column) for column in zip(*values, strict=True)]
        values = [[None if v is None or not t else 100 * v / t for v, t in zip(line, totals, strict=True)] for line in values]
    categories = list(chart["categories"])
    if chart["kind"] == "horizontal_bar":  # Office draws the first at the bottom
        categories, values = categories[::-1], [line[::-1] for line in values]
    named = zip(chart["series"], values, strict=True)
    series = tuple(Series(one["name"], tuple(line), tuple(one["x"]), tuple(one["sizes"])) for one, line in named)
    names = {key: " ".join(chart[key].split()) for key in ("title", "x_title", "y_title")}
    return Chart(chart["kind"], tuple(categories), series, **names, labels=chart["labels"], percent=chart["percent"])


def is_sealed(shape: Mapping[str, Any]) -> bool:
    """Whether nothing behind the shape's box can be seen, or too little to count."""
    if shape["kind"] in ("picture", "movie", "ole", "chart"):
        return True
    fill = shape.get("fill")
    if shape["kind"] in ("group", "other", "table", "connector") or fill is None or _is_empty_placeholder(shape):
        return False
    return fill["kind"] in SEALED and (fill["kind"] != "solid" or rgba(fill["color"])[3] > 0.9)


def contrast(one: str, other: str) -> float:
    """The largest difference of a channel, in 0..1."""
    return max(abs(a - b) for a, b in zip(rgba(one)[:3], rgba(other)[:3], strict=True))


def _is_empty_placeholder(shape: Mapping[str, Any]) -> bool:
    """A placeholder that nobody filled is not there when slides are shown."""
    text = shape.get("text")
    return bool(shape["placeholder"]) and not (text and any(paragraph["runs"] for paragraph in text["paragraphs"]))


def _pixels(pixmap: Any, width: int, height: int) -> np.ndarray:
    """Shapes: (height, width, 3) uint8; a pixmap that rounding made one pixel larger is cut."""
    whole = np.frombuffer(pixmap.samples, np.uint8).reshape(pixmap.height, pixmap.width, 3)[:height, :width]
    if whole.shape[:2] == (height, width):
        return whole
    return np.pad(whole, ((0, height - whole.shape[0]), (0, width - whole.shape[1]), (0, 0)), mode="edge")


def _joined(boxes: Sequence[Sequence[float]]) -> Box:
    return min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes)


def _inside(x: np.ndarray, y: np.ndarray, polygon: Sequence[tuple[float, float]]) -> np.ndarray:
    """Which points lie in a convex polygon."""
    sides = [(b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0]) > 0 for a, b in zip(polygon, [*polygon[1:], polygon[0]], strict=True)]
    return np.all(sides, axis=0) | ~np.any(sides, axis=0)
