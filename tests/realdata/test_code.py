"""Real code: HumanEval and MBPP programs, and the standard library of the Python that runs this, cut and whole again."""

from __future__ import annotations

import json
import sysconfig
from collections import Counter
from pathlib import Path

import pytest

from pipelines.build import BuildResult, Execution, build_stages
from pipelines.corpora.code_completion import code_completion
from pipelines.corpus_source import open_corpus
from pipelines.source import open_source
from pipelines.verify import verify
from processors.code.fim import WINDOW_START, WINDOW_STOP, read_turns
from schemas.corpus import read_batches

pytestmark = pytest.mark.realdata
HUMANEVAL = "02_code/humaneval/HumanEval.jsonl"


def built(source, out: Path, **options) -> list[BuildResult]:
    results = build_stages(code_completion(source, **options), out, Execution(workers=0))
    for result in results:
        assert result.totals["num_faults"] == 0
        assert verify(result.path).problems == []
    return results


def reasons(result: BuildResult) -> Counter[str]:
    return Counter(
        row["reason"] for path in (result.path / "rejects").glob("*.arrow") for batch in read_batches(path) for row in batch.to_pylist()
    )


def check_whole(result: BuildResult, texts: dict[str, str], name: str) -> int:
    """Each row's pieces, joined, are the file that `name` (a fact) names. Gives how many rows there are."""
    source = open_corpus(result.path)
    found = [record for split in source.splits() for record in source.read(split)]
    for record in found:
        _, prefix, middle, suffix = read_turns(*(turn.parts[0].text for turn in record.turns))
        assert prefix + middle + suffix == texts[record.facts[name]][record.facts[WINDOW_START.name] : record.facts[WINDOW_STOP.name]]
    return len(found)


def programs(realdata: Path, folder: Path) -> tuple[Path, dict[str, str]]:
    items = [json.loads(line) for line in (realdata / HUMANEVAL).read_text().splitlines()]
    texts = {f"{item['task_id']}.py": item["prompt"] + item["canonical_solution"] for item in items}
    path = folder / "programs.jsonl"
    path.write_text(
        "".join(json.dumps({"content": text, "path": name, "lang": "python", "license": "MIT"}) + "\n" for name, text in texts.items())
    )
    return path, texts


def test_benchmark_programs_parse_and_are_whole_again(realdata: Path, tmp_path: Path) -> None:
    """98 programs: every one parses; those that are near to another go."""
    path, texts = programs(realdata, tmp_path)
    results = built(open_source(str(path)), tmp_path / "out", near_similarity=1.0)
    assert reasons(results[0]) == {}
    assert results[0].totals["num_out"] == len(texts) == 98
    assert check_whole(results[-1], texts, "code.path") >= 180


def test_benchmark_programs_are_all_found(realdata: Path, tmp_path: Path) -> None:
    path, _ = programs(realdata, tmp_path)
    results = built(open_source(str(path)), tmp_path / "out", near_similarity=1.0, benchmarks=(realdata / HUMANEVAL,), spm_ratio=0.0)
    assert reasons(results[-1]) == {"in_benchmark": 98}


@pytest.mark.slow
def test_the_standard_library_is_whole_again(tmp_path: Path) -> None:
    """Encodings and JSON of the standard library: hand-written Python with every kind of character, and generated tables."""
    library = Path(sysconfig.get_path("stdlib"))
    texts = {}
    for folder in ("json", "email", "asyncio", "html"):
        for path in (library / folder).glob("*.py"):
            texts[f"{folder}/{path.name}"] = path.read_bytes().decode()
            copy = tmp_path / "trees" / "library" / folder / path.name
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    results = built(open_source(str(tmp_path / "trees"), "tree", licence="PSF-2.0"), tmp_path / "out", num_per_file=8)
    assert set(reasons(results[0])) <= {"too_short", "no_code", "generated_file", "licence_not_allowed", "secret"}
    assert results[0].totals["num_out"] > 0.8 * len(texts)
    assert check_whole(results[-1], texts, "code.path") > 6 * int(results[-1].totals["num_in"]) * 0.8
