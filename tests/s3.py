"""A real S3 API server in a process of its own, and a proxy before it that breaks things by a seed.

    with S3Server() as server, Proxy(server, seed=7, rate=0.2) as proxy:
        server.make_bucket("corpora")
        environment = proxy.environment()     # for this process (monkeypatch) or another one

What goes wrong with a request depends on the seed, the method, the path and how often that was asked, not on the order in which
threads or workers ask: one seed gives one run of faults.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import pytest

from schemas.identity import keyed_uniform
from tests.ports import free_port, wait_for

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing-id", "AWS_SECRET_ACCESS_KEY": "testing-secret-9f2c", "AWS_DEFAULT_REGION": "us-east-1"}
FAULTS = ("error", "slow_down", "time_out", "cut_request", "cut_answer", "slow")
XML = '<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{message}</Message><RequestId>1</RequestId></Error>'


class S3Server:
    """moto's server; its buckets go with it."""

    def __init__(self, port: int | None = None) -> None:
        self.port = port or free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **CREDENTIALS})
        wait_for(self._process, self.port, "moto[server]")
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def environment(self) -> dict[str, str]:
        """What a process needs to use this server as its S3."""
        return {**CREDENTIALS, "AWS_ENDPOINT_URL": self.endpoint, "AWS_EC2_METADATA_DISABLED": "true"}

    def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """A request past every library, to look at or to plant what they would not."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(
                method, path, body, {"Authorization": "AWS4-HMAC-SHA256 Credential=testing-id/20260101/us-east-1/s3/aws4_request"}
            )
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def make_bucket(self, name: str) -> str:
        status, body = self.ask("PUT", f"/{name}")
        assert status in (200, 409), body
        return name


class Proxy:
    """Passes requests on to the server, and breaks a share `rate` of them in one of the ways `faults`.

    error: 500 InternalError; slow_down: 503 SlowDown; time_out: no answer for `hold_s`, then the connection ends; cut_request: the
    connection ends in the middle of a request, of which the store sees nothing; cut_answer: the store did it, and the connection ends in
    the middle of its answer; slow: the answer comes after `slow_s`.
    `refuse` gives (status, code) for a request that is to be refused, else None. `before` is told of each request before it is passed on.
    `planted` are the faults of the next requests, one each, "" for none; the seed decides after them. `kill_at`: at the n-th request (from 1; `is_counted` says which count) the process `victim` gets SIGKILL, and the request is lost.
    """

    def __init__(
        self, server: S3Server, seed: int = 0, rate: float = 0.0, faults: tuple[str, ...] = FAULTS, hold_s: float = 1.5, slow_s: float = 0.1
    ) -> None:
        self.server, self.seed, self.faults, self.hold_s, self.slow_s = server, seed, faults, hold_s, slow_s
        self._lock = threading.Lock()
        self.reset()
        self.rate = rate

    def reset(self) -> None:
        """Breaks nothing, and has seen nothing."""
        self.rate = 0.0
        self.refuse: Callable[[str, str], tuple[int, str] | None] = lambda method, path: None
        self.before: Callable[[str, str], None] = lambda method, path: None
        self.is_counted: Callable[[str, str], bool] = lambda method, path: True
        self.kill_at, self.victim, self.num_counted = 0, 0, 0
        self.planted: list[str] = []
        self.ignored: tuple[str, ...] = ()  # headers that the store shall not see, as one that does not know them
        self.requests: list[str] = []
        self.injected: Counter[str] = Counter()
        self._asked: Counter[str] = Counter()

    def __enter__(self) -> Self:
        self._http = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"owner": self}))
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def environment(self) -> dict[str, str]:
        return {**self.server.environment(), "AWS_ENDPOINT_URL": self.endpoint}

    def fault_of(self, method: str, path: str) -> str:
        """What goes wrong with this request; empty for nothing."""
        with self._lock:
            what = f"{method} {urlsplit(path).path}"
            self.requests.append(f"{method} {path}")
            self._asked[what] += 1
            number = str(self._asked[what])
            if self.is_counted(method, path):
                self.num_counted += 1
                if self.num_counted == self.kill_at:
                    os.kill(self.victim, signal.SIGKILL)
                    return "killed"
            if self.planted:
                fault = self.planted.pop(0)
            elif keyed_uniform(self.seed, what, number) >= self.rate:
                return ""
            else:
                fault = self.faults[int(keyed_uniform(self.seed, f"kind {what}", number) * len(self.faults))]
            self.injected[fault] += 1
            return fault


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: connections that end early are what this is for."""


