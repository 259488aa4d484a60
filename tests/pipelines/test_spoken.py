"""Groups of options for speaking and hearing: what a build file may say, and the steps that come of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipelines.buildfile import parameters_of
from pipelines.spoken import Hearing, Speaking, references, spoken_queries
from processors.audio.transcript import SPOKEN_DIFFERS, SPOKEN_TEXT, TRANSCRIPT, TRANSCRIPT_DISAGREES


def test_the_order_is_speak_measure_hear_compare() -> None:
    names = [step.name for step in spoken_queries(Speaking(), Hearing(), "en", 0.25, 0)]
    order = ["make_speakable", "speak", "trim_silence", "normalise_loudness", "measure_audio", "keep_audio", "hear", "keep_agreement"]
    assert [name for name in names if name in order] == order


def test_a_second_ear_hears_and_is_compared() -> None:
    hearing = Hearing(second_asr="pocketsphinx", agree="either")
    assert [step.name for step in hearing.steps()] == ["hear", "hear_again"]
    measure, keep = (step.processor for step in hearing.agreement(SPOKEN_TEXT, 0.4))
    assert (measure.second, keep.mode, keep.max_error_rate, keep.reason_name) == (True, "either", 0.4, SPOKEN_DIFFERS.name)
    _, keep = (step.processor for step in Hearing().agreement(TRANSCRIPT, 0.4))
    assert (keep.mode, keep.reason_name) == ("first", TRANSCRIPT_DISAGREES.name)


def test_agreement_of_two_needs_two() -> None:
    with pytest.raises(ValueError, match="agree is 'both', which needs a second engine; name one in second_asr"):
        Hearing(agree="both")


def test_clips_to_clone_are_known_by_content(tmp_path: Path) -> None:
    for name, level in (("b.wav", 0.1), ("a.wav", 0.2)):
        soundfile.write(tmp_path / name, np.full(160, level), 16_000)
    (tmp_path / "notes.txt").write_text("no clip")
    found = references(str(tmp_path))
    assert [Path(one.path).name for one in found] == ["a.wav", "b.wav"]
    assert len({one.content for one in found}) == 2
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="which holds no clip"):
        references(str(tmp_path / "empty"))
    with pytest.raises(ValueError, match="which is no folder"):
        references(str(tmp_path / "absent"))


@pytest.mark.parametrize("corpus", ["vision_speech", "sqqa", "audio_safety"])
def test_every_option_can_be_set_by_name(corpus: str) -> None:
    names = parameters_of(corpus)
    assert {"tts", "tts_model", "voices", "rates", "clone_from", "asr", "asr_model", "second_asr", "agree", "max_error_rate"} <= set(names)
