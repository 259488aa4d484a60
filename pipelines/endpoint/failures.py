"""Whose fault a failed request is: the moment's (try again), the question's (the record is refused), or the configuration's (stop).

A status 400 may be either of the last two. Known codes and wordings tell the question's; for the rest a plain question with the same
parameters decides (see client).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

AGAIN, QUESTION, UNCLEAR, STOP = "again", "question", "unclear", "stop"
_AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529})
OVERLOADED = frozenset({429, 503, 529})
_NO_MONEY = re.compile(r"insufficient_quota|billing|exceeded your current quota|credit balance", re.I)
_FILTER = re.compile(r"content[_ ]?filter|content[_ ]management|content_policy|responsible ?ai|moderation|safety system", re.I)
_TOO_LONG = re.compile(
    r"context[_ ](?:length|size|window)|maximum context|max_model_len|prompt is too long|too many tokens|exceeds? the (?:available|maximum)",
    re.I,
)
MAX_SAID_CHARS = 300


@dataclass(frozen=True, slots=True)
class Failure:
    """`kind` is one of the four; `said` what went wrong, in one line, without secrets."""

    kind: str
    said: str
    overloaded: bool = False


def judge(status: int, body: bytes, key: str) -> Failure:
    """A response whose status is not 200. `key` is taken out of what the server says."""
    code, message = _error_in(body)
    told = one_line(f"{code} {message}".strip(), key)
    said = f"status {status}: {told}" if told else f"status {status}"
    if status == 429 and _NO_MONEY.search(told):
        return Failure(STOP, said)
    if status in _AGAIN or status >= 500:
        if status in (500, 503) and _TOO_LONG.search(told):  # llama.cpp before 2025 says so with 500
            return Failure(QUESTION, said)
        return Failure(AGAIN, said, status in OVERLOADED)
    if status == 413 or (status in (400, 403, 422) and (_FILTER.search(told) or _TOO_LONG.search(told))):
        return Failure(QUESTION, said)
    return Failure(UNCLEAR if status in (400, 415, 422) else STOP, said)


def _error_in(body: bytes) -> tuple[str, str]:
    """Code (or type) and message of an error body; what is no JSON is the message."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return "", body.decode("utf-8", "replace")
    error = told.get("error", told) if isinstance(told, dict) else told
    if not isinstance(error, dict):
        return "", str(error)
    inner = error.get("innererror")
    codes = [error.get("code"), error.get("type"), inner.get("code") if isinstance(inner, dict) else None]
    return " ".join(dict.fromkeys(code for code in codes if isinstance(code, str))), str(error.get("message") or error.get("detail") or "")


def one_line(text: str, key: str) -> str:
    """A text as one bounded line, the key taken out of it wherever it stands."""
    text = text.replace(key, "[key]") if key else text
    return " ".join(text.split())[:MAX_SAID_CHARS]
