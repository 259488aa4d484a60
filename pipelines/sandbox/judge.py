"""The judge's side: runs tests against a program that lives in another process, and reports what came of them.

The tests and what they expect are here; the program is not. A name that the tests use and neither they nor the code before the answer
defines stands for the program's own: calling it sends plain data over a socket and gets plain data back. So equality, truth and
order are always decided by this process's types, and nothing that the program does to its own process can make a test pass.
Where an object of the program would have to decide (its own `__eq__`), the judge says that it cannot tell.

Only the standard library and files beside this one are imported here.
"""

from __future__ import annotations

import sys
import types
from typing import Any

from pipelines.sandbox.plain import ERRORS, BadFrame, Closed, Decoder, Encoder, Line, NotPlain, has_changed, shallow
from pipelines.sandbox.remote import Remote, RemoteCallable, isinstance_remote

MAX_REQUESTS = 100_000  # endless iterators and tests end here
MAX_CALLBACKS = 1_000_000
MAX_NESTED = 40
MAX_KEPT = 1_000
FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, type(str.upper), type(len), type("".__add__))


class Undecided(BaseException):
    """The tests cannot go on, and say nothing of the program. Tests that catch every Exception must not swallow it."""

    def __init__(self, cause: str, why: str) -> None:
        super().__init__(cause, why)
        self.cause, self.why = cause, why


