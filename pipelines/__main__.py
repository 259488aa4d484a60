"""The command line. Exit codes: 0 done, 1 a build or check failed, 2 usage.

What a command needs is imported when it runs, so that help, completion and short commands start at once.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from pipelines import menu, place
from pipelines.failure import err_console, fail
from pipelines.menu import BUILD, LOOK, MACHINE, TRAIN
from pipelines.options import Corpora, Overrides

if TYPE_CHECKING:
    from pipelines.build import Execution
    from pipelines.buildfile import Job
    from pipelines.stage import Stage

app = typer.Typer(
    cls=menu.Menu,
    help="Builds the corpora that a Phi-4-multimodal-style model is trained on: exact to the token, nothing lost, nothing doubled.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
)
command = partial(menu.command, app)
add = partial(menu.add, app)
out_console = Console()

Workers = Annotated[int | None, typer.Option(min=0, help="Processes; 0 runs in this one, without Ray. Default: one a CPU.")]
Markdown = Annotated[bool, typer.Option("--markdown", help="Print the summary as Markdown, to paste into a chat or an issue.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON value instead of a table; no progress.")]


@command("list", BUILD, ("corpusmill list", "corpusmill list --json"))
def list_corpora(as_json: AsJson = False) -> None:
    """List the corpora that can be built, what they read, and their parameters."""
    from pipelines.corpora import CORPORA
    from pipelines.signature import about, parameters

    rows: list[dict[str, Any]] = []
    for name, kind in CORPORA.items():
        told = {p: "" if default is None else str(default) for p, default in parameters(name).items()}
        rows.append({"corpus": name, "stage": kind.stage, "inputs": kind.inputs, "about": about(name), "parameters": told})
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    table = Table("corpus", "stage", "what", "reads", "parameters (default)")
    for row in rows:
        table.add_row(
            row["corpus"], row["stage"], row["about"], row["inputs"], ", ".join(f"{k} ({v})" for k, v in row["parameters"].items())
        )
    out_console.print(table)


@command("sample", BUILD, ("corpusmill sample raw", "corpusmill sample raw --size 4 --seed 1"))
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


@command(
    "build",
    BUILD,
    (
        "corpusmill build build.toml",
        "corpusmill build build.toml --corpus asr --set asr.max_s=20 --workers 8",
        "corpusmill build build.toml --out elsewhere --rebuild",
        "corpusmill build build.toml --update --dry-run",
        "corpusmill build build.toml --out s3://bucket/corpora",
    ),
)
def build_command(
    build_file: Annotated[Path, typer.Argument(help="A TOML build file; see runbooks/build.md.")],
    corpus: Corpora = None,
    set_: Overrides = None,
    out: Annotated[
        Path | None,
        typer.Option(parser=place.path, help="Where the corpora go, over the file's: a folder, or a URL such as s3://bucket/corpora."),
    ] = None,
    workers: Workers = None,
    address: Annotated[str | None, typer.Option(help="A running Ray cluster; default: one of our own on this machine.")] = None,
    rebuild: Annotated[bool, typer.Option(help="Remove what is there and start anew.")] = False,
    follow: Annotated[bool, typer.Option("--follow", help="Retire what was made of files that changed or are gone.")] = False,
    update: Annotated[bool, typer.Option("--update", help="Make anew what another recipe changes, and keep the rest.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be built, kept, made anew and retired, and why.")] = False,
    log: Annotated[
        Path | None,
        typer.Option(envvar="CORPUSMILL_LOG", help="Add what happens to this file, one JSON object a line; see runbooks/observe.md."),
    ] = None,
    metrics_file: Annotated[
        Path | None,
        typer.Option(envvar="CORPUSMILL_METRICS_FILE", help="Keep Prometheus metrics in this file, in node_exporter's textfile format."),
    ] = None,
    markdown: Markdown = False,
    as_json: AsJson = False,
) -> None:
    """Build corpora; a build that was stopped goes on where it was. Exit code 1 when a record made a processor raise."""
    from pipelines.buildfile import BuildFileError, read_build_file

    try:
        plan = read_build_file(build_file, set_ or (), corpus or ())
    except BuildFileError as error:
        raise fail(str(error), 2) from error
    changes: dict[str, Any] = {
        "rebuild": rebuild or plan.execution.rebuild,
        "follow": follow or plan.execution.follow,
        "update": update or plan.execution.update,
    }
    changes |= {name: value for name, value in (("workers", workers), ("address", address)) if value is not None}
    execution, folder = dataclasses.replace(plan.execution, **changes), out or plan.out
    if dry_run:
        from pipelines.growth.dry_run import show_dry_run

        show_dry_run(plan.jobs, folder, execution, as_json)
        return
    with observed(log, metrics_file, execution):
        show_summary(build_jobs(list(plan.jobs), folder, execution, as_json), as_json, markdown)


@contextlib.contextmanager
def observed(log: Path | None, metrics_file: Path | None, execution: Execution) -> Iterator[None]:
    """Tells events and metrics of what is built inside. Files that cannot be written are a usage error."""
    from pipelines.metrics import observing

    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(observing(log, metrics_file, execution.address is not None))
        except OSError as error:
            raise fail(f"--log or --metrics-file: {error}", 2) from error
        yield


def build_jobs(jobs: list[Job], out: Path, execution: Execution, as_json: bool) -> list[dict[str, Any]]:
    """Builds each corpus, stage after stage; gives their summary rows."""
    with contextlib.ExitStack() as sessions:
        rows = [build_job(job.corpus, partial(_stages, job, out), out, execution, as_json, sessions) for job in jobs]
    for name in sorted(set(execution.steps) - {step for row in rows for step in row["steps"]}):
        err_console.print(f"[execution.steps.{name}] names no step of what was built", markup=False, soft_wrap=True)
    return rows


def build_job(
    corpus: str,
    stages: Callable[[], Sequence[Stage]],
    out: Path,
    execution: Execution,
    as_json: bool,
    sessions: contextlib.ExitStack | None = None,
) -> dict[str, Any]:
    """Builds the stages of one corpus; gives its summary row. What goes wrong ends the command with a message."""
    from pipelines.build import BuildError, build_stages
    from pipelines.feed import ConservationError, DeclarationError
    from pipelines.recipe import PlanError
    from pipelines.show import progress_for, summary_row
    from processors.engine import EngineMissing
    from schemas.arrow import SchemaError
    from schemas.corpus import CorpusError

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


def show_summary(rows: list[dict[str, Any]], as_json: bool, markdown: bool = False) -> None:
    """Prints the summary; exits 1 when there were faults."""
    from pipelines.show import engines_table, next_lines, summary_lines, summary_markdown, summary_table

    if as_json:
        print(json.dumps(rows, indent=2))
    elif markdown:
        print(summary_markdown(rows))
    else:
        out_console.print(summary_table(rows))
        for line in summary_lines(rows):
            out_console.print(line, markup=False, highlight=False, soft_wrap=True)
        engines = engines_table(rows)
        if engines is not None:
            out_console.print(engines)
        for line in next_lines(rows):
            out_console.print(line, style="dim", markup=False, highlight=False, soft_wrap=True)
    if any(row["faults"] for row in rows):
        faulty = ", ".join(row["corpus"] for row in rows if row["faults"])
        raise fail(f"some records made a processor raise in {faulty}; see `corpusmill inspect PATH --rejects --failure fault`")


@command("verify", LOOK, ("corpusmill verify demo/corpora/asr demo/corpora/image_text", "corpusmill verify demo/corpora/* --json"))
def verify_command(
    paths: Annotated[list[Path], typer.Argument(parser=place.path, help="Corpora: directories, or URLs of them.")], as_json: AsJson = False
) -> None:
    """Re-read corpora and check checksums, schemas, conservation, unique keys, exact tokens, and that no file is an orphan."""
    from pipelines.verify import verify
    from schemas.arrow import SchemaError
    from schemas.corpus import CorpusError

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


add(
    "inspect",
    "pipelines.inspection.command:inspect_command",
    "Show rows of a corpus, or what was refused and why.",
    LOOK,
    (
        "corpusmill inspect demo/corpora/asr --limit 1",
        "corpusmill inspect demo/corpora/asr --table --where 'audio.snr_db > 20' --sort audio.duration_s --descending",
        "corpusmill inspect demo/corpora/asr --rejects --reason too_long",
        "corpusmill inspect demo/corpora/dpo --key KEY --lineage",
    ),
)


@command("pack", BUILD, ("corpusmill pack demo/corpora/language_pretrain --context 4096",))
def pack(
    path: Annotated[Path, typer.Argument(parser=place.path, help="A corpus of documents or text conversations.")],
    context: Annotated[int, typer.Option(min=2, help="Tokens of a sequence.")] = 4_096,
    out: Annotated[Path | None, typer.Option(parser=place.path, help="Where the packed corpus goes; default: beside the corpus.")] = None,
    workers: Workers = None,
    rebuild: Annotated[bool, typer.Option(help="Remove what is there and start anew.")] = False,
    as_json: AsJson = False,
) -> None:
    """Pack a corpus into sequences of one length, with labels, positions and segments; nothing is cut off. Named NAME-CONTEXT."""
    from pipelines.build import Execution
    from pipelines.corpus_source import open_corpus
    from pipelines.packing import pack_recipe
    from pipelines.recipe import PlanError
    from pipelines.stage import only
    from schemas.corpus import CorpusError

    try:
        recipe = pack_recipe(f"{path.absolute().name}-{context}", open_corpus(path), context)
    except (PlanError, CorpusError) as error:
        raise fail(f"packing {path}: {error}", 2) from error
    rows = [
        build_job(recipe.name, partial(only, recipe), out or path.absolute().parent, Execution(workers=workers, rebuild=rebuild), as_json)
    ]
    show_summary(rows, as_json)


@command("calibrate", LOOK, ("corpusmill calibrate demo/corpora/vision_speech --fact speech.wer",))
def calibrate_command(
    path: Annotated[Path, typer.Argument(parser=place.path, help="A corpus whose speech was heard and compared with its text.")],
    labels: Annotated[Path | None, typer.Option(help="JSONL rows `key` and `ok`: ok false where the speech is not the text.")] = None,
    caught: Annotated[float, typer.Option(min=0.0, max=1.0, help="Share of the wrong rows that must be refused.")] = 0.98,
    fact: Annotated[str, typer.Option(help="The measurement to set a threshold for.")] = "speech.error_rate",
    as_json: AsJson = False,
) -> None:
    """Show what each threshold of the speech gate keeps, and catches of a labelled set; recommend one."""
    from pipelines.calibrate import CalibrateError, as_row, calibrate_corpus, sentences, tables
    from schemas.arrow import SchemaError
    from schemas.corpus import CorpusError

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


@command("demo", BUILD, ("corpusmill demo", "corpusmill demo --out demo --size 2 --workers 2"))
def demo(
    out: Annotated[Path, typer.Option(help="Where the sample and the corpora go.")] = Path("demo"),
    size: Annotated[int, typer.Option(min=1, help="How many times the smallest sample.")] = 1,
    workers: Workers = None,
    as_json: AsJson = False,
) -> None:
    """Make a sample, build every corpus from it, verify them, and show a summary."""
    from pipelines.build import Execution
    from pipelines.buildfile import read_job
    from pipelines.corpora import CORPORA
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


add(
    "report",
    "pipelines.report.command:report_command",
    "Write a page for each corpus and an index: funnels, distributions, thresholds, examples, time.",
    LOOK,
    ("corpusmill report demo/corpora", "corpusmill report --compare before/asr after/asr"),
)
add(
    "plan",
    "pipelines.plan.command:plan_command",
    "Try a sample of the sources, and tell what the build will give and cost: rows, yields, tokens, disk, hours, requests, money.",
    BUILD,
    ("corpusmill plan build.toml", "corpusmill plan build.toml --scale paper", "corpusmill plan build.toml --against"),
)
add(
    "requeue",
    "pipelines.requeue:requeue_command",
    "After a fix, run refused records again and keep the rest: the corpus is then the same as one that is built anew.",
    BUILD,
    ("corpusmill requeue build.toml --corpus asr --failure fault",),
)
add(
    "submit",
    "pipelines.submit:submit_command",
    "Submit a build to a Ray cluster as a job and follow it; submitted again after a loss, it goes on where it was.",
    BUILD,
    ("corpusmill submit build.toml --address http://head:8265", "corpusmill submit build.toml --address http://head:8265 --detach"),
)
add("jobs", "pipelines.submit:app", "See, follow and stop the jobs that were submitted to a cluster.", BUILD)
add(
    "compact",
    "pipelines.growth.compact_command:compact_command",
    "Write a corpus of many small shards anew with few large ones: the same rows, order, refusals and counts, checked.",
    BUILD,
    ("corpusmill compact corpora/asr --target-size 512MB --out published",),
)
add(
    "mix",
    "pipelines.growth.mix_command:mix_command",
    "Mix corpora of one kind in exact proportion, by rows or by tokens: a corpus whose rows name those that they were.",
    BUILD,
    ("corpusmill mix mix.toml --dry-run", "corpusmill mix mix.toml"),
)
add(
    "copy",
    "pipelines.copy:copy_command",
    "Copy a finished corpus to another folder or object store, every checksum compared; a stopped copy goes on.",
    BUILD,
    ("corpusmill copy demo/corpora/asr s3://bucket/corpora/asr",),
)
add(
    "export",
    "pipelines.export.command:export_command",
    "Export a corpus to Parquet or WebDataset, with its card, Croissant metadata and checksums; a stopped export goes on.",
    BUILD,
    ("corpusmill export demo/corpora/asr --to published --format parquet",),
)
add(
    "validate",
    "pipelines.validation:validate_command",
    "Train a small model on corpora and say, with figures, whether they are fit to learn from.",
    TRAIN,
    ("corpusmill validate --quick demo/corpora/asr demo/corpora/chart",),
)
add(
    "train",
    "pipelines.training:train_command",
    "Train one stage of the model on corpora, from small first weights or a checkpoint; a run that was killed goes on exactly.",
    TRAIN,
    ("corpusmill train --list", "corpusmill train --stage A1 --corpus demo/corpora/speech_pretrain --steps 20 --out demo/run-A1"),
)
add(
    "demonstrate",
    "pipelines.demonstration.command:demonstrate",
    "Train the tiny model on corpora made here, and show what it learned: to add, to hear, to read, to answer what is asked aloud.",
    TRAIN,
    ("corpusmill demonstrate --out demonstration --part sums",),
)
add("classifier", "pipelines.classify:app", "Train and apply linear classifiers of text.", TRAIN)
add("checkpoint", "pipelines.checkpoints:app", "Convert weights between the official code, transformers and training runs.", TRAIN)
add(
    "gc",
    "pipelines.growth.gc_command:gc_command",
    "Show what lies in a folder of corpora and belongs to none of them, with sizes; --delete removes it.",
    MACHINE,
    ("corpusmill gc corpora", "corpusmill gc corpora --delete --only orphan"),
)
add(
    "doctor",
    "pipelines.doctor:doctor_command",
    "Check this machine: packages, engines, memory, disk; say what is missing and the command that brings it.",
    MACHINE,
    ("corpusmill doctor", "corpusmill doctor --out corpora --ray --json"),
)


def main() -> None:
    """Entry point of the `corpusmill` command."""
    sys.exit(app())


if __name__ == "__main__":
    main()
