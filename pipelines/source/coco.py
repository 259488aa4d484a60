"""COCO annotation files: a row an image, with its captions and its boxes (those of `instances` and of `person_keypoints` alike)."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pipelines.source.files import MAX_FILE_BYTES, MISSING_FILE, NETWORK_ERRORS, UNREADABLE_FILE, Files, numbered
from pipelines.source.media import ROW_REASONS, Media, give_row, open_media
from pipelines.source.split import BAD_JSON, NOT_UTF8, ROWS_PER_SPLIT, Split, check_positive, make_reject, make_split, unreadable_split
from schemas.outcome import Reason, Refused, Reject
from schemas.records import Row


@dataclass(frozen=True, slots=True)
class CocoAnnotations:
    """One row an image of a COCO JSON file, in order of id: its captions or boxes, and its bytes.

    Pictures lie in the folder `images` below `media_root`, which is the file's own folder unless given.
    """

    root: str = field(metadata={"fingerprint": False})
    path: str = ""
    images: str = ""
    licence: str = ""
    media_root: str = field(default="", metadata={"fingerprint": False})
    rows_per_split: int = ROWS_PER_SPLIT
    max_file_bytes: int = MAX_FILE_BYTES
    reasons: ClassVar[tuple[Reason, ...]] = ROW_REASONS

    def __post_init__(self) -> None:
        check_positive(self, "rows_per_split", "max_file_bytes")

    def splits(self) -> list[Split]:
        files = Files(self.root)
        try:
            revision = files.content_id(self.path)
            rows = _load_coco(self.root, self.path, revision)
        except NETWORK_ERRORS:
            raise
        except (OSError, Refused):  # one split, which is refused as a whole
            return [unreadable_split(self.path)]
        cuts = numbered(rows, self.rows_per_split)
        return [make_split(self.path, revision, start, stop, stop - start, 0, start) for start, stop in cuts]

    def read(self, split: Split) -> Iterator[Row | Reject]:
        try:
            rows = _load_coco(self.root, split.path, split.revision)
        except NETWORK_ERRORS:
            raise
        except OSError as error:
            yield make_reject(split, self.licence, "the file", UNREADABLE_FILE.name, f"{error.strerror or error}")
            return
        except Refused as refused:
            yield make_reject(split, self.licence, "the file", refused.reason.name, refused.detail)
            return
        beside = open_media(self.root, self.media_root, split.path, self.max_file_bytes)
        media = Media(beside.files, f"{beside.folder}/{self.images}".strip("/"), self.max_file_bytes)
        yield from media.files.side_by_side(lambda told: self._row(media, split, *told), rows[split.start : split.stop])

    def _row(self, media: Media, split: Split, locator: str, row: dict[str, Any], problem: str) -> Row | Reject:
        if problem:
            return make_reject(split, self.licence, locator, BAD_JSON.name, problem)
        if not row["file_name"]:
            return make_reject(split, self.licence, locator, MISSING_FILE.name, "the image has no file_name")
        try:
            blobs = {"image": media.read(row["file_name"])}
        except Refused as refused:
            return make_reject(split, self.licence, locator, refused.reason.name, refused.detail)
        return give_row(split, self.licence, locator, dict(row), blobs)


@functools.lru_cache(maxsize=2)
def _load_coco(root: str, path: str, revision: str) -> list[tuple[str, dict[str, Any], str]]:
    """(locator, fields, what is wrong with it) of each image. Parsed once a process; `revision` keys the cache.

    Raises:
        OSError, Refused: a file that cannot be read, or holds no COCO annotations.
    """
    with Files(root).open(path) as handle:
        data = handle.read()
    try:
        raw = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise Refused(NOT_UTF8, str(error)) from error
    except (ValueError, RecursionError) as error:
        raise Refused(BAD_JSON, str(error)) from error
    if not isinstance(raw, dict) or not isinstance(raw.get("images"), list):
        raise Refused(BAD_JSON, "expected an object with a list of images")
    notes = _of_images(_objects(raw, "annotations"), _names(raw, "categories"))
    licences = _names(raw, "licenses")
    rows: list[tuple[tuple[Any, ...], str, dict[str, Any], str]] = []
    seen: set[str] = set()
    for number, image in enumerate(raw["images"]):
        if not isinstance(image, dict) or not isinstance(image.get("id"), (int, str)):
            rows.append(((2, number), f"entry {number} of images", {}, "the image has no id"))
            continue
        key = _key(image["id"])
        locator = f"image {image['id']}"
        if locator in seen:  # two images of one id: both are rows
            locator += f", entry {number} of images"
        seen.add(locator)
        row = {
            "image_id": image["id"],
            "file_name": image["file_name"] if isinstance(image.get("file_name"), str) else "",
            "width": image.get("width"),
            "height": image.get("height"),
            "licence": licences.get(str(image.get("license")), ""),
            **notes.get(key, {"captions": [], "boxes": []}),
        }
        rows.append(((*key, number), locator, row, ""))
    return [row[1:] for row in sorted(rows, key=lambda row: row[0])]


def _of_images(annotations: list[dict[str, Any]], categories: dict[str, str]) -> dict[tuple[Any, ...], dict[str, list[Any]]]:
    """Captions and boxes by image, in order of annotation id."""
    found: dict[tuple[Any, ...], dict[str, list[Any]]] = {}
    for note in sorted(annotations, key=lambda note: _key(note.get("id"))):
        lists = found.setdefault(_key(note.get("image_id")), {"captions": [], "boxes": []})
        if "caption" in note:
            lists["captions"].append(note["caption"])
        if "bbox" in note:
            crowd = {"iscrowd": 1} if note.get("iscrowd") else {}  # a region of many objects, not told apart
            lists["boxes"].append({"bbox": note["bbox"], "category": categories.get(str(note.get("category_id")), ""), **crowd})
    return found


def _key(name: Any) -> tuple[Any, ...]:
    """Sorts numbers before texts."""
    return (0, name) if isinstance(name, int) else (1, str(name))


def _objects(raw: dict[str, Any], name: str) -> list[dict[str, Any]]:
    listed = raw.get(name)
    return [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []


def _names(raw: dict[str, Any], table: str) -> dict[str, str]:
    return {str(item.get("id")): item["name"] for item in _objects(raw, table) if isinstance(item.get("name"), str)}
