"""How many of each class are taken when a number is asked for: by shares, as far as each class reaches, exactly the number.

The method is Webster's (Sainte-Lague): the next one goes to the class with the largest share / (2 * taken + 1) that has any left. What a
class lacks is so shared by the others in proportion to their shares, sums are exact, and the numbers only grow with what is asked:
of two selections from the same corpus, the smaller is a subset of the larger.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction


def fill(num: int, shares: Sequence[int], available: Sequence[int]) -> list[int]:
    """How many of each class: in all min(num, sum of what classes with a share have). Ties go to the class that stands first.

    Shares are whole numbers >= 0; only their proportions matter. Time does not grow with `num`.

    Raises: ValueError for numbers below 0, and for lists of different lengths.
    """
    if num < 0 or len(shares) != len(available) or min([0, *shares, *available]) < 0:
        raise ValueError(f"{num} of {list(available)} by shares {list(shares)}, expected numbers >= 0 and a share a class")
    bounds = [most if share else 0 for share, most in zip(shares, available, strict=True)]
    if num >= sum(bounds):
        return bounds
    scale = 4 * max(shares)

    def taken(level: int) -> list[int]:
        """Of each class those whose turn, (2 * taken + 1) / share, is at most level / scale."""
        return [min(bound, (level * share + scale) // (2 * scale)) for share, bound in zip(shares, bounds, strict=True)]

    low, high = 0, (2 * num + 1) * scale
    while low < high:  # the highest level at which no more are taken than asked for
        middle = (low + high + 1) // 2
        low, high = (middle, high) if sum(taken(middle)) <= num else (low, middle - 1)
    found = taken(low)
    turns = sorted(
        (Fraction(2 * count + 1 + 2 * more, share), place)
        for place, (count, share, bound) in enumerate(zip(found, shares, bounds, strict=True))
        for more in range(min(bound, taken(low + 1)[place]) - count)
    )
    for _, place in turns[: num - sum(found)]:
        found[place] += 1
    return found
