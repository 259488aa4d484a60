"""Documents with words of given lists (toxic, adult, or whatever a user lists): counted, and refused by density.

A list says that a word occurs, not what it is used for. A list of the 89 slurs in HateCheck's own templates (Röttger et al. 2021)
meets 11 % of its hateful sentences, since most hate needs no slur, and 13 % of the others: three quarters of the reclaimed uses, half
of the homonyms, a third of the counter speech that quotes (tests/realdata/test_quality.py). So prefer a density above 0 to the rule
of C4 (Raffel et al. 2020, arXiv 1910.10683, 2.2), which drops a page for a single word, and with it medicine and literature.

Terms are matched as whole words without case, phrases as runs of words, and terms in scripts without spaces as substrings, since
there every character is a word. No list of slurs comes with this project.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from processors.text.language import LANGUAGE
from processors.text.words import normal_words
from schemas.facts import Fact, Limit
from schemas.identity import canonical_json, digest
from schemas.outcome import Reason, Reject
from schemas.records import Document, with_facts

NUM_LISTED = Fact("listed.num_terms", int, "Occurrences of listed terms")
LISTED_RATIO = Fact("listed.word_ratio", float, "Share of the words in listed terms")
LISTED_TERMS = Fact("listed.terms", str, "The terms that occur most, with their counts (JSON)")
LISTED_WORDS = Reason("listed_words", "More of the document's words are in a word list than asked for")

ADULT = "adult"  # the name of the built-in list
# what pages of adult sites call their goods, in English; terms that medicine, law or novels use much are left out
ADULT_TERMS = (
    *("adult cam", "adult cams", "adult dating", "adult video", "adult videos", "amateur porn", "anal sex", "bdsm porn", "blowjob"),
    *("blowjobs", "cam girl", "cam girls", "camgirl", "camgirls", "cumshot", "cumshots", "escort girls", "free porn", "gangbang"),
    *("hardcore porn", "hardcore sex", "hentai", "live sex", "milf", "milfs", "naked girls", "nude cams", "nude girls", "nude pics"),
    *("porn", "porn site", "porn sites", "porn star", "porn stars", "porn tube", "porn video", "porn videos", "porno", "pornos"),
    *("sex cam", "sex cams", "sex chat", "sex tape", "sex toys", "sex tube", "sex video", "sex videos", "sexcam", "sexy babes"),
    *("threesome porn", "upskirt", "webcam sex", "xxx", "xxx video", "xxx videos"),
)
MAX_TERMS_SHOWN = 20
MAX_TERM_WORDS = 32

Terms = Mapping[str, tuple[tuple[str, ...], ...]]  # by first word: runs of words, longest first


def index_terms(terms: Sequence[str]) -> Terms:
    """Terms as runs of normal words, by their first word."""
    found: dict[str, set[tuple[str, ...]]] = {}
    for term in terms:
        words = tuple(normal_words(term))[:MAX_TERM_WORDS]
        if words:
            found.setdefault(words[0], set()).add(words)
    return {first: tuple(sorted(runs, key=lambda run: (-len(run), run))) for first, runs in sorted(found.items())}


def find_terms(words: Sequence[str], terms: Terms) -> Counter[tuple[str, ...]]:
    """How often each term occurs; from left to right, the longest first, none overlapping another."""
    found: Counter[tuple[str, ...]] = Counter()
    if terms.keys().isdisjoint(words):
        return found
    resume = 0
    for place, word in enumerate(words):
        if place >= resume and word in terms:
            for run in terms[word]:
                if len(run) == 1 or tuple(words[place : place + len(run)]) == run:
                    found[run] += 1
                    resume = place + len(run)
                    break
    return found


def list_files(path: Path) -> list[Path]:
    """The files of a list: itself, or the `.txt` files of a folder by name. Raises FileNotFoundError where there is none."""
    files = [path] if path.is_file() else sorted(path.glob("*.txt"))
    if not files:
        raise FileNotFoundError(f"{path} is no word list; expected a text file with a term a line, or a folder of such (en.txt, de.txt)")
    return files


@functools.lru_cache(maxsize=8)
def load_terms(path: str) -> dict[str, Terms]:
    """Terms by language; "" holds those for every language: files whose name is no two-letter code, and lists given as one file."""
    if path == ADULT:
        return {"": index_terms(ADULT_TERMS)}
    place = Path(path)
    lines: dict[str, list[str]] = {}
    for file in list_files(place):
        language = file.stem if place.is_dir() and len(file.stem) == 2 else ""
        lines.setdefault(language, []).extend(file.read_text(encoding="utf-8-sig").splitlines())
    return {language: index_terms(terms) for language, terms in sorted(lines.items())}


@dataclass(frozen=True, slots=True)
class CountListed:
    """Counts listed terms of the document's language and of lists for every language. `listed` is the digest of the lists."""

    paths: tuple[str, ...] = field(metadata={"fingerprint": False})
    listed: str
    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = (LANGUAGE,)
    writes: ClassVar = (NUM_LISTED, LISTED_RATIO, LISTED_TERMS)
    reasons: ClassVar = ()
    version: ClassVar = 1

    def __call__(self, record: Document) -> Document:
        words = normal_words(record.text)
        found: Counter[tuple[str, ...]] = Counter()
        for path in self.paths:
            terms = load_terms(path)
            for language in ("", str(record.facts[LANGUAGE.name])):
                if terms.get(language):
                    for run, count in find_terms(words, terms[language]).items():
                        found[run] = max(found[run], count)  # a term of two lists is one
        most = sorted(found.items(), key=lambda item: (-item[1], item[0]))[:MAX_TERMS_SHOWN]
        covered = sum(len(run) * count for run, count in found.items())
        return with_facts(
            record,
            {
                NUM_LISTED.name: sum(found.values()),
                LISTED_RATIO.name: min(1.0, covered / max(1, len(words))),
                LISTED_TERMS.name: canonical_json({" ".join(run): count for run, count in most}),
            },
        )


def count_listed(lists: Sequence[str]) -> CountListed:
    """The step for lists given by name (`adult`) or path. Raises FileNotFoundError for a path without a list."""
    pieces: list[str | bytes] = []
    for path in lists:
        if path == ADULT:
            pieces += [ADULT, "\n".join(ADULT_TERMS)]
        else:
            pieces += [piece for file in list_files(Path(path)) for piece in (file.name, file.read_bytes())]
    return CountListed(tuple(lists), digest(*pieces))


@dataclass(frozen=True, slots=True)
class KeepUnlisted:
    """Keeps documents of whose words at most `max_ratio` are in listed terms; 0 refuses a document for a single one, as C4 does."""

    max_ratio: float = 0.0
    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = (NUM_LISTED, LISTED_RATIO)
    writes: ClassVar = ()
    reasons: ClassVar = (LISTED_WORDS,)
    version: ClassVar = 1

    @property
    def bounds(self) -> tuple[Limit, ...]:
        return (Limit(LISTED_RATIO, LISTED_WORDS.name, most=self.max_ratio),)

    def __call__(self, record: Document) -> Document | Reject:
        ratio = float(record.facts[LISTED_RATIO.name])
        if ratio > self.max_ratio:
            count = record.facts[NUM_LISTED.name]
            return Reject(record.key, LISTED_WORDS.name, f"{count} listed terms are {ratio:.4g} of the words, at most {self.max_ratio:g}")
        return record
