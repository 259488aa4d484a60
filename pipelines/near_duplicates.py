"""Pictures that look alike over a whole corpus: which of them stays depends on content, never on order.

A stage writes each picture's perceptual hash as a fact. Two pictures are near when their hashes differ in at most d bits. Of the
64 bits cut into d + 1 bands, near hashes share one band at least (the pigeonhole principle), so only hashes that share a band are
compared, and all of them are found. Pictures linked by near pairs make a group, which is then thinned: from the largest picture
to the smallest (the smallest key first among equals) each stays unless it is near to one that stays already. So a chain of
pictures that slowly change loses only what has a near copy in the corpus, and not all but one.

Pictures without a hash (flat ones, gradients, stripes) are compared by their exact pixels. Memory: about 40 bytes a picture, and the rows of groups.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa

from pipelines.dedup import DUPLICATE, find_listed, write_list
from processors.image.phash import PHASH, PIXEL_DIGEST
from processors.image.steps import HEIGHT, WIDTH
from schemas.arrow import read_schema_kind
from schemas.corpus import Corpus
from schemas.outcome import Reason, Reject
from schemas.records import Conversation, Record
from schemas.shard import TEMPORARY_PREFIX, remove_files

NEAR_DUPLICATE = Reason("near_duplicate", "Another picture looks the same, as far as its perceptual hash tells, and stays instead")

HASH_BITS = 64
MAX_DISTANCE = 15  # more bands than 16 are so narrow that nearly all hashes share one
BLOCK = 2_048  # hashes compared with as many others at a time: 32 MiB
COLUMNS = ("key", PHASH.name, PIXEL_DIGEST.name, WIDTH.name, HEIGHT.name)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of a group. `bits` is its hash, None for a flat or plain one."""

    key: str
    bits: int | None
    pixels: str
    area_px: int


def find_near_duplicates(corpus: Corpus, into: Path, max_distance: int = 4) -> Path:
    """Writes the table (key, kept) of every record whose picture is near to a larger one, or one with a smaller key, sorted by key.

    `kept` is the key of the picture that stays; a `=` before it says that the pixels are the same. The file
    `<into>/near-<digest of its content>.arrow` is an Arrow IPC stream; equal corpora give equal files.

    Raises: ValueError for a distance outside 0..15.
    """
    if not 0 <= max_distance <= MAX_DISTANCE:
        raise ValueError(f"max_distance is {max_distance}, expected 0 to {MAX_DISTANCE} of {HASH_BITS} bits")
    remove_files(list(into.glob(f"{TEMPORARY_PREFIX}*near-*")))  # of a build that died while it wrote
    hashes, flat = _read_hashes(corpus)
    unique, counts = np.unique(hashes, return_counts=True)
    group_of = _groups(unique, max_distance)
    num_pictures = np.zeros(len(unique), np.int64)  # of each group
    np.add.at(num_pictures, group_of, counts)
    keys: list[str] = []
    kept: list[str] = []
    for pictures in _read_groups(corpus, unique, np.where(num_pictures[group_of] > 1, group_of, -1), flat):
        for lost, by in thin(pictures, max_distance):
            keys.append(lost.key)
            kept.append(f"={by.key}" if lost.pixels == by.pixels else by.key)
    return write_list(pa.table({"key": pa.array(keys, pa.string()), "kept": pa.array(kept, pa.string())}), into, "near")


def thin(pictures: Sequence[Picture], max_distance: int) -> Iterator[tuple[Picture, Picture]]:
    """(lost, the picture that stays in its place) of a group; the nearest one that stays, the first of equals."""
    stays: list[Picture] = []
    bits = np.empty(len(pictures), np.uint64)
    for picture in sorted(pictures, key=lambda picture: (-picture.area_px, picture.key)):
        if stays and picture.bits is not None:
            distances = np.bitwise_count(bits[: len(stays)] ^ np.uint64(picture.bits))
            at = int(distances.argmin())
            is_lost = int(distances[at]) <= max_distance
        else:
            at, is_lost = 0, bool(stays)  # flat pictures are grouped by their pixels
        if is_lost:
            same = next((one for one in stays if one.pixels == picture.pixels), stays[at])
            yield picture, same
        else:
            bits[len(stays)] = np.uint64(picture.bits or 0)
            stays.append(picture)


# ---- groups of hashes


