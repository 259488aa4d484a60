"""Questions: every program against plain Python, only what the picture shows, and nothing with two right answers."""

from __future__ import annotations

import csv
import io
import json
import statistics
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.chart.choose import Names, fitting_kinds, make_chart
from processors.chart.programs import _OPS, execute
from processors.chart.questions import Shown, all_questions, table_questions
from processors.chart.table import NUMBER, Column, Table, table_from_rows
from processors.chart.wordings import WORDINGS
from schemas.identity import keyed_rng

ROWS = [["Region", "Rye", "Oat"], ["North", 12, 30], ["South", 0.1, 0.2], ["East", 8.5, 44], ["West", 30, 7]]
TRUTH = {**table_from_rows(ROWS).as_json(), "title": "T", "x_title": "Region", "y_title": "Tonnes", "chart": "grouped_bar"}
NORTH, SOUTH, EAST = {"Region": "North"}, {"Region": "South"}, {"Region": "East"}


@pytest.mark.parametrize(
    ("op", "arguments", "answer"),
    [
        ("lookup", {"column": "Rye", "where": EAST}, "8.5"),
        ("argmax", {"column": "Rye", "of": ["Region"]}, "West"),
        ("argmin", {"column": "Oat", "of": ["Region"]}, "South"),
        ("max", {"column": "Oat"}, "44"),
        ("min", {"column": "Oat"}, "0.2"),
        ("sum", {"column": "Rye"}, "50.6"),
        ("mean", {"column": "Oat", "digits": 2}, "20.3"),
        ("difference", {"column": "Oat", "first": SOUTH, "second": NORTH}, "29.8"),
        ("ratio", {"column": "Oat", "first": NORTH, "second": EAST, "digits": 2}, "0.68"),
        ("compare", {"column": "Rye", "first": NORTH, "second": EAST, "relation": "greater"}, "Yes"),
        ("compare", {"column": "Rye", "first": NORTH, "second": EAST, "relation": "less"}, "No"),
        ("rank", {"column": "Oat", "of": ["Region"], "place": 2, "order": "largest"}, "North"),
        ("rank", {"column": "Oat", "of": ["Region"], "place": 2, "order": "smallest"}, "West"),
        ("trend", {"column": "Oat", "first": NORTH, "second": SOUTH}, "It falls."),
        ("trend", {"column": "Oat", "first": SOUTH, "second": NORTH}, "It rises."),
        ("trend", {"column": "Oat", "first": SOUTH, "second": SOUTH}, "It stays the same."),
        ("count_above", {"column": "Rye", "threshold": 8.5}, "2"),
        ("count_below", {"column": "Rye", "threshold": 12}, "2"),
        ("share", {"column": "Oat", "where": SOUTH, "all": {}, "digits": 1}, "0.2%"),
        ("growth", {"columns": ["Rye", "Oat"], "first": NORTH, "second": EAST}, "Oat"),
        ("best_column", {"columns": ["Rye", "Oat"], "where": {"Region": "West"}}, "Rye"),
        ("best_column", {"columns": ["Rye", "Oat"]}, "Oat"),
        ("count_rows", {}, "4"),
        ("count_series", {"of": ["Region"]}, "2"),
        ("count_distinct", {"column": "Region"}, "4"),
        ("list", {"column": "Region"}, "North, South, East, West"),
        ("series", {"columns": ["Rye", "Oat"]}, "Rye, Oat"),
        ("title", {}, "T"),
        ("x_title", {}, "Region"),
        ("y_title", {}, "Tonnes"),
        ("chart_kind", {}, "grouped bar chart"),
        ("csv", {}, "Region,Rye,Oat\nNorth,12,30\nSouth,0.1,0.2\nEast,8.5,44\nWest,30,7"),
        ("markdown", {}, "| Region | Rye | Oat |\n| --- | --- | --- |\n| North | 12 | 30 |\n| South | 0.1 | 0.2 |\n| East | 8.5 | 44 |\n| West | 30 | 7 |"),
    ],
)  # fmt: skip
def test_programs(op, arguments, answer):
    assert execute(TRUTH, {"kind": "table", "op": op, **arguments}) == answer


def test_every_program_is_tested_and_worded():
    tested = {case[0] for case in test_programs.pytestmark[0].args[1]}
    assert tested == set(_OPS)
    worded = {wording.split("_greater")[0].split("_less")[0].split("_largest")[0].split("_smallest")[0] for wording in WORDINGS}
    assert worded - {"best_total"} == set(_OPS)
    assert all(len(set(wordings)) >= 3 for wordings in WORDINGS.values())