class Judge:
    """The line to the program, and all that came over it."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.undecided: Undecided | None = None
        self.num_requests = self.num_callbacks = self.num_nested = 0
        self.has_remote = False  # an object of the program is in the hands of the tests
        self.has_drifted = False  # a container that both sides hold was changed on one of them
        self.remotes: dict[int, Remote] = {}
        self.named: set[int] = set()  # handles of what the program has under a name
        self.doubts_methods = False  # classes of the problem itself have methods, and live where the program may change them
        self.functions: list[Any] = []
        self.numbers: dict[int, int] = {}
        self.kept: list[tuple[Any, list[Any]]] = []  # containers of the tests that the program holds on to, and what they held
        self.last_objects: list[tuple[Any, list[Any]]] = []
        self.classes: dict[tuple[str, ...], type] = {}
        self.raised: list[BaseException] = []  # what the program raised, as it was rebuilt here

    def stop(self, cause: str, why: str) -> Undecided:
        """The first reason stands, whatever the tests make of the exception."""
        self.undecided = self.undecided or Undecided(cause, why)
        return self.undecided

    # ---- data

    def other_to_form(self, value: Any) -> list[Any]:
        if isinstance_remote(value):
            return object.__getattribute__(value, "_form")
        if isinstance(value, type) and (names := self.exception_names(value)):
            return ["name", names[0]]
        if type(value) in FUNCTIONS or type(value).__name__ == "partial":
            return ["f", self._number(value)]
        if hasattr(type(value), "__next__"):
            return ["fi", self._number(value.__next__)]
        raise NotPlain(f"the tests give the program a {type(value).__name__}")

    def exception_names(self, kind: type) -> tuple[str, ...]:
        return next((names for names, made in self.classes.items() if made is kind), ())

    def _number(self, function: Any) -> int:
        number = self.numbers.get(id(function))
        if number is None:
            number = self.numbers[id(function)] = len(self.functions)
            self.functions.append(function)
        return number

    def other_from_form(self, form: list[Any]) -> Any:
        if form[0] == "h" and len(form) == 4 and type(form[1]) is int and type(form[2]) is str and type(form[3]) is str:
            self.has_remote = True
            if form[1] not in self.remotes:  # one object stays one, so that `is` means what it says
                made = RemoteCallable if "c" in form[3] else Remote
                self.remotes[form[1]] = made(self, ["h", form[1]], form[2][:100], form[3][:10])
            return self.remotes[form[1]]
        if form[0] == "f" and len(form) == 2 and type(form[1]) is int and 0 <= form[1] < len(self.functions):
            return self.functions[form[1]]
        raise BadFrame("a value with an unknown tag")

    def error(self, form: Any) -> BaseException:
        """An exception of the program, rebuilt: of the builtin class that it descends from, by name."""
        if type(form) is not list or len(form) != 3 or type(form[0]) is not list or not all(type(name) is str for name in form[0]):
            raise BadFrame("an exception that is none")
        arguments = Decoder(self.other_from_form).take(form[1])
        kind = self.exception_class(tuple(name[:100] for name in form[0][:20]))
        if type(arguments) is not tuple:
            raise BadFrame("an exception's arguments are none")
        try:
            made = kind(*arguments)
        except TypeError:  # such as UnicodeDecodeError, which takes five
            made = type(kind.__name__, (RuntimeError,), {})(*arguments)
        made.__dict__["line"] = form[2] if type(form[2]) is int else 0
        self.raised.append(made)
        return made

    def exception_class(self, names: tuple[str, ...]) -> type[BaseException]:
        if not names:
            return RuntimeError
        if names[0] in ERRORS:
            return ERRORS[names[0]]
        if names not in self.classes:
            self.classes[names] = type(names[0], (self.exception_class(names[1:]),), {})
        return self.classes[names]

    # ---- requests

    def ask(self, operation: str, target: list[Any], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> Any:
        """Does something with the program; gives its plain result or raises its exception. Raises: Undecided."""
        if self.undecided is not None:
            raise self.undecided
        self.num_requests += 1
        if self.num_requests > MAX_REQUESTS:
            raise self.stop("timeout", f"the tests have asked the program for more than {MAX_REQUESTS} things")
        try:
            encoder = Encoder(self.other_to_form)
            message = ["do", operation, target, encoder.put(args), encoder.put(kwargs or {})]
            self._find_drift()
            self.line.send(message)
        except NotPlain as error:
            raise self.stop("not_plain_data", str(error)) from None
        except Closed:
            raise self.stop("crashed", "the program ended before the tests were over") from None
        return self._reply(encoder.objects)

    def _reply(self, objects: list[Any]) -> Any:
        while True:
            try:
                message = self.line.receive()
                if message[0] == "callback":
                    self._call_back(message)
                    continue
                if message[0] == "not_plain":
                    raise self.stop("not_plain_data", f"the program gives {str(message[-1])[:200]}")
                if message[0] not in ("ok", "err") or len(message) != 6:
                    raise BadFrame("a message of no known kind")
                return self._take(message, objects)
            except Closed:
                raise self.stop("crashed", "the program ended before the tests were over") from None
            except BadFrame as error:
                raise self.stop("crashed", f"the program's process spoke out of turn: {error}") from None

    def _take(self, message: list[Any], objects: list[Any]) -> Any:
        kind, said, value, changes, kept, has_drifted = message
        if type(said) is not str or type(changes) is not list or type(kept) is not list or type(has_drifted) is not bool:
            raise BadFrame("a reply that is not in its form")
        self.has_drifted = self.has_drifted or has_drifted

        def other(form: list[Any]) -> Any:
            if form[0] == "a" and len(form) == 2 and type(form[1]) is int and 0 <= form[1] < len(objects):
                return objects[form[1]]
            return self.other_from_form(form)

        decoder = Decoder(other)
        if said:
            sys.stdout.write(said)
        if kind == "err":
            result: Any = self.error(value)
        else:
            result = decoder.take(value)
        self._change(changes, objects, decoder)
        for index in kept:  # of the request before this one
            if type(index) is int and 0 <= index < len(self.last_objects) and len(self.kept) < MAX_KEPT:
                self.kept.append(self.last_objects[index])
        self.last_objects = [(container, shallow(container)) for container in objects]
        if kind == "err":
            raise result
        return result

    def _change(self, changes: list[Any], objects: list[Any], decoder: Decoder) -> None:
        """The tests' own containers become what the program has made of them."""
        for change in changes:
            if type(change) is not list or len(change) != 2 or type(change[0]) is not int or not 0 <= change[0] < len(objects):
                raise BadFrame("a change of nothing")
            container = objects[change[0]]
            if type(change[1]) is not list or not change[1] or change[1][0] != TAGS.get(type(container).__name__):
                raise BadFrame("a change of one container into another")
            try:
                decoder.fill(container, change[1])
            except (ValueError, TypeError, IndexError) as error:
                raise BadFrame(f"a change that is not in its form: {type(error).__name__}") from error

    def _find_drift(self) -> None:
        self.has_drifted = self.has_drifted or any(has_changed(container, held) for container, held in self.kept)

    def _call_back(self, message: list[Any]) -> None:
        """The program calls a function of the tests."""
        self.num_callbacks += 1
        if len(message) != 4 or type(message[1]) is not int or not 0 <= message[1] < len(self.functions):
            raise BadFrame("a call of a function that is not there")
        if self.num_callbacks > MAX_CALLBACKS or self.num_nested > MAX_NESTED:
            raise self.stop("timeout", f"the program calls functions of the tests more than {MAX_CALLBACKS} times, or {MAX_NESTED} deep")
        decoder = Decoder(self.other_from_form)
        args, kwargs = decoder.take(message[2]), decoder.take(message[3])
        if type(args) is not tuple or type(kwargs) is not dict or not all(type(name) is str for name in kwargs):
            raise BadFrame("a call without arguments")
        self.num_nested += 1
        try:
            answer = ["ok", Encoder(self.other_to_form).put(self.functions[message[1]](*args, **kwargs))]
        except NotPlain as error:
            raise self.stop("not_plain_data", f"a function of the tests gives what is no plain data: {error}") from None
        except Exception as error:  # whatever a function of the tests raises is the program's to catch
            answer = ["err", self._error_to_form(error)]
        finally:
            self.num_nested -= 1
        try:
            self.line.send(answer)
        except NotPlain as error:
            raise self.stop("not_plain_data", str(error)) from None

    def _error_to_form(self, error: Exception) -> list[Any]:
        names = [kind.__name__ for kind in type(error).__mro__ if issubclass(kind, BaseException)]
        try:
            arguments = Encoder(self.other_to_form).put(tuple(error.args))
        except NotPlain:
            arguments = ["t", str(error)[:1_000]]
        return ["t", ["l", *names], arguments, 0]


TAGS = {
    "list": "l",
    "dict": "d",
    "set": "s",
    "deque": "dq",
    "OrderedDict": "od",
    "Counter": "ct",
    "defaultdict": "dd",
    "bytearray": "ba",
}
