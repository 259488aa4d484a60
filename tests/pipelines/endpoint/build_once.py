"""A build that asks an endpoint, in a process of its own: `python -m tests.pipelines.endpoint.build_once BASE_URL OUT WORKERS [OPTIONS]`.

Prints the peak of its memory.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from pipelines.build import Execution, build
from pipelines.endpoint_groups import Endpoint
from pipelines.recipe import Recipe
from pipelines.step import each
from pipelines.writing import ask_model
from processors.dialogue import TextTask
from processors.tasks.writing import Prompt, with_fields
from schemas.records import Row
from tests.peak import peak_kib
from tests.toy import Numbers

COUNT, CONCURRENCY = 80, 4


@dataclass(frozen=True, slots=True)
class WriteNumber:
    """Asks about a number, and takes what it is told."""

    reasons: ClassVar = ()

    def prompt(self, row: Row) -> Prompt:
        return Prompt(f"Write {row.fields['number']}", max_tokens=20)

    def read(self, row: Row, reply: str) -> Row:
        return with_fields(row, text=reply)


def recipe(base_url: str, count: int = COUNT, num_rows: int = 64, **options: Any) -> Recipe:
    endpoint = Endpoint(**{"model": "toy", "base_url": base_url, "concurrency": CONCURRENCY, "timeout_s": 10.0, **options})
    return Recipe(
        "written", Numbers(count, per_split=min(500, count // 2)), (ask_model(WriteNumber(), endpoint, num_rows=num_rows), each(TextTask()))
    )


def main() -> None:
    base_url, out, workers, *more = sys.argv[1:]
    options: dict[str, Any] = json.loads(more[0]) if more else {}
    build(recipe(base_url, **options), Path(out), Execution(workers=int(workers)))
    print(peak_kib())


if __name__ == "__main__":
    main()
