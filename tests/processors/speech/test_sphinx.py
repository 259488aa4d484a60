"""PocketSphinx hears Flite: words, their times, and answers of the clip alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from processors.speech.engines import Clip, Heard, Speech, Utterance, Voice
from processors.speech.flite import Flite
from processors.speech.replies import encode_heard
from processors.speech.sphinx import MIN_SAMPLES, Sphinx
from tests.processors.speech.conftest import fresh

ASKED = ("How many people are in the picture?", "Is the door open?", "Where is the car?")


@pytest.fixture(scope="module")
def hear() -> Iterator[Any]:
    with Sphinx().open() as live:
        yield live


@pytest.fixture(scope="module")
def clips() -> list[Clip]:
    with Flite().open() as speak:
        spoken = speak([Utterance(text, "en", Voice("rms")) for text in ASKED])
    return [Clip(speech.samples, "en") for speech in spoken if isinstance(speech, Speech)]


def test_what_flite_says_is_heard_with_the_times_of_words(hear: Any, clips: list[Clip]) -> None:
    heard = hear(clips)
    assert [one.text for one in heard] == [text.lower().rstrip("?") for text in ASKED]
    for clip, one in zip(clips, heard, strict=True):
        assert [word.text for word in one.words] == one.text.split()
        times = [time for word in one.words for time in (word.start_s, word.end_s)]
        assert times == sorted(times)
        assert times[0] >= 0
        assert times[-1] <= len(clip.samples) / 16_000


def test_a_clip_is_heard_alike_in_any_order(clips: list[Clip]) -> None:
    with Sphinx().open() as hear:
        forwards = hear(clips)
        assert hear(clips[::-1])[::-1] == forwards
    with Sphinx().open() as hear:
        assert hear(clips[1:2]) == forwards[1:2]


@pytest.mark.parametrize("level", [0.0, 20.0])
def test_a_clip_is_heard_alike_after_one_without_speech_or_of_full_scale(hear: Any, clips: list[Clip], level: float) -> None:
    (first,) = hear(clips[:1])
    hear([Clip(np.full(8_000, level, np.float32), "en"), Clip(clips[1].samples * level, "en")])
    assert hear(clips[:1]) == [first]


def test_a_clip_is_heard_alike_in_a_fresh_process(hear: Any, clips: list[Clip]) -> None:
    code = """if True:
        import sys
        from processors.speech.engines import Clip, Utterance, Voice
        from processors.speech.flite import Flite
        from processors.speech.replies import encode_heard
        from processors.speech.sphinx import Sphinx
        with Flite().open() as speak, Sphinx().open() as hear:
            print(encode_heard(hear([Clip(speak([Utterance(sys.argv[1], "en", Voice("rms"))])[0].samples, "en")])[0]).decode())
    """
    hear(clips)
    assert fresh(code, ASKED[1]) == encode_heard(hear(clips[1:2])[0]).decode()


@pytest.mark.parametrize("num_samples", [0, 1, 160, 411, MIN_SAMPLES - 1, MIN_SAMPLES, 16_000])
def test_silence_of_any_length_is_heard_as_nothing(hear: Any, num_samples: int) -> None:
    assert hear([Clip(np.zeros(num_samples, np.float32), "en")]) == [Heard("", (), "en")]


def test_a_question_within_silence_is_heard_in_its_place(hear: Any, clips: list[Clip]) -> None:
    silence = np.zeros(4 * 16_000, np.float32)
    (heard,) = hear([Clip(np.concatenate([silence, clips[0].samples, silence]), "en")])
    assert {"people", "picture"} <= set(heard.text.split())
    spoken = next(word for word in heard.words if word.text == "people")
    assert 4 < spoken.start_s < spoken.end_s < 7
