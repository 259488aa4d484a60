"""`corpusmill export`: a corpus as Parquet or WebDataset files."""

from __future__ import annotations

import contextlib
import enum
import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from pipelines import place
from pipelines.build import BuildError
from pipelines.export.run import MAX_SHARD_BYTES, WAVE, ExportError, Options, choose_workers, export
from pipelines.failure import err_console, fail
from pipelines.graph import Compute, compute_here
from schemas.arrow import SchemaError
from schemas.corpus import Corpus, CorpusError

out_console = Console()


class Format(enum.StrEnum):
    parquet = "parquet"
    webdataset = "webdataset"


def export_command(
    corpus: Annotated[Path, typer.Argument(help="A finished corpus.", parser=place.path)],
    to: Annotated[
        Path,
        typer.Option(help="The folder for the export; a new or an empty one, or one of this export that was stopped.", parser=place.path),
    ],
    format: Annotated[
        Format, typer.Option(help="parquet: columns, for `datasets` and hubs; webdataset: tars, a JSON and media a row.")
    ] = Format.parquet,
    max_shard_bytes: Annotated[
        int, typer.Option(min=1, help="Most bytes of the corpus in one file; what is written differs by compression and tar headers.")
    ] = MAX_SHARD_BYTES,
    rows_per_group: Annotated[int, typer.Option(min=0, help="Rows of a Parquet row group; 0: as many as make 32 MiB.")] = 0,
    workers: Annotated[int | None, typer.Option(min=0, help="Processes; 0 runs in this one, without Ray. Default: by size.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON value; no progress.")] = False,
) -> None:
    """Export a corpus to Parquet or WebDataset, with its card, Croissant metadata and checksums; a stopped export goes on.

    Example: corpusmill export demo/corpora/asr --to published/asr --format parquet
    """
    if rows_per_group and format is not Format.parquet:
        raise fail(f"--rows-per-group is {rows_per_group}, but format {format.value} has no row groups; leave it out", 2)
    options = Options(format.value, max_shard_bytes, rows_per_group)
    try:
        num_workers = choose_workers(Corpus(corpus).totals(), workers)
        with contextlib.ExitStack() as stack:
            on_files = _show(stack) if err_console.is_terminal and not as_json else lambda done, count: None
            compute = _compute_on(num_workers, stack)
            done = export(corpus, to, options, compute, WAVE * max(1, num_workers), on_files)
    except (ExportError, CorpusError, SchemaError, BuildError) as error:
        raise fail(str(error)) from error
    except KeyboardInterrupt:
        raise fail(f"stopped while exporting {corpus}; files that are whole stay: run the same command again to go on") from None
    if as_json:
        told = {"path": str(done.path), "format": format.value, "num_files": len(done.files), "num_written": done.num_written}
        print(json.dumps({**told, "num_rows": done.num_rows, "num_bytes": done.num_bytes}, indent=2))
        return
    already = len(done.files) - done.num_written
    rest = f", {already:,} of them were there already" if already else ""
    out_console.print(
        f"{done.path}: {done.num_rows:,} rows in {len(done.files):,} files{rest}, {done.num_bytes / 1e6:,.1f} MB",
        markup=False,
        soft_wrap=True,
    )


def _compute_on(workers: int, stack: contextlib.ExitStack) -> Compute:
    """How files are written: in this process, or side by side on a Ray that lasts as long as `stack`."""
    if workers == 0:
        return compute_here
    from pipelines import cluster  # Ray takes a second to import

    def note(message: str) -> None:
        err_console.print(message, style="dim", markup=False)

    stack.enter_context(cluster.session(workers, 0, None, note))
    return lambda tasks: cluster.compute(tasks, workers, None, note)


def _show(stack: contextlib.ExitStack) -> Callable[[int, int], None]:
    bar = stack.enter_context(Progress(console=err_console, transient=True))
    task = bar.add_task("files", total=None)
    return lambda done, count: bar.update(task, completed=done, total=count)
