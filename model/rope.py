"""LongRoPE of Phi-4-Mini: two tables of frequencies, of which a sequence's length decides one, and a factor that is always there.

Source: arXiv 2402.13753 (LongRoPE) and the released configuration. A rotated share of each head turns; the rest passes as it is.
Legend of shapes: N tokens, S sequences, H heads, K key-value heads, D head size, R rotated part of a head.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch

from model.config import DecoderConfig, resample_factors


class Rotary(NamedTuple):
    """Cosines and sines, times the attention factor. Shapes: each (N, 1, R / 2)."""

    cos: torch.Tensor
    sin: torch.Tensor


def attention_factor(config: DecoderConfig) -> float:
    """What cosines and sines are multiplied by, for short sequences too: 1.19 for 4,096 tokens stretched to 131,072."""
    scale = config.context / config.original_context
    return 1.0 if scale <= 1 else math.sqrt(1 + math.log(scale) / math.log(config.original_context))


def inverse_frequencies(config: DecoderConfig, long: bool, device: torch.device | str = "cpu") -> torch.Tensor:
    """Angle by which each pair turns from one position to the next. Shapes: (R / 2,) float32.

    Raises:
        ValueError: the configuration has another number of factors than rotated pairs.
    """
    pairs = config.rotary_dim // 2
    given = config.long_factor if long else config.short_factor
    factors = given or (resample_factors(pairs) if long else (1.0,) * pairs)
    if config.rotary_dim % 2 or len(factors) != pairs:
        raise ValueError(
            f"{config.rotary_dim} of {config.head_dim} dimensions of a head rotate, which takes {config.rotary_dim / 2:g} "
            f"{'long' if long else 'short'} factors; the configuration has {len(factors)}"
        )
    exponents = torch.arange(0, config.rotary_dim, 2, dtype=torch.float32, device=device) / config.rotary_dim
    return 1.0 / (torch.tensor(factors, dtype=torch.float32, device=device) * config.rope_theta**exponents)


def rotary(
    config: DecoderConfig, position_ids: torch.Tensor, lengths: tuple[int, ...], dtype: torch.dtype, per_call: bool = False
) -> Rotary:
    """The rotation of every token; a sequence whose last position is beyond the original context takes the long factors.

    `per_call`: one choice for all sequences, as the released code makes it. Positions must not fall within a sequence.
    Shapes: position_ids (N,).
    """
    device = position_ids.device
    sizes = torch.tensor(lengths, device=device)
    is_long = position_ids[sizes.cumsum(0) - 1] + 1 > config.original_context  # (S,)
    if per_call:
        is_long = is_long.any().expand(len(lengths))
    by_token = is_long.repeat_interleave(sizes, output_size=len(position_ids)).unsqueeze(-1)  # (N, 1)
    frequencies = torch.where(by_token, inverse_frequencies(config, True, device), inverse_frequencies(config, False, device))
    angles = (position_ids.unsqueeze(-1).float() * frequencies).unsqueeze(1)  # (N, 1, R / 2), float32 whatever the model's type
    factor = attention_factor(config)
    return Rotary((angles.cos() * factor).to(dtype), (angles.sin() * factor).to(dtype))


def rotate(heads: torch.Tensor, turned: Rotary) -> torch.Tensor:
    """Heads with their first R dimensions rotated; pair i is (i, i + R / 2). Shapes: (N, H, D) to (N, H, D)."""
    cos, sin = turned.cos.to(heads.dtype), turned.sin.to(heads.dtype)  # under autocast heads are of a smaller type
    half = cos.shape[-1]
    first, second, passed = heads.split((half, half, heads.shape[-1] - 2 * half), dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin, passed), dim=-1)
