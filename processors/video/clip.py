"""A clip's chosen frames: decoded in a child process, whose memory and time have a bound when the counted limits do not hold."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from processors.guard import Limits as GuardLimits
from processors.guard import guarded
from processors.video.animated import decode_animation, is_picture
from processors.video.decode import DecodedClip, decode_clip, scan_clip
from processors.video.index import Index, Limits
from processors.video.select import MAX_SCANNED, SCAN_HZ, SCAN_SIDE_PX, SCENES, Selection, cell_colours, cuts

GUARD = GuardLimits(cpu_s=3_600.0, memory_bytes=6 << 30, idle_s=3_600.0)  # far above an hour of video, which takes minutes


def read_clip(
    data: bytes, selection: Selection, *, max_side_px: int = 1344, stream: int | None = None, limits: Limits = Limits()
) -> DecodedClip:
    """The selected frames of a video file, a GIF or an animated WebP, in this process.

    Raises: Refused with one of DECODE_REASONS.
    """
    moving_picture = is_picture(data)
    cuts_s: list[float] = []

    def choose(index: Index) -> list[int]:
        nonlocal cuts_s
        if selection.way == SCENES and not moving_picture and not cuts_s:
            cuts_s = find_cuts(data, index.duration_s, stream=stream, limits=limits)
        return selection.choose(index.times_s, index.duration_s, index.is_key.tolist(), cuts_s)

    if moving_picture:
        return decode_animation(data, choose, max_side_px=max_side_px, limits=limits)
    return decode_clip(data, choose, max_side_px=max_side_px, stream=stream, limits=limits)


def find_cuts(data: bytes, duration_s: float, *, stream: int | None = None, limits: Limits = Limits()) -> list[float]:
    """Times at which another scene begins, found on small pictures taken SCAN_HZ times a second or less."""
    seen: list[tuple[float, np.ndarray]] = []
    every_s = max(1 / SCAN_HZ, duration_s / MAX_SCANNED)
    scan_clip(
        data,
        lambda time_s, pixels: seen.append((time_s, cell_colours(pixels))),
        every_s=every_s,
        side_px=SCAN_SIDE_PX,
        stream=stream,
        limits=limits,
    )
    return [seen[place][0] for place in cuts([picture for _, picture in seen])]


def guarded_clip(
    data: bytes, selection: Selection, *, max_side_px: int = 1344, stream: int | None = None, limits: Limits = Limits()
) -> DecodedClip:
    """`read_clip` in a child process.

    Raises: Refused with one of DECODE_REASONS, or TOO_COSTLY.
    """
    request = {
        "selection": dataclasses.asdict(selection),
        "limits": dataclasses.asdict(limits),
        "max_side_px": max_side_px,
        "stream": stream,
    }
    answer, planes = guarded(read_request, request, [data], GUARD)
    shapes = answer.pop("shapes")
    frames = tuple(np.frombuffer(plane, np.uint8).reshape(shape) for plane, shape in zip(planes, shapes, strict=True))
    return DecodedClip(frames=frames, times_s=tuple(answer.pop("times_s")), numbers=tuple(answer.pop("numbers")), **answer)


def read_request(request: dict[str, Any], blobs: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """What the child answers: everything of the clip but its pixels, and the pixels."""
    clip = read_clip(
        blobs[0],
        Selection(**request["selection"]),
        max_side_px=request["max_side_px"],
        stream=request["stream"],
        limits=Limits(**request["limits"]),
    )
    told = {name: getattr(clip, name) for name in clip.__dataclass_fields__ if name != "frames"}
    return {**told, "shapes": [frame.shape for frame in clip.frames]}, [frame.tobytes() for frame in clip.frames]
