"""Licences: names by their many spellings, and expressions."""

from __future__ import annotations

import fnmatch

import pytest

from processors.licence import MAX_CHARS, PERMISSIVE, all_of, is_known, read_expression, spdx_name


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
        ("BSL-1.0", "BSL-1.0"),
        ("  mit\n license ", "MIT"),
        ("Apache-2.0+", "Apache-2.0"),
        ("LGPL-2.1+", "LGPL-2.1-or-later"),
        ("GPLv2+", "GPL-2.0-or-later"),
        ("GNU GPL, version 3 or any later version", "GPL-3.0-or-later"),
        ("GNU Lesser General Public License v3 (LGPLv3)", "LGPL-3.0-only"),
        ("GNU General Public License v3 or later (GPLv3+)", "GPL-3.0-or-later"),
        ("gpl", "GPL-1.0-or-later"),
        ("LGPL", "LGPL-2.0-or-later"),
        ("AGPL", "AGPL-3.0-or-later"),
        ("GPL only", "GPL only"),
        ("GPL-7", "GPL-7"),
        ("Mozilla Public License 2.0 (MPL 2.0)", "MPL-2.0"),
        ("MIT License (ISC)", "MIT License (ISC)"),  # which of them?
        ("MIT No Attribution License", "MIT-0"),
        ("CC0 1.0 Universal (CC0 1.0) Public Domain Dedication", "CC0-1.0"),
        ("cc by nd nc 3.0", "CC-BY-NC-ND-3.0"),
        ("CC BY 3.0 US", "CC-BY-3.0"),
        ("CC-BY-SA-3.0-IGO", "CC-BY-SA-3.0"),
        ("Attribution 4.0 International (CC BY 4.0)", "CC-BY-4.0"),
        ("CC BY 4.0 but non-commercial use", "CC BY 4.0 but non-commercial use"),
        ("CC BY 4.0 NC", "CC BY 4.0 NC"),
        ("CC BY 9.9", "CC BY 9.9"),
        ("CC BY 4.0 (https://creativecommons.org/licenses/by/4.0/)", "CC-BY-4.0"),
        ("CC BY-NC 4.0 (https://creativecommons.org/licenses/by/4.0/)", "CC BY-NC 4.0 (https://creativecommons.org/licenses/by/4.0/)"),
        ("https://creativecommons.org/licenses/by-sa/4.0/deed.en", "CC-BY-SA-4.0"),
        ("https://creativecommons.org/publicdomain/mark/1.0/", "LicenseRef-Public-Domain"),
        ("https://creativecommons.org/licenses/sampling/1.0/", "https://creativecommons.org/licenses/sampling/1.0/"),
        ("https://opensource.org/licenses/MIT", "MIT"),
        ("https://spdx.org/licenses/BSD-3-Clause.html", "BSD-3-Clause"),
        ("http://www.apache.org/licenses/LICENSE-2.0.txt", "Apache-2.0"),
        ("не mit", "не mit"),
        ("BSD", "BSD"),  # of which kind?
        ("MPL", "MPL"),
        ("", ""),
        ("mit " * 100, ("mit " * 100).strip()),
    ],
)
def test_spellings(written: str, expected: str) -> None:
    assert spdx_name(written) == expected


@pytest.mark.parametrize("name", ["MIT", "CC-BY-NC-ND-2.5", "LicenseRef-Mine", "LicenseRef-Public-Domain", "GPL-2.0-or-later"])
def test_known_names_are_their_own_spelling(name: str) -> None:
    assert is_known(name)
    assert spdx_name(name) == name


@pytest.mark.parametrize("name", ["mit", "BSD", "CC-BY-*", "MIT OR ISC", ""])
def test_other_names_are_not_known(name: str) -> None:
    assert not is_known(name)


def test_the_permissive_licences_are_known_and_bind_nothing_made_with_them() -> None:
    assert all(is_known(name) for name in PERMISSIVE)
    assert not fnmatch.filter(PERMISSIVE, "*GPL*") + fnmatch.filter(PERMISSIVE, "CC-BY-[A-Z]*") + fnmatch.filter(PERMISSIVE, "MPL*")


