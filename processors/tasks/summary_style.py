"""The form of a summary: instructions of length and format, how a text is put into a form, and whether a text keeps one.

Only the form changes: the sentences of the summary stay word for word. Lengths are counted as the language counts: words, or
characters without white space in Chinese and Japanese.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

import numpy as np

from processors.audio.transcript_normal import UNSPACED
from processors.tasks import summary_wordings as wordings
from processors.tasks.summary_wordings import (
    AT_LEAST,
    AT_MOST,
    BULLETS,
    CHARACTERS,
    EMAIL,
    EXACTLY,
    JSON,
    NUMBERED,
    POINTS,
    SENTENCES,
    WORDS,
)

PROSE, ANY_JSON = "prose", "any_json"
FORMS = (PROSE, BULLETS, NUMBERED, JSON, EMAIL)
CHECKED_FORMS = (*FORMS, ANY_JSON)
ABOUT_RATIO = 0.2  # "about 100 words" is 80 to 120
_SHORT = {
    "en": r"Mr|Mrs|Ms|Dr|Prof|Hon|St|vs|etc|e\.g|i\.e|No|Inc|Ltd|Co|approx|Fig|al",
    "de": r"Dr|Prof|Hr|Fr|St|Nr|ca|bzw|usw|etc|z\. ?B|d\. ?h|u\. ?a|Mio|Mrd|vgl|\d{1,2}",
    "fr": r"MM?|Mme|Mlle|Dr|Pr|St|Ste|av|etc|p\. ?ex|env",
    "es": r"Sr|Sra|Srta|Dr|Dra|Ud|Uds|EE|UU|etc|p\. ?ej|núm",
    "it": r"Sig|Sigg|Dott|Prof|Ing|Avv|ecc|p\. ?es|S",
    "pt": r"Sr|Sra|Dr|Dra|Prof|Exmo|etc|p\. ?ex|nº",
}
_ABBREVIATION = {
    language: re.compile(
        rf"(?<!\w)(?:[A-Z]|{short})\.$" if language == "en" else rf"(?<!\w)(?:[^\W\d_]|{short})\.$", 0 if language == "en" else re.I
    )
    for language, short in _SHORT.items()
}
_OPENING = re.escape("\"'“‘(«„¿¡")
_BREAK = re.compile(rf"(?:(?<=[.!?])|(?<=[.!?][\"'”’)»]))\s+(?=[{_OPENING}]?[^\W_])")
_STOPS = "。!?\uff01\uff1f"  # the last two are the full-width marks
_UNSPACED_BREAK = re.compile(rf"(?<=[{_STOPS}])(?![」』”’)\s{_STOPS}])|(?<=[{_STOPS}][」』”’)])")
_LENGTH = re.compile(r"(?:(at most|at least|exactly|about) )?(\d{1,5})(?: to (\d{1,5}))? (word|character|sentence|point)s?")
_ITEM = {
    BULLETS: re.compile(r"(?:[-*–] +|[•·・] ?)(\S.*)"),
    NUMBERED: re.compile(r"(\d{1,3})(?:[.)] +|[.)](?=[^\x00-\x7f])|、 ?)(\S.*)"),
}
_LABELS = "|".join(words["label"][0] for words in wordings.EMAIL_WORDS.values())
_EMAIL = re.compile(
    rf"(?:{_LABELS})[:\uff1a] ?\S[^\n]*\n\n[^\n]{{1,60}}[,!:、。様\uff0c\uff1a]\n\n(\S.*?)\n\n[^\n]{{1,60}}(?:\n[^\n]{{1,60}})?", re.S
)


@dataclass(frozen=True, slots=True)
class Style:
    """A form, and an instruction of length ("at most 60 words", "exactly 3 sentences", "2 to 4 points") or none."""

    form: str = PROSE
    length: str = ""


@dataclass(frozen=True, slots=True)
class Length:
    """A range of a unit, both ends in it; `bound` is how it is said."""

    low: int
    high: int
    unit: str
    bound: str

    def __str__(self) -> str:
        if self.bound:
            number = self.low if self.bound == AT_LEAST else self.high if self.bound == AT_MOST else (self.low + self.high) // 2
            return f"{self.bound} {number} {self.unit}"
        return f"{self.low} to {self.high} {self.unit}"


def read_length(text: str) -> Length | None:
    """An instruction of length as a range; None when it cannot be read. A number alone is exact."""
    found = _LENGTH.fullmatch(text)
    if found is None or (found[1] and found[3]):
        return None
    number, unit = int(found[2]), f"{found[4]}s"
    if found[3]:
        return Length(number, int(found[3]), unit, "") if number <= int(found[3]) else None
    return make_length(found[1] or EXACTLY, number, unit)


def make_length(bound: str, number: int, unit: str) -> Length:
    if bound == AT_MOST:
        return Length(1, number, unit, bound)
    if bound == AT_LEAST:
        return Length(number, 10**9, unit, bound)
    off = 0 if bound == EXACTLY else int(number * ABOUT_RATIO)
    return Length(number - off, number + off, unit, bound)


def sentences_of(text: str, language: str = "en") -> list[str]:
    """The sentences of a text; initials and short forms (Dr., e.g.) end none."""
    if language in UNSPACED:
        return [piece.strip() for piece in _UNSPACED_BREAK.split(" ".join(text.split())) if piece.strip()]
    short = _ABBREVIATION.get(language, _ABBREVIATION["en"])
    sentences: list[str] = []
    for piece in _BREAK.split(" ".join(text.split())):
        first = piece.lstrip("\"'“‘(«„¿¡")[:1]
        if sentences and (first.islower() or short.search(sentences[-1])):
            sentences[-1] += f" {piece}"
        elif piece:
            sentences.append(piece)
    return sentences


def draw_style(summary: str, rng: np.random.Generator, language: str = "en") -> Style:
    """A form, each as often, then a length that the summary has in that form or none. A text with lines of its own stays prose."""
    num_sentences = len(sentences_of(summary, language))
    forms = (PROSE,) if "\n" in summary.strip() else FORMS if num_sentences > 1 else (PROSE, EMAIL)
    form = forms[int(rng.integers(len(forms)))]
    unit = CHARACTERS if language in UNSPACED else WORDS
    lengths = ["", f"{AT_MOST} {-(-num_units([summary], unit, language) // 10) * 10} {unit}"]
    if num_sentences > 1:
        lengths.append(f"{EXACTLY} {num_sentences} {SENTENCES if form in (PROSE, EMAIL) else POINTS}")
    return Style(form, lengths[int(rng.integers(len(lengths)))])


def instruction(style: Style, rng: np.random.Generator, language: str = "en") -> str:
    """The style as it is asked for; empty for prose of any length."""
    language = language if language in wordings.BOUNDS else "en"
    asked = []
    if style.form != PROSE:
        forms = wordings.FORM_WORDINGS[language][style.form]
        asked.append(forms[int(rng.integers(len(forms)))])
    length = _LENGTH.fullmatch(style.length)
    if length and length[1]:
        lengths = wordings.LENGTH_WORDINGS[language][f"{length[4]}s"]
        told = lengths[int(rng.integers(len(lengths)))]
        asked.append(told.format(bound=wordings.BOUNDS[language][length[1]], number=length[2]))
    return ("" if language in UNSPACED else " ").join(asked)


def put_into(summary: str, form: str, rng: np.random.Generator, language: str = "en", is_document: bool = False) -> str:
    """The summary in a form; an email's subject is that of a document, or of a conversation."""
    if form == PROSE:
        return summary
    if form == EMAIL:
        words = wordings.EMAIL_WORDS.get(language, wordings.EMAIL_WORDS["en"])
        choices = (words["document" if is_document else "subjects"], words["greetings"], words["closings"])
        subject, greeting, closing = (choice[int(rng.integers(len(choice)))] for choice in choices)
        return f"{words['label'][0]}: {subject}\n\n{greeting}\n\n{summary}\n\n{closing}"
    points = sentences_of(summary, language)
    if form == JSON:
        return json.dumps({"points": points}, ensure_ascii=False)
    return "\n".join(f"- {point}" if form == BULLETS else f"{number}. {point}" for number, point in enumerate(points, 1))


