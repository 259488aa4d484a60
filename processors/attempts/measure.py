"""What the attempts at one problem say together: how many are right, how hard it is, on which answer they agree, who repeats whom.

Statistics are those of independent attempts: of the first round, and not asked to correct another. Problems are sampled again because
they failed, so their later rounds do not show how often a model is right. A copy is a sample, too: all are counted before copies are
taken out, and the one that stays says for how many it stands, so that pools may be joined and measured again.
"""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from processors.attempts.problem import (
    ANSWER,
    CORRECTS,
    LABEL,
    PROBLEM,
    REFERENCE,
    ROUND,
    SAMPLER,
    SOURCE_SAMPLER,
    TEXT_DIGEST,
    VERDICT,
    VERIFIER,
)
from processors.attempts.solution import PYTHON, answer_form, most_frequent, near_pairs, solution_digest
from processors.verify import maths
from processors.verify.verdict import CANNOT_TELL, RIGHT, WRONG
from schemas.facts import Fact
from schemas.identity import canonical_json
from schemas.outcome import Reason, Reject
from schemas.parts import Text
from schemas.records import Conversation, FactValue

# Named without num_: a fact of that name is summed over a corpus, where each of these would count once for every attempt.
ATTEMPTS_COUNT = Fact("problem.attempts_count", int, "Independent attempts at the problem, copies among them")
RIGHT_COUNT = Fact("problem.right_count", int, "Independent attempts at the problem that are right")
WRONG_COUNT = Fact("problem.wrong_count", int, "Independent attempts at the problem that are wrong")
UNDECIDED_COUNT = Fact("problem.undecided_count", int, "Independent attempts at the problem of which no verifier can tell")
LATER_COUNT = Fact("problem.later_count", int, "Attempts of later rounds, corrections, and solutions of the source, copies left out")
COPIES_COUNT = Fact(
    "attempt.copies_count", int, "Independent attempts with this solution, or nearly, for which the attempt stands; 0 where there are none"
)
PASS_RATIO = Fact("problem.pass_ratio", float, "Right ones of the decided independent attempts; absent where none is decided")
PASS_AT_K = Fact(
    "problem.pass_at_k", str, "JSON: for k = 1, 2, 4, ... the chance that of k of the decided independent attempts one at least is right"
)
SAMPLERS = Fact("problem.samplers", str, "JSON: [right, wrong, undecided] independent attempts by sampler, of those with the most")
AGREEMENT = Fact(
    "problem.agreement_ratio",
    float,
    "Share that the most frequent answer has of the independent attempts that give one; absent without any",
)
MAJORITY_VERDICT = Fact(
    "problem.majority_verdict", str, "Verdict on the most frequent answer (maj@n), tie where several are; absent without answers to compare"
)
DIFFICULTY = Fact("problem.difficulty", str, "easy, medium, hard, unsolved or unknown, by the pass ratio")
IS_MAJORITY = Fact("attempt.is_majority", bool, "Whether the attempt gives the most frequent answer, or one of them")
SOLUTION_DIGEST = Fact(
    "attempt.solution_digest", str, "Digest of the solution without its dress: equal for attempts that differ in layout only"
)
POOL_FACTS = (
    ATTEMPTS_COUNT,
    RIGHT_COUNT,
    WRONG_COUNT,
    UNDECIDED_COUNT,
    LATER_COUNT,
    PASS_RATIO,
    PASS_AT_K,
    SAMPLERS,
    AGREEMENT,
    MAJORITY_VERDICT,
    DIFFICULTY,
    IS_MAJORITY,
    COPIES_COUNT,
    SOLUTION_DIGEST,
)

SAME_SOLUTION = Reason("same_solution", "Another attempt at the problem has the same solution, but for layout, and stays instead")
NEAR_SOLUTION = Reason("near_solution", "Another attempt at the problem with the same verdict has nearly the same words, and stays instead")

