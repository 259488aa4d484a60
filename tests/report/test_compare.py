"""Two builds side by side: every count equals a direct comparison of the rows by key, and distances are those of the textbook."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy.stats import ks_2samp

from pipelines.report import compare as comparing
from pipelines.report.compare import compare, comparison_json, differing_fields, distance
from pipelines.report.figures import Spread
from pipelines.report.rows import NO_REASON, column_hashes
from pipelines.report.spread import Numbers
from pipelines.report.statistics import computing
from pipelines.report.texts import Texts, text_spread
from processors.contract import CONTRACT_FACTS
from schemas.arrow import schema_for, to_batch
from schemas.corpus import CorpusError
from schemas.parts import Audio, Image
from tests.model.written import clip, conversation, image
from tests.report.direct import Direct
from tests.report.measured import make

OPTIONS: dict[str, Any] = {"count": 420, "broken": (3,), "raises": (5,)}
OTHERS: dict[str, Any] = {"count": 400, "raises": (5, 6), "most": 12_000_000, "copies": 8}


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two builds, the second with fewer rows, a stricter limit, another fault and other copies."""
    out = tmp_path_factory.mktemp("builds")
    return make(out / "a", **OPTIONS), make(out / "b", **OTHERS)


def refusals(path: Path) -> dict[str, tuple[str, str, str, str]]:
    found = {}
    for folder, label in ((path.parent / ".stages" / "made.measured", "measured"), (path, "")):
        for row in Direct(folder).rejects.to_dict("records"):
            found[row["key"]] = (label, row["step"], row["reason"], row["failure"])
    return found


def test_a_build_is_the_same_as_itself(builds: tuple[Path, Path]) -> None:
    found = compare(builds[0], builds[0])
    assert found.is_same
    assert (found.recipes, found.facts, found.rows.moves, found.rows.changed_columns) == ((), (), (), {})
    assert found.rows.num_same == found.rows.num_a == found.rows.num_b == found.a.num_out > 300
    assert all(change.num_a == change.num_b for change in found.reasons)
    assert all((step.num_in_a, step.num_out_a) == (step.num_in_b, step.num_out_b) for step in found.steps)


def test_rows_are_those_of_a_direct_comparison(builds: tuple[Path, Path]) -> None:
    found = compare(*builds)
    a, b = (Direct(path).rows.to_pandas().set_index("key") for path in builds)
    both = a.index.intersection(b.index)
    assert (found.rows.num_a, found.rows.num_b) == (len(a), len(b))
    assert (found.rows.num_only_a, found.rows.num_only_b) == (len(a.index.difference(b.index)), len(b.index.difference(a.index)))
    assert (found.rows.num_same, found.rows.num_changed) == (len(both), 0)
    pd.testing.assert_frame_equal(a.loc[both], b.loc[both])
    why_a, why_b = (refusals(path) for path in builds)
    moves = Counter(("only_a", NO_REASON, why_b.get(key, NO_REASON)) for key in a.index.difference(b.index))
    moves += Counter(("only_b", why_a.get(key, NO_REASON), NO_REASON) for key in b.index.difference(a.index))
    both_refused = [key for key in why_a if key in why_b and why_a[key] != why_b[key]]
    moves += Counter(("refused_otherwise", why_a[key], why_b[key]) for key in both_refused)
    assert {(move.change, move.why_a, move.why_b): move.num_rows for move in found.rows.moves} == moves
    assert len(moves) >= 7
    assert [move.num_rows for move in found.rows.moves] == sorted(moves.values(), reverse=True)
    for change, keys in (
        ("only_a", a.index.difference(b.index)),
        ("only_b", b.index.difference(a.index)),
        ("refused_otherwise", both_refused),
    ):
        assert [row.key for row in found.rows.examples[change]] == sorted(keys)[:200]
        for row in found.rows.examples[change]:
            assert change == "only_a" or row.why_a == why_a.get(row.key, NO_REASON)
            assert change == "only_b" or row.why_b == why_b.get(row.key, NO_REASON)
    assert not found.is_same


