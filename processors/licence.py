"""Licences: their names, the many ways in which people write them, and expressions that join them.

`MIT OR Apache-2.0`, `GPL-2.0-only WITH Classpath-exception-2.0`, "Creative Commons Attribution 4.0", an address. Source: SPDX
specification 2.3, annex D (licence expressions); names as in the SPDX licence list (spdx.org/licenses).
"""

from __future__ import annotations

import fnmatch
import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass

PUBLIC_DOMAIN = "LicenseRef-Public-Domain"  # dedicated to the public, without a licence
_CC_VERSIONS = ("1.0", "2.0", "2.1", "2.5", "3.0", "4.0")
_CC_BY = tuple(f"CC-BY-{version}" for version in _CC_VERSIONS)
_PERMISSIVE = (
    "0BSD AFL-3.0 Apache-2.0 BlueOak-1.0.0 BSD-1-Clause BSD-2-Clause BSD-2-Clause-Patent BSD-3-Clause BSD-3-Clause-Clear BSL-1.0 CC0-1.0 "
    "CDLA-Permissive-1.0 CDLA-Permissive-2.0 CNRI-Python curl HPND ICU ISC libpng-2.0 MIT MIT-0 MIT-CMU MulanPSL-2.0 NCSA ODC-By-1.0 "
    "PDDL-1.0 PostgreSQL PSF-2.0 Python-2.0 Unicode-3.0 Unicode-DFS-2016 Unlicense UPL-1.0 W3C WTFPL X11 Zlib ZPL-2.1"
)
_OTHERS = (
    "AGPL-3.0-only AGPL-3.0-or-later Apache-1.0 Apache-1.1 APSL-2.0 Artistic-1.0 Artistic-2.0 BSD-4-Clause BUSL-1.1 CDDL-1.0 CDDL-1.1 "
    "CDLA-Sharing-1.0 CPL-1.0 ECL-2.0 Elastic-2.0 EPL-1.0 EPL-2.0 EUPL-1.1 EUPL-1.2 FTL GFDL-1.3-only GPL-1.0-only GPL-1.0-or-later "
    "GPL-2.0-only GPL-2.0-or-later GPL-3.0-only GPL-3.0-or-later IJG JSON LGPL-2.0-only LGPL-2.0-or-later LGPL-2.1-only "
    "LGPL-2.1-or-later LGPL-3.0-only LGPL-3.0-or-later MPL-1.0 MPL-1.1 MPL-2.0 MPL-2.0-no-copyleft-exception MS-PL MS-RL ODbL-1.0 "
    "OFL-1.1 OpenSSL OSL-3.0 Ruby SSPL-1.0 TCL Vim"
)
PERMISSIVE = (*_PERMISSIVE.split(), *_CC_BY, PUBLIC_DOMAIN)
_CC_BOUND = tuple(f"CC-BY-{terms}-{version}" for terms in ("NC", "NC-ND", "NC-SA", "ND", "SA") for version in _CC_VERSIONS)
_KNOWN = {name.lower(): name for name in (*PERMISSIVE, *_OTHERS.split(), *_CC_BOUND)}

