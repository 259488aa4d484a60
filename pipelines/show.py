"""How a build looks to a person: live progress on a terminal, a summary."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from pipelines.build import BuildResult, Quiet
from pipelines.build import Progress as ProgressProtocol
from pipelines.endpoint.ledger import Spent
from pipelines.logs import Observed
from pipelines.run import CRASHED_WORKER, SplitResult
from schemas.corpus import LedgerEntry
from schemas.outcome import CRASH, FAULT, REJECT

LINE_EVERY_S = 10.0  # between two lines of progress in a log
TOKENS = ("num_text_tokens", "num_image_tokens", "num_audio_tokens")


@dataclass
class Pace:
    """How far a build is: by records where the source tells how many there are, else by splits. Splits that were there already count as done, not as speed."""

    num_splits: int
    num_done: int
    num_rows: int  # of the splits that are to be built; 0 where the source does not tell
    records: int = 0
    built: int = 0
    refused: Counter[str] = field(default_factory=Counter)  # by failure

    def add(self, entry: LedgerEntry) -> None:
        """Counts a split that was committed."""
        self.built += 1
        self.records += entry.steps[0].num_in
        faults = sum(step.num_faults for step in entry.steps)
        crashes = sum(step.rejects.get(CRASHED_WORKER, 0) for step in entry.steps)
        self.refused.update({REJECT: entry.rejects.num_rows - faults - crashes, FAULT: faults, CRASH: crashes})

    @property
    def share(self) -> float:
        """The share of this run's work that is done."""
        pending = self.num_splits - self.num_done
        if self.num_rows:
            return min(1.0, self.records / self.num_rows)
        return self.built / pending if pending else 1.0

    def left_s(self, elapsed_s: float) -> float | None:
        """Seconds that remain at the pace so far; None before there is one."""
        return elapsed_s * (1 - self.share) / self.share if self.share else None

    def say(self, elapsed_s: float) -> str:
        """Splits, records, rate, what was refused by failure, and the time that is left."""
        done = f"{self.num_done + self.built:,}/{self.num_splits:,} splits"
        parts = [f"{done} ({self.num_done:,} resumed)" if self.num_done else done]
        parts.append(f"{self.records:,}{f'/{self.num_rows:,}' if self.num_rows else ''} records")
        if self.built and elapsed_s:
            parts.append(f"{self.records / elapsed_s:,.{0 if self.records >= 10 * elapsed_s else 1}f}/s")
        names = {REJECT: "refused", FAULT: "FAULTS", CRASH: "crashed"}
        parts += [f"{self.refused[failure]:,} {name}" for failure, name in names.items() if self.refused[failure]]
        left_s = self.left_s(elapsed_s)
        return ", ".join([*parts, f"{_clock(left_s)} left"] if left_s is not None and self.share < 1 else parts)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class LiveProgress:
    """What a build has done and has left, redrawn in place; used only on a terminal."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._bar: Progress | None = None

    def start(self, name: str, num_splits: int, num_done: int, num_rows: int) -> None:
        self._pace = Pace(num_splits, num_done, num_rows)
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=20), TextColumn("{task.fields[say]}"))
        self._bar = Progress(*columns, TimeElapsedColumn(), console=self.console, transient=True)
        self._task = self._bar.add_task(name, total=1.0, say=self._pace.say(0.0))
        self._bar.start()

    def committed(self, result: SplitResult) -> None:
        assert self._bar is not None
        self._pace.add(result.entry)
        elapsed_s = self._bar.tasks[0].elapsed or 0.0
        self._bar.update(self._task, completed=self._pace.share, say=self._pace.say(elapsed_s))

    def note(self, message: str) -> None:
        self.console.print(f"  {message}", style="dim", markup=False)

    def end(self) -> None:
        if self._bar is not None:
            self._bar.stop()


class Lines(Quiet):
    """Notes, and now and then a line that tells how far the build is: used when the output is no terminal, but a log, or a job's output."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def start(self, name: str, num_splits: int, num_done: int, num_rows: int) -> None:
        self._name, self._pace = name, Pace(num_splits, num_done, num_rows)
        self._start_s = self._said_s = time.monotonic()

    def committed(self, result: SplitResult) -> None:
        self._pace.add(result.entry)
        now_s = time.monotonic()
        if now_s - self._said_s >= LINE_EVERY_S:
            self._said_s = now_s
            self.note(f"{self._name}: {self._pace.say(now_s - self._start_s)}")

    def note(self, message: str) -> None:
        self.console.print(message, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def progress_for(json_output: bool) -> Iterator[ProgressProtocol]:
    """Live progress on a terminal, lines in a log, nothing beside machine output; each also tells events to logs and metrics."""
    console = Console(stderr=True)
    if json_output:
        shown: ProgressProtocol = Quiet()
    elif console.is_terminal and sys.stderr.isatty():
        shown = LiveProgress(console)
    else:
        shown = Lines(console)
    yield Observed(shown)


def summary_row(results: list[BuildResult]) -> dict[str, Any]:
    """One corpus in numbers; its stages are summed: in of the first, out of the last, every refusal."""
    last = results[-1]
    rejects: dict[str, int] = {}
    for result in results:
        for name, count in result.totals["rejects"].items():
            rejects[name] = rejects.get(name, 0) + count
    sums = last.totals["sums"]
    return {
        "corpus": last.name,
        "path": str(last.path),
        "in": results[0].totals["num_in"],
        "out": last.totals["num_out"],
        "rejects": dict(sorted(rejects.items())),
        "faults": sum(result.totals["num_faults"] for result in results),
        "tokens": {name: sums.get(f"contract.{name}", 0) for name in TOKENS},
        "bytes": last.totals["num_bytes"],
        "seconds": round(sum(result.seconds for result in results), 2),
        "splits_built": sum(result.num_built for result in results),
        "splits_resumed": sum(result.num_resumed for result in results),
        "workers": max(result.workers for result in results),
        "engines": {name: told for result in results for name, told in engines_of(result).items()},
        "spent": spent_row(results),
        "steps": list(dict.fromkeys(step["step"] for result in results for step in result.totals["steps"])),
        "growth": {result.name: asdict(result.growth) for result in results if result.growth},
    }


def spent_row(results: list[BuildResult]) -> dict[str, float]:
    """What was sent to served models and came back, and what it cost by the prices given; all 0 where none was asked."""
    spent = sum((result.spent for result in results), Spent())
    told = {"requests": spent.num_requests, "prompt_tokens": spent.prompt_tokens, "output_tokens": spent.output_tokens}
    return {**told, "cost": round(spent.cost, 6)}


def engines_of(result: BuildResult) -> dict[str, dict[str, float]]:
    """For each step that asks a model: questions asked, replies known already, seconds that models worked, share of the workers' time."""
    names = sorted(result.asked.keys() | result.known.keys())
    worker_s = result.seconds * max(1, result.workers)
    return {
        name: {
            "asked": result.asked[name],
            "known": result.known[name],
            "busy_s": round(result.busy_s[name], 2),
            "busy_ratio": round(result.busy_s[name] / worker_s, 3) if worker_s else 0.0,
        }
        for name in names
    }


def engines_table(rows: list[dict[str, Any]]) -> Table | None:
    """What the models did, by corpus and step; None when no step asked any."""
    table = Table("corpus", "engine step", "asked", "known", "busy s", "share of workers' time")
    for row in rows:
        for name, told in row["engines"].items():
            numbers = (f"{told['asked']:,}", f"{told['known']:,}", f"{told['busy_s']:.1f}", f"{told['busy_ratio']:.0%}")
            table.add_row(row["corpus"], name, *numbers)
    return table if table.row_count else None


COLUMNS = ("in", "out", "refused", "text", "image", "audio", "MB", "s")


def summary_table(rows: list[dict[str, Any]]) -> Table:
    """The rows of `summary_row` as a table, with their sum where there are several."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, collapse_padding=True)
    table.add_column("corpus", overflow="fold")
    for name in COLUMNS:
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(row["corpus"], *_shown(_numbers(row)))
    if len(rows) > 1:
        table.add_section()
        table.add_row(f"all {len(rows)}", *_shown(_sums(rows)), style="bold")
    return table


def _numbers(row: dict[str, Any]) -> list[float]:
    refused = sum(row["rejects"].values()) + row["faults"]
    return [row["in"], row["out"], refused, *(row["tokens"][name] for name in TOKENS), row["bytes"] / 1e6, row["seconds"]]


def _sums(rows: list[dict[str, Any]]) -> list[float]:
    return [sum(numbers) for numbers in zip(*(_numbers(row) for row in rows), strict=True)]


def _shown(numbers: list[float]) -> list[str]:
    """Counts whole, the last two (MB, s) with a decimal."""
    return [*(f"{number:,.0f}" for number in numbers[:-2]), *(f"{number:.1f}" for number in numbers[-2:])]


def summary_markdown(rows: list[dict[str, Any]]) -> str:
    """The summary as Markdown, for a chat or an issue: the table, aligned also where it is not drawn, and the lines below it."""
    lines = [["corpus", *COLUMNS], *([row["corpus"], *_shown(_numbers(row))] for row in rows)]
    if len(rows) > 1:
        lines.append([f"**all {len(rows)}**", *_shown(_sums(rows))])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    drawn = [
        " | ".join(cell.ljust(width) if not at else cell.rjust(width) for at, (cell, width) in enumerate(zip(line, widths, strict=True)))
        for line in lines
    ]
    rule = "|".join("-" * (width + 2) if not at else "-" * (width + 1) + ":" for at, width in enumerate(widths))
    table = [f"| {line} |" for line in drawn]
    return "\n".join([table[0], f"|{rule}|", *table[1:], "", *(f"- {line}" for line in summary_lines(rows))])


def next_lines(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Where to look next: rows, and what was refused, of the corpus that refused most."""
    if not rows:
        return
    worst = max(rows, key=lambda row: sum(row["rejects"].values()) + row["faults"])
    yield f"look at rows: corpusmill inspect {worst['path']} --table"
    if worst["rejects"] or worst["faults"]:
        yield f"look at what was refused: corpusmill inspect {worst['path']} --rejects --table"


def summary_lines(rows: list[dict[str, Any]]) -> Iterator[str]:
    """What the table has no room for: what the counts are, why records were refused, how each corpus was built."""
    yield "text, image, audio: tokens; MB: shards; s: seconds"
    for row in rows:
        told = [f"{name} {count}" for name, count in row["rejects"].items()] + ([f"FAULTS {row['faults']}"] if row["faults"] else [])
        if told:
            yield f"{row['corpus']} refused: {', '.join(told)}"
        spent = row["spent"]
        if spent["requests"]:
            cost = f", cost {spent['cost']:.4g}" if spent["cost"] else ""
            yield f"{row['corpus']}: {spent['requests']:,} requests, {spent['prompt_tokens']:,} tokens read, {spent['output_tokens']:,} written{cost}"
    for how, names in _ways(rows).items():
        yield f"{how}: {', '.join(names)}"


def _ways(rows: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Corpora by how they were built."""
    found: dict[str, list[str]] = {}
    for row in rows:
        how = "in this process" if row["workers"] == 0 else f"by {row['workers']} workers"
        how = (
            "already built"
            if not row["splits_built"]
            else how + (f", {row['splits_resumed']} splits resumed" if row["splits_resumed"] else "")
        )
        found.setdefault(how, []).append(row["corpus"])
    return found
