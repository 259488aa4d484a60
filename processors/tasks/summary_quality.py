"""Whether a summary of a text is one: supported, of a fit length, in the source's language, not its beginning, whole, and about it.

Source of the thresholds: the 127 human summaries of 15 QMSum meetings beside the same summaries put under other meetings (see
processors/tasks/summary_support.py). With the whole meeting as the source, 60 % of the telling words there, 35 % together
in one passage a sentence and half of them in the weakest sentence keep 89 % of the human ones; of the summaries of every other
meeting they keep 6.3 % within a kind (797 pairs) and 1.2 % between kinds (981). Of planted errors, one draw of about 110 each: 2 to 3 %
with another name are kept, about a fifth with another number (one that the meeting has elsewhere), 35 to 48 % with a sentence
put in from a meeting of the same kind, 23 % from one of another kind.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from processors.audio.transcript_normal import UNSPACED
from processors.dialogue import LANGUAGE
from processors.language_id import detect_language
from processors.tasks.document_summary import source_of
from processors.tasks.fragments import extraction
from processors.tasks.stop_words import STOP_WORDS
from processors.tasks.summary import (
    BAD_SPAN,
    FORMAT,
    INSTRUCTION_NOT_KEPT,
    LENGTH_INSTRUCTION,
    NO_SUMMARY,
    NUM_UNSUPPORTED,
    PASSAGE_RATIO,
    SOURCE_PART,
    TOO_LONG,
    UNSUPPORTED,
    WEAKEST_RATIO,
    SummaryCheck,
    request_and_summary,
)
from processors.tasks.summary_style import Style, num_units
from processors.tasks.summary_wordings import WORDS
from processors.tasks.support import SUPPORT_RATIO
from schemas.facts import Fact, Limit
from schemas.outcome import Reason, Refused, Reject
from schemas.records import Conversation, FactValue, with_facts

COVERAGE = Fact("summary.coverage_ratio", float, "Share of the summary's words that stand in runs of the source's (Grusky et al. 2018)")
DENSITY = Fact("summary.density_words", float, "Mean length of the run of the source's words that a word of the summary belongs to")
COMPRESSION = Fact("summary.compression_ratio", float, "Words of the source for one of the summary")
LEAD = Fact("summary.lead_ratio", float, "Share of the summary that is the beginning of the source, word for word")
NUM_WORDS = Fact("summary.num_words", int, "Words of the summary without what its form adds; characters in Chinese and Japanese")
EXTRACTION_FACTS = (COVERAGE, DENSITY, COMPRESSION, LEAD, NUM_WORDS)

BAD_LENGTH = Reason("summary_length", "The summary has fewer or more words than asked for")
COPIED_LEAD = Reason("copied_lead", "The summary is the beginning of its source, word for word")
TRUNCATED = Reason("truncated_summary", "The summary breaks off before its end")
BOILERPLATE = Reason("boilerplate_summary", "The summary holds a web page's furniture, such as 'Read more'")
WRONG_LANGUAGE = Reason("wrong_language", "The summary is in another language than its source")

MIN_LANGUAGE_CHARS = 60  # the language of shorter texts is told too often wrongly
_MIN_LANGUAGE_LETTERS_UNSPACED = 20
_ENDS = re.compile(r"(?:\.\.\.|…|\[[.…]+\]|\((?:more|continued)\))[\"'”’)]*$", re.I)
_OPEN_END = re.compile(r"(?:[,;:(\[]|\s[-–—&])$")
_LAST_WORD = re.compile(r"(?<![\w'’-])([^\W\d_]+)$")
_JOINING = frozenset(
    [
        "the",
        "a",
        "an",
        "of",
        "to",
        "in",
        "on",
        "at",
        "by",
        "for",
        "with",
        "from",
        "and",
        "or",
        "but",
        "that",
        "which",
        "who",
        "whose",
        "than",
        "as",
        "into",
        "between",
        "because",
        "le",
        "la",
        "les",
        "des",
        "du",
        "de",
        "et",
        "ou",
        "mais",
        "dans",
        "sur",
        "pour",
        "avec",
        "sans",
        "que",
        "qui",
        "der",
        "die",
        "das",
        "dem",
        "den",
        "des",
        "und",
        "oder",
        "aber",
        "mit",
        "von",
        "für",
        "auf",
        "bei",
        "dass",
        "weil",
        "el",
        "los",
        "las",
        "del",
        "y",
        "pero",
        "con",
        "por",
        "para",
        "en",
        "il",
        "lo",
        "gli",
        "di",
        "e",
        "ma",
        "per",
        "con",
        "tra",
        "nel",
        "della",
        "o",
        "os",
        "as",
        "do",
        "da",
        "dos",
        "das",
        "e",
        "mas",
        "com",
        "por",
        "para",
        "em",
        "no",
        "na",
    ]
)
_FURNITURE = re.compile(
    r"(?:^|[.!?…。»\"”\n]\s*|[-*•|]\s)(?:(?:read|learn|see|show|view|find out|load) more\b(?! (?:about how|than|of the|carefully|slowly|books|into))|"
    r"continue reading|keep reading|click (?:here|on the link|the link|below)|tap here|sign up (?:for|to|now|here)|subscribe (?:to|now|here)|"
    r"follow us (?:on|at)|share (?:this|on) (?:article|story|page|facebook|twitter|x\b)|all rights reserved|"
    r"(?:this (?:article|post|story) )?(?:was )?(?:originally|first) (?:published|appeared) (?:on|in|at)\b|advertisement\b|skip to (?:main )?content|"
    r"weiterlesen|mehr lesen|hier klicken|klicken sie hier|alle rechte vorbehalten|jetzt abonnieren|"
    r"lire la suite|lire plus|en savoir plus|cliquez ici|tous droits réservés|abonnez-vous|"
    r"leer más|seguir leyendo|haga clic aquí|haz clic aquí|todos los derechos reservados|suscríbete|"
    r"leggi tutto|leggi di più|continua a leggere|clicca qui|tutti i diritti riservati|"
    r"leia mais|continue lendo|saiba mais|clique aqui|todos os direitos reservados|"
    r"阅读更多|阅读全文|点击这里|点击查看|版权所有|続きを読む|もっと見る|こちらをクリック|無断転載)"
    r"|©\s?\d{4}|\bcopyright ©",
    re.I,
)


def is_truncated(text: str, language: str) -> bool:
    """Whether a text ends in dots, in an open mark, or in a word that joins it to what is not there."""
    text = text.rstrip()
    if _ENDS.search(text) or _OPEN_END.search(text):
        return True
    last = _LAST_WORD.search(text)
    word = last[1].lower() if last and not (len(last[1]) == 1 and last[1].isupper()) else ""  # vitamin A
    return language not in UNSPACED and word in _JOINING and word in STOP_WORDS.get(language, frozenset())


def furniture_in(text: str) -> str:
    """The first piece of a page's furniture in a text, empty when there is none."""
    found = _FURNITURE.search(text)
    return found[0].strip() if found else ""


