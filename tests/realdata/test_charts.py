"""Vega-Lite charts of the real data: each is drawn or refused for a true reason, and the derived questions have the derived answers."""

from __future__ import annotations

import io
import json
import re
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from pipelines.build import Execution, build
from pipelines.corpora.chart import chart
from pipelines.source import open_source
from pipelines.stage import Earlier
from pipelines.verify import verify
from processors.chart.drawn import data_of
from processors.chart.programs import execute
from processors.chart.table import Table, cell_text
from processors.chart.vega import Rendered, read_spec, render_spec
from schemas.corpus import Corpus
from schemas.outcome import Refused

pytestmark = pytest.mark.realdata
REFUSED = {
    "image_scatter_no_size": "outside_reference",
    "scatter_image": "outside_reference",
    "isotype_bar_chart_emoji": "missing_glyphs",
}
SILENT = {"isotype_grid", "rect_params", "rule_params"}  # no titles, no labels, no data that the marks tell
CLIPPED = {"line_inside_domain_using_clip"}  # two of its five rows lie outside the plot


@pytest.fixture(scope="module")
def drawn(realdata: Path) -> dict[str, Rendered | str]:
    """Each chart, or the reason why it was refused."""
    found: dict[str, Rendered | str] = {}
    for file in sorted((realdata / "06_charts_tables_docs" / "vega_lite").glob("*.vl.json")):
        try:
            found[file.name.removesuffix(".vl.json")] = render_spec(read_spec(file.read_bytes()))
        except Refused as refused:
            found[file.name.removesuffix(".vl.json")] = refused.reason.name
    return found


def test_every_specification_is_drawn_or_refused_for_its_reason(drawn: dict[str, Rendered | str]) -> None:
    assert len(drawn) == 54
    assert {name: told for name, told in drawn.items() if isinstance(told, str)} == REFUSED


def test_pictures_are_those_of_the_project_that_made_them(drawn: dict[str, Rendered | str], realdata: Path) -> None:
    """Beside its own renderings: the same shape and the same ink, but for fonts."""
    folder = realdata / "06_charts_tables_docs" / "vega_lite"
    near = 0
    for name, rendered in drawn.items():
        if isinstance(rendered, Rendered):
            ours, theirs = (
                PillowImage.open(source).convert("L").resize((64, 64)) for source in (io.BytesIO(rendered.png), folder / f"{name}.png")
            )
            near += float(np.corrcoef(np.asarray(ours).ravel(), np.asarray(theirs).ravel())[0, 1]) > 0.8
    assert near >= 45


def test_derived_questions_have_the_derived_answers(drawn: dict[str, Rendered | str], realdata: Path) -> None:
    lines = (realdata / "06_charts_tables_docs" / "vega_lite" / "chart_qa_derived.jsonl").read_text().splitlines()
    told: dict[str, list[bool]] = defaultdict(list)
    for pair in map(json.loads, lines):
        name = pair["image"].removesuffix(".png")
        rendered = drawn[name]
        assert isinstance(rendered, Rendered), name
        table = data_of(rendered.scene)
        assert table is not None
        told[name].append(_answer(pair, table) == pair["answer"])
    assert sum(map(len, told.values())) == 103
    assert {name for name, right in told.items() if not all(right)} == CLIPPED
    assert told["line_inside_domain_using_clip"] == [False, True, True, False]


def _answer(pair: dict[str, str], table: Table) -> str:
    """What our programs give for the question that was derived from the raw rows of the specification."""
    truth = {**table.as_json(), "title": "", "x_title": "", "y_title": "", "chart": ""}
    question = pair["question"]
    if pair["type"] == "count":
        return execute(truth, {"kind": "table", "op": "count_rows"})
    lookup = re.fullmatch(r"What is the value of (\S+) where (.+)\?", question)
    if lookup:
        where = {}
        for clause in lookup[2].split(", "):
            name, text = clause.split(" = ")
            place = table.names.index(name)
            where[name] = next((row[place] for row in table.rows if cell_text(row[place]) == text), text)
        program = {"kind": "table", "op": "lookup", "column": lookup[1], "where": where}
        try:
            return execute(truth, program)
        except ValueError:
            return "no such row"
    largest = re.fullmatch(r"For which (.+) is (\S+) largest\?", question)
    assert largest, question
    of = largest[1].split(", ")
    answer = execute(truth, {"kind": "table", "op": "argmax", "column": largest[2], "of": of})
    return ", ".join(f"{name} = {text or None}" for name, text in zip(of, answer.split(", "), strict=True))


@pytest.mark.slow
def test_the_corpus_over_every_specification(realdata: Path, tmp_path: Path) -> None:
    (tmp_path / "specs").mkdir()
    for file in (realdata / "06_charts_tables_docs" / "vega_lite").glob("*.vl.json"):
        (tmp_path / "specs" / file.name).write_bytes(file.read_bytes())
    (stage,) = chart(open_source(str(tmp_path / "specs")))
    result = build(stage.make(Earlier()), tmp_path / "out", Execution(workers=0))
    assert verify(result.path).problems == []
    corpus = Corpus(result.path)
    rejects = Counter(reject["reason"] for reject in corpus.rejects())
    assert rejects == Counter(REFUSED.values()) + Counter({"nothing_to_ask": len(SILENT)})
    assert len(list(corpus.records())) == 54 - sum(rejects.values())