def test_counts_and_recipes_stand_side_by_side(builds: tuple[Path, Path]) -> None:
    found = compare(*builds)
    for step in found.steps:
        stage = "made.measured" if step.stage else "made"
        one, other = (next(told for told in side.steps if (told.stage, told.step) == (stage, step.step)) for side in (found.a, found.b))
        assert (step.num_in_a, step.num_out_a) == (one.num_in, one.num_out)
        assert (step.num_in_b, step.num_out_b) == (other.num_in, other.num_out)
    assert [(step.stage, step.step) for step in found.steps][:3] == [("measured", "source"), ("measured", "measure"), ("", "source")]
    reasons = {(told.stage, told.step, told.reason): (told.num_a, told.num_b) for told in found.reasons}
    assert reasons[("measured", "source", "unreadable")] == (1, 0)
    assert reasons[("measured", "measure", "processor_raised")] == (1, 2)
    assert sum(one for one, _ in reasons.values()) == found.a.num_refused + found.a.num_faults
    assert sum(other for _, other in reasons.values()) == found.b.num_refused + found.b.num_faults
    differing = {(told.stage, told.field): (told.a, told.b) for told in found.recipes}
    assert differing[("measured", "parameters.steps.0.processor.most")] == ("40000000", "12000000")
    assert differing[("measured", "limits.measure.1.most")] == ("40000000", "12000000")
    assert differing[("", "parameters.steps.0.processor.every")] == ("10", "8")
    assert "fingerprint" not in {field for _, field in differing}


def test_facts_that_changed_most_come_first(builds: tuple[Path, Path]) -> None:
    found = compare(*builds)
    distances = [fact.distance for fact in found.facts]
    assert distances == sorted(distances, reverse=True)
    assert found.facts[0].name == "made.num_bytes"
    a, b = (Direct(path).rows.column("made.num_bytes").to_numpy() for path in builds)
    assert found.facts[0].distance == pytest.approx(ks_2samp(a, b).statistic, abs=1e-12)
    kept = {fact.name: fact for fact in found.a.facts}
    assert all(fact.a == kept[fact.name].kept for fact in found.facts)


