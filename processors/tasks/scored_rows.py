"""Rows of one answer with a score each, several to a prompt, as HelpSteer has them: the best answer to a prompt against the worst."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from processors.dialogue import LANGUAGE, language_field, text_field
from processors.licence import all_of
from processors.messages import MESSAGE_REASONS, read_turns
from processors.tasks.preference import (
    AGREEMENT,
    CHOSEN_SAMPLER,
    KIND,
    MARGIN,
    NO_PAIR,
    NUM_VOTES,
    REJECTED_SAMPLER,
    SCORES,
    SOURCE,
    TIE,
    join_sides,
)
from processors.tasks.scored_answers import SAMPLERS, number_of
from processors.tasks.scored_answers import SCORES as SCORE_COLUMNS
from schemas.facts import Fact
from schemas.identity import digest
from schemas.outcome import Reason, Refused, Reject
from schemas.parts import Text
from schemas.records import FactValue, Preference, Row, Turn

PROMPT_DIGEST = Fact("pair.prompt_digest", str, "Digest of all turns before the answer: rows that share it answer the same prompt")
SCORE = Fact("pair.score", float, "The score that the source gives to the answer")

ONLY_ONE_SIDE = Reason("only_one_side", "No other row answers the same prompt")
NOT_CHOSEN = Reason("not_chosen", "Other answers to the prompt are better and worse")


def score_of(row: Row) -> float | None:
    """The first of the columns of scores that has a number."""
    return next((told for name in SCORE_COLUMNS if (told := number_of(row.fields.get(name))) is not None), None)


def _prompt_digest(turns: Sequence[Turn]) -> str:
    return digest(*(piece for turn in turns for piece in (turn.role, *(part.text for part in turn.parts if isinstance(part, Text)))))


@dataclass(frozen=True, slots=True)
class MarkScored:
    """Writes which prompt a row answers, and the score of its answer."""

    takes: ClassVar = (Row,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = (PROMPT_DIGEST, SCORE)
    reasons: ClassVar = (*MESSAGE_REASONS, NO_PAIR)
    version: ClassVar = 1

    def __call__(self, row: Row) -> Row | Reject:
        score = score_of(row)
        if score is None:
            return Reject(row.key, NO_PAIR.name, f"expected a number in one of the columns {', '.join(SCORE_COLUMNS)}")
        try:
            turns = read_turns(row)
        except Refused as refused:
            return refused.reject(row.key)
        return replace(row, facts={**row.facts, PROMPT_DIGEST.name: _prompt_digest(turns[:-1]), SCORE.name: score})


@dataclass(frozen=True, slots=True)
class PairScored:
    """The rows of one prompt -> a preference of the answer with the best score over that with the worst, of equal ones the smallest key."""

    takes: ClassVar = (Row,)
    gives: ClassVar = Preference
    reads: ClassVar = (PROMPT_DIGEST, SCORE)
    writes: ClassVar = (LANGUAGE, AGREEMENT, NUM_VOTES, KIND, MARGIN, CHOSEN_SAMPLER, REJECTED_SAMPLER, SOURCE)
    forgets: ClassVar = (SCORE,)
    reasons: ClassVar = (ONLY_ONE_SIDE, TIE, NOT_CHOSEN)
    version: ClassVar = 1

    def __call__(self, group: Sequence[Row]) -> list[Preference | Reject]:
        rows = sorted(group, key=lambda row: row.key)
        best = max(rows, key=lambda row: float(row.facts[SCORE.name]))
        worst = min(rows, key=lambda row: float(row.facts[SCORE.name]))
        high, low = float(best.facts[SCORE.name]), float(worst.facts[SCORE.name])
        if high == low:
            reason = TIE if len(rows) > 1 else ONLY_ONE_SIDE
            return [Reject(row.key, reason.name, f"{len(rows)} answers to the prompt, of score {high:g}") for row in rows]
        detail = f"the pair has the scores {high:g} and {low:g}"
        others = [Reject(row.key, NOT_CHOSEN.name, detail) for row in rows if row.key not in (best.key, worst.key)]
        return [_preference(best, worst, high - low), *others]


def _preference(best: Row, worst: Row, margin: float) -> Preference:
    prompt, chosen, rejected = join_sides(read_turns(best), read_turns(worst))
    facts: dict[str, FactValue] = {
        **{name: value for name, value in best.facts.items() if name != SCORE.name},
        LANGUAGE.name: language_field(best.fields),
        AGREEMENT.name: 1.0,
        NUM_VOTES.name: 0,
        KIND.name: SCORES,
        MARGIN.name: round(margin, 4),
        CHOSEN_SAMPLER.name: text_field(best.fields, *SAMPLERS),
        REJECTED_SAMPLER.name: text_field(worst.fields, *SAMPLERS),
        SOURCE.name: text_field(best.fields, "source", "dataset"),
    }
    locators = dict.fromkeys((best.origin.locator, worst.origin.locator))
    origin = replace(best.origin, licence=all_of((best.origin.licence, worst.origin.licence)), locator="; ".join(locators))
    return Preference(digest("pair", best.key, worst.key), origin, prompt, chosen, rejected, facts, (best.key, worst.key))
