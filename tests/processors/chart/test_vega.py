"""Vega-Lite: what is drawn is what is asked about, and a hostile specification is refused."""

from __future__ import annotations

import json

import pytest

from processors.chart.drawn import data_of, shown_of
from processors.chart.questions import all_questions, table_questions
from processors.chart.scene import MARK_SIGN, read_description, read_told
from processors.chart.vega import check_spec, read_spec, render_spec
from schemas.identity import keyed_rng
from schemas.outcome import Refused

VALUES = [
    {"place": "b; c: 1", "group": "x", "n": 0.1},
    {"place": "a\U0001f600+", "group": "x", "n": 30},
    {"place": "b; c: 1", "group": "y", "n": 20},
]
PLAIN = [{"a": "A", "b": 28}, {"a": "B", "b": 55}, {"a": "C", "b": 43}]
BAR = {"data": {"values": PLAIN}, "mark": "bar", "encoding": {"x": {"field": "a"}, "y": {"field": "b", "type": "quantitative"}}}


def bar(**changed):
    return {**BAR, **changed}


def test_the_values_of_the_marks_are_exact_whatever_stands_in_the_data():
    values = [{"a": "b; c: 1", "b": 0.1 + 0.2}, {"a": 'quo"te\\', "b": 1e-7}, {"a": "3:x", "b": 12345678.9}]
    table = data_of(render_spec(bar(data={"values": values})).scene)
    assert table.names == ("a", "b")
    assert sorted(table.rows) == sorted((value["a"], value["b"]) for value in values)


def test_a_description_tells_what_it_was_told():
    face = "\U0001f600"  # one character, two halves of UTF-16, which is how JavaScript counts
    told = read_told(f"{MARK_SIGN}1:a3:1.01:12:{face}n4:1.25")
    assert told == [{"title": "a", "text": "1.0", "fields": {face: 1.25}}]
    assert read_told("a: 1; b: 2") is None
    signal = '"a: " + (isValid(datum["a"]) ? datum["a"] : ""+datum["a"]) + "; b: c: " + (format(datum["b+(\\""], ""))'
    assert [(title, fields) for title, _, fields in read_description(signal)] == [("a", ["a"]), ("b: c", ['b+("'])]
    assert read_description('datum["a"]') == []


def test_data_that_are_transformed_are_asked_about_as_they_are_drawn():
    spec = bar(transform=[{"filter": "datum.b > 30"}, {"calculate": "datum.b * 2", "as": "c"}])
    spec["encoding"] = {"x": {"field": "a"}, "y": {"field": "c", "type": "quantitative", "aggregate": "sum"}}
    shown = shown_of(render_spec(spec).scene)
    assert shown.table.rows == (("B", 110.0), ("C", 86.0))
    assert (shown.chart, shown.x_title, shown.y_title) == ("bar", "a", "Sum of c")


def test_rows_stand_in_the_order_of_the_axis():
    spec = bar(encoding={**BAR["encoding"], "x": {"field": "a", "sort": "-y"}})
    shown = shown_of(render_spec(spec).scene)
    assert shown.is_in_order and [row[0] for row in shown.table.rows] == ["B", "C", "A"]
    answers = {one.program["op"]: one.answer for one in all_questions(shown, keyed_rng(0, "q", "k"))}
    assert answers["list"] == "B, C, A" and answers["argmax"] == "B" and answers["argmin"] == "A"


def test_series_come_from_the_legend_in_its_order():
    values = [{"p": p, "g": g, "n": n} for p, g, n in (("A", "x", 10), ("A", "y", 20), ("B", "x", 30), ("B", "y", 5))]
    color = {"field": "g", "scale": {"domain": ["y", "x"]}}
    encoding = {"x": {"field": "p"}, "y": {"field": "n", "type": "quantitative"}, "xOffset": {"field": "g"}, "color": color}
    shown = shown_of(render_spec(bar(data={"values": values}, encoding=encoding)).scene)
    assert (shown.chart, shown.measures, shown.table.rows) == ("grouped_bar", ("y", "x"), (("A", 20.0, 10.0), ("B", 5.0, 30.0)))
    stacked = {name: channel for name, channel in encoding.items() if name != "xOffset"}
    shown = shown_of(render_spec(bar(data={"values": values}, encoding=stacked)).scene)
    assert (shown.chart, shown.compared_by) == ("stacked_bar", "nothing")


