"""Two builds side by side: what differs in their recipes, counts, spreads and rows.

`Comparison` is what a page shows. Stages are told by what they are called behind the corpus' own name (`measured`), the corpus itself by
an empty text, so that corpora of different names can be compared. `facts` are over rows that came out, those that changed most first;
`rows` says how many rows are the same in both, which columns differ, and where rows that only one build has were refused in the other.
Examples are the changes with the smallest keys, at most 200 of a kind.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.graph import Compute, compute_here
from pipelines.partitions import num_partitions, workspace
from pipelines.report.built import BuiltStage, stages_of
from pipelines.report.figures import FactFigures, Spread, Statistics, as_fields
from pipelines.report.rows import (
    ROWS_PER_PARTITION,
    RowChange,
    RowCounts,
    Why,
    compare_partition,
    count_rows,
    write_refused,
    write_rows,
)
from pipelines.report.spread import bins_of, edges_of
from pipelines.report.statistics import collect
from pipelines.report.tally import MAX_GROUPS
from schemas.corpus import read_schema

HEADS = ("name", "kind", "fingerprint", "content", "is_complete", "num_in", "num_out", "num_refused", "num_faults", "num_bytes", "tokens")


@dataclass(frozen=True, slots=True)
class Difference:
    """A field of recipe.json that differs: its path, and both values as JSON; None where a recipe lacks it."""

    stage: str
    field: str
    a: str | None
    b: str | None


@dataclass(frozen=True, slots=True)
class StepChange:
    """A step in both builds; None where a build has no such step."""

    stage: str
    step: str
    num_in_a: int | None
    num_in_b: int | None
    num_out_a: int | None
    num_out_b: int | None


@dataclass(frozen=True, slots=True)
class ReasonChange:
    """A reason in both builds, 0 where nothing was refused for it."""

    stage: str
    step: str
    reason: str
    failure: str
    num_a: int
    num_b: int


@dataclass(frozen=True, slots=True)
class FactChange:
    """A fact whose spread over the rows that came out differs.

    `distance` is 0 to 1: of numbers the largest difference of the shares of rows up to a value (Kolmogorov-Smirnov's), at the
    edges of bins; of texts and truth values half the sum of the differences of shares (total variation), values that
    are not listed taken as one; of texts of which most stand in one row alone (digests, addresses), which tell rows and not how they are
    spread, the difference of different texts a row; or, if larger, the difference of the shares of rows without the fact.
    """

    name: str
    type: str
    doc: str
    distance: float
    a: Spread
    b: Spread


@dataclass(frozen=True, slots=True)
class Move:
    """So many rows of one build (`change` only_a, only_b) for which the other gave this reason, four empty texts where it gave none: there the
    record never was. With `refused_otherwise` records that both refused, for different reasons. A reason is (stage, step, reason, failure).
    """

    change: str
    why_a: Why
    why_b: Why
    num_rows: int


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows by key: num_a = num_same + num_changed + num_only_a, num_b likewise. `changed_columns` counts rows by column that differs.

    Only columns that both have are compared; the others are `columns_only_a` and `columns_only_b`.
    """

    num_a: int
    num_b: int
    num_same: int
    num_changed: int
    num_only_a: int
    num_only_b: int
    changed_columns: Mapping[str, int]
    columns_only_a: tuple[str, ...]
    columns_only_b: tuple[str, ...]
    moves: tuple[Move, ...]
    examples: Mapping[str, tuple[RowChange, ...]]  # by change


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two builds differ in. `steps` and `reasons` are all of both, in the order of A; `facts` only those that changed."""

    a: Statistics
    b: Statistics
    is_same: bool  # the same recipe, and the same bytes of shards and rejects
    recipes: tuple[Difference, ...]
    steps: tuple[StepChange, ...]
    reasons: tuple[ReasonChange, ...]
    facts: tuple[FactChange, ...]
    rows: Rows


def compare(a: Path, b: Path, compute: Compute = compute_here, scratch: Path | None = None) -> Comparison:
    """What two builds differ in. Keys and hashes of rows go through files in `scratch`, which all workers must share.

    Raises: CorpusError as `collect` does.
    """
    stages = ([BuiltStage(path) for path in stages_of(a)], [BuiltStage(path) for path in stages_of(b)])
    one, other = (collect(corpus, compute, scratch) for corpus in (a, b))
    recipes = tuple(_differing_recipes(*stages))
    with workspace(scratch or Path(tempfile.gettempdir()), "comparison") as folder:
        rows = _compare_rows(stages, one, other, compute, folder)
    return Comparison(
        a=one,
        b=other,
        is_same=not recipes and one.content == other.content,
        recipes=recipes,
        steps=tuple(_steps(one, other)),
        reasons=tuple(_reasons(one, other)),
        facts=tuple(sorted(_facts(one, other), key=lambda fact: (-fact.distance, fact.name))),
        rows=rows,
    )


def comparison_json(comparison: Comparison) -> str:
    """The comparison as a line of JSON, with the names and totals of both builds; their own figures are in their own reports."""
    found = {name: as_fields(getattr(comparison, name)) for name in ("is_same", "recipes", "steps", "reasons", "facts", "rows")}
    both = {side: {name: getattr(statistics, name) for name in HEADS} for side, statistics in (("a", comparison.a), ("b", comparison.b))}
    return json.dumps({"format": 1, **both, **found}, ensure_ascii=False, allow_nan=False) + "\n"


def label_of(stage: str, corpus: str) -> str:
    """What a stage is called behind its corpus' name; empty for the corpus itself."""
    return stage.removeprefix(corpus).removeprefix(".")


# ---- recipes


def _differing_recipes(a: Sequence[BuiltStage], b: Sequence[BuiltStage]) -> Iterator[Difference]:
    by_label = [{label_of(stage.name, stages[-1].name): stage.recipe for stage in stages} for stages in (a, b)]
    for label in dict.fromkeys((*by_label[0], *by_label[1])):
        one, other = (recipes.get(label) for recipes in by_label)
        if one is None or other is None:
            yield Difference(label, "", *(None if recipe is None else json.dumps(recipe["name"]) for recipe in (one, other)))
        else:
            yield from (Difference(label, *found) for found in differing_fields(one, other))


def differing_fields(a: Any, b: Any, where: str = "") -> Iterator[tuple[str, str | None, str | None]]:
    """Every place, in sorted order, where two JSON values differ: its path, and both values as JSON, None where one has none.

    Lists of different lengths differ as a whole. Fingerprints are left out: they differ because something else does.
    """
    if isinstance(a, dict) and isinstance(b, dict):
        for name in sorted(a.keys() | b.keys()):
            if name == "fingerprint":
                continue
            if name in a and name in b:
                yield from differing_fields(a[name], b[name], f"{where}{name}.")
            else:
                yield where + name, *(_told(side[name]) if name in side else None for side in (a, b))
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for place, (one, other) in enumerate(zip(a, b, strict=True)):
            yield from differing_fields(one, other, f"{where}{place}.")
    elif a != b or type(a) is not type(b):
        yield where.rstrip("."), _told(a), _told(b)


def _told(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


# ---- counts


def _steps(a: Statistics, b: Statistics) -> Iterator[StepChange]:
    one, other = ({(label_of(step.stage, side.name), step.step): (step.num_in, step.num_out) for step in side.steps} for side in (a, b))
    for key in dict.fromkeys((*one, *other)):
        (in_a, out_a), (in_b, out_b) = one.get(key, (None, None)), other.get(key, (None, None))
        yield StepChange(*key, in_a, in_b, out_a, out_b)


def _reasons(a: Statistics, b: Statistics) -> Iterator[ReasonChange]:
    one, other = (
        {(label_of(told.stage, side.name), told.step, told.reason, told.failure): told.num_records for told in side.reasons}
        for side in (a, b)
    )
    for key in dict.fromkeys((*one, *other)):
        yield ReasonChange(*key, one.get(key, 0), other.get(key, 0))


# ---- facts


def _facts(a: Statistics, b: Statistics) -> Iterator[FactChange]:
    one, other = ({fact.name: fact for fact in side.facts} for side in (a, b))
    for name in sorted(one.keys() | other.keys()):
        said = one.get(name) or other[name]
        before, after = (_kept(facts.get(name), side) for facts, side in ((one, a), (other, b)))
        if before != after:
            yield FactChange(name, said.type, said.doc, distance(before, after, said.type == "int"), before, after)


def _kept(fact: FactFigures | None, statistics: Statistics) -> Spread:
    return fact.kept if fact else Spread(num_missing=statistics.num_out)


def distance(a: Spread, b: Spread, is_int: bool) -> float:
    """How far two spreads of a fact are from one another, 0 to 1: see FactChange."""
    missing = abs(_share_missing(a) - _share_missing(b))
    if not a.num_records or not b.num_records:
        return missing
    if a.bins or b.bins:
        return max(missing, _kolmogorov_smirnov(a, b, is_int))
    if _tells_rows(a) and _tells_rows(b):
        return max(missing, abs(a.num_values / a.num_records - b.num_values / b.num_records))
    return max(missing, _total_variation(a, b))


def _tells_rows(spread: Spread) -> bool:
    return spread.num_values > max(MAX_GROUPS, spread.num_records / 2)


def _share_missing(spread: Spread) -> float:
    return spread.num_missing / max(1, spread.num_records + spread.num_missing)


def _kolmogorov_smirnov(a: Spread, b: Spread, is_int: bool) -> float:
    sides = [spread.bins if a.is_exact and b.is_exact else _coarse(spread, is_int) for spread in (a, b)]
    lows = sorted({low for bins in sides for low, _, _ in bins})
    shares = []
    for bins in sides:
        counts = {low: count for low, _, count in bins}
        summed = np.cumsum([counts.get(low, 0) for low in lows])
        shares.append(summed / max(1, int(summed[-1])) if len(summed) else summed)
    return float(np.abs(shares[0] - shares[1]).max()) if lows else 0.0


def _coarse(spread: Spread, is_int: bool) -> list[tuple[float, float, int]]:
    """Bins, also where values were counted each by itself; a bin's low edge names it."""
    found: dict[tuple[float, float], int] = {}
    for low, high, count in spread.bins:
        edges = (low, high)
        if low == high:
            edges = next(edges_of(bins_of(np.array([low], np.int64 if is_int else np.float64)), is_int))
        found[edges] = found.get(edges, 0) + count
    return [(low, high, count) for (low, high), count in found.items()]


def _total_variation(a: Spread, b: Spread) -> float:
    values = [set(dict(spread.values)) for spread in (a, b)]
    told = (values[0] if b.num_other == 0 else set()) | (values[1] if a.num_other == 0 else set()) | (values[0] & values[1])
    sides = []
    for spread in (a, b):  # what only one of them lists, while the other may have it too, is taken with all else that is not listed
        side: dict[str | None, int] = {value: count for value, count in spread.values if value in told}
        sides.append({**side, None: spread.num_records - sum(side.values())})
    every = {None, *told}
    counts = sum(abs(sides[0].get(v, 0) * b.num_records - sides[1].get(v, 0) * a.num_records) for v in every)
    return counts / (2 * a.num_records * b.num_records)


# ---- rows


def _compare_rows(stages: tuple[list[BuiltStage], list[BuiltStage]], a: Statistics, b: Statistics, compute: Compute, folder: Path) -> Rows:
    import dask  # a third of a second to import

    columns = [_columns(side[-1]) for side in stages]
    common = [name for name in columns[0] if name in columns[1] and name != "key"]
    partitions = num_partitions(max(map(count_rows, stages)), ROWS_PER_PARTITION)
    rows: list[list[Any]] = []
    refused: list[list[Any]] = []
    for number, side in enumerate(stages):
        last = str(side[-1].path)
        paths = (folder / f"rows-{number}-{place}.arrow" for place in range(1 << 30))
        rows.append([dask.delayed(write_rows)(last, portion, common, partitions, next(paths)) for portion in side[-1].portions(0)])
        paths = (folder / f"refused-{number}-{place}.arrow" for place in range(1 << 30))
        refused.append(
            [
                dask.delayed(write_refused)(str(stage.path), label_of(stage.name, side[-1].name), portion, partitions, next(paths))
                for stage in side
                for portion in stage.portions(0)
            ]
        )
    lists = [dask.delayed(list)(found) for found in (*rows, *refused)]
    tasks = [dask.delayed(compare_partition)((lists[0], lists[1]), (lists[2], lists[3]), common, number) for number in range(partitions)]
    counts = RowCounts()
    for found in compute(tasks):
        counts.merge(found)
    return Rows(
        num_a=a.num_out,
        num_b=b.num_out,
        num_same=counts.num_same,
        num_changed=counts.num_changed,
        num_only_a=counts.num_only_a,
        num_only_b=counts.num_only_b,
        changed_columns=dict(sorted(counts.columns.items(), key=lambda item: (-item[1], item[0]))),
        columns_only_a=tuple(name for name in columns[0] if name not in columns[1]),
        columns_only_b=tuple(name for name in columns[1] if name not in columns[0]),
        moves=tuple(Move(*move, number) for move, number in sorted(counts.moves.items(), key=lambda item: (-item[1], item[0]))),
        examples={change: tuple(found) for change, found in sorted(counts.examples.items())},
    )


def _columns(stage: BuiltStage) -> list[str]:
    return list(read_schema(stage.path / stage.entries[0].shard.name).names) if stage.entries else []
