"""The corpus of summaries from end to end, on made-up news with known truth."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from pipelines.build import Execution, build_stages
from pipelines.corpora.summarisation import summarisation
from pipelines.corpus_source import open_corpus
from pipelines.recipe import PlanError
from pipelines.sample.summaries import make_summaries
from pipelines.source import open_source
from pipelines.stage import Stage
from pipelines.verify import verify
from processors.tasks.document_summary import source_of
from processors.tasks.summary_quality import KeepDocumentSummary
from schemas.corpus import Corpus
from schemas.outcome import Reject
from schemas.records import Conversation
from tests.toy import hashes


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made_up")
    make_summaries(folder, 1, 0)
    return folder / "summaries"


def built(stages: tuple[Stage, ...], out: Path) -> tuple[Path, Counter[str]]:
    """The corpus, and what became of every record of every stage."""
    outcomes = Counter[str]()
    for result in build_stages(stages, out, Execution(workers=0)):
        assert result.totals["num_faults"] == 0
        assert verify(result.path).problems == []
        outcomes.update(result.totals["rejects"])
    outcomes["kept"] = int(Corpus(result.path).totals()["num_out"])  # type: ignore[call-overload]
    return result.path, outcomes


def expected(folder: Path, name: str) -> Counter[str]:
    truth = [json.loads(line) for line in (folder / "truth.jsonl").read_text().splitlines()]
    return Counter(row["expected"] for row in truth if row["file"] == name)


@pytest.mark.parametrize("name", ["articles", "dialogues", "dolly"])
def test_every_row_comes_to_what_it_must(made_up: Path, tmp_path: Path, name: str) -> None:
    path, outcomes = built(summarisation(open_source(str(made_up / f"{name}.jsonl"))), tmp_path)
    assert outcomes == expected(made_up, f"{name}.jsonl")
    source = open_corpus(path)
    records = [record for split in source.splits() for record in source.read(split)]
    assert len(records) == outcomes["kept"]
    for record in records:
        assert isinstance(record, Conversation)
        assert not isinstance(KeepDocumentSummary()(record), Reject)  # also from the shard
        assert source_of(record)
    if name == "articles":
        assert {record.facts["text.stated_language"] for record in records} == {"en", "de", "fr", "es", "zh", "ja"}


def test_the_same_input_gives_the_same_bytes_and_another_seed_others(made_up: Path, tmp_path: Path) -> None:
    source = open_source(str(made_up / "articles.jsonl"))
    first, again, other = (built(summarisation(source, seed=seed), tmp_path / name)[0] for seed, name in ((0, "a"), (0, "b"), (1, "c")))
    assert hashes(first / "shards") == hashes(again / "shards")
    assert hashes(first / "shards") != hashes(other / "shards")


def test_what_is_over_the_bound_is_refused_and_never_cut(made_up: Path, tmp_path: Path) -> None:
    first = json.loads((made_up / "articles.jsonl").read_text().splitlines()[0])
    rows = tmp_path / "long.jsonl"
    rows.write_text(json.dumps({**first, "document": "\n".join([first["document"]] * 4)}) + "\n")
    path, _ = built(summarisation(open_source(str(rows))), tmp_path / "all")
    corpus = open_corpus(path)
    (cost,) = (int(record.facts["contract.num_tokens"]) for split in corpus.splits() for record in corpus.read(split))
    for bound, outcome in ((cost, "kept"), (cost - 1, "too_long")):
        _, outcomes = built(summarisation(open_source(str(rows)), max_tokens=bound), tmp_path / outcome)
        assert +outcomes == Counter({outcome: 1})


def test_writers(made_up: Path) -> None:
    source = open_source(str(made_up / "dolly.jsonl"))
    with pytest.raises(PlanError, match="writer is 'templates', expected given or openai"):
        summarisation(source, writer="templates")
    with pytest.raises(PlanError, match="needs model and base_url"):
        summarisation(source, writer="openai")
