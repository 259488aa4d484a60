"""WebDataset tars: members that share a name up to the first dot of their basename are one row."""

from __future__ import annotations

import json
import posixpath
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pipelines.source.files import NETWORK_ERRORS, UNREADABLE_FILE, Files
from pipelines.source.media import blob_name, give_row, numbered_name, open_rows
from pipelines.source.split import BAD_JSON, NOT_UTF8, TRUNCATED_ARCHIVE, Split, make_reject, make_split, printable, unreadable_split
from schemas.outcome import Reason, Reject
from schemas.records import Row

UNSAFE_MEMBER = Reason("unsafe_member", "The archive member's path is absolute or leaves its folder")
LINK_MEMBER = Reason("link_member", "The archive member is a link; links are not followed")
SPECIAL_MEMBER = Reason("special_member", "The archive member is a device or a pipe")
MEMBER_TOO_LARGE = Reason("member_too_large", "The archive member, or its row's together, is larger than a source is allowed to read")
TAR_ERRORS = (tarfile.TarError, EOFError, zlib.error, OSError, ValueError)  # ValueError: numbers in extended headers
MAX_MEMBER_BYTES = 1 << 30
MAX_ROW_BYTES = 2 << 30
MAX_HEADER_BYTES = 1 << 20
SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_LONG_HEADERS = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)


@dataclass(frozen=True, slots=True)
class WebDatasetTar:
    """Rows of the tars at `path` (a file, a glob, or all) below `root`; one split a tar, read as a stream.

    A row is refused as a whole when one of its members is: half a row would look like a row.
    """

    root: str = field(metadata={"fingerprint": False})
    path: str = ""
    licence: str = ""
    max_member_bytes: int = MAX_MEMBER_BYTES
    max_row_bytes: int = MAX_ROW_BYTES
    reasons: ClassVar[tuple[Reason, ...]] = (
        UNSAFE_MEMBER,
        LINK_MEMBER,
        SPECIAL_MEMBER,
        MEMBER_TOO_LARGE,
        TRUNCATED_ARCHIVE,
        UNREADABLE_FILE,
        BAD_JSON,
        NOT_UTF8,
    )

    def splits(self) -> list[Split]:
        files = Files(self.root)
        return [self._split(files, path) for path in files.select(self.path, SUFFIXES)]

    def _split(self, files: Files, path: str) -> Split:
        try:
            size = files.size(path)
            return make_split(path, files.content_id(path), 0, size, -1, size)
        except NETWORK_ERRORS:
            raise
        except OSError:  # one split, which is refused as a whole
            return unreadable_split(path)

    def read(self, split: Split) -> Iterator[Row | Reject]:
        handle = open_rows(Files(self.root), split, self.licence)
        if isinstance(handle, Reject):
            yield handle
            return
        with handle:
            yield from self._read_archive(split, handle)

    def _read_archive(self, split: Split, handle: Any) -> Iterator[Row | Reject]:
        """A member of another name proves a row whole. The one that damage cuts is covered by the reject for the damage."""
        group: _Group | None = None
        at = 0
        try:
            with open_tar(handle) as archive:
                for member in members_of(archive):
                    at = member.offset
                    refused = self._refuse(member)
                    if refused is None and member.isdir():
                        continue
                    name, extension = _split_name(member.name)
                    if group is not None and not group.takes(name, extension):
                        done, group = group, None
                        yield done.row(split, self.licence)
                    group = group or _Group(name, at, _where(member))
                    group.num_bytes += 0 if refused else member.size
                    if refused is None and group.num_bytes > self.max_row_bytes:
                        refused = MEMBER_TOO_LARGE.name, f"the row {name!r} has more than {self.max_row_bytes} bytes"
                    if refused is None:
                        group.add(member, extension, _data_of(archive, member))
                    else:
                        group.refuse(_where(member), *refused)
                check_end(archive)
                if at == 0 and group is None:
                    raise EOFError("the archive holds no row, as one of which only zeros are left")
        except NETWORK_ERRORS:
            raise
        except TAR_ERRORS as error:
            where = f"byte {at}" + (f", in row {group.name} from byte {group.at}" if group else "")
            yield make_reject(split, self.licence, where, TRUNCATED_ARCHIVE.name, f"{type(error).__name__}: {error}")
            return
        if group is not None:
            yield group.row(split, self.licence)

    def _refuse(self, member: tarfile.TarInfo) -> tuple[str, str] | None:
        if member.name.startswith("/") or ".." in member.name.split("/"):
            return UNSAFE_MEMBER.name, f"{member.name!r}"
        if member.issym() or member.islnk():
            return LINK_MEMBER.name, f"{member.name!r} -> {member.linkname!r}"
        if not (member.isfile() or member.isdir()):
            return SPECIAL_MEMBER.name, f"{member.name!r} of type {member.type!r}"
        if member.size > self.max_member_bytes:
            return MEMBER_TOO_LARGE.name, f"{member.name!r} has {member.size} bytes, at most {self.max_member_bytes}"
        return None