EASY, MEDIUM, HARD, UNSOLVED, UNKNOWN, TIE = "easy", "medium", "hard", "unsolved", "unknown", "tie"
DIFFICULTIES = (EASY, MEDIUM, HARD, UNSOLVED, UNKNOWN)
COMPARED = frozenset(("maths", "choice", "exact", "regex", "calls"))  # verifiers whose answers can be equal without being judged again
ONE_TRUTH = COMPARED - {"regex"}  # all right answers are equal to the reference
MAX_FORMS = 16  # different wrong answers of a problem that are compared as mathematics, the most frequent first
MAX_SAMPLERS = 32
_RANK = {RIGHT: 0, WRONG: 1, CANNOT_TELL: 2}


def pass_at_k(num_attempts: int, num_right: int, k: int) -> float:
    """The chance that k attempts, drawn without replacement from these, hold a right one: 1 - C(n - c, k) / C(n, k).

    Of attempts that are independent samples, the unbiased estimate of the chance with k samples; computed in whole numbers.
    Source: Chen et al. 2021, "Evaluating Large Language Models Trained on Code" (arXiv 2107.03374), section 2.1, equation 1.

    Raises: ValueError where k is not in 1..num_attempts, or num_right not in 0..num_attempts.
    """
    if not 1 <= k <= num_attempts or not 0 <= num_right <= num_attempts:
        raise ValueError(f"pass@{k} of {num_attempts} attempts, {num_right} of them right; expected 1 <= k <= n and 0 <= right <= n")
    every = math.comb(num_attempts, k)
    return (every - math.comb(num_attempts - num_right, k)) / every


def pass_table(num_attempts: int, num_right: int) -> str:
    """pass@k for k = 1, 2, 4, ... up to the number of attempts, as JSON; `{}` for none."""
    return canonical_json(
        {str(1 << power): round(pass_at_k(num_attempts, num_right, 1 << power), 6) for power in range(num_attempts.bit_length())}
    )


def is_independent(record: Conversation) -> bool:
    """Whether an attempt is a sample like every other: fresh, of the first round, and not the source's own solution."""
    facts = record.facts
    return facts[ROUND.name] == 0 and not facts[CORRECTS.name] and facts[SAMPLER.name] != SOURCE_SAMPLER


def weight_of(record: Conversation) -> int:
    """How many independent attempts a record stands for: itself, or what an earlier measurement of its pool found."""
    found = record.facts.get(COPIES_COUNT.name)
    return int(is_independent(record)) if found is None else int(found)


def _is_own_success(record: Conversation) -> bool:
    return record.facts[VERDICT.name] == RIGHT and record.facts[SAMPLER.name] != SOURCE_SAMPLER


def text_of(record: Conversation) -> str:
    """The attempt itself: the text of the last turn."""
    return "\n\n".join(part.text for part in record.turns[-1].parts if isinstance(part, Text))


# ---- agreement


def answer_classes(records: Sequence[Conversation], equal: Callable[[str, str], bool] | None) -> dict[str, str]:
    """By key, the class of the answer of each attempt that gives one: attempts of a class give the same answer.

    `equal` compares two wrong answers in other spellings. Right answers are equal to the reference, and so to one another.
    """
    found: dict[str, str] = {}
    written: dict[str, str] = {}
    for record in records:
        answer, verdict = str(record.facts[ANSWER.name]), str(record.facts[VERDICT.name])
        form = answer_form(answer) or " ".join(answer.split())
        if not form:
            continue
        name = RIGHT if verdict == RIGHT and record.facts[VERIFIER.name] in ONE_TRUTH else f"{verdict} {form}"
        found[record.key] = name
        written[name] = min(answer, written.get(name, answer))
    if equal is None:
        return found
    heads: list[str] = []
    joined: dict[str, str] = {}
    wrong = [name for name, _ in most_frequent(name for name in found.values() if name.startswith(WRONG))]
    for name in wrong[:MAX_FORMS]:
        head = next((head for head in heads if equal(written[name], written[head])), None)
        if head is None:
            heads.append(name)
        else:
            joined[name] = head
    return {key: joined.get(name, name) for key, name in found.items()}


