"""Audio files decoded in a child process: libsndfile and FFmpeg meet bytes that nobody has checked."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from processors.audio.decode import DECODE_REASONS, DecodedAudio, decode_audio
from processors.guard import TOO_COSTLY, Answer, Limits, guarded

GUARDED_REASONS = (*DECODE_REASONS, TOO_COSTLY)
LIMITS = Limits(cpu_s=600.0, memory_bytes=6 << 30)  # two hours of audio, the most that is read, take 1 GiB and a minute or two


def guarded_audio(
    data: bytes, *, offset_s: float | None = None, duration_s: float | None = None, max_seconds: float = 7_200.0
) -> DecodedAudio:
    """`decode_audio` in a child process. Shapes: samples (n,) float32 mono 16 kHz, read only.

    Raises: Refused with one of GUARDED_REASONS.
    """
    asked = {"offset_s": offset_s, "duration_s": duration_s, "max_seconds": max_seconds}
    answer, (plane,) = guarded(decode_request, asked, [data], LIMITS)
    return DecodedAudio(samples=np.frombuffer(plane, np.float32), **answer)


def decode_request(request: dict[str, Any], blobs: list[bytes]) -> Answer:
    """What the child answers: all that is known of the clip but its samples, and the samples."""
    clip = decode_audio(blobs[0], **request)
    told = {field.name: getattr(clip, field.name) for field in dataclasses.fields(clip) if field.name != "samples"}
    return told, [np.ascontiguousarray(clip.samples).view(np.uint8).data]
