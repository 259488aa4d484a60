"""Which records may come in by their licence, and by their source: domains and globs."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from processors.gates import LICENCE_NOT_ALLOWED, LICENCE_UNKNOWN, SOURCE_NOT_ALLOWED, KeepLicences, KeepSources
from processors.licence import PERMISSIVE
from schemas.outcome import Reason, Reject
from schemas.records import Conversation, Document, Origin, Preference, Record, Row


def licensed(stated: str) -> Document:
    return Document("k", Origin("s", licence=stated), "text")


def refused(stated: str, allowed: tuple[str, ...] = PERMISSIVE) -> tuple[str, str]:
    found = KeepLicences(allowed)(licensed(stated))
    return (found.reason, found.detail) if isinstance(found, Reject) else ("kept", "")


@pytest.mark.parametrize(
    "stated",
    [
        "MIT",
        "mit license",
        "CC BY 3.0",
        "GPL-3.0 OR MIT",
        "CC0",
        "MIT AND Zlib",
        "public domain",
        "BSD OR MIT",
        "ODC-By",
        "CDLA-Permissive-2.0",
    ],
)
def test_permissive_licences_pass(stated: str) -> None:
    record = licensed(stated)
    assert KeepLicences(PERMISSIVE)(record) is record


@pytest.mark.parametrize(
    ("stated", "reason"),
    [
        ("GPLv3", LICENCE_NOT_ALLOWED),
        ("CC-BY-NC-4.0", LICENCE_NOT_ALLOWED),
        ("CC-BY-SA-4.0", LICENCE_NOT_ALLOWED),
        ("MIT AND GPL-3.0-only", LICENCE_NOT_ALLOWED),
        ("GPL-3.0-only AND BSD", LICENCE_NOT_ALLOWED),  # whichever BSD it is
        ("LicenseRef-Restricted", LICENCE_NOT_ALLOWED),
        ("MIT-like", LICENCE_UNKNOWN),
        ("BSD", LICENCE_UNKNOWN),  # of which kind?
        ("MIT AND BSD", LICENCE_UNKNOWN),
        ("GPL-3.0-only OR BSD", LICENCE_UNKNOWN),
        ("Somebody's own", LICENCE_UNKNOWN),
        ("", LICENCE_UNKNOWN),
        ("unknown", LICENCE_UNKNOWN),
        ("MIT " * 100_000, LICENCE_UNKNOWN),
    ],
)
def test_others_do_not(stated: str, reason: Reason) -> None:
    assert refused(stated)[0] == reason.name
    assert KeepLicences()(licensed(stated)) == licensed(stated)


def test_the_detail_says_what_is_wrong() -> None:
    assert refused("GPLv3", ("MIT", "CC-BY-[0-9]*"))[1] == "'GPL-3.0-only', expected one of MIT, CC-BY-[0-9]*"
    assert refused("MIT AND BSD")[1] == "BSD in 'MIT AND BSD' is no licence that is known"
    assert refused("see the file")[1] == "'see the file' is no licence expression"
    assert refused(" ")[1] == "nothing states a licence"


def test_what_is_allowed_are_names_and_globs() -> None:
    assert refused("GPL-3.0-only", ("GPL-3.0-only",))[0] == "kept"
    assert refused("MIT", ("Apache-2.0",))[0] == LICENCE_NOT_ALLOWED.name
    assert refused("GPL-2.0+", ("gpl-*",))[0] == "kept"
    assert refused("CC BY-SA 4.0", ("CC-BY-[0-9]*",))[0] == LICENCE_NOT_ALLOWED.name
    assert refused("llama3", ("llama*",))[0] == "kept"  # a name that SPDX does not know, if it is asked for
    assert refused("noassertion", ("*",))[0] == LICENCE_UNKNOWN.name


@pytest.mark.parametrize(
    "make",
    [
        lambda origin: Row("k", origin),
        lambda origin: Document("k", origin, "text"),
        lambda origin: Conversation("k", origin, ()),
        lambda origin: Preference("k", origin, (), (), ()),
    ],
)
def test_every_kind_of_record_is_decided_by_its_origin(make: Callable[[Origin], Record]) -> None:
    good, bad = make(Origin("s", licence="MIT")), make(Origin("s", licence="GPL-3.0-only"))
    assert type(good) in KeepLicences.takes
    assert type(good) in KeepSources.takes
    assert KeepLicences(PERMISSIVE)(good) is good
    refused = (KeepLicences(PERMISSIVE)(bad), KeepSources(block=("s",))(good))
    assert [found.reason for found in refused if isinstance(found, Reject)] == [LICENCE_NOT_ALLOWED.name, SOURCE_NOT_ALLOWED.name]


def at(locator: str, source: str = "crawl.warc.gz") -> Document:
    return Document("k", Origin(source, locator=locator), "text")


@pytest.mark.parametrize(
    ("pattern", "locator", "matches"),
    [
        ("example.org", "http://www.Example.org:8080/a?b", True),
        ("example.org", "record 3 https://example.org", True),
        ("example.org", "https://notexample.org/", False),
        ("example.org", "https://example.org.evil.com/", False),
        ("www.example.org", "https://example.org/", False),
        ("*/forum/*", "https://a.com/forum/1", True),
        ("*/forum/*", "https://a.com/forums/1", False),
        ("crawl.*", "offset 12", True),
        ("crawl.warc.gz", "offset 12", True),
        ("example.org", "https://[bad/", False),
    ],
)
def test_blocking(pattern: str, locator: str, matches: bool) -> None:
    record = at(locator)
    blocked, allowed = KeepSources(block=(pattern,))(record), KeepSources(allow=(pattern,))(record)
    assert isinstance(blocked, Reject) is matches
    assert isinstance(allowed, Reject) is not matches
    assert {found.reason for found in (blocked, allowed) if isinstance(found, Reject)} == {SOURCE_NOT_ALLOWED.name}


def test_blocking_wins() -> None:
    step = KeepSources(allow=("example.org",), block=("ads.example.org",))
    assert isinstance(step(at("https://ads.example.org/")), Reject)
    assert isinstance(step(at("https://example.org/")), Document)
    assert isinstance(KeepSources()(at("")), Document)
