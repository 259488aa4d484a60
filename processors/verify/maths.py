"""Whether a final answer to a problem of mathematics is the reference.

Equal texts in normal form and equal numbers are decided at once. Then both sides are read (processors/verify/maths_read.py) and compared
exactly: numbers as fractions, expressions by their values. What is not read here goes to math-verify, in a child process, which may say
right and, of two numbers, wrong.

Wrong is said only where both sides were read and differ. Where honest people would differ the verdict is cannot_tell:
a decimal against the exact value that it may be a rounding of (0.33 for 1/3, unless the problem or the reference speaks of rounding),
the same number with units of which one may be meant for the other, 1.000 against 1000, a list in another order where an order is asked for.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from processors.verify.answer import DOUBTED, WEAK, final_answer
from processors.verify.maths_expression import Ambiguous, Unreadable
from processors.verify.maths_form import MAX_CHARS, tidy
from processors.verify.maths_kinds import Reading
from processors.verify.maths_library import compare_by_library
from processors.verify.maths_read import readings
from processors.verify.maths_scalars import Asked, asked_of, right, unsure, wrong
from processors.verify.maths_sets import compare_values, kind_of
from processors.verify.verdict import CANNOT_TELL, NO_ANSWER, RIGHT, UNREADABLE, WRONG, Verdict

MAX_PLAIN_DIGITS = 40
DEGREE = "\\degree "  # in the normal form
_LOOSE_SPACE = re.compile(r"(?<!\w) | (?!\w)")  # one that parts no words and no digits
_PLAIN = re.compile(r"\s*\$?([-+]?)\$?(\d{1,3}(?:,\d{3})+|\d{1,40})(?:\.(\d{1,40}))?\.?\s*")


def verify(text: str, judged_by: Mapping[str, Any]) -> tuple[str, Verdict]:
    """The final answer found in the text, and the verdict on it. `judged_by`: "answer", and "problem" where its text is known.

    A number that the text merely ends with is no ground to call it wrong.
    """
    found = final_answer(text)
    if found is None:
        return "", Verdict(CANNOT_TELL, NO_ANSWER, "the text states no final answer")
    verdict = compare(found.text, str(judged_by["answer"]), str(judged_by.get("problem", "")))
    if verdict.value == RIGHT and found.how == DOUBTED:
        verdict = Verdict(CANNOT_TELL, NO_ANSWER, "the text takes its answer back")
    if verdict.value == WRONG and found.how in WEAK:
        verdict = Verdict(
            CANNOT_TELL, NO_ANSWER, f"the text does not say what its answer is; {found.text[:60]!r} would be wrong: {verdict.why}"
        )
    return found.text, verdict


def compare(said: str, reference: str, problem: str = "") -> Verdict:
    """Whether two final answers are the same. `problem` is the problem's text: it may ask for percent, for a rounding, or for an order."""
    plain_said, plain_reference = _plain_number(said), _plain_number(reference)
    if plain_said is not None and plain_said == plain_reference:
        return right("the same number")
    if len(said) > MAX_CHARS or len(reference) > MAX_CHARS:
        same = said.strip() == reference.strip()
        return right("the same text") if same else unsure(UNREADABLE, f"an answer of more than {MAX_CHARS} characters")
    if not reference.strip():
        return unsure(UNREADABLE, "there is no reference")
    if not said.strip():
        return Verdict(CANNOT_TELL, NO_ANSWER, "the answer is empty")
    if _written(said) == _written(reference):
        return right("the same text")
    asked = asked_of(problem)
    mine, its = _readings(said), _readings(reference)
    if isinstance(mine, tuple) and isinstance(its, tuple):
        found = _of_readings(mine, its, asked)
        return _without_degrees(found, said, reference, problem) if found.value == WRONG else found
    if _is_ambiguous(mine) or _is_ambiguous(its):
        return unsure("ambiguous", f"{mine if _is_ambiguous(mine) else its}")
    return compare_by_library(tidy(said), tidy(reference), why=str(its if not isinstance(its, tuple) else mine))


def _without_degrees(found: Verdict, said: str, reference: str, problem: str) -> Verdict:
    """180 - x may be meant for 180° - x."""
    marked = [DEGREE in tidy(side) for side in (said, reference)]
    if marked[0] != marked[1]:
        bare = [tidy(side).replace("^" + DEGREE, "").replace("^{" + DEGREE + "}", "").replace(DEGREE, "") for side in (said, reference)]
        if compare(bare[0], bare[1], problem).value == RIGHT:
            return unsure("other_unit", "the same but for the sign of degrees")
    return found


@functools.lru_cache(maxsize=4_096)
def _plain_number(text: str) -> Fraction | None:
    """Of whole numbers and decimals with a point, alone or with a dollar sign."""
    found = _PLAIN.fullmatch(text) if len(text) <= 2 * MAX_PLAIN_DIGITS else None
    if found is None:
        return None
    part = found[3] or ""
    value = Fraction(int(found[2].replace(",", "") + part), 10 ** len(part))
    return -value if found[1] == "-" else value


@functools.lru_cache(maxsize=4_096)
def _written(text: str) -> str:
    form = _LOOSE_SPACE.sub("", tidy(text))
    return form.casefold() if form.isalpha() and len(form) > 2 else form


@functools.lru_cache(maxsize=4_096)
def _readings(text: str) -> tuple[Reading, ...] | Unreadable:
    try:
        return readings(text)
    except Unreadable as why:
        return why.with_traceback(None)


def _is_ambiguous(found: tuple[Reading, ...] | Unreadable) -> bool:
    return isinstance(found, Ambiguous)


def _of_readings(said: tuple[Reading, ...], reference: tuple[Reading, ...], asked: Asked) -> Verdict:
    """The likely readings decide, those of one kind before others; what a rare reading says otherwise leaves it undecided."""
    if len(said) == 1 and len(reference) == 1:
        return compare_values(said[0].value, reference[0].value, asked)
    pairs = [
        (max(a.rank, b.rank), kind_of(a.value) == kind_of(b.value), compare_values(a.value, b.value, asked))
        for a in said
        for b in reference
    ]
    if any(same_kind for _, same_kind, _ in pairs):
        pairs = [pair for pair in pairs if pair[1]]
    lowest = min(rank for rank, _, _ in pairs)
    likely = [verdict for rank, _, verdict in pairs if rank <= max(1, lowest)]
    first = next(verdict for rank, _, verdict in pairs if rank == lowest)
    if first.value == RIGHT:
        return first
    if any(verdict.value == RIGHT for _, _, verdict in pairs):
        if first.value == WRONG or all(verdict.value != RIGHT for verdict in likely):
            return unsure("ambiguous", "equal in one reading of the numbers, different in another")
        return next(verdict for verdict in likely if verdict.value == RIGHT)
    if first.value == WRONG and all(verdict.value == WRONG for verdict in likely):
        return first
    return next((verdict for verdict in likely if verdict.value == CANNOT_TELL), wrong("another value"))
