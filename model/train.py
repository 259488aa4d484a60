"""Training a stage: updates from batches, and a run on disk that goes on exactly where it was stopped.

An update is the same on one rank or several: each gives the sum of its batches' losses, gradients are summed over ranks and divided once
by the learned tokens (or pairs) of the whole step. Dropout is keyed by (seed, step, place of the batch in the step), so nothing of a
generator's state has to be kept.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch

from model.batch import Batch
from model.checkpoint import (
    FOLDER,
    MODEL,
    OPTIMISER,
    find_checkpoint,
    list_checkpoints,
    load_tensors,
    read_manifest,
    restore_weights,
    save_checkpoint,
)
from model.curve import write_curve
from model.decoder import Decoder
from model.dpo import DpoSettings, Reference, check_pairs, dpo_losses, sequence_log_probs, sequence_of
from model.initial import copy_audio_projector
from model.multimodal import Phi4MM
from model.optimise import (
    AdamW,
    Optimisation,
    freeze,
    rate_at,
    scale_and_clip,
)
from model.ranks import sum_gradients, sum_over_ranks, world
from model.stages import Stage
from model.vision import ImageEmbed
from schemas.identity import digest
from schemas.lock import Held, hold, lock_beside
from schemas.shard import write_if_absent, write_replacing

SETTINGS, METRICS, CURVE, SUMMARY = "settings.json", "metrics.jsonl", "curve.svg", "run.json"
DPO_SUMS = ("margin", "chosen_reward", "rejected_reward", "chosen_tokens", "rejected_tokens")


class NonFinite(ArithmeticError):
    """A loss or gradient that is not a number; the message names the rows."""


class RunError(ValueError):
    """A run that cannot start or go on; the message says why and what to do."""


class Batches(Protocol):
    """What gives batches and can be put back to a state: `model.loader.Loader`."""

    def __iter__(self) -> Iterator[Batch]: ...
    def state(self) -> dict[str, Any]: ...
    def restore(self, state: Mapping[str, Any]) -> None: ...


@dataclass(frozen=True, slots=True)
class StepMetrics:
    """One update. `loss` is the mean over the learned tokens, or over the pairs in DPO; `gradient_norm` before clipping.

    `dpo`: means over the pairs of the margin, of both rewards and both lengths in learned tokens, and the share with a positive margin.
    """

    step: int
    loss: float
    learned_tokens: int
    gradient_norm: float
    learning_rate: float
    dpo: dict[str, float] = field(default_factory=dict)

    def to_line(self) -> str:
        row = {name: value for name, value in asdict(self).items() if value != {}}
        return json.dumps(row, sort_keys=True) + "\n"


class Trainer:
    """Trains the parts of a stage in a model and freezes the others.

    On CUDA the forward pass runs in bfloat16 (autocast) over float32 weights; elsewhere in the weights' own type.

    Raises:
        ValueError: a model whose device or type is not one for all parameters.
    """

    def __init__(self, model: Phi4MM, stage: Stage, how: Optimisation, seed: int = 0, dpo: DpoSettings = DpoSettings()) -> None:
        self.model, self.stage, self.how, self.seed, self.dpo = model, stage, how, seed, dpo
        self.parameters = freeze(model, stage.trains)
        self.optimiser = AdamW(self.parameters, how)
        self.reference = Reference(model, stage.trains) if stage.loss == "dpo" else None
        self.device = next(model.parameters()).device
        self.num_steps = 0

    def update(self, batches: Sequence[Batch]) -> StepMetrics:
        """One update from this rank's batches of a step; they may be none where another rank has some.

        Raises:
            NonFinite: a loss or a gradient is not finite; the weights are as before.
            ValueError: a batch of a mode that the stage does not take, or a step without learned tokens.
        """
        self.model.train()
        self.optimiser.zero_grad()
        rank, ranks = world()
        totals = {"loss": 0.0, "learned": 0.0, "pairs": 0.0, "correct": 0.0, "faults": 0.0, **dict.fromkeys(DPO_SUMS, 0.0)}
        faults: list[str] = []
        for number, batch in enumerate(batches):
            place = rank + number * ranks
            loss, found = self._sum_of_losses(batch.to(self.device), place, faults)
            if loss.requires_grad and not faults:
                loss.backward()
            for name, value in found.items():
                totals[name] += value
        totals["faults"] = len(faults)
        totals = dict(zip(totals, sum_over_ranks(list(totals.values()), self.device), strict=True))
        if totals["faults"]:
            raise NonFinite(f"step {self.num_steps + 1}: the loss is not finite in {_rows(faults)}; {_WHAT_TO_DO}")
        divisor = totals["pairs"] if self.reference else totals["learned"]
        if not divisor:
            raise ValueError(
                f"step {self.num_steps + 1} of stage {self.stage.name} has nothing to learn: no token of its batches has a label"
            )
        return self._apply(batches, totals, divisor)

    def _apply(self, batches: Sequence[Batch], totals: Mapping[str, float], divisor: float) -> StepMetrics:
        trained = list(self.parameters.values())
        sum_gradients(trained, self.device)
        norm = scale_and_clip(trained, divisor, self.how.max_gradient_norm)
        if not math.isfinite(norm):
            self.optimiser.zero_grad()
            faults = self._rows_with_wild_gradients(batches)
            raise NonFinite(f"step {self.num_steps + 1}: the gradient is not finite, from {_rows(faults)}; {_WHAT_TO_DO}")
        rate = rate_at(self.num_steps, self.how)
        self.optimiser.step(rate)
        self.optimiser.zero_grad()
        self.num_steps += 1
        told = {}
        if self.reference:
            told = {name: totals[name] / divisor for name in DPO_SUMS} | {"accuracy": totals["correct"] / divisor}
        return StepMetrics(self.num_steps, totals["loss"] / divisor, round(totals["learned"]), norm, rate, told)

    def _sum_of_losses(self, batch: Batch, place: int, faults: list[str]) -> tuple[torch.Tensor, dict[str, float]]:
        """The sum that is differentiated, and what is counted; keys of rows whose loss is not finite join `faults`."""
        adapter = self.adapter_for(batch)
        with self._numbers(place):
            losses = self.model.losses(batch, adapter)
        wild = ~torch.isfinite(losses.each.detach())
        if bool(wild.any()):
            faults += sorted({batch.keys[at] for at in sequence_of(losses.index[wild], batch.lengths).tolist()})
        if self.reference is None:
            total = losses.each.sum()
            return total, {"loss": float(total.detach()), "learned": len(losses.each)}
        check_pairs(batch)
        with self._numbers(place):
            reference = self.reference.log_probs(batch, adapter)
        policy, num_tokens = sequence_log_probs(losses, batch.lengths)
        pairs = dpo_losses(policy, reference, num_tokens, self.dpo)
        if not faults and not bool(torch.isfinite(pairs.loss.detach()).all()):
            faults += batch.keys[::2]
        total = pairs.loss.sum()
        counted = {name: float(getattr(pairs, name).double().sum()) for name in DPO_SUMS}
        counted |= {"loss": float(total.detach()), "learned": len(losses.each), "pairs": len(pairs.loss)}
        return total, counted | {"correct": float((pairs.margin > 0).sum())}

    def adapter_for(self, batch: Batch) -> str | None:
        """The adapter that the stage gives a batch.

        Raises:
            ValueError: the stage does not take this mode.
        """
        if batch.mode not in self.stage.adapters:
            takes = ", ".join(mode.name for mode in self.stage.modes)
            raise ValueError(f"stage {self.stage.name} takes batches of mode {takes}; row {batch.keys[0]} has mode {batch.mode.name}")
        return self.stage.adapters[batch.mode]

    @contextlib.contextmanager
    def _numbers(self, place: int) -> Iterator[None]:
        """Random numbers of this batch, and the type of numbers on its device."""
        mixed = torch.autocast("cuda", torch.bfloat16) if self.device.type == "cuda" else contextlib.nullcontext()
        with torch.random.fork_rng(devices=[]), mixed:
            torch.default_generator.manual_seed(int(digest("dropout", str(self.seed), str(self.num_steps), str(place))[:15], 16))
            yield

    def _rows_with_wild_gradients(self, batches: Sequence[Batch]) -> list[str]:
        rank, ranks = world()
        found: list[str] = []
        for number, batch in enumerate(batches):
            self.optimiser.zero_grad()
            self._sum_of_losses(batch.to(self.device), rank + number * ranks, [])[0].backward()
            if any(p.grad is not None and not bool(torch.isfinite(p.grad).all()) for p in self.parameters.values()):
                found += dict.fromkeys(batch.keys)
        self.optimiser.zero_grad()
        return found

    def tensors(self) -> dict[str, torch.Tensor]:
        """The optimiser's state, by parameter."""
        return self.optimiser.tensors()

    def restore(self, folder: Path) -> None:
        """Puts back the weights, the optimiser's state and the step of a checkpoint; a reference stays the model it was made of."""
        restore_weights(self.model, folder)
        self.optimiser.restore(load_tensors(folder / OPTIMISER))
        self.num_steps = read_manifest(folder).step


