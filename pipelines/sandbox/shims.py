"""What the judge gives to tests that are written for pytest and unittest."""

from __future__ import annotations

import re
import types
from collections.abc import Callable
from typing import Any


def pytest_module(passed: Callable[[], None], begin: Callable[[int], None]) -> types.ModuleType:
    """The part of pytest that tests of small programs use: raises, approx, mark.parametrize."""
    module: Any = types.ModuleType("pytest")

    class Raises:
        def __init__(self, kinds: Any, match: str | None = None) -> None:
            self.kinds, self.match, self.value = kinds, match, None
            begin(0)

        def __enter__(self) -> Any:
            return self

        def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
            if error is None:
                raise AssertionError(f"nothing was raised, expected {self.kinds}")
            if not isinstance(error, self.kinds):
                return False
            if self.match is not None and not re.search(self.match, str(error)):
                raise AssertionError(f"{str(error)[:100]!r} does not match {self.match!r}")
            self.value = error
            passed()
            return True

    def raises(kinds: Any, *args: Any, match: str | None = None, **kwargs: Any) -> Any:
        context = Raises(kinds, match)
        if not args:
            return context
        with context:
            args[0](*args[1:], **kwargs)
        return context

    class Mark:
        @staticmethod
        def parametrize(names: Any, values: Any, **_: Any) -> Callable[[Any], Any]:
            split = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
            rows = [dict(zip(split, value if len(split) > 1 else (value,), strict=True)) for value in values]

            def mark(test: Any) -> Any:
                old = getattr(test, "__parameters__", [{}])
                test.__parameters__ = [{**one, **row} for row in rows for one in old]
                return test

            return mark

    module.raises, module.approx, module.mark = raises, Approx, Mark()
    return module


class Approx:
    """A number, or numbers in a list, tuple or dict, within a tolerance: relative 1e-6 or absolute 1e-12, the larger, where none is given."""

    def __init__(self, expected: Any, rel: float | None = None, abs: float | None = None) -> None:
        self.expected, self.rel, self.abs = expected, rel, abs

    def __repr__(self) -> str:
        return f"about {self.expected!r}"

    def __eq__(self, actual: object) -> bool:
        return self._near(self.expected, actual)

    __hash__ = None  # type: ignore[assignment]

    def _near(self, expected: Any, actual: Any) -> bool:
        if isinstance(expected, list | tuple):
            return isinstance(actual, list | tuple) and len(actual) == len(expected) and all(map(self._near, expected, actual))
        if isinstance(expected, dict):
            return (
                isinstance(actual, dict)
                and actual.keys() == expected.keys()
                and all(self._near(expected[key], actual[key]) for key in expected)
            )
        if not isinstance(actual, int | float | complex) or not isinstance(expected, int | float | complex):
            return bool(expected == actual)
        if expected == actual:
            return True
        relative = 1e-6 if self.rel is None and self.abs is None else self.rel or 0.0
        return abs(expected - actual) <= max(relative * abs(expected), 1e-12 if self.abs is None else self.abs)


def run_cases(namespace: dict[str, Any], begin: Callable[[int], None], passed: Callable[[], None]) -> None:
    """Runs the cases of unittest in a namespace; raises what the first that fails raised. A skipped test does not count."""
    import unittest

    class Result(unittest.TestResult):
        first: BaseException | None = None

        def addSuccess(self, test: Any) -> None:
            super().addSuccess(test)
            begin(0)
            passed()

        def _note(self, error: Any) -> None:
            begin(0)
            self.first = self.first or error[1]
            self.stop()

        def addFailure(self, test: Any, err: Any) -> None:
            self._note(err)

        def addError(self, test: Any, err: Any) -> None:
            self._note(err)

        def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
            if err is not None:
                self._note(err)

    result = Result()
    for value in list(namespace.values()):
        if issubclass(type(value), type) and issubclass(value, unittest.TestCase) and value.__module__ == namespace["__name__"]:
            unittest.defaultTestLoader.loadTestsFromTestCase(value).run(result)
            if result.first is not None:
                raise result.first
