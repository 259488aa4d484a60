"""How long a build takes on a given cluster, and what holds it up.

The model of pipelines/cluster: a split is a task of one CPU that runs every CPU step of it; engines stand in pools of actors, from which all splits
in flight take. So a stage takes as long as the slowest of: the tasks' work over the workers (whole splits, largest first), each pool's work over its actors, and
the largest split alone. Stages follow one another. Not in it: how fast storage and network are, and how much faster or slower a CPU is there.
"""

from __future__ import annotations

import heapq
import os
import re
from dataclasses import dataclass

from pipelines.plan.figures import CorpusPlan, ModelWork, StagePlan, StepPlan

_SAID = re.compile(r"(?:(\d+)x)?(\d+)cpu(?:,(\d+)gpu)?")


@dataclass(frozen=True, slots=True)
class Cluster:
    """`nodes` machines with `cpus` and `gpus` each."""

    nodes: int = 1
    cpus: int = 1
    gpus: int = 0

    @property
    def all_cpus(self) -> int:
        return self.nodes * self.cpus

    @property
    def all_gpus(self) -> int:
        return self.nodes * self.gpus

    def __str__(self) -> str:
        return f"{self.nodes}x{self.cpus}cpu" + (f",{self.gpus}gpu" if self.gpus else "")


def read_cluster(said: str) -> Cluster:
    """From "8x64cpu,4gpu": 8 nodes of 64 CPUs and 4 GPUs each. Raises: ValueError for what does not read so."""
    found = _SAID.fullmatch(said.replace(" ", "").lower())
    if not found or not int(found[2]) or found[1] == "0":
        raise ValueError(f"cluster {said!r} cannot be read; expected nodes, CPUs and GPUs of one node, such as 8x64cpu,4gpu or 16cpu")
    return Cluster(int(found[1] or 1), int(found[2]), int(found[3] or 0))


def this_machine() -> Cluster:
    return Cluster(1, len(os.sched_getaffinity(0)))


@dataclass(frozen=True, slots=True)
class StageTime:
    """`bound` says what the stage waits for; units: seconds. `workers` splits run at a time."""

    stage: str
    wall_s: float
    bound: str
    workers: int
    idle_workers: int
    largest_split_s: float


@dataclass(frozen=True, slots=True)
class BuildTime:
    """A corpus on a cluster; `stages` is empty where it cannot run there, and `why` says why."""

    cluster: str
    wall_s: float
    bottleneck: str
    stages: tuple[StageTime, ...]
    why: str = ""


def build_time(plan: CorpusPlan, cluster: Cluster, times: float = 1.0) -> BuildTime:
    """The time of a plan, `times` as large, on a cluster."""
    found = []
    for number, stage in enumerate(plan.stages):
        steps = [step for step in plan.steps if step.stage == stage.name]
        timed = _stage_time(plan, stage, steps, cluster, times, is_first=number == 0)
        if isinstance(timed, str):
            return BuildTime(str(cluster), 0.0, "", (), timed)
        found.append(timed)
    worst = max(found, key=lambda one: one.wall_s)
    return BuildTime(str(cluster), sum(one.wall_s for one in found), f"{worst.stage}: {worst.bound}", tuple(found))


def _stage_time(
    plan: CorpusPlan, stage: StagePlan, steps: list[StepPlan], cluster: Cluster, times: float, is_first: bool
) -> StageTime | str:
    models = {step.step: step.model for step in steps if step.model is not None}
    workers = _workers(models, cluster)
    if isinstance(workers, str):
        return workers
    work = {step.step: step.cpu_s.value * times for step in steps if step.cpu_s is not None and step.model is None}
    task_s, load_s = sum(work.values()), sum(step.load_s for step in steps if step.model is None)
    shares, num_splits = _split_shares(plan, times), max(1, round(stage.num_splits * times))
    pools = {name: _pool_s(model, workers, times) for name, model in models.items()}
    largest_s = shares[0] * (task_s + sum(pools.values())) if shares else task_s
    dearest = max(work, key=lambda name: work[name]) if work else ""
    bounds = {
        f"the largest split alone ({shares[0] if shares else 1:.0%} of the work)": load_s + largest_s,
        f"CPU work of {workers} workers, most of it in {dearest}": load_s + _makespan(shares, num_splits, task_s, workers),
        **{f"the engine of {name}": seconds for name, seconds in pools.items()},
    }
    if models:  # where pools and tasks have to share CPUs
        on_cpus = sum((model.busy_s.value if model.busy_s else 0.0) * model.cpus for model in models.values() if not model.is_served)
        bounds[f"all {cluster.all_cpus} CPUs"] = load_s + (task_s + on_cpus * times) / cluster.all_cpus
    bound = max(bounds, key=lambda name: bounds[name])
    make_s = stage.make_s * (1.0 if is_first else times) / min(workers, num_splits)
    if make_s > bounds[bound]:
        bound = "the search over the stage before"
    return StageTime(stage.name, make_s + max(bounds.values()), bound, workers, max(0, workers - num_splits), largest_s)


def _workers(models: dict[str, ModelWork], cluster: Cluster) -> int | str:
    """The most splits at a time that leave the pools their CPUs and GPUs; a reason where there is none."""
    for workers in range(cluster.all_cpus, 0, -1):
        pools = [(model.pool or workers, model) for model in models.values()]
        cpus, gpus = sum(size * model.cpus for size, model in pools), sum(size * model.gpus for size, model in pools)
        if workers + cpus <= cluster.all_cpus and gpus <= cluster.all_gpus:
            return workers
    if any(model.gpus for model in models.values()) and not cluster.all_gpus:
        return "its engines need GPUs, and the cluster has none"
    if cluster.nodes * cluster.cpus <= sum((model.pool or 1) * model.cpus for model in models.values()) + 1 and cluster.nodes == 1:
        return 1  # one machine starts more processes than it has CPUs, and they share them
    return f"its engines' pools leave no CPU or GPU for a task on {cluster}"


def _pool_s(model: ModelWork, workers: int, times: float) -> float:
    if model.busy_s is None:
        return 0.0
    lanes = model.concurrency if model.is_served else (model.pool or workers)
    return model.open_s + model.busy_s.value * times / max(lanes, 1)


def _split_shares(plan: CorpusPlan, times: float) -> tuple[float, ...]:
    """Of a source so many times as large: as many more splits of the same sizes."""
    return tuple(share / times for share in plan.split_shares) if times > 1 else plan.split_shares


def _makespan(shares: tuple[float, ...], num_splits: int, work_s: float, workers: int) -> float:
    """When the last worker is done, where each takes the largest split that is left."""
    free = [0.0] * min(workers, max(num_splits, 1))
    for share in shares:
        heapq.heapreplace(free, free[0] + share * work_s)
    return max(max(free), work_s / len(free))
