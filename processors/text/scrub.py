"""What personal data and secrets look like in text, written and spoken, and in JSON.

Found are e-mail addresses, phone numbers, payment cards, IBANs, US social security and passport numbers, IP addresses, street
addresses, and keys and passwords of well-known forms. Numbers are checked where they can be (Luhn, mod 97, numbering plans); what
any number could be, counts only beside a word that says what it is. Names of people are not found: they need a model.

What is nobody's is left: mailboxes of names kept for examples (RFC 2606), addresses of private networks and of documentation (RFC 1918,
5737, 3849), and North American numbers kept for fiction (555-0100 to 555-0199 with an area code).
"""

from __future__ import annotations

import ipaddress
import itertools
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import phonenumbers

from processors.text.personal_forms import (
    ADDRESSES,
    CARD_PREFIXES,
    DIGIT_WORDS,
    EUROPEAN_ADDRESSES,
    IBAN_LENGTHS,
    MAIL_PROVIDERS,
    MAX_ADDRESS_CHARS,
    NOT_MAILBOXES,
    NUMBERED_ADDRESSES,
    REGIONS,
    SPOKEN_DOMAIN,
    SPOKEN_DOT,
    SPOKEN_EMAIL,
)
from processors.text.places import Places, matches
from processors.text.secrets import NOBODYS, SECRET, Span, find_secrets, secrets_in

__all__ = ["KINDS", "SECRET", "Span", "after_scrubbing", "find_personal_data", "find_secrets", "placeholder", "scrub", "scrub_json"]

EMAIL, IBAN, CARD, SSN, PASSPORT, IP, PHONE, ADDRESS = (
    "email",
    "iban",
    "card",
    "ssn",
    "passport",
    "ip",
    "phone",
    "address",
)
KINDS = (SECRET, EMAIL, IBAN, CARD, SSN, PASSPORT, IP, PHONE, ADDRESS)
BEFORE = 48  # characters before a number in which a word may say what it is
MAX_SPOKEN_CHARS = 160  # of a spoken mailbox, before `at` and after it
MIN_SPOKEN_DIGITS, MAX_SPOKEN_DIGITS = 7, 19  # a local phone number, a card number


_FULL_WIDTH = {code: code - 0xFEE0 for code in (*range(0xFF10, 0xFF1A), 0xFF20, 0xFF0E, 0xFF0D, 0xFF0B)} | {0x3000: 0x20}  # ０-９＠．－＋
_IS_FULL_WIDTH = re.compile("[\uff10-\uff19\uff20\uff0e\uff0d\uff0b\u3000]")


def find_personal_data(text: str, language: str = "") -> list[Span]:
    """The spans in order, none overlapping another. `language` (ISO 639-1, empty for any) chooses numbering plans and digit words."""
    if not text.isascii() and _IS_FULL_WIDTH.search(text):
        text = text.translate(_FULL_WIDTH)  # one character for one: places stay
    places = Places(text, language)
    found: list[Span] = []
    taken = bytearray(len(text))
    for finder in _FINDERS:  # an earlier finder is the more certain one, and keeps its characters
        for span in finder(places):
            if not any(taken[span.start : span.stop]):
                taken[span.start : span.stop] = b"\x01" * (span.stop - span.start)
                found.append(span)
    return sorted(found, key=lambda span: span.start)


def placeholder(kind: str) -> str:
    """What stands in the place of scrubbed text: `[email]`. A sentence keeps its grammar, and a reader sees that something was there."""
    return f"[{kind}]"


def scrub(text: str, language: str = "") -> tuple[str, list[Span]]:
    """The text with a placeholder for each span, and the spans as they stood in the text that was given."""
    spans = find_personal_data(text, language)
    pieces, start = [], 0
    for span in spans:
        pieces += [text[start : span.start], placeholder(span.kind)]
        start = span.stop
    return "".join([*pieces, text[start:]]), spans


def after_scrubbing(spans: list[Span]) -> list[Span]:
    """Where the placeholders of `scrub` stand in the scrubbed text."""
    found, shift = [], 0
    for span in spans:
        size = len(placeholder(span.kind))
        found.append(Span(span.kind, span.start + shift, span.start + shift + size))
        shift += size - (span.stop - span.start)
    return found