def test_partitions_and_workers_do_not_matter(builds: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    expected = compare(*builds)
    monkeypatch.setattr(comparing, "ROWS_PER_PARTITION", 37)
    found = compare(*builds, scratch=tmp_path)
    assert found == expected
    assert comparison_json(found) == comparison_json(expected)
    assert list(tmp_path.iterdir()) == []
    told = json.loads(comparison_json(found))
    assert (told["a"]["num_out"], told["rows"]["num_b"]) == (found.a.num_out, found.b.num_out)
    assert "steps" not in told["a"]


@pytest.mark.cluster
@pytest.mark.usefixtures("one_ray")
def test_ray_compares_alike(builds: tuple[Path, Path], tmp_path: Path) -> None:
    with computing(2) as compute:
        assert compare(*builds, compute, tmp_path) == compare(*builds)


def test_rows_with_other_content_tell_their_columns(builds: tuple[Path, Path], tmp_path: Path) -> None:
    other = make(tmp_path, **OPTIONS | {"shift": 0.25, "least": -1.75})
    found = compare(builds[0], other)
    assert found.rows.num_changed == found.rows.num_a - found.rows.num_only_a > 300
    assert found.rows.changed_columns == {"made.value": found.rows.num_changed}
    assert found.rows.num_same == 0
    assert {row.columns for row in found.rows.examples["changed"]} == {("made.value",)}
    assert len(found.rows.examples["changed"]) == 200
    assert [fact.name for fact in found.facts if fact.distance > 0.05] == ["made.value"]


def test_a_child_is_sought_among_the_refusals_of_its_parents(tmp_path: Path) -> None:
    from pipelines.report.rows import REFUSED, ROWS, _write, compare_partition

    def rows(name: str, keys: list[str]) -> list[Path]:
        return [_write(pa.table([keys, [b"12345678"] * len(keys)], schema=ROWS), keys, 1, tmp_path / name)]

    def refused(name: str, keys: list[str]) -> list[Path]:
        told = [[key, "", "step", f"reason {key}", "reject", "detail"] for key in keys]
        table = pa.Table.from_pylist([dict(zip(REFUSED.names, row, strict=True)) for row in told], REFUSED)
        return [_write(table, keys, 1, tmp_path / name)]

    a = rows("a", ["k/0/1", "k/0/2", "m/3", "n"])
    found = compare_partition((a, rows("b", [])), (refused("c", []), refused("d", ["k", "k/0/2", "mm"])), ["key"], 0)
    why = {row.key: row.why_b[2] for row in found.examples["only_a"]}
    assert why == {"k/0/1": "reason k", "k/0/2": "reason k/0/2", "m/3": "", "n": ""}


def test_corpora_of_other_kinds_are_compared_by_what_they_share(builds: tuple[Path, Path], demo: dict[str, Any], run_folder: Path) -> None:
    corpora = run_folder / "demo" / "corpora"
    found = compare(corpora / "cot_sft", corpora / "cot_pretrain")
    assert {"turns", "log_mel"} <= set(found.rows.columns_only_a)
    assert found.rows.columns_only_b == ("text",)
    assert found.rows.num_changed + found.rows.num_same + found.rows.num_only_a == found.rows.num_a
    itself = compare(corpora / "vision_speech", corpora / "vision_speech")
    assert (itself.is_same, itself.rows.num_same) == (True, demo["vision_speech"]["out"])


def test_a_folder_that_is_no_corpus_is_refused(builds: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"has no recipe.json"):
        compare(builds[0], tmp_path)


# ---- hashes


def hashes_of(records: list[Any]) -> tuple[list[str], np.ndarray]:
    batch = to_batch(records, schema_for("conversation", CONTRACT_FACTS))
    return list(batch.schema.names), column_hashes(batch, batch.schema.names)


def test_a_row_has_the_same_hashes_wherever_it_stands() -> None:
    records = [conversation(f"k{place}", [image(500, 300, place), clip(9_000, place), f"what is {place}?"], "yes") for place in range(3)]
    names, alone = hashes_of(records[1:2])
    _, among = hashes_of(records)
    assert (among[1] == alone[0]).all()
    batch = to_batch(records, schema_for("conversation", CONTRACT_FACTS))
    assert (column_hashes(batch.slice(1, 2), names) == among[1:]).all()
    assert [name for name, one, other in zip(names, among[0], among[1], strict=True) if one != other] == [
        "key",
        "turns",
        "images",
        "log_mel",
    ]


def test_any_change_of_a_row_shows_in_its_column() -> None:
    base = conversation("k", ["see", image(500, 300), clip(9_000)], "yes")
    names, (before,) = hashes_of([base])

    def changed(record: Any) -> list[str]:
        _, (after,) = hashes_of([record])
        return [name for name, one, other in zip(names, before, after, strict=True) if one != other]

    turn = base.turns[0]
    picture, sound = turn.parts[1], turn.parts[2]
    assert isinstance(picture, Image) and isinstance(sound, Audio) and picture.canvas is not None and sound.log_mel is not None
    flipped = bytearray(picture.canvas.encoded or b"")
    flipped[-20] ^= 1
    dark = replace(picture, canvas=replace(picture.canvas, encoded=bytes(flipped)))
    mel = sound.log_mel.copy()
    mel[3, 7] = np.nextafter(mel[3, 7], np.float32(99))
    shorter = replace(sound, log_mel=sound.log_mel[:-1])

    def with_parts(*parts: Any) -> Any:
        return replace(base, turns=(replace(turn, parts=parts), *base.turns[1:]))

    assert changed(base) == []
    assert changed(with_parts(turn.parts[0], dark, sound)) == ["images"]
    assert changed(with_parts(turn.parts[0], replace(picture, time_s=0.0), sound)) == ["image_info"]
    assert changed(with_parts(turn.parts[0], picture, replace(sound, log_mel=mel))) == ["log_mel"]
    assert changed(with_parts(turn.parts[0], picture, shorter)) == ["log_mel", "audio_info"]
    assert changed(with_parts(picture, turn.parts[0], sound)) == ["turns"]
    assert changed(replace(base, turns=(base.turns[0], replace(base.turns[1], learned=False)))) == ["turns"]
    assert changed(replace(base, parents=("p",))) == ["parents"]
    assert changed(replace(base, facts={**base.facts, "contract.num_tokens": 1})) == ["contract.num_tokens"]
    assert changed(replace(base, facts={})) == [fact.name for fact in sorted(CONTRACT_FACTS, key=lambda fact: fact.name)]


def test_nothing_and_an_empty_text_are_different() -> None:
    rows = pa.RecordBatch.from_pydict({"a": [None, "", "x"], "b": [0, None, 0], "c": [False, None, True], "d": [0.0, None, -0.0]})
    hashes = column_hashes(rows, ["a", "b", "c", "d"])
    assert len(set(hashes[:, 0].tolist())) == 3
    assert hashes[0, 1] == hashes[2, 1] != hashes[1, 1]
    assert len(set(hashes[:, 2].tolist())) == 3
    assert len(set(hashes[:, 3].tolist())) == 3  # other bytes


# ---- differences and distances


def test_differing_fields() -> None:
    a = {"x": 1, "y": {"z": [1, 2]}, "fingerprint": "p", "only": None, "t": 1}
    b = {"x": 2, "y": {"z": [1, 3]}, "fingerprint": "q", "more": [1], "t": True}
    assert list(differing_fields(a, b)) == [
        ("more", None, "[1]"),
        ("only", "null", None),
        ("t", "1", "true"),
        ("x", "1", "2"),
        ("y.z.1", "2", "3"),
    ]
    assert list(differing_fields({"y": [1]}, {"y": [1, 2]})) == [("y", "[1]", "[1, 2]")]
    assert list(differing_fields(a, a)) == []


def numbers(values: np.ndarray, num_missing: int = 0) -> Spread:
    found = Numbers(values.dtype == np.int64)
    found.add(values)
    return found.spread(len(values) + num_missing)


def words(values: list[str], num_missing: int = 0) -> Spread:
    found = Texts()
    found.add(pa.array(values))
    return text_spread(len(values) + num_missing, found.count, [found.top()])


@pytest.mark.parametrize("size", [40, 3_000])
def test_the_distance_of_numbers_is_that_of_kolmogorov_and_smirnov(size: int) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 1, 500), rng.normal(0.4, 1.3, size)
    true = ks_2samp(a, b).statistic
    found = distance(numbers(a), numbers(b), is_int=False)
    assert found == pytest.approx(true, abs=1e-12 if size == 40 else 0.01)
    assert found <= true + 1e-12
    assert distance(numbers(a), numbers(a.copy()), is_int=False) == 0
    whole = (a * 10).astype(np.int64)
    assert distance(numbers(whole), numbers(whole + 1_000), is_int=True) == 1


