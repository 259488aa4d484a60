"""Image steps of a recipe: decode, cap the side, keep by size, multi-crop canvas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from PIL import Image as PillowImage

from processors.image.crops import EXTREME_ASPECT, canvas_plan, make_canvas
from processors.image.decode import DECODE_REASONS, MAX_PIXELS, DecodedImage, decode_image
from schemas.facts import Fact
from schemas.outcome import Reason, Refused, Reject
from schemas.parts import Image
from schemas.records import Conversation, images_of, map_parts, with_facts

WIDTH = Fact("image.width_px", int, "Width of the (first) image, upright, before any resize")
HEIGHT = Fact("image.height_px", int, "Height of the (first) image, upright, before any resize")
FORMAT = Fact("image.format", str, "File format of the (first) image")
NUM_IMAGES = Fact("image.num_images", int, "Images of the row")
NUM_CROPS = Fact("image.num_crops", int, "Crops of the row's images, global views included")

TOO_SMALL = Reason("too_small", "A side of the image is shorter than asked for")


def _change_images(record: Conversation, change: Callable[[Image], Image]) -> Conversation | Reject:
    try:
        return replace(record, turns=map_parts(record.turns, {Image: change}))
    except Refused as refused:
        return Reject(record.key, refused.reason.name, refused.detail)


@dataclass(frozen=True, slots=True)
class DecodeImage:
    """Every image with source bytes becomes upright sRGB pixels; the bytes are dropped unless `keep_source`."""

    max_pixels: int = MAX_PIXELS
    keep_source: bool = False
    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = (WIDTH, HEIGHT, FORMAT, NUM_IMAGES)
    reasons: ClassVar = DECODE_REASONS
    version: ClassVar = 1

    def __call__(self, record: Conversation) -> Conversation | Reject:
        seen: list[DecodedImage] = []

        def decode(image: Image) -> Image:
            if image.source is None or image.pixels is not None:
                return image
            seen.append(decode_image(image.source, max_pixels=self.max_pixels))
            return replace(image, pixels=seen[-1].pixels, source=image.source if self.keep_source else None)

        changed = _change_images(record, decode)
        if isinstance(changed, Reject) or not seen:
            return changed
        height, width = seen[0].pixels.shape[:2]
        facts = {WIDTH.name: width, HEIGHT.name: height, FORMAT.name: seen[0].format, NUM_IMAGES.name: len(list(images_of(changed)))}
        return with_facts(changed, facts)


@dataclass(frozen=True, slots=True)
class CapSide:
    """Makes an image smaller, never larger, so that no side exceeds `max_side_px`; its shape is kept."""

    max_side_px: int = 1344
    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = ()
    reasons: ClassVar = ()
    version: ClassVar = 1

    def __call__(self, record: Conversation) -> Conversation | Reject:
        return _change_images(record, self._cap)

    def _cap(self, image: Image) -> Image:
        if image.pixels is None or max(image.pixels.shape[:2]) <= self.max_side_px:
            return image
        height, width = image.pixels.shape[:2]
        ratio = self.max_side_px / max(height, width)
        size = (max(1, round(width * ratio)), max(1, round(height * ratio)))
        return replace(image, pixels=np.asarray(PillowImage.fromarray(image.pixels).resize(size, PillowImage.Resampling.BILINEAR)))


@dataclass(frozen=True, slots=True)
class KeepImageSize:
    """Keeps rows whose images all have sides of `min_side_px` or more."""

    min_side_px: int
    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = ()
    reasons: ClassVar = (TOO_SMALL,)
    version: ClassVar = 1

    def __call__(self, record: Conversation) -> Conversation | Reject:
        for image in images_of(record):
            if image.pixels is not None and min(image.pixels.shape[:2]) < self.min_side_px:
                height, width = image.pixels.shape[:2]
                return Reject(record.key, TOO_SMALL.name, f"{width}x{height} px, expected {self.min_side_px} or more a side")
        return record


@dataclass(frozen=True, slots=True)
class MakeCanvas:
    """Pixels become a multi-crop canvas with its exact token count; the pixels are dropped unless `keep_pixels`."""

    max_crops: int = 16
    keep_pixels: bool = False
    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = (NUM_CROPS,)
    reasons: ClassVar = (EXTREME_ASPECT,)
    version: ClassVar = 1

    def __call__(self, record: Conversation) -> Conversation | Reject:
        def lay(image: Image) -> Image:
            if image.pixels is None:
                return image
            canvas = make_canvas(image.pixels, self.max_crops)
            return replace(
                image, canvas=canvas, num_tokens=canvas_plan(canvas).num_tokens, pixels=image.pixels if self.keep_pixels else None
            )

        changed = _change_images(record, lay)
        if isinstance(changed, Reject):
            return changed
        crops = sum(canvas_plan(image.canvas).num_crops for image in images_of(changed) if image.canvas is not None)
        return with_facts(changed, {NUM_CROPS.name: crops})
