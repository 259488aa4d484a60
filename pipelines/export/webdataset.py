"""A part of a corpus as a WebDataset tar: for each row KEY.json, and its media as files that any decoder knows."""

from __future__ import annotations

import io
import math
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pyarrow as pa

from pipelines.export.parts import Part, part_batches
from processors.audio import containers
from schemas.arrow import log_mel_view
from schemas.identity import canonical_json, digest
from schemas.records import SEQUENCE_ARRAYS
from schemas.shard import FileEntry, HashingSink, write_whole

MAX_NAME_CHARS = 160  # of a key in a name, so that a tar can be unpacked on any file system
MEDIA_COLUMNS = ("images", "image_sources", "log_mel", "audio_sources", *SEQUENCE_ARRAYS)
AUDIO_SUFFIXES = {
    containers.WAVE: "wav",
    containers.RF64: "wav",
    containers.AIFF: "aiff",
    containers.FLAC: "flac",
    containers.OGG: "ogg",
    containers.SPHERE: "sph",
    containers.CAF: "caf",
    containers.AU: "au",
    containers.MP3: "mp3",
    containers.MP4: "m4a",
    containers.MATROSKA: "mka",
}
IMAGE_MAGICS = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpg", b"GIF8": "gif", b"RIFF": "webp", b"BM": "bmp", b"II*\0": "tif", b"MM\0*": "tif"}


def write_tar(corpus: Path, part: Part, to: Path) -> FileEntry:
    """Writes one tar; its bytes depend on the rows alone."""
    num_rows = 0
    with write_whole(to / part.name) as sink, _stream(sink) as tar:
        for batch in part_batches(corpus, part):
            for row in rows_of(batch):
                for name, data in members(row):
                    tar.addfile(_header(name, len(data)), io.BytesIO(data))
                num_rows += 1
    return FileEntry(part.name, sink.sha256.hexdigest(), sink.num_bytes, num_rows)


def _stream(sink: HashingSink) -> tarfile.TarFile:
    """A tar that is written from beginning to end: nothing of it is held, or sought again."""
    return tarfile.open(fileobj=sink, mode="w|", format=tarfile.PAX_FORMAT)  # type: ignore[call-overload]


def _header(name: str, size: int) -> tarfile.TarInfo:
    """A member of nobody, from the beginning of time: what a header says beside name and size would differ from run to run."""
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = size, 0, 0o644
    return info


def safe_key(key: str) -> str:
    """A key as WebDataset can hold it, one name for one key: no dot, slash or blank; too long ones by their digest."""
    name = quote(key, safe="").replace(".", "%2E").replace("~", "%7E")
    return name if name and len(name) <= MAX_NAME_CHARS else f"%{digest(key)}"


def rows_of(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    """Rows as Python values, one at a time: columns by name; media as bytes and arrays; facts apart, those that were measured."""
    facts = [name for name in batch.schema.names if "." in name]
    others = [name for name in batch.schema.names if name not in facts and name not in MEDIA_COLUMNS]
    columns = {name: batch.column(name) for name in batch.schema.names}
    for at in range(batch.num_rows):
        row: dict[str, Any] = {name: _without_nulls(columns[name][at].as_py()) for name in others}
        row["facts"] = {name: _told(value) for name in facts if (value := columns[name][at].as_py()) is not None}
        for name in ("images", "image_sources", "audio_sources"):
            if name in columns:
                row[name] = [media["bytes"] for media in columns[name][at].as_py()]
        if "log_mel" in columns:
            row["log_mel"] = _clips(log_mel_view(columns["log_mel"], at), [clip["num_frames"] for clip in row["audio_info"]])
        for name in SEQUENCE_ARRAYS:
            if name in columns:
                row[name] = columns[name][at].values.to_numpy()
        yield row


def _clips(mel: np.ndarray, num_frames: list[int]) -> list[np.ndarray]:
    """Shapes: mel (sum of num_frames, 80) -> a (num_frames, 80) each."""
    return np.split(mel, np.cumsum(num_frames)[:-1]) if num_frames else []


def _told(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value  # JSON has no word for it


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(item) for name, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def members(row: dict[str, Any]) -> list[tuple[str, bytes]]:
    """The files of a row, by name; the JSON comes first and names the others, a list a kind, in order of appearance."""
    key = safe_key(row["key"])
    files: list[tuple[str, bytes]] = []
    named: dict[str, list[str]] = {}

    def add(kind: str, items: list[tuple[str, bytes]]) -> None:
        for number, (suffix, data) in enumerate(items):
            place = f"{number}.{suffix}" if len(items) > 1 else suffix
            files.append((f"{key}.{place}", data))
            named.setdefault(kind, []).append(place)

    add("images", [("png", data) for data in row.get("images", ())])
    add("log_mel", [("mel.npy", npy(clip)) for clip in row.get("log_mel", ())])
    add("image_sources", [(f"source.{_image_suffix(data)}", data) for data in row.get("image_sources", ())])
    add("audio_sources", [(_audio_suffix(data), data) for data in row.get("audio_sources", ())])
    for name in SEQUENCE_ARRAYS:
        add(name, [(f"{name}.npy", npy(row[name]))] if name in row else [])
    told = {name: value for name, value in row.items() if name not in MEDIA_COLUMNS}
    return [(f"{key}.json", canonical_json({**told, "files": named}).encode()), *files]


def npy(array: np.ndarray) -> bytes:
    """An array as a .npy file, which is read without pickle."""
    file = io.BytesIO()
    np.lib.format.write_array(file, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
    return file.getvalue()


def _audio_suffix(data: bytes) -> str:
    return AUDIO_SUFFIXES.get(containers.sniff(data) or "", "audio")


def _image_suffix(data: bytes) -> str:
    return next((suffix for magic, suffix in IMAGE_MAGICS.items() if data.startswith(magic)), "image")
