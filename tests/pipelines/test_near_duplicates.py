"""Near-duplicates against a comparison of all pairs; which picture stays, whatever the order; lists and their steps."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.build import Execution, build
from pipelines.corpus_source import open_corpus
from pipelines.dedup import drop_listed, drop_repeats, find_duplicates, find_repeats
from pipelines.near_duplicates import MAX_DISTANCE, Picture, _bands, _groups, drop_near, find_near_duplicates, thin
from pipelines.recipe import Recipe
from pipelines.source.split import Split, make_row, make_split
from pipelines.step import each
from processors.contract import Contract
from processors.image.phash import PHASH, PIXEL_DIGEST
from processors.image.steps import HEIGHT, WIDTH
from processors.vision.captions import CAPTION_DIGEST
from schemas.corpus import Corpus, read_batches
from schemas.identity import digest
from schemas.outcome import Reason
from schemas.parts import Text
from schemas.records import Conversation, Row, Turn


def crowded(rng: np.random.Generator, count: int) -> np.ndarray:
    """Hashes of which many lie within a few bits of one another."""
    centres = rng.integers(0, 2**64, 5, dtype=np.uint64)
    found = []
    for _ in range(count):
        value = int(centres[rng.integers(5)])
        for bit in rng.integers(0, 64, rng.integers(0, 5)):
            value ^= 1 << int(bit)
        found.append(value)
    return np.unique(np.array(found, np.uint64))


def by_all_pairs(unique: np.ndarray, distance: int) -> list[set[int]]:
    """Connected groups, by comparing every pair."""
    groups = [{place} for place in range(len(unique))]
    for one, other in itertools.combinations(range(len(unique)), 2):
        if int(unique[one] ^ unique[other]).bit_count() <= distance:
            first, second = (next(group for group in groups if place in group) for place in (one, other))
            if first is not second:
                groups.remove(second)
                first |= second
    return groups


@given(st.integers(0, 10_000), st.sampled_from([0, 1, 3, 4, 7, 15]))
@settings(max_examples=40, deadline=None)
def test_groups_are_those_of_all_pairs(seed: int, distance: int) -> None:
    unique = crowded(np.random.default_rng(seed), 60)
    found = _groups(unique, distance)
    assert {frozenset(np.flatnonzero(found == root).tolist()) for root in set(found.tolist())} == set(
        map(frozenset, by_all_pairs(unique, distance))
    )


def test_bands_share_the_bits_out() -> None:
    for distance in range(MAX_DISTANCE + 1):
        bands = _bands(distance)
        assert len(bands) == distance + 1
        assert sum(width for _, width in bands) == 64
        assert [low for low, _ in bands] == list(itertools.accumulate([0, *(width for _, width in bands[:-1])]))


def picture(key: str, bits: int, area: int = 100, pixels: str = "") -> Picture:
    return Picture(key, bits, pixels or key, area)


def lost(*pictures: Picture, distance: int = 4) -> dict[str, str]:
    return {one.key: by.key for one, by in thin(pictures, distance)}


def test_the_largest_stays_then_the_smallest_key() -> None:
    assert lost(picture("a", 0), picture("b", 1, 200), picture("c", 3)) == {"a": "b", "c": "b"}
    assert lost(picture("b", 0), picture("a", 1)) == {"b": "a"}


def test_a_chain_loses_only_what_has_a_near_copy() -> None:
    chain = [picture(f"{number:02d}", 2 ** (3 * number) - 1) for number in range(8)]  # each three bits from the next
    gone = lost(*chain)
    assert gone == {"01": "00", "03": "02", "05": "04", "07": "06"}
    for order in (reversed(chain), sorted(chain, key=lambda one: one.key[::-1])):
        assert lost(*order) == gone


def test_flat_pictures_are_compared_by_their_pixels() -> None:
    assert {one.key: by.key for one, by in thin([Picture("b", None, "p", 5), Picture("a", None, "p", 5)], 4)} == {"b": "a"}


# ---- over a corpus


NEVER = Reason("never", "Nothing is refused")


@dataclass(frozen=True, slots=True)
class Listed:
    """A source of rows (hash, pixels, width, caption), in splits of `per_split`."""

    rows: tuple[tuple[str, str, int, str], ...]
    per_split: int = 2
    reasons: ClassVar = (NEVER,)

    def splits(self) -> list[Split]:
        starts = range(0, max(len(self.rows), 1), self.per_split)
        return [make_split("made", "r", start, min(start + self.per_split, len(self.rows)), -1, 0) for start in starts]

    def read(self, split: Split) -> Any:
        for number in range(split.start, split.stop):
            phash, pixels, width, caption = self.rows[number]
            yield make_row(split, "CC0-1.0", f"{phash} {pixels} {width} {caption}", {"v": [phash, pixels, width, caption]}, {})


@dataclass(frozen=True, slots=True)
class Tell:
    """Writes the told facts."""

    takes: ClassVar = (Row,)
    gives: ClassVar = Conversation
    reads: ClassVar = ()
    writes: ClassVar = (PHASH, PIXEL_DIGEST, WIDTH, HEIGHT, CAPTION_DIGEST)
    reasons: ClassVar = ()
    version: ClassVar = 1

    def __call__(self, row: Row) -> Conversation:
        phash, pixels, width, caption = row.fields["v"]  # type: ignore[misc]
        facts = {
            PHASH.name: phash,
            PIXEL_DIGEST.name: digest(pixels),
            WIDTH.name: width,
            HEIGHT.name: 1,
            CAPTION_DIGEST.name: digest(caption),
        }
        return Conversation(row.key, row.origin, (Turn("assistant", (Text(str(caption)),), learned=True),), facts)


ROWS = (
    ("00000000000000ff", "p1", 10, "a1"),
    ("00000000000000fe", "p2", 20, "a1"),  # near to the first, and larger
    ("ff00000000000000", "p3", 10, "a1"),
    ("", "white", 10, "b1"),
    ("", "black", 10, "b1"),
    ("", "white", 10, "c1"),  # the same flat picture
    ("0f0f0f0f0f0f0f0f", "p4", 10, "d1"),
    ("0f0f0f0f0f0f0f0f", "p4", 10, "d1 "),  # the same pixels
)


def built(rows: tuple[Any, ...], out: Path, per_split: int = 2) -> Corpus:
    return Corpus(build(Recipe("made", Listed(rows, per_split), (each(Tell()),)), out, Execution(workers=0)).path)


def listed(path: Path) -> dict[str, str]:
    return {row["key"]: row["kept"] for batch in read_batches(path) for row in batch.to_pylist()}


def keys(corpus: Corpus) -> dict[str, str]:
    return {record.key: record.origin.locator for record in corpus.records()}


def test_the_list_is_the_same_in_any_order(tmp_path: Path) -> None:
    (tmp_path / "near").mkdir()
    first = built(ROWS, tmp_path / "one")
    path = find_near_duplicates(first, tmp_path / "near")
    names = keys(first)
    found = {names[key]: ("=" if by[0] == "=" else "") + names[by.lstrip("=")] for key, by in listed(path).items()}
    whites = sorted(key for key, locator in names.items() if " white " in locator)
    same = sorted(key for key, locator in names.items() if " p4 " in locator)
    assert found == {
        "00000000000000ff p1 10 a1": "00000000000000fe p2 20 a1",
        names[whites[1]]: "=" + names[whites[0]],
        names[same[1]]: "=" + names[same[0]],
    }
    assert find_near_duplicates(built(ROWS[::-1], tmp_path / "two", 3), tmp_path / "near") == path
    assert find_near_duplicates(built(ROWS[::-1], tmp_path / "three", 8), tmp_path / "near", max_distance=0) != path
    with pytest.raises(ValueError, match="expected 0 to 15 of 64 bits"):
        find_near_duplicates(first, tmp_path, 16)


def test_dropping_by_the_list(tmp_path: Path) -> None:
    before = built(ROWS, tmp_path)
    steps = (each(drop_near(find_near_duplicates(before, tmp_path))), each(Contract()))
    done = build(Recipe("kept", open_corpus(before.path), steps), tmp_path, Execution(workers=0))
    assert done.totals["rejects"] == {"duplicate": 2, "near_duplicate": 1}
    details = sorted(reject["detail"].split(" ")[0] for reject in Corpus(done.path).rejects())
    assert details == ["looks", "same", "same"]


def test_an_empty_corpus_and_one_without_copies(tmp_path: Path) -> None:
    for name, rows in (("none", ()), ("one", ROWS[:1])):
        corpus = built(rows, tmp_path / name)
        assert listed(find_near_duplicates(corpus, tmp_path)) == {}
        assert listed(find_repeats(corpus, CAPTION_DIGEST, 1, tmp_path)) == {}
        assert listed(find_duplicates(corpus, PIXEL_DIGEST, tmp_path)) == {}


def test_what_repeats_too_often_keeps_the_smallest_keys(tmp_path: Path) -> None:
    corpus = built(ROWS, tmp_path)
    group = sorted(key for key, locator in keys(corpus).items() if locator.endswith(" a1"))
    pair = sorted(key for key, locator in keys(corpus).items() if locator.endswith(" b1"))
    assert listed(find_repeats(corpus, CAPTION_DIGEST, 2, tmp_path)) == {group[2]: group[0]}
    assert listed(find_repeats(corpus, CAPTION_DIGEST, 1, tmp_path)) == {group[1]: group[0], group[2]: group[0], pair[1]: pair[0]}
    assert listed(find_repeats(corpus, CAPTION_DIGEST, 3, tmp_path)) == {}
    with pytest.raises(ValueError, match="expected 1 or more"):
        find_repeats(corpus, CAPTION_DIGEST, 0, tmp_path)
    drop = drop_repeats(find_repeats(corpus, CAPTION_DIGEST, 2, tmp_path))
    done = build(Recipe("kept", open_corpus(corpus.path), (each(drop),)), tmp_path, Execution(workers=0))
    assert done.totals["rejects"] == {"repeated_text": 1}


def test_exact_duplicates_of_conversations(tmp_path: Path) -> None:
    corpus = built(ROWS, tmp_path)
    drop = drop_listed(find_duplicates(corpus, PIXEL_DIGEST, tmp_path))
    done = build(Recipe("kept", open_corpus(corpus.path), (each(drop),)), tmp_path, Execution(workers=0))
    assert done.totals["rejects"] == {"duplicate": 2}


def test_a_crowd_of_copies_is_one_group() -> None:
    rng = np.random.default_rng(0)
    base = np.uint64(0x0123456789ABCDEF)
    flips = np.uint64(1) << rng.integers(0, 64, (3_000, 2)).astype(np.uint64)
    unique = np.unique(base ^ flips[:, 0] ^ flips[:, 1])
    assert set(_groups(unique, 4).tolist()) == {0}
    assert len(unique) > 1_000
