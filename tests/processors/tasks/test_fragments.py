"""Fragments are those of the published definition, found without its cost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.tasks.fragments import extraction, fragments, longest_matches

WORDS = st.lists(st.sampled_from("abc"), max_size=14)


def by_definition(summary: list[str], source: list[str]) -> list[int]:
    """The longest run from each word on, by trying every place of the source."""
    found = []
    for start in range(len(summary)):
        best = 0
        for place in range(len(source)):
            length = 0
            while start + length < len(summary) and place + length < len(source) and summary[start + length] == source[place + length]:
                length += 1
            best = max(best, length)
        found.append(best)
    return found


@given(WORDS, st.lists(st.sampled_from("abcd"), max_size=30))
def test_longest_matches_are_those_of_the_definition(summary: list[str], source: list[str]) -> None:
    assert longest_matches(summary, source) == by_definition(summary, source)


def test_measures_of_an_example() -> None:
    source = "the cat sat on the mat and the dog sat on the cat"
    assert fragments(["the", "cat", "sat", "on", "a", "mat"], source.split()) == [4, 1]
    told = extraction("The cat sat on a mat.", source, "en")
    assert (told.coverage, told.density, told.compression) == (5 / 6, 17 / 6, 13 / 6)
    assert told.lead == 4 / 6


def test_characters_count_in_chinese_and_japanese() -> None:
    told = extraction("修复石桥。", "镇议会决定修复石桥,费用由镇里承担。", "zh")
    assert (told.coverage, told.density) == (1.0, 4.0)


@pytest.mark.parametrize("text", ["", "...", "  "])
def test_without_words_all_measures_are_nought(text: str) -> None:
    assert extraction(text, "a b c", "en") == extraction("", "", "en")


def test_a_source_of_one_word_a_hundred_thousand_times_is_passed_once() -> None:
    assert fragments(["a"] * 2_000, ["a"] * 100_000) == [2_000]
