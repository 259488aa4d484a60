"""CSV and HTML as they come: encodings, delimiters, spans; and what is refused before it is built."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.grid.cells import to_html
from processors.grid.decode import MAX_CELL_CHARS, MAX_CELLS, MAX_FILE_BYTES
from processors.grid.html_tables import MAX_PLACES
from processors.grid.read import read_csv, read_html_tables
from schemas.outcome import Refused


def refused(read: object, data: bytes) -> Refused:
    with pytest.raises(Refused) as caught:
        read(data)  # type: ignore[operator]
    return caught.value


def one(page: str) -> list[list[str]]:
    (grid,) = read_html_tables(page.encode())
    return grid.text_rows()


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        (b"a,b\n1,2\n", [["a", "b"], ["1", "2"]]),
        (b"a;b\r\n1,5;2,5\r\n", [["a", "b"], ["1,5", "2,5"]]),
        (b"a\tb\n1\t2", [["a", "b"], ["1", "2"]]),
        (b"a|b\n1|2", [["a", "b"], ["1", "2"]]),
        (b"sep=|\r\na|b\r\n1|2", [["a", "b"], ["1", "2"]]),
        (b'name,note\n"Lozano, Dr","says ""no"""\n', [["name", "note"], ["Lozano, Dr", 'says "no"']]),
        (b'a, "b, c"\n1, 2\n', [["a", "b, c"], ["1", "2"]]),
        (b"a,b,c\n1,2\n\n1,2,3,4\n", [["a", "b", "c", ""], ["1", "2", "", ""], ["1", "2", "3", "4"]]),
        (b"a,b,\n1,2,\n", [["a", "b"], ["1", "2"]]),
        (b"note\nHello, world\nBye, all\n", [["note"], ["Hello, world"], ["Bye, all"]]),
        (b"Report\na,b,c\n1,2,3\n", [["Report", "", ""], ["a", "b", "c"], ["1", "2", "3"]]),
        ("Stra\u00dfe;K\u00f6ln\n1;2".encode("latin-1"), [["Straße", "Köln"], ["1", "2"]]),
        ("имя,город\nиван,москва\nольга,казань\n".encode("cp1251"), [["имя", "город"], ["иван", "москва"], ["ольга", "казань"]]),
        ("名前,都市\n太郎,東京\n花子,大阪\n".encode("shift_jis"), [["名前", "都市"], ["太郎", "東京"], ["花子", "大阪"]]),
        ("a\tb\n1\t2\n".encode("utf-16"), [["a", "b"], ["1", "2"]]),
        ("\ufeffa,b\n1,2".encode(), [["a", "b"], ["1", "2"]]),
        ("a,b\n\u202ecba\u202c\x07,so\u00adft\u2011er".encode(), [["a", "b"], ["cba", "soft-er"]]),
    ],
)
def test_a_csv_file_is_read_as_a_person_reads_it(data: bytes, rows: list[list[str]]) -> None:
    grid = read_csv(data)
    assert grid.text_rows() == rows
    assert grid.num_header_rows == 1


