"""Shared fixtures: the sample (made once), and the folder of real data where it is present."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from filelock import FileLock
from typer.testing import CliRunner

from pipelines.__main__ import app
from pipelines.sample import make_sample
from tests.canvases import noted

hypothesis.settings.register_profile("tests", deadline=None)  # tests never judge times
hypothesis.settings.load_profile("tests")

REALDATA = Path(os.environ.get("CORPUSMILL_REALDATA", Path(__file__).parents[1] / ".." / "shared" / "data")).resolve()


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the demonstration; the processes of one run of tests share it."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "run"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def sample(run_folder: Path) -> Path:
    """The sample of size 1. Nothing may be changed in it."""
    with FileLock(run_folder / "sample.lock"):
        make_sample(run_folder / "demo" / "sample")
    return run_folder / "demo" / "sample"


@pytest.fixture(scope="session")
def demo(run_folder: Path, sample: Path) -> dict[str, dict[str, Any]]:
    """The summary rows, by corpus, of `corpusmill demo` in `run_folder / "demo"`."""
    rows = run_folder / "demo.json"
    with FileLock(run_folder / "demo.lock"):
        if not rows.exists():
            with noted() as canvases:
                done = CliRunner().invoke(app, ["demo", "--out", str(run_folder / "demo"), "--workers", "0", "--json"])
            assert done.exit_code == 0, done.output
            (run_folder / "canvases.json").write_text(json.dumps(sorted(canvases)))
            rows.write_text(done.stdout)
    return {row["corpus"]: row for row in json.loads(rows.read_text())}


@pytest.fixture(scope="session")
def replies(run_folder: Path) -> str:
    """The demonstration's folder of replies, for every build that asks for it: what was spoken and heard once is not asked again."""
    return str(run_folder / "demo" / "corpora" / ".replies")


@pytest.fixture(scope="session")
def one_ray() -> Iterator[None]:
    """A Ray for every build of the run that asks for workers: starting one takes longer than most of these builds."""
    from pipelines import cluster

    with cluster.session(2, 2, None, lambda _: None):
        yield


@pytest.fixture(scope="session")
def realdata() -> Path:
    """The folder of real data; its tests are skipped, and counted, where it is absent."""
    if not REALDATA.is_dir():
        pytest.skip(f"no real data at {REALDATA}")
    return REALDATA
