"""Several processes that train one model: who is who, and sums over all of them.

They are started by torchrun, which tells each its place in environment variables; without it there is one.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence

import torch
import torch.distributed as dist
from torch import nn

BUCKET_BYTES = 64 << 20  # gradients that ranks sum in one call


@contextlib.contextmanager
def ranks(device: str) -> Iterator[torch.device]:
    """Joins the processes that torchrun started, and gives this one's device; alone without torchrun.

    Raises:
        RuntimeError: the processes do not find one another.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield torch.device(device)
        return
    own = torch.device(device)
    if own.type == "cuda":
        own = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(own)
    dist.init_process_group("nccl" if own.type == "cuda" else "gloo")
    try:
        yield own
    finally:
        dist.destroy_process_group()


def world() -> tuple[int, int]:
    """Rank and number of ranks; 0 and 1 without torch.distributed."""
    return (dist.get_rank(), dist.get_world_size()) if dist.is_available() and dist.is_initialized() else (0, 1)


def sum_over_ranks(values: Sequence[float], device: torch.device) -> list[float]:
    """Each number summed over the ranks, in double precision."""
    if world()[1] == 1:
        return [float(value) for value in values]
    total = torch.tensor(values, dtype=torch.float64, device=device)
    dist.all_reduce(total)
    return total.tolist()


@torch.no_grad()
def sum_gradients(parameters: Sequence[nn.Parameter], device: torch.device) -> None:
    """Each gradient becomes the sum over the ranks; it stays None where no rank has one, so that the optimiser leaves it alone."""
    if world()[1] == 1:
        return
    present = torch.tensor([float(p.grad is not None) for p in parameters], device=device)
    dist.all_reduce(present)
    reached = [p for p, num in zip(parameters, present.tolist(), strict=True) if num]
    for bucket in buckets_of(reached):
        flat = torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).reshape(-1) for p in bucket])
        dist.all_reduce(flat)
        for p, part in zip(bucket, flat.split([p.numel() for p in bucket]), strict=True):
            p.grad = part.view_as(p).clone()


def buckets_of(parameters: Sequence[nn.Parameter]) -> list[list[nn.Parameter]]:
    """Parameters in order, in runs of one type and at most `BUCKET_BYTES` (a larger one is alone): what is worked on at a time."""
    found: list[list[nn.Parameter]] = []
    room = 0
    for parameter in parameters:
        size = parameter.numel() * parameter.element_size()
        if not found or size > room or found[-1][0].dtype != parameter.dtype:
            found.append([])
            room = BUCKET_BYTES
        found[-1].append(parameter)
        room -= size
    return found
