"""Model actors on Ray: a pool a step, one queue a pool, actors that come and go while splits run.

Batches and results pass between a split's task and the actors by reference. The board (pipelines/cluster/board.py) stands on the driver's node, so that no
other node's end takes it away.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import ray
from ray import exceptions as ray_errors
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from pipelines.cluster.board import Board
from pipelines.cluster.placement import Demand, options_of
from pipelines.cluster.sizing import PoolLoad
from pipelines.feed import NodeLost, NodeTrouble, WorkerLost
from pipelines.logs import POOL_RESIZED, WORKER_DIED, Event
from pipelines.step import Step, calls_at_once
from schemas.replies import Replies
from schemas.shard import is_no_space

LOST = (NodeLost, ray_errors.NodeDiedError, ray_errors.ObjectLostError)  # of a machine, or of what it held: nobody is to blame
DEATHS = (
    WorkerLost,
    ray_errors.WorkerCrashedError,
    ray_errors.OutOfMemoryError,
    ray_errors.ActorDiedError,
    ray_errors.ActorUnavailableError,
    ray_errors.LocalRayletDiedError,
    MemoryError,
)
CRASHES = (*LOST, *DEATHS)
FULL_STORES = (ray_errors.OutOfDiskError, ray_errors.ObjectStoreFullError)
BATCHES_AHEAD = 3  # batches a split keeps queued at a pool for each of its actors, so that one finds the next waiting
MAX_WAITING = 100_000  # batches that may wait in a pool's queue: more than all splits in flight can send


def cause_of(error: BaseException) -> BaseException:
    """What was raised, without the errors that Ray wraps around it on its way through actors and tasks."""
    while isinstance(error, ray_errors.RayTaskError) and isinstance(error.cause, BaseException) and error.cause is not error:
        error = error.cause
    return error


def here() -> str:
    """The id of this process's node."""
    return str(ray.get_runtime_context().get_node_id())


def trouble(error: BaseException) -> NodeTrouble:
    """What went wrong on this process's node, as the node's."""
    is_full = isinstance(error, FULL_STORES) or (isinstance(error, OSError) and is_no_space(error))
    told = f"{type(error).__name__}: {error}".splitlines()[0]
    return NodeTrouble(here(), ray.util.get_node_ip_address(), told, is_full)


def approximate_bytes(value: Any) -> int:
    """About as many bytes as a batch takes when it travels: what strings, bytes and arrays hold, and a little for each value."""
    total, stack = 0, [value]
    while stack:
        item = stack.pop()
        total += 16
        if isinstance(item, (str, bytes, bytearray)):
            total += len(item)
        elif isinstance(item, np.ndarray):
            total += item.nbytes
        elif isinstance(item, (list, tuple)):
            stack.extend(item)
        elif isinstance(item, dict):
            stack.extend(item.values())
        elif dataclasses.is_dataclass(item) and not isinstance(item, type):
            stack.extend(getattr(item, part.name, None) for part in dataclasses.fields(item))
    return total


class ModelActor:
    """Holds an opened processor; everything it is sent runs one batch at a time."""

    def __init__(self, step: Step, replies: Replies) -> None:
        self._step, self._replies = step, replies
        self._stack = contextlib.ExitStack()

    def open(self) -> str:
        """Loads the model; called first and once, so that what goes wrong is told as it is, not as an actor that died. Gives its node."""
        self._function = self._stack.enter_context(self._step.open(self._replies))
        return here()

    def call(self, items: list[Any]) -> tuple[tuple[float, int], list[Any]]:
        """How long the work took, about how many bytes its results have, and its results."""
        start = time.perf_counter()
        try:
            results = self._function(items)
        except OSError as error:
            if is_no_space(error):
                raise trouble(error) from error
            raise
        return (time.perf_counter() - start, approximate_bytes(results)), results


