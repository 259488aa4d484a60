"""The demonstration from sources to report, at sizes that teach nothing; and, slowly, that sums are learned."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.demonstration.command import REPORT, TABLE, DemonstrationError, run
from pipelines.demonstration.corpora import folder_of
from pipelines.demonstration.schedule import DIGITS, FULL, PARTS, QUICK, SUMS, WORDS, phases, sets
from schemas.corpus import Corpus


def test_no_phase_trains_on_a_test_set_and_stages_keep_what_the_release_freezes() -> None:
    found = phases(PARTS, FULL)
    assert [phase.stage.name for phase in found] == ["L2", "L2", "A1+A2", "V3", "VS"]
    for phase in found:
        assert all(name.endswith(".train") for name in phase.sets)
        assert ("decoder" in phase.stage.trains) == (phase.stage.name == "L2")
    assert {name for phase in found for name in phase.sets} == {name for name in sets() if name.endswith(".train")}


@pytest.mark.parametrize(
    ("part", "expected"), [(SUMS, ["2-sums"]), (DIGITS, ["1-language", "3-hearing"]), (WORDS, ["1-language", "4-seeing"])]
)
def test_a_part_alone_needs_only_its_phases(part: str, expected: list[str]) -> None:
    assert [phase.name for phase in phases((part,), QUICK)] == expected


def test_sums_from_sources_to_report_and_again(tmp_path: Path) -> None:
    first = run(tmp_path / "a", 0, (SUMS,), QUICK)
    again = run(tmp_path / "a", 0, (SUMS,), QUICK)
    other = run(tmp_path / "b", 0, (SUMS,), QUICK)
    for report in (again, other):
        assert {**report, "cpu_seconds": None} == {**first, "cpu_seconds": None}
    assert {score["name"] for score in first["scores"]} == {"right, unseen sums", "right, seen sums"}
    assert json.loads((tmp_path / "a" / REPORT).read_text())["scores"] == first["scores"]
    assert "unseen sums" in (tmp_path / "a" / TABLE).read_text()
    weights = [next((tmp_path / name / "runs" / "2-sums").rglob("model.safetensors")).read_bytes() for name in "ab"]
    assert weights[0] == weights[1]
    with pytest.raises(DemonstrationError, match="tells of other settings"):
        run(tmp_path / "a", 1, (SUMS,), QUICK)


@pytest.mark.slow
def test_every_part_runs_and_its_test_rows_are_not_among_those_it_trains_on(tmp_path: Path) -> None:
    report = run(tmp_path, 0, PARTS, QUICK)
    assert {score["part"] for score in report["scores"]} == set(PARTS)
    for part in PARTS:
        keys = [{record.key for record in Corpus(folder_of(tmp_path, sets()[f"{part}.{side}"])).records()} for side in ("train", "test")]
        assert keys[0] and keys[1] and keys[0] & keys[1] == set()


@pytest.mark.slow
def test_unseen_sums_are_learned(tmp_path: Path) -> None:
    report = run(tmp_path, 0, (SUMS,), replace(FULL, limit=30, sums_steps=1_200))
    (unseen,) = [score["value"] for score in report["scores"] if score["name"] == "right, unseen sums"]
    assert unseen > 0.7
