"""Replays chosen records of a split and keeps the others as they are: the bytes are those of a run of the whole split.

The source is read again, since it alone knows the order of its rows. Rows that are not chosen go no further than their keys: what came
out of them is taken from the split as it was, in the place where it would come out. A record that came out, or was refused, leads back to its
row by its key: each `expand` step on its way has added one `/<number>`. The same writers cut the batches, so the bytes are the same, provided
that the present code and parameters would make of the other rows what is there.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from pipelines.feed import Caller, ConservationError, Tally
from pipelines.recipe import Recipe
from pipelines.requeue_journal import Selection, chosen
from pipelines.run import SOURCE, Replayed, SplitResult, probe_split, run_split, stream
from pipelines.step import EACH, EXPAND, GATHER
from schemas.arrow import from_batch
from schemas.corpus import REJECTS_SCHEMA, Corpus, LedgerEntry, StepCount, read_batches, read_schema
from schemas.outcome import FAULT
from schemas.records import Record
from schemas.replies import Replies
from schemas.shard import file_sha256

DAMAGED = "what was there of it is damaged"


class KeysDiffer(RuntimeError):
    """The rows of the source are not those that the split was made from, in their order, or do not lead from its records by their keys."""


def modes_of(recipe: Recipe) -> dict[str, str]:
    """The feeding mode of each step by its name, in order, the source first."""
    return {SOURCE: EACH, **{step.name: step.mode for step in recipe.steps}}


def depths(modes: Mapping[str, str]) -> tuple[dict[str, int], int]:
    """How many `expand` steps a record has passed when a step refuses it, by step; and when it comes out of the last one."""
    found, depth = {}, 0
    for name, mode in modes.items():
        found[name] = depth
        depth += mode == EXPAND
    return found, depth


def root_of(key: str, depth: int) -> str:
    """The key of the source's row from which a record stems that has passed `depth` `expand` steps."""
    return key.rsplit("/", depth)[0] if depth else key


def count_steps(modes: Mapping[str, str], keys: Iterable[str], refusals: Iterable[Mapping[str, str]]) -> tuple[StepCount, ...]:
    """What every step took, gave and refused, from the keys of what came out and the rows of what was refused.

    By the law of conservation a record that went into a step is an ancestor of one that came out of the last step, or that was refused at
    this step or a later one; so the records at a step are counted from its end backwards. It does not hold for `gather` steps.
    """
    refused: dict[str, list[Mapping[str, str]]] = defaultdict(list)
    for row in refusals:
        refused[row["step"]].append(row)
    alive, counts = set(keys), []
    for name, mode in reversed(list(modes.items())):
        num_out = len(alive)
        if mode == EXPAND:
            alive = {key.rpartition("/")[0] for key in alive}
        alive.update(row["key"] for row in refused[name])
        reasons = Counter(row["reason"] for row in refused[name] if row["failure"] != FAULT)
        num_faults = sum(row["failure"] == FAULT for row in refused[name])
        counts.append(StepCount(name, len(alive), num_out, dict(sorted(reasons.items())), num_faults))
    return tuple(reversed(counts))


@dataclass
class Kept:
    """What stays of a split as it was: all but the rows `run`, which go through the steps again.

    `roots` are the rows of the source that stay. `may_change` says that a source refused some of `run`: where it gives them now, they
    may have other keys.
    """

    aside: Corpus
    entry: LedgerEntry
    modes: dict[str, str]
    roots: frozenset[str]
    run: frozenset[str]
    refusals: list[dict[str, str]]
    counts: tuple[StepCount, ...]
    may_change: bool
    num_run: int = 0
    num_kept: int = 0
    _places: dict[str, int] = field(default_factory=dict)

    def is_run(self, key: str) -> bool:
        """Whether a row of the source goes through the steps again."""
        return key not in self.roots

    def stream(
        self,
        recipe: Recipe,
        split: Any,
        callers: Mapping[str, Caller],
        condemned: frozenset[int] = frozenset(),
        replies: Replies | None = None,
    ) -> tuple[Iterator[Record], list[Tally]]:
        """As `pipelines.run.stream`; the tallies are those of the whole split when all records are drawn. Drawing raises KeysDiffer."""
        self.num_run, self.num_kept, self._places = 0, 0, {}
        fresh, tallies = stream(recipe, split, callers, condemned, replies=replies, wanted=self._meet)
        return self._merge(fresh, tallies), tallies

    def _meet(self, key: str) -> bool:
        if key in self._places:
            raise KeysDiffer("the source gives rows with one key")
        self._places[key] = len(self._places)
        if not self.is_run(key):
            return False
        if key not in self.run and not self.may_change:
            raise KeysDiffer("the source gives rows that it did not give")
        self.num_run += 1
        return True

    def _merge(self, fresh: Iterator[Record], tallies: list[Tally]) -> Iterator[Record]:
        """Each kept record where its row stands among those that are read, the fresh ones between them."""
        _, depth = depths(self.modes)
        kept = self._records(depth)
        root, waits = next(kept, ("", None))
        last = -1
        for record in fresh:
            place = self._places[root_of(record.key, depth)]
            while waits is not None and self._places.get(root, place) < place:
                last = self._follow(root, last)
                yield waits
                root, waits = next(kept, ("", None))
            yield record
        if not self.roots <= self._places.keys():
            raise KeysDiffer("the source no longer gives rows that it gave")
        while waits is not None:
            last = self._follow(root, last)
            yield waits
            root, waits = next(kept, ("", None))
        self._add_up(tallies)

    def _records(self, depth: int) -> Iterator[tuple[str, Record]]:
        for batch in self.aside.batches(self.entry):
            for record in from_batch(batch, self.entry.shard.name):
                root = root_of(record.key, depth)
                if root in self.roots:
                    yield root, record

    def _follow(self, root: str, last: int) -> int:
        place = self._places[root]
        if place < last:
            raise KeysDiffer("the source gives its rows in another order")
        self.num_kept += 1
        return place

    def _add_up(self, tallies: list[Tally]) -> None:
        """Makes the tallies of the rows that were run those of the whole split."""
        before, _ = depths(self.modes)
        for tally, count in zip(tallies, self.counts, strict=True):
            tally.num_in += 0 if tally.step == SOURCE else count.num_in  # the source was read as a whole
            tally.num_out += count.num_out
            tally.num_faults += count.num_faults
            tally.reasons.update(count.rejects)
            rows = [row for row in self.refusals if row["step"] == tally.step] + tally.rows
            tally.rows = sorted(rows, key=lambda row: self._places[root_of(row["key"], before[row["step"]])])
        for earlier, later in pairwise(tallies):
            if earlier.num_out != later.num_in:
                raise ConservationError(
                    f"replayed and kept together, step {earlier.step} gave {earlier.num_out} records, {later.step} took {later.num_in}"
                )


