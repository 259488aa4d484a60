"""An object of the program, as the tests in the judge's process hold it.

What it gives (attributes, items, what its methods return, its text) is asked of the program and comes back as plain data. What it would
decide itself (equality, order, arithmetic, truth where it has its own) is not asked: the judge cannot tell.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipelines.sandbox.judge import Judge, Undecided


class Remote:
    """An object of the program, held by the tests. What it gives is plain data; what it would decide itself is not decided."""

    def __init__(self, judge: Judge, form: list[Any], kind: str, marks: str) -> None:
        for name, value in (("_judge", judge), ("_form", form), ("_kind", kind), ("_marks", marks)):
            object.__setattr__(self, name, value)

    def __getattribute__(self, name: str) -> Any:
        if name == "__class__":
            raise _no_plain(self, "of what class it is")
        if name in ("__dict__", "__name__", "__doc__") or not name.startswith("__"):
            return _ask(self, "attribute", name)
        return object.__getattribute__(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        _ask(self, "set_attribute", name, value)

    def __getitem__(self, key: Any) -> Any:
        return _ask(self, "item", key)

    def __setitem__(self, key: Any, value: Any) -> None:
        _ask(self, "set_item", key, value)

    def __delitem__(self, key: Any) -> None:
        _ask(self, "delete_item", key)

    def __len__(self) -> int:
        length = _ask(self, "length")
        if type(length) is not int:
            raise _no_plain(self, "its length")
        return length

    def __iter__(self) -> Any:
        found = _ask(self, "iterate")
        return found if isinstance_remote(found) else iter(found)

    def __next__(self) -> Any:
        return _ask(self, "next")

    def __str__(self) -> str:
        return _text(self, "text")

    def __repr__(self) -> str:
        return _text(self, "form")

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __enter__(self) -> Any:
        return _ask(self, "enter")

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if error is not None:
            raise _no_plain(self, "what becomes of an exception")
        _ask(self, "leave")

    def __bool__(self) -> bool:
        marks = object.__getattribute__(self, "_marks")
        if "b" in marks:
            raise _no_plain(self, "whether it is true")
        return bool(len(self)) if "l" in marks else True

    def __eq__(self, other: object) -> bool:
        if "e" in object.__getattribute__(self, "_marks"):
            raise _no_plain(self, "what it equals")
        if not isinstance_remote(other):
            return False
        if self is other or "e" in object.__getattribute__(other, "_marks"):  # which objects are one is the program's word
            raise _no_plain(other, "what it equals")
        return False

    def __hash__(self) -> int:
        if "e" in object.__getattribute__(self, "_marks"):
            raise _no_plain(self, "what it equals")
        return hash(tuple(object.__getattribute__(self, "_form")))

    def __instancecheck__(self, value: Any) -> bool:
        found = _ask(self, "is_instance", value)
        if type(found) is not bool:
            raise _no_plain(self, "what is an instance of it")
        return found


class RemoteCallable(Remote):
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        judge, form = object.__getattribute__(self, "_judge"), object.__getattribute__(self, "_form")
        found = judge.ask("call", form, args, kwargs)
        if judge.doubts_methods and type(found) is bool and form[1] not in judge.named:
            raise _no_plain(self, "whether a test holds, with a method of the problem's own class")
        return found


def _refusal(name: str) -> Callable[..., Any]:
    def refuse(self: Remote, *_: Any) -> Any:
        raise _no_plain(self, f"the result of {name}")

    return refuse


for _name in [
    "add",
    "radd",
    "sub",
    "rsub",
    "mul",
    "rmul",
    "truediv",
    "rtruediv",
    "floordiv",
    "rfloordiv",
    "mod",
    "rmod",
    "pow",
    "rpow",
    "matmul",
    "and",
    "rand",
    "or",
    "ror",
    "xor",
    "rxor",
    "lshift",
    "rshift",
    "neg",
    "pos",
    "abs",
    "invert",
    "lt",
    "le",
    "gt",
    "ge",
    "contains",
    "int",
    "float",
    "complex",
    "index",
    "round",
    "trunc",
    "floor",
    "ceil",
    "reversed",
    "reduce",
    "reduce_ex",
    "subclasscheck",
    "bytes",
    "divmod",
    "iadd",
    "isub",
    "imul",
    "await",
    "aiter",
    "anext",
    "fspath",
    "copy",
    "deepcopy",
]:
    setattr(Remote, f"__{_name}__", _refusal(_name))


def isinstance_remote(value: Any) -> bool:
    return type(value) is Remote or type(value) is RemoteCallable


def _ask(remote: Remote, operation: str, *args: Any) -> Any:
    return object.__getattribute__(remote, "_judge").ask(operation, object.__getattribute__(remote, "_form"), args)


def _text(remote: Remote, operation: str) -> str:
    found = _ask(remote, operation)
    if type(found) is not str:
        raise _no_plain(remote, "its text")
    return found


def _no_plain(remote: Any, what: str) -> Undecided:
    judge, kind = object.__getattribute__(remote, "_judge"), object.__getattribute__(remote, "_kind")
    return judge.stop("not_plain_data", f"the program gives an object of type {kind}, which itself would decide {what}")
