"""Work on untrusted files in a child process that may be ended: what a library does with a hostile file has no bound of its own.

A guarded function is a module-level function `(request, blobs) -> (answer, blobs)`: JSON values and bytes in, JSON values and bytes
out. It may raise `Refused`. The child is started once a process and function's module, kept, and ended when a call passes its
limits; the next call starts another. Functions first apply limits that they can count (objects, pixels, bytes): these refuse the
same file everywhere. Processor time and memory are the last resort, far above what honest files need (decision 0010).

This process watches both. The kernel bounds them too, a little higher, so that a child whose parent has died ends by itself: processor
time and private memory by call, the size of a file, and no core, always. A child gets no new rights by the programs that it starts, and
of the environment only what ENVIRONMENT names: a library that is taken over finds no credentials there.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import fcntl
import gc
import importlib
import itertools
import json
import math
import mmap
import os
import resource
import select
import struct
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from schemas.outcome import Reason, Refused

TOO_COSTLY = Reason("too_costly", "Reading the file takes more processor time or memory than any honest file needs, or ends the reader")

POLL_S = 0.05
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
LENGTH = struct.Struct("<Q")
SHARED_BYTES = 32 << 20  # answers up to this size, as pixels of a page, pass through memory that both have; larger ones through the pipe
# glibc gives blocks of the size of a picture back to the system at once, and each new one is cleared page by page
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(256 << 20)}

ENVIRONMENT = (  # what a child may know; credentials, tokens and addresses of services are not among it
    *("PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "TZ", "LANG", "LANGUAGE", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "TESSDATA_PREFIX"),
    *("OMP_NUM_THREADS", "OMP_THREAD_LIMIT", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
)
ENVIRONMENT_STARTS = ("LC_", "PYTHON", "MALLOC_", "FONTCONFIG_", "XDG_", "COVERAGE_")
MAX_WRITTEN_BYTES = 1 << 30  # of one file that a child, or a program that it starts, writes
SLACK_CPU_S, SLACK_BYTES = 10, 1 << 30  # by which the kernel's limits lie above those that are watched
PR_SET_NO_NEW_PRIVS = 38

Answer = tuple[dict[str, Any], Sequence[bytes | memoryview]]
Function = Callable[[dict[str, Any], list[bytes]], Answer]


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one call. `idle_s` bounds a child that waits without working, which no processor time would end."""

    cpu_s: float = 60.0
    memory_bytes: int = 4 << 30
    idle_s: float = 600.0


def guarded(
    function: Function, request: Mapping[str, Any], blobs: Sequence[bytes] = (), limits: Limits = Limits()
) -> tuple[dict[str, Any], list[bytes]]:
    """What the function answers, computed in the child of its module. Blobs that are the objects of the call before are not sent again.

    Raises:
        Refused: what the function refused, or TOO_COSTLY.
        RuntimeError: the function raised anything else; the message is its traceback.
    """
    mine = os.getpid(), function.__module__  # a forked process must not talk into its parent's pipes
    child = _children.get(mine)
    if child is None or not child.is_alive:
        child = _children[mine] = _Child(function.__module__)
    return child.call(function.__name__, request, list(blobs), limits)


@dataclass
class _Child:
    """The process for one module, and what was sent to it last."""

    module: str
    process: subprocess.Popen[bytes] = field(init=False)
    requests: BinaryIO = field(init=False)
    answers: BinaryIO = field(init=False)
    shared: mmap.mmap = field(init=False)
    sent: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        memory = os.memfd_create("answers", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(memory, SHARED_BYTES)
        fcntl.fcntl(memory, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)  # a child that cuts it short would end this process too
        self.shared = mmap.mmap(memory, SHARED_BYTES)
        command = [sys.executable, "-m", "processors.guard", self.module, str(theirs_in), str(theirs_out), str(memory)]
        paths = os.pathsep.join(path for path in sys.path if path)
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=(theirs_in, theirs_out, memory),
            env={**KEEP_MEMORY, **told_environment(), "PYTHONPATH": paths},
        )
        for theirs in (theirs_in, theirs_out, memory):
            os.close(theirs)
        self.requests, self.answers = os.fdopen(ours_out, "wb"), os.fdopen(ours_in, "rb")
        if _receive(self.answers)[0] != {"ready": True}:
            raise RuntimeError(f"the child process for {self.module} did not start; its error stands above")

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None

    def call(self, name: str, request: Mapping[str, Any], blobs: list[bytes], limits: Limits) -> tuple[dict[str, Any], list[bytes]]:
        again = bool(blobs) and len(blobs) == len(self.sent) and all(new is old for new, old in zip(blobs, self.sent, strict=True))
        self.sent = blobs
        try:
            _send(self.requests, {"function": name, "request": dict(request), "again": again}, [] if again else blobs)
            self._wait(limits)
            head, found = _receive(self.answers, self.shared)
        except (EOFError, BrokenPipeError) as error:
            code = self._end()
            raise Refused(TOO_COSTLY, f"the reader ended with code {code} while it worked on the file") from error
        except BaseException:  # the answer to this call must never be taken for that of the next
            self._end()
            raise
        if "refused" in head:
            reason, doc, detail, facts = head["refused"]
            raise Refused(Reason(reason, doc), detail, facts)
        if "raised" in head:
            raise RuntimeError(f"{self.module}.{name} raised in its child process:\n{head['raised']}")
        return head["answer"], found

    def _wait(self, limits: Limits) -> None:
        """Returns when the answer begins. Raises: Refused when the child passes a limit; it is ended first."""
        begun, start = time.monotonic(), _usage(self.process.pid)[0]
        self._limit(resource.RLIMIT_CPU, math.ceil(start + limits.cpu_s) + SLACK_CPU_S)
        self._limit(resource.RLIMIT_DATA, limits.memory_bytes + SLACK_BYTES)
        while not select.select([self.answers], [], [], POLL_S)[0]:
            cpu_s, memory_bytes = _usage(self.process.pid)
            if cpu_s - start > limits.cpu_s:
                raise Refused(TOO_COSTLY, f"more than {limits.cpu_s:g} s of processor time")
            if memory_bytes > limits.memory_bytes:
                raise Refused(TOO_COSTLY, f"more than {limits.memory_bytes >> 20} MiB of memory")
            if time.monotonic() - begun > limits.idle_s:
                raise Refused(TOO_COSTLY, f"no answer after {limits.idle_s:g} s")

    def _limit(self, kind: int, soft: int) -> None:
        with contextlib.suppress(ProcessLookupError):  # a child that is gone is found so by whoever reads its answer
            hard = resource.prlimit(self.process.pid, kind)[1]
            resource.prlimit(self.process.pid, kind, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))

    def _end(self) -> int:
        self.process.kill()
        code = self.process.wait()
        for pipe in (self.requests, self.answers):
            with contextlib.suppress(BrokenPipeError):  # bytes that a dead child will never read
                pipe.close()
        self.shared.close()
        return code


