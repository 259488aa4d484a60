"""Runs the tests of a problem in the judge's process: prepares them, counts their assertions, and says what the outcome means.

Three kinds of tests: a function `check(candidate)`; a script of assertions, with or without functions `test_*`; cases of
`unittest.TestCase`. A test passes only where something was asked of the program and something was asserted of it.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import io
import random
import reprlib
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

from pipelines.sandbox.counted import Counted, helpers_of, imports_of
from pipelines.sandbox.judge import Judge, Undecided
from pipelines.sandbox.plain import BadFrame, Closed, Decoder
from pipelines.sandbox.remote import RemoteCallable, isinstance_remote
from pipelines.sandbox.shims import pytest_module, run_cases

TESTS = "<tests>"
BREAKS = (NameError, ImportError, SyntaxError)  # of tests themselves, whatever the program does
REPR = reprlib.Repr()
REPR.maxlist = REPR.maxtuple = REPR.maxdict = REPR.maxset = REPR.maxdeque = 12
REPR.maxstring = REPR.maxother = REPR.maxlong = 120


UNSET = object()


class BadTests(Exception):
    """The tests cannot be run, whatever the program is."""


class WrongProgram(Exception):
    """The program is not even there to be tested: why, and the cause."""


class Trial:
    """One run of tests against one program."""

    def __init__(self, judge: Judge, told: dict[str, Any]) -> None:
        self.judge = judge
        self.form, self.entry_point = told["form"], told["entry_point"]
        self.tests, self.setup = told["tests"], told["setup"]
        self.num_run = self.num_passed = 0
        self.line, self.sides = 0, [UNSET, UNSET]
        self.wanted: list[str] = []
        self.found: set[str] = set()
        module = sys.modules["tests"] = types.ModuleType("tests")
        self.namespace: dict[str, Any] = module.__dict__
        self.namespace["__builtins__"] = _builtins(judge)

    # ---- before

    def prepare(self) -> types.CodeType:
        """The tests' code, and a namespace in which what they lack is the program's. Raises: BadTests; WrongProgram; Undecided."""
        try:
            tree = ast.parse(self.tests, TESTS)
            helpers, self.judge.doubts_methods = helpers_of(self.setup, self.entry_point)
            tree = ast.fix_missing_locations(Counted().visit(tree))
            code = compile(tree, TESTS, "exec", dont_inherit=True)
            before = compile(helpers, "<setup>", "exec", flags=_ANNOTATIONS, dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise BadTests(f"the tests do not compile: {_said(error)}") from error
        try:
            self._hear()
        except WrongProgram:
            self._run_setup(compile(imports_of(helpers), "<setup>", "exec", dont_inherit=True))  # the problem may lack a module itself
            raise
        self._name(tree, helpers)
        self._shim(tree)
        self._run_setup(before)
        if self.entry_point:
            self._check_entry_point()
        return code

    def _run_setup(self, code: types.CodeType) -> None:
        try:
            exec(code, self.namespace)
        except Exception as error:  # whatever the problem's own code raises says that it cannot be used
            raise BadTests(f"the code before the answer breaks on its own: {_said(error)}") from error

    def _hear(self) -> None:
        """What the program's side has to say of the program."""
        try:
            message = self.judge.line.receive()
            if message[0] == "loaded":
                return
            if message[0] != "broken" or len(message) != 3 or type(message[1]) is not str:
                raise BadFrame("no word of the program")
            broken = self.judge.error(message[2])
        except Closed:
            raise self.judge.stop("crashed", "the program ended as it was loaded") from None
        except BadFrame as error:
            raise self.judge.stop("crashed", f"the program's process spoke out of turn: {error}") from None
        raise WrongProgram(f"the program {message[1][:60]}: {_said(broken)}", _cause(broken))

    def _name(self, tree: ast.Module, helpers: ast.Module) -> None:
        """Gives each name that only the program can have its object there."""
        used = {node.id for source in (tree, helpers) for node in ast.walk(source) if isinstance(node, ast.Name)}
        root = self.entry_point.partition(".")[0].partition("(")[0]
        self.wanted = sorted(name for name in (used - set(vars(builtins))) | {root} if name and not name.startswith("__"))
        for name, value in zip(self.wanted, self._kinds(self.wanted), strict=True):
            if value is not UNSET:
                self.namespace[name] = value
                self.found.add(name)
        self.judge.has_remote = False  # its functions and classes are no results
        self.judge.named = set(self.judge.remotes)

    def _kinds(self, names: list[str]) -> list[Any]:
        try:
            self.judge.line.send(["names", *names])
            message = self.judge.line.receive()
            if message[0] != "kinds" or len(message) != len(names) + 1:
                raise BadFrame("no word of the names")
            return [self._kind(form) for form in message[1:]]
        except Closed:
            raise self.judge.stop("crashed", "the program ended before the tests began") from None
        except BadFrame as error:
            raise self.judge.stop("crashed", f"the program's process spoke out of turn: {error}") from None

    def _kind(self, form: Any) -> Any:
        if form == ["none"]:
            return UNSET
        if type(form) is list and len(form) == 3 and form[0] == "exception" and type(form[1]) is list:
            if not all(type(name) is str for name in form[1]):
                raise BadFrame("an exception that is none")
            return self.judge.exception_class(tuple(name[:100] for name in form[1][:20]))
        if type(form) is list and len(form) == 2 and form[0] == "value":
            return Decoder(self.judge.other_from_form).take(form[1])
        raise BadFrame("a name of no known kind")

    def _check_entry_point(self) -> None:
        """An entry point may also be a method, `Solution().solve`."""
        root, *path = self.entry_point.replace("()", "").split(".")
        if root not in self.found:
            raise WrongProgram(f"the program does not define {root}", "failed")
        if not path and type(self.namespace[root]) is not RemoteCallable and type(self.namespace[root]) is not type:
            raise WrongProgram(f"what the program defines as {root} cannot be called", "failed")

    def _shim(self, tree: ast.Module) -> None:
        self.namespace.update(__begin__=self.begin, __passed__=self.passed, __left__=self.left, __right__=self.right)
        self.namespace["__kind_of__"] = self.kind_of
        imported = {alias.name.partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        imported |= {(node.module or "").partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        if "pytest" in imported:
            sys.modules["pytest"] = pytest_module(self.passed, self.begin)
        self.has_cases = "unittest" in imported

    # ---- what the tests call, put there by Counted

    def begin(self, line: int) -> None:
        self.line, self.sides = line, [UNSET, UNSET]
        self.num_run += 1

    def passed(self) -> None:
        self.num_passed += 1

    def left(self, value: Any) -> Any:
        self.sides[0] = value
        return value

    def right(self, value: Any) -> Any:
        self.sides[1] = value
        return value

    def kind_of(self, value: Any) -> type:
        if isinstance_remote(value):
            raise self.judge.stop("not_plain_data", "the tests ask of what type an object of the program is")
        return type(value)

    # ---- the run

    def run(self, code: types.CodeType) -> dict[str, Any]:
        random.seed(0)
        try:
            exec(code, self.namespace)
            self._run_functions(code)
        except BaseException as error:
            return self._failed(error)
        if self.judge.undecided is not None:
            return _report(self.judge.undecided.cause, self.judge.undecided.why)
        if not self.num_run:
            return _report("bad_tests", "the tests assert nothing")
        if not self.judge.num_requests:
            return _report("bad_tests", "the tests ask nothing of the program")
        return _report("passed", f"{self.num_passed} of {self.num_run} passed", self.num_passed, self.num_run)

    def _run_functions(self, code: types.CodeType) -> None:
        """Calls what the script only defines."""
        called = {
            node.value.func.id
            for node in ast.parse(self.tests).body
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Name)
        }
        check = self.namespace.get("check")
        if self.form == "check" or (self.entry_point and type(check) is types.FunctionType and not called and not self._tests()):
            if type(check) is not types.FunctionType:
                raise BadTestsFound("the tests define no function check")
            check(eval(compile(self.entry_point, "<entry point>", "eval"), self.namespace))
        for name, test in self._tests():
            if name not in called:
                for args in getattr(test, "__parameters__", [{}]):
                    self.line = 0
                    test(**args)
        if self.has_cases:
            run_cases(self.namespace, self.begin, self.passed)

    def _tests(self) -> list[tuple[str, Callable[..., Any]]]:
        found: list[tuple[str, Callable[..., Any]]] = []
        for name, value in list(self.namespace.items()):
            if isinstance_remote(value):
                continue
            if type(value) is types.FunctionType and name.startswith("test"):
                found.append((name, value))
            elif isinstance(value, type) and name.startswith("Test") and value.__module__ == "tests" and not hasattr(value, "assertEqual"):
                case = value()
                before = getattr(case, "setup_method", None)
                for method in sorted(vars(value)):
                    if method.startswith("test") and callable(getattr(value, method)):
                        found.append((f"{name}.{method}", _after(before, getattr(case, method))))
        return found

    def _failed(self, error: BaseException) -> dict[str, Any]:
        judge = self.judge
        if judge.undecided is not None:
            return _report(judge.undecided.cause, judge.undecided.why)
        if isinstance(error, BadTestsFound):
            return _report("bad_tests", str(error))
        from_program = any(error is raised for raised in judge.raised)
        judge._find_drift()
        if judge.has_drifted:
            return _report("needs_same_process", "the tests and the program change the same object at different times")
        where = self._where(error)
        if from_program:
            return _report(_cause(error), f"{where}: the program raises {_said(error)}", self.num_passed, self.num_run)
        if isinstance(error, AssertionError):
            return _report("failed", f"{where}{self._sides(error)}", self.num_passed, self.num_run)
        if isinstance(error, NameError) and not self.entry_point and error.name in self.wanted and not self.found:
            return _report("failed", f"the program does not define {error.name}", 0, 0)
        if isinstance(error, BREAKS) or not judge.num_requests:
            return _report("bad_tests", f"{where}: the tests raise {_said(error)}")
        if isinstance(error, RecursionError | MemoryError | SystemExit | KeyboardInterrupt):
            return _report("bad_tests", f"{where}: the tests end in {_said(error)}")
        if judge.has_remote:
            return _report("not_plain_data", f"{where}: the tests raise {_said(error)} over an object of the program")
        return _report("failed", f"{where}: the program's result makes the tests raise {_said(error)}", self.num_passed, self.num_run)

    def _where(self, error: BaseException) -> str:
        line, trace = self.line, error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == TESTS:
                line = trace.tb_lineno
            trace = trace.tb_next
        lines = self.tests.splitlines()
        return f"line {line}: {lines[line - 1].strip()[:160]}" if 0 < line <= len(lines) else "the tests"

    def _sides(self, error: BaseException) -> str:
        said = str(error)[:160] if error.args else ""
        if any(side is UNSET for side in self.sides):
            return f": {said}" if said else ""
        try:
            return ": {} against {}".format(*map(_shown, self.sides))
        except (Exception, Undecided):  # integers of very many digits, an object of the program within
            return f": {said}" if said else ""


def _shown(side: Any) -> str:
    return f"an object of type {object.__getattribute__(side, '_kind')}" if isinstance_remote(side) else REPR.repr(side)


class BadTestsFound(BaseException):
    """The tests turn out to be no tests."""


_ANNOTATIONS = __import__("__future__").annotations.compiler_flag


def _builtins(judge: Judge) -> dict[str, Any]:
    """Builtins of the tests: none runs text that the program may have given, and none reads or ends this process."""

    def refused(name: str) -> Callable[..., Any]:
        def refuse(*_: Any, **__: Any) -> Any:
            raise judge.stop("needs_same_process", f"the tests call {name}")

        return refuse

    return {**vars(builtins), **{name: refused(name) for name in ("eval", "exec", "compile", "input", "breakpoint")}}


def _after(before: Any, test: Callable[..., Any]) -> Callable[..., Any]:
    def run() -> None:
        if before is not None:
            before()
        test()

    return run


def _cause(raised: BaseException) -> str:
    """What an exception of the program makes of it. A module that is not installed here may well be elsewhere."""
    if isinstance(raised, MemoryError):
        return "memory"
    return "missing_module" if isinstance(raised, ModuleNotFoundError) else "failed"


def _said(error: BaseException) -> str:
    try:
        text = str(error)
    except (Exception, Undecided):  # of a class of the tests, or with an object of the program in it
        text = "that cannot be shown"
    line = error.__dict__.get("line") or 0
    return f"{type(error).__name__}{': ' if text else ''}{text[:200]}" + (f" (its line {line})" if line else "")


def _report(cause: str, why: str, num_passed: int = -1, num_run: int = -1) -> dict[str, Any]:
    return {"cause": cause, "why": why[:1_000], "num_passed": num_passed, "num_run": num_run}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    printed, sys.stdout = sys.stdout, io.StringIO()
    try:
        yield
    finally:
        sys.stdout = printed


def try_program(judge: Judge, told: dict[str, Any]) -> dict[str, Any]:
    """The report of one trial: a cause, why, and how many tests passed of how many that were run."""
    trial = Trial(judge, told)
    with _quiet():
        try:
            code = trial.prepare()
        except BadTests as error:
            return _report("bad_tests", str(error))
        except WrongProgram as error:
            return _report(error.args[1], error.args[0], 0, 0)
        except Undecided as error:
            return _report(error.cause, error.why)
        return trial.run(code)
