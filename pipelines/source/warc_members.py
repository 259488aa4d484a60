"""The members of compressed archives: gzip members and Zstandard frames, found from any byte of a file and inflated within bounds.

A web archive keeps each record in a member of its own, so that it can be read from the middle. Where damage breaks the chain of
members, it goes on at the next place where a magic number inflates to the beginning of a record.
Source: RFC 1952 (gzip), RFC 8878 (Zstandard), and the IIPC's "WARC compression: Zstandard" (a dictionary in a skippable frame).
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Any

from pipelines.source.warc_records import begins_record

IN_BYTES = 16 << 10  # small, as what lies behind a member's end is copied back
OUT_BYTES = 256 << 10
READ_BYTES = 256 << 10
PROBE_BYTES = 4 << 10
MAX_GZIP_NAME_BYTES = 64 << 10
MAX_WINDOW_BYTES = 128 << 20
MAX_DICTIONARY_BYTES = 16 << 20
MAX_BLOCK_BYTES = 128 << 10

GZIP_MAGIC = re.compile(rb"\x1f\x8b\x08[\x00-\x1f]")
_ZSTD_FLAGS = re.escape(bytes(flags for flags in range(256) if not flags & 8))  # one bit is reserved
ZSTD_MAGIC = re.compile(rb"\x28\xb5\x2f\xfd[" + _ZSTD_FLAGS + rb"]|[\x50-\x5f]\x2a\x4d\x18", re.DOTALL)
ZSTD_SKIPPED = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18")
ZSTD_DICTIONARY = b"\x5d\x2a\x4d\x18"
_FEXTRA, _FNAME, _FCOMMENT, _FHCRC = 4, 8, 16, 2


class Damaged(ValueError):
    """A member cannot be read. `is_passed`: all of it was read, so that the next one begins here."""

    def __init__(self, detail: str, is_passed: bool = False) -> None:
        super().__init__(detail)
        self.is_passed = is_passed


class Tape:
    """Bytes that are read forward, with a look ahead. `at` is the offset of the next byte."""

    def __init__(self, pull: Callable[[int], bytes], at: int = 0) -> None:
        self.at = at
        self._pull = pull
        self._buffer, self._used, self._is_ended = b"", 0, False

    def ahead(self, size: int) -> bytes:
        """The next bytes, `size` of them or all that are left. They stay."""
        while (missing := size - (len(self._buffer) - self._used)) > 0 and not self._is_ended:
            piece = self._pull(max(missing, READ_BYTES))
            self._is_ended = not piece
            self._buffer, self._used = self._buffer[self._used :] + piece, 0
        return self._buffer[self._used : self._used + size]

    def take(self, size: int) -> bytes:
        """The next bytes, `size` of them or all that are left."""
        found = self._buffer[self._used : self._used + size]
        self._used += len(found)
        if len(found) < size:
            pieces, missing = [found], size - len(found)
            while missing and not self._is_ended:
                piece = self._pull(max(missing, READ_BYTES))
                self._is_ended = not piece
                pieces.append(piece[:missing])
                self._buffer, self._used = piece, len(pieces[-1])
                missing -= len(pieces[-1])
            found = b"".join(pieces)
        self.at += len(found)
        return found

    def skip(self, size: int) -> int:
        """How many bytes were passed over: `size`, or all that were left."""
        left = size
        while left and (piece := self.take(min(left, READ_BYTES))):
            left -= len(piece)
        return size - left

    def give_back(self, data: bytes) -> None:
        """What was taken last is to be read again."""
        self.at -= len(data)
        if len(data) <= self._used:
            self._used -= len(data)
        else:
            self._buffer, self._used = data + self._buffer[self._used :], 0

    def return_to(self, at: int, taken: bytes) -> None:
        """Goes back to `at`, behind which `taken` was read; all of it has to be named where a tape cannot turn."""
        self.give_back(taken)


class FileTape(Tape):
    """A file as a tape that can be wound."""

    def __init__(self, handle: IO[bytes], size: int, at: int = 0) -> None:
        super().__init__(handle.read)
        self.size = size
        self._handle = handle
        self.seek(at)

    def seek(self, at: int) -> None:
        used = at - (self.at - self._used)
        if 0 <= used <= len(self._buffer):
            self._used = used
        else:
            self._handle.seek(at)
            self._buffer, self._used = b"", 0
        self.at, self._is_ended = at, False

    def skip(self, size: int) -> int:
        passed = min(size, max(self.size - self.at, 0))
        self.seek(self.at + passed)
        return passed

    def return_to(self, at: int, taken: bytes) -> None:
        self.seek(at)


@dataclass(frozen=True, slots=True)
class Codec:
    """How members begin (`magic`) and are inflated. `inflate` leaves the tape behind the member, and raises Damaged."""

    name: str
    magic: re.Pattern[bytes]
    inflate: Callable[[Tape], Iterator[bytes]]

    def begins(self, tape: Tape) -> bool:
        return self.magic.match(tape.ahead(5)) is not None


def open_codec(path: str, tape: FileTape) -> Codec | None:
    """How the file is compressed: what its first bytes say, and its name where they are damaged; None for a file that is not."""
    head = tape.ahead(8)
    if head[:3] == b"\x1f\x8b\x08":
        return GZIP
    if ZSTD_MAGIC.match(head):
        return _open_zstd(tape)
    if begins_record(tape.ahead(PROBE_BYTES)):
        return None
    return GZIP if path.lower().endswith(".gz") else _open_zstd(tape) if path.lower().endswith(".zst") else None


def find_member(tape: FileTape, codec: Codec, start: int, stop: int) -> int | None:
    """Offset of the first member from `start` to below `stop` that begins with a record. Reads, but does not inflate, what lies between."""
    at = start
    while at < stop:
        tape.seek(at)
        window = tape.ahead(READ_BYTES + PROBE_BYTES)
        for found in codec.magic.finditer(window, 0, min(READ_BYTES + 4, len(window))):
            if at + found.start() >= stop:
                return None
            probe = window[found.start() : found.start() + PROBE_BYTES]
            if ZSTD_SKIPPED.match(probe) is None and begins_record(_beginning(codec, probe)):
                return at + found.start()
        if len(window) < READ_BYTES:
            return None
        at += READ_BYTES
    return None


def _beginning(codec: Codec, data: bytes) -> bytes:
    """What the first bytes of a member inflate to, as far as they go."""
    found = b""
    pieces = iter((data,))
    try:
        for piece in codec.inflate(Tape(lambda _: next(pieces, b""))):
            found += piece
            if len(found) >= PROBE_BYTES:
                break
    except Damaged:
        pass  # the data are cut, so that the member's end is missing
    return found


def _inflate_gzip(tape: Tape) -> Iterator[bytes]:
    _skip_gzip_header(tape)
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    checksum = size = 0
    while not inflater.eof:
        data = inflater.unconsumed_tail or tape.take(IN_BYTES)
        try:
            piece = inflater.decompress(data, OUT_BYTES)
        except zlib.error as error:
            raise Damaged(f"gzip: {error}") from error
        if piece:
            checksum, size = zlib.crc32(piece, checksum), size + len(piece)
            yield piece
        elif not data and not inflater.eof:
            raise Damaged("gzip: the file ends inside the member")
    tape.give_back(inflater.unused_data)
    trailer = tape.take(8)
    if len(trailer) < 8:
        raise Damaged("gzip: the file ends inside the member")
    if struct.unpack("<II", trailer) != (checksum, size & 0xFFFFFFFF):
        raise Damaged("gzip: the checksum or the size of the member differs from what it holds", is_passed=True)


def _skip_gzip_header(tape: Tape) -> None:
    head = tape.take(10)
    if len(head) < 10 or GZIP_MAGIC.match(head) is None:
        raise Damaged("gzip: no header")
    flags = head[3]
    if flags & _FEXTRA:
        tape.take(int.from_bytes(tape.take(2), "little"))
    for flag in (_FNAME, _FCOMMENT):
        if flags & flag:
            length = tape.ahead(1024).find(b"\0")
            length = tape.ahead(MAX_GZIP_NAME_BYTES).find(b"\0") if length < 0 else length
            if length < 0:
                raise Damaged("gzip: a name in the header does not end")
            tape.take(length + 1)
    if flags & _FHCRC:
        tape.take(2)


GZIP = Codec("gzip", GZIP_MAGIC, _inflate_gzip)


def _open_zstd(tape: FileTape) -> Codec:
    """Zstandard with the dictionary that stands at the file's beginning, where one does."""
    import zstandard  # only archives of this kind need it

    tape.seek(0)
    dictionary = None
    if tape.ahead(4) == ZSTD_DICTIONARY:
        size = int.from_bytes(tape.ahead(8)[4:], "little")
        data = tape.ahead(8 + min(size, MAX_DICTIONARY_BYTES))[8:]
        if data[:4] == b"\x28\xb5\x2f\xfd":
            packed = iter((data,))
            pieces = _inflate_zstd(Tape(lambda _: next(packed, b"")), None)
            data = b""
            try:
                for piece in pieces:
                    data += piece
                    if len(data) > MAX_DICTIONARY_BYTES:
                        break
            except Damaged:
                data = b""  # each member that needs the dictionary is then refused
        dictionary = zstandard.ZstdCompressionDict(data) if data else None
        tape.seek(0)
    return Codec("zstd", ZSTD_MAGIC, lambda tape: _inflate_zstd(tape, dictionary))


