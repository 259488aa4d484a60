"""Metrics of a build: folded from its events, in Prometheus's text format, with few labels."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pipelines import logs
from pipelines.build import BuildError, Execution, Quiet, build
from pipelines.logs import Event, Observed, tell
from pipelines.metrics import COUNTERS, GAUGES, Metrics, observing
from schemas.corpus import Corpus
from tests.toy import toy_recipe

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(file: Path) -> Samples:
    families = list(text_string_to_metric_families(file.read_text()))
    return {(sample.name, tuple(sorted(sample.labels.items()))): sample.value for family in families for sample in family.samples}


def value(found: Samples, name: str, **labels: str) -> float:
    return found[f"corpusmill_{name}", tuple(sorted({"corpus": "toy", **labels}.items()))]


def test_a_build_s_metrics_are_the_sums_of_its_ledger(tmp_path: Path) -> None:
    with observing(metrics_file=tmp_path / "m.prom"):
        build(toy_recipe(broken=(5,), raises=(3,)), tmp_path, Execution(workers=0), Observed(Quiet()))
    found, corpus = samples(tmp_path / "m.prom"), Corpus(tmp_path / "toy")
    entries = list(corpus.ledger())
    for at, name in enumerate(("source", "spell", "keep_even")):
        assert value(found, "records_total", step=name, outcome="in", reason="") == sum(entry.steps[at].num_in for entry in entries)
        assert value(found, "records_total", step=name, outcome="out", reason="") == sum(entry.steps[at].num_out for entry in entries)
        assert value(found, "step_seconds_total", step=name) >= 0
    assert value(found, "records_total", step="source", outcome="refused", reason="unreadable") == 1
    assert value(found, "records_total", step="spell", outcome="faulted", reason="") == 1
    assert value(found, "records_total", step="keep_even", outcome="refused", reason="odd") == 48
    assert value(found, "splits", state="committed") == value(found, "splits_committed_total") == 10
    assert value(found, "splits", state="pending") == value(found, "splits", state="in_flight") == 0
    assert value(found, "written_bytes_total", kind="shards") == sum(entry.shard.num_bytes for entry in entries)
    assert value(found, "written_bytes_total", kind="rejects") == sum(entry.rejects.num_bytes for entry in entries)
    assert value(found, "build_running") == 0
    assert value(found, "last_commit_timestamp_seconds") > 1_600_000_000


def test_a_resumed_build_counts_what_it_did_and_shows_all_that_is_there(tmp_path: Path) -> None:
    build(toy_recipe(), tmp_path, Execution(workers=0))
    for file in sorted((tmp_path / "toy" / "ledger").iterdir())[:3]:
        file.unlink()
    with observing(metrics_file=tmp_path / "m.prom"):
        build(toy_recipe(), tmp_path, Execution(workers=0), Observed(Quiet()))
    found = samples(tmp_path / "m.prom")
    assert value(found, "splits", state="committed") == 10
    assert value(found, "splits_committed_total") == 3
    assert value(found, "records_total", step="source", outcome="in", reason="") == 30


def test_a_build_that_fails_leaves_its_figures(tmp_path: Path) -> None:
    with observing(metrics_file=tmp_path / "m.prom"), pytest.raises(BuildError):
        build(toy_recipe(raises=tuple(range(60))), tmp_path, Execution(workers=0), Observed(Quiet()))
    found = samples(tmp_path / "m.prom")
    assert value(found, "build_running") == 0
    assert value(found, "records_total", step="spell", outcome="faulted", reason="") == 20
    assert value(found, "splits", state="pending") == 8


def test_splits_that_are_under_way_and_lost_are_counted() -> None:
    metrics = Metrics()

    def heard(event: str, **told: object) -> dict[str, float]:
        metrics.fold({"event": event, "corpus": "toy", **told})
        return {state: metrics.registry.get_sample_value("corpusmill_splits", {"corpus": "toy", "state": state}) or 0 for state in states}

    states = ("committed", "pending", "in_flight")
    assert heard(logs.CORPUS_STARTED, num_splits=5, num_committed=1) == {"committed": 1, "pending": 4, "in_flight": 0}
    assert heard(logs.SPLIT_STARTED, split="a") == {"committed": 1, "pending": 3, "in_flight": 1}
    assert heard(logs.SPLIT_STARTED, split="a") == {"committed": 1, "pending": 3, "in_flight": 1}
    assert heard(logs.SPLIT_RETRIED, split="a") == {"committed": 1, "pending": 4, "in_flight": 0}
    committed = {"steps": [], "other_seconds": {}, "shard_bytes": 1, "rejects_bytes": 1}
    assert heard(logs.SPLIT_COMMITTED, split="a", **committed) == {"committed": 2, "pending": 3, "in_flight": 0}
    assert metrics.registry.get_sample_value("corpusmill_split_retries_total", {"corpus": "toy"}) == 1


def test_what_goes_wrong_is_counted_from_the_start(tmp_path: Path) -> None:
    """A counter that appears with its first event shows Prometheus no increase: each is 0 before."""
    observed = Observed(Quiet())
    with observing(metrics_file=tmp_path / "m.prom"):
        observed.start("toy", 5, 0, 0)
        before = samples(tmp_path / "m.prom")
        observed.note(Event("gone", logs.NODE_LOST, node="10.0.0.2"))
        observed.note(Event("dead", logs.WORKER_DIED, split="s"))
        observed.note(Event("3 -> 4", logs.POOL_RESIZED, step="hear", num_actors=4))
        for _ in range(2):
            tell(logs.STORE_RETRIED, corpus="toy", operation="write")
        observed.end()
    after = samples(tmp_path / "m.prom")
    for name in ("nodes_lost_total", "worker_deaths_total"):
        assert (value(before, name), value(after, name)) == (0, 1)
    assert value(after, "pool_actors", step="hear") == 4
    assert value(after, "store_errors_total", operation="write") == 2


def test_labels_are_few_and_names_are_those_that_are_declared(tmp_path: Path) -> None:
    with observing(metrics_file=tmp_path / "m.prom"):
        build(toy_recipe(100, 4, raises=(3,)), tmp_path, Execution(workers=0), Observed(Quiet()))
    found = samples(tmp_path / "m.prom")
    assert {name for name, _ in found} <= COUNTERS.keys() | GAUGES.keys()
    assert len(found) < 40  # of 25 splits and 100 records
    keys = {row["key"] for row in Corpus(tmp_path / "toy").rejects()}
    assert not [labels for _, labels in found for _, text in labels if text in keys or re.fullmatch("[0-9a-f]{32}", text)]
    assert all(name.endswith("_total") for name in COUNTERS)
    assert not [name for name in GAUGES if name.endswith("_total")]


def test_a_file_is_read_whole_at_any_time(tmp_path: Path) -> None:
    """Written beside and renamed: the collector never reads half of it."""
    with observing(metrics_file=tmp_path / "m.prom"):
        Observed(Quiet()).start("toy", 1, 0, 0)
        assert (tmp_path / "m.prom").read_text().endswith("\n")
        assert [path.name for path in tmp_path.iterdir()] == ["m.prom"]


def test_a_file_that_cannot_be_written_is_told_at_once_and_later_ends_no_build(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError), observing(metrics_file=tmp_path / "file" / "m.prom"):
        raise AssertionError("begun without its file")
    (tmp_path / "metrics").mkdir()
    with observing(metrics_file=tmp_path / "metrics" / "m.prom"):
        shutil.rmtree(tmp_path / "metrics")
        (tmp_path / "metrics").write_text("no folder any more")
        build(toy_recipe(20), tmp_path, Execution(workers=0), Observed(Quiet()))
    assert Corpus(tmp_path / "toy").is_complete()
    assert "metrics cannot be written to" in capsys.readouterr().err
