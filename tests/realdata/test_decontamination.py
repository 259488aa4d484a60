"""Benchmark items planted in real pages are found however they are dressed or cut, and pages without them have no hit."""

from __future__ import annotations

import json
import re
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.benchmarks import DropBenchmarks, Item, decontaminate, read_benchmark, write_index
from schemas.identity import keyed_rng
from schemas.outcome import Reject
from schemas.records import Document, Origin

pytestmark = pytest.mark.realdata
FILES = {
    "gsm8k": "01_math/gsm8k/test.jsonl",
    "math": "01_math/math_samples/output-rs0.jsonl",
    "contests": "01_math/comp-math-24-25.jsonl",
    "humaneval": "02_code/humaneval/HumanEval.jsonl",
    "mbpp": "02_code/mbpp/mbpp-py.jsonl",
}


@pytest.fixture(scope="module")
def items(realdata: Path) -> dict[str, list[Item]]:
    return {name: list(read_benchmark(realdata / file, name)) for name, file in FILES.items()}


@pytest.fixture(scope="module")
def drop(items: dict[str, list[Item]], tmp_path_factory: pytest.TempPathFactory) -> DropBenchmarks:
    return decontaminate(write_index(items.values(), tmp_path_factory.mktemp("index")), "mark")


@pytest.fixture(scope="module")
def passages(realdata: Path) -> list[str]:
    articles = json.loads((realdata / "10_web_text" / "xquad" / "xquad.en.json").read_text())["data"]
    return [paragraph["context"] for article in articles for paragraph in article["paragraphs"]]


def whole(item: Item) -> str:
    return "\n".join(item.texts.values())


def cut(item: Item, first: float) -> str:
    words = re.split(r"(\s+)", whole(item))
    start = int(first * len(words))
    return "".join(words[start : start + (len(words) + 1) // 2])


def dressed(item: Item) -> str:
    """Numbers without commas and LaTeX without dollars; or code with tabs, other quotes, and no comments."""
    text = whole(item)
    if item.benchmark in ("humaneval", "mbpp"):
        text = re.sub(r"(?m)^ +", lambda found: "\t" * (len(found[0]) // 2), re.sub(r"(?m)\s*# .*$", "", text))
        return text.replace("'", '"').replace(", ", ",").replace(" == ", "==")
    small = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
    text = re.sub(r"(?<![\d.,])\d{1,2}(?![\d.,]*\d)", lambda found: small[int(found[0])] if int(found[0]) < 13 else found[0], text)
    return text.replace("$", "").replace("\\frac", "\\dfrac").replace("'", "’").replace("\\left", "").replace("\\right", "")


MUTATIONS: dict[str, Callable[[Item], str]] = {
    "as it is": whole,
    "upper case": lambda item: whole(item).upper(),
    "other spaces": lambda item: re.sub(r"\s+", "\u00a0\n\t ", whole(item)),
    "other punctuation": lambda item: re.sub(r"[^\w\s]", " ; ", whole(item)),
    "first half": lambda item: cut(item, 0.0),
    "middle half": lambda item: cut(item, 0.25),
    "last half": lambda item: cut(item, 0.5),
    "other dress": dressed,
}
# a half of these is a line of formula, or words that any problem has: "Compute the sum of all positive integers"
MOST_MISSED = {("math", "first half"): 1, ("math", "other punctuation"): 1, ("contests", "first half"): 3, ("contests", "last half"): 2}
MOST_MISSED |= {("math", "last half"): 1, ("contests", "middle half"): 2, ("mbpp", "middle half"): 5, ("math", "middle half"): 1}


@pytest.mark.slow
@pytest.mark.parametrize("mutation", MUTATIONS)
def test_planted_items_are_found(items: dict[str, list[Item]], drop: DropBenchmarks, passages: list[str], mutation: str) -> None:
    for benchmark, rows in items.items():
        missed = []
        for item in rows:
            page = passages[int(keyed_rng(0, mutation, item.item).integers(len(passages)))]
            at = int(keyed_rng(1, mutation, item.item).integers(len(page)))
            result = drop(Document("k", Origin("test"), f"{page[:at]}\n{MUTATIONS[mutation](item)}\n{page[at:]}"))
            assert not isinstance(result, Reject)
            found = json.loads(str(result.facts["benchmark.hits"]) or "[]")
            if not any(hit["item"] == item.item and hit["benchmark"] == benchmark for hit in found):
                missed.append(item.item)
        print(f"{benchmark}, {mutation}: {len(rows) - len(missed)} of {len(rows)} found; missed {missed}")
        assert len(missed) <= MOST_MISSED.get((benchmark, mutation), 0)


def test_one_item_in_ten_thousand_words(items: dict[str, list[Item]], drop: DropBenchmarks, passages: list[str]) -> None:
    words = " ".join(passages).split() * 2
    for rows in items.values():
        item = max(rows, key=lambda item: len(item.texts["question"]))
        text = " ".join([*words[:7_000], item.texts["question"], *words[7_000:10_000]])
        result = drop(Document("k", Origin("test"), text))
        assert not isinstance(result, Reject)
        assert item.item in {hit["item"] for hit in json.loads(str(result.facts["benchmark.hits"]))}


def hits(drop: DropBenchmarks, texts: list[str]) -> list[str]:
    results = [drop(Document("k", Origin("test"), text)) for text in texts]
    return [
        str(result.facts["benchmark.hits"]) for result in results if not isinstance(result, Reject) and result.facts["benchmark.num_hits"]
    ]


def test_clean_pages_have_no_hit(realdata: Path, drop: DropBenchmarks, passages: list[str]) -> None:
    meetings = [
        "\n".join(turn["content"] for turn in json.loads(line)["meeting_transcripts"])
        for name in ("Academic_val", "Committee_val")
        for line in (realdata / "11_instruct" / "qmsum" / f"{name}.jsonl").read_text().splitlines()
    ]
    rows = [
        "\n".join(map(str, json.loads(line).values()))
        for file in ("11_instruct/litgpt/dolly.jsonl", "11_instruct/pandalm/testset-v1.jsonl", "01_math/bigmath_synth_296.jsonl")
        for line in (realdata / file).read_text().splitlines()
    ]
    modules = [path.read_text("utf-8") for path in sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))]
    assert len(modules) > 100
    assert hits(drop, [*passages, *meetings, *rows, *modules]) == []
