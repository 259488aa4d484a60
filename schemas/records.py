"""The three record kinds, one for each way to train, what they become when they are packed, and the raw row from which sources start.

A record is immutable: a step gives a new one. `facts` is a plain dict by convention never changed in place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np

from schemas.parts import Audio, Image, Part, Text, Tools

FactValue = bool | int | float | str


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a record comes from: source name, revision (content id), licence, and a locator inside it."""

    source: str
    revision: str = ""
    licence: str = ""
    locator: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """What a source reads: named fields (JSON values) and named media bytes. Never stored in a corpus."""

    key: str
    origin: Origin
    fields: Mapping[str, object] = field(default_factory=dict)
    blobs: Mapping[str, bytes] = field(default_factory=dict)
    facts: Mapping[str, FactValue] = field(default_factory=dict)
    parents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """Text of which every token is learned."""

    key: str
    origin: Origin
    text: str
    facts: Mapping[str, FactValue] = field(default_factory=dict)
    parents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Turn:
    """One message. `learned` says whether its tokens carry loss."""

    role: str
    parts: tuple[Part, ...]
    learned: bool = False


@dataclass(frozen=True, slots=True)
class Conversation:
    """Turns of one or several modalities; media stand where they belong among the parts."""

    key: str
    origin: Origin
    turns: tuple[Turn, ...]
    facts: Mapping[str, FactValue] = field(default_factory=dict)
    parents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Preference:
    """A prompt with a preferred and a dis-preferred answer."""

    key: str
    origin: Origin
    prompt: tuple[Turn, ...]
    chosen: tuple[Turn, ...]
    rejected: tuple[Turn, ...]
    facts: Mapping[str, FactValue] = field(default_factory=dict)
    parents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of a record's tokens inside a packed sequence: `num_tokens` of them, from token `offset` of the record `key` on."""

    key: str
    offset: int
    num_tokens: int


@dataclass(frozen=True, slots=True, eq=False)
class PackedSequence:
    """Pieces of records, one after another, padded to one length: what a trainer reads without tokenising.

    Shapes: (n,) int32 each. `labels` are the ids where they are learned and -100 elsewhere: at padding, at the first token of
    every piece (so that no piece is predicted from another), and at what the record does not learn; a loss compares the label
    at i with the prediction at i - 1. `position_ids` count from 0 in every piece, `segment_ids` number the pieces from 1; 0 is padding.
    """

    key: str
    origin: Origin
    input_ids: np.ndarray
    labels: np.ndarray
    position_ids: np.ndarray
    segment_ids: np.ndarray
    pieces: tuple[Piece, ...]
    facts: Mapping[str, FactValue] = field(default_factory=dict)
    parents: tuple[str, ...] = ()


Record = Row | Document | Conversation | Preference | PackedSequence
R = TypeVar("R", Row, Document, Conversation, Preference)
SEQUENCE_ARRAYS = ("input_ids", "labels", "position_ids", "segment_ids")


def with_facts(record: R, facts: Mapping[str, FactValue]) -> R:
    """The record with more facts; a fact that is already there may not change its value."""
    for name, value in facts.items():
        if name in record.facts and record.facts[name] != value:
            raise ValueError(f"fact {name!r} of record {record.key} is {record.facts[name]!r}; it cannot become {value!r}")
    return replace(record, facts={**record.facts, **facts})


TURN_FIELDS: dict[type, tuple[str, ...]] = {Conversation: ("turns",), Preference: ("prompt", "chosen", "rejected")}


def turns_of(record: Record) -> tuple[Turn, ...]:
    """Every turn of a record in reading order (none for rows and documents)."""
    return tuple(turn for name in TURN_FIELDS.get(type(record), ()) for turn in getattr(record, name))


def learned_texts(record: Record) -> list[str]:
    """The text parts of the learned turns, in reading order."""
    return [part.text for turn in turns_of(record) if turn.learned for part in turn.parts if isinstance(part, Text)]


def images_of(record: Record) -> Iterator[Image]:
    """Images in order of appearance."""
    return (part for turn in turns_of(record) for part in turn.parts if isinstance(part, Image))


def audios_of(record: Record) -> Iterator[Audio]:
    """Audio clips in order of appearance."""
    return (part for turn in turns_of(record) for part in turn.parts if isinstance(part, Audio))


def map_parts(record: R, change: Mapping[type, Callable[[Any], Part]]) -> R:
    """The record with each part of its turns whose type is in `change` replaced by what its function gives, in reading order."""

    def map_turn(turn: Turn) -> Turn:
        return replace(turn, parts=tuple(change[type(part)](part) if type(part) in change else part for part in turn.parts))

    changed: dict[str, Any] = {name: tuple(map_turn(turn) for turn in getattr(record, name)) for name in TURN_FIELDS.get(type(record), ())}
    return replace(record, **changed)


def as_stored(record: Record) -> Record:
    """The record without what never reaches the disk, pixels and samples that steps were told to keep: as it is read back."""

    def has_pixels(image: Image) -> bool:
        return image.pixels is not None or (image.canvas is not None and image.canvas.pixels is not None)

    if not any(map(has_pixels, images_of(record))) and all(audio.samples is None for audio in audios_of(record)):
        return record

    def still(image: Image) -> Image:
        canvas = None if image.canvas is None else replace(image.canvas, pixels=None)
        return replace(image, pixels=None, canvas=canvas)

    return map_parts(record, {Image: still, Audio: lambda audio: replace(audio, samples=None)})  # type: ignore[type-var]


def weigh(record: Record) -> int:
    """About how many bytes a record holds in memory: media exactly (a log-Mel as float32, however it is stored), text by its length."""
    if isinstance(record, Document):
        return len(record.text)
    if isinstance(record, PackedSequence):
        return sum(getattr(record, name).nbytes for name in SEQUENCE_ARRAYS) + 1_000
    if isinstance(record, Row):
        return sum(len(blob) for blob in record.blobs.values()) + 1_000
    total = 1_000
    for turn in turns_of(record):
        for part in turn.parts:
            if isinstance(part, Image):
                total += len(part.source or b"") + (0 if part.pixels is None else part.pixels.nbytes)
                if part.canvas is not None:
                    total += len(part.canvas.encoded or b"") + (0 if part.canvas.pixels is None else part.canvas.pixels.nbytes)
            elif isinstance(part, Tools):
                total += len(part.definitions)
            elif isinstance(part, Audio):
                total += len(part.source or b"")
                total += 0 if part.samples is None else part.samples.nbytes
                total += 0 if part.log_mel is None else 4 * part.log_mel.size
    return total