def body_of(answer: str, form: str) -> list[str] | None:
    """The points of a list, or the one text of prose and email; None when the answer is not in the form."""
    if form == JSON:
        return _points_of_json(answer)
    if form == ANY_JSON:
        return _texts_of_json(answer)
    if form == EMAIL:
        found = _EMAIL.fullmatch(answer)
        return [found[1]] if found else None
    if form in _ITEM:
        lines = [line.strip() for line in answer.splitlines() if line.strip()]
        if len(lines) > 1 and lines[0].endswith((":", "\uff1a")):  # "The main points are:"
            lines = lines[1:]
        found_items = [_ITEM[form].fullmatch(line) for line in lines]
        if not found_items or not all(found_items):
            return None
        if form == NUMBERED and [int(item[1]) for item in found_items if item] != list(range(1, len(found_items) + 1)):
            return None
        return [item[item.lastindex or 0] for item in found_items if item]
    return [answer] if form == PROSE else None


def _json(answer: str) -> object:
    try:
        return json.loads(answer)
    except (ValueError, RecursionError):
        return None


def _points_of_json(answer: str) -> list[str] | None:
    value = _json(answer)
    points = value.get("points") if isinstance(value, dict) and len(value) == 1 else None
    return points if isinstance(points, list) and points and all(isinstance(point, str) and point for point in points) else None


def _texts_of_json(answer: str) -> list[str] | None:
    """The texts of an object or list of any shape, in order."""
    value = _json(answer)
    texts: list[str] = []
    left = [value]
    while left:
        item = left.pop()
        if isinstance(item, str) and item.strip():
            texts.append(item)
        elif isinstance(item, dict | list):
            left += reversed(list(item.values()) if isinstance(item, dict) else item)
    return texts if isinstance(value, dict | list) and texts else None


def num_units(body: list[str], unit: str, language: str) -> int:
    """How many words, characters (no white space), sentences or points a body has. Chinese and Japanese words are characters."""
    if unit == POINTS:
        return len(body)
    if unit == SENTENCES:
        return sum(len(sentences_of(text, language)) for text in body)
    if unit == CHARACTERS or language in UNSPACED:
        return sum(len("".join(text.split())) for text in body)
    return sum(len(text.split()) for text in body)


def keeps_instruction(answer: str, style: Style, language: str = "en") -> bool:
    """Whether an answer has the form and the length that were asked for. An instruction that cannot be read is not kept."""
    if style.form not in CHECKED_FORMS:
        return False
    body = body_of(answer, style.form)
    if body is None or not style.length:
        return body is not None
    length = read_length(style.length)
    if length is None:
        return False
    return length.low <= num_units(body, length.unit, language) <= length.high
