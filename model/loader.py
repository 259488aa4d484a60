"""Batches of corpora without end, the same ones with any number of ranks and workers, which go on exactly where they stopped.

There is one global list of batches, planned from the lengths of rows alone; rank r of w takes batches r, r + w, ... of it. Worker
processes only read what the plan says, so they change the speed and nothing else.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, Self

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from model.batch import Batch, ImageInput, Mode
from model.examples import example_of
from model.mixture import Epochs, Mixture, Windows
from model.plan import Costs, Cursor, Limits, Plan
from model.rows import CorpusRows

STATE_FORMAT = 1
MIN_WINDOW_ROWS, MAX_WINDOW_ROWS = 16_384, 524_288
WINDOW_STEPS = 256  # of steps in a window; on average half a step a mode is filled by splitting batches


class StateError(ValueError):
    """A state that belongs to other data or another plan."""


class Loader:
    """Iterates `Batch`es of one mode each, packed to `context_tokens`; a loop that ends early goes on at the next one.

    corpora: directories of corpora with their weights: the shares of rows, or of tokens with `weigh_by="tokens"`.
    step_batches: so many batches one after another have one mode; give ranks times batches that are accumulated for a step.
    epochs: None for a mixture without end; a number to give every row so many times, whatever the weights. The last steps of the
        last epoch may be short; a loader that ended starts again when it is iterated again.
    max_crops, max_frames: what a batch may hold beside its tokens, for the sake of memory.
    num_workers, prefetch, start_method: processes that read and decode, batches that each has ready, and how they are started
        (None: as `torch.utils.data.DataLoader` does). A batch of n crops takes 2.4 MB n of shared memory.
    pin_memory: batches lie in page-locked memory, from which copies to an accelerator overlap with its work; without one, nothing.

    Raises:
        CorpusError: a directory that is no finished corpus.
        PlanError: a row that no batch can hold, or a corpus without token counts.
        ValueError: an option out of its range.
    """

    def __init__(
        self,
        corpora: Sequence[tuple[Path, float]],
        context_tokens: int,
        seed: int,
        rank: int = 0,
        world: int = 1,
        step_batches: int = 1,
        num_workers: int = 0,
        epochs: int | None = None,
        weigh_by: Literal["rows", "tokens"] = "rows",
        max_crops: int | None = None,
        max_frames: int | None = None,
        window_rows: int | None = None,
        prefetch: int = 2,
        pin_memory: bool = False,
        start_method: str | None = None,
    ) -> None:
        if not corpora or not 0 <= rank < world or step_batches < 1 or context_tokens < 1 or weigh_by not in ("rows", "tokens"):
            raise ValueError(
                f"{len(corpora)} corpora, rank {rank} of {world}, step_batches {step_batches}, context_tokens {context_tokens}, weigh_by "
                f"{weigh_by!r}; expected a corpus or more, 0 <= rank < world, 1 or more of the next two, and rows or tokens"
            )
        self.rank, self.world = rank, world
        self.num_workers, self.prefetch, self.start_method = num_workers, prefetch, start_method
        self.pin_memory = pin_memory and torch.accelerator.is_available()
        self.rows = [CorpusRows(path, only_training=True) for path, _ in corpora]
        by_corpus = [Costs.of(rows) for rows in self.rows]
        self.costs = Costs.join(by_corpus)
        self.reader = _Reader(self.rows)
        limits = Limits(context_tokens, max_crops, max_frames)
        limits.check(self.costs, self.reader.key_of)
        shares = limits.shares(self.costs)
        mean_share = max(float(shares.mean()), 1.0)
        window_rows = window_rows or _window_rows(len(shares), WINDOW_STEPS * step_batches * context_tokens / mean_share)
        weights = [
            weight / (float(costs.tokens.mean()) if weigh_by == "tokens" else 1)
            for (_, weight), costs in zip(corpora, by_corpus, strict=True)
        ]
        sizes = [len(rows) for rows in self.rows]
        windows: Windows = Mixture(sizes, weights, seed, window_rows) if epochs is None else Epochs(sizes, epochs, seed, window_rows)
        self.plan = Plan(windows, shares, self.costs.modes, context_tokens, step_batches, seed)
        self.fingerprint: dict[str, object] = {
            "format": STATE_FORMAT,
            "corpora": [[rows.name, rows.totals["content"]] for rows in self.rows],
            "epochs": epochs,
            "weights": [float(weight) for _, weight in corpora] if epochs is None else None,
            "weigh_by": weigh_by,
            "seed": seed,
            "context_tokens": context_tokens,
            "max_crops": max_crops,
            "max_frames": max_frames,
            "step_batches": step_batches,
            "window_rows": window_rows,
        }
        self._cursor = Cursor()
        self._ended = False

    def __iter__(self) -> Iterator[Batch]:
        if self._ended:
            self._cursor, self._ended = Cursor(), False
        after: deque[Cursor] = deque()
        for sent in self._read(self._own(after)):
            self._cursor = after.popleft()
            yield sent.batch() if isinstance(sent, _Sent) else sent
        self._cursor, self._ended = Cursor(self.plan.windows.num_windows or 0), True

    def state(self) -> dict[str, object]:
        """Where the next step starts, for JSON: the same on all ranks that have taken equally many batches."""
        return {"fingerprint": self.fingerprint, "cursor": {**asdict(self._cursor), "carried": list(self._cursor.carried)}}

    def restore(self, state: Mapping[str, object]) -> None:
        """Goes on from a state, of any rank of any number of ranks.

        Raises:
            StateError: a state of other corpora or options, with the first field that differs.
        """
        theirs, cursor = state["fingerprint"], state["cursor"]
        assert isinstance(theirs, Mapping) and isinstance(cursor, Mapping)
        for field, ours in self.fingerprint.items():
            if field not in theirs or theirs[field] != ours:
                raise StateError(
                    f"the state was saved with {field} = {theirs.get(field)!r}, this loader has {ours!r}; "
                    "go on with the same corpora and options, or start anew without the state"
                )
        self._cursor = Cursor(int(cursor["window"]), int(cursor["batch"]), tuple(int(row) for row in cursor["carried"]))
        self._ended = False

    def _own(self, after: deque[Cursor]) -> Iterator[np.ndarray]:
        """The rows of this rank's batches; the place after each round of all ranks is put aside for when its batch is given."""
        planned = self.plan.batches(self._cursor)
        while round_ := list(itertools.islice(planned, self.world)):
            if self.rank < len(round_):
                after.append(round_[-1][1])
                yield round_[self.rank][0]

    def _read(self, own: Iterator[np.ndarray]) -> Iterator[Batch | _Sent]:
        if self.num_workers == 0:
            for rows in own:
                batch = self.reader[rows]
                yield _Sent.of(batch).pin_memory() if self.pin_memory else batch
            return
        yield from DataLoader(
            _Sender(self.reader),
            sampler=own,  # type: ignore[arg-type]
            batch_size=None,
            num_workers=self.num_workers,
            prefetch_factor=self.prefetch,
            pin_memory=self.pin_memory,
            multiprocessing_context=self.start_method,
            generator=torch.Generator(),  # else the number of workers would move the global one
        )


