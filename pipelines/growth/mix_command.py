"""`corpusmill mix`: several corpora of one kind as one, in exact proportion. What it needs is imported when it runs."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from pipelines import place
from pipelines.failure import fail

if TYPE_CHECKING:
    from pipelines.build import BuildResult
    from pipelines.growth.mix_file import MixFile
    from pipelines.growth.mixture import Mixture

out_console = Console()


def mix_command(
    mix_file: Annotated[Path, typer.Argument(help="A TOML file of a mixture; see runbooks/grow.md.")],
    out: Annotated[Path | None, typer.Option(help="Where the mixture goes, over the file's.", parser=place.path)] = None,
    workers: Annotated[int | None, typer.Option(min=0, help="Processes; 0 runs in this one, without Ray. Default: one a CPU.")] = None,
    address: Annotated[str | None, typer.Option(help="A running Ray cluster; default: one of our own on this machine.")] = None,
    update: Annotated[bool, typer.Option("--update", help="Make anew what other corpora, shares or sizes change.")] = False,
    rebuild: Annotated[bool, typer.Option(help="Remove what is there and start anew.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be taken of each corpus, and write nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON value instead of a table; no progress.")] = False,
) -> None:
    """Mix corpora of one kind in exact proportion, by rows or by tokens: a corpus whose rows name those that they were.

    Each corpus is drawn from, or repeated; every row of it is in the mixture or counted as left out.
    """
    from dataclasses import replace

    from pipelines.buildfile import BuildFileError
    from pipelines.growth.mix_file import read_mix_file
    from pipelines.growth.mixture import as_rows
    from schemas.corpus import CorpusError

    try:
        told = read_mix_file(mix_file)
    except BuildFileError as error:
        raise fail(str(error), 2) from error
    except (CorpusError, ValueError, OSError) as error:
        raise fail(f"mixing by {mix_file}: {error}", 2) from error
    changes: dict[str, Any] = {"update": update or told.execution.update, "rebuild": rebuild or told.execution.rebuild}
    changes |= {name: value for name, value in (("workers", workers), ("address", address)) if value is not None}
    told = replace(told, out=out or told.out, execution=replace(told.execution, **changes))
    mixture, result = _run(told, dry_run, as_json)
    rows = as_rows(mixture)
    if as_json:
        path = str(result.path) if result else None
        print(json.dumps({"mixture": told.name, "path": path, "by": mixture.by, "dry_run": dry_run, "corpora": rows}, indent=2))
        return
    out_console.print(_table(rows, mixture.by))
    end = f"{result.path}: {result.totals['num_out']:,} rows" if result else "nothing was written: this was a dry run"
    out_console.print(end, markup=False, highlight=False, soft_wrap=True)


def _run(told: MixFile, dry_run: bool, as_json: bool) -> tuple[Mixture, BuildResult | None]:
    """Plans the mixture and builds it. What goes wrong ends the command with a message."""
    import contextlib

    from pipelines.build import BuildError, build, compute_for
    from pipelines.feed import ConservationError, DeclarationError
    from pipelines.growth.mixture import MixtureError, mix, mixture_recipe
    from pipelines.recipe import PlanError
    from pipelines.show import progress_for
    from schemas.arrow import SchemaError
    from schemas.corpus import Corpus, CorpusError
    from schemas.retry import StoreError
    from schemas.store import place_of

    try:
        with contextlib.ExitStack() as sessions, progress_for(as_json) as shown:
            largest = max(
                (Corpus(place_of(one.corpus.root)) for one in told.asked), key=lambda corpus: int(str(corpus.totals()["num_out"]))
            )
            mixture = mix(told.asked, told.by, told.size, told.seed, partial(compute_for, told.execution, largest, sessions, shown.note))
            recipe = mixture_recipe(told.name, mixture, told.title)
            if dry_run:
                return mixture, None
            return mixture, build(recipe, told.out, told.execution, shown, sessions)
    except (MixtureError, PlanError) as error:
        raise fail(f"mixing {told.name}: {error}", 2) from error
    except (BuildError, ConservationError, DeclarationError, CorpusError, SchemaError, StoreError, OSError) as error:
        raise fail(f"mixing {told.name}: {error}") from error
    except KeyboardInterrupt:
        raise fail(f"stopped while mixing {told.name}; what is committed stays: run the same command again to go on") from None


def _table(rows: list[dict[str, Any]], by: str) -> Table:
    table = Table("corpus", "share", f"{by} asked", "rows", "tokens", "reached", "passes", "left out")
    for row in rows:
        counts = (f"{row['asked']:,}", f"{row['rows']:,}", f"{row['tokens']:,}", f"{row['reached_share']:.4%}", f"{row['passes']:.2f}")
        table.add_row(row["corpus"], f"{row['share']:.4%}", *counts, f"{row['left_out']:,}")
    sums = [sum(row[name] for row in rows) for name in ("asked", "rows", "tokens", "left_out")]
    table.add_section()
    table.add_row("all", "", *(f"{num:,}" for num in sums[:3]), "", "", f"{sums[3]:,}")
    return table
