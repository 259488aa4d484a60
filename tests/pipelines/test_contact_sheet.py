"""The picture of rows: crop borders, content, boxes and times stand where they belong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from pipelines.contact_sheet import CONTENT, GRID, MARK, PANEL_WIDTH_PX, write_contact_sheet
from processors.image.crops import make_canvas
from processors.vision.marks import Mark, marks_fact, marks_of
from schemas.parts import Image, Text
from schemas.records import Conversation, Document, Origin, Turn


def row(width: int, height: int, marks: list[Mark] | None = None, count: int = 1) -> Conversation:
    canvas = make_canvas(np.full((height, width, 3), 200, np.uint8), 36)
    images = tuple(Image(canvas=canvas, num_tokens=1, time_s=number / 2) for number in range(count))
    turns = (Turn("user", (*images, Text("What is <this> & that?"))), Turn("assistant", (Text("مرحبا 你好"),), learned=True))
    return Conversation("key", Origin("made"), turns, dict(marks_fact(marks or [])))


def drawn(path: Path) -> np.ndarray:
    return np.asarray(PillowImage.open(path)).astype(int)


def places(pixels: np.ndarray, colour: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """The box (x0, y0, x1, y1) of all pixels of a colour."""
    ys, xs = np.nonzero((pixels == colour).all(axis=2))
    return int(xs.min()), int(ys.min()), int(xs.max()), int(ys.max())


def test_crops_content_and_boxes_lie_where_they_are(tmp_path: Path) -> None:
    """448 x 224 px of content on a canvas of one crop, shown at full size below a margin of 24 px."""
    mark = Mark(0, 0.25, 0.5, 0.75, 1.0)
    assert marks_of(row(448, 224, [mark])) == [mark]
    assert write_contact_sheet([row(448, 224, [mark])], tmp_path / "a.png", "made") == 1
    pixels = drawn(tmp_path / "a.png")
    assert pixels.shape[1] == PANEL_WIDTH_PX + 24
    assert places(pixels, MARK) == (24 + 112, 24 + 112, 24 + 336, 24 + 224)
    assert places(pixels, GRID) == (24, 24, 24 + 447, 24 + 447)
    assert places(pixels, CONTENT)[2:] == (24 + 446, 24 + 223)  # its right edge lies under the border of the canvas


def test_every_kind_of_row_is_drawn(tmp_path: Path) -> None:
    rows = [row(2000, 1200), row(320, 240, count=20), Document("d", Origin("made"), "words " * 5_000)]
    assert write_contact_sheet(rows, tmp_path / "a.png", "made", ["image.marks"]) == 3
    assert drawn(tmp_path / "a.png").shape[0] > 1_000


def test_nothing_to_show_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="made has no row to show"):
        write_contact_sheet([], tmp_path / "a.png", "made")
