"""Exactly n records of a corpus: over domains, difficulty and topics by shares, at most so many of a problem, the best first.

What is chosen depends on content alone, never on the order of records or on who computed it:

1. Of each problem the `max_per_problem` best attempts are eligible, of problems that differ in numbers and names only (one template) the
   `max_per_template` best. Better is a higher quality, then a smaller hash of (seed, key).
2. n is cut over domains by their shares, a domain's part over classes of difficulty by theirs, a class's part over topics by the square root
   of their sizes. What one cannot fill the others share (see pipelines/quotas.py), so that exactly min(n, eligible) are chosen.
3. In each topic of a class the order is quality, first attempts at a problem before second ones, then the hash.

With the same corpus and seed a smaller n gives a subset of a larger one. The work is a graph of tasks over columns of numbers: 56 bytes a
record on disk, in memory some 200 a record of one part (100,000), of one partition by template (1,000,000), or of the largest class of difficulty
in a domain; keys are read for the shorter side of the list alone.
"""

from __future__ import annotations

import functools
import json
from collections import Counter
from dataclasses import dataclass, field, fields
from math import isqrt
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from pipelines.dedup import find_row, write_list
from pipelines.graph import Compute, compute_here
from pipelines.partitions import (
    Part,
    Rows,
    load_array,
    num_partitions,
    partition_of,
    parts_of,
    read_partition,
    save_array,
    workspace,
    write_partitions,
)
from pipelines.quotas import fill
from processors.attempts.measure import DIFFICULTIES, DIFFICULTY, UNKNOWN
from processors.attempts.problem import DOMAIN, DOMAINS, OTHER, PROBLEM, TOPIC
from processors.attempts.thought import TEMPLATE
from schemas.corpus import Corpus, read_schema
from schemas.facts import Fact
from schemas.identity import canonical_json
from schemas.outcome import Reason, Reject
from schemas.records import Conversation, Document, Preference, Record
from schemas.shard import write_replacing
from schemas.store import place_of

NOT_SELECTED = Reason("not_selected", "The corpus takes a certain number of its kind, and others stay")
NOTE, FAIL = "note", "fail"
STAY, GO = "stay", "go"
REPORT_KEY = b"selection"
SELECTED_FACTS = (DOMAIN, DIFFICULTY, TOPIC, PROBLEM, TEMPLATE)
NUM_LEVELS = len(DIFFICULTIES)
NUM_CLASSES = len(DOMAINS) * NUM_LEVELS
_PROBLEM, _TEMPLATE, _TOPIC, _QUALITY, _HASH, _CLASS, _NUMBER = range(7)  # columns of a row, all uint64
ROWS_PER_PARTITION = 1_000_000
_SCALE = 1_000_000  # shares as whole numbers


class SelectionError(ValueError):
    """The corpus cannot be selected from: facts are missing, or it has fewer records than it must have."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How a selection is spread. Shares need not add up to 1: only their proportions matter; what has share 0 is never taken.

    `quality` names facts with their weights, such as ("problem.agreement_ratio=1",): their weighted sum, in steps of `quality_step`, goes
    before all else in a class. A bound of 0 is none.
    """

    maths_share: float = 0.45
    code_share: float = 0.30
    logic_share: float = 0.15
    tools_share: float = 0.05
    other_share: float = 0.05
    easy_share: float = 0.15  # most is learned from what is solved sometimes
    medium_share: float = 0.35
    hard_share: float = 0.35
    unsolved_share: float = 0.05  # right only after sampling again
    unknown_share: float = 0.10  # too few attempts to tell
    max_per_problem: int = 4
    max_per_template: int = 16  # of problems that differ in numbers and names alone
    quality: tuple[str, ...] = ()
    quality_step: float = 0.1

    def __post_init__(self) -> None:
        shares = {one.name: getattr(self, one.name) for one in fields(self) if one.name.endswith("_share")}
        wrong = [f"{name} is {value}" for name, value in shares.items() if not 0 <= value <= 1_000]
        if wrong or not any(self.shares(DOMAINS)) or not any(self.shares(DIFFICULTIES)):
            raise ValueError(f"shares of a selection: {'; '.join(wrong) or 'all are 0'}; expected 0 or more, and one above 0 of each kind")
        if min(self.max_per_problem, self.max_per_template) < 0 or not self.quality_step > 0:
            raise ValueError("a selection has bounds below 0, or a quality_step that is not above 0")
        self.weights()

    def shares(self, names: tuple[str, ...]) -> list[int]:
        return [round(_SCALE * float(getattr(self, f"{name}_share"))) for name in names]

    def weights(self) -> dict[str, float]:
        """The weight of each fact that makes the quality. Raises: ValueError for what is no `fact=weight`."""
        found = {}
        for told in self.quality:
            name, is_told, weight = told.partition("=")
            try:
                found[name.strip()] = float(weight) if is_told else 1.0
            except ValueError as error:
                raise ValueError(f"quality names {told!r}, expected a fact and its weight, such as problem.agreement_ratio=1") from error
        return found


