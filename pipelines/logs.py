"""Events of a build: told once, to the standard library's logger `corpusmill`; written as a JSON object a line where `--log` asks for it.

Metrics are folded from the same events (pipelines/metrics.py). Where nobody listens, nothing is made. No value of a credential gets out.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schemas.redaction import redacted, secrets

if TYPE_CHECKING:
    from pipelines.build import Progress
    from pipelines.run import SplitResult

LOG_FILE = "CORPUSMILL_LOG"  # the environment's word for --log
LOGGER = logging.getLogger("corpusmill")
LOGGER.addHandler(logging.NullHandler())  # else Python prints warnings to stderr where nobody listens

# What happens; the log's `event` is one of these.
CORPUS_STARTED, CORPUS_ENDED, FAILED, NOTE = "corpus_started", "corpus_ended", "failed", "note"
SPLIT_STARTED, SPLIT_COMMITTED, SPLIT_RETRIED = "split_started", "split_committed", "split_retried"
WORKER_DIED, NODE_LOST, POOL_RESIZED = "worker_died", "node_lost", "pool_resized"
RECORD_CONDEMNED, RECORD_QUARANTINED = "record_condemned", "record_quarantined"
STORE_RETRIED, LOCK_WAITED, LOCK_TAKEN_OVER = "store_retried", "lock_waited", "lock_taken_over"

MAX_GATHERED = 200  # events that travel from a worker with its split; the rest are counted


class Event(str):
    """A note to people that is an event to machines: `note(Event("a worker died ...", WORKER_DIED, split=split.id))`."""

    event: str
    told: dict[str, Any]

    def __new__(cls, message: str, event: str, **told: Any) -> Event:
        note = super().__new__(cls, message)
        note.event, note.told = event, told
        return note

    def __reduce__(self) -> tuple[Any, ...]:
        return (_event, (str(self), self.event, self.told))


def _event(message: str, event: str, told: dict[str, Any]) -> Event:
    return Event(message, event, **told)


def tell(event: str, message: str = "", level: int = logging.INFO, **told: Any) -> None:
    """Tells an event to whoever listens. `told` are plain values: corpus, step, split, record (a key), and figures with their unit in the name."""
    LOGGER.log(level, "%s", message, extra={"event": event, "told": told})


def told_of(record: logging.LogRecord) -> dict[str, Any]:
    """An event as a mapping: `event`, `level`, `message`, and what was told. Loggers below `corpusmill` may pass `event` alone, as `extra`."""
    told = {name: value for name, value in getattr(record, "told", {}).items() if value is not None}
    return {"level": record.levelname.lower(), "event": getattr(record, "event", NOTE), **told, "message": record.getMessage()}


class JsonLines(logging.Formatter):
    """One JSON object a line: time (UTC), level, event, what was told, message; without secrets."""

    def __init__(self) -> None:
        super().__init__()
        self._hidden = secrets()

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        told = self._clean({"time": time, **told_of(record)})
        return json.dumps({name: value for name, value in told.items() if value != ""}, ensure_ascii=False, default=str)

    def _clean(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {str(name): self._clean(inner) for name, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self._clean(inner) for inner in value]
        if value is None or isinstance(value, bool | int | float):
            return value
        return redacted(str(value), self._hidden)


@contextlib.contextmanager
def listening(handler: logging.Handler, level: int = logging.INFO) -> Iterator[None]:
    """Gives a handler the events of the block."""
    before = LOGGER.level
    LOGGER.addHandler(handler)
    LOGGER.setLevel(min(level, before) if before else level)
    try:
        yield
    finally:
        LOGGER.removeHandler(handler)
        LOGGER.setLevel(before)
        handler.close()


@contextlib.contextmanager
def log_to(file: Path) -> Iterator[None]:
    """Adds the events of the block to a local file, a line at a time. Raises OSError where the file cannot be written."""
    handler = logging.FileHandler(file, encoding="utf-8")
    handler.setFormatter(JsonLines())
    with listening(handler):
        yield


class _Gather(logging.Handler):
    def __init__(self, events: list[dict[str, Any]]) -> None:
        super().__init__(logging.WARNING)
        self.events = events

    def emit(self, record: logging.LogRecord) -> None:
        if len(self.events) < MAX_GATHERED:
            self.events.append(told_of(record))
            return
        last = self.events[-1]  # so many say the same: how many more there were is told with the last
        last["num_more"] = last.get("num_more", 0) + 1


@contextlib.contextmanager
def gathered() -> Iterator[list[dict[str, Any]]]:
    """The warnings of the block, as `told_of` gives them: a worker's events travel to the driver with the result of its split."""
    events: list[dict[str, Any]] = []
    with listening(_Gather(events), logging.WARNING):
        yield events


