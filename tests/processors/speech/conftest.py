"""Small models of the engines, made once, and clips to hear and to clone."""

from __future__ import annotations

from pathlib import Path

import pytest
import soundfile

from tests.processors.speech import small_models


@pytest.fixture(scope="session")
def vits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of three speakers and two languages."""
    return small_models.make_vits(tmp_path_factory.mktemp("vits"))


@pytest.fixture(scope="session")
def cloner(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint that takes its voice from d-vectors, with the speaker encoder that makes them."""
    return small_models.make_vits(tmp_path_factory.mktemp("cloner"), clones=True)


@pytest.fixture(scope="session")
def whisper_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_models.make_whisper(tmp_path_factory.mktemp("whisper"))


@pytest.fixture(scope="session")
def references(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two clips of 2 s, of a low voice and of a high one."""
    folder = tmp_path_factory.mktemp("references")
    for name, pitch_hz in (("low.wav", 110), ("high.wav", 240)):
        soundfile.write(folder / name, small_models.buzz(2.0, pitch_hz), 16_000)
    return folder / "low.wav", folder / "high.wav"


def fresh(code: str, *arguments: str) -> str:
    """What a new interpreter prints for the code."""
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3]
    )
    return done.stdout.strip().splitlines()[-1]
