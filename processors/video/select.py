"""Which frames of a clip are shown: pure functions of the frames' times, their keyframes, and how the picture changes.

Legend: `times_s` seconds since the first frame, increasing; `duration_s` the end of the last frame. All give places in
`times_s`, increasing. The frame of a time is the one on the screen then: the last that began at or before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

UNIFORM, RATE, SCENES, KEYFRAMES = "uniform", "rate", "scenes", "keyframes"
WAYS = (UNIFORM, RATE, SCENES, KEYFRAMES)
SCAN_HZ = 8.0  # a cut is found to 1/8 s, which no choice of frames needs finer
SCAN_SIDE_PX = 64
MAX_SCANNED = 20_000  # 40 minutes at 8 Hz; longer clips are scanned more coarsely
CUT_CHANGE = 24  # grey levels a cell: moving people change a scan picture by less than 15, cuts by 30 and more
CUT_CONTRAST = 3  # a cut changes this many times as much as what is around it: fast motion is no cut
CELLS = 16
STATIC_CHANGE = 4  # grey levels in any cell; compression of a still picture wavers by 1 or 2


@dataclass(frozen=True, slots=True)
class Selection:
    """At most `num_frames` of a clip. `rate_hz` is for way `rate`: a clip too long for it is sampled uniformly."""

    way: str = UNIFORM
    num_frames: int = 16
    rate_hz: float = 1.0

    def __post_init__(self) -> None:
        if self.way not in WAYS:
            raise ValueError(f"frames are chosen by {self.way!r}, expected one of {', '.join(WAYS)}")
        if self.num_frames < 1 or not self.rate_hz > 0:
            raise ValueError(f"num_frames is {self.num_frames} and rate_hz {self.rate_hz}, expected 1 or more and above 0")

    def choose(self, times_s: Sequence[float], duration_s: float, is_key: Sequence[bool], cuts_s: Sequence[float] = ()) -> list[int]:
        if self.way == RATE:
            return by_rate(times_s, duration_s, self.rate_hz, self.num_frames)
        if self.way == KEYFRAMES:
            return spread([place for place, key in enumerate(is_key) if key], self.num_frames)
        if self.way == SCENES:
            return by_scenes(times_s, duration_s, cuts_s, self.num_frames)
        return uniform(times_s, duration_s, self.num_frames)


def shown_at(times_s: Sequence[float], wanted_s: Sequence[float]) -> list[int]:
    """The frames on the screen at the wanted times, each once. A microsecond early counts as in time: times are rounded numbers."""
    places = np.searchsorted(np.asarray(times_s), np.asarray(wanted_s, np.float64) + 1e-6, "right") - 1
    return sorted({max(0, int(place)) for place in places})


def uniform(times_s: Sequence[float], duration_s: float, num_frames: int) -> list[int]:
    """The frames at the centres of `num_frames` equal parts of the clip; all frames where there are no more."""
    if len(times_s) <= num_frames:
        return list(range(len(times_s)))
    return shown_at(times_s, [duration_s * (2 * part + 1) / (2 * num_frames) for part in range(num_frames)])


def by_rate(times_s: Sequence[float], duration_s: float, rate_hz: float, num_frames: int) -> list[int]:
    """The frames at 0, 1/rate, 2/rate, ...; where these are more than `num_frames`, uniformly that many."""
    count = int(duration_s * rate_hz) + 1
    if count > num_frames:
        return uniform(times_s, duration_s, num_frames)
    return shown_at(times_s, [step / rate_hz for step in range(count) if step / rate_hz < duration_s])


def spread(places: Sequence[int], most: int) -> list[int]:
    """At most `most` of them, evenly, the first among them."""
    if len(places) <= most:
        return list(places)
    return [places[step * len(places) // most] for step in range(most)]


def by_scenes(times_s: Sequence[float], duration_s: float, cuts_s: Sequence[float], num_frames: int) -> list[int]:
    """The first frame of every scene, then the middle of the longest stretch without a frame, until there are `num_frames`."""
    if len(times_s) <= num_frames:
        return list(range(len(times_s)))
    starts = sorted({0, *(int(np.searchsorted(np.asarray(times_s), cut, "left")) for cut in cuts_s if cut <= times_s[-1])})
    chosen = spread(starts, num_frames)
    while len(chosen) < num_frames:
        ends = [*(times_s[place] for place in chosen[1:]), duration_s]
        gaps = [(times_s[place] - end, number) for number, (place, end) in enumerate(zip(chosen, ends, strict=True))]
        added = None
        for _, number in sorted(gaps):  # the longest first; one too short to hold another frame is passed over
            place = shown_at(times_s, [(times_s[chosen[number]] + ends[number]) / 2])[0]
            if place not in chosen:
                added = place
                break
        if added is None:
            break
        chosen = sorted([*chosen, added])
    return chosen


def thumbnail(pixels: np.ndarray) -> np.ndarray:
    """Mean brightness of 16 x 16 cells. Shapes: (H, W, 3) uint8 to (16, 16) float64, grey levels (BT.601 luma)."""
    luma = pixels.astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    for axis in (0, 1):
        size = luma.shape[axis]
        edges = np.minimum(np.arange(CELLS) * size // CELLS, size - 1)
        sums = np.add.reduceat(luma, edges, axis)
        counts = np.maximum(np.diff(np.append(edges, size)), 1)
        luma = sums / (counts[:, None] if axis == 0 else counts)
    return luma


def change(one: np.ndarray, other: np.ndarray) -> float:
    """Mean difference of two thumbnails in grey levels; of coloured ones, that of the band which differs most.

    Shapes: each (16, 16) or (16, 16, 3).
    """
    return float(np.abs(one - other).mean(axis=(0, 1)).max())


def cuts(thumbnails: Sequence[np.ndarray]) -> list[int]:
    """Places of the thumbnails that begin a new scene: far from the one before, and farther than its neighbours are from theirs."""
    steps = [change(one, other) for one, other in pairwise(thumbnails)]
    found = []
    for place, step in enumerate(steps):
        around = steps[max(0, place - 3) : place] + steps[place + 1 : place + 4]
        if step >= CUT_CHANGE and step >= CUT_CONTRAST * float(np.median(around or [0.0])):
            found.append(place + 1)
    return found


def is_static(frames: Sequence[np.ndarray]) -> bool:
    """Whether no cell of any frame differs from the first by more than a still picture's compression does. Frames have one size."""
    first = cell_colours(frames[0])
    return all(float(np.abs(cell_colours(frame) - first).max()) <= STATIC_CHANGE for frame in frames[1:])


def cell_colours(pixels: np.ndarray) -> np.ndarray:
    """Mean colours of 16 x 16 cells. Shapes: (H, W, 3) uint8 to (16, 16, 3) float64."""
    planes = [thumbnail(np.repeat(pixels[..., band : band + 1], 3, axis=2)) for band in range(3)]
    return np.stack(planes, axis=2)
