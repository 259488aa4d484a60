"""What a split costs the driver: trivial records in many splits, through the real build, with nothing else to hide it.

A source of `splits` splits of 100 records each is built with workers 0 and on Ray, a process a phase: its peak memory, its own CPU time,
and the wall time of the build, of running the finished build again, of deriving corpus.json anew, and of verifying. What grows with the
number of splits shows as a figure a split that is not constant. On an S3 server, where one can be started, the requests of a split are counted.

Sizes come from CORPUSMILL_BENCH_SPLITS; `--full` after the name takes 1,000, 10,000 and 100,000 splits (10^7 records) and about an hour.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from pipelines.build import Execution, build
from pipelines.recipe import Recipe
from pipelines.run import run_split
from pipelines.step import each
from pipelines.verify import verify
from schemas.identity import digest
from schemas.outcome import Reject
from schemas.records import Document, Origin, Row
from schemas.store import place_of
from tests.peak import peak_kib

PER_SPLIT = 100
SIZES = os.environ.get("CORPUSMILL_BENCH_SPLITS", "100,400")
FULL_SIZES = "1000,10000,100000"
S3_SIZES, FULL_S3_SIZES = (10, 40), (100, 1000)
WORKERS = 2
PHASES = ("build", "resume", "finish", "verify")


@dataclass(frozen=True, slots=True)
class TrivialSplit:
    """Rows start..stop-1 of the source."""

    id: str
    path: str
    revision: str
    start: int
    stop: int
    num_rows: int
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Trivial:
    """`count` splits of `PER_SPLIT` rows that cost next to nothing to read."""

    count: int
    reasons: ClassVar = ()

    def splits(self) -> list[TrivialSplit]:
        starts = range(0, self.count * PER_SPLIT, PER_SPLIT)
        return [TrivialSplit(digest("trivial", str(at)), "trivial", "r", at, at + PER_SPLIT, PER_SPLIT) for at in starts]

    def read(self, split: TrivialSplit) -> Iterator[Row | Reject]:
        for number in range(split.start, split.stop):
            yield Row(f"{number:032x}", Origin("trivial", "r", "CC0-1.0", f"row {number}"), {})


@dataclass(frozen=True, slots=True)
class Name:
    """A row becomes the shortest document."""

    takes: ClassVar = (Row,)
    gives: ClassVar = Document
    reads: ClassVar = ()
    writes: ClassVar = ()
    reasons: ClassVar = ()
    version: ClassVar = 1

    def __call__(self, row: Row) -> Document:
        return Document(row.key, row.origin, row.key)


def recipe_of(count: int) -> Recipe:
    """The recipe of so many splits."""
    return Recipe("trivial", Trivial(count), (each(Name()),))


def run_phase(phase: str, count: int, out: Path, workers: int) -> dict[str, Any]:
    """One phase in this process. Units: seconds, KiB; `cpu_s` is the driver's alone, `base_kib` its memory before it began."""
    path = out / "trivial"
    if workers and phase == "build":
        import pipelines.cluster  # noqa: F401  so that its size is no part of what grows
    base_kib, start, cpu = peak_kib(), time.perf_counter(), time.process_time()
    if phase == "verify":
        problems = verify(path).problems
        assert problems == [], problems[:3]
    else:
        if phase == "finish":
            (path / "corpus.json").unlink()
        totals = build(recipe_of(count), out, Execution(workers=workers)).totals
        assert totals["num_out"] == count * PER_SPLIT, totals
    return {"seconds": time.perf_counter() - start, "cpu_s": time.process_time() - cpu, "peak_kib": peak_kib(), "base_kib": base_kib}


def run_bare(count: int, out: Path) -> dict[str, Any]:
    """The same splits one after another without a build: what they cost themselves."""
    recipe = recipe_of(count)
    start = time.perf_counter()
    for split in recipe.source.splits():
        run_split(recipe, split, out, {})
    return {"seconds": time.perf_counter() - start}


