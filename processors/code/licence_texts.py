"""Licence texts and notices, told by fragments that stand in one licence and in no other.

Texts are compared as words: case, punctuation, line ends and comment marks play no part. A fragment is what the licence cannot be
without; where a licence is another one plus or minus a clause, the clause decides.
"""

from __future__ import annotations

import re

from processors.licence import PUBLIC_DOMAIN

RESTRICTED = "LicenseRef-Restricted"
MAX_CHARS = 200_000
_WORDS = re.compile(r"[a-z0-9]+")

_GRANT = "permission is hereby granted free of charge to any person obtaining a copy"
_BSD = "redistribution and use in source and binary forms with or without modification are permitted"
_BSD_SOURCE = "redistributions of source code must retain the above copyright notice"
_ISC = "permission to use copy modify and or distribute this software for any purpose with or without fee is hereby granted"
_CURL = "permission to use copy modify and distribute this software for any purpose with or without fee is hereby granted"

# (licence, fragments of which all must occur, fragments of which none may)
_TEXTS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("MIT", (_GRANT, "and this permission notice"), ("except as contained in this notice the name", "for good not evil")),
    ("MIT-0", (_GRANT, "without warranty of any kind"), ("and this permission notice", _BSD_SOURCE)),
    ("X11", (_GRANT, "except as contained in this notice the name"), ("for good not evil",)),
    ("JSON", (_GRANT, "for good not evil"), ()),
    ("NCSA", (_GRANT, "university of illinois ncsa open source license"), ()),
    ("BSL-1.0", ("free of charge to any person or organization obtaining a copy of the software",), ()),
    ("ISC", (_ISC, "this permission notice appear in all copies"), ()),
    ("0BSD", (_ISC,), ("this permission notice appear in all copies",)),
    ("curl", (_CURL, "this permission notice appear in all copies"), ()),
    ("BSD-4-Clause", (_BSD, "all advertising materials mentioning features"), ()),
    ("BSD-3-Clause-Clear", (_BSD, "no express or implied licenses to any party s patent rights"), ()),
    (
        "BSD-3-Clause",
        (_BSD, "to endorse or promote products derived from this software without"),
        ("all advertising materials mentioning features", "no express or implied licenses to any party s patent rights"),
    ),
    (
        "BSD-2-Clause",
        (_BSD, "redistributions in binary form must reproduce"),
        ("to endorse or promote products", "all advertising materials mentioning features"),
    ),
    ("Apache-2.0", ("apache license version 2 0", "terms and conditions for use reproduction and distribution"), ()),
    ("Apache-2.0", ("licensed under the apache license version 2 0",), ()),
    ("Apache-1.1", ("apache software license version 1 1",), ()),
    ("GPL-2.0-only", ("gnu general public license version 2 june 1991",), ()),
    ("GPL-3.0-only", ("gnu general public license version 3 29 june 2007",), ()),
    ("AGPL-3.0-only", ("gnu affero general public license version 3 19 november 2007",), ()),
    ("LGPL-2.0-only", ("gnu library general public license version 2 june 1991",), ()),
    ("LGPL-2.1-only", ("gnu lesser general public license version 2 1 february 1999",), ()),
    ("LGPL-3.0-only", ("gnu lesser general public license version 3 29 june 2007",), ()),
    ("MPL-2.0", ("mozilla public license version 2 0",), ()),
    ("MPL-2.0", ("mozilla public license v 2 0",), ()),
    ("MPL-1.1", ("mozilla public license version 1 1",), ()),
    ("EPL-1.0", ("eclipse public license v 1 0",), ()),
    ("EPL-2.0", ("eclipse public license v 2 0",), ()),
    ("CDDL-1.0", ("common development and distribution license",), ()),
    ("EUPL-1.2", ("european union public licence v 1 2",), ()),
    ("CC0-1.0", ("cc0 1 0 universal",), ()),
    ("CC-BY-NC-4.0", ("attribution noncommercial 4 0 international",), ()),
    ("CC-BY-NC-SA-4.0", ("attribution noncommercial sharealike 4 0 international",), ()),
    ("CC-BY-SA-4.0", ("attribution sharealike 4 0 international",), ()),
    ("CC-BY-4.0", ("attribution 4 0 international",), ()),
    ("Unlicense", ("this is free and unencumbered software released into the public domain",), ()),
    ("Zlib", ("in no event will the authors be held liable", "altered source versions must be plainly marked"), ()),
    ("PSF-2.0", ("python software foundation license version 2",), ()),
    ("WTFPL", ("do what the fuck you want to public license",), ()),
    ("BlueOak-1.0.0", ("blue oak model license version 1 0 0",), ()),
    ("Artistic-2.0", ("artistic license 2 0",), ()),
    ("Artistic-1.0", ("the artistic license preamble",), ()),
    ("UPL-1.0", ("universal permissive license",), ()),
    ("PostgreSQL", ("its documentation for any purpose without fee and without a written agreement is hereby granted",), ()),
    ("HPND", ("this software and its documentation for any purpose", "that copyright notice and this permission notice appear in"), ()),
    ("Unicode-3.0", ("unicode license v3",), ()),
    ("MS-PL", ("microsoft public license",), ()),
    ("OFL-1.1", ("sil open font license",), ()),
    ("BUSL-1.1", ("business source license 1 1",), ()),
    ("SSPL-1.0", ("server side public license",), ()),
    ("Elastic-2.0", ("elastic license 2 0",), ()),
    ("MulanPSL-2.0", ("mulan psl v2",), ()),
    (RESTRICTED, ("commons clause",), ()),
    (RESTRICTED, ("proprietary and confidential",), ()),
    (RESTRICTED, ("confidential and proprietary",), ()),
    (RESTRICTED, ("non commercial use only",), ()),
    (RESTRICTED, ("noncommercial use only",), ()),
    (RESTRICTED, ("for personal use only",), ()),
    (RESTRICTED, ("for research purposes only",), ()),
    (RESTRICTED, ("unauthorized copying of this file",), ()),
)
# what the head of a file says of its licence without giving the text
_NOTICES: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("MIT", ("mit license",), ()),
    ("MIT", ("license mit",), ()),
    ("MIT", ("licensed under mit",), ()),
    ("Apache-2.0", ("apache license 2 0",), ()),
    ("Apache-2.0", ("apache org licenses license 2 0",), ()),
    ("MPL-2.0", ("mozilla org mpl 2 0",), ()),
    ("BSL-1.0", ("boost software license version 1 0",), ()),
    (PUBLIC_DOMAIN, ("in the public domain",), ()),
    (PUBLIC_DOMAIN, ("into the public domain",), ("free and unencumbered software",)),
    (PUBLIC_DOMAIN, ("to the public domain",), ()),
)
_GNU = re.compile(r"gnu (affero |lesser |library )?general public licen[sc]e")
_UNDER_GNU = re.compile(
    r"(?:(?<!previously distributed )under|terms of|covered by) (?:the )?(?:terms of )?(?:the )?" + _GNU.pattern
)  # a text may also speak of it
_VERSION = re.compile(r"\bv(?:ersion)? ?([123](?: [01])?)\b")
_FULL_GNU_TEXT = "everyone is permitted to copy and distribute verbatim copies"


