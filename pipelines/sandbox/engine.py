"""The engine that tests programs in the sandbox: the judge behind one wall, the program behind another, a socket between them.

What the two report, and how each ended, becomes a verdict here. `right` comes only from the judge, whose process the program cannot
reach; how the program ended decides what kind of wrong it is, or that nothing can be told.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import platform
import re
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

from pipelines.sandbox.inside import LINE, REPORT
from pipelines.sandbox.languages import LANGUAGES
from pipelines.sandbox.limits import (
    EXITED,
    FORBIDDEN,
    KILLED,
    LOST,
    MEMORY,
    OUTPUT,
    TIMEOUT,
    Entry,
    Limits,
    Outcome,
    Program,
    SandboxStopped,
)
from pipelines.sandbox.sandbox import Running, Sandbox
from processors.engine import EngineStopped
from processors.verify import programs
from processors.verify.code_blocks import PYTHON, whole_program
from processors.verify.programs import STDIN, TestedProgram, TestReport, undecided
from processors.verify.verdict import CANNOT_TELL, FAILED, PASSED, RIGHT, UNSAFE, WRONG
from processors.verify.verdict import TIMEOUT as TOO_SLOW
from schemas.identity import canonical_json

VERSION = 1
GRACE_S = 2.0  # for a program that has let go of the socket, so that its own end is known before it is ended
NUM_STARTS = 3
MAX_REPORT_BYTES = 1 << 16
# Tests that reach into the program's process. Where one fails, that may be why; where all pass, they passed.
REACHES_IN = re.compile(
    r"\b(?:mock|monkeypatch|capsys|capfd|caplog|importlib|__import__|builtins|inspect|gc|globals|weakref|tracemalloc|threading|asyncio)\b"
    r"|\bsys\.(?:stdin|argv|modules|path|setrecursionlimit|getrefcount)|\bos\.(?:environ|chdir|remove|makedirs)|\bopen\("
)
SEEDS = re.compile(r"\brandom\.seed\b|\bseed\(")


@dataclass(frozen=True, slots=True)
class SandboxEngine:
    """Tests programs, several at once. Units: seconds, bytes.

    `cpu_s` lies far above what an honest answer to a small problem takes, so a program that needs more is wrong (cause timeout).
    `wall_s` only ends what waits: it says nothing of the program, and nothing is told. `packages` are those that programs and tests can
    import beside the standard library; a program that wants another is not judged. `num_workers` 0: one for each processor.
    """

    cpu_s: float = 10.0
    wall_s: float = 60.0
    memory_bytes: int = 1 << 30
    packages: tuple[str, ...] = ("numpy",)
    num_workers: int = field(default=0, metadata={"fingerprint": False})

    def identity(self) -> str:
        limits = {"cpu_s": self.cpu_s, "wall_s": self.wall_s, "memory_bytes": self.memory_bytes}
        packages = {name: importlib.metadata.version(name) for name in self.packages}
        return canonical_json(
            {"engine": "sandbox", "version": VERSION, "python": platform.python_version(), "packages": packages, **limits}
        )

    @contextlib.contextmanager
    def open(self) -> Iterator[Callable[[list[TestedProgram]], list[TestReport]]]:
        """Raises: NoIsolation where this machine cannot isolate programs: none is then run. The callable raises EngineStopped."""
        limits = Limits(cpu_s=self.cpu_s, wall_s=self.wall_s, memory_bytes=self.memory_bytes)
        num_workers = self.num_workers or len(os.sched_getaffinity(0))
        with Sandbox(self.packages) as sandbox, ThreadPoolExecutor(num_workers, thread_name_prefix="tests") as pool:

            def run(asked: list[TestedProgram]) -> list[TestReport]:
                try:
                    return list(pool.map(lambda program: run_tests(sandbox, limits, program), asked))
                except SandboxStopped as error:
                    raise EngineStopped(str(error)) from error

            yield run


def run_tests(sandbox: Sandbox, limits: Limits, asked: TestedProgram) -> TestReport:
    """What comes of one program."""
    try:
        told = asked.told()
    except ValueError as error:
        return undecided(programs.BAD_TESTS, str(error))
    is_python = told["language"] == PYTHON
    if not is_python and (told["form"] != STDIN or told["language"] not in LANGUAGES):
        return undecided(programs.BAD_TESTS, f"tests of the form {told['form']} in {told['language'][:40]} are not run")
    try:
        source = whole_program(told["setup"], asked.program, told["entry_point"]) if is_python else asked.program
        source.encode()
    except UnicodeEncodeError as error:
        return TestReport(WRONG, FAILED, f"the program is no text in UTF-8: {error.reason}")
    if told["form"] == STDIN:
        return _run_cases(sandbox, limits, told["language"], source, told["cases"], told["tolerance"])
    return _run_judged(sandbox, limits, source, told)


T = TypeVar("T")


def _started(job: Callable[[], T]) -> T:
    """What a job gives. One that could not be started has run nothing, so it is tried again. Raises: SandboxStopped the last time."""
    for _ in range(NUM_STARTS - 1):
        with contextlib.suppress(SandboxStopped):
            return job()
    return job()


# ---- tests that call the program


def _run_judged(sandbox: Sandbox, limits: Limits, source: str, told: dict[str, Any]) -> TestReport:
    report, judged, ended = _started(lambda: _trial(sandbox, limits, source, told))
    if LOST in (judged.status, ended.status):  # perhaps not this program's doing
        report, judged, ended = _started(lambda: _trial(sandbox, limits, source, told))
    found = _verdict(report, judged, ended, limits)
    reaches_in = REACHES_IN.search(told["tests"]) or (SEEDS.search(told["tests"]) and "random" in source)
    if found.value == WRONG and found.cause == FAILED and reaches_in:
        return undecided(programs.SAME_PROCESS, f"the tests reach into the program's process, and do not pass: {found.why}")
    return found


def _trial(sandbox: Sandbox, limits: Limits, source: str, told: dict[str, Any]) -> tuple[dict[str, Any] | None, Outcome, Outcome]:
    """The judge's report, None where it gave none, and how the judge and the program ended."""
    judge_line, program_line = socket.socketpair()
    report_in, report_out = os.pipe()
    payload = json.dumps({name: told[name] for name in ("form", "tests", "entry_point", "setup")}).encode()
    try:
        # The judge outlives the program, so that the program's limits and not the judge's are met first.
        patient = replace(limits, wall_s=limits.wall_s + 10.0)
        judge = sandbox.start(Entry("judge", payload, patient), {LINE: judge_line.fileno(), REPORT: report_out})
        program = sandbox.start(Entry("tested", source.encode(), limits), {LINE: program_line.fileno()})  # else the judge goes, unawaited
        for ours in (judge_line, program_line):
            ours.close()
        os.close(report_out)
        report_out = -1
        judged = judge.wait()
        report = _read_report(report_in)
        return report, judged, _end(program, has_let_go=report is None or report["cause"] == programs.CRASHED)
    finally:
        for ours in (judge_line, program_line):
            ours.close()
        for descriptor in (report_in, report_out):
            if descriptor >= 0:
                os.close(descriptor)


