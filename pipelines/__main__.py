"""The command line. Exit codes: 0 done, 1 a build or check failed, 2 usage."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from pipelines import checkpoints, classify
from pipelines.build import BuildError, Execution, build_stages
from pipelines.buildfile import BuildFileError, Job, parameters_of, read_build_file, read_job
from pipelines.corpora import CORPORA
from pipelines.corpus_source import open_corpus
from pipelines.demonstration.command import demonstrate
from pipelines.failure import err_console, fail
from pipelines.feed import ConservationError, DeclarationError
from pipelines.packing import pack_recipe
from pipelines.recipe import PlanError
from pipelines.show import engines_table, progress_for, show_record, summary_lines, summary_row, summary_table
from pipelines.stage import Stage, earlier_stages, only
from pipelines.training import train_command
from pipelines.validation import validate_command
from processors.engine import EngineMissing
from schemas.arrow import SchemaError
from schemas.corpus import Corpus, CorpusError

app = typer.Typer(
    help="Builds the corpora that a Phi-4-multimodal-style model is trained on: exact to the token, nothing lost, nothing doubled.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
)
app.add_typer(classify.app, name="classifier")
app.add_typer(checkpoints.app, name="checkpoint")
app.command("train")(train_command)
app.command("validate")(validate_command)
app.command("demonstrate")(demonstrate)
out_console = Console()

Workers = Annotated[int | None, typer.Option(min=0, help="Processes; 0 runs in this one, without Ray. Default: one a CPU.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON value instead of a table; no progress.")]


@app.command("list")
def list_corpora(as_json: AsJson = False) -> None:
    """List the corpora that can be built, what they read, and their parameters."""
    rows: list[dict[str, Any]] = []
    for name, kind in CORPORA.items():
        parameters = {p: "" if default is None else str(default) for p, (_, default) in parameters_of(name).items()}
        about = (kind.make.__doc__ or "").strip()
        rows.append({"corpus": name, "stage": kind.stage, "inputs": kind.inputs, "about": about, "parameters": parameters})
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    table = Table("corpus", "stage", "what", "reads", "parameters (default)")
    for row in rows:
        table.add_row(
            row["corpus"], row["stage"], row["about"], row["inputs"], ", ".join(f"{k} ({v})" for k, v in row["parameters"].items())
        )
    out_console.print(table)


@app.command()
def sample(
    folder: Annotated[Path, typer.Argument(help="Where to write the sources.")],
    size: Annotated[int, typer.Option(min=1, help="How many times the smallest sample.")] = 1,
    seed: Annotated[int, typer.Option(help="Another seed gives other content.")] = 0,
) -> None:
    """Make small raw sources with ground truth: speech, pictures, charts, a PDF, a deck, a video, web pages, archives."""
    from pipelines.sample import make_sample

    try:
        made = make_sample(folder, size=size, seed=seed)
    except (RuntimeError, OSError) as error:
        raise fail(f"making the sample in {folder}: {error}") from error
    out_console.print(f"{folder}: {made}", markup=False)


@app.command("build")
def build_command(
    build_file: Annotated[Path, typer.Argument(help="A TOML build file; see runbooks/build.md.")],
    corpus: Annotated[list[str] | None, typer.Option(help="Build only this corpus (may be repeated).")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="corpus.parameter=value, over the file's (may be repeated).")] = None,
    out: Annotated[Path | None, typer.Option(help="Where the corpora go, over the file's.")] = None,
    workers: Workers = None,
    address: Annotated[str | None, typer.Option(help="A running Ray cluster; default: one of our own on this machine.")] = None,
    rebuild: Annotated[bool, typer.Option(help="Remove what is there and start anew.")] = False,
    as_json: AsJson = False,
) -> None:
    """Build corpora; a build that was stopped goes on where it was. Exit code 1 when a record made a processor raise."""
    try:
        plan = read_build_file(build_file, set_ or (), corpus or ())
    except BuildFileError as error:
        raise fail(str(error), 2) from error
    changes: dict[str, Any] = {"rebuild": rebuild or plan.execution.rebuild}
    changes |= {name: value for name, value in (("workers", workers), ("address", address)) if value is not None}
    rows = build_jobs(list(plan.jobs), out or plan.out, dataclasses.replace(plan.execution, **changes), as_json)
    show_summary(rows, as_json)


def build_jobs(jobs: list[Job], out: Path, execution: Execution, as_json: bool) -> list[dict[str, Any]]:
    """Builds each corpus, stage after stage; gives their summary rows."""
    with contextlib.ExitStack() as sessions:
        return [build_job(job.corpus, partial(_stages, job, out), out, execution, as_json, sessions) for job in jobs]


def build_job(
    corpus: str,
    stages: Callable[[], Sequence[Stage]],
    out: Path,
    execution: Execution,
    as_json: bool,
    sessions: contextlib.ExitStack | None = None,
) -> dict[str, Any]:
    """Builds the stages of one corpus; gives its summary row. What goes wrong ends the command with a message."""
    try:
        return summary_row(build_stages(stages(), out, execution, partial(progress_for, as_json), sessions))
    except PlanError as error:
        raise fail(str(error), 2) from error
    except (BuildError, ConservationError, DeclarationError, CorpusError, SchemaError, EngineMissing, OSError) as error:
        raise fail(f"{type(error).__name__}: {error}" if not isinstance(error, BuildError) else str(error)) from error
    except KeyboardInterrupt:
        raise fail(f"stopped while building {corpus}; what is committed stays: run the same command again to go on") from None


def _stages(job: Job, out: Path) -> tuple[Stage, ...]:
    """The stages of a job; a value that its corpus does not take is a usage error."""
    try:
        return job.stages(out)
    except ValueError as error:
        raise fail(f"corpus {job.corpus}: {error}", 2) from error


def show_summary(rows: list[dict[str, Any]], as_json: bool) -> None:
    """Prints the summary; exits 1 when there were faults."""
    if as_json:
        print(json.dumps(rows, indent=2))
    else:
        out_console.print(summary_table(rows))
        for line in summary_lines(rows):
            out_console.print(line, markup=False, highlight=False, soft_wrap=True)
        engines = engines_table(rows)
        if engines is not None:
            out_console.print(engines)
    if any(row["faults"] for row in rows):
        faulty = ", ".join(row["corpus"] for row in rows if row["faults"])
        raise fail(f"some records made a processor raise in {faulty}; see `corpusmill inspect PATH --rejects --failure fault`")


@app.command("verify")
def verify_command(paths: Annotated[list[Path], typer.Argument(help="Corpus directories.")], as_json: AsJson = False) -> None:
    """Re-read corpora and check checksums, schemas, conservation, unique keys, exact tokens, and that no file is an orphan."""
    from pipelines.verify import verify

    verdicts = []
    for path in paths:
        try:
            verdicts.append(verify(path))
        except (CorpusError, SchemaError) as error:
            raise fail(str(error)) from error
    if as_json:
        print(json.dumps([{**dataclasses.asdict(verdict), "path": str(verdict.path)} for verdict in verdicts], indent=2))
    for verdict in verdicts:
        if not as_json:
            state = "ok" if not verdict.problems else f"{len(verdict.problems)} problems"
            out_console.print(
                f"{verdict.path}: {state} ({verdict.num_rows:,} rows, {verdict.num_rejects:,} refused)", markup=False, soft_wrap=True
            )
            for problem in verdict.problems:
                out_console.print(f"  {problem}", markup=False, soft_wrap=True)
    if any(verdict.problems for verdict in verdicts):
        raise typer.Exit(1)


@app.command()
def inspect(
    path: Annotated[Path, typer.Argument(help="A corpus directory.")],
    limit: Annotated[int, typer.Option(min=1, help="How many rows to show.")] = 3,
    key: Annotated[str | None, typer.Option(help="Show the row, or the refusal, with this key.")] = None,
    rejects: Annotated[bool, typer.Option(help="Show what was refused instead of rows.")] = False,
    reason: Annotated[str | None, typer.Option(help="Only refusals for this reason.")] = None,
    failure: Annotated[str | None, typer.Option(help="Only refusals of this sort: reject, fault or crash.")] = None,
    png: Annotated[Path | None, typer.Option(help="Write the rows as a picture: crops, boxes, frame times, text beside them.")] = None,
    fact: Annotated[list[str] | None, typer.Option(help="A fact to show in the picture (may be repeated).")] = None,
    as_json: AsJson = False,
) -> None:
    """Show rows of a corpus, or what was refused and why."""
    corpus = Corpus(path)
    try:
        corpus.recipe()
        if png is not None:
            _write_png(corpus, path.name, png, limit, key, fact or [])
            return
        shown = 0
        if not (rejects or reason or failure):
            for record in corpus.records():
                if key is None or record.key == key:
                    text = json.dumps({"key": record.key, "facts": dict(record.facts)}) if as_json else show_record(record) + "\n"
                    print(text)
                    shown += 1
                    if shown >= limit:
                        return
        if rejects or reason or failure or key:
            parts = (*(Corpus(stage) for stage in earlier_stages(path)), corpus)
            for row in itertools.chain.from_iterable(part.rejects() for part in parts):
                if all(wanted in (None, row[name]) for name, wanted in (("key", key), ("reason", reason), ("failure", failure))):
                    place = f"{row['source']} {row['locator']}"
                    print(
                        json.dumps(row)
                        if as_json
                        else f"{row['key']}  {row['step']}: {row['reason']}: {row['detail']}  ({place}){_indent(row['traceback'])}"
                    )
                    shown += 1
                    if shown >= limit:
                        return
    except (CorpusError, SchemaError, FileNotFoundError) as error:
        raise fail(f"inspecting {path}: {error}") from error
    if key and not shown:
        raise fail(f"key {key} is neither a row of {path} nor among what it refused")


def _write_png(corpus: Corpus, name: str, png: Path, limit: int, key: str | None, facts: list[str]) -> None:
    from pipelines.contact_sheet import write_contact_sheet

    wanted = (record for record in corpus.records() if key is None or record.key == key)
    try:
        shown = write_contact_sheet(itertools.islice(wanted, limit), png, name, facts)
    except ValueError as error:
        raise fail(f"drawing {png}: {error}") from error
    out_console.print(f"{png}: {shown} rows of {name}", markup=False, soft_wrap=True)


def _indent(trace: str) -> str:
    return "".join(f"\n    {line}" for line in trace.splitlines())


@app.command()
def pack(
    path: Annotated[Path, typer.Argument(help="A corpus of documents or text conversations.")],
    context: Annotated[int, typer.Option(min=2, help="Tokens of a sequence.")] = 4_096,
    out: Annotated[Path | None, typer.Option(help="Where the packed corpus goes; default: beside the corpus.")] = None,
    workers: Workers = None,
    rebuild: Annotated[bool, typer.Option(help="Remove what is there and start anew.")] = False,
    as_json: AsJson = False,
) -> None:
    """Pack a corpus into sequences of one length, with labels, positions and segments; nothing is cut off. Named NAME-CONTEXT."""
    try:
        recipe = pack_recipe(f"{path.resolve().name}-{context}", open_corpus(path), context)
    except (PlanError, CorpusError) as error:
        raise fail(f"packing {path}: {error}", 2) from error
    rows = [
        build_job(recipe.name, partial(only, recipe), out or path.resolve().parent, Execution(workers=workers, rebuild=rebuild), as_json)
    ]
    show_summary(rows, as_json)


@app.command("calibrate")
def calibrate_command(
    path: Annotated[Path, typer.Argument(help="A corpus whose speech was heard and compared with its text.")],
    labels: Annotated[Path | None, typer.Option(help="JSONL rows `key` and `ok`: ok false where the speech is not the text.")] = None,
    caught: Annotated[float, typer.Option(min=0.0, max=1.0, help="Share of the wrong rows that must be refused.")] = 0.98,
    fact: Annotated[str, typer.Option(help="The measurement to set a threshold for.")] = "speech.error_rate",
    as_json: AsJson = False,
) -> None:
    """Show what each threshold of the speech gate keeps, and catches of a labelled set; recommend one."""
    from pipelines.calibrate import CalibrateError, as_row, calibrate_corpus, sentences, tables

    try:
        found = calibrate_corpus(path, fact, caught, labels)
    except CalibrateError as error:
        raise fail(str(error), 2) from error
    except (CorpusError, SchemaError, OSError, UnicodeDecodeError) as error:
        raise fail(f"calibrating {path}: {error}") from error
    if as_json:
        print(json.dumps(as_row(found), indent=2))
        return
    for table in tables(found):
        out_console.print(table)
    for sentence in sentences(found):
        out_console.print(sentence, markup=False, soft_wrap=True)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Where the sample and the corpora go.")] = Path("demo"),
    size: Annotated[int, typer.Option(min=1, help="How many times the smallest sample.")] = 1,
    workers: Workers = None,
    as_json: AsJson = False,
) -> None:
    """Make a sample, build every corpus from it, verify them, and show a summary."""
    from pipelines.sample import make_sample
    from pipelines.verify import verify

    start = time.perf_counter()
    sources = out / "sample"
    try:
        make_sample(sources, size=size)
    except (RuntimeError, OSError) as error:
        raise fail(f"making the sample in {sources}: {error}") from error
    made = time.perf_counter() - start
    jobs = [read_job(name, {"source": kind.sample, **kind.sample_parameters}, sources, name) for name, kind in CORPORA.items()]
    rows = build_jobs(jobs, out / "corpora", Execution(workers=workers), as_json)
    problems = [problem for row in rows for problem in verify(Path(row["path"])).problems]
    for problem in problems:
        err_console.print(problem, markup=False)
    show_summary(rows, as_json)
    if not as_json:
        state = "all verified" if not problems else f"{len(problems)} problems"
        out_console.print(f"{state}; sample made in {made:.1f} s, everything in {time.perf_counter() - start:.1f} s; open one with")
        out_console.print(
            f"  python -c \"from datasets import load_from_disk; print(load_from_disk('{rows[0]['path']}'))\"", markup=False, soft_wrap=True
        )
    if problems:
        raise typer.Exit(1)


def main() -> None:
    """Entry point of the `corpusmill` command."""
    sys.exit(app())


if __name__ == "__main__":
    main()
