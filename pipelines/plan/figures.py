"""The figures of a plan as values: what is computed once, shown as tables, kept as JSON, and compared with what was built."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipelines.plan.estimate import Estimate

VERSION = 1


@dataclass(frozen=True, slots=True)
class ModelWork:
    """What a step asks an engine for. `is_measured` is false where replies were missing; `cost` then is None, and `most_cost` what it may be at most.

    Units: `busy_s` seconds that one actor works (a served model's are its server's, and None is said where it was not asked);
    `cpus` and `gpus` of an actor; `pool` actors, 0 for as many as the build has workers; `calls` batches that an actor works on at a time.
    """

    questions: Estimate | None
    busy_s: Estimate | None
    open_s: float
    cpus: float
    gpus: float
    pool: int
    calls: int
    is_served: bool
    model: str = ""
    concurrency: int = 0
    is_measured: bool = True
    prompt_tokens: Estimate | None = None
    output_tokens: Estimate | None = None
    most_output_tokens: Estimate | None = None
    cost: Estimate | None = None
    most_cost: Estimate | None = None


@dataclass(frozen=True, slots=True)
class StepPlan:
    """A step over the whole corpus; None is what could not be measured.

    `unseen` is what another reason, which refused nothing in the sample, may refuse. Units: `cpu_s`, `gpu_s` seconds of one CPU or GPU;
    `load_s` seconds that each process takes once.
    """

    stage: str
    step: str
    mode: str
    num_in: Estimate | None
    num_out: Estimate | None
    kept_ratio: Estimate | None  # records that were not refused
    refused: Estimate | None
    rejects: Mapping[str, Estimate | None]
    unseen: Estimate | None
    num_faults: int  # in the sample
    cpu_s: Estimate | None
    gpu_s: Estimate | None = None
    load_s: float = 0.0
    model: ModelWork | None = None


@dataclass(frozen=True, slots=True)
class StagePlan:
    """A stage and its corpus on disk. `make_s` is spent before its first record, on searches over the stage before."""

    name: str
    num_splits: int
    rows: Estimate | None
    shard_bytes: Estimate | None
    reject_bytes: Estimate | None
    make_s: float
    max_record_bytes: int


@dataclass(frozen=True, slots=True)
class CorpusPlan:
    """A corpus before it is built. `split_shares` are the parts of the work that its splits have, the largest first; its rest is spread evenly."""

    corpus: str
    seed: int
    share: float  # of the rows that were tried
    num_tried: int
    num_splits_read: int
    fingerprint: str
    rows_in: Estimate
    source_bytes: Estimate | None
    rows_out: Estimate | None
    tokens: Mapping[str, Estimate | None]
    reply_bytes: Estimate | None
    steps: tuple[StepPlan, ...]
    stages: tuple[StagePlan, ...]
    split_shares: tuple[float, ...]
    notes: tuple[str, ...]
    not_measured: tuple[str, ...]
    took_s: float
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def cpu_s(self) -> float:
        return sum(step.cpu_s.value for step in self.steps if step.cpu_s) + sum(stage.make_s for stage in self.stages)

    @property
    def gpu_s(self) -> float:
        return sum(step.gpu_s.value for step in self.steps if step.gpu_s)

    @property
    def disk_bytes(self) -> float:
        """Shards and rejects of all stages, and kept replies."""
        parts = [part for stage in self.stages for part in (stage.shard_bytes, stage.reject_bytes)]
        return sum(part.value for part in (*parts, self.reply_bytes) if part is not None)


def as_json(plan: CorpusPlan) -> dict[str, Any]:
    """A plan as JSON values; an estimate is [value, low, high]."""
    return {"version": VERSION, **_plain(plan)}


def _plain(value: Any) -> Any:
    if isinstance(value, Estimate):
        return [_number(value.value), _number(value.low), _number(value.high)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {one.name: _plain(getattr(value, one.name)) for one in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return _number(value) if isinstance(value, float) else value


def _number(value: float) -> float | int:
    value = float(value)
    return int(value) if value.is_integer() else float(f"{value:.6g}")
