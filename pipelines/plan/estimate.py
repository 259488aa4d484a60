"""From what a sample gave to what the whole will give: totals and ratios with 90 % intervals.

The sample is drawn in two stages: splits of each stratum, then units (runs of rows) of each form in each split. A total is a ratio estimate (per size
of split, whose sum over all splits is known), its variance that of a two-stage sample with finite populations (Cochran 1977, Sampling
Techniques, section 11.7; ratio estimates: chapter 6), so that what was read whole has none. Three things keep intervals honest where samples are small:
- Student's t, whose degrees of freedom follow from how many splits and units stand behind the variance (Satterthwaite);
- the variance as if 1.35 units had given nothing and 1.35 twice the mean (for shares, Agresti and Coull 1998): what never varied in n units
  may still be otherwise in about 2.7 / n of the others, which is the rule of three for 90 %;
- intervals are those of a score test in which the variance grows with the total: rare things get the longer side above, never one below 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

CONFIDENCE = 0.9
Z = 1.6449  # of a standard normal variable, both sides
PSEUDO_UNITS = Z**2 / 2
UNSEEN = 2.9957  # -ln 0.05: at most so many were expected where none was seen, with 95 % on one side


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number and its 90 % interval; `low` = `high` where nothing is uncertain."""

    value: float
    low: float
    high: float

    @property
    def is_exact(self) -> bool:
        return self.low == self.high

    def holds(self, actual: float) -> bool:
        return self.low <= actual <= self.high

    def times(self, factor: float) -> Estimate:
        """Multiplied by a number that is known, and not below 0."""
        return Estimate(self.value * factor, self.low * factor, self.high * factor)

    def rounded(self) -> Estimate:
        """As whole numbers, the interval outwards."""
        slack = 1e-9 * max(1.0, abs(self.high))  # sums of shares of whole numbers
        return Estimate(round(self.value), int(np.floor(self.low + slack)), int(np.ceil(self.high - slack)))


def exactly(value: float) -> Estimate:
    return Estimate(value, value, value)


def product(left: Estimate, right: Estimate) -> Estimate:
    """Of two independent estimates: distances from the value add as the sides of a right angle (MOVER, Zou and Donner 2008)."""
    value = left.value * right.value
    low = np.hypot((left.value - left.low) * right.value, left.value * (right.value - right.low))
    high = np.hypot((left.high - left.value) * right.value, left.value * (right.high - right.value))
    return Estimate(value, max(left.low * right.low, value - low), value + high)


def spanned(left: Estimate, right: Estimate) -> Estimate:
    """Of estimates of which the right one is a range of what may be, not an error that others may cancel: both ends together."""
    return Estimate(left.value * right.value, left.low * right.low, left.high * right.high)


def added(parts: list[Estimate]) -> Estimate:
    """Of independent estimates."""
    value = sum(part.value for part in parts)
    low = np.sqrt(sum((part.value - part.low) ** 2 for part in parts))
    high = np.sqrt(sum((part.high - part.value) ** 2 for part in parts))
    return Estimate(value, value - low, value + high)


