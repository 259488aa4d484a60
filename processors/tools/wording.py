"""How values stand in sentences, and templates that are filled with them.

`{name}` is an argument or a result of the call that a sentence speaks of, `{0.name}` one of the first call. After a bar stands
how it is said: `{days|#day}` and `{count|times}` count ("1 day", "3 days", "twice"), `{date|date}` writes a date out, `{unit|unit}` a
unit's name; `{x|none}` says nothing, where the words around it tell the value.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from processors.tools.programs import UNIT_NAMES

_SLOT = re.compile(r"\{(?:(\d)\.)?(\w+)(?:\|([^}]*))?\}")
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
DATE_STYLES = ("iso", "day", "month")


def slots_of(template: str) -> set[str]:
    """The names that a template of one call needs."""
    return {found[2] for found in _SLOT.finditer(template)}


def fill(template: str, calls: Sequence[Mapping[str, Any]], base: int = 0, dates: str = "day") -> str:
    """The template with the values of its calls (arguments and results by name) in it."""

    def value(found: re.Match[str]) -> str:
        of = calls[int(found[1]) if found[1] else base]
        return say(of[found[2]], found[3] or "", dates)

    return _SLOT.sub(value, template)


def say(value: Any, how: str, dates: str) -> str:
    """A value as it stands in a sentence."""
    if how.startswith("#"):
        number = say(value, "", dates)
        return f"{number} {how[1:]}{'' if value == 1 else 's'}"
    if how in _SAYS:
        return _SAYS[how](value)
    if how == "date":
        return say_date(str(value), dates)
    if isinstance(value, (list, tuple)):
        return listed([say(one, "", dates) for one in value])
    if isinstance(value, float):
        return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)
    return str(value)


def listed(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"


def say_date(text: str, style: str) -> str:
    """2024-03-05 as 5 March 2024 (day) or March 5, 2024 (month); as it is (iso) where it is no date."""
    found = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)", text)
    if style == "iso" or not found or not 1 <= int(found[2]) <= 12:
        return text
    month, day = MONTHS[int(found[2]) - 1], int(found[3])
    return f"{day} {month} {int(found[1])}" if style == "day" else f"{month} {day}, {int(found[1])}"


def sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


_SAYS: dict[str, Callable[[Any], str]] = {
    "unit": lambda value: UNIT_NAMES.get(value, value),
    "times": lambda value: {0: "not once", 1: "once", 2: "twice"}.get(value, f"{value} times"),
    "none": lambda value: "",
    "leap": lambda value: "is a leap year" if value else "is not a leap year",
    "month": lambda value: MONTHS[value - 1] if isinstance(value, int) and 1 <= value <= 12 else str(value),
    "money": lambda value: f"{value:.2f}" if isinstance(value, float) else str(value),
    "quoted": lambda value: listed([f'"{one}"' for one in value]) if isinstance(value, list) else f'"{value}"',
}


def days_from(day: str, days: int) -> str:
    return (datetime.date.fromisoformat(day) + datetime.timedelta(days=days)).isoformat()
