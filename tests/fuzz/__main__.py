"""A fuzzer of every way by which bytes from outside reach a decoder: `python -m tests.fuzz --inputs 100000 --seed 0`.

Each path (`--only image`) has a process of its own that builds; this one watches it: a death, a hang, an exception that is not
declared, a fault, or an input of which nothing came is a finding. It is saved with its number, and `--replay N` runs it again.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fuzz.paths import BY_NAME, PATHS, DecoderPath

ROOT = Path(__file__).parents[2]
REALDATA = Path(os.environ.get("CORPUSMILL_REALDATA", ROOT / ".." / "shared" / "data")).resolve()
START_LIMIT_S = 240.0
MAX_DEATHS = 200  # of one path; then it is given up


@dataclass
class Told:
    """What one path showed."""

    name: str
    num_inputs: int = 0
    num_rows: int = 0
    rejects: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    num_faults: int = 0
    num_crashes: int = 0
    num_hangs: int = 0
    num_problems: int = 0
    peak_bytes: int = 0
    slowest_s: float = 0.0
    slowest: int = -1
    seconds: float = 0.0
    findings: list[dict[str, Any]] = field(default_factory=list)

    @property
    def num_findings(self) -> int:
        return self.num_faults + self.num_crashes + self.num_hangs + self.num_problems

    def take(self, report: dict[str, Any]) -> None:
        self.num_inputs += 1
        self.num_rows += report["num_rows"]
        self.rejects.update(report["rejects"])
        self.refused.update([report["refused"]] if report["refused"] else [])
        self.peak_bytes = max(self.peak_bytes, report["peak_bytes"])
        if report["seconds"] > self.slowest_s:
            self.slowest_s, self.slowest = report["seconds"], report["number"]
        if report["faults"]:
            self.num_faults += 1
        if report["problem"]:
            self.num_problems += 1
        if report["faults"] or report["problem"]:
            self.findings.append(report)

    def row(self) -> str:
        peak = f"{self.peak_bytes >> 20} MiB"
        counts = f"{self.num_inputs:>8}{self.num_rows:>9}{sum(self.rejects.values()):>9}{sum(self.refused.values()):>8}"
        found = f"{self.num_faults:>7}{self.num_crashes:>8}{self.num_hangs:>6}{self.num_problems:>9}"
        return f"{self.name:<11}{counts}{found}{peak:>10}{self.slowest_s:>9.1f} s{self.seconds:>8.0f} s"


HEAD = f"{'path':<11}{'inputs':>8}{'rows':>9}{'rejects':>9}{'refused':>8}{'faults':>7}{'crashes':>8}{'hangs':>6}{'problems':>9}{'peak':>10}{'slowest':>11}{'took':>10}"


class Worker:
    """A process that runs a range of inputs."""

    def __init__(self, path: DecoderPath, seed: int, sample: Path, realdata: Path | None, scratch: Path, first: int, stop: int) -> None:
        self.errors = scratch / "errors.txt"
        scratch.mkdir(parents=True, exist_ok=True)
        command = [
            sys.executable,
            "-m",
            "tests.fuzz.worker",
            path.name,
            str(seed),
            str(sample),
            str(realdata or ""),
            str(scratch),
            str(first),
            str(stop),
        ]
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, start_new_session=True
            )
        self._buffer = b""

    def lines(self, limit_s: float) -> Iterator[str]:
        """Lines as they come. Raises TimeoutError when none comes for `limit_s` (for the first one: START_LIMIT_S)."""
        assert self.process.stdout is not None
        handle, wait_s = self.process.stdout.fileno(), START_LIMIT_S
        while True:
            if not select.select([handle], [], [], wait_s)[0]:
                raise TimeoutError
            piece = os.read(handle, 1 << 16)
            if not piece:
                return
            *lines, self._buffer = (self._buffer + piece).split(b"\n")
            wait_s = limit_s
            for line in lines:
                yield line.decode()

    def end(self) -> int:
        """Ends the process and all that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        code = self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


