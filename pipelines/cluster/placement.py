"""Which actors and splits fit a cluster: by the room of each node, since no actor is spread over two. Knows nothing of Ray but its names.

An amount is a mapping by Ray's names of resources: CPU, GPU, memory (bytes), and custom ones.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipelines import words
from pipelines.step import Step, StepResources, resources_of

CPU, GPU, MEMORY = "CPU", "GPU", "memory"
_OPTIONS = {"num_cpus": CPU, "num_gpus": GPU, "memory": MEMORY}
TYPO_RATIO = 0.75  # as alike as a slip of the finger leaves two words; names of other stages are further away


class PlacementError(ValueError):
    """The cluster can never hold what the plan asks for; the message says what is asked, what is there, and what to do."""


@dataclass
class Room:
    """What is free on a node. `store_bytes` is the size of its object store."""

    name: str
    node: str
    free: dict[str, float]
    store_bytes: int = 0

    def holds(self, amount: Mapping[str, float]) -> bool:
        """Whether so much is there."""
        return all(self.free.get(name, 0.0) >= value - 1e-9 for name, value in amount.items() if value > 0)

    def take(self, amount: Mapping[str, float]) -> bool:
        """Takes an amount away, if it is there."""
        if not self.holds(amount):
            return False
        for name, value in amount.items():
            self.free[name] = self.free.get(name, 0.0) - value
        return True


@dataclass(frozen=True)
class Demand:
    """What stands in the cluster for a step: `pool` actors (0: as many as are good), each of an amount."""

    step: str
    amount: dict[str, float]
    pool: int = 0

    @property
    def is_on_gpu(self) -> bool:
        return self.amount.get(GPU, 0) > 0


@dataclass(frozen=True)
class Sizes:
    """How many splits run at a time, and how many actors each step has."""

    workers: int
    pools: dict[str, int] = field(default_factory=dict)


def demand_of(step: Step, said: StepResources | None = None) -> Demand:
    """What an actor of an opener asks for: what its engine says, with what the user says in its place."""
    told: dict[str, Any] = dict(resources_of(step))
    amount = {name: float(told.get(option, 0)) for option, name in _OPTIONS.items()}
    amount |= {str(name): float(value) for name, value in told.get("resources", {}).items()}
    said = said or StepResources()
    for name, value in ((CPU, said.cpus), (GPU, said.gpus), (MEMORY, said.memory)):
        if value is not None:
            amount[name] = float(value)
    amount |= dict(said.resources)
    return Demand(step.name, {name: value for name, value in amount.items() if value or name == CPU}, said.pool or step.pool)


def options_of(amount: Mapping[str, float]) -> dict[str, object]:
    """An amount as options of a task or an actor of Ray."""
    named = {option: amount.get(name, 0.0) for option, name in _OPTIONS.items()}
    custom = {name: value for name, value in amount.items() if name not in _OPTIONS.values()}
    return {
        "num_cpus": named["num_cpus"],
        "num_gpus": named["num_gpus"],
        **({"memory": int(named["memory"])} if named["memory"] else {}),
        **({"resources": custom} if custom else {}),
    }


def check_steps(said: Iterable[str], steps: Iterable[str]) -> None:
    """Raises PlacementError for a step of `[execution.steps]` whose name is almost, but not quite, that of one of these steps.

    A build has many recipes, and most have not all its steps: a name that is like none of them may be another recipe's.
    """
    known = list(steps)
    for name in said:
        near = difflib.get_close_matches(name, known, n=1, cutoff=TYPO_RATIO)
        if name not in known and near:
            raise PlacementError(f"[execution.steps.{name}]: no step is named {name!r}; {words.hint(name, known)}")


def told(amount: Mapping[str, float]) -> str:
    """`2 CPUs, 1 GPU, 4.0 GiB of memory, 1 of "disk"`."""
    parts = []
    for name, value in amount.items():
        if not value and name != CPU:
            continue
        if name == MEMORY:
            parts.append(f"{value / (1 << 30):.1f} GiB of memory")
        elif name in (CPU, GPU):
            parts.append(f"{value:g} {name}{'' if value == 1 else 's'}")
        else:
            parts.append(f'{value:g} of "{name}"')
    return ", ".join(part for part in parts) or "nothing"


def _place(rooms: Sequence[Room], amount: Mapping[str, float]) -> bool:
    """Takes an amount from a node that has it: one without GPUs first where none is asked for, then the fullest, so that large ones still fit."""
    wants_gpu = amount.get(GPU, 0) > 0
    for room in sorted(rooms, key=lambda room: (not wants_gpu and room.free.get(GPU, 0) > 0, room.free.get(CPU, 0))):
        if room.take(amount):
            return True
    return False


def _told_rooms(rooms: Sequence[Room]) -> str:
    shown = [f"{room.name}: {told({name: room.free.get(name, 0) for name in _shown(room)})}" for room in rooms[:8]]
    return "; ".join(shown) + (f"; and {len(rooms) - 8} nodes more" if len(rooms) > 8 else "")


def _shown(room: Room) -> list[str]:
    hidden = ("object_store_memory",)
    custom = [name for name in room.free if name not in (CPU, GPU, MEMORY, *hidden) and not name.startswith("node:")]
    return [CPU, GPU, MEMORY, *custom]


def size(rooms: Sequence[Room], demands: Sequence[Demand], task: Mapping[str, float], workers: int | None) -> Sizes:
    """How many splits and actors a cluster takes. `task` is what a split asks for; `workers` of them, or, None, as many as there is room for.

    Pools whose size is said are placed first, then an actor of each other pool and a split. What is left is dealt out in turn. An actor on a GPU
    stands beside the splits, not in their place, so pools on GPUs take all GPUs; others grow to the number of splits.

    Raises: PlacementError where an actor of each pool and a split cannot stand side by side.
    """
    if not any(value > 0 for value in task.values()):
        raise PlacementError(
            "[execution] cpus is 0 and so is memory: then there is room for any number of splits; expected more than 0 of one of them"
        )
    left = [Room(room.name, room.node, dict(room.free)) for room in rooms]
    pools: dict[str, int] = {}
    for demand in sorted(demands, key=lambda demand: (-demand.amount.get(GPU, 0), -demand.amount.get(CPU, 0))):
        wanted = demand.pool or 1
        pools[demand.step] = sum(_place(left, demand.amount) for _ in range(wanted))
        if pools[demand.step] < wanted:
            raise PlacementError(
                f"step {demand.step} needs {wanted} actor{'s' if wanted > 1 else ''} of {told(demand.amount)} each, and the cluster has room for "
                f"{pools[demand.step]} ({_told_rooms(rooms)}). Set a smaller pool or less in [execution.steps.{demand.step}], or use a larger cluster"
            )
    if not _place(left, task):
        raise PlacementError(
            f"a split asks for {told(task)} and the model actors need {told(_sum(demands, pools))} beside it; the cluster has too little "
            f"({_told_rooms(rooms)}). Make the pools or [execution] cpus and memory smaller, or the cluster larger"
        )
    return _deal(left, [demand for demand in demands if not demand.pool], task, workers, pools)


def _sum(demands: Sequence[Demand], pools: Mapping[str, int]) -> dict[str, float]:
    total: dict[str, float] = {CPU: 0.0, GPU: 0.0}
    for demand in demands:
        for name, value in demand.amount.items():
            total[name] = total.get(name, 0.0) + value * pools[demand.step]
    return total


def _deal(rooms: Sequence[Room], auto: Sequence[Demand], task: Mapping[str, float], workers: int | None, pools: dict[str, int]) -> Sizes:
    """Deals out what is left: a split, then an actor of each pool whose size nobody said, and again, until nothing fits."""
    num_splits, growing = 1, True
    while growing:
        growing = False
        if (workers is None or num_splits < workers) and _place(rooms, task):
            num_splits, growing = num_splits + 1, True
        for demand in auto:
            asks = any(value > 0 for value in demand.amount.values())  # what takes nothing of a cluster would be dealt for ever
            if (demand.is_on_gpu or (asks and pools[demand.step] < num_splits)) and _place(rooms, demand.amount):
                pools[demand.step], growing = pools[demand.step] + 1, True
            elif not asks:
                pools[demand.step] = num_splits
    return Sizes(num_splits, pools)