def test_the_distance_of_texts_is_the_total_variation() -> None:
    assert distance(words(["a", "a", "b", "c"]), words(["a", "b"]), is_int=False) == pytest.approx((0 + 0.25 + 0.25) / 2)
    assert distance(words(["a"]), words(["b"]), is_int=False) == 1
    assert distance(words(["a"]), words(["a"] * 5), is_int=False) == 0
    many = words([f"{number}" for number in range(1_500)] + ["x"] * 500)
    assert many.num_other == 1_500
    assert (
        distance(many, words([f"{number}" for number in range(1_500)] * 2 + ["x"] * 1_000), is_int=False) == 0
    )  # 2 of 4000 each, 1 of 2000 each
    assert distance(many, words(["x"] * 10), is_int=False) == pytest.approx(0.75)


def test_texts_that_tell_rows_are_compared_by_how_many_there_are() -> None:
    a, b = (words([f"{side}{number}" for number in range(100)]) for side in "ab")
    assert distance(a, b, is_int=False) == 0
    halved = words([f"c{number // 2}" for number in range(140)] + [f"d{number}" for number in range(60)])
    assert distance(a, halved, is_int=False) == pytest.approx(1 - 130 / 200)
    assert distance(words([f"a{number}" for number in range(60)]), words([f"b{number}" for number in range(60)]), is_int=False) == 1


def test_what_is_missing_counts_as_a_distance() -> None:
    a = np.arange(10, dtype=np.int64)
    assert distance(numbers(a), numbers(a, num_missing=10), is_int=True) == 0.5
    assert distance(numbers(a), Spread(num_missing=4), is_int=True) == 1
    assert distance(Spread(num_missing=4), Spread(num_missing=9), is_int=True) == 0
