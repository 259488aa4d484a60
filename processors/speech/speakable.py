"""Which texts can be read aloud, and how a reader says them.

Refused is what a listener could not take in: code, tables, typeset formulas, addresses, lists of options, texts too long for
a query. Everything else gets its spoken form (processors/spoken_form.py).
Source: arXiv 2503.01743, section on vision-speech data, leaves out queries unsuitable to be read aloud without saying how
they are told; the criteria here are this project's.
"""

from __future__ import annotations

import re
import string
import unicodedata
from dataclasses import dataclass
from typing import ClassVar

from processors.dialogue import LANGUAGE
from processors.language_id import detect_language, iso_639_1
from processors.speech_text import SPOKEN, WRITTEN
from processors.spoken_form import verbalise
from processors.spoken_language import SPEECH_LANGUAGES
from schemas.outcome import Reason, Refused, Reject
from schemas.parts import Text
from schemas.records import Conversation, with_facts

MAX_WORDS = 60
MAX_SECONDS = 30.0
CHARS_PER_SECOND = {"zh": 4.5, "ja": 7.0}  # unhurried reading; about 15 letters and spaces elsewhere
CHARS_PER_SECOND_ELSE = 15.0
MAX_CHARS_PER_SECOND = 120.0  # written, spaces and mark-up included: a text with more is refused before anything is read
MIN_WORDS_TO_CONTRADICT, MIN_CONFIDENCE = 6, 0.98  # a shorter text, or a less certain one, does not contradict the stated language

CODE = Reason("code", "The text holds program code, mark-up or data in braces")
TABLE = Reason("table", "The text holds a table")
FORMULA = Reason("formula", "The text holds a typeset or long formula")
ADDRESS = Reason("address", "The text holds a web address, an e-mail address or a path")
OPTION_LIST = Reason("option_list", "The text holds lettered options or a list")
TOO_LONG_TO_SPEAK = Reason("too_long_to_speak", "The text is longer than a spoken query")
WRONG_LANGUAGE = Reason("wrong_language", "The text is clearly not in the stated language")
UNSPEAKABLE_SYMBOLS = Reason("unspeakable_symbols", "The text holds signs, or letters of a script, that no reader of the language says")
EMPTY = Reason("empty", "There is no text to speak")
SPEAKABLE_REASONS = (CODE, TABLE, FORMULA, ADDRESS, OPTION_LIST, TOO_LONG_TO_SPEAK, WRONG_LANGUAGE, UNSPEAKABLE_SYMBOLS, EMPTY)

