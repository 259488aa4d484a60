"""Short videos in which what happens, when and where is known, in the ways that videos come, and files that must be refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image as PillowImage

from pipelines.sample.lines import write_lines
from schemas.identity import keyed_rng

PER_SIZE = 9  # one row each of WAYS
WAYS = ("mp4", "variable_rate", "turned", "avi", "gif", "pictures", "static", "audio_only", "cut")
RATE_HZ = 10
NUM_FRAMES = 40
WIDTH, HEIGHT, SIDE = 320, 240, 60
COLOURS = {"red": (210, 40, 40), "green": (40, 150, 60), "blue": (40, 80, 210), "orange": (240, 130, 20), "purple": (130, 60, 170)}
BACKGROUND = (235, 235, 235)
QUARTER_TURN = (0, 0x10000, 0, -0x10000, 0, 0, HEIGHT << 16, 0, 0x40000000)  # shown turned clockwise (ISO 14496-12, track header)
LICENCE = "CC0-1.0"


@dataclass(frozen=True, slots=True, eq=False)
class Story:
    """A square crosses the picture, stops, then changes its colour. Units: times in s; boxes x0, y0, x1, y1 in [0, 1] as shown."""

    pictures: tuple[np.ndarray, ...]
    times_s: tuple[float, ...]
    summary: str
    events: tuple[dict[str, Any], ...]
    thing: str
    boxes: tuple[tuple[float, ...], ...]


def tell_story(seed: int, number: int, times_s: Sequence[float], moves: bool = True) -> Story:
    """The story of clip `number` at the given times: it goes left or right, up or down, and turns into another colour."""
    rng = keyed_rng(seed, "sample.clips", str(number))
    before, after = (list(COLOURS)[int(place)] for place in rng.permutation(len(COLOURS))[:2])
    across, forward = bool(rng.integers(2)), bool(rng.integers(2))
    sides = (("left", "right") if across else ("top", "bottom"))[:: 1 if forward else -1]
    stop_s, change_s = round(float(rng.uniform(1.4, 2.0)), 1), round(float(rng.uniform(2.6, 3.2)), 1)
    pictures, boxes = [], []
    for time_s in times_s:
        done = min(time_s / stop_s, 1.0) if moves else 0.0
        done = done if forward else 1 - done
        x = round((WIDTH - SIDE) * (done if across else 0.5))
        y = round((HEIGHT - SIDE) * (0.5 if across else done))
        picture = np.full((HEIGHT, WIDTH, 3), BACKGROUND, np.uint8)
        picture[y : y + SIDE, x : x + SIDE] = COLOURS[before if time_s < change_s or not moves else after]
        pictures.append(picture)
        boxes.append((x / WIDTH, y / HEIGHT, (x + SIDE) / WIDTH, (y + SIDE) / HEIGHT))
    events = (
        {
            "start_s": 0.0,
            "end_s": stop_s,
            "event": f"a {before} square moves from the {sides[0]} to the {sides[1]}".replace("a orange", "an orange"),
        },
        {"time_s": stop_s, "event": f"the square stops at the {sides[1]}"},
        {"time_s": change_s, "event": f"the square turns {after}"},
    )
    summary = f"A {before} square moves from the {sides[0]} to the {sides[1]}, stops there and turns {after}.".replace(
        "A orange", "An orange"
    )
    return Story(tuple(pictures), tuple(times_s), summary, events, "the square", tuple(boxes))


def make_clips(folder: Path, size: int, seed: int) -> None:
    """`clips/rows.jsonl` and the files that it names: each of WAYS `size` times."""
    place = folder / "clips"
    place.mkdir(parents=True, exist_ok=True)
    write_lines(place / "rows.jsonl", [_make_row(place, number, seed) for number in range(PER_SIZE * size)])


def _make_row(place: Path, number: int, seed: int) -> dict[str, Any]:
    way = WAYS[number % len(WAYS)]
    even = tuple(frame / RATE_HZ for frame in range(NUM_FRAMES))
    # every fourth frame stays for three tenths of a second
    uneven = tuple(
        frame / RATE_HZ + 0.2 * ((frame + 3) // 4) for frame in range(NUM_FRAMES) if frame / RATE_HZ + 0.2 * ((frame + 3) // 4) < 4
    )
    told = tell_story(seed, number, uneven if way == "variable_rate" else even[::5] if way == "pictures" else even, way != "static")
    row: dict[str, Any] = {"licence": LICENCE, "way": way}
    if way == "pictures":
        names = [f"{number:05d}_{frame:02d}.png" for frame in range(len(told.pictures))]
        for name, picture in zip(names, told.pictures, strict=True):
            PillowImage.fromarray(picture).save(place / name)
        return row | {"images": names, "times_s": list(told.times_s), **_truth(told, True)}
    suffix = {"avi": ".avi", "gif": ".gif"}.get(way, ".mp4")
    path = place / f"{number:05d}{suffix}"
    row["image" if way == "gif" else "video"] = path.name
    if way == "audio_only":
        _write_tone(path)
        return row | {"summary": "A tone without a picture."}
    if way == "gif":
        first, *others = (PillowImage.fromarray(picture) for picture in told.pictures)
        first.save(path, save_all=True, append_images=others, duration=1_000 // RATE_HZ, loop=0)
    else:
        _write_video(path, told, "mpeg4" if way == "avi" else "")
    if way == "turned":
        _turn_track(path)
    if way == "cut":
        data = path.read_bytes()
        path.write_bytes(data[: len(data) * 6 // 10])
    if way == "static":
        return row | {"summary": "A square rests in the picture."}
    # half of the rows have a summary, the others live on computed questions; boxes and words of a turned clip would not fit what is seen
    return row | (
        {"summary": "A square moves through the picture and changes its colour."} if way == "turned" else _truth(told, number % 2 == 0)
    )


def _truth(told: Story, with_summary: bool) -> dict[str, Any]:
    boxes = [{"time_s": time_s, "box": list(box)} for time_s, box in zip(told.times_s, told.boxes, strict=True)]
    truth: dict[str, Any] = {"events": list(told.events), "tracks": [{"thing": told.thing, "boxes": boxes}]}
    return truth | ({"summary": told.summary} if with_summary else {})


def _write_video(path: Path, told: Story, codec: str) -> None:
    """H.264 where PyAV has x264, else MPEG-4, or the codec that is named; the same bytes every time."""
    h264 = not codec and "libx264" in av.codecs_available
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        # x264's macroblock tree reads memory that nobody wrote: with it, the bytes change with what the process did before
        options = {"x264-params": "mbtree=0:bframes=0"} if h264 else {}
        stream = container.add_stream("libx264" if h264 else "mpeg4", rate=RATE_HZ, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.time_base = Fraction(1, RATE_HZ)
        stream.codec_context.thread_count = 1  # how frames fall on threads changes the bytes
        for picture, time_s in zip(told.pictures, told.times_s, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = round(time_s * RATE_HZ), Fraction(1, RATE_HZ)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _write_tone(path: Path) -> None:
    """A second of a tone in AAC, and no picture."""
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("aac", rate=16_000, layout="mono")
        tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)
        frame = av.AudioFrame.from_ndarray(tone.astype(np.float32)[None, :], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 16_000, 0, Fraction(1, 16_000)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _turn_track(path: Path) -> None:
    """States in the track header that the picture is to be shown turned by a quarter, clockwise."""
    data = bytearray(path.read_bytes())
    start = data.index(b"tkhd") + 4 + 40  # behind version, times, ids, layer and volume
    data[start : start + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in QUARTER_TURN)
    path.write_bytes(bytes(data))
