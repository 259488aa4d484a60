"""Words of a transcript get the times of the heard ones, and nothing is invented between."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from processors.audio.alignment import ANCHORED, AlignTranscript, align_words, split_words
from processors.dialogue import LANGUAGE
from processors.speech_text import HEARD_WORDS, WORDS
from schemas.parts import Text
from schemas.records import Conversation, Origin, Turn

HEARD = [("the", 0.2, 0.3), ("old", 0.4, 0.6), ("brick", 1.0, 1.4), ("falls", 1.5, 2.0)]


def record(text: str, heard: list, language: str = "en", words: str = "") -> Conversation:
    facts = {HEARD_WORDS.name: json.dumps(heard) if heard else "", LANGUAGE.name: language, WORDS.name: words}
    return Conversation("k", Origin("s"), (Turn("assistant", (Text(text),), True),), facts)


def test_shared_words_take_the_heard_times_and_the_rest_lies_between_without_gaps() -> None:
    timed, anchored = align_words(["The", "old", "stone", "bridge", "falls."], HEARD, 2.5)
    assert anchored == pytest.approx(3 / 5)
    assert timed[0] == ("The", 0.2, 0.3)
    assert timed[2:4] == [("stone", 0.6, pytest.approx(1.05)), ("bridge", pytest.approx(1.05), pytest.approx(1.5))]
    assert timed[4] == ("falls.", 1.5, 2.0)


def test_words_before_and_after_the_anchors_fill_the_rest_of_the_clip() -> None:
    timed, _ = align_words(["so", "the", "old", "wall"], HEARD[:2], 2.6)
    assert timed == [("so", 0.0, 0.2), ("the", 0.2, 0.3), ("old", 0.4, 0.6), ("wall", 0.6, 2.6)]


@given(st.lists(st.sampled_from(["a", "b", "c", "d", "-"]), max_size=12), st.lists(st.sampled_from(["a", "b", "c", "x"]), max_size=12))
@example(["a", "c", "c", "c", "a"], ["a", "b", "b", "b", "a"])  # three steps of 1.0666 s sum to more than 4.1 s
def test_every_word_keeps_its_place_and_times_never_run_back(words: list[str], heard: list[str]) -> None:
    timed, anchored = align_words(words, [(word, n + 0.1, n + 0.9) for n, word in enumerate(heard)], float(len(heard)))
    assert [word for word, _, _ in timed] == words
    assert 0 <= anchored <= 1
    flat = [time for _, start_s, end_s in timed for time in (start_s, end_s)]
    assert flat == sorted(flat)


def test_the_step_gives_times_where_enough_was_heard() -> None:
    done = AlignTranscript(0.6)(record("The old stone bridge falls.", HEARD))
    assert done.facts[ANCHORED.name] == 0.6
    assert [word for word, _, _ in json.loads(str(done.facts[WORDS.name]))] == ["The", "old", "stone", "bridge", "falls."]
    too_few = AlignTranscript(0.61)(record("The old stone bridge falls.", HEARD))
    assert (too_few.facts[ANCHORED.name], too_few.facts[WORDS.name]) == (0.6, "")


def test_given_times_stay_and_without_hearing_there_are_none() -> None:
    given_words = '[["The", 0.1, 0.2]]'
    assert AlignTranscript()(record("The", HEARD, words=given_words)).facts[WORDS.name] == given_words
    silent = AlignTranscript()(record("The", []))
    assert (silent.facts[WORDS.name], silent.facts[ANCHORED.name]) == ("", 0.0)


def test_japanese_is_aligned_by_characters() -> None:
    assert split_words("今日は 雨", "ja") == ["今", "日", "は", "雨"]
    done = AlignTranscript()(record("今日は雨", [["今", 0.0, 0.2], ["日", 0.2, 0.4], ["は", 0.4, 0.5], ["雪", 0.9, 1.1]], "ja"))
    assert done.facts[ANCHORED.name] == 0.75


def test_half_an_hour_of_words_keeps_its_anchors() -> None:
    words = [f"word{n % 700}" for n in range(5_000)]
    heard = [(word, 0.3 * n, 0.3 * n + 0.2) for n, word in enumerate(words) if n % 10]
    timed, anchored = align_words(words, heard, 1_500.0)
    assert anchored == pytest.approx(0.9)
    assert [entry for n, entry in enumerate(timed) if n % 10] == heard


def test_nothing_heard_and_nothing_said() -> None:
    assert align_words([], HEARD, 2.0) == ([], 0.0)
    assert align_words(["--"], HEARD, 2.0) == ([("--", 0.0, 2.0)], 0.0)
    assert align_words(["one", "two"], [], 2.0) == ([("one", 0.0, 1.0), ("two", 1.0, 2.0)], 0.0)
