"""Laws of mixtures: exact shares, every row once before any row twice, any window without those before it."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.mixture import Epochs, Mixture, apportion

CORPORA = st.lists(st.tuples(st.integers(5, 40), st.floats(0.3, 10)), min_size=1, max_size=5)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**7), st.lists(st.integers(1, 1_000), min_size=1, max_size=8))
def test_shares_are_whole_and_closer_than_a_row(num_rows: int, parts: list[int]) -> None:
    weights = [Fraction(part, sum(parts)) for part in parts]
    counts = apportion(num_rows, weights)
    assert sum(counts) == num_rows
    assert all(abs(count - num_rows * weight) < 1 for count, weight in zip(counts, weights, strict=True))


@settings(max_examples=25, deadline=None)
@given(CORPORA, st.integers(1, 100), st.integers(0, 3))
def test_each_corpus_keeps_its_share_and_its_rows_their_turn(corpora: list[tuple[int, float]], window_rows: int, seed: int) -> None:
    sizes, weights = [size for size, _ in corpora], [weight for _, weight in corpora]
    mixture = Mixture(sizes, weights, seed, window_rows)
    assert mixture.window_rows >= window_rows
    windows = [mixture.window(number) for number in range(4)]
    times = np.zeros(sum(sizes), int)
    for number, rows in enumerate(windows, 1):
        assert len(rows) == mixture.window_rows
        times += np.bincount(rows, minlength=len(times))
        for own, weight in zip(np.split(times, np.cumsum(sizes)[:-1]), mixture.weights, strict=True):
            assert abs(int(own.sum()) - weight * number * mixture.window_rows) < 1
            assert own.max() - own.min() <= 1
    fresh = Mixture(sizes, weights, seed, window_rows)
    np.testing.assert_array_equal(fresh.window(3), windows[3])  # without the windows before it


def test_a_rare_corpus_gives_a_row_to_each_window() -> None:
    mixture = Mixture([5, 5], [999.0, 1.0], 0, 10)
    assert mixture.window_rows == 1_000
    assert [(mixture.window(number) >= 5).sum() for number in range(5)] == [1] * 5


def test_shares_follow_weights_not_sizes() -> None:
    rows = np.concatenate([Mixture([1_000, 10], [1.0, 3.0], 0, 100).window(number) for number in range(4)])
    assert ((rows >= 1_000).sum(), (rows < 1_000).sum()) == (300, 100)


def test_each_time_round_has_another_order_and_each_seed() -> None:
    first, second = Mixture([50], [1.0], 0, 50).window(0), Mixture([50], [1.0], 0, 50).window(1)
    assert sorted(first) == sorted(second) == list(range(50))
    assert first.tolist() != second.tolist()
    assert first.tolist() != Mixture([50], [1.0], 1, 50).window(0).tolist()
    twins = Mixture([50, 50], [1.0, 1.0], 0, 100).window(0)
    assert twins[:50].tolist() != (twins[50:] - 50).tolist()


@pytest.mark.parametrize(("size", "weight"), [(0, 1.0), (3, 0.0), (3, -1.0), (3, float("nan")), (3, float("inf"))])
def test_what_cannot_be_mixed_is_an_error(size: int, weight: float) -> None:
    with pytest.raises(ValueError, match=f"corpus 1 has {size} rows and weight {weight}; expected"):
        Mixture([2, size], [1.0, weight], 0, 10)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=4), st.integers(1, 3), st.integers(1, 60))
def test_epochs_give_every_row_equally_often(sizes: list[int], epochs: int, window_rows: int) -> None:
    windows = Epochs(sizes, epochs, 0, window_rows)
    assert windows.num_windows is not None
    found = [windows.window(number).tolist() for number in range(windows.num_windows)]
    assert all(1 <= len(rows) <= window_rows for rows in found)
    an_epoch = windows.num_windows // epochs
    for start in range(0, windows.num_windows, an_epoch):
        assert sorted(row for rows in found[start : start + an_epoch] for row in rows) == list(range(sum(sizes)))
    with pytest.raises(IndexError):
        windows.window(windows.num_windows)
