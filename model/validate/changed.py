"""Rows with one thing changed, on purpose: answers or media of another row, no prompt. The facts that count tokens go with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import cycle

import numpy as np

from model.batch import Example, Sample
from schemas.identity import keyed_rng
from schemas.parts import Audio, Image, Part, Text
from schemas.records import Conversation, Record, Turn, turns_of


def with_answers_of(record: Conversation, other: Conversation) -> Conversation:
    """The learned turns say what those of another row say, in order, from the first again where there are fewer."""
    given = cycle([turn.parts for turn in other.turns if turn.learned])
    turns = tuple(replace(turn, parts=next(given)) if turn.learned else turn for turn in record.turns)
    return replace(record, turns=turns, facts={})


def with_media_of(record: Conversation, other: Conversation) -> Conversation:
    """Images and audio are those of another row, in order, from the first again where there are fewer."""
    given = {kind: cycle([part for part in _parts(other) if isinstance(part, kind)]) for kind in (Image, Audio)}

    def changed(part: Part) -> Part:
        return next(given[type(part)], part) if isinstance(part, (Image, Audio)) else part

    turns = tuple(replace(turn, parts=tuple(map(changed, turn.parts))) for turn in record.turns)
    return replace(record, turns=turns, facts={})


def only_media(record: Conversation) -> Conversation:
    """The media, then the first learned answer: nothing else tells one row from another."""
    media = tuple(part for part in _parts(record) if isinstance(part, (Image, Audio)))
    answer = next(turn for turn in record.turns if turn.learned)
    return replace(record, turns=(Turn("user", media), answer), facts={})


def answer_text(record: Record) -> str:
    return "\n".join(part.text for turn in turns_of(record) if turn.learned for part in turn.parts if isinstance(part, Text))


def _parts(record: Conversation) -> Sequence[Part]:
    return [part for turn in record.turns for part in turn.parts]


def in_random_order(example: Example, seed: int) -> Example:
    """The learned tokens of every sequence among themselves in a keyed random order; the rest stands."""
    sequences = []
    for number, sequence in enumerate(example.sequences):
        places = (sequence.labels >= 0).nonzero().squeeze(-1)
        order = keyed_rng(seed, "random order", f"{example.key} {number}").permutation(len(places))
        ids, labels = sequence.ids.clone(), sequence.labels.clone()
        ids[places] = sequence.ids[places[np.asarray(order)]]
        labels[places] = ids[places]
        sequences.append(Sample(ids, labels, sequence.images, sequence.audios))
    return Example(example.key, tuple(sequences))
