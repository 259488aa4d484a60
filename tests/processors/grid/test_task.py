"""Rows to conversations: tables, diagrams and charts, each checked again; every reject reason; the recipe from end to end."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.build import Execution, build
from pipelines.corpora.vision_sft_chart_table_diagram import chart_table_diagram
from pipelines.sample.table_sources import PER_SIZE, make_table_sources
from pipelines.source import open_source
from pipelines.stage import Earlier
from pipelines.verify import verify
from processors.grid.figure import FigureTask, figure_of
from processors.grid.task import DiagramTask, SplitTables, TableTask
from processors.vision.asked import HOW, PROGRAMS, TRUTH
from processors.vision.check import CheckAnswers
from schemas.outcome import Reject
from schemas.parts import Image
from schemas.records import Conversation, Origin, Row, images_of, learned_texts

TABLE = [["City", "Visitors"], ["Kiel", "1200"], ["Bonn", "900"], ["Ulm", "15"]]


def row(blobs: dict[str, bytes] | None = None, **fields: object) -> Row:
    return Row("key", Origin("test"), fields, blobs or {})


def talked(found: object) -> Conversation:
    assert isinstance(found, Conversation), found
    assert isinstance(CheckAnswers()(found), Conversation)
    return found


def reason(found: object) -> str:
    assert isinstance(found, Reject), found
    return found.reason


def test_a_table_becomes_a_picture_with_checked_answers() -> None:
    made = talked(TableTask(max_questions=3)(row(table=TABLE, title="Visits")))
    (image,) = images_of(made)
    assert image.pixels is not None
    assert [turn.role for turn in made.turns] == ["user", "assistant"] * 4
    assert isinstance(made.turns[0].parts[0], Image)
    assert made.facts["grid.num_rows"] == 4
    assert made.facts[HOW.name].split()[-1] in ("grid:markdown", "grid:html")  # type: ignore[union-attr]
    assert json.loads(str(made.facts[TRUTH.name]))["grid"]["caption"] == "Visits"


def test_an_answer_that_is_changed_is_found() -> None:
    made = talked(TableTask(target="table")(row(table=TABLE)))
    truth = json.loads(str(made.facts[TRUTH.name]))
    truth["grid"]["cells"][3][5] = "1201"
    assert reason(CheckAnswers()(replace(made, facts={**made.facts, TRUTH.name: json.dumps(truth)}))) == "answer_differs"


@pytest.mark.parametrize(
    "given",
    [
        row(table=TABLE),
        row({"table": b"City,Visitors\nKiel,1200\nBonn,900\nUlm,15\n"}),
        row(table="City;Visitors\nKiel;1200\nBonn;900\nUlm;15\n"),
        row(html="<table><tr><td>City<td>Visitors<tr><td>Kiel<td>1200<tr><td>Bonn<td>900<tr><td>Ulm<td>15</table>"),
        row({"text": b"<table><tr><th>City<th>Visitors<tr><td>Kiel<td>1200<tr><td>Bonn<td>900<tr><td>Ulm<td>15</table>"}),
        row(table=[{"City": "Kiel", "Visitors": 1200}, {"City": "Bonn", "Visitors": 900}, {"City": "Ulm", "Visitors": 15}]),
    ],
)
def test_one_table_in_every_spelling_is_one_conversation(given: Row) -> None:
    (child,) = SplitTables()(given)  # type: ignore[misc]
    assert child.blobs == {}
    made, direct = talked(TableTask()(child)), talked(TableTask()(row(table=TABLE)))
    assert learned_texts(made) == learned_texts(direct)
    assert made.facts[PROGRAMS.name] == direct.facts[PROGRAMS.name]


def test_pages_and_long_tables_give_a_row_a_picture() -> None:
    page = (
        "<table><tr><td>a<td>b<tr><td>1<td>2</table>" * 2
        + "<table><tr><th>n"
        + "".join(f"<tr><td>{number}" for number in range(5))
        + "</table>"
    )
    children = SplitTables(max_rows=3)(row(html=page))
    assert isinstance(children, list)
    assert [child.facts["grid.piece"] for child in children] == ["1/4", "2/4", "3/4", "4/4"]
    assert SplitTables()(row(mermaid="graph TD\nA-->B"))[0].fields == {"mermaid": "graph TD\nA-->B"}  # type: ignore[index]
    with pytest.raises(ValueError, match="lacks SplitTables"):
        TableTask()(row(html=page))


@pytest.mark.parametrize(
    ("task", "given", "expected"),
    [
        (SplitTables(), row(html="<p>no</p>"), "no_table"),
        (SplitTables(), row({"table": b"\x00"}), "not_a_text_file"),
        (SplitTables(), row(html="<b>" * 400 + "<table><tr><td>1"), "too_deep"),
        (SplitTables(max_rows=1, max_pieces=2), row(table=TABLE), "too_large_table"),
        (TableTask(), row(), "no_table"),
        (TableTask(), row(table=[["a"], "b"]), "no_table"),
        (TableTask(), row(table=[["a"], {"b": 1}]), "no_table"),
        (TableTask(), row(table=[[None, ""]]), "no_table"),
        (TableTask(), row(table=[["a"] * 300, ["b"] * 300, ["c"] * 300]), "too_large_table"),
        (TableTask(), row(table=[["a"] * 30_000, ["b"] * 30_000]), "too_large_table"),
        (TableTask(), row(table=[["a"], ["\ue000"]]), "not_shown"),
        (TableTask(), row(table=[["a", "b"]]), "nothing_to_ask"),
        (DiagramTask(), row(), "no_graph"),
        (DiagramTask(), row(graph="{"), "bad_graph"),
        (DiagramTask(), row(graph="[" * 100_000), "bad_graph"),
        (DiagramTask(), row(mermaid="pie"), "unsupported_mermaid"),
        (DiagramTask(), row(graph={"nodes": ["a"] * 100}), "too_large_graph"),
        (DiagramTask(), row(graph={"nodes": ["\ue000x"]}), "not_shown"),
        (DiagramTask(), row({"mermaid": b"graph TD\x00"}), "not_a_text_file"),
        (FigureTask(), row(colour="red"), "no_figure"),
    ],
)  # fmt: skip
def test_every_reason_is_told(task: SplitTables | TableTask | DiagramTask | FigureTask, given: Row, expected: str) -> None:
    assert reason(task(given)) == expected
    assert expected in {declared.name for declared in type(task).reasons}


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (row(table=TABLE), "table"),
        (row(table=TABLE, kind="bar"), "chart"),
        (row(table=TABLE, figure="chart"), "chart"),
        (row(table={"a": 1}), "chart"),
        (row(records=[{"a": "x", "b": 1}]), "chart"),
        (row({"spec": b"{}"}), "chart"),
        (row({"table": b"a,b"}), "table"),
        (row({"text": b"<table>"}), "table"),
        (row(graph={"nodes": ["a"]}), "diagram"),
        (row({"file": b"graph TD"}, path="x/a.mmd"), "diagram"),
        (row({"image": b"x"}, question="q", answer="a"), "given"),
        (row({"file": b"?"}, path="x.bin"), ""),
    ],
)
def test_a_row_goes_to_the_task_for_what_it_tells(given: Row, kind: str) -> None:
    assert figure_of(given) == kind


def test_a_chart_is_made_by_the_task_for_charts() -> None:
    made = talked(FigureTask()(row(table={"North": 4, "South": 7, "East": 2}, title="Sales", kind="bar")))
    assert made.facts["figure.kind"] == "chart"
    assert made.facts["chart.kind"] == "bar"
    assert talked(FigureTask()(row(mermaid="graph TD\nA-->B"))).facts["figure.kind"] == "diagram"


def test_another_graphviz_does_not_take_part() -> None:
    with pytest.raises(RuntimeError, match=r"the recipe was made with 0\.1"):
        DiagramTask(layout="0.1")(row(mermaid="graph TD\nA-->B"))


@pytest.mark.parametrize("bad", [{"target": "none"}, {"max_questions": 0}])
def test_settings_that_mean_nothing_are_refused(bad: dict) -> None:
    for task in (TableTask, DiagramTask):
        with pytest.raises(ValueError, match="expected one of questions, table, both"):
            task(**bad)
    with pytest.raises(ValueError, match="expected 1 or more"):
        SplitTables(max_rows=0)


def test_the_sample_is_the_same_each_time_and_what_is_planted_is_refused(tmp_path: Path) -> None:
    for name in ("one", "two"):
        make_table_sources(tmp_path / name, 1, 0)
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file())
    assert len(files) == PER_SIZE + 1
    assert [(tmp_path / "one" / file).read_bytes() for file in files] == [(tmp_path / "two" / file).read_bytes() for file in files]
    source = open_source(str(tmp_path / "one" / "table_sources" / "rows.jsonl"))
    (stage,) = chart_table_diagram(source, max_questions=2)
    result = build(stage.make(Earlier()), tmp_path / "out", Execution(workers=0))
    assert result.totals["num_out"] == 4 * PER_SIZE
    assert result.totals["num_faults"] == 0
    assert result.totals["rejects"] == {
        **dict.fromkeys(("bad_json", "bad_graph", "no_table", "too_deep"), 1),
        **dict.fromkeys(("too_large_graph", "too_large_table", "unsupported_mermaid"), 1),
    }
    assert verify(result.path).problems == []
