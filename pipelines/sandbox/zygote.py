"""The warm process behind the wall: it has the interpreter and its modules loaded, and forks one process for each job.

It holds CAP_SYS_ADMIN of the sandbox's own user namespace, nothing of the host's, and uses it to give each job fresh namespaces. It never
reads a job's text, input or tests: these are in descriptors that only the job's process reads, so no later job can find them in memory.
It waits for: jobs from the host, the end of a job, a refused system call, a limit of time; and every 20 ms it adds up what the processes
of a job use together. It ends with the host's process, or when the host closes its end. Only the standard library is used.

A job comes as JSON with descriptors: [the job's socket, what to read, stdin, stdout, stderr, more]. On the job's socket goes back one line
of JSON when all its processes are gone. The end of what the host may send there kills the job.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

from pipelines.sandbox import kernel, runner, seccomp, world

PRELOADED = """abc array ast base64 bisect builtins calendar cmath collections collections.abc contextlib copy csv dataclasses datetime decimal
enum fractions functools hashlib heapq inspect io itertools json linecache math numbers operator os pathlib pickle pprint queue random re secrets
selectors shutil signal socket statistics string struct subprocess tempfile textwrap threading time timeit traceback types typing unicodedata uuid"""
WATCH_S = 0.02
SETUP_S = 20.0  # for the world of a job to stand; its own time begins then
MAX_MESSAGE_BYTES = 1 << 16


class Job:
    """One job: its first process, the number of its PID namespace, and what is known of it."""

    def __init__(self, order: dict[str, Any], owner: socket.socket, setup: socket.socket, pid: int, space: int) -> None:
        self.owner, self.setup, self.pid, self.space = owner, setup, pid, space
        self.limits: dict[str, float] = order["limits"]
        self.ended = os.pidfd_open(pid)
        self.listener = -1
        self.began = time.monotonic()
        self.deadline = self.began + SETUP_S
        self.cause = self.broken = ""
        self.refused: set[str] = set()
        self.cpu_s = 0.0

    def kill(self, cause: str) -> None:
        """Kills the first process, and with it the kernel all others. The first cause stands."""
        self.cause = self.cause or cause
        signal.pidfd_send_signal(self.ended, signal.SIGKILL)


class Zygote:
    def __init__(self, control: socket.socket, owner: int) -> None:
        self.control, self.host = control, owner
        self.home = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        self.instructions, self.answers = seccomp.assemble(), seccomp.Answers()
        self.poll = select.epoll()
        self.handlers: dict[int, tuple[Any, Job | None]] = {}
        self.jobs: list[Job] = []
        self.ticks_per_s = os.sysconf("SC_CLK_TCK")
        self.page_bytes = os.sysconf("SC_PAGE_SIZE")
        self.own_bytes = self._size_bytes(os.getpid())
        self.listen(control.fileno(), self.take)
        self.listen(owner, lambda job: os._exit(0))

    def listen(self, descriptor: int, handler: Any, job: Job | None = None) -> None:
        self.handlers[descriptor] = (handler, job)
        self.poll.register(descriptor, select.EPOLLIN)

    def forget(self, descriptor: int) -> None:
        self.poll.unregister(descriptor)
        del self.handlers[descriptor]

    def serve(self) -> NoReturn:
        next_watch = 0.0
        while True:
            now = time.monotonic()
            if self.jobs and now >= next_watch:
                self.watch(now)
                next_watch = now + WATCH_S
            for descriptor, events in self.poll.poll(max(0.0, next_watch - now) if self.jobs else None):
                if descriptor in self.handlers:
                    handler, job = self.handlers[descriptor]
                    if job is not None and descriptor == job.listener and not events & select.EPOLLIN:
                        self.forget(descriptor)  # nobody is left who could call; to receive now would wait for ever
                    else:
                        handler(job)

    def take(self, _job: None) -> None:
        """Starts the job that the host sent."""
        data, descriptors, _flags, _address = socket.recv_fds(self.control, MAX_MESSAGE_BYTES, 64)
        if not data:
            os._exit(0)
        order = json.loads(data)
        owner = socket.socket(fileno=descriptors[0])
        setup, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            kernel.unshare(kernel.NEWPID)
            try:
                pid = os.fork()
                if pid == 0:
                    _live(order, descriptors, theirs, self.instructions)
                space = os.stat("/proc/self/ns/pid_for_children").st_ino
            finally:
                kernel.enter(self.home, kernel.NEWPID)
        except OSError as error:
            _tell(owner, {"broken": f"no process for the job: {error}"})
            owner.close()
            setup.close()
        else:
            job = Job(order, owner, setup, pid, space)
            self.jobs.append(job)
            self.listen(owner.fileno(), self.hear_owner, job)
            self.listen(setup.fileno(), self.hear_setup, job)
            self.listen(job.ended, self.end, job)
        finally:
            theirs.close()
            for descriptor in descriptors[1:]:
                os.close(descriptor)

    def hear_owner(self, job: Job) -> None:
        """The host wants the job ended, or is gone."""
        self.forget(job.owner.fileno())
        job.kill("owner")

    def hear_setup(self, job: Job) -> None:
        """The job's world stands, and here is the listener of its filter; or it does not, and nothing has run."""
        data, descriptors, _flags, _address = socket.recv_fds(job.setup, MAX_MESSAGE_BYTES, 1)
        self.forget(job.setup.fileno())
        if descriptors:
            job.listener, job.began = descriptors[0], time.monotonic()
            job.deadline = job.began + job.limits["wall_s"]
            self.listen(job.listener, self.hear_call, job)
        else:
            job.broken = data.decode() or "its process ended before its world stood"
            job.kill("broken")

    def hear_call(self, job: Job) -> None:
        told = self.answers.refuse(job.listener)
        if told is not None:
            job.refused.add(told[0])
            if told[1]:
                job.kill(f"forbidden {told[0]}")

    def watch(self, now: float) -> None:
        """Kills jobs that are over a limit of time, or of what their processes use together."""
        for job in self.jobs:
            if now >= job.deadline:
                job.kill("wall")
        late = {job.space: job for job in self.jobs if not job.cause and job.listener >= 0}
        if not late:
            return
        used: dict[Job, list[tuple[int, float, int]]] = {job: [] for job in late.values()}
        for name in os.listdir("/proc"):  # noqa: PTH208 (names, not paths)
            if name.isdigit():
                try:
                    owner = late.get(os.stat(f"/proc/{name}/ns/pid").st_ino)
                    if owner is not None:
                        used[owner].append((int(name), *self._use(int(name))))
                except (FileNotFoundError, ProcessLookupError):
                    continue  # it has just ended
                except PermissionError:
                    continue  # a program file of the host that may be run and not read hides its process; its own limits still hold
        for job, found in used.items():
            job.cpu_s = max(job.cpu_s, sum(cpu_s for _pid, cpu_s, _bytes in found))
            if job.cpu_s > job.limits["cpu_s"]:
                job.kill("cpu")
            allowed = job.limits["memory_bytes"] + self.own_bytes
            # Pages that processes share count in each of them, so the exact and slower sum decides.
            if sum(size for _pid, _cpu, size in found) > allowed and sum(self._size_bytes(pid) for pid, _cpu, _size in found) > allowed:
                job.kill("memory")

    def _use(self, pid: int) -> tuple[float, int]:
        """Processor time of a process and of its children that are gone, and its resident memory."""
        with open(f"/proc/{pid}/stat", "rb") as stat:
            fields = stat.read().rpartition(b")")[2].split()
        return sum(map(int, fields[11:15])) / self.ticks_per_s, int(fields[21]) * self.page_bytes

    def _size_bytes(self, pid: int) -> int:
        """Resident memory, each shared page divided by the number of processes that have it."""
        try:
            with open(f"/proc/{pid}/smaps_rollup", "rb") as rollup:
                return sum(int(line.split()[1]) << 10 for line in rollup if line.startswith(b"Pss:"))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            return 0

    def end(self, job: Job) -> None:
        """All processes of the job are gone: says how, and forgets it."""
        _pid, status, usage = os.wait4(job.pid, 0)
        wall_s = time.monotonic() - job.began
        if job.listener < 0 and job.setup.fileno() in self.handlers:
            self.hear_setup(job)  # it has ended at once, so this came first
        code = os.waitstatus_to_exitcode(status)
        if code == -signal.SIGSYS and not job.cause:
            job.cause = "forbidden call of another architecture"
        cpu_s = max(job.cpu_s, usage.ru_utime + usage.ru_stime)
        said = {"code": code, "cause": job.cause, "cpu_s": cpu_s, "wall_s": wall_s, "refused": sorted(job.refused), "broken": job.broken}
        _tell(job.owner, said)
        for descriptor in (job.owner.fileno(), job.setup.fileno(), job.ended, job.listener):
            if descriptor in self.handlers:
                self.forget(descriptor)
        job.owner.close()
        job.setup.close()
        os.close(job.ended)
        if job.listener >= 0:
            os.close(job.listener)
        self.jobs.remove(job)


