"""Answers about tables: exact ones by hand, and every question's against pandas on many invented tables."""

from __future__ import annotations

import json
from decimal import Decimal

import pandas
import pytest

from processors.grid.cells import Cell, Grid, grid_from_rows
from processors.grid.programs import OPERATIONS, NoAnswer, execute, read_quantity, write_quantity
from processors.grid.questions import WORDINGS, ask_table, ask_whole_table
from processors.grid.read import read_csv, read_html_tables
from schemas.identity import keyed_rng

PLAIN = read_csv(b'City,Visitors,Price\nKiel,"1,200",$4.50\nBonn,900,$3.00\nUlm,15,$12.25\n')
SPANNING = read_html_tables(
    b"<table><caption>Harvest</caption><tr><th rowspan=2>Area<th rowspan=2>Farm<th colspan=2>2023<th>2024</tr><tr><th>Wheat<th>Rye<th>Wheat</tr>"
    b"<tr><td rowspan=2>North<td>Mill<td>10<td>5<td>12</tr><tr><td>Hill<td>8<td>5<td>9</tr><tr><td>South<td>Lake<td>1<td>2<td>3</tr></table>"
)[0]


def answer(grid: Grid, op: str, **arguments: object) -> str:
    return execute(json.loads(json.dumps(grid.to_json())), {"kind": "grid", "op": op, **arguments})


@pytest.mark.parametrize(
    ("grid", "op", "arguments", "expected"),
    [
        (PLAIN, "num_rows", {}, "3"),
        (PLAIN, "num_columns", {}, "3"),
        (PLAIN, "lookup", {"key_column": ["City"], "key": "Bonn", "column": ["Price"]}, "$3.00"),
        (PLAIN, "which_row", {"key_column": ["City"], "column": ["Visitors"], "value": "15"}, "Ulm"),
        (PLAIN, "max", {"column": ["Visitors"]}, "1,200"),
        (PLAIN, "min", {"column": ["Price"]}, "$3.00"),
        (PLAIN, "argmax", {"key_column": ["City"], "column": ["Price"]}, "Ulm"),
        (PLAIN, "argmin", {"key_column": ["City"], "column": ["Visitors"]}, "Ulm"),
        (PLAIN, "sum", {"column": ["Visitors"]}, "2,115"),
        (PLAIN, "sum", {"column": ["Price"]}, "$19.75"),
        (PLAIN, "difference", {"key_column": ["City"], "column": ["Price"], "first": "Kiel", "second": "Ulm"}, "$7.75"),
        (PLAIN, "larger", {"key_column": ["City"], "column": ["Price"], "first": "Kiel", "second": "Ulm"}, "Ulm"),
        (PLAIN, "count_above", {"key_column": ["City"], "column": ["Visitors"], "key": "Ulm"}, "2"),
        (PLAIN, "headers", {}, "City, Visitors, Price"),
        (PLAIN, "column_list", {"column": ["Visitors"]}, "1,200; 900; 15"),
        (SPANNING, "caption", {}, "Harvest"),
        (SPANNING, "covers", {"header": "2023"}, "Wheat, Rye"),
        (SPANNING, "group", {"key_column": ["Area"], "key": "North", "column": ["Farm"]}, "Mill, Hill"),
        (SPANNING, "lookup", {"key_column": ["Farm"], "key": "Lake", "column": ["2024", "Wheat"]}, "3"),
        (SPANNING, "count_value", {"column": ["2023", "Rye"], "value": "5"}, "2"),
    ],
)
def test_exact_answers(grid: Grid, op: str, arguments: dict, expected: str) -> None:
    assert answer(grid, op, **arguments) == expected


