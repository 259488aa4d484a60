"""Regular expressions of strangers, matched in a child process that may be ended: one short pattern can take for ever."""

from __future__ import annotations

import functools
import re
from typing import Any

from processors.guard import TOO_COSTLY, Limits, guarded
from processors.tools.schema import BAD_TOOL_SCHEMA
from schemas.outcome import Refused

MAX_TEXT_CHARS = 2_000  # a longer text is not matched: the time of an honest pattern grows with it
LIMITS = Limits(cpu_s=2.0, memory_bytes=1 << 30, idle_s=60.0)  # an honest pattern takes microseconds


@functools.lru_cache(maxsize=4_096)
def is_match(pattern: str, text: str) -> bool:
    """Whether the pattern is found somewhere in the text, as JSON Schema means it.

    Raises: Refused with BAD_TOOL_SCHEMA when it is no regular expression, or takes too long.
    """
    try:
        return bool(guarded(search, {"pattern": pattern, "text": text}, limits=LIMITS)[0]["found"])
    except Refused as refused:
        if refused.reason == TOO_COSTLY:
            raise Refused(BAD_TOOL_SCHEMA, f"pattern {pattern[:80]!r} takes too long on a text of {len(text)} characters") from refused
        raise


def search(request: dict[str, Any], blobs: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """The guarded part of `is_match`."""
    try:
        return {"found": re.search(request["pattern"], request["text"]) is not None}, []
    except (re.error, OverflowError, RecursionError) as error:
        raise Refused(BAD_TOOL_SCHEMA, f"pattern {request['pattern'][:80]!r} is no regular expression ({error})") from error