def _tell(owner: socket.socket, said: dict[str, Any]) -> None:
    try:
        owner.send(json.dumps(said).encode())
    except (BrokenPipeError, ConnectionResetError):
        return  # the host no longer wants to know


def _live(order: dict[str, Any], descriptors: list[int], setup: socket.socket, instructions: bytes) -> NoReturn:
    """The life of a job's first process. It never comes back: it would go on as the zygote."""
    try:
        _become(order, descriptors, setup, instructions)
    except BaseException as error:
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
    finally:
        os._exit(125)


def _become(order: dict[str, Any], descriptors: list[int], setup: socket.socket, instructions: bytes) -> NoReturn:
    """Becomes the job. Whatever goes wrong before its world stands is said to the zygote, and nothing runs."""
    try:
        listener = world.build(order["limits"], order["user"], order["reserves_memory"], instructions)
        socket.send_fds(setup, [b"ready"], [listener])
    except BaseException as error:
        setup.send(f"{type(error).__name__}: {error}".encode()[:1000])
        os._exit(1)
    job_source = _place(descriptors, order["numbers"])
    size = os.fstat(job_source).st_size
    packed = b""
    while len(packed) < size:
        packed += os.pread(job_source, size - len(packed), len(packed))
    os.close(job_source)
    if order["kind"] == "python":
        runner.run_python(packed, order["name"])
    if order["kind"] == "entry":
        runner.run_entry(order["name"], packed)
    runner.run_command(packed, order["name"], order["command"], order["environment"])


