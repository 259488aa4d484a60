"""Benchmarks in their formats become an index; records that repeat an item are refused or marked, and nothing else is."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.benchmarks import DropBenchmarks, Item, decontaminate, load_index, make_index, read_benchmark, write_index
from pipelines.recipe import describe
from schemas.outcome import Reject
from schemas.parts import Text, ToolCall, ToolResult
from schemas.records import Conversation, Document, Origin, Preference, Record, Turn

ORIGIN = Origin("test")
SHOP = "A florist in Delft sells tulips in bunches of seven and roses singly; on Friday she sold eleven bunches and forty roses."
TRAIN = "Two goods trains leave Utrecht at noon, and the slower one stops for twenty minutes beside every canal that it crosses."
CODE = (
    'def tally_bunches(flowers: list[str]) -> dict[str, int]:\n    """Count how often each kind of flower occurs in a mixed delivery."""\n'
)
BODY = "    found = {}\n    for flower in flowers:\n        found[flower] = found.get(flower, 0) + 1\n    return found\n"
TESTS = ["assert tally_bunches(['rose', 'tulip', 'rose']) == {'rose': 2, 'tulip': 1}", "assert tally_bunches([]) == {}"]


def write_rows(path: Path, rows: Sequence[object]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def texts(path: Path, **named: object) -> list[tuple[str, str, dict[str, str]]]:
    return [(item.benchmark, item.item, {name: text for name, text in item.texts.items()}) for item in read_benchmark(path, **named)]  # type: ignore[arg-type]


# ---- formats


@pytest.mark.parametrize(
    ("row", "id", "expected"),
    [
        ({"question": SHOP, "answer": "#### 117"}, "0", {"question": SHOP, "answer": "#### 117"}),
        (
            {"problem": SHOP, "level": "Level 1", "type": "Algebra", "solution": "It is 117."},
            "0",
            {"question": SHOP, "answer": "It is 117."},
        ),
        (
            {"task_id": "H/1", "prompt": CODE, "canonical_solution": BODY, "test": TESTS[0], "entry_point": "tally_bunches"},
            "H/1",
            {"question": CODE.strip(), "answer": BODY.strip(), "tests": TESTS[0]},
        ),
        (
            {"task_id": 7, "text": "Count flowers.", "code": BODY, "test_list": TESTS},
            "7",
            {"question": "Count flowers.", "answer": BODY.strip(), "tests": "\n".join(TESTS)},
        ),
        ({"name": "mbpp_1", "prompt": CODE, "test": TESTS[0]}, "mbpp_1", {"question": CODE.strip(), "tests": TESTS[0]}),
        (
            {"question": "Which?", "choices": {"text": ["a b", "c"], "label": ["A", "B"]}},
            "0",
            {"question": "Which?", "choices": "a b\nc\nA\nB"},
        ),
    ],
)
def test_rows_of_known_benchmarks(tmp_path: Path, row: dict[str, object], id: str, expected: dict[str, str]) -> None:
    path = write_rows(tmp_path / "bench" / "test.jsonl", [row])
    assert texts(path) == [("bench/test.jsonl", id, expected)]


def test_every_container_gives_the_same_rows(tmp_path: Path) -> None:
    rows = [{"question": SHOP, "answer": "1"}, {"question": TRAIN, "answer": "2"}]
    folder = tmp_path / "b"
    plain = write_rows(folder / "a.jsonl", rows)
    (folder / "b.json").write_text(json.dumps(rows))
    (folder / "c.jsonl.gz").write_bytes(gzip.compress(plain.read_bytes()))
    pq.write_table(pa.Table.from_pylist(rows), folder / "d.parquet")
    expected = [item.texts for item in read_benchmark(plain)]
    for name in ("b.json", "c.jsonl.gz", "d.parquet"):
        assert [item.texts for item in read_benchmark(folder / name)] == expected
    assert [item.benchmark for item in read_benchmark(folder)] == [
        f"b/{name}" for name in ("a.jsonl", "b.json", "c.jsonl.gz", "d.parquet") for _ in rows
    ]


def test_columns_can_be_named(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "x.jsonl", [{"stem": SHOP, "key": "B"}])
    assert texts(path, name="mine", columns=("stem",)) == [("mine", "0", {"stem": SHOP})]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"stem": "x"}\n', r"no text of a benchmark in .*: its columns are stem; name those that hold text"),
        ("", "its columns are none"),
        ('{"question": "x"}\n{"question"\n', r"line 2 of .* is no JSON"),
        ("[1]\n", "line 1 of .* is list, expected an object"),
        ("[" * 100_000 + "\n", "line 1 of .* is no JSON"),
    ],
)
def test_bad_files_are_errors(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(content)
    with pytest.raises(ValueError, match=message):
        list(read_benchmark(path))


def test_a_folder_without_benchmarks_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no benchmark in .*: expected files that end with"):
        list(read_benchmark(tmp_path))
    with pytest.raises(FileNotFoundError):
        list(read_benchmark(tmp_path / "none.jsonl"))


# ---- the index


def items(*questions: str) -> list[Item]:
    return [Item("b", str(number), {"question": question}) for number, question in enumerate(questions)]


def test_equal_benchmarks_give_equal_files(tmp_path: Path) -> None:
    one = write_index([items(SHOP, TRAIN)], tmp_path / "a")
    other = write_index([items(SHOP), [Item("b", "1", {"question": TRAIN})]], tmp_path / "b")
    assert (one.name, one.read_bytes()) == (other.name, other.read_bytes())
    assert write_index([items(SHOP, TRAIN)], tmp_path / "a") == one
    assert write_index([items(SHOP)], tmp_path / "a").name != one.name
    index = load_index(str(one))
    assert [(part.item, part.field) for part in index.parts] == [("0", "question"), ("1", "question")]
    assert index.hashes.tolist() == sorted(index.hashes.tolist())


def test_what_unrelated_items_share_is_left_out() -> None:
    shared = "Write a function that takes the list below and returns the answer"
    tails = [" ".join(f"{word}{letter}" for word in SHOP.split()[:18]) for letter in "abcd"]
    kept, left = (make_index(items(*(f"{shared} {tail}" for tail in tails)), max_items=most) for most in (4, 3))
    assert {part.weight for part in kept.parts} == {30.0}
    assert {part.weight for part in left.parts} == {30.0 - 6.5}  # the first seven of what is shared, one of a single letter


def test_copies_of_an_item_stay_in_the_index() -> None:
    copies = [Item(name, "0", {"question": SHOP}) for name in "abcdefg"]
    index = make_index([*copies, Item("h", "0", {"question": TRAIN})], max_items=3)
    assert len({part.weight for part in index.parts[:7]}) == 1
    assert index.parts[0].weight > 15


def test_what_unrelated_documents_share_is_left_out() -> None:
    licence = "permission is hereby granted free of charge to any person who obtains a copy of the work"
    question = f"{licence} {TRAIN}"
    pages = [f"{licence} page {number} on its own subject" for number in range(6)]
    assert make_index(items(question)).parts[0].weight == pytest.approx(make_index(items(question), background=pages[:5]).parts[0].weight)
    less = make_index(items(question), background=pages)
    assert less.parts[0].weight < make_index(items(question)).parts[0].weight - 10
    copies = make_index(items(question), background=[question] * 9)
    assert copies.parts[0].weight == make_index(items(question)).parts[0].weight


def test_an_index_of_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no item of the benchmarks has 6 words or more"):
        write_index([items("too short")], tmp_path)


# ---- records


@pytest.fixture
def index(tmp_path: Path) -> Path:
    rows = [{"task_id": "T/1", "prompt": CODE, "canonical_solution": BODY, "test": "\n".join(TESTS)}]
    return write_index([write_rows(tmp_path / "code" / "t.jsonl", rows), items(SHOP, TRAIN)], tmp_path)


def document(text: str) -> Document:
    return Document("k", ORIGIN, text)


def test_a_repeated_item_is_refused_with_what_was_found(index: Path) -> None:
    result = decontaminate(index)(document(f"On our blog.\n\n{SHOP.upper()}\n\nThat is all."))
    measured = {"benchmark.num_hits": 1, "benchmark.overlap_ratio": 1.0}
    assert result == Reject("k", "in_benchmark", f"b 0 question, 100% of it: {SHOP.upper().rstrip('.')}", facts=measured)


def test_marking_records_what_and_where(index: Path) -> None:
    text = f"On our blog.\n\n{SHOP}\n\n{CODE}{BODY}"
    result = decontaminate(index, "mark")(document(text))
    assert isinstance(result, Document)
    assert result.text == text
    hits = json.loads(str(result.facts["benchmark.hits"]))
    assert result.facts["benchmark.num_hits"] == len(hits) == 3
    assert result.facts["benchmark.overlap_ratio"] == 1.0
    assert {(hit["benchmark"], hit["item"], hit["field"]) for hit in hits} == {
        ("b", "0", "question"),
        ("code/t.jsonl", "T/1", "question"),
        ("code/t.jsonl", "T/1", "answer"),
    }
    assert all(text[hit["start"] : hit["stop"]].startswith(hit["text"]) and hit["turn"] == 0 for hit in hits)


@pytest.mark.parametrize(
    "text", ["", "A page about the flower market of Delft and its trains to Utrecht.", " ".join(SHOP.split()[:5]), SHOP[::-1]]
)
def test_other_pages_pass_in_both_modes(index: Path, text: str) -> None:
    for mode in ("reject", "mark"):
        result = decontaminate(index, mode)(document(text))
        assert isinstance(result, Document)
        assert result.facts == {"benchmark.num_hits": 0, "benchmark.overlap_ratio": 0.0, "benchmark.hits": ""}


def test_the_rule_has_edges(index: Path) -> None:
    words = SHOP.split()
    assert isinstance(decontaminate(index)(document(" ".join(words[:7]))), Reject)
    assert isinstance(decontaminate(index)(document(" ".join(words[:5]))), Document)
    strict = DropBenchmarks(str(index), "x", min_run=20.0, min_ratio=0.9)
    assert isinstance(strict(document(" ".join(words[:15]))), Document)


def turns(*parts: object) -> tuple[Turn, ...]:
    return tuple(Turn("user", (part,)) for part in parts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("record", "turn"),
    [
        (Conversation("k", ORIGIN, turns(Text("Hello."), Text(SHOP))), 1),
        (Conversation("k", ORIGIN, turns(Text("Hello."), Text("Well."), ToolCall("ask", json.dumps({"question": SHOP})))), 2),
        (Conversation("k", ORIGIN, turns(ToolResult("ask", SHOP))), 0),
        (Preference("k", ORIGIN, turns(Text("Hello.")), turns(Text("Yes.")), turns(Text(SHOP))), 2),
    ],
)
def test_every_text_of_a_conversation_is_looked_at(index: Path, record: Record, turn: int) -> None:
    result = decontaminate(index, "mark")(record)
    assert not isinstance(result, Reject)
    (hit,) = json.loads(str(result.facts["benchmark.hits"]))
    assert (hit["item"], hit["turn"]) == ("0", turn)
    assert isinstance(decontaminate(index)(record), Reject)


def test_an_unknown_mode_is_refused(index: Path) -> None:
    with pytest.raises(ValueError, match="mode of DropBenchmarks is 'drop', expected reject or mark"):
        decontaminate(index, "drop")


def test_the_recipe_knows_the_index_and_not_its_place(index: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere" / index.name
    moved.parent.mkdir()
    moved.write_bytes(index.read_bytes())
    assert describe(decontaminate(index)) == describe(decontaminate(moved))
    assert str(index.parent) not in json.dumps(describe(decontaminate(index)))


def test_a_file_of_another_kind_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "benchmarks-0.arrow"
    with pa.ipc.new_file(str(path), pa.schema([("hash", pa.uint64())])) as writer:
        writer.write_table(pa.table({"hash": pa.array([], pa.uint64())}))
    with pytest.raises(ValueError, match="is no index of 6-grams; write it again"):
        load_index(str(path))
