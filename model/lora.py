"""A linear layer with low-rank adapters inside, under the names that peft and the official checkpoint give its tensors.

Source: arXiv 2106.09685; ranks, scales and targets of arXiv 2503.01743, section 2.1.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from model.config import LoraConfig


class LoraLinear(nn.Module):
    """y = W x + (alpha / rank) B A dropout(x) for the active adapter, y = W x without one; no biases.

    B is zero at the start: a new adapter changes nothing.
    """

    def __init__(self, in_features: int, out_features: int, loras: Mapping[str, LoraConfig]) -> None:
        super().__init__()
        self.loras = dict(loras)
        self.base_layer = nn.Linear(in_features, out_features, bias=False)
        ups = {name: nn.Linear(lora.rank, out_features, bias=False) for name, lora in loras.items()}
        for up in ups.values():
            nn.init.zeros_(up.weight)
        self.lora_A = nn.ModuleDict({name: nn.Linear(in_features, lora.rank, bias=False) for name, lora in loras.items()})
        self.lora_B = nn.ModuleDict(ups)

    def forward(self, x: torch.Tensor, adapter: str | None, dropout_seed: int | None = None) -> torch.Tensor:
        """Shapes: (n, in_features) to (n, out_features). Without a seed nothing is dropped.

        Raises:
            KeyError: an adapter that the layer does not have.
        """
        if adapter is None:
            return self.base_layer(x)
        lora = self.lora(adapter)
        dropped = x if dropout_seed is None or not lora.dropout else drop(x, lora.dropout, dropout_seed)
        return self.base_layer(x) + self.lora_B[adapter](self.lora_A[adapter](dropped)) * lora.scale

    def lora(self, adapter: str) -> LoraConfig:
        if adapter not in self.loras:
            raise KeyError(f"no adapter {adapter!r} in this model; it has {', '.join(sorted(self.loras)) or 'none'}")
        return self.loras[adapter]

    def merged(self, adapter: str) -> torch.Tensor:
        """The weight that alone gives what base and adapter give together. Shapes: (out_features, in_features)."""
        scale, base = self.lora(adapter).scale, self.base_layer.weight
        down, up = self.lora_A.get_parameter(f"{adapter}.weight"), self.lora_B.get_parameter(f"{adapter}.weight")
        with torch.no_grad():
            return (base.float() + up.float() @ down.float() * scale).to(base.dtype)


def drop(x: torch.Tensor, probability: float, seed: int) -> torch.Tensor:
    """`x` with a share of its values zero and the others scaled up; the same ones for the same seed, also when recomputed."""
    generator = torch.Generator(x.device).manual_seed(seed)
    kept = torch.empty(x.shape, dtype=torch.float32, device=x.device).uniform_(generator=generator) >= probability
    return x * kept * (1 / (1 - probability))


def merge(module: nn.Module, adapter: str) -> dict[str, torch.Tensor]:
    """Merged weights of all adapted layers of a module by the names of their base weights; the module stays as it is."""
    return {f"{name}.base_layer.weight": layer.merged(adapter) for name, layer in module.named_modules() if isinstance(layer, LoraLinear)}
