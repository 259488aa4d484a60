"""Where a row comes from, and what became of it, through the corpora that lie beside its own.

A corpus tells in its recipe the content of the corpora that it was made from; that, and never a path, says who reads whom. A row descends
from those of its `parents`, of the keys that its own extends (`key/0` of `key`), and of its pieces when it is packed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.inspection.record import preview
from pipelines.stage import STAGES
from schemas.arrow import BatchRows
from schemas.corpus import Corpus, read_batches
from schemas.identity import digest
from schemas.records import Origin

MAX_SHOWN = 20  # relatives of one record
MAX_DEPTH = 50
ROW, REFUSED, NOT_KEPT, SOURCE, MORE = "row", "refused", "not kept", "source", "more"


@dataclass(frozen=True, slots=True)
class Relative:
    """A record on the way: `what` it is (row, refused, not kept, source; more: those not listed), what is `said` of it, what comes next."""

    corpus: str
    key: str
    what: str
    said: str
    origin: Origin | None = None
    parents: tuple[str, ...] = ()
    relatives: tuple[Relative, ...] = ()


@dataclass(frozen=True, slots=True)
class Lineage:
    """A record with its ancestors up to the source, and its descendants."""

    record: Relative
    ancestors: tuple[Relative, ...]
    descendants: tuple[Relative, ...]


@dataclass(frozen=True, slots=True)
class _Link:
    """A corpus, by its content, that another was read from; `numbers` are its places in unions of sources, which make keys anew."""

    content: str
    numbers: tuple[int, ...] = ()

    def names(self, key: str) -> tuple[str, ...]:
        """What a key of the corpus may be called by its reader."""
        found = [key]
        for number in self.numbers:
            found.append(digest(str(number), found[-1]))
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Family:
    """The finished corpora of a folder, their earlier stages too; `sources` are those that each was read from."""

    sources: dict[Path, tuple[tuple[Path, _Link], ...]]

    def readers(self, folder: Path) -> Iterator[tuple[Path, _Link]]:
        for reader, sources in self.sources.items():
            yield from ((reader, link) for source, link in sources if source == folder)


def family_of(path: Path) -> Family:
    """The corpora beside the one at `path`, itself included."""
    home = path.resolve().parent
    out = home.parent if home.name == STAGES else home
    folders = sorted(file.parent for place in (out, out / STAGES) if place.is_dir() for file in place.glob("*/corpus.json"))
    contents, links = {}, {}
    for folder in folders:
        parameters: Any = Corpus(folder).recipe()["parameters"]
        contents[folder] = str(Corpus(folder).totals()["content"])
        links[folder] = tuple(_links(parameters["source"]))
    return Family({folder: tuple(_sources(folder, links, contents)) for folder in folders})


def _links(source: Any, numbers: tuple[int, ...] = ()) -> Iterator[_Link]:
    """The corpora that a source, as a recipe tells it, reads."""
    if isinstance(source, dict):
        if source.get("class") == "CorpusSource":
            yield _Link(str(source["content"]), numbers)
            return
        for value in source.values():
            yield from _links(value, numbers)
    elif isinstance(source, list):
        for number, value in enumerate(source):
            yield from _links(value, (number, *numbers))


def _sources(folder: Path, links: dict[Path, tuple[_Link, ...]], contents: dict[Path, str]) -> Iterator[tuple[Path, _Link]]:
    """The folders that a corpus's links mean.

    A stage that keeps every record has the content of what it read; of folders with one content the first of them is meant, an earlier
    stage of the same corpus before others.
    """
    for link in links[folder]:
        same = [other for other, content in contents.items() if content == link.content and other != folder]
        first = [other for other in same if link.content not in {own.content for own in links[other]}]
        near = sorted(first, key=lambda other: (other.name.partition(".")[0] != folder.name.partition(".")[0], other.name))
        yield from ((other, link) for other in near[:1])


def lineage_of(path: Path, key: str) -> Lineage | None:
    """The lineage of the record `key` of a corpus: a row, a refusal, or what rows of it descend from; None where nothing does.

    Raises: CorpusError for a corpus whose build has not ended.
    """
    folder = path.resolve()
    Corpus(folder).totals()
    family = family_of(folder)
    record = next(_held(Corpus(folder), {key}), None)
    if record is not None:
        below = _below(family, folder, key, MAX_DEPTH) if record.what == ROW else ()
        return Lineage(record, _above(family, folder, record, MAX_DEPTH), below)
    children = list(_descending(Corpus(folder), {key}))
    if not children:
        return None
    record = Relative(folder.name, key, NOT_KEPT, "no row itself; rows or refusals of this corpus descend from it")
    shown = tuple(_followed(family, folder, child, MAX_DEPTH) for child in children[:MAX_SHOWN])
    return Lineage(record, _above(family, folder, children[0], MAX_DEPTH), (*shown, *_rest(children)))


def _rest(found: Sequence[Relative]) -> tuple[Relative, ...]:
    num = len(found) - MAX_SHOWN
    return (Relative("", "", MORE, f"and {num:,} more"),) if num > 0 else ()


def _above(family: Family, folder: Path, record: Relative, depth: int) -> tuple[Relative, ...]:
    """The records of other corpora that a record was made from, with theirs; its place in the source where no corpus has any."""
    wanted = {name for key in (record.key, *record.parents) for name in (key, *_extended(key))}
    found: list[tuple[Path, Relative]] = []
    for source, link in family.sources[folder] if depth else ():
        keys = _called(Corpus(source), link, wanted) if link.numbers else wanted
        found += [(source, held) for held in _held(Corpus(source), keys) if held.what == ROW]
    if not found:
        origin = record.origin
        assert origin is not None
        named = f"{origin.source} {origin.locator}".strip() or "not told"
        return (
            Relative("", "", SOURCE, f"{named} (revision {origin.revision or 'not told'}, {origin.licence or 'licence unknown'})", origin),
        )
    shown = tuple(replace(item, relatives=_above(family, source, item, depth - 1)) for source, item in found[:MAX_SHOWN])
    return (*shown, *_rest([item for _, item in found]))


def _below(family: Family, folder: Path, key: str, depth: int) -> tuple[Relative, ...]:
    """What became of a row in the corpora that read its own."""
    found = []
    for reader, link in family.readers(folder):
        found += [(reader, child) for child in _descending(Corpus(reader), set(link.names(key)))]
    shown = tuple(_followed(family, reader, child, depth) for reader, child in found[:MAX_SHOWN])
    return (*shown, *_rest([child for _, child in found]))


def _followed(family: Family, folder: Path, child: Relative, depth: int) -> Relative:
    return replace(child, relatives=_below(family, folder, child.key, depth - 1)) if child.what == ROW and depth else child


def _extended(key: str) -> list[str]:
    """The keys that a key extends: `a/0/1` extends `a/0` and `a`."""
    pieces = key.split("/")
    return ["/".join(pieces[:num]) for num in range(len(pieces) - 1, 0, -1)]


def _called(corpus: Corpus, link: _Link, wanted: set[str]) -> set[str]:
    """The keys of a corpus that its reader calls by one of the wanted ones."""
    keys = (key for entry in corpus.ledger() for batch in corpus.batches(entry) for key in batch.column("key").to_pylist())
    return {key for key in keys if not wanted.isdisjoint(link.names(key))}


# ---- records of one corpus


def _held(corpus: Corpus, keys: set[str]) -> Iterator[Relative]:
    """Rows and refusals with one of the keys."""
    for batch, where, is_row in _batches(corpus):
        for index in _places(pc.is_in(batch.column("key"), value_set=pa.array(sorted(keys), pa.string()))):
            yield _relative(corpus, batch, where, index, is_row)


def _descending(corpus: Corpus, keys: set[str]) -> Iterator[Relative]:
    """Rows and refusals that are, or descend from, one of the keys."""
    wanted = pa.array(sorted(keys), pa.string())
    for batch, where, is_row in _batches(corpus):
        column = batch.column("key")
        kept = pc.is_in(column, value_set=wanted)
        for key in keys:
            kept = pc.or_(kept, pc.starts_with(column, key + "/"))
        places = set(_places(kept))
        if is_row:
            places |= _listed(batch.column("parents"), None, wanted)
            if "pieces" in batch.schema.names:
                places |= _listed(batch.column("pieces"), "key", wanted)
        for index in sorted(places):
            yield _relative(corpus, batch, where, index, is_row)


def _batches(corpus: Corpus) -> Iterator[tuple[pa.RecordBatch, str, bool]]:
    for entry in corpus.ledger():
        yield from ((batch, entry.shard.name, True) for batch in corpus.batches(entry))
        yield from ((batch, entry.rejects.name, False) for batch in read_batches(corpus.path / entry.rejects.name))


def _places(truth: pa.BooleanArray) -> list[int]:
    return np.flatnonzero(truth.to_numpy(zero_copy_only=False)).tolist()


def _listed(column: pa.ListArray, field: str | None, wanted: pa.Array) -> set[int]:
    """Rows whose list has one of the wanted texts."""
    values = column.flatten() if field is None else column.flatten().field(field)
    rows = pc.list_parent_indices(column).to_numpy()
    return set(rows[_places(pc.is_in(values, value_set=wanted))].tolist())


def _relative(corpus: Corpus, batch: pa.RecordBatch, where: str, index: int, is_row: bool) -> Relative:
    value = {name: batch.column(name)[index].as_py() for name in ("key", "source", "revision", "licence", "locator")}
    origin = Origin(value["source"], value["revision"], value["licence"], value["locator"])
    if is_row:
        record = BatchRows(batch, where)[index]
        return Relative(corpus.path.name, record.key, ROW, preview(record), origin, record.parents)
    step, failure, reason, detail = (batch.column(name)[index].as_py() for name in ("step", "failure", "reason", "detail"))
    kind = "" if failure == "reject" else f" ({failure})"
    return Relative(corpus.path.name, value["key"], REFUSED, f"by {step}: {reason}{kind}: {detail}", origin)
