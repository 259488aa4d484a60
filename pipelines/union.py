"""Several sources read as one, in the order given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

from pipelines.source.split import Split
from schemas.identity import digest
from schemas.outcome import Reason, Reject
from schemas.records import Row


@dataclass(frozen=True, slots=True)
class PartSplit(Split):
    """A split of the `part`-th source; its id differs from that of the same data in another part."""

    part: int = 0


@dataclass(frozen=True, slots=True)
class Union:
    """The rows of every source; keys are made anew with the part's number, so that parts cannot collide."""

    sources: tuple[Any, ...]

    @property
    def reasons(self) -> tuple[Reason, ...]:
        found = {reason.name: reason for source in self.sources for reason in source.reasons}
        return tuple(found[name] for name in sorted(found))

    def splits(self) -> list[PartSplit]:
        found = []
        for part, source in enumerate(self.sources):
            for split in source.splits():
                told = {f.name: getattr(split, f.name) for f in fields(split)}
                found.append(PartSplit(**{**told, "id": digest(str(part), split.id)}, part=part))
        return found

    def read(self, split: PartSplit) -> Iterator[Row | Reject]:
        for item in self.sources[split.part].read(split):
            yield replace(item, key=digest(str(split.part), item.key))
