"""The digest of what a record says, by which a later stage finds records that say the same."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from processors.text.normalise import text_digest
from schemas.facts import Fact
from schemas.parts import Text
from schemas.records import Conversation, Preference, turns_of

RECORD_DIGEST = Fact("text.record_digest", str, "Digest of the texts of all turns that ignores case, compatibility forms and white space")


@dataclass(frozen=True, slots=True)
class DigestRecord:
    """Writes the digest of a record's texts, turn by turn. The order in which the parts of a turn stand does not count."""

    takes: ClassVar = (Conversation, Preference)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = (RECORD_DIGEST,)
    reasons: ClassVar = ()
    version: ClassVar = 1

    def __call__(self, record: Conversation | Preference) -> Conversation | Preference:
        turns = ["\0".join(sorted(part.text.strip() for part in turn.parts if isinstance(part, Text))) for turn in turns_of(record)]
        return replace(record, facts={**record.facts, RECORD_DIGEST.name: text_digest("\0".join(turns))})
