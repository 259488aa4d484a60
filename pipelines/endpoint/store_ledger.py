"""What was ever spent on a folder of replies on an object store, where nothing can be appended to and nobody can be kept out.

Each program has an object of its own that it alone writes, `spent.programs/<name>.json`: what it has spent, and the most that its requests
under way may cost. The sum over all objects is what is spent at most. A request is announced before it is sent, and the objects of the
others are read after that: of two programs that announce at the same time at least one sees the other, and takes its own back; so no
number of programs spends more than a budget. A program that is killed leaves what it had under way, which counts with the most.

Where no budget counts what others spend, the object is written every few seconds and at the end: a kill then loses the last of them.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pipelines.endpoint.spent import Spent
from schemas.identity import canonical_json
from schemas.shard import write_replacing

FOLDER = "spent.programs"
WRITE_EVERY_S = 5.0


@dataclass(frozen=True, slots=True)
class _Told:
    """What a program's object says; `has_ended` ones change no more."""

    spent: Spent
    begun: Spent
    num_begun: int
    has_ended: bool

    def to_bytes(self, model: str) -> bytes:
        return (canonical_json({"model": model, **asdict(self)}) + "\n").encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> _Told:
        told = json.loads(data)
        return cls(Spent(**told["spent"]), Spent(**told["begun"]), told["num_begun"], told["has_ended"])


@dataclass
class StoreLedger:
    """As `pipelines.endpoint.ledger.Ledger`, on an object store. `is_durable` announces each request before it is sent."""

    folder: Path
    model: str = ""
    is_durable: bool = False
    _own: Spent = field(default=Spent(), init=False)
    _begun: dict[int, Spent] = field(default_factory=dict, init=False)
    _others: dict[str, _Told] = field(default_factory=dict, init=False)
    _number: int = field(default=0, init=False)
    _written_at: float = field(default=float("-inf"), init=False)

    def __post_init__(self) -> None:
        self._file = self.folder / FOLDER / f"{uuid.uuid4().hex}.json"

    @property
    def spent(self) -> Spent:
        """By requests whose end is known."""
        return sum((told.spent for told in self._others.values()), self._own)

    @property
    def most(self) -> Spent:
        """With the most that each request without a known end may cost."""
        begun = sum(self._begun.values(), Spent())
        return sum((told.begun for told in self._others.values()), self.spent + begun)

    @property
    def num_begun(self) -> int:
        return len(self._begun) + sum(told.num_begun for told in self._others.values())

    @contextmanager
    def locked(self) -> Iterator[None]:
        """What others wrote is counted; they are not kept out."""
        if self.is_durable or not self._number:
            self.read_others()
        yield

    def begin(self, worst: Spent) -> int:
        """Announces a request that is about to be sent; gives its number. Whoever keeps a budget looks at `most` again after it."""
        self._number += 1
        self._begun[self._number] = worst
        self._write(now=self.is_durable)
        if self.is_durable:
            self.read_others()
        return self._number

    def end(self, number: int, spent: Spent) -> None:
        """Notes what the request `number` did cost; until that is written it counts with the most."""
        del self._begun[number]
        self._own += spent
        self._write(now=False)

    def close(self) -> None:
        if self._number:
            self._write(now=True, has_ended=not self._begun)

    def read_others(self) -> None:
        for file in sorted((self.folder / FOLDER).glob("*.json")):
            known = self._others.get(file.name)
            if file.name != self._file.name and not (known and known.has_ended):
                self._others[file.name] = _Told.from_bytes(file.read_bytes())

    def _write(self, now: bool, has_ended: bool = False) -> None:
        if now or time.monotonic() - self._written_at >= WRITE_EVERY_S:
            begun = sum(self._begun.values(), Spent())
            write_replacing(self._file, _Told(self._own, begun, len(self._begun), has_ended).to_bytes(self.model))
            self._written_at = time.monotonic()
