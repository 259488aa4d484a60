"""Builds killed at random moments, run again, and compared byte for byte with one that was left alone."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from pipelines.build import BuildError, Execution, build
from pipelines.verify import verify
from schemas.shard import TEMPORARY_PREFIX
from tests.crash.build_once import SOURCES
from tests.toy import hashes, toy_recipe

pytestmark = pytest.mark.crash
ROOT = Path(__file__).parents[2]
NUM_KILLS = int(os.environ.get("CORPUSMILL_KILLS", "5"))


def start(sample: Path, out: Path, workers: int, *more: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.crash.build_once", str(sample), str(out), str(workers), *more]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def kill_tree(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL to the process and to everything that it started."""
    try:
        family = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
    except psutil.NoSuchProcess:
        family = []
    for member in family:
        try:
            member.send_signal(signal.SIGKILL)
        except psutil.NoSuchProcess:
            continue
    process.wait()
    assert process.stderr is not None
    process.stderr.close()


def finish(sample: Path, out: Path, workers: int, *more: str) -> None:
    process = start(sample, out, workers, *more)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors.decode()


@pytest.fixture(scope="module")
def untouched(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], float]:
    """Hashes of an uninterrupted build, and the seconds it took."""
    out = tmp_path_factory.mktemp("untouched")
    begin = time.perf_counter()
    finish(sample, out, 0)
    return hashes(out), time.perf_counter() - begin


def test_kills_in_process(sample: Path, tmp_path: Path, untouched: tuple[dict[str, str], float]) -> None:
    expected, seconds = untouched
    rng = random.Random(7)
    killed = 0
    for number in range(NUM_KILLS):
        out = tmp_path / str(number // 5)  # five kills, one after the other, on the way of each build
        process = start(sample, out, 0)
        try:
            process.wait(timeout=rng.uniform(0.35, 0.95) * seconds)
        except subprocess.TimeoutExpired:
            killed += 1
        kill_tree(process)
        if number % 5 == 4 or number == NUM_KILLS - 1:
            finish(sample, out, 0)
            assert hashes(out) == expected
    assert killed >= NUM_KILLS // 4
    assert [verify(tmp_path / "0" / name).problems for name in SOURCES] == [[]] * len(SOURCES)


def test_kills_of_a_pool_of_attempts_and_its_pairs(sample: Path, tmp_path: Path) -> None:
    begin = time.perf_counter()
    finish(sample, tmp_path / "untouched", 0, "reasoning")
    seconds = time.perf_counter() - begin
    rng = random.Random(5)
    for _ in range(2):  # one after the other, on the way of one build: programs under test die with it
        process = start(sample, tmp_path / "killed", 0, "reasoning")
        time.sleep(rng.uniform(0.5, 0.9) * seconds)
        kill_tree(process)
    finish(sample, tmp_path / "killed", 0, "reasoning")
    found = hashes(tmp_path / "killed")
    left = [name for name in found if name.startswith(".replies/") and TEMPORARY_PREFIX in name]  # written at the kill, and never read
    assert {name: value for name, value in found.items() if name not in left} == hashes(tmp_path / "untouched")


@pytest.mark.cluster
def test_kills_with_workers(sample: Path, tmp_path: Path, untouched: tuple[dict[str, str], float]) -> None:
    rng = random.Random(11)
    for _ in range(2):
        process = start(sample, tmp_path, 2)
        time.sleep(rng.uniform(9, 16))
        kill_tree(process)
    finish(sample, tmp_path, 2)
    assert hashes(tmp_path) == untouched[0]


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.cluster)])
def test_ctrl_c_stops_cleanly(sample: Path, tmp_path: Path, untouched: tuple[dict[str, str], float], workers: int) -> None:
    for attempt in range(3):  # a loaded machine may look away until the build has ended, and Ray itself may fall over with tasks under way
        out = tmp_path / str(attempt)
        process = start(sample, out, workers)
        while not list(out.rglob("ledger/*.json")):  # until something is committed
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        if process.returncode != 0 and b"An unexpected system state has occurred" not in errors:
            break
    assert process.returncode == 1
    assert "run the same command again to go on" in errors.decode()
    assert "Traceback" not in errors.decode()
    finish(sample, out, 0)
    assert hashes(out) == untouched[0]


def test_a_builder_that_commits_early_is_caught(sample: Path, tmp_path: Path, untouched: tuple[dict[str, str], float]) -> None:
    rng = random.Random(3)
    for number in range(20):
        out = tmp_path / str(number)
        process = start(sample, out, 0, "early")
        time.sleep(rng.uniform(0.5, 0.9) * untouched[1])
        kill_tree(process)
        process = start(sample, out, 0)
        process.communicate(timeout=120)
        if process.returncode != 0 or hashes(out) != untouched[0]:
            return
    pytest.fail("the mutant went through 20 kills unnoticed: the harness is blind")


def test_a_full_disk_stops_cleanly_and_the_next_run_goes_on(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs needs root")
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(small)], capture_output=True).returncode != 0:
        pytest.skip("this machine does not allow mounts")
    try:
        with pytest.raises(BuildError, match="the disk is full"):
            build(toy_recipe(count=2_000, per_split=40), small, Execution(workers=0))
        subprocess.run(["mount", "-o", "remount,size=20m", str(small)], check=True)
        build(toy_recipe(count=2_000, per_split=40), small, Execution(workers=0))
        build(toy_recipe(count=2_000, per_split=40), tmp_path / "roomy", Execution(workers=0))
        assert hashes(small) == hashes(tmp_path / "roomy")
        subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
        with pytest.raises(BuildError, match="cannot write"):
            build(toy_recipe(count=10), small, Execution(workers=0, rebuild=True))
    finally:
        subprocess.run(["umount", str(small)], check=True)