def select_exactly(
    corpus: Corpus,
    n: int,
    into: Path,
    compute: Compute = compute_here,
    spread: Spread = Spread(),
    seed: int = 0,
    *,
    fewer: str = NOTE,
    rows_per_partition: int = ROWS_PER_PARTITION,
) -> Path:
    """Writes the list of the records that stay, or of those that go, whichever is shorter; 0 takes all that the bounds leave.

    The file is `<into>/selection-<digest of its content>.arrow`, an Arrow IPC stream of keys in order, with the report (see
    `selection_report`) in its schema; the report lies beside it as JSON too. Equal corpora give equal files.

    Raises: SelectionError when the corpus lacks a fact, and with `fewer="fail"` when it has fewer than n to give.
    """
    import dask

    if n < 0 or fewer not in (NOTE, FAIL):
        raise ValueError(f"n is {n} and fewer is {fewer!r}, expected 0 or more, and {NOTE} or {FAIL}")
    parts = parts_of(corpus)
    _check_facts(corpus, parts, spread)
    count = num_partitions(sum(part.num_rows for part in parts), rows_per_partition)
    with workspace(into, f"selection-{corpus.path.name}") as folder:
        spread_rows = dask.delayed(list)(
            [dask.delayed(_read_part)(part, number, folder, count, spread, seed) for number, part in enumerate(parts)]
        )
        bounded = dask.delayed(list)([dask.delayed(_bound)(spread_rows, number, folder, spread) for number in range(count)])
        (counts,) = compute([dask.delayed(_sum_counts)(bounded)])
        quotas = _quotas(counts["eligible"], n, spread)
        names = [folder / f"bounded-{number}" for number in range(count)]
        taken = compute([dask.delayed(_take)(names, place, quota, folder) for place, quota in enumerate(quotas)])
        report = _report(n, seed, spread, counts, quotas, sum(one["problems"] for one in taken))
        if fewer == FAIL and report["note"]:
            raise SelectionError(f"{corpus.path} gives too few records: {report['note']}")
        return _write(parts, folder, report, into)


def _check_facts(corpus: Corpus, parts: list[Part], spread: Spread) -> None:
    have: set[str] = set(read_schema(place_of(parts[0].path) / parts[0].shards[0]).names) if parts else set()
    missing = [name for name in (*(fact.name for fact in SELECTED_FACTS), *spread.weights()) if parts and name not in have]
    if missing:
        raise SelectionError(f"{corpus.path} has no facts {', '.join(missing)}, by which records are selected; measure them before")


# ---- first phase: a part's records as numbers


def _hashes(texts: list[str | None]) -> np.ndarray:
    """XXH3 of each text. Shapes: (n,) uint64."""
    return np.fromiter((xxhash.xxh3_64_intdigest((text or "").encode()) for text in texts), np.uint64, len(texts))


def _codes(texts: pa.Array, names: tuple[str, ...], default: str) -> np.ndarray:
    """The place of each text among names; of others, that of `default`. Shapes: (n,) uint64."""
    found = np.asarray(pc.index_in(texts, pa.array(names)).fill_null(names.index(default)))
    return found.astype(np.uint64)


