"""Programs run as they would outside, end as their outcome says, and nothing of ours outlives us."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pipelines.sandbox import languages, seccomp, wall
from pipelines.sandbox.languages import LANGUAGES, Language
from pipelines.sandbox.limits import EXITED, KILLED, LOST, MEMORY, MIB, OUTPUT, TIMEOUT, Entry, Limits, NoIsolation, Program
from pipelines.sandbox.sandbox import Sandbox, run_all
from processors.engine import EngineMissing

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as opened:
        yield opened


@pytest.mark.parametrize(
    ("source", "code", "stdout", "stderr"),
    [
        ("print('ä', end='')", 0, "ä", ""),
        ("import sys; print(sys.stdin.read().upper())", 0, "READ\n", ""),
        ("import sys; sys.exit(3)", 3, "", ""),
        ("exit()", 0, "", ""),
        ("raise SystemExit('said')", 1, "", "said\n"),
        ("if __name__ == '__main__': print(__file__, __name__)", 0, "main.py __main__\n", ""),
        ("import helper; print(helper.value, open('data/rows.txt').read())", 0, "7 rows\n", ""),
        ("import atexit; atexit.register(print, 'last'); print('first')", 0, "first\nlast\n", ""),
        ("import threading, time; threading.Thread(target=lambda: (time.sleep(0.02), print('late'))).start()", 0, "late\n", ""),
        ("import numpy; print(numpy.linalg.inv(numpy.eye(2)).sum())", 0, "2.0\n", ""),
        ("import subprocess; print(subprocess.run(['echo', 'hi'], capture_output=True, text=True).stdout)", 0, "hi\n\n", ""),
        ("import multiprocessing as m; print(m.get_context('fork').Pool(2).map(abs, [-1, -2]))", 0, "[1, 2]\n", ""),
        ("import asyncio; print(asyncio.run(asyncio.sleep(0.001, 5)))", 0, "5\n", ""),
        ("print(hash('text'), __import__('random').random())", 0, "%s", ""),
        ("def f(:", 1, "", '  File "main.py", line 1\n    def f(:\n          ^\nSyntaxError: invalid syntax\n'),
        ("def f():\n    1 / 0\nf()", 1, "", "%s"),
        ("import sys; sys.stdout.write('x'); sys.stdout.close()", 0, "x", ""),
        ("import tempfile; tempfile.TemporaryFile().write(b'x')", 0, "", ""),
    ],
)
def test_a_program_runs_as_outside(sandbox: Sandbox, source: str, code: int, stdout: str, stderr: str, tmp_path: Path) -> None:
    files = {"helper.py": b"value = 7", "data/rows.txt": b"rows"}
    outcome = sandbox.run(Program(source, stdin=b"read", files=files))
    assert outcome.status == EXITED, outcome
    if "%s" in (stdout, stderr):  # what this interpreter says
        tmp_path.joinpath("main.py").write_text(source.replace("__import__('random').random()", "__import__('random').Random(0).random()"))
        plain = subprocess.run([sys.executable, "main.py"], cwd=tmp_path, capture_output=True, text=True, env={"PYTHONHASHSEED": "0"})
        stdout, stderr = plain.stdout, plain.stderr.replace(f"{tmp_path}/", "")
    assert (outcome.exit_code, outcome.stdout.decode(), outcome.stderr.decode()) == (code, stdout, stderr)


def test_the_same_program_ends_the_same_in_any_sandbox(sandbox: Sandbox) -> None:
    program = Program("import random, numpy\nprint(random.random(), numpy.random.random(), {'a', 'b', 'c'}, hash('x'))")
    with Sandbox() as other:
        assert {sandbox.run(program).stdout for _ in range(3)} == {other.run(program).stdout}


def test_many_programs_keep_their_order() -> None:
    outcomes = run_all([Program(f"import time; time.sleep({number % 3} / 100); print({number})") for number in range(30)], num_workers=2)
    assert [outcome.stdout for outcome in outcomes] == [b"%d\n" % number for number in range(30)]
    assert run_all([]) == []


def test_two_jobs_talk_over_descriptors_and_see_nothing_of_one_another(sandbox: Sandbox) -> None:
    ours, theirs = socket.socketpair()
    line = "import socket, os\nline = socket.socket(fileno=5)\n"
    first = sandbox.start(Program(line + "open('mine', 'w'); line.send(b'ask'); print(line.recv(9), os.listdir())"), {5: ours.fileno()})
    second = sandbox.start(Program(line + "print(line.recv(9), os.getpid(), os.listdir()); line.send(b'told')"), {5: theirs.fileno()})
    ours.close()
    theirs.close()
    assert (second.wait().stdout, first.wait().stdout) == (
        b"b'ask' 1 ['main.py']\n",
        b"b'told' ['main.py', 'mine']\n".replace(b"'main.py', 'mine'", b"'mine', 'main.py'"),
    )


def test_a_job_is_killed_with_its_processes(sandbox: Sandbox) -> None:
    running = sandbox.start(Program("import os, time\nos.fork()\nos.write(1, b'up')\ntime.sleep(60)"))
    time.sleep(0.1)
    running.kill()
    outcome = running.wait()
    assert (outcome.status, outcome.what) == (KILLED, "ended by its owner")
    assert sandbox._wall is not None
    assert len(psutil.Process(sandbox._wall.process.pid).children(recursive=True)) == 2


def test_a_job_nobody_waits_for_is_killed(sandbox: Sandbox) -> None:
    sandbox.start(Program("import time\ntime.sleep(60)", limits=Limits(wall_s=60)))
    for _ in range(200):
        if sandbox.run(Program("pass")) and len(psutil.Process(sandbox._wall.process.pid).children(recursive=True)) == 2:  # type: ignore[union-attr]
            return
        time.sleep(0.02)
    pytest.fail("it still runs")


def test_limits_say_what_they_stopped(sandbox: Sandbox) -> None:
    limits = Limits(cpu_s=0.2, wall_s=20, memory_bytes=32 * MIB, output_bytes=1000)
    told = {
        "while True: pass": (TIMEOUT, "used more than 0.2 s of processor time"),
        "bytearray(1 << 27)": (MEMORY, "used more than 33,554,432 bytes of memory"),
        "print('x' * 1000)": (OUTPUT, "wrote more than 1,000 bytes"),
        "print('x' * 999)": (EXITED, "exited with 0"),
        "import os\nos.kill(os.getpid(), 0)\nos.abort()": (KILLED, "ended by signal SIGSEGV"),
        "import socket\nsocket.socket()": (EXITED, "exited with 1; refused: socket(inet)"),
    }
    for source, expected in told.items():
        outcome = sandbox.run(Program(source, limits=limits))
        assert (outcome.status, outcome.what) == expected, outcome
    asleep = sandbox.run(Program("import time\ntime.sleep(9)", limits=Limits(wall_s=0.1)))
    assert (asleep.status, asleep.what) == (TIMEOUT, "ran longer than 0.1 s")
    assert len(sandbox.run(Program("print('x' * 5000)", limits=limits)).stdout) == 1000


def test_a_killed_zygote_is_replaced_and_the_job_run_again() -> None:
    with Sandbox(()) as sandbox:
        assert sandbox._wall is not None
        first = sandbox._wall
        os.kill(psutil.Process(first.process.pid).children(recursive=True)[-1].pid, signal.SIGKILL)
        assert sandbox.run(Program("print(1)")).stdout == b"1\n"
        assert sandbox._wall is not first
        running = sandbox.start(Program("import time\ntime.sleep(60)"))
        time.sleep(0.1)
        signal.pidfd_send_signal(sandbox._wall.inner, signal.SIGKILL)
        outcome = running.wait()
        assert (outcome.status, outcome.exit_code) == (LOST, -9)
        assert sandbox.run(Program("print(1)")).stdout == b"1\n"
        outcomes = []
        thread = threading.Thread(target=lambda: outcomes.append(sandbox.run(Program("import time\ntime.sleep(0.5)\nprint(2)"))))
        thread.start()
        time.sleep(0.2)
        signal.pidfd_send_signal(sandbox._wall.inner, signal.SIGKILL)  # type: ignore[union-attr]
        thread.join()
        assert [outcome.stdout for outcome in outcomes] == [b"2\n"]


HOST = """
import sys, time
from pipelines.sandbox.sandbox import Program, Sandbox
from pipelines.sandbox.limits import Limits
sandbox = Sandbox(()).__enter__()
running = sandbox.start(Program("import os, time\\nos.fork()\\ntime.sleep(600)", limits=Limits(wall_s=600)))
print(sandbox._wall.process.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.crash
def test_nothing_outlives_a_killed_host() -> None:
    with subprocess.Popen([sys.executable, "-c", HOST], cwd=ROOT, stdout=subprocess.PIPE) as host:
        assert host.stdout is not None
        outer = psutil.Process(int(host.stdout.readline()))
        deadline = time.monotonic() + 20
        while len(outer.children(recursive=True)) < 4 and time.monotonic() < deadline:
            time.sleep(0.02)
        family = [outer, *outer.children(recursive=True)]
        assert len(family) >= 5  # two of bubblewrap, the zygote, the program and its child
        host.kill()
    _gone, alive = psutil.wait_procs(family, timeout=20)
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []


AS_USER = """
import os, sys
sys.path.insert(0, sys.argv[1])
from pipelines.sandbox.limits import Limits, Program
from pipelines.sandbox.sandbox import Sandbox
with Sandbox(()) as sandbox:
    wall = sandbox._wall
    for source in ("print(6 * 7)", "import os\\nos.kill(0, 9)", "import os\\nos.kill(-1, 9)", "open('/left', 'w')", "import os\\nfor _ in range(99): os.fork()"):
        print(sandbox.run(Program(source, limits=Limits(wall_s=2))).status, sandbox._wall is wall, wall.num_users)
    print(sandbox.run(Program("print(6 * 7)")).stdout, os.getuid() != 0)
"""


@pytest.mark.skipif(os.geteuid() == 0 and not Path("/usr/bin/python3").exists(), reason="no interpreter that another user may run")
def test_it_stands_for_a_plain_user_too() -> None:
    """Root's own interpreter may lie where nobody else can go, so the system's is taken."""
    change = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"] if os.geteuid() == 0 else []
    python = "/usr/bin/python3" if change else sys.executable
    if change and (shutil.which("setpriv") is None or b"3.1" not in subprocess.run([python, "--version"], capture_output=True).stdout):
        pytest.skip("no setpriv, or an old interpreter")
    done = subprocess.run(
        [*change, python, "-B", "-c", AS_USER, str(ROOT)], cwd="/", env={"PATH": os.environ["PATH"]}, capture_output=True, text=True
    )
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0] == "exited True 0" and lines[-1] == "b'42\\n' True"
    assert [line.split(" ", 1)[1] for line in lines[:-1]] == ["True 0"] * 5


