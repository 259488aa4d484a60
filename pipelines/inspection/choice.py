"""Which rows are shown: those a condition keeps, sorted by a fact, or a sample that depends on keys alone."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.inspection.where import Condition
from schemas.identity import keyed_uniform


@dataclass(frozen=True, slots=True)
class Choice:
    """At most `limit` rows that `condition` keeps: the first, or the first by the column `sort`, or of `sample` rows drawn by their keys."""

    limit: int
    condition: Condition | None = None
    sort: str | None = None
    descending: bool = False
    sample: int | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """A row of a batch."""

    batch: pa.RecordBatch
    index: int

    def value(self, name: str) -> Any:
        return self.batch.column(name)[self.index].as_py()


def choose(batches: Iterable[pa.RecordBatch], choice: Choice) -> Iterator[Found]:
    """The chosen rows. Rows without the fact to sort by come last; equal ones stay in the corpus's order. Holds no more than it gives."""
    found = _kept(batches, choice.condition)
    if choice.sample is not None:
        drawn = heapq.nsmallest(choice.sample, enumerate(found), key=lambda item: _luck(choice.seed, item[1]))
        found = (item for _, item in sorted(drawn, key=lambda pair: pair[0]))
    if choice.sort is not None:
        name, take = choice.sort, heapq.nlargest if choice.descending else heapq.nsmallest
        return iter(take(choice.limit, found, key=lambda item: _order(item.value(name), choice.descending)))
    return islice(found, choice.limit)


def _kept(batches: Iterable[pa.RecordBatch], condition: Condition | None) -> Iterator[Found]:
    for batch in batches:
        if condition is None:
            places: Iterable[int] = range(batch.num_rows)
        else:
            truth = condition(batch)
            places = np.flatnonzero(truth.fill_null(False).to_numpy(zero_copy_only=False)).tolist()
        for place in places:
            yield Found(batch, place)


def _luck(seed: int, found: Found) -> float:
    return keyed_uniform(seed, "inspect", found.value("key"))


def _order(value: Any, descending: bool) -> tuple[bool, Any]:
    missing = value is None or (isinstance(value, float) and math.isnan(value))
    return (not missing if descending else missing, 0 if missing else value)