def _window_rows(num_rows: int, wanted: float) -> int:
    return max(1, min(num_rows, max(MIN_WINDOW_ROWS, min(int(wanted), MAX_WINDOW_ROWS))))


class _Reader:
    """Reads the rows of a batch; rows are numbered over all corpora."""

    def __init__(self, corpora: list[CorpusRows]) -> None:
        self.corpora = corpora
        self.firsts = np.cumsum([0, *(len(rows) for rows in corpora)])

    def _place(self, row: int) -> tuple[CorpusRows, int]:
        corpus = int(np.searchsorted(self.firsts, row, side="right")) - 1
        return self.corpora[corpus], row - int(self.firsts[corpus])

    def key_of(self, row: int) -> str:
        corpus, place = self._place(row)
        return f"{corpus[place].key} of corpus {corpus.path}"

    def __getitem__(self, rows: np.ndarray) -> Batch:
        examples = []
        for row in rows:
            corpus, place = self._place(int(row))
            examples.append(example_of(corpus[place]))
        return Batch.join(examples)


class _Sender(Dataset):
    """What a worker runs: batches in the form in which they travel."""

    def __init__(self, reader: _Reader) -> None:
        self.reader = reader

    def __getitem__(self, rows: np.ndarray) -> _Sent:
        return _Sent.of(self.reader[rows])


@dataclass(frozen=True, slots=True, eq=False)
class _Sent:
    """A batch as it travels between processes: four tensors, however many images and clips, since each takes a file descriptor.

    Shapes: tokens (3, N) int64; crops (C, 3, 448, 448); masks (C, 32, 32); mel (T, 80).
    """

    tokens: torch.Tensor
    crops: torch.Tensor
    masks: torch.Tensor
    mel: torch.Tensor
    lengths: tuple[int, ...]
    grids: tuple[tuple[int, int], ...]
    frames: tuple[int, ...]
    mode: Mode
    keys: tuple[str, ...]

    @classmethod
    def of(cls, batch: Batch) -> Self:
        return cls(
            torch.stack([batch.ids, batch.labels, batch.position_ids]),
            torch.cat([image.crops for image in batch.images]) if batch.images else torch.empty(0),
            torch.cat([image.mask for image in batch.images]) if batch.images else torch.empty(0),
            torch.cat(batch.audios) if batch.audios else torch.empty(0),
            batch.lengths,
            tuple((image.columns, image.rows) for image in batch.images),
            tuple(len(clip) for clip in batch.audios),
            batch.mode,
            batch.keys,
        )

    def pin_memory(self) -> Self:
        """The same in page-locked memory; torch calls this in its pinning thread."""
        return replace(self, **{name: getattr(self, name).pin_memory() for name in ("tokens", "crops", "masks", "mel")})

    def batch(self) -> Batch:
        """The batch again; its tensors are views."""
        ids, labels, position_ids = self.tokens
        sizes = [1 + columns * rows for columns, rows in self.grids]
        crops, masks = (tensor.split(sizes) if sizes else () for tensor in (self.crops, self.masks))
        images = tuple(ImageInput(c, m, columns, rows) for c, m, (columns, rows) in zip(crops, masks, self.grids, strict=True))
        audios = tuple(self.mel.split(list(self.frames))) if self.frames else ()
        return Batch(ids, labels, position_ids, self.lengths, images, audios, self.mode, self.keys)
