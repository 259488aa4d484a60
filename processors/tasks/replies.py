"""A language model's reply as JSON: the whole reply, or one fenced block that is the whole reply, and nothing around it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from processors.tasks.writing import BAD_REPLY
from schemas.outcome import Refused

MAX_REPLY_CHARS = 200_000
_FENCED = re.compile(r"\s*```(?:json)?\s*\n(.*)\n\s*```\s*", re.S)


def reply_json(reply: str) -> Any:
    """The JSON value that a reply is. Raises: Refused with reason `bad_reply`."""
    if len(reply) > MAX_REPLY_CHARS:
        raise Refused(BAD_REPLY, f"{len(reply)} characters, expected {MAX_REPLY_CHARS} or fewer")
    fenced = _FENCED.fullmatch(reply)
    try:
        return json.loads(fenced[1] if fenced else reply)
    except (ValueError, RecursionError) as error:
        raise Refused(BAD_REPLY, f"no JSON: {error}; the reply starts {reply[:60]!r}") from error


def reply_items(reply: str, *, texts: tuple[str, ...], may_have: tuple[str, ...] = ()) -> list[dict[str, str]]:
    """A reply that is a list of objects with the named texts, none empty, and at most `may_have` beside them.

    Raises: Refused with reason `bad_reply`.
    """
    items = reply_json(reply)
    if not isinstance(items, list) or not items:
        raise Refused(BAD_REPLY, f"{type(items).__name__} {str(items)[:60]!r}, expected a JSON list with at least one object")
    for number, item in enumerate(items):
        if not isinstance(item, Mapping) or not set(texts) <= set(item) <= {*texts, *may_have}:
            told = sorted(item) if isinstance(item, Mapping) else type(item).__name__
            raise Refused(BAD_REPLY, f"item {number} has {told}, expected {', '.join(texts)}")
        for name, text in item.items():
            if not isinstance(text, str) or (name in texts and not text.strip()):
                raise Refused(BAD_REPLY, f"{name} of item {number} is {str(text)[:60]!r}, expected a text")
    return [{str(name): text.strip() for name, text in item.items()} for item in items]
