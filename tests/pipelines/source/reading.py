"""Reads a source to the end, checks what holds for every source, and makes archives byte by byte."""

from __future__ import annotations

import io
import json
import pickle
import tarfile
from pathlib import Path
from typing import Any

from schemas.outcome import Reject
from schemas.records import Row


def read_all(source: Any) -> list[Row | Reject]:
    """All items in order. Keys differ, reasons are declared, a second reading gives the same, the source can be pickled."""
    source = pickle.loads(pickle.dumps(source))
    splits = source.splits()
    assert splits == source.splits()
    assert len({split.id for split in splits}) == len(splits)
    found = []
    for split in splits:
        items = list(source.read(split))
        assert items == list(source.read(split))
        if split.num_rows >= 0:
            assert len(items) == split.num_rows
        found += items
    assert len({item.key for item in found}) == len(found)
    declared = {reason.name for reason in source.reasons}
    for item in found:
        assert item.origin is not None
        assert item.origin.locator.encode() != b""
        assert isinstance(item, Row) or item.reason in declared
    return found


def summary(source: Any) -> list[str]:
    """ "row", or the reason of the reject, of each item."""
    return [item.reason if isinstance(item, Reject) else "row" for item in read_all(source)]


def write_jsonl(path: Path, rows: list[Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def tar(*members: tuple[Any, ...], mode: str = "w") -> bytes:
    """An archive of (name, data) or (name, type, link target)."""
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode=mode, format=tarfile.PAX_FORMAT) as archive:  # type: ignore[call-overload]
        for name, *rest in members:
            info = tarfile.TarInfo(name)
            if len(rest) == 2:
                info.type, info.linkname = rest
                archive.addfile(info)
            else:
                info.size = len(rest[0])
                archive.addfile(info, io.BytesIO(rest[0]))
    return sink.getvalue()
