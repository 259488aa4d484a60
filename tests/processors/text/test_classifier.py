"""The classifier's file, features and exact scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.text.classifier import (
    CLASSIFIER,
    LOW_SCORE,
    MAGIC,
    SCALE,
    SCORE,
    Classifier,
    Features,
    KeepClassified,
    load_classifier,
    score_text,
)
from schemas.identity import digest
from schemas.outcome import Reject
from schemas.records import Document, Origin

FEATURES = Features(max_words=2, num_chars=0, num_buckets=1 << 12)


def model(**words: float) -> Classifier:
    """A model with a weight for each word."""
    weights = np.zeros(FEATURES.num_buckets, np.int32)
    for word, weight in words.items():
        weights[FEATURES.of(word)] = round(weight * SCALE)
    return Classifier("toy", FEATURES, weights, 1.0, 0.0, {"held_out": {"auc": 1.0}})


def written(tmp_path: Path, classifier: Classifier) -> Path:
    data = classifier.to_bytes()
    path = tmp_path / f"toy-{digest(data)}.linear"
    path.write_bytes(data)
    return path


def test_features_are_words_pairs_and_characters() -> None:
    assert len(Features(1, 0).of("One two three")) == 3
    assert len(Features(2, 0).of("One two three")) == 5
    assert len(Features(2, 4).of("One two three")) == 5 + len("one two three") - 3
    assert Features(2, 4).of("ONE, two").tolist() == Features(2, 4).of("one two").tolist()
    assert len(Features().of("")) == len(Features().of("...")) == 0


@given(st.text(max_size=60))
def test_buckets_are_in_range(text: str) -> None:
    found = Features(3, 3, 16).of(text)
    assert ((found >= 0) & (found < 16)).all()


@pytest.mark.parametrize("features", [Features(2, 0, 1 << 6), Features(1, 4, 1 << 6)])
def test_buckets_are_used_evenly(features: Features) -> None:
    letters = np.random.default_rng(0).choice(list("abcdefghijklmnopqrstuvwxyz "), 40_000)
    counts = np.bincount(features.of("".join(letters)), minlength=64)
    assert counts.max() < 1.6 * counts.mean()
    assert counts.min() > 0.5 * counts.mean()


@pytest.mark.parametrize("wrong", [{"num_buckets": 1000}, {"num_buckets": 8}, {"max_words": 0}, {"num_chars": 17}])
def test_features_out_of_bounds(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="is out of bounds; expected 1 to 8 words, 0 to 16 characters, and"):
        Features(**wrong)


def test_the_score_is_the_sigmoid_of_the_mean() -> None:
    toy = model(good=3.0, bad=-3.0)
    assert toy.mean("good good good") == 3 * 3.0 / 5  # two pairs weigh nothing
    assert toy.score("good") == round(1 / (1 + np.exp(-3.0)), 6)
    assert toy.score("bad") == pytest.approx(1 - toy.score("good"), abs=1e-6)
    assert toy.score("") == 0.5


def test_a_model_comes_back_from_its_file(tmp_path: Path) -> None:
    toy = model(good=3.0)
    found = load_classifier(str(written(tmp_path, toy)))
    assert found.to_bytes() == toy.to_bytes()
    assert (found.name, found.features, found.report) == (toy.name, toy.features, toy.report)
    assert found.score("good") == toy.score("good")


def test_damaged_files_are_named(tmp_path: Path) -> None:
    path = written(tmp_path, model(good=1.0))
    renamed = tmp_path / "toy-0123.linear"
    renamed.write_bytes(path.read_bytes())
    with pytest.raises(ValueError, match="its name says '0123'; it was changed or renamed"):
        load_classifier(str(renamed))
    data = path.read_bytes()
    for damaged, message in (
        (b"PK" + data[2:], "is no classifier"),
        (data[:-4], "bytes of weights, expected 16384"),
        (data.replace(b'"slope"', b'"slape"'), "header of classifier x cannot be read"),
        (MAGIC + (1 << 40).to_bytes(8, "little"), "is no classifier"),
        (b"", "is no classifier"),
    ):
        with pytest.raises(ValueError, match=message):
            Classifier.from_bytes(damaged, "x")


def test_the_steps_write_the_score_and_decide(tmp_path: Path) -> None:
    path = written(tmp_path, model(good=3.0))
    record = score_text(path)(Document("k", Origin("s"), "good"))
    assert (record.facts[SCORE.name], record.facts[CLASSIFIER.name]) == (0.952574, path.stem)
    assert KeepClassified(0.952574)(record) is record
    refused = KeepClassified(0.952575)(record)
    assert isinstance(refused, Reject)
    assert (refused.reason, refused.detail) == (LOW_SCORE.name, f"score 0.9526 by {path.stem}, expected 0.952575 or more")
