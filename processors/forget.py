"""Facts that have done their work are taken off the records, so that the corpus does not store them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from schemas.facts import Fact
from schemas.records import Conversation, Document, Record


@dataclass(frozen=True, slots=True)
class Forget:
    """Takes facts off a record."""

    forgets: tuple[Fact, ...]
    takes: ClassVar = (Document, Conversation)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = ()
    reasons: ClassVar = ()
    version: ClassVar = 1

    def __call__(self, record: Record) -> Record:
        names = {fact.name for fact in self.forgets}
        return replace(record, facts={name: value for name, value in record.facts.items() if name not in names})
