"""One spelling for one text: mojibake repaired, Unicode NFC, line ends and white space made even."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from typing import ClassVar

import ftfy

from schemas.facts import Fact, Limit
from schemas.identity import digest
from schemas.outcome import Reason, Reject
from schemas.records import Document, FactValue, with_facts

NUM_CHARS = Fact("text.num_chars", int, "Characters of the text after normalisation")
DIGEST = Fact("text.digest", str, "Digest of the text without case and white space; equal digests are exact duplicates")
EMPTY = Reason("empty_text", "Nothing is left of the text")
TOO_SHORT = Reason("too_short", "The text has fewer characters than asked for")

_SPACES = re.compile(r"[^\S\n]+")
_NEWLINES = re.compile(r"\n{3,}")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_FIX = ftfy.TextFixerConfig(unescape_html=False, uncurl_quotes=False, explain=False, normalization="NFC")


def normalise(text: str) -> str:
    """Mojibake repaired (ftfy), NFC, no control characters, trimmed lines, at most one empty line in a row.

    Leading white space of lines is kept, since it carries code.
    """
    if not text.isascii() or "\r" in text or _CONTROL.search(text):  # else there is nothing to repair, and ftfy takes as long to see it
        text = ftfy.fix_text(text, _FIX)
    text = _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    lines = []
    for line in text.split("\n"):
        body = line.lstrip()
        lines.append((line[: len(line) - len(body)] + _SPACES.sub(" ", body)).rstrip())
    return _NEWLINES.sub("\n\n", "\n".join(lines)).strip("\n")


def text_digest(text: str) -> str:
    """Digest of a text that ignores case, compatibility forms and white space."""
    return digest("".join(unicodedata.normalize("NFKC", text).casefold().split()))


def size_and_digest(text: str) -> dict[str, FactValue]:
    """The facts NUM_CHARS and DIGEST of a text: measured once, and anew by what changes it."""
    return {NUM_CHARS.name: len(text), DIGEST.name: text_digest(text)}


@dataclass(frozen=True, slots=True)
class Normalise:
    """Normalises a document and measures its length and digest."""

    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = (NUM_CHARS, DIGEST)
    reasons: ClassVar = (EMPTY,)
    version: ClassVar = 1

    def __call__(self, record: Document) -> Document | Reject:
        text = normalise(record.text)
        if not text.strip():
            return Reject(record.key, EMPTY.name, f"{len(record.text)} characters of white space or control")
        return with_facts(replace(record, text=text), size_and_digest(text))


@dataclass(frozen=True, slots=True)
class KeepLength:
    """Keeps documents of at least `min_chars` characters."""

    min_chars: int = 1
    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = (NUM_CHARS,)
    writes: ClassVar = ()
    reasons: ClassVar = (TOO_SHORT,)
    version: ClassVar = 1

    @property
    def bounds(self) -> tuple[Limit, ...]:
        return (Limit(NUM_CHARS, TOO_SHORT.name, self.min_chars),)

    def __call__(self, record: Document) -> Document | Reject:
        num_chars = record.facts[NUM_CHARS.name]
        if num_chars < self.min_chars:  # type: ignore[operator]
            return Reject(record.key, TOO_SHORT.name, f"{num_chars} characters, expected {self.min_chars} or more")
        return record
