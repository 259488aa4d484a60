"""`corpusmill validate`: a readable table of what the model makes of corpora, or JSON."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from pipelines import place
from pipelines.corpora import CORPORA
from pipelines.failure import fail
from schemas.arrow import SchemaError
from schemas.corpus import Corpus, CorpusError

if TYPE_CHECKING:
    from model.validate import Validation

STYLES = {"pass": "green", "fail": "bold red", "too_few_rows": "yellow", "not_applicable": "dim"}
WORDS = {"too_few_rows": "too few rows", "not_applicable": "-"}


def validate_command(
    paths: Annotated[list[Path], typer.Argument(help="Corpus directories.", parser=place.path)],
    stage: Annotated[str | None, typer.Option(help="The stage that a corpus is for; default: that of `corpusmill list`.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Only what can be told without training: seconds, every row read once.")] = False,
    thorough: Annotated[bool, typer.Option("--thorough", help="The tiny model, more rows and more steps: minutes a corpus.")] = False,
    seed: Annotated[int, typer.Option(help="Decides the sample of rows and the weights; the same seed gives the same figures.")] = 0,
    threads: Annotated[
        int, typer.Option(min=1, help="Threads of the model; the figures may differ in their last digits with their number.")
    ] = 1,
    out: Annotated[Path | None, typer.Option(help="Also write the JSON to this file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON value instead of a table.")] = False,
) -> None:
    """Train a small model on corpora and say, with figures, whether they are fit to learn from. Exit code 1 when a check failed."""
    if quick and thorough:
        raise fail("--quick and --thorough exclude one another", 2)
    stages = {path: stage or _stage_of(path) for path in paths}

    import torch  # seconds to import, so that no other command pays for it

    from model.validate import DEFAULT, THOROUGH, validate, without_training
    from schemas.shard import write_replacing

    torch.set_num_threads(threads)
    settings = replace(without_training() if quick else THOROUGH if thorough else DEFAULT, seed=seed)
    found = []
    for path in paths:
        try:
            found.append(validate(path, stages[path], settings))
        except (CorpusError, SchemaError) as error:
            raise fail(str(error)) from error
        except KeyError as error:
            raise fail(str(error.args[0]), 2) from error
        if not as_json:
            show(found[-1], Console())
    told = json.dumps([validation.to_json() for validation in found], indent=2, ensure_ascii=False) + "\n"
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_replacing(out, told.encode())
    if as_json:
        sys.stdout.write(told)
    if not all(validation.passed for validation in found):
        raise typer.Exit(1)


def _stage_of(path: Path) -> str:
    """The stage that the corpus's name is listed for."""
    try:
        name = str(Corpus(path).recipe()["name"])
    except (CorpusError, OSError, ValueError) as error:
        raise fail(str(error)) from error
    if name not in CORPORA:
        raise fail(f"{path} is a corpus named {name!r}, which `corpusmill list` does not have; name its stage with --stage", 2)
    return CORPORA[name].stage


def show(validation: Validation, console: Console) -> None:
    """The table of one corpus."""
    verdict = "[green]pass[/]" if validation.passed else "[bold red]FAIL[/]"
    table = Table(
        "check",
        "outcome",
        "what was seen",
        title=f"{validation.corpus} ({validation.num_rows:,} rows, stage {validation.stage}): {verdict}",
    )
    for check in validation.checks:
        state = check.state.value
        table.add_row(check.name, f"[{STYLES[state]}]{WORDS.get(state, state)}[/]", _plain(check.sentence))
    console.print(table)


def _plain(text: str) -> str:
    """Text in which rich finds no markup."""
    return text.replace("[", r"\[")
