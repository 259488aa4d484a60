"""Plain data between the judge and the program under test, over a socket that neither trusts.

A frame is a length and JSON. None, bool, text, finite floats and small integers stand for themselves; everything else is a list that
opens with its tag. Both sides number the mutable containers of a frame in the order in which they are met, so that one met twice,
or within itself, stays one. Types are exact: a class of the program's own is never rebuilt on the other side.

Only the standard library is imported here, and nothing of this package: both ends run this file's text behind the wall.
"""

from __future__ import annotations

import json
import math
import struct
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import Any

MAX_FRAME_BYTES = 8 << 20
MAX_DEPTH = 100
MAX_ITEMS = 1_000_000  # of all containers in a frame together
MAX_DIGITS = 100_000  # of an integer, in hexadecimal
SMALL = 1 << 62
LENGTH = struct.Struct("<I")
MUTABLE = (list, dict, set, deque, OrderedDict, Counter, defaultdict, bytearray)
CONTAINERS = frozenset((*MUTABLE, tuple, frozenset))
TYPES: dict[str, Any] = {
    found.__name__: found
    for found in (bool, int, float, complex, str, bytes, bytearray, list, tuple, dict, set, frozenset, range, object, type(None))
}
ERRORS = {
    name: found
    for name, found in vars(__import__("builtins")).items()
    if isinstance(found, type) and issubclass(found, BaseException) and found.__name__ == name
}
Other = Callable[[Any], "list[Any]"]


class NotPlain(Exception):
    """A value that is no plain data, or too large or deep to send."""


class BadFrame(Exception):
    """The other side sent what is no frame, or closed the socket within one."""


class Closed(Exception):
    """The other side is gone."""


class Encoder:
    """Encodes the values of one frame. `other` gives the form of what is no plain data, or raises NotPlain.

    `known` maps the id of containers that the other side has to their form there.
    """

    def __init__(self, other: Other, known: dict[int, list[Any]] | None = None) -> None:
        self.other, self.known = other, known or {}
        self.num_items = 0
        self.met: dict[int, int] = {}
        self.objects: list[Any] = []  # the mutable containers, by number

    def put(self, value: Any, depth: int = 0) -> Any:
        kind = type(value)
        if value is None or kind is str or kind is bool:
            return value
        if kind is int:
            return value if -SMALL < value < SMALL else ["i", _hexadecimal(value)]
        if kind is float:
            return value if math.isfinite(value) else ["n", repr(value)]
        if depth > MAX_DEPTH:
            raise NotPlain(f"data nested more than {MAX_DEPTH} deep")
        if kind in CONTAINERS:
            self.num_items += len(value)
            if self.num_items > MAX_ITEMS:
                raise NotPlain(f"data of more than {MAX_ITEMS:,} items")
        if kind is tuple:
            return ["t", *[self.put(item, depth + 1) for item in value]]
        if kind in MUTABLE:
            return self._mutable(value, kind, depth)
        if kind is bytes:
            return ["b", value.hex()]
        if kind is frozenset:
            return ["fs", *[self.put(item, depth + 1) for item in value]]
        if kind is complex:
            return ["c", self.put(value.real), self.put(value.imag)]
        if kind is range:
            return ["g", self.put(value.start), self.put(value.stop), self.put(value.step)]
        if kind is type and (name := type_name(value)):
            return ["ty", name]
        return self._rarer(value, kind, depth)

    def _mutable(self, value: Any, kind: type, depth: int) -> Any:
        if id(value) in self.known:
            return self.known[id(value)]
        if id(value) in self.met:
            return ["r", self.met[id(value)]]
        self.met[id(value)] = len(self.objects)
        self.objects.append(value)
        return self.content(value, kind, depth)

    def content(self, value: Any, kind: type, depth: int = 0) -> list[Any]:
        """A container in full, also where the other side has it."""
        if kind is list:
            return ["l", *[self.put(item, depth + 1) for item in value]]
        if kind is dict or kind is OrderedDict or kind is Counter:
            flat = [self.put(part, depth + 1) for pair in value.items() for part in pair]
            return [{dict: "d", OrderedDict: "od", Counter: "ct"}[kind], *flat]
        if kind is defaultdict:
            named = type_name(value.default_factory)
            if value.default_factory is not None and not named:
                raise NotPlain("a defaultdict with a function of its own")
            return ["dd", named or None, *[self.put(part, depth + 1) for pair in value.items() for part in pair]]
        if kind is set:
            return ["s", *[self.put(item, depth + 1) for item in value]]
        if kind is deque:
            return ["dq", value.maxlen, *[self.put(item, depth + 1) for item in value]]
        return ["ba", bytes(value).hex()]

    def _rarer(self, value: Any, kind: type, depth: int) -> Any:
        module, name = kind.__module__, kind.__name__
        if module == "decimal" and name == "Decimal":
            return ["dc", str(value)]
        if module == "fractions" and name == "Fraction":
            return ["fr", self.put(value.numerator), self.put(value.denominator)]
        if module == "datetime" and name in ("date", "time", "datetime") and getattr(value, "tzinfo", None) is None:
            return ["iso", name, value.isoformat()]
        if module == "datetime" and name == "timedelta":
            return ["td", value.days, value.seconds, value.microseconds]
        if value is Ellipsis or value is NotImplemented:
            return ["e", repr(value)]
        base = _plain_base(kind)
        if base is not None:
            return self.put(base(value), depth)
        if module == "numpy" and hasattr(value, "item") and getattr(value, "shape", None) == ():
            return self.put(value.item(), depth + 1)
        return self.other(value)


