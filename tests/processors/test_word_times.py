"""Word times of rows in the shapes that users have them."""

from __future__ import annotations

import pytest

from processors.dialogue import BAD_WORD_TIMES, TranscriptTask
from processors.speech_text import WORDS
from processors.word_times import BadWordTimes, words_of
from schemas.outcome import Reject
from schemas.records import Conversation, Origin, Row

HELLO = ("hello", 0.5, 1.0)


@pytest.mark.parametrize(
    "fields",
    [
        {"words": [{"word": "hello", "start": 0.5, "end": 1}]},
        {"words": [{"text": "hello", "start_sec": 0.5, "end_sec": 1.0}]},
        {"words": [{"symbol": "hello", "start_s": 0.5, "duration": 0.5}]},
        {"words": [["hello", 0.5, 0.5]]},
        {"alignment": {"word": [["hello", 0.5, 0.5, None]]}},
        {"segments": [{"start": 0.1, "end": 9.0, "text": "ignored", "words": [{"word": "hello", "start_time": 0.5, "end_time": 1.0}]}]},
    ],
)
def test_shapes_of_words(fields: dict) -> None:
    assert words_of(fields) == [HELLO]


def test_words_of_a_segment_are_spread_without_gaps() -> None:
    segments = [{"start": 1.0, "end": 3.0, "text": "two words"}, {"start": 4.0, "end": 5.0, "text": "one"}]
    assert words_of({"segments": segments}) == [("two", 1.0, 2.0), ("words", 2.0, 3.0), ("one", 4.0, 5.0)]


def test_a_row_without_times_has_no_words() -> None:
    assert words_of({"text": "hello"}) == []


@pytest.mark.parametrize(
    "words",
    [
        [{"word": "a", "start": 1.0, "end": 0.5}],
        [{"word": "a", "start": "one", "end": 2.0}],
        [{"word": "a", "start": 0.0, "end": float("inf")}],
        [{"word": "a", "start": float("nan"), "end": 1.0}],
        [{"word": "a", "start": 3.0, "end": 3.5}, {"word": "b", "start": 1.0, "end": 1.5}],
        [{"start": 1.0, "end": 2.0}],
        [["a"]],
        ["a"],
        [{"word": "a", "start": True, "end": 2.0}],
    ],
)
def test_words_that_cannot_be_read_are_refused(words: list) -> None:
    with pytest.raises(BadWordTimes):
        words_of({"words": words})
    row = Row("k", Origin("s"), {"text": "a b", "words": words}, {"audio": b"x"})
    result = TranscriptTask()(row)
    assert isinstance(result, Reject)
    assert result.reason == BAD_WORD_TIMES.name


def test_the_task_writes_the_words() -> None:
    row = Row("k", Origin("s"), {"text": "hello", "words": [["hello", 0.5, 0.5]]}, {"audio": b"x"})
    result = TranscriptTask()(row)
    assert isinstance(result, Conversation)
    assert result.facts[WORDS.name] == '[["hello", 0.5, 1.0]]'
    without = TranscriptTask()(Row("k", Origin("s"), {"text": "hello"}, {"audio": b"x"}))
    assert isinstance(without, Conversation)
    assert without.facts[WORDS.name] == ""
