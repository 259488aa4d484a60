"""Stretches hold every place that was asked for, and a match is the one that the whole text would give."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from processors.text.places import AROUND_DIGITS, Places, matches

TEXTS = st.lists(st.sampled_from(["at ", "7", "12 ", "word ", "İ", "é", "Key=", "\n", "x" * 40]), max_size=60).map("".join)


@given(TEXTS)
def test_digits_and_numbers(text: str) -> None:
    places = Places(text)
    assert places.digits.tolist() == [at for at, ch in enumerate(text) if ch in "0123456789"]
    assert places.numbers == [found.start() for found in re.finditer(r"[0-9]+", text)]
    assert places.of("w").tolist() == [at for at, ch in enumerate(text) if ch == "w"]


@given(TEXTS)
def test_lower_case_keeps_places(text: str) -> None:
    low = Places(text).low
    assert len(low) == len(text)
    assert "key=" not in low or low.index("key=") == text.index("Key=")


@given(TEXTS, st.integers(0, 20), st.integers(1, 20))
def test_stretches_are_apart_and_hold_each_literal(text: str, before: int, after: int) -> None:
    stretches = Places(text).near(("at", "wor"), before, after, needs_digit=False)
    flat = [place for stretch in stretches for place in stretch]
    assert flat == sorted(flat)
    for found in re.finditer("at|wor", text):
        assert any(start <= max(0, found.start() - before) and min(len(text), found.start() + after) <= stop for start, stop in stretches)


@given(TEXTS)
def test_matches_are_those_of_the_whole_text(text: str) -> None:
    pattern = re.compile(r"at \d{1,6} ")
    whole = [(found.start(), found.end()) for found in pattern.finditer(text)]
    assert [(found.start(), found.end()) for found in matches(pattern, text, Places(text).near(("at",), 8, 24))] == whole


def test_what_is_far_from_digits_is_left_out() -> None:
    text = "at " + "word " * 1_000 + "7"
    assert Places(text).near(("at",), 1, 5) == []
    assert Places(text).near(("at",), 1, 5, needs_digit=False) == [(0, 5)]
    assert Places("at " + " " * (AROUND_DIGITS - 4) + "7").near(("at",), 1, 5) == [(0, 5)]


def test_crowds() -> None:
    places = Places("1 2 3" + " " * 50 + "4" + " " * 50 + "5 6 7")
    assert places.crowds(places.digits, 3, 4, 0) == [(0, 4), (106, 110)]
    assert places.crowds(places.digits, 3, 3, 0) == []


def test_words() -> None:
    assert [Places(text).has_word(6) for text in ("", "abcde fghij", "abcdef", "a abcdef b")] == [False, False, True, True]
