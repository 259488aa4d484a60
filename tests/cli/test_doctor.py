"""`corpusmill doctor`: every check is really made, and says what to do where something is missing."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from pipelines import installed, machine
from pipelines.__main__ import app
from pipelines.doctor import MISSING, OK, WARNING, Check, show


def by_name(checks: object) -> dict[str, Check]:
    return {check.name: check for check in checks}  # type: ignore[attr-defined]


def program(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod((folder / name).stat().st_mode | stat.S_IXUSR)


@pytest.mark.slow
def test_this_machine_is_fit(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["doctor", "--out", str(tmp_path / "corpora"), "--json"])
    assert result.exit_code == 0, result.output
    checks = [Check(**row) for row in json.loads(result.stdout)]
    assert {check.state for check in checks} <= {OK, WARNING}
    assert all(check.todo for check in checks if check.state == WARNING)
    assert {"flite", "espeak-ng", "tesseract", "dot", "bwrap", "sandbox", "torch", "memory", "hard links", "locks"} <= {
        c.name for c in checks
    }
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_written_linked_and_locked_and_left_as_it_was(tmp_path: Path) -> None:
    found = by_name(machine.folder(tmp_path / "deep" / "corpora"))
    assert {name: check.state for name, check in found.items() if name != "disk"} == dict.fromkeys(
        ("durable writes", "hard links", "locks", "clock"), OK
    )
    assert f"(to be made in {tmp_path})" in found["disk"].said
    assert list(tmp_path.iterdir()) == []


def test_a_file_system_that_cannot_be_written_to_is_missing() -> None:
    (found,) = [check for check in machine.folder(Path("/proc/corpora")) if check.state != OK and check.name != "disk"]
    assert (found.name, found.state) == ("writable", MISSING)
    assert "choose a writable folder with --out" in found.todo


def test_variables_are_named_and_their_values_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("https_proxy", "http://user:word@proxy")
    monkeypatch.setenv("RAY_ADDRESS", "ray://there")
    told = "".join(f"{check.said} {check.todo}" for check in machine.environment())
    assert "OPENAI_API_KEY" in told and "https_proxy" in told and "unset RAY_ADDRESS" in told
    assert not [secret for secret in ("sk-secret", "word", "there") if secret in told]


def test_programs_are_looked_for_and_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "bin", "dot", "echo 'dot - graphviz version 2.43.0' >&2")
    program(tmp_path / "bin", "tesseract", "echo broken; exit 127")
    program(tmp_path / "bin", "flite", "echo 'version: flite-2.2'; exit 1")  # tells its version, and writes no sound
    program(tmp_path / "bin", "bwrap", "exec sleep 5")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    program(tmp_path / "bin", "sleep", f'exec {os.path.realpath("/bin/sleep")} "$@"')
    monkeypatch.setattr(installed, "PROGRAM_S", 1.0)
    found = by_name(installed.programs())
    assert {name: found[name].state for name in ("dot", "tesseract", "flite", "espeak-ng", "bwrap", "soffice")} == {
        "dot": OK,
        "tesseract": MISSING,
        "flite": MISSING,
        "espeak-ng": MISSING,
        "bwrap": MISSING,
        "soffice": WARNING,
    }
    assert found["dot"].said == "dot - graphviz version 2.43.0"
    assert "wrote no sound" in found["flite"].said
    assert found["espeak-ng"].todo == "apt-get install -y espeak-ng"


def test_packages_are_compared_with_those_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    found = by_name(installed.packages())
    assert found["needed"].state == OK
    assert [check for check in found.values() if check.state == MISSING] == []
    wanted = ["numpy>=99", "no-such-package==1.2", 'coqui-tts>=99; extra == "speech"', 'ruff>=99; extra == "dev"']
    monkeypatch.setattr(installed.importlib.metadata, "requires", lambda _: wanted)
    found = by_name(installed.packages())
    assert found["numpy"].said.endswith("wanted >=99")
    assert found["no-such-package"].said == "not installed, wanted ==1.2"
    assert found["no-such-package"].todo.endswith("-m pip install 'no-such-package==1.2'")
    assert found["speech extra"].state == WARNING
    assert "ruff" not in found


def test_code_that_fails_or_hangs_is_told() -> None:
    assert installed._probe("print('said'); print('[1, 2]')") == ([1, 2], "")
    assert installed._probe("raise ValueError('planted')") == (None, "ValueError: planted")
    found, why = installed._probe("import time; time.sleep(60)", 1.0)
    assert (found, why) == (None, "it did not end within 1 s")


def test_lines_name_what_to_do_and_exit_1_says_that_something_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    checks = [Check("Engines", "dot", OK, "2.43"), Check("Engines", "bwrap", MISSING, "not on PATH", "apt-get install -y bubblewrap")]
    show(checks, Console(width=100))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines] == [
        ["Engines"],
        ["ok", "dot", "2.43"],
        ["missing", "bwrap", "not", "on", "PATH"],
        ["->", "apt-get", "install", "-y", "bubblewrap"],
        ["1", "ok,", "0", "warning,", "1", "missing"],
    ]
    assert {line.index("2.43") for line in lines if "2.43" in line} == {line.index("not") for line in lines if "not" in line}
