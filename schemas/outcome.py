"""How a record fails to come out: declared reasons, rejects, and the exception that pure functions raise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas.records import FactValue, Origin

REJECT = "reject"  # bad data, expected: the reason is declared by the step
FAULT = "fault"  # a processor raised: a bug; the record is quarantined with its traceback
CRASH = "crash"  # the record killed its worker every time it was tried


@dataclass(frozen=True, slots=True)
class Reason:
    """One declared way for a record to be refused; `name` is what reports and rejects tables show."""

    name: str
    doc: str


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that a step, or a source, refused: the only declared way not to come out.

    `facts` are measurements of the step that refused; the runner adds those that the record carried already.
    """

    key: str
    reason: str
    detail: str = ""
    origin: Origin | None = None  # set by sources; the runner fills it in for steps
    facts: Mapping[str, FactValue] = field(default_factory=dict)


class Refused(ValueError):
    """Raised by a pure function when its input is bad data; a step turns it into a `Reject`. `facts` are what had been measured."""

    def __init__(self, reason: Reason, detail: str, facts: Mapping[str, FactValue] | None = None) -> None:
        super().__init__(f"{reason.name}: {detail}")
        self.reason = reason
        self.detail = detail
        self.facts = dict(facts or {})

    def reject(self, key: str) -> Reject:
        """The reject of the record `key`."""
        return Reject(key, self.reason.name, self.detail, facts=self.facts)

    def __reduce__(self) -> tuple[type[Refused], tuple[Reason, str, dict[str, FactValue]]]:
        return (type(self), (self.reason, self.detail, self.facts))
