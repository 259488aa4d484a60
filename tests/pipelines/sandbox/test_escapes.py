"""Every attempt of the battery fails, is recorded, and leaves the same sandbox in order: no process, no file, no changed result."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.sandbox.limits import EXITED, Limits, Outcome, Program
from pipelines.sandbox.sandbox import Sandbox
from tests.pipelines.sandbox.attempts import ATTEMPTS, PRELUDE, SECRET, Attempt

HONEST = Program("print(sum(range(10)) - 3)")


@pytest.fixture(scope="module")
def planted() -> Iterator[bytes]:
    """A secret in a file that everybody may read and in our environment. Gives what a program is told of them on stdin."""
    with tempfile.NamedTemporaryFile("w", suffix=".secret") as file, pytest.MonkeyPatch.context() as patch:
        file.write(SECRET)
        file.flush()
        Path(file.name).chmod(0o644)
        patch.setenv("CORPUSMILL_SECRET", SECRET)
        yield json.dumps([str(Path(__file__).parents[3]), file.name, SECRET]).encode() + b"\n"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as opened:
        yield opened


def attack(sandbox: Sandbox, source: str, planted: bytes, limits: Limits) -> Outcome:
    return sandbox.run(Program(f"{PRELUDE}{source}\n", stdin=planted, limits=limits))


def processes(sandbox: Sandbox) -> int:
    """Processes on the host that belong to the sandbox: bubblewrap's two and the zygote, where nothing runs."""
    assert sandbox._wall is not None
    family, found = [sandbox._wall.process.pid], 0
    while family:
        pid, found = family.pop(), found + 1
        family += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    return found


def test_the_battery_is_large_and_each_has_a_name_of_its_own() -> None:
    assert len(ATTEMPTS) >= 100
    assert len({attempt.name for attempt in ATTEMPTS}) == len(ATTEMPTS)


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda attempt: attempt.name)
def test_attempt_fails(attempt: Attempt, sandbox: Sandbox, planted: bytes) -> None:
    wall = sandbox._wall
    outcome = attack(sandbox, attempt.source, planted, attempt.limits)
    assert b"BROKE" not in outcome.stdout + outcome.stderr, outcome
    assert outcome.status in attempt.status, outcome
    assert not attempt.refused or attempt.refused in outcome.refused, outcome
    assert outcome.status != EXITED or attempt.code in (None, outcome.exit_code), outcome
    if attempt.then:
        after = attack(sandbox, attempt.then, planted, attempt.limits)
        assert (after.status, after.exit_code, after.stdout) == (EXITED, 0, b""), after
    honest = sandbox.run(HONEST)
    assert (honest.status, honest.exit_code, honest.stdout, honest.stderr) == (EXITED, 0, b"42\n", b"")
    assert sandbox._wall is wall, "the zygote has ended"
    assert processes(sandbox) == 3
