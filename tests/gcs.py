"""A server with the JSON API of Google Cloud Storage in a process of its own, behind a guard that keeps one promise which it does not.

    with GcsServer() as server:
        server.make_bucket("corpora")
        environment = server.environment()     # for this process (monkeypatch) or another one

The emulator takes `ifGenerationMatch=0`, which makes an object only where there is none, for no condition at all. The guard answers such a
request with 412, as the documentation of the store has it, when the object is there. It also passes parts of a file on as the emulator wants them. (https://cloud.google.com/storage/docs/request-preconditions)
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from tests.ports import free_port, wait_for
from tests.s3 import bucket_of

_NAME = re.compile(rb'"name":\s*("(?:[^"\\]|\\.)*")')
_HOP = ("connection", "transfer-encoding", "content-length", "host", "keep-alive")


class GcsServer:
    """The emulator, in memory, and the guard before it; its buckets go with it. `guards` False leaves the guard's promise out."""

    def __init__(self, guards: bool = True) -> None:
        self.guards = guards
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "gcp_storage_emulator", "start", "-M", "-q", "-H", "127.0.0.1", "--port", str(self.port)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self._process, self.port, "gcp-storage-emulator")
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"owner": self}))
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def environment(self) -> dict[str, str]:
        """What a process needs to use this server; no credential is looked for on the machine or its network."""
        return {"STORAGE_EMULATOR_HOST": self.endpoint, "NO_GCE_CHECK": "true", "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false"}

    def make_bucket(self, name: str) -> str:
        status, _, body = self.ask("POST", "/storage/v1/b", json.dumps({"name": name}).encode(), {"content-type": "application/json"})
        assert status in (200, 409), body
        return name

    def ask(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """A request of the emulator itself."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def passed_on(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, list[tuple[str, str]], bytes]:
        """The emulator's answer, or 412 where an object that must not be there is."""
        parts = urlsplit(path)
        asked = parse_qs(parts.query)
        if "upload_id" in asked:  # a part of a file whose upload was begun; the store takes both methods
            return self.ask("PUT" if method == "POST" else method, path, body, headers)
        if not self.guards or asked.get("ifGenerationMatch") != ["0"]:
            return self.ask(method, path, body, headers)
        bucket = parts.path.split("/b/")[1].split("/")[0]
        found = _NAME.search(body)
        assert found, body[:200]
        name = quote(json.loads(found[1]), safe="")
        with self._lock:
            if self.ask("GET", f"/storage/v1/b/{bucket}/o/{name}")[0] == 200:
                return 412, [("content-type", "application/json")], b'{"error": {"code": 412, "message": "conditionNotMet"}}'
            return self.ask(method, path, body, headers)


class _Handler(BaseHTTPRequestHandler):
    owner: GcsServer
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        body = (
            self._chunks()
            if self.headers.get("transfer-encoding") == "chunked"
            else self.rfile.read(int(self.headers.get("content-length") or 0))
        )
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
        status, answered, data = self.owner.passed_on(self.command, self.path, body, headers)
        here, there = self.owner.endpoint, f"127.0.0.1:{self.owner.port}"
        self.send_response(status)
        for name, value in answered:
            if name.lower() not in _HOP:
                self.send_header(name, value.replace(f"http://{there}", here))
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _chunks(self) -> bytes:
        data = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            data += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return data

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = _answer

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # a client that has what it wanted goes
            super().handle()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="session")
def gcs_server() -> Iterator[GcsServer]:
    """One server for the session."""
    with GcsServer() as server:
        yield server


@pytest.fixture
def gs(gcs_server: GcsServer, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """The URL of an empty prefix of a bucket of this test's own; this process uses the server."""
    for name, value in gcs_server.environment().items():
        monkeypatch.setenv(name, value)
    return f"gs://{gcs_server.make_bucket(bucket_of(request))}/corpora"
