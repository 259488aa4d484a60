"""`corpusmill doctor`: checks this machine, and says what is missing and the command that brings it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

OK, WARNING, MISSING = "ok", "warning", "missing"
_STYLES = {OK: "green", WARNING: "yellow", MISSING: "bold red"}
out_console = Console()


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: `state` is ok, warning (something works less well, or an option is absent) or missing (needed)."""

    area: str
    name: str
    state: str
    said: str
    todo: str = ""  # a command, or what to change


Checks = Callable[[], Iterator[Check]]


def doctor_command(
    out: Annotated[Path, typer.Option(help="The folder in which corpora are to be built.")] = Path("corpora"),
    ray: Annotated[bool, typer.Option("--ray", help="Also start a Ray of our own, run a task and end it: ten seconds.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON value instead of lines.")] = False,
) -> None:
    """Check this machine: packages, engines, memory, disk; say what is missing and the command that brings it.

    Programs are run, files are written and removed again, and each check has a time limit. Exit code 1 when something that is needed is missing.
    Variables of the environment are named, never their values.
    """
    found = examine(out, ray)
    if as_json:
        print(json.dumps([asdict(check) for check in found], indent=2))
    else:
        show(found, out_console)
    if any(check.state == MISSING for check in found):
        raise typer.Exit(1)


def examine(out: Path, ray: bool = False) -> list[Check]:
    """All checks, by area. Those that start other programs run side by side."""
    from functools import partial

    from pipelines import installed, machine

    groups: Sequence[Checks] = (
        installed.python,
        installed.packages,
        installed.programs,
        installed.sandbox,
        installed.torch_packages,
        machine.processors,
        machine.memory,
        machine.limits,
        partial(machine.folder, out),
        machine.environment,
        *((installed.ray_starts,) if ray else ()),
    )
    with ThreadPoolExecutor(len(groups)) as pool:
        return [check for checks in pool.map(lambda group: list(group()), groups) for check in checks]


def show(found: Sequence[Check], console: Console) -> None:
    """A line a check, by area; what to do below it; the counts last."""
    area = ""
    width = max(len(check.name) for check in found)
    for check in found:
        if check.area != area:
            area = check.area
            console.print(Text(area, "bold"))
        line = Text("  ").append(f"{check.state:8}", _STYLES[check.state]).append(f"{check.name:{width}}  {check.said}")
        console.print(line, soft_wrap=True)
        if check.todo:
            console.print(Text(f"  {'':8}{'':{width}}  -> {check.todo}", "cyan"), soft_wrap=True)
    counts = Counter(check.state for check in found)
    console.print(Text(", ".join(f"{counts[state]} {state}" for state in (OK, WARNING, MISSING)), "bold"))
