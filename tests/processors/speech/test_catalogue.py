"""Engines by name: near names are told, what an engine has no use for is an error, paths reach their engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from processors.engine import EngineMissing
from processors.speech.catalogue import make_asr, make_tts
from processors.speech.coqui import Coqui
from processors.speech.espeak import Espeak
from processors.speech.flite import Flite
from processors.speech.sphinx import Sphinx
from processors.speech.whisper import Whisper


def test_the_programs_go_by_their_names() -> None:
    assert make_tts("flite") == Flite()
    assert make_tts("flite", voices=("rms",)) == Flite(("rms",))
    assert make_tts("espeak", voices=("de+f2",)) == Espeak(("de+f2",))
    assert make_asr("pocketsphinx") == Sphinx()


@pytest.mark.parametrize(("name", "near"), [("fliet", "flite"), ("espeak-ng", "espeak"), ("Coqui", "coqui")])
def test_an_unknown_speaker_names_the_nearest(name: str, near: str) -> None:
    with pytest.raises(ValueError, match=f"speaking engine '{name}' is not one of flite, espeak, coqui; did you mean '{near}'"):
        make_tts(name)


@pytest.mark.parametrize(
    ("name", "near"), [("sphinx", "pocketsphinx"), ("whisper", "faster-whisper"), ("faster_whisper", "faster-whisper")]
)
def test_an_unknown_hearer_names_the_nearest(name: str, near: str) -> None:
    with pytest.raises(ValueError, match=f"hearing engine '{name}' is not one of pocketsphinx, faster-whisper; did you mean '{near}'"):
        make_asr(name)


def test_a_name_like_none_is_told_without_a_guess() -> None:
    with pytest.raises(ValueError, match=r"is not one of flite, espeak, coqui$"):
        make_tts("zzz")


@pytest.mark.parametrize("option", ["model", "config", "speakers", "encoder"])
def test_a_path_that_a_program_has_no_use_for_is_an_error(option: str) -> None:
    for name in ("flite", "espeak"):
        with pytest.raises(ValueError, match=f"engine {name} brings its own voices and takes no {option}, got 'x.pth'"):
            make_tts(name, **{option: "x.pth"})  # type: ignore[arg-type]


def test_the_embedded_hearer_takes_no_model() -> None:
    with pytest.raises(ValueError, match=r"engine pocketsphinx brings its own .* and takes no model, got 'x'"):
        make_asr("pocketsphinx", model="x")


def test_voices_that_an_engine_does_not_have_are_an_error() -> None:
    with pytest.raises(ValueError, match="voices of flite"):
        make_tts("flite", voices=("nobody",))
    with pytest.raises(ValueError, match="voices of espeak"):
        make_tts("espeak", voices=("nobody",))


def test_models_reach_their_engines(vits: Path, whisper_folder: Path) -> None:
    engine = make_tts("coqui", model=str(vits), voices=("bob", "cy"))
    assert isinstance(engine, Coqui)
    assert engine.voices("fr") == ("bob", "cy")
    assert (
        make_tts("coqui", model=str(vits), config=str(vits.with_name("config.json")), voices=("bob", "cy")).identity() == engine.identity()
    )
    hearer = make_asr("faster-whisper", model=str(whisper_folder))
    assert isinstance(hearer, Whisper)
    assert (hearer.languages, hearer.beam_size) == ((), 5)
    assert make_asr("faster-whisper", model=str(whisper_folder), beam_size=1) != hearer


def test_a_model_that_is_not_there_is_missing() -> None:
    with pytest.raises(EngineMissing, match="the model of coqui is ''"):
        make_tts("coqui")
    with pytest.raises(EngineMissing, match="the model of faster-whisper is 'large-v3'"):
        make_asr("faster-whisper", model="large-v3")
