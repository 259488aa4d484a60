"""Bytes of an image file into oriented sRGB pixels, or a declared reason why not.

What is read: the first frame, turned by its EXIF orientation, transparency composed over white, colours brought to sRGB
by the embedded profile (none means sRGB). Samples wider than 8 bits are scaled, never clipped; see `_eight_bits`.

The format is found by content, among `FORMATS` only. Left out on purpose: EPS (Pillow runs Ghostscript, a program run by
untrusted bytes), WMF and EMF (need Windows), BUFR, GRIB, HDF5 and MPEG (Pillow knows the signature and has no decoder),
FITS, MCIDAS and SPIDER (measurements without a display range), IPTC and PCD (containers of a preview). Those with a
signature are refused as `format_not_allowed`; the others read as `not_an_image`.
"""

from __future__ import annotations

import ctypes
import functools
import io
import logging
import struct
import warnings
import zlib
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageCms, UnidentifiedImageError, _imaging

from schemas.outcome import Reason, Refused

NOT_AN_IMAGE = Reason("not_an_image", "The bytes carry the signature of no image format")
FORMAT_NOT_ALLOWED = Reason(
    "format_not_allowed", "An image format that is not decoded: EPS, WMF, EMF, FITS, BUFR, GRIB, HDF5, MCIDAS, MPEG"
)
CORRUPT_IMAGE = Reason("corrupt_image", "The signature is that of an image, the decoder cannot read the rest")
TRUNCATED_IMAGE = Reason("truncated_image", "The file ends before its image does")
TOO_MANY_PIXELS = Reason("too_many_pixels", "Width times height is above the limit; a decompression bomb or an absurd header")
DECODE_REASONS = (NOT_AN_IMAGE, FORMAT_NOT_ALLOWED, CORRUPT_IMAGE, TRUNCATED_IMAGE, TOO_MANY_PIXELS)

MAX_PIXELS = 100_000_000  # 300 MB as RGB; above every camera but the 108 and 200 MP modes of phones
PILLOW_MAX_PIXELS = 178_956_970  # Pillow refuses above this by itself (twice its MAX_IMAGE_PIXELS)

FORMATS = (  # JPEG includes MPO, its several-picture form
    *("JPEG", "PNG", "WEBP", "GIF", "AVIF", "TIFF", "BMP", "JPEG2000", "PPM", "ICO", "PSD", "TGA", "DIB", "QOI"),
    *("CUR", "ICNS", "DDS", "SGI", "PCX", "DCX", "XBM", "XPM", "SUN", "MSP", "BLP", "FTEX", "GBR", "FLI", "IM", "IMT", "PIXAR"),
    "XVTHUMB",
)
REFUSED_FORMATS = ("EPS", "WMF", "BUFR", "GRIB", "HDF5", "MPEG", "FITS", "MCIDAS")
# allowed formats whose signature is long enough to call a file broken, rather than no image, when it fails
SIGNED_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "TIFF", "JPEG2000", "PSD", "QOI", "ICNS", "DDS", "BLP", "FTEX", "XPM")

# what Pillow's decoders raise on bad data. MemoryError too: pixels are bounded before, so it comes from an absurd header
BAD_DATA = (
    *(OSError, SyntaxError, ValueError, struct.error, EOFError, LookupError, TypeError, ArithmeticError, AttributeError),
    *(RuntimeError, AssertionError, MemoryError, BufferError, zlib.error, PillowImage.DecompressionBombError),
)

TURNS = {
    2: PillowImage.Transpose.FLIP_LEFT_RIGHT,
    3: PillowImage.Transpose.ROTATE_180,
    4: PillowImage.Transpose.FLIP_TOP_BOTTOM,
    5: PillowImage.Transpose.TRANSPOSE,
    6: PillowImage.Transpose.ROTATE_270,
    7: PillowImage.Transpose.TRANSVERSE,
    8: PillowImage.Transpose.ROTATE_90,
}
ORIENTATION, TIFF_BITS, TIFF_PHOTOMETRIC = 0x0112, 0x0102, 0x0106
ICC_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK", "LAB": "Lab"}

logging.getLogger("PIL").addHandler(logging.NullHandler())  # without a handler of the program's own nothing is printed


@dataclass(frozen=True, slots=True, eq=False)
class DecodedImage:
    """An image as the model may see it, and what its file said.

    Shapes: pixels (H, W, 3) uint8 sRGB, oriented. `width` and `height` are as stored, before orientation; `mode` is
    Pillow's name for how the samples are stored; `num_frames` is None where the later frames cannot be counted.
    `icc_ignored` says that the embedded colour profile was unusable; `num_warnings` counts Pillow's warnings.
    """

    pixels: np.ndarray
    format: str
    mode: str
    width: int
    height: int
    orientation: int
    num_frames: int | None
    icc_ignored: bool
    num_warnings: int


