"""Runs one split through a recipe: the same plain function in-process, in a Ray task, and in a debugger.

Records stream through the steps one at a time (a batch at a time where a step is batched), so memory is bounded by the
largest record, not by the split. After every step the law of conservation is checked: each record that went in is an
ancestor of at least one that came out, or the key of exactly one Reject.
"""

from __future__ import annotations

import time
import traceback
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from pipelines.recipe import Recipe
from pipelines.step import BATCHED, EACH, EXPAND, Step
from schemas.arrow import schema_for
from schemas.corpus import REJECTS_SCHEMA, LedgerEntry, StepCount
from schemas.identity import child_key
from schemas.outcome import CRASH, FAULT, REJECT, Reject
from schemas.records import Origin, Record
from schemas.shard import MAX_BATCH_ROWS, RecordWriter, TableWriter, write_if_absent

SOURCE = "source"
CRASHED_WORKER = "crashed_worker"
PROCESSOR_RAISED = "processor_raised"


class ConservationError(RuntimeError):
    """A step lost, doubled or invented records."""


class DeclarationError(RuntimeError):
    """A step did what it does not declare: a fact, a type, a reason, a kind."""


class WorkerLost(RuntimeError):
    """A worker or model actor died while it held records of this split."""


class FencedOut(RuntimeError):
    """Another builder took the corpus over; this one may not commit any more."""


# The program is broken, not the data: the build stops at once instead of quarantining record after record.
FATAL = (NameError, ImportError, SyntaxError, NotImplementedError, ConservationError, DeclarationError, WorkerLost, MemoryError)


class Caller(Protocol):
    """How a batched step reaches its callable: in this process, or in an actor pool. Results are asked for in order."""

    @property
    def depth(self) -> int: ...
    def submit(self, records: list[Record]) -> Any: ...
    def result(self, handle: Any) -> list[Record | Reject]: ...


@dataclass(frozen=True)
class LocalCaller:
    """Calls in this process."""

    function: Callable[[list[Record]], list[Record | Reject]]
    depth: int = 1

    def submit(self, records: list[Record]) -> list[Record]:
        return records

    def result(self, handle: list[Record]) -> list[Record | Reject]:
        return self.function(handle)


@dataclass
class Tally:
    """Counts and refusals of one step in one split."""

    step: str
    num_in: int = 0
    num_out: int = 0
    num_faults: int = 0
    seconds: float = 0.0
    reasons: Counter[str] = field(default_factory=Counter)
    rows: list[dict[str, str]] = field(default_factory=list)

    def refuse(self, key: str, origin: Origin, failure: str, reason: str, detail: str, trace: str = "") -> None:
        if failure == FAULT:
            self.num_faults += 1
        else:
            self.reasons[reason] += 1
        place = {name: getattr(origin, name) for name in ("source", "revision", "licence", "locator")}
        self.rows.append(
            {"key": key, "step": self.step, "failure": failure, "reason": reason, "detail": detail, **place, "traceback": trace}
        )

    def count(self) -> StepCount:
        return StepCount(self.step, self.num_in, self.num_out, dict(sorted(self.reasons.items())), self.num_faults)


@dataclass(frozen=True)
class SplitResult:
    """A committed split and how long each step took (which is no part of the corpus)."""

    entry: LedgerEntry
    seconds: dict[str, float]


# ---- the steps


def _call(step: Step, tally: Tally, function: Callable[[], Any], records: list[Record]) -> Any:
    """Calls a processor; an exception quarantines the records and gives None."""
    start = time.perf_counter()
    try:
        return function()
    except FATAL:
        raise
    except Exception as error:
        trace = _short_trace(error)
        for record in records:
            tally.refuse(record.key, record.origin, FAULT, PROCESSOR_RAISED, f"{type(error).__name__}: {error}", trace)
        return None
    finally:
        tally.seconds += time.perf_counter() - start


def _short_trace(error: BaseException) -> str:
    """The traceback from the processor inwards, without this machine's folders, so that every worker writes the same."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).name not in ("run.py", "cluster.py")]
    lines = [f"{'/'.join(Path(frame.filename).parts[-2:])}:{frame.lineno} in {frame.name}: {frame.line}" for frame in frames]
    return "\n".join([*lines, f"{type(error).__name__}: {error}"])


def _accept(step: Step, tally: Tally, record: Record, result: object, written: dict[str, type]) -> Record | None:
    """Checks one result against the step's declaration and the law; gives the record, or None when it was refused."""
    if isinstance(result, Reject):
        _refuse(step, tally, {record.key: record}, result)
        return None
    _check_kind(step, record, result)
    assert not isinstance(result, Reject)
    if result.key != record.key and record.key not in result.parents:  # type: ignore[attr-defined]
        raise ConservationError(f"step {step.name} answered record {record.key} with {result.key}, which does not descend from it")  # type: ignore[attr-defined]
    _check_facts(step, result, written)  # type: ignore[arg-type]
    tally.num_out += 1
    return result  # type: ignore[return-value]


