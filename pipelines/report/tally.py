"""What a task counts of its splits, and how two counts become one: the same whatever the order.

A task reads the columns that it counts of the memory-mapped shards, so pages with media are never touched, and the rejects beside
them. It holds columns of as many rows as it counts at a time, and its counts.
"""

from __future__ import annotations

import functools
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.report.spread import Numbers
from pipelines.report.texts import MAX_HELD, MAX_PASSED_ON, Texts
from processors.contract import NUM_AUDIO_TOKENS, NUM_IMAGE_TOKENS, NUM_TEXT_TOKENS, NUM_TOKENS
from processors.packing import NUM_PADDING
from schemas.corpus import CorpusError, read_batches, read_facts
from schemas.facts import Fact, Limit, read_limit
from schemas.identity import digest
from schemas.store import place_of

ROWS_AT_ONCE = 65_536
REJECTS_AT_ONCE = 8_192  # they go through Python, as their facts are JSON
MAX_GROUPS = 64  # different values up to which rows and tokens are counted by value
NUM_RIBBONS = 12  # packed sequences whose pieces are told one by one
TOKENS = (NUM_TEXT_TOKENS.name, NUM_IMAGE_TOKENS.name, NUM_AUDIO_TOKENS.name, NUM_TOKENS.name)
KEPT, REFUSED, JUDGED, BROKEN, COLUMN, PACKING, COPIES, BENCHMARK = (
    "kept",
    "refused",
    "judged",
    "broken",
    "column",
    "packing",
    "copies",
    "benchmark",
)

_STAYS = re.compile(r"^(?:similarity ([\d.]+) to|same content as|same pixels as|looks like|the same solution as|.* shared with) ([^\s,]+)")
_HIT = re.compile(r"^(.+?) \S+ \S+, \d+% of it")
_TYPES = {pa.bool_(): "bool", pa.int64(): "int", pa.float64(): "float", pa.string(): "str"}
_FACT_TYPES = {"bool": bool, "int": int, "float": float, "str": str}

Key = tuple[str, ...]
Groups = dict[str | None, list[int]]
Limits = Sequence[tuple[str, Limit]]  # by step


@dataclass(frozen=True, slots=True)
class Reading:
    """What is to be counted of a stage: `facts` (type by name) of its rows; of its rejects all that they tell.

    `limits` are (step, the limit as recipe.json tells it). `scratch` is the folder into which texts are spilled, in `partitions`.
    """

    path: str
    facts: dict[str, str]
    limits: tuple[tuple[str, str], ...]
    is_last: bool
    is_packed: bool
    copies: tuple[str, ...]  # reasons whose detail names the record that stays
    hits: tuple[str, ...]  # reasons whose detail names a benchmark
    scratch: str
    partitions: int


@dataclass(frozen=True, slots=True)
class Portion:
    """Neighbouring splits that one task counts: (shard, its rows, rejects, their rows) each. `first` is the number of the first row."""

    name: str
    first: int
    files: tuple[tuple[str, int, str, int], ...]


@dataclass
class Tally:
    """Counts of some splits of a stage."""

    numbers: dict[Key, Numbers] = field(default_factory=dict)
    texts: dict[Key, Texts] = field(default_factory=dict)
    reasons: Counter[Key] = field(default_factory=Counter)  # (step, failure, reason)
    groups: dict[str, Groups | None] = field(default_factory=dict)  # rows and TOKENS by value; None: there are too many values
    by_source: dict[str, Counter[Key]] | None = field(default_factory=dict)  # (step, reason) of the refused
    truths: set[str] = field(default_factory=set)  # facts of refused records that are truth values
    num_cut: int = 0  # pieces of packed sequences that begin within their record
    ribbons: list[tuple[int, int, list[int]]] = field(default_factory=list)  # number of the row, its tokens, those of its pieces

    def number(self, key: Key, values: np.ndarray) -> None:
        found = self.numbers.setdefault(key, Numbers(values.dtype == np.int64))
        if found.is_int != (values.dtype == np.int64):
            raise CorpusError(f"{' '.join(key)} is told as whole numbers and as others; the corpus is damaged, rebuild it")
        found.add(values)

    def text(self, key: Key, texts: pa.Array | pa.ChunkedArray) -> None:
        self.texts.setdefault(key, Texts()).add(texts)

    def spill(self, reading: Reading, name: str, max_held: int) -> None:
        """Moves texts to files where there are many; `name` must be of this task alone."""
        for key, texts in self.texts.items():
            file = f"{name}-{digest(*key)}-{len(texts.files)}.arrow"
            texts.spill(Path(reading.scratch) / file, reading.partitions, max_held)

    def merge(self, other: Tally) -> None:
        for key, numbers in other.numbers.items():
            self.numbers.setdefault(key, Numbers(numbers.is_int)).merge(numbers)
        for key, texts in other.texts.items():
            self.texts.setdefault(key, Texts()).merge(texts)
        self.reasons.update(other.reasons)
        for name, groups in other.groups.items():
            self.group(name, groups)
        self.by_source = _joined(self.by_source, other.by_source)
        self.truths |= other.truths
        self.num_cut += other.num_cut
        self.ribbons = sorted(self.ribbons + other.ribbons)[:NUM_RIBBONS]

    def group(self, name: str, groups: Groups | None) -> None:
        have = self.groups.setdefault(name, {})
        if have is None or groups is None:
            self.groups[name] = None
            return
        for value, counts in groups.items():
            have[value] = [a + b for a, b in zip(have.get(value, [0] * len(counts)), counts, strict=True)]
        if len(have) > MAX_GROUPS:
            self.groups[name] = None


