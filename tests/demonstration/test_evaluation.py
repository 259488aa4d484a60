"""Scores on answers with known errors, prompts that end where the answer begins, and swaps that change the answer."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.demonstration import evaluation
from pipelines.demonstration.evaluation import Answered, Score
from processors import tokens
from processors.speech_text import SPOKEN
from schemas.parts import Audio, Text
from schemas.records import Conversation, Origin, Turn


def row(key: str, question: str, *answers: str, audio: Audio | None = None, spoken: str = "") -> Conversation:
    asked = Turn("user", (Text(question),) if audio is None else (audio,))
    turns = [turn for answer in answers for turn in (asked, Turn("assistant", (Text(answer),), learned=True))]
    return Conversation(key, Origin("test"), tuple(turns), {SPOKEN.name: spoken})


def answered(*pairs: tuple[str, str]) -> list[Answered]:
    return [Answered(str(place), expected, written) for place, (expected, written) in enumerate(pairs)]


def test_rates_count_errors_over_all_rows() -> None:
    heard = answered(("one two three", "one three"), ("four", "four"))
    assert evaluation.word_error_rate(heard) == pytest.approx(1 / 4)
    read = answered(("n i f a", "n i f e"), ("b o k / t u n", "b o k / t u n"))
    assert evaluation.character_error_rate(read) == pytest.approx(1 / (4 + 7))
    assert evaluation.exact_ratio(read) == 0.5
    assert evaluation.word_error_rate(answered(("one two", ""))) == 1.0


def test_a_prompt_ends_before_the_first_answer() -> None:
    found = evaluation.prompt_of(row("a", "1 + 2", "3", "never reached"))
    (sample,) = found.sequences
    assert tokens.decode(sample.ids.tolist()) == "<|user|>1 + 2<|end|><|assistant|>"
    assert (sample.labels == -100).all()


def test_swaps_take_the_medium_of_a_row_that_is_answered_otherwise() -> None:
    clips = [Audio(log_mel=np.full((8, 80), float(place), np.float32), num_tokens=1) for place in range(3)]
    rows = [
        row(name, "", answer, audio=clip, spoken=spoken)
        for name, answer, clip, spoken in zip("abc", ("x", "x", "y"), clips, "qqr", strict=True)
    ]
    found = evaluation.swapped(rows, Audio)
    assert [one.turns[0].parts[0] for one in found] == [clips[2], clips[2], clips[0]]
    assert [evaluation.first_answer(one) for one in found] == ["x", "x", "y"]
    assert evaluation.swapped(rows, Audio, SPOKEN.name) == []  # no other answer to the same question


def test_guessing_from_the_question_is_scored_by_the_commonest_training_answer() -> None:
    train = [row(str(place), "", answer, spoken="what") for place, answer in enumerate(("red", "red", "blue"))]
    test = [row("x", "", "red", spoken="what"), row("y", "", "blue", spoken="what"), row("z", "", "red", spoken="never asked")]
    assert evaluation.guess_ratio(train, test) == pytest.approx(1 / 3)


def test_an_aim_is_reached_on_its_own_side() -> None:
    assert Score("p", "n", 0.95, 1, 0.9).reached
    assert not Score("p", "n", 0.2, 1, 0.1, higher_is_better=False).reached
    assert Score("p", "n", 0.2, 1).reached is None
