"""What an engine hears is written a line a clip; questions are known by samples and language; two engines keep apart."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

from pipelines.step import ask, resources_of
from processors.dialogue import LANGUAGE
from processors.speech.engines import Clip, Heard, Speech, Word
from processors.speech.hear import HEARD_BY, SECOND_HEARD_BY, Hear, HearingQuestion
from processors.speech.replies import decode_heard, decode_speech, encode_heard, encode_speech
from processors.speech_text import HEARD, HEARD_WORDS, SECOND_HEARD
from schemas.parts import Audio, Image, Text
from schemas.records import Conversation, Origin, Turn


@dataclass(frozen=True, slots=True)
class Counter:
    """Hears the number of samples, as a word of the whole clip."""

    languages: tuple[str, ...] = ()
    name: ClassVar = "counter"
    resources: ClassVar = {"num_cpus": 3}

    def identity(self) -> str:
        return "counter 1"

    @contextlib.contextmanager
    def open(self) -> Iterator[Any]:
        def hear(clip: Clip) -> Heard:
            number = str(len(clip.samples))
            return Heard(number, (Word(number, 0.0, len(clip.samples) / 16_000, 0.5),), clip.language)

        yield lambda clips: [hear(clip) for clip in clips]


def said(*lengths: int, language: str = "en") -> Conversation:
    turns = tuple(Turn("user", (Image(source=b"i"), Audio(samples=np.zeros(length, np.float32)), Text("so?"))) for length in lengths)
    return Conversation("k", Origin("s"), (*turns, Turn("assistant", (Text("Yes."),), True)), {LANGUAGE.name: language})


def heard_by(step: Hear, record: Conversation) -> Conversation:
    questions = step.questions(record)
    assert isinstance(questions, list)
    with step.open() as hear:
        return step.answer(record, hear(questions))


def test_a_line_a_clip_and_words_where_there_is_one_clip() -> None:
    one = heard_by(Hear(Counter()), said(800))
    assert (one.facts[HEARD.name], one.facts[HEARD_BY.name]) == ("800", "counter")
    assert json.loads(str(one.facts[HEARD_WORDS.name])) == [["800", 0.0, 0.05]]
    two = heard_by(Hear(Counter()), said(800, 1_600))
    assert (two.facts[HEARD.name], two.facts[HEARD_WORDS.name]) == ("800\n1600", "")
    none = heard_by(Hear(Counter()), said())
    assert (none.facts[HEARD.name], none.facts[HEARD_WORDS.name], none.facts[HEARD_BY.name]) == ("", "", "counter")


def test_the_second_engine_writes_its_own_facts() -> None:
    step = Hear(Counter(), second=True)
    record = heard_by(step, heard_by(Hear(Counter()), said(800)))
    assert (record.facts[SECOND_HEARD.name], record.facts[SECOND_HEARD_BY.name]) == ("800", "counter")
    assert {fact.name for fact in step.writes} == {SECOND_HEARD.name, SECOND_HEARD_BY.name}
    assert set(record.facts) - {LANGUAGE.name} == {fact.name for hear in (step, Hear(Counter())) for fact in hear.writes}


@pytest.mark.parametrize(("languages", "asked"), [((), 1), (("de", "en"), 1), (("de",), 0)])
def test_a_language_that_the_engine_cannot_hear_is_not_asked_about(languages: tuple[str, ...], asked: int) -> None:
    step = Hear(Counter(languages))
    questions = step.questions(said(800))
    assert isinstance(questions, list)
    assert len(questions) == asked
    assert heard_by(step, said(800)).facts[HEARD_BY.name] == ("counter" if asked else "")


def test_a_question_is_known_by_its_samples_and_language() -> None:
    samples = np.linspace(-1, 1, 100, dtype=np.float32)
    question = HearingQuestion(Clip(samples, "en")).digest()
    assert HearingQuestion(Clip(samples.astype(np.float64), "en")).digest() == question
    assert HearingQuestion(Clip(np.repeat(samples, 2)[::2], "en")).digest() == question
    assert HearingQuestion(Clip(samples[:-1], "en")).digest() != question
    assert HearingQuestion(Clip(samples, "de")).digest() != question
    assert HearingQuestion(Clip(samples, "")).digest() != question


def test_resources_and_identity_are_the_engines() -> None:
    assert resources_of(ask(Hear(Counter()))) == {"num_cpus": 3}
    assert Hear(Counter()).identity() == "counter 1"


def test_a_kept_reply_of_a_neural_voice_is_heard_as_the_fresh_one() -> None:
    """Speech becomes a 16-bit file before anyone hears it, whether it was kept or not: both runs get the same samples."""
    rng = np.random.default_rng(0)
    reply = encode_speech(Speech((rng.normal(size=22_050) * 2).astype(np.float32), 22_050))
    first, again = decode_speech(reply), decode_speech(bytes(reply))
    assert isinstance(first, np.ndarray) and isinstance(again, np.ndarray)
    assert (first.dtype, first.shape) == (np.float32, (16_000,))
    assert first.tobytes() == again.tobytes()
    with Hear(Counter()).open() as hear:
        (kept,) = hear([HearingQuestion(Clip(first, "en"))])
    assert encode_heard(decode_heard(kept)) == kept
