"""Benchmarks whose items may not be trained on: read in their own formats, indexed once, and looked for in every record.

The index is one file, memory-mapped and shared by all workers. N-grams that say nothing are left out of it: those that unrelated items
of the benchmarks share (a template, the head of every test), and those that unrelated documents of a `background` share (licences, idiom).

Source: SPEC of the language pre-training corpus: decontamination by normalised n-gram overlap, with matched text, ratio and result
recorded. GPT-3 (arXiv 2005.14165, appendix C) likewise drops n-grams that more than ten training documents share.
"""

from __future__ import annotations

import bisect
import functools
import io
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.stage import Earlier
from pipelines.step import Step, each
from processors.text.overlap import Hit, Index, N, Part, find_overlaps, look_up, make_filter, telling, token_weights, tokenise
from processors.text.words import ngram_hashes
from schemas.facts import Fact, Limit
from schemas.identity import canonical_json, digest
from schemas.outcome import Reason, Reject
from schemas.parts import Text, ToolCall, ToolResult
from schemas.records import Conversation, Document, FactValue, Preference, Record, turns_of
from schemas.shard import TEMPORARY_PREFIX, remove_files, write_replacing
from schemas.store import fetched, kept_copy
from schemas.store import place_of as place_at

REJECT, MARK = "reject", "mark"
MAX_LISTED, MAX_TOLD_CHARS = 20, 300  # of the hits of a record, and of a matched text in a reject
MAX_NGRAMS = 100_000_000  # 16 bytes each, and as much again to sort them
MAX_ITEMS, MAX_DOCUMENTS = 3, 5  # unrelated ones that share an n-gram which still says something; chosen by measuring
SHORT_WEIGHT, SHORT_RATIO = 10.0, 0.8  # texts of fewer words, as one line of code, and the share of them that must be there
RELATED = 0.5  # share of n-grams in common that makes two items, or an item and a document, copies

NUM_HITS = Fact("benchmark.num_hits", int, "Texts of benchmark items (question, answer, tests) that the record has")
OVERLAP_RATIO = Fact("benchmark.overlap_ratio", float, "Largest share of such a text that the record has, 0 to 1, by weight of tokens")
HITS = Fact("benchmark.hits", str, "JSON list of them, largest ratio first: benchmark, item, field, turn, start, stop, text, ratio")
IN_BENCHMARK = Reason("in_benchmark", "The record repeats an item of a benchmark that was asked to be kept out")

# ---- formats

# the first of a row's columns with one of these names is the text; what it is called in the report
QUESTIONS = ("question", "problem", "prompt", "instruction", "text", "query", "input", "goal", "ctx", "sentence")
ANSWERS = (
    *("answer", "solution", "canonical_solution", "code", "output", "response", "reference_solution", "generated_solution"),
    *("reference_answer", "explanation", "rationale"),
)
CONTEXTS = ("context", "passage", "article", "premise")
CHOICES = ("choices", "options", "endings")
TESTS = ("test", "tests", "test_list", "challenge_test_list", "test_cases")
IDS = ("task_id", "id", "unique_id", "question_id", "item_id", "name", "idx")
KNOWN = {"question": QUESTIONS, "answer": ANSWERS, "context": CONTEXTS, "choices": CHOICES, "tests": TESTS}
SUFFIXES = (".jsonl", ".json", ".jsonl.gz", ".jsonl.zst", ".json.gz", ".ndjson", ".parquet")
MAX_ROW_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Item:
    """One row of a benchmark: its texts by what they are."""

    benchmark: str
    item: str
    texts: Mapping[str, str]


def read_benchmark(path: str | Path, name: str = "", columns: Sequence[str] = ()) -> Iterator[Item]:
    """The items of a file, or of every file in a folder (MATH has a file a problem), in order of path and row.

    GSM8K (question, answer), MATH (problem, solution), HumanEval (prompt, canonical_solution, test), MBPP (text, code, test_list; or prompt,
    test), and any JSON, JSONL or Parquet with columns of such names. `columns` names others. `name` is the benchmark's; else it is
    the name of the folder and the file.

    Raises: ValueError for a file without text in such columns, or which is no JSON; FileNotFoundError.
    """
    path = place_at(str(path))
    files = sorted(one for one in path.rglob("*") if one.name.endswith(SUFFIXES)) if path.is_dir() else [path]
    if not files:
        raise ValueError(f"no benchmark in {path}: expected files that end with {', '.join(SUFFIXES)}")
    for file in files:
        told = name or (f"{path.name}/{file.relative_to(path).as_posix()}" if path.is_dir() else f"{path.parent.name}/{path.name}")
        is_any = False
        seen: list[str] = []
        for number, row in enumerate(_rows(file)):
            seen = seen or sorted(map(str, row))
            texts = {column: _text(row.get(column)) for column in columns} if columns else _known(row)
            texts = {column: text for column, text in texts.items() if text}
            if texts:
                is_any = True
                yield Item(told, str(next((row[id] for id in IDS if isinstance(row.get(id), (str, int))), number)), texts)
        if not is_any:
            raise ValueError(f"no text of a benchmark in {file}: its columns are {', '.join(seen) or 'none'}; name those that hold text")


