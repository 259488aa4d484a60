"""Folders of files, and COCO annotation files over a folder of images."""

from __future__ import annotations

import functools
import json
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pipelines.source.files import FILE_REASONS, UNREADABLE_FILE, Files, numbered
from pipelines.source.split import ROWS_PER_SPLIT, Split, make_reject, make_row, make_split
from schemas.identity import digest
from schemas.outcome import Refused, Reject
from schemas.records import Row

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".jp2", ".ppm", ".pgm", ".ico", ".tga")
AUDIO_SUFFIXES = (".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".aac", ".sph", ".aiff")
TEXT_SUFFIXES = (".txt", ".html", ".htm", ".md")


def blob_name(path: str) -> str:
    """The blob that a file becomes, by its ending."""
    lower = path.lower()
    for name, suffixes in (("image", IMAGE_SUFFIXES), ("audio", AUDIO_SUFFIXES), ("text", TEXT_SUFFIXES)):
        if lower.endswith(suffixes):
            return name
    return "file"


@dataclass(frozen=True, slots=True)
class Folder:
    """One row a file, in order of path. `<stem>.txt` and `<stem>.json` beside a media file give it text and fields."""

    root: str = field(metadata={"fingerprint": False})
    suffixes: tuple[str, ...] = ()
    licence: str = ""
    rows_per_split: int = ROWS_PER_SPLIT
    reasons: ClassVar = FILE_REASONS

    def _paths(self, files: Files) -> list[str]:
        paths = files.walk(self.suffixes)
        stems = {posixpath.splitext(path)[0] for path in paths if blob_name(path) in ("image", "audio")}
        return [path for path in paths if not (path.endswith((".txt", ".json")) and posixpath.splitext(path)[0] in stems)]

    def splits(self) -> list[Split]:
        files = Files(self.root)
        paths = self._paths(files)
        found = []
        for start, stop in numbered(paths, self.rows_per_split):
            pieces = []
            for path in paths[start:stop]:
                try:
                    pieces.append(files.content_id(path))
                except OSError:  # a dangling or hostile link: refused when it is read
                    pieces.append("unreadable")
            revision = digest(*paths[start:stop], *pieces)
            found.append(make_split(f"{paths[start]}..{paths[stop - 1]}", revision, start, stop, stop - start, 0))
        return found

    def read(self, split: Split) -> Iterator[Row | Reject]:
        files = Files(self.root)
        everything = set(files.walk())
        for path in self._paths(files)[split.start : split.stop]:
            try:
                blobs = {blob_name(path): files.read_media(path)}
                fields = self._sidecars(files, everything, path)
            except Refused as refused:
                yield make_reject(split, self.licence, path, refused.reason.name, refused.detail)
                continue
            yield make_row(split, self.licence, path, fields, blobs)

    def _sidecars(self, files: Files, everything: set[str], path: str) -> dict[str, object]:
        fields: dict[str, object] = {"path": path}
        stem = posixpath.splitext(path)[0]
        if blob_name(path) not in ("image", "audio"):
            return fields
        if f"{stem}.txt" in everything:
            fields["text"] = files.read_media(f"{stem}.txt").decode("utf-8", "replace").strip()
        if f"{stem}.json" in everything:
            try:
                found = json.loads(files.read_media(f"{stem}.json"))
            except ValueError as error:
                raise Refused(UNREADABLE_FILE, f"{stem}.json is not JSON: {error}") from error
            fields |= found if isinstance(found, dict) else {}
        return fields


@functools.lru_cache(maxsize=2)
def _load_coco(root: str, path: str, revision: str) -> list[dict[str, Any]]:
    with Files(root).open(path) as handle:
        raw = json.load(handle)
    licences = {item.get("id"): item.get("name", "") for item in raw.get("licenses", [])}
    categories = {item["id"]: item.get("name", "") for item in raw.get("categories", [])}
    rows: dict[Any, dict[str, Any]] = {}
    for image in raw.get("images", []):
        rows[image["id"]] = {
            "image_id": image["id"],
            "file_name": image.get("file_name", ""),
            "width": image.get("width"),
            "height": image.get("height"),
            "licence": licences.get(image.get("license"), ""),
            "captions": [],
            "boxes": [],
        }
    for note in sorted(raw.get("annotations", []), key=lambda note: str(note.get("id", "")).zfill(20)):
        row = rows.get(note.get("image_id"))
        if row is not None and "caption" in note:
            row["captions"].append(note["caption"])
        if row is not None and "bbox" in note:
            row["boxes"].append({"bbox": note["bbox"], "category": categories.get(note.get("category_id"), "")})
    return [rows[key] for key in sorted(rows, key=lambda key: str(key).zfill(20))]


@dataclass(frozen=True, slots=True)
class CocoAnnotations:
    """One row an image of a COCO JSON file: captions and boxes of it, and the image's bytes from `images` below the root."""

    root: str = field(metadata={"fingerprint": False})
    path: str = ""
    images: str = ""
    licence: str = ""
    rows_per_split: int = ROWS_PER_SPLIT
    reasons: ClassVar = FILE_REASONS

    def splits(self) -> list[Split]:
        revision = Files(self.root).content_id(self.path)
        rows = _load_coco(self.root, self.path, revision)
        return [make_split(self.path, revision, start, stop, stop - start, 0) for start, stop in numbered(rows, self.rows_per_split)]

    def read(self, split: Split) -> Iterator[Row | Reject]:
        files = Files(self.root)
        for row in _load_coco(self.root, split.path, split.revision)[split.start : split.stop]:
            locator = f"image {row['image_id']}"
            try:
                blobs = {"image": files.read_media(posixpath.join(self.images, row["file_name"]))}
            except Refused as refused:
                yield make_reject(split, self.licence, locator, refused.reason.name, refused.detail)
                continue
            yield make_row(split, self.licence, locator, row, blobs)
