"""The records of WARC and ARC files: headers, blocks, and where the next one begins after damage.

Source: ISO 28500 (WARC 1.0 and 1.1, also the drafts before them), and the Internet Archive's "Arc File Format" (versions 1 and 2).
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipelines.source.warc_members import Tape

MAX_HEADER_BYTES = 256 << 10
SCAN_BYTES = 1 << 20
MAX_SKIPPED_BYTES = 4 << 30  # of a record that is too large, where it has to be inflated to pass it

_BLANKS = b"\r\n"
_HEADER_END = re.compile(rb"\r?\n\r?\n|\nWARC/\d")  # a second first line tells that the header is damaged
_WARC_LINE = re.compile(rb"WARC/\d{1,2}\.\d{1,2}[ \t]*\r?\n")
_NEXT = re.compile(rb"WARC/\d{1,2}\.\d{1,2}[ \t]*\r?\n|(?<=\n)[A-Za-z][A-Za-z0-9+.-]{1,15}:")
_FOLD = re.compile(r"\r?\n[ \t]+")
_DATE = re.compile(rb"\d{14}")
_ARC_URL = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]{1,15}:")


@dataclass(frozen=True, slots=True)
class Record:
    """One record. `fields` are the header's, by lower-case name; an ARC header gives those of a WARC that mean the same.

    `block` is None where it was not asked for, or is larger than was allowed (`length` tells its bytes).
    """

    at: int
    type: str
    fields: Mapping[str, str]
    length: int
    block: bytes | None


@dataclass(frozen=True, slots=True)
class Broken:
    """Bytes from `at` to the next record that are none, or a damaged one.

    `rest` has what could be read of one that has a header: its block, as far as it was read, up to the next record.
    """

    at: int
    detail: str
    rest: Record | None = None


def begins_record(data: bytes) -> bool:
    """Whether a text begins as a record does."""
    return _WARC_LINE.match(data) is not None or _arc_fields(data[: data.find(b"\n") + 1]) is not None


def read_records(tape: Tape, max_bytes: int, stop: int | None = None, *, only_places: bool = False) -> Iterator[Record | Broken]:
    """The records of a tape in order, those that begin below `stop`. With `only_places` blocks are passed over.

    A record whose block does not end where a record must is Broken, and reading goes on at the next header behind its own.
    """
    while True:
        _skip_blanks(tape)
        at = tape.at
        if not tape.ahead(1) or (stop is not None and at >= stop):
            return
        head = _header(tape.ahead)
        if head is None:
            yield Broken(at, "expected the header of a record")
            _go_to_next(tape)
            continue
        size, fields = head
        header = tape.take(size)
        length = int(fields["content-length"])
        is_whole = not only_places and length <= max_bytes
        if not is_whole and length > MAX_SKIPPED_BYTES and not hasattr(tape, "seek"):
            yield Broken(at, f"announces {length} bytes, more than is inflated to find what follows")
            return
        block = tape.take(length) if is_whole else None
        found = len(block) if block is not None else tape.skip(length)
        wrong = _wrong_end(tape, fields, length, found)
        if not wrong:
            yield Record(at, fields["warc-type"], fields, length, block)
            continue
        if block is not None or hasattr(tape, "seek"):
            tape.return_to(at, header + (block or b""))
        _go_to_next(tape)
        rest = None if block is None else block[: tape.at - at - size].removesuffix(_end_of(fields))
        yield Broken(at, wrong, Record(at, fields["warc-type"], fields, length, rest))


def wrong_digest(record: Record) -> str:
    """What is wrong with a block whose header states its digest; empty where it fits, or none that is known is stated."""
    stated = record.fields.get("warc-block-digest", "")
    name, _, value = stated.partition(":")
    if not value or record.block is None or name.lower() not in ("sha1", "sha256", "md5", "sha512"):
        return ""
    found = hashlib.new(name.lower(), record.block, usedforsecurity=False)
    value = value.strip().rstrip("=")
    known = (
        found.hexdigest(),
        base64.b32encode(found.digest()).decode().rstrip("="),
        base64.b64encode(found.digest()).decode().rstrip("="),
    )
    if value in known or value.lower() in (known[0], known[1].lower()):
        return ""
    return f"the block's digest is {name}:{known[1]}, its header states {stated}"


def _skip_blanks(tape: Tape) -> None:
    size = 8
    while piece := tape.ahead(size):
        rest = piece.lstrip(_BLANKS)
        tape.take(len(piece) - len(rest))
        if rest:
            return
        size = 64 << 10


def _wrong_end(tape: Tape, fields: Mapping[str, str], length: int, found: int) -> str:
    """Why a block cannot have ended here; empty where it has."""
    if found < length:
        return f"announces {length} bytes, {found} are there"
    tail = tape.ahead(4)
    if not tail or tail.startswith(_end_of(fields)):
        return ""
    blanks = len(tail) - len(tail.lstrip(_BLANKS))
    rest = tape.ahead(blanks + 4096)[blanks:]
    return "" if not rest or begins_record(rest) else f"announces {length} bytes, but goes on behind them"


def _end_of(fields: Mapping[str, str]) -> bytes:
    """What follows the block of a record."""
    return b"\r\n\r\n" if "arc-version" not in fields else b"\n"


def _go_to_next(tape: Tape) -> None:
    """Winds to the next header behind this byte, or to the end."""
    first = 1
    while True:
        window = tape.ahead(SCAN_BYTES + MAX_HEADER_BYTES)
        limit = len(window) if len(window) <= SCAN_BYTES else SCAN_BYTES
        for found in _NEXT.finditer(window, first):
            place = found.start()
            if place >= limit:
                break
            if _header(partial(_part, window, place)) is not None:
                tape.take(place)
                return
        tape.take(limit)
        if len(window) <= SCAN_BYTES:
            return
        first = 0


def _part(window: bytes, place: int, size: int) -> bytes:
    return window[place : place + size]


def _header(ahead: Callable[[int], bytes]) -> tuple[int, dict[str, str]] | None:
    """(bytes of the header, its fields) where a text, of which `ahead` gives the beginning, begins a record; None where it does not."""
    size = 2_048
    while True:
        head = ahead(size)
        if head.startswith(b"WARC/"):
            end = _HEADER_END.search(head)
            if end is not None and not end[0].isspace():
                return None
            if end is not None:
                fields = _warc_fields(head[: end.start()])
                return None if fields is None else (end.end(), fields)
        elif (line := head.find(b"\n") + 1) or _ARC_URL.match(head) is None:
            arc = _arc_fields(head[:line])
            return None if arc is None else (line, arc)
        if len(head) < size or size >= MAX_HEADER_BYTES:
            return None
        size *= 8


def _warc_fields(head: bytes) -> dict[str, str] | None:
    """Fields by lower-case name, the first of each; None without a type or a length."""
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError:
        text = head.decode("latin-1")
    version, _, rest = _FOLD.sub(" ", text.replace("\r\n", "\n")).partition("\n")
    fields: dict[str, str] = {}
    for line in rest.split("\n"):
        name, colon, value = line.partition(":")
        if not colon:
            return None
        fields.setdefault(name.strip().lower(), value.strip())
    length = fields.get("content-length", "")
    if not _WARC_LINE.match(version.encode() + b"\n") or "warc-type" not in fields or not (length.isascii() and length.isdigit()):
        return None
    return fields if len(length) < 16 else None


def _arc_fields(line: bytes) -> dict[str, str] | None:
    """URL, address, 14 digits of a date, type, [more in version 2,] length. A URL may hold spaces, so that it is read from the right."""
    if _ARC_URL.match(line) is None or len(line) > MAX_HEADER_BYTES:
        return None
    parts = line.rstrip(b"\r\n").split(b" ")
    dates = [place for place, part in enumerate(parts) if len(part) == 14 and _DATE.fullmatch(part)]
    if not dates or not 2 <= dates[-1] < len(parts) - 2 or not parts[-1].isdigit() or len(parts[-1]) > 15:
        return None
    place = dates[-1]
    url = b" ".join(parts[: place - 1]).decode("utf-8", "backslashreplace")
    date = parts[place].decode()
    return {
        "arc-version": "2" if len(parts) - place >= 8 else "1",
        "warc-type": "warcinfo" if url.startswith("filedesc:") else "response",
        "warc-target-uri": url,
        "warc-date": f"{date[:4]}-{date[4:6]}-{date[6:8]}T{date[8:10]}:{date[10:12]}:{date[12:]}Z",
        "content-type": parts[place + 1].decode("latin-1").rstrip(";"),
        "content-length": parts[-1].decode(),
    }
