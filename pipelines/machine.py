"""What the machine gives: processors, memory, limits, the disk of the corpora and what its file system allows, the environment."""

from __future__ import annotations

import contextlib
import fcntl
import locale
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from pipelines.doctor import MISSING, OK, WARNING, Check

GIB = 1 << 30
MIN_MEMORY_GIB, MIN_SHARED_GIB, MIN_DISK_GIB = 4.0, 2.0, 10.0
MIN_FILES = 4_096
MAX_SKEW_S = 2.0
EARLIEST_S = 1_767_225_600  # the first of January 2026: this toolkit is not older
NAMED = (
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "OPENAI_API_KEY", "OPENAI_BASE_URL", "HF_ENDPOINT", "HF_TOKEN", "HF_HUB_OFFLINE",
    "RAY_ADDRESS", "RAY_AUTH_MODE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "AWS_ENDPOINT_URL", "PIP_INDEX_URL", "OMP_NUM_THREADS",
)  # fmt: skip


def processors() -> Iterator[Check]:
    """Processors that this process may use, and what a container's limit leaves of them."""
    usable = len(os.sched_getaffinity(0))
    quota = _cpu_quota()
    said = f"{usable} of {os.cpu_count()} usable" + (f", limited to the time of {quota:g} by the container" if quota else "")
    few = quota is not None and quota < usable
    yield Check("Machine", "processors", WARNING if few else OK, said, f"build with --workers {max(1, int(quota or 1))}" if few else "")


def _cpu_quota() -> float | None:
    told = _first(Path("/sys/fs/cgroup/cpu.max"))
    if told is not None and not told.startswith("max"):
        time_us, period_us = told.split()[:2]
        return int(time_us) / int(period_us)
    time_text, period_text = (_first(Path(f"/sys/fs/cgroup/cpu/cpu.cfs_{name}_us")) for name in ("quota", "period"))
    return int(time_text) / int(period_text) if time_text and period_text and int(time_text) > 0 else None


def _first(path: Path) -> str | None:
    """What a file of the kernel says; None where it has none."""
    try:
        return path.read_text().strip()
    except OSError:
        return None


def memory() -> Iterator[Check]:
    """Memory that is free, a container's limit, and the shared memory in which Ray keeps objects."""
    lines = (_first(Path("/proc/meminfo")) or "").splitlines()
    told = {name: int(rest.split()[0]) * 1024 for name, _, rest in (line.partition(":") for line in lines)}
    free, total = told.get("MemAvailable", 0) / GIB, told.get("MemTotal", 0) / GIB
    limit = _memory_limit()
    if limit is not None and limit[0] / GIB < total:
        free = min(free, (limit[0] - limit[1]) / GIB)
        said = f"{free:.1f} GiB free of the {limit[0] / GIB:.1f} GiB that the container may use"
    else:
        said = f"{free:.1f} GiB free of {total:.1f} GiB"
    todo = "use fewer workers, each takes up to 1 GiB; or a larger machine" if free < MIN_MEMORY_GIB else ""
    yield Check("Machine", "memory", WARNING if todo else OK, said, todo)
    try:
        shared = shutil.disk_usage("/dev/shm")
    except OSError as error:
        yield Check("Machine", "shared memory", WARNING, f"/dev/shm cannot be read: {error}", "build with --workers 0, or mount it")
        return
    small = shared.free / GIB < MIN_SHARED_GIB
    todo = "give the container --shm-size=4g, else Ray keeps objects on the disk and is slow" if small else ""
    yield Check("Machine", "shared memory", WARNING if small else OK, f"{shared.free / GIB:.1f} GiB free in /dev/shm", todo)


def _memory_limit() -> tuple[int, int] | None:
    """The container's limit and what is used of it, in bytes."""
    for limit, used in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ):
        most, now = _first(Path(limit)), _first(Path(used))
        if most is not None and most.isdigit() and now is not None and now.isdigit():
            return int(most), int(now)
    return None


