"""Which attempts may be learned from: right ones, with a thought that is whole, of problems that are neither too easy nor too hard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from processors.attempts import thought
from processors.attempts.measure import PASS_RATIO, RIGHT_COUNT, WRONG_COUNT
from processors.attempts.problem import CAUSE, CODE, DOMAIN, LOGIC, MATHS, TOOLS, VERDICT, WHY
from processors.verify import verdict
from schemas.facts import Limit, Where
from schemas.outcome import Reason, Reject
from schemas.records import Conversation

WRONG_ANSWER = Reason("wrong_answer", "The verifier knows that the attempt is wrong")
NO_ANSWER = Reason("no_answer", "The attempt ends without an answer")
CANNOT_TELL = Reason("cannot_tell", "The verifier cannot tell whether the attempt is right")
TIMEOUT = Reason("timeout", "The attempt's program, or the comparison of its answer, took longer than its limit")
UNSAFE_CODE = Reason("unsafe_code", "The attempt's program did what the sandbox forbids")
CAUSES = {verdict.NO_ANSWER: NO_ANSWER, verdict.TIMEOUT: TIMEOUT, verdict.UNSAFE: UNSAFE_CODE}

REASONED = (MATHS, CODE, LOGIC)

TRUNCATED = Reason("truncated", "The attempt ends in the middle")
LOOPING = Reason("looping", "The attempt says the same again and again")
MIXED_LANGUAGES = Reason("mixed_languages", "The attempt has letters of scripts, or is in a language, that the problem is not in")
ANSWER_LEAKED = Reason("answer_leaked", "The prompt already holds the answer, or the solution")
PEEKS = Reason("peeks", "The attempt refers to an answer, a key or an exchange that is not shown")
REFUSAL = Reason("refusal", "The attempt declines to answer")
RUNS_ON = Reason("runs_on", "The attempt goes on with a question of its own after its answer")
TOO_SHORT = Reason("too_short", "The thought has fewer words than asked for")
TOO_LONG = Reason("too_long", "The thought has more words than asked for")

ALL_RIGHT = Reason("all_right", "Every attempt at the problem is right: it is too easy")
ALL_WRONG = Reason("all_wrong", "No attempt at the problem is right")
TOO_EASY = Reason("too_easy", "A larger share of the attempts at the problem is right than asked for")
TOO_HARD = Reason("too_hard", "A smaller share of the attempts at the problem is right than asked for")


@dataclass(frozen=True, slots=True)
class KeepRight:
    """Keeps attempts that a verifier found right; with `allow_undecided` also those that it could not tell, if they have an answer."""

    allow_undecided: bool = False
    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = (VERDICT, CAUSE, WHY)
    writes: ClassVar = ()
    reasons: ClassVar = (WRONG_ANSWER, NO_ANSWER, CANNOT_TELL, TIMEOUT, UNSAFE_CODE)
    version: ClassVar = 1

    def __call__(self, record: Conversation) -> Conversation | Reject:
        value, cause, why = (str(record.facts[fact.name]) for fact in (VERDICT, CAUSE, WHY))
        if value == verdict.RIGHT:
            return record
        if cause in CAUSES:
            return Reject(record.key, CAUSES[cause].name, why or cause)
        if value == verdict.WRONG:
            return Reject(record.key, WRONG_ANSWER.name, why or cause)
        return record if self.allow_undecided else Reject(record.key, CANNOT_TELL.name, why or cause)


@dataclass(frozen=True, slots=True)
class KeepThought:
    """Keeps attempts whose thought is whole and its own.

    `min_words` asks nothing of code and calls, which may be all there is. With `only_right` attempts that are not right pass, for pairs. `max_words` 0 is without a bound. A thought is in another
    language than its problem only where both have prose enough to be sure; `same_language` False lets it pass. Languages are looked at
    where a problem is solved (maths, code, logic): other requests may be to translate.
    """

    min_words: int = 0
    max_words: int = 0
    max_mixed_ratio: float = 0.002
    max_repeated_ratio: float = 0.0
    same_language: bool = True
    only_right: bool = False
    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = (DOMAIN, VERDICT, *thought.THOUGHT_FACTS)
    writes: ClassVar = ()
    reasons: ClassVar = (*(TRUNCATED, LOOPING, MIXED_LANGUAGES, ANSWER_LEAKED, PEEKS, REFUSAL, RUNS_ON, TOO_SHORT, TOO_LONG),)
    version: ClassVar = 1

    @property
    def bounds(self) -> tuple[Limit, ...]:
        judged = (Where(VERDICT, any_of=(verdict.RIGHT,)),) if self.only_right else ()
        reasoned, written = Where(DOMAIN, any_of=REASONED), Where(DOMAIN, none_of=(CODE, TOOLS))
        found = [
            Limit(thought.REPEATED_RATIO, LOOPING.name, most=self.max_repeated_ratio, where=judged),
            # a thought that is all in another language has no mixture
            Limit(thought.MIXED_RATIO, MIXED_LANGUAGES.name, None, self.max_mixed_ratio, (*judged, reasoned), not self.same_language),
            Limit(thought.NUM_WORDS, TOO_SHORT.name, self.min_words, where=(*judged, written)),
        ]
        if self.max_words:
            found.append(Limit(thought.NUM_WORDS, TOO_LONG.name, most=self.max_words, where=judged))
        return tuple(found)

    def __call__(self, record: Conversation) -> Conversation | Reject:
        found = None if self.only_right and record.facts[VERDICT.name] != verdict.RIGHT else self._refusal(record)
        return record if found is None else Reject(record.key, found[0].name, found[1])

    def _refusal(self, record: Conversation) -> tuple[Reason, str] | None:
        facts = record.facts
        for reason, fact in ((ANSWER_LEAKED, thought.ANSWER_LEAK), (PEEKS, thought.PEEK), (RUNS_ON, thought.RUNS_ON)):
            if facts[fact.name]:
                return reason, str(facts[fact.name])
        if facts[thought.IS_REFUSAL.name]:
            return REFUSAL, "it declines in its first sentences and gives no final answer"
        if float(facts[thought.REPEATED_RATIO.name]) > self.max_repeated_ratio:
            return LOOPING, f"{float(facts[thought.REPEATED_RATIO.name]):.0%} of its words, {facts[thought.REPEATED.name]}"
        if facts[thought.IS_TRUNCATED.name]:
            return TRUNCATED, str(facts[thought.TRUNCATION.name])
        return (self._mixture(record) if facts[DOMAIN.name] in REASONED else None) or self._length(record)

    def _mixture(self, record: Conversation) -> tuple[Reason, str] | None:
        facts = record.facts
        ratio = float(facts[thought.MIXED_RATIO.name])
        if ratio > self.max_mixed_ratio:
            return (
                MIXED_LANGUAGES,
                f"{ratio:.2%} of the letters, such as {facts[thought.MIXED.name]}, expected {self.max_mixed_ratio:.2%} or less",
            )
        said, asked = (str(facts[fact.name]) for fact in (thought.LANGUAGE, thought.PROBLEM_LANGUAGE))
        if self.same_language and said and asked and said != asked:
            return MIXED_LANGUAGES, f"the thought is in {said}, the problem in {asked}"
        return None

    def _length(self, record: Conversation) -> tuple[Reason, str] | None:
        num_words = int(record.facts[thought.NUM_WORDS.name])
        if num_words < self.min_words and record.facts[DOMAIN.name] not in (CODE, TOOLS):
            return TOO_SHORT, f"{num_words} words, expected {self.min_words} or more"
        if self.max_words and num_words > self.max_words:
            return TOO_LONG, f"{num_words} words, expected {self.max_words} or fewer"
        return None


@dataclass(frozen=True, slots=True)
class KeepDifficulty:
    """Keeps attempts at problems whose pass ratio is within the bounds.

    A ratio of fewer than `min_decided` attempts with a verdict says nothing about the problem, and passes.
    """

    min_pass_ratio: float = 0.0
    max_pass_ratio: float = 1.0
    min_decided: int = 2
    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = (PASS_RATIO, RIGHT_COUNT, WRONG_COUNT)
    writes: ClassVar = ()
    reasons: ClassVar = (ALL_RIGHT, ALL_WRONG, TOO_EASY, TOO_HARD)
    version: ClassVar = 1

    def __post_init__(self) -> None:
        if not 0 <= self.min_pass_ratio <= self.max_pass_ratio <= 1:
            raise ValueError(f"pass ratios are {self.min_pass_ratio} to {self.max_pass_ratio}, expected 0 <= min <= max <= 1")

    @property
    def bounds(self) -> tuple[Limit, ...]:
        where = (Where(RIGHT_COUNT, least=self.min_decided, plus=(WRONG_COUNT,)),)
        return (
            *(Limit(PASS_RATIO, reason.name, most=self.max_pass_ratio, where=where) for reason in (ALL_RIGHT, TOO_EASY)),
            *(Limit(PASS_RATIO, reason.name, self.min_pass_ratio, where=where) for reason in (ALL_WRONG, TOO_HARD)),
        )

    def __call__(self, record: Conversation) -> Conversation | Reject:
        ratio = record.facts.get(PASS_RATIO.name)
        decided = int(record.facts[RIGHT_COUNT.name]) + int(record.facts[WRONG_COUNT.name])
        if ratio is None or decided < self.min_decided or self.min_pass_ratio <= float(ratio) <= self.max_pass_ratio:
            return record
        detail = f"pass ratio {float(ratio):.3f} of {decided} attempts, expected {self.min_pass_ratio:g} to {self.max_pass_ratio:g}"
        if float(ratio) > self.max_pass_ratio:
            return Reject(record.key, (ALL_RIGHT if ratio == 1 else TOO_EASY).name, detail)
        return Reject(record.key, (ALL_WRONG if ratio == 0 else TOO_HARD).name, detail)
