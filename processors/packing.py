"""Records of text become sequences of one length: tokens, labels, positions and segments, ready to train on.

Best-fit decreasing: pieces are placed from the longest to the shortest, each in the fullest sequence that still has room for
it. A document longer than a sequence is cut into whole sequences and a rest, so that nothing is truncated; a conversation is
never cut. Source: Ding et al. 2024, "Fewer Truncations Improve Language Modeling" (https://arxiv.org/abs/2404.10830), section 2;
they show that best-fit packing loses as little room as joining everything and cutting it, without its truncations.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from processors import tokens
from processors.contract import CONTRACT_FACTS, token_ids
from processors.licence import all_of
from schemas.facts import EVERY, Fact
from schemas.identity import digest
from schemas.outcome import Reason, Reject
from schemas.parts import Audio, Image
from schemas.records import Conversation, Document, Origin, PackedSequence, Piece, Record, turns_of

NOT_LEARNED = -100  # the label that losses leave out
NUM_PIECES = Fact("pack.num_pieces", int, "Pieces of records in the sequence")
NUM_PADDING = Fact("pack.num_padding_tokens", int, "Tokens at the end of the sequence that belong to no record")

HAS_MEDIA = Reason("has_media", "The record has images or audio, which a sequence of token ids cannot hold")
TOO_LONG = Reason("too_long", "The conversation has more tokens than a sequence, and is never cut")


def best_fit(lengths: Sequence[int], room: int) -> list[list[int]]:
    """Bins of indices whose lengths sum to at most `room`: from the first index to the last, each in the fullest bin that has room.

    Give lengths in decreasing order (best-fit decreasing). Cost: n log n comparisons.

    Raises: ValueError for a length outside 1..room.
    """
    bins: list[list[int]] = []
    left: list[tuple[int, int]] = []  # (room left, bin), sorted
    for index, length in enumerate(lengths):
        if not 1 <= length <= room:
            raise ValueError(f"length {length} at {index} does not fit, expected 1 to {room}")
        at = bisect.bisect_left(left, (length, -1))
        if at == len(left):
            free, number = room, len(bins)
            bins.append([])
        else:
            free, number = left.pop(at)
        bins[number].append(index)
        if free > length:
            bisect.insort(left, (free - length, number))
    return bins


def encoded(record: Record) -> tuple[np.ndarray, np.ndarray]:
    """Ids and labels of a document or a conversation of text, its end included. Shapes: (n,) int32 each; the first label is -100."""
    if isinstance(record, Document):
        listed = tokens.encode(record.text)
        listed.append(tokens.END_OF_TEXT)
        ids = np.fromiter(listed, np.int32, len(listed))
        labels = ids  # a sequence copies them
    else:
        assert isinstance(record, Conversation)
        listed, learned = token_ids(record.turns)
        ids = np.fromiter(listed, np.int32, len(listed))
        labels = np.where(np.array(learned, bool), ids, NOT_LEARNED).astype(np.int32)
    return ids, labels


@dataclass(frozen=True, slots=True)
class PackSequences:
    """All records of a split -> packed sequences of `context_tokens`, in an order that depends on content alone."""

    context_tokens: int = 4_096
    takes: ClassVar = (Document, Conversation)
    gives: ClassVar = PackedSequence
    reads: ClassVar = ()
    writes: ClassVar = (*CONTRACT_FACTS, NUM_PIECES, NUM_PADDING)
    forgets: ClassVar = EVERY
    reasons: ClassVar = (HAS_MEDIA, TOO_LONG)
    version: ClassVar = 1

    def __post_init__(self) -> None:
        if self.context_tokens < 2:
            raise ValueError(f"context_tokens is {self.context_tokens}, expected 2 or more")

    def __call__(self, records: list[Record]) -> list[PackedSequence | Reject]:
        found: list[PackedSequence | Reject] = []
        pieces: list[_Cut] = []
        for record in records:
            if any(isinstance(part, (Image, Audio)) for turn in turns_of(record) for part in turn.parts):
                found.append(Reject(record.key, HAS_MEDIA.name, "expected text alone; give its images or audio to the trainer as they are"))
                continue
            ids, labels = encoded(record)
            if len(ids) > self.context_tokens and not isinstance(record, Document):
                found.append(Reject(record.key, TOO_LONG.name, f"{len(ids)} tokens, a sequence holds {self.context_tokens}"))
                continue
            pieces += [
                _Cut(Piece(record.key, start, len(part)), part, labels[start : start + len(part)], record.origin)
                for start, part in _whole_and_rest(ids, self.context_tokens)
            ]
        pieces.sort(key=lambda cut: (-cut.piece.num_tokens, cut.piece.key, cut.piece.offset))
        bins = best_fit([cut.piece.num_tokens for cut in pieces], self.context_tokens)
        packed = [_pack([pieces[index] for index in indices], self.context_tokens) for indices in bins]
        return [*found, *sorted(packed, key=lambda sequence: sequence.key)]


@dataclass(frozen=True, slots=True, eq=False)
class _Cut:
    """A piece with its tokens. Shapes: ids and labels (num_tokens,) int32."""

    piece: Piece
    ids: np.ndarray
    labels: np.ndarray
    origin: Origin


def _whole_and_rest(ids: np.ndarray, size: int) -> Iterator[tuple[int, np.ndarray]]:
    for start in range(0, len(ids), size):
        yield start, ids[start : start + size]


def _pack(cuts: list[_Cut], size: int) -> PackedSequence:
    """One sequence; its pieces stand in the order of a digest, so that long ones are not always first."""
    cuts = sorted(cuts, key=lambda cut: digest(cut.piece.key, str(cut.piece.offset)))
    input_ids = np.full(size, tokens.END_OF_TEXT, np.int32)
    labels = np.full(size, NOT_LEARNED, np.int32)
    position_ids, segment_ids = np.zeros(size, np.int32), np.zeros(size, np.int32)
    count_up = np.arange(max(cut.piece.num_tokens for cut in cuts), dtype=np.int32)
    start = 0
    for number, cut in enumerate(cuts, 1):
        stop = start + cut.piece.num_tokens
        input_ids[start:stop], labels[start:stop], segment_ids[start:stop] = cut.ids, cut.labels, number
        labels[start] = NOT_LEARNED  # else the loss would predict it from the piece before
        position_ids[start:stop] = count_up[: stop - start]
        start = stop
    pieces = tuple(cut.piece for cut in cuts)
    key = digest("packed", *(f"{piece.key} {piece.offset}" for piece in pieces))
    origin = Origin("packed", "", all_of(cut.origin.licence for cut in cuts), f"{len(pieces)} pieces")
    counts = (start, 0, 0, start, int((labels >= 0).sum()))  # padding costs nothing
    facts = {fact.name: count for fact, count in zip(CONTRACT_FACTS, counts, strict=True)}
    facts |= {NUM_PIECES.name: len(pieces), NUM_PADDING.name: size - start}
    parents = tuple(dict.fromkeys(piece.key for piece in pieces))
    return PackedSequence(key, origin, input_ids, labels, position_ids, segment_ids, pieces, facts, parents)


def check_packed(sequence: PackedSequence) -> list[str]:
    """What is wrong with a packed sequence: its arrays against its pieces. Empty when all is well."""
    size = len(sequence.input_ids)
    wanted_positions, wanted_segments = np.zeros(size, np.int32), np.zeros(size, np.int32)
    start, problems = 0, []
    starts = []
    for number, piece in enumerate(sequence.pieces, 1):
        stop = start + piece.num_tokens
        if piece.num_tokens < 1 or stop > size:
            return [f"piece {number} has {piece.num_tokens} tokens from {start} on, the sequence {size}"]
        wanted_positions[start:stop], wanted_segments[start:stop] = np.arange(piece.num_tokens), number
        starts.append(start)
        start = stop
    for name, wanted in (("position_ids", wanted_positions), ("segment_ids", wanted_segments)):
        if not np.array_equal(getattr(sequence, name), wanted):
            problems.append(f"{name} are not those of its pieces")
    labels = sequence.labels
    if len(labels) != size or (labels[starts] != NOT_LEARNED).any():
        problems.append("the first token of a piece is learned, from the piece before it")
    elif not ((labels == NOT_LEARNED) | (labels == sequence.input_ids)).all() or (labels[start:] != NOT_LEARNED).any():
        problems.append("a label is neither its token nor -100, or padding is learned")
    if {piece.key for piece in sequence.pieces} != set(sequence.parents):
        problems.append("its pieces and its parents are not the same records")
    return problems
