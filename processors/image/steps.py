"""Image steps of a recipe: bytes to pixels, pixels to canvas; sizes are capped or refused on the way.

Order in a recipe: DecodeImage, KeepImageSize, CapSide, MakeCanvas. Images of videos and slides come with pixels and skip
the first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, TypeVar

import numpy as np
from PIL import Image as PillowImage

from processors.image.crops import EXTREME_ASPECT, MAX_CROPS_PRETRAINING, canvas_plan, make_canvas
from processors.image.decode import MAX_PIXELS, PILLOW_MAX_PIXELS, DecodedImage
from processors.image.guarded import GUARDED_REASONS, guarded_image
from processors.once import once
from schemas.facts import Fact, Limit, Where
from schemas.outcome import Reason, Refused, Reject
from schemas.parts import Image
from schemas.records import Conversation, Preference, images_of, map_parts, with_facts

WIDTH = Fact("image.width_px", int, "Width of the first image, oriented, before any resize; 0 without images")
HEIGHT = Fact("image.height_px", int, "Height of the first image, oriented, before any resize; 0 without images")
FORMAT = Fact("image.format", str, "File format of the first image as Pillow names it; empty when it came as pixels")
NUM_IMAGES = Fact("image.num_images", int, "Images of the record")
NUM_WARNINGS = Fact("image.num_warnings", int, "Warnings of the image decoder over all images of the record")
ICC_IGNORED = Fact("image.icc_ignored", bool, "Some image has a colour profile that is unusable, and was read as sRGB")
NUM_CROPS = Fact("image.num_crops", int, "Crops of all images, global views included")
NUM_TOKENS = Fact("image.num_tokens", int, "Tokens of all images")

TOO_SMALL = Reason("too_small", "A side of an image is shorter than asked for")

PRETRAINING_MAX_SIDE_PX = 1344  # images are capped to 1344 x 1344 in vision pre-training (arXiv 2503.01743)

R = TypeVar("R", Conversation, Preference)
decode_once = once(guarded_image)  # the questions about one image share its bytes
_make_canvas = once(make_canvas)


def _pixels(image: Image, step: str) -> np.ndarray:
    if image.pixels is None:
        raise ValueError(f"an image reaches {step} without pixels; the recipe lacks DecodeImage before it")
    return image.pixels


@dataclass(frozen=True, slots=True)
class DecodeImage:
    """Gives pixels to every image that has bytes alone; the bytes are dropped unless `keep_source`."""

    max_pixels: int = MAX_PIXELS
    keep_source: bool = False
    takes: ClassVar = (Conversation, Preference)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = (WIDTH, HEIGHT, FORMAT, NUM_IMAGES, NUM_WARNINGS, ICC_IGNORED)
    reasons: ClassVar[tuple[Reason, ...]] = GUARDED_REASONS
    version: ClassVar = 1

    def __post_init__(self) -> None:
        if not 1 <= self.max_pixels <= PILLOW_MAX_PIXELS:
            raise ValueError(f"max_pixels is {self.max_pixels}, expected 1 to {PILLOW_MAX_PIXELS}")

    def __call__(self, record: R) -> R | Reject:
        decoded: list[DecodedImage | None] = []

        def decode(image: Image) -> Image:
            if image.source is None or image.pixels is not None:
                decoded.append(None)
                return image
            done = decode_once(image.source, max_pixels=self.max_pixels)
            decoded.append(done)
            return replace(image, pixels=done.pixels, source=image.source if self.keep_source else None)

        try:
            record = map_parts(record, {Image: decode})
        except Refused as refused:
            return Reject(record.key, refused.reason.name, f"image {len(decoded)}: {refused.detail}", facts=refused.facts)
        first = next(iter(images_of(record)), None)
        height, width = first.pixels.shape[:2] if first is not None and first.pixels is not None else (0, 0)
        read = [done for done in decoded if done is not None]
        facts = {
            WIDTH.name: width,
            HEIGHT.name: height,
            FORMAT.name: decoded[0].format if decoded and decoded[0] is not None else "",
            NUM_IMAGES.name: len(decoded),
            NUM_WARNINGS.name: sum(done.num_warnings for done in read),
            ICC_IGNORED.name: any(done.icc_ignored for done in read),
        }
        return with_facts(record, facts)


@dataclass(frozen=True, slots=True)
class KeepImageSize:
    """Keeps records whose images all measure `min_side_px` or more on both sides."""

    min_side_px: int
    takes: ClassVar = (Conversation, Preference)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = ()
    reasons: ClassVar = (TOO_SMALL,)
    version: ClassVar = 1

    @property
    def bounds(self) -> tuple[Limit, ...]:
        """Of the first image; another one may be the small one."""
        shown = (Where(WIDTH, least=1),)
        return tuple(Limit(side, TOO_SMALL.name, self.min_side_px, where=shown, sole=False) for side in (WIDTH, HEIGHT))

    def __call__(self, record: R) -> R | Reject:
        for index, image in enumerate(images_of(record)):
            height, width = _pixels(image, "KeepImageSize").shape[:2]
            if min(width, height) < self.min_side_px:
                detail = f"image {index} is {width}x{height} px, expected {self.min_side_px} px or more on each side"
                return Reject(record.key, TOO_SMALL.name, detail)
        return record


def cap_side(pixels: np.ndarray, max_side_px: int) -> np.ndarray:
    """The image with no side above `max_side_px`: aspect kept, antialiased (bilinear, as for the canvas), never larger.

    Shapes: (H, W, 3) uint8, in and out.
    """
    height, width = pixels.shape[:2]
    longest = max(width, height)
    if longest <= max_side_px:
        return pixels
    # integers, rounded half up, so that no machine's floating point decides a pixel
    size = [max(1, (2 * side * max_side_px + longest) // (2 * longest)) for side in (width, height)]
    return np.asarray(PillowImage.fromarray(pixels).resize((size[0], size[1]), PillowImage.Resampling.BILINEAR))


@dataclass(frozen=True, slots=True)
class CapSide:
    """Shrinks every image whose longer side is above `max_side_px`."""

    max_side_px: int = PRETRAINING_MAX_SIDE_PX
    takes: ClassVar = (Conversation, Preference)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = ()
    reasons: ClassVar = ()
    version: ClassVar = 1

    def __post_init__(self) -> None:
        if self.max_side_px < 1:
            raise ValueError(f"max_side_px is {self.max_side_px}, expected 1 or more")

    def __call__(self, record: R) -> R:
        return map_parts(record, {Image: lambda image: replace(image, pixels=cap_side(_pixels(image, "CapSide"), self.max_side_px))})


@dataclass(frozen=True, slots=True)
class MakeCanvas:
    """Turns pixels into a canvas with its exact token count; the pixels are dropped unless `keep_pixels`.

    `max_crops` is 16 in vision pre-training and 36 in supervised fine-tuning.
    """

    max_crops: int = MAX_CROPS_PRETRAINING
    keep_pixels: bool = False
    takes: ClassVar = (Conversation, Preference)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = (NUM_CROPS, NUM_TOKENS)
    reasons: ClassVar = (EXTREME_ASPECT,)
    version: ClassVar = 1

    def __post_init__(self) -> None:
        if self.max_crops < 1:
            raise ValueError(f"max_crops is {self.max_crops}, expected 1 or more")

    def __call__(self, record: R) -> R | Reject:
        num_crops: list[int] = []

        def place(image: Image) -> Image:
            pixels = _pixels(image, "MakeCanvas")
            canvas = _make_canvas(pixels, self.max_crops)
            plan = canvas_plan(canvas)
            num_crops.append(plan.num_crops)
            return replace(image, pixels=pixels if self.keep_pixels else None, canvas=canvas, num_tokens=plan.num_tokens)

        try:
            record = map_parts(record, {Image: place})
        except Refused as refused:
            return Reject(record.key, refused.reason.name, f"image {len(num_crops)}: {refused.detail}", facts=refused.facts)
        num_tokens = sum(image.num_tokens or 0 for image in images_of(record))
        return with_facts(record, {NUM_CROPS.name: sum(num_crops), NUM_TOKENS.name: num_tokens})
