"""Folders of files: a row a file, with the text and the fields that lie beside it."""

from __future__ import annotations

import functools
import json
import posixpath
from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from typing import ClassVar

from pipelines.source.files import MAX_FILE_BYTES, NETWORK_ERRORS, Files, numbered
from pipelines.source.media import ROW_REASONS, blob_name, give_row
from pipelines.source.split import BAD_JSON, NOT_UTF8, ROWS_PER_SPLIT, Split, check_positive, make_reject, make_split
from schemas.identity import digest
from schemas.outcome import Reason, Refused, Reject
from schemas.records import Row


@dataclass(frozen=True, slots=True)
class Folder:
    """One row a file, in order of path. `<stem>.txt` and `<stem>.json` beside a media file give it text and fields.

    A row's key and origin name its own file, so that another file beside it, or other splits, do not change them.
    """

    root: str = field(metadata={"fingerprint": False})
    suffixes: tuple[str, ...] = ()
    licence: str = ""
    rows_per_split: int = ROWS_PER_SPLIT
    max_file_bytes: int = MAX_FILE_BYTES
    reasons: ClassVar[tuple[Reason, ...]] = ROW_REASONS

    def __post_init__(self) -> None:
        check_positive(self, "rows_per_split", "max_file_bytes")
        if isinstance(self.suffixes, str):
            raise ValueError(f"Folder: suffixes is {self.suffixes!r}, expected a list such as ['.jpg', '.png']")

    def splits(self) -> list[Split]:
        """The first half of a revision names the paths, the second the contents; sidecars count as content."""
        _listing.cache_clear()
        files = Files(self.root)
        paths, everything = _listing(self.root, tuple(suffix.lower() for suffix in self.suffixes))
        found = []
        for start, stop in numbered(paths, self.rows_per_split):
            contents, size = [], 0
            for path in paths[start:stop]:
                for name in (path, *_sidecars(path, everything)):
                    content, num_bytes = _glance(files, name)
                    contents.append(content)
                    size += num_bytes
            revision = digest(*paths[start:stop])[:16] + digest(*contents)[:16]
            found.append(make_split(paths[start], revision, start, stop, stop - start, size, start))
        return found

    def read(self, split: Split) -> Iterator[Row | Reject]:
        files = Files(self.root)
        paths, everything = self._find(split)
        for path in paths:
            try:
                blobs = {blob_name(path): files.read_media(path, self.max_file_bytes)}
                fields = self._fields(files, everything, path)
            except Refused as refused:
                yield make_reject(split, self.licence, "the file", refused.reason.name, refused.detail, path)
                continue
            yield give_row(split, self.licence, "the file", fields, blobs, place=path)

    def _find(self, split: Split) -> tuple[tuple[str, ...], Set[str]]:
        """The files of a split. The listing is kept between splits; one that no longer fits is made again."""
        suffixes = tuple(suffix.lower() for suffix in self.suffixes)
        for _ in range(2):
            paths, everything = _listing(self.root, suffixes)
            part = paths[split.start : split.stop]
            if digest(*part)[:16] == split.revision[:16]:
                return part, everything
            _listing.cache_clear()
        raise ValueError(
            f"reading files {split.start} to {split.stop} of {self.root}: other files are there than when it was listed; start the build again"
        )

    def _fields(self, files: Files, everything: Set[str], path: str) -> dict[str, object]:
        fields: dict[str, object] = {"path": path}
        for name in _sidecars(path, everything):
            data = files.read_media(name, self.max_file_bytes)
            try:
                text = data.decode("utf-8-sig")
                if name.endswith(".txt"):
                    fields["text"] = text.strip()
                    continue
                found = json.loads(text)
            except UnicodeDecodeError as error:
                raise Refused(NOT_UTF8, f"{name!r}: {error}") from error
            except (ValueError, RecursionError) as error:
                raise Refused(BAD_JSON, f"{name!r}: {error}") from error
            if not isinstance(found, dict):
                raise Refused(BAD_JSON, f"{name!r} holds a JSON {type(found).__name__}, expected an object")
            fields |= found
        return fields


@functools.lru_cache(maxsize=2)
def _listing(root: str, suffixes: tuple[str, ...]) -> tuple[tuple[str, ...], frozenset[str]]:
    """(the paths that are rows, all paths) below a root. Sidecars of media files are no rows."""
    everything = Files(root).walk()
    stems = {posixpath.splitext(path)[0] for path in everything if blob_name(path) in ("image", "audio")}
    beside = {path for path in everything if path.endswith((".txt", ".json")) and posixpath.splitext(path)[0] in stems}
    rows = tuple(path for path in everything if path not in beside and (not suffixes or path.lower().endswith(suffixes)))
    return rows, frozenset(everything)


def _sidecars(path: str, everything: Set[str]) -> list[str]:
    if blob_name(path) not in ("image", "audio"):
        return []
    stem = posixpath.splitext(path)[0]
    return [name for name in (f"{stem}.txt", f"{stem}.json") if name in everything]


def _glance(files: Files, path: str) -> tuple[str, int]:
    """(content id, size); fixed ones for what may not or cannot be read: it is refused when its row is read."""
    try:
        if files.is_local:
            files.resolve_local(path)
        return files.glance_id(path), files.size(path)
    except NETWORK_ERRORS:
        raise
    except (OSError, Refused):
        return "unreadable", 0
