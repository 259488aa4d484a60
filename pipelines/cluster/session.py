"""The Ray that a build runs on: one of its own on this machine, or a cluster by its address; and what that cluster consists of."""

from __future__ import annotations

import _thread
import contextlib
import dataclasses
import logging
import math
import os
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import ray
from ray import exceptions as ray_errors
from ray._private import ray_constants
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

import pipelines
from pipelines.build import BuildError, holds_token
from pipelines.cluster.placement import CPU, Room
from pipelines.source.files import Files
from schemas.store import is_remote

OBJECT_STORE_BYTES = 512 << 20
SHIPPED = ("pipelines", "processors", "schemas")
JOB_CONFIG = "RAY_JOB_CONFIG_JSON_ENV_VAR"  # set where Ray's job server started this process, with the job's packages
CONNECT_S = 2.0  # in which a head that lives takes a connection
WATCH_S = 0.5  # between two looks at it
SHUTDOWN_S = 10.0
CHECK_S = 300.0

_embedded = False  # whether the Ray that runs was started here


@contextlib.contextmanager
def session(workers: int, actor_cpus: float, address: str | None, note: Callable[[str], None]) -> Iterator[None]:
    """An embedded Ray of our own, or somebody's cluster by address; ends only what it started.

    Inside another session that one is used. If it is embedded and has too few CPUs, one that has them takes its place until its end.
    """
    global _embedded
    num_cpus = workers + math.ceil(actor_cpus)
    if ray.is_initialized():
        if _embedded and ray.cluster_resources().get("CPU", 0) < num_cpus:
            ray.shutdown()
            _start(num_cpus, workers, None, note)
        yield
        return
    _start(num_cpus, workers, address, note)
    _embedded = not address
    try:
        yield
    finally:
        _embedded = False
        leave()


def leave() -> None:
    """Leaves the cluster. One whose head is gone keeps its driver waiting for a minute and then ends its process: it is not waited for."""
    ending = threading.Thread(target=ray.shutdown, daemon=True)
    ending.start()
    ending.join(SHUTDOWN_S)


def _start(num_cpus: int, workers: int, address: str | None, note: Callable[[str], None]) -> None:
    start = time.perf_counter()
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address:
        _join(address, options)
        note(f"joined the cluster at {address} in {time.perf_counter() - start:.1f} s: {len(rooms())} nodes")
        return
    _stay_on_loopback(True)
    place = os.path.join(tempfile.gettempdir(), f"corpusmill-ray-{os.getuid()}")
    try:
        ray.init(
            address="local",
            num_cpus=num_cpus,
            include_dashboard=False,
            object_store_memory=OBJECT_STORE_BYTES,
            _node_ip_address="127.0.0.1",
            _temp_dir=place,
            **options,
        )
    except Exception as error:  # what Ray raises where a process of it does not come up has no type of its own
        ray.shutdown()
        raise BuildError(
            f"Ray did not start on this machine: {type(error).__name__}: {str(error).splitlines()[0][:200]}; it may have too much other work, or too "
            f"little memory or disk (Ray's own logs are in {place}); run the same command again, or with --workers 0, which does without Ray"
        ) from error
    note(f"Ray started in {time.perf_counter() - start:.1f} s with {workers} workers")


def _stay_on_loopback(alone: bool) -> None:
    """Whether a Ray that starts talks to this machine alone.

    Ray puts the machine's address in place of 127.0.0.1, and then listens to everybody, but for systems on which no other machine can join;
    the same switch serves here. Its processes read the variable, this one has read it already.
    """
    os.environ[ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR] = "0" if alone else "1"
    ray_constants.ENABLE_RAY_CLUSTER = not alone


def _join(address: str, options: dict[str, Any]) -> None:
    """Joins a cluster. Workers on other machines get this program's packages, unless the job that this is was submitted with them."""
    _stay_on_loopback(False)
    try:
        ray.init(address=address, **options)
        if JOB_CONFIG not in os.environ and any(not _is_here(str(node["NodeManagerAddress"])) for node in ray.nodes() if node["Alive"]):
            ray.shutdown()
            root = Path(pipelines.__file__).parent.parent
            env = {"py_modules": [str(root / name) for name in SHIPPED], "excludes": ["**/__pycache__/**", "**/.git/**"]}
            ray.init(address=address, runtime_env=env, **options)
    except (ConnectionError, RuntimeError, ray_errors.RayError) as error:
        raise BuildError(
            f"joining the Ray cluster at {address}: {type(error).__name__}: {str(error).splitlines()[0]}; is its head running, is a node of it on this "
            "machine, and is its token set (RAY_AUTH_MODE, RAY_AUTH_TOKEN)?"
        ) from error


def _is_here(host: str) -> bool:
    """Whether an address is one of this machine's."""
    own = {address.address for addresses in psutil.net_if_addrs().values() for address in addresses}
    return host.startswith("127.") or host in own


