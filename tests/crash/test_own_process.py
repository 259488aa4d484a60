"""A record that kills the process that builds, where no worker stands between: run again, the same command gets past it."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from pipelines.begun import NUM_DEATHS, Begun
from pipelines.build import Execution, build
from pipelines.recipe import Recipe
from pipelines.step import each
from pipelines.verify import verify
from schemas.corpus import Corpus
from schemas.records import Document, Row
from tests.toy import NUMBER, KeepEven, Numbers, hashes

ROOT = Path(__file__).parents[2]
DEADLY = 17


@dataclass(frozen=True, slots=True)
class Segfault:
    """Reads the memory at address 0 when the number is DEADLY, as a decoder does that a hostile file leads astray."""

    takes: ClassVar = (Row,)
    gives: ClassVar = Document
    reads: ClassVar = ()
    writes: ClassVar = (NUMBER,)
    reasons: ClassVar = ()
    version: ClassVar = 1

    def __call__(self, row: Row) -> Document:
        number = int(str(row.fields["number"]))
        if number == DEADLY:
            ctypes.string_at(0)
        return Document(row.key, row.origin, f"the number {number} " * 20, {NUMBER.name: number})


def deadly_recipe() -> Recipe:
    return Recipe("toy", Numbers(40), (each(Segfault()), each(KeepEven())))


def run_alone(out: Path) -> int:
    """Exit code of a process that builds in itself; negative for the signal that ended it."""
    code = "import sys; from pathlib import Path; from pipelines.build import *; from tests.crash.test_own_process import deadly_recipe; "
    code += "build(deadly_recipe(), Path(sys.argv[1]), Execution(workers=0))"
    return subprocess.run([sys.executable, "-c", code, str(out)], cwd=ROOT, capture_output=True, check=False).returncode


@pytest.mark.crash
@pytest.mark.cluster
@pytest.mark.slow  # five starts of a build, two of which die
def test_a_record_that_kills_its_own_build_is_found_by_running_it_again(tmp_path: Path) -> None:
    for _ in range(NUM_DEATHS):
        assert run_alone(tmp_path / "alone") == -11
        assert len(Corpus(tmp_path / "alone" / "toy").committed()) == 1  # the splits before stay
    assert run_alone(tmp_path / "alone") == 0
    refused = [row for row in Corpus(tmp_path / "alone" / "toy").rejects() if row["failure"] == "crash"]
    assert [(row["reason"], row["locator"]) for row in refused] == [("crashed_worker", f"row {DEADLY}")]
    assert verify(tmp_path / "alone" / "toy").problems == []
    assert not Begun(tmp_path / "alone" / "toy").file.exists()
    build(deadly_recipe(), tmp_path / "cluster", Execution(workers=1))
    assert hashes(tmp_path / "alone") == hashes(tmp_path / "cluster")


def test_notes_count_deaths_of_a_process_and_nothing_else(tmp_path: Path) -> None:
    begun = Begun(tmp_path / "corpus")
    with pytest.raises(KeyboardInterrupt), begun.working_on("a"):
        assert begun.deaths() == {"a": 1}
        raise KeyboardInterrupt
    assert not begun.file.exists()
    dead = []
    for count in range(1, NUM_DEATHS + 1):
        assert begun.killers() == frozenset()
        dead.append(begun.working_on("b"))
        dead[-1].__enter__()  # and not left while the test runs, as by a death
        assert begun.deaths() == {"b": count}
    assert begun.killers() == {"b"}
    with begun.working_on("a"):
        assert begun.deaths() == {"a": 1, "b": NUM_DEATHS}
    begun.forget("b")
    assert not begun.file.exists()
    begun.file.write_text('{"b": ')  # cut
    assert begun.deaths() == {}
