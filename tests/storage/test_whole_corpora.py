"""Stages over whole corpora, and what looks at corpora, give in a store byte for byte what they give on disk."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from model.rows import CorpusRows
from pipelines.benchmarks import Item, load_index, write_index
from pipelines.build import Execution, build
from pipelines.corpus_source import open_corpus
from pipelines.dedup import drop_listed, find_duplicates, find_repeats
from pipelines.export.command import export_command
from pipelines.export.run import Options, export
from pipelines.graph import compute_here
from pipelines.grouped import group
from pipelines.inspection.command import inspect_command
from pipelines.near_text import drop_near_text, find_near_texts
from pipelines.packing import pack_recipe
from pipelines.partitions import workspace
from pipelines.recipe import Recipe
from pipelines.repeated_lines import drop_repeated_lines, find_repeated_lines
from pipelines.report.command import report_command
from pipelines.requeue_journal import Selection
from pipelines.requeue_stages import requeue
from pipelines.selection import keep_selected, select_exactly
from pipelines.step import each
from pipelines.verify import verify
from processors.contract import Contract
from processors.text.domain import DOMAIN, DetectDomain
from processors.text.minhash import MinHash
from processors.text.normalise import DIGEST, Normalise
from schemas.corpus import Corpus
from schemas.sending import send_bytes
from schemas.store import list_files, list_names, place_of
from tests.model import written
from tests.pipelines.test_near_text import clusters
from tests.pipelines.test_selection import FREE, mixed, pool
from tests.planted_text import Texts
from tests.s3 import download
from tests.toy import hashes, toy_recipe

INLINE = Execution(workers=0)
LINE = "Subscribe to our newsletter for more stories like this one, every week."


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """No power fails here, and most of the time of local builds would go there."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


def search(out: Path) -> None:
    """A measured corpus, every search over it in several parts and partitions, and the corpora that read their lists."""
    texts = clusters(3, 6)
    texts = (*texts, *texts[:3], *(f"{text}\n{LINE}" for text in texts[:5]))
    steps = (each(Normalise()), each(MinHash()), each(DetectDomain()))
    build(Recipe("measured", Texts(texts, per_split=20), steps), out, INLINE)
    corpus, into = Corpus(out / "measured"), out / ".stages"
    exact = find_duplicates(corpus, DIGEST, into, rows_per_partition=20)
    find_repeats(corpus, DIGEST, 1, into)
    near = find_near_texts(corpus, into, compute_here, without=exact, rows_per_partition=400)
    repeated = find_repeated_lines(corpus, into, compute_here, 3, rows_per_partition=400)
    found = (drop_listed(exact), drop_near_text(near), drop_repeated_lines(repeated), Contract(100_000))
    kept = build(Recipe("kept", open_corpus(corpus.path), tuple(map(each, found))), out, INLINE)
    assert {"duplicate", "near_duplicate"} <= kept.totals["rejects"].keys()
    build(pack_recipe("packed", open_corpus(out / "kept"), 256, group_tokens=2_000), out, INLINE)
    grouped = group([open_corpus(out / "kept")], DOMAIN, into, compute_here, rows_per_split=16)
    build(Recipe("grouped", grouped, ()), out, INLINE)
    attempts = pool(out, mixed(1, 90))
    chosen = keep_selected(select_exactly(attempts, 20, into, spread=FREE, rows_per_partition=30))
    assert build(Recipe("chosen", open_corpus(attempts.path), (each(chosen),)), out, INLINE).totals["num_out"] == 20
    index = write_index([[Item("bench", "1", {"question": " ".join(texts[0].split()[:30])})]], into)
    assert len(load_index(str(index)).parts) == 1


def test_searches_and_what_reads_their_lists_are_the_same_in_a_store(tmp_path: Path, s3: str) -> None:
    out = place_of(s3)
    search(tmp_path)
    search(out)
    found = download(out)
    assert found == download(tmp_path)
    assert {name.split("/")[0] for name in found} == {".stages", "measured", "kept", "packed", "grouped", "pool", "chosen"}
    assert not [name for name in list_names(out) if ".tmp-" in name]


