"""What the attempts at a problem say together: exact numbers, copies, and laws that hold for every pool."""

from __future__ import annotations

import json
import math
import pickle
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.attempts import measure
from processors.attempts.measure import (
    AGREEMENT,
    ATTEMPTS_COUNT,
    COPIES_COUNT,
    DIFFICULTIES,
    DIFFICULTY,
    IS_MAJORITY,
    LATER_COUNT,
    MAJORITY_VERDICT,
    PASS_AT_K,
    PASS_RATIO,
    RIGHT_COUNT,
    SAMPLERS,
    SOLUTION_DIGEST,
    UNDECIDED_COUNT,
    WRONG_COUNT,
    MeasurePool,
    majority,
    pass_at_k,
    pass_table,
    same_mathematics,
    text_of,
)
from processors.attempts.problem import CODE, VERDICT, Attempt, Problem
from processors.verify.verdict import CANNOT_TELL, NO_ANSWER, RIGHT, WRONG
from schemas.identity import canonical_json
from schemas.outcome import Reject
from schemas.records import Conversation
from tests.processors.attempts.pool import attempt, attempts_of_any_kind, measured, pool, run

COUNTS = (ATTEMPTS_COUNT, RIGHT_COUNT, WRONG_COUNT, UNDECIDED_COUNT, LATER_COUNT)


def counts(record: Conversation) -> list[object]:
    return [record.facts[fact.name] for fact in COUNTS]


@pytest.mark.parametrize("total", range(1, 8))
def test_pass_at_k_is_the_share_of_all_draws(total: int) -> None:
    for right in range(total + 1):
        for k in range(1, total + 1):
            draws = list(combinations(range(total), k))
            assert pass_at_k(total, right, k) == float(Fraction(sum(min(draw) < right for draw in draws), len(draws)))


def test_pass_at_k_of_many_attempts() -> None:
    assert pass_at_k(200, 20, 1) == 0.1
    # the product form of Chen et al., figure 3, which rounds at each of its factors
    product = 1.0 - math.prod(1.0 - 100 / at for at in range(200 - 20 + 1, 200 + 1))
    assert pass_at_k(200, 20, 100) == pytest.approx(product, abs=1e-12)
    assert pass_at_k(10_000, 1, 4_096) == 0.4096
    assert pass_at_k(10_000, 9_999, 2) == 1.0
    for wrong in ((4, 2, 0), (4, 2, 5), (4, 5, 1), (4, -1, 1)):
        with pytest.raises(ValueError, match="expected 1 <= k <= n"):
            pass_at_k(*wrong)


def test_the_table_has_the_powers_of_two_up_to_n() -> None:
    assert [json.loads(pass_table(total, 0)) for total in (0, 1, 3)] == [{}, {"1": 0.0}, {"1": 0.0, "2": 0.0}]
    assert json.loads(pass_table(8, 2)) == {"1": 0.25, "2": round(1 - 15 / 28, 6), "4": round(1 - 15 / 70, 6), "8": 1.0}


def test_counts_and_ratios() -> None:
    records = measured(
        attempt("count on: 12", sampler="a"),
        attempt("5 + 7 = 12", sampler="a"),
        attempt("5 * 7 = 35", WRONG, sampler="b"),
        attempt("hard to say 3", CANNOT_TELL, sampler="b"),
        attempt("once more: 12", round=1),
        attempt("corrected: 12", corrects="x"),
        attempt("by the book: 12", sampler="reference"),
    )
    first = records[0]
    assert [counts(record) for record in records] == [[4, 2, 1, 1, 3]] * 7
    assert first.facts[PASS_RATIO.name] == 0.666667
    assert json.loads(str(first.facts[PASS_AT_K.name])) == {"1": 0.666667, "2": 1.0}
    assert json.loads(str(first.facts[SAMPLERS.name])) == {"a": [2, 0, 0], "b": [0, 1, 1]}


