"""The driver of a build on a cluster, in a process of its own that tests may kill: `python -m tests.cluster.drive OUT OPTIONS`, OPTIONS as JSON.

Notes go to stdout, a line each. Exit code 1 with the message of a BuildError on stderr.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from pipelines.build import BuildError, Execution, Quiet, build
from pipelines.recipe import Recipe
from pipelines.step import StepResources, batched, each
from schemas.records import Document
from tests.toy import NUMBER, KeepEven, Numbers, Spell

ROOT = Path(__file__).parents[2]
NODE = "CORPUSMILL_TEST_NODE"  # in the environment of a node's processes: what the test calls it


def is_here(node: str) -> bool:
    return bool(node) and os.environ.get(NODE) == node


@dataclass(frozen=True, slots=True)
class Strange:
    """Goes on as it should, but not on one node: there it is slow, or its disk is full; tells in `log` where it was."""

    slow_on: str = field(default="", metadata={"fingerprint": False})
    full_on: str = field(default="", metadata={"fingerprint": False})
    log: str = field(default="", metadata={"fingerprint": False})
    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = (NUMBER,)
    writes: ClassVar = ()
    reasons: ClassVar = ()
    version: ClassVar = 1

    def __call__(self, record: Document) -> Document:
        if self.log:
            with open(self.log, "a") as log:
                log.write(f"{record.facts[NUMBER.name]} {os.environ.get(NODE, '')}\n")
        if is_here(self.slow_on):
            time.sleep(60)
        if is_here(self.full_on):
            with tempfile.TemporaryFile() as scratch:
                scratch.write(bytes(1 << 20))
                scratch.flush()
        return record


@dataclass(frozen=True, slots=True)
class Model:
    """An opener: puts texts in capitals, `sleep_s` a record; each record may carry `num_bytes` more on its way back and forth."""

    sleep_s: float = field(default=0.0, metadata={"fingerprint": False})
    log: str = field(default="", metadata={"fingerprint": False})
    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = ()
    reasons: ClassVar = ()
    version: ClassVar = 1

    @contextlib.contextmanager
    def open(self) -> Iterator[Any]:
        def call(records: list[Document]) -> list[Document]:
            time.sleep(self.sleep_s * len(records))
            if self.log:
                with open(self.log, "a") as log:
                    log.write(f"{os.getpid()} {os.environ.get(NODE, '')} {len(records)}\n")
            return [replace(record, text=record.text.upper()) for record in records]

        yield call


def recipe_of(options: dict[str, Any]) -> Recipe:
    steps: list[Any] = [each(Spell(**options.get("spell", {}))), each(KeepEven())]
    if "strange" in options:
        steps.append(each(Strange(**options["strange"])))
    steps += [batched(Model(**model), size=2, name=name) for name, model in options.get("models", {}).items()]
    return Recipe("toy", Numbers(options.get("count", 100), options.get("per_split", 10)), tuple(steps))


class Notes(Quiet):
    def note(self, message: str) -> None:
        if message:
            print(message, flush=True)


def main(out: Path, options: dict[str, Any]) -> int:
    said = {name: StepResources(**step) for name, step in options.get("steps", {}).items()}
    execution = Execution(**options.get("execution", {}), steps=said)
    if "patience" in options:
        from pipelines import cluster

        cluster.PATIENCE = cluster.Patience(**options["patience"])
    try:
        done = build(recipe_of(options), out, execution, Notes())
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps({"num_out": done.totals["num_out"], "rejects": done.totals["rejects"], "workers": done.workers}))
    return 0


def start(out: Path, address: str, **options: Any) -> subprocess.Popen[str]:
    """A driver of a build at an address; its stdout and stderr are files beside `out`, so that it never waits for a reader."""
    options["execution"] = {"address": address, **options.get("execution", {})}
    out.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "tests.cluster.drive", str(out), json.dumps(options)]
    environment = {**os.environ, "RAY_AUTH_MODE": "disabled"}
    with open(out.parent / f"{out.name}.said", "w") as said, open(out.parent / f"{out.name}.errors", "w") as errors:
        return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=said, stderr=errors, env=environment, text=True)


def said(out: Path) -> str:
    return (out.parent / f"{out.name}.said").read_text()


def errors(out: Path) -> str:
    return (out.parent / f"{out.name}.errors").read_text()


def wait_for(condition: Any, process: subprocess.Popen[str], out: Path, timeout_s: float = 120.0) -> None:
    """Until a condition holds of a build under way."""
    until = time.monotonic() + timeout_s
    while not condition():
        if process.poll() is not None or time.monotonic() > until:
            process.kill()
            raise AssertionError(f"the build ended with {process.wait()} before the test could strike: {said(out)}{errors(out)}")
        time.sleep(0.02)


def finish(process: subprocess.Popen[str], out: Path, timeout_s: float = 240.0) -> dict[str, Any]:
    """What the build did; fails the test where it failed."""
    try:
        code = process.wait(timeout_s)
    finally:
        process.kill()
    assert code == 0, said(out) + errors(out)
    told: dict[str, Any] = json.loads(said(out).splitlines()[-1])
    return told


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), json.loads(sys.argv[2])))
