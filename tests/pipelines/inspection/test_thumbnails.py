"""Thumbnails: two pixels a character, the colours exact; a log-Mel with time to the right and low bands below."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from pipelines.inspection.thumbnails import HEIGHT, WIDTH, half_blocks, mel_pixels, thumbnails
from schemas.corpus import Corpus


def drawn(pixels: np.ndarray) -> str:
    console = Console(file=StringIO(), force_terminal=True, color_system="truecolor", width=80)
    console.print(half_blocks(pixels), end="")
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_the_upper_pixel_is_the_letter_and_the_lower_one_its_ground() -> None:
    pixels = np.array([[[1, 2, 3], [9, 9, 9]], [[4, 5, 6], [9, 9, 9]], [[7, 8, 9], [7, 8, 9]]], np.uint8)
    first, second = drawn(pixels).rstrip("\n").split("\n")
    assert first == "\x1b[38;2;1;2;3;48;2;4;5;6m▀\x1b[0m\x1b[38;2;9;9;9;48;2;9;9;9m▀\x1b[0m"
    assert second == "\x1b[38;2;7;8;9m▀▀\x1b[0m"  # a last line of its own has no ground


def test_a_log_mel_has_time_to_the_right_and_low_bands_below() -> None:
    features = np.zeros((100, 80), np.float32)
    features[80:, :8] = 10.0  # late, and low
    pixels = mel_pixels(features, 50, 20).astype(int).sum(axis=2)
    assert pixels.shape == (20, 50)
    assert np.unravel_index(pixels.argmax(), pixels.shape)[0] >= 18
    assert pixels[-1, -1] > pixels[0, -1] == pixels[-1, 0]
    assert mel_pixels(np.full((3, 80), 2.0, np.float32), 50, 20).shape == (20, 3, 3)  # shorter than the width, and without contrast


def test_each_medium_of_a_row_is_drawn_within_bounds(demo: dict[str, Any]) -> None:
    for name, title in (("image_text", "image 1: "), ("asr", "audio 1: ")):
        record = next(Corpus(Path(demo[name]["path"])).records())
        (told, picture), *_ = thumbnails(record, 40)
        assert told.startswith(title)
        lines = picture.plain.split("\n")
        assert 0 < len(lines) <= HEIGHT // 2
        assert {len(line) for line in lines} == {len(lines[0])}
        assert len(lines[0]) <= min(40, WIDTH)
