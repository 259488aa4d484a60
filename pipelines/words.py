"""The nearest valid word, for messages about a word that is none."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

MAX_LISTED = 20


def hint(word: str, known: Iterable[str]) -> str:
    """`did you mean 'max_s'?` where a word is near, else the valid ones."""
    words = list(known)
    near = difflib.get_close_matches(word, words, n=1, cutoff=0.5) or difflib.get_close_matches(
        word.rpartition(".")[2], [name.rpartition(".")[2] for name in words], n=1, cutoff=0.6
    )
    if near:
        found = next(name for name in words if near[0] in (name, name.rpartition(".")[2]))
        return f"did you mean {found!r}?"
    more = f" and {len(words) - MAX_LISTED} more" if len(words) > MAX_LISTED else ""
    return f"expected one of {', '.join(words[:MAX_LISTED])}{more}" if words else "there is none"
