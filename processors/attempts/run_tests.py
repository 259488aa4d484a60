"""Runs the programs in attempts at code problems against their tests."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

from processors.attempts.problem import Attempt, Problem, attempts_of, problem_of, with_attempts
from processors.engine import EngineMissing, EngineStopped
from processors.verify.code_blocks import program_in
from processors.verify.programs import BAD_TESTS, ProgramEngine, TestedProgram, TestReport, read_tests
from processors.verify.verdict import CANNOT_TELL, NO_ANSWER, Verdict
from schemas.records import Row

CODE_VERIFIER = "code"


@dataclass(frozen=True, slots=True)
class RunTests:
    """Gives each attempt at a code problem that has no verdict one, and its program as the answer; other rows pass as they are.

    An asking step: a program's report is kept, so that a rebuild runs nothing and gives the same bytes.
    """

    engine: ProgramEngine
    takes: ClassVar = (Row,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = ()
    reasons: ClassVar = ()
    version: ClassVar = 1

    def identity(self) -> str:
        return self.engine.identity()

    @contextlib.contextmanager
    def open(self) -> Iterator[Callable[[list[TestedProgram]], list[bytes]]]:
        """The engine is opened for the first program: where there is none, nothing has to be installed. The callable raises EngineStopped."""
        with contextlib.ExitStack() as opened:
            runs: list[Callable[[list[TestedProgram]], list[TestReport]]] = []

            def run(programs: list[TestedProgram]) -> list[bytes]:
                try:
                    if programs and not runs:
                        runs.append(opened.enter_context(self.engine.open()))
                    return [report.to_bytes() for report in runs[0](programs)] if programs else []
                except EngineMissing as error:  # the wall, or a language of a program
                    raise EngineStopped(str(error)) from error

            yield run

    def questions(self, row: Row) -> list[TestedProgram]:
        problem = problem_of(row)
        if problem.verifier != CODE_VERIFIER:
            return []
        found = [_program(problem, attempt) for attempt in attempts_of(row)]
        return [program for program in found if isinstance(program, TestedProgram)]

    def answer(self, row: Row, replies: list[bytes]) -> Row:
        problem = problem_of(row)
        if problem.verifier != CODE_VERIFIER:
            return row
        reports = iter(replies)
        judged = []
        for attempt in attempts_of(row):
            program = _program(problem, attempt)
            if isinstance(program, TestedProgram):
                report = TestReport.from_bytes(next(reports))
                judged.append(replace(attempt, answer=program.program, verdict=report.verdict()))
            else:
                judged.append(replace(attempt, verdict=program))
        return with_attempts(row, judged)


def _program(problem: Problem, attempt: Attempt) -> TestedProgram | Verdict | None:
    """What is to be run for an attempt; or the verdict on it, the one that it has already or one that needs no run."""
    if attempt.verdict is not None:
        return attempt.verdict
    if attempt.cut:
        return Verdict(CANNOT_TELL, NO_ANSWER, f"the attempt is cut short: {attempt.cut}")
    try:
        told = read_tests(json.loads(problem.judged_by))
    except ValueError as error:
        return Verdict(CANNOT_TELL, BAD_TESTS, str(error))
    program = program_in(attempt.text, told["entry_point"], told["setup"], told["language"])
    if not program:
        return Verdict(CANNOT_TELL, NO_ANSWER, "there is no program in the attempt")
    return TestedProgram(program, problem.judged_by)