def same_mathematics(one: str, other: str) -> bool:
    return maths.compare(one, other).value == RIGHT


def majority(votes: Mapping[str, int]) -> tuple[frozenset[str], float]:
    """The classes with most votes (several in a tie), and the share that each of them has. Raises: ValueError without a vote."""
    most = max(votes.values(), default=0)
    if not most:
        raise ValueError("a majority of no votes")
    return frozenset(name for name, count in votes.items() if count == most), most / sum(votes.values())


def _agreement(records: Sequence[Conversation]) -> tuple[dict[str, FactValue], dict[str, bool]]:
    """The facts of agreement, and by key whether an attempt gives a most frequent answer."""
    verifier = records[0].facts[VERIFIER.name]
    if verifier not in COMPARED:
        return {}, {}
    classes = answer_classes(records, same_mathematics if verifier == "maths" else None)
    votes: Counter[str] = Counter()
    for record in records:
        if record.key in classes:
            votes[classes[record.key]] += weight_of(record)
    if not votes.total():
        return {}, {}
    most, share = majority(votes)
    verdict = TIE if len(most) > 1 else min(most).partition(" ")[0]
    facts: dict[str, FactValue] = {AGREEMENT.name: round(share, 6), MAJORITY_VERDICT.name: verdict}
    return facts, {record.key: classes.get(record.key) in most for record in records}


# ---- the step


