"""A small VITS speaks through the real `TTS.api.TTS`: speakers, rates, cloning, and answers of the question alone."""

from __future__ import annotations

import json
import pickle
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from processors.engine import EngineMissing
from processors.speech.coqui import MAX_SENTENCE, Coqui, coqui
from processors.speech.engines import Refusal, Speech, Utterance, Voice
from processors.speech.speak import Reference, VoicePool
from schemas.identity import digest
from tests.processors.speech.conftest import fresh
from tests.processors.speech.small_models import make_encoder, make_vits

TEXT = "Hello there, what is this?"


@pytest.fixture(scope="module")
def speak(vits: Path) -> Iterator[Any]:
    with coqui(str(vits)).open() as live:
        yield live


@pytest.fixture(scope="module")
def clone(cloner: Path) -> Iterator[Any]:
    with coqui(str(cloner)).open() as live:
        yield live


def asking(
    text: str = TEXT, speaker: str = "ann", rate: float = 1.0, language: str = "en", reference: str = "", seed: int = 0
) -> Utterance:
    return Utterance(text, language, Voice(speaker, rate, reference), seed)


def sound(live: Any, utterance: Utterance) -> bytes:
    (speech,) = live([utterance])
    assert isinstance(speech, Speech), speech
    assert (speech.samples.ndim, speech.samples.dtype, speech.rate_hz) == (1, np.float32, 16_000)
    return speech.samples.tobytes()


def refusal(live: Any, utterance: Utterance) -> str:
    (answer,) = live([utterance])
    assert isinstance(answer, Refusal)
    return answer.detail


def test_the_models_speakers_are_its_voices_in_the_languages_that_it_says(vits: Path) -> None:
    engine = coqui(str(vits))
    assert engine.voices("en") == engine.voices("fr") == ("ann", "bob", "cy")
    assert engine.voices("de") == ()
    assert coqui(str(vits), pool=("bob",)).voices("en") == ("bob",)
    assert (engine.clones, engine.resources) == (False, {"num_cpus": 1})
    assert pickle.loads(pickle.dumps(engine)) == engine


def test_speakers_languages_seeds_and_texts_differ(speak: Any) -> None:
    asked = (asking(), asking(speaker="bob"), asking(language="fr"), asking(seed=1), asking("Hello."))
    assert len({sound(speak, one) for one in asked}) == len(asked)


def test_the_same_question_gives_the_same_bytes_whatever_came_before(speak: Any) -> None:
    one, other = asking(), asking("Something else.", "bob", 1.2)
    first = sound(speak, one)
    sound(speak, other)
    assert sound(speak, one) == first
    assert [answer.samples.tobytes() for answer in speak([other, one])][1] == first


@pytest.mark.slow
def test_the_same_question_gives_the_same_bytes_in_a_fresh_process(speak: Any, vits: Path) -> None:
    code = """if True:
        import sys
        from processors.speech.coqui import coqui
        from processors.speech.engines import Utterance, Voice
        from schemas.identity import digest
        with coqui(sys.argv[1]).open() as speak:
            print(digest(speak([Utterance(sys.argv[2], "en", Voice("ann"))])[0].samples.tobytes()))
    """
    assert fresh(code, str(vits), TEXT) == digest(sound(speak, asking()))


def test_torch_keeps_its_own_random_numbers_and_threads(vits: Path) -> None:
    import torch

    threads = torch.get_num_threads()
    torch.manual_seed(5)
    drawn = torch.rand(1)
    torch.manual_seed(5)
    with coqui(str(vits)).open() as live:
        assert torch.get_num_threads() == 1
        state = torch.get_rng_state()
        sound(live, asking())
        assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads
    torch.manual_seed(5)
    assert torch.equal(torch.rand(1), drawn)