_SAYS_NOTHING = frozenset(("unknown", "none", "null", "n/a", "na", "noassertion", "other", "unspecified"))
_FILLERS = re.compile(r"\b(?:licen[cs]ed?|the|version)\b|\bv(?=\.?\s?\d)")
# the words of a licence without case, spaces, signs and fillers. "BSD", "MPL" and "Artistic" alone are several licences, and no name.
_SPELLINGS = {
    "Apache-2.0": "apache apache2 apache20 apachev2 apachev20 apachesoftware apachesoftware20 asl20",
    "BSD-2-Clause": "bsd2 bsd2clause 2clausebsd simplifiedbsd bsd2clausesimplified freebsd",
    "BSD-3-Clause": "bsd3 bsd3clause 3clausebsd newbsd modifiedbsd revisedbsd bsd3clauseneworrevised",
    "BSL-1.0": "boost boost10 boostsoftware boostsoftware10",
    "CC0-1.0": "cc0 cc010 cc0universal cc010universal cc010universalpublicdomaindedication cczero creativecommonszero creativecommonszero10 "
    "creativecommonszero10universal creativecommonszerov10universal",
    "EPL-2.0": "eclipsepublic20",
    "EUPL-1.2": "europeanunionpublic12",
    "ISC": "isc iscl",
    "LGPL-2.0-or-later": "gnulibraryorlessergeneralpublic",
    "MIT": "mit expat",
    "MIT-0": "mitnoattribution",
    "MPL-1.1": "mozillapublic11",
    "MPL-2.0": "mpl2 mpl20 mozillapublic20",
    "ODC-By-1.0": "odcby odcby10 opendatacommonsattribution opendatacommonsattribution10",
    "ODbL-1.0": "odbl odbl10 opendatabase opendatabase10",
    "OFL-1.1": "silopenfont11",
    "PDDL-1.0": "pddl opendatacommonspublicdomaindedication",
    "PSF-2.0": "psf pythonsoftwarefoundation",
    PUBLIC_DOMAIN: "publicdomain",
    "Python-2.0": "python",
    "UPL-1.0": "upl universalpermissive",
    "Unlicense": "unlicense",
    "Zlib": "zlib zliblibpng",
}
_NAMES = {word: name for name, words in _SPELLINGS.items() for word in words.split()}

_ADDRESS = re.compile(
    r"(?:https?://)?(?:www\.)?(?:creativecommons\.org/(?:licenses/([a-z-]{2,12})/(\d\.\d)|publicdomain/(zero|mark))(?:/[\w./-]{0,40})?"
    r"|(?:opensource\.org/licen[cs]es?|spdx\.org/licenses)/([\w.+-]{1,40}?)(?:\.html|\.php)?/?|apache\.org/licenses/(license-2\.0)(?:\.txt|\.html)?)"
    r"(?=[\s)>\"'\]]|$)"
)
_CC = re.compile(
    r"(cc|creative commons)?[ _-]*(by(?:[ _-]*(?:nc|nd|sa))*)[ _-]*v?(\d(?:\.\d)?)?"
    r"(?:[ _-]+(?:international|unported|generic|public|deed|licen[cs]e|igo|(?!or|nc|nd|sa|by)[a-z]{2})){0,4}"  # a country's port is the licence
)
_CC_WORDS = re.compile(r"attribution|share ?alike|non-?commercial|no ?deriv(?:ative)?s")
_CC_TERMS = {"attr": "by", "shar": "sa", "nonc": "nc", "non-": "nc", "node": "nd", "no d": "nd"}
_GNU = re.compile(
    r"(?:gnu )?(?:(affero|lesser|library) (?:gnu )?)?(?:general public|([al]?)gpl) ?v?\.? ?(\d(?:\.\d)?)?"
    r"( ?\+| or (?:any )?(?:later|newer)| only)?"
)
_GNU_FAMILIES = {"affero": "AGPL", "lesser": "LGPL", "library": "LGPL"}
_GNU_FIRST = {"GPL": "1.0", "LGPL": "2.0", "AGPL": "3.0"}  # without a version any may be chosen, as the licences themselves say
_REMARK = re.compile(r"([^()]+)\(([^()]+)\)([^()]*)")
MAX_NAME_CHARS = 300


