"""A Ray head with a job server of its own, on this machine's loopback, that wants a token. Only what was started here is ended."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.nodes import AGENT_PORTS, QUIET, ROOT, START, STORE_BYTES, Nodes, RayNode
from tests.ports import free_port

START_S = 240.0
# Of the dashboard's nine processes only those for jobs and nodes are started, no autoscaler and no server for clients: they take a quarter of a minute of a core.
JOBS_START = f"""
import sys
sys.path.insert(0, {str(Path(START).parent)!r})
import start_node
from ray._private import node, services
run = services.start_ray_process
services.start_ray_process = lambda command, kind, *more, **options: run(
    [*command, *(["--modules-to-load=JobHead,NodeHead"] if kind == "dashboard" else [])], kind, *more, **options
)
node.Node.start_monitor = node.Node.start_ray_client_server = lambda *_, **__: None
start_node.start()
"""


@dataclass
class JobHead:
    """A head; `address` is its job server's, `metrics` where Ray's exporter of its node is read, `folder` Ray's own."""

    address: str
    metrics: str
    gcs: str
    token: str
    folder: Path
    port: int
    env: dict[str, str]
    node: RayNode | None = None

    def start(self) -> None:
        """Starts the head, also once more at the same addresses after `kill`."""
        log = self.folder.with_name(f"head-{time.monotonic_ns()}.log")
        host, _, server_port = self.address.removeprefix("http://").partition(":")
        command = [sys.executable, "-c", JOBS_START, "start", "--head", "--block", "--node-ip-address=127.0.0.2", f"--port={self.port}"]
        command += ["--include-dashboard=true", f"--dashboard-host={host}", f"--dashboard-port={server_port}", f"--temp-dir={self.folder}"]
        command += ["--num-cpus=2", f"--object-store-memory={STORE_BYTES}", "--min-worker-port=0", "--max-worker-port=0"]
        command += ["--include-log-monitor=false"]
        ports = {name: free_port() for name in AGENT_PORTS} | {
            "metrics-export-port": int(self.metrics.rpartition(":")[2].partition("/")[0])
        }
        command += [f"--{name}={port}" for name, port in ports.items()]
        with open(log, "wb") as sink:
            process = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT, env={**os.environ, **QUIET, **self.env}
            )
        self.node = RayNode("127.0.0.2", process, log)
        until_s = time.monotonic() + START_S
        while not self._answers():
            if process.poll() is not None or time.monotonic() > until_s:
                raise RuntimeError(f"the head did not start: {log.read_text()[-2000:]}")
            time.sleep(0.1)
        self.node.processes()

    def _answers(self) -> bool:
        request = urllib.request.Request(f"{self.address}/api/jobs/", headers={"authorization": f"Bearer {self.token}"})
        with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=5) as answer:
            return bool(answer.status == 200)
        return False

    def kill(self) -> None:
        """The machine goes out."""
        if self.node is not None:
            self.node.kill()
            self.node = None


@contextlib.contextmanager
def job_head(env: Mapping[str, str] | None = None) -> Iterator[JobHead]:
    """A head with its job server, gone at the end. `env` is put into the environment of its processes."""
    folder = Path(tempfile.mkdtemp(prefix="cmj-", dir="/tmp"))  # short: names of sockets end at 107 letters
    token = secrets.token_hex(32)
    asked = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token, **(env or {})}
    port = free_port()
    head = JobHead(
        f"http://127.0.0.1:{free_port()}",
        f"http://127.0.0.2:{free_port()}/metrics",
        f"127.0.0.2:{port}",
        token,
        folder / "ray",
        port,
        asked,
    )
    try:
        head.start()
        yield head
    finally:
        head.kill()
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def nodes_beside(head: JobHead, *cpus: float) -> Iterator[Nodes]:
    """More nodes of a head's cluster, one for each of `cpus`, gone at the end."""
    found = Nodes(head.folder.parent, head.port, env=head.env, num_started=1)
    try:
        found.wait_for(*[found.add(each, wait=False) for each in cpus])
        yield found
    finally:
        found.end()