def test_without_a_decided_attempt_there_is_no_ratio() -> None:
    (record,) = measured(attempt("hard to say 3", CANNOT_TELL))
    assert PASS_RATIO.name not in record.facts
    assert (record.facts[PASS_AT_K.name], record.facts[DIFFICULTY.name]) == ("{}", "unknown")


@pytest.mark.parametrize(
    ("right", "wrong", "later", "expected"),
    [
        (4, 0, [], "easy"),
        (3, 1, [], "easy"),
        (2, 1, [], "medium"),
        (2, 5, [], "medium"),
        (1, 3, [], "hard"),
        (0, 3, [], "unsolved"),
        (0, 3, [attempt("again 12", round=1)], "hard"),
        (0, 3, [attempt("the source says 12", sampler="reference")], "unsolved"),
        (0, 0, [attempt("again 12", round=1)], "unknown"),
    ],
)
def test_difficulty(right: int, wrong: int, later: list[Attempt], expected: str) -> None:
    good = [attempt(f"way {way} to 12") for way in range(right)]
    bad = [attempt(f"way {way} to 13", WRONG) for way in range(wrong)]
    assert {record.facts[DIFFICULTY.name] for record in measured(*good, *bad, *later)} == {expected}


# ---- agreement


def agreement(*attempts: Attempt, problem: Problem | None = None) -> tuple[object, object, list[object]]:
    records = measured(*attempts, problem=problem) if problem else measured(*attempts)
    facts = records[0].facts
    return facts.get(AGREEMENT.name), facts.get(MAJORITY_VERDICT.name), [record.facts.get(IS_MAJORITY.name) for record in records]


def test_the_most_frequent_answer() -> None:
    assert agreement(attempt("a 12"), attempt("b 13", WRONG), attempt("c 13.0", WRONG)) == (0.666667, "wrong", [False, True, True])
    assert agreement(attempt("a 12"), attempt("b $12."), attempt("c 13", WRONG)) == (0.666667, "right", [True, True, False])
    assert agreement(attempt("a 12"), attempt("b 13", WRONG)) == (0.5, "tie", [True, True])
    assert agreement(attempt("a x", CANNOT_TELL), attempt("b X", CANNOT_TELL), attempt("c 12")) == (
        0.666667,
        "cannot_tell",
        [True, True, False],
    )
    # who gives no answer has no voice; who answers later neither, but may agree
    silent, later = attempt("a well,", NO_ANSWER, answer=""), attempt("d 13", WRONG, round=1)
    assert agreement(silent, attempt("b 12"), later) == (1.0, "right", [False, True, False])
    assert agreement(silent) == (None, None, [None])


def test_right_answers_are_one_answer_however_they_are_written() -> None:
    halves = (attempt("a", answer="1/2"), attempt("b", answer="0.5"), attempt("c", answer="50%"))
    wrongs = (attempt("d 7", WRONG), attempt("e 7", WRONG))
    assert agreement(*halves, *wrongs) == (0.6, "right", [True] * 3 + [False] * 2)
    pattern = Problem("Name a river.", "regex", canonical_json({"pattern": "Rhine|Elbe"}), "other")
    assert agreement(attempt("Rhine"), attempt("Elbe"), attempt("the rhine."), problem=pattern) == (0.666667, "right", [True, False, True])


def test_wrong_answers_are_compared_as_mathematics(monkeypatch: pytest.MonkeyPatch) -> None:
    wrongs = [attempt(f"way {number}", WRONG, answer=answer) for number, answer in enumerate(("1/2", "0.5", "3"))]
    assert same_mathematics("1/2", "0.5")
    assert agreement(*wrongs) == (0.666667, "wrong", [True, True, False])
    asked: list[tuple[str, str]] = []

    def equal(one: str, other: str) -> bool:
        asked.append((one, other))
        return False

    monkeypatch.setattr(measure, "same_mathematics", equal)
    measured(*(attempt(f"way {number}", WRONG, answer=str(number)) for number in range(100)))
    assert len(asked) == math.comb(measure.MAX_FORMS, 2)  # bounded, however many answers there are


