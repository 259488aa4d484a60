"""One run of a driver, and the faults that strike it when it has come so far."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil

from tests.chaos import faults as kinds
from tests.chaos.driver import Order
from tests.chaos.faults import CLUSTER, EMBEDDED, FLAGS, S3, STORE_FAULTS, WRITE_KILL, Case, Fault
from tests.chaos.services import LEASE_S, Services

ROOT = Path(__file__).parents[2]
POLL_S = 0.02
LOOK_S = 0.5  # between two looks at the processes of a driver, which cost time
BLOCK = bytes(1 << 20)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended: its exit code, negative for a signal, and the last line that it said."""

    code: int
    said: str
    hung: bool = False


@dataclass
class Run:
    """A run of a case; `leavings` gets every process that the driver is seen to have started."""

    case: Case
    number: int
    planned: tuple[Fault, ...]
    order: Order
    services: Services
    rng: random.Random
    leavings: dict[int, psutil.Process]
    struck: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    stacks: str = ""  # of a driver that hung

    def to_its_end(self, timeout_s: float) -> Ended:
        """Starts the driver, strikes it, and waits for it and for whoever was started beside it."""
        write = next((fault for fault in self.planned if fault.kind == WRITE_KILL), None)
        order = replace(self.order, die_at_write=int(write.amount), die_after=write.amount % 1 > 0) if write else self.order
        self.struck.update([WRITE_KILL] if write else [])
        self._set_store(next((fault.amount for fault in self.planned if fault.kind == STORE_FAULTS), 0.0))
        self._waiting = [fault for fault in self.planned if fault.kind not in (WRITE_KILL, STORE_FAULTS)]
        self._thaw_at: float | None = None
        self._rivals: list[subprocess.Popen[bytes]] = []
        self._due: dict[Fault, float] = {}
        log = Path(self.order.events).with_suffix(".log")
        self._driver = self._start(order, log)
        try:
            hung = not self._watch(time.monotonic() + timeout_s)
        finally:
            self._end()
        self.missed.update(fault.kind for fault in self._waiting)
        return Ended(int(self._driver.returncode), _last_line(log), hung)

    def _start(self, order: Order, log: Path) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.chaos.driver", order.text()]
        environment = self.services.driver_environment(self.case.engine, self.case.moves_clock)
        with open(log, "ab") as sink:
            return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, env=environment)

    def _set_store(self, rate: float) -> None:
        if self.services.proxy is not None:
            self.services.proxy.rate = rate
            self.struck.update([STORE_FAULTS] if rate else [])

    def _watch(self, until: float) -> bool:
        """Strikes what is due until the driver and its rivals have ended; False when that takes too long."""
        begin = looked = time.monotonic()
        while self._driver.poll() is None or any(rival.poll() is None for rival in self._rivals):
            now = time.monotonic()
            if now > until:
                self._ask_where()
                return False
            if self._thaw_at is not None and now >= self._thaw_at:
                self._thaw()
            if self.case.engine == EMBEDDED and now - looked > LOOK_S:
                self._family()
                looked = time.monotonic()
            come = _size(self.order.events)
            for fault in list(self._waiting):
                due = self._due.setdefault(fault, (begin if fault.after == 0 else now) + fault.delay_s) if come >= fault.after else None
                if due is not None and now >= due and self._driver.poll() is None and self._strike(fault):
                    self._waiting.remove(fault)
                    self.struck[fault.kind] += 1
            time.sleep(POLL_S)
        return True

    def _ask_where(self) -> None:
        """A driver that hangs writes the stacks of its threads to its log; they are kept where the runner can show them."""
        if self._driver.poll() is None:
            self._driver.send_signal(signal.SIGUSR1)
            time.sleep(1.0)
        self.stacks = Path(self.order.events).with_suffix(".log").read_text(errors="replace")[-6_000:]

    def _end(self) -> None:
        self._thaw()
        self._set_store(0.0)
        for rival in self._rivals:
            rival.kill()
            rival.wait()
        if self._driver.poll() is None:
            for process in (*self._family(), psutil.Process(self._driver.pid)):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
        self._driver.wait()
        (self.services.disk / "ballast").unlink(missing_ok=True)

    def _thaw(self) -> None:
        self._thaw_at = None
        with contextlib.suppress(ProcessLookupError):
            self._driver.send_signal(signal.SIGCONT)

    def _family(self) -> list[psutil.Process]:
        with contextlib.suppress(psutil.NoSuchProcess):
            for process in psutil.Process(self._driver.pid).children(recursive=True):
                self.leavings.setdefault(process.pid, process)
        return [process for process in self.leavings.values() if process.is_running()]

    # ---- the strikes: each says whether there was something to strike; if not, it is tried again until the run ends

    def _strike(self, fault: Fault) -> bool:
        if fault.kind in self.services.skipped:
            return False
        if fault.kind in FLAGS:
            (Path(self.order.flags) / fault.kind).touch()
            return True
        strikes: dict[str, Callable[[], bool]] = {
            kinds.DRIVER_KILL: lambda: self._signal(signal.SIGKILL),
            kinds.CTRL_C: lambda: self._signal(signal.SIGINT),
            kinds.TREE_KILL: self._kill_tree,
            kinds.FREEZE: lambda: self._freeze(fault.amount),
            kinds.RIVAL: self._start_rival,
            kinds.WORKER_KILL: lambda: self._kill_one("ray::_split_task", "ray::run_split", "ray::"),
            kinds.ACTOR_KILL: lambda: self._kill_one("ray::_ModelActor"),
            kinds.NODE_KILL: self._kill_node,
            kinds.RAYLET_KILL: self._kill_raylet,
            kinds.HEAD_KILL: self._kill_head,
            kinds.DISK_FULL: self._fill_disk,
            kinds.CLOCK_JUMP: lambda: self._move_clock(fault.amount),
        }
        return strikes[fault.kind]()

    def _signal(self, number: signal.Signals) -> bool:
        self._driver.send_signal(signal.SIGCONT)
        self._driver.send_signal(number)
        return True

    def _kill_tree(self) -> bool:
        self._family()
        self._signal(signal.SIGKILL)
        return _kill([process for process in self._family() if process.is_running()]) or True

    def _freeze(self, seconds: float) -> bool:
        self._driver.send_signal(signal.SIGSTOP)
        self._thaw_at = time.monotonic() + seconds
        if self.case.place == S3 and seconds > LEASE_S:
            self._start_rival()  # which takes the corpus over, and must be left alone when the first one wakes up
        return True

    def _start_rival(self) -> bool:
        """A second builder of the same corpus, in process."""
        order = replace(self.order, workers=0, address="", events=f"{self.order.events}-rival")
        self._rivals.append(self._start(order, Path(self.order.events).with_suffix(".rival")))
        return True

    def _processes(self) -> list[psutil.Process]:
        if self.case.engine == CLUSTER:
            return [process for node in self.services.start_cluster().nodes for process in node.processes()]
        return self._family()

    def _kill_one(self, *names: str) -> bool:
        """SIGKILL to one of the processes whose command has the first of the names that any has."""
        commands = [(process, _command(process)) for process in self._processes()]
        for name in names:
            found = sorted((process for process, command in commands if command.startswith(name)), key=lambda process: process.pid)
            if found:
                return _kill([self.rng.choice(found)])
        return False

    def _kill_node(self) -> bool:
        self.rng.choice(self.services.start_cluster().nodes[1:]).kill()
        return True

    def _kill_raylet(self) -> bool:
        if self.case.engine == CLUSTER:
            with contextlib.suppress(StopIteration):  # killed already
                self.rng.choice(self.services.start_cluster().nodes[1:]).kill_raylet()
            return True
        return _kill([process for process in self._family() if "raylet/raylet" in _command(process)])

    def _kill_head(self) -> bool:
        if self.case.engine == CLUSTER:
            self.services.start_cluster().head.kill()
            return True
        return _kill([process for process in self._family() if "gcs_server" in _command(process)])

    def _fill_disk(self) -> bool:
        with open(self.services.disk / "ballast", "ab", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(BLOCK)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
        return True

    def _move_clock(self, seconds: float) -> bool:
        self.services.clock.write_text(f"{seconds:+.0f}")
        return True


def _kill(processes: list[psutil.Process]) -> bool:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    return bool(processes)


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return ""


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1][:400] if lines else ""
