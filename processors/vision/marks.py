"""Boxes that a row's facts tell, in one form, so that whoever looks at a row can draw them where they are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from schemas.facts import Fact
from schemas.parts import Canvas
from schemas.records import Record

MARKS = Fact(
    "image.marks",
    str,
    "JSON list of [image number, x0, y0, x1, y1, label]: boxes as shares of an image's width and height, exact; empty when none are known",
)


@dataclass(frozen=True, slots=True)
class Mark:
    """A box on image number `image` of the record, as shares (0..1) of the image's width and height, oriented and unpadded."""

    image: int
    x0: float
    y0: float
    x1: float
    y1: float
    label: str = ""

    def on_canvas(self, canvas: Canvas) -> tuple[float, float, float, float]:
        """The box in px of the canvas, whose top-left part the image fills."""
        width, height = canvas.content_width, canvas.content_height
        return self.x0 * width, self.y0 * height, self.x1 * width, self.y1 * height


def marks_fact(marks: Sequence[Mark]) -> dict[str, str]:
    """The fact of a record with these boxes."""
    listed = [[mark.image, mark.x0, mark.y0, mark.x1, mark.y1, mark.label] for mark in marks]
    return {MARKS.name: json.dumps(listed, ensure_ascii=False) if listed else ""}


def marks_of(record: Record) -> list[Mark]:
    """The boxes that a record's facts tell."""
    told = record.facts.get(MARKS.name) or "[]"
    return [Mark(*values) for values in json.loads(str(told))]