def type_name(value: Any) -> str:
    """The name of a builtin type of plain data, "" of anything else."""
    return next((name for name, found in TYPES.items() if found is value), "")


def _hexadecimal(value: int) -> str:
    if value.bit_length() > 4 * MAX_DIGITS:
        raise NotPlain(f"an integer of more than {4 * MAX_DIGITS} bits")
    return hex(value)


def _plain_base(kind: type) -> Callable[[Any], Any] | None:
    """How a class that only adds to a plain one (a named tuple, an integer enumeration) gives the plain value; None where it changes equality."""
    for base, taken in (
        (str, lambda value: str.__str__(value)),
        (int, lambda value: int.__add__(value, 0)),
        (float, lambda value: float.__add__(value, 0.0)),
        (tuple, lambda value: tuple(tuple.__iter__(value))),
        (list, lambda value: list(list.__iter__(value))),
        (dict, lambda value: dict(dict.items(value))),
        (set, lambda value: set(set.__iter__(value))),
        (frozenset, lambda value: frozenset(frozenset.__iter__(value))),
    ):
        if issubclass(kind, base):
            return taken if kind.__eq__ is base.__eq__ else None
    return None


class Decoder:
    """Decodes the values of one frame, strictly. `other` gives what stands for a tag that is no plain data, or raises BadFrame."""

    def __init__(self, other: Callable[[list[Any]], Any]) -> None:
        self.other = other
        self.objects: list[Any] = []

    def take(self, form: Any, depth: int = 0) -> Any:
        kind = type(form)
        if form is None or kind is str or kind is bool or kind is int or kind is float:
            return form
        if kind is not list or not form or type(form[0]) is not str or depth > MAX_DEPTH + 1:
            raise BadFrame("a value has no known form")
        tag = form[0]
        if tag == "t":
            return tuple([self.take(item, depth + 1) for item in form[1:]])
        if tag in ("l", "d", "s", "dq", "od", "ct", "dd", "ba"):
            return self._mutable(tag, form, depth)
        if tag == "r":
            return self.objects[_index(form, len(self.objects))]
        try:
            return self._rarer(tag, form, depth)
        except (ValueError, TypeError, ArithmeticError, IndexError, KeyError) as error:
            raise BadFrame(f"a value with tag {tag[:10]!r} is not in its form: {type(error).__name__}") from error

    def _mutable(self, tag: str, form: list[Any], depth: int) -> Any:
        makes: dict[str, Callable[[], Any]] = {"l": list, "d": dict, "s": set, "od": OrderedDict, "ct": Counter, "ba": bytearray}
        try:
            if tag == "dq":
                made: Any = deque(maxlen=None if form[1] is None else _natural(form[1]))
            elif tag == "dd":
                made = defaultdict(None if form[1] is None else TYPES[form[1]])
            else:
                made = makes[tag]()
            self.objects.append(made)
            self.fill(made, form, depth)
        except (ValueError, TypeError, IndexError, KeyError) as error:
            raise BadFrame(f"a container with tag {tag!r} is not in its form: {type(error).__name__}") from error
        return made

    def fill(self, made: Any, form: list[Any], depth: int = 0) -> None:
        """Makes a container hold what the form says, and nothing else. Raises: TypeError where an element cannot be hashed."""
        start = 2 if form[0] in ("dq", "dd") else 1
        if form[0] == "ba":
            made[:] = bytes.fromhex(form[1])
            return
        if isinstance(made, dict):
            parts = [self.take(part, depth + 1) for part in form[start:]]
            if len(parts) % 2:
                raise ValueError("a key without a value")
            made.clear()
            for at in range(0, len(parts), 2):
                made[parts[at]] = parts[at + 1]
            return
        items = [self.take(item, depth + 1) for item in form[start:]]
        if isinstance(made, list):
            made[:] = items
        else:
            made.clear()
            (made.update if isinstance(made, set) else made.extend)(items)

    def _rarer(self, tag: str, form: list[Any], depth: int) -> Any:
        if tag == "i":
            if type(form[1]) is not str or len(form[1]) > MAX_DIGITS + 3:
                raise ValueError("no integer")
            return int(form[1], 16)
        if tag == "n":
            return {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}[form[1]]
        if tag == "b":
            return bytes.fromhex(form[1])
        if tag == "fs":
            return frozenset(self.take(item, depth + 1) for item in form[1:])
        if tag == "c":
            real, imaginary = (self.take(part, depth + 1) for part in form[1:])
            if type(real) is not float or type(imaginary) is not float:
                raise ValueError("no complex number")
            return complex(real, imaginary)
        if tag == "g":
            return range(*[_integer(self.take(part, depth + 1)) for part in form[1:]])
        if tag == "ty":
            return TYPES[form[1]]
        if tag == "e":
            return {"Ellipsis": Ellipsis, "NotImplemented": NotImplemented}[form[1]]
        if tag == "dc":
            from decimal import Decimal

            return Decimal(_text(form[1], 10_000))
        if tag == "fr":
            from fractions import Fraction

            return Fraction(*[_integer(self.take(part, depth + 1)) for part in form[1:]])
        if tag == "iso":
            import datetime

            kinds: dict[str, Any] = {"date": datetime.date, "time": datetime.time, "datetime": datetime.datetime}
            return kinds[form[1]].fromisoformat(_text(form[2], 40))
        if tag == "td":
            import datetime

            return datetime.timedelta(*[_integer(part) for part in form[1:]])
        return self.other(form)


