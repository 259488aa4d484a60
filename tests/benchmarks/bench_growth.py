"""How a text corpus grows: documents of 60 to 120 words with planted copies and lines, from the source to counted tokens.

Every size runs in a process of its own, on one core: MinHash signatures, exact and near duplicates, repeated lines, o200k tokens. Linear
growth shows as an equal rate. Sizes come from CORPUSMILL_BENCH_DOCUMENTS; `10000,100000,1000000` takes half an hour.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.build import Execution, build
from pipelines.corpus_source import open_corpus
from pipelines.dedup import drop_listed, find_duplicates
from pipelines.graph import compute_here
from pipelines.near_text import drop_near_text, find_near_texts
from pipelines.recipe import Recipe
from pipelines.repeated_lines import drop_repeated_lines, find_repeated_lines, passages_of
from pipelines.step import each
from processors.contract import Contract
from processors.text.domain import DetectDomain
from processors.text.minhash import MinHash
from processors.text.normalise import DIGEST
from schemas.corpus import Corpus, read_batches
from tests.peak import peak_kib
from tests.planted_text import PlantedText, base_of, boilerplate, key_of, kind_of

SIZES = os.environ.get("CORPUSMILL_BENCH_DOCUMENTS", "10000,100000")
PHASES = ("measure", "exact", "near", "lines", "keep")


def run(count: int, out: Path) -> dict[str, Any]:
    """Builds a corpus of `count` documents. Gives what it took, and what was found of what was planted."""
    seconds: dict[str, float] = {}
    peaks: dict[str, int] = {}
    begin, start = time.perf_counter(), time.process_time()

    def done(phase: str) -> None:
        nonlocal start
        seconds[phase], peaks[phase] = time.process_time() - start, peak_kib() // 1024
        start = time.process_time()

    steps = (each(DetectDomain()), each(MinHash()))
    build(Recipe("measured", PlantedText(count), steps), out, Execution(workers=0))
    corpus = Corpus(out / "measured")
    done("measure")
    exact = find_duplicates(corpus, DIGEST, out)
    done("exact")
    near = find_near_texts(corpus, out, compute_here, without=exact)
    done("near")
    lines = find_repeated_lines(corpus, out, compute_here, max_documents=20)
    done("lines")
    kept = (each(drop_listed(exact)), each(drop_near_text(near)), each(drop_repeated_lines(lines)), each(Contract(131_072)))
    result = build(Recipe("kept", open_corpus(corpus.path), kept), out, Execution(workers=0))
    done("keep")
    return {
        "count": count,
        "wall_s": time.perf_counter() - begin,
        "seconds": seconds,
        "peak_mib": peaks,
        "num_tokens": result.totals["sums"]["contract.num_text_tokens"],
        "num_out": result.totals["num_out"],
        "rejects": result.totals["rejects"],
        "near": _near_found(count, near),
        "lines": sum(passage in np.load(lines) for line in boilerplate() for passage, _, _ in passages_of(line)),
    }


def _near_found(count: int, path: Path) -> tuple[int, int, int]:
    """Pairs found that were planted, planted, found that were not."""
    planted = {(key_of(number), key_of(base_of(number))) for number in range(count) if kind_of(number) == "near"}
    pairs = {(row["key"], row["kept"]) for batch in read_batches(path) for row in batch.to_pylist()}
    found = {pair for pair in pairs if pair in planted or pair[::-1] in planted}
    return len(found), len(planted), len(pairs) - len(found)


def main() -> None:
    for size in SIZES.split(","):
        with tempfile.TemporaryDirectory() as out:
            done = subprocess.run(
                [sys.executable, "-m", "tests.benchmarks.bench_growth", size, out], stdout=subprocess.PIPE, text=True, check=True
            )
        told = json.loads(done.stdout.splitlines()[-1])
        total = sum(told["seconds"].values())
        phases = ", ".join(f"{phase} {told['seconds'][phase]:.1f} s ({told['peak_mib'][phase]} MiB)" for phase in PHASES)
        found, planted, false = told["near"]
        print(f"  {told['count']:,} documents, {told['num_tokens']:,} tokens kept of {told['num_out']:,} documents", flush=True)
        print(
            f"    {told['num_tokens'] / total:,.0f} tokens/s, {told['count'] / total:,.0f} documents/s of one core; {told['wall_s']:.0f} s of wall time"
        )
        print(f"    processor seconds (peak memory so far): {phases}")
        print(
            f"    near copies found {found:,} of {planted:,}, others {false:,}; lines {told['lines']} of {len(boilerplate())}; {told['rejects']}"
        )


if __name__ == "__main__":
    if len(sys.argv) > 2:
        print(json.dumps(run(int(sys.argv[1]), Path(sys.argv[2]))))
    else:
        main()
