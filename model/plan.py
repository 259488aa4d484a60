"""From rows to batches by their lengths alone: which rows stand together in which batch, before any of them is read.

A window of rows is packed by best fit, mode by mode, since the router takes one mode a batch. Nothing is cut. The batches of an
optimiser step (`step_batches` of them, one after another) have one mode, so that all ranks run the same part of the model.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa

from model.batch import Mode
from model.mixture import Windows
from model.rows import CorpusRows
from processors.contract import NUM_AUDIO_TOKENS, NUM_IMAGE_TOKENS, NUM_TEXT_TOKENS
from processors.packing import best_fit
from schemas.identity import keyed_rng

SMALL_RATIO = 8  # rows below 1/8 of a batch are packed in random order, which mixes lengths and costs next to no room


class PlanError(ValueError):
    """Rows that cannot be planned: without counts, or more than a batch may hold."""


@dataclass(frozen=True, slots=True, eq=False)
class Costs:
    """What each row costs. Shapes: (rows,) each; tokens of all its sequences, crops with global views, frames of log-Mel, Mode."""

    tokens: np.ndarray
    crops: np.ndarray
    frames: np.ndarray
    modes: np.ndarray

    @classmethod
    def of(cls, rows: CorpusRows) -> Self:
        """The costs of a corpus, from its counts; no medium is read.

        A preference has two sequences, each with the media of its prompt, so its media are counted twice, at most too often.

        Raises:
            PlanError: a corpus without token counts.
        """
        names = (NUM_TEXT_TOKENS.name, NUM_IMAGE_TOKENS.name, NUM_AUDIO_TOKENS.name)
        missing = [name for name in names if name not in rows.schema.names]
        if missing:
            raise PlanError(f"corpus {rows.path} has no column {missing[0]}; rebuild it with the contract step, which counts tokens")
        found = [_batch_costs(batch, names, rows) for batch in rows.batches()]
        tokens, crops, frames, modes = (np.concatenate(columns) for columns in zip(*found, strict=True))
        sides = 2 if rows.kind == "preference" else 1
        return cls(tokens, crops * np.int32(sides), frames * np.int32(sides), modes)

    @classmethod
    def join(cls, costs: Sequence[Self]) -> Self:
        """The costs of corpora, one after another."""
        return cls(*(np.concatenate([getattr(one, name) for one in costs]) for name in ("tokens", "crops", "frames", "modes")))


def _batch_costs(batch: pa.RecordBatch, names: tuple[str, ...], rows: CorpusRows) -> tuple[np.ndarray, ...]:
    counts = []
    for name in names:
        column = batch.column(name)
        if column.null_count:
            raise PlanError(f"corpus {rows.path} has {column.null_count} rows without {name}; rebuild it with the contract step")
        counts.append(column.to_numpy())
    text, images, audios = counts
    modes = ((images > 0) + 2 * (audios > 0)).astype(np.int8)
    crops = frames = np.zeros(batch.num_rows, np.int32)
    if "image_info" in batch.schema.names:
        info = batch.column("image_info")
        crops = _sums(info, 1 + info.values.field("grid_columns").to_numpy() * info.values.field("grid_rows").to_numpy())
        frames = _sums(batch.column("audio_info"), batch.column("audio_info").values.field("num_frames").to_numpy())
    return (text + images + audios).astype(np.int32), crops, frames, modes


def _sums(lists: pa.ListArray, values: np.ndarray) -> np.ndarray:
    """Sums of the values of each list. Shapes: values (all items,); result (lists,) int32."""
    before = np.concatenate([[0], np.cumsum(values, dtype=np.int64)])
    return np.diff(before[lists.offsets.to_numpy()]).astype(np.int32)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a batch may hold: tokens, and for the sake of memory crops (with global views) and log-Mel frames."""

    context_tokens: int
    max_crops: int | None = None
    max_frames: int | None = None

    def shares(self, costs: Costs) -> np.ndarray:
        """The room that each row takes, in tokens of the context: the largest share of the three. Shapes: (rows,) int64.

        Rows whose shares fit together keep all three limits, since a sum of largest shares is no less than any sum of one kind.
        """
        room = costs.tokens.astype(np.int64)
        for amounts, most in ((costs.crops, self.max_crops), (costs.frames, self.max_frames)):
            if most is not None:
                room = np.maximum(room, -(-amounts.astype(np.int64) * self.context_tokens // most))
        return room

    def check(self, costs: Costs, key_of: Callable[[int], str]) -> None:
        """Refuses rows that no batch can hold.

        Raises:
            PlanError: with the key of the first such row, what it costs and what to do.
        """
        kinds = (
            ("tokens", costs.tokens, self.context_tokens, "context_tokens"),
            ("crops", costs.crops, self.max_crops, "max_crops"),
            ("log-Mel frames", costs.frames, self.max_frames, "max_frames"),
        )
        for what, amounts, most, option in kinds:
            if most is not None and len(over := np.flatnonzero(amounts > most)):
                raise PlanError(
                    f"row {key_of(int(over[0]))} has {amounts[over[0]]} {what}, a batch holds {most}, and nothing is ever cut; so have "
                    f"{len(over)} rows of {len(amounts)}. Raise {option} to {amounts.max()} or rebuild the corpus with a lower bound"
                )
        if len(costs.tokens) and costs.tokens.min() < 1:
            raise PlanError(f"row {key_of(int(costs.tokens.argmin()))} has no tokens")


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in the endless list of batches: `batch` batches after the start of a window that took over `carried` rows."""

    window: int = 0
    batch: int = 0
    carried: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """The list of batches that all ranks see: a pure function of its fields. Shapes: shares and modes (rows,)."""

    windows: Windows
    shares: np.ndarray
    modes: np.ndarray
    context_tokens: int
    step_batches: int
    seed: int

    def batches(self, cursor: Cursor = Cursor()) -> Iterator[tuple[np.ndarray, Cursor]]:
        """From a place on: the rows of each batch, and the place after it."""
        number, skipped, carried = cursor.window, cursor.batch, cursor.carried
        while self.windows.num_windows is None or number < self.windows.num_windows:
            found, carried_on = self.window(number, carried)
            for index in range(skipped, len(found)):
                yield found[index], Cursor(number, index + 1, carried)
            skipped = max(0, skipped - len(found))
            number, carried = number + 1, carried_on

    def window(self, number: int, carried: tuple[int, ...] = ()) -> tuple[list[np.ndarray], tuple[int, ...]]:
        """The batches of a window, and the rows that the next one takes over: of each mode fewer than make one step.

        The last window hands nothing on: its last steps may have fewer batches.
        """
        rng = keyed_rng(self.seed, "plan", str(number))
        rows = rng.permutation(np.concatenate([self.windows.window(number), np.array(carried, np.int64)]))
        steps: list[list[np.ndarray]] = []
        rests: list[list[np.ndarray]] = []
        for mode in Mode:
            bins = self._pack(rows[self.modes[rows] == mode])
            filled, rest = fill_steps(bins, self.step_batches)
            order = rng.permutation(len(filled))
            steps += [[filled[at] for at in order[start : start + self.step_batches]] for start in range(0, len(order), self.step_batches)]
            rests.append(rest)
        shuffled = [batch for at in rng.permutation(len(steps)) for batch in steps[at]]
        left = [batch for rest in rests for batch in rest]
        if self.windows.num_windows is not None and number + 1 == self.windows.num_windows:
            return shuffled + left, ()
        return shuffled, tuple(int(row) for batch in left for row in batch)

    def _pack(self, rows: np.ndarray) -> list[np.ndarray]:
        """Rows of one mode in as few batches as best fit needs: large ones first by size, small ones as they come."""
        shares = self.shares[rows]
        small = shares * SMALL_RATIO < self.context_tokens
        order = np.argsort(np.where(small, 0, -shares), kind="stable")
        return [rows[order[bin_]] for bin_ in best_fit(shares[order].tolist(), self.context_tokens)]


def fill_steps(bins: list[np.ndarray], step_batches: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Batches whose number is a multiple of `step_batches`, the fullest split in two until it is, and a rest.

    There is a rest only where there are too few rows to split; then it has fewer than `step_batches` rows.
    """
    target = -(-len(bins) // step_batches) * step_batches
    if sum(len(rows) for rows in bins) < target:
        kept = len(bins) // step_batches * step_batches
        by_rows = sorted(bins, key=len, reverse=True)
        return by_rows[:kept], by_rows[kept:]
    heap = [(-len(rows), index) for index, rows in enumerate(bins)]
    found = list(bins)
    heapq.heapify(heap)
    while len(found) < target:
        _, index = heapq.heappop(heap)
        halves = found[index][::2], found[index][1::2]
        found[index] = halves[0]
        found.append(halves[1])
        heapq.heappush(heap, (-len(halves[0]), index))
        heapq.heappush(heap, (-len(halves[1]), len(found) - 1))
    return found, []
