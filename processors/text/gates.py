"""Which licences and which sources a corpus may hold: allow-lists and block-lists, decided by a record's origin."""

from __future__ import annotations

import fnmatch
import functools
import re
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import urlsplit

from schemas.outcome import Reason, Refused, Reject
from schemas.records import Conversation, Document, Origin, Preference, Record

LICENCE_NOT_ALLOWED = Reason("licence_not_allowed", "The record's licence is not one that was allowed")
LICENCE_UNKNOWN = Reason("licence_unknown", "The source states no licence for the record, or none that can be read")
SOURCE_NOT_ALLOWED = Reason("source_not_allowed", "The record's source is blocked, or not among those allowed")

# ---- licences, as SPDX writes them (spdx.org/licenses)

PERMISSIVE = (
    *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "CC-BY-[0-9]*", "ISC", "MIT", "MIT-0"),
    *("PDDL-1.0", "ODC-By-1.0", "PostgreSQL", "PSF-2.0", "Python-2.0", "Unlicense", "WTFPL", "Zlib", "NCSA"),
    "LicenseRef-Public-Domain",
)
# spellings in use, without case, spaces and signs, and without the words licence, the and version
_SPELLINGS = {
    "apache": "Apache-2.0",
    "apache2": "Apache-2.0",
    "apache20": "Apache-2.0",
    "asl20": "Apache-2.0",
    "bsd": "BSD-3-Clause",
    "bsd2clausesimplified": "BSD-2-Clause",
    "bsd3clauseneworrevised": "BSD-3-Clause",
    "bsd2": "BSD-2-Clause",
    "bsd2clause": "BSD-2-Clause",
    "simplifiedbsd": "BSD-2-Clause",
    "bsd3": "BSD-3-Clause",
    "bsd3clause": "BSD-3-Clause",
    "newbsd": "BSD-3-Clause",
    "modifiedbsd": "BSD-3-Clause",
    "boost10": "BSL-1.0",
    "boostsoftware10": "BSL-1.0",
    "cc0": "CC0-1.0",
    "cc010": "CC0-1.0",
    "cc0universal": "CC0-1.0",
    "publicdomain": "LicenseRef-Public-Domain",
    "expat": "MIT",
    "mit": "MIT",
    "isc": "ISC",
    "unlicense": "Unlicense",
    "zlib": "Zlib",
    "mpl": "MPL-2.0",
    "mpl2": "MPL-2.0",
    "mpl20": "MPL-2.0",
    "mozillapublic20": "MPL-2.0",
    "gpl": "GPL-2.0-or-later",
    "gplv2": "GPL-2.0-only",
    "gpl2": "GPL-2.0-only",
    "gpl20": "GPL-2.0-only",
    "gplv3": "GPL-3.0-only",
    "gpl3": "GPL-3.0-only",
    "gpl30": "GPL-3.0-only",
    "gnugplv2": "GPL-2.0-only",
    "gnugplv3": "GPL-3.0-only",
    "gnugeneralpublicv2": "GPL-2.0-only",
    "gnugeneralpublicv3": "GPL-3.0-only",
    "gnugeneralpublicv30": "GPL-3.0-only",
    "lgpl": "LGPL-2.1-or-later",
    "lgpl21": "LGPL-2.1-only",
    "lgplv21": "LGPL-2.1-only",
    "lgpl3": "LGPL-3.0-only",
    "lgpl30": "LGPL-3.0-only",
    "lgplv3": "LGPL-3.0-only",
    "agpl3": "AGPL-3.0-only",
    "agpl30": "AGPL-3.0-only",
    "agplv3": "AGPL-3.0-only",
    "odcby": "ODC-By-1.0",
    "odcby10": "ODC-By-1.0",
    "odbl": "ODbL-1.0",
    "odbl10": "ODbL-1.0",
    "psf": "PSF-2.0",
    "python": "Python-2.0",
}
_UNKNOWN = frozenset(("", "unknown", "none", "null", "n/a", "na", "noassertion", "other", "unspecified", "?"))
_CC_URL = re.compile(r"creativecommons\.org/(?:licenses/([a-z-]{2,12})/(\d\.\d)|publicdomain/(zero|mark)/)", re.IGNORECASE)
_CC = re.compile(r"(?:cc|creative commons)[ _-]*(by(?:[ _-]*(?:nc|nd|sa))*)[ _-]*v?(\d(?:\.\d)?)?(?:[ _-].{0,40})?", re.IGNORECASE)
_CC_WORDS = re.compile(r"attribution|share ?alike|non-?commercial|no ?deriv(?:ative)?s", re.IGNORECASE)
_CC_TERMS = {"attr": "by", "shar": "sa", "nonc": "nc", "non-": "nc", "node": "nd", "no d": "nd"}
MAX_LICENCE_CHARS = 400


