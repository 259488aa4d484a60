"""A short video in which what happens, and when, is known."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np

RATE = 12
SECONDS = 4
SIDE = 48


def make_video(folder: Path, size: int, seed: int) -> None:
    """`video/moving.mp4`: a square goes from left to right and turns from red to blue at half time. Size and seed change nothing."""
    del size, seed
    place = folder / "video"
    times = []
    with av.open(str(place / "moving.mp4"), "w", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("mpeg4", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        stream.codec_context.thread_count = 1
        for number in range(RATE * SECONDS):
            picture = np.full((240, 320, 3), 235, np.uint8)
            x = round((320 - SIDE) * number / (RATE * SECONDS - 1))
            picture[96 : 96 + SIDE, x : x + SIDE] = (210, 40, 40) if number < RATE * SECONDS // 2 else (40, 80, 210)
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
            times.append(number / RATE)
        for packet in stream.encode(None):
            container.mux(packet)
    events = [{"time_s": 0.0, "event": "a red square is at the left"}, {"time_s": SECONDS / 2, "event": "the square turns blue"}]
    (place / "moving.json").write_text(json.dumps({"frame_times_s": times, "events": events}, indent=1))