def in_process(*arguments: object, environment: dict[str, str] | None = None) -> dict[str, Any]:
    """A phase in a process of its own. Raises RuntimeError with what it said when it failed."""
    command = [sys.executable, "-m", "tests.benchmarks.bench_scale", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], env=environment)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command[2:])} failed: {done.stderr[-2_000:]}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def measure(sizes: list[int]) -> None:
    """Prints a table of what each size took."""
    print(f"  {'splits':>8} {'workers':>7}  {'build':>9} {'a split':>9} {'bare':>9} {'driver CPU':>11} {'peak MiB':>9} {'KiB/split':>9}"
          f"  {'resume':>8} {'finish':>8} {'verify':>8}  peaks MiB")  # fmt: skip
    for workers in (0, WORKERS):
        first: tuple[int, int] | None = None
        for count in sizes:
            with tempfile.TemporaryDirectory(prefix="scale-") as place:
                bare = in_process("bare", count if count <= 1_000 else 1_000, f"{place}/bare", 0)["seconds"] / min(count, 1_000)
                took = {phase: in_process(phase, count, f"{place}/out", workers) for phase in PHASES}
            built = took["build"]
            grown = "" if first is None else f"{(built['peak_kib'] - first[1]) / (count - first[0]):9.2f}"
            first = first or (count, built["peak_kib"])
            peaks = " ".join(f"{phase} {took[phase]['peak_kib'] / 1024:.0f}" for phase in PHASES)
            print(
                f"  {count:8} {workers:7}  {built['seconds']:8.1f}s {built['seconds'] / count * 1e3:7.2f}ms {bare * 1e3:7.2f}ms"
                f" {built['cpu_s'] / count * 1e3:9.2f}ms {built['peak_kib'] / 1024:9.0f} {grown:>9}"
                f"  {took['resume']['seconds']:7.1f}s {took['finish']['seconds']:7.1f}s {took['verify']['seconds']:7.1f}s  {peaks}",
                flush=True,
            )


def measure_store(sizes: tuple[int, ...]) -> None:
    """Prints the requests of a build in an S3 server, and of running it again, by method and kind; a split's are the difference of two sizes."""
    from tests.s3 import Proxy, S3Server

    asked: dict[int, dict[str, Counter[str]]] = {}
    with S3Server() as server, Proxy(server) as proxy:
        environment = {**os.environ, **proxy.environment()}
        for count in sizes:
            bucket = server.make_bucket(f"scale-{count}")
            asked[count] = {}
            for phase in ("build", "resume"):
                proxy.requests.clear()
                start = time.perf_counter()
                in_process(phase, count, f"s3://{bucket}/out", 0, environment=environment)
                asked[count][phase] = Counter(_kind(request) for request in proxy.requests)
                print(
                    f"  {count} splits on S3, {phase}: {time.perf_counter() - start:.1f} s, {dict(asked[count][phase].most_common())}",
                    flush=True,
                )
    few, many = sizes
    for phase in ("build", "resume"):
        more = {kind: (number - asked[few][phase][kind]) / (many - few) for kind, number in asked[many][phase].items()}
        per_split = {kind: round(number, 2) for kind, number in sorted(more.items()) if abs(number) >= 0.005}
        print(f"  {phase}: requests a split {sum(more.values()):.2f} {per_split}")


def _kind(request: str) -> str:
    """A request by method and what it is about: the folder of a corpus, the lock, a listing."""
    method, _, path = request.partition(" ")
    place, _, query = path.partition("?")
    if "list-type" in query:
        return f"{method} listing"
    words = [word for word in ("shards", "rejects", "ledger") if f"/{word}/" in place]
    return f"{method} {words[0] if words else 'lock' if '.lock' in place else 'other'}"


def main() -> None:
    full = "--full" in sys.argv
    print(f"{PER_SPLIT} trivial records a split; `bare` is run_split alone; KiB/split against the smallest size")
    measure([int(size) for size in (FULL_SIZES if full else SIZES).split(",")])
    measure_store(FULL_S3_SIZES if full else S3_SIZES)


def _phase() -> None:
    phase, count, out, workers = sys.argv[1], int(sys.argv[2]), place_of(sys.argv[3]), int(sys.argv[4])
    print(json.dumps(run_bare(count, out) if phase == "bare" else run_phase(phase, count, out, workers)))


if __name__ == "__main__":
    _phase() if len(sys.argv) == 5 else main()
