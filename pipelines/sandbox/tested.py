"""The program's side: loads a program behind the wall, and does with it what the judge asks.

The program shares this process and may take all of it over. Nothing here is trusted: what comes out of it is data, and the judge
alone compares data with what the tests expect, which never enters this process.

Only the standard library and plain.py are imported here.
"""

from __future__ import annotations

import io
import linecache
import sys
import types
from collections.abc import Callable
from typing import Any

from pipelines.sandbox.plain import ERRORS, BadFrame, Closed, Decoder, Encoder, Line, NotPlain, has_changed, shallow

MODULE = "solution"
MAX_OUTPUT_CHARS = 1 << 16
MAX_KEPT = 1_000
PARTS_OF_OBJECT = ("__eq__", "__bool__", "__len__")


class Tested:
    """A loaded program, the handles that the judge has of its objects, and the judge's functions that it was given."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.module = types.ModuleType(MODULE)
        self.handles: list[Any] = []
        self.numbers: dict[int, int] = {}
        self.kept: list[tuple[Any, list[Any]]] = []  # the judge's containers that the program holds on to, and what they held
        self.has_drifted = False
        self.last_kept: list[int] = []  # which containers of the call before it held on to

    # ---- what goes to the judge

    def encoder(self, known: dict[int, list[Any]] | None = None) -> Encoder:
        return Encoder(self._handle, known)

    def _handle(self, value: Any) -> list[Any]:
        if isinstance(value, JudgesFunction):
            return ["f", value.number]
        number = self.numbers.get(id(value))
        if number is None:
            number = self.numbers[id(value)] = len(self.handles)
            self.handles.append(value)  # kept for good, so that its id stays its own
        kind = type(value)
        own = [name for name in PARTS_OF_OBJECT if getattr(kind, name, None) is not getattr(object, name, None)]
        return ["h", number, kind.__name__[:100], "".join(name[2] for name in own) + "c" * callable(value)]

    def error(self, raised: BaseException) -> list[Any]:
        names = [kind.__name__ for kind in type(raised).__mro__ if issubclass(kind, BaseException)]
        try:
            # the rest of a syntax error's arguments is where it stands, which `line` says
            args = raised.args[:1] if isinstance(raised, SyntaxError) else tuple(raised.args)
            arguments = self.encoder().put(args)
            if len(repr(arguments)) > 10_000:
                raise NotPlain("long arguments")
        except NotPlain:
            arguments = ["t", str(raised)[:1_000]]
        line = next((number for number in reversed(_lines(raised)) if number), 0)
        return [names[:20], arguments, line]

    # ---- what comes from the judge

    def other(self, form: list[Any]) -> Any:
        if form[0] == "h":
            return self.handles[form[1]]
        if form[0] == "f":
            return JudgesFunction(self, form[1])
        if form[0] == "fi":
            return JudgesIterator(JudgesFunction(self, form[1]))
        if form[0] == "name":
            return getattr(self.module, form[1])
        raise BadFrame("a tag of no meaning")

    def call_judge(self, number: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        encoder = self.encoder()
        self.line.send(["callback", number, encoder.put(args), encoder.put(kwargs)])
        while True:
            message = self.line.receive()
            if message[0] == "do":  # the judge's function asks for something in turn
                self.do(message)
                continue
            given = Decoder(self.other).take(message[1])
            if message[0] == "ok":
                return given
            raise rebuilt(*given)

    # ---- what is done

    def do(self, message: list[Any]) -> None:
        """Does one thing with the program and tells the judge what came out, and how the judge's own containers have changed by it."""
        decoder = Decoder(self.other)
        target, args, kwargs = (decoder.take(form) for form in message[2:5])
        objects = decoder.objects
        before = [shallow(container) for container in objects]
        printed, sys.stdout = sys.stdout, Printed()
        result: Any = None
        raised: BaseException | None = None
        try:
            result = DOES[message[1]](target, *args, **kwargs)
        except (Closed, BadFrame):
            raise
        except BaseException as error:
            raised = error
        finally:
            said, sys.stdout = sys.stdout, printed
        try:
            reply = self._reply(result, raised, _text_of(said), objects, before)
        except BaseException as error:  # a method of the program's own, met on the way
            reply = ["err", _text_of(said), self.error(error), [], [], self.has_drifted]
        self.last_kept = []
        try:
            self.line.send(reply)
        except NotPlain as error:
            self.line.send(["not_plain", str(error)])
        del decoder, target, args, kwargs, before, result, raised
        self._find_kept(objects)

    def _reply(self, result: Any, raised: BaseException | None, said: str, objects: list[Any], before: list[list[Any]]) -> list[Any]:
        encoder = self.encoder({id(container): ["a", index] for index, container in enumerate(objects)})
        try:
            value = self.error(raised) if raised is not None else encoder.put(result)
            changed = [
                [index, encoder.content(container, type(container))]
                for index, (container, held) in enumerate(zip(objects, before, strict=True))
                if has_changed(container, held)
            ]
        except NotPlain as error:
            return ["not_plain", str(error)]
        self.has_drifted = self.has_drifted or any(has_changed(container, held) for container, held in self.kept)
        return ["ok" if raised is None else "err", said, value, changed, self.last_kept, self.has_drifted]

    def _find_kept(self, objects: list[Any]) -> None:
        """Notes which of the judge's containers something still refers to after the call: the program holds on to them.

        Those that lie in others count as held, which only makes the judge watch them.
        """
        for index in range(len(objects)):
            if len(self.kept) < MAX_KEPT and sys.getrefcount(objects[index]) > 2:  # the list, and the argument of getrefcount
                self.last_kept.append(index)
                self.kept.append((objects[index], shallow(objects[index])))

    # ---- the beginning

    def load(self, source: str) -> list[Any]:
        """Runs the program. Gives what to tell the judge of it."""
        sys.modules[MODULE] = self.module
        linecache.cache[f"<{MODULE}>"] = (len(source), None, source.splitlines(True), f"<{MODULE}>")
        printed, sys.stdout = sys.stdout, Printed()
        try:
            exec(compile(source, f"<{MODULE}>", "exec", dont_inherit=True), self.module.__dict__)
        except (SyntaxError, ValueError) as error:
            if isinstance(error, SyntaxError) and error.filename == f"<{MODULE}>" and not _lines(error)[1:]:
                return ["broken", "does not compile", self.error(error)]
            return ["broken", "raises as it is loaded", self.error(error)]
        except BaseException as error:
            return ["broken", "raises as it is loaded", self.error(error)]
        finally:
            sys.stdout = printed
        return ["loaded"]

    def kind(self, name: str) -> list[Any]:
        """What the program has under a name: nothing, an exception's class, a value, or an object that the judge gets a handle of."""
        if name not in self.module.__dict__:
            return ["none"]
        value = self.module.__dict__[name]
        if isinstance(value, type) and issubclass(value, BaseException):
            return ["exception", [kind.__name__ for kind in value.__mro__ if issubclass(kind, BaseException)], self._handle(value)]
        try:
            return ["value", self.encoder().put(value)]
        except NotPlain:
            return ["value", self._handle(value)]

    def serve(self) -> None:
        while True:
            message = self.line.receive()
            if message[0] == "names":
                self.line.send(["kinds", *[self.kind(name) for name in message[1:]]])
            else:
                self.do(message)


