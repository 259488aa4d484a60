"""What runs that built a corpus took: told beside the corpus, since it differs from run to run, and is no part of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from schemas.identity import canonical_json
from schemas.shard import write_replacing

RUNS = ".runs"


def runs_file(corpus: Path) -> Path:
    """Where the runs that built a corpus are told, a JSON object a line."""
    return corpus.parent / RUNS / f"{corpus.name}.jsonl"


def read_runs(corpus: Path) -> list[dict[str, Any]]:
    """The runs that built a corpus and ended, oldest first; none for a corpus that was copied without them."""
    file = runs_file(corpus)
    return [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []


def tell_run(corpus: Path, told: Mapping[str, Any]) -> None:
    """Adds a run to those told; by one process at a time."""
    file = runs_file(corpus)
    before = file.read_bytes() if file.is_file() else b""
    write_replacing(file, before + (canonical_json(dict(told)) + "\n").encode())
