"""Connected components on disk against those of scipy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pipelines import components
from pipelines.components import connect, node_partition, unique_rows
from pipelines.graph import compute_here
from pipelines.partitions import read_partition


def labels(edges: np.ndarray, count: int) -> np.ndarray:
    """The smallest node of each node's component."""
    whole = coo_array((np.ones(len(edges)), edges.astype(np.int64).T), shape=(count, count))
    of = connected_components(whole, directed=False)[1]
    smallest = np.full(of.max() + 1, count)
    np.minimum.at(smallest, of, np.arange(count))
    return smallest[of]


def found_labels(folder: Path, edges: np.ndarray, count: int, partitions: int, files: int = 2) -> np.ndarray:
    paths = [folder / f"edges-{number}.npy" for number in range(files)]
    for path, rows in zip(paths, np.array_split(edges, files), strict=True):
        np.save(path, rows)
    links = connect(folder, paths, partitions, compute_here)
    found = np.arange(count)
    for number in range(partitions):
        for rows in read_partition(links, number):
            assert (node_partition(rows[:, 0], partitions) == number).all()
            down = rows[rows[:, 0] < rows[:, 1]].astype(np.int64)
            found[down[:, 1]] = down[:, 0]
    return found


def graph(kind: str, count: int) -> np.ndarray:
    rng = np.random.default_rng(count)
    shuffled = rng.permutation(count)
    edges = {
        "chain": np.stack([np.arange(count - 1), np.arange(1, count)], axis=1),
        "shuffled chain": np.stack([shuffled[:-1], shuffled[1:]], axis=1),
        "star": np.stack([np.full(count - 1, shuffled[0]), shuffled[1:]], axis=1),
        "pairs": shuffled[: count // 2 * 2].reshape(-1, 2),
        "random": rng.integers(0, count, (count // 2, 2)),
        "two hubs": np.stack([np.arange(count - 1) % 2, np.arange(1, count)], axis=1)[1:],
    }[kind]
    return edges[edges[:, 0] != edges[:, 1]].astype(np.uint64)


@pytest.mark.parametrize("partitions", [1, 4])
@pytest.mark.parametrize("kind", ["chain", "shuffled chain", "star", "pairs", "random", "two hubs"])
def test_components_are_those_of_scipy(tmp_path: Path, kind: str, partitions: int) -> None:
    edges = graph(kind, 1_000)
    assert np.array_equal(found_labels(tmp_path, edges, 1_000, partitions), labels(edges, 1_000))


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=60), st.integers(1, 3))
@settings(max_examples=30, deadline=None)
def test_any_small_graph(tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[int, int]], partitions: int) -> None:
    edges = np.array([pair for pair in pairs if pair[0] != pair[1]], np.uint64).reshape(-1, 2)
    folder = tmp_path_factory.mktemp("graph")
    assert np.array_equal(found_labels(folder, edges, 31, partitions), labels(edges, 31))


def test_a_hub_costs_a_step_no_more_than_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(components, "ROWS_PER_PARTITION", 100)
    paths = []
    for number in range(20):  # all edges lie in the partition of the hub, fifty from each file
        leaves = np.arange(1 + 50 * number, 51 + 50 * number, dtype=np.uint64)
        np.save(tmp_path / f"edges-{number}.npy", np.stack([np.zeros(50, np.uint64), leaves], axis=1))
        paths.append(components._spread(tmp_path / f"links-0-{number}", tmp_path / f"edges-{number}.npy", 2))
    hub = int(node_partition(np.zeros(1, np.uint64), 2)[0])
    written, num_new = components._star(components.large_star, tmp_path / "links-1", paths, hub, 2)
    sizes = [len(np.load(path.with_name(f"{path.name}.npy"))) for path in written]
    assert (num_new, sum(sizes)) == (0, 2_000)
    assert max(sizes) == 200  # two chunks of fifty edges, from both of their nodes


def test_what_a_turn_has_read_is_removed(tmp_path: Path) -> None:
    found_labels(tmp_path, graph("shuffled chain", 300), 300, 2)
    turns = {path.name.split("-")[1] for path in tmp_path.glob("links-*")}
    assert len(turns) == 1


def test_rows_that_differ() -> None:
    rows = np.array([[2, 1], [1, 2], [2, 1], [1, 1]], np.uint64)
    assert unique_rows(rows).tolist() == [[1, 1], [1, 2], [2, 1]]
    assert unique_rows(rows[:0]).shape == (0, 2)
