"""The peak of this process's memory. `ru_maxrss` will not do: a new process starts with that of the one that made it."""

from __future__ import annotations

from pathlib import Path


def peak_kib() -> int:
    """Most resident memory since the program was loaded, in KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
