"""Which licence a file has: texts, notices, packages, and which of them counts."""

from __future__ import annotations

import pytest

from pipelines.sample.code import _MIT as MIT
from processors.code.licence_texts import licences_in, licences_of_notice
from processors.code.licences import (
    LICENCE,
    LICENCE_FROM,
    DetectLicence,
    header_licence,
    leading_comment,
)
from processors.code.package_licence import is_licence_file, is_notice_file, package_licence
from processors.gates import LICENCE_UNKNOWN
from schemas.outcome import Reject
from schemas.records import Origin, Row

ISC = (
    "Permission to use, copy, modify, and/or distribute this software for any\npurpose with or without fee is hereby granted, provided that the "
    "above\ncopyright notice and this permission notice appear in all copies."
)
BSD = (
    "Redistribution and use in source and binary forms, with or without\nmodification, are permitted ...\n1. Redistributions of source code must "
    "retain the above copyright notice\n2. Redistributions in binary form must reproduce the above copyright notice"
)
ENDORSE = (
    "\n3. Neither the name ... may be used to endorse or promote products derived from\n   this software without specific prior permission"
)
ADVERTISE = "\n3. All advertising materials mentioning features or use of this software must display"


def row(content: str = "x = 1\n", stated: str = "", **fields: object) -> Row:
    return Row("k", Origin("tree", licence=stated), {"content": content, **fields})


def detected(given: Row) -> tuple[str, str]:
    found = DetectLicence()(given)
    assert isinstance(found, Row), found
    assert found.origin.licence == found.facts[LICENCE.name]
    return str(found.facts[LICENCE.name]), str(found.facts[LICENCE_FROM.name])


# ---- texts


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (MIT, ["MIT"]),
        (MIT.replace("\n", " \r\n * ").upper(), ["MIT"]),
        (ISC, ["ISC"]),
        (ISC.partition(", provided")[0], ["0BSD"]),
        (BSD, ["BSD-2-Clause"]),
        (BSD + ENDORSE, ["BSD-3-Clause"]),
        (BSD + ENDORSE + ADVERTISE, ["BSD-4-Clause"]),
        (MIT + BSD + ENDORSE, ["MIT", "BSD-3-Clause"]),
        (MIT + "\nThe Software shall be used for Good, not Evil.", ["JSON"]),
        (MIT + "\nCommons Clause condition", ["MIT", "LicenseRef-Restricted"]),
        ("Apache License\nVersion 2.0, January 2004\nTERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION", ["Apache-2.0"]),
        (
            "GNU GENERAL PUBLIC LICENSE\nVersion 2, June 1991\nEveryone is permitted to copy and distribute verbatim copies",
            ["GPL-2.0-only"],
        ),
        ("GNU LESSER GENERAL PUBLIC LICENSE\n Version 3, 29 June 2007", ["LGPL-3.0-only"]),
        (
            "you can redistribute it under the terms of the GNU General Public License, version 3, or any later version",
            ["GPL-3.0-or-later"],
        ),
        ("It is like the GNU General Public License in nothing.", []),
        ("This is free and unencumbered software released into the public domain.", ["Unlicense"]),
        ("All rights reserved.", []),
        ("", []),
    ],
)
def test_texts_are_told(text: str, names: list[str]) -> None:
    assert licences_in(text) == names


@pytest.mark.parametrize(
    ("head", "names"),
    [
        ("Licensed under the Apache License, Version 2.0 (the License)", ["Apache-2.0"]),
        ("Released under the MIT License, see there", ["MIT"]),
        ("@license MIT", ["MIT"]),
        (
            "it under the terms of the GNU Lesser General Public License; either version 2.1, or (at your option) any later version",
            ["LGPL-2.1-or-later"],
        ),
        ("distributed under the GNU Affero General Public License v3", ["AGPL-3.0-only"]),
        ("governed by a BSD-style license that can be found in the LICENSE file", []),
        ("Proprietary and confidential", ["LicenseRef-Restricted"]),
        ("Placed in the public domain by its author", ["LicenseRef-Public-Domain"]),
    ],
)
def test_notices_are_told(head: str, names: list[str]) -> None:
    assert licences_of_notice(head) == names


@pytest.mark.parametrize(
    ("text", "licence"),
    [
        ("# SPDX-License-Identifier: MIT\nx = 1\n", "MIT"),
        ("/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */\nint x;\n", "GPL-2.0-only OR BSD-3-Clause"),
        ("<!-- SPDX-License-Identifier: ISC -->\n", "ISC"),
        ("# SPDX-License-Identifier: MIT\n# SPDX-License-Identifier: ISC\n", "MIT AND ISC"),
        ("#!/usr/bin/env python\n# coding: utf-8\n\n'''Licensed under the MIT license.'''\n", "MIT"),
        ("\ufeff// Licensed under the Apache License, Version 2.0\npackage x\n", "Apache-2.0"),
        ("x = 'GNU General Public License'\n# Licensed under the MIT license\n", None),  # after the first line of code
        ("# SPDX-License-Identifier: nothing that is one\n", None),
        ("x = 1\n", None),
    ],
)
def test_the_head_of_a_file_counts(text: str, licence: str | None) -> None:
    found = header_licence(text)
    assert (found.text if found else None) == licence