def _place(descriptors: list[int], numbers: list[int]) -> int:
    """Puts stdin, stdout, stderr and what else was given at their numbers, closes all else. Gives where the job is read from."""
    wanted = [0, 1, 2, *numbers]
    above = max([*descriptors, *wanted]) + 1
    moved = []
    for place, descriptor in enumerate(descriptors[1:]):  # out of the way of the numbers first
        os.dup2(descriptor, above + place)
        moved.append(above + place)
    for number, descriptor in zip(wanted, moved[1:], strict=True):
        os.dup2(descriptor, number, inheritable=True)
    kept = sorted([*wanted, moved[0]])
    for low, high in zip(kept, [*kept[1:], 1 << 20], strict=True):
        os.closerange(low + 1, high)
    return moved[0]


def preload(packages: list[str]) -> None:
    """Loads what programs import most, so that a fork has it."""
    for name in [*PRELOADED.split(), *packages]:
        importlib.import_module(name)
    if Path(__file__).with_name("inside.py").exists():
        importlib.import_module("pipelines.sandbox.inside")
    if "numpy" in packages:
        sys.modules["numpy"].random.seed(0)
    gc.collect()
    gc.freeze()  # forks then do not copy these pages


def main(arguments: list[str]) -> NoReturn:
    """`arguments`: descriptors of the control socket and of the host's process, then names of packages."""
    control, host = socket.socket(fileno=int(arguments[0])), int(arguments[1])
    os.set_inheritable(control.fileno(), False)
    os.set_inheritable(host, False)
    preload(arguments[2:])
    sys.path.remove("/inside")
    zygote = Zygote(control, host)
    control.send(b"ready")
    zygote.serve()
