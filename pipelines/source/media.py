"""Which media files a row names, and their bytes."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import IO

from pipelines.source.files import FILE_REASONS, MAX_FILE_BYTES, NETWORK_ERRORS, UNREADABLE_FILE, Files
from pipelines.source.split import BAD_JSON, NOT_UTF8, Split, make_reject, make_row
from schemas.outcome import Refused, Reject
from schemas.records import Row
from schemas.store import is_url

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".jp2", ".ppm", ".pgm", ".ico", ".tga")
AUDIO_SUFFIXES = (".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".aac", ".sph", ".aiff")
TEXT_SUFFIXES = (".txt", ".html", ".htm", ".md")
SUFFIXES = {  # what a file is, by its ending
    "image": IMAGE_SUFFIXES,
    "audio": AUDIO_SUFFIXES,
    "text": TEXT_SUFFIXES,
    "video": (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".ogv", ".flv", ".wmv"),
    "pdf": (".pdf",),
    "deck": (".pptx", ".ppt", ".pptm", ".ppsx", ".potx"),
    "table": (".csv", ".tsv"),
    "spec": (".vl.json", ".vg.json"),
    "mermaid": (".mmd", ".mermaid"),
}
FIELDS = {  # columns that name a file of each kind
    "audio": ("audio_filepath", "audio", "audio_path"),
    "image": ("image", "image_path", "image_filepath"),
    "video": ("video", "video_path", "video_filepath"),
    "pdf": ("pdf", "pdf_path"),
    "deck": ("deck", "deck_path"),
}
MEDIA = ("image", "audio", "video", "pdf", "deck")  # files that others of the same stem tell about
ROW_REASONS = (*FILE_REASONS, BAD_JSON, NOT_UTF8)


def blob_name(path: str) -> str:
    """The blob that a file becomes, by its ending."""
    lower = path.lower()
    return next((name for name, suffixes in SUFFIXES.items() if lower.endswith(suffixes)), "file")


def media_field(name: str) -> str | None:
    """Whether a manifest's field names a media file, and of which kind."""
    if name == "file_name":
        return "image"
    return next((kind for kind, names in FIELDS.items() if name in names), None)


def numbered_name(kind: str, number: int) -> str:
    """image, image.1, image.2, ..."""
    return kind if number == 0 else f"{kind}.{number}"


def named_files(fields: Mapping[str, object]) -> dict[str, str]:
    """Paths of the media files that fields name, by blob. Of several fields for one blob the first in the lists above counts.

    `file_name` is what its ending says, an image where that says nothing. `images` is a list; an `image` beside it that it
    does not start with stands before it. Where neither is there, the images that messages name count, in their order.
    So do `videos`, and the videos that messages name, where no field names one.
    """
    found: dict[str, str] = {}
    for kind, names in FIELDS.items():
        for name in names:
            path = _path_of(fields.get(name))
            if path:
                found.setdefault(kind, path)
    path = _path_of(fields.get("file_name"))
    if path:
        kind = blob_name(path)
        found.setdefault(kind if kind in MEDIA else "image", path)
    listed = fields["image"] if isinstance(fields.get("image"), list) else fields.get("images")  # LLaVA names several in `image`
    paths = [path for path in map(_path_of, listed) if path] if isinstance(listed, list) else []
    if not paths and "image" not in found:
        paths = [path for path in (*_named_in_messages(fields, "image"), *_named_in_info(fields)) if path]
    if paths and found.get("image", paths[0]) != paths[0]:
        paths.insert(0, found["image"])
    if "video" not in found:
        told = fields.get("videos")
        videos = [path for path in map(_path_of, told) if path] if isinstance(told, list) else []
        videos = videos or [path for path in _named_in_messages(fields, "video") if path]
        found |= {numbered_name("video", number): path for number, path in enumerate(videos)}
    return found | {numbered_name("image", number): path for number, path in enumerate(paths)}


def _named_in_messages(fields: Mapping[str, object], kind: str) -> Iterator[str]:
    """Paths of the files of a kind in the content of OpenAI-style messages, in order; what stands there as data is no file."""
    messages = fields.get("messages")
    for message in messages if isinstance(messages, list) else ():
        content = message.get("content") if isinstance(message, Mapping) else None
        for part in content if isinstance(content, list) else ():
            if not isinstance(part, Mapping) or part.get("type") not in (kind, f"{kind}_url", f"input_{kind}"):
                continue
            value = next((part[name] for name in (f"{kind}_url", kind, "path") if name in part), None)
            value = value.get("url", value.get("path")) if isinstance(value, Mapping) else value
            if isinstance(value, str) and not value.startswith("data:"):
                yield value.removeprefix("file://")


def _named_in_info(fields: Mapping[str, object]) -> Iterator[str]:
    """Paths of the images of an interleaved row as MMC4 writes it."""
    listed = fields.get("image_info")
    for info in listed if isinstance(listed, list) else ():
        if isinstance(info, Mapping):
            yield _path_of(info.get("image_name"))


def _path_of(value: object) -> str:
    """A path, given as text or as the `datasets` library's {"path": ...}."""
    if isinstance(value, dict):
        value = value.get("path")
    return value if isinstance(value, str) else ""


@dataclass(frozen=True, slots=True)
class Media:
    """Reads what rows name: relative to `folder` below the root of `files`, and never from outside that root."""

    files: Files
    folder: str = ""
    max_file_bytes: int = MAX_FILE_BYTES

    def read(self, path: str) -> bytes:
        """Raises: Refused with one of FILE_REASONS."""
        absolute = posixpath.isabs(path) or is_url(path)
        return self.files.read_media(path if absolute else posixpath.join(self.folder, path), self.max_file_bytes)


def open_media(root: str, media_root: str, path: str, max_file_bytes: int) -> Media:
    """Media of the manifest at `path`: beside it, or in `media_root` (a place, or a folder relative to `root`) when given."""
    if not media_root:
        return Media(Files(root), posixpath.dirname(path), max_file_bytes)
    whole = media_root if posixpath.isabs(media_root) or is_url(media_root) else posixpath.join(root, media_root)
    return Media(Files(whole), "", max_file_bytes)


def open_rows(files: Files, split: Split, licence: str) -> IO[bytes] | Reject:
    """The split's file, opened; or the reject of the file as a whole. What the network does is raised."""
    try:
        return files.open(split.path)
    except NETWORK_ERRORS:
        raise
    except OSError as error:
        return make_reject(split, licence, "byte 0", UNREADABLE_FILE.name, f"{error.strerror or error}")


def give_row(
    split: Split,
    licence: str,
    locator: str,
    fields: dict[str, object],
    blobs: Mapping[str, bytes],
    media: Media | None = None,
    place: str | None = None,
) -> Row | Reject:
    """The row with the media that it names beside those it has, or the reject that says why not."""
    try:
        row = make_row(split, licence, locator, fields, dict(blobs), place)
        if media is not None:
            read = {name: media.read(path) for name, path in named_files(fields).items() if name not in blobs}
            return replace(row, blobs={**row.blobs, **read})
        return row
    except Refused as refused:
        return make_reject(split, licence, locator, refused.reason.name, refused.detail, place)
