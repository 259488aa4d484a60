"""What a second worker gives, and what a cluster costs: corpora of larger samples in this process, on an embedded Ray, and on three raylets.

Every mode is a process of its own that starts or joins its Ray, builds a small part to warm up, and is timed on the whole. What a second core of
this machine is worth for a corpus, whoever starts its work, is seen from two builds in process side by side: no second worker can give more. One
worker on three raylets is compared with one on an embedded Ray, so that in both a second core is free for what Ray itself does. It wants two idle
cores: on a machine with other work the ratios say little. `--full` takes sources on which one worker is busy for about a minute; without it
seconds of work, where starts and ends of stages weigh more. CORPUSMILL_BENCH_ROUNDS is how often all modes take their turn; the least time counts.
"""

from __future__ import annotations

import contextlib
import json
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


@dataclass(frozen=True, slots=True)
class Mode:
    """How a corpus is built: `builds` at the same time, each with so many workers (0: in process), on a cluster of its own or on three raylets."""

    workers: int
    builds: int = 1
    on_raylets: bool = False


ALONE, BESIDE, ONE, TWO, RAYLETS = "in process", "two of these", "1 worker", "2 workers", "1 on 3 raylets"
MODES = {ALONE: Mode(0), BESIDE: Mode(0, builds=2), ONE: Mode(1), TWO: Mode(2), RAYLETS: Mode(1, on_raylets=True)}


def run(mode: str, corpus: str, sample: Path, address: str) -> float:
    """Seconds that building the corpus takes, Ray's start and the start of its workers left out."""
    workers = MODES[mode].workers
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


def timed(mode: str, corpus: str, sample: Path) -> float:
    """`run` in processes of its own: how long the slowest took. Raises RuntimeError with what one said when it failed."""
    with nodes(1, 1, head_cpus=0) if MODES[mode].on_raylets else contextlib.nullcontext() as started:
        address = started.address if started else ""
        command = [sys.executable, "-m", "tests.benchmarks.bench_cluster", mode, corpus, str(sample), address]
        environment = {**os.environ, **(QUIET if address else {})}
        root = Path(__file__).parents[2]
        builds = [
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=root, env=environment)
            for _ in range(MODES[mode].builds)
        ]
        told = [build.communicate() for build in builds]
    for build, (_, errors) in zip(builds, told, strict=True):
        if build.returncode != 0:
            raise RuntimeError(f"{mode}, {corpus} failed: {errors[-2_000:]}")
    return max(float(json.loads(said.splitlines()[-1])) for said, _ in told)


def main() -> None:
    full = "--full" in sys.argv
    chosen = [corpus for corpus in MEASURED if corpus in sys.argv] or list(MEASURED)
    print(f"  seconds; {len(os.sched_getaffinity(0))} CPUs, load before {os.getloadavg()[0]:.1f}")
    print(f"  {'corpus':18}" + "".join(f"{mode:>16}" for mode in MODES) + "   1 -> 2   most here   raylets / embedded")
    with tempfile.TemporaryDirectory(prefix="cluster-") as place:
        for corpus in chosen:
            measured, least = MEASURED[corpus], dict.fromkeys(MODES, float("inf"))
            for name, size in (("warm", 1), ("timed", measured.sizes[full])):
                measured.make(Path(place) / corpus / name, size)
            for _ in range(ROUNDS):
                for mode in MODES:
                    least[mode] = min(least[mode], timed(mode, corpus, Path(place) / corpus))
            ratios = (least[ONE] / least[TWO], 2 * least[ALONE] / least[BESIDE], least[RAYLETS] / least[ONE])
            print(
                f"  {corpus:18}" + "".join(f"{least[mode]:16.1f}" for mode in MODES) + "   {:6.2f}   {:9.2f}   {:18.2f}".format(*ratios),
                flush=True,
            )


if __name__ == "__main__":
    if len(sys.argv) == 5 and sys.argv[1] in MODES:
        print(json.dumps(run(sys.argv[1], sys.argv[2], Path(sys.argv[3]), sys.argv[4])))
    else:
        main()