def scrub_json(text: str, language: str = "") -> tuple[str, list[str]]:
    """JSON with placeholders in its strings and for its numbers, and the kinds found; still JSON. Text that is no JSON is scrubbed as text.

    The name of a value counts as the word before it: `{"phone": 5551234567}`. JSON without personal data stays as it is, to the byte.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        scrubbed, spans = scrub(text, language)
        return scrubbed, [span.kind for span in spans]
    kinds: list[str] = []

    def walk(value: Any, name: str) -> Any:
        if isinstance(value, dict):
            return {walk(key, ""): walk(one, key) for key, one in value.items()}
        if isinstance(value, list):
            return [walk(one, name) for one in value]
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            return value
        before = f"{name}: " if name else ""
        spans = [span for span in find_personal_data(f"{before}{value}", language) if span.start >= len(before)]
        if not spans:
            return value
        kinds.extend(span.kind for span in spans)
        pieces, start = [], len(before)
        for span in spans:
            pieces += [f"{before}{value}"[start : span.start], placeholder(span.kind)]
            start = span.stop
        return "".join([*pieces, f"{before}{value}"[start:]])

    walked = walk(value, "")
    separators = (", ", ": ") if '": ' in text else (",", ":")
    return (json.dumps(walked, ensure_ascii=False, separators=separators), kinds) if kinds else (text, [])


# ---- e-mail

_LETTER = "A-Za-z0-9À-ɏ_"  # not those of scripts without spaces, which stand beside an address
_EMAIL = re.compile(
    rf"(?<![{_LETTER}.+%@-])[{_LETTER}][{_LETTER}.+%'-]{{0,63}}@(?:[{_LETTER}-]{{1,63}}\.){{1,8}}[A-Za-zÀ-ɏ]{{2,24}}(?![{_LETTER}@])"
)
# a country, or a name that is in use for mail: `self.w@x.mean()` is a product of matrices
_TOP = re.compile(
    r"[A-Za-z]{2}|xn--[\w-]{2,59}|com|org|net|edu|gov|mil|int|info|biz|name|pro|mobi|jobs|coop|museum|travel|aero|asia|cat|post|tel|arpa|eus|gal|"
    r"app|dev|blog|shop|online|site|store|tech|cloud|xyz|club|live|news|email|agency|digital|media|studio|design|world|today|group|"
    r"solutions|services|systems|software|network|company|consulting|capital|finance|health|care|legal|law|academy|school|university|"
    r"life|love|link|space|website|page|wiki|top|icu|vip|work|works|team|global|international|center|social|art|bio|eco|earth|green|"
    r"berlin|hamburg|koeln|bayern|london|paris|nyc|tokyo|moscow|wien|swiss|[^\x00-\x7f]{2,24}",
    re.I,
)
_ASKS_FOR_MAIL = re.compile(r"mail|address|contact|reach|write|send|adresse|correo|correio|indirizzo|courriel|schreib", re.I)


_SAYS_AT = (
    " at ",
    " ät ",
    "\nat ",
    " at\n",
    "[at",
    "(at",
    "{at",
    "[ at",
    "( at",
    "[@",
    "(@",
    "arobase",
    "arroba",
    "chiocciola",
    "klammeraffe",
)


def _emails(places: Places) -> Iterator[Span]:
    text = places.text
    for found in matches(_EMAIL, text, places.near(("@",), 66, 600, needs_digit=False)):
        domain = found[0].rpartition("@")[2]
        if not found[0].startswith("git@") and not NOBODYS.search(domain) and _TOP.fullmatch(domain.rpartition(".")[2]):
            yield Span(EMAIL, found.start(), found.end())
    for found in matches(SPOKEN_EMAIL, text, _said_mailboxes(places)):
        local, at, domain = found["local"], found["at"], found["domain"]
        words = local.lower().split()
        first_name = re.split(SPOKEN_DOT, domain)[0].strip().lower()
        says_at = at.strip().lower() not in ("at", "ät")  # arroba, chiocciola, [at] mean nothing else
        is_built = len(words) > 1 or bool(re.search(r"[\d._-]", local))
        is_known = first_name in MAIL_PROVIDERS and words[-1] not in NOT_MAILBOXES
        asked = words[-1] not in NOT_MAILBOXES and _ASKS_FOR_MAIL.search(text, max(0, found.start() - 60), found.start())
        if says_at or is_built or is_known or asked:
            yield Span(EMAIL, found.start(), found.end())


def _said_mailboxes(places: Places) -> list[tuple[int, int]]:
    """Stretches around a spoken `at` that a domain follows."""
    found = places.near(_SAYS_AT, MAX_SPOKEN_CHARS, MAX_SPOKEN_CHARS, is_lower=True, needs_digit=False)
    return [(start, stop) for start, stop in found if SPOKEN_DOMAIN.search(places.text, start, stop)]


# ---- numbers with a check

_IBAN = re.compile(r"(?<![A-Za-z0-9])([A-Za-z]{2})\d{2}(?=[ -]?[A-Za-z0-9])", re.ASCII)
_CARD = re.compile(r"(?<![\w.,-])\d(?:[ -]?\d){11,18}(?![\w-]|[.,]\d)", re.ASCII)
_ASKS_FOR_CARD = re.compile(r"\b(?:card|visa|master ?card|amex|karte|kreditkarte|carte|tarjeta|cart[ãa]o|carta)\b", re.I)
_SSN = re.compile(r"(?<![\w-])(?!000|666|9)\d{3}([- ]?)(?!00)\d{2}\1(?!0000)\d{4}(?![\w-])", re.ASCII)
_ASKS_FOR_SSN = re.compile(r"\b(?:ssn|social security)\b", re.I)
_PASSPORT = re.compile(
    r"\bpassport\s*(?:number|no\.?|num\.?|#|id)?\s*(?:is|was|:|=)?\s*#?\s*((?=[A-Z0-9]*\d{5})[A-Z]{0,2}\d{6,9}[A-Z]?)\b", re.I
)


def _dense(places: Places) -> list[tuple[int, int]]:
    """Stretches with seven digits close to one another, which every long number has."""
    return places.crowds(places.digits, 7, 34, 60)


def is_luhn(digits: str) -> bool:
    """Whether the check digit of a payment card is right (ISO/IEC 7812-1)."""
    doubled = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def is_iban(code: str) -> bool:
    """Whether a code has its country's length and the right check digits (ISO 13616, mod 97)."""
    code = code.upper()
    if IBAN_LENGTHS.get(code[:2]) != len(code) or not code.isascii() or not code.isalnum():
        return False
    return int("".join(str(int(ch, 36)) for ch in code[4:] + code[:4])) % 97 == 1


