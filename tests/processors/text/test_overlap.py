"""What counts as the same text, and what a text shares with an index."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.benchmarks import Item, make_index
from processors.text.overlap import N, find_overlaps, look_up, make_filter, telling, token_weights, tokenise
from processors.text.words import ngram_hashes

DUCKS = "Janet's ducks lay 16 eggs per day, and she sells the rest at the farmers' market daily for $2 per fresh duck egg."
CODE = "def below_zero(operations):\n    balance = 0\n    for op in operations:\n        balance += op\n        if balance < 0:\n            return True"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Janet's DUCKS — lay, eggs!", "janet’s ducks lay eggs"),
        ("1,000 or 1000 or 1 000", "1000 or 1000 or 1000"),
        ("one half of twelve", "1 half of 12"),
        ("twenty-five of twenty", "25 of 20"),
        ("two hundred; three thousand", "200; 3000"),
        (r"$\frac{1}{2}x^2 + \pi$", "1/2 x² + π"),
        (r"\left( \tfrac34 \right)", "(3/4)"),
        ("48/2 = <<48/2=24>>24 clips", "48/2 = 24 clips"),
        ("f(x,y)=x+y", "f( x,\n\ty ) = x + y"),
        ("“quoted” 'text'", '"quoted" "text"'),
        ("ｆｕｌｌ １２", "full 12"),
        ("٣ من", "3 من"),
    ],
)
def test_dress_does_not_matter(one: str, other: str) -> None:
    assert tokenise(one).names() == tokenise(other).names()
    assert tokenise(one).hashes.tolist() == tokenise(other).hashes.tolist()


@pytest.mark.parametrize(("one", "other"), [("16 eggs", "61 eggs"), ("one egg", "two eggs"), ("x + y", "y + x"), ("frac 1", r"\frac 1")])
def test_what_is_another_text(one: str, other: str) -> None:
    assert tokenise(one).hashes.tolist() != tokenise(other).hashes.tolist()


@given(st.text(max_size=80))
def test_tokens_stand_in_the_text(text: str) -> None:
    tokens = tokenise(text)
    assert len(tokens.names()) == len(tokens.hashes) == len(tokens.word_of)
    assert len(tokens.dressed) == len(text)
    spans = [tokens.span(at, at + 1) for at in range(len(tokens.hashes))]
    assert spans == sorted(spans)
    assert all(0 <= start < stop <= len(text) for start, stop in spans)


def test_weights_and_what_tells() -> None:
    names = tokenise("the cat has 12 x").names()
    assert names == ["the", "cat", "has", "1", "2", "x"]
    assert token_weights(names).tolist() == [1.0, 1.0, 1.0, 0.4, 0.4, 0.5]
    assert telling(names).tolist() == [True]
    assert telling(tokenise("0 1 0 1 0 1 0 1").names()).tolist() == [False, False, False]
    assert telling(["a"] * (N - 1)).tolist() == []


def index_of(*texts: str):  # type: ignore[no-untyped-def]
    return make_index(Item("b", str(number), {"question": text}) for number, text in enumerate(texts))


def test_a_copy_is_found_where_it_stands() -> None:
    before = "Some page about farming, which has nothing to do with it. "
    text = before + DUCKS.upper() + " More of the page."
    (hit,) = find_overlaps(text, index_of(DUCKS, CODE))
    assert (hit.part.item, hit.part.field, hit.ratio) == ("0", "question", 1.0)
    assert text[hit.start : hit.stop] == DUCKS.upper().rstrip(".")


def test_half_of_it_has_half_the_ratio() -> None:
    words = DUCKS.split()
    (hit,) = find_overlaps(" ".join(words[: len(words) // 2]), index_of(DUCKS))
    assert 0.4 < hit.ratio < 0.6
    assert hit.run == pytest.approx(hit.ratio * hit.part.weight)


def test_code_without_its_layout_is_found() -> None:
    (hit,) = find_overlaps(CODE.replace("    ", "\t").replace(" = ", "=").replace("\n", "  # note\n", 1), index_of(CODE))
    assert hit.ratio > 0.7


def test_numbers_alone_say_nothing() -> None:
    numbers = "1 15 51 45 33 100 12 18 9 194 80 60 30 40 20 10 110 2 3 14 16 21 23 29 30 138"
    (hit,) = find_overlaps(numbers, index_of(numbers))
    assert (hit.run, hit.ratio) == (0.0, pytest.approx(1.0))
    (hit,) = find_overlaps("the sum of " + numbers, index_of("the sum of " + numbers))
    assert hit.run == pytest.approx(6.0)  # as much again as the three words


def test_empty_and_short_texts_have_nothing() -> None:
    for text in ("", "   ", "duck", "ducks lay 16 eggs", "\ud800"):
        assert find_overlaps(text, index_of(DUCKS)) == []


def test_look_up_agrees_with_sets() -> None:
    rng = np.random.Generator(np.random.Philox(1))
    hashes = np.sort(rng.integers(0, 400, 300).astype(np.uint64))
    grams = rng.integers(0, 400, 500).astype(np.uint64)
    index = index_of(DUCKS)
    found = look_up(grams, type(index)((), hashes, np.zeros(300, np.int32), np.zeros(300, np.int32), make_filter(hashes)))
    assert set(zip(*(one.tolist() for one in found), strict=True)) == {
        (i, j) for i, g in enumerate(grams) for j, h in enumerate(hashes) if g == h
    }


def test_ngrams_are_those_of_all_windows() -> None:
    tokens = tokenise(DUCKS)
    assert len(ngram_hashes(tokens.hashes, N)) == len(tokens.hashes) - N + 1


def test_hostile_text_takes_time_in_proportion() -> None:
    for text in ("1" * 200_000, "\\frac" * 40_000, "<<" * 100_000, "<<1" * 60_000, "one " * 50_000, "ﷺ" * 20_000):
        assert find_overlaps(text, index_of(DUCKS)) == []
