"""A pool sampled live, from a server that fails now and then: rounds, feedback, budgets, and nothing asked twice."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.attempt_stages import Judging, Sampling
from pipelines.build import BuildError, Execution, build_stages
from pipelines.corpora.attempts import attempts
from pipelines.corpora.dpo import dpo
from pipelines.corpus_source import open_corpus
from pipelines.endpoint_groups import Endpoint
from pipelines.source import open_source
from pipelines.stage import Stage
from pipelines.verify import verify
from schemas.records import Conversation
from tests.servers import Server, serving

FACTORS = ((12, 13), (21, 34), (44, 5), (49, 17), (51, 19), (77, 8))  # the last two are never right at first
INLINE = Execution(workers=0)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture
def problems(tmp_path: Path) -> Any:
    rows = [{"question": f"How much is {a} times {b}?", "answer": str(a * b), "license": "CC0-1.0"} for a, b in FACTORS]
    (tmp_path / "problems.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return open_source(str(tmp_path / "problems.jsonl"))


def stages(problems: Any, server: Server, rounds: int, **told: Any) -> tuple[Stage, ...]:
    sampling = Sampling(sampler="openai", num_samples=3, rounds=rounds, feedback="wrong_attempt", max_attempt_tokens=200)
    return attempts(problems, sampling=sampling, endpoint=Endpoint("m", server.base_url, temperature=1.0, timeout_s=1.0, **told))


def pool(path: Path) -> list[Conversation]:
    source = open_corpus(path / "attempts")
    return [record for split in source.splits() for record in source.read(split)]  # type: ignore[misc]


def test_failed_problems_are_sampled_again_and_others_are_not(problems: Any, server: Server, tmp_path: Path) -> None:
    server.set(faults={"503": 0.1, "drop": 0.1, "malformed": 0.1}, most_faults=3)
    results = build_stages(stages(problems, server, rounds=2), tmp_path, INLINE)
    assert verify(results[-1].path).problems == []
    tried: dict[str, list[Any]] = defaultdict(list)
    for record in open_corpus(tmp_path / ".stages" / "attempts.tried").read(
        open_corpus(tmp_path / ".stages" / "attempts.tried").splits()[0]
    ):
        tried[record.turns[0].parts[0].text].append(record.facts)  # type: ignore[union-attr]
    assert len(tried) == len(FACTORS)
    for question, facts in tried.items():
        rounds = Counter(fact["attempt.round"] for fact in facts)
        first = [fact["attempt.verdict"] for fact in facts if fact["attempt.round"] == 0]
        assert rounds[0] == 3
        assert (rounds[1] > 0) == ("right" not in first), question
        later = [fact for fact in facts if fact["attempt.round"] == 1]
        wrong = {fact["attempt.text_digest"] for fact in facts if fact["attempt.verdict"] == "wrong"}
        assert all(fact["attempt.verdict"] == "right" and fact["attempt.corrects"] in wrong for fact in later)
        assert rounds[2] == 0
    hard = [f"How much is {a} times {b}?" for a, b in FACTORS if a > 50]
    assert all(any(fact["attempt.round"] == 1 for fact in tried[question]) for question in hard)


def test_a_rebuild_asks_nothing_and_gives_the_same_pool(problems: Any, server: Server, tmp_path: Path) -> None:
    server.set()
    first = build_stages(stages(problems, server, rounds=1), tmp_path, INLINE)
    asked = len(server.log())
    assert asked > len(FACTORS) * 3
    assert first[0].spent.num_requests == asked
    again = build_stages(stages(problems, server, rounds=1), tmp_path, Execution(workers=0, rebuild=True))
    assert len(server.log()) == asked
    assert again[0].spent.num_requests == 0
    assert again[-1].totals["content"] == first[-1].totals["content"]


def test_a_correction_is_chosen_over_what_it_corrects(problems: Any, server: Server, tmp_path: Path) -> None:
    server.set()
    build_stages(stages(problems, server, rounds=1), tmp_path, INLINE)
    build_stages(dpo(open_corpus(tmp_path / "attempts")), tmp_path, INLINE)
    by_key = {record.key: record for record in pool(tmp_path)}
    source = open_corpus(tmp_path / "dpo")
    pairs = [record for split in source.splits() for record in source.read(split)]
    corrected = [pair for pair in pairs if pair.facts["pair.kind"] == "corrected"]
    assert corrected
    for pair in corrected:
        chosen, rejected = (by_key[key].facts for key in pair.parents)
        assert chosen["attempt.corrects"] == rejected["attempt.text_digest"]
        assert "is not right" not in str(pair.prompt)  # the reader of a pair has seen no wrong attempt


def test_a_budget_stops_the_pool_and_a_larger_one_goes_on(problems: Any, server: Server, tmp_path: Path) -> None:
    server.set()
    few: dict[str, Any] = {"max_requests": 7, "budget_of": "replies", "concurrency": 2}
    with pytest.raises(BuildError, match="7"):
        build_stages(stages(problems, server, rounds=1, **few), tmp_path, INLINE)
    assert len(server.log()) <= 7
    build_stages(stages(problems, server, rounds=1, **{**few, "max_requests": 100}), tmp_path, INLINE)
    questions = Counter((entry["question"], entry["parameters"].get("seed")) for entry in server.log())
    assert set(questions.values()) == {1}
    assert len({record.facts["attempt.problem"] for record in pool(tmp_path)}) == len(FACTORS)


def test_a_model_judges_what_rules_cannot(server: Server, tmp_path: Path) -> None:
    server.set()
    rows = [
        {
            "question": "Why does bread rise?",
            "answer": "Yeast makes gas, which the dough holds.",
            "samples": ["Because of the yeast's gas."],
        }
    ]
    (tmp_path / "open.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    endpoint = Endpoint("m", server.base_url)
    made = attempts(open_source(str(tmp_path / "open.jsonl")), judging=Judging(verifier="judge", judge="judge"), endpoint=endpoint)
    results = build_stages(made, tmp_path, INLINE)
    (_, attempt), *_ = sorted(
        (record.facts["attempt.sample"], record) for record in pool(tmp_path) if record.facts["attempt.sampler"] != "reference"
    )
    assert attempt.facts["attempt.verifier"] == "judge"
    assert attempt.facts["attempt.cause"] == "no_judgement"  # this server says numbers, which is no verdict: nothing is made of it
    assert attempt.facts["attempt.verdict"] == "cannot_tell"
    assert results[0].asked["judge_0"] >= 1
