"""Prometheus metrics of a build, folded from its events (pipelines/logs.py): in a text file, and through Ray's exporter where a cluster runs it.

Names follow Prometheus's conventions. Labels are corpora, steps, reasons, outcomes and states: as many as a recipe declares, never a record or a split.
Ray puts `ray_` before each name.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics, generate_latest

from pipelines import logs
from pipelines.logs import listening, log_to, told_of
from pipelines.run import CRASHED_WORKER
from schemas.shard import write_replacing

METRICS_FILE = "CORPUSMILL_METRICS_FILE"  # the environment's word for --metrics-file
EVERY_S = 5.0  # between two writings of the file, and two accounts to Ray
disable_created_metrics()  # a second series for each, of when it was made, which nobody reads

COUNTERS = {
    "corpusmill_records_total": (
        "Records by step: in, out, refused (with the reason), faulted, crashed.",
        ("corpus", "step", "outcome", "reason"),
    ),
    "corpusmill_step_seconds_total": ("Seconds of workers in a step, waiting for models included.", ("corpus", "step")),
    "corpusmill_model_busy_seconds_total": ("Seconds that models worked for a step.", ("corpus", "step")),
    "corpusmill_questions_total": ("Questions to models: asked, or known because the reply was kept.", ("corpus", "step", "outcome")),
    "corpusmill_written_bytes_total": ("Bytes of committed files: shards and rejects.", ("corpus", "kind")),
    "corpusmill_splits_committed_total": ("Splits that this run committed.", ("corpus",)),
    "corpusmill_split_retries_total": ("Splits that are tried again, because what held them was lost.", ("corpus",)),
    "corpusmill_worker_deaths_total": ("Workers and model actors that died.", ("corpus",)),
    "corpusmill_nodes_lost_total": ("Nodes of the cluster that were lost during builds.", ("corpus",)),
    "corpusmill_records_condemned_total": ("Records refused because they killed their worker each time.", ("corpus",)),
    "corpusmill_store_errors_total": ("Errors of the object store that were tried again, by what was done.", ("corpus", "operation")),
    "corpusmill_lock_takeovers_total": ("Times that the corpus was taken over from a builder that was gone.", ("corpus",)),
}
GAUGES = {
    "corpusmill_splits": ("Splits by state: committed, pending, in_flight.", ("corpus", "state")),
    "corpusmill_pool_actors": ("Model actors of a step.", ("corpus", "step")),
    "corpusmill_build_running": ("1 while the corpus is built, 0 when its build has ended.", ("corpus",)),
    "corpusmill_last_commit_timestamp_seconds": ("When a split was committed last, in seconds since 1970.", ("corpus",)),
}
_ONE_MORE = {
    logs.SPLIT_RETRIED: "corpusmill_split_retries_total",
    logs.WORKER_DIED: "corpusmill_worker_deaths_total",
    logs.NODE_LOST: "corpusmill_nodes_lost_total",
    logs.RECORD_CONDEMNED: "corpusmill_records_condemned_total",
    logs.LOCK_TAKEN_OVER: "corpusmill_lock_takeovers_total",
}


class Metrics:
    """The metrics of this process's builds; `fold` takes an event as `told_of` gives it."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._counters = {name: Counter(name, doc, labels, registry=self.registry) for name, (doc, labels) in COUNTERS.items()}
        self._gauges = {name: Gauge(name, doc, labels, registry=self.registry) for name, (doc, labels) in GAUGES.items()}
        self._in_flight: dict[str, set[str]] = {}
        self._states: dict[str, tuple[int, int]] = {}  # splits in all, and committed

    def fold(self, told: dict[str, Any]) -> None:
        """Counts an event; one that no metric counts changes nothing."""
        event, corpus = told["event"], str(told.get("corpus", ""))
        if event == logs.CORPUS_STARTED:
            self._start(corpus, told["num_splits"], told["num_committed"])
        elif event == logs.SPLIT_COMMITTED:
            self._commit(corpus, told)
        elif event == logs.CORPUS_ENDED:
            self._in_flight[corpus] = set()
            self._gauges["corpusmill_build_running"].labels(corpus).set(0)
        elif event == logs.STORE_RETRIED:
            self._counters["corpusmill_store_errors_total"].labels(corpus, str(told.get("operation", ""))).inc(1 + told.get("num_more", 0))
        elif event == logs.POOL_RESIZED:
            self._gauges["corpusmill_pool_actors"].labels(corpus, told["step"]).set(told["num_actors"])
        elif event in _ONE_MORE:
            self._counters[_ONE_MORE[event]].labels(corpus).inc()
        if event == logs.SPLIT_STARTED:
            self._in_flight.setdefault(corpus, set()).add(told["split"])
        elif event in (logs.SPLIT_COMMITTED, logs.SPLIT_RETRIED):
            self._in_flight.setdefault(corpus, set()).discard(told.get("split", ""))
        if corpus in self._states:
            self._show_splits(corpus)

    def _start(self, corpus: str, num_splits: int, num_committed: int) -> None:
        self._states[corpus] = (num_splits, num_committed)
        self._in_flight[corpus] = set()
        self._gauges["corpusmill_build_running"].labels(corpus).set(1)
        for name in ("corpusmill_splits_committed_total", *_ONE_MORE.values()):
            self._counters[name].labels(corpus)  # 0 until something happens: an increase from nothing is no increase to Prometheus

    def _commit(self, corpus: str, told: dict[str, Any]) -> None:
        num_splits, num_committed = self._states.get(corpus, (0, 0))
        self._states[corpus] = (num_splits, num_committed + 1)
        self._counters["corpusmill_splits_committed_total"].labels(corpus).inc()
        self._gauges["corpusmill_last_commit_timestamp_seconds"].labels(corpus).set(time.time())
        for kind, num_bytes in (("shards", told["shard_bytes"]), ("rejects", told["rejects_bytes"])):
            self._counters["corpusmill_written_bytes_total"].labels(corpus, kind).inc(num_bytes)
        for step in told["steps"]:
            self._count_step(corpus, step)
        for name, seconds in told["other_seconds"].items():
            self._counters["corpusmill_step_seconds_total"].labels(corpus, name).inc(seconds)

    def _count_step(self, corpus: str, step: dict[str, Any]) -> None:
        records, name = self._counters["corpusmill_records_total"], step["step"]
        records.labels(corpus, name, "in", "").inc(step["num_in"])
        records.labels(corpus, name, "out", "").inc(step["num_out"])
        for reason, count in step["rejects"].items():
            records.labels(corpus, name, "crashed" if reason == CRASHED_WORKER else "refused", reason).inc(count)
        if step["num_faults"]:
            records.labels(corpus, name, "faulted", "").inc(step["num_faults"])
        self._counters["corpusmill_step_seconds_total"].labels(corpus, name).inc(step["seconds"])
        if step["busy_s"]:
            self._counters["corpusmill_model_busy_seconds_total"].labels(corpus, name).inc(step["busy_s"])
        for outcome in ("asked", "known"):
            if step[f"num_{outcome}"]:
                self._counters["corpusmill_questions_total"].labels(corpus, name, outcome).inc(step[f"num_{outcome}"])

    def _show_splits(self, corpus: str) -> None:
        num_splits, num_committed = self._states[corpus]
        in_flight = len(self._in_flight[corpus])
        pending = max(0, num_splits - num_committed - in_flight)
        for state, count in (("committed", num_committed), ("pending", pending), ("in_flight", in_flight)):
            self._gauges["corpusmill_splits"].labels(corpus, state).set(count)


