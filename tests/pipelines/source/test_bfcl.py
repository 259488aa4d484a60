"""Questions and their answers in two files become one row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipelines.source.bfcl import Bfcl
from schemas.outcome import Reject
from schemas.records import Row


def write(folder: Path, name: str, *rows: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))


def rows(source: Bfcl) -> list[Row | Reject]:
    return [row for split in source.splits() for row in source.read(split)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "BFCL_v4_simple.json", {"id": "s_0", "question": []}, {"id": "s_1", "question": []}, "{", {"id": "s_2"}, {"id": "s_3"})
    write(tmp_path, "BFCL_v4_irrelevance.json", {"id": "irrelevance_0"})
    truth = ({"id": "s_0", "ground_truth": [1]}, "broken", {"id": "s_2", "ground_truth": [2]}, {"id": "s_2", "ground_truth": [3]})
    write(
        tmp_path / "possible_answer",
        "BFCL_v4_simple.json",
        *truth,
        {"id": "s_3", "ground_truth": [4]},
        {"id": "s_3", "ground_truth": [4]},
        [5],
    )
    return tmp_path


def test_answers_are_joined_by_id(folder: Path) -> None:
    found = rows(Bfcl(str(folder)))
    told = {row.fields["id"]: row.fields.get("ground_truth") for row in found if isinstance(row, Row)}
    assert told == {"irrelevance_0": None, "s_0": [1], "s_1": None, "s_2": None, "s_3": [4]}  # s_2 is told twice, differently
    assert [item.reason for item in found if isinstance(item, Reject)] == ["bad_json"]


@pytest.mark.parametrize(("path", "number"), [("", 6), ("BFCL_v4_simple.json", 5), ("*irrelevance*", 1)])
def test_a_file_a_glob_or_all(folder: Path, path: str, number: int) -> None:
    assert len(rows(Bfcl(str(folder), path))) == number


def test_a_split_is_named_by_its_questions_and_its_answers(folder: Path) -> None:
    before = {split.path: split.id for split in Bfcl(str(folder)).splits()}
    write(folder / "possible_answer", "BFCL_v4_simple.json", {"id": "s_0", "ground_truth": [9]})
    after = {split.path: split.id for split in Bfcl(str(folder)).splits()}
    assert before["BFCL_v4_simple.json"] != after["BFCL_v4_simple.json"]
    assert before["BFCL_v4_irrelevance.json"] == after["BFCL_v4_irrelevance.json"]


def test_several_splits_of_a_file_share_its_answers(folder: Path) -> None:
    whole, cut = Bfcl(str(folder)), Bfcl(str(folder), rows_per_split=1)
    assert len(cut.splits()) == 6
    assert [row.key for row in rows(cut)] == [row.key for row in rows(whole)]
    assert [row.fields for row in rows(cut) if isinstance(row, Row)] == [row.fields for row in rows(whole) if isinstance(row, Row)]


def test_answers_beyond_the_bound_are_none(folder: Path) -> None:
    found = rows(Bfcl(str(folder), "BFCL_v4_simple.json", max_file_bytes=20))
    assert not any("ground_truth" in row.fields for row in found if isinstance(row, Row))
    with pytest.raises(ValueError, match="rows_per_split is 0"):
        Bfcl(str(folder), rows_per_split=0)
