"""How counting a corpus grows: statistics, and a comparison of two builds, over corpora of 10^4 to 10^6 rows in splits of 256.

Every size runs in a process of its own, on one core, and so does the floor: pyarrow alone reading the columns that are counted. Rows have
24 facts and about 700 characters of text; a tenth as many records were refused. Equal rates show linear growth, equal peaks bounded
memory. Sizes come from CORPUSMILL_BENCH_ROWS.
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
import pyarrow as pa
import pyarrow.compute as pc

from processors.contract import CONTRACT_FACTS
from schemas.arrow import schema_for
from schemas.corpus import REJECTS_SCHEMA, Corpus, LedgerEntry, StepCount, read_batches
from schemas.facts import Fact
from schemas.identity import canonical_json
from schemas.shard import FileEntry
from tests.peak import peak_kib

SIZES = os.environ.get("CORPUSMILL_BENCH_ROWS", "10000,100000,1000000")
ROWS_PER_SPLIT = 256
FLOATS = [Fact(f"bench.real_{number}", float, "Any number") for number in range(8)]
INTS = [Fact(f"bench.num_{number}", int, "Any whole number") for number in range(4)]
TEXTS = [Fact(f"bench.text_{number}", str, "Of few values, or of one row alone") for number in range(6)]
FLAG = Fact("bench.is_even", bool, "Whether the row is even")
FACTS = [*FLOATS, *INTS, *TEXTS, FLAG, *CONTRACT_FACTS]
LIMITED = FLOATS[0].name
MODES = ("floor", "statistics", "comparison")


def write_corpus(path: Path, num_rows: int, changed_every: int) -> None:
    """A corpus as a build leaves it, without its locks and syncs; each `changed_every`-th row has another text, or is refused."""
    for name in ("shards", "rejects", "ledger"):
        (path / name).mkdir(parents=True)
    facts = {fact.name: {"type": fact.type.__name__, "doc": fact.doc} for fact in FACTS}
    limit = {"fact": LIMITED, "reason": "too_small", "least": -3.0, "most": None}
    told = {"name": "bench", "kind": "document", "fingerprint": "made", "facts": facts, "limits": {"keep": [limit]}}
    (path / "recipe.json").write_text(json.dumps({**told, "reasons": {"keep": {"too_small": "Too small"}}}))
    schema = schema_for("document", FACTS)
    for start in range(0, num_rows, ROWS_PER_SPLIT):
        _write_split(path, schema, start, min(ROWS_PER_SPLIT, num_rows - start), changed_every)


def _write_split(path: Path, schema: pa.Schema, start: int, count: int, changed_every: int) -> None:
    rng = np.random.default_rng(start)
    numbers = np.arange(start, start + count)
    columns: dict[str, Any] = {fact.name: rng.normal(size=count) * 10.0**place for place, fact in enumerate(FLOATS)}
    columns |= {fact.name: rng.integers(0, 10 ** (2 + 2 * place), count) for place, fact in enumerate((*INTS, *CONTRACT_FACTS[:1]))}
    columns |= {fact.name: rng.integers(0, 900, count) for fact in CONTRACT_FACTS}
    columns |= {fact.name: [f"value {number % 7**place}" for number in numbers.tolist()] for place, fact in enumerate(TEXTS[:4], 1)}
    columns |= {fact.name: [f"{number:032x}" for number in (numbers + 7).tolist()] for fact in TEXTS[4:]}
    columns |= {FLAG.name: numbers % 2 == 0, "key": [f"{number:032x}" for number in numbers.tolist()], "parents": [[]] * count}
    columns |= {"source": ["bench"] * count, "revision": ["r"] * count, "licence": ["CC0-1.0"] * count}
    columns["locator"] = [f"row {number}" for number in numbers.tolist()]
    is_changed = numbers % changed_every == 0 if changed_every else np.zeros(count, bool)
    columns["text"] = [
        f"{number} {changed} " + "word " * 140 for number, changed in zip(numbers.tolist(), is_changed.tolist(), strict=True)
    ]
    name = f"{start:012}"
    batch = pa.RecordBatch.from_arrays([pa.array(columns[field.name], field.type) for field in schema], schema=schema)
    refused = [_refused(number, columns, place) for place, number in enumerate(numbers.tolist()) if number % 10 == 0]
    shard = _write(path, f"shards/{name}.arrow", batch)
    rejects = _write(path, f"rejects/{name}.arrow", pa.RecordBatch.from_pylist(refused, REJECTS_SCHEMA))
    steps = (
        StepCount("source", count + len(refused), count + len(refused)),
        StepCount("keep", count + len(refused), count, {"too_small": len(refused)}),
    )
    entry = LedgerEntry({"id": name, "path": "bench", "start": start}, shard, rejects, steps if refused else steps[:1], {})
    (path / "ledger" / f"{name}.json").write_bytes(entry.to_bytes())


def _refused(number: int, columns: dict[str, Any], place: int) -> dict[str, str]:
    facts = {fact.name: columns[fact.name][place] for fact in (*FLOATS, *TEXTS)}
    told = canonical_json({name: value if isinstance(value, str) else float(value) for name, value in facts.items()})
    row = {"key": f"refused {number}", "step": "keep", "failure": "reject", "reason": "too_small", "detail": "", "facts": told}
    return dict.fromkeys(REJECTS_SCHEMA.names, "") | row


def _write(path: Path, name: str, batch: pa.RecordBatch) -> FileEntry:
    with pa.OSFile(str(path / name), "wb") as sink, pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return FileEntry(name, "", (path / name).stat().st_size, batch.num_rows)


def read_columns(corpus: Path) -> int:
    """The floor: every value of the counted columns, and of the rejects, is looked at once. Gives the rows."""
    rows = 0
    for entry in Corpus(corpus).ledger():
        for file in (entry.shard, entry.rejects):
            for batch in read_batches(corpus / file.name):
                names = [fact.name for fact in FACTS] if file is entry.shard else REJECTS_SCHEMA.names
                for name in ("source", "licence", *names) if file is entry.shard else names:
                    column = batch.column(name)
                    pc.sum(pc.binary_length(column)) if pa.types.is_string(column.type) else pc.min_max(column)
                rows += batch.num_rows
    return rows


def run(mode: str, path: Path, other: Path) -> dict[str, Any]:
    from pipelines.report.compare import compare, comparison_json
    from pipelines.report.statistics import collect, to_json

    before, start, begin = peak_kib(), time.process_time(), time.perf_counter()
    told: dict[str, Any] = {}
    if mode == "floor":
        read_columns(path)
    elif mode == "statistics":
        found = collect(path)
        told = {"num_bytes": len(to_json(found)), "num_rows": found.num_out, "num_refused": found.num_refused}
    else:
        rows = compare(path, other)
        told = {"num_bytes": len(comparison_json(rows)), **{name: getattr(rows.rows, name) for name in ("num_same", "num_changed")}}
    return {
        "cpu_s": time.process_time() - start,
        "wall_s": time.perf_counter() - begin,
        "peak_mib": peak_kib() / 1024,
        "start_mib": before / 1024,
    } | told


def main() -> None:
    for size in SIZES.split(","):
        with tempfile.TemporaryDirectory() as folder:
            a, b = Path(folder) / "a" / "bench", Path(folder) / "b" / "bench"
            write_corpus(a, int(size), 0)
            write_corpus(b, int(size), 100)
            print(
                f"  {int(size):,} rows, {sum(file.stat().st_size for file in (a / 'shards').iterdir()) / 1e6:,.0f} MB of shards", flush=True
            )
            for mode in MODES:
                command = [sys.executable, "-m", "tests.benchmarks.bench_report", mode, str(a), str(b)]
                told = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()[-1])
                more = ", ".join(f"{name} {value:,}" for name, value in told.items() if isinstance(value, int))
                print(
                    f"    {mode:10}  {told['cpu_s']:7.2f} s of one core ({told['wall_s']:.2f} s wall), {int(size) / told['cpu_s']:10,.0f} rows/s, "
                    f"peak {told['peak_mib']:.0f} MiB ({told['start_mib']:.0f} MiB at the start)  {more}",
                    flush=True,
                )


if __name__ == "__main__":
    if len(sys.argv) > 2:
        print(json.dumps(run(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))))
    else:
        main()
