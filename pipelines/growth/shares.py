"""How much of each corpus goes into a mixture: whole numbers in exact proportion, and the row at which a corpus is cut.

The order of a corpus's rows is that of (XXH3 of key and seed, key): the first n are n of its rows drawn evenly, whatever their order on disk, and fewer
of them are a part of more. The row at which the order is cut is found in two passes over keys and tokens, of which the first counts by the
upper bits of the hash, and the second reads those rows alone whose bits are those at the cut: so memory does not grow with the corpus.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import xxhash

from pipelines.graph import Compute
from pipelines.partitions import Part, parts_of
from processors.contract import NUM_TOKENS
from schemas.corpus import Corpus

BITS = 16  # of the hash, by which rows are counted first
ADDED_AT_ONCE = 16  # counts of parts, 1 MiB each


def apportion(num: int, shares: Sequence[Fraction]) -> list[int]:
    """`num` cut by shares, each within one of its exact part: the largest remainders get what rounding down leaves; ties go to the first.

    Raises: ValueError for a number below 0, or shares that are not above 0.
    """
    if num < 0 or not shares or min(shares) <= 0:
        raise ValueError(f"{num} by shares {[str(share) for share in shares]}, expected a number from 0 on and shares above 0")
    exact = [num * share / sum(shares) for share in shares]
    found = [int(part) for part in exact]
    order = sorted(range(len(shares)), key=lambda place: (found[place] - exact[place], place))
    for place in order[: num - sum(found)]:
        found[place] += 1
    return found


def most(shares: Sequence[Fraction], bounds: Sequence[int]) -> int:
    """The largest number of which, cut by shares, every part is within its bound (a part is at most its exact size, rounded up)."""
    return min(int(bound * sum(shares) / share) for share, bound in zip(shares, bounds, strict=True))


def hash_of(key: str, seed: int) -> int:
    """Where a row stands in the order of its corpus; rows of one hash are ordered by their keys."""
    return xxhash.xxh3_64_intdigest(key.encode(), seed & (2**64 - 1))


@dataclass(frozen=True, slots=True)
class Cut:
    """Where the order of a corpus is cut: `bound` is the place of the first row that stays out, and before it are so many rows and tokens."""

    bound: str
    num_rows: int
    num_tokens: int


def place_in_order(key: str, seed: int) -> str:
    """A text by which rows are ordered as by (hash, key)."""
    return f"{hash_of(key, seed):016x} {key}"


def find_cut(corpus: Corpus, amount: int, by_tokens: bool, seed: int, compute: Compute) -> Cut:
    """The longest beginning of a corpus's order with at most `amount` rows or tokens, of which the corpus must have more."""
    import dask

    parts = parts_of(corpus)
    counts = [dask.delayed(_count)(part, seed) for part in parts]
    while len(counts) > 1:
        counts = [dask.delayed(_add)(counts[at : at + ADDED_AT_ONCE]) for at in range(0, len(counts), ADDED_AT_ONCE)]
    (counted,) = compute(counts)
    sums = np.cumsum(counted, axis=1)  # rows, tokens
    which = int(np.searchsorted(sums[int(by_tokens)], amount, side="right"))
    rows, tokens = (sums[:, which] - counted[:, which]).tolist()
    near = [row for found in compute([dask.delayed(_near)(part, which, seed) for part in parts]) for row in found]
    for place, num_tokens in sorted(near):
        if (tokens + num_tokens if by_tokens else rows + 1) > amount:
            return Cut(place, rows, tokens)
        rows, tokens = rows + 1, tokens + num_tokens
    raise ValueError(f"{corpus.path} has no more than {amount}, expected a cut within it")


def _rows(part: Part) -> Any:
    """(keys, tokens) of each batch; 0 tokens where they were not counted."""
    for batch in part.batches():
        keys = batch.column("key").to_pylist()
        counted = NUM_TOKENS.name in batch.schema.names
        yield keys, [count or 0 for count in batch.column(NUM_TOKENS.name).to_pylist()] if counted else [0] * len(keys)


def _count(part: Part, seed: int) -> np.ndarray:
    """Rows and tokens by the upper bits of the hash. Shapes: (2, 65,536) int64."""
    counts = np.zeros((2, 1 << BITS), np.int64)
    for keys, tokens in _rows(part):
        places = np.array([hash_of(key, seed) >> (64 - BITS) for key in keys], np.int64)
        np.add.at(counts[0], places, 1)
        np.add.at(counts[1], places, np.array(tokens, np.int64))
    return counts


def _add(counts: list[np.ndarray]) -> np.ndarray:
    return np.sum(counts, axis=0)


def _near(part: Part, which: int, seed: int) -> list[tuple[str, int]]:
    """The rows whose hash begins with these bits: their places in the order, and tokens."""
    found = []
    for keys, tokens in _rows(part):
        for key, count in zip(keys, tokens, strict=True):
            if hash_of(key, seed) >> (64 - BITS) == which:
                found.append((place_in_order(key, seed), count))
    return found
