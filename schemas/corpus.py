"""A corpus on a disk or in an object store: which files it has, what its ledger says, and whether all of it is true.

The ledger is believed, never a directory listing: a file that no ledger entry names is an orphan.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, cast

import pyarrow as pa

from schemas.arrow import features_of, from_batch
from schemas.identity import canonical_json, digest
from schemas.records import FactValue, Record
from schemas.sending import end_uploads
from schemas.shard import TEMPORARY_PREFIX, FileEntry, remove_durably, remove_files, write_replacing
from schemas.store import fetched, list_names, read_many

DERIVED = ("corpus.json", "dataset_info.json", "state.json", "README.md", "croissant.json")
REQUEUE = "requeue"  # holds splits that are being replayed, as they were, while its JOURNAL is there
JOURNAL = f"{REQUEUE}/journal.json"
FOLDERS = ("shards", "rejects", "ledger", REQUEUE)

REJECTS_SCHEMA = pa.schema(
    [pa.field(name, pa.string(), nullable=False) for name in ("key", "step", "failure", "reason", "detail")]
    + [pa.field(name, pa.string(), nullable=False) for name in ("source", "revision", "licence", "locator", "traceback", "facts")]
)

FACT_TYPES = ("bool", "int", "float", "str")
_DAMAGED = "cannot be read: it was changed or damaged after it was written; bring the file back, or build anew with --rebuild"
MAX_TOLD_CHARS = 80  # of a fact of text in the rejects table; programs and truths stay with the source


class CorpusError(ValueError):
    """A corpus directory that cannot be read as one; the message says what is missing and what to do."""


@dataclass(frozen=True, slots=True)
class StepCount:
    """What one step did in one split: `num_in` = ancestors kept + rejected + faulted + crashed, always."""

    step: str
    num_in: int
    num_out: int
    rejects: dict[str, int] = field(default_factory=dict)
    num_faults: int = 0


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One committed split: its source part, its files with checksums, its counts; `licences` counts the rows of its shard by licence.

    Entries of older corpora have no `licences`: there the shard tells.
    """

    split: dict[str, object]
    shard: FileEntry
    rejects: FileEntry
    steps: tuple[StepCount, ...]
    sums: dict[str, int]
    licences: dict[str, int] | None = None

    def to_bytes(self) -> bytes:
        told = asdict(self)
        if self.licences is None:
            del told["licences"]
        return (canonical_json(told) + "\n").encode()

    @classmethod
    def from_bytes(cls, data: bytes, name: str = "") -> LedgerEntry:
        """The entry that a file of the ledger, `name`, holds. Raises: CorpusError when it holds none."""
        try:
            raw = json.loads(data)
            steps = tuple(StepCount(s["step"], s["num_in"], s["num_out"], s["rejects"], s["num_faults"]) for s in raw["steps"])
            entry = cls(raw["split"], FileEntry(**raw["shard"]), FileEntry(**raw["rejects"]), steps, raw["sums"], raw.get("licences"))
            check_entry(entry)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise CorpusError(f"ledger entry {name or data[:60]!r} {_DAMAGED} ({type(error).__name__}: {str(error)[:200]})") from error
        return entry

    def place(self) -> tuple[str, int, str]:
        """Where the split stands among the others: by source path, then place in it."""
        return str(self.split["path"]), int(str(self.split["start"])), str(self.split["id"])