def test_a_program_that_does_not_fit_is_an_error_and_no_answer():
    with pytest.raises(ValueError, match="picks 0 numbers of 'Rye', expected one"):
        execute(TRUTH, {"kind": "table", "op": "lookup", "column": "Rye", "where": {"Region": "Centre"}})


def _shown(rows: list[list[object]], kind: str, has_numbers: bool = True) -> Shown:
    return make_chart(table_from_rows(rows), kind, Names("The title", "Region", "Tonnes"), has_numbers)[1]


def _ops(shown: Shown) -> set[str]:
    return {str(one.program["op"]) for key in "kl" for one in all_questions(shown, keyed_rng(0, "q", key))}


def test_with_numbers_on_the_marks_everything_is_asked():
    assert _ops(_shown(ROWS, "grouped_bar")) == set(_OPS) - {"share", "trend", "growth", "count_rows", "markdown", "csv"}
    assert "share" in _ops(_shown([row[:2] for row in ROWS], "pie"))
    times = [["Year", "Rye", "Oat"], ["2020", 3, 9], ["2021", 5, 4], ["2022", 10, 8]]
    assert {"trend", "growth"} <= _ops(make_chart(table_from_rows(times), "line", Names(), True)[1])


def test_without_numbers_values_are_asked_for_only_on_ticks():
    rows = [["Region", "Rye"], ["North", 20], ["South", 13.7], ["East", 40.3], ["West", 40.1]]
    shown = _shown(rows, "bar", has_numbers=False)
    found = all_questions(shown, keyed_rng(0, "q", "k"))
    assert {one.answer for one in found if one.program["op"] == "lookup"} == {"20"}
    assert not {"sum", "mean", "difference", "ratio", "max", "min"} & {one.program["op"] for one in found}
    assert "argmax" not in {one.program["op"] for one in found}  # East and West look alike
    assert [one.answer for one in found if one.program["op"] == "argmin"] == ["South"]
    assert table_questions(shown, keyed_rng(0, "t", "k")) == []


@pytest.mark.parametrize("kind", ["stacked_bar", "radar", "heatmap"])
def test_kinds_without_a_common_base_are_not_compared_without_numbers(kind):
    rows = [["Region", "A", "B", "C"], ["North", 10, 20, 30], ["South", 15, 40, 5], ["East", 25, 30, 10]]
    assert _ops(_shown(rows, kind, has_numbers=False)) <= {
        "title",
        "x_title",
        "y_title",
        "chart_kind",
        "count_distinct",
        "list",
        "count_series",
        "series",
    }


def test_counts_have_values_on_both_sides_and_marks_that_lie_on_one_another_are_not_counted():
    counted = [
        one
        for key in range(20)
        for one in all_questions(_shown(ROWS, "grouped_bar", has_numbers=False), keyed_rng(0, "q", str(key)))
        if str(one.program["op"]).startswith("count_above") or one.program["op"] == "count_below"
    ]
    assert counted and {one.answer for one in counted} <= {"1", "2", "3"}
    columns = (Column("a"), Column("dashed"), Column("n", NUMBER))
    rows = (("E", "no", 81.0), ("E", "yes", 81.0), ("F", "yes", 19.0), ("G", "yes", 40.0))
    shown = Shown(Table(columns, rows), "line", dims=("a", "dashed"), measures=("n",), has_numbers=True)
    apart = replace(shown, table=Table(columns, (("E", "no", 80.0), *rows[1:])))
    assert {"sum", "mean"} <= _ops(apart) and {"count_above", "count_below"} & _ops(apart)
    assert not {"sum", "mean", "count_above", "count_below"} & _ops(shown)


def test_ties_are_not_asked_about():
    rows = [["Region", "Rye"], ["North", 20], ["South", 20], ["East", 5], ["West", 5]]
    assert not {"argmax", "argmin", "rank"} & _ops(_shown(rows, "bar"))


def test_the_table_is_a_target_only_where_every_value_and_name_is_shown():
    assert table_questions(_shown(ROWS, "grouped_bar"), keyed_rng(0, "t", "k"))[0].answer.count("North") == 1
    assert table_questions(_shown(ROWS, "radar"), keyed_rng(0, "t", "k")) == []
    pie = make_chart(table_from_rows([row[:2] for row in ROWS]), "pie", Names(), True)[1]
    assert pie.table.names == ("Category", "Value")  # a pie shows neither axis


values = st.lists(st.integers(-400, 4000).map(lambda n: n / 4), min_size=2, max_size=9)


