"""The engine's cost: a build on two Ray workers against the same splits in a plain multiprocessing.Pool of two."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

from pipelines.build import Execution, build
from pipelines.corpora.asr import asr
from pipelines.recipe import Recipe
from pipelines.run import run_split
from pipelines.source import open_source
from pipelines.stage import Earlier

NUM_CLIPS = int(os.environ.get("CORPUSMILL_BENCH_CLIPS", "6000"))
SECONDS = 12
WORKERS = 2


def _make_source(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for number in range(20):
        soundfile.write(folder / f"{number}.flac", rng.standard_normal(SECONDS * 44_100) * 0.1, 44_100)
    lines = [f'{{"audio_filepath": "{number % 20}.flac", "text": "clip {number}"}}' for number in range(NUM_CLIPS)]
    (folder / "manifest.jsonl").write_text("\n".join(lines))


def _recipe(folder: Path) -> Recipe:
    source = open_source(str(folder / "manifest.jsonl"), rows_per_split=64)
    return asr(source)[0].make(Earlier())


def _one(arguments: tuple[Recipe, object, Path]) -> int:
    recipe, split, out = arguments
    return run_split(recipe, split, out, {}).entry.shard.num_rows


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        _make_source(folder)
        recipe = _recipe(folder)
        splits = recipe.source.splits()
        start = time.perf_counter()
        with multiprocessing.get_context("spawn").Pool(WORKERS) as pool:
            rows = sum(pool.imap_unordered(_one, [(recipe, split, folder / "pool") for split in splits]))
        plain = time.perf_counter() - start
        shutil.rmtree(folder / "pool")
        notes: list[str] = []

        class Notes:
            def start(self, *_: object) -> None: ...
            def committed(self, _: object) -> None: ...
            def note(self, message: str) -> None:
                notes.append(message)

            def end(self) -> None: ...

        result = build(recipe, folder / "ray", Execution(workers=WORKERS), Notes())
        started = float(notes[0].split(" in ")[1].split(" s")[0])
        work = result.seconds - started
        print(f"{rows} clips of {SECONDS} s in {len(splits)} splits, {WORKERS} workers")
        print(f"  plain Pool {plain:6.1f} s; build on Ray {result.seconds:6.1f} s, of which Ray's start {started:.1f} s")
        print(
            f"  work on Ray takes {work / plain:.3f} x the plain Pool ({NUM_CLIPS * SECONDS / 3600 / (work * WORKERS / 3600):.0f} h of audio a core-hour)"
        )


if __name__ == "__main__":
    main()
