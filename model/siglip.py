"""The vision encoder: SigLIP-so400m at 448 px, whose learned positions stretch over the part of a crop that holds content.

Masked patches are never keys, and what they give is thrown away, but for one line of them when the number of valid rows or columns
is odd, because 2 x 2 patches are averaged to a token. So a crop is cut to the even rectangle that is used, crops of one size
run together without any mask, and the result is that of the whole masked crop.

Legend of shapes: G crops of one size, P patches of several such groups one after another, H and W patches of a cut crop, D width.
Source: arXiv 2503.01743, section 2.2; arXiv 2303.15343 (SigLIP); arXiv 2307.06304 (NaViT, fractional positions); the released code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import avg_pool2d, gelu, scaled_dot_product_attention

from model.config import VisionConfig
from processors.image.crops import PATCH, PATCHES


@dataclass(frozen=True, slots=True, order=True)
class CropSize:
    """How many rows and columns of patches of a crop hold content, from its top left corner; 1 to 32 of each."""

    valid_rows: int
    valid_columns: int

    @property
    def rows(self) -> int:
        """Rows that the encoder computes: the valid ones, and one masked row when their number is odd."""
        return self.valid_rows + self.valid_rows % 2

    @property
    def columns(self) -> int:
        return self.valid_columns + self.valid_columns % 2

    @property
    def num_patches(self) -> int:
        return self.rows * self.columns

    @property
    def num_tokens(self) -> int:
        return self.num_patches // 4


@dataclass(frozen=True, slots=True, eq=False)
class CropGroup:
    """Crops of one size. Shapes: each crop (3, 448, 448)."""

    size: CropSize
    crops: tuple[torch.Tensor, ...]

    @property
    def num_patches(self) -> int:
        return len(self.crops) * self.size.num_patches

    def pixels(self, dtype: torch.dtype) -> torch.Tensor:
        """What the encoder reads of them. Shapes: (G, 3, 14 H, 14 W)."""
        height, width = PATCH * self.size.rows, PATCH * self.size.columns
        return torch.stack([crop[:, :height, :width] for crop in self.crops]).to(dtype)


def position_ids(size: CropSize, device: torch.device | None = None) -> torch.Tensor:
    """The learned position of every computed patch: floor(32 r / n_rows) * 32 + floor(32 c / n_columns), masked patches 0.

    Shapes: (H * W,) int64.
    """
    row, column = torch.arange(size.rows, device=device), torch.arange(size.columns, device=device)
    places = (PATCHES * row // size.valid_rows)[:, None] * PATCHES + PATCHES * column // size.valid_columns
    valid = (row < size.valid_rows)[:, None] & (column < size.valid_columns)
    return torch.where(valid, places, 0).flatten()


class Embeddings(nn.Module):
    """Patches of pixels, each with its position."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.patch_embedding = nn.Conv2d(3, config.hidden_size, PATCH, PATCH)
        self.position_embedding = nn.Embedding(PATCHES * PATCHES, config.hidden_size)

    def forward(self, group: CropGroup) -> torch.Tensor:
        """Shapes: (G * H * W, D)."""
        weight = self.patch_embedding.weight
        patches = self.patch_embedding(group.pixels(weight.dtype)).flatten(2).transpose(1, 2)  # (G, H * W, D)
        return (patches + self.position_embedding(position_ids(group.size, weight.device))).flatten(0, 1)


