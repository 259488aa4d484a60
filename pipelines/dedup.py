"""Exact duplicates over a whole corpus: which copy stays depends on content, never on order.

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
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from schemas.arrow import read_schema_kind
from schemas.corpus import Corpus, read_batches
from schemas.facts import Fact
from schemas.identity import digest
from schemas.outcome import Reason, Reject
from schemas.records import Document, Record
from schemas.shard import TEMPORARY_PREFIX, remove_files, write_replacing

DUPLICATE = Reason("duplicate", "Another record has the same content and stays instead")
DOCUMENTS_PER_PASS = 20_000_000


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
    passes = max(1, -(-total // DOCUMENTS_PER_PASS))
    edges = [f"{round(i * 16**6 / passes):06x}" for i in range(passes)] + ["g"]
    found = []
    for low, high in itertools.pairwise(edges):
        table = (
            pa.concat_tables(_digests(corpus, fact, low, high))
            if total
            else pa.table({"key": pa.array([], pa.string()), "digest": pa.array([], pa.string())})
        )
        kept = table.group_by("digest").aggregate([("key", "min"), ("key", "count")])
        kept = kept.filter(pc.greater(kept["key_count"], 1))
        joined = table.join(kept.select(["digest", "key_min"]), "digest", join_type="inner")
        found.append(joined.filter(pc.not_equal(joined["key"], joined["key_min"])).select(["key", "key_min"]))
    losers = pa.concat_tables(found).rename_columns(["key", "kept"]).sort_by("key").combine_chunks()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, losers.schema) as writer:
        writer.write_table(pa.Table.from_pydict(losers.to_pydict(), schema=losers.schema), max_chunksize=65_536)
    data = sink.getvalue().to_pybytes()
    path = into / f"duplicates-{digest(data)}.arrow"
    if not path.is_file():
        write_replacing(path, data)
    return path


@functools.lru_cache(maxsize=1)
def _load(path: str) -> tuple[list[str], list[str]]:
    """The sorted keys that a list refuses, and for each the key that stays."""
    keys: list[str] = []
    kept: list[str] = []
    for batch in read_batches(Path(path)):
        keys += batch.column("key").to_pylist()
        kept += batch.column("kept").to_pylist()
    return keys, kept


@dataclass(frozen=True, slots=True)
class DropListed:
    """Refuses the records that `find_duplicates` listed. `listed` is the list's digest, and pins it in the recipe."""

    path: str = field(metadata={"fingerprint": False})
    listed: str
    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = ()
    reasons: ClassVar = (DUPLICATE,)
    version: ClassVar = 1

    def __call__(self, record: Record) -> Record | Reject:
        keys, kept = _load(self.path)
        at = bisect.bisect_left(keys, record.key)
        if at < len(keys) and keys[at] == record.key:
            return Reject(record.key, DUPLICATE.name, f"same content as {kept[at]}, which stays")
        return record


def drop_listed(path: Path) -> DropListed:
    return DropListed(str(path), path.stem.removeprefix("duplicates-"))
