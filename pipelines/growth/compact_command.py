"""`corpusmill compact`: a corpus of many small shards as one of few large ones. What it needs is imported when it runs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from pipelines import place
from pipelines.failure import fail

UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
out_console = Console()


def read_size(text: str) -> int:
    """Bytes of a size such as 512MB or 1GiB. Raises typer.BadParameter."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)", text.strip())
    if not found or found[2].upper() not in UNITS or float(found[1]) * UNITS[found[2].upper()] < 1:
        raise typer.BadParameter(f"{text!r} is no size; expected a number with {', '.join(unit for unit in UNITS if unit)}, such as 512MB")
    return int(float(found[1]) * UNITS[found[2].upper()])


def compact_command(
    path: Annotated[Path, typer.Argument(help="A finished corpus, or its URL.", parser=place.path)],
    out: Annotated[Path, typer.Option(help="The folder, or URL, for the compacted corpus, which keeps its name.", parser=place.path)],
    target_size: Annotated[str, typer.Option(help="About how large a shard may be, such as 512MB or 1GiB.")] = "512MB",
    workers: Annotated[int | None, typer.Option(min=0, help="Processes; 0 runs in this one, without Ray. Default: one a CPU.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON value instead of text.")] = False,
) -> None:
    """Write a corpus of many small shards anew with few large ones: the same rows, order, refusals and counts, checked.

    The corpus itself is not changed. One that was stopped goes on.
    """
    from pipelines.build import BuildError, Execution
    from pipelines.growth.compact import as_row, compact
    from schemas.arrow import SchemaError
    from schemas.corpus import CorpusError
    from schemas.retry import StoreError

    try:
        target_bytes = read_size(target_size)
    except typer.BadParameter as error:
        raise fail(f"--target-size: {error.message}", 2) from error
    try:
        done = compact(path if path.name else path.absolute(), out, target_bytes, Execution(workers=workers), lambda told: None)
    except (BuildError, CorpusError, SchemaError, StoreError, OSError) as error:
        raise fail(f"compacting {path}: {error}") from error
    if as_json:
        print(json.dumps(as_row(done), indent=2))
        return
    told = as_row(done)
    line = (
        f"{done.path}: {done.num_before:,} shards are {done.num_after:,} now ({done.num_built:,} written), "
        f"{told['num_rows']:,} rows, {told['num_bytes'] / 1e6:,.1f} MB"
    )
    out_console.print(line, markup=False, highlight=False, soft_wrap=True)
