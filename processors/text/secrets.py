"""Keys, tokens, private keys and passwords: what a service's own prefix, or the word beside them, gives away.

Sources: the issuers' documentation of their key formats; RFC 7468 (PEM), RFC 7519 (JSON Web Tokens), RFC 3986 section 3.2.1 (user
information in addresses). Placeholders of manuals (`your-api-key`, `user:password@`) and of example.com are nobody's.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from processors.text.places import Places, matches

SECRET = "secret"


@dataclass(frozen=True, slots=True)
class Span:
    """Where personal data or a secret stands: `text[start:stop]`."""

    kind: str
    start: int
    stop: int


# ---- texts of which one must occur, since looking for them is fast, and the form

_PRIVATE_KEY = r"(?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
_FORMS: tuple[tuple[str, str], ...] = (
    ("PRIVATE KEY", rf"-----BEGIN {_PRIVATE_KEY}[\s\S]{{0,8000}}?(?:-----END {_PRIVATE_KEY}|\Z)"),
    ("PuTTY-User-Key-File", r"PuTTY-User-Key-File-\d: [\s\S]{0,8000}?Private-MAC: [0-9a-f]{40,64}"),
    ("AGE-SECRET-KEY-1", r"\bAGE-SECRET-KEY-1[0-9A-Z]{58}\b"),
    ("AKIA ASIA ABIA ACCA", r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b"),  # Amazon
    ("ghp_ gho_ ghu_ ghs_ ghr_ github_pat_", r"\bgh[pousr]_[A-Za-z0-9]{36,255}\b|\bgithub_pat_[A-Za-z0-9_]{22,255}\b"),
    ("glpat- gldt- glrt-", r"\bgl(?:pat|dt|rt)-[\w-]{20,64}(?![\w-])"),  # GitLab
    ("xox xapp- hooks.slack", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,255}|\bxapp-\d-[A-Z0-9]{8,16}-\d{8,16}-[a-f0-9]{32,128}"),  # Slack
    ("hooks.slack", r"\bhooks\.slack\.com/services/T\w{6,12}/B\w{6,12}/\w{16,32}"),
    ("k_live_ k_test_ whsec_", r"\b[srp]k_(?:live|test)_[A-Za-z0-9]{16,128}\b|\bwhsec_[A-Za-z0-9]{24,64}\b"),  # Stripe
    ("AIza ya29. GOCSPX-", r"\bAIza[\w-]{35}(?![\w-])|\bya29\.[\w-]{20,512}|\bGOCSPX-[\w-]{28}(?![\w-])"),  # Google
    ("sk-", r"\bsk-(?:proj-|svcacct-|ant-[a-z0-9]{1,8}-|or-v1-)?(?=[\w-]{0,255}\d)[A-Za-z0-9_-]{20,255}(?![\w-])"),  # OpenAI, others
    ("hf_ npm_ gsk_ r8_", r"\bhf_[A-Za-z0-9]{30,64}\b|\bnpm_[A-Za-z0-9]{36}\b|\bgsk_[A-Za-z0-9]{48,64}\b|\br8_[A-Za-z0-9]{37}\b"),
    ("pypi-AgE dop_v1_ shp", r"\bpypi-AgE[\w-]{50,512}|\bdop_v1_[a-f0-9]{64}\b|\bshp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}\b"),
    ("SG. SK key-", r"\bSG\.[\w-]{16,32}\.[\w-]{32,64}(?![\w-])|\bSK[0-9a-f]{32}\b|\bkey-[0-9a-f]{32}\b"),  # SendGrid, Twilio, Mailgun
    ("glsa_ hvs. lin_api_ figd_", r"\bglsa_[A-Za-z0-9]{32}_[a-f0-9]{8}\b|\bhvs\.[\w-]{24,256}|\blin_api_\w{40}\b|\bfigd_[\w-]{40}"),
    ("dckr_pat_ NRAK- sbp_ dapi", r"\bdckr_pat_[\w-]{27}|\bNRAK-[A-Z0-9]{27}\b|\bsbp_[a-f0-9]{40}\b|\bdapi[a-f0-9]{32}\b"),
    ("eyJ", r"\beyJ[\w-]{10,4096}\.eyJ[\w-]{10,8192}\.[\w-]{10,1024}"),  # JSON Web Token
    (":AA", r"\b\d{8,10}:AA[\w-]{33}(?![\w-])"),  # Telegram
    ("AccountKey= SharedAccessKey=", r"(?:AccountKey|SharedAccessKey)=([A-Za-z0-9+/]{40,88}={0,2})"),  # Azure
)
FORMS = tuple((tuple(marks.split()) if marks != "PRIVATE KEY" else (marks,), re.compile(form)) for marks, form in _FORMS)
MIN_KEY_CHARS, MAX_FORM_CHARS = 20, 12_000

# ---- an address with a user and a password: scheme://user:password@host

_USER = re.compile(r"://(([^\s:/@\"'<>]{1,64}):([^\s@/\"'<>]{3,128}))@([\w.-]{1,255})")
_NO_PASSWORDS = frozenset(
    [
        "pass",
        "password",
        "passwd",
        "pwd",
        "secret",
        "token",
        "user",
        "username",
        "xxx",
        "xxxx",
        "xxxxx",
        "changeme",
        "example",
        "test",
        "key",
        "api_key",
        "apikey",
    ]
)
NOBODYS = re.compile(r"(?:^|\.)(?:example(?:\.(?:com|org|net|edu))?|test|invalid|localhost)$", re.I)  # RFC 2606

# ---- a value beside a word that says what it is

_NAMES = ("key", "token", "secret", "passw", "passphrase", "pwd")  # of which `key` needs one of these before it
_WHOSE_KEY = re.compile(r"(?:secret|api|access|auth|client|private|account|encryption|signing)[_-]?$")
_CHARS = r"[A-Za-z0-9+/=_.~!@#$%^&*-]"
_ASSIGNS = re.compile(r"[\w.-]{3,30}[\"']?\s{0,3}(?:=>|:=|[:=])\s{0,3}")
_QUOTED = re.compile(rf"[\"']({_CHARS}{{8,256}})[\"']")
_BARE = re.compile(
    rf"({_CHARS}{{8,256}})[ \t]{{0,8}}(?:\r?\n|\Z)|([^\s;\"']{{6,128}});"
)  # to the end of a line, or a connection string's field
_LINE_HEAD = re.compile(r"(?:^|[\n;])[ \t]{0,16}(?:export |set |- )?[\w. -]{0,40}$")
_NEAR = re.compile(
    r"\b(?:api|secret|access|auth|bearer)[ _-](?:key|token|secret)\b[^\n]{0,24}?(?<![\w/+.-])([A-Za-z0-9+/_-]{24,256}={0,2})(?![\w/+-])",
    re.I,
)
_HEADER = re.compile(r"\bauthorization\W{1,4}(?:bearer|basic)\s{1,3}([A-Za-z0-9+/=_.~-]{16,2048})", re.I)
_SAID = re.compile(r"\bpass(?:word|phrase)\s(?:is|:)\s{0,2}[\"'`]?([^\s\"'`]{8,64})", re.I)
_SAYS = (  # literals in lower case, the form, the least bits a character of the value
    ((" key", " token", " secret", "_key", "_token", "-key", "-token"), _NEAR, 3.25),
    (("authorization",), _HEADER, 2.5),
    (("password is", "password :", "passphrase is"), _SAID, 2.5),
)


def find_secrets(text: str, language: str = "") -> list[Span]:
    """Keys, tokens, private keys and passwords of well-known forms, in no order; some may overlap."""
    return list(dict.fromkeys(secrets_in(Places(text, language))))


def secrets_in(places: Places) -> Iterator[Span]:
    text = places.text
    has_key = places.has_word(MIN_KEY_CHARS)
    for marks, pattern in FORMS if has_key else FORMS[:1]:
        if any(mark in text for mark in marks):
            for found in matches(pattern, text, places.near(marks, 64, MAX_FORM_CHARS, needs_digit=False)):
                yield Span(SECRET, found.start(pattern.groups), found.end(pattern.groups))
    for found in matches(_USER, text, places.near(("://",), 0, 480, needs_digit=False)) if "@" in text else ():
        if found[3].lower() not in _NO_PASSWORDS and not NOBODYS.search(found[4]) and found[3][0] not in "$%{<[":
            yield Span(SECRET, found.start(1), found.end(1))
    if not len(places.digits):
        return  # every value has one
    yield from _assigned(places)
    for literals, pattern, bits in _SAYS if has_key else _SAYS[2:]:
        for found in matches(pattern, text, places.near(literals, 16, 420, is_lower=True)):
            if is_random(found[1], bits):
                yield Span(SECRET, found.start(1), found.end(1))


def _assigned(places: Places) -> Iterator[Span]:
    """Values that are given to a name: `api_key = "..."`, `DB_PASSWORD=...` as a line, `Password=...;`."""
    text, low = places.text, places.low
    for at in places.each(_NAMES):
        before = low[max(0, at - 20) : at]
        if (low.startswith("key", at) and not _WHOSE_KEY.search(before)) or "public" in before:
            continue
        name = _ASSIGNS.match(text, at)
        if not name:
            continue
        value = _QUOTED.match(text, name.end())
        if not value and _LINE_HEAD.search(text, max(0, at - 60), at):
            value = _BARE.match(text, name.end())
        if value and value.lastindex and is_random(value[value.lastindex], 2.5):
            yield Span(SECRET, value.start(value.lastindex), value.end(value.lastindex))


_WORDS = re.compile(r"[A-Za-z]{3,}")
_IS_NAME = re.compile(
    r"[A-Za-z_][a-z_]*(?:[A-Z][a-z]+)*\d{0,3}|[\w-]+(?:\.[A-Za-z_]\w*)+|[\d.,:/-]+"
)  # of a variable, an attribute; a date
_HOLDS_PLACE = re.compile(r"(?i)your|example|placeholder|change|insert|replace|redacted|dummy|foobar|xxxx|\.\.\.|1234567|abcdef|^[$%{<]")


def is_random(value: str, bits: float = 2.5) -> bool:
    """Whether a value is a real key or password rather than a word, a name or `your-api-key-here`.

    It has letters and digits, at least `bits` bits of entropy a character (of 24 characters at most), and no placeholder's words.
    """
    if (
        not (any(ch.isdigit() for ch in value) and any(ch.isalpha() for ch in value))
        or _IS_NAME.fullmatch(value)
        or _HOLDS_PLACE.search(value)
    ):
        return False
    counts = Counter(value)
    entropy = -sum(count / len(value) * math.log2(count / len(value)) for count in counts.values())
    most = math.log2(min(len(value), 24))
    words = sum(len(word) for word in _WORDS.findall(value) if word.islower() or word.istitle() or word.isupper())
    return entropy >= min(bits, 0.8 * most) and words <= 0.75 * len(value)
