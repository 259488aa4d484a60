"""Laws of plans: every row once, limits kept, one mode a batch and a step, a pure function of its parameters."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.examples import example_of
from model.mixture import Epochs, Mixture
from model.plan import Costs, Cursor, Limits, Plan, PlanError, fill_steps
from model.rows import CorpusRows
from processors.packing import PackSequences
from schemas.facts import Fact
from schemas.records import PackedSequence
from tests.model.written import clip, conversation, documents, image, preference, write_corpus


def some_costs(num: int, seed: int) -> Costs:
    rng = np.random.default_rng(seed)
    modes = rng.choice(4, num, p=[0.5, 0.3, 0.15, 0.05]).astype(np.int8)
    tokens = rng.integers(1, 100, num).astype(np.int32)
    crops = np.where(modes % 2 == 1, rng.integers(2, 9, num), 0).astype(np.int32)
    frames = np.where(modes >= 2, rng.integers(1, 300, num), 0).astype(np.int32)
    return Costs(tokens, crops, frames, modes)


def some_plan(costs: Costs, step_batches: int, epochs: int | None = 1, seed: int = 0, window_rows: int = 70) -> Plan:
    num = len(costs.tokens)
    windows = Mixture([num], [1.0], seed, window_rows) if epochs is None else Epochs([num], epochs, seed, window_rows)
    return Plan(windows, Limits(100, 16, 600).shares(costs), costs.modes, 100, step_batches, seed)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 300), st.integers(1, 6), st.integers(0, 50))
def test_the_batches_of_an_epoch_hold_every_row_once_within_all_limits(num: int, step_batches: int, seed: int) -> None:
    costs = some_costs(num, seed)
    batches = [rows for rows, _ in some_plan(costs, step_batches).batches()]
    assert sorted(row for rows in batches for row in rows) == list(range(num))
    for rows in batches:
        assert len(set(costs.modes[rows])) == 1
        assert (costs.tokens[rows].sum(), costs.crops[rows].sum(), costs.frames[rows].sum()) <= (100, 16, 600)
        assert costs.crops[rows].sum() <= 16
        assert costs.frames[rows].sum() <= 600


@settings(max_examples=25, deadline=None)
@given(st.integers(100, 300), st.integers(1, 6), st.integers(0, 50))
def test_every_step_has_one_mode_and_no_row_waits_for_ever(num: int, step_batches: int, seed: int) -> None:
    costs = some_costs(num, seed)
    plan = some_plan(costs, step_batches, epochs=None)
    carried: tuple[int, ...] = ()
    seen = 0
    for number in range(12):
        batches, left = plan.window(number, carried)
        assert len(batches) % step_batches == 0
        for start in range(0, len(batches), step_batches):
            assert len({int(costs.modes[row]) for rows in batches[start : start + step_batches] for row in rows}) == 1
        for mode in range(4):
            assert sum(int(costs.modes[row]) == mode for row in left) < step_batches
        seen += sum(map(len, batches))
        assert seen + len(left) == 70 * (number + 1)
        carried = left


def test_any_place_can_be_gone_on_from() -> None:
    plan = some_plan(some_costs(200, 1), 4, epochs=None, window_rows=20)
    whole = plan.batches()
    seen = [next(whole) for _ in range(150)]
    took_over = next(at for at, (_, cursor) in enumerate(seen) if cursor.carried)
    for at in (0, 40, took_over):
        on = some_plan(some_costs(200, 1), 4, epochs=None, window_rows=20).batches(seen[at][1])
        for rows, cursor in seen[at + 1 :]:
            found, after = next(on)
            assert found.tolist() == rows.tolist()
            assert after == cursor
    beyond = plan.batches(replace(seen[0][1], batch=seen[0][1].batch + 99))  # a place told from an earlier window
    assert next(beyond)[0].tolist() == seen[100][0].tolist()
    assert seen[0][1] == Cursor(0, 1, ())


def test_another_seed_gives_other_batches() -> None:
    costs = some_costs(200, 1)
    first, again, other = (next(some_plan(costs, 2, seed=seed).batches())[0].tolist() for seed in (0, 0, 1))
    assert first == again != other


def test_finite_plans_hand_nothing_on_at_their_end() -> None:
    costs = Costs(np.full(5, 60, np.int32), np.zeros(5, np.int32), np.zeros(5, np.int32), np.zeros(5, np.int8))
    plan = some_plan(costs, 4, window_rows=5)
    batches, left = plan.window(0)
    assert ([len(rows) for rows in batches], left) == ([1] * 5, ())
    endless = some_plan(costs, 4, epochs=None, window_rows=5)
    batches, left = endless.window(0)
    assert (len(batches), len(left)) == (4, 1)


def test_the_fullest_batches_are_split_until_steps_are_whole() -> None:
    bins = [np.arange(8), np.arange(8, 10), np.arange(10, 11)]
    filled, rest = fill_steps(bins, 4)
    assert (sorted(map(len, filled)), rest) == ([1, 2, 4, 4], [])
    assert sorted(row for rows in filled for row in rows) == list(range(11))
    filled, rest = fill_steps([np.arange(1), np.arange(1, 2), np.arange(2, 3)], 2)
    assert ([len(rows) for rows in filled], [len(rows) for rows in rest]) == ([1, 1], [1])


def test_rows_fill_batches_nearly_whole_and_short_ones_stand_beside_long_ones() -> None:
    rng = np.random.default_rng(0)
    none = np.zeros(5_000, np.int8)
    for tokens in (np.clip(np.exp(rng.normal(5.5, 1.1, 5_000)), 8, 4_096).astype(np.int64), rng.integers(8, 400, 5_000)):
        batches = [rows for rows, _ in Plan(Epochs([5_000], 1, 0, 5_000), tokens, none, 4_096, 1, 0).batches()]
        assert tokens.sum() / (len(batches) * 4_096) > 0.98
    assert np.median([tokens[rows].std() for rows in batches]) > 0.8 * tokens.std()  # packed by size alone it would be near 0


def test_a_row_longer_than_a_batch_is_an_error_with_its_key() -> None:
    costs = some_costs(50, 0)
    tokens = costs.tokens.copy()
    tokens[[7, 9]] = 101, 300
    message = r"row k7 has 101 tokens, a batch holds 100, .* so have 2 rows of 50. Raise context_tokens to 300 or rebuild"
    with pytest.raises(PlanError, match=message):
        Limits(100).check(replace(costs, tokens=tokens), "k{}".format)
    Limits(300).check(replace(costs, tokens=tokens), "k{}".format)
    worst = int(costs.crops.max())
    Limits(100, worst).check(costs, "k{}".format)
    with pytest.raises(PlanError, match=rf"has {worst} crops, a batch holds {worst - 1}, .* Raise max_crops to {worst}"):
        Limits(100, worst - 1).check(costs, "k{}".format)
    with pytest.raises(PlanError, match=r"log-Mel frames, a batch holds 10, .* Raise max_frames"):
        Limits(100, max_frames=10).check(costs, "k{}".format)
    with pytest.raises(PlanError, match="row k7 has no tokens"):
        Limits(100).check(replace(costs, tokens=np.where(tokens > 100, 0, costs.tokens)), "k{}".format)


def test_costs_are_what_rows_hold(tmp_path: Path) -> None:
    talk = [conversation("a", [clip(9_000), image(500, 90), image(60, 60), clip(500), "?"], "x"), conversation("b", ["t"], "y")]
    talk += [conversation("c", [clip(2_000)], "z"), conversation("d", [image(500, 500), "?"], "w")]
    packed = [row for row in PackSequences(64)(list(documents(9, most_words=30))) if isinstance(row, PackedSequence)]
    kinds = {
        "talk": talk,
        "text": documents(5),
        "packed": packed,
        "pairs": [preference("p", [image(90, 500), clip(700)], "good", "bad one")],
    }
    for name, records in kinds.items():
        rows = CorpusRows(write_corpus(tmp_path / name, records, rows_per_shard=2))
        costs = Costs.of(rows)
        for at in range(len(rows)):
            example = example_of(rows[at])
            crops = sum(len(picture.crops) for sequence in example.sequences for picture in sequence.images)
            frames = sum(len(mel) for sequence in example.sequences for mel in sequence.audios)
            held = (example.num_tokens, crops, frames, int(example.mode))
            assert held == (costs.tokens[at], costs.crops[at], costs.frames[at], costs.modes[at]), (name, at)


def test_a_corpus_without_counts_is_refused(tmp_path: Path) -> None:
    bare = [replace(record, facts={}) for record in documents(3)]
    with pytest.raises(PlanError, match=r"has no column contract.num_text_tokens; rebuild it with the contract step"):
        Costs.of(CorpusRows(write_corpus(tmp_path / "bare", bare, facts=[Fact("text.words", int, "")])))
    with pytest.raises(PlanError, match=r"has 3 rows without contract.num_text_tokens"):
        Costs.of(CorpusRows(write_corpus(tmp_path / "empty", bare)))
