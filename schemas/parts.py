"""What turns and documents are made of: text, images, audio, tools, calls of them and their results.

A part passes through states while a corpus is built: an image has `source` bytes, then `pixels`, then a `canvas`;
audio has `source` bytes, then `samples`, then a `log_mel`. Steps drop the earlier state unless told to keep it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

CROP = 448  # px, one side of a crop (SPEC of Phi-4-multimodal's dynamic multi-crop)
SAMPLE_RATE_HZ = 16_000
NUM_MEL_BANDS = 80


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Canvas:
    """An image resized and padded to whole crops: everything that the model sees of it.

    Shapes: pixels (TH, TW, 3) uint8 RGB, TH and TW multiples of 448; content occupies the top-left
    `content_height` x `content_width` pixels, the rest is white. On disk `pixels` is replaced by `encoded`, a PNG of it.
    """

    pixels: np.ndarray | None
    content_width: int
    content_height: int
    encoded: bytes | None = None

    @property
    def grid(self) -> tuple[int, int]:
        """Columns and rows of crops."""
        if self.pixels is not None:
            height, width = self.pixels.shape[:2]
        elif self.encoded is not None:
            width, height = struct.unpack(">II", self.encoded[16:24])  # a PNG's first chunk is its header
        else:
            raise ValueError("a canvas has neither pixels nor encoded bytes")
        return width // CROP, height // CROP


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """Shapes: pixels (H, W, 3) uint8 sRGB, already oriented. Units: time_s is seconds into its video."""

    source: bytes | None = None
    pixels: np.ndarray | None = None
    canvas: Canvas | None = None
    num_tokens: int | None = None
    time_s: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Audio:
    """Shapes: samples (n,) float32 mono 16 kHz in [-1, 1]; log_mel (num_frames, 80) float32.

    Units: `offset_s` and `duration_s` name the part of `source` that is meant; None means the whole.
    """

    source: bytes | None = None
    offset_s: float | None = None
    duration_s: float | None = None
    samples: np.ndarray | None = None
    log_mel: np.ndarray | None = None
    num_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Tools:
    """The tools that the assistant may call; `definitions` is a JSON list as text. Stands at the end of a system message."""

    definitions: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call the assistant makes; `arguments` is a JSON object as text."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool answered, as text."""

    name: str
    content: str


Part = Text | Image | Audio | Tools | ToolCall | ToolResult
