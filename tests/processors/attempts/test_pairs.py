"""Preference pairs from attempts: how many there are follows from the pool, no side is mistaken, and nobody is lost."""

from __future__ import annotations

import pickle
import re
from collections import Counter
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.attempts.measure import PASS_RATIO
from processors.attempts.pairs import (
    CHOSEN_ANSWER,
    CHOSEN_LABEL,
    MAX_EXAMINED,
    REJECTED_CAUSE,
    REJECTED_ROUND,
    REJECTED_WHY,
    PairAttempts,
    diagonals,
)
from processors.attempts.problem import CAUSE, CODE, DOMAIN, PROBLEM, ROUND, SAMPLER, TEXT_DIGEST, VERDICT, Attempt, Problem
from processors.tasks.preference import CHOSEN_SAMPLER, KIND, LENGTH_RATIO, MARGIN, REJECTED_SAMPLER, SIMILARITY, similarity
from processors.verify.verdict import CANNOT_TELL, DIFFERENT, NO_ANSWER, RIGHT, WRONG
from schemas.identity import canonical_json, digest
from schemas.outcome import Reject
from schemas.parts import Text
from schemas.records import Conversation, Preference, Turn
from tests.processors.attempts.pool import PROBLEM_OF_SUMS, attempt, attempts_of_any_kind, measured, run

FREE = {"max_similarity_ratio": 1.0, "max_length_ratio": 0.0}  # every pair passes
WAYS = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta")


def rights(number: int, **fields: Any) -> list[Attempt]:
    return [attempt(f"by {way} it comes to 12", **fields) for way in WAYS[:number]]


def wrongs(number: int, **fields: Any) -> list[Attempt]:
    return [attempt(f"by {way} it must be 13", WRONG, **fields) for way in WAYS[:number]]


def pair(step: PairAttempts, *attempts: Attempt, problem: Problem = PROBLEM_OF_SUMS) -> tuple[list[Preference], dict[str, tuple[str, str]]]:
    return run(step, measured(*attempts, problem=problem))


def ends(made: list[Preference]) -> list[tuple[str, ...]]:
    return [tuple(key.rpartition("/")[2] for key in record.parents) for record in made]


def sides(record: Preference) -> tuple[str, str]:
    (chosen,), (rejected,) = record.chosen, record.rejected
    assert (chosen.role, rejected.role, chosen.learned, rejected.learned) == ("assistant", "assistant", True, True)
    assert not any(turn.learned for turn in record.prompt)
    return chosen.parts[0].text, rejected.parts[0].text  # type: ignore[union-attr]


def test_a_pair_and_what_it_carries() -> None:
    good = attempt("add them: 5 + 7 = 12", sampler="large", label="right")
    bad = attempt("multiply them: 5 * 7 = 35", WRONG, sampler="small", round=1)
    (made,), refused = pair(PairAttempts(), good, bad)
    assert (refused, sides(made)) == ({}, (good.text, bad.text))
    assert made.prompt == (Turn("user", (Text(PROBLEM_OF_SUMS.text),)),)
    assert (made.parents, made.key) == (("p/0", "p/1"), digest("pair", "p/0", "p/1"))
    assert (made.origin.licence, made.origin.locator) == ("MIT", "sums.jsonl#p")
    expected = {
        KIND: "sampled",
        MARGIN: 1.0,
        CHOSEN_SAMPLER: "large",
        REJECTED_SAMPLER: "small",
        CHOSEN_ANSWER: "12",
        CHOSEN_LABEL: "right",
        REJECTED_CAUSE: DIFFERENT,
        REJECTED_WHY: "not equal to 12",
        REJECTED_ROUND: 1,
        SIMILARITY: round(similarity(good.text, bad.text), 4),
        LENGTH_RATIO: round(5 / 5, 4),
        PASS_RATIO: 1.0,
        PROBLEM: PROBLEM_OF_SUMS.digest(),
        DOMAIN: "maths",
    }
    assert {fact: made.facts[fact.name] for fact in expected} == expected
    assert VERDICT.name not in made.facts  # a pair has two
    assert set(made.facts) <= {fact.name for fact in PairAttempts.writes}


def test_the_system_turn_stays_in_the_prompt() -> None:
    problem = Problem("What is 5 + 7?", "maths", canonical_json({"answer": "12"}), "maths", system="Be brief.")
    (made,), _ = pair(PairAttempts(), *rights(1), *wrongs(1), problem=problem)
    assert [turn.role for turn in made.prompt] == ["system", "user"]


# ---- how many


