"""Texts that share most of their runs of words, over a whole corpus: which of them stays depends on content, never on order.

A stage writes each document's MinHash signature as a fact (see processors/text/minhash.py). The search over the finished stage
is a graph of tasks over files, in four phases:

1. `sketch` (a part of the corpus): signatures and ranks go to files of numbers, and each band's hash, with the number of its
   document, to a partition by that hash.
2. `link` (a partition): documents that share a band are compared with the best of them, those that are not near to it with the
   best of the rest, and so on for up to MAX_HEADS of them. An edge joins two documents whose signatures say that they are near.
3. `connect`: the components of the graph (see pipelines/components.py).
4. `judge` (a partition of components): the best document of a component stays, and what is near to it goes. The rest is taken from
   the best down: a document goes if it is near to one that stays already, else it stays.

Near means: the similarity that the signatures give is `similarity` or more. So every document that goes has a near copy that stays,
and a chain of pages that slowly change loses only such pages, not all but one. Better is the longer text (in UTF-8 bytes), of equally
long ones the smaller digest, then the smaller key. Cost is linear: a document has one row a band, and is compared with at most
MAX_HEADS others in each, so a page that stands in the corpus a million times costs no more than a million pages.

What may be missed: pairs that share no band, by the curve of `chance_of_meeting`; and near documents of which neither is near to one
of the heads of any band they share, where more than MAX_HEADS documents that are not near to one another share a band.

Memory: a task holds a part (100,000 documents, 50 MB), a partition (4 million rows, some 500 MB), or what is left of a component when
its best document's copies are gone. The list itself is sorted in one process, 100 bytes a document that goes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.components import connect, unique_rows
from pipelines.dedup import find_row, write_list
from pipelines.graph import Compute, compute_here
from pipelines.partitions import (
    ROWS_PER_PARTITION,
    Part,
    Rows,
    num_partitions,
    partition_of,
    parts_of,
    read_partition,
    remove_partitions,
    save_array,
    workspace,
    write_partitions,
    write_table,
)
from processors.text.minhash import MINHASH, band_hashes, decode, estimate_similarity
from processors.text.normalise import DIGEST
from schemas.corpus import Corpus, read_batches
from schemas.outcome import Reason, Reject
from schemas.records import Document

NEAR_DUPLICATE = Reason("near_duplicate", "A text that shares most of its runs of words, as far as signatures tell, stays instead")

MAX_HEADS = 8  # documents of a band that others are compared with
MAX_SEEN = 64  # documents that stay, of a component or of those with the same few samples, that a further one is compared with
BLOCK = 65_536  # signatures in memory at a time: 15 MB
LISTED = pa.schema([("key", pa.string()), ("kept", pa.string()), ("similarity", pa.float64())])


def find_near_texts(
    corpus: Corpus,
    into: Path,
    compute: Compute,
    similarity: float = 0.75,
    *,
    without: Path | None = None,
    rows_per_partition: int = ROWS_PER_PARTITION,
) -> Path:
    """Writes the table (key, kept, similarity) of every document that a better near one makes superfluous, sorted by key.

    The file `<into>/near_text-<digest of its content>.arrow` is an Arrow IPC stream; corpora of equal documents give equal files.
    Documents without words are near to none. Those that the list `without` names (of `find_duplicates`) are taken as gone.

    Raises: ValueError for a similarity outside (0, 1], and for a corpus without the facts of `MinHash` and `Normalise`.
    """
    import dask

    if not 0.0 < similarity <= 1.0:
        raise ValueError(f"similarity is {similarity}, expected more than 0 and at most 1")
    parts = parts_of(corpus)
    num_bands = _num_bands(parts)
    count = num_partitions(num_bands * sum(part.num_rows for part in parts), rows_per_partition)
    with workspace(into, f"near_text-{corpus.path.name}") as folder:
        sketched = [dask.delayed(sketch)(part, number, folder, count, without) for number, part in enumerate(parts)]
        edges = [folder / f"edges-{number}.npy" for number in range(count)]
        ready = dask.delayed(_all)(sketched)
        linked = [dask.delayed(link)(ready, folder, parts, number, path, similarity) for number, path in enumerate(edges)]
        num_edges = sum(compute(linked)) if num_bands else 0
        remove_partitions([_bands(folder, number) for number in range(len(parts))])
        if not num_edges:
            return write_list(LISTED.empty_table(), into, "near_text")
        count = num_partitions(2 * num_edges, rows_per_partition)
        alone = count == 1  # then there is nothing to share out, and one task connects
        links = dask.delayed(connect)(folder, edges, 1, compute_here) if alone else connect(folder, edges, count, compute)
        lists = [folder / f"list-{number}.arrow" for number in range(count)]
        compute([dask.delayed(judge)(links, folder, parts, number, count, path, similarity) for number, path in enumerate(lists)])
        found = [batch for path in lists for batch in read_batches(path)]
        return write_list(pa.Table.from_batches(found, LISTED), into, "near_text")


def _all(done: list[int]) -> int:
    """Stands between two phases in the graph: one edge a task, and not one for each pair of tasks."""
    return sum(done)


def _num_bands(parts: list[Part]) -> int:
    """The bands of the first signature there is; 0 where no document has one."""
    for part in parts:
        for batch in part.batches():
            missing = [fact.name for fact in (MINHASH, DIGEST) if fact.name not in batch.schema.names]
            if missing:
                raise ValueError(
                    f"{part.path} has no fact {' and '.join(missing)}; the stage before must measure it, by MinHash and Normalise"
                )
            for text in batch.column(MINHASH.name).to_pylist():
                if text:
                    samples, rows = decode([text])
                    return samples.shape[1] // rows
    return 0


# ---- files of a part, by document


def _bands(folder: Path, number: int) -> Path:
    return folder / f"bands-{number}"


def sketch(part: Part, number: int, folder: Path, count: int, without: Path | None = None) -> int:
    """Writes a part's signatures, ranks and bands. Gives the number of documents that have a signature.

    A rank is the text by which documents are ordered: 8 hex digits that fall as the length grows, 32 of the digest, the key.
    """
    listed = [batch.column("key") for batch in read_batches(without)] if without else []
    gone = pa.chunked_array(listed, pa.string()).combine_chunks()
    ranks: list[bytes] = []
    signatures: list[str] = []
    found = [np.empty(0, np.int64)]
    for batch in part.batches():
        text = batch.column(MINHASH.name)
        has = pc.and_(pc.fill_null(pc.not_equal(text, ""), False), pc.invert(pc.is_in(batch.column("key"), value_set=gone)))
        found.append(np.flatnonzero(has.to_numpy(zero_copy_only=False)) + len(ranks))
        signatures += text.filter(has).to_pylist()
        columns = (pc.binary_length(batch.column("text")), batch.column(DIGEST.name), batch.column("key"))
        rows = zip(*(column.to_pylist() for column in columns), strict=True)
        ranks += [f"{0xFFFFFFFF - length:08x}{digest or '':32.32}{key}".encode() for length, digest, key in rows]
    places = np.concatenate(found)
    decoded, rows_per_band = decode(signatures)
    hashes = band_hashes(decoded, rows_per_band) if signatures else np.empty((0, 0), np.uint64)
    documents = places.astype(np.uint64) + np.uint64(part.first)
    entries = np.stack([hashes.ravel(), np.repeat(documents, hashes.shape[1])], axis=1)
    write_partitions(_bands(folder, number), entries, partition_of(entries[:, 0], count), count)
    samples = np.zeros((len(ranks), decoded.shape[1]), np.uint16)
    samples[places] = decoded
    save_array(folder / f"signatures-{number}.npy", samples)
    save_array(folder / f"ranks-{number}.npy", np.array(ranks, np.bytes_))
    return len(documents)


class Sketches(Rows):
    """Signatures and ranks of any documents, by number."""

    def signatures(self, documents: np.ndarray) -> np.ndarray:
        return self.read("signatures", documents)

    def ranks(self, documents: np.ndarray) -> np.ndarray:
        return self.read("ranks", documents)

    def similarities(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """How similar pairs of documents are by their signatures, a block at a time. Shapes: (n,) uint64 both, out (n,) float64."""
        found = [np.empty(0)]
        for start in range(0, len(one), BLOCK):
            pair = np.concatenate([one[start : start + BLOCK], other[start : start + BLOCK]])
            documents, at = np.unique(pair, return_inverse=True)
            samples = self.signatures(documents)
            first, second = np.split(at, 2)
            found.append(estimate_similarity(samples[first], samples[second]))
        return np.concatenate(found)


# ---- documents that share a band


def link(_: int, folder: Path, parts: list[Part], number: int, path: Path, similarity: float) -> int:
    """Writes the edges (better document, other one) among those that share a band of a partition, and says how many there are."""
    bands = [_bands(folder, part) for part in range(len(parts))]
    entries = np.concatenate([np.empty((0, 2), np.uint64), *read_partition(bands, number)])
    entries = entries[np.argsort(entries[:, 0], kind="stable")]
    entries = entries[_is_shared(entries[:, 0])]
    found = np.empty((0, 2), np.uint64)
    if len(entries):
        sketches = Sketches(folder, parts)
        documents, at = np.unique(entries[:, 1], return_inverse=True)
        places = np.empty(len(documents), np.int64)
        places[np.argsort(sketches.ranks(documents), kind="stable")] = np.arange(len(documents))
        entries = entries[np.lexsort((places[at], entries[:, 0]))]
        found = unique_rows(np.concatenate(list(_compare(entries, sketches, similarity))))
    save_array(path, found)
    return len(found)


def _is_shared(bands: np.ndarray) -> np.ndarray:
    """Which of sorted numbers stand there more than once."""
    same = bands[1:] == bands[:-1]
    return np.concatenate([same, [False]])[: len(bands)] | np.concatenate([[False], same])[: len(bands)]


def _compare(entries: np.ndarray, sketches: Sketches, similarity: float) -> Iterator[np.ndarray]:
    """Edges from the heads of each band. Shapes: entries (n, 2) uint64, by band, the best document first."""
    for _ in range(MAX_HEADS):
        is_head = np.concatenate([[True], entries[1:, 0] != entries[:-1, 0]])
        head = entries[np.flatnonzero(is_head)[np.cumsum(is_head) - 1], 1][~is_head]
        entries = entries[~is_head]
        near = sketches.similarities(head, entries[:, 1]) >= similarity
        yield np.stack([head[near], entries[near, 1]], axis=1)
        entries = entries[~near]
        entries = entries[_is_shared(entries[:, 0])]
        if not len(entries):
            return


# ---- who stays


def judge(links: list[Path], folder: Path, parts: list[Part], number: int, count: int, path: Path, similarity: float) -> int:
    """Writes the documents of a partition of components that go, with the one that stays for each. Gives their number."""
    rows = np.concatenate([np.empty((0, 2), np.uint64), *read_partition(links, number)])
    rows = rows[rows[:, 0] < rows[:, 1]]
    roots = np.unique(rows[:, 0])
    members = unique_rows(np.concatenate([rows, np.stack([roots, roots], axis=1)]))
    sketches = Sketches(folder, parts)
    best = _best(members, sketches)
    of = best[np.searchsorted(roots, members[:, 0])]
    similarities = sketches.similarities(of, members[:, 1])
    is_best = of == members[:, 1]
    goes = ~is_best & (similarities >= similarity)
    found = [_listed(sketches, members[goes, 1], of[goes], similarities[goes])]
    rest = members[~goes & ~is_best]
    rest = rest[_is_shared(rest[:, 0])]  # one alone has nobody else to be near to
    for group in np.split(rest[:, 1], np.flatnonzero(np.diff(rest[:, 0])) + 1) if len(rest) else ():
        group = group[np.argsort(sketches.ranks(group), kind="stable")]
        thinned = list(thin(sketches.signatures(group), similarity))
        lost, kept = (np.array(places, np.int64) for places in ([lost for lost, _, _ in thinned], [kept for _, kept, _ in thinned]))
        found.append(_listed(sketches, group[lost], group[kept], np.array([near for _, _, near in thinned])))
    write_table(path, pa.concat_tables(found))
    return sum(map(len, found))


def _best(members: np.ndarray, sketches: Sketches) -> np.ndarray:
    """The best document of each component, in order of components. Shapes: members (n, 2) uint64 (component, document), sorted."""
    found, ranks = [np.empty((0, 2), np.uint64)], []
    for start in range(0, len(members), BLOCK):
        block = members[start : start + BLOCK]
        rank = sketches.ranks(block[:, 1])
        order = np.lexsort((rank, block[:, 0]))
        order = order[np.concatenate([[True], np.diff(block[order, 0]) > 0])]
        found.append(block[order])
        ranks.append(rank[order])
    candidates = np.concatenate(found)
    order = np.lexsort((np.concatenate(ranks), candidates[:, 0])) if ranks else np.empty(0, np.int64)
    candidates = candidates[order]
    return candidates[np.concatenate([[True], np.diff(candidates[:, 0]) > 0])[: len(candidates)], 1]


def thin(signatures: np.ndarray, similarity: float) -> Iterator[tuple[int, int, float]]:
    """(place that goes, place of the nearest that stays, their similarity) of documents of a component, given from the best down.

    Each is compared with those that stay: the MAX_SEEN best of all, and the MAX_SEEN best of those that share a certain four
    samples in a row, for each four. Shapes: signatures (n, num_samples) uint16.
    """
    seen: dict[tuple[int, int], list[int]] = {}
    stays: list[int] = []
    fours = np.ascontiguousarray(signatures[:, : signatures.shape[1] // 4 * 4]).view(np.uint64)
    for place, row in enumerate(fours.tolist()):
        lists = [seen.setdefault(four, []) for four in enumerate(row)]
        others = np.array(sorted({*stays[:MAX_SEEN], *(other for one in lists for other in one)}), np.int64)
        near = estimate_similarity(signatures[others], signatures[place]) if len(others) else np.empty(0)
        at = int(near.argmax()) if len(near) else 0
        if len(near) and near[at] >= similarity:
            yield place, int(others[at]), float(near[at])
            continue
        stays.append(place)
        for one in lists:
            if len(one) < MAX_SEEN:
                one.append(place)


def _listed(sketches: Sketches, lost: np.ndarray, kept: np.ndarray, similarities: np.ndarray) -> pa.Table:
    """Rows of the list. Shapes: (n,) each, documents uint64."""
    if not len(lost):
        return LISTED.empty_table()
    keys = [[rank[40:].decode() for rank in sketches.ranks(which).tolist()] for which in (lost, kept)]
    return pa.table([*keys, similarities.tolist()], schema=LISTED)


@dataclass(frozen=True, slots=True)
class DropNearText:
    """Refuses the documents that `find_near_texts` listed. `listed` is the list's digest, and pins it in the recipe."""

    path: str = field(metadata={"fingerprint": False})
    listed: str
    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = ()
    reasons: ClassVar = (NEAR_DUPLICATE,)
    version: ClassVar = 1

    def __call__(self, record: Document) -> Document | Reject:
        row = find_row(self.path, record.key)
        if row is None:
            return record
        return Reject(record.key, NEAR_DUPLICATE.name, f"similarity {row['similarity']:.2f} to {row['kept']}, which stays")


def drop_near_text(path: Path) -> DropNearText:
    return DropNearText(str(path), path.stem.removeprefix("near_text-"))
