"""What one forward pass reads: sequences one after another without padding, their media, and the mode that routes them.

Legend of shapes: N tokens of a batch, S sequences, C crops with global views, T frames of a clip. A row of a corpus becomes an
`Example` of one sequence (two for a preference, several for a packed row); examples of one mode join to a `Batch`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Self

import numpy as np
import torch

NOT_LEARNED = -100


class Mode(IntEnum):
    """Which media a batch holds; numbered as `input_mode` of the released processor."""

    TEXT = 0
    VISION = 1
    SPEECH = 2
    VISION_SPEECH = 3

    @property
    def adapter(self) -> str | None:
        """The LoRA that the router activates. Source: the released code; images with speech take the vision one."""
        return (None, "vision", "speech", "vision")[self]

    @property
    def audio_projector(self) -> str:
        """The projector that audio passes."""
        return "vision" if self is Mode.VISION_SPEECH else "speech"


def mode_of(num_images: int, num_audios: int) -> Mode:
    """The router: decided by which media are there, never learned."""
    return Mode((num_images > 0) + 2 * (num_audios > 0))


@dataclass(frozen=True, slots=True, eq=False)
class ImageInput:
    """Shapes: crops (1 + columns * rows, 3, 448, 448) float32, global view first; mask (1 + columns * rows, 32, 32) bool."""

    crops: torch.Tensor
    mask: torch.Tensor
    columns: int
    rows: int


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Shapes: ids and labels (n,) int64; images and audios (T, 80) float32 in the order of their placeholders."""

    ids: torch.Tensor
    labels: torch.Tensor
    images: tuple[ImageInput, ...] = ()
    audios: tuple[torch.Tensor, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A row of a corpus as the model reads it; a preference has two sequences, the chosen one first."""

    key: str
    sequences: tuple[Sample, ...]

    @property
    def mode(self) -> Mode:
        return mode_of(sum(len(s.images) for s in self.sequences), sum(len(s.audios) for s in self.sequences))

    @property
    def num_tokens(self) -> int:
        return sum(len(s.ids) for s in self.sequences)


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Shapes: ids, labels, position_ids (N,) int64. `lengths` are the tokens of each sequence, N in all; a label is compared with the
    prediction one token earlier, and the first label of every sequence is -100. `keys` name the row of each sequence.
    """

    ids: torch.Tensor
    labels: torch.Tensor
    position_ids: torch.Tensor
    lengths: tuple[int, ...]
    images: tuple[ImageInput, ...]
    audios: tuple[torch.Tensor, ...]
    mode: Mode
    keys: tuple[str, ...]

    @classmethod
    def join(cls, examples: Sequence[Example]) -> Self:
        """Examples of one mode, one after another.

        Raises:
            ValueError: no example, or examples of several modes.
        """
        modes = {example.mode for example in examples}
        if len(modes) != 1:
            raise ValueError(f"a batch holds one mode, these examples {sorted(mode.name for mode in modes)}")
        sequences = [(example.key, sequence) for example in examples for sequence in example.sequences]
        labels = torch.cat([sequence.labels for _, sequence in sequences])
        lengths = tuple(len(sequence.ids) for _, sequence in sequences)
        starts = np.cumsum((0, *lengths[:-1]))
        labels[torch.from_numpy(starts)] = NOT_LEARNED
        positions = np.arange(len(labels)) - np.repeat(starts, lengths)
        return cls(
            ids=torch.cat([sequence.ids for _, sequence in sequences]),
            labels=labels,
            position_ids=torch.from_numpy(positions),
            lengths=lengths,
            images=tuple(image for _, sequence in sequences for image in sequence.images),
            audios=tuple(audio for _, sequence in sequences for audio in sequence.audios),
            mode=modes.pop(),
            keys=tuple(key for key, _ in sequences),
        )

    def to(self, device: torch.device | str) -> Self:
        """The batch on another device; patch masks stay, since the layout is computed from them."""
        return replace(
            self,
            ids=self.ids.to(device),
            labels=self.labels.to(device),
            position_ids=self.position_ids.to(device),
            images=tuple(replace(image, crops=image.crops.to(device)) for image in self.images),
            audios=tuple(audio.to(device) for audio in self.audios),
        )
