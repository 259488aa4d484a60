"""Runs splits on Ray: one task a split, model calls in actor pools, crashes retried alone and bisected.

Only this file imports Ray. Ray's own retries are off: a crash means a process that died, and what is done about it is
decided here. Nothing but ledger entries comes back to the driver; records pass between a split's task and the model
actors directly. A record is condemned only by runs in which nothing else was under way.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_DEDUP_LOGS", "0")

import ray
from ray import exceptions as ray_errors

from pipelines.build import BuildError, holds_token
from pipelines.feed import WorkerLost
from pipelines.recipe import Recipe
from pipelines.requeue_replay import Replay
from pipelines.run import SplitResult, probe_split, run_split
from pipelines.step import Step, calls_at_once, pool_size, resources_of
from schemas.replies import Replies

CRASHES = (
    ray_errors.WorkerCrashedError,
    ray_errors.OutOfMemoryError,
    ray_errors.NodeDiedError,
    ray_errors.ActorDiedError,
    ray_errors.ActorUnavailableError,
    ray_errors.ObjectLostError,
    ray_errors.LocalRayletDiedError,
    WorkerLost,
    MemoryError,
)
BATCHES_AHEAD = 3  # batches a split keeps queued at a pool, so that an actor finds the next one waiting
MAX_WAITING = 100_000  # batches that may wait in a pool's queue: more than all splits in flight can send
OBJECT_STORE_BYTES = 512 << 20


class _ModelActor:
    """Holds an opened processor; everything it is sent runs one batch at a time."""

    def __init__(self, step: Step, replies: Replies) -> None:
        self._step, self._replies = step, replies
        self._stack = contextlib.ExitStack()

    def open(self) -> None:
        """Loads the model; called first and once, so that what goes wrong is told as it is, not as an actor that died."""
        self._function = self._stack.enter_context(self._step.open(self._replies))

    def call(self, items: list[Any]) -> tuple[float, list[Any]]:
        """How long the work took, and its results."""
        start = time.perf_counter()
        results = self._function(items)
        return time.perf_counter() - start, results


class _Queues:
    """One queue a pool: whichever of its actors is free takes the batch that has waited longest, whatever split it is of.

    Batches and results pass by reference: only the time that a batch took comes here.
    """

    def __init__(self, pools: dict[str, list[Any]]) -> None:
        """An actor stands in its pool as often as it may be given a batch at a time."""
        self._free: dict[str, asyncio.Queue[Any]] = {name: asyncio.Queue() for name in pools}
        for name, actors in pools.items():
            for actor in actors:
                self._free[name].put_nowait(actor)

    async def call(self, pool: str, batch: list[Any]) -> tuple[float, list[Any]]:
        """The seconds that the batch took, and a list with the reference of its results."""
        actor = await self._free[pool].get()
        try:
            busy_s, results = actor.call.options(num_returns=2).remote(batch[0])
            return await busy_s, [results]
        finally:
            self._free[pool].put_nowait(actor)


@dataclass
class PoolCaller:
    """Sends batches to a pool's queue; a dead actor makes the split's attempt a crash."""

    queues: Any
    pool: str
    depth: int
    busy_s: float = 0.0

    def submit(self, items: list[Any]) -> Any:
        return self.queues.call.remote(self.pool, [ray.put(items)])

    def result(self, handle: Any) -> list[Any]:
        try:
            busy_s, (results,) = ray.get(handle)
            found = ray.get(results)
        except (ray_errors.RayError, *CRASHES) as error:
            cause = _cause(error)
            if isinstance(cause, CRASHES):
                raise WorkerLost(f"a model actor died: {type(cause).__name__}") from error
            raise cause from None
        self.busy_s += busy_s
        return found


def _cause(error: BaseException) -> BaseException:
    """What was raised, without the errors that Ray wraps around it on its way through actors and tasks."""
    while isinstance(error, ray_errors.RayTaskError) and isinstance(error.cause, BaseException) and error.cause is not error:
        error = error.cause
    return error


def _split_task(
    recipe: Recipe,
    split: Any,
    path: str,
    token: str,
    replies: Replies,
    callers: dict[str, PoolCaller],
    condemned: frozenset[int],
    replay: Replay | None,
) -> SplitResult:
    corpus = Path(path)
    run = replay.run_split if replay else run_split
    return run(recipe, split, corpus, callers, condemned, lambda: holds_token(corpus, token), replies)


def _probe_task(
    recipe: Recipe,
    split: Any,
    callers: dict[str, PoolCaller],
    span: tuple[int, int],
    condemned: frozenset[int],
    replies: Replies,
    replay: Replay | None,
) -> int:
    probe = replay.probe_split if replay else probe_split
    return probe(recipe, split, callers, span, condemned, replies)


def _is_crash(error: BaseException) -> bool:
    return isinstance(_cause(error), CRASHES)


_embedded = False  # whether the Ray that runs was started here


@contextlib.contextmanager
def session(workers: int, actor_cpus: float, address: str | None, note: Callable[[str], None]) -> Iterator[None]:
    """An embedded Ray of our own, or somebody's cluster by address; ends only what it started.

    Inside another session that one is used. If it is embedded and has too few CPUs, one that has them takes its place until its end.
    """
    global _embedded
    num_cpus = workers + math.ceil(actor_cpus)
    if ray.is_initialized():
        if _embedded and ray.cluster_resources().get("CPU", 0) < num_cpus:
            ray.shutdown()
            _start(num_cpus, workers, None, note)
        yield
        return
    _start(num_cpus, workers, address, note)
    _embedded = not address
    try:
        yield
    finally:
        _embedded = False
        ray.shutdown()


def _start(num_cpus: int, workers: int, address: str | None, note: Callable[[str], None]) -> None:
    start = time.perf_counter()
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address:
        ray.init(address=address, **options)
    else:
        ray.init(
            address="local",
            num_cpus=num_cpus,
            include_dashboard=False,
            object_store_memory=OBJECT_STORE_BYTES,
            _node_ip_address="127.0.0.1",
            _temp_dir=os.path.join(tempfile.gettempdir(), f"corpusmill-ray-{os.getuid()}"),
            **options,
        )
    note(f"Ray started in {time.perf_counter() - start:.1f} s with {workers} workers")


def compute(tasks: Sequence[Any], workers: int, address: str | None, note: Callable[[str], None]) -> list[Any]:
    """The results of `dask.delayed` tasks, in order, each task run as one of Ray's.

    Raises: BuildError when a worker dies; what a task raises, as it was raised.
    """
    import dask
    from ray.util.dask import ray_dask_get

    with session(workers, 0, address, note):
        try:
            return list(dask.compute(*tasks, scheduler=ray_dask_get, ray_remote_args={"max_retries": 0}))
        except (ray_errors.RayError, *CRASHES) as error:
            cause = _cause(error)
            if isinstance(cause, CRASHES):
                raise BuildError(
                    f"a worker died during a stage over the whole corpus ({type(cause).__name__}); run the same command again"
                ) from error
            raise cause from error


def needs(openers: list[Step], workers: int) -> dict[str, float]:
    """CPUs and GPUs of all model actors together."""
    return {
        name: sum(pool_size(step, workers) * resources_of(step).get(option, 0) for step in openers)
        for name, option in (("CPU", "num_cpus"), ("GPU", "num_gpus"))
    }


class _Pools:
    """The model actors of a plan, started once and replaced when they die."""

    def __init__(self, steps: list[Step], workers: int, replies: Replies) -> None:
        self._steps = {step.name: step for step in steps}
        self._sizes = {step.name: pool_size(step, workers) for step in steps}
        self._keys: dict[str, Any] = {step.name: ray.put(step) for step in steps}
        self._replies = replies
        self._start()

    def _start(self) -> None:
        self._actors = {name: self._spawn(name) for name in self._steps}
        opening = [(name, actor.open.remote()) for name, actors in self._actors.items() for actor in actors]
        for name, opened in opening:
            try:
                ray.get(opened)
            except (ray_errors.RayError, *CRASHES) as error:
                cause = _cause(error)
                raise BuildError(f"the model of step {name} cannot be opened: {type(cause).__name__}: {cause}") from error
        queues = ray.remote(_Queues).options(max_restarts=0, max_task_retries=0, num_cpus=0, max_concurrency=MAX_WAITING)
        self._queues = queues.remote({name: actors * calls_at_once(self._steps[name]) for name, actors in self._actors.items()})

    def _spawn(self, name: str) -> list[Any]:
        step = self._steps[name]
        options = {"max_restarts": 0, "max_task_retries": 0, "max_concurrency": calls_at_once(step), **resources_of(step)}
        actor = ray.remote(_ModelActor).options(**options)
        return [actor.remote(self._keys[name], self._replies) for _ in range(self._sizes[name])]

    def callers(self) -> dict[str, PoolCaller]:
        return {name: PoolCaller(self._queues, name, BATCHES_AHEAD * len(actors)) for name, actors in self._actors.items()}

    def replace(self) -> None:
        """Starts every actor anew: after a crash none is trusted to be free of queued work."""
        for actor in (self._queues, *(actor for actors in self._actors.values() for actor in actors)):
            ray.kill(actor)
        self._start()


@dataclass
class _Runner:
    recipe_ref: Any
    path: str
    token: str
    replies: Replies
    pools: _Pools | None
    task_cpus: float
    replay: Replay | None = None

    def start(self, split: Any, condemned: frozenset[int] = frozenset()) -> Any:
        callers = self.pools.callers() if self.pools else {}
        task = ray.remote(_split_task).options(max_retries=0, num_cpus=self.task_cpus)
        return task.remote(self.recipe_ref, split, self.path, self.token, self.replies, callers, condemned, self.replay)

    def probe(self, split: Any, span: tuple[int, int], condemned: frozenset[int] = frozenset()) -> int | None:
        """Rows seen in the span, or None when it killed its worker."""
        callers = self.pools.callers() if self.pools else {}
        task = ray.remote(_probe_task).options(max_retries=0, num_cpus=self.task_cpus)
        try:
            return ray.get(task.remote(self.recipe_ref, split, callers, span, condemned, self.replies, self.replay))
        except (ray_errors.RayError, *CRASHES) as error:
            if not _is_crash(error):
                raise
            if self.pools:
                self.pools.replace()
            return None


def run_splits(
    recipe: Recipe,
    pending: list[Any],
    path: Path,
    token: str,
    replies: Replies,
    workers: int,
    address: str | None,
    on_split: Callable[[SplitResult], None],
    note: Callable[[str], None],
    replay: Replay | None = None,
) -> None:
    """Runs and commits every pending split; results are reported as they land, in any order.

    Raises:
        BuildError: the cluster is too small for the plan, or a crash cannot be pinned to a record.
    """
    openers = [step for step in recipe.steps if step.is_opener]
    wanted = needs(openers, workers)
    with session(workers, wanted["CPU"], address, note):
        _preflight(wanted)
        start = time.perf_counter()
        pools = _Pools(openers, workers, replies) if openers else None
        if pools:
            note(f"models of {len(openers)} steps opened in {time.perf_counter() - start:.1f} s")
        runner = _Runner(ray.put(recipe), str(path), token, replies, pools, 1, replay)
        suspects = _run_all(runner, pending, workers, on_split, note)
        for split in suspects:
            on_split(_run_suspect(runner, split, note))


def _preflight(wanted: dict[str, float]) -> None:
    """Raises BuildError where the model actors would leave no CPU for a task: Ray would wait for ever without a word."""
    have = ray.cluster_resources()
    if have.get("CPU", 0) < wanted["CPU"] + 1 or have.get("GPU", 0) < wanted["GPU"]:
        raise BuildError(
            f"the model actors need {wanted['CPU']:g} CPUs and {wanted['GPU']:g} GPUs, and a task 1 CPU more; "
            f"the cluster has {have.get('CPU', 0):g} CPUs and {have.get('GPU', 0):g} GPUs. Make the pools smaller or the cluster larger"
        )


def _run_all(
    runner: _Runner, pending: list[Any], workers: int, on_split: Callable[[SplitResult], None], note: Callable[[str], None]
) -> list[Any]:
    """Keeps `workers` splits in flight; gives back those whose worker died."""
    queue: list[Any] = list(reversed(pending))
    flying: dict[Any, Any] = {}
    suspects: list[Any] = []
    while queue or flying:
        while queue and len(flying) < workers:
            split = queue.pop()
            flying[runner.start(split)] = split
        done, _ = ray.wait(list(flying), num_returns=1)
        for ref in done:
            split = flying.pop(ref)
            try:
                on_split(ray.get(ref))
            except (ray_errors.RayError, *CRASHES) as error:
                if not _is_crash(error):
                    raise _cause(error) from error
                note(f"a worker died while it held {split.path} [{split.start}:{split.stop}]; it will be tried again alone")
                suspects.append(split)
                if runner.pools:  # work queued at the dead actor fails too: drain, then start anew
                    suspects += [flying[ref] for ref in flying]
                    if flying:
                        ray.wait(list(flying), num_returns=len(flying))
                    suspects = [s for s in suspects if not _landed(runner, flying, s, on_split)]
                    flying.clear()
                    runner.pools.replace()
                    break
    return suspects


def _landed(runner: _Runner, flying: dict[Any, Any], split: Any, on_split: Callable[[SplitResult], None]) -> bool:
    """Whether a drained split ended well after all (it is reported then)."""
    ref = next((ref for ref, other in flying.items() if other is split), None)
    if ref is None:
        return False
    try:
        on_split(ray.get(ref))
    except (ray_errors.RayError, *CRASHES) as error:
        if not _is_crash(error):
            raise
        return False
    return True


def _run_suspect(runner: _Runner, split: Any, note: Callable[[str], None]) -> SplitResult:
    """Runs one split with nothing beside it; if it kills its worker again, bisects it down to the poisonous records."""
    condemned: frozenset[int] = frozenset()
    while True:
        try:
            return ray.get(runner.start(split, condemned))
        except (ray_errors.RayError, *CRASHES) as error:
            if not _is_crash(error):
                raise _cause(error) from error
            if runner.pools:
                runner.pools.replace()
        found = _find_poison(runner, split, condemned)
        if found is None:
            raise BuildError(
                f"split {split.path} [{split.start}:{split.stop}] kills its worker, but no single record of it does; is memory too small?"
            )
        note(f"row {found} of {split.path} [{split.start}:{split.stop}] kills its worker; it is refused as crashed_worker")
        condemned |= {found}


def _find_poison(runner: _Runner, split: Any, condemned: frozenset[int]) -> int | None:
    """The first row, not yet condemned, that kills a worker when it runs alone; found by halving."""
    stack = [(0, split.num_rows if split.num_rows >= 0 else _count_rows(runner, split))]
    while stack:
        start, stop = stack.pop()
        if start >= stop or all(row in condemned for row in range(start, stop)):
            continue
        if runner.probe(split, (start, stop), condemned) is not None:
            continue
        if stop - start == 1:
            return start
        middle = (start + stop) // 2
        stack += [(middle, stop), (start, middle)]
    return None


def _count_rows(runner: _Runner, split: Any) -> int:
    """An upper bound of the rows of a split whose length is not known before reading: doubled until a probe sees none."""
    bound = 1
    while (seen := runner.probe(split, (bound, 2 * bound))) is None or seen > 0:
        bound *= 2
    return bound
