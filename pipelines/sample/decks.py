"""Slide decks of several layouts whose content is known: titles, lists, tables with merged cells, charts, pictures, shapes, notes."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipelines.sample.documents import ZIP_DATE, undated
from pipelines.sample.lines import write_json
from schemas.identity import keyed_rng

PER_SIZE = 2
TRUTH = "deck_truth"  # beside `decks`, so that a folder of decks holds decks alone
THEMES: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    (
        "Harbour report",
        ("North quay", "South quay", "Dry dock", "Fish market"),
        ("Dredge the channel", "Mend the crane", "Paint the lights", "Count the ferries"),
    ),
    ("Library year", ("Old Town", "Station", "Hillside", "Harbour"), ("Longer hours", "New shelves", "A reading room", "Fewer fees")),
    ("Orchard plan", ("Apples", "Pears", "Plums", "Cherries"), ("Prune in March", "Water at night", "Pick by hand", "Press in October")),
    (
        "Railway survey",
        ("Valley line", "Coast line", "Night train", "Tram"),
        ("Renew the points", "Test the signals", "Clean the tunnels", "Train the crews"),
    ),
)
SHAPES = (("ellipse", "OVAL"), ("diamond", "DIAMOND"), ("hexagon", "HEXAGON"), ("right arrow", "RIGHT_ARROW"))
CHARTS = (("bar", "COLUMN_CLUSTERED"), ("line", "LINE_MARKERS"), ("pie", "PIE"), ("horizontal_bar", "BAR_CLUSTERED"))
CUT_SHARE = 0.6
BOMB_BYTES = 32 << 20  # of zeros, which the package says is a picture: 33 KB in the file


def make_decks(folder: Path, size: int, seed: int) -> None:
    """`decks/<n>.pptx`, what they say in `deck_truth/<n>.json`; and three that must be refused: cut, of before 2007, and a bomb."""
    for name in ("decks", TRUTH):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for number in range(PER_SIZE * size):
        rng = keyed_rng(seed, "sample.decks", str(number))
        data, truth = _deck(number, rng)
        (folder / "decks" / f"{number:03d}.pptx").write_bytes(data)
        write_json(folder / TRUTH / f"{number:03d}.json", truth)
    whole = (folder / "decks" / "000.pptx").read_bytes()
    (folder / "decks" / "cut.pptx").write_bytes(whole[: int(len(whole) * CUT_SHARE)])
    (folder / "decks" / "legacy.pptx").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504))
    (folder / "decks" / "bomb.pptx").write_bytes(_bomb(whole))


def _deck(number: int, rng: np.random.Generator) -> tuple[bytes, dict[str, Any]]:
    from pptx import Presentation

    deck = Presentation()
    name, places, points = THEMES[number % len(THEMES)]
    values = [int(value) for value in rng.permutation(np.arange(1, 10))[: len(places)] * 10]
    slides: list[dict[str, Any]] = []

    def add(layout: int, title: str, **known: Any) -> Any:
        slide = deck.slides.add_slide(deck.slide_layouts[layout])
        slide.shapes.title.text = title
        if "notes" in known:
            slide.notes_slide.notes_text_frame.text = known["notes"]
        slides.append({"title": title, **known})
        return slide

    opening = add(0, f"{name} {number + 1}", text=[f"Prepared for {places[0]}"], notes=f"Welcome everybody to report {number + 1}.")
    opening.placeholders[1].text = f"Prepared for {places[0]}"
    listing = add(1, "What we will do", bullets=list(points))
    listing.placeholders[1].text = "\n".join(points)
    _two_columns(add(3, "Now and later", columns=[list(points[:2]), list(points[2:])]), points)
    rows = [
        ["", "Plan", "Plan", "Done"],
        *([place, str(value), str(value + 5), str(value - 3)] for place, value in zip(places, values, strict=True)),
    ]
    _table(add(5, "Plan and work", table=rows), rows)
    kind, office = CHARTS[number % len(CHARTS)]
    chart = {"kind": kind, "categories": list(places), "series": {"Visits": values}}
    _chart(add(5, "Visits by place", chart=chart, notes=f"The largest is {places[values.index(max(values))]}."), office, places, values)
    _picture(add(5, "What it looks like", pictures=1), rng)
    shown = [SHAPES[(number + at) % len(SHAPES)] for at in range(3)]
    shapes = {shape: point for (shape, _), point in zip(shown, points, strict=False)}
    _shapes(add(5, "Three steps", shapes=shapes), shown, points)
    hidden = add(1, "Only for us", hidden=True, bullets=["Not shown", "Not asked"])
    hidden.placeholders[1].text = "Not shown\nNot asked"
    hidden._element.set("show", "0")
    deck.slides.add_slide(deck.slide_layouts[6])
    slides.append({"title": "", "empty": True})
    sink = io.BytesIO()
    deck.save(sink)
    return undated(sink.getvalue()), {"slides": slides}


def _two_columns(slide: Any, points: tuple[str, ...]) -> None:
    for place, column in ((1, points[:2]), (2, points[2:])):
        slide.placeholders[place].text = "\n".join(column)


def _table(slide: Any, rows: list[list[str]]) -> None:
    """The first row's second and third cell are merged."""
    from pptx.util import Inches

    table = slide.shapes.add_table(len(rows), len(rows[0]), Inches(1), Inches(1.8), Inches(8), Inches(3)).table
    for r, row in enumerate(rows):
        for c, text in enumerate(row):
            if (r, c) != (0, 2):
                table.cell(r, c).text = text
    table.cell(0, 1).merge(table.cell(0, 2))