_TOP_LEVEL = "com|org|net|edu|gov|io|ai|info|co|de|fr|it|es|pt|jp|cn|uk"
_FILE_TYPES = "py|js|ts|c|cpp|java|pdf|csv|tsv|json|jsonl|xml|html|txt|md|png|jpg|jpeg|gif|svg|mp3|mp4|wav|docx?|xlsx?|pptx?|zip|tar|gz|exe|sh|sql|yaml"
_SIGNS: tuple[tuple[Reason, re.Pattern[str]], ...] = (
    (ADDRESS, re.compile(r"\b(?:https?|ftp|file)://|\bwww\.", re.I)),
    (ADDRESS, re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}\.\w{2,}")),
    (ADDRESS, re.compile(rf"\b[\w-]{{2,63}}\.(?:{_TOP_LEVEL}|{_TOP_LEVEL.upper()})(?:/\S*|\b(?!\.\w))")),
    (
        ADDRESS,
        re.compile(rf"\b(?!(?:[Nn]ode|[Nn]ext|[Vv]ue|[Ee]xpress|[Tt]hree|[Rr]eact|[Dd]3)\.js)[\w-]{{1,63}}\.(?:{_FILE_TYPES})\b", re.I),
    ),
    (ADDRESS, re.compile(r"(?<!\w)(?:~|\.{1,2})?/[\w.-]+/[\w./-]*|\b[A-Za-z]:\\")),
    (CODE, re.compile(r"```|`[^`\n]*[^\w` \n][^`\n]*`")),
    (
        CODE,
        re.compile(r"^\s*(?:def \w+\(|class \w+[:({]|import \w|from \w+ import|#include|return\b.*;|for \(|while \(|if \(.*\) ?\{)", re.M),
    ),
    (
        CODE,
        re.compile(
            r"\b(?:print|printf|len|range|console\.log|System\.out)\(|\w\(\)|\w\[[\w:'\"]+\]|=>|->|::|&&|\|\||(?<!\bC)\+\+|!=|==|[+*-]="
        ),
    ),
    (CODE, re.compile(r"</?[A-Za-z][\w-]*(?:\s[^<>]*)?/?>|\{[^{}]*[:;=][^{}]*\}|[(){}=\[\]][^\n;]*;[ \t]*$", re.M)),
    (CODE, re.compile(r"\bSELECT\b.+\bFROM\b", re.S)),
    (TABLE, re.compile(r"\|.*\||^\s*\|", re.M)),
    (TABLE, re.compile(r"\t.*\t|\t[^\n]*\n[^\n]*\t")),
    (TABLE, re.compile(r"^\s*\S+(?: \S+)*(?: {2,}\S+(?: \S+)*){2,}\s*\n\s*\S+(?: \S+)*(?: {2,}\S+(?: \S+)*){2,}", re.M)),
    (
        FORMULA,
        re.compile(
            r"\\[a-zA-Z]+|\\[()\[\]]|\$\$|[_^]\{|\$(?![\d\s.,])[^$\n]*(?<!\s)\$(?!\d)|\$(?!\s)[^$\n]*[\\^_=<>+][^$\n]*(?<!\s)\$(?!\d)"
        ),
    ),
    (FORMULA, re.compile(r"[∑∫∂∏∇∀∃∈∉⊂⊃∪∩⟨⟩]|\w_\d")),
    (OPTION_LIST, re.compile(r"(?:^|\s)\(?[Aa](?:[.:]\s|\)).*\s\(?[Bb](?:[.:]\s|\))", re.S)),
    (OPTION_LIST, re.compile(r"(?:^|\s)\(?(?:1|i)(?:[.]\s|\)).*\s\(?(?:2|ii)(?:[.]\s|\))", re.S)),
    (OPTION_LIST, re.compile(r"^\s*[-*•–]\s.*\n(?:.*\n)*?\s*[-*•–]\s", re.M)),
)
_EMPHASIS = re.compile(r"\*\*([^*\n]+)\*\*|(?<![\w*])\*([^\s*](?:[^*\n]*[^\s*])?)\*(?![\w*])|__([^_\n]+)__|`(\w+(?: \w+)*)`")
_OPERATOR = re.compile(r"(?<=[\w)\s])[+*/=^×÷<>](?=[\w(\s-])")
_MAX_OPERATORS = 4  # 2 x + 3 = 7 can be followed by ear, the quadratic formula cannot
_SPOKEN_MARKS = frozenset(" .,;:!?'\"()-–—。、，！？；：（）「」『』《》〈〉【】・·ー…¿¡«»‹›„“”‚‘’～〜")
_ALWAYS_SPOKEN = _SPOKEN_MARKS | frozenset(string.ascii_letters + string.digits)
_NO_WIDTH = str.maketrans({**dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u00ad", ""), **dict.fromkeys("\u00a0\u202f\u3000[]", " ")})
_SCRIPTS = {"zh": ("CJK", "LATIN"), "ja": ("CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "LATIN")}


def spoken_form(text: str, language: str, max_words: int = MAX_WORDS, max_seconds: float = MAX_SECONDS) -> str:
    """The text as it is read aloud, on one line. What is spoken already stays as it is.

    Raises: Refused with one of `SPEAKABLE_REASONS`.
    """
    if not text.strip():
        raise Refused(EMPTY, "no text")
    text, language = unicodedata.normalize("NFC", text), iso_639_1(language)
    limit = int(max_seconds * MAX_CHARS_PER_SECOND)
    _refuse_signs(text[:limit])
    if len(text) > limit:
        raise Refused(TOO_LONG_TO_SPEAK, f"{len(text)} characters, expected {limit} or fewer")
    _refuse_language(text, language)
    spoken = " ".join(verbalise(_plain(text, language), language).split())
    _refuse_symbols(spoken, language)
    _refuse_length(spoken, language, max_words, max_seconds)
    return spoken


def _plain(text: str, language: str) -> str:
    """Without the marks of emphasis, on one line; English without accents, which its voices do not read."""
    if "*" in text or "_" in text or "`" in text:
        text = _EMPHASIS.sub(lambda found: next(filter(None, found.groups())), text)
    text = " ".join(text.translate(_NO_WIDTH).split())
    if language != "en" or text.isascii():
        return text
    apart = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFC", "".join(ch for ch in apart if unicodedata.category(ch) != "Mn"))


def _refuse_signs(text: str) -> None:
    for reason, pattern in _SIGNS:
        found = pattern.search(text)
        if found:
            shown = " ".join(found[0].split())
            raise Refused(reason, repr(shown if len(shown) <= 60 else shown[:57] + "..."))
    if len(_OPERATOR.findall(text)) > _MAX_OPERATORS:
        raise Refused(FORMULA, f"{len(_OPERATOR.findall(text))} operators, expected {_MAX_OPERATORS} or fewer")


def _refuse_language(text: str, language: str) -> None:
    if language not in SPEECH_LANGUAGES:
        return
    num_words = sum(word.isalpha() for word in re.findall(r"\w+", text)) if language not in _SCRIPTS else len(text)
    if num_words < MIN_WORDS_TO_CONTRADICT:
        return
    measured, confidence = detect_language(text, SPEECH_LANGUAGES)
    if measured != language and confidence >= MIN_CONFIDENCE:
        raise Refused(WRONG_LANGUAGE, f"stated as {language}, measured as {measured} with {confidence:.3f}")


def _refuse_symbols(spoken: str, language: str) -> None:
    if not any(ch.isalnum() for ch in spoken):
        raise Refused(UNSPEAKABLE_SYMBOLS, f"{spoken[:40]!r} has no letter and no digit")
    for ch in dict.fromkeys(spoken):
        if ch in _ALWAYS_SPOKEN or unicodedata.category(ch) in ("Mn", "Mc", "Lm"):
            continue
        script = unicodedata.name(ch, "?").split(" ")[0]
        if not ch.isalnum() or (ch.isalpha() and script not in _SCRIPTS.get(language, ("LATIN",))):
            raise Refused(UNSPEAKABLE_SYMBOLS, f"{ch!r} ({unicodedata.name(ch, 'no name').lower()})")


def _refuse_length(spoken: str, language: str, max_words: int, max_seconds: float) -> None:
    num_words = len(spoken.split())
    if num_words > max_words:
        raise Refused(TOO_LONG_TO_SPEAK, f"{num_words} spoken words, expected {max_words} or fewer")
    seconds = len(spoken) / CHARS_PER_SECOND.get(language, CHARS_PER_SECOND_ELSE)
    if seconds > max_seconds:
        raise Refused(TOO_LONG_TO_SPEAK, f"about {seconds:.0f} s when read, expected {max_seconds:g} s or less")


@dataclass(frozen=True, slots=True)
class MakeSpeakable:
    """Writes the text of the user turns as written and as spoken, a line a turn that has text; the turns stay as they are."""

    max_words: int = MAX_WORDS
    max_seconds: float = MAX_SECONDS
    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = (LANGUAGE,)
    writes: ClassVar = (WRITTEN, SPOKEN)
    reasons: ClassVar = SPEAKABLE_REASONS
    version: ClassVar = 1

    def __call__(self, record: Conversation) -> Conversation | Reject:
        language = str(record.facts[LANGUAGE.name])
        written = user_texts(record)
        if not written:
            return Reject(record.key, EMPTY.name, "no user turn has text")
        try:
            spoken = [spoken_form(text, language, self.max_words, self.max_seconds) for text in written]
        except Refused as refused:
            return refused.reject(record.key)
        told = "\n".join(" ".join(text.split()) for text in written)
        return with_facts(record, {WRITTEN.name: told, SPOKEN.name: "\n".join(spoken)})


def user_texts(record: Conversation) -> list[str]:
    """The text of every user turn that has a text part, its parts joined by a space."""
    turns = [[part.text for part in turn.parts if isinstance(part, Text)] for turn in record.turns if turn.role == "user"]
    return [" ".join(text.strip() for text in texts).strip() for texts in turns if texts]
