"""One update of the weights: the rate at a step, AdamW over what a stage trains, and clipping.

Gradients are sums over the learned tokens of a step, divided once by how many there are: how the step's batches were cut over ranks
and calls cannot weigh a token differently.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from model.parts import part_of
from model.ranks import buckets_of
from model.stages import Stage, learning_rate_for


@dataclass(frozen=True, slots=True)
class Optimisation:
    """How weights move. The defaults are those of the official fine-tuning samples, except the stage's own rate and length.

    `decay_embeddings` false: matrices decay; norms, biases and embeddings do not.
    """

    learning_rate: float
    steps: int
    warmup_steps: int = 50
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    final_ratio: float = 0.0  # of the rate, at the end of the schedule
    betas: tuple[float, float] = (0.9, 0.95)
    eps: float = 1e-7
    weight_decay: float = 0.01
    decay_embeddings: bool = False
    max_gradient_norm: float = 1.0  # 0 leaves gradients as they are

    def __post_init__(self) -> None:
        if self.learning_rate <= 0 or self.steps < 1 or self.warmup_steps < 0 or not 0 <= self.final_ratio <= 1:
            raise ValueError(
                f"optimisation with learning_rate {self.learning_rate}, steps {self.steps}, warmup_steps {self.warmup_steps}, final_ratio "
                f"{self.final_ratio}; expected a positive rate, at least one step, no negative warm-up, a ratio from 0 to 1"
            )


def optimisation_for(stage: Stage, width: int, steps: int | None = None, learning_rate: float | None = None) -> Optimisation:
    """The stage's optimisation for a model of some width; a short run warms up over a tenth of its steps at most."""
    steps = stage.steps if steps is None else steps
    return Optimisation(
        learning_rate=learning_rate_for(stage, width) if learning_rate is None else learning_rate,
        steps=steps,
        warmup_steps=min(stage.warmup_steps, steps // 10),
        schedule=stage.schedule,
        weight_decay=stage.weight_decay,
    )


def rate_at(step: int, how: Optimisation) -> float:
    """The learning rate of step 0, 1, ...: rises over the warm-up, then falls along the schedule to `final_ratio` after the last step."""
    if step < how.warmup_steps:
        return how.learning_rate * (step + 1) / how.warmup_steps
    done = min((step - how.warmup_steps) / max(how.steps - how.warmup_steps, 1), 1.0)
    left = {"linear": 1 - done, "cosine": (1 + math.cos(math.pi * done)) / 2, "constant": 1.0}[how.schedule]
    return how.learning_rate * (how.final_ratio + (1 - how.final_ratio) * left)


def freeze(model: nn.Module, trains: Iterable[str]) -> dict[str, nn.Parameter]:
    """Only parameters of these parts need gradients from now on; gives them by name."""
    wanted = set(trains)
    found = {}
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(part_of(name) in wanted)
        parameter.grad = None
        if parameter.requires_grad:
            found[name] = parameter
    return found


def decays(name: str, parameter: torch.Tensor, how: Optimisation) -> bool:
    """Whether weight decay pulls a parameter to zero."""
    if name.endswith(("embed_tokens.weight", "position_embedding.weight", "bias_values.weight")):
        return how.decay_embeddings
    return sum(size > 1 for size in parameter.shape) > 1  # separators and the biases b1, b2 are vectors with axes of size 1


class AdamW:
    """Adam with decoupled weight decay over named parameters; one without a gradient is left alone, its moments too.

    Written here because the moments are then named tensors, which a checkpoint keeps without pickling, and because importing
    torch.optim takes as long as training a small stage. Moments are float32. Source: Loshchilov and Hutter 2017
    (https://arxiv.org/abs/1711.05101), algorithm 2, with the decay multiplied by the rate as in torch.
    """

    def __init__(self, parameters: Mapping[str, nn.Parameter], how: Optimisation) -> None:
        self.parameters, self.how = dict(parameters), how
        self.names = {id(p): name for name, p in self.parameters.items()}
        self.moments: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
        self.counts: dict[str, int] = {}

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Moves every parameter that has a gradient."""
        for bucket in buckets_of([p for p in self.parameters.values() if p.grad is not None]):
            names = [self.names[id(p)] for p in bucket]
            for name, p in zip(names, bucket, strict=True):
                if name not in self.moments:
                    self.moments[name] = (torch.zeros_like(p, dtype=torch.float32), torch.zeros_like(p, dtype=torch.float32))
                self.counts[name] = self.counts.get(name, 0) + 1
            self._move(names, list(bucket), rate)

    def _move(self, names: list[str], bucket: list[torch.Tensor], rate: float) -> None:
        how, (beta1, beta2) = self.how, self.how.betas
        means, squares = ([self.moments[name][kind] for name in names] for kind in (0, 1))
        gradients = [p.grad.float() for p in bucket if p.grad is not None]
        torch._foreach_lerp_(means, gradients, 1 - beta1)
        torch._foreach_mul_(squares, beta2)
        torch._foreach_addcmul_(squares, gradients, gradients, 1 - beta2)
        roots = torch._foreach_sqrt(squares)
        torch._foreach_div_(roots, [math.sqrt(1 - beta2 ** self.counts[name]) for name in names])
        torch._foreach_add_(roots, how.eps)
        shrunk = [1 - rate * how.weight_decay if decays(name, p, how) else 1.0 for name, p in zip(names, bucket, strict=True)]
        torch._foreach_mul_(bucket, shrunk)
        torch._foreach_div_(roots, [-rate / (1 - beta1 ** self.counts[name]) for name in names])
        torch._foreach_addcdiv_(bucket, means, roots)

    def zero_grad(self) -> None:
        """Drops all gradients."""
        for p in self.parameters.values():
            p.grad = None

    def tensors(self) -> dict[str, torch.Tensor]:
        """The state: `<parameter>|mean` and `|square` of its shape, `|count` (1,) int64."""
        found: dict[str, torch.Tensor] = {}
        for name, (mean, square) in self.moments.items():
            found |= {f"{name}|mean": mean, f"{name}|square": square, f"{name}|count": torch.tensor([self.counts[name]])}
        return found

    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        """Puts back what `tensors` gave.

        Raises:
            KeyError: state of a parameter that is not trained.
        """
        self.moments, self.counts = {}, {}
        for name in {full.rsplit("|", 1)[0] for full in state}:
            if name not in self.parameters:
                raise KeyError(f"the checkpoint has optimiser state of {name}, which this stage does not train")
            device = self.parameters[name].device
            self.moments[name] = (state[f"{name}|mean"].to(device), state[f"{name}|square"].to(device))
            self.counts[name] = int(state[f"{name}|count"])


@torch.no_grad()
def scale_and_clip(parameters: Sequence[nn.Parameter], divisor: float, max_norm: float) -> float:
    """Divides gradients, cuts their joint norm to `max_norm` (0: does not); gives the norm before the cut."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    if not gradients:
        return 0.0
    torch._foreach_mul_(gradients, 1.0 / divisor)
    norm = float(torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g.float()) for g in gradients])))
    if max_norm and math.isfinite(norm) and norm > max_norm:
        torch._foreach_mul_(gradients, max_norm / norm)
    return norm