def _refuse(step: Step, tally: Tally, group: Mapping[str, Record], reject: Reject) -> None:
    if reject.reason not in {reason.name for reason in step.processor.reasons}:
        names = ", ".join(reason.name for reason in step.processor.reasons) or "none"
        raise DeclarationError(f"step {step.name} rejected with reason {reject.reason!r}, which it does not declare (declared: {names})")
    if reject.key not in group:
        raise ConservationError(f"step {step.name} rejected key {reject.key!r}, which it was not given")
    tally.refuse(reject.key, group[reject.key].origin, REJECT, reject.reason, reject.detail)


def _check_kind(step: Step, record: Record, result: object) -> None:
    expected = getattr(step.processor, "gives", None) or type(record)
    if type(result) is not expected:
        raise DeclarationError(
            f"step {step.name} gave {type(result).__name__} for record {record.key}, expected {expected.__name__} or Reject"
        )


def _check_facts(step: Step, record: Record, written: dict[str, type]) -> None:
    for name, value in record.facts.items():
        if written.get(name) is not type(value):
            declared = written[name].__name__ if name in written else "not declared"
            raise DeclarationError(
                f"after step {step.name} record {record.key} carries fact {name} = {value!r} ({type(value).__name__}), declared: {declared}"
            )


def _run_each(step: Step, tally: Tally, records: Iterable[Record], written: dict[str, type]) -> Iterator[Record]:
    for record in records:
        tally.num_in += 1
        result = _call(step, tally, partial(step.processor, record), [record])
        if result is None:
            _need_quarantined(step, tally, record)
            continue
        accepted = _accept(step, tally, record, result, written)
        if accepted is not None:
            yield accepted


def _need_quarantined(step: Step, tally: Tally, record: Record) -> None:
    if not tally.rows or tally.rows[-1]["key"] != record.key:
        raise ConservationError(f"step {step.name} gave nothing for record {record.key}; it must give a record or a Reject")


def _run_expand(step: Step, tally: Tally, records: Iterable[Record], written: dict[str, type]) -> Iterator[Record]:
    for record in records:
        tally.num_in += 1
        result = _call(step, tally, partial(step.processor, record), [record])
        if result is None:
            _need_quarantined(step, tally, record)
        elif isinstance(result, Reject):
            _refuse(step, tally, {record.key: record}, result)
        else:
            if not result:
                raise ConservationError(f"step {step.name} expanded record {record.key} into nothing; it must reject it instead")
            for index, child in enumerate(result):
                _check_kind(step, record, child)
                named = replace(child, key=child_key(record.key, index), parents=(record.key,))
                _check_facts(step, named, written)
                tally.num_out += 1
                yield named


def _run_batched(step: Step, tally: Tally, records: Iterable[Record], written: dict[str, type], caller: Caller) -> Iterator[Record]:
    """Submits up to `caller.depth` batches ahead and takes their results in order."""
    waiting: deque[tuple[list[Record], Any]] = deque()
    for batch in _cut(records, step.size):
        tally.num_in += len(batch)
        waiting.append((batch, caller.submit(batch)))
        if len(waiting) >= caller.depth:
            yield from _take_batch(step, tally, *waiting.popleft(), written, caller)
    while waiting:
        yield from _take_batch(step, tally, *waiting.popleft(), written, caller)


def _cut(records: Iterable[Record], size: int) -> Iterator[list[Record]]:
    batch: list[Record] = []
    for record in records:
        batch.append(record)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _take_batch(step: Step, tally: Tally, batch: list[Record], handle: Any, written: dict[str, type], caller: Caller) -> Iterator[Record]:
    alone = len(batch) == 1
    results = _call(step, tally, lambda: caller.result(handle), batch if alone else [])
    if results is None and not alone:  # one record broke the batch: each is tried alone, only the broken one is quarantined
        for record in batch:
            yield from _take_batch(step, tally, [record], caller.submit([record]), written, caller)
        return
    if results is None:
        _need_quarantined(step, tally, batch[0])
        return
    if len(results) != len(batch):
        raise ConservationError(f"step {step.name} was given {len(batch)} records and gave {len(results)}; they must be aligned")
    for record, result in zip(batch, results, strict=True):
        accepted = _accept(step, tally, record, result, written)
        if accepted is not None:
            yield accepted


