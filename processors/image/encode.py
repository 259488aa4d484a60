"""A canvas as a lossless PNG, the form in which shards keep it."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from PIL import Image as PillowImage

from processors.once import once
from schemas.parts import Canvas, Image
from schemas.records import Conversation, Preference, map_parts

COMPRESS_LEVEL = 1  # canvases are photos: higher levels cost 3-10 times the seconds for a few per cent of the bytes


def encode_canvas(canvas: Canvas) -> Canvas:
    """The canvas with its PNG in place of its pixels."""
    if canvas.encoded is not None:
        return canvas
    assert canvas.pixels is not None
    sink = io.BytesIO()
    PillowImage.fromarray(canvas.pixels).save(sink, "PNG", compress_level=COMPRESS_LEVEL)
    return replace(canvas, pixels=None, encoded=sink.getvalue())


_encode_canvas = once(encode_canvas)


def decode_canvas(canvas: Canvas) -> Canvas:
    """The canvas with its pixels in place of its PNG. Shapes: pixels (TH, TW, 3) uint8."""
    if canvas.pixels is not None:
        return canvas
    assert canvas.encoded is not None
    with PillowImage.open(io.BytesIO(canvas.encoded), formats=["PNG"]) as image:
        return replace(canvas, pixels=np.asarray(image if image.mode == "RGB" else image.convert("RGB")), encoded=None)


@dataclass(frozen=True, slots=True)
class EncodeCanvas:
    """Encodes every canvas of a record, so that only compressed bytes wait in memory for their shard."""

    takes: ClassVar = (Conversation, Preference)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = ()
    reasons: ClassVar = ()
    version: ClassVar = 1

    def __call__(self, record: Any) -> Any:
        def encode(image: Image) -> Image:
            return image if image.canvas is None else replace(image, canvas=_encode_canvas(image.canvas))

        return map_parts(record, {Image: encode})