def _known(row: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    for told, names in KNOWN.items():
        texts = [text for text in (_text(row.get(one)) for one in names) if text]
        found[told] = "\n".join(texts if told == "tests" else texts[:1])
    return found


def _text(value: object) -> str:
    """Text of a column: lists and objects (choices) line by line, nothing else."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, Mapping):
        return "\n".join(filter(None, map(_text, value.values())))
    if isinstance(value, (list, tuple)):
        return "\n".join(filter(None, map(_text, value)))
    return ""


def _rows(file: Path) -> Iterator[Mapping[str, Any]]:
    if file.name.endswith(".parquet"):
        with fetched(file) as local, pq.ParquetFile(local) as table:
            for batch in table.iter_batches(1_024):
                yield from batch.to_pylist()
        return
    packed = {".gz": "gzip", ".zst": "zstd"}.get(file.suffix)
    with fetched(file) as local, io.BufferedReader(pa.input_stream(local, compression=packed)) as raw:
        if ".jsonl" in file.name or file.name.endswith(".ndjson"):
            for number, line in enumerate(iter(lambda: raw.readline(MAX_ROW_BYTES), b""), 1):
                if line.strip():
                    yield _object(line, f"line {number} of {file}")
            return
        data = raw.read()
    value = _json(data, str(file))
    for number, row in enumerate(value if isinstance(value, list) else [value], 1):
        if not isinstance(row, dict):
            raise ValueError(f"row {number} of {file} is {type(row).__name__}, expected an object")
        yield row


def _json(data: bytes, where: str) -> object:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where} is no JSON: {error}") from error


def _object(line: bytes, where: str) -> dict[str, Any]:
    row = _json(line, where)
    if not isinstance(row, dict):
        raise ValueError(f"{where} is {type(row).__name__}, expected an object")
    return row


# ---- the index


def write_index(
    benchmarks: Iterable[str | Path | Iterable[Item]],
    into: Path,
    background: Iterable[str] = (),
    max_items: int = MAX_ITEMS,
    max_documents: int = MAX_DOCUMENTS,
) -> Path:
    """Writes `<into>/benchmarks-<digest of its content>.arrow`, an Arrow IPC file of n-grams, from paths or items.

    An n-gram is left out when more than `max_items` unrelated items, or more than `max_documents` unrelated texts of `background`, have
    it. Items, or an item and a document, that share more than half of their n-grams are copies, not unrelated. Memory: 40 bytes an n-gram
    of the benchmarks; neither their texts nor those of the background are kept.

    Raises: ValueError as `read_benchmark`, and for more than 100 million n-grams.
    """
    into.mkdir(parents=True, exist_ok=True)
    remove_files(list(into.glob(f"{TEMPORARY_PREFIX}*benchmarks-*")))  # of a build that died while it wrote
    items = itertools.chain.from_iterable(
        one if isinstance(one, Iterable) and not isinstance(one, str) else read_benchmark(one) for one in benchmarks
    )
    index = make_index(items, background, max_items, max_documents)
    table = pa.table({"hash": index.hashes, "part": index.part_of, "place": index.place_of})
    table = table.replace_schema_metadata({"n": str(N), "parts": canonical_json([asdict(part) for part in index.parts])})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    data = sink.getvalue().to_pybytes()
    path = into / f"benchmarks-{digest(data)}.arrow"
    if not path.is_file():
        write_replacing(path, data)
    return path


@functools.lru_cache(maxsize=2)
def load_index(path: str) -> Index:
    """The index of a file that `write_index` wrote; its columns stay on disk, mapped into memory."""
    table = pa.ipc.open_file(pa.memory_map(str(kept_copy(place_at(path))))).read_all()
    metadata = table.schema.metadata or {}
    if metadata.get(b"n") != str(N).encode():
        raise ValueError(f"{path} is no index of {N}-grams; write it again")
    hashes, part_of, place_of = (table.column(name).combine_chunks().to_numpy() for name in ("hash", "part", "place"))
    return Index([Part(**part) for part in json.loads(metadata[b"parts"])], hashes, part_of, place_of, make_filter(hashes))


def make_index(
    items: Iterable[Item], background: Iterable[str] = (), max_items: int = MAX_ITEMS, max_documents: int = MAX_DOCUMENTS
) -> Index:
    """The index in memory; see `write_index`."""
    parts, weights, item_of, columns = _collect(items)
    hashes, part_of, place_of = columns
    group_of = _group_copies(hashes, item_of[part_of])
    kept = _shared_by(hashes, group_of[item_of[part_of]]) <= max_items
    index = _index(parts, weights, hashes[kept], part_of[kept], place_of[kept])
    common = _common(index, background, max_documents)
    if not common.any():
        return index
    return _index(parts, weights, *(column[~common] for column in (index.hashes, index.part_of, index.place_of)))


def _collect(items: Iterable[Item]) -> tuple[list[Part], list[np.ndarray], np.ndarray, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Parts; the weights of their tokens; the item of each; and the n-grams that tell something, in ascending order."""
    parts: list[Part] = []
    weights: list[np.ndarray] = []
    item_of: list[int] = []
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    total = 0
    for number, item in enumerate(items):
        tokens = [tokenise(text) for text in item.texts.values()]
        names = [name for one in tokens for name in one.names()]
        hashes = ngram_hashes(np.concatenate([one.hashes for one in tokens]), N)  # also from the end of a text to the next one
        is_telling = telling(names)
        start = 0
        for name, size in zip(item.texts, (len(one.hashes) for one in tokens), strict=True):
            places = np.flatnonzero(is_telling[start : start + size]).astype(np.int32)
            total += len(places)
            if total > MAX_NGRAMS:
                raise ValueError(f"the benchmarks have more than {MAX_NGRAMS:,} n-grams; index fewer of them")
            if len(places):
                found.append((hashes[start + places], np.full(len(places), len(parts), np.int32), places))
                parts.append(Part(item.benchmark, item.item, name, size, 0.0))
                weights.append(token_weights(names[start : start + size]))
                item_of.append(number)
            start += size
    if not found:
        raise ValueError(f"no item of the benchmarks has {N} words or more")
    hashes, part_of, place_of = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.lexsort((place_of, part_of, hashes))
    hashes, part_of, place_of = hashes[order], part_of[order], place_of[order]
    first = np.concatenate([[True], (np.diff(hashes) != 0) | (np.diff(part_of) != 0)])  # once a part
    return parts, weights, np.array(item_of), (hashes[first], part_of[first], place_of[first])


def _group_copies(hashes: np.ndarray, item_of: np.ndarray) -> np.ndarray:
    """For each item the smallest one that it is a copy of, by way of others. Shapes: hashes, item_of (n,), hashes ascending."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    num_items = int(item_of.max()) + 1
    sizes = np.bincount(item_of, minlength=num_items)
    same = (hashes[1:] == hashes[:-1]) & (item_of[1:] != item_of[:-1])
    one, other = item_of[:-1][same].astype(np.int64), item_of[1:][same].astype(np.int64)
    pairs, counts = np.unique(np.minimum(one, other) * num_items + np.maximum(one, other), return_counts=True)
    one, other = pairs // num_items, pairs % num_items
    near = counts > RELATED * np.minimum(sizes[one], sizes[other])
    edges = coo_array((np.ones(int(near.sum()), bool), (one[near], other[near])), shape=(num_items, num_items))
    return np.asarray(connected_components(edges, directed=False)[1])


def _shared_by(hashes: np.ndarray, group_of: np.ndarray) -> np.ndarray:
    """How many groups have each n-gram. Shapes: (n,) each, hashes ascending."""
    order = np.lexsort((group_of, hashes))  # hashes keep their order
    groups = group_of[order]
    starts = np.concatenate([[True], np.diff(hashes) != 0])
    new = starts | np.concatenate([[True], np.diff(groups) != 0])
    run = np.cumsum(starts) - 1
    return np.bincount(run, weights=new).astype(np.int64)[run]


def _common(index: Index, background: Iterable[str], max_documents: int) -> np.ndarray:
    """Which n-grams more than `max_documents` texts have that are no copies of the item. Shapes: (n,) bool."""
    counts = np.zeros(len(index.hashes), np.int64)
    sizes = np.bincount(index.part_of, minlength=len(index.parts))
    for text in background:
        rows = np.unique(look_up(ngram_hashes(tokenise(text).hashes, N), index)[1])
        parts = index.part_of[rows]
        shares = np.bincount(parts, minlength=len(sizes))[parts] / sizes[parts] if len(rows) else parts
        counts[rows[shares <= RELATED]] += 1
    return counts > max_documents


def _index(parts: Sequence[Part], weights: Sequence[np.ndarray], hashes: np.ndarray, part_of: np.ndarray, place_of: np.ndarray) -> Index:
    """The index, each part with the weight of the tokens that its n-grams cover."""
    told = list(parts)
    order = np.argsort(part_of, kind="stable")
    edges = np.searchsorted(part_of[order], np.arange(len(parts) + 1))
    for at, (low, high) in enumerate(itertools.pairwise(edges.tolist())):
        covered = np.zeros(len(weights[at]), bool)
        for place in place_of[order[low:high]].tolist():
            covered[place : place + N] = True  # beyond its own tokens nothing is marked
        told[at] = replace(parts[at], weight=round(float(weights[at][covered].sum()), 2))
    return Index(told, hashes, part_of, place_of, make_filter(hashes))


# ---- records


@dataclass(frozen=True, slots=True)
class DropBenchmarks:
    """Refuses, or marks, records that repeat benchmark items. `listed` is the index's digest, and pins it in the recipe.

    A text of an item is repeated when the record has a run of `min_run` of its words, or has `min_ratio` of it (of less than ten words,
    four fifths) and a run of `min_words`. Words of one letter count half, digits two fifths. Of a conversation all texts, tool calls and results are looked at, one after the
    other; `turn` in the fact says where, `start` and `stop` count characters in the turn's texts, one a line.
    """

    path: str = field(metadata={"fingerprint": False})
    listed: str
    mode: str = REJECT
    min_run: float = 11.0  # GPT-3 has 13; what is common is left out of the index here, so that fewer are as sure
    min_ratio: float = 0.3
    min_words: float = 6.0
    takes: ClassVar = (Document, Conversation, Preference)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = (NUM_HITS, OVERLAP_RATIO, HITS)
    reasons: ClassVar = (IN_BENCHMARK,)
    version: ClassVar = 1

    def __post_init__(self) -> None:
        if self.mode not in (REJECT, MARK):
            raise ValueError(f"mode of DropBenchmarks is {self.mode!r}, expected {REJECT} or {MARK}")

    @property
    def bounds(self) -> tuple[Limit, ...]:
        return (Limit(NUM_HITS, IN_BENCHMARK.name, most=0),) if self.mode == REJECT else ()

    def __call__(self, record: Record) -> Record | Reject:
        texts = [record.text] if isinstance(record, Document) else ["\n".join(_texts(turn.parts)) for turn in turns_of(record)]
        whole = texts[0] if len(texts) == 1 else "\n".join(texts)
        found = [hit for hit in find_overlaps(whole, load_index(self.path)) if self.is_enough(hit)]
        found.sort(key=lambda hit: (-hit.ratio, -hit.run))
        facts: dict[str, FactValue] = {
            NUM_HITS.name: len(found),
            OVERLAP_RATIO.name: round(max((hit.ratio for hit in found), default=0.0), 4),
        }
        if found and self.mode == REJECT:
            return Reject(record.key, IN_BENCHMARK.name, _detail(found, whole), facts=facts)
        starts = list(itertools.accumulate((len(text) + 1 for text in texts), initial=0))
        told = [_tell(hit, whole, starts) for hit in found[:MAX_LISTED]]
        return replace(record, facts={**record.facts, **facts, HITS.name: json.dumps(told, ensure_ascii=False) if told else ""})

    def is_enough(self, hit: Hit) -> bool:
        ratio = self.min_ratio if hit.part.weight >= SHORT_WEIGHT else SHORT_RATIO
        return hit.run >= self.min_run or (hit.ratio >= ratio and hit.run >= self.min_words)


def _texts(parts: Iterable[object]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, Text):
            yield part.text
        elif isinstance(part, ToolCall):
            yield part.arguments
        elif isinstance(part, ToolResult):
            yield part.content


def _tell(hit: Hit, whole: str, starts: Sequence[int]) -> dict[str, object]:
    turn = bisect.bisect_right(starts, hit.start) - 1
    place = {"turn": turn, "start": hit.start - starts[turn], "stop": hit.stop - starts[turn]}
    what = {"benchmark": hit.part.benchmark, "item": hit.part.item, "field": hit.part.field}
    return {**what, **place, "text": whole[hit.start : hit.stop][:MAX_TOLD_CHARS], "ratio": round(hit.ratio, 4)}


def _detail(found: Sequence[Hit], whole: str) -> str:
    hit = found[0]
    more = f", and {len(found) - 1} more" if len(found) > 1 else ""
    text = " ".join(whole[hit.start : hit.stop].split())
    text = text if len(text) <= MAX_TOLD_CHARS else f"{text[:MAX_TOLD_CHARS]}..."
    return f"{hit.part.benchmark} {hit.part.item} {hit.part.field}, {hit.ratio:.0%} of it{more}: {text}"


def decontaminate(path: Path, mode: str = REJECT) -> DropBenchmarks:
    return DropBenchmarks(str(path), path.stem.removeprefix("benchmarks-"), mode)


def without_benchmarks(benchmarks: Sequence[Path], earlier: Earlier, hits: str = REJECT) -> tuple[Step, ...]:
    """The step that keeps these benchmarks' items out of a stage's records, or marks them; none where no benchmark is named."""
    return (each(decontaminate(write_index(benchmarks, earlier.folder), hits)),) if benchmarks else ()
