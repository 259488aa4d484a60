"""Exact duplicates over a whole corpus, and what repeats too often: which copy stays depends on content, never on order.

A stage writes each document's digest as a fact. Here the digests of the finished stage are grouped: in every group the
smallest key stays, and the others are refused as duplicates by the next stage. Digests are uniform, so the corpus is
worked on in passes by digest prefix; a pass holds its share of (digest, key) pairs, 64 bytes a document.
"""

from __future__ import annotations

import bisect
import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from schemas.arrow import read_schema_kind
from schemas.corpus import Corpus, read_batches
from schemas.facts import Fact
from schemas.identity import digest
from schemas.outcome import Reason, Reject
from schemas.records import Conversation, Document, Preference, Record
from schemas.shard import TEMPORARY_PREFIX, remove_files, write_replacing

DUPLICATE = Reason("duplicate", "Another record has the same content and stays instead")
REPEATED = Reason("repeated_text", "More records than asked for have the same text; the others stay")
DOCUMENTS_PER_PASS = 20_000_000
LISTED_PER_BATCH = 4_096


def _digests(corpus: Corpus, fact: Fact, low: str, high: str) -> Iterator[pa.Table]:
    for entry in corpus.ledger():
        for batch in corpus.batches(entry):
            read_schema_kind(batch.schema, entry.shard.name)
            table = pa.table({"key": batch.column("key"), "digest": batch.column(fact.name)})
            inside = pc.and_(pc.greater_equal(table["digest"], low), pc.less(table["digest"], high))
            yield table.filter(inside)


def find_duplicates(corpus: Corpus, fact: Fact, into: Path) -> Path:
    """Writes the table (key, kept) of every record that a smaller key with the same digest makes superfluous, sorted by key.

    The file `<into>/duplicates-<digest of its content>.arrow` is an Arrow IPC stream; equal corpora give equal files.
    """
    remove_files([left for left in into.glob(f"{TEMPORARY_PREFIX}*duplicates-*")])  # of a build that died while it wrote
    total = int(corpus.totals()["num_out"])  # type: ignore[call-overload]
    found = []
    for low, high in _passes(corpus):
        table = (
            pa.concat_tables(_digests(corpus, fact, low, high))
            if total
            else pa.table({"key": pa.array([], pa.string()), "digest": pa.array([], pa.string())})
        )
        kept = table.group_by("digest").aggregate([("key", "min"), ("key", "count")])
        kept = kept.filter(pc.greater(kept["key_count"], 1))
        joined = table.join(kept.select(["digest", "key_min"]), "digest", join_type="inner")
        found.append(joined.filter(pc.not_equal(joined["key"], joined["key_min"])).select(["key", "key_min"]))
    return write_list(pa.concat_tables(found).rename_columns(["key", "kept"]), into)


def write_list(listed: pa.Table, into: Path, name: str = "duplicates") -> Path:
    """Writes a table with a column `key`, sorted by it, as `<into>/<name>-<digest of its content>.arrow`, an Arrow IPC stream."""
    listed = listed.sort_by("key").combine_chunks()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, listed.schema) as writer:
        for start in range(0, max(1, len(listed)), LISTED_PER_BATCH):  # in fresh buffers, so that equal lists give equal bytes
            writer.write_table(pa.Table.from_pydict(listed.slice(start, LISTED_PER_BATCH).to_pydict(), schema=listed.schema))
    data = sink.getvalue().to_pybytes()
    path = into / f"{name}-{digest(data)}.arrow"
    if not path.is_file():
        write_replacing(path, data)
    return path