def test_what_lies_beyond_the_view_is_not_asked_about():
    encoding = {"x": {"field": "x", "type": "quantitative", "scale": {"domain": [0, 10]}}, "y": {"field": "y", "type": "quantitative"}}
    values = [{"x": x, "y": x * 2} for x in (0, 5, 10, 50)]
    shown = shown_of(render_spec(bar(data={"values": values}, mark={"type": "line", "clip": True}, encoding=encoding)).scene)
    assert len(shown.table.rows) == 3 and not shown.is_whole
    assert not {"argmax", "max", "sum", "count_above"} & {one.program["op"] for one in all_questions(shown, keyed_rng(0, "q", "k"))}


def test_a_place_that_is_a_number_is_no_series_and_a_missing_value_is_a_mark_too():
    values = [{"a": a, "b": b, "c": c} for a, b, c in ((1, 2, "c1"), (2, 3, "c1"), (1, 4, "c2"), (2, 9, "c2"))]
    encoding = {"x": {"field": "a", "type": "quantitative"}, "y": {"field": "b", "type": "quantitative"}, "color": {"field": "c"}}
    shown = shown_of(render_spec(bar(data={"values": values}, mark="line", encoding=encoding)).scene)
    answers = {one.program["op"]: one.answer for one in all_questions(shown, keyed_rng(0, "q", "k"))}
    assert answers["count_series"] == "2" and answers["series"] == "c1, c2"
    holes = [{"a": 1, "b": 10}, {"a": 2, "b": None}, {"a": 3, "b": 20}]
    encoding = {"x": {"field": "a", "type": "quantitative"}, "y": {"field": "b", "type": "quantitative"}}
    shown = shown_of(render_spec(bar(data={"values": holes}, mark={"type": "area", "invalid": None}, encoding=encoding)).scene)
    assert not {"argmin", "min", "rank"} & {one.program["op"] for one in all_questions(shown, keyed_rng(0, "q", "k"))}


def test_categories_that_are_numbers_are_called_by_the_title_of_the_legend():
    values = [{"n": n, "v": v} for n, v in ((1, 4), (2, 9), (3, 20))]
    spec = {
        "data": {"values": values},
        "mark": "arc",
        "encoding": {"theta": {"field": "v", "type": "quantitative"}, "color": {"field": "n", "type": "nominal", "title": "Gate"}},
    }
    asked = all_questions(shown_of(render_spec(spec).scene), keyed_rng(0, "q", "k"))
    assert all(
        "gate 1" in one.question or "gate 2" in one.question or "gate 3" in one.question for one in asked if one.program["op"] == "compare"
    )
    assert "compare" in {one.program["op"] for one in asked}


def test_numbers_written_on_the_marks_make_values_readable():
    encoding = {"x": {"field": "a"}, "y": {"field": "b", "type": "quantitative"}}
    plain = shown_of(render_spec(BAR).scene)
    assert not plain.has_numbers and table_questions(plain, keyed_rng(0, "q", "k")) == []
    text = {"mark": "text", "encoding": {"text": {"field": "b", "type": "quantitative"}}}
    written = shown_of(render_spec({"data": BAR["data"], "encoding": encoding, "layer": [{"mark": "bar"}, text]}).scene)
    assert written.has_numbers and written.is_whole
    assert table_questions(written, keyed_rng(0, "q", "k"))[0].answer.count("55") == 1


