"""Notes of every canvas that a build in this process makes: size of the picture, most crops, and what it costs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from processors.image import steps
from processors.image.crops import canvas_plan

Made = tuple[int, int, int, int, int, int]  # width, height, most crops, then tokens and the canvas's height and width


@contextmanager
def noted() -> Iterator[set[Made]]:
    """The canvases that are made inside the block."""
    found: set[Made] = set()
    make = steps._make_canvas

    def note(pixels: Any, max_crops: int) -> Any:
        canvas = make(pixels, max_crops)
        plan = canvas_plan(canvas)
        found.add((pixels.shape[1], pixels.shape[0], max_crops, plan.num_tokens, *plan.image_size))
        return canvas

    steps._make_canvas = note
    try:
        yield found
    finally:
        steps._make_canvas = make
