"""Groups of options for speaking and hearing: what a build file may say, and the steps that come of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipelines.buildfile import parameters_of
from pipelines.spoken import Hearing, Speaking, references, spoken_queries
from processors.audio.transcript import KEEP_ALL, SPOKEN_DIFFERS, TRANSCRIPT, TRANSCRIPT_DISAGREES
from processors.audio.word_fit import MAX_COST, NO_FIT


def test_the_order_is_speak_measure_hear_compare() -> None:
    names = [step.name for step in spoken_queries(Speaking(), Hearing(), "en", None, 0)]
    order = [
        "make_speakable",
        "speak",
        "trim_silence",
        "normalise_loudness",
        "measure_audio",
        "keep_audio",
        "fit",
        "keep_fit",
        "hear",
        "keep_agreement",
    ]
    assert [name for name in names if name in order] == order


def test_a_second_ear_hears_and_is_compared() -> None:
    hearing = Hearing(second_asr="pocketsphinx", agree="either")
    assert [step.name for step in hearing.steps()] == ["hear", "hear_again"]
    measure, keep = (step.processor for step in hearing.understood(0.4))
    assert (measure.second, keep.mode, keep.max_error_rate, keep.reason_name) == (True, "either", 0.4, SPOKEN_DIFFERS.name)
    measure, keep = (step.processor for step in Hearing().transcript_agrees(0.4))
    assert (measure.reference, keep.mode, keep.reason_name) == (TRANSCRIPT, "first", TRANSCRIPT_DISAGREES.name)


def test_an_ear_is_held_to_what_it_can_do_unless_told_otherwise() -> None:
    weak, told = Hearing().understood(None)[1].processor, Hearing().understood(0.1)[1].processor
    strong = Hearing(asr="faster-whisper").understood(None)[1].processor
    assert (weak.max_error_rate, told.max_error_rate, strong.max_error_rate) == (0.75, 0.1, 0.25)
    assert strong.max_word_distance < 3 < weak.max_word_distance


def test_an_open_gate_opens_the_fit_too_and_no_bound_leaves_it_out() -> None:
    closed, opened = (Hearing().fit(rate)[1].processor.max_cost for rate in (None, KEEP_ALL))
    assert (closed, opened) == (MAX_COST, NO_FIT)
    assert Hearing(max_fit_cost=0.0).fit(None) == ()


def test_agreement_of_two_needs_two() -> None:
    with pytest.raises(ValueError, match="agree is 'both', which needs a second engine; name one in second_asr"):
        Hearing(agree="both")


def test_clips_to_clone_are_known_by_content(tmp_path: Path) -> None:
    for name, level in (("b.wav", 0.1), ("a.wav", 0.2)):
        soundfile.write(tmp_path / name, np.full(160, level), 16_000)
    (tmp_path / "notes.txt").write_text("no clip")
    found = references(tmp_path)
    assert [Path(one.path).name for one in found] == ["a.wav", "b.wav"]
    assert len({one.content for one in found}) == 2
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="which holds no clip"):
        references(tmp_path / "empty")
    with pytest.raises(ValueError, match="which is no folder"):
        references(tmp_path / "absent")


@pytest.mark.parametrize("corpus", ["vision_speech", "sqqa", "audio_safety"])
def test_every_option_can_be_set_by_name(corpus: str) -> None:
    names = parameters_of(corpus)
    assert {"tts", "tts_model", "voices", "rates", "clone_from", "asr", "asr_model", "second_asr", "agree", "max_error_rate"} <= set(names)