@dataclass(frozen=True, slots=True)
class MeasurePool:
    """The attempts at one problem get the facts that they say together; copies of a solution are refused, the smallest key stays.

    A right and a wrong attempt are no copies of each other; one that no verifier can tell (a program that once took too long) is a copy
    of either. One that is independent stays before others, of wrong ones that which another attempt corrects. `near_similarity` (0: off)
    also refuses attempts that share that part of their runs of three words (Jaccard) with one of the same verdict.

    A problem is `easy` from a pass ratio of `easy_from` on, `hard` up to `hard_up_to`, `unsolved` where nothing is right, in later rounds
    neither, and `unknown` where no independent attempt is decided.
    """

    easy_from: float = 0.75
    hard_up_to: float = 0.25
    near_similarity: float = 0.0
    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = (PROBLEM, ANSWER, CORRECTS, REFERENCE, ROUND, SAMPLER, TEXT_DIGEST, VERDICT, VERIFIER, LABEL)
    writes: ClassVar = POOL_FACTS
    reasons: ClassVar = (SAME_SOLUTION, NEAR_SOLUTION)
    version: ClassVar = 1

    def __post_init__(self) -> None:
        if not 0 <= self.hard_up_to < self.easy_from <= 1 or not 0 <= self.near_similarity <= 1:
            raise ValueError(f"{self!r}; expected 0 <= hard_up_to < easy_from <= 1 and near_similarity from 0 to 1")

    def __call__(self, group: Sequence[Conversation]) -> list[Conversation | Reject]:
        records = sorted(group, key=lambda record: record.key)
        agreed, is_majority = _agreement(records)
        solutions = {record.key: _solution(record) for record in records}
        refused = self._copies(records, solutions)
        num_later = sum(not is_independent(record) for record in records if record.key not in refused)
        shared = {**self._counts(records), LATER_COUNT.name: num_later}
        copies: Counter[str] = Counter()
        for record in records:
            stays = record.key
            while stays in refused:
                stays = refused[stays][0]
            copies[stays] += weight_of(record)
        results: list[Conversation | Reject] = []
        for record in records:
            if record.key in refused:
                results.append(refused[record.key][1])
                continue
            own: dict[str, FactValue] = {SOLUTION_DIGEST.name: solutions[record.key], COPIES_COUNT.name: copies[record.key]}
            if record.key in is_majority:
                own[IS_MAJORITY.name] = is_majority[record.key]
            results.append(replace(record, facts={**_unmeasured(record), **shared, **agreed, **own}))
        return results

    def _counts(self, records: Sequence[Conversation]) -> dict[str, FactValue]:
        counts: Counter[str] = Counter()
        by_sampler: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for record in records:
            verdict, weight = str(record.facts[VERDICT.name]), weight_of(record)
            counts[verdict] += weight
            if weight:
                by_sampler[str(record.facts[SAMPLER.name])][verdict] += weight
        right, decided = counts[RIGHT], counts[RIGHT] + counts[WRONG]
        largest = sorted(by_sampler, key=lambda name: (-by_sampler[name].total(), name))[:MAX_SAMPLERS]
        facts: dict[str, FactValue] = {
            ATTEMPTS_COUNT.name: counts.total(),
            RIGHT_COUNT.name: right,
            WRONG_COUNT.name: counts[WRONG],
            UNDECIDED_COUNT.name: counts[CANNOT_TELL],
            PASS_AT_K.name: pass_table(decided, right),
            SAMPLERS.name: canonical_json({name: [by_sampler[name][verdict] for verdict in _RANK] for name in largest}),
            DIFFICULTY.name: self.difficulty(right, decided, any(_is_own_success(record) for record in records)),
        }
        return {**facts, PASS_RATIO.name: round(right / decided, 6)} if decided else facts

    def difficulty(self, num_right: int, num_decided: int, is_solved: bool) -> str:
        """The class of a problem. `is_solved` says whether any attempt is right, one of a later round, too."""
        if not num_decided:
            return UNKNOWN
        ratio = num_right / num_decided
        if ratio >= self.easy_from:
            return EASY
        if ratio > self.hard_up_to:
            return MEDIUM
        return HARD if num_right or is_solved else UNSOLVED

    def _copies(self, records: Sequence[Conversation], solutions: dict[str, str]) -> dict[str, tuple[str, Reject]]:
        """By key of each copy, the attempt that it is a copy of, and its refusal."""
        corrected = {record.facts[CORRECTS.name] for record in records}

        def rank(record: Conversation) -> tuple[int, bool, bool, str]:
            is_asked = record.facts[VERDICT.name] == WRONG and record.facts[TEXT_DIGEST.name] in corrected
            return _RANK[str(record.facts[VERDICT.name])], not is_asked, not weight_of(record), record.key

        ordered = sorted(records, key=rank)
        stays: dict[tuple[str, str], str] = {}
        refused: dict[str, tuple[str, Reject]] = {}
        for record in ordered:
            solution, verdict = solutions[record.key], str(record.facts[VERDICT.name])
            likes = _RANK if verdict == CANNOT_TELL else (verdict,)
            kept = next((stays[solution, like] for like in likes if (solution, like) in stays), record.key)
            stays.setdefault((solution, verdict), kept)
            if kept != record.key:
                refused[record.key] = kept, Reject(record.key, SAME_SOLUTION.name, f"the same solution as {kept}")
        if self.near_similarity:
            for verdict in _RANK:
                left = [record for record in ordered if record.facts[VERDICT.name] == verdict and record.key not in refused]
                near = near_pairs([text_of(record) for record in left], self.near_similarity)
                for record, place in zip(left, near, strict=True):
                    if place >= 0:
                        detail = f"{self.near_similarity:g} or more of its runs of words shared with {left[place].key}"
                        refused[record.key] = left[place].key, Reject(record.key, NEAR_SOLUTION.name, detail)
        return refused


def _unmeasured(record: Conversation) -> dict[str, FactValue]:
    """The facts of a record without those of an earlier measurement: the pool may have grown since."""
    names = {fact.name for fact in POOL_FACTS}
    return {name: value for name, value in record.facts.items() if name not in names}


def _solution(record: Conversation) -> str:
    if record.facts[VERIFIER.name] != "code":
        return solution_digest(text_of(record))
    judged_by = json.loads(str(record.facts[REFERENCE.name]))
    language = judged_by.get("language", PYTHON) if isinstance(judged_by, dict) else PYTHON
    return solution_digest(text_of(record), str(record.facts[ANSWER.name]), str(language))
