"""Licences by their spellings, and sources by domain and glob."""

from __future__ import annotations

import pytest

from processors.text.gates import (
    LICENCE_NOT_ALLOWED,
    LICENCE_UNKNOWN,
    PERMISSIVE,
    SOURCE_NOT_ALLOWED,
    KeepLicences,
    KeepSources,
    licence_choices,
    spdx,
)
from schemas.outcome import Reject
from schemas.records import Document, Origin


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("MIT License", "MIT"),
        ("the mit licence", "MIT"),
        ("Apache License, Version 2.0", "Apache-2.0"),
        ("apache 2", "Apache-2.0"),
        ('BSD 3-Clause "New" or "Revised" License', "BSD-3-Clause"),
        ("cc-by", "CC-BY-4.0"),
        ("CC BY-SA 3.0", "CC-BY-SA-3.0"),
        ("Creative Commons Attribution-NonCommercial 4.0 International", "CC-BY-NC-4.0"),
        ("http://creativecommons.org/licenses/by-nc-nd/2.5/", "CC-BY-NC-ND-2.5"),
        ("https://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
        ("public domain", "LicenseRef-Public-Domain"),
        ("GPLv3", "GPL-3.0-only"),
        ("GNU General Public License v3.0", "GPL-3.0-only"),
        ("Somebody's own", "Somebody's own"),
        ("MPL-2.0", "MPL-2.0"),
    ],
)
def test_spellings(written: str, expected: str) -> None:
    assert spdx(written) == expected


@pytest.mark.parametrize(
    ("stated", "choices"),
    [
        ("MIT OR Apache-2.0", [["MIT"], ["Apache-2.0"]]),
        ("MIT/Apache-2.0", [["MIT"], ["Apache-2.0"]]),
        ("MIT AND (Apache-2.0 OR GPL-3.0-only)", [["MIT", "Apache-2.0"], ["MIT", "GPL-3.0-only"]]),
        ("GPL-2.0-only WITH Classpath-exception-2.0", [["GPL-2.0-only"]]),
        (" NOASSERTION ", []),
        ("", []),
    ],
)
def test_expressions(stated: str, choices: list[list[str]]) -> None:
    assert licence_choices(stated) == choices


def licensed(stated: str) -> Document:
    return Document("k", Origin("s", licence=stated), "text")


@pytest.mark.parametrize("stated", ["MIT", "mit license", "CC BY 3.0", "GPL-3.0 OR MIT", "CC0"])
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
        ("MIT-like", LICENCE_NOT_ALLOWED),
        ("", LICENCE_UNKNOWN),
        ("unknown", LICENCE_UNKNOWN),
    ],
)
def test_others_do_not(stated: str, reason) -> None:
    found = KeepLicences(PERMISSIVE)(licensed(stated))
    assert isinstance(found, Reject)
    assert found.reason == reason.name
    assert KeepLicences()(licensed(stated)) == licensed(stated)


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