def decode_image(data: bytes, *, max_pixels: int = MAX_PIXELS) -> DecodedImage:
    """The first frame of an image file as sRGB pixels.

    Raises:
        Refused: one of `DECODE_REASONS`; never another exception for bad data.
        ValueError: `max_pixels` outside 1..178,956,970 (Pillow's own limit).
    """
    if not 1 <= max_pixels <= PILLOW_MAX_PIXELS:
        raise ValueError(f"max_pixels is {max_pixels}, expected 1 to {PILLOW_MAX_PIXELS}")
    _silence_libtiff()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            with PillowImage.open(io.BytesIO(data), formats=FORMATS) as image:
                _check_size(image.size, max_pixels)
                return _read(image, max_pixels, caught)
        except Refused:
            raise
        except BAD_DATA as error:
            raise _refusal(error, data) from error


@functools.cache
def _silence_libtiff() -> None:
    """Keeps libtiff from writing to standard error by itself: one broken file gives up to a hundred lines.

    Pillow raises for what fails and has no switch for these messages. Where the symbols are not reachable they stay.
    """
    try:
        library = ctypes.CDLL(_imaging.__file__)
        for name in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
            setter = getattr(library, name)
            setter.argtypes, setter.restype = [ctypes.c_void_p], ctypes.c_void_p
            setter(None)
    except (OSError, AttributeError):
        return


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
    if size[0] * size[1] > max_pixels:
        raise Refused(TOO_MANY_PIXELS, f"{size[0]}x{size[1]} is {size[0] * size[1]} pixels, expected {max_pixels} or fewer")
    if min(size) < 1:
        raise Refused(CORRUPT_IMAGE, f"the header says {size[0]}x{size[1]} pixels, expected 1 or more")


def _refusal(error: BaseException, data: bytes) -> Refused:
    """The declared reason for an exception of Pillow."""
    text = f"{type(error).__name__}: {error}"[:200]
    if isinstance(error, PillowImage.DecompressionBombError):
        return Refused(TOO_MANY_PIXELS, str(error)[:200])
    if isinstance(error, UnidentifiedImageError):
        prefix = data[:16]
        refused = _signed_as(prefix, REFUSED_FORMATS)
        if refused:
            return Refused(FORMAT_NOT_ALLOWED, f"{refused}, expected {', '.join(FORMATS[:7])} or a rarer one of FORMATS")
        signed = _signed_as(prefix, SIGNED_FORMATS)
        if signed:
            return Refused(CORRUPT_IMAGE, f"{len(data)} bytes start like {signed}, their header cannot be read")
        return Refused(NOT_AN_IMAGE, f"{len(data)} bytes starting with {prefix.hex(' ') or 'nothing'}")
    if isinstance(error, EOFError) or "truncated" in str(error).lower():
        return Refused(TRUNCATED_IMAGE, text)
    return Refused(CORRUPT_IMAGE, text)


def _signed_as(prefix: bytes, formats: tuple[str, ...]) -> str:
    """The first of `formats` whose signature the bytes carry, or nothing."""
    PillowImage.init()
    for name in formats:
        accept = PillowImage.OPEN[name][1] if name in PillowImage.OPEN else None
        try:
            if accept is not None and accept(prefix):
                return name
        except (LookupError, struct.error):  # a prefix shorter than the signature
            continue
    return ""


def _read(image: PillowImage.Image, max_pixels: int, caught: list[warnings.WarningMessage]) -> DecodedImage:
    stored_format, stored_mode = image.format or "", image.mode
    num_frames, image = _count_frames(image)
    # Pillow turns a TIFF while it loads it; PNG may state its orientation after its pixels
    orientation = _orientation(image) if stored_format == "TIFF" else 0
    image.load()
    _check_size(image.size, max_pixels)  # icons state another size than the picture inside
    turn = 0
    if stored_format != "TIFF":
        orientation = turn = _orientation(image)
    opaque, alpha = _split_alpha(image)
    rgb, icc_ignored = _to_srgb(opaque, image.info.get("icc_profile"))
    if alpha is not None:
        white = PillowImage.new("RGB", rgb.size, (255, 255, 255))
        white.paste(rgb, mask=alpha)
        rgb = white
    if turn in TURNS:
        rgb = rgb.transpose(TURNS[turn])
    width, height = rgb.size if orientation < 5 else rgb.size[::-1]
    # a deprecation speaks to programmers and says nothing about the file
    num_warnings = sum(not issubclass(warning.category, DeprecationWarning) for warning in caught)
    return DecodedImage(np.asarray(rgb), stored_format, stored_mode, width, height, orientation, num_frames, icc_ignored, num_warnings)


def _count_frames(image: PillowImage.Image) -> tuple[int | None, PillowImage.Image]:
    """Frames of the file, None where they cannot be counted, and the image still at its first frame."""
    try:
        return int(getattr(image, "n_frames", 1)), image
    except BAD_DATA:  # a broken later frame is no fault of the first: start again
        assert isinstance(image.fp, io.BytesIO)  # type: ignore[attr-defined]
        image.fp.seek(0)  # type: ignore[attr-defined]
        return None, PillowImage.open(image.fp, formats=FORMATS)  # type: ignore[attr-defined]