_children: dict[tuple[int, str], _Child] = {}


@atexit.register
def _end_children() -> None:
    for (pid, _), child in _children.items():
        if pid == os.getpid() and child.is_alive:
            child._end()


def told_environment() -> dict[str, str]:
    """What of this process's environment a child is told."""
    return {name: value for name, value in os.environ.items() if name in ENVIRONMENT or name.startswith(ENVIRONMENT_STARTS)}


def _usage(pid: int) -> tuple[float, int]:
    """Processor seconds and bytes in memory of a process; nothing of one that is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as stat:
            fields = stat.read(4_096).rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0, 0
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S, int(fields[21]) * PAGE_BYTES


def _send(pipe: BinaryIO, head: Mapping[str, Any], blobs: Sequence[bytes | memoryview], shared: mmap.mmap | None = None) -> None:
    """The head and the sizes of the blobs through the pipe; the blobs after them, or into shared memory where they find room there."""
    flat = [memoryview(blob) for blob in blobs]
    sizes = [len(blob) for blob in flat]
    is_shared = shared is not None and sum(sizes) <= len(shared)
    if shared is not None and is_shared:
        start = 0
        for blob in flat:
            shared[start : start + len(blob)] = blob
            start += len(blob)
    encoded = json.dumps({"head": head, "sizes": sizes, "shared": is_shared}).encode()
    pipe.write(LENGTH.pack(len(encoded)) + encoded)
    for blob in flat if not is_shared else ():
        pipe.write(blob)
    pipe.flush()


def _receive(pipe: BinaryIO, shared: mmap.mmap | None = None) -> tuple[dict[str, Any], list[bytes]]:
    """Raises: EOFError when the other side is gone."""
    told = json.loads(_exactly(pipe, LENGTH.unpack(_exactly(pipe, LENGTH.size))[0]))
    if shared is None or not told["shared"]:
        return told["head"], [_exactly(pipe, size) for size in told["sizes"]]
    ends = list(itertools.accumulate(told["sizes"], initial=0))
    return told["head"], [shared[start:end] for start, end in itertools.pairwise(ends)]


def _exactly(pipe: BinaryIO, size: int) -> bytes:
    data = pipe.read(size)
    if len(data) < size:
        raise EOFError(f"{size} bytes expected, the other side ended after {len(data)}")
    return data


def _give_up_rights() -> None:
    """The child, before it imports what reads files: limits of the kernel that hold for all that it does and starts."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_WRITTEN_BYTES, MAX_WRITTEN_BYTES))
    ctypes.CDLL(None).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def _serve(module: str, requests: BinaryIO, answers: BinaryIO, shared: mmap.mmap) -> None:
    """The child: answers calls until the parent is gone."""
    functions = importlib.import_module(module)
    gc.freeze()  # what is there now stays
    gc.set_threshold(50_000)  # a page has some thousand objects, which go without the collector
    _send(answers, {"ready": True}, [])
    blobs: list[bytes] = []
    while True:
        try:
            told, new = _receive(requests)
        except EOFError:
            return
        blobs = blobs if told["again"] else new
        try:
            answer, found = getattr(functions, told["function"])(told["request"], blobs)
            head: dict[str, Any] = {"answer": answer}
        except Refused as refused:
            head, found = {"refused": [refused.reason.name, refused.reason.doc, refused.detail, refused.facts]}, []
        except MemoryError as error:
            head, found = {"refused": [TOO_COSTLY.name, TOO_COSTLY.doc, f"MemoryError: {error}", {}]}, []
        except BaseException:
            head, found = {"raised": traceback.format_exc()}, []
        _send(answers, head, found, shared)


if __name__ == "__main__":
    _give_up_rights()
    with os.fdopen(int(sys.argv[2]), "rb") as theirs_in, os.fdopen(int(sys.argv[3]), "wb") as theirs_out:
        _serve(sys.argv[1], theirs_in, theirs_out, mmap.mmap(int(sys.argv[4]), SHARED_BYTES))
