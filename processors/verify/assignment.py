"""Whether a text assigns to each name of a logic puzzle what the reference does.

Read are a JSON object (the whole text, fenced, in answer tags or at its end), and lines or clauses such as "Alice: knight", "Bob is a knave",
"House 1 = red". An object in the reference ({"House 1": {"colour": "red"}}) is read from JSON alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from processors.verify.answer import spoken_part
from processors.verify.match import normal_form
from processors.verify.verdict import CANNOT_TELL, DIFFERENT, EQUAL, NO_ANSWER, RIGHT, UNREADABLE, WRONG, Verdict
from schemas.identity import canonical_json

MAX_NAMES = 100
MAX_TEXT_CHARS = 20_000  # of the end of a text that is looked at
MAX_PARAGRAPH_CHARS = 4_000
MAX_STARTS = 20
MAX_DEPTH = 8

_SAYS = r"(?:[ \t]*(?:[:：=→|]|->|=>|–|-)[ \t]*|[ \t]+(?:is|are|was|ist|est|es|è|é|has|gets|owns|は)[ \t]+)(?:(?:an?|the|in|at|ein|eine|une?|la|le|un|una)[ \t]+)?"


def verify_assignment(text: str, reference: Mapping[str, Any]) -> tuple[str, Verdict]:
    """Right where every name has its value, wrong where one has another, cannot_tell where one is not assigned, or twice."""
    wanted = flat(reference)
    if not wanted or len(wanted) > MAX_NAMES:
        return "", Verdict(CANNOT_TELL, UNREADABLE, f"the reference assigns {len(wanted)} names, expected 1 to {MAX_NAMES}")
    said = spoken_part(text)[-MAX_TEXT_CHARS:]
    given = _as_json(said, wanted)
    if given is None:
        given = _in_sentences(said.strip(), wanted)
    if given is None:
        return "", Verdict(CANNOT_TELL, NO_ANSWER, "the text assigns nothing in a form that can be read")
    missing = [name for name in wanted if name not in given]
    answer = canonical_json({name: given[name] for name in wanted if name in given})
    other = [name for name in wanted if name in given and given[name] != wanted[name]]
    if other:
        return answer, Verdict(WRONG, DIFFERENT, f"{other[0][:60]} is {given[other[0]][:60]}, expected {wanted[other[0]][:60]}")
    if missing:
        return answer, Verdict(CANNOT_TELL, UNREADABLE, f"nothing is assigned to {missing[0][:60]}")
    return answer, Verdict(RIGHT, EQUAL)


def flat(told: Mapping[str, Any], before: str = "", depth: int = 0) -> dict[str, str]:
    """Names and values in their normal forms, those of objects inside led by the outer name."""
    found: dict[str, str] = {}
    for name, value in told.items():
        path = f"{before}/{normal_form(str(name))}" if before else normal_form(str(name))
        if isinstance(value, Mapping) and depth < MAX_DEPTH:
            found.update(flat(value, path, depth + 1))
        else:
            found[path] = normal_form(_spelled(value))
    return found


def _spelled(value: Any) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else value if isinstance(value, str) else json.dumps(value)


def _as_json(said: str, wanted: Mapping[str, str]) -> dict[str, str] | None:
    """The last JSON object in the text that assigns at least one of the names."""
    decoder = json.JSONDecoder()
    starts = [match.start() for match in re.finditer(r"\{\s*\"", said)][-MAX_STARTS:]
    at, last = 0, None
    for start in starts:
        if start < at:
            continue  # inside an object that was read
        try:
            value, at = decoder.raw_decode(said, start)
        except (ValueError, RecursionError):
            continue
        given = flat(value)
        for inner in value.values() if len(value) == 1 else ():
            given = flat(inner) if isinstance(inner, Mapping) and not given.keys() & wanted.keys() else given
        last = given if given.keys() & wanted.keys() else last
    return last


def _in_sentences(said: str, wanted: Mapping[str, str]) -> dict[str, str] | None:
    """What the last paragraph says of each name, where the values are those of the reference; None where a name gets two."""
    values = sorted(set(wanted.values()), key=len, reverse=True)
    if any("/" in name for name in wanted) or not all(values):
        return None
    told = said[said.rfind("\n\n") + 1 :][-MAX_PARAGRAPH_CHARS:]
    form = "\n".join(normal_form(line) for line in re.split(r"\n|(?<=[.;,])\s|\s(?:and|und|et|y|e)\s", told))
    given: dict[str, str] = {}
    for name in wanted:
        match_all = re.findall(rf"(?<!\w){re.escape(name)}(?:\*\*)?{_SAYS}({'|'.join(map(re.escape, values))})(?!\w)", form)
        if len(set(match_all)) > 1:
            return None
        if match_all:
            given[name] = match_all[0]
    return given or None
