"""Images of a row as the model sees them, and what lies over them: crop borders, content, boxes, frame times.

The overlay is told once, in px of the canvas; a page draws it as SVG, the contact sheet as pixels.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from PIL import Image as PillowImage

from pipelines.report.markup import EMPTY, LEFT_OUT, Budget, folded, join, number_of
from processors.image.crops import global_view
from processors.image.encode import decode_canvas
from processors.vision.marks import Mark
from schemas.parts import CROP, Canvas, Image

MAX_SIDE_PX = 900  # of a single picture; several get less
MAX_IMAGES = 12  # of a row
MAX_MARKS = 150  # on an image
MAX_LABEL_CHARS = 60
WEBP_QUALITY = 80
LAYERS = {"grid": "crop grid", "content": "content boundary", "boxes": "boxes", "times": "frame times"}


@dataclass(frozen=True, slots=True)
class Box:
    """A box on a canvas. Units: px of the canvas."""

    x0: float
    y0: float
    x1: float
    y1: float
    label: str


@dataclass(frozen=True, slots=True)
class Overlay:
    """What lies over a canvas of `width` x `height`. `columns` and `rows` are where crops meet, borders left out. Units: px of the canvas."""

    width: int
    height: int
    columns: tuple[int, ...]
    rows: tuple[int, ...]
    content_width: int
    content_height: int
    boxes: tuple[Box, ...]


def overlay_of(canvas: Canvas, marks: Sequence[Mark]) -> Overlay:
    """The overlay of a canvas; `marks` are those of its image."""
    columns, rows = canvas.grid
    return Overlay(
        CROP * columns,
        CROP * rows,
        tuple(CROP * number for number in range(1, columns)),
        tuple(CROP * number for number in range(1, rows)),
        canvas.content_width,
        canvas.content_height,
        tuple(Box(*mark.on_canvas(canvas), mark.label) for mark in marks),
    )


def shrunk(pixels: np.ndarray, max_width_px: int, max_height_px: int) -> tuple[PillowImage.Image, float]:
    """A picture that fits, never enlarged, and by how much it was scaled. Shapes: pixels (H, W, 3) uint8."""
    height, width = pixels.shape[:2]
    scale = min(max_width_px / width, max_height_px / height, 1.0)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return PillowImage.fromarray(pixels).resize(size, PillowImage.Resampling.BOX), scale


def image_label(number: int, num_images: int, image: Image) -> str:
    """An image's number, where there are several, and its time, where it has one."""
    told = ([f"{number + 1}"] if num_images > 1 else []) + ([f"{image.time_s:.3f} s"] if image.time_s is not None else [])
    return " ".join(told)


def pictures_html(images: Sequence[Image], marks: Sequence[Mark], budget: Budget) -> Markup:
    """The images of a row with their overlays, controls that hide a layer each, and the global view of the first."""
    shown = spread_over(len(images), MAX_IMAGES)
    side = MAX_SIDE_PX if len(shown) == 1 else 448 if len(shown) <= 4 else 300
    used: set[str] = set()
    figures = []
    for number in shown:
        image = images[number]
        assert image.canvas is not None
        overlay = overlay_of(image.canvas, [mark for mark in marks if mark.image == number])
        label = image_label(number, len(images), image)
        used |= _layers(overlay, label)
        figures.append(_figure(image, overlay, number, label, side, budget))
    controls = join(
        Markup('<label><input type="checkbox" data-layer="{}" checked> {}</label>').format(layer, title)
        for layer, title in LAYERS.items()
        if layer in used
    )
    note = f"{len(shown)} of {len(images)} images are shown, evenly spread." if len(shown) < len(images) else ""
    return Markup(
        '<div class="example-pictures"><fieldset class="example-layers"><legend>Show</legend>{}</fieldset>{}'
        '<div class="example-strip" data-count="{}">{}</div>{}</div>'
    ).format(controls, _note(note), len(shown), join(figures), _global_view(images[shown[0]], budget))


def spread_over(num: int, most: int) -> list[int]:
    """Up to `most` of the places 0..num-1, evenly spread, the first and the last among them."""
    if num <= most:
        return list(range(num))
    return [round(place * (num - 1) / (most - 1)) for place in range(most)]


def _note(text: str) -> Markup:
    return Markup('<p class="example-note">{}</p>').format(text) if text else EMPTY


def _layers(overlay: Overlay, label: str) -> set[str]:
    return {"grid", "content"} | ({"boxes"} if overlay.boxes else set()) | ({"times"} if label else set())


