"""math-verify as the second opinion on what is not read here: integrals, sums, limits, functions without brackets.

It runs in a child process, because what sympy does with an expression has no bound; limits that can be counted go first. Its own time-outs
(signals) are off. Its numeric comparison rounds to six digits and its comparison has a direction: here it rounds to fifteen and has to say
equal in both directions. Two numbers that differ are wrong; any other "not equal" of it leaves the answer undecided.
"""

from __future__ import annotations

import re
from typing import Any

from processors.guard import TOO_COSTLY, Limits, guarded
from processors.verify.maths_form import TEXT_CLOSE, TEXT_OPEN
from processors.verify.maths_scalars import right, unsure, wrong
from processors.verify.verdict import TIMEOUT, UNREADABLE, Verdict
from schemas.outcome import Refused

MAX_LIBRARY_CHARS = 300
MAX_LIBRARY_DIGITS = 12  # of one number
MAX_LIBRARY_NESTING = 12
MAX_LIBRARY_POWERS = 12
LIMITS = Limits(cpu_s=10.0, memory_bytes=2 << 30)

_WORTH_IT = re.compile(
    r"\\(?:int|sum|prod|lim|frac|sqrt|log|ln|sin|cos|tan|sec|csc|cot|binom|det|arc\w+|min|max|gcd|mod|bmod|overline|partial|prime|lfloor|lceil)(?![A-Za-z])"
)
_NOT_READ = re.compile(rf"[{TEXT_OPEN}{TEXT_CLOSE};:]|\.\.\.|\\(?:to|Rightarrow|approx|in|cup|cap|setminus|pm|mp)(?![A-Za-z])|[,=<>?\"]")
_UNDER = re.compile(r"_ ?\{[^{}]{0,40}\}")  # \sum_{k=1}, \lim_{x\to 0}
_COSTLY = re.compile(r"\^ ?\{?[^{}]{0,20}\^|!|\d{13,}|\^ ?\{? ?\d{4,}")


def compare_by_library(said: str, reference: str, why: str) -> Verdict:
    """Of two texts in normal form."""
    if not all(_WORTH_IT.search(side) or re.search(r"[a-zA-Z0-9]", side) for side in (said, reference)) or not any(
        map(_WORTH_IT.search, (said, reference))
    ):
        return unsure(UNREADABLE, f"not read: {why[:120]}")
    for side in (said, reference):
        if (
            len(side) > MAX_LIBRARY_CHARS
            or side.count("{") > 40
            or _NOT_READ.search(_UNDER.sub("", side))
            or _deepest(side) > MAX_LIBRARY_NESTING
        ):
            return unsure(UNREADABLE, f"not read: {why[:120]}")
        if _COSTLY.search(side) or side.count("^") > MAX_LIBRARY_POWERS:
            return unsure(TIMEOUT, "the expression may be too large to be computed")
    try:
        answer, _ = guarded(judge, {"said": said, "reference": reference}, limits=LIMITS)
    except Refused as refused:
        if refused.reason != TOO_COSTLY:
            raise
        return unsure(TIMEOUT, f"math-verify: {refused.detail}")
    if answer["found"] == "equal":
        return right("equal by math-verify")
    if answer["found"] == "different":
        return wrong("other numbers by math-verify")
    return unsure(UNREADABLE, f"not decided by math-verify: {answer['why'][:120]}")


def _deepest(text: str) -> int:
    depth = deepest = 0
    for sign in text:
        depth += (sign in "{([") - (sign in "})]")
        deepest = max(deepest, depth)
    return deepest


def judge(request: dict[str, Any], blobs: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """In the child. math-verify keeps to itself what latex2sympy and sympy raise: what it cannot read is an empty list."""
    import logging

    from latex2sympy2_extended import NormalizationConfig
    from math_verify import LatexExtractionConfig, parse
    from math_verify import verify as is_equal

    logging.getLogger("math_verify").setLevel(logging.ERROR)  # it warns that its time-outs are off
    form = LatexExtractionConfig(normalization_config=NormalizationConfig(basic_latex=True, malformed_operators=True, nits=True))
    trees = []
    for name in ("said", "reference"):
        found = parse(f"${request[name]}$", [form], fallback_mode="no_fallback", parsing_timeout=None)
        if len(found) != 1 or isinstance(found[0], str):
            return {"found": "unread", "why": f"{name} is not read by it either"}, []
        trees.append(found[0])
    said, reference = trees
    options: dict[str, Any] = {"float_rounding": 15, "numeric_precision": 50, "timeout_seconds": None}
    if is_equal(reference, said, **options) and is_equal(said, reference, **options):
        return {"found": "equal", "why": ""}, []
    try:
        numbers = [complex(tree.evalf(30)) for tree in trees if not tree.free_symbols]
    except (TypeError, ValueError, AttributeError, ArithmeticError, NotImplementedError, RecursionError) as error:
        return {"found": "unsure", "why": f"{type(error).__name__} on evaluation"}, []
    if len(numbers) == 2 and abs(numbers[0] - numbers[1]) > 1e-6 * max(map(abs, numbers)):
        return {"found": "different", "why": ""}, []
    return {"found": "unsure", "why": "not equal"}, []
