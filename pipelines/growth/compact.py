"""Compaction: a corpus of many small shards as one of few large ones, with the same rows in the same order, the same refusals, the same counts.

Neighbouring splits, in ledger order, go together into shards of about a given size; a ledger entry tells which splits its shard holds. The new
corpus lies beside the old one, which is not changed. Every file is compared with its checksum before it is copied, so that damage is not
given a new one. Rows are read and written a batch at a time, cut as a build cuts them: equal corpora give equal bytes, whoever does it.
"""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipelines.build import BuildError, Execution, compute_for, own_corpus
from pipelines.card import CARD, MADE, join_card, read_card
from pipelines.croissant import croissant_of
from pipelines.front_matter import loading
from pipelines.run import FencedOut
from schemas.arrow import features_of, from_batch
from schemas.corpus import REJECTS_SCHEMA, Corpus, CorpusError, LedgerEntry, StepCount, finish, read_batches, read_schema, sum_ledger
from schemas.identity import digest
from schemas.lock import holds
from schemas.shard import MAX_BATCH_ROWS, FileEntry, RecordWriter, TableWriter, file_sha256, write_if_absent
from schemas.store import fetched

PLACE = "compacted"  # the path of a split of a compacted corpus, and the key in recipe.json that tells what it was made from
CHANGES = ("num_splits", "num_bytes", "content")  # totals that may differ


@dataclass(frozen=True, slots=True)
class Compacted:
    """What a compaction did: shards before and after, of which `num_built` were written now, and the totals of the new corpus."""

    path: Path
    num_before: int
    num_after: int
    num_built: int
    totals: dict[str, Any]


def groups_of(entries: Sequence[LedgerEntry], target_bytes: int) -> list[list[LedgerEntry]]:
    """Runs of neighbouring splits whose shards have up to `target_bytes` together; a larger shard is alone."""
    groups: list[list[LedgerEntry]] = []
    size = 0
    for entry in entries:
        if not groups or size + entry.shard.num_bytes > target_bytes:
            groups.append([])
            size = 0
        groups[-1].append(entry)
        size += entry.shard.num_bytes
    return groups


def compact(
    path: Path,
    out: Path,
    target_bytes: int,
    execution: Execution | None = None,
    note: Callable[[str], None] = lambda _: None,
) -> Compacted:
    """Writes the compacted corpus `<out>/<name of the corpus>`; one that was stopped goes on.

    Raises:
        CorpusError: no finished corpus is there, or a file of it is damaged.
        BuildError: another corpus is at the new place, or as `pipelines.build.build`.
    """
    import dask

    if target_bytes < 1:
        raise ValueError(f"the target size is {target_bytes} bytes, expected 1 or more")
    execution, source = execution or Execution(), Corpus(path)
    totals, entries = source.totals(), source.ledger()
    groups = groups_of(entries, target_bytes)
    made = Corpus(out / path.name)
    if made.path == path:
        raise BuildError(f"compacting {path}: the new corpus would lie where the old one is; name another folder with --out")
    recipe = {**source.recipe(), PLACE: {"content": totals["content"], "target_bytes": target_bytes, "num_splits": len(entries)}}
    with own_corpus(made.path) as token, contextlib.ExitStack() as sessions:
        _begin(made, recipe)
        committed = made.recover()
        pending = [(number, group) for number, group in enumerate(groups) if _id(group) not in committed]
        if not pending and made.is_complete():
            return Compacted(made.path, len(entries), len(groups), 0, made.totals())
        compute = partial(compute_for, execution, source, sessions, note)
        compute([dask.delayed(_write)(path, made.path, number, group, token) for number, group in pending])
        told = finish(made, partial(_card, source, made), partial(croissant_of, made))
    differing = [name for name, value in totals.items() if name not in CHANGES and told.get(name) != value]
    if differing:
        raise BuildError(f"{made.path} does not have the totals of {path}: {differing[0]} is {told.get(differing[0])!r} there; remove it")
    return Compacted(made.path, len(entries), len(groups), len(pending), told)


