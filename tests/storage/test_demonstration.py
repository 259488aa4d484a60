"""Every corpus of the demonstration, built into a store from sources in a store, holds the bytes of the one on disk."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pipelines.__main__ import build_jobs
from pipelines.build import Execution
from pipelines.buildfile import read_job
from pipelines.corpora import CORPORA
from schemas.sending import send_file
from schemas.store import list_files, place_of
from tests.s3 import download

LINKED = "code_completion"  # its sample has links, which a store cannot hold


@pytest.mark.slow
def test_the_whole_demonstration_is_the_same_in_a_store(
    demo: dict[str, dict[str, Any]], sample: Path, replies: str, tmp_path: Path, s3: str
) -> None:
    raw, out, local = place_of(f"{s3}/raw"), place_of(f"{s3}/corpora"), sample.parent / "corpora"
    files = [file for file in list_files(sample) if not file.is_symlink()]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda file: send_file(file, raw / file.relative_to(sample).as_posix()), files))  # type: ignore[arg-type]
    plain = tmp_path / "sample"
    shutil.copytree(
        sample / "code", plain / "code", ignore=lambda folder, names: [name for name in names if Path(folder, name).is_symlink()]
    )
    execution = Execution(workers=0, replies=replies)
    for name, kind in CORPORA.items():
        table = {"source": kind.sample, **kind.sample_parameters}
        build_jobs([read_job(name, table, raw, name)], out, execution, True)
        if name == LINKED:
            build_jobs([read_job(name, table, plain, name)], tmp_path / "corpora", execution, True)
        assert download(out / name) == download((tmp_path / "corpora" if name == LINKED else local) / name), name
    stages = {name: data for name, data in download(local / ".stages").items() if not name.startswith(LINKED)}
    found = {name: data for name, data in download(out / ".stages").items() if not name.startswith(LINKED)}
    assert {name: found.get(name) for name in stages if name.count("/")} == {name: data for name, data in stages.items() if name.count("/")}
    assert demo.keys() == CORPORA.keys()
