"""Key fields of a document (company, date, address, total, ...) as they are printed, and whether its text has them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from schemas.outcome import Reason, Refused

BAD_FIELDS = Reason("bad_fields", "The key fields of the row are no object of names with texts, or too many")
FIELD_NOT_IN_TEXT = Reason("field_not_in_text", "A key field's value does not stand in the lines of the picture")

FIELD_COLUMNS = ("fields", "key")  # `key` is what a folder `key` beside the pictures gives
MAX_FIELDS = 64
MAX_VALUE_CHARS = 2_000


def fields_of(columns: Mapping[str, object]) -> dict[str, str]:
    """The key fields of a row, by name, as printed; those that are empty or null left out; {} where the row states none.

    Raises: Refused with bad_fields.
    """
    name = next((name for name in FIELD_COLUMNS if columns.get(name) is not None), None)
    if name is None:
        return {}
    given = columns[name]
    if not isinstance(given, Mapping):
        raise Refused(BAD_FIELDS, f"{name} is {str(given)[:60]!r}, expected an object")
    if len(given) > MAX_FIELDS:
        raise Refused(BAD_FIELDS, f"{name} has {len(given)} fields, expected {MAX_FIELDS} or fewer")
    found: dict[str, str] = {}
    for field, value in given.items():
        if value is None or value == "":
            continue
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str) or len(value) > MAX_VALUE_CHARS or not str(field).strip():
            raise Refused(BAD_FIELDS, f"field {str(field)[:40]!r} is {str(value)[:60]!r}, expected the text as it is printed")
        if value.strip():
            found[str(field).strip()] = value.strip()
    return found


def unsupported_fields(fields: Mapping[str, str], text: str) -> list[str]:
    """Names of the fields whose value the text does not have.

    Case, white space and punctuation between words do not count; words and numbers must stand whole and in order. A value of
    five words or more may have other text between its words, since an address runs over lines that have something beside them.
    """
    folded = text.casefold()
    there = re.findall(r"\w+", folded)
    return [name for name, value in fields.items() if not _stands(value.casefold(), folded, there)]


def _stands(value: str, folded: str, there: list[str]) -> bool:
    words = re.findall(r"\w+", value)
    if not words:
        return value in folded
    if re.search(r"(?<!\w)" + r"\W{0,4}".join(map(re.escape, words)) + r"(?!\w)", folded):
        return True
    return len(words) >= 5 and _in_order(words, there)


def _in_order(words: list[str], there: list[str]) -> bool:
    left = iter(there)
    return all(word in left for word in words)


def execute_fields(truth: Mapping[str, Any], program: Mapping[str, Any]) -> str:
    """The answer of a program of kind `fields`.

    Ops: value (`name`), json (`names`).
    Raises: KeyError, ValueError for a field that is not there or an unknown op.
    """
    if program["op"] == "value":
        return str(truth[program["name"]])
    if program["op"] == "json":
        return json.dumps({name: truth[name] for name in program["names"]}, ensure_ascii=False)
    raise ValueError(f"program of kind fields has op {program['op']!r}, expected value or json")
