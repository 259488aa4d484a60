"""A PDF report and a slide deck whose texts are known."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

PARAGRAPH = (
    "The river was measured at five places during the dry season. At each place the depth, the width and the speed of the "
    "water were written down every morning, and the averages of a week are given in the table below."
)


def make_documents(folder: Path, size: int, seed: int) -> None:
    """`documents/report.pdf`, `documents/deck.pptx`, and beside each a JSON file with its texts. Size and seed change nothing."""
    del size, seed
    _make_pdf(folder / "documents")
    _make_deck(folder / "documents")


def _make_pdf(place: Path) -> None:
    import pymupdf

    document = pymupdf.open()
    pages = []
    for number in (1, 2, 3):
        page = document.new_page(width=595, height=842)
        texts = [("Water report", 40, 9), (f"Part {number}: the dry season", 90, 20), (f"Page {number}", 810, 9)]
        for text, y, size in texts:
            page.insert_text((60, y), text, fontsize=size)
        columns = [pymupdf.Rect(60, 120, 285, 400), pymupdf.Rect(310, 120, 535, 400)]
        for column in columns:
            page.insert_textbox(column, PARAGRAPH, fontsize=11)
        cells = [["Place", "Depth (m)"], ["Mill", f"{number}.2"], ["Bridge", f"{number}.7"]]
        for row, line in enumerate(cells):
            for column, cell in enumerate(line):
                box = pymupdf.Rect(60 + 120 * column, 430 + 24 * row, 180 + 120 * column, 454 + 24 * row)
                page.draw_rect(box)
                page.insert_text((box.x0 + 6, box.y1 - 8), cell, fontsize=11)
        pages.append({"heading": texts[1][0], "paragraphs": [PARAGRAPH, PARAGRAPH], "table": cells, "footer": texts[2][0]})
    document.set_metadata(
        {"title": "Water report", "producer": "corpusmill", "creationDate": "D:20260101000000Z", "modDate": "D:20260101000000Z"}
    )
    (place / "report.pdf").write_bytes(document.tobytes(no_new_id=True, deflate=True))
    (place / "report.json").write_text(json.dumps({"pages": pages}, indent=1))


def _make_deck(place: Path) -> None:
    from pptx import Presentation
    from pptx.util import Inches

    deck = Presentation()
    title = deck.slides.add_slide(deck.slide_layouts[0])
    title.shapes.title.text = "Water report"
    title.placeholders[1].text = "Five places, one season"
    bullets = deck.slides.add_slide(deck.slide_layouts[1])
    bullets.shapes.title.text = "What was measured"
    bullets.placeholders[1].text = "Depth\nWidth\nSpeed"
    table_slide = deck.slides.add_slide(deck.slide_layouts[5])
    table_slide.shapes.title.text = "Depth in metres"
    rows = [["Place", "Depth"], ["Mill", "1.2"], ["Bridge", "1.7"]]
    table = table_slide.shapes.add_table(3, 2, Inches(1), Inches(2), Inches(6), Inches(2)).table
    for r, line in enumerate(rows):
        for c, cell in enumerate(line):
            table.cell(r, c).text = cell
    bullets.notes_slide.notes_text_frame.text = "Say how the depth was taken."
    sink = io.BytesIO()
    deck.save(sink)
    _write_zip(place / "deck.pptx", sink.getvalue())
    slides = [["Water report", "Five places, one season"], ["What was measured", "Depth", "Width", "Speed"], ["Depth in metres"]]
    (place / "deck.json").write_text(json.dumps({"slides": slides, "tables": [rows], "notes": ["Say how the depth was taken."]}, indent=1))


def _write_zip(path: Path, data: bytes) -> None:
    """The same archive with one date for every member, so that its bytes do not tell when it was made."""
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in sorted(old.namelist(), key=lambda name: (name != "[Content_Types].xml", name)):
            content = old.read(name)
            if name == "docProps/core.xml":
                import re

                content = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", b"2026-01-01T00:00:00Z", content)
            new.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
