"""Connected components of a graph on disk, by alternating large-star and small-star steps (Kiveris et al., SoCC 2014).

An edge joins two numbered nodes. Large-star links every larger neighbour of a node to the smallest of its neighbourhood, small-star
every smaller neighbour and the node itself; both keep what is connected connected, neither adds edges, and in the end each node is
linked to the smallest of its component alone. Steps are tasks over partitions by node. A task holds the nodes of its partition
with their smallest neighbour, and the edges of one file at a time; so a node with millions of neighbours costs no more memory than another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from pipelines.graph import Compute
from pipelines.partitions import ROWS_PER_PARTITION, load_array, partition_of, read_partition, remove_partitions, write_partitions
from processors.text.words import mixed

Chunks = Callable[[], Iterable[np.ndarray]]


def connect(folder: Path, edges: Sequence[Path], count: int, compute: Compute) -> list[Path]:
    """Links each node to the smallest of its component. `edges` are `.npy` files of (n, 2) uint64, of two different nodes each.

    Gives files of `count` partitions in `folder`: rows (a, b) uint64 in the partition of a (see `node_partition`), once from each of the
    two; a component's links are those with a < b, all in the partition of a, its smallest node. A link may stand in several files.
    """
    import dask

    files = list(compute([dask.delayed(_spread)(folder / f"links-0-{number}", path, count) for number, path in enumerate(edges)]))
    turn = 0
    while True:
        num_new = 0
        for step in (large_star, small_star):
            turn += 1
            names = [folder / f"links-{turn}-{number}" for number in range(count)]
            done = compute([dask.delayed(_star)(step, name, files, number, count) for number, name in enumerate(names)])
            num_new += sum(new for _, new in done)
            remove_partitions(files)
            files = [path for written, _ in done for path in written]
        if not num_new:
            return files


def node_partition(nodes: np.ndarray, count: int) -> np.ndarray:
    """The partition of nodes. Shapes: (n,) uint64 in, (n,) uint16 out."""
    return partition_of(mixed(nodes), count)


def _spread(path: Path, edges: Path, count: int) -> Path:
    return _write(path, load_array(edges), count)


def _write(path: Path, edges: np.ndarray, count: int) -> Path:
    """Writes edges from both of their nodes, each once."""
    both = unique_rows(np.concatenate([edges, edges[:, ::-1]]))
    write_partitions(path, both, node_partition(both[:, 0], count), count)
    return path


def _star(
    step: Callable[[Chunks], Iterator[tuple[np.ndarray, int]]], path: Path, files: list[Path], number: int, count: int
) -> tuple[list[Path], int]:
    """One step over a partition: writes the edges that replace its own, and says where, and how many are new."""
    written: list[Path] = []
    held: list[np.ndarray] = [np.empty((0, 2), np.uint64)]
    num_new = 0
    for edges, new in step(lambda: read_partition(files, number)):
        held.append(edges)
        num_new += new
        if sum(map(len, held)) >= ROWS_PER_PARTITION:
            written.append(_write(path.with_name(f"{path.name}-{len(written)}"), np.concatenate(held), count))
            held = held[:1]
    written.append(_write(path.with_name(f"{path.name}-{len(written)}"), np.concatenate(held), count))
    return written, num_new


def large_star(chunks: Chunks) -> Iterator[tuple[np.ndarray, int]]:
    """Links each node's larger neighbours to the smallest of its neighbourhood, itself included.

    `chunks()` gives rows (node, neighbour), all of a node's; it is read twice. Gives edges, and how many of them are new, chunk by chunk.
    """
    nodes, smallest = _smallest((rows[:, 0], rows.min(axis=1)) for rows in chunks())
    for rows in chunks():
        rows = rows[rows[:, 1] > rows[:, 0]]
        to = smallest[np.searchsorted(nodes, rows[:, 0])]
        yield np.stack([to, rows[:, 1]], axis=1), int((to != rows[:, 0]).sum())


def small_star(chunks: Chunks) -> Iterator[tuple[np.ndarray, int]]:
    """Links each node, and its smaller neighbours, to the smallest of them. As `large_star`."""

    def down() -> Iterator[np.ndarray]:
        return (rows[rows[:, 1] < rows[:, 0]] for rows in chunks())

    nodes, smallest = _smallest((rows[:, 0], rows[:, 1]) for rows in down())
    yield np.stack([smallest, nodes], axis=1), 0
    for rows in down():
        to = smallest[np.searchsorted(nodes, rows[:, 0])]
        is_other = to != rows[:, 1]
        yield np.stack([to, rows[:, 1]], axis=1)[is_other], int(is_other.sum())


def _smallest(chunks: Iterable[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """The different nodes, sorted, and the smallest number that stands beside each."""
    nodes = smallest = np.empty(0, np.uint64)
    for beside in chunks:
        every, least = (np.concatenate(pair) for pair in zip((nodes, smallest), beside, strict=True))
        order = np.lexsort((least, every))
        every, least = every[order], least[order]
        is_first = np.concatenate([[True], every[1:] != every[:-1]])[: len(every)]
        nodes, smallest = every[is_first], least[is_first]
    return nodes, smallest


def unique_rows(rows: np.ndarray) -> np.ndarray:
    """The different rows, sorted. Shapes: (n, 2) in and out."""
    rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
    return rows[np.concatenate([[True], (rows[1:] != rows[:-1]).any(axis=1)])] if len(rows) else rows
