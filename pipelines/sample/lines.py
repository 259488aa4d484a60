"""Writes JSONL, with planted lines that are no JSON."""

from __future__ import annotations

import json
from pathlib import Path


def write_lines(path: Path, rows: list[object]) -> None:
    """A JSON value a line; `str` and `bytes` are written as they are, to plant bad lines."""
    lines = [
        row if isinstance(row, bytes) else (row if isinstance(row, str) else json.dumps(row, ensure_ascii=False)).encode() for row in rows
    ]
    path.write_bytes(b"\n".join(lines) + b"\n")