@given(st.integers(0, 9), st.integers(0, 9))
def test_diagonals_hold_every_pair_once(num_rights: int, num_wrongs: int) -> None:
    lists = list(diagonals(num_rights, num_wrongs))
    assert sorted(pair for one in lists for pair in one) == sorted(product(range(num_rights), range(num_wrongs)))
    for rounds in range(1, len(lists) + 1):
        uses = [Counter(pair[side] for one in lists[:rounds] for pair in one) for side in (0, 1)]
        smaller, larger = (uses[0], uses[1]) if num_rights <= num_wrongs else (uses[1], uses[0])
        assert set(smaller.values()) == {rounds}
        assert max(larger.values()) <= rounds


@pytest.mark.parametrize("choose", ["all", "balanced", "hardest"])
@pytest.mark.parametrize(("right", "wrong"), [(0, 3), (3, 0), (1, 1), (1, 5), (5, 1), (2, 2), (3, 5), (4, 6), (7, 7)])
@pytest.mark.parametrize(("per_problem", "max_uses"), [(1, 1), (4, 1), (100, 1), (100, 2), (5, 3), (100, 0)])
def test_the_number_of_pairs_follows_from_the_pool(choose: str, right: int, wrong: int, per_problem: int, max_uses: int) -> None:
    step = PairAttempts(per_problem=per_problem, choose=choose, max_uses=max_uses, **FREE)  # type: ignore[arg-type]
    made, refused = pair(step, *rights(right), *wrongs(wrong))
    uses = max_uses or 100
    most = right * wrong if choose == "all" else min(right, wrong) * min(uses, max(right, wrong))
    if choose != "hardest" or max_uses < 2:
        assert len(made) == min(most, per_problem)
    assert min(most, per_problem) * 2 >= len(made) * 2 >= min(most, per_problem)  # greedy choice: half of the most at least
    assert len(set(ends(made))) == len(made)
    used = Counter(key for one in made for key in one.parents)
    assert choose == "all" or max(used.values(), default=0) <= uses
    assert len(refused) == right + wrong - len(used)
    expected = {"not_chosen"} if right and wrong else {"only_one_side"}
    assert {reason for reason, _ in refused.values()} <= expected


def test_one_side_is_no_pair() -> None:
    made, refused = pair(PairAttempts(), *rights(2))
    detail = "2 right and 0 wrong attempts that can be paired"
    assert (made, refused) == ([], {"p/0": ("only_one_side", detail), "p/1": ("only_one_side", detail)})


# ---- who


def test_the_undecided_are_in_no_pair() -> None:
    _, refused = pair(PairAttempts(), *rights(1), attempt("it may be 12.0001", CANNOT_TELL))
    assert refused == {
        "p/0": ("only_one_side", "1 right and 0 wrong attempts that can be paired"),
        "p/1": ("cannot_tell", "unreadable: no form is known"),
    }


def test_an_attempt_without_an_answer_is_rejected_only_when_asked() -> None:
    attempts = (*rights(1), attempt("by alpha it is going to be", NO_ANSWER, answer=""))
    made, refused = pair(PairAttempts(), *attempts)
    assert (made, refused["p/1"]) == ([], ("no_answer", "it ends without an answer"))
    made, refused = pair(PairAttempts(unanswered=True), *attempts)
    assert (ends(made), refused) == ([("0", "1")], {})
    _, refused = pair(PairAttempts(), *rights(1), attempt(" ", WRONG, answer=""))
    assert refused["p/1"] == ("no_answer", "the attempt is empty")


@pytest.mark.parametrize(
    ("bounds", "reason"),
    [
        ({"max_similarity_ratio": 0.615}, "too_similar"),
        ({"max_similarity_ratio": 0.6154}, ""),
        ({"max_length_ratio": 1.19}, "bad_proportion"),
        ({"max_length_ratio": 1.2}, ""),
        ({"max_pass_ratio": 0.49}, "too_easy"),
        ({"max_pass_ratio": 0.5}, ""),
        ({"same_sampler": True}, "different_samplers"),
    ],
)
def test_bounds(bounds: dict[str, Any], reason: str) -> None:
    good, bad = attempt("one two three four 12", sampler="a"), attempt("one two three four or 13", WRONG, sampler="b")
    assert similarity(good.text, bad.text) == 8 / 13  # four shared pairs of words, of six and seven
    made, refused = pair(PairAttempts(**bounds), good, bad)
    assert {found for found, _ in refused.values()} == ({reason} if reason else set())
    assert len(made) == (not reason)