_WHAT_TO_DO = "look at them with `corpusmill inspect CORPUS --key KEY`, verify the corpus, or lower the learning rate"


def _rows(keys: list[str]) -> str:
    if not keys:
        return "a row of another rank, which names it"
    return f"row{'s' if len(keys) > 1 else ''} {', '.join(keys[:8])}{f' and {len(keys) - 8} more' if len(keys) > 8 else ''}"


def recompute_activations(model: Phi4MM) -> None:
    """Trades time for memory: activations are computed again in the backward pass."""
    decoder: Decoder = model.model
    decoder.recompute = True
    model.audio_embed.encoder.checkpointing = True
    image_embed: ImageEmbed = model.image_embed
    image_embed.kept_bytes = 0


def prepare(model: Phi4MM, stage: Stage, trained: Iterable[str]) -> tuple[str, ...]:
    """What a stage does to a model before its first update; gives the parts that were ever trained, this stage's included.

    The audio projector of images with speech becomes a copy of the speech one where the stage asks for it and nothing trained it.
    """
    known = set(trained)
    if stage.copies_audio_projector and "audio_projector_vision" not in known and "audio_projector_speech" in known:
        copy_audio_projector(model)
        known.add("audio_projector_vision")
    return tuple(sorted(known | set(stage.trains)))


