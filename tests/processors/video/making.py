"""Clips for tests, encoded in memory from pictures whose content says which frame they are."""

from __future__ import annotations

import io
from collections.abc import Sequence
from fractions import Fraction

import av
import numpy as np

WIDTH, HEIGHT = 96, 64


def picture(number: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """A light picture with a dark bar whose place is `number` modulo 12, and a brightness that tells the rest."""
    pixels = np.full((height, width, 3), 255 - 8 * (number // 12 % 16), np.uint8)
    left = number % 12 * width // 12
    pixels[:, left : left + width // 12] = (40, 60, 90)
    return pixels


def number_of(pixels: np.ndarray) -> int:
    """The `number` modulo 192 of a decoded picture."""
    height = pixels.shape[0]
    columns = pixels[: height // 2].mean(axis=(0, 2)).reshape(12, -1).mean(axis=1)
    dark = int(np.argmin(columns))
    light = float(np.delete(columns, dark).mean())
    return dark + 12 * round((255 - light) / 8)


def encode(
    pictures: Sequence[np.ndarray],
    codec: str = "mpeg4",
    container: str = "mp4",
    times: Sequence[int] | None = None,
    time_base: Fraction = Fraction(1, 10),
    pix_fmt: str = "yuv420p",
    aspect: Fraction | None = None,
    colours: tuple[int, int] | None = None,
    keys: Sequence[int] = (),
    **options: str,
) -> bytes:
    """`times` in `time_base`, by default 0, 1, 2, ...; `colours` are AVColorSpace and AVColorRange as the stream states them."""
    sink = io.BytesIO()
    with av.open(sink, "w", format=container, options={"fflags": "+bitexact"}) as file:
        stream = file.add_stream(codec, rate=round(1 / time_base), options=options)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pix_fmt
        stream.codec_context.time_base = time_base
        stream.codec_context.thread_count = 1
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        if colours is not None:
            stream.codec_context.colorspace, stream.codec_context.color_range = colours
        for number, pixels in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24" if pixels.shape[2] == 3 else "rgba")
            frame = frame.reformat(
                format=pix_fmt, dst_colorspace=colours[0] if colours else None, dst_color_range=colours[1] if colours else None
            )
            frame.pts = number if times is None else times[number]
            frame.time_base = time_base
            if number in keys:
                frame.pict_type = av.video.frame.PictureType.I
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return sink.getvalue()


def clip(count: int = 24, **options) -> bytes:
    """`count` frames at 10 Hz."""
    return encode([picture(number) for number in range(count)], **options)


def turned(data: bytes, matrix: Sequence[float], width: int = WIDTH) -> bytes:
    """An MP4 file whose track header states a display matrix (a, b, c, d)."""
    a, b, c, d = (int(value * 0x10000) for value in matrix)
    start = data.index(b"tkhd") + 44
    values = (a, b, 0, c, d, 0, 0, 0, 0x40000000)
    return data[:start] + b"".join(value.to_bytes(4, "big", signed=True) for value in values) + data[start + 36 :]


def with_tone(container: str = "mp4") -> bytes:
    """A second of sound and no picture."""
    sink = io.BytesIO()
    with av.open(sink, "w", format=container) as file:
        stream = file.add_stream("aac", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16_000), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 16_000, 0, Fraction(1, 16_000)
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return sink.getvalue()
