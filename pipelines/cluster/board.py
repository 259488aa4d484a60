"""One queue a pool of model actors, which is a process of its own: what waits there, how busy the actors are, which node holds which split."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from ray import exceptions as ray_errors


@dataclass
class _Queue:
    """The actors of a pool that may be given a batch; one stands there as often as it may be given one more."""

    slots: asyncio.Queue[tuple[int, Any]] = field(default_factory=asyncio.Queue)
    held: Counter[int] = field(default_factory=Counter)  # by actor, its slots
    busy: Counter[int] = field(default_factory=Counter)  # by actor, its batches under way
    gone: set[int] = field(default_factory=set)  # dead, or to be given nothing more
    num_waiting: int = 0
    busy_s: float = 0.0
    since_s: float = field(default_factory=time.monotonic)
    largest_bytes: int = 0


class Board:
    """One queue a pool: whichever of its actors is free takes the batch that has waited longest, whatever split it is of."""

    def __init__(self, steps: list[str]) -> None:
        self._queues = {step: _Queue() for step in steps}
        self._dead: list[tuple[str, int]] = []
        self._where: dict[str, str] = {}
        self._under_way: dict[tuple[str, int, int], float] = {}
        self._number = 0

    async def add(self, step: str, number: int, actor: Any, slots: int) -> None:
        queue = self._queues[step]
        queue.held[number] = slots
        for _ in range(slots):
            queue.slots.put_nowait((number, actor))

    async def call(self, step: str, batch: list[Any], num_bytes: int) -> tuple[float, int, list[Any]]:
        """The seconds that the batch took, the bytes of its results, and a list with the reference of them."""
        queue = self._queues[step]
        queue.num_waiting += 1
        try:
            number, actor = await self._free(queue)
        finally:
            queue.num_waiting -= 1
        queue.busy[number] += 1
        self._number += 1
        place, start = (step, number, self._number), time.monotonic()
        self._under_way[place] = start
        try:
            told, results = actor.call.options(num_returns=2).remote(batch[0])
            busy_s, result_bytes = await told
            queue.largest_bytes = max(queue.largest_bytes, num_bytes + result_bytes)
            return busy_s, result_bytes, [results]
        except ray_errors.RayActorError:
            if number not in queue.gone:
                queue.gone.add(number)
                self._dead.append((step, number))
            raise
        finally:
            queue.busy_s += time.monotonic() - max(start, queue.since_s)
            del self._under_way[place]
            queue.busy[number] -= 1
            if number not in queue.gone:
                queue.slots.put_nowait((number, actor))

    async def _free(self, queue: _Queue) -> tuple[int, Any]:
        while True:
            number, actor = await queue.slots.get()
            if number not in queue.gone:
                return number, actor

    async def is_idle(self) -> bool:
        """Whether no batch is under way or waits."""
        return not self._under_way and not any(queue.num_waiting for queue in self._queues.values())

    async def retire(self, step: str, number: int) -> None:
        """Gives an actor nothing more, and returns when it has finished what it had."""
        queue = self._queues[step]
        queue.gone.add(number)
        while queue.busy[number]:
            await asyncio.sleep(0.02)
        queue.held.pop(number, None)

    async def holds(self, splits: list[str], node: str) -> None:
        """A node tells which splits it has begun."""
        self._where.update(dict.fromkeys(splits, node))

    async def forget(self, splits: list[str]) -> None:
        for split in splits:
            self._where.pop(split, None)

    async def where(self) -> dict[str, str]:
        return self._where

    async def look(self) -> tuple[dict[str, tuple[int, int, float, int]], list[tuple[str, int]]]:
        """By step (slots, batches waiting, busy ratio since the last look, bytes of the largest batch with its results); and the dead since then."""
        now, found = time.monotonic(), {}
        for step, queue in self._queues.items():
            slots = sum(count for number, count in queue.held.items() if number not in queue.gone)
            under_way = sum(now - max(start, queue.since_s) for (name, _, _), start in self._under_way.items() if name == step)
            ratio = (queue.busy_s + under_way) / max(1e-6, slots * (now - queue.since_s))
            found[step] = (slots, queue.num_waiting, min(1.0, ratio), queue.largest_bytes)
            queue.busy_s, queue.since_s = 0.0, now
        dead, self._dead = self._dead, []
        for step, number in dead:
            self._queues[step].held.pop(number, None)
        return found, dead
