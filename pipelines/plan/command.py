"""`corpusmill plan`: what a build will give and cost, before it runs; and after it, whether that was so."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from pipelines import place as places
from pipelines.build import BuildError, replies_folder
from pipelines.buildfile import BuildFile, BuildFileError, read_build_file
from pipelines.failure import err_console, fail
from pipelines.feed import ConservationError, DeclarationError
from pipelines.options import Overrides
from pipelines.plan import show
from pipelines.plan.against import compare, read_plan, save_plan
from pipelines.plan.asked import Consent
from pipelines.plan.cluster_time import BuildTime, Cluster, build_time, read_cluster, this_machine
from pipelines.plan.figures import CorpusPlan, as_json
from pipelines.plan.make import NotPlanned, Planner
from pipelines.plan.paper import PAPER, Size, at_scale, money
from pipelines.recipe import PlanError
from processors.engine import EngineMissing, EngineStopped
from schemas.arrow import SchemaError
from schemas.corpus import CorpusError
from schemas.replies import Replies
from schemas.store import place_of

PAPER_SCALE = "paper"
ROWS = 400
LOG_COLUMNS = 160


def plan_command(
    build_file: Annotated[Path, typer.Argument(help="A TOML build file; see runbooks/build.md.")],
    corpus: Annotated[list[str] | None, typer.Option(help="Plan only this corpus (may be repeated).")] = None,
    set_: Overrides = None,
    out: Annotated[Path | None, typer.Option(help="Where the corpora go, over the file's.", parser=places.path)] = None,
    share: Annotated[float | None, typer.Option(help="Share of each source's rows to try, above 0 up to 1.")] = None,
    rows: Annotated[int, typer.Option(min=1, help="About how many rows of each source to try, where no share is given.")] = ROWS,
    seed: Annotated[int, typer.Option(help="Another seed tries other rows.")] = 0,
    cluster: Annotated[str, typer.Option(help="Nodes, CPUs and GPUs a node, such as 8x64cpu,4gpu. Default: this machine.")] = "",
    nodes: Annotated[int | None, typer.Option(min=1, help="Nodes, over --cluster's.")] = None,
    cpus: Annotated[int | None, typer.Option(min=1, help="CPUs of a node, over --cluster's.")] = None,
    gpus: Annotated[int | None, typer.Option(min=0, help="GPUs of a node, over --cluster's.")] = None,
    price_cpu_hour: Annotated[float, typer.Option(min=0.0, help="Money for an hour of a CPU.")] = 0.0,
    price_gpu_hour: Annotated[float, typer.Option(min=0.0, help="Money for an hour of a GPU.")] = 0.0,
    price_gb_month: Annotated[float, typer.Option(min=0.0, help="Money for a gigabyte kept for a month.")] = 0.0,
    scale: Annotated[str, typer.Option(help="paper: at the sizes of the paper; or how many raw records of each corpus.")] = "",
    within_hours: Annotated[float, typer.Option(min=0.01, help="With --scale: the time in which it is to be done.")] = 168.0,
    max_requests: Annotated[int, typer.Option(min=0, help="Requests that the plan may send to served models; 0 sends none.")] = 0,
    keep_replies: Annotated[
        bool, typer.Option(help="Keep the replies that the plan paid for, so that the build does not pay again.")
    ] = False,
    against: Annotated[bool, typer.Option(help="Compare the kept plan with the corpora that were built.")] = False,
    save: Annotated[bool, typer.Option(help="Keep the plan beside the corpora, for --against.")] = True,
    as_json_: Annotated[bool, typer.Option("--json", help="Print one JSON value instead of tables.")] = False,
) -> None:
    """Try a sample of the sources, and tell what the build will give and cost: rows, yields, tokens, disk, hours, requests, money.

    A plan sends nothing to served models unless --max-requests allows it. Times are those of this machine's CPUs.
    """
    if share is not None and not 0 < share <= 1:
        raise fail(f"--share is {share:g}, expected above 0 up to 1", 2)
    size = _read_scale(scale)
    try:
        machine = _read_cluster(cluster, nodes, cpus, gpus)
        build = read_build_file(build_file, set_ or (), corpus or ())
    except (ValueError, BuildFileError) as error:
        raise fail(str(error), 2) from error
    place = out or build.out
    if against:
        _show_against(build, place, as_json_)
        return
    plans = _plans(build, place, share, rows, seed, Consent(max_requests), keep_replies, as_json_)
    prices = {"cpu_hour": price_cpu_hour, "gpu_hour": price_gpu_hour, "gb_month": price_gb_month}
    timed = [(plan, [build_time(plan, one) for one in _clusters(machine)]) for plan in plans]
    cost = _add([money(plan, prices) for plan in plans])
    scaled = (
        [at_scale(plan, PAPER.get(plan.corpus) if size is None else size, machine, within_hours, prices) for plan in plans] if scale else []
    )
    if save:
        for plan in plans:
            save_plan(place, as_json(plan))
    if as_json_:
        found = [
            {**as_json(plan), "times": [dataclasses.asdict(time) for time in times], "money": money(plan, prices)} for plan, times in timed
        ]
        at = [one if isinstance(one, str) else dataclasses.asdict(one) for one in scaled]
        print(json.dumps({"plans": found, "money": cost, **({"scale": at} if scale else {})}, indent=2))
        return
    _show(plans, timed, machine, cost)
    for part in show.scales(scaled, machine, within_hours) if scale else ():
        _console().print(part, markup=False, highlight=False, soft_wrap=isinstance(part, str))


def _read_scale(scale: str) -> Size | None:
    """The size that was asked for; None for the paper's, or for none."""
    if scale in ("", PAPER_SCALE):
        return None
    digits = scale.replace("_", "").replace(",", "")
    if not digits.isdigit() or not int(digits):
        raise fail(f"--scale is {scale!r}, expected paper or a number of raw records, such as 1000000", 2)
    return Size(float(digits), "", "from so many raw records")