def test_programs_have_no_agreement() -> None:
    problem = Problem("Write f.", "code", canonical_json({"language": "python", "form": "check", "tests": ""}), CODE)
    programs = (attempt("a", answer="def f():\n    return 1"), attempt("b", answer="def f():\n  return 1  # one"))
    assert agreement(programs[0], problem=problem) == (None, None, [None])
    out, refused = run(MeasurePool(), pool(*programs, problem=problem))  # the same program, said otherwise
    assert ([record.key for record in out], refused) == (["p/0"], {"p/1": ("same_solution", "the same solution as p/0")})


@given(st.lists(st.sampled_from("abc"), min_size=1))
def test_a_majority_is_what_nothing_exceeds(classes: list[str]) -> None:
    most, share = majority(Counter(classes))
    assert most == {name for name in classes if all(classes.count(name) >= classes.count(other) for other in classes)}
    assert share == classes.count(min(most)) / len(classes)


def test_a_majority_needs_a_voice() -> None:
    for votes in ({}, {"right 12": 0}):
        with pytest.raises(ValueError, match="a majority of no votes"):
            majority(votes)


# ---- copies


def test_copies_are_counted_and_refused() -> None:
    out, refused = run(MeasurePool(), pool(attempt("so 5 + 7 = 12"), attempt("So, **5+7 = 12.0**!"), attempt("so 5 + 7 is 12")))
    assert refused == {"p/1": ("same_solution", "the same solution as p/0")}
    assert [counts(record) for record in out] == [[3, 3, 0, 0, 0]] * 2
    assert [record.facts[COPIES_COUNT.name] for record in out] == [2, 1]
    assert len({record.facts[SOLUTION_DIGEST.name] for record in out}) == 2


def test_which_copy_stays() -> None:
    # what a verifier could tell before what it could not; right and wrong never are copies; of wrong ones that which is corrected
    out, refused = run(MeasurePool(), pool(attempt("sum 12", CANNOT_TELL), attempt("SUM 12")))
    assert ([record.key for record in out], sorted(refused)) == (["p/1"], ["p/0"])
    out, refused = run(MeasurePool(), pool(attempt("sum 12", CANNOT_TELL), attempt("Sum: 12", WRONG)))
    assert ([record.key for record in out], sorted(refused)) == (["p/1"], ["p/0"])
    out, refused = run(MeasurePool(), pool(attempt("so [1, 2]", WRONG), attempt("so (1, 2)"), attempt("So: (1, 2)", CANNOT_TELL)))
    assert ([record.key for record in out], sorted(refused)) == (["p/0", "p/1"], ["p/2"])
    second = attempt("Sum: 13", WRONG)
    out, refused = run(MeasurePool(), pool(attempt("sum 13", WRONG), second, attempt("no, 12", corrects=second.text_digest())))
    assert ([record.key for record in out], sorted(refused)) == (["p/1", "p/2"], ["p/0"])
    out, _ = run(MeasurePool(), pool(attempt("sum 12", sampler="reference"), attempt("Sum: 12", round=1), attempt("SUM 12")))
    assert [(record.key, record.facts[COPIES_COUNT.name]) for record in out] == [("p/2", 1)]


def test_pools_are_joined_and_measured_again() -> None:
    old = measured(
        attempt("so 5 + 7 = 12"), attempt("So 5+7 = 12!"), attempt("so 5 + 7 = 13", WRONG), attempt("a book: 12", sampler="reference")
    )
    new = [replace(record, key=f"new/{record.key}") for record in measured(attempt("5 and 7 are 13", WRONG), attempt("So: 5 + 7 = 12"))]
    out, refused = run(MeasurePool(), [*old, *new])
    assert sorted(refused) == ["p/0"]  # the smallest key stays
    assert [(record.key, record.facts[COPIES_COUNT.name]) for record in out] == [("new/p/0", 1), ("new/p/1", 3), ("p/2", 1), ("p/3", 0)]
    assert [counts(record) for record in out] == [[5, 3, 2, 0, 1]] * 4
    assert {record.facts[PASS_RATIO.name] for record in out} == {0.6}


