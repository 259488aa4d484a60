"""Exactly n of a corpus: the number, the shares, the bounds, and that nothing but content decides."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.build import Execution, build
from pipelines.corpus_source import open_corpus
from pipelines.quotas import fill
from pipelines.recipe import Recipe
from pipelines.selection import KeepSelected, SelectionError, Spread, keep_selected, select_exactly, selection_report
from pipelines.source.split import Split
from pipelines.step import each
from pipelines.verify import verify
from processors.attempts.measure import DIFFICULTIES, DIFFICULTY
from processors.attempts.problem import DOMAIN, DOMAINS, PROBLEM, TOPIC
from processors.attempts.thought import TEMPLATE
from schemas.corpus import Corpus, read_batches
from schemas.facts import Fact
from schemas.identity import digest
from schemas.outcome import Reject
from schemas.records import Document, Origin
from tests.toy import hashes

QUALITY = Fact("toy.quality", float, "How good an attempt is")
ROOT = Path(__file__).parents[2]
FREE = Spread(max_per_problem=0, max_per_template=0)


@dataclass(frozen=True, slots=True)
class Pool:
    """Attempts: (domain, difficulty, topic, problem, template, quality) each, no two the same."""

    rows: tuple[tuple[str, str, str, str, str, float], ...]
    per_split: int = 50
    facts: ClassVar = (DOMAIN, DIFFICULTY, TOPIC, PROBLEM, TEMPLATE, QUALITY)
    reasons: ClassVar = ()
    gives: ClassVar = Document

    def splits(self) -> list[Split]:
        starts = range(0, len(self.rows), self.per_split) or [0]
        return [
            Split(digest("pool", str(start)), f"{start:09}", "r", start, min(start + self.per_split, len(self.rows)), self.per_split, 0)
            for start in starts
        ]

    def read(self, split: Split) -> Iterator[Document]:
        for number in range(split.start, split.stop):
            names = (fact.name for fact in self.facts)
            row = self.rows[number]
            yield Document(digest("attempt", json.dumps(row)), Origin("pool"), f"attempt {number}", dict(zip(names, row, strict=True)))


def pool(out: Path, rows: list[tuple[str, str, str, str, str, float]], per_split: int = 50) -> Corpus:
    build(Recipe("pool", Pool(tuple(rows), per_split), ()), out, Execution(workers=0))
    return Corpus(out / "pool")


def mixed(seed: int, count: int) -> list[tuple[str, str, str, str, str, float]]:
    rng = random.Random(seed)
    found = []
    for number in range(count):
        problem = f"problem {rng.randrange(count // 3)}"
        random_of = random.Random(problem)
        domain, level = random_of.choice(DOMAINS), random_of.choice(DIFFICULTIES)
        topic = random_of.choice(["algebra", "algebra", "algebra", "geometry", ""])
        found.append((domain, level, topic, problem, f"template {random_of.randrange(count // 5)}", number + seed / 10))
    return found


def chosen(corpus: Corpus, path: Path) -> set[str]:
    keep = keep_selected(path)
    return {record.key for record in corpus.records() if not isinstance(keep(record), Reject)}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return pool(tmp_path_factory.mktemp("selection"), mixed(1, 600))


# ---- quotas


def one_by_one(num: int, shares: list[int], available: list[int]) -> list[int]:
    """Webster's method as it is told, one after another."""
    found = [0] * len(shares)
    for _ in range(num):
        turns = [(Fraction(2 * found[at] + 1, share), at) for at, share in enumerate(shares) if share and found[at] < available[at]]
        if turns:
            found[min(turns)[1]] += 1
    return found


CLASSES = st.lists(st.tuples(st.sampled_from([0, 1, 2, 3, 7, 50, 333, 1_000_000]), st.integers(0, 60)), min_size=1, max_size=7)


@given(st.integers(0, 250), CLASSES)
@settings(max_examples=200, deadline=None)
def test_quotas_are_those_of_handing_out_one_after_another(num: int, classes: list[tuple[int, int]]) -> None:
    shares, available = (list(column) for column in zip(*classes, strict=True))
    found = fill(num, shares, available)
    assert found == one_by_one(num, shares, available)
    assert sum(found) == min(num, sum(most for share, most in classes if share))


