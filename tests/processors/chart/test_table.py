"""Tables from what people have, and numbers from how people write them."""

from __future__ import annotations

import itertools
import json

import pytest

from processors.chart.scale import exact, five_numbers, number_text, ticks_between, value_ticks
from processors.chart.table import (
    Column,
    Table,
    cell_text,
    read_number,
    table_from_json,
    table_from_records,
    table_from_rows,
    table_from_values,
)
from schemas.outcome import Refused
from tests.processors.chart.charts import CHARTS


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("1,234.50", 1234.5, ""),
        ("1 234 567", 1234567.0, ""),
        ("12%", 12.0, "%"),
        ("$1,200", 1200.0, "$"),
        ("-€3.5", -3.5, "€"),
        ("12 €", 12.0, "€"),
        ("(45)", -45.0, ""),
        ("\u22127", -7.0, ""),
        (".5", 0.5, ""),
        ("1e3", 1000.0, ""),
    ],
)
def test_numbers_are_read_with_their_unit(text, value, unit):
    assert read_number(text) == (value, unit)


@pytest.mark.parametrize("text", ["", "abc", "1,2", "12,34", "1.2.3", "--1", "(5", "$5€", "12 apples", "1e999", "9" * 50, "٣", "5 %%"])
def test_what_is_no_number(text):
    assert read_number(text) is None


def test_decimals_with_a_comma_are_read_where_every_cell_of_the_column_allows_it():
    table = table_from_rows([["Ort", "Wert"], ["A", "1.234,5"], ["B", "7,25"]])
    assert table.rows == (("A", 1234.5), ("B", 7.25))
    mixed = table_from_rows([["Ort", "Wert"], ["A", "1.5"], ["B", "7,25"]])
    assert mixed.columns[1].type == "text"


def test_types_units_and_empty_cells():
    table = table_from_rows([["Day", "Share", "Code", "N"], ["2024-01-01", "12%", "007", "n/a"], ["2024-01-02", "", "12", 5]])
    assert table.columns == (Column("Day", "date"), Column("Share", "number", "%"), Column("Code", "text"), Column("N", "number"))
    assert table.rows == (("2024-01-01", 12.0, "007", None), ("2024-01-02", None, "12", 5.0))
    assert table_from_json(json.loads(json.dumps(table.as_json()))) == table


def test_columns_of_two_units_are_text():
    assert table_from_rows([["A", "B"], ["x", "5%"], ["y", "$5"]]).columns[1].type == "text"


def test_records_and_values():
    assert table_from_records([{"a": "x", "b": 1}, {"a": "y", "c": 2}]).rows == (("x", 1.0, None), ("y", None, 2.0))
    assert table_from_values({"North": 3, "South": "4"}, "Region", "People") == Table(
        (Column("Region"), Column("People", "number")), (("North", 3.0), ("South", 4.0))
    )


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([], "bad_table"),
        ([["a", "b"]], "bad_table"),
        ([["a", "a"], [1, 2]], "bad_table"),
        ([["a"], [1, 2]], "bad_table"),
        ([["a"], [[1]]], "bad_table"),
        ([["a"], [float("inf")]], "bad_table"),
        ([["a", "b"], ["", None]], "bad_table"),
        ([["a"] * 1] + [[1]] * 100_000, "too_many_cells"),
    ],
)
def test_what_is_no_table(rows, reason):
    with pytest.raises(Refused) as refused:
        table_from_rows(rows)
    assert refused.value.reason.name == reason


def test_the_nearest_that_is_a_table():
    assert table_from_rows([["a"], [1, None, ""]]).rows == ((1.0,),)  # what is over holds nothing
    assert len(table_from_rows([["a"], *[[1]] * 99_999]).rows) == 99_999
    with pytest.raises(Refused, match="record 1 is 3"):
        table_from_records([{"a": 1}, 3])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3.0, "3"),
        (-0.25, "-0.25"),
        (0.1, "0.1"),
        (1234567.0, "1,234,567"),
        (-0.0, "0"),
        (1e-7, "0.0000001"),
        (1e30, "1e+30"),
        (1200.50, "1,200.5"),
    ],
)
def test_numbers_are_written_in_their_shortest_form(value, text):
    assert number_text(value, thousands=True) == text
    assert float(number_text(value)) == value


def test_cells_carry_their_unit():
    assert [cell_text(5.0, "%"), cell_text(-5.5, "$"), cell_text(None), cell_text("x", "%")] == ["5%", "-$5.5", "", "x"]


@pytest.mark.parametrize(
    ("low", "high"), [(0, 97), (-3, 8), (0, 1), (5, 5), (0, 0), (0.001, 0.0042), (-1e12, 3e12), (99, 101), (0, 1e-9), (12, 12.5)]
)
def test_ticks_are_even_and_bound_the_values(low, high):
    ticks = ticks_between(low, high)
    assert ticks[0] <= exact(low) <= exact(high) <= ticks[-1]
    assert len({b - a for a, b in itertools.pairwise(ticks)}) == 1
    assert 3 <= len(ticks) <= 9


def test_bars_start_at_zero_and_pies_have_no_axis():
    assert value_ticks(CHARTS["bar"])[0] == 0
    assert value_ticks(CHARTS["pie"]) == ()


def test_five_numbers_are_those_of_numpy():
    import numpy as np

    for values in ([1.0], [3.0, 1.0], [5.0, 1.0, 2.0, 9.0], np.random.default_rng(1).normal(0, 1, 37).tolist()):
        assert five_numbers(values) == pytest.approx(np.percentile(values, [0, 25, 50, 75, 100]).tolist(), abs=1e-12)
