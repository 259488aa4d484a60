"""A split: a part of a source that is read, processed and committed as one. Its id comes from content and place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Protocol

from schemas.identity import canonical_json, digest
from schemas.outcome import Reason, Refused, Reject
from schemas.records import Origin, Row

ROWS_PER_SPLIT = 256
BYTES_PER_SPLIT = 32 << 20
UNREADABLE = digest("unreadable")  # the content id of what could not be read
MAX_NESTING = 100  # levels of lists and objects in a row: a fixed number, as Python's own limit varies with the caller's stack

BAD_JSON = Reason("bad_json", "The text is not a JSON object, or is nested too deeply")
NOT_UTF8 = Reason("not_utf8", "The text is not UTF-8, or cannot be written as UTF-8")
TRUNCATED_ARCHIVE = Reason("truncated_archive", "The compressed file or archive ends early or is damaged")


@dataclass(frozen=True, slots=True)
class Split:
    """`path` is relative to the source's root; `start` and `stop` are rows or bytes, as its source means them.

    `num_rows` is -1 where it is not known before reading. `first_row` is the number of its first row in its file.
    """

    id: str
    path: str
    revision: str
    start: int
    stop: int
    num_rows: int
    size_bytes: int
    first_row: int = 0


class Source(Protocol):
    """What the runner asks of a source: a frozen, picklable dataclass.

    `splits` lists by content, in order, and decodes no media; `read` gives each row of a split once, as a row or as a
    reject of a declared reason, in order. What the network does (time-outs, lost connections) is raised, never rejected:
    it says nothing about the data.
    """

    reasons: ClassVar[tuple[Reason, ...]]

    def splits(self) -> list[Split]: ...

    def read(self, split: Split) -> Iterator[Row | Reject]: ...


def make_split(path: str, revision: str, start: int, stop: int, num_rows: int, size_bytes: int, first_row: int = 0) -> Split:
    place = printable(path)
    return Split(digest(path, revision, str(start), str(stop)), place, revision, start, stop, num_rows, size_bytes, first_row)


def unreadable_split(path: str) -> Split:
    """The one split of a file that could not be listed; reading it refuses the file as a whole."""
    return make_split(path, UNREADABLE, 0, 1, 1, 0)


def make_row(split: Split, licence: str, locator: str, fields: dict[str, object], blobs: dict[str, bytes], place: str | None = None) -> Row:
    """A row whose key comes from its place (path and locator) and its fields. `place` is the path where it is not the split's.

    Raises:
        Refused: fields that are nested too deeply, or hold half a surrogate pair, which no file could store as UTF-8.
    """
    if _nesting_exceeds(fields, MAX_NESTING):
        raise Refused(BAD_JSON, f"nested more than {MAX_NESTING} levels deep")
    try:
        content = canonical_json(_plain(fields)).encode()
    except UnicodeEncodeError as error:
        raise Refused(NOT_UTF8, f"a text holds {error.object[error.start]!r}, half of a surrogate pair") from error
    stated = fields.get("licence") or fields.get("license")
    path = printable(split.path if place is None else place)
    origin = Origin(path, split.revision, stated if isinstance(stated, str) else licence, printable(locator))
    return Row(digest(path, locator, content), origin, fields, blobs)


def make_reject(split: Split, licence: str, locator: str, reason: str, detail: str, place: str | None = None) -> Reject:
    """A refusal by the source; its key comes from its place."""
    path = printable(split.path if place is None else place)
    return Reject(digest(path, locator, "refused"), reason, detail, Origin(path, split.revision, licence, printable(locator)))


def printable(name: str) -> str:
    """A file's name as text that UTF-8 can hold: bytes that are not UTF-8 are written as escapes."""
    return name.encode("utf-8", "surrogateescape" if _is_escaped(name) else "backslashreplace").decode("utf-8", "backslashreplace")


def _is_escaped(name: str) -> bool:
    return all(not "\ud800" <= letter <= "\udfff" or "\udc80" <= letter <= "\udcff" for letter in name)


def check_positive(source: object, *names: str) -> None:
    """Raises ValueError when an option that counts something is not at least 1."""
    for name in names:
        value = getattr(source, name)
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"{type(source).__name__}: {name} is {value!r}, expected a whole number of at least 1")


def _nesting_exceeds(value: object, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        inner: list[object] = []
        for item in level:
            if isinstance(item, dict):
                inner.extend(item.values())
            elif isinstance(item, list):
                inner.extend(item)
        level = [item for item in inner if isinstance(item, (dict, list))]
        if not level:
            return False
    return True


def _plain(value: object) -> object:
    """A value that canonical JSON takes: NaN and infinities by name."""
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return repr(value)
    return value if value is None or isinstance(value, (str, int, float, bool)) else repr(value)