def _ibans(places: Places) -> Iterator[Span]:
    text = places.text
    for found in matches(_IBAN, text, _dense(places)):
        length = IBAN_LENGTHS.get(found[1].upper(), 0)
        code, stop = "", found.start()
        while stop < len(text) and len(code) < length and (text[stop].isalnum() or text[stop] in " -"):
            code += text[stop] if text[stop].isalnum() else ""
            stop += 1
        if (stop == len(text) or not text[stop].isalnum()) and is_iban(code):
            yield Span(IBAN, found.start(), stop)


def _cards(places: Places) -> Iterator[Span]:
    text = places.text
    for found in matches(_CARD, text, _dense(places)):
        digits = re.sub(r"\D", "", found[0])
        separators = set(re.findall(r"\D", found[0]))
        asked = _ASKS_FOR_CARD.search(text, max(0, found.start() - BEFORE), found.start())
        is_issued = any(len(digits) in lengths and re.match(prefix, digits) for prefix, lengths in CARD_PREFIXES)
        is_issued = is_issued and (bool(separators) or len(digits) <= 16)  # longer numbers without spaces are hashes and counters
        if len(separators) < 2 and len(set(digits)) > 1 and is_luhn(digits) and (asked or is_issued):
            yield Span(CARD, found.start(), found.end())


def _ssns(places: Places) -> Iterator[Span]:
    text = places.text
    for found in matches(_SSN, text, _dense(places)):
        if found[1] == "-" or _ASKS_FOR_SSN.search(text, max(0, found.start() - BEFORE), found.start()):
            yield Span(SSN, found.start(), found.end())


def _passports(places: Places) -> Iterator[Span]:
    for found in matches(_PASSPORT, places.text, places.near(("passport",), 1, 80, is_lower=True)):
        yield Span(PASSPORT, found.start(1), found.end(1))


# ---- IP addresses

_IPV4 = re.compile(r"(?<![\w.-])(?:\d{1,3}\.){3}\d{1,3}(?![\w-]|\.\w)", re.ASCII)
_IPV6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){3,7}(?![\w:])", re.ASCII)
_SAYS_VERSION = re.compile(
    r"(?:\bv|version|ver\.?|release|build|firmware|section|chapter|clause|§|\bsec\.?|driver|update|upgrade[d]? to)\s*$", re.I
)
_SAYS_IP = re.compile(r"\b(?:ip|ipv4|host|server|address|ping|dns|subnet|router|gateway|client|from)\b", re.I)