def _end(program: Running, has_let_go: bool) -> Outcome:
    """How the program ended: by itself where it has let go of the judge, else it is not needed any more."""
    if not has_let_go:
        program.kill()
        try:
            return program.wait()
        except SandboxStopped:  # the judge was done, with the tests alone, before the program's process had begun
            return Outcome(KILLED, -9, b"", b"", 0.0, 0.0, "ended before it began")
    timer = threading.Timer(GRACE_S, program.kill)
    timer.start()
    try:
        return program.wait()
    finally:
        timer.cancel()


def _read_report(descriptor: int) -> dict[str, Any] | None:
    """Raises nothing: the tests are data too, and may have written here before the judge."""
    data = b""
    os.set_blocking(descriptor, False)
    with contextlib.suppress(BlockingIOError):
        while len(data) < MAX_REPORT_BYTES and (part := os.read(descriptor, MAX_REPORT_BYTES)):
            data += part
    try:
        report = json.loads(data)
    except ValueError:
        return None
    is_report = isinstance(report, dict) and {name: type(value) for name, value in report.items()} == {
        "cause": str,
        "why": str,
        "num_passed": int,
        "num_run": int,
    }
    return report if is_report else None


def _verdict(report: dict[str, Any] | None, judged: Outcome, ended: Outcome, limits: Limits) -> TestReport:
    if LOST in (judged.status, ended.status):
        return undecided(programs.CRASHED, "the sandbox itself ended while the tests were run, twice")
    if report is None:
        if ended.status in (TIMEOUT, MEMORY, FORBIDDEN):
            return _ended(ended, limits)
        return undecided(*_no_report(judged))
    cause, why, counts = report["cause"], report["why"], (report["num_passed"], report["num_run"])
    if cause == PASSED:
        if ended.refused:
            return TestReport(CANNOT_TELL, UNSAFE, f"the tests pass, but the program tried {', '.join(ended.refused)[:200]}", *counts)
        return TestReport(RIGHT, PASSED, why, *counts)
    if cause == programs.CRASHED:
        return _ended(ended, limits, why)
    if cause == FAILED and ended.refused:
        return TestReport(WRONG, UNSAFE, f"the program tried {', '.join(ended.refused)[:200]}; {why}", *counts)
    if cause in (FAILED, programs.MEMORY):
        return TestReport(WRONG, cause, why, *counts)
    return undecided(cause, why)


