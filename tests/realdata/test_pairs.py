"""Preference pairs from real attempts and real votes: their number and their sides follow from what the sources say."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from processors.attempts.measure import IS_MAJORITY, MAJORITY_VERDICT, PASS_RATIO, RIGHT_COUNT, WRONG_COUNT, MeasurePool
from processors.attempts.pairs import CHOSEN_LABEL, REJECTED_LABEL, PairAttempts
from processors.attempts.problem import LABEL, VERDICT, Attempt, attempts_of
from processors.attempts.read import ProblemTask
from processors.attempts.tell import TellAttempts
from processors.attempts.verify import VerifyAttempts
from processors.tasks.preference import AGREEMENT, KIND, MARGIN, NUM_VOTES, KeepPair, PreferenceTask
from processors.verify.verdict import FAILED, PASSED, RIGHT, WRONG, Verdict
from schemas.outcome import Reject
from schemas.records import Conversation, Origin, Preference, Row

pytestmark = pytest.mark.realdata
SAMPLERS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")


def rows(path: Path) -> Iterator[Row]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines()):
        yield Row(f"k{number:05}", Origin(path.name, "1", "", f"{path.name}#{number}"), json.loads(line))


def read(step: Any, row: Row) -> Row:
    done = step(row)
    assert isinstance(done, Row), done
    return done


def tell(row: Row) -> list[Conversation]:
    told = TellAttempts()(row)
    assert not isinstance(told, Reject)
    return [replace(record, key=f"{row.key}/{number}") for number, record in enumerate(told)]


def gather(step: Any, records: list[Conversation]) -> tuple[list[Any], list[Reject]]:
    """Records and refusals; every key that went in is in exactly one of them."""
    results = step(records)
    out = [result for result in results if not isinstance(result, Reject)]
    refused = [result for result in results if isinstance(result, Reject)]
    kept = {key for record in out for key in (record.parents or (record.key,))}
    assert sorted([*kept, *(refusal.key for refusal in refused)]) == sorted(record.key for record in records)
    return out, refused


@pytest.fixture(scope="module")
def gsm8k(realdata: Path) -> list[tuple[dict[str, Any], list[Conversation]]]:
    """Each row with its pool of samples, verified, measured."""
    found = []
    for row in rows(realdata / "01_math" / "gsm8k" / "example_model_solutions.jsonl"):
        verified = read(VerifyAttempts(), read(ProblemTask(with_reference_solution=False), row))
        assert {attempt.sampler for attempt in attempts_of(verified)} == set(SAMPLERS)
        found.append((dict(row.fields), gather(MeasurePool(), tell(verified))[0]))
    return found


def label_counts(fields: dict[str, Any]) -> tuple[int, int]:
    labels = [fields[sampler]["is_correct"] for sampler in SAMPLERS]
    return labels.count(True), labels.count(False)


def test_pass_ratios_are_those_of_the_labels(gsm8k: list[tuple[dict[str, Any], list[Conversation]]]) -> None:
    differ, undecided = [], 0
    for fields, pool in gsm8k:
        right, wrong = label_counts(fields)
        facts = pool[0].facts
        undecided += right + wrong - int(facts[RIGHT_COUNT.name]) - int(facts[WRONG_COUNT.name])
        if facts[RIGHT_COUNT.name] != right:
            differ.append(fields["question"])
        elif facts[WRONG_COUNT.name] == wrong:
            assert facts[PASS_RATIO.name] == round(right / (right + wrong), 6)
    assert differ == []
    assert undecided <= 0.005 * 4 * len(gsm8k)
    print(f"{undecided} of {4 * len(gsm8k)} attempts undecided")


def test_the_majority_is_that_of_the_answers(gsm8k: list[tuple[dict[str, Any], list[Conversation]]]) -> None:
    for fields, pool in gsm8k:
        said = [_plain_answer(fields[sampler]["solution"]) for sampler in SAMPLERS]
        if None in said:
            continue
        (most, count), *others = Counter(said).most_common()
        facts = pool[0].facts
        if others and others[0][1] == count:
            assert facts[MAJORITY_VERDICT.name] == "tie"
        else:
            labels = {fields[sampler]["is_correct"] for sampler, answer in zip(SAMPLERS, said, strict=True) if answer == most}
            assert labels == {facts[MAJORITY_VERDICT.name] == RIGHT}
            assert sum(bool(record.facts[IS_MAJORITY.name]) for record in pool) <= count


def _plain_answer(solution: str) -> float | None:
    """The number after the last "A:", None where there is none."""
    try:
        return float(solution.rpartition("A:")[2].strip().replace(",", ""))
    except ValueError:
        return None


@pytest.mark.parametrize(
    "step",
    [
        PairAttempts(choose="all", per_problem=99, max_similarity_ratio=1.0, max_length_ratio=0.0, unanswered=True),
        PairAttempts(choose="balanced", per_problem=99, max_similarity_ratio=1.0, max_length_ratio=0.0, unanswered=True),
        PairAttempts(choose="hardest", per_problem=1, max_similarity_ratio=1.0, max_length_ratio=0.0, unanswered=True),
    ],
    ids=["all", "balanced", "hardest"],
)
def test_the_number_of_pairs_follows_from_the_labels(gsm8k: list[tuple[dict[str, Any], list[Conversation]]], step: PairAttempts) -> None:
    expected = made = 0
    for _, pool in gsm8k:
        out, refused = gather(step, pool)
        # copies are gone from the pool, and what could not be told is in no pair: both are looked up in the source's own labels
        decided = [record.facts[LABEL.name] for record in pool if record.facts[VERDICT.name] in (RIGHT, WRONG)]
        right, wrong = decided.count("right"), decided.count("wrong")
        number = {"all": right * wrong, "balanced": min(right, wrong), "hardest": min(1, right * wrong)}[step.choose]
        assert len(out) == number, [record.key for record in pool]
        expected, made = expected + number, made + len(out)
        for record in out:
            assert (record.facts[CHOSEN_LABEL.name], record.facts[REJECTED_LABEL.name]) == ("right", "wrong")
        assert {refusal.reason for refusal in refused} <= {"only_one_side", "cannot_tell", "not_chosen"}
    assert made == expected > 0
    print(f"{made} pairs from {len(gsm8k)} problems")


def test_default_bounds_refuse_few(gsm8k: list[tuple[dict[str, Any], list[Conversation]]]) -> None:
    reasons: Counter[str] = Counter()
    for _, pool in gsm8k:
        out, refused = gather(PairAttempts(), pool)
        reasons.update(refusal.reason for refusal in refused)
        reasons["pairs"] += len(out)
        for record in out:
            (chosen,), (rejected,) = record.chosen, record.rejected
            assert chosen.parts != rejected.parts
            assert (record.facts[CHOSEN_LABEL.name], record.facts[REJECTED_LABEL.name]) == ("right", "wrong")
    print(dict(reasons))
    bounded = reasons["bad_proportion"] + reasons["too_similar"] + reasons["same_answer"]
    assert bounded < 0.05 * reasons["pairs"]


def test_votes_of_people_give_the_chosen_side(realdata: Path) -> None:
    counts: Counter[str] = Counter()
    for row in rows(realdata / "11_instruct" / "pandalm" / "testset-v1.jsonl"):
        votes = [row.fields[f"annotator{number}"] for number in (1, 2, 3)]
        better = next((side for side in (1, 2) if votes.count(side) >= 2), None)
        done = PreferenceTask()(row)
        texts = [str(row.fields[name]).strip() for name in ("response1", "response2")]
        if better is None:
            assert isinstance(done, Reject)
            assert done.reason == "tie"
        elif not all(texts):
            assert isinstance(done, Reject)
            assert done.reason == "no_answer"
        elif not str(row.fields["instruction"]).strip():
            assert isinstance(done, Reject)
            assert done.reason == "no_messages"
        else:
            assert isinstance(done, Preference), done
            sides = [turn.parts[0].text for turn in (*done.chosen, *done.rejected)]  # type: ignore[union-attr]
            assert sides == (texts if better == 1 else texts[::-1])
            worse = votes.count(3 - better)
            assert done.facts[MARGIN.name] == round((votes.count(better) - worse) / 3, 4)
            assert (done.facts[KIND.name], done.facts[NUM_VOTES.name]) == ("votes", 3)
            assert done.facts[AGREEMENT.name] == round(votes.count(better) / 3, 4)
            assert not isinstance(KeepPair()(done), Reject)
        counts[done.reason if isinstance(done, Reject) else "pair"] += 1
    print(dict(counts))
    assert counts["pair"] > 0.8 * counts.total()


def test_programs_pair_by_what_was_run(realdata: Path) -> None:
    """HumanEval's samples with the verdict of a rerun of their tests: each problem's pairs have a program that passes over one that fails."""
    folder = realdata / "02_code"
    passes = {}
    for line in (folder / "recheck.jsonl").read_text(encoding="utf-8").splitlines():
        told = json.loads(line)
        passes[told["file"], told["id"]] = told["passes_recheck"]
    problems: dict[str, tuple[Row, list[Attempt]]] = {}
    for path in sorted((folder / "humaneval").glob("samples_*.jsonl")):
        for row in rows(path):
            task = str(row.fields["task_id"])
            found = read(ProblemTask(with_reference_solution=False), row)
            whole, attempts = problems.setdefault(task, (replace(found, key=task), []))
            for attempt in attempts_of(found):
                is_right = passes[f"humaneval/{path.name}", task]
                attempts.append(_judged(attempt, path.stem, is_right))
            assert whole.fields["problem"] == found.fields["problem"]
    made = copies = 0
    for row, attempts in problems.values():
        pool, refused = gather(MeasurePool(), tell(replace(row, fields={**row.fields, "attempts": tuple(attempts)})))
        copies += len(refused)
        out, _ = gather(PairAttempts(per_problem=99, max_similarity_ratio=1.0, max_length_ratio=0.0, unanswered=True), pool)
        labels = [record.facts[LABEL.name] for record in pool]
        assert len(out) == min(labels.count("right"), labels.count("wrong")), row.key
        assert all((one.facts[CHOSEN_LABEL.name], one.facts[REJECTED_LABEL.name]) == ("right", "wrong") for one in out)
        made += len(out)
    print(f"{made} pairs from {len(problems)} problems, {copies} copies of programs")
    assert made > 0


def _judged(attempt: Attempt, sampler: str, is_right: bool) -> Attempt:
    verdict = Verdict(RIGHT, PASSED, "all tests pass") if is_right else Verdict(WRONG, FAILED, "a test fails")
    return replace(attempt, sampler=sampler, label=RIGHT if is_right else WRONG, answer=attempt.text, verdict=verdict)
