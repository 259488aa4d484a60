"""Runs one split through a recipe: the same plain function in-process, in a Ray task, and in a debugger.

Records stream through the steps one at a time (a batch at a time where a step is batched), so memory is bounded by the
largest record, not by the split. After every step the law of conservation is checked: each record that went in is an
ancestor of at least one that came out, or the key of exactly one Reject.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipelines.feed import Caller, DeclarationError, Tally, feed
from pipelines.logs import RECORD_QUARANTINED, tell
from pipelines.recipe import Recipe
from schemas.arrow import schema_for
from schemas.corpus import REJECTS_SCHEMA, LedgerEntry
from schemas.outcome import CRASH, REJECT, Reject
from schemas.records import Origin, Record
from schemas.replies import Replies
from schemas.shard import MAX_BATCH_ROWS, RecordWriter, TableWriter, write_if_absent

SOURCE = "source"
SHARDS = "shards"  # beside the names of steps: where the time goes that writing takes
CRASHED_WORKER = "crashed_worker"


class FencedOut(RuntimeError):
    """Another builder took the corpus over; this one may not commit any more."""


@dataclass(frozen=True)
class SplitResult:
    """A committed split, and what the run of it took, which is no part of the corpus.

    Units: `seconds` in each step, waiting included, in the source and in writing shards; `busy_s` that models worked for it; `asked` and `known` count the
    questions that went to a model, and those whose reply was kept already.
    """

    entry: LedgerEntry
    seconds: dict[str, float]
    busy_s: dict[str, float] = field(default_factory=dict)
    asked: dict[str, int] = field(default_factory=dict)
    known: dict[str, int] = field(default_factory=dict)
    replayed: Replayed | None = None
    events: tuple[dict[str, Any], ...] = ()  # warnings of the worker that ran it, for the log of the build (see pipelines/logs.py)


@dataclass(frozen=True, slots=True)
class Replayed:
    """How a split was replayed (see pipelines/requeue_replay.py): source rows that were run, rows of the shard that were kept as they were.

    `whole` says why all of the split was run; it is empty where only the records chosen were.
    """

    num_run: int
    num_kept: int = 0
    whole: str = ""


# ---- the split


def _read(
    recipe: Recipe, split: Any, tally: Tally, condemned: frozenset[int], span: tuple[int, int] | None, wanted: Callable[[str], bool] | None
) -> Iterator[Record]:
    reasons = {reason.name for reason in recipe.source.reasons}
    for index, item in enumerate(_timed(recipe.source.read(split), tally)):
        if span is not None and not span[0] <= index < span[1]:
            continue
        tally.num_in += 1
        if wanted is not None and not wanted(item.key):
            continue
        if isinstance(item, Reject):
            if item.reason not in reasons:
                raise DeclarationError(f"the source rejected with reason {item.reason!r}, which it does not declare")
            origin = item.origin or Origin(split.path, split.revision)
            tally.refuse(item.key, origin, REJECT, item.reason, item.detail, item.facts)
        elif index in condemned:
            detail = "the record killed its worker each time it was tried, also alone"
            tally.refuse(item.key, item.origin, CRASH, CRASHED_WORKER, detail, item.facts)
        else:
            tally.num_out += 1
            yield item


def _timed(items: Iterable[Any], tally: Tally) -> Iterator[Any]:
    """The items, with the time that drawing them takes put down to the tally."""
    drawn = iter(items)
    while True:
        start = time.perf_counter()
        item = next(drawn, None)
        tally.seconds += time.perf_counter() - start
        if item is None:
            return
        yield item


def stream(
    recipe: Recipe,
    split: Any,
    callers: Mapping[str, Caller],
    condemned: frozenset[int] = frozenset(),
    span: tuple[int, int] | None = None,
    replies: Replies | None = None,
    wanted: Callable[[str], bool] | None = None,
) -> tuple[Iterator[Record], list[Tally]]:
    """The records that come out of a split, lazily, and the tallies that fill as they are drawn.

    `wanted` is asked for the key of each row that the source gives, in order; the rows it does not want are counted as read, and go no further.
    """
    tallies = [Tally(SOURCE)]
    written = {fact.name: fact.type for fact in getattr(recipe.source, "facts", ())}
    records = _read(recipe, split, tallies[0], condemned, span, wanted)
    for step in recipe.steps:
        tally = Tally(step.name)
        tallies.append(tally)
        written = {**written, **{fact.name: fact.type for fact in step.processor.writes}}
        records = feed(step, tally, records, written, callers.get(step.name), replies or Replies())
    return records, tallies


def probe_split(
    recipe: Recipe,
    split: Any,
    callers: Mapping[str, Caller],
    span: tuple[int, int],
    condemned: frozenset[int] = frozenset(),
    replies: Replies | None = None,
    wanted: Callable[[str], bool] | None = None,
) -> int:
    """Runs rows [start, stop) of a split and writes nothing: to find the record that kills. Gives the rows it saw."""
    records, tallies = stream(recipe, split, callers, condemned, span, replies, wanted)
    for _ in records:
        pass
    return tallies[0].num_in


def _tell_quarantined(rows: list[dict[str, str]]) -> None:
    """Tells the records that made a processor raise or killed their worker, by key; the log has them before anyone looks at the rejects."""
    for row in rows:
        if row["failure"] != REJECT:
            told = {"step": row["step"], "record": row["key"], "failure": row["failure"], "reason": row["reason"]}
            tell(RECORD_QUARANTINED, row["detail"], logging.WARNING, **told)


def run_split(
    recipe: Recipe,
    split: Any,
    corpus: Path,
    callers: Mapping[str, Caller],
    condemned: frozenset[int] = frozenset(),
    may_commit: Callable[[], bool] = lambda: True,
    replies: Replies | None = None,
    streamed: Callable[..., tuple[Iterator[Record], list[Tally]]] = stream,
) -> SplitResult:
    """Runs a split and commits it: shard and rejects first, then the ledger entry that makes them true."""
    schema = schema_for(recipe.kind, recipe.facts, recipe.mel_dtype)
    sums: Counter[str] = Counter()
    counted = [fact.name for fact in recipe.facts if fact.type is int and fact.name.split(".")[1].startswith("num_")]
    busy_before = {name: caller.busy_s for name, caller in callers.items()}
    records, tallies = streamed(recipe, split, callers, condemned, replies=replies)
    writing = Tally(SHARDS)
    with (
        RecordWriter(corpus, f"shards/{split.id}.arrow", schema) as shard,
        TableWriter(corpus, f"rejects/{split.id}.arrow", REJECTS_SCHEMA) as rejects,
    ):
        for record in records:
            for name in counted:
                sums[name] += int(record.facts.get(name, 0))
            start = time.perf_counter()
            shard.write(record)
            writing.seconds += time.perf_counter() - start
        rows = [row for tally in tallies for row in tally.rows]
        _tell_quarantined(rows)
        for start in range(0, len(rows), MAX_BATCH_ROWS):
            rejects.write_batch(pa.RecordBatch.from_pylist(rows[start : start + MAX_BATCH_ROWS], REJECTS_SCHEMA))

    def check_owner() -> None:
        if not may_commit():
            raise FencedOut(f"another builder has taken over {corpus}; split {split.id} was not committed")

    place = {"id": split.id, "path": split.path, "revision": split.revision, "start": split.start, "stop": split.stop}
    try:
        check_owner()
        files = shard.publish(check_owner), rejects.publish(check_owner)
    finally:  # what has its final name is not there any more
        shard.discard()
        rejects.discard()
    entry = LedgerEntry(place, *files, tuple(tally.count() for tally in tallies), dict(sums), dict(sorted(shard.licences.items())))
    check_owner()  # sending may have taken long
    write_if_absent(corpus / "ledger" / f"{split.id}.json", entry.to_bytes())
    return SplitResult(
        entry,
        {tally.step: tally.seconds for tally in (*tallies, writing)},
        {name: caller.busy_s - busy_before[name] for name, caller in callers.items()},
        {tally.step: tally.num_asked for tally in tallies if tally.num_asked},
        {tally.step: tally.num_known for tally in tallies if tally.num_known},
    )
