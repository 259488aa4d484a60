"""The production engines through the command line: chosen with --set, on small models that the test makes; with two workers too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipelines.__main__ import app
from processors.audio.transcript import KEEP_ALL
from schemas.corpus import Corpus
from tests.processors.speech.small_models import make_vits, make_whisper

pytestmark = pytest.mark.cluster

QUERIES = [{"question": f"What is the number {number}?", "answer": "A number.", "lang": "en"} for number in ("one", "two", "six")]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build file of spoken queries beside its source and its models."""
    folder = tmp_path_factory.mktemp("neural")
    (folder / "vits").mkdir()
    (folder / "whisper").mkdir()
    make_vits(folder / "vits")
    make_whisper(folder / "whisper").rename(folder / "hearing")
    (folder / "queries.jsonl").write_text("\n".join(json.dumps(row) for row in QUERIES))
    (folder / "build.toml").write_text('out = "corpora"\n[corpora.sqqa]\nsource = "queries.jsonl"\n')
    return folder


def build(place: Path, out: str, *more: str, **parameters: object) -> tuple[int, str]:
    told = [f"--set=sqqa.{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in parameters.items()]
    done = CliRunner().invoke(app, ["build", str(place / "build.toml"), "--json", "--out", str(place / out), *told, *more])
    return done.exit_code, done.output


NEURAL: dict[str, Any] = {
    "tts": "coqui",
    "asr": "faster-whisper",
    "asr_model": "hearing",
    "max_error_rate": KEEP_ALL,
    "min_snr_db": -100.0,
    "min_speech_s": 0.0,
}


@pytest.mark.parametrize("workers", ["0", pytest.param("2", marks=pytest.mark.slow)])
def test_coqui_speaks_and_whisper_hears(place: Path, workers: str) -> None:
    code, said = build(place, f"corpora{workers}", "--workers", workers, tts_model=model(place), **NEURAL)
    assert code == 0, said
    row = json.loads(said)[0]
    assert row["out"] + sum(row["rejects"].values()) == len(QUERIES) == row["engines"]["speak"]["asked"] + row["engines"]["speak"]["known"]
    assert set(row["rejects"]) <= {"no_speech", "mostly_silent", "clipped", "too_short"}  # the model is random
    for record in Corpus(Path(row["path"])).records():
        assert record.facts["speech.tts_engine"] == "coqui"
        assert record.facts["speech.heard_by"] == "faster-whisper"
    assert row["out"] > 0


def model(place: Path) -> str:
    return str(next((place / "vits").glob("*.pth")).relative_to(place))


def test_a_missing_model_is_told_before_any_work(place: Path) -> None:
    code, said = build(place, "none", tts="coqui", tts_model="absent.pth")
    assert code != 0
    assert "absent.pth" in said
    assert not (place / "none" / "sqqa" / "shards").exists()
    code, said = build(place, "none", tts="flit")
    assert code == 2
    assert "did you mean 'flite'?" in said
