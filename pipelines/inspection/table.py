"""Rows and refusals as lines of a table, or as JSON, a value a line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipelines.inspection.choice import Found
from pipelines.inspection.columns import row_columns
from pipelines.inspection.record import preview, visible
from schemas.arrow import BatchRows
from schemas.corpus import Corpus, read_facts

# What says most of a row, of each area, first come first served; those that a corpus has are shown.
TELLING = (
    "contract.num_tokens",
    "audio.duration_s",
    "audio.snr_db",
    "speech.error_rate",
    "text.language",
    "text.stated_language",
    "image.num_crops",
    "answer.how",
    "attempt.domain",
    "attempt.label",
    "problem.pass_ratio",
    "pair.kind",
    "code.language",
    "pack.num_pieces",
)
NUM_TELLING = 4
KEY_CHARS = 14
MAX_CELL_CHARS = 60
NAME_CHARS = 24
REFUSAL = ("corpus", "step", "reason", "detail")


def print_rows(corpus: Corpus, found: Iterable[Found], facts: Sequence[str], sort: str | None, as_json: bool, console: Console) -> int:
    """A line a row: the chosen facts; without a choice the most telling ones and the start of its text. Gives the number of rows."""
    columns = row_columns(corpus)
    names = [columns.named(name) for name in facts] or [name for name in TELLING if name in columns.types][:NUM_TELLING]
    if sort is not None and columns.named(sort) not in names:
        names.insert(0, columns.named(sort))
    rows = []
    for item in found:
        row = {"key": item.value("key"), **{name: item.value(name) for name in names}}
        if not facts:
            row["text"] = preview(BatchRows(item.batch, str(corpus.path))[item.index])
        rows.append(row)
    _print(rows, as_json, console)
    return len(rows)


def print_rejects_table(found: Iterable[Found], facts: Sequence[str], as_json: bool, console: Console) -> int:
    """A line a refusal, with the chosen facts."""
    rows = [{name: item.value(name) for name in ("key", *REFUSAL, *facts)} for item in found]
    _print(rows, as_json, console)
    return len(rows)


def print_rejects(found: Iterable[Found], as_json: bool) -> int:
    """Refusals in full: key, step, reason, detail, place in the source, what had been measured, and the traceback of a fault."""
    shown = 0
    for item in found:
        shown += 1
        row = {name: item.value(name) for name in item.batch.schema.names if "." not in name}
        if as_json:
            print(json.dumps(row))
            continue
        print(visible(f"{row['key']}  {row['step']}: {row['reason']}: {row['detail']}  ({row['source']} {row['locator']})"))
        told = read_facts(row.get("facts", ""))
        if told:
            print(visible("    " + ", ".join(f"{name} = {_cell(value)}" for name, value in sorted(told.items()))))
        for line in row["traceback"].splitlines():
            print(visible(f"    {line}"))
    return shown


def _print(rows: list[dict[str, Any]], as_json: bool, console: Console) -> None:
    if as_json:
        for row in rows:
            print(json.dumps(row))
        return
    if not rows:
        return
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, collapse_padding=True)
    for name in rows[0]:
        is_number = any(isinstance(row[name], int | float) and not isinstance(row[name], bool) for row in rows)
        is_long = name in ("text", "detail")
        table.add_column(
            name.replace(".", "\n."),
            min_width=0 if is_long else min(NAME_CHARS, max(map(len, name.replace(".", "\n.").split("\n")))),
            justify="right" if is_number else "left",
            no_wrap=name == "key" or is_long,
            overflow="ellipsis" if is_long else "fold",
        )
    for row in rows:
        table.add_row(*(Text(visible(_key(value) if name == "key" else _cell(value))) for name, value in row.items()))
    console.print(table)


def _key(key: str) -> str:
    """The start of a long key and what its children's names add to it."""
    head, slash, child = key.partition("/")
    return key if len(head) <= KEY_CHARS else f"{head[: KEY_CHARS - 2]}..{slash}{child}"


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}"
    line = " ".join(str(value).split())
    return line if len(line) <= MAX_CELL_CHARS else f"{line[: MAX_CELL_CHARS - 3]}..."
