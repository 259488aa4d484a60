"""Records gathered by a fact from wherever they lie: every record once, groups whole, the same whatever the order of files."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

import pytest

from pipelines.build import Execution, build
from pipelines.corpus_source import open_corpus
from pipelines.graph import compute_here
from pipelines.grouped import Grouped, corpora_of, group
from pipelines.recipe import PlanError, Recipe
from pipelines.step import each, gather
from pipelines.union import Union
from schemas.facts import Fact
from schemas.records import Document
from tests.toy import NUMBER, Numbers, Spell

CLASS = Fact("toy.class", str, "The number's remainder by seven")
SIZE = Fact("toy.size", int, "Documents of its class")
INLINE = Execution(workers=0)
COUNT = 120


@dataclass(frozen=True, slots=True)
class Classify:
    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = (NUMBER,)
    writes: ClassVar = (CLASS,)
    reasons: ClassVar = ()
    version: ClassVar = 1

    def __call__(self, record: Document) -> Document:
        return replace(record, facts={**record.facts, CLASS.name: f"remainder {int(record.facts[NUMBER.name]) % 7}"})


@dataclass(frozen=True, slots=True)
class CountClass:
    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = (CLASS,)
    writes: ClassVar = (SIZE,)
    reasons: ClassVar = ()
    version: ClassVar = 1

    def __call__(self, records: list[Document]) -> list[Document]:
        return [replace(record, facts={**record.facts, SIZE.name: len(records)}) for record in records]


def numbered(folder: Path, per_split: int) -> Path:
    recipe = Recipe("numbers", Numbers(COUNT, per_split), (each(Spell()), each(Classify())))
    build(recipe, folder, INLINE)
    return folder / "numbers"


def read(source: Grouped) -> list[list[Document]]:
    return [list(source.read(split)) for split in source.splits()]  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return numbered(tmp_path_factory.mktemp("grouped"), 10)


def test_every_record_comes_once_and_classes_stay_whole(corpus: Path, tmp_path: Path) -> None:
    splits = read(group([open_corpus(corpus)], CLASS, tmp_path, compute_here, rows_per_split=30))
    assert sorted(record.facts[NUMBER.name] for split in splits for record in split) == list(range(COUNT))
    homes = {(record.facts[CLASS.name], at) for at, split in enumerate(splits) for record in split}
    assert len(homes) == 7  # no class in two splits
    assert len(splits) > 1
    for split in splits:
        runs = [record.facts[CLASS.name] for record in split]
        assert sum(one != other for one, other in pairwise(runs)) == len(set(runs)) - 1


def test_rows_told_are_rows_read(corpus: Path, tmp_path: Path) -> None:
    source = group([open_corpus(corpus)], CLASS, tmp_path, compute_here, rows_per_split=30)
    assert [split.num_rows for split in source.splits()] == [len(split) for split in read(source)]


def test_how_the_corpus_was_cut_does_not_matter(corpus: Path, tmp_path: Path) -> None:
    other = numbered(tmp_path / "other", 7)
    kept = [
        [[record.key for record in split] for split in read(group([open_corpus(path)], CLASS, tmp_path / name, compute_here, 30))]
        for name, path in (("a", corpus), ("b", other))
    ]
    assert kept[0] == kept[1]


def test_two_corpora_meet_in_one_class_and_keep_their_lineage(corpus: Path, tmp_path: Path) -> None:
    source = group([open_corpus(corpus)] * 2, CLASS, tmp_path, compute_here, rows_per_split=60)
    records = [record for split in read(source) for record in split]
    assert len({record.key for record in records}) == 2 * COUNT
    first = {record.key for split in read(group([open_corpus(corpus)], CLASS, tmp_path, compute_here)) for record in split}
    assert Counter(record.parents[0] for record in records if record.key not in first) == Counter(first)


def test_a_build_gathers_over_the_whole_corpus(corpus: Path, tmp_path: Path) -> None:
    source = group([open_corpus(corpus)], CLASS, tmp_path, compute_here, rows_per_split=30)
    build(Recipe("counted", source, (gather(CountClass(), by=CLASS),)), tmp_path, INLINE)
    counted = open_corpus(tmp_path / "counted")
    found = [record for split in counted.splits() for record in counted.read(split)]
    assert {(record.facts[CLASS.name], record.facts[SIZE.name]) for record in found} == {
        (f"remainder {r}", len(range(r, COUNT, 7))) for r in range(7)
    }


def test_a_record_that_stays_itself_keeps_its_parents_when_it_is_gathered(corpus: Path, tmp_path: Path) -> None:
    source = group([open_corpus(corpus)] * 2, CLASS, tmp_path, compute_here)
    before = {record.key: record.parents for split in read(source) for record in split}
    build(Recipe("counted", source, (gather(CountClass(), by=CLASS),)), tmp_path, INLINE)
    counted = open_corpus(tmp_path / "counted")
    assert {record.key: record.parents for split in counted.splits() for record in counted.read(split)} == before
    assert any(before.values())


def test_what_stands_for_corpora(corpus: Path, tmp_path: Path) -> None:
    opened = open_corpus(corpus)
    assert corpora_of(opened) == (opened,)
    assert corpora_of(Union((opened, opened))) == (opened, opened)
    assert corpora_of(Numbers(3)) == ()
    with pytest.raises(PlanError, match="mixes finished corpora with raw rows"):
        corpora_of(Union((opened, Numbers(3))))
    with pytest.raises(PlanError, match=r"has no fact toy.size"):
        group([opened], SIZE, tmp_path, compute_here)
    assert opened.gives is Document
