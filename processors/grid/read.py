"""Tables from the bytes of CSV files and HTML pages, as they come: any encoding, any delimiter, any nesting of spans.

Nothing outside the bytes is read: no reference of a page is followed. What is unbounded in a file is counted before it is built.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator

from processors.grid.cells import Grid, grid_from_rows
from processors.grid.decode import (
    MAX_CELL_CHARS,
    MAX_CELLS,
    NO_TABLE,
    READ_REASONS,
    TOO_LARGE_TABLE,
    check_cells,
    clean,
    decode_text,
)
from processors.grid.html_tables import read_html_tables
from schemas.outcome import Refused

__all__ = ["READ_REASONS", "read_csv", "read_html_tables"]

DELIMITERS = (",", "|", ";", "\t")  # of two that fit equally well the last: decimals and prose have commas
NO_DELIMITER = "\x1f"  # the unit separator of ASCII, which no text has: one column
MIN_REGULAR_ROWS = 0.5  # share of rows with the most common width, else the character is not what parts columns
SAMPLE_CHARS = 65_536

_SEPARATOR_LINE = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)


def read_csv(data: bytes) -> Grid:
    """The table of a file with values parted by commas, semicolons, tabs or bars; its first row is the header.

    Quotes are double quotes. Blank lines are left out, short rows filled up with empty cells, columns without any text at the
    right end dropped.

    Raises: Refused with one of READ_REASONS.
    """
    delimiter, text = _delimiter(decode_text(data))
    rows: list[list[str]] = []
    num_cells = 0
    try:
        for row in _parse(text, delimiter):
            num_cells += len(row)
            if num_cells > MAX_CELLS:
                raise Refused(TOO_LARGE_TABLE, f"more than {MAX_CELLS} cells")
            check_cells(row)
            cells = [clean(value) for value in row]
            if any(cells):
                rows.append(cells)
    except csv.Error as error:
        raise Refused(TOO_LARGE_TABLE, f"a cell that the reader cannot hold ({error}), at most {MAX_CELL_CHARS} characters") from error
    width = max((column + 1 for row in rows for column, value in enumerate(row) if value), default=0)
    if width == 0:
        raise Refused(NO_TABLE, f"{len(data)} bytes without a value")
    if width * len(rows) > MAX_CELLS:
        raise Refused(TOO_LARGE_TABLE, f"{len(rows)} rows of up to {width} cells, at most {MAX_CELLS} cells")
    return grid_from_rows([row[:width] for row in rows])


def _parse(text: str, delimiter: str) -> Iterator[list[str]]:
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=delimiter != "\t")


def _delimiter(text: str) -> tuple[str, str]:
    """The character that parts the columns, and the text without a first line that names it (as spreadsheets write)."""
    named = _SEPARATOR_LINE.match(text)
    if named is not None and named[1] not in '"\r':
        return named[1], text[named.end() :]
    sample = text[:SAMPLE_CHARS]
    if len(text) > len(sample) and "\n" in sample:
        sample = sample[: sample.rfind("\n") + 1]
    scored = [(fit, place) for place, delimiter in enumerate(DELIMITERS) if (fit := _fit(sample, delimiter)) is not None]
    return DELIMITERS[max(scored)[1]] if scored else NO_DELIMITER, text


def _fit(sample: str, delimiter: str) -> tuple[float, int] | None:
    """How well the character parts columns: the share of rows with the most common width, and that width; None when it does not.

    It does where it is in every row, or gives most of them one width. A first row of one value above rows of two is a heading above prose with commas; above rows of more it is a title.
    """
    try:
        widths = [len(row) for row in _parse(sample, delimiter) if row]
    except csv.Error:
        return None
    if not widths:
        return None
    width, count = max(Counter(widths).items(), key=lambda pair: (pair[1], pair[0]))
    share = round(count / len(widths), 2)
    if width < 2 or (share < MIN_REGULAR_ROWS and min(widths) < 2) or (widths[0] < 2 and width == 2):
        return None
    return share, width