def _inflate_zstd(tape: Tape, dictionary: Any) -> Iterator[bytes]:
    import zstandard

    if ZSTD_SKIPPED.match(tape.ahead(4)):
        size = int.from_bytes(tape.take(8)[4:], "little")
        if tape.skip(size) < size:
            raise Damaged("zstd: the file ends inside a skippable frame")
        return
    frame = _ZstdFrame(tape)
    inflater = zstandard.ZstdDecompressor(dict_data=dictionary, max_window_size=MAX_WINDOW_BYTES)
    reader = inflater.stream_reader(frame, read_size=MAX_BLOCK_BYTES + 64)  # type: ignore[arg-type]  # it only reads
    while True:
        try:
            piece = reader.read(OUT_BYTES)
        except zstandard.ZstdError as error:
            raise Damaged(f"zstd: {error}", is_passed=frame.is_ended) from error
        if not piece:
            break
        yield piece
    if not frame.is_ended:
        raise Damaged("zstd: the frame ends before its last block")


class _ZstdFrame:
    """One frame of a tape, given block by block, so that the tape stops behind it. Raises Damaged when the frame is cut."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self._has_begun = self._has_checksum = self.is_ended = False

    def read(self, _size: int = -1) -> bytes:
        if self.is_ended:
            return b""
        if not self._has_begun:
            self._has_begun = True
            return self._take(self._header_bytes())
        head = int.from_bytes(self._tape.ahead(3), "little")
        is_last, kind, size = head & 1, head >> 1 & 3, head >> 3
        if kind == 3 or size > MAX_BLOCK_BYTES:
            raise Damaged("zstd: a block's header is damaged")
        data = self._take(3 + (1 if kind == 1 else size))
        if is_last:
            data += self._take(4 if self._has_checksum else 0)
            self.is_ended = True
        return data

    def _header_bytes(self) -> int:
        flags = (self._tape.ahead(5) + bytes(5))[4]
        is_single = flags >> 5 & 1
        self._has_checksum = bool(flags >> 2 & 1)
        content_size = (is_single, 2, 4, 8)[flags >> 6]
        return 5 + (1 - is_single) + (0, 1, 2, 4)[flags & 3] + content_size

    def _take(self, size: int) -> bytes:
        data = self._tape.take(size)
        if len(data) < size:
            raise Damaged("zstd: the file ends inside the frame")
        return data
