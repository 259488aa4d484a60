"""The battery and the probe can fail: with one protection taken away, attempts succeed that it stops, and the wall does not open."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipelines.sandbox import probe, wall
from pipelines.sandbox.limits import LOST, NoIsolation, Program
from pipelines.sandbox.sandbox import Sandbox
from tests.pipelines.sandbox.attempts import ATTEMPTS, PRELUDE, SMALL

BY_NAME = {attempt.name: attempt for attempt in ATTEMPTS}
NO_FILTER = "return seccomp.install(bytes.fromhex('06000000' '0000ff7f'))"  # one instruction: allow


@dataclass(frozen=True)
class Hole:
    """A protection that is taken away: text of a file that is replaced, or words of bubblewrap's that are added."""

    name: str
    let_through: tuple[str, ...]
    file: str = ""
    text: str = ""
    instead: str = "pass"
    view: tuple[str, ...] = ()
    probed: str = ""


HOLES = [
    Hole(
        "no filter of calls",
        (
            "call memfd_create",
            "call shmget",
            "call inotify_init1",
            "unix by abstract name",
            "unix datagrams to others",
            "call unshare files",
            "call ptrace",
        ),
        "world.py",
        "return seccomp.install(instructions)",
        NO_FILTER,
        probed="sockets of AF_UNIX",
    ),
    Hole(
        "no limits",
        ("fork bomb", "thread bomb", "anonymous map", "huge file", "huge file with holes", "pipes"),
        "world.py",
        "_limit(limits, reserves_memory)",
        probed="(no limit on processes|the probe failed: used more)",
    ),
    Hole("capabilities kept", ("capabilities",), "world.py", "kernel.drop_capabilities()", probed="CapEff"),
    Hole(
        "one PID namespace",
        ("paths of its first process", "signals through descriptors"),
        "zygote.py",
        "kernel.unshare(kernel.NEWPID)",
        probed="other processes",
    ),
    Hole(
        "descriptors left open",
        ("descriptors left open", "the zygote's socket through its objects"),
        "zygote.py",
        "os.closerange(low + 1, high)",
        probed="descriptors",
    ),
    Hole(
        "scratch without a size",
        ("scratch filled", "shared memory filled"),
        "world.py",
        "size={int(limits['scratch_bytes'])},",
        "",
        probed="no limit on the scratch",
    ),
    Hole("files without a number", ("many files",), "world.py", "nr_inodes={MAX_SCRATCH_FILES},", ""),
    Hole(
        "the host's files",
        ("passwords", "secret by the checkout and home folders"),
        view=("--ro-bind", "/var", "/var", "--ro-bind", "/etc", "/etc"),
        probed="more to be seen",
    ),
    Hole(
        "a zygote that reads programs",
        ("what the last program was told",),
        "zygote.py",
        "order = json.loads(data)",
        "order, self.read = json.loads(data), [*getattr(self, 'read', ()), os.pread(descriptors[1], 1 << 20, 0)]",
    ),
    Hole("memory not summed", ("memory of many processes together",), "zygote.py", 'job.kill("memory")'),
]


@pytest.fixture
def open_with(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Hole], None]:
    def make(hole: Hole) -> None:
        inside = tmp_path / "inside"
        if not inside.exists():
            shutil.copytree(Path(wall.__file__).parent, inside, ignore=shutil.ignore_patterns("__pycache__"))
        monkeypatch.setattr(wall, "INSIDE", inside)
        if hole.file:
            text = inside.joinpath(hole.file).read_text()
            assert text.count(hole.text) == 1, f"{hole.file} no longer has {hole.text!r} once"
            inside.joinpath(hole.file).write_text(text.replace(hole.text, hole.instead))
        if hole.view:
            whole = wall._view
            monkeypatch.setattr(wall, "_view", lambda packages: [*hole.view, *whole(packages)])

    return make


@pytest.mark.parametrize("hole", HOLES, ids=lambda hole: hole.name)
def test_attempts_come_through_a_hole(
    hole: Hole, open_with: Callable[[Hole], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    open_with(hole)
    if hole.probed:
        with pytest.raises(NoIsolation, match=f"does not hold, so no program is run: .*{hole.probed}"):
            Sandbox(()).__enter__()
    monkeypatch.setattr(probe, "probes", lambda: iter(()))
    planted = json.dumps([str(tmp_path), str(tmp_path / "none"), "nothing"]).encode() + b"\n"
    with Sandbox(()) as sandbox:
        for name in hole.let_through:
            for source in filter(None, (BY_NAME[name].source, BY_NAME[name].then)):
                outcome = sandbox.run(Program(f"{PRELUDE}{source}\n", stdin=planted, limits=SMALL))
            assert b"BROKE" in outcome.stdout or outcome.status == LOST, (name, outcome)  # it has killed the zygote


def test_the_network_is_closed_twice(open_with: Callable[[Hole], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the filter the namespace still has no way out; without both, a server of the host is reached."""
    monkeypatch.setattr(probe, "probes", lambda: iter(()))
    with socket.create_server(("127.0.0.1", 0)) as server:
        program = Program(
            f"import socket\nsocket.create_connection(('127.0.0.1', {server.getsockname()[1]}), 1)\nprint('BROKE')", limits=SMALL
        )
        with Sandbox(()) as sandbox:
            assert "PermissionError" in sandbox.run(program).stderr.decode()
        open_with(Hole("", (), "world.py", "return seccomp.install(instructions)", NO_FILTER))
        with Sandbox(()) as sandbox:
            assert "ConnectionRefusedError" in sandbox.run(program).stderr.decode()
        whole = wall._namespaces
        monkeypatch.setattr(wall, "_namespaces", lambda users: [word for word in whole(users) if word != "--unshare-net"])
        with Sandbox(()) as sandbox:
            assert sandbox.run(program).stdout == b"BROKE\n"
