"""What can be told of a picture's quality without a model: how elongated, blurred, uniform, dark, bright or padded it is.

All but the shape is measured on a grey copy no larger than one crop (448 px), the sharpest view that every picture is given.
Counts are whole numbers and the few fractions are rounded to six digits, so that every machine finds the same. Of several
pictures the worst value counts. Source of the blur measure: variance of the Laplacian (Pech-Pacheco et al., ICPR 2000).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeVar

import numpy as np
from PIL import Image as PillowImage

from processors.image.crops import MAX_CROPS_PRETRAINING, plan_crops
from processors.once import once
from schemas.facts import Fact, Limit, Where, first_broken
from schemas.outcome import Reason, Refused, Reject
from schemas.parts import CROP
from schemas.records import Conversation, FactValue, Preference, images_of, with_facts

ASPECT_RATIO = Fact(
    "image.aspect_ratio", float, "Longer side of an image by its shorter one; the largest over all images, 0 without images"
)
SHARPNESS = Fact("image.sharpness", float, "Variance of the Laplacian of the grey image at 448 px or less; the smallest over all images")
CONTRAST = Fact("image.contrast", float, "Standard deviation of the grey levels (0 to 127.5); the smallest over all images")
ENTROPY = Fact("image.entropy_bits", float, "Entropy of the histogram of grey levels (0 to 8 bits); the smallest over all images")
DARK = Fact("image.dark_ratio", float, "Share of pixels of grey level 15 or less; the largest over all images")
BRIGHT = Fact("image.bright_ratio", float, "Share of pixels of grey level 240 or more; the largest over all images")
CONTENT = Fact("image.content_ratio", float, "Share of the canvas that an image fills, the rest is padding; the smallest over all images")
SHOWN = (Where(ASPECT_RATIO, least=1),)  # of records with images
QUALITY_FACTS = (ASPECT_RATIO, SHARPNESS, CONTRAST, ENTROPY, DARK, BRIGHT, CONTENT)

TOO_ELONGATED = Reason("too_elongated", "An image is more times as long as it is wide than asked for")
TOO_BLURRED = Reason("too_blurred", "An image has less fine detail than asked for")
UNIFORM_IMAGE = Reason("uniform_image", "An image has one grey level, or nearly so: there is nothing to see")
TOO_DARK = Reason("too_dark", "More of an image is black than asked for")
TOO_BRIGHT = Reason("too_bright", "More of an image is white than asked for")
MOSTLY_PADDING = Reason("mostly_padding", "An image fills less of its canvas than asked for")

GREY_SIDE_PX = CROP
DARK_LEVEL, BRIGHT_LEVEL = 15, 240  # a sixteenth of the range at either end

R = TypeVar("R", Conversation, Preference)


@dataclass(frozen=True, slots=True)
class Quality:
    """The measures of one picture; the facts of the same names say what they are."""

    aspect_ratio: float
    sharpness: float
    contrast: float
    entropy_bits: float
    dark_ratio: float
    bright_ratio: float


def grey_copy(pixels: np.ndarray) -> PillowImage.Image:
    """The picture in grey (ITU-R 601 weights), its longer side 448 px or less; never larger than it was.

    Shapes: pixels (H, W, 3) uint8.
    """
    grey = PillowImage.fromarray(pixels).convert("L")
    longest = max(grey.size)
    if longest <= GREY_SIDE_PX:
        return grey
    # integers, rounded half up, so that no machine's floating point decides a pixel
    width, height = (max(1, (2 * side * GREY_SIDE_PX + longest) // (2 * longest)) for side in grey.size)
    return grey.resize((width, height), PillowImage.Resampling.BOX)


grey_once = once(grey_copy)  # the quality and the hash of a picture are measured one after the other


def sharpness(grey: np.ndarray) -> float:
    """Variance of the 4-neighbour Laplacian; 0 for what is thinner than 3 px. Shapes: grey (H, W) uint8."""
    if min(grey.shape) < 3:
        return 0.0
    wide = grey.astype(np.int16)
    laplacian = wide[1:-1, :-2] + wide[1:-1, 2:]
    laplacian += wide[:-2, 1:-1]
    laplacian += wide[2:, 1:-1]
    laplacian -= wide[1:-1, 1:-1] << 2
    each = laplacian.astype(np.int32)
    return _variance(each.size, int(each.sum(dtype=np.int64)), int((each * each).sum(dtype=np.int64)))


def _variance(number: int, total: int, squares: int) -> float:
    """The variance of so many whole numbers with this sum and this sum of squares."""
    return round((number * squares - total * total) / (number * number), 6)


def measure(pixels: np.ndarray, grey: PillowImage.Image) -> Quality:
    """The quality of a picture, whose grey copy is given. Shapes: pixels (H, W, 3) uint8."""
    height, width = pixels.shape[:2]
    histogram: list[int] = grey.histogram()
    number = sum(histogram)
    shares = [count / number for count in histogram if count]
    total, squares = (sum(count * level**power for level, count in enumerate(histogram)) for power in (1, 2))
    return Quality(
        aspect_ratio=round(max(width, height) / min(width, height), 6),
        sharpness=sharpness(np.asarray(grey)),
        contrast=round(math.sqrt(_variance(number, total, squares)), 6),
        entropy_bits=round(abs(math.fsum(share * math.log2(share) for share in shares)), 6),
        dark_ratio=round(sum(histogram[: DARK_LEVEL + 1]) / number, 6),
        bright_ratio=round(sum(histogram[BRIGHT_LEVEL:]) / number, 6),
    )


def content_ratio(width: int, height: int, max_crops: int) -> float:
    """The share of its canvas that a picture of this size fills; 0 where it is too thin to have one."""
    try:
        plan = plan_crops(width, height, max_crops)
    except Refused:
        return 0.0
    return round(plan.content_width * plan.content_height / (plan.target_width * plan.target_height), 6)


@dataclass(frozen=True, slots=True)
class MeasureQuality:
    """Measures the images of a record that have pixels; stands before MakeCanvas, whose `max_crops` it is told."""

    max_crops: int = MAX_CROPS_PRETRAINING
    takes: ClassVar = (Conversation, Preference)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = QUALITY_FACTS
    reasons: ClassVar = ()
    version: ClassVar = 1

    def __call__(self, record: R) -> R:
        pixels = [image.pixels for image in images_of(record)]
        if any(one is None for one in pixels):
            raise ValueError("an image reaches MeasureQuality without pixels; the recipe lacks DecodeImage before it")
        return with_facts(record, quality_facts([one for one in pixels if one is not None], self.max_crops))


def quality_facts(pictures: Sequence[np.ndarray], max_crops: int) -> dict[str, float]:
    """The facts of pictures taken together: the worst of each measure. Shapes: each (H, W, 3) uint8."""
    found = [measure(pixels, grey_once(pixels)) for pixels in pictures]
    filled = [content_ratio(pixels.shape[1], pixels.shape[0], max_crops) for pixels in pictures]
    return {
        ASPECT_RATIO.name: max((one.aspect_ratio for one in found), default=0.0),
        SHARPNESS.name: min((one.sharpness for one in found), default=0.0),
        CONTRAST.name: min((one.contrast for one in found), default=0.0),
        ENTROPY.name: min((one.entropy_bits for one in found), default=0.0),
        DARK.name: max((one.dark_ratio for one in found), default=0.0),
        BRIGHT.name: max((one.bright_ratio for one in found), default=0.0),
        CONTENT.name: min(filled, default=0.0),
    }


@dataclass(frozen=True, slots=True)
class KeepQuality:
    """Keeps records whose images are all as good as asked for; every default lets all but the unusable pass."""

    max_aspect_ratio: float = 20.0
    min_sharpness: float = 0.0
    min_contrast: float = 1.0
    min_entropy_bits: float = 0.01
    max_dark_ratio: float = 1.0
    max_bright_ratio: float = 1.0
    min_content_ratio: float = 0.0
    takes: ClassVar = (Conversation, Preference)
    gives: ClassVar = None
    reads: ClassVar = QUALITY_FACTS
    writes: ClassVar = ()
    reasons: ClassVar = (TOO_ELONGATED, MOSTLY_PADDING, UNIFORM_IMAGE, TOO_DARK, TOO_BRIGHT, TOO_BLURRED)
    version: ClassVar = 1

    def __call__(self, record: R) -> R | Reject:
        if next(images_of(record), None) is None:
            return record
        limit = self.find_fault(record.facts)
        if limit is None:
            return record
        value = float(record.facts[limit.fact.name])
        bound = limit.expected(value)
        return Reject(
            record.key, limit.reason, f"{limit.fact.name} is {value:g}, expected {bound:g} or {'more' if value < bound else 'less'}"
        )

    @property
    def bounds(self) -> tuple[Limit, ...]:
        """The plainest reason first: a black picture is also uniform, and has no detail."""
        return (
            Limit(ASPECT_RATIO, TOO_ELONGATED.name, most=self.max_aspect_ratio, where=SHOWN),
            Limit(CONTENT, MOSTLY_PADDING.name, self.min_content_ratio, where=SHOWN),
            Limit(DARK, TOO_DARK.name, most=self.max_dark_ratio, where=SHOWN),
            Limit(BRIGHT, TOO_BRIGHT.name, most=self.max_bright_ratio, where=SHOWN),
            Limit(CONTRAST, UNIFORM_IMAGE.name, self.min_contrast, where=SHOWN),
            Limit(ENTROPY, UNIFORM_IMAGE.name, self.min_entropy_bits, where=SHOWN),
            Limit(SHARPNESS, TOO_BLURRED.name, self.min_sharpness, where=SHOWN),
        )

    def find_fault(self, facts: Mapping[str, FactValue]) -> Limit | None:
        """The first bound that pictures of these facts break; None when they are good enough."""
        return first_broken(self.bounds, facts)