@functools.lru_cache(maxsize=4_096)
def spdx_name(written: str) -> str:
    """One licence as SPDX writes it; what is not known comes back as it is written, without the white space around it.

    Creative Commons without a version means 4.0, a bare "Apache" 2.0. A remark in brackets or an address beside a name must mean the
    same licence as the name.
    """
    written = " ".join(written.split())
    if len(written) > MAX_NAME_CHARS:
        return written
    lower = written.lower()
    found = _of_id(lower) or _of_words(lower)
    if found:
        return found
    address = _ADDRESS.search(lower)
    if address:
        told = _of_address(address)
        rest = f"{lower[: address.start()]} {lower[address.end() :]}".strip(" ()<>,;:-")
        return told if told and (_words(rest) in ("", "cc", "creativecommons") or spdx_name(rest) == told) else written
    remark = _REMARK.fullmatch(lower)
    if remark:
        first, second = spdx_name(remark[1] + remark[3]), spdx_name(remark[2])
        return first if first == second and is_known(first) else written
    return written


def is_known(name: str) -> bool:
    """Whether a name is one of the SPDX names here, or a reference that a document defines."""
    return _KNOWN.get(name.lower()) == name or name.startswith(("LicenseRef-", "DocumentRef-"))


def _words(lower: str) -> str:
    return re.sub(r"[\W_]", "", _FILLERS.sub(" ", lower))


def _of_id(lower: str) -> str:
    if lower in _KNOWN:
        return _KNOWN[lower]
    bare = lower.removesuffix("+")
    older = bare + ("-only" if bare == lower else "-or-later")  # GPL-2.0 and GPL-2.0+ are older spellings
    return _KNOWN.get(older) or _KNOWN.get(bare, "")  # elsewhere "or later" only grants more


def _of_words(lower: str) -> str:
    found = _GNU.fullmatch(re.sub(r"[\s_,-]+", " ", _FILLERS.sub(" ", lower)).strip())
    if found:
        family = _GNU_FAMILIES.get(found[1] or "", f"{found[2] or ''}GPL".upper())
        number, said = found[3] or "", (found[4] or "").strip()
        if not number:
            return "" if said == "only" else f"{family}-{_GNU_FIRST[family]}-or-later"
        number = number if "." in number else f"{number}.0"
        return _KNOWN.get(f"{family}-{number}-{'only' if said in ('', 'only') else 'or-later'}".lower(), "")
    commons = _CC.fullmatch(_CC_WORDS.sub(lambda word: _CC_TERMS[word[0][:4]], lower))
    if commons and (commons[1] or (commons[3] and lower.startswith("attribution"))):
        return _commons(commons[2], commons[3] or "4.0")
    return "" if re.search(r"[()]|\+$", lower) else _NAMES.get(_words(lower), "")


def _commons(terms: str, version: str) -> str:
    bound = sorted(set(re.findall("nc|nd|sa", terms.partition("by")[2])))
    return _KNOWN.get("-".join(["cc-by", *bound, version if "." in version else f"{version}.0"]), "")


def _of_address(found: re.Match[str]) -> str:
    terms, version, dedicated, name, apache = found.groups()
    if dedicated:
        return "CC0-1.0" if dedicated == "zero" else PUBLIC_DOMAIN
    if apache:
        return "Apache-2.0"
    return (_commons(terms, version) if terms.startswith("by") else "") if terms else _of_id(name) or _of_words(name)


# ---- expressions

_TOKEN = re.compile(r"\s*(\(|\)|[^\s()]+)")
_OPERATORS = ("AND", "OR", "WITH")
_ID = re.compile(r"(?:DocumentRef-[A-Za-z0-9.-]+:)?[A-Za-z0-9][A-Za-z0-9.-]*\+?")
MAX_CHARS, MAX_DEPTH, MAX_CHOICES = 2_000, 20, 64


@dataclass(frozen=True, slots=True)
class Expression:
    """`text` with known names spelled as SPDX spells them; `choices` are the ways to comply: sets of licences of which one set is chosen."""

    text: str
    choices: tuple[frozenset[str], ...]

    @property
    def names(self) -> frozenset[str]:
        return frozenset().union(*self.choices)

    def is_allowed(self, allowed: tuple[str, ...]) -> bool:
        """Whether some choice needs only licences that are allowed: by name, or by a glob such as `CC-BY-[0-9]*`, without case."""
        return any(all(matches(name, allowed) for name in choice) for choice in self.choices)


