"""`corpusmill demonstrate`: sources, corpora, training, scores; a run that was stopped goes on, and what is done is not done again."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from pipelines.build import BuildError
from pipelines.demonstration import evaluation
from pipelines.demonstration.corpora import build_set, folder_of
from pipelines.demonstration.course import make_sources, train_phase
from pipelines.demonstration.schedule import FULL, PARTS, SPOKEN, Phase, Sizes, phases, sets
from pipelines.failure import fail
from processors.engine import EngineMissing
from schemas.corpus import CorpusError
from schemas.shard import write_replacing

PAIRS = "pairs.test"
REPORT, TABLE, SETTINGS = "report.json", "report.txt", "demonstration.json"
SHOWN_ANSWERS = 12
out_console = Console()


class DemonstrationError(ValueError):
    """A demonstration that cannot start; the message says why and what to do."""


def demonstrate(
    out: Annotated[Path, typer.Option(help="The folder of sources, corpora, runs and the report.")],
    seed: Annotated[int, typer.Option(help="Decides sources, which of them are held out, first weights and the order of rows.")] = 0,
    part: Annotated[str, typer.Option(help="Parts, with commas between: sums, digits, words, spoken.")] = ",".join(PARTS),
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON; no progress.")] = False,
) -> None:
    """Train the tiny model on corpora made here, and show what it learned: to add, to hear, to read, to answer what is asked aloud."""
    wanted = tuple(name.strip() for name in part.split(","))
    if unknown := [name for name in wanted if name not in PARTS]:
        raise fail(f"--part {', '.join(unknown)} is unknown; expected some of {', '.join(PARTS)}", 2)
    say = (lambda line: None) if as_json else (lambda line: out_console.print(line, markup=False, highlight=False))
    try:
        report = run(out, seed, tuple(name for name in PARTS if name in wanted), FULL, say)
    except (DemonstrationError, BuildError, CorpusError, EngineMissing, RuntimeError, OSError) as error:
        raise fail(f"demonstration in {out}: {error}") from error
    if as_json:
        print(json.dumps(report, indent=1))
    else:
        out_console.print(table_of(report))


def run(out: Path, seed: int, parts: tuple[str, ...], sizes: Sizes, say: Callable[[str], None] = lambda line: None) -> dict[str, Any]:
    """The whole demonstration; gives the report, which `report.json` holds as well.

    Raises:
        DemonstrationError: the folder holds a demonstration of other settings.
        EngineMissing: flite or espeak-ng is not installed.
        BuildError: a corpus could not be built.
    """
    settings = (json.dumps({"seed": seed, "parts": parts, "sizes": asdict(sizes)}, sort_keys=True, indent=1) + "\n").encode()
    out.mkdir(parents=True, exist_ok=True)
    place = out / SETTINGS
    if place.is_file() and place.read_bytes() != settings:
        raise DemonstrationError(f"{place} tells of other settings; give a new folder, or the seed and parts that it names")
    write_replacing(place, settings)
    listed = phases(parts, sizes)
    names = list(
        dict.fromkeys([name for phase in listed for name in phase.sets] + [f"{part}.test" for part in parts] + [PAIRS] * (SPOKEN in parts))
    )
    seconds: dict[str, float] = {}
    with _timed(seconds, "sources"):
        make_sources(out / "raw", seed, names, sizes, say)
    with _timed(seconds, "corpora"):
        for name in names:
            say(f"corpus {name}")
            build_set(out, sets()[name], seed)
    run_folder: Path | None = None
    for phase in listed:
        with _timed(seconds, phase.name):
            run_folder = train_phase(out, seed, phase, run_folder, names, say)
    assert run_folder is not None
    with _timed(seconds, "evaluation"):
        report = _score(out, run_folder, parts, say)
    report = {"seed": seed, "parts": list(parts), "phases": [_told(phase) for phase in listed], **report}
    report["cpu_seconds"] = {name: round(value, 1) for name, value in seconds.items()}
    write_replacing(out / REPORT, (json.dumps(report, indent=1, ensure_ascii=False) + "\n").encode())
    with open(out / TABLE, "w", encoding="utf-8") as sink:
        Console(width=120, file=sink).print(table_of(report))
    return report


def _score(out: Path, run_folder: Path, parts: tuple[str, ...], say: Callable[[str], None]) -> dict[str, Any]:
    """Every part's figures by the last model, and some of its answers."""
    from model.checkpoint import load_model

    model, _ = load_model(run_folder)
    scores: list[dict[str, Any]] = []
    answers: dict[str, list[dict[str, str]]] = {}
    for part in parts:
        say(f"evaluating {part}")
        test, train = (folder_of(out, sets()[f"{part}.{split}"]) for split in ("test", "train"))
        found, answered = evaluation.evaluate(model, part, test, train)
        if part == SPOKEN:
            found.append(evaluation.unseen_pairs(model, folder_of(out, sets()[PAIRS])))
        scores += [{**asdict(score), "reached": score.reached} for score in found]
        answers[part] = [{"expected": one.expected, "written": one.written} for one in answered[:SHOWN_ANSWERS]]
    num_parameters = sum(parameter.numel() for parameter in model.parameters())
    return {"model": {"name": model.config.name, "num_parameters": num_parameters}, "scores": scores, "answers": answers}


def _told(phase: Phase) -> dict[str, Any]:
    about = {"name": phase.name, "stage": phase.stage.name, "trains": phase.stage.trains, "sets": phase.sets, "steps": phase.steps}
    return {**about, "context_tokens": phase.context_tokens, "learning_rate": phase.learning_rate, "why": phase.why}


@contextlib.contextmanager
def _timed(seconds: dict[str, float], what: str) -> Iterator[None]:
    """CPU seconds of this process and the programs that it started; they decide nothing."""
    before = os.times()
    yield
    after = os.times()
    seconds[what] = sum(after[:4]) - sum(before[:4])


def table_of(report: dict[str, Any]) -> Table:
    """The figures, each with what was aimed at."""
    title = f"tiny ({report['model']['num_parameters']:,} parameters), seed {report['seed']}, on rows that it never saw"
    table = Table("part", "figure", "value", "rows", "aim", title=title)
    for score in report["scores"]:
        sign = ">" if score["higher_is_better"] else "<"
        aim = "" if score["aim"] is None else f"{sign} {score['aim']:.0%} {'reached' if score['reached'] else 'missed'}"
        table.add_row(score["part"], score["name"], f"{score['value']:.1%}", str(score["num_rows"]), aim)
    return table
