"""Repetition against its plain definition, and Gopher's thresholds."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.text.repetition import DUPLICATE_NGRAMS, REPETITION_FACTS, TOP_NGRAMS, MeasureRepetition, measure_repetition
from schemas.records import Document, Origin

WORDS = st.lists(st.sampled_from(["a", "b", "cc", "d", "ee", "f"]), max_size=80)


def top_chars(words: list[str], n: int) -> int:
    runs = Counter(" ".join(words[i : i + n]) for i in range(len(words) - n + 1))
    text, count = runs.most_common(1)[0] if runs else ("", 0)
    return len(text) * count if count > 1 else 0


def duplicate_chars(words: list[str], n: int) -> int:
    seen: set[tuple[str, ...]] = set()
    found = place = 0
    while place < len(words) - n + 1:
        run = tuple(words[place : place + n])
        if run in seen:
            found += sum(map(len, run))
            place += n
        else:
            seen.add(run)
            place += 1
    return found


@given(WORDS)
def test_runs_of_words_by_their_definition(words: list[str]) -> None:
    text = " ".join(words)
    facts = measure_repetition(text)
    size = max(1, len(text))
    for n in TOP_NGRAMS:
        assert facts[f"quality.top_{n}gram_char_ratio"] == top_chars(words, n) / size
    for n in DUPLICATE_NGRAMS:
        assert facts[f"quality.dup_{n}gram_char_ratio"] == duplicate_chars(words, n) / size


def test_lines_and_paragraphs() -> None:
    facts = measure_repetition("same\nsame\n\nother line\n\nsame\nsame")
    assert facts["quality.dup_line_ratio"] == 3 / 5
    assert facts["quality.dup_line_char_ratio"] == 12 / 26
    assert facts["quality.dup_paragraph_ratio"] == 1 / 3
    assert facts["quality.dup_paragraph_char_ratio"] == 9 / 32


@pytest.mark.parametrize("text", ["", "\n\n", "...", "one", "漢"])
def test_texts_without_runs_repeat_nothing(text: str) -> None:
    assert set(measure_repetition(text).values()) == {0.0}


def test_a_loop_repeats_nearly_all_of_itself() -> None:
    facts = measure_repetition("the model goes on and on about it " * 200)
    assert all(facts[f"quality.dup_{n}gram_char_ratio"] > 0.7 for n in DUPLICATE_NGRAMS)


def test_the_step_writes_what_it_declares_and_changes_nothing() -> None:
    record = Document("k", Origin("s"), "some words here")
    found = MeasureRepetition()(record)
    assert set(found.facts) == {fact.name for fact in REPETITION_FACTS}
    assert (found.text, record.facts) == ("some words here", {})