def _read_cluster(said: str, nodes: int | None, cpus: int | None, gpus: int | None) -> Cluster:
    machine = read_cluster(said) if said else this_machine()
    changes = {name: value for name, value in (("nodes", nodes), ("cpus", cpus), ("gpus", gpus)) if value is not None}
    return dataclasses.replace(machine, **changes)


def _clusters(machine: Cluster) -> list[Cluster]:
    """The one that was asked for, and some with fewer and more nodes, which show what parallel splits bring."""
    return [machine, *(dataclasses.replace(machine, nodes=machine.nodes * times) for times in (2, 4, 16))]


def _plans(
    build: BuildFile, out: Path, share: float | None, rows: int, seed: int, consent: Consent, keep_replies: bool, is_quiet: bool
) -> list[CorpusPlan]:
    """The plan of every job. What goes wrong ends the command with a message."""
    console = Console(stderr=True)
    plans = []
    kept = Replies(folder) if (folder := _kept_folder(build, out)).is_dir() else None
    with tempfile.TemporaryDirectory(prefix="corpusmill-plan-") as temporary:
        planner = Planner(out, Path(temporary), seed, share, rows, kept, consent)
        for job in build.jobs:
            try:
                with console.status(f"trying {job.corpus}") if console.is_terminal and not is_quiet else contextlib.nullcontext():
                    plans.append(planner.plan(job))
            except (PlanError, NotPlanned) as error:
                raise fail(f"planning {job.corpus}: {error}", 2) from error
            except (
                BuildError,
                ConservationError,
                DeclarationError,
                CorpusError,
                SchemaError,
                EngineMissing,
                EngineStopped,
                OSError,
            ) as error:
                raise fail(f"planning {job.corpus}: {type(error).__name__}: {error}") from error
            except ValueError as error:
                raise fail(f"planning {job.corpus}: {error}", 2) from error
            except KeyboardInterrupt:
                raise fail(f"stopped while planning {job.corpus}; nothing was written to {out}") from None
        if keep_replies:
            planner.keep_replies(_kept_folder(build, out))
    return plans


def _kept_folder(build: BuildFile, out: Path) -> Path:
    return place_of(build.execution.replies) if build.execution.replies else replies_folder(out / "any")


def _console() -> Console:
    """As wide as the terminal; in a log as wide as the tables need."""
    console = Console()
    return console if console.is_terminal else Console(width=LOG_COLUMNS)


def _add(parts: list[dict[str, float]]) -> dict[str, float]:
    return {name: sum(part.get(name, 0.0) for part in parts) for name in dict.fromkeys(name for part in parts for name in part)}


def _show(plans: list[CorpusPlan], timed: list[tuple[CorpusPlan, list[BuildTime]]], machine: Cluster, cost: dict[str, float]) -> None:
    console = _console()
    for plan in plans:
        console.print(show.steps(plan))
    asked = show.models(plans)
    for table in (*([asked] if asked is not None else []), show.disk(plans), show.times(timed, machine), show.summary(plans)):
        console.print(table)
    for plan in plans:
        for note in plan.notes:
            console.print(f"{plan.corpus}: {note}", markup=False, highlight=False, soft_wrap=True)
    console.print(show.words(plans, timed, cost), markup=False, highlight=False, soft_wrap=True)


def _show_against(build: BuildFile, out: Path, is_json: bool) -> None:
    found = []
    for job in build.jobs:
        try:
            found.append(compare(read_plan(out, job.corpus), out))
        except (NotPlanned, CorpusError, OSError) as error:
            raise fail(f"comparing the plan of {job.corpus}: {error}") from error
    if is_json:
        print(
            json.dumps([{**dataclasses.asdict(one), "num_inside": one.num_inside, "num_judged": one.num_judged} for one in found], indent=2)
        )
        return
    console = _console()
    for one in found:
        console.print(show.comparison(one))
        console.print(f"{one.corpus}: {one.num_inside} of {one.num_judged} predictions lie inside their 90 % intervals", highlight=False)
        if one.note:
            err_console.print(f"{one.corpus}: {one.note}", markup=False, soft_wrap=True)