def test_the_files_of_a_search_that_died_are_removed_and_those_of_one_at_work_are_not(s3: str) -> None:
    out = place_of(s3)
    send_bytes(out / ".tmp-0123-search" / "bands-0.npy", b"x")  # type: ignore[arg-type]
    with workspace(out, "search") as alive:
        with workspace(out, "search") as other:
            send_bytes(alive / "a", b"1")  # type: ignore[arg-type]
            assert {name.split("/")[0] for name in list_names(out)} == {alive.name, other.name}
        assert {name.split("/")[0] for name in list_names(out)} == {alive.name}
    assert list_names(out) == []


def test_what_was_mended_in_a_store_is_what_a_fresh_build_makes(tmp_path: Path, s3: str) -> None:
    out = place_of(s3)
    assert build(toy_recipe(20, 5, raises=(7,)), out, INLINE).totals["num_faults"] == 1
    outcome = requeue(toy_recipe(20, 5), out, Selection(), INLINE)
    assert outcome.result is not None
    assert (outcome.result.num_run, outcome.result.totals["num_faults"]) == (10, 0)
    build(toy_recipe(20, 5), tmp_path, INLINE)
    assert download(out) == download(tmp_path)


# ---- what looks at a corpus


@pytest.fixture
def talk(tmp_path: Path, s3: str) -> tuple[Path, Path]:
    """Conversations with pictures and clips, on disk and in a store."""
    rows = [
        written.conversation(f"k{at}", [written.image(90 + at, 60, at, 1), written.clip(1_600 + 160 * at, at), "What?"], "That.")
        for at in range(9)
    ]
    written.write_corpus(tmp_path / "talk", rows, 4)
    for file in list_files(tmp_path / "talk"):
        send_bytes(place_of(s3) / "talk" / file.relative_to(tmp_path / "talk").as_posix(), file.read_bytes())  # type: ignore[arg-type]
    return tmp_path / "talk", place_of(s3) / "talk"


def run(command: Any, *words: str) -> str:
    app = typer.Typer()
    app.command()(command)
    done = CliRunner().invoke(app, list(words))
    assert done.exit_code == 0, done.output
    return done.stdout


def test_rows_and_exports_of_a_corpus_in_a_store(talk: tuple[Path, Path], tmp_path: Path, s3: str) -> None:
    local, remote = talk
    assert verify(remote).problems == []
    one, other = CorpusRows(local, only_training=True), CorpusRows(remote, only_training=True)
    assert [other[row].key for row in range(len(other))] == [f"k{at}" for at in range(9)] == [one[row].key for row in range(len(one))]
    assert str(other[3]) == str(one[3])
    for format in ("parquet", "webdataset"):
        export(local, tmp_path / format, Options(format, 60_000))
        export(remote, place_of(s3) / format, Options(format, 60_000))
        assert download(place_of(s3) / format) == download(tmp_path / format)
    run(export_command, str(remote), "--to", str(tmp_path / "back"), "--workers", "0")
    assert hashes(tmp_path / "back")["manifest.json"]


def test_what_is_shown_of_a_corpus_in_a_store(tmp_path: Path, s3: str) -> None:
    for out in (tmp_path, place_of(s3)):
        build(toy_recipe(20, 5, raises=(7,)), out, INLINE)
    local, remote = f"{tmp_path}/toy", f"{s3}/toy"
    for options in (("--limit", "9"), ("--rejects", "--limit", "9"), ("--sort", "number", "--descending")):
        assert run(inspect_command, remote, "--json", *options) == run(inspect_command, local, "--json", *options)
    told, counted = (json.loads(run(report_command, path, "--json", "--workers", "0")) for path in (local, remote))
    for told_of in (told[0], counted[0]):
        for timed in ("runs", "path"):
            told_of.pop(timed, None)
    assert counted == told
    run(report_command, remote, "--workers", "0")
    assert {"index.html", "toy.html", "data/toy.json"} <= set(list_names(place_of(s3) / "report"))
