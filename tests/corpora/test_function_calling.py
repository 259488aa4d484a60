"""The sample's rows about tools: what is told of each line is what comes of it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from pipelines.build import Execution, build
from pipelines.corpora.function_calling import function_calling
from pipelines.sample.tools import make_tools
from pipelines.source import JsonlManifest
from pipelines.stage import Earlier
from pipelines.verify import verify
from schemas.corpus import Corpus


def test_every_line_becomes_what_its_truth_says(tmp_path: Path) -> None:
    make_tools(tmp_path, 1, 0)
    (stage,) = function_calling(JsonlManifest(str(tmp_path / "tools"), "calls.jsonl"))
    result = build(stage.make(Earlier()), tmp_path / "out", Execution(workers=0))
    corpus = Corpus(result.path)
    assert verify(result.path).problems == []
    expected = Counter(json.loads(line)["expected"] for line in (tmp_path / "tools" / "truth.jsonl").read_text().splitlines())
    made = 9  # of the one row that is a seed
    assert result.totals["num_out"] == expected.pop("kept") - 1 + made
    assert Counter(reject["reason"] for reject in corpus.rejects()) == expected
    cases = {str(record.facts["tools.case"]) for record in corpus.records()}
    assert cases == {"simple", "multiple", "parallel", "parallel_multiple", "no_call", "missing_argument", "multi_turn"}
    assert {str(record.facts["tools.how"]) for record in corpus.records()} == {"given", "accepted", "executed"}


def test_the_sample_is_the_same_every_time(tmp_path: Path) -> None:
    for name in ("a", "b"):
        make_tools(tmp_path / name, 2, 5)
    first, second = ((tmp_path / name / "tools" / "calls.jsonl").read_bytes() for name in ("a", "b"))
    assert first == second


def test_an_unknown_form_of_tools_is_refused_before_anything_is_read() -> None:
    with pytest.raises(ValueError, match="tools_form is 'round', expected one of flat, schema"):
        function_calling(JsonlManifest("nowhere"), tools_form="round")
