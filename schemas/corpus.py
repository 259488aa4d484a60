"""A corpus on disk: which files it has, what its ledger says, and whether all of it is true.

The ledger is believed, never a directory listing: a file that no ledger entry names is an orphan.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pyarrow as pa

from schemas.arrow import features_of, from_batch, read_schema_kind
from schemas.identity import canonical_json, digest
from schemas.records import FactValue, Record
from schemas.shard import TEMPORARY_PREFIX, FileEntry, file_sha256, remove_files, write_replacing

DERIVED = ("corpus.json", "dataset_info.json", "state.json", "README.md", "croissant.json")
REQUEUE = "requeue"  # holds splits that are being replayed, as they were, while its JOURNAL is there
JOURNAL = f"{REQUEUE}/journal.json"
FOLDERS = ("shards", "rejects", "ledger", REQUEUE)

REJECTS_SCHEMA = pa.schema(
    [pa.field(name, pa.string(), nullable=False) for name in ("key", "step", "failure", "reason", "detail")]
    + [pa.field(name, pa.string(), nullable=False) for name in ("source", "revision", "licence", "locator", "traceback", "facts")]
)

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
    """One committed split: its source part, its files with checksums, its counts."""

    split: dict[str, object]
    shard: FileEntry
    rejects: FileEntry
    steps: tuple[StepCount, ...]
    sums: dict[str, int]

    def to_bytes(self) -> bytes:
        return (canonical_json(asdict(self)) + "\n").encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> LedgerEntry:
        raw = json.loads(data)
        steps = tuple(StepCount(**step) for step in raw["steps"])
        return cls(raw["split"], FileEntry(**raw["shard"]), FileEntry(**raw["rejects"]), steps, raw["sums"])


@dataclass(frozen=True, slots=True)
class Corpus:
    """A corpus directory."""

    path: Path

    def ledger(self) -> list[LedgerEntry]:
        """Committed splits in a fixed order: by source path, then place in it."""
        entries = [LedgerEntry.from_bytes(file.read_bytes()) for file in self.ledger_files()]
        return sorted(entries, key=lambda entry: (str(entry.split["path"]), int(str(entry.split["start"])), str(entry.split["id"])))

    def ledger_files(self) -> list[Path]:
        files = (self.path / "ledger").glob("*.json")  # which finds what a killed writer left, too
        return sorted(file for file in files if not file.name.startswith(TEMPORARY_PREFIX))

    def committed(self) -> set[str]:
        return {file.stem for file in self.ledger_files()}

    def recipe(self) -> dict[str, object]:
        file = self.path / "recipe.json"
        if not file.is_file():
            raise CorpusError(f"{self.path} has no recipe.json; expected a corpus directory that `corpusmill build` made")
        return json.loads(file.read_text())

    def is_complete(self) -> bool:
        return (self.path / "corpus.json").is_file()

    def totals(self) -> dict[str, object]:
        if not self.is_complete():
            raise CorpusError(f"{self.path} has no corpus.json: its build did not end; run the same build again to go on")
        return json.loads((self.path / "corpus.json").read_text())

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
        return sorted(file.relative_to(self.path) for file in self.path.rglob("*") if not file.is_dir())

    def named_files(self) -> set[str]:
        """Files that the ledger, or the layout, accounts for."""
        named = {"recipe.json", *DERIVED}
        for file in self.ledger_files():
            entry = LedgerEntry.from_bytes(file.read_bytes())
            named |= {f"ledger/{file.name}", entry.shard.name, entry.rejects.name}
        if (self.path / JOURNAL).is_file():
            aside = (file for file in (self.path / REQUEUE).rglob("*") if not file.name.startswith(TEMPORARY_PREFIX))
            named |= {file.relative_to(self.path).as_posix() for file in aside}
        return named

    def orphans(self) -> list[Path]:
        named = self.named_files()
        return [self.path / file for file in self.files() if file.as_posix() not in named]

    def remove_orphans(self) -> list[Path]:
        """Removes what no ledger entry names: the leavings of a build that died."""
        orphans = [
            file for file in self.orphans() if file.relative_to(self.path).parts[0] in FOLDERS or file.name.startswith(TEMPORARY_PREFIX)
        ]
        remove_files(orphans)
        return orphans


def read_batches(path: Path) -> Iterator[pa.RecordBatch]:
    """Batches of an Arrow IPC stream file, memory-mapped."""
    with pa.memory_map(str(path)) as source, pa.ipc.open_stream(source) as reader:
        yield from reader


def read_schema(path: Path) -> pa.Schema:
    with pa.memory_map(str(path)) as source, pa.ipc.open_stream(source) as reader:
        return reader.schema


def told_facts(facts: Mapping[str, FactValue]) -> str:
    """What a rejects table tells of a record's facts, as JSON: numbers, truth values, short texts; null for what is no finite number."""
    told: dict[str, object] = {}
    for name, value in facts.items():
        if isinstance(value, float) and not math.isfinite(value):
            told[name] = None
        elif not isinstance(value, str) or len(value) <= MAX_TOLD_CHARS:
            told[name] = value
    return canonical_json(told)


def finish(
    corpus: Corpus,
    write_card: Callable[[dict[str, object]], str],
    write_croissant: Callable[[dict[str, object]], dict[str, object]] | None = None,
) -> dict[str, object]:
    """Derives corpus.json, the `datasets` metadata, the card and Croissant metadata from the ledger; corpus.json is written last."""
    entries = corpus.ledger()
    recipe = corpus.recipe()
    totals = sum_ledger(entries)
    totals |= {"name": recipe["name"], "kind": recipe["kind"], "fingerprint": recipe["fingerprint"]}
    totals["licences"] = _licences(corpus, entries)
    card = write_card({**totals, "versions": recipe.get("versions", {})})
    totals["content"] = content_of(entries)
    shards = [entry.shard for entry in entries]
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
        write_replacing(corpus.path / "croissant.json", _pretty(write_croissant(totals)))
    write_replacing(corpus.path / "corpus.json", _pretty(totals))
    return totals


