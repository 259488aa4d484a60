"""User turns are spoken by a real engine: voices by key, text replaced by sound, refusals declared."""

from __future__ import annotations

import contextlib
import dataclasses
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

from processors.dialogue import LANGUAGE
from processors.speech.engines import NOT_SPOKEN, Refusal, Speech, Voice
from processors.speech.flite import Flite
from processors.speech.replies import decode_heard, decode_speech, encode_heard, encode_speech
from processors.speech.speak import LANGUAGE_NOT_SPOKEN, RATES, VOICES, Reference, SpeakTurns, SpeechQuestion, VoicePool
from processors.speech_text import SPOKEN
from schemas.outcome import Reject
from schemas.parts import Audio, Image, Text
from schemas.records import Conversation, Origin, Turn


def asking(*texts: str, key: str = "k", language: str = "en") -> Conversation:
    turns = []
    for text in texts:
        turns += [Turn("user", (Image(source=b"i"), Text(text))), Turn("assistant", (Text("Yes."),), True)]
    return Conversation(key, Origin("s"), tuple(turns), {SPOKEN.name: "\n".join(texts), LANGUAGE.name: language})


def answer(step: SpeakTurns, record: Conversation) -> Conversation | Reject:
    questions = step.questions(record)
    assert isinstance(questions, list)
    with step.open() as speak:
        return step.answer(record, speak(questions))


@dataclass(frozen=True, slots=True)
class Mute:
    """An engine with a voice that gives nothing."""

    name: ClassVar = "mute"
    clones: ClassVar = True

    def identity(self) -> str:
        return "mute 1"

    def voices(self, language: str) -> tuple[str, ...]:
        return ("nobody",)

    @contextlib.contextmanager
    def open(self) -> Iterator[Any]:
        yield lambda utterances: [Refusal("no breath") for _ in utterances]


def test_every_user_turn_becomes_sound_after_its_image_and_answers_stay() -> None:
    record = asking("What is this?", "And that over there?")
    done = answer(SpeakTurns(VoicePool(Flite())), record)
    assert isinstance(done, Conversation)
    assert [[type(part) for part in turn.parts] for turn in done.turns] == [[Image, Audio], [Text], [Image, Audio], [Text]]
    first, second = (turn.parts[1] for turn in done.turns if turn.role == "user")
    assert isinstance(first, Audio) and isinstance(second, Audio)
    assert first.samples is not None and second.samples is not None
    assert 0.4 * 16_000 < len(first.samples) < len(second.samples) < 3 * 16_000
    assert len(str(done.facts[VOICES.name]).split(",")) == len(str(done.facts[RATES.name]).split(",")) == 2


def test_the_same_question_gives_the_same_bytes_whatever_came_before() -> None:
    step = SpeakTurns(VoicePool(Flite()))
    one, other = step.questions(asking("What is this?")), step.questions(asking("Something else.", key="x"))
    assert isinstance(one, list) and isinstance(other, list)
    with step.open() as speak:
        alone = speak(one)
        assert speak([*other, *one])[1] == alone[0]


def test_voices_and_rates_are_spread_evenly_and_depend_on_the_key_alone() -> None:
    step = SpeakTurns(VoicePool(Flite(), rates=(0.9, 1.1)), seed=3)
    asked = [step.questions(asking("Why?", key=f"key {n}")) for n in range(2_000)]
    drawn = Counter(q[0].utterance.voice for q in asked if isinstance(q, list))
    assert set(drawn) == {Voice(name, rate) for name in Flite().voices("en") for rate in (0.9, 1.1)}
    assert min(drawn.values()) > 190
    assert max(drawn.values()) < 310
    assert asked[7] == step.questions(asking("Why?", key="key 7"))


def test_what_an_engine_cannot_do_is_refused() -> None:
    refused = SpeakTurns(VoicePool(Flite())).questions(asking("Was ist das?", language="de"))
    assert isinstance(refused, Reject)
    assert refused.reason == LANGUAGE_NOT_SPOKEN.name
    silent = answer(SpeakTurns(VoicePool(Mute())), asking("Hello?"))
    assert isinstance(silent, Reject)
    assert (silent.reason, silent.detail) == (NOT_SPOKEN.name, "no breath")


def test_cloned_voices_are_known_by_their_content() -> None:
    pool = VoicePool(Mute(), references=(Reference("/a/one.wav", "aa"), Reference("/a/two.wav", "bb")))
    assert [(voice.reference, content) for voice, content in pool.choices("en")] == [("/a/one.wav", "aa"), ("/a/two.wav", "bb")]
    question = pool.question(np.random.default_rng(0), "Hello", "en", 0)
    assert question is not None
    moved = dataclasses.replace(question, utterance=dataclasses.replace(question.utterance, voice=Voice("nobody", 1.0, "/b/x.wav")))
    assert moved.digest() == question.digest() or question.utterance.voice.rate != 1.0
    assert SpeechQuestion(question.utterance, "cc").digest() != question.digest()
    with pytest.raises(ValueError, match="flite cannot clone"):
        VoicePool(Flite(), references=(Reference("x", "y"),))
    with pytest.raises(ValueError, match="rates are"):
        VoicePool(Flite(), rates=(3.0,))


def test_a_turn_without_text_is_left_alone_and_a_missing_line_is_a_bug() -> None:
    record = asking("What is this?")
    record = dataclasses.replace(record, turns=(Turn("user", (Image(source=b"i"),)), *record.turns))
    done = answer(SpeakTurns(VoicePool(Flite())), record)
    assert isinstance(done, Conversation)
    assert [type(part) for part in done.turns[0].parts] == [Image]
    with pytest.raises(ValueError, match="2 user turns with text and 1 spoken"):
        answer(SpeakTurns(VoicePool(Flite())), dataclasses.replace(asking("a", "b"), facts={SPOKEN.name: "a", LANGUAGE.name: "en"}))


def test_speech_survives_as_a_reply_within_half_a_step_of_16_bits() -> None:
    samples = np.sin(np.arange(16_000) / 20).astype(np.float32) * 0.7
    back = decode_speech(encode_speech(Speech(samples, 16_000)))
    assert isinstance(back, np.ndarray)
    assert np.abs(back - samples).max() <= 0.5 / 32_768 + 1e-7
    loud = decode_speech(encode_speech(Speech(samples * 3, 16_000)))
    assert isinstance(loud, np.ndarray)
    assert np.abs(loud - samples / 0.7 * np.abs(loud).max()).max() < 1e-3  # scaled, not clipped
    other = decode_speech(encode_speech(Speech(samples, 22_050)))
    assert isinstance(other, np.ndarray)
    assert abs(len(other) - 16_000 * 16_000 / 22_050) < 2


@pytest.mark.parametrize(
    ("samples", "detail"), [(np.zeros(0), "no samples"), (np.array([0, np.nan]), "the speech holds NaN or infinite samples")]
)
def test_speech_that_is_none_is_a_refusal(samples: np.ndarray, detail: str) -> None:
    assert decode_speech(encode_speech(Speech(samples.astype(np.float32), 16_000))) == Refusal(detail)
    assert decode_speech(encode_speech(Refusal("because"))) == Refusal("because")


def test_what_was_heard_survives_as_a_reply() -> None:
    from processors.speech.engines import Heard, Word

    heard = Heard("grüß dich", (Word("grüß", 0.1, 0.5, 0.75), Word("dich", 0.5, 0.9)), "de")
    assert decode_heard(encode_heard(heard)) == heard
