"""ChartTask: every form of row, every reason, the same record twice, and the corpus from end to end."""

from __future__ import annotations

import copy
import io
import json
import pickle
from collections import Counter

import numpy as np
import pytest
from PIL import Image as PillowImage

from pipelines.build import Execution, build
from pipelines.corpora.chart import chart
from pipelines.sample.chart_sources import bad_rows, make_chart_sources
from pipelines.source import open_source
from pipelines.stage import Earlier
from pipelines.verify import verify
from processors.chart.model import KINDS
from processors.chart.task import ChartTask
from processors.vision.check import ANSWER_DIFFERS, CheckAnswers
from schemas.corpus import Corpus
from schemas.outcome import Reject
from schemas.parts import Image, Text
from schemas.records import Conversation, Origin, Row, Turn, images_of, learned_texts

TABLE = [["Region", "Sold"], ["North", 12], ["South", 5], ["East", 9]]
SPEC = {
    "data": {"values": [{"a": "A", "b": 28}, {"a": "B", "b": 55}]},
    "mark": "bar",
    "encoding": {"x": {"field": "a"}, "y": {"field": "b", "type": "quantitative"}},
}
PAIRS = [{"question": "Which region has the most?", "answer": "North"}, {"question": "Why?", "answer": "Nobody knows."}]


def row(fields: dict, key: str = "k", **blobs: bytes) -> Row:
    return Row(key, Origin("made"), fields, blobs)


def png() -> bytes:
    sink = io.BytesIO()
    PillowImage.new("RGB", (64, 48), "white").save(sink, "PNG")
    return sink.getvalue()