# ---- runs on disk


@dataclass(frozen=True, slots=True)
class Execution:
    """How a run is carried out; nothing here changes its numbers."""

    checkpoint_every: int = 100
    keep: int = 2
    recompute: bool = False


def start_run(folder: Path, settings: Mapping[str, Any]) -> None:
    """Writes what decides the run, or compares it with what the folder says already.

    Raises:
        RunError: the folder holds a run of other settings; the first field that differs is named.
    """
    text = json.dumps(settings, sort_keys=True, indent=2) + "\n"
    file = folder / SETTINGS
    if not file.is_file():
        if folder.is_dir() and any(folder.iterdir()):
            raise RunError(f"{folder} is not empty and holds no run (no {SETTINGS}); give a new folder")
        write_if_absent(file, text.encode())
        return
    old, new = json.loads(file.read_text()), json.loads(text)
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            raise RunError(
                f"{folder} holds a run with other settings: {name} was {old.get(name)!r}, is now {new.get(name)!r}; "
                "give another folder, the old settings, or --rebuild to start anew"
            )


def train(
    trainer: Trainer,
    batches: Batches,
    folder: Path,
    step_batches: int = 1,
    execution: Execution = Execution(),
    trained: tuple[str, ...] = (),
    on_step: Callable[[StepMetrics], None] = lambda metrics: None,
) -> list[StepMetrics]:
    """Trains up to the steps of the optimisation, or to the end of the batches; goes on from the newest checkpoint in `folder`.

    All ranks call it; the first one writes. `step_batches` batches of all ranks together make a step. `trained` are the parts that were
    ever trained (see `prepare`). The trainer holds the model that the run starts, or started, from. Killed anywhere and called again, it ends with the weights and metrics of a run that was never stopped.

    Raises:
        RunError: `step_batches` is no multiple of the number of ranks, or another process trains in `folder`.
    """
    rank, ranks = world()
    if step_batches % ranks:
        raise RunError(f"a step of {step_batches} batches cannot be shared evenly by {ranks} ranks; give a multiple of {ranks}")
    with contextlib.ExitStack() as stack:
        if rank == 0:
            try:
                stack.enter_context(hold(lock_beside(folder)))
            except Held:
                raise RunError(f"another process trains in {folder} (lock {lock_beside(folder)}); wait for it or stop it") from None
        return _train_alone(trainer, batches, folder, step_batches, execution, trained, on_step)


