"""The law of sizing, on a simulated plan: pools come to what their steps need, and the bytes under way stay within their share."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from pipelines.cluster.sizing import STORE_SHARE, PoolLoad, resize, share_bytes, splits_within


def loads(pools: dict[str, int], work_s: dict[str, float], rate: float) -> list[PoolLoad]:
    """What is measured when `rate` batches a second reach each pool, whose batches take `work_s`: busy as far as that goes, the rest waits."""
    found = []
    for step, actors in pools.items():
        wanted = rate * work_s[step]
        waiting = 0 if wanted <= actors else math.ceil(4 * (wanted - actors)) + actors
        found.append(PoolLoad(step, actors, actors, waiting, min(1.0, wanted / actors)))
    return found


def settle(pools: dict[str, int], work_s: dict[str, float], rate: float, cpus: int, ticks: int = 100) -> list[dict[str, int]]:
    """The sizes tick by tick, on a cluster with CPUs for so many actors."""
    history = []
    for _ in range(ticks):
        has_room = sum(pools.values()) < cpus
        changes = resize(loads(pools, work_s, rate), {True: lambda _: True, False: lambda _: False}[has_room], False, True, False)
        pools = {step: count + changes.get(step, 0) for step, count in pools.items()}
        assert sum(pools.values()) <= cpus
        history.append(pools)
    return history


def test_a_slow_and_a_fast_step_come_to_stay_busy() -> None:
    history = settle({"fast": 5, "slow": 5}, {"fast": 0.01, "slow": 0.08}, rate=100, cpus=10)
    assert history[-1] == {"fast": 1, "slow": 8} or history[-1]["slow"] >= 8
    assert history[-10:] == [history[-1]] * 10  # and nothing swings
    busy = {load.step: load.busy_ratio for load in loads(history[-1], {"fast": 0.01, "slow": 0.08}, 100)}
    assert busy["slow"] >= 0.8


@given(
    st.dictionaries(st.sampled_from("abcd"), st.floats(0.001, 0.5), min_size=1),
    st.floats(0.5, 200),
    st.integers(4, 64),
)
def test_sizes_never_leave_the_room_and_come_to_rest(work_s: dict[str, float], rate: float, cpus: int) -> None:
    history = settle(dict.fromkeys(work_s, 1), work_s, rate, max(cpus, len(work_s)), ticks=200)
    assert min(min(pools.values()) for pools in history) >= 1
    assert history[-1] == history[-2]
    for load in loads(history[-1], work_s, rate):
        others_starve = any(other.starves and other.num_actors > 1 for other in loads(history[-1], work_s, rate))
        assert not (load.is_short and (sum(history[-1].values()) < max(cpus, len(work_s)) or others_starve))


def test_a_fixed_pool_is_left_alone() -> None:
    short = PoolLoad("a", 1, 1, 50, 1.0, is_fixed=True)
    idle = PoolLoad("b", 4, 4, 0, 0.0, is_fixed=True)
    assert resize([short, idle], lambda _: True, True, True) == {}


def test_where_splits_are_missing_a_starving_pool_gives_an_actor_up() -> None:
    idle = PoolLoad("b", 4, 4, 0, 0.1)
    assert resize([idle], lambda _: True, True, is_full=True) == {"b": -1}
    assert resize([idle], lambda _: True, True, is_full=False) == {}  # the end of a build: no more splits could use the room


def test_a_short_pool_takes_the_place_of_a_split_only_where_that_may_be() -> None:
    short = PoolLoad("a", 2, 2, 9, 1.0)
    assert resize([short], lambda _: False, True, True) == {"a": 1}
    assert resize([short], lambda _: False, False, True) == {}


@given(st.integers(1 << 20, 1 << 40), st.integers(1, 1_000), st.dictionaries(st.sampled_from("abc"), st.integers(1, 1 << 28), min_size=1))
def test_bytes_under_way_stay_within_the_share_of_the_store(store: int, workers: int, largest: dict[str, int]) -> None:
    splits = min(workers, splits_within(store, largest))
    share = share_bytes(store, splits, len(largest))
    under_way = splits * sum(
        max(1, share // size) * size for size in largest.values()
    )  # each sends ahead what its share holds, and always one
    one_split = sum(largest.values())
    assert under_way <= 2 * STORE_SHARE * store or (splits == 1 and under_way <= one_split + STORE_SHARE * store)
