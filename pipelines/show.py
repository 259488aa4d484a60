"""How a build looks to a person: live progress on a terminal, a summary table, rows in the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from pipelines.build import BuildResult, Quiet
from pipelines.build import Progress as ProgressProtocol
from pipelines.endpoint.ledger import Spent
from pipelines.run import SplitResult
from processors import tokens
from schemas.parts import Audio, Image, Text, ToolCall, ToolResult, Tools
from schemas.records import Document, PackedSequence, Record, turns_of

TOKENS = ("num_text_tokens", "num_image_tokens", "num_audio_tokens")


class LiveProgress:
    """Records, rate, rejects and ETA, redrawn in place; used only on a terminal."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._bar: Progress | None = None
        self._records = self._rejects = 0

    def start(self, name: str, num_splits: int, num_done: int, num_rows: int) -> None:
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[say]}"))
        self._bar = Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=self.console, transient=True)
        self._task = self._bar.add_task(name, total=num_splits, completed=num_done, say="splits")
        self._records = self._rejects = 0
        self._bar.start()

    def committed(self, result: SplitResult) -> None:
        assert self._bar is not None
        self._records += result.entry.steps[0].num_in
        self._rejects += result.entry.rejects.num_rows
        task = self._bar.tasks[0]
        rate = self._records / task.elapsed if task.elapsed else 0.0
        self._bar.update(self._task, advance=1, say=f"splits, {self._records:,} records, {rate:,.0f}/s, {self._rejects:,} refused")

    def note(self, message: str) -> None:
        self.console.print(f"  {message}", style="dim", markup=False)

    def end(self) -> None:
        if self._bar is not None:
            self._bar.stop()


class Notes(Quiet):
    """Says only what is worth a line in a log: used when the output is no terminal."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def note(self, message: str) -> None:
        self.console.print(message, markup=False)


@contextmanager
def progress_for(json_output: bool) -> Iterator[ProgressProtocol]:
    """Live progress on a terminal, notes in a log, nothing beside machine output."""
    console = Console(stderr=True)
    if json_output:
        yield Quiet()
    elif console.is_terminal and sys.stderr.isatty():
        yield LiveProgress(console)
    else:
        yield Notes(console)


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


def summary_table(rows: list[dict[str, Any]]) -> Table:
    """The rows of `summary_row` as a table."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, collapse_padding=True)
    table.add_column("corpus", overflow="fold")
    for name in ("in", "out", "refused", "text", "image", "audio", "MB", "s"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        numbers = [row["in"], row["out"], sum(row["rejects"].values()) + row["faults"], *(row["tokens"][name] for name in TOKENS)]
        table.add_row(row["corpus"], *(f"{number:,}" for number in numbers), f"{row['bytes'] / 1e6:.1f}", f"{row['seconds']:.1f}")
    return table


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


def show_record(record: Record, max_chars: int = 2_000) -> str:
    """A record as readable text: messages with media as placeholders, then its facts."""
    lines = [
        f"key      {record.key}",
        f"origin   {record.origin.source} {record.origin.locator} ({record.origin.licence or 'licence unknown'})",
    ]
    if isinstance(record, Document):
        lines.append(_short(record.text, max_chars))
    if isinstance(record, PackedSequence):
        start = 0
        for number, piece in enumerate(record.pieces, 1):
            ids = record.input_ids[start : start + piece.num_tokens].tolist()
            start += piece.num_tokens
            text = _short(tokens.decode(ids), max_chars // len(record.pieces))
            lines.append(f"[{number}] {piece.key} tokens {piece.offset} to {piece.offset + piece.num_tokens}: {text}")
    for turn in turns_of(record):
        body = "".join(_show_part(part) for part in turn.parts)
        lines.append(f"<|{turn.role}|>{_short(body, max_chars)}<|end|>{'  (learned)' if turn.learned else ''}")
    lines += [f"  {name} = {value}" for name, value in sorted(record.facts.items())]
    return "\n".join(lines)


def _short(text: str, max_chars: int) -> str:
    return text if len(text) <= max_chars else f"{text[:max_chars]}... ({len(text)} characters)"


def _show_part(part: object) -> str:
    if isinstance(part, Text):
        return part.text
    if isinstance(part, Tools):
        return f"<|tool|>{part.definitions}<|/tool|>"
    if isinstance(part, ToolCall):
        return f"<|tool_call|>{part.name}({part.arguments})<|/tool_call|>"
    if isinstance(part, ToolResult):
        return part.content
    if isinstance(part, Image) and part.canvas is not None:
        columns, rows = part.canvas.grid
        return (
            f"<image {columns}x{rows} crops, content {part.canvas.content_width}x{part.canvas.content_height} px, {part.num_tokens} tokens>"
        )
    if isinstance(part, Audio) and part.log_mel is not None:
        return f"<audio {len(part.log_mel)} frames, {part.num_tokens} tokens>"
    return "<media>"