def words_of(text: str) -> str:
    """The words of a text, in lower case, with one space between and around them."""
    return f" {' '.join(_WORDS.findall(text[:MAX_CHARS].lower()))} "


def licences_in(text: str) -> list[str]:
    """The licences whose text stands in a licence file, in a fixed order, each once."""
    words = words_of(text)
    found = _matching(_TEXTS, words)
    if _FULL_GNU_TEXT not in words:
        found += [name for name in _gnu_notice(words, _UNDER_GNU) if name not in found]
    return found


def licences_of_notice(text: str) -> list[str]:
    """The licences that the head of a file names, or gives in full."""
    words = words_of(text)
    found = _matching(_TEXTS, words)
    found += [name for name in (*_matching(_NOTICES, words), *_gnu_notice(words)) if name not in found]
    return found


def _matching(table: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...], words: str) -> list[str]:
    found = [
        name
        for name, needed, barred in table
        if all(f" {part} " in words for part in needed) and not any(f" {part} " in words for part in barred)
    ]
    return list(dict.fromkeys(found))


def _gnu_notice(words: str, form: re.Pattern[str] = _GNU) -> list[str]:
    """The GNU licence that a notice names, with its version; 2.0 (the Lesser: 2.1) where it gives none."""
    found = form.search(words)
    if found is None:
        return []
    family = {"affero ": "AGPL", "lesser ": "LGPL", "library ": "LGPL"}.get(found[1] or "", "GPL")
    around = words[max(0, found.start() - 200) : found.end() + 400]
    said = _VERSION.search(around)
    number = said[1].replace(" ", ".") if said else {"AGPL": "3.0", "LGPL": "2.1", "GPL": "2.0"}[family]
    number = number if "." in number else f"{number}.0"
    if (family, number) not in _GNU_VERSIONS:
        number = {"AGPL": "3.0", "LGPL": "2.1", "GPL": "2.0"}[family]
    return [f"{family}-{number}-{'or-later' if 'any later version' in around else 'only'}"]


_GNU_VERSIONS = {
    ("GPL", "1.0"),
    ("GPL", "2.0"),
    ("GPL", "3.0"),
    ("LGPL", "2.0"),
    ("LGPL", "2.1"),
    ("LGPL", "3.0"),
    ("AGPL", "3.0"),
}
