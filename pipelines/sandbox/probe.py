"""What is tried from behind a wall when it is opened: if anything comes through, no program is run.

A wall may be asked for in full and still have a hole: an old kernel that ignores an option, a container that has taken a right away, a
setting that exempts this user from a limit. So the promises that matter are tried, on every opening, in a tenth of a second.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from pipelines.sandbox.limits import FORBIDDEN, MIB, TIMEOUT, Job, Limits, Outcome, Program

LIMITS = Limits(2.0, 10.0, 32 * MIB, num_processes=4, file_bytes=2 * MIB, scratch_bytes=4 * MIB)
SEEN = ("bin", "dev", "etc", "inside", "lib", "lib32", "lib64", "libx32", "packages", "proc", "python", "sbin", "tmp", "usr")
TRY = """
import json, os, socket, sys, threading, time
secret, seen = json.loads(sys.stdin.read())
found = []

def closed(what, attempt):
    try:
        attempt()
    except (OSError, MemoryError, RuntimeError):
        return
    found.append(what)

closed("a file of the host can be read", lambda: open(secret))
strange = sorted(set(os.listdir("/")) - set(seen))
if strange:
    found.append(f"there is more to be seen than expected: {strange}")
for folder in ("/", "/usr", "/etc", "/dev", "/inside/pipelines/sandbox", "/packages"):
    closed(f"{folder} can be written to", lambda: open(f"{folder}/probe", "x"))
for family in ("AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK", "AF_PACKET"):
    closed(f"there are sockets of {family}", lambda: socket.socket(getattr(socket, family), socket.SOCK_RAW))
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
for name, right in {"CapEff": 0, "CapPrm": 0, "CapInh": 0, "CapBnd": 0, "CapAmb": 0, "NoNewPrivs": 1, "Seccomp": 2}.items():
    if int(status[name], 16) != right:
        found.append(f"{name} is {status[name]}")
if os.getpid() != 1 or [name for name in os.listdir("/proc") if name.isdigit()] != ["1"]:
    found.append("other processes can be seen")
if os.getuid() == 0 or os.getgid() == 0:
    found.append("it runs as root")
if set(os.listdir("/proc/self/fd")) - {"0", "1", "2", "3"}:
    found.append("descriptors are open")
if os.listdir("/tmp") != ["main.py"]:
    found.append("the scratch is not empty")

def many():
    for _ in range(16):
        threading.Thread(target=time.sleep, args=(0.01,)).start()

def fill():
    for number in range(8):
        with open(f"file{number}", "wb") as out:
            out.write(bytes(1 << 20))

closed("there is no limit on processes", many)
closed("there is no limit on memory", lambda: bytearray(256 << 20))
closed("there is no limit on the size of a file", lambda: open("large", "wb").write(bytes(3 << 20)))
closed("there is no limit on the scratch", fill)
print(json.dumps(found))
"""


def probes() -> Iterator[tuple[Job, Callable[[Outcome], str]]]:
    """Programs to run, each with what judges its outcome: it gives a sentence where the wall does not hold, or nothing."""
    with tempfile.NamedTemporaryFile() as secret:
        Path(secret.name).chmod(0o644)
        yield Program(TRY, stdin=json.dumps([secret.name, SEEN]).encode(), limits=LIMITS), _found
    tracing = "import ctypes\nctypes.CDLL(None).ptrace(0, 0, 0, 0)"
    yield Program(tracing, limits=LIMITS), lambda outcome: _unless(FORBIDDEN, outcome, "ptrace")
    sleeping = "import time\ntime.sleep(5)"
    yield Program(sleeping, limits=Limits(wall_s=0.02)), lambda outcome: _unless(TIMEOUT, outcome, "sleeping")


def _found(outcome: Outcome) -> str:
    if outcome.exit_code != 0:
        return f"the probe failed: {outcome.what}; {outcome.stderr.decode(errors='replace')[-500:]}"
    return "; ".join(json.loads(outcome.stdout))


def _unless(status: str, outcome: Outcome, what: str) -> str:
    return "" if outcome.status == status else f"{what} ends as {outcome.status} ({outcome.what}), expected {status}"