def limits() -> Iterator[Check]:
    """How many files may be open, and whether texts are UTF-8."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = 0 <= soft < MIN_FILES
    todo = f"ulimit -n {min(65_536, hard) if hard > 0 else 65_536}" if few else ""
    yield Check("Machine", "open files", WARNING if few else OK, f"{soft:,} at once, up to {hard:,}", todo)
    encodings = {sys.getfilesystemencoding().lower(), locale.getpreferredencoding(False).lower()}
    is_utf8 = encodings <= {"utf-8", "utf8"}
    said = f"names and texts are {' and '.join(sorted(encodings))}"
    yield Check("Machine", "locale", OK if is_utf8 else WARNING, said, "" if is_utf8 else "export LC_ALL=C.UTF-8")


# ---- the disk


def folder(out: Path) -> Iterator[Check]:
    """What the file system of the corpora's folder gives and allows: room, writing, links, durable writes, locks; and the clock."""
    place = out.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    name = str(out) if place == out.absolute() else f"{out} (to be made in {place})"
    try:
        usage = shutil.disk_usage(place)
        free = usage.free / GIB
        state, todo = (OK, "") if free >= MIN_DISK_GIB else (WARNING, "free space, or choose another folder with --out")
        yield Check("Corpora", "disk", state, f"{free:.1f} GiB free for {name}", todo)
        with tempfile.TemporaryDirectory(prefix=".corpusmill-doctor-", dir=place) as made:
            for what, test, why in _TESTS:
                yield _tried(what, test, why, Path(made))
            yield _clock(Path(made))
    except OSError as error:
        yield Check("Corpora", "writable", MISSING, f"cannot write to {name}: {error}", "choose a writable folder with --out")


def _tried(what: str, test: Callable[[Path], str], why: str, place: Path) -> Check:
    try:
        return Check("Corpora", what, OK, test(place))
    except OSError as error:
        return Check("Corpora", what, MISSING, f"{error}; {why}", "choose a folder on a local disk with --out")


def _writes(place: Path) -> str:
    start = time.perf_counter()
    with (place / "file").open("wb") as handle:
        handle.write(b"x" * (1 << 20))
        handle.flush()
        os.fsync(handle.fileno())
    handle_of_folder = os.open(place, os.O_RDONLY)
    try:
        os.fsync(handle_of_folder)
    finally:
        os.close(handle_of_folder)
    return f"1 MiB written and made durable in {1_000 * (time.perf_counter() - start):.0f} ms"


def _links(place: Path) -> str:
    (place / "first").write_bytes(b"x")
    os.link(place / "first", place / "second")
    with contextlib.suppress(FileExistsError):
        os.link(place / "first", place / "second")
        raise OSError("a link was made over a file that was there")
    return "hard links are made, and never over a file that is there"


def _locks(place: Path) -> str:
    with (place / "lock").open("w") as one, (place / "lock").open("w") as other:
        fcntl.flock(one, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return "a second builder is kept out (flock)"
        raise OSError("two holders got the same lock")


_TESTS = (
    ("durable writes", _writes, "a build could lose what it committed"),
    ("hard links", _links, "a ledger entry is committed by a link"),
    ("locks", _locks, "two builds of one corpus could meet"),
)


def _clock(place: Path) -> Check:
    """The clock beside that of the file system, and not before this toolkit was written."""
    file = place / "now"
    file.write_bytes(b"x")
    skew_s = file.stat().st_mtime - time.time()
    if time.time() < EARLIEST_S:
        return Check(
            "Corpora", "clock", WARNING, f"it is {time.strftime('%Y-%m-%d %H:%M:%S')} here: certificates will not hold", "set the clock"
        )
    state = OK if abs(skew_s) <= MAX_SKEW_S else WARNING
    said = f"{time.strftime('%Y-%m-%d %H:%M:%S %Z')}; the file system's clock is {abs(skew_s):.1f} s away"
    return Check("Corpora", "clock", state, said, "" if state == OK else "set the clocks of this machine and of the file server")


def environment() -> Iterator[Check]:
    """Variables that change how the network, models and Ray are reached: their names."""
    names = sorted({name for name in os.environ if name.upper() in NAMED})
    yield Check(
        "Environment", "variables", OK, f"set: {', '.join(names)} (values are not shown)" if names else "none that matters here is set"
    )
    if "RAY_ADDRESS" in os.environ:
        said = "RAY_ADDRESS is set; builds start a Ray of their own all the same, unless told --address"
        yield Check("Environment", "Ray's address", WARNING, said, "unset RAY_ADDRESS, or build with --address")
