"""Runs splits on Ray: tasks of a few splits, model calls in actor pools, what is lost run again elsewhere, crashes tried alone and bisected.

Ray's own retries are off. What ends without a result is one of three things. A node's end, or what it held: nobody is to blame, and the split runs
again. A node's trouble, such as a full disk: the split runs on another node, and a node with several is given no more. A crash, a process that
died on a node that lives: the split is tried once more among the others, then alone; only runs in which nothing else was under way condemn a
record. Nothing but ledger entries comes back to the driver, which keeps nothing of a split that is committed.

`session` starts or joins a Ray; `placement` says what a task or an actor takes of a node, `capacity` what the nodes have room for, `sizing` how large
a pool should be; `tasks` is what runs in a worker, `pools` the actors that hold models and `board` which of them is free; `flights` keeps splits under
way, and `suspects` runs alone those that killed a process.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_DEDUP_LOGS", "0")

from ray import exceptions as ray_errors

from pipelines.build import BuildError, Execution
from pipelines.cluster.capacity import Capacity, Patience
from pipelines.cluster.flights import Flights
from pipelines.cluster.placement import CPU, GPU, PlacementError, check_steps, demand_of
from pipelines.cluster.pools import CRASHES, ModelClosed, cause_of
from pipelines.cluster.session import HeadWatch, check_nodes, session
from pipelines.recipe import Recipe
from pipelines.requeue_replay import Replay
from pipelines.run import SplitResult
from pipelines.step import Step, pool_size
from schemas.replies import Replies

__all__ = ["compute", "needs", "run_splits", "session"]

PATIENCE = Patience()
GRAPH_RETRIES = 2  # of a task over a whole corpus on a cluster, whose nodes may go; it gives the same each time


def compute(tasks: Sequence[Any], workers: int, address: str | None, note: Callable[[str], None]) -> list[Any]:
    """The results of `dask.delayed` tasks, in order, each task run as one of Ray's.

    Raises: BuildError when a worker dies; what a task raises, as it was raised.
    """
    import dask
    from ray.util.dask import ray_dask_get

    with session(workers, 0, address, note):
        try:
            return list(dask.compute(*tasks, scheduler=ray_dask_get, ray_remote_args={"max_retries": GRAPH_RETRIES if address else 0}))
        except (ray_errors.RayError, *CRASHES) as error:
            cause = cause_of(error)
            if isinstance(cause, CRASHES):
                raise BuildError(
                    f"a worker died during a stage over the whole corpus ({type(cause).__name__}); run the same command again"
                ) from error
            raise cause from error


def needs(openers: list[Step], workers: int, execution: Execution | None = None) -> dict[str, float]:
    """CPUs and GPUs of all model actors together, a pool whose size is not said being as large as there are workers; and the CPUs that splits take
    beyond one each."""
    execution = execution or Execution()
    demands = [(demand_of(step, execution.steps.get(step.name)), pool_size(step, workers)) for step in openers]
    wanted = {name: sum((demand.pool or pool) * demand.amount.get(name, 0) for demand, pool in demands) for name in (CPU, GPU)}
    return {**wanted, CPU: wanted[CPU] + workers * max(0.0, execution.cpus - 1)}


def run_splits(
    recipe: Recipe,
    pending: list[Any],
    path: Path,
    token: str,
    replies: Replies,
    workers: int | None,
    execution: Execution,
    on_split: Callable[[SplitResult], None],
    note: Callable[[str], None],
    replay: Replay | None = None,
) -> int:
    """Runs and commits every pending split; results are reported as they land, in any order. Gives the largest number that ran at a time.

    `workers` is how many run at a time; None: as many as the cluster has room for, also when nodes come and go.

    Raises:
        BuildError: the cluster is too small for the plan, does not see the corpus or its head is gone, every node failed, or a crash cannot be
            pinned to a record.
    """
    openers = [step for step in recipe.steps if step.is_opener]
    wanted = needs(openers, workers or 1, execution)
    with session(workers or 1, wanted[CPU], execution.address, note):
        try:
            check_steps(execution.steps, [step.name for step in recipe.steps])
            capacity = Capacity(openers, workers, execution, note, PATIENCE)
            if execution.address:
                check_nodes(capacity.rooms, path, token, recipe.source)
            with _watching(capacity):
                try:
                    capacity.open(replies)
                    Flights(recipe, path, token, replies, capacity, on_split, replay).all(pending)
                finally:
                    capacity.end()
            return capacity.most_workers
        except (PlacementError, ModelClosed) as error:
            raise BuildError(str(error)) from error


@contextlib.contextmanager
def _watching(capacity: Capacity) -> Iterator[None]:
    """Ends the block with a BuildError when the head of the cluster is gone; a cluster of our own on this machine has the life of this process."""
    if not capacity.address:
        yield
        return
    with HeadWatch(capacity.patience.head_s) as capacity.watch:
        try:
            yield
        except (KeyboardInterrupt, ray_errors.RayError, OSError) as error:
            if capacity.is_headless:
                raise capacity.headless() from error
            raise
