"""What is known of a clip before its frames are decoded: its index, the limits it is read within, and how it may be refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np

from schemas.outcome import Reason, Refused

NOT_A_VIDEO = Reason("not_a_video", "The bytes are of no video container that is read")
CORRUPT_VIDEO = Reason("corrupt_video", "The container or too many of its packets are damaged")
TRUNCATED_VIDEO = Reason("truncated_video", "The file ends before the index without which its frames cannot be found")
NO_FRAMES = Reason("no_frames", "The file holds no video stream, or none with a frame")
NO_DECODER = Reason("no_decoder", "The video stream is of a codec that no decoder here knows")
TOO_MANY_PIXELS = Reason("too_many_pixels", "A frame has more pixels than a decoder is allowed to make")
TOO_MANY_FRAMES = Reason("too_many_frames", "The clip has more packets, frames or decoded pixels than a reader is allowed to go through")
DECODE_REASONS = (NOT_A_VIDEO, CORRUPT_VIDEO, TRUNCATED_VIDEO, NO_FRAMES, NO_DECODER, TOO_MANY_PIXELS, TOO_MANY_FRAMES)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a clip may cost, by count. `max_corrupt_ratio`: damaged packets and frames over all that were decoded."""

    max_packets: int = 4_000_000  # 18 hours at 60 Hz
    max_frames: int = 1_000_000
    max_frame_pixels: int = 36_000_000  # 8K (8192 x 4320); a decoder holds up to 16 of them
    max_decoded_pixels: int = 200_000_000_000  # an hour at 1920 x 1080 and 26 Hz, without seeking
    max_corrupt_ratio: float = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Index:
    """The frames of a stream in order of presentation. `stamps` are times in `time_base`; a frame whose times are rebuilt is told by its number."""

    stamps: np.ndarray  # (n,) int64, increasing
    is_key: np.ndarray  # (n,) bool
    seeks: np.ndarray  # (n,) int64: where to seek for a keyframe, in the stream's time base
    time_base: Fraction
    last_duration: int  # of the last frame, in `time_base`
    is_rebuilt: bool = False

    @property
    def num_frames(self) -> int:
        return len(self.stamps)

    @property
    def times_s(self) -> list[float]:
        """Seconds since the first frame."""
        first = int(self.stamps[0])
        return [float((int(stamp) - first) * self.time_base) for stamp in self.stamps]

    @property
    def duration_s(self) -> float:
        """From the first frame to the end of the last."""
        return float((int(self.stamps[-1]) - int(self.stamps[0]) + self.last_duration) * self.time_base)


Choose = Callable[[Index], Sequence[int]]  # which frames are wanted, in order


def plan_seeks(index: Index, wanted: Sequence[int]) -> list[tuple[int, list[int]]]:
    """Keyframes, each with the frames to decode from there; empty where decoding from the start costs less than twice as much."""
    keys = np.flatnonzero(index.is_key)
    if not len(wanted) or not len(keys) or keys[0] > wanted[0]:
        return []
    groups: dict[int, list[int]] = {}
    for number in wanted:
        groups.setdefault(int(keys[np.searchsorted(keys, number, "right") - 1]), []).append(number)
    cost = sum(numbers[-1] - key + 1 for key, numbers in groups.items())
    if 2 * cost > wanted[-1] + 1:
        return []
    return list(groups.items())


def increasing(stamps: Sequence[int | None]) -> np.ndarray | None:
    """The times as (n,) int64; None where one is missing or does not increase."""
    if None in stamps:
        return None
    values = np.array(stamps, np.int64)
    return values if (np.diff(values) > 0).all() else None


def usual_gap(stamps: np.ndarray) -> int:
    """The median distance of neighbouring frames; 1 for a single one."""
    return int(np.median(np.diff(stamps))) if len(stamps) > 1 else 1


def unopened(data: bytes, error: av.FFmpegError) -> Refused:
    """Why a container cannot be opened, from its own bytes."""
    told = first_line(error)
    if data[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        cut = _cut_box(data)
        return Refused(TRUNCATED_VIDEO, cut) if cut else Refused(CORRUPT_VIDEO, f"an MP4 or QuickTime file: {told}")
    if data[:4] in (b"RIFF", b"\x1a\x45\xdf\xa3", b"FLV\x01", b"OggS", b"YUV4"):
        return Refused(CORRUPT_VIDEO, f"a container that starts {data[:4].hex(' ')}: {told}")
    return Refused(NOT_A_VIDEO, f"{len(data)} bytes that start with {data[:12].hex(' ') or 'nothing'}: {told}")


def _cut_box(data: bytes) -> str:
    """How an MP4 file ends before its index; empty where the index is there."""
    at = 0
    while at + 8 <= len(data):
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        end = len(data) if size == 0 else at + size
        if kind == b"moov" and end <= len(data):
            return ""
        if end > len(data):
            return f"box {kind.decode('latin-1')} ends at byte {end}, the file at byte {len(data)}, before its index (moov) is whole"
        if size and size < 8:
            return ""
        at = end
    return f"the {len(data)} bytes hold no index (moov)"


def first_line(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
