"""A requeue killed before each of its changes to the disk, one after the other; then a requeue or a build brings the same end."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pipelines import requeue_journal
from pipelines.build import Execution, build_stages
from pipelines.requeue_journal import Selection
from pipelines.requeue_stages import requeue_stages
from pipelines.stage import Stage, only
from schemas.corpus import JOURNAL, Corpus
from schemas.outcome import FAULT
from schemas.shard import TEMPORARY_PREFIX
from tests.crash.test_kill import kill_tree
from tests.requeued import FAULTY, REJECTED, Bugs, plain, staged
from tests.toy import hashes

pytestmark = pytest.mark.crash
ROOT = Path(__file__).parents[2]
CHANGES = ("open", "os.rename", "os.link", "os.remove", "os.rmdir", "os.mkdir")  # as Python's audit names them
PLAN = (("4", FAULTY), ("5", REJECTED), ("15", FAULTY))
ALL = Selection()


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A killed process takes nothing back that it wrote; most of the time of these builds would go there."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


def one(judge: Bugs = (), longest: int = 1_000) -> tuple[Stage, ...]:
    return only(plain(30, judge=judge, longest=longest))


def execution(tmp_path: Path, workers: int = 0) -> Execution:
    return Execution(workers=workers, min_faults=100, replies=str(tmp_path / "replies"))


def requeue(stages: tuple[Stage, ...], out: Path, how: Execution, selection: Selection = ALL) -> None:
    list(requeue_stages(stages, out, selection, how))


def build(stages: tuple[Stage, ...], out: Path, how: Execution) -> None:
    build_stages(stages, out, how)


def killed_at(number: int, under: Path, work: Callable[[], None]) -> bool:
    """Runs the work in a process that dies before its change number `number` of what is below a folder. False where it has fewer."""
    child = os.fork()
    if child == 0:
        left = [number]

        def count(event: str, arguments: tuple[Any, ...]) -> None:
            is_change = event in CHANGES and str(arguments[0]).startswith(str(under))
            if event == "open" and is_change:
                is_change = bool(arguments[2] & (os.O_WRONLY | os.O_RDWR))
            if is_change:
                left[0] -= 1
                if left[0] < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        try:
            work()
        finally:
            os._exit(0 if sys.exc_info()[0] is None else 3)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def corpora(out: Path) -> dict[str, str]:
    """Hashes of the corpora; lists of stages stay beside them when none needs them any more."""
    return {name: value for name, value in hashes(out).items() if "/" in name.removeprefix(".stages/")}


def is_begun(out: Path, before: Path) -> bool:
    """Whether a requeue has changed anything: until then a build knows nothing of it."""
    return {name: value for name, value in corpora(out).items() if TEMPORARY_PREFIX not in name} != corpora(before)


def kill_everywhere(tmp_path: Path, broken: tuple[Stage, ...], mended: tuple[Stage, ...], step: int = 1) -> int:
    """Kills a requeue at every `step`-th change, and ends it by a requeue and by a build in turn. Gives the number of kills."""
    how = execution(tmp_path)
    build(broken, tmp_path / "broken", how)
    build(mended, tmp_path / "fresh", how)
    expected, number, finishers = corpora(tmp_path / "fresh"), 0, (requeue, build)
    out = tmp_path / "killed"
    while True:
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(tmp_path / "broken", out)
        if not killed_at(number, out, lambda: requeue(mended, out, how)):
            break
        finish = finishers[(number // step) % 2]
        if not is_begun(out, tmp_path / "broken"):
            finish = requeue
        finish(mended, out, how)
        assert corpora(out) == expected, f"killed at change {number}, ended by {finish.__name__}"
        number += step
    assert corpora(tmp_path / "killed") == expected
    return number // step


@pytest.mark.parametrize("step", [4, pytest.param(1, marks=pytest.mark.slow)])
def test_kills_before_every_change(tmp_path: Path, step: int) -> None:
    assert kill_everywhere(tmp_path, one(PLAN), one(longest=999), step) > 60 // step


@pytest.mark.parametrize("step", [15, pytest.param(2, marks=pytest.mark.slow)])
def test_kills_before_changes_of_a_corpus_in_stages(tmp_path: Path, step: int) -> None:
    assert kill_everywhere(tmp_path, staged(PLAN, count=20), staged(count=20), step) > 120 // step


def test_kills_of_what_goes_on_after_a_kill(tmp_path: Path) -> None:
    how = execution(tmp_path)
    build(one(PLAN), tmp_path / "killed", how)
    build(one(longest=999), tmp_path / "fresh", how)
    rng, killed = random.Random(3), 0
    for go_on in (requeue, requeue, build, requeue, build, build, requeue, requeue):
        killed += killed_at(rng.randrange(15, 45), tmp_path / "killed", partial(go_on, one(longest=999), tmp_path / "killed", how))
    assert killed >= 4
    requeue(one(longest=999), tmp_path / "killed", how)
    assert corpora(tmp_path / "killed") == corpora(tmp_path / "fresh")


def test_a_requeue_that_remembers_its_splits_in_memory_alone_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mutant forgets the journal before it sets splits aside: after a kill among them the others pass for replayed."""
    honest = requeue_journal.set_aside

    def forgetful(corpus: Corpus) -> requeue_journal.Journal | None:
        journal = requeue_journal.read_journal(corpus)
        if journal is None:
            return None
        (corpus.path / JOURNAL).unlink()
        with monkeypatch.context() as within:
            within.setattr(requeue_journal, "read_journal", lambda _: journal)
            return honest(corpus)

    monkeypatch.setattr("pipelines.build.set_aside", forgetful)
    monkeypatch.setattr(Corpus, "remove_orphans", lambda corpus: [])
    monkeypatch.setattr(Corpus, "recover", Corpus.committed)
    with pytest.raises(AssertionError, match="killed at change"):
        kill_everywhere(tmp_path, one(PLAN), one(), step=4)


