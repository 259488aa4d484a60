"""What goes wrong with a build, drawn by a seed before anything runs: a case is a corpus, a place, an engine, and runs with their faults.

A fault strikes when the build has come so far (`after` events: corpora begun and ended, splits committed) and then `delay_s` later, so that
one seed gives one schedule on a slow machine and a fast one. The last run of every case is left alone.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

LOCAL, S3 = "local", "s3"
IN_PROCESS, EMBEDDED, CLUSTER = "in process", "embedded Ray", "cluster"
ENGINES = (IN_PROCESS, EMBEDDED, CLUSTER)
CORPORA = ("plain", "model", "stages")
MAX_EVENTS = 12  # about as many as a run of the smallest corpus has

# Struck from outside, at a moment:
DRIVER_KILL, TREE_KILL, CTRL_C, FREEZE, RIVAL = "driver_kill", "tree_kill", "ctrl_c", "freeze", "rival"
WORKER_KILL, ACTOR_KILL, NODE_KILL, RAYLET_KILL, HEAD_KILL = "worker_kill", "actor_kill", "node_kill", "raylet_kill", "head_kill"
DISK_FULL, CLOCK_JUMP = "disk_full", "clock_jump"
# Left as a flag that the next record finds:
FLAGS = ("step_memory_kill", "step_memory_error", "step_straggles", "model_memory_kill", "model_memory_error", "model_straggles")
# Planned for the whole run:
WRITE_KILL, STORE_FAULTS = "write_kill", "store_faults"
ENDS_THE_RUN = (DRIVER_KILL, TREE_KILL, CTRL_C, WRITE_KILL)

KINDS: dict[str, tuple[str, ...]] = {
    IN_PROCESS: (
        DRIVER_KILL, WRITE_KILL, WRITE_KILL, CTRL_C, FREEZE, RIVAL, DISK_FULL, CLOCK_JUMP, "step_memory_kill", "step_memory_error",
    ),
    EMBEDDED: (
        DRIVER_KILL, TREE_KILL, CTRL_C, FREEZE, RIVAL, WORKER_KILL, ACTOR_KILL, RAYLET_KILL, HEAD_KILL, DISK_FULL, CLOCK_JUMP, *FLAGS,
    ),
    CLUSTER: (DRIVER_KILL, CTRL_C, FREEZE, RIVAL, WORKER_KILL, ACTOR_KILL, NODE_KILL, RAYLET_KILL, HEAD_KILL, DISK_FULL, *FLAGS),
}  # fmt: skip
OF_MODELS = (ACTOR_KILL, *(flag for flag in FLAGS if flag.startswith("model")))


@dataclass(frozen=True, slots=True)
class Fault:
    """`amount` is the number of a write (write_kill), seconds (freeze, clock_jump), or the share of requests that fail (store_faults)."""

    kind: str
    after: int = 0
    delay_s: float = 0.0
    amount: float = 0.0

    def __str__(self) -> str:
        amount = f" {self.amount:g}" if self.amount else ""
        return (
            f"{self.kind}{amount}" if self.kind in (WRITE_KILL, STORE_FAULTS) else f"{self.kind}{amount} @{self.after}+{self.delay_s:.2f}s"
        )


@dataclass(frozen=True, slots=True)
class Case:
    """One build: `runs` are the faults of each of its runs that are hurt; then it runs until it ends."""

    seed: int
    corpus: str
    place: str
    engine: str
    runs: tuple[tuple[Fault, ...], ...]

    @property
    def moves_clock(self) -> bool:
        return any(fault.kind == CLOCK_JUMP for faults in self.runs for fault in faults)

    def __str__(self) -> str:
        runs = "; ".join(f"run {number}: {', '.join(map(str, faults))}" for number, faults in enumerate(self.runs, 1))
        return f"seed {self.seed}: {self.corpus} on {self.place}, {self.engine}; {runs}"


def draw_case(seed: int, engines: tuple[str, ...] = ENGINES, places: tuple[str, ...] = (LOCAL, S3)) -> Case:
    """The case of a seed, of the engines and places that there are here."""
    rng = random.Random(f"chaos {seed}")
    engine = rng.choices(ENGINES, weights=(4, 3, 3))[0]
    place = rng.choices((LOCAL, S3), weights=(3, 2))[0]
    corpus = rng.choice(CORPORA)
    engine = engine if engine in engines else engines[seed % len(engines)]
    place = place if place in places else places[seed % len(places)]
    runs = tuple(_draw_run(rng, corpus, engine, place) for _ in range(rng.randint(1, 3)))
    return Case(seed, corpus, place, engine, runs)


def _draw_run(rng: random.Random, corpus: str, engine: str, place: str) -> tuple[Fault, ...]:
    there = [kind for kind in KINDS[engine] if corpus != "plain" or kind not in OF_MODELS]
    faults = [_draw_fault(rng, rng.choice(there), place) for _ in range(rng.choice((1, 1, 2, 3)))]
    if place == S3 and rng.random() < 0.75:
        faults.append(Fault(STORE_FAULTS, amount=rng.choice((0.02, 0.05, 0.1))))
    ends = [fault for fault in faults if fault.kind in ENDS_THE_RUN]
    kept = [fault for fault in faults if fault.kind not in ENDS_THE_RUN] + ends[:1]
    return tuple(sorted(kept, key=lambda fault: (fault.after, fault.delay_s, fault.kind)))


def _draw_fault(rng: random.Random, kind: str, place: str) -> Fault:
    after = int(rng.random() ** 1.5 * MAX_EVENTS)
    delay_s = round(rng.random() ** 2 * (0.5 if after else 6.0), 2)  # before the first event lie imports, the lock, and Ray's start
    if kind == WRITE_KILL and place == S3:
        kind = DRIVER_KILL  # a store is not written by calls of os
    if kind == WRITE_KILL:
        return Fault(kind, amount=rng.randint(1, 160) + rng.choice((0.0, 0.5)))  # .5: after it was done
    amounts = {
        FREEZE: lambda: rng.choice((0.5, 2.0, 8.0)),
        CLOCK_JUMP: lambda: rng.choice((-86_400.0, -600.0, 600.0, 86_400.0 * 400)),
    }
    return Fault(kind, after, delay_s, amounts[kind]() if kind in amounts else 0.0)