def _train_alone(
    trainer: Trainer,
    batches: Batches,
    folder: Path,
    step_batches: int,
    execution: Execution,
    trained: tuple[str, ...],
    on_step: Callable[[StepMetrics], None],
) -> list[StepMetrics]:
    """What `train` does, by the one process group that may."""
    rank, ranks = world()
    if execution.recompute:
        recompute_activations(trainer.model)
    checkpoints = list_checkpoints(folder)
    if checkpoints:
        trainer.restore(checkpoints[-1])
        batches.restore(read_manifest(checkpoints[-1]).loader)
    history = _read_metrics(folder, trainer.num_steps)
    if rank == 0:
        write_replacing(folder / METRICS, "".join(metrics.to_line() for metrics in history).encode())
    saved = trainer.num_steps if checkpoints else -1

    def save() -> int:
        if rank == 0:
            save_checkpoint(
                folder,
                trainer.model,
                trainer.tensors(),
                step=trainer.num_steps,
                stage=trainer.stage.name,
                seed=trainer.seed,
                trained=trained,
                loader=batches.state(),
                keep=execution.keep,
            )
        sum_over_ranks([0.0], trainer.device)  # none goes on before it is written
        return trainer.num_steps

    source = iter(batches)
    with _metrics_file(folder, rank) as sink:
        while trainer.num_steps < trainer.how.steps:
            own = list(itertools.islice(source, step_batches // ranks))
            if not sum_over_ranks([len(own)], trainer.device)[0]:
                break
            metrics = trainer.update(own)
            history.append(metrics)
            if sink is not None:
                sink.write(metrics.to_line())
                sink.flush()
            on_step(metrics)
            if trainer.num_steps % execution.checkpoint_every == 0:
                saved = save()
    if saved != trainer.num_steps:
        save()
    if rank == 0:
        _finish(folder, trainer.stage, history)
    return history


@contextlib.contextmanager
def _metrics_file(folder: Path, rank: int) -> Iterator[Any]:
    if rank:
        yield None
        return
    with open(folder / METRICS, "a", encoding="utf-8") as sink:
        yield sink


def _read_metrics(folder: Path, num_steps: int) -> list[StepMetrics]:
    """Metrics of the first `num_steps` steps; what a killed run wrote beyond its last checkpoint is left out."""
    file = folder / METRICS
    if not num_steps:
        return []
    lines = file.read_text().split("\n")[:num_steps]
    history = [StepMetrics(**json.loads(line)) for line in lines if line]
    if [metrics.step for metrics in history] != list(range(1, num_steps + 1)):
        raise RunError(f"{file} does not hold the {num_steps} steps of the newest checkpoint beside it; it was changed or removed")
    return history


def _finish(folder: Path, stage: Stage, history: list[StepMetrics]) -> None:
    """Draws the curve; the summary is written last, so that its presence means a whole run."""
    write_curve(folder / CURVE, [metrics.loss for metrics in history], f"stage {stage.name}", stage.loss.replace("_", "-"))
    checkpoint = find_checkpoint(folder)
    last = history[-max(1, len(history) // 10) :]
    summary = {
        "stage": stage.name,
        "steps": len(history),
        "learned_tokens": sum(metrics.learned_tokens for metrics in history),
        "first_loss": history[0].loss if history else None,
        "last_loss": sum(metrics.loss for metrics in last) / len(last) if last else None,  # mean over the last tenth
        "checkpoint": f"{FOLDER}/{checkpoint.name}",
        "weights_sha256": read_manifest(checkpoint).files[MODEL]["sha256"],
    }
    write_replacing(folder / SUMMARY, (json.dumps(summary, sort_keys=True, indent=2) + "\n").encode())