@dataclass(frozen=True)
class Design:
    """How the sample was drawn. Shapes: (strata,), (splits drawn,), (cells,), (units,).

    `size` of a split is what its source knows without reading it (rows, else bytes). A cell is the rows of one form in a split; `rows` is what was
    counted in it, `taken` the rows of a unit.
    """

    num_splits: np.ndarray  # of each stratum, drawn or not
    total_size: np.ndarray  # of each stratum
    split_stratum: np.ndarray
    split_size: np.ndarray
    cell_split: np.ndarray
    cell_rows: np.ndarray
    unit_cell: np.ndarray
    unit_taken: np.ndarray

    @cached_property
    def split_rows(self) -> np.ndarray:
        return np.bincount(self.cell_split, self.cell_rows, len(self.split_stratum))

    @cached_property
    def num_rows(self) -> float:
        """Rows of the whole, as far as sizes tell."""
        return self.scale_splits(self.split_rows)

    @property
    def share(self) -> float:
        """Of the rows, those that were taken."""
        return float(self.unit_taken.sum()) / self.num_rows if self.num_rows else 1.0

    @property
    def is_whole(self) -> bool:
        drawn = np.bincount(self.split_stratum, minlength=len(self.num_splits))
        return bool((drawn == self.num_splits).all()) and self.unit_taken.sum() == self.split_rows.sum()

    def scale_splits(self, of_splits: np.ndarray) -> float:
        """The total over all splits of what those drawn have."""
        return float(sum(self._scaled(h, of_splits[self.split_stratum == h]) for h in range(len(self.num_splits))))

    def _scaled(self, stratum: int, of_splits: np.ndarray) -> float:
        sizes = self.split_size[self.split_stratum == stratum].sum()
        return float(of_splits.sum() * self.total_size[stratum] / sizes) if sizes else float(of_splits.sum())

    def total(self, given: np.ndarray, most: float | None = None) -> Estimate | None:
        """The total over all rows of what the units gave; None where nothing is known. A unit that gave NaN was not measured, and counts as not drawn.

        `most` is a bound that the total cannot pass.
        """
        known = ~np.isnan(given)
        if not known.any():
            return None
        value, variance, freedom = self._moments(given, known)
        mean = value / max(self._num_units(known), 1e-9)
        variance += self._unseen(known, mean, mean)
        found = _score_interval(value, variance, freedom)
        seen = float(given[known].sum())
        low, high = max(found.low, min(seen, value)), max(found.high, seen)
        return Estimate(value, low, high if most is None else max(min(high, most), value))

    def events(self, given: np.ndarray, most: float | None = None) -> Estimate | None:
        """As `total`, of counts of what may be rare: where none was seen, few can be there, and the interval says how many."""
        known = ~np.isnan(given)
        if not known.any():
            return None
        value, variance, freedom = self._moments(given, known)
        seen, is_part = float(given[known].sum()), self._unseen(known, 1.0, 0.0) > 0
        if not is_part:
            return exactly(value)
        num, whole = int(known.sum()), self._num_units(known)
        if not seen:
            high = whole * (1 - np.exp(-UNSEEN / num)) * (1 - num / whole) * max(1.0, self.unit_taken[known].mean())
        else:
            grain = seen / max(int((given[known] > 0).sum()), 1)
            variance = max(variance, value * grain * whole / num * (1 - num / whole))  # at least that of independent events
            high = max(_score_interval(value, variance, freedom).high, seen)
        low = _score_interval(value, variance, freedom).low if seen else 0.0
        return Estimate(value, max(low, min(seen, value)), high if most is None else max(min(high, most), value))

    def ratio(self, given: np.ndarray, per: np.ndarray) -> Estimate | None:
        """The ratio of two totals, such as tokens per row that came out."""
        known = ~(np.isnan(given) | np.isnan(per))
        below = float(np.nansum(np.where(known, per, 0)))
        if not below:
            return None
        top, bottom = self._moments(given, known)[0], self._moments(per, known)[0]
        value = top / bottom
        _, variance, freedom = self._moments(np.where(known, given - value * per, np.nan), known)
        num = max(int((per[known] > 0).sum()), 1)
        variance = variance / bottom**2 + 2 * PSEUDO_UNITS * (value / num) ** 2 * self._left(known)
        return _score_interval(value, variance, freedom)

    def share_of(self, given: np.ndarray, of: np.ndarray) -> Estimate | None:
        """The share that some events have in others, such as refused of those that came in: Wilson's interval for as many as the variance is worth."""
        known = ~(np.isnan(given) | np.isnan(of))
        num = float(np.where(known, of, 0).sum())
        if not num:
            return None
        top, bottom = self._moments(given, known)[0], self._moments(of, known)[0]
        value = min(top / bottom, 1.0)
        _, variance, freedom = self._moments(np.where(known, given - value * of, np.nan), known)
        left = self._left(known)
        if left <= 0:
            return exactly(value)
        plain = value * (1 - value) / num * left
        worth = num / left / max(1.0, variance / bottom**2 / plain if plain else 1.0)
        t = _t(freedom)
        centre, width = value + t**2 / (2 * worth), t * np.sqrt(value * (1 - value) / worth + t**2 / (4 * worth**2))
        low, high = (centre - width) / (1 + t**2 / worth), (centre + width) / (1 + t**2 / worth)
        return Estimate(value, max(0.0, min(low, value)), min(1.0, max(high, value)))

    # ---- moments

    def _num_units(self, known: np.ndarray) -> float:
        """Units of the whole, were all cut as those that were taken."""
        return float(known.sum()) * self.num_rows / float(self.unit_taken[known].sum())

    def _left(self, known: np.ndarray) -> float:
        """The share of the rows that was not measured: nothing of what was is uncertain."""
        return max(0.0, 1 - float(self.unit_taken[known].sum()) / self.num_rows) if not (self.is_whole and known.all()) else 0.0

    def _unseen(self, known: np.ndarray, below: float, above: float) -> float:
        """Variance of the total as if a few units more had been seen, so much below the mean and so much above."""
        num, whole = float(known.sum()), self._num_units(known)
        return PSEUDO_UNITS * (below**2 + above**2) * (whole / num) ** 2 * self._left(known)

    def _moments(self, given: np.ndarray, known: np.ndarray) -> tuple[float, float, float]:
        """Total, its variance, and the degrees of freedom of that."""
        num_cells, num_drawn = len(self.cell_split), len(self.split_stratum)
        units, cell, taken_each = given[known], self.unit_cell[known], self.unit_taken[known]
        count, taken = np.bincount(cell, minlength=num_cells), np.bincount(cell, taken_each, num_cells)
        has = taken > 0
        sums = np.bincount(cell, units, num_cells)
        rate = _divided(sums, taken)
        of_split = _divided(np.bincount(self.cell_split, sums, num_drawn), np.bincount(self.cell_split, taken, num_drawn))
        totals = np.bincount(self.cell_split, np.where(has, rate, of_split[self.cell_split]) * self.cell_rows, num_drawn)
        reached = np.bincount(self.cell_split, taken, num_drawn) > 0
        squares = np.bincount(cell, (units - rate[cell] * taken_each) ** 2, num_cells)
        free = np.maximum(count - 1, 0)
        pooled = squares.sum() / free.sum() if free.sum() else float(np.mean(units**2)) if len(units) else 0.0
        spread = np.where(free > 0, squares / np.maximum(free, 1), pooled)  # variance of a unit, in each cell
        units_there = _divided(self.cell_rows * count, taken)  # of a cell, were all of it cut so
        within = _divided(units_there**2 * np.maximum(1 - _divided(taken, self.cell_rows), 0) * spread, count)
        value, parts, freedoms = 0.0, [], []
        for h in range(len(self.num_splits)):
            here = reached & (self.split_stratum == h)
            drawn, there = int(here.sum()), float(self.num_splits[h])
            if not drawn:
                continue
            sizes, mine = self.split_size[here], totals[here]
            scale = self.total_size[h] / sizes.sum() if sizes.sum() else there / drawn
            value += scale * mine.sum()
            if drawn < there:
                errors = mine - (mine.sum() / sizes.sum() if sizes.sum() else 0.0) * sizes
                between = float((errors**2).sum() / (drawn - 1)) if drawn > 1 else float(mine[0] ** 2)
                parts.append(np.array([scale**2 * drawn * (1 - drawn / there) * between]))
                freedoms.append(np.array([max(drawn - 1, 1)]))
            cells = here[self.cell_split]
            parts.append(scale**2 * drawn / there * within[cells])
            freedoms.append(np.maximum(free[cells], 1))
        variances = np.concatenate(parts) if parts else np.zeros(1)
        variance = float(variances.sum())
        of_each = float((variances**2 / np.concatenate(freedoms)).sum()) if parts else 0.0
        return value, variance, variance**2 / of_each if of_each else float("inf")


def _divided(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """0 where there is nothing to divide by."""
    return np.divide(top, bottom, out=np.zeros(len(top)), where=bottom > 0)


def _t(freedom: float) -> float:
    if not np.isfinite(freedom):
        return Z
    from scipy.stats import t  # half a second to import

    return float(t.ppf((1 + CONFIDENCE) / 2, max(freedom, 1.0)))


def _score_interval(value: float, variance: float, freedom: float) -> Estimate:
    """All totals that are not refuted by what was found, where the variance of a total is in proportion to it."""
    if variance <= 0:
        return exactly(value)
    t = _t(freedom)
    if value <= 0:  # of residuals and empty totals
        return Estimate(value, value - t * np.sqrt(variance), value + t * np.sqrt(variance))
    grain = t**2 * variance / value
    width = np.sqrt(grain * value + grain**2 / 4)
    return Estimate(value, max(0.0, value + grain / 2 - width), value + grain / 2 + width)