class _Handler(BaseHTTPRequestHandler):
    owner: Proxy  # of the class that each proxy makes
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""

    def _cut(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes, length: int | None = None) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def _pass(self) -> None:
        proxy = self.owner
        fault = proxy.fault_of(self.command, self.path)
        size = int(self.headers.get("Content-Length") or 0)
        if fault in ("cut_request", "killed"):
            self.rfile.read(size // 2)
            return self._cut()
        body = self.rfile.read(size)
        if len(body) < size:  # the client died: a store makes no object of a part
            return self._cut()
        proxy.before(self.command, self.path)
        refused = proxy.refuse(self.command, self.path) or {"error": (500, "InternalError"), "slow_down": (503, "SlowDown")}.get(fault)
        if refused:
            told = b"" if self.command == "HEAD" else XML.format(code=refused[1], message=f"planted {refused[1]}").encode()
            return self._answer(refused[0], [("Content-Type", "application/xml")], told)
        if fault == "time_out":
            time.sleep(proxy.hold_s)
            return self._cut()
        upstream = http.client.HTTPConnection("127.0.0.1", proxy.server.port, timeout=60)
        try:
            passed = {name: value for name, value in self.headers.items() if name.lower() not in ("expect", "connection", *proxy.ignored)}
            upstream.request(self.command, self.path, body, passed)
            answer = upstream.getresponse()
            data = answer.read()
        finally:
            upstream.close()
        if fault == "slow":
            time.sleep(proxy.slow_s)
        length = int(answer.headers.get("Content-Length") or 0) if self.command == "HEAD" else len(data)
        if fault == "cut_answer":
            if data:
                self._answer(answer.status, list(answer.headers.items()), data[: len(data) // 2], length)
            return self._cut()
        self._answer(answer.status, list(answer.headers.items()), data, length)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _pass


def bucket_of(request: pytest.FixtureRequest) -> str:
    """A name for a bucket of a test's own."""
    return f"t{abs(hash(request.node.nodeid)) % 10**12}-{time.monotonic_ns() % 10**9}"


# ---- fixtures: a conftest imports those that it needs, with s3_server


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """One server for the session."""
    with S3Server() as server:
        yield server


@pytest.fixture
def s3(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """The URL of an empty prefix of a bucket of this test's own; this process uses the server as its S3."""
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    return f"s3://{s3_server.make_bucket(bucket_of(request))}/corpora"


@pytest.fixture(scope="session")
def s3_proxy(s3_server: S3Server) -> Iterator[Proxy]:
    """One proxy for the session: each other one costs its clients half a second."""
    with Proxy(s3_server) as made:
        yield made


@pytest.fixture
def proxy(s3_proxy: Proxy, s3: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """The store of `s3` by way of a proxy that breaks nothing until it is told."""
    s3_proxy.reset()
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_proxy.endpoint)
    yield s3_proxy
    s3_proxy.reset()


@pytest.fixture(params=["local", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder to build in: once local, once in a store."""
    from schemas.store import place_of

    return tmp_path / "corpora" if request.param == "local" else place_of(request.getfixturevalue("s3"))


def download(folder: Path) -> dict[str, bytes]:
    """Every file below a place by its name, locks and what runs took left out."""
    from schemas.store import list_files

    files = {file.relative_to(folder).as_posix(): file for file in list_files(folder)}
    return {name: file.read_bytes() for name, file in files.items() if ".runs/" not in name and ".lock" not in name}