FORMS = {
    "list": row({"table": TABLE}),
    "mapping": row({"table": {"North": 12, "South": 5, "East": 9}}),
    "csv text": row({"table": "Region;Sold\nNorth;12\nSouth;5\n"}),
    "records": row({"records": [{"Region": "North", "Sold": 1}, {"Region": "South", "Sold": 2}]}),
    "csv file": row({}, table=b"Region,Sold\nNorth,12\nSouth,5\n"),
    "spec": row({"spec": SPEC}),
    "spec text": row({"spec": json.dumps(SPEC)}),
    "spec file": row({}, spec=json.dumps(SPEC).encode()),
    "spec with its data beside it": row({"spec": {**SPEC, "data": {"url": "a.json"}}, "data": {"a.json": SPEC["data"]["values"]}}),
    "picture": row({"questions": PAIRS, "table": {"North": 12, "South": 5}}, image=png()),
    "picture of one question": row({"question": "Why?", "answer": "So."}, image=png()),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_row(form):
    made = ChartTask()(FORMS[form])
    assert isinstance(made, Conversation)
    assert [turn.role for turn in made.turns] == ["user", "assistant"] * (len(made.turns) // 2)
    assert len(list(images_of(made))) == 1 and isinstance(made.turns[0].parts[0], Image)
    assert made.facts["chart.renderer"] == ("given" if "picture" in form else "vega" if "spec" in form else "matplotlib")
    assert made.facts.keys() == {fact.name for fact in ChartTask.writes}
    assert CheckAnswers()(made) is made


def test_a_given_picture_keeps_its_answers_and_counts_those_that_the_table_confirms():
    made = ChartTask()(FORMS["picture"])
    assert learned_texts(made) == ["North", "Nobody knows."]
    assert made.facts["answer.how"] == "given given" and made.facts["chart.num_confirmed"] == 1


@pytest.mark.parametrize(
    ("question", "answer", "confirmed"),
    [
        ("How many does South have?", "5", 1),
        ("How many does South have?", "5.0 ", 1),
        ("How many are there in total?", "26", 1),
        ("What is the difference between North and South?", "7", 1),
        ("Which has the fewest?", "South has the fewest.", 1),
        ("How many percent of the total has South?", "19", 0),
        ("Which has the second most?", "East", 0),
        ("How many more does North have than South?", "7", 0),
        ("How many do North and South have together?", "17", 0),
    ],
)
def test_plain_questions_are_checked_and_others_left_alone(question, answer, confirmed):
    made = ChartTask()(row({"table": {"North": 12, "South": 5, "East": 9}, "qa": [[question, answer]]}, image=png()))
    assert made.facts["chart.num_confirmed"] == confirmed


REFUSED = {
    "no_chart_data": row({"title": "T"}),
    "bad_table": row({"table": [["a"], 3]}),
    "too_many_cells": row({"table": [["a"], *[[1]] * 100_000]}),
    "no_chart_fits": row({"table": [["a", "b"], ["x", "y"]]}),
    "bad_chart": row({"table": {"a": 1, "b": -1}, "kind": "pie"}),
    "too_crowded": row({"table": {f"n{n}": n for n in range(201)}, "kind": "bar"}),
    "missing_glyphs": row({"table": {"\U0001f404": 1, "b": 2}}),
    "answer_contradicts_table": row({"table": {"North": 12, "South": 5}, "qa": [["How many does South have?", "6"]]}, image=png()),
    "no_pairs": row({}, image=png()),
    "bad_pair": row({"qa": [["a question"]]}, image=png()),
    "bad_spec": row({"spec": 7}),
    "outside_reference": row({"spec": {**SPEC, "data": {"url": "https://example.org/a.csv"}}}),
    "too_large_spec": row({"spec": {**SPEC, "width": 1e6}}),
    "empty_chart": row({"spec": {**SPEC, "data": {"values": []}}}),
    "nothing_to_ask": row({"spec": {"data": {"values": [{}]}, "mark": "rect"}}),
    "no_table": row({}, table=b"\n\n"),
    "not_a_text_file": row({}, table=b"\x00\x01\x02\xff" * 50),
}
ELSEWHERE = {"too_costly", "too_large_table", "too_deep"}  # the guard's and the table reader's own tests cause these


@pytest.mark.parametrize("reason", REFUSED)
def test_every_reason(reason):
    made = ChartTask()(REFUSED[reason])
    assert isinstance(made, Reject) and made.reason == reason, made


def test_every_reason_is_declared_once_and_tested():
    names = [reason.name for reason in ChartTask.reasons]
    assert len(set(names)) == len(names)
    assert set(names) == set(REFUSED) | ELSEWHERE


def test_kinds_and_targets():
    made = ChartTask(kinds=("pie",))(row({"table": TABLE}))
    assert made.facts["chart.kind"] == "pie"
    assert ChartTask(kinds=("line",))(row({"table": TABLE})).reason == "no_chart_fits"
    assert ChartTask()(row({"table": TABLE, "kind": "treemap"})).reason == "no_chart_fits"
    table = ChartTask(target="table")(row({"table": TABLE}))
    assert [how for how in table.facts["answer.how"].split()] in (["table:markdown"], ["table:csv"])
    both = ChartTask(target="both", max_questions=3)(row({"table": TABLE})).facts["answer.how"].split()
    assert len(both) == 3 and both[0] in ("table:markdown", "table:csv")
    assert len(ChartTask(max_questions=2)(row({"table": TABLE})).turns) == 4


@pytest.mark.parametrize(
    ("options", "told"),
    [({"target": "tables"}, "expected questions, table or both"), ({"max_questions": 0}, "expected 1 or more"), ({"kinds": ("tree",)}, "expected some of bar"), ({"kinds": ()}, "expected some of bar")],
)  # fmt: skip
def test_settings_that_mean_nothing(options, told):
    with pytest.raises(ValueError, match=told):
        ChartTask(**options)


def test_the_same_row_gives_the_same_record_and_is_left_alone():
    given = row({"table": copy.deepcopy(TABLE), "title": "T"})
    task = pickle.loads(pickle.dumps(ChartTask(seed=4)))
    first, second = task(given), task(row({"table": TABLE, "title": "T"}))
    assert given.fields == {"table": TABLE, "title": "T"}
    assert first.facts == second.facts and learned_texts(first) == learned_texts(second)
    assert np.array_equal(next(images_of(first)).pixels, next(images_of(second)).pixels)
    looks = {task(row({"table": TABLE}, key=f"k{n}")).facts["chart.style"] for n in range(6)}
    assert len(looks) > 1


def test_a_wrong_answer_does_not_pass_the_check():
    made = ChartTask()(row({"table": TABLE}))
    turns = list(made.turns)
    turns[1] = Turn("assistant", (Text("no such answer"),), learned=True)
    told = CheckAnswers()(Conversation(made.key, made.origin, tuple(turns), made.facts))
    assert isinstance(told, Reject) and told.reason == ANSWER_DIFFERS.name


def test_the_corpus_of_the_sample(tmp_path):
    make_chart_sources(tmp_path, 1, 0)
    place = tmp_path / "chart_sources"
    (stage,) = chart(open_source(str(place / "tables.jsonl")), max_questions=3)
    result = build(stage.make(Earlier()), tmp_path / "out", Execution(workers=0))
    corpus = Corpus(result.path)
    assert verify(result.path).problems == []
    records, rejects = list(corpus.records()), list(corpus.rejects())
    assert len(records) == 18
    assert Counter(reject["reason"] for reject in rejects) == Counter(bad["note"] for bad in bad_rows())
    assert {record.facts["chart.kind"] for record in records} <= set(KINDS)
    assert len({record.facts["chart.kind"] for record in records}) >= 6
    assert all(0 < record.facts["image.num_crops"] <= 17 for record in records)


def test_the_sample_is_the_same_each_time(tmp_path):
    for name in ("one", "two"):
        make_chart_sources(tmp_path / name, 1, 5)
    files = [sorted(file.relative_to(tmp_path / name) for file in (tmp_path / name).rglob("*.*")) for name in ("one", "two")]
    assert files[0] == files[1] and len(files[0]) == 1 + 4 + 1 + 6 + 1
    assert all((tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes() for file in files[0])
