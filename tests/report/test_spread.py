"""Spreads: the same in any parts and any order, exact sums, values within their bins; texts exact however many there are."""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipelines.report.spread import MAX_VALUES, PERCENTS, Numbers, bins_of, edges_of
from pipelines.report.texts import MAX_CHARS, MAX_LISTED, Texts, text_spread, top_of_partition

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
INTS = st.integers(-(2**63), 2**63 - 1)
LARGEST = math.nextafter(math.inf, 0)


def counted(values: list[Any], is_int: bool) -> Numbers:
    numbers = Numbers(is_int)
    numbers.add(np.array(values, np.int64 if is_int else np.float64))
    return numbers


def many(is_int: bool) -> list[Any]:
    """More different values than are counted one by one, over many octaves, of both signs."""
    rng = np.random.default_rng(3)
    values = rng.standard_normal(3_000) * np.exp(rng.uniform(-3, 20, 3_000))
    return [int(value) for value in values] if is_int else values.tolist()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(INTS, max_size=8), min_size=1, max_size=6), st.permutations(range(6)), st.booleans())
def test_parts_in_any_order_give_the_spread_of_all(parts: list[list[int]], order: list[int], is_int: bool) -> None:
    parts = [*parts, many(is_int=True)[: 600 * (len(parts) % 2)]]
    values: list[list[Any]] = parts if is_int else [[float(value) / 3 for value in part] for part in parts]
    every = [value for part in values for value in part]
    whole = counted(every, is_int).spread(len(every) + 2)
    left = Numbers(is_int)
    for place in (place for place in order if place < len(values)):
        left.merge(counted(values[place], is_int))
    for place in range(6, len(values)):
        left.merge(counted(values[place], is_int))
    right = Numbers(is_int)  # in pairs, as a tree adds them up
    for start in range(0, len(values), 2):
        pair = Numbers(is_int)
        for part in reversed(values[start : start + 2]):
            pair.merge(counted(part, is_int))
        right.merge(pair)
    assert left.spread(len(every) + 2) == whole == right.spread(len(every) + 2)
    one = Numbers(is_int)
    for part in values:
        one.add(np.array(part, np.int64 if is_int else np.float64))
    assert one.spread(len(every) + 2) == whole


@settings(max_examples=50, deadline=None)
@given(st.lists(FLOATS, min_size=1, max_size=30))
@example([5e-324, -5e-324, 2.2e-308, LARGEST, -LARGEST, 0.0, -0.0])
@example([LARGEST, LARGEST])
@example([0.1] * 10)
def test_mean_and_total_are_the_exact_ones_rounded_once(values: list[float]) -> None:
    spread = counted(values, is_int=False).spread(len(values))
    exact = [Fraction(value) for value in values]
    mean = sum(exact, Fraction()) / len(exact)
    assert spread.mean == float(mean)
    assert (spread.least, spread.most) == (min(values), max(values))
    try:
        total: float | None = float(mean * len(exact))
    except OverflowError:
        total = None
    assert spread.total == total
    variance = sum(((value - mean) ** 2 for value in exact), Fraction()) / len(exact)
    assert spread.deviation is not None
    low, high = (math.nextafter(spread.deviation, end) for end in (0.0, math.inf))
    assert Fraction(low) ** 2 <= variance
    assert high == math.inf or variance <= Fraction(high) ** 2


@settings(max_examples=50, deadline=None)
@given(st.lists(INTS, min_size=1, max_size=30))
@example([-(2**63)] * 3)
def test_sums_of_whole_numbers_do_not_overflow(values: list[int]) -> None:
    spread = counted(values, is_int=True).spread(len(values))
    assert spread.total == sum(values)
    assert spread.mean == float(Fraction(sum(values), len(values)))
    variance = Fraction(sum(value * value for value in values), len(values)) - Fraction(sum(values), len(values)) ** 2
    assert spread.deviation == pytest.approx(float(variance) ** 0.5, rel=1e-15)


@settings(max_examples=80, deadline=None)
@given(FLOATS)
@example(0.0)
@example(LARGEST)
@example(-LARGEST)
@example(5e-324)
@example(1.0)
def test_a_number_lies_in_its_bin(value: float) -> None:
    index = int(bins_of(np.array([value]))[0])
    ((low, high),) = edges_of(np.array([index]), is_int=False)
    if value == 0:
        assert (index, low, high) == (0, 0.0, 0.0)
    elif abs(value) == LARGEST:
        assert value in (low, high)  # the last edge would be infinite
    elif value > 0:
        assert low <= value < high
    else:
        assert low < value <= high
    if abs(value) > 2.3e-308:
        assert high - low <= min(abs(low), abs(high)) / 128


@settings(max_examples=80, deadline=None)
@given(st.one_of(INTS, st.integers(-300, 300)))
@example(-(2**63))
@example(2**63 - 1)
@example(2**61 - 1)
@example(-(2**61) + 1)
def test_a_whole_number_lies_in_its_bin(value: int) -> None:
    ((low, high),) = edges_of(bins_of(np.array([value], np.int64)), is_int=True)
    assert isinstance(low, int) and isinstance(high, int)
    if abs(value) < 256:
        assert low == high == value
    elif low == high:
        assert low == value
    else:
        assert low <= value < high if value > 0 else low < value <= high


@pytest.mark.parametrize("is_int", [True, False])
def test_neighbouring_bins_touch(is_int: bool) -> None:
    indices = bins_of(np.array([3_000, -3_000], np.int64 if is_int else np.float64)).tolist()
    for start in indices:
        edges = list(edges_of(np.arange(start, start + 300), is_int))
        assert [high for _, high in edges[:-1]] == [low for low, _ in edges[1:]]