@pytest.mark.parametrize("rate", [0.5, 0.9, 1.1, 2.0])
def test_the_rate_divides_the_length(speak: Any, rate: float) -> None:
    usual, paced = len(sound(speak, asking())), len(sound(speak, asking(rate=rate)))
    assert paced / usual == pytest.approx(1 / rate, rel=0.1)  # letters last whole frames
    assert len(sound(speak, asking())) == usual


@pytest.mark.slow
def test_a_clip_lends_its_voice_by_its_content(clone: Any, cloner: Path, references: tuple[Path, Path], tmp_path: Path) -> None:
    assert coqui(str(cloner)).clones
    low, high = references
    heard = sound(clone, asking(reference=str(low)))
    assert heard != sound(clone, asking(reference=str(high)))
    assert heard != sound(clone, asking())
    moved = tmp_path / "moved.wav"
    shutil.copy(low, moved)
    assert sound(clone, asking(reference=str(moved))) == heard
    pool = VoicePool(coqui(str(cloner)), references=(Reference(str(low), "aa"),))
    assert [voice.reference for voice, _ in pool.choices("en")] == [str(low)]
    assert pool.choices("de") == []  # which the model does not speak in any voice


def test_what_is_no_clip_to_clone_is_refused(speak: Any, clone: Any, references: tuple[Path, Path], tmp_path: Path) -> None:
    import soundfile

    assert refusal(speak, asking(reference=str(references[0]))) == "the model does not clone a voice from a clip"
    short, none = tmp_path / "short.wav", tmp_path / "none.wav"
    soundfile.write(short, np.zeros(15_000, np.float32), 16_000)
    none.write_bytes(b"no sound")
    assert refusal(clone, asking(reference=str(short))) == "the clip to clone lasts 0.9 s, expected 1 to 120 s"
    assert "cannot be read" in refusal(clone, asking(reference=str(none)))
    assert "cannot be read" in refusal(clone, asking(reference=str(tmp_path / "absent.wav")))


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (asking(""), "no letter and no digit"),
        (asking(" ...!? "), "no letter and no digit"),
        (asking("Hello мир"), "does not know м и р"),
        (asking(speaker="zed"), "no speaker 'zed'"),
        (asking(language="de"), "the model speaks en, fr, not 'de'"),
        (asking("a" * (MAX_SENTENCE + 1)), f"a sentence of {MAX_SENTENCE + 1} characters"),
        (asking("word. " * 2_000), "a text of 12000 characters"),
    ],
)
def test_what_the_model_cannot_speak_is_refused(speak: Any, asked: Utterance, told: str) -> None:
    assert told in refusal(speak, asked)


@pytest.mark.parametrize("text", ["a", "A!", "- -x -o file", "<b>bold</b>", "Dr. Who? Yes! No.", "a" * 200])
def test_odd_texts_are_spoken(speak: Any, text: str) -> None:
    assert len(sound(speak, asking(text))) > 1_000


def test_identity_is_of_the_content_and_not_of_the_place(vits: Path, tmp_path: Path) -> None:
    copied = tmp_path / "elsewhere"
    shutil.copytree(vits.parent, copied)
    engine = coqui(str(vits))
    assert coqui(str(copied / "model.pth")).identity() == engine.identity()
    assert engine.identity().startswith("coqui-tts 0.")
    assert str(vits.parent) not in engine.identity()
    for name in ("speakers.json", "config.json", "model.pth"):
        changed = tmp_path / name
        shutil.copytree(vits.parent, changed)
        (changed / name).write_bytes((changed / name).read_bytes() + b"\n")
        told = coqui(str(changed / "model.pth"))
        assert (told.identity() == engine.identity()) == (name == "speakers.json"), name  # the configuration's path comes first


