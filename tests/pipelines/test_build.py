"""The engine end to end on a toy corpus: counts, faults, crashes, workers, resume, locks."""

from __future__ import annotations

import contextlib
import json
import threading
from pathlib import Path

import pytest
from datasets import load_from_disk

from pipelines.build import BuildError, Execution, build, corpus_lock
from pipelines.feed import LocalCaller
from pipelines.run import FencedOut, run_split
from pipelines.step import batched, each
from schemas.check import check_files
from schemas.corpus import Corpus, CorpusError
from tests.toy import KeepEven, Shout, hashes, toy_recipe

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("one_ray")]

IN_PROCESS = Execution(workers=0)


def reasons(path: Path) -> dict[str, int]:
    return Corpus(path).totals()["rejects"]  # type: ignore[return-value]


def test_a_build_accounts_for_every_record(tmp_path: Path) -> None:
    result = build(toy_recipe(count=101, broken=(4, 5)), tmp_path, IN_PROCESS)
    assert (result.totals["num_in"], result.totals["num_out"]) == (101, 50)
    assert result.totals["rejects"] == {"odd": 49, "unreadable": 2}
    assert check_files(Corpus(result.path)) == []
    rows = load_from_disk(str(result.path))
    assert rows.num_rows == 50
    assert rows[0]["toy.number"] == 0
    assert {row["locator"] for row in Corpus(result.path).rejects() if row["reason"] == "unreadable"} == {"row 4", "row 5"}


def test_workers_change_no_byte(tmp_path: Path) -> None:
    recipe = toy_recipe(count=90, broken=(3,), raises=(8,), steps=(batched(Shout(), size=4, pool=1),))
    found = []
    for workers in (0, 1, 2):
        build(recipe, tmp_path / str(workers), Execution(workers=workers))
        found.append(hashes(tmp_path / str(workers)))
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == 3 * 9 + 6


def test_a_second_run_builds_nothing_and_changes_nothing(tmp_path: Path) -> None:
    first = build(toy_recipe(), tmp_path, IN_PROCESS)
    before = hashes(tmp_path)
    second = build(toy_recipe(), tmp_path, IN_PROCESS)
    assert (first.num_built, second.num_built, second.num_resumed) == (10, 0, 10)
    assert hashes(tmp_path) == before


def test_a_fault_quarantines_its_record_alone(tmp_path: Path) -> None:
    result = build(toy_recipe(raises=(8,)), tmp_path, IN_PROCESS)
    assert result.totals["num_faults"] == 1
    assert result.totals["num_out"] == 49
    row = next(row for row in Corpus(result.path).rejects() if row["failure"] == "fault")
    assert row["locator"] == "row 8"
    assert "planted fault at 8" in row["detail"]
    assert "tests/toy.py" in row["traceback"]


def test_a_fault_in_a_batch_quarantines_its_record_alone(tmp_path: Path) -> None:
    result = build(toy_recipe(steps=(batched(Shout(raises=(8,)), size=4),)), tmp_path, IN_PROCESS)
    assert (result.totals["num_faults"], result.totals["num_out"]) == (1, 49)


def test_too_many_faults_stop_the_build(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="more than the budget of 1%"):
        build(toy_recipe(raises=tuple(range(0, 40, 2))), tmp_path, IN_PROCESS)


def test_a_poisonous_record_is_condemned_and_the_others_survive(tmp_path: Path) -> None:
    result = build(toy_recipe(count=40, kills=(7, 22)), tmp_path, Execution(workers=2))
    assert result.totals["rejects"] == {"crashed_worker": 2, "odd": 19}
    assert result.totals["num_out"] == 19
    crashed = [row for row in Corpus(result.path).rejects() if row["failure"] == "crash"]
    assert [row["locator"] for row in crashed] == ["row 7", "row 22"]


def test_a_record_that_kills_its_model_actor_is_condemned(tmp_path: Path) -> None:
    recipe = toy_recipe(count=40, steps=(batched(Shout(kills=(12,)), size=4),))
    result = build(recipe, tmp_path, Execution(workers=2))
    assert result.totals["rejects"] == {"crashed_worker": 1, "odd": 20}
    assert result.totals["num_out"] == 19


def test_a_worker_that_died_once_costs_nothing(tmp_path: Path) -> None:
    flag = tmp_path / "killed"
    recipe = toy_recipe(count=40, kills_once=(7,), flag=str(flag))
    result = build(recipe, tmp_path / "a", Execution(workers=2))
    assert flag.exists()
    assert result.totals["rejects"] == {"odd": 20}
    again = build(recipe, tmp_path / "b", IN_PROCESS)
    assert again.totals == result.totals
    assert hashes(tmp_path / "a") == hashes(tmp_path / "b")