def matches(name: str, allowed: tuple[str, ...]) -> bool:
    """Whether a licence is one of `allowed`, names in any spelling or globs."""
    names, globs = _patterns(allowed)
    lower = name.lower()
    return lower in names or any(fnmatch.fnmatchcase(lower, glob) for glob in globs)


@functools.lru_cache(maxsize=64)
def _patterns(allowed: tuple[str, ...]) -> tuple[frozenset[str], tuple[str, ...]]:
    globs = tuple(item.lower() for item in allowed if any(sign in item for sign in "*?["))
    return frozenset(spdx_name(item).lower() for item in allowed if item.lower() not in globs), globs


def read_expression(text: str) -> Expression | None:
    """The expression that a text is; None for a text that is none, or that says that nothing is known.

    `/` between names means OR, as Cargo's older packages write it; a name of one word that is no SPDX name stays as it is written,
    one of several words must be known. An exception (`WITH`) only grants more, and is left out of `choices`.
    """
    text = text.strip()
    if not text or len(text) > MAX_CHARS or text.lower() in _SAYS_NOTHING:
        return None
    name = spdx_name(text)
    if is_known(name) and _ID.fullmatch(name):
        return of_name(name)
    return _Reader(_TOKEN.findall(text.replace("/", " OR ") if "://" not in text else text)).read()


def both(first: Expression, second: Expression) -> Expression:
    """The expression that asks for both."""
    choices = tuple(dict.fromkeys(a | b for a in first.choices for b in second.choices))
    if first.text == second.text:
        return first
    return Expression(f"{_grouped(first)} AND {_grouped(second)}", choices)


def all_of(licences: Iterable[str]) -> str:
    """What must be kept to by who uses things under several licences, as one text; those that state none are left out."""
    stated = sorted({licence for licence in licences if licence})
    return " AND ".join(f"({licence})" if " OR " in licence and len(stated) > 1 else licence for licence in stated)


def of_name(name: str) -> Expression:
    """The expression that is one licence."""
    return Expression(name, (frozenset((name,)),))


def _grouped(expression: Expression) -> str:
    return f"({expression.text})" if " OR " in expression.text else expression.text


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
            if other is None or len(found.choices) + len(other.choices) > MAX_CHOICES:
                return None
            found = Expression(f"{found.text} OR {other.text}", tuple(dict.fromkeys((*found.choices, *other.choices))))
        return found

    def _all(self) -> Expression | None:
        found = self._one()
        while found is not None and self._next().upper() == "AND":
            self.at += 1
            other = self._one()
            if other is None or len(found.choices) * len(other.choices) > MAX_CHOICES:
                return None
            found = both(found, other)
        return found

    def _one(self) -> Expression | None:
        if self._next() == "(":
            self.at += 1
            self.depth += 1
            found = self._any() if self.depth <= MAX_DEPTH else None
            self.depth -= 1
            if found is None or self._next() != ")":
                return None
            self.at += 1
            return found
        name = self._name()
        if name is None:
            return None
        if self._next().upper() == "WITH":
            exception = self.tokens[self.at + 1] if self.at + 1 < len(self.tokens) else ""
            if not _ID.fullmatch(exception):
                return None
            self.at += 2
            return Expression(f"{name} WITH {exception}", (frozenset((name,)),))
        return of_name(name)

    def _name(self) -> str | None:
        begin = self.at
        while self._next() not in ("", "(", ")") and self._next().upper() not in _OPERATORS:
            self.at += 1
        words = self.tokens[begin : self.at]
        name = spdx_name(" ".join(words))
        if is_known(name) and _ID.fullmatch(name):
            return name
        return name if len(words) == 1 and _ID.fullmatch(name) and name.lower() not in _SAYS_NOTHING else None
