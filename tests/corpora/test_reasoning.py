"""The corpora of reasoning from end to end on made-up problems with known truth: one pool, and everything from it."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from pipelines.build import BuildResult, Execution, build_stages
from pipelines.corpora.attempts import attempts
from pipelines.corpora.cot_pretrain import cot_pretrain
from pipelines.corpora.cot_sft import cot_sft
from pipelines.corpora.dpo import Pairing, dpo
from pipelines.corpus_source import CorpusSource, open_corpus
from pipelines.reasoning_groups import Rejection
from pipelines.recipe import PlanError
from pipelines.sample.reasoning import make_reasoning
from pipelines.source import open_source
from pipelines.stage import Stage
from pipelines.union import Union
from pipelines.verify import verify
from schemas.corpus import Corpus
from schemas.parts import Text
from schemas.records import Conversation, Document, PackedSequence, Preference, Record, turns_of
from tests.toy import hashes

INLINE = Execution(workers=0)
FILES = ("maths.jsonl", "code.jsonl", "choices.jsonl")


def built(stages: tuple[Stage, ...], out: Path) -> list[BuildResult]:
    results = build_stages(stages, out, INLINE)
    for result in results:
        assert result.totals["num_faults"] == 0
        assert verify(result.path).problems == []
    return results


def records(path: Path) -> list[Any]:
    source = open_corpus(path)
    return [record for split in source.splits() for record in source.read(split)]


def said(record: Record) -> str:
    return "".join(part.text for part in turns_of(record)[-1].parts if isinstance(part, Text))


def is_looping(record: Record) -> bool:
    return "again. Let me count the rows again." in said(record)


@pytest.fixture(scope="module")
def problems(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("problems")
    make_reasoning(folder, 1, 0)
    return folder / "reasoning"


@pytest.fixture(scope="module")
def source(problems: Path) -> Union:
    return Union(tuple(open_source(str(problems / name)) for name in FILES))


@pytest.fixture(scope="module")
def pool(source: Union, tmp_path_factory: pytest.TempPathFactory) -> CorpusSource:
    out = tmp_path_factory.mktemp("pool")
    built(attempts(source), out)
    return open_corpus(out / "attempts")


def truth(problems: Path) -> list[list[str]]:
    lines = [json.loads(line) for line in (problems / "truth.jsonl").read_text().splitlines()]
    return [line["expected"] for line in lines if line["file"] in FILES]


def test_every_attempt_gets_its_known_verdict(problems: Path, pool: CorpusSource) -> None:
    rows = [json.loads(line) for name in FILES for line in (problems / name).read_text().splitlines()]
    expected: dict[str, list[str]] = {}
    for row, verdicts in zip(rows, truth(problems), strict=True):
        for sample, verdict in zip(row["samples"], verdicts, strict=True):
            expected.setdefault(sample["text"] if isinstance(sample, dict) else sample, []).append(verdict)
    tried = records(Path(pool.root).parent / ".stages" / "attempts.tried")
    found: dict[str, list[str]] = {}
    for record in tried:
        found.setdefault(said(record), []).append(record.facts["attempt.verdict"])
    assert found == {text: verdicts for text, verdicts in expected.items() if verdicts[0] not in ("no_reference", "no_problem")}


def test_rows_without_a_problem_or_reference_are_refused(pool: CorpusSource, problems: Path) -> None:
    rejects = Corpus(Path(pool.root).parent / ".stages" / "attempts.tried").totals()["rejects"]
    assert rejects == Counter(verdicts[0] for verdicts in truth(problems) if verdicts[0] in ("no_reference", "no_problem"))


def test_statistics_are_those_of_the_planted_attempts(problems: Path, pool: CorpusSource) -> None:
    ratios = sorted(v.count("right") / (v.count("right") + v.count("wrong")) for v in truth(problems) if "no_" not in v[0])
    found = {record.facts["attempt.problem"]: record.facts["problem.pass_ratio"] for record in records(Path(pool.root))}
    assert sorted(found.values()) == pytest.approx(ratios)


def test_documents_hold_only_right_and_sound_attempts(pool: CorpusSource, tmp_path: Path) -> None:
    results = built(cot_pretrain(pool), tmp_path)
    texts: list[Document] = records(tmp_path / "cot_pretrain")
    by_key = {record.key: record for record in records(Path(pool.root))}
    assert len(texts) > 10
    for text in texts:
        attempt = by_key[text.key]  # the same key all the way: nothing was sampled or told anew
        assert attempt.facts["attempt.verdict"] == "right"
        assert attempt.turns[0].parts[0].text.strip() in text.text
    refused = results[0].totals["rejects"]
    verdicts = Counter(record.facts["attempt.verdict"] for record in by_key.values())
    assert refused["wrong_answer"] == verdicts["wrong"]
    assert refused["looping"] == sum(map(is_looping, by_key.values()))


def test_documents_are_packed_when_asked(pool: CorpusSource, tmp_path: Path) -> None:
    built(cot_pretrain(pool, context_tokens=512), tmp_path)
    packed: list[PackedSequence] = records(tmp_path / "cot_pretrain")
    documents = records(tmp_path / ".stages" / "cot_pretrain.documents")
    assert {len(sequence.input_ids) for sequence in packed} == {512}
    assert {piece.key for sequence in packed for piece in sequence.pieces} == {document.key for document in documents}


@pytest.mark.parametrize("n", [1, 7, 12])
def test_conversations_are_exactly_as_many_as_asked(pool: CorpusSource, tmp_path: Path, n: int) -> None:
    built(cot_sft(pool, n=n), tmp_path)
    kept: list[Conversation] = records(tmp_path / "cot_sft")
    assert len(kept) == n
    assert {record.facts["attempt.verdict"] for record in kept} == {"right"}


def test_a_rejection_by_difficulty(pool: CorpusSource, tmp_path: Path) -> None:
    built(cot_sft(pool, n=0, rejection=Rejection(max_pass_ratio=0.9)), tmp_path)
    kept = records(tmp_path / "cot_sft")
    assert max(record.facts["problem.pass_ratio"] for record in kept) <= 0.9
    easy = {r.facts["attempt.problem"] for r in records(Path(pool.root)) if r.facts.get("problem.pass_ratio") == 1.0}
    assert easy
    assert not easy & {record.facts["attempt.problem"] for record in kept}


def test_pairs_follow_from_the_pool(pool: CorpusSource, tmp_path: Path) -> None:
    built(dpo(pool, pairing=Pairing(per_problem=10_000, choose="all"), max_similarity_ratio=1.0, max_length_ratio=0.0), tmp_path)
    pairs: list[Preference] = records(tmp_path / "dpo")
    by_key = {record.key: record for record in records(Path(pool.root))}
    sides: dict[str, Counter[str]] = defaultdict(Counter)
    for record in by_key.values():
        is_unsound = is_looping(record) or said(record).count("```") % 2
        if record.facts["attempt.verdict"] != "right" or not is_unsound:  # nothing unsound is preferred
            sides[record.facts["attempt.problem"]][record.facts["attempt.verdict"]] += 1
    assert len(pairs) == sum(counts["right"] * counts["wrong"] for counts in sides.values())
    for pair in pairs:
        chosen, rejected = (by_key[key] for key in pair.parents)
        assert (chosen.facts["attempt.verdict"], rejected.facts["attempt.verdict"]) == ("right", "wrong")
        assert chosen.facts["attempt.problem"] == rejected.facts["attempt.problem"]
        assert (pair.prompt, pair.chosen, pair.rejected) == (
            tuple(chosen.turns[:-1]),
            (chosen.turns[-1],),
            (rejected.turns[-1],),
        )


def test_votes_choose_the_side_of_the_majority(problems: Path, tmp_path: Path) -> None:
    results = built(dpo(open_source(str(problems / "votes.jsonl")), pairs="votes"), tmp_path)
    lines = [json.loads(line) for line in (problems / "truth.jsonl").read_text().splitlines()]
    expected = Counter(line["expected"][0] for line in lines if line["file"] == "votes.jsonl")
    pairs: list[Preference] = records(tmp_path / "dpo")
    assert results[0].totals["rejects"]["tie"] == expected["tie"]
    assert len(pairs) == expected["response1"] + expected["response2"]
    assert {pair.chosen[0].parts[0].text[:4] for pair in pairs} == {"Boil"}


def test_a_corpus_makes_its_own_pool_from_problems(source: Union, pool: CorpusSource, tmp_path: Path) -> None:
    built(dpo(source), tmp_path / "own")
    built(dpo(pool), tmp_path / "pooled")
    own, pooled = (records(tmp_path / name / "dpo") for name in ("own", "pooled"))
    assert [(pair.key, pair.parents, said(pair)) for pair in own] == [(pair.key, pair.parents, said(pair)) for pair in pooled]


def test_two_pools_are_measured_as_one(pool: CorpusSource, problems: Path, tmp_path: Path) -> None:
    built(attempts(Union((pool, pool))), tmp_path)
    joined = {record.facts["attempt.text_digest"]: record.facts for record in records(tmp_path / "attempts")}
    alone = {record.facts["attempt.text_digest"]: record.facts for record in records(Path(pool.root))}
    assert joined.keys() == alone.keys()  # every second copy is refused
    assert all(
        joined[name]["problem.pass_ratio"] == facts["problem.pass_ratio"] for name, facts in alone.items() if "problem.pass_ratio" in facts
    )
    with pytest.raises(PlanError, match="is a pool of attempts already"):
        attempts(pool)
    with pytest.raises(PlanError, match="mixes finished corpora with raw rows"):
        attempts(Union((pool, open_source(str(problems / "maths.jsonl")))))


def test_a_pool_is_the_same_wherever_its_rows_lie(problems: Path, pool: CorpusSource, tmp_path: Path) -> None:
    again = Union(tuple(open_source(str(problems / name), rows_per_split=2) for name in FILES))
    built(attempts(again), tmp_path)
    assert [record.key for record in records(tmp_path / "attempts")] == [record.key for record in records(Path(pool.root))]


@pytest.mark.cluster
@pytest.mark.usefixtures("one_ray")
def test_workers_change_no_byte(source: Union, tmp_path: Path) -> None:
    found = []
    for workers in (0, 2):
        build_stages(dpo(source), tmp_path / str(workers), Execution(workers=workers, replies=str(tmp_path / "replies")))
        found.append(hashes(tmp_path / str(workers) / "dpo"))
    assert found[0] == found[1]
