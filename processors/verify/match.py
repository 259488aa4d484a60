"""Whether a final answer is one of the listed texts, or what a pattern describes."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from processors.guard import TOO_COSTLY, Limits, guarded
from processors.verify.answer import WEAK, Found, final_answer, spoken_part
from processors.verify.answer_dress import undress
from processors.verify.verdict import CANNOT_TELL, DIFFERENT, EQUAL, NO_ANSWER, RIGHT, TIMEOUT, UNREADABLE, WRONG, Verdict
from schemas.outcome import Reason, Refused

BAD_PATTERN = Reason("bad_pattern", "The pattern that judges answers is no regular expression, or longer than any honest one")

MAX_PATTERN_CHARS = 2_000
MAX_TEXT_CHARS = 2_000  # a longer text is not matched: the time of an honest pattern grows with it
LIMITS = Limits(cpu_s=1.0, memory_bytes=1 << 30, idle_s=60.0)  # an honest pattern takes microseconds

_QUOTES = str.maketrans(
    {"“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "’": "'", "‘": "'", "‚": "'", "–": "-", "—": "-", "−": "-", "\u00a0": " "}
)


@functools.lru_cache(maxsize=4_096)
def normal_form(text: str) -> str:
    """The text in NFC, small, with single spaces, one kind of quotes and dashes, and without marks around it or a mark at its end.

    Articles stay: "The Who" is not "Who".
    """
    text = unicodedata.normalize("NFC", undress(text)).translate(_QUOTES).casefold()
    return " ".join(text.split()).strip("\"' ").rstrip(".!?;:,。！？").strip()


def verify_exact(text: str, judged_by: Mapping[str, Any]) -> tuple[str, Verdict]:
    """`judged_by` is {"answers": [text, ...]}: right is a final answer with the normal form of one of them.

    A text that is a sentence rather than an answer is called wrong only where it holds none of the references.
    """
    accepted = {normal_form(str(answer)) for answer in judged_by["answers"]} - {""}
    if not accepted:
        return "", Verdict(CANNOT_TELL, UNREADABLE, "no accepted answer is told")
    whole = spoken_part(text).strip()
    if len(whole) <= MAX_TEXT_CHARS and normal_form(whole) in accepted:
        return whole, Verdict(RIGHT, EQUAL)
    found = final_answer(text)
    if found is None:
        return "", Verdict(CANNOT_TELL, NO_ANSWER, "the text states no final answer")
    return found.text, _compare(found, accepted)


def _compare(found: Found, accepted: set[str]) -> Verdict:
    said = normal_form(found.text)
    if said in accepted:
        return (
            Verdict(RIGHT, EQUAL)
            if found.how not in WEAK
            else Verdict(CANNOT_TELL, NO_ANSWER, f"it is not said to be the answer ({found.how})")
        )
    if found.how in WEAK:
        return Verdict(CANNOT_TELL, NO_ANSWER, f"the text names no final answer ({found.how})")
    if any(_holds(said, one) for one in accepted):
        return Verdict(CANNOT_TELL, UNREADABLE, f"{found.text[:80]!r} holds an accepted answer and more")
    return Verdict(WRONG, DIFFERENT, f"{found.text[:80]!r} is none of the {len(accepted)} accepted")


def _holds(said: str, accepted: str) -> bool:
    """Whether the accepted answer stands in what was said as words of its own, or the other way round."""
    return re.search(rf"(?<!\w){re.escape(accepted)}(?!\w)", said) is not None or (
        bool(said) and re.search(rf"(?<!\w){re.escape(said)}(?!\w)", accepted) is not None
    )


def verify_regex(text: str, judged_by: Mapping[str, Any]) -> tuple[str, Verdict]:
    """`judged_by` is {"pattern": ...}: right is a final answer, or a whole text, that the pattern describes from beginning to end.

    The pattern is data: it is matched in a child process, and one that takes too long leaves the verdict open.
    """
    pattern = str(judged_by["pattern"])
    whole = spoken_part(text).strip()
    found = final_answer(text)
    said = [one for one in (found.text if found else "", whole) if one and len(one) <= MAX_TEXT_CHARS]
    if not said:
        return "", Verdict(CANNOT_TELL, NO_ANSWER, "the text states no final answer")
    try:
        hits = [is_match(pattern, one) for one in said]
    except Refused as refused:
        cause = TIMEOUT if refused.reason == TOO_COSTLY else UNREADABLE
        return said[0], Verdict(CANNOT_TELL, cause, refused.detail)
    if any(hits):
        return said[hits.index(True)], Verdict(RIGHT, EQUAL)
    if found is None or found.how in WEAK:
        return said[0], Verdict(CANNOT_TELL, NO_ANSWER, "the text names no final answer")
    return said[0], Verdict(WRONG, DIFFERENT, f"{said[0][:80]!r} does not match")


def is_match(pattern: str, text: str) -> bool:
    """Whether the pattern describes the whole text. Raises: Refused with BAD_PATTERN or TOO_COSTLY."""
    if len(pattern) > MAX_PATTERN_CHARS:
        raise Refused(BAD_PATTERN, f"a pattern of {len(pattern):,} characters, at most {MAX_PATTERN_CHARS}")
    return bool(guarded(fullmatch, {"pattern": pattern, "text": text}, limits=LIMITS)[0]["found"])


def fullmatch(request: dict[str, Any], blobs: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """The guarded part of `is_match`."""
    try:
        return {"found": re.fullmatch(request["pattern"], request["text"]) is not None}, []
    except (re.error, OverflowError, RecursionError) as error:
        raise Refused(BAD_PATTERN, f"pattern {request['pattern'][:80]!r} is no regular expression ({error})") from error
