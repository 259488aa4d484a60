"""What a cluster has room for, as nodes come and go, models get more or fewer actors, and nodes turn out to be broken."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

import ray
from ray import exceptions as ray_errors
from ray.autoscaler.sdk import request_resources

from pipelines.build import BuildError, Execution
from pipelines.cluster.placement import CPU, MEMORY, Demand, PlacementError, Room, Sizes, demand_of, size, told
from pipelines.cluster.pools import PoolCaller, Pools
from pipelines.cluster.session import HeadWatch, rooms
from pipelines.cluster.sizing import resize, share_bytes, splits_within
from pipelines.feed import NodeTrouble
from pipelines.logs import NODE_LOST, WORKER_DIED, Event
from pipelines.step import Step
from schemas.replies import Replies

MAX_TROUBLES = 3  # of a node, before it is given no more splits


@dataclass(frozen=True)
class Patience:
    """How long the engine waits for what. Units: seconds."""

    tick_s: float = 1.0
    head_s: float = 30.0  # without an answer of the head
    room_s: float = 300.0  # for a node that a model actor fits, when the one that had it is gone
    straggler_s: float = 60.0  # a split that runs for less is no straggler
    straggler_ratio: float = 4.0  # of the time that splits take


class Capacity:
    """How many splits run at a time, the model actors beside them, and the nodes that both may use.

    `workers` is how many splits run at a time; None: as many as there is room for. Raises PlacementError where the cluster can never hold the plan.
    """

    def __init__(
        self, openers: list[Step], workers: int | None, execution: Execution, note: Callable[[str], None], patience: Patience
    ) -> None:
        self.openers, self.workers, self.address, self.note, self.patience = openers, workers, execution.address, note, patience
        self.task = {CPU: execution.cpus, **({MEMORY: float(execution.memory)} if execution.memory else {})}
        # on one machine custom resources mean nothing
        said = execution.steps if execution.address else {name: replace(step, resources=()) for name, step in execution.steps.items()}
        self.demands = {step.name: demand_of(step, said.get(step.name)) for step in openers}
        wait_s = execution.room_wait_s if execution.address else 0.0
        self._asks = wait_s > 0
        self.rooms: list[Room] = []
        self.sizes = self._wait_for_room(wait_s)
        self.most_workers = self.sizes.workers
        self.pools: Pools | None = None
        self.failures: Counter[str] = Counter()  # by node
        self.avoid: frozenset[str] = frozenset()
        self.watch: HeadWatch | None = None
        self.ticked_s = time.monotonic()

    def open(self, replies: Replies) -> None:
        """Starts the model actors, and waits until their models are loaded. Raises ModelClosed."""
        if not self.openers and not self.address:
            return
        start = time.perf_counter()
        self.pools = Pools(self.openers, self.demands, self.sizes.pools, replies, self.note)
        self.pools.open_all()
        if self.openers:
            self.note(f"models of {len(self.openers)} steps opened in {time.perf_counter() - start:.1f} s")

    def _wait_for_room(self, wait_s: float) -> Sizes:
        """The first sizes, as soon as there is room for them. Raises PlacementError where there is none when `wait_s` have passed."""
        until, is_told = time.monotonic() + wait_s, False
        if self._asks:
            splits = [self.task] * (self.workers or 1)
            request_resources(bundles=[dict(demand.amount) for demand in self.demands.values() for _ in range(demand.pool or 1)] + splits)
        while True:
            self.rooms = rooms()
            try:
                return self._size(self.rooms)
            except PlacementError as error:
                if time.monotonic() >= until:
                    raise
                if not is_told:
                    self.note(f"waiting up to {wait_s:g} s for nodes: {error}")
                    is_told = True
            time.sleep(self.patience.tick_s)

    def end(self) -> None:
        if self.is_headless:
            return
        if self._asks:
            request_resources(bundles=[])  # nodes that nobody uses may go
        if self.pools:
            self.pools.end()

    @property
    def is_headless(self) -> bool:
        return self.watch is not None and self.watch.is_gone

    def _size(self, nodes: list[Room]) -> Sizes:
        return size(nodes, list(self.demands.values()), self.task, self.workers)

    def _good(self) -> list[Room]:
        return [room for room in self.rooms if room.node not in self.avoid]

    def most_flying(self) -> int:
        """Splits that may be in flight: as many as have room, and as the object stores hold batches of."""
        bound = self.sizes.workers
        if self.pools:
            bound = min(bound, splits_within(self._store_bytes(), self.pools.largest_bytes))
        return max(1, bound)

    def _store_bytes(self) -> int:
        return sum(room.store_bytes for room in self.rooms if room.free.get(CPU, 0) > 0)

    def callers(self, num_splits: int) -> dict[str, PoolCaller]:
        """How one of `num_splits` splits in flight reaches the models."""
        return self.pools.callers(share_bytes(self._store_bytes(), num_splits, len(self.openers))) if self.pools else {}

    def settle(self) -> None:
        """Waits until nothing is under way at the model actors."""
        if self.pools:
            self.pools.settle(self.patience.tick_s)

    def blame(self, cause: NodeTrouble) -> None:
        """Counts a node's trouble; one that has had several is avoided."""
        self.failures[cause.node] += 1
        if self.failures[cause.node] >= MAX_TROUBLES and cause.node not in self.avoid:
            self.avoid |= {cause.node}
            if self.pools:
                self.pools.leave({room.node for room in self.rooms}, self.avoid)
            self.note(Event(f"node {cause.name} has failed {MAX_TROUBLES} times and is given no more splits", NODE_LOST, node=cause.node))

    def may_run(self) -> list[Room]:
        """The nodes that have what a split asks for, those to be avoided too."""
        return [room for room in self.rooms if room.holds(self.task)]

    def node_of(self, split: str) -> frozenset[str]:
        """The node that a split is on, where it is known and another one could run the split."""
        where: dict[str, str] = ray.get(self.pools.board.where.remote()) if self.pools else {}
        node = where.get(split)
        others = [room for room in self.may_run() if room.node not in (node, *self.avoid)]
        return frozenset({node}) if node and others else frozenset()

    def tick(self, num_flying: int, num_waiting: int) -> None:
        """Once a tick: does the head live, which nodes are there, what do the pools need? Raises BuildError where it cannot go on."""
        now = time.monotonic()
        if now - self.ticked_s < self.patience.tick_s:
            return
        self.ticked_s = now
        if self.watch:
            if self.watch.is_gone:
                raise self.headless()
            if not self.watch.answers():
                return  # whoever starts an actor now waits until Ray ends this process
            self._look_at_nodes(self.watch.rooms)
        if self.pools:
            self._tend(num_flying, num_waiting)

    def headless(self) -> BuildError:
        """What is said when the head of the cluster is gone."""
        return BuildError(
            f"the head of the cluster at {self.address} has not answered for {self.patience.head_s:g} s. What is committed stays: start the "
            "cluster and run the same command, it goes on where it stopped"
        )

    def _look_at_nodes(self, now: list[Room]) -> None:
        """Nodes that are gone and nodes that have come; the number of splits in flight follows where nobody set it."""
        before = {room.node: room for room in self.rooms}
        alive = {room.node for room in now}
        gone = [room for node, room in before.items() if node not in alive]
        come = [room for room in now if room.node not in before]
        self.rooms = now
        if not gone and not come:
            return
        for room in gone:
            self.note(Event(f"node {room.name} of the cluster is gone; what it held runs again elsewhere", NODE_LOST, node=room.node))
        for room in come:
            self.note(f"node {room.name} has joined the cluster with {room.free.get(CPU, 0):g} CPUs")
        if self.pools and gone:
            self.pools.leave(alive, self.avoid)
        self._fit(self._good())

    def _fit(self, nodes: list[Room]) -> None:
        """Sets how many splits run to what there is room for beside the pools; pools that no longer fit are made smaller, where their size is not said."""
        assert self.pools is not None
        try:
            sizes = size(nodes, self._as_they_are({}), self.task, self.workers)
        except PlacementError:
            try:
                sizes = self._size(nodes)
            except PlacementError:  # what has no room now may have it when a node comes: it says so when it has waited long
                sizes = Sizes(1, self.pools.sizes)
            self.pools.change({step: min(0, count - self.pools.sizes[step]) for step, count in sizes.pools.items()})
        self.sizes = Sizes(sizes.workers, self.pools.sizes)
        self.most_workers = max(self.most_workers, sizes.workers)

    def _as_they_are(self, changes: dict[str, int]) -> list[Demand]:
        """What the pools ask for with their present sizes, and some actors more or fewer."""
        sizes = self.pools.sizes if self.pools else {}
        return [replace(demand, pool=sizes[step] + changes.get(step, 0)) for step, demand in self.demands.items()]

    def _tend(self, num_flying: int, num_waiting: int) -> None:
        """Replaces dead actors, and resizes pools by the law of pipelines/cluster/sizing.py."""
        assert self.pools is not None
        try:
            loads = self.pools.tend()
        except (ray_errors.RayActorError, ray_errors.ObjectLostError):
            self.note(Event("the queues of the model actors are lost; all are started anew", WORKER_DIED))
            self.pools.replace()
            return
        step, waits_s = self.pools.waiting_s()
        if waits_s > self.patience.room_s and not any(room.holds(self.demands[step].amount) for room in self._good()):
            raise BuildError(
                f"a model actor of step {step} has had no place for {waits_s:.0f} s; it asks for {told(self.demands[step].amount)}, "
                "and no node that is left has it. Add a node, or make the pool smaller, and run the same command"
            )
        is_full = num_flying >= self.sizes.workers and num_waiting > 0
        changes = resize(loads, self._has_room, self.workers is None and self.sizes.workers > 1, is_full, self.workers is None)
        if changes and not waits_s:
            self.pools.change(changes)
            if self.workers is None:
                self._fit(self._good())

    def _has_room(self, step: str) -> bool:
        """Whether one more actor of a step fits beside what runs."""
        try:
            return size(self._good(), self._as_they_are({step: 1}), self.task, self.sizes.workers).workers >= self.sizes.workers
        except PlacementError:
            return False
