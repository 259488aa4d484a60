"""Keys that occur twice, found among more than memory holds.

A key becomes 16 bytes, and goes by the first of them to one of 256 parts; what they hold together beyond a bound goes to files. Each part is
sorted alone: keys that are equal are neighbours there.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa

from schemas.corpus import read_batches
from schemas.scratch import scratch_root

HELD_BYTES = 128 << 20
NUM_PARTS = 256
DIGEST_BYTES = 16
_ROW = np.dtype([("high", ">u8"), ("low", ">u8"), ("place", "<u4")])
_NIBBLES = np.full(256, 255, np.uint8)
_NIBBLES[np.frombuffer(b"0123456789abcdef", np.uint8)] = np.arange(16, dtype=np.uint8)


class Keys:
    """Takes keys with the names of the files where they stand; `with` it, as it may lay parts down in scratch space."""

    def __init__(self, held_bytes: int = HELD_BYTES) -> None:
        self._held_bytes = held_bytes
        self._parts = [bytearray() for _ in range(NUM_PARTS)]
        self._held = 0
        self._names: list[str] = []
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._folder is not None:
            self._folder.cleanup()

    def add(self, keys: pa.StringArray, name: str) -> int:
        """Takes the keys of a batch of a file; gives how many they are."""
        if not self._names or self._names[-1] != name:
            self._names.append(name)
        rows = np.empty(len(keys), _ROW)
        digests = _digests(keys)
        rows["high"], rows["low"] = digests.view(">u8").reshape(-1, 2).T
        rows["place"] = len(self._names) - 1
        rows = rows[np.argsort(digests[:, 0], kind="stable")]
        counts = np.bincount(digests[:, 0], minlength=NUM_PARTS)
        for part, start in zip(np.flatnonzero(counts), (np.cumsum(counts) - counts)[counts > 0], strict=True):
            self._parts[part] += rows[start : start + counts[part]].tobytes()
        self._held += rows.nbytes
        if self._held > self._held_bytes:
            self._lay_down()
        return len(keys)

    def doubled(self, place_of: Callable[[str], Path], most: int) -> Iterator[tuple[str, str]]:
        """Keys that occur again, with the name of the later file, at most `most`; `place_of` says where a file lies, which is read for the key itself."""
        for part in range(NUM_PARTS):
            rows = np.frombuffer(self._laid(part) + bytes(self._parts[part]), _ROW)
            rows = rows[np.lexsort((rows["place"], rows["low"], rows["high"]))]
            again = rows[1:][(rows["high"][1:] == rows["high"][:-1]) & (rows["low"][1:] == rows["low"][:-1])]
            for row in again:
                if most <= 0:
                    return
                most -= 1
                name = self._names[row["place"]]
                wanted = b"".join(int(row[half]).to_bytes(8, "big") for half in ("high", "low"))
                yield _key_of(wanted, place_of(name)), name

    def _lay_down(self) -> None:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="corpusmill-keys-", dir=scratch_root())
        for part, rows in enumerate(self._parts):
            with self._file(part).open("ab") as file:
                file.write(rows)
            rows.clear()
        self._held = 0

    def _laid(self, part: int) -> bytes:
        return self._file(part).read_bytes() if self._folder is not None else b""

    def _file(self, part: int) -> Path:
        assert self._folder is not None
        return Path(self._folder.name) / f"{part:02x}"


def _key_of(wanted: bytes, file: Path) -> str:
    """The key of a file that has this digest."""
    return next(key for batch in read_batches(file) for key in batch.column("key").to_pylist() if _digest(key) == wanted)


def _digests(keys: pa.StringArray) -> np.ndarray:
    """[n, 16] uint8: keys of 32 hexadecimal digits, as this toolkit's are, as what they say; others as a digest of theirs."""
    count = len(keys)
    offsets = np.frombuffer(keys.buffers()[1], np.int32)[keys.offset : keys.offset + count + 1] if count else np.zeros(1, np.int32)
    if count and (np.diff(offsets) == 2 * DIGEST_BYTES).all():
        letters = np.frombuffer(keys.buffers()[2], np.uint8)[offsets[0] : offsets[-1]]
        nibbles = _NIBBLES[letters].reshape(count, DIGEST_BYTES, 2)
        if (nibbles < 16).all():
            return np.ascontiguousarray(nibbles[:, :, 0] << 4 | nibbles[:, :, 1])
    said = b"".join(_digest(key) for key in keys.to_pylist())
    return np.frombuffer(said, np.uint8).reshape(count, DIGEST_BYTES)


def _digest(key: str) -> bytes:
    if len(key) == 2 * DIGEST_BYTES and not set(key) - set("0123456789abcdef"):
        return bytes.fromhex(key)
    return hashlib.blake2b(key.encode(), digest_size=DIGEST_BYTES).digest()
