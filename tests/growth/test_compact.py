"""Compaction: fewer shards, and nothing else: the same records in the same order, the same refusals, the same totals."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from pipelines.build import BuildError, Execution, build
from pipelines.growth import compact as module
from pipelines.growth.compact import CHANGES, compact, groups_of
from pipelines.growth.compact_command import read_size
from pipelines.verify import verify
from schemas.corpus import Corpus, CorpusError, LedgerEntry
from schemas.shard import FileEntry
from tests.requeued import FAULTY, lines
from tests.toy import hashes, toy_recipe

HERE = Execution(workers=0)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Rows with children, refusals of the source and of steps, and faults; seven splits."""
    recipe = lines(70, 10, judge=(("4", FAULTY), ("33", FAULTY)))
    return build(recipe, tmp_path / "there", Execution(workers=0, replies=str(tmp_path / "replies"))).path


def size_of(corpus: Path, shards: int) -> int:
    """Bytes that about so many of its shards have together."""
    return shards * max(entry.shard.num_bytes for entry in Corpus(corpus).ledger())


def same(corpus: Path, made: Path) -> None:
    """The law: nothing differs but how the rows are cut into shards."""
    assert list(Corpus(made).records()) == list(Corpus(corpus).records())
    assert list(Corpus(made).rejects()) == list(Corpus(corpus).rejects())
    totals = [{name: value for name, value in Corpus(path).totals().items() if name not in CHANGES} for path in (corpus, made)]
    assert totals[0] == totals[1]
    assert verify(made).problems == []


def test_a_compacted_corpus_has_the_same_rows_refusals_and_totals(corpus: Path, tmp_path: Path) -> None:
    before = hashes(corpus)
    done = compact(corpus, tmp_path / "small", size_of(corpus, 3), HERE)
    assert (done.num_before, done.num_after, done.num_built) == (7, 3, 3)
    same(corpus, done.path)
    assert hashes(corpus) == before
    held = [split["id"] for entry in Corpus(done.path).ledger() for split in entry.split["holds"]]  # type: ignore[attr-defined]
    assert held == [entry.split["id"] for entry in Corpus(corpus).ledger()]
    assert Corpus(done.path).recipe()["parameters"] == Corpus(corpus).recipe()["parameters"]
    again = compact(corpus, tmp_path / "again", size_of(corpus, 3), HERE)
    assert hashes(again.path) == hashes(done.path)
    assert compact(corpus, tmp_path / "small", size_of(corpus, 3), HERE).num_built == 0


def test_datasets_opens_it_and_its_card_tells_its_size(corpus: Path, tmp_path: Path) -> None:
    from datasets import load_from_disk

    done = compact(corpus, tmp_path / "small", 1 << 30, HERE)
    assert done.num_after == 1
    rows = load_from_disk(str(done.path))
    assert [row["key"] for row in rows] == [record.key for record in Corpus(corpus).records()]
    card = (done.path / "README.md").read_text()
    assert "the shards of 7 splits are 1 here" in card
    assert f"download_size: {done.totals['num_bytes']}" in card


def test_one_that_was_stopped_goes_on(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = compact(corpus, tmp_path / "whole", size_of(corpus, 2), HERE)
    write, left = module._write, [2]

    def stops(*told: Any) -> str:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return write(*told)

    monkeypatch.setattr(module, "_write", stops)
    with pytest.raises(KeyboardInterrupt):
        compact(corpus, tmp_path / "small", size_of(corpus, 2), HERE)
    monkeypatch.setattr(module, "_write", write)
    assert not Corpus(tmp_path / "small" / "lines").is_complete()
    done = compact(corpus, tmp_path / "small", size_of(corpus, 2), HERE)
    assert done.num_built == done.num_after - 2
    assert hashes(done.path) == hashes(whole.path)


def test_what_is_damaged_is_not_given_a_new_checksum(corpus: Path, tmp_path: Path) -> None:
    shard = corpus / Corpus(corpus).ledger()[3].shard.name
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    with pytest.raises(CorpusError, match="does not have the checksum that the ledger gives"):
        compact(corpus, tmp_path / "small", 1 << 30, HERE)


def test_it_lies_nowhere_else_than_where_nothing_is(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="would lie where the old one is"):
        compact(corpus, corpus.parent, 1 << 30, HERE)
    compact(corpus, tmp_path / "small", 1 << 30, HERE)
    with pytest.raises(BuildError, match="is another corpus, or one that was compacted from other content or to another size"):
        compact(corpus, tmp_path / "small", 10_000, HERE)


@given(st.lists(st.integers(1, 100), min_size=1, max_size=40), st.integers(1, 300))
def test_groups_are_runs_that_could_not_be_longer(sizes: list[int], target: int) -> None:
    entries = [LedgerEntry({}, FileEntry(f"{at}", "", size, 1), FileEntry("", "", 0, 0), (), {}) for at, size in enumerate(sizes)]
    groups = groups_of(entries, target)
    assert [entry for group in groups for entry in group] == entries
    totals = [sum(entry.shard.num_bytes for entry in group) for group in groups]
    assert all(total <= target or len(group) == 1 for total, group in zip(totals, groups, strict=True))
    assert all(total + after[0].shard.num_bytes > target for total, (_, after) in zip(totals, pairwise(groups), strict=False))


def test_the_command_tells_what_it_did(tmp_path: Path) -> None:
    from pipelines.growth.compact_command import compact_command
    from tests.growth.sources import command_of

    built = build(toy_recipe(), tmp_path / "there", HERE)
    run = CliRunner()
    told = ["--out", str(tmp_path / "small"), "--workers", "0"]
    done = run.invoke(command_of(compact_command), [str(built.path), *told, "--target-size", "1MB", "--json"])
    assert done.exit_code == 0, done.output
    row = json.loads(done.stdout)
    assert (row["num_before"], row["num_after"], row["num_rows"]) == (10, 1, 50)
    wrong = run.invoke(command_of(compact_command), [str(built.path), *told, "--target-size", "much"])
    assert (wrong.exit_code, "is no size; expected a number with" in wrong.output) == (2, True)
    missing = run.invoke(command_of(compact_command), [str(tmp_path / "nothing"), *told])
    assert (missing.exit_code, "has no corpus.json" in missing.output) == (1, True)


def test_sizes() -> None:
    assert [read_size(text) for text in ("512MB", "1 GiB", "1.5kb", "7")] == [512_000_000, 1 << 30, 1_500, 7]


@pytest.mark.cluster
@pytest.mark.usefixtures("one_ray")
def test_workers_change_no_byte(corpus: Path, tmp_path: Path) -> None:
    here = compact(corpus, tmp_path / "here", size_of(corpus, 2), HERE)
    there = compact(corpus, tmp_path / "there_too", size_of(corpus, 2), Execution(workers=2))
    assert hashes(there.path) == hashes(here.path)
