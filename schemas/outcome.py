"""How a record fails to come out: declared reasons, rejects, and the exception that pure functions raise."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.records import Origin

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
    """A record that a step, or a source, refused: the only declared way not to come out."""

    key: str
    reason: str
    detail: str = ""
    origin: Origin | None = None  # set by sources; the runner fills it in for steps


class Refused(ValueError):
    """Raised by a pure function when its input is bad data; a step turns it into a `Reject`."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason.name}: {detail}")
        self.reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type[Refused], tuple[Reason, str]]:
        return (type(self), (self.reason, self.detail))
