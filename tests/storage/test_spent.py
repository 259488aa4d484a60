"""Replies, and what was spent on them, in a store: no number of programs passes a budget, whoever was killed meanwhile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipelines.endpoint.budget import REPLIES, RUN, Budget
from pipelines.endpoint.ledger import open_ledger, spent_on
from pipelines.endpoint.spent import Spent
from pipelines.endpoint.store_ledger import FOLDER, StoreLedger
from schemas.replies import Replies
from schemas.store import list_names, place_of


def used(cost_nano: int) -> Spent:
    return Spent(1, 0, 0, cost_nano)


def budget(folder: Path, counts: str = REPLIES, **bounds: Any) -> Budget:
    return Budget(counts=counts, ledger=open_ledger(folder, is_durable=counts == REPLIES), **bounds)


def test_a_reply_is_kept_once_for_everybody(s3: str) -> None:
    one, other = Replies(place_of(s3)), Replies(place_of(s3))
    address = "ab" + "c" * 30
    assert (address in one, one.get(address)) == (False, None)
    assert one.put(address, b"first") == b"first"
    assert other.put(address, b"second") == b"first"
    assert (address in other, other.get(address)) == (True, b"first")


def test_what_is_announced_counts_with_all_that_it_may_cost_until_its_end_is_written(s3: str) -> None:
    folder = place_of(s3)
    assert spent_on(folder) == (Spent(), Spent())
    assert list_names(folder) == []
    one, other = budget(folder, max_cost=1e-6), budget(folder, max_cost=1e-6)  # a thousand billionths
    first = one.reserve(used(600))
    assert first is not None
    assert other.reserve(used(600)) is None
    assert other.is_spent(used(600)).startswith("6e-07 of 1e-06 is spent on these replies in all runs (requests without a known end")
    one.settle(first, used(100))
    assert one.reserve(used(300)) is not None  # and its program is killed
    assert other.reserve(used(700)) is None
    last = other.reserve(used(600))
    assert last is not None
    other.settle(last, used(50))
    other.ledger.close()
    assert spent_on(folder) == (used(100) + used(50), used(300))


def test_of_two_that_announce_at_the_same_time_one_takes_it_back(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = place_of(s3)
    one, other = budget(folder, max_requests=1), budget(folder, max_requests=1)
    begin = StoreLedger.begin

    def late(ledger: StoreLedger, worst: Spent) -> int:
        monkeypatch.setattr(StoreLedger, "begin", begin)
        assert other.reserve(used(5)) is not None  # after the first had seen that there is room
        return begin(ledger, worst)

    monkeypatch.setattr(StoreLedger, "begin", late)
    assert one.reserve(used(5)) is None
    assert one.is_spent(used(5)).startswith("the budget of 1 requests is spent on these replies in all runs")
    one.ledger.close()
    other.ledger.close()
    assert spent_on(folder) == (Spent(), used(5))


def test_a_run_that_counts_itself_alone_writes_at_its_beginning_and_its_end(s3: str) -> None:
    folder = place_of(s3)
    alone = budget(folder, RUN, max_requests=4)
    for _ in range(3):
        number = alone.reserve(used(7))
        assert number is not None
        alone.settle(number, used(2))
    assert spent_on(folder) == (Spent(), used(7))  # killed now, it would have told of the first request only
    alone.ledger.close()
    assert spent_on(folder) == (Spent(3, 0, 0, 6), Spent())
    assert len(list_names(folder / FOLDER)) == 1
