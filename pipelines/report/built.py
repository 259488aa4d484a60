"""The stages of a corpus as their recipes and ledgers tell them, and what there is to count of each."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipelines.dedup import DUPLICATE, REPEATED
from pipelines.report.tally import Portion, Reading, Tally, read_told
from pipelines.runs import read_runs
from pipelines.stage import earlier_stages
from processors.attempts.measure import NEAR_SOLUTION, SAME_SOLUTION
from schemas.corpus import Corpus, CorpusError, LedgerEntry, sum_ledger
from schemas.identity import canonical_json, digest
from schemas.outcome import FAULT

ROWS_PER_TASK = 50_000
COPIED = (DUPLICATE.name, REPEATED.name, "near_duplicate", SAME_SOLUTION.name, NEAR_SOLUTION.name)  # two steps name one near_duplicate
HITS = ("in_benchmark",)


def stages_of(corpus: Path) -> list[Path]:
    """The corpus and the finished stages before it, in the order in which they were built, the corpus last."""
    corpus = corpus.resolve()
    contents: dict[Path, str] = {}
    sources: dict[Path, str] = {corpus: _source(corpus)}
    for path in earlier_stages(corpus):
        with _readable(path):
            contents[path], sources[path] = str(Corpus(path).totals()["content"]), _source(path)
    order: list[Path] = []

    def place(path: Path) -> None:
        for other, content in contents.items():
            if content in sources[path] and other != path and other not in order:
                place(other)
        order.append(path)

    place(corpus)
    return [*(path for path in contents if path not in order), *order]


def _source(path: Path) -> str:
    """What the recipe says of its source, as text: the contents of the corpora that it reads stand in it."""
    with _readable(path):
        recipe: Any = Corpus(path).recipe()
        return json.dumps(recipe.get("parameters", {}).get("source"))


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turns what JSON of another form raises into a CorpusError."""
    try:
        yield
    except (json.JSONDecodeError, UnicodeDecodeError, AttributeError, KeyError, TypeError) as error:
        raise CorpusError(
            f"recipe.json, corpus.json or the ledger of {path} cannot be read ({error!r}); the corpus is damaged, rebuild it"
        ) from error


class BuiltStage:
    """What the recipe and the ledger of a stage say."""

    def __init__(self, path: Path) -> None:
        self.path, self.corpus = path, Corpus(path)
        with _readable(path):
            self.recipe: dict[str, Any] = dict(self.corpus.recipe())
            self.name, self.kind, self.fingerprint = (str(self.recipe[name]) for name in ("name", "kind", "fingerprint"))
            self.facts: dict[str, dict[str, str]] = self.recipe.get("facts", {})
            self.entries: list[LedgerEntry] = self.corpus.ledger()
            self.totals: dict[str, Any] = self.corpus.totals() if self.corpus.is_complete() else {}
        self.sums: dict[str, Any] = sum_ledger(self.entries)
        for name in ("num_splits", "num_in", "num_out", "num_rejects", "num_faults"):
            if self.totals and self.totals.get(name) != self.sums[name]:
                raise CorpusError(
                    f"corpus.json of {path} says {name} = {self.totals.get(name)!r}, its ledger gives {self.sums[name]!r}; "
                    "the corpus is damaged, rebuild it"
                )

    @property
    def content(self) -> str:
        """As in corpus.json: a digest of all shards and rejects."""
        return digest(*(entry.shard.sha256 + entry.rejects.sha256 for entry in self.entries))

    def limits(self) -> list[tuple[str, dict[str, Any]]]:
        """(step, limit), in the order of steps."""
        told = self.recipe.get("limits", {})
        order = [step["step"] for step in self.sums["steps"]]
        steps = [*(step for step in order if step in told), *(step for step in told if step not in order)]
        return [(step, limit) for step in steps for limit in told[step]]

    def reading(self, scratch: Path, partitions: int, is_last: bool) -> Reading:
        told = tuple((step, canonical_json(limit)) for step, limit in self.limits())
        types = {name: said["type"] for name, said in self.facts.items()}
        limited = {fact.name for _, limit in told for fact in read_told(limit, types).facts}
        facts = {name: said["type"] for name, said in sorted(self.facts.items()) if is_last or name in limited}
        return Reading(
            path=str(self.path),
            facts=facts,
            limits=told,
            is_last=is_last,
            is_packed=is_last and self.kind == "packed",
            copies=COPIED,
            hits=HITS,
            scratch=str(scratch),
            partitions=partitions,
        )

    def portions(self, number: int) -> list[Portion]:
        """Neighbouring splits in ledger order, together up to ROWS_PER_TASK rows and rejects; a larger one stands alone."""
        found: list[Portion] = []
        files: list[tuple[str, int, str, int]] = []
        first = row = size = 0
        for entry in self.entries:
            rows = entry.shard.num_rows + entry.rejects.num_rows
            if files and size + rows > ROWS_PER_TASK:
                found.append(Portion(f"{number}-{len(found)}", first, tuple(files)))
                files, first, size = [], row, 0
            files.append((entry.shard.name, entry.shard.num_rows, entry.rejects.name, entry.rejects.num_rows))
            row, size = row + entry.shard.num_rows, size + rows
        return [*found, Portion(f"{number}-{len(found)}", first, tuple(files))] if files else found

    def check(self, tally: Tally) -> None:
        """Raises CorpusError where the rejects are not those that the ledger counts."""
        found: dict[tuple[str, str], int] = {}
        for (step, failure, reason), number in tally.reasons.items():
            name = (step, "" if failure == FAULT else reason)
            found[name] = found.get(name, 0) + number
        told = {(step["step"], reason): number for step in self.sums["steps"] for reason, number in step["rejects"].items()}
        told |= {(step["step"], ""): step["num_faults"] for step in self.sums["steps"] if step["num_faults"]}
        for name in sorted(found.keys() | told.keys()):
            if found.get(name, 0) != told.get(name, 0):
                what = " ".join(name).strip()
                raise CorpusError(
                    f"the rejects of {self.path} hold {found.get(name, 0)} records of {what}, its ledger counts {told.get(name, 0)}; "
                    "the corpus is damaged, rebuild it"
                )

    def runs(self) -> list[dict[str, Any]]:
        return read_runs(self.path)
