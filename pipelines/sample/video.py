"""A short video in which what happens, and when, is known."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from pipelines.sample.lines import write_json

RATE_HZ = 12
NUM_FRAMES = 48
CHANGE_FRAME = 36  # the square is at the right by then, and stays there
WIDTH, HEIGHT, SIDE = 320, 240, 48
BACKGROUND, RED, BLUE = (235, 235, 235), (210, 40, 40), (40, 80, 210)


def make_video(folder: Path, size: int, seed: int) -> None:
    """`video/moving.mp4`: a square goes from left to right, then turns from red to blue. Size and seed change nothing."""
    del size, seed
    place = folder / "video"
    h264 = "libx264" in av.codecs_available
    lefts = [round((WIDTH - SIDE) * min(number, CHANGE_FRAME) / CHANGE_FRAME) for number in range(NUM_FRAMES)]
    with av.open(str(place / "moving.mp4"), "w", options={"fflags": "+bitexact"}) as container:
        # x264's macroblock tree reads memory that nobody wrote: with it, the bytes change with what the process did before
        options = {"x264-params": "mbtree=0"} if h264 else {}
        stream = container.add_stream("libx264" if h264 else "mpeg4", rate=RATE_HZ, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.thread_count = 1  # how frames fall on threads changes the bytes
        for number, left in enumerate(lefts):
            picture = np.full((HEIGHT, WIDTH, 3), BACKGROUND, np.uint8)
            top = (HEIGHT - SIDE) // 2
            picture[top : top + SIDE, left : left + SIDE] = RED if number < CHANGE_FRAME else BLUE
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, RATE_HZ)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    events = [
        {"time_s": 0.0, "event": "a red square is at the left edge and starts to move to the right"},
        {"time_s": CHANGE_FRAME / RATE_HZ, "event": "the square has reached the right edge, stops and turns blue"},
    ]
    boxes = [[left, (HEIGHT - SIDE) // 2, SIDE, SIDE] for left in lefts]
    known = {"codec": "h264" if h264 else "mpeg4", "width": WIDTH, "height": HEIGHT, "duration_s": NUM_FRAMES / RATE_HZ}
    times = [number / RATE_HZ for number in range(NUM_FRAMES)]
    write_json(place / "moving.json", {**known, "events": events, "frame_times_s": times, "square_boxes": boxes})
