"""Pictures that move: GIF, animated WebP, APNG and AVIF sequences, read by Pillow, which disposes of frames as their formats say.

A delay of 10 ms or less means 100 ms, as browsers have it since such files were made for slower ones. Transparency is shown over white.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np
from PIL import Image as PillowImage
from PIL import UnidentifiedImageError

from processors.image.decode import BAD_DATA
from processors.video.decode import DecodedClip
from processors.video.index import CORRUPT_VIDEO, TOO_MANY_FRAMES, TOO_MANY_PIXELS, Choose, Index, Limits
from processors.video.pixels import over_white, shrunk_size
from schemas.outcome import Refused

FORMATS = ("GIF", "WEBP", "PNG", "AVIF", "JPEG", "BMP", "TIFF")  # the last three hold one picture here: a still, to be told as such
MIN_DELAY_MS, SLOW_DELAY_MS = 11, 100


def is_picture(data: bytes) -> bool:
    """Whether the bytes begin like one of FORMATS."""
    is_avif = data[4:8] == b"ftyp" and data[8:12] in (b"avif", b"avis", b"mif1")
    is_webp = data[:4] == b"RIFF" and data[8:12] == b"WEBP"
    return is_avif or is_webp or data.startswith((b"GIF8", b"\x89PNG", b"\xff\xd8\xff", b"BM", b"II*\0", b"MM\0*"))


def decode_animation(data: bytes, choose: Choose, *, max_side_px: int = 1344, limits: Limits = Limits()) -> DecodedClip:
    """The frames of a moving picture that `choose` picks from its index; a still has one.

    Raises: Refused with one of DECODE_REASONS.
    """
    delays_ms, name, size, num_corrupt = _delays(data, limits)
    stamps = np.concatenate([[0], np.cumsum(delays_ms[:-1])]).astype(np.int64)
    index = Index(stamps, np.arange(len(stamps)) == 0, stamps, Fraction(1, 1000), delays_ms[-1])
    wanted = list(choose(index))
    found = dict(_pictures(data, wanted, max_side_px))
    if len(found) < len(wanted):
        raise Refused(CORRUPT_VIDEO, f"{name}: {len(wanted)} frames were chosen, {len(found)} of them can be read")
    times = index.times_s
    return DecodedClip(
        frames=tuple(found[number] for number in wanted),
        times_s=tuple(times[number] for number in wanted),
        numbers=tuple(wanted),
        num_frames=index.num_frames,
        duration_s=index.duration_s,
        width_px=size[0],
        height_px=size[1],
        format=f"{name.lower()}/{name.lower()}",
        num_corrupt=num_corrupt,
        times_rebuilt=False,
        ends_early=num_corrupt > 0,
    )


def _delays(data: bytes, limits: Limits) -> tuple[list[int], str, tuple[int, int], int]:
    """How long each frame is shown, the format, the size, and whether a frame after these could not be read (0 or 1)."""
    delays: list[int] = []
    broken = 0
    with _opened(data) as image:
        name, size = image.format or "", image.size
        if size[0] * size[1] > limits.max_frame_pixels:
            raise Refused(TOO_MANY_PIXELS, f"{size[0]}x{size[1]} px a frame, expected {limits.max_frame_pixels} pixels or fewer")
        while True:
            number = len(delays)
            if number >= limits.max_frames or (number + 1) * size[0] * size[1] > limits.max_decoded_pixels:
                raise Refused(TOO_MANY_FRAMES, f"more than {number} frames of {size[0]}x{size[1]} px")
            try:
                image.seek(number)
                image.load()
            except EOFError:
                break
            except BAD_DATA as error:
                if not delays:
                    raise Refused(CORRUPT_VIDEO, f"{name}: {type(error).__name__}: {error}"[:200]) from error
                broken = 1
                break
            delay = image.info.get("duration", 0)
            delays.append(round(delay) if isinstance(delay, (int, float)) and delay >= MIN_DELAY_MS else SLOW_DELAY_MS)
            if name not in ("GIF", "WEBP", "PNG", "AVIF"):
                break
    return delays, name, size, broken


def _opened(data: bytes) -> PillowImage.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return PillowImage.open(io.BytesIO(data), formats=FORMATS)
    except PillowImage.DecompressionBombError as error:
        raise Refused(TOO_MANY_PIXELS, str(error)[:200]) from error
    except (UnidentifiedImageError, *BAD_DATA) as error:
        raise Refused(CORRUPT_VIDEO, f"begins like a picture and cannot be read: {type(error).__name__}") from error


def _pictures(data: bytes, wanted: Sequence[int], max_side_px: int) -> Iterator[tuple[int, np.ndarray]]:
    with _opened(data) as image:
        for number in wanted:
            image.seek(number)
            pixels = over_white(np.asarray(image.convert("RGBA")))
            height, width = pixels.shape[:2]
            target = shrunk_size(width, height, max_side_px)
            if target != (width, height):
                pixels = np.asarray(PillowImage.fromarray(pixels).resize(target, PillowImage.Resampling.BILINEAR))
            yield number, pixels
