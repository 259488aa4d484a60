"""Which rows come when: an endless mixture of corpora by weight, or every row of them a number of times.

Rows are numbered over all corpora, one corpus after another. They come in windows, each a pure function of its number, the seed
and the sizes and weights of the corpora, so that any window can be had without those before it. Inside a corpus every row comes
once before any row comes twice, each time round in another order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Protocol

import numpy as np

from schemas.identity import keyed_rng


class Windows(Protocol):
    """Windows of rows. `num_windows` is None where they never end."""

    @property
    def num_windows(self) -> int | None: ...

    def window(self, number: int) -> np.ndarray:
        """The rows of a window in the order of their corpora. Shapes: (n,) int64."""
        ...


def apportion(num_rows: int, weights: Sequence[Fraction]) -> list[int]:
    """Rows of each corpus among the first `num_rows`: whole numbers with this sum, each less than one from its exact share.

    Weights sum to 1. The largest remainders are rounded up (Hamilton's method); of equal ones the first.
    """
    exact = [num_rows * weight for weight in weights]
    counts = [math.floor(share) for share in exact]
    largest = sorted(range(len(weights)), key=lambda index: (counts[index] - exact[index], index))
    for index in largest[: num_rows - sum(counts)]:
        counts[index] += 1
    return counts


@dataclass
class _Orders:
    """Orders of a corpus' rows, a new one for each time round; the last two are kept, since a window may touch both."""

    size: int
    seed: int
    name: str
    kept: dict[int, np.ndarray] = field(default_factory=dict)

    def rows(self, start: int, stop: int) -> np.ndarray:
        """Places `start` to `stop` of the corpus gone through without end. Shapes: (stop - start,) int64."""
        found = []
        while start < stop:
            epoch, place = divmod(start, self.size)
            part = self._order(epoch)[place : place + stop - start]
            found.append(part)
            start += len(part)
        return np.concatenate(found).astype(np.int64) if found else np.empty(0, np.int64)

    def _order(self, epoch: int) -> np.ndarray:
        if epoch not in self.kept:
            while len(self.kept) > 1:
                del self.kept[next(iter(self.kept))]
            numbers = np.arange(self.size, dtype=np.int32 if self.size < 2**31 else np.int64)
            keyed_rng(self.seed, f"order of {self.name}", str(epoch)).shuffle(numbers)
            self.kept[epoch] = numbers
        return self.kept[epoch]


class Mixture:
    """Corpora without end, each by its weight: after any number of windows a corpus has given its share to less than one row.

    A window is at least so long that the rarest corpus gives a row to each.

    Raises:
        ValueError: a corpus without rows, or a weight that is not a positive number.
    """

    num_windows = None

    def __init__(self, sizes: Sequence[int], weights: Sequence[float], seed: int, window_rows: int) -> None:
        for number, (size, weight) in enumerate(zip(sizes, weights, strict=True)):
            if size < 1 or not (math.isfinite(weight) and weight > 0):
                raise ValueError(f"corpus {number} has {size} rows and weight {weight}; expected a row or more and a positive weight")
        exact = [Fraction(weight) for weight in weights]
        self.weights = [weight / sum(exact) for weight in exact]
        self.window_rows = max(window_rows, math.ceil(1 / min(self.weights)))
        self._starts = np.cumsum([0, *sizes])[:-1]
        self._orders = [_Orders(size, seed, f"corpus {number}") for number, size in enumerate(sizes)]

    def window(self, number: int) -> np.ndarray:
        firsts = apportion(number * self.window_rows, self.weights)
        lasts = apportion((number + 1) * self.window_rows, self.weights)
        parts = zip(self._orders, self._starts, firsts, lasts, strict=True)
        return np.concatenate([orders.rows(first, last) + start for orders, start, first, last in parts])


class Epochs:
    """Every row of all corpora exactly `epochs` times; a window ends where an epoch ends."""

    def __init__(self, sizes: Sequence[int], epochs: int, seed: int, window_rows: int) -> None:
        self.size, self.window_rows = sum(sizes), window_rows
        if self.size < 1 or epochs < 1 or window_rows < 1:
            raise ValueError(f"{epochs} epochs of {self.size} rows in windows of {window_rows}; expected 1 or more of each")
        self._windows_an_epoch = -(-self.size // window_rows)
        self.num_windows: int | None = epochs * self._windows_an_epoch
        self._orders = _Orders(self.size, seed, "all corpora")

    def window(self, number: int) -> np.ndarray:
        assert self.num_windows is not None
        if not 0 <= number < self.num_windows:
            raise IndexError(f"window {number} of {self.num_windows}")
        epoch, part = divmod(number, self._windows_an_epoch)
        first = epoch * self.size + part * self.window_rows
        return self._orders.rows(first, min(first + self.window_rows, (epoch + 1) * self.size))