def _no_report(judged: Outcome) -> tuple[str, str]:
    if judged.status in (TIMEOUT, MEMORY, OUTPUT):
        return TOO_SLOW if judged.status == TIMEOUT else programs.BAD_TESTS, f"the tests themselves passed a limit: {judged.what}"
    tail = judged.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2][:300]
    return programs.BAD_TESTS, f"the tests end the process that runs them: {judged.what}{': ' if tail else ''}{tail}"


def _ended(ended: Outcome, limits: Limits, why: str = "the program ended before the tests were over") -> TestReport:
    """The verdict on a program whose process has ended of itself, or at a limit."""
    if ended.status == FORBIDDEN or ended.refused:
        tried = ", ".join(ended.refused)[:200]
        return TestReport(WRONG, UNSAFE, f"the program tried what the sandbox forbids: {tried or ended.what}")
    if ended.status == MEMORY:
        return TestReport(WRONG, programs.MEMORY, f"the program needs more than {limits.memory_bytes >> 20} MiB of memory")
    if ended.status == TIMEOUT:
        if ended.cpu_s >= limits.cpu_s:
            return TestReport(WRONG, TOO_SLOW, f"the program needs more than {limits.cpu_s:g} s of processor time")
        return undecided(TOO_SLOW, f"the program was still waiting after {limits.wall_s:g} s")
    if ended.status == LOST:
        return undecided(programs.CRASHED, f"{ended.what}, twice")
    return TestReport(WRONG, programs.CRASHED, f"{why} (exit code {ended.exit_code})")


# ---- tests that give input and read output


def _run_cases(sandbox: Sandbox, limits: Limits, language: str, source: str, cases: list[list[str]], tolerance: float) -> TestReport:
    for number, (given, expected) in enumerate(cases):
        try:
            stdin = given.encode()
        except UnicodeEncodeError:
            return undecided(programs.BAD_TESTS, f"the input of case {number} is no text in UTF-8")
        ended = _started(partial(sandbox.run, Program(source, language, stdin, limits=limits)))
        ended = replace(ended, refused=tuple(call for call in ended.refused if call not in LANGUAGES[language].asks))
        found = _judge_case(ended, limits, expected, tolerance)
        if found is not None:
            return replace(found, why=f"case {number}: {found.why}", num_passed=number, num_run=number + 1)
    return TestReport(RIGHT, PASSED, f"{len(cases)} of {len(cases)} passed", len(cases), len(cases))


def _judge_case(ended: Outcome, limits: Limits, expected: str, tolerance: float) -> TestReport | None:
    """What is wrong with one run, None where nothing is."""
    if ended.status == OUTPUT:
        return TestReport(WRONG, FAILED, "the program prints more than its limit")
    if ended.status != EXITED:
        return _ended(ended, limits, "the program was ended")
    cause, tried = (UNSAFE, f"; the program tried {', '.join(ended.refused)[:200]}") if ended.refused else (FAILED, "")
    if ended.exit_code:
        tail = ended.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2][:200]
        return TestReport(WRONG, cause, f"the program ends with code {ended.exit_code}: {tail}{tried}")
    printed = ended.stdout.decode("utf-8", "replace")
    if not programs.is_same_output(printed, expected, tolerance):
        return TestReport(WRONG, cause, f"got {printed.strip()[:80]!r}, expected {expected.strip()[:80]!r}{tried}")
    return undecided(UNSAFE, f"the case passes{tried}") if ended.refused else None