@dataclass(frozen=True, slots=True)
class Corpus:
    """A corpus directory."""

    path: Path

    def ledger(self) -> list[LedgerEntry]:
        """Committed splits in a fixed order: by source path, then place in it."""
        return sorted(self.entries(), key=LedgerEntry.place)

    def entries(self) -> Iterator[LedgerEntry]:
        """Committed splits by their ids, each read once and none held: for what needs no other order."""
        files = self.ledger_files()
        return (LedgerEntry.from_bytes(data, file.name) for file, data in zip(files, read_many(files), strict=True))

    def ledger_files(self) -> list[Path]:
        return [self.path / "ledger" / name for name in self._ledger_names()]

    def _ledger_names(self) -> list[str]:
        """Names in the folder of the ledger, sorted, without what a killed writer left."""
        names = list_names(self.path / "ledger")
        return [name for name in names if name.endswith(".json") and not name.startswith(TEMPORARY_PREFIX) and "/" not in name]

    def committed(self) -> set[str]:
        return {name.removesuffix(".json") for name in self._ledger_names()}

    def recipe(self) -> dict[str, object]:
        file = self.path / "recipe.json"
        if not file.is_file():
            raise CorpusError(f"{self.path} has no recipe.json; expected a corpus directory that `corpusmill build` made")
        found = _read_object(file, {"name": str, "kind": str, "fingerprint": str})
        facts = found.get("facts", {})
        if not isinstance(facts, dict) or not all(isinstance(one, dict) and one.get("type") in FACT_TYPES for one in facts.values()):
            raise CorpusError(f"{file} {_DAMAGED} (a fact has no type that a fact can have)")
        return found

    def is_complete(self) -> bool:
        return (self.path / "corpus.json").is_file()

    def totals(self) -> dict[str, object]:
        if not self.is_complete():
            raise CorpusError(f"{self.path} has no corpus.json: its build did not end; run the same build again to go on")
        return _read_object(self.path / "corpus.json", {"name": str, "num_out": int, "num_rejects": int})

    def batches(self, entry: LedgerEntry) -> Iterator[pa.RecordBatch]:
        """A shard's batches, memory-mapped."""
        yield from read_batches(self.path / entry.shard.name)

    def records(self) -> Iterator[Record]:
        """Every record, in ledger order."""
        for entry in self.ledger():
            for batch in self.batches(entry):
                yield from from_batch(batch, entry.shard.name)

    def rejects(self) -> Iterator[dict[str, str]]:
        """Every refused, faulted or crashed record; `facts` is a JSON object of what had been measured of it (see `told_facts`)."""
        for entry in self.ledger():
            for batch in read_batches(self.path / entry.rejects.name):
                yield from batch.to_pylist()

    def files(self) -> list[Path]:
        """All files of the directory, relative, sorted."""
        return sorted(cast(Path, PurePosixPath(name)) for name in list_names(self.path))

    def named_files(self) -> set[str]:
        """Files that the ledger, or the layout, accounts for."""
        named = {"recipe.json", *DERIVED, *(f"ledger/{name}" for name in self._ledger_names())}
        for entry in self.entries():
            named |= {entry.shard.name, entry.rejects.name}
        if (self.path / JOURNAL).is_file():
            aside = list_names(self.path / REQUEUE)
            named |= {f"{REQUEUE}/{name}" for name in aside if not PurePosixPath(name).name.startswith(TEMPORARY_PREFIX)}
        return named

    def orphans(self) -> list[Path]:
        named = self.named_files()
        return [self.path / name for name in list_names(self.path) if name not in named]

    def remove_orphans(self) -> list[Path]:
        """Removes what no ledger entry names, and ends uploads that were not ended: the leavings of a build that died. For the owner alone."""
        return self._clear()[0]

    def recover(self) -> set[str]:
        """Removes orphans as `remove_orphans`, and gives the ids of the splits that are committed with all their files.

        A late worker of a builder that lost the corpus may commit a split while its files are taken for orphans: such a split is none of these.
        """
        return self._clear()[1]

    def _clear(self) -> tuple[list[Path], set[str]]:
        names = list_names(self.path)
        committed = self.committed()  # listed after the files: what was committed meanwhile is not taken for an orphan
        whole = {
            name for split_id in committed for name in (f"ledger/{split_id}.json", f"shards/{split_id}.arrow", f"rejects/{split_id}.arrow")
        }
        loose = [name for name in names if name not in whole and _may_be_orphan(name)]
        if loose:  # files of other names than their split's are named by the entries alone
            named = self.named_files()
            loose = [name for name in loose if name not in named]
        remove_files([self.path / name for name in loose])
        end_uploads(self.path)
        for split_id in {PurePosixPath(name).stem for name in loose if name.endswith(".arrow")}:
            entry = self.path / "ledger" / f"{split_id}.json"
            if entry.is_file():
                remove_durably(entry)
                committed.discard(split_id)
        return [self.path / name for name in loose], committed


def _may_be_orphan(name: str) -> bool:
    """Whether a file is of those that builds make for splits; others, which a user put there, are never removed."""
    path = PurePosixPath(name)
    return (path.parts[0] in FOLDERS and len(path.parts) > 1) or path.name.startswith(TEMPORARY_PREFIX)


def read_batches(path: Path) -> Iterator[pa.RecordBatch]:
    """Batches of an Arrow IPC stream file, memory-mapped; one of a store is fetched whole first.

    Every batch is checked before it is given: one whose offsets lead outside of it would end the process that looks into it.
    Raises: CorpusError for what is no such file, or a damaged one.
    """
    with fetched(path) as local, _told_damage(path), pa.memory_map(str(local)) as source, pa.ipc.open_stream(source) as reader:
        while True:
            with _told_damage(path):
                batch = next(reader, None)
                if batch is None:
                    return
                batch.validate(full=True)
                empty = [
                    one.name for one, column in zip(batch.schema, batch.columns, strict=True) if column.null_count and not one.nullable
                ]
                if empty:
                    raise pa.ArrowInvalid(f"column {empty[0]} has no value in some row")
            yield batch


