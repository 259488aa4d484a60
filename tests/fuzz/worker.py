"""The process that builds, as the fuzzer starts it: takes the numbers of inputs, runs each, and tells what became of it.

    python -m tests.fuzz.worker PATH SEED SAMPLE REALDATA SCRATCH FIRST STOP

One line before an input ("begin N"), one JSON object after it; whoever reads them knows which input a death or a hang belongs to.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import random
import resource
import shutil
import sys
import time
import traceback
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.fuzz.mutate import mutate
from tests.fuzz.paths import BY_NAME, OWN, DecoderPath, Outcome, Seed, set_media, set_own

AGAIN_EVERY = 97  # so many inputs apart one is run twice: the same bytes must have the same fate


def prepare(path: DecoderPath, sample: Path, realdata: Path | None, scratch: Path) -> list[Seed]:
    """The seeds of a path, and what its inputs need beside them."""
    set_media(sample)
    if path.name == "own":
        set_own(scratch)
    return path.seeds(sample, realdata)


def make_input(path: DecoderPath, seeds: list[Seed], seed: int, number: int) -> tuple[Seed, bytes]:
    """The `number`-th input: a seed file, mutated. The first ones are the seed files as they are."""
    rng = random.Random(f"{seed}/{path.name}/{number}")
    if path.name == "own":
        name = OWN["files"][number % len(OWN["files"])] if rng.random() < 0.9 else rng.choice(OWN["files"])
        kind = name.rpartition(".")[2]
        return seeds[0], name.encode() + b"\n" + mutate((OWN["corpus"] / name).read_bytes(), rng, kind)
    if number < len(seeds):
        return seeds[number], seeds[number].data
    chosen = rng.choice(seeds)
    alike = [other.data for other in seeds if other.kind == chosen.kind]
    return chosen, mutate(chosen.data, rng, chosen.kind, alike)


def run_one(path: DecoderPath, chosen: Seed, data: bytes, folder: Path) -> Outcome:
    """What became of the input; an exception that the path does not declare is its `problem`."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return path.run(folder, chosen, data)
    except Exception as error:
        return Outcome(problem=f"raised {type(error).__name__}: {error}"[:600] + "\n" + "".join(traceback.format_exception(error))[-6_000:])


def peak_bytes() -> int:
    """Most resident memory since the mark was set back."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) << 10


def forget_peak() -> None:
    with contextlib.suppress(OSError):  # where the kernel does not let us, peaks are those of the process so far
        Path("/proc/self/clear_refs").write_text("5")


def main(name: str, seed: str, sample: str, realdata: str, scratch: str, first: str, stop: str) -> None:
    path = BY_NAME[name]
    faulthandler.enable()
    told = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print goes with errors
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (path.memory_bytes, path.memory_bytes))
    seeds = prepare(path, Path(sample), Path(realdata) if realdata else None, Path(scratch))
    print("ready", len(seeds), file=told)
    for number in range(int(first), int(stop)):
        chosen, data = make_input(path, seeds, int(seed), number)
        print(f"begin {number}", file=told)
        forget_peak()
        begun = time.perf_counter()
        outcome = run_one(path, chosen, data, Path(scratch) / "input")
        seconds = time.perf_counter() - begun
        if (
            number % AGAIN_EVERY == 0
            and not outcome.problem
            and asdict(run_one(path, chosen, data, Path(scratch) / "input")) != asdict(outcome)
        ):
            outcome.problem = "run again, the same input had another fate"
        report: dict[str, Any] = {
            "number": number,
            "seed_file": chosen.name,
            "seconds": seconds,
            "peak_bytes": peak_bytes(),
            **asdict(outcome),
        }
        print(json.dumps(report), file=told)
    print("end", file=told)


if __name__ == "__main__":
    main(*sys.argv[1:])
