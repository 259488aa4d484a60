"""A build in a process of its own, to be hurt: `python -m tests.chaos.driver ORDER`, a JSON object (see `Order`).

It tells what it has come to, a letter an event, in a file that the runner watches: b a corpus is begun, s a split is committed,
e a corpus is ended. It ends with 0, with 1 and a sentence (BuildError), or with 3 and a traceback: the builder should have known better.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from pipelines.build import BuildError, Execution, build_stages
from pipelines.run import FencedOut, SplitResult
from schemas.shard import CommitConflict
from schemas.store import place_of
from tests.chaos.corpora import CORPORA

KNOWN_FAILURES = (BuildError, FencedOut, CommitConflict, KeyboardInterrupt)
WRITES = ("replace", "link", "fsync", "unlink")


@dataclass(frozen=True, slots=True)
class Order:
    """What a driver is to do. `die_at_write` is the number of the call of `os` that changes a folder at which it kills itself; 0 never."""

    corpus: str
    out: str
    flags: str
    events: str
    workers: int = 0
    address: str = ""
    die_at_write: int = 0
    die_after: bool = False

    def text(self) -> str:
        return json.dumps(asdict(self))


class Told:
    """Progress, as letters in a file."""

    def __init__(self, path: str) -> None:
        self.handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def start(self, name: str, num_splits: int, num_done: int, num_rows: int) -> None:
        os.write(self.handle, b"b")

    def committed(self, result: SplitResult) -> None:
        os.write(self.handle, b"s")

    def note(self, message: str) -> None:
        print(message, file=sys.stderr, flush=True)

    def end(self) -> None:
        os.write(self.handle, b"e")


def die_at(number: int, after: bool) -> None:
    """Makes this process kill itself at the `number`-th call that changes a folder, before or after it is done."""
    count = 0

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            nonlocal count
            count += 1
            if count == number and not after:
                os.kill(os.getpid(), signal.SIGKILL)
            given = real(*arguments, **named)
            if count == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return given

        return call

    for name in WRITES:
        setattr(os, name, counted(getattr(os, name)))


def main() -> None:
    faulthandler.register(signal.SIGUSR1)  # a run that hangs is asked where it is
    order = Order(**json.loads(sys.argv[1]))
    told = Told(order.events)

    @contextlib.contextmanager
    def progress() -> Iterator[Told]:
        yield told

    if order.die_at_write:
        die_at(order.die_at_write, order.die_after)
    try:
        execution = Execution(workers=order.workers, address=order.address or None)
        build_stages(CORPORA[order.corpus](order.flags), place_of(order.out), execution, progress)
    except KNOWN_FAILURES as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(1)
    except BaseException:
        traceback.print_exc()
        sys.exit(3)


if __name__ == "__main__":
    main()