def _joined(one: dict[str, Counter[Key]] | None, other: dict[str, Counter[Key]] | None) -> dict[str, Counter[Key]] | None:
    if one is None or other is None:
        return None
    for source, reasons in other.items():
        one.setdefault(source, Counter()).update(reasons)
    return one if len(one) <= MAX_GROUPS else None


def merge_tallies(reading: Reading, name: str, tallies: Sequence[Tally]) -> Tally:
    """The counts of all; `name` must be of this task alone."""
    found = Tally()
    for tally in tallies:
        found.merge(tally)
    found.spill(reading, name, MAX_PASSED_ON)
    return found


def count_portion(reading: Reading, portion: Portion) -> Tally:
    """Counts the rows and the rejects of some splits.

    Raises: CorpusError for files that are missing, damaged, or not as the ledger and the recipe say.
    """
    tally = Tally()
    limits = [(step, read_told(told, reading.facts)) for step, told in reading.limits]
    first = portion.first
    for table in _tables(reading, [(shard, rows) for shard, rows, _, _ in portion.files], ROWS_AT_ONCE, _columns(reading)):
        _add_rows(tally, reading, table, first)
        _add_judged(tally, limits, table)
        first += table.num_rows
        tally.spill(reading, portion.name, MAX_HELD)
    columns = ("step", "failure", "reason", "detail", "source", "facts")
    for table in _tables(reading, [(rejects, rows) for _, _, rejects, rows in portion.files], REJECTS_AT_ONCE, columns):
        _add_rejects(tally, reading, limits, table)
        tally.spill(reading, portion.name, MAX_HELD)
    tally.spill(reading, portion.name, MAX_PASSED_ON)
    return tally


def read_told(told: str, facts: Mapping[str, str]) -> Limit:
    """A limit from what recipe.json tells of it. A fact whose type it does not tell, as no row carries it to the end, is taken for a number."""
    row = {"where": [], "sole": True, **json.loads(told)}
    names = {row["fact"], *(each["fact"] for each in row["where"]), *(name for each in row["where"] for name in each.get("plus", ()))}
    return read_limit(row, {name: Fact(name, _FACT_TYPES[facts.get(name, "float")], "") for name in names})


def _columns(reading: Reading) -> tuple[str, ...]:
    own = ("licence", "source") if reading.is_last else ()
    return (*own, *(("input_ids", "pieces") if reading.is_packed else ()), *reading.facts)


