"""Real tables against docling's expected Markdown. That is a tool's output: it writes marks of bold and links into cells and
straight quotes for curved ones, and no picture of the table shows those; both are taken out before cells are compared."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from processors.grid.cells import Grid
from processors.grid.read import read_csv, read_html_tables
from processors.grid.task import SplitTables, TableTask
from processors.vision.check import CheckAnswers
from schemas.records import Conversation, Origin, Row

pytestmark = pytest.mark.realdata

NAMES = (
    *("csv-comma.csv", "csv-semicolon.csv", "csv-single-column.csv", "csv-too-few-columns.csv", "html_rich_table_cells.html"),
    *("table_01.html", "table_03.html", "table_05.html", "table_with_heading_01.html"),
)


def folder_of(realdata: Path) -> Path:
    return realdata / "06_charts_tables_docs" / "tables"


def expected(path: Path) -> list[list[list[str]]]:
    """The pipe tables of a Markdown file."""
    tables: list[list[list[str]]] = []
    inside = False
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("|"):
            if not inside:
                tables.append([])
            if not re.fullmatch(r"[|\s:-]+", line):
                tables[-1].append([cell.strip() for cell in line.strip().strip("|").split("|")])
        inside = line.startswith("|")
    return tables


def bare(text: str) -> str:
    """Without Markdown's marks, curved quotes and spaces."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)(?:\.jpg\))?|<!--.*?-->|\*\*|~~|(?<!\w)\*|\*(?!\w)", r"\1", text)
    return re.sub(r"\s+", "", text.translate(str.maketrans("“”’‑", '""\'-')))


def tables(path: Path) -> list[Grid]:
    return [read_csv(path.read_bytes())] if path.suffix == ".csv" else read_html_tables(path.read_bytes())


@pytest.mark.parametrize("name", NAMES)
def test_every_cell_is_that_of_the_expected_file(realdata: Path, name: str) -> None:
    path = folder_of(realdata) / name
    found = [[[bare(text) for text in row] for row in grid.text_rows()] for grid in tables(path)]
    assert found == [[[bare(text) for text in row] for row in rows] for rows in expected(path.with_name(name + ".md"))]


@pytest.mark.parametrize("name", NAMES)
def test_every_table_becomes_a_conversation(realdata: Path, name: str) -> None:
    path = folder_of(realdata) / name
    blobs = {"table" if path.suffix == ".csv" else "text": path.read_bytes()}
    children = SplitTables()(Row(name, Origin("test"), {"path": name}, blobs))
    assert isinstance(children, list)
    assert len(children) == len(tables(path))
    for child in children:
        made = TableTask()(child)
        assert isinstance(made, Conversation)
        assert isinstance(CheckAnswers()(made), Conversation)
