"""Measures the language of documents, and keeps those in chosen ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from processors.language_id import detect_language
from schemas.facts import Fact
from schemas.outcome import Reason, Reject
from schemas.records import Document, with_facts

LANGUAGE = Fact("text.language", str, "Language measured by py3langid (ISO 639-1)")
CONFIDENCE = Fact("text.language_confidence", float, "Probability that py3langid gives the language, 0 to 1")
WRONG_LANGUAGE = Reason("wrong_language", "The measured language is not one that was asked for")


@dataclass(frozen=True, slots=True)
class DetectLanguage:
    """Measures the language of a document's first 5,000 characters."""

    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = (LANGUAGE, CONFIDENCE)
    reasons: ClassVar = ()
    version: ClassVar = 1

    def __call__(self, record: Document) -> Document:
        language, confidence = detect_language(record.text)
        return with_facts(record, {LANGUAGE.name: language, CONFIDENCE.name: confidence})


@dataclass(frozen=True, slots=True)
class KeepLanguages:
    """Keeps documents in one of `languages`; an empty tuple keeps all."""

    languages: tuple[str, ...] = ()
    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = (LANGUAGE,)
    writes: ClassVar = ()
    reasons: ClassVar = (WRONG_LANGUAGE,)
    version: ClassVar = 1

    def __call__(self, record: Document) -> Document | Reject:
        language = record.facts[LANGUAGE.name]
        if self.languages and language not in self.languages:
            return Reject(record.key, WRONG_LANGUAGE.name, f"{language}, expected one of {', '.join(self.languages)}")
        return record
