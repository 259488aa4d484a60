"""Export against what writes the same rows without a corpus around it: `pyarrow.parquet.write_table`, and WebDataset's own writer.

Rows are random enough not to flatter a compressor: log-Mel of noise, canvases of noise in blocks, documents of digits. Sizes are those
of the corpus; CORPUSMILL_BENCH_EXPORT_MB sets how much (default 24 a kind). The peak of memory is that of a process that only exports.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.export.parquet import ZSTD_LEVEL
from pipelines.export.parts import plain_batch
from pipelines.export.run import Options, export
from pipelines.export.webdataset import members, rows_of
from schemas.corpus import Corpus
from tests.model import written
from tests.peak import peak_kib

MEGABYTES = int(os.environ.get("CORPUSMILL_BENCH_EXPORT_MB", "24"))
KINDS: dict[str, Callable[[int], Any]] = {
    "documents": lambda at: written.document(f"d{at}", f"{at} " + " ".join(map(str, range(at, at + 400)))),
    "speech": lambda at: written.conversation(f"s{at}", [written.clip(160_000, at)], "what was said"),
    "images": lambda at: written.conversation(f"i{at}", ["What?", written.image(1_200, 800, at, 6)], "what is there"),
}


def make(kind: str, path: Path, megabytes: int) -> Path:
    """A corpus of about so many megabytes, in shards of about 16."""
    sample = [KINDS[kind](at) for at in range(8)]
    one = sum(entry.shard.num_bytes for entry in Corpus(written.write_corpus(path.with_name("one"), sample)).ledger()) / len(sample)
    rows = [KINDS[kind](at) for at in range(max(8, int(megabytes * 1e6 / one)))]
    return written.write_corpus(path, rows, rows_per_shard=max(1, int(16e6 / one)))


def seconds(work: Callable[[], object]) -> float:
    """Of one core; the wait for a disk is left out."""
    start = time.process_time()
    work()
    return time.process_time() - start


def write_table(corpus: Path, to: Path) -> None:
    for entry in Corpus(corpus).ledger():
        batches = [plain_batch(batch) for batch in Corpus(corpus).batches(entry)]
        pq.write_table(
            pa.Table.from_batches(batches), to / f"{Path(entry.shard.name).stem}.parquet", compression="zstd", compression_level=ZSTD_LEVEL
        )


def write_with_webdataset(corpus: Path, to: Path) -> None:
    import webdataset

    with webdataset.TarWriter(str(to / "rows.tar"), encoder=False) as tar:
        for entry in Corpus(corpus).ledger():
            for batch in Corpus(corpus).batches(entry):
                for row in rows_of(plain_batch(batch)):
                    files = members(row)
                    tar.write({"__key__": files[0][0].partition(".")[0], **{name.partition(".")[2]: data for name, data in files}})


def size_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def compare(kind: str, folder: Path) -> None:
    corpus = make(kind, folder / "corpus", MEGABYTES)
    size = int(str(Corpus(corpus).totals()["num_bytes"])) / 1e6
    for format, peer, name in (("parquet", write_table, "write_table"), ("webdataset", write_with_webdataset, "TarWriter")):
        taken: dict[str, list[float]] = {"ours": [], name: []}
        for attempt in range(3):  # in turns, so that both see the same machine
            (folder / f"peer{format}{attempt}").mkdir()
            taken["ours"].append(seconds(lambda: export(corpus, folder / f"{format}{attempt}", Options(format))))  # noqa: B023
            taken[name].append(seconds(lambda: peer(corpus, folder / f"peer{format}{attempt}")))  # noqa: B023
        ours, theirs = (size / min(times) for times in taken.values())
        sizes = size_of(folder / f"{format}0") / 1e6, size_of(folder / f"peer{format}0") / 1e6
        done = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.bench_export", str(corpus), str(folder / f"peak{format}"), format],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        peak = json.loads(done.stdout.splitlines()[-1])["peak_mib"]
        print(
            f"  {kind}, {size:.0f} MB, {format}: {ours:.0f} MB/s, {name} {theirs:.0f} MB/s, ratio {ours / theirs:.2f}; "
            f"{sizes[0]:.1f} against {sizes[1]:.1f} MB written; peak {peak} MiB",
            flush=True,
        )


def main() -> None:
    for kind in KINDS:
        with tempfile.TemporaryDirectory() as folder:
            compare(kind, Path(folder))


if __name__ == "__main__":
    if len(sys.argv) > 3:
        export(Path(sys.argv[1]), Path(sys.argv[2]), Options(sys.argv[3]))
        print(json.dumps({"peak_mib": peak_kib() // 1024}))
    else:
        main()
