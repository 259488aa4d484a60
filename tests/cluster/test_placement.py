"""What fits a cluster: exact numbers of splits and actors, by the room of each node, and what is said where nothing fits."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.buildfile import BuildFileError, read_execution
from pipelines.cluster.placement import CPU, GPU, MEMORY, Demand, PlacementError, Room, check_steps, demand_of, options_of, size
from pipelines.step import StepResources, batched
from schemas.records import Document

TASK = {CPU: 1.0}


@dataclass(frozen=True, slots=True)
class OnGpu:
    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = ()
    reasons: ClassVar = ()
    version: ClassVar = 1
    resources: ClassVar = {"num_cpus": 2, "num_gpus": 1}

    @contextlib.contextmanager
    def open(self) -> Iterator[Any]:
        yield list


def rooms(*nodes: dict[str, float]) -> list[Room]:
    return [Room(f"n{number}", str(number), dict(node)) for number, node in enumerate(nodes)]


def test_gpus_do_not_cap_the_splits() -> None:
    sizes = size(rooms({CPU: 16}, {CPU: 8, GPU: 2}), [Demand("hear", {CPU: 1, GPU: 1})], TASK, None)
    assert (sizes.workers, sizes.pools) == (22, {"hear": 2})


def test_parts_of_a_gpu_are_shared() -> None:
    assert size(rooms({CPU: 8, GPU: 2}), [Demand("hear", {CPU: 1, GPU: 0.25})], TASK, 1).pools == {"hear": 7}  # the eighth finds no CPU
    assert size(rooms({CPU: 64, GPU: 2}), [Demand("hear", {CPU: 1, GPU: 0.25})], TASK, 1).pools == {"hear": 8}


def test_splits_and_actors_share_the_cpus_evenly_where_nobody_says_how() -> None:
    sizes = size(rooms({CPU: 12}), [Demand("a", {CPU: 1}), Demand("b", {CPU: 1})], TASK, None)
    assert (sizes.workers, sizes.pools) == (4, {"a": 4, "b": 4})


def test_what_is_said_is_kept() -> None:
    sizes = size(rooms({CPU: 12}), [Demand("a", {CPU: 2}, 3), Demand("b", {CPU: 1})], TASK, 2)
    assert (sizes.workers, sizes.pools) == (2, {"a": 3, "b": 2})
    assert size(rooms({CPU: 2}), [Demand("served", {CPU: 0})], TASK, 2).pools == {"served": 2}


def test_no_actor_is_spread_over_two_nodes() -> None:
    with pytest.raises(
        PlacementError, match=r"step hear needs 1 actor of 3 CPUs each, and the cluster has room for 0 \(n0: 2 CPUs; n1: 2 CPUs\)"
    ):
        size(rooms({CPU: 2}, {CPU: 2}), [Demand("hear", {CPU: 3})], TASK, None)


def test_what_can_never_fit_is_told_with_what_there_is() -> None:
    with pytest.raises(PlacementError, match='step hear needs 2 actors of 1 CPU, 1 of "fast_disk" each, and the cluster has room for 1'):
        size(rooms({CPU: 4, "fast_disk": 1}), [Demand("hear", {CPU: 1, "fast_disk": 1}, 2)], TASK, None)
    with pytest.raises(PlacementError, match=r"a split asks for 1 CPU, 8.0 GiB of memory .* \(n0: 4 CPUs, 2.0 GiB of memory\)"):
        size(rooms({CPU: 4, MEMORY: 2 << 30}), [], {CPU: 1, MEMORY: 8 << 30}, None)
    with pytest.raises(PlacementError, match="a split asks for 1 CPU and the model actors need 2 CPUs beside it"):
        size(rooms({CPU: 2}), [Demand("hear", {CPU: 2})], TASK, None)
    with pytest.raises(PlacementError, match="cpus is 0"):
        size(rooms({CPU: 2}), [], {CPU: 0}, None)


@given(
    st.lists(st.tuples(st.integers(1, 16), st.integers(0, 4)), min_size=1, max_size=5),
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from([0, 0.5, 1, 2]), st.integers(0, 3)), max_size=3),
    st.one_of(st.none(), st.integers(1, 20)),
)
def test_what_is_dealt_out_is_there(nodes: list[tuple[int, int]], asked: list[tuple[int, float, int]], workers: int | None) -> None:
    demands = [Demand(f"s{number}", {CPU: cpus, **({GPU: gpus} if gpus else {})}, pool) for number, (cpus, gpus, pool) in enumerate(asked)]
    try:
        sizes = size(rooms(*({CPU: float(cpus), GPU: float(gpus)} for cpus, gpus in nodes)), demands, TASK, workers)
    except PlacementError:
        return
    used = {name: sum(demand.amount.get(name, 0) * sizes.pools[demand.step] for demand in demands) for name in (CPU, GPU)}
    assert used[CPU] + sizes.workers <= sum(cpus for cpus, _ in nodes)
    assert used[GPU] <= sum(gpus for _, gpus in nodes)
    assert 1 <= sizes.workers <= (workers or 1_000)
    assert all(sizes.pools[demand.step] == (demand.pool or sizes.pools[demand.step]) >= 1 for demand in demands)


def test_the_user_says_more_than_the_engine() -> None:
    step = batched(OnGpu(), size=2, name="hear")
    assert demand_of(step) == Demand("hear", {CPU: 2, GPU: 1})
    said = StepResources(pool=3, cpus=1, gpus=0, memory=1 << 30, resources=(("fast_disk", 1.0),))
    assert demand_of(step, said) == Demand("hear", {CPU: 1, MEMORY: 1 << 30, "fast_disk": 1}, 3)
    assert options_of(demand_of(step, said).amount) == {"num_cpus": 1, "num_gpus": 0, "memory": 1 << 30, "resources": {"fast_disk": 1}}


def test_a_slip_in_the_name_of_a_step_is_told_and_a_step_of_another_recipe_is_not() -> None:
    check_steps(["hear", "write_summary"], ["decode", "hear"])
    with pytest.raises(PlacementError, match=r"\[execution.steps.haer\]: no step is named 'haer'; did you mean 'hear'\?"):
        check_steps(["haer"], ["decode", "hear"])


def test_the_execution_table_is_read() -> None:
    steps = {"hear": {"pool": 2, "gpus": 0.5, "memory": "1.5 GB", "resources": {"fast_disk": 1}}}
    execution = read_execution({"workers": 2, "cpus": 2, "memory": "4 GiB", "steps": steps}, "b.toml [execution]")
    assert (execution.workers, execution.cpus, execution.memory) == (2, 2.0, 4 << 30)
    assert execution.steps == {"hear": StepResources(pool=2, gpus=0.5, memory=1_500_000_000, resources=(("fast_disk", 1.0),))}


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"steps": {"hear": {"poool": 1}}}, r"\[steps.hear\]: 'poool' is unknown; did you mean 'pool'\?"),
        ({"steps": {"hear": {"pool": 0}}}, r"\[steps.hear\] pool is 0, expected 1 or more"),
        ({"steps": {"hear": {"gpus": 1.5}}}, "gpus is 1.5; expected a part of one GPU, or whole ones"),
        ({"steps": {"hear": {"resources": ["a"]}}}, "expected amounts by name"),
        ({"steps": 3}, "steps is 3; expected tables"),
        ({"memory": "4 XB"}, "memory is '4 XB', expected a number of bytes"),
        ({"cpus": -1}, "cpus is -1.0, expected 0 or more"),
    ],
)
def test_a_bad_execution_table_is_told(table: dict[str, Any], message: str) -> None:
    with pytest.raises(BuildFileError, match=message):
        read_execution(table, "b.toml [execution]")
