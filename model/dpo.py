"""Direct preference optimisation: the chosen answer becomes likelier than the rejected one, against a frozen reference.

Source: Rafailov et al. 2023 (https://arxiv.org/abs/2305.18290), equation 7; label smoothing as in Mitchell 2023, "A note on DPO with
noisy preferences"; the added likelihood of the chosen answer as in Pang et al. 2024 (https://arxiv.org/abs/2404.19733), equation 1.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch.nn import functional

from model.batch import Batch
from model.multimodal import ROUTED, Losses, Phi4MM
from model.parts import part_of


@dataclass(frozen=True, slots=True)
class DpoSettings:
    """`beta` scales the log-ratios; `label_smoothing` is the share of pairs believed to be the wrong way round; `nll_weight` adds the
    mean negative log-likelihood of the chosen answers' tokens.
    """

    beta: float = 0.1
    label_smoothing: float = 0.0
    nll_weight: float = 0.0

    def __post_init__(self) -> None:
        if self.beta <= 0 or not 0 <= self.label_smoothing < 0.5 or self.nll_weight < 0:
            raise ValueError(
                f"DPO with beta {self.beta}, label_smoothing {self.label_smoothing}, nll_weight {self.nll_weight}; expected beta > 0, "
                "a smoothing from 0 to below 0.5, a weight of at least 0"
            )


@dataclass(frozen=True, slots=True, eq=False)
class PairLosses:
    """Shapes: (P,) each, P pairs. `margin` is beta times the difference of log-ratios: positive where the model agrees with the pair."""

    loss: torch.Tensor
    margin: torch.Tensor
    chosen_reward: torch.Tensor
    rejected_reward: torch.Tensor
    chosen_tokens: torch.Tensor
    rejected_tokens: torch.Tensor

    @property
    def accuracy(self) -> float:
        """Share of pairs with a positive margin."""
        return float((self.margin > 0).double().mean())


def sequence_log_probs(losses: Losses, lengths: tuple[int, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    """Sums of the log-probabilities of the learned tokens of each sequence, and how many they are. Shapes: (S,) float32 and (S,)."""
    owner = sequence_of(losses.index, lengths)
    sums = torch.zeros(len(lengths), dtype=losses.each.dtype, device=losses.each.device).index_add(0, owner, -losses.each)
    return sums, torch.bincount(owner, minlength=len(lengths))


def sequence_of(index: torch.Tensor, lengths: tuple[int, ...]) -> torch.Tensor:
    """Which sequence of a batch each place belongs to. Shapes: (L,) to (L,)."""
    ends = torch.tensor(lengths, device=index.device).cumsum(0)
    return torch.searchsorted(ends, index, right=True)


def check_pairs(batch: Batch) -> None:
    """Raises ValueError unless the sequences are pairs of one row each, the chosen one first."""
    if len(batch.keys) % 2 or batch.keys[::2] != batch.keys[1::2]:
        raise ValueError(
            f"DPO takes batches of preferences, two sequences of one row each; this batch has {len(batch.keys)} sequences of rows "
            f"{', '.join(batch.keys[:4])}"
        )


def dpo_losses(
    policy: torch.Tensor, reference: torch.Tensor, num_tokens: torch.Tensor, settings: DpoSettings = DpoSettings()
) -> PairLosses:
    """The loss of each pair from sums of log-probabilities. Shapes: (2 P,) each, chosen and rejected in turn."""
    rewards = settings.beta * (policy - reference.detach())
    chosen, rejected = rewards[::2], rewards[1::2]
    margin = chosen - rejected
    smoothing = settings.label_smoothing
    loss = -(1 - smoothing) * functional.logsigmoid(margin) - smoothing * functional.logsigmoid(-margin)
    if settings.nll_weight:
        loss = loss - settings.nll_weight * policy[::2] / num_tokens[::2].clamp(min=1)
    return PairLosses(loss, margin.detach(), chosen.detach(), rejected.detach(), num_tokens[::2], num_tokens[1::2])


class Reference:
    """The model as it was when preference training began.

    Only what the stage trains is copied: the frozen parts are shared with the model being trained, so that a stage that trains an
    adapter costs the memory of that adapter once more, not of the whole model.
    """

    def __init__(self, model: Phi4MM, trains: tuple[str, ...]) -> None:
        shared: dict[int, object] = {id(p): p for name, p in model.named_parameters() if part_of(name) not in trains}
        shared |= {id(b): b for b in model.buffers()}
        shared[id(model.vocabulary)] = model.vocabulary
        self.model: Phi4MM = copy.deepcopy(model, shared)
        self.model.eval()
        for name, parameter in self.model.named_parameters():
            if part_of(name) in trains:
                parameter.requires_grad_(False)
                parameter.grad = None

    @torch.no_grad()
    def log_probs(self, batch: Batch, adapter: str | None = ROUTED) -> torch.Tensor:
        """Sums of log-probabilities of each sequence. Shapes: (S,)."""
        return sequence_log_probs(self.model.losses(batch, adapter), batch.lengths)[0]

    def tensors(self, trains: tuple[str, ...]) -> dict[str, torch.Tensor]:
        """The weights that are its own."""
        return {name: p.detach() for name, p in self.model.named_parameters() if part_of(name) in trains}