def _figure(image: Image, overlay: Overlay, number: int, label: str, side: int, budget: Budget) -> Markup:
    caption = (
        f"Image {number + 1}: {len(overlay.columns) + 1} \u00d7 {len(overlay.rows) + 1} crops, content {overlay.content_width} \u00d7 "
        f"{overlay.content_height} px, {image.num_tokens or 0:,} tokens"
    )
    caption += f", at {image.time_s:.3f} s" if image.time_s is not None else ""
    caption += f", {number_of(len(overlay.boxes), 'box')}" if overlay.boxes else ""
    caption += f" ({MAX_MARKS} are drawn)" if len(overlay.boxes) > MAX_MARKS else ""
    uri, lines = None, _svg(overlay, label)
    if not budget.skips() and budget.holds(lines):
        assert image.canvas is not None
        pixels = decode_canvas(image.canvas).pixels
        assert pixels is not None
        uri = budget.media("image/webp", webp(shrunk(pixels, side, side)[0]))
    if uri is None:
        return Markup('<figure class="example-picture">{}<figcaption>{}</figcaption></figure>').format(LEFT_OUT, caption)
    return Markup(
        '<figure class="example-picture" style="max-width:{}px"><div class="example-canvas"><img src="{}" width="{}" height="{}" alt="{}">'
        "{}</div><figcaption>{}</figcaption></figure>"
    ).format(min(side, overlay.width), uri, overlay.width, overlay.height, f"What the model sees of image {number + 1}", lines, caption)


def _svg(overlay: Overlay, label: str) -> Markup:
    """The overlay, stretched over the picture: its coordinates are px of the canvas."""
    width, height = overlay.width, overlay.height
    font = max(width, height) / (36 if width > CROP else 24)
    lines = [(x, 0, x, height) for x in overlay.columns] + [(0, y, width, y) for y in overlay.rows]
    grid = join(Markup('<line x1="{}" y1="{}" x2="{}" y2="{}"/>').format(*line) for line in lines)
    boxes = join(_box(box, font) for box in overlay.boxes[:MAX_MARKS])
    content = Markup('<rect x="0" y="0" width="{}" height="{}"/>').format(overlay.content_width, overlay.content_height)
    time = Markup('<text x="{}" y="{}">{}</text>').format(_px(font / 3), _px(font * 1.1), label) if label else EMPTY
    frame = Markup('<rect x="0" y="0" width="{}" height="{}"/>').format(width, height)
    return Markup(
        '<svg viewBox="0 0 {} {}" aria-hidden="true" focusable="false" font-size="{}"><g class="layer-grid">{}{}</g>'
        '<g class="layer-content">{}</g><g class="layer-boxes">{}</g><g class="layer-times">{}</g></svg>'
    ).format(width, height, _px(font), frame, grid, content, boxes, time)


def _box(box: Box, font: float) -> Markup:
    x0, x1 = sorted((box.x0, box.x1))
    y0, y1 = sorted((box.y0, box.y1))
    rect = Markup('<rect x="{}" y="{}" width="{}" height="{}"/>').format(_px(x0), _px(y0), _px(x1 - x0), _px(y1 - y0))
    if not box.label:
        return rect
    below = y0 < font * 1.2  # no room above
    at = y0 + font if below else y0 - font / 4
    return rect + Markup('<text x="{}" y="{}">{}</text>').format(_px(x0 + font / 6), _px(at), box.label[:MAX_LABEL_CHARS])


def _px(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def webp(image: PillowImage.Image) -> bytes:
    """The picture as WebP."""
    sink = io.BytesIO()
    image.save(sink, "WEBP", quality=WEBP_QUALITY)
    return sink.getvalue()


def model_view(canvas: Canvas) -> np.ndarray:
    """The global view, which the model gets beside the crops. Shapes: (448, 448, 3) uint8; what leaves [0, 255] is cut there."""
    pixels = decode_canvas(canvas).pixels
    assert pixels is not None
    planes = np.pad(pixels, ((1, 1), (1, 1), (0, 0)), mode="edge").transpose(2, 0, 1)
    view = global_view(planes).transpose(1, 2, 0) * 127.5 + 127.5
    return np.clip(np.round(view), 0, 255).astype(np.uint8)


def _global_view(image: Image, budget: Budget) -> Markup:
    """The global view of an image, folded."""
    assert image.canvas is not None
    columns, rows = image.canvas.grid
    uri = None if budget.skips() else budget.media("image/webp", webp(PillowImage.fromarray(model_view(image.canvas))))
    picture = LEFT_OUT if uri is None else Markup('<img src="{}" width="448" height="448" alt="The global view">').format(uri)
    return folded(
        "Global view, as the model sees it",
        Markup(
            "<p class='example-note'>The whole canvas of {} \u00d7 {} crops in 448 \u00d7 448 px; the model gets it beside the crops.</p>{}"
        ).format(columns, rows, picture),
    )
