"""Lines and paragraphs that stand in many documents of a corpus (menus, notices, calls to subscribe): found, and taken out of every one.

A line is compared by its letters: case, punctuation and white space do not count, and a number is like any other, so "Page 3 of
12" is "page 7 of 9". Those that occur in more than `max_documents` documents go, wherever they stand: which document came first has
no say. Paragraphs of several lines are compared as wholes as well, so that wrapped notices are found however they were wrapped.

Left alone are lines and paragraphs too short to tell (under MIN_LETTERS), code (documents whose domain is code; what is fenced,
indented, or looks like code) and formulae, since code and mathematics repeat themselves honestly.

Source: CCNet (Wenzek et al. 2019, https://arxiv.org/abs/1911.00359, section 3.1) compares hashes of normalised lines within groups
of shards, and removes every line that stands twice there. The difference here: documents are counted, over the whole corpus, and a
line may stand in some of them; whole paragraphs, code and formulae are minded.
"""

from __future__ import annotations

import functools
import io
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import xxhash

from pipelines.graph import Compute
from pipelines.partitions import (
    ROWS_PER_PARTITION,
    Part,
    load_array,
    num_partitions,
    partition_of,
    parts_of,
    read_partition,
    save_array,
    workspace,
    write_partitions,
)
from processors.text.domain import CODE, DOMAIN, code_ratio
from processors.text.normalise import DIGEST, NUM_CHARS, size_and_digest
from processors.text.words import FENCES
from schemas.corpus import Corpus
from schemas.facts import Fact
from schemas.identity import digest
from schemas.outcome import Reason, Reject
from schemas.records import Document, FactValue
from schemas.shard import write_replacing
from schemas.store import place_of

NUM_REPEATED_LINES = Fact("text.num_repeated_lines", int, "Lines taken out because they, or their paragraph, stand in many documents")
ONLY_REPEATED_LINES = Reason("only_repeated_lines", "Every line of the text stands in many other documents")

MIN_LETTERS = 24  # of a line or paragraph; a character of a script without spaces says as much as three letters
LINES_PER_DOCUMENT = 16  # expected, for the number of partitions

_ASCII = {code: None for code in range(128) if not chr(code).isalnum() and chr(code) != "\n"}
_NOT_LETTERS = re.compile(r"[^\w\n]+|_+")
_NUMBER = re.compile(r"\d+")
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U000323af]")
_NEWLINES = re.compile(r"\n{3,}")


def passages_of(text: str) -> list[tuple[int, int, int]]:
    """(hash, number of the first line, of the one after the last) of each line, and each paragraph of several lines, that is long
    enough, and neither fenced nor indented.
    """
    lines = text.split("\n")
    plain = _plain(text).split("\n")
    found = []
    for start, stop in _groups(lines):
        letters = plain[start] if stop - start == 1 else "".join(plain[start:stop])
        if _is_long(letters):
            found.append((xxhash.xxh3_64_intdigest(letters.encode("utf-8", "surrogatepass")), start, stop))
    return found


def _plain(text: str) -> str:
    """A text's letters without case and compatibility forms, a 0 for each number, and its line ends."""
    if text.isascii():
        text = text.lower().translate(_ASCII)
    else:
        text = _NOT_LETTERS.sub("", unicodedata.normalize("NFKC", text).casefold())
    return _NUMBER.sub("0", text)


def _is_long(letters: str) -> bool:
    return len(letters) >= MIN_LETTERS or (not letters.isascii() and len(letters) + 2 * len(_UNSPACED.findall(letters)) >= MIN_LETTERS)


def _groups(lines: list[str]) -> Iterator[tuple[int, int]]:
    """Lines, and paragraphs of several, as (first, one after the last); without what is fenced or indented."""
    fenced = False
    start = 0  # of the paragraph
    for number, line in enumerate([*lines, ""]):
        is_fence = line.lstrip().startswith(FENCES)
        if line and not (fenced or is_fence or line.startswith(("    ", "\t")) or line.isspace()):
            yield number, number + 1
        else:
            if number - start > 1:
                yield start, number
            start = number + 1
        fenced ^= is_fence


def _is_formal(passage: str) -> bool:
    """Whether a line or paragraph has a formula, or a line that can hardly be anything but code."""
    return "$" in passage or "\\" in passage or code_ratio(passage) > 0


# ---- over a corpus


