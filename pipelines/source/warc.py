"""Web archives (WARC and ARC; plain, gzip or Zstandard): a row a page, and a declared reject for every record that is none."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from typing import ClassVar

from pipelines.source.files import NETWORK_ERRORS, UNREADABLE_FILE, Files
from pipelines.source.http_response import RESPONSE_REASONS, decoded_body, licence_link, media_type, parse_response, whole_response
from pipelines.source.media import give_row, open_rows
from pipelines.source.split import BAD_JSON, NOT_UTF8, Split, check_positive, make_reject, make_split, unreadable_split
from pipelines.source.warc_members import OUT_BYTES, READ_BYTES, Codec, Damaged, FileTape, Tape, find_member, open_codec
from pipelines.source.warc_records import Broken, Record, read_records, wrong_digest
from schemas.outcome import Reason, Refused, Reject
from schemas.records import Row

NOT_A_PAGE = Reason("not_a_page", "The record is no page but a request, a note of the crawler, or a visit that found nothing new")
HTTP_ERROR = Reason("http_error", "The response's status is not one of success (2xx), so that its body is not the page")
UNSUPPORTED_TYPE = Reason("unsupported_type", "The response is neither HTML nor plain text, or does not say what it is")
EMPTY_PAGE = Reason("empty_page", "The response has no body")
DAMAGED_MEMBER = Reason(
    "damaged_member", "The compressed member is cut, fails its checksum, or has no header, so that its record cannot be read"
)
DAMAGED_RECORD = Reason("damaged_record", "The record's header cannot be read, or its block is not as long, or not the one, that it says")
INCOMPLETE_RECORD = Reason("incomplete_record", "The record is one of several segments of a page")
RECORD_TOO_LARGE = Reason("record_too_large", "The record is larger than a source is allowed to read")

SUFFIXES = (".warc", ".warc.gz", ".warc.zst", ".wet.gz", ".arc", ".arc.gz")
PAGE_TYPES = ("text/html", "application/xhtml+xml", "text/plain")
WEB_BYTES_PER_SPLIT = 64 << 20
LOOK_BACK_BYTES = 1 << 20
_ADDRESS = re.compile(r"(?:https?|ftp|file)://[^\s]", re.IGNORECASE)
_HTML = re.compile(rb"\s*(?:<\?xml|<!doctype\s+html|<html)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class WarcArchive:
    """Pages of the web archives at `path` (a file, a glob, or all) below `root`: blob `text`, fields url, date, content_type, charset, status.

    A split of a compressed archive is a range of the file's bytes and owns the members that begin in it, with the damage that
    follows each; a file that was compressed as a whole is one split. Splits of one that is not compressed end where records do.
    A member that begins a range is looked for from 1 MiB before it on, so that an archive stored inside a page is not taken
    for members, as long as the part of it that lies there is smaller. `page_types` are the media types that are pages.
    """

    root: str = field(metadata={"fingerprint": False})
    path: str = ""
    licence: str = ""
    page_types: tuple[str, ...] = PAGE_TYPES
    check_digests: bool = True
    bytes_per_split: int = WEB_BYTES_PER_SPLIT
    max_record_bytes: int = 64 << 20
    reasons: ClassVar[tuple[Reason, ...]] = (
        NOT_A_PAGE,
        HTTP_ERROR,
        UNSUPPORTED_TYPE,
        EMPTY_PAGE,
        DAMAGED_MEMBER,
        DAMAGED_RECORD,
        INCOMPLETE_RECORD,
        RECORD_TOO_LARGE,
        UNREADABLE_FILE,
        BAD_JSON,
        NOT_UTF8,
        *RESPONSE_REASONS,
    )

    def __post_init__(self) -> None:
        check_positive(self, "bytes_per_split", "max_record_bytes")
        if isinstance(self.page_types, str):
            raise ValueError(f"WarcArchive: page_types is {self.page_types!r}, expected a list such as ['text/html']")

    def splits(self) -> list[Split]:
        files = Files(self.root)
        return [split for path in files.select(self.path, SUFFIXES) for split in self._splits_of(files, path)]

    def _splits_of(self, files: Files, path: str) -> list[Split]:
        try:
            size, content = files.size(path), files.content_id(path)
            with files.open(path) as handle:
                starts = self._starts(path, FileTape(handle, size))
        except NETWORK_ERRORS:
            raise
        except OSError:  # one split, which is refused as a whole
            return [unreadable_split(path)]
        stops = [*starts[1:], max(size, 1)]
        return [make_split(path, content, start, stop, -1, stop - start) for start, stop in zip(starts, stops, strict=True)]

    def _starts(self, path: str, tape: FileTape) -> list[int]:
        """Where splits begin."""
        codec = open_codec(path, tape)
        if codec is not None:
            return [0] if _is_one_member(tape, codec) else list(range(0, max(tape.size, 1), self.bytes_per_split))
        starts = [0]
        tape.seek(0)
        for unit in read_records(tape, self.max_record_bytes, only_places=True):
            if unit.at - starts[-1] >= self.bytes_per_split:
                starts.append(unit.at)
        return starts

    def read(self, split: Split) -> Iterator[Row | Reject]:
        files = Files(self.root)
        handle = open_rows(files, split, self.licence)
        if isinstance(handle, Reject):
            yield handle
            return
        with handle:
            tape = FileTape(handle, files.size(split.path))
            if not tape.size:
                yield self._reject(split, "byte 0", DAMAGED_RECORD, "the file is empty")
                return
            is_silent = True
            for item in self._read_tape(split, tape):
                is_silent = False
                yield item
            if is_silent and split.start == 0 and split.stop >= tape.size:
                yield self._reject(split, "byte 0", DAMAGED_RECORD, "the file holds no record, only what files are filled up with")

    def _read_tape(self, split: Split, tape: FileTape) -> Iterator[Row | Reject]:
        codec = open_codec(split.path, tape)
        if codec is not None:
            yield from self._read_members(split, tape, codec)
            return
        tape.seek(split.start)
        for unit in read_records(tape, self.max_record_bytes, split.stop):
            yield self._give(split, f"byte {unit.at}", unit)

    def _read_members(self, split: Split, tape: FileTape, codec: Codec) -> Iterator[Row | Reject]:
        """Walks the chain of members; those that begin before the split are inflated only to find their ends."""
        at = max(split.start - LOOK_BACK_BYTES, 0)
        if at:
            found = find_member(tape, codec, at, split.stop)
            at = split.stop if found is None else found
        is_ours = at == 0
        while True:
            tape.seek(at)
            _skip_padding(tape)
            if not tape.ahead(1):
                return
            if not codec.begins(tape):
                at = tape.at
                if is_ours:
                    yield self._reject(
                        split, f"byte {at}", DAMAGED_MEMBER, f"expected the magic number of {codec.name}, found {tape.ahead(4)!r}"
                    )
                found = find_member(tape, codec, at + 1, split.stop)
                if found is None:
                    return
                tape.seek(found)
            at = tape.at
            if at >= split.stop:
                return
            is_ours = at >= split.start
            damage = yield from self._read_member(split, tape, codec, is_ours)
            if damage is None or (damage.is_passed and (not tape.ahead(1) or codec.begins(tape))):
                at = tape.at
                continue
            found = find_member(tape, codec, at + 1, split.stop)
            if found is None:
                return
            at = found

    def _read_member(self, split: Split, tape: FileTape, codec: Codec, is_ours: bool) -> Generator[Row | Reject, None, Damaged | None]:
        """Gives the records of the member that begins here, the last of them only when the member has proved whole; returns its damage."""
        at = tape.at
        pieces = codec.inflate(tape)
        inside = Tape(lambda _: next(pieces, b""))
        held: tuple[str, Record | Broken] | None = None
        try:
            if is_ours:
                for unit in read_records(inside, self.max_record_bytes):
                    if held is not None:
                        yield self._give(split, *held)
                    held = (f"byte {at}" if unit.at == 0 else f"byte {at}, inflated byte {unit.at}"), unit
            for _ in pieces:  # to the member's end, and its checksum
                pass
        except Damaged as damage:
            where = held[0] if held is not None else f"byte {at}"
            if is_ours:
                yield self._reject(split, where, DAMAGED_MEMBER, str(damage))
            return damage
        if held is not None:
            yield self._give(split, *held)
        return None

    def _give(self, split: Split, locator: str, unit: Record | Broken) -> Row | Reject:
        try:
            fields, body = self._page(_mend(unit) if isinstance(unit, Broken) else unit)
        except Refused as refused:
            return self._reject(split, locator, refused.reason, refused.detail)
        return give_row(split, self.licence, locator, fields, {"text": body})

    def _reject(self, split: Split, locator: str, reason: Reason, detail: str) -> Reject:
        return make_reject(split, self.licence, locator, reason.name, detail)

    def _page(self, record: Record) -> tuple[dict[str, object], bytes]:
        """(fields, body) of the page that a record is. Raises: Refused."""
        url = _url_of(record)
        told = f"{record.type} {url}".strip()
        if record.block is None:
            raise Refused(RECORD_TOO_LARGE, f"{told}: {record.length} bytes, at most {self.max_record_bytes}")
        if record.type not in ("response", "resource", "conversion") or not _ADDRESS.match(url):
            raise Refused(NOT_A_PAGE, f"a record {told or 'without an address'}")
        if "warc-segment-number" in record.fields:
            raise Refused(INCOMPLETE_RECORD, f"{told}: segment {record.fields['warc-segment-number']}")
        wrong = wrong_digest(record) if self.check_digests else ""
        if wrong:
            raise Refused(DAMAGED_RECORD, f"{told}: {wrong}")
        fields: dict[str, object] = {"url": url, "date": record.fields.get("warc-date", "")}
        if "warc-truncated" in record.fields:
            fields["truncated"] = record.fields["warc-truncated"]
        if record.type == "response":
            more, body = self._response(record.block, told)
        else:
            kind, charset = media_type(record.fields.get("content-type", ""))
            more, body = {"content_type": kind, "charset": charset}, record.block
        kind = str(more["content_type"]) or media_type(record.fields.get("warc-identified-payload-type", ""))[0]
        if not kind and _HTML.match(body):
            kind = "text/html"
        if kind not in self.page_types:
            raise Refused(UNSUPPORTED_TYPE, f"{told}: {kind or 'no type'}, expected {', '.join(self.page_types)}")
        if not body.strip():
            raise Refused(EMPTY_PAGE, told)
        return {**fields, **more, "content_type": kind}, body

    def _response(self, block: bytes, told: str) -> tuple[dict[str, object], bytes]:
        """(fields, body) of an HTTP response. What is no page by its type is not decoded. Raises: Refused."""
        response = parse_response(block)
        if not 200 <= response.status < 300:
            raise Refused(HTTP_ERROR, f"{told}: status {response.status}")
        kind, charset = media_type(response.headers.get("content-type", ""))
        more: dict[str, object] = {"content_type": kind, "charset": charset, "status": response.status}
        stated = licence_link(response.headers)
        if stated:
            more["licence"] = stated
        if kind and kind not in self.page_types:
            return more, b""
        return more, decoded_body(response, self.max_record_bytes)


def _mend(broken: Broken) -> Record:
    """The record whose header states a wrong length, where the response in it states a length of its own that fits. Raises: Refused."""
    rest = broken.rest
    block = whole_response(rest.block) if rest is not None and rest.block is not None and rest.type == "response" else None
    if rest is None or block is None:
        raise Refused(DAMAGED_RECORD, broken.detail)
    return replace(rest, block=block, length=len(block))


def _url_of(record: Record) -> str:
    """The address of a record; wget writes it in angle brackets, and some crawlers leave spaces in it."""
    url = record.fields.get("warc-target-uri", "")
    if url.startswith("<") and url.endswith(">"):
        url = url[1:-1]
    return url.strip().replace(" ", "%20")


def _skip_padding(tape: FileTape) -> None:
    """Passes zeros, with which files are filled up."""
    while (piece := tape.ahead(READ_BYTES if tape.ahead(1) == b"\0" else 1)) and piece[0] == 0:
        tape.take(len(piece) - len(piece.lstrip(b"\0")))


def _is_one_member(tape: FileTape, codec: Codec) -> bool:
    """Whether the first member goes on behind its first record, as that of a file that was compressed as a whole."""
    tape.seek(0)
    pieces = codec.inflate(tape)
    read = 0

    def pull(_: int) -> bytes:
        nonlocal read
        piece = next(pieces, b"") if read < 4 * OUT_BYTES else b""
        read += len(piece)
        return piece

    try:
        return sum(1 for _, _ in zip(read_records(Tape(pull), OUT_BYTES), range(2), strict=False)) > 1
    except Damaged:
        return False