@pytest.mark.parametrize(
    ("said", "spelled", "is_allowed"),
    [
        ("MIT", "MIT", True),
        ("mit", "MIT", True),
        ("MIT OR GPL-3.0-only", "MIT OR GPL-3.0-only", True),
        ("GPL-3.0-only OR LGPL-3.0-only", "GPL-3.0-only OR LGPL-3.0-only", False),
        ("MIT AND Apache-2.0", "MIT AND Apache-2.0", True),
        ("MIT AND GPL-2.0-only", "MIT AND GPL-2.0-only", False),
        ("MIT/Apache-2.0", "MIT OR Apache-2.0", True),
        ("(MIT OR GPL-2.0+) AND BSD-3-Clause", "(MIT OR GPL-2.0-or-later) AND BSD-3-Clause", True),
        ("MIT OR GPL-2.0-only AND BSD-3-Clause", "MIT OR GPL-2.0-only AND BSD-3-Clause", True),  # AND binds first
        ("GPL-2.0-only AND (MIT OR BSD-3-Clause)", "GPL-2.0-only AND (MIT OR BSD-3-Clause)", False),
        ("Apache-2.0 WITH LLVM-exception", "Apache-2.0 WITH LLVM-exception", True),
        ("GPL-2.0-only WITH Classpath-exception-2.0", "GPL-2.0-only WITH Classpath-exception-2.0", False),
        ("GPL-2.0", "GPL-2.0-only", False),
        ("LGPL-2.1+", "LGPL-2.1-or-later", False),
        ("Apache License, Version 2.0", "Apache-2.0", True),
        ("The MIT License", "MIT", True),
        ("3-Clause BSD License", "BSD-3-Clause", True),
        ("LicenseRef-Mine", "LicenseRef-Mine", False),
        ("LicenseRef-Mine OR MIT", "LicenseRef-Mine OR MIT", True),
        ("Apache License 2.0 or MIT License", "Apache-2.0 OR MIT", True),
        ("CC BY 4.0 and CC BY-SA 4.0", "CC-BY-4.0 AND CC-BY-SA-4.0", False),
        ("GPL / LGPL", "GPL-1.0-or-later OR LGPL-2.0-or-later", False),
        ("GPL-2.0 or later", "GPL-2.0-or-later", False),
        ("zlib/libpng License", "Zlib", True),
        ("public domain", "LicenseRef-Public-Domain", True),
        ("llama3", "llama3", False),
    ],
)
def test_expressions_are_read(said: str, spelled: str, is_allowed: bool) -> None:
    found = read_expression(said)
    assert found is not None
    assert (found.text, found.is_allowed(PERMISSIVE)) == (spelled, is_allowed)


@pytest.mark.parametrize(
    "said",
    [
        "",
        "   ",
        "MIT AND",
        "AND MIT",
        "MIT Apache-2.0",
        "(MIT",
        "MIT)",
        "BSD License",
        "GPL-2.0 WITH",
        "Somebody's own",
        "Apache License or the other one",
        " NOASSERTION ",
        "unknown",
        "n/a",
        "MIT AND unknown",
        "https://example.org/licence",
        "MIT OR OR ISC",
        "(" * 50 + "MIT" + ")" * 50,
        "M" * 3_000,
        "MIT" + " " * 3_000 + "X",
        "creative commons by" + "-" * 1_900,
        " OR ".join(f"X{number}" for number in range(80)),
        " AND ".join(f"(X{number} OR Y{number})" for number in range(40)),
    ],
)
def test_what_is_no_expression_is_none(said: str) -> None:
    assert read_expression(said) is None


@pytest.mark.parametrize(
    ("said", "choices"),
    [
        ("MIT/Apache-2.0", [{"MIT"}, {"Apache-2.0"}]),
        ("MIT AND (Apache-2.0 OR GPL-3.0-only)", [{"MIT", "Apache-2.0"}, {"MIT", "GPL-3.0-only"}]),
        ("((MIT OR ISC) AND (Zlib OR curl))", [{"MIT", "Zlib"}, {"MIT", "curl"}, {"ISC", "Zlib"}, {"ISC", "curl"}]),
        ("GPL-2.0-only WITH Classpath-exception-2.0", [{"GPL-2.0-only"}]),
        ("MIT OR mit", [{"MIT"}]),
    ],
)
def test_choices_are_the_ways_to_comply(said: str, choices: list[set[str]]) -> None:
    found = read_expression(said)
    assert found is not None
    assert [set(choice) for choice in found.choices] == choices


@pytest.mark.parametrize(
    ("allowed", "is_allowed"),
    [
        (("CC-BY-4.0",), True),
        (("cc by 4.0",), True),
        (("CC-BY-[0-9]*",), True),
        (("cc-by-*",), True),
        (("CC-BY-NC-*", "MIT"), False),
        ((), False),
    ],
)
def test_names_in_any_spelling_and_globs_allow(allowed: tuple[str, ...], is_allowed: bool) -> None:
    found = read_expression("Creative Commons Attribution 4.0")
    assert found is not None
    assert found.is_allowed(allowed) is is_allowed


def test_a_text_may_be_as_long_as_the_limit() -> None:
    found = read_expression(" AND ".join(["MIT"] * 250)[:MAX_CHARS].removesuffix(" AND MIT"))
    assert found is not None
    assert found.text == "MIT"


def test_all_of_several() -> None:
    assert all_of(["MIT", "", "Apache-2.0", "MIT"]) == "Apache-2.0 AND MIT"
    assert all_of(["MIT OR GPL-2.0-only", "BSD-3-Clause"]) == "BSD-3-Clause AND (MIT OR GPL-2.0-only)"
    assert all_of(["MIT OR GPL-2.0-only", ""]) == "MIT OR GPL-2.0-only"
    assert all_of(["", ""]) == ""
