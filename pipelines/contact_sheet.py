"""Rows of a corpus as one picture: what the model sees of each image, and beside it what it reads and learns.

Over each canvas lie the borders of its crops, a line around its content (what is outside is padding), and the boxes that
the row's facts tell. Frames of a video carry their times. Text is laid out by PyMuPDF, whose fonts cover most scripts.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from pipelines.report.pictures import image_label, overlay_of, shrunk
from processors.image.encode import decode_canvas
from processors.mupdf import pymupdf
from processors.vision.marks import Mark, marks_of
from schemas.parts import Audio, Image, Text, ToolCall, ToolResult, Tools
from schemas.records import Document, Record, images_of, turns_of

PANEL_WIDTH_PX, GAP_PX = 1_600, 12
PICTURES_WIDTH_PX = 900  # the left part of a panel
ONE_HEIGHT_PX = 700  # of a single picture; several share the width
MAX_PICTURES = 64
MAX_TEXT_CHARS = 6_000
GRID, CONTENT, MARK = (255, 0, 160), (0, 140, 255), (0, 170, 60)
FACT_PREFIXES = ("answer.how", "contract.num_tokens", "contract.num_image_tokens")


def write_contact_sheet(records: Iterable[Record], path: Path, name: str, facts: Sequence[str] = ()) -> int:
    """Writes a PNG with a panel a record, one above the other; gives their number. `facts` are shown beside the text.

    Raises: ValueError when there is no record to show.
    """
    panels = [_panel(record, name, facts) for record in records]
    if not panels:
        raise ValueError(f"{name} has no row to show")
    height = sum(panel.height + GAP_PX for panel in panels) + GAP_PX
    sheet = PillowImage.new("RGB", (PANEL_WIDTH_PX + 2 * GAP_PX, height), (225, 228, 232))
    top = GAP_PX
    for panel in panels:
        sheet.paste(panel, (GAP_PX, top))
        top += panel.height + GAP_PX
    sheet.save(path, "PNG")
    return len(panels)


def _panel(record: Record, name: str, facts: Sequence[str]) -> PillowImage.Image:
    images = list(images_of(record))
    pictures = _pictures(images, marks_of(record)) if images else None
    text_width = PANEL_WIDTH_PX - (PICTURES_WIDTH_PX if pictures else 0) - 3 * GAP_PX
    text = _text_picture(_html_of(record, name, facts), text_width)
    height = max(text.height, pictures.height if pictures else 0) + 2 * GAP_PX
    panel = PillowImage.new("RGB", (PANEL_WIDTH_PX, height), "white")
    if pictures:
        panel.paste(pictures, (GAP_PX, GAP_PX))
    panel.paste(text, (PANEL_WIDTH_PX - text_width - GAP_PX, GAP_PX))
    return panel


def _pictures(images: Sequence[Image], marks: Sequence[Mark]) -> PillowImage.Image:
    """The canvases of a record in rows; one fills the width, many share it."""
    shown = list(images[:MAX_PICTURES])
    columns = 1 if len(shown) == 1 else 2 if len(shown) <= 4 else 4 if len(shown) <= 16 else 8
    width = PICTURES_WIDTH_PX // columns - 4
    height = ONE_HEIGHT_PX if columns == 1 else width
    tiles = [
        _tile(image, [mark for mark in marks if mark.image == number], number, len(images), width, height)
        for number, image in enumerate(shown)
    ]
    rows = [tiles[start : start + columns] for start in range(0, len(tiles), columns)]
    heights = [max(tile.height for tile in row) + 4 for row in rows]
    whole = PillowImage.new("RGB", (PICTURES_WIDTH_PX, sum(heights)), "white")
    top = 0
    for row, row_height in zip(rows, heights, strict=True):
        for column, tile in enumerate(row):
            whole.paste(tile, (column * (width + 4), top))
        top += row_height
    return whole


def _tile(image: Image, marks: Sequence[Mark], number: int, num_images: int, width: int, height: int) -> PillowImage.Image:
    """One canvas, shrunk into the place, with its lines drawn after shrinking so that they stay thin."""
    assert image.canvas is not None
    pixels = decode_canvas(image.canvas).pixels
    assert pixels is not None
    overlay = overlay_of(image.canvas, marks)
    tile, scale = shrunk(pixels, width, height)
    draw = ImageDraw.Draw(tile)
    for column in overlay.columns:
        draw.line((column * scale, 0, column * scale, tile.height), fill=GRID)
    for row in overlay.rows:
        draw.line((0, row * scale, tile.width, row * scale), fill=GRID)
    draw.rectangle((0, 0, overlay.content_width * scale - 1, overlay.content_height * scale - 1), outline=CONTENT)
    draw.rectangle((0, 0, tile.width - 1, tile.height - 1), outline=GRID)
    font = ImageFont.load_default(13)
    for box in overlay.boxes:
        x0, y0, x1, y1 = (side * scale for side in (box.x0, box.y0, box.x1, box.y1))
        draw.rectangle((x0, y0, max(x0, x1), max(y0, y1)), outline=MARK, width=2)
        if box.label:
            draw.text((x0 + 2, max(0, y0 - 14)), box.label[:40].encode("latin-1", "replace").decode("latin-1"), fill=MARK, font=font)
    label = image_label(number, num_images, image)
    if label:
        draw.text((4, 2), label, fill=(255, 255, 0), font=font, stroke_width=2, stroke_fill=(0, 0, 0))
    return tile


def _html_of(record: Record, name: str, facts: Sequence[str]) -> str:
    """The record's text: head, turns (what is learned in colour), facts."""
    images = list(images_of(record))
    crops = ", ".join(f"{c}x{r}" for c, r in dict.fromkeys(image.canvas.grid for image in images if image.canvas is not None))
    head = (
        f"<b>{html.escape(name)}</b> {html.escape(record.key)}<br/>{html.escape(record.origin.source)} {html.escape(record.origin.locator)}"
    )
    if images:
        head += f"<br/>{len(images)} image(s), crops {crops}, {sum(image.num_tokens or 0 for image in images):,} image tokens"
    parts = [f"<p style='color:#555'>{head}</p>"]
    left = MAX_TEXT_CHARS
    for role, text, learned in _texts(record):
        shown = text if len(text) <= left else f"{text[:left]}... ({len(text):,} characters)"
        left = max(200, left - len(text))
        colour = "#063" if learned else "#000"
        body = html.escape(shown).replace("\n", "<br/>")
        parts.append(f"<p style='color:{colour}'><b>{role}{' (learned)' if learned else ''}</b><br/>{body}</p>")
    told = [f"{fact} = {value}" for fact, value in sorted(record.facts.items()) if fact in (*FACT_PREFIXES, *facts)]
    parts.append("<p style='color:#777'>" + "<br/>".join(html.escape(str(line))[:400] for line in told) + "</p>")
    return "".join(parts)


