"""Pictures of charts that come with their questions and answers: kept as given, and checked against the table where it is given too.

A question is understood only when its words leave one reading: the value of a named row, the largest and the smallest row, the sum,
the number of rows, the difference of two rows. An answer to such a question that the table contradicts refuses the row; others
are taken on trust.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from processors.chart.programs import KIND, execute
from processors.chart.table import NUMBER, Table, cell_text, read_number
from schemas.outcome import Reason, Refused

ANSWER_CONTRADICTS_TABLE = Reason("answer_contradicts_table", "A given answer is not what the given table says")

_ASKED = (
    (re.compile(r"\b(?:in total|total|sum|altogether|add up)\b", re.I), "sum"),
    (re.compile(r"\b(?:difference between|differ)\b", re.I), "difference"),
    (re.compile(r"^which\b.*\b(?:most|highest|largest|greatest|biggest|maximum)\b", re.I), "argmax"),
    (re.compile(r"^which\b.*\b(?:least|fewest|lowest|smallest|minimum)\b", re.I), "argmin"),
)
_UNSURE = re.compile(
    r"\b(?:average|mean|median|percent\w*|ratio|share|second|third|than|except|without|excluding|between|above|below|over|under|more|less|not|if|first|last"
    r"|both|either|combined|together|most|highest|lowest|least|fewest|largest|smallest|sum|total)\b|%",
    re.I,
)
_VALUE = re.compile(r"^(?:how (?:many|much|high|large)\b|what (?:is|was) the (?:value|number|amount|quantity)\b|what value\b)", re.I)


def check_pairs(pairs: Sequence[tuple[str, str]], table: Table) -> int:
    """How many answers the table confirms. Raises: Refused with ANSWER_CONTRADICTS_TABLE for one that it contradicts."""
    confirmed = 0
    for question, answer in pairs:
        program = understand(question, table)
        if program is None:
            continue
        computed = execute(table.as_json(), program)
        if not _is_same(answer, computed):
            raise Refused(ANSWER_CONTRADICTS_TABLE, f"{question[:80]!r} is answered {answer[:40]!r}, the table gives {computed[:40]!r}")
        confirmed += 1
    return confirmed


def understand(question: str, table: Table) -> dict[str, Any] | None:
    """The program for a question of one plain meaning; None for any other. For tables of names and one number each."""
    if len(table.columns) != 2 or table.columns[1].type != NUMBER:
        return None
    name, column = table.names
    labels = [cell_text(row[0]) for row in table.rows]
    known = [row[1] for row in table.rows]
    if None in known or len(set(labels)) < len(labels):
        return None
    told = [row[0] for row, label in zip(table.rows, labels, strict=True) if _mentions(question, label)]
    op = next((op for pattern, op in _ASKED if pattern.search(question)), "lookup" if _VALUE.search(question) else "")
    base = {"kind": KIND, "op": op, "column": column}
    numbers = [value for value in known if isinstance(value, float)]
    if op == "sum" and not told and not re.search(r"\b(?:average|percent\w*|share|first|last|without|except)\b", question, re.I):
        return base
    if op == "difference" and len(told) == 2 and not re.search(r"\b(?:percent\w*|average)\b", question, re.I):
        return {**base, "first": {name: told[0]}, "second": {name: told[1]}}
    if (
        op in ("argmax", "argmin")
        and not told
        and not re.search(r"\b(?:second|third|difference|increase|decrease|change|growth)\b", question, re.I)
    ):
        best = (max if op == "argmax" else min)(numbers)
        return {**base, "of": [name]} if numbers.count(best) == 1 else None
    if op == "lookup" and len(told) == 1 and not _UNSURE.search(question):
        return {**base, "where": {name: told[0]}}
    return None


def _mentions(question: str, label: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(label)}(?!\w)", question, re.I) is not None


def _is_same(answer: str, computed: str) -> bool:
    """The same text, or the same number however it is written."""
    given, known = answer.strip().rstrip("."), computed
    if given.casefold() == known.casefold():
        return True
    first, second = read_number(given), read_number(known)
    if first is not None and second is not None:
        return abs(first[0] - second[0]) <= 1e-9 * max(1.0, abs(second[0]))
    return second is None and _mentions(given, known)  # North has the most
