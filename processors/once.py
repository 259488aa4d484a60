"""Work on the same object is done once: children of one row share its media, and pass a step one after the other."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar

Result = TypeVar("Result")


def once(function: Callable[..., Result]) -> Callable[..., Result]:
    """The function, which gives its last result again when it is asked about the very same object with the same options.

    For pure functions of a large object (bytes, an array) and small options. One object and its result are kept, nothing
    when the function raises.
    """
    kept: list[tuple[object, tuple[Hashable, ...], Result]] = []

    def ask(given: object, *options: Hashable, **named: Hashable) -> Result:
        told = (*options, *sorted(named.items()))
        if kept and kept[0][0] is given and kept[0][1] == told:
            return kept[0][2]
        kept.clear()  # before the work: the old result need not be in memory beside the new one
        result = function(given, *options, **named)
        kept.append((given, told, result))
        return result

    return ask