def test_files_of_a_model_that_was_moved_are_found_beside_its_configuration(vits: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(vits.parent, moved)
    settings = json.loads((moved / "config.json").read_text())
    settings["model_args"]["speakers_file"] = settings["speakers_file"] = "/trained/elsewhere/speakers.json"
    (moved / "config.json").write_text(json.dumps(settings))
    assert coqui(str(moved / "model.pth")).voices("en") == ("ann", "bob", "cy")
    (moved / "speakers.json").rename(tmp_path / "names.json")
    with pytest.raises(EngineMissing, match="give its path as speakers"):
        coqui(str(moved / "model.pth"))
    engine = coqui(str(moved / "model.pth"), speakers=str(tmp_path / "names.json"))
    with engine.open() as live:
        assert len(sound(live, asking(speaker="cy"))) > 1_000


def test_an_encoder_makes_a_model_clone(cloner: Path, references: tuple[Path, Path], tmp_path: Path) -> None:
    alone, apart = tmp_path / "alone", tmp_path / "encoder"
    shutil.copytree(cloner.parent, alone)
    settings = json.loads((alone / "config.json").read_text())
    settings["model_args"] |= {"speaker_encoder_model_path": "", "speaker_encoder_config_path": ""}
    (alone / "config.json").write_text(json.dumps(settings))
    assert not coqui(str(alone / "model.pth")).clones
    engine = coqui(str(alone / "model.pth"), encoder=str(make_encoder(apart)))
    assert engine.clones
    with engine.open() as live:
        assert len(sound(live, asking(reference=str(references[0])))) > 1_000
    (apart / "config_se.json").unlink()
    with pytest.raises(EngineMissing, match=r"no config_se.json or config.json beside it"):
        coqui(str(alone / "model.pth"), encoder=str(apart / "model_se.pth"))


def test_a_package_that_a_language_needs_is_told(speak: Any, vits: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from TTS.api import TTS

    def needs(*_: Any, **__: Any) -> None:
        raise ImportError("Chinese requires: pypinyin")

    monkeypatch.setattr(TTS, "tts", needs)
    with pytest.raises(EngineMissing, match=r"Chinese requires: pypinyin; install them: pip install 'coqui-tts\[zh,ja,ko\]'"):
        speak([asking()])


def test_a_lone_speaker_is_no_choice_and_does_not_clone(tmp_path: Path) -> None:
    engine = coqui(str(make_vits(tmp_path, clones=True, speakers=("ann",), languages=("en",))))
    assert (engine.voices("en"), engine.clones) == (("ann",), False)


def test_nothing_is_asked_of_the_network(vits: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(*_: Any, **__: Any) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", closed)
    monkeypatch.setattr(socket, "getaddrinfo", closed)
    with coqui(str(vits)).open() as live:
        assert len(sound(live, asking())) > 1_000


def test_what_is_not_there_is_told_and_never_fetched(vits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EngineMissing, match="'tts_models/en/vctk/vits', where nothing is"):
        coqui("tts_models/en/vctk/vits")
    with pytest.raises(EngineMissing, match="the model of coqui is ''"):
        coqui("")
    shutil.copy(vits, tmp_path / "model.pth")
    with pytest.raises(EngineMissing, match="the configuration of coqui"):
        coqui(str(tmp_path / "model.pth"))
    (tmp_path / "config.json").write_text(json.dumps({"model": "bark"}))
    with pytest.raises(ValueError, match="of bark, a model that the library fetches"):
        coqui(str(tmp_path / "model.pth"))
    with pytest.raises(ValueError, match="device of coqui is 'tpu'"):
        coqui(str(vits), device="tpu")
    with pytest.raises(ValueError, match="voices of coqui are zed, expected some of ann, bob, cy"):
        coqui(str(vits), pool=("zed",))
    import processors.speech.coqui as module

    def absent(package: str) -> str:
        raise module.PackageNotFoundError(package)

    monkeypatch.setattr(module, "version", absent)
    with pytest.raises(EngineMissing, match=r"install it: pip install 'corpusmill\[speech\]'"):
        coqui(str(vits))


def test_a_graphics_card_is_asked_for_where_the_device_is_one() -> None:
    engine = Coqui("m", "c", "", "", "d", "vits", (("en", "en"),), ("a",), False, "cuda")
    assert engine.resources == {"num_cpus": 1, "num_gpus": 1}
