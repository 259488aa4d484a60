"""JSON files that hold one list of rows, as LLaVA, ShareGPT and their kin ship them. Read in parts: such files reach gigabytes."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, ClassVar

from pipelines.source.files import MAX_FILE_BYTES, NETWORK_ERRORS, Files
from pipelines.source.manifest import LINE_TOO_LONG, parse_object
from pipelines.source.media import ROW_REASONS, Media, give_row, open_media, open_rows
from pipelines.source.split import (
    BYTES_PER_SPLIT,
    ROWS_PER_SPLIT,
    Split,
    check_positive,
    make_reject,
    make_split,
    unreadable_split,
)
from schemas.outcome import Reason, Refused, Reject
from schemas.records import Row

SUFFIXES = (".json",)
BLOCK_BYTES = 1 << 20
SPACE = b" \t\r\n"
MARK = b"\xef\xbb\xbf"  # that some editors put before UTF-8
_OUTSIDE, _INSIDE = re.compile(rb'["{}\[\],]'), re.compile(rb'["\\]')  # what counts outside of a string, and inside


@dataclass(frozen=True, slots=True)
class JsonArray:
    """The objects of the list, or the one object, in each JSON file at `path` (a file, a glob, or all) below `root`; media beside it, or in `media_root`."""

    root: str = field(metadata={"fingerprint": False})
    path: str = ""
    licence: str = ""
    media_root: str = field(default="", metadata={"fingerprint": False})
    rows_per_split: int = ROWS_PER_SPLIT
    bytes_per_split: int = BYTES_PER_SPLIT
    max_row_bytes: int = 64 << 20
    max_file_bytes: int = MAX_FILE_BYTES
    reasons: ClassVar[tuple[Reason, ...]] = (LINE_TOO_LONG, *ROW_REASONS)

    def __post_init__(self) -> None:
        check_positive(self, "rows_per_split", "bytes_per_split", "max_row_bytes", "max_file_bytes")

    def splits(self) -> list[Split]:
        files = Files(self.root)
        return [split for path in files.select(self.path, SUFFIXES) for split in self._splits_of(files, path)]

    def _splits_of(self, files: Files, path: str) -> list[Split]:
        try:
            with files.open(path) as handle, files.open(path) as again:
                return list(self._cut(handle, again, path))
        except NETWORK_ERRORS:
            raise
        except OSError:  # one split, which is refused as a whole
            return [unreadable_split(path)]

    def _cut(self, handle: IO[bytes], again: IO[bytes], path: str) -> Iterator[Split]:
        """Splits of whole rows; their revision is the digest of their own bytes, from the first row's start to the last one's end."""
        held: list[tuple[int, int]] = []
        first = 0
        for span in spans(handle):
            held.append(span)
            if len(held) >= self.rows_per_split or span[1] - held[0][0] >= self.bytes_per_split:
                yield _split(again, path, held, first)
                held, first = [], first + len(held)
        if held:
            yield _split(again, path, held, first)

    def read(self, split: Split) -> Iterator[Row | Reject]:
        media = open_media(self.root, self.media_root, split.path, self.max_file_bytes)
        handle = open_rows(Files(self.root), split, self.licence)
        if isinstance(handle, Reject):
            yield handle
            return
        with handle, Files(self.root).open(split.path) as again:  # each goes forward only, and keeps its buffer
            handle.seek(split.start)
            # one row is all there is between its ends, whatever stands there: commas too, in a file that is no list
            for start, stop in [(split.start, split.stop)] if split.num_rows == 1 else spans(handle, split.start, split.stop):
                yield self._row(media, split, again, start, stop)

    def _row(self, media: Media, split: Split, handle: IO[bytes], start: int, stop: int) -> Row | Reject:
        locator = f"byte {start}"
        if stop - start > self.max_row_bytes:
            detail = f"{stop - start} bytes, at most {self.max_row_bytes}"
            return make_reject(split, self.licence, locator, LINE_TOO_LONG.name, detail)
        handle.seek(start)
        try:
            fields = parse_object(handle.read(stop - start))
        except Refused as refused:
            return make_reject(split, self.licence, locator, refused.reason.name, refused.detail)
        return give_row(split, self.licence, locator, fields, {}, media)


def _split(handle: IO[bytes], path: str, held: list[tuple[int, int]], first: int) -> Split:
    start, stop = held[0][0], held[-1][1]
    handle.seek(start)
    state, left = hashlib.blake2b(digest_size=16), stop - start
    while left > 0 and (data := handle.read(min(left, BLOCK_BYTES))):
        state.update(data)
        left -= len(data)
    return make_split(path, state.hexdigest(), start, stop, len(held), stop - start, first)


def spans(handle: IO[bytes], start: int = 0, stop: int | None = None) -> Iterator[tuple[int, int]]:
    """(first byte, byte after the last) of every element of the list that a file is, found without parsing the elements.

    With `stop`, of the elements between two such places. A file that is no list is one element, and so is what follows where
    the list's end is missing: parsing it tells what is wrong.
    """
    depth = 1 if stop is not None else 0
    at, in_string = start, False
    first = last = -1  # first byte of the element, and the byte after the last, white space around it left out
    while True:
        block = handle.read(BLOCK_BYTES if stop is None else min(BLOCK_BYTES, stop - at))
        if not block:
            break
        place = 0
        if at == 0 and stop is None:  # the list's own bracket
            lead = len(block) - len(block.removeprefix(MARK).lstrip(SPACE))
            if block[lead : lead + 1] != b"[":
                if lead < len(block):
                    yield lead, handle.seek(0, io.SEEK_END)
                return
            place, depth = lead + 1, 1
        while True:
            found = (_INSIDE if in_string else _OUTSIDE).search(block, place)
            gap = block[place : found.start() if found else len(block)]
            if gap.strip(SPACE):
                first = at + place + len(gap) - len(gap.lstrip(SPACE)) if first < 0 else first
                last = at + place + len(gap.rstrip(SPACE))
            if found is None:
                break
            sign, place = found[0], found.end()
            if depth == 1 and not in_string and sign in b",]":  # what parts elements, or ends the list
                if first >= 0:
                    yield first, last
                if sign == b"]":
                    return
                first = last = -1
                continue
            first, last = at + found.start() if first < 0 else first, at + place
            if in_string:
                if sign == b'"':
                    in_string = False
                elif place < len(block):
                    place += 1  # what a backslash escapes
                else:  # the escaped sign begins the next block
                    block += handle.read(1)
                    place = len(block)
                last = at + place
            elif sign == b'"':
                in_string = True
            elif sign in b"{[":
                depth += 1
            elif sign in b"}]" and depth > 1:
                depth -= 1
        at += len(block)
    if first >= 0:
        yield first, last
