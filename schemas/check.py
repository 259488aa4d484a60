"""Whether a corpus on disk is what its ledger says: files, checksums, rows, schemas, counts, and keys that stand once."""

from __future__ import annotations

from schemas.arrow import read_schema_kind
from schemas.corpus import REJECTS_SCHEMA, Corpus, FileEntry, LedgerEntry, LedgerSum, read_batches, read_schema
from schemas.keys import Keys
from schemas.shard import file_sha256

MAX_DOUBLED = 100  # keys that are named


def check_files(corpus: Corpus) -> list[str]:
    """Problems with files: checksums, sizes, rows, schemas, orphans, keys that occur twice, counts that do not add up."""
    problems = [f"{file.relative_to(corpus.path)} is named by no ledger entry (an orphan)" for file in corpus.orphans()]
    summed = LedgerSum()
    with Keys() as keys:
        for entry in corpus.entries():
            summed.add(entry)
            problems += check_split(corpus, entry, keys)
        problems += doubled_keys(corpus, keys)
    totals = corpus.totals()
    for name, value in summed.totals().items():
        if totals.get(name) != value:
            problems.append(f"corpus.json says {name} = {totals.get(name)!r}, the ledger gives {value!r}")
    return problems


def check_split(corpus: Corpus, entry: LedgerEntry, keys: Keys) -> list[str]:
    """Problems with the files and counts of one split, whose keys go to `keys`, which tell when all are there which occur twice."""
    problems = []
    for file in (entry.shard, entry.rejects):
        problems += _check_file(corpus, file, keys, is_shard=file is entry.shard)
    return problems + _check_counts(entry)


def doubled_keys(corpus: Corpus, keys: Keys) -> list[str]:
    """The keys that stand more than once in the files of a corpus, the first MAX_DOUBLED."""
    return [
        f"key {key} occurs more than once (again in {name})" for key, name in keys.doubled(lambda name: corpus.path / name, MAX_DOUBLED)
    ]


def _check_file(corpus: Corpus, file: FileEntry, keys: Keys, is_shard: bool) -> list[str]:
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
    num_rows = sum(keys.add(batch.column("key"), file.name) for batch in read_batches(path))
    if num_rows != file.num_rows:
        problems.append(f"{file.name} has {num_rows} rows, the ledger says {file.num_rows}")
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