@pytest.mark.parametrize(
    ("data", "reason", "detail"),
    [
        (b"", "no_table", "0 bytes"),
        (b"\n,,\n\n", "no_table", "without a value"),
        (b"a\x00b,c\n", "not_a_text_file", "zero bytes"),
        (bytes(range(129, 256)) * 40, "not_a_text_file", "no encoding"),
        (b"a," * (MAX_FILE_BYTES // 2 + 1), "too_large_table", f"at most {MAX_FILE_BYTES}"),
        (b"a," * (MAX_CELLS + 1), "too_large_table", f"more than {MAX_CELLS} cells"),
        (b"x," * 399 + b"x\n" + b"y,y\n" * 400, "too_large_table", "401 rows of up to 400 cells"),
        (b"a,b\n" + b"c" * (MAX_CELL_CHARS + 1), "too_large_table", f"at most {MAX_CELL_CHARS}"),
        (b'a,"' + b"c" * 200_000, "too_large_table", "cannot hold"),
    ],
)
def test_what_is_no_table_or_too_large_is_refused(data: bytes, reason: str, detail: str) -> None:
    found = refused(read_csv, data)
    assert found.reason.name == reason
    assert detail in found.detail


def test_the_largest_that_is_read() -> None:
    assert read_csv(b",".join([b"a"] * MAX_CELLS)).num_columns == MAX_CELLS
    assert len(read_csv(b"a,b\nc," + b"c" * MAX_CELL_CHARS).text_rows()[1][1]) == MAX_CELL_CHARS


CELL = st.text("abc xyz0129,;'\"é東", max_size=8)


@given(st.lists(st.lists(CELL, min_size=3, max_size=3), min_size=2, max_size=6))
def test_what_a_writer_quotes_comes_back(rows: list[list[str]]) -> None:
    rows = [["one", "two", "three"], *rows]
    sink = io.StringIO()
    csv.writer(sink, quoting=csv.QUOTE_ALL).writerows(rows)
    kept = [[" ".join(value.split()) for value in row] for row in rows]
    assert read_csv(sink.getvalue().encode()).text_rows() == [row for row in kept if any(row)]


# ---- HTML


@pytest.mark.parametrize(
    ("page", "rows"),
    [
        ("<table><tr><td>a<td>b<tr><td>c<td>d</table>", [["a", "b"], ["c", "d"]]),
        ("<table><tr><th colspan=2>A</th></tr><tr><td>1<td>2</table>", [["A", "A"], ["1", "2"]]),
        ("<table><tr><th colspan=1000000>A</th></tr><tr><td>1<td>2</table>", [["A", "A"], ["1", "2"]]),
        ("<table><tr><td rowspan=0>A<td>x<tr><td>y<tr><td>z</table>", [["A", "x"], ["A", "y"], ["A", "z"]]),
        ("<table><tr><td rowspan=99999999>A<td>x<tr><td>y</table>", [["A", "x"], ["A", "y"]]),
        ("<table><tr><td colspan=x>A<td colspan=-3>x</table>", [["A", "x"]]),
        # a span ends with its group
        ("<table><thead><tr><th rowspan=5>A<th>B</thead><tr><td>1<td>2</table>", [["A", "B"], ["1", "2"]]),
        # rows of the foot come last, of the head first
        ("<table><tfoot><tr><td>f</tfoot><tbody><tr><td>b</tbody><thead><tr><th>h</thead></table>", [["h"], ["b"], ["f"]]),
        # a row span pushes later cells to the right, and a cell does not run into what is taken
        ("<table><tr><td>a<td rowspan=2>b<tr><td colspan=2>c<td>d</table>", [["a", "b", ""], ["c", "b", "d"]]),
        ("<table><td>a<td>b<tr><td>c</table>", [["a", "b"], ["c", ""]]),
        ("<table><tr></tr><tr><td>a<td>b</tr><tr></tr></table>", [["a", "b"]]),
        ("<table><tr><td>x<br>y<td><ul><li>p<li>q</ul><td><ol><li>p<li>q</ol></table>", [["x y", "- p - q", "1. p 2. q"]]),
        ("<table><tr><td> a\n  b&nbsp;c <b>d</b>e<td>H<sub>2</sub>O</table>", [["a b c de", "H2O"]]),
        ("<table><tr><td><img src='http://x.invalid/a.png' alt='a duck'> sits</table>", [["a duck sits"]]),
        (
            "<table><tr><td>a<script>b()</script><style>c</style><span hidden>d</span><i style='display: none'>e</i><td>f</table>",
            [["a", "f"]],
        ),
        ("<table><tr><td>A<td><table><tr><td>1<td>2<tr><td>3<td>4</table></table>", [["A", "1 2 3 4"]]),
        ("<table><tr><td><table><tr><td>1<td>2</table></table>", [["1", "2"]]),
        ("<table role=presentation><tr><td>menu<td><table><tr><td>1<td>2</table></table>", [["1", "2"]]),
        ("<!DOCTYPE html><?xml version='1.0' encoding='latin-1'?><table><tr><td>&lt;b&gt;<td>&#xD800;ok</table>", [["<b>", "\ufffdok"]]),
    ],
)
def test_a_table_is_formed_as_browsers_form_it(page: str, rows: list[list[str]]) -> None:
    assert one(page) == rows


def test_headers_captions_and_alignment_are_told() -> None:
    page = (
        b"<table><caption>Two <b>ducks</b></caption><thead><tr><td>Name<th align=RIGHT>Age</thead>"
        b"<tbody><tr><th>Wood<td style='color:red; text-align:center'>3</table>"
    )
    (grid,) = read_html_tables(page)
    assert grid.caption == "Two ducks"
    assert [(cell.text, cell.header, cell.align) for cell in grid.cells] == [
        *[("Name", True, ""), ("Age", True, "right")],
        *[("Wood", True, ""), ("3", False, "center")],
    ]
    assert grid.num_header_rows == 1


def test_every_outermost_table_of_a_page_is_given_once() -> None:
    page = "<table><tr><td>1</table><table><tr><td>&nbsp;</table><div><table><tr><td>2<table><tr><td>in</table></table></div>"
    assert [grid.text_rows() for grid in read_html_tables(page.encode())] == [[["1"]], [["2 in"]]]


@pytest.mark.parametrize(
    ("head", "encoding"),
    [("<meta charset=shift_jis>", "shift_jis"), ("<meta http-equiv=x content='text/html; charset=euc-jp'>", "euc-jp"), ("", "utf-8")],
)
def test_a_page_is_read_in_the_encoding_that_it_states(head: str, encoding: str) -> None:
    page = f"{head}<table><tr><td>東京<td>大阪</table>"
    (grid,) = read_html_tables(page.encode(encoding))
    assert grid.text_rows() == [["東京", "大阪"]]


@pytest.mark.parametrize("lie", ["utf-16", "hex", "no-such-thing", "utf-7"])
def test_an_encoding_that_cannot_be_is_not_believed(lie: str) -> None:
    assert one(f"<meta charset={lie}><table><tr><td>K\u00f6ln</table>") == [["Köln"]]


@pytest.mark.parametrize(
    ("page", "reason", "detail"),
    [
        ("<p>none</p>", "no_table", "without a table"),
        ("", "no_table", "0 bytes"),
        ("<table><tr><td></td></tr></table>", "no_table", "without a table"),
        ("<div>" * 300 + "<table><tr><td>1", "too_deep", "depth"),
        ("<table>" + "<tr><td colspan=1000>A" * 300, "too_large_table", f"more than {MAX_PLACES} places"),
        ("<table>" + "<tr><td rowspan=65534>A" * 1_000, "too_large_table", f"more than {MAX_PLACES} places"),
        ("<table><tr><td rowspan=65534 colspan=1000>A" + "<tr>" * 1_000, "too_large_table", "places"),
        ("<table><tr>" + "<td>" * (MAX_CELLS + 1), "too_large_table", "cells"),
        ("<table><tr><td>" + "A" * (MAX_CELL_CHARS + 1), "too_large_table", "characters"),
        ("<table><tr><td>" + "A" * MAX_FILE_BYTES, "too_large_table", "bytes"),
    ],
)
def test_a_page_that_multiplies_is_refused_before_it_is_built(page: str, reason: str, detail: str) -> None:
    found = refused(read_html_tables, page.encode())
    assert found.reason.name == reason
    assert detail in found.detail


def test_the_deepest_page_that_is_read() -> None:
    assert one("<div>" * 200 + "<table><tr><td>1") == [["1"]]


SPAN = st.integers(0, 4)


@given(st.lists(st.lists(st.tuples(SPAN, SPAN, st.booleans()), max_size=4), min_size=1, max_size=5))
def test_any_spans_give_a_grid_that_its_own_html_gives_again(rows: list[list[tuple[int, int, bool]]]) -> None:
    """The grid's constructor refuses gaps and overlaps, so forming it is the test of both."""
    page = "".join(
        "<tr>"
        + "".join(f"<{'th' if head else 'td'} rowspan={down} colspan={right}>{row}.{at}" for at, (down, right, head) in enumerate(cells))
        for row, cells in enumerate(rows)
    )
    if not any(rows):
        return
    (grid,) = read_html_tables(f"<table>{page}</table>".encode())
    (again,) = read_html_tables(to_html(grid).encode())
    assert again.text_rows() == grid.text_rows()
    assert to_html(again) == to_html(grid)
