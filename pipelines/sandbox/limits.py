"""What runs behind the wall, within which limits, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from processors.engine import EngineMissing

MIB = 1 << 20

EXITED = "exited"  # it ended by itself; `exit_code` is its own
TIMEOUT = "timeout"  # more wall or processor time than allowed
MEMORY = "memory"  # more memory than allowed
OUTPUT = "output"  # more written to stdout and stderr than allowed
KILLED = "killed"  # a signal ended it: a fault of its own, or whoever holds it
FORBIDDEN = "forbidden"  # it asked the kernel for what no honest program needs, and was ended at once
LOST = "lost"  # the sandbox itself ended during the run, twice
STATUSES = (EXITED, TIMEOUT, MEMORY, OUTPUT, KILLED, FORBIDDEN, LOST)


class NoIsolation(EngineMissing):
    """This machine cannot isolate programs, so none is run; the message says what is missing and how to get it."""


class SandboxStopped(RuntimeError):
    """The sandbox could not start a job, although it stood when it was opened; nothing has run."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run may use. The kernel enforces each; a sum over processes is also watched every 20 ms.

    Attributes:
        cpu_s: processor time of all its processes together.
        wall_s: time from its start, whatever it does.
        memory_bytes: address space of each process, and resident memory of all together (the scratch comes on top of it).
        num_processes: processes and threads at a time, the program itself included.
        file_bytes: the largest file it may write.
        scratch_bytes: all its files together; they lie in memory.
        output_bytes: stdout and stderr, each.
        num_files: open files of each process.
    """

    cpu_s: float = 5.0
    wall_s: float = 10.0
    memory_bytes: int = 1024 * MIB
    num_processes: int = 16
    file_bytes: int = 16 * MIB
    scratch_bytes: int = 64 * MIB
    output_bytes: int = MIB
    num_files: int = 128

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if not getattr(self, name) > 0:
                raise ValueError(f"limit {name} is {getattr(self, name)}, expected more than 0")


@dataclass(frozen=True, slots=True)
class Program:
    """The text of a program that nobody has read, what it reads from stdin, and the files (relative path to content) it finds."""

    source: str
    language: str = "python"
    stdin: bytes = b""
    files: Mapping[str, bytes] = field(default_factory=dict)
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True)
class Entry:
    """A function of `pipelines.sandbox.inside`, called as `function(payload)` behind the wall: trusted code, that may run other code.

    It is as isolated and limited as a program. Descriptors that the job was given are open at their numbers.
    """

    name: str
    payload: bytes = b""
    limits: Limits = Limits()


Job = Program | Entry


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended.

    Attributes:
        status: one of `STATUSES`.
        exit_code: its own where it exited, minus the signal's number where a signal ended it.
        stdout, stderr: what it wrote, at most `output_bytes` each.
        cpu_s, wall_s: time used, by all its processes.
        what: a sentence for people.
        refused: names of the system calls that it was refused, sorted.
    """

    status: str
    exit_code: int
    stdout: bytes
    stderr: bytes
    cpu_s: float
    wall_s: float
    what: str
    refused: tuple[str, ...] = ()
