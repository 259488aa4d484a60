"""Intervals hold what they say: over many seeds they contain the truth about as often as nine times in ten, and are not wide for nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pytest

from pipelines.plan.estimate import CONFIDENCE, Design, Estimate, added, exactly, product, spanned
from pipelines.plan.sample import LEAST_ROWS, MIN_SPLITS, Drawing, draw
from pipelines.plan.trial import Held
from pipelines.recipe import Recipe
from pipelines.run import stream
from pipelines.step import each, expand
from schemas.identity import keyed_uniform
from schemas.outcome import Reason, Reject
from schemas.records import Document, Row, with_facts
from tests.toy import NUM_LETTERS, NUMBER, KeepEven, Numbers, Spell

COUNT, PER_SPLIT, NUM_SEEDS = 2_400, 30, 200
POOR, RARE = Reason("poor", "Some splits have many of these"), Reason("rare", "One in a hundred and fifty")


@dataclass(frozen=True, slots=True)
class KeepGood:
    """Refuses rarely anything, and in some splits much; texts are as long as a skewed law has it."""

    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = (NUMBER,)
    writes: ClassVar = (NUM_LETTERS,)
    reasons: ClassVar = (POOR, RARE)
    version: ClassVar = 1

    def __call__(self, record: Document) -> Document | Reject:
        number = int(record.facts[NUMBER.name])
        luck, quality = (keyed_uniform(0, name, str(at)) for name, at in (("luck", number), ("split", number // PER_SPLIT)))
        if luck < 1 / 150:
            return Reject(record.key, RARE.name)
        if luck < 0.5 * quality**2:
            return Reject(record.key, POOR.name)
        length = int(np.exp(4 + 2 * keyed_uniform(0, "length", str(number)) + quality))
        return with_facts(replace(record, text="x" * length), {NUM_LETTERS.name: length})


@dataclass(frozen=True, slots=True)
class Split:
    """One to three of each."""

    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = (NUMBER,)
    writes: ClassVar = ()
    reasons: ClassVar = ()
    version: ClassVar = 1

    def __call__(self, record: Document) -> list[Document]:
        return [record] * (1 + int(3 * keyed_uniform(0, "children", record.key)))


def recipe(source: Any) -> Recipe:
    return Recipe("toy", source, (each(Spell()), each(KeepGood()), expand(Split())))


MEASURES = ("out", "letters", "poor", "rare", "kept")


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    """What the engine makes of each row, by its number. Shapes: (rows, measures)."""
    source = Numbers(COUNT, PER_SPLIT)
    held = Held(source)
    run, found = recipe(held), np.zeros((COUNT, len(MEASURES)))
    for split in source.splits():
        for row in source.read(split):
            held.items = [row]
            records, tallies = stream(run, split, {})
            letters = [int(record.facts[NUM_LETTERS.name]) for record in records]
            reasons = tallies[2].reasons
            assert isinstance(row, Row)
            number = int(str(row.fields["number"]))
            found[number] = (len(letters), sum(letters), reasons[POOR.name], reasons[RARE.name], tallies[2].num_out)
    return found


def drawn(drawing: Drawing, source: Any, truth: np.ndarray) -> tuple[Design, np.ndarray]:
    """The design of a drawing and what its units gave."""
    given = []
    for at, (split, share) in enumerate(drawing.splits()):
        for unit in drawing.units(source, at, split, share):
            given.append(truth[[int(row.fields["number"]) for row in unit]].sum(axis=0))
    return drawing.design(), np.array(given)


class Read:
    """A source whose rows are read once."""

    def __init__(self, source: Numbers) -> None:
        self.count, self._splits = source.count, source.splits()
        self._rows = {split.id: list(source.read(split)) for split in self._splits}

    def splits(self) -> list[Any]:
        return self._splits

    def read(self, split: Any) -> Iterator[Any]:
        return iter(self._rows[split.id])


DESIGNS = [
    pytest.param(COUNT, 0.1, 1, id="a share of the splits, and of their rows"),
    pytest.param(480, 0.25, 1, id="all splits, a share of their rows"),
    pytest.param(COUNT, 0.1, 4, id="units of four rows", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("count", "share", "per_unit"), DESIGNS)
def test_intervals_contain_the_truth(truth: np.ndarray, count: int, share: float, per_unit: int) -> None:
    """Counted over 200 seeds: at least 85 of 100 for a nominal 90; no total wider than twice what its standard error asks for."""
    source, whole = Read(Numbers(count, PER_SPLIT)), truth[:count].sum(axis=0)
    hits, widths, values = np.zeros((3, len(MEASURES)))
    ratio_hits = np.zeros(2)
    found: list[list[float]] = [[] for _ in MEASURES]
    for seed in range(NUM_SEEDS):
        design, given = drawn(draw(source, (), seed, share, 0, per_unit), source, truth)
        for number, measure in enumerate(MEASURES):
            estimate = (design.events if measure in ("poor", "rare") else design.total)(given[:, number])
            assert estimate is not None
            assert estimate.low <= estimate.value <= estimate.high
            hits[number] += estimate.holds(whole[number])
            widths[number] += (estimate.high - estimate.low) / 2 / NUM_SEEDS
            values[number] += estimate.value / NUM_SEEDS
            found[number].append(estimate.value)
        per_row = design.ratio(given[:, 1], given[:, 0])
        lost = design.share_of(given[:, 2], design.unit_taken)
        assert per_row is not None and lost is not None
        ratio_hits += per_row.holds(whole[1] / whole[0]), lost.holds(whole[2] / count)
    assert (hits / NUM_SEEDS >= CONFIDENCE - 0.05).all(), dict(zip(MEASURES, hits, strict=True))
    assert (ratio_hits / NUM_SEEDS >= CONFIDENCE - 0.05).all(), ratio_hits
    assert values == pytest.approx(whole, rel=0.1, abs=2)  # the estimates are of the truth, not only their intervals
    needed = 1.645 * np.std(found, axis=1)  # half an interval of a normal law around the truth
    assert (widths[:3] < 1.5 * needed[:3]).all() and (widths[3:] < 2.5 * needed[3:]).all(), (widths / needed).round(2)


def test_what_is_read_whole_is_exact(truth: np.ndarray) -> None:
    source = Numbers(300, PER_SPLIT)
    design, given = drawn(draw(source, (), 0, 1.0, 0), source, truth)
    assert design.is_whole and design.share == 1.0
    for number in range(len(MEASURES)):
        sums = truth[:300, number].sum()
        assert design.total(given[:, number]) == exactly(sums)
        assert design.events(given[:, number]) == exactly(sums)
    assert design.share_of(given[:, 2], design.unit_taken) == exactly(truth[:300, 2].sum() / 300)


def test_what_never_varied_may_still_vary() -> None:
    """Of 100 rows of 1,000 none was refused: up to about 2.7 in 100 of the others may be, and nothing out of nothing is not certain."""
    design = Design(
        np.array([1]),
        np.array([1_000.0]),
        np.array([0]),
        np.array([1_000.0]),
        np.array([0]),
        np.array([1_000.0]),
        np.zeros(100, int),
        np.ones(100),
    )
    kept = design.total(np.ones(100), most=1_000.0)
    assert kept is not None and kept.high == 1_000 and 965 < kept.low < 980
    refused = design.events(np.zeros(100))
    assert refused is not None and (refused.value, refused.low) == (0, 0) and 20 < refused.high < 32
    share = design.share_of(np.zeros(100), np.ones(100))
    assert share is not None and share.low == 0 and 0.02 < share.high < 0.03


def test_a_unit_that_was_not_measured_counts_as_not_drawn() -> None:
    design = Design(
        np.array([1]), np.array([40.0]), np.array([0]), np.array([40.0]), np.array([0]), np.array([40.0]), np.zeros(40, int), np.ones(40)
    )
    given = np.where(np.arange(40) % 2, np.nan, 3.0)
    found = design.total(given)
    assert found is not None and found.value == pytest.approx(120) and not found.is_exact
    assert design.total(np.full(40, np.nan)) is None
    assert design.ratio(given, np.zeros(40)) is None


def test_estimates_multiply_and_add() -> None:
    left, right = Estimate(10, 8, 13), Estimate(2, 2, 2)
    assert product(left, right) == Estimate(20, 16, 26)
    both = product(left, Estimate(2, 1, 4))
    assert both.value == 20 and both.low == max(8, 20 - np.hypot(4, 10)) and both.high == 20 + np.hypot(6, 20)
    assert spanned(left, Estimate(2, 1, 4)) == Estimate(20, 8, 52)
    assert added([left, right]) == Estimate(12, 10, 15)
    assert Estimate(2.5, 1.2, 3.1).rounded() == Estimate(2, 1, 4)


def test_the_same_seed_draws_the_same_rows_and_another_draws_others() -> None:
    source = Numbers(COUNT, PER_SPLIT)

    def rows(seed: int) -> list[int]:
        drawing = draw(source, (), seed, 0.1, 0)
        units = (drawing.units(source, at, split, share) for at, (split, share) in enumerate(drawing.splits()))
        return [int(row.fields["number"]) for of_split in units for unit in of_split for row in unit]

    first = rows(0)
    assert first == rows(0) and first != rows(1)
    assert len(set(first)) == len(first) and abs(len(first) - 240) <= MIN_SPLITS
    assert len({number // PER_SPLIT for number in first}) == MIN_SPLITS


def test_small_sources_are_read_whole_and_unknown_lengths_are_counted() -> None:
    small = draw(Numbers(LEAST_ROWS, 10), (), 0, 0.01, 0)
    assert [(len(stratum.drawn), stratum.row_share) for stratum in small.strata] == [(5, 1.0)]
    source = Numbers(400, 100, length_known=False)
    drawing = draw(source, (), 0, 0.15, 0)
    taken = sum(len(unit) for at, (split, share) in enumerate(drawing.splits()) for unit in drawing.units(source, at, split, share))
    assert drawing.cell_rows == [100] * 4 and 30 < taken < 90 and drawing.knows_rows


def test_a_source_without_data_is_told() -> None:
    with pytest.raises(ValueError, match="the source has no data; check its path and format"):
        draw(Numbers(0), (), 0, None, 10)


def test_groups_stay_together() -> None:
    """Rows that a step gathers by a fact are drawn with all of their group or not at all; where only the step knows the fact, whole splits are."""
    from pipelines.step import gather

    class Gathers:
        takes, gives, reads, writes, reasons, version = (Document,), None, (NUMBER,), (), (), 1

    whole = draw(Numbers(300, 10), (gather(Gathers(), by=NUMBER),), 0, 0.1, 0, least_rows=1)
    assert {stratum.row_share for stratum in whole.strata} == {1.0} and len(whole.strata[0].drawn) == 8
    assert KeepEven().reads == (NUMBER,)
