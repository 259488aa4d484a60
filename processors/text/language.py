"""Measures the language of documents' prose, and keeps those in chosen ones."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import ClassVar

from processors.language_id import detect_language
from schemas.facts import Fact, Limit
from schemas.outcome import Reason, Reject
from schemas.records import Document, with_facts

LANGUAGE = Fact("text.language", str, "Language of the prose, measured by py3langid (ISO 639-1)")
CONFIDENCE = Fact("text.language_confidence", float, "Probability that py3langid gives the language, 0 to 1")
SHARE = Fact("text.language_ratio", float, "Share of the pieces looked at whose own language is the document's; below 1, it is mixed")
WRONG_LANGUAGE = Reason("wrong_language", "The measured language is not one that was asked for")
UNSURE_LANGUAGE = Reason("unsure_language", "The language is measured with a lower probability than asked for")
MIXED_LANGUAGES = Reason("mixed_languages", "A smaller share of the document than asked for is in its main language")

MAX_READ_CHARS = 21_000  # of a document, in six stretches, in which prose is looked for
NUM_PIECES, PIECE_CHARS = 6, 400  # a long document is looked at in as many places; more text changes no label of XQuAD's documents
MIN_PIECE_CHARS = 250  # shorter ones have no sure language (by XQuAD: single sentences 98 % right, paragraphs all)
MIN_PROSE_CHARS, MIN_PROSE_RATIO = 40, 0.05  # with less prose, the language is that of all text
MAX_UPPER_RATIO = 0.5  # of letters, in text with capitals as any

_NO_LANGUAGE = re.compile(
    r"\b(?:https?|ftp)://\S+|\bwww\.\S+|[^\s@]{1,64}@[^\s@]{1,128}|<[^<>\n]{1,200}>|`[^`\n]{1,200}`|\$[^$\n]{1,200}\$|\\\\[A-Za-z]+"
)
_CODE_LINE = re.compile(
    r"\s*(?:import \w|from [\w.]+ import |def \w+\(|class \w+\s*[({:]|return\b|elif |else\s*[:{]|if\s*\(|for\s*\(|while\s*\(|for \w+ in |(?:if|with|try|except|while|async|@)\b[^.]*:$"
    r"|#\s*include|const |let \w+ =|var \w+ =|public |private |static |function\b|fn \w+|func \w+|package [\w.]+;?$|>>> |\$ |//|/\*|\* |#!)"
    r"|.*[;{}]\s*$|\s*[\w.\[\]\"']+\s*[-+*/|&]?=[^=]|\s*[\w.]+\([^ ]*\)\s*$"
)
_SIGNS = re.compile(r"[{}()\[\]<>=;_$#@\\|*/+&%~^]")
MAX_SIGNS_RATIO = 0.1  # of a line of prose
_HINTS = "{};=_<>"


def prose_of(text: str) -> str:
    """The lines of natural language: without code, addresses, mark-up and formulae. The text itself where little would be left."""
    if len(text) > MAX_READ_CHARS:
        text = "\n".join(_spread(text, MAX_READ_CHARS // NUM_PIECES))
    is_marked = sum(text.count(sign) for sign in _HINTS) > 0.004 * len(text)
    if not is_marked and "://" not in text and "@" not in text and "`" not in text:
        return text
    found = _NO_LANGUAGE.sub(" ", _unfenced(text))
    if is_marked:
        found = "\n".join(line for line in found.split("\n") if not is_code(line))
    letters = sum(map(str.isalpha, found))
    return found if letters >= MIN_PROSE_CHARS and letters >= MIN_PROSE_RATIO * len(text) else text


def _unfenced(text: str) -> str:
    """The text without its fenced blocks; a fence that is never closed is none."""
    if "```" not in text and "~~~" not in text:
        return text
    kept: list[str] = []
    inside: list[str] = []
    fence = ""
    for line in text.split("\n"):
        if not fence:
            fence = line[:3] if line.startswith(("```", "~~~")) else ""
            (inside if fence else kept).append(line)
        elif line.startswith(fence):
            fence = ""
            inside.clear()
        else:
            inside.append(line)
    return "\n".join(kept + inside)


def is_code(line: str) -> bool:
    """Whether a line looks like program text: a keyword's form, an assignment, a bracket or semicolon at its end, or many signs."""
    line = line[:400]
    most = MAX_SIGNS_RATIO if line[:1].strip() else MAX_SIGNS_RATIO / 2  # what is indented is likelier code
    return bool(_CODE_LINE.match(line)) or len(_SIGNS.findall(line)) > most * max(1, len(line.strip()))


