"""A real Ray of several nodes on this machine: each node's raylet, agents and workers are processes of their own.

Every node has its own loopback address (127.0.0.2 the head, 127.0.0.3 ...; 127.0.0.1 Ray would replace by the machine's own). A driver joins
the head's raylet, so any other node can be killed; in network namespaces each has its own network card, whose delays and losses can be set.
Only processes that were started here are ended, by their ids.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from tests.ports import free_port

ROOT = Path(__file__).parents[2]
STORE_BYTES = 96 << 20
START_S = 240.0
AGENT_PORTS = ("dashboard-agent-listen-port", "dashboard-agent-grpc-port", "runtime-env-agent-port", "metrics-export-port")
START = str(Path(__file__).with_name("start_node.py"))
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_raylet_start_wait_time_s": "120",
    "RAY_prestart_worker_first_driver": "0",
    "RAY_enable_worker_prestart": "0",
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "4",
    "RAY_AUTH_MODE": "disabled",  # the heads here listen on addresses of this machine alone
    "OMP_NUM_THREADS": "1",
}


def family(pid: int) -> list[psutil.Process]:
    """A process and everything that it started, also what has since lost its parent (by session and by Ray's arguments it is found no more)."""
    try:
        process = psutil.Process(pid)
        return [*process.children(recursive=True), process]
    except psutil.NoSuchProcess:
        return []


def kill_all(processes: list[psutil.Process]) -> None:
    """SIGKILL, and waits until they are gone."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=10)


@dataclass
class RayNode:
    """One node: `ray start --block` and its children. `name` is its address."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    _seen: dict[int, psutil.Process] = field(default_factory=dict)

    def processes(self) -> list[psutil.Process]:
        """All processes of the node that live; those seen before count also when their parent is gone."""
        self._seen |= {process.pid: process for process in family(self.process.pid)}
        return [process for process in self._seen.values() if process.is_running()]

    def named(self, part: str) -> list[psutil.Process]:
        """Processes of the node whose command has `part`: "raylet/raylet", "gcs_server", "ray::"."""
        found = []
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                if part in " ".join(process.cmdline()):
                    found.append(process)
        return found

    def raylet(self) -> psutil.Process:
        return next(process for process in self.named("raylet/raylet") if process.name() == "raylet")

    def workers(self) -> list[psutil.Process]:
        return [process for process in self.named("ray::") if process.name().startswith("ray::")]

    def kill(self) -> None:
        """The machine goes out: everything of the node is killed at once."""
        processes = self.processes()
        kill_all([*processes, *(process for process in self.processes() if process not in processes)])
        self.process.wait()

    def kill_raylet(self) -> None:
        """Only the raylet is killed; its workers end when they notice."""
        self.processes()
        kill_all([self.raylet()])


@dataclass
class Nodes:
    """A head and its other nodes. `head_options` and `add` take CPUs, GPUs, custom resources, bytes of memory and store, environment."""

    folder: Path
    port: int
    host: str = "127.0.0.2"
    env: dict[str, str] = field(default_factory=dict)
    nodes: list[RayNode] = field(default_factory=list)
    num_started: int = 0

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def head(self) -> RayNode:
        return self.nodes[0]

    def start_head(self, cpus: float = 0, host: str | None = None, dashboard_port: int = 0, **options: Any) -> RayNode:
        """A head, with a dashboard (and so jobs) if it gets a port; after its `kill` the same call starts another one at the same address."""
        self.host = host or self.host
        more = ["--head", f"--port={self.port}", f"--ray-client-server-port={free_port()}"]
        more += ["--include-dashboard=true", f"--dashboard-port={dashboard_port}"] if dashboard_port else ["--include-dashboard=false"]
        node = self._start(self.host, cpus, more, **options)
        self.nodes = [node, *(other for other in self.nodes if other.name != self.host)]
        return node

    def add(self, cpus: float = 1, **options: Any) -> RayNode:
        """One node more."""
        name = options.pop("name", None) or f"127.0.0.{self.num_started + 2}"
        node = self._start(name, cpus, [f"--address={self.address}"], **options)
        self.nodes.append(node)
        return node

    def _start(
        self,
        name: str,
        cpus: float,
        more: list[str],
        gpus: float = 0,
        resources: Mapping[str, float] | None = None,
        memory: int = 1 << 30,
        store_bytes: int = STORE_BYTES,
        env: Mapping[str, str] | None = None,
        inside: tuple[str, ...] = (),
        wait: bool = True,
        options: tuple[str, ...] = (),
    ) -> RayNode:
        self.num_started += 1
        log = self.folder / f"{self.num_started}.log"
        more = [
            *more,
            f"--temp-dir={self.folder / str(self.num_started)}",
        ]  # sockets of their own: two that start at once choose the same names
        command = [*inside, sys.executable, START, "start", "--block", f"--node-ip-address={name}", *more]
        command += [f"--num-cpus={cpus:g}", f"--num-gpus={gpus:g}", f"--memory={memory}", f"--object-store-memory={store_bytes}"]
        command += [
            f"--resources={json.dumps(dict(resources or {}))}",
            "--min-worker-port=0",
            "--max-worker-port=0",
            "--include-log-monitor=false",
        ]
        command += [f"--{port}={free_port()}" for port in AGENT_PORTS] + list(options)
        with open(log, "wb") as sink:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                env={**os.environ, **QUIET, **self.env, **(env or {})},
            )
        node = RayNode(name, process, log)
        if wait:
            self.wait_for(node)
        return node

    def wait_for(self, *nodes: RayNode) -> None:
        """Until `ray start` says of each that its runtime is there. Nodes that were added with wait=False start side by side."""
        until = time.monotonic() + START_S
        for node in nodes:
            while b"Ray runtime started" not in node.log.read_bytes():
                if node.process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"the Ray node {node.name} did not start: {node.log.read_text()[-2000:]}")
                time.sleep(0.05)
            node.processes()

    def kill(self, node: RayNode) -> None:
        node.kill()
        self.nodes.remove(node)

    def end(self) -> None:
        """Kills all nodes."""
        for node in reversed(self.nodes):
            node.kill()
        self.nodes.clear()


