"""Preference pairs from the attempts at one problem: a right attempt is chosen over a wrong one, both by the verifier's word."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

from processors.attempts.measure import (
    ATTEMPTS_COUNT,
    DIFFICULTY,
    PASS_RATIO,
    RIGHT_COUNT,
    SOLUTION_DIGEST,
    WRONG_COUNT,
    text_of,
)
from processors.attempts.problem import (
    ANSWER,
    CAUSE,
    CORRECTS,
    DOMAIN,
    LABEL,
    LEVEL,
    PROBLEM,
    REFERENCE,
    ROUND,
    SAMPLER,
    SOURCE_ID,
    SOURCE_SAMPLER,
    TEXT_DIGEST,
    TOPIC,
    VERDICT,
    VERIFIER,
    WHY,
)
from processors.attempts.solution import answer_form
from processors.licence import all_of
from processors.tasks.fragments import words_of
from processors.tasks.preference import (
    BAD_PROPORTION,
    CHOSEN_SAMPLER,
    KIND,
    LENGTH_RATIO,
    MARGIN,
    REJECTED_SAMPLER,
    SIMILARITY,
    TOO_SIMILAR,
    join_sides,
    pair_bounds,
    shared_ratio,
    word_pairs,
)
from processors.text.words import num_unspaced
from processors.verify.verdict import CANNOT_TELL, NO_ANSWER, RIGHT, WRONG
from schemas.facts import EVERY, Fact, Limit
from schemas.identity import digest, keyed_uniform
from schemas.outcome import Reason, Refused, Reject
from schemas.records import Conversation, FactValue, Origin, Preference, Turn

CHOSEN_ANSWER = Fact("pair.chosen_answer", str, "Final answer of the chosen attempt")
REJECTED_ANSWER = Fact("pair.rejected_answer", str, "Final answer of the rejected attempt")
CHOSEN_CAUSE = Fact("pair.chosen_cause", str, "Kind of finding by which the chosen attempt is right")
REJECTED_CAUSE = Fact("pair.rejected_cause", str, "Kind of finding by which the rejected attempt is wrong")
REJECTED_WHY = Fact("pair.rejected_why", str, "What the verifier found wrong, in a sentence")
CHOSEN_ROUND = Fact("pair.chosen_round", int, "Round in which the chosen attempt was sampled")
REJECTED_ROUND = Fact("pair.rejected_round", int, "Round in which the rejected attempt was sampled")
CHOSEN_LABEL = Fact("pair.chosen_label", str, "The source's own verdict on the chosen attempt, empty where it has none")
REJECTED_LABEL = Fact("pair.rejected_label", str, "The source's own verdict on the rejected attempt, empty where it has none")

# Facts that a pair has from its problem, and from each of its sides: (of the attempt, of the chosen one, of the rejected one).
PROBLEM_FACTS = (
    PROBLEM,
    SOURCE_ID,
    DOMAIN,
    TOPIC,
    LEVEL,
    VERIFIER,
    REFERENCE,
    ATTEMPTS_COUNT,
    RIGHT_COUNT,
    WRONG_COUNT,
    PASS_RATIO,
    DIFFICULTY,
)
SIDE_FACTS: tuple[tuple[Fact, Fact | None, Fact], ...] = (
    (SAMPLER, CHOSEN_SAMPLER, REJECTED_SAMPLER),
    (ANSWER, CHOSEN_ANSWER, REJECTED_ANSWER),
    (CAUSE, CHOSEN_CAUSE, REJECTED_CAUSE),
    (ROUND, CHOSEN_ROUND, REJECTED_ROUND),
    (LABEL, CHOSEN_LABEL, REJECTED_LABEL),
    (WHY, None, REJECTED_WHY),
)
ATTEMPT_PAIR_FACTS = (
    *PROBLEM_FACTS,
    *(fact for _, chosen, rejected in SIDE_FACTS for fact in (chosen, rejected) if fact is not None),
    KIND,
    MARGIN,
    SIMILARITY,
    LENGTH_RATIO,
)

UNDECIDED = Reason("cannot_tell", "No verifier can tell whether the attempt is right")
ONLY_ONE_SIDE = Reason("only_one_side", "The problem has no attempt of the other side to pair this one with: all are right, or all wrong")
TOO_EASY = Reason("too_easy", "More of the attempts at the problem are right than its pairs may have")
UNANSWERED = Reason(
    "no_answer", "The wrong attempt is empty, cut short, or ends without an answer: rejecting it teaches length, not reasoning"
)
SAME_ANSWER = Reason("same_answer", "Every attempt that this one could be paired with gives the same answer, in spite of its verdict")
DIFFERENT_SAMPLERS = Reason("different_samplers", "Every attempt that this one could be paired with is another sampler's")
NOT_CHOSEN = Reason("not_chosen", "Other attempts at the problem make up the pairs that are asked for")

ALL, BALANCED, HARDEST, LAST = "all", "balanced", "hardest", "last"
SAMPLED, CORRECTED, GIVEN = "sampled", "corrected", "reference"
MAX_SIDE = 64  # attempts of a side that `hardest` compares with those of the other
MAX_EXAMINED = 4_096  # pairs of a problem that are looked at

Indices = tuple[int, int]


def diagonals(num_rights: int, num_wrongs: int) -> Iterator[list[Indices]]:
    """All pairs of rights and wrongs, such that each list has every attempt of the smaller side once, with as many different others.

    So the first u lists use each attempt of the smaller side u times, and none of the larger side more often.
    """
    small, large = sorted((num_rights, num_wrongs))
    period = large // math.gcd(small, large) if small else 0
    for number in range(large if small else 0):
        shift = number * small + number // period
        pairs = ((at, (at + shift) % large) for at in range(small))
        yield [(one, other) if num_rights <= num_wrongs else (other, one) for one, other in pairs]


@dataclass(slots=True)
class _Sides:
    """The attempts of one problem that can be paired, and what has come of it so far."""

    rights: list[Conversation]
    wrongs: list[Conversation]
    language: str
    taken: list[tuple[Indices, dict[str, FactValue]]] = field(default_factory=list)  # with the similarity and the ratio of lengths
    uses: Counter[str] = field(default_factory=Counter)
    examined: set[Indices] = field(default_factory=set)
    refusals: dict[str, list[Refused]] = field(default_factory=dict)
    pairs_of_words: dict[str, Counter[tuple[str, str]]] = field(default_factory=dict)

    def at(self, pair: Indices) -> tuple[Conversation, Conversation]:
        return self.rights[pair[0]], self.wrongs[pair[1]]

    def alike(self, pair: Indices) -> float:
        one, other = map(self.pairs_of, self.at(pair))
        return round(shared_ratio(one, other), 4)

    def num_words(self, record: Conversation) -> int:
        """1 at least."""
        return max(1, self.pairs_of(record).total() - 1)

    def pairs_of(self, record: Conversation) -> Counter[tuple[str, str]]:
        if record.key not in self.pairs_of_words:
            self.pairs_of_words[record.key] = word_pairs(text_of(record), self.language)
        return self.pairs_of_words[record.key]


@dataclass(frozen=True, slots=True)
class PairAttempts:
    """The attempts at one problem become preferences; an attempt that is in none is refused with the reason.

    Chosen is an attempt that is right, rejected one that is wrong, by the verifier; what it cannot tell is in no pair. A right attempt
    that was asked to correct a wrong one is paired with that one first. Then, of the pairs that pass the bounds,

    - `all`: up to `per_problem` of them, in an order by a hash; an attempt may be in any number;
    - `balanced`: the same, each attempt in `max_uses` at most: of R right and W wrong ones, where every pair passes,
      min(R, W) * min(max_uses, max(R, W)) pairs, or `per_problem`;
    - `hardest`: those whose sides have most words in common first, since such a wrong attempt goes the longest way with the right one;
      each attempt in `max_uses` at most. Compared are the first 64 of each side by the hash.

    `max_uses` 0 is without a bound. `rounds="last"` rejects only attempts of the newest round that has wrong ones, `rejected_samplers`
    only those of the named samplers (all, where none is named): pairs for the model that is to learn. `same_sampler` pairs no two
    samplers, whose styles would tell the sides apart. `unanswered` lets a wrong attempt without an answer be rejected.
    Problems of a pass ratio above `max_pass_ratio` are too easy.
    """

    per_problem: int = 4
    choose: str = BALANCED
    max_uses: int = 1
    max_similarity_ratio: float = 0.95
    max_length_ratio: float = 3.0  # words of the longer side for one of the shorter; 0 is without a bound
    max_pass_ratio: float = 1.0
    rounds: str = ALL
    rejected_samplers: tuple[str, ...] = ()
    same_sampler: bool = False
    unanswered: bool = False
    seed: int = 0
    takes: ClassVar = (Conversation,)
    gives: ClassVar = Preference
    reads: ClassVar = (*PROBLEM_FACTS, *(fact for fact, _, _ in SIDE_FACTS), CORRECTS, TEXT_DIGEST, VERDICT, SOLUTION_DIGEST)
    writes: ClassVar = ATTEMPT_PAIR_FACTS
    forgets: ClassVar = EVERY
    reasons: ClassVar = (
        UNDECIDED,
        ONLY_ONE_SIDE,
        TOO_EASY,
        UNANSWERED,
        SAME_ANSWER,
        TOO_SIMILAR,
        BAD_PROPORTION,
        DIFFERENT_SAMPLERS,
        NOT_CHOSEN,
    )
    version: ClassVar = 1

    def __post_init__(self) -> None:
        if self.choose not in (ALL, BALANCED, HARDEST) or self.rounds not in (ALL, LAST):
            raise ValueError(
                f"choose is {self.choose!r} and rounds {self.rounds!r}, expected {ALL}, {BALANCED} or {HARDEST}, and {ALL} or {LAST}"
            )
        if self.per_problem < 1 or self.max_uses < 0 or not 0 <= self.max_similarity_ratio <= 1:
            raise ValueError(f"{self!r}; expected per_problem 1 or more, max_uses 0 or more, max_similarity_ratio from 0 to 1")
        if not 0 <= self.max_pass_ratio <= 1 or (self.max_length_ratio and self.max_length_ratio < 1):
            raise ValueError(f"{self!r}; expected max_pass_ratio from 0 to 1, max_length_ratio 0 or 1 and more")

    @property
    def bounds(self) -> tuple[Limit, ...]:
        return (
            Limit(PASS_RATIO, TOO_EASY.name, most=self.max_pass_ratio),
            *pair_bounds(self.max_similarity_ratio, self.max_length_ratio),
        )

    def __call__(self, group: Sequence[Conversation]) -> list[Preference | Reject]:
        records = sorted(group, key=lambda record: record.key)
        refused = self._unfit(records)
        sides: dict[tuple[Turn, ...], list[Conversation]] = {}
        for record in records:
            if record.key not in refused:
                sides.setdefault(record.turns[:-1], []).append(record)
        results: list[Preference | Reject] = []
        for fit in sides.values():
            results += self._pair(fit)
        return [*results, *(refusal.reject(key) for key, refusal in refused.items())]

    # ---- which attempts

    def _unfit(self, records: Sequence[Conversation]) -> dict[str, Refused]:
        """By key, why attempts cannot be on the side that their verdict puts them on."""
        found: dict[str, Refused] = {}
        last = max((int(record.facts[ROUND.name]) for record in records if record.facts[VERDICT.name] == WRONG), default=0)
        for record in records:
            refusal = self._misfit(record, last)
            if refusal is not None:
                found[record.key] = refusal
        return found

    def _misfit(self, record: Conversation, last: int) -> Refused | None:
        facts = record.facts
        if facts[VERDICT.name] == CANNOT_TELL:
            return Refused(UNDECIDED, f"{facts[CAUSE.name]}: {facts[WHY.name]}")
        ratio = facts.get(PASS_RATIO.name)
        if ratio is not None and float(ratio) > self.max_pass_ratio:
            return Refused(TOO_EASY, f"pass ratio {float(ratio):g}, expected {self.max_pass_ratio:g} or less")
        if facts[VERDICT.name] == RIGHT:
            return None
        if not self.unanswered and (facts[CAUSE.name] == NO_ANSWER or not text_of(record).strip()):
            return Refused(UNANSWERED, str(facts[WHY.name]) if text_of(record).strip() else "the attempt is empty")
        if self.rounds == LAST and facts[ROUND.name] != last:
            return Refused(NOT_CHOSEN, f"of round {facts[ROUND.name]}, wanted are wrong attempts of round {last}")
        if self.rejected_samplers and facts[SAMPLER.name] not in self.rejected_samplers:
            return Refused(NOT_CHOSEN, f"of {facts[SAMPLER.name]}, wanted are wrong attempts of {', '.join(self.rejected_samplers)}")
        return None

    # ---- which pairs

    def _pair(self, fit: Sequence[Conversation]) -> list[Preference | Reject]:
        ordered = sorted(fit, key=self._place)
        rights = [record for record in ordered if record.facts[VERDICT.name] == RIGHT]
        wrongs = [record for record in ordered if record.facts[VERDICT.name] == WRONG]
        if not rights or not wrongs:
            detail = f"{len(rights)} right and {len(wrongs)} wrong attempts that can be paired"
            return [Reject(record.key, ONLY_ONE_SIDE.name, detail) for record in ordered]
        sides = _Sides(rights, wrongs, _language(text_of(rights[0])))
        for pair in self._candidates(sides):
            if len(sides.taken) == self.per_problem or len(sides.examined) == MAX_EXAMINED:
                break
            if pair not in sides.examined and not any(self._is_used_up(sides, record) for record in sides.at(pair)):
                self._examine(sides, pair)
        made = [self._preference(sides, *taken) for taken in sides.taken]
        return [*made, *(self._left(sides, record) for record in ordered if not sides.uses[record.key])]

    def _place(self, record: Conversation) -> tuple[bool, float, str]:
        """The order in which attempts are taken: by a hash, the source's own solutions last."""
        return record.facts[SAMPLER.name] == SOURCE_SAMPLER, keyed_uniform(self.seed, "pair_attempts", record.key), record.key

    def _is_used_up(self, sides: _Sides, record: Conversation) -> bool:
        return self.choose != ALL and 0 < self.max_uses <= sides.uses[record.key]

    def _candidates(self, sides: _Sides) -> Iterator[Indices]:
        """Pairs in the order in which they are tried; some come twice."""
        asked = {str(record.facts[TEXT_DIGEST.name]): at for at, record in enumerate(sides.wrongs)}
        for at, record in enumerate(sides.rights):
            corrects = str(record.facts[CORRECTS.name])
            if corrects in asked:
                yield at, asked[corrects]
        if self.choose == HARDEST:
            rights, wrongs = (range(min(MAX_SIDE, len(side))) for side in (sides.rights, sides.wrongs))
            pairs = [(one, other) for one in rights for other in wrongs]
            yield from sorted(pairs, key=lambda pair: (-sides.alike(pair), pair))
            return
        for diagonal in diagonals(len(sides.rights), len(sides.wrongs)):
            yield from diagonal

    def _examine(self, sides: _Sides, pair: Indices) -> None:
        """Takes a pair, or keeps why not."""
        sides.examined.add(pair)
        chosen, rejected = sides.at(pair)
        alike = sides.alike(pair)
        first, second = text_of(chosen), text_of(rejected)
        lengths = [sides.num_words(record) for record in (chosen, rejected)]
        facts: dict[str, FactValue] = {SIMILARITY.name: alike, LENGTH_RATIO.name: round(lengths[0] / lengths[1], 4)}
        refusal: Refused | None = None
        if self.same_sampler and chosen.facts[SAMPLER.name] != rejected.facts[SAMPLER.name]:
            refusal = Refused(
                DIFFERENT_SAMPLERS, f"right ones of {chosen.facts[SAMPLER.name]}, wrong ones of {rejected.facts[SAMPLER.name]}", facts
            )
        elif _same_answer(chosen, rejected):
            refusal = Refused(
                SAME_ANSWER, f"{rejected.key} is wrong and {chosen.key} right, both say {str(chosen.facts[ANSWER.name])[:40]!r}", facts
            )
        elif first.split() == second.split() or alike > self.max_similarity_ratio:
            refusal = Refused(TOO_SIMILAR, f"similarity {alike:.3f}, expected {self.max_similarity_ratio:g} or less", facts)
        elif self.max_length_ratio and max(lengths) > self.max_length_ratio * min(lengths):
            refusal = Refused(
                BAD_PROPORTION, f"{lengths[0]} and {lengths[1]} words, expected a ratio of {self.max_length_ratio:g} or less", facts
            )
        if refusal is None:
            sides.taken.append((pair, facts))
            sides.uses.update((chosen.key, rejected.key))
            return
        for record in (chosen, rejected):
            sides.refusals.setdefault(record.key, []).append(refusal)

    def _left(self, sides: _Sides, record: Conversation) -> Reject:
        """Why an attempt is in no pair: what spoke against the first of its pairs where all were looked at, else that others are."""
        refusals = sides.refusals.get(record.key, [])
        others = sides.wrongs if record.facts[VERDICT.name] == RIGHT else sides.rights
        if len(refusals) == len(others):
            return refusals[0].reject(record.key)
        detail = f"{len(sides.taken)} pairs of {len(sides.rights)} right and {len(sides.wrongs)} wrong attempts are made"
        return Reject(record.key, NOT_CHOSEN.name, detail)

    def _preference(self, sides: _Sides, pair: Indices, measured: Mapping[str, FactValue]) -> Preference:
        chosen, rejected = sides.at(pair)
        facts: dict[str, FactValue] = {fact.name: chosen.facts[fact.name] for fact in PROBLEM_FACTS if fact.name in chosen.facts}
        for fact, of_chosen, of_rejected in SIDE_FACTS:
            if of_chosen is not None:
                facts[of_chosen.name] = chosen.facts[fact.name]
            facts[of_rejected.name] = rejected.facts[fact.name]
        facts |= {KIND.name: _kind(chosen, rejected), MARGIN.name: 1.0, **measured}
        prompt, better, worse = join_sides(chosen.turns, rejected.turns)
        key = digest("pair", chosen.key, rejected.key)
        return Preference(key, _origin(chosen.origin, rejected.origin), prompt, better, worse, facts, (chosen.key, rejected.key))