def pieces_of(prose: str) -> list[str]:
    """Up to six pieces of equal size, evenly spread, 2,400 characters in all; shorter prose is cut in as many as are long enough."""
    prose = prose.strip()
    if len(prose) <= NUM_PIECES * PIECE_CHARS:
        size = max(MIN_PIECE_CHARS, -(-len(prose) // NUM_PIECES))
        pieces = [prose[start : start + size] for start in range(0, len(prose), size)]
        return pieces[:-1] if len(pieces) > 1 and len(pieces[-1]) < MIN_PIECE_CHARS else pieces
    return _spread(prose, PIECE_CHARS)


def _spread(text: str, size: int) -> list[str]:
    step = (len(text) - size) / (NUM_PIECES - 1)
    starts = [round(number * step) for number in range(NUM_PIECES)]
    return [text[start : start + size] for start in starts]


def measure_language(text: str) -> tuple[str, float, float]:
    """Language, its probability, and the share of pieces in it, of a text's prose."""
    prose = prose_of(text)
    if sum(map(str.isupper, prose)) > MAX_UPPER_RATIO * sum(map(str.isalpha, prose)):
        prose = prose.lower()  # the classifier takes English in capitals for other languages
    pieces = pieces_of(prose)
    language, confidence = detect_language(prose if len(prose) <= NUM_PIECES * PIECE_CHARS else "\n".join(pieces))
    if len(pieces) < 2:
        return language, confidence, 1.0
    votes = Counter(detect_language(piece)[0] for piece in pieces)
    return language, confidence, round(votes[language] / len(pieces), 4)


@dataclass(frozen=True, slots=True)
class DetectLanguage:
    """Measures the language of a document's prose in up to six places, and how many of them agree."""

    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = (LANGUAGE, CONFIDENCE, SHARE)
    reasons: ClassVar = ()
    version: ClassVar = 2

    def __call__(self, record: Document) -> Document:
        language, confidence, share = measure_language(record.text)
        return with_facts(record, {LANGUAGE.name: language, CONFIDENCE.name: confidence, SHARE.name: share})


@dataclass(frozen=True, slots=True)
class KeepLanguages:
    """Keeps documents in one of `languages` (an empty tuple keeps all) that are so with enough certainty and not mixed."""

    languages: tuple[str, ...] = ()
    min_confidence: float = 0.0
    min_ratio: float = 0.0
    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = (LANGUAGE, CONFIDENCE, SHARE)
    writes: ClassVar = ()
    reasons: ClassVar = (WRONG_LANGUAGE, UNSURE_LANGUAGE, MIXED_LANGUAGES)
    version: ClassVar = 2

    @property
    def bounds(self) -> tuple[Limit, ...]:
        return (Limit(CONFIDENCE, UNSURE_LANGUAGE.name, self.min_confidence), Limit(SHARE, MIXED_LANGUAGES.name, self.min_ratio))

    def __call__(self, record: Document) -> Document | Reject:
        language = record.facts[LANGUAGE.name]
        confidence, share = float(record.facts[CONFIDENCE.name]), float(record.facts[SHARE.name])
        if self.languages and language not in self.languages:
            return Reject(record.key, WRONG_LANGUAGE.name, f"{language}, expected one of {', '.join(self.languages)}")
        if confidence < self.min_confidence:
            detail = f"{language} with probability {confidence:.3f}, expected {self.min_confidence} or more"
            return Reject(record.key, UNSURE_LANGUAGE.name, detail)
        if share < self.min_ratio:
            return Reject(record.key, MIXED_LANGUAGES.name, f"{share:.0%} of the text in {language}, expected {self.min_ratio:.0%} or more")
        return record
