"""Several sources read as one, in the order given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from schemas.identity import digest
from schemas.outcome import Reason, Reject
from schemas.records import Row


@dataclass(frozen=True, slots=True)
class PartSplit:
    """A split of the `part`-th source; its id differs from that of the same data in another part."""

    part: int
    inner: Any
    id: str
    path: str
    revision: str
    start: int
    stop: int
    num_rows: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Union:
    """The rows of every source; keys are made anew with the part's number, so that parts cannot collide."""

    sources: tuple[Any, ...]

    @property
    def reasons(self) -> tuple[Reason, ...]:
        found = {reason.name: reason for source in self.sources for reason in source.reasons}
        return tuple(found[name] for name in sorted(found))

    def splits(self) -> list[PartSplit]:
        splits = []
        for part, source in enumerate(self.sources):
            for s in source.splits():
                new_id = digest(str(part), s.id)
                splits.append(PartSplit(part, s, new_id, s.path, s.revision, s.start, s.stop, s.num_rows, s.size_bytes))
        return splits

    def read(self, split: PartSplit) -> Iterator[Row | Reject]:
        for item in self.sources[split.part].read(split.inner):
            yield replace(item, key=digest(str(split.part), item.key))