def test_near_copies_go_only_when_asked_and_of_one_verdict() -> None:
    words = "first we take the five apples and then we add the seven apples that were left so that there are"
    attempts = (attempt(f"{words} 12"), attempt(f"Well, {words} 12"), attempt(f"{words} 13", WRONG), attempt("it is 12"))
    assert run(MeasurePool(), pool(*attempts))[1] == {}
    _, refused = run(MeasurePool(near_similarity=0.8), pool(*attempts))
    assert refused == {"p/1": ("near_solution", "0.8 or more of its runs of words shared with p/0")}
    assert run(MeasurePool(near_similarity=1.0), pool(*attempts))[1] == {}


# ---- laws


@given(attempts_of_any_kind(), st.randoms(use_true_random=False), st.sampled_from([0.0, 0.5]))
def test_laws(attempts: list[Attempt], random: object, near: float) -> None:
    step = MeasurePool(near_similarity=near)
    records = pool(*attempts)
    shuffled = list(records)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    before = [dict(record.facts) for record in records]
    out, refused = run(step, shuffled)  # conservation is the runner's check
    assert (out, refused) == run(step, records)
    assert [dict(record.facts) for record in records] == before
    assert pickle.loads(pickle.dumps(step))(records) == step(records)
    # nothing but facts is changed, and each solution stays once
    by_key = {record.key: record for record in records}
    assert all((record.turns, record.parents) == (by_key[record.key].turns, by_key[record.key].parents) for record in out)
    assert len({(record.facts[SOLUTION_DIGEST.name], record.facts[VERDICT.name]) for record in out}) == len(out)
    later = sum(not measure.is_independent(record) for record in out)
    for record in out:
        told, right, wrong, undecided, others = map(int, map(str, counts(record)))
        assert (told, others) == (right + wrong + undecided, later)
        assert told == sum(map(measure.is_independent, records)) == sum(int(one.facts[COPIES_COUNT.name]) for one in out)
        assert record.facts[DIFFICULTY.name] in DIFFICULTIES
        assert 0 <= float(record.facts.get(PASS_RATIO.name, 0)) <= 1
    verdicts = [attempt.verdict.value for attempt in attempts if attempt.verdict]
    assert (RIGHT in verdicts) == any(record.facts[VERDICT.name] == RIGHT for record in out)
    copies = [(key, detail.rpartition(" ")[2]) for key, (_, detail) in refused.items()]
    if all(by_key[one].facts[VERDICT.name] == by_key[other].facts[VERDICT.name] for one, other in copies):
        again, gone = run(step, out)
        assert (gone, [counts(record) for record in again]) == ({}, [counts(record) for record in out])


def test_a_problem_may_have_very_many_attempts() -> None:
    many = [attempt(f"step {number % 5_000} gives 12", sampler=f"m{number % 100}") for number in range(10_000)]
    done = MeasurePool(near_similarity=0.9)(pool(*many))
    assert sum(isinstance(result, Reject) for result in done) == 5_000
    kept = [record for record in done if isinstance(record, Conversation)]
    assert counts(kept[0]) == [10_000, 10_000, 0, 0, 0]
    assert len(json.loads(str(kept[0].facts[SAMPLERS.name]))) == measure.MAX_SAMPLERS
    assert text_of(kept[0]) == "step 0 gives 12"


@pytest.mark.parametrize("wrong", [{"easy_from": 0.2}, {"hard_up_to": -0.1}, {"easy_from": 1.1}, {"near_similarity": 1.5}])
def test_bounds_that_cannot_be(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="expected 0 <= hard_up_to < easy_from <= 1"):
        MeasurePool(**wrong)