def test_a_number_at_another_mark_does_not_make_values_readable():
    """Without the grouping that the wedges have, Vega puts the numbers in another order around the ring."""
    data = {"values": [{"c": "Rent", "v": 900}, {"c": "Food", "v": 450}, {"c": "Other", "v": 130}]}
    theta = {"field": "v", "type": "quantitative", "stack": True}
    colour = {"field": "c", "type": "nominal"}
    for text_encoding, is_right in (({"color": {"value": "black"}}, False), ({"color": colour}, True)):
        ring = {"mark": {"type": "arc", "innerRadius": 50, "outerRadius": 90}, "encoding": {"color": colour}}
        text = {"mark": {"type": "text", "radius": 110}, "encoding": {"text": {"field": "v"}, **text_encoding}}
        shown = shown_of(render_spec({"data": data, "encoding": {"theta": theta}, "layer": [ring, text]}).scene)
        assert shown.chart == "donut" and shown.has_numbers is is_right
        ops = {one.program["op"] for one in all_questions(shown, keyed_rng(0, "q", "k"))}
        assert {"lookup", "argmax", "compare"} <= ops if is_right else ops == {"chart_kind", "count_distinct"}
    shifted = [{"a": "A", "b": 28, "at": "B"}, {"a": "B", "b": 55, "at": "A"}]
    bars = {"mark": "bar", "encoding": {"x": {"field": "a"}, "y": {"field": "b", "type": "quantitative"}}}
    text = {"mark": "text", "encoding": {"x": {"field": "at"}, "text": {"field": "b", "type": "quantitative"}}}
    assert not shown_of(render_spec({"data": {"values": shifted}, "layer": [bars, text]}).scene).has_numbers


def test_a_heatmap_is_read_where_its_cells_have_numbers():
    values = [{"day": day, "hour": str(hour), "calls": 10 * hour + place} for place, day in enumerate(("Mon", "Tue")) for hour in (9, 10)]
    encoding = {"x": {"field": "day", "type": "ordinal"}, "y": {"field": "hour", "type": "ordinal"}}
    cells = {"mark": "rect", "encoding": {"color": {"field": "calls", "type": "quantitative"}}}
    text = {"mark": "text", "encoding": {"text": {"field": "calls", "type": "quantitative"}}}
    written = shown_of(render_spec({"data": {"values": values}, "encoding": encoding, "layer": [cells, text]}).scene)
    assert (written.chart, written.has_numbers, written.dims, written.ticks) == ("heatmap", True, ("day", "hour"), ())
    asked = all_questions(written, keyed_rng(0, "q", "k"))
    assert {one.answer for one in asked if one.program["op"] == "argmax"} == {"Tue, 10"}
    assert all("of calls" in one.question for one in asked if one.program["op"] in ("lookup", "argmax", "difference"))
    plain = shown_of(render_spec({"data": {"values": values}, "encoding": encoding, "layer": [cells]}).scene)
    assert plain.chart == "heatmap" and {one.program["op"] for one in all_questions(plain, keyed_rng(0, "q", "k"))} <= {
        *("chart_kind", "x_title", "y_title", "count_distinct")
    }


def test_bars_that_stand_on_one_another_at_one_place_are_not_counted_apart():
    values = [{"group": group, "v": value} for value in (0.1, 0.7, 0.6) for group in "xyz"]
    spec = {
        "data": {"values": values},
        "mark": "bar",
        "encoding": {"y": {"field": "v", "type": "quantitative"}, "color": {"field": "group"}},
    }
    for offset in ({}, {"xOffset": {"field": "group"}}):
        shown = shown_of(render_spec({**spec, "encoding": {**spec["encoding"], **offset}}).scene)
        assert shown.compared_by == "nothing"
        assert not {"count_above", "count_below"} & {one.program["op"] for one in all_questions(shown, keyed_rng(0, "q", "k"))}


def test_a_histogram_is_asked_about_by_its_intervals():
    encoding = {"x": {"bin": True, "field": "v"}, "y": {"aggregate": "count"}}
    shown = shown_of(render_spec(bar(data={"values": [{"v": n % 23} for n in range(100)]}, encoding=encoding)).scene)
    assert shown.chart == "histogram" and shown.table.rows[0] == ("0 – 5", 25.0)
    assert "0 – 5" in {one.answer for one in all_questions(shown, keyed_rng(0, "q", "k")) if one.program["op"] == "argmax"}


def test_vega_itself_is_read_too():
    spec = {"$schema": "https://vega.github.io/schema/vega/v6.json", "width": 80, "height": 80, "title": "Squares",
            "marks": [{"type": "rect", "encode": {"enter": {"x": {"value": 5}, "y": {"value": 5}, "width": {"value": 40}, "height": {"value": 40}, "fill": {"value": "red"}}}}]}  # fmt: skip
    shown = shown_of(render_spec(spec).scene)
    assert shown.title == "Squares" and shown.measures == ()
    assert {one.program["op"] for one in all_questions(shown, keyed_rng(0, "q", "k"))} == {"title"}


