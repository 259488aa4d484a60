"""Questions about a drawn table, each with the program that answers it. What the picture cannot settle is not asked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from processors.grid.cells import Grid
from processors.grid.programs import KIND, NoAnswer, TableView, answer_of
from processors.vision.asked import Asked

MAX_NAME_CHARS = 60  # of a row, column or value that a question names
MAX_ANSWER_CHARS = 300  # of the text of a cell
MAX_LIST_CHARS = 400
MIN_ROWS_FOR_EXTREMES = 3
# headers of columns whose numbers name things: neither largest nor sum means anything
_NAMING = re.compile(
    r"\b(?:id|ids|index|idx|no|nr|nº|number|#|code|zip|postcode|postal|phone|tel|fax|year|years|date|month|day|time|page|version|rank|isbn|key)\b|#",
    re.IGNORECASE,
)
# headers of columns whose numbers are no amounts: their sum means nothing
_NO_AMOUNT = re.compile(
    r"\b(?:rate|ratio|share|average|avg|mean|median|percent|percentage|price|age|score|temperature|density|speed|index|latitude|longitude|per|depth"
    r"|height|level|min|max|minimum|maximum)\b|%|°",
    re.IGNORECASE,
)
_TOTAL = re.compile(r"(?:total|sum|all|overall|average|mean)\b", re.IGNORECASE)

WORDINGS: dict[str, tuple[str, ...]] = {
    "num_rows": (
        "How many rows does the table have, not counting the header?",
        "How many data rows are in this table, the header left out?",
        "Count the rows of the table below its header.",
    ),
    "num_columns": ("How many columns does the table have?", "Count the columns of this table.", "How many columns are there?"),
    "caption": ("What is the title of the table?", "What is this table called?", "Read the caption of the table."),
    "lookup": (
        "What is the {column} of {key}?",
        "What does the table give as {column} for {key}?",
        "In the row of {key}, what stands under {column}?",
        "Find {key} in the table. What is its {column}?",
    ),
    "which_row": (
        "Which {key_column} has {value} under {column}?",
        "For which {key_column} is {column} {value}?",
        "The {column} {value} belongs to which {key_column}?",
    ),
    "count_value": (
        "How many rows have {value} under {column}?",
        "How often does {value} stand in the column {column}?",
        "In how many rows is {column} {value}?",
    ),
    "argmax": (
        "Which {key_column} has the highest {column}?",
        "For which {key_column} is {column} largest?",
        "Name the {key_column} with the highest value under {column}.",
    ),
    "argmin": (
        "Which {key_column} has the lowest {column}?",
        "For which {key_column} is {column} smallest?",
        "Name the {key_column} with the lowest value under {column}.",
    ),
    "max": ("What is the highest value under {column}?", "What is the largest {column} in the table?"),
    "min": ("What is the lowest value under {column}?", "What is the smallest {column} in the table?"),
    "sum": ("What is the sum of the column {column}?", "What do all values under {column} add up to?", "Add up the column {column}."),
    "difference": (
        "By how much do {first} and {second} differ in {column}?",
        "What is the difference in {column} between {first} and {second}?",
    ),
    "larger": (
        "Which has the higher {column}, {first} or {second}?",
        "Is {column} higher for {first} or for {second}?",
    ),
    "count_above": (
        "How many rows have a higher {column} than {key}?",
        "In how many rows is {column} above that of {key}?",
    ),
    "covers": (
        "Which columns does the header {header} cover?",
        "Which headers stand below {header}?",
        "Name the columns that are grouped under {header}.",
    ),
    "group": (
        "What stands under {column} in the rows of {key}?",
        "The cell {key} spans several rows. What is {column} in each of them, from top to bottom?",
    ),
    "headers": (
        "What are the column headers, from left to right?",
        "List the headers of the table.",
        "Name the columns of this table in order.",
    ),
    "column_list": (
        "List all values under {column}, from top to bottom.",
        "What stands in the column {column}, in order?",
        "Read out the column {column}.",
    ),
    "markdown": (
        "Write the table as Markdown.",
        "Transcribe this table in Markdown.",
        "Turn the picture into a Markdown table.",
        "Give the content of the table as a Markdown table.",
    ),
    "html": (
        "Write the table as HTML, with its row and column spans.",
        "Transcribe this table as an HTML table; keep merged cells.",
        "Give the table as HTML with rowspan and colspan where cells are merged.",
    ),
}
_HTML_WITHOUT_SPANS = ("Write the table as HTML.", "Transcribe this table as an HTML table.", "Give the content of the table as HTML.")
_NO_HEADER = ("How many rows does the table have?", "Count the rows of this table.")


def ask_table(grid: Grid, rng: np.random.Generator) -> list[Asked]:
    """Questions about the table, several of a kind where its content offers them, in an order that does not depend on luck."""
    return _Asker(grid, rng).questions()


def ask_whole_table(grid: Grid, rng: np.random.Generator) -> Asked:
    """The whole table as the answer: Markdown where it can say it, else HTML; one in four of the plain ones is HTML too."""
    asker = _Asker(grid, rng)
    plain = not grid.has_spans and grid.num_header_rows == 1
    asker.add("markdown" if plain and rng.integers(4) else "html", {})
    return asker.asked[0]


class _Asker:
    """Collects what has an answer."""

    def __init__(self, grid: Grid, rng: np.random.Generator) -> None:
        self.grid, self.rng = grid, rng
        self.view = TableView(grid)
        self.asked: list[Asked] = []

    def add(self, op: str, arguments: Mapping[str, Any], most_chars: int = MAX_ANSWER_CHARS) -> None:
        program = {"kind": KIND, "op": op, **arguments}
        if any(one.program == program for one in self.asked):
            return
        try:
            answer = answer_of(self.view, program)
        except NoAnswer:
            return
        if op not in ("markdown", "html") and len(answer) > most_chars:
            return
        shown = {name: _named(value) for name, value in arguments.items()}
        self.asked.append(Asked(self._pick(self._wordings(op)).format(**shown), answer, program))

    def _wordings(self, op: str) -> Sequence[str]:
        if op == "html" and not self.grid.has_spans:
            return _HTML_WITHOUT_SPANS
        return _NO_HEADER if op == "num_rows" and self.view.top == 0 else WORDINGS[op]

    def _pick(self, values: Sequence[Any]) -> Any:
        return values[int(self.rng.integers(len(values)))]

    def questions(self) -> list[Asked]:
        if not any(cell.row_span > 1 for cell in self.grid.cells if cell.row >= self.view.top):
            self.add("num_rows", {})
        if not self.grid.has_spans:
            self.add("num_columns", {})
        self.add("caption", {})
        for header in dict.fromkeys(cell.line for cell in self.grid.cells if cell.header and cell.column_span > 1):
            self.add("covers", {"header": header})
        if self.view.top == 0 or not self.view.body:
            return self.asked
        self.add("headers", {}, MAX_LIST_CHARS)
        self._about_columns()
        return self.asked

    def _about_columns(self) -> None:
        view = self.view
        usable = [column for column in range(self.grid.num_columns) if self._is_named(column)]
        corner = [0] if view.names[0] == () and view.names.count(()) == 1 else []  # rows are named below an empty corner
        key = next((column for column in (*corner, *usable) if self._is_key(column)), None)
        for column in usable:
            name = list(view.names[column])
            texts = view.texts(column)
            self.add("column_list", {"column": name}, MAX_LIST_CHARS)
            for value in dict.fromkeys(texts):
                if texts.count(value) > 1 and _short(value) and not any(row[column].row_span > 1 for row in view.body):
                    self.add("count_value", {"column": name, "value": value})
            self._about_groups(column, usable)
            if key is not None and column != key:
                self._about_rows(key, column)
            self._about_numbers(key, column)

    def _is_named(self, column: int) -> bool:
        name = self.view.names[column]
        return bool(name) and self.view.names.count(name) == 1 and all(map(_short, name))

    def _is_key(self, column: int) -> bool:
        """Whether the column names rows: each text once, none empty or long, and not all of them amounts."""
        texts = self.view.texts(column)
        if len(set(texts)) < len(texts) or not all(map(_short, texts)):
            return False
        return column == 0 or not self._is_quantity(column)

    def _about_rows(self, key: int, column: int) -> None:
        key_name, name = list(self.view.names[key]), list(self.view.names[column])
        keys, texts = self.view.texts(key), self.view.texts(column)
        for row in sorted(int(row) for row in self.rng.permutation(len(keys))[:3]):
            self.add("lookup", {"key_column": key_name, "key": keys[row], "column": name})
        for row in sorted(int(row) for row in self.rng.permutation(len(keys))[:2]):
            if _short(texts[row]):
                self.add("which_row", {"key_column": key_name, "column": name, "value": texts[row]})

    def _about_groups(self, column: int, usable: Sequence[int]) -> None:
        spanning = {cell.line: None for row in self.view.body if (cell := row[column]).row_span > 1 and _short(cell.line)}
        for text in spanning:
            for other in usable:
                if other > column:
                    names = {"key_column": list(self.view.names[column]), "column": list(self.view.names[other])}
                    self.add("group", {**names, "key": text}, MAX_LIST_CHARS)
                    break

    def _is_quantity(self, column: int) -> bool:
        """Whether the column's numbers are measured or counted, rather than names of things."""
        if _NAMING.search(" ".join(self.view.names[column])):
            return False
        try:
            values = [quantity.value for quantity in self.view.quantities(column)]
        except NoAnswer:
            return False
        steps = {b - a for a, b in pairwise(values)}
        is_index = column == 0 and steps == {1}
        return not is_index

    def _adds_up(self, column: int) -> bool:
        """Whether the sum of the column means something: amounts, none of which is a total already."""
        if _NO_AMOUNT.search(" ".join(self.view.names[column])) or any(_TOTAL.match(text) for text in self.view.texts(0)):
            return False
        return not any("%" in quantity.suffix or "°" in quantity.suffix for quantity in self.view.quantities(column))

    def _about_numbers(self, key: int | None, column: int) -> None:
        view, name = self.view, list(self.view.names[column])
        if not self._is_quantity(column) or len(view.body) < 2:
            return
        if len(view.body) >= MIN_ROWS_FOR_EXTREMES:
            for op in ("max", "min"):
                self.add(op, {"column": name})
            if self._adds_up(column):
                self.add("sum", {"column": name})
        if key is None or key == column:
            return
        keys = view.texts(key)
        named = {"key_column": list(view.names[key]), "column": name}
        for op in ("argmax", "argmin") if len(view.body) >= MIN_ROWS_FOR_EXTREMES else ():
            self.add(op, named)
        first, second = (keys[int(row)] for row in self.rng.permutation(len(keys))[:2])
        self.add("difference", {**named, "first": first, "second": second})
        self.add("larger", {**named, "first": second, "second": first})
        if len(keys) >= MIN_ROWS_FOR_EXTREMES:
            self.add("count_above", {**named, "key": self._pick(keys)})


def _short(text: str) -> bool:
    return 0 < len(text) <= MAX_NAME_CHARS


def _named(value: object) -> str:
    """A name as a question writes it: a text in quotes, a column below another header with that header, `row` for one without a name."""
    if isinstance(value, list):
        if not value:
            return "row"
        return f'"{value[-1]}"' + "".join(f' (under "{name}")' for name in reversed(value[:-1]))
    return f'"{value}"'
