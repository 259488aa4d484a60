"""WebDataset tars: members that share a name up to the first dot of their basename are one row."""

from __future__ import annotations

import json
import posixpath
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pipelines.source.files import Files
from pipelines.source.folders import blob_name
from pipelines.source.manifest import BAD_JSON, TRUNCATED_ARCHIVE
from pipelines.source.split import Split, make_reject, make_row, make_split
from schemas.outcome import Reason, Reject
from schemas.records import Row

UNSAFE_MEMBER = Reason("unsafe_member", "The archive member's path is absolute or leaves its folder")
LINK_MEMBER = Reason("link_member", "The archive member is a link; links are not followed")
SPECIAL_MEMBER = Reason("special_member", "The archive member is a device or a pipe")
MEMBER_TOO_LARGE = Reason("member_too_large", "The archive member is larger than a source is allowed to read")
TAR_ERRORS = (tarfile.TarError, EOFError, zlib.error, OSError)
MAX_MEMBER_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class WebDatasetTar:
    """Rows of the tars at `path` (a file, or a folder of them) below `root`; one split a tar, read as a stream."""

    root: str = field(metadata={"fingerprint": False})
    path: str = ""
    licence: str = ""
    max_member_bytes: int = MAX_MEMBER_BYTES
    reasons: ClassVar = (UNSAFE_MEMBER, LINK_MEMBER, SPECIAL_MEMBER, MEMBER_TOO_LARGE, TRUNCATED_ARCHIVE, BAD_JSON)

    def splits(self) -> list[Split]:
        files = Files(self.root)
        paths = [self.path] if self.path else files.walk((".tar", ".tar.gz", ".tgz"))
        return [make_split(path, files.content_id(path), 0, files.size(path), -1, files.size(path)) for path in paths]

    def read(self, split: Split) -> Iterator[Row | Reject]:
        with Files(self.root).open(split.path) as handle:
            group: _Group | None = None
            at = 0
            try:
                with tarfile.open(fileobj=handle, mode="r|*") as archive:
                    for member in archive:
                        at = member.offset
                        name, dot, extension = _split_name(member.name)
                        refused = self._refuse(member)
                        if refused is not None:
                            yield make_reject(split, self.licence, _where(member), *refused)
                            continue
                        if member.isdir():
                            continue
                        if group is not None and group.name != name:
                            yield group.row(split, self.licence)
                            group = None
                        group = group or _Group(name, _where(member), {}, {})
                        stream = archive.extractfile(member)
                        data = stream.read() if stream is not None else b""
                        if len(data) != member.size:
                            raise EOFError(f"member {member.name} announces {member.size} bytes, {len(data)} are there")
                        group.add(extension if dot else "", data)
            except TAR_ERRORS as error:
                where = f"byte {at}" + (f", in row {group.name}" if group else "")
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


def _where(member: tarfile.TarInfo) -> str:
    return f"{member.name} at byte {member.offset}"


def _split_name(path: str) -> tuple[str, str, str]:
    """WebDataset's rule: the key is the folder and the basename up to its first dot."""
    folder, base = posixpath.split(path)
    stem, dot, extension = base.partition(".")
    return posixpath.join(folder, stem), dot, extension.lower()


@dataclass
class _Group:
    name: str
    locator: str
    fields: dict[str, Any]
    blobs: dict[str, bytes]
    problem: str = ""

    def add(self, extension: str, data: bytes) -> None:
        if extension == "txt":
            self.fields["text"] = data.decode("utf-8", "replace").strip()
        elif extension == "cls":
            text = data.decode("utf-8", "replace").strip()
            self.fields["label"] = int(text) if text.lstrip("-").isdigit() else text
        elif extension == "json":
            try:
                found = json.loads(data)
                self.fields |= found if isinstance(found, dict) else {"json": found}
            except ValueError as error:
                self.problem = f"{self.name}.json: {error}"
        else:
            kind = blob_name(f"x.{extension}")
            self.blobs[extension if kind == "file" else kind] = data

    def row(self, split: Split, licence: str) -> Row | Reject:
        if self.problem:
            return make_reject(split, licence, self.locator, BAD_JSON.name, self.problem)
        return make_row(split, licence, self.locator, {"__key__": self.name, **self.fields}, self.blobs)
