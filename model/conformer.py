"""The conformer that reads log-Mel: normalisation, subsampling by 8 in time, and blocks of attention and causal convolution.

Legend of shapes: B windows, T frames, L tokens, D hidden size, H heads, C convolution channels. Modules have the names of the
official checkpoint. Pointwise convolutions are computed as linear layers, which need no transposition.
Source: arXiv 2503.01743, section 2.1.2, and the released code of Phi-4-multimodal-instruct; Gulati et al., arXiv 2005.08100.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Self

import torch
from torch import nn
from torch.nn import functional as F

from model.config import AudioConfig
from schemas.parts import NUM_MEL_BANDS

KERNEL = 3
NUM_STAGES = 3  # of stride 2: 8 frames a token
BANDS_AFTER = NUM_MEL_BANDS // 2**NUM_STAGES


class MeanVarianceNorm(nn.Module):
    """(mel - mean) * inverse deviation of each band, in float32 also in a model of bfloat16: one step of bfloat16 at a usual
    log-Mel value of 13 is 0.06.
    """

    global_mean: torch.Tensor
    global_invstd: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("global_mean", torch.zeros(NUM_MEL_BANDS))
        self.register_buffer("global_invstd", torch.ones(NUM_MEL_BANDS))

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> Self:
        """As of every module, but `.to(torch.bfloat16)` leaves the statistics in float32."""
        before = dict(self._buffers)
        super()._apply(fn, recurse)
        for name, old in before.items():
            new = self._buffers[name]
            if old is not None and new is not None and new.dtype != torch.float32:
                self._buffers[name] = old.to(new.device, torch.float32)
        return self

    def forward(self, mel_BTM: torch.Tensor) -> torch.Tensor:
        return (mel_BTM.float() - self.global_mean) * self.global_invstd


class Subsampler(nn.Module):
    """Three stages of stride 2 over time and bands: T frames give ceil(T / 8) tokens. Not causal."""

    def __init__(self, config: AudioConfig) -> None:
        super().__init__()
        channels = config.conv_channels
        stages: list[nn.Module] = [nn.Conv2d(1, channels, KERNEL, 2, 1), nn.ReLU(inplace=True)]
        for _ in range(NUM_STAGES - 1):
            depthwise, pointwise = nn.Conv2d(channels, channels, KERNEL, 2, 1, groups=channels), nn.Conv2d(channels, channels, 1)
            stages += [depthwise, pointwise, nn.ReLU(inplace=True)]
        self.conv = nn.Sequential(*stages)
        self.out = nn.Linear(channels * BANDS_AFTER, config.hidden_size)

    def forward(self, mel_BTM: torch.Tensor, real: Sequence[tuple[int, int]]) -> torch.Tensor:
        """Tokens of normalised frames; what lies outside of a window's `real` frames (from, to) is zero to every stage, as the padding
        of the convolutions is, hence invisible. Shapes: (B, T, 80) to (B, ceil(T / 8), D).
        """
        hidden = _zero_outside(mel_BTM.clone().unsqueeze(1), real)
        for layer in self.conv:
            if isinstance(layer, nn.Conv2d):
                hidden = _convolve(layer, hidden)
            else:  # the ReLU that ends a stage, through which zeros stay zeros
                real = [(start // 2, -(-stop // 2)) for start, stop in real]
                hidden = layer(_zero_outside(hidden, real))
        return self.out(hidden.transpose(1, 2).flatten(2))  # channel-major


def _convolve(conv: nn.Conv2d, hidden_BCTF: torch.Tensor) -> torch.Tensor:
    """The convolution with channels innermost in memory, twice as fast on a CPU; the parameter itself keeps its usual layout."""
    weight = conv.weight.to(memory_format=torch.channels_last)  # `contiguous` leaves a weight of one input channel as it is
    return F.conv2d(hidden_BCTF, weight, conv.bias, conv.stride, conv.padding, groups=conv.groups)


def _zero_outside(hidden_BCTF: torch.Tensor, real: Sequence[tuple[int, int]]) -> torch.Tensor:
    """Zeros in place outside of the real part of each window."""
    num = hidden_BCTF.shape[2]
    if all(start <= 0 and stop >= num for start, stop in real):
        return hidden_BCTF
    bounds = torch.tensor(real, device=hidden_BCTF.device)
    place = torch.arange(num, device=hidden_BCTF.device)
    outside = (place < bounds[:, :1]) | (place >= bounds[:, 1:])
    return hidden_BCTF.masked_fill_(outside[:, None, :, None], 0.0)


class RelativeBias(nn.Module):
    """One number a head for each distance from query to key, added to the scores of every block."""

    def __init__(self, config: AudioConfig) -> None:
        super().__init__()
        self.max_distance = config.bias_max_distance
        self.bias_values = nn.Embedding(2 * config.bias_max_distance, config.num_heads)

    def forward(self, num_tokens: int) -> torch.Tensor:
        """Row `clip(key - query, -max, max - 1) + max` of the table for each pair. Shapes: (H, L, L), queries first."""
        steps = torch.arange(1 - num_tokens, num_tokens, device=self.bias_values.weight.device)
        rows = self.bias_values(steps.clamp(-self.max_distance, self.max_distance - 1) + self.max_distance)
        return rows.unfold(0, num_tokens, 1).flip(0).transpose(0, 1)  # the row of query q starts at distance -q


class SwishGluLinear(nn.Module):
    """A linear layer whose first half is the value and whose second half is the gate: the order opposite to the decoder's."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, 2 * inner)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        value, gate = self.linear(hidden).chunk(2, -1)
        return value * F.silu(gate)


