"""Which token ids a model knows: all of the released ones, or only those that its corpora hold, so that a tiny model stays tiny."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import torch

from processors import tokens


class UnknownToken(ValueError):
    """A token id that the model has no embedding for."""


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Rows of the embedding for token ids. Shapes: ids (vocab_size,) int64, increasing; row r of the embedding is token `ids[r]`."""

    ids: torch.Tensor
    _rows: torch.Tensor = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if len(self.ids) == 0 or bool((self.ids.diff() <= 0).any()) or int(self.ids[0]) < 0 or int(self.ids[-1]) >= tokens.VOCABULARY:
            raise ValueError(f"a vocabulary is a list of different ids from 0 to {tokens.VOCABULARY - 1} in increasing order")
        rows = torch.full((tokens.VOCABULARY,), -1, dtype=torch.int64)
        rows[self.ids] = torch.arange(len(self.ids))
        object.__setattr__(self, "_rows", rows)

    @classmethod
    def of(cls, id_lists: Iterable[Iterable[int]]) -> Vocabulary:
        """The ids of some texts, with every special token."""
        found = set(tokens.SPECIAL.values())
        for ids in id_lists:
            found.update(int(token) for token in ids)
        return cls(torch.from_numpy(np.array(sorted(found), np.int64)))

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, ids: torch.Tensor) -> torch.Tensor:
        """Rows of ids; negative ones (labels that are not learned) stay.

        Raises:
            UnknownToken: an id outside the vocabulary.
        """
        found = torch.where(ids >= 0, self._rows.to(ids.device)[ids.clamp(min=0)], ids)
        unknown = (found < 0) & (ids >= 0)
        if bool(unknown.any()):
            token = int(ids[unknown][0])
            raise UnknownToken(
                f"token id {token} ({tokens.decode([token])!r}) is not among the {len(self)} ids that this model was made for"
            )
        return found