@dataclass
class PoolCaller:
    """Sends batches to a pool's queue, as many ahead as `most` and as its share of the object store holds. A dead actor ends the split's attempt."""

    board: Any
    pool: str
    most: int
    share_bytes: int
    busy_s: float = 0.0
    _largest_bytes: int = 0

    @property
    def depth(self) -> int:
        return max(1, min(self.most, self.share_bytes // self._largest_bytes if self._largest_bytes else 2))

    def submit(self, items: list[Any]) -> Any:
        num_bytes = approximate_bytes(items)
        self._largest_bytes = max(self._largest_bytes, num_bytes)
        return num_bytes, self.board.call.remote(self.pool, [ray.put(items)], num_bytes)

    def result(self, handle: Any) -> list[Any]:
        num_bytes, called = handle
        try:
            busy_s, result_bytes, (results,) = ray.get(called)
            found = ray.get(results)
        except FULL_STORES:
            raise
        except (ray_errors.RayError, *CRASHES) as error:
            cause = cause_of(error)
            if isinstance(cause, LOST) or (isinstance(cause, ray_errors.ActorDiedError) and "node has died" in str(cause)):
                raise NodeLost(f"the node of a model actor of step {self.pool} is gone: {type(cause).__name__}") from error
            if isinstance(cause, CRASHES):
                raise WorkerLost(f"a model actor of step {self.pool} died: {type(cause).__name__}") from error
            raise cause from None
        self.busy_s += busy_s
        self._largest_bytes = max(self._largest_bytes, num_bytes + result_bytes)
        return found


@dataclass
class _Actor:
    handle: Any
    opening: Any  # the reference of `open`, until it has ended
    node: str = ""
    since_s: float = field(default_factory=time.monotonic)


class Pools:
    """The model actors of a plan: started together, replaced when they die, more or fewer of them as they are busy."""

    def __init__(
        self, steps: list[Step], demands: Mapping[str, Demand], sizes: Mapping[str, int], replies: Replies, note: Callable[[str], None]
    ):
        self._steps = {step.name: step for step in steps}
        self._demands, self._replies, self._note = demands, replies, note
        self._wanted = {step.name: sizes[step.name] for step in steps}
        self._keys: dict[str, Any] = {step.name: ray.put(step) for step in steps}
        self._actors: dict[str, dict[int, _Actor]] = {step.name: {} for step in steps}
        self._retiring: list[tuple[Any, str, int]] = []
        self._number = 0
        self._avoid: frozenset[str] = frozenset()
        self.largest_bytes: dict[str, int] = {}
        self._make_board()

    @property
    def sizes(self) -> dict[str, int]:
        return dict(self._wanted)

    def _make_board(self) -> None:
        beside_driver = NodeAffinitySchedulingStrategy(here(), soft=False)  # soft, it may land elsewhere, and be lost with that node
        options = {
            "max_restarts": 0,
            "max_task_retries": 0,
            "num_cpus": 0,
            "max_concurrency": MAX_WAITING,
            "scheduling_strategy": beside_driver,
        }
        self.board: Any = ray.remote(Board).options(**options).remote(list(self._steps))

    def open_all(self) -> None:
        """Starts the actors and waits until every model is loaded. Raises: what a model raises that cannot be opened, as ModelClosed."""
        self._fill()
        for step, count in self._wanted.items():
            self._tell_size(step, count)
        for step, actors in self._actors.items():
            for number, actor in list(actors.items()):
                self._opened(step, number, actor)

    def _tell_size(self, step: str, num_actors: int) -> None:
        told = f"step {step} has {num_actors} model actor{'' if num_actors == 1 else 's'}"
        self._note(Event(told, POOL_RESIZED, step=step, num_actors=num_actors))

    def _fill(self) -> None:
        for step, actors in self._actors.items():
            while len(actors) < self._wanted[step]:
                actors[self._number] = self._spawn(step)
                self._number += 1

    def _spawn(self, step: str) -> _Actor:
        options = {
            "max_restarts": 0,
            "max_task_retries": 0,
            "max_concurrency": calls_at_once(self._steps[step]),
            **options_of(self._demands[step].amount),
        }
        if self._avoid:
            options["label_selector"] = not_on(self._avoid)
        handle: Any = ray.remote(ModelActor).options(**options).remote(self._keys[step], self._replies)
        return _Actor(handle, handle.open.remote())

    def _opened(self, step: str, number: int, actor: _Actor) -> None:
        """Puts an actor to work when its model is loaded."""
        try:
            actor.node = ray.get(actor.opening)
        except (ray_errors.RayError, *CRASHES) as error:
            cause = cause_of(error)
            if isinstance(cause, LOST) or "node has died" in str(cause):  # another one is spawned with the next tick
                self._actors[step].pop(number)
                return
            raise ModelClosed(f"the model of step {step} cannot be opened: {type(cause).__name__}: {cause}") from error
        actor.opening = None
        ray.get(self.board.add.remote(step, number, actor.handle, calls_at_once(self._steps[step])))

    def callers(self, share_bytes: int) -> dict[str, PoolCaller]:
        """`share_bytes` is what a split may have under way at one pool."""
        slots = {step: self._wanted[step] * calls_at_once(self._steps[step]) for step in self._steps}
        return {step: PoolCaller(self.board, step, BATCHES_AHEAD * count, share_bytes) for step, count in slots.items()}

    def tend(self) -> list[PoolLoad]:
        """Puts actors to work whose models are loaded, replaces the dead; gives what was measured since the last time.

        Raises: ModelClosed; a RayError where the board is gone.
        """
        told, dead = ray.get(self.board.look.remote())
        for step, number in dead:
            self._bury(step, number)
        for step, actors in self._actors.items():
            for number, actor in list(actors.items()):
                if actor.opening is not None and ray.wait([actor.opening], timeout=0)[0]:
                    self._opened(step, number, actor)
        for retired in [retired for retired in self._retiring if ray.wait([retired[0]], timeout=0)[0]]:
            self._retiring.remove(retired)
            self._end(retired[1])
        self._refill()
        self.largest_bytes = {step: largest for step, (_, _, _, largest) in told.items()}
        return [
            PoolLoad(step, len(self._actors[step]), max(1, slots), waiting, ratio, bool(self._demands[step].pool))
            for step, (slots, waiting, ratio, _) in told.items()
        ]

    def _bury(self, step: str, number: int) -> None:
        actor = self._actors[step].pop(number, None)
        if actor is not None:
            self._note(Event(f"a model actor of step {step} died; another takes its place", WORKER_DIED, step=step, node=actor.node))
            self._end(actor.handle)

    def _refill(self) -> None:
        if any(len(actors) < self._wanted[step] for step, actors in self._actors.items()):
            self._fill()

    def leave(self, alive: set[str], avoid: frozenset[str]) -> None:
        """Takes actors off nodes that are gone or to be avoided; others come in their place elsewhere."""
        self._avoid = avoid
        for step, actors in self._actors.items():
            for number, actor in list(actors.items()):
                if actor.node and (actor.node not in alive or actor.node in avoid):
                    actors.pop(number)
                    self._retiring.append((self.board.retire.remote(step, number), actor.handle, number))
        self._refill()

    def change(self, changes: Mapping[str, int]) -> None:
        """By step, how many actors more, or fewer where it is negative."""
        for step, change in changes.items():
            self._wanted[step] += change
            if change:
                self._tell_size(step, self._wanted[step])
            while len(self._actors[step]) > self._wanted[step]:
                number = max(self._actors[step])
                actor = self._actors[step].pop(number)
                self._retiring.append((self.board.retire.remote(step, number), actor.handle, number))
        self._refill()

    def settle(self, tick_s: float) -> None:
        """Waits until nothing that was sent before is under way any more; actors that died are replaced meanwhile."""
        try:
            while not ray.get(self.board.is_idle.remote()):
                self.tend()
                time.sleep(0.1 * tick_s)
            self.tend()
        except (ray_errors.RayActorError, ray_errors.ObjectLostError):
            self.replace()

    def replace(self) -> None:
        """Starts every actor anew, and the board: what was queued there is of no use to anyone. Waits for their models."""
        for actors in self._actors.values():
            for actor in actors.values():
                self._end(actor.handle)
            actors.clear()
        self._end(self.board)
        self._retiring.clear()
        self._make_board()
        self.open_all()

    def waiting_s(self) -> tuple[str, float]:
        """The step whose actor has waited longest for its place and its model, and how long; ("", 0) where none waits."""
        waits = [
            (time.monotonic() - a.since_s, step) for step, actors in self._actors.items() for a in actors.values() if a.opening is not None
        ]
        longest, step = max(waits, default=(0.0, ""))
        return step, longest

    def _end(self, actor: Any) -> None:
        ray.kill(actor)

    def end(self) -> None:
        for actors in self._actors.values():
            for actor in actors.values():
                self._end(actor.handle)
        self._end(self.board)


class ModelClosed(RuntimeError):
    """The model of a step cannot be opened."""


def not_on(nodes: frozenset[str]) -> dict[str, str]:
    """A label selector for every node but these."""
    return {"ray.io/node-id": f"!in({','.join(sorted(nodes))})"}
