"""Which rows are shown: exactly those that sorting, sampling and filtering all rows by hand would show."""

from __future__ import annotations

import math

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.inspection.choice import Choice, choose
from pipelines.inspection.columns import Columns
from pipelines.inspection.where import parse
from schemas.identity import keyed_uniform

VALUES = st.lists(st.none() | st.sampled_from([0.0, 1.0, 2.0, -1.0, math.nan]), min_size=1, max_size=12)


def batches_of(values: list[float | None], size: int) -> list[pa.RecordBatch]:
    keys = [f"k{number}" for number in range(len(values))]
    return [
        pa.RecordBatch.from_arrays(
            [pa.array(keys[start : start + size]), pa.array(values[start : start + size], pa.float64())], names=["key", "a.x"]
        )
        for start in range(0, len(values), size)
    ]


def keys(values: list[float | None], size: int, choice: Choice) -> list[str]:
    return [found.value("key") for found in choose(batches_of(values, size), choice)]


@settings(max_examples=50, deadline=None)
@given(VALUES, st.integers(1, 5), st.integers(1, 12), st.booleans())
def test_sorting_puts_what_was_not_measured_last_and_keeps_the_order_of_equals(
    values: list[float | None], size: int, limit: int, descending: bool
) -> None:
    measured = [(value, number) for number, value in enumerate(values) if value is not None and not math.isnan(value)]
    missing = [number for number, value in enumerate(values) if value is None or math.isnan(value)]
    expected = [number for _, number in sorted(measured, key=lambda pair: -pair[0] if descending else pair[0])] + missing
    assert keys(values, size, Choice(limit, sort="a.x", descending=descending)) == [f"k{number}" for number in expected[:limit]]


@settings(max_examples=50, deadline=None)
@given(VALUES, st.integers(1, 12), st.integers(0, 3))
def test_a_sample_depends_on_keys_alone(values: list[float | None], num: int, seed: int) -> None:
    drawn = keys(values, 3, Choice(num, sample=num, seed=seed))
    assert drawn == keys([None] * len(values), 5, Choice(num, sample=num, seed=seed))
    every = [f"k{number}" for number in range(len(values))]
    lucky = sorted(every, key=lambda key: keyed_uniform(seed, "inspect", key))[:num]
    assert drawn == [key for key in every if key in lucky]  # in the corpus's order


def test_a_condition_comes_before_the_sample_and_the_sample_before_the_order() -> None:
    values: list[float | None] = [0.0, 5.0, 1.0, 4.0, 2.0, 3.0]
    condition = parse("x >= 2", Columns({"key": str, "a.x": float}))
    found = keys(values, 4, Choice(2, condition, "a.x", True, sample=3))
    lucky = sorted(["k1", "k3", "k4", "k5"], key=lambda key: keyed_uniform(0, "inspect", key))[:3]
    assert found == sorted(lucky, key=lambda key: -(values[int(key[1:])] or 0))[:2]


def test_no_more_batches_are_read_than_are_needed() -> None:
    read = []

    def batches() -> object:
        for batch in batches_of([1.0] * 9, 3):
            read.append(batch)
            yield batch

    assert len(list(choose(batches(), Choice(2)))) == 2  # type: ignore[arg-type]
    assert len(read) == 1
