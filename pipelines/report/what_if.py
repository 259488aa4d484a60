"""What a limit would keep if it stood elsewhere, as far as bins can tell: the figures behind the sliders.

A bin (low, high, count) holds the one of its ends that is nearer to zero, and not the other; one whose low is its high holds that value alone.
The first and the last of a spread hold the least and the largest value there is. script.js counts in the same way.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.report.figures import LimitFigures
from pipelines.report.scale import Bin, merged, numbers_of
from pipelines.report.wording import exact

MAX_BINS = 256  # of a spread in the page, about what a slider can tell apart
LEAST, MOST = "least", "most"


@dataclass(frozen=True, slots=True, order=True)
class Stop:
    """A place of a slider: the threshold, and whether a value that equals it is out of bounds (`is_open`)."""

    value: float
    is_open: bool = False

    def says(self, bound: str) -> str:
        sign = {(LEAST, False): "≥", (LEAST, True): ">", (MOST, False): "≤", (MOST, True): "<"}[bound, self.is_open]
        return f"{sign} {exact(self.value)}"


@dataclass(frozen=True, slots=True)
class Slider:
    """One bound of a limit that can be moved: its stops in ascending order, and which of them is the bound as it was built."""

    limit: int  # its place among the limits
    bound: str  # least or most
    stops: tuple[Stop, ...]
    now: int

    @property
    def ident(self) -> str:
        return f"limit-{self.limit}-{self.bound}"

    @property
    def value(self) -> float:
        return self.stops[self.now].value


def within(bins: Sequence[Bin], least: Stop | None, most: Stop | None) -> tuple[int, int]:
    """How many values lie within the bounds: surely, and at the most; they differ where a bound cuts a bin."""
    sure = possible = 0
    for place, (low, high, num) in enumerate(bins):
        low_out = low < 0 and low < high and place > 0
        high_out = low >= 0 and low < high and place < len(bins) - 1
        if least and (high < least.value or (high == least.value and (least.is_open or high_out))):
            continue
        if most and (low > most.value or (low == most.value and (most.is_open or low_out))):
            continue
        possible += num
        above = not least or low > least.value or (low == least.value and (low_out or not least.is_open))
        below = not most or high < most.value or (high == most.value and (high_out or not most.is_open))
        sure += num if above and below else 0
    return sure, possible


def bins_of(limit: LimitFigures) -> tuple[list[Bin], list[Bin]]:
    """The bins of the rows that came out, and of the records that the limit refused."""
    return merged(numbers_of(limit.kept), MAX_BINS), merged(numbers_of(limit.refused), MAX_BINS)


def sliders_of(number: int, limit: LimitFigures) -> list[Slider]:
    """The sliders of a limit; none where no value was told."""
    kept, refused = bins_of(limit)
    if not kept and not refused:
        return []
    return [
        _slider(number, bound, value, (kept, refused))
        for bound, value in ((LEAST, limit.least), (MOST, limit.most))
        if value is not None and math.isfinite(value)
    ]


def _slider(number: int, bound: str, value: float, spreads: Sequence[Sequence[Bin]]) -> Slider:
    now = Stop(float(value))
    found = {now}
    for bins in spreads:
        for place, (low, high, _) in enumerate(bins):
            if bound == LEAST:
                found.add(Stop(float(low), low < 0 and low < high and place > 0))
            else:
                found.add(Stop(float(high), low >= 0 and low < high and place < len(bins) - 1))
    stops = tuple(sorted(found, key=lambda stop: (stop.value, stop.is_open != (bound == MOST))))
    return Slider(number, bound, stops, stops.index(now))


def figures_of(limits: Sequence[LimitFigures]) -> list[dict[str, object]]:
    """What script.js counts with: bins and stops of each limit, as plain values."""
    told: list[dict[str, object]] = []
    for number, limit in enumerate(limits):
        kept, refused = bins_of(limit)
        stops = {slider.bound: [[stop.value, int(stop.is_open)] for stop in slider.stops] for slider in sliders_of(number, limit)}
        told.append(
            {
                "least": limit.least,
                "most": limit.most,
                "kept": kept,
                "refused": refused,
                "stops": stops,
                "untold": limit.refused.num_missing,
            }
        )
    return told
