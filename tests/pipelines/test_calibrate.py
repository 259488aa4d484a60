"""Thresholds against kept and caught shares, from measurements whose right answers are known."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from pipelines.build import Execution, build
from pipelines.calibrate import (
    GRIDS,
    CalibrateError,
    Measured,
    as_row,
    calibrate,
    calibrate_corpus,
    histogram,
    interval,
    point,
    read_labels,
    recommend,
    sentences,
    tables,
)
from pipelines.recipe import Recipe
from pipelines.step import each
from processors.audio.transcript import ERROR_RATE, SPOKEN_DIFFERS
from processors.dialogue import LANGUAGE
from processors.speech.speak import VOICES
from schemas.corpus import Corpus, CorpusError
from schemas.outcome import Reason, Reject
from schemas.records import Document, with_facts
from tests.toy import NUMBER, Numbers, Spell

TOO_NOISY = Reason("too_noisy", "The number is divisible by ten")
RIGHT = [Measured(f"r{n}", value, "en", ("slt",), ok=True) for n, value in enumerate((0.0, 0.0, 0.1, 0.2, 0.6))]
WRONG = [Measured(f"w{n}", value, "en", ("rms",), ok=False) for n, value in enumerate((0.15, 0.5, 0.7, math.inf))]


@dataclass(frozen=True, slots=True)
class StateFigures:
    """Number n is heard with an error rate of n percent, in German when odd."""

    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = (NUMBER,)
    writes: ClassVar = (ERROR_RATE, LANGUAGE, VOICES)
    reasons: ClassVar = (TOO_NOISY, SPOKEN_DIFFERS)
    version: ClassVar = 1

    def __call__(self, record: Document) -> Document | Reject:
        number = int(record.facts[NUMBER.name])
        if number % 10 == 0:
            return Reject(record.key, TOO_NOISY.name)
        if number > 45:
            return Reject(record.key, SPOKEN_DIFFERS.name)
        facts = {
            ERROR_RATE.name: number / 100,
            LANGUAGE.name: "de" if number % 2 else "en",
            VOICES.name: "slt,rms" if number < 9 else "slt",
        }
        return with_facts(record, facts)


def corpus(tmp_path: Path, count: int = 50) -> Path:
    return build(Recipe("heard", Numbers(count), (each(Spell()), each(StateFigures()))), tmp_path / "out", Execution(workers=0)).path


def write_labels(tmp_path: Path, labels: dict[str, bool]) -> Path:
    path = tmp_path / "labels.jsonl"
    path.write_text("".join(json.dumps({"key": key, "ok": ok}) + "\n\n" for key, ok in labels.items()))
    return path


def test_a_threshold_keeps_what_is_at_most_it_and_catches_what_is_above() -> None:
    found = point([*RIGHT, *WRONG], 0.2)
    assert (found.share, found.caught, found.kept, found.precision) == (5 / 9, 3 / 4, 4 / 5, 3 / 4)
    assert point([*RIGHT, *WRONG], 0.19).kept == 3 / 5
    assert point(RIGHT, 0.2).caught is None
    assert point(WRONG, 0.2).kept is None
    assert point(RIGHT, 1.0).precision is None
    assert point([], 0.2).share == 0


def test_the_largest_threshold_that_catches_the_target_is_recommended() -> None:
    rows = [*RIGHT, *WRONG]
    assert recommend(rows, 0.75) == recommend(rows, 0.51)
    best = recommend(rows, 0.75)
    assert best is not None
    assert (best.point.threshold, best.point.caught, best.point.kept) == (0.2, 3 / 4, 4 / 5)
    strict = recommend(rows, 0.98)
    assert strict is not None
    assert (strict.point.threshold, strict.point.caught, strict.point.kept) == (0.1, 1.0, 3 / 5)


def test_nothing_is_recommended_without_wrong_rows_or_where_no_threshold_catches_enough() -> None:
    assert recommend(RIGHT, 0.98) is None
    assert recommend([*RIGHT, Measured("w", 0.0, ok=False)], 0.98) is None
    with pytest.raises(CalibrateError, match="caught is 98, expected 0 to 1"):
        recommend(WRONG, 98)


rows = st.lists(
    st.builds(Measured, st.just("k"), st.floats(0, 2) | st.just(math.inf), ok=st.sampled_from((True, False, None))), min_size=1, max_size=40
)


@given(rows, st.floats(0, 1))
def test_what_is_recommended_catches_the_target_and_the_next_value_does_not(measured: list[Measured], target: float) -> None:
    best = recommend(measured, target)
    if best is None:
        return
    assert best.point.caught is not None
    assert best.point.caught >= target - 1e-9
    above = [row.value for row in measured if row.value > best.point.threshold and math.isfinite(row.value)]
    if above:
        caught = point(measured, min(above)).caught
        assert caught is not None
        assert caught < target


@given(rows)
def test_a_higher_threshold_keeps_more_and_catches_less(measured: list[Measured]) -> None:
    points = [point(measured, threshold) for threshold in GRIDS[ERROR_RATE.name]]
    assert [at.share for at in points] == sorted(at.share for at in points)
    caught = [at.caught for at in points if at.caught is not None]
    assert caught == sorted(caught, reverse=True)


def test_the_interval_is_that_of_wilson() -> None:
    low, high = interval(98, 100)
    assert (round(low, 4), round(high, 4)) == (0.9300, 0.9945)
    assert interval(0, 0) == (0.0, 1.0)
    low, high = interval(10, 10)
    assert (round(low, 4), high) == (0.7225, 1.0)


def test_the_histogram_counts_each_row_once() -> None:
    assert histogram((0.0, 0.05, 0.1, 0.11, math.inf), (0.0, 0.1)) == ((0.0, 1), (0.1, 2), (math.inf, 2))


def test_a_corpus_is_calibrated_by_language_and_voice(tmp_path: Path) -> None:
    found = calibrate_corpus(corpus(tmp_path), ERROR_RATE.name, 0.98)
    assert (found.num_rows, found.num_gated, found.num_right, found.num_wrong) == (45, 4, 0, 0)  # 1..49, of which 10, 20, 30, 40 too noisy
    at = dict(zip(GRIDS[ERROR_RATE.name], found.points, strict=True))
    assert at[0.2].share == 18 / 45
    assert at[1.0].share == 41 / 45
    assert {name: points[-1].share for name, points in found.by_language.items()} == {"de": 1.0, "en": 1.0}
    assert found.by_language["de"][2].share == 5 / 23  # 1, 3, 5, 7, 9 of the odd numbers to 45
    assert found.by_voice["rms"][2].share == 1.0
    assert found.by_voice["slt"][2].share == 9 / 41
    assert found.recommended is None
    assert found.histogram[:3] == ((0.0, 0), (0.05, 5), (0.1, 4))
    assert found.histogram[-1] == (math.inf, 4)


def test_labels_count_rows_that_any_step_refused(tmp_path: Path) -> None:
    path = corpus(tmp_path)
    key_of = {int(record.facts[NUMBER.name]): record.key for record in Corpus(path).records()}
    refused = {row["reason"]: row["key"] for row in Corpus(path).rejects()}
    labels = {key_of[3]: True, key_of[7]: True, key_of[25]: True, key_of[24]: False, "elsewhere": False}
    labels |= {refused["spoken_differs"]: False, refused["too_noisy"]: False}
    found = calibrate_corpus(path, ERROR_RATE.name, 0.98, write_labels(tmp_path, labels))
    assert (found.num_rows, found.num_right, found.num_wrong, found.unknown) == (46, 3, 3, ("elsewhere",))
    best = found.recommended
    assert best is not None
    assert (best.point.threshold, best.point.caught, best.point.kept) == (0.23, 1.0, 2 / 3)
    assert sentences(found) == [
        "46 rows, 3 labelled wrong, 3 labelled right",
        "5 rows were refused and have no measurement here: they count as beyond every threshold; "
        "to see them build with --set CORPUS.max_error_rate=1000",
        "1 labelled keys are not in the corpus, the first is elsewhere",
        "recommended: 0.23 catches 100.0 % of the wrong rows (43.8 % to 100.0 % with 95 % confidence) "
        "and keeps 66.7 % of the right ones (20.8 % to 93.9 %)",
    ]


def test_the_report_is_json_and_tables() -> None:
    found = calibrate([*RIGHT, *WRONG], ERROR_RATE.name, 0.98)
    row = json.loads(json.dumps(as_row(found), allow_nan=False))
    assert row["histogram"][-1] == [None, 1]
    assert row["points"][4] == {"threshold": 0.2, "share": round(5 / 9, 6), "caught": 0.75, "kept": 0.8, "precision": 0.75}
    assert row["recommended"]["point"]["threshold"] == 0.1
    text = StringIO()
    for table in tables(found):
        Console(file=text, width=120).print(table)
    lines = text.getvalue().splitlines()
    shown = next(line for line in lines if line.startswith("│ 0.2 ")).split("│")[2:6]
    assert [cell.strip() for cell in shown] == ["55.6 %", "75.0 %", "80.0 %", "75.0 %"]
    by_voice = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if line.startswith(("│ rms", "│ slt"))]
    assert by_voice == [
        ["rms", "0", "0", "0", "25", "25", "25", "25", "25", "50", "75", "75"],
        ["slt", "40", "40", "60", "60", "80", "80", "80", "80", "80", "100", "100"],
    ]


def test_a_target_that_no_threshold_reaches_is_told() -> None:
    found = calibrate([*RIGHT, Measured("w", 0.0, ok=False)], ERROR_RATE.name, 0.98)
    assert sentences(found)[-1] == "no threshold catches 98.0 % of the wrong rows"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "holds no label"),
        ('{"key": "a", "ok": true}\n{"key"', "line 2 is not JSON"),
        ('{"key": "a", "ok": 1}', r'line 1 is .*, expected \{"key": "...", "ok": true or false\}'),
        ('{"key": "a", "ok": true}\n{"key": "a", "ok": false}', "line 2 labels a as False, an earlier line as True"),
    ],
)
def test_labels_that_cannot_be_read_are_told_with_their_line(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "labels.jsonl"
    path.write_text(text)
    with pytest.raises(CalibrateError, match=told):
        read_labels(path)
    path.write_text('{"key": "a", "ok": true}\n{"key": "a", "ok": true}\n')
    assert read_labels(path) == {"a": True}


def test_a_corpus_without_measurements_is_told(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"no corpus\.json"):
        calibrate_corpus(tmp_path, ERROR_RATE.name, 0.98)
    path = corpus(tmp_path)
    with pytest.raises(CalibrateError, match=r"has no speech\.worst_fit"):
        calibrate_corpus(path, "speech.worst_fit", 0.98)
    with pytest.raises(CalibrateError, match=r"fact is 'speech\.wer', expected one of speech\.error_rate"):
        calibrate_corpus(path, "speech.wer", 0.98)
    with pytest.raises(CalibrateError, match="none of the 1 labelled keys is in"):
        calibrate_corpus(path, ERROR_RATE.name, 0.98, write_labels(tmp_path, {"elsewhere": True}))
    with pytest.raises(CalibrateError, match="has no row that was heard"):
        calibrate_corpus(corpus(tmp_path / "one", 1), ERROR_RATE.name, 0.98)