class HeadWatch:
    """Watches whether the head of the cluster takes connections, and which nodes it knows: `rooms`, those that live.

    When it has taken none for `patience_s`, `is_gone` is set, and a main thread that watches is interrupted: calls of Ray would keep it waiting, and end
    its process after a minute. Asking for the nodes cannot even be interrupted, so another thread asks.
    """

    def __init__(self, patience_s: float) -> None:
        host, _, port = ray.get_runtime_context().gcs_address.rpartition(":")
        self._head = (host.strip("[]"), int(port))
        self._patience_s = patience_s
        self._answered_s = time.monotonic()
        self._ended = threading.Event()
        self._interrupts = threading.current_thread() is threading.main_thread()
        self.is_gone = False
        self.rooms = rooms()

    def __enter__(self) -> HeadWatch:
        for target in (self._watch, self._look):
            threading.Thread(target=target, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()

    def answers(self) -> bool:
        """Whether the head takes a connection now. Where it does not, it is better asked nothing."""
        try:
            with socket.create_connection(self._head, CONNECT_S):
                self._answered_s = time.monotonic()
                return True
        except OSError:
            return False

    def _watch(self) -> None:
        while not self._ended.wait(WATCH_S):
            if not self.answers() and time.monotonic() - self._answered_s > self._patience_s:
                self.is_gone = True
                break
        if self.is_gone and self._interrupts and not self._ended.is_set():
            _thread.interrupt_main()

    def _look(self) -> None:
        while not self._ended.wait(WATCH_S) and not self.is_gone:
            found = rooms()  # waits for ever where the head is gone
            self.rooms = found


def rooms() -> list[Room]:
    """The nodes that live, with all that they have; those that can run nothing left out."""
    return [_room(node) for node in ray.nodes() if node["Alive"]]


def _room(node: dict[str, Any]) -> Room:
    has = {str(name): float(value) for name, value in node["Resources"].items()}
    return Room(str(node["NodeName"] or node["NodeManagerAddress"]), str(node["NodeID"]), has, int(has.get("object_store_memory", 0)))


# ---- whether every node sees what it must


def local_paths(value: object, depth: int = 6) -> set[str]:
    """The folders and files of this machine that a source reads: of every file tree and path in it."""
    if isinstance(value, Files):
        return {str(value.local_root)} if value.is_local else set()
    if isinstance(value, Path):
        return set() if is_remote(value) else {str(value)}
    if depth and dataclasses.is_dataclass(value) and not isinstance(value, type):
        return set().union(*(local_paths(getattr(value, field.name), depth - 1) for field in dataclasses.fields(value)))
    if (
        depth and isinstance(value, (list, tuple)) and len(value) < 1_000
    ):  # of a source over many parts each part is looked at; no list of rows
        return set().union(*(local_paths(item, depth - 1) for item in value))
    return set()


def _sees(corpus: Path, token: str, paths: list[str]) -> str:
    """What a node does not see; empty where it sees all."""
    try:
        if not holds_token(corpus, token):
            return f"sees another {corpus.parent} than the driver, or does not see it"
    except OSError as error:
        return f"cannot read {corpus.parent} ({type(error).__name__}: {error})"
    missing = [path for path in paths if not os.access(path, os.R_OK)]
    if missing:
        return f"cannot read {missing[0]}"
    if not is_remote(corpus) and not os.access(corpus, os.W_OK):
        return f"cannot write {corpus}"
    return ""


_sees_remote = ray.remote(_sees)


def check_nodes(nodes: list[Room], corpus: Path, token: str, source: object) -> None:
    """Raises BuildError, which names the node, where one does not see the source and the output as the driver does."""
    paths = [path for path in sorted(local_paths(source)) if os.access(path, os.R_OK)]
    asked = {}
    for room in nodes:
        if room.free.get(CPU, 0) <= 0:
            continue  # no split runs there
        there = NodeAffinitySchedulingStrategy(room.node, soft=False)
        asked[_sees_remote.options(num_cpus=0, max_retries=0, scheduling_strategy=there).remote(corpus, token, paths)] = room
    done, waiting = ray.wait(list(asked), num_returns=len(asked), timeout=CHECK_S) if asked else ([], [])
    if waiting:
        raise BuildError(
            f"node {asked[waiting[0]].name} has run no task in {CHECK_S:g} s; look at its raylet, or take it out of the cluster"
        )
    for ref in done:
        try:
            missing = ray.get(ref)
        except ray_errors.RayError as error:
            if isinstance(error, ray_errors.NodeDiedError):
                continue
            raise BuildError(
                f"node {asked[ref].name} cannot run this program: {type(error).__name__}: {str(error).splitlines()[-1]}"
            ) from error
        if missing:
            raise BuildError(
                f"node {asked[ref].name} {missing}; every node must reach the source and the output: mount them there under the same path, "
                "use object storage (s3://...), or take the node out of the cluster"
            )
