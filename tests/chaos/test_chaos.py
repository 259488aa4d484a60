"""A few builds in which everything breaks; `python -m tests.chaos --builds 100` is the long form (see runbooks/chaos.md)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.faults import (
    CLOCK_JUMP,
    CLUSTER,
    DISK_FULL,
    DRIVER_KILL,
    EMBEDDED,
    ENGINES,
    IN_PROCESS,
    KINDS,
    LOCAL,
    RIVAL,
    S3,
    STORE_FAULTS,
    WORKER_KILL,
    WRITE_KILL,
    Case,
    Fault,
    draw_case,
)  # fmt: skip
from tests.chaos.place import compare, hashes_of, keys_of
from tests.chaos.runner import Chaos
from tests.chaos.services import services

CASES = (
    Case(1, "stages", LOCAL, IN_PROCESS, ((Fault(WRITE_KILL, amount=37.5),), (Fault(DISK_FULL, 3),), (Fault(DRIVER_KILL, 6),))),
    Case(2, "plain", S3, IN_PROCESS, ((Fault(STORE_FAULTS, amount=0.1), Fault(DRIVER_KILL, 4, 0.05)), (Fault(CLOCK_JUMP, 1, amount=86_400.0), Fault(RIVAL, 2)))),
    Case(3, "model", LOCAL, EMBEDDED, ((Fault("model_memory_kill", 1), Fault(WORKER_KILL, 2, 0.1), Fault(DRIVER_KILL, 5)),)),
)  # fmt: skip


@pytest.fixture(scope="module")
def chaos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chaos]:
    with services(tmp_path_factory.mktemp("chaos") / "run") as shared:
        yield Chaos(shared)


@pytest.mark.crash
@pytest.mark.cluster
@pytest.mark.parametrize("case", [*CASES[:2], pytest.param(CASES[2], marks=pytest.mark.slow)], ids=str)
def test_a_build_ends_in_the_same_bytes_whatever_breaks(chaos: Chaos, case: Case) -> None:
    verdict = chaos.run(case)
    assert verdict.problems == [], f"{case}\n{verdict.ends}"
    ended_early = {int(end.partition(":")[0]) for end in verdict.ends[: len(case.runs)]}
    assert ended_early - {0}, "no fault hurt the build: the runner is blind"


def test_a_seed_gives_one_case() -> None:
    cases = [draw_case(seed) for seed in range(300)]
    assert cases == [draw_case(seed) for seed in range(300)]
    assert {(case.engine, case.place) for case in cases} == {(engine, place) for engine in ENGINES for place in (LOCAL, S3)}
    drawn = {(case.engine, fault.kind) for case in cases for faults in case.runs for fault in faults}
    assert drawn >= {(engine, kind) for engine in ENGINES for kind in KINDS[engine]} - {(IN_PROCESS, "x")}
    assert {case.engine for case in map(lambda seed: draw_case(seed, (CLUSTER,), (S3,)), range(20))} == {CLUSTER}


def test_what_is_lost_doubled_or_changed_is_seen(chaos: Chaos, tmp_path: Path) -> None:
    """The runner's own eyes: a build is compared with itself after a shard was swapped, a split removed, a file left behind."""
    expected, keys = chaos.alone("plain")
    folder = chaos.services.folder / "alone" / "plain"
    assert compare(folder, expected, keys).problems() == []
    shard, other = sorted((folder / "chaos" / "shards").iterdir())[:2]
    kept, ledger = shard.read_bytes(), folder / "chaos" / "ledger" / f"{shard.stem}.json"
    try:
        shard.write_bytes(other.read_bytes())
        (folder / "chaos" / "shards" / "stray.arrow").write_bytes(b"")
        swapped = compare(folder, expected, keys)
        assert (swapped.lost, swapped.doubled) == (5, 5)  # half of a split's ten numbers are odd, and refused
        assert (swapped.differing, swapped.extra) == ((f"chaos/shards/{shard.name}",), ("chaos/shards/stray.arrow",))
        entry = ledger.read_bytes()
        ledger.unlink()
        assert (compare(folder, expected, keys).lost, compare(folder, expected, keys).missing) == (10, (f"chaos/ledger/{ledger.name}",))
        ledger.write_bytes(entry)
    finally:
        shard.write_bytes(kept)
        (folder / "chaos" / "shards" / "stray.arrow").unlink()
    assert hashes_of(folder) == expected
    assert keys_of(folder) == keys