WORK = """
import sys
from pathlib import Path
from tests.crash import test_requeue_kill as here
out, workers = Path(sys.argv[1]), int(sys.argv[2])
here.requeue(here.one(longest=999), out / "killed", here.execution(out, workers), here.Selection())
"""


@pytest.mark.cluster
@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_kills_at_random_moments(tmp_path: Path, workers: int) -> None:
    how = execution(tmp_path)
    build(one(PLAN), tmp_path / "broken", how)
    build(one(longest=999), tmp_path / "fresh", how)

    def start() -> subprocess.Popen[bytes]:
        shutil.rmtree(tmp_path / "killed", ignore_errors=True)
        shutil.copytree(tmp_path / "broken", tmp_path / "killed")
        command = [sys.executable, "-c", WORK, str(tmp_path), str(workers)]
        return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    begin = time.perf_counter()
    _, errors = start().communicate(timeout=300)
    seconds = time.perf_counter() - begin
    assert corpora(tmp_path / "killed") == corpora(tmp_path / "fresh"), errors.decode()
    rng = random.Random(workers)
    for number in range(4):
        process = start()
        time.sleep(rng.uniform(0.6, 1.0) * seconds)
        kill_tree(process)
        finish = (requeue, build)[number % 2]
        if not is_begun(tmp_path / "killed", tmp_path / "broken"):
            finish = requeue
        finish(one(longest=999), tmp_path / "killed", how)
        assert corpora(tmp_path / "killed") == corpora(tmp_path / "fresh")


def test_the_selection_of_a_stopped_requeue_is_kept(tmp_path: Path) -> None:
    how = execution(tmp_path)
    build(one(PLAN), tmp_path / "killed", how)
    build(one(longest=999), tmp_path / "fresh", how)
    faults, wrong = Selection(failure=FAULT), Selection(reasons=("wrong",))
    assert killed_at(25, tmp_path / "killed", lambda: requeue(one(longest=999), tmp_path / "killed", how, faults))
    requeue(one(longest=999), tmp_path / "killed", how, wrong)
    assert corpora(tmp_path / "killed") == corpora(tmp_path / "fresh")
