"""Which splits a process that builds alone had begun when it died, so that a record that kills it does not kill it for ever.

A build in this process has nobody who watches it. It notes a split before it begins it, and takes the note back however the split ends,
unless the process dies. A split whose process died NUM_DEATHS times is no accident: it is run by workers, whose deaths are survived,
and the record that kills them is found and refused.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipelines.runs import RUNS
from schemas.store import is_remote

NUM_DEATHS = 2  # one may be the machine's, or a hand's


@dataclass(frozen=True, slots=True)
class Begun:
    """The notes of one corpus, beside what is told of its runs. They need not outlive the machine, only the process: nothing waits for a disk.

    None are kept of a corpus on an object store, where each would be a request.
    """

    corpus: Path

    @property
    def file(self) -> Path:
        return self.corpus.parent / RUNS / f"{self.corpus.name}.begun.json"

    def deaths(self) -> dict[str, int]:
        """How many processes died while they worked on a split, by its id. A note that is cut says nothing."""
        if is_remote(self.corpus) or not self.file.is_file():
            return {}
        with contextlib.suppress(ValueError):
            told = json.loads(self.file.read_bytes())
            return {name: count for name, count in told.items() if type(count) is int} if isinstance(told, dict) else {}
        return {}

    def killers(self) -> frozenset[str]:
        """The splits that must not be run in this process again."""
        return frozenset(name for name, count in self.deaths().items() if count >= NUM_DEATHS)

    @contextlib.contextmanager
    def working_on(self, split_id: str) -> Iterator[None]:
        """Notes the split for as long as the block runs; a block that raises is no death."""
        if is_remote(self.corpus):
            yield
            return
        before = self.deaths()
        self._note({**before, split_id: before.get(split_id, 0) + 1})
        try:
            yield
        finally:
            self._note({name: count for name, count in before.items() if name != split_id})

    def forget(self, split_id: str) -> None:
        """The split is committed, by whomever."""
        self._note({name: count for name, count in self.deaths().items() if name != split_id})

    def _note(self, deaths: dict[str, int]) -> None:
        if deaths:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self.file.write_text(json.dumps(deaths, sort_keys=True))
        else:
            self.file.unlink(missing_ok=True)