def _kind(chosen: Conversation, rejected: Conversation) -> str:
    if chosen.facts[CORRECTS.name] and chosen.facts[CORRECTS.name] == rejected.facts[TEXT_DIGEST.name]:
        return CORRECTED
    return GIVEN if chosen.facts[SAMPLER.name] == SOURCE_SAMPLER else SAMPLED


def _same_answer(chosen: Conversation, rejected: Conversation) -> bool:
    if chosen.facts[VERIFIER.name] == "code":
        return chosen.facts[SOLUTION_DIGEST.name] == rejected.facts[SOLUTION_DIGEST.name]
    form = answer_form(str(chosen.facts[ANSWER.name]))
    return bool(form) and form == answer_form(str(rejected.facts[ANSWER.name]))


def _language(text: str) -> str:
    """As which language words are told apart: Chinese, by characters, where most words are of scripts without spaces."""
    return "zh" if 2 * num_unspaced(text) > len(words_of(text, "zh")) else "en"


def _origin(chosen: Origin, rejected: Origin) -> Origin:
    """Of a pair: the chosen side's, both licences and both places."""
    locators = dict.fromkeys((chosen.locator, rejected.locator))
    return replace(chosen, licence=all_of((chosen.licence, rejected.licence)), locator="; ".join(locators))
