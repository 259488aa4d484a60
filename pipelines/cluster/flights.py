"""The splits of one recipe in flight on a cluster: started, landed, tried again, started twice; see pipelines/cluster for the rules."""

from __future__ import annotations

import errno
import statistics
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray import exceptions as ray_errors

from pipelines.build import BuildError
from pipelines.cluster.capacity import Capacity
from pipelines.cluster.placement import options_of
from pipelines.cluster.pools import CRASHES, DEATHS, LOST, cause_of, not_on
from pipelines.cluster.suspects import run_alone
from pipelines.cluster.tasks import run_remote
from pipelines.feed import NodeTrouble
from pipelines.logs import SPLIT_RETRIED, SPLIT_STARTED, WORKER_DIED, Event, tell
from pipelines.recipe import Recipe
from pipelines.requeue_replay import Replay
from pipelines.run import SplitResult
from pipelines.step import ASK
from schemas.replies import Replies

TASK_S = 0.5  # a task takes so many splits that it lasts about so long: then Ray's time for a task is a small part
MAX_SPLITS_A_TASK = 64
MAX_CRASHES = 2  # of a split among others, before it runs alone
MAX_LOST = 5  # nodes that went while they held a split, before it runs alone
CANCEL_S = 10.0  # in which a worker that is killed is gone


@dataclass(eq=False)
class Flight:
    """A task under way. `twin` is the task that runs the same splits elsewhere."""

    ref: Any
    splits: list[Any]
    since_s: float
    twin: Flight | None = None
    is_void: bool = False  # the twin has committed


@dataclass
class Trouble:
    """What befell a split that has not gone well so far."""

    crashes: int = 0
    lost: int = 0
    avoid: frozenset[str] = frozenset()