def _ips(places: Places) -> Iterator[Span]:
    text = places.text
    dots = places.crowds(places.of("."), 3, 10, 8) if len(places.digits) > 3 else []
    for pattern, stretches in ((_IPV4, dots), (_IPV6, places.crowds(places.of(":"), 3, 12, 48))):
        for found in matches(pattern, text, stretches):
            try:
                address = ipaddress.ip_address(found[0])
            except ValueError:
                continue
            before = text[max(0, found.start() - BEFORE) : found.start()]
            is_nobody = address.is_private or address.is_multicast or int(address) >> 24 == 255
            is_heading = pattern is _IPV4 and re.fullmatch(r"\d(?:\.\d{1,2}){3}", found[0]) and not _SAYS_IP.search(before)
            if not is_nobody and not is_heading and not _SAYS_VERSION.search(before):
                yield Span(IP, found.start(), found.end())


# ---- phone numbers

_APART = r"(?:[ \u00a0]|[ \u00a0]?[().\-–/]{1,2}[ \u00a0]?)"
_NUMBER = re.compile(
    rf"(?<![\w+$€£#=<*/^])(?<!\d[.,:/-])(?:\+|\(?(?=\d))\d(?:{_APART}?\d){{5,17}}"
    r"(?:[ ,;]{0,2}(?:x|ext\.?|extension)\s?\d{1,6})?(?![\w%]|[.,:]\d|-\d|\s?[=*+])",
    re.ASCII,
)
_ASKS_FOR_PHONE = re.compile(
    r"\b(?:phones?|telephone|tel|mobile|cell(?:phone)?|fax|(?<!recent )call(?:ed|ing)?(?: (?:me|us|him|her|them|back|now))?|text (?:me|us|him|her)|whatsapp|dial(?:ed|ing)?|"
    r"hotline|desk|messages? to|ring (?:me|us)|voicemail|sms|contact|handy|telefon\w*|rufnummer|mobil\w*|durchwahl|appel\w*|portable|téléphone|"
    r"teléfono|móvil|celular|llam\w+|cellulare|telefono|chiam\w+|telefone|telemóvel|lig(?:ar|ue)|numéro)\b|電話|携帯|电话|手机|致电",
    re.I,
)
_IS_PHONE = re.compile(r"[\s\-(,\\]{0,4}(?:office|fax|mobile|cell|home|work|phone|tel)\b", re.I)
_IS_DATE = re.compile(
    r"(?:19|20)\d\d[-./ ](?:0?[1-9]|1[0-2])[-./ ](?:0?[1-9]|[12]\d|3[01])\b|(?:0?[1-9]|[12]\d|3[01])[-./ ](?:0?[1-9]|[12]\d|3[01])[-./ ](?:19|20)\d\d\b"
)
_YEARS = re.compile(r"(?:1[5-9]|20)\d\d\s?[-–/]\s?(?:1[5-9]|20)\d\d")
_IS_DECIMAL = re.compile(r"[+-]?\d+\.\d+|\+?[01]+")  # or binary
_IS_FICTION = re.compile(r"^1?[2-9]\d\d55501\d\d$")  # North American Numbering Plan
_IN_GROUPS = re.compile(r"\(\d{3}\)\s?\d{3}[-. ]\d{4}|\d{3}([-.])\d{3}\1\d{4}")  # North American, also numbers kept for fiction


def _phones(places: Places) -> Iterator[Span]:
    text = places.text
    for found in matches(_NUMBER, text, _dense(places)):
        written = found[0]
        digits = re.sub(r"\D", "", re.split(r"[xe]", written)[0])
        if not 7 <= len(digits) <= 15 or written.count("(") != written.count(")") or _IS_DATE.match(written) or _YEARS.fullmatch(written):
            continue
        if _IS_DECIMAL.fullmatch(written) or _IS_FICTION.search(digits):
            continue
        asked = _ASKS_FOR_PHONE.search(text, max(0, found.start() - BEFORE), found.start()) or _IS_PHONE.match(text, found.end())
        if asked or _IN_GROUPS.match(written) or _in_numbering_plan(written, places.language):
            yield Span(PHONE, found.start(), found.end())


