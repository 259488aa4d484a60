"""Under which licence a file may be used: what its own head says, else the nearest licence file, else the package, else the source.

The nearer statement counts, since a tree of one licence may hold files of another. What cannot be told is unknown, never assumed.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from processors.code.licence_texts import licences_in, licences_of_notice
from processors.dialogue import text_field
from processors.gates import LICENCE_UNKNOWN
from processors.licence import Expression, both, of_name, read_expression
from schemas.facts import Fact
from schemas.outcome import Reject
from schemas.records import Row, with_facts

LICENCE = Fact("code.licence", str, "SPDX expression of the file's licence, empty when it cannot be told")
LICENCE_FROM = Fact("code.licence_from", str, "What tells the licence: header, file, package or stated; empty when nothing does")

LICENCE_COLUMNS = ("max_stars_repo_licenses", "detected_licenses", "licenses", "license", "licence")
HEAD_CHARS = 12_000  # a licence text in a comment has some 1,500 to 11,500
_SPDX = re.compile(r"SPDX-License-Identifier:[ \t]{0,8}([^\r\n]{1,300})")
_BLOCKS = (("/*", "*/"), ("<!--", "-->"), ('"""', '"""'), ("'''", "'''"), ("=begin", "=end"), ("--[[", "]]"))
_LINE_MARKS = ("#", "//", "*", "--", ";", "%", "<?", "package ", "'use strict'", '"use strict"')


def leading_comment(text: str) -> str:
    """The comments, a documentation string included, that stand before the first line of code."""
    kept, end = [], ""
    for line in text[:HEAD_CHARS].removeprefix("\ufeff").splitlines():
        bare = line.strip()
        if not end:
            opening = next(((start, stop) for start, stop in _BLOCKS if bare.startswith(start)), None)
            if opening is None:
                if bare and not bare.startswith(_LINE_MARKS):
                    break
                kept.append(bare.lstrip("#/*-;% "))
                continue
            bare, end = bare[len(opening[0]) :], opening[1]
        inside, closing, _ = bare.partition(end)
        kept.append(inside.strip("#/*-;% "))
        end = "" if closing else end
    return "\n".join(kept)


def header_licence(text: str) -> Expression | None:
    """What the head of a file says: its SPDX lines, else the notice or the text in its first comment."""
    head = leading_comment(text)
    spelled = [read_expression(found.rstrip(" \t*/->#").strip()) for found in _SPDX.findall(head)]
    if spelled:
        known = [expression for expression in spelled if expression is not None]
        return functools.reduce(both, known) if len(known) == len(spelled) else None
    found = licences_of_notice(head) if "icen" in head or "public domain" in head.lower() or "onfidential" in head else []
    return functools.reduce(both, map(of_name, found)) if found else None


@functools.lru_cache(maxsize=64)
def _file_licence(texts: tuple[tuple[str, str], ...]) -> tuple[Expression | None, str]:
    """The expression of all licence files of a folder together, and which of them is not understood."""
    found: list[Expression] = []
    for name, text in texts:
        names = licences_in(text)
        spelled = [read_expression(said.rstrip(" \t*/->#")) for said in _SPDX.findall(text[:HEAD_CHARS])]
        known = [expression for expression in spelled if expression is not None]
        if not names and not known:
            return None, name
        found += [of_name(name) for name in names] or known
    return (functools.reduce(both, found) if found else None), ""


def licence_of(text: str, fields: Mapping[str, object], stated: str = "") -> tuple[str, str, str]:
    """(SPDX expression or "", what tells it, why it is unknown) of a file with text `text`, from the row that it came in.

    `licence_texts` of the row are the nearest licence files, `package_licence` the metadata of the nearest package. Of several
    licence files all must be followed, unless the package's own expression names their licences and says how they combine.
    """
    header = header_licence(text)
    if header is not None:
        return header.text, "header", ""
    package = read_expression(text_field(fields, "package_licence"))
    texts = fields.get("licence_texts")
    if isinstance(texts, list) and texts:
        found, problem = _file_licence(tuple((str(name), str(text)) for name, text in texts))
        if found is None:
            return "", "", f"{problem} is no licence text that is known"
        if package is None:
            return found.text, "file", ""
        return (package if found.names <= package.names else both(found, package)).text, "file", ""
    if package is not None:
        return package.text, "package", ""
    said = _stated(fields) or ([stated] if stated else [])
    expressions = [read_expression(item) for item in said]
    known = [expression for expression in expressions if expression is not None]
    if not said or len(known) < len(expressions):
        package_said = text_field(fields, "package_licence")
        shown = ", ".join(said) or package_said
        return "", "", f"{shown[:100]!r} is no licence expression" if shown else "no licence file, no package and no header tells it"
    return functools.reduce(both, known).text, "stated", ""


def _stated(fields: Mapping[str, object]) -> list[str]:
    for name in LICENCE_COLUMNS:
        value = fields.get(name)
        values = [value] if isinstance(value, str) else value if isinstance(value, list) else []
        found = [item.strip() for item in values if isinstance(item, str) and item.strip()]
        if found:
            return found
    return []


def head_of(row: Row) -> str:
    """The beginning of the row's file, for reading comments: bytes that are no UTF-8 are replaced."""
    if "text" in row.blobs:
        data = row.blobs["text"][: 4 * HEAD_CHARS]
        is_wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
        return data.decode("utf-16" if is_wide else "utf-8", "replace")
    return next((value for name in ("content", "code", "text") if isinstance(value := row.fields.get(name), str) and value), "")


@dataclass(frozen=True, slots=True)
class DetectLicence:
    """Tells the licence of a row's file; the record's origin carries it from here on. Refuses what cannot be told."""

    takes: ClassVar = (Row,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = (LICENCE, LICENCE_FROM)
    reasons: ClassVar = (LICENCE_UNKNOWN,)
    version: ClassVar = 2

    def __call__(self, row: Row) -> Row | Reject:
        expression, told_by, problem = licence_of(head_of(row), row.fields, row.origin.licence)
        if problem:
            return Reject(row.key, LICENCE_UNKNOWN.name, problem)
        row = replace(row, origin=replace(row.origin, licence=expression))
        return with_facts(row, {LICENCE.name: expression, LICENCE_FROM.name: told_by})
