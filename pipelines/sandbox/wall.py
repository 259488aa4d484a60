"""Opens the wall: bubblewrap with the zygote in it, on a machine that can isolate, or not at all.

What stops what. A program has to pass all of it to do harm:

- **Files.** bubblewrap makes a root of its own: /usr and the interpreter, read-only; five devices; two invented files in /etc. Nothing
  else of the host exists there: no home, no /etc, no /var, no socket, no other disk. What a program writes goes to a tmpfs of limited size,
  made for this run.
- **Processes.** A PID namespace for every run: it sees and signals itself only, and dies as a whole. /proc shows its own processes and
  nothing of the system (subset=pid). ptrace and its kin are filtered.
- **Network.** A network namespace without an interface, and no sockets but unnamed pairs.
- **Rights.** No capability, none to gain (bounding set, secure bits, no_new_privs), in a user namespace of its own below the sandbox's.
  Where we are root, programs run as host users that exist nowhere, so that even a file that slipped in would not be theirs.
- **The kernel.** A list of allowed calls (`seccomp`); what mounts, traces, loads or debugs ends the program.
- **Resources.** Limits of the kernel on each process, on the number of processes and on the scratch, so the most that a run can ever hold is
  num_processes x memory_bytes + scratch_bytes; the zygote watches the sum and kills at memory_bytes, a fiftieth of a second late at most.
- **The next program.** Each is forked from a process that never read a program, and its namespaces end with it.

What remains: faults of the kernel itself; what hardware leaks between processes that share a core or a cache; and time, which a program may
spend up to its limits. Nothing here runs a program when a part is missing: the wall is probed from inside when it is opened (`probe`).
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import signal
import site
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pipelines.sandbox import seccomp
from pipelines.sandbox.languages import LANGUAGES
from pipelines.sandbox.limits import NoIsolation
from processors.engine import EngineMissing

INSIDE = Path(__file__).parent  # the zygote and what it runs
NUM_USERS = 64
UNUSED_USER = 0x7FFF0000  # the first of a range of host users that no distribution gives to anyone
OPEN_S = 60.0
CAPABILITIES = ("CAP_SYS_ADMIN", "CAP_SYS_PTRACE", "CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP", "CAP_KILL")
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/tmp", "TMPDIR": "/tmp", "LANG": "C.UTF-8", "TZ": "UTC"}
INTERPRETER = {
    "PYTHONHASHSEED": "0",
    "PYTHONUTF8": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}
START = "import sys; sys.path.insert(0, '/inside'); from pipelines.sandbox.zygote import main; main(sys.argv[1:])"


@dataclass(eq=False)
class Wall:
    """A wall that stands.

    Attributes:
        control: the way to the zygote.
        process: bubblewrap, outside.
        inner: descriptor of the first process inside: the kernel ends all others with it.
        num_users: how many users the zygote can run programs as; 0 where it has only its own.
        last_words: what bubblewrap and the zygote wrote to stderr, once it is closed.
    """

    control: socket.socket
    process: subprocess.Popen[bytes]
    inner: int
    num_users: int
    errors: IO[bytes]
    last_words: str = ""

    def close(self) -> None:
        """Ends all that runs there."""
        if self.errors.closed:
            return
        self.control.close()
        if self.inner >= 0:
            with contextlib.suppress(ProcessLookupError):  # it was killed by another hand
                signal.pidfd_send_signal(self.inner, signal.SIGKILL)
            os.close(self.inner)
        else:
            self.process.kill()
        self.process.wait()
        self.errors.seek(0)
        self.last_words = " ".join(self.errors.read().decode(errors="replace").split())[-600:]
        self.errors.close()


def open_wall(packages: tuple[str, ...]) -> Wall:
    """Starts bubblewrap with a zygote that has the packages loaded.

    Raises: EngineMissing without bwrap or a package; NoIsolation where the machine does not let it isolate.
    """
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        raise EngineMissing("bwrap, which isolates programs, is not on PATH; install it: apt-get install -y bubblewrap")
    if not seccomp.supported():
        raise NoIsolation(f"programs cannot be isolated: there is no filter of system calls for {os.uname().machine}")
    users = _unused_users()
    view = [*_namespaces(users), *_view(packages)]
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    host = os.pidfd_open(os.getpid())
    with theirs:
        start = [*_interpreter(), "-s", "-P", "-B", "-c", START, str(theirs.fileno()), str(host), *packages]
        try:
            wall = _start([bwrap, *view], start, users, ours, (theirs.fileno(), host))
        finally:
            os.close(host)
    ours.settimeout(OPEN_S)
    try:
        ready = ours.recv(64)
    except (TimeoutError, ConnectionResetError):
        ready = b""
    if ready != b"ready":
        wall.close()
        raise NoIsolation(why_not(wall.last_words))
    ours.settimeout(None)
    return wall


def _start(bwrap: list[str], start: list[str], users: int, control: socket.socket, kept: tuple[int, ...]) -> Wall:
    """Starts bubblewrap. As root it waits until we have mapped the users of its namespace, which only root may do for several."""
    errors = tempfile.TemporaryFile()  # noqa: SIM115 (the wall closes it)
    go, told = os.pipe(), os.pipe()
    try:
        waits = ["--info-fd", str(told[1])] + (["--userns-block-fd", str(go[0])] if users else [])
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": errors, "env": {}}
        process = subprocess.Popen([*bwrap, *waits, "--", *start], pass_fds=(*kept, go[0], told[1]), **quiet)  # type: ignore[call-overload]
        os.close(told[1])
        with open(told[0], "rb") as info:
            text = info.read()
        wall = Wall(control, process, -1, NUM_USERS if users else 0, errors)
        if text:  # nothing where bubblewrap gave up, and what it wrote to stderr says why
            child = json.loads(text)["child-pid"]
            wall.inner = os.pidfd_open(child)
            try:
                for name in ("uid_map", "gid_map") if users else ():
                    Path("/proc", str(child), name).write_text(f"0 0 1\n1 {users} {NUM_USERS}\n")
            except OSError as error:
                wall.close()
                raise NoIsolation(why_not(f"users of the namespace: {error}")) from error
        os.write(go[1], b"1")
    finally:
        os.close(go[0])
        os.close(go[1])
    return wall


def _unused_users() -> int:
    """Where a range of users begins that programs may run as, where we are root and may map it; otherwise 0.

    Root itself is no choice: the kernel exempts it from the limit on processes.
    """
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    set_ids = 0b11 << 6  # CAP_SETGID, CAP_SETUID
    if os.geteuid() != 0 or int(status["CapEff"], 16) & set_ids != set_ids:
        return 0
    found = []
    for name in ("uid_map", "gid_map"):
        extents = [list(map(int, line.split())) for line in Path("/proc/self", name).read_text().splitlines()]
        first, _outside, count = max(extents, key=lambda extent: extent[2])
        if count <= NUM_USERS + 1000:
            return 0
        last = first + count - NUM_USERS
        found.append(UNUSED_USER if first <= UNUSED_USER <= last else last)
    return min(found)


def _namespaces(users: int) -> list[str]:
    arguments = ["--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-net", "--unshare-cgroup-try"]
    arguments += [] if users else ["--uid", "0", "--gid", "0"]
    for name in CAPABILITIES:
        arguments += ["--cap-add", name]
    return [*arguments, "--hostname", "sandbox", "--new-session", "--clearenv"]


def _view(packages: tuple[str, ...]) -> list[str]:
    """What a program sees of the host, all of it read-only."""
    arguments = ["--ro-bind", "/usr", "/usr"]
    # What bubblewrap makes unasked on the way to a mount is open to nobody but its owner.
    for folder in ("/etc", "/dev", "/tmp", "/python", "/python/bin", "/inside", "/inside/pipelines", "/packages"):
        arguments += ["--dir", folder]
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        path = Path("/", name)
        if path.is_symlink():
            arguments += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            arguments += ["--ro-bind", str(path), str(path)]
    shown = sorted(str(path) for row in LANGUAGES.values() if row.shown for path in Path("/etc").glob(row.shown))
    for entry in ("/etc/ld.so.cache", "/etc/alternatives", *shown):
        arguments += ["--ro-bind-try", entry, entry]
    arguments += ["--proc", "/proc"]
    for name in ("null", "zero", "full", "random", "urandom"):
        arguments += ["--dev-bind", f"/dev/{name}", f"/dev/{name}"]
    for name, target in {"fd": "fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}.items():
        arguments += ["--symlink", f"/proc/self/{target}", f"/dev/{name}"]
    arguments += ["--symlink", "/tmp", "/dev/shm"]
    arguments += _python_view()
    arguments += ["--ro-bind", str(INSIDE), "/inside/pipelines/sandbox"]
    for package in packages:
        for path in _package_paths(package):
            arguments += ["--ro-bind", str(path), f"/packages/{path.name}"]
    variables = {**ENVIRONMENT, **INTERPRETER, "PYTHONPATH": "/packages"}
    if not _in_usr():
        variables["LD_LIBRARY_PATH"] = "/python/lib"
    for name, value in variables.items():
        arguments += ["--setenv", name, value]
    return [*arguments, "--remount-ro", "/", "--chdir", "/"]


def _in_usr() -> bool:
    return Path(sys.base_prefix).resolve().is_relative_to("/usr")


def _interpreter() -> list[str]:
    """The base interpreter of the environment that runs us, as it is called behind the wall."""
    real = Path(os.path.realpath(sys.executable))
    return [str(real)] if _in_usr() else [f"/python/bin/{real.name}"]


def _python_view() -> list[str]:
    """The interpreter and its library, without the packages that are installed beside it."""
    arguments: list[str] = []
    base = Path(sys.base_prefix).resolve()
    inside = base if _in_usr() else Path("/python")
    if not _in_usr():
        real = Path(os.path.realpath(sys.executable))
        arguments += ["--ro-bind", str(real), f"/python/bin/{real.name}", "--ro-bind", str(base / "lib"), "/python/lib"]
    folders = {Path(folder) for folder in site.getsitepackages([str(base)])} | {Path("/usr/lib/python3/dist-packages")}
    for folder in sorted(found.resolve() for found in folders if found.is_dir()):
        if folder.is_relative_to(base) or folder.is_relative_to("/usr"):
            seen = str(inside / folder.relative_to(base) if folder.is_relative_to(base) else folder)
            arguments += ["--tmpfs", seen, "--remount-ro", seen]  # a place that can be written to would outlive a program
    return arguments


def _package_paths(package: str) -> list[Path]:
    """The folder of a package, and the one of its bundled libraries."""
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise EngineMissing(f"{package}, which programs may import, is not installed; install it: pip install {package}")
    folder = Path(found.origin).parent
    return [path for path in (folder, folder.with_name(f"{package}.libs")) if path.is_dir()]


def why_not(said: str) -> str:
    """A message for people: what bubblewrap said, and what on this machine explains it."""
    causes = []
    for name, bad, cure in (
        ("user/max_user_namespaces", "0", "user namespaces are off: sysctl user.max_user_namespaces=10000"),
        ("kernel/unprivileged_userns_clone", "0", "plain users may not make namespaces: sysctl kernel.unprivileged_userns_clone=1"),
        (
            "kernel/apparmor_restrict_unprivileged_userns",
            "1",
            "AppArmor keeps namespaces from plain users: give bwrap a profile with `userns`, or sysctl kernel.apparmor_restrict_unprivileged_userns=0",
        ),
    ):
        path = Path("/proc/sys", name)
        if path.exists() and path.read_text().strip() == bad:
            causes.append(cure)
    if tuple(int("".join(filter(str.isdigit, part)) or 0) for part in os.uname().release.split(".")[:2]) < (5, 14):
        causes.append(f"the kernel is {os.uname().release}, and 5.14 or newer is needed")
    if not causes:
        causes.append(
            "in a container, allow namespaces and mounts: docker run --security-opt seccomp=unconfined --security-opt systempaths=unconfined"
        )
    last = " ".join(said.split())[-600:] or "it ended without a word"
    return f"programs cannot be isolated here, so none is run. {'; '.join(causes)}. bwrap said: {last}"
