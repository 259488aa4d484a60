"""`corpusmill gc`: shows, and removes where asked, what lies in a folder of corpora and belongs to none. What it needs is imported when it runs."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from pipelines import place, words
from pipelines.failure import fail

MAX_NAMED = 5  # of a kind, without --json
out_console = Console()


def gc_command(
    out: Annotated[Path, typer.Argument(help="The folder of corpora, or its URL.", parser=place.path)],
    delete: Annotated[bool, typer.Option("--delete", help="Remove what is shown.")] = False,
    only: Annotated[
        list[str] | None, typer.Option(help="Only this kind (may be repeated): orphan, temporary, upload, stage, list, retired.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON value instead of a table.")] = False,
) -> None:
    """Show what lies in a folder of corpora and belongs to none of them, with sizes; --delete removes it.

    Nothing of a corpus that is being built is touched.
    """
    from pipelines.build import BuildError
    from pipelines.growth.garbage import KINDS, collect, summed
    from schemas.retry import StoreError

    for kind in only or ():
        if kind not in KINDS:
            raise fail(f"--only {kind!r} is no kind of garbage; {words.hint(kind, KINDS)}", 2)
    try:
        if not out.is_dir():
            raise fail(f"{out} is no folder; expected the folder that holds the corpora", 2)
        found = collect(out, delete, tuple(only or KINDS))
    except (BuildError, StoreError, OSError) as error:
        raise fail(f"looking for garbage in {out}: {error}") from error
    rows = summed(found)
    if as_json:
        garbage = [asdict(one) for one in found.garbage]
        print(json.dumps({"out": str(out), "deleted": delete, "kinds": rows, "garbage": garbage, "kept": found.kept}, indent=2))
        return
    table = Table("kind", "files", "MB", "what", "such as")
    for row in rows:
        named = [one.name for one in found.of(row["kind"])]
        such = "\n".join([*named[:MAX_NAMED], *([f"and {len(named) - MAX_NAMED:,} more"] if len(named) > MAX_NAMED else [])])
        table.add_row(row["kind"], f"{row['files']:,}", f"{row['bytes'] / 1e6:,.1f}", row["about"], such)
    if rows:
        out_console.print(table)
    for line in found.kept:
        out_console.print(f"kept: {line}", markup=False, highlight=False, soft_wrap=True)
    total = sum(row["bytes"] for row in rows) / 1e6
    told = f"{sum(row['files'] for row in rows):,} files, {total:,.1f} MB"
    end = "nothing is there that belongs to no corpus" if not rows else f"removed {told}" if delete else f"{told}; --delete removes them"
    out_console.print(end, markup=False, highlight=False, soft_wrap=True)
