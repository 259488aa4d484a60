"""Folders of files: a row a file, with the text and the fields that lie beside it."""

from __future__ import annotations

import functools
import json
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from pipelines.source.files import MAX_FILE_BYTES, Files, numbered
from pipelines.source.media import MEDIA, ROW_REASONS, blob_name, give_row
from pipelines.source.split import BAD_JSON, NOT_UTF8, ROWS_PER_SPLIT, Split, check_positive, make_reject, make_split
from schemas.identity import digest
from schemas.outcome import Reason, Refused, Reject
from schemas.records import Row

TEXT, OBJECT = "text", ".json"  # what files of the same stem beside a media file give: its text, and fields of their own names


@dataclass(frozen=True, slots=True)
class Folder:
    """One row a file, in order of path. `<stem>.txt` and `<stem>.json` beside a media file give it text and fields.

    `beside` names sibling folders that tell about a file: with beside = ["key"], `img/7.jpg` has in its field `key` what
    `key/7.*` holds, an object where that is JSON, else text. What lies in such a folder is no row.
    A row's key and origin name its own file, so that another file beside it, or other splits, do not change them.
    """

    root: str = field(metadata={"fingerprint": False})
    suffixes: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    licence: str = ""
    rows_per_split: int = ROWS_PER_SPLIT
    max_file_bytes: int = MAX_FILE_BYTES
    reasons: ClassVar[tuple[Reason, ...]] = ROW_REASONS

    def __post_init__(self) -> None:
        check_positive(self, "rows_per_split", "max_file_bytes")
        for name, example in (("suffixes", ".jpg"), ("beside", "labels")):
            if isinstance(getattr(self, name), str):
                raise ValueError(f"Folder: {name} is {getattr(self, name)!r}, expected a list such as [{example!r}]")

    def splits(self) -> list[Split]:
        """The first half of a revision names the paths, the second the contents; sidecars count as content."""
        _listing.cache_clear()
        files = Files(self.root)
        paths, tellers = self._list()
        found = []
        for start, stop in numbered(paths, self.rows_per_split):
            names = [name for path in paths[start:stop] for name in (path, *tellers.get(path, {}).values())]
            known = files.glances(names)
            revision = digest(*paths[start:stop])[:16] + digest(*(content for content, _ in known))[:16]
            found.append(make_split(paths[start], revision, start, stop, stop - start, sum(size for _, size in known), start))
        return found

    def read(self, split: Split) -> Iterator[Row | Reject]:
        files = Files(self.root)
        paths, tellers = self._find(split)
        yield from files.side_by_side(lambda path: self._row(files, split, path, tellers.get(path, {})), paths)

    def _row(self, files: Files, split: Split, path: str, tellers: Mapping[str, str]) -> Row | Reject:
        try:
            blobs = {blob_name(path): files.read_media(path, self.max_file_bytes)}
            fields = self._fields(files, path, tellers)
        except Refused as refused:
            return make_reject(split, self.licence, "the file", refused.reason.name, refused.detail, path)
        return give_row(split, self.licence, "the file", fields, blobs, place=path)

    def _list(self) -> tuple[tuple[str, ...], Mapping[str, Mapping[str, str]]]:
        return _listing(self.root, tuple(suffix.lower() for suffix in self.suffixes), self.beside)

    def _find(self, split: Split) -> tuple[tuple[str, ...], Mapping[str, Mapping[str, str]]]:
        """The files of a split. The listing is kept between splits; one that no longer fits is made again."""
        for _ in range(2):
            paths, tellers = self._list()
            part = paths[split.start : split.stop]
            if digest(*part)[:16] == split.revision[:16]:
                return part, tellers
            _listing.cache_clear()
        raise ValueError(
            f"reading files {split.start} to {split.stop} of {self.root}: other files are there than when it was listed; start the build again"
        )

    def _fields(self, files: Files, path: str, tellers: Mapping[str, str]) -> dict[str, object]:
        fields: dict[str, object] = {"path": path}
        for told, name in tellers.items():
            data = files.read_media(name, self.max_file_bytes)
            try:
                text = data.decode("utf-8-sig")
                found = json.loads(text) if name.endswith(".json") else text.strip()
            except UnicodeDecodeError as error:
                raise Refused(NOT_UTF8, f"{name!r}: {error}") from error
            except (ValueError, RecursionError) as error:
                raise Refused(BAD_JSON, f"{name!r}: {error}") from error
            if told in (TEXT, *self.beside):
                fields[told] = found
            elif isinstance(found, dict):
                fields |= found
            else:
                raise Refused(BAD_JSON, f"{name!r} holds a JSON {type(found).__name__}, expected an object")
        return fields


@functools.lru_cache(maxsize=2)
def _listing(root: str, suffixes: tuple[str, ...], beside: tuple[str, ...]) -> tuple[tuple[str, ...], Mapping[str, Mapping[str, str]]]:
    """(the paths that are rows, for each that has them the paths that tell about it, by field) below a root."""
    everything = Files(root).walk()
    by_stem: dict[str, list[str]] = {}
    for path in everything:
        by_stem.setdefault(posixpath.splitext(path)[0], []).append(path)
    tellers: dict[str, dict[str, str]] = {}
    told: set[str] = set()
    for path in everything:
        if blob_name(path) not in MEDIA:
            continue
        stem = posixpath.splitext(path)[0]
        found = {
            TEXT if name.endswith(".txt") else OBJECT: name for name in reversed(by_stem[stem]) if name in (f"{stem}.txt", f"{stem}.json")
        }
        told.update(found.values())
        folder, name = posixpath.split(stem)
        for sibling in beside:
            there = by_stem.get(posixpath.join(posixpath.dirname(folder), sibling, name))
            found |= {sibling: there[0]} if there else {}
        if found:
            tellers[path] = found
    rows = (path for path in everything if path not in told and posixpath.basename(posixpath.dirname(path)) not in beside)
    return tuple(path for path in rows if not suffixes or path.lower().endswith(suffixes)), tellers