def _chart(slide: Any, office: str, places: tuple[str, ...], values: list[int]) -> None:
    from pptx.chart.data import CategoryChartData
    from pptx.enum.chart import XL_CHART_TYPE
    from pptx.util import Inches

    data = CategoryChartData()
    data.categories = list(places)
    data.add_series("Visits", values)
    chart = slide.shapes.add_chart(getattr(XL_CHART_TYPE, office), Inches(1), Inches(1.8), Inches(8), Inches(5), data).chart
    chart.plots[0].has_data_labels = True
    chart.plots[0].data_labels.show_value = True


def _picture(slide: Any, rng: np.random.Generator) -> None:
    from pptx.util import Inches

    down, across = np.mgrid[0:90, 0:160]
    colours = rng.integers(40, 220, (2, 3))
    blend = (down / 90)[..., None] * colours[0] + (1 - down / 90)[..., None] * colours[1]
    blend[(across - 80) ** 2 + (down - 45) ** 2 < 900] = (250, 230, 120)
    sink = io.BytesIO()
    Image.fromarray(blend.astype(np.uint8)).save(sink, "PNG")
    slide.shapes.add_picture(io.BytesIO(sink.getvalue()), Inches(2.5), Inches(2.2), Inches(5))


def _shapes(slide: Any, shown: list[tuple[str, str]], points: tuple[str, ...]) -> None:
    from pptx.enum.shapes import MSO_SHAPE
    from pptx.util import Inches, Pt

    for at, ((_, office), point) in enumerate(zip(shown, points, strict=False)):
        shape = slide.shapes.add_shape(getattr(MSO_SHAPE, office), Inches(0.6 + 3.1 * at), Inches(2.6), Inches(2.7), Inches(2.2))
        shape.text_frame.text = point
        shape.text_frame.paragraphs[0].runs[0].font.size = Pt(14)


def _bomb(deck: bytes) -> bytes:
    """The deck with a part that inflates a thousand times."""
    sink = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(deck)) as old, zipfile.ZipFile(sink, "w") as new:
        new.writestr(zipfile.ZipInfo("[Content_Types].xml", ZIP_DATE), old.read("[Content_Types].xml"), zipfile.ZIP_DEFLATED)
        new.writestr(zipfile.ZipInfo("ppt/media/image1.png", ZIP_DATE), bytes(BOMB_BYTES), zipfile.ZIP_DEFLATED)
    return sink.getvalue()