def _index(form: list[Any], count: int) -> int:
    if len(form) != 2 or type(form[1]) is not int or not 0 <= form[1] < count:
        raise BadFrame("a reference to a container that is not there")
    return form[1]


def _integer(value: Any) -> int:
    if type(value) is not int:
        raise ValueError("no integer")
    return value


def _natural(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("no natural number")
    return value


def _text(value: Any, most: int) -> str:
    if type(value) is not str or len(value) > most:
        raise ValueError("no short text")
    return value


def shallow(container: Any) -> list[Any]:
    """What a container holds now, to be compared with what it holds later by identity."""
    if isinstance(container, dict):
        return [part for pair in dict.items(container) for part in pair]
    return [bytes(container)] if isinstance(container, bytearray) else list(container)


def has_changed(container: Any, before: list[Any]) -> bool:
    now = shallow(container)
    if isinstance(container, bytearray):
        return now != before
    if isinstance(container, set):  # its order may differ where its elements do not
        return {id(item) for item in now} != {id(item) for item in before}
    return len(now) != len(before) or any(one is not other for one, other in zip(now, before, strict=True))


# ---- frames


class Line:
    """One end of the socket, a file descriptor."""

    def __init__(self, descriptor: int) -> None:
        from os import read, write

        self.descriptor, self._read, self._write = descriptor, read, write

    def send(self, message: list[Any]) -> None:
        """Raises: NotPlain where it is too large, with nothing sent; Closed."""
        data = json.dumps(message, separators=(",", ":")).encode()
        if len(data) > MAX_FRAME_BYTES:
            raise NotPlain(f"data of more than {MAX_FRAME_BYTES >> 20} MiB")
        view = memoryview(LENGTH.pack(len(data)) + data)
        while view:
            try:
                view = view[self._write(self.descriptor, view) :]
            except OSError as error:
                raise Closed(str(error)) from error

    def receive(self) -> list[Any]:
        """Raises: Closed; BadFrame."""
        size = LENGTH.unpack(self._exactly(LENGTH.size))[0]
        if size > MAX_FRAME_BYTES:
            raise BadFrame(f"a frame of {size} bytes")
        try:
            message = json.loads(self._exactly(size), parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise BadFrame(f"a frame that is no JSON: {type(error).__name__}") from error
        if type(message) is not list or not message or type(message[0]) is not str:
            raise BadFrame("a frame that is no message")
        return message

    def _exactly(self, size: int) -> bytes:
        parts, left = [], size
        while left:
            try:
                part = self._read(self.descriptor, min(left, 1 << 20))
            except OSError as error:
                raise Closed(str(error)) from error
            if not part:
                raise Closed("the other side is gone")
            parts.append(part)
            left -= len(part)
        return b"".join(parts)


def _no_constant(name: str) -> None:
    raise ValueError(f"the constant {name}")