def test_without_bubblewrap_nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(EngineMissing, match="bwrap, which isolates programs, is not on PATH; install it: apt-get install -y bubblewrap"):
        Sandbox().run(Program("print(1)"))


def test_where_namespaces_are_forbidden_nothing_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(
        NoIsolation, match=r"cannot be isolated here, so none is run\. .*bwrap said: bwrap: No permissions to create new namespace"
    ):
        Sandbox().run(Program("print(1)"))
    with pytest.raises(EngineMissing, match="absent_package, which programs may import, is not installed"):
        Sandbox(("absent_package",)).run(Program("print(1)"))


def test_an_unusable_order_is_refused_before_anything_runs(sandbox: Sandbox) -> None:
    for name in ("/etc/x", "../x", "a/../../x", "", "a\0b"):
        with pytest.raises(ValueError, match="expected a path below"):
            sandbox.run(Program("", files={name: b""}))
    with pytest.raises(ValueError, match="no language 'cobol'; there are python"):
        sandbox.run(Program("", language="cobol"))
    with pytest.raises(ValueError, match="descriptors are given the numbers"):
        sandbox.start(Program(""), {2: 0})
    with pytest.raises(ValueError, match="limit cpu_s is 0"):
        Limits(cpu_s=0)
    assert sandbox.run(Entry("no_such_entry")).exit_code != 0


