"""The world of one program: its own processes, files and shared memory, an identity without rights, and limits.

`build` runs in a process that the zygote has just forked as the first of a new PID namespace. When it comes back, the process can do
nothing to anyone: only then is the program's text read. When this first process ends, the kernel ends all others of its namespace and
frees the scratch, so nothing outlives a run. Only the standard library is used: this file is read behind the wall as well.
"""

from __future__ import annotations

import math
import os
import resource

from pipelines.sandbox import kernel, seccomp

SCRATCH = "/tmp"
STACK_BYTES, THREAD_STACK_BYTES = 64 << 20, 8 << 20  # libraries give each thread what the first may have
MAX_SCRATCH_FILES = 4096


def build(limits: dict[str, float], user: int, reserves_memory: bool, instructions: bytes) -> int:
    """Isolates this process for good. Gives the descriptor on which the zygote hears of refused calls.

    Args:
        limits: the fields of `Limits`.
        user: the user and group, in the zygote's user namespace, that the process becomes; 0 where the zygote has only one.
        reserves_memory: the program reserves far more address space than it uses (V8, JVM), so only what it can write to is limited.
        instructions: the filter of system calls.

    Raises: OSError; the process must then end without running anything.
    """
    kernel.die_with_parent()
    os.setsid()  # kill(0, ...) reaches the process group through all namespaces, and the group was the zygote's
    kernel.unshare(kernel.NEWNS | kernel.NEWIPC)
    kernel.mount("", "/", kernel.REC | kernel.PRIVATE)
    flags = kernel.NOSUID | kernel.NODEV
    owner = f"uid={user},gid={user},mode=700"
    kernel.mount("tmpfs", SCRATCH, flags, f"size={int(limits['scratch_bytes'])},nr_inodes={MAX_SCRATCH_FILES},{owner}")
    # Under pressure the host's kernel ends the program before anything else.
    with open("/proc/self/oom_score_adj", "w") as score:
        score.write("1000")
    kernel.mount("proc", "/proc", flags | kernel.NOEXEC, "subset=pid")
    os.chdir(SCRATCH)
    os.umask(0o022)
    if user:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    _limit(limits, reserves_memory)
    # A user namespace of its own: what the kernel counts by user (processes, signals, locked memory) it then counts for this run alone.
    kernel.unshare(kernel.NEWUSER)
    kernel.drop_capabilities()
    kernel.be_dumpable()
    kernel.die_with_parent()  # again: a change of user takes it away
    return seccomp.install(instructions)


def _limit(limits: dict[str, float], reserves_memory: bool) -> None:
    cpu_s, memory = math.ceil(limits["cpu_s"]), int(limits["memory_bytes"])
    with open("/proc/self/statm") as sizes:  # what the interpreter has mapped already is not the program's
        pages = [int(size) * resource.getpagesize() for size in sizes.read().split()]
    for name, value in {
        "CPU": cpu_s + 1,  # of one process; the zygote watches the sum, to a fraction of a second
        "DATA": pages[5] + memory,
        "AS": resource.RLIM_INFINITY if reserves_memory else pages[0] + memory,
        "NPROC": int(limits["num_processes"]),
        "FSIZE": int(limits["file_bytes"]),
        "NOFILE": int(limits["num_files"]),
        "STACK": THREAD_STACK_BYTES if reserves_memory else STACK_BYTES,
        "CORE": 0,
        "MEMLOCK": 0,
        "MSGQUEUE": 0,
        "SIGPENDING": 128,
        "NICE": 0,
        "RTPRIO": 0,
    }.items():
        kind = getattr(resource, f"RLIMIT_{name}")
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY or (0 <= value <= hard) else hard
        resource.setrlimit(kind, (value, value))