def _tables(reading: Reading, files: Iterable[tuple[str, int]], rows_at_once: int, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Columns of some files, about so many rows at a time."""
    held: list[pa.RecordBatch] = []
    num_held = 0
    for name, num_rows in files:
        for batch in read_checked(place_of(reading.path), name, num_rows):
            if not batch.num_rows:
                continue
            held.append(_select(batch, columns, f"{reading.path}/{name}"))
            num_held += batch.num_rows
            if num_held >= rows_at_once:
                yield pa.Table.from_batches(held)
                held, num_held = [], 0
    if held:
        yield pa.Table.from_batches(held)


def read_checked(corpus: Path, name: str, num_rows: int) -> Iterator[pa.RecordBatch]:
    """The batches of a file of a corpus. Raises CorpusError where it is missing or damaged, or has not the rows that the ledger says."""
    num_read = 0
    try:
        for batch in read_batches(corpus / name):
            num_read += batch.num_rows
            yield batch
    except (OSError, pa.ArrowInvalid) as error:
        raise CorpusError(
            f"{corpus / name}, which the ledger names, cannot be read ({error}); the corpus is damaged, rebuild it"
        ) from error
    if num_read != num_rows:
        raise CorpusError(f"{corpus / name} has {num_read} rows, the ledger says {num_rows}; it is damaged, rebuild the corpus")


def _select(batch: pa.RecordBatch, columns: Sequence[str], where: str) -> pa.RecordBatch:
    missing = [name for name in columns if name not in batch.schema.names and name != "facts"]  # rejects of old corpora tell no facts
    if missing:
        raise CorpusError(f"{where} has no column {missing[0]!r}, which recipe.json declares; the corpus is damaged, rebuild it")
    return batch.select([name for name in columns if name in batch.schema.names])


# ---- rows


def _add_rows(tally: Tally, reading: Reading, table: pa.Table, first: int) -> None:
    for name, kind in reading.facts.items():
        column = table.column(name)
        if _TYPES.get(column.type) != kind:
            raise CorpusError(f"a shard of {reading.path} holds {name} as {column.type}, recipe.json says {kind}; the corpus is damaged")
        if kind in ("int", "float"):
            tally.number((KEPT, name), column.drop_null().to_numpy())
        else:
            tally.text((KEPT, name), column)
    if reading.is_last:
        licences = pc.if_else(pc.equal(table.column("licence"), ""), "unknown", table.column("licence"))
        tally.text((COLUMN, "licence"), licences)
        tally.text((COLUMN, "source"), table.column("source"))
        tokens = {name: table.column(name) for name in TOKENS if name in reading.facts}
        texts = {name: table.column(name) for name, kind in reading.facts.items() if kind in ("str", "bool")}
        for name, column in {"licence": licences, "source": table.column("source"), **texts}.items():
            counted = tally.texts[(KEPT if name in texts else COLUMN, name)]
            is_many = len(counted.held) > MAX_GROUPS or bool(counted.files) or tally.groups.get(name, {}) is None
            tally.group(name, None if is_many else _grouped(column, tokens))
    if reading.is_packed:
        _add_packing(tally, table, first)


def _add_judged(tally: Tally, limits: Limits, table: pa.Table) -> None:
    """Counts the fact of each limit with conditions over the rows that it judges; of the others each row with the fact is one."""
    for number, (_, limit) in enumerate(limits):
        if limit.where and all(fact.name in table.schema.names for fact in limit.facts):
            judged = table.filter(_judged(limit, table)).column(limit.fact.name)
            if _TYPES[judged.type] in ("int", "float"):
                tally.number((JUDGED, str(number)), judged.to_numpy())
            else:
                tally.text((JUDGED, str(number)), judged)


def _judged(limit: Limit, table: pa.Table) -> pa.ChunkedArray:
    """`Limit.judges` of every row."""
    found = pc.is_valid(table.column(limit.fact.name))
    for where in limit.where:
        column = table.column(where.fact.name)
        conditions = [pc.is_valid(table.column(fact.name)) for fact in where.facts]
        if where.any_of:
            conditions.append(pc.is_in(column, pa.array(where.any_of, column.type)))
        if where.none_of:
            conditions.append(pc.invert(pc.is_in(column, pa.array(where.none_of, column.type))))
        if where.least is not None or where.most is not None:
            first, *plus = (pc.cast(table.column(fact.name), pa.float64()) for fact in where.facts)
            total = pc.add(first, functools.reduce(pc.add, plus)) if plus else first  # added up as `Where.holds` does
            conditions += [pc.greater_equal(total, float(where.least))] if where.least is not None else []
            conditions += [pc.less_equal(total, float(where.most))] if where.most is not None else []
        found = functools.reduce(pc.and_, (pc.fill_null(condition, False) for condition in conditions), found)
    return found


def _grouped(column: pa.ChunkedArray, tokens: dict[str, pa.ChunkedArray]) -> Groups:
    table = pa.table({"value": pc.cast(column, pa.string()), **tokens})
    every = pc.CountOptions(mode="all")
    found = table.group_by("value").aggregate([("value", "count", every), *((name, "sum") for name in tokens)])
    counts = [found.column("value_count"), *(found.column(f"{name}_sum") for name in tokens)]
    rows = zip(*(column.to_pylist() for column in counts), strict=True)
    return {value: [number or 0 for number in row] for value, row in zip(found.column("value").to_pylist(), rows, strict=True)}


def _add_packing(tally: Tally, table: pa.Table, first: int) -> None:
    lengths = pc.list_value_length(table.column("input_ids")).cast(pa.int64()).to_numpy()
    pieces = table.column("pieces").combine_chunks()
    nums = pc.list_value_length(pieces).cast(pa.int64()).to_numpy()
    told = pieces.flatten()
    sizes, offsets = (told.field(name).to_numpy() for name in ("num_tokens", "offset"))
    filled = lengths - table.column(NUM_PADDING.name).to_numpy()
    tally.number((PACKING, "sequence_tokens"), lengths)
    tally.number((PACKING, "pieces"), nums)
    tally.number((PACKING, "piece_tokens"), sizes.astype(np.int64))
    tally.number((PACKING, "filled_ratio"), filled / np.maximum(lengths, 1))
    tally.num_cut += int((offsets > 0).sum())
    ends = np.cumsum(nums)
    for row in range(min(NUM_RIBBONS - len(tally.ribbons), len(lengths))):
        listed = sizes[ends[row] - nums[row] : ends[row]].tolist()
        tally.ribbons.append((first + row, int(lengths[row]), listed))


# ---- rejects


def _add_rejects(tally: Tally, reading: Reading, limits: Limits, table: pa.Table) -> None:
    told: dict[Key, list[Any]] = {}
    by_reason: dict[tuple[str, str], list[tuple[int, Limit]]] = {}
    for number, (step, limit) in enumerate(limits):
        by_reason.setdefault((step, limit.reason), []).append((number, limit))
    copies: list[str] = []
    similarities: list[float] = []
    hits: list[str] = []
    sources: dict[str, Counter[Key]] = {}
    columns = [table.column(name).to_pylist() for name in ("step", "failure", "reason", "detail", "source")]
    facts_of = table.column("facts").to_pylist() if "facts" in table.schema.names else ["{}"] * table.num_rows
    for step, failure, reason, detail, source, facts in zip(*columns, facts_of, strict=True):
        tally.reasons[(step, failure, reason)] += 1
        sources.setdefault(source, Counter())[(step, reason)] += 1
        measured = read_facts(facts)
        for name, value in measured.items():
            told.setdefault((REFUSED, name), []).append(value)
        for number, limit in by_reason.get((step, reason), ()):
            if limit.judges({name: math.nan if value is None else value for name, value in measured.items()}):
                told.setdefault((BROKEN, str(number)), []).append(measured[limit.fact.name])
        if reason in reading.copies and (found := _STAYS.match(detail)):
            copies.append(found[2])
            similarities += [float(found[1])] if found[1] else []
        if reason in reading.hits and (found := _HIT.match(detail)):
            hits.append(found[1])
    for key, values in told.items():
        _add_told(tally, key, values)
    tally.by_source = _joined(tally.by_source, sources)
    for key, texts in (((COPIES, "record"), copies), ((BENCHMARK, "name"), hits)):
        if texts:
            tally.text(key, pa.array(texts))
    if similarities:
        tally.number((COPIES, "similarity"), np.array(similarities))


def _add_told(tally: Tally, key: Key, values: list[Any]) -> None:
    """Values of a fact from JSON, in which null is a number that is not finite; one type each, as canonical JSON tells 1 from 1.0."""
    kinds = {type(value) for value in values}
    if kinds == {int}:
        if not -(2**63) <= min(values) <= max(values) < 2**63:
            raise CorpusError(f"{key[-1]} is told of a refused record as a number beyond 64 bits; the corpus is damaged, rebuild it")
        tally.number(key, np.array(values, np.int64))
    elif kinds <= {float, type(None)}:
        tally.number(key, np.array([np.nan if value is None else value for value in values]))
    elif kinds in ({str}, {bool}):
        tally.text(key, pa.array(values))
        tally.truths |= {key[-1]} if kinds == {bool} else set()
    else:
        names = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise CorpusError(f"{key[-1]} is told of refused records as values of several types ({names}); the corpus is damaged, rebuild it")