class JudgesFunction:
    """A function of the tests, called from the program."""

    def __init__(self, tested: Tested, number: int) -> None:
        self._tested, self.number = tested, number

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._tested.call_judge(self.number, args, kwargs)


class JudgesIterator:
    """An iterator of the tests, advanced from the program."""

    def __init__(self, advance: JudgesFunction) -> None:
        self._advance = advance

    def __iter__(self) -> JudgesIterator:
        return self

    def __next__(self) -> Any:
        return self._advance()


class Printed(io.StringIO):
    """What the program prints in one call, up to a bound."""

    def write(self, text: str) -> int:
        return super().write(text) if self.tell() < MAX_OUTPUT_CHARS else len(text)


def _text_of(said: Any) -> str:
    return said.getvalue()[:MAX_OUTPUT_CHARS] if type(said) is Printed else ""


def _lines(raised: BaseException) -> list[int]:
    """The lines of the program's own text in a traceback, from the outside inwards."""
    if isinstance(raised, SyntaxError) and raised.filename == f"<{MODULE}>":
        return [raised.lineno or 0]
    found: list[int] = []
    trace = raised.__traceback__
    while trace is not None and len(found) < 2_000:
        if trace.tb_frame.f_code.co_filename == f"<{MODULE}>":
            found.append(trace.tb_lineno)
        trace = trace.tb_next
    return found


def rebuilt(names: list[str], arguments: tuple[Any, ...], _line: int) -> BaseException:
    """An exception of the judge's, raised again in the program."""
    for name in names:
        if name in ERRORS:
            return ERRORS[name](*arguments)
    return RuntimeError(*arguments)


DOES: dict[str, Callable[..., Any]] = {
    "call": lambda target, *args, **kwargs: target(*args, **kwargs),
    "method": lambda target, name, *args, **kwargs: getattr(target, name)(*args, **kwargs),
    "attribute": lambda target, name: getattr(target, name),
    "set_attribute": lambda target, name, value: setattr(target, name, value),
    "item": lambda target, key: target[key],
    "set_item": lambda target, key, value: target.__setitem__(key, value),
    "delete_item": lambda target, key: target.__delitem__(key),
    "length": lambda target: len(target),
    "iterate": lambda target: iter(target),
    "next": lambda target: next(target),
    "text": lambda target: str(target),
    "form": lambda target: repr(target),
    "enter": lambda target: target.__enter__(),
    "leave": lambda target: target.__exit__(None, None, None),
    "is_instance": lambda target, value: isinstance(value, target),
}


def test(line_descriptor: int, source: str) -> None:
    """Serves the judge until it hangs up. Raises nothing: the process ends."""
    line = Line(line_descriptor)
    tested = Tested(line)
    sys.setrecursionlimit(sys.getrecursionlimit() + 50)  # the frames of this file below the program's
    try:
        line.send(tested.load(source))
        tested.serve()
    except (Closed, BadFrame):
        return