class RayExporter:
    """Hands metrics to Ray, whose agent on the driver's node exports them; what is counted before Ray runs is handed over when it does."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}
        self._sent: dict[tuple[str, tuple[str, ...]], float] = {}

    def export(self, metrics: Metrics) -> None:
        """Tells Ray what has changed since the last time; nothing where no Ray runs in this process."""
        ray = sys.modules.get("ray")  # whoever runs a cluster has imported it
        if ray is None or not ray.is_initialized():
            return
        for metric in metrics.registry.collect():
            for sample in metric.samples:
                if sample.name in COUNTERS or sample.name in GAUGES:
                    self._tell(sample.name, sample.labels, sample.value)

    def _tell(self, name: str, labels: dict[str, str], value: float) -> None:
        from ray.util import metrics as ray_metrics

        about, keys = COUNTERS.get(name) or GAUGES[name]
        if name not in self._made:
            kind = ray_metrics.Counter if name in COUNTERS else ray_metrics.Gauge
            self._made[name] = kind(name, description=about, tag_keys=keys)
        place = (name, tuple(labels[key] for key in keys))
        before = self._sent.get(place)
        if name in GAUGES:
            self._made[name].set(value, tags=labels)
        elif value > (before or 0.0):
            self._made[name].inc(value - (before or 0.0), tags=labels)
        self._sent[place] = value


class MetricsHandler(logging.Handler):
    """Folds events into metrics; writes them to a file of Prometheus's text format and to Ray, at most every few seconds, and at the end."""

    def __init__(self, file: Path | None, exporter: RayExporter | None) -> None:
        super().__init__(logging.INFO)
        self.metrics = Metrics()
        self._file, self._exporter = file, exporter
        self._written_s = float("-inf")

    def emit(self, record: logging.LogRecord) -> None:
        told = told_of(record)
        self.metrics.fold(told)
        if told["event"] in (logs.CORPUS_STARTED, logs.CORPUS_ENDED) or time.monotonic() - self._written_s >= EVERY_S:
            self._write_or_say()

    def _write_or_say(self) -> None:
        """A file that cannot be written any more does not end a build."""
        try:
            self.write()
        except OSError as error:
            sys.stderr.write(f"metrics cannot be written to {self._file}: {error}\n")

    def write(self) -> None:
        """Writes the file, and tells Ray. Raises OSError."""
        self._written_s = time.monotonic()
        if self._file is not None:
            write_replacing(self._file, generate_latest(self.metrics.registry))
        if self._exporter is not None:
            self._exporter.export(self.metrics)

    def close(self) -> None:
        self._write_or_say()
        super().close()


@contextlib.contextmanager
def observing(log: Path | None = None, metrics_file: Path | None = None, on_cluster: bool = False) -> Iterator[None]:
    """Writes the events of the block to `log` and its metrics to `metrics_file`, and, on a cluster, hands them to Ray. Raises OSError."""
    with contextlib.ExitStack() as stack:
        if log is not None:
            stack.enter_context(log_to(log))
        if metrics_file is not None or on_cluster:
            handler = MetricsHandler(metrics_file, RayExporter() if on_cluster else None)
            handler.write()  # a file that cannot be written is told before the work starts
            stack.enter_context(listening(handler))
        yield