def test_quotas_by_hand() -> None:
    assert fill(100, [45, 30, 25], [1_000, 1_000, 1_000]) == [45, 30, 25]
    assert fill(100, [45, 30, 25], [1_000, 10, 1_000]) == [58, 10, 32]  # 90 by 45 to 25
    assert fill(100, [1, 1], [20, 30]) == [20, 30]
    assert fill(3, [1, 1], [9, 9]) == [2, 1]  # a tie goes to the first
    assert fill(5, [0, 1], [9, 2]) == [0, 2]
    assert fill(10**12, [2, 1], [10**12, 10**12]) == [666_666_666_667, 333_333_333_333]
    with pytest.raises(ValueError, match=r"-1 of \[1\] by shares \[1\], expected numbers >= 0"):
        fill(-1, [1], [1])
    with pytest.raises(ValueError, match="a share a class"):
        fill(1, [1], [1, 2])


# ---- how many


@pytest.mark.parametrize("n", [1, 7, 100, 333])
def test_exactly_n(corpus: Corpus, tmp_path: Path, n: int) -> None:
    path = select_exactly(corpus, n, tmp_path, spread=FREE, seed=3)
    assert len(chosen(corpus, path)) == n == selection_report(path)["selected"]


def test_what_is_not_there_cannot_be_chosen(corpus: Corpus, tmp_path: Path) -> None:
    path = select_exactly(corpus, 5_000, tmp_path, spread=FREE)
    assert len(chosen(corpus, path)) == 600
    assert selection_report(path)["note"] == (
        "5,000 were asked for and 600 are there: of 600 records the bounds of a problem and of a template, and shares of 0, leave no more"
    )
    with pytest.raises(SelectionError, match=r"gives too few records: 5,000 were asked for and 600 are there"):
        select_exactly(corpus, 5_000, tmp_path, spread=FREE, fewer="fail")
    assert selection_report(select_exactly(corpus, 600, tmp_path, spread=FREE, fewer="fail"))["note"] == ""


def test_all_is_all_that_the_bounds_leave(corpus: Corpus, tmp_path: Path) -> None:
    assert len(chosen(corpus, select_exactly(corpus, 0, tmp_path, spread=FREE))) == 600
    path = select_exactly(corpus, 0, tmp_path, spread=Spread(max_per_problem=2, max_per_template=0))
    problems = Counter(str(record.facts[PROBLEM.name]) for record in corpus.records())
    assert len(chosen(corpus, path)) == sum(min(2, count) for count in problems.values())


def test_an_empty_corpus_and_a_single_record(tmp_path: Path) -> None:
    one = pool(tmp_path / "one", mixed(2, 600)[:1])
    assert len(chosen(one, select_exactly(one, 9, tmp_path))) == 1
    build(Recipe("pool", Pool(()), ()), tmp_path / "none", Execution(workers=0))
    none = Corpus(tmp_path / "none" / "pool")
    assert chosen(none, select_exactly(none, 9, tmp_path)) == set()


# ---- nothing but content decides


