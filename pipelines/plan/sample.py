"""Which rows of a source are tried: splits by keyed hash, rows in them by keyed hash, so that the same seed draws the same rows anywhere.

Sources in parts (a Union) are strata, and each is drawn from. Few splits are all drawn and thinned by rows; of many, a share of the splits is drawn,
at least MIN_SPLITS, so that how much splits differ can be told. Steps that gather need whole groups: rows of one value of the fact are drawn or
left together where the source states it, else splits are taken whole. Of rows with other fields than the rest (seeds among finished
conversations, say) at least two are taken in every split. What a split has is counted when it is read: its rows that are
not drawn are read too, and dropped before the first step.
"""

from __future__ import annotations

import heapq
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipelines.build import BYTES_PER_ROW
from pipelines.plan.estimate import Design
from pipelines.source.split import ROWS_PER_SPLIT
from pipelines.step import GATHER, Step
from schemas.identity import digest, keyed_uniform
from schemas.outcome import Reject
from schemas.records import Row

MIN_SPLITS = 16
MIN_WHOLE_SPLITS = 8  # where splits are taken whole, and their number is all that is left to tell how much they differ
LEAST_ROWS = 50  # of a stratum, whatever the share: fewer do not show what rare rows do, and take no time
LEAST_OF_A_FORM = 2  # of the rows of a split whose fields have the same names: what is rare in a file is often large in the corpus
MAX_FORMS, OTHER = 12, "other"  # in a split; what comes later is one form
MAX_UNITS = 2_000  # of a sample: more tell no more about how much rows differ, and take room
DRAW = "plan"


@dataclass(frozen=True, slots=True)
class Stratum:
    """A part of a source, by its number: all its splits, those drawn, and the share of the rows of each that is taken."""

    number: int
    splits: list[Any]
    sizes: np.ndarray  # of every split, in rows where all are known, else in bytes
    drawn: list[int]
    row_share: float
    has_rows: bool  # whether sizes are rows

    @property
    def about_rows(self) -> int:
        return sum(_about_rows(split) for split in self.splits)


@dataclass
class _Cell:
    """The rows of one form in a split, while it is read. `spare` are those with the smallest hashes that were not taken."""

    number: int
    rows: int = 0
    taken: int = 0
    unit: list[Any] = field(default_factory=list)
    spare: list[tuple[float, int, Any]] = field(default_factory=list)


@dataclass
class Drawing:
    """The strata, and what was counted while they were read. Units: `read_s` seconds to read a split whole."""

    strata: list[Stratum]
    seed: int
    by: str | None  # the fact by whose value rows are drawn together
    rows_per_unit: int
    cell_split: list[int] = field(default_factory=list)
    cell_rows: list[int] = field(default_factory=list)
    read_s: list[float] = field(default_factory=list)
    unit_cell: list[int] = field(default_factory=list)
    unit_taken: list[int] = field(default_factory=list)

    def splits(self) -> Iterator[tuple[Any, float]]:
        """The splits drawn, with the share of their rows to take."""
        for stratum in self.strata:
            for number in stratum.drawn:
                yield stratum.splits[number], stratum.row_share

    @property
    def num_splits(self) -> int:
        return sum(len(stratum.splits) for stratum in self.strata)

    def design(self) -> Design:
        """What the estimates need; call it after all was read."""
        return Design(
            np.array([len(stratum.splits) for stratum in self.strata]),
            np.array([float(stratum.sizes.sum()) for stratum in self.strata]),
            np.array([h for h, stratum in enumerate(self.strata) for _ in stratum.drawn], int),
            np.concatenate([stratum.sizes[stratum.drawn] for stratum in self.strata]).astype(float),
            np.array(self.cell_split, int),
            np.array(self.cell_rows, float),
            np.array(self.unit_cell, int),
            np.array(self.unit_taken, float),
        )

    @property
    def knows_rows(self) -> bool:
        """Whether the number of rows is known exactly: told by the source, or counted."""
        return all(stratum.has_rows or len(stratum.drawn) == len(stratum.splits) for stratum in self.strata)

    def units(self, source: Any, number: int, split: Any, share: float) -> Iterator[list[Any]]:
        """The rows that are taken of the `number`-th split drawn, in units of one form; counts as it goes."""
        picked = None if self.by or share >= 1 or split.num_rows < 0 else self._picked(split, share)
        cells: dict[Any, _Cell] = {}
        rows, count, spent = iter(source.read(split)), 0, 0.0
        while True:
            start = time.perf_counter()
            item = next(rows, None)
            spent += time.perf_counter() - start
            if item is None:
                break
            form = self._form(item)
            if form not in cells:
                form = form if len(cells) < MAX_FORMS else OTHER
                cells.setdefault(form, _Cell(len(self.cell_split) + len(cells)))
            cell = cells[form]
            luck = 0.0 if share >= 1 else keyed_uniform(self.seed, DRAW, self._place(split, count, item))
            is_taken = count in picked if picked is not None else luck < share or share >= 1
            count, cell.rows = count + 1, cell.rows + 1
            if is_taken:
                if len(cell.unit) >= self.rows_per_unit and not self._is_same(cell.unit[-1], item):
                    yield self._told(cell)
                cell.unit.append(item)
                cell.taken += 1
            elif not self.by and (len(cell.spare) < LEAST_OF_A_FORM or luck < cell.spare[-1][0]):
                cell.spare = heapq.nsmallest(LEAST_OF_A_FORM, [*cell.spare, (luck, count, item)], key=lambda one: one[:2])
        for cell in cells.values():
            for _, _, item in cell.spare[: max(0, LEAST_OF_A_FORM - cell.taken)]:
                if len(cell.unit) >= self.rows_per_unit:
                    yield self._told(cell)
                cell.unit.append(item)
            if cell.unit:
                yield self._told(cell)
        self.cell_split += [number] * len(cells)
        self.cell_rows += [cell.rows for cell in cells.values()]
        self.read_s.append(spent)

    def _told(self, cell: _Cell) -> list[Any]:
        unit, cell.unit = cell.unit, []
        self.unit_cell.append(cell.number)
        self.unit_taken.append(len(unit))
        return unit

    def _form(self, item: Any) -> Any:
        """What rows have in common that a source gives in one form: the names of their fields and media."""
        if self.by or not isinstance(item, Row):
            return type(item)
        return tuple(sorted(item.fields)), tuple(sorted(item.blobs))

    def _picked(self, split: Any, share: float) -> set[int]:
        """Exactly so many rows of a split whose length is known, by the smallest hashes; the part of a row that is left over is drawn for."""
        wanted = share * split.num_rows
        more = keyed_uniform(self.seed, DRAW, f"{split.id} rest") < wanted - math.floor(wanted)
        num = min(split.num_rows, max(math.floor(wanted) + more, 2))
        return set(heapq.nsmallest(num, range(split.num_rows), key=lambda at: digest(str(self.seed), DRAW, split.id, str(at))))

    def _place(self, split: Any, at: int, item: Any) -> str:
        if self.by and not isinstance(item, Reject):
            return f"{self.by} {item.facts.get(self.by)}"
        return f"{split.id} {at}"

    def _is_same(self, before: Any, item: Any) -> bool:
        """Whether two rows stay in one unit: those of a group."""
        if not self.by or isinstance(before, Reject) or isinstance(item, Reject):
            return False
        return before.facts.get(self.by) == item.facts.get(self.by)


