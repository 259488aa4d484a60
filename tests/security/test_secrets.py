"""Credentials stay where they are: not in a log, a ledger, a recipe, a report, an exception, or the environment of a decoder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.__main__ import app
from processors import guard
from tests.processors.audio.clips import sine, written

NAMES = (
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "OPENAI_API_KEY", "HF_TOKEN", "GOOGLE_APPLICATION_CREDENTIALS"),
    *("RAY_AUTH_TOKEN", "AZURE_STORAGE_KEY", "CORPUSMILL_API_KEY", "GITHUB_TOKEN"),
)
CANARY = "canary-7f3a91"


@pytest.fixture
def canaries(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Every credential that we know of, with a value that stands nowhere else."""
    values = {name: f"{CANARY}-{name.lower()}" for name in NAMES}
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return values


def files_with_canaries(folder: Path) -> list[str]:
    return sorted(
        file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file() and CANARY.encode() in file.read_bytes()
    )


def run(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


def test_builds_that_end_and_that_fail_tell_no_secret(tmp_path: Path, canaries: dict[str, str]) -> None:
    rows = [
        {"audio_filepath": "a.wav", "text": "one two"},
        {"audio_filepath": "missing.wav", "text": "x"},
        {"audio_filepath": "b.wav", "text": "y"},
    ]
    (tmp_path / "a.wav").write_bytes(written(sine()))
    (tmp_path / "b.wav").write_bytes(b"RIFF no audio")
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "build.toml").write_text('out = "out"\n[corpora.asr]\nsource = "rows.jsonl"\n')
    (tmp_path / "wrong.toml").write_text('out = "out"\n[corpora.asr]\nsource = "rows.jsonl"\nmax_seconds = 3\n')
    (tmp_path / "gone.toml").write_text('out = "out"\n[corpora.asr]\nsource = "s3://no-such-bucket-of-ours/rows.jsonl"\n')
    (tmp_path / "asked.toml").write_text(
        'out = "asked"\n[corpora.image_text]\nsource = "rows.jsonl"\nwriter = "openai"\nurl = "http://127.0.0.1:9/v1"\nmodel = "m"\n'
    )
    said = []
    for words, code in (
        (("build", tmp_path / "build.toml", "--workers", 0), 0),
        (("build", tmp_path / "wrong.toml"), 2),
        (("verify", tmp_path / "out" / "asr"), 0),
        (("inspect", tmp_path / "out" / "asr", "--rejects"), 0),
        (("report", tmp_path / "out" / "asr"), 0),
    ):
        exit_code, output = run(*words)
        assert exit_code == code, output
        said.append(output)
    exit_code, output = run("build", tmp_path / "asked.toml", "--workers", 0)
    said.append(output)
    assert exit_code != 0 or "image_text" in output
    assert not [text for text in said if CANARY in text]
    assert files_with_canaries(tmp_path) == []
    assert (tmp_path / "out" / "asr" / "corpus.json").is_file()


def test_a_decoder_knows_no_secret(canaries: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    told = guard.told_environment()
    assert not [name for name, value in told.items() if CANARY in value]
    assert "PATH" in told
    child = guard._Child("tests.guarded_work")
    try:
        environment = Path(f"/proc/{child.process.pid}/environ").read_bytes()
        limits = Path(f"/proc/{child.process.pid}/limits").read_text()
        status = Path(f"/proc/{child.process.pid}/status").read_text()
    finally:
        child._end()
    assert CANARY.encode() not in environment and b"PATH=" in environment
    assert "NoNewPrivs:\t1" in status
    said = {line[:26].strip(): line[26:].split()[0] for line in limits.splitlines()[1:]}
    assert (said["Max core file size"], said["Max file size"]) == ("0", str(guard.MAX_WRITTEN_BYTES))


def test_the_search_for_canaries_finds_one(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "log.txt").write_text(f"Authorization: Bearer {CANARY}-x")
    assert files_with_canaries(tmp_path) == ["a/log.txt"]
