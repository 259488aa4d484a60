"""A program that is to be tested, what came of it, and who runs it.

Tests are run by an engine, outside of this package: processors make the questions and read the reports. What decides a report beside
the question (limits, interpreter, version of the judge) is the engine's identity.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Protocol

from processors.verify.verdict import CANNOT_TELL, FAILED, Verdict
from schemas.identity import canonical_json, digest

CHECK, ASSERTS, STDIN = "check", "asserts", "stdin"
FORMS = (CHECK, ASSERTS, STDIN)
NUMBER = re.compile(r"[-+]?(?:\d{1,400}(?:\.\d{0,400})?|\.\d{1,400})(?:[eE][-+]?\d{1,4})?")

# Causes beside those of verdict.py.
BAD_TESTS = "bad_tests"  # the tests, or the code before the answer, break on their own
NOT_PLAIN_DATA = "not_plain_data"  # the tests compare objects whose own methods would decide
SAME_PROCESS = "needs_same_process"  # the tests reach into the program in a way that only code in its process can
MISSING_MODULE = "missing_module"  # the program imports what is not installed here
MEMORY = "memory"  # the program asked for more memory than its limit
CRASHED = "crashed"  # the program ended, or spoke out of turn, before the tests were over


@dataclass(frozen=True, slots=True)
class TestedProgram:
    """`program` is the answer's code, `judged_by` the canonical JSON of its problem (language, form, tests, entry_point, setup, cases)."""

    program: str
    judged_by: str
    __test__: ClassVar = False  # no test case, whatever its name

    def digest(self) -> str:
        return digest("tested", self.program, self.judged_by)

    def told(self) -> dict[str, Any]:
        """What `judged_by` says, each field present. Raises: ValueError, with what is missing or of another type."""
        return read_tests(json.loads(self.judged_by))


def read_tests(judged_by: object) -> dict[str, Any]:
    """The fields of a code problem's `judged_by`, those that are left out in their plainest form.

    Raises:
        ValueError: a field of another type, a form that is not known, no tests.
    """
    if not isinstance(judged_by, dict):
        raise ValueError(f"judged_by is {type(judged_by).__name__}, expected an object")
    found = {name: judged_by.get(name) or "" for name in ("language", "form", "tests", "entry_point", "setup")}
    for name, value in found.items():
        if not isinstance(value, str):
            raise ValueError(f"judged_by.{name} is {type(value).__name__}, expected text")
    found["language"] = found["language"] or "python"
    found["form"] = found["form"] or (STDIN if judged_by.get("cases") else ASSERTS)
    if found["form"] not in FORMS:
        raise ValueError(f"judged_by.form is {found['form'][:40]!r}, expected one of {', '.join(FORMS)}")
    cases = judged_by.get("cases") or []
    is_pairs = isinstance(cases, list) and all(
        isinstance(case, list) and len(case) == 2 and all(isinstance(text, str) for text in case) for case in cases
    )
    if not is_pairs:
        raise ValueError("judged_by.cases is not a list of [input, expected output] pairs of text")
    tolerance = judged_by.get("tolerance") or 0.0
    if isinstance(tolerance, bool) or not isinstance(tolerance, int | float) or not 0 <= tolerance < 1:
        raise ValueError(f"judged_by.tolerance is {tolerance!r}, expected a number from 0 to below 1")
    if not (cases if found["form"] == STDIN else found["tests"].strip()):
        raise ValueError(f"judged_by has form {found['form']} and no {'cases' if found['form'] == STDIN else 'tests'}")
    if found["form"] == CHECK and not found["entry_point"]:
        raise ValueError("judged_by has form check and no entry_point")
    return {**found, "cases": cases, "tolerance": float(tolerance)}


@dataclass(frozen=True, slots=True)
class TestReport:
    """What came of one program. `num_run` tests were run to an end, passed or not; -1 where tests are not counted."""

    value: str
    cause: str
    why: str = ""
    num_passed: int = -1
    num_run: int = -1
    __test__: ClassVar = False

    def verdict(self) -> Verdict:
        counted = f" ({self.num_passed} of {self.num_run} passed)" if self.num_run > 0 and self.cause == FAILED else ""
        return Verdict(self.value, self.cause, self.why + counted)

    def to_bytes(self) -> bytes:
        return canonical_json(asdict(self)).encode("utf-8", "replace")

    @staticmethod
    def from_bytes(kept: bytes) -> TestReport:
        return TestReport(**json.loads(kept))


def undecided(cause: str, why: str) -> TestReport:
    return TestReport(CANNOT_TELL, cause, why)


class ProgramEngine(Protocol):
    """Runs programs against their tests. `identity()` says all that decides a report beside the question."""

    def identity(self) -> str: ...
    def open(self) -> AbstractContextManager[Callable[[list[TestedProgram]], list[TestReport]]]: ...


def is_same_output(printed: str, expected: str, tolerance: float = 0.0) -> bool:
    """Whether two outputs have the same words, split at white space; numbers within `tolerance`, relative above 1 and absolute below."""
    ours, theirs = printed.split(), expected.split()
    return len(ours) == len(theirs) and all(
        one == other or (tolerance > 0 and _is_near(one, other, tolerance)) for one, other in zip(ours, theirs, strict=True)
    )


def _is_near(one: str, other: str, tolerance: float) -> bool:
    if not (NUMBER.fullmatch(one) and NUMBER.fullmatch(other)):
        return False
    expected = float(other)
    return abs(float(one) - expected) <= tolerance * max(1.0, abs(expected))
