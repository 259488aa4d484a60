"""The reference answer of a row: where it stands, inside which solution, and which verifier compares with it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from processors.attempts.problem import MATHS
from processors.attempts.read_columns import (
    BAD_REFERENCE,
    EXACT,
    JUDGE,
    NO_REFERENCE,
    REGEX,
    Fields,
    as_json,
    first_column,
    is_text,
    shown,
)
from schemas.outcome import Refused

REFERENCE_COLUMNS = (
    *("expected_answer", "final_answer", "golden_answer", "gold_answer", "gold", "reference_answer", "ground_truth", "groundtruth"),
    *("correct_answer", "answer", "answers", "target", "reference"),
)
SOLUTION_COLUMNS = ("reference_solution", "solution")  # hold the answer where no column of its own does
PATTERN_COLUMNS = ("pattern", "regex", "answer_pattern", "answer_regex")
LISTS_OF_ALTERNATIVES = ("answers", "aliases", "golden_answers", "accepted")
MAX_DIGITS = 4_000
MAX_PATTERN_CHARS = 2_000
MAX_SHORT_CHARS, MAX_SHORT_WORDS = 100, 12  # of an answer that can be compared as it is; a longer one is prose


@dataclass(frozen=True, slots=True)
class Judged:
    """How answers are judged, and what the row told on the way: the text of the problem where the form makes another one, worked solutions."""

    verifier: str
    judged_by: Mapping[str, Any]
    text: str = ""
    system: str = ""
    solutions: tuple[str, ...] = ()
    used: frozenset[str] = frozenset()  # columns that are no attempts


# ---- where the answer stands


def has_reference(fields: Fields) -> bool:
    return bool(_reference_column(fields)) or _rewarded(fields) is not None or _boxed_solution(fields) != ""


def _reference_column(fields: Fields) -> str:
    return first_column(fields, REFERENCE_COLUMNS)


def _rewarded(fields: Fields) -> Any:
    """The answer of rows made for reinforcement learning: {"reward_model": {"ground_truth": ...}}."""
    told = as_json(fields.get("reward_model"))
    return told.get("ground_truth") if isinstance(told, Mapping) else None


def _boxed_solution(fields: Fields) -> str:
    """The column of a worked solution that says its answer."""
    return next((name for name in SOLUTION_COLUMNS if is_text(fields.get(name)) and split_solution(fields[name])[0] != ""), "")


def read_answer(fields: Fields, text: str) -> Judged:
    """The verifier is maths, exact or judge by what the answer looks like.

    Raises: Refused with NO_REFERENCE or BAD_REFERENCE.
    """
    answers, solution, used = reference(fields)
    return Judged(*by_look(answers), solutions=(solution,) if solution else (), used=used)


def reference(fields: Fields) -> tuple[list[str], str, frozenset[str]]:
    """Accepted answers, the worked solution around the answer ("" where it stands alone), and the column that told."""
    name = _reference_column(fields)
    value = fields[name] if name else _rewarded(fields)
    if value is None:
        name = _boxed_solution(fields)
        if not name:
            raise Refused(NO_REFERENCE, f"expected one of {', '.join(REFERENCE_COLUMNS)}, or a solution with its answer in a box")
        return [split_solution(fields[name])[0]], "", frozenset()
    answers = [plain_answer(one, name) for one in _alternatives(value, name)]
    if len(answers) > 1:
        return answers, "", frozenset({name})
    answer, rest = split_solution(answers[0])
    return [answer or answers[0]], rest if answer else "", frozenset({name})


def _alternatives(value: Any, name: str) -> list[Any]:
    """The answers that are accepted. A list under the name of one answer may mean all of them as well as any: one item only."""
    value = as_json(value) if name in LISTS_OF_ALTERNATIVES else value
    if isinstance(value, Mapping):
        listed = [value["value"]] if is_text(value.get("value")) else []
        others = value.get("aliases") or value.get("text")
        listed += [one for one in (others if isinstance(others, list) else [others] if is_text(others) else []) if one not in listed]
        if not listed:
            raise Refused(BAD_REFERENCE, f"{name} is {shown(value)}, expected an answer")
        return listed
    if not isinstance(value, list):
        return [value]
    if len(value) != 1 and name not in LISTS_OF_ALTERNATIVES:
        raise Refused(BAD_REFERENCE, f"{name} holds {len(value)} values, and not whether all of them are asked for or any")
    return list(dict.fromkeys(value)) if all(isinstance(one, str) for one in value) else value


def plain_answer(value: Any, name: str) -> str:
    """An answer as text: whole numbers without a fraction, truth values as words."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        if value.bit_length() > 3 * MAX_DIGITS:
            raise Refused(BAD_REFERENCE, f"{name} has more than {MAX_DIGITS:,} digits")
        return str(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise Refused(BAD_REFERENCE, f"{name} is {value}, no number that can be compared")
        return repr(value).removesuffix(".0")
    if is_text(value):
        return str(value).strip()
    raise Refused(BAD_REFERENCE, f"{name} is {shown(value)}, expected an answer")


# ---- an answer inside a worked solution

_MARKED = re.compile(r"(?:\A|\n)[ \t]*(?:####|A:)[ \t]*([^\n]+)\s*\Z")  # GSM8K
_BOX = re.compile(r"\\(?:boxed|fbox)\s*\{")


def split_solution(text: str) -> tuple[str, str]:
    """The answer that a worked solution says (after #### in its last line, or in its last box), and the solution; "", "" where it says none.

    A text that is a box and nothing else is an answer without a solution.
    """
    text = text.strip()
    marked = _MARKED.search(text, max(0, len(text) - 2_000))
    if marked:
        return marked[1].strip(), text if marked.start() else ""
    opened = next(iter(list(_BOX.finditer(text))[-1:]), None)
    if opened is None:
        return "", ""
    inside = _braced(text, opened.end())
    if not inside.strip():
        return "", ""
    is_alone = not text[: opened.start()].strip(" $\n") and not text[opened.end() + len(inside) + 1 :].strip(" $.\n")
    return inside.strip(), "" if is_alone else text


def _braced(text: str, start: int) -> str:
    """What stands up to the brace that closes the one before `start`; "" where none does."""
    depth = 1
    for found in re.finditer(r"\\.|[{}]", text[start:], re.S):
        depth += {"{": 1, "}": -1}.get(found[0], 0)
        if not depth:
            return text[start : start + found.start()]
    return ""


# ---- which verifier

_NUMBER = r"[-+]?\s?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|[-+]?\.\d+"
_QUANTITY = re.compile(rf"[-+]?[$€£¥]?\s?(?:{_NUMBER})(?:\s?[eE][-+]?\d+)?(?:\s?/\s?\d+)?\s?%?(?:\s?[a-zµ°/²³^0-9]+){{0,2}}\.?")
_DATED = re.compile(r"\d{4}-\d{1,2}-\d{1,2}|\d+(?:\.\d+){2,}|\d{1,2}/\d{1,2}/\d{2,4}")
_LETTERS = re.compile(r"[A-Za-z]+")
_FORMAL = re.compile(r"[-+*/^_=<>≤≥≠√π∞(){}\[\]|,;:!.0-9\sA-Za-z°%$∪∩∈±×·÷]+")
_FUNCTIONS = frozenset(
    (
        "sqrt",
        "pi",
        "sin",
        "cos",
        "tan",
        "cot",
        "sec",
        "csc",
        "arcsin",
        "arccos",
        "arctan",
        "log",
        "ln",
        "exp",
        "abs",
        "mod",
        "inf",
        "infinity",
        "oo",
    )
)
_JOINS = frozenset(("and", "or", "if", "for"))
_NOT_PROSE = re.compile(r"\\(?:text|mathrm|textrm|textbf|mbox|operatorname)\s?\{[^{}]*\}|\\[A-Za-z]+|\{[^{}]*\}")
MAX_QUANTITY_CHARS = 60
MAX_LATEX_WORDS = 6  # of prose beside formulas


def is_mathematical(answer: str) -> bool:
    """Whether an answer is a number, with a unit or without, LaTeX with few words, or a formula of single letters."""
    if _DATED.fullmatch(answer):
        return False
    if len(answer) <= MAX_QUANTITY_CHARS and _QUANTITY.fullmatch(answer):
        return True
    if re.search(r"\\[A-Za-z({\[]|\$[^$]+\$", answer):
        words = [run for run in _LETTERS.findall(_NOT_PROSE.sub(" ", answer)) if len(run) > 1 and run.lower() not in _FUNCTIONS | _JOINS]
        return len(words) <= MAX_LATEX_WORDS
    letters = _LETTERS.findall(answer)
    return (
        _FORMAL.fullmatch(answer) is not None
        and re.search(r"[0-9=^π√∞]|[A-Za-z]\s?[-+*/]\s?[A-Za-z]", answer) is not None
        and all(len(run) == 1 or run.lower() in _FUNCTIONS | _JOINS for run in letters)
    )


def by_look(answers: list[str]) -> tuple[str, dict[str, Any]]:
    """Verifier and what it judges by, for accepted answers of which any will do."""
    if len(answers) == 1:
        answer = answers[0]
        if answer.lower() in ("true", "false"):
            return EXACT, {"answers": ["true", "yes"] if answer.lower() == "true" else ["false", "no"]}
        if is_mathematical(answer):
            return MATHS, {"answer": answer}
    if all(len(answer) <= MAX_SHORT_CHARS and len(answer.split()) <= MAX_SHORT_WORDS for answer in answers):
        return EXACT, {"answers": answers}
    return JUDGE, {"answer": answers[0], "rubric": ""}


def as_verifier(verifier: str, answers: list[str]) -> dict[str, Any]:
    """What a verifier that was named judges by."""
    if verifier == EXACT:
        return {"answers": answers}
    if len(answers) > 1:
        raise Refused(BAD_REFERENCE, f"{len(answers)} accepted answers, expected one for the verifier {verifier}")
    return {"answer": answers[0]} if verifier == MATHS else {"answer": answers[0], "rubric": ""}


# ---- patterns


def has_pattern(fields: Fields) -> bool:
    return any(is_text(fields.get(name)) for name in PATTERN_COLUMNS)


def read_pattern(fields: Fields, text: str) -> Judged:
    """Raises: Refused with BAD_REFERENCE for what is no pattern."""
    name = next(name for name in PATTERN_COLUMNS if is_text(fields.get(name)))
    pattern = fields[name]
    if len(pattern) > MAX_PATTERN_CHARS:
        raise Refused(BAD_REFERENCE, f"{name} has {len(pattern):,} characters, expected {MAX_PATTERN_CHARS:,} or fewer")
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise Refused(BAD_REFERENCE, f"{name} {shown(pattern)} is no regular expression ({error})") from error
    return Judged(REGEX, {"pattern": pattern}, used=frozenset({name}))
