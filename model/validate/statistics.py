"""The few statistics by which checks decide, each exact or by keyed permutation: the same rows and seed give the same numbers."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from schemas.identity import keyed_rng

NUM_PERMUTATIONS = 999
NUM_SD = 1e-12


def binomial_tail(successes: int, trials: int, chance: float) -> float:
    """The probability of so many successes or more, each with `chance`."""
    return float(stats.binom.sf(successes - 1, trials, chance)) if trials else 1.0


def paired_p(differences: np.ndarray) -> float:
    """One-sided p value that paired differences have a mean above 0: by their signs when they are few, else Student's t.

    All signs of up to 12 differences are gone through (Fisher's randomisation test); t is close to it from there on.
    """
    count = len(differences)
    if count == 0 or not np.any(differences):
        return 1.0
    if count > 12:
        spread = differences.std(ddof=1)
        if spread < NUM_SD:
            return 0.0 if differences.mean() > 0 else 1.0
        return float(stats.t.sf(differences.mean() / (spread / math.sqrt(count)), count - 1))
    signs = 1 - 2 * ((np.arange(2**count)[:, None] >> np.arange(count)) & 1)
    sums = signs @ np.abs(differences)
    return float(np.mean(sums >= differences.sum() - 1e-9 * np.abs(differences).sum()))


def rows_needed(differences: np.ndarray, p_wanted: float) -> int:
    """How many rows with differences like these a one-sided test at `p_wanted` takes; twice those there are, where they point the other way."""
    count = len(differences)
    least = math.ceil(-math.log2(p_wanted))  # with fewer even equal signs cannot be so rare
    mean = float(differences.mean()) if count else 0.0
    if mean <= 0:
        return max(2 * count, least)
    wanted = stats.norm.isf(p_wanted) + 1  # with a margin of one deviation, so that it would be seen five times in six
    return max(least, math.ceil((wanted * differences.std(ddof=1) / mean) ** 2) if count > 1 else least, count + 1)


def permutations(count: int, seed: int, what: str) -> np.ndarray:
    """Keyed random orders of `count` things. Shapes: (NUM_PERMUTATIONS, count)."""
    rng = keyed_rng(seed, "permutations", f"{what} {count}")
    return np.argsort(rng.random((NUM_PERMUTATIONS, count)), axis=1, kind="stable")


def derangement(groups: list[str], seed: int, what: str) -> np.ndarray:
    """For each row another one, of another group where there is one: a keyed order, each row given to the next that differs. Shapes: (n,)."""
    count = len(groups)
    order = keyed_rng(seed, "derangement", f"{what} {count}").permutation(count)
    given = np.empty(count, np.int64)
    for place, row in enumerate(order):
        steps = range(1, count)
        given[row] = next((order[(place + s) % count] for s in steps if groups[order[(place + s) % count]] != groups[row]), row)
    return given


def centred(kernel: np.ndarray) -> np.ndarray:
    """A kernel matrix with zero row and column means. Shapes: (n, n)."""
    return kernel - kernel.mean(0) - kernel.mean(1)[:, None] + kernel.mean()


def cosine_kernel(features: np.ndarray) -> np.ndarray:
    """Cosines between rows, after the mean row is taken off. Shapes: (n, d) to (n, n)."""
    moved = features - features.mean(0)
    norms = np.linalg.norm(moved, axis=1, keepdims=True)
    moved = np.divide(moved, norms, out=np.zeros_like(moved), where=norms > 1e-9)
    return moved @ moved.T
