"""Image files decoded in a child process: Pillow and the C libraries inside it meet bytes that nobody has checked."""

from __future__ import annotations

import dataclasses

import numpy as np

from processors.guard import TOO_COSTLY, Answer, Limits, guarded
from processors.image.decode import DECODE_REASONS, MAX_PIXELS, DecodedImage, decode_image

GUARDED_REASONS = (*DECODE_REASONS, TOO_COSTLY)
LIMITS = Limits(cpu_s=120.0, memory_bytes=6 << 30)  # 100 megapixels of 32-bit samples take 2 GiB and some seconds


def guarded_image(data: bytes, *, max_pixels: int = MAX_PIXELS) -> DecodedImage:
    """`decode_image` in a child process. Shapes: pixels (H, W, 3) uint8, read only.

    Raises:
        Refused: one of GUARDED_REASONS.
        ValueError: `max_pixels` outside 1..178,956,970.
    """
    answer, (plane,) = guarded(decode_request, {"max_pixels": max_pixels}, [data], LIMITS)
    shape = answer.pop("shape")
    return DecodedImage(pixels=np.frombuffer(plane, np.uint8).reshape(shape), **answer)


def decode_request(request: dict[str, int], blobs: list[bytes]) -> Answer:
    """What the child answers: all that is known of the image but its pixels, and the pixels."""
    image = decode_image(blobs[0], max_pixels=request["max_pixels"])
    told = {field.name: getattr(image, field.name) for field in dataclasses.fields(image) if field.name != "pixels"}
    return {**told, "shape": image.pixels.shape}, [np.ascontiguousarray(image.pixels).reshape(-1).data]
