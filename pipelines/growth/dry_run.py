"""`corpusmill build --dry-run`: what a build would do to the corpora that are there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console

from pipelines.failure import fail

if TYPE_CHECKING:
    from pipelines.build import Execution
    from pipelines.buildfile import Job
    from pipelines.growth.preview import Preview

out_console = Console()


def show_dry_run(jobs: Sequence[Job], out: Path, execution: Execution, as_json: bool) -> None:
    """Prints, corpus by corpus and stage by stage, what would be built, kept, made anew and retired, and why. Exits 1 where the build would be refused."""
    from pipelines.growth.preview import REFUSED, preview_lines

    found = [(job.corpus, _preview(job, out, execution)) for job in jobs]
    if as_json:
        told = [
            {"corpus": name, "waits": one} if isinstance(one, str) else {"corpus": name, "stages": [stage.row() for stage in one]}
            for name, one in found
        ]
        print(json.dumps(told, indent=2))
    else:
        for name, one in found:
            for line in [f"{name}: {one}"] if isinstance(one, str) else preview_lines(one):
                out_console.print(line, markup=False, highlight=False, soft_wrap=True)
        out_console.print("nothing was changed: this was a dry run", highlight=False)
    if any(stage.action == REFUSED for _, one in found if not isinstance(one, str) for stage in one):
        raise typer.Exit(1)


def _preview(job: Job, out: Path, execution: Execution) -> list[Preview] | str:
    """What would become of a corpus's stages; or why that cannot be told yet."""
    from pipelines.feed import ConservationError
    from pipelines.growth.preview import preview_stages
    from pipelines.recipe import PlanError
    from processors.engine import EngineMissing
    from schemas.arrow import SchemaError
    from schemas.corpus import CorpusError
    from schemas.retry import StoreError

    try:
        stages = job.stages(out)
    except CorpusError as error:
        return f"made when the corpus is whole that it reads ({error})"
    except ValueError as error:
        raise fail(f"corpus {job.corpus}: {error}", 2) from error
    try:
        return preview_stages(stages, out, execution)
    except PlanError as error:
        raise fail(str(error), 2) from error
    except (ConservationError, CorpusError, SchemaError, EngineMissing, StoreError, OSError) as error:
        raise fail(f"{job.corpus}: {error}") from error