def _read_part(part: Part, number: int, folder: Path, count: int, spread: Spread, seed: int) -> tuple[Path, dict[int, int]]:
    """Writes the rows of a part by partition of their template, and its keys. Gives where, and how many rows each class has."""
    rows, keys = [], []
    first = part.first
    for batch in part.batches():
        names = batch.column("key").to_pylist()
        found = np.empty((len(names), 7), np.uint64)
        for column, fact in ((_PROBLEM, PROBLEM), (_TEMPLATE, TEMPLATE), (_TOPIC, TOPIC)):
            found[:, column] = _hashes(batch.column(fact.name).to_pylist())
        found[:, _QUALITY] = _quality(batch, spread)
        found[:, _HASH] = [xxhash.xxh3_64_intdigest(key.encode(), seed & (2**64 - 1)) for key in names]
        domains, levels = _codes(batch.column(DOMAIN.name), DOMAINS, OTHER), _codes(batch.column(DIFFICULTY.name), DIFFICULTIES, UNKNOWN)
        found[:, _CLASS] = domains * np.uint64(NUM_LEVELS) + levels
        found[:, _NUMBER] = np.arange(first, first + len(names), dtype=np.uint64)
        rows.append(found)
        keys.append(np.array([key.encode() for key in names], np.bytes_))
        first += len(names)
    entries = np.concatenate([np.empty((0, 7), np.uint64), *rows])
    path = folder / f"rows-{number}"
    write_partitions(path, entries, partition_of(entries[:, _TEMPLATE], count), count)
    save_array(folder / f"keys-{number}.npy", np.concatenate([np.empty(0, "S1"), *keys]))
    classes, sizes = np.unique(entries[:, _CLASS], return_counts=True)
    return path, dict(zip(classes.tolist(), sizes.tolist(), strict=True))


def _quality(batch: pa.RecordBatch, spread: Spread) -> np.ndarray:
    """The quality in steps, the best first: smaller numbers are better. Shapes: (n,) uint64. What lacks a fact counts as 0 there."""
    total = np.zeros(batch.num_rows)
    for name, weight in spread.weights().items():
        values = np.asarray(batch.column(name).cast(pa.float64()).fill_null(0.0))
        total = total + weight * np.nan_to_num(values)
    steps = np.clip(np.floor(total / spread.quality_step), -(2.0**52), 2.0**52)
    return (2**53 - steps.astype(np.int64)).astype(np.uint64)


# ---- second phase: bounds of problems and templates


def _bound(files: list[tuple[Path, dict[int, int]]], number: int, folder: Path, spread: Spread) -> dict[str, Any]:
    """Writes the rows of a partition of templates that the bounds leave, by class, the rank in the problem in place of the template."""
    rows = np.concatenate([np.empty((0, 7), np.uint64), *read_partition([path for path, _ in files], number)])
    rows, ranks = _ranked(rows, (_PROBLEM, _QUALITY, _HASH, _NUMBER), _PROBLEM, spread.max_per_problem)
    template = rows[:, _TEMPLATE].copy()
    rows[:, _TEMPLATE] = ranks
    if spread.max_per_template:
        order = np.lexsort((rows[:, _NUMBER], rows[:, _HASH], rows[:, _QUALITY], ranks, template))
        rows = rows[order][_ranks(template[order]) < spread.max_per_template]
    write_partitions(folder / f"bounded-{number}", rows, rows[:, _CLASS].astype(np.uint16), NUM_CLASSES)
    leaves, sizes = np.unique(rows[:, [_CLASS, _TOPIC]], axis=0, return_counts=True)
    eligible = {(place, topic): size for (place, topic), size in zip(leaves.tolist(), sizes.tolist(), strict=True)}
    available: Counter[int] = Counter()
    for _, sizes_of in files if number == 0 else ():
        available.update(sizes_of)
    return {"eligible": eligible, "available": dict(available)}


