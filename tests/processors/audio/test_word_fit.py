"""The right words fit the sound; other words, cut speech and noise do not."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from processors.audio.word_fit import (
    BETWEEN,
    FIT_BY,
    NO_FIT,
    WORST_FIT,
    WORST_FIT_WORD,
    FitQuestion,
    FitWords,
    KeepFit,
    Piece,
    open_fitter,
    words_to_fit,
    worst_fit,
)
from processors.dialogue import LANGUAGE
from processors.speech.engines import Speech, Utterance, Voice
from processors.speech.flite import Flite
from processors.speech_text import SPOKEN
from schemas.outcome import Reject
from schemas.parts import Audio, Text
from schemas.records import Conversation, Origin, Turn

TEXTS = ("How many dogs are in the picture?", "What is the total on this receipt?", "Where is Quillobamba?")


@pytest.fixture(scope="module")
def spoken() -> dict[str, np.ndarray]:
    if shutil.which("flite") is None:
        pytest.skip("flite is not installed")
    with Flite().open() as speak:
        answers = speak([Utterance(text, "en", Voice(voice)) for text, voice in zip(TEXTS, ("rms", "slt", "kal16"), strict=True)])
    return {text: answer.samples for text, answer in zip(TEXTS, answers, strict=True) if isinstance(answer, Speech)}


@pytest.fixture(scope="module")
def fit() -> Iterator[Callable[[FitQuestion], list[Piece]]]:
    with open_fitter() as callable_:
        yield callable_


def record(text: str, clips: list[np.ndarray], language: str = "en") -> Conversation:
    turns = (*(Turn("user", (Audio(samples=clip),)) for clip in clips), Turn("assistant", (Text("Two."),), learned=True))
    return Conversation("k", Origin("test"), turns, {SPOKEN.name: text, LANGUAGE.name: language})


def judged(cost: float, word: str = "dogs", by: str = "pocketsphinx") -> Conversation:
    return Conversation("k", Origin("test"), (), {WORST_FIT.name: cost, WORST_FIT_WORD.name: word, FIT_BY.name: by})


def cost(fit: Callable[[FitQuestion], list[Piece]], samples: np.ndarray, text: str) -> float:
    return worst_fit(fit(FitQuestion(samples, words_to_fit(text))))[1]


def test_words_are_those_of_the_dictionary() -> None:
    assert words_to_fit("What's the COVID-19 rate?") == ("what's", "the", "covid", "nineteen", "rate")
    assert words_to_fit("Peter’s 2 dogs…") == ("peter's", "two", "dogs")
    assert words_to_fit("?!") == ()


def test_the_words_that_were_said_fit(spoken: dict[str, np.ndarray], fit: Callable[[FitQuestion], list[Piece]]) -> None:
    assert {text: cost(fit, samples, text) <= KeepFit().max_cost for text, samples in spoken.items()} == dict.fromkeys(TEXTS, True)


@pytest.mark.parametrize(
    "text",
    ["How many cats are in the picture?", "How many dogs are in the garden?", "What is the total on this receipt?", "How many dogs are in"],
)
def test_other_words_do_not_fit(spoken: dict[str, np.ndarray], fit: Callable[[FitQuestion], list[Piece]], text: str) -> None:
    assert cost(fit, spoken[TEXTS[0]], text) > KeepFit().max_cost


def test_silence_at_the_ends_changes_nothing(spoken: dict[str, np.ndarray], fit: Callable[[FitQuestion], list[Piece]]) -> None:
    silence = np.zeros(48_000, np.float32)
    found = cost(fit, np.concatenate([silence, spoken[TEXTS[0]], silence]), TEXTS[0])
    assert found == pytest.approx(cost(fit, spoken[TEXTS[0]], TEXTS[0]), abs=0.5)


def test_cut_and_drowned_speech_does_not_fit(spoken: dict[str, np.ndarray], fit: Callable[[FitQuestion], list[Piece]]) -> None:
    samples = spoken[TEXTS[0]]
    noise = np.random.default_rng(0).standard_normal(len(samples)).astype(np.float32) * samples.std()
    for heard in (samples[: len(samples) * 6 // 10], samples[len(samples) * 4 // 10 :], samples + noise, samples * 0, samples[:0]):
        assert cost(fit, heard, TEXTS[0]) > KeepFit().max_cost


def test_an_answer_depends_on_its_question_alone(spoken: dict[str, np.ndarray]) -> None:
    questions = [FitQuestion(samples, words_to_fit(text)) for text, samples in spoken.items()]
    with FitWords().open() as first, FitWords().open() as second:
        there, back = first(questions), second(questions[::-1])[::-1]
        assert there == back == first(questions)


def test_the_worst_piece_decides() -> None:
    assert worst_fit([("how", 10.0, 10), ("dogs", 60.0, 10), (BETWEEN, 40.0, 10)]) == ("dogs", 3.0)
    assert worst_fit([("how", 10.0, 10), (BETWEEN, 100.0, 10)]) == (BETWEEN, 5.0)
    assert worst_fit([("how", 10.0, 10), ("quillobamba", 100.0, 40)]) == ("quillobamba", 1.0)  # a guessed sound counts half
    assert worst_fit([]) == ("", NO_FIT)
    assert worst_fit([("how", 10_000.0, 10)]) == ("how", NO_FIT)


def test_the_step_asks_a_question_a_clip_and_takes_the_worst(spoken: dict[str, np.ndarray]) -> None:
    step = FitWords()
    one, two = spoken[TEXTS[0]], spoken[TEXTS[1]]
    asked = step.questions(record(f"{TEXTS[0]}\n{TEXTS[1]}", [one, two]))
    assert not isinstance(asked, Reject)
    assert [question.words for question in asked] == [words_to_fit(TEXTS[0]), words_to_fit(TEXTS[1])]
    assert asked[0].digest() != asked[1].digest()
    joined = step.questions(record(TEXTS[0], [one, two]))
    assert not isinstance(joined, Reject)
    assert [len(question.samples) for question in joined] == [len(one) + len(two)]
    replies = [json.dumps([("how", 10.0, 10)]).encode(), json.dumps([("total", 40.0, 10)]).encode()]
    facts = step.answer(record("x", [one, two]), replies).facts
    assert (facts[WORST_FIT.name], facts[WORST_FIT_WORD.name], facts[FIT_BY.name]) == (2.0, "total", "pocketsphinx")


def test_a_language_it_cannot_hear_is_not_judged() -> None:
    step, german = FitWords(), record("Guten Tag", [np.zeros(16_000, np.float32)], "de")
    assert step.questions(german) == []
    facts = step.answer(german, []).facts
    assert (facts[WORST_FIT.name], facts[WORST_FIT_WORD.name], facts[FIT_BY.name]) == (0.0, "", "")
    assert isinstance(KeepFit()(step.answer(german, [])), Conversation)


def test_what_costs_too_much_is_refused_and_the_nearest_is_kept() -> None:
    assert isinstance(KeepFit(5.2)(judged(5.2)), Conversation)
    refused = KeepFit(5.2)(judged(5.21))
    assert refused == Reject("k", "spoken_differs", "'dogs' costs 5.21 nats a frame, expected 5.2 or less")
    assert KeepFit()(judged(NO_FIT, "")) == Reject("k", "spoken_differs", "the text does not fit the sound")
    assert isinstance(KeepFit(NO_FIT)(judged(NO_FIT, "")), Conversation)


def test_unusable_thresholds_are_refused_and_the_steps_are_picklable() -> None:
    with pytest.raises(ValueError, match="max_cost is -1, expected 0 or more"):
        KeepFit(-1)
    with pytest.raises(ValueError, match="max_cost is nan"):
        KeepFit(float("nan"))
    with pytest.raises(ValueError, match="reason_name is 'x', expected spoken_differs or transcript_disagrees"):
        KeepFit(reason_name="x")
    assert pickle.loads(pickle.dumps((FitWords(), KeepFit()))) == (FitWords(), KeepFit())
