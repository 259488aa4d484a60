"""Keys and passwords in code: a file that holds one is refused, or the secret is taken out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from processors.text.scrub import placeholder
from processors.text.secrets import SECRET, Span, find_secrets
from schemas.facts import Fact
from schemas.identity import canonical_json
from schemas.outcome import Reason, Reject
from schemas.records import Document, with_facts

NUM_SECRETS = Fact("code.num_secrets", int, "Keys, tokens and passwords of well-known forms that were found in the file")
SECRET_SPANS = Fact("code.secret_spans", str, "JSON list of [start, stop] of the secrets, in the file as it was read; empty for none")
HOLDS_SECRET = Reason("secret", "The file holds a key, a token or a password")
REJECT, SCRUB = "reject", "scrub"


def secret_spans(text: str) -> list[Span]:
    """The secrets of a text in order; of two that overlap the one that begins first, and the longer of those."""
    kept: list[Span] = []
    for span in sorted(find_secrets(text), key=lambda span: (span.start, -span.stop)):
        if not kept or span.start >= kept[-1].stop:
            kept.append(span)
    return kept


@dataclass(frozen=True, slots=True)
class DropSecrets:
    """Files with secrets are refused (`mode` reject), or each secret becomes `[secret]` (`mode` scrub). No secret is ever written."""

    mode: str = REJECT
    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = (NUM_SECRETS, SECRET_SPANS)
    reasons: ClassVar = (HOLDS_SECRET,)
    version: ClassVar = 1

    def __post_init__(self) -> None:
        if self.mode not in (REJECT, SCRUB):
            raise ValueError(f"secrets are {self.mode!r}, expected {REJECT} or {SCRUB}")

    def __call__(self, record: Document) -> Document | Reject:
        spans = secret_spans(record.text)
        if spans and self.mode == REJECT:
            lines = [record.text.count("\n", 0, span.start) + 1 for span in spans[:3]]
            return Reject(record.key, HOLDS_SECRET.name, f"{len(spans)} of them, the first in line {lines[0]}")
        pieces, start = [], 0
        for span in spans:
            pieces += [record.text[start : span.start], placeholder(SECRET)]
            start = span.stop
        told = canonical_json([[span.start, span.stop] for span in spans]) if spans else ""
        text = "".join([*pieces, record.text[start:]]) if spans else record.text
        return with_facts(replace(record, text=text), {NUM_SECRETS.name: len(spans), SECRET_SPANS.name: told})