def test_neither_order_nor_shards_nor_partitions_matter(corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = mixed(1, 600)
    spread = Spread(quality=("toy.quality=1",), quality_step=100.0)
    expected = chosen(corpus, select_exactly(corpus, 200, tmp_path, spread=spread, seed=5))
    assert len(expected) == 200
    random.Random(9).shuffle(rows)
    other = pool(tmp_path / "other", rows, per_split=40)
    path = select_exactly(other, 200, tmp_path, spread=spread, seed=5)
    assert chosen(other, path) == expected
    assert select_exactly(other, 200, tmp_path, spread=spread, seed=5, rows_per_partition=40) == path
    monkeypatch.setattr("pipelines.partitions.DOCUMENTS_PER_PART", 20)
    monkeypatch.setattr("pipelines.partitions.parts_of.__defaults__", (20,))
    assert select_exactly(other, 200, tmp_path, spread=spread, seed=5) == path
    assert chosen(other, select_exactly(other, 200, tmp_path, spread=spread, seed=6)) != expected


def test_a_smaller_selection_is_a_subset(corpus: Corpus, tmp_path: Path) -> None:
    before: set[str] = set()
    for n in (1, 2, 5, 40, 41, 42, 150, 151, 400):
        now = chosen(corpus, select_exactly(corpus, n, tmp_path, seed=1))
        assert before <= now
        before = now


@pytest.mark.parametrize("more", [13, 300])
def test_more_records_change_which_and_never_how_many(tmp_path: Path, more: int) -> None:
    rows = mixed(4, 300)
    for number, extra in enumerate((0, more)):
        grown = pool(tmp_path / str(number), rows + mixed(5, 600)[:extra])
        assert len(chosen(grown, select_exactly(grown, 150, tmp_path))) == 150


# ---- shares and bounds


def facts_of(corpus: Corpus, keys: set[str]) -> list[dict[str, object]]:
    return [dict(record.facts) for record in corpus.records() if record.key in keys]


def test_domains_and_difficulty_have_their_shares(tmp_path: Path) -> None:
    rows = [
        (domain, level, "", f"{domain}{level}{number}", f"{domain}{level}{number}", 0.0)
        for domain in DOMAINS
        for level in DIFFICULTIES
        for number in range(200)
    ]
    many = pool(tmp_path, rows, per_split=1_000)
    path = select_exactly(many, 400, tmp_path)
    found = facts_of(many, chosen(many, path))
    assert Counter(row[DOMAIN.name] for row in found) == {"maths": 180, "code": 120, "logic": 60, "tools": 20, "other": 20}
    maths = Counter(row[DIFFICULTY.name] for row in found if row[DOMAIN.name] == "maths")
    assert maths == {"medium": 63, "hard": 63, "easy": 27, "unknown": 18, "unsolved": 9}
    told = selection_report(path)["domains"]["maths"]
    assert told["asked_ratio"] == told["reached_ratio"] == 0.45
    assert told["levels"]["hard"] == {"asked_ratio": 0.35, "reached_ratio": 0.35, "available": 200, "eligible": 200, "selected": 63}
    assert json.loads(path.with_suffix(".json").read_text()) == selection_report(path)


def test_what_a_domain_lacks_the_others_share(tmp_path: Path) -> None:
    rows = [("maths", "hard", "", f"m{number}", f"m{number}", 0.0) for number in range(900)]
    rows += [("code", "hard", "", f"c{number}", f"c{number}", 0.0) for number in range(900)]
    rows += [("logic", "easy", "", f"l{number}", f"l{number}", 0.0) for number in range(10)]
    few = pool(tmp_path, rows, per_split=1_000)
    found = Counter(row[DOMAIN.name] for row in facts_of(few, chosen(few, select_exactly(few, 260, tmp_path))))
    assert found == {"maths": 150, "code": 100, "logic": 10}
    none_of_code = Spread(code_share=0.0)
    found = Counter(row[DOMAIN.name] for row in facts_of(few, chosen(few, select_exactly(few, 1_500, tmp_path, spread=none_of_code))))
    assert found == {"maths": 900, "logic": 10}


def test_topics_go_by_the_square_root_of_their_sizes(tmp_path: Path) -> None:
    sizes = {"large": 900, "middle": 100, "small": 25}
    rows = [
        ("maths", "hard", topic, f"{topic}{number}", f"{topic}{number}", 0.0) for topic, size in sizes.items() for number in range(size)
    ]
    topics = pool(tmp_path, rows, per_split=1_000)
    found = Counter(row[TOPIC.name] for row in facts_of(topics, chosen(topics, select_exactly(topics, 90, tmp_path))))
    assert found == {"large": 60, "middle": 20, "small": 10}  # 30 : 10 : 5


def test_at_most_so_many_of_a_problem_and_of_a_template_the_best_of_them(tmp_path: Path) -> None:
    rows = [("maths", "hard", "", f"problem {number // 10}", f"template {number // 100}", float(number)) for number in range(400)]
    many = pool(tmp_path, rows)
    spread = Spread(max_per_problem=3, max_per_template=0, quality=("toy.quality=1",), quality_step=1.0)
    found = facts_of(many, chosen(many, select_exactly(many, 0, tmp_path, spread=spread)))
    assert sorted(int(float(str(row["toy.quality"]))) for row in found) == [number for number in range(400) if number % 10 >= 7]
    templates = facts_of(many, chosen(many, select_exactly(many, 0, tmp_path, spread=Spread(max_per_problem=3, max_per_template=12))))
    assert Counter(row[TEMPLATE.name] for row in templates) == {f"template {number}": 12 for number in range(4)}
    assert Counter(row[PROBLEM.name] for row in templates).most_common(1)[0][1] == 2  # a second attempt comes after every first one


def test_first_attempts_come_before_second_ones(tmp_path: Path) -> None:
    rows = [("maths", "hard", "", f"problem {number // 4}", f"problem {number // 4}", float(number)) for number in range(400)]
    many = pool(tmp_path, rows)
    counts = Counter(row[PROBLEM.name] for row in facts_of(many, chosen(many, select_exactly(many, 150, tmp_path))))
    assert Counter(counts.values()) == {1: 50, 2: 50}


def test_the_best_come_first(tmp_path: Path) -> None:
    rows = [("maths", "hard", "", f"p{number}", f"p{number}", float(number)) for number in range(300)]
    many = pool(tmp_path, rows)
    spread = Spread(quality=("toy.quality=-2",), quality_step=20.0)  # less is better, ten of one quality
    found = sorted(
        float(str(row["toy.quality"])) for row in facts_of(many, chosen(many, select_exactly(many, 25, tmp_path, spread=spread)))
    )
    assert found[:11] == [float(number) for number in range(11)]  # of -2q in steps of 20: 0, then 1 to 10, then 11 to 20 ...
    assert found[:21] == [float(number) for number in range(21)]
    assert all(21 <= value <= 30 for value in found[21:])


# ---- the step, and what it says


def test_the_step_keeps_the_chosen_and_says_of_the_others_why(corpus: Corpus, tmp_path: Path) -> None:
    path = select_exactly(corpus, 100, tmp_path, seed=2)
    step = keep_selected(path)
    result = build(Recipe("selected", open_corpus(corpus.path), (each(step),)), tmp_path / "out", Execution(workers=0))
    assert (result.totals["num_out"], result.totals["rejects"]) == (100, {"not_selected": 500})
    assert verify(tmp_path / "out" / "selected").problems == []
    told = selection_report(path)["domains"]
    for row in Corpus(tmp_path / "out" / "selected").rejects():
        record = next(record for record in corpus.records() if record.key == row["key"])
        level = told[record.facts[DOMAIN.name]]["levels"][record.facts[DIFFICULTY.name]]
        assert row["detail"].startswith(f"{level['selected']:,} of {level['available']:,} of {record.facts[DOMAIN.name]}, ")
        break


def test_both_sides_of_the_list_mean_the_same(corpus: Corpus, tmp_path: Path) -> None:
    few, most = (select_exactly(corpus, n, tmp_path, spread=FREE) for n in (250, 350))
    assert [num_listed(path) for path in (few, most)] == [250, 250]
    assert (len(chosen(corpus, few)), len(chosen(corpus, most))) == (250, 350)
    assert chosen(corpus, few) < chosen(corpus, most)


def num_listed(path: Path) -> int:
    return sum(batch.num_rows for batch in read_batches(path))


def test_the_digest_pins_the_list_in_the_recipe(corpus: Corpus, tmp_path: Path) -> None:
    one, other = (select_exactly(corpus, 100, tmp_path, seed=seed) for seed in (1, 2))
    prints = [Recipe("selected", open_corpus(corpus.path), (each(keep_selected(path)),)).fingerprint() for path in (one, other)]
    assert prints[0] != prints[1]
    moved = tmp_path / "moved"
    moved.mkdir()
    there = KeepSelected(str(select_exactly(corpus, 100, moved, seed=1)), one.stem.removeprefix("selection-"))
    assert Recipe("selected", open_corpus(corpus.path), (each(there),)).fingerprint() == prints[0]
    assert hashes(moved) == {name: value for name, value in hashes(tmp_path).items() if name.startswith(one.stem)}


def test_errors_say_what_is_wrong(corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(SelectionError, match=r"has no facts toy\.beauty, by which records are selected; measure them before"):
        select_exactly(corpus, 10, tmp_path, spread=Spread(quality=("toy.beauty=1",)))
    with pytest.raises(ValueError, match="quality names 'toy\\.quality=good', expected a fact and its weight"):
        Spread(quality=("toy.quality=good",))
    with pytest.raises(ValueError, match="maths_share is -1; expected 0 or more"):
        Spread(maths_share=-1)
    with pytest.raises(ValueError, match="all are 0; expected 0 or more, and one above 0 of each kind"):
        Spread(easy_share=0, medium_share=0, hard_share=0, unsolved_share=0, unknown_share=0)
    with pytest.raises(ValueError, match="bounds below 0, or a quality_step that is not above 0"):
        Spread(max_per_problem=-1)
    with pytest.raises(ValueError, match="n is -1 and fewer is 'note', expected 0 or more"):
        select_exactly(corpus, -1, tmp_path)
    with pytest.raises(ValueError, match="fewer is 'stop', expected 0 or more, and note or fail"):
        select_exactly(corpus, 1, tmp_path, fewer="stop")
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".tmp")] == []


@pytest.mark.cluster
@pytest.mark.usefixtures("one_ray")
def test_ray_gives_the_same_list(corpus: Corpus, tmp_path: Path) -> None:
    from pipelines import cluster

    expected = select_exactly(corpus, 200, tmp_path)
    out = tmp_path / "ray"
    out.mkdir()
    with cluster.session(2, 0, None, lambda _: None):
        compute = partial(cluster.compute, workers=2, address=None, note=lambda _: None)
        found = select_exactly(corpus, 200, out, compute, rows_per_partition=400)
    assert hashes(out) == {name: value for name, value in hashes(tmp_path).items() if name.startswith(expected.stem)}
    assert found.name == expected.name
