"""What sounds alike is near, what does not is far; the alignment is the cheapest one there is."""

from __future__ import annotations

import functools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.audio.word_sounds import (
    _WEAK,
    MAX_CELLS,
    MAX_WORD_CHARS,
    UNKNOWN_WEIGHT,
    _cost,
    _dictionary,
    phones_of,
    spell_out,
    word_distances,
    worst_word,
)

UNIT = 1_000


def distance(reference: str, heard: str, language: str = "en") -> float:
    return word_distances(reference.split(), heard.split(), language)[1]


def cheapest(one: list[str], other: list[str]) -> int:
    """The edit distance by its definition, for short words."""

    def gap(phone: str) -> int:
        return round(UNIT * _WEAK.get(phone, 1.0))

    @functools.cache
    def best(i: int, j: int) -> int:
        if not i or not j:
            return sum(map(gap, one[:i])) + sum(map(gap, other[:j]))
        return min(
            best(i - 1, j - 1) + _cost(one[i - 1], other[j - 1]), best(i - 1, j) + gap(one[i - 1]), best(i, j - 1) + gap(other[j - 1])
        )

    return best(len(one), len(other))


@given(
    reference=st.lists(st.sampled_from(["cat", "looking", "house", "at", "seven", "zzyzx"]), min_size=1, max_size=5),
    heard=st.lists(st.sampled_from(["cap", "look", "in", "mouse", "eleven", "a"]), max_size=6),
)
@settings(max_examples=150, deadline=None)
def test_the_cost_is_the_least_there_is_and_is_shared_out_among_the_words(reference: list[str], heard: list[str]) -> None:
    costs, total, num_phones = word_distances(reference, heard, "en")
    one = [phone for word in reference for phone in phones_of(word, "en")[0]]
    other = [phone for word in heard for phone in phones_of(word, "en")[0]]
    assert round(total * UNIT) == cheapest(one, other)
    assert sum(costs) == pytest.approx(total)
    assert (len(costs), num_phones) == (len(reference), len(one))
    assert min(costs) >= 0


@given(reference=st.text("abcü", min_size=1, max_size=9), heard=st.text("abdü", max_size=9))
@settings(max_examples=100, deadline=None)
def test_other_languages_are_compared_by_letters(reference: str, heard: str) -> None:
    assert round(distance(reference, heard, "de") * UNIT) == cheapest(list(reference), list(heard))


@pytest.mark.parametrize(
    ("reference", "near", "far"),
    [
        ("looking", "look in", "eating"),
        ("bat", "pat", "horse"),
        ("sit", "set", "dog"),
        ("fifty", "fifteen", "nine"),
        ("the", "a", "school"),
    ],
)
def test_what_sounds_alike_is_nearer(reference: str, near: str, far: str) -> None:
    assert 0 < distance(reference, near) < distance(reference, far)


def test_the_same_words_have_no_distance_and_voicing_costs_less_than_place() -> None:
    assert word_distances(["two", "cats"], ["two", "cats"], "en")[:2] == ([0.0, 0.0], 0.0)
    assert distance("bat", "pat") == 0.2  # voiced or not
    assert distance("bat", "cat") == pytest.approx(0.6)  # voice and place
    assert distance("bat", "bats") == 1.0  # a phone more


def test_the_cost_falls_on_the_word_that_was_heard_wrong() -> None:
    costs, total, _ = word_distances(["big", "horse", "runs"], ["big", "house", "runs"], "en")
    assert costs == [0.0, total, 0.0]
    late, whole, _ = word_distances(["big", "horse"], ["big", "horse", "runs", "away"], "en")
    assert late == [0.0, whole]


def test_without_reference_words_the_cost_is_what_was_heard_too_much() -> None:
    assert word_distances([], ["cat"], "en") == ([], 3.0, 0)
    assert word_distances([], [], "en") == ([], 0.0, 0)
    assert word_distances(["cat"], [], "en") == ([3.0], 3.0, 3)
    assert word_distances(["北"], [], "en") == ([0.0], 0.0, 0)  # no English sound


def test_words_outside_the_dictionary_are_guessed_and_count_half() -> None:
    assert phones_of("cat", "en") == (("K", "AE", "T"), True)
    assert phones_of("blorft", "en") == (("B", "L", "AA", "R", "F", "T"), False)
    assert phones_of("bookshelfcat", "en")[1] is True  # two known halves
    assert worst_word([2.0, 3.0], ["cat", "blorft"], "en") == max(2.0, 3.0 * UNKNOWN_WEIGHT)
    assert worst_word([], [], "en") == 0.0
    assert phones_of("größe", "de") == (tuple("größe"), True)


@pytest.mark.parametrize(
    ("token", "language", "words"),
    [
        ("cat", "en", ("cat",)),
        ("50", "en", ("fifty",)),
        ("21st", "en", ("twenty", "first")),
        ("1999", "en", ("nineteen", "ninety", "nine")),
        ("3.14", "en", ("three", "one", "four")),
        ("$5", "en", ("five", "dollars")),
        ("20%", "en", ("twenty", "percent")),
        ("50", "de", ("fünfzig",)),
        ("1990s", "en", ("nineteen", "ninety")),
        ("1" * 16, "en", ("1" * 16,)),
        ("b2b", "en", ("b2b",)),
    ],
)
def test_numbers_are_compared_as_they_sound(token: str, language: str, words: tuple[str, ...]) -> None:
    assert spell_out(token, language) == words


def test_a_run_beyond_the_bound_counts_every_word_as_missed() -> None:
    words = ["elephant"] * 300
    num_phones = len(phones_of("elephant", "en")[0]) * 300
    assert num_phones**2 > 1_000_000
    heard = ["horse"] * (MAX_CELLS // num_phones)
    costs, total, counted = word_distances(words, heard, "en")
    assert counted == num_phones
    assert total == pytest.approx(sum(costs))
    assert costs[0] == costs[-1] == pytest.approx(sum(_WEAK.get(phone, 1.0) for phone in phones_of("elephant", "en")[0]))


def test_the_long_side_may_be_either_one() -> None:
    rng = random.Random(0)
    known = sorted(word for word in _dictionary() if word.isalpha())
    few, many = [rng.choice(known) for _ in range(3)], [rng.choice(known) for _ in range(60)]
    assert word_distances(few, many, "en")[1] == pytest.approx(word_distances(many, few, "en")[1])


def test_a_word_of_any_length_is_compared_in_bounded_time() -> None:
    long = "ab" * 50_000
    assert len(long) > MAX_WORD_CHARS
    assert phones_of(long, "en")[1] is False
    assert spell_out("1" * 100_000, "en") == ("1" * 100_000,)
    assert word_distances([long], ["cat"], "en")[2] == 100_000