HELLO = {
    "sh": "read x; echo $((x * 6))",
    "bash": "read x; echo $((x * 6))",
    "perl": "print <STDIN> * 6, qq(\\n);",
    "ruby": "puts gets.to_i * 6",
    "lua": "print(math.floor(io.read('n') * 6))",
    "php": "<?php echo intval(fgets(STDIN)) * 6, PHP_EOL;",
    "javascript": "console.log(Number(require('fs').readFileSync(0, 'utf8')) * 6)",
    "java": "class Main { public static void main(String[] a) { System.out.println(new java.util.Scanner(System.in).nextInt() * 6); } }",
    "go": 'package main\nimport "fmt"\nfunc main() { var x int; fmt.Scan(&x); fmt.Println(x * 6) }',
    "c": '#include <stdio.h>\nint main(void) { int x; scanf("%d", &x); printf("%d\\n", x * 6); }',
    "cpp": "#include <iostream>\nint main() { int x; std::cin >> x; std::cout << x * 6 << std::endl; }",
    "rust": 'fn main() { let mut s = String::new(); std::io::stdin().read_line(&mut s).unwrap(); println!("{}", s.trim().parse::<i32>().unwrap() * 6); }',
}


SLOW = ("java", "go", "rust", "cpp")


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in HELLO])
def test_a_language_runs_or_is_missing(sandbox: Sandbox, name: str) -> None:
    program = Program(HELLO[name], name, b"7\n", limits=Limits(20, 60))
    try:
        LANGUAGES[name].resolved()
    except EngineMissing as missing:
        with pytest.raises(EngineMissing, match="install it: apt-get install -y"):
            sandbox.run(program)
        pytest.skip(str(missing))
    outcome = sandbox.run(program)
    assert (outcome.status, outcome.stdout) == (EXITED, b"42\n"), outcome


