"""Answers with numbers beside them: scores, ratings, rewards, ranks and strengths of preference, in the columns in which rows have them.

Lists are read as UltraFeedback (`completions`, each with the ratings of its annotations), Nectar (`answers` with a `rank`) and reward
models (`responses` beside `scores`) give them; numbers of two answers as `score_chosen` and `score_rejected`, `chosen_rating`, `score_a`
and `score_b`, or as HelpSteer's strength, which is below 0 where the first of two answers is better.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LISTS = ("completions", "answers", "responses", "candidates", "generations")
TEXTS = ("response", "answer", "completion", "text", "content", "output")
# UltraFeedback's overall_score is that of a critic, and 10 in rows whose critique says 1: the mean of the four ratings counts before it
SCORES = ("fine-grained_score", "fine_grained_score", "overall_score", "score", "rating", "reward", "helpfulness")
RANKS = ("rank", "ranking")
SAMPLERS = ("model", "model_name", "generator", "source")
STRENGTHS = ("preference_strength", "overall_preference")  # below 0: the first; HelpSteer2 and 3
SIDE_NAMES = ("score", "rating", "reward")
MAX_ANSWERS = 1_000


@dataclass(frozen=True, slots=True)
class ScoredAnswer:
    """`score` is larger for the better answer; of a rank it is the rank below 0."""

    answer: object
    score: float
    sampler: str = ""


def number_of(value: object) -> float | None:
    """A number, or text that is one; None for anything else, and for what is not finite."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def listed_answers(fields: Mapping[str, object]) -> tuple[list[ScoredAnswer], bool] | None:
    """The answers of a row's list that have a number, and whether the numbers are ranks; None where the row has no such list."""
    for name in LISTS:
        listed = fields.get(name)
        if isinstance(listed, list) and listed and all(isinstance(item, Mapping) for item in listed[:MAX_ANSWERS]):
            return _of_objects(listed[:MAX_ANSWERS])
        if isinstance(listed, list) and listed and all(isinstance(item, str) for item in listed[:MAX_ANSWERS]):
            return _of_columns(listed[:MAX_ANSWERS], fields)
    return None


def _of_objects(items: Sequence[Mapping[str, object]]) -> tuple[list[ScoredAnswer], bool]:
    ranked = not any(_score(item) is not None for item in items)
    found = []
    for item in items:
        score = _rank(item) if ranked else _score(item)
        answer = next((item[name] for name in TEXTS if item.get(name)), None)
        if score is not None and answer is not None:
            found.append(ScoredAnswer(answer, score, next((str(item[name]) for name in SAMPLERS if item.get(name)), "")))
    return found, ranked


def _of_columns(texts: Sequence[str], fields: Mapping[str, object]) -> tuple[list[ScoredAnswer], bool] | None:
    for ranked, names in ((False, SCORES), (True, RANKS)):
        numbers = next((fields[name] for name in (f"{kind}s" for kind in names) if isinstance(fields.get(name), list)), None)
        if isinstance(numbers, list) and len(numbers) >= len(texts):
            models = fields.get("models")
            samplers = models if isinstance(models, list) and len(models) >= len(texts) else [""] * len(texts)
            scored = [(text, number_of(told), str(model)) for text, told, model in zip(texts, numbers, samplers, strict=False)]
            return [ScoredAnswer(text, -told if ranked else told, model) for text, told, model in scored if told is not None], ranked
    return None


def _score(item: Mapping[str, object]) -> float | None:
    annotations = item.get("annotations")
    if isinstance(annotations, Mapping):
        ratings = [number_of(told.get("Rating")) for told in annotations.values() if isinstance(told, Mapping)]
        stated = [rating for rating in ratings if rating is not None]
        if stated:
            return math.fsum(stated) / len(stated)
    return next((told for name in SCORES if (told := number_of(item.get(name))) is not None), None)


def _rank(item: Mapping[str, object]) -> float | None:
    return next((-told for name in RANKS if (told := number_of(item.get(name))) is not None), None)


def best_and_worst(answers: Sequence[ScoredAnswer]) -> tuple[ScoredAnswer, ScoredAnswer]:
    """The first of the answers with the largest score, and the first of those with the smallest; the same one where all are equal."""
    return max(answers, key=lambda one: one.score), min(answers, key=lambda one: one.score)


def side_scores(fields: Mapping[str, object]) -> tuple[float, float] | None:
    """The scores that a row states for `chosen` and `rejected`; None where it does not state both."""
    for name in SIDE_NAMES:
        for chosen, rejected in ((f"{name}_chosen", f"{name}_rejected"), *((f"chosen{s}{name}", f"rejected{s}{name}") for s in "_-")):
            found = number_of(fields.get(chosen)), number_of(fields.get(rejected))
            if found[0] is not None and found[1] is not None:
                return found[0], found[1]
    return None


def scores_of_two(fields: Mapping[str, object], names: tuple[str, str]) -> tuple[float, float] | None:
    """The scores of two answers, by the ends of their columns' names (`response_a`: `score_a`, `response_a_score`), or by a strength."""
    for kind in (*SIDE_NAMES, "helpfulness"):
        for spelled in (lambda name, kind: f"{kind}_{_end(name)}", lambda name, kind: f"{name}_{kind}"):
            found = [number_of(fields.get(spelled(name, kind))) for name in names]
            if found[0] is not None and found[1] is not None:
                return found[0], found[1]
    strength = next((told for name in STRENGTHS if (told := number_of(fields.get(name))) is not None), None)
    return None if strength is None else (0.0, strength)


def _end(name: str) -> str:
    return name.removeprefix("response").removeprefix("answer").removeprefix("output").removeprefix("conversation").strip("_")