def _orientation(image: PillowImage.Image) -> int:
    """EXIF (or XMP) orientation 1..8; a block that cannot be read means 1."""
    try:
        value = image.getexif().get(ORIENTATION, 1)
    except BAD_DATA:
        warnings.warn("the EXIF block cannot be read", stacklevel=2)  # counted with Pillow's own
        return 1
    return value if isinstance(value, int) and value in TURNS else 1


def _split_alpha(image: PillowImage.Image) -> tuple[PillowImage.Image, PillowImage.Image | None]:
    """The image in one of the modes L, RGB, CMYK, LAB with 8 bits a sample, and its alpha (L) where it has one."""
    mode = image.mode
    if mode in ("I", "F") or mode.startswith("I;16"):
        return PillowImage.fromarray(_eight_bits(image)), None
    if mode == "P" or (mode in ("1", "L", "RGB") and "transparency" in image.info):
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    elif mode == "PA" or mode == "RGBa":
        image = image.convert("RGBA")
    elif mode == "La":
        image = image.convert("LA")
    elif mode == "1":
        image = image.convert("L")
    elif mode not in ("L", "LA", "RGB", "RGBA", "CMYK", "LAB"):
        image = image.convert("RGB")  # YCbCr, HSV, RGBX
    if image.mode == "RGBA":
        return image.convert("RGB"), image.getchannel("A")
    if image.mode == "LA":
        return image.getchannel("L"), image.getchannel("A")
    return image, None


def _eight_bits(image: PillowImage.Image) -> np.ndarray:
    """Wide samples as 8 bits, rounded to the nearest.

    The full range of the stated depth maps to 0..255: 0..65535 for 16 bits, 0..4095 for 12-bit TIFF. Integers of 32 bits
    count as 16-bit when they fit (so PNG and PGM do), floats as 0..1 when they fit, and as 0..255 when they fit that.
    Other samples have no agreed white, so their smallest value becomes black and their largest white. NaN becomes black.
    """
    tags = getattr(image, "tag_v2", {})
    inverted = tags.get(TIFF_PHOTOMETRIC) == 0  # white is zero; Pillow turns that round for 8 bits and fewer only
    raw = np.asarray(image)
    if image.mode.startswith("I;16"):
        full = 2 ** tags.get(TIFF_BITS, (16,))[0] - 1
        done = _rounded(np.arange(65_536) * (255.0 / full))[raw]  # a table, for want of memory: 100 MP as float64 are 0.8 GB
    else:
        values = raw.astype(np.float64)
        finite = values[np.isfinite(values)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
        if image.mode == "I" and low >= 0 and high <= 65_535:
            low, high = 0.0, 65_535.0
        elif image.mode == "F" and low >= 0 and high <= 255:
            low, high = 0.0, 1.0 if high <= 1 else 255.0
        values[np.isnan(values)] = -np.inf
        done = _rounded((values - low) * (255.0 / (high - low if high > low else 1.0)))
    return 255 - done if inverted else done


def _rounded(values: np.ndarray) -> np.ndarray:
    return np.floor(np.clip(values, 0, 255) + 0.5).astype(np.uint8)


def _to_srgb(image: PillowImage.Image, profile: object) -> tuple[PillowImage.Image, bool]:
    """The image in RGB, through its profile where it has a usable one, and whether one had to be ignored."""
    if profile and isinstance(profile, bytes):
        try:
            transform = _transform(profile, image.mode)
            if transform is not None:
                return transform.apply(image), False
            return image if image.mode == "RGB" else image.convert("RGB"), False
        except (*BAD_DATA, ImageCms.PyCMSError):  # colours nearly right beat no image
            return _to_srgb(image, None)[0], True
    if image.mode == "LAB":
        return _lab_transform().apply(image), False
    return image if image.mode == "RGB" else image.convert("RGB"), False


@functools.lru_cache(maxsize=64)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """The transform of a profile into sRGB; None where the profile is sRGB itself and changes nothing.

    Raises:
        ValueError: the profile is for another colour space than the image's.
    """
    opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    space = opened.profile.xcolor_space.strip()
    if space != ICC_SPACES[mode]:
        raise ValueError(f"a profile for {space} on an image in {mode}")
    if mode == "RGB" and (opened.profile.profile_description or "").startswith("sRGB"):
        return None
    return ImageCms.ImageCmsTransform(opened, _built_in("sRGB"), mode, "RGB")


@functools.cache
def _lab_transform() -> ImageCms.ImageCmsTransform:
    return ImageCms.ImageCmsTransform(_built_in("LAB"), _built_in("sRGB"), "LAB", "RGB")


def _built_in(name: Literal["LAB", "sRGB"]) -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile(name))