class Header(tarfile.TarInfo):
    """A header that is read with suspicion, and that tells the archive when the end mark was met."""

    @classmethod
    def frombuf(cls, buf: Any, encoding: Any, errors: Any) -> Any:
        header = super().frombuf(buf, encoding, errors)
        if header.size < 0 or (header.type in _LONG_HEADERS and header.size > MAX_HEADER_BYTES):
            raise tarfile.ReadError(f"a header of type {header.type!r} announces {header.size} bytes")
        return header

    @classmethod
    def fromtarfile(cls, archive: Any) -> Any:
        try:
            return super().fromtarfile(archive)
        except tarfile.HeaderError as error:
            archive.is_ended = type(error).__name__ == "EOFHeaderError"
            raise


def _data_of(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    """Raises EOFError when the archive ends inside the member."""
    stream = archive.extractfile(member)
    data = stream.read() if stream is not None else b""
    if len(data) != member.size:
        raise EOFError(f"member {member.name!r} announces {member.size} bytes, {len(data)} are there")
    return data


def members_of(archive: Any) -> Iterator[tarfile.TarInfo]:
    """The members of an archive that is read as a stream. It would keep the header of every one, and pass by one of an absurd size for ever.

    Raises: EOFError when the archive ends inside a member that was not read.
    """
    for member in archive:
        yield member
        archive.members.clear()
        left = archive.offset - 1 - archive.fileobj.tell()  # up to the last byte before the next header
        while left > 0:
            found = len(archive.fileobj.read(min(left, 1 << 16)))
            if not found:
                raise EOFError(f"member {member.name!r} announces {member.size} bytes, {left} of them are not there")
            left -= found


def open_tar(handle: Any) -> tarfile.TarFile:
    """An archive as a stream, compressed or not. Raises: TAR_ERRORS."""
    try:
        return tarfile.open(fileobj=handle, mode="r|*", tarinfo=Header)
    except TypeError as error:  # of a gzip header that ends after its first bytes
        raise tarfile.ReadError(f"the archive ends in its first bytes ({error})") from error


def check_end(archive: Any) -> None:
    """Raises EOFError when the archive has no end mark, or more follows it.

    tarfile itself takes any damage after the first member for the end, and drops the rest without a word.
    """
    if not getattr(archive, "is_ended", False):
        raise EOFError("the archive has no end mark; it is cut or damaged here")
    while block := archive.fileobj.read(1 << 16):
        if block.count(0) != len(block):
            raise EOFError("data follows the archive's end mark")


def _where(member: tarfile.TarInfo) -> str:
    return f"member {member.name} at byte {member.offset}"


def _split_name(path: str) -> tuple[str, str]:
    """WebDataset's rule: the key is the folder and the basename up to its first dot."""
    folder, base = posixpath.split(path)
    stem, _, extension = base.partition(".")
    return printable(posixpath.join(folder, stem)), extension.lower()


class _Group:
    """The members of one row, as they come."""

    def __init__(self, name: str, at: int, locator: str) -> None:
        self.name, self.at, self.locator = name, at, locator
        self.num_bytes = 0
        self.extensions: set[str] = set()
        self.fields: dict[str, Any] = {}
        self.blobs: dict[str, bytes] = {}
        self.counts: dict[str, int] = {}
        self.problem: tuple[str, str, str] | None = None

    def takes(self, name: str, extension: str) -> bool:
        """Whether a member belongs to this row; a second one of the same extension begins another."""
        return name == self.name and extension not in self.extensions

    def refuse(self, locator: str, reason: str, detail: str) -> None:
        """The first problem is the one that is reported; what was read is let go."""
        self.problem = self.problem or (locator, reason, detail)
        self.blobs.clear()

    def add(self, member: tarfile.TarInfo, extension: str, data: bytes) -> None:
        self.extensions.add(extension)
        if self.problem is not None:
            return
        if extension not in ("txt", "cls", "json"):
            kind = blob_name(f"x.{extension}")
            kind = printable(extension) or "file" if kind in ("file", "text") else kind
            number = self.counts.get(kind, 0)
            self.counts[kind] = number + 1
            self.blobs[numbered_name(kind, number)] = data
            return
        try:
            self._add_text(extension, data.decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            self.refuse(_where(member), NOT_UTF8.name, str(error))
        except (ValueError, RecursionError) as error:
            self.refuse(_where(member), BAD_JSON.name, str(error))

    def _add_text(self, extension: str, text: str) -> None:
        if extension == "txt":
            self.fields["text"] = text.strip()
        elif extension == "cls":
            self.fields["label"] = int(text)
        else:
            found = json.loads(text)
            self.fields |= found if isinstance(found, dict) else {"json": found}

    def row(self, split: Split, licence: str) -> Row | Reject:
        if self.problem is not None:
            locator, reason, detail = self.problem
            return make_reject(split, licence, locator, reason, detail)
        return give_row(split, licence, self.locator, {"__key__": self.name, **self.fields}, self.blobs)