def find_repeated_lines(
    corpus: Corpus, into: Path, compute: Compute, max_documents: int = 10, *, rows_per_partition: int = ROWS_PER_PARTITION
) -> Path:
    """Writes the hashes of lines and paragraphs that stand in more than `max_documents` documents, sorted.

    The file `<into>/lines-<digest of its content>.npy` holds (n,) uint64; corpora of equal documents give equal files. Memory: a task
    holds a part's hashes, or a partition.

    Raises: ValueError for `max_documents` below 1, and for a corpus without the fact of `DetectDomain`.
    """
    import dask

    if max_documents < 1:
        raise ValueError(f"a line may stand in at most {max_documents} documents, expected 1 or more")
    parts = parts_of(corpus)
    count = num_partitions(LINES_PER_DOCUMENT * sum(part.num_rows for part in parts), rows_per_partition)
    with workspace(into, f"lines-{corpus.path.name}") as folder:
        files = [folder / f"part-{number}" for number in range(len(parts))]
        counted = dask.delayed(list)([dask.delayed(_count)(part, path, count) for part, path in zip(parts, files, strict=True)])
        lists = [folder / f"lines-{number}.npy" for number in range(count)]
        compute([dask.delayed(_keep_many)(counted, number, path, max_documents) for number, path in enumerate(lists)])
        hashes = np.concatenate([load_array(path) for path in lists])  # partitions are ranges of hashes, in order
    sink = io.BytesIO()
    np.save(sink, hashes, allow_pickle=False)
    path = into / f"lines-{digest(sink.getvalue())}.npy"
    if not path.is_file():
        write_replacing(path, sink.getvalue())
    return path


def _count(part: Part, path: Path, count: int) -> Path:
    """Writes in how many documents of a part each line and paragraph stands."""
    found: list[int] = []
    for batch in part.batches():
        if DOMAIN.name not in batch.schema.names:
            raise ValueError(f"{part.path} has no fact {DOMAIN.name}; the stage before must measure it, by DetectDomain")
        for text, domain in zip(batch.column("text").to_pylist(), batch.column(DOMAIN.name).to_pylist(), strict=True):
            if domain != CODE:
                found.extend({passage for passage, _, _ in passages_of(text)})
    hashes, documents = np.unique(np.array(found, np.uint64), return_counts=True)
    write_partitions(path, np.stack([hashes, documents.astype(np.uint64)], axis=1), partition_of(hashes, count), count)
    return path


def _keep_many(files: list[Path], number: int, path: Path, max_documents: int) -> int:
    """Writes the hashes of a partition that stand in too many documents, sorted."""
    rows = np.concatenate([np.empty((0, 2), np.uint64), *read_partition(files, number)])
    hashes, at = np.unique(rows[:, 0], return_inverse=True)
    documents = np.zeros(len(hashes), np.uint64)
    np.add.at(documents, at, rows[:, 1])
    save_array(path, hashes[documents > max_documents])
    return int((documents > max_documents).sum())


@functools.lru_cache(maxsize=2)
def _load(path: str) -> np.ndarray:
    return load_array(place_of(path))


@dataclass(frozen=True, slots=True)
class DropRepeatedLines:
    """Takes the lines and paragraphs that `find_repeated_lines` listed out of a text. `listed` is the list's digest, and pins it in
    the recipe. Length and digest of the text are measured anew; what else was measured before is of the whole text.
    """

    path: str = field(metadata={"fingerprint": False})
    listed: str
    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = (DOMAIN,)
    writes: ClassVar = (NUM_REPEATED_LINES, NUM_CHARS, DIGEST)
    reasons: ClassVar = (ONLY_REPEATED_LINES,)
    version: ClassVar = 1

    def __call__(self, record: Document) -> Document | Reject:
        kept, num_lost = record.text, 0
        if record.facts[DOMAIN.name] != CODE:
            kept, num_lost = drop_lines(record.text, _load(self.path))
        told: dict[str, FactValue] = {NUM_REPEATED_LINES.name: num_lost}
        if not kept.strip():
            return Reject(record.key, ONLY_REPEATED_LINES.name, f"all {num_lost} lines stand in many documents", facts=told)
        facts = {**record.facts, **told}
        if num_lost:
            facts |= size_and_digest(kept)
        return replace(record, text=kept, facts=facts)


def drop_lines(text: str, listed: np.ndarray) -> tuple[str, int]:
    """The text without its listed lines and paragraphs, and how many lines went. Shapes: listed (n,) uint64, sorted."""
    passages = passages_of(text)
    if not passages or not len(listed):
        return text, 0
    hashes = np.array([passage for passage, _, _ in passages], np.uint64)
    is_listed = listed[np.minimum(np.searchsorted(listed, hashes), len(listed) - 1)] == hashes
    lines = text.split("\n")
    lost: set[int] = set()
    for at in np.flatnonzero(is_listed).tolist():
        _, start, stop = passages[at]
        if not _is_formal("\n".join(lines[start:stop])):
            lost.update(range(start, stop))
    if not lost:
        return text, 0
    kept = "\n".join(line for number, line in enumerate(lines) if number not in lost)
    return _NEWLINES.sub("\n\n", kept).strip("\n"), len(lost)


def drop_repeated_lines(path: Path) -> DropRepeatedLines:
    return DropRepeatedLines(str(path), path.stem.removeprefix("lines-"))