def draw(
    source: Any, steps: tuple[Step, ...], seed: int, share: float | None, rows: int, rows_per_unit: int = 1, least_rows: int = LEAST_ROWS
) -> Drawing:
    """What is tried of a source: a share of its rows, or about so many `rows`; of each stratum at least `least_rows`.

    Raises: ValueError for a source without splits.
    """
    splits = source.splits()
    if not splits:
        raise ValueError("the source has no data; check its path and format")
    about = sum(_about_rows(split) for split in splits)
    share = min(1.0, rows / max(about, 1)) if share is None else share
    by, are_whole = _grouping(source, steps)
    parts: dict[int, list[Any]] = {}
    for split in splits:
        parts.setdefault(getattr(split, "part", 0), []).append(split)
    strata = [_stratum(name, part, share, seed, are_whole, least_rows) for name, part in parts.items()]
    taken = sum(_about_rows(stratum.splits[number]) * stratum.row_share for stratum in strata for number in stratum.drawn)
    return Drawing(strata, seed, by, max(rows_per_unit, math.ceil(taken / MAX_UNITS)))


def _grouping(source: Any, steps: tuple[Step, ...]) -> tuple[str | None, bool]:
    """The fact of the source by which rows must stay together, and whether only whole splits will do."""
    gathers = [step for step in steps if step.mode == GATHER]
    if not gathers:
        return None, False
    by = gathers[0].by
    if len({step.by for step in gathers}) == 1 and by is not None and by in getattr(source, "facts", ()):
        return by.name, False
    return None, True


def _stratum(number: int, splits: list[Any], share: float, seed: int, are_whole: bool, least_rows: int) -> Stratum:
    share = min(1.0, max(share, least_rows / max(sum(_about_rows(split) for split in splits), 1)))
    has_rows = all(split.num_rows >= 0 for split in splits)
    sizes = np.array([split.num_rows if has_rows else max(split.size_bytes, 1) for split in splits], float)
    least = MIN_WHOLE_SPLITS if are_whole else MIN_SPLITS
    num = min(len(splits), max(least, math.ceil(share * len(splits))))
    order = heapq.nsmallest(num, range(len(splits)), key=lambda at: digest(str(seed), DRAW, splits[at].id))
    return Stratum(number, splits, sizes, sorted(order), 1.0 if are_whole else min(1.0, share * len(splits) / num), has_rows)


def _about_rows(split: Any) -> int:
    """The rows of a split; where it does not know them as many as its size tells."""
    if split.num_rows >= 0:
        return int(split.num_rows)
    return 1 + split.size_bytes // BYTES_PER_ROW if split.size_bytes > 0 else ROWS_PER_SPLIT