def test_the_same_bytes_twice_and_given_records_in_place_of_an_address():
    named = bar(data={"url": "data/cars.json", "format": {"type": "json"}})
    first, second = render_spec(BAR), render_spec(named, {"data/cars.json": PLAIN})
    assert first.png == second.png and first.scene == second.scene
    assert render_spec(bar(data={"name": "mine"}), {"mine": PLAIN}).png == first.png


DEEP: dict = {"layer": []}
for _ in range(70):
    DEEP = {"layer": [DEEP]}


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        (bar(data={"url": "https://example.org/a.json"}), "outside_reference"),
        (bar(data={"url": "file:///etc/passwd"}), "outside_reference"),
        (bar(data={"name": "elsewhere"}), "outside_reference"),
        (bar(transform=[{"lookup": "a", "from": {"data": {"url": "x.csv"}, "key": "a", "fields": ["c"]}}]), "outside_reference"),
        (bar(mark="image"), "outside_reference"),
        (bar(mark={"type": "image", "width": 5}), "outside_reference"),
        (bar(data={"sequence": {"start": 0, "stop": 1e9, "as": "a"}}), "too_large_spec"),
        (bar(data={"sequence": {"start": 0, "stop": 1, "step": 1e-9}}), "too_large_spec"),
        (bar(data={"sequence": {"start": 0, "stop": 10**400}}), "too_large_spec"),
        (bar(data={"sequence": {"start": 0, "stop": {"signal": "1e9"}}}), "too_large_spec"),
        (bar(width=50_000), "too_large_spec"),
        (bar(config={"view": {"height": -1e9}}), "too_large_spec"),
        (bar(transform=[{"calculate": "sequence(1e9)", "as": "c"}]), "too_large_spec"),
        (bar(transform=[{"density": "b", "steps": 1e8}]), "too_large_spec"),
        ({"hconcat": [BAR] * 70}, "too_large_spec"),
        (DEEP, "too_large_spec"),
        (bar(mark="no such mark"), "bad_spec"),
        ({"a": 1}, "bad_spec"),
        (bar(encoding={"x": {"field": "a"}, "y": {"bin": "nonsense("}}, transform=[{"filter": "datum.b >"}]), "bad_spec"),
        (bar(data={"values": []}), "empty_chart"),
        (bar(title="A cow \U0001f404"), "missing_glyphs"),
        (bar(encoding={"x": {"field": "a"}, "y": {"field": "b", "type": "quantitative"}, "row": {"field": "c"}}, data={"values": [{"a": 1, "b": 2, "c": n} for n in range(40)]}), "too_large_spec"),
    ],
)  # fmt: skip
def test_refused(spec, reason):
    with pytest.raises(Refused) as refused:
        render_spec(spec)
    assert refused.value.reason.name == reason, refused.value


def test_the_nearest_that_is_drawn():
    assert render_spec(
        bar(
            data={"sequence": {"start": 0, "stop": 50, "as": "a"}},
            encoding={"x": {"field": "a"}, "y": {"field": "a", "type": "quantitative"}},
        )
    )
    assert render_spec(
        bar(width=1_500, data={"values": [*PLAIN, {"a": "D", "b": 1, "url": "https://example.org"}]})
    )  # a record may hold an address
    check_spec(bar(transform=[{"density": "b", "steps": 50_000}]))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"{", "bad_spec"),
        (b"[1]", "bad_spec"),
        (b"\xff\xfe", "bad_spec"),
        (b" " * (9 << 20), "too_large_spec"),
        (b"[" * 100_000, "bad_spec"),
    ],
)
def test_files_that_are_no_specification(data, reason):
    with pytest.raises(Refused) as refused:
        read_spec(data)
    assert refused.value.reason.name == reason
    assert read_spec(b"\xef\xbb\xbf" + json.dumps(BAR).encode()) == BAR


@pytest.mark.slow
def test_work_without_end_is_ended():
    """An expression that no count sees: the guard's limit of processor time ends it."""
    endless = "length(split(" + "replace(" * 12 + "'a'" + ", /a/g, 'aaaaaaaaaa')" * 12 + ", 'a'))"
    with pytest.raises(Refused) as refused:
        render_spec(bar(transform=[{"calculate": endless, "as": "c"}]))
    assert refused.value.reason.name in ("too_costly", "bad_spec")
    assert render_spec(BAR).png  # the next one is drawn
