"""A written dialogue as one recording: voices, pauses, level, the bound, and turns that nobody can read."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import pickle
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.dialogue import LANGUAGE
from processors.speech.assemble import (
    CORE_TOO_LONG,
    LEVEL_RMS,
    MAX_PAUSE_S,
    MIN_PAUSE_S,
    NUM_DROPPED,
    NUM_TURNS,
    SpeakDialogue,
    fit,
    join,
    length_of,
    levelled,
    renumbered,
    spoken_turn,
)
from processors.speech.engines import NOT_SPOKEN, Refusal, Speech, Utterance
from processors.speech.flite import Flite
from processors.speech.replies import decode_speech, encode_speech
from processors.speech.speak import LANGUAGE_NOT_SPOKEN, RATES, TTS_ENGINE, VOICES, VoicePool
from processors.tasks.summary import CORE_START, CORE_STOP, DIALOGUE
from schemas.outcome import Reject
from schemas.parts import SAMPLE_RATE_HZ, Audio, Text
from schemas.records import Conversation, Origin, Turn

S_PER_CHAR = 0.05


@dataclass(frozen=True, slots=True)
class Tones:
    """An engine that gives a tone, as long as the text and as loud as the voice is named; texts with `mute` it refuses."""

    rate_hz: int = SAMPLE_RATE_HZ
    name: ClassVar = "tones"
    clones: ClassVar = False

    def identity(self) -> str:
        return "tones 1"

    def voices(self, language: str) -> tuple[str, ...]:
        return ("0.9", "0.5", "0.1", "0.02") if language in ("en", "zh") else ()

    @contextlib.contextmanager
    def open(self) -> Iterator[Callable[[list[Utterance]], list[Speech | Refusal]]]:
        yield lambda utterances: [self._speak(utterance) for utterance in utterances]

    def _speak(self, utterance: Utterance) -> Speech | Refusal:
        if "mute" in utterance.text:
            return Refusal("no voice")
        times = np.arange(round(len(utterance.text) * S_PER_CHAR * self.rate_hz)) / self.rate_hz
        return Speech((np.sin(2 * np.pi * 300 * times) * float(utterance.voice.name)).astype(np.float32), self.rate_hz)


POOL = VoicePool(Tones(), rates=(1.0,))


def talk(*turns: tuple[str, str], core: tuple[int, int] | None = None, key: str = "k", language: str = "en") -> Conversation:
    start, stop = core or (0, len(turns))
    facts = {DIALOGUE.name: json.dumps(turns), CORE_START.name: start, CORE_STOP.name: stop, LANGUAGE.name: language}
    asked = (Turn("user", (Text("What did Speaker 2 say?"),)), Turn("assistant", (Text("Speaker 2 agreed."),), learned=True))
    return Conversation(key, Origin("s"), asked, facts)


def answered(step: SpeakDialogue, record: Conversation) -> Conversation | Reject:
    questions = step.questions(record)
    if isinstance(questions, Reject):
        return questions
    with step.open() as speak:
        return step.answer(record, speak(questions))


def spoken(step: SpeakDialogue, record: Conversation) -> Conversation:
    done = answered(step, record)
    assert isinstance(done, Conversation), done
    return done


def samples_of(record: Conversation) -> np.ndarray:
    audio = record.turns[0].parts[0]
    assert isinstance(audio, Audio)
    assert audio.samples is not None
    return audio.samples


def refused(done: object) -> Reject:
    assert isinstance(done, Reject), done
    return done


FOUR = tuple((f"Speaker {1 + number % 4}", f"This is the turn with number {number}, my friends.") for number in range(8))


def runs(samples: np.ndarray) -> list[tuple[int, int]]:
    """Where there is sound for longer than a tenth of a pause: (start, stop) of each run."""
    loud = np.flatnonzero(np.abs(samples) > 1e-4)
    gaps = np.flatnonzero(np.diff(loud) > MIN_PAUSE_S * SAMPLE_RATE_HZ / 2)
    starts = [int(loud[0]), *(int(loud[gap + 1]) for gap in gaps)]
    return list(zip(starts, [*(int(loud[gap]) for gap in gaps), int(loud[-1])], strict=True))


def test_the_recording_stands_before_the_query_and_tells_its_voices() -> None:
    done = spoken(SpeakDialogue(POOL), talk(*FOUR))
    assert [type(part) for part in done.turns[0].parts] == [Audio, Text]
    assert done.turns[1] == talk(*FOUR).turns[1]
    assert sorted(str(done.facts[VOICES.name]).split(",")) == ["0.02", "0.1", "0.5", "0.9"]
    assert (done.facts[TTS_ENGINE.name], done.facts[RATES.name]) == ("tones", "1,1,1,1")
    assert (done.facts[NUM_TURNS.name], done.facts[NUM_DROPPED.name]) == (8, 0)
    assert json.loads(str(done.facts[DIALOGUE.name])) == [list(turn) for turn in FOUR]


def test_every_speaker_has_a_voice_and_more_speakers_than_voices_another_pace() -> None:
    step = SpeakDialogue(VoicePool(Tones(), rates=(0.9, 1.0, 1.1)))
    many = tuple((f"Speaker {1 + number % 9}", "Well, yes.") for number in range(27))
    questions = step.questions(talk(*many))
    assert isinstance(questions, list)
    used = [(question.utterance.voice.name, question.utterance.voice.rate) for question in questions]
    assert len(set(used)) == 9
    assert used[:9] == used[9:18] == used[18:]
    assert len({name for name, _ in used[:4]}) == 4


def test_turns_keep_their_length_their_order_and_a_pause_between_them() -> None:
    samples = samples_of(spoken(SpeakDialogue(POOL), talk(*FOUR)))
    found = runs(samples)
    wanted = [round(len(spoken_turn(text, "en")) * S_PER_CHAR * SAMPLE_RATE_HZ) for _, text in FOUR]
    assert [stop - start for start, stop in found] == pytest.approx(wanted, abs=10)
    pauses = [(later - stop) / SAMPLE_RATE_HZ for (_, stop), (later, _) in itertools.pairwise(found)]
    assert min(pauses) > MIN_PAUSE_S - 0.01
    assert max(pauses) < MAX_PAUSE_S + 0.01
    assert len({round(pause, 3) for pause in pauses}) == 7
    assert len(samples) - found[-1][1] < 10  # no pause behind the last turn


def test_all_voices_are_equally_loud() -> None:
    samples = samples_of(spoken(SpeakDialogue(POOL), talk(*FOUR)))
    levels = [float(np.sqrt(np.mean(np.square(samples[start:stop])))) for start, stop in runs(samples)]
    assert max(levels) / min(levels) < 1.02
    assert np.abs(samples).max() <= 0.9


def test_level_and_peak() -> None:
    rng = np.random.default_rng(0)
    noise = rng.standard_normal(40_000).astype(np.float32) * 0.01
    level = np.sqrt(np.mean(np.sort(np.square(levelled(noise)))[20_000:]))
    assert level == pytest.approx(LEVEL_RMS, rel=1e-3)
    click = np.zeros(1_000, np.float32)
    click[500] = 1e-3
    assert np.abs(levelled(click)).max() == pytest.approx(0.9)
    assert not levelled(np.zeros(100, np.float32)).any()
    assert levelled(np.zeros(0, np.float32)).shape == (0,)


def test_the_same_record_gives_the_same_samples_and_another_key_others() -> None:
    one, again, other = (samples_of(spoken(SpeakDialogue(POOL), talk(*FOUR, key=key))) for key in ("k", "k", "l"))
    assert np.array_equal(one, again)
    assert len(one) != len(other)


# ---- the bound


@given(st.lists(st.integers(1, 50), min_size=1, max_size=20), st.data(), st.integers(1, 400))
def test_what_fits_is_whole_turns_around_the_core(lengths: list[int], data: st.DataObject, bound: int) -> None:
    first = data.draw(st.integers(0, len(lengths) - 1))
    last = data.draw(st.integers(first, len(lengths) - 1))
    kept = fit(lengths, (first, last + 1), bound)
    if kept is None:
        assert sum(lengths[first : last + 1]) > bound
        return
    start, stop = kept
    assert start <= first
    assert stop > last
    assert sum(lengths[start:stop]) <= bound
    if kept != (0, len(lengths)):  # the turn that was dropped last did not fit
        assert sum(lengths[max(0, start - 1) : stop + 1]) > bound


def test_outer_turns_are_dropped_whole_until_the_rest_fits() -> None:
    done = spoken(SpeakDialogue(POOL, max_s=10.0), talk(*FOUR, core=(5, 6)))
    kept = json.loads(str(done.facts[DIALOGUE.name]))
    assert len(samples_of(done)) <= 10.0 * SAMPLE_RATE_HZ
    assert done.facts[NUM_TURNS.name] == len(kept) == len(runs(samples_of(done)))
    assert done.facts[NUM_DROPPED.name] == 8 - len(kept)
    core = kept[int(done.facts[CORE_START.name]) : int(done.facts[CORE_STOP.name])]
    assert [text for _, text in core] == [FOUR[5][1]]


def test_numbers_of_speakers_follow_who_is_heard_first() -> None:
    turns = (("Speaker 1", "Let us begin now, all of you, please."), ("Speaker 2", "Yes, I agree with that."), ("Speaker 3", "So do I."))
    done = spoken(SpeakDialogue(POOL, max_s=2.2), talk(*turns, core=(1, 3)))
    assert json.loads(str(done.facts[DIALOGUE.name])) == [["Speaker 1", turns[1][1]], ["Speaker 2", turns[2][1]]]
    assert done.turns[0].parts[1] == Text("What did Speaker 1 say?")
    assert done.turns[1].parts == (Text("Speaker 1 agreed."),)
    assert renumbered(["Speaker 1", "Speaker 2"], [1]) == {"Speaker 2": "Speaker 1", "Speaker 1": "Speaker 2"}
    assert renumbered(["Ann", "Bob"], [1]) == {}


def test_a_core_that_is_too_long_is_refused_and_one_that_fits_is_not() -> None:
    record = talk(("Speaker 1", "x " * 100), ("Speaker 2", "Yes, of course, why should we not do it now?"), core=(0, 1))
    reject = refused(answered(SpeakDialogue(POOL, max_s=9.0), record))
    assert reject.reason == CORE_TOO_LONG.name
    assert reject.detail.endswith("s are needed, 9 s are allowed")
    assert spoken(SpeakDialogue(POOL, max_s=11.0), record).facts[NUM_TURNS.name] == 1
    with pytest.raises(ValueError, match="max_s is 0"):
        SpeakDialogue(POOL, max_s=0)


def test_hours_are_refused_before_they_are_spoken() -> None:
    reject = refused(SpeakDialogue(POOL, max_s=60.0).questions(talk(("Speaker 1", "well " * 2_000))))
    assert (reject.reason, reject.detail) == (CORE_TOO_LONG.name, "333 s or more are needed, 60 s are allowed")


# ---- what cannot be read


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("It costs $5 & 20% more.", "It costs five dollars and twenty percent more."),
        ("Café “Größe” – naïve", 'Cafe "Grosse", naive'),
        ("The ☃ sign → here", "The sign here"),
        ("We say 你好 to them", "We say to them"),
        ("你好，朋友们", ""),
        ("???", ""),
        ("a" * 150 + " is long", ""),
        ("this whole sentence is longer than one strange word, of which there is one here: " + "a" * 101, None),
    ],
)
def test_turns_as_they_are_read(text: str, read: str | None) -> None:
    said = spoken_turn(text, "en")
    assert said == read if read is not None else said == ""


def test_other_languages_keep_their_letters() -> None:
    assert spoken_turn("你好，我有3只猫。", "zh") == "你好，我有三只猫。"
    assert spoken_turn("Größe → 3", "de").startswith("Größe")


def test_unreadable_turns_are_left_out_around_the_core_and_refused_in_it() -> None:
    turns = (("Speaker 1", "Hello to all of you."), ("Speaker 2", "你好，朋友们。"), ("Speaker 3", "We begin."))
    done = spoken(SpeakDialogue(POOL), talk(*turns, core=(2, 3)))
    assert (done.facts[NUM_TURNS.name], done.facts[NUM_DROPPED.name]) == (2, 1)
    assert (done.facts[CORE_START.name], done.facts[CORE_STOP.name]) == (1, 2)
    reject = refused(answered(SpeakDialogue(POOL), talk(*turns, core=(0, 3))))
    assert (reject.reason, reject.detail) == (NOT_SPOKEN.name, "19% of the core's letters are not spoken, expected 5% or fewer")


def test_a_short_unreadable_turn_in_a_long_core_is_left_out() -> None:
    turns = (*(("Speaker 1", f"This is a long turn about nothing much, number {number}.") for number in range(9)), ("Speaker 2", "你好"))
    done = spoken(SpeakDialogue(POOL), talk(*turns))
    assert (done.facts[NUM_TURNS.name], done.facts[NUM_DROPPED.name], done.facts[CORE_STOP.name]) == (9, 1, 9)


def test_turns_that_the_engine_refuses_count_the_same() -> None:
    done = spoken(SpeakDialogue(POOL), talk(("Speaker 1", "Hello you."), ("Speaker 2", "mute"), core=(0, 1)))
    assert done.facts[NUM_DROPPED.name] == 1
    reject = refused(answered(SpeakDialogue(POOL), talk(("Speaker 1", "Hello you."), ("Speaker 2", "mute"), core=(1, 2))))
    assert reject.detail == "100% of the core's letters are not spoken, expected 5% or fewer; no voice"


def test_a_language_without_a_voice_is_refused() -> None:
    reject = refused(answered(SpeakDialogue(POOL), talk(*FOUR, language="fi")))
    assert (reject.reason, reject.detail) == (LANGUAGE_NOT_SPOKEN.name, "language 'fi', which tones does not speak")


# ---- replies


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 22_050, 24_000, 44_100])
def test_engines_of_any_rate_fit_the_length_that_is_told_before(rate_hz: int) -> None:
    for num in (1_000, 1_001, 12_345):
        reply = encode_speech(Speech(np.full(num, 0.1, np.float32), rate_hz))
        decoded = decode_speech(reply)
        assert isinstance(decoded, np.ndarray)
        assert length_of(reply) - 2 <= len(decoded) <= length_of(reply)
    done = spoken(SpeakDialogue(VoicePool(Tones(rate_hz), rates=(1.0,))), talk(*FOUR))
    assert len(runs(samples_of(done))) == 8


def test_a_refusal_never_reaches_the_recording() -> None:
    with pytest.raises(ValueError, match="a turn without speech reached the recording: no voice"):
        join([encode_speech(Refusal("no voice"))], np.array([0]), 10)


def test_the_record_is_not_changed_and_the_step_is_pickled() -> None:
    record = talk(*FOUR)
    before = dataclasses.replace(record, facts=dict(record.facts))
    spoken(SpeakDialogue(POOL), record)
    assert record == before
    step = SpeakDialogue(VoicePool(Flite()), 60.0, 3)
    assert pickle.loads(pickle.dumps(step)) == step


@pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed")
def test_flite_speaks_four_speakers_with_four_voices() -> None:
    turns = tuple((f"Speaker {number}", f"Good morning, I am number {number}, and it is 9:30.") for number in range(1, 5))
    done = spoken(SpeakDialogue(VoicePool(Flite())), talk(*turns))
    assert sorted(str(done.facts[VOICES.name]).split(",")) == ["awb", "kal16", "rms", "slt"]
    assert 8 < len(samples_of(done)) / SAMPLE_RATE_HZ < 24
