"""The language of a transcript: measured among the model's eight, and compared with what the source states."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from processors.dialogue import LANGUAGE
from processors.language_id import detect_language, iso_639_1
from schemas.facts import Fact
from schemas.outcome import Reason, Reject
from schemas.records import Conversation, FactValue, learned_texts

SPEECH_LANGUAGES = ("en", "zh", "fr", "de", "it", "ja", "pt", "es")  # of the model's speech (arXiv 2503.01743)
MEASURED = Fact("text.language", str, "Language measured by py3langid (ISO 639-1), for speech among the model's eight")
CONFIDENCE = Fact("text.language_confidence", float, "Probability that py3langid gives the language, 0 to 1")
WRONG_LANGUAGE = Reason("wrong_language", "The transcript is not in the stated language, or in none of those asked for")
MIN_CHARS = {"zh": 6, "ja": 6}  # below this a transcript is too short to contradict what the source states
MIN_CHARS_ELSE = 20


@dataclass(frozen=True, slots=True)
class MeasureTranscriptLanguage:
    """Measures the language of the learned text; a record whose source states none is said to be in the measured one.

    What is stated loses its region: pt-BR becomes pt.
    """

    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = (LANGUAGE,)
    writes: ClassVar = (MEASURED, CONFIDENCE, LANGUAGE)
    reasons: ClassVar = ()
    version: ClassVar = 1

    def __call__(self, record: Conversation) -> Conversation:
        measured, confidence = detect_language(transcript_of(record).lower(), SPEECH_LANGUAGES)
        told: dict[str, FactValue] = {MEASURED.name: measured, CONFIDENCE.name: confidence}
        return replace(record, facts={**record.facts, **told, LANGUAGE.name: iso_639_1(str(record.facts[LANGUAGE.name])) or measured})


@dataclass(frozen=True, slots=True)
class KeepTranscriptLanguage:
    """Keeps transcripts in one of `languages` that do not contradict the stated one with at least `min_confidence`.

    Short transcripts (20 characters, 6 in Chinese and Japanese) cannot contradict: names and numbers have no language.
    """

    languages: tuple[str, ...] = SPEECH_LANGUAGES
    min_confidence: float = 0.9
    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = (MEASURED, CONFIDENCE, LANGUAGE)
    writes: ClassVar = ()
    reasons: ClassVar = (WRONG_LANGUAGE,)
    version: ClassVar = 1

    def __call__(self, record: Conversation) -> Conversation | Reject:
        stated, measured = iso_639_1(str(record.facts[LANGUAGE.name])), str(record.facts[MEASURED.name])
        confidence = float(record.facts[CONFIDENCE.name])
        if stated not in self.languages:
            return Reject(record.key, WRONG_LANGUAGE.name, f"stated as {stated!r}, expected one of {', '.join(self.languages)}")
        long_enough = len(transcript_of(record)) >= MIN_CHARS.get(measured, MIN_CHARS_ELSE)
        if measured != stated and confidence >= self.min_confidence and long_enough:
            return Reject(record.key, WRONG_LANGUAGE.name, f"stated as {stated}, measured as {measured} with {confidence:.3f}")
        return record


def transcript_of(record: Conversation) -> str:
    """The learned text of a conversation."""
    return " ".join(learned_texts(record))
