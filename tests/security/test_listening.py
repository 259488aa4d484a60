"""What listens while a build runs: an embedded Ray talks to this machine alone."""

from __future__ import annotations

import socket
from pathlib import Path

import psutil
import pytest

LISTEN = "0A"
LOOPBACK = ("0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F")


def listening() -> set[tuple[str, int, str]]:
    """(address as the kernel writes it, port, inode) of every socket that listens, from /proc/net/tcp and tcp6."""
    found = set()
    for name in ("tcp", "tcp6"):
        file = Path("/proc/net") / name
        for line in file.read_text().splitlines()[1:] if file.exists() else ():
            fields = line.split()
            if fields[3] == LISTEN:
                address, port = fields[1].split(":")
                found.add((address, int(port, 16), fields[9]))
    return found


def sockets_of_this_build() -> set[str]:
    """Inodes of the sockets of this process and all that it started."""
    me = psutil.Process()
    found = set()
    for process in (me, *me.children(recursive=True)):
        for handle in Path(f"/proc/{process.pid}/fd").glob("*"):
            try:
                target = str(handle.readlink())
            except OSError:
                continue
            if target.startswith("socket:["):
                found.add(target[8:-1])
    return found


@pytest.mark.cluster
def test_an_embedded_ray_listens_on_loopback_alone(one_ray: None) -> None:
    ours = sockets_of_this_build()
    told = [(address, port) for address, port, inode in listening() if inode in ours]
    assert len(told) > 3  # the head, the node's manager, the object manager, workers
    assert [place for place in told if place[0] not in LOOPBACK] == []


def test_a_socket_that_listens_to_everybody_is_seen() -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:
        port = server.getsockname()[1]
        ours = sockets_of_this_build()
        assert ("00000000", port) in [(address, found) for address, found, inode in listening() if inode in ours]
