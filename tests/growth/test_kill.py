"""A growth whose process is killed (SIGKILL) before changes to the disk, one after the other; the same build then brings the same end."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.build import build_stages
from pipelines.growth.settle import JOURNAL
from pipelines.stage import STAGES
from tests.crash.test_requeue_kill import killed_at
from tests.growth.sources import FOLLOW, KEEP, staged, write
from tests.toy import hashes

pytestmark = pytest.mark.crash
BOTH = replace(FOLLOW, update=True)
STEP = 17  # changes between two kills


@pytest.mark.slow
def test_kills_while_a_corpus_follows_its_source_and_its_recipe(tmp_path: Path) -> None:
    raw, out = tmp_path / "raw", tmp_path / "there"
    for name in "abc":
        write(raw / f"{name}.jsonl", range(12))
    build_stages(staged(raw), tmp_path / "before", KEEP)
    (raw / "a.jsonl").unlink()
    write(raw / "d.jsonl", range(12))
    build_stages(staged(raw, 12), tmp_path / "fresh", KEEP)
    wanted = {name: hashes(tmp_path / "fresh" / name) for name in ("grown", f"{STAGES}/grown.measured", f"{STAGES}/grown.distinct")}
    number = 0

    def grow() -> None:
        build_stages(staged(raw, 12), out, BOTH)

    while True:
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(tmp_path / "before", out)
        was_killed = killed_at(number, out, grow)
        grow()
        assert {name: hashes(out / name) for name in wanted} == wanted, f"killed at change {number}"
        assert not list(out.rglob(JOURNAL))
        if not was_killed:
            break
        number += STEP
    assert number > 5 * STEP