def test_every_language_is_tested() -> None:
    assert set(HELLO) == set(LANGUAGES) - {"python"}


def test_other_languages_are_held_as_well(sandbox: Sandbox) -> None:
    limits = Limits(1, 5, 64 * MIB, 8)
    reads = sandbox.run(Program("cat /etc/shadow /root/.bashrc; env; ls /home /proc; cat /proc/1/environ", "bash", limits=limits))
    assert b"root" not in reads.stdout and b"CORPUSMILL" not in reads.stdout
    grows = {
        "c": "#include <stdlib.h>\n#include <string.h>\nint main(){for(;;)memset(malloc(1<<20),1,1<<20);}",
        "javascript": "for (let a = [];;) a.push(new Array(1e5).fill(Math.random()))",
    }
    for name, source in grows.items():
        outcome = sandbox.run(Program(source, name, limits=Limits(20, 60, 64 * MIB, 8)))
        assert outcome.status in (MEMORY, KILLED), outcome
    assert sandbox.run(Program("while :; do :; done", "sh", limits=Limits(0.2, 5))).status == TIMEOUT


def test_a_program_outside_of_usr_is_not_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tool = tmp_path / "tool"
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    monkeypatch.setattr(languages, "SEEN", str(tmp_path))
    with pytest.raises(EngineMissing, match="tool, which runs x, is not under /usr"):
        Language("x", ("tool",)).resolved()


def test_numbers_of_calls_agree_with_a_library() -> None:
    """libseccomp's own tables know the same numbers, on both architectures."""
    library = pytest.importorskip("pyseccomp")
    for machine, arch in (("x86_64", library.Arch.X86_64), ("aarch64", library.Arch.AARCH64)):
        found = {
            name: number
            for table in (seccomp._ALLOWED, seccomp._SOME, seccomp._ENDED, seccomp._REFUSED)
            for name, number in seccomp.numbers(table, machine).items()
        }
        known = {name: library.resolve_syscall(arch, name) for name in found}
        assert {name: number for name, number in found.items() if known[name] >= 0 and known[name] != number} == {}
        assert sum(number >= 0 for number in known.values()) > 250


def test_users_of_root_are_nobody_else() -> None:
    if os.geteuid() == 0 and wall._unused_users():
        assert wall._unused_users() > 65536