@functools.lru_cache(maxsize=4_096)
def spdx(licence: str) -> str:
    """One licence as SPDX writes it, by its many spellings; what is not known comes back as it was given, trimmed.

    Creative Commons without a version means 4.0, a bare "Apache" 2.0 and a bare "BSD" the three clauses. What is in the public domain
    without a licence is LicenseRef-Public-Domain.
    """
    licence = " ".join(licence.split())[:MAX_LICENCE_CHARS]
    address = _CC_URL.search(licence)
    if address:
        dedicated = {"zero": "CC0-1.0", "mark": "LicenseRef-Public-Domain"}
        return dedicated[address[3].lower()] if address[3] else f"CC-{address[1].upper()}-{address[2]}"
    commons = _CC.fullmatch(_CC_WORDS.sub(lambda found: _CC_TERMS[found[0][:4].lower()], licence))
    if commons:
        terms = re.split(r"[ _-]+", commons[1].upper())
        version = commons[2] or "4.0"
        return f"CC-{'-'.join(terms)}-{version if '.' in version else version + '.0'}"
    plain = re.sub(r"\b(?:licen[cs]ed?|the|version|v(?=\.?\s?\d))\b", " ", licence.lower())
    return _SPELLINGS.get(re.sub(r"[^a-z0-9]", "", plain), licence)


def licence_choices(stated: str) -> list[list[str]]:
    """What a stated licence offers: a list of choices, each a list of licences that all hold. Empty when none is stated.

    SPDX expressions are read (`MIT OR Apache-2.0`, `A AND (B OR C)` without nesting beyond one level of brackets, `WITH` exceptions
    dropped), and lists with a slash as choices (`MIT/Apache-2.0`).
    """
    stated = stated.strip()[:MAX_LICENCE_CHARS]
    if stated.lower() in _UNKNOWN:
        return []
    if "://" not in stated and re.fullmatch(r"[\w.+-]+(?:\s?/\s?[\w.+-]+)+", stated):
        return [[spdx(one)] for one in stated.split("/")]
    if not re.search(r"\s(?:OR|AND|WITH|or|and|with)\s", stated) or "://" in stated or '"' in stated:
        return [[spdx(stated)]]
    choices: list[list[str]] = [[]]
    for joined in re.split(r"\s+(?:AND|and)\s+(?![^()]*\))", stated):
        options = [re.split(r"\s+(?:WITH|with)\s+", one.strip("() "))[0] for one in re.split(r"\s+(?:OR|or)\s+", joined)]
        choices = [[*choice, spdx(option)] for choice in choices for option in options][:64]
    return choices


def check_licence(stated: str, allowed: tuple[str, ...]) -> None:
    """Raises Refused when no choice of the stated licence is allowed in full; `allowed` are names or globs, without case."""
    choices = licence_choices(stated)
    if not choices:
        raise Refused(LICENCE_UNKNOWN, f"the source states {stated!r}")
    patterns = [(name if any(sign in name for sign in "*?[") else spdx(name)).lower() for name in allowed]
    if not any(all(_matches(licence, patterns) for licence in choice) for choice in choices):
        raise Refused(LICENCE_NOT_ALLOWED, f"{stated[:80]!r}, expected one of {', '.join(allowed)}")


def _matches(licence: str, patterns: list[str]) -> bool:
    return any(fnmatch.fnmatchcase(licence.lower(), pattern) for pattern in patterns)


@dataclass(frozen=True, slots=True)
class KeepLicences:
    """Keeps records under one of `allowed` licences (SPDX ids, or globs such as `CC-BY-[0-9]*`); an empty tuple keeps all.

    `CC-BY-*` would mean CC-BY-SA, CC-BY-NC and CC-BY-ND too. PERMISSIVE is a list to start from.
    """

    allowed: tuple[str, ...] = ()
    takes: ClassVar = (Document, Conversation, Preference)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = ()
    reasons: ClassVar = (LICENCE_NOT_ALLOWED, LICENCE_UNKNOWN)
    version: ClassVar = 1

    def __call__(self, record: Record) -> Record | Reject:
        if self.allowed:
            try:
                check_licence(record.origin.licence, self.allowed)
            except Refused as refused:
                return Reject(record.key, refused.reason.name, refused.detail)
        return record


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
    takes: ClassVar = (Document, Conversation, Preference)
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
