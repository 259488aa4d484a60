"""Ports of this machine: one that nobody listens to, and waiting until a server listens to its own."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time


def free_port(host: str = "127.0.0.1") -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def wait_for(process: subprocess.Popen[bytes], port: int, package: str) -> None:
    """Until a server that was started takes connections. Raises RuntimeError where it ends before that, or takes none for 20 s."""
    for _ in range(400):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode} before it answered; is {package} installed?")
        time.sleep(0.05)
    process.kill()
    process.wait()
    raise RuntimeError(f"the server of {package} did not answer within 20 s")