def content_of(entries: Sequence[LedgerEntry]) -> str:
    """The digest that names what a corpus holds: the bytes of its shards and rejects."""
    return digest(*(entry.shard.sha256 + entry.rejects.sha256 for entry in entries))


def _pretty(value: object) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def sum_ledger(entries: list[LedgerEntry]) -> dict[str, object]:
    """Counts over all splits: rows in and out, the funnel of steps, rejects by reason, sums of counted facts."""
    steps: dict[str, dict[str, object]] = {}
    reasons: Counter[str] = Counter()
    sums: Counter[str] = Counter()
    for entry in entries:
        sums.update(entry.sums)
        for count in entry.steps:
            step = steps.setdefault(count.step, {"step": count.step, "num_in": 0, "num_out": 0, "rejects": Counter(), "num_faults": 0})
            step["num_in"] += count.num_in  # type: ignore[operator]
            step["num_out"] += count.num_out  # type: ignore[operator]
            step["num_faults"] += count.num_faults  # type: ignore[operator]
            step["rejects"].update(count.rejects)  # type: ignore[attr-defined]
            reasons.update(count.rejects)
    funnel = [{**step, "rejects": dict(step["rejects"])} for step in steps.values()]  # type: ignore[call-overload]
    return {
        "num_splits": len(entries),
        "num_in": funnel[0]["num_in"] if funnel else 0,
        "num_out": sum(entry.shard.num_rows for entry in entries),
        "num_rejects": sum(entry.rejects.num_rows for entry in entries),
        "num_faults": sum(step["num_faults"] for step in funnel),  # type: ignore[misc]
        "num_bytes": sum(entry.shard.num_bytes for entry in entries),
        "rejects": dict(sorted(reasons.items())),
        "steps": funnel,
        "sums": dict(sorted(sums.items())),
    }


def _licences(corpus: Corpus, entries: list[LedgerEntry]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for entry in entries:
        for batch in corpus.batches(entry):
            found.update(licence or "unknown" for licence in batch.column("licence").to_pylist())
    return dict(sorted(found.items()))


def check_files(corpus: Corpus) -> list[str]:
    """Problems with files: checksums, sizes, rows, schemas, orphans, keys that occur twice, counts that do not add up."""
    problems = [f"{file.relative_to(corpus.path)} is named by no ledger entry (an orphan)" for file in corpus.orphans()]
    entries = corpus.ledger()
    seen: set[str] = set()
    for entry in entries:
        problems += check_split(corpus, entry, seen)
    totals = corpus.totals()
    for name, value in sum_ledger(entries).items():
        if totals.get(name) != value:
            problems.append(f"corpus.json says {name} = {totals.get(name)!r}, the ledger gives {value!r}")
    return problems


def check_split(corpus: Corpus, entry: LedgerEntry, seen: set[str]) -> list[str]:
    """Problems with the files and counts of one split; `seen` are the keys of those before it, to which its own are added."""
    problems = []
    for file in (entry.shard, entry.rejects):
        problems += _check_file(corpus, file, seen, is_shard=file is entry.shard)
    return problems + _check_counts(entry)


def _check_file(corpus: Corpus, file: FileEntry, seen: set[str], is_shard: bool) -> list[str]:
    path = corpus.path / file.name
    if not path.is_file():
        return [f"{file.name} is named by the ledger but is missing"]
    if path.stat().st_size != file.num_bytes or file_sha256(path) != file.sha256:
        return [f"{file.name} does not have the checksum that the ledger gives; it was changed or damaged after it was written"]
    problems = []
    schema = read_schema(path)
    if is_shard:
        kind = read_schema_kind(schema, file.name)
        if kind != corpus.recipe()["kind"]:
            problems.append(f"{file.name} holds {kind} records, the recipe gives {corpus.recipe()['kind']}")
    elif not schema.equals(REJECTS_SCHEMA):
        problems.append(f"{file.name} does not have the schema of a rejects table")
    keys = [key for batch in read_batches(path) for key in batch.column("key").to_pylist()]
    if len(keys) != file.num_rows:
        problems.append(f"{file.name} has {len(keys)} rows, the ledger says {file.num_rows}")
    doubled = [key for key, count in Counter(keys).items() if count > 1] + [key for key in keys if key in seen]
    problems += [f"key {key} occurs more than once (again in {file.name})" for key in doubled[:3]]
    seen.update(keys)
    return problems


def _check_counts(entry: LedgerEntry) -> list[str]:
    problems = []
    refused = sum(sum(step.rejects.values()) + step.num_faults for step in entry.steps)
    if refused != entry.rejects.num_rows:
        problems.append(f"{entry.rejects.name} has {entry.rejects.num_rows} rows, its steps refused {refused}")
    for before, after in zip(entry.steps, entry.steps[1:], strict=False):
        if before.num_out != after.num_in:
            problems.append(
                f"step {before.step} gave {before.num_out} records, {after.step} took {after.num_in} (split {entry.split['id']})"
            )
    if entry.steps and entry.steps[-1].num_out != entry.shard.num_rows:
        problems.append(f"{entry.shard.name} has {entry.shard.num_rows} rows, its last step gave {entry.steps[-1].num_out}")
    return problems
