"""Text forms of a table, headers that are not marked, and long tables in pieces."""

from __future__ import annotations

import pytest

from processors.grid.cells import Cell, Grid, cut_rows, grid_from_json, grid_from_rows, to_html, to_markdown, with_header
from processors.grid.read import read_html_tables

SPANNING = (
    b"<table><caption>Harvest</caption><tr><th rowspan=2>Farm<th colspan=2>2023</tr><tr><th>Wheat<th>Rye</tr>"
    b"<tr><td rowspan=2>Mill<td>1<td>2</tr><tr><td>3<td>4</tr><tr><td>Hill<td>5<td>6</tr></table>"
)


def spanning() -> Grid:
    return read_html_tables(SPANNING)[0]


def test_markdown_escapes_bars_and_writes_breaks_as_spaces() -> None:
    grid = grid_from_rows([["a|b", "c\nd"], ["\\", ""]])
    assert to_markdown(grid) == "| a\\|b | c d |\n| --- | --- |\n| \\\\ |  |"


def test_html_keeps_spans_and_headers_and_nothing_else() -> None:
    assert to_html(spanning()) == (
        '<table><thead><tr><th rowspan="2">Farm</th><th colspan="2">2023</th></tr><tr><th>Wheat</th><th>Rye</th></tr></thead>'
        '<tbody><tr><td rowspan="2">Mill</td><td>1</td><td>2</td></tr><tr><td>3</td><td>4</td></tr>'
        "<tr><td>Hill</td><td>5</td><td>6</td></tr></tbody></table>"
    )
    assert (
        to_html(grid_from_rows([["<b>", "&"]], num_header_rows=0))
        == "<table><tbody><tr><td>&lt;b&gt;</td><td>&amp;</td></tr></tbody></table>"
    )


def test_json_tells_the_whole_grid() -> None:
    assert grid_from_json(spanning().to_json()) == spanning()


def test_a_grid_with_gaps_or_overlaps_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="do not fill 1 x 2"):
        Grid(1, 2, (Cell(0, 0, "a"),))


@pytest.mark.parametrize(
    ("rows", "marked"),
    [
        ([["Name", "Age"], ["Ann", "3"]], True),
        ([["Name", "7"], ["Ann", "3"]], False),
        ([["Name", "Name"], ["Ann", "3"]], False),
        ([["Name", ""], ["Ann", "3"]], False),
        ([["Name", "Age"]], False),
    ],
)
def test_a_first_row_that_reads_like_one_is_the_header(rows: list[list[str]], marked: bool) -> None:
    assert with_header(grid_from_rows(rows, num_header_rows=0)).num_header_rows == int(marked)
    assert with_header(spanning()) == spanning()


def test_a_long_table_is_cut_below_its_header_and_never_through_a_span() -> None:
    pieces = cut_rows(grid_from_rows([["n"], *([str(number)] for number in range(7))]), 3)
    assert [piece.text_rows() for piece in pieces] == [[["n"], ["0"], ["1"], ["2"]], [["n"], ["3"], ["4"], ["5"]], [["n"], ["6"]]]
    assert [piece.text_rows()[2:] for piece in cut_rows(spanning(), 1)] == [[["Mill", "1", "2"], ["Mill", "3", "4"]], [["Hill", "5", "6"]]]
    assert cut_rows(spanning(), 3) == [spanning()]