def _texts(record: Record) -> Iterator[tuple[str, str, bool]]:
    if isinstance(record, Document):
        yield "document", record.text, True
    for turn in turns_of(record):
        yield turn.role, "".join(_part_text(part) for part in turn.parts), turn.learned


def _part_text(part: object) -> str:
    if isinstance(part, Text):
        return part.text
    if isinstance(part, Image):
        return "[image] "
    if isinstance(part, Audio):
        return "[audio] "
    if isinstance(part, Tools):
        return f"[tools] {part.definitions}"
    if isinstance(part, ToolCall):
        return f"{part.name}({part.arguments})"
    return part.content if isinstance(part, ToolResult) else ""


def _text_picture(source: str, width_px: int) -> PillowImage.Image:
    """HTML as a picture, as high as its text."""
    document = pymupdf.open()
    limit = 14_000  # a page's own limit is 14,400 points
    page = document.new_page(width=width_px, height=limit)
    css = "* {font-family: sans-serif; font-size: 12px;} p {margin: 0 0 6px 0;}"
    spare, _ = page.insert_htmlbox(pymupdf.Rect(0, 0, width_px, limit), source, css=css, scale_low=0)
    used = min(limit, int(limit - max(0.0, spare)) + 8)
    pixels = page.get_pixmap(clip=pymupdf.Rect(0, 0, width_px, used), alpha=False)
    return PillowImage.frombytes("RGB", (pixels.width, pixels.height), pixels.samples)
