"""How bytes reach their place: written once, aside, then published whole under their final name.

On a disk a data file is written under a unique temporary name in the same folder, fsynced, renamed, and its folder fsynced; for an object
store it is written to scratch space and sent by one request, or in parts that are joined at the end. A ledger entry is created only if absent
(a hard link after fsync, a conditional request); whoever loses the race must have written the same bytes.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self, cast

import pyarrow as pa

from schemas.arrow import to_batch
from schemas.records import Record, as_stored, weigh
from schemas.retry import NoSpaceInStore
from schemas.scratch import scratch_file
from schemas.sending import copy_object, holds_file, send_bytes, send_file
from schemas.store import StorePath, fetched, is_remote, remove_many

TEMPORARY_PREFIX = ".tmp-"
MAX_BATCH_ROWS = 1_024
MAX_BATCH_BYTES = 16 << 20


class CommitConflict(RuntimeError):
    """Two builders wrote different bytes under one name: the build is not deterministic."""


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A data file as the ledger names it; `name` is relative to the corpus."""

    name: str
    sha256: str
    num_bytes: int
    num_rows: int


def sync_folder(folder: Path) -> None:
    """Makes the folder's names durable; a store's are already."""
    if is_remote(folder):
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def temporary_beside(path: Path) -> Path:
    """A name in the same folder that no other writer uses."""
    return path.with_name(f"{TEMPORARY_PREFIX}{uuid.uuid4().hex}-{path.name}")


