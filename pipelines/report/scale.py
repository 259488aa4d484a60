"""The axis of a histogram: where a number stands, which ticks are named, and bins joined to the few bars that are drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from pipelines.report.figures import Spread

Bin = tuple[float, float, int]
NUM_BARS = 32
LEAST_LOG_RATIO = 50.0  # of the largest to the smallest value, from which on a logarithmic axis is shown first
ZERO_PERCENT = 5.0  # of a logarithmic axis, for the records whose value is 0
REACH_RATIO = 0.5  # of the spread of values, as far as which a threshold outside of it is still drawn


@dataclass(frozen=True, slots=True)
class Scale:
    """An axis from `low` to `high`, linear or logarithmic; a logarithmic one may have a place for 0 at its left."""

    low: float
    high: float
    is_log: bool = False
    has_zero: bool = False

    def place(self, value: float) -> float:
        """Where a value stands, in percent of the width; values outside stand at the ends."""
        start = ZERO_PERCENT if self.has_zero else 0.0
        if self.is_log:
            if value <= 0:
                return 0.0
            ratio = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            ratio = (value - self.low) / (self.high - self.low)
        return start + (100.0 - start) * min(1.0, max(0.0, ratio))

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high or (self.has_zero and value == 0)

    def ticks(self, whole: bool = False) -> list[float]:
        """Round values within the axis, about five; only whole numbers where there are no others."""
        found = _log_ticks(self.low, self.high) if self.is_log else _linear_ticks(self.low, self.high)
        found = [value for value in found if not whole or value == round(value)]
        return ([0.0] if self.has_zero else []) + found


def numbers_of(spread: Spread) -> tuple[Bin, ...]:
    """The bins of a spread; truth values stand as 0 and 1. The outer ones are cut at the least and the most value there is."""
    if not spread.bins:
        found = {"false": 0.0, "true": 1.0}
        return tuple(sorted((found[text.lower()], found[text.lower()], count) for text, count in spread.values if text.lower() in found))
    bins = list(spread.bins)
    if spread.least is not None and spread.most is not None:
        low, high, num = bins[0]
        bins[0] = (max(low, spread.least), high, num)
        low, high, num = bins[-1]
        bins[-1] = (low, min(high, spread.most), num)
    return tuple(bins)


def may_be_log(bins: Sequence[Bin]) -> bool:
    """Whether a logarithmic axis can show these bins: no value is below 0 and they span more than one decade's third."""
    above = [low for low, high, _ in bins if high > 0 and low > 0]
    return bool(above) and min(low for low, _, _ in bins) >= 0 and max(high for _, high, _ in bins) > 2 * min(above)


def is_better_log(bins: Sequence[Bin]) -> bool:
    """Whether the logarithmic axis is the one to show first."""
    above = [low for low, _, _ in bins if low > 0]
    return may_be_log(bins) and max(high for _, high, _ in bins) > LEAST_LOG_RATIO * min(above)


def scale_for(bins: Sequence[Bin], thresholds: Sequence[float] = (), is_log: bool = False, whole: bool = False) -> Scale:
    """The axis that shows all bins, and the thresholds that are near them; `whole` numbers stand in the middle of their bars."""
    low, high = min(bin[0] for bin in bins), max(bin[1] for bin in bins)
    if is_log:
        has_zero = low <= 0
        low = min(bin[0] for bin in bins if bin[0] > 0)
        reach = (high / low) ** REACH_RATIO
        near = [value for value in thresholds if value > 0 and low / reach <= value <= high * reach]
        return Scale(min([low, *near]), max([high * (1 + 1e-9), *near]), True, has_zero)
    reach = (high - low) * REACH_RATIO
    near = [value for value in thresholds if low - reach <= value <= high + reach]
    low, high = min([low, *near]), max([high, *near])
    if whole:
        return Scale(low - 0.5, high + 0.5)
    return Scale(low, high if high > low else low + 1)


def edges_for(scale: Scale, bins: Sequence[Bin], whole: bool = False) -> list[float]:
    """Edges of the bars: evenly spread over the axis, moved to where the bins allow it, so that every count is exact."""
    num = NUM_BARS
    if scale.is_log:
        step = (scale.high / scale.low) ** (1 / num)
        nominal = [scale.low * step**index for index in range(num)] + [scale.high]
    elif whole:
        step = max(1, math.ceil((scale.high - scale.low) / num))
        nominal = [scale.low + step * index for index in range(math.ceil((scale.high - scale.low) / step) + 1)]
    else:
        step = (scale.high - scale.low) / num
        nominal = [scale.low + step * index for index in range(num)] + [scale.high]
    wide = sorted({(low, high) for low, high, _ in bins if low < high})
    inner = [_snapped(edge, wide) for edge in nominal[1:-1]]
    return sorted({nominal[0], *inner, nominal[-1]})


def _snapped(edge: float, wide: Sequence[tuple[float, float]]) -> float:
    """The edge, or the nearer end of the bin that it would cut."""
    for low, high in wide:
        if low < edge < high:
            return low if edge - low <= high - edge else high
    return edge


def rebin(bins: Sequence[Bin], edges: Sequence[float]) -> list[int]:
    """How many records lie between each two edges; the sum stays. A bin counts where its middle lies, values beyond at the ends."""
    counts = [0] * (len(edges) - 1)
    place = 0
    for low, high, num in sorted(bins):
        middle = (low + high) / 2
        while place < len(counts) - 1 and middle >= edges[place + 1]:
            place += 1
        counts[place] += num
    return counts


def merged(bins: Sequence[Bin], most: int) -> list[Bin]:
    """So many bins at the most, and one more where numbers have both signs; counts stay exact.

    Joined ones reach up to those that follow, and negative ones down to those before. So the end that is nearer to zero stays within a joined bin, and the other one outside of it, as it is with all bins.
    """
    if len(bins) <= most:
        return list(bins)
    size = math.ceil(len(bins) / most)
    below = sum(low < 0 for low, _, _ in bins)  # no group has both signs
    starts = [*range(0, below, size), *range(below, len(bins), size), len(bins)]
    groups = [bins[start:stop] for start, stop in pairwise(starts)]
    found = []
    for place, group in enumerate(groups):
        low, high = group[0][0], group[-1][1]
        if low < 0 and place:
            low = groups[place - 1][-1][1]
        if high > 0 and place < len(groups) - 1:
            high = groups[place + 1][0][0]
        found.append((low, high, sum(num for _, _, num in group)))
    return found


def _linear_ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    raw = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw)
    return [round(step * index, 12) for index in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def _log_ticks(low: float, high: float, wanted: int = 6) -> list[float]:
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1, 2, 5), (1,)):
        found = [factor * 10.0**decade for decade in decades for factor in factors]
        inside = [value for value in found if low <= value <= high]
        if len(inside) <= wanted:
            return inside
    return inside[:: math.ceil(len(inside) / wanted)]


def widths(scale: Scale, edges: Sequence[float]) -> list[float]:
    """The width of each bar in percent of the axis."""
    return [scale.place(high) - scale.place(low) for low, high in pairwise(edges)]
