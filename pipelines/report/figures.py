"""The figures of a corpus as values: what `statistics` computes, JSON and Parquet keep, and pages, cards and comparisons show.

Every count is exact. A spread keeps numbers in bins whose edges are the same for every corpus, so that two spreads can be added,
compared, and asked what share of rows lies beyond a threshold (see spread.py for the edges).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any


def as_fields(value: Any) -> Any:
    """Figures as mappings, their fields by name, down to plain values. Unlike `dataclasses.asdict` it copies no bins, which are many."""
    if is_dataclass(value):
        return {each.name: as_fields(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {name: as_fields(each) for name, each in value.items()}
    if isinstance(value, tuple) and value and is_dataclass(value[0]):
        return [as_fields(each) for each in value]
    return value


@dataclass(frozen=True, slots=True)
class Spread:
    """How a fact is spread over records.

    `bins` (low, high, count) are of numbers, ascending, without empty ones; low = high where a bin holds one value alone, else the edge
    that is farther from zero does not belong to it. `values` (text, count) are of texts and truth values (`true`, `false`), the most
    frequent first, equally frequent ones by text: at most 1000, none longer than 200 characters, and once there are more than 1000
    different ones none that occurs a single time; `num_other` counts the records whose value has no place there, `num_values` all
    different ones. `least`, `most`, `mean`, `deviation` (of the population), `total` are None where there is no number, `total` also
    where a float cannot hold it; they do not come from the bins. `quantiles` are (share, value), the value being the smallest that at
    least this share of the numbers do not exceed; where not `is_exact`, those but the first and the last are right within a bin.
    """

    num_records: int = 0  # with the fact
    num_missing: int = 0  # without it
    least: float | None = None
    most: float | None = None
    mean: float | None = None
    deviation: float | None = None
    total: float | None = None
    quantiles: tuple[tuple[float, float], ...] = ()
    bins: tuple[tuple[float, float, int], ...] = ()
    values: tuple[tuple[str, int], ...] = ()
    num_values: int = 0  # different texts
    num_other: int = 0
    num_not_finite: int = 0  # infinite, or not a number: counted in `num_records`, and in no other figure

    @property
    def is_exact(self) -> bool:
        """Whether each bin is one value, so that quantiles and shares beyond a threshold are exact."""
        return all(low == high for low, high, _ in self.bins)


@dataclass(frozen=True, slots=True)
class FactFigures:
    """A fact over the rows that came out, and over the records that were refused, in any stage, after it was measured.

    Of a refused record, texts of more than 80 characters are not known (see `schemas.corpus.told_facts`), and count as missing.
    """

    name: str
    type: str
    doc: str
    kept: Spread
    refused: Spread


@dataclass(frozen=True, slots=True)
class LimitFigures:
    """A bound that a step set on a fact, as recipe.json tells it (see `schemas.facts.Limit`).

    `kept` is over the rows that came out of its stage, `refused` over the records that this step refused with this reason; both over those that
    the limit judges, which have the fact and are as `where` says: the others are missing. Not every record of `refused` breaks the bound:
    the reason may have other limits, or, where it is not `sole`, other causes. `where` are mappings: `fact`, and of `any_of`,
    `none_of`, `least`, `most`, `plus` those that ask something. Where steps of `remeasured_by` measured the fact anew, rows no longer
    carry what the limit judged.
    """

    stage: str
    step: str
    fact: str
    reason: str
    least: float | None
    most: float | None
    kept: Spread
    refused: Spread
    where: tuple[Mapping[str, Any], ...] = ()
    sole: bool = True
    remeasured_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StepFigures:
    """A step of a stage: num_in = ancestors of what came out + refused + faults + crashes. `seconds` sums over workers, None when not told."""

    stage: str
    step: str
    num_in: int
    num_out: int
    rejects: Mapping[str, int] = field(default_factory=dict)
    num_faults: int = 0
    seconds: float | None = None
    busy_s: float | None = None
    num_asked: int = 0
    num_known: int = 0


@dataclass(frozen=True, slots=True)
class ReasonFigures:
    """A reason for which records were refused, in the step that gave it; `failure` is reject, fault or crash."""

    stage: str
    step: str
    reason: str
    failure: str
    doc: str
    num_records: int


@dataclass(frozen=True, slots=True)
class Run:
    """A run that built a part of the corpus. Units: `seconds` wall time; `worker_s` all workers' time, of which `used_s` was in steps, in the
    source, and in writing shards (`writing_s`). Runs differ from build to build: they are no part of the corpus.
    """

    stage: str
    seconds: float
    workers: int
    num_built: int
    num_resumed: int
    used_s: float
    num_requests: int = 0
    prompt_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0
    writing_s: float = 0.0
    num_cpus: int = 0

    @property
    def worker_s(self) -> float:
        return self.seconds * max(1, self.workers)

    @property
    def used_ratio(self) -> float:
        """Share of the workers' time that was spent in steps, source and writing; 0 for a run that took no time."""
        return self.used_s / self.worker_s if self.worker_s else 0.0


@dataclass(frozen=True, slots=True)
class Statistics:
    """All figures of a corpus, its earlier stages included. `stages` are the corpus directories, the corpus itself last."""

    name: str
    kind: str
    title: str
    notes: str
    fingerprint: str
    content: str
    versions: Mapping[str, str]
    stages: tuple[str, ...]
    num_in: int
    num_out: int
    num_refused: int
    num_faults: int
    num_splits: int
    num_bytes: int
    sums: Mapping[str, int]
    tokens: Mapping[str, int]  # text, image, audio, all
    steps: tuple[StepFigures, ...]
    reasons: tuple[ReasonFigures, ...]
    facts: tuple[FactFigures, ...]
    limits: tuple[LimitFigures, ...]
    licences: Mapping[str, int]
    sources: Mapping[str, int]  # rows by origin source, the most frequent first
    runs: tuple[Run, ...]
    extra: Mapping[str, Any] = field(
        default_factory=dict
    )  # plain JSON values, told by statistics.py: packing, duplicates, benchmarks, tokens_by
    is_complete: bool = True  # False: the build has not ended, and the figures are of what is committed