def keep(aside: Corpus, split_id: str, modes: dict[str, str], selections: Iterable[Selection]) -> Kept | str:
    """What stays of a split that is set aside; or why nothing can, in which case all of it has to be run."""
    gathers = [name for name, mode in modes.items() if mode == GATHER]
    if gathers:
        return f"step {gathers[0]} makes its records from several at a time"
    file = aside.path / "ledger" / f"{split_id}.json"
    entry = LedgerEntry.from_bytes(file.read_bytes())
    for data in (entry.shard, entry.rejects):
        path = aside.path / data.name
        if not path.is_file() or file_sha256(path) != data.sha256:
            return DAMAGED
    if not read_schema(aside.path / entry.rejects.name).equals(REJECTS_SCHEMA):
        return "its table of refusals has the columns of another version"
    before, depth = depths(modes)
    keys = [key for batch in read_batches(aside.path / entry.shard.name) for key in batch.column("key").to_pylist()]
    refusals = [row for batch in read_batches(aside.path / entry.rejects.name) for row in batch.to_pylist()]
    if count_steps(modes, keys, refusals) != entry.steps or len(set(keys)) != len(keys):
        return "its keys do not tell from which rows of the source its records stem"
    stems = [(root_of(row["key"], before[row["step"]]), row) for row in refusals]
    run = frozenset(root for root, row in stems if chosen(selections, row))
    kept_keys = [key for key in keys if root_of(key, depth) not in run]
    kept_stems = [(root, row) for root, row in stems if root not in run]
    kept_refusals = [row for _, row in kept_stems]
    return Kept(
        aside,
        entry,
        modes,
        frozenset([*(root_of(key, depth) for key in kept_keys), *(root for root, _ in kept_stems)]),
        run,
        kept_refusals,
        count_steps(modes, kept_keys, kept_refusals),
        any(row["step"] == SOURCE and root in run for root, row in stems),
    )


@dataclass(frozen=True, slots=True)
class Replay:
    """Runs the splits of a requeue: the records that one of the selections admits anew, the others as they are set aside in `aside`."""

    aside: Path
    selections: tuple[Selection, ...]
    splits: frozenset[str]

    def run_split(
        self,
        recipe: Recipe,
        split: Any,
        corpus: Path,
        callers: Mapping[str, Caller],
        condemned: frozenset[int] = frozenset(),
        may_commit: Callable[[], bool] = lambda: True,
        replies: Replies | None = None,
    ) -> SplitResult:
        """As `pipelines.run.run_split`; the result tells what was replayed. What cannot be taken apart is run as a whole, which gives the same."""
        kept = keep(Corpus(self.aside), split.id, modes_of(recipe), self.selections)
        why = kept if isinstance(kept, str) else ""
        if isinstance(kept, Kept):
            try:
                result = run_split(recipe, split, corpus, callers, condemned, may_commit, replies, kept.stream)
                return replace(result, replayed=Replayed(kept.num_run, kept.num_kept))
            except KeysDiffer as differ:
                why = str(differ)
        result = run_split(recipe, split, corpus, callers, condemned, may_commit, replies)
        return replace(result, replayed=Replayed(result.entry.steps[0].num_in, whole=why))

    def probe_split(
        self,
        recipe: Recipe,
        split: Any,
        callers: Mapping[str, Caller],
        span: tuple[int, int],
        condemned: frozenset[int] = frozenset(),
        replies: Replies | None = None,
    ) -> int:
        """As `pipelines.run.probe_split`: rows that are kept are seen, and not run."""
        kept = keep(Corpus(self.aside), split.id, modes_of(recipe), self.selections)
        return probe_split(recipe, split, callers, span, condemned, replies, None if isinstance(kept, str) else kept.is_run)
