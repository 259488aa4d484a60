"""What makes copies of a picture alike: a perceptual hash of 64 bits, and a digest of its exact pixels.

The hash is that of Zauner (2010, "Implementation and benchmarking of perceptual image hash functions"): the grey picture at
32 x 32 px, its discrete cosine transform, and for each of the 8 x 8 lowest frequencies whether it is above their median. Ours
is computed in whole numbers (cosines in units of 2**-15), and a coefficient that equals the median is not above it, so that
every machine gives the same bits. The mean of the picture (the first coefficient) counts as any other, as in common tools.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import ClassVar, TypeVar

import numpy as np
from PIL import Image as PillowImage

from processors.image.quality import grey_once
from schemas.facts import Fact
from schemas.identity import digest
from schemas.records import Conversation, Preference, images_of, with_facts

PHASH = Fact("image.phash", str, "Perceptual hash of the first image, 16 hex digits; empty when it is flat or plain, or without images")
PIXEL_DIGEST = Fact(
    "image.pixel_digest", str, "Digest of size and pixels of all images; equal digests are exact duplicates; empty without images"
)

SIDE, LOW = 32, 8
SCALE_BITS = 15
# A coefficient below 16 grey levels is within what rounding the 1,024 levels does to it (4.6 by chance). Photos, pages and drawings
# have 48 to 64 louder ones of the 64, a gradient, stripes or a centred square 5 to 13: their hashes would be chance, and all alike.
MIN_LOUDNESS, MIN_LOUD = 16, 32

R = TypeVar("R", Conversation, Preference)


@functools.cache
def _cosines() -> np.ndarray:
    """Shapes: (8, 32) int64, row k holds cos(pi (2 n + 1) k / 64) in units of 2**-15."""
    rows = [[round(math.cos(math.pi * (2 * n + 1) * k / (2 * SIDE)) * 2**SCALE_BITS) for n in range(SIDE)] for k in range(LOW)]
    return np.array(rows, dtype=np.int64)


def perceptual_hash(grey: PillowImage.Image) -> str:
    """The hash of a grey picture as 16 hex digits, the first coefficient in the highest bit; empty for a flat or plain picture."""
    small = np.asarray(grey.resize((SIDE, SIDE), PillowImage.Resampling.BILINEAR, reducing_gap=None)).astype(np.int64)
    cosines = _cosines()
    low = (cosines @ small @ cosines.T).ravel()
    if int((np.abs(low) >= MIN_LOUDNESS << (2 * SCALE_BITS)).sum()) < MIN_LOUD:
        return ""
    ordered = np.sort(low)
    middle = int(ordered[31]) + int(ordered[32])  # twice the median
    bits = [int(2 * int(value) > middle) for value in low]
    return f"{int(''.join(map(str, bits)), 2):016x}"


def pixel_digest(pixels: np.ndarray) -> str:
    """The digest of a picture's size and pixels. Shapes: (H, W, 3) uint8."""
    return digest(f"{pixels.shape[1]}x{pixels.shape[0]}", np.ascontiguousarray(pixels).tobytes())


@dataclass(frozen=True, slots=True)
class HashImages:
    """Writes the hash of a record's first image, and the digest of all of them; stands after CapSide, which is itself exact."""

    takes: ClassVar = (Conversation, Preference)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = (PHASH, PIXEL_DIGEST)
    reasons: ClassVar = ()
    version: ClassVar = 1

    def __call__(self, record: R) -> R:
        pixels = [image.pixels for image in images_of(record)]
        if any(one is None for one in pixels):
            raise ValueError("an image reaches HashImages without pixels; the recipe lacks DecodeImage before it")
        digests = [pixel_digest(one) for one in pixels if one is not None]
        first = pixels[0] if pixels else None
        facts = {
            PHASH.name: perceptual_hash(grey_once(first)) if first is not None else "",
            PIXEL_DIGEST.name: digests[0] if len(digests) == 1 else digest(*digests) if digests else "",
        }
        return with_facts(record, facts)
