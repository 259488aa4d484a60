"""Corpora of reasoning from real model samples (GSM8K, HumanEval), end to end: counts follow from the pool, and nothing wrong is preferred."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from pipelines.build import Execution, build_stages
from pipelines.corpora.attempts import attempts
from pipelines.corpora.cot_pretrain import cot_pretrain
from pipelines.corpora.cot_sft import cot_sft
from pipelines.corpora.dpo import Pairing, dpo
from pipelines.corpus_source import CorpusSource, open_corpus
from pipelines.source import open_source
from pipelines.union import Union
from pipelines.verify import verify
from schemas.records import Conversation, Document, Preference

pytestmark = pytest.mark.realdata
NUM_ROWS = 50  # of each file
INLINE = Execution(workers=0)


def records(path: Path) -> list[Any]:
    source = open_corpus(path)
    return [record for split in source.splits() for record in source.read(split)]


def built(stages: Any, out: Path) -> Path:
    results = build_stages(stages, out, INLINE)
    for result in results:
        assert result.totals["num_faults"] == 0
        assert verify(result.path).problems == []
    return results[-1].path


@pytest.fixture(scope="module")
def pool(realdata: Path, tmp_path_factory: pytest.TempPathFactory) -> CorpusSource:
    """All attempts at the first problems of GSM8K's model solutions and of two models' HumanEval samples."""
    folder = tmp_path_factory.mktemp("reasoning")
    sources = []
    for name in (
        "01_math/gsm8k/example_model_solutions",
        "02_code/humaneval/samples_gpt4_simple",
        "02_code/humaneval/samples_davinci003_simple",
    ):
        file = folder / f"{name.rpartition('/')[2]}.jsonl"
        with open(realdata / f"{name}.jsonl") as lines:
            file.write_text("".join(islice(lines, NUM_ROWS)))
        sources.append(open_source(str(file)))
    return open_corpus(built(attempts(Union(tuple(sources))), folder))


@pytest.fixture(scope="module")
def by_key(pool: CorpusSource) -> dict[str, Conversation]:
    return {record.key: record for record in records(Path(pool.root))}


@pytest.fixture(scope="module")
def truth(realdata: Path, by_key: dict[str, Conversation]) -> dict[str, str]:
    """What is known of attempts, by key: the label of GSM8K's rows, and of programs what running them again gave."""
    lines = [json.loads(line) for line in (realdata / "02_code" / "recheck.jsonl").read_text().splitlines()]
    passes = {(Path(line["file"]).stem, line["id"]): "right" if line["passes_recheck"] else "wrong" for line in lines}
    found = {}
    for key, record in by_key.items():
        facts = record.facts
        told = passes.get((str(facts["attempt.sampler"]).partition("/")[0], facts["attempt.source_id"]), "")
        found[key] = str(facts["attempt.label"]) if facts["attempt.domain"] == "maths" else told
    return found


def test_verdicts_of_the_pool_agree_with_labels(by_key: dict[str, Conversation], truth: dict[str, str]) -> None:
    found = Counter((record.facts["attempt.domain"], truth[key], record.facts["attempt.verdict"]) for key, record in by_key.items())
    assert found["maths", "right", "right"] > 15
    assert found["code", "right", "right"] > 15
    assert [key for key in found if key[1:] in (("right", "wrong"), ("wrong", "right"))] == []


def test_all_pairs_are_the_product_of_right_and_wrong(
    pool: CorpusSource, by_key: dict[str, Conversation], truth: dict[str, str], tmp_path: Path
) -> None:
    every = Pairing(per_problem=10_000, choose="all")
    pairs: list[Preference] = records(built(dpo(pool, pairing=every, max_similarity_ratio=1.0, max_length_ratio=0.0), tmp_path))
    sides: dict[str, Counter[str]] = defaultdict(Counter)
    paired = records(tmp_path / ".stages" / "dpo.paired")
    assert len(paired) == len(pairs)
    for record in by_key.values():
        sides[record.facts["attempt.problem"]][record.facts["attempt.verdict"]] += 1
    most = sum(counts["right"] * counts["wrong"] for counts in sides.values())
    unsound = {key for key, record in by_key.items() if record.facts["attempt.verdict"] == "right"} - {
        key for pair in pairs for key in pair.parents
    }
    mixed = [key for key in unsound if sides[by_key[key].facts["attempt.problem"]]["wrong"]]
    lost = sum(sides[by_key[key].facts["attempt.problem"]]["wrong"] for key in mixed)
    assert len(pairs) == most - lost
    assert len(mixed) <= 0.02 * len(by_key)
    for pair in pairs:
        chosen, rejected = (by_key[key].facts for key in pair.parents)
        assert (chosen["attempt.verdict"], rejected["attempt.verdict"]) == ("right", "wrong")
        assert [truth[key] for key in pair.parents] in (["right", "wrong"], ["", "wrong"])  # a source's own solution has no label


def test_an_exact_number_of_conversations_over_both_domains(pool: CorpusSource, by_key: dict[str, Conversation], tmp_path: Path) -> None:
    kept: list[Conversation] = records(built(cot_sft(pool, n=60), tmp_path))
    assert len(kept) == 60
    assert {by_key[record.key].facts["attempt.verdict"] for record in kept} == {"right"}
    domains = Counter(record.facts["attempt.domain"] for record in kept)
    assert domains["maths"] > domains["code"] > 10


def test_documents_hold_no_calculator_notes_and_lead_to_their_attempts(
    pool: CorpusSource, by_key: dict[str, Conversation], tmp_path: Path
) -> None:
    texts: list[Document] = records(built(cot_pretrain(pool), tmp_path))
    assert len(texts) > 80
    assert not [text for text in texts if "<<" in text.text and text.facts["attempt.domain"] == "maths"]
    assert {by_key[text.key].facts["attempt.verdict"] for text in texts} == {"right"}
