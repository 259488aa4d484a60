"""Packing as a corpus: from rows or from a corpus, in groups of shards, the same bytes with any number of workers, by command too."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from datasets import load_from_disk
from typer.testing import CliRunner

from pipelines.__main__ import app
from pipelines.build import Execution, build, build_stages
from pipelines.corpora.packed import packed
from pipelines.corpus_source import JoinedShards, open_corpus
from pipelines.packing import pack_recipe
from pipelines.recipe import PlanError
from pipelines.source import JsonlManifest
from pipelines.step import gather
from pipelines.verify import verify
from processors import tokens
from processors.packing import PackSequences
from schemas.corpus import Corpus
from schemas.records import Document, PackedSequence
from tests.toy import hashes

INLINE = Execution(workers=0)
WORDS = [
    "river",
    "stone",
    "lamp",
    "walks",
    "under",
    "seven",
    "bright",
    "quiet",
    "maps",
    "of",
    "the",
    "north",
    "and",
    "carries",
    "water",
    "home",
]


def write_texts(folder: Path, count: int = 600) -> JsonlManifest:
    rng = np.random.default_rng(1)
    sizes = rng.lognormal(4, 1, count).astype(int) + 1
    texts = [" ".join(WORDS[word] for word in rng.integers(0, len(WORDS), size)) for size in sizes]
    (folder / "texts.jsonl").write_text("\n".join(json.dumps({"text": text, "license": "CC0-1.0"}) for text in texts) + "\n")
    return JsonlManifest(str(folder), "texts.jsonl", rows_per_split=50)


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus of 600 documents in twelve shards."""
    folder = tmp_path_factory.mktemp("texts")
    results = build_stages(packed(write_texts(folder), context_tokens=512, group_tokens=20_000), folder / "out", INLINE)
    assert [result.name for result in results] == ["packed.documents", "packed"]
    return results[0].path


def test_every_token_of_the_corpus_once_and_hardly_any_room_lost(documents: Path, tmp_path: Path) -> None:
    recipe = pack_recipe("packed", open_corpus(documents), 512, 20_000)
    assert recipe.kind == "packed"
    result = build(recipe, tmp_path, INLINE)
    assert verify(result.path).problems == []
    texts = {record.key: record.text for record in Corpus(documents).records() if isinstance(record, Document)}
    assert result.totals["num_in"] == len(texts) == 600
    found: dict[str, dict[int, list[int]]] = {}
    for sequence in Corpus(result.path).records():
        assert isinstance(sequence, PackedSequence)
        start = 0
        for piece in sequence.pieces:
            assert piece.offset not in found.setdefault(piece.key, {})
            found[piece.key][piece.offset] = sequence.input_ids[start : start + piece.num_tokens].tolist()
            start += piece.num_tokens
    whole = {key: [token for offset in sorted(parts) for token in parts[offset]] for key, parts in found.items()}
    assert whole == {key: [*tokens.encode(text), tokens.END_OF_TEXT] for key, text in texts.items()}
    assert any(len(parts) > 1 for parts in found.values())  # some are longer than a sequence
    sums = result.totals["sums"]
    assert sums["contract.num_tokens"] == sum(map(len, whole.values()))
    assert sums["contract.num_tokens"] / (sums["contract.num_tokens"] + sums["pack.num_padding_tokens"]) > 0.98


def test_a_split_is_a_run_of_shards(documents: Path) -> None:
    entries = Corpus(documents).ledger()
    assert len(entries) == 12
    splits = JoinedShards(open_corpus(documents), 20_000).splits()
    assert [split.start for split in splits] == [0, *(split.stop for split in splits)][:-1]
    assert splits[-1].stop == 12
    assert sum(split.num_rows for split in splits) == 600
    for split in splits[:-1]:
        held = [entry.sums["contract.num_tokens"] for entry in entries[split.start : split.stop]]
        assert sum(held) >= 20_000 > sum(held[:-1])
    assert len(JoinedShards(open_corpus(documents), 1).splits()) == 12
    assert len(JoinedShards(open_corpus(documents), 10**9).splits()) == 1


def test_datasets_opens_it(documents: Path, tmp_path: Path) -> None:
    build(pack_recipe("packed", open_corpus(documents), 256), tmp_path, INLINE)
    rows = load_from_disk(str(tmp_path / "packed")).with_format("numpy", columns=["input_ids", "labels", "position_ids", "segment_ids"])
    first = rows[0]
    assert {name: array.shape for name, array in first.items()} == dict.fromkeys(first, (256,))
    assert "text.stated_language" not in rows.column_names  # facts of documents say nothing about a sequence
    assert sum(int((row["segment_ids"] > 0).sum()) for row in rows) == Corpus(documents).totals()["sums"]["contract.num_tokens"]  # type: ignore[index]


@pytest.mark.cluster
@pytest.mark.usefixtures("one_ray")
def test_workers_change_no_byte(documents: Path, tmp_path: Path) -> None:
    recipe = pack_recipe("packed", open_corpus(documents), 512, 20_000)
    for workers in (0, 2):
        build(recipe, tmp_path / str(workers), Execution(workers=workers))
    assert hashes(tmp_path / "0") == hashes(tmp_path / "2")


def test_the_command(documents: Path, tmp_path: Path) -> None:
    runner = CliRunner()
    done = runner.invoke(app, ["pack", str(documents), "--context", "128", "--out", str(tmp_path), "--workers", "0", "--json"])
    assert done.exit_code == 0, done.output
    (row,) = json.loads(done.stdout)
    assert row["corpus"] == "packed.documents-128"
    assert row["tokens"]["num_text_tokens"] == Corpus(documents).totals()["sums"]["contract.num_text_tokens"]  # type: ignore[index]
    shown = runner.invoke(app, ["inspect", str(tmp_path / "packed.documents-128"), "--limit", "1"])
    assert shown.exit_code == 0
    assert "[1] " in shown.output
    assert "<|endoftext|>" in shown.output
    again = runner.invoke(app, ["pack", str(tmp_path / "packed.documents-128")])
    assert again.exit_code == 2
    assert "takes Document or Conversation, but PackedSequence records reach it" in again.output
    nothing = runner.invoke(app, ["pack", str(tmp_path / "nothing")])
    assert nothing.exit_code == 2
    assert "packing" in nothing.output


def test_a_step_that_reads_a_forgotten_fact_is_a_plan_error(documents: Path) -> None:
    from pipelines.recipe import Recipe
    from pipelines.step import each
    from processors.text.language import KeepLanguages

    with pytest.raises(PlanError, match=r"reads fact text\.language, which no step before it writes"):
        Recipe("x", open_corpus(documents), (gather(PackSequences(64)), each(KeepLanguages(("en",)))))


def test_gather_without_a_fact_takes_the_whole_split(tmp_path: Path) -> None:
    from tests.toy import toy_recipe

    recipe = toy_recipe(25)
    build(recipe, tmp_path, INLINE)
    result = build(pack_recipe("packed", open_corpus(tmp_path / recipe.name), 64, 1), tmp_path, INLINE)
    assert len(Corpus(result.path).ledger()) == len(Corpus(tmp_path / recipe.name).ledger()) == 3
    assert result.totals["num_faults"] == 0
