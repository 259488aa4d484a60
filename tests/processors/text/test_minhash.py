"""MinHash signatures against exact similarity, the curve of bands, and signatures as text."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.text.minhash import (
    MINHASH,
    MinHash,
    band_hashes,
    chance_of_meeting,
    decode,
    encode,
    estimate_similarity,
    shingle_sums,
    sketch,
)
from schemas.records import Document, Origin


def document(text: str) -> Document:
    return Document("k", Origin("test"), text)


def signature(text: str, **fields: int) -> str:
    return str(MinHash(**fields)(document(text)).facts[MINHASH.name])


def pair(rng: np.random.Generator, size: int, similarity: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Two sets of `size` numbers, and their exact Jaccard similarity, near the one asked for."""
    shared = round(2 * size * similarity / (1 + similarity))
    drawn = rng.integers(0, 2**64, 2 * size - shared, dtype=np.uint64)
    one, other = drawn[:size], np.concatenate([drawn[:shared], drawn[size:]])
    return one, other, len(np.intersect1d(one, other)) / len(np.union1d(one, other))


@pytest.mark.parametrize("size", [30, 120, 600])
@pytest.mark.parametrize("similarity", [0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 1.0])
def test_the_estimate_and_the_bands_follow_their_laws(size: int, similarity: float) -> None:
    rng = np.random.default_rng(size)
    times = 300
    errors, met, exact = [], 0, 0.0
    for _ in range(times):
        one, other, exact = pair(rng, size, similarity)
        samples = np.stack([sketch(one, 112), sketch(other, 112)])
        errors.append(float(estimate_similarity(samples[0], samples[1])) - exact)
        bands = band_hashes(samples, 8)
        met += bool((bands[0] == bands[1]).any())
    spread = math.sqrt(exact * (1 - exact) / 112)
    assert abs(np.mean(errors)) <= 5 * spread / math.sqrt(times)  # no bias
    assert math.sqrt(np.mean(np.square(errors))) <= 1.35 * spread
    chance = chance_of_meeting(exact)
    assert abs(met / times - chance) <= 5 * math.sqrt(chance * (1 - chance) / times) + 1e-3


def test_the_curve_is_the_published_one() -> None:
    assert [round(chance_of_meeting(s), 3) for s in (0.5, 0.75, 0.8, 0.85, 1.0)] == [0.053, 0.772, 0.924, 0.988, 1.0]
    assert chance_of_meeting(0.8, num_bands=1, rows_per_band=2) == pytest.approx(0.64)


def test_texts_of_known_similarity() -> None:
    words = [f"word{number}" for number in range(1_000)]
    changed = [*words]
    for place in range(50, 1_000, 100):  # ten words, five runs of five each
        changed[place] = "other"
    runs = [len(set(zip(*(text[start:] for start in range(5)), strict=False))) for text in (words, changed)]
    assert runs == [996, 996]
    samples, _ = decode([signature(" ".join(words)), signature(" ".join(changed))])
    exact = (996 - 50) / (996 + 50)
    assert abs(estimate_similarity(samples[0], samples[1]) - exact) < 4 * math.sqrt(exact * (1 - exact) / 112)


def test_what_does_not_count() -> None:
    assert signature("It's Ｏｎｅ ﬁne day, in MAY; is it not?") == signature("its one fine day in may -- is it not")
    assert signature("one two three four five six") != signature("one two three four five seven")
    text = "a b c d e f g h i j"
    assert signature(f"{text} {text} {text}") == signature(f"{text} {text}")  # a set of runs: how often does not count


def test_short_texts_are_one_run() -> None:
    assert signature("") == signature("... !") == ""
    short = ["a", "b", "a b", "b a", "a b c d", "a b c d e"]
    assert len({signature(text) for text in short}) == len(short)
    samples, _ = decode([signature(text) for text in short])
    for one in range(len(short)):
        for other in range(one):
            assert estimate_similarity(samples[one], samples[other]) < 0.05
    assert signature("a b c d") == signature("A, b: C d.")


def test_scripts_without_spaces_have_a_word_a_character() -> None:
    text = "東京は日本の首都であり世界でも有数の大都市として知られている"
    assert len(shingle_sums(text, 5)) == len(text) - 4
    samples, _ = decode(
        [signature(text), signature(text.replace("大都市", "大都会")), signature("鎌倉は神奈川県にある古い町で多くの寺がある場所だ")]
    )
    assert estimate_similarity(samples[0], samples[1]) > 0.5
    assert estimate_similarity(samples[0], samples[2]) < 0.1


def test_parameters_change_the_signature() -> None:
    text = "one two three four five six seven eight nine"
    others = [signature(text, seed=1), signature(text, ngram=4), signature(text, num_bands=13), signature(text, rows_per_band=4)]
    assert len({signature(text), *others}) == 5
    assert len(signature(text)) == 300


@pytest.mark.parametrize("fields", [{"num_bands": 0}, {"rows_per_band": 1}, {"rows_per_band": 256}, {"ngram": 0}])
def test_fields_that_mean_nothing_are_refused(fields: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="expected 1 or more bands of 2 to 255 rows over runs of 1 or more words"):
        MinHash(**fields)


@given(st.integers(1, 20), st.integers(2, 9), st.integers(1, 5), st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_a_signature_reads_back(num_bands: int, rows: int, count: int, seed: int) -> None:
    samples = np.random.default_rng(seed).integers(0, 2**16, (count, num_bands * rows), dtype=np.uint16)
    found, told = decode([encode(row, rows) for row in samples])
    assert told == rows
    assert np.array_equal(found, samples)
    assert band_hashes(found, rows).shape == (count, num_bands)


@given(st.text(max_size=300))
@settings(max_examples=200, deadline=None)
def test_any_text_has_a_signature_that_says_it_is_itself(text: str) -> None:
    found = signature(text)
    assert found == signature(text)
    if found:
        samples, _ = decode([found, signature(f" {text}\n")])
        assert estimate_similarity(samples[0], samples[1]) == 1.0


def test_signatures_that_cannot_be_compared() -> None:
    text = "one two three four five six seven"
    with pytest.raises(ValueError, match="different lengths"):
        decode([signature(text), signature(text, num_bands=20)])
    with pytest.raises(ValueError, match=r"say \[4, 8\] rows a band"):
        decode([signature(text), signature(text, num_bands=28, rows_per_band=4)])


def test_bands_agree_only_in_the_same_place() -> None:
    samples = np.zeros((1, 112), np.uint16)
    assert len(set(band_hashes(samples, 8)[0].tolist())) == 14


def test_runs_of_a_large_text_fill_every_sample_anew() -> None:
    one, other = (sketch(np.random.default_rng(seed).integers(0, 2**64, 300_000, dtype=np.uint64), 112) for seed in (0, 1))
    assert estimate_similarity(one, other) < 0.05  # the 16 bits kept of a sample do not shrink with its rank
