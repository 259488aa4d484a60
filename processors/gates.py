"""What a corpus may hold by where it comes from: allow-lists and block-lists of licences and of sources, decided by a record's origin."""

from __future__ import annotations

import fnmatch
import functools
import re
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import urlsplit

from processors.licence import MAX_CHARS, is_known, matches, read_expression
from schemas.outcome import Reason, Reject
from schemas.records import Conversation, Document, Origin, Preference, Record, Row

LICENCE_UNKNOWN = Reason("licence_unknown", "Nothing states the record's licence, or what states it is no licence that is known")
LICENCE_NOT_ALLOWED = Reason("licence_not_allowed", "The record's licence is not one that was allowed")
SOURCE_NOT_ALLOWED = Reason("source_not_allowed", "The record's source is blocked, or not among those allowed")


@functools.lru_cache(maxsize=4_096)
def refused_licence(stated: str, allowed: tuple[str, ...]) -> tuple[Reason, str] | None:
    """Why a stated licence is refused, None where `allowed` (names or globs) lets it be followed.

    Not allowed is what a known licence bars in every choice; where that hangs on a name that is not known, the licence is unknown.
    """
    expression = read_expression(stated)
    if expression is None:
        return LICENCE_UNKNOWN, f"{stated[:100]!r} is no licence expression" if stated.strip() else "nothing states a licence"
    if expression.is_allowed(allowed):
        return None
    needed = [[name for name in choice if not matches(name, allowed)] for choice in expression.choices]
    strange = sorted({name for names in needed if not any(map(is_known, names)) for name in names})
    if strange:
        return LICENCE_UNKNOWN, f"{', '.join(strange)[:100]} in {stated[:100]!r} is no licence that is known"
    return LICENCE_NOT_ALLOWED, f"{expression.text[:100]!r}, expected one of {', '.join(allowed)[:100]}"


@dataclass(frozen=True, slots=True)
class KeepLicences:
    """Keeps records that can be used under the licences in `allowed` alone (SPDX ids, or globs); an empty tuple keeps all.

    `CC-BY-*` would mean CC-BY-SA, CC-BY-NC and CC-BY-ND too, `CC-BY-[0-9]*` does not. `processors.licence.PERMISSIVE` is a list to
    start from.
    """

    allowed: tuple[str, ...] = ()
    takes: ClassVar = (Row, Document, Conversation, Preference)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = ()
    reasons: ClassVar = (LICENCE_UNKNOWN, LICENCE_NOT_ALLOWED)
    version: ClassVar = 2

    def __call__(self, record: Record) -> Record | Reject:
        refused = refused_licence(record.origin.licence[: MAX_CHARS + 1], self.allowed) if self.allowed else None
        return Reject(record.key, refused[0].name, refused[1]) if refused else record


# ---- sources

_URL = re.compile(r"https?://[^\s<>\"']{1,2000}", re.IGNORECASE)


def host_of(origin: Origin, url: str = "") -> str:
    """The host of the page's address, in lower case and without a port; empty when the origin has no address."""
    for place in (url, origin.locator, origin.source):
        found = _URL.search(place)
        if found:
            try:
                return (urlsplit(found[0]).hostname or "").rstrip(".")
            except ValueError:  # brackets that are no IPv6 address
                return ""
    return ""


def matches_source(pattern: str, origin: Origin, host: str) -> bool:
    """Whether a pattern means a source: `example.org` the host and those below it; with `*`, `?`, `[` or `/` a glob of the source's name."""
    if any(sign in pattern for sign in "*?[/"):
        return any(fnmatch.fnmatchcase(place, pattern) for place in (origin.source, origin.locator) if place)
    domain = pattern.lower().strip(".")
    return host == domain or host.endswith("." + domain) or origin.source == pattern


@dataclass(frozen=True, slots=True)
class KeepSources:
    """Keeps records from allowed sources (all when `allow` is empty) that are not blocked; blocking wins.

    Patterns are domains (`example.org` means www.example.org too) or globs of the source's name or locator (`*/forum/*`).
    """

    allow: tuple[str, ...] = ()
    block: tuple[str, ...] = ()
    takes: ClassVar = (Row, Document, Conversation, Preference)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = ()
    reasons: ClassVar = (SOURCE_NOT_ALLOWED,)
    version: ClassVar = 1

    def __call__(self, record: Record) -> Record | Reject:
        host = host_of(record.origin)
        place = host or record.origin.source
        for pattern in self.block:
            if matches_source(pattern, record.origin, host):
                return Reject(record.key, SOURCE_NOT_ALLOWED.name, f"{place} is blocked by {pattern!r}")
        if self.allow and not any(matches_source(pattern, record.origin, host) for pattern in self.allow):
            return Reject(record.key, SOURCE_NOT_ALLOWED.name, f"{place}, expected one of {', '.join(self.allow)}")
        return record