def _bands(max_distance: int) -> list[tuple[int, int]]:
    """(lowest bit, number of bits) of the bands, as even as whole bits allow."""
    edges = [HASH_BITS * number // (max_distance + 1) for number in range(max_distance + 2)]
    return [(low, high - low) for low, high in itertools.pairwise(edges)]


def _groups(unique: np.ndarray, max_distance: int) -> np.ndarray:
    """For each hash the number of its group: the place of its smallest member. Shapes: unique (n,) uint64, out (n,) int64."""
    parent = np.arange(len(unique), dtype=np.int64)
    for low, width in _bands(max_distance) if max_distance else ():
        band = (unique >> np.uint64(low)) & np.uint64(2**width - 1)
        order = np.argsort(band, kind="stable")
        ordered = band[order]
        starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])) if len(ordered) else np.empty(0, np.int64)
        for start, stop in itertools.pairwise([*starts.tolist(), len(ordered)]):
            if stop - start > 1:
                _link(unique, order[start:stop], max_distance, parent)
    for place in range(len(parent)):  # parents come first, so one pass flattens the trees
        parent[place] = parent[parent[place]]
    return parent


def _link(unique: np.ndarray, members: np.ndarray, max_distance: int, parent: np.ndarray) -> None:
    """Joins the groups of all near pairs among the members, block by block."""
    from scipy.sparse import coo_array  # takes half a second to import
    from scipy.sparse.csgraph import connected_components

    for first in range(0, len(members), BLOCK):
        for second in range(first, len(members), BLOCK):
            rows, columns = members[first : first + BLOCK], members[second : second + BLOCK]
            near = np.bitwise_count(unique[rows][:, None] ^ unique[columns][None, :]) <= max_distance
            one, other = np.nonzero(np.triu(near, 1) if first == second else near)
            if not len(one):
                continue
            # a crowd of n copies has n * n / 2 pairs, of which n - 1 are enough to join it
            both = rows if first == second else np.concatenate([rows, columns])
            shift = len(both) - len(columns)  # where the columns start among both
            edges = coo_array((np.ones(len(one), bool), (one, other + shift)), shape=(len(both), len(both)))
            labels = connected_components(edges, directed=False)[1]
            heads: dict[int, int] = {}
            for place in np.unique(np.concatenate(edges.coords)).tolist():
                _join(parent, heads.setdefault(int(labels[place]), int(both[place])), int(both[place]))


def _join(parent: np.ndarray, one: int, other: int) -> None:
    """Union by place: the smaller root becomes the parent of the larger."""
    while parent[one] != one:
        parent[one] = parent[parent[one]]
        one = int(parent[one])
    while parent[other] != other:
        parent[other] = parent[parent[other]]
        other = int(parent[other])
    parent[max(one, other)] = min(one, other)


# ---- the corpus, read twice: hashes of all, then the rows of groups


def _batches(corpus: Corpus) -> Iterator[dict[str, list]]:
    for entry in corpus.ledger():
        for batch in corpus.batches(entry):
            read_schema_kind(batch.schema, entry.shard.name)
            yield {name: batch.column(name).to_pylist() for name in COLUMNS}


def _read_hashes(corpus: Corpus) -> tuple[np.ndarray, set[str]]:
    """The hashes of all pictures, and the pixel digests that more than one flat picture has."""
    found = [np.empty(0, np.uint64)]
    seen: set[str] = set()
    twice: set[str] = set()
    for batch in _batches(corpus):
        found.append(np.array([int(text, 16) for text in batch[PHASH.name] if text], np.uint64))
        for text, pixels in zip(batch[PHASH.name], batch[PIXEL_DIGEST.name], strict=True):
            if not text and pixels:
                (twice if pixels in seen else seen).add(pixels)
    return np.concatenate(found), twice


def _read_groups(corpus: Corpus, unique: np.ndarray, group_of: np.ndarray, flat: set[str]) -> list[list[Picture]]:
    """The pictures of every group of two or more; `group_of` is -1 for the hash of a picture that is alone."""
    found: dict[int | str, list[Picture]] = {}
    for batch in _batches(corpus):
        for key, text, pixels, width, height in zip(*(batch[name] for name in COLUMNS), strict=True):
            if text:
                group = int(group_of[np.searchsorted(unique, np.uint64(int(text, 16)))])
                if group >= 0:
                    found.setdefault(group, []).append(Picture(key, int(text, 16), pixels, width * height))
            elif pixels in flat:
                found.setdefault(pixels, []).append(Picture(key, None, pixels, width * height))
    return list(found.values())


@dataclass(frozen=True, slots=True)
class DropNear:
    """Refuses the records that `find_near_duplicates` listed. `listed` is the list's digest, and pins it in the recipe."""

    path: str = field(metadata={"fingerprint": False})
    listed: str
    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = ()
    reasons: ClassVar = (DUPLICATE, NEAR_DUPLICATE)
    version: ClassVar = 1

    def __call__(self, record: Record) -> Record | Reject:
        kept = find_listed(self.path, record.key)
        if kept is None:
            return record
        if kept.startswith("="):
            return Reject(record.key, DUPLICATE.name, f"same pixels as {kept[1:]}, which stays")
        return Reject(record.key, NEAR_DUPLICATE.name, f"looks like {kept}, which stays")


def drop_near(path: Path) -> DropNear:
    return DropNear(str(path), path.stem.removeprefix("near-"))
