"""A PDF report and a slide deck whose texts are known."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path
from typing import Any

from pipelines.sample.lines import write_json
from processors.mupdf import pymupdf

PAGE_WIDTH, PAGE_HEIGHT, MARGIN = 595, 842, 60
TOPICS = (
    ("the dry season", "a rope with a weight", "low"),
    ("the rains", "a float on a chain", "high"),
    ("the frost", "an iron rod", "still"),
)
PLACES = ("Mill", "Bridge", "Weir")
ZIP_DATE = (2026, 1, 1, 0, 0, 0)
XML_DATE = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z?(?=<)")


def make_documents(folder: Path, size: int, seed: int) -> None:
    """`documents/report.pdf`, `documents/deck.pptx`, and beside each a JSON file with its texts. Size and seed change nothing."""
    del size, seed
    _make_pdf(folder / "documents")
    _make_deck(folder / "documents")


def _page_texts(number: int) -> dict[str, Any]:
    """What page `number` says, in reading order."""
    season, tool, state = TOPICS[number - 1]
    left = (
        f"During {season} the river was measured at three places. At each place the depth, the width and the speed of the "
        f"water were written down every morning before work began. The depth was taken with {tool}."
    )
    right = (
        f"The averages of a week are given in the table below. The water was {state} on most days, and the people at the mill "
        f"agreed that part {number} of the work was the hardest. Nothing was measured on Sundays."
    )
    table = [["Place", "Depth (m)", "Width (m)"]]
    table += [[place, f"{number}.{row + 2}", f"{10 * number + row}"] for row, place in enumerate(PLACES)]
    known = {"header": "Water report", "heading": f"Part {number}: {season}", "columns": [left, right]}
    return {**known, "table": table, "footer": f"Page {number} of {len(TOPICS)}"}


def _make_pdf(place: Path) -> None:
    document = pymupdf.open()
    pages = [_page_texts(number) for number in range(1, len(TOPICS) + 1)]
    for known in pages:
        page = document.new_page(width=PAGE_WIDTH, height=PAGE_HEIGHT)
        page.insert_text((MARGIN, 40), known["header"], fontsize=9)
        page.insert_text((MARGIN, 90), known["heading"], fontsize=20)
        for column, text in enumerate(known["columns"]):
            left = MARGIN + 250 * column
            if page.insert_textbox(pymupdf.Rect(left, 120, left + 225, 400), text, fontsize=11) < 0:
                raise RuntimeError(f"writing the sample's PDF: column {column} of {known['heading']!r} does not fit its box")
        for row, cells in enumerate(known["table"]):
            for column, cell in enumerate(cells):
                x, y = MARGIN + 120 * column, 430 + 24 * row
                page.draw_rect(pymupdf.Rect(x, y, x + 120, y + 24))
                page.insert_text((x + 6, y + 16), cell, fontsize=11)
        page.insert_text((MARGIN, 810), known["footer"], fontsize=9)
    dates = {"creationDate": "D:20260101000000Z", "modDate": "D:20260101000000Z"}
    document.set_metadata({"title": "Water report", "producer": "corpusmill", **dates})
    (place / "report.pdf").write_bytes(document.tobytes(no_new_id=True, deflate=True))
    write_json(place / "report.json", {"title": "Water report", "pages": pages})


def _make_deck(place: Path) -> None:
    from pptx import Presentation
    from pptx.chart.data import CategoryChartData
    from pptx.enum.chart import XL_CHART_TYPE
    from pptx.util import Inches

    rows = [["Place", "Depth"], ["Mill", "1.2"], ["Bridge", "1.7"], ["Weir", "2.1"]]
    chart = {"categories": list(PLACES), "series": {"Width in metres": [10, 14, 19]}}
    slides: list[dict[str, Any]] = [
        {"title": "Water report", "text": ["Three places, one season"], "notes": "Welcome everybody."},
        {"title": "What was measured", "text": ["Depth", "Width", "Speed"], "notes": "Say how the depth was taken."},
        {"title": "Depth in metres", "text": [], "table": rows, "notes": "The weir is the deepest place."},
        {"title": "Width in metres", "text": [], "chart": chart, "notes": "The weir is the widest place too."},
    ]
    deck = Presentation()
    for number, known in enumerate(slides):
        slide = deck.slides.add_slide(deck.slide_layouts[(0, 1, 5, 5)[number]])
        slide.shapes.title.text = known["title"]
        if known["text"]:
            slide.placeholders[1].text = "\n".join(known["text"])
        slide.notes_slide.notes_text_frame.text = known["notes"]
    area = (Inches(1), Inches(2), Inches(8), Inches(4))
    table = deck.slides[2].shapes.add_table(len(rows), 2, *area).table
    for r, line in enumerate(rows):
        for c, cell in enumerate(line):
            table.cell(r, c).text = cell
    data = CategoryChartData()
    data.categories = list(PLACES)
    for name, values in chart["series"].items():  # type: ignore[attr-defined]
        data.add_series(name, values)
    deck.slides[3].shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, *area, data)
    sink = io.BytesIO()
    deck.save(sink)
    (place / "deck.pptx").write_bytes(undated(sink.getvalue()))
    write_json(place / "deck.json", {"slides": slides})


def undated(data: bytes) -> bytes:
    """The same Office file with one date everywhere, so that its bytes do not tell when it was made.

    A chart carries a workbook, which is such a file itself.
    """
    sink = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(sink, "w") as new:
        for name in sorted(old.namelist(), key=lambda name: (name != "[Content_Types].xml", name)):
            content = old.read(name)
            if name == "docProps/core.xml":
                content = XML_DATE.sub(b"2026-01-01T00:00:00Z", content)
            elif name.endswith(".xlsx"):
                content = undated(content)
            new.writestr(zipfile.ZipInfo(name, ZIP_DATE), content, zipfile.ZIP_DEFLATED)
    return sink.getvalue()
