"""The longest row, and a pack of 65,536 tokens of the corpus's own rows, forward and backward."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from model.batch import Batch
from model.examples import example_of
from model.optimise import freeze
from model.validate.gradients import example_mode
from model.validate.report import Check, failed, passed
from model.validate.settings import Settings
from model.validate.training import Prepared, losses, num_tokens, prepare, probe_for
from processors import tokens
from schemas.records import Record


def check_longest(longest: Record, records: Sequence[Record], settings: Settings) -> list[Check]:
    """Both passes. The pack takes rows of one mode, the one with most of them, again from the first where they are too few."""
    model = probe_for([longest, *records], settings)
    freeze(model, ("decoder",))
    batch = Batch.join([example_of(longest)])
    each = model.losses(batch).each
    each.sum().backward()
    checks = [_outcome("longest_row", f"the longest row, {len(batch.ids)} tokens", each, len(batch.ids), 1)]
    modes = [example_mode(record) for record in records]
    mode = max(sorted(set(modes)), key=modes.count)
    rows = [record for record, own in zip(records, modes, strict=True) if own == mode and num_tokens(record) <= settings.pack_tokens]
    if not rows:
        return [*checks, failed("pack", f"no row of mode {mode.name.lower()} fits {settings.pack_tokens} tokens")]
    prepared = prepare(model, [example_of(record) for record in rows])[0]
    pack = fill(prepared, settings.pack_tokens)
    each, _ = losses(model, pack)
    each.sum().backward()
    told = f"a pack of {len(pack.batch.ids)} tokens in {len(pack.batch.lengths)} sequences"
    return [*checks, _outcome("pack", told, each, len(pack.batch.ids), len(pack.batch.lengths))]


def fill(prepared: Prepared, wanted: int) -> Prepared:
    """The batch's sequences, again and again, up to exactly `wanted` tokens where text allows: the last sequence is cut if it has no media."""
    batch = prepared.batch
    starts = [0]
    for length in batch.lengths:
        starts.append(starts[-1] + length)
    pieces: list[slice] = []
    room, at = wanted, 0
    while room > 0 and len(pieces) < wanted:
        number = at % len(batch.lengths)
        length = batch.lengths[number]
        if length > room:
            if batch.images or batch.audios:
                break
            length = room
        pieces.append(slice(starts[number], starts[number] + length))
        room, at = room - length, at + 1
    turns = -(-at // len(batch.lengths))
    ids = torch.cat([batch.ids[piece] for piece in pieces])
    images = _repeated(prepared.images, turns, int((ids == tokens.IMAGE).sum()))
    audios = _repeated(prepared.audios, turns, int((ids == tokens.AUDIO).sum()))
    filled = Batch(
        ids=ids,
        labels=torch.cat([batch.labels[piece] for piece in pieces]),
        position_ids=torch.cat([batch.position_ids[piece] for piece in pieces]),
        lengths=tuple(piece.stop - piece.start for piece in pieces),
        images=batch.images,
        audios=batch.audios,
        mode=batch.mode,
        keys=tuple(batch.keys[number % len(batch.keys)] for number in range(len(pieces))),
    )
    return Prepared(filled, images, audios)


def _repeated(features: torch.Tensor | None, times: int, num: int) -> torch.Tensor | None:
    """The features of the first `num` placeholders, of so many rounds."""
    return None if features is None else torch.cat([features] * times)[:num]


def _outcome(name: str, told: str, each: torch.Tensor, num: int, num_sequences: int) -> Check:
    figures = {"num_tokens": num, "num_sequences": num_sequences, "mean_loss": float(each.detach().mean()) if len(each) else 0.0}
    if not len(each) or not bool(torch.isfinite(each).all()):
        return failed(name, f"{told}: its loss is not finite", **figures)
    return passed(name, f"{told}, ran forward and backward", **figures)