class Flights:
    """Keeps a cluster full of splits until all are committed."""

    def __init__(
        self,
        recipe: Recipe,
        path: Path,
        token: str,
        replies: Replies,
        capacity: Capacity,
        on_split: Callable[[SplitResult], None],
        replay: Replay | None,
    ) -> None:
        self.recipe, self.path, self.token, self.replies, self.replay = recipe, path, token, replies, replay
        self.capacity, self.on_split, self.note = capacity, on_split, capacity.note
        self.recipe_ref = ray.put(recipe)
        self.flying: dict[Any, Flight] = {}
        self.troubled: dict[str, Trouble] = {}
        self.took_s: deque[float] = deque(maxlen=200)  # seconds of a split, of the last ones
        self.cancelled: list[Any] = []

    def all(self, pending: list[Any]) -> None:
        """Runs every split; leaves nothing under way, also where the build is stopped: it would go on beside whatever comes next."""
        try:
            self._run_all(pending)
        finally:
            if self.flying and not self.capacity.is_headless:
                for ref in self.flying:
                    ray.cancel(ref, force=True)
                ray.wait(list(self.flying), num_returns=len(self.flying), timeout=CANCEL_S)

    def _run_all(self, pending: list[Any]) -> None:
        """Keeps the cluster full of splits; those that died twice run alone after all others."""
        queue: deque[Any] = deque(pending)
        suspects: list[Any] = []
        while queue or self.flying:
            while queue and len(self.flying) < self.capacity.most_flying():
                self.start(self._take(queue))
            self.capacity.tick(len(self.flying), len(queue))
            for flight in self._landed():
                self._land(flight, queue, suspects)
            if not queue:
                self._start_twins()
        if self.cancelled:  # their last writes must not meet the clearing away of what nobody names
            ray.wait(self.cancelled, num_returns=len(self.cancelled), timeout=CANCEL_S)
        for split in suspects:
            self.on_split(run_alone(self, split))

    def _take(self, queue: deque[Any]) -> list[Any]:
        """The next splits of one task: one that had trouble alone, small ones several together while many are left."""
        first = queue.popleft()
        splits = [first]
        if first.id in self.troubled or not self.took_s or self.capacity.openers:
            return splits
        usual_s = statistics.median(self.took_s)  # the first ones wait until a worker has started
        most = min(MAX_SPLITS_A_TASK, int(TASK_S / max(usual_s, 1e-3)), len(queue) // (4 * self.capacity.sizes.workers))
        while len(splits) < most and queue and queue[0].id not in self.troubled:
            splits.append(queue.popleft())
        return splits

    def options(self, splits: list[Any], apart: frozenset[str] = frozenset()) -> dict[str, Any]:
        """Ray's options of a task of these splits, on none of the nodes `apart`."""
        avoid = (self.capacity.avoid | apart).union(*(self.troubled[split.id].avoid for split in splits if split.id in self.troubled))
        return {"max_retries": 0, **options_of(self.capacity.task), **({"label_selector": not_on(avoid)} if avoid else {})}

    def start(self, splits: list[Any], condemned: frozenset[int] = frozenset(), apart: frozenset[str] = frozenset()) -> Flight:
        """Starts a task of these splits, on none of the nodes `apart`."""
        capacity = self.capacity
        board, callers = capacity.pools.board if capacity.pools else None, capacity.callers(capacity.sizes.workers)
        task = run_remote.options(**self.options(splits, apart))
        ref = task.remote(self.recipe_ref, splits, self.path, self.token, self.replies, board, callers, condemned, self.replay)
        flight = Flight(ref, splits, time.monotonic())
        self.flying[ref] = flight
        for split in splits:
            tell(SPLIT_STARTED, corpus=self.recipe.name, split=split.id)
        return flight

    def _landed(self) -> list[Flight]:
        if not self.flying:
            return []
        done, rest = ray.wait(list(self.flying), num_returns=1, timeout=self.capacity.patience.tick_s)
        if done and rest:
            done += ray.wait(rest, num_returns=len(rest), timeout=0)[0]
        return [self.flying.pop(ref) for ref in done]

    def _land(self, flight: Flight, queue: deque[Any], suspects: list[Any]) -> None:
        """Reports what a task committed, or decides what comes of its splits."""
        if flight.is_void:
            return  # both twins have ended at once
        try:
            results = ray.get(flight.ref)
        except (ray_errors.RayError, *CRASHES, NodeTrouble) as error:
            cause = cause_of(error)
            if flight.twin is not None and flight.twin.ref in self.flying and isinstance(cause, (*CRASHES, NodeTrouble)):
                flight.twin.twin = None  # the other one goes on
                return
            if isinstance(cause, NodeTrouble):
                self.blame(cause, flight.splits)
                queue.extendleft(flight.splits)
            elif isinstance(cause, LOST):
                self._retry(flight, queue, suspects, type(cause).__name__)
            elif isinstance(cause, DEATHS):
                self._strike(flight, type(cause).__name__, queue, suspects)
            else:
                raise cause from error
            return
        self.took_s.append((time.monotonic() - flight.since_s) / len(flight.splits))
        self._cancel(flight.twin)
        for result in results:
            self.troubled.pop(str(result.entry.split["id"]), None)
            self.on_split(result)
        if self.capacity.pools:
            self.capacity.pools.board.forget.remote([split.id for split in flight.splits])

    def _retry(self, flight: Flight, queue: deque[Any], suspects: list[Any], error: str) -> None:
        """A node is gone: its splits run again, now; one that has lost node after node runs alone later: it may be what fells them."""
        self.note(f"the node is gone that held {told_splits(flight.splits)} ({error}); they run again elsewhere")
        for split in reversed(flight.splits):
            had = self.troubled.setdefault(split.id, Trouble())
            had.lost += 1
            suspects.append(split) if had.lost >= MAX_LOST else queue.appendleft(split)
            tell(SPLIT_RETRIED, corpus=self.recipe.name, split=split.id)

    def _strike(self, flight: Flight, error: str, queue: deque[Any], suspects: list[Any]) -> None:
        """A worker died: each of its splits goes once more among the others, by itself; one that had that already is a suspect."""
        told = f"a worker died ({error}) while it held {told_splits(flight.splits)}; it will be tried again"
        self.note(Event(told, WORKER_DIED, split=flight.splits[0].id))
        for split in flight.splits:
            had = self.troubled.setdefault(split.id, Trouble())
            had.crashes += 1
            if had.crashes >= MAX_CRASHES:
                suspects.append(split)
            else:
                queue.append(split)
            tell(SPLIT_RETRIED, corpus=self.recipe.name, split=split.id)

    def blame(self, cause: NodeTrouble, splits: list[Any]) -> None:
        """Keeps splits off a node that failed them. Raises OSError or BuildError where no node is left that could run them."""
        self.capacity.blame(cause)
        for split in splits:
            self.troubled.setdefault(split.id, Trouble()).avoid |= {cause.node}
        fit = self.capacity.may_run()
        avoid = self.capacity.avoid.union(*(self.troubled[split.id].avoid for split in splits))
        if all(room.node in avoid for room in fit):
            where = f"every node ({', '.join(room.name for room in fit)}) failed, the last one: " if len(fit) > 1 else ""
            if cause.is_full:
                raise OSError(errno.ENOSPC, f"{where}{cause}")
            raise BuildError(
                f"building {self.path}: {where or 'the node failed: '}{cause}; mend it and run the same command, it goes on where it stopped"
            )
        self.note(
            Event(f"node {cause}; {told_splits(splits)} will run on another node", SPLIT_RETRIED, split=splits[0].id, node=cause.node)
        )

    # ---- stragglers

    def _start_twins(self) -> None:
        """Starts splits that take far longer than the others once more, elsewhere, when nothing else is left to do.

        The bytes are the same, whoever commits first; the other one is cancelled. Not where models are asked: that costs.
        """
        if not self.took_s or any(step.mode == ASK for step in self.capacity.openers):
            return
        patience, now = self.capacity.patience, time.monotonic()
        bound_s = max(patience.straggler_s, patience.straggler_ratio * statistics.median(self.took_s))
        for flight in list(self.flying.values()):
            if (
                len(self.flying) >= self.capacity.sizes.workers
                or flight.twin is not None
                or now - flight.since_s < bound_s * len(flight.splits)
            ):
                continue
            self.note(f"{told_splits(flight.splits)} takes far longer than the others; it is run a second time beside")
            twin = self.start(flight.splits, apart=self.capacity.node_of(flight.splits[0].id))
            flight.twin, twin.twin = twin, flight

    def _cancel(self, loser: Flight | None) -> None:
        if loser is None:
            return
        loser.is_void = True
        if loser.ref in self.flying:
            del self.flying[loser.ref]
            ray.cancel(loser.ref, force=True)
            self.cancelled.append(loser.ref)


def told_splits(splits: list[Any]) -> str:
    first = splits[0]
    more = f" and {len(splits) - 1} splits more" if len(splits) > 1 else ""
    return f"{first.path} [{first.start}:{first.stop}]{more}"
