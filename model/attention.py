"""Causal attention within each sequence of a flat batch: no token sees another sequence, and none is padded to the longest one.

Sequences of near lengths are computed together, padded on the right: a causal query never looks to the right, so no mask is needed
and the fast kernels apply. Legend of shapes: N tokens, S sequences, G sequences of a group, L their longest, H heads, K key-value
heads, D head size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import scaled_dot_product_attention

CALL_COST = 128 * 128  # of one more call, in pairs of positions; measured on one CPU core, the order of magnitude matters


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """`num` sequences at tokens start:stop, as rows of `longest`; slots (stop - start,) are their places there, None when all are full."""

    start: int
    stop: int
    num: int
    longest: int
    slots: torch.Tensor | None


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """How the sequences of a batch are computed: ordered by length and grouped. Shapes: order and back (N,), None where nothing moves."""

    groups: tuple[Group, ...]
    order: torch.Tensor | None
    back: torch.Tensor | None


def group_sizes(lengths: list[int]) -> list[int]:
    """How many of the sequences, which fall in length, each group takes: the next joins while padding it costs less than a call."""
    sizes: list[int] = []
    longest = wasted = 0
    for length in lengths:
        padding = longest * longest - length * length
        if sizes and wasted + padding <= CALL_COST:
            sizes[-1] += 1
            wasted += padding
        else:
            sizes.append(1)
            longest, wasted = length, 0
    return sizes


def layout(lengths: tuple[int, ...], device: torch.device | str) -> Layout:
    """The layout of a batch, from its lengths alone."""
    sizes = np.array(lengths, np.int64)
    by_length = np.argsort(-sizes, kind="stable")
    starts = np.cumsum(sizes) - sizes
    groups, at, stop = [], 0, 0
    for num in group_sizes(sizes[by_length].tolist()):
        members = sizes[by_length[at : at + num]]
        start, stop, at = stop, stop + int(members.sum()), at + num
        longest = int(members[0])
        slots = np.concatenate([row * longest + np.arange(size) for row, size in enumerate(members)])
        is_full = int(members[-1]) == longest
        groups.append(Group(start, stop, num, longest, None if is_full else torch.from_numpy(slots).to(device)))
    if (by_length == np.arange(len(sizes))).all():
        return Layout(tuple(groups), None, None)
    order = np.concatenate([starts[index] + np.arange(sizes[index]) for index in by_length])
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    return Layout(tuple(groups), torch.from_numpy(order).to(device), torch.from_numpy(back).to(device))


def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, groups: tuple[Group, ...]) -> torch.Tensor:
    """Softmax(q k / sqrt(D)) v within each sequence. Shapes: q (N, H, D), k and v (N, K, D) to (N, H, D), in the layout's order."""
    sizes = [group.stop - group.start for group in groups]  # split, not slices: its backward is one concatenation
    parts = zip(groups, q.split(sizes), k.split(sizes), v.split(sizes), strict=True)
    found = [_attend_group(*part) for part in parts]
    return found[0] if len(found) == 1 else torch.cat(found)


def _attend_group(group: Group, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    if group.longest == 1:  # one key: its value, for every query head
        return v.repeat_interleave(q.shape[1] // v.shape[1], dim=1)
    rows = [_to_rows(x, group).transpose(1, 2) for x in (q, k, v)]  # (G, H or K, L, D)
    found = scaled_dot_product_attention(rows[0], rows[1], rows[2], is_causal=True, enable_gqa=True).transpose(1, 2)
    return _from_rows(found, group)


def _to_rows(x: torch.Tensor, group: Group) -> torch.Tensor:
    """Shapes: (n, H, D) to (G, L, H, D)."""
    if group.slots is not None:
        x = x.new_zeros(group.num * group.longest, *x.shape[1:]).index_copy(0, group.slots, x)
    return x.view(group.num, group.longest, *x.shape[1:])


def _from_rows(rows: torch.Tensor, group: Group) -> torch.Tensor:
    """Shapes: (G, L, H, D) to (n, H, D)."""
    flat = rows.reshape(group.num * group.longest, *rows.shape[2:])
    return flat if group.slots is None else flat.index_select(0, group.slots)