def read_schema(path: Path) -> pa.Schema:
    """Raises: CorpusError for what is no Arrow IPC stream file."""
    with fetched(path) as local, _told_damage(path), pa.memory_map(str(local)) as source, pa.ipc.open_stream(source) as reader:
        return reader.schema


@contextlib.contextmanager
def _told_damage(path: Path) -> Iterator[None]:
    """Turns what Arrow says of a damaged file into a CorpusError; errors of the machine, which have a number, pass."""
    try:
        yield
    except (pa.ArrowInvalid, pa.ArrowIndexError, pa.ArrowNotImplementedError, pa.ArrowSerializationError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise CorpusError(f"{path} {_DAMAGED} (Arrow: {said[:200]})") from error


def _read_object(file: Path, needed: Mapping[str, type]) -> dict[str, object]:
    """The JSON object of one of a corpus's own files. Raises: CorpusError for another content."""
    try:
        found = json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise CorpusError(f"{file} {_DAMAGED} ({type(error).__name__}: {str(error)[:200]})") from error
    wrong = [name for name, kind in needed.items() if type(found.get(name)) is not kind] if isinstance(found, dict) else sorted(needed)
    if wrong:
        raise CorpusError(f"{file} {_DAMAGED} (it does not say {', '.join(wrong)})")
    return found


def check_entry(entry: LedgerEntry) -> None:
    """Raises: ValueError, KeyError or TypeError for an entry with another content than a build writes, or with files outside of its corpus."""
    entry.place()
    for file in (entry.shard, entry.rejects):
        parts = PurePosixPath(file.name).parts
        if len(parts) < 2 or parts[0] not in FOLDERS or ".." in parts or "\0" in file.name:
            raise ValueError(f"{file.name!r} is no place of a file of a corpus")
        if type(file.sha256) is not str or any(type(count) is not int or count < 0 for count in (file.num_bytes, file.num_rows)):
            raise ValueError(f"the file {file.name} has no checksum, or sizes that are no counts")
    counts = {**entry.sums, **(entry.licences or {})}
    for step in entry.steps:
        counts |= {f"{step.step}: rejects {name}": count for name, count in step.rejects.items()}
        counts |= {f"{step.step}: in": step.num_in, f"{step.step}: out": step.num_out, f"{step.step}: faults": step.num_faults}
    wrong = [name for name, count in counts.items() if type(count) is not int]
    if wrong or any(type(step.step) is not str for step in entry.steps):
        raise ValueError(f"the count of {(wrong or ['a step'])[0]!r} is no whole number")


def told_facts(facts: Mapping[str, FactValue]) -> str:
    """What a rejects table tells of a record's facts, as JSON: numbers, truth values, short texts; null for what is no finite number."""
    told: dict[str, object] = {}
    for name, value in facts.items():
        if isinstance(value, float) and not math.isfinite(value):
            told[name] = None
        elif not isinstance(value, str) or len(value) <= MAX_TOLD_CHARS:
            told[name] = value
    return canonical_json(told)


def read_facts(told: str) -> dict[str, Any]:
    """What `told_facts` wrote; nothing where nothing is told. Raises: CorpusError."""
    try:
        found = json.loads(told or "{}")
    except (ValueError, RecursionError) as error:
        raise CorpusError(
            f"the facts of a refused record, {told[:80]!r}, are no JSON ({error}); the corpus is damaged, rebuild it"
        ) from error
    if not isinstance(found, dict):
        raise CorpusError(f"the facts of a refused record are {told[:80]!r}, expected a JSON object; the corpus is damaged, rebuild it")
    return found


def finish(
    corpus: Corpus,
    write_card: Callable[[dict[str, object]], str],
    write_croissant: Callable[[dict[str, object], Sequence[FileEntry]], dict[str, object]] | None = None,
) -> dict[str, object]:
    """Derives corpus.json, the `datasets` metadata, the card and Croissant metadata from the ledger; corpus.json is written last.

    `write_croissant` takes the totals and the shards, in the order of the ledger.
    """
    summed, placed, licences = LedgerSum(), [], Counter[str]()
    for entry in corpus.entries():  # of which none is held: a corpus has as many as it has splits
        summed.add(entry)
        licences.update(_licences(corpus, entry))
        placed.append((entry.place(), entry.shard, entry.rejects.sha256))
    placed.sort(key=lambda one: one[0])
    shards = [shard for _, shard, _ in placed]
    recipe = corpus.recipe()
    totals = summed.totals()
    totals |= {"name": recipe["name"], "kind": recipe["kind"], "fingerprint": recipe["fingerprint"]}
    totals["licences"] = dict(sorted(licences.items()))
    card = write_card({**totals, "versions": recipe.get("versions", {})})
    totals["content"] = digest(*(shard.sha256 + rejects for _, shard, rejects in placed))
    del placed
    schema = read_schema(corpus.path / shards[0].name)
    info = {
        "builder_name": recipe["name"],
        "citation": "",
        "description": f"corpusmill {recipe['name']}, recipe {recipe['fingerprint']}",
        "features": features_of(schema),
        "homepage": "",
        "license": ", ".join(str(name) for name in totals["licences"]),  # type: ignore[attr-defined]
    }
    state: dict[str, object] = {
        "_data_files": [{"filename": shard.name} for shard in shards],
        "_fingerprint": str(totals["content"])[:16],
        "_format_columns": None,
        "_format_kwargs": {},
        "_format_type": None,
        "_output_all_columns": False,
        "_split": None,
    }
    write_replacing(corpus.path / "dataset_info.json", _pretty(info))
    write_replacing(corpus.path / "state.json", _pretty(state))
    write_replacing(corpus.path / "README.md", card.encode())
    if write_croissant is not None:
        write_replacing(corpus.path / "croissant.json", _pretty(write_croissant(totals, shards)))
    write_replacing(corpus.path / "corpus.json", _pretty(totals))
    return totals


def content_of(entries: Sequence[LedgerEntry]) -> str:
    """The digest that names what a corpus holds: the bytes of its shards and rejects."""
    return digest(*(entry.shard.sha256 + entry.rejects.sha256 for entry in entries))


def _pretty(value: object) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


class LedgerSum:
    """Counts over splits, added one at a time: rows in and out, the funnel of steps, rejects by reason, sums of counted facts."""

    def __init__(self) -> None:
        self._steps: dict[str, list[int]] = {}  # num_in, num_out, num_faults
        self._rejects: dict[str, dict[str, int]] = {}
        self._splits: list[int] = [0, 0, 0, 0]
        self._sums: dict[str, int] = {}

    def add(self, entry: LedgerEntry) -> None:
        _add(self._splits, (1, entry.shard.num_rows, entry.rejects.num_rows, entry.shard.num_bytes))
        _count(self._sums, entry.sums)
        for count in entry.steps:
            _add(self._steps.setdefault(count.step, [0, 0, 0]), (count.num_in, count.num_out, count.num_faults))
            _count(self._rejects.setdefault(count.step, {}), count.rejects)

    def totals(self) -> dict[str, object]:
        funnel = [
            {"step": step, "num_in": num_in, "num_out": num_out, "rejects": self._rejects[step], "num_faults": num_faults}
            for step, (num_in, num_out, num_faults) in self._steps.items()
        ]
        reasons: dict[str, int] = {}
        for rejects in self._rejects.values():
            _count(reasons, rejects)
        return {
            "num_splits": self._splits[0],
            "num_in": next((num_in for num_in, _, _ in self._steps.values()), 0),
            "num_out": self._splits[1],
            "num_rejects": self._splits[2],
            "num_faults": sum(num_faults for _, _, num_faults in self._steps.values()),
            "num_bytes": self._splits[3],
            "rejects": dict(sorted(reasons.items())),
            "steps": funnel,
            "sums": dict(sorted(self._sums.items())),
        }


def _add(total: list[int], part: Sequence[int]) -> None:
    for at, number in enumerate(part):
        total[at] += number


def _count(total: dict[str, int], part: Mapping[str, int]) -> None:
    for name, number in part.items():
        total[name] = total.get(name, 0) + number


def sum_ledger(entries: Iterable[LedgerEntry]) -> dict[str, object]:
    """Counts over all splits (see LedgerSum)."""
    summed = LedgerSum()
    for entry in entries:
        summed.add(entry)
    return summed.totals()


def _licences(corpus: Corpus, entry: LedgerEntry) -> dict[str, int]:
    """Rows of a split by licence."""
    if entry.licences is not None:
        return entry.licences
    found: Counter[str] = Counter()
    for batch in corpus.batches(entry):
        found.update(licence or "unknown" for licence in batch.column("licence").to_pylist())
    return found
