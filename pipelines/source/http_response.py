"""A stored HTTP response as the page that it carries: status, headers, and the body without its transfer and content codings.

Crawlers often store a body decoded and leave the header that names its coding. A body that does not begin as the coding does is taken
as it is; one that begins so and breaks is refused. Source: RFC 9110, RFC 9112.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from schemas.outcome import Reason, Refused

BAD_RESPONSE = Reason("bad_response", "The record holds no HTTP response that can be read")
DAMAGED_BODY = Reason("damaged_body", "The response's body breaks the transfer or content coding that it begins with")
UNKNOWN_CODING = Reason("unknown_coding", "The response's body is coded in a way that cannot be read")
BODY_TOO_LARGE = Reason("body_too_large", "The response's body decodes to more bytes than a source is allowed to read")
RESPONSE_REASONS = (BAD_RESPONSE, DAMAGED_BODY, UNKNOWN_CODING, BODY_TOO_LARGE)

MAX_HEADER_BYTES = 256 << 10
MAX_CODINGS = 4
_PIECE_BYTES = 64 << 10

_STATUS = re.compile(rb"HTTP/\d(?:\.\d)?[ \t]+(\d{3})(?!\d)")
_HEADER_END = re.compile(rb"\r?\n\r?\n")
_FOLD = re.compile(rb"\r?\n[ \t]+")
_CHUNK = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]{0,4096})?\r?\n")
_LICENCE_LINK = re.compile(r"""<([^<>]{1,2000})>\s*;[^<>,]{0,200}\brel\s*=\s*"?licen[sc]e\b""", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Response:
    """`headers` by lower-case name; the same one several times is joined by commas, of Content-Type the first counts."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def parse_response(block: bytes) -> Response:
    """Raises: Refused with BAD_RESPONSE."""
    status = _STATUS.match(block)
    if status is None:
        raise Refused(BAD_RESPONSE, f"begins with {block[:20]!r}, expected HTTP/ and a status")
    end = _HEADER_END.search(block, 0, MAX_HEADER_BYTES)
    if end is None:
        raise Refused(BAD_RESPONSE, f"the headers do not end within {min(len(block), MAX_HEADER_BYTES)} bytes")
    headers: dict[str, str] = {}
    for line in _FOLD.sub(b" ", block[: end.start()]).split(b"\n")[1:]:
        name, colon, value = line.decode("latin-1").partition(":")
        name, value = name.strip().lower(), value.strip()
        if colon and name not in headers:
            headers[name] = value
        elif colon and name != "content-type":
            headers[name] += ", " + value
    return Response(int(status[1]), headers, block[end.end() :])


def whole_response(block: bytes) -> bytes | None:
    """The response with which a text begins, where its Content-Length tells how far it goes and all of it is there."""
    try:
        response = parse_response(block)
    except Refused:
        return None
    length = response.headers.get("content-length", "")
    if "transfer-encoding" in response.headers or not (length.isascii() and length.isdigit()) or len(length) > 15:
        return None
    missing = int(length) - len(response.body)
    return None if missing > 0 else block[: len(block) + missing]


def media_type(value: str) -> tuple[str, str]:
    """(type, charset) of a Content-Type, both in lower case, empty where it does not say."""
    kind, _, rest = value.partition(";")
    kind = kind.partition(",")[0].strip().lower()
    found = re.search(r"""charset\s*=\s*["']?([^\s"';,]{1,40})""", rest, re.IGNORECASE)
    return kind, found[1].lower() if found else ""


def licence_link(headers: Mapping[str, str]) -> str:
    """The licence that a `Link: <...>; rel="license"` names (RFC 4946); empty where none does."""
    found = _LICENCE_LINK.search(headers.get("link", "")[:20_000])
    return found[1] if found else ""


def decoded_body(response: Response, max_bytes: int) -> bytes:
    """The body as its author wrote it. Raises: Refused with DAMAGED_BODY, UNKNOWN_CODING or BODY_TOO_LARGE."""
    body = response.body
    transfer = _codings(response.headers.get("transfer-encoding", ""))
    for coding in reversed(transfer):
        body = _dechunk(body) if coding == "chunked" else _decode(body, coding, max_bytes)
    for coding in reversed(_codings(response.headers.get("content-encoding", ""))):
        body = _decode(body, coding, max_bytes)
    return body


def _codings(value: str) -> list[str]:
    found = [name for part in value.lower().split(",") if (name := part.strip()) not in ("", "identity", "none", "utf-8", "binary")]
    if len(found) > MAX_CODINGS:
        raise Refused(UNKNOWN_CODING, f"{len(found)} codings one upon another")
    return found


def _dechunk(body: bytes) -> bytes:
    if _CHUNK.match(body) is None:
        return body
    pieces: list[bytes] = []
    at = 0
    while True:
        head = _CHUNK.match(body, at)
        if head is None:
            raise Refused(DAMAGED_BODY, f"chunked: byte {at} has no size of a chunk, but {body[at : at + 12]!r}")
        size = int(head[1], 16)
        if size == 0:
            return b"".join(pieces)
        piece = body[head.end() : head.end() + size]
        if len(piece) < size:
            raise Refused(DAMAGED_BODY, f"chunked: the chunk at byte {at} announces {size} bytes, {len(piece)} are there")
        pieces.append(piece)
        at = head.end() + size
        if body[at : at + 2] == b"\r\n":
            at += 2
        elif body[at : at + 1] == b"\n":
            at += 1
        else:
            raise Refused(DAMAGED_BODY, f"chunked: the chunk that ends at byte {at} is followed by {body[at : at + 12]!r}")


def _decode(body: bytes, coding: str, max_bytes: int) -> bytes:
    if not body:
        return body
    if coding in ("gzip", "x-gzip"):
        return _gunzip(body, max_bytes) if body[:2] == b"\x1f\x8b" else body
    if coding == "deflate":
        return _undeflate(body, max_bytes)
    if coding == "br":
        return _unbrotli(body, max_bytes)
    if coding == "zstd":
        return _unzstd(body, max_bytes) if body[:4] == b"\x28\xb5\x2f\xfd" else body
    raise Refused(UNKNOWN_CODING, f"coded as {coding[:40]!r}, expected gzip, deflate, br or zstd")


def _gunzip(body: bytes, max_bytes: int) -> bytes:
    pieces, left = [], max_bytes
    while body[:2] == b"\x1f\x8b":  # several members may follow one another
        piece, body = _inflate(body, zlib.MAX_WBITS | 16, left, "gzip")
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


def _undeflate(body: bytes, max_bytes: int) -> bytes:
    """With the zlib header that the standard asks for, or without one, as many servers send it."""
    is_zlib = body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0
    if not is_zlib and body.lstrip()[:1] == b"<":
        return body
    return _inflate(body, zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS, max_bytes, "deflate")[0]


def _inflate(body: bytes, bits: int, max_bytes: int, name: str) -> tuple[bytes, bytes]:
    """(what the stream holds, what follows it)."""
    inflater = zlib.decompressobj(bits)
    try:
        found = inflater.decompress(body, max_bytes + 1)
    except zlib.error as error:
        raise Refused(DAMAGED_BODY, f"{name}: {error}") from error
    if len(found) > max_bytes:
        raise Refused(BODY_TOO_LARGE, f"{name}: more than {max_bytes} bytes")
    if not inflater.eof:
        raise Refused(DAMAGED_BODY, f"{name}: the body ends before its stream, after {len(found)} decoded bytes")
    return found, inflater.unused_data


def _unbrotli(body: bytes, max_bytes: int) -> bytes:
    import brotli  # few pages are coded so

    inflater = brotli.Decompressor()
    pieces, size, data = [], 0, body
    try:
        while not inflater.is_finished():
            piece = inflater.process(data, output_buffer_limit=_PIECE_BYTES)
            pieces.append(piece)
            size += len(piece)
            if size > max_bytes:
                raise Refused(BODY_TOO_LARGE, f"br: more than {max_bytes} bytes")
            if not piece and not data and inflater.can_accept_more_data():
                raise Refused(DAMAGED_BODY, f"br: the body ends before its stream, after {size} decoded bytes")
            data = b""
    except brotli.error as error:
        if body.lstrip()[:1] == b"<":
            return body
        raise Refused(DAMAGED_BODY, f"br: {error}") from error
    return b"".join(pieces)


def _unzstd(body: bytes, max_bytes: int) -> bytes:
    import zstandard

    reader = zstandard.ZstdDecompressor(max_window_size=128 << 20).stream_reader(body, read_across_frames=True)
    try:
        found = reader.read(max_bytes + 1)
    except zstandard.ZstdError as error:
        raise Refused(DAMAGED_BODY, f"zstd: {error}") from error
    if len(found) > max_bytes:
        raise Refused(BODY_TOO_LARGE, f"zstd: more than {max_bytes} bytes")
    whole = zstandard.ZstdDecompressor(max_window_size=128 << 20).decompressobj()
    whole.decompress(body)  # of a size that is known to be allowed; the reader says nothing of a stream that is cut
    if not whole.eof:
        raise Refused(DAMAGED_BODY, f"zstd: the body ends before its stream, after {len(found)} decoded bytes")
    return found