def retell(events: list[dict[str, Any]], **told: Any) -> None:
    """Tells events that were gathered elsewhere; what they tell themselves stands before `told`."""
    for gathered_event in events:
        event = {**told, **gathered_event}
        level = logging.getLevelNamesMapping()[event.pop("level").upper()]
        tell(event.pop("event"), event.pop("message"), level, **event)


class Observed:
    """A progress that also tells what happens as events, and passes notes on to the one that shows them."""

    def __init__(self, shown: Progress) -> None:
        self._shown = shown
        self._corpus = ""

    def start(self, name: str, num_splits: int, num_done: int, num_rows: int) -> None:
        self._corpus = name
        tell(CORPUS_STARTED, corpus=name, num_splits=num_splits, num_committed=num_done, num_rows=num_rows or None)
        self._shown.start(name, num_splits, num_done, num_rows)

    def committed(self, result: SplitResult) -> None:
        if LOGGER.isEnabledFor(logging.INFO):
            split = str(result.entry.split["id"])
            retell(getattr(result, "events", []), corpus=self._corpus, split=split)
            tell(SPLIT_COMMITTED, corpus=self._corpus, split=split, **told_split(result))
        self._shown.committed(result)

    def note(self, message: str) -> None:
        if isinstance(message, Event):
            level = logging.INFO if message.event == POOL_RESIZED else logging.WARNING
            tell(message.event, message, level, **{"corpus": self._corpus or None, **message.told})
        else:
            tell(NOTE, message, corpus=self._corpus or None)
        if message:
            self._shown.note(message)

    def end(self) -> None:
        error = sys.exc_info()[1]  # `end` is called also when the build goes down
        tell(CORPUS_ENDED, "" if error is None else f"{type(error).__name__}: {error}", corpus=self._corpus, is_whole=error is None)
        self._shown.end()


def told_split(result: SplitResult) -> dict[str, Any]:
    """What the log says of a committed split. Units: seconds of the workers, waiting included; bytes of its files."""
    entry = result.entry
    steps = [
        {
            "step": step.step,
            "num_in": step.num_in,
            "num_out": step.num_out,
            "rejects": dict(step.rejects),
            "num_faults": step.num_faults,
            "seconds": round(result.seconds.get(step.step, 0.0), 4),
            "busy_s": round(result.busy_s.get(step.step, 0.0), 4),
            "num_asked": result.asked.get(step.step, 0),
            "num_known": result.known.get(step.step, 0),
        }
        for step in entry.steps
    ]
    told = {
        "path": entry.split["path"],
        "num_in": entry.steps[0].num_in,
        "num_out": entry.shard.num_rows,
        "num_rejects": entry.rejects.num_rows,
    }
    files = {"shard_bytes": entry.shard.num_bytes, "rejects_bytes": entry.rejects.num_bytes}
    writing = {name: round(seconds, 4) for name, seconds in result.seconds.items() if name not in {step["step"] for step in steps}}
    return {**told, **files, "steps": steps, "other_seconds": writing}