def _ranks(groups: np.ndarray) -> np.ndarray:
    """The place of each row among those of its group. Shapes: groups (n,), equal ones side by side."""
    if not len(groups):
        return np.empty(0, np.uint64)
    starts = np.flatnonzero(np.concatenate([[True], groups[1:] != groups[:-1]]))
    sizes = np.diff(np.append(starts, len(groups)))
    return (np.arange(len(groups)) - np.repeat(starts, sizes)).astype(np.uint64)


def _ranked(rows: np.ndarray, by: tuple[int, ...], group: int, most: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows in order of the columns `by`, the first `most` of each group (0: all), with their places in it."""
    rows = rows[np.lexsort([rows[:, column] for column in reversed(by)])]
    ranks = _ranks(rows[:, group])
    kept = ranks < most if most else np.ones(len(rows), bool)
    return rows[kept], ranks[kept]


def _sum_counts(found: list[dict[str, Any]]) -> dict[str, Any]:
    eligible: Counter[tuple[int, int]] = Counter()
    available: Counter[int] = Counter()
    for one in found:
        eligible.update(one["eligible"])
        available.update(one["available"])
    return {"eligible": dict(sorted(eligible.items())), "available": dict(sorted(available.items()))}


# ---- third phase: quotas, and the first of each


def _quotas(eligible: dict[tuple[int, int], int], n: int, spread: Spread) -> list[dict[int, int]]:
    """For each class (domain and difficulty) how many of each topic are taken."""
    topics: list[dict[int, int]] = [{} for _ in range(NUM_CLASSES)]
    for (place, topic), size in eligible.items():
        topics[place][topic] = size
    sizes = np.array([sum(one.values()) for one in topics]).reshape(len(DOMAINS), NUM_LEVELS)
    levels = spread.shares(DIFFICULTIES)
    sizes = sizes * (np.array(levels) > 0)
    wanted = fill(n or int(sizes.sum()), spread.shares(DOMAINS), sizes.sum(axis=1).tolist())
    found = []
    for domain, num in enumerate(wanted):
        for level, quota in enumerate(fill(num, levels, sizes[domain].tolist())):
            of = topics[domain * NUM_LEVELS + level]
            shares = [isqrt(size * _SCALE) for size in of.values()]
            found.append(dict(zip(of, fill(quota, shares, list(of.values())), strict=True)))
    return found


def _take(files: list[Path], place: int, quota: dict[int, int], folder: Path) -> dict[str, int]:
    """Writes the numbers of the records of a class that stay; gives how many problems they are of."""
    rows = np.concatenate([np.empty((0, 7), np.uint64), *read_partition(files, place)])
    rows = rows[np.lexsort([rows[:, column] for column in (_NUMBER, _HASH, _TEMPLATE, _QUALITY, _TOPIC)])]
    topics = np.array(sorted(quota), np.uint64)
    bounds = np.array([quota[topic] for topic in sorted(quota)], np.uint64)
    kept = rows[_ranks(rows[:, _TOPIC]) < bounds[np.searchsorted(topics, rows[:, _TOPIC])]] if len(rows) else rows
    save_array(folder / f"taken-{place}.npy", np.sort(kept[:, _NUMBER]))
    return {"problems": len(np.unique(kept[:, _PROBLEM]))}


# ---- what is written


def _report(n: int, seed: int, spread: Spread, counts: dict[str, Any], quotas: list[dict[int, int]], num_problems: int) -> dict[str, Any]:
    """What was asked and what was reached, of domains, and of difficulty in each."""
    counted = np.zeros((3, NUM_CLASSES), np.int64)  # available, eligible, selected
    for place, size in counts["available"].items():
        counted[0, place] = size
    for (place, _), size in counts["eligible"].items():
        counted[1, place] += size
    counted[2] = [sum(quota.values()) for quota in quotas]
    of_class = counted.reshape(3, len(DOMAINS), NUM_LEVELS)
    domains = _lines(DOMAINS, spread, of_class.sum(axis=2))
    for place, name in enumerate(DOMAINS):
        domains[name]["levels"] = _lines(DIFFICULTIES, spread, of_class[:, place])
    num, num_eligible, total = counted.sum(axis=1).tolist()
    note = ""
    if total < n:
        note = f"{n:,} were asked for and {total:,} are there: of {num:,} records the bounds of a problem and of a template, and shares of 0, leave no more"
    return {
        **{"asked": n, "available": num, "eligible": num_eligible, "selected": total, "num_problems": num_problems, "seed": seed},
        **{"max_per_problem": spread.max_per_problem, "max_per_template": spread.max_per_template, "quality": list(spread.quality)},
        **{"note": note, "domains": domains},
    }


def _lines(names: tuple[str, ...], spread: Spread, counted: np.ndarray) -> dict[str, dict[str, Any]]:
    """What was asked and reached of each name. Shapes: counted (3, len(names)): available, eligible, selected."""
    shares, total = spread.shares(names), int(counted[2].sum())
    return {
        name: {"asked_ratio": round(share / sum(shares), 4), "reached_ratio": round(selected / total, 4) if total else 0.0}
        | {"available": available, "eligible": eligible, "selected": selected}
        for name, share, (available, eligible, selected) in zip(names, shares, counted.T.tolist(), strict=True)
    }


def _write(parts: list[Part], folder: Path, report: dict[str, Any], into: Path) -> Path:
    """Writes the shorter list, of those that stay or of those that go, and the report beside it."""
    stay = np.sort(np.concatenate([load_array(folder / f"taken-{place}.npy") for place in range(NUM_CLASSES)]))
    side, numbers = STAY, stay
    if 2 * len(stay) > report["available"]:
        goes = np.ones(report["available"], bool)
        goes[stay] = False
        side, numbers = GO, np.flatnonzero(goes).astype(np.uint64)
    keys = Rows(folder, parts).read("keys", numbers) if len(numbers) else np.empty(0, "S1")
    schema = pa.schema([("key", pa.string())], metadata={REPORT_KEY: canonical_json({"side": side} | report).encode()})
    path = write_list(pa.table([pa.array(keys, pa.binary()).cast(pa.string())], schema=schema), into, "selection")
    beside = path.with_suffix(".json")
    if not beside.is_file():
        write_replacing(beside, (json.dumps(report, indent=2, sort_keys=True) + "\n").encode())
    return path


@functools.lru_cache(maxsize=4)
def _load(path: str) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((read_schema(place_of(path)).metadata or {})[REPORT_KEY])
    return report


def selection_report(path: Path) -> dict[str, Any]:
    """What a selection asked for and reached: counts, and shares by domain and by difficulty in each. `note` says why there are fewer than asked."""
    return {name: value for name, value in _load(str(path)).items() if name != "side"}


@dataclass(frozen=True, slots=True)
class KeepSelected:
    """Keeps the records that `select_exactly` chose. `listed` is the list's digest, and pins it in the recipe."""

    path: str = field(metadata={"fingerprint": False})
    listed: str
    takes: ClassVar = (Conversation, Document, Preference)
    gives: ClassVar = None
    reads: ClassVar[tuple[Fact, ...]] = (DOMAIN, DIFFICULTY, TOPIC)
    writes: ClassVar = ()
    reasons: ClassVar = (NOT_SELECTED,)
    version: ClassVar = 1

    def __call__(self, record: Record) -> Record | Reject:
        report = _load(self.path)
        if (find_row(self.path, record.key) is not None) == (report["side"] == STAY):
            return record
        domain, level = str(record.facts[DOMAIN.name]), str(record.facts[DIFFICULTY.name])
        domain, level = domain if domain in DOMAINS else OTHER, level if level in DIFFICULTIES else UNKNOWN
        told = report["domains"][domain]["levels"][level]
        detail = f"{told['selected']:,} of {told['available']:,} of {domain}, {level}, stay"
        if told["eligible"] < told["available"]:
            detail += f"; {told['eligible']:,} are within {report['max_per_problem']} a problem and {report['max_per_template']} a template"
        return Reject(record.key, NOT_SELECTED.name, detail)


def keep_selected(path: Path) -> KeepSelected:
    return KeepSelected(str(path), path.stem.removeprefix("selection-"))
