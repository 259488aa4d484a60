"""A small Whisper hears through the real faster-whisper: languages, long and short clips, answers of the clip alone."""

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
from processors.speech.engines import Clip, Heard
from processors.speech.whisper import MIN_SAMPLES, whisper
from tests.processors.speech.conftest import fresh
from tests.processors.speech.small_models import buzz


@pytest.fixture(scope="module")
def hear(whisper_folder: Path) -> Iterator[Any]:
    with whisper(str(whisper_folder)).open() as live:
        yield live


def clip(duration_s: float = 3.0, pitch_hz: float = 120, language: str = "en") -> Clip:
    return Clip(buzz(duration_s, pitch_hz), language)


def test_a_clip_is_heard_in_the_language_that_it_states_or_else_in_the_one_detected(hear: Any) -> None:
    stated, other, silent, strange = hear([clip(), clip(language="ja"), clip(language=""), clip(language="xx")])
    assert isinstance(stated, Heard)
    assert len(stated.text.split()) > 1
    assert [one.language for one in (stated, other, silent, strange)] == ["en", "ja", "de", "de"]
    assert silent == strange


def test_the_same_clip_is_heard_alike_whatever_came_before(hear: Any) -> None:
    (first,) = hear([clip()])
    assert hear([clip(2, 300, ""), clip(5, 90), clip()])[2] == first
    assert hear([clip(pitch_hz=200)])[0].text != first.text


def test_the_same_clip_is_heard_alike_in_a_fresh_process(hear: Any, whisper_folder: Path) -> None:
    code = """if True:
        import sys
        from processors.speech.engines import Clip
        from processors.speech.replies import encode_heard
        from processors.speech.whisper import whisper
        from tests.processors.speech.small_models import buzz
        with whisper(sys.argv[1]).open() as hear:
            print(encode_heard(hear([Clip(buzz(3.0, 120), "en")])[0]).decode())
    """
    from processors.speech.replies import encode_heard

    assert fresh(code, str(whisper_folder)) == encode_heard(hear([clip()])[0]).decode()


@pytest.mark.parametrize("num_samples", [0, 1, 160, MIN_SAMPLES - 1])
def test_a_clip_too_short_for_a_word_holds_none(hear: Any, num_samples: int) -> None:
    assert hear([Clip(np.zeros(num_samples, np.float32), "fr")]) == [Heard("", (), "fr")]


@pytest.mark.parametrize("duration_s", [MIN_SAMPLES / 16_000, 29.99, 30.0, 40.0])
def test_words_lie_within_the_clip_and_follow_one_another(hear: Any, duration_s: float) -> None:
    (heard,) = hear([clip(duration_s)])
    starts = [word.start_s for word in heard.words]
    assert starts == sorted(starts)
    assert all(0 <= word.start_s <= word.end_s <= duration_s and 0 <= word.confidence <= 1 for word in heard.words)
    if duration_s == 40.0:
        assert heard.words[-1].end_s > 30.0  # the second window is heard too
        assert len(heard.text.split()) > 1


def test_identity_is_of_the_content_and_not_of_the_place(whisper_folder: Path, tmp_path: Path) -> None:
    engine = whisper(str(whisper_folder))
    copied = tmp_path / "copied"
    shutil.copytree(whisper_folder, copied)
    assert whisper(str(copied)).identity() == engine.identity()
    assert whisper(str(copied), beam_size=1).identity() != engine.identity()
    (copied / "tokenizer.json").write_text((copied / "tokenizer.json").read_text() + "\n")
    assert whisper(str(copied)).identity() != engine.identity()
    assert pickle.loads(pickle.dumps(engine)) == engine
    assert whisper(str(copied), device="cuda").identity() != whisper(str(copied)).identity()
    assert whisper(str(copied), device="cuda").resources == {"num_cpus": 1, "num_gpus": 1}


def test_a_model_of_english_alone_says_so(whisper_folder: Path, tmp_path: Path) -> None:
    assert whisper(str(whisper_folder)).languages == ()
    english = tmp_path / "english"
    shutil.copytree(whisper_folder, english)
    tokens = json.loads((english / "vocabulary.json").read_text())
    (english / "vocabulary.json").write_text(json.dumps(["unused" if token == "" else token for token in tokens]))
    engine = whisper(str(english))
    assert engine.languages == ("en",)
    with engine.open() as live:
        assert live([clip(language="de")])[0].language == "en"


def test_what_is_not_there_is_told_and_never_fetched(whisper_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(*_: Any, **__: Any) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", closed)
    monkeypatch.setattr(socket, "getaddrinfo", closed)
    with pytest.raises(EngineMissing, match="the model of faster-whisper is 'tiny', where nothing is"):
        whisper("tiny")
    for name in ("model.bin", "tokenizer.json", "vocabulary"):
        folder = tmp_path / name
        shutil.copytree(whisper_folder, folder)
        for file in folder.glob(f"{name}*"):
            file.unlink()
        with pytest.raises(EngineMissing, match=f"has no {name}.*ct2-transformers-converter"):
            whisper(str(folder))
    with pytest.raises(ValueError, match="device of faster-whisper is 'tpu'"):
        whisper(str(whisper_folder), device="tpu")
    with pytest.raises(ValueError, match="beam size is 0"):
        whisper(str(whisper_folder), beam_size=0)
    import processors.speech.whisper as module

    def absent(package: str) -> str:
        raise module.PackageNotFoundError(package)

    monkeypatch.setattr(module, "version", absent)
    with pytest.raises(EngineMissing, match=r"install it: pip install 'corpusmill\[speech\]'"):
        whisper(str(whisper_folder))