@settings(max_examples=80, deadline=None)
@given(values, values, st.booleans(), st.sampled_from(["grouped_bar", "bar", "line", "heatmap"]), st.integers(0, 99))
def test_answers_against_plain_python(first, second, has_numbers, kind, seed):
    """Every answer again, from the rows, by other code; and from the truth after a turn through JSON."""
    size = min(len(first), len(second))
    table = table_from_rows([["Place", "A", "B"], *[[f"p{at}", first[at], second[at]] for at in range(size)]])
    shown = make_chart(table, kind, Names("Title", "", ""), has_numbers)[1]
    found = all_questions(shown, np.random.default_rng(seed)) + table_questions(shown, np.random.default_rng(seed))
    assert len({one.question for one in found}) == len(found)
    truth = json.loads(json.dumps(shown.truth()))
    for one in found:
        assert execute(truth, json.loads(json.dumps(dict(one.program)))) == one.answer
        assert _again(shown.table, dict(one.program)) in (None, one.answer)


def _again(table: Table, program: dict) -> str | None:
    rows = [dict(zip(table.names, row, strict=True)) for row in table.rows]
    name = table.names[0]

    def value(which: str) -> float:
        return next(row[program["column"]] for row in rows if row[name] == program[which][name])

    def written(number: float) -> str:
        return f"{round(number, 6) + 0.0:f}".rstrip("0").rstrip(".")

    column = [row[program["column"]] for row in rows] if "column" in program else []
    match program["op"]:
        case "lookup":
            return written(value("where"))
        case "argmax" | "argmin":
            best = (max if program["op"] == "argmax" else min)(column)
            assert column.count(best) == 1
            return rows[column.index(best)][name]
        case "max" | "min" | "sum":
            return written({"max": max, "min": min, "sum": sum}[program["op"]](column))
        case "mean":
            assert abs(float(execute_mean(table, program)) - statistics.fmean(column)) <= 0.005 + 1e-9
        case "difference":
            return written(abs(value("first") - value("second")))
        case "compare":
            first, second = value("first"), value("second")
            assert first != second
            return "Yes" if (first > second) == (program["relation"] == "greater") else "No"
        case "rank":
            ordered = sorted(column, reverse=program["order"] == "largest")
            assert column.count(ordered[program["place"] - 1]) == 1
            return rows[column.index(ordered[program["place"] - 1])][name]
        case "count_above":
            return str(sum(one > program["threshold"] for one in column))
        case "count_below":
            return str(sum(one < program["threshold"] for one in column))
        case "csv":
            lines = list(csv.reader(io.StringIO(execute_table(table, program))))
            assert lines[0] == list(table.names) and len(lines) == len(rows) + 1
            assert all([line[0], *map(float, line[1:])] == list(row) for line, row in zip(lines[1:], table.rows, strict=True))
    return None


def execute_mean(table: Table, program: dict) -> str:
    return execute({**table.as_json(), "title": "", "x_title": "", "y_title": "", "chart": "bar"}, program)


execute_table = execute_mean


@pytest.mark.parametrize(
    ("rows", "kinds"),
    [
        ([["Region", "Rye"], ["a", 1], ["b", 2], ["c", 3]], {"bar", "horizontal_bar", "pie", "donut", "radar"}),
        ([["Year", "Rye"], [2020, 1], [2021, 2], [2022, -3]], {"bar", "horizontal_bar", "line"}),
        ([["Region", "A", "B"], ["a", 1, -2], ["b", 3, 4]], {"grouped_bar"}),
        ([["x", "y"], *[[n % 7 + 0.5, n] for n in range(30)]], {"scatter"}),
        ([["x"], *[[n % 7] for n in range(30)]], {"histogram"}),
        ([["a", "b", "c"], *[[n % 7, n % 5 + 1, n % 3 + 2] for n in range(30)]], {"scatter", "bubble", "box"}),
        ([["Year", "Group", "Sold"], [2020, "x", 1], [2020, "y", 2], [2021, "x", 3], [2021, "y", 4]], {"grouped_bar", "stacked_bar"}),
    ],
)
def test_kinds_that_fit(rows, kinds):
    assert set(fitting_kinds(table_from_rows(rows))) == kinds
    for kind in kinds:
        assert make_chart(table_from_rows(rows), kind, Names(), True)[0].kind == kind


def test_long_tables_become_series_and_currencies_an_axis_title():
    chart, shown = make_chart(
        table_from_rows([["Year", "Group", "Sold"], [2020, "x", "$1"], [2020, "y", "$2"], [2021, "x", "$3"]]), "line", Names(), True
    )
    assert [(series.name, series.values) for series in chart.series] == [("x", (1.0, 3.0)), ("y", (2.0, None))]
    assert shown.is_ordered and shown.measures == ("x", "y")
    assert make_chart(table_from_rows([["City", "Rent"], ["a", "€5"], ["b", "€6"]]), "bar", Names(), True)[0].y_title == "Rent (€)"