def find_repeats(corpus: Corpus, fact: Fact, most: int, into: Path) -> Path:
    """Writes the table (key, kept) of the records whose digest more than `most` records share, but for the `most` smallest keys.

    `kept` is the smallest of all. The file is `<into>/repeats-<digest of its content>.arrow`; memory as for `find_duplicates`,
    for the digests that repeat.

    Raises: ValueError for `most` below 1.
    """
    if most < 1:
        raise ValueError(f"at most {most} records may share a digest, expected 1 or more")
    found = [pa.table({"key": pa.array([], pa.string()), "kept": pa.array([], pa.string())})]
    for low, high in _passes(corpus):
        tables = list(_digests(corpus, fact, low, high))
        if not tables:
            continue
        table = pa.concat_tables(tables)
        counts = table.group_by("digest").aggregate([("key", "count")])
        often = table.join(counts.filter(pc.greater(counts["key_count"], most)).select(["digest"]), "digest", join_type="inner")
        rows = often.sort_by([("digest", "ascending"), ("key", "ascending")]).to_pydict()
        keys: list[str] = []
        kept: list[str] = []
        for _, group in itertools.groupby(zip(rows["digest"], rows["key"], strict=True), key=lambda row: row[0]):
            members = [key for _, key in group]
            keys += members[most:]
            kept += [members[0]] * len(members[most:])
        found.append(pa.table({"key": pa.array(keys, pa.string()), "kept": pa.array(kept, pa.string())}))
    return write_list(pa.concat_tables(found), into, "repeats")


def _passes(corpus: Corpus) -> Iterator[tuple[str, str]]:
    """Ranges of digests, each with a share of the corpus that memory holds."""
    total = int(corpus.totals()["num_out"])  # type: ignore[call-overload]
    passes = max(1, -(-total // DOCUMENTS_PER_PASS))
    return itertools.pairwise([f"{round(i * 16**6 / passes):06x}" for i in range(passes)] + ["g"])


@functools.lru_cache(maxsize=4)
def _load(path: str) -> tuple[list[pa.RecordBatch], list[str]]:
    """The batches of a list, memory-mapped, and the first key of each."""
    batches = [batch for batch in read_batches(Path(path)) if batch.num_rows]
    return batches, [batch.column("key")[0].as_py() for batch in batches]


def find_row(path: str, key: str) -> dict[str, Any] | None:
    """The row of a list on disk (see `write_list`) that has this key; None for a record that is not listed."""
    batches, firsts = _load(path)
    number = bisect.bisect_right(firsts, key) - 1
    if number < 0:
        return None
    keys = batches[number].column("key")
    at = bisect.bisect_left(range(len(keys)), key, key=lambda place: keys[place].as_py())
    return batches[number].slice(at, 1).to_pylist()[0] if at < len(keys) and keys[at].as_py() == key else None


def find_listed(path: str, key: str) -> str | None:
    """The key that stays in place of `key`, by a list on disk; None for a record that is not listed."""
    row = find_row(path, key)
    return None if row is None else row["kept"]


@dataclass(frozen=True, slots=True)
class DropListed:
    """Refuses the records that `find_duplicates` listed. `listed` is the list's digest, and pins it in the recipe."""

    path: str = field(metadata={"fingerprint": False})
    listed: str
    takes: ClassVar = (Document, Conversation, Preference)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = ()
    reasons: ClassVar = (DUPLICATE,)
    version: ClassVar = 1

    def __call__(self, record: Record) -> Record | Reject:
        kept = find_listed(self.path, record.key)
        return record if kept is None else Reject(record.key, DUPLICATE.name, f"same content as {kept}, which stays")


def drop_listed(path: Path) -> DropListed:
    return DropListed(str(path), path.stem.removeprefix("duplicates-"))


@dataclass(frozen=True, slots=True)
class DropRepeats:
    """Refuses the records that `find_repeats` listed. `listed` is the list's digest, and pins it in the recipe; `what` repeats."""

    path: str = field(metadata={"fingerprint": False})
    listed: str
    what: str = "caption"
    takes: ClassVar = (Document, Conversation)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = ()
    reasons: ClassVar = (REPEATED,)
    version: ClassVar = 1

    def __call__(self, record: Record) -> Record | Reject:
        kept = find_listed(self.path, record.key)
        return record if kept is None else Reject(record.key, REPEATED.name, f"same {self.what} as {kept} and others, which stay")


def drop_repeats(path: Path, what: str = "caption") -> DropRepeats:
    return DropRepeats(str(path), path.stem.removeprefix("repeats-"), what)
