"""What can be asked of a row or of a refusal: its key, where it comes from, and what was measured of it, as Arrow columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipelines.words import hint
from schemas.corpus import Corpus, read_batches, read_facts

PLACE = ("key", "source", "revision", "licence", "locator")
REFUSAL = ("step", "failure", "reason", "detail")
TYPES: Mapping[str, type] = {"bool": bool, "int": int, "float": float, "str": str}
_ARROW = {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), str: pa.string()}


class ColumnError(ValueError):
    """A name that stands for no column, or a condition that cannot be read; the message names the nearest that could."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Names of columns with the type of their values. A fact may be named without its area where only one has the name."""

    types: Mapping[str, type]

    def named(self, word: str) -> str:
        """The column that a word stands for. Raises ColumnError, which tells the nearest one."""
        if word in self.types:
            return word
        same = [name for name in self.types if name.partition(".")[2] == word]
        if len(same) == 1:
            return same[0]
        if same:
            raise ColumnError(f"{word!r} could be {' or '.join(same)}; write it with its area")
        raise ColumnError(f"fact {word!r} is unknown; {hint(word, self.types)}")


def row_columns(corpus: Corpus) -> Columns:
    """What rows of a corpus carry."""
    return Columns({**dict.fromkeys(PLACE, str), **_facts(corpus)})


def reject_columns(corpora: Sequence[Corpus], with_facts: bool = True) -> Columns:
    """What refusals of a corpus and its earlier stages carry: also facts that no row keeps, for which all refusals are read."""
    told: dict[str, type] = {}
    for corpus in corpora if with_facts else ():
        told |= _told_types(corpus) | _facts(corpus)
    return Columns({**dict.fromkeys((*PLACE, *REFUSAL), str), **dict(sorted(told.items()))})


def _facts(corpus: Corpus) -> dict[str, type]:
    declared: Any = corpus.recipe()["facts"]
    return {name: TYPES[said["type"]] for name, said in sorted(declared.items())}


def _told_types(corpus: Corpus) -> dict[str, type]:
    """Types of the values that rejects tell; whole and broken numbers together are broken ones."""
    found: dict[str, type] = {}
    for batch in _reject_batches(corpus):
        for facts in _told(batch):
            for name, value in facts.items():
                if value is not None:
                    found[name] = float if {found.get(name), type(value)} == {int, float} else type(value)
    return found


def _reject_batches(corpus: Corpus) -> Iterator[pa.RecordBatch]:
    for entry in corpus.ledger():
        yield from read_batches(corpus.path / entry.rejects.name)


def _told(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    if "facts" not in batch.schema.names:  # rejects of before measurements were told
        return [{}] * batch.num_rows
    return [read_facts(text) for text in batch.column("facts").to_pylist()]


def row_batches(corpus: Corpus) -> Iterator[pa.RecordBatch]:
    """Batches of rows as they stand in the shards, memory-mapped: only the columns that are used are read."""
    for entry in corpus.ledger():
        yield from corpus.batches(entry)


def reject_batches(corpora: Sequence[Corpus], columns: Columns, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Batches of refusals, earlier stages first, with `names` (facts) as columns of their own, and `corpus` (which directory)."""
    for corpus in corpora:
        for batch in _reject_batches(corpus):
            wanted = [name for name in names if name not in batch.schema.names]
            facts = _told(batch) if wanted else []
            for name in wanted:
                kind = columns.types[name]
                values = [_as(kind, row.get(name)) for row in facts]
                batch = batch.append_column(name, pa.array(values, _ARROW[kind]))
            yield batch.append_column("corpus", pa.array([corpus.path.name] * batch.num_rows, pa.string()))


def _as(kind: type, value: Any) -> Any:
    """A told value as its column's type; None for what is of another type, such as a text where a later stage has a number."""
    if kind is float and type(value) is int:
        return float(value)
    return value if type(value) is kind else None


def corpora_of(path: Path) -> list[Corpus]:
    """A corpus with its earlier stages before it: together they hold all that was refused."""
    from pipelines.stage import earlier_stages

    return [*(Corpus(stage) for stage in earlier_stages(path)), Corpus(path)]
