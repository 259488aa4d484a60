"""Shared fixtures: the sample (made once), and the folder of real data where it is present."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipelines.sample import make_sample

REALDATA = Path(os.environ.get("CORPUSMILL_REALDATA", Path(__file__).parents[1] / ".." / "shared" / "data")).resolve()


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample of size 1."""
    folder = tmp_path_factory.mktemp("sample")
    make_sample(folder)
    return folder


@pytest.fixture(scope="session")
def replies(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder of replies for every build of the run that asks for it: what one test had spoken and heard, no other asks again."""
    if "PYTEST_XDIST_WORKER" in os.environ:  # the processes of one run share it: a reply is written whole or not at all
        shared = tmp_path_factory.getbasetemp().parent / "replies"
        shared.mkdir(exist_ok=True)
        return str(shared)
    return str(tmp_path_factory.mktemp("replies"))


@pytest.fixture(scope="session")
def realdata() -> Path:
    """The folder of real data; its tests are skipped, and counted, where it is absent."""
    if not REALDATA.is_dir():
        pytest.skip(f"no real data at {REALDATA}")
    return REALDATA
