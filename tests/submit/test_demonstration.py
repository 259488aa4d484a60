"""The whole demonstration, submitted to a cluster of three nodes whose corpora go to an object store, is byte for byte the laptop's."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipelines.corpora import CORPORA
from schemas.store import place_of
from tests.s3 import S3Server, download
from tests.submit.head import job_head, nodes_beside
from tests.submit.test_jobs import APP, read_token_again

pytestmark = [pytest.mark.cluster, pytest.mark.slow]  # every corpus is built again, its speech spoken and heard again


def placed(said: Any, sample: Path) -> Any:
    """A corpus's sample with its paths below the folder of samples, as every node sees it."""
    if isinstance(said, list):
        return [placed(item, sample) for item in said]
    if isinstance(said, str):
        return str(sample / said)
    return {**said, "path": str(sample / said["path"])} if "path" in said else said


def toml(value: Any) -> str:
    """Strings, lists and tables of strings as TOML."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {toml(item)}" for name, item in value.items()) + " }"
    return "[" + ", ".join(map(toml, value)) + "]" if isinstance(value, list) else json.dumps(value)


def write_build_file(place: Path, sample: Path) -> Path:
    lines = ['out = "corpora"']
    for name, kind in CORPORA.items():
        parameters = {key: placed(value, sample) for key, value in kind.sample_parameters.items()}
        lines += [
            f"[corpora.{name}]",
            *(f"{key} = {toml(value)}" for key, value in {"source": placed(kind.sample, sample), **parameters}.items()),
        ]
    place.write_text("\n".join(lines) + "\n")
    return place


def test_the_submitted_demonstration_is_the_laptop_s(
    demo: dict[str, dict[str, Any]], sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_file = write_build_file(tmp_path / "build.toml", sample)
    with S3Server() as server, job_head(server.environment()) as head:
        server.make_bucket("corpora")
        for name, value in {**server.environment(), "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": head.token}.items():
            monkeypatch.setenv(name, value)
        read_token_again()
        with nodes_beside(head, 1, 1) as others:
            words = ["submit", str(build_file), "--address", head.address, "--out", "s3://corpora/demo", "--python", sys.executable]
            sent = CliRunner().invoke(APP, words)
            assert sent.exit_code == 0, sent.output
            assert "3 nodes" in sent.output
            for folder in (head.folder, *(others.folder / str(number) for number in (2, 3))):
                assert list(folder.glob("session_*/logs/worker-*.out")), f"nothing ran on the node of {folder}"
        found, local = place_of("s3://corpora/demo"), sample.parent / "corpora"
        for name in demo:
            assert download(found / name) == download(local / name), name
