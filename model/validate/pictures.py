"""Whether crops stand in their places: a picture goes on across the border of two crops as it does inside them.

For every stretch of a border between two crops (448 px at most) the step across it is compared with the ten steps around it. A
stretch is broken when its step is the largest of all, and `BROKEN_RATIO` times those inside. Pictures have edges, so that some
stretches of good corpora are broken (of the demonstration's, 1 in 20 on charts and 1 in 6 on slides); where crops were shuffled, half of
all and more. A stretch that was seen before, byte for byte, is not counted again: a rule that a template draws is one.
What it cannot see: crops swapped where both are blank at their borders. White padding that left its place is seen by the contract.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from model.validate.report import Check, failed, not_applicable, passed, too_few
from model.validate.statistics import binomial_tail
from schemas.identity import digest
from schemas.parts import CROP, Canvas

REACH = 5  # px pairs on either side of the border
BROKEN_RATIO = 3.0
QUIET = 0.5  # grey levels summed over colours: below, there is nothing at the border to compare
BROKEN_CHANCE, P_FAIL = 0.2, 1e-3
MIN_STRETCHES = 5  # 0.2^5 is below P_FAIL: with fewer, shuffled crops cannot be told
MAX_STRETCHES = 50_000  # more tell nothing new


@dataclass
class Seams:
    """Counts stretches of borders, and the broken ones, over all canvases."""

    num_canvases: int = 0
    num_cut: int = 0
    num_stretches: int = 0
    num_broken: int = 0
    seen: set[str] = field(default_factory=set)

    def see(self, canvas: Canvas, pixels: np.ndarray) -> None:
        self.num_canvases += 1
        self.num_cut += pixels.shape[0] > CROP or pixels.shape[1] > CROP
        if self.num_stretches >= MAX_STRETCHES:
            return
        for mark, is_broken in stretches(pixels, canvas.content_width, canvas.content_height):
            if mark not in self.seen:
                self.seen.add(mark)
                self.num_stretches += 1
                self.num_broken += is_broken

    def check(self) -> Check:
        figures = {"num_canvases": self.num_canvases, "num_stretches": self.num_stretches, "num_broken": self.num_broken}
        if not self.num_cut:
            return not_applicable("seams", "no picture has more than one crop beside its global view", **figures)
        p_value = binomial_tail(self.num_broken, self.num_stretches, BROKEN_CHANCE)
        told = f"{self.num_broken} of {self.num_stretches} stretches of crop borders with something on them are broken"
        if p_value < P_FAIL:
            return failed("seams", f"{told}: the crops are not in their places", p_value=p_value, **figures)
        if self.num_stretches < MIN_STRETCHES:
            return too_few("seams", f"{told}; {MIN_STRETCHES} are needed to tell", num_needed=MIN_STRETCHES, **figures)
        return passed("seams", f"{told}, as edges in pictures make them", p_value=p_value, **figures)


def stretches(pixels: np.ndarray, width: int, height: int) -> Iterator[tuple[str, bool]]:
    """For each stretch of a crop border that has something on it, a digest of it and whether it is broken. Shapes: pixels (TH, TW, 3) uint8."""
    for plane, across, along in ((pixels, width, height), (pixels.transpose(1, 0, 2), height, width)):
        for border in range(CROP, across - REACH - 1, CROP):
            strip = plane[:along, border - REACH - 1 : border + REACH + 1].astype(np.int16)
            steps = np.abs(np.diff(strip, axis=1)).sum(axis=2)  # (along, 2 * REACH + 1), the border's own in the middle
            for start in range(0, along, CROP):
                mean = steps[start : start + CROP].mean(axis=0)
                own, around = mean[REACH], np.delete(mean, REACH)
                if max(own, around.mean()) >= QUIET:
                    yield (
                        digest(strip[start : start + CROP].tobytes()),
                        bool(own > around.max() and own >= BROKEN_RATIO * around.mean() + QUIET),
                    )