def test_the_same_answer_on_both_sides_is_no_pair() -> None:
    _, refused = pair(PairAttempts(), attempt("that makes 12"), attempt("this gives $12.0", WRONG))
    assert set(refused.values()) == {("same_answer", "p/1 is wrong and p/0 right, both say '12'")}
    program = Problem("Write f.", "code", canonical_json({"language": "python", "form": "check", "tests": ""}), CODE)
    two = (attempt("This works:", answer="return 1"), attempt("So does this, of course:", WRONG, answer="return 2"))
    made, refused = pair(PairAttempts(), *two, problem=program)
    assert (ends(made), refused) == ([("0", "1")], {})


def test_the_same_words_are_no_pair_whatever_the_bound() -> None:
    good, bad = attempt("it is so", answer="12"), attempt("it  is so", WRONG, answer="13")
    made, refused = pair(PairAttempts(**FREE), good, bad)  # type: ignore[arg-type]
    assert (made, {reason for reason, _ in refused.values()}) == ([], {"too_similar"})


def test_a_correction_is_paired_with_what_it_corrects() -> None:
    bad = wrongs(6)
    for at, wrong in enumerate(bad):
        fixed = attempt("no, so then it comes to 12", corrects=wrong.text_digest(), round=1)
        made, _ = pair(PairAttempts(), *bad, fixed)
        assert ends(made) == [("6", str(at))]
        assert made[0].facts[KIND.name] == "corrected"
    made, _ = pair(PairAttempts(), *bad, attempt("no, so then it comes to 12", corrects="gone"))
    assert [record.facts[KIND.name] for record in made] == ["sampled"]


def test_the_source_s_own_solution_comes_last() -> None:
    own = attempt("the book says it comes to 12", sampler="reference")
    for seed in range(8):
        made, refused = pair(PairAttempts(seed=seed), own, *rights(1), *wrongs(1))
        assert (ends(made), refused["p/0"][0]) == ([("1", "2")], "not_chosen")
    made, _ = pair(PairAttempts(), own, *wrongs(1))
    assert [record.facts[KIND.name] for record in made] == ["reference"]


def test_the_newest_round_and_named_samplers() -> None:
    old, new = wrongs(2, sampler="old"), [attempt(f"now {way} must be 14", WRONG, sampler="new", round=1) for way in WAYS[:2]]
    attempts = (*rights(4), *old, *new)
    assert {other for _, other in ends(pair(PairAttempts(per_problem=9), *attempts)[0])} == {"4", "5", "6", "7"}
    for step in (PairAttempts(rounds="last"), PairAttempts(rejected_samplers=("new",))):
        made, refused = pair(step, *attempts)
        assert {other for _, other in ends(made)} == {"6", "7"}
        assert {refused[key][0] for key in ("p/4", "p/5")} == {"not_chosen"}
    assert refused["p/4"][1] == "of old, wanted are wrong attempts of new"


def test_the_hardest_are_those_with_most_words_in_common() -> None:
    good = attempt("first we add five and seven and so it comes to 12")
    near = attempt("first we add five and seven and so it comes to 13", WRONG)
    middle = attempt("first we add five and then six so that is 11", WRONG)
    far = attempt("I would guess about forty, give or take, so 40", WRONG)
    for seed in range(6):
        made, _ = pair(PairAttempts(choose="hardest", seed=seed), far, middle, near, good)
        assert ends(made) == [("3", "2")]
        made, _ = pair(PairAttempts(choose="hardest", max_similarity_ratio=0.8, seed=seed), far, middle, near, good)
        assert ends(made) == [("3", "1")]
    made, _ = pair(PairAttempts(choose="hardest", max_uses=0), far, middle, near, good)
    assert ends(made) == [("3", "2"), ("3", "1"), ("3", "0")]
    alike = [float(record.facts[SIMILARITY.name]) for record in made]
    assert alike == sorted(alike, reverse=True)


def test_other_seeds_choose_others() -> None:
    chosen = {tuple(ends(pair(PairAttempts(per_problem=1, seed=seed), *rights(4), *wrongs(4))[0])) for seed in range(20)}
    assert len(chosen) > 5


def test_chinese_is_compared_by_characters() -> None:
    good, bad = attempt("先把五和七相加,所以答案是十二", answer="12"), attempt("先把五和七相加,所以答案是十三", WRONG, answer="13")
    made, _ = pair(PairAttempts(), good, bad)
    assert made[0].facts[SIMILARITY.name] == round(2 * 13 / 30, 4)  # of 14 characters, the last one differs


# ---- laws


