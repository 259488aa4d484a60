"""Text from prompts: greedy or sampled, with keys and values kept from token to token.

A sequence that grows beyond the original context changes its rotary frequencies, so all its keys are computed again, once.
Legend of shapes: S sequences, N tokens of all prompts, W hidden size, K key-value heads, D head size, C capacity of the cache.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import torch
from torch.nn.functional import scaled_dot_product_attention

from model.attention import attend, layout
from model.batch import Batch
from model.decoder import Decoder
from model.multimodal import ROUTED, Phi4MM
from model.rope import Rotary, rotary
from processors import tokens
from schemas.identity import child_key, keyed_rng

STOPS = frozenset((tokens.SPECIAL["<|end|>"], tokens.END_OF_TEXT))


def generate(
    model: Phi4MM,
    prompt: Batch,
    max_new_tokens: int,
    *,
    temperature: float = 0.0,
    top_p: float = 1.0,
    seed: int = 0,
    stops: Collection[int] = STOPS,
    adapter: str | None = ROUTED,
) -> list[int]:
    """The token ids that follow one prompt; see `generate_batch`.

    Raises:
        ValueError: the batch has several sequences.
    """
    if len(prompt.lengths) != 1:
        raise ValueError(f"this batch has {len(prompt.lengths)} sequences, generate takes one; use generate_batch")
    return generate_batch(model, prompt, max_new_tokens, temperature=temperature, top_p=top_p, seed=seed, stops=stops, adapter=adapter)[0]


@torch.no_grad()
def generate_batch(
    model: Phi4MM,
    prompts: Batch,
    max_new_tokens: int,
    *,
    temperature: float = 0.0,
    top_p: float = 1.0,
    seed: int = 0,
    stops: Collection[int] = STOPS,
    adapter: str | None = ROUTED,
) -> list[list[int]]:
    """The token ids that follow each prompt, without the one that stopped it; `max_new_tokens` ids mean that nothing did.

    Temperature 0 is greedy. Otherwise each token is drawn from the smallest set of likeliest tokens that holds `top_p` of the
    probability, by a generator of (seed, key of the prompt, how often the key came before): company in the batch changes nothing.
    Nothing is dropped, also in training mode. A stop that the model's vocabulary lacks never comes.

    Raises:
        ValueError: temperature below 0, top_p outside (0, 1], no room in the context, or placeholders without media.
    """
    if max_new_tokens < 0 or temperature < 0 or not 0 < top_p <= 1:
        raise ValueError(
            f"max_new_tokens {max_new_tokens}, temperature {temperature}, top_p {top_p}; expected at least 0, at least 0, and 0 < top_p <= 1"
        )
    longest = max(prompts.lengths) + max_new_tokens
    if longest > model.config.decoder.context:
        raise ValueError(
            f"a prompt of {max(prompts.lengths)} tokens and {max_new_tokens} new ones are {longest}, "
            f"the context is {model.config.decoder.context}; shorten one of them"
        )
    generators = _generators(prompts.keys, seed)
    active = prompts.mode.adapter if adapter == ROUTED else adapter
    answers: list[list[int]] = [[] for _ in prompts.lengths]
    run = _Run(model, prompts, active, longest)
    live = list(range(len(answers)))  # the sequence of each row of the run
    for _ in range(max_new_tokens):
        rows = _choose(model.logits(run.hidden), [generators[sequence] for sequence in live], temperature, top_p)
        ids = rows if model.vocabulary is None else model.vocabulary.ids[rows.cpu()]
        kept = [row for row, token in enumerate(ids.tolist()) if token not in stops]
        for row in kept:
            answers[live[row]].append(int(ids[row]))
        live = [live[row] for row in kept]
        if not live or len(answers[live[0]]) == max_new_tokens:
            break
        run.keep(kept)
        run.step(model.model.embed_tokens(rows[kept]))
    return answers


class _Run:
    """Sequences that grow: what was embedded so far, keys and values of it, and the hidden state of each last token (S, W)."""

    def __init__(self, model: Phi4MM, prompts: Batch, adapter: str | None, capacity: int) -> None:
        config = model.config.decoder
        self.decoder: Decoder = model.model
        self.adapter = adapter
        self.per_call = model.config.hf_compat.rope_per_call
        self.embedded = list(model.embed(prompts).split(prompts.lengths))
        shape = (config.num_layers, len(prompts.lengths), config.num_kv_heads, capacity, config.head_dim)
        self.keys, self.values = (
            torch.zeros(shape, dtype=self.embedded[0].dtype, device=prompts.ids.device) for _ in range(2)
        )  # not empty: a place that no row has filled yet weighs nothing, which makes NaN of a NaN that memory held
        self.is_long = self._needs_long()
        self.hidden = self._fill(list(range(len(prompts.lengths))))

    def keep(self, rows: Sequence[int]) -> None:
        """The other rows are finished."""
        if len(rows) < len(self.embedded):
            self.embedded = [self.embedded[row] for row in rows]
            self.is_long = [self.is_long[row] for row in rows]
            self.keys, self.values = self.keys[:, rows], self.values[:, rows]

    def step(self, embedded: torch.Tensor) -> None:
        """One more token in each row. Shapes: embedded (S, W)."""
        places = [len(before) for before in self.embedded]
        self.embedded = [torch.cat((before, row[None])) for before, row in zip(self.embedded, embedded, strict=True)]
        needed = self._needs_long()
        stale = [row for row, (has, needs) in enumerate(zip(self.is_long, needed, strict=True)) if has != needs]
        if stale:  # their keys turned by the other frequencies
            self._fill(stale)
            self.is_long = needed
        self.hidden = self._next(embedded, torch.tensor(places, device=embedded.device))

    def _needs_long(self) -> list[bool]:
        needs = [len(rows) > self.decoder.config.original_context for rows in self.embedded]
        return [any(needs)] * len(needs) if self.per_call else needs

    def _rotary(self, position_ids: torch.Tensor, lengths: tuple[int, ...]) -> Rotary:
        return rotary(self.decoder.config, position_ids, lengths, self.keys.dtype, self.per_call)

    def _fill(self, rows: Sequence[int]) -> torch.Tensor:
        """Keys and values of whole sequences into the cache; gives the hidden state of each last token. Shapes: (S, W)."""
        device = self.keys.device
        lengths = tuple(len(self.embedded[row]) for row in rows)
        position_ids = torch.cat([torch.arange(length, device=device) for length in lengths])
        row_ids = torch.tensor(list(rows), device=device).repeat_interleave(torch.tensor(lengths, device=device))
        x, turned, placed = torch.cat([self.embedded[row] for row in rows]), self._rotary(position_ids, lengths), layout(lengths, device)
        order = torch.arange(len(x), device=device) if placed.order is None else placed.order
        row_ids, position_ids = row_ids[order], position_ids[order]

        def attends(layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
            self.keys[layer][row_ids, :, position_ids] = k.to(self.keys.dtype)
            self.values[layer][row_ids, :, position_ids] = v.to(self.values.dtype)
            return attend(q, k, v, placed.groups)

        hidden = self.decoder.run(x[order], Rotary(turned.cos[order], turned.sin[order]), attends, self.adapter)
        last = torch.empty(len(x), dtype=torch.int64, device=device)
        last[order] = torch.arange(len(x), device=device)
        return hidden[last[torch.tensor(lengths, device=device).cumsum(0) - 1]]

    def _next(self, x: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """Hidden states of one new token in each row. Shapes: x (S, W), places (S,) to (S, W)."""
        rows = torch.arange(len(x), device=x.device)
        num_keys = max(len(before) for before in self.embedded)
        seen = torch.arange(num_keys, device=x.device) <= places[:, None]  # (S, keys)
        mask = None if len({len(before) for before in self.embedded}) == 1 else seen[:, None, None]

        def attends(layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
            keys, values = self.keys[layer], self.values[layer]  # (S, K, C, D)
            keys[rows, :, places] = k.to(keys.dtype)
            values[rows, :, places] = v.to(values.dtype)
            return scaled_dot_product_attention(
                q.unsqueeze(2), keys[:, :, :num_keys], values[:, :, :num_keys], attn_mask=mask, enable_gqa=True
            ).squeeze(2)

        return self.decoder.run(x, self._rotary(places, (1,) * len(x)), attends, self.adapter)


def _generators(keys: Sequence[str], seed: int) -> list[np.random.Generator]:
    seen: dict[str, int] = {}
    found = []
    for key in keys:
        found.append(keyed_rng(seed, "generate", child_key(key, seen.get(key, 0))))
        seen[key] = seen.get(key, 0) + 1
    return found


def _choose(logits: torch.Tensor, generators: Sequence[np.random.Generator], temperature: float, top_p: float) -> torch.Tensor:
    """Shapes: logits (S, V) to (S,) int64."""
    if temperature == 0:
        return logits.argmax(-1)
    chances, order = torch.softmax(logits.double() / temperature, dim=-1).sort(dim=-1, descending=True, stable=True)
    sums = chances.cumsum(-1).cpu().numpy()
    drawn = []
    for row, generator in zip(sums, generators, strict=True):
        num = int(np.searchsorted(row, min(top_p, row[-1]))) + 1  # the smallest set that holds top_p
        drawn.append(min(int(np.searchsorted(row, generator.random() * row[num - 1], side="right")), num - 1))
    return order.gather(-1, torch.tensor(drawn, device=logits.device)[:, None]).squeeze(-1)
