"""Progress counts this run's records and tells what remains; the summary sums up, also as Markdown."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from pipelines.build import Execution, build
from pipelines.show import LiveProgress, Pace, next_lines, summary_markdown, summary_row, summary_table
from schemas.corpus import LedgerEntry, StepCount
from schemas.shard import FileEntry
from tests.toy import toy_recipe


def entry(num_in: int, num_refused: int = 0, num_faults: int = 0, num_crashes: int = 0) -> LedgerEntry:
    refused = num_refused + num_faults + num_crashes
    rejects = {name: count for name, count in (("odd", num_refused), ("crashed_worker", num_crashes)) if count}
    step = StepCount("source", num_in, num_in - refused, rejects, num_faults)
    files = (FileEntry("shards/a.arrow", "", 0, num_in - refused), FileEntry("rejects/a.arrow", "", 0, refused))
    return LedgerEntry({"id": "a"}, *files, (step,), {})


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=9), st.integers(0, 5), st.booleans(), st.floats(0.5, 1_000))
def test_what_remains_falls_to_nothing_whatever_was_resumed(rows: list[int], num_done: int, is_told: bool, elapsed_s: float) -> None:
    pace = Pace(len(rows) + num_done, num_done, sum(rows) if is_told else 0)
    shares = [pace.share]
    for num in rows:
        pace.add(entry(num))
        shares.append(pace.share)
    assert shares == sorted(shares)
    assert shares[0] == 0 and shares[-1] == 1
    assert pace.left_s(elapsed_s) == 0
    assert "left" not in pace.say(elapsed_s)


def test_time_left_goes_by_records_and_resumed_splits_are_no_speed() -> None:
    pace = Pace(num_splits=10, num_done=7, num_rows=400)
    assert pace.left_s(3.0) is None
    pace.add(entry(100, num_refused=5, num_faults=2, num_crashes=1))  # a third of the splits, a quarter of the records
    assert pace.left_s(10.0) == 30.0
    assert pace.say(10.0) == "8/10 splits (7 resumed), 100/400 records, 10/s, 5 refused, 2 FAULTS, 1 crashed, 0:30 left"
    unknown = Pace(num_splits=4, num_done=0, num_rows=0)
    unknown.add(entry(10))
    assert unknown.say(2_000.0) == "1/4 splits, 10 records, 0.0/s, 1:40:00 left"


def test_live_progress_names_the_stage_and_ends_clean(tmp_path: Path) -> None:
    console = Console(file=StringIO(), force_terminal=True, width=160)
    shown = LiveProgress(console)
    build(toy_recipe(40, 10), tmp_path, Execution(workers=0), shown)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "toy" in text
    assert shown._pace.say(1.0) == "4/4 splits, 40/40 records, 40/s, 20 refused"
    assert text.endswith("\x1b[2K") or text.rstrip().endswith("h")  # the line is taken away at the end
    again = LiveProgress(console)
    build(toy_recipe(40, 10), tmp_path, Execution(workers=0), again)
    assert again._pace.say(1.0) == "4/4 splits (4 resumed), 0 records"


@pytest.fixture
def rows(tmp_path: Path) -> list[dict[str, Any]]:
    made = [build(toy_recipe(count, 500), tmp_path / f"out{count}", Execution(workers=0)) for count in (40, 1_000)]
    return [{**summary_row([result]), "seconds": 1.25} for result in made]


def test_a_summary_of_several_corpora_has_their_sum(rows: list[dict[str, Any]]) -> None:
    console = Console(file=StringIO(), width=100)
    console.print(summary_table(rows))
    lines = [line.split() for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]
    assert ["all", "2", "1,040", "520", "520", "0", "0", "0"] in [line[:8] for line in lines]
    console = Console(file=StringIO(), width=100)
    console.print(summary_table(rows[:1]))
    assert "all 1" not in console.file.getvalue()  # type: ignore[attr-defined]


def test_a_summary_as_markdown_is_an_aligned_table(rows: list[dict[str, Any]]) -> None:
    head, rule, *body = summary_markdown(rows).splitlines()
    table = [line for line in body if line.startswith("|")]
    assert {len(line) for line in (head, rule, *table)} == {len(head)}
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in (head, *table)]
    assert cells[0] == ["corpus", "in", "out", "refused", "text", "image", "audio", "MB", "s"]
    assert [row[:4] for row in cells[1:]] == [
        ["toy", "40", "20", "20"],
        ["toy", "1,000", "500", "500"],
        ["**all 2**", "1,040", "520", "520"],
    ]
    assert rule.startswith("|--") and rule.count(":") == 8
    assert "- toy refused: odd 20" in body


def test_the_summary_says_where_to_look_next(rows: list[dict[str, Any]]) -> None:
    worst = rows[1]["path"]
    assert list(next_lines(rows)) == [
        f"look at rows: corpusmill inspect {worst} --table",
        f"look at what was refused: corpusmill inspect {worst} --rejects --table",
    ]
    assert list(next_lines([])) == []
