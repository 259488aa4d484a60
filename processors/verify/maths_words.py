"""Answers in words: those whose meaning is known, and what excludes what."""

from __future__ import annotations

import re

from processors.verify.maths_form import TEXT_CLOSE, TEXT_OPEN

_MEANINGS = {
    "no_solution": "no solution|no solutions|none|no real solution|no real solutions|no solution exists|there is no solution|there are no solutions|\\emptyset|empty set|"
    "the empty set|\\{\\}|impossible|does not exist|dne|undefined|no such number|no such integer|not possible|inconsistent|keine lösung|sin solución|pas de solution",
    "all_reals": "all real numbers|all reals|any real number|every real number|all real values",
    "infinity": "infinity|infinitely many|infinite|infinitely many solutions|\\infty|+\\infty|unendlich",
    "yes": "yes|yeah|ja|oui|sí|sì|sim|はい|是", "no": "no|nope|nein|non|não|いいえ|不是",
    "true": "true|correct|wahr|vrai|verdadero", "false": "false|incorrect|falsch|faux|falso",
    "even": "even", "odd": "odd", "neither": "neither",
    "monday": "monday|mon", "tuesday": "tuesday|tue|tues", "wednesday": "wednesday|wed", "thursday": "thursday|thu|thurs",
    "friday": "friday|fri", "saturday": "saturday|sat", "sunday": "sunday|sun",
    "january": "january|jan", "february": "february|feb", "march": "march", "april": "april|apr", "may": "may", "june": "june|jun", "july": "july|jul",
    "august": "august|aug", "september": "september|sep|sept", "october": "october|oct", "november": "november|nov", "december": "december|dec",
    "north": "north", "south": "south", "east": "east", "west": "west",
    "ellipse": "ellipse|an ellipse", "circle": "circle|a circle", "parabola": "parabola|a parabola", "hyperbola": "hyperbola|a hyperbola", "line": "line|a line",
    "increasing": "increasing", "decreasing": "decreasing", "odd_function": "odd function", "even_function": "even function",
}  # fmt: skip
_CLASSES = (
    ("no_solution", "all_reals", "infinity", "minus_infinity"), ("yes", "no"), ("true", "false"), ("even", "odd", "neither"),
    ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
    ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"),
    ("north", "south", "east", "west"), ("ellipse", "circle", "parabola", "hyperbola", "line"), ("increasing", "decreasing"),
)  # fmt: skip
_MEANING = {phrase: meaning for meaning, phrases in _MEANINGS.items() for phrase in phrases.split("|")}
_CLASS = {meaning: number for number, several in enumerate(_CLASSES) for meaning in several}
_MEANING_OF_LETTER = re.compile(r"\(? ?([A-J]) ?\)?")


def plain(form: str) -> str:
    """Words without the marks of LaTeX's text, one space between them."""
    text = form.replace(TEXT_OPEN, " ").replace(TEXT_CLOSE, " ").replace("$", " $").replace('"', " ").replace("*", " * ")
    return " ".join(text.split()).strip(" .,;:!").replace("$ ", "$")


def meaning_of(form: str) -> str:
    """What the words mean, of those that have one; option_a ... for a letter of choice; empty for all others."""
    text = plain(form)
    letter = _MEANING_OF_LETTER.fullmatch(text)
    if letter:
        return "option_" + letter[1].lower()
    return _MEANING.get(text.casefold().replace("\\infty ", "\\infty"), "")


def class_of(meaning: str) -> int:
    """Meanings of one class exclude one another; -1 for no class."""
    return 100 if meaning.startswith("option_") else _CLASS.get(meaning, -1)