@contextlib.contextmanager
def _temporary_for(path: Path) -> Iterator[tuple[IO[bytes], Path]]:
    """A file to write what `path` shall hold: beside it and made durable, or in scratch space where `path` is in a store."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = scratch_file(path.name) if is_remote(path) else temporary_beside(path)
    try:
        with open(temporary, "xb") as sink:
            yield sink, temporary
            sink.flush()
            if not is_remote(path):
                os.fsync(sink.fileno())
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _publish(temporary: Path, path: Path, before_replacing: Callable[[], None] = lambda: None) -> None:
    """Gives what is written its final name, in place of what may stand there, and leaves no temporary behind, however it ends.

    On a store `before_replacing` is called when other bytes stand there, and forbids it by raising: sending takes long, and a builder that
    lost the corpus meanwhile must not replace what the new one wrote. A rename takes no time.
    """
    try:
        if not isinstance(path, StorePath):
            os.replace(temporary, path)
            sync_folder(path.parent)
        elif not send_file(temporary, path, exclusively=True) and not holds_file(path, temporary):
            before_replacing()
            send_file(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_replacing(path: Path, data: bytes) -> None:
    """Writes a derived file (corpus.json, a card): the new bytes or the old ones, never a part."""
    if isinstance(path, StorePath):
        send_bytes(path, data)
        return
    with _temporary_for(path) as (sink, temporary):
        sink.write(data)
    _publish(temporary, path)


def write_if_absent(path: Path, data: bytes) -> bool:
    """Creates `path` with these bytes. False if it was there already with the same bytes; else raises CommitConflict.

    On a store it may be False also for what this very call made: an answer that was lost is asked for again.
    """
    if not _created(path, data):
        if path.read_bytes() != data:
            raise CommitConflict(f"{path} exists with other bytes; two builds of one recipe and split must agree")
        return False
    return True


def _created(path: Path, data: bytes) -> bool:
    if isinstance(path, StorePath):
        return send_bytes(path, data, exclusively=True)
    with _temporary_for(path) as (sink, temporary):
        sink.write(data)
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)
    return True


def move_file(path: Path, target: Path) -> None:
    """Gives a file another name; made durable in both folders. On a disk in one step, on a store the new name is there before the old one goes."""
    if is_remote(path):
        link_file(path, target)
        remove_durably(path)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(path, target)
    sync_folder(target.parent)
    sync_folder(path.parent)


def link_file(path: Path, target: Path) -> None:
    """Gives a file a second name, in place of what may stand there; whoever then replaces it under the first one leaves it be."""
    if isinstance(path, StorePath):
        copy_object(path, cast(StorePath, target))
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_beside(target)
    os.link(path, temporary)
    os.replace(temporary, target)
    temporary.unlink(missing_ok=True)  # the two were one file already, which a rename leaves as they are
    sync_folder(target.parent)


def remove_durably(path: Path) -> None:
    """Removes a file, which may be gone already, so that it stays removed."""
    path.unlink(missing_ok=True)
    sync_folder(path.parent)


class HashingSink:
    """A file object that hashes what it passes on; whoever writes a format needs no more of a file."""

    def __init__(self, sink: IO[bytes]) -> None:
        self.sink, self.sha256, self.num_bytes, self.closed = sink, hashlib.sha256(), 0, False

    def write(self, data: bytes) -> int:
        num_bytes = memoryview(data).nbytes
        self.sha256.update(data)
        self.num_bytes += num_bytes
        self.sink.write(data)
        return num_bytes

    def tell(self) -> int:
        return self.num_bytes

    def flush(self) -> None:
        self.sink.flush()

    def close(self) -> None:
        self.closed = True


@contextlib.contextmanager
def write_whole(path: Path) -> Iterator[HashingSink]:
    """A sink for a file of any format, which gets its name when the block ends; nothing of it stays when the block raises."""
    with _temporary_for(path) as (file, temporary):
        sink = HashingSink(file)
        yield sink
    _publish(temporary, path)


class TableWriter:
    """Writes one Arrow IPC stream file, whole or not at all: nothing has the final name before `publish`."""

    def __init__(self, corpus: Path, name: str, schema: pa.Schema) -> None:
        self.name, self.schema, self.num_rows = name, schema, 0
        self._path = corpus / name
        self._stack = contextlib.ExitStack()
        sink, self._temporary = self._stack.enter_context(_temporary_for(self._path))
        self._sink = HashingSink(sink)
        self._writer = pa.ipc.new_stream(pa.PythonFile(self._sink, mode="w"), schema)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is not None:
            self._stack.__exit__(kind, error, trace)  # drops the temporary
        else:
            self._writer.close()
            self._stack.close()

    def write_batch(self, batch: pa.RecordBatch) -> None:
        self._writer.write_batch(batch)
        self.num_rows += batch.num_rows

    def discard(self) -> None:
        self._temporary.unlink(missing_ok=True)

    def publish(self, before_replacing: Callable[[], None] = lambda: None) -> FileEntry:
        """Gives the finished file its final name; call after the `with` block. `before_replacing` may forbid it (see `_publish`)."""
        _publish(self._temporary, self._path, before_replacing)
        return FileEntry(self.name, self._sink.sha256.hexdigest(), self._sink.num_bytes, self.num_rows)


class RecordWriter(TableWriter):
    """Cuts records into batches by content alone (rows and bytes of what is stored).

    So the bytes do not depend on who ran it, and rows that are read back and written again are cut as before.
    """

    def __init__(self, corpus: Path, name: str, schema: pa.Schema) -> None:
        super().__init__(corpus, name, schema)
        self._pending: list[Record] = []
        self._pending_bytes = 0
        self.licences: Counter[str] = Counter()

    def write(self, record: Record) -> None:
        kept = as_stored(record)
        self._pending.append(kept)
        self._pending_bytes += weigh(kept)
        self.licences[kept.origin.licence or "unknown"] += 1
        if len(self._pending) >= MAX_BATCH_ROWS or self._pending_bytes >= MAX_BATCH_BYTES:
            self.flush_rows()

    def flush_rows(self) -> None:
        if self._pending:
            self.write_batch(to_batch(self._pending, self.schema))
            self._pending, self._pending_bytes = [], 0

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            try:
                self.flush_rows()
                if self.num_rows == 0:  # readers need one batch, also of no rows
                    self.write_batch(to_batch([], self.schema))
            except BaseException as failure:
                super().__exit__(type(failure), failure, failure.__traceback__)
                raise
        super().__exit__(kind, error, trace)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, read in blocks."""
    with fetched(path) as local, open(local, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def is_no_space(error: OSError) -> bool:
    """Whether the device or the store is full, or the quota used up."""
    return isinstance(error, NoSpaceInStore) or error.errno in (errno.ENOSPC, errno.EDQUOT)


def remove_files(paths: Sequence[Path]) -> None:
    """Removes orphans; a file that is gone already is fine."""
    remove_many(paths)
