"""A build in a process of its own, to be killed: `python -m tests.crash.build_once SAMPLE OUT WORKERS [early] [reasoning]`.

With `reasoning` it builds a pool of attempts and pairs from it, else speech, pictures and text. With `early` it is the mutant: a shard gets its final name only some time after the ledger says that it is there.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from pipelines.__main__ import build_jobs
from pipelines.build import Execution
from pipelines.buildfile import Job, resolve_source

SOURCES: dict[str, Any] = {
    "asr": {"path": "speech/manifest.jsonl", "rows_per_split": 6},
    "image_text": {"path": "images/captions.json", "rows_per_split": 5},
    "language_pretrain": {"path": "web/documents.jsonl", "rows_per_split": 25},
}
REASONING: dict[str, Any] = {"attempts": {"path": "reasoning/code.jsonl", "rows_per_split": 1}, "dpo": {"corpus": "attempts"}}


def commit_early() -> None:
    """Makes the mutant."""
    from schemas import shard

    def publish(self: Any, before_replacing: Callable[[], None] = lambda: None) -> Any:
        aside = self._temporary.rename(self._temporary.with_name(f"{self._temporary.name}-aside"))  # where the writer does not discard it
        threading.Thread(target=lambda: (time.sleep(0.05), aside.rename(self._path))).start()
        return shard.FileEntry(self.name, self._sink.sha256.hexdigest(), self._sink.num_bytes, self.num_rows)

    shard.TableWriter.publish = publish  # type: ignore[method-assign]


def main() -> None:
    sample, out, workers = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    if "early" in sys.argv:
        commit_early()
    wanted = REASONING if "reasoning" in sys.argv else SOURCES
    jobs = [Job(name, resolve_source(said, sample, name)) for name, said in wanted.items()]
    try:
        build_jobs(jobs, out, Execution(workers=workers), as_json=True)
    except typer.Exit as stop:
        sys.exit(stop.exit_code)


if __name__ == "__main__":
    main()
