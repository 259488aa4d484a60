"""Words, their places and hashes; lines and sentences."""

from __future__ import annotations

import numpy as np
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from processors.text.words import (
    lines_of,
    mixed,
    ngram_hashes,
    ngram_sums,
    normal_word_hashes,
    normal_words,
    num_unspaced,
    paragraphs_of,
    sentences_of,
    word_hashes,
    word_spans,
    words_of,
)

# of the scripts and signs that are cut in different ways
TEXTS = st.text(st.one_of(st.characters(codec="utf-8"), st.sampled_from("ab'’ \n.-_漢ไé\u0301\u200b")), max_size=60)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don't stop—it’s 3.14!", ["Dont", "stop", "its", "3", "14"]),
        ("snake_case x+y", ["snake", "case", "x", "y"]),
        ("漢字abc カナ", ["漢", "字", "abc", "カ", "ナ"]),
        ("ไทย", ["ไ", "ท", "ย"]),
        ("हिन्दी cafe\u0301", ["हिन्दी", "cafe\u0301"]),
        ("soft\u00adhyphen zero\u200bwidth", ["softhyphen", "zerowidth"]),
        ("nul\x00byte", ["nul", "byte"]),
        ("👍🏽 '' ’", []),
        ("", []),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@given(TEXTS)
def test_an_ascii_text_is_cut_as_in_any_other(text: str) -> None:
    plain = "".join(sign for sign in text if sign.isascii())
    assert words_of(plain) == words_of(plain + " …")  # a sign that makes the text go the other way


@given(TEXTS)
def test_spans_hold_the_words(text: str) -> None:
    words, spans = words_of(text), word_spans(text)
    assert len(words) == len(spans)
    for word, (start, stop) in zip(words, spans.tolist(), strict=True):
        assert words_of(text[start:stop]) == [word]
    assert (spans[1:, 0] >= spans[:-1, 1]).all()


@given(TEXTS)
def test_normal_words_are_aligned_and_forget_case(text: str) -> None:
    assert len(normal_words(text)) == len(words_of(text))
    assert (normal_word_hashes(text) == word_hashes(normal_words(text))).all()


def test_normal_words() -> None:
    assert normal_words("STRASSE straße ＡＢ Ǆ") == ["strasse", "strasse", "ab", "dž"]


def test_hashes_are_those_of_xxh3_and_stay() -> None:
    assert word_hashes(["word", "漢"]).tolist() == [xxhash.xxh3_64_intdigest(word.encode()) for word in ("word", "漢")]
    assert word_hashes([]).dtype == np.uint64


@given(st.lists(st.sampled_from(["a", "b", "c"]), max_size=30), st.integers(1, 6))
def test_equal_runs_have_equal_numbers_and_no_others(words: list[str], n: int) -> None:
    hashes = word_hashes(words)
    runs = [tuple(words[place : place + n]) for place in range(max(0, len(words) - n + 1))]
    for found in (ngram_sums(hashes, n), ngram_hashes(hashes, n)):
        assert len(found) == len(runs)
        assert len(set(zip(runs, found.tolist(), strict=True))) == len(set(runs)) == len(set(found.tolist()))
    shorter = ngram_sums(hashes, n)
    assert (ngram_sums(hashes, n + 1, shorter) == ngram_sums(hashes, n + 1)).all()


def test_mixing_is_one_to_one_and_even() -> None:
    found = mixed(np.arange(1 << 16, dtype=np.uint64))
    assert len(np.unique(found)) == 1 << 16
    ones = [int((found >> np.uint64(bit) & np.uint64(1)).sum()) for bit in range(64)]
    assert all(abs(count - (1 << 15)) < 700 for count in ones)  # five standard deviations are 640


def test_lines_paragraphs_sentences() -> None:
    text = '  One.\nTwo "ends." Then 3.14 is\n \n好。是！」走\n\n\nLast'
    assert lines_of(text) == ["One.", 'Two "ends." Then 3.14 is', "好。是！」走", "Last"]
    assert paragraphs_of(text) == ['One.\nTwo "ends." Then 3.14 is', "好。是！」走", "Last"]
    assert sentences_of(text) == ["One.", 'Two "ends."', "Then 3.14 is", "好。", "是！」", "走", "Last"]


def test_unspaced_words_are_counted() -> None:
    assert (num_unspaced("abc"), num_unspaced("é漢字 ไ"), num_unspaced("가나")) == (0, 3, 0)


@pytest.mark.parametrize("piece", ["\n ", ". ", '."', "' ", "漢", "\n\n", "。」", " \u200b", "a "])
def test_hostile_texts_are_cut_in_one_pass(piece: str) -> None:
    """Quadratic work would take hours for this many."""
    num = 200_000
    text = piece * num
    assert len(words_of(text)) == len(word_spans(text)) == len(normal_words(text)) == num * len(words_of(piece))
    assert len(lines_of(text)) == (0 if "\n" in piece else 1)
    assert paragraphs_of(text) == lines_of(text)
    assert len(sentences_of(text)) == (num if piece in (". ", "。」") else len(lines_of(text)))