def _in_numbering_plan(written: str, language: str) -> bool:
    """Whether a number is valid in its country and grouped as that country writes it, so that no other number is meant."""
    if written.isdigit():
        return False
    for region in (None,) if written.startswith("+") else REGIONS.get(language, REGIONS[""]):
        try:
            number = phonenumbers.parse(written, region)
        except phonenumbers.NumberParseException:
            continue
        if region is None:
            return phonenumbers.is_possible_number(number)
        national = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
        if phonenumbers.is_valid_number(number) and re.findall(r"\d+", national) == re.findall(r"\d+", written):
            return True
    return False


# ---- numbers that are spoken digit by digit

_SPACED_DIGITS = re.compile(r"(?<![\w.,+/*-])\d(?:[ -]\d){6,18}(?![\w]|[ ,.+/*-]{1,2}\d)")
_AFTER_POINT = re.compile(r"(?:\bpoint|\bkomma|\bcoma|\bvirgola|\bvírgula|点|點)\s*$", re.I)


def _spoken(places: Places) -> Iterator[Span]:
    text, language = places.text, places.language
    words, pattern = DIGIT_WORDS.get(language, DIGIT_WORDS["en"])
    for found in pattern.finditer(text) if language in ("zh", "ja") else matches(pattern, text, _said_digits(places, tuple(words))):
        digits = ""
        times = 1
        for word in re.findall(r"\w" if language in ("zh", "ja") else r"\w+", found[0].lower()):
            value = words[word]
            if value in ("2x", "3x"):
                times = int(value[0])
                continue
            digits += value * times
            times = 1
        if (
            MIN_SPOKEN_DIGITS <= len(digits) <= MAX_SPOKEN_DIGITS
            and not _counts(digits)
            and not _AFTER_POINT.search(text, max(0, found.start() - 16), found.start())
        ):
            yield Span(_kind_of_digits(digits), found.start(), found.end())
    for found in matches(_SPACED_DIGITS, text, _dense(places)):
        digits = re.sub(r"\D", "", found[0])
        if not _counts(digits):
            yield Span(_kind_of_digits(digits), found.start(), found.end())


def _said_digits(places: Places, words: tuple[str, ...]) -> list[tuple[int, int]]:
    """Stretches with three digit words of three letters or more close to one another."""
    found = [places.near((word,), 0, 1, is_lower=True, needs_digit=False) for word in words if len(word) > 2]
    return places.crowds(np.array(sorted(start for one in found for start, _ in one), np.int64), 3, 60, 200)


def _kind_of_digits(digits: str) -> str:
    return CARD if len(digits) >= 13 and is_luhn(digits) else PHONE


def _counts(digits: str) -> bool:
    """Whether digits count up or down, or repeat one: one two three four ..., which people say without meaning a number."""
    steps = {(int(later) - int(before)) % 10 for before, later in itertools.pairwise(digits)}
    run = max(len(run[0]) for run in re.finditer(r"(\d)\1*", digits))
    return len(steps) == 1 or "1234567" in digits or "7654321" in digits or (run > 5 and len(digits) < 13)


# ---- street addresses

_ANY_EUROPEAN = tuple(itertools.chain.from_iterable(EUROPEAN_ADDRESSES.values()))


def _addresses(places: Places) -> Iterator[Span]:
    text, language = places.text, places.language
    for at in places.numbers:
        for pattern in NUMBERED_ADDRESSES if _BEFORE_NAME.match(text, at) else ():
            if found := pattern.match(text, at):
                yield Span(ADDRESS, found.start(), found.end())
                break
    for literals, pattern in (*ADDRESSES, *EUROPEAN_ADDRESSES.get(language, () if language else _ANY_EUROPEAN)):
        for found in matches(pattern, text, places.near(literals, 64, MAX_ADDRESS_CHARS, is_lower=True)):
            yield Span(ADDRESS, found.start(pattern.groups), found.end(pattern.groups))


_BEFORE_NAME = re.compile(r"\d{1,6}[A-Za-z]?(?: \d{1,5})? [^\W\d_]")


_FINDERS: tuple[Callable[[Places], Iterator[Span]], ...] = (
    secrets_in,
    _emails,
    _ibans,
    _cards,
    _ssns,
    _passports,
    _ips,
    _phones,
    _spoken,
    _addresses,
)
