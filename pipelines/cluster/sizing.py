"""How a build keeps its pools busy and its object store from overflowing, from what it measures while it runs.

The law, looked at once a tick:

1. Bytes. A split may hold so many bytes in batches sent ahead and results not yet taken: its share, STORE_SHARE of the object store divided by the
   splits in flight and by the pools of the plan. It sends the next batch only within that, but always one, so the oldest split never waits for another's
   memory. Where one batch of each pool and split would be more than all shares together, fewer splits run, and at least one.
2. A pool is short when more batches wait than its actors can take and they are busy; it starves when none waits and its actors are mostly idle.
3. A short pool of no fixed size gets an actor: where the cluster has room; else from a pool that starves; else in place of a split in flight, unless
   the splits are so few that the pools starve.
4. Where pools starve and none is short, splits are what is missing: a starving pool gives an actor up, whose room a split takes.

Steps of one and a tick between them: a measurement sees what the last change did. None of it changes a byte.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

STORE_SHARE = 0.4  # of the object stores, for batches and results of all splits; the rest is for what Ray keeps and copies
BUSY_RATIO = 0.8  # above it an actor counts as busy
IDLE_RATIO = 0.4  # below it as idle


@dataclass(frozen=True)
class PoolLoad:
    """What was measured of a pool since the last tick. `busy_ratio` is of its slots: the batches that its actors may be given at a time."""

    step: str
    num_actors: int
    num_slots: int
    num_waiting: int
    busy_ratio: float
    is_fixed: bool = False

    @property
    def is_short(self) -> bool:
        return self.num_waiting > self.num_slots and self.busy_ratio >= BUSY_RATIO

    @property
    def starves(self) -> bool:
        return self.num_waiting == 0 and self.busy_ratio <= IDLE_RATIO


def resize(
    loads: Sequence[PoolLoad], has_room: Callable[[str], bool], may_take_split: bool, is_full: bool, may_free: bool = True
) -> dict[str, int]:
    """By step, the actor that a pool gets (1) or gives up (-1).

    `has_room` tells whether the cluster has room for one more actor of a step beside what runs; `may_take_split`, whether a split in flight may make
    room; `is_full`, whether as many splits run as may, and more wait; `may_free`, whether room that an actor gives up goes to a split.
    """
    changes: dict[str, int] = {}
    short = sorted((load for load in loads if load.is_short and not load.is_fixed), key=lambda load: -load.num_waiting / load.num_slots)
    giving = [load for load in loads if load.starves and not load.is_fixed and load.num_actors > 1]
    for load in short[:1]:
        if has_room(load.step) or (may_take_split and not giving):
            changes[load.step] = 1
        elif giving:
            changes[giving[0].step] = -1
    if not any(load.is_short for load in loads) and giving and is_full and may_free:
        changes[giving[0].step] = -1
    return changes


def share_bytes(store_bytes: int, num_splits: int, num_pools: int) -> int:
    """Bytes that a split may have under way at one pool."""
    return int(STORE_SHARE * store_bytes / max(1, num_splits) / max(1, num_pools))


def splits_within(store_bytes: int, largest: Mapping[str, int]) -> int:
    """How many splits may run so that one batch of each pool, with its results, stays within the share of the store; at least one.

    `largest` has by step the bytes of the largest batch seen, with its results.
    """
    one_split = sum(largest.values())
    return max(1, int(STORE_SHARE * store_bytes / one_split)) if one_split else 1 << 30