class FeedForward(nn.Module):
    def __init__(self, config: AudioConfig) -> None:
        super().__init__()
        self.layer_norm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.net = nn.ModuleDict(
            {
                "0": SwishGluLinear(config.hidden_size, config.intermediate_size),
                "2": nn.Linear(config.intermediate_size, config.hidden_size),
            }
        )

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return self.net["2"](self.net["0"](self.layer_norm(hidden)))


class SelfAttention(nn.Module):
    """Full attention inside a window."""

    def __init__(self, config: AudioConfig) -> None:
        super().__init__()
        self.num_heads = config.num_heads
        width = config.hidden_size
        self.linear_q, self.linear_k, self.linear_v, self.linear_out = (nn.Linear(width, width) for _ in range(4))

    def forward(self, hidden_BLD: torch.Tensor, mask_BHLL: torch.Tensor) -> torch.Tensor:
        query, key, value = (
            linear(hidden_BLD).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for linear in (self.linear_q, self.linear_k, self.linear_v)
        )
        mixed = F.scaled_dot_product_attention(query, key, value, mask_BHLL.to(query.dtype))
        return self.linear_out(mixed.transpose(1, 2).flatten(2))


class PointwiseGlu(nn.Module):
    """(value + b1) * swish(gate + b2)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.ext_pw_conv_1d = nn.Conv1d(width, 2 * width, 1)
        self.b1 = nn.Parameter(torch.zeros(1, width, 1))
        self.b2 = nn.Parameter(torch.zeros(1, width, 1))

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        value, gate = _pointwise(self.ext_pw_conv_1d, hidden).chunk(2, -1)
        return (value + self.b1.flatten()) * F.silu(gate + self.b2.flatten())


class CausalDepthwise(nn.Module):
    """Each token with the two before it, then a pointwise convolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dw_conv = nn.Conv1d(width, width, KERNEL, groups=width)
        self.pw_conv = nn.Conv1d(width, width, 1)

    def forward(self, hidden_BLD: torch.Tensor) -> torch.Tensor:
        before = F.pad(hidden_BLD.transpose(1, 2), (KERNEL - 1, 0))
        return _pointwise(self.pw_conv, self.dw_conv(before).transpose(1, 2))


class ConvolutionModule(nn.Module):
    def __init__(self, config: AudioConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.layer_norm = nn.LayerNorm(width, config.layer_norm_eps)
        self.glu = PointwiseGlu(width)
        self.dw_sep_conv_1d = CausalDepthwise(width)
        self.ext_pw_conv_1d = nn.Conv1d(width, width, 1)

    def forward(self, hidden_BLD: torch.Tensor) -> torch.Tensor:
        hidden = self.dw_sep_conv_1d(self.glu(self.layer_norm(hidden_BLD)))
        return _pointwise(self.ext_pw_conv_1d, F.silu(hidden))


def _pointwise(conv: nn.Conv1d, hidden_BLD: torch.Tensor) -> torch.Tensor:
    return F.linear(hidden_BLD, conv.weight.squeeze(-1), conv.bias)


class ConformerBlock(nn.Module):
    """Half a feed-forward, attention, convolution, half a feed-forward, norm. Shapes: (B, L, D) to the same."""

    def __init__(self, config: AudioConfig) -> None:
        super().__init__()
        self.feed_forward_in = FeedForward(config)
        self.layer_norm_att = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.self_attn = SelfAttention(config)
        self.conv = ConvolutionModule(config)
        self.feed_forward_out = FeedForward(config)
        self.layer_norm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)

    def forward(self, hidden_BLD: torch.Tensor, mask_BHLL: torch.Tensor) -> torch.Tensor:
        hidden = hidden_BLD + 0.5 * self.feed_forward_in(hidden_BLD)
        hidden = hidden + self.self_attn(self.layer_norm_att(hidden), mask_BHLL)
        hidden = hidden + self.conv(hidden)
        hidden = hidden + 0.5 * self.feed_forward_out(hidden)
        return self.layer_norm(hidden)
