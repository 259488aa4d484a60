"""A linear classifier of text over hashed runs of words and characters: what it is, how it is read, and the score it gives.

The features are those of fastText's supervised models (Joulin et al. 2017, arXiv 1607.01759): single words, pairs of words and runs
of characters, hashed into a fixed number of buckets; a text's score is the mean of its features' weights, so that it does not grow
with length. Training is in pipelines/classify.py.

Weights are whole numbers, and their sums exact: a model scores a text alike on every machine, to the last digit shown.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from processors.text.words import ngram_sums, normal_word_hashes, normal_words
from schemas.facts import Fact, Limit
from schemas.identity import canonical_json, digest
from schemas.outcome import Reason, Reject
from schemas.records import Document, with_facts

SCORE = Fact("quality.classifier_score", float, "Probability of the good class by the classifier, calibrated, 0 to 1")
CLASSIFIER = Fact("quality.classifier", str, "Name and digest of the classifier that gave the score")
LOW_SCORE = Reason("low_score", "The classifier's score is below what was asked for")

MAGIC = b"corpusmill linear classifier 1\n"
SUFFIX = ".linear"
SCALE = 1 << 16  # a weight of 1.0 as a whole number
MAX_HEADER_BYTES = 1 << 20
MAX_CHARS = 50_000  # of a text that are looked at
DIGITS = 6  # of a score

_CHAR_SALT = np.uint64(0xA0761D6478BD642F)  # keeps runs of characters apart from words that hash alike
_SPREAD = np.uint64(0xE7037ED1A0B428DB)  # odd


@dataclass(frozen=True, slots=True)
class Features:
    """Which features a model has: runs of up to `max_words` words, runs of `num_chars` characters (0 for none), `num_buckets` weights."""

    max_words: int = 2
    num_chars: int = 4
    num_buckets: int = 1 << 18

    def __post_init__(self) -> None:
        bits = self.num_buckets.bit_length() - 1
        if self.num_buckets != 1 << bits or not 4 <= bits <= 26 or not 1 <= self.max_words <= 8 or not 0 <= self.num_chars <= 16:
            raise ValueError(f"{self} is out of bounds; expected 1 to 8 words, 0 to 16 characters, and 2**4 to 2**26 buckets")

    def of(self, text: str) -> np.ndarray:
        """The buckets of a text's features, one for each place it stands. Shapes: (num_features,) int64."""
        text = text[:MAX_CHARS]
        hashes = normal_word_hashes(text)
        found = [hashes] + [ngram_sums(hashes, count) for count in range(2, self.max_words + 1)]
        if self.num_chars:
            codes = np.frombuffer(" ".join(normal_words(text)).encode("utf-32-le", "surrogatepass"), np.uint32)
            found.append(ngram_sums(codes.astype(np.uint64), self.num_chars) ^ _CHAR_SALT)
        shift = np.uint64(65 - self.num_buckets.bit_length())
        return (np.concatenate(found) * _SPREAD >> shift).view(np.int64)  # the high bits of a product depend on all bits


@dataclass(frozen=True, slots=True, eq=False)
class Classifier:
    """A trained model. Shapes: weights (features.num_buckets,) int32, in units of 1 / SCALE.

    The probability is sigmoid(slope * mean + intercept); `report` is what was measured when it was trained.
    """

    name: str
    features: Features
    weights: np.ndarray
    slope: float
    intercept: float
    report: Mapping[str, Any]

    def mean(self, text: str) -> float:
        """The mean weight of the text's features; 0 for a text without any."""
        buckets = self.features.of(text)
        return int(self.weights.take(buckets).sum(dtype=np.int64)) / (SCALE * len(buckets)) if len(buckets) else 0.0

    def score(self, text: str) -> float:
        """The calibrated probability that the text is of the good class."""
        logit = self.slope * self.mean(text) + self.intercept
        odds = math.exp(-abs(logit))
        return round((1.0 if logit >= 0 else odds) / (1.0 + odds), DIGITS)

    def to_bytes(self) -> bytes:
        """The file of a model: MAGIC, the header's length (8 bytes, little-endian), the header (JSON), the weights (int32, little-endian)."""
        header = {
            "name": self.name,
            "features": {
                "max_words": self.features.max_words,
                "num_chars": self.features.num_chars,
                "num_buckets": self.features.num_buckets,
            },
            "slope": self.slope,
            "intercept": self.intercept,
            "report": dict(self.report),
        }
        text = canonical_json(header).encode()
        return MAGIC + len(text).to_bytes(8, "little") + text + self.weights.astype("<i4").tobytes()

    @staticmethod
    def from_bytes(data: bytes, where: str) -> Classifier:
        """Raises: ValueError for bytes that are no model; `where` names them."""
        start = len(MAGIC) + 8
        length = int.from_bytes(data[len(MAGIC) : start], "little")
        if not data.startswith(MAGIC) or length > MAX_HEADER_BYTES:
            raise ValueError(f"{where} is no classifier; expected a file that `corpusmill classifier train` wrote")
        try:
            header = json.loads(data[start : start + length])
            features = Features(**header["features"])
            name, slope, intercept, report = header["name"], float(header["slope"]), float(header["intercept"]), header["report"]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"the header of classifier {where} cannot be read: {error}") from error
        rest = data[start + length :]
        if len(rest) != 4 * features.num_buckets:
            raise ValueError(f"classifier {where} has {len(rest)} bytes of weights, expected {4 * features.num_buckets}")
        return Classifier(name, features, np.frombuffer(rest, "<i4"), slope, intercept, report)


@functools.lru_cache(maxsize=4)
def load_classifier(path: str) -> Classifier:
    """The model of a file. Raises: ValueError for a file that is no model, or not the one that its name says (`<name>-<digest>.linear`)."""
    data = Path(path).read_bytes()
    said = Path(path).stem.rpartition("-")[2]
    if digest(data) != said:
        raise ValueError(f"classifier {path} has digest {digest(data)}, its name says {said!r}; it was changed or renamed")
    return Classifier.from_bytes(data, path)


@dataclass(frozen=True, slots=True)
class ScoreText:
    """Scores documents with a trained classifier. `classifier` is the name of its file, which carries its digest."""

    path: str = field(metadata={"fingerprint": False})
    classifier: str
    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = (SCORE, CLASSIFIER)
    reasons: ClassVar = ()
    version: ClassVar = 1

    def __call__(self, record: Document) -> Document:
        return with_facts(record, {SCORE.name: load_classifier(self.path).score(record.text), CLASSIFIER.name: self.classifier})


def score_text(path: Path) -> ScoreText:
    """The step for the model of a file. Raises: ValueError, FileNotFoundError for what is no model."""
    load_classifier(str(path))
    return ScoreText(str(path), path.stem)


@dataclass(frozen=True, slots=True)
class KeepClassified:
    """Keeps documents with a score of at least `min_score`."""

    min_score: float = 0.5
    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = (SCORE, CLASSIFIER)
    writes: ClassVar = ()
    reasons: ClassVar = (LOW_SCORE,)
    version: ClassVar = 1

    @property
    def bounds(self) -> tuple[Limit, ...]:
        return (Limit(SCORE, LOW_SCORE.name, self.min_score),)

    def __call__(self, record: Document) -> Document | Reject:
        score = float(record.facts[SCORE.name])
        if score < self.min_score:
            by = record.facts[CLASSIFIER.name]
            return Reject(record.key, LOW_SCORE.name, f"score {score:.4f} by {by}, expected {self.min_score:g} or more")
        return record
