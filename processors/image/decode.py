"""Image bytes of any common format to upright 8-bit sRGB pixels.

Pillow decodes, from a list of formats whose decoders run in this process (EPS, WMF and PDF start other programs and are
left out). Orientation is applied, ICC profiles are converted to sRGB, transparency is laid over white, 16-bit and float
greys are scaled by their full range, and of an animation the first frame is taken. Size is checked before decoding.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from dataclasses import dataclass

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageCms, UnidentifiedImageError

from schemas.outcome import Reason, Refused

MAX_PIXELS = 120_000_000  # 36 crops hold 7.2 million; twelve times a large camera's picture
REFUSED_FORMATS = frozenset({"EPS", "WMF", "PDF", "MPEG", "BUFR", "GRIB", "HDF5", "PALM", "STUB"})

EMPTY_FILE = Reason("empty_file", "The file has no bytes")
NOT_AN_IMAGE = Reason("not_an_image", "No decoder knows the bytes as an image")
CORRUPT_IMAGE = Reason("corrupt_image", "The image breaks, or ends early, while it is decoded")
TOO_MANY_PIXELS = Reason("too_many_pixels", "The image has more pixels than a decoder is allowed to unpack")
FORMAT_NOT_ALLOWED = Reason("format_not_allowed", "Decoding the format would start another program, or needs one that is not there")
DECODE_REASONS = (EMPTY_FILE, NOT_AN_IMAGE, CORRUPT_IMAGE, TOO_MANY_PIXELS, FORMAT_NOT_ALLOWED)

# What Pillow's decoders raise on bad data. All of it is met around the calls into Pillow below, and nowhere else.
BAD_DATA = (
    OSError,
    SyntaxError,
    ValueError,
    struct.error,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    zlib.error,
    AttributeError,
)
BAD_DATA += (ZeroDivisionError, NotImplementedError, RuntimeError, AssertionError)


@dataclass(frozen=True, slots=True, eq=False)
class DecodedImage:
    """Shapes: pixels (H, W, 3) uint8 sRGB, upright. The rest is as the file says it."""

    pixels: np.ndarray
    format: str
    mode: str
    orientation: int
    num_warnings: int


def decode_image(data: bytes, *, max_pixels: int = MAX_PIXELS) -> DecodedImage:
    """Decodes an image file. Raises: Refused with one of DECODE_REASONS."""
    if not data:
        raise Refused(EMPTY_FILE, "the file has no bytes")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        image = _open(data)
        with image:
            name, mode = image.format or "unknown", image.mode
            if name in REFUSED_FORMATS:
                raise Refused(FORMAT_NOT_ALLOWED, f"format {name}")
            if image.width * image.height > max_pixels:
                raise Refused(TOO_MANY_PIXELS, f"{image.width}x{image.height} px, at most {max_pixels:,} pixels")
            try:
                image.load()
                orientation = _orientation(image)
                pixels = np.asarray(_upright(_to_rgb(image), orientation))
            except PillowImage.DecompressionBombError as error:
                raise Refused(TOO_MANY_PIXELS, str(error)) from error
            except BAD_DATA as error:
                raise Refused(CORRUPT_IMAGE, f"{name} {image.size[0]}x{image.size[1]}: {type(error).__name__}: {error}") from error
    if pixels.ndim != 3 or 0 in pixels.shape:
        raise Refused(CORRUPT_IMAGE, f"{name} decodes to shape {pixels.shape}")
    return DecodedImage(np.ascontiguousarray(pixels), name, mode, orientation, len(caught))


def _open(data: bytes) -> PillowImage.Image:
    try:
        return PillowImage.open(io.BytesIO(data))
    except UnidentifiedImageError as error:
        raise Refused(NOT_AN_IMAGE, f"{len(data)} bytes that begin with {data[:8]!r}") from error
    except PillowImage.DecompressionBombError as error:
        raise Refused(TOO_MANY_PIXELS, str(error)) from error
    except BAD_DATA as error:
        raise Refused(CORRUPT_IMAGE, f"its header: {type(error).__name__}: {error}") from error


def _orientation(image: PillowImage.Image) -> int:
    """EXIF orientation 1 to 8; damaged EXIF counts as upright, since the pixels are whole."""
    try:
        value = image.getexif().get(0x0112, 1)
    except BAD_DATA:
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


_TURNS = {
    2: PillowImage.Transpose.FLIP_LEFT_RIGHT,
    3: PillowImage.Transpose.ROTATE_180,
    4: PillowImage.Transpose.FLIP_TOP_BOTTOM,
    5: PillowImage.Transpose.TRANSPOSE,
    6: PillowImage.Transpose.ROTATE_270,
    7: PillowImage.Transpose.TRANSVERSE,
    8: PillowImage.Transpose.ROTATE_90,
}


def _upright(image: PillowImage.Image, orientation: int) -> PillowImage.Image:
    return image.transpose(_TURNS[orientation]) if orientation in _TURNS else image


def _to_rgb(image: PillowImage.Image) -> PillowImage.Image:
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        return _grey_to_8bit(image).convert("RGB")
    image = _to_srgb(image)
    if image.mode in ("RGBa", "La"):
        image = image.convert({"RGBa": "RGBA", "La": "LA"}[image.mode])
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        layer = image.convert("RGBA")
        white = PillowImage.new("RGBA", layer.size, (255, 255, 255, 255))
        return PillowImage.alpha_composite(white, layer).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _grey_to_8bit(image: PillowImage.Image) -> PillowImage.Image:
    """Integers: 0..65535 to 0..255 (larger ranges by their own maximum). Floats: [0, 1] by 255, else their own range."""
    values = np.asarray(image).astype(np.float64)
    values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min(initial=0.0)), float(values.max(initial=0.0))
    if image.mode == "F":
        low, high = (0.0, 1.0) if low >= 0 and high <= 1 else (0.0, 255.0) if low >= 0 and high <= 255 else (low, high)
    elif image.mode == "I" and low >= 0 and high <= 255:
        low, high = 0.0, 255.0
    else:
        low, high = min(low, 0.0), max(high, 65_535.0)
    scaled = np.rint((values - low) * (255.0 / (high - low)))
    return PillowImage.fromarray(np.clip(scaled, 0, 255).astype(np.uint8))


def _to_srgb(image: PillowImage.Image) -> PillowImage.Image:
    """Through the embedded ICC profile where there is a usable one; without one, sRGB is assumed."""
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in ("RGB", "RGBA", "CMYK", "L", "LAB"):
        return image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = "RGBA" if image.mode == "RGBA" else "RGB"
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode=mode)
    except (ImageCms.PyCMSError, *BAD_DATA):
        return image  # a broken profile says nothing; the pixels are whole
    return converted if converted is not None else image