@pytest.mark.parametrize(
    ("op", "arguments", "detail"),
    [
        ("max", {"column": ["2023", "Rye"]}, "stands 2 times"),
        ("max", {"column": ["Farm"]}, "not all are numbers"),
        ("max", {"column": ["Area"]}, "cells that span"),
        ("lookup", {"key_column": ["Area"], "key": "North", "column": ["Farm"]}, "2 rows have 'North'"),
        ("lookup", {"key_column": ["Farm"], "key": "Mill", "column": ["Wheat"]}, "0 columns are named"),
        ("which_row", {"key_column": ["Farm"], "column": ["2023", "Rye"], "value": "5"}, "2 rows have '5'"),
        ("larger", {"key_column": ["Farm"], "column": ["2023", "Rye"], "first": "Mill", "second": "Hill"}, "both are equal"),
        ("covers", {"header": "2024"}, "expected one above others"),
        ("group", {"key_column": ["Area"], "key": "South", "column": ["Farm"]}, "expected one that spans rows"),
        ("markdown", {}, "no spans"),
        ("headers", {}, "a header stands over several columns"),
        ("fly", {}, "op 'fly' is unknown"),
    ],
)
def test_ties_and_names_that_stand_twice_have_no_answer(op: str, arguments: dict, detail: str) -> None:
    with pytest.raises(NoAnswer, match=detail):
        answer(SPANNING, op, **arguments)


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("1,234.50", "1234.50", ("", "")),
        ("-$5", "-5", ("$", "")),
        ("−3 °", "-3", ("", " °")),
        ("12.5%", "12.5", ("", "%")),
        ("7 kg", "7", ("", " kg")),
    ],
)
def test_numbers_are_read_with_their_units(text: str, value: str, unit: tuple[str, str]) -> None:
    found = read_quantity(text)
    assert found is not None
    assert (found.value, (found.prefix, found.suffix)) == (Decimal(value), unit)


@pytest.mark.parametrize("text", ["", "12,34", "1.2.3", "007", "5153435776123", "2020-01-02", "12:30", "a1", "1,5", "٣"])
def test_what_is_no_plain_number_is_none(text: str) -> None:
    assert read_quantity(text) is None


def test_a_sum_is_written_as_its_cells_are() -> None:
    like = [found for text in ("$1,200.5", "$3") if (found := read_quantity(text)) is not None]
    assert write_quantity(Decimal("1203.5"), like) == "$1,203.5"
    assert write_quantity(Decimal("-3"), like[1:]) == "-$3"


# ---- questions


def invented(number: int) -> pandas.DataFrame:
    rng = keyed_rng(1, "test", str(number))
    size = int(rng.integers(3, 9))
    names = ["Alder", "Birch", "Cedar", "Dune", "Elm", "Fern", "Glen", "Hill", "Isle"]
    return pandas.DataFrame(
        {
            "Place": [names[int(at)] for at in rng.permutation(len(names))[:size]],
            "Kind": [("farm", "mill")[int(rng.integers(2))] for _ in range(size)],
            "Sacks": [int(rng.integers(1, 40)) for _ in range(size)],
            "Cost": [int(rng.integers(100, 9_999)) / 4 for _ in range(size)],
        }
    )


def expected(frame: pandas.DataFrame, program: dict) -> str:
    """The same answers by pandas."""

    def shown(column: str, value: float) -> str:
        return str(int(value)) if column == "Sacks" else f"{value:.2f}" if column == "Cost" else str(value)

    op = program["op"]
    column = program.get("column", [""])[0]
    by = frame.set_index("Place")
    text = frame[column].map(lambda value: shown(column, value)) if column else None
    match op:
        case "num_rows" | "num_columns":
            return str(frame.shape[op == "num_columns"])
        case "headers":
            return ", ".join(frame.columns)
        case "column_list":
            return ", ".join(text)
        case "lookup":
            return shown(column, by.loc[program["key"], column])
        case "which_row":
            return str(frame.loc[text == program["value"], "Place"].item())
        case "count_value":
            return str(int((text == program["value"]).sum()))
        case "max" | "min" | "sum":
            return shown(column, getattr(frame[column], op)())
        case "argmax" | "argmin":
            return str(getattr(by[column], f"idx{op[3:]}")())
        case "difference":
            return shown(column, abs(by.loc[program["first"], column] - by.loc[program["second"], column]))
        case "larger":
            return str(by.loc[[program["first"], program["second"]], column].idxmax())
        case "count_above":
            return str(int((by[column] > by.loc[program["key"], column]).sum()))
    raise AssertionError(op)


