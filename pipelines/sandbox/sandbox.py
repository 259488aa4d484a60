"""Runs programs behind the wall and tells how each ended.

A `Sandbox` is one warm worker. `run` runs one job; `start` runs one with descriptors of ours and does not wait, so that several run at a
time and talk to one another. Jobs of one sandbox share nothing but the read-only view. It may be used from several threads.

The zygote ends when this process ends, however it ends: it holds a descriptor of it. (bubblewrap's own --die-with-parent looks at the
thread that started it, which may end long before.) When the zygote ends, the next job starts another; a job that it took along is run once
more, and lost the second time.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from types import TracebackType
from typing import Any

from pipelines.sandbox import limits, probe, runner
from pipelines.sandbox.languages import language
from pipelines.sandbox.limits import Entry, Job, Limits, NoIsolation, Outcome, Program, SandboxStopped
from pipelines.sandbox.wall import ENVIRONMENT, Wall, open_wall

GRACE_S = 30.0  # after a job's wall limit, until the zygote itself is taken for dead
CHUNK_BYTES = 1 << 16


class Running:
    """A job that runs. `wait` gives its outcome, once; one that is dropped without waiting is killed."""

    def __init__(self, sandbox: Sandbox, wall: Wall, job: Job, owner: socket.socket, pipes: tuple[int, int]) -> None:
        self._sandbox, self._wall, self._limits, self._owner = sandbox, wall, job.limits, owner
        self._pipes = [open(pipe, "rb", buffering=0) for pipe in pipes]  # noqa: SIM115 (closed by wait, or with this object)
        self._written = [bytearray(), bytearray()]
        self._began = time.monotonic()
        self._flooded = False

    def kill(self) -> None:
        """Ends the job and all its processes. `wait` still gives its outcome."""
        # Not a byte: one that is still unread when the zygote closes its end would take the outcome along (ECONNRESET).
        with contextlib.suppress(OSError):  # it has ended
            self._owner.shutdown(socket.SHUT_WR)

    def wait(self) -> Outcome:
        """Waits until all its processes are gone. Raises: SandboxStopped where it could not be started."""
        poll = select.poll()
        by_number = {pipe.fileno(): place for place, pipe in enumerate(self._pipes)}
        for number in (self._owner.fileno(), *by_number):
            poll.register(number, select.POLLIN)
        for number in by_number:
            os.set_blocking(number, False)
        said: dict[str, Any] | None = None
        try:
            while said is None:
                left_s = self._limits.wall_s + GRACE_S - (time.monotonic() - self._began)
                ready = poll.poll(max(0.0, left_s) * 1000)
                if not ready:
                    self._wall.close()
                    said = {}
                for number, _events in ready:
                    if number == self._owner.fileno():
                        said = self._hear()
                    elif not self._read(by_number[number]):
                        poll.unregister(number)
            for place in by_number.values():
                while self._read(place):
                    pass
        finally:
            self._owner.close()
            for pipe in self._pipes:
                pipe.close()
        if not said:
            self._sandbox._forget(self._wall)
        elif said["broken"]:
            raise SandboxStopped(f"the sandbox could not start a job: {said['broken']}")
        return self._outcome(said)

    def _hear(self) -> dict[str, Any]:
        try:
            data = self._owner.recv(CHUNK_BYTES)
        except ConnectionResetError:
            data = b""
        return json.loads(data) if data else {}

    def _read(self, place: int) -> bool:
        """Reads what there is from a pipe. Gives whether there may be more."""
        try:
            data = self._pipes[place].read(CHUNK_BYTES)
        except OSError as error:
            if error.errno != errno.EAGAIN:
                raise
            data = None
        if not data:
            return False
        written = self._written[place]
        written += data[: self._limits.output_bytes + 1 - len(written)]
        if len(written) <= self._limits.output_bytes:
            return True
        if not self._flooded:
            self._flooded = True
            self.kill()
        return False

    def _outcome(self, said: dict[str, Any]) -> Outcome:
        stdout, stderr = (bytes(written[: self._limits.output_bytes]) for written in self._written)
        wall_s = said.get("wall_s", time.monotonic() - self._began)
        status, what = _how(said, self._limits, self._flooded, stderr)
        refused = tuple(said.get("refused", ()))
        if status == limits.LOST:
            what += f": {self._wall.last_words or 'without a word'}"
        if refused and status == limits.EXITED:
            what += f"; refused: {', '.join(refused)}"
        return Outcome(status, said.get("code", -9), stdout, stderr, said.get("cpu_s", 0.0), wall_s, what, refused)


def _how(said: dict[str, Any], allowed: Limits, flooded: bool, stderr: bytes) -> tuple[str, str]:
    """The status of a run, and a sentence that says what happened."""
    if not said:
        return limits.LOST, "the sandbox ended during the run"
    code, cause = said["code"], said["cause"]
    if cause.startswith("forbidden "):
        return limits.FORBIDDEN, f"forbidden call: {cause.removeprefix('forbidden ')}"
    if flooded:
        return limits.OUTPUT, f"wrote more than {allowed.output_bytes:,} bytes"
    if cause == "wall":
        return limits.TIMEOUT, f"ran longer than {allowed.wall_s:g} s"
    if cause == "cpu" or (code == -signal.SIGKILL and not cause and said["cpu_s"] >= allowed.cpu_s):
        return limits.TIMEOUT, f"used more than {allowed.cpu_s:g} s of processor time"
    if cause == "memory" or (code == 1 and stderr.rstrip().rpartition(b"\n")[2].startswith(b"MemoryError")):
        return limits.MEMORY, f"used more than {allowed.memory_bytes:,} bytes of memory"
    if cause == "owner":
        return limits.KILLED, "ended by its owner"
    if code < 0:
        return limits.KILLED, f"ended by signal {signal.Signals(-code).name}" if -code in set(
            signal.Signals
        ) else f"ended by signal {-code}"
    return limits.EXITED, f"exited with {code}"


class Sandbox:
    """One warm worker behind a wall that has shown that it stands.

    Args of the constructor: `packages`, names of installed packages that programs can import and that are loaded once, for all.

    Raises, when entered or at a later start: EngineMissing without bwrap; NoIsolation where programs cannot be isolated.
    """

    def __init__(self, packages: Sequence[str] = ("numpy",)) -> None:
        self._packages = tuple(packages)
        self._wall: Wall | None = None
        self._lock = threading.RLock()
        self._num_started = 0
        self._null = -1

    def __enter__(self) -> Sandbox:
        with self._lock:
            self._standing()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Ends the worker, and all that still runs in it."""
        with self._lock:
            if self._wall is not None:
                self._wall.close()
            self._wall = None

    def run(self, job: Job) -> Outcome:
        """Runs one job to its end. Raises: EngineMissing for a language that is not installed; SandboxStopped."""
        outcome = self.start(job).wait()
        if outcome.status == limits.LOST:  # perhaps not this job's doing
            outcome = self.start(job).wait()
        return outcome

    def start(self, job: Job, fds: Mapping[int, int] | None = None) -> Running:
        """Starts one job, with descriptors of ours (which stay open here) under the numbers that `fds` gives them behind the wall."""
        given = dict(fds or {})
        if any(not 3 <= number < job.limits.num_files - 8 for number in given):
            raise ValueError(f"descriptors are given the numbers {sorted(given)}, expected 3 to {job.limits.num_files - 9}")
        order, packed, stdin = _order(job)
        with self._lock:
            wall = self._standing()
            try:
                return self._send(wall, job, order, packed, stdin, given)
            except (BrokenPipeError, ConnectionResetError):
                self._forget(wall)
                return self._send(self._standing(), job, order, packed, stdin, given)

    def _standing(self) -> Wall:
        """The wall, opened and probed where there is none."""
        if self._wall is None:
            self._wall = open_wall(self._packages)
            try:
                self._probe()
            except BaseException:
                self.close()
                raise
        return self._wall

    def _probe(self) -> None:
        assert self._wall is not None
        for job, judge in probe.probes():
            order, packed, stdin = _order(job)
            try:
                outcome = self._send(self._wall, job, order, packed, stdin, {}).wait()
            except SandboxStopped as error:
                raise NoIsolation(f"programs cannot be isolated here, so none is run. {error}") from error
            fault = judge(outcome)
            if fault:
                raise NoIsolation(f"the sandbox does not hold, so no program is run: {fault}")

    def _forget(self, wall: Wall) -> None:
        with self._lock:
            if self._wall is wall:
                self._wall = None
        wall.close()

    def _send(self, wall: Wall, job: Job, order: dict[str, Any], packed: bytes, stdin: bytes, given: dict[int, int]) -> Running:
        self._num_started += 1
        user = 1 + self._num_started % wall.num_users if wall.num_users else 0
        message = {**order, "user": user, "limits": asdict(job.limits) | order["limits"], "numbers": list(given)}
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, contextlib.ExitStack() as passed:
            out, err = os.pipe(), os.pipe()
            running = Running(self, wall, job, ours, (out[0], err[0]))
            for number in (out[1], err[1]):
                passed.callback(os.close, number)
            sources = [_memory_file(content, passed) for content in (packed, stdin)]
            socket.send_fds(wall.control, [json.dumps(message).encode()], [theirs.fileno(), *sources, out[1], err[1], *given.values()])
        return running