def _begin(made: Corpus, recipe: dict[str, Any]) -> None:
    file = made.path / "recipe.json"
    text = json.dumps(recipe, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    if file.is_file() and file.read_text() != text:
        raise BuildError(
            f"{made.path} is another corpus, or one that was compacted from other content or to another size; name another --out"
        )
    if not file.is_file():
        made.path.mkdir(parents=True, exist_ok=True)
        write_if_absent(file, text.encode())


def _id(group: Sequence[LedgerEntry]) -> str:
    return digest(PLACE, *(f"{entry.split['id']} {entry.shard.sha256} {entry.rejects.sha256}" for entry in group))


def _write(path: Path, made: Path, number: int, group: Sequence[LedgerEntry], token: str) -> str:
    """Writes one shard with its rejects and commits them. Gives its id."""
    name = _id(group)
    with fetched(path / group[0].shard.name) as local:
        schema = read_schema(local)
    with (
        RecordWriter(made, f"shards/{name}.arrow", schema) as shard,
        TableWriter(made, f"rejects/{name}.arrow", REJECTS_SCHEMA) as rejects,
    ):
        for entry in group:
            for batch in _checked(path, entry.shard, schema):
                for record in from_batch(batch, entry.shard.name):
                    shard.write(record)
        for rows in _cut(row for entry in group for batch in _checked(path, entry.rejects, REJECTS_SCHEMA) for row in batch.to_pylist()):
            rejects.write_batch(pa.RecordBatch.from_pylist(rows, REJECTS_SCHEMA))
    if not holds(made, token):
        shard.discard()
        rejects.discard()
        raise FencedOut(f"another one has taken over {made}; shard {name} was not committed")
    sums: Counter[str] = Counter()
    for entry in group:
        sums.update(entry.sums)
    place = {"id": name, "path": PLACE, "revision": name, "start": number, "stop": number + 1, "holds": [_told(entry) for entry in group]}
    made_of = LedgerEntry(place, shard.publish(), rejects.publish(), _steps(group), dict(sums))
    write_if_absent(made / "ledger" / f"{name}.json", made_of.to_bytes())
    return name


def _told(entry: LedgerEntry) -> dict[str, object]:
    """A split as the ledger of the compacted corpus names it; its rows, and refusals, follow those of the splits before it."""
    return {**entry.split, "num_rows": entry.shard.num_rows, "num_rejects": entry.rejects.num_rows}


def _steps(group: Sequence[LedgerEntry]) -> tuple[StepCount, ...]:
    steps: Any = sum_ledger(group)["steps"]
    return tuple(StepCount(**{**step, "rejects": dict(sorted(step["rejects"].items()))}) for step in steps)


def _checked(path: Path, file: FileEntry, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The batches of a file that is as the ledger says."""
    with fetched(path / file.name) as local:
        if file_sha256(local) != file.sha256:
            raise CorpusError(
                f"{path / file.name} does not have the checksum that the ledger gives; it was changed or damaged, see `verify`"
            )
        if not read_schema(local).equals(schema, check_metadata=True):
            raise CorpusError(f"{path / file.name} has other columns than the first shard of its group; the corpus is damaged")
        yield from read_batches(local)


def _cut(rows: Iterator[dict[str, str]]) -> Iterator[list[dict[str, str]]]:
    """Lists of as many rows as go into a batch."""
    some: list[dict[str, str]] = []
    for row in rows:
        some.append(row)
        if len(some) == MAX_BATCH_ROWS:
            yield some
            some = []
    if some:
        yield some


def _card(source: Corpus, made: Corpus, totals: dict[str, Any]) -> str:
    """The card of the corpus, with the sizes of the new shards."""
    file = source.path / CARD
    head, title, parts = read_card(file.read_text() if file.is_file() else "")
    with fetched(made.path / next(made.entries()).shard.name) as local:
        head |= loading("shards/*.arrow", features_of(read_schema(local)), totals["num_out"], totals["num_bytes"])
    compacted: Any = made.recipe()[PLACE]
    line = f"Compacted: the shards of {compacted['num_splits']:,} splits are {totals['num_splits']:,} here; rows, order and refusals are the same."
    return join_card(head, title or [f"# {totals['name']}"], {**parts, MADE: [*parts.get(MADE, []), "", line]})


def as_row(done: Compacted) -> dict[str, Any]:
    """As JSON."""
    counts = {"num_before": done.num_before, "num_after": done.num_after, "num_built": done.num_built}
    return {"path": str(done.path), **counts, "num_rows": done.totals["num_out"], "num_bytes": done.totals["num_bytes"]}
