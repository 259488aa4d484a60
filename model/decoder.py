"""Phi-4-Mini: pre-norm layers of grouped-query attention and a gated MLP over sequences packed without padding.

Source: arXiv 2503.01743, section 2, and the released code. Legend of shapes: N tokens of a batch, W hidden size, H heads, K key-value
heads, D head size, V rows of the embedding, L learned tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from model.attention import attend, layout
from model.batch import NOT_LEARNED
from model.config import DecoderConfig, HfCompat, LoraConfig
from model.lora import LoraLinear
from model.rope import Rotary, rotary, rotate

# (layer, q (N, H, D), k (N, K, D), v (N, K, D)) to (N, H, D): where a key-value cache comes in between
Attend = Callable[[int, torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
Seeds = tuple[int, int, int, int] | tuple[None, None, None, None]  # of LoRA dropout, one a linear layer; None drops nothing
NO_DROPOUT: Seeds = (None, None, None, None)
LOGITS = 2**24  # scores of learned tokens at a time: 64 MiB in float32


class RMSNorm(nn.Module):
    """x / rms(x) in float32, then the weight in the model's own type."""

    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.rms_norm(x.float(), x.shape[-1:], None, self.eps).to(x.dtype) * self.weight


class SelfAttention(nn.Module):
    """Grouped-query attention: key-value head g serves query heads g * H / K onwards; qkv rows are all q, then k, then v."""

    def __init__(self, config: DecoderConfig, loras: Mapping[str, LoraConfig]) -> None:
        super().__init__()
        self.num_heads, self.num_kv_heads, self.head_dim = config.num_heads, config.num_kv_heads, config.head_dim
        width = self.head_dim * self.num_heads
        self.qkv_proj = LoraLinear(config.hidden_size, width + 2 * self.head_dim * self.num_kv_heads, loras)
        self.o_proj = LoraLinear(width, config.hidden_size, loras)

    def forward(self, x: torch.Tensor, turned: Rotary, attends: Attend, layer: int, adapter: str | None, seeds: Seeds) -> torch.Tensor:
        heads = self.qkv_proj(x, adapter, seeds[0]).unflatten(-1, (-1, self.head_dim))  # (N, H + 2 K, D)
        qk, v = heads.split((self.num_heads + self.num_kv_heads, self.num_kv_heads), dim=1)
        q, k = rotate(qk, turned).split((self.num_heads, self.num_kv_heads), dim=1)
        return self.o_proj(attends(layer, q, k, v).flatten(1), adapter, seeds[1])


class GatedMLP(nn.Module):
    """down(up * silu(gate)); the first half of gate_up_proj is the gate."""

    def __init__(self, config: DecoderConfig, loras: Mapping[str, LoraConfig]) -> None:
        super().__init__()
        self.gate_up_proj = LoraLinear(config.hidden_size, 2 * config.intermediate_size, loras)
        self.down_proj = LoraLinear(config.intermediate_size, config.hidden_size, loras)

    def forward(self, x: torch.Tensor, adapter: str | None, seeds: Seeds) -> torch.Tensor:
        gate, up = self.gate_up_proj(x, adapter, seeds[2]).chunk(2, dim=-1)
        return self.down_proj(up * functional.silu(gate), adapter, seeds[3])


class DecoderLayer(nn.Module):
    """x + attention(norm(x)), then x + MLP(norm(x))."""

    def __init__(self, config: DecoderConfig, loras: Mapping[str, LoraConfig]) -> None:
        super().__init__()
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.self_attn = SelfAttention(config, loras)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.mlp = GatedMLP(config, loras)

    def forward(self, x: torch.Tensor, turned: Rotary, attends: Attend, layer: int, adapter: str | None, seeds: Seeds) -> torch.Tensor:
        x = x + self.self_attn(self.input_layernorm(x), turned, attends, layer, adapter, seeds)
        return x + self.mlp(self.post_attention_layernorm(x), adapter, seeds)


