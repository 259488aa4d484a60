"""Writes JSON and JSONL as UTF-8, with planted lines that are no JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path


def write_json(path: Path, value: object) -> None:
    """One JSON value, indented for reading."""
    path.write_bytes((json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode())


def write_lines(path: Path, rows: Iterable[object]) -> None:
    """A JSON value a line; `str` and `bytes` are written as they are, to plant bad lines."""
    with open(path, "wb") as sink:
        for row in rows:
            line = row if isinstance(row, str | bytes) else json.dumps(row, ensure_ascii=False)
            sink.write((line if isinstance(line, bytes) else line.encode()) + b"\n")