def test_values_are_counted_one_by_one_up_to_a_number_of_them() -> None:
    values = [0.1 * number for number in range(MAX_VALUES)]
    exact = counted([*values, *values], is_int=False).spread(2 * len(values))
    assert exact.is_exact
    assert exact.bins == tuple((value, value, 2) for value in values)
    more = counted([*values, 99.9], is_int=False).spread(len(values) + 1)
    assert not more.is_exact
    assert len(more.bins) < MAX_VALUES
    assert sum(count for *_, count in more.bins) == MAX_VALUES + 1


@pytest.mark.parametrize("is_int", [True, False])
def test_quantiles(is_int: bool) -> None:
    few = (np.random.default_rng(1).integers(-40, 90, 777) * (1 if is_int else 0.37)).tolist()
    for values, is_exact in ((few, True), (many(is_int), False)):
        spread = counted(values, is_int).spread(len(values))
        assert spread.is_exact == is_exact
        assert [share for share, _ in spread.quantiles] == [percent / 100 for percent in PERCENTS]
        for percent, (_, value) in zip(PERCENTS, spread.quantiles, strict=True):
            rank = max(1, math.ceil(Fraction(percent, 100) * len(values)))
            true = sorted(values)[rank - 1]
            if is_exact or percent in (0, 100):
                assert value == true
            else:
                pair = bins_of(np.array([value, true], np.int64 if is_int else np.float64)).tolist()
                assert pair[0] == pair[1]


def test_what_is_not_finite_is_counted_apart() -> None:
    spread = counted([1.0, math.nan, math.inf, -math.inf, 3.0], is_int=False).spread(9)
    assert (spread.num_records, spread.num_missing, spread.num_not_finite) == (5, 4, 3)
    assert (spread.mean, spread.least, spread.most, spread.total, spread.deviation) == (2.0, 1.0, 3.0, 4.0, 1.0)
    nothing = counted([math.nan], is_int=False).spread(1)
    assert (nothing.num_records, nothing.num_missing, nothing.num_not_finite) == (1, 0, 1)
    assert (nothing.mean, nothing.least, nothing.total, nothing.quantiles, nothing.bins) == (None, None, None, (), ())


def test_whole_numbers_and_others_are_not_mixed() -> None:
    with pytest.raises(ValueError, match="whole numbers and others"):
        counted([1], is_int=True).merge(counted([1.0], is_int=False))


# ---- texts


def in_files(texts: list[str], size: int, max_held: int, partitions: int, folder: Path) -> Any:
    """The spread of texts that are counted in parts, each of which spills what it holds."""
    folder.mkdir()
    whole = Texts()
    for start in range(0, len(texts), size):
        part = Texts()
        part.add(pa.array(texts[start : start + size]))
        part.spill(folder / f"{start}.arrow", partitions, max_held)
        whole.merge(part)
    if not whole.files:
        return text_spread(len(texts), whole.count, [whole.top()])
    whole.spill(folder / "rest.arrow", partitions, 0)
    return text_spread(len(texts), whole.count, [top_of_partition(whole.files, number) for number in range(partitions)])


def test_texts_are_exact_however_they_were_spilled(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    texts = (
        [f"text {int(number)}" for number in rng.exponential(700, 9_000)]
        + ["long " * 100, "long " * 101, "long " * 101]
        + ["", "é" * MAX_CHARS]
    )
    counts = Counter(texts)
    listed = [(text, count) for text, count in counts.items() if len(text) <= MAX_CHARS and count > 1]
    listed.sort(key=lambda item: (-item[1], item[0]))
    assert len(counts) > 2 * MAX_LISTED
    spreads = [
        in_files(texts, 9_100, 100_000, 1, tmp_path / "held"),
        in_files(texts, 1_000, 0, 1, tmp_path / "all"),
        in_files(texts[::-1], 700, 300, 3, tmp_path / "some"),
    ]
    for spread in spreads:
        assert spread == spreads[0]
    assert spreads[0].values == tuple(listed[:MAX_LISTED])
    assert spreads[0].num_values == len(counts)
    assert spreads[0].num_records == len(texts)
    assert spreads[0].num_other == len(texts) - sum(count for _, count in listed[:MAX_LISTED])


def test_up_to_a_thousand_texts_are_all_listed() -> None:
    texts = Texts()
    texts.add(pa.chunked_array([[f"{number:04}" for number in range(MAX_LISTED)], [None, "0007"]]))
    spread = text_spread(MAX_LISTED + 2, texts.count, [texts.top()])
    assert spread.values[:3] == (("0007", 2), ("0000", 1), ("0001", 1))
    assert (len(spread.values), spread.num_values, spread.num_other, spread.num_missing) == (MAX_LISTED, MAX_LISTED, 0, 1)


def test_truth_values_are_texts() -> None:
    texts = Texts()
    texts.add(pa.array([True, None, False, True]))
    assert text_spread(4, texts.count, [texts.top()]).values == (("true", 2), ("false", 1))


def test_a_long_text_is_no_short_one_with_its_digest_as_bytes(tmp_path: Path) -> None:
    import xxhash

    long = "x" * (MAX_CHARS + 1)
    digest = xxhash.xxh3_128_digest(long.encode())
    short = digest.decode("latin-1")
    spread = in_files([long, short, short], 1, 0, 2, tmp_path / "texts")
    assert (spread.values, spread.num_values, spread.num_other) == (((short, 2),), 2, 1)