class Decoder(nn.Module):
    """The language model without its head, which is the embedding.

    `recompute`: layers keep only their input for the backward pass and are computed again there (activation checkpointing).
    """

    def __init__(self, config: DecoderConfig, loras: Mapping[str, LoraConfig]) -> None:
        super().__init__()
        self.config = config
        self.recompute = False
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(DecoderLayer(config, loras) for _ in range(config.num_layers))
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(
        self,
        embedded: torch.Tensor,
        position_ids: torch.Tensor,
        lengths: tuple[int, ...],
        adapter: str | None,
        compat: HfCompat,
        dropout: torch.Generator | None = None,
    ) -> torch.Tensor:
        """Hidden states after the final norm. Shapes: embedded (N, W), position_ids (N,) to (N, W).

        `dropout`: a CPU generator that decides what LoRA dropout drops in training; torch's own one without it.

        Raises:
            ValueError: the lengths do not add up to N, or one is below 1.
            KeyError: an adapter that the model does not have.
        """
        if sum(lengths) != len(embedded) or len(position_ids) != len(embedded) or min(lengths, default=0) < 1:
            raise ValueError(
                f"{len(embedded)} embeddings and {len(position_ids)} positions were given for sequences of {lengths} tokens, "
                f"{sum(lengths)} in all; the three numbers must be one and each length at least 1"
            )
        turned = rotary(self.config, position_ids, lengths, embedded.dtype, compat.rope_per_call)
        placed = layout(lengths, embedded.device)
        if placed.order is not None:
            embedded = embedded.index_select(0, placed.order)
            turned = Rotary(*(part.index_select(0, placed.order) for part in turned))
        drops = self.training and adapter is not None
        seeds = [_dropout_seeds(dropout) if drops else NO_DROPOUT for _ in self.layers]
        hidden = self.run(embedded, turned, lambda _, q, k, v: attend(q, k, v, placed.groups), adapter, seeds)
        return hidden if placed.back is None else hidden.index_select(0, placed.back)

    def run(
        self, x: torch.Tensor, turned: Rotary, attends: Attend, adapter: str | None, seeds: Sequence[Seeds] | None = None
    ) -> torch.Tensor:
        """All layers and the final norm with some way to attend; without seeds nothing is dropped. Shapes: x (N, W) to (N, W)."""
        for number, layer in enumerate(self.layers):
            dropped = NO_DROPOUT if seeds is None else seeds[number]
            if self.recompute and torch.is_grad_enabled():  # the only randomness is seeded, so no state of a generator is kept
                x = checkpoint(layer, x, turned, attends, number, adapter, dropped, use_reentrant=False, preserve_rng_state=False)
            else:
                x = layer(x, turned, attends, number, adapter, dropped)
        return self.norm(x)


def _dropout_seeds(generator: torch.Generator | None) -> Seeds:
    first, second, third, fourth = torch.randint(2**62, (4,), generator=generator).tolist()
    return first, second, third, fourth


def next_token_losses(
    hidden: torch.Tensor, labels: torch.Tensor, weight: torch.Tensor, chunk: int | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cross-entropy of every learned label against the prediction one token before it, in float32.

    Logits exist for `chunk` learned tokens at a time, forward and backward, so memory does not grow with L times V; those of the first
    chunk are kept in between, which spares small batches the second computation.
    Shapes: hidden (N, W), labels (N,) rows of `weight` (V, W) or -100; gives each (L,) float32 and index (L,), the labels' places.

    Raises:
        ValueError: the first label is learned, or a label is no row of the weight.
    """
    index = (labels != NOT_LEARNED).nonzero().squeeze(-1)
    targets = labels[index]
    if len(index):
        if int(index[0]) == 0:
            raise ValueError(f"the first label is {int(labels[0])}, which nothing predicts; the first of a sequence must be {NOT_LEARNED}")
        if int(targets.min()) < 0 or int(targets.max()) >= len(weight):
            raise ValueError(
                f"labels go from {int(targets.min())} to {int(targets.max())}; expected {NOT_LEARNED} or 0 to {len(weight) - 1}"
            )
    rows = hidden.index_select(0, index - 1)
    if torch.is_autocast_enabled(rows.device.type):  # it would not reach the backward pass below
        dtype = torch.get_autocast_dtype(rows.device.type)
        rows, weight = rows.to(dtype), weight.to(dtype)
    return _ChunkedCrossEntropy.apply(rows, targets, weight, chunk or max(1, LOGITS // len(weight))), index


class _ChunkedCrossEntropy(torch.autograd.Function):
    """Losses of rows against targets; the scores of the first chunk are kept, the others computed again in the backward pass."""

    @staticmethod
    def forward(ctx: Any, rows: torch.Tensor, targets: torch.Tensor, weight: torch.Tensor, chunk: int) -> torch.Tensor:
        first = rows[:chunk] @ weight.T
        losses = [
            functional.cross_entropy((first if number == 0 else part @ weight.T).float(), target, reduction="none")
            for number, (part, target) in enumerate(zip(rows.split(chunk), targets.split(chunk), strict=True))
        ]
        ctx.save_for_backward(rows, targets, weight, first)
        ctx.chunk = chunk
        return torch.cat(losses)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, None, torch.Tensor | None, None]:
        rows, targets, weight, first = ctx.saved_tensors
        rows_grad = torch.empty_like(rows) if ctx.needs_input_grad[0] else None
        weight_grad = torch.zeros_like(weight, dtype=torch.float32) if ctx.needs_input_grad[2] else None
        for start in range(0, len(rows), ctx.chunk):
            part = slice(start, start + ctx.chunk)
            scores = torch.softmax((rows[part] @ weight.T if start else first).float(), dim=-1)
            scores[torch.arange(len(scores), device=scores.device), targets[part]] -= 1
            scores = scores.mul_(grad[part].unsqueeze(-1)).to(rows.dtype)
            if rows_grad is not None:
                rows_grad[part] = scores @ weight
            if weight_grad is not None:
                weight_grad += scores.T @ rows[part]
        return rows_grad, None, None if weight_grad is None else weight_grad.to(weight.dtype), None
