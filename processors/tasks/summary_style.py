"""The form of a summary: instructions of length and format, how a text is put into a form, and whether a text keeps one.

Only the form changes: the sentences of the summary stay word for word.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

import numpy as np

PROSE, BULLETS, NUMBERED, JSON, EMAIL = "prose", "bullets", "numbered", "json", "email"
FORMS = (PROSE, BULLETS, NUMBERED, JSON, EMAIL)
_ABBREVIATION = re.compile(r"(?:\b(?:[A-Z]|Mr|Mrs|Ms|Dr|Prof|Hon|St|vs|etc|e\.g|i\.e|No|Inc|Ltd|Co|approx|Fig|al))\.$")
_BREAK = re.compile(r"(?:(?<=[.!?])|(?<=[.!?][\"'”’)]))\s+(?=[\"'“‘(]?[A-Z0-9])")
_LENGTH = re.compile(r"(at most|exactly) (\d{1,5}) (words|sentences|points)")
_ITEM = {BULLETS: re.compile(r"- (\S.*)"), NUMBERED: re.compile(r"(\d+)\. (\S.*)")}
_GREETINGS = ("Hello,", "Hi all,", "Dear all,", "Hello everyone,")
_CLOSINGS = ("Best regards", "Kind regards", "Best wishes", "Regards")
_SUBJECTS = ("Summary of the conversation", "Notes from the meeting", "What was discussed", "Meeting summary")

WORDINGS = {
    BULLETS: ("Answer in bullet points.", "Give the answer as a bulleted list.", "Use bullet points."),
    NUMBERED: ("Answer with a numbered list.", "Number the points of the answer.", "Give the answer as a numbered list."),
    JSON: (
        'Answer as a JSON object with one key, "points", that holds a list of texts.',
        'Reply in JSON: {"points": [...]}, a list of texts.',
        'Return a JSON object whose key "points" is a list of texts.',
    ),
    EMAIL: ("Write the answer as an email.", "Put it in the form of an email.", "Answer as an email with a subject line."),
}
LENGTH_WORDINGS = {
    "words": ("Use {bound} {number} words.", "Keep it to {bound} {number} words.", "The answer has {bound} {number} words."),
    "sentences": ("Use {bound} {number} sentences.", "Answer in {bound} {number} sentences.", "Write {bound} {number} sentences."),
    "points": ("Give {bound} {number} points.", "List {bound} {number} points.", "There should be {bound} {number} points."),
}


@dataclass(frozen=True, slots=True)
class Style:
    """A form, and an instruction of length ("at most 60 words", "exactly 3 sentences", "exactly 4 points") or none."""

    form: str = PROSE
    length: str = ""


def sentences_of(text: str) -> list[str]:
    """The sentences of a text; initials and short forms (Dr., e.g.) end none."""
    sentences: list[str] = []
    for piece in _BREAK.split(" ".join(text.split())):
        if sentences and _ABBREVIATION.search(sentences[-1]):
            sentences[-1] += f" {piece}"
        elif piece:
            sentences.append(piece)
    return sentences


def draw_style(summary: str, rng: np.random.Generator) -> Style:
    """A form, each as often, then a length that the summary has in that form or none. A text with lines of its own stays prose."""
    num_sentences = len(sentences_of(summary))
    forms = (PROSE,) if "\n" in summary.strip() else FORMS if num_sentences > 1 else (PROSE, EMAIL)
    form = forms[int(rng.integers(len(forms)))]
    lengths = ["", f"at most {-(-len(summary.split()) // 10) * 10} words"]
    if num_sentences > 1:
        lengths.append(f"exactly {num_sentences} {'sentences' if form in (PROSE, EMAIL) else 'points'}")
    return Style(form, lengths[int(rng.integers(len(lengths)))])


def instruction(style: Style, rng: np.random.Generator) -> str:
    """The style as it is asked for; empty for prose of any length."""
    asked = []
    if style.form != PROSE:
        asked.append(WORDINGS[style.form][int(rng.integers(len(WORDINGS[style.form])))])
    found = _LENGTH.fullmatch(style.length)
    if found:
        wordings = LENGTH_WORDINGS[found[3]]
        wording = wordings[int(rng.integers(len(wordings)))]
        asked.append(wording.format(bound=found[1], number=found[2]))
    return " ".join(asked)


def put_into(summary: str, form: str, rng: np.random.Generator) -> str:
    """The summary in a form."""
    if form == PROSE:
        return summary
    if form == EMAIL:
        subject, greeting, closing = (choices[int(rng.integers(len(choices)))] for choices in (_SUBJECTS, _GREETINGS, _CLOSINGS))
        return f"Subject: {subject}\n\n{greeting}\n\n{summary}\n\n{closing}"
    points = sentences_of(summary)
    if form == JSON:
        return json.dumps({"points": points}, ensure_ascii=False)
    return "\n".join(f"- {point}" if form == BULLETS else f"{number}. {point}" for number, point in enumerate(points, 1))


def body_of(answer: str, form: str) -> list[str] | None:
    """The points of a list, or the one text of prose and email; None when the answer is not in the form."""
    if form == JSON:
        return _points_of_json(answer)
    if form == EMAIL:
        found = re.fullmatch(r"Subject: \S[^\n]*\n\n[^\n]{1,60}[,!]\n\n(\S.*?)\n\n[^\n]{1,60}(?:\n[^\n]{1,60})?", answer, re.S)
        return [found[1]] if found else None
    if form in _ITEM:
        found_items = [_ITEM[form].fullmatch(line.strip()) for line in answer.splitlines() if line.strip()]
        if not found_items or not all(found_items):
            return None
        if form == NUMBERED and [int(item[1]) for item in found_items if item] != list(range(1, len(found_items) + 1)):
            return None
        return [item[item.lastindex or 0] for item in found_items if item]
    return [answer] if form == PROSE else None


def _points_of_json(answer: str) -> list[str] | None:
    try:
        value = json.loads(answer)
    except (ValueError, RecursionError):
        return None
    points = value.get("points") if isinstance(value, dict) and len(value) == 1 else None
    return points if isinstance(points, list) and points and all(isinstance(point, str) and point for point in points) else None


def keeps_instruction(answer: str, style: Style) -> bool:
    """Whether an answer has the form and the length that were asked for. An instruction that cannot be read is not kept."""
    if style.form not in FORMS:
        return False
    body = body_of(answer, style.form)
    if body is None or not style.length:
        return body is not None
    found = _LENGTH.fullmatch(style.length)
    if found is None:
        return False
    num = {
        "words": sum(len(text.split()) for text in body),
        "sentences": sum(len(sentences_of(text)) for text in body),
        "points": len(body),
    }[found[3]]
    return num <= int(found[2]) if found[1] == "at most" else num == int(found[2])