def _run_gather(step: Step, tally: Tally, records: Iterable[Record], written: dict[str, type]) -> Iterator[Record]:
    groups: dict[Any, list[Record]] = {}
    for record in records:
        tally.num_in += 1
        assert step.by is not None
        groups.setdefault(record.facts[step.by.name], []).append(record)
    for group in groups.values():
        results = _call(step, tally, partial(step.processor, group), group)
        if results is None:
            _need_quarantined(step, tally, group[-1])
            continue
        by_key = {record.key: record for record in group}
        covered: Counter[str] = Counter()
        for result in results:
            if isinstance(result, Reject):
                _refuse(step, tally, by_key, result)
                covered[result.key] += 1
                continue
            _check_kind(step, group[0], result)
            _check_facts(step, result, written)
            strangers = set(result.parents) - set(by_key)
            if strangers:
                raise ConservationError(
                    f"step {step.name} gave {result.key} with parents {sorted(strangers)[:3]} that are not of its group"
                )
        ancestors = {key for result in results if not isinstance(result, Reject) for key in (result.key, *result.parents)}
        for key in by_key:
            if (key in ancestors) == (covered[key] == 1) or covered[key] > 1:
                raise ConservationError(f"step {step.name}: record {key} must be a parent of a result or the key of exactly one Reject")
        for result in results:
            if not isinstance(result, Reject):
                tally.num_out += 1
                yield result


# ---- the split


def _read(recipe: Recipe, split: Any, tally: Tally, condemned: frozenset[int], span: tuple[int, int] | None) -> Iterator[Record]:
    reasons = {reason.name for reason in recipe.source.reasons}
    for index, item in enumerate(recipe.source.read(split)):
        if span is not None and not span[0] <= index < span[1]:
            continue
        tally.num_in += 1
        if isinstance(item, Reject):
            if item.reason not in reasons:
                raise DeclarationError(f"the source rejected with reason {item.reason!r}, which it does not declare")
            origin = item.origin or Origin(split.path, split.revision)
            tally.refuse(item.key, origin, REJECT, item.reason, item.detail)
        elif index in condemned:
            detail = "the record killed its worker each time it was tried, also alone"
            tally.refuse(item.key, item.origin, CRASH, CRASHED_WORKER, detail)
        else:
            tally.num_out += 1
            yield item


def stream(
    recipe: Recipe,
    split: Any,
    callers: Mapping[str, Caller],
    condemned: frozenset[int] = frozenset(),
    span: tuple[int, int] | None = None,
) -> tuple[Iterator[Record], list[Tally]]:
    """The records that come out of a split, lazily, and the tallies that fill as they are drawn."""
    tallies = [Tally(SOURCE)]
    written = {fact.name: fact.type for fact in getattr(recipe.source, "facts", ())}
    records = _read(recipe, split, tallies[0], condemned, span)
    for step in recipe.steps:
        tally = Tally(step.name)
        tallies.append(tally)
        written = {**written, **{fact.name: fact.type for fact in step.processor.writes}}
        if step.mode == EACH:
            records = _run_each(step, tally, records, written)
        elif step.mode == EXPAND:
            records = _run_expand(step, tally, records, written)
        elif step.mode == BATCHED:
            records = _run_batched(step, tally, records, written, callers.get(step.name) or LocalCaller(step.processor))
        else:
            records = _run_gather(step, tally, records, written)
    return records, tallies


def probe_split(
    recipe: Recipe, split: Any, callers: Mapping[str, Caller], span: tuple[int, int], condemned: frozenset[int] = frozenset()
) -> int:
    """Runs rows [start, stop) of a split and writes nothing: to find the record that kills. Gives the rows it saw."""
    records, tallies = stream(recipe, split, callers, condemned, span)
    for _ in records:
        pass
    return tallies[0].num_in


def run_split(
    recipe: Recipe,
    split: Any,
    corpus: Path,
    callers: Mapping[str, Caller],
    condemned: frozenset[int] = frozenset(),
    may_commit: Callable[[], bool] = lambda: True,
) -> SplitResult:
    """Runs a split and commits it: shard and rejects first, then the ledger entry that makes them true."""
    schema = schema_for(recipe.kind, recipe.facts, recipe.mel_dtype)
    sums: Counter[str] = Counter()
    counted = [fact.name for fact in recipe.facts if fact.type is int and fact.name.split(".")[1].startswith("num_")]
    records, tallies = stream(recipe, split, callers, condemned)
    with (
        RecordWriter(corpus, f"shards/{split.id}.arrow", schema) as shard,
        TableWriter(corpus, f"rejects/{split.id}.arrow", REJECTS_SCHEMA) as rejects,
    ):
        for record in records:
            for name in counted:
                sums[name] += int(record.facts.get(name, 0))
            shard.write(record)
        rows = [row for tally in tallies for row in tally.rows]
        for start in range(0, len(rows), MAX_BATCH_ROWS):
            rejects.write_batch(pa.RecordBatch.from_pylist(rows[start : start + MAX_BATCH_ROWS], REJECTS_SCHEMA))
    if not may_commit():
        shard.discard()
        rejects.discard()
        raise FencedOut(f"another builder has taken over {corpus}; split {split.id} was not committed")
    place = {"id": split.id, "path": split.path, "revision": split.revision, "start": split.start, "stop": split.stop}
    entry = LedgerEntry(place, shard.publish(), rejects.publish(), tuple(tally.count() for tally in tallies), dict(sums))
    write_if_absent(corpus / "ledger" / f"{split.id}.json", entry.to_bytes())
    return SplitResult(entry, {tally.step: tally.seconds for tally in tallies})