def test_other_parameters_are_refused_by_name(tmp_path: Path) -> None:
    build(toy_recipe(), tmp_path, IN_PROCESS)
    with pytest.raises(BuildError, match=r"step spell: sleep_s was 0\.0, is now 0\.001"):
        build(toy_recipe(sleep_s=0.001), tmp_path, IN_PROCESS)
    build(toy_recipe(sleep_s=0.001), tmp_path, Execution(workers=0, rebuild=True))


def test_a_changed_source_is_refused(tmp_path: Path) -> None:
    recipe = toy_recipe(count=100)
    build(recipe, tmp_path, IN_PROCESS)
    ledger = tmp_path / "toy" / "ledger"
    entry = next(iter(sorted(ledger.iterdir())))
    entry.rename(ledger / ("0" * 32 + ".json"))
    with pytest.raises(BuildError, match="the source has changed"):
        build(recipe, tmp_path, IN_PROCESS)


def test_used_up_memory_is_told_and_the_build_goes_on_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(KeepEven, "__call__", lambda _, record: bytearray(1 << 62))
        with pytest.raises(BuildError, match=r"memory is used up \(.*\); give it more, or make splits smaller"):
            build(toy_recipe(), tmp_path, IN_PROCESS)
    assert build(toy_recipe(), tmp_path, IN_PROCESS).totals["num_out"] == 50


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"steps": [{"name": 7}], "source": {}}, "does not say its steps"),
        ({"steps": 1.5, "source": {}}, "does not say its steps"),
        ({"steps": []}, "does not say its source"),
        (None, "does not say its steps"),
    ],
)
def test_a_damaged_recipe_is_told(tmp_path: Path, changed: object, says: str) -> None:
    build(toy_recipe(), tmp_path, IN_PROCESS)
    file = tmp_path / "toy" / "recipe.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "parameters": changed}))
    with pytest.raises(CorpusError, match=says):
        build(toy_recipe(), tmp_path, IN_PROCESS)


def test_a_second_builder_is_kept_out(tmp_path: Path) -> None:
    with corpus_lock(tmp_path / "toy"), pytest.raises(BuildError, match="another build holds"):
        build(toy_recipe(), tmp_path, IN_PROCESS)


def test_a_second_builder_waits_where_it_is_told_to(tmp_path: Path) -> None:
    with contextlib.ExitStack() as first:
        first.enter_context(corpus_lock(tmp_path / "toy"))
        threading.Timer(0.3, first.close).start()
        assert build(toy_recipe(), tmp_path, Execution(workers=0, lock_wait_s=30.0)).totals["num_out"] == 50


def test_a_builder_that_lost_the_corpus_cannot_commit(tmp_path: Path) -> None:
    recipe = toy_recipe(count=10)
    split = recipe.source.splits()[0]
    corpus = tmp_path / "toy"
    with pytest.raises(FencedOut, match="taken over"):
        run_split(recipe, split, corpus, {}, may_commit=lambda: False)
    assert [file for file in corpus.rglob("*") if file.is_file()] == []


def test_orphans_are_removed_and_verified_against(tmp_path: Path) -> None:
    result = build(toy_recipe(), tmp_path, IN_PROCESS)
    before = hashes(tmp_path)
    (result.path / "shards" / ".tmp-x").write_bytes(b"torn")
    (result.path / "shards" / "stranger.arrow").write_bytes(b"x")
    assert len(check_files(Corpus(result.path))) == 2
    build(toy_recipe(), tmp_path, IN_PROCESS)
    assert hashes(tmp_path) == before


def test_a_changed_byte_is_found(tmp_path: Path) -> None:
    result = build(toy_recipe(), tmp_path, IN_PROCESS)
    shard = sorted((result.path / "shards").iterdir())[3]
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    assert [problem for problem in check_files(Corpus(result.path)) if shard.name in problem]


def test_a_changed_count_is_found(tmp_path: Path) -> None:
    result = build(toy_recipe(), tmp_path, IN_PROCESS)
    file = result.path / "corpus.json"
    totals = json.loads(file.read_text())
    totals["num_out"] += 1
    file.write_text(json.dumps(totals))
    assert check_files(Corpus(result.path)) == ["corpus.json says num_out = 51, the ledger gives 50"]


def test_an_empty_corpus_opens(tmp_path: Path) -> None:
    result = build(toy_recipe(count=10, broken=tuple(range(10))), tmp_path, IN_PROCESS)
    assert load_from_disk(str(result.path)).num_rows == 0


def test_callers_are_used_by_name(tmp_path: Path) -> None:
    recipe = toy_recipe(count=10, steps=(batched(Shout(), size=3, name="loud"), each(KeepEven(), name="again")))
    seen = []

    def call(records: list) -> list:
        seen.append(len(records))
        return records

    run_split(recipe, recipe.source.splits()[0], tmp_path, {"loud": LocalCaller(call)})
    assert seen == [3, 2]