@contextlib.contextmanager
def nodes(
    *cpus: float,
    env: Mapping[str, str] | None = None,
    head_cpus: float = 0,
    host: str | None = None,
    dashboard_port: int = 0,
    **options: Any,
) -> Iterator[Nodes]:
    """A head, at `host`, with `head_cpus`, and a node for each of `cpus`, all gone at the end. Other options are those of every node but the head."""
    folder = Path(tempfile.mkdtemp(prefix="cm-", dir="/tmp"))  # short: names of sockets end at 107 letters
    found = Nodes(folder, free_port(), env=dict(env or {}))
    try:
        found.start_head(head_cpus, host, dashboard_port)
        found.wait_for(*[found.add(each, wait=False, **options) for each in cpus])
        yield found
    finally:
        found.end()
        shutil.rmtree(folder, ignore_errors=True)


# ---- network namespaces


def may_make_namespaces() -> str:
    """Why network namespaces cannot be made here; empty where they can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if not shutil.which("ip"):
        return "network namespaces need the program ip (iproute2)"
    name = f"cmtry{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True)
    if made.returncode != 0:
        return f"this machine makes no network namespaces: {made.stderr.strip()}"
    subprocess.run(["ip", "netns", "del", name], check=True)
    return ""


@dataclass
class Network:
    """A bridge on this machine, `host` its address, and namespaces behind it, each a machine with a network card of its own."""

    bridge: str
    subnet: str
    names: list[str] = field(default_factory=list)

    @property
    def host(self) -> str:
        return f"{self.subnet}.1"

    def add(self) -> tuple[str, tuple[str, ...]]:
        """Another namespace: the address in it, and the command that runs a program there."""
        number = len(self.names) + 2
        name, outer, inner = f"{self.bridge}n{number}", f"{self.bridge}o{number}", f"{self.bridge}i{number}"
        _ip("netns", "add", name)
        self.names.append(name)
        _ip("link", "add", outer, "type", "veth", "peer", "name", inner)
        _ip("link", "set", inner, "netns", name)
        _ip("link", "set", outer, "master", self.bridge, "up")
        _ip("-n", name, "addr", "add", f"{self.subnet}.{number}/24", "dev", inner)
        _ip("-n", name, "link", "set", inner, "up")
        _ip("-n", name, "link", "set", "lo", "up")
        return f"{self.subnet}.{number}", ("ip", "netns", "exec", name)

    def slow(self, number: int, *netem: str) -> str:
        """Sets delays and losses, as of `tc ... netem`, on the way to namespace `number` (from 0). Gives why not, empty where it is done."""
        card = f"{self.bridge}o{number + 2}"
        done = subprocess.run(["tc", "qdisc", "replace", "dev", card, "root", "netem", *netem], capture_output=True, text=True)
        return done.stderr.strip() if done.returncode else ""

    def cut(self, number: int, is_cut: bool = True) -> None:
        """Takes namespace `number` (from 0) off the network, or puts it back."""
        _ip("link", "set", f"{self.bridge}o{number + 2}", "down" if is_cut else "up")


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@contextlib.contextmanager
def network() -> Iterator[Network]:
    """A bridge; it and its namespaces are gone at the end. Raises RuntimeError where they cannot be made (see `may_make_namespaces`)."""
    tag = os.getpid() % 60_000
    found = Network(f"cm{tag}", f"10.{200 + tag // 1_200 % 50}.{tag % 250}")
    _ip("link", "add", found.bridge, "type", "bridge")
    try:
        _ip("addr", "add", f"{found.host}/24", "dev", found.bridge)
        _ip("link", "set", found.bridge, "up")
        yield found
    finally:
        for name in found.names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True)
        subprocess.run(["ip", "link", "del", found.bridge], capture_output=True)
