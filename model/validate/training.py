"""Small training runs over some rows at once: each run is one batch a mode, gone over again and again.

The towers that read images and audio are left as they were drawn, and their features computed once: random towers tell media apart, and
the decoder has to learn what to make of them. The decoder is trained whole, without adapters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from model.batch import Batch, Example
from model.decoder import next_token_losses
from model.dpo import sequence_of
from model.examples import example_of
from model.initial import build_model, id_lists
from model.multimodal import Phi4MM
from model.optimise import freeze
from model.validate.settings import Settings
from model.vocabulary import Vocabulary
from schemas.records import Record

WARMUP_STEPS = 4
MAX_TOWER_CROPS = 16  # images that a tower is given at a time, counted in crops


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A batch with the features of its media. Shapes: features (placeholders, width) each, None without."""

    batch: Batch
    images: torch.Tensor | None
    audios: torch.Tensor | None


def probe_for(records: Sequence[Record], settings: Settings) -> Phi4MM:
    """A fresh model that knows the tokens of these rows."""
    vocabulary = Vocabulary.of(ids for record in records for ids in id_lists(record))
    return build_model(settings.config, vocabulary, settings.seed)


@torch.no_grad()
def prepare(model: Phi4MM, examples: Sequence[Example]) -> list[Prepared]:
    """The examples as one batch a mode, in the order of modes."""
    by_mode: dict[int, list[Example]] = {}
    for example in examples:
        by_mode.setdefault(int(example.mode), []).append(example)
    return [_prepared(model, Batch.join(by_mode[mode])) for mode in sorted(by_mode)]


def _prepared(model: Phi4MM, batch: Batch) -> Prepared:
    images = audios = None
    if batch.images:
        found, group, crops = [], [], 0
        for image in batch.images:
            group.append(image)
            crops += len(image.crops)
            if crops >= MAX_TOWER_CROPS:
                found.append(model.image_embed(group))
                group, crops = [], 0
        images = torch.cat([*found, model.image_embed(group)] if group else found)
    if batch.audios:
        audios = model.audio_embed(batch.audios, batch.mode.audio_projector, model.config.hf_compat)
    return Prepared(batch, images, audios)


def losses(model: Phi4MM, prepared: Prepared) -> tuple[torch.Tensor, torch.Tensor]:
    """Cross-entropy of the learned tokens, and their places. Shapes: (L,) and (L,)."""
    batch = prepared.batch
    embedded = model.place(batch.ids, prepared.images, prepared.audios)
    hidden = model.model(embedded, batch.position_ids, batch.lengths, None, model.config.hf_compat)
    return next_token_losses(hidden, model.rows(batch.labels), model.model.embed_tokens.weight)


def fit(model: Phi4MM, prepared: Sequence[Prepared], steps: int, settings: Settings, until: float = 0.0) -> list[float]:
    """Trains the decoder on the batches; gives the mean loss of a learned token before each step, of which the last may be below `until`.

    AdamW with gradients cut at norm 1, a rate that rises over four steps and falls to nothing in a straight line.
    """
    parameters = list(freeze(model, ("decoder",)).values())
    optimiser = torch.optim.AdamW(parameters, lr=settings.learning_rate, betas=(0.9, 0.95), weight_decay=0.0)
    model.train()
    history = []
    for step in range(steps):
        rate = settings.learning_rate * min((step + 1) / WARMUP_STEPS, 1.0) * (1 - step / steps)
        for group in optimiser.param_groups:
            group["lr"] = rate
        optimiser.zero_grad(set_to_none=True)
        total, count = 0.0, 0
        for one in prepared:
            each, _ = losses(model, one)
            each.sum().backward()
            total, count = total + float(each.detach().sum()), count + len(each)
        for parameter in parameters:
            if parameter.grad is not None:
                parameter.grad /= max(count, 1)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        history.append(total / max(count, 1))
        if history[-1] < until:
            break
    return history


@torch.no_grad()
def losses_by_key(model: Phi4MM, prepared: Sequence[Prepared]) -> dict[str, float]:
    """Mean loss of a learned token of every row."""
    sums: dict[str, float] = {}
    counts: dict[str, int] = {}
    for one in prepared:
        each, index = losses(model, one)
        for loss, owner in zip(each.tolist(), sequence_of(index, one.batch.lengths).tolist(), strict=True):
            key = one.batch.keys[owner]
            sums[key], counts[key] = sums.get(key, 0.0) + loss, counts.get(key, 0) + 1
    return {key: sums[key] / counts[key] for key in sums}


def mean_loss(model: Phi4MM, prepared: Sequence[Prepared]) -> float:
    """Mean loss of a learned token."""
    with torch.no_grad():
        found = [losses(model, one)[0] for one in prepared]
    return float(torch.cat(found).mean())


def unigram_entropy(prepared: Sequence[Prepared]) -> float:
    """Entropy of the learned tokens without their context, in nats: what a model reaches that knows only how often each occurs."""
    labels = torch.cat([one.batch.labels[one.batch.labels >= 0] for one in prepared])
    _, counts = np.unique(labels.numpy(), return_counts=True)
    shares = counts / counts.sum()
    return float(-(shares * np.log(shares)).sum())


def within_tokens(records: Sequence[Record], max_tokens: int, least: int = 2) -> list[Record]:
    """The first records that fit `max_tokens` together; up to three times as many tokens where `least` records take them.

    Rows longer than half of `max_tokens` are passed over where there are enough others; else the shortest come first. One in any case.
    """
    short = [record for record in records if num_tokens(record) <= max_tokens / 2]
    chosen: list[Record] = []
    total = 0
    for record in short if len(short) >= least else sorted(records, key=num_tokens):
        total += num_tokens(record)
        if chosen and total > (max_tokens if len(chosen) >= least else 3 * max_tokens):
            break
        chosen.append(record)
    return chosen


def num_tokens(record: Record) -> int:
    """All tokens of a row's sequences, from the facts that the contract counted."""
    names = ("contract.num_text_tokens", "contract.num_image_tokens", "contract.num_audio_tokens")
    return sum(int(record.facts[name]) for name in names)


def examples_of(records: Sequence[Record]) -> list[Example]:
    return [example_of(record) for record in records]
