"""Runs a sample through the stages of a corpus by the build's own machinery, in a temporary folder, and notes what every unit of it gave.

A unit (a few rows of the source) streams through a stage alone, so that the tallies of the steps, which fill anyway, tell what this unit gave, lost
and took. What comes out is written as a corpus of its own, from which the next stage is made as in a build; the records there are followed
back to the units that they come from by their keys.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.feed import PROCESSOR_RAISED, Caller
from pipelines.plan.asked import Consent, NotMeasured, PlanCaller
from pipelines.plan.row_bytes import row_bytes
from pipelines.plan.sample import LEAST_ROWS, Drawing, draw
from pipelines.recipe import Recipe
from pipelines.recipe_file import recipe_file
from pipelines.run import SOURCE, stream
from pipelines.stage import Earlier, Stage, stage_folder
from pipelines.step import GATHER
from processors.contract import NUM_AUDIO_TOKENS, NUM_IMAGE_TOKENS, NUM_TEXT_TOKENS, NUM_TOKENS
from schemas.arrow import schema_for
from schemas.corpus import REJECTS_SCHEMA, Corpus, LedgerEntry, StepCount, finish, read_batches
from schemas.identity import canonical_json
from schemas.outcome import Reject
from schemas.records import Record, Row, weigh
from schemas.replies import Replies
from schemas.shard import MAX_BATCH_ROWS, RecordWriter, TableWriter, write_if_absent

TOKENS = {"text": NUM_TEXT_TOKENS.name, "image": NUM_IMAGE_TOKENS.name, "audio": NUM_AUDIO_TOKENS.name}
ENGINE = "engine"  # beside the names of steps: checks, and records passing from step to step
MODEL_ROWS = 4  # of a unit where models are asked: more of them at once is what they are made for
LOADING_S = 0.05  # a first unit that takes longer, and far longer than others, waits for what a step loads once
NOT_MEASURED = f"{NotMeasured.__name__}: "

Place = tuple[int, int]  # number of a stage, number of a step in it; the source is step -1, what came out the last step


@dataclass
class Observed:
    """What each unit gave, by (stage, step, measure); and where a unit could not go on."""

    num_units: int = 0
    _given: dict[tuple[int, int, str], dict[int, float]] = field(default_factory=lambda: defaultdict(dict))
    lost: dict[int, Place] = field(default_factory=dict)

    def add(self, stage: int, step: int, measure: str, shares: dict[int, float], amount: float) -> None:
        if amount:
            told = self._given[stage, step, measure]
            for unit, share in shares.items():
                told[unit] = told.get(unit, 0.0) + amount * share

    def lose(self, shares: dict[int, float], place: Place) -> None:
        for unit in shares:
            self.lost[unit] = min(self.lost.get(unit, place), place)

    def seconds(self, stage: int, step: int) -> tuple[np.ndarray, float]:
        """What a step took for each unit, and what it took once, to load what it needs: told by the first unit that reached it, where that
        took far longer than any other.
        """
        found = self.given(stage, step, "seconds")
        in_time = list(self._given.get((stage, step, "seconds"), {}))
        others = found[in_time[1:]]
        others = others[~np.isnan(others)]
        if len(others) < 2 or np.isnan(found[in_time[0]]):
            return found, 0.0
        first, usual = in_time[0], float(others.mean())
        if not (found[first] > LOADING_S and (found[first] > 3 * others.max() or found[first] > 30 * usual)):
            return found, 0.0
        load_s = float(found[first]) - usual
        found[first] = usual
        return found, load_s

    def measures(self, stage: int, step: int) -> list[str]:
        return sorted(measure for at, number, measure in self._given if (at, number) == (stage, step))

    def given(self, stage: int, step: int, measure: str, before: bool = False) -> np.ndarray:
        """What each unit gave; NaN where it was lost earlier, or (unless it is measured `before` the step acts) in this step. Shapes: (units,)."""
        found = np.zeros(self.num_units)
        for unit, amount in self._given.get((stage, step, measure), {}).items():
            found[unit] = amount
        for unit, place in self.lost.items():
            if place < (stage, step) or (place == (stage, step) and not before):
                found[unit] = np.nan
        return found


@dataclass
class Tried:
    """A stage that ran on the sample. `make_s` is what it took to make its recipe: searches over the whole corpus before."""

    name: str
    recipe: Recipe
    corpus: Path
    make_s: float
    callers: dict[str, PlanCaller]
    num_splits: int
    num_rows: int = 0
    num_bytes: int = 0  # of its shards
    empty_bytes: int = 0  # of a shard without rows
    pad_bytes: int = 0  # of all shards, beyond their rows and what an empty one has
    reject_bytes: int = 0
    max_row_bytes: int = 0  # of a record in memory

    @property
    def last(self) -> int:
        """The step number of what comes out."""
        return len(self.recipe.steps) - 1


@dataclass
class Held:
    """A source that gives what it is told to hold, in place of the one whose rows those are."""

    like: Any
    items: list[Any] = field(default_factory=list)

    @property
    def reasons(self) -> Any:
        return self.like.reasons

    @property
    def gives(self) -> type:
        return getattr(self.like, "gives", Row)

    @property
    def facts(self) -> Any:
        return getattr(self.like, "facts", ())

    def read(self, split: Any) -> Iterator[Any]:
        return iter(self.items)


@dataclass
class Trial:
    """A corpus tried on a sample. `owners` tells the units of each record that is there, by its key."""

    folder: Path
    seed: int
    share: float | None
    rows: int
    replies: Replies
    kept: Replies | None
    consent: Consent
    drawing: Drawing
    observed: Observed
    owners: dict[str, dict[int, float]]
    stages: list[Tried] = field(default_factory=list)
    bytes_in: Counter[int] = field(default_factory=Counter)

    @property
    def expected_share(self) -> float:
        """The share of the rows that is taken, as far as sizes tell before reading."""
        strata = self.drawing.strata
        parts = [stratum.sizes[stratum.drawn].sum() / max(stratum.sizes.sum(), 1) * stratum.row_share for stratum in strata]
        rows = [stratum.about_rows for stratum in strata]
        return float(min(1.0, np.dot(parts, rows) / max(sum(rows), 1)))

    def run(self, stages: Sequence[Stage], first: Recipe | None = None) -> None:
        """Runs the stages; `first` is the recipe of the first one where it is made already. Raises what a build would raise, and ValueError where
        a stage cannot be made of so small a sample.
        """
        with contextlib.ExitStack() as stack:
            for number, stage in enumerate(stages):
                start = time.perf_counter()
                before = self.stages[-1].corpus if number else None
                out = stage_folder(self.folder, stage.name, number == len(stages) - 1)
                recipe = first if first is not None and not number else stage.make(Earlier(before, into=out))
                self._try(recipe, out / recipe.name, time.perf_counter() - start, stack)

    def _try(self, recipe: Recipe, path: Path, make_s: float, stack: contextlib.ExitStack) -> None:
        replies = self.replies
        openers = [step for step in recipe.steps if step.is_opener]
        callers = {step.name: PlanCaller(step, replies, self.kept, self.consent, stack) for step in openers}
        told = {**recipe_file(recipe), "planned": True}
        write_if_absent(path / "recipe.json", canonical_json(told).encode())
        tried = Tried(recipe.name, recipe, path, make_s, callers, 0)
        number = len(self.stages)
        self.stages.append(tried)
        held = dataclasses.replace(recipe, source=Held(recipe.source))
        for split, units in self._units(recipe, number):
            _try_split(self, tried, number, held, split, units, replies)
        finish(Corpus(path), lambda _: "A sample that a plan was made of.\n")

    def _units(self, recipe: Recipe, number: int) -> Iterator[tuple[Any, Iterable[tuple[dict[int, float], list[Any]]]]]:
        """Each split with its runs of rows, and the units that a run comes from."""
        if number == 0 and not self.owners:
            for at, (split, share) in enumerate(self.drawing.splits()):
                yield split, self._first(recipe.source, at, split, share)
        else:
            for split in recipe.source.splits():
                yield split, self._later(recipe, recipe.source.read(split))

    def _first(self, source: Any, at: int, split: Any, share: float) -> Iterator[tuple[dict[int, float], list[Any]]]:
        for unit in self.drawing.units(source, at, split, share):
            number = self.observed.num_units
            self.observed.num_units += 1
            self.bytes_in[number] = sum(_weight(item) for item in unit)
            yield {number: 1.0}, unit

    def _later(self, recipe: Recipe, rows: Iterator[Any]) -> Iterator[tuple[dict[int, float], list[Any]]]:
        """Runs of neighbouring records of the same units; of whole groups where a step gathers, of the whole split where it gathers all."""
        gathers = [step for step in recipe.steps if step.mode == GATHER]
        by = {step.by.name for step in gathers if step.by}
        takes_all = any(step.by is None or step.by not in getattr(recipe.source, "facts", ()) for step in gathers)
        run: list[Any] = []
        for record in rows:
            is_other = run and not takes_all and self._owner(run[-1]) != self._owner(record)
            if is_other and not any(run[-1].facts.get(name) == record.facts.get(name) for name in by):
                yield self._shares(run), run
                run = []
            run.append(record)
        if run:
            yield self._shares(run), run

    def _owner(self, record: Any) -> dict[int, float]:
        for key in (record.key, *record.parents):
            if key in self.owners:
                return self.owners[key]
        root = record.key.rpartition("/")[0]
        if root in self.owners:
            return self.owners[root]
        return {unit: 1 / self.observed.num_units for unit in range(self.observed.num_units)}  # nobody knows whose it is: everybody's

    def _shares(self, records: list[Any]) -> dict[int, float]:
        """The part that each unit has in a run of records, by tokens where they are counted."""
        owners = [self._owner(record) for record in records]
        if all(owner == owners[0] for owner in owners):
            return owners[0]
        found: Counter[int] = Counter()
        for record, owner in zip(records, owners, strict=True):
            weight = float(record.facts.get(NUM_TOKENS.name, 1)) or 1.0
            for unit, share in owner.items():
                found[unit] += weight * share  # type: ignore[assignment]
        total = sum(found.values())
        return {unit: weight / total for unit, weight in found.items()}


def _weight(item: Any) -> int:
    if isinstance(item, Reject):
        return 0
    texts = sum(len(str(value)) for value in item.fields.values()) if isinstance(item, Row) else 0
    return weigh(item) + texts


def _try_split(
    trial: Trial,
    tried: Tried,
    number: int,
    recipe: Recipe,
    split: Any,
    units: Iterable[tuple[dict[int, float], list[Any]]],
    replies: Replies,
) -> None:
    """Runs the units of a split, commits what came out, and notes what each gave."""
    schema = schema_for(recipe.kind, recipe.facts, recipe.mel_dtype)
    counts: dict[str, StepCount] = {}
    owned: list[dict[int, float]] = []
    refused: list[dict[str, str]] = []
    with (
        RecordWriter(tried.corpus, f"shards/{split.id}.arrow", schema) as shard,
        TableWriter(tried.corpus, f"rejects/{split.id}.arrow", REJECTS_SCHEMA) as rejects,
    ):
        for shares, rows in units:
            recipe.source.items = rows
            keep = partial(_keep, trial, tried, shard, shares, owned)
            refused += _run_unit(trial.observed, tried, number, recipe, split, shares, keep, replies, counts)
        for start in range(0, len(refused), MAX_BATCH_ROWS):
            rejects.write_batch(pa.RecordBatch.from_pylist(refused[start : start + MAX_BATCH_ROWS], REJECTS_SCHEMA))
    place = {"id": split.id, "path": split.path, "revision": split.revision, "start": split.start, "stop": split.stop}
    steps = tuple(counts.values()) or tuple(StepCount(name, 0, 0) for name in (SOURCE, *(step.name for step in recipe.steps)))
    entry = LedgerEntry(place, shard.publish(), rejects.publish(), steps, {})
    write_if_absent(tried.corpus / "ledger" / f"{split.id}.json", entry.to_bytes())
    _measure_shard(trial.observed, tried, number, entry, owned, schema)


def _keep(
    trial: Trial, tried: Tried, shard: RecordWriter, shares: dict[int, float], owned: list[dict[int, float]], record: Record
) -> float:
    """Writes a record and says whose it is; gives the seconds that writing took."""
    mine = shares
    if len(shares) > 1:  # of a run of several units: where a record tells its parents it is theirs
        parents = [trial.owners[parent] for parent in (record.key, *record.parents) if parent in trial.owners]
        if parents:
            found: Counter[int] = Counter()
            for owner in parents:
                for unit, share in owner.items():
                    found[unit] += share / len(parents)  # type: ignore[assignment]
            mine = dict(found)
    owned.append(mine)
    trial.owners[record.key] = mine
    tried.max_row_bytes = max(tried.max_row_bytes, weigh(record))
    start = time.perf_counter()
    shard.write(record)
    return time.perf_counter() - start


def _run_unit(
    observed: Observed,
    tried: Tried,
    number: int,
    recipe: Recipe,
    split: Any,
    shares: dict[int, float],
    keep: Any,
    replies: Replies,
    counts: dict[str, StepCount],
) -> list[dict[str, str]]:
    """Streams one run of rows; gives the rows of its rejects."""
    callers: dict[str, Caller] = {**tried.callers}
    for caller in tried.callers.values():
        caller.told.clear()
    records, tallies = stream(recipe, split, callers, replies=replies)
    start, written = time.perf_counter(), 0.0
    for record in records:
        written += keep(record)
    wall = time.perf_counter() - start
    refused = []
    for step, tally in enumerate(tallies, -1):
        add = partial(observed.add, number, step)
        add("in", shares, tally.num_in)
        add("out", shares, tally.num_out)
        add("seconds", shares, tally.seconds if step >= 0 else 0.0)
        for row in tally.rows:
            if row["reason"] == PROCESSOR_RAISED and row["detail"].startswith(NOT_MEASURED):
                observed.lose(shares, (number, step))
                tally.num_faults -= 1
            else:
                refused.append(row)
        for reason, count in tally.reasons.items():
            add(f"reject {reason}", shares, count)
        add("refused", shares, sum(tally.reasons.values()) + tally.num_faults)
        add("faults", shares, tally.num_faults)
        for name, amount in tried.callers[tally.step].told.items() if tally.step in tried.callers else ():
            add(f"model {name}", shares, amount)
        had, now = counts.get(tally.step), tally.count()
        counts[tally.step] = now if had is None else _joined(had, now)
    observed.add(number, tried.last, "shard seconds", shares, written)
    observed.add(number, tried.last, "engine seconds", shares, max(0.0, wall - written - sum(tally.seconds for tally in tallies)))
    return refused


def _joined(left: StepCount, right: StepCount) -> StepCount:
    rejects = Counter(left.rejects) + Counter(right.rejects)
    return StepCount(left.step, left.num_in + right.num_in, left.num_out + right.num_out, dict(rejects), left.num_faults + right.num_faults)


def _measure_shard(
    observed: Observed, tried: Tried, number: int, entry: LedgerEntry, owned: list[dict[int, float]], schema: pa.Schema
) -> None:
    """Bytes and tokens of every row of a shard, given to the units that it comes from."""
    last, at, in_rows = tried.last, 0, 0.0
    for batch in read_batches(tried.corpus / entry.shard.name):
        sizes = row_bytes(batch)
        columns = {name: batch.column(fact).to_pylist() for name, fact in TOKENS.items() if fact in batch.schema.names}
        for row in range(batch.num_rows):
            observed.add(number, last, "rows", owned[at], 1.0)
            observed.add(number, last, "bytes", owned[at], float(sizes[row]))
            for name, column in columns.items():
                observed.add(number, last, f"tokens {name}", owned[at], float(column[row] or 0))
            at += 1
        in_rows += float(sizes.sum())
    if not tried.empty_bytes:
        tried.empty_bytes = _empty_bytes(tried.corpus, schema)
    tried.num_splits += 1
    tried.num_rows += entry.shard.num_rows
    tried.num_bytes += entry.shard.num_bytes
    tried.pad_bytes += entry.shard.num_bytes - tried.empty_bytes - round(in_rows)
    tried.reject_bytes += entry.rejects.num_bytes


def _empty_bytes(corpus: Path, schema: pa.Schema) -> int:
    with RecordWriter(corpus, "empty.arrow", schema) as empty:
        pass
    num_bytes = empty.publish().num_bytes
    (corpus / "empty.arrow").unlink()
    return num_bytes


def start_trial(
    recipe: Recipe,
    folder: Path,
    seed: int,
    share: float | None,
    rows: int,
    replies: Replies,
    kept: Replies | None = None,
    consent: Consent | None = None,
    least_rows: int = LEAST_ROWS,
) -> Trial:
    """A trial of the corpus whose first stage is `recipe`; nothing has run yet. What is asked goes to `replies`, what `kept` has is not paid again.

    Raises: ValueError for a source without data.
    """
    per_unit = MODEL_ROWS if any(step.is_opener for step in recipe.steps) else 1
    drawing = draw(recipe.source, recipe.steps, seed, share, rows, per_unit, least_rows)
    return Trial(folder, seed, share, rows, replies, kept, consent or Consent(), drawing, Observed(), {})