class Attention(nn.Module):
    """Bidirectional attention inside each crop; keys and values of its valid patches only."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.num_heads = config.num_heads
        self.k_proj = nn.Linear(config.hidden_size, config.hidden_size)
        self.v_proj = nn.Linear(config.hidden_size, config.hidden_size)
        self.q_proj = nn.Linear(config.hidden_size, config.hidden_size)
        self.out_proj = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, x_PD: torch.Tensor, groups: Sequence[CropGroup]) -> torch.Tensor:
        """Shapes: (P, D) to (P, D)."""
        lengths = [group.num_patches for group in groups]
        parts = zip(groups, *(linear(x_PD).split(lengths) for linear in (self.q_proj, self.k_proj, self.v_proj)), strict=True)
        attended = [self._attend(group, query, key, value) for group, query, key, value in parts]
        return self.out_proj(torch.cat(attended))

    def _attend(self, group: CropGroup, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        """Shapes: each (G * H * W, D)."""
        num, size = len(group.crops), group.size
        query = query.view(num, size.num_patches, self.num_heads, -1).transpose(1, 2)
        key, value = (
            whole.view(num, size.rows, size.columns, self.num_heads, -1)[:, : size.valid_rows, : size.valid_columns]
            .flatten(1, 2)
            .transpose(1, 2)
            for whole in (key, value)
        )
        attended = scaled_dot_product_attention(query, key, value)  # (G, heads, H * W, D / heads)
        return attended.transpose(1, 2).reshape(num * size.num_patches, -1)


class Mlp(nn.Module):
    """Two linear layers with the tanh approximation of GELU between them (the projector behind the encoder has the exact one)."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.fc1 = nn.Linear(config.hidden_size, config.intermediate_size)
        self.fc2 = nn.Linear(config.intermediate_size, config.hidden_size)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc2(gelu(self.fc1(x), approximate="tanh"))


class Layer(nn.Module):
    """One pre-norm layer."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.layer_norm1 = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.self_attn = Attention(config)
        self.layer_norm2 = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.mlp = Mlp(config)

    def forward(self, x_PD: torch.Tensor, groups: Sequence[CropGroup]) -> torch.Tensor:
        x_PD = x_PD + self.self_attn(self.layer_norm1(x_PD), groups)
        return x_PD + self.mlp(self.layer_norm2(x_PD))


class Encoder(nn.Module):
    """The layers. The last one is in the checkpoint and never runs."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.num_layers))


class UnusedHead(nn.Module):
    """SigLIP's attention pooling: parameters of the checkpoint that influence nothing."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.probe = nn.Parameter(torch.zeros(1, 1, config.hidden_size))
        self.attention = nn.MultiheadAttention(config.hidden_size, config.num_heads, batch_first=True)
        self.layernorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.mlp = Mlp(config)


class VisionTower(nn.Module):
    """Features of crops: the output of the last layer but one, averaged over 2 x 2 patches."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.config = config
        self.embeddings = Embeddings(config)
        self.encoder = Encoder(config)
        self.post_layernorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)  # unused, as are the head and the last layer
        self.head = UnusedHead(config)

    def forward(self, groups: Sequence[CropGroup]) -> torch.Tensor:
        """Tokens of the groups one after another, crop by crop, row by row. Shapes: (P / 4, D)."""
        x_PD = torch.cat([self.embeddings(group) for group in groups])
        for layer in self.encoder.layers[:-1]:
            x_PD = layer(x_PD, groups)
        parts = x_PD.split([group.num_patches for group in groups])
        return torch.cat([_pool(part, group.size) for part, group in zip(parts, groups, strict=True)])

    @property
    def kept_bytes_per_patch(self) -> int:
        """What the backward pass needs of a patch: its pixels, and in each layer ten values of the width and two of the inner width.

        These are the inputs of both norms and of q, k, v; q, k and v; the output of attention, twice; the input of fc1; and before
        and after GELU.
        """
        config = self.config
        values = 10 * config.hidden_size + 2 * config.intermediate_size
        pixels = 3 * PATCH * PATCH
        return (pixels + (config.num_layers - 1) * values) * self.embeddings.patch_embedding.weight.element_size()

    @property
    def is_trained(self) -> bool:
        """Whether a parameter that influences the features is learned."""
        used = [self.embeddings, *self.encoder.layers[:-1]]
        return any(parameter.requires_grad for module in used for parameter in module.parameters())


def _pool(x_PD: torch.Tensor, size: CropSize) -> torch.Tensor:
    """The mean of each 2 x 2 patches. Shapes: (G * H * W, D) to (G * H / 2 * W / 2, D)."""
    planes = x_PD.view(-1, size.rows, size.columns, x_PD.shape[-1]).permute(0, 3, 1, 2)  # as avg_pool2d reads them, without a copy
    return avg_pool2d(planes, 2).permute(0, 2, 3, 1).flatten(0, 2)
