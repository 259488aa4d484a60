"""How numbers are spread, counted so that parts can be added in any order and always give the same figures.

While few different values occur they are counted each by itself. Beyond that they are counted in bins that follow from the value alone:
the upper 18 bits of a float64 without its sign, that is 128 bins an octave, each narrower than 1/128 of its numbers; whole numbers below 256
have a bin each. Zero has one of its own, and a negative number has the mirror image of its magnitude's. Whether values or bins are
kept depends on how many different values there are in all, so it does not matter in which parts they were seen.

Sums and sums of squares are kept as whole numbers of the smallest unit that floats are multiples of, without any rounding: mean and
total are the exact ones rounded once, and the deviation is right to the last bit or the one before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from pipelines.report.figures import Spread

MAX_VALUES = 512  # different numbers that are counted each by itself
MANTISSA_BITS = 7  # of those that name a bin
PERCENTS = (0, 1, 5, 25, 50, 75, 95, 99, 100)
_SHIFT = 52 - MANTISSA_BITS
_UNIT_BITS = 1_126  # floats are multiples of 2**-1074; and 52 more, so that a subnormal's mantissa needs no shift to the right
_LOW_32 = np.uint64(0xFFFF_FFFF)


def bins_of(values: np.ndarray) -> np.ndarray:
    """The number of each value's bin: 0 for zero, else the upper bits of its magnitude, plus one, with its sign. Shapes: (n,) int64 or float64 in, int64 out."""
    if values.dtype == np.int64:
        magnitudes = np.abs(values).view(np.uint64)  # right for the least int64 too, whose magnitude no int64 holds
        magnitudes = np.where(magnitudes >> np.uint64(53), magnitudes & ~np.uint64(0x7FF), magnitudes)  # so that no float is rounded up
        floats = magnitudes.astype(np.float64)
    else:
        floats = np.abs(values)
    indices = (floats.view(np.int64) >> _SHIFT) + 1
    return np.where(floats == 0, 0, np.where(values < 0, -indices, indices))


def edges_of(indices: np.ndarray, is_int: bool) -> Iterator[tuple[float, float]]:
    """The edges of bins, ascending: equal where a bin holds one number; else the one farther from zero is outside. Shapes: (n,) int64."""
    ends = np.maximum(np.abs(indices) - np.array([[1], [0]]), 0) << _SHIFT
    lows, highs = np.where(indices == 0, 0.0, np.minimum(ends.view(np.float64), np.finfo(np.float64).max))
    if is_int:
        lows, highs = np.ceil(lows), np.ceil(highs)
        highs = np.where(highs - lows <= 1, lows, highs)
    kind: Callable[[float], float] = int if is_int else float
    for index, low, high in zip(indices.tolist(), lows.tolist(), highs.tolist(), strict=True):
        yield (kind(low), kind(high)) if index >= 0 else (-kind(high), -kind(low))


