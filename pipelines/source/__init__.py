"""Readers of raw data. A source lists splits by content and reads each as rows and declared rejects."""

from __future__ import annotations

import inspect
import json
import posixpath
from collections.abc import Callable
from typing import Any

from pipelines.endpoint.ledger import FILE as SPENT
from pipelines.endpoint.store_ledger import FOLDER as SPENT_PROGRAMS
from pipelines.source.arrays import JsonArray
from pipelines.source.bfcl import Bfcl
from pipelines.source.coco import CocoAnnotations
from pipelines.source.files import Files, is_glob
from pipelines.source.folders import Folder
from pipelines.source.manifest import SUFFIXES as JSONL_SUFFIXES
from pipelines.source.manifest import JsonlManifest
from pipelines.source.pages import Pages
from pipelines.source.replies import KeptReplies
from pipelines.source.split import Source, Split
from pipelines.source.tables import DatasetsDir, ParquetManifest
from pipelines.source.tars import SUFFIXES as TAR_SUFFIXES
from pipelines.source.tars import WebDatasetTar
from pipelines.source.trees import Tree
from pipelines.source.warc import SUFFIXES as WARC_SUFFIXES
from pipelines.source.warc import WarcArchive

FORMATS: dict[str, type] = {
    "jsonl": JsonlManifest,
    "json": JsonArray,
    "parquet": ParquetManifest,
    "coco": CocoAnnotations,
    "folder": Folder,
    "pages": Pages,
    "webdataset": WebDatasetTar,
    "datasets": DatasetsDir,
    "warc": WarcArchive,
    "tree": Tree,
    "bfcl": Bfcl,
    "replies": KeptReplies,
}
__all__ = [
    "FORMATS",
    "Bfcl",
    "CocoAnnotations",
    "DatasetsDir",
    "Folder",
    "JsonArray",
    "JsonlManifest",
    "KeptReplies",
    "Pages",
    "ParquetManifest",
    "Source",
    "Split",
    "Tree",
    "WarcArchive",
    "WebDatasetTar",
    "open_source",
]


def open_source(place: str, format: str | None = None, *, corpus_opener: Callable[[str], Any] | None = None, **options: Any) -> Any:
    """The source at a path or URL; its format is told from the path and the files there unless given.

    Raises:
        FileNotFoundError, ValueError: nothing is there, or the format or an option is unknown.
    """
    root, name, names = _look(place)
    if format is None and "corpus.json" in names and corpus_opener is not None:
        return corpus_opener(place)
    format = format or _guess(place, root, name, names)
    if format not in FORMATS:
        raise ValueError(f"format {format!r} is unknown; expected one of {', '.join(FORMATS)}")
    kind = FORMATS[format]
    known = [parameter for parameter in inspect.signature(kind).parameters if parameter not in ("root", "path")]
    for option in options:
        if option not in known:
            raise ValueError(f"source option {option!r} is unknown for format {format}; expected one of {', '.join(known)}")
    options = {key: tuple(value) if isinstance(value, list) else value for key, value in options.items()}
    if "path" in inspect.signature(kind).parameters:
        if format == "coco" and not name:
            raise ValueError(f"{place} is a folder; format coco reads one annotation file, such as {place}/captions.json")
        return kind(root=root, path=name, **options)
    if name:
        raise ValueError(f"{place} is a file or a glob; format {format} reads a folder")
    return kind(root=root, **options)


def _look(place: str) -> tuple[str, str, list[str]]:
    """(root folder, file name or "", names in the folder when it is one)."""
    files = Files(place)
    root = str(files.local_root) if files.is_local else place.rstrip("/")
    if files.is_folder(""):
        return root, "", files.children("")
    if not files.exists(""):
        return _look_for_glob(place)
    return posixpath.dirname(root) or ".", posixpath.basename(root), []


def _look_for_glob(place: str) -> tuple[str, str, list[str]]:
    """A glob as its folder without wildcards, and the rest of it. Raises FileNotFoundError when it matches nothing."""
    parts = place.split("/")
    first = next((at for at, part in enumerate(parts) if is_glob(part)), 0)
    root, pattern = "/".join(parts[:first]) or ("/" if place.startswith("/") else "."), "/".join(parts[first:])
    if not is_glob(place) or not Files(root).select(pattern, ()):
        raise FileNotFoundError(f"{place} is not there")
    return root, pattern, []


def _guess(place: str, root: str, name: str, names: list[str]) -> str:
    if name:
        lower = name.lower()
        for suffixes, format in (
            (JSONL_SUFFIXES, "jsonl"),
            ((".parquet",), "parquet"),
            (TAR_SUFFIXES, "webdataset"),
            (WARC_SUFFIXES, "warc"),
        ):
            if lower.endswith(suffixes):
                return format
        if lower.endswith(".json"):
            if _begins_list(root, name):
                return "json"
            if _is_coco(root, name):
                return "coco"
        raise ValueError(f"the format of {place} cannot be told from its name; give format = one of {', '.join(FORMATS)}")
    if "state.json" in names:
        return "datasets"
    if "possible_answer" in names:
        return "bfcl"
    if SPENT in names or SPENT_PROGRAMS in names:
        return "replies"
    for suffixes, format in (
        (TAR_SUFFIXES, "webdataset"),
        (JSONL_SUFFIXES, "jsonl"),
        ((".parquet",), "parquet"),
        ((".arrow",), "datasets"),
        (WARC_SUFFIXES, "warc"),
    ):
        if any(child.lower().endswith(suffixes) for child in names):
            return format
    return "folder"


def _begins_list(root: str, name: str) -> bool:
    with Files(root).open(name) as handle:
        return handle.read(4_096).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"[")


def _is_coco(root: str, name: str) -> bool:
    with Files(root).open(name) as handle:
        try:
            raw = json.load(handle)
        except ValueError as error:
            raise ValueError(f"{name} is not JSON: {error}") from error
    return isinstance(raw, dict) and "images" in raw and "annotations" in raw
