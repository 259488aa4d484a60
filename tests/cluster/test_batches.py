"""What a split sends ahead to a pool: as many batches as its share of the object store holds, and always one."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from pipelines.cluster.pools import PoolCaller, approximate_bytes, not_on
from pipelines.feed import NodeTrouble
from schemas.records import Document, Origin


def documents(num_letters: int) -> list[Document]:
    return [Document(f"k{number}", Origin("s", "r"), "x" * num_letters, {}) for number in range(4)]


@pytest.mark.parametrize("items", [documents(100_000), [np.zeros((1_000, 80), np.float32)] * 3, [(b"y" * 300_000, {"a": "z" * 100_000})]])
def test_a_batch_is_weighed_about_as_it_travels(items: list[Any]) -> None:
    travels = sum(len(pickle.dumps(item, protocol=5)) for item in items)
    assert 0.9 * travels <= approximate_bytes(items) <= 1.1 * travels


def caller(share_bytes: int, seen_bytes: int, most: int = 6) -> PoolCaller:
    found = PoolCaller(None, "hear", most, share_bytes)
    found._largest_bytes = seen_bytes
    return found


def test_batches_ahead_stay_within_the_share() -> None:
    assert caller(100, seen_bytes=0).depth == 2  # nothing is known yet
    assert caller(100, seen_bytes=10).depth == 6  # enough that the actors find the next one waiting
    assert caller(100, seen_bytes=30).depth == 3
    assert caller(100, seen_bytes=1_000).depth == 1  # the oldest split always goes on


def test_a_nodes_trouble_keeps_what_it_says_on_its_way() -> None:
    trouble = pickle.loads(pickle.dumps(NodeTrouble("4f2a", "10.0.0.7", "OSError: no space", is_full=True)))
    assert (trouble.node, trouble.name, trouble.is_full, str(trouble)) == ("4f2a", "10.0.0.7", True, "10.0.0.7: OSError: no space")


def test_nodes_are_left_out_by_their_labels() -> None:
    assert not_on(frozenset({"b", "a"})) == {"ray.io/node-id": "!in(a,b)"}