def other_language(summary: str, source: str, min_confidence: float) -> str:
    """The language of the summary where it is surely another one than that of the source; empty where they agree, or in doubt."""
    told, sure = detect_language(summary)
    floor = _MIN_LANGUAGE_LETTERS_UNSPACED if told in (*UNSPACED, "ko") else MIN_LANGUAGE_CHARS
    if len(summary) < floor or sure < min_confidence:
        return ""
    given, sure_of_source = detect_language(source)
    return told if told != given and sure_of_source >= min_confidence else ""


@dataclass(frozen=True, slots=True)
class KeepDocumentSummary:
    """Measures how far summaries copy and are supported, and keeps those that say what the source says, in the form asked for.

    `max_length_ratio` bounds the summary's characters by those of the source, `max_lead_ratio` what of it is the source's
    beginning; a summary of more than one part is judged on its text, without what the form adds.
    """

    min_support_ratio: float = 0.6
    min_passage_ratio: float = 0.35
    min_sentence_ratio: float = 0.5
    max_unsupported: int = 0
    min_words: int = 3
    max_words: int = 2_000
    max_length_ratio: float = 0.8
    max_lead_ratio: float = 0.9
    min_confidence: float = 0.95
    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = (SOURCE_PART, LANGUAGE, LENGTH_INSTRUCTION, FORMAT)
    writes: ClassVar = (SUPPORT_RATIO, PASSAGE_RATIO, WEAKEST_RATIO, NUM_UNSUPPORTED, *EXTRACTION_FACTS)
    reasons: ClassVar = (
        NO_SUMMARY,
        BAD_SPAN,
        INSTRUCTION_NOT_KEPT,
        BAD_LENGTH,
        TRUNCATED,
        BOILERPLATE,
        WRONG_LANGUAGE,
        COPIED_LEAD,
        TOO_LONG,
        UNSUPPORTED,
    )
    version: ClassVar = 1

    @property
    def bounds(self) -> tuple[Limit, ...]:
        return (
            Limit(NUM_WORDS, BAD_LENGTH.name, self.min_words, self.max_words),
            Limit(LEAD, COPIED_LEAD.name, most=self.max_lead_ratio),
            *self._check.bounds,
        )

    @property
    def _check(self) -> SummaryCheck:
        return SummaryCheck(
            self.min_support_ratio, self.min_passage_ratio, self.min_sentence_ratio, self.max_unsupported, self.max_length_ratio
        )

    def __call__(self, record: Conversation) -> Conversation | Reject:
        facts: dict[str, FactValue] = {}
        try:
            self._judge(record, facts)
        except Refused as refused:
            return Reject(record.key, refused.reason.name, refused.detail, facts={**facts, **refused.facts})
        return with_facts(record, facts)

    def _judge(self, record: Conversation, facts: dict[str, FactValue]) -> None:
        """Puts what is measured down in `facts`. Raises: Refused."""
        request, summary = request_and_summary(record)
        if not request or not summary:
            raise Refused(NO_SUMMARY, f"request {request[:40]!r}, summary {summary[:40]!r}, expected both")
        source, language = source_of(record), str(record.facts[LANGUAGE.name])
        if not source:
            raise Refused(BAD_SPAN, "the turns that the query needs cannot be read")
        check = self._check
        style = Style(str(record.facts[FORMAT.name]), str(record.facts[LENGTH_INSTRUCTION.name]))
        points = check.keeps_form(summary, style, language)
        body = " ".join(points)
        facts |= self._measure(body, source, language)
        self._check_words(facts, points, body, source, language)
        facts |= check.supports(body, source, source, language)

    def _measure(self, body: str, source: str, language: str) -> dict[str, FactValue]:
        told = extraction(body, source, language)
        return {
            COVERAGE.name: round(told.coverage, 4),
            DENSITY.name: round(told.density, 4),
            COMPRESSION.name: round(told.compression, 4),
            LEAD.name: round(told.lead, 4),
            NUM_WORDS.name: num_units([body], WORDS, language),
        }

    def _check_words(self, facts: dict[str, FactValue], points: list[str], body: str, source: str, language: str) -> None:
        num = int(facts[NUM_WORDS.name])
        if not self.min_words <= num <= self.max_words:
            raise Refused(BAD_LENGTH, f"{num} words, expected {self.min_words} to {self.max_words}")
        if is_truncated(points[-1], language):
            raise Refused(TRUNCATED, f"it ends {points[-1][-40:]!r}")
        furniture = furniture_in(body)
        if furniture:
            raise Refused(BOILERPLATE, f"{furniture[:40]!r}")
        other = other_language(body, source, self.min_confidence)
        if other:
            raise Refused(WRONG_LANGUAGE, f"{other}: {body[:60]!r}, the source is in another language")
        if float(facts[LEAD.name]) > self.max_lead_ratio:
            raise Refused(
                COPIED_LEAD, f"{facts[LEAD.name]} of the summary is the source's beginning, expected {self.max_lead_ratio:g} or less"
            )
