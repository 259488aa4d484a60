"""`corpusmill requeue`: after a fix, runs refused records again and keeps the rest. What it needs is imported when it runs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from pipelines import complete, place
from pipelines.failure import fail
from pipelines.options import Overrides

if TYPE_CHECKING:
    from pipelines.buildfile import BuildFile
    from pipelines.requeue_journal import Selection
    from pipelines.requeue_stages import Outcome
    from pipelines.stage import Stage

MAX_CHANGES = 12  # lines
out_console = Console()


def requeue_command(
    build_file: Annotated[Path, typer.Argument(help="The TOML build file of the corpus.")],
    corpus: Annotated[str, typer.Option(help="The corpus to requeue, with its stages.", autocompletion=complete.corpora)],
    reason: Annotated[list[str] | None, typer.Option(help="Only refusals for this reason (may be repeated).")] = None,
    failure: Annotated[str | None, typer.Option(help="Only refusals of this sort: reject, fault or crash.")] = None,
    step: Annotated[str | None, typer.Option(help="Only refusals by this step; `source` is the source.")] = None,
    set_: Overrides = None,
    out: Annotated[Path | None, typer.Option(help="Where the corpora are, over the file's.", parser=place.path)] = None,
    workers: Annotated[int | None, typer.Option(min=0, help="Processes; 0 runs in this one, without Ray. Default: one a CPU.")] = None,
    address: Annotated[str | None, typer.Option(help="A running Ray cluster; default: one of our own on this machine.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be replayed, and change nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON value instead of text; no progress.")] = False,
) -> None:
    """After a fix, run refused records again and keep the rest: the corpus is then the same as one that is built anew.

    Without --reason, --failure and --step everything that was refused is run again. Exit code 1 when a record still makes a processor raise.
    """
    from pipelines.buildfile import BuildFileError, read_build_file
    from pipelines.requeue_journal import Selection

    try:
        plan = read_build_file(build_file, set_ or (), (corpus,))
    except BuildFileError as error:
        raise fail(str(error), 2) from error
    told = {"workers": workers, "address": address}
    execution = replace(plan.execution, **{name: value for name, value in told.items() if value is not None})  # type: ignore[arg-type]
    plan = replace(plan, execution=execution, out=out or plan.out)
    selection = Selection(tuple(sorted(set(reason or ()))), failure or "", step or "")
    outcomes = _requeue(plan, corpus, selection, dry_run, as_json)
    _show(corpus, outcomes, dry_run, as_json)


def _requeue(plan: BuildFile, corpus: str, selection: Selection, dry_run: bool, as_json: bool) -> list[Outcome]:
    """Requeues the stages of one corpus. What goes wrong ends the command with a message."""
    from pipelines.build import BuildError
    from pipelines.feed import ConservationError, DeclarationError
    from pipelines.recipe import PlanError
    from pipelines.requeue_stages import preview_stages, requeue_stages
    from pipelines.show import progress_for
    from processors.engine import EngineMissing
    from schemas.arrow import SchemaError
    from schemas.corpus import CorpusError

    try:
        stages = _stages(plan, corpus)
        _need_words(stages, plan.out, selection)
        if dry_run:
            return preview_stages(stages, plan.out, selection)
        return list(requeue_stages(stages, plan.out, selection, plan.execution, partial(progress_for, as_json)))
    except PlanError as error:
        raise fail(str(error), 2) from error
    except (BuildError, ConservationError, DeclarationError, CorpusError, SchemaError, EngineMissing, OSError) as error:
        raise fail(f"{type(error).__name__}: {error}" if not isinstance(error, BuildError) else str(error)) from error
    except KeyboardInterrupt:
        raise fail(f"stopped while requeueing {corpus}; run the same command again, or build the corpus, to go on") from None


def _stages(plan: BuildFile, corpus: str) -> Sequence[Stage]:
    from pipelines.recipe import PlanError
    from schemas.corpus import CorpusError

    try:
        return plan.jobs[0].stages(plan.out)
    except (PlanError, CorpusError):
        raise
    except ValueError as error:
        raise fail(f"corpus {corpus}: {error}", 2) from error


def _need_words(stages: Sequence[Stage], out: Path, selection: Selection) -> None:
    from pipelines.requeue_stages import check_words
    from pipelines.words import hint

    for what, word, known in check_words(stages, out, selection):
        raise fail(f"--{what} {word!r} is not among those of {stages[-1].name}; {hint(word, known)}", 2)


# ---- what is said


def _show(corpus: str, outcomes: list[Outcome], dry_run: bool, as_json: bool) -> None:
    """Prints what was done; exits 1 when there are faults."""
    from pipelines.show import engines_table, summary_lines, summary_row, summary_table

    rows = [] if dry_run else [summary_row([outcome.result for outcome in outcomes if outcome.result])]
    if as_json:
        told = {"corpus": corpus, "dry_run": dry_run, "stages": [_row(outcome) for outcome in outcomes]}
        print(json.dumps({**told, "summary": rows[0] if rows else None}, indent=2))
    else:
        for line in (line for outcome in outcomes for line in _lines(outcome, dry_run)):
            out_console.print(line, markup=False, highlight=False, soft_wrap=True)
        for line in _remarks(corpus, outcomes, dry_run):
            out_console.print(line, markup=False, highlight=False, soft_wrap=True)
        if rows:
            out_console.print(summary_table(rows))
            for line in summary_lines(rows):
                out_console.print(line, markup=False, highlight=False, soft_wrap=True)
            engines = engines_table(rows)
            if engines is not None:
                out_console.print(engines)
    if any(row["faults"] for row in rows):
        raise fail(f"some records make a processor raise in {corpus}; see `corpusmill inspect PATH --rejects --failure fault`")


def _row(outcome: Outcome) -> dict[str, Any]:
    """An outcome as JSON."""
    done = outcome.result
    return {
        "stage": outcome.name,
        "path": str(outcome.path),
        "action": outcome.action,
        "num_refusals": sum(told.num_refusals for told in outcome.found.values()),
        "num_rows": sum(told.num_rows for told in outcome.found.values()),
        "num_splits_chosen": len(outcome.found),
        "num_splits": outcome.num_splits,
        "changes": outcome.changes,
        "num_run": done.num_run if done else None,
        "num_new": done.num_new if done else None,
        "num_kept": outcome.num_kept if done else None,
        "run_whole": dict(done.whole) if done else None,
        "is_whole": outcome.is_whole if done else None,
    }


def _lines(outcome: Outcome, dry_run: bool) -> Iterator[str]:
    """What was done to one stage."""
    from pipelines.requeue_stages import FINISHED, MADE_ANEW, UNTOUCHED

    if outcome.action == UNTOUCHED:
        yield f"{outcome.name}: nothing that it refused is chosen; it stays as it is"
        return
    if outcome.action == FINISHED:
        yield f"{outcome.name}: its build had not ended; what was missing is built"
        return
    if outcome.action == MADE_ANEW:
        would = "would be made anew, should the stage before it change" if dry_run else "made anew from what the stage before it holds now"
        yield f"{outcome.name}: {would}"
        return
    told = _row(outcome)
    would = "would be replayed" if dry_run else "replayed"
    yield (
        f"{outcome.name}: {told['num_refusals']:,} refusals of {told['num_rows']:,} source rows, "
        f"in {told['num_splits_chosen']:,} of {told['num_splits']:,} splits, {would}"
    )
    yield from (f"  changed: {change}" for change in outcome.changes[:MAX_CHANGES])
    if len(outcome.changes) > MAX_CHANGES:
        yield f"  changed: {len(outcome.changes) - MAX_CHANGES} more"
    if outcome.result:
        before = ", made before the change" if outcome.changes else ""
        yield f"  {told['num_run']:,} source rows were run, {told['num_new']:,} rows came out of them; {told['num_kept']:,} rows are kept{before}"
        yield from (f"  {count:,} splits were run whole: {why}" for why, count in sorted(outcome.result.whole.items()))


def _remarks(corpus: str, outcomes: list[Outcome], dry_run: bool) -> Iterator[str]:
    """What is left to do."""
    if dry_run:
        yield "nothing was changed: this was a dry run"
        return
    if not outcomes[-1].is_whole:
        yield f"{outcomes[-1].name} is not whole: its build was stopped, and what is committed was replayed; run `corpusmill build` for the rest"
    elif outcomes[-1].is_content_new:
        yield f'corpora that are made from {corpus} (source = {{ corpus = "{corpus}" }}) have another source now: build them with --update, or --rebuild'
