"""Thousands of requests to a server that fails in every way, with our process killed in the middle: each is answered once.

A reply is paid for twice only where the server had sent all of it and our process died before it was on the disk. The test counts these at
each kill: they are no more than there are lanes, and nothing else is ever asked again.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipelines.build import Execution, build
from pipelines.endpoint.ledger import spent_on
from pipelines.source.replies import KeptReplies
from pipelines.verify import verify
from schemas.corpus import Corpus
from schemas.records import Row
from tests.pipelines.endpoint.build_once import recipe
from tests.servers import ROOT, Server

FAULTS = ("429", "503", "drop", "half", "chunks", "malformed", "empty", "few", "many")
OPTIONS = {"concurrency": 16, "num_rows": 512, "timeout_s": 30.0}


def start(server: Server, out: Path, options: dict[str, Any]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.pipelines.endpoint.build_once", server.base_url, str(out), "0", json.dumps(options)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> int:
    """The peak of the program's memory, in KiB."""
    out, err = process.communicate(timeout=900)
    assert process.returncode == 0, err[-2_000:]
    return int(out.split()[-1])


def kept(out: Path) -> set[str]:
    """The texts of the replies on the disk."""
    source = KeptReplies(str(out / ".replies"), rows_per_split=100_000)
    rows = [row for split in source.splits() for row in source.read(split)]
    assert all(isinstance(row, Row) for row in rows)
    return {str(row.fields["text"]) for row in rows if isinstance(row, Row)}


def answered(server: Server) -> Counter[str]:
    """How often the server answered each question in full, by the text of its answer."""
    return Counter(f"You said: {row['text']}" for row in server.log() if row["outcome"] == "answer")


def build_with_kills(server: Server, out: Path, count: int, kills: list[int]) -> tuple[int, int]:
    """Kills the build when so many requests are answered, and lets it end; gives the replies lost to kills, and the last run's peak."""
    server.set(faults=dict.fromkeys(FAULTS, 0.02), most_faults=2, retry_after="0.01")
    options = {**OPTIONS, "count": count}
    lost: Counter[str] = Counter()
    for at in kills:
        process = start(server, out, options)
        while server.outcomes()["answer"] < at:
            assert process.poll() is None, process.stderr.read() if process.stderr else ""
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)
        while server.outcomes()["under way"]:
            time.sleep(0.01)
        paid = answered(server)
        gone = Counter(dict.fromkeys(set(paid) - kept(out), 1))
        assert sum(gone.values()) <= OPTIONS["concurrency"]
        lost += gone
    peak = finish(start(server, out, options))
    paid = answered(server)
    assert set(paid) == {f"You said: Write {number}" for number in range(count)}
    assert paid - lost == Counter(dict.fromkeys(paid, 1))  # each once, beside those lost
    assert kept(out) == set(paid)
    result = build(recipe(server.base_url, **options), out, Execution(workers=0))  # nothing is left to do
    assert result.num_built == 0
    assert result.totals["num_out"] == count
    assert result.totals["rejects"] == {}
    assert verify(result.path).problems == []
    assert len({record.key for record in Corpus(result.path).records()}) == count
    known, unknown = spent_on(out / ".replies")
    written = known.num_requests + unknown.num_requests
    assert len(server.log()) <= written <= len(server.log()) + OPTIONS["concurrency"] * len(kills)  # the ledger missed none
    return sum(lost.values()), peak


@pytest.mark.crash
def test_some_hundred_requests_are_answered_once_each_with_a_kill_in_the_middle(server: Server, tmp_path: Path) -> None:
    build_with_kills(server, tmp_path, 200, [70])


@pytest.mark.slow
@pytest.mark.crash
def test_ten_thousand_requests_are_answered_once_each_with_kills_in_the_middle_and_memory_is_flat(server: Server, tmp_path: Path) -> None:
    _, small = build_with_kills(server, tmp_path / "small", 1_000, [])
    lost, large = build_with_kills(server, tmp_path / "large", 10_000, [400, 1_000, 1_600])
    print(f"\n10,000 requests, 3 kills: {lost} replies lost; peak {small} KiB with 1,000 requests, {large} KiB with 10,000")
    assert large < 1.1 * small