def _memory_file(content: bytes, closing: contextlib.ExitStack) -> int:
    if not content:
        number = os.open(os.devnull, os.O_RDONLY)
    else:
        number = os.memfd_create("job")
        with open(number, "wb", closefd=False) as out:
            out.write(content)
        os.lseek(number, 0, os.SEEK_SET)
    closing.callback(os.close, number)
    return number


def _order(job: Job) -> tuple[dict[str, Any], bytes, bytes]:
    """What the zygote is told, what the job's process reads, and its stdin."""
    if isinstance(job, Entry):
        return {"kind": "entry", "name": job.name, "reserves_memory": False, "limits": {}}, job.payload, b""
    row = language(job.language)
    for name in job.files:
        if not name or "\0" in name or name.startswith("/") or ".." in name.split("/"):
            raise ValueError(f"a program's file is called {name!r}, expected a path below the folder that it runs in")
    order = {
        "kind": "command" if row.command else "python",
        "name": row.file_name,
        "command": row.resolved(),
        "environment": ENVIRONMENT,
        "reserves_memory": row.reserves_memory,
        "limits": {
            "num_processes": job.limits.num_processes + row.num_threads,
            "memory_bytes": job.limits.memory_bytes + row.runtime_bytes,
        },
    }
    return order, runner.pack(job.source.encode(errors="surrogatepass"), dict(job.files)), job.stdin


def run_all(programs: Sequence[Program], num_workers: int = 1, packages: Sequence[str] = ("numpy",)) -> list[Outcome]:
    """Runs many programs, each in a world of its own, on several workers. The outcomes stand where their programs stood."""
    outcomes: list[Outcome | None] = [None] * len(programs)
    failures: list[BaseException] = []
    places = iter(range(len(programs)))
    lock = threading.Lock()

    def work() -> None:
        try:
            with Sandbox(packages) as sandbox:
                while not failures:
                    with lock:
                        place = next(places, None)
                    if place is None:
                        return
                    outcomes[place] = sandbox.run(programs[place])
        except BaseException as failure:  # a thread must not keep it to itself
            failures.append(failure)

    workers = [threading.Thread(target=work) for _ in range(max(1, min(num_workers, len(programs))))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if failures:
        raise failures[0]
    return [outcome for outcome in outcomes if outcome is not None]
