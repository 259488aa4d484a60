"""A split: a part of a source that is read, processed and committed as one. Its id comes from content and place."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.identity import canonical_json, digest
from schemas.outcome import Reject
from schemas.records import Origin, Row

ROWS_PER_SPLIT = 256
BYTES_PER_SPLIT = 32 << 20


@dataclass(frozen=True, slots=True)
class Split:
    """`path` is relative to the source's root; `start` and `stop` are rows or bytes, as its source means them.

    `num_rows` is -1 where it is not known before reading.
    """

    id: str
    path: str
    revision: str
    start: int
    stop: int
    num_rows: int
    size_bytes: int


def make_split(path: str, revision: str, start: int, stop: int, num_rows: int, size_bytes: int) -> Split:
    return Split(digest(path, revision, str(start), str(stop)), path, revision, start, stop, num_rows, size_bytes)


def make_row(split: Split, licence: str, locator: str, fields: dict[str, object], blobs: dict[str, bytes]) -> Row:
    """A row whose key comes from its place (path and locator) and its fields."""
    stated = fields.get("licence") or fields.get("license")
    origin = Origin(split.path, split.revision, stated if isinstance(stated, str) else licence, locator)
    return Row(digest(split.path, locator, canonical_json(_plain(fields))), origin, fields, blobs)


def _plain(value: object) -> object:
    """A value that canonical JSON takes: NaN and infinities by name."""
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return repr(value)
    return value if value is None or isinstance(value, (str, int, float, bool)) else repr(value)


def make_reject(split: Split, licence: str, locator: str, reason: str, detail: str) -> Reject:
    """A refusal by the source; its key comes from its place."""
    return Reject(digest(split.path, locator, "refused"), reason, detail, Origin(split.path, split.revision, licence, locator))
