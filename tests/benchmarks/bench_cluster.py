"""What a second worker gives, and what a cluster costs: corpora of the sample in this process, on an embedded Ray, and on three raylets.

Every mode is a process of its own that starts or joins its Ray, builds a few splits to warm up, and is timed on the rest; modes take turns over
the rounds, and the least time of each counts, so that what else the machine does counts less. It wants two idle cores: on a machine with
other work the ratios say little. CORPUSMILL_BENCH_SIZE is the sample's size, CORPUSMILL_BENCH_ROUNDS how often all modes are run.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from pipelines import cluster
from pipelines.build import Execution, build_stages
from pipelines.buildfile import Job, resolve_source
from pipelines.sample import make_sample
from tests.cluster.nodes import QUIET, nodes

SIZE = int(os.environ.get("CORPUSMILL_BENCH_SIZE", "2"))
ROUNDS = int(os.environ.get("CORPUSMILL_BENCH_ROUNDS", "2"))
# Splits small enough that two workers end at about the same time; every one of these is bound by CPU.
SOURCES: dict[str, dict[str, Any]] = {
    "asr": {"path": "speech/manifest.jsonl", "rows_per_split": 4},
    "image_text": {"path": "images/captions.json", "rows_per_split": 4},
    "ocr_pdf": {"path": "documents"},
    "chart": {"path": "chart_sources", "rows_per_split": 4},
}
MODES = ("in process", "embedded Ray, 1 worker", "embedded Ray, 2 workers", "3 raylets, 2 workers")


def run(mode: str, corpus: str, sample: Path, address: str) -> float:
    """Seconds that building the corpus takes, Ray's start and the start of its workers left out."""
    workers = 0 if mode == "in process" else 1 if "1 worker" in mode else 2
    said = {name: str(sample / value) if name == "path" else value for name, value in SOURCES[corpus].items()}
    execution = Execution(workers=workers, address=address or None)
    with tempfile.TemporaryDirectory(prefix="cluster-") as place, contextlib.ExitStack() as stack:
        if workers:
            stack.enter_context(cluster.session(max(2, workers), 0, address or None, lambda _: None))
        seconds = 0.0
        for name in ("warm", "timed"):  # the first starts workers, and imports what they need
            stages = Job(corpus, resolve_source(said, sample, corpus)).stages(Path(place) / name)
            start = time.perf_counter()
            build_stages(stages, Path(place) / name, execution, sessions=stack)
            seconds = time.perf_counter() - start
    return seconds


def timed(mode: str, corpus: str, sample: Path, address: str) -> float:
    """`run` in a process of its own. Raises RuntimeError with what it said when it failed."""
    command = [sys.executable, "-m", "tests.benchmarks.bench_cluster", mode, corpus, str(sample), address]
    environment = {**os.environ, **(QUIET if address else {})}
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], env=environment)
    if done.returncode != 0:
        raise RuntimeError(f"{mode}, {corpus} failed: {done.stderr[-2_000:]}")
    return float(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="cluster-") as place:
        sample = Path(place) / "sample"
        make_sample(sample, size=SIZE)
        least: dict[tuple[str, str], float] = {}
        with nodes(1, 1, head_cpus=0) as started:
            for _ in range(ROUNDS):
                for corpus in SOURCES:
                    for mode in MODES:
                        seconds = timed(mode, corpus, sample, started.address if "raylets" in mode else "")
                        least[corpus, mode] = min(seconds, least.get((corpus, mode), seconds))
    print(
        f"sample of size {SIZE}, least of {ROUNDS} interleaved rounds, {len(os.sched_getaffinity(0))} CPUs, load {os.getloadavg()[0]:.1f}"
    )
    print(
        f"  {'corpus':12} {'in process':>11} {'1 worker':>10} {'2 workers':>10} {'3 raylets':>10}   1 -> 2   in process / 2   raylets / embedded"
    )
    for corpus in SOURCES:
        alone, one, two, many = (least[corpus, mode] for mode in MODES)
        print(
            f"  {corpus:12} {alone:10.1f}s {one:9.1f}s {two:9.1f}s {many:9.1f}s   {one / two:6.2f}   {alone / two:14.2f}   {many / two:18.2f}"
        )


if __name__ == "__main__":
    if len(sys.argv) == 5:
        print(json.dumps(run(sys.argv[1], sys.argv[2], Path(sys.argv[3]), sys.argv[4])))
    else:
        main()
