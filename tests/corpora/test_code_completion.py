"""The sample's source trees from end to end: every file becomes what its truth says, every row is whole, and order plays no part."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from pipelines.build import BuildResult, Execution, build_stages
from pipelines.corpora.code_completion import code_completion
from pipelines.corpus_source import open_corpus
from pipelines.sample.code import make_code
from pipelines.source import open_source
from pipelines.verify import verify
from processors.code.fim import WINDOW_START, WINDOW_STOP, read_turns
from processors.code.task import decode_source
from schemas.corpus import Corpus, read_batches
from schemas.records import Conversation


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("code")
    make_code(folder, 1, 0)
    return folder / "code"


@pytest.fixture(scope="module")
def built(code: Path) -> list[BuildResult]:
    return made(code)


def made(code: Path, name: str = "out", **options) -> list[BuildResult]:
    results = build_stages(code_completion(open_source(str(code / "trees"), "tree"), **options), code.parent / name, Execution(workers=0))
    for result in results:
        assert result.totals["num_faults"] == 0
        assert verify(result.path).problems == []
    return results


def rows(result: BuildResult) -> list[Conversation]:
    source = open_corpus(result.path)
    return [record for split in source.splits() for record in source.read(split)]  # type: ignore[misc]


def rejects(results: list[BuildResult]) -> dict[str, set[str]]:
    """Reasons by the place that was refused."""
    found: dict[str, set[str]] = {}
    for result in results:
        for path in sorted((Corpus(result.path).path / "rejects").glob("*.arrow")):
            for batch in read_batches(path):
                for row in batch.to_pylist():
                    locator = str(row["locator"]).removeprefix("member ")
                    place = row["source"] if locator == "the file" else locator
                    found.setdefault(place, set()).add(row["reason"])
    return found


def truth(code: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in (code / "truth.jsonl").read_text().splitlines()]


def place_of(record: Conversation) -> str:
    return record.origin.source if record.origin.locator == "the file" else record.origin.locator.removeprefix("member ")


def test_every_file_becomes_what_its_truth_says(code: Path, built: list[BuildResult]) -> None:
    refused, kept = rejects(built), {place_of(record) for record in rows(built[-1])}
    twins: Counter[str] = Counter()
    for told in truth(code):
        place = told.get("path") or told.get("member")
        if place is None:
            continue
        place = "almanac/.hg" if place.startswith("almanac/.hg/") else place
        if told["expected"] == "twin":
            twins["kept" if place in kept else next(iter(refused[place]))] += 1
        elif told["expected"] == "kept":
            assert place in kept and place not in refused, place
        else:
            assert refused[place] == {told["expected"]} and place not in kept, place
    assert twins == {"kept": 1, "duplicate": 1, "near_duplicate": 1}


def test_every_row_is_a_part_of_its_file(code: Path, built: list[BuildResult]) -> None:
    found = rows(built[-1])
    assert len(found) > 50
    for record in found:
        if record.origin.locator != "the file":
            continue
        text = decode_source((code / "trees" / record.origin.source).read_bytes())
        request, answer = (turn.parts[0].text for turn in record.turns)  # type: ignore[union-attr]
        _, prefix, middle, suffix = read_turns(request, answer)
        assert prefix + middle + suffix == text[record.facts[WINDOW_START.name] : record.facts[WINDOW_STOP.name]]  # type: ignore[misc]
        assert record.origin.licence in ("MIT", "GPL-3.0-or-later OR MIT")
    assert {record.facts["code.language"] for record in found} == {"python", "javascript", "go", "rust"}
    assert {record.facts["fim.cut"] for record in found} == {"character", "line", "node", "next"}
    assert {record.facts["fim.order"] for record in found} == {"psm", "spm", "pm"}


def test_the_same_files_give_the_same_bytes(code: Path, built: list[BuildResult]) -> None:
    assert [result.totals["content"] for result in made(code, "again")] == [result.totals["content"] for result in built]
    assert made(code, "seeded", seed=1)[-1].totals["content"] != built[-1].totals["content"]


def test_options_reach_their_steps(code: Path) -> None:
    results = made(
        code, "options", languages=("go",), licences=("MIT",), near_similarity=1.0, next_ratio=0.0, spm_ratio=1.0, num_per_file=3
    )
    found = rows(results[-1])
    assert {record.facts["code.language"] for record in found} == {"go"}
    assert {record.facts["fim.order"] for record in found} == {"spm"}
    scrubbed = rows(made(code, "scrubbed", secrets="scrub")[0])
    assert sum("[secret]" in record.text for record in scrubbed) == 1  # type: ignore[attr-defined]


def test_benchmark_items_are_kept_out(code: Path) -> None:
    text = (code / "trees" / "almanac" / "src").glob("*_0.py").__next__().read_text()
    (code.parent / "benchmark.jsonl").write_text(
        json.dumps({"task_id": "T/0", "prompt": text[:300], "canonical_solution": text[300:]}) + "\n"
    )
    results = made(code, "clean", benchmarks=(code.parent / "benchmark.jsonl",))
    reasons = [reason for found in rejects(results).values() for reason in found]
    assert reasons.count("in_benchmark") >= 1


def test_a_manifest_with_the_columns_of_the_stack(code: Path) -> None:
    results = build_stages(code_completion(open_source(str(code / "files.jsonl"))), code.parent / "stack", Execution(workers=0))
    told = [row for row in truth(code) if "row" in row]
    expected = Counter(row["expected"] for row in told)
    assert results[0].totals["num_in"] == len(told) == sum(expected.values())
    assert results[0].totals["num_out"] == expected["kept"]
    reasons = Counter(
        row["reason"] for path in (results[0].path / "rejects").glob("*.arrow") for batch in read_batches(path) for row in batch.to_pylist()
    )
    assert reasons == {"licence_not_allowed": expected["licence_not_allowed"]}
    assert {record.facts["code.repo"] for record in rows(results[-1])} == {"someone/parts"}
    assert {record.facts["code.licence_from"] for record in rows(results[-1])} == {"stated"}
