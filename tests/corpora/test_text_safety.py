"""The corpus of text safety from end to end, as conversations and as preferences, on made-up rows with known truth."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from pipelines.build import Execution, build_stages
from pipelines.corpora.text_safety import text_safety
from pipelines.corpus_source import open_corpus
from pipelines.sample.text_safety import make_text_safety
from pipelines.source import open_source
from pipelines.stage import Stage
from pipelines.verify import verify
from processors.tasks.safety import KeepSafe
from schemas.corpus import Corpus
from schemas.outcome import Reject
from schemas.records import Conversation, Preference


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made_up")
    make_text_safety(folder, 1, 0)
    return folder / "text_safety"


def built(stages: tuple[Stage, ...], out: Path) -> tuple[list[object], Counter[str]]:
    """The records, and what became of every one of every stage."""
    outcomes = Counter[str]()
    for result in build_stages(stages, out, Execution(workers=0)):
        assert result.totals["num_faults"] == 0
        assert verify(result.path).problems == []
        outcomes.update(result.totals["rejects"])
    outcomes["kept"] = int(Corpus(result.path).totals()["num_out"])  # type: ignore[call-overload]
    source = open_corpus(result.path)
    return [record for split in source.splits() for record in source.read(split)], outcomes


def expected(folder: Path, name: str) -> Counter[str]:
    truth = [json.loads(line) for line in (folder / "truth.jsonl").read_text().splitlines()]
    return Counter(row["expected"] for row in truth if row["file"] == name)


def test_conversations(made_up: Path, tmp_path: Path) -> None:
    records, outcomes = built(text_safety(open_source(str(made_up / "prompts.jsonl"))), tmp_path)
    assert outcomes == expected(made_up, "prompts.jsonl")
    assert all(isinstance(record, Conversation) and not isinstance(KeepSafe()(record), Reject) for record in records)
    assert {record.facts["text.stated_language"] for record in records} == {"en", "de", "fr", "es", "it", "pt", "zh", "ja"}  # type: ignore[attr-defined]


def test_preferences(made_up: Path, tmp_path: Path) -> None:
    records, outcomes = built(text_safety(open_source(str(made_up / "pairs.jsonl")), form="preference"), tmp_path)
    assert outcomes == expected(made_up, "pairs.jsonl")
    assert all(isinstance(record, Preference) and not isinstance(KeepSafe()(record), Reject) for record in records)


def test_the_preferred_side_as_a_conversation(made_up: Path, tmp_path: Path) -> None:
    records, outcomes = built(text_safety(open_source(str(made_up / "pairs.jsonl"))), tmp_path)
    assert outcomes["kept"] == expected(made_up, "pairs.jsonl")["kept"] + 2  # a pair that is too similar, and a row with one answer
    assert {type(record) for record in records} == {Conversation}


def test_without_templates_nothing_is_written(made_up: Path, tmp_path: Path) -> None:
    _, outcomes = built(text_safety(open_source(str(made_up / "prompts.jsonl")), writer="given"), tmp_path)
    assert outcomes["no_response"] == 16  # four prompts, four posts, seven posts in other languages, and the planted row


def test_bad_parameters_are_errors(made_up: Path) -> None:
    source = open_source(str(made_up / "prompts.jsonl"))
    with pytest.raises(ValueError, match="form is 'pairs', expected sft or preference"):
        text_safety(source, form="pairs")
    with pytest.raises(ValueError, match="prompts is 'all'"):
        text_safety(source, prompts="all")
