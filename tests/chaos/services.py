"""What the builds of a run of the runner share: a small disk, an S3 server behind a proxy that breaks, and a Ray of three nodes."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.chaos.faults import CLUSTER, EMBEDDED, IN_PROCESS, LOCAL, S3
from tests.cluster.nodes import QUIET, Nodes, RayNode, nodes
from tests.s3 import Proxy, S3Server

DISK = "96m"
LEASE_S = 3.0  # so that a lock in a store is free again soon after its owner was killed


def time_library() -> str:
    """libfaketime of the package of this name; empty where it is not installed. (Debian 12's own one makes time.sleep fail with EINVAL.)"""
    spec = importlib.util.find_spec("libfaketime")
    libraries = Path(spec.origin).parent.rglob("libfaketime.so.1") if spec and spec.origin else ()
    return str(next(iter(libraries), ""))


@dataclass
class Services:
    """`folder` is the runner's own; `disk` in it a tmpfs where the user may mount one, `is_small` says whether."""

    folder: Path
    is_small: bool
    stack: contextlib.ExitStack
    proxy: Proxy | None = None
    cluster: Nodes | None = None
    num_restarts: int = 0
    skipped: dict[str, str] = field(default_factory=dict)

    @property
    def disk(self) -> Path:
        return self.folder / "disk"

    @property
    def clock(self) -> Path:
        """The file that says by how much the clock of drivers is off."""
        return self.folder / "clock"

    def environment(self) -> dict[str, str]:
        """What drivers and nodes have beside this process's."""
        scratch = self.disk / "scratch"
        scratch.mkdir(exist_ok=True)
        common = {
            "CORPUSMILL_LEASE_S": f"{LEASE_S:g}",
            "CORPUSMILL_SCRATCH": str(scratch),
            "CORPUSMILL_STORE_TIMEOUT_S": "20",
            "OMP_NUM_THREADS": "1",
        }
        return {**common, "PYTHONPATH": str(Path(__file__).parents[2]), **(self.proxy.environment() if self.proxy else {})}

    def driver_environment(self, engine: str, moves_clock: bool) -> dict[str, str]:
        found = {**os.environ, **self.environment()}
        if engine == CLUSTER:
            found |= QUIET
        if moves_clock and time_library():
            self.clock.write_text("+0")
            found |= {
                "LD_PRELOAD": time_library(), "FAKETIME_TIMESTAMP_FILE": str(self.clock), "FAKETIME_CACHE_DURATION": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            }  # fmt: skip
        return found

    # ---- the cluster

    def start_cluster(self) -> Nodes:
        """Three nodes: a head, and two that can be lost."""
        if self.cluster is None:
            self.cluster = self.stack.enter_context(nodes(2, 2, env=self.environment(), head_cpus=1))
        return self.cluster

    def mend_cluster(self) -> None:
        """Puts back what was killed."""
        if self.cluster is None:
            return
        head, *others = self.cluster.nodes
        if not is_whole(head):
            self.num_restarts += 1
            for node in (*others, head):
                node.kill()
            self.cluster.nodes.clear()
            self.cluster.num_started = 0
            self.cluster.start_head(1)
            others = []
        for node in others:
            if not is_whole(node):
                self.cluster.kill(node)
        missing = [self.cluster.add(2, wait=False) for _ in range(3 - len(self.cluster.nodes))]
        self.cluster.wait_for(*missing)


def is_whole(node: RayNode) -> bool:
    """Whether the node's own processes all live."""
    wanted = ("raylet/raylet",)
    alive = node.process.poll() is None and all(
        any(process.status() != psutil.STATUS_ZOMBIE for process in node.named(part)) for part in wanted
    )
    return alive and (node.name != "127.0.0.1" or bool(node.named("gcs_server")))


@contextlib.contextmanager
def services(
    folder: Path, engines: tuple[str, ...] = (IN_PROCESS, EMBEDDED, CLUSTER), places: tuple[str, ...] = (LOCAL, S3)
) -> Iterator[Services]:
    """Starts what the engines and places need; the cluster when it is first asked for."""
    with contextlib.ExitStack() as stack:
        disk = folder / "disk"
        disk.mkdir(parents=True)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(disk)], capture_output=True, text=True)
        found = Services(folder, mounted.returncode == 0, stack)
        if found.is_small:
            stack.callback(subprocess.run, ["umount", "-l", str(disk)], check=False)
        else:
            found.skipped["disk_full"] = f"a small disk cannot be mounted: {mounted.stderr.strip()}"
        if not time_library():
            found.skipped["clock_jump"] = "libfaketime is not installed (pip install libfaketime)"
        if S3 in places:
            server = stack.enter_context(S3Server())
            found.proxy = stack.enter_context(Proxy(server, hold_s=2.0, slow_s=0.4))
        print(
            f"services: {sys.executable}, disk {'of ' + DISK if found.is_small else 'not limited'}, S3 {found.proxy is not None}",
            flush=True,
        )
        yield found
