"""What a second worker gives, and what a cluster costs: corpora of larger samples in this process, on an embedded Ray, and on three raylets.

Every mode is a process of its own that starts or joins its Ray, builds a small part to warm up, and is timed on the whole; the floor is two
processes of pure arithmetic side by side, which shows what a second core of this machine is worth. It wants two idle cores: on a machine with
other work the ratios say little. `--full` takes sources on which one worker is busy for a minute and more, for every corpus; without it seconds
of work, where starts and ends of stages weigh more. CORPUSMILL_BENCH_ROUNDS is how often all modes take their turn; the least time of each counts.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines import cluster
from pipelines.build import Execution, build_stages
from pipelines.buildfile import Job, resolve_source
from pipelines.sample import SAMPLE_FAMILIES
from tests.cluster.nodes import QUIET, nodes

ROUNDS = int(os.environ.get("CORPUSMILL_BENCH_ROUNDS", "1"))
FLOOR_STEPS = 20_000_000


@dataclass(frozen=True, slots=True)
class Measured:
    """A corpus of one family of the sample; `sizes` are the sample's, for seconds and for a minute of work.

    `repeats`: how often a manifest tells each row, where making a larger sample takes longer than reading it.
    """

    family: str
    source: dict[str, Any]
    sizes: tuple[int, int]
    repeats: int = 1

    def make(self, folder: Path, size: int) -> None:
        (folder / self.family).mkdir(parents=True)
        SAMPLE_FAMILIES[self.family](folder, size, 0)
        if self.repeats > 1:
            manifest = folder / str(self.source["path"])
            manifest.write_bytes(manifest.read_bytes() * self.repeats)


MEASURED = {
    "asr": Measured("speech", {"path": "speech/manifest.jsonl", "rows_per_split": 16}, (1, 20), repeats=6),
    "image_text": Measured("images", {"path": "images/captions.json", "rows_per_split": 8}, (4, 80)),
    "chart": Measured("chart_sources", {"path": "chart_sources/tables.jsonl", "rows_per_split": 4}, (2, 30)),
    "language_pretrain": Measured("web", {"path": "web/documents.jsonl", "rows_per_split": 100}, (4, 200)),
    "vision_speech": Measured("charts", {"path": "charts/questions.jsonl", "rows_per_split": 8}, (2, 12)),
}
MODES = ("in process", "embedded Ray, 1 worker", "embedded Ray, 2 workers", "3 raylets, 2 workers")


def run(mode: str, corpus: str, sample: Path, address: str) -> float:
    """Seconds that building the corpus takes, Ray's start and the start of its workers left out."""
    workers = 0 if mode == "in process" else 1 if "1 worker" in mode else 2
    execution = Execution(workers=workers, address=address or None)
    with tempfile.TemporaryDirectory(prefix="cluster-") as place, contextlib.ExitStack() as stack:
        if workers:
            stack.enter_context(cluster.session(max(2, workers), 2, address or None, lambda _: None))
        seconds = 0.0
        for name in ("warm", "timed"):  # the first starts workers, and imports what they need
            source = resolve_source(MEASURED[corpus].source, sample / name, corpus)
            stages = Job(corpus, source).stages(Path(place) / name)
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


def _count() -> None:
    total = 0
    for step in range(FLOOR_STEPS):
        total += step * step % 7


def floor() -> float:
    """How much faster two processes of arithmetic do their work side by side than one after another."""
    took = []
    for count in (1, 2):
        processes = [multiprocessing.Process(target=_count) for _ in range(count)]
        start = time.perf_counter()
        for process in processes:
            process.start()
        for process in processes:
            process.join()
        took.append(time.perf_counter() - start)
    return 2 * took[0] / took[1]


def main() -> None:
    full = "--full" in sys.argv
    chosen = [corpus for corpus in MEASURED if corpus in sys.argv] or list(MEASURED)
    print(f"floor: two processes do twice the arithmetic {floor():.2f} times as fast as one; {len(os.sched_getaffinity(0))} CPUs")
    print(
        f"  {'corpus':18} {'in process':>11} {'1 worker':>10} {'2 workers':>10} {'3 raylets':>10}   1 -> 2   in process / 2   raylets / embedded"
    )
    with tempfile.TemporaryDirectory(prefix="cluster-") as place:
        for corpus in chosen:
            measured, least = MEASURED[corpus], dict.fromkeys(MODES, float("inf"))
            for name, size in (("warm", 1), ("timed", measured.sizes[full])):
                measured.make(Path(place) / corpus / name, size)
            for _ in range(ROUNDS):
                for mode in MODES:
                    with (
                        nodes(1, 1, head_cpus=0) if "raylets" in mode else contextlib.nullcontext() as started
                    ):  # idle nodes cost a tenth of a core
                        least[mode] = min(least[mode], timed(mode, corpus, Path(place) / corpus, started.address if started else ""))
            alone, one, two, many = least.values()
            print(
                f"  {corpus:18} {alone:10.1f}s {one:9.1f}s {two:9.1f}s {many:9.1f}s   {one / two:6.2f}   {alone / two:14.2f}   {many / two:18.2f}",
                flush=True,
            )
    print(f"  load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    if len(sys.argv) == 5 and sys.argv[1] in MODES:
        print(json.dumps(run(sys.argv[1], sys.argv[2], Path(sys.argv[3]), sys.argv[4])))
    else:
        main()