class Numbers:
    """Counts numbers of one type. `add` takes some, `merge` all that another one has counted."""

    __slots__ = ("_counts", "_keys", "_squares", "_total", "count", "is_binned", "is_int", "least", "most", "num_not_finite")

    def __init__(self, is_int: bool) -> None:
        self.is_int, self.is_binned = is_int, False
        self.count = self.num_not_finite = self._total = self._squares = 0
        self.least: float | None = None
        self.most: float | None = None
        self._keys = np.empty(0, np.int64 if is_int else np.float64)  # values, or the numbers of bins, ascending
        self._counts = np.empty(0, np.int64)

    def add(self, values: np.ndarray) -> None:
        """Counts values. Shapes: (n,), int64 or float64 as the counter is of whole numbers or not."""
        if not self.is_int:
            finite = np.isfinite(values)
            self.num_not_finite += int(len(values) - finite.sum())
            values = values[finite] + 0.0  # -0.0 becomes 0.0
        if not len(values):
            return
        self.count += len(values)
        self._bound(values.min().item(), values.max().item())
        total, squares = _int_sums(values) if self.is_int else _float_sums(values)
        self._total += total
        self._squares += squares
        self._count(*np.unique(bins_of(values) if self.is_binned else values, return_counts=True))

    def merge(self, other: Numbers) -> None:
        if other.is_int != self.is_int:
            raise ValueError("whole numbers and others cannot be counted together")
        self.num_not_finite += other.num_not_finite
        if not other.count:
            return
        assert other.least is not None and other.most is not None
        self.count += other.count
        self._bound(other.least, other.most)
        self._total += other._total
        self._squares += other._squares
        if other.is_binned:
            self._bin()
        keys = bins_of(other._keys) if self.is_binned and not other.is_binned else other._keys
        self._count(keys, other._counts)

    def _bound(self, least: float, most: float) -> None:
        self.least = least if self.least is None else min(self.least, least)
        self.most = most if self.most is None else max(self.most, most)

    def _count(self, keys: np.ndarray, counts: np.ndarray) -> None:
        self._keys, places = np.unique(np.concatenate([self._keys, keys]), return_inverse=True)
        counts = np.concatenate([self._counts, counts])
        self._counts = np.zeros(len(self._keys), np.int64)
        np.add.at(self._counts, places, counts)
        if not self.is_binned and len(self._keys) > MAX_VALUES:
            self._bin()

    def _bin(self) -> None:
        if not self.is_binned:
            self.is_binned = True
            values, counts = self._keys, self._counts
            self._keys, self._counts = np.empty(0, np.int64), np.empty(0, np.int64)
            self._count(bins_of(values), counts)

    def bins(self) -> Iterator[tuple[float, float, int]]:
        """Low edge, high edge, count; ascending."""
        counts = self._counts.tolist()
        if self.is_binned:
            edges = edges_of(self._keys.astype(np.int64), self.is_int)
        else:
            edges = ((value, value) for value in self._keys.tolist())
        for (low, high), count in zip(edges, counts, strict=True):
            yield low, high, count

    def spread(self, num_records: int) -> Spread:
        """The figures, over so many records, of which those without a number lack the fact."""
        num_with = self.count + self.num_not_finite
        if not self.count:
            return Spread(num_with, num_records - num_with, num_not_finite=self.num_not_finite)
        bins = tuple(self.bins())
        return Spread(
            num_records=num_with,
            num_missing=num_records - num_with,
            least=self.least,
            most=self.most,
            mean=self._total / (self.count << self._bits),
            deviation=self._deviation(),
            total=self._sum(),
            quantiles=tuple((percent / 100, self._quantile(percent, bins)) for percent in PERCENTS),
            bins=bins,
            num_not_finite=self.num_not_finite,
        )

    @property
    def _bits(self) -> int:
        return 0 if self.is_int else _UNIT_BITS

    def _sum(self) -> float | None:
        if self.is_int:
            return self._total
        try:
            return self._total / (1 << self._bits)
        except OverflowError:
            return None

    def _deviation(self) -> float:
        variance = self.count * self._squares - self._total**2  # of the population, times the square of the count
        shift = max(0, 70 - variance.bit_length() // 2)  # so that the root has 64 bits or more
        return math.isqrt(variance << 2 * shift) / (self.count << self._bits + shift)

    def _quantile(self, percent: int, bins: tuple[tuple[float, float, int], ...]) -> float:
        assert self.least is not None and self.most is not None
        rank = max(1, -(-percent * self.count // 100))
        if rank in (1, self.count):
            return self.least if rank == 1 else self.most
        before = 0
        for low, high, count in bins:
            if before + count >= rank:
                if low == high:
                    return low
                value: float = low + (high - low) * ((rank - before - 0.5) / count)
                return min(max(math.floor(value) if self.is_int else value, self.least), self.most)
            before += count
        raise ValueError(f"rank {rank} of {self.count} numbers lies beyond the bins, which hold {before}")


def _int_sums(values: np.ndarray) -> tuple[int, int]:
    """The sum and the sum of squares, as they are."""
    magnitudes = np.abs(values).view(np.uint64)
    high, low = magnitudes >> np.uint64(32), magnitudes & _LOW_32
    total = (int((values >> 32).sum()) << 32) + int((values & 0xFFFF_FFFF).sum())
    return total, (_sum(high * high) << 64) + (_sum(high * low) << 33) + _sum(low * low)


def _sum(values: np.ndarray) -> int:
    """The exact sum of uint64."""
    return (int((values >> np.uint64(32)).sum()) << 32) + int((values & _LOW_32).sum())


def _float_sums(values: np.ndarray) -> tuple[int, int]:
    """The sum in units of 2**-_UNIT_BITS, and the sum of squares in those of the unit's square."""
    fractions, exponents = np.frexp(values)
    order = np.argsort(exponents, kind="stable")
    exponents = exponents[order]
    mantissas = np.ldexp(fractions[order], 53).astype(np.int64)
    starts = np.flatnonzero(np.diff(exponents, prepend=exponents[0] - 1))
    magnitudes = np.abs(mantissas).view(np.uint64)
    high, low = magnitudes >> np.uint64(27), magnitudes & np.uint64((1 << 27) - 1)

    def sums(terms: np.ndarray) -> list[int]:
        upper, lower = np.add.reduceat(terms >> 32, starts), np.add.reduceat(terms & 0xFFFF_FFFF, starts)
        return [(int(a) << 32) + int(b) for a, b in zip(upper.tolist(), lower.tolist(), strict=True)]

    squares = zip(sums(high * high), sums(high * low), sums(low * low), strict=True)
    total = total_squares = 0
    for exponent, linear, (hh, hl, ll) in zip(exponents[starts].tolist(), sums(mantissas), squares, strict=True):
        shift = exponent - 53 + _UNIT_BITS
        total += linear << shift
        total_squares += ((hh << 54) + (hl << 28) + ll) << 2 * shift
    return total, total_squares
