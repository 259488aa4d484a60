"""Runs a case: a driver and its faults, again and again until the build ends, and compares what is there with a build left alone."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import boto3
import psutil

from pipelines.verify import verify
from schemas.corpus import CorpusError
from tests.chaos.driver import Order
from tests.chaos.faults import CLUSTER, EMBEDDED, IN_PROCESS, S3, Case
from tests.chaos.place import compare, empty, hashes_of, keys_of
from tests.chaos.services import Services
from tests.chaos.strike import Run

ROOT = Path(__file__).parents[2]
RUN_S = 240.0  # a run that takes longer hangs: alone it takes one second in process and ten on Ray
MAX_LAST_RUNS = 3
WORKERS = {IN_PROCESS: 0, EMBEDDED: 2, CLUSTER: 3}


@dataclass
class Verdict:
    """What became of a case. `ends` are how its runs ended, with what they said last; `problems` is empty where all guarantees held."""

    case: Case
    problems: list[str] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)
    struck: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    store_faults: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


@dataclass
class Chaos:
    """Runs cases with what they share; the builds that were left alone are made once a corpus."""

    services: Services
    _alone: dict[str, tuple[dict[str, str], dict[str, Counter[str]]]] = field(default_factory=dict)

    def alone(self, corpus: str) -> tuple[dict[str, str], dict[str, Counter[str]]]:
        """Hashes and keys of a build without faults, on a local disk, in process."""
        if corpus not in self._alone:
            out = self.services.folder / "alone" / corpus
            order = Order(corpus, str(out), str(out / ".none"), str(self.services.folder / f"alone-{corpus}.events"))
            command = [sys.executable, "-m", "tests.chaos.driver", order.text()]
            environment = self.services.driver_environment(IN_PROCESS, False)
            done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=RUN_S)
            if done.returncode != 0:
                raise RuntimeError(f"the build of {corpus} that is left alone failed: {done.stderr[-2_000:]}")
            self._alone[corpus] = hashes_of(out), keys_of(out)
        return self._alone[corpus]

    def run(self, case: Case) -> Verdict:
        """The case from its first run to its last, with all that must hold in the end."""
        expected, keys = self.alone(case.corpus)
        start = time.monotonic()
        verdict = Verdict(case)
        folder = self.services.folder / f"case-{case.seed}"
        out = self._out(case)
        leavings: dict[int, psutil.Process] = {}
        try:
            self._run_until_it_ends(case, folder, out, verdict, leavings)
            there = self._fetch(case, folder / "fetched") if case.place == S3 else Path(out)
            verdict.problems += compare(there, expected, keys).problems()
            verdict.problems += _verified(there, keys)
        finally:
            self._clean(case, folder, leavings)
        verdict.seconds = time.monotonic() - start
        return verdict

    def _out(self, case: Case) -> str:
        if case.place != S3:
            return str(self.services.disk / "out")
        assert self.services.proxy is not None
        self.services.proxy.seed = case.seed
        bucket = self.services.proxy.server.make_bucket(f"chaos-{case.seed}-{time.monotonic_ns()}")
        return f"s3://{bucket}/out"

    def _run_until_it_ends(self, case: Case, folder: Path, out: str, verdict: Verdict, leavings: dict[int, psutil.Process]) -> None:
        flags = folder / "flags"
        flags.mkdir(parents=True)
        runs = list(case.runs)
        for number in range(1, len(runs) + MAX_LAST_RUNS + 1):
            planned = runs[number - 1] if number <= len(runs) else ()
            if not planned:
                for flag in flags.iterdir():
                    flag.unlink()  # ordered, and never met
            address = self.services.start_cluster().address if case.engine == CLUSTER else ""
            order = Order(case.corpus, out, str(flags), str(folder / f"events-{number}"), WORKERS[case.engine], address)
            run = Run(case, number, planned, order, self.services, random.Random(f"strike {case.seed} {number}"), leavings)
            before = Counter(self.services.proxy.injected) if self.services.proxy else Counter()
            ended = run.to_its_end(RUN_S)
            if self.services.proxy:
                verdict.store_faults += Counter(self.services.proxy.injected) - before
            verdict.struck += run.struck
            verdict.missed += run.missed
            verdict.ends.append(f"{ended.code}: {ended.said}" if ended.code else "0")
            self.services.mend_cluster()
            if ended.hung:
                verdict.problems.append(f"run {number} did not end within {RUN_S:g} s: {ended.said}\n{run.stacks}")
                return
            if planned and ended.code == 0:
                runs = runs[:number]  # it ended in spite of all: the next run is the last
            if not planned and ended.code == 0:
                return
            if number >= len(runs) + MAX_LAST_RUNS:
                break
        verdict.problems.append(f"the build did not end in {MAX_LAST_RUNS} runs without faults: {verdict.ends[-1]}")

    def _fetch(self, case: Case, folder: Path) -> Path:
        """All objects of the case's bucket as files, asked from the server itself."""
        assert self.services.proxy is not None
        server = self.services.proxy.server
        environment = server.environment()
        client = boto3.client(
            "s3", endpoint_url=server.endpoint, region_name="us-east-1",
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"], aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        )  # fmt: skip
        bucket = sorted(b["Name"] for b in client.list_buckets()["Buckets"] if b["Name"].startswith(f"chaos-{case.seed}-"))[-1]
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="out/"):
            for told in page.get("Contents", []):
                file = folder / told["Key"].removeprefix("out/")
                file.parent.mkdir(parents=True, exist_ok=True)
                client.download_file(bucket, told["Key"], str(file))
        return folder

    def _clean(self, case: Case, folder: Path, leavings: dict[int, psutil.Process]) -> None:
        for process in leavings.values():
            if process.is_running():
                process.send_signal(signal.SIGKILL)
        empty(self.services.disk / "out")
        empty(folder)


def _verified(folder: Path, keys: dict[str, Counter[str]]) -> list[str]:
    found = []
    for name in keys:
        try:
            found += [f"verify {name}: {problem}" for problem in verify(folder / name).problems[:3]]
        except CorpusError as error:
            found.append(f"verify {name}: {error}")
    return found
