"""SPDX licence expressions: `MIT OR Apache-2.0`, `GPL-2.0-only WITH Classpath-exception-2.0`, and what people write instead.

Source: SPDX specification 2.3, annex D (licence expressions); names as in the SPDX licence list.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

_PERMISSIVE = (
    "0BSD AFL-3.0 Apache-2.0 BlueOak-1.0.0 BSD-1-Clause BSD-2-Clause BSD-2-Clause-Patent BSD-3-Clause BSD-3-Clause-Clear BSL-1.0 CC0-1.0 "
    "CNRI-Python curl HPND ICU ISC libpng-2.0 MIT MIT-0 MIT-CMU MulanPSL-2.0 NCSA PostgreSQL PSF-2.0 Python-2.0 Unicode-3.0 "
    "Unicode-DFS-2016 Unlicense UPL-1.0 W3C WTFPL X11 Zlib ZPL-2.1"
)
_OTHERS = (
    "AGPL-3.0-only AGPL-3.0-or-later Apache-1.0 Apache-1.1 APSL-2.0 Artistic-1.0 Artistic-2.0 BSD-4-Clause BUSL-1.1 CC-BY-3.0 CC-BY-4.0 "
    "CC-BY-NC-4.0 CC-BY-NC-SA-4.0 CC-BY-ND-4.0 CC-BY-SA-3.0 CC-BY-SA-4.0 CDDL-1.0 CDDL-1.1 CPL-1.0 ECL-2.0 Elastic-2.0 EPL-1.0 EPL-2.0 "
    "EUPL-1.1 EUPL-1.2 FTL GFDL-1.3-only GPL-1.0-only GPL-1.0-or-later GPL-2.0-only GPL-2.0-or-later GPL-3.0-only GPL-3.0-or-later IJG "
    "JSON LGPL-2.0-only LGPL-2.0-or-later LGPL-2.1-only LGPL-2.1-or-later LGPL-3.0-only LGPL-3.0-or-later MPL-1.0 MPL-1.1 MPL-2.0 "
    "MPL-2.0-no-copyleft-exception MS-PL MS-RL OFL-1.1 OpenSSL OSL-3.0 Ruby SSPL-1.0 TCL Vim"
)
PERMISSIVE, OTHERS = tuple(_PERMISSIVE.split()), tuple(_OTHERS.split())
_KNOWN = {name.lower(): name for name in (*PERMISSIVE, *OTHERS)}
_ALIASES = {  # what package metadata says, in words without punctuation
    "apache": "Apache-2.0",
    "apache 2": "Apache-2.0",
    "apache 2 0": "Apache-2.0",
    "apache v2": "Apache-2.0",
    "apache v2 0": "Apache-2.0",
    "apache license 2 0": "Apache-2.0",
    "apache license v2 0": "Apache-2.0",
    "apache license version 2 0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "apache software license 2 0": "Apache-2.0",
    "boost software license": "BSL-1.0",
    "boost software license 1 0": "BSL-1.0",
    "2 clause bsd": "BSD-2-Clause",
    "bsd 2 clause": "BSD-2-Clause",
    "bsd 2 clause license": "BSD-2-Clause",
    "simplified bsd": "BSD-2-Clause",
    "3 clause bsd": "BSD-3-Clause",
    "3 clause bsd license": "BSD-3-Clause",
    "bsd 3 clause": "BSD-3-Clause",
    "bsd 3 clause license": "BSD-3-Clause",
    "bsd3": "BSD-3-Clause",
    "modified bsd": "BSD-3-Clause",
    "new bsd": "BSD-3-Clause",
    "new bsd license": "BSD-3-Clause",
    "cc0": "CC0-1.0",
    "expat": "MIT",
    "isc license": "ISC",
    "isc license iscl": "ISC",
    "mit license": "MIT",
    "the mit license": "MIT",
    "mozilla public license 2 0 mpl 2 0": "MPL-2.0",
    "mpl2": "MPL-2.0",
    "psf": "PSF-2.0",
    "python software foundation license": "PSF-2.0",
    "the unlicense": "Unlicense",
    "zlib libpng license": "Zlib",
    "agpl 3 0": "AGPL-3.0-only",
    "gpl 2 0": "GPL-2.0-only",
    "gplv2": "GPL-2.0-only",
    "gpl 3 0": "GPL-3.0-only",
    "gplv3": "GPL-3.0-only",
    "gnu general public license v2 gplv2": "GPL-2.0-only",
    "gnu general public license v3 gplv3": "GPL-3.0-only",
    "gnu general public license v3 or later gplv3": "GPL-3.0-or-later",
    "lgpl 2 1": "LGPL-2.1-only",
    "lgpl 3 0": "LGPL-3.0-only",
}
_TOKEN = re.compile(r"\s*(\(|\)|[^\s()]+)")
_OPERATORS = ("AND", "OR", "WITH")
_ID = re.compile(r"(?:DocumentRef-[A-Za-z0-9.-]+:)?[A-Za-z0-9][A-Za-z0-9.-]*\+?")
MAX_CHARS, MAX_DEPTH = 2_000, 20


@dataclass(frozen=True, slots=True)
class Expression:
    """`text` with known names spelled as SPDX spells them; `choices` are the ways to comply: sets of licences of which one set is chosen."""

    text: str
    choices: tuple[frozenset[str], ...]

    @property
    def names(self) -> frozenset[str]:
        return frozenset().union(*self.choices)

    def is_allowed(self, allowed: Collection[str]) -> bool:
        """Whether some choice needs only licences that are allowed."""
        return any(choice <= frozenset(allowed) for choice in self.choices)


def is_known(name: str) -> bool:
    """Whether a name is one of the SPDX names here."""
    return name in _KNOWN.values()


def read_expression(text: str) -> Expression | None:
    """The expression that a text is; None for a text that is none.

    `/` between names means OR, as Cargo's older packages write it; a name that is no SPDX name stays as it is written. An
    exception (`WITH`) only grants more, and is left out of `choices`.
    """
    text = text.strip()
    if not text or len(text) > MAX_CHARS:
        return None
    alias = _name(text)
    if is_known(alias):
        return Expression(alias, (frozenset((alias,)),))
    found = _Reader(_TOKEN.findall(text.replace("/", " OR ") if "://" not in text else text)).read()
    return found if found is None or len(found.choices) <= 64 else None


def both(first: Expression, second: Expression) -> Expression:
    """The expression that asks for both."""
    choices = tuple(dict.fromkeys(a | b for a in first.choices for b in second.choices))
    if first.text == second.text:
        return first
    return Expression(f"{_grouped(first)} AND {_grouped(second)}", choices)


def of_name(name: str) -> Expression:
    """The expression that is one licence."""
    return Expression(name, (frozenset((name,)),))


def _grouped(expression: Expression) -> str:
    return f"({expression.text})" if " OR " in expression.text else expression.text


def _name(written: str) -> str:
    lower = written.lower()
    if lower in _KNOWN:
        return _KNOWN[lower]
    for ending, whole in (("+", "-or-later"), ("", "-only")):  # GPL-2.0 and GPL-2.0+ are older spellings
        if lower.endswith(ending) and lower.removesuffix("+") + whole in _KNOWN:
            return _KNOWN[lower.removesuffix("+") + whole]
    return _ALIASES.get(" ".join(re.findall(r"[a-z0-9]+", lower)), written)


class _Reader:
    """Recursive descent: OR binds weakest, then AND, then WITH."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens, self.at, self.depth = tokens, 0, 0

    def read(self) -> Expression | None:
        found = self._any()
        return found if self.at == len(self.tokens) else None

    def _next(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def _any(self) -> Expression | None:
        found = self._all()
        while found is not None and self._next().upper() == "OR":
            self.at += 1
            other = self._all()
            if other is None:
                return None
            found = Expression(f"{found.text} OR {other.text}", tuple(dict.fromkeys((*found.choices, *other.choices))))
        return found

    def _all(self) -> Expression | None:
        found = self._one()
        while found is not None and self._next().upper() == "AND":
            self.at += 1
            other = self._one()
            if other is None or len(found.choices) * len(other.choices) > 64:
                return None
            found = both(found, other)
        return found

    def _one(self) -> Expression | None:
        token = self._next()
        self.at += 1
        if token == "(":
            self.depth += 1
            found = self._any() if self.depth <= MAX_DEPTH else None
            self.depth -= 1
            if found is None or self._next() != ")":
                return None
            self.at += 1
            return found
        if not _ID.fullmatch(token) or token.upper() in _OPERATORS:
            return None
        name = _name(token)
        if self._next().upper() == "WITH":
            exception = self.tokens[self.at + 1] if self.at + 1 < len(self.tokens) else ""
            if not _ID.fullmatch(exception):
                return None
            self.at += 2
            return Expression(f"{name} WITH {exception}", (frozenset((name,)),))
        return of_name(name)