def test_every_answer_is_that_of_pandas() -> None:
    seen = set()
    for number in range(30):
        frame = invented(number)
        grid = read_csv(frame.to_csv(index=False, float_format="%.2f").encode())
        for one in ask_table(grid, keyed_rng(0, "test", str(number))):
            seen.add(one.program["op"])
            assert one.answer == expected(frame, dict(one.program)), one
    assert seen == set(OPERATIONS) - {"caption", "covers", "group", "markdown", "html"}


def test_spans_and_captions_are_asked_about() -> None:
    asked = {(one.program["op"], one.answer) for one in ask_table(SPANNING, keyed_rng(0, "test", "spans"))}
    assert {("covers", "Wheat, Rye"), ("group", "Mill, Hill"), ("caption", "Harvest")} <= asked
    assert "num_rows" not in {op for op, _ in asked}  # a reader could count North once


def test_a_header_over_several_columns_is_not_listed_twice() -> None:
    header, body = (
        Cell(0, 0, "Action", column_span=2, header=True),
        (Cell(1, 0, "Swim"), Cell(1, 1, "Glide"), Cell(2, 0, "Fly"), Cell(2, 1, "Flap")),
    )
    asked = ask_table(Grid(3, 2, (header, *body)), keyed_rng(0, "test", "over"))
    assert asked and "headers" not in {one.program["op"] for one in asked}


def test_a_question_names_a_column_by_the_header_above_it_too() -> None:
    questions = [
        one.question for one in ask_table(SPANNING, keyed_rng(0, "test", "names")) if one.program.get("column") == ["2024", "Wheat"]
    ]
    assert questions
    assert all('"Wheat" (under "2024")' in question for question in questions)


def test_rows_below_an_empty_corner_are_named_by_the_first_column() -> None:
    asked = ask_table(read_csv(b",2023,2024\nMill,4,5\nHill,7,8\nLake,1,3\n"), keyed_rng(0, "test", "corner"))
    assert {(one.question, one.answer) for one in asked if one.program["op"] == "argmax" and one.program["column"] == ["2023"]} == {
        ('Which row has the highest "2023"?', "Hill")
    } or any(one.answer == "Hill" and "row" in one.question for one in asked)


@pytest.mark.parametrize("header", ["Year", "Customer Id", "Phone", "Zip code", "No", "Rank"])
def test_numbers_that_name_things_are_not_compared_or_added(header: str) -> None:
    asked = ask_table(grid_from_rows([["Name", header], ["a", "4"], ["b", "9"], ["c", "2"]]), keyed_rng(0, "test", header))
    assert {str(one.program["op"]) for one in asked}.isdisjoint(
        {"max", "min", "sum", "argmax", "argmin", "difference", "larger", "count_above"}
    )


def test_rates_and_columns_with_a_total_are_not_added_up() -> None:
    rates = ask_table(grid_from_rows([["Name", "Rate"], ["a", "4%"], ["b", "9%"], ["c", "2%"]]), keyed_rng(0, "test", "rates"))
    total = ask_table(grid_from_rows([["Name", "Sacks"], ["a", "4"], ["b", "9"], ["Total", "13"]]), keyed_rng(0, "test", "total"))
    assert "sum" not in {one.program["op"] for one in (*rates, *total)}
    assert "max" in {one.program["op"] for one in rates}


def test_the_whole_table_is_markdown_or_html_and_spans_are_html() -> None:
    ops = {ask_whole_table(PLAIN, keyed_rng(0, "test", str(number))).program["op"] for number in range(20)}
    assert ops == {"markdown", "html"}
    whole = {ask_whole_table(SPANNING, keyed_rng(0, "test", str(number))).program["op"] for number in range(20)}
    assert whole == {"html"}


def test_every_operation_has_wordings_that_take_its_arguments() -> None:
    assert set(WORDINGS) == set(OPERATIONS)
    wordings = {one.question.split('"')[0] for number in range(30) for one in ask_table(PLAIN, keyed_rng(0, "test", str(number)))}
    assert len(wordings) > 20
    assert not any("{" in wording for wording in wordings)
