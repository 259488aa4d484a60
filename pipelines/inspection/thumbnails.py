"""Pictures and log-Mel features in the terminal: two pixels a character, as an upper half block with a colour and a ground."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
from PIL import Image as PillowImage
from rich.color import Color
from rich.style import Style
from rich.text import Text

from schemas.parts import Audio, Canvas, Image
from schemas.records import Record, audios_of, images_of

WIDTH, HEIGHT = 64, 40  # at most, in pixels: 64 characters by 20 lines
MEL_HEIGHT = 20
MAX_MEDIA = 4  # of a row
# From dark over violet and orange to light: brighter is louder, also where colours cannot be told apart.
_RAMP = np.array([(0, 0, 8), (60, 15, 110), (150, 40, 110), (225, 90, 60), (250, 175, 50), (252, 250, 190)], np.float64)


def thumbnails(record: Record, width: int = WIDTH) -> Iterator[tuple[str, Text]]:
    """A title and a picture of each of the first media of a record; `width` is that of the terminal, in characters."""
    from processors.image.encode import decode_canvas

    for number, image in zip(range(1, MAX_MEDIA + 1), images_of(record), strict=False):
        if image.canvas is not None:
            pixels = _content(decode_canvas(image.canvas))
            yield _image_title(number, image), half_blocks(_shrunk(pixels, min(width, WIDTH), HEIGHT))
    for number, audio in zip(range(1, MAX_MEDIA + 1), audios_of(record), strict=False):
        if audio.log_mel is not None and len(audio.log_mel):
            yield _audio_title(number, audio), half_blocks(mel_pixels(audio.log_mel, min(width, WIDTH), MEL_HEIGHT))


def _image_title(number: int, image: Image) -> str:
    assert image.canvas is not None
    time = f", {image.time_s:.2f} s" if image.time_s is not None else ""
    return f"image {number}: {image.canvas.content_width}x{image.canvas.content_height} px, {image.num_tokens} tokens{time}"


def _audio_title(number: int, audio: Audio) -> str:
    assert audio.log_mel is not None
    return f"audio {number}: {len(audio.log_mel) / 100:.2f} s, {audio.num_tokens} tokens"


def _content(canvas: Canvas) -> np.ndarray:
    assert canvas.pixels is not None
    return canvas.pixels[: canvas.content_height, : canvas.content_width]


def _shrunk(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    scale = min(width / pixels.shape[1], height / pixels.shape[0], 1.0)
    size = max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))
    return np.asarray(PillowImage.fromarray(np.ascontiguousarray(pixels)).resize(size, PillowImage.Resampling.BOX))


def mel_pixels(log_mel: np.ndarray, width: int, height: int) -> np.ndarray:
    """Features as a picture, time to the right, low bands below. Shapes: log_mel (frames, bands); the picture (height, at most width, 3) uint8."""
    low, high = float(log_mel.min()), float(log_mel.max())
    levels = (np.asarray(log_mel, np.float32) - low) / (high - low) if high > low else np.zeros(log_mel.shape, np.float32)
    grey = PillowImage.fromarray(np.ascontiguousarray(levels.T[::-1])).resize(
        (min(width, len(log_mel)), height), PillowImage.Resampling.BOX
    )
    places = np.clip(np.asarray(grey, np.float64), 0, 1) * (len(_RAMP) - 1)
    below = np.minimum(places.astype(int), len(_RAMP) - 2)
    share = (places - below)[..., None]
    return np.rint(_RAMP[below] * (1 - share) + _RAMP[below + 1] * share).astype(np.uint8)


def half_blocks(pixels: np.ndarray) -> Text:
    """A picture as lines of half blocks. Shapes: (H, W, 3) uint8."""
    text = Text(no_wrap=True)
    for top in range(0, len(pixels), 2):
        if top:
            text.append("\n")
        below = pixels[top + 1].tolist() if top + 1 < len(pixels) else [None] * pixels.shape[1]
        for (upper, lower), run in itertools.groupby(zip(pixels[top].tolist(), below, strict=True)):
            ground = Color.from_rgb(*lower) if lower is not None else None
            text.append("▀" * len(list(run)), Style(color=Color.from_rgb(*upper), bgcolor=ground))
    return text
