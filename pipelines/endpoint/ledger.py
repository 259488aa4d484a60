"""What was ever spent on a folder of replies: a file of lines that only grows, and that several programs may write at once.

A request is written down before it is sent, with the most that it may cost, and again when its end is known, with what it did cost. A line
of an end names the line of its beginning by its place in the file. A program that is killed leaves beginnings without an end: they count
with the most that they may have cost, as a server may have worked for them, so that no number of runs spends more than a budget. The lines
survive the death of the program at once; those of the last seconds may be lost when the machine itself goes down, unless `is_durable`.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pipelines.endpoint.spent import Spent as Spent
from pipelines.endpoint.store_ledger import StoreLedger
from schemas.identity import canonical_json
from schemas.store import is_remote

FILE = "spent.jsonl"


@dataclass
class Ledger:
    """The file in a folder of replies, or nothing but memory without a folder. `is_durable` waits for the disk at each beginning."""

    folder: Path | None = None
    model: str = ""
    is_durable: bool = False
    spent: Spent = field(default=Spent(), init=False)  # by requests whose end is known
    begun: dict[int, Spent] = field(default_factory=dict, init=False)  # the most that each other request may cost
    most: Spent = field(default=Spent(), init=False)  # what is spent at most: both together
    _file: int = field(default=-1, init=False)
    _read: int = field(default=0, init=False)  # bytes of whole lines

    def __post_init__(self) -> None:
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self.folder / FILE, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)

    @property
    def num_begun(self) -> int:
        """Requests without a known end."""
        return len(self.begun)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else writes meanwhile, and what others wrote is counted."""
        if self._file < 0:
            yield
            return
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            self._read_on()
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def begin(self, worst: Spent) -> int:
        """Writes down a request that is about to be sent; gives its number. Call it `locked`."""
        number = self._append({"model": self.model, **asdict(worst)})
        if self._file >= 0 and self.is_durable:
            os.fdatasync(self._file)
        return number

    def end(self, number: int, spent: Spent) -> None:
        """Writes down what the request `number` did cost."""
        with self.locked():
            self._append({"of": number, **asdict(spent)})

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _append(self, told: dict[str, Any]) -> int:
        number = self._read
        if self._file >= 0:
            line = canonical_json(told).encode() + b"\n"
            if os.write(self._file, line) != len(line):
                raise OSError(f"no room to write what is spent to {self.folder}/{FILE}")
            self._read += len(line)
        else:
            self._read += 1
        self._count(number, told)
        return number

    def _read_on(self) -> None:
        """Counts what others wrote since. A line that was cut off with its writer is ended, and counts as nothing: its request was not sent."""
        size = os.fstat(self._file).st_size
        while self._read < size:
            data = os.pread(self._file, min(size - self._read, 1 << 20), self._read)
            whole, newline, _ = data.rpartition(b"\n")
            if not newline:
                if len(data) < 1 << 20:
                    size += os.write(self._file, b"\n")
                    continue
                raise ValueError(f"{self.folder}/{FILE} holds a line that no endpoint wrote, at byte {self._read}")
            for line in whole.split(b"\n"):
                number, self._read = self._read, self._read + len(line) + 1
                try:
                    told = json.loads(line)
                except ValueError:
                    continue
                self._count(number, told)

    def _count(self, number: int, told: dict[str, Any]) -> None:
        found = Spent(told["num_requests"], told["prompt_tokens"], told["output_tokens"], told["cost_nano"])
        if "of" not in told:
            self.begun[number] = found
            self.most += found
        else:
            self.most += found - self.begun.pop(told["of"], Spent())
            self.spent += found


def open_ledger(folder: Path | None, model: str = "", is_durable: bool = False) -> Ledger | StoreLedger:
    """What was spent on a folder of replies, wherever it is."""
    if folder is not None and is_remote(folder):
        return StoreLedger(folder, model, is_durable)
    return Ledger(folder, model, is_durable)


def spent_on(replies: Path) -> tuple[Spent, Spent]:
    """What was spent on a folder of replies by requests whose end is known, and what the others may have cost at most."""
    if not is_remote(replies) and not (replies / FILE).is_file():
        return Spent(), Spent()
    ledger = open_ledger(replies)
    try:
        with ledger.locked():
            return ledger.spent, ledger.most - ledger.spent
    finally:
        ledger.close()