def test_the_leading_comment_ends_where_code_begins() -> None:
    assert leading_comment("/* a\n * b */\n// c\n\nint x; // d\n") == "a\nb\nc\n"
    assert leading_comment('"""One line."""\nimport this\n# no\n') == "One line."
    assert leading_comment("/* never closed\n" * 3).count("never closed") == 3


# ---- what counts


def test_the_nearer_statement_counts() -> None:
    texts = [["LICENSE", MIT]]
    assert detected(row(licence_texts=texts)) == ("MIT", "file")
    assert detected(row("# SPDX-License-Identifier: GPL-3.0-only\n", licence_texts=texts)) == ("GPL-3.0-only", "header")
    assert detected(row(licence_texts=texts, package_licence="GPL-3.0-only")) == ("MIT AND GPL-3.0-only", "file")
    assert detected(row(package_licence="Apache-2.0", licenses=["GPL-2.0"])) == ("Apache-2.0", "package")
    assert detected(row(max_stars_repo_licenses=["MIT", "Apache-2.0"])) == ("MIT AND Apache-2.0", "stated")
    assert detected(row(license="isc")) == ("ISC", "stated")
    assert detected(row(stated="CC0-1.0")) == ("CC0-1.0", "stated")


def test_a_package_says_how_its_licence_files_combine() -> None:
    texts = [["LICENSE-APACHE", "Licensed under the Apache License, Version 2.0"], ["LICENSE-MIT", MIT]]
    assert detected(row(licence_texts=texts)) == ("Apache-2.0 AND MIT", "file")
    assert detected(row(licence_texts=texts, package_licence="MIT OR Apache-2.0")) == ("MIT OR Apache-2.0", "file")
    assert detected(row(licence_texts=texts[1:], package_licence="MIT OR Apache-2.0")) == ("MIT OR Apache-2.0", "file")


@pytest.mark.parametrize(
    ("given", "detail"),
    [
        (row(), "no licence file, no package and no header tells it"),
        (row(licence_texts=[["COPYING", "Ask me first."]], package_licence="MIT"), "COPYING is no licence text that is known"),
        (row(license="see the file"), "'see the file' is no licence expression"),
        (row(licenses=["MIT", "the other one"]), "'MIT, the other one' is no licence expression"),
    ],
)
def test_what_cannot_be_told_is_unknown(given: Row, detail: str) -> None:
    found = DetectLicence()(given)
    assert found == Reject("k", LICENCE_UNKNOWN.name, detail)


# ---- packages


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("pyproject.toml", '[project]\nlicense = "MIT"\n', "MIT"),
        ("pyproject.toml", '[project]\nlicense = {text = "ISC"}\n', "ISC"),
        ("pyproject.toml", '[project]\nclassifiers = ["License :: OSI Approved :: MIT License"]\n', "MIT License"),
        ("pyproject.toml", '[tool.poetry]\nlicense = "BSD-3-Clause"\n', "BSD-3-Clause"),
        ("pyproject.toml", '[project]\nlicense = {file = "LICENSE"}\n', ""),
        ("Cargo.toml", '[package]\nlicense = "MIT OR Apache-2.0"\n', "MIT OR Apache-2.0"),
        ("Cargo.toml", "[package]\nlicense.workspace = true\n", ""),
        ("package.json", '{"license": "ISC"}', "ISC"),
        ("package.json", '{"licenses": [{"type": "MIT"}, {"type": "GPL-2.0"}]}', "MIT OR GPL-2.0"),
        ("package.json", '{"license": 3}', ""),
        ("package.json", "[1]", ""),
        ("setup.cfg", "[metadata]\nlicense = Apache-2.0\n", "Apache-2.0"),
        ("METADATA", "Metadata-Version: 2.4\nLicense-Expression: MIT\nLicense: other\n\nLicense: body\n", "MIT"),
        ("PKG-INFO", "Classifier: License :: OSI Approved :: ISC License (ISCL)\n", "ISC License (ISCL)"),
        ("pom.xml", "<project><licenses><license><name>Apache-2.0</name></license></licenses></project>", "Apache-2.0"),
        ("pyproject.toml", "not [toml", ""),
        ("package.json", "{" * 100_000, ""),
        ("Cargo.toml", "\udc80", ""),
    ],
)
def test_package_metadata(name: str, data: str, said: str) -> None:
    assert package_licence(name, data.encode("utf-8", "surrogateescape")) == said


@pytest.mark.parametrize(
    "name", ["LICENSE", "licence.txt", "COPYING.LESSER", "LICENSE-MIT", "LICENSE.md", "UNLICENSE", "MIT-LICENSE.txt", "LICENSES.txt"]
)
def test_licence_files_by_name(name: str) -> None:
    assert is_licence_file(name)


@pytest.mark.parametrize("name", ["license.py", "licenses.go", "licensed.txt", "README.md", "copying_machine.c", "NOTICE"])
def test_other_files_by_name(name: str) -> None:
    assert not is_licence_file(name)
    assert is_notice_file(name) == (name == "NOTICE")