def fuzz(
    path: DecoderPath, num_inputs: int, seed: int, sample: Path, realdata: Path | None, first: int = 0, until: float = float("inf")
) -> Told:
    """Runs inputs `first` and after of a path; one that kills or hangs its process is noted, and another process goes on behind it.

    `until` (by the monotonic clock) is when no more are begun.
    """
    told, begun = Told(path.name), time.perf_counter()
    at, stop = first, first + num_inputs
    with tempfile.TemporaryDirectory(prefix="fuzz-") as scratch:
        while at < stop and told.num_crashes + told.num_hangs < MAX_DEATHS and time.monotonic() < until:
            worker = Worker(path, seed, sample, realdata, Path(scratch), at, stop)
            running, is_hung, is_ended = None, False, False
            try:
                for line in worker.lines(path.limit_s):
                    if line.startswith("begin "):
                        running = int(line.split()[1])
                    elif line.startswith("{"):
                        told.take(json.loads(line))
                        at, running = at + 1, None
                        if time.monotonic() > until:
                            is_ended = True
                            break
                    elif line == "end":
                        is_ended = True
            except TimeoutError:
                is_hung = True
            code = worker.end()
            if is_ended:
                break
            errors = worker.errors.read_text(errors="replace")[-6_000:]
            if running is None and not is_hung and at < stop:
                raise RuntimeError(f"the process for path {path.name} ended with code {code} before an input was run:\n{errors}")
            told.num_hangs += is_hung
            told.num_crashes += not is_hung
            told.num_inputs += 1
            what = f"hung for more than {path.limit_s} s" if is_hung else f"the process that builds ended with code {code}"
            told.findings.append({"number": running, "seed_file": "", "faults": [], "problem": f"{what}\n{errors}"})
            at = (running if running is not None else at) + 1
    told.seconds = time.perf_counter() - begun
    return told


def shares(num_inputs: int, paths: tuple[DecoderPath, ...]) -> dict[str, int]:
    """How many inputs go each way: by the paths' shares, all of them together `num_inputs` or a few more."""
    total = sum(path.share for path in paths)
    return {path.name: max(1, round(num_inputs * path.share / total)) for path in paths}


def save(told: Told, seed: int, sample: Path, realdata: Path | None, out: Path) -> None:
    """Each finding as the bytes of the input and what is known of it."""
    from tests.fuzz.worker import make_input, prepare

    path = BY_NAME[told.name]
    with tempfile.TemporaryDirectory(prefix="fuzz-") as scratch:
        seeds = prepare(path, sample, realdata, Path(scratch))
        for finding in told.findings:
            if finding["number"] is None:
                continue
            chosen, data = make_input(path, seeds, seed, finding["number"])
            place = out / f"{told.name}-{seed}-{finding['number']}"
            out.mkdir(parents=True, exist_ok=True)
            place.with_suffix(f".{chosen.kind}").write_bytes(data)
            place.with_suffix(".told.json").write_text(json.dumps(finding, indent=1))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=2_000, help="how many, over all paths")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", action="append", choices=sorted(BY_NAME), help="a path; may be given several times")
    parser.add_argument("--first", type=int, default=0, help="the number of the first input of each path")
    parser.add_argument("--replay", type=int, help="one input of one path, by its number")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no more inputs of a path after so long")
    parser.add_argument("--sample", type=Path, help="the folder that `corpusmill sample` wrote; made anew where it is not given")
    parser.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()) / "corpusmill-fuzz", help="where findings are saved")
    asked = parser.parse_args()
    paths = tuple(path for path in PATHS if not asked.only or path.name in asked.only)
    realdata = REALDATA if REALDATA.is_dir() else None
    made = None
    if asked.sample is None:
        from pipelines.sample import make_sample

        made = Path(tempfile.mkdtemp(prefix="fuzz-sample-"))
        make_sample(made / "sample")
    sample = asked.sample or made / "sample"  # type: ignore[operator]
    wanted = {path.name: 1 for path in paths} if asked.replay is not None else shares(asked.inputs, paths)
    first = asked.first if asked.replay is None else asked.replay
    print(HEAD, flush=True)
    every = []
    for path in paths:
        told = fuzz(path, wanted[path.name], asked.seed, sample, realdata, first, time.monotonic() + 60 * asked.minutes)
        save(told, asked.seed, sample, realdata, asked.out)
        print(told.row(), flush=True)
        every.append(told)
    for told in every:
        print(f"\n{told.name}: " + ", ".join(f"{name} {count}" for name, count in told.rejects.most_common()))
        if told.refused:
            print(f"  refused as a whole: {dict(told.refused.most_common(8))}")
        for finding in told.findings[:20]:
            what = (finding["problem"] or finding["faults"][0]).strip().splitlines()
            print(
                f"  FINDING --only {told.name} --seed {asked.seed} --replay {finding['number']} ({finding['seed_file']}): {what[0]} ... {what[-1]}"
            )
    print(f"\n{sum(told.num_inputs for told in every)} inputs, {sum(told.num_findings for told in every)} findings")
    if made is not None:
        shutil.rmtree(made)
    return 1 if any(told.num_findings for told in every) else 0


if __name__ == "__main__":
    sys.exit(main())
