"""C4's rules: lines that are no sentences go, and pages that are no text.

Source: Raffel et al. 2020, arXiv 1910.10683, 2.2 ("The Colossal Clean Crawled Corpus"); long words, policy lines and citations are in
the published code (tensorflow_datasets, c4_utils.py). The rules drop formulae and code, so maths and code pass untouched. C4's rule
of bad words is `CountListed` in processors/text/word_lists.py.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import ClassVar

from processors.text.domain import CODE, DOMAIN, MATHS, MATHS_RATIO, OF_PROSE
from processors.text.language import LANGUAGE
from processors.text.normalise import DIGEST, NUM_CHARS, size_and_digest
from processors.text.quality import (
    ELLIPSES,
    HAS_LOREM_IPSUM,
    LOW_QUALITY,
    NO_STOPS,
    NUM_CURLY_BRACKETS,
    NUM_SENTENCES,
    STOPS,
    keep_within,
)
from processors.text.words import num_unspaced
from schemas.facts import Fact, Limit, Where
from schemas.outcome import Reason, Reject
from schemas.records import Document, FactValue

NO_LINES = Reason("no_lines_left", "No line of the document reads like a sentence")

LONG_WORD, NO_STOP, FEW_WORDS, JAVASCRIPT, POLICY = "long_word", "no_stop", "few_words", "javascript", "policy"
LINE_RULES = (LONG_WORD, NO_STOP, FEW_WORDS, JAVASCRIPT, POLICY)
NUM_REMOVED = {rule: Fact(f"quality.num_lines_{rule}", int, f"Lines that C4's rule {rule} removed") for rule in LINE_RULES}
NUM_CITATIONS = Fact("quality.num_citations_removed", int, "Citation marks such as [12] or [edit] that were removed")

_CITATION = re.compile(r"\[\d{0,9}\]|\[edit\]|\[citation needed\]")
_ENDS = (*STOPS, '"', "'", "”", "’", "»", "」", "』")
_NO_STOPS = re.compile("[\u0e00-\u0eff]")  # Thai and Lao, which write no stops
POLICIES = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies")
SOME_MATHS = 0.01  # prose about mathematics writes sets with curly brackets, and no scripts
CHARS_PER_WORD = 2  # of scripts without spaces, in which a line has no words to count


def line_rule(line: str, min_words: int, max_word_length: int) -> str:
    """The first of C4's rules that removes a line (without white space around it), empty when it stays."""
    words = line.split()
    if len(line) > max_word_length and max(map(len, words)) > max_word_length and not num_unspaced(line):
        return LONG_WORD
    if (not line.endswith(_ENDS) and not _NO_STOPS.search(line)) or line.endswith(ELLIPSES):
        return NO_STOP
    if len(words) < min_words and not (len(line) >= min_words * CHARS_PER_WORD and num_unspaced(line)):
        return FEW_WORDS
    lower = line.lower()
    if "javascript" in lower:
        return JAVASCRIPT
    if any(policy in lower for policy in POLICIES):
        return POLICY
    return ""


def clean_lines(text: str, min_words: int = 3, max_word_length: int = 1000) -> tuple[str, Counter[str], int]:
    """The text without the lines that a rule removes and without citation marks; the lines removed by rule; the marks removed.

    Empty lines between kept ones stay, one at most in a row, since they part paragraphs.
    """
    removed: Counter[str] = Counter()
    kept: list[str] = []
    citations = 0
    for whole in text.split("\n"):
        line = whole.strip()
        if "[" in line:
            line, marks = _CITATION.subn("", line)
            line = line.strip()
            citations += marks
        if not line:
            if kept and kept[-1]:
                kept.append("")
            continue
        rule = line_rule(line, min_words, max_word_length)
        if rule:
            removed[rule] += 1
        else:
            kept.append(line)
    return "\n".join(kept).strip("\n"), removed, citations


@dataclass(frozen=True, slots=True)
class CleanLines:
    """Removes lines that end without a stop, are short of words, ask for JavaScript or state a policy (2.2); prose alone.

    Length and digest of the text are measured anew.
    """

    min_words_per_line: int = 3
    max_word_length: int = 1000
    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = (DOMAIN,)
    writes: ClassVar = (*NUM_REMOVED.values(), NUM_CITATIONS, NUM_CHARS, DIGEST)
    reasons: ClassVar = (NO_LINES,)
    version: ClassVar = 1

    def __call__(self, record: Document) -> Document | Reject:
        if record.facts[DOMAIN.name] in (MATHS, CODE):
            text, removed, citations = record.text, Counter[str](), 0
        else:
            text, removed, citations = clean_lines(record.text, self.min_words_per_line, self.max_word_length)
        facts: dict[str, FactValue] = {NUM_REMOVED[rule].name: removed[rule] for rule in LINE_RULES}
        if not text.strip():
            rules = ", ".join(f"{rule} {removed[rule]}" for rule in LINE_RULES if removed[rule])
            return Reject(record.key, NO_LINES.name, f"c4 removed all {sum(removed.values())} lines: {rules}", facts=facts)
        facts |= {NUM_CITATIONS.name: citations, **size_and_digest(text)}
        return replace(record, text=text, facts={**record.facts, **facts})


@dataclass(frozen=True, slots=True)
class KeepC4:
    """Keeps pages without filler text and curly brackets and with enough sentences (2.2); maths and code pass."""

    min_sentences: int = 5
    max_curly_brackets: int = 0
    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = (DOMAIN, MATHS_RATIO, LANGUAGE, HAS_LOREM_IPSUM, NUM_CURLY_BRACKETS, NUM_SENTENCES)
    writes: ClassVar = ()
    reasons: ClassVar = (LOW_QUALITY,)
    version: ClassVar = 1

    @property
    def bounds(self) -> tuple[Limit, ...]:
        no_maths, stops = Where(MATHS_RATIO, most=math.nextafter(SOME_MATHS, 0)), Where(LANGUAGE, none_of=NO_STOPS)
        return (
            Limit(HAS_LOREM_IPSUM, LOW_QUALITY.name, most=0, where=(OF_PROSE,)),
            Limit(NUM_CURLY_BRACKETS, LOW_QUALITY.name, most=self.max_curly_brackets, where=(OF_PROSE, no_maths)),
            Limit(NUM_SENTENCES, LOW_QUALITY.name, self.min_sentences, where=(OF_PROSE, stops)),
        )

    def __call__(self, record: Document) -> Document | Reject:
        return keep_within(record, self, "c4")