@given(
    attempts_of_any_kind(),
    st.randoms(use_true_random=False),
    st.builds(
        PairAttempts,
        per_problem=st.integers(1, 5),
        choose=st.sampled_from(["all", "balanced", "hardest"]),
        max_uses=st.integers(0, 2),
        max_similarity_ratio=st.sampled_from([0.5, 0.95, 1.0]),
        max_length_ratio=st.sampled_from([0.0, 1.2, 3.0]),
        rounds=st.sampled_from(["all", "last"]),
        same_sampler=st.booleans(),
        unanswered=st.booleans(),
        seed=st.integers(0, 3),
    ),
)
def test_laws(attempts: list[Attempt], random: object, step: PairAttempts) -> None:
    records = measured(*attempts)
    by_key = {record.key: record for record in records}
    shuffled = list(records)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    made, refused = run(step, shuffled)  # conservation is the runner's check
    assert (made, refused) == run(step, records)
    assert pickle.loads(pickle.dumps(step))(records) == step(records)
    assert len(made) <= step.per_problem
    for record in made:
        chosen, rejected = (by_key[key] for key in record.parents)
        assert (chosen.facts[VERDICT.name], rejected.facts[VERDICT.name]) == (RIGHT, WRONG)
        assert sides(record) == tuple(said(one) for one in (chosen, rejected))
        assert sides(record)[0].split() != sides(record)[1].split()
        assert float(record.facts[SIMILARITY.name]) <= step.max_similarity_ratio
        assert record.facts[SIMILARITY.name] == round(similarity(*sides(record)), 4)
        corrected = chosen.facts["attempt.corrects"] == rejected.facts[TEXT_DIGEST.name]
        assert (record.facts[KIND.name] == "corrected") == corrected
    for key, (reason, _) in refused.items():
        assert (reason == "cannot_tell") == (by_key[key].facts[VERDICT.name] == CANNOT_TELL)
    if len(made) < step.per_problem:  # then no pair that could be made is missing
        last = max((int(one.facts[ROUND.name]) for one in records if one.facts[VERDICT.name] == WRONG), default=0)
        uses = Counter(key for one in made for key in one.parents)
        limit = step.max_uses if step.max_uses and step.choose != "all" else 100
        free = [one for one in records if uses[one.key] < limit]
        taken = {one.parents for one in made}
        missing = [(one.key, two.key) for one, two in product(free, free) if passes(step, one, two, last)]
        assert [pair for pair in missing if pair not in taken] == []


def passes(step: PairAttempts, chosen: Conversation, rejected: Conversation, last: int) -> bool:
    """Whether the documentation of PairAttempts lets these two be a pair."""
    one, two = chosen.facts, rejected.facts
    texts = said(chosen), said(rejected)
    num_words = sorted(len(re.findall(r"\w+", text)) for text in texts)
    return (
        (one[VERDICT.name], two[VERDICT.name]) == (RIGHT, WRONG)
        and (step.unanswered or two[CAUSE.name] != NO_ANSWER)
        and (step.rounds == "all" or two[ROUND.name] == last)
        and (not step.same_sampler or one[SAMPLER.name] == two[SAMPLER.name])
        and similarity(*texts) <= step.max_similarity_ratio
        and (not step.max_length_ratio or num_words[1] <= step.max_length_ratio * num_words[0])
    )


def said(record: Conversation) -> str:
    (part,) = record.turns[-1].parts
    assert isinstance(part, Text)
    return part.text


def test_very_many_attempts_are_bounded() -> None:
    good = [attempt(f"way {number} gives exactly 12") for number in range(1_500)]
    bad = [attempt(f"way {number} gives roughly 13", WRONG) for number in range(1_500)]
    records = measured(*good, *bad)
    for choose in ("all", "balanced", "hardest"):
        made, refused = run(PairAttempts(per_problem=50, choose=choose), records)
        assert (len(made), len({key for one in made for key in one.parents}) + len(refused)) == (50, 3_000)
    made, refused = run(PairAttempts(per_problem=MAX_EXAMINED, max_similarity_ratio=0.0, choose="all"), records)
    assert made == []  # given up after MAX_EXAMINED pairs, of two million
    assert {reason for reason, _ in refused.values()} == {"not_chosen"}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"choose": "some"}, "choose is 'some'"),
        ({"rounds": "first"}, "rounds 'first'"),
        ({"per_problem": 0}, "expected per_problem 1 or more"),
        ({"max_uses": -1}, "max_uses 0 or more"),
        ({"max_similarity_ratio": 1.5}, "max_similarity_ratio from 0 to 1"),
        ({"max_length_ratio": 0.5}, "max_length_ratio 0 or 1 and more"),
        ({"max_pass_ratio": 2.0}, "max_pass_ratio from 0 to 1"),
    ],
)
def test_what_cannot_be_asked_for(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PairAttempts(**wrong)


def test_a_refusal_names_its_record() -> None:
    refusals = [result for result in PairAttempts()(measured(*rights(2))) if isinstance(result, Reject)]
    assert [refusal.key for refusal in refusals] == ["p/0", "p/1"]
